//! What the pane does about each input, and what it looks like in each state.

mod looks;

use super::*;
use crate::personality::{Basis, Change, Mood, Row, Shape, Values};
use crate::postgres::{Fault, Kind};
use crate::sync::mood::{Plan, Saved, Step as Part};
use crate::ui::Ask;

const SHORT: &[&str] =
    &["id", "user_id", "current_mood", "gandhi_genghis_level", "attraction_level", "context", "updated_at"];
const BOTH: &[&str] = &[
    "id",
    "user_id",
    "current_mood",
    "gandhi_genghis_level",
    "attraction_level",
    "context",
    "updated_at",
    "gandhi_genghis",
    "attraction",
    "turbo",
    "auto",
    "mood_intensity",
    "mood_expires_at",
    "is_public",
    "active_users",
    "platform_context",
];

fn row(user: &str, shape: &Shape, mood: Mood, levels: (i64, i64), age: u64) -> Row {
    let all = [
        (Field::Mood, format!("\"{mood}\"")),
        (Field::GandhiGenghis, levels.0.to_string()),
        (Field::Attraction, levels.1.to_string()),
        (Field::Turbo, "3".into()),
        (Field::Auto, "9".into()),
        (Field::Intensity, "5".into()),
        (Field::Expires, "null".into()),
        (Field::Public, "false".into()),
        (Field::ActiveUsers, r#"["allan", "maya"]"#.into()),
        (Field::Platform, r#""terminal""#.into()),
        (Field::Context, r#"{"project": "robbie", "energy": "high"}"#.into()),
    ];
    let values = all.into_iter().filter(|(f, _)| shape.has(*f)).collect();
    Row { user: user.into(), stored_user: user.into(), id: None, values, age: Some(Duration::from_secs(age)) }
}

fn shape(columns: &[&str]) -> Shape {
    let history = ["user_id", "field_changed", "changed_at"].map(ToOwned::to_owned).into();
    let columns = columns.iter().map(ToString::to_string).collect();
    Shape { state: true, columns, history, queue: true, ..Shape::default() }
}

/// Both sides as they answer: the master in both forms, the replica in the short one.
fn sides() -> [Result<Sheet, Fault>; 2] {
    let (both, short) = (shape(BOTH), shape(SHORT));
    let master =
        vec![row("allan", &both, Mood::Focused, (5, 8), 480), row("maya", &both, Mood::Playful, (3, 5), 9_000)];
    let replica =
        vec![row("allan", &short, Mood::Focused, (5, 8), 475), row("maya", &short, Mood::Playful, (4, 5), 60)];
    [Ok(Sheet { shape: both, rows: master }), Ok(Sheet { shape: short, rows: replica })]
}

fn away(side: &str) -> Fault {
    Fault::new(Kind::Unreachable, format!("the {side} does not answer: connection refused"))
}

fn transition(user: &str, hours: i64, field: &str, old: &str, new: &str, reason: &str) -> Transition {
    let at = DateTime::<Utc>::from(Now::at(0).wall) - chrono::Duration::hours(hours);
    Transition {
        id: format!("{hours:08}-0000-4000-8000-000000000000"),
        user: user.into(),
        field: field.into(),
        old: Some(old.into()),
        new: Some(new.into()),
        reason: Some(reason.into()),
        by: Some("allan".into()),
        platform: Some("console".into()),
        at,
    }
}

fn told() -> Vec<Transition> {
    vec![
        transition("allan", 27, "current_mood", "blushing", "focused", "evening chat is over"),
        transition("allan", 120, "current_mood", "friendly", "blushing", "a compliment about the query planner"),
        transition("allan", 200, "attraction_level", "7", "8", "allan brought cake"),
        transition("allan", 300, "current_mood", "bossy", "friendly", "weekend"),
        transition("allan", 360, "gandhi_genghis_level", "9", "5", "release is out"),
        transition("allan", 500, "current_mood", "focused", "bossy", "third retry of the same flaky test"),
        transition("allan", 560, "gandhi_genghis", "5", "9", "release week"),
        transition("allan", 700, "current_mood", "friendly", "focused", "deep work"),
    ]
}

fn presets() -> Vec<Preset> {
    let values =
        |mood: &str, gg: &str| [(Field::Mood, format!("\"{mood}\"")), (Field::GandhiGenghis, gg.to_owned())].into();
    vec![
        Preset {
            user: "allan".into(),
            name: "evening".into(),
            values: values("playful", "2"),
            description: Some("after eight".into()),
        },
        Preset { user: "allan".into(), name: "release".into(), values: values("bossy", "9"), description: None },
    ]
}

fn act(pane: &mut Personality, action: Action) -> Step<Personality> {
    pane.update(Input::Action(action), Now::at(0))
}

fn hear(pane: &mut Personality, message: Message) -> Step<Personality> {
    pane.update(Input::Message(message), Now::at(0))
}

fn keys(pane: &mut Personality, keys: &[&str]) -> Step<Personality> {
    let mut last = Vec::new();
    for key in keys {
        last = match *key {
            "up" => pane.update(Input::Move(Move::Up), Now::at(0)),
            "down" => pane.update(Input::Move(Move::Down), Now::at(0)),
            "left" => pane.update(Input::Move(Move::Left), Now::at(0)),
            "right" => pane.update(Input::Move(Move::Right), Now::at(0)),
            "enter" if !pane.text_focus() => pane.update(Input::Open, Now::at(0)),
            key => pane.update(Input::Key(key.parse().unwrap()), Now::at(0)),
        };
    }
    last
}

/// The pane after both sides, the history and the presets have been read.
fn shown() -> Personality {
    let mut pane = Personality::default();
    pane.update(Input::Shown, Now::at(0));
    hear(&mut pane, Message::Loaded(Box::new(sides())));
    hear(&mut pane, Message::History(Ok((told(), true))));
    hear(&mut pane, Message::Presets(Ok(presets())));
    pane
}

fn toast(step: &Step<Personality>) -> String {
    let said = step.iter().find_map(|e| if let Effect::Toast { text, .. } = e { Some(text.clone()) } else { None });
    said.unwrap_or_else(|| format!("{step:?}"))
}

fn planned(step: Step<Personality>) -> Edit {
    let found =
        step.into_iter().find_map(|e| if let Effect::Run(Command::Plan(edit)) = e { Some(*edit) } else { None });
    found.expect("a plan")
}

fn plan_of(edit: &Edit) -> Plan {
    let step = |basis, now: &Option<Values>| {
        let (changes, clashes) = edit.against(now.as_ref().unwrap(), basis);
        Part { changes, clashes, refused: None }
    };

    Plan {
        master: step(Basis::Master, &edit.master),
        replica: step(Basis::Replica, &edit.replica),
        first: "master".into(),
    }
}

#[test]
fn it_reads_everything_when_it_is_shown_and_starts_with_allan() {
    let mut pane = Personality::default();
    let first = pane.update(Input::Shown, Now::at(0));
    assert!(first.iter().any(|e| matches!(e, Effect::Run(Command::Load))), "{first:?}");
    let then = hear(&mut pane, Message::Loaded(Box::new(sides())));
    assert!(
        then.iter().any(|e| matches!(e, Effect::Run(Command::History(w)) if w.user.as_deref() == Some("allan"))),
        "{then:?}"
    );
    assert!(then.iter().any(|e| matches!(e, Effect::Publish(f) if f.mood.as_deref() == Some("focused"))), "{then:?}");
    assert_eq!(pane.answer(Now::at(0)).text, "Robbie is focused for allan.");
    let hidden = pane.update(Input::Hidden, Now::at(0));
    assert!(matches!(hidden[0], Effect::StopTimer("personality")));
    assert!(pane.update(Input::Timer("personality"), Now::at(0)).is_empty(), "a hidden pane reads nothing");
}

#[test]
fn keys_move_the_sliders_within_the_limits_of_each_user() {
    let mut pane = shown();
    keys(&mut pane, &["right"]);
    assert_eq!(pane.draft.value(Field::Mood), r#""playful""#);
    keys(&mut pane, &["down", "left", "left", "down", "right", "right", "right"]);
    assert_eq!((pane.draft.value(Field::GandhiGenghis), pane.draft.value(Field::Attraction)), ("3", "11"));
    assert_eq!(
        (pane.badge().as_deref(), pane.answer(Now::at(0)).text.contains("3 edits not saved")),
        (Some("•3"), true)
    );
    assert!(toast(&act(&mut pane, Action::NextUser)).contains("There are edits"));
    assert_eq!(pane.draft.user, "allan");
    act(&mut pane, Action::Forget);
    assert_eq!(pane.badge(), None);

    act(&mut pane, Action::NextUser);
    assert_eq!(pane.draft.user, "maya");
    let refused = keys(&mut pane, &["right", "right", "right"]);
    assert!(toast(&refused).contains("allan only"), "{refused:?}");
    assert_eq!(pane.draft.value(Field::Attraction), "7");
    act(&mut pane, Action::Forget);
    act(&mut pane, Action::PreviousUser);
    assert_eq!(pane.draft.user, "allan");
}

#[test]
fn the_mouse_picks_users_moods_and_levels() {
    let mut pane = shown();
    let click =
        |pane: &mut Personality, zone, index| pane.update(Input::Click { zone, index, double: false }, Now::at(0));
    click(&mut pane, view::zones::MOODS, 3);
    click(&mut pane, view::zones::LEVELS, 109);
    assert_eq!(
        (pane.draft.value(Field::Mood), pane.draft.value(Field::GandhiGenghis), pane.row),
        (r#""bossy""#, "9", 1)
    );
    assert!(toast(&click(&mut pane, view::zones::USERS, 1)).contains("There are edits"));
    act(&mut pane, Action::Forget);
    click(&mut pane, view::zones::USERS, 1);
    assert_eq!(pane.draft.user, "maya");
    assert!(toast(&click(&mut pane, view::zones::LEVELS, 211)).contains("allan only"));
}

/// Puts a text into the open editor, as `$EDITOR` gives it back.
fn write(pane: &mut Personality, text: &str) {
    pane.update(Input::Edited { tag: "personality", text: Some(text.into()) }, Now::at(0));
}

#[test]
fn values_are_typed_and_what_breaks_a_limit_stays_in_the_line() {
    let mut pane = shown();
    keys(&mut pane, &["down", "enter", "backspace", "9", "9", "enter"]);
    assert!(pane.text_focus() && pane.draft.set.is_empty());
    keys(&mut pane, &["backspace", "enter"]);
    assert_eq!((pane.text_focus(), pane.draft.value(Field::GandhiGenghis)), (false, "9"));
    pane.row = 6;
    keys(&mut pane, &["enter", "2", "h", "enter"]);
    assert_eq!(pane.draft.value(Field::Expires), r#""2026-11-01T02:00:00.000000Z""#);
    keys(&mut pane, &["enter", "ctrl-u", "enter"]);
    assert!(!pane.draft.is_edited(Field::Expires));
    pane.row = 8;
    keys(&mut pane, &["enter", "ctrl-u", "b", "o", "b", "enter"]);
    assert_eq!(pane.draft.value(Field::ActiveUsers), r#"["bob"]"#);
    keys(&mut pane, &["enter", "x", "esc"]);
    assert_eq!(pane.draft.value(Field::ActiveUsers), r#"["bob"]"#);
    pane.row = 10;
    keys(&mut pane, &["enter"]);
    let outside = keys(&mut pane, &["ctrl-o"]);
    assert!(
        matches!(&outside[0], Effect::Edit { initial, .. } if initial.contains("\"energy\": \"high\"")),
        "{outside:?}"
    );
    write(&mut pane, "[1]");
    assert!(looks::drawn(&pane, 100, 30).contains("context is a JSON object"));
    keys(&mut pane, &["ctrl-s"]);
    assert!(pane.text_focus() && !pane.draft.is_edited(Field::Context), "what does not hold is not taken");
    keys(&mut pane, &["esc"]);
    assert!(pane.text_focus(), "changes are not given up with one key");
    write(&mut pane, "{\"a\": 12345678901234567890.10}");
    keys(&mut pane, &["ctrl-s"]);
    assert_eq!((pane.text_focus(), pane.draft.value(Field::Context)), (false, "{\"a\": 12345678901234567890.10}"));
    keys(&mut pane, &["enter", "down", "end", ","]);
    insta::assert_snapshot!("context_80x20", looks::drawn(&pane, 80, 20));
    keys(&mut pane, &["esc", "esc"]);
    assert!(!pane.text_focus());
}

#[test]
fn saving_asks_why_shows_each_side_and_saves_only_after_a_yes() {
    let mut pane = shown();
    keys(&mut pane, &["down", "right"]);
    act(&mut pane, Action::Save);
    assert!(pane.text_focus());
    let edit = planned(keys(&mut pane, &["w", "h", "y", "enter"]));
    assert_eq!((edit.reason.as_deref(), edit.set.len()), (Some("why"), 1));
    let plan = plan_of(&edit);
    let asked = hear(&mut pane, Message::Planned(Box::new(edit.clone()), Ok(plan)));
    let Effect::Ask(ask) = &asked[0] else { panic!("{asked:?}") };
    let details = ask.details.join("\n");
    assert!(details.contains("master, first") && details.contains("replica, with the next pull"), "{details}");
    assert_eq!(details.matches("5 → 6").count(), 2, "{details}");
    assert!(matches!(ask.then, Command::Save(_)));
    let changes = vec![Change { field: Field::GandhiGenghis, old: "5".into(), new: "6".into() }];
    let done = Saved::Queued { changes: changes.clone(), master_away: "away".into() };
    let said = hear(&mut pane, Message::Saved(Box::new(edit.clone()), Ok(done)));
    assert!(toast(&said).contains("away: saved on replica and queued"), "{said:?}");
    assert_eq!(pane.badge(), None, "what is saved is not edited any more");
    let done = Saved::OnMaster { changes, replica_later: None };
    assert!(toast(&hear(&mut pane, Message::Saved(Box::new(edit), Ok(done)))).contains("Saved on master and replica"));
}

#[test]
fn a_protected_master_wants_its_name() {
    let mut pane = shown();
    let link = |side: Side| crate::ui::links::LinkView {
        side,
        name: side.to_string(),
        database: "robbie".into(),
        read_only: false,
        protected: true,
        status: LinkStatus::Connecting,
    };
    pane.update(
        Input::LinksChanged(Arc::new(Links { master: link(Side::Master), replica: link(Side::Replica) })),
        Now::at(0),
    );
    keys(&mut pane, &["down", "right"]);
    act(&mut pane, Action::Save);
    let edit = planned(keys(&mut pane, &["enter"]));
    let plan = plan_of(&edit);
    let asked = hear(&mut pane, Message::Planned(Box::new(edit), Ok(plan)));
    assert!(matches!(&asked[0], Effect::Ask(ask) if ask.type_the_name.as_deref() == Some("master")), "{asked:?}");
}

/// A pane that was told that somebody was first at two columns.
fn clashing() -> Personality {
    let mut pane = shown();
    keys(&mut pane, &["down", "right", "down", "right"]);
    let edit = pane.draft.edit("console");
    let clash = |field, loaded: &str, mine: &str, theirs: &str| Clash {
        field,
        loaded: loaded.into(),
        mine: mine.into(),
        theirs: theirs.into(),
    };
    let clashes = vec![clash(Field::GandhiGenghis, "5", "6", "2"), clash(Field::Attraction, "8", "9", "1")];
    hear(&mut pane, Message::Saved(Box::new(edit), Ok(Saved::Clashes { side: "master".into(), clashes })));
    pane
}

#[test]
fn a_clash_is_decided_per_column_and_theirs_stays_unless_chosen() {
    let mut pane = clashing();
    assert_eq!(pane.breadcrumb(), ["others were first at allan"]);
    keys(&mut pane, &["left", "down"]);
    let edit = planned(act(&mut pane, Action::Save));
    assert_eq!(edit.set, [(Field::GandhiGenghis, "6".to_owned())].into());
    assert_eq!(edit.master.as_ref().unwrap()[&Field::GandhiGenghis], "2", "what was decided was seen");

    let mut pane = clashing();
    let said = keys(&mut pane, &["enter"]);
    assert!(toast(&said).contains("All stays"), "{said:?}");
    assert_eq!(pane.badge(), None);
}

#[test]
fn the_history_is_filtered_and_gone_back_in() {
    let mut pane = shown();
    let asked = act(&mut pane, Action::History);
    assert!(
        matches!(&asked[0], Effect::Run(Command::History(w)) if w.user.as_deref() == Some("allan") && w.within == SPANS[0].1)
    );
    assert!(matches!(&act(&mut pane, Action::Whose)[0], Effect::Run(Command::History(w)) if w.user.is_none()));
    assert!(matches!(&act(&mut pane, Action::Span)[0], Effect::Run(Command::History(w)) if w.within == SPANS[1].1));
    let edit = planned(keys(&mut pane, &["down", "down", "down", "down", "down", "enter"]));
    let wanted: Values = [(Field::Mood, r#""bossy""#), (Field::GandhiGenghis, "9"), (Field::Attraction, "7")]
        .map(|(f, v)| (f, v.to_owned()))
        .into();
    assert_eq!(edit.set, wanted);
    assert!(edit.reason.unwrap().starts_with("back to 2026-10-11"));
    pane.update(Input::Back, Now::at(0));
    assert!(pane.breadcrumb().is_empty());
}

#[test]
fn presets_are_applied_made_edited_and_deleted() {
    let mut pane = shown();
    act(&mut pane, Action::Presets);
    let edit = planned(keys(&mut pane, &["down", "enter"]));
    assert_eq!((edit.set.len(), edit.reason.as_deref()), (2, Some("preset release")));
    assert!(
        matches!(&act(&mut pane, Action::DeletePreset)[0], Effect::Ask(ask) if ask.danger && ask.question.contains("release"))
    );
    act(&mut pane, Action::EditPreset);
    for (text, wrong) in [
        (r#"{"mood": "bossy", "gandhi_genghis": 10}"#, "cannot hold mood"),
        (r#"{"current_mood": "bossy", "gandhi_genghis": 11}"#, "1 to 10"),
    ] {
        write(&mut pane, text);
        assert!(looks::drawn(&pane, 100, 30).contains(wrong), "{wrong}");
        assert!(keys(&mut pane, &["ctrl-s"]).is_empty() && pane.text_focus());
    }
    write(&mut pane, r#"{"current_mood": "bossy", "gandhi_genghis": 10, "description": "loud"}"#);
    let asked = keys(&mut pane, &["ctrl-s"]);
    let Effect::Ask(Ask { then: Command::SavePreset(preset), .. }) = &asked[0] else { panic!("{asked:?}") };
    assert_eq!((preset.values.len(), preset.description.as_deref()), (2, Some("loud")));
    act(&mut pane, Action::NewPreset);
    let asked = keys(&mut pane, &["n", "e", "w", "enter"]);
    let Effect::Ask(Ask { then: Command::SavePreset(preset), .. }) = &asked[0] else { panic!("{asked:?}") };
    assert_eq!((preset.name.as_str(), preset.values.len()), ("new", 6));
}

#[test]
fn what_a_lost_side_said_last_is_kept_and_said_to_be_old() {
    let mut pane = shown();
    let [_, replica] = sides();
    hear(&mut pane, Message::Loaded(Box::new([Err(away("master")), replica])));
    assert_eq!(pane.people.len(), 2);
    let answer = pane.answer(Now::at(0)).text;
    assert!(answer.contains("the master is away: what is saved waits in the queue"), "{answer}");
    let mut blank = Personality::default();
    hear(&mut blank, Message::Loaded(Box::new([Err(away("master")), Err(away("replica"))])));
    assert!(blank.answer(Now::at(0)).text.starts_with("Neither side answers"));
}
