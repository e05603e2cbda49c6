-- A master as it is deployed: 01-core, the audit log of 01, 20-sync-infrastructure.
CREATE FUNCTION uuid_generate_v4() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';
CREATE TABLE users (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(), username VARCHAR(50) NOT NULL UNIQUE, email VARCHAR(255) NOT NULL UNIQUE,
    password_hash VARCHAR(255) NOT NULL, role VARCHAR(20) DEFAULT 'user', is_active BOOLEAN DEFAULT true,
    is_vip BOOLEAN DEFAULT false, created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP, last_login TIMESTAMPTZ, preferences JSONB, metadata JSONB);
INSERT INTO users (id, username, email, password_hash, role) VALUES
    ('00000000-0000-4000-8000-0000000000aa', 'allan', 'allan@example.com', 'x', 'admin'),
    ('00000000-0000-4000-8000-0000000000bb', 'bob', 'bob@example.com', 'x', 'user');
CREATE TABLE pending_sync (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(), table_name VARCHAR(255) NOT NULL,
    operation VARCHAR(50) NOT NULL CHECK (operation IN ('INSERT', 'UPDATE', 'DELETE', 'UPSERT')),
    data JSONB NOT NULL, created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP, synced_at TIMESTAMPTZ, error TEXT,
    retry_count INTEGER DEFAULT 0, last_retry TIMESTAMPTZ, priority INTEGER DEFAULT 5, node_id VARCHAR(100));
CREATE TABLE sync_status (id UUID PRIMARY KEY DEFAULT uuid_generate_v4(), table_name VARCHAR(255) NOT NULL UNIQUE,
    last_sync_at TIMESTAMPTZ, last_sync_record_count INTEGER, last_sync_duration_ms INTEGER, last_error TEXT,
    sync_enabled BOOLEAN DEFAULT true, created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE sync_nodes (id UUID PRIMARY KEY DEFAULT uuid_generate_v4(), node_id VARCHAR(100) NOT NULL UNIQUE,
    node_name VARCHAR(255) NOT NULL, node_type VARCHAR(50) NOT NULL, connection_string TEXT, last_seen TIMESTAMPTZ,
    is_online BOOLEAN, metadata JSONB, created_at TIMESTAMPTZ, updated_at TIMESTAMPTZ);
INSERT INTO sync_nodes (node_id, node_name, node_type) VALUES ('laptop', 'Laptop', 'replica');
INSERT INTO pending_sync (table_name, operation, data) VALUES ('code_messages', 'DELETE', '{"id": 1}');
