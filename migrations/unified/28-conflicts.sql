-- What a person may still do about a conflict.

-- The entry that applies the losing image of a conflict after all: its operation, and what of it the master's row lacks now. Columns
-- that a rule brought together already hold it. `base` is the master's row as it is: whoever changes it before the entry
-- arrives is not overwritten. `moved`: the row is not what the conflict left.
CREATE OR REPLACE FUNCTION robbie_sync.redo(
    wanted bigint, OUT tbl text, OUT op text, OUT data jsonb, OUT base jsonb, OUT moved boolean, OUT columns text[]
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    c robbie_sync.conflict;
    shape robbie_sync.shape;
    image jsonb;
BEGIN
    SELECT * INTO c FROM robbie_sync.conflict k WHERE k.conflict_id = wanted;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    shape := robbie_sync.shape_of(c.tbl);
    IF shape.problem IS NOT NULL THEN
        RAISE EXCEPTION '%', shape.problem USING ERRCODE = shape.sqlstate;
    END IF;
    tbl := c.tbl;
    base := robbie_sync.row_of(shape, c.pk, false);
    moved := (base - shape.ignored) IS DISTINCT FROM (c.result - shape.ignored);
    IF c.local IS NULL THEN
        op := 'DELETE';
        data := c.pk;
        columns := CASE WHEN base IS NULL THEN '{}' ELSE shape.key END;
        RETURN;
    END IF;
    op := CASE WHEN base IS NULL THEN 'INSERT' ELSE 'UPDATE' END;
    image := CASE WHEN base IS NULL THEN coalesce(c.base, '{}') || c.local ELSE c.local END;
    columns := ARRAY(
        SELECT k FROM jsonb_object_keys(image) k
        WHERE k = ANY (shape.writable) AND k <> ALL (shape.key || shape.ignored) AND (base IS NULL OR (
            image -> k IS DISTINCT FROM base -> k AND coalesce(c.base -> k IS DISTINCT FROM image -> k, true)
            AND coalesce(shape.rules #>> ARRAY[k, 'rule'], '') NOT IN ('delta', 'set_union', 'deep_merge', 'concat')))
        ORDER BY k);
    data := c.pk || (SELECT coalesce(jsonb_object_agg(k, image -> k), '{}') FROM unnest(columns) k);
END $$;
