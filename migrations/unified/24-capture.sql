-- Capture on the master: which rows changed, as primary keys, written by the transaction that changed them.
-- Statement-level triggers on ordinary tables; row-level ones on partitioned tables, where a statement trigger of the
-- parent misses writes that go to a partition directly. Key only, never a row image: an image could fail on a value
-- that JSON refuses, and then the application's own write would fail. Each table has a trigger function of its own, written by
-- robbie_sync.capture: what it runs is planned once per session (put together at run time it cost five times as much).

-- Tells listeners that something changed; at most once per session and 250 ms, because NOTIFY serialises commits.
CREATE OR REPLACE FUNCTION robbie_sync.announce(channel text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gate text := 'robbie_sync.' || channel;
    last text := current_setting(gate, true);
    now_s double precision := extract(epoch FROM clock_timestamp());
BEGIN
    IF last ~ '^[0-9]+[.]?[0-9]*$' AND now_s - last::double precision BETWEEN 0 AND 0.25 THEN
        RETURN;
    END IF;
    PERFORM set_config(gate, now_s::text, false), pg_notify(channel, '');
END $$;

-- The replica whose push is under way in this transaction, if one is. Without settings of its own, so that it is inlined. After a
-- SET LOCAL has ended the setting is '' and not NULL.
CREATE OR REPLACE FUNCTION robbie_sync.origin() RETURNS uuid
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN pg_catalog.current_setting('robbie_sync.origin', true)
            OPERATOR(pg_catalog.~) '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        THEN pg_catalog.current_setting('robbie_sync.origin', true)::pg_catalog.uuid END
$$;

-- The columns of a table's primary key, in its order; none without one.
CREATE OR REPLACE FUNCTION robbie_sync.key_columns(target regclass) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(a.attname::text ORDER BY k.place), '{}')
    FROM pg_index i
    CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY k(attnum, place)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = target AND i.indisprimary
$$;

-- Writes the trigger function of a table and returns its name. Operators are named with their schema: the type of a key may
-- stand anywhere.
CREATE OR REPLACE FUNCTION robbie_sync.write_capture(target regclass, key text[], by_row boolean) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tbl text := (SELECT c.relname FROM pg_class c WHERE c.oid = target);
    name text := format('robbie_sync.%I', 'capture_' || CASE WHEN octet_length(tbl) <= 50 THEN tbl ELSE md5(tbl) END);
    pk text := (SELECT format('jsonb_build_object(%s)', string_agg(format('%L, r.%I', k, k), ', ' ORDER BY place))
        FROM unnest(key) WITH ORDINALITY u(k, place));
    same text := (
        SELECT string_agg(format('n.%I OPERATOR(%I.%s) r.%I', u.k, s.nspname, o.oprname, u.k), ' AND ' ORDER BY u.place)
        FROM unnest(key) WITH ORDINALITY u(k, place)
        JOIN pg_index i ON i.indrelid = target AND i.indisprimary
        JOIN pg_opclass c ON c.oid = i.indclass[u.place - 1]
        JOIN pg_amop m ON m.amopfamily = c.opcfamily AND m.amopstrategy = 3 AND m.amoplefttype = c.opcintype
            AND m.amoprighttype = c.opcintype
        JOIN pg_operator o ON o.oid = m.amopopr
        JOIN pg_namespace s ON s.oid = o.oprnamespace);
    note text := format('INSERT INTO robbie_sync.changelog (tbl, op, pk, origin) SELECT %L, %%s, %%s, robbie_sync.origin()', tbl);
    body text;
BEGIN
    IF same IS NULL THEN
        RAISE EXCEPTION 'table % cannot be synced: the type of its primary key cannot be compared', target
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    body := CASE WHEN by_row THEN format($body$
    IF TG_OP <> 'INSERT' AND (TG_OP = 'DELETE' OR NOT EXISTS (SELECT FROM (SELECT NEW.*) n, (SELECT OLD.*) r WHERE %s)) THEN
        %s FROM (SELECT OLD.*) r;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        %s FROM (SELECT NEW.*) r;
    END IF;$body$, same, format(note, '''D''', pk), format(note, 'left(TG_OP, 1)::"char"', pk))
    ELSE format($body$
    IF TG_OP = 'INSERT' THEN
        %s FROM new_rows r;
    ELSIF TG_OP = 'UPDATE' THEN
        -- A row whose key changed leaves its old key behind: deleted there, new here.
        %s FROM old_rows r WHERE NOT EXISTS (SELECT FROM new_rows n WHERE %s);
        %s FROM new_rows r;
    ELSE
        %s FROM old_rows r;
    END IF;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;$body$, format(note, '''I''', pk), format(note, '''D''', pk), same, format(note, '''U''', pk), format(note, '''D''', pk)) END;
    -- No nested loops: what is planned when a statement wrote one row runs again, as it was planned, when one wrote a million.
    EXECUTE format('CREATE OR REPLACE FUNCTION %s() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = ''UTC'' SET enable_nestloop = off AS %L', name, $begin$
BEGIN$begin$ || body || $end$
    PERFORM robbie_sync.announce('robbie_changes');
    RETURN NULL;
END$end$);
    RETURN name;
