-- Smart Robbie: the lean schema of the code assistant, with the names and types that are deployed. A database that has
-- these tables keeps them and every row; what is missing is added. code_messages and code_blocks have no updated_at,
-- and get none: changes are followed by the changelog, not by timestamps.

SELECT robbie_sync.ensure_uuid_generate_v4(), robbie_sync.ensure_vector(needed => true);

CREATE TABLE IF NOT EXISTS public.code_conversations (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id         text NOT NULL,
    session_id      text NOT NULL,
    title           text,
    context_type    text DEFAULT 'code' CHECK (context_type IN ('code', 'chat', 'debug', 'refactor')),
    created_at      timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at      timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_message_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    message_count   integer DEFAULT 0,
    metadata        jsonb DEFAULT '{}'
);
SELECT robbie_sync.adopt('public.code_conversations', 'id', ARRAY[
    ['id', 'uuid', 'gen_random_uuid()'], ['user_id', 'text', NULL], ['session_id', 'text', NULL],
    ['title', 'text', NULL], ['context_type', 'text', '''code'''], ['created_at', 'timestamptz', 'CURRENT_TIMESTAMP'],
    ['updated_at', 'timestamptz', 'CURRENT_TIMESTAMP'], ['last_message_at', 'timestamptz', 'CURRENT_TIMESTAMP'],
    ['message_count', 'integer', '0'], ['metadata', 'jsonb', '''{}''']]);

CREATE TABLE IF NOT EXISTS public.code_messages (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id uuid REFERENCES public.code_conversations (id) ON DELETE CASCADE,
    role            text NOT NULL CHECK (role IN ('user', 'assistant', 'system')),
    content         text NOT NULL,
    embedding       vector(1536),
    created_at      timestamptz DEFAULT CURRENT_TIMESTAMP,
    metadata        jsonb DEFAULT '{}'
);
SELECT robbie_sync.adopt('public.code_messages', 'id', ARRAY[
    ['id', 'uuid', 'gen_random_uuid()'], ['conversation_id', 'uuid', NULL], ['role', 'text', NULL],
    ['content', 'text', NULL], ['embedding', 'vector(1536)', NULL], ['created_at', 'timestamptz', 'CURRENT_TIMESTAMP'],
    ['metadata', 'jsonb', '''{}''']]);

CREATE TABLE IF NOT EXISTS public.code_blocks (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    file_path       text NOT NULL,
    language        text NOT NULL,
    content         text NOT NULL,
    embedding       vector(1536),
    tags            text[] DEFAULT '{}',
    session_id      text NOT NULL,
    conversation_id uuid REFERENCES public.code_conversations (id) ON DELETE SET NULL,
    created_at      timestamptz DEFAULT CURRENT_TIMESTAMP,
    metadata        jsonb DEFAULT '{}'
);
SELECT robbie_sync.adopt('public.code_blocks', 'id', ARRAY[
    ['id', 'uuid', 'gen_random_uuid()'], ['file_path', 'text', NULL], ['language', 'text', NULL],
    ['content', 'text', NULL], ['embedding', 'vector(1536)', NULL], ['tags', 'text[]', '''{}'''],
    ['session_id', 'text', NULL], ['conversation_id', 'uuid', NULL], ['created_at', 'timestamptz', 'CURRENT_TIMESTAMP'],
    ['metadata', 'jsonb', '''{}''']]);

CREATE TABLE IF NOT EXISTS public.learned_patterns (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      text NOT NULL,
    pattern_type text NOT NULL
        CHECK (pattern_type IN ('api_convention', 'component_pattern', 'error_handling', 'architecture', 'testing')),
    pattern_name text NOT NULL,
    example_code text NOT NULL,
    explanation  text,
    embedding    vector(1536),
    frequency    integer DEFAULT 1,
    last_used    timestamptz DEFAULT CURRENT_TIMESTAMP,
    created_at   timestamptz DEFAULT CURRENT_TIMESTAMP,
    metadata     jsonb DEFAULT '{}'
);
SELECT robbie_sync.adopt('public.learned_patterns', 'id', ARRAY[
    ['id', 'uuid', 'gen_random_uuid()'], ['user_id', 'text', NULL], ['pattern_type', 'text', NULL],
    ['pattern_name', 'text', NULL], ['example_code', 'text', NULL], ['explanation', 'text', NULL],
    ['embedding', 'vector(1536)', NULL], ['frequency', 'integer', '1'], ['last_used', 'timestamptz', 'CURRENT_TIMESTAMP'],
    ['created_at', 'timestamptz', 'CURRENT_TIMESTAMP'], ['metadata', 'jsonb', '''{}''']]);

