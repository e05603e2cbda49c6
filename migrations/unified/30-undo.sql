-- Takes back what an entry did to the master: its row becomes what the ledger says that it was before. Runs with the caller's privileges,
-- in the caller's transaction; without an origin, so that every replica, the entry's own too, takes the row with its next pull.

-- The table of which rows would go, or lose their reference, with this one.
CREATE OR REPLACE FUNCTION robbie_sync.pointed_at_by(target regclass, image jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    reference record;
    found boolean;
BEGIN
    FOR reference IN
        SELECT f.conrelid::regclass AS child, (SELECT string_agg(format('c.%I = r.%I', l.attname, k.attname), ' AND ')
            FROM unnest(f.conkey, f.confkey) AS p(local, remote)
            JOIN pg_attribute l ON l.attrelid = f.conrelid AND l.attnum = p.local
            JOIN pg_attribute k ON k.attrelid = f.confrelid AND k.attnum = p.remote) AS points
        FROM pg_constraint f WHERE f.confrelid = target AND f.contype = 'f' AND f.conparentid = 0
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s c, jsonb_populate_record(NULL::%s, $1) r WHERE %s)', reference.child, target, reference.points)
        INTO found USING image;
        IF found THEN
            RETURN reference.child::text;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

-- Undoes one entry, or says why not.
CREATE OR REPLACE FUNCTION robbie_sync.undo_entry(id uuid, actor text, reason text) RETURNS robbie_sync.result
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    r robbie_sync.result;
    known robbie_sync.applied;
    shape robbie_sync.shape;
    names text[];
    written bigint;
    pointing text;
BEGIN
    r.entry_id := id;
    r.outcome := 'failed';
    SELECT * INTO known FROM robbie_sync.applied a WHERE a.entry_id = id FOR UPDATE;
    IF NOT FOUND THEN
        r.verdict := 'fault';
        r.message := 'the master''s ledger has no such entry: it did not take effect, or that was so long ago that it is forgotten';
        r.object := 'robbie_sync.applied';
        RETURN r;
    END IF;
    r.verdict := known.verdict;
    r.pk := known.pk;
    r.object := known.tbl;
    IF known.outcome = 'undone' THEN
        r.verdict := 'no_change';
        r.outcome := 'no_change';
        r.message := 'it is undone already';
        RETURN r;
    ELSIF known.verdict NOT IN ('insert', 'update', 'delete') OR known.outcome NOT IN ('applied', 'conflict_resolved') THEN
        r.message := 'it changed nothing on the master: there is nothing to undo';
        RETURN r;
    ELSIF known.pk IS NULL OR known.verdict <> 'insert' AND known.before_image IS NULL THEN
        r.message := 'the ledger has no image of the row before it';
        RETURN r;
    END IF;
    shape := robbie_sync.shape_of(known.tbl);
    IF shape.problem IS NOT NULL THEN
        r.sqlstate := shape.sqlstate;
        r.message := shape.problem;
        RETURN r;
    END IF;
    r.before_image := robbie_sync.row_of(shape, known.pk, true);
    IF EXISTS (SELECT 1 FROM robbie_sync.applied l WHERE l.pk = known.pk AND l.tbl = known.tbl AND l.entry_id <> known.entry_id
            AND l.verdict IN ('insert', 'update', 'delete') AND l.outcome IN ('applied', 'conflict_resolved')
            AND (l.applied_at, l.xid, l.seq) > (known.applied_at, known.xid, known.seq))
    THEN
        r.verdict := 'overwrites_newer';
        r.message := 'a later entry of the row took effect since: undo that one first';
        RETURN r;
    ELSIF robbie_sync.image_hash(r.before_image, shape.ignored) IS DISTINCT FROM known.after_hash THEN
        r.verdict := 'overwrites_newer';
        r.message := format('the row of %s was changed again since: its image before would overwrite that', known.tbl);
        RETURN r;
    END IF;
    IF known.verdict = 'insert' THEN
        pointing := robbie_sync.pointed_at_by(to_regclass(shape.target), r.before_image);
        IF pointing IS NOT NULL THEN
            r.verdict := 'constraint';
            r.sqlstate := '23503';
            r.object := pointing;
            r.message := format('rows of %s point at the row: undo or move them first', pointing);
            RETURN r;
        END IF;
        written := robbie_sync.write(shape, 'D', shape.key, known.pk);
    ELSE
        names := ARRAY(SELECT k FROM jsonb_object_keys(known.before_image) k
                       WHERE k = ANY (shape.writable) AND (known.verdict = 'delete' OR k <> ALL (shape.key)));
        written := robbie_sync.write(shape, CASE known.verdict WHEN 'delete' THEN 'I' ELSE 'U' END::"char", names, known.before_image || known.pk);
        r.after_image := robbie_sync.row_of(shape, known.pk, false);
    END IF;
    -- Proven, not assumed. What is no column any more cannot be compared.
    IF written <> 1 OR known.verdict = 'insert' AND robbie_sync.row_of(shape, known.pk, false) IS NOT NULL
        OR known.verdict <> 'insert' AND cardinality(robbie_sync.differing(known.before_image, r.after_image,
            ARRAY(SELECT k FROM jsonb_object_keys(known.before_image) k WHERE k = ANY (shape.writable) AND k <> ALL (shape.ignored)))) > 0
    THEN
        RAISE EXCEPTION 'the row of % did not become what it was: a trigger or a row-level policy interferes', known.tbl
            USING ERRCODE = 'triggered_action_exception', TABLE = known.tbl;
    END IF;
    UPDATE robbie_sync.applied a
    SET outcome = 'undone', actor = undo_entry.actor, reason = undo_entry.reason, xid = pg_current_xact_id(), applied_at = clock_timestamp()
    WHERE a.entry_id = known.entry_id;
    -- Entries of one batch were folded into one write, whose image stands with each of them: the one before ours left the row as it is now.
    UPDATE robbie_sync.applied a SET after_hash = robbie_sync.image_hash(r.after_image, shape.ignored)
    WHERE a.entry_id = (
        SELECT p.entry_id FROM robbie_sync.applied p WHERE p.pk = known.pk AND p.tbl = known.tbl AND p.xid = known.xid
          AND p.outcome IN ('applied', 'conflict_resolved') AND p.seq < known.seq ORDER BY p.seq DESC LIMIT 1);
    r.outcome := 'applied';
    RETURN r;
