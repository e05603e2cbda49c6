-- Users, keys, sessions, configuration, audit: the core of the unified schema, as it is deployed.

CREATE TABLE IF NOT EXISTS public.users (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    username      varchar(50) NOT NULL UNIQUE,
    email         varchar(255) NOT NULL UNIQUE,
    password_hash varchar(255) NOT NULL,
    role          varchar(20) DEFAULT 'user' CHECK (role IN ('admin', 'user', 'mentor', 'ai', 'developer')),
    is_active     boolean DEFAULT true,
    is_vip        boolean DEFAULT false,
    created_at    timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at    timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_login    timestamptz,
    preferences   jsonb DEFAULT '{}',
    metadata      jsonb DEFAULT '{}'
);
SELECT robbie_sync.adopt('public.users', 'id', ARRAY[
    ['id', 'uuid', 'gen_random_uuid()'], ['username', 'varchar(50)', NULL], ['email', 'varchar(255)', NULL],
    ['password_hash', 'varchar(255)', NULL], ['role', 'varchar(20)', '''user'''], ['is_active', 'boolean', 'true'],
    ['is_vip', 'boolean', 'false'], ['created_at', 'timestamptz', 'CURRENT_TIMESTAMP'],
    ['updated_at', 'timestamptz', 'CURRENT_TIMESTAMP'], ['last_login', 'timestamptz', NULL],
    ['preferences', 'jsonb', '''{}'''], ['metadata', 'jsonb', '''{}''']]);

CREATE TABLE IF NOT EXISTS public.api_keys (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id     uuid REFERENCES public.users (id) ON DELETE CASCADE,
    key_hash    varchar(255) NOT NULL,
    name        varchar(100) NOT NULL,
    permissions jsonb DEFAULT '[]',
    last_used   timestamptz,
    expires_at  timestamptz,
    is_active   boolean DEFAULT true,
    created_at  timestamptz DEFAULT CURRENT_TIMESTAMP
);
SELECT robbie_sync.adopt('public.api_keys', 'id', ARRAY[
    ['id', 'uuid', 'gen_random_uuid()'], ['user_id', 'uuid', NULL], ['key_hash', 'varchar(255)', NULL],
    ['name', 'varchar(100)', NULL], ['permissions', 'jsonb', '''[]'''], ['last_used', 'timestamptz', NULL],
    ['expires_at', 'timestamptz', NULL], ['is_active', 'boolean', 'true'],
    ['created_at', 'timestamptz', 'CURRENT_TIMESTAMP']]);

CREATE TABLE IF NOT EXISTS public.sessions (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id       uuid REFERENCES public.users (id) ON DELETE CASCADE,
    token_hash    varchar(255) NOT NULL,
    ip_address    inet,
    user_agent    text,
    expires_at    timestamptz NOT NULL,
    created_at    timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_activity timestamptz DEFAULT CURRENT_TIMESTAMP
);
SELECT robbie_sync.adopt('public.sessions', 'id', ARRAY[
    ['id', 'uuid', 'gen_random_uuid()'], ['user_id', 'uuid', NULL], ['token_hash', 'varchar(255)', NULL],
    ['ip_address', 'inet', NULL], ['user_agent', 'text', NULL], ['expires_at', 'timestamptz', NULL],
    ['created_at', 'timestamptz', 'CURRENT_TIMESTAMP'], ['last_activity', 'timestamptz', 'CURRENT_TIMESTAMP']]);

CREATE TABLE IF NOT EXISTS public.system_config (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    key          varchar(255) NOT NULL UNIQUE,
    value        jsonb NOT NULL,
    category     varchar(100) NOT NULL,
    description  text,
    is_sensitive boolean DEFAULT false,
    updated_by   uuid REFERENCES public.users (id) ON DELETE SET NULL,
    updated_at   timestamptz DEFAULT CURRENT_TIMESTAMP
);
SELECT robbie_sync.adopt('public.system_config', 'id', ARRAY[
    ['id', 'uuid', 'gen_random_uuid()'], ['key', 'varchar(255)', NULL], ['value', 'jsonb', NULL],
    ['category', 'varchar(100)', NULL], ['description', 'text', NULL], ['is_sensitive', 'boolean', 'false'],
    ['updated_by', 'uuid', NULL], ['updated_at', 'timestamptz', 'CURRENT_TIMESTAMP']]);

-- The second deployed shape of this table is merged in by 16.
CREATE TABLE IF NOT EXISTS public.audit_log (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id     uuid REFERENCES public.users (id) ON DELETE SET NULL,
    action      varchar(100) NOT NULL,
    entity_type varchar(100),
    entity_id   varchar(255),
    old_values  jsonb,
    new_values  jsonb,
    ip_address  inet,
    user_agent  text,
    created_at  timestamptz DEFAULT CURRENT_TIMESTAMP
);
SELECT robbie_sync.adopt('public.audit_log', 'id', ARRAY[
    ['id', 'uuid', 'gen_random_uuid()'], ['user_id', 'uuid', NULL], ['action', 'varchar(100)', NULL],
    ['entity_type', 'varchar(100)', NULL], ['entity_id', 'varchar(255)', NULL], ['old_values', 'jsonb', NULL],
    ['new_values', 'jsonb', NULL], ['ip_address', 'inet', NULL], ['user_agent', 'text', NULL],
    ['created_at', 'timestamptz', 'CURRENT_TIMESTAMP']]);

SELECT robbie_sync.ensure_index('idx_api_keys_user', 'public.api_keys', 'btree (user_id)'),
       robbie_sync.ensure_index('idx_api_keys_hash', 'public.api_keys', 'btree (key_hash)'),
       robbie_sync.ensure_index('idx_sessions_user', 'public.sessions', 'btree (user_id)'),
       robbie_sync.ensure_index('idx_sessions_token', 'public.sessions', 'btree (token_hash)'),
       robbie_sync.ensure_index('idx_sessions_expires', 'public.sessions', 'btree (expires_at)'),
       robbie_sync.ensure_index('idx_system_config_category', 'public.system_config', 'btree (category)'),
       robbie_sync.ensure_index('idx_system_config_updated_by', 'public.system_config', 'btree (updated_by)'),
       robbie_sync.ensure_index('idx_audit_log_user', 'public.audit_log', 'btree (user_id)'),
       robbie_sync.ensure_index('idx_audit_log_created', 'public.audit_log', 'btree (created_at)'),
       robbie_sync.ensure_touch('public.users'),
       robbie_sync.ensure_touch('public.system_config');
