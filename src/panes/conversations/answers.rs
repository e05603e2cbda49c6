//! What the pane does with what it is told.

use super::document::Document;
use super::levels::{About, Shown};
use super::work::{Message, Opened, Told};
use super::{Conversations, items, view};
use crate::conversation::From;
use crate::postgres::Fault;
use crate::ui::{Effect, Step};
use uuid::Uuid;

impl Conversations {
    pub(super) fn told(&mut self, message: Message) -> Step<Self> {
        match message.sides {
            Ok(sides) => self.sides = sides,
            Err(fault) => {
                self.list.waiting = false;
                self.list.fault = Some(words(&fault));
                return Vec::new();
            }
        }
        match message.told {
            Told::Listed { question, page, .. } if question != self.list.question => {
                drop(page);
                Vec::new()
            }
            Told::Listed { page: Err(fault), .. } => {
                self.list.waiting = false;
                self.list.fault = Some(words(&fault));
                self.sides = None;
                Vec::new()
            }
            Told::Listed { from, back, grow, page: Ok(page), .. } => {
                self.list.waiting = false;
                let new = page.conversations.iter().map(|listed| listed.conversation.id).collect();
                if grow {
                    self.list.grow(page, back);
                } else {
                    self.list.replace(page, from.as_ref(), back);
                }
                let (question, ids) = (self.list.question, self.list.to_compare(new));
                let mut effects = self.after_move();
                if !ids.is_empty() {
                    effects.push(self.run(super::Ask::Whereabouts { question, ids }));
                }
                effects
            }
            Told::Whereabouts { question, ids, places } => {
                if question == self.list.question {
                    self.sides = self.sides.take().filter(|_| places.is_ok());
                    // What cannot be compared is said to be unknown.
                    self.list.tell(&ids, &places.unwrap_or_default());
                }
                Vec::new()
            }
            Told::Facets { question, facets } => {
                if question == self.list.question {
                    // Without the counts everything else works: a fault shows on the list.
                    self.list.facets = facets.ok().or(self.list.facets.take());
                    self.list.step_choice(0);
                }
                Vec::new()
            }
            Told::Previewed { id, opened } => {
                if self.preview.wanted == Some(id) {
                    self.previewed(id, opened);
                }
                Vec::new()
            }
            Told::Opened { id, opened } => self.opened(id, opened),
            Told::More { id, side, from, page } => {
                let Some(Shown::Reading { id: shown, about: Some(about), document, loading, fault }) =
                    self.levels.last_mut().map(|l| &mut l.shown)
                else {
                    return Vec::new();
                };
                if *shown != id || about.side != side {
                    return Vec::new();
                }
                *loading = false;
                match page {
                    Err(new) => *fault = Some(words(&new)),
                    Ok(page) => {
                        let new = page
                            .messages
                            .iter()
                            .map(|m| items::message(m, about.differing.messages.get(&m.id).copied()));
                        let (new, size) = (new.collect(), view::document_size(self.size));
                        match from {
                            From::After(_) => document.grow(true, new, page.more),
                            From::Before(_) => document.grow(false, new, page.more),
                            From::Start => *document = Document::new(new, [false, page.more], size.0, size.1),
                            From::End => {
                                *document = Document::new(new, [page.more, false], size.0, size.1);
                                document.go_end(true);
                            }
                        }
                    }
                }
                self.read_on()
            }
            Told::Blocks { after, found } => {
                if let Some(Shown::Blocks { pages, rows, more, at, fault, .. }) =
                    self.levels.last_mut().map(|l| &mut l.shown)
                    && pages.last() == Some(&after)
                {
                    match found {
                        Ok((found, goes_on)) => {
                            *at = (*at).min(found.len().saturating_sub(1));
                            (*rows, *more, *fault) = (Some(found), goes_on, None);
                        }
                        Err(new) => *fault = Some(words(&new)),
                    }
                }
                self.look();
                Vec::new()
            }
            Told::Patterns(found) => {
                if let Some(Shown::Patterns { of_type, types, rows, more, at, fault }) =
                    self.levels.last_mut().map(|l| &mut l.shown)
                {
                    match found {
                        Ok((found, goes_on)) => {
                            if of_type.is_none() {
                                *types = found.iter().map(|p| p.pattern_type.clone()).collect();
                                types.sort();
                                types.dedup();
                            }
                            *at = (*at).min(found.len().saturating_sub(1));
                            (*rows, *more, *fault) = (Some(found), goes_on, None);
                        }
                        Err(new) => *fault = Some(words(&new)),
                    }
                }
                self.look();
                Vec::new()
            }
            Told::Found(found) => {
                let unmeasured = found.as_ref().ok().and_then(|found| found.unmeasured.clone());
                if let Some(Shown::Results { results, at, .. }) = self.levels.last_mut().map(|l| &mut l.shown) {
                    *results = Some(found.map(Box::new).map_err(|fault| words(&fault)));
                    *at = 0;
                }
                // The next search is quicker; this one was exact.
                match unmeasured.filter(|_| !std::mem::replace(&mut self.measuring, true)) {
                    Some((kinds, embedder)) => vec![self.run(super::Ask::Measure { kinds, embedder })],
                    None => Vec::new(),
                }
            }
            Told::Whole(found) => {
                let size = view::document_size(self.size);
                if let Some(Shown::Text { document, .. }) = self.levels.last_mut().map(|l| &mut l.shown) {
                    match found {
                        Ok(Some(item)) => *document = Document::new(vec![item], [false, false], size.0, size.1),
                        Ok(None) => return vec![Effect::toast(crate::ui::Level::Warn, "It is no longer there")],
                        Err(fault) => return vec![Effect::fault(&fault)],
                    }
                }
                Vec::new()
            }
            Told::Done(done) => self.was_done(done),
            Told::Measured => {
                self.measuring = false;
                Vec::new()
            }
            Told::Nothing => Vec::new(),
        }
    }

