//! Text from databases and servers, made harmless and measured in cells.
//!
//! Nothing is dropped: what a terminal would obey becomes a mark one can see.

use std::borrow::Cow;
use std::fmt::Write as _;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// How many marks may sit on one letter before the rest is cut: more is an attack on the line height.
const MARKS: usize = 6;

/// One line of text that no terminal obeys: controls, bidirectional overrides and invisible characters become marks.
pub fn safe(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut marks = 0;
    for c in text.chars() {
        if is_mark(c) {
            marks += 1;
            match marks.cmp(&(MARKS + 1)) {
                std::cmp::Ordering::Less => out.push(c),
                std::cmp::Ordering::Equal => out.push('…'),
                std::cmp::Ordering::Greater => {}
            }
            continue;
        }
        marks = 0;
        push_safe(&mut out, c);
    }
    Cow::Owned(out)
}

/// A text of several lines: split at line ends, tabs expanded to `tab` columns, everything else as in [`safe`].
pub fn safe_lines(text: &str, tab: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for raw in text.split('\n') {
        let raw = raw.strip_suffix('\r').unwrap_or(raw);
        let mut line = String::with_capacity(raw.len());
        for (i, piece) in raw.split('\t').enumerate() {
            if i > 0 {
                let pad = tab - width(&line) % tab.max(1);
                line.extend(std::iter::repeat_n(' ', pad));
            }
            line.push_str(&safe(piece));
        }
        lines.push(line);
    }
    lines
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
        && c != '\u{34f}'
}

fn push_safe(out: &mut String, c: char) {
    match c {
        '\0'..='\x1f' => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('·')),
        '\x7f' => out.push('␡'),
        '\u{80}'..='\u{9f}' => {
            let _ = write!(out, "\\x{:02x}", c as u32);
        }
        // The selector that asks for an emoji's picture: terminals disagree about its width, the letter stays.
        '\u{fe0f}' => {}
        c if is_invisible(c) => {
            let _ = write!(out, "\\u{:04x}", c as u32);
        }
        c => out.push(c),
    }
}

/// Characters that reorder, join or take no room.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0e}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// How many cells a text takes.
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

/// Cuts a text to at most `cells` cells; what is cut ends in `…`.
pub fn truncate(text: &str, cells: usize) -> Cow<'_, str> {
    // A cell takes at least a byte, so that a long text is not measured to its end.
    if text.len() <= cells || (text.len() <= cells * 16 && width(text) <= cells) {
        return Cow::Borrowed(text);
    }
    if cells == 0 {
        return Cow::Borrowed("");
    }
    let mut out = String::new();
    let mut used = 0;
    for g in text.graphemes(true) {
        let w = width(g);
        if used + w > cells - 1 {
            break;
        }
        used += w;
        out.push_str(g);
    }
    out.push('…');
    Cow::Owned(out)
}

/// A text in exactly `cells` cells, to the left.
pub fn left(text: &str, cells: usize) -> String {
    let mut out = truncate(text, cells).into_owned();
    out.extend(std::iter::repeat_n(' ', cells.saturating_sub(width(&out))));
    out
}

/// A text in exactly `cells` cells, to the right.
pub fn right(text: &str, cells: usize) -> String {
    let cut = truncate(text, cells);
    let mut out = " ".repeat(cells.saturating_sub(width(&cut)));
    out.push_str(&cut);
    out
}

/// Breaks a text into lines of at most `cells` cells, at spaces where it can.
pub fn wrap(text: &str, cells: usize) -> Vec<String> {
    let cells = cells.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in words(text) {
        let w = width(word);
        if used + w <= cells {
            line.push_str(word);
            used += w;
            continue;
        }
        if !line.trim().is_empty() {
            lines.push(std::mem::take(&mut line).trim_end().to_owned());
        }
        line.clear();
        used = 0;
        if word.trim().is_empty() {
            continue;
        }
        for g in word.graphemes(true) {
            let w = width(g);
            if used + w > cells && used > 0 {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push_str(g);
            used += w;
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// What stays together in a line: spaces, letters that take two cells each, and everything between them with its punctuation.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let kind = |g: &str| if g.trim().is_empty() { 0 } else { width(g).clamp(1, 2) };
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut parts = rest.grapheme_indices(true).map(|(at, g)| (at, kind(g)));
        let (_, first) = parts.next()?;
        let end = parts.find(|(_, next)| *next != first || first == 2).map_or(rest.len(), |(at, _)| at);
        let (word, left) = rest.split_at(end);
        rest = left;
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a terminal would obey, from titles to clipboard writes, and what only looks like something else.
    const HOSTILE: &[&str] = &[
        "\x1b]0;owned\x07",
        "\x1b]52;c;aGk=\x1b\\",
        "\x1b[2J\x1b[H",
        "\x1b[?1049l",
        "bell\x07",
        "\u{9b}31mred\u{9c}",
        "\u{90}q\u{9c}",
        "line\nbreak\r\n",
        "tab\there",
        "\x7f\x08\x00",
        "\u{202e}gpj.exe",
        "\u{2066}isolate\u{2069}",
        "zero\u{200b}width\u{feff}",
        "👨\u{200d}👩\u{200d}👧",
        "tag\u{e0041}",
        "line\u{2028}sep",
        "soft\u{ad}hyphen",
    ];

    #[test]
    fn nothing_a_terminal_obeys_survives() {
        for text in HOSTILE {
            let out = safe(text);
            assert!(!out.chars().any(|c| c.is_control() || is_invisible(c)), "{text:?} became {out:?}");
            assert!(out.chars().count() >= text.chars().count(), "{text:?} lost something: {out:?}");
        }
    }

    #[test]
    fn marks_are_what_people_know() {
        assert_eq!(safe("a\x1b[31m"), "a␛[31m");
        assert_eq!(safe("a\nb\tc"), "a␊b␉c");
        assert_eq!(safe("\u{9b}\x7f"), "\\x9b␡");
        assert_eq!(safe("\u{202e}x"), "\\u202ex");
        assert!(matches!(safe("plain ascii"), Cow::Borrowed(_)));
        assert_eq!(safe("naïve 日本 ñ"), "naïve 日本 ñ");
    }

    #[test]
    fn a_tower_of_marks_is_cut() {
        let tower: String = std::iter::once('a').chain(std::iter::repeat_n('\u{301}', 5_000)).collect();
        assert!(safe(&tower).chars().count() <= MARKS + 2);
    }

    #[test]
    fn cutting_counts_cells() {
        assert_eq!(truncate("hello", 5), "hello");
        assert_eq!(truncate("hello!", 5), "hell…");
        assert_eq!(truncate("日本語", 5), "日本…");
        assert_eq!(truncate("日本語", 4), "日…");
        assert_eq!(truncate("abc", 0), "");
        assert_eq!(truncate("abc", 1), "…");
        for cells in 0..12 {
            assert!(width(&truncate("a日e\u{301}👍x本y", cells)) <= cells);
            assert_eq!(width(&left("a日e\u{301}👍x本y", cells)), cells);
            assert_eq!(width(&right("日本語 text", cells)), cells);
        }
    }

    #[test]
    fn wrapping_breaks_at_spaces_and_through_long_words() {
        assert_eq!(wrap("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap("a mapping (user_id), or none", 13), ["a mapping", "(user_id), or", "none"]);
        assert!(wrap("日本語のテキスト", 5).iter().all(|l| width(l) <= 5));
    }

    #[test]
    fn lines_are_split_and_tabs_expanded() {
        assert_eq!(safe_lines("a\tb\r\n\x1b[m", 4), ["a   b", "␛[m"]);
    }
}
