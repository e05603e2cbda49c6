//! What the pane does about each input, and what it looks like in each state.

mod looks;

use super::*;
use crate::postgres::catalog::{Action as OnDelete, Catalog, Column, ForeignKey, Index, Table, TableKind};
use crate::postgres::{Fault, Kind};
use crate::schema::{Database, Extent, FileReport, MigrationReport, MigrationStatus, Mode, Outcome};
use crate::ui::Ask;
use crate::ui::pane::LinkView;

fn column(name: &str, kind: &str) -> Column {
    Column {
        name: name.into(),
        type_name: kind.into(),
        not_null: name == "id",
        default: None,
        generated: false,
        identity: None,
        max_length: None,
        enum_labels: Vec::new(),
    }
}

fn table(name: &str, columns: &[(&str, &str)]) -> Table {
    let index = Index {
        name: format!("{name}_pkey"),
        method: "btree".into(),
        columns: vec!["id".into()],
        unique: true,
        primary: true,
        predicate: None,
        valid: true,
        definition: format!("CREATE UNIQUE INDEX {name}_pkey ON public.{name} USING btree (id)"),
    };
    Table {
        schema: "public".into(),
        name: name.into(),
        kind: TableKind::Ordinary,
        partition: false,
        estimated_rows: Some(12_408.0),
        columns: columns.iter().map(|(n, t)| column(n, t)).collect(),
        primary_key: vec!["id".into()],
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        triggers: Vec::new(),
        indexes: vec![index],
    }
}

fn database(side: Side, name: &str, tables: Vec<Table>) -> Arc<Database> {
    let extents = tables
        .iter()
        .map(|t| ((t.schema.clone(), t.name.clone()), Extent { bytes: 14 << 20, live: 0, guarded: false }))
        .collect();
    Arc::new(Database { name: name.into(), side, catalog: Catalog::with_tables(tables), extents, routines: Vec::new() })
}

const CONVERSATION: &[(&str, &str)] = &[
    ("id", "uuid"),
    ("user_id", "text"),
    ("session_id", "text"),
    ("title", "text"),
    ("context_type", "text"),
    ("created_at", "timestamp with time zone"),
    ("updated_at", "timestamp with time zone"),
];

fn replica() -> Told {
    let mut messages = table(
        "code_messages",
        &[
            ("id", "uuid"),
            ("conversation_id", "uuid"),
            ("role", "text"),
            ("content", "text"),
            ("embedding", "vector(1536)"),
        ],
    );
    messages.foreign_keys.push(ForeignKey {
        name: "code_messages_conversation_id_fkey".into(),
        columns: vec!["conversation_id".into()],
        referenced_schema: "public".into(),
        referenced_table: "code_conversations".into(),
        referenced_columns: vec!["id".into()],
        on_delete: OnDelete::Cascade,
        on_update: OnDelete::NoAction,
        deferrable: false,
        validated: true,
    });
    let tables = vec![
        table("code_conversations", CONVERSATION),
        messages,
        table("pending_sync", &[("id", "uuid"), ("table_name", "character varying(255)"), ("data", "jsonb")]),
        Table { schema: "robbie_sync".into(), ..table("entry", &[("id", "uuid")]) },
    ];
    let migrations = vec![
        migration("00-adoption.sql", State::Applied, None),
        migration("01-smart-robbie.sql", State::Applied, Some("added code_messages.metadata; replaced the trigger")),
        migration("34-search.sql", State::Pending, None),
    ];
    Told { database: database(Side::Replica, "vengeance", tables), migrations }
}

