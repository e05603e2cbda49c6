-- LinkedIn: profiles, posts, messages and activity of CRM contacts.

SELECT robbie_sync.begin_tables();

CREATE TABLE IF NOT EXISTS linkedin_profiles (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    contact_id      uuid NOT NULL,
    profile_url     text NOT NULL,
    name            text,
    headline        text,
    location        text,
    connections     integer,
    followers       integer,
    last_activity   timestamptz DEFAULT CURRENT_TIMESTAMP,
    profile_picture text,
    created_at      timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at      timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS linkedin_posts (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    post_id     text NOT NULL UNIQUE,
    contact_id  uuid NOT NULL,
    author_name text,
    author_url  text,
    content     text,
    post_type   text CHECK (post_type IN ('text', 'image', 'video', 'article')),
    engagement  jsonb,
    posted_at   timestamptz,
    hashtags    jsonb,
    mentions    jsonb,
    created_at  timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at  timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS linkedin_messages (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    message_id    text NOT NULL UNIQUE,
    contact_id    uuid NOT NULL,
    sender_name   text,
    sender_url    text,
    content       text,
    sent_at       timestamptz,
    message_type  text CHECK (message_type IN ('connection_request', 'message', 'inmail')),
    is_read       boolean DEFAULT false,
    response_sent boolean DEFAULT false,
    created_at    timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at    timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS linkedin_activity (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    contact_id    uuid NOT NULL,
    activity_type text NOT NULL CHECK (activity_type IN ('post', 'comment', 'like', 'share', 'connection', 'message')),
    activity_data jsonb,
    activity_date timestamptz,
    source_url    text,
    created_at    timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS linkedin_sync_status (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    contact_id         uuid NOT NULL,
    last_profile_sync  timestamptz,
    last_posts_sync    timestamptz,
    last_messages_sync timestamptz,
    sync_status        text CHECK (sync_status IN ('pending', 'in_progress', 'completed', 'failed')),
    error_message      text,
    created_at         timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at         timestamptz DEFAULT CURRENT_TIMESTAMP
);

SELECT robbie_sync.settle_tables();

SELECT robbie_sync.refer('linkedin_profiles', 'contact_id', 'crm_contacts', 'CASCADE'),
       robbie_sync.refer('linkedin_posts', 'contact_id', 'crm_contacts', 'CASCADE'),
       robbie_sync.refer('linkedin_messages', 'contact_id', 'crm_contacts', 'CASCADE'),
       robbie_sync.refer('linkedin_activity', 'contact_id', 'crm_contacts', 'CASCADE'),
       robbie_sync.refer('linkedin_sync_status', 'contact_id', 'crm_contacts', 'CASCADE');
