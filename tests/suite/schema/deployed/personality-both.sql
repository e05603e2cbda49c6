-- robbie_personality_state with the columns of both forms, and different values in them.
CREATE TABLE robbie_personality_state (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(), user_id TEXT NOT NULL UNIQUE, current_mood TEXT DEFAULT 'friendly',
    gandhi_genghis_level INTEGER DEFAULT 5, attraction_level INTEGER DEFAULT 5, context JSONB DEFAULT '{}',
    attraction INTEGER DEFAULT 5, gandhi_genghis INTEGER DEFAULT 5, turbo INTEGER, auto INTEGER,
    updated_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP);
INSERT INTO robbie_personality_state (user_id, gandhi_genghis_level, gandhi_genghis, attraction_level, attraction, updated_at)
VALUES ('allan', 3, 8, 11, NULL, '2025-01-09 10:00:00+00');
