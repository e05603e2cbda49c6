//! A payload as it is read: what of it is folded, where the cursor stands, what was looked for.

use super::json::{Kind, Layout, Line};
use crate::ui::{Move, Role};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A text of more bytes is searched when the words are complete, not at every key.
const LIVE: usize = 2 << 20;
/// Nesting is not drawn deeper than so.
const DEEPEST: u16 = 20;

/// A payload on the screen.
#[derive(Debug, Default)]
pub(super) struct Folded {
    layout: Arc<Layout>,
    /// The lines of the beginnings that are folded.
    shut: BTreeSet<u32>,
    /// The lines that can be seen.
    rows: Vec<u32>,
    /// Which of the rows the cursor is on.
    cursor: usize,
    words: String,
    /// The lines with the words.
    hits: Vec<u32>,
}

impl Folded {
    /// Takes a payload that was read. One that is read again stays as it is shown.
    pub(super) fn take(&mut self, layout: Arc<Layout>) {
        let more_is_held = layout.missing > 0 && self.layout.text.starts_with(&layout.text);
        if more_is_held || self.layout.text == layout.text && self.layout.missing == layout.missing {
            return;
        }
        if !layout.text.starts_with(&self.layout.text) {
            self.shut.clear();
        }
        self.layout = layout;
        self.show();
        self.look_for();
    }

    pub(super) fn rows(&self) -> usize {
        self.rows.len() + usize::from(self.layout.missing > 0)
    }
    pub(super) fn cursor(&self) -> usize {
        self.cursor
    }
    pub(super) fn put_cursor(&mut self, row: usize) {
        self.cursor = row.min(self.rows().saturating_sub(1));
    }
    fn here(&self) -> Option<(u32, &Line)> {
        let index = *self.rows.get(self.cursor)?;
        Some((index, &self.layout.lines[index as usize]))
    }
    /// Whether the cursor is on the line that stands for what was not read.
    pub(super) fn is_at_missing(&self) -> bool {
        self.layout.missing > 0 && self.cursor == self.rows.len()
    }

    /// Which lines can be seen: all that are not inside of something folded.
    fn show(&mut self) {
        self.rows.clear();
        let mut index = 0;
        while let Some(line) = self.layout.lines.get(index) {
            self.rows.push(index as u32);
            let folded = line.kind == Kind::Open && self.shut.contains(&(index as u32));
            index = if folded { line.end as usize + 1 } else { index + 1 };
        }
        self.put_cursor(self.cursor);
    }

    /// Moves the cursor. Left folds and right unfolds; `false`: there is nothing of the sort here.
    pub(super) fn step(&mut self, step: Move, page: usize) -> bool {
        if matches!(step, Move::Left | Move::Right) {
            let wanted = step == Move::Left;
            return match self.here() {
                // The whole of it is not folded on the way to the next part.
                Some((0, _)) if wanted => false,
                Some((index, line)) if line.kind == Kind::Open && self.shut.contains(&index) != wanted => self.fold(),
                _ => false,
            };
        }
        self.cursor = step.within(self.cursor, self.rows(), page);
        true
    }

    /// Folds or unfolds what the cursor is on, or inside of its end; whether there is something to fold.
    pub(super) fn fold(&mut self) -> bool {
        let Some((index, line)) = self.here() else { return false };
        let open = match line.kind {
            Kind::Open => index,
            Kind::Close => {
                match self.layout.lines[..index as usize].iter().rposition(|l| l.kind == Kind::Open && l.end == index) {
                    Some(open) => open as u32,
                    None => return false,
                }
            }
            _ => return false,
        };
        if !self.shut.remove(&open) {
            self.shut.insert(open);
        }
        self.show();
        self.cursor = self.rows.partition_point(|row| *row < open).min(self.rows().saturating_sub(1));
        true
    }

    /// Looks for words while they are typed; in a long text only when they are complete.
    pub(super) fn find(&mut self, words: &str, complete: bool) {
        if self.words != words {
            words.clone_into(&mut self.words);
            self.hits.clear();
        }
        if complete || self.layout.text.len() <= LIVE {
            self.look_for();
            let here = self.here().map_or(0, |(index, _)| index);
            let next = self.hits.iter().position(|hit| *hit >= here).unwrap_or(0);
            self.go_to_hit(next);
        }
    }

    fn look_for(&mut self) {
        self.hits.clear();
        let words = self.words.to_lowercase();
        if words.is_empty() {
            return;
        }
        let Layout { text, lines, .. } = &*self.layout;
        let has = |line: &Line| text.get(line.whole()).is_some_and(|t| t.to_lowercase().contains(&words));
        self.hits =
            (0..lines.len()).filter(|n| lines[*n].kind != Kind::Close && has(&lines[*n])).map(|n| n as u32).collect();
    }

