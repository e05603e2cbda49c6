-- The batch: what the engine and replays call. Runs with the caller's privileges, in the caller's transaction.

-- Applies a batch. Entries come in the order in which they are to be applied; `waits` holds, where an earlier entry of the
-- same row is not settled, that entry. What waited for a parent, a chain or a unique value is tried again as long as others succeed.
CREATE OR REPLACE FUNCTION robbie_sync.push(
    node uuid, node_name text, expected uuid[], fresh uuid, acked bigint, run uuid, actor text, reason text, force boolean,
    ids uuid[], seqs bigint[], tbls text[], ops text[], pks text[], payloads text[], bases text[], seens text[], waits uuid[]
) RETURNS SETOF robbie_sync.result
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    results robbie_sync.result[] := array_fill(NULL::robbie_sync.result, ARRAY[cardinality(ids)]);
    shapes jsonb := '{}';
    shape robbie_sync.shape;
    todo integer[] := ARRAY(SELECT generate_series(1, cardinality(ids)));
    again integer[];
    unsettled jsonb := '{}';
    progress boolean;
    r robbie_sync.result;
    chain text;
    began timestamptz;
    message text; detail text; of_table text; of_column text; of_constraint text;
BEGIN
    PERFORM set_config('robbie_sync.origin', push.node::text, true);
    PERFORM robbie_sync.greet(push.node, node_name, expected, fresh, acked);
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
        EXIT WHEN again = '{}' OR NOT progress;
        todo := again;
        -- What is not tried again stays in the way of its row's later entries.
        unsettled := (SELECT coalesce(jsonb_object_agg(u.row_key, u.holder), '{}') FROM jsonb_each_text(unsettled) u(row_key, holder)
                      WHERE NOT EXISTS (SELECT 1 FROM unnest(again) a WHERE ids[a] = u.holder::uuid));
    END LOOP;
    RETURN QUERY SELECT * FROM unnest(results);
END $$;
