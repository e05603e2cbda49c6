-- The batch: what the engine and replays call. Runs with the caller's privileges, in the caller's transaction.

-- Applies a batch. Entries come in the order in which they are to be applied; `waits` holds, where an earlier entry of the
-- same row is not settled, that entry. What is plain goes by sets, the rest one by one; what waited for a parent, a chain or a unique value is tried again as long as others succeed.
-- `images` are the rows before and after; without them the plainest go a shorter way.
DROP FUNCTION IF EXISTS robbie_sync.push(uuid, text, uuid[], uuid, bigint, uuid, text, text, boolean,
    uuid[], bigint[], text[], text[], text[], text[], text[], text[], uuid[]);
CREATE OR REPLACE FUNCTION robbie_sync.push(
    node uuid, node_name text, expected uuid[], fresh uuid, acked bigint, run uuid, actor text, reason text, force boolean,
    ids uuid[], seqs bigint[], tbls text[], ops text[], pks text[], payloads text[], bases text[], seens text[], waits uuid[], images boolean DEFAULT true
) RETURNS SETOF robbie_sync.result
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    results robbie_sync.result[] := array_fill(NULL::robbie_sync.result, ARRAY[cardinality(ids)]);
    shapes jsonb := '{}';
    shape robbie_sync.shape;
    todo integer[];
    again integer[];
    unsettled jsonb := '{}';
    progress boolean;
    r robbie_sync.result;
    chain text;
    by_sets boolean;
    done uuid[] := '{}';     -- what went the short way
    rivals boolean := false; -- a unique value was met that another row has
    began timestamptz;
    places integer[]; names text[]; parents text[]; rules text[]; -- of entries that wait for a parent
    members integer[] := '{}'; -- of circles that were tried
    named integer[] := '{}';   -- those that could not go
    message text; detail text; of_table text; of_column text; of_constraint text;
