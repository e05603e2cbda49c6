-- The set-based path of a batch. Most entries are plain: new rows, or rows that nobody else has changed since. These are
-- written with one statement per table and kind, not one by one. Whatever is not plain, or does not come through, is left to
-- robbie_sync.apply_entry, which judges it alone; both paths write the same ledger.

-- The tables that a batch passes through. They live as long as the session; their rows as long as the transaction.
--   batch  the entries, in the order in which they are to be applied; `data` has the user ids of the master
--   work   those of one table and kind; `fold` is what the entries up to this one come to, `prior` without this one,
--          `tail` the last entry of the row, `last` whether it is this one: only that one is written
--   done   what was settled or judged
--   orphan entries whose parent is not there, and which one that is
-- A page holds a row of several images as it is: to compress it takes longer than all else.
CREATE OR REPLACE FUNCTION robbie_sync.prepare_batch() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
BEGIN
    CREATE TEMP TABLE IF NOT EXISTS robbie_batch (
        n integer PRIMARY KEY, id uuid, seq bigint, tbl text, op text, pk jsonb, payload jsonb, data jsonb, base jsonb, waits uuid
    ) WITH (toast_tuple_target = 8160) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE IF NOT EXISTS robbie_work (
        n integer PRIMARY KEY, pk jsonb, op text, fold jsonb, prior jsonb, base jsonb, keys text[], tail integer, last boolean, verb "char",
        before jsonb, ours text[], orphan jsonb
    ) WITH (toast_tuple_target = 8160) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE IF NOT EXISTS robbie_done (
        n integer PRIMARY KEY, verdict text, before jsonb, image jsonb, judged robbie_sync.result
    ) WITH (toast_tuple_target = 8160) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE IF NOT EXISTS robbie_orphan (
        n integer PRIMARY KEY, parent jsonb
    ) ON COMMIT DELETE ROWS;
    DELETE FROM pg_temp.robbie_batch;
    DELETE FROM pg_temp.robbie_work;
    DELETE FROM pg_temp.robbie_done;
    DELETE FROM pg_temp.robbie_orphan;
END $$;

