-- What a person does with entries: discard and restore, edit, release. The caller asks the master's ledger first.

-- What note of its edit a discarded entry's row had.
ALTER TABLE robbie_sync.archive ADD COLUMN IF NOT EXISTS base_row jsonb;
-- The payload as it was queued, of an entry that somebody edited.
ALTER TABLE robbie_sync.entry ADD COLUMN IF NOT EXISTS original text;

-- Columns of pending_sync as it is here, with their types; `data` goes by itself, for its text is kept whole.
CREATE OR REPLACE FUNCTION robbie_sync.queue_columns() RETURNS TABLE (name text, kind text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.attname::text, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
    WHERE a.attrelid = 'public.pending_sync'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attname <> 'data'
    ORDER BY a.attnum
$$;

-- Moves open entries into the archive, each value as its type writes it, and gives their edits up. Those that are gone or settled
-- meanwhile are not among the answers.
CREATE OR REPLACE FUNCTION robbie_sync.discard(ids uuid[], actor text, reason text) RETURNS SETOF uuid
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' SET intervalstyle = 'postgres'
    SET extra_float_digits = 1 SET bytea_output = 'hex' AS $$
DECLARE
    open uuid[];
    row_as_text text := (SELECT string_agg(format('%1$L, p.%1$I::text', c.name), ', ') FROM robbie_sync.queue_columns() c);
BEGIN
    SELECT array_agg(l.id) INTO open FROM (
        SELECT p.id FROM public.pending_sync p WHERE p.id = ANY (ids) AND p.synced_at IS NULL ORDER BY p.id FOR UPDATE) l;
    -- Before the row goes: its trigger looks here to give the edit up.
    EXECUTE format('INSERT INTO robbie_sync.archive (entry_id, pending_row, data_text, entry_row, base_row, reason, actor)
        SELECT p.id, jsonb_build_object(%s), p.data::text, to_jsonb(e.*), to_jsonb(b.*), $2, $3
        FROM public.pending_sync p LEFT JOIN robbie_sync.entry e ON e.entry_id = p.id
        LEFT JOIN robbie_sync.base b ON b.tbl = e.tbl AND b.pk = e.pk WHERE p.id = ANY ($1)', row_as_text)
    USING open, reason, actor;
    DELETE FROM public.pending_sync p WHERE p.id = ANY (open);
    -- The trigger swallows its errors, for an application's sake. Here they must not pass.
    IF EXISTS (SELECT 1 FROM robbie_sync.entry e WHERE e.entry_id = ANY (open))
        OR EXISTS (SELECT 1 FROM public.pending_sync p WHERE p.id = ANY (open)) THEN
        RAISE EXCEPTION 'an entry did not leave the queue: a trigger of pending_sync is off or interferes' USING TABLE = 'pending_sync';
    END IF;
    RETURN QUERY SELECT unnest(open);
END $$;

-- Puts one archived entry back as it was, with its place in the queue and what was noted of it. Its row counts as edited again, and is
-- taken from the master when the entry is settled. False: the archive has no such entry.
CREATE OR REPLACE FUNCTION robbie_sync.restore(entry uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' SET intervalstyle = 'postgres'
    SET extra_float_digits = 1 SET bytea_output = 'hex' AS $$
DECLARE
    kept robbie_sync.archive;
    noted robbie_sync.entry;
    names text;
    typed text;
BEGIN
    SELECT * INTO kept FROM robbie_sync.archive a WHERE a.entry_id = entry FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- A column that came since keeps its default.
    SELECT string_agg(format('%I', c.name), ', '), string_agg(format('($1 ->> %L)::%s', c.name, c.kind), ', ') INTO names, typed
    FROM robbie_sync.queue_columns() c WHERE kept.pending_row ? c.name;
    EXECUTE format('INSERT INTO public.pending_sync (%s, data) OVERRIDING SYSTEM VALUE SELECT %s, $2::jsonb', names, typed)
    USING kept.pending_row, kept.data_text;
    IF kept.entry_row IS NOT NULL THEN
        DELETE FROM robbie_sync.entry e WHERE e.entry_id = entry;
        noted := jsonb_populate_record(NULL::robbie_sync.entry, kept.entry_row);
        INSERT INTO robbie_sync.entry OVERRIDING SYSTEM VALUE SELECT noted.*;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM robbie_sync.entry e WHERE e.entry_id = entry)
        OR NOT EXISTS (SELECT 1 FROM public.pending_sync p WHERE p.id = entry AND p.data = kept.data_text::jsonb) THEN
        RAISE EXCEPTION 'the entry did not come back as it was: a trigger of pending_sync is off or interferes' USING TABLE = 'pending_sync';
    END IF;
    IF kept.base_row IS NOT NULL THEN
        INSERT INTO robbie_sync.base SELECT (jsonb_populate_record(NULL::robbie_sync.base, kept.base_row)).*
        ON CONFLICT (tbl, pk) DO NOTHING;
    END IF;
    IF noted.pk IS NOT NULL THEN
        INSERT INTO robbie_sync.deferred (tbl, pk, reason, snapshot)
        SELECT noted.tbl, noted.pk, 'settled', coalesce((SELECT c.snapshot FROM robbie_sync.cursor c), pg_current_snapshot())
        ON CONFLICT (tbl, pk) DO NOTHING;
    END IF;
    DELETE FROM robbie_sync.archive a WHERE a.entry_id = entry;
    PERFORM pg_notify('robbie_queue', '');
    RETURN true;
END $$;

-- Keys of the rows here that have all values of a payload without one; at most three.
CREATE OR REPLACE FUNCTION robbie_sync.matching(tbl text, data jsonb) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    target regclass := to_regclass('public.' || quote_ident(matching.tbl));
    key text[] := robbie_sync.key_columns(target);
    same text;
BEGIN
    IF target IS NULL OR key = '{}' OR jsonb_typeof(data) IS DISTINCT FROM 'object' THEN
        RETURN;
    END IF;
    -- What the type itself calls equal comes first: it is quick, and may have an index. A value of JSON can be equal only as JSON.
    SELECT string_agg(CASE WHEN data -> a.attname::text = 'null' THEN format('t.%I IS NULL', a.attname)
            ELSE concat_ws(' AND ', CASE WHEN o.found THEN format('t.%1$I = w.%1$I', a.attname) END,
                format('to_jsonb(t.%1$I) = to_jsonb(w.%1$I)', a.attname)) END, ' AND ') INTO same
    FROM pg_attribute a CROSS JOIN LATERAL (SELECT EXISTS (SELECT 1 FROM pg_opclass c JOIN pg_am m ON m.oid = c.opcmethod
        WHERE m.amname = 'btree' AND c.opcdefault AND c.opcintype IN (a.atttypid, CASE WHEN a.atttypid = 'varchar'::regtype THEN 'text'::regtype END))) o(found)
    WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND data ? a.attname::text AND a.attname <> ALL (key);
    -- Without a value every row would match.
    IF same IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format('SELECT jsonb_build_object(%s) FROM %s t, jsonb_populate_record(NULL::%2$s, $1) w WHERE %s LIMIT 3',
        (SELECT string_agg(format('%1$L, t.%1$I', k), ', ') FROM unnest(key) k), target, same)
    USING data - key;
END $$;

-- A row here as JSON; NULL where there is none.
CREATE OR REPLACE FUNCTION robbie_sync.row_here(tbl text, pk jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    target regclass := to_regclass('public.' || quote_ident(row_here.tbl));
    image jsonb;
BEGIN
    IF target IS NULL OR pk IS NULL OR pk = '{}' THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT to_jsonb(t.*) FROM %s t, jsonb_populate_record(NULL::%1$s, $1) w WHERE %s', target,
        (SELECT string_agg(format('t.%1$I = w.%1$I', k), ' AND ') FROM jsonb_object_keys(pk) k))
    INTO image USING pk;
    RETURN image;
END $$;
