//! JSON laid out one value per line, as places in its text: every digit and the order of keys stay as they are.

use std::ops::Range;

/// What a line holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The beginning of an object or a list with something in it.
    Open,
    /// Its end.
    Close,
    /// `{}` or `[]`.
    Empty,
    Text,
    Number,
    Bool,
    Null,
    /// What is no JSON, or cut off.
    Other,
}

/// One line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub depth: u16,
    pub kind: Kind,
    /// A comma stands behind it.
    pub comma: bool,
    key: (u32, u32),
    value: (u32, u32),
    /// Of a beginning: the line of its end, and how many values lie between.
    pub end: u32,
    pub items: u32,
}

impl Line {
    /// Key and value as they stand in the text.
    pub(super) fn whole(&self) -> Range<usize> {
        let from = if self.key.1 > self.key.0 { self.key.0 } else { self.value.0 };
        from as usize..(self.value.1.max(self.key.1)) as usize
    }
}

/// A text with its lines.
#[derive(Debug, Default)]
pub struct Layout {
    pub(super) text: String,
    pub(super) lines: Vec<Line>,
    /// Characters of the payload that were not read.
    pub(super) missing: i64,
}

impl Layout {
    /// Lays a text out. Text that is cut off in the middle is laid out as far as it goes.
    pub(super) fn new(text: String, missing: i64) -> Self {
        let lines = Reader { bytes: text.as_bytes(), at: 0, lines: Vec::new(), open: Vec::new(), key: (0, 0) }.read();
        Self { text, lines, missing }
    }
    /// The key of a line with its quotes; empty where it has none.
    pub(super) fn key(&self, line: &Line) -> &str {
        self.slice(line.key)
    }
    pub(super) fn value(&self, line: &Line) -> &str {
        self.slice(line.value)
    }
    fn slice(&self, (from, to): (u32, u32)) -> &str {
        self.text.get(from as usize..to as usize).unwrap_or_default()
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    lines: Vec<Line>,
    /// The lines of the beginnings that have no end yet.
    open: Vec<usize>,
    key: (u32, u32),
}

impl Reader<'_> {
    fn read(mut self) -> Vec<Line> {
        loop {
            self.skip_blanks();
            let Some(byte) = self.bytes.get(self.at).copied() else { break };
            let from = self.at;
            match byte {
                b'"' => {
                    self.skip_string();
                    let place = (from as u32, self.at as u32);
                    self.skip_blanks();
                    let in_object =
                        self.open.last().is_some_and(|open| self.bytes[self.lines[*open].value.0 as usize] == b'{');
                    if in_object && self.key == (0, 0) && self.bytes.get(self.at) == Some(&b':') {
                        self.key = place;
                        self.at += 1;
                    } else {
                        self.push(Kind::Text, place);
                    }
                }
                b'{' | b'[' => {
                    self.at += 1;
                    self.skip_blanks();
                    if matches!(self.bytes.get(self.at), Some(b'}' | b']')) {
                        self.at += 1;
                        self.push(Kind::Empty, (from as u32, self.at as u32));
                    } else {
                        self.push(Kind::Open, (from as u32, from as u32 + 1));
                        self.open.push(self.lines.len() - 1);
                    }
                }
                b'}' | b']' => {
                    self.at += 1;
                    if let Some(open) = self.open.pop() {
                        self.lines[open].end = self.lines.len() as u32;
                        self.push(Kind::Close, (from as u32, self.at as u32));
                    } else {
                        self.push(Kind::Other, (from as u32, self.at as u32));
                    }
                }
                b',' => {
                    self.at += 1;
                    if let Some(last) = self.lines.last_mut() {
                        last.comma = true;
                    }
                }
                _ => {
                    self.skip_word();
                    let kind = match &self.bytes[from..self.at] {
                        b"true" | b"false" => Kind::Bool,
                        b"null" => Kind::Null,
                        word if word[0] == b'-' || word[0].is_ascii_digit() => Kind::Number,
                        _ => Kind::Other,
                    };
                    self.push(kind, (from as u32, self.at as u32));
                }
            }
        }
        if self.key != (0, 0) {
            self.push(Kind::Other, (self.key.1, self.key.1));
        }
        for open in self.open {
            self.lines[open].end = self.lines.len() as u32;
        }
        self.lines
    }

    fn push(&mut self, kind: Kind, value: (u32, u32)) {
        if kind != Kind::Close
            && let Some(open) = self.open.last()
        {
            self.lines[*open].items += 1;
        }
        let depth = u16::try_from(self.open.len()).unwrap_or(u16::MAX);
        let key = std::mem::take(&mut self.key);
        self.lines.push(Line { depth, kind, comma: false, key, value, end: 0, items: 0 });
    }

    fn skip_blanks(&mut self) {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at = (self.at + 1).min(self.bytes.len()),
                b'"' => break,
                _ => {}
            }
        }
    }

    fn skip_word(&mut self) {
        self.at += 1;
        while self.bytes.get(self.at).is_some_and(|b| !b.is_ascii_whitespace() && !b",]}[{\"".contains(b)) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Kind::{Bool, Close, Empty, Null, Number, Open, Text};
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let layout = Layout::new(text.to_owned(), 0);
        let line = |l: &Line| {
            format!(
                "{}{} {}{}",
                " ".repeat(l.depth.into()),
                layout.key(l),
                layout.value(l),
                if l.comma { "," } else { "" }
            )
        };
        layout.lines.iter().map(line).collect()
    }

    #[test]
    fn digits_order_and_kinds_stay() {
        let text = r#"{"z": 9007199254740993.10, "a": [1, {}, true], "t": "a, \"b\": {", "n": null, "e": []}"#;
        assert_eq!(
            shown(text),
            [
                " {",
                " \"z\" 9007199254740993.10,",
                " \"a\" [",
                "   1,",
                "   {},",
                "   true",
                "  ],",
                " \"t\" \"a, \\\"b\\\": {\",",
                " \"n\" null,",
                " \"e\" []",
                " }"
            ]
        );
        let layout = Layout::new(text.to_owned(), 0);
        let kinds: Vec<Kind> = layout.lines.iter().map(|line| line.kind).collect();
        assert_eq!(kinds, [Open, Number, Open, Number, Empty, Bool, Close, Text, Null, Empty, Close]);
        assert_eq!(
            (layout.lines[0].items, layout.lines[0].end, layout.lines[2].items, layout.lines[2].end),
            (5, 10, 3, 6)
        );
    }

    #[test]
    fn what_is_cut_off_is_laid_out_as_far_as_it_goes() {
        assert_eq!(shown("{\"a\": [1, \"tex"), [" {", " \"a\" [", "   1,", "   \"tex"]);
        assert_eq!(shown("{\"a\":"), [" {", " \"a\" "]);
        assert_eq!((shown("3"), shown("]"), shown("")), (vec![" 3".to_owned()], vec![" ]".to_owned()], vec![]));
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost(text in "[\\[\\]{}\",:\\\\ a1é]{0,80}") {
            let layout = Layout::new(text.clone(), 0);
            for line in &layout.lines {
                assert!(layout.text.get(line.whole()).is_some());
            }
            let bare = |text: &str| text.chars().filter(|c| !" ,:".contains(*c)).collect::<String>();
            let lines: String = layout.lines.iter().flat_map(|l| [layout.key(l), layout.value(l)]).collect();
            assert_eq!(bare(&lines), bare(&text));
        }
    }
}
