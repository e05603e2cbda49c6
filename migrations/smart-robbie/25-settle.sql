-- What the engine does with entries on the replica: take a batch, and note what became of it.

CREATE INDEX IF NOT EXISTS entry_blocked_on ON robbie_sync.entry (blocked_on) WHERE state = 'blocked';

-- What an entry says. An entry that was edited while it was under way says something else than what was sent.
CREATE OR REPLACE FUNCTION robbie_sync.digest(table_name text, operation text, data jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(sha256(convert_to(concat_ws(' ', table_name, operation, data::text), 'UTF8')), 'hex')
$$;

-- Takes the next batch: due entries in their order, at most `most` and about `bytes` of payload (one is always taken).
-- An entry behind an unsettled one of the same row is not sent; it is noted what it waits for.
DROP FUNCTION IF EXISTS robbie_sync.claim(uuid, integer, bigint, uuid);
CREATE OR REPLACE FUNCTION robbie_sync.claim(attempt uuid, most integer, bytes bigint, fresh uuid)
RETURNS TABLE (entry_id uuid, seq bigint, tbl text, op text, pk text, payload text, base text, seen text,
    digest text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
    candidates uuid[];
    waiting bigint;
    now_at timestamptz := clock_timestamp();
BEGIN
    LOOP
        candidates := ARRAY(
            SELECT e.entry_id FROM robbie_sync.entry e
            WHERE e.state IN ('ready', 'retry', 'blocked') AND e.next_attempt_at <= now_at
            ORDER BY e.seq LIMIT most);
        UPDATE robbie_sync.entry e
        SET state = 'blocked', verdict = 'waits_for_chain', blocked_on = 'chain', blocked_by = b.entry_id,
            next_attempt_at = now_at + interval '5 minutes'
        FROM (
            SELECT c.entry_id AS waiter, f.entry_id
            FROM robbie_sync.entry c
            CROSS JOIN LATERAL (
                SELECT f.entry_id FROM robbie_sync.entry f
                WHERE f.tbl = c.tbl AND f.pk = c.pk AND f.seq < c.seq AND (f.state = 'quarantined'
                    OR (f.state IN ('ready', 'retry', 'blocked') AND f.next_attempt_at > now_at))
                ORDER BY f.seq LIMIT 1) f
            WHERE c.entry_id = ANY (candidates)) b
        WHERE e.entry_id = b.waiter;
        GET DIAGNOSTICS waiting = ROW_COUNT;
        EXIT WHEN waiting = 0 OR waiting < cardinality(candidates);
    END LOOP;
    IF cardinality(candidates) = 0 THEN
        RETURN;
    END IF;
    -- A nonce whose arrival is not known stays: the master may hold it.
    UPDATE robbie_sync.this_node SET next_nonce = coalesce(next_nonce, fresh);
    RETURN QUERY
        WITH sized AS (
            SELECT e.entry_id, sum(octet_length(p.data::text)) OVER (ORDER BY e.seq) AS total, row_number() OVER (ORDER BY e.seq) AS place
            FROM robbie_sync.entry e JOIN public.pending_sync p ON p.id = e.entry_id
            WHERE e.entry_id = ANY (candidates) AND e.state IN ('ready', 'retry', 'blocked') AND e.next_attempt_at <= now_at
              AND p.synced_at IS NULL
        ), taken AS (
            UPDATE robbie_sync.entry e SET state = 'inflight', attempt_id = attempt
            FROM sized s WHERE s.entry_id = e.entry_id AND (s.total <= bytes OR s.place = 1)
            RETURNING e.*
        )
        SELECT t.entry_id, t.seq, t.tbl, t.op, t.pk::text, p.data::text,
            -- An application may queue first and write then: the base was copied in the same transaction.
            coalesce(t.base, CASE WHEN t.op <> 'INSERT' THEN b.image END)::text, t.seen,
            robbie_sync.digest(p.table_name::text, p.operation::text, p.data)
        FROM taken t
        JOIN public.pending_sync p ON p.id = t.entry_id
        LEFT JOIN robbie_sync.base b ON b.tbl = t.tbl AND b.pk = t.pk AND b.xid = t.xid
        ORDER BY t.seq;
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
            WHERE b.tbl = reference.child AND b.image @> reference.points AND NOT EXISTS (
                SELECT 1 FROM robbie_sync.entry o WHERE o.tbl = b.tbl AND o.pk = b.pk
                AND o.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined'))
            RETURNING b.pk
        LOOP
            INSERT INTO robbie_sync.deferred (tbl, pk, reason, snapshot) VALUES (reference.child, came.pk, 'settled', as_of)
            ON CONFLICT (tbl, pk) DO UPDATE SET reason = excluded.reason;
            PERFORM robbie_sync.bring_back(reference.child, came.pk, as_of);
        END LOOP;
    END LOOP;
END $$;

-- Notes what became of a batch. `results` is a JSON array: id, verdict, outcome, sqlstate, message, detail, object,
-- blocked_on, blocked_by, pk, ms, digest. Exactly these entries are touched, and only those that are not settled yet and
-- still say what was sent.
CREATE OR REPLACE FUNCTION robbie_sync.settle(run uuid, actor text, results jsonb, confirmed uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    done_ids uuid[];
    now_at timestamptz := clock_timestamp();
BEGIN
    PERFORM set_config('robbie_sync.apply', 'on', true);
    IF confirmed IS NOT NULL THEN
        UPDATE robbie_sync.this_node SET nonce = confirmed, next_nonce = NULL;
    END IF;
    CREATE TEMP TABLE IF NOT EXISTS robbie_results (
        id uuid PRIMARY KEY, verdict text, outcome text, sqlstate text, message text, detail text, object text, blocked_on text,
        blocked_by uuid, pk jsonb, ms double precision, digest text, settled boolean, counted boolean
    ) ON COMMIT DROP;
    TRUNCATE pg_temp.robbie_results;
    INSERT INTO pg_temp.robbie_results
    SELECT r.id, r.verdict, r.outcome, r.sqlstate, r.message, r.detail, r.object, left(r.blocked_on, 600), r.blocked_by,
        CASE WHEN octet_length(r.pk::text) <= 1500 THEN r.pk END, r.ms, r.digest,
        r.outcome IN ('applied', 'no_change', 'superseded', 'conflict_resolved'),
        r.outcome IN ('failed', 'held', 'blocked') AND r.verdict <> 'waits_for_chain'
    FROM jsonb_to_recordset(results) AS r(id uuid, verdict text, outcome text, sqlstate text, message text, detail text, object text,
        blocked_on text, blocked_by uuid, pk jsonb, ms double precision, digest text)
    ON CONFLICT (id) DO NOTHING;
    -- Locked first, compared then: an edit is before this, and seen, or after it, and makes the entry due again.
    PERFORM 1 FROM public.pending_sync p JOIN pg_temp.robbie_results r ON r.id = p.id ORDER BY p.id FOR NO KEY UPDATE OF p;
    DELETE FROM pg_temp.robbie_results r USING public.pending_sync p
    WHERE p.id = r.id AND r.digest <> robbie_sync.digest(p.table_name::text, p.operation::text, p.data);

    INSERT INTO robbie_sync.attempt (entry_id, run_id, actor, verdict, outcome, sqlstate, message, detail, object, duration_ms)
    SELECT r.id, run, settle.actor, r.verdict, r.outcome, r.sqlstate, r.message, r.detail, r.object, r.ms
    FROM pg_temp.robbie_results r JOIN robbie_sync.entry e ON e.entry_id = r.id
    -- What the engine settled at the first try is in the ledger; its attempt would say nothing more.
    WHERE r.counted OR r.outcome = 'conflict_resolved' OR (r.settled AND (e.attempts > 0 OR settle.actor <> 'engine'))
    ORDER BY e.seq;

    UPDATE public.pending_sync p
    SET synced_at = CASE WHEN r.settled THEN now_at END,
        error = CASE WHEN NOT r.settled THEN robbie_sync.error_text(r.sqlstate, r.message, r.detail) END,
        retry_count = coalesce(p.retry_count, 0) + r.counted::integer,
        last_retry = CASE WHEN r.counted THEN now_at ELSE p.last_retry END
    FROM pg_temp.robbie_results r
    WHERE p.id = r.id AND p.synced_at IS NULL AND (r.settled OR r.outcome <> 'later');

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
        first_failed_at = CASE WHEN r.counted THEN coalesce(e.first_failed_at, now_at) ELSE e.first_failed_at END,
        last_failed_at = CASE WHEN r.counted THEN now_at ELSE e.last_failed_at END
    FROM pg_temp.robbie_results r
    WHERE e.entry_id = r.id AND e.state NOT IN ('applied', 'superseded', 'conflict_resolved');

    done_ids := ARRAY(SELECT id FROM pg_temp.robbie_results r WHERE r.settled);
    IF done_ids <> '{}' THEN
        -- What waited for one of these is due now.
        UPDATE robbie_sync.entry e
        SET state = 'ready', next_attempt_at = now_at, blocked_on = NULL, blocked_by = NULL
        WHERE e.state = 'blocked' AND (e.blocked_by = ANY (done_ids) OR e.blocked_on IN (
            SELECT format('parent %s %s', s.tbl, s.pk) FROM robbie_sync.entry s WHERE s.entry_id = ANY (done_ids)));
        -- A row edited again after its entry was queued keeps its base, moved on by what the master has now.
        UPDATE robbie_sync.base b SET image = coalesce(b.image, '{}') || p.data
        FROM robbie_sync.entry e
        JOIN public.pending_sync p ON p.id = e.entry_id
        JOIN pg_temp.robbie_results r ON r.id = e.entry_id
        WHERE e.entry_id = ANY (done_ids) AND e.op <> 'DELETE' AND r.outcome IN ('applied', 'no_change')
          AND b.tbl = e.tbl AND b.pk = e.pk AND b.edit_seq > e.seq AND b.xid <> e.xid AND jsonb_typeof(p.data) = 'object';
        DELETE FROM robbie_sync.base b USING robbie_sync.entry e
        WHERE e.entry_id = ANY (done_ids) AND b.tbl = e.tbl AND b.pk = e.pk AND (b.edit_seq < e.seq OR b.xid = e.xid)
          AND NOT EXISTS (
              SELECT 1 FROM robbie_sync.entry o WHERE o.tbl = b.tbl AND o.pk = b.pk
              AND o.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined'));
        -- Where the master's row stood against ours it is taken with the next pull.
        INSERT INTO robbie_sync.deferred (tbl, pk, reason, snapshot)
        SELECT DISTINCT ON (e.tbl, e.pk) e.tbl, e.pk, 'settled', coalesce((SELECT c.snapshot FROM robbie_sync.cursor c), pg_current_snapshot())
        FROM robbie_sync.entry e JOIN pg_temp.robbie_results r ON r.id = e.entry_id
        WHERE r.outcome IN ('conflict_resolved', 'superseded') AND e.pk IS NOT NULL
        ON CONFLICT (tbl, pk) DO NOTHING;
        PERFORM robbie_sync.bring_back(e.tbl, e.pk, coalesce((SELECT c.snapshot FROM robbie_sync.cursor c), pg_current_snapshot()))
        FROM robbie_sync.entry e JOIN pg_temp.robbie_results r ON r.id = e.entry_id
        WHERE r.outcome = 'conflict_resolved' AND e.op = 'DELETE' AND e.pk IS NOT NULL;
        INSERT INTO robbie_sync.table_state AS t (tbl, last_pushed, pushed)
        SELECT e.tbl, now_at, count(*) FROM robbie_sync.entry e WHERE e.entry_id = ANY (done_ids) GROUP BY e.tbl
        ON CONFLICT (tbl) DO UPDATE SET last_pushed = excluded.last_pushed, pushed = t.pushed + excluded.pushed;
    END IF;
END $$;

-- Gives a batch back that was never tried, or whose answer is not known: the ledger settles it at the next try.
CREATE OR REPLACE FUNCTION robbie_sync.unclaim(attempt uuid) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given bigint;
BEGIN
    UPDATE robbie_sync.entry e SET state = 'ready', attempt_id = NULL
    WHERE e.state = 'inflight' AND (attempt IS NULL OR e.attempt_id = attempt);
    GET DIAGNOSTICS given = ROW_COUNT;
    RETURN given;
END $$;

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
            IF left(SQLSTATE, 2) IN ('08', '25', '28', '40', '53', '55', '57', '58', 'XX') OR SQLSTATE = '42501' THEN
                RAISE;
            END IF;
        END;
        FOREACH place IN ARRAY lot LOOP
            BEGIN
                EXECUTE statement USING ARRAY[place];
                GET DIAGNOSTICS written = ROW_COUNT;
                taken := taken + written;
            EXCEPTION WHEN OTHERS THEN
                IF left(SQLSTATE, 2) IN ('08', '25', '28', '40', '53', '55', '57', '58', 'XX') OR SQLSTATE = '42501' THEN
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
