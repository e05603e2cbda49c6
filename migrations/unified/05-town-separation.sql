-- Towns, and who works in which. towns is deployed twice (here with serial keys, in 11 with UUIDs and a slug): one table has
-- the columns of both, under UUID keys.

SELECT robbie_sync.begin_tables();

CREATE TABLE IF NOT EXISTS towns (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    slug         text UNIQUE,
    name         text NOT NULL UNIQUE,
    display_name varchar(100),
    description  text,
    region       varchar(50),
    owner_email  varchar(255),
    owner_name   varchar(255),
    is_active    boolean DEFAULT true,
    created_at   timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at   timestamptz DEFAULT CURRENT_TIMESTAMP,
    metadata     jsonb DEFAULT '{}'
);

CREATE TABLE IF NOT EXISTS town_users (
    id          serial PRIMARY KEY,
    town_id     uuid,
    user_id     varchar(50) NOT NULL,
    user_email  varchar(255),
    user_name   varchar(255),
    role        varchar(50),
    permissions jsonb DEFAULT '{}',
    is_active   boolean DEFAULT true,
    created_at  timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at  timestamptz DEFAULT CURRENT_TIMESTAMP
);

SELECT robbie_sync.settle_tables();

SELECT robbie_sync.refer('town_users', 'town_id', 'towns', 'CASCADE');
