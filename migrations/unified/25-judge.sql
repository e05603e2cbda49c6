-- What the push asks about a table, a value and an error. Used by robbie_sync.push (26-push.sql).

-- A type cannot be replaced; what takes or gives it goes with it, and is made anew in the files that follow.
DROP TYPE IF EXISTS robbie_sync.shape CASCADE;
DROP TYPE IF EXISTS robbie_sync.result CASCADE;

-- What is known of a synced table: which columns may be written, which identify a row, which hold user ids.
CREATE TYPE robbie_sync.shape AS (
    tbl      text,
    target   text,      -- quoted and qualified
    columns  text[],    -- all
    writable text[],    -- neither generated nor derived
    key      text[],
    users    text[],    -- uuid columns that mean a user
    ignored  text[],    -- derived and stamps: never compared
    stamp    text,      -- the time of the last change, where there is one
    policy   text,
    rules    jsonb,     -- {column: {"rule": …, "type": …}}
    sqlstate text,      -- why nothing can be pushed into it
    problem  text,
    remedy   text
);

-- What applying one entry came to.
CREATE TYPE robbie_sync.result AS (
    entry_id     uuid,
    verdict      text,
    outcome      text,
    sqlstate     text,
    message      text,
    detail       text,
    object       text,
    blocked_on   text,
    blocked_by   uuid,
    pk           jsonb,
    before_image jsonb,
    after_image  jsonb,
    ms           double precision
);

CREATE OR REPLACE FUNCTION robbie_sync.shape_of(tbl text) RETURNS robbie_sync.shape
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shape robbie_sync.shape;
    target regclass := to_regclass('public.' || quote_ident(shape_of.tbl));
    rule robbie_sync.synced_table;
BEGIN
    shape.tbl := shape_of.tbl;
    IF target IS NULL OR NOT EXISTS (SELECT 1 FROM pg_class WHERE oid = target AND relkind IN ('r', 'p')) THEN
        shape.sqlstate := '42P01';
        shape.problem := format('the master has no table %s', quote_ident(shape_of.tbl));
        RETURN shape;
    END IF;
    SELECT * INTO rule FROM robbie_sync.synced_table s WHERE s.tbl = shape_of.tbl;
    IF NOT FOUND THEN
        shape.sqlstate := '42P01';
        shape.problem := format('table %s exists on the master but is not synced', quote_ident(shape_of.tbl));
        RETURN shape;
    END IF;
    shape.target := 'public.' || quote_ident(shape_of.tbl);
    shape.key := robbie_sync.key_columns(target);
    shape.policy := rule.policy;
    SELECT coalesce(jsonb_object_agg(a.attname, jsonb_build_object('rule', rule.rules ->> a.attname::text,
        'type', format_type(a.atttypid, a.atttypmod))), '{}') INTO shape.rules
    FROM pg_attribute a WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND rule.rules ? a.attname::text;
    shape.ignored := rule.derived || rule.stamps;
    SELECT array_agg(a.attname::text ORDER BY a.attnum),
           array_agg(a.attname::text ORDER BY a.attnum)
               FILTER (WHERE a.attgenerated = '' AND a.attname <> ALL (rule.derived)),
           min(a.attname::text) FILTER (WHERE a.attname = ANY (rule.stamps)
               AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype)),
           coalesce(array_agg(a.attname::text) FILTER (WHERE a.atttypid = 'uuid'::regtype
               AND (a.attname = 'user_id' OR EXISTS (
                   SELECT 1 FROM pg_constraint f WHERE f.conrelid = target AND f.contype = 'f'
                   AND f.confrelid = to_regclass('public.users') AND f.conkey = ARRAY[a.attnum]))), '{}')
    INTO shape.columns, shape.writable, shape.stamp, shape.users
    FROM pg_attribute a
    WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped;
    IF cardinality(shape.key) = 0 THEN
        shape.sqlstate := '42P10';
        shape.problem := format('table %s has no primary key on the master', quote_ident(shape_of.tbl));
    END IF;
    RETURN shape;
