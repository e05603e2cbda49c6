-- Versions of rows, by which a frozen selection sees what changed since. Runs with the caller's privileges.

-- The version of each row: its digest without what triggers keep; '' where there is no row, 'locked' where somebody holds it.
-- `excused`: the ledger has the entry already, or the row is as `run` itself left it. `locked`: the rows stay as they are
-- until the transaction ends.
CREATE OR REPLACE FUNCTION robbie_sync.row_versions(run uuid, ids uuid[], tbls text[], keys text[], locked boolean)
RETURNS TABLE (id uuid, version text, excused boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    shape robbie_sync.shape;
    image jsonb;
BEGIN
    FOR i IN 1 .. coalesce(cardinality(ids), 0) LOOP
        id := ids[i];
        excused := EXISTS (SELECT FROM robbie_sync.applied a WHERE a.entry_id = ids[i] AND a.outcome <> 'undone');
        version := '';
        IF NOT excused AND keys[i] IS NOT NULL THEN
            IF shape.tbl IS DISTINCT FROM tbls[i] THEN
                shape := robbie_sync.shape_of(tbls[i]);
            END IF;
            IF shape.target IS NOT NULL THEN
                BEGIN
                    image := robbie_sync.row_of(shape, keys[i]::jsonb, locked);
                    version := coalesce(robbie_sync.image_hash(image, shape.ignored), '');
                EXCEPTION
                    WHEN lock_not_available THEN
                        version := 'locked';
                        PERFORM set_config('lock_timeout', '20ms', true);
                    -- A key that is none of this table: the push says so.
                    WHEN data_exception THEN version := '';
                END;
                excused := run IS NOT NULL AND version <> 'locked' AND EXISTS (
                    SELECT FROM robbie_sync.applied a
                    WHERE a.pk = keys[i]::jsonb AND a.tbl = tbls[i] AND a.run_id = run AND coalesce(a.after_hash, '') = version);
            END IF;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
