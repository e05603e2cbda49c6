-- Tenancy: which company has which towns and members. companies and towns themselves are made by 04 and 05, with the
-- columns of both deployed shapes.

SELECT robbie_sync.begin_tables();

CREATE TABLE IF NOT EXISTS company_towns (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    town_id    uuid NOT NULL,
    settings   jsonb DEFAULT '{}',
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS company_members (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    role       text NOT NULL CHECK (role IN ('owner', 'admin', 'manager', 'employee', 'contractor')),
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP
);

SELECT robbie_sync.settle_tables();

SELECT robbie_sync.refer('company_towns', 'company_id', 'companies', 'CASCADE'),
       robbie_sync.refer('company_towns', 'town_id', 'towns', 'CASCADE'),
       robbie_sync.refer('company_members', 'company_id', 'companies', 'CASCADE'),
       robbie_sync.refer('company_members', 'user_id', 'users', 'CASCADE');

SELECT robbie_sync.index_business('company_towns_company_town', 'company_towns', 'btree (company_id, town_id)'),
       robbie_sync.index_business('company_members_company_user', 'company_members', 'btree (company_id, user_id)');
