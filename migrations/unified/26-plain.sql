-- The short way of a batch: new rows of a table, all naming the same columns, that nothing speaks against. One statement takes them
-- from the arrays of the call, writes them and their ledger, and keeps nothing in between. What it leaves, for whatever reason, goes
-- through robbie_sync.push_sets; the ledger is the same.

-- An expression over a row `r` of the table: whether its parents are there. A table's own rows are not looked for: they may be in the
-- same statement. What it overlooks the constraint itself finds.
CREATE OR REPLACE FUNCTION robbie_sync.has_parents(shape robbie_sync.shape) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- In a CASE, so that each row's parent is looked up, and never all parents read.
    SELECT coalesce(string_agg(format('CASE WHEN %s THEN true ELSE EXISTS (SELECT 1 FROM %s p WHERE %s) END', f.absent, f.parent, f.same), ' AND '), 'true')
    FROM (
        SELECT format('%I.%I', n.nspname, c.relname) AS parent, string_agg(format('r.%I IS NULL', l.attname), ' OR ') AS absent,
            string_agg(format('p.%I = r.%I', o.attname, l.attname), ' AND ') AS same
        FROM pg_constraint f
        JOIN pg_class c ON c.oid = f.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL unnest(f.conkey, f.confkey) AS k(local, other)
        JOIN pg_attribute l ON l.attrelid = f.conrelid AND l.attnum = k.local
        JOIN pg_attribute o ON o.attrelid = f.confrelid AND o.attnum = k.other
        WHERE f.conrelid = to_regclass(shape.target) AND f.contype = 'f' AND f.confrelid <> f.conrelid
          AND f.conparentid = 0 AND c.relnamespace = 'public'::regnamespace
        GROUP BY f.oid, n.nspname, c.relname) f
$$;

-- Whether new rows of a table can go this way at all: its entries need no user mapped, no constraint is checked late, nothing but our
-- own triggers changes a row after it was written, and no row of the batch has two entries.
CREATE OR REPLACE FUNCTION robbie_sync.is_plain(shape robbie_sync.shape, tbls text[], pks text[]) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN shape.problem IS NULL AND shape.users = '{}'
        AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = to_regclass(shape.target) AND NOT i.indimmediate)
        AND NOT EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = to_regclass(shape.target) AND NOT t.tgisinternal
            AND t.tgname NOT LIKE 'robbie\_%' AND t.tgtype & 2 = 0)
        -- By digest, which is quicker: two keys of one digest make it the longer way and nothing else.
        AND NOT EXISTS (SELECT 1 FROM unnest(tbls, pks) AS b(tbl, pk) WHERE b.tbl = shape.tbl AND b.pk IS NOT NULL
            GROUP BY hashtextextended(b.pk, 0) HAVING count(*) > 1);
END $$;

-- Writes the new rows of a table that name the same columns as the first of them, and returns whose entries these were.
CREATE OR REPLACE FUNCTION robbie_sync.insert_plain(
    shape robbie_sync.shape, node uuid, run uuid, actor text, reason text,
    ids uuid[], seqs bigint[], tbls text[], ops text[], pks text[], payloads text[], waits uuid[]
) RETURNS uuid[]
-- Rows and their entries are put together by hash and in memory; the planner, who knows nothing of them, would sort both sides on disk.
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp SET work_mem = '32MB' SET enable_mergejoin = off AS $$
DECLARE
    keys constant text[] := ARRAY(SELECT jsonb_object_keys(payloads[(
        SELECT min(b.n) FROM unnest(tbls, ops, waits) WITH ORDINALITY AS b(tbl, op, waits, n)
        WHERE b.tbl = shape.tbl AND b.op = 'INSERT' AND b.waits IS NULL)]::jsonb));
    named constant text[] := ARRAY(SELECT k FROM unnest(keys) k WHERE k = ANY (shape.writable));
    written bigint;
    noted uuid[];
