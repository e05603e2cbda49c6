//! Splits the text of an SQL file into its statements, as psql does, each with the line it begins on.

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its text, without the semicolon.
    pub text: String,
    /// The line of the file on which it begins, from 1.
    pub line: usize,
    /// What it is.
    pub kind: Kind,
}

/// What a piece of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A statement for the server.
    Sql,
    /// A command of psql (`\connect`, `\set`), which is nothing for the server.
    Psql,
    /// `COPY … FROM stdin` with the rows that follow it.
    Copy,
    /// Begins or ends a transaction.
    Transaction,
}

/// Splits a file.
pub fn split(sql: &str) -> Vec<Statement> {
    Splitter { rest: sql, line: 1 }.all()
}

struct Splitter<'a> {
    rest: &'a str,
    line: usize,
}

impl Splitter<'_> {
    fn all(mut self) -> Vec<Statement> {
        let mut found = Vec::new();
        loop {
            self.blank();
            if self.rest.is_empty() {
                return found;
            }
            let line = self.line;
            if self.rest.starts_with('\\') {
                let text = self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
                found.push(Statement { text: text.trim().to_owned(), line, kind: Kind::Psql });
                continue;
            }
            let text = self.statement();
            if text.is_empty() {
                continue;
            }
            let kind = kind(&text);
            if kind == Kind::Copy {
                self.rows();
            }
            found.push(Statement { text, line, kind });
        }
    }

    fn take(&mut self, bytes: usize) -> &str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    /// Passes white space and comments.
    fn blank(&mut self) {
        loop {
            let space = self.rest.len() - self.rest.trim_start_matches([' ', '\t', '\r', '\n', '\u{feff}']).len();
            let bytes = space + comment(&self.rest[space..]);
            if bytes == 0 {
                return;
            }
            self.take(bytes);
        }
    }

    /// Takes a statement and its semicolon.
    fn statement(&mut self) -> String {
        let rest = self.rest;
        let (routine, rule) = (creates(rest, &["function", "procedure"]), creates(rest, &["rule"]));
        let (mut at, mut depth) = (0, 0_usize);
        while at < rest.len() {
            let here = &rest[at..];
            let step = match comment(here) + quoted(here) {
                0 => word(here),
                bytes => {
                    at += bytes;
                    continue;
                }
            };
            if step > 0 {
                // The body of an SQL function may hold statements: BEGIN ATOMIC … END.
                if routine {
                    match here[..step].to_ascii_lowercase().as_str() {
                        "begin" => depth += 1,
                        "case" if depth > 0 => depth += 1,
                        "end" => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                }
                at += step;
            } else if here.starts_with(';') && depth == 0 {
                break;
            } else {
                // The actions of a rule stand in parentheses. Elsewhere a forgotten one must not hide the statements after it.
                match here.as_bytes()[0] {
                    b'(' if rule => depth += 1,
                    b')' if rule => depth = depth.saturating_sub(1),
                    _ => {}
                }
                at += here.chars().next().map_or(1, char::len_utf8);
            }
        }
        let text = self.take(at).trim_end().to_owned();
        if self.rest.starts_with(';') {
            self.take(1);
        }
        text
    }

    /// Passes the rows of a COPY, to the line with `\.`.
    fn rows(&mut self) {
        loop {
            let end = self.rest.find('\n').map_or(self.rest.len(), |n| n + 1);
            if end == 0 || self.take(end).trim_end() == "\\." {
                return;
            }
        }
    }
}