    /// To the next hit, or the one before; `false`: there is none.
    pub(super) fn hit(&mut self, back: bool) -> bool {
        let here = self.here().map_or(0, |(index, _)| index);
        let next = if back {
            self.hits.iter().rposition(|hit| *hit < here).or_else(|| self.hits.len().checked_sub(1))
        } else {
            self.hits.iter().position(|hit| *hit > here).or_else(|| (!self.hits.is_empty()).then_some(0))
        };
        next.is_some_and(|next| self.go_to_hit(next))
    }

    /// Unfolds what the hit is in, and goes there.
    fn go_to_hit(&mut self, n: usize) -> bool {
        let Some(line) = self.hits.get(n).copied() else { return false };
        let lines = &self.layout.lines;
        let before = self.shut.len();
        self.shut.retain(|open| !(*open < line && line <= lines[*open as usize].end));
        if self.shut.len() < before {
            self.show();
        }
        self.cursor = self.rows.partition_point(|row| *row < line);
        true
    }

    /// What was found, in words; empty: nothing is looked for.
    pub(super) fn found(&self) -> String {
        if self.words.is_empty() {
            return String::new();
        }
        let at = self.here().and_then(|(index, _)| self.hits.iter().position(|hit| *hit == index));
        match (at, self.hits.len()) {
            (_, 0) => format!("/{} not found", self.words),
            (Some(at), all) => format!("/{} {} of {all}", self.words, at + 1),
            (None, 1) => format!("/{} on 1 line", self.words),
            (None, all) => format!("/{} on {all} lines", self.words),
        }
    }

    /// A row as parts in roles, not more of it than `cells` can hold.
    pub(super) fn row(&self, row: usize, cells: usize) -> Vec<(String, Role)> {
        let Some(index) = self.rows.get(row) else {
            let more = crate::ui::format::count(self.layout.missing.unsigned_abs());
            return vec![(format!("… {more} more characters. Enter reads them, Y copies all of it"), Role::Accent)];
        };
        let line = &self.layout.lines[*index as usize];
        let (key, value) = (self.layout.key(line), self.layout.value(line));
        let mut parts = vec![("  ".repeat(line.depth.min(DEEPEST).into()), Role::Dim)];
        if !key.is_empty() {
            self.marked(key, Role::Accent, cells, &mut parts);
            parts.push((": ".to_owned(), Role::Dim));
        }
        let role = match line.kind {
            Kind::Open | Kind::Close | Kind::Empty => Role::Dim,
            Kind::Text => Role::Text,
            Kind::Number => Role::Info,
            Kind::Bool => Role::Strong,
            Kind::Null => Role::Muted,
            Kind::Other => Role::Warn,
        };
        self.marked(value, role, cells, &mut parts);
        let mut comma = line.comma;
        if line.kind == Kind::Open && self.shut.contains(index) {
            let end = self.layout.lines.get(line.end as usize);
            comma = end.is_some_and(|end| end.comma);
            parts.push((format!(" … {} ", line.items), Role::Muted));
            parts.push((end.map(|end| self.layout.value(end)).unwrap_or_default().to_owned(), Role::Dim));
        }
        if comma {
            parts.push((",".to_owned(), Role::Dim));
        }
        parts
    }

    /// The value that the cursor is on, where a line of `cells` does not hold it: its beginning, so many bytes at most, and how many
    /// characters there are behind it.
    pub(super) fn cut(&self, cells: usize, most: usize) -> Option<(&str, usize)> {
        let (_, line) = self.here().filter(|(_, line)| line.kind != Kind::Open)?;
        let value = self.layout.value(line);
        let before = 2 * usize::from(line.depth.min(DEEPEST)) + crate::ui::text::width(self.layout.key(line)) + 2;
        let begin = &value[..value.floor_char_boundary(most)];
        if before + crate::ui::text::width(begin) < cells {
            return None;
        }
        Some((begin, value[begin.len()..].chars().count()))
    }

    /// A text with the words that were looked for marked; around the first of them where the text is long.
    fn marked(&self, text: &str, role: Role, cells: usize, parts: &mut Vec<(String, Role)>) {
        let long = text.len() > cells;
        let mut text = text;
        if long && !self.words.is_empty() && self.words.is_ascii() {
            let at =
                text.as_bytes().windows(self.words.len()).position(|w| w.eq_ignore_ascii_case(self.words.as_bytes()));
            let from = at.filter(|at| *at > cells / 2).map(|at| text.floor_char_boundary(at - cells / 4));
            if let Some(from) = from {
                parts.push(("…".to_owned(), Role::Dim));
                text = &text[from..];
            }
        }
        // A cell takes at least a byte of what is no mark upon a letter: so much fills the line in any case.
        let mut rest = &text[..text.floor_char_boundary(cells * 8)];
        while let Some(at) = place_of(rest, &self.words) {
            parts.push((rest[..at.start].to_owned(), role));
            parts.push((rest[at.clone()].to_owned(), Role::Match));
            rest = &rest[at.end..];
        }
        parts.push((rest.to_owned(), role));
    }
}

