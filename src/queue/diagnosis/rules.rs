//! What each SQLSTATE and verdict means for an entry: cause, remedy and risk, as one table.

use super::super::Verdict;
use serde::Serialize;

/// The sort of remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fix {
    /// It goes away by itself; try again.
    Wait,
    /// The payload must change.
    Edit,
    /// A user needs a mapping.
    MapUser,
    /// The parent must be sent first.
    QueueParent,
    /// The earlier entry of the row first.
    ChainFirst,
    /// Take the key of the replica's row.
    AdoptKey,
    /// A table or column is missing: migrate.
    Migrate,
    /// A right is missing.
    Grant,
    /// A person must choose which row stands.
    Choose,
    /// The connection or the server needs care.
    Server,
    /// Nothing is to be done.
    None,
}

/// A row of the table. `{object}`, `{parent}` and `{table}` are filled in.
pub(super) struct Rule {
    pub name: &'static str,
    pub verdict: Verdict,
    pub cause: &'static str,
    /// What stands for `{object}` where the text names none.
    pub nameless: &'static str,
    pub fix: Fix,
    pub remedy: &'static str,
    pub risk: &'static str,
}

const fn rule(
    name: &'static str,
    verdict: Verdict,
    cause: &'static str,
    nameless: &'static str,
    fix: Fix,
    remedy: &'static str,
    risk: &'static str,
) -> Rule {
    Rule { name, verdict, cause, nameless, fix, remedy, risk }
}

const NONE: &str = "none: a replay that fails again changes nothing";
const EDIT: &str = "the master gets another value than the replica has, until it is pulled back";

/// Where no rule fits.
pub(super) static UNKNOWN: Rule = rule(
    "unknown error",
    Verdict::Fault,
    "The master refused it for a reason that has no rule here; its own words stand below.",
    "it",
    Fix::Choose,
    "read the error, then dry-run the entry to get a live answer",
    "a dry run changes nothing",
);

/// Every SQLSTATE with a rule of its own; class 08 as a whole stands as `08`.
#[rustfmt::skip]
pub const CODES: [&str; 39] = [
    "22000", "22001", "22003", "22007", "22008", "22021", "22P02", "22P05", "23502", "23503", "23505", "23514", "23P01",
    "25006", "28000", "28P01", "3D000", "40001", "40P01", "42501", "42601", "42703", "42704", "42804", "42883", "42P01",
    "42P10", "53100", "53200", "53300", "54000", "55P03", "57014", "57P01", "57P02", "57P03", "08", "23001", "P0001",
];

