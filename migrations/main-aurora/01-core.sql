-- Users of the original schema, their conversations, and the mentors.

-- gen_random_uuid() is PostgreSQL's own since 13; the embeddings need pgvector.
CREATE EXTENSION IF NOT EXISTS vector;

CREATE OR REPLACE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END $$;

CREATE TABLE IF NOT EXISTS users (
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
CREATE OR REPLACE TRIGGER touch_users BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE IF NOT EXISTS conversations (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id          uuid REFERENCES users (id) ON DELETE CASCADE,
    title            varchar(255),
    type             varchar(50) DEFAULT 'chat' CHECK (type IN ('chat', 'support', 'training', 'system', 'vengeance')),
    status           varchar(50) DEFAULT 'active' CHECK (status IN ('active', 'archived', 'deleted')),
    created_at       timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at       timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_message_at  timestamptz,
    message_count    integer DEFAULT 0,
    metadata         jsonb DEFAULT '{}',
    tags             text[],
    importance_score integer CHECK (importance_score BETWEEN 1 AND 10)
);
CREATE INDEX IF NOT EXISTS idx_conversations_user_id ON conversations (user_id);
CREATE OR REPLACE TRIGGER touch_conversations BEFORE UPDATE ON conversations
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE IF NOT EXISTS messages (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id   uuid REFERENCES conversations (id) ON DELETE CASCADE,
    role              varchar(20) NOT NULL CHECK (role IN ('user', 'assistant', 'system', 'gatekeeper', 'mentor', 'robbie')),
    content           text NOT NULL,
    embedding         vector(1536),
    created_at        timestamptz DEFAULT CURRENT_TIMESTAMP,
    edited_at         timestamptz,
    deleted_at        timestamptz,
    metadata          jsonb DEFAULT '{}',
    token_count       integer DEFAULT 0,
    model_used        varchar(100),
    emotional_tone    varchar(50),
    confidence_score  double precision CHECK (confidence_score BETWEEN 0 AND 1),
    parent_message_id uuid REFERENCES messages (id) ON DELETE CASCADE,
    reaction_emojis   jsonb,
    is_pinned         boolean DEFAULT false,
    is_flagged        boolean DEFAULT false,
    flag_reason       text,
    updated_at        timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS idx_messages_conversation_id ON messages (conversation_id);
CREATE INDEX IF NOT EXISTS idx_messages_parent_message_id ON messages (parent_message_id);
CREATE INDEX IF NOT EXISTS idx_messages_embedding ON messages USING hnsw (embedding vector_cosine_ops);
CREATE OR REPLACE TRIGGER touch_messages BEFORE UPDATE ON messages
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE IF NOT EXISTS mentors (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name               varchar(100) NOT NULL,
    description        text,
    personality_prompt text,
    avatar_url         varchar(500),
    is_active          boolean DEFAULT true,
    metadata           jsonb DEFAULT '{}',
    created_at         timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at         timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE OR REPLACE TRIGGER touch_mentors BEFORE UPDATE ON mentors
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
