-- Roles, permissions and privacy. Row-level security lets a session at the rows of the user that it names in the setting
-- app.user_id, and of the companies which that user is a member of; the owner of a table sees all of it.

SELECT robbie_sync.begin_tables();

CREATE TABLE IF NOT EXISTS roles (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        varchar(100) NOT NULL UNIQUE,
    description text,
    is_system   boolean DEFAULT false,
    metadata    jsonb DEFAULT '{}',
    created_at  timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at  timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS permissions (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        varchar(100) NOT NULL UNIQUE,
    resource    varchar(100) NOT NULL,
    action      varchar(50) NOT NULL,
    description text,
    created_at  timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at  timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS role_permissions (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    role_id       uuid NOT NULL,
    permission_id uuid NOT NULL,
    created_at    timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at    timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS user_roles (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    uuid NOT NULL,
    role_id    uuid NOT NULL,
    company_id uuid,
    granted_by uuid,
    expires_at timestamptz,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS privacy_settings (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id     uuid NOT NULL,
    resource    varchar(100) NOT NULL,
    visibility  varchar(20) DEFAULT 'private' CHECK (visibility IN ('private', 'company', 'town', 'public')),
    shared_with uuid[],
    metadata    jsonb DEFAULT '{}',
    created_at  timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at  timestamptz DEFAULT CURRENT_TIMESTAMP
);

SELECT robbie_sync.settle_tables();

SELECT robbie_sync.refer('role_permissions', 'role_id', 'roles', 'CASCADE'),
       robbie_sync.refer('role_permissions', 'permission_id', 'permissions', 'CASCADE'),
       robbie_sync.refer('user_roles', 'user_id', 'users', 'CASCADE'),
       robbie_sync.refer('user_roles', 'role_id', 'roles', 'CASCADE'),
       robbie_sync.refer('user_roles', 'company_id', 'companies', 'SET NULL'),
       robbie_sync.refer('user_roles', 'granted_by', 'users', 'SET NULL'),
       robbie_sync.refer('privacy_settings', 'user_id', 'users', 'CASCADE');

SELECT robbie_sync.index_business('role_permissions_once', 'role_permissions', 'btree (role_id, permission_id)'),
       robbie_sync.index_business('user_roles_once', 'user_roles', 'btree (user_id, role_id)'),
       robbie_sync.index_business('privacy_settings_resource', 'privacy_settings', 'btree (user_id, resource)');

-- The roles that users.role allows.
INSERT INTO public.roles (name, description, is_system) VALUES
    ('admin', 'Everything', true), ('user', 'Their own data and that of their companies', true),
    ('mentor', 'Conversations they are invited to', true), ('ai', 'An assistant acting for a user', true),
    ('developer', 'Configuration and services', true)
ON CONFLICT (name) DO NOTHING;

CREATE OR REPLACE FUNCTION robbie_sync.acting_user() RETURNS uuid LANGUAGE sql STABLE AS
    $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$;

-- Whether the acting user is a member of a company; asked as the owner, who sees all members. Keys are compared as text,
-- for an adopted table of companies may have integer ones.
CREATE OR REPLACE FUNCTION robbie_sync.is_member(company text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS
    $$ SELECT EXISTS (SELECT FROM public.company_members m
                       WHERE m.user_id = robbie_sync.acting_user() AND m.company_id::text = company) $$;

SELECT robbie_sync.guard(t, 'user_id = robbie_sync.acting_user()')
  FROM unnest(ARRAY['ai_memories', 'search_history', 'privacy_settings', 'user_roles', 'company_members']) AS t;
