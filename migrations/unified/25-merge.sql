-- Merging: pure functions of the images and the rules. No clock, no chance: the same inputs give the same bytes.

-- Whether `one` is greater than `other`, in the order of the column's type; nothing is greater than NULL, and NULL than nothing.
CREATE OR REPLACE FUNCTION robbie_sync.is_greater(of_type text, one jsonb, other jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
DECLARE
    answer boolean;
BEGIN
    IF coalesce(one, 'null') = 'null' OR coalesce(other, 'null') = 'null' THEN
        RETURN coalesce(other, 'null') = 'null' AND coalesce(one, 'null') <> 'null';
    END IF;
    EXECUTE format('SELECT a.v > b.v FROM jsonb_to_record(jsonb_build_object(''v'', $1)) a(v %1$s), jsonb_to_record(jsonb_build_object(''v'', $2)) b(v %1$s)', of_type)
    INTO answer USING one, other;
    RETURN coalesce(answer, false);
END $$;

-- The elements of both lists, each once: theirs in their order, then those that only ours has.
CREATE OR REPLACE FUNCTION robbie_sync.set_union(ours jsonb, theirs jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN jsonb_typeof(ours) = 'array' AND jsonb_typeof(theirs) = 'array' THEN (
        SELECT coalesce(jsonb_agg(element ORDER BY place), '[]')
        FROM (SELECT DISTINCT ON (element) element, place FROM jsonb_array_elements(theirs || ours) WITH ORDINALITY e(element, place)
              ORDER BY element, place) u)
    ELSE theirs END
$$;

-- Merges documents key by key, at any depth; where both sides changed one value, theirs stays.
CREATE OR REPLACE FUNCTION robbie_sync.deep_merge(base jsonb, ours jsonb, theirs jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF ours IS NOT DISTINCT FROM base OR ours IS NOT DISTINCT FROM theirs THEN
        RETURN theirs;
    ELSIF theirs IS NOT DISTINCT FROM base THEN
        RETURN ours;
    ELSIF jsonb_typeof(ours) = 'object' AND jsonb_typeof(theirs) = 'object' THEN
        IF jsonb_typeof(base) IS DISTINCT FROM 'object' THEN
            base := '{}';
        END IF;
        RETURN (
            SELECT coalesce(jsonb_object_agg(k, merged), '{}')
            FROM (SELECT k, robbie_sync.deep_merge(base -> k, ours -> k, theirs -> k) AS merged
                  FROM (SELECT jsonb_object_keys(ours) UNION SELECT jsonb_object_keys(theirs)) keys(k)) m
            WHERE merged IS NOT NULL);
    END IF;
    RETURN theirs;
END $$;

-- One column that both sides changed, by its rule. `ours_newer` is for the rule `newest`.
CREATE OR REPLACE FUNCTION robbie_sync.merge_column(
    rule text, of_type text, base jsonb, ours jsonb, theirs jsonb, ours_newer boolean
) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE rule
        WHEN 'local' THEN ours
        WHEN 'newest' THEN CASE WHEN ours_newer THEN ours ELSE theirs END
        WHEN 'max' THEN CASE WHEN robbie_sync.is_greater(of_type, ours, theirs) THEN ours ELSE theirs END
        WHEN 'min' THEN CASE WHEN coalesce(theirs, 'null') = 'null'
            OR (coalesce(ours, 'null') <> 'null' AND robbie_sync.is_greater(of_type, theirs, ours)) THEN ours ELSE theirs END
        -- A sum has no value where one is missing: an absent base counts as nothing, an emptied column stays theirs.
        WHEN 'delta' THEN CASE WHEN coalesce(ours, 'null') = 'null' THEN theirs
            ELSE to_jsonb(coalesce((theirs #>> '{}')::numeric, 0) + (ours #>> '{}')::numeric - coalesce((base #>> '{}')::numeric, 0)) END
        WHEN 'set_union' THEN robbie_sync.set_union(ours, theirs)
        WHEN 'deep_merge' THEN robbie_sync.deep_merge(base, ours, theirs)
        WHEN 'concat' THEN CASE
            WHEN coalesce(ours, 'null') = 'null' THEN theirs
            WHEN coalesce(theirs, 'null') = 'null' THEN ours
            ELSE to_jsonb((theirs #>> '{}') || E'\n=======\n' || (ours #>> '{}')) END
        ELSE theirs END;
END $$;

-- Merges what an entry sets (`local`) into the master's row (`remote`), given the image both started from (NULL: not known; then
-- everything in `local` is a change of ours). `quiet`: nobody else changed the row. `force`: ours wins, but sums stay sums.
-- `edited`: an earlier version of the entry may be in the row already, so that no sum can be made. `latest`: no stamp counts as later.
--   written  what to write: column and value
--   lost     columns of ours that stay as the master has them
--   by_rule  columns that both sides changed and a rule brought together, with the rule
-- A column with a rule stands for itself: it neither makes a row one that both sides changed, nor is it lost in one.
CREATE OR REPLACE FUNCTION robbie_sync.merge(
    base jsonb, local jsonb, remote jsonb, policy text, rules jsonb, ignored text[], stamp text, latest timestamptz,
    quiet boolean, force boolean, edited boolean,
    OUT written jsonb, OUT lost text[], OUT by_rule text[]
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
DECLARE
    name text;
    ours jsonb;
    theirs jsonb;
    rule text;
    value jsonb;
    they_did boolean;
    row_taken boolean := policy = 'row' AND NOT quiet AND EXISTS (
        SELECT 1 FROM jsonb_object_keys(base) k
        WHERE k <> ALL (ignored) AND NOT rules ? k AND coalesce(remote, '{}') ? k AND base -> k IS DISTINCT FROM remote -> k);
    ours_newer boolean := coalesce(least((local ->> stamp)::timestamptz, latest) > least((remote ->> stamp)::timestamptz, latest), false);
BEGIN
    written := '{}';
    lost := '{}';
    by_rule := '{}';
    FOR name, ours IN SELECT k, v FROM jsonb_each(local) e(k, v) ORDER BY k COLLATE "C" LOOP
        theirs := coalesce(remote -> name, 'null');
        CONTINUE WHEN base ? name AND coalesce(base -> name, 'null') = ours;
        they_did := NOT quiet AND name <> ALL (ignored) AND coalesce(base ? name AND base -> name IS DISTINCT FROM theirs, false);
        rule := rules #>> ARRAY[name, 'rule'];
        IF rule = 'delta' AND edited THEN
            rule := 'master';
        END IF;
        IF they_did AND (rule = 'delta' OR (ours <> theirs AND NOT force AND coalesce(rule, 'master') <> 'master')) THEN
            value := coalesce(robbie_sync.merge_column(rule, rules #>> ARRAY[name, 'type'], base -> name, ours, theirs, ours_newer), 'null');
            by_rule := by_rule || format('%s %s', name, rule);
        ELSIF NOT force AND ours <> theirs AND (they_did OR (row_taken AND rule IS NULL AND name <> ALL (ignored))) THEN
            lost := lost || name;
            CONTINUE;
        ELSE
            value := ours;
        END IF;
        IF value <> theirs THEN
            written := written || jsonb_build_object(name, value);
        END IF;
    END LOOP;
END $$;

-- Sets what becomes of a column when both sides changed it: master | local | newest | max | min | delta | set_union | deep_merge |
-- concat; NULL: the table's policy. Refused where the column's type does not carry the rule.
CREATE OR REPLACE FUNCTION robbie_sync.rule(of_table text, of_column text, chosen text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    shape robbie_sync.shape := robbie_sync.shape_of(of_table);
    found_type oid;
    wants text;
BEGIN
    IF shape.problem IS NOT NULL THEN
        RAISE EXCEPTION '%', shape.problem USING ERRCODE = shape.sqlstate, HINT = format('select robbie_sync.capture(%L)', of_table);
    END IF;
    -- What a domain stands for.
    WITH RECURSIVE t(id, base) AS (
        SELECT t.oid, t.typbasetype FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = to_regclass(shape.target) AND a.attname = of_column AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL SELECT b.oid, b.typbasetype FROM t JOIN pg_type b ON b.oid = t.base
    ) SELECT t.id INTO found_type FROM t WHERE t.base = 0;
    IF found_type IS NULL THEN
        RAISE EXCEPTION 'table % has no column %', quote_ident(of_table), quote_ident(of_column) USING ERRCODE = 'undefined_column';
    END IF;
    IF of_column = ANY (shape.key || shape.ignored) OR of_column <> ALL (shape.writable) THEN
        RAISE EXCEPTION 'column % of % is never merged: it is part of the key, derived, generated or a stamp',
            quote_ident(of_column), quote_ident(of_table) USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF chosen IS NULL THEN
        UPDATE robbie_sync.synced_table s SET rules = s.rules - of_column WHERE s.tbl = of_table;
        RETURN;
    END IF;
    IF chosen <> ALL (ARRAY['master', 'local', 'newest', 'max', 'min', 'delta', 'set_union', 'deep_merge', 'concat']) THEN
        RAISE EXCEPTION 'there is no rule %', quote_literal(chosen) USING ERRCODE = 'invalid_parameter_value',
            HINT = 'One of: master, local, newest, max, min, delta, set_union, deep_merge, concat.';
    END IF;
    wants := CASE chosen
        WHEN 'delta' THEN CASE WHEN found_type <> ALL (ARRAY['int2', 'int4', 'int8', 'numeric']::regtype[]) THEN 'an integer or numeric column' END
        WHEN 'set_union' THEN CASE WHEN found_type <> 'jsonb'::regtype AND NOT EXISTS (
            SELECT 1 FROM pg_type t WHERE t.oid = found_type AND t.typcategory = 'A') THEN 'an array or jsonb column' END
        WHEN 'deep_merge' THEN CASE WHEN found_type <> 'jsonb'::regtype THEN 'a jsonb column' END
        WHEN 'concat' THEN CASE WHEN found_type <> ALL (ARRAY['text', 'varchar', 'bpchar']::regtype[]) THEN 'a text column' END
        WHEN 'newest' THEN CASE WHEN shape.stamp IS NULL THEN 'a stamp column in its table, such as updated_at' END
        END;
    IF chosen IN ('max', 'min') THEN
        BEGIN
            EXECUTE format('SELECT NULL::%1$s > NULL::%1$s', found_type::regtype);
        EXCEPTION WHEN undefined_function THEN
            wants := 'a column whose values have an order';
        END;
    END IF;
    IF wants IS NOT NULL THEN
        RAISE EXCEPTION 'the rule % needs %; % of % is of type %', chosen, wants, quote_ident(of_column), quote_ident(of_table),
            format_type(found_type, NULL) USING ERRCODE = 'datatype_mismatch';
    END IF;
    UPDATE robbie_sync.synced_table s SET rules = s.rules || jsonb_build_object(of_column, chosen) WHERE s.tbl = of_table;
END $$;