BEGIN
    PERFORM set_config('robbie_sync.origin', push.node::text, true);
    PERFORM robbie_sync.greet(push.node, node_name, expected, fresh, acked);
    IF NOT images AND NOT force AND cardinality(ids) >= 8 THEN
        done := robbie_sync.push_plain(push.node, run, push.actor, push.reason, ids, seqs, tbls, ops, pks, payloads, waits);
        RETURN QUERY SELECT d, 'insert', 'applied', NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::uuid, NULL::jsonb,
            NULL::jsonb, NULL::jsonb, NULL::double precision FROM unnest(done) d;
        IF cardinality(done) = cardinality(ids) THEN
            PERFORM robbie_sync.settle_rivals(ids);
            RETURN;
        END IF;
    END IF;
    by_sets := cardinality(ids) - cardinality(done) >= 8 AND NOT force AND has_database_privilege(current_database(), 'TEMPORARY');
    IF by_sets THEN
        PERFORM robbie_sync.prepare_batch();
        INSERT INTO pg_temp.robbie_batch
        SELECT b.n, b.id, b.seq, b.tbl, b.op, b.pk::jsonb, p.payload, p.payload, b.base::jsonb, b.waits
        FROM unnest(ids, seqs, tbls, ops, pks, payloads, bases, waits) WITH ORDINALITY AS b(id, seq, tbl, op, pk, payload, base, waits, n)
        CROSS JOIN LATERAL (SELECT b.payload::jsonb AS payload OFFSET 0) p
        WHERE b.id NOT IN (SELECT unnest(done));
        PERFORM robbie_sync.push_sets(push.node, run, push.actor, push.reason);
        -- The sender knows their keys.
        RETURN QUERY SELECT b.id, d.verdict, CASE d.verdict WHEN 'no_change' THEN 'no_change' ELSE 'applied' END, NULL::text, NULL::text,
            NULL::text, NULL::text, NULL::text, NULL::uuid, NULL::jsonb, d.before, d.image, NULL::double precision
        FROM pg_temp.robbie_done d JOIN pg_temp.robbie_batch b USING (n) WHERE d.judged IS NULL;
        RETURN QUERY SELECT b.id, (d.judged).verdict, (d.judged).outcome, (d.judged).sqlstate, (d.judged).message, (d.judged).detail,
            (d.judged).object, (d.judged).blocked_on, (d.judged).blocked_by, b.pk, NULL::jsonb, NULL::jsonb, NULL::double precision
        FROM pg_temp.robbie_done d JOIN pg_temp.robbie_batch b USING (n) WHERE NOT d.judged IS NULL;
        todo := ARRAY(SELECT b.n FROM pg_temp.robbie_batch b WHERE NOT EXISTS (SELECT 1 FROM pg_temp.robbie_done d WHERE d.n = b.n)
            AND NOT EXISTS (SELECT 1 FROM pg_temp.robbie_orphan o WHERE o.n = b.n) ORDER BY b.n);
    ELSE
        todo := ARRAY(SELECT n FROM generate_series(1, cardinality(ids)) n WHERE ids[n] NOT IN (SELECT unnest(done)));
    END IF;
    LOOP
        again := '{}';
        progress := false;
        FOR i IN 1 .. coalesce(cardinality(todo), 0) LOOP
            DECLARE
                n integer := todo[i];
            BEGIN
                began := clock_timestamp();
                IF shape.tbl IS DISTINCT FROM tbls[n] THEN
                    IF NOT shapes ? tbls[n] THEN
                        shapes := shapes || jsonb_build_object(tbls[n], to_jsonb(robbie_sync.shape_of(tbls[n])));
                    END IF;
                    shape := jsonb_populate_record(NULL::robbie_sync.shape, shapes -> tbls[n]);
                END IF;
                chain := CASE WHEN pks[n] IS NOT NULL THEN tbls[n] || ' ' || pks[n] END;
                IF waits[n] IS NOT NULL OR unsettled ? chain THEN
                    r := NULL;
                    r.verdict := 'waits_for_chain';
                    r.outcome := 'blocked';
                    r.object := tbls[n];
                    r.message := 'an earlier entry of the same row is not settled';
                    r.blocked_on := 'chain';
                    r.blocked_by := coalesce(waits[n], (unsettled ->> chain)::uuid);
                    r.pk := pks[n]::jsonb;
                ELSE
                    BEGIN
                        r := robbie_sync.apply_entry(push.node, run, actor, reason, force, shape, ids[n], seqs[n], ops[n], pks[n]::jsonb,
                            payloads[n]::jsonb, bases[n]::jsonb, seens[n]);
                        -- A deferred constraint speaks now, while this entry can still be told apart.
                        SET CONSTRAINTS ALL IMMEDIATE;
                    EXCEPTION WHEN OTHERS THEN
                        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, of_table = TABLE_NAME,
                            of_column = COLUMN_NAME, of_constraint = CONSTRAINT_NAME;
                        IF robbie_sync.is_transient(SQLSTATE) THEN
                            RAISE;
                        END IF;
                        -- Where one lock was waited for in vain there may be a thousand: the others are not waited for as long.
                        IF SQLSTATE = '55P03' THEN
                            PERFORM set_config('lock_timeout', '20ms', true);
                        END IF;
                        r := robbie_sync.judge(shape, ops[n], payloads[n]::jsonb, SQLSTATE, message, detail, of_table, of_column, of_constraint);
                        r.pk := pks[n]::jsonb;
                        rivals := rivals OR r.sqlstate = '23505' AND r.verdict = 'constraint';
                    END;
                END IF;
                r.entry_id := ids[n];
                r.ms := extract(epoch FROM clock_timestamp() - began) * 1000;
                results[n] := r;
                IF r.outcome IN ('applied', 'no_change', 'superseded', 'conflict_resolved') THEN
                    progress := true;
                ELSE
                    IF chain IS NOT NULL AND NOT unsettled ? chain THEN
                        unsettled := unsettled || jsonb_build_object(chain, ids[n]);
                    END IF;
                    IF waits[n] IS NULL AND (r.verdict IN ('waits_for_parent', 'waits_for_chain') OR r.sqlstate = '23505') THEN
                        again := again || n;
                    END IF;
                END IF;
            END;
        END LOOP;
        IF again = '{}' OR NOT progress THEN
            IF by_sets THEN
                -- What came one by one may be what orphans waited for.
                again := again || robbie_sync.orphans_with_parents();
            END IF;
            IF again = '{}' OR again <@ todo THEN
                -- None gets further alone. Rows that wait for each other go together, or are named; what was named is not tried again.
                progress := false;
                SELECT array_agg(w.n), array_agg(w.name), array_agg(w.parent), array_agg(w.rule) INTO places, names, parents, rules
                FROM (SELECT a.n::integer, tbls[a.n] || ' ' || coalesce(a.pk, pks[a.n]::jsonb), substr(a.blocked_on, 8), a.object
                      FROM unnest(results) WITH ORDINALITY AS a(entry_id, verdict, outcome, sqlstate, message, detail, object, blocked_on,
                          blocked_by, pk, before_image, after_image, ms, n)
                      WHERE a.verdict = 'waits_for_parent' AND a.blocked_on LIKE 'parent %' AND a.n <> ALL (named)) w(n, name, parent, rule);
                IF by_sets THEN
                    SELECT places || array_agg(o.n), names || array_agg(b.tbl || ' ' || b.pk),
                        parents || array_agg(format('%s %s', o.parent ->> 'tbl', o.parent -> 'pk')), rules || array_agg(b.tbl || '.' || (o.parent ->> 'key'))
                    INTO places, names, parents, rules FROM pg_temp.robbie_orphan o JOIN pg_temp.robbie_batch b USING (n);
                END IF;
                EXIT WHEN places IS NULL;
                FOR r IN SELECT * FROM robbie_sync.push_circles(push.node, run, push.actor, push.reason, force, places, names, parents, rules,
                    ids, seqs, tbls, ops, pks, payloads, bases, seens)
                LOOP
                    members := members || array_position(ids, r.entry_id);
                    results[members[cardinality(members)]] := r;
                    IF r.outcome = 'blocked' THEN
                        named := named || members[cardinality(members)];
                    ELSE
                        progress := true;
                    END IF;
                END LOOP;
                IF by_sets THEN
                    DELETE FROM pg_temp.robbie_orphan o WHERE o.n = ANY (members);
                    again := again || robbie_sync.orphans_with_parents();
                END IF;
                again := ARRAY(SELECT a FROM unnest(again) a WHERE a <> ALL (members) ORDER BY a);
                EXIT WHEN again = '{}' OR NOT progress;
            END IF;
        END IF;
        todo := again;
        -- What is not tried again stays in the way of its row's later entries.
        unsettled := (SELECT coalesce(jsonb_object_agg(u.row_key, u.holder), '{}') FROM jsonb_each_text(unsettled) u(row_key, holder)
                      WHERE NOT EXISTS (SELECT 1 FROM unnest(again) a WHERE ids[a] = u.holder::uuid));
    END LOOP;
    PERFORM robbie_sync.settle_rivals(ids);
    IF rivals THEN
        PERFORM robbie_sync.note_rival(push.node, a.entry_id, tbls[n], pks[n]::jsonb, payloads[n]::jsonb, bases[n]::jsonb)
        FROM unnest(results, ids) WITH ORDINALITY AS a(entry_id, verdict, outcome, sqlstate, message, detail, object, blocked_on,
            blocked_by, pk, before_image, after_image, ms, id, n)
        WHERE a.sqlstate = '23505' AND a.verdict = 'constraint';
    END IF;
    RETURN QUERY SELECT a.* FROM unnest(results) a WHERE a.entry_id IS NOT NULL;
    IF by_sets THEN
        RETURN QUERY SELECT b.id, 'waits_for_parent', 'blocked', '23503',
            format('%s points at a row of %s that the master does not have', b.tbl, o.parent ->> 'tbl'),
            format('%s %s', o.parent ->> 'tbl', o.parent -> 'pk'), b.tbl || '.' || (o.parent ->> 'key'),
            format('parent %s %s', o.parent ->> 'tbl', o.parent -> 'pk'), NULL::uuid, b.pk, NULL::jsonb, NULL::jsonb, NULL::double precision
        FROM pg_temp.robbie_orphan o JOIN pg_temp.robbie_batch b USING (n);
    END IF;
END $$;
