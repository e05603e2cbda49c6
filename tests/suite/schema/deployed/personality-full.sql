-- robbie_personality_state in the full form, with its history and its presets under names of their own.
CREATE TABLE robbie_personality_state (
    id UUID PRIMARY KEY DEFAULT uuid_generate_v4(), user_id TEXT NOT NULL UNIQUE,
    attraction INTEGER DEFAULT 5 CHECK (attraction BETWEEN 1 AND 11), gandhi_genghis INTEGER DEFAULT 5,
    turbo INTEGER DEFAULT 5, auto INTEGER DEFAULT 5, current_mood TEXT DEFAULT 'friendly', mood_intensity INTEGER DEFAULT 5,
    mood_expires_at TIMESTAMPTZ, is_public BOOLEAN DEFAULT false, active_users TEXT[], platform_context TEXT,
    created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP,
    last_mood_change TIMESTAMPTZ, CHECK (attraction <= 7 OR user_id = 'allan'));
INSERT INTO robbie_personality_state (user_id, attraction, gandhi_genghis, turbo, auto, current_mood, active_users, updated_at)
VALUES ('allan', 10, 8, 2, 3, 'focused', '{allan,bob}', '2025-01-09 10:00:00+00');
CREATE TABLE personality_history (
    id SERIAL PRIMARY KEY, user_id TEXT NOT NULL, field_changed TEXT, old_value TEXT, new_value TEXT, change_reason TEXT,
    triggered_by TEXT, changed_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP, platform TEXT, conversation_id UUID);
INSERT INTO personality_history (user_id, field_changed, old_value, new_value, changed_at)
VALUES ('allan', 'attraction', '7', '10', '2025-01-08 00:00:00+00');
CREATE TABLE my_presets (
    user_id TEXT, preset_name TEXT, mood TEXT, mood_intensity INTEGER, attraction INTEGER, gandhi_genghis INTEGER,
    turbo INTEGER, auto INTEGER, description TEXT, created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (user_id, preset_name));
INSERT INTO my_presets VALUES ('allan', 'Work', 'focused', 6, 5, 7, 8, 2, 'at work');
