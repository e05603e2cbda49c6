-- Full-text search over conversations: how a text is taken apart, and an index of it for each table that has such texts.
-- Without this the search gives the same answers, by looking through everything.

-- Punctuation of code separates words, so that `self.user_id` is three words beside each other; `parseHTTPRequest` counts whole and
-- in its parts. The first 100 000 characters count: a longer text must never make a write fail at the limit of a tsvector.
-- Everything it calls is PostgreSQL's own and named with its schema: whoever writes a row needs no right on ours.
CREATE OR REPLACE FUNCTION robbie_sync.search_vector(t text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.to_tsvector('pg_catalog.english'::pg_catalog.regconfig, p.plain
        || CASE WHEN p.plain OPERATOR(pg_catalog.~) '[a-z0-9][A-Z]' THEN ' ' || pg_catalog.regexp_replace(
               pg_catalog.regexp_replace(p.plain, '([a-z0-9])([A-Z])', '\1 \2', 'g'), '([A-Z])([A-Z][a-z])', '\1 \2', 'g') ELSE '' END)
      FROM (SELECT pg_catalog.translate(pg_catalog."left"(t, 100000), '_./\:-@#+=<>(){}[],;''"', pg_catalog.repeat(' ', 32)) AS plain) p
$$;

DO $$
DECLARE
    s       record;
    tbl     regclass;
    lacking text;
    rows    real;
BEGIN
    FOR s IN
        SELECT * FROM (VALUES
            ('robbie_search_title', 'code_conversations', ARRAY['title'],
             'COALESCE(title, '''')'),
            ('robbie_search_message', 'code_messages', ARRAY['content'],
             'COALESCE(content, '''')'),
            ('robbie_search_block', 'code_blocks', ARRAY['file_path', 'content'],
             'COALESCE(file_path, '''') || '' '' || COALESCE(content, '''')'),
            ('robbie_search_pattern', 'learned_patterns', ARRAY['pattern_name', 'explanation', 'example_code'],
             'COALESCE(pattern_name, '''') || '' '' || COALESCE(explanation, '''') || '' '' || COALESCE(example_code, '''')')
        ) AS v(name, tbl, columns, text)
    LOOP
        tbl := to_regclass('public.' || quote_ident(s.tbl));
        CONTINUE WHEN tbl IS NULL OR to_regclass('public.' || quote_ident(s.name)) IS NOT NULL;
        SELECT string_agg(c, ', ') INTO lacking FROM unnest(s.columns) c
         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
                            WHERE a.attrelid = tbl AND a.attname = c AND NOT a.attisdropped AND y.typcategory = 'S');
        SELECT reltuples INTO rows FROM pg_catalog.pg_class WHERE oid = tbl;
        IF lacking IS NOT NULL THEN
            PERFORM robbie_sync.remark(format('%s is searched without an index: it lacks %s', s.tbl, lacking));
        ELSIF rows > 50000 THEN
            -- Building it would hold up whoever writes there for longer than a migration may.
            PERFORM robbie_sync.remark(format('%s has too many rows to index in passing; when it suits you: '
                || 'CREATE INDEX CONCURRENTLY %I ON %s USING gin (robbie_sync.search_vector((%s)))', s.tbl, s.name, tbl, s.text));
        ELSE
            EXECUTE format('CREATE INDEX %I ON %s USING gin (robbie_sync.search_vector((%s)))', s.name, tbl, s.text);
        END IF;
    END LOOP;
END $$;
