-- Lets the engine have the application's triggers rest while it writes what it pulled, without being a superuser: the owner of
-- the queue may call this, nobody else. It lasts until the end of the transaction. Only a superuser can leave such a function here;
-- with another role this file does nothing, and the triggers run.
DO $$
BEGIN
    IF current_setting('is_superuser') <> 'on' THEN
        RETURN;
    END IF;
    CREATE OR REPLACE FUNCTION robbie_sync.rest_triggers() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
    BEGIN
        PERFORM set_config('session_replication_role', 'replica', true);
    END $body$;
    REVOKE ALL ON FUNCTION robbie_sync.rest_triggers() FROM PUBLIC;
    EXECUTE format('GRANT EXECUTE ON FUNCTION robbie_sync.rest_triggers() TO %s', (
        SELECT c.relowner::regrole FROM pg_class c WHERE c.oid = 'public.pending_sync'::regclass));
END $$;
