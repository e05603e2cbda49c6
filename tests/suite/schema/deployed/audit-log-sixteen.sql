-- audit_log as 16-audit_log deploys it.
CREATE TABLE companies (id UUID PRIMARY KEY DEFAULT uuid_generate_v4());
CREATE TABLE audit_log (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(), company_id UUID REFERENCES companies(id), user_id UUID REFERENCES users(id),
    action TEXT NOT NULL, resource TEXT NOT NULL, resource_id TEXT, details JSONB,
    created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP);
INSERT INTO audit_log (action, resource, resource_id, details) VALUES ('export', 'deal', '7', '{"rows": 3}');
