-- What one entry does to the master: called for each of a batch by robbie_sync.push (27-batch.sql), for the engine and by replays, dry or not; the caller's
-- transaction decides. Effect, ledger row and conflict row of an entry stand or fall together; a bad entry costs its own
-- subtransaction and nothing else. Runs with the caller's privileges.

-- The digest by which an entry whose payload was edited is told from the one in the ledger.
CREATE OR REPLACE FUNCTION robbie_sync.payload_hash(payload jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_catalog.jsonb_hash_extended(payload, 0)::pg_catalog.text
$$;

-- Whether the ledger has this payload. Ledgers of earlier versions have another digest.
CREATE OR REPLACE FUNCTION robbie_sync.same_payload(hash text, payload jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT hash = CASE WHEN length(hash) = 64 THEN encode(sha256(convert_to(payload::text, 'UTF8')), 'hex')
        ELSE robbie_sync.payload_hash(payload) END
$$;

-- Writes the ledger row; in the place of an earlier one only where that was undone or was of another payload. Otherwise
-- somebody else has applied the same entry since we looked, and our effect must go.
CREATE OR REPLACE FUNCTION robbie_sync.record(
    node uuid, run uuid, actor text, reason text, shape robbie_sync.shape, seq bigint, op text, data jsonb, unseen boolean,
    r robbie_sync.result
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO robbie_sync.applied AS a
        (entry_id, node_id, seq, tbl, op, pk, payload_hash, verdict, outcome, before_image, after_hash, unseen, actor, run_id, reason)
    VALUES (r.entry_id, node, record.seq, shape.tbl, record.op, r.pk, robbie_sync.payload_hash(data), r.verdict, r.outcome,
        r.before_image, robbie_sync.image_hash(r.after_image, shape.ignored), record.unseen, record.actor, run, record.reason)
    ON CONFLICT (entry_id) DO UPDATE SET node_id = excluded.node_id, seq = excluded.seq, tbl = excluded.tbl, op = excluded.op,
        pk = excluded.pk, payload_hash = excluded.payload_hash, outcome = excluded.outcome, verdict = excluded.verdict,
        before_image = excluded.before_image, after_hash = excluded.after_hash, unseen = excluded.unseen, actor = excluded.actor,
        run_id = excluded.run_id, reason = excluded.reason, xid = excluded.xid, applied_at = excluded.applied_at
    WHERE a.outcome = 'undone' OR (a.tbl, a.op, a.payload_hash) <> (excluded.tbl, excluded.op, excluded.payload_hash);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the entry was applied by somebody else at the same moment'
            USING ERRCODE = 'unique_violation', TABLE = 'applied';
    END IF;
END $$;

-- The master's row with the key that stands in `data`, locked or not.
CREATE OR REPLACE FUNCTION robbie_sync.row_of(shape robbie_sync.shape, data jsonb, locked boolean) RETURNS jsonb
LANGUAGE plpgsql SET timezone = 'UTC' SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $$
DECLARE
    image jsonb;
BEGIN
    EXECUTE format('SELECT to_jsonb(t.*) FROM jsonb_populate_record(NULL::%1$s, $1) r JOIN %1$s t ON %2$s %3$s', shape.target,
        (SELECT string_agg(format('t.%1$I = r.%1$I', k), ' AND ') FROM unnest(shape.key) k),
        CASE WHEN locked THEN 'FOR NO KEY UPDATE OF t' ELSE '' END)
    INTO image USING data;
    RETURN image;
END $$;

-- Writes the columns `names` of `data` into the row of its key (op U), a new row (I), or removes the row (D).
CREATE OR REPLACE FUNCTION robbie_sync.write(shape robbie_sync.shape, op "char", names text[], data jsonb) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    written bigint;
    list text := (SELECT string_agg(format('%I', n), ', ') FROM unnest(names) n);
    same text := (SELECT string_agg(format('t.%1$I = r.%1$I', k), ' AND ') FROM unnest(shape.key) k);
BEGIN
    EXECUTE CASE op
        WHEN 'I' THEN format('INSERT INTO %1$s (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, $1) r',
            shape.target, list)
        WHEN 'U' THEN format('UPDATE %1$s t SET %2$s FROM jsonb_populate_record(NULL::%1$s, $1) r WHERE %3$s', shape.target,
            (SELECT string_agg(format('%1$I = r.%1$I', n), ', ') FROM unnest(names) n), same)
        ELSE format('DELETE FROM %1$s t USING jsonb_populate_record(NULL::%1$s, $1) r WHERE %2$s', shape.target, same)
        END
    USING data;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END $$;

-- Applies one entry, or says why not. Errors are raised; robbie_sync.push catches and judges them.
CREATE OR REPLACE FUNCTION robbie_sync.apply_entry(
    node uuid, run uuid, actor text, reason text, force boolean, shape robbie_sync.shape,
    id uuid, seq bigint, op text, pk jsonb, payload jsonb, base jsonb, seen text
) RETURNS robbie_sync.result
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    r robbie_sync.result;
    known robbie_sync.applied;
    data jsonb := payload;
    missing text;
    unknown text[];
    ours text[];          -- columns this entry wants to change
    theirs text[] := '{}';-- columns others changed since the base
    names text[];
    writes jsonb;         -- what the merge leaves to write
    lost text[] := '{}';
    by_rule text[] := '{}';
    sent jsonb;           -- the payload with the master's users and types
    seen_at pg_snapshot;
    gone boolean := false;
    met boolean;          -- two inserts of one row met
    edited boolean := false; -- the ledger has it, with another payload
    last robbie_sync.applied; -- what this replica did to the row last
    overtaken boolean := false; -- edited, and a later entry of this replica stands in the row
    as_left boolean;      -- the row is as this replica's last entry left it, and that one overlooked nobody's change
    newer boolean;
    rule text;
    kind text;
    written bigint;
BEGIN
    r.entry_id := id;
    r.pk := pk;
    r.outcome := 'blocked';
    SELECT * INTO known FROM robbie_sync.applied a WHERE a.entry_id = id;
    IF FOUND THEN
        edited := (known.tbl, known.op) <> (shape.tbl, op) OR NOT robbie_sync.same_payload(known.payload_hash, payload);
    END IF;
    IF known.entry_id IS NOT NULL AND NOT edited AND NOT (known.outcome = 'undone' AND force) THEN
        r.verdict := 'no_change';
        r.outcome := CASE known.outcome WHEN 'undone' THEN 'superseded' ELSE known.outcome END;
        r.pk := known.pk;
        r.message := 'the ledger has this entry: it took effect earlier';
        r.before_image := known.before_image;
        RETURN r;
    END IF;

    -- Is it an entry for a table that we know, with columns that are there?
    IF shape.problem IS NOT NULL THEN
        r.verdict := 'schema_mismatch';
        r.sqlstate := shape.sqlstate;
        r.message := shape.problem;
        r.object := shape.tbl;
        r.blocked_on := 'schema';
        RETURN r;
    END IF;
    IF op NOT IN ('INSERT', 'UPDATE', 'UPSERT', 'DELETE') OR jsonb_typeof(data) IS DISTINCT FROM 'object' THEN
        r.verdict := 'fault';
        r.outcome := 'failed';
        r.object := shape.tbl;
        r.message := CASE WHEN jsonb_typeof(data) IS DISTINCT FROM 'object'
            THEN 'the payload is not a JSON object' ELSE format('the operation %s is not known', quote_literal(left(op, 40))) END;
        RETURN r;
    END IF;
    unknown := ARRAY(SELECT k FROM jsonb_object_keys(data) k WHERE k <> ALL (shape.columns));
    IF cardinality(unknown) > 0 THEN
        r.verdict := 'schema_mismatch';
        r.sqlstate := '42703';
        r.object := shape.tbl || '.' || unknown[1];
        r.message := format('the master''s table %s has no column %s', shape.tbl, array_to_string(unknown, ', '));
        r.blocked_on := 'schema';
        RETURN r;
    END IF;

    -- Which row? The payload says, else the replica's note of the key.
    FOREACH missing IN ARRAY shape.key LOOP
        IF coalesce(data -> missing, 'null') = 'null' THEN
            data := data || jsonb_build_object(missing, pk -> missing);
        END IF;
        IF coalesce(data -> missing, 'null') = 'null' THEN
            r.verdict := 'lacks_key';
            r.object := shape.tbl || '.' || missing;
            r.message := format('the payload has no %s, which is the key of %s', missing, shape.tbl);
            r.blocked_on := 'key';
            RETURN r;
        END IF;
    END LOOP;
    SELECT w.mapped, w.missing INTO data, missing FROM robbie_sync.with_users(shape, data) w;
    IF missing IS NOT NULL THEN
        r.verdict := 'unmapped_user';
        r.object := 'user_id_mapping';
        r.message := format('no user of the master is mapped to %s', quote_literal(left(missing, 100)));
        r.blocked_on := 'mapping ' || missing;
        RETURN r;
    END IF;
    data := robbie_sync.canonical(shape, data);
    sent := data;
    r.pk := (SELECT jsonb_object_agg(k, data -> k) FROM unnest(shape.key) k);
    r.before_image := robbie_sync.row_of(shape, data, true);
    r.after_image := r.before_image;
    names := ARRAY(SELECT k FROM jsonb_object_keys(data) k WHERE k = ANY (shape.writable) AND k <> ALL (shape.key));

    -- What did others change? With a base image: its differences. Without: whether anybody wrote since.
    IF base IS NOT NULL THEN
        base := (robbie_sync.with_users(shape, base)).mapped;
        base := (SELECT coalesce(jsonb_object_agg(k, base -> k), '{}') FROM jsonb_object_keys(base) k WHERE k = ANY (shape.columns));
        base := robbie_sync.canonical(shape, base);
    END IF;
    IF r.before_image IS NOT NULL THEN
        -- Where that entry met changes that this replica had not seen, they are still unseen, whatever became of it.
        SELECT * INTO last FROM robbie_sync.applied a WHERE a.pk = r.pk AND a.tbl = shape.tbl AND a.node_id = node
        ORDER BY a.applied_at DESC, a.seq DESC LIMIT 1;
        as_left := coalesce(NOT last.unseen AND last.after_hash IS NOT DISTINCT FROM robbie_sync.image_hash(r.before_image, shape.ignored), false);
        overtaken := edited AND (as_left OR base IS NULL) AND coalesce(last.seq > apply_entry.seq, false);
        IF base IS NOT NULL AND NOT as_left THEN
            theirs := robbie_sync.differing(base, r.before_image,
                ARRAY(SELECT k FROM jsonb_object_keys(base) k WHERE k <> ALL (shape.ignored) AND k = ANY (shape.writable)));
        ELSIF NOT as_left THEN
            seen_at := robbie_sync.seen_here(seen);
            newer := robbie_sync.changed_since(shape.tbl, r.pk, node, seen_at);
        END IF;
    END IF;
    newer := coalesce(newer, false);

    IF op = 'DELETE' THEN
        ours := shape.columns;
        IF r.before_image IS NULL THEN
            r.verdict := CASE WHEN base IS NULL THEN 'zero_rows' ELSE 'no_change' END;
            kind := CASE WHEN base IS NOT NULL AND NOT force AND NOT EXISTS (
                SELECT 1 FROM robbie_sync.applied a WHERE a.pk = r.pk AND a.tbl = shape.tbl AND a.node_id = node AND a.op = 'DELETE')
                THEN 'delete_missing' END;
        ELSE
            kind := CASE WHEN newer OR cardinality(theirs) > 0 THEN 'delete_origin_differs'
                WHEN robbie_sync.takes_unseen(to_regclass(shape.target), r.before_image, node, robbie_sync.seen_here(seen)) THEN 'delete_exists' END;
            newer := newer OR coalesce(kind = 'delete_exists', false);
            r.verdict := CASE WHEN kind IS NOT NULL AND NOT force THEN 'overwrites_newer' ELSE 'delete' END;
        END IF;
    ELSIF r.before_image IS NULL THEN
        ours := names;
        -- The first version of an edited entry had made the row, or found it: somebody ended it since.
        gone := edited AND known.op <> 'DELETE' AND known.outcome <> 'undone';
        IF op = 'UPDATE' AND base IS NULL THEN
            r.verdict := 'zero_rows';
        ELSIF (gone OR op <> 'INSERT' AND base IS NOT NULL) AND NOT force THEN
            r.verdict := 'overwrites_newer';
            kind := 'update_missing';
        ELSE
            r.verdict := 'insert';
            IF op <> 'INSERT' AND base IS NOT NULL THEN
                kind := 'update_missing';
                data := base || data;
                names := ARRAY(SELECT k FROM jsonb_object_keys(data) k WHERE k = ANY (shape.writable) AND k <> ALL (shape.key));
            END IF;
        END IF;
    ELSE
        -- Only what this entry really changes is written: a whole-row write would revert other people's columns.
        met := op = 'INSERT' AND newer AND seen_at IS NOT NULL;
        SELECT m.written, m.lost, m.by_rule INTO writes, lost, by_rule FROM robbie_sync.merge(
            -- An edited payload may take back what its first version did. Two inserts of one row have an empty row in common.
            CASE WHEN edited AND as_left THEN NULL
                 WHEN met AND base IS NULL THEN (SELECT jsonb_object_agg(k, NULL) FROM jsonb_object_keys(r.before_image) k)
                 ELSE base END,
            (SELECT coalesce(jsonb_object_agg(k, data -> k), '{}') FROM unnest(names) k), r.before_image,
            shape.policy, shape.rules, shape.ignored, shape.stamp, statement_timestamp() + interval '5 minutes',
            as_left OR NOT (met OR cardinality(theirs) > 0), force, edited) m;
        ours := ARRAY(SELECT k FROM jsonb_object_keys(writes) k);
        IF writes - shape.ignored = '{}' AND lost = '{}' AND by_rule = '{}' THEN
            r.verdict := 'no_change';
        ELSIF (newer AND NOT met OR overtaken) AND NOT force THEN
            r.verdict := 'overwrites_newer';
        ELSE
            r.verdict := CASE WHEN writes - shape.ignored = '{}' THEN 'overwrites_newer' ELSE 'update' END;
            kind := CASE WHEN lost = '{}' AND by_rule = '{}' AND NOT (force AND (newer OR cardinality(theirs) > 0)) THEN NULL
                WHEN base IS NULL AND op = 'INSERT' THEN 'insert_exists' ELSE 'update_origin_differs' END;
            data := data || writes;
        END IF;
    END IF;

    -- Without a base nobody can tell who is right: a person chooses. With one, the rule of the table decides.
    IF (r.verdict = 'overwrites_newer' AND (overtaken AND kind IS NULL OR base IS NULL AND NOT gone AND kind IS DISTINCT FROM 'insert_exists')) OR (r.verdict = 'zero_rows' AND NOT force) THEN
        r.outcome := 'held';
        r.object := shape.tbl;
        r.blocked_on := 'choice';
        r.message := CASE r.verdict
            WHEN 'zero_rows' THEN format('the master has no such row of %s: the %s would change nothing', shape.tbl, lower(op))
            ELSE format('the master''s row of %s was changed after this entry was made', shape.tbl) END;
        RETURN r;
    END IF;

    IF r.verdict IN ('insert', 'update', 'delete') THEN
        written := robbie_sync.write(shape, (CASE r.verdict WHEN 'insert' THEN 'I' WHEN 'update' THEN 'U' ELSE 'D' END)::"char",
            CASE r.verdict WHEN 'insert' THEN names || shape.key ELSE ours END, data);
        IF written <> 1 THEN
            RAISE EXCEPTION 'the master wrote % rows of % instead of one: a trigger or a row-level policy interferes', written, shape.tbl
                USING ERRCODE = 'triggered_action_exception', TABLE = shape.tbl;
        END IF;
        r.after_image := robbie_sync.row_of(shape, data, false);
    END IF;
    r.outcome := CASE
        WHEN kind = 'delete_missing' THEN 'no_change'
        WHEN kind IS NOT NULL THEN 'conflict_resolved'
        WHEN r.verdict = 'zero_rows' THEN 'superseded'
        WHEN r.verdict = 'no_change' THEN 'no_change'
        ELSE 'applied' END;
    IF kind IS NOT NULL THEN
        rule := CASE WHEN force THEN 'forced'
            WHEN kind = 'delete_missing' THEN 'both sides deleted it'
            WHEN kind IN ('insert_exists', 'update_origin_differs') THEN concat_ws('; ',
                CASE WHEN lost <> '{}' THEN CASE shape.policy WHEN 'row' THEN 'master wins the row' ELSE 'master wins the column' END END,
                nullif(array_to_string(by_rule, '; '), ''))
            ELSE 'master wins the row' END;
        r.message := CASE WHEN force THEN 'applied over a newer row of the master, as chosen'
            WHEN kind <> 'delete_missing' THEN 'both sides changed the row; ' || rule || '; the other image is kept in the conflict log' END;
        -- Where both sides wanted the same there is nothing left to look at.
        INSERT INTO robbie_sync.conflict (node_id, kind, tbl, pk, base, local, remote, result, rule, entry_ids, resolved_at, resolved_by, resolution)
        SELECT node, kind, shape.tbl, r.pk, base, CASE op WHEN 'DELETE' THEN NULL ELSE sent END, r.before_image, r.after_image,
            rule, ARRAY[id], d.at, d.by, d.how
        FROM (SELECT 1) one LEFT JOIN (SELECT clock_timestamp(), 'engine', 'nothing was lost') d(at, by, how) ON kind = 'delete_missing';
    END IF;
    PERFORM robbie_sync.record(node, run, actor, reason, shape, seq, op, payload, NOT force AND (newer OR cardinality(theirs) > 0), r);
    RETURN r;
END $$;

-- Says hello: registers a replica and compares nonces. `expected` are the nonces this replica may hold, `fresh` the one
-- it takes with this push. Any other nonce means that one of the two databases was restored or copied.
CREATE OR REPLACE FUNCTION robbie_sync.greet(node uuid, node_name text, expected uuid[], fresh uuid, acked bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known robbie_sync.node;
BEGIN
    INSERT INTO robbie_sync.node (node_id, name) VALUES (greet.node, node_name) ON CONFLICT (node_id) DO NOTHING;
    SELECT * INTO known FROM robbie_sync.node n WHERE n.node_id = greet.node FOR UPDATE;
    IF NOT EXISTS (SELECT 1 FROM unnest(expected) e WHERE e IS NOT DISTINCT FROM known.nonce) THEN
        RAISE EXCEPTION 'replica % is not the one the master knows by this identity: one of the two was restored or copied', node_name
            USING ERRCODE = 'RS001';
    END IF;
    IF fresh IS NOT NULL THEN
        UPDATE robbie_sync.node n SET nonce = fresh, name = node_name, acked_seq = greatest(n.acked_seq, acked), last_seen = clock_timestamp()
        WHERE n.node_id = greet.node;
    END IF;
END $$;