SELECT robbie_sync.ensure_index('idx_code_conversations_user', 'public.code_conversations', 'btree (user_id)'),
       robbie_sync.ensure_index('idx_code_conversations_session', 'public.code_conversations', 'btree (session_id)'),
       robbie_sync.ensure_index('idx_code_conversations_updated', 'public.code_conversations', 'btree (updated_at)'),
       robbie_sync.ensure_index('idx_code_messages_conversation', 'public.code_messages',
                                'btree (conversation_id, created_at)'),
       robbie_sync.ensure_index('idx_code_messages_created', 'public.code_messages', 'btree (created_at)'),
       robbie_sync.ensure_index('idx_code_blocks_conversation', 'public.code_blocks', 'btree (conversation_id)'),
       robbie_sync.ensure_index('idx_code_blocks_file', 'public.code_blocks', 'btree (file_path)'),
       robbie_sync.ensure_index('idx_code_blocks_language', 'public.code_blocks', 'btree (language)'),
       robbie_sync.ensure_index('idx_code_blocks_session', 'public.code_blocks', 'btree (session_id)'),
       robbie_sync.ensure_index('idx_code_blocks_tags', 'public.code_blocks', 'gin (tags)'),
       robbie_sync.ensure_index('idx_learned_patterns_user', 'public.learned_patterns', 'btree (user_id)'),
       robbie_sync.ensure_index('idx_learned_patterns_type', 'public.learned_patterns', 'btree (pattern_type)'),
       robbie_sync.ensure_embedding_index('idx_code_messages_embedding', 'public.code_messages'),
       robbie_sync.ensure_embedding_index('idx_code_blocks_embedding', 'public.code_blocks'),
       robbie_sync.ensure_embedding_index('idx_learned_patterns_embedding', 'public.learned_patterns'),
       robbie_sync.ensure_touch('public.code_conversations');

-- code_conversations.message_count and last_message_at are derived from code_messages: kept by these triggers, once per
-- statement however many messages it writes, and with them the parent's updated_at. They stand aside while the
-- engine writes what it pulled: on a replica the master's values come with the parent's row.
CREATE OR REPLACE FUNCTION robbie_sync.refresh_conversation_statistics(ids uuid[], deltas bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- Locked in one order first: two writers of the same conversations then wait for each other instead of deadlocking,
    -- and the statement below sees the messages of whoever was waited for.
    PERFORM 1 FROM public.code_conversations c WHERE c.id = ANY (ids) ORDER BY c.id FOR NO KEY UPDATE;
    UPDATE public.code_conversations c
       SET message_count = greatest(coalesce(c.message_count, 0) + d.delta, 0),
           last_message_at = coalesce(
               (SELECT max(m.created_at) FROM public.code_messages m WHERE m.conversation_id = c.id), c.created_at)
      FROM unnest(ids, deltas) AS d(id, delta)
     WHERE c.id = d.id;
END $$;

CREATE OR REPLACE FUNCTION robbie_sync.code_message_statistics() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids    uuid[];
    deltas bigint[];
BEGIN
    IF coalesce(current_setting('robbie_sync.apply', true), '') = 'on' THEN
        RETURN NULL; -- the engine writes what it pulled, the parent's values among it
    END IF;
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(n.id), array_agg(n.delta) INTO ids, deltas
          FROM (SELECT w.conversation_id AS id, count(*) AS delta FROM written w
                 WHERE w.conversation_id IS NOT NULL GROUP BY w.conversation_id) n;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(n.id), array_agg(n.delta) INTO ids, deltas
          FROM (SELECT g.conversation_id AS id, -count(*) AS delta FROM gone g
                 WHERE g.conversation_id IS NOT NULL GROUP BY g.conversation_id) n;
    ELSIF TG_OP = 'UPDATE' THEN
        -- Only conversations that gained or lost messages, or whose last one moved in time.
        SELECT array_agg(n.id), array_agg(n.delta) INTO ids, deltas
          FROM (SELECT m.id, sum(m.one) AS delta
                  FROM (SELECT w.conversation_id AS id, 1 AS one, w.created_at AS after, NULL::timestamptz AS before
                          FROM written w
                        UNION ALL
                        SELECT g.conversation_id, -1, NULL, g.created_at FROM gone g) m
                 WHERE m.id IS NOT NULL GROUP BY m.id
                HAVING sum(m.one) <> 0 OR max(m.after) IS DISTINCT FROM max(m.before)) n;
    ELSE
        UPDATE public.code_conversations c SET message_count = 0, last_message_at = c.created_at
         WHERE c.message_count <> 0;
    END IF;
    IF ids IS NOT NULL THEN
        PERFORM robbie_sync.refresh_conversation_statistics(ids, deltas);
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE
    old name;
BEGIN
    -- The deployed row trigger adds 1 per inserted message, pulled ones too: beside ours it would count twice.
    FOR old IN
        SELECT t.tgname FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
         WHERE t.tgrelid = 'public.code_messages'::regclass AND NOT t.tgisinternal AND p.prosrc ILIKE '%message_count%'
           AND t.tgfoid <> 'robbie_sync.code_message_statistics'::regproc
    LOOP
        EXECUTE format('DROP TRIGGER %I ON public.code_messages', old);
        PERFORM robbie_sync.remark(format('replaced the message_count trigger %s of code_messages', old));
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = 'public.code_messages'::regclass
                      AND t.tgfoid = 'robbie_sync.code_message_statistics'::regproc) THEN
        CREATE TRIGGER robbie_statistics_insert AFTER INSERT ON public.code_messages
            REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION robbie_sync.code_message_statistics();
        CREATE TRIGGER robbie_statistics_update AFTER UPDATE ON public.code_messages
            REFERENCING OLD TABLE AS gone NEW TABLE AS written
            FOR EACH STATEMENT EXECUTE FUNCTION robbie_sync.code_message_statistics();
        CREATE TRIGGER robbie_statistics_delete AFTER DELETE ON public.code_messages
            REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION robbie_sync.code_message_statistics();
        CREATE TRIGGER robbie_statistics_truncate AFTER TRUNCATE ON public.code_messages
            FOR EACH STATEMENT EXECUTE FUNCTION robbie_sync.code_message_statistics();
    END IF;
