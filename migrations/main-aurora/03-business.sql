-- Companies, contacts, deals, and the work around them.

CREATE TABLE IF NOT EXISTS companies (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name       varchar(255) NOT NULL,
    domain     varchar(255),
    industry   varchar(255),
    owner_id   uuid REFERENCES users (id) ON DELETE SET NULL,
    metadata   jsonb DEFAULT '{}',
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS idx_companies_owner_id ON companies (owner_id);
CREATE OR REPLACE TRIGGER touch_companies BEFORE UPDATE ON companies
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE IF NOT EXISTS contacts (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    company_id uuid REFERENCES companies (id) ON DELETE SET NULL,
    email      varchar(255),
    first_name varchar(255),
    last_name  varchar(255),
    job_title  varchar(255),
    phone      varchar(255),
    metadata   jsonb DEFAULT '{}',
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS idx_contacts_company_id ON contacts (company_id);
CREATE OR REPLACE TRIGGER touch_contacts BEFORE UPDATE ON contacts
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE IF NOT EXISTS deals (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    deal_name          varchar(255),
    amount             numeric(12,2),
    pipeline           varchar(255),
    dealstage          varchar(255),
    close_date         timestamptz,
    company_id         uuid REFERENCES companies (id) ON DELETE SET NULL,
    primary_contact_id uuid REFERENCES contacts (id) ON DELETE SET NULL,
    metadata           jsonb DEFAULT '{}',
    created_at         timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at         timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS idx_deals_company_id ON deals (company_id);
CREATE INDEX IF NOT EXISTS idx_deals_primary_contact_id ON deals (primary_contact_id);
CREATE OR REPLACE TRIGGER touch_deals BEFORE UPDATE ON deals
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE IF NOT EXISTS sticky_notes (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id     uuid REFERENCES users (id) ON DELETE CASCADE,
    title       varchar(255),
    content     text NOT NULL,
    color       varchar(20),
    category    varchar(100),
    is_pinned   boolean DEFAULT false,
    is_archived boolean DEFAULT false,
    due_at      timestamptz,
    tags        text[],
    metadata    jsonb DEFAULT '{}',
    created_at  timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at  timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS idx_sticky_notes_user_id ON sticky_notes (user_id);
CREATE OR REPLACE TRIGGER touch_sticky_notes BEFORE UPDATE ON sticky_notes
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE IF NOT EXISTS priorities (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      uuid REFERENCES users (id) ON DELETE CASCADE,
    title        varchar(255) NOT NULL,
    description  text,
    rank         integer,
    status       varchar(50) DEFAULT 'open' CHECK (status IN ('open', 'in_progress', 'done', 'dropped')),
    due_at       timestamptz,
    completed_at timestamptz,
    metadata     jsonb DEFAULT '{}',
    created_at   timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at   timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS idx_priorities_user_id ON priorities (user_id);
CREATE OR REPLACE TRIGGER touch_priorities BEFORE UPDATE ON priorities
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE IF NOT EXISTS meetings (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      uuid REFERENCES users (id) ON DELETE CASCADE,
    title        varchar(255) NOT NULL,
    description  text,
    company_id   uuid REFERENCES companies (id) ON DELETE SET NULL,
    contact_id   uuid REFERENCES contacts (id) ON DELETE SET NULL,
    deal_id      uuid REFERENCES deals (id) ON DELETE SET NULL,
    start_time   timestamptz,
    end_time     timestamptz,
    location     varchar(500),
    meeting_link varchar(500),
    attendees    jsonb,
    notes        text,
    summary      text,
    metadata     jsonb DEFAULT '{}',
    created_at   timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at   timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS idx_meetings_user_id ON meetings (user_id);
CREATE INDEX IF NOT EXISTS idx_meetings_company_id ON meetings (company_id);
CREATE INDEX IF NOT EXISTS idx_meetings_contact_id ON meetings (contact_id);
CREATE INDEX IF NOT EXISTS idx_meetings_deal_id ON meetings (deal_id);
CREATE OR REPLACE TRIGGER touch_meetings BEFORE UPDATE ON meetings
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE IF NOT EXISTS emails (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id     uuid REFERENCES users (id) ON DELETE CASCADE,
    external_id varchar(255),
    thread_id   varchar(255),
    contact_id  uuid REFERENCES contacts (id) ON DELETE SET NULL,
    deal_id     uuid REFERENCES deals (id) ON DELETE SET NULL,
    direction   varchar(20),
    from_email  varchar(255),
    to_emails   text[],
    cc_emails   text[],
    subject     text,
    body        text,
    sent_at     timestamptz,
    is_read     boolean DEFAULT false,
    metadata    jsonb DEFAULT '{}',
    created_at  timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at  timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS idx_emails_user_id ON emails (user_id);
CREATE INDEX IF NOT EXISTS idx_emails_contact_id ON emails (contact_id);
CREATE INDEX IF NOT EXISTS idx_emails_deal_id ON emails (deal_id);
CREATE OR REPLACE TRIGGER touch_emails BEFORE UPDATE ON emails
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE IF NOT EXISTS tasks (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      uuid REFERENCES users (id) ON DELETE CASCADE,
    assigned_to  uuid REFERENCES users (id) ON DELETE SET NULL,
    title        varchar(255) NOT NULL,
    description  text,
    status       varchar(50) DEFAULT 'open' CHECK (status IN ('open', 'in_progress', 'done', 'cancelled')),
    priority     varchar(20) DEFAULT 'medium' CHECK (priority IN ('low', 'medium', 'high', 'critical')),
    deal_id      uuid REFERENCES deals (id) ON DELETE SET NULL,
    contact_id   uuid REFERENCES contacts (id) ON DELETE SET NULL,
    due_at       timestamptz,
    completed_at timestamptz,
    metadata     jsonb DEFAULT '{}',
    created_at   timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at   timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS idx_tasks_user_id ON tasks (user_id);
CREATE INDEX IF NOT EXISTS idx_tasks_assigned_to ON tasks (assigned_to);
CREATE INDEX IF NOT EXISTS idx_tasks_deal_id ON tasks (deal_id);
CREATE INDEX IF NOT EXISTS idx_tasks_contact_id ON tasks (contact_id);
CREATE OR REPLACE TRIGGER touch_tasks BEFORE UPDATE ON tasks
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
