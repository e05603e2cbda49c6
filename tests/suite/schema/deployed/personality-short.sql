-- robbie_personality_state in the short form.
CREATE TABLE robbie_personality_state (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(), user_id TEXT NOT NULL, current_mood TEXT DEFAULT 'friendly',
    gandhi_genghis_level INTEGER DEFAULT 5, attraction_level INTEGER DEFAULT 5, context JSONB DEFAULT '{}',
    updated_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP);
INSERT INTO robbie_personality_state (user_id, current_mood, gandhi_genghis_level, attraction_level, context, updated_at) VALUES
    ('allan', 'blushing', 2, 11, '{"why": "because"}', '2025-01-09 10:00:00+00'),
    ('bob', 'bossy', 9, 9, '{}', '2025-01-09 10:00:00+00');
