-- One robbie_personality_state for both deployed shapes: the short one (gandhi_genghis_level, attraction_level, context)
-- and the full one (gandhi_genghis, attraction, turbo, auto, …). The table has all columns of both; the two pairs of
-- names always hold the same value, whichever of them a program writes. Beside it the history and the presets.

-- Its rules on values are added by name further down, for a new table and an adopted one alike.
CREATE TABLE IF NOT EXISTS public.robbie_personality_state (
    id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id              text NOT NULL UNIQUE,
    current_mood         text DEFAULT 'friendly',
    gandhi_genghis_level integer,
    attraction_level     integer,
    context              jsonb DEFAULT '{}',
    gandhi_genghis       integer,
    attraction           integer,
    turbo                integer DEFAULT 5,
    auto                 integer DEFAULT 5,
    mood_intensity       integer DEFAULT 5,
    mood_expires_at      timestamptz,
    is_public            boolean DEFAULT false,
    active_users         text[] DEFAULT '{}',
    platform_context     text,
    created_at           timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at           timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_mood_change     timestamptz DEFAULT CURRENT_TIMESTAMP
);

-- The history, one row per changed field.
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
SELECT robbie_sync.adopt('public.mood_transitions', NULL, ARRAY[
    ['user_id', 'text', NULL], ['field_changed', 'text', NULL], ['old_value', 'text', NULL], ['new_value', 'text', NULL],
    ['change_reason', 'text', NULL], ['triggered_by', 'text', NULL], ['changed_at', 'timestamptz', 'CURRENT_TIMESTAMP'],
    ['platform', 'text', NULL], ['conversation_id', 'text|uuid', NULL]]);

CREATE TABLE IF NOT EXISTS public.personality_presets (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id        text NOT NULL,
    preset_name    text NOT NULL,
    mood           text CHECK (mood IN ('friendly', 'focused', 'playful', 'bossy', 'surprised', 'blushing')),
    mood_intensity integer CHECK (mood_intensity BETWEEN 1 AND 10),
    attraction     integer CHECK (attraction BETWEEN 1 AND 11),
    gandhi_genghis integer CHECK (gandhi_genghis BETWEEN 1 AND 10),
    turbo          integer CHECK (turbo BETWEEN 1 AND 10),
    auto           integer CHECK (auto BETWEEN 1 AND 10),
    description    text,
    created_at     timestamptz DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (user_id, preset_name),
    CHECK (attraction <= 7 OR user_id = 'allan')
);
SELECT robbie_sync.adopt('public.personality_presets', NULL, ARRAY[
    ['user_id', 'text', NULL], ['preset_name', 'text', NULL], ['mood', 'text', NULL], ['mood_intensity', 'integer', NULL],
    ['attraction', 'integer', NULL], ['gandhi_genghis', 'integer', NULL], ['turbo', 'integer', NULL],
    ['auto', 'integer', NULL], ['description', 'text', NULL], ['created_at', 'timestamptz', 'CURRENT_TIMESTAMP']]);

-- Keeps the two names of a level equal. A statement that writes both with different values is refused: neither could be
-- dropped without losing what somebody meant.
CREATE OR REPLACE FUNCTION robbie_sync.agree_on_level(label text, old_short integer, new_short integer, old_full integer,
                                                      new_full integer, fallback integer)
RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF new_short IS NOT DISTINCT FROM new_full THEN
        RETURN coalesce(new_short, fallback);
    ELSIF new_full IS NOT DISTINCT FROM old_full THEN
        RETURN coalesce(new_short, fallback);
    ELSIF new_short IS NOT DISTINCT FROM old_short THEN
        RETURN coalesce(new_full, fallback);
    END IF;
    RAISE EXCEPTION '%_level and % are one value and cannot be set to different ones', label, label
        USING ERRCODE = 'check_violation', TABLE = 'robbie_personality_state', COLUMN = label;
END $$;

