//! Source code in colours: a small lexer that knows how a dozen languages write comments, texts, numbers and words.
//!
//! It colours what one can tell from the letters alone, line by line, and never fails: what it does not know stays plain.

mod languages;

use super::{Role, text};
use languages::{Language, Style};

/// A line of parts in roles.
pub type Line = Vec<(String, Role)>;

/// What goes on over the end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    close: &'static str,
    role: Role,
    escapes: bool,
}

/// The lines of a code in its language's colours; tabs are expanded and nothing a terminal obeys is left.
pub fn highlight(language: &str, code: &str) -> Vec<Line> {
    let lines = text::safe_lines(code.strip_suffix('\n').unwrap_or(code), 4);
    let Some(known) = languages::named(language) else {
        return lines.into_iter().map(|line| vec![(line, Role::Text)]).collect();
    };
    let mut open = None;
    let mut tag = false;
    lines.iter().map(|line| Lexer { language: known, line, at: 0, out: Vec::new() }.run(&mut open, &mut tag)).collect()
}

/// Whether a language's colours are known.
pub fn knows(language: &str) -> bool {
    languages::named(language).is_some()
}

struct Lexer<'a> {
    language: &'static Language,
    line: &'a str,
    at: usize,
    out: Line,
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.line[self.at..]
    }

    /// Takes so many bytes in a role.
    fn take(&mut self, bytes: usize, role: Role) {
        let piece = &self.line[self.at..self.at + bytes];
        self.at += bytes;
        match self.out.last_mut() {
            Some((words, last)) if *last == role => words.push_str(piece),
            _ if piece.is_empty() => {}
            _ => self.out.push((piece.to_owned(), role)),
        }
    }

    fn run(mut self, open: &mut Option<Open>, tag: &mut bool) -> Line {
        if let Some(inside) = *open {
            self.until(inside, open);
        }
        while self.at < self.line.len() {
            self.token(open, tag);
        }
        self.out
    }

    /// Takes up to the end of what is open; what does not end here goes on in the next line.
    fn until(&mut self, inside: Open, open: &mut Option<Open>) {
        let mut end = None;
        let mut chars = self.rest().char_indices();
        while let Some((i, c)) = chars.next() {
            if inside.escapes && c == '\\' {
                chars.next();
            } else if self.rest()[i..].starts_with(inside.close) {
                end = Some(i + inside.close.len());
                break;
            }
        }
        *open = if end.is_none() { Some(inside) } else { None };
        self.take(end.unwrap_or(self.rest().len()), inside.role);
    }

    fn token(&mut self, open: &mut Option<Open>, tag: &mut bool) {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else { return };
        let before = self.line[..self.at].chars().next_back();
        if let Some((start, close)) = self.language.block
            && rest.starts_with(start)
        {
            self.take(start.len(), Role::CodeComment);
            return self.until(Open { close, role: Role::CodeComment, escapes: false }, open);
        }
        let apart = before.is_none_or(char::is_whitespace);
        if self.language.comments.iter().any(|m| rest.starts_with(m) && (*m != "#" || apart)) {
            return self.take(rest.len(), Role::CodeComment);
        }
        if self.language.style == Style::Markup {
            return self.markup(c, open, tag);
        }
        if let Some(quote) = self.language.strings.iter().find(|q| rest.starts_with(q.open)) {
            return self.string(quote, before, open);
        }
        if c == '\'' && self.language.lifetimes {
            return self.character(rest);
        }
        if c.is_ascii_digit() && !before.is_some_and(is_word) {
            let end = rest.find(|c: char| !(is_word(c) || c == '.' || c == '%')).unwrap_or(rest.len());
            return self.take(rest[..end].trim_end_matches('.').len(), Role::CodeNumber);
        }
        if matches!(c, '$' | '@') && rest[1..].starts_with(|n: char| is_word(n) || n == '{') {
            let end =
                rest[1..].find(|n: char| !(is_word(n) || matches!(n, '{' | '}' | '-'))).map_or(rest.len(), |i| i + 1);
            return self.take(end, if c == '@' { Role::CodeName } else { Role::CodeType });
        }
        if is_word(c) {
            return self.word(rest);
        }
        if self.language.style == Style::Keys('=') && c == '[' && self.line[..self.at].trim().is_empty() {
            return self.take(rest.find(']').map_or(rest.len(), |i| i + 1), Role::CodeType);
        }
        self.take(c.len_utf8(), if c.is_whitespace() { Role::Text } else { Role::Muted });
    }

    fn string(&mut self, quote: &languages::Quote, before: Option<char>, open: &mut Option<Open>) {
        // An apostrophe within a word opens nothing.
        if quote.open == "'" && before.is_some_and(is_word) {
            return self.take(1, Role::Text);
        }
        let began = self.at;
        self.take(quote.open.len(), Role::CodeString);
        let inside = Open { close: quote.close, role: Role::CodeString, escapes: quote.escapes };
        self.until(inside, open);
        if !quote.lines {
            *open = None;
        }
        let is_key = matches!(self.language.style, Style::Keys(sign) if self.rest().trim_start().starts_with(sign));
        if is_key && let Some((words, role)) = self.out.last_mut() {
            let own = self.at - began;
            if words.len() == own {
                *role = Role::CodeName;
            }
        }
    }

    /// A character of Rust or Go, or a lifetime.
    fn character(&mut self, rest: &str) {
        let mut chars = rest.char_indices().skip(1);
        let literal = match chars.next() {
            Some((_, '\\')) => rest[2..].find('\'').map(|i| i + 3),
            Some((i, c)) if rest[i + c.len_utf8()..].starts_with('\'') => Some(i + c.len_utf8() + 1),
            _ => None,
        };
        if let Some(end) = literal {
            self.take(end, Role::CodeString);
        } else {
            let end = rest[1..].find(|c: char| !is_word(c)).map_or(rest.len(), |i| i + 1);
            self.take(end, Role::CodeType);
        }
    }

    fn word(&mut self, rest: &str) {
        let dashes = !matches!(self.language.style, Style::Code);
        let end = rest.find(|c: char| !(is_word(c) || (dashes && c == '-'))).unwrap_or(rest.len());
        let word = &rest[..end];
        let after = rest[end..].trim_start();
        let is_key = match self.language.style {
            Style::Keys('=') => after.starts_with(['=', '.']) && !self.line[..self.at].contains('='),
            Style::Keys(sign) => after.starts_with(sign) && !after.starts_with("::"),
            _ => false,
        };
        let known =
            |list: &str| list.split(' ').any(|w| w == word || self.language.any_case && w.eq_ignore_ascii_case(word));
        let role = if is_key {
            Role::CodeName
        } else if known(self.language.keywords) {
            Role::CodeKeyword
        } else if known(self.language.types) || self.language.capitals && word.starts_with(char::is_uppercase) {
            Role::CodeType
        } else if rest[end..].starts_with(['(', '!']) && self.language.style == Style::Code {
            Role::CodeName
        } else {
            Role::Text
        };
        self.take(end, role);
    }

    fn markup(&mut self, c: char, open: &mut Option<Open>, tag: &mut bool) {
        let rest = self.rest();
        match c {
            '<' => {
                *tag = true;
                let end = rest[1..]
                    .find(|c: char| !(is_word(c) || matches!(c, '/' | '!' | '-')))
                    .map_or(rest.len(), |i| i + 1);
                self.take(end, Role::CodeKeyword);
            }
            '>' | '/' if *tag => {
                *tag = c != '>';
                self.take(1, Role::CodeKeyword);
            }
            '"' | '\'' if *tag => {
                self.take(1, Role::CodeString);
                let close = if c == '"' { "\"" } else { "'" };
                self.until(Open { close, role: Role::CodeString, escapes: false }, open);
            }
            '&' => {
                let end = rest.find(';').filter(|i| *i < 12).map_or(1, |i| i + 1);
                self.take(end, Role::CodeNumber);
            }
            c if is_word(c) && *tag => {
                let end = rest.find(|c: char| !(is_word(c) || matches!(c, '-' | ':' | '@'))).unwrap_or(rest.len());
                self.take(end, Role::CodeName);
            }
            c => self.take(c.len_utf8(), Role::Text),
        }
    }
}

#[cfg(test)]
mod tests;
