//! What a database answered.

use super::window::Edge;
use super::{Level, Message, Queue};
use crate::postgres::{Fault, Kind};
use crate::queue::groups::Groups;
use crate::queue::store::{Pulse, Total};
use crate::queue::{Anchor, Page, SortBy};
use crate::ui::{Effect, Now, Step};

impl Queue {
    pub(super) fn told(&mut self, message: Message, now: Now) -> Step<Self> {
        match message {
            Message::Opened { question, shape, anchor, page, total, pulse, groups } if question == self.question => {
                self.shape = Some(shape);
                self.fault = None;
                self.seen(total, pulse, now);
                self.take_page(page, &anchor, now);
                let mut effects = Vec::new();
                if let Some(groups) = groups {
                    effects.extend(self.take_groups(groups, now));
                } else {
                    if self.groups.is_none() && !self.touched {
                        // The reasons take longer than the rows: the rows do not wait for them.
                        self.level = Level::List;
                    }
                    effects.extend(self.regroup());
                }
                effects.extend(self.recount());
                effects.extend(self.fill());
                effects.extend(self.peek());
                effects
            }
            Message::Paged { question, anchor, edge, page } if question == self.question => {
                self.read_at = Some(now.uptime);
                match edge {
                    Some(edge) => self.take_edge(edge, page, now),
                    None => self.take_page(page, &anchor, now),
                }
                let mut effects = self.prefetch();
                effects.extend(self.peek());
                effects
            }
            Message::Refreshed { question, from_start, page, total, pulse } => {
                self.seen(total, pulse, now);
                if question == self.question && !self.loading {
                    self.take_refresh(page, from_start, now);
                }
                let mut effects = self.follow_up(now);
                effects.extend(self.prefetch());
                if self.level == Level::Entry || self.is_wide() {
                    effects.extend(self.look());
                }
                effects
            }
            Message::Quiet => {
                self.read_at = Some(now.uptime);
                self.fault = None;
                Vec::new()
            }
            Message::Grouped(groups, cost) => {
                self.groups_cost = cost;
                self.take_groups(groups, now)
            }
            Message::Counted { question, count, took } if question == self.question => {
                (self.matching, self.count_cost, self.counted_at) = (Some(count), took, now.uptime);
                Vec::new()
            }
            Message::Detail(id, found) if self.inside.id == Some(id) => {
                self.inside.gone = found.is_none();
                if found.is_some() {
                    self.inside.detail = found;
                    self.inside.compare();
                }
                Vec::new()
            }
            Message::Laid(id, layout) => {
                if self.inside.id == Some(id) {
                    self.inside.payload.take(layout);
                }
                Vec::new()
            }
            Message::Images(id, images) if self.inside.id == Some(id) => {
                self.inside.images = Some(images);
                self.inside.compare();
                Vec::new()
            }
            Message::Dried(ids, then, outcomes) => self.dried(ids, then, outcomes),
            Message::Replayed(ids, outcomes) => self.replayed(&ids, outcomes, now),
            Message::Edit(answer) => self.edit_told(answer, now),
            Message::Started(started) => Self::started(started),
            Message::Chosen { question, purpose, ids } if question == self.question => self.chosen(purpose, ids),
            Message::Frozen(frozen) => {
                self.frozen = Some(frozen);
                Vec::new()
            }
            Message::Begun => {
                self.busy = true;
                Vec::new()
            }
            Message::Put(ids, put, found) => self.put(&ids, put, found, now),
            Message::Undone { ids, redo, dry, reason, found } => self.undone(&ids, (redo, dry), reason, found, now),
            Message::Planned(id, plan) => self.planned(id, plan),
            Message::UserFound { id, text, waiting, user } => self.user_found(id, text, waiting, user),
            Message::Mended(id, done) => self.mended(id, done, now),
            Message::Parent(id, parent) => self.parent_found(id, parent),
            Message::Worker(worker) => {
                self.worker = Some(worker);
                Vec::new()
            }
            Message::Columns(id, columns) => {
                if self.inside.id == Some(id) {
                    self.inside.columns = columns;
                    self.inside.compare();
                }
                Vec::new()
            }
            Message::Copied(text) => vec![Effect::Copy(text)],
            Message::Failed { question, fault } => self.failed(question, fault),
            // Late answers to old questions.
            Message::Opened { .. }
            | Message::Paged { .. }
            | Message::Counted { .. }
            | Message::Chosen { .. }
            | Message::Detail(..)
            | Message::Images(..) => Vec::new(),
        }
    }