CREATE OR REPLACE FUNCTION robbie_sync.agree_on_personality() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was public.robbie_personality_state := NULL;
    applied boolean := coalesce(current_setting('robbie_sync.apply', true), '') = 'on';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        was := OLD;
    END IF;
    NEW.gandhi_genghis_level := robbie_sync.agree_on_level('gandhi_genghis', was.gandhi_genghis_level,
        NEW.gandhi_genghis_level, was.gandhi_genghis, NEW.gandhi_genghis, 5);
    NEW.gandhi_genghis := NEW.gandhi_genghis_level;
    NEW.attraction_level := robbie_sync.agree_on_level('attraction', was.attraction_level,
        NEW.attraction_level, was.attraction, NEW.attraction, 5);
    NEW.attraction := NEW.attraction_level;
    IF TG_OP = 'UPDATE' AND NEW.current_mood IS DISTINCT FROM was.current_mood AND NOT applied
       AND NEW.last_mood_change IS NOT DISTINCT FROM was.last_mood_change THEN
        NEW.last_mood_change := CURRENT_TIMESTAMP;
    END IF;
    RETURN NEW;
END $$;

DO $$
DECLARE
    state    CONSTANT regclass := 'public.robbie_personality_state';
    level    text;
    kept     bigint;
    rule     record;