/// The rule of a code; the text decides between the two sides of a foreign key.
#[rustfmt::skip]
pub(super) fn of_code(code: &str, text: &str) -> Option<&'static Rule> {
    use Fix::{Choose, Edit, Grant, Migrate, QueueParent, Server, Wait};
    use Verdict::{Constraint, Fault, SchemaMismatch, WaitsForParent};
    static TOO_LONG: Rule = rule("value too long", SchemaMismatch, "A text is longer than {object} of {table} on the master holds.", "a column", Edit, "shorten the value, or widen the column on the master, then replay", EDIT);
    static RANGE: Rule = rule("number out of range", SchemaMismatch, "A number does not fit {object} of {table} on the master.", "its column", Edit, "correct the number, or widen the column on the master, then replay", EDIT);
    static TIME: Rule = rule("no valid date or time", SchemaMismatch, "A text is no valid {object} for {table}.", "date or time", Edit, "write the time as 2026-11-22T08:14:02Z, then replay", EDIT);
    static TIME_RANGE: Rule = rule("date out of range", SchemaMismatch, "A date or time in it does not exist or is out of range for {object}.", "its column", Edit, "correct the date (day and month may be swapped), then replay", EDIT);
    static ENCODING: Rule = rule("bytes are no text", SchemaMismatch, "The text holds bytes that are not valid in {object}.", "the database's encoding", Edit, "take the bytes out (often a NUL), then replay", EDIT);
    static SYNTAX_VALUE: Rule = rule("value has the wrong form", SchemaMismatch, "A value cannot be read as {object} on the master.", "the type of its column", Edit, "correct the value, or bring the column's type in line with a migration, then replay", EDIT);
    static ESCAPE: Rule = rule("character cannot be stored", SchemaMismatch, "The text holds a character that {object} cannot store (\\u0000, or half of a pair).", "the database", Edit, "take the character out, then replay", EDIT);
    static NULL: Rule = rule("a value is missing", SchemaMismatch, "{object} must not be null on the master, and the payload has no value for it.", "a column", Edit, "add the value, or give the column a default on the master, then replay", EDIT);
    static PARENT: Rule = rule("parent missing on the master", WaitsForParent, "{object} points at a row of {parent} that is not on the master.", "a foreign key", QueueParent, "send the parent first: replay its entry, or queue it where it stands on the replica only, then replay this", "none: the order of the two is kept");
    static CIRCLE: Rule = rule("rows point at each other", WaitsForParent, "New rows point at each other in a circle, and none of the constraints on the way can be deferred: none can go first ({object}).", "a foreign key", Edit, "make one of the constraints DEFERRABLE on the master, or take the reference out of one payload (null) and queue an UPDATE that sets it", "the UPDATE has to be queued by hand: until then the row lacks the reference");
    static CHILDREN: Rule = rule("rows still point at it", Constraint, "Rows of {parent} on the master still point at this row ({object}).", "a foreign key", Choose, "delete or move those rows first, or drop this entry", "deleting the children loses them on every replica");
    static UNIQUE: Rule = rule("already taken", Constraint, "Another row on the master already has this value ({object}).", "a unique constraint", Choose, "compare both rows: change the value, or merge them by hand", "changing the wrong row breaks what points at it");
    static CHECK: Rule = rule("breaks a rule", SchemaMismatch, "A value breaks the rule {object} of {table} on the master.", "a check", Edit, "correct the value to what the rule allows, then replay", EDIT);
    static EXCLUSION: Rule = rule("overlaps another row", Constraint, "It overlaps a row that the rule {object} of {table} keeps apart.", "an exclusion constraint", Choose, "change one of the two rows, then replay", "changing the wrong row breaks what relies on it");
    static READ_ONLY: Rule = rule("master is read-only", Fault, "The master took no write: its session is read-only, or it is a standby.", "the session", Server, "connect to the primary (target_session_attrs=read-write) or end read-only mode; it is tried again by itself", NONE);
    static PASSWORD: Rule = rule("password refused", Fault, "The master refused the password of {object}.", "its user", Server, "correct the password in the configuration (robbie doctor checks it)", NONE);
    static LOGIN: Rule = rule("login refused", Fault, "The master does not let {object} in.", "this user", Server, "ask for an entry in pg_hba.conf or the right role (robbie doctor checks it)", NONE);
    static DATABASE: Rule = rule("no such database", Fault, "The master has no database {object}.", "of that name", Server, "correct the database's name in the configuration", NONE);
    static SERIALIZE: Rule = rule("lost a race", Fault, "Another transaction changed the same rows at the same time.", "rows", Wait, "nothing: it is tried again by itself, or replay now", NONE);
    static DEADLOCK: Rule = rule("deadlock", Fault, "Two transactions waited for each other; this one gave way.", "rows", Wait, "nothing: it is tried again by itself, or replay now", NONE);
    static PRIVILEGE: Rule = rule("no right", Fault, "The user at the master may not write {object}.", "this table", Grant, "as its owner on the master: GRANT the missing right on {table}, then replay", "the role gains that right for everything it does");
    static SYNTAX: Rule = rule("statement not understood", Fault, "The statement that was made of it is not SQL (near {object}): a name in the payload is no column.", "a name", Edit, "correct the payload's names; this engine quotes them, so a replay may do", NONE);
    static COLUMN: Rule = rule("unknown column", SchemaMismatch, "The master has no column {object}.", "of that name", Migrate, "add the column with a migration (robbie schema compare shows it), or take it out of the payload", "a column added by hand differs from the migrations");
    static TYPE: Rule = rule("column has another type", SchemaMismatch, "{object} has another type on the master than the payload's value.", "a column", Migrate, "bring the column in line (robbie schema compare); a text user id needs a mapping instead", EDIT);
    static FUNCTION: Rule = rule("missing type or function", SchemaMismatch, "The master lacks {object} that {table} needs.", "a type or function", Migrate, "robbie schema migrate --target master (10-extensions)", "none: migrations only add");
    static TABLE: Rule = rule("unknown table", SchemaMismatch, "The master has no table {object}.", "of that name", Migrate, "robbie schema migrate --target master, or drop the entry if the table is gone for good", "none: migrations only add");
    static UPSERT: Rule = rule("no key for the upsert", SchemaMismatch, "{object} has no primary key or unique constraint on the master that an upsert could meet.", "The table", Migrate, "add the key that the migrations give {table}, then replay", "adding a key fails while duplicates stand");
    static DISK: Rule = rule("master's disk is full", Fault, "The master's disk is full.", "disk", Server, "free space on the master; everything waits and is then tried again by itself", NONE);
    static MEMORY: Rule = rule("master out of memory", Fault, "The master ran out of memory.", "memory", Wait, "nothing: it is tried again by itself; look at the master if it stays", NONE);
    static CONNECTIONS: Rule = rule("too many connections", Fault, "The master has no connection left.", "connection", Wait, "nothing: it is tried again by itself; raise max_connections or close idle sessions if it stays", NONE);
    static LIMIT: Rule = rule("too big for the server", SchemaMismatch, "A value is too big for {object}: an index entry over 2 704 bytes, a row over 1 GB, or jsonb over 255 MB.", "a limit of the server", Edit, "shorten the value, or drop the index on the text column on the master, then replay", EDIT);
    static LOCK: Rule = rule("row is locked", Fault, "Another session held the row's lock longer than we wait.", "a lock", Wait, "nothing: it is tried again by itself; Health shows who holds the lock", NONE);
    static CANCELLED: Rule = rule("took too long", Fault, "The statement was cancelled: it ran into the time limit, or a person stopped it.", "it", Wait, "replay; if it stays, look for a lock or a slow trigger on {table}", NONE);
    static STOPPED: Rule = rule("server went away", Fault, "The master ended the connection or is starting up.", "it", Wait, "nothing: it is tried again by itself when the master is back", NONE);
    static CONNECTION: Rule = rule("no connection", Fault, "The master could not be reached, or the connection broke.", "it", Wait, "nothing: it is tried again by itself; the ledger tells whether it had arrived", "none: an entry in the ledger is never applied again");
    static VECTOR: Rule = rule("data do not fit", SchemaMismatch, "A value does not fit its column on the master (an embedding of another length, say).", "a column", Edit, "make the embedding again with 1536 dimensions, then replay", EDIT);
    static RAISED: Rule = rule("refused by the master's own rule", Fault, "A trigger or function on the master refused it with words of its own (below), at {object}.", "{table}", Choose, "do what its words ask for, then replay", NONE);
    Some(match code {
        "P0001" => &RAISED,
        "22000" => &VECTOR, "22001" => &TOO_LONG, "22003" => &RANGE, "22007" => &TIME, "22008" => &TIME_RANGE,
        "22021" => &ENCODING, "22P02" => &SYNTAX_VALUE, "22P05" => &ESCAPE, "23502" => &NULL,
        "23503" if text.contains("update or delete on table") => &CHILDREN,
        "23503" if text.contains("point at each other in a circle") => &CIRCLE,
        "23001" => &CHILDREN, "23503" => &PARENT, "23505" => &UNIQUE, "23514" => &CHECK, "23P01" => &EXCLUSION,
        "25006" => &READ_ONLY, "28P01" => &PASSWORD, "28000" => &LOGIN, "3D000" => &DATABASE, "40001" => &SERIALIZE,
        "40P01" => &DEADLOCK, "42501" => &PRIVILEGE, "42601" => &SYNTAX, "42703" => &COLUMN, "42804" => &TYPE,
        "42704" | "42883" => &FUNCTION, "42P01" => &TABLE, "42P10" => &UPSERT, "53100" => &DISK, "53200" => &MEMORY,
        "53300" => &CONNECTIONS, "54000" => &LIMIT, "55P03" => &LOCK, "57014" => &CANCELLED,
        "57P01" | "57P02" | "57P03" => &STOPPED,
        code if code.starts_with("08") => &CONNECTION,
        _ => return None,
    })
}