END $$;

-- The user that a replica's text id means, or NULL.
CREATE OR REPLACE FUNCTION robbie_sync.mapped_user(id text) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_id uuid;
BEGIN
    IF to_regclass('public.user_id_mapping') IS NOT NULL THEN
        SELECT m.uuid_id INTO found_id FROM public.user_id_mapping m WHERE m.text_id = id;
    END IF;
    IF found_id IS NULL AND id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        found_id := id::uuid;
    END IF;
    RETURN found_id;
END $$;

-- The digest by which a later change of a row is noticed: of its image without the columns that are never compared.
CREATE OR REPLACE FUNCTION robbie_sync.image_hash(image jsonb, ignored text[]) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_catalog.jsonb_hash_extended(image OPERATOR(pg_catalog.-) ignored, 0)::pg_catalog.text
$$;

-- The keys of `wanted` for which two images differ.
CREATE OR REPLACE FUNCTION robbie_sync.differing(one jsonb, other jsonb, wanted text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(k ORDER BY place), '{}') FROM unnest(wanted) WITH ORDINALITY w(k, place)
    WHERE coalesce(one -> k, 'null') IS DISTINCT FROM coalesce(other -> k, 'null')
$$;

-- The values of `data` as the master's types write them, so that images can be compared.
CREATE OR REPLACE FUNCTION robbie_sync.canonical(shape robbie_sync.shape, data jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET timezone = 'UTC' SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $$
DECLARE
    typed jsonb;
BEGIN
    EXECUTE format('SELECT to_jsonb(r.*) FROM jsonb_populate_record(NULL::%s, $1) r', shape.target) INTO typed USING data;
    RETURN (SELECT coalesce(jsonb_object_agg(k, typed -> k), '{}') FROM jsonb_object_keys(data) k WHERE typed ? k);
END $$;

-- Maps the user ids of an image; `missing` is the first one without a mapping.
CREATE OR REPLACE FUNCTION robbie_sync.with_users(shape robbie_sync.shape, data jsonb, OUT mapped jsonb, OUT missing text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    name text;
    found_id uuid;
BEGIN
    mapped := data;
    FOREACH name IN ARRAY shape.users LOOP
        CONTINUE WHEN jsonb_typeof(data -> name) IS DISTINCT FROM 'string';
        found_id := robbie_sync.mapped_user(data ->> name);
        IF found_id IS NULL THEN
            missing := coalesce(missing, data ->> name);
        ELSE
            mapped := jsonb_set(mapped, ARRAY[name], to_jsonb(found_id));
        END IF;
    END LOOP;
END $$;

-- The column whose value does not fit its type, for errors that do not name it.
CREATE OR REPLACE FUNCTION robbie_sync.misfit(shape robbie_sync.shape, data jsonb) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT k FROM jsonb_object_keys(data) k WHERE k = ANY (shape.columns) LOOP
        BEGIN
            PERFORM robbie_sync.canonical(shape, jsonb_build_object(name, data -> name));
        EXCEPTION WHEN OTHERS THEN
            RETURN name;
        END;
    END LOOP;
    RETURN NULL;
END $$;

-- The parent that a row points at through a foreign key: its table, and its key as a JSON object.
CREATE OR REPLACE FUNCTION robbie_sync.parent_of(
    shape robbie_sync.shape, constraint_name text, data jsonb, OUT tbl text, OUT pk jsonb
)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.relname::text, jsonb_object_agg(r.attname, data -> l.attname::text)
    FROM pg_constraint f
    JOIN pg_class c ON c.oid = f.confrelid
    CROSS JOIN LATERAL unnest(f.conkey, f.confkey) AS k(local, remote)
    JOIN pg_attribute l ON l.attrelid = f.conrelid AND l.attnum = k.local
    JOIN pg_attribute r ON r.attrelid = f.confrelid AND r.attnum = k.remote
    WHERE f.conrelid = to_regclass(shape.target) AND f.contype = 'f' AND f.conname = constraint_name
    GROUP BY c.relname
$$;

-- The snapshot of ours that an entry's `seen` names; NULL where it says nothing: it is of another database or time, or changes
-- after it were pruned.
CREATE OR REPLACE FUNCTION robbie_sync.seen_here(seen text) RETURNS pg_snapshot
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.snapshot
    FROM (SELECT split_part(seen, ' ', 3)::pg_snapshot AS snapshot) s, robbie_sync.incarnation() i
    WHERE split_part(seen, ' ', 1) = i.system_identifier AND split_part(seen, ' ', 2) = coalesce(i.timeline::text, '-')
      AND pg_snapshot_xmax(s.snapshot) <= pg_snapshot_xmax(pg_current_snapshot())
      AND NOT EXISTS (SELECT 1 FROM robbie_sync.pruned p WHERE p.below > pg_snapshot_xmin(s.snapshot))
$$;

-- Whether others wrote a row after `seen`: by the order in which the master committed, never by a clock. Where it is not known
-- what was seen, they may have.
CREATE OR REPLACE FUNCTION robbie_sync.changed_since(tbl text, pk jsonb, node uuid, seen pg_snapshot) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT seen IS NULL OR EXISTS (
        SELECT 1 FROM robbie_sync.changelog c
        WHERE c.pk = changed_since.pk AND c.tbl = changed_since.tbl AND c.origin IS DISTINCT FROM node
          AND NOT pg_visible_in_snapshot(c.xid, seen))
$$;

-- Whether a row's end would take rows with it, at any depth, that others wrote and this replica had not seen. Where it is not
-- known what it had seen, only rows that it alone wrote count as seen. `upto` is the FROM clause that leads to the rows of
-- `target`, their alias c<depth>; cascades deeper than ten are not followed, and count as unseen.
CREATE OR REPLACE FUNCTION robbie_sync.takes_unseen(
    target regclass, image jsonb, node uuid, seen pg_snapshot, upto text DEFAULT NULL, depth integer DEFAULT 0
) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    reference record;
    deeper text;
    found boolean;
BEGIN
    upto := coalesce(upto, format('jsonb_populate_record(NULL::%s, $1) c0', target));
    FOR reference IN
        SELECT c.relname::text AS tbl, f.conrelid::regclass AS child,
            EXISTS (SELECT 1 FROM robbie_sync.synced_table s WHERE s.tbl = c.relname AND c.relnamespace = 'public'::regnamespace) AS synced,
            (SELECT string_agg(format('c%s.%I = c%s.%I', depth + 1, l.attname, depth, r.attname), ' AND ')
             FROM unnest(f.conkey, f.confkey) AS k(local, remote)
             JOIN pg_attribute l ON l.attrelid = f.conrelid AND l.attnum = k.local
             JOIN pg_attribute r ON r.attrelid = f.confrelid AND r.attnum = k.remote) AS points,
            (SELECT string_agg(format('%L, c%s.%I', k, depth + 1, k), ', ') FROM unnest(robbie_sync.key_columns(f.conrelid)) k) AS key
        FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid
        WHERE f.confrelid = target AND f.contype = 'f' AND f.confdeltype = 'c' AND f.conparentid = 0
    LOOP
        deeper := format('%s JOIN %s c%s ON %s', upto, reference.child, depth + 1, reference.points);
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s)', deeper) INTO found USING image;
        CONTINUE WHEN NOT found;
        IF depth >= 10 THEN
            RETURN true;
        END IF;
        IF reference.synced THEN
            EXECUTE format('SELECT EXISTS (SELECT 1 FROM %1$s CROSS JOIN LATERAL (SELECT jsonb_build_object(%2$s) AS pk) k
                WHERE EXISTS (SELECT 1 FROM robbie_sync.changelog l WHERE l.tbl = %3$L AND l.pk = k.pk
                              AND l.origin IS DISTINCT FROM $2 AND coalesce(NOT pg_visible_in_snapshot(l.xid, $3), true))
                   OR ($3 IS NULL AND NOT EXISTS (SELECT 1 FROM robbie_sync.changelog l WHERE l.tbl = %3$L AND l.pk = k.pk AND l.origin = $2)))',
                deeper, reference.key, reference.tbl)
            INTO found USING image, node, seen;
            IF found THEN
                RETURN true;
            END IF;
        END IF;
        IF robbie_sync.takes_unseen(reference.child, image, node, seen, deeper, depth + 1) THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;

