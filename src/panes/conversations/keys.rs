//! What keys and clicks do.

use super::document::Document;
use super::levels::{Asked, Level, Shown};
use super::list::Choice;
use super::view;
use super::{Action, Ask, Conversations, Typing, items};
use crate::conversation::search::Mode;
use crate::conversation::{BlockFilter, Kind, Sort};
use crate::postgres::Side;
use crate::ui::field::{Field as Line, Typed};
use crate::ui::{Chord, Effect, Level as Weight, Step};
use uuid::Uuid;

impl Conversations {
    pub(super) fn act(&mut self, action: Action) -> Step<Self> {
        match action {
            Action::Search => self.ask_search(),
            Action::Mode => self.other_mode(),
            Action::Similar => match self.thing() {
                Some((kind, id)) if kind != Kind::Conversation => {
                    self.push(Level::searching(Asked::Like(kind, id)), Ask::Like { kind, id })
                }
                _ => hint("Open a message, block or pattern first: a title has no embedding"),
            },
            Action::Facets => self.facets(),
            Action::Everything => {
                self.list.narrow = super::list::Narrow::default();
                self.list.forget();
                self.list_anew()
            }
            Action::Sort => {
                let at = Sort::ALL.iter().position(|s| *s == self.list.sort).unwrap_or(0);
                self.list.sort = Sort::ALL[(at + 1) % Sort::ALL.len()];
                self.list.forget();
                vec![self.read_list(None, false, false)]
            }
            Action::Blocks => {
                let conversation = self.conversation().filter(|_| matches!(self.shown(), Some(Shown::Reading { .. })));
                self.push_blocks(String::new(), BlockFilter { conversation, ..BlockFilter::default() })
            }
            Action::Patterns => {
                let shown =
                    Shown::Patterns { of_type: None, types: Vec::new(), rows: None, more: false, at: 0, fault: None };
                self.push(Level::new(shown), Ask::Patterns { of_type: None })
            }
            Action::Conversation => match self.conversation() {
                Some(id) => {
                    let at = self.thing().filter(|(kind, _)| *kind == Kind::Message).map(|(_, id)| id);
                    self.read(id, None, at)
                }
                None => hint("It belongs to no conversation"),
            },
            Action::OtherSide => self.other_side(),
            Action::NextMessage | Action::PreviousMessage => {
                self.in_document(|d| d.step(action == Action::NextMessage))
            }
            Action::NextCode | Action::PreviousCode => {
                let mut found = true;
                let step = self.in_document(|d| found = d.step_code(action == Action::NextCode));
                if found { step } else { step.into_iter().chain(hint("There is no further code block here")).collect() }
            }
            Action::Copy => self.copy(),
            Action::CopyCode => {
                let code = self.document().and_then(Document::code).map(ToOwned::to_owned);
                code.map_or_else(|| hint("There is no code block here"), |text| vec![Effect::Copy(text)])
            }
            Action::CopyId => self.thing().map_or_else(Vec::new, |(_, id)| vec![Effect::Copy(id.to_string())]),
            Action::Export => self.ask_file(),
            Action::Rename => self.ask_title(),
            Action::Delete => self.ask_delete(),
            Action::Undo => self.take_back(),
            Action::Refresh => {
                let mut effects = self.refresh();
                effects.extend(self.again());
                effects
            }
        }
    }

    fn shown(&self) -> Option<&Shown> {
        self.levels.last().map(|level| &level.shown)
    }

    /// The document that is open.
    pub(super) fn document(&self) -> Option<&Document> {
        match self.shown()? {
            Shown::Reading { document, .. } | Shown::Text { document, .. } => Some(document),
            _ => None,
        }
    }

    pub(super) fn in_document(&mut self, f: impl FnOnce(&mut Document)) -> Step<Self> {
        if let Some(Shown::Reading { document, .. } | Shown::Text { document, .. }) =
            self.levels.last_mut().map(|l| &mut l.shown)
        {
            f(document);
        }
        self.read_on()
    }

    /// What one is at: a message, block, pattern or conversation.
    pub(super) fn thing(&self) -> Option<(Kind, Uuid)> {
        match self.shown() {
            None => self.list.selected().map(|l| (Kind::Conversation, l.conversation.id)),
            Some(Shown::Reading { document, .. }) => document.current().map(|item| (item.kind, item.id)),
            Some(Shown::Text { kind, id, .. }) => Some((*kind, *id)),
            Some(Shown::Blocks { rows, at, .. }) => rows.as_ref()?.get(*at).map(|b| (Kind::Block, b.id)),
            Some(Shown::Patterns { rows, at, .. }) => rows.as_ref()?.get(*at).map(|p| (Kind::Pattern, p.id)),
            Some(Shown::Results { results: Some(Ok(found)), at, .. }) => found.results.get(*at).map(|r| (r.kind, r.id)),
            Some(Shown::Results { .. }) => None,
        }
    }

