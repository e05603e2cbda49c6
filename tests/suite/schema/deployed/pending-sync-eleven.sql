-- pending_sync with eleven columns, a check, and an index on the error text; sync_status is a table.
CREATE TABLE pending_sync (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(), table_name VARCHAR(255) NOT NULL,
    operation VARCHAR(50) NOT NULL CHECK (operation IN ('INSERT', 'UPDATE', 'DELETE', 'UPSERT')),
    data JSONB NOT NULL, created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP, synced_at TIMESTAMPTZ, error TEXT,
    retry_count INTEGER DEFAULT 0, last_retry TIMESTAMPTZ, priority INTEGER DEFAULT 5, node_id VARCHAR(100));
CREATE INDEX idx_pending_sync_error ON pending_sync (error) WHERE error IS NOT NULL;
CREATE TABLE sync_status (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(), table_name VARCHAR(255) NOT NULL UNIQUE, last_sync_at TIMESTAMPTZ,
    last_sync_record_count INTEGER, last_sync_duration_ms INTEGER, last_error TEXT, sync_enabled BOOLEAN DEFAULT true,
    created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP);
INSERT INTO sync_status (table_name) VALUES ('code_messages');
INSERT INTO pending_sync (table_name, operation, data, error, priority, node_id) VALUES
    ('code_messages', 'UPSERT', '{"id": "00000000-0000-4000-8000-00000000000a"}', 'it failed', 1, 'laptop');