BEGIN
    IF EXISTS (SELECT FROM public.robbie_personality_state s GROUP BY s.user_id HAVING count(*) > 1) THEN
        RAISE EXCEPTION 'robbie_personality_state has several rows for one user_id' USING ERRCODE = 'unique_violation',
            HINT = 'Keep one row per user: SELECT user_id, count(*) FROM robbie_personality_state GROUP BY 1 HAVING count(*) > 1';
    END IF;
    PERFORM robbie_sync.adopt(state, 'id', ARRAY[
        ['id', 'uuid', 'gen_random_uuid()'], ['user_id', 'text', NULL], ['current_mood', 'text', '''friendly'''],
        ['gandhi_genghis_level', 'integer', NULL], ['attraction_level', 'integer', NULL], ['context', 'jsonb', '''{}'''],
        ['gandhi_genghis', 'integer', NULL], ['attraction', 'integer', NULL], ['turbo', 'integer', '5'],
        ['auto', 'integer', '5'], ['mood_intensity', 'integer', '5'], ['mood_expires_at', 'timestamptz', NULL],
        ['is_public', 'boolean', 'false'], ['active_users', 'text[]', '''{}'''], ['platform_context', 'text', NULL],
        ['created_at', 'timestamptz', 'CURRENT_TIMESTAMP'], ['updated_at', 'timestamptz', 'CURRENT_TIMESTAMP'],
        ['last_mood_change', 'timestamptz', 'CURRENT_TIMESTAMP']]);
    PERFORM robbie_sync.ensure_touch(state);
    PERFORM robbie_sync.ensure_index('robbie_personality_state_user', state, 'btree (user_id)', is_unique => true);

    -- A default would pass for a value that somebody wrote; the trigger supplies it instead.
    ALTER TABLE public.robbie_personality_state
        ALTER COLUMN gandhi_genghis_level DROP DEFAULT, ALTER COLUMN gandhi_genghis DROP DEFAULT,
        ALTER COLUMN attraction_level DROP DEFAULT, ALTER COLUMN attraction DROP DEFAULT;

    -- Where both names have a value and differ, the full name's stands and the other is kept in the history. The rows
    -- keep their updated_at.
    PERFORM set_config('robbie_sync.apply', 'on', true);
    FOREACH level IN ARRAY ARRAY['gandhi_genghis', 'attraction'] LOOP
        EXECUTE format(
            'INSERT INTO public.mood_transitions (user_id, field_changed, old_value, new_value, change_reason, triggered_by)
             SELECT s.user_id, %1$L, s.%2$I::text, s.%1$I::text, ''the two deployed columns differed'', ''migration 23-personality''
               FROM public.robbie_personality_state s WHERE s.%1$I <> s.%2$I', level, level || '_level');
        GET DIAGNOSTICS kept = ROW_COUNT;
        IF kept > 0 THEN
            PERFORM robbie_sync.remark(format('%s rows had another %s_level than %s: kept in mood_transitions', kept, level, level));
        END IF;
        EXECUTE format(
            'UPDATE public.robbie_personality_state s
                SET %1$I = coalesce(s.%1$I, s.%2$I, 5), %2$I = coalesce(s.%1$I, s.%2$I, 5)
              WHERE s.%1$I IS NULL OR s.%1$I IS DISTINCT FROM s.%2$I', level, level || '_level');
    END LOOP;
    PERFORM set_config('robbie_sync.apply', '', true);

    -- The rules that an adopted table lacks. Rows that break one stay; the rule then holds for what is written from now on.
    FOR rule IN
        SELECT * FROM (VALUES
            ('robbie_personality_state_attraction_allan', 'attraction <= 7 OR user_id = ''allan'''),
            ('robbie_personality_state_levels', 'gandhi_genghis BETWEEN 1 AND 10 AND attraction BETWEEN 1 AND 11'),
            ('robbie_personality_state_mood',
             'current_mood IN (''friendly'', ''focused'', ''playful'', ''bossy'', ''surprised'', ''blushing'')'),
            ('robbie_personality_state_scales',
             'turbo BETWEEN 1 AND 10 AND auto BETWEEN 1 AND 10 AND mood_intensity BETWEEN 1 AND 10')
        ) AS r(name, condition)
         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = state AND k.conname = r.name)
    LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (%s) NOT VALID', state, rule.name, rule.condition);
        BEGIN
            EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', state, rule.name);
        EXCEPTION WHEN check_violation THEN
            PERFORM robbie_sync.remark(format('rows break %s; they stay, and it holds for new writes', rule.name));
        END;
    END LOOP;
END $$;

DROP TRIGGER IF EXISTS robbie_agree_on_personality ON public.robbie_personality_state;
CREATE TRIGGER robbie_agree_on_personality BEFORE INSERT OR UPDATE ON public.robbie_personality_state
    FOR EACH ROW EXECUTE FUNCTION robbie_sync.agree_on_personality();

-- A history or presets table that is deployed under another name stays; its rows are copied here once.
DO $$
DECLARE
    found   record;
    copied  bigint;
    columns text;
BEGIN
    FOR found IN
        SELECT c.oid::regclass AS source, k.target, k.marks
          FROM (VALUES ('mood_transitions', ARRAY['user_id', 'field_changed', 'old_value', 'new_value', 'changed_at']),
                       ('personality_presets', ARRAY['user_id', 'preset_name', 'mood', 'attraction', 'gandhi_genghis'])
               ) AS k(target, marks)
          JOIN pg_catalog.pg_class c ON c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
                                    AND c.relname <> k.target
         WHERE (SELECT count(*) FROM pg_catalog.pg_attribute a
                 WHERE a.attrelid = c.oid AND NOT a.attisdropped AND a.attname = ANY (k.marks)) = cardinality(k.marks)
    LOOP
        SELECT string_agg(quote_ident(t.attname), ', ' ORDER BY t.attnum) INTO columns
          FROM pg_catalog.pg_attribute t
          JOIN pg_catalog.pg_attribute s ON s.attrelid = found.source AND s.attname = t.attname AND NOT s.attisdropped
         WHERE t.attrelid = ('public.' || found.target)::regclass AND t.attnum > 0 AND NOT t.attisdropped
           AND t.attname <> 'id';
        EXECUTE format('INSERT INTO public.%I (%s) SELECT %2$s FROM %s ON CONFLICT DO NOTHING', found.target, columns, found.source);
        GET DIAGNOSTICS copied = ROW_COUNT;
        PERFORM robbie_sync.remark(format('copied %s rows of %s to %s', copied, found.source, found.target));
    END LOOP;
END $$;

SELECT robbie_sync.ensure_index('idx_mood_transitions_user', 'public.mood_transitions', 'btree (user_id, changed_at)');
