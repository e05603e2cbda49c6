-- Master side of the sync: the deployed tables of this name, and the schema robbie_sync with the engine's bookkeeping.
-- Design and invariants: docs/sync.md. Everything here works for a role that is neither superuser nor REPLICATION.

CREATE TABLE IF NOT EXISTS public.pending_sync (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    table_name  varchar(255) NOT NULL,
    operation   varchar(50)  NOT NULL CHECK (operation IN ('INSERT', 'UPDATE', 'DELETE', 'UPSERT')),
    data        jsonb        NOT NULL,
    created_at  timestamptz  DEFAULT CURRENT_TIMESTAMP,
    synced_at   timestamptz,
    error       text,
    retry_count integer      DEFAULT 0,
    last_retry  timestamptz,
    priority    integer      DEFAULT 5,
    node_id     varchar(100)
);
CREATE INDEX IF NOT EXISTS idx_pending_sync_unsynced ON public.pending_sync (created_at) WHERE synced_at IS NULL;
CREATE INDEX IF NOT EXISTS idx_pending_sync_table ON public.pending_sync (table_name);

CREATE SCHEMA IF NOT EXISTS robbie_sync;

-- Every replica this master has met. `snapshot` is how far it has pulled (pruning waits for it), `nonce` changes with
-- every push (two machines holding the same one are a cloned disk), `acked_seq` is how far it has noted the ledger.
CREATE TABLE IF NOT EXISTS robbie_sync.node (
    node_id    uuid PRIMARY KEY,
    name       text        NOT NULL,
    nonce      uuid,
    snapshot   pg_snapshot,
    acked_seq  bigint      NOT NULL DEFAULT 0,
    engine     jsonb,
    first_seen timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Which rows changed: primary keys only, never an image. Readers take the half-open window between two snapshots.
-- op: I(nsert) U(pdate) D(elete) T(runcate, pk null). origin: the replica whose push made the change.
CREATE TABLE IF NOT EXISTS robbie_sync.changelog (
    seq    bigint GENERATED ALWAYS AS IDENTITY,
    xid    xid8        NOT NULL DEFAULT pg_current_xact_id(),
    tbl    text        NOT NULL,
    op     "char"      NOT NULL CHECK (op IN ('I', 'U', 'D', 'T')),
    pk     jsonb,
    origin uuid,
    at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS changelog_xid ON robbie_sync.changelog (xid);
CREATE INDEX IF NOT EXISTS changelog_pk ON robbie_sync.changelog USING hash (pk);

-- Below which transaction the changelog was pruned: a replica whose cursor reaches further back compares all rows.
CREATE TABLE IF NOT EXISTS robbie_sync.pruned (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    below    xid8        NOT NULL,
    at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The tables that are synced, and how. `policy` says what happens when both sides changed different columns of a row:
-- `row` keeps the master's row, `column` merges. `derived` columns belong to a trigger of the master: never sent, never
-- compared. `stamps` (time of the last change) are sent but never compared.
CREATE TABLE IF NOT EXISTS robbie_sync.synced_table (
    tbl         text PRIMARY KEY,
    policy      text        NOT NULL DEFAULT 'row' CHECK (policy IN ('row', 'column')),
    derived     text[]      NOT NULL DEFAULT '{}',
    stamps      text[]      NOT NULL DEFAULT '{}',
    captured_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The ledger: one row per entry that took effect here, written in the transaction of the effect. An entry found here
-- is never applied again, unless its payload was edited since. `before_image` is what undo puts back; `after_hash` is how
-- a later change is noticed; `unseen` says that the row held changes of others that the replica had not seen.
CREATE TABLE IF NOT EXISTS robbie_sync.applied (
    entry_id     uuid PRIMARY KEY,
    node_id      uuid        NOT NULL,
    seq          bigint,
    tbl          text        NOT NULL,
    op           text        NOT NULL,
    pk           jsonb,
    payload_hash text        NOT NULL,
    verdict      text        NOT NULL,
    outcome      text        NOT NULL CHECK (outcome IN ('applied', 'no_change', 'superseded', 'conflict_resolved', 'undone')),
    before_image jsonb,
    after_hash   text,
    unseen       boolean     NOT NULL DEFAULT false,
    actor        text        NOT NULL,
    run_id       uuid,
    reason       text,
    xid          xid8        NOT NULL DEFAULT pg_current_xact_id(),
    applied_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS applied_node_seq ON robbie_sync.applied (node_id, seq);
CREATE INDEX IF NOT EXISTS applied_pk ON robbie_sync.applied USING hash (pk);

-- Every conflict with all its images; the losing image is always kept.
CREATE TABLE IF NOT EXISTS robbie_sync.conflict (
    conflict_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    node_id     uuid,
    kind        text        NOT NULL,
    tbl         text        NOT NULL,
    pk          jsonb       NOT NULL,
    base        jsonb,
    local       jsonb,
    remote      jsonb,
    result      jsonb,
    rule        text        NOT NULL,
    entry_ids   uuid[]      NOT NULL DEFAULT '{}',
    resolved_at timestamptz,
    resolved_by text,
    resolution  text
);
CREATE INDEX IF NOT EXISTS conflict_open ON robbie_sync.conflict (at) WHERE resolved_at IS NULL;
