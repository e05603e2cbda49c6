-- The CRM as it is fetched, per tenant company.

SELECT robbie_sync.begin_tables();

CREATE TABLE IF NOT EXISTS crm_contacts (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    company_id uuid,
    hubspot_id text UNIQUE,
    first_name text,
    last_name  text,
    email      text,
    phone      text,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_sync  timestamptz,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS crm_companies (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    company_id uuid,
    hubspot_id text UNIQUE,
    name       text,
    domain     text,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_sync  timestamptz,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS crm_deals (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    company_id uuid,
    hubspot_id text UNIQUE,
    name       text,
    amount     numeric,
    stage      text,
    close_date timestamptz,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_sync  timestamptz,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS crm_emails (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    company_id  uuid,
    external_id text,
    subject     text,
    sender      text,
    recipients  jsonb,
    body        text,
    sent_at     timestamptz,
    updated_at  timestamptz DEFAULT CURRENT_TIMESTAMP,
    created_at  timestamptz DEFAULT CURRENT_TIMESTAMP
);

SELECT robbie_sync.settle_tables();

SELECT robbie_sync.refer('crm_contacts', 'company_id', 'companies', 'SET NULL'),
       robbie_sync.refer('crm_companies', 'company_id', 'companies', 'SET NULL'),
       robbie_sync.refer('crm_deals', 'company_id', 'companies', 'SET NULL'),
       robbie_sync.refer('crm_emails', 'company_id', 'companies', 'SET NULL');

-- 16 gave audit_log its company_id; a tenant that goes leaves its log.
SELECT robbie_sync.refer('audit_log', 'company_id', 'companies', 'SET NULL', insist => true);

SELECT robbie_sync.guard(t, 'robbie_sync.is_member(company_id::text)')
  FROM unnest(ARRAY['crm_contacts', 'crm_companies', 'crm_deals', 'crm_emails']) AS t;
