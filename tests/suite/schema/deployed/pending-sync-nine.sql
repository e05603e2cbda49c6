-- pending_sync with nine columns and no check; sync_status is a view.
CREATE TABLE pending_sync (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(), table_name VARCHAR(255) NOT NULL, operation VARCHAR(50) NOT NULL,
    data JSONB NOT NULL, created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP, synced_at TIMESTAMPTZ, error TEXT,
    retry_count INTEGER DEFAULT 0, last_retry TIMESTAMPTZ);
CREATE VIEW sync_status AS
    SELECT table_name, count(*) FILTER (WHERE synced_at IS NULL AND error IS NULL) AS pending,
           count(*) FILTER (WHERE error IS NOT NULL) AS failed, count(*) FILTER (WHERE synced_at IS NOT NULL) AS synced,
           max(created_at) AS last_write, max(synced_at) AS last_sync
      FROM pending_sync GROUP BY table_name;
INSERT INTO pending_sync (table_name, operation, data) VALUES
    ('code_messages', 'INSERT', '{"content": "without a key", "amount": 0.10}'), ('nowhere', 'MERGE', '{}');