BEGIN
    IF named = '{}' OR NOT keys <@ shape.columns THEN
        RETURN '{}';
    END IF;
    EXECUTE format('
        WITH entry AS MATERIALIZED (
            SELECT b.id, b.seq, b.pk::jsonb AS pk, p.payload
            FROM unnest($1, $2, $3, $4, $5, $6, $7) AS b(id, seq, tbl, op, pk, payload, waits)
            CROSS JOIN LATERAL (SELECT b.payload::jsonb AS payload OFFSET 0) p
            -- Said so that it does not seem to leave next to nothing: what follows would be a nested loop.
            WHERE CASE WHEN b.tbl = %2$L AND b.op = ''INSERT'' AND b.waits IS NULL AND b.pk IS NOT NULL AND jsonb_typeof(p.payload) = ''object''
                THEN ARRAY(SELECT jsonb_object_keys(p.payload)) = %3$L ELSE false END
        ), written AS (
            INSERT INTO %1$s AS t (%4$s) OVERRIDING SYSTEM VALUE
            SELECT %5$s FROM entry e CROSS JOIN LATERAL jsonb_populate_record(NULL::%1$s, e.payload) r
            WHERE %6$s
            ON CONFLICT DO NOTHING RETURNING jsonb_build_object(%7$s) AS pk, robbie_sync.image_hash(to_jsonb(t.*), %8$L) AS after_hash
        ), noted AS (
            INSERT INTO robbie_sync.applied
                (entry_id, node_id, seq, tbl, op, pk, payload_hash, verdict, outcome, after_hash, unseen, actor, run_id, reason)
            SELECT e.id, $8, e.seq, %2$L, ''INSERT'', w.pk, robbie_sync.payload_hash(e.payload), ''insert'', ''applied'', w.after_hash, false, $9, $10, $11
            FROM written w JOIN entry e ON e.pk = w.pk RETURNING entry_id
        )
        SELECT (SELECT count(*) FROM written), (SELECT array_agg(entry_id) FROM noted)',
        shape.target, shape.tbl, keys,
        (SELECT string_agg(quote_ident(c), ', ') FROM unnest(named) c), (SELECT string_agg(format('r.%I', c), ', ') FROM unnest(named) c),
        robbie_sync.has_parents(shape), (SELECT string_agg(format('%L, t.%I', k, k), ', ') FROM unnest(shape.key) k), shape.ignored)
    INTO written, noted USING ids, seqs, tbls, ops, pks, payloads, waits, node, actor, run, reason;
    IF written <> coalesce(cardinality(noted), 0) THEN
        RAISE EXCEPTION 'the master wrote % rows of % and % were recognised by their key', written, shape.tbl, coalesce(cardinality(noted), 0);
    END IF;
    SET CONSTRAINTS ALL IMMEDIATE;
    RETURN coalesce(noted, '{}');
END $$;

-- Goes through the batch for rows that can go the short way, in the order of the batch, and returns whose entries these were. Where one of a
-- table's rows is refused none of them goes this way, and for a while it is not tried again, since what is refused tends to come in numbers:
-- for 50 ms, for twice as long with each refusal that follows, for ten seconds at most.
CREATE OR REPLACE FUNCTION robbie_sync.push_plain(
    node uuid, run uuid, actor text, reason text,
    ids uuid[], seqs bigint[], tbls text[], ops text[], pks text[], payloads text[], waits uuid[]
) RETURNS uuid[]
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    -- When it was refused, and for how many seconds it rests: kept by the session.
    rests constant text := coalesce(current_setting('robbie_sync.not_plain', true), '');
    rested constant double precision := CASE WHEN rests ~ '^[0-9.]+ [0-9.]+$' THEN split_part(rests, ' ', 2)::double precision ELSE 0 END;
    done uuid[] := '{}';
    tbl text;
    shape robbie_sync.shape;
BEGIN
    IF rested > 0 AND extract(epoch FROM clock_timestamp()) - split_part(rests, ' ', 1)::double precision BETWEEN 0 AND rested THEN
        RETURN '{}';
    END IF;
    FOR tbl IN
        SELECT b.tbl FROM unnest(tbls, ops) WITH ORDINALITY AS b(tbl, op, n) WHERE b.op = 'INSERT'
        GROUP BY b.tbl HAVING count(*) >= 8 ORDER BY min(b.n)
    LOOP
        BEGIN
            shape := robbie_sync.shape_of(tbl);
            IF robbie_sync.is_plain(shape, tbls, pks) THEN
                done := done || robbie_sync.insert_plain(shape, node, run, actor, reason, ids, seqs, tbls, ops, pks, payloads, waits);
            END IF;
        EXCEPTION WHEN OTHERS THEN
            IF robbie_sync.is_transient(SQLSTATE) THEN
                RAISE;
            ELSIF SQLSTATE = '55P03' THEN
                PERFORM set_config('lock_timeout', '20ms', true);
            END IF;
            PERFORM set_config('robbie_sync.not_plain',
                concat_ws(' ', extract(epoch FROM clock_timestamp()), greatest(0.05, least(10, 2 * rested))), false);
            RETURN done;
        END;
    END LOOP;
    IF done <> '{}' AND rested > 0 THEN
        PERFORM set_config('robbie_sync.not_plain', '', false);
    END IF;
    RETURN done;
END $$;