-- Runs a statement over the rows `low` to `high` of the work; where it fails, over smaller parts, and at last row by row. A row
-- whose own values are at fault is judged here; any other row that fails is left to be looked at alone.
CREATE OR REPLACE FUNCTION robbie_sync.run_set(shape robbie_sync.shape, statement text, low integer, high integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    part constant integer := 256;
    written bigint;
    noted bigint;
    one record;
    r robbie_sync.result;
    message text; detail text; of_table text; of_column text; of_constraint text;
BEGIN
    BEGIN
        EXECUTE statement INTO written, noted USING low, high;
        IF written <> noted THEN
            RAISE EXCEPTION 'the master wrote % rows of % and % were recognised by their key', written, shape.tbl, noted;
        END IF;
        SET CONSTRAINTS ALL IMMEDIATE;
        RETURN;
    EXCEPTION WHEN OTHERS THEN
        IF robbie_sync.is_transient(SQLSTATE) THEN
            RAISE;
        ELSIF SQLSTATE = '55P03' THEN
            PERFORM set_config('lock_timeout', '20ms', true);
        END IF;
    END;
    IF high - low >= part THEN
        FOR place IN low .. high BY part LOOP
            PERFORM robbie_sync.run_set(shape, statement, place, least(place + part - 1, high));
        END LOOP;
        RETURN;
    END IF;
    -- One that a cancelled run left behind.
    IF EXISTS (SELECT 1 FROM pg_prepared_statements p WHERE p.name = 'robbie_one') THEN
        EXECUTE 'DEALLOCATE robbie_one';
    END IF;
    EXECUTE 'PREPARE robbie_one (integer, integer) AS ' || statement;
    FOR one IN
        SELECT w.n, w.pk, w.prior IS NULL AS alone, b.op, b.payload FROM pg_temp.robbie_work w
        JOIN pg_temp.robbie_batch b ON b.n = w.n WHERE w.n BETWEEN low AND high AND w.last AND w.orphan IS NULL ORDER BY w.n
    LOOP
        BEGIN
            EXECUTE format('EXECUTE robbie_one (%s, %s)', one.n, one.n) INTO written, noted;
            SET CONSTRAINTS ALL IMMEDIATE;
            IF written <> noted THEN
                RAISE EXCEPTION 'a row of % was not recognised by its key', shape.tbl;
            END IF;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, of_table = TABLE_NAME,
                of_column = COLUMN_NAME, of_constraint = CONSTRAINT_NAME;
            IF robbie_sync.is_transient(SQLSTATE) THEN
                EXECUTE 'DEALLOCATE robbie_one';
                RAISE;
            ELSIF one.alone AND (SQLSTATE LIKE '22%' OR SQLSTATE IN ('23502', '23514')) THEN
                r := robbie_sync.judge(shape, one.op, one.payload, SQLSTATE, message, detail, of_table, of_column, of_constraint);
                r.pk := one.pk;
                INSERT INTO pg_temp.robbie_done (n, judged) VALUES (one.n, r);
            END IF;
        END;
    END LOOP;
    EXECUTE 'DEALLOCATE robbie_one';
END $$;

-- The condition under which a row `w` of the work, or of the batch, and a row `t` of the table have the same key.
CREATE OR REPLACE FUNCTION robbie_sync.same_key(shape robbie_sync.shape) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(format('t.%I = (w.pk ->> %L)::%s', a.attname, a.attname, format_type(a.atttypid, a.atttypmod)), ' AND ')
    FROM pg_attribute a WHERE a.attrelid = to_regclass(shape.target) AND a.attname = ANY (shape.key)
$$;

-- An expression over `w.fold`: the foreign key whose parent is not there, with the parent; NULL where all are. A table's own rows
-- are not looked for: they may be in the same statement.
CREATE OR REPLACE FUNCTION robbie_sync.orphan_test(shape robbie_sync.shape) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Before version 16 a value that is no value of the type cannot be asked about: then the statement fails and is divided.
    asks constant boolean := to_regproc('pg_catalog.pg_input_is_valid') IS NOT NULL;
BEGIN
    RETURN coalesce((
        SELECT format('coalesce(%s, NULL)', string_agg(test, ', ' ORDER BY conname)) FROM (
            SELECT f.conname, format('CASE WHEN %s THEN NULL WHEN EXISTS (SELECT 1 FROM %s p WHERE %s) THEN NULL
                    ELSE jsonb_build_object(''key'', %L, ''tbl'', %L, ''pk'', jsonb_build_object(%s)) END',
                string_agg(CASE WHEN asks
                    THEN format('w.fold ->> %1$L IS NULL OR NOT pg_input_is_valid(w.fold ->> %1$L, %2$L)', l.attname, l.type)
                    ELSE format('w.fold ->> %L IS NULL', l.attname) END, ' OR '),
                format('%I.%I', n.nspname, c.relname),
                string_agg(format('p.%I = (w.fold ->> %L)::%s', r.attname, l.attname, l.type), ' AND '),
                f.conname, c.relname,
                string_agg(format('%L, (w.fold ->> %L)::%s', r.attname, l.attname, l.type), ', ')) AS test
            FROM pg_constraint f
            JOIN pg_class c ON c.oid = f.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            CROSS JOIN LATERAL unnest(f.conkey, f.confkey) AS k(local, remote)
            JOIN LATERAL (SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute a
                          WHERE a.attrelid = f.conrelid AND a.attnum = k.local) l ON true
            JOIN pg_attribute r ON r.attrelid = f.confrelid AND r.attnum = k.remote
            WHERE f.conrelid = to_regclass(shape.target) AND f.contype = 'f' AND f.confrelid <> f.conrelid
              -- Partitions of the parent are not asked one by one, and what the master does not enforce is not asked at all.
              AND f.conparentid = 0 AND c.relnamespace = 'public'::regnamespace
              AND coalesce((to_jsonb(f) ->> 'conenforced')::boolean, true)
            GROUP BY f.oid, f.conname, n.nspname, c.relname) tests), 'NULL::jsonb');
END $$;

-- What a row's entries come to, one laid over the other.
CREATE OR REPLACE AGGREGATE robbie_sync.folded(jsonb) (SFUNC = jsonb_concat, STYPE = jsonb);

-- Puts the master's users into the batch. What has one that is not mapped is looked at alone.
CREATE OR REPLACE FUNCTION robbie_sync.map_batch(shape robbie_sync.shape, name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH known AS MATERIALIZED (
        SELECT i.id, robbie_sync.mapped_user(i.id) AS found FROM (
            SELECT b.payload ->> name FROM pg_temp.robbie_batch b WHERE b.tbl = shape.tbl AND b.payload ? name
            UNION SELECT b.base ->> name FROM pg_temp.robbie_batch b WHERE b.tbl = shape.tbl AND b.base ? name) i(id)
    )
    UPDATE pg_temp.robbie_batch b
    SET data = CASE WHEN (s.payload ->> name IS NULL OR d.found IS NOT NULL) AND (s.base ->> name IS NULL OR f.found IS NOT NULL)
            THEN CASE WHEN d.found IS NULL THEN b.data ELSE jsonb_set(b.data, ARRAY[name], to_jsonb(d.found)) END END,
        base = CASE WHEN f.found IS NULL THEN b.base ELSE jsonb_set(b.base, ARRAY[name], to_jsonb(f.found)) END
    FROM pg_temp.robbie_batch s LEFT JOIN known d ON d.id = s.payload ->> name LEFT JOIN known f ON f.id = s.base ->> name
    WHERE s.n = b.n AND b.tbl = shape.tbl AND (b.payload ? name OR b.base ? name);
END $$;

-- Takes the entries of one table and kind that may be plain into the work: known, with a key, with known columns, and with all
-- entries of their row. Says how many.
CREATE OR REPLACE FUNCTION robbie_sync.take_set(shape robbie_sync.shape, deletes boolean) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    taken bigint;
    chained constant boolean := EXISTS (
        -- By digest, which is quicker: two keys of one digest make it the longer way and nothing else.
        SELECT 1 FROM pg_temp.robbie_batch b WHERE b.tbl = shape.tbl GROUP BY jsonb_hash_extended(b.pk, 0) HAVING count(*) > 1);
BEGIN
    DELETE FROM pg_temp.robbie_work;
    EXECUTE format('
        WITH entry AS (
            SELECT b.*, k.keys, (
                b.waits IS NULL AND b.data @> b.pk AND (b.op = ''DELETE'') = $1 AND a.entry_id IS NULL
                AND b.op IN (''INSERT'', ''UPDATE'', ''UPSERT'', ''DELETE'')) IS TRUE AS plain
            FROM pg_temp.robbie_batch b LEFT JOIN robbie_sync.applied a ON a.entry_id = b.id
            CROSS JOIN LATERAL (
                SELECT CASE WHEN jsonb_typeof(b.data) = ''object'' THEN ARRAY(SELECT jsonb_object_keys(b.data)) END AS keys OFFSET 0) k
            WHERE b.tbl = $2 AND b.pk IS NOT NULL
        ), folded AS (%s)
        INSERT INTO pg_temp.robbie_work (n, pk, op, fold, prior, base, keys, tail, last, verb, orphan)
        SELECT w.n, w.pk, w.op, w.fold, w.prior, w.base, w.keys, w.tail, w.tail = w.n,
            CASE WHEN $1 THEN ''D'' WHEN w.op = ''INSERT'' OR w.op = ''UPSERT'' AND w.base IS NULL THEN ''I'' ELSE ''U'' END::"char", %s
        FROM folded w',
        CASE WHEN chained THEN '
            SELECT e.n, e.pk, first_value(e.op) OVER chain AS op, f.fold, lag(f.fold) OVER chain AS prior,
                first_value(e.base) OVER chain AS base, ARRAY(SELECT jsonb_object_keys(f.fold)) AS keys, c.tail
            FROM (SELECT e.*, robbie_sync.folded(e.data) OVER (PARTITION BY e.pk ORDER BY e.seq) AS fold FROM entry e WHERE e.plain) f
            JOIN entry e ON e.n = f.n
            JOIN (SELECT e.pk, max(e.n) AS tail, bool_and(e.plain AND e.keys <@ $3) AS plain, count(*) AS entries
                  FROM entry e GROUP BY e.pk) c ON c.pk = e.pk
            WHERE c.plain AND (c.entries = 1 OR NOT $1)
            WINDOW chain AS (PARTITION BY e.pk ORDER BY e.seq)'
        ELSE 'SELECT e.n, e.pk, e.op, e.data AS fold, NULL::jsonb AS prior, e.base, e.keys, e.n AS tail FROM entry e
            WHERE e.plain AND e.keys <@ $3' END,
        CASE WHEN deletes THEN 'NULL' ELSE robbie_sync.orphan_test(shape) END)
    USING deletes, shape.tbl, shape.columns;
    GET DIAGNOSTICS taken = ROW_COUNT;
    -- Without statistics the join of what was written with what was to be would be a nested loop.
    ANALYZE pg_temp.robbie_work (n, last, verb, keys, ours);
    RETURN taken;
END $$;

-- Writes the new rows of the work, one statement for those that name the same columns.
CREATE OR REPLACE FUNCTION robbie_sync.insert_set(shape robbie_sync.shape) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    part record;
BEGIN
    FOR part IN
        SELECT w.keys, min(w.n) AS low, max(w.n) AS high, (
            SELECT string_agg(quote_ident(c), ', ') FROM unnest(w.keys) c WHERE c = ANY (shape.writable)) AS columns
        FROM pg_temp.robbie_work w WHERE w.verb = 'I' AND w.last AND w.orphan IS NULL
        -- Many different lists are few rows each.
        GROUP BY w.keys ORDER BY count(*) DESC LIMIT 16
    LOOP
        PERFORM robbie_sync.run_set(shape, format('
            WITH written AS (
                INSERT INTO %1$s AS t (%2$s) OVERRIDING SYSTEM VALUE
                SELECT %3$s FROM pg_temp.robbie_work w CROSS JOIN LATERAL jsonb_populate_record(NULL::%1$s, w.fold) r
                WHERE w.verb = ''I'' AND w.last AND w.orphan IS NULL AND w.keys = %4$L AND w.n BETWEEN $1 AND $2
                ON CONFLICT DO NOTHING RETURNING jsonb_build_object(%5$s) AS pk, to_jsonb(t.*) AS image
            ), noted AS (
                INSERT INTO pg_temp.robbie_done (n, verdict, image) SELECT w.n, ''insert'', i.image FROM written i
                JOIN pg_temp.robbie_work w ON w.pk = i.pk AND w.last AND w.n BETWEEN $1 AND $2 RETURNING 1
            )
            SELECT (SELECT count(*) FROM written), (SELECT count(*) FROM noted)',
            shape.target, part.columns, (SELECT string_agg(format('r.%I', c), ', ') FROM unnest(part.keys) c WHERE c = ANY (shape.writable)),
            part.keys, (SELECT string_agg(format('%L, t.%I', k, k), ', ') FROM unnest(shape.key) k)), part.low, part.high);
    END LOOP;
END $$;

-- Locks the rows of the work that are to change or go, and finds out who changed what: a row that others changed since its base
-- is looked at alone.
CREATE OR REPLACE FUNCTION robbie_sync.compare_set(shape robbie_sync.shape) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    EXECUTE format('
        WITH locked AS MATERIALIZED (
            SELECT w.n, to_jsonb(t.*) AS image FROM pg_temp.robbie_work w JOIN %1$s t ON %2$s
            WHERE w.verb IN (''U'', ''D'') AND w.last AND w.base IS NOT NULL
            ORDER BY %3$s FOR NO KEY UPDATE OF t
        ), seen AS (
            SELECT l.n, l.image, w.verb, w.base, w.keys, w.fold, ARRAY(SELECT c FROM unnest($1) c WHERE NOT w.base ? c) || $2 AS unknown
            FROM locked l JOIN pg_temp.robbie_work w USING (n)
            OFFSET 0
        ), ours AS (
            SELECT s.*, ARRAY(
                SELECT k FROM unnest(s.keys) k WHERE s.verb = ''U'' AND s.fold -> k IS DISTINCT FROM s.image -> k
                  AND (NOT s.base ? k OR s.base -> k IS DISTINCT FROM s.fold -> k)) AS changes
            FROM seen s
            OFFSET 0
        ), unseen AS (
            -- Only where the texts differ, or what is not compared is to change, is it asked what the type makes of them.
            SELECT o.*, CASE WHEN NOT o.changes && $4 AND o.base - o.unknown = o.image - o.unknown THEN o.image
                ELSE to_jsonb(jsonb_populate_record(NULL::%1$s, o.base)) END AS was
            FROM ours o
            OFFSET 0
        ), typed AS (
            SELECT u.*, CASE WHEN u.changes <> ''{}'' THEN to_jsonb(jsonb_populate_record(NULL::%1$s, (
                SELECT jsonb_object_agg(k, u.fold -> k) FROM unnest(u.changes) k))) END AS wanted
            FROM unseen u WHERE (u.was - u.unknown) = (u.image - u.unknown)
            OFFSET 0
        ), judged AS (
            SELECT s.n, s.image, s.verb, ARRAY(
                SELECT k FROM unnest(s.changes) k
                WHERE k = ANY ($3) AND s.wanted -> k IS DISTINCT FROM s.image -> k
                  AND (NOT s.base ? k OR s.was -> k IS DISTINCT FROM s.wanted -> k)) AS ours
            FROM typed s
        )
        UPDATE pg_temp.robbie_work w SET before = j.image, ours = j.ours,
            verb = CASE WHEN j.verb = ''U'' AND j.ours <@ $4 THEN ''N'' ELSE j.verb END
        FROM judged j WHERE w.n = j.n', shape.target, robbie_sync.same_key(shape),
        (SELECT string_agg(format('t.%I', k), ', ') FROM unnest(shape.key) k))
    USING shape.columns,
        shape.ignored || ARRAY(SELECT c FROM unnest(shape.columns) c WHERE c <> ALL (shape.writable)),
        ARRAY(SELECT c FROM unnest(shape.writable) c WHERE c <> ALL (shape.key)), shape.ignored;
    INSERT INTO pg_temp.robbie_done (n, verdict, before, image) SELECT w.n, 'no_change', w.before, w.before FROM pg_temp.robbie_work w WHERE w.verb = 'N';
END $$;

-- Writes the changed columns of the work, one statement for the rows that change the same ones.
CREATE OR REPLACE FUNCTION robbie_sync.update_set(shape robbie_sync.shape) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    part record;
BEGIN
    FOR part IN
        SELECT w.ours, min(w.n) AS low, max(w.n) AS high FROM pg_temp.robbie_work w
        WHERE w.verb = 'U' AND w.before IS NOT NULL AND w.orphan IS NULL GROUP BY w.ours ORDER BY count(*) DESC LIMIT 16
    LOOP
        PERFORM robbie_sync.run_set(shape, format('
            WITH written AS (
                UPDATE %1$s t SET %2$s FROM pg_temp.robbie_work w CROSS JOIN LATERAL jsonb_populate_record(NULL::%1$s, w.fold) r
                WHERE %3$s AND w.verb = ''U'' AND w.before IS NOT NULL AND w.orphan IS NULL AND w.ours = %4$L AND w.n BETWEEN $1 AND $2
                RETURNING w.n, w.before, to_jsonb(t.*) AS image
            ), noted AS (
                INSERT INTO pg_temp.robbie_done (n, verdict, before, image) SELECT i.n, ''update'', i.before, i.image FROM written i RETURNING 1
            )
            SELECT (SELECT count(*) FROM written), (SELECT count(*) FROM noted)',
            shape.target, (SELECT string_agg(format('%1$I = r.%1$I', c), ', ') FROM unnest(part.ours) c),
            robbie_sync.same_key(shape), part.ours), part.low, part.high);
    END LOOP;
END $$;

-- Removes the rows of the work, unless rows of other tables would go or change with them: then each is looked at alone.
CREATE OR REPLACE FUNCTION robbie_sync.delete_set(shape robbie_sync.shape) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    part record;
BEGIN
    SELECT min(w.n) AS low, max(w.n) AS high INTO part FROM pg_temp.robbie_work w WHERE w.verb = 'D' AND w.before IS NOT NULL;
    IF part.low IS NULL OR EXISTS (
        SELECT 1 FROM pg_constraint f WHERE f.confrelid = to_regclass(shape.target) AND f.contype = 'f' AND f.confdeltype IN ('c', 'n', 'd'))
    THEN
        RETURN;
    END IF;
    PERFORM robbie_sync.run_set(shape, format('
        WITH written AS (
            DELETE FROM %1$s t USING pg_temp.robbie_work w
            WHERE %2$s AND w.verb = ''D'' AND w.before IS NOT NULL AND w.n BETWEEN $1 AND $2 RETURNING w.n, w.before
        ), noted AS (INSERT INTO pg_temp.robbie_done (n, verdict, before) SELECT i.n, ''delete'', i.before FROM written i RETURNING 1)
        SELECT (SELECT count(*) FROM written), (SELECT count(*) FROM noted)', shape.target, robbie_sync.same_key(shape)), part.low, part.high);
END $$;

-- The ledger of what was written. An entry that a later one of its row was laid over has the images it would have had alone.
CREATE OR REPLACE FUNCTION robbie_sync.record_set(shape robbie_sync.shape, node uuid, run uuid, actor text, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- Triggers of the table's own may have changed what was written.
    IF EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = to_regclass(shape.target) AND NOT t.tgisinternal
               AND t.tgname NOT LIKE 'robbie\_%' AND t.tgtype & 2 = 0)
    THEN
        EXECUTE format('UPDATE pg_temp.robbie_done d SET image = to_jsonb(t.*) FROM pg_temp.robbie_work w JOIN %s t ON %s
            WHERE w.n = d.n AND d.image IS NOT NULL', shape.target, robbie_sync.same_key(shape));
    END IF;
    INSERT INTO pg_temp.robbie_done (n, verdict, before, image)
    SELECT w.n, CASE WHEN d.verdict = 'no_change' OR w.prior IS NULL THEN d.verdict WHEN w.fold = w.prior THEN 'no_change' ELSE 'update' END,
        CASE WHEN w.prior IS NULL THEN d.before ELSE coalesce(d.before, '{}') || w.prior END, coalesce(d.before, '{}') || w.fold
    FROM pg_temp.robbie_work w JOIN pg_temp.robbie_done d ON d.n = w.tail AND d.judged IS NULL
    WHERE NOT w.last;
    UPDATE pg_temp.robbie_done d
    SET before = coalesce(d.before, '{}') || w.prior, verdict = CASE WHEN w.fold = w.prior THEN 'no_change' WHEN d.verdict = 'insert' THEN 'update' ELSE d.verdict END
    FROM pg_temp.robbie_work w WHERE w.n = d.n AND w.last AND w.prior IS NOT NULL AND d.judged IS NULL;
    INSERT INTO robbie_sync.applied
        (entry_id, node_id, seq, tbl, op, pk, payload_hash, verdict, outcome, before_image, after_hash, unseen, actor, run_id, reason)
    SELECT b.id, record_set.node, b.seq, shape.tbl, b.op, b.pk, robbie_sync.payload_hash(b.payload), d.verdict,
        CASE d.verdict WHEN 'no_change' THEN 'no_change' ELSE 'applied' END, d.before,
        robbie_sync.image_hash(d.image, shape.ignored), false, record_set.actor, run, record_set.reason
    FROM pg_temp.robbie_done d JOIN pg_temp.robbie_work w USING (n) JOIN pg_temp.robbie_batch b USING (n)
    WHERE d.judged IS NULL;
    INSERT INTO pg_temp.robbie_orphan (n, parent)
    SELECT w.n, w.orphan FROM pg_temp.robbie_work w WHERE w.orphan IS NOT NULL AND w.verb = 'I' AND w.last AND w.prior IS NULL AND NOT EXISTS (
        SELECT 1 FROM pg_temp.robbie_done d WHERE d.n = w.n);
END $$;

-- Goes through the batch by sets: each table's new and changed rows, then each table's deletes, in the order of the batch.
CREATE OR REPLACE FUNCTION robbie_sync.push_sets(node uuid, run uuid, actor text, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    part record;
    shape robbie_sync.shape;
    name text;
BEGIN
    FOR part IN
        SELECT b.tbl, b.op = 'DELETE' AS deletes FROM pg_temp.robbie_batch b GROUP BY 1, 2
        HAVING count(*) >= 8 ORDER BY 2, min(b.n)
    LOOP
        shape := robbie_sync.shape_of(part.tbl);
        -- A constraint that may be checked late cannot be left to ON CONFLICT.
        CONTINUE WHEN shape.problem IS NOT NULL OR shape.key && shape.users OR EXISTS (
            SELECT 1 FROM pg_index i WHERE i.indrelid = to_regclass(shape.target) AND NOT i.indimmediate);
        BEGIN
            FOREACH name IN ARRAY shape.users LOOP
                PERFORM robbie_sync.map_batch(shape, name);
            END LOOP;
            IF robbie_sync.take_set(shape, part.deletes) > 0 THEN
                IF NOT part.deletes THEN
                    PERFORM robbie_sync.insert_set(shape);
                END IF;
                PERFORM robbie_sync.compare_set(shape);
                IF part.deletes THEN
                    PERFORM robbie_sync.delete_set(shape);
                ELSE
                    PERFORM robbie_sync.update_set(shape);
                END IF;
                PERFORM robbie_sync.record_set(shape, push_sets.node, run, push_sets.actor, push_sets.reason);
            END IF;
        EXCEPTION WHEN OTHERS THEN
            -- What stops the set is found entry by entry.
            IF robbie_sync.is_transient(SQLSTATE) THEN
                RAISE;
            END IF;
        END;
    END LOOP;
END $$;

-- Orphans whose parent has come since; the others are judged.
CREATE OR REPLACE FUNCTION robbie_sync.orphans_with_parents() RETURNS integer[]
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    kind record;
    found integer[];
    came integer[] := '{}';
BEGIN
    FOR kind IN SELECT o.parent ->> 'tbl' AS tbl, min(o.parent ->> 'pk')::jsonb AS pk FROM pg_temp.robbie_orphan o GROUP BY 1, o.parent ->> 'key'
    LOOP
        EXECUTE format('SELECT array_agg(o.n) FROM pg_temp.robbie_orphan o WHERE o.parent ->> ''tbl'' = %L AND EXISTS (
                SELECT 1 FROM public.%I p, jsonb_populate_record(NULL::public.%I, o.parent -> ''pk'') r WHERE %s)', kind.tbl, kind.tbl, kind.tbl,
            (SELECT string_agg(format('p.%1$I = r.%1$I', k), ' AND ') FROM jsonb_object_keys(kind.pk) k)) INTO found;
        came := came || coalesce(found, '{}');
    END LOOP;
    DELETE FROM pg_temp.robbie_orphan o WHERE o.n = ANY (came);
    RETURN came;
END $$;

