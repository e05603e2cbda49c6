-- How a text is taken apart for the search: as 34-search.sql has it, word for word, for less.

-- Punctuation of code separates words, so that `self.user_id` is three words beside each other; `parseHTTPRequest` counts whole and
-- in its parts. The first 100 000 characters count: a longer text must never make a write fail at the limit of a tsvector.
-- Everything it calls is PostgreSQL's own and named with its schema: whoever writes a row needs no right on ours.
-- It runs whenever a message is written. One expression, so that the server puts it in place of the call; and not translate(),
-- which takes twenty times as long as regexp_replace() to replace as many characters.
CREATE OR REPLACE FUNCTION robbie_sync.search_vector(t text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.to_tsvector('pg_catalog.english'::pg_catalog.regconfig,
        pg_catalog.regexp_replace(pg_catalog."left"(t, 100000), '[-_./\\:@#+=<>(){}\[\],;''"]', ' ', 'g')
        || CASE WHEN pg_catalog."left"(t, 100000) OPERATOR(pg_catalog.~) '[a-z0-9][A-Z]' THEN ' '
               || pg_catalog.regexp_replace(pg_catalog.regexp_replace(
                      pg_catalog.regexp_replace(pg_catalog."left"(t, 100000), '[-_./\\:@#+=<>(){}\[\],;''"]', ' ', 'g'),
                      '([a-z0-9])([A-Z])', '\1 \2', 'g'), '([A-Z])([A-Z][a-z])', '\1 \2', 'g')
           ELSE '' END)
$$;