fn master() -> Told {
    let mut conversations = table("code_conversations", CONVERSATION);
    conversations.columns[1].type_name = "uuid".into();
    let tables = vec![
        conversations,
        table("users", &[("id", "uuid"), ("username", "text"), ("email", "text")]),
        table("api_keys", &[("id", "uuid"), ("user_id", "uuid")]),
        table("audit_log", &[("id", "uuid"), ("user_id", "uuid")]),
        table("companies", &[("id", "uuid"), ("na\u{1b}[31mme", "text")]),
    ];
    let migrations = vec![
        migration("00-adoption.sql", State::Applied, None),
        migration("01-core.sql", State::Altered, None),
        migration("20-sync-infrastructure.sql", State::Pending, None),
        migration("21-user-id-mapping.sql", State::Pending, None),
    ];
    Told { database: database(Side::Master, "aurora", tables), migrations }
}

fn migration(name: &str, state: State, note: Option<&str>) -> MigrationStatus {
    let applied = state != State::Pending;
    MigrationStatus {
        name: name.into(),
        state,
        applied_at: applied.then(|| "2026-11-22 08:14:02".into()),
        applied_by: applied.then(|| "aurora_app".into()),
        duration_ms: applied.then_some(31.0),
        checksum: "0123456789abcdef".into(),
        note: note.map(ToOwned::to_owned),
    }
}

fn link(side: Side) -> LinkView {
    let (name, database) = match side {
        Side::Master => ("aurora", "aurora_unified"),
        Side::Replica => ("vengeance", "robbieverse"),
    };
    let (name, database) = (name.into(), database.into());
    LinkView { side, name, database, read_only: false, protected: false, status: LinkStatus::Connecting }
}

fn links(change: impl FnOnce(&mut Links)) -> Arc<Links> {
    let mut links = Links { master: link(Side::Master), replica: link(Side::Replica) };
    change(&mut links);
    Arc::new(links)
}

fn away(side: &str) -> Fault {
    Fault::new(Kind::Unreachable, format!("the {side} does not answer: connection refused"))
}

fn mappings() -> Vec<Mapping> {
    let allan = uuid::Uuid::from_u128(0xaa);
    vec![
        Mapping { text: "allan".into(), user: Some(allan), name: Some("allan".into()), waiting: 0, tables: Vec::new() },
        Mapping {
            text: "guest".into(),
            user: None,
            name: None,
            waiting: 31,
            tables: vec!["code_conversations".into()],
        },
    ]
}

fn hear(pane: &mut Schema, message: Message) -> Step<Schema> {
    pane.update(Input::Message(message), Now::at(0))
}

fn act(pane: &mut Schema, action: Action) -> Step<Schema> {
    pane.update(Input::Action(action), Now::at(0))
}

fn go(pane: &mut Schema, step: Move) {
    pane.update(Input::Move(step), Now::at(0));
}

fn on(section: Section) -> Schema {
    let mut pane = shown();
    while pane.section != section {
        go(&mut pane, Move::Right);
    }
    pane
}

/// The pane after everything has been read.
fn shown() -> Schema {
    let mut pane = Schema::default();
    pane.update(Input::LinksChanged(links(|_| {})), Now::at(0));
    pane.update(Input::Shown, Now::at(0));
    hear(&mut pane, Message::Loaded(Box::new([Ok(master()), Ok(replica())])));
    hear(&mut pane, Message::Users(Ok(mappings())));
    pane
}

fn toast(step: &Step<Schema>) -> &str {
    let said = step.iter().find_map(|e| if let Effect::Toast { text, .. } = e { Some(text.as_str()) } else { None });
    said.unwrap_or_else(|| panic!("{step:?}"))
}

fn asked(step: Step<Schema>) -> Ask<Command> {
    let mut asked = step.into_iter().filter_map(|e| if let Effect::Ask(ask) = e { Some(ask) } else { None });
    asked.next().expect("a question")
}

#[test]
fn the_answer_names_both_databases_and_what_waits() {
    let pane = shown();
    let answer = pane.answer(Now::at(0));
    assert!(answer.text.starts_with("aurora is Unified "), "{}", answer.text);
    assert!(answer.text.contains(", vengeance Smart Robbie "), "{}", answer.text);
    assert!(answer.text.contains("3 migrations wait"), "{}", answer.text);
    assert!(answer.text.contains("gaps open"), "{}", answer.text);
    assert_eq!((answer.role, pane.badge().as_deref()), (Role::Warn, Some("3")));
}