    fn previewed(&mut self, id: Uuid, opened: Result<Box<Opened>, Fault>) {
        let (width, height) = view::preview_size(self.size);
        match opened {
            Ok(opened) => {
                let marks = &opened.differing.messages;
                let new = opened.page.messages.iter().map(|m| items::message(m, marks.get(&m.id).copied())).collect();
                self.preview.shown = Some((id, Document::new(new, [false, opened.page.more], width, height)));
                self.preview.fault = None;
            }
            Err(fault) => self.preview.fault = Some(words(&fault)),
        }
    }

    fn opened(&mut self, id: Uuid, opened: Result<Box<Opened>, Fault>) -> Step<Self> {
        let size = view::document_size(self.size);
        let Some(Shown::Reading { id: shown, about, document, loading, fault }) =
            self.levels.last_mut().map(|l| &mut l.shown)
        else {
            return Vec::new();
        };
        if *shown != id {
            return Vec::new();
        }
        *loading = false;
        match opened {
            Err(new) => *fault = Some(words(&new)),
            Ok(opened) => {
                let marks = &opened.differing.messages;
                let new = opened.page.messages.iter().map(|m| items::message(m, marks.get(&m.id).copied())).collect();
                *document = Document::new(new, [opened.before, opened.page.more], size.0, size.1);
                if let Some(at) = opened.at {
                    document.go_to(at);
                }
                *fault = None;
                *about =
                    Some(Box::new(About { listed: opened.listed, side: opened.side, differing: opened.differing }));
            }
        }
        self.read_on()
    }

    /// Reads the messages before one gets to the end of those held.
    pub(super) fn read_on(&mut self) -> Step<Self> {
        let Some(Shown::Reading { id, about: Some(about), document, loading, .. }) =
            self.levels.last_mut().map(|l| &mut l.shown)
        else {
            return Vec::new();
        };
        let (id, side) = (*id, about.side);
        match document.wants().filter(|_| !*loading) {
            None => Vec::new(),
            Some((behind, place)) => {
                *loading = true;
                let from = if behind { From::After(place) } else { From::Before(place) };
                vec![self.run(super::Ask::More { id, side, from })]
            }
        }
    }
}

pub(super) fn words(fault: &Fault) -> String {
    let remedy = fault.remedy.as_ref().map(|r| format!("; {r}")).unwrap_or_default();
    format!("{fault}{remedy}")
}
