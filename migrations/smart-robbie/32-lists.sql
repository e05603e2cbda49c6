-- What the queue's lists read by beside 26-queue-lists.

-- The place in the queue that a discarded entry had. One that had none is before all others.
ALTER TABLE robbie_sync.archive ADD COLUMN IF NOT EXISTS seq bigint
    GENERATED ALWAYS AS (coalesce((entry_row ->> 'seq')::bigint, -(uuid_hash_extended(entry_id, 0) & 9223372036854775807))) STORED;
CREATE INDEX IF NOT EXISTS archive_seq ON robbie_sync.archive (seq);
