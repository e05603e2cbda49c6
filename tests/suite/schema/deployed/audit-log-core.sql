-- audit_log as 01-core deploys it.
CREATE TABLE audit_log (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(), user_id UUID REFERENCES users(id), action VARCHAR(100) NOT NULL,
    entity_type VARCHAR(100), entity_id VARCHAR(255), old_values JSONB, new_values JSONB, ip_address INET, user_agent TEXT,
    created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP);
INSERT INTO audit_log (user_id, action, entity_type, entity_id, new_values, ip_address) VALUES
    ('00000000-0000-4000-8000-0000000000aa', 'login', 'session', '42', '{"n": 1.10}', '10.0.0.1');
