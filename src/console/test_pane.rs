//! A tiny pane for the console's own tests: a list, a level below it, a filter, reads, writes and a question.

use super::keymap::{Keymap, Overrides};
use super::shell::{Event, Order, Setup, Shell};
use crate::postgres::{LinkStatus, Side};
use crate::ui::field::{Field, Typed};
use crate::ui::header::Facts;
use crate::ui::host::Registration;
use crate::ui::pane::{Answer, Ask, Effect, Input, Job, Level, LinkView, Links, Move, Now, Pane, Policy, Route};
use crate::ui::table::{Cell, Column, Row, Table};
use crate::ui::theme::{self, BUILT_IN, Depth};
use crate::ui::{ActionSpec, Chord, Role, Scene, Services};
use ratatui::layout::{Rect, Size};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    Read,
    Write,
    Ask,
    Filter,
    Say,
    Go,
    Publish,
    Timer,
}

#[derive(Debug)]
pub enum Command {
    Read,
    Write,
}

/// What the pane was told, in words; and the rest of its state.
#[derive(Default)]
pub struct TestPane {
    selected: usize,
    open: bool,
    filter: Field,
    typing: bool,
    heard: Vec<String>,
}

const NAMES: [&str; 4] = ["code_messages", "esc\x1b]0;owned\x07 title", "日本語の表", "\u{202e}reversed"];

impl Pane for TestPane {
    type Action = Action;
    type Command = Command;
    type Message = String;
    type View = usize;
    const NAME: &'static str = "test";
    const TITLE: &'static str = "Test";

    fn actions() -> &'static [ActionSpec<Action>] {
        const fn spec(action: Action, name: &'static str, keys: &'static [&'static str]) -> ActionSpec<Action> {
            ActionSpec { action, name, keys, short: name, help: "An action of the test pane" }
        }
        const ALL: &[ActionSpec<Action>] = &[
            spec(Action::Read, "read", &["r"]),
            spec(Action::Write, "write", &["w"]),
            spec(Action::Ask, "ask", &["a"]),
            spec(Action::Filter, "filter", &["/"]),
            spec(Action::Say, "say", &["y"]),
            spec(Action::Go, "go", &["x"]),
            spec(Action::Publish, "publish", &["u"]),
            spec(Action::Timer, "timer", &["t"]),
        ];
        ALL
    }

    fn update(&mut self, input: Input<Action, String>, _now: Now) -> Vec<Effect<Command>> {
        match input {
            Input::Action(Action::Read) => return vec![Effect::Run(Command::Read)],
            Input::Action(Action::Write) => return vec![Effect::Run(Command::Write)],
            Input::Action(Action::Ask) => {
                return vec![Effect::Ask(Ask {
                    question: "Replay 31 entries on the master?".into(),
                    details: vec!["31 × insert into code_messages".into(), "esc\x1b[2J in a detail".into()],
                    confirm: "Replay 31".into(),
                    danger: false,
                    type_the_name: None,
                    then: Command::Write,
                })];
            }
            Input::Action(Action::Filter) => self.typing = true,
            Input::Action(Action::Say) => {
                return vec![Effect::toast(
                    Level::Bad,
                    "master: relation \"x\x1b]0;owned\x07\" does not exist [42P01]",
                )];
            }
            Input::Action(Action::Go) => return vec![Effect::Go(Route::to("other").filtered("state:failed"))],
            Input::Action(Action::Publish) => {
                let facts = Facts { failed: Some(37), mood: Some("focused".into()), ..Facts::default() };
                return vec![Effect::Publish(facts)];
            }
            Input::Action(Action::Timer) => {
                return vec![Effect::Timer { id: "again", after: Duration::from_secs(2) }];
            }
            Input::Message(text) => self.heard.push(text),
            Input::Move(Move::Down) => self.selected = (self.selected + 1).min(29),
            Input::Move(Move::Up) => self.selected = self.selected.saturating_sub(1),
            Input::Open => self.open = true,
            Input::Back => self.open = false,
            Input::Key(key) => match self.filter.key(key) {
                Typed::Submitted | Typed::Cancelled => self.typing = false,
                _ => {}
            },
            Input::Click { index, .. } => self.selected = index,
            Input::Keys(_) => {}
            Input::LinksChanged(_) => self.heard.push("links".into()),
            other => self.heard.push(format!("{other:?}")),
        }
        Vec::new()
    }

    fn draw(&self, scene: &mut Scene<'_>, area: Rect, offset: &mut usize) {
        const COLUMNS: &[Column] =
            &[Column::text("table", 13).grows(1), Column::number("rows", 7), Column::text("last sync", 9).leaves(1)];
        if self.typing {
            self.filter.draw(scene, Rect { height: 1, ..area }, "/ ");
            return;
        }
        let row = |i: usize| {
            let cells =
                vec![Cell::plain(NAMES[i % 4]), Cell::plain((i * 997).to_string()), Cell::new("8s ago", Role::Muted)];
            Row::new(cells)
        };
        Table { zone: "rows", columns: COLUMNS, len: 30, selected: Some(self.selected), focused: true, row: &row }
            .draw(scene, area, offset);
    }

    fn policy(command: &Command) -> Policy {
        match command {
            Command::Read => Policy::Read("page"),
            Command::Write => Policy::Write,
        }
    }

