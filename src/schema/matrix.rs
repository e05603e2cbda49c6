//! The comparison matrix: what each database has of each feature, with the evidence from its catalog.

use super::expected::QUEUE;
use super::user_ids::{self, UserId};
use super::{Database, Family, Recognition};

/// Whether a database has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// All of it.
    Present,
    /// Some of it.
    Partial,
    /// None of it, and its schema should have it.
    Missing,
    /// None of it, and its schema is not for that.
    NotApplicable,
}

/// One database's part in a feature.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Cell {
    /// Whether it is there.
    pub presence: Presence,
    /// In a few words.
    pub text: String,
    /// The tables and columns that say so.
    pub evidence: Vec<String>,
}

/// One feature across the databases.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// Its name.
    pub feature: &'static str,
    /// One for each database, in their order.
    pub cells: Vec<Cell>,
    /// Whether they go together.
    pub ok: bool,
    /// What is to be done, or why nothing is.
    pub status: String,
}

/// The features, in their order, each with the tables that make it up. Those without tables are judged by columns.
const FEATURES: [(&str, &[&str]); 16] = [
    ("Users", &[]),
    ("Conversations", &["code_conversations", "conversations"]),
    ("Messages", &["code_messages", "messages"]),
    ("Vector Embeddings", &[]),
    ("Code Blocks", &["code_blocks"]),
    ("Learned Patterns", &["learned_patterns"]),
    ("Personality State", &[]),
    ("Sync Queue", &[]),
    ("CRM (Deals)", &["deals", "crm_deals"]),
    ("Companies", &["companies", "crm_companies"]),
    ("Contacts", &["contacts", "crm_contacts"]),
    ("Sticky Notes", &["sticky_notes"]),
    ("Priorities", &["priorities"]),
    ("Multi-Tenancy", &["towns", "company_towns", "company_members", "town_users"]),
    ("RBAC", &[]),
    ("Audit Log", &["audit_log"]),
];

/// The features that the code assistant's schema is for.
const OF_THE_ASSISTANT: [&str; 8] = [
    "Users",
    "Conversations",
    "Messages",
    "Vector Embeddings",
    "Code Blocks",
    "Learned Patterns",
    "Personality State",
    "Sync Queue",
];

/// The forms in which the personality is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Personality {
    /// `gandhi_genghis_level`, `attraction_level`.
    Short,
    /// `gandhi_genghis`, `attraction`.
    Full,
    /// Both under both names.
    Canonical,
    /// A table without the levels.
    Bare,
}

/// The form of a database's personality; `None` without the table.
pub(super) fn personality(database: &Database) -> Option<Personality> {
    let table = database.table("robbie_personality_state")?;
    let short = table.has_columns(&["gandhi_genghis_level", "attraction_level"]);
    let full = table.has_columns(&["gandhi_genghis", "attraction"]);
    Some(match (short, full) {
        (true, true) => Personality::Canonical,
        (true, false) => Personality::Short,
        (false, true) => Personality::Full,
        (false, false) => Personality::Bare,
    })
}

/// The columns of the queue that a database does not have; `None` without the table.
pub(super) fn queue_without(database: &Database) -> Option<Vec<&'static str>> {
    let table = database.table("pending_sync")?;
    Some(QUEUE.into_iter().filter(|name| table.column(name).is_none()).collect())
}

/// Fills the matrix.
pub fn compare(databases: &[Database]) -> Vec<Row> {
    FEATURES
        .iter()
        .map(|(feature, tables)| {
            let cells: Vec<Cell> = databases.iter().map(|d| cell(feature, tables, d)).collect();
            let (ok, status) = status(feature, databases, &cells);
            Row { feature, cells, ok, status }
        })
        .collect()
}

fn cell(feature: &str, tables: &[&str], database: &Database) -> Cell {
    let (found, text, evidence) = match feature {
        "Users" => users(database),
        "Vector Embeddings" => embeddings(database),
        "Personality State" => personality_cell(database),
        "Sync Queue" => queue(database),
        "RBAC" => rights(database),
        _ => by_tables(tables, database),
    };
    let presence = match found {
        Some(whole) => {
            if whole {
                Presence::Present
            } else {
                Presence::Partial
            }
        }
        None if applies(feature, database) => Presence::Missing,
        None => Presence::NotApplicable,
    };
    let text = match presence {
        Presence::Missing => "missing".to_owned(),
        Presence::NotApplicable => "n/a".to_owned(),
        _ => text,
    };
    Cell { presence, text, evidence }
}

fn applies(feature: &str, database: &Database) -> bool {
    match Recognition::of(database).measure(database.side) {
        Family::SmartRobbie => OF_THE_ASSISTANT.contains(&feature),
        _ => true,
    }
}

/// Whether it is there whole (`None`: not at all), in a few words, and what shows it.
type Found = (Option<bool>, String, Vec<String>);

fn by_tables(tables: &[&str], database: &Database) -> Found {
    let there: Vec<&str> = tables.iter().filter(|t| database.has(t)).copied().collect();
    let evidence =
        tables.iter().map(|t| format!("{t}: {}", if there.contains(t) { "table" } else { "no table" })).collect();
    ((!there.is_empty()).then_some(true), there.join(", "), evidence)
}