#[test]
fn views_follow_each_other_and_keep_their_rows() {
    let mut pane = on(Section::Migrations);
    go(&mut pane, Move::Down);
    for _ in 0..SECTIONS.len() {
        act(&mut pane, Action::Next);
    }
    assert_eq!((pane.section, pane.selected()), (Section::Migrations, 1));
    act(&mut pane, Action::Previous);
    assert_eq!(pane.section, Section::Score);
    pane.update(Input::Click { zone: view::zones::SECTIONS, index: 6, double: false }, Now::at(0));
    assert_eq!(pane.section, Section::Users);
    go(&mut pane, Move::Last);
    go(&mut pane, Move::PageUp);
    assert_eq!(pane.selected(), 0);
}

#[test]
fn migrations_are_tried_and_run_on_the_side_of_the_row_after_a_question() {
    let mut pane = on(Section::Migrations);
    let ask = asked(act(&mut pane, Action::DryRun));
    assert!(ask.question.contains("Try 2 migrations on aurora and roll back?"), "{}", ask.question);
    assert!(ask.details.iter().any(|d| d.contains("21-user-id-mapping.sql")));
    assert!(matches!(ask.then, Command::Migrate(Side::Master, Mode::DryRun)));
    go(&mut pane, Move::Last);
    let ask = asked(act(&mut pane, Action::Apply));
    assert!(matches!(ask.then, Command::Migrate(Side::Replica, Mode::Apply)));
    assert_eq!(ask.type_the_name, None);

    go(&mut pane, Move::First);
    pane.update(Input::LinksChanged(links(|l| l.master.protected = true)), Now::at(0));
    assert_eq!(asked(act(&mut pane, Action::Apply)).type_the_name.as_deref(), Some("aurora"));
    pane.update(Input::LinksChanged(links(|l| l.master.read_only = true)), Now::at(0));
    assert!(toast(&act(&mut pane, Action::Apply)).contains("read-only"));
}

#[test]
fn what_a_run_said_is_shown_and_everything_is_read_again() {
    let mut pane = on(Section::Migrations);
    let file = FileReport {
        name: "20-sync-infrastructure.sql".into(),
        checksum: String::new(),
        outcome: Outcome::WouldApply,
        duration_ms: 12.0,
        note: Some("added pending_sync.priority; kept the rest".into()),
    };
    let report = MigrationReport {
        schema: crate::schema::Schema::Unified,
        side: Side::Master,
        dry_run: true,
        files: vec![file],
        warnings: Vec::new(),
    };
    let step = hear(&mut pane, Message::Migrated(Side::Master, Mode::DryRun, Ok(report)));
    assert!(toast(&step).contains("1 migration would apply on aurora"), "{}", toast(&step));
    assert!(step.iter().any(|e| matches!(e, Effect::Run(Command::Load))));
    assert!(looks::drawn(&pane, 140, 38).contains("kept the rest"));
    let step = hear(&mut pane, Message::Migrated(Side::Replica, Mode::Apply, Err(away("replica"))));
    assert!(toast(&step).contains("does not answer"));
}

#[test]
fn a_side_that_goes_away_keeps_what_it_said_and_cannot_be_migrated() {
    let mut pane = on(Section::Migrations);
    hear(&mut pane, Message::Loaded(Box::new([Err(away("master")), Ok(replica())])));
    assert_eq!(pane.judged.names, ["aurora", "vengeance"]);
    assert!(pane.answer(Now::at(0)).text.contains("aurora is away"));
    assert!(toast(&act(&mut pane, Action::Apply)).contains("aurora is away"));
    go(&mut pane, Move::Last);
    assert!(matches!(asked(act(&mut pane, Action::Apply)).then, Command::Migrate(Side::Replica, Mode::Apply)));

    let mut pane = Schema::default();
    hear(&mut pane, Message::Loaded(Box::new([Err(away("master")), Ok(replica())])));
    hear(&mut pane, Message::Users(Err(away("master"))));
    assert_eq!(pane.judged.names, ["vengeance"]);
    for _ in SECTIONS {
        assert!(!looks::drawn(&pane, 80, 20).trim().is_empty());
        act(&mut pane, Action::Next);
    }
    pane.section = Section::Differences;
    assert!(looks::drawn(&pane, 80, 20).contains("Differences need both sides"));
}

