-- Tables of single services: sessions, widgets, training, secrets, connectivity, external records.

SELECT robbie_sync.begin_tables();

CREATE TABLE IF NOT EXISTS user_sessions (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    uuid,
    token_jti  varchar(255) NOT NULL UNIQUE,
    node_name  varchar(50),
    ip_address varchar(45),
    user_agent text,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    expires_at timestamptz NOT NULL,
    is_active  boolean DEFAULT true,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS widgets (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name         varchar(100) NOT NULL,
    description  text,
    category     varchar(50),
    site         varchar(50),
    inputs       jsonb,
    outputs      jsonb,
    demo_url     varchar(255),
    code_snippet text,
    price_tier   varchar(20),
    created_at   timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at   timestamptz DEFAULT CURRENT_TIMESTAMP,
    metadata     jsonb DEFAULT '{}'
);

CREATE TABLE IF NOT EXISTS widget_usage (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    widget_id   uuid,
    site_name   varchar(50),
    usage_count integer DEFAULT 0,
    last_used   timestamptz,
    created_at  timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at  timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS training_jobs (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    model_name    varchar(100) NOT NULL,
    base_model    varchar(100) NOT NULL,
    training_data text NOT NULL,
    epochs        integer NOT NULL,
    learning_rate double precision NOT NULL,
    status        varchar(20),
    progress      double precision,
    current_epoch integer,
    loss          double precision,
    eta_minutes   integer,
    assigned_node varchar(50),
    created_at    timestamptz DEFAULT CURRENT_TIMESTAMP,
    started_at    timestamptz,
    completed_at  timestamptz,
    metadata      jsonb DEFAULT '{}',
    updated_at    timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS secrets (
    id                  serial PRIMARY KEY,
    service             text NOT NULL,
    key_name            text NOT NULL,
    key_value_encrypted text NOT NULL,
    scope               text,
    scope_id            text,
    metadata            jsonb DEFAULT '{}',
    created_at          timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at          timestamptz DEFAULT CURRENT_TIMESTAMP,
    created_by          text
);

CREATE TABLE IF NOT EXISTS api_connectivity_status (
    id               serial PRIMARY KEY,
    node_name        text NOT NULL,
    service          text NOT NULL,
    status           text NOT NULL,
    response_time_ms integer,
    last_error       text,
    last_check       timestamptz,
    created_at       timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at       timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS sync_registry (
    id               serial PRIMARY KEY,
    local_id         text NOT NULL,
    external_id      text,
    external_system  text NOT NULL,
    entity_type      text NOT NULL,
    last_synced      timestamptz NOT NULL,
    local_version    integer,
    external_version integer,
    sync_status      text,
    error_message    text,
    created_at       timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at       timestamptz DEFAULT CURRENT_TIMESTAMP
);

SELECT robbie_sync.settle_tables();

SELECT robbie_sync.refer('user_sessions', 'user_id', 'users', 'CASCADE'),
       robbie_sync.refer('widget_usage', 'widget_id', 'widgets', 'CASCADE');
