-- An entry whose row needs a value that the master allows once, and that another row of the master has. No side can be given up for
-- the other by itself: the entry waits for a person, and the conflict log has both images.

-- Looked for by entry.
CREATE INDEX IF NOT EXISTS conflict_rival ON robbie_sync.conflict ((entry_ids[1])) WHERE left(rule, 12) = 'unique value';

-- Logs it once for each image that an entry tried. `data` and `pk` are the entry's, in the replica's words.
CREATE OR REPLACE FUNCTION robbie_sync.note_rival(node uuid, entry uuid, tbl text, pk jsonb, data jsonb, base jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    shape robbie_sync.shape := robbie_sync.shape_of(note_rival.tbl);
    wanted jsonb := data || (SELECT jsonb_object_agg(k, coalesce(nullif(note_rival.data -> k, 'null'), note_rival.pk -> k)) FROM unnest(shape.key) k);
    row_key jsonb;
    ours jsonb;
    found jsonb;
    rival jsonb;
    taken text[] := '{}';
    rule record;
BEGIN
    wanted := robbie_sync.canonical(shape, (robbie_sync.with_users(shape, wanted)).mapped);
    row_key := (SELECT jsonb_object_agg(k, wanted -> k) FROM unnest(shape.key) k);
    IF EXISTS (SELECT 1 FROM robbie_sync.conflict c WHERE c.entry_ids[1] = entry AND left(c.rule, 12) = 'unique value' AND c.local = wanted) THEN
        RETURN;
    END IF;
    ours := robbie_sync.row_of(shape, wanted, false);
    -- Of an index over an expression, or over some rows, nobody says here which row has its value.
    FOR rule IN
        SELECT i.indexrelid::regclass::text AS name, (
            SELECT string_agg(format('t.%1$I = r.%1$I', a.attname), ' AND ')
            FROM unnest(i.indkey::smallint[]) WITH ORDINALITY k(attnum, place)
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE k.place <= i.indnkeyatts) AS same
        FROM pg_index i
        WHERE i.indrelid = to_regclass(shape.target) AND i.indisunique AND NOT i.indisprimary AND i.indexprs IS NULL AND i.indpred IS NULL
        ORDER BY 1
    LOOP
        EXECUTE format('SELECT to_jsonb(t.*) FROM jsonb_populate_record(NULL::%1$s, $1) r JOIN %1$s t ON %2$s AND NOT (%3$s) LIMIT 1',
            shape.target, rule.same, (SELECT string_agg(format('t.%1$I = r.%1$I', k), ' AND ') FROM unnest(shape.key) k))
        INTO found USING coalesce(ours, '{}') || wanted;
        IF found IS NOT NULL THEN
            taken := taken || rule.name;
            rival := coalesce(rival, found);
        END IF;
    END LOOP;
    INSERT INTO robbie_sync.conflict (node_id, kind, tbl, pk, base, local, remote, result, rule, entry_ids)
    VALUES (node, CASE WHEN cardinality(taken) > 1 THEN 'multiple_unique_conflicts' WHEN ours IS NULL THEN 'insert_exists' ELSE 'update_exists' END,
        shape.tbl, row_key, (robbie_sync.with_users(shape, base)).mapped, wanted, rival, ours,
        concat_ws(' ', 'unique value taken on the master:', nullif(array_to_string(taken, ', '), '')), ARRAY[entry]);
END $$;

-- Entries that went through after all.
CREATE OR REPLACE FUNCTION robbie_sync.settle_rivals(entries uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM robbie_sync.conflict c WHERE left(c.rule, 12) = 'unique value' AND c.resolved_at IS NULL) THEN
        UPDATE robbie_sync.conflict c SET resolved_at = clock_timestamp(), resolved_by = 'engine', resolution = 'the entry went through'
        FROM robbie_sync.applied a
        WHERE left(c.rule, 12) = 'unique value' AND c.resolved_at IS NULL AND c.entry_ids[1] = ANY (entries)
          AND a.entry_id = c.entry_ids[1] AND a.outcome <> 'undone';
    END IF;
END $$;
