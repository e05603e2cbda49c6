//! Markdown as lines for a terminal: headings, lists, tables, quotes, links, and code in its language's colours.
//!
//! Every text is made safe before it is measured; a line is never wider than asked for, and nothing is left out.

mod table;
mod words;

use super::code::{self, Line};
use super::{Role, text};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::ops::Range;
use table::Table;
use words::Words;

/// A fenced or indented code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The lines it takes, its head among them.
    pub lines: Range<usize>,
    /// The name after the fence.
    pub language: String,
    /// The code as it was written.
    pub text: String,
}

/// A text, laid out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The lines.
    pub lines: Vec<Line>,
    /// The codes in it, in order.
    pub codes: Vec<Code>,
}

/// Fewer cells than this are not written into: lists in lists stop to go in.
const LEAST: usize = 12;

/// Lays a Markdown text out in `width` cells.
pub fn lay(markdown: &str, width: usize) -> Page {
    let mut writer = Writer { width: width.max(1), ..Writer::default() };
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    for event in Parser::new_ext(markdown, options) {
        writer.event(event);
    }
    writer.flush();
    while writer.page.lines.last().is_some_and(Vec::is_empty) {
        writer.page.lines.pop();
    }
    writer.page
}

/// Lays a code out alone.
pub fn lay_code(language: &str, source: &str, width: usize) -> Page {
    let mut writer = Writer { width: width.max(1), ..Writer::default() };
    writer.code = Some((language.to_owned(), source.to_owned()));
    writer.end_code();
    writer.page
}

/// What stands before the lines of a part: once, and then on every further line.
#[derive(Clone, Debug)]
struct Prefix {
    first: Option<String>,
    then: String,
    role: Role,
}

#[derive(Default)]
struct Writer {
    width: usize,
    page: Page,
    prefixes: Vec<Prefix>,
    words: Words,
    roles: Vec<Role>,
    lists: Vec<Option<u64>>,
    links: Vec<(String, usize)>,
    code: Option<(String, String)>,
    table: Option<Table>,
    heading: Option<HeadingLevel>,
    image: bool,
}

