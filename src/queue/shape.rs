//! What the queue's tables look like on this replica: deployed as they are, or with the engine's bookkeeping beside.

use super::State;
use super::page::SortBy;
use crate::postgres::{Fault, Kind, Side};
use tokio_postgres::Client;

/// The shape of the queue on one replica.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Shape {
    /// Whether `robbie_sync.entry` stands beside `pending_sync`.
    pub migrated: bool,
    /// `robbie_sync.entry` knows which stored error its notes are about.
    pub hears: bool,
    /// `error` is there.
    pub has_error: bool,
    /// `retry_count` is there.
    pub has_retry_count: bool,
    /// `last_retry` is there.
    pub has_last_retry: bool,
    /// `node_id` and `priority` are there: the shape with eleven columns.
    pub eleven: bool,
    /// An index by `created_at` over all rows.
    pub time_index: bool,
    /// An index by `created_at` over the unsynced rows.
    pub open_time_index: bool,
    /// There is an archive of discarded entries, with their places in the queue.
    pub archive: bool,
    /// It is the archive that is read, as if it were the queue ([`Shape::of_archive`]).
    pub discarded: bool,
}

const PROBE: &str = "
select c.relname is not null as there,
       coalesce(has_table_privilege(c.oid, 'select'), false) as readable,
       array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
         as columns,
       array(select coalesce(pg_get_expr(i.indpred, i.indrelid), '') from pg_index i
             join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
             where i.indrelid = c.oid and a.attname = 'created_at' and i.indisvalid) as time_indexes,
       e.oid is not null as migrated,
       coalesce(has_schema_privilege(e.relnamespace, 'usage') and has_table_privilege(e.oid, 'select'), false)
         as entry_readable,
       exists (select 1 from pg_attribute a where a.attrelid = e.oid and a.attname = 'heard' and not a.attisdropped) as hears,
       exists (select 1 from pg_class k join pg_attribute a on a.attrelid = k.oid where k.relnamespace = e.relnamespace
               and k.relname = 'archive' and a.attname = 'seq' and has_table_privilege(k.oid, 'select')) as archive
from (select to_regclass('public.pending_sync') as p,
             (select k.oid from pg_class k join pg_namespace n on n.oid = k.relnamespace
              where n.nspname = 'robbie_sync' and k.relname = 'entry') as e) r
left join pg_class c on c.oid = r.p
left join pg_class e on e.oid = r.e";

/// Beside the archive (`a`): the columns of `pending_sync` (`p`) and of `robbie_sync.entry` (`e`). Plain expressions, so that only
/// what a statement needs is looked at.
const ARCHIVED: &str = "
cross join lateral (select a.entry_id as id, a.pending_row ->> 'table_name' as table_name, a.pending_row ->> 'operation' as operation,
    a.data_text::jsonb as data, (a.pending_row ->> 'created_at')::timestamptz as created_at, null::timestamptz as synced_at,
    a.pending_row ->> 'error' as error) p
cross join lateral (select a.entry_id, a.seq, a.entry_row ->> 'tbl' as tbl, nullif(a.entry_row -> 'pk', 'null') as pk,
    nullif(a.entry_row -> 'base', 'null') as base, a.entry_row ->> 'state' as state,
    coalesce((a.entry_row ->> 'attempts')::int, 0) as attempts, a.entry_row ->> 'verdict' as verdict,
    a.entry_row ->> 'sqlstate' as sqlstate, a.entry_row ->> 'object' as object, a.entry_row ->> 'blocked_on' as blocked_on,
    (a.entry_row ->> 'blocked_by')::uuid as blocked_by, (a.entry_row ->> 'heard')::bigint as heard,
    (a.entry_row ->> 'first_failed_at')::timestamptz as first_failed_at,
    (a.entry_row ->> 'last_failed_at')::timestamptz as last_failed_at, null::timestamptz as next_attempt_at) e";

impl Shape {
    /// Looks the shape up, in one statement. A missing table, column or privilege is a fault that says so.
    pub async fn read(client: &Client) -> Result<Self, Fault> {
        let rows = client.query_typed(PROBE, &[]).await.map_err(|e| Fault::from_postgres(e, Side::Replica))?;
        let row = rows.first().ok_or_else(missing_table)?;
        if !row.get::<_, bool>("there") {
            return Err(missing_table());
        }
        if !row.get::<_, bool>("readable") {
            return Err(no_privilege("public.pending_sync"));
        }
        let columns: Vec<String> = row.get("columns");
        let has = |name: &str| columns.iter().any(|c| c == name);
        for needed in ["id", "table_name", "operation", "data", "created_at", "synced_at"] {
            if !has(needed) {
                return Err(Fault::new(Kind::Schema, format!("pending_sync has no column {needed}; this is no queue"))
                    .on(Side::Replica)
                    .about(format!("public.pending_sync.{needed}"))
                    .remedy("robbie schema migrate --target replica"));
            }
        }
        let migrated: bool = row.get("migrated");
        if migrated && !row.get::<_, bool>("entry_readable") {
            return Err(no_privilege("robbie_sync.entry"));
        }
        let indexes: Vec<String> = row.get("time_indexes");
        Ok(Self {
            migrated,
            hears: migrated && row.get::<_, bool>("hears"),
            has_error: has("error"),
            has_retry_count: has("retry_count"),
            has_last_retry: has("last_retry"),
            eleven: has("node_id") && has("priority"),
            time_index: indexes.iter().any(String::is_empty),
            open_time_index: indexes.iter().any(|p| p == "(synced_at IS NULL)"),
            archive: migrated && row.get::<_, bool>("archive"),
            discarded: false,
        })
    }

