-- The first load in chunks: how far it is, table by table. Empty when none is under way.

-- Until now `bootstrapping` was said of a replica whose master can only be compared: that is `comparing`.
ALTER TABLE robbie_sync.cursor DROP CONSTRAINT IF EXISTS cursor_state_check;
UPDATE robbie_sync.cursor SET state = 'comparing' WHERE state = 'bootstrapping' AND to_regclass('robbie_sync.load_progress') IS NULL;
ALTER TABLE robbie_sync.cursor ADD CONSTRAINT cursor_state_check
    CHECK (state IN ('bootstrapping', 'comparing', 'following', 'resync'));

-- `after` is the key of the last row taken, its values as text in the order of the key; `total` an estimate of all rows; `shape` what
-- the table looked like (robbie_sync.table_state.shape). A row is written in one transaction with the chunk it tells of.
CREATE TABLE IF NOT EXISTS robbie_sync.load_progress (
    tbl   text PRIMARY KEY,
    after text[],
    rows  bigint      NOT NULL DEFAULT 0,
    total bigint      NOT NULL DEFAULT 0,
    shape text        NOT NULL,
    done  boolean     NOT NULL DEFAULT false,
    at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- All tables are loaded: what the master changed since the load began is pulled next, and makes them exact.
CREATE OR REPLACE FUNCTION robbie_sync.loaded() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM robbie_sync.load_progress;
    UPDATE robbie_sync.cursor SET state = 'following', pulled_at = clock_timestamp() WHERE state = 'bootstrapping'
$$;
