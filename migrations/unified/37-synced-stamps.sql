-- The time of the last change for those tables that were deployed without one: they have it on the master, the replicas stay as
-- they are. It is a stamp like any other: sent where an entry has it, never compared. Rows that are there count as changed now.

DO $$
DECLARE
    tbl text;
BEGIN
    FOREACH tbl IN ARRAY ARRAY['code_messages', 'code_blocks', 'learned_patterns', 'personality_presets', 'pending_sync'] LOOP
        EXECUTE format('ALTER TABLE public.%I ADD COLUMN IF NOT EXISTS updated_at timestamptz DEFAULT CURRENT_TIMESTAMP', tbl);
        PERFORM robbie_sync.ensure_touch(format('public.%I', tbl)::regclass);
    END LOOP;
    UPDATE robbie_sync.synced_table s SET stamps = array_append(s.stamps, 'updated_at')
     WHERE s.tbl IN ('code_messages', 'code_blocks', 'learned_patterns', 'personality_presets')
       AND 'updated_at' <> ALL (s.stamps);
END $$;
