//! Theme files: a palette of names, and a style per role.

use super::{Role, Theme, colour};
use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The themes that come with the program, in the order they are cycled.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("robbie-dark", include_str!("../../../themes/robbie-dark.toml")),
    ("robbie-light", include_str!("../../../themes/robbie-light.toml")),
    ("high-contrast", include_str!("../../../themes/high-contrast.toml")),
    ("terminal-16", include_str!("../../../themes/terminal-16.toml")),
    ("tokyo-night", include_str!("../../../themes/tokyo-night.toml")),
    ("gruvbox-dark", include_str!("../../../themes/gruvbox-dark.toml")),
];

/// A theme that comes with the program; an unknown name is an error that lists the known ones.
pub fn built_in(name: &str) -> Result<Theme, String> {
    let (_, text) = BUILT_IN.iter().find(|(n, _)| *n == name).ok_or_else(|| {
        let known: Vec<&str> = BUILT_IN.iter().map(|(n, _)| *n).collect();
        format!("no theme is called `{name}`; there are {}", known.join(", "))
    })?;
    Theme::parse(name, text)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    palette: BTreeMap<String, String>,
    roles: BTreeMap<String, Entry>,
}

/// A role: `"violet bold"`, `"violet on night"`: a foreground, a ground after `on`, then modifiers.
#[derive(Deserialize)]
#[serde(transparent)]
struct Entry(String);

impl Theme {
    /// Reads a theme file; every role must be there, and nothing that is no role.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|e| format!("theme `{name}`: {e}"))?;
        if let Some(unknown) = file.roles.keys().find(|k| Role::ALL.iter().all(|r| r.key() != k.as_str())) {
            return Err(format!("theme `{name}`: there is no role `{unknown}`"));
        }
        let styles = Role::ALL
            .iter()
            .map(|role| {
                let Entry(words) = file
                    .roles
                    .get(role.key())
                    .ok_or_else(|| format!("theme `{name}`: the role `{}` is missing", role.key()))?;
                style(words, &file.palette).map_err(|e| format!("theme `{name}`: role `{}`: {e}", role.key()))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), styles })
    }
}

fn style(words: &str, palette: &BTreeMap<String, String>) -> Result<Style, String> {
    let mut out = Style::new();
    let mut ground = false;
    for word in words.split_whitespace() {
        if word == "on" {
            ground = true;
            continue;
        }
        if let Some(modifier) = modifier(word) {
            out = out.add_modifier(modifier);
            continue;
        }
        let colour = colour_of(word, palette)?;
        out = if ground { out.bg(colour) } else { out.fg(colour) };
    }
    Ok(out)
}

fn colour_of(word: &str, palette: &BTreeMap<String, String>) -> Result<Color, String> {
    let text = palette.get(word).map_or(word, String::as_str);
    colour::parse(text).ok_or_else(|| format!("`{word}` is neither a colour nor in the palette"))
}

fn modifier(word: &str) -> Option<Modifier> {
    Some(match word {
        "bold" => Modifier::BOLD,
        "dim" => Modifier::DIM,
        "italic" => Modifier::ITALIC,
        "underlined" => Modifier::UNDERLINED,
        "reversed" => Modifier::REVERSED,
        _ => return None,
    })
}