impl Writer {
    fn role(&self) -> Role {
        self.roles.last().copied().unwrap_or(Role::Text)
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(words) => match &mut self.code {
                Some((_, source)) => source.push_str(&words),
                None => self.text(&words),
            },
            Event::Code(words) | Event::InlineMath(words) | Event::DisplayMath(words) => {
                self.words.push(&words, Role::Code);
            }
            Event::Html(words) | Event::InlineHtml(words) => {
                for (n, line) in words.trim_end_matches('\n').split('\n').enumerate() {
                    if n > 0 {
                        self.words.line_break();
                    }
                    self.words.push(line, Role::Muted);
                }
                if words.ends_with('\n') {
                    self.words.line_break();
                }
            }
            Event::SoftBreak => self.words.push(" ", self.role()),
            Event::HardBreak => self.words.line_break(),
            Event::Rule => {
                self.gap();
                let rule = "─".repeat(self.room());
                self.line(vec![(rule, Role::Rule)]);
            }
            Event::TaskListMarker(done) => self.words.push(if done { "✓ " } else { "○ " }, Role::Accent),
            Event::FootnoteReference(name) => self.words.push(&format!("[{name}]"), Role::Muted),
        }
    }

    fn text(&mut self, words: &str) {
        let role = if self.heading.is_some() && self.role() == Role::Text { Role::Accent } else { self.role() };
        self.words.push(words, role);
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.gap(),
            Tag::Heading { level, .. } => {
                self.gap();
                self.heading = Some(level);
            }
            Tag::BlockQuote(_) => {
                self.flush();
                self.gap();
                self.prefixes.push(Prefix { first: None, then: "▎ ".to_owned(), role: Role::Rule });
                self.roles.push(Role::Muted);
            }
            Tag::CodeBlock(kind) => {
                self.flush();
                self.gap();
                let language = match kind {
                    CodeBlockKind::Fenced(name) => name.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((language, String::new()));
            }
            Tag::List(first) => {
                self.flush();
                if self.lists.is_empty() {
                    self.gap();
                }
                self.lists.push(first);
            }
            Tag::Item => {
                let mark = match self.lists.last_mut() {
                    Some(Some(n)) => {
                        *n += 1;
                        format!("{}. ", n.saturating_sub(1))
                    }
                    _ => if self.lists.len().is_multiple_of(2) { "◦ " } else { "• " }.to_owned(),
                };
                let then = " ".repeat(text::width(&mark));
                self.prefixes.push(Prefix { first: Some(mark), then, role: Role::Accent });
            }
            Tag::Emphasis => self.roles.push(Role::Emphasis),
            Tag::Strong => self.roles.push(Role::Strong),
            Tag::Strikethrough => self.roles.push(Role::Dim),
            Tag::Link { dest_url, .. } => {
                self.links.push((dest_url.to_string(), self.words.len()));
                self.roles.push(Role::Info);
            }
            Tag::Image { dest_url, .. } => {
                self.words.push("[picture ", Role::Muted);
                self.image = true;
                self.links.push((dest_url.to_string(), self.words.len()));
                self.roles.push(Role::Muted);
            }
            Tag::Table(alignments) => {
                self.gap();
                self.table = Some(Table::new(alignments));
            }
            Tag::TableRow | Tag::TableHead => {
                if let Some(table) = &mut self.table {
                    table.row();
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.flush(),
            TagEnd::Heading(level) => {
                self.flush();
                self.heading = None;
                if level == HeadingLevel::H1 {
                    let under = self.page.lines.last().map_or(0, |l| l.iter().map(|(w, _)| text::width(w)).sum());
                    self.line(vec![("─".repeat(usize::min(under, self.room())), Role::Rule)]);
                }
            }
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.prefixes.pop();
                self.roles.pop();
            }
            TagEnd::CodeBlock => self.end_code(),
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
            }
            TagEnd::Item => {
                self.flush();
                // An item of nothing still shows its mark.
                if self.prefixes.last().is_some_and(|p| p.first.is_some()) {
                    self.line(Vec::new());
                }
                self.prefixes.pop();
            }
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => _ = self.roles.pop(),
            TagEnd::Link | TagEnd::Image => self.end_link(),
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.words);
                if let Some(table) = &mut self.table {
                    table.cell(cell);
                }
            }
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    for line in table.lay(self.room()) {
                        self.line(line);
                    }
                }
            }
            _ => {}
        }
    }

    /// Where a link goes, where its words do not say it.
    fn end_link(&mut self) {
        self.roles.pop();
        let Some((url, from)) = self.links.pop() else { return };
        let said = self.words.since(from);
        if !url.is_empty() && said != url && format!("mailto:{said}") != url {
            self.words.push(&format!(" ({url})"), Role::Dim);
        }
        if std::mem::take(&mut self.image) {
            self.words.push("]", Role::Muted);
        }
    }

    fn end_code(&mut self) {
        let Some((language, source)) = self.code.take() else { return };
        let from = self.page.lines.len();
        let room = self.room().saturating_sub(2).max(1);
        let name = if language.is_empty() { "code".to_owned() } else { text::safe(&language).into_owned() };
        self.line(vec![("╭ ".to_owned(), Role::Rule), (text::truncate(&name, room).into_owned(), Role::Muted)]);
        for line in code::highlight(&language, &source) {
            for (n, piece) in words::chop(line, room).into_iter().enumerate() {
                let edge = if n == 0 { "│ " } else { "┆ " };
                let mut parts = vec![(edge.to_owned(), Role::Rule)];
                parts.extend(piece);
                self.line(parts);
            }
        }
        let lines = from..self.page.lines.len();
        self.page.codes.push(Code { lines, language, text: source });
    }

    /// The cells that are left behind the prefixes.
    fn room(&self) -> usize {
        let used: usize = self.prefixes.iter().map(|p| text::width(&p.then)).sum();
        self.width.saturating_sub(used).max(LEAST.min(self.width))
    }

    /// An empty line before a part, except where a list's mark waits for its first.
    fn gap(&mut self) {
        self.flush();
        let marked = self.prefixes.last().is_some_and(|p| p.first.is_some());
        if !marked && self.page.lines.last().is_some_and(|l| !l.is_empty()) {
            let quotes: Line =
                self.prefixes.iter().filter(|p| p.role == Role::Rule).map(|p| (p.then.clone(), p.role)).collect();
            self.page.lines.push(quotes);
        }
    }

    fn flush(&mut self) {
        let words = std::mem::take(&mut self.words);
        if words.is_empty() {
            return;
        }
        for line in words.wrap(self.room()) {
            self.line(line);
        }
    }

    fn line(&mut self, parts: Line) {
        let mut line = Line::new();
        let mut left = self.width.saturating_sub(LEAST.min(self.width));
        for prefix in &mut self.prefixes {
            let mark = prefix.first.take().unwrap_or_else(|| prefix.then.clone());
            let cells = text::width(&mark);
            if cells <= left {
                left -= cells;
                line.push((mark, prefix.role));
            }
        }
        line.extend(parts);
        self.page.lines.push(line);
    }
}

#[cfg(test)]
mod tests;