END $$;

-- Undoes entries, the last applied first: what points at a row goes before it. Each that cannot be undone costs only itself.
CREATE OR REPLACE FUNCTION robbie_sync.undo(ids uuid[], actor text, reason text) RETURNS SETOF robbie_sync.result
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    wanted uuid;
    r robbie_sync.result;
    message text; detail text; of_table text; of_constraint text;
BEGIN
    FOR wanted IN
        SELECT w.id FROM unnest(ids) w(id) LEFT JOIN robbie_sync.applied a ON a.entry_id = w.id
        ORDER BY a.xid DESC NULLS LAST, a.seq DESC, w.id
    LOOP
        BEGIN
            r := robbie_sync.undo_entry(wanted, actor, reason);
            SET CONSTRAINTS ALL IMMEDIATE;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, of_table = TABLE_NAME, of_constraint = CONSTRAINT_NAME;
            IF robbie_sync.is_transient(SQLSTATE) THEN
                RAISE;
            END IF;
            r := NULL;
            r.entry_id := wanted;
            r.verdict := CASE WHEN SQLSTATE LIKE '23%' THEN 'constraint' ELSE 'fault' END;
            r.outcome := CASE WHEN SQLSTATE IN ('55P03', '40P01') THEN 'later' ELSE 'failed' END;
            r.sqlstate := SQLSTATE;
            r.message := message;
            r.detail := CASE WHEN SQLSTATE NOT IN ('23502', '23514') THEN nullif(detail, '') END;
            r.object := nullif(concat_ws('.', nullif(of_table, ''), nullif(of_constraint, '')), '');
        END;
        RETURN NEXT r;
    END LOOP;
END $$;

-- Whether an undone entry can be applied again without overwriting anything: its row is as the undo left it.
CREATE OR REPLACE FUNCTION robbie_sync.can_redo(id uuid) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    known robbie_sync.applied;
    shape robbie_sync.shape;
BEGIN
    SELECT * INTO known FROM robbie_sync.applied a WHERE a.entry_id = id;
    IF NOT FOUND OR known.outcome <> 'undone' THEN
        RETURN 'it is not undone';
    END IF;
    shape := robbie_sync.shape_of(known.tbl);
    IF shape.problem IS NOT NULL THEN
        RETURN shape.problem;
    END IF;
    IF (CASE known.verdict WHEN 'insert' THEN robbie_sync.row_of(shape, known.pk, false) IS NOT NULL
        ELSE cardinality(robbie_sync.differing(known.before_image, coalesce(robbie_sync.row_of(shape, known.pk, false), '{}'),
            ARRAY(SELECT k FROM jsonb_object_keys(known.before_image) k WHERE k = ANY (shape.writable) AND k <> ALL (shape.ignored)))) > 0 END)
    THEN
        RETURN format('the row of %s was changed since it was undone', known.tbl);
    END IF;
    RETURN NULL;
END $$;
