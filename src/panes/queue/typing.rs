//! The two lines that are typed: a filter, which the list follows, and a place to go to.

use super::{Queue, Typing};
use crate::queue::sql::Statement;
use crate::queue::{Anchor, Filter, filter};
use crate::ui::field::Typed;
use crate::ui::{Chord, Effect, Level as Weight, Step};
use std::time::Duration;

/// So long typing rests before the list follows.
const TYPING: Duration = Duration::from_millis(120);

impl Queue {
    pub(super) fn paste(&mut self, text: &str) -> Step<Self> {
        if self.prompt.wanted.is_some() {
            return self.prompt_paste(text);
        }
        match self.typing {
            Some(Typing::Filter) => {
                self.filter.insert(text);
                vec![Effect::Timer { id: "filter", after: TYPING }]
            }
            Some(Typing::Jump) => {
                self.jump.insert(text);
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    pub(super) fn key(&mut self, chord: Chord) -> Step<Self> {
        if self.prompt.wanted.is_some() {
            return self.prompt_key(chord);
        }
        match self.typing {
            Some(Typing::Filter) => match self.filter.key(chord) {
                Typed::Changed => vec![Effect::Timer { id: "filter", after: TYPING }],
                Typed::Submitted => {
                    let effects = self.follow_filter();
                    if self.filter_error.is_none() {
                        self.typing = None;
                    }
                    effects
                }
                Typed::Cancelled => {
                    self.typing = None;
                    self.filter.set(self.before_typing.clone());
                    self.follow_filter()
                }
                Typed::Moved | Typed::Ignored => Vec::new(),
            },
            Some(Typing::Jump) => match self.jump.key(chord) {
                Typed::Submitted => {
                    self.typing = None;
                    let text = self.jump.text().trim().trim_end_matches('%').to_owned();
                    match text.parse::<f64>() {
                        Ok(percent) if (0.0..=100.0).contains(&percent) => {
                            vec![self.ask(Anchor::Share(percent / 100.0))]
                        }
                        _ => vec![Effect::toast(Weight::Warn, "Expected a number from 0 to 100")],
                    }
                }
                Typed::Cancelled => {
                    self.typing = None;
                    Vec::new()
                }
                Typed::Changed | Typed::Moved | Typed::Ignored => Vec::new(),
            },
            None => Vec::new(),
        }
    }

    /// Lets the list follow what is typed; while that is wrong, the last good list stays.
    pub(super) fn follow_filter(&mut self) -> Step<Self> {
        let shape = self.shape.clone().unwrap_or_default();
        let read = filter::parse(self.filter.text()).and_then(|filter| {
            // What this replica cannot answer is as wrong as what cannot be read.
            if self.shape.is_some() {
                filter.condition(&shape, &mut Statement::default())?;
            }
            Ok(filter)
        });
        match read {
            Ok(filter) => {
                self.filter_error = None;
                if filter == self.scope.filter { Vec::new() } else { self.set_filter(filter) }
            }
            Err(error) => {
                self.filter_error = Some(error);
                Vec::new()
            }
        }
    }

    pub(super) fn set_filter(&mut self, filter: Filter) -> Step<Self> {
        self.filter_error = None;
        self.scope.filter = filter;
        self.relist()
    }
}
