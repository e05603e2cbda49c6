//! The event loop, the terminal, jobs, tabs and overlays.
//!
//! [`prepare`] makes the console from the settings, [`run`] runs it on the terminal until the user leaves. The state is
//! `shell` (pure: events in, orders out), `chrome` draws it, `screen` turns cells into bytes.

mod chrome;
mod clipboard;
pub mod editor;
mod input;
mod jobs;
pub mod keymap;
mod overlay;
mod run;
mod screen;
mod shell;
mod signals;
mod terminal;
#[cfg(test)]
mod test_pane;
mod watch;

pub use run::{Ended, Surroundings, run};
pub use shell::Setup;

use crate::postgres::{Fault, Kind};
use crate::settings::Settings;
use crate::ui::Theme;
use crate::ui::theme::{BUILT_IN, Depth};
use keymap::{Keymap, Overrides};
use ratatui::layout::Size;

/// Makes the console from what the user chose; a wrong key or theme is an error before the terminal is touched.
pub fn prepare(settings: &Settings) -> Result<(Setup, Surroundings), Fault> {
    let wrong = |reason: String| Fault::new(Kind::Settings, reason).remedy("correct it in config.toml");
    let panes = crate::panes::registry();
    let keymap = Keymap::build(&panes, &overrides(&settings.keys).map_err(wrong)?).map_err(wrong)?;
    let environment = settings.environment.clone();
    let depth = if settings.color.value {
        Depth::detect(environment.get("NO_COLOR"), environment.get("COLORTERM"), environment.get("TERM"))
    } else {
        Depth::None
    };
    let themes = themes(settings);
    let name = &settings.theme.value;
    let text = themes.iter().find(|(n, _)| n == name).map(|(_, text)| text);
    let known = || themes.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join(", ");
    let text = text.ok_or_else(|| wrong(format!("no theme is called `{name}`; there are {}", known())))?;
    let theme = Theme::parse(name, text).map_err(wrong)?.at_depth(depth);
    let setup = Setup {
        panes,
        keymap,
        theme,
        depth,
        mouse: settings.mouse.value,
        profile: settings.profile.as_ref().map(|p| p.value.clone()).unwrap_or_default(),
        protected: settings.protected.value,
        themes,
        size: Size::ZERO,
    };
    Ok((setup, Surroundings { environment, config: settings.home.config_file().to_owned() }))
}

/// The user's keys: `name = "key"` or a list; `[keys.queue] replay = "r"` is `queue.replay`.
fn overrides(table: &toml::Table) -> Result<Overrides, String> {
    let mut out = Overrides::new();
    for (name, value) in table {
        match value {
            toml::Value::Table(inner) => {
                out.extend(overrides(inner)?.into_iter().map(|(action, keys)| (format!("{name}.{action}"), keys)));
            }
            toml::Value::String(key) => _ = out.insert(name.clone(), vec![key.clone()]),
            toml::Value::Array(keys) => {
                let keys = keys.iter().map(|k| k.as_str().map(ToOwned::to_owned));
                let keys = keys.collect::<Option<_>>().ok_or_else(|| format!("[keys] {name}: a key is a text"))?;
                out.insert(name.clone(), keys);
            }
            _ => return Err(format!("[keys] {name}: a key is a text, or a list of texts")),
        }
    }
    Ok(out)
}

/// The built-in themes and those in `themes/` beside the configuration file; one's own wins over a built-in name.
fn themes(settings: &Settings) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = BUILT_IN.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
    let folder = settings.home.config_file().with_file_name("themes");
    let mut own: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    own.sort();
    for path in own.iter().filter(|p| p.extension().is_some_and(|e| e == "toml")) {
        let (Some(name), Ok(text)) = (path.file_stem().and_then(|n| n.to_str()), std::fs::read_to_string(path)) else {
            continue;
        };
        match out.iter_mut().find(|(n, _)| n == name) {
            Some(entry) => entry.1 = text,
            None => out.push((name.to_owned(), text)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_tables_texts_and_lists() {
        let table = toml::toml! {
            quit = "ctrl-q"
            "queue.replay" = ["R", "F5"]
            [queue]
            edit = []
        };
        let read = overrides(&table).unwrap();
        assert_eq!(read["quit"], ["ctrl-q"]);
        assert_eq!(read["queue.replay"], ["R", "F5"]);
        assert!(read["queue.edit"].is_empty());
        assert!(overrides(&toml::toml! { quit = 3 }).unwrap_err().contains("[keys] quit"));
        assert!(overrides(&toml::toml! { quit = [3] }).is_err());
    }
}