    /// The conversation one is at.
    pub(super) fn conversation(&self) -> Option<Uuid> {
        match self.shown() {
            None => self.list.selected().map(|l| l.conversation.id),
            Some(Shown::Reading { id, .. }) => Some(*id),
            Some(Shown::Text { conversation, .. }) => *conversation,
            Some(Shown::Blocks { rows, at, .. }) => rows.as_ref()?.get(*at)?.conversation_id,
            Some(Shown::Results { results: Some(Ok(found)), at, .. }) => found.results.get(*at)?.conversation_id,
            Some(_) => None,
        }
    }

    fn push(&mut self, level: Level, ask: Ask) -> Step<Self> {
        self.levels.push(level);
        vec![self.run(ask)]
    }

    /// Opens a conversation, at a message where one is meant.
    fn read(&mut self, id: Uuid, side: Option<Side>, at: Option<Uuid>) -> Step<Self> {
        let marker = self.levels.last().map(|level| level.marker.clone()).unwrap_or_default();
        let shown = Shown::Reading { id, about: None, document: Document::default(), loading: true, fault: None };
        self.push(Level { shown, marker }, Ask::Open { id, side, at })
    }

    fn other_side(&mut self) -> Step<Self> {
        let Some(Shown::Reading { id, about: Some(about), document, loading, .. }) =
            self.levels.last_mut().map(|l| &mut l.shown)
        else {
            return Vec::new();
        };
        let other = if about.side == Side::Master { Side::Replica } else { Side::Master };
        *loading = true;
        let (id, at) = (*id, document.current().map(|item| item.id));
        vec![self.run(Ask::Open { id, side: Some(other), at })]
    }

    /// Reads again what is open.
    fn again(&mut self) -> Step<Self> {
        let ask = match self.shown() {
            None => return Vec::new(),
            Some(Shown::Reading { id, about, document, .. }) => {
                Ask::Open { id: *id, side: about.as_ref().map(|a| a.side), at: document.current().map(|i| i.id) }
            }
            Some(Shown::Text { kind, id, .. }) => Ask::Whole { kind: *kind, id: *id },
            Some(Shown::Blocks { filter, pages, .. }) => {
                Ask::Blocks { filter: filter.clone(), after: pages.last().copied().flatten() }
            }
            Some(Shown::Patterns { of_type, .. }) => Ask::Patterns { of_type: of_type.clone() },
            Some(Shown::Results { query: Asked::Text(text, mode), .. }) => {
                Ask::Search { text: text.clone(), mode: *mode }
            }
            Some(Shown::Results { query: Asked::Like(kind, id), .. }) => Ask::Like { kind: *kind, id: *id },
        };
        vec![self.run(ask)]
    }

    pub(super) fn open(&mut self) -> Step<Self> {
        if self.levels.is_empty() && self.list.choosing.is_some() {
            return self.choose();
        }
        match self.thing() {
            None => Vec::new(),
            Some((Kind::Conversation, id)) => {
                self.read(id, self.list.narrow.side.filter(|_| self.levels.is_empty()), None)
            }
            Some((Kind::Message, id)) => match self.shown() {
                Some(Shown::Reading { .. } | Shown::Text { .. }) => Vec::new(),
                _ => self.conversation().map_or_else(Vec::new, |conversation| self.read(conversation, None, Some(id))),
            },
            Some((kind, id)) => {
                if matches!(self.shown(), Some(Shown::Text { .. })) {
                    return Vec::new();
                }
                let marker = self.levels.last().map(|level| level.marker.clone()).unwrap_or_default();
                let shown = Shown::Text { kind, id, conversation: self.conversation(), document: Document::default() };
                self.push(Level { shown, marker }, Ask::Whole { kind, id })
            }
        }
    }

    pub(super) fn back(&mut self) -> Step<Self> {
        if self.levels.pop().is_none() {
            self.list.choosing = None;
        }
        self.lay_out();
        if self.levels.is_empty() { self.after_move() } else { Vec::new() }
    }

    /// Lays out anew what is open, for the size there is now.
    pub(super) fn lay_out(&mut self) {
        let (reading, preview) = (view::document_size(self.size), view::preview_size(self.size));
        for level in &mut self.levels {
            if let Shown::Reading { document, .. } | Shown::Text { document, .. } = &mut level.shown {
                document.resize(reading.0, reading.1);
            }
        }
        if let Some((_, document)) = &mut self.preview.shown {
            document.resize(preview.0, preview.1);
        }
        self.look();
    }

    /// Shows beside the blocks and patterns what the cursor is at.
    pub(super) fn look(&mut self) {
        let item = match self.shown() {
            Some(Shown::Blocks { rows: Some(rows), at, .. }) => rows.get(*at).map(items::block),
            Some(Shown::Patterns { rows: Some(rows), at, .. }) => rows.get(*at).map(items::pattern),
            _ => return,
        };
        let (width, height) = view::beside_size(self.size);
        self.preview.wanted = None;
        self.preview.shown = item.map(|item| (item.id, Document::new(vec![item], [false, false], width, height)));
    }

