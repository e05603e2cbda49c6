-- What the later files use to take over tables that a database already has. Nothing outside robbie_sync is touched.
-- The same file stands in both schemas' folders.

DO $$ BEGIN
    IF to_regnamespace('robbie_sync') IS NULL THEN
        CREATE SCHEMA robbie_sync;
    END IF;
END $$;

-- Adds a sentence to the note that the runner stores with the running migration.
CREATE OR REPLACE FUNCTION robbie_sync.remark(sentence text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('robbie_sync.note',
                       concat_ws('; ', nullif(current_setting('robbie_sync.note', true), ''), sentence), true);
END $$;

-- Brings a table that may have been there before to the columns it needs. Each column is {name, type, default}; a type
-- may list alternatives, 'uuid|text', the first being the one that is added. A missing column is added (never NOT NULL:
-- rows may be there); one of another sort (uuid against integer, text against uuid, another vector size) is an error
-- that names every clash. text and varchar, the integers, and the timestamps pass for each other. `key` is the column
-- of the primary key; NULL takes whatever key there is.
CREATE OR REPLACE FUNCTION robbie_sync.adopt(tbl regclass, key text, columns text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    col      text;
    wanted   text;
    fallback text;
    has      record;
    clashes  text[] := '{}';
    pk       text[];
BEGIN
    IF (SELECT c.relkind NOT IN ('r', 'p') FROM pg_catalog.pg_class c WHERE c.oid = tbl) THEN
        RAISE EXCEPTION '% is not a table', tbl USING ERRCODE = 'wrong_object_type',
            HINT = format('Rename %s, then migrate again; nothing was changed.', tbl);
    END IF;
    FOR i IN 1 .. array_length(columns, 1) LOOP
        col := columns[i][1];
        wanted := columns[i][2];
        fallback := columns[i][3];
        SELECT a.atttypid, t.typcategory, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type INTO has
          FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
         WHERE a.attrelid = tbl AND a.attname = col AND NOT a.attisdropped;
        IF NOT FOUND THEN
            EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s%s', tbl, col, split_part(wanted, '|', 1),
                           coalesce(' DEFAULT ' || fallback, ''));
            PERFORM robbie_sync.remark(format('added %s.%s', tbl, col));
        ELSIF NOT EXISTS (
            SELECT FROM unnest(string_to_array(wanted, '|')) AS w(type)
              JOIN pg_catalog.pg_type t ON t.oid = to_regtype(w.type)
             WHERE CASE WHEN t.typname = 'vector' THEN has.type IN (w.type, 'vector')
                        ELSE t.oid = has.atttypid OR (t.typcategory = has.typcategory AND t.typcategory IN ('S', 'N', 'D'))
                   END) THEN
            clashes := clashes || format('%s.%s is %s, not %s', tbl, col, has.type, replace(wanted, '|', ' or '));
        END IF;
    END LOOP;
    IF clashes <> '{}' THEN
        RAISE EXCEPTION '%', array_to_string(clashes, '; ') USING ERRCODE = 'datatype_mismatch', TABLE = tbl::text,
            HINT = 'Convert or rename what clashes, then migrate again; nothing of this file was applied.';
    END IF;

    IF key IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(a.attname::text ORDER BY array_position(k.conkey, a.attnum)) INTO pk
      FROM pg_catalog.pg_constraint k
      JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
     WHERE k.conrelid = tbl AND k.contype = 'p';
    IF pk IS NULL THEN
        BEGIN
            EXECUTE format('ALTER TABLE %s ADD PRIMARY KEY (%I)', tbl, key);
        EXCEPTION WHEN unique_violation OR not_null_violation THEN
            RAISE EXCEPTION '% has no primary key, and % is not unique there', tbl, key USING ERRCODE = SQLSTATE,
                HINT = format('Find them: SELECT %I, count(*) FROM %s GROUP BY 1 HAVING count(*) > 1 OR %1$I IS NULL', key, tbl);
        END;
        PERFORM robbie_sync.remark(format('gave %s its primary key (%s)', tbl, key));
    ELSIF pk <> ARRAY[key] THEN
        RAISE EXCEPTION 'the primary key of % is (%), not (%)', tbl, array_to_string(pk, ', '), key
            USING ERRCODE = 'datatype_mismatch', HINT = 'Rename the table or change its key, then migrate again.';
    END IF;
END $$;

-- Makes an index unless the table has one of the same definition under any name. `definition` is what PostgreSQL
-- prints after USING, with `USING`'s method: 'btree (conversation_id, created_at)'.
CREATE OR REPLACE FUNCTION robbie_sync.ensure_index(name text, tbl regclass, definition text, is_unique boolean DEFAULT false)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_index x
                WHERE x.indrelid = tbl AND x.indisvalid AND (x.indisunique OR NOT is_unique)
                  AND split_part(pg_catalog.pg_get_indexdef(x.indexrelid), ' USING ', 2) = definition) THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE %s INDEX IF NOT EXISTS %I ON %s USING %s', CASE WHEN is_unique THEN 'UNIQUE' ELSE '' END,
                   name, tbl, definition);