fn users(database: &Database) -> Found {
    let text = user_ids::tables(database, UserId::Text);
    let uuid = user_ids::tables(database, UserId::Uuid);
    let other = user_ids::tables(database, UserId::Other);
    let mut words = Vec::new();
    let mut evidence = Vec::new();
    for (word, tables) in [("UUID", &uuid), ("TEXT id", &text), ("other type", &other)] {
        if !tables.is_empty() {
            words.push(word);
            evidence.push(format!("{word} in {}", tables.join(", ")));
        }
    }
    if database.has("user_id_mapping") {
        words.push("mapped");
        evidence.push("user_id_mapping: table".to_owned());
    }
    let any = !(text.is_empty() && uuid.is_empty() && other.is_empty());
    let one_type = [&text, &uuid, &other].iter().filter(|t| !t.is_empty()).count() == 1;
    (any.then_some(one_type), words.join(" + "), evidence)
}

fn embeddings(database: &Database) -> Found {
    let mut sizes = Vec::new();
    let mut evidence = Vec::new();
    for table in database.tables() {
        for column in &table.columns {
            let Some(rest) = column.type_name.rsplit('.').next().and_then(|t| t.strip_prefix("vector")) else {
                continue;
            };
            let size = rest.trim_matches(['(', ')']);
            let size = if size.is_empty() { "any size".to_owned() } else { format!("{size}d") };
            evidence.push(format!("{}.{}: {size}", table.name, column.name));
            sizes.push(size);
        }
    }
    sizes.sort();
    sizes.dedup();
    ((!sizes.is_empty()).then_some(true), sizes.join(", "), evidence)
}

fn personality_cell(database: &Database) -> Found {
    let Some(form) = personality(database) else {
        return (None, String::new(), vec!["robbie_personality_state: no table".to_owned()]);
    };
    let (whole, text, columns) = match form {
        Personality::Canonical => (true, "both forms in one", "gandhi_genghis(_level), attraction(_level)"),
        Personality::Full => (true, "full", "gandhi_genghis, attraction"),
        Personality::Short => (true, "simplified", "gandhi_genghis_level, attraction_level"),
        Personality::Bare => (false, "without levels", "neither form of the levels"),
    };
    (Some(whole), text.to_owned(), vec![format!("robbie_personality_state: {columns}")])
}

fn queue(database: &Database) -> Found {
    match queue_without(database) {
        None => (None, String::new(), vec!["pending_sync: no table".to_owned()]),
        Some(missing) if missing.is_empty() => {
            (Some(true), "pending_sync".to_owned(), vec!["pending_sync: all nine columns".to_owned()])
        }
        Some(missing) => {
            let says = format!("pending_sync without {}", missing.join(", "));
            (Some(false), says.clone(), vec![says])
        }
    }
}

fn rights(database: &Database) -> Found {
    let guarded: Vec<&str> =
        database.tables().filter(|t| database.extent(t).is_some_and(|e| e.guarded)).map(|t| t.name.as_str()).collect();
    let roles = database.table("users").is_some_and(|t| t.column("role").is_some());
    let mut evidence = Vec::new();
    if roles {
        evidence.push("users.role: column".to_owned());
    }
    if !guarded.is_empty() {
        evidence.push(format!("row-level security on {}", guarded.join(", ")));
    }
    match (guarded.is_empty(), roles) {
        (false, _) => (Some(true), "row-level security".to_owned(), evidence),
        (true, true) => (Some(false), "basic (users.role)".to_owned(), evidence),
        (true, false) => (None, String::new(), vec!["no users.role, no row-level security".to_owned()]),
    }
}

/// Whether the databases go together in this, and what is to be done.
fn status(feature: &str, databases: &[Database], cells: &[Cell]) -> (bool, String) {
    let of = |presence: Presence| {
        let names = databases.iter().zip(cells).filter(|(_, c)| c.presence == presence).map(|(d, _)| d.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let any = cells.iter().any(|c| matches!(c.presence, Presence::Present | Presence::Partial));
    match feature {
        "Users" => {
            let with = |kind| databases.iter().any(|d| !user_ids::tables(d, kind).is_empty());
            if with(UserId::Text) && with(UserId::Uuid) {
                let mapped = databases.iter().any(|d| d.has("user_id_mapping"));
                return (mapped, if mapped { "OK (mapped)" } else { "needs mapping" }.to_owned());
            }
        }
        "Personality State" => {
            let forms: Vec<Personality> = databases.iter().filter_map(personality).collect();
            let merged = forms.contains(&Personality::Canonical);
            if forms.windows(2).any(|two| two[0] != two[1]) {
                return (merged, if merged { "OK (merged)" } else { "merge needed" }.to_owned());
            }
        }
        _ => {}
    }
    let (missing, partial) = (of(Presence::Missing), of(Presence::Partial));
    match (any, missing.is_empty(), partial.is_empty()) {
        (_, true, true) => (true, "OK".to_owned()),
        (false, false, _) => (false, "missing everywhere".to_owned()),
        (_, false, _) => (false, format!("add to {missing}")),
        (_, true, false) => (false, format!("incomplete in {partial}")),
    }
}