/// The rule of a verdict that says more than any code.
#[rustfmt::skip]
pub(super) fn of_verdict(verdict: Verdict) -> Option<&'static Rule> {
    static ZERO: Rule = rule("row not found", Verdict::ZeroRows, "The master has no row that it could change: deleted there, or never arrived.", "the row", Fix::Choose, "look at the row on both sides: send it as a new row, or drop the entry; it is never settled silently", "sending it again brings back a row that someone deleted");
    static NEWER: Rule = rule("master is newer", Verdict::OverwritesNewer, "The master's row changed after this entry was queued; applying it would overwrite that.", "the row", Fix::Choose, "compare the images, then replay by choice or let the master's row stand", "a replay by choice overwrites the newer values (the before-image is kept)");
    static CHAIN: Rule = rule("waits for an earlier entry", Verdict::WaitsForChain, "An earlier entry of the same row has not arrived.", "the row", Fix::ChainFirst, "get the earlier entry through first; this one follows", "none: the order of the two is kept");
    static KEY: Rule = rule("payload has no key", Verdict::LacksKey, "The payload does not say which row it is: the replica made the key itself.", "the key", Fix::AdoptKey, "take the key of the replica's row that equals it, if exactly one does", "with two equal rows the wrong one could be meant; then it is refused");
    static USER: Rule = rule("user has no mapping", Verdict::UnmappedUser, "The master knows users by uuid, and this user id has no mapping ({object}).", "user_id", Fix::MapUser, "map the user in user_id_mapping on the master, then replay", "a wrong mapping writes rows in another user's name");
    match verdict {
        Verdict::ZeroRows => Some(&ZERO), Verdict::OverwritesNewer => Some(&NEWER), Verdict::WaitsForChain => Some(&CHAIN),
        Verdict::LacksKey => Some(&KEY), Verdict::UnmappedUser => Some(&USER), _ => None,
    }
}
