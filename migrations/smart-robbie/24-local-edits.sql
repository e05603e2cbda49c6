-- Capture on the replica: an entry of robbie_sync.entry for every row of pending_sync (whatever its deployed shape), and the
-- base image of every row that is edited here. Nothing in here may make an application's write fail: what goes wrong is
-- swallowed, and the engine makes up for it (it looks for entries without a note, and without a base image it asks the
-- master's changelog).

-- Tells the engine that something is queued; at most once per session and 250 ms.
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

-- The columns of a table's primary key, in its order; none without one.
CREATE OR REPLACE FUNCTION robbie_sync.key_columns(target regclass) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(a.attname::text ORDER BY k.place), '{}')
    FROM pg_index i
    CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY k(attnum, place)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = target AND i.indisprimary
$$;

-- The key of a payload, as the table's types write it; NULL where it lacks one or it is longer than an index can hold.
CREATE OR REPLACE FUNCTION robbie_sync.key_of(tbl text, data jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    target regclass := to_regclass('public.' || quote_ident(tbl));
    key text[] := robbie_sync.key_columns(target);
    raw jsonb;
    typed jsonb;
BEGIN
    IF target IS NULL OR key = '{}' OR jsonb_typeof(data) IS DISTINCT FROM 'object' THEN
        RETURN NULL;
    END IF;
    SELECT jsonb_object_agg(k, data -> k) INTO raw FROM unnest(key) k WHERE coalesce(data -> k, 'null') <> 'null';
    IF raw IS NULL OR NOT raw ?& key THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT to_jsonb(r.*) FROM jsonb_populate_record(NULL::%s, $1) r', target) INTO typed USING raw;
    -- A key too long for an index would stop every look at the queue: such an entry goes without one.
    RETURN (SELECT image FROM (SELECT jsonb_object_agg(k, typed -> k) FROM unnest(key) k) whole(image)
            WHERE octet_length(image::text) <= 1500);
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;

-- Notes one entry of pending_sync. Its base is the row's last synced image, with the earlier unsent entries of the row on top.
-- What had been seen of the master is known unless the note is late or a change of the master's row was put off.
CREATE OR REPLACE FUNCTION robbie_sync.note_entry(
    id uuid, table_name text, operation text, data jsonb, queued_at timestamptz, synced boolean, late boolean
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_table text := regexp_replace(note_entry.table_name, '^public\.', '');
    row_key jsonb := robbie_sync.key_of(of_table, data);
    base_image jsonb;
    earlier record;
BEGIN
    IF row_key IS NOT NULL AND NOT synced THEN
        SELECT e.base, e.op, p.data INTO earlier
        FROM robbie_sync.entry e JOIN public.pending_sync p ON p.id = e.entry_id
        WHERE e.tbl = of_table AND e.pk = row_key AND e.state NOT IN ('applied', 'superseded', 'conflict_resolved')
        ORDER BY e.seq DESC LIMIT 1;
        IF NOT FOUND THEN
            SELECT b.image INTO base_image FROM robbie_sync.base b WHERE b.tbl = of_table AND b.pk = row_key;
        ELSIF earlier.op <> 'DELETE' AND jsonb_typeof(earlier.data) = 'object' THEN
            base_image := coalesce(earlier.base, '{}') || earlier.data;
        END IF;
    END IF;
    INSERT INTO robbie_sync.entry (entry_id, tbl, op, pk, base, state, queued_at, seen)
    VALUES (note_entry.id, of_table, upper(operation), row_key, base_image,
        CASE WHEN synced THEN 'applied' ELSE 'ready' END, coalesce(note_entry.queued_at, clock_timestamp()),
        (SELECT concat_ws(' ', c.system_identifier, coalesce(c.timeline::text, '-'), c.snapshot) FROM robbie_sync.cursor c
         WHERE c.state = 'following' AND NOT late
           AND NOT EXISTS (SELECT 1 FROM robbie_sync.deferred d WHERE d.tbl = of_table AND d.pk = row_key)))
    ON CONFLICT (entry_id) DO NOTHING;
END $$;

-- Notes what the triggers could not: rows that were there before, or came or went while triggers were off. In order of time.
-- Settled rows only when asked for: there may be a million of them.
CREATE OR REPLACE FUNCTION robbie_sync.note_missed(settled_too boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    strangers uuid[];
    astray uuid[];
    missed record;
    noted bigint := 0;
BEGIN
    -- One pass over both, by a join that no statistics can make a nested loop.
    SELECT array_agg(p.id) FILTER (WHERE e.entry_id IS NULL), array_agg(e.entry_id) FILTER (WHERE p.id IS NULL) INTO strangers, astray
    FROM (SELECT p.id FROM public.pending_sync p WHERE p.synced_at IS NULL OR settled_too) p
    FULL JOIN (SELECT e.entry_id FROM robbie_sync.entry e
        WHERE e.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined') OR settled_too) e ON e.entry_id = p.id
    WHERE p.id IS NULL OR e.entry_id IS NULL;
    FOR missed IN
        SELECT p.id, p.table_name, p.operation, p.data, p.created_at, p.synced_at IS NOT NULL AS synced
        FROM public.pending_sync p
        WHERE p.id = ANY (strangers) AND NOT EXISTS (SELECT 1 FROM robbie_sync.entry e WHERE e.entry_id = p.id)
        ORDER BY p.created_at, p.id
    LOOP
        PERFORM robbie_sync.note_entry(missed.id, missed.table_name, missed.operation, missed.data, missed.created_at, missed.synced, true);
        noted := noted + 1;
    END LOOP;
    DELETE FROM robbie_sync.entry e
    WHERE e.entry_id = ANY (astray) AND e.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined')
      AND NOT EXISTS (SELECT 1 FROM public.pending_sync p WHERE p.id = e.entry_id);
    -- Settled by another worker while the triggers were off.
    UPDATE robbie_sync.entry e SET state = 'applied', blocked_on = NULL, blocked_by = NULL
    FROM public.pending_sync p
    WHERE e.entry_id = ANY (astray) AND e.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined')
      AND p.id = e.entry_id AND p.synced_at IS NOT NULL;
    RETURN noted;
END $$;

-- The statement that notes all of new_rows at once, as note_entry notes one: for many entries of one table and of as many rows,
-- none of which has an earlier unsettled entry. Otherwise it notes nothing.
CREATE OR REPLACE FUNCTION robbie_sync.note_many(table_name text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_table text := regexp_replace(note_many.table_name, '^public\.', '');
    target regclass := to_regclass('public.' || quote_ident(of_table));
    key text[] := robbie_sync.key_columns(target);
    raw text := (SELECT string_agg(format('%1$L, n.data -> %1$L', k), ', ') FROM unnest(key) k);
    typed text := (SELECT string_agg(format('%1$L, to_jsonb(r.%1$I)', k), ', ') FROM unnest(key) k);
    given text := (SELECT string_agg(format('n.data ->> %L IS NOT NULL', k), ' AND ') FROM unnest(key) k);
BEGIN
    IF target IS NULL OR key = '{}' THEN
        RETURN NULL;
    END IF;
    RETURN format($statement$
        WITH keyed AS MATERIALIZED (
            SELECT row_number() OVER () AS place, n.id, upper(n.operation) AS op, n.created_at, k.pk
            FROM new_rows n
            LEFT JOIN LATERAL (
                SELECT jsonb_build_object(%2$s) AS pk FROM jsonb_populate_record(NULL::%3$s, jsonb_build_object(%1$s)) r
                WHERE jsonb_typeof(n.data) = 'object' AND %4$s) k ON octet_length(k.pk::text) <= 1500
        ), trouble AS (
            SELECT 1 FROM keyed k WHERE k.pk IS NOT NULL GROUP BY k.pk HAVING count(*) > 1
            UNION ALL
            SELECT 1 FROM keyed k JOIN robbie_sync.entry e ON e.tbl = %5$L AND e.pk = k.pk
            WHERE e.state NOT IN ('applied', 'superseded', 'conflict_resolved')
        )
        INSERT INTO robbie_sync.entry (entry_id, tbl, op, pk, base, queued_at, seen)
        SELECT k.id, %5$L, k.op, k.pk, b.image, coalesce(k.created_at, clock_timestamp()),
            CASE WHEN NOT EXISTS (SELECT 1 FROM robbie_sync.deferred d WHERE d.tbl = %5$L AND d.pk = k.pk) THEN (
                SELECT concat_ws(' ', c.system_identifier, coalesce(c.timeline::text, '-'), c.snapshot) FROM robbie_sync.cursor c
                WHERE c.state = 'following') END
        FROM keyed k LEFT JOIN robbie_sync.base b ON b.tbl = %5$L AND b.pk = k.pk
        WHERE NOT EXISTS (SELECT 1 FROM trouble)
        ORDER BY k.place
        ON CONFLICT (entry_id) DO NOTHING$statement$, raw, typed, target, given, of_table);
END $$;

CREATE OR REPLACE FUNCTION robbie_sync.queued() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    added record;
    statement text;
    noted bigint := 0;
BEGIN
    BEGIN
        IF (SELECT count(*) FROM (SELECT 1 FROM new_rows LIMIT 9) few) > 8 THEN
            BEGIN
                SELECT robbie_sync.note_many(min(n.table_name::text)) INTO statement FROM new_rows n
                HAVING min(n.table_name::text) = max(n.table_name::text) AND bool_and(n.synced_at IS NULL);
                IF statement IS NOT NULL THEN
                    EXECUTE statement;
                    GET DIAGNOSTICS noted = ROW_COUNT;
                END IF;
            EXCEPTION WHEN data_exception THEN
                -- A key that is no value of its type: found one by one.
                noted := 0;
            END;
        END IF;
        IF noted = 0 THEN
            FOR added IN SELECT * FROM new_rows LOOP
                PERFORM robbie_sync.note_entry(added.id, added.table_name::text, added.operation::text, added.data, added.created_at,
                    added.synced_at IS NOT NULL, false);
            END LOOP;
        END IF;
        PERFORM robbie_sync.announce('robbie_queue');
    EXCEPTION WHEN OTHERS THEN
        RAISE LOG 'robbie_sync: an entry was not noted: % (%)', SQLERRM, SQLSTATE;
    END;
    RETURN NULL;
END $$;

-- Another worker settled an entry, somebody took that back, or the payload was edited.
CREATE OR REPLACE FUNCTION robbie_sync.requeued() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    BEGIN
        IF NEW.synced_at IS NOT NULL THEN
            UPDATE robbie_sync.entry e SET state = 'applied', blocked_on = NULL, blocked_by = NULL
            WHERE e.entry_id = NEW.id AND e.state NOT IN ('applied', 'superseded', 'conflict_resolved');
        ELSE
            UPDATE robbie_sync.entry e
            SET state = 'ready', next_attempt_at = clock_timestamp(), blocked_on = NULL, blocked_by = NULL,
                tbl = regexp_replace(NEW.table_name, '^public\.', ''), op = upper(NEW.operation),
                pk = coalesce(robbie_sync.key_of(regexp_replace(NEW.table_name, '^public\.', ''), NEW.data), e.pk)
            WHERE e.entry_id = NEW.id;
            PERFORM robbie_sync.announce('robbie_queue');
        END IF;
        UPDATE robbie_sync.entry e SET state = 'ready', next_attempt_at = clock_timestamp(), blocked_by = NULL, blocked_on = NULL
        WHERE e.blocked_by = NEW.id AND e.state = 'blocked';
    EXCEPTION WHEN OTHERS THEN
        RAISE LOG 'robbie_sync: a change of an entry was not noted: % (%)', SQLERRM, SQLSTATE;
    END;
    RETURN NULL;
END $$;

-- An entry went: what waited for it need not. Where it was discarded into the archive, its edit is given up with it and the
-- master's row is taken again; an entry that somebody just deleted leaves its row marked as edited.
CREATE OR REPLACE FUNCTION robbie_sync.dequeued() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    BEGIN
        WITH discarded AS (
            SELECT e.tbl, e.pk, e.seq, e.xid FROM robbie_sync.entry e
            JOIN old_rows o ON o.id = e.entry_id JOIN robbie_sync.archive a ON a.entry_id = o.id
            WHERE e.pk IS NOT NULL AND e.state NOT IN ('applied', 'superseded', 'conflict_resolved')
        ), forgotten AS (
            DELETE FROM robbie_sync.base b USING discarded d
            WHERE b.tbl = d.tbl AND b.pk = d.pk AND (b.edit_seq < d.seq OR b.xid = d.xid) AND NOT EXISTS (
                SELECT 1 FROM robbie_sync.entry e WHERE e.tbl = d.tbl AND e.pk = d.pk AND e.entry_id NOT IN (SELECT id FROM old_rows)
                AND e.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined'))
        )
        INSERT INTO robbie_sync.deferred (tbl, pk, reason, snapshot)
        SELECT DISTINCT ON (d.tbl, d.pk) d.tbl, d.pk, 'settled', coalesce((SELECT c.snapshot FROM robbie_sync.cursor c), pg_current_snapshot()) FROM discarded d
        ON CONFLICT (tbl, pk) DO NOTHING;
        -- Likewise what went here with a row whose delete was discarded.
        PERFORM robbie_sync.bring_back(e.tbl, e.pk, coalesce((SELECT c.snapshot FROM robbie_sync.cursor c), pg_current_snapshot()))
        FROM robbie_sync.entry e JOIN old_rows o ON o.id = e.entry_id JOIN robbie_sync.archive a ON a.entry_id = o.id
        WHERE e.op = 'DELETE' AND e.pk IS NOT NULL AND e.state NOT IN ('applied', 'superseded', 'conflict_resolved');
        DELETE FROM robbie_sync.entry e USING old_rows o WHERE e.entry_id = o.id;
        UPDATE robbie_sync.entry e SET state = 'ready', next_attempt_at = clock_timestamp(), blocked_by = NULL, blocked_on = NULL
        FROM old_rows o WHERE e.blocked_by = o.id AND e.state = 'blocked';
    EXCEPTION WHEN OTHERS THEN
        RAISE LOG 'robbie_sync: the end of an entry was not noted: % (%)', SQLERRM, SQLSTATE;
    END;
    RETURN NULL;
END $$;

CREATE INDEX IF NOT EXISTS entry_blocked_by ON robbie_sync.entry (blocked_by) WHERE blocked_by IS NOT NULL;

CREATE OR REPLACE TRIGGER robbie_queued AFTER INSERT ON public.pending_sync
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION robbie_sync.queued();
CREATE OR REPLACE TRIGGER robbie_dequeued AFTER DELETE ON public.pending_sync
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION robbie_sync.dequeued();
CREATE OR REPLACE TRIGGER robbie_requeued AFTER UPDATE OF synced_at, data, table_name, operation ON public.pending_sync
    FOR EACH ROW WHEN (coalesce(current_setting('robbie_sync.apply', true), '') <> 'on' AND (
        (OLD.synced_at IS NULL) <> (NEW.synced_at IS NULL) OR OLD.data IS DISTINCT FROM NEW.data
        OR OLD.table_name IS DISTINCT FROM NEW.table_name OR OLD.operation IS DISTINCT FROM NEW.operation))
    EXECUTE FUNCTION robbie_sync.requeued();

-- Local edits of synced rows. Arguments: table, number of key columns, key columns, columns that do not count.
CREATE OR REPLACE FUNCTION robbie_sync.note_edit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    keys integer := TG_ARGV[1]::integer;
    ignored text[] := '{}';
    old_key text := '';
    new_key text := '';
    same text;
BEGIN
    -- After a SET LOCAL has ended the setting is '' and not NULL.
    IF coalesce(current_setting('robbie_sync.apply', true), '') = 'on' THEN
        RETURN NULL;
    END IF;
    FOR i IN 2 .. TG_NARGS - 1 LOOP
        IF i < 2 + keys THEN
            old_key := old_key || CASE WHEN i > 2 THEN ', ' ELSE '' END || format('%L, o.%I', TG_ARGV[i], TG_ARGV[i]);
            new_key := new_key || CASE WHEN i > 2 THEN ', ' ELSE '' END || format('%L, n.%I', TG_ARGV[i], TG_ARGV[i]);
        ELSE
            ignored := ignored || TG_ARGV[i];
        END IF;
    END LOOP;
    -- As JSON: the type of a key may stand in a schema where its operators are not found.
    same := format('jsonb_build_object(%s) = jsonb_build_object(%s)', new_key, old_key);
    BEGIN
        IF TG_OP <> 'INSERT' THEN
            -- Copied at the first edit only; a later one moves edit_seq. Columns that triggers keep do not make a row edited.
            EXECUTE format('INSERT INTO robbie_sync.base AS b (tbl, pk, image)
                SELECT $1, jsonb_build_object(%s), to_jsonb(o.*) FROM old_rows o %s
                ON CONFLICT (tbl, pk) DO UPDATE SET edit_seq = excluded.edit_seq, xid = excluded.xid, at = excluded.at', old_key,
                CASE WHEN TG_OP = 'UPDATE' THEN format('LEFT JOIN new_rows n ON %s
                    WHERE (to_jsonb(o.*) - $2) IS DISTINCT FROM (to_jsonb(n.*) - $2)', same) ELSE '' END)
            USING TG_ARGV[0], ignored;
        END IF;
        IF TG_OP <> 'DELETE' THEN
            EXECUTE format('INSERT INTO robbie_sync.base AS b (tbl, pk, image)
                SELECT $1, jsonb_build_object(%s), NULL FROM new_rows n %s
                ON CONFLICT (tbl, pk) DO UPDATE SET edit_seq = excluded.edit_seq, xid = excluded.xid, at = excluded.at', new_key,
                CASE WHEN TG_OP = 'UPDATE' THEN format('WHERE NOT EXISTS (SELECT 1 FROM old_rows o WHERE %s)', same) ELSE '' END)
            USING TG_ARGV[0];
        END IF;
    EXCEPTION WHEN OTHERS THEN
        -- Where the disk is full the write is refused, as its own next page would be: an edit that stands nowhere would be overwritten.
        IF SQLSTATE = '53100' THEN
            RAISE;
        END IF;
        -- An image can fail on a value that JSON refuses. Without one the rows still count as edited.
        RAISE LOG 'robbie_sync: a local edit of % was noted without its image: % (%)', TG_ARGV[0], SQLERRM, SQLSTATE;
        BEGIN
            EXECUTE format('INSERT INTO robbie_sync.base AS b (tbl, pk, image) SELECT $1, jsonb_build_object(%s), NULL FROM %s
                ON CONFLICT (tbl, pk) DO UPDATE SET edit_seq = excluded.edit_seq, xid = excluded.xid, at = excluded.at',
                CASE TG_OP WHEN 'DELETE' THEN old_key ELSE new_key END,
                CASE TG_OP WHEN 'DELETE' THEN 'old_rows o' ELSE 'new_rows n' END)
            USING TG_ARGV[0];
        EXCEPTION WHEN OTHERS THEN
            RAISE LOG 'robbie_sync: a local edit of % was not noted: % (%)', TG_ARGV[0], SQLERRM, SQLSTATE;
        END;
    END;
    RETURN NULL;
END $$;

-- Starts to watch a table for local edits. Safe to repeat.
CREATE OR REPLACE FUNCTION robbie_sync.watch(target regclass, ignored text[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key text[] := robbie_sync.key_columns(target);
    arguments text;
BEGIN
    IF cardinality(key) = 0 THEN
        RAISE EXCEPTION 'table % cannot be synced: it has no primary key', target
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Add a primary key.';
    END IF;
    SELECT string_agg(quote_literal(a), ', ' ORDER BY place) INTO arguments
    FROM unnest(ARRAY[(SELECT relname::text FROM pg_class WHERE oid = target), cardinality(key)::text] || key || ignored)
        WITH ORDINALITY arg(a, place);
    EXECUTE format('CREATE OR REPLACE TRIGGER robbie_edit_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION robbie_sync.note_edit(%s)', target, arguments);
    EXECUTE format('CREATE OR REPLACE TRIGGER robbie_edit_update AFTER UPDATE ON %s
        REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION robbie_sync.note_edit(%s)', target, arguments);
    EXECUTE format('CREATE OR REPLACE TRIGGER robbie_edit_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows
        FOR EACH STATEMENT EXECUTE FUNCTION robbie_sync.note_edit(%s)', target, arguments);
END $$;

-- The tables that are watched, and which of their columns do not count: what watch was told, read from its trigger.
CREATE OR REPLACE FUNCTION robbie_sync.watched() RETURNS TABLE (target regclass, ignored text[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.tgrelid::regclass, a.given[3 + a.given[2]::integer : cardinality(a.given)]
    FROM pg_trigger t
    -- Arguments are stored with a zero byte behind each; two digits and a blank to a byte keep a zero byte apart from digits.
    CROSS JOIN LATERAL (
        SELECT array_agg(convert_from(decode(hex, 'hex'), getdatabaseencoding()) ORDER BY place) AS given
        FROM unnest(string_to_array(regexp_replace(encode(t.tgargs, 'hex'), '(..)', '\1 ', 'g'), '00 ')) WITH ORDINALITY s(hex, place)
        WHERE place <= t.tgnargs) a
    WHERE t.tgname = 'robbie_edit_update' AND t.tgparentid = 0
$$;

-- Where this file ran before, people have chosen since: which tables are watched stays; their triggers are made anew.
DO $$
DECLARE
    wanted record;
    again boolean := false;
BEGIN
    IF to_regclass('robbie_sync.migration') IS NOT NULL THEN
        SELECT EXISTS (SELECT 1 FROM robbie_sync.migration m WHERE m.schema = 'smart-robbie' AND m.name = '24-local-edits.sql') INTO again;
    END IF;
    IF again THEN
        PERFORM robbie_sync.watch(w.target, w.ignored) FROM robbie_sync.watched() w
        WHERE cardinality(robbie_sync.key_columns(w.target)) > 0;
        RETURN;
    END IF;
    FOR wanted IN
        SELECT to_regclass('public.' || name) AS target, ignored FROM (VALUES
            ('code_conversations', ARRAY['message_count', 'last_message_at', 'updated_at']),
            ('code_messages', '{}'), ('code_blocks', '{}'), ('learned_patterns', '{}'),
            ('robbie_personality_state', ARRAY['updated_at'])) AS t(name, ignored)
    LOOP
        IF wanted.target IS NOT NULL AND cardinality(robbie_sync.key_columns(wanted.target)) > 0 THEN
            PERFORM robbie_sync.watch(wanted.target, wanted.ignored);
        END IF;
    END LOOP;
    PERFORM robbie_sync.note_missed(true);
END $$;
