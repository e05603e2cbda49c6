//! Words in roles, broken into lines where they may be broken.

use crate::ui::code::Line;
use crate::ui::{Role, text};
use unicode_segmentation::UnicodeSegmentation;

/// Text in roles, as it is written, before it is broken into lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    parts: Line,
}

/// The mark of a line's end within a paragraph; text itself is made safe and never holds it.
const BREAK: &str = "\n";

impl Words {
    pub(super) fn push(&mut self, words: &str, role: Role) {
        // A tab within a text is a space; within code it was expanded.
        let safe = text::safe(&words.replace(['\t', '\n'], " ")).into_owned();
        if !safe.is_empty() {
            self.parts.push((safe, role));
        }
    }
    pub(super) fn line_break(&mut self) {
        if !self.parts.is_empty() {
            self.parts.push((BREAK.to_owned(), Role::Text));
        }
    }
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
    /// What was written since a place.
    pub(super) fn since(&self, from: usize) -> String {
        self.parts.iter().skip(from).map(|(words, _)| words.as_str()).collect()
    }
    /// The cells of the longest line where nothing is broken.
    pub(super) fn natural(&self) -> usize {
        let (mut most, mut line) = (0, 0);
        for (words, _) in &self.parts {
            if words == BREAK {
                line = 0;
            } else {
                line += text::width(words);
                most = most.max(line);
            }
        }
        most
    }
    /// The same in another role where it has none of its own.
    pub(super) fn in_role(mut self, role: Role) -> Self {
        for (_, own) in &mut self.parts {
            if *own == Role::Text {
                *own = role;
            }
        }
        self
    }
    /// Breaks it into lines of at most `cells` cells: at spaces, between wide letters, and through what is too long.
    pub(super) fn wrap(self, cells: usize) -> Vec<Line> {
        let mut lines = Lines { cells: cells.max(1), done: Vec::new(), line: Line::new(), used: 0, space: None };
        let mut word = Line::new();
        for (words, role) in self.parts {
            if words == BREAK {
                lines.word(std::mem::take(&mut word));
                lines.end();
                continue;
            }
            for g in words.graphemes(true) {
                if g == " " {
                    lines.word(std::mem::take(&mut word));
                    lines.space = Some(role);
                } else if text::width(g) > 1 {
                    // Letters of two cells are written without spaces: a line may end at each.
                    lines.word(std::mem::take(&mut word));
                    lines.word(vec![(g.to_owned(), role)]);
                } else {
                    push(&mut word, g, role);
                }
            }
        }
        lines.word(word);
        lines.end();
        lines.done
    }
}

fn push(line: &mut Line, words: &str, role: Role) {
    match line.last_mut() {
        Some((last, same)) if *same == role => last.push_str(words),
        _ => line.push((words.to_owned(), role)),
    }
}

fn cells_of(line: &Line) -> usize {
    line.iter().map(|(words, _)| text::width(words)).sum()
}

struct Lines {
    cells: usize,
    done: Vec<Line>,
    line: Line,
    used: usize,
    /// A space that stands before the next word, unless a line begins there.
    space: Option<Role>,
}

impl Lines {
    fn word(&mut self, word: Line) {
        let wide = cells_of(&word);
        if wide == 0 {
            return;
        }
        let space = self.space.take().filter(|_| self.used > 0);
        if self.used > 0 && self.used + usize::from(space.is_some()) + wide > self.cells {
            self.end();
        } else if let Some(role) = space {
            push(&mut self.line, " ", role);
            self.used += 1;
        }
        if self.used + wide <= self.cells {
            for (words, role) in word {
                push(&mut self.line, &words, role);
            }
            self.used += wide;
            return;
        }
        for piece in chop(word, self.cells) {
            if self.used > 0 {
                self.end();
            }
            self.used = cells_of(&piece);
            self.line = piece;
        }
    }
    fn end(&mut self) {
        self.space = None;
        self.used = 0;
        self.done.push(std::mem::take(&mut self.line));
    }
}

/// Cuts a line into pieces of at most `cells` cells, wherever that falls.
pub(super) fn chop(line: Line, cells: usize) -> Vec<Line> {
    if cells_of(&line) <= cells {
        return vec![line];
    }
    let (mut out, mut piece, mut used) = (Vec::new(), Line::new(), 0);
    for (words, role) in line {
        for g in words.graphemes(true) {
            let w = text::width(g);
            if used + w > cells && used > 0 {
                out.push(std::mem::take(&mut piece));
                used = 0;
            }
            push(&mut piece, g, role);
            used += w;
        }
    }
    out.push(piece);
    out
}