-- Whether an error is about the server and not about this entry: then the whole batch is given back and tried again.
CREATE OR REPLACE FUNCTION robbie_sync.is_transient(code text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT code LIKE '08%' OR code LIKE '53%' OR code LIKE '57P0%' OR code IN ('40001', '25006', '57014')
$$;

-- What an error met while applying an entry means.
CREATE OR REPLACE FUNCTION robbie_sync.judge(
    shape robbie_sync.shape, op text, data jsonb, code text, message text, detail text,
    of_table text, of_column text, of_constraint text
) RETURNS robbie_sync.result
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    r robbie_sync.result;
    parent record;
    definition text;
BEGIN
    r.sqlstate := code;
    r.message := message;
    -- The detail of these two is the whole row: that is the payload, and it belongs into no message.
    r.detail := CASE WHEN code NOT IN ('23502', '23514') THEN nullif(detail, '') END;
    r.object := concat_ws('.', coalesce(nullif(of_table, ''), shape.tbl), coalesce(nullif(of_constraint, ''), nullif(of_column, '')));
    r.verdict := 'fault';
    r.outcome := 'failed';
    IF code IN ('55P03', '40P01') THEN
        r.outcome := 'later';
    ELSIF code = '23503' AND op <> 'DELETE' AND of_table = shape.tbl THEN
        data := (robbie_sync.with_users(shape, data)).mapped;
        parent := robbie_sync.parent_of(shape, of_constraint, robbie_sync.canonical(shape, data));
        r.verdict := 'waits_for_parent';
        r.outcome := 'blocked';
        r.blocked_on := format('parent %s %s', parent.tbl, parent.pk);
        r.message := format('%s points at a row of %s that the master does not have', shape.tbl, parent.tbl);
        r.detail := format('%s %s', parent.tbl, parent.pk);
    ELSIF code = '23505' AND of_table = shape.tbl AND EXISTS (
        SELECT 1 FROM pg_constraint c WHERE c.conrelid = to_regclass(shape.target) AND c.contype = 'p' AND c.conname = of_constraint)
    THEN
        -- Someone else inserted the row between our look and our write: the next look sees it.
        r.outcome := 'later';
    ELSIF code = '23505' AND of_table = 'applied' THEN
        -- The same entry was applied elsewhere at the same moment: the next look finds it in the ledger.
        r.outcome := 'later';
    ELSIF code = '23514' THEN
        SELECT pg_get_constraintdef(c.oid) INTO definition FROM pg_constraint c
        WHERE c.conrelid = to_regclass('public.' || quote_ident(of_table)) AND c.conname = of_constraint;
        -- A list of allowed values is part of the column's type in all but name.
        r.verdict := CASE WHEN definition LIKE '%= ANY (%ARRAY[%' THEN 'schema_mismatch' ELSE 'constraint' END;
    ELSIF code LIKE '23%' AND code <> '23502' THEN
        r.verdict := 'constraint';
    ELSIF code LIKE '22%' OR code = '23502' THEN
        r.verdict := 'schema_mismatch';
        IF coalesce(of_column, '') = '' THEN
            data := (robbie_sync.with_users(shape, data)).mapped;
            r.object := concat_ws('.', shape.tbl, robbie_sync.misfit(shape, data));
        END IF;
    ELSIF code IN ('42703', '42P01', '42804') THEN
        r.verdict := 'schema_mismatch';
        r.outcome := 'blocked';
        r.blocked_on := 'schema';
    END IF;
    RETURN r;
END $$;
