//! One table of keys: what each does everywhere and in each pane. Footer, help and palette derive from it.

mod global;

pub use global::{GLOBALS, Global};

use crate::ui::host::Registration;
use crate::ui::keys::{Chord, KeyNames};
use std::collections::HashMap;

/// What a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The same everywhere.
    Global(Global),
    /// An action of the pane, by its index.
    Pane(usize),
}

/// A line of the help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it does.
    pub meaning: Meaning,
    /// The name in the palette and in `[keys]`: `quit`, `queue.replay`.
    pub name: String,
    /// Its keys, the first of which the footer shows.
    pub keys: Vec<Chord>,
    /// The footer's words.
    pub short: &'static str,
    /// One sentence.
    pub help: &'static str,
}

/// The keys in force.
#[derive(Debug, Default)]
pub struct Keymap {
    globals: Vec<Entry>,
    panes: Vec<Vec<Entry>>,
    lookup: Vec<HashMap<Chord, Meaning>>,
}

/// A user's keys: action name → keys. An empty list takes an action's keys away.
pub type Overrides = HashMap<String, Vec<String>>;

impl Keymap {
    /// The default keys with a user's put over them. A wrong name, a wrong key and a clash are errors that say which.
    pub fn build(panes: &[Registration], overrides: &Overrides) -> Result<Self, String> {
        let globals = GLOBALS
            .iter()
            .map(|a| entry(Meaning::Global(a.action), a.name.to_owned(), a.keys, a.short, a.help, overrides))
            .collect::<Result<Vec<_>, _>>()?;
        let mut map = Self { globals, ..Self::default() };
        for pane in panes {
            let entries = pane
                .actions
                .iter()
                .enumerate()
                .map(|(i, a)| {
                    let name = format!("{}.{}", pane.name, a.name);
                    entry(Meaning::Pane(i), name, a.keys, a.short, a.help, overrides)
                })
                .collect::<Result<Vec<_>, _>>()?;
            let names: Vec<&str> = pane.actions.iter().map(|a| a.name).collect();
            map.lookup.push(index(&map.globals, &names, &entries)?);
            map.panes.push(entries);
        }
        if panes.is_empty() {
            map.lookup.push(index(&map.globals, &[], &[])?);
        }
        let unknown = overrides.keys().find(|name| !map.entries().any(|e| e.name == **name));
        if let Some(name) = unknown {
            return Err(format!("[keys]: no action is called `{name}`"));
        }
        Ok(map)
    }

    /// What a key means in a pane.
    pub fn meaning(&self, pane: usize, key: Chord) -> Option<Meaning> {
        self.lookup.get(pane).or(self.lookup.first())?.get(&key).copied()
    }

    /// The entries that are the same everywhere.
    pub fn globals(&self) -> &[Entry] {
        &self.globals
    }

    /// How many panes there are.
    pub fn panes(&self) -> usize {
        self.panes.len()
    }

    /// The entries of a pane.
    pub fn of(&self, pane: usize) -> &[Entry] {
        self.panes.get(pane).map_or(&[], Vec::as_slice)
    }

    /// Whether a pane has an action of its own in the place of this global one.
    pub fn is_refined(&self, pane: usize, global: &Entry) -> bool {
        self.of(pane).iter().any(|e| e.name.split_once('.').is_some_and(|(_, name)| name == global.name))
    }

    /// The entry of a global action.
    pub fn global(&self, action: Global) -> Option<&Entry> {
        self.globals.iter().find(|e| e.meaning == Meaning::Global(action))
    }

    /// What the keys are called: those of everywhere, and a pane's own without its name.
    pub fn names(&self, pane: usize) -> KeyNames {
        let short = |e: &Entry| e.name.split_once('.').map_or_else(|| e.name.clone(), |(_, name)| name.to_owned());
        KeyNames::new(self.globals.iter().chain(self.of(pane)).map(|e| (short(e), e.key())))
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.globals.iter().chain(self.panes.iter().flatten())
    }
}

impl Entry {
    /// The first key, as people see it; empty where the user took it away.
    pub fn key(&self) -> String {
        self.keys.first().map(ToString::to_string).unwrap_or_default()
    }

    /// All keys, as people see them.
    pub fn all_keys(&self) -> String {
        self.keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}

fn entry(
    meaning: Meaning,
    name: String,
    defaults: &[&str],
    short: &'static str,
    help: &'static str,
    overrides: &Overrides,
) -> Result<Entry, String> {
    let keys = match overrides.get(&name) {
        Some(keys) => keys.iter().map(|k| k.parse()).collect::<Result<_, _>>(),
        None => defaults.iter().map(|k| k.parse()).collect::<Result<_, _>>(),
    };
    let keys = keys.map_err(|e: String| format!("[keys] {name}: {e}"))?;
    Ok(Entry { meaning, name, keys, short, help })
}

/// The keys of a pane. A pane that knows better what a global action means there names its own the same (`sync-now`)
/// and takes the global's place.
fn index(globals: &[Entry], names: &[&str], pane: &[Entry]) -> Result<HashMap<Chord, Meaning>, String> {
    let mut out: HashMap<Chord, &Entry> = HashMap::new();
    for entry in globals.iter().filter(|g| !names.contains(&g.name.as_str())).chain(pane) {
        for key in &entry.keys {
            if let Some(other) = out.insert(*key, entry) {
                return Err(format!("the key {key} is given to both `{}` and `{}`", other.name, entry.name));
            }
        }
    }
    Ok(out.into_iter().map(|(key, entry)| (key, entry.meaning)).collect())
}

#[cfg(test)]
mod tests;