/// Where words stand in a text, in whatever case.
fn place_of(text: &str, words: &str) -> Option<std::ops::Range<usize>> {
    if words.is_empty() {
        return None;
    }
    let wanted: Vec<char> = words.chars().flat_map(char::to_lowercase).collect();
    text.char_indices().find_map(|(from, _)| {
        let mut left = &wanted[..];
        for (at, c) in text[from..].char_indices() {
            for lower in c.to_lowercase() {
                left = left.strip_prefix(&[lower])?;
            }
            if left.is_empty() {
                return Some(from..from + at + c.len_utf8());
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Folded {
        let mut folded = Folded::default();
        folded.take(Arc::new(Layout::new(text.to_owned(), 0)));
        folded
    }

    fn lines(folded: &Folded) -> Vec<String> {
        (0..folded.rows()).map(|row| folded.row(row, 80).into_iter().map(|(text, _)| text).collect()).collect()
    }

    const TEXT: &str = r#"{"a": {"b": [1, 2.50], "c": "Needle"}, "d": [9007199254740993], "e": "needle"}"#;

    #[test]
    fn a_node_folds_to_the_number_of_its_items_and_back() {
        let mut folded = of(TEXT);
        let all = lines(&folded);
        folded.step(Move::Down, 1);
        assert!(folded.step(Move::Left, 1) && !folded.step(Move::Left, 1), "only once");
        assert_eq!(lines(&folded)[..3], ["{", "  \"a\": { … 2 },", "  \"d\": ["]);
        assert!(folded.step(Move::Right, 1));
        assert_eq!(lines(&folded), all);
        folded.put_cursor(6);
        assert_eq!(lines(&folded)[6], "    ],".replace("    ],", &all[6]));
        folded.put_cursor(5);
        assert!(folded.fold(), "the end of a node folds it too: {all:?}");
        assert_eq!((folded.cursor(), lines(&folded)[2].as_str()), (2, "    \"b\": [ … 2 ],"));
        folded.put_cursor(0);
        assert!(!folded.step(Move::Left, 1), "left leads to another part from the first line");
        assert!(folded.fold());
        assert_eq!(lines(&folded), ["{ … 3 }"]);
    }

    #[test]
    fn a_search_counts_marks_and_unfolds() {
        let mut folded = of(TEXT);
        folded.put_cursor(1);
        folded.fold();
        folded.put_cursor(0);
        folded.find("needle", false);
        assert_eq!(folded.found(), "/needle 1 of 2");
        let row = folded.row(folded.cursor(), 80);
        assert!(row.contains(&("Needle".to_owned(), Role::Match)), "{row:?}");
        assert!(folded.hit(false));
        assert_eq!(folded.found(), "/needle 2 of 2");
        assert!(folded.hit(false) && folded.found() == "/needle 1 of 2", "it goes round");
        assert!(folded.hit(true) && folded.found() == "/needle 2 of 2");
        folded.find("nowhere", true);
        assert!(!folded.hit(false));
        assert_eq!(folded.found(), "/nowhere not found");
    }

    #[test]
    fn what_is_read_again_stays_as_it_is_shown() {
        let mut folded = of(TEXT);
        folded.put_cursor(1);
        folded.fold();
        let before = lines(&folded);
        folded.take(Arc::new(Layout::new(TEXT.to_owned(), 0)));
        assert_eq!(lines(&folded), before);
        folded.take(Arc::new(Layout::new(TEXT[..20].to_owned(), 99)));
        assert_eq!(lines(&folded), before, "the beginning alone does not replace the whole");
        folded.take(Arc::new(Layout::new("[1]".to_owned(), 0)));
        assert_eq!((lines(&folded), folded.cursor()), (vec!["[".into(), "  1".into(), "]".into()], 1));
    }

    #[test]
    fn of_a_long_text_so_much_as_fills_the_line_is_taken_and_a_hit_far_in_is_shown() {
        let text = format!("{{\"a\": \"{}here{}\"}}", "é".repeat(400_000), "x".repeat(400_000));
        let mut folded = of(&text);
        let size = |folded: &Folded| folded.row(1, 80).iter().map(|(t, _)| t.len()).sum::<usize>();
        assert!(size(&folded) < 1_000);
        folded.find("here", true);
        assert!(folded.row(1, 80).contains(&("here".to_owned(), Role::Match)));
        assert!(size(&folded) < 1_000);
    }

    #[test]
    fn ten_megabytes_are_laid_out_and_moved_in_at_once() {
        let items: Vec<String> =
            (0..120_000).map(|n| format!("{{\"id\": {n}, \"text\": \"{}\"}}", "y".repeat(60))).collect();
        let text = format!("[{}]", items.join(", "));
        assert!(text.len() > 10_000_000);
        let mut folded = of(&text);
        let began = std::time::Instant::now();
        for _ in 0..1_000 {
            folded.step(Move::PageDown, 40);
            for row in folded.cursor()..folded.cursor() + 50 {
                folded.row(row, 120);
            }
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(2), "{:?} for 1,000 pages", began.elapsed());
    }
}
