-- Replica side of the sync: the schema robbie_sync beside pending_sync. public.pending_sync itself keeps the shape
-- that is deployed (nine or eleven columns); what the engine needs to know of an entry stands in robbie_sync.entry.
-- Design and invariants: docs/sync.md.

CREATE SCHEMA IF NOT EXISTS robbie_sync;

-- Who this replica is. One row; node_id is its identity on the master, name what people call it. `nonce` is the one
-- the master confirmed with the last push, `next_nonce` the one sent with a push whose answer is not known.
CREATE TABLE IF NOT EXISTS robbie_sync.this_node (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    node_id    uuid        NOT NULL DEFAULT gen_random_uuid(),
    name       text        NOT NULL DEFAULT 'replica',
    nonce      uuid,
    next_nonce uuid,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO robbie_sync.this_node DEFAULT VALUES ON CONFLICT DO NOTHING;

-- How far this replica has pulled: the master's identity (system id, timeline) and its snapshot then.
CREATE TABLE IF NOT EXISTS robbie_sync.cursor (
    only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    system_identifier text        NOT NULL,
    timeline          integer,
    snapshot          pg_snapshot NOT NULL,
    state             text        NOT NULL CHECK (state IN ('bootstrapping', 'following', 'resync')),
    pulled_at         timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Per entry of pending_sync: a total order, its key, its base image, and where it stands.
--   ready      may be sent as soon as next_attempt_at has come
--   inflight   in a batch that was sent; settled from the ledger after a crash
--   retry      failed, will be tried again at next_attempt_at
--   blocked    waits for something; blocked_on is `parent <table> <key>`, `chain`, `mapping <text id>`, `schema`, `key` or
--              `choice`; blocked_by is the entry it waits for, where it is one
--   quarantined failed too often, needs a person
--   applied | superseded | conflict_resolved   terminal, synced_at is set
-- `seq` and robbie_sync.base.edit_seq are drawn from one sequence, so that an edit is before or after an entry.
CREATE TABLE IF NOT EXISTS robbie_sync.entry (
    entry_id        uuid PRIMARY KEY,
    seq             bigint GENERATED ALWAYS AS IDENTITY,
    xid             xid8        NOT NULL DEFAULT pg_current_xact_id(),
    tbl             text        NOT NULL,
    op              text        NOT NULL,
    pk              jsonb,
    base            jsonb,
    base_hash       text,
    changed         text[],
    state           text        NOT NULL DEFAULT 'ready'
        CHECK (state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined', 'applied', 'superseded', 'conflict_resolved')),
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    blocked_by      uuid,
    blocked_on      text,
    attempt_id      uuid,
    verdict         text,
    sqlstate        text,
    object          text,
    first_failed_at timestamptz,
    last_failed_at  timestamptz,
    queued_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX IF NOT EXISTS entry_seq ON robbie_sync.entry (seq);
CREATE INDEX IF NOT EXISTS entry_due ON robbie_sync.entry (next_attempt_at, seq) WHERE state IN ('ready', 'retry', 'blocked');
CREATE INDEX IF NOT EXISTS entry_open ON robbie_sync.entry (seq) WHERE state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined');
CREATE INDEX IF NOT EXISTS entry_open_key ON robbie_sync.entry (tbl, pk) WHERE state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined');

-- Every try of an entry, by the engine or by a person.
CREATE TABLE IF NOT EXISTS robbie_sync.attempt (
    attempt_no  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entry_id    uuid        NOT NULL,
    run_id      uuid,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor       text        NOT NULL,
    verdict     text        NOT NULL,
    outcome     text        NOT NULL,
    sqlstate    text,
    message     text,
    detail      text,
    object      text,
    duration_ms double precision
);
CREATE INDEX IF NOT EXISTS attempt_entry ON robbie_sync.attempt (entry_id, attempt_no);

-- Rows edited here and not yet settled on the master, each with its last synced image, copied once at the first edit;
-- no image: the row was inserted here. `edit_seq` and `xid` are of its last edit: an entry queued later or in the same
-- transaction covers it.
CREATE TABLE IF NOT EXISTS robbie_sync.base (
    tbl      text        NOT NULL,
    pk       jsonb       NOT NULL,
    image    jsonb,
    edit_seq bigint      NOT NULL DEFAULT nextval('robbie_sync.entry_seq_seq'),
    xid      xid8        NOT NULL DEFAULT pg_current_xact_id(),
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tbl, pk)
);

-- Keys whose master row was not taken yet because an unsent local edit stands there (or its user has no mapping).
CREATE TABLE IF NOT EXISTS robbie_sync.deferred (
    tbl      text        NOT NULL,
    pk       jsonb       NOT NULL,
    reason   text        NOT NULL,
    snapshot pg_snapshot NOT NULL,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tbl, pk)
);

-- Cycles that did something, and every replay: what, by whom, with what outcome. Idle cycles write nothing.
CREATE TABLE IF NOT EXISTS robbie_sync.run (
    run_id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind        text        NOT NULL CHECK (kind IN ('cycle', 'replay', 'discard', 'restore', 'undo', 'edit', 'load')),
    actor       text        NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    outcome     text        CHECK (outcome IN ('ok', 'partial', 'failed')),
    pushed      bigint      NOT NULL DEFAULT 0,
    failed      bigint      NOT NULL DEFAULT 0,
    blocked     bigint      NOT NULL DEFAULT 0,
    pulled      bigint      NOT NULL DEFAULT 0,
    deleted     bigint      NOT NULL DEFAULT 0,
    deferred    bigint      NOT NULL DEFAULT 0,
    conflicts   bigint      NOT NULL DEFAULT 0,
    lag_s       double precision,
    fault       text,
    reason      text
);
CREATE INDEX IF NOT EXISTS run_started ON robbie_sync.run (started_at);

-- Per synced table: when its rows last moved, how many, and why it is paused if it is. `shape` is a digest of its columns on
-- both sides when all its rows were taken last, with the tables' oids: with another one they are all taken again.
CREATE TABLE IF NOT EXISTS robbie_sync.table_state (
    tbl         text PRIMARY KEY,
    last_pushed timestamptz,
    last_pulled timestamptz,
    pushed      bigint NOT NULL DEFAULT 0,
    pulled      bigint NOT NULL DEFAULT 0,
    paused      text,
    shape       text
);

-- Discarded entries, byte for byte, with who, when and why; kept 30 days.
CREATE TABLE IF NOT EXISTS robbie_sync.archive (
    entry_id     uuid PRIMARY KEY,
    pending_row  jsonb       NOT NULL,
    data_text    text        NOT NULL,
    entry_row    jsonb,
    reason       text,
    actor        text        NOT NULL,
    discarded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS archive_at ON robbie_sync.archive (discarded_at);