    async fn perform(command: Command, _: Arc<Services>, _: Job<String>) -> String {
        format!("{command:?}")
    }

    fn label(command: &Command) -> String {
        format!("{command:?}").to_lowercase()
    }

    fn answer(&self, _: Now) -> Answer {
        Answer::new(Role::Warn, format!("Heard {}.", self.heard.join(", ")))
    }

    fn breadcrumb(&self) -> Vec<String> {
        if self.open { vec!["Test".into(), NAMES[self.selected % 4].into()] } else { Vec::new() }
    }

    fn text_focus(&self) -> bool {
        self.typing
    }

    fn footer(&self) -> Vec<Action> {
        vec![Action::Read, Action::Write, Action::Filter]
    }
}

/// A second pane, to go to.
#[derive(Default)]
pub struct Other(TestPane);

impl Pane for Other {
    type Action = Action;
    type Command = Command;
    type Message = String;
    type View = usize;
    const NAME: &'static str = "other";
    const TITLE: &'static str = "Other";

    fn actions() -> &'static [ActionSpec<Action>] {
        &[]
    }
    fn update(&mut self, input: Input<Action, String>, now: Now) -> Vec<Effect<Command>> {
        self.0.update(input, now)
    }
    fn draw(&self, scene: &mut Scene<'_>, area: Rect, offset: &mut usize) {
        self.0.draw(scene, area, offset);
    }
    fn policy(command: &Command) -> Policy {
        TestPane::policy(command)
    }
    async fn perform(command: Command, services: Arc<Services>, job: Job<String>) -> String {
        TestPane::perform(command, services, job).await
    }
    fn answer(&self, now: Now) -> Answer {
        self.0.answer(now)
    }
}

/// A shell with both panes, nothing begun.
pub fn shell(width: u16, height: u16) -> Shell {
    let panes = vec![Registration::of::<TestPane>(), Registration::of::<Other>()];
    Shell::new(Setup {
        keymap: Keymap::build(&panes, &Overrides::new()).unwrap(),
        panes,
        theme: theme::built_in("robbie-dark").unwrap(),
        depth: Depth::True,
        themes: BUILT_IN.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect(),
        mouse: true,
        profile: "home".into(),
        protected: false,
        size: Size { width, height },
    })
}

/// The same with links up and the panes begun.
pub fn running(width: u16, height: u16) -> Shell {
    let mut shell = shell(width, height);
    shell.update(ready(up(Side::Master), up(Side::Replica)), Now::at(0));
    shell
}

pub fn ready(master: LinkStatus, replica: LinkStatus) -> Event {
    Event::Ready { profile: "home".into(), links: Arc::new(links(master, replica)), replicas: 1, engine: false }
}

pub fn links(master: LinkStatus, replica: LinkStatus) -> Links {
    let view = |side, name: &str, database: &str, status| LinkView {
        side,
        name: name.into(),
        database: database.into(),
        read_only: false,
        protected: false,
        status,
    };
    Links {
        master: view(Side::Master, "master", "aurora_unified", master),
        replica: view(Side::Replica, "vengeance", "robbieverse", replica),
    }
}

pub fn up(side: Side) -> LinkStatus {
    let (ms, tls) = if side == Side::Master { (18_000, true) } else { (300, false) };
    LinkStatus::Up {
        latency: Duration::from_micros(ms),
        version: "18.4".into(),
        tls,
        verified: tls,
        role: "robbie".into(),
        superuser: false,
        in_recovery: false,
        read_only: false,
        host: "localhost".into(),
        pid: 4711,
        since: SystemTime::UNIX_EPOCH,
    }
}

/// Presses keys one after the other.
pub fn press(shell: &mut Shell, keys: &[&str], at: u64) -> Vec<Order> {
    keys.iter().flat_map(|k| shell.update(Event::Key(k.parse::<Chord>().unwrap()), Now::at(at))).collect()
}

/// How far a replay is: of 1 204 entries.
pub fn progress(state: crate::sync::job::JobState, done: u64) -> crate::sync::job::Progress {
    use crate::queue::Verdict;
    use crate::sync::Outcome;
    let (failed, waits) = (done / 60, done / 40);
    let family =
        "23503 constraint code_messages.code_messages_conversation_id_fkey Key (conversation_id)=(…) is not present";
    crate::sync::job::Progress {
        job: uuid::Uuid::from_u128(0x4f2a_0d7e_1111_4222_8333_0000_0000_0001),
        done,
        total: 1_204,
        rate: if state == crate::sync::job::JobState::Running { 48.7 } else { 0.0 },
        by_verdict: [
            (Verdict::Insert, done - failed - waits),
            (Verdict::Constraint, failed),
            (Verdict::WaitsForParent, waits),
        ]
        .into(),
        by_outcome: [(Outcome::Applied, done - failed - waits), (Outcome::Failed, failed), (Outcome::Blocked, waits)]
            .into(),
        errors_by_family: [(family.to_owned(), failed), ("waits_for_parent code_conversations".to_owned(), waits)]
            .into(),
        state,
        why: None,
    }
}

/// Tells the shell how far a replay is.
pub fn replay(shell: &mut Shell, state: crate::sync::job::JobState, done: u64, at: u64) -> Vec<Order> {
    shell.update(Event::Replay { replica: "vengeance".into(), progress: progress(state, done) }, Now::at(at))
}
