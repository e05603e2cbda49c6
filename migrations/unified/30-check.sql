-- What is wrong with a payload, before anything is sent: every problem with the column it is about. Reads only.

-- The columns of one payload that the table would refuse, and why. `pk` is the key the replica noted, for a payload without one.
CREATE OR REPLACE FUNCTION robbie_sync.problems(tbl text, op text, pk jsonb, payload jsonb) RETURNS TABLE (path text, reason text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' SET client_min_messages = 'warning' AS $$
#variable_conflict use_column
DECLARE
    shape robbie_sync.shape := robbie_sync.shape_of(problems.tbl);
    data jsonb := problems.payload;
    a record;
    c record;
    mapped record;
    image jsonb;
    passed boolean;
    broken text[] := '{}';
BEGIN
    IF shape.problem IS NOT NULL THEN
        RETURN QUERY SELECT ''::text, shape.problem;
        RETURN;
    END IF;
    IF jsonb_typeof(data) IS DISTINCT FROM 'object' THEN
        RETURN QUERY SELECT ''::text, format('the payload is no JSON object but %s', coalesce(jsonb_typeof(data), 'nothing'));
        RETURN;
    END IF;
    RETURN QUERY SELECT k, format('the master''s table %s has no such column', shape.tbl)
        FROM jsonb_object_keys(data) k WHERE k <> ALL (shape.columns);
    FOR a IN
        SELECT t.attname::text AS name, format_type(t.atttypid, t.atttypmod) AS kind, t.attnotnull,
            t.atthasdef OR t.attidentity <> '' OR t.attgenerated <> '' AS given, t.attgenerated <> '' AS generated
        FROM pg_attribute t WHERE t.attrelid = to_regclass(shape.target) AND t.attnum > 0 AND NOT t.attisdropped ORDER BY t.attnum
    LOOP
        IF coalesce(data -> a.name, 'null') = 'null' THEN
            IF a.name = ANY (shape.key) THEN
                IF coalesce(pk -> a.name, 'null') = 'null' THEN
                    broken := broken || a.name;
                    RETURN QUERY SELECT a.name, format('it is the key of %s, and the payload has none', shape.tbl);
                END IF;
            ELSIF op <> 'DELETE' AND a.attnotnull AND a.name = ANY (shape.writable)
                AND (data ? a.name OR op <> 'UPDATE' AND NOT a.given) THEN
                broken := broken || a.name;
                RETURN QUERY SELECT a.name, 'it may not be NULL'::text;
            END IF;
            CONTINUE;
        END IF;
        IF a.generated THEN
            CONTINUE;
        END IF;
        mapped := robbie_sync.with_users(shape, jsonb_build_object(a.name, data -> a.name));
        IF mapped.missing IS NOT NULL THEN
            broken := broken || a.name;
            RETURN QUERY SELECT a.name, format('no user of the master is mapped to %s', quote_literal(left(mapped.missing, 100)));
            CONTINUE;
        END IF;
        BEGIN
            -- Into the type itself: its length counts too.
            PERFORM robbie_sync.canonical(shape, mapped.mapped);
        EXCEPTION WHEN OTHERS THEN
            IF robbie_sync.is_transient(SQLSTATE) THEN
                RAISE;
            END IF;
            broken := broken || a.name;
            RETURN QUERY SELECT a.name, format('%s (%s, the column is %s)', SQLERRM, SQLSTATE, a.kind);
        END;
    END LOOP;
    IF op = 'DELETE' OR broken <> '{}' THEN
        RETURN;
    END IF;
    -- Rules over the row as it would be: of an update, with the master's other columns; of a new row, where all it needs is said.
    image := robbie_sync.canonical(shape, (robbie_sync.with_users(shape,
        (SELECT coalesce(jsonb_object_agg(k, data -> k), '{}') FROM jsonb_object_keys(data) k WHERE k = ANY (shape.columns)) || coalesce(pk, '{}'))).mapped);
    IF op <> 'INSERT' THEN
        image := coalesce(robbie_sync.row_of(shape, image, false), '{}') || image;
    END IF;
    FOR c IN
        SELECT k.conname::text AS name, pg_get_expr(k.conbin, k.conrelid) AS rule, pg_get_constraintdef(k.oid) AS said,
            ARRAY(SELECT t.attname::text FROM pg_attribute t WHERE t.attrelid = k.conrelid AND t.attnum = ANY (k.conkey)) AS columns
        FROM pg_constraint k WHERE k.conrelid = to_regclass(shape.target) AND k.contype = 'c' AND k.convalidated
    LOOP
        -- What is not said has its default, which is the table's to know.
        CONTINUE WHEN NOT image ?& c.columns;
        BEGIN
            EXECUTE format('SELECT (%s) FROM (SELECT r.* FROM jsonb_populate_record(NULL::%s, $1) r) %I', c.rule, shape.target, shape.tbl)
            INTO passed USING image;
        EXCEPTION WHEN OTHERS THEN
            IF robbie_sync.is_transient(SQLSTATE) THEN
                RAISE;
            END IF;
            passed := NULL;
        END;
        IF NOT passed THEN
            RETURN QUERY SELECT coalesce((SELECT k FROM unnest(c.columns) k WHERE data ? k LIMIT 1), c.columns[1], ''),
                format('the rule %s says %s', c.name, c.said);
        END IF;
    END LOOP;
END $$;
