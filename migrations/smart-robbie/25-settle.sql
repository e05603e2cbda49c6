-- What the engine does with entries on the replica: take a batch, and note what became of it.

-- How many entries are open changes from all to none within minutes: statistics of it are always of another day. What asks for a
-- row's entries says "not settled" and has an index of its own, so that no plan goes through all open ones for each row; and
-- what goes through many entries says itself that each is looked up (enable_hashjoin and so on below).
-- By hash: to compare JSON in a tree takes ten times as long.
CREATE INDEX IF NOT EXISTS entry_unsettled_row ON robbie_sync.entry USING hash (pk)
    WHERE state NOT IN ('applied', 'superseded', 'conflict_resolved');
DROP INDEX IF EXISTS robbie_sync.entry_unsettled;
CREATE INDEX IF NOT EXISTS base_row ON robbie_sync.base USING hash (pk);
DROP INDEX IF EXISTS robbie_sync.entry_open_key;

-- The digest of the error that was stored with verdict, code and object: where the stored one is another, these are not about it.
ALTER TABLE robbie_sync.entry ADD COLUMN IF NOT EXISTS heard bigint;

CREATE INDEX IF NOT EXISTS entry_blocked_on ON robbie_sync.entry (blocked_on) WHERE state = 'blocked';

-- The next batch: due entries behind `after` in their order, at most `most` and about `bytes` of payload (one is always
-- taken). `version` tells one that was edited while it was under way. Nothing is marked: the caller holds the engine's lock, goes through the queue by `after`, and the ledger knows what
-- took effect. An entry behind an unsettled one of the same row is not sent; it is noted what it waits for.
DROP FUNCTION IF EXISTS robbie_sync.claim(uuid, integer, bigint, uuid);
CREATE OR REPLACE FUNCTION robbie_sync.claim(after bigint, most integer, bytes bigint, fresh uuid)
RETURNS TABLE (entry_id uuid, seq bigint, tbl text, op text, pk text, payload text, base text, seen text, version text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
    SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    waiting bigint;
    -- One time for a pass through the queue: what became due behind its place would be overtaken by later entries of its row.
    now_at timestamptz := coalesce(CASE WHEN after > 0 THEN nullif(current_setting('robbie_sync.pass', true), '')::timestamptz END,
        clock_timestamp());
BEGIN
    PERFORM set_config('robbie_sync.pass', now_at::text, false);
    WHILE EXISTS (SELECT 1 FROM robbie_sync.entry e WHERE e.state = 'quarantined')
        OR EXISTS (SELECT 1 FROM robbie_sync.entry e WHERE e.state IN ('ready', 'retry', 'blocked') AND e.next_attempt_at > now_at)
    LOOP
        WITH candidate AS (
            SELECT e.* FROM robbie_sync.entry e
            WHERE e.state IN ('ready', 'retry', 'blocked') AND e.next_attempt_at <= now_at AND e.seq > after
            ORDER BY e.seq LIMIT most)
        UPDATE robbie_sync.entry e
        SET state = 'blocked', verdict = 'waits_for_chain', blocked_on = 'chain', blocked_by = b.entry_id,
            next_attempt_at = now_at + interval '5 minutes'
        FROM (
            SELECT c.entry_id AS waiter, f.entry_id
            FROM candidate c
            CROSS JOIN LATERAL (
                SELECT (array_agg(f.entry_id ORDER BY f.seq))[1] AS entry_id FROM robbie_sync.entry f
                WHERE f.tbl = c.tbl AND f.pk = c.pk AND f.seq < c.seq AND f.state NOT IN ('applied', 'superseded', 'conflict_resolved')
                  AND (f.state = 'quarantined' OR f.next_attempt_at > now_at)) f
            WHERE f.entry_id IS NOT NULL) b
        WHERE e.entry_id = b.waiter;
        GET DIAGNOSTICS waiting = ROW_COUNT;
        -- Only where they took the places of all others is there another look.
        EXIT WHEN waiting < most;
    END LOOP;
    IF NOT EXISTS (SELECT 1 FROM robbie_sync.entry e
        WHERE e.state IN ('ready', 'retry', 'blocked') AND e.next_attempt_at <= now_at AND e.seq > after)
    THEN
        RETURN;
    END IF;
    -- A nonce whose arrival is not known stays: the master may hold it.
    UPDATE robbie_sync.this_node SET next_nonce = fresh WHERE next_nonce IS NULL AND fresh IS NOT NULL;
    RETURN QUERY
        WITH due AS (
            SELECT e.* FROM robbie_sync.entry e
            WHERE e.state IN ('ready', 'retry', 'blocked') AND e.next_attempt_at <= now_at AND e.seq > after
            ORDER BY e.seq LIMIT most
        ), sized AS (
            SELECT d.*, p.data, p.xmin::text AS row_version, row_number() OVER (ORDER BY d.seq) AS place, sum(
                -- Small values are stored as they are; only of large ones is the text that long.
                CASE WHEN pg_column_size(p.data) < 1000 THEN 1000 ELSE octet_length(p.data::text) END) OVER (ORDER BY d.seq) AS total,
                count(*) FILTER (WHERE d.sqlstate = '57014') OVER (ORDER BY d.seq) AS slow
            FROM due d JOIN public.pending_sync p ON p.id = d.entry_id
            -- Said so that the index of the unsynced ones does not seem to be the short way.
            WHERE CASE WHEN p.synced_at IS NULL THEN true ELSE false END
        )
        SELECT s.entry_id, s.seq, s.tbl, s.op, s.pk::text, s.data::text,
            -- An application may queue first and write then: the base was copied in the same transaction.
            coalesce(s.base, CASE WHEN s.op <> 'INSERT' THEN (
                SELECT b.image FROM robbie_sync.base b WHERE b.tbl = s.tbl AND b.pk = s.pk AND b.xid = s.xid) END)::text,
            s.seen, s.row_version
        FROM sized s
        -- What took too long once goes alone, so that nothing waits with it.
        WHERE s.total <= bytes AND s.slow = 0 OR s.place = 1
        ORDER BY s.seq;
END $$;

-- How long to wait before the next try: full jitter under 30 s doubled each time, at most 6 h.
CREATE OR REPLACE FUNCTION robbie_sync.backoff(attempts integer) RETURNS interval
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT make_interval(secs => 1 + random() * least(30 * 2 ^ least(attempts, 20), 21600))
$$;

-- What other readers of pending_sync.error see: short enough for the index that deployed tables have on it.
CREATE OR REPLACE FUNCTION robbie_sync.error_text(code text, message text, detail text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN octet_length(t) <= 2000 THEN t ELSE left(t, 499) || '…' END
    FROM (SELECT concat_ws(' ', '[' || code || ']', message, '— ' || detail)) full_text(t)
$$;

-- Whether a row has entries that are not settled. Asked one row at a time: no statistics can make that a look at all open ones.
CREATE OR REPLACE FUNCTION robbie_sync.is_open(of_table text, row_key jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM robbie_sync.entry o WHERE o.tbl = of_table AND o.pk = row_key
        AND o.state NOT IN ('applied', 'superseded', 'conflict_resolved'));
END $$;

-- A delete that did not take place on the master: the rows that went here with it, by a cascade, come back too.
CREATE OR REPLACE FUNCTION robbie_sync.bring_back(lost_tbl text, lost_pk jsonb, as_of pg_snapshot) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    reference record;
    came record;
BEGIN
    FOR reference IN
        SELECT c.relname::text AS child, (SELECT jsonb_object_agg(l.attname, lost_pk -> r.attname::text)
            FROM unnest(f.conkey, f.confkey) AS k(local, remote)
            JOIN pg_attribute l ON l.attrelid = f.conrelid AND l.attnum = k.local
            JOIN pg_attribute r ON r.attrelid = f.confrelid AND r.attnum = k.remote) AS points
        FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid
        WHERE f.confrelid = to_regclass('public.' || quote_ident(lost_tbl)) AND f.contype = 'f' AND f.confdeltype = 'c'
          AND f.conparentid = 0 AND f.conrelid <> f.confrelid
    LOOP
        FOR came IN
            DELETE FROM robbie_sync.base b
            WHERE b.tbl = reference.child AND b.image @> reference.points AND NOT robbie_sync.is_open(b.tbl, b.pk)
            RETURNING b.pk
        LOOP
            INSERT INTO robbie_sync.deferred (tbl, pk, reason, snapshot) VALUES (reference.child, came.pk, 'settled', as_of)
            ON CONFLICT (tbl, pk) DO UPDATE SET reason = excluded.reason;
            PERFORM robbie_sync.bring_back(reference.child, came.pk, as_of);
        END LOOP;
    END LOOP;
END $$;

-- What waited for one of pg_temp.robbie_settled is due now.
CREATE OR REPLACE FUNCTION robbie_sync.release_waiting(now_at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM robbie_sync.entry e WHERE e.state = 'blocked') THEN
        UPDATE robbie_sync.entry e
        SET state = 'ready', next_attempt_at = now_at, blocked_on = NULL, blocked_by = NULL
        WHERE e.state = 'blocked' AND (e.blocked_by IN (SELECT s.id FROM pg_temp.robbie_settled s)
            OR e.blocked_on IN (SELECT format('parent %s %s', s.tbl, s.pk) FROM pg_temp.robbie_settled s));
    END IF;
END $$;

-- Rows whose entries pg_temp.robbie_settled has are not edited any more. One that was edited again after its entry was queued
-- keeps its base, moved on by what the master has now. Each row's note is looked up by itself, whatever statistics say; one
-- that changes under our hands stays.
CREATE OR REPLACE FUNCTION robbie_sync.forget_edits() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    edited_again uuid[];
    again record;
BEGIN
    WITH edit AS MATERIALIZED (
        SELECT s.id, s.seq, s.op, s.outcome, f.place, f.ended,
            -- A subquery of one value is asked row by row, by the index of the unsettled.
            f.ended AND (SELECT true FROM robbie_sync.entry o WHERE o.tbl = s.tbl AND o.pk = s.pk
                AND o.state NOT IN ('applied', 'superseded', 'conflict_resolved') LIMIT 1) IS NULL AS forgotten
        FROM pg_temp.robbie_settled s
        CROSS JOIN LATERAL (
            SELECT b.ctid AS place, b.edit_seq < s.seq OR b.xid = s.xid AS ended
            FROM robbie_sync.base b WHERE b.tbl = s.tbl AND b.pk = s.pk OFFSET 0) f
    ), gone AS (
        DELETE FROM robbie_sync.base b WHERE b.ctid = ANY (ARRAY(SELECT e.place FROM edit e WHERE e.forgotten))
    )
    SELECT array_agg(e.id ORDER BY e.seq) INTO edited_again FROM edit e
    WHERE NOT e.ended AND e.op <> 'DELETE' AND e.outcome IN ('applied', 'no_change');
    FOR again IN
        SELECT s.id, s.tbl, s.pk FROM pg_temp.robbie_settled s WHERE s.id = ANY (edited_again) ORDER BY s.seq
    LOOP
        UPDATE robbie_sync.base b SET image = coalesce(b.image, '{}') || p.data
        FROM public.pending_sync p
        WHERE p.id = again.id AND b.tbl = again.tbl AND b.pk = again.pk AND jsonb_typeof(p.data) = 'object';
    END LOOP;
END $$;

-- Entries of a circle that were not sent together are due together: the master lets them go, or names the circle. Asked of those of
-- pg_temp.robbie_results only that wait for a row whose entry was in another batch.
CREATE OR REPLACE FUNCTION robbie_sync.join_circles(now_at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    circle uuid[];
BEGIN
    FOR circle IN
        WITH RECURSIVE waiting AS MATERIALIZED (
            SELECT e.entry_id, e.tbl, e.pk, CASE WHEN length(e.blocked_on) < 600 THEN substring(e.blocked_on FROM ' (\{.*)')::jsonb END AS parent
            FROM pg_temp.robbie_results r JOIN robbie_sync.entry e ON e.entry_id = r.id
            WHERE r.blocked_on LIKE 'parent %' AND r.message NOT LIKE 'new rows that point at each other in a circle%' AND e.attempts < 20
        ), way (start, tbl, pk, path) AS (
            SELECT w.entry_id, w.tbl, w.pk, ARRAY[w.entry_id] FROM waiting w
            WHERE EXISTS (SELECT 1 FROM robbie_sync.entry p WHERE p.pk = w.parent AND p.state = 'blocked' AND p.blocked_on LIKE 'parent %'
                AND p.state NOT IN ('applied', 'superseded', 'conflict_resolved') AND p.entry_id NOT IN (SELECT r.id FROM pg_temp.robbie_results r))
            UNION ALL
            SELECT w.start, o.tbl, o.pk, w.path || o.entry_id FROM way w CROSS JOIN LATERAL (
                SELECT e.tbl, e.pk, e.entry_id FROM robbie_sync.entry e
                WHERE e.state = 'blocked' AND e.blocked_on = left(format('parent %s %s', w.tbl, w.pk), 600)
                ORDER BY e.entry_id = w.start DESC LIMIT 20) o
            WHERE cardinality(w.path) <= 20 AND (cardinality(w.path) = 1 OR w.path[cardinality(w.path)] <> w.start)
              AND (o.entry_id = w.start OR o.entry_id <> ALL (w.path))
        )
        SELECT w.path FROM way w WHERE cardinality(w.path) > 1 AND w.path[cardinality(w.path)] = w.start
    LOOP
        UPDATE robbie_sync.entry e SET next_attempt_at = now_at WHERE e.entry_id = ANY (circle) AND e.state = 'blocked';
    END LOOP;
END $$;

-- Notes what became of a batch. Exactly these entries are touched, and only those that are not settled yet and are still
-- the version that was sent.
DROP FUNCTION IF EXISTS robbie_sync.settle(uuid, text, jsonb, uuid);
CREATE OR REPLACE FUNCTION robbie_sync.settle(
    run uuid, actor text, confirmed uuid, ids uuid[], versions text[], verdicts text[], outcomes text[], sqlstates text[],
    messages text[], details text[], objects text[], blocked_ons text[], blocked_bys uuid[], pks text[], durations double precision[]
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET plan_cache_mode = force_custom_plan
    SET lock_timeout = '200ms' AS $$
DECLARE
    kept bigint;
    now_at timestamptz := clock_timestamp();
    as_of pg_snapshot := coalesce((SELECT c.snapshot FROM robbie_sync.cursor c), pg_current_snapshot());
BEGIN
    PERFORM set_config('robbie_sync.apply', 'on', true);
    IF confirmed IS NOT NULL THEN
        UPDATE robbie_sync.this_node n SET nonce = confirmed, next_nonce = NULL
        WHERE n.nonce IS DISTINCT FROM confirmed OR n.next_nonce IS NOT NULL;
    END IF;
    CREATE TEMP TABLE IF NOT EXISTS robbie_results (
        id uuid, version text, verdict text, outcome text, sqlstate text, message text, detail text, object text, blocked_on text,
        blocked_by uuid, pk jsonb, ms double precision, settled boolean, counted boolean
    ) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE IF NOT EXISTS robbie_settled (
        id uuid, seq bigint, xid xid8, tbl text, op text, pk jsonb, outcome text
    ) ON COMMIT DELETE ROWS;
    DELETE FROM pg_temp.robbie_results;
    DELETE FROM pg_temp.robbie_settled;
    INSERT INTO pg_temp.robbie_results
    SELECT r.id, r.version, r.verdict, r.outcome, r.sqlstate, r.message, r.detail, r.object, left(r.blocked_on, 600), r.blocked_by,
        CASE WHEN octet_length(r.pk) <= 1500 THEN r.pk::jsonb END, r.ms,
        r.outcome IN ('applied', 'no_change', 'superseded', 'conflict_resolved'),
        r.outcome IN ('failed', 'held', 'blocked') AND r.verdict <> 'waits_for_chain'
    FROM unnest(ids, versions, verdicts, outcomes, sqlstates, messages, details, objects, blocked_ons, blocked_bys, pks, durations)
        AS r(id, version, verdict, outcome, sqlstate, message, detail, object, blocked_on, blocked_by, pk, ms);

    -- An edit is before this, and seen, or waits for it, and makes the entry due again.
    WITH marked AS (
        UPDATE public.pending_sync p
        SET synced_at = CASE WHEN r.settled THEN now_at END,
            error = CASE WHEN NOT r.settled THEN robbie_sync.error_text(r.sqlstate, r.message, r.detail) END,
            retry_count = coalesce(p.retry_count, 0) + r.counted::integer,
            last_retry = CASE WHEN r.counted THEN now_at ELSE p.last_retry END
        FROM pg_temp.robbie_results r
        WHERE p.id = r.id AND CASE WHEN p.synced_at IS NULL THEN p.xmin::text END = r.version AND r.outcome <> 'later'
        RETURNING p.id
    ), noted AS (
        UPDATE robbie_sync.entry e
        SET state = CASE
                WHEN r.outcome IN ('applied', 'no_change') THEN 'applied'
                WHEN r.settled THEN r.outcome
                WHEN r.outcome = 'later' THEN 'ready'
                WHEN r.outcome IN ('held', 'blocked') THEN 'blocked'
                WHEN e.attempts + 1 >= 12 THEN 'quarantined'
                ELSE 'retry' END,
            attempts = e.attempts + r.counted::integer,
            next_attempt_at = CASE
                WHEN r.settled THEN e.next_attempt_at
                WHEN r.outcome = 'later' THEN now_at + make_interval(secs => 1 + random() * 4)
                WHEN r.verdict = 'waits_for_chain' THEN now_at + interval '5 minutes'
                ELSE now_at + robbie_sync.backoff(e.attempts) END,
            blocked_on = CASE WHEN NOT r.settled THEN r.blocked_on END,
            blocked_by = CASE WHEN NOT r.settled THEN r.blocked_by END,
            pk = coalesce(e.pk, r.pk),
            verdict = r.verdict, sqlstate = r.sqlstate, object = r.object, attempt_id = NULL,
            heard = CASE WHEN NOT r.settled AND r.outcome <> 'later'
                THEN hashtextextended(robbie_sync.error_text(r.sqlstate, r.message, r.detail), 0) END,
            first_failed_at = CASE WHEN r.counted THEN coalesce(e.first_failed_at, now_at) ELSE e.first_failed_at END,
            last_failed_at = CASE WHEN r.counted THEN now_at ELSE e.last_failed_at END
        FROM pg_temp.robbie_results r
        WHERE e.entry_id = r.id AND (r.outcome = 'later' OR r.id IN (SELECT m.id FROM marked m))
          -- Said so that no index of the open ones seems to fit.
          AND CASE WHEN e.state IN ('applied', 'superseded', 'conflict_resolved') THEN false ELSE true END
        RETURNING e.entry_id, e.seq, e.xid, e.tbl, e.op, e.pk, e.attempts, e.verdict, e.sqlstate, e.object,
            r.settled, r.counted, r.outcome, r.message, r.detail, r.ms
    ), tried AS (
        INSERT INTO robbie_sync.attempt (entry_id, run_id, actor, verdict, outcome, sqlstate, message, detail, object, duration_ms)
        SELECT n.entry_id, run, settle.actor, n.verdict, n.outcome, n.sqlstate, n.message, n.detail, n.object, n.ms
        FROM noted n
        -- What the engine settled at the first try is in the ledger; its attempt would say nothing more.
        WHERE n.counted OR n.outcome = 'conflict_resolved' OR (n.settled AND (n.attempts > 0 OR settle.actor <> 'engine'))
        ORDER BY n.seq
    )
    INSERT INTO pg_temp.robbie_settled SELECT n.entry_id, n.seq, n.xid, n.tbl, n.op, n.pk, n.outcome FROM noted n WHERE n.settled;
    GET DIAGNOSTICS kept = ROW_COUNT;
    IF EXISTS (SELECT 1 FROM pg_temp.robbie_results r WHERE r.blocked_on LIKE 'parent %') THEN
        PERFORM robbie_sync.join_circles(now_at);
    END IF;
    IF kept > 0 THEN
        PERFORM robbie_sync.release_waiting(now_at);
        PERFORM robbie_sync.forget_edits();
        -- Where the master's row stood against ours it is taken with the next pull.
        INSERT INTO robbie_sync.deferred (tbl, pk, reason, snapshot)
        SELECT DISTINCT ON (s.tbl, s.pk) s.tbl, s.pk, 'settled', as_of FROM pg_temp.robbie_settled s
        WHERE s.outcome IN ('conflict_resolved', 'superseded') AND s.pk IS NOT NULL
        ON CONFLICT (tbl, pk) DO NOTHING;
        PERFORM robbie_sync.bring_back(s.tbl, s.pk, as_of) FROM pg_temp.robbie_settled s
        WHERE s.outcome = 'conflict_resolved' AND s.op = 'DELETE' AND s.pk IS NOT NULL;
        INSERT INTO robbie_sync.table_state AS t (tbl, last_pushed, pushed)
        SELECT s.tbl, now_at, count(*) FROM pg_temp.robbie_settled s GROUP BY s.tbl
        ON CONFLICT (tbl) DO UPDATE SET last_pushed = excluded.last_pushed, pushed = t.pushed + excluded.pushed;
    END IF;
END $$;

-- Gives back what an earlier version, which marked what it sent, left under way: the ledger settles it at the next try.
DROP FUNCTION IF EXISTS robbie_sync.unclaim(uuid);
CREATE OR REPLACE FUNCTION robbie_sync.unclaim() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE robbie_sync.entry e SET state = 'ready', attempt_id = NULL WHERE e.state = 'inflight'
$$;

-- Whether an error is about the server, or what this role may, and not about a row.
CREATE OR REPLACE FUNCTION robbie_sync.is_about_the_server(code text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT left(code, 2) IN ('08', '25', '28', '40', '53', '55', '57', '58', 'XX') OR code = '42501'
$$;

-- Takes staged rows in small lots, and those of a lot in which one breaks a rule of the table here one at a time: only that row is put
-- off, with the reason. What is wrong with the server and not with a row stops all.
CREATE OR REPLACE FUNCTION robbie_sync.take_row_by_row(stage text, statement text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    places tid[];
    lot tid[];
    place tid;
    written bigint;
    taken bigint := 0;
    rule text;
BEGIN
    EXECUTE format('SELECT array_agg(s.ctid ORDER BY s.ctid) FROM %s s WHERE s."~live" AND s."~state" IS NULL', stage) INTO places;
    FOR place_of IN 1 .. coalesce(cardinality(places), 0) BY 256 LOOP
        lot := places[place_of : place_of + 255];
        BEGIN
            EXECUTE statement USING lot;
            GET DIAGNOSTICS written = ROW_COUNT;
            taken := taken + written;
            CONTINUE;
        EXCEPTION WHEN OTHERS THEN
            IF robbie_sync.is_about_the_server(SQLSTATE) THEN
                RAISE;
            END IF;
        END;
        FOREACH place IN ARRAY lot LOOP
            BEGIN
                EXECUTE statement USING ARRAY[place];
                GET DIAGNOSTICS written = ROW_COUNT;
                taken := taken + written;
            EXCEPTION WHEN OTHERS THEN
                IF robbie_sync.is_about_the_server(SQLSTATE) THEN
                    RAISE;
                END IF;
                GET STACKED DIAGNOSTICS rule = CONSTRAINT_NAME;
                EXECUTE format('UPDATE %s s SET "~state" = $2 WHERE s.ctid = $1', stage)
                USING place, concat_ws(' ', 'refused here:', SQLSTATE, nullif(rule, ''), CASE WHEN SQLSTATE = 'P0001' THEN left(SQLERRM, 200) END);
            END;
        END LOOP;
    END LOOP;
    RETURN taken;
END $$;

-- A row as JSON, or where it holds what JSON refuses, as the text of the row.
CREATE OR REPLACE FUNCTION robbie_sync.image_of(of_row record) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN to_jsonb(of_row);
EXCEPTION WHEN data_exception THEN
    RETURN jsonb_build_object('row', of_row::text);
END $$;