    /// The archive seen as a queue of this shape, where there is one.
    pub fn of_archive(&self) -> Option<Self> {
        self.archive.then(|| Self { discarded: true, ..self.clone() })
    }
    /// Where an entry can stand: the queue, then the archive.
    pub fn places(&self) -> impl Iterator<Item = Self> {
        std::iter::once(self.clone()).chain(self.of_archive())
    }

    /// The tables to read from.
    pub fn from(&self) -> String {
        format!(" from {}{}", self.places_table(), self.beside())
    }
    /// The same where each entry is to be looked up.
    pub fn looked_up(&self) -> String {
        if !self.migrated || self.discarded {
            return self.from();
        }
        " from robbie_sync.entry e cross join lateral (select * from public.pending_sync q where q.id = e.entry_id offset 0) p".to_owned()
    }
    /// The table that holds the order, with its name in statements.
    pub fn places_table(&self) -> &'static str {
        match (self.discarded, self.migrated) {
            (true, _) => "robbie_sync.archive a",
            (_, true) => "robbie_sync.entry e",
            (_, false) => "public.pending_sync p",
        }
    }
    /// What tells an entry in that table apart, and stands in the index of the order.
    pub fn place(&self) -> &'static str {
        match (self.discarded, self.migrated) {
            (true, _) => "a.entry_id",
            (_, true) => "e.seq",
            (_, false) => "p.id",
        }
    }
    /// The entry's id in that table.
    pub fn place_id(&self) -> &'static str {
        if self.migrated && !self.discarded { "e.entry_id" } else { self.place() }
    }
    /// What is read beside that table.
    fn beside(&self) -> &'static str {
        match (self.discarded, self.migrated) {
            (true, _) => ARCHIVED,
            (_, true) => " join public.pending_sync p on p.id = e.entry_id",
            (_, false) => "",
        }
    }
    /// The tables once more, for the places that `c` holds. An entry that `pending_sync` lost comes without a row of it.
    pub fn of_chosen(&self) -> String {
        let beside =
            if self.migrated && !self.discarded { format!(" left{}", self.beside()) } else { self.beside().to_owned() };
        format!(" join {} on {} = c.place{beside}", self.places_table(), self.place())
    }
    /// The stored error.
    pub fn error(&self) -> &'static str {
        if self.has_error { "p.error" } else { "null::text" }
    }
    /// How often it was tried.
    pub fn attempts(&self) -> &'static str {
        match (self.migrated, self.has_retry_count) {
            (true, _) => "e.attempts",
            (false, true) => "coalesce(p.retry_count, 0)",
            (false, false) => "0",
        }
    }
    /// When it was last tried, where that is kept.
    pub fn last_tried(&self) -> Option<&'static str> {
        match (self.migrated, self.has_last_retry) {
            (true, _) => Some("e.last_failed_at"),
            (false, true) => Some("p.last_retry"),
            (false, false) => None,
        }
    }
    /// Whether what is noted of the last failure comes from a live answer, and no other worker or edit has been since.
    pub fn live(&self) -> String {
        if !self.hears {
            return "false".to_owned();
        }
        // That an earlier entry of the row is in the way the engine sees itself.
        format!(
            "(e.state in ('retry', 'quarantined', 'blocked') and (e.blocked_on is not distinct from 'chain' \
             or coalesce(e.heard = hashtextextended(coalesce({}, ''), 0), false)))",
            self.error()
        )
    }
    /// A note of the last failure (`verdict`, `sqlstate`, `object`), unless the stored error is another worker's and newer.
    pub fn noted(&self, name: &str) -> String {
        match (self.migrated, self.hears) {
            (false, _) => "null::text".to_owned(),
            (true, false) => format!("e.{name}"),
            (true, true) => format!(
                "case when e.heard is null or e.state not in ('retry', 'quarantined', 'blocked') \
                 or e.blocked_on = 'chain' or e.heard = hashtextextended(coalesce({}, ''), 0) then e.{name} end",
                self.error()
            ),
        }
    }
    /// The row's key as text.
    pub fn key(&self) -> &'static str {
        if self.migrated { "coalesce(e.pk::text, p.data ->> 'id')" } else { "(p.data ->> 'id')" }
    }
    /// The state in our words, as text.
    pub fn state(&self) -> &'static str {
        match (self.migrated, self.has_error) {
            _ if self.discarded => "'discarded'::text",
            (true, _) => {
                "case when e.state in ('retry', 'quarantined') then 'failed' when e.state = 'blocked' then 'blocked' \
                 when e.state in ('applied', 'superseded', 'conflict_resolved') then 'synced' else 'pending' end"
            }
            (false, true) => {
                "case when p.synced_at is not null then 'synced' when p.error <> '' then 'failed' else 'pending' end"
            }
            (false, false) => "case when p.synced_at is not null then 'synced' else 'pending' end",
        }
    }

    /// The condition for being in one of these states. The names are literals, so that the planner sees that a partial
    /// index covers them.
    pub fn in_states(&self, states: &[State]) -> String {
        let has = |state| states.contains(&state);
        if self.discarded {
            return has(State::Discarded).to_string();
        }
        if State::QUEUED.into_iter().all(has) {
            return "true".to_owned();
        }
        if self.migrated {
            let names: Vec<&str> = states.iter().flat_map(|s| entry_states(*s)).copied().collect();
            if names.is_empty() {
                return "false".to_owned();
            }
            return format!("e.state in ('{}')", names.join("', '"));
        }
        let mut open = match (has(State::Pending), has(State::Failed), self.has_error) {
            (true, true, _) | (true, false, false) => "p.synced_at is null".to_owned(),
            (true, false, true) => "(p.synced_at is null and coalesce(p.error, '') = '')".to_owned(),
            (false, true, true) => "(p.synced_at is null and p.error <> '')".to_owned(),
            (false, _, _) => "false".to_owned(),
        };
        if has(State::Synced) {
            open = if has(State::Pending) && has(State::Failed) {
                "true".to_owned()
            } else {
                format!("({open} or p.synced_at is not null)")
            };
        }
        open
    }

    /// The columns of the order, each with its type: the last one makes it total.
    pub fn order(&self, by: SortBy, open_only: bool) -> Vec<(&'static str, &'static str)> {
        let tie = if self.migrated { ("e.seq", "bigint") } else { ("p.id", "uuid") };
        match by {
            SortBy::Time if self.migrated => vec![tie],
            SortBy::Time if self.time_index || (open_only && self.open_time_index) => {
                vec![("p.created_at", "timestamptz"), tie]
            }
            // No index holds that order, and sorting a million rows for a page is refused: by id, and it is said.
            SortBy::Time => vec![tie],
            // The table that holds the order holds these too: no other is asked for them.
            SortBy::Table if self.migrated && !self.discarded => {
                vec![("e.tbl collate \"C\"", "text collate \"C\""), tie]
            }
            SortBy::Operation if self.migrated && !self.discarded => {
                vec![("e.op collate \"C\"", "text collate \"C\""), tie]
            }
            SortBy::Table => vec![("p.table_name collate \"C\"", "text collate \"C\""), tie],
            SortBy::Operation => vec![("p.operation collate \"C\"", "text collate \"C\""), tie],
            SortBy::State if self.discarded => vec![("'discarded' collate \"C\"", "text collate \"C\""), tie],
            SortBy::State if self.migrated => vec![("e.state collate \"C\"", "text collate \"C\""), tie],
            SortBy::State => vec![("(p.synced_at is not null)::int", "int"), tie],
            SortBy::Attempts => vec![(self.attempts(), "int"), tie],
        }
    }

    /// Whether the order by time is really by time.
    pub fn time_is_indexed(&self, open_only: bool) -> bool {
        self.migrated || self.time_index || (open_only && self.open_time_index)
    }
}

fn entry_states(state: State) -> &'static [&'static str] {
    match state {
        State::Pending => &["ready", "inflight"],
        State::Failed => &["retry", "quarantined"],
        State::Blocked => &["blocked"],
        State::Synced => &["applied", "superseded", "conflict_resolved"],
        State::Discarded => &[],
    }
}

fn missing_table() -> Fault {
    Fault::new(Kind::Schema, "there is no table pending_sync")
        .on(Side::Replica)
        .about("public.pending_sync")
        .remedy("robbie schema migrate --target replica adds it (20-sync-infrastructure)")
}

fn no_privilege(table: &str) -> Fault {
    Fault::new(Kind::Privilege, format!("this role may not read {table}"))
        .on(Side::Replica)
        .about(table)
        .remedy(format!("as its owner: GRANT SELECT ON {table} TO the role that connects here"))
}