END $$;

-- The state of Robbie's personality. A table in the full form (attraction, gandhi_genghis, …) is left as it is.
CREATE TABLE IF NOT EXISTS public.robbie_personality_state (
    id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id              text NOT NULL UNIQUE,
    current_mood         text DEFAULT 'friendly'
        CHECK (current_mood IN ('friendly', 'focused', 'playful', 'bossy', 'surprised', 'blushing')),
    gandhi_genghis_level integer DEFAULT 5 CHECK (gandhi_genghis_level BETWEEN 1 AND 10),
    attraction_level     integer DEFAULT 5 CHECK (attraction_level BETWEEN 1 AND 11),
    context              jsonb DEFAULT '{}',
    updated_at           timestamptz DEFAULT CURRENT_TIMESTAMP
);
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = 'public.robbie_personality_state'::regclass AND a.attname = 'gandhi_genghis'
                  AND NOT a.attisdropped) THEN
        PERFORM robbie_sync.remark('robbie_personality_state is in its full form and stays so');
    ELSE
        PERFORM robbie_sync.adopt('public.robbie_personality_state', 'id', ARRAY[
            ['id', 'uuid', 'gen_random_uuid()'], ['user_id', 'text', NULL], ['current_mood', 'text', '''friendly'''],
            ['gandhi_genghis_level', 'integer', '5'], ['attraction_level', 'integer', '5'], ['context', 'jsonb', '''{}'''],
            ['updated_at', 'timestamptz', 'CURRENT_TIMESTAMP']]);
    END IF;
    PERFORM robbie_sync.ensure_touch('public.robbie_personality_state');
END $$;

-- The queue. The deployed table has nine columns or eleven (priority, node_id), with or without the check: as found.
CREATE TABLE IF NOT EXISTS public.pending_sync (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    table_name  varchar(255) NOT NULL,
    operation   varchar(50) NOT NULL CHECK (operation IN ('INSERT', 'UPDATE', 'DELETE', 'UPSERT')),
    data        jsonb NOT NULL,
    created_at  timestamptz DEFAULT CURRENT_TIMESTAMP,
    synced_at   timestamptz,
    error       text,
    retry_count integer DEFAULT 0,
    last_retry  timestamptz
);
SELECT robbie_sync.adopt('public.pending_sync', 'id', ARRAY[
    ['id', 'uuid', 'gen_random_uuid()'], ['table_name', 'varchar(255)', NULL], ['operation', 'varchar(50)', NULL],
    ['data', 'jsonb', NULL], ['created_at', 'timestamptz', 'CURRENT_TIMESTAMP'], ['synced_at', 'timestamptz', NULL],
    ['error', 'text', NULL], ['retry_count', 'integer', '0'], ['last_retry', 'timestamptz', NULL]]);
SELECT robbie_sync.ensure_index('idx_pending_sync_unsynced', 'public.pending_sync',
                                'btree (created_at) WHERE (synced_at IS NULL)'),
       robbie_sync.ensure_index('idx_pending_sync_table', 'public.pending_sync', 'btree (table_name)');

DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_index x
                WHERE x.indrelid = 'public.pending_sync'::regclass
                  AND split_part(pg_catalog.pg_get_indexdef(x.indexrelid), ' USING ', 2) LIKE 'btree (error%') THEN
        PERFORM robbie_sync.remark('pending_sync.error has a btree index: an error text over 2,700 bytes cannot be stored');
    END IF;
    -- The view of this name is read by deployed programs; in one deployed file it is a table. Either stays.
    IF to_regclass('public.sync_status') IS NULL THEN
        CREATE VIEW public.sync_status AS
            SELECT p.table_name,
                   count(*) FILTER (WHERE p.synced_at IS NULL AND p.error IS NULL) AS pending,
                   count(*) FILTER (WHERE p.synced_at IS NULL AND p.error IS NOT NULL) AS failed,
                   count(*) FILTER (WHERE p.synced_at IS NOT NULL) AS synced,
                   max(p.created_at) AS last_write,
                   max(p.synced_at) AS last_sync
              FROM public.pending_sync p
             GROUP BY p.table_name;
    END IF;
END $$;
