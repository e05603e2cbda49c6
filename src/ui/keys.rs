//! Keys: chords, how they are written and read, and what an action is called.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// An action named once: its config key, default keys and help.
#[derive(Clone, Copy, Debug)]
pub struct ActionSpec<A> {
    /// What `update` gets.
    pub action: A,
    /// The name in the palette and in `[keys]` of the settings: `replay`.
    pub name: &'static str,
    /// The default keys, as [`Chord`] reads them: `["r"]`, `["ctrl-r", "F5"]`.
    pub keys: &'static [&'static str],
    /// One or two words for the footer.
    pub short: &'static str,
    /// One sentence for the help and the palette.
    pub help: &'static str,
}

impl<A: Copy> ActionSpec<A> {
    /// A row of a table of actions.
    pub const fn new(
        action: A,
        name: &'static str,
        keys: &'static [&'static str],
        short: &'static str,
        help: &'static str,
    ) -> Self {
        Self { action, name, keys, short, help }
    }
}

/// What the keys are called that do things, for texts that name them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyNames(HashMap<String, String>);

impl KeyNames {
    /// Names of actions with the first key of each, as people see it; an empty one was taken away.
    pub fn new(names: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(names.into_iter().collect())
    }

    /// The key of an action; where it has none, its name for the palette.
    pub fn of(&self, action: &str) -> String {
        let key = self.0.get(action).filter(|key| !key.is_empty());
        key.cloned().unwrap_or_else(|| format!(":{action}"))
    }
}

/// One key with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chord {
    /// The key.
    pub code: KeyCode,
    /// Control and Alt; Shift stands only where the key has no letter of its own.
    pub mods: KeyModifiers,
}

impl Chord {
    /// A key without modifiers.
    pub fn plain(code: KeyCode) -> Self {
        Self { code, mods: KeyModifiers::NONE }
    }

    /// The character it types, if it types one.
    pub fn text(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if !self.mods.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => Some(c),
            _ => None,
        }
    }
}

impl From<KeyEvent> for Chord {
    fn from(event: KeyEvent) -> Self {
        let mut mods = event.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        let code = match event.code {
            KeyCode::BackTab => {
                mods |= KeyModifiers::SHIFT;
                KeyCode::Tab
            }
            KeyCode::Char(c) => {
                mods -= KeyModifiers::SHIFT;
                KeyCode::Char(c)
            }
            other => other,
        };
        Self { code, mods }
    }
}

/// The keys that have a name, with the name people see.
const NAMED: &[(KeyCode, &str, &str)] = &[
    (KeyCode::Enter, "enter", "Enter"),
    (KeyCode::Esc, "esc", "Esc"),
    (KeyCode::Tab, "tab", "Tab"),
    (KeyCode::Backspace, "backspace", "Backspace"),
    (KeyCode::Delete, "delete", "Del"),
    (KeyCode::Insert, "insert", "Ins"),
    (KeyCode::Up, "up", "↑"),
    (KeyCode::Down, "down", "↓"),
    (KeyCode::Left, "left", "←"),
    (KeyCode::Right, "right", "→"),
    (KeyCode::PageUp, "pgup", "PgUp"),
    (KeyCode::PageDown, "pgdn", "PgDn"),
    (KeyCode::Home, "home", "Home"),
    (KeyCode::End, "end", "End"),
    (KeyCode::Char(' '), "space", "Space"),
];

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bit, name) in
            [(KeyModifiers::CONTROL, "ctrl-"), (KeyModifiers::ALT, "alt-"), (KeyModifiers::SHIFT, "shift-")]
        {
            if self.mods.contains(bit) {
                f.write_str(name)?;
            }
        }
        if let Some((.., shown)) = NAMED.iter().find(|(code, ..)| *code == self.code) {
            return f.write_str(shown);
        }
        match self.code {
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::F(n) => write!(f, "F{n}"),
            other => write!(f, "{other:?}"),
        }
    }
}

impl FromStr for Chord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut mods = KeyModifiers::NONE;
        let mut rest = text;
        while let Some((head, tail)) = rest.split_once('-').filter(|(head, tail)| !head.is_empty() && !tail.is_empty())
        {
            mods |= match head.to_ascii_lowercase().as_str() {
                "ctrl" | "c" => KeyModifiers::CONTROL,
                "alt" | "a" => KeyModifiers::ALT,
                "shift" | "s" => KeyModifiers::SHIFT,
                _ => return Err(format!("`{text}` is not a key: `{head}` is no modifier (ctrl, alt, shift)")),
            };
            rest = tail;
        }
        let lower = rest.to_ascii_lowercase();
        let code = if let Some((code, ..)) = NAMED.iter().find(|(_, name, shown)| *name == lower || *shown == rest) {
            *code
        } else {
            let mut chars = rest.chars();
            match (chars.next(), chars.as_str()) {
                (Some(c), "") => KeyCode::Char(c),
                (Some('f' | 'F'), n) if n.parse::<u8>().is_ok_and(|n| (1..=24).contains(&n)) => {
                    KeyCode::F(n.parse().unwrap_or(1))
                }
                _ => return Err(format!("`{text}` is not a key: no key is called `{rest}`")),
            }
        };
        if let KeyCode::Char(c) = code
            && mods.contains(KeyModifiers::SHIFT)
        {
            mods -= KeyModifiers::SHIFT;
            let upper = c.to_uppercase().next().unwrap_or(c);
            return Ok(Self { code: KeyCode::Char(upper), mods });
        }
        Ok(Self { code, mods })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chord_is_read_as_it_is_written() {
        for text in
            ["r", "R", "ctrl-r", "alt-x", "Enter", "Space", "PgDn", "F5", "shift-Tab", "ctrl-Space", "-", "↑", "/"]
        {
            let chord: Chord = text.parse().unwrap();
            assert_eq!(chord.to_string(), text);
        }
        assert_eq!("shift-r".parse::<Chord>(), "R".parse());
        assert_eq!("ctrl--".parse::<Chord>().unwrap().code, KeyCode::Char('-'));
    }

    #[test]
    fn a_wrong_key_says_what_is_wrong() {
        assert!("hyper-x".parse::<Chord>().unwrap_err().contains("`hyper` is no modifier"));
        assert!("F99".parse::<Chord>().unwrap_err().contains("no key is called `F99`"));
        assert!("".parse::<Chord>().is_err());
    }

    #[test]
    fn shift_is_the_letter_and_back_tab_is_shift_tab() {
        let upper = KeyEvent::new(KeyCode::Char('R'), KeyModifiers::SHIFT);
        assert_eq!(Chord::from(upper), "R".parse().unwrap());
        let back = KeyEvent::new(KeyCode::BackTab, KeyModifiers::NONE);
        assert_eq!(Chord::from(back), "shift-tab".parse().unwrap());
    }
}