#[test]
fn the_inventory_folds() {
    let mut pane = on(Section::Inventory);
    let all = view::len(&pane);
    assert_eq!(all, 2 + 1 + 2 + 5 + 3, "databases, schemas, tables of public; the engine's are folded");
    pane.update(Input::Open, Now::at(0));
    assert_eq!(view::len(&pane), all - 6, "the first database is one row");
    go(&mut pane, Move::Last);
    pane.update(Input::Open, Now::at(0));
    assert_eq!(view::len(&pane), all - 5, "the engine's schema shows its table");
    go(&mut pane, Move::First);
    pane.update(Input::Open, Now::at(0));
    assert_eq!(view::len(&pane), all + 1);
}

#[test]
fn differences_are_copied_and_never_run() {
    let mut pane = on(Section::Differences);
    let shared = view::len(&pane);
    assert_eq!(shared, 1, "user_id is text here and uuid there");
    let step = act(&mut pane, Action::Copy);
    let [Effect::Copy(sql), Effect::Toast { .. }] = step.as_slice() else { panic!("{step:?}") };
    assert!(sql.contains(r#"ALTER TABLE "public"."code_conversations" ALTER COLUMN "user_id" TYPE uuid"#), "{sql}");
    act(&mut pane, Action::Whole);
    assert!(view::len(&pane) > shared + 5);
    let step = act(&mut pane, Action::CopyAll);
    let [Effect::Copy(sql), _] = step.as_slice() else { panic!("{step:?}") };
    assert!(sql.contains("CREATE TABLE \"public\".\"users\"") && sql.contains("-- DROP TABLE"), "{sql}");
}

#[test]
fn a_gap_gives_the_command_that_closes_it() {
    let mut pane = on(Section::Gaps);
    let step = act(&mut pane, Action::Copy);
    assert!(matches!(&step[0], Effect::Copy(text) if text == "robbie schema migrate"), "{step:?}");
}

#[test]
fn a_text_id_is_mapped_after_a_question_and_unmapped_too() {
    let mut pane = on(Section::Users);
    go(&mut pane, Move::Last);
    assert!(toast(&act(&mut pane, Action::Unmap)).contains("guest is not mapped"));
    pane.update(Input::Open, Now::at(0));
    assert!(pane.text_focus());
    pane.update(Input::Paste("maya".into()), Now::at(0));
    let ask = asked(pane.update(Input::Key("enter".parse().unwrap()), Now::at(0)));
    assert!(!pane.text_focus());
    assert_eq!(ask.details, ["31 entries waiting for it are sent."]);
    assert!(matches!(ask.then, Command::Map(text, user) if text == "guest" && user == "maya"));
    let step = hear(&mut pane, Message::Mapped(Ok("guest is maya now".into())));
    assert!(matches!(step[1], Effect::Run(Command::Users)));
    go(&mut pane, Move::First);
    assert!(matches!(asked(act(&mut pane, Action::Unmap)).then, Command::Unmap(text) if text == "allan"));
    act(&mut pane, Action::Map);
    pane.update(Input::Key("esc".parse().unwrap()), Now::at(0));
    assert!(!pane.text_focus());
}

#[test]
fn another_replica_begins_anew() {
    let mut pane = shown();
    let step = pane.update(Input::LinksChanged(links(|l| l.replica.name = "town".into())), Now::at(0));
    assert!(pane.judged.names.is_empty());
    assert!(step.iter().any(|e| matches!(e, Effect::Run(Command::Load))));
}
