//! Styles by role, read from theme files; the only place that knows a colour.

mod colour;
mod file;

pub use colour::Depth;
pub use file::{BUILT_IN, built_in};

use ratatui::style::{Modifier, Style};

/// Declares the roles once: the variant, and its key in a theme file.
macro_rules! roles {
    ($($(#[$doc:meta])* $variant:ident = $key:literal),+ $(,)?) => {
        /// What a style means. Themes give each role its colours.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(usize)]
        pub enum Role { $($(#[$doc])* $variant),+ }
        impl Role {
            /// All roles.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The role's key in a theme file.
            pub fn key(self) -> &'static str {
                match self { $(Self::$variant => $key),+ }
            }
        }
    };
}

roles! {
    /// Plain text on the ground: data.
    Text = "text",
    /// The one number that matters.
    Strong = "strong",
    /// Labels and secondary words.
    Muted = "muted",
    /// Units, rules, what is hardly there; also the half of the screen whose data are stale.
    Dim = "dim",
    /// In order.
    Ok = "ok",
    /// Needs an eye.
    Warn = "warn",
    /// Failed.
    Bad = "bad",
    /// Good to know.
    Info = "info",
    /// The product's own colour: titles, the cursor's glyph, links.
    Accent = "accent",
    /// The master.
    Master = "master",
    /// The replica.
    Replica = "replica",
    /// The full-width bar of the selected row.
    Selected = "selected",
    /// Rows that are marked.
    Marked = "marked",
    /// What just changed.
    Changed = "changed",
    /// The header's line.
    Header = "header",
    /// The active tab.
    TabActive = "tab_active",
    /// The other tabs.
    Tab = "tab",
    /// Column heads of a table.
    Column = "column",
    /// The footer's words.
    Footer = "footer",
    /// The footer's keys.
    FooterKey = "footer_key",
    /// The line between master and replica, and other rules.
    Rule = "rule",
    /// The border of a modal.
    Border = "border",
    /// The ground and text of a modal.
    Modal = "modal",
    /// A chosen button of a modal.
    Button = "button",
    /// A text field.
    Field = "field",
    /// What a search matched.
    Match = "match",
    /// The top edge while writing on a protected master.
    Protected = "protected",
    /// A banner across the screen: connection lost.
    Banner = "banner",
    /// Robbie's face.
    Face = "face",
    /// Bars and sparklines.
    Graph = "graph",
    /// A word that is stressed.
    Emphasis = "emphasis",
    /// Code within a text.
    Code = "code",
    /// In code: a word of the language.
    CodeKeyword = "code_keyword",
    /// In code: a function, a key, an attribute.
    CodeName = "code_name",
    /// In code: a type, a variable of a shell.
    CodeType = "code_type",
    /// In code: a text.
    CodeString = "code_string",
    /// In code: a number.
    CodeNumber = "code_number",
    /// In code: a comment.
    CodeComment = "code_comment",
}

/// A loaded theme: one style per role.
#[derive(Clone, Debug)]
pub struct Theme {
    /// Its name: `robbie-dark`.
    pub name: String,
    styles: Vec<Style>,
}

impl Theme {
    /// The style of a role. Plain text has no ground of its own: it takes that of what it is written on.
    pub fn style(&self, role: Role) -> Style {
        let style = self.styles[role as usize];
        if role == Role::Text { Style { bg: None, ..style } } else { style }
    }

    /// The style of the empty screen.
    pub fn ground(&self) -> Style {
        self.styles[Role::Text as usize]
    }

    /// The theme for what the terminal can show: fewer colours, or none with the meaning kept in weight.
    #[must_use]
    pub fn at_depth(mut self, depth: Depth) -> Self {
        for (style, role) in self.styles.iter_mut().zip(Role::ALL) {
            *style = colour::reduce(*style, *role, depth);
        }
        self
    }
}

/// The style of a role where there are no colours: weight and reverse keep the meaning.
fn without_colour(role: Role) -> Style {
    let plain = Style::new();
    match role {
        Role::Strong | Role::Warn | Role::Accent | Role::Header | Role::FooterKey | Role::Changed | Role::Master => {
            plain.add_modifier(Modifier::BOLD)
        }
        Role::Replica => plain.add_modifier(Modifier::BOLD),
        Role::Bad | Role::Match => plain.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        Role::Field | Role::Column | Role::Marked => plain.add_modifier(Modifier::UNDERLINED),
        Role::Selected | Role::Button | Role::Protected | Role::Banner | Role::TabActive => {
            plain.add_modifier(Modifier::REVERSED)
        }
        Role::Muted | Role::Dim | Role::Rule | Role::Footer => plain.add_modifier(Modifier::DIM),
        _ => plain,
    }
}

#[cfg(test)]
mod tests;
