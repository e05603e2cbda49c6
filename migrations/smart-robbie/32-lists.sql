-- What the queue's lists read by beside 26-queue-lists.

-- The place in the queue that a discarded entry had. One that had none is before all others.
ALTER TABLE robbie_sync.archive ADD COLUMN IF NOT EXISTS seq bigint
    GENERATED ALWAYS AS (coalesce((entry_row ->> 'seq')::bigint, -(uuid_hash_extended(entry_id, 0) & 9223372036854775807))) STORED;
CREATE INDEX IF NOT EXISTS archive_seq ON robbie_sync.archive (seq);

-- What lists are sorted by stands beside the place, so that a sort reads this index and not the rows with their images. It takes the
-- place of the index of the place alone: a writer has as many to write as before.
CREATE UNIQUE INDEX IF NOT EXISTS entry_place ON robbie_sync.entry (seq) INCLUDE (tbl, op, state, attempts);
DROP INDEX IF EXISTS robbie_sync.entry_seq;
