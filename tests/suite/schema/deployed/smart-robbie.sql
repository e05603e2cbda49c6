-- A replica as it is deployed: the code tables, the personality, row triggers, the author's default functions.
CREATE FUNCTION uuid_generate_v4() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';
CREATE TABLE code_conversations (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(), user_id TEXT NOT NULL, session_id TEXT NOT NULL, title TEXT,
    context_type TEXT DEFAULT 'code' CHECK (context_type IN ('code', 'chat', 'debug', 'refactor')),
    created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP,
    last_message_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP, message_count INTEGER DEFAULT 0, metadata JSONB DEFAULT '{}');
CREATE TABLE code_messages (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(), conversation_id UUID REFERENCES code_conversations(id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'system')), content TEXT NOT NULL, embedding VECTOR(1536),
    created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP, metadata JSONB DEFAULT '{}');
CREATE TABLE code_blocks (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(), file_path TEXT NOT NULL, language TEXT NOT NULL, content TEXT NOT NULL,
    embedding VECTOR(1536), tags TEXT[] DEFAULT '{}', session_id TEXT NOT NULL,
    conversation_id UUID REFERENCES code_conversations(id), created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP,
    metadata JSONB DEFAULT '{}');
CREATE TABLE learned_patterns (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(), user_id TEXT NOT NULL,
    pattern_type TEXT NOT NULL
        CHECK (pattern_type IN ('api_convention', 'component_pattern', 'error_handling', 'architecture', 'testing')),
    pattern_name TEXT NOT NULL, example_code TEXT NOT NULL, explanation TEXT, embedding VECTOR(1536),
    frequency INTEGER DEFAULT 1, last_used TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP,
    created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP, metadata JSONB DEFAULT '{}');
CREATE TABLE robbie_personality_state (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(), user_id TEXT NOT NULL,
    current_mood TEXT DEFAULT 'friendly'
        CHECK (current_mood IN ('friendly', 'focused', 'playful', 'bossy', 'surprised', 'blushing')),
    gandhi_genghis_level INTEGER DEFAULT 5 CHECK (gandhi_genghis_level BETWEEN 1 AND 10),
    attraction_level INTEGER DEFAULT 5 CHECK (attraction_level BETWEEN 1 AND 11),
    context JSONB DEFAULT '{}', updated_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP);
CREATE INDEX my_messages_by_conversation ON code_messages (conversation_id, created_at);
CREATE INDEX my_messages_by_meaning ON code_messages USING ivfflat (embedding vector_cosine_ops) WITH (lists = 50);

CREATE FUNCTION update_updated_at_column() RETURNS TRIGGER AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$ LANGUAGE plpgsql;
CREATE TRIGGER update_code_conversations_updated_at BEFORE UPDATE ON code_conversations
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
CREATE FUNCTION update_conversation_stats() RETURNS TRIGGER AS $$
BEGIN
    UPDATE code_conversations SET message_count = message_count + 1, last_message_at = CURRENT_TIMESTAMP
     WHERE id = NEW.conversation_id;
    RETURN NEW;
END;
$$ LANGUAGE plpgsql;
CREATE TRIGGER update_conversation_stats_trigger AFTER INSERT ON code_messages
    FOR EACH ROW EXECUTE FUNCTION update_conversation_stats();

INSERT INTO code_conversations (id, user_id, session_id, title, metadata, updated_at) VALUES
    ('00000000-0000-4000-8000-000000000001', 'allan', 's1', 'First', '{"big": 9007199254740993}', '2025-01-09 10:00:00.123456+00'),
    ('00000000-0000-4000-8000-000000000002', 'allan', 's2', 'Second', NULL, '2025-01-09 11:00:00+00');
INSERT INTO code_messages (conversation_id, role, content, embedding)
SELECT '00000000-0000-4000-8000-000000000001', 'user', 'Message ' || n, ('[' || repeat('0.5,', 1535) || n || ']')::vector
  FROM generate_series(1, 3) n;
INSERT INTO code_blocks (file_path, language, content, tags, session_id, conversation_id) VALUES
    ('src/main.rs', 'rust', 'fn main() {}', '{a,"b c"}', 's1', '00000000-0000-4000-8000-000000000001');
INSERT INTO learned_patterns (user_id, pattern_type, pattern_name, example_code) VALUES ('allan', 'testing', 'p', 'code');
INSERT INTO robbie_personality_state (user_id, current_mood, gandhi_genghis_level, attraction_level, updated_at)
VALUES ('allan', 'playful', 3, 11, '2025-01-09 10:00:00+00');
