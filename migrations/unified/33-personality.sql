-- The history and the presets are synced too, so that a replica knows them while the master is away, and what is changed there brings
-- its history along. A deployed table of another key than `id uuid` stays as it is, and on this side.
DO $$
DECLARE
    name   text;
    target regclass;
    fits   boolean;
BEGIN
    FOREACH name IN ARRAY ARRAY['mood_transitions', 'personality_presets'] LOOP
        target := to_regclass('public.' || quote_ident(name));
        CONTINUE WHEN target IS NULL OR EXISTS (SELECT FROM robbie_sync.synced_table s WHERE s.tbl = name);
        SELECT count(*) = 1 AND bool_and(a.attname = 'id' AND a.atttypid = 'uuid'::regtype) INTO fits
          FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::smallint[])
         WHERE i.indrelid = target AND i.indisprimary;
        IF NOT fits THEN
            PERFORM robbie_sync.remark(format('%s is not synced: its key is not id uuid', name));
            CONTINUE;
        END IF;
        PERFORM robbie_sync.capture(target, 'row');
        -- Replicas that follow already have not seen the rows from before.
        EXECUTE format('INSERT INTO robbie_sync.changelog (tbl, op, pk) SELECT %L, ''I'', jsonb_build_object(''id'', r.id) FROM %s r',
                       name, target);
    END LOOP;
END $$;

-- A mood that was set for a time is looked for by this.
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = to_regclass('public.robbie_personality_state')
                AND a.attname = 'mood_expires_at' AND NOT a.attisdropped) THEN
        CREATE INDEX IF NOT EXISTS idx_robbie_personality_state_expires ON public.robbie_personality_state (mood_expires_at)
            WHERE mood_expires_at IS NOT NULL;
    END IF;
END $$;