    pub(super) fn facets(&mut self) -> Step<Self> {
        if let Some(Shown::Patterns { of_type, types, at, .. }) = self.levels.last_mut().map(|l| &mut l.shown) {
            let next = match &*of_type {
                None => types.first(),
                Some(now) => types.iter().position(|t| t == now).and_then(|i| types.get(i + 1)),
            };
            *of_type = next.cloned();
            *at = 0;
            let of_type = of_type.clone();
            return vec![self.run(Ask::Patterns { of_type })];
        }
        self.levels.clear();
        self.list.choosing = match self.list.choosing {
            Some(_) => None,
            None => Some(1),
        };
        Vec::new()
    }

    pub(super) fn choose(&mut self) -> Step<Self> {
        let choices = self.list.choices();
        let Some(choice) = self.list.choosing.and_then(|at| choices.get(at)) else { return Vec::new() };
        let chosen: Choice = choice.clone();
        self.list.choose(&chosen);
        self.list.forget();
        let effects = self.list_anew();
        // The lines move when the counts change: one stays at what one chose.
        let at = self.list.choices().iter().position(|c| c.words().0 == chosen.words().0);
        self.list.choosing = at.or(self.list.choosing);
        effects
    }

    pub(super) fn search(&mut self, text: String) -> Step<Self> {
        let asked = Asked::Text(text.clone(), self.mode);
        if matches!(self.shown(), Some(Shown::Results { .. })) {
            self.levels.pop();
        }
        self.push(Level::searching(asked), Ask::Search { text, mode: self.mode })
    }

    fn other_mode(&mut self) -> Step<Self> {
        let at = Mode::ALL.iter().position(|m| *m == self.mode).unwrap_or(0);
        self.mode = Mode::ALL[(at + 1) % Mode::ALL.len()];
        match self.shown() {
            Some(Shown::Results { query: Asked::Text(text, _), .. }) => self.search(text.clone()),
            _ => hint(&format!("The next search is by {}", super::levels::mode_words(self.mode))),
        }
    }

    pub(super) fn push_blocks(&mut self, typed: String, filter: BlockFilter) -> Step<Self> {
        if matches!(self.shown(), Some(Shown::Blocks { .. })) {
            self.levels.pop();
        }
        let ask = Ask::Blocks { filter: filter.clone(), after: None };
        let shown = Shown::Blocks { typed, filter, pages: vec![None], rows: None, more: false, at: 0, fault: None };
        self.push(Level::new(shown), ask)
    }

    fn ask_search(&mut self) -> Step<Self> {
        let (what, line) = match self.shown() {
            Some(Shown::Blocks { typed, .. }) => (Typing::Blocks, Line::with(typed.clone())),
            _ => (Typing::Search, self.line.clone()),
        };
        self.typing = Some((what, line));
        Vec::new()
    }

    pub(super) fn key(&mut self, chord: Chord) -> Step<Self> {
        let Some((what, mut line)) = self.typing.take() else { return Vec::new() };
        match line.key(chord) {
            Typed::Submitted => {
                let text = line.text().trim().to_owned();
                match what {
                    Typing::Search => {
                        self.line = line;
                        if text.is_empty() { Vec::new() } else { self.search(text) }
                    }
                    Typing::Blocks => {
                        let filter = block_filter(&text);
                        self.push_blocks(text, filter)
                    }
                    Typing::Title(id) => self.rename(id, &text),
                    Typing::File(id) => self.export(id, text),
                }
            }
            Typed::Cancelled => Vec::new(),
            _ => {
                self.typing = Some((what, line));
                Vec::new()
            }
        }
    }

    fn copy(&self) -> Step<Self> {
        let text = match self.shown() {
            None => self.list.selected().and_then(|l| l.conversation.title.clone()),
            Some(Shown::Reading { document, .. } | Shown::Text { document, .. }) => {
                document.current().map(|item| item.text().to_owned())
            }
            Some(Shown::Blocks { .. } | Shown::Patterns { .. }) => self
                .preview
                .shown
                .as_ref()
                .and_then(|(_, d)| d.code().or(d.current().map(super::document::Item::text)))
                .map(ToOwned::to_owned),
            Some(Shown::Results { results: Some(Ok(found)), at, .. }) => {
                found.results.get(*at).map(|r| r.snippet.text.clone())
            }
            Some(Shown::Results { .. }) => None,
        };
        text.map_or_else(|| hint("There is nothing to copy"), |text| vec![Effect::Copy(text)])
    }
}

pub(super) fn hint(words: &str) -> Step<Conversations> {
    vec![Effect::toast(Weight::Info, words)]
}

/// `lang:rust tag:x session:y`, and the rest is what the file's path holds.
fn block_filter(text: &str) -> BlockFilter {
    let mut filter = BlockFilter::default();
    let mut path = Vec::new();
    for word in text.split_whitespace() {
        match word.split_once(':') {
            Some(("lang" | "language", v)) => filter.language = Some(v.to_owned()),
            Some(("tag", v)) => filter.tag = Some(v.to_owned()),
            Some(("session", v)) => filter.session = Some(v.to_owned()),
            _ => path.push(word),
        }
    }
    filter.file = (!path.is_empty()).then(|| path.join(" "));
    filter
}
