-- The history and the presets of the personality, as the master has them: read while it is away, and written with a change that is made
-- here. A deployed table of another key than `id uuid` stays as it is, and on this side.
CREATE TABLE IF NOT EXISTS public.mood_transitions (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id         text NOT NULL,
    field_changed   text NOT NULL,
    old_value       text,
    new_value       text,
    change_reason   text,
    triggered_by    text,
    changed_at      timestamptz DEFAULT CURRENT_TIMESTAMP,
    platform        text,
    conversation_id text
);
CREATE TABLE IF NOT EXISTS public.personality_presets (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id        text NOT NULL,
    preset_name    text NOT NULL,
    mood           text,
    mood_intensity integer,
    attraction     integer,
    gandhi_genghis integer,
    turbo          integer,
    auto           integer,
    description    text,
    created_at     timestamptz DEFAULT CURRENT_TIMESTAMP
);
DO $$
DECLARE
    name text;
    fits boolean;
BEGIN
    FOREACH name IN ARRAY ARRAY['mood_transitions', 'personality_presets'] LOOP
        SELECT count(*) = 1 AND bool_and(a.attname = 'id' AND a.atttypid = 'uuid'::regtype) INTO fits
          FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::smallint[])
         WHERE i.indrelid = to_regclass('public.' || quote_ident(name)) AND i.indisprimary;
        IF fits THEN
            PERFORM robbie_sync.watch(to_regclass('public.' || quote_ident(name)));
        ELSE
            PERFORM robbie_sync.remark(format('%s is not synced: its key is not id uuid', name));
        END IF;
    END LOOP;
END $$;