END $$;

-- Makes an approximate index for cosine distance unless the embeddings have one of any kind. It is trained on the rows
-- that are there: REINDEX it once a table that was empty has filled.
CREATE OR REPLACE FUNCTION robbie_sync.ensure_embedding_index(name text, tbl regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_index x
                     JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
                     JOIN pg_catalog.pg_am m ON m.oid = i.relam
                    WHERE x.indrelid = tbl AND m.amname IN ('ivfflat', 'hnsw')) THEN
        EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %s USING ivfflat (embedding vector_cosine_ops) WITH (lists = 100)',
                       name, tbl);
    END IF;
END $$;

-- Deployed defaults and applications call uuid_generate_v4(); without uuid-ossp this stands in for it.
CREATE OR REPLACE FUNCTION robbie_sync.ensure_uuid_generate_v4() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF to_regprocedure('public.uuid_generate_v4()') IS NULL
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname = 'uuid-ossp') THEN
        CREATE FUNCTION public.uuid_generate_v4() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
            AS 'SELECT pg_catalog.gen_random_uuid()';
        COMMENT ON FUNCTION public.uuid_generate_v4() IS
            'Stands in for uuid-ossp. DROP it before CREATE EXTENSION "uuid-ossp" in this schema.';
    END IF;
END $$;

-- Makes the extension vector (pgvector) if it can be made; says what to do where it is needed and cannot.
CREATE OR REPLACE FUNCTION robbie_sync.ensure_vector(needed boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    version text := current_setting('server_version_num')::int / 10000;
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname = 'vector') THEN
        RETURN;
    ELSIF NOT EXISTS (SELECT FROM pg_catalog.pg_available_extensions e WHERE e.name = 'vector') THEN
        IF needed THEN
            RAISE EXCEPTION 'this server has no pgvector, and the embeddings need it' USING ERRCODE = 'undefined_object',
                HINT = format('Install it on the server (Debian: apt install postgresql-%s-pgvector), then migrate again.',
                              version);
        END IF;
        PERFORM robbie_sync.remark('this server has no pgvector');
        RETURN;
    END IF;
    CREATE EXTENSION vector;
EXCEPTION WHEN insufficient_privilege THEN
    IF needed THEN
        RAISE EXCEPTION 'the extension vector is not in database %, and % may not create it', current_database(), current_user
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'As a superuser, in this database: CREATE EXTENSION vector; then migrate again.';
    END IF;
    PERFORM robbie_sync.remark(format('%s may not create the extension vector', current_user));
END $$;

-- Sets updated_at, except where the engine writes a row as the other side has it (robbie_sync.apply is 'on').
CREATE OR REPLACE FUNCTION robbie_sync.touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('robbie_sync.apply', true), '') <> 'on' THEN
        NEW.updated_at := CURRENT_TIMESTAMP;
    END IF;
    RETURN NEW;
END $$;

-- Gives a table that trigger. A deployed one that does nothing but set updated_at is replaced, for it would also change
-- rows that the engine has just pulled; one that does more stays, and ours comes beside it.
CREATE OR REPLACE FUNCTION robbie_sync.ensure_touch(tbl regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    old name;
BEGIN
    FOR old IN
        SELECT t.tgname FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
         WHERE t.tgrelid = tbl AND NOT t.tgisinternal AND t.tgtype & 1 = 1 AND t.tgtype & 2 = 2
           AND t.tgfoid <> 'robbie_sync.touch_updated_at'::regproc
           AND p.prosrc ~* ('^\s*begin\s+new\.updated_at\s*:?=\s*(now\(\)|current_timestamp|clock_timestamp\(\))\s*;'
                            || '\s*return\s+new\s*;\s*end\s*;?\s*$')
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', old, tbl);
        PERFORM robbie_sync.remark(format('replaced the timestamp trigger %s of %s', old, tbl));
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t
                    WHERE t.tgrelid = tbl AND t.tgfoid = 'robbie_sync.touch_updated_at'::regproc) THEN
        EXECUTE format('CREATE TRIGGER robbie_touch_updated_at BEFORE UPDATE ON %s FOR EACH ROW '
                       || 'EXECUTE FUNCTION robbie_sync.touch_updated_at()', tbl);
    END IF;
END $$;
