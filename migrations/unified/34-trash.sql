-- Conversations that were deleted by hand, with all they held, until somebody brings them back: exact JSON, as the export writes it.
CREATE TABLE IF NOT EXISTS robbie_sync.trash (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id uuid NOT NULL,
    title           text,
    document        text NOT NULL,
    actor           text,
    deleted_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    restored_at     timestamptz
);
CREATE INDEX IF NOT EXISTS trash_deleted_at ON robbie_sync.trash (deleted_at DESC, id);
