-- Slack: workspaces, users, channels, messages, each of a company.

SELECT robbie_sync.begin_tables();

CREATE TABLE IF NOT EXISTS slack_workspaces (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    company_id uuid,
    team_id    text NOT NULL UNIQUE,
    name       text,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS slack_users (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    company_id     uuid,
    team_id        text NOT NULL,
    user_id        text NOT NULL,
    email          text,
    aurora_user_id uuid,
    created_at     timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at     timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS slack_channels (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    company_id uuid,
    team_id    text NOT NULL,
    channel_id text NOT NULL,
    name       text,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS slack_messages (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    company_id uuid,
    team_id    text NOT NULL,
    channel_id text NOT NULL,
    ts         text NOT NULL,
    user_id    text,
    text       text,
    metadata   jsonb DEFAULT '{}',
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP
);

SELECT robbie_sync.settle_tables();

SELECT robbie_sync.refer('slack_workspaces', 'company_id', 'companies', 'SET NULL'),
       robbie_sync.refer('slack_users', 'company_id', 'companies', 'SET NULL'),
       robbie_sync.refer('slack_users', 'aurora_user_id', 'users', 'SET NULL'),
       robbie_sync.refer('slack_channels', 'company_id', 'companies', 'SET NULL'),
       robbie_sync.refer('slack_messages', 'company_id', 'companies', 'SET NULL');

SELECT robbie_sync.index_business('idx_slack_users_team', 'slack_users', 'btree (team_id, user_id)'),
       robbie_sync.index_business('idx_slack_channels_team', 'slack_channels', 'btree (team_id, channel_id)'),
       robbie_sync.index_business('idx_slack_messages_ts', 'slack_messages', 'btree (team_id, channel_id, ts)');

SELECT robbie_sync.guard(t, 'robbie_sync.is_member(company_id::text)')
  FROM unnest(ARRAY['slack_workspaces', 'slack_users', 'slack_channels', 'slack_messages']) AS t;