    fn seen(&mut self, total: Total, pulse: Pulse, now: Now) {
        self.total = Some(total);
        self.pulse = Some(pulse);
        self.read_at = Some(now.uptime);
        self.fault = None;
    }

    fn take_page(&mut self, page: Page, anchor: &Anchor, now: Now) {
        self.loading = false;
        self.growing = false;
        if *anchor == Anchor::First && self.scope.sort.by == SortBy::Time && !self.scope.sort.descending {
            self.oldest = page.entries.first().and_then(|entry| Some((entry.age_s?, now.uptime)));
        }
        self.window.replace(page, anchor, now.uptime);
    }

    fn take_edge(&mut self, edge: Edge, page: Page, now: Now) {
        self.growing = false;
        self.window.grow(edge, page, now.uptime);
    }

    /// Rows read again. If the cursor has left them meanwhile, they are not taken: it must not be moved.
    fn take_refresh(&mut self, page: Page, from_start: bool, now: Now) {
        let here = self.window.selected().map(|entry| entry.id);
        let still = here.is_none_or(|id| self.refreshing == Some(id) || page.entries.iter().any(|e| e.id == id));
        if still {
            if from_start && self.scope.sort.by == SortBy::Time && !self.scope.sort.descending {
                self.oldest = page.entries.first().and_then(|entry| Some((entry.age_s?, now.uptime)));
            }
            self.growing = false;
            self.window.renew(page, from_start, now.uptime);
        }
    }

    fn take_groups(&mut self, groups: Groups, now: Now) -> Step<Self> {
        self.grouping = false;
        let selected = self.groups.as_ref().and_then(|old| old.groups.get(self.reason)).map(|group| group.id.clone());
        let at = selected.and_then(|id| groups.groups.iter().position(|group| group.id == id));
        self.reason = at.unwrap_or(self.reason).min(groups.groups.len().saturating_sub(1));
        if let Some(members) = &mut self.scope.members
            && let Some(group) = groups.groups.iter().find(|group| group.id == members.id)
        {
            // New entries may have joined the reason that is open.
            *members = group.members.clone();
        }
        let failed = groups.entries;
        self.groups_at = now.uptime;
        if !self.touched {
            // What is wrong comes first; with nothing wrong the entries do. Someone at work is not sent about.
            self.level = if groups.groups.is_empty() { Level::List } else { Level::Groups };
        }
        self.groups = Some(groups);
        let facts = crate::ui::header::Facts { failed: u64::try_from(failed).ok(), ..Default::default() };
        vec![Effect::Publish(facts)]
    }

    fn failed(&mut self, question: Option<u64>, fault: Fault) -> Step<Self> {
        if question.is_some_and(|question| question != self.question) {
            return Vec::new();
        }
        if question.is_some() {
            self.loading = false;
            self.growing = false;
        } else {
            self.grouping = false;
        }
        // A refused sort leaves the list as it was.
        if fault.kind == Kind::Settings {
            self.scope.sort = crate::queue::Sort::default();
            let mut effects = vec![Effect::fault(&fault)];
            effects.extend(self.relist());
            return effects;
        }
        if question.is_none() && self.shape.is_some() {
            return if fault.kind == Kind::Unreachable { Vec::new() } else { vec![Effect::fault(&fault)] };
        }
        if matches!(fault.kind, Kind::Schema | Kind::Privilege) {
            self.shape = None;
        }
        self.fault = Some(fault);
        Vec::new()
    }
}
