-- What users ask for and say about it.

CREATE TABLE IF NOT EXISTS feature_requests (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id         uuid REFERENCES users (id) ON DELETE CASCADE,
    title           varchar(255) NOT NULL,
    description     text,
    status          varchar(20) DEFAULT 'open' CHECK (status IN ('open', 'in_progress', 'closed', 'rejected')),
    priority        varchar(20) DEFAULT 'medium' CHECK (priority IN ('low', 'medium', 'high', 'critical')),
    github_issue_id varchar(100) UNIQUE,
    assigned_to     uuid REFERENCES users (id) ON DELETE SET NULL,
    metadata        jsonb DEFAULT '{}',
    created_at      timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at      timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS idx_feature_requests_user_id ON feature_requests (user_id);
CREATE INDEX IF NOT EXISTS idx_feature_requests_assigned_to ON feature_requests (assigned_to);
CREATE OR REPLACE TRIGGER touch_feature_requests BEFORE UPDATE ON feature_requests
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE IF NOT EXISTS feedback (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id            uuid REFERENCES users (id) ON DELETE CASCADE,
    feature_request_id uuid REFERENCES feature_requests (id) ON DELETE SET NULL,
    category           varchar(50),
    content            text NOT NULL,
    rating             integer CHECK (rating BETWEEN 1 AND 5),
    metadata           jsonb DEFAULT '{}',
    created_at         timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at         timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS idx_feedback_user_id ON feedback (user_id);
CREATE INDEX IF NOT EXISTS idx_feedback_feature_request_id ON feedback (feature_request_id);
CREATE OR REPLACE TRIGGER touch_feedback BEFORE UPDATE ON feedback
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
