-- The personality in its full form, and the history of its changes.

CREATE TABLE IF NOT EXISTS robbie_personality_state (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id          text NOT NULL UNIQUE,
    attraction       integer DEFAULT 5 CHECK (attraction BETWEEN 1 AND 11),
    gandhi_genghis   integer DEFAULT 5 CHECK (gandhi_genghis BETWEEN 1 AND 10),
    turbo            integer DEFAULT 5 CHECK (turbo BETWEEN 1 AND 10),
    auto             integer DEFAULT 5 CHECK (auto BETWEEN 1 AND 10),
    current_mood     text DEFAULT 'friendly'
        CHECK (current_mood IN ('friendly', 'focused', 'playful', 'bossy', 'surprised', 'blushing')),
    mood_intensity   integer DEFAULT 5 CHECK (mood_intensity BETWEEN 1 AND 10),
    mood_expires_at  timestamptz,
    is_public        boolean DEFAULT false,
    active_users     text[] DEFAULT '{}',
    platform_context text,
    created_at       timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at       timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_mood_change timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE OR REPLACE TRIGGER touch_robbie_personality_state BEFORE UPDATE ON robbie_personality_state
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE IF NOT EXISTS mood_transitions (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id         text NOT NULL,
    field_changed   text NOT NULL,
    old_value       text,
    new_value       text,
    change_reason   text,
    triggered_by    text,
    changed_at      timestamptz DEFAULT CURRENT_TIMESTAMP,
    platform        text,
    conversation_id text,
    created_at      timestamptz DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS idx_mood_transitions_user ON mood_transitions (user_id, changed_at);