/// The bytes of the comment that begins here; 0 if none does.
fn comment(text: &str) -> usize {
    if text.starts_with("--") {
        return text.find('\n').unwrap_or(text.len());
    }
    if !text.starts_with("/*") {
        return 0;
    }
    let (mut at, mut depth) = (0, 0_usize);
    while at < text.len() {
        let here = &text[at..];
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The bytes of the quoted string, name or body that begins here; 0 if none does.
fn quoted(text: &str) -> usize {
    let first = text.chars().next().unwrap_or(' ');
    match first {
        '\'' => to_quote(text, 1, '\'', false),
        '"' => to_quote(text, 1, '"', false),
        'e' | 'E' if text[1..].starts_with('\'') => to_quote(text, 2, '\'', true),
        '$' => {
            let Some(end) = text[1..].find('$').map(|n| n + 2) else { return 0 };
            let tag = &text[..end];
            let name = &tag[1..end - 1];
            let fits =
                name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_numeric());
            if !fits {
                return 0;
            }
            text[end..].find(tag).map_or(text.len(), |n| end + n + tag.len())
        }
        _ => 0,
    }
}

fn to_quote(text: &str, from: usize, quote: char, escapes: bool) -> usize {
    let mut chars = text[from..].char_indices();
    while let Some((n, c)) = chars.next() {
        if escapes && c == '\\' {
            chars.next();
        } else if c == quote {
            // Doubled, it stands for itself: the string that begins there goes on with this one.
            return from + n + c.len_utf8();
        }
    }
    text.len()
}

/// The bytes of the word that begins here: a name, a keyword, a number.
fn word(text: &str) -> usize {
    if text.starts_with('$') {
        return 0;
    }
    text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(text.len())
}

/// The first words of a statement, in lower case; comments between them are passed.
pub(super) fn words(text: &str, most: usize) -> Vec<String> {
    let (mut at, mut found) = (0, Vec::new());
    while at < text.len() && found.len() < most {
        let here = &text[at..];
        let (comment, quoted, word) = (comment(here), quoted(here), word(here));
        if comment > 0 {
            at += comment;
        } else if quoted > 0 {
            found.push(here[..quoted].trim_matches('"').to_owned());
            at += quoted;
        } else if word > 0 {
            found.push(here[..word].to_lowercase());
            at += word;
        } else {
            let c = here.chars().next().unwrap_or(' ');
            if !c.is_whitespace() {
                found.push(c.to_string());
            }
            at += c.len_utf8();
        }
    }
    found
}

/// Whether the statement is `CREATE [OR REPLACE]` of one of these.
fn creates(text: &str, what: &[&str]) -> bool {
    let words = words(text, 4);
    let replaced = words.get(1).is_some_and(|w| w == "or");
    let kind = words.get(if replaced { 3 } else { 1 });
    words.first().is_some_and(|w| w == "create") && kind.is_some_and(|k| what.contains(&k.as_str()))
}

fn kind(text: &str) -> Kind {
    let words = words(text, 400);
    let first: Vec<&str> = words.iter().map(String::as_str).collect();
    match first.as_slice() {
        ["copy", .., "from", "stdin"] => Kind::Copy,
        ["copy", rest @ ..] if rest.windows(2).any(|w| w == ["from", "stdin"]) => Kind::Copy,
        ["begin" | "commit" | "rollback" | "abort" | "end"]
        | ["begin" | "commit" | "rollback" | "abort" | "end", "transaction" | "work", ..]
        | ["start", "transaction", ..] => Kind::Transaction,
        _ => Kind::Sql,
    }
}

/// The table that a statement declares: its schema, if it names one, and its name.
pub(super) fn declared_table(text: &str) -> Option<(Option<String>, String)> {
    let words = words(text, 12);
    let mut words = words.iter().map(String::as_str).skip_while(|w| *w == "unlogged").peekable();
    if words.next() != Some("create") {
        return None;
    }
    if words.peek() == Some(&"unlogged") {
        words.next();
    }
    if words.next() != Some("table") {
        return None;
    }
    if words.peek() == Some(&"if") {
        words.nth(2)?;
    }
    let first = words.next()?.to_owned();
    if words.next() == Some(".") { Some((Some(first), words.next()?.to_owned())) } else { Some((None, first)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<(usize, String)> {
        split(sql).into_iter().map(|s| (s.line, s.text)).collect()
    }

    #[test]
    fn semicolons_in_strings_bodies_and_comments_do_not_end_a_statement() {
        let sql = "-- a; b\nselect 'x;''y', \"a;b\", E'\\';';\n/* c; /* d; */ e; */ create function f() returns int as $b$ begin; $b$\n\
                   language sql;\n\nselect $1;";
        assert_eq!(
            texts(sql),
            [
                (2, "select 'x;''y', \"a;b\", E'\\';'".to_owned()),
                (3, "create function f() returns int as $b$ begin; $b$\nlanguage sql".to_owned()),
                (6, "select $1".to_owned()),
            ]
        );
    }

    #[test]
    fn an_atomic_body_is_one_statement() {
        let sql =
            "create function f() returns int begin atomic select case when true then 1 end; select 2; end; select 3;";
        assert_eq!(texts(sql).len(), 2);
        assert_eq!(texts(sql)[1].1, "select 3");
    }

    #[test]
    fn the_actions_of_a_rule_are_one_statement_and_a_forgotten_parenthesis_hides_nothing() {
        let sql = "create or replace rule r as on insert to t do also (select 1; select (2)); select 3;\n\
                   create table t (a int; select 4;";
        let told: Vec<String> = texts(sql).into_iter().map(|(_, text)| text).collect();
        assert_eq!(
            told,
            [
                "create or replace rule r as on insert to t do also (select 1; select (2))",
                "select 3",
                "create table t (a int",
                "select 4",
            ]
        );
    }

    #[test]
    fn commands_of_psql_rows_of_a_copy_and_transactions_are_known() {
        let sql = "\\set ON_ERROR_STOP on\nbegin;\ncopy t (a) from stdin;\n1;\tx\n\\.\nselect 1;\nend;\ncommit work;";
        let kinds: Vec<(usize, Kind)> = split(sql).into_iter().map(|s| (s.line, s.kind)).collect();
        assert_eq!(
            kinds,
            [
                (1, Kind::Psql),
                (2, Kind::Transaction),
                (3, Kind::Copy),
                (6, Kind::Sql),
                (7, Kind::Transaction),
                (8, Kind::Transaction),
            ]
        );
    }

    #[test]
    fn what_is_never_closed_takes_the_rest_and_nothing_breaks() {
        for sql in
            ["select 'a; b", "select $x$ a; b", "/* a; b", "copy t from stdin;\n1", "\"", "$", "é;ü", "e", "E'", "\\"]
        {
            let all = split(sql);
            assert!(all.iter().all(|s| s.line == 1), "{sql}: {all:?}");
        }
        assert_eq!(texts("select 1 ;; ; select 2"), [(1, "select 1".to_owned()), (1, "select 2".to_owned())]);
    }

    #[test]
    fn a_declared_table_is_told() {
        let table = |sql: &str| {
            declared_table(sql).map(|(schema, name)| format!("{}{name}", schema.map_or(String::new(), |s| s + ".")))
        };
        assert_eq!(table("create table if not exists a (b int)").as_deref(), Some("a"));
        assert_eq!(table("CREATE /* x */ UNLOGGED TABLE public.\"A b\"(c int)").as_deref(), Some("public.A b"));
        assert_eq!(table("create index a on b (c)"), None);
        assert_eq!(table("create temp table a (b int)"), None);
    }
}
