//! The pane on real databases: what it asks is really asked, and what it is told it shows.

use super::{fixture, message, write};
use crate::sync::fixture::{Fixture, text};
use ratatui::layout::Size;
use robbie_console::panes::conversations::{Action, Command, Conversations};
use robbie_console::ui::{Effect, Input, Job, Move, Now, Pane, Services};
use std::sync::Arc;

struct Seat {
    pane: Conversations,
    services: Arc<Services>,
}

impl Seat {
    fn new(f: &Fixture) -> Self {
        let services = Arc::new(Services::new("test", f.pair.master.clone(), vec![f.pair.replica.clone()]));
        Self { pane: Conversations::default(), services }
    }
    /// Gives an input and does all the work that follows from it; what was asked, said and copied.
    async fn input(
        &mut self,
        input: Input<Action, robbie_console::panes::conversations::Message>,
    ) -> Vec<Effect<Command>> {
        let mut told = Vec::new();
        let mut effects = self.pane.update(input, Now::at(0));
        while let Some(effect) = effects.pop() {
            match effect {
                Effect::Run(command) => {
                    let message = Conversations::perform(command, Arc::clone(&self.services), Job::silent()).await;
                    effects.extend(self.pane.update(Input::Message(message), Now::at(0)));
                }
                Effect::Timer { id: "conversation-preview", .. } => {
                    effects.extend(self.pane.update(Input::Timer("conversation-preview"), Now::at(0)));
                }
                other => told.push(other),
            }
        }
        told
    }
    async fn yes(&mut self, told: Vec<Effect<Command>>) -> String {
        let question = told.into_iter().find_map(|e| if let Effect::Ask(ask) = e { Some(ask) } else { None });
        let command = question.expect("a question").then;
        let message = Conversations::perform(command, Arc::clone(&self.services), Job::silent()).await;
        let said = self.input(Input::Message(message)).await;
        said.into_iter()
            .find_map(|e| if let Effect::Toast { text, .. } = e { Some(text) } else { None })
            .expect("a toast")
    }
    async fn typed(&mut self, action: Action, text: &str) -> Vec<Effect<Command>> {
        self.input(Input::Action(action)).await;
        self.input(Input::Key("ctrl-u".parse().unwrap())).await;
        self.input(Input::Paste(text.to_owned())).await;
        self.input(Input::Key("enter".parse().unwrap())).await
    }
    fn answer(&self) -> String {
        self.pane.answer(Now::at(0)).text
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pane_lists_reads_searches_copies_renames_deletes_and_takes_back() {
    let f = fixture().await;
    let one = write(&f.master, 1, "Tuning IVFFlat", 0).await;
    message(&f.master, 10, one, "How many lists?\n\n```sql\nSET ivfflat.probes = 10;\n```").await;
    write(&f.master, 2, "Something else", 10).await;
    f.cycle().await;
    message(&f.replica, 11, uuid::Uuid::from_u128(1), "only here").await;
    let mut seat = Seat::new(&f);
    seat.input(Input::Resized(Size::new(140, 38))).await;
    seat.input(Input::Shown).await;
    assert_eq!(seat.answer(), "2 conversations; 1 differ between the sides.");
    // A message moved the other one behind this one.
    seat.input(Input::Move(Move::Down)).await;
    seat.input(Input::Open).await;
    assert!(seat.answer().contains("different: 1 message differs"), "{}", seat.answer());
    let copied = seat.input(Input::Action(Action::CopyCode)).await;
    assert!(matches!(&copied[..], [Effect::Copy(code)] if code == "SET ivfflat.probes = 10;\n"), "{copied:?}");
    seat.input(Input::Action(Action::OtherSide)).await;
    assert!(seat.answer().starts_with("As the master has it"), "{}", seat.answer());
    seat.input(Input::Back).await;

    seat.typed(Action::Search, "probes lists").await;
    assert!(seat.answer().starts_with("1 result by words and similarity"), "{}", seat.answer());
    seat.input(Input::Open).await;
    assert_eq!(seat.pane.breadcrumb(), ["“probes lists”", "Tuning IVFFlat"]);
    seat.input(Input::Back).await;
    seat.input(Input::Back).await;

    seat.input(Input::Move(Move::First)).await;
    let ask = seat.typed(Action::Rename, "Something new").await;
    assert!(seat.yes(ask).await.starts_with("Renamed on the master"));
    assert_eq!(
        text(&f.master, "select string_agg(title, ', ' order by title) from code_conversations").await,
        "Something new, Tuning IVFFlat"
    );
    let ask = seat.input(Input::Action(Action::Delete)).await;
    assert!(seat.yes(ask).await.starts_with("Deleted and archived"));
    assert!(seat.answer().starts_with("1 conversation"), "{}", seat.answer());
    let ask = seat.input(Input::Action(Action::Undo)).await;
    assert!(seat.yes(ask).await.starts_with("Brought back"));
    assert!(seat.answer().starts_with("2 conversations"), "{}", seat.answer());
    let ask = seat.input(Input::Action(Action::Undo)).await;
    assert!(seat.yes(ask).await.starts_with("Renamed"));
    assert_eq!(
        text(&f.master, "select string_agg(title, ', ' order by title) from code_conversations").await,
        "Something else, Tuning IVFFlat"
    );
}
