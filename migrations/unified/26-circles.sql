-- New rows that point at each other in a circle: none of them can go first. They go together where a constraint of the circle can be
-- deferred; else the circle is named. Called by robbie_sync.push (27-batch.sql); runs with the caller's privileges.

-- The circles among entries that wait: `places` of the entries, the `names` of their rows, and the rows that they wait for. Each entry
-- waits for one row, so that no two circles share a member.
CREATE OR REPLACE FUNCTION robbie_sync.circles(places integer[], names text[], parents text[]) RETURNS TABLE (members integer[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    next integer[] := array_fill(NULL::integer, ARRAY[(SELECT max(p) FROM unnest(places) p)]);
    walked integer[] := next; -- in which walk a place was first met
    edge record;
    here integer;
    starts integer[] := '{}';
BEGIN
    FOR edge IN
        SELECT w.place, min(p.place) AS parent FROM unnest(places, parents) w(place, parent)
        JOIN unnest(places, names) p(place, name) ON p.name = w.parent AND p.place <> w.place GROUP BY w.place
    LOOP
        next[edge.place] := edge.parent;
        starts := starts || edge.place;
    END LOOP;
    FOREACH edge.place IN ARRAY starts LOOP
        here := edge.place;
        WHILE here IS NOT NULL AND walked[here] IS NULL LOOP
            walked[here] := edge.place;
            here := next[here];
        END LOOP;
        IF here IS NOT NULL AND walked[here] = edge.place THEN
            members := ARRAY[here];
            edge.parent := next[here];
            WHILE edge.parent <> here LOOP
                members := members || edge.parent;
                edge.parent := next[edge.parent];
            END LOOP;
            RETURN NEXT;
        END IF;
    END LOOP;
END $$;

-- Those of the waiting entries that wait for one of `members`, or for one that does.
CREATE OR REPLACE FUNCTION robbie_sync.behind(members integer[], places integer[], names text[], parents text[]) RETURNS integer[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE waiting AS (
        SELECT * FROM unnest(places, names, parents) w(place, name, parent)
    ), after AS (
        SELECT w.place, w.name FROM waiting w WHERE w.place = ANY (members)
        UNION SELECT w.place, w.name FROM waiting w JOIN after a ON w.parent = a.name
    )
    SELECT array_agg(a.place ORDER BY a.place) FROM after a
$$;

-- Applies entries that wait for each other, all or none. One whose constraint can be deferred goes first, then those that wait for it.
CREATE OR REPLACE FUNCTION robbie_sync.push_circle(
    node uuid, run uuid, actor text, reason text, force boolean, ids uuid[], seqs bigint[], tbls text[], ops text[], pks text[],
    payloads text[], bases text[], seens text[]
) RETURNS SETOF robbie_sync.result
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    todo integer[] := ARRAY(SELECT generate_series(1, cardinality(ids)));
    again integer[];
    n integer;
    r robbie_sync.result;
    message text; detail text; of_table text; of_constraint text;
BEGIN
    SET CONSTRAINTS ALL DEFERRED;
    LOOP
        again := '{}';
        FOREACH n IN ARRAY todo LOOP
            BEGIN
                r := robbie_sync.apply_entry(node, run, actor, reason, force, robbie_sync.shape_of(tbls[n]), ids[n], seqs[n], ops[n],
                    pks[n]::jsonb, payloads[n]::jsonb, bases[n]::jsonb, seens[n]);
                IF r.outcome NOT IN ('applied', 'no_change', 'superseded', 'conflict_resolved') THEN
                    RAISE EXCEPTION '%', coalesce(r.message, r.verdict) USING ERRCODE = 'raise_exception', TABLE = tbls[n];
                END IF;
                RETURN NEXT r;
            EXCEPTION WHEN foreign_key_violation THEN
                GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, of_table = TABLE_NAME, of_constraint = CONSTRAINT_NAME;
                again := again || n;
            END;
        END LOOP;
        EXIT WHEN again = '{}';
        IF again = todo THEN
            RAISE EXCEPTION '%', message USING ERRCODE = 'foreign_key_violation', DETAIL = detail, TABLE = of_table, CONSTRAINT = of_constraint;
        END IF;
        todo := again;
    END LOOP;
    SET CONSTRAINTS ALL IMMEDIATE;
END $$;

-- What is said of a circle that cannot go: its rows, its entries, its constraints, and why. A long one is told by its beginning.
CREATE OR REPLACE FUNCTION robbie_sync.circle_named(names text[], ids uuid[], constraints text[], failed text, OUT message text, OUT detail text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told constant integer := 6;
    more text := CASE WHEN cardinality(ids) > told THEN format(' … %s more', cardinality(ids) - told) ELSE '' END;
    can_wait boolean := EXISTS (SELECT 1 FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
        WHERE c.condeferrable AND c.contype = 'f' AND t.relnamespace = 'public'::regnamespace AND format('%s.%s', t.relname, c.conname) = ANY (constraints));
BEGIN
    message := format('new rows that point at each other in a circle, so that none can go first: %s%s → %s',
        array_to_string(names[:told], ' → '), more, names[1]);
    detail := format('entries %s%s; constraints %s: %s', array_to_string(ids[:told], ', '), more,
        (SELECT string_agg(DISTINCT c, ', ') FROM unnest(constraints) c),
        CASE WHEN can_wait THEN 'together they fail: ' || failed ELSE 'none of them is DEFERRABLE' END);
END $$;

-- Tries each circle among the entries that wait; what became of its members. Where the circle alone is too little, what waits for it may
-- be what is missing.
CREATE OR REPLACE FUNCTION robbie_sync.push_circles(
    node uuid, run uuid, actor text, reason text, force boolean, places integer[], names text[], parents text[], rules text[],
    ids uuid[], seqs bigint[], tbls text[], ops text[], pks text[], payloads text[], bases text[], seens text[]
) RETURNS SETOF robbie_sync.result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most constant integer := 500; -- that are tried together
    circle integer[];
    members integer[];
    went robbie_sync.result[];
    failed text;
    r robbie_sync.result;
    i integer;
BEGIN
    FOR circle IN SELECT c.members FROM robbie_sync.circles(places, names, parents) c LOOP
        went := '{}';
        members := circle;
        LOOP
            BEGIN
                went := ARRAY(SELECT p FROM (SELECT array_agg(ids[m] ORDER BY o) ids, array_agg(seqs[m] ORDER BY o) seqs, array_agg(tbls[m] ORDER BY o) tbls,
                        array_agg(ops[m] ORDER BY o) ops, array_agg(pks[m] ORDER BY o) pks, array_agg(payloads[m] ORDER BY o) payloads,
                        array_agg(bases[m] ORDER BY o) bases, array_agg(seens[m] ORDER BY o) seens
                    FROM unnest(members) WITH ORDINALITY u(m, o)) a
                    CROSS JOIN LATERAL robbie_sync.push_circle(node, run, actor, reason, force, a.ids, a.seqs, a.tbls, a.ops, a.pks,
                        a.payloads, a.bases, a.seens) p);
                EXIT;
            EXCEPTION WHEN OTHERS THEN
                IF robbie_sync.is_transient(SQLSTATE) THEN
                    RAISE;
                END IF;
                failed := coalesce(failed, SQLERRM);
            END;
            EXIT WHEN members <> circle;
            members := robbie_sync.behind(circle, places, names, parents);
            EXIT WHEN cardinality(members) NOT BETWEEN cardinality(circle) + 1 AND most;
        END LOOP;
        RETURN QUERY SELECT w.* FROM unnest(went) w;
        CONTINUE WHEN went <> '{}';
        r := NULL;
        SELECT n.message, n.detail INTO r.message, r.detail FROM robbie_sync.circle_named(
            ARRAY(SELECT names[array_position(places, m)] FROM unnest(circle) m), ARRAY(SELECT ids[m] FROM unnest(circle) m),
            ARRAY(SELECT rules[array_position(places, m)] FROM unnest(circle) m), failed) n;
        FOREACH i IN ARRAY circle LOOP
            r.entry_id := ids[i];
            r.verdict := 'waits_for_parent';
            r.outcome := 'blocked';
            r.sqlstate := '23503';
            r.object := rules[array_position(places, i)];
            r.blocked_on := 'parent ' || parents[array_position(places, i)];
            r.pk := pks[i]::jsonb;
            RETURN NEXT r;
        END LOOP;
    END LOOP;
END $$;