END $$;

-- A TRUNCATE; argument: the table's name.
CREATE OR REPLACE FUNCTION robbie_sync.note_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO robbie_sync.changelog (tbl, op, pk, origin) VALUES (TG_ARGV[0], 'T', NULL, robbie_sync.origin());
    PERFORM robbie_sync.announce('robbie_changes');
    RETURN NULL;
END $$;

-- Starts the capture of a table's changes: from then on it is synced. Safe to repeat: what is not given stays as it was, or
-- becomes policy `row`, no derived columns, and `updated_at` as stamp.
CREATE OR REPLACE FUNCTION robbie_sync.capture(
    target regclass, policy text DEFAULT NULL, derived text[] DEFAULT NULL, stamps text[] DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key text[] := robbie_sync.key_columns(target);
    relation record;
    noting text;
    leaf regclass;
BEGIN
    SELECT c.relname AS name, n.nspname AS namespace, c.relkind AS kind, c.relispartition AS partition INTO relation
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = target;
    IF relation.namespace <> 'public' OR relation.kind NOT IN ('r', 'p') OR relation.partition THEN
        RAISE EXCEPTION 'table % cannot be synced: only whole tables of the schema public can', target
            USING ERRCODE = 'wrong_object_type';
    END IF;
    IF cardinality(key) = 0 THEN
        RAISE EXCEPTION 'table % cannot be synced: it has no primary key', target
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Add a primary key.';
    END IF;
    noting := robbie_sync.write_capture(target, key, relation.kind = 'p');
    IF relation.kind = 'r' THEN
        EXECUTE format('CREATE OR REPLACE TRIGGER robbie_capture_insert AFTER INSERT ON %s
            REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION %s()', target, noting);
        EXECUTE format('CREATE OR REPLACE TRIGGER robbie_capture_update AFTER UPDATE ON %s
            REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION %s()', target, noting);
        EXECUTE format('CREATE OR REPLACE TRIGGER robbie_capture_delete AFTER DELETE ON %s
            REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION %s()', target, noting);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER robbie_capture_insert,
            ENABLE ALWAYS TRIGGER robbie_capture_update, ENABLE ALWAYS TRIGGER robbie_capture_delete', target);
    ELSE
        EXECUTE format('CREATE OR REPLACE TRIGGER robbie_capture_row AFTER INSERT OR UPDATE OR DELETE ON %s
            FOR EACH ROW EXECUTE FUNCTION %s()', target, noting);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER robbie_capture_row', target);
    END IF;
    -- TRUNCATE of a partition does not fire the parent's trigger.
    FOR leaf IN SELECT t.relid FROM pg_partition_tree(target) t UNION SELECT target LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER robbie_capture_truncate AFTER TRUNCATE ON %s
            FOR EACH STATEMENT EXECUTE FUNCTION robbie_sync.note_truncate(%L)', leaf, relation.name);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER robbie_capture_truncate', leaf);
    END LOOP;

    INSERT INTO robbie_sync.synced_table AS s (tbl, policy, derived, stamps)
    VALUES (relation.name, coalesce(capture.policy, 'row'), coalesce(capture.derived, '{}'), coalesce(capture.stamps, (
        SELECT coalesce(array_agg(a.attname::text), '{}') FROM pg_attribute a
        WHERE a.attrelid = target AND a.attname = 'updated_at' AND NOT a.attisdropped)))
    ON CONFLICT (tbl) DO UPDATE SET policy = coalesce(capture.policy, s.policy),
        derived = coalesce(capture.derived, s.derived), stamps = coalesce(capture.stamps, s.stamps);
END $$;

-- Ends it.
CREATE OR REPLACE FUNCTION robbie_sync.release(target regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    captured record;
BEGIN
    FOR captured IN
        SELECT t.tgrelid::regclass AS relation, t.tgname AS name FROM pg_trigger t
        WHERE t.tgrelid IN (SELECT p.relid FROM pg_partition_tree(target) p UNION SELECT target)
          AND t.tgname LIKE 'robbie\_capture\_%' AND t.tgparentid = 0
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', captured.name, captured.relation);
    END LOOP;
    DELETE FROM robbie_sync.synced_table s USING pg_class c WHERE c.oid = target AND s.tbl = c.relname;
END $$;

-- Which database this is: a restored, promoted or replaced one answers differently. What a managed server does not let
-- us read is left out.
CREATE OR REPLACE FUNCTION robbie_sync.incarnation(OUT system_identifier text, OUT timeline integer)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    BEGIN
        SELECT c.system_identifier::text INTO system_identifier FROM pg_control_system() c;
    EXCEPTION WHEN OTHERS THEN
        system_identifier := 'unreadable';
    END;
    system_identifier := system_identifier || '/' || (SELECT oid FROM pg_database WHERE datname = current_database());
    BEGIN
        timeline := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer;
    EXCEPTION WHEN OTHERS THEN
        BEGIN
            SELECT c.timeline_id INTO timeline FROM pg_control_checkpoint() c;
        EXCEPTION WHEN OTHERS THEN
            timeline := NULL;
        END;
    END;
END $$;

-- A user who is mapped otherwise than before: rows of the user of before and of the user of now are looked at again.
CREATE OR REPLACE FUNCTION robbie_sync.note_mapping() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO robbie_sync.changelog (tbl, op, pk, origin)
    SELECT 'robbie_sync.mapping', 'U', jsonb_build_object('uuid_id', u), robbie_sync.origin()
    FROM (SELECT OLD.uuid_id WHERE TG_OP <> 'INSERT' UNION SELECT NEW.uuid_id WHERE TG_OP <> 'DELETE') users(u) WHERE u IS NOT NULL;
    PERFORM robbie_sync.announce('robbie_changes');
    RETURN NULL;
END $$;
DO $$ BEGIN
    IF to_regclass('public.user_id_mapping') IS NOT NULL THEN
        CREATE OR REPLACE TRIGGER robbie_capture_mapping AFTER INSERT OR UPDATE OR DELETE ON public.user_id_mapping
            FOR EACH ROW EXECUTE FUNCTION robbie_sync.note_mapping();
        ALTER TABLE public.user_id_mapping ENABLE ALWAYS TRIGGER robbie_capture_mapping;
    END IF;
END $$;

-- The tables of Smart Robbie are synced wherever they are. Where this file ran before, people have chosen since: which tables
-- are synced, and how, stays; their triggers are made anew.
DO $$
DECLARE
    wanted record;
    again boolean := false;
BEGIN
    IF to_regclass('robbie_sync.migration') IS NOT NULL THEN
        SELECT EXISTS (SELECT 1 FROM robbie_sync.migration m WHERE m.schema = 'unified' AND m.name = '24-capture.sql') INTO again;
    END IF;
    IF again THEN
        PERFORM robbie_sync.capture(to_regclass('public.' || quote_ident(s.tbl))) FROM robbie_sync.synced_table s
        WHERE cardinality(robbie_sync.key_columns(to_regclass('public.' || quote_ident(s.tbl)))) > 0;
        RETURN;
    END IF;
    FOR wanted IN
        SELECT * FROM (VALUES
            ('code_conversations', 'row', ARRAY['message_count', 'last_message_at']),
            ('code_messages', 'row', '{}'),
            ('code_blocks', 'row', '{}'),
            ('learned_patterns', 'row', '{}'),
            ('robbie_personality_state', 'column', '{}')) AS t(name, policy, derived)
    LOOP
        IF to_regclass('public.' || wanted.name) IS NULL THEN
            CONTINUE;
        END IF;
        IF cardinality(robbie_sync.key_columns(to_regclass('public.' || wanted.name))) = 0 THEN
            RAISE WARNING 'table % is not synced: it has no primary key', wanted.name;
            CONTINUE;
        END IF;
        PERFORM robbie_sync.capture(to_regclass('public.' || wanted.name), wanted.policy, wanted.derived);
    END LOOP;
END $$;
