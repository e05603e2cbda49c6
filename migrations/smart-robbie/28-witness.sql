-- What the replica does when the master, or it itself, is not the one it was.

-- What the last pull left on the master (robbie_sync.witness there).
ALTER TABLE robbie_sync.cursor ADD COLUMN IF NOT EXISTS witness uuid;

-- Entries whose effect the master has lost are due again, in their old order.
CREATE OR REPLACE FUNCTION robbie_sync.unsettle(lost uuid[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given bigint;
BEGIN
    PERFORM set_config('robbie_sync.apply', 'on', true);
    -- Where the master's row stood against it, the row here is not ours: it must not go with the entry unseen.
    INSERT INTO robbie_sync.base (tbl, pk)
    SELECT DISTINCT e.tbl, e.pk FROM robbie_sync.entry e
    WHERE e.entry_id = ANY (lost) AND e.pk IS NOT NULL AND e.state IN ('superseded', 'conflict_resolved')
    ON CONFLICT (tbl, pk) DO NOTHING;
    UPDATE public.pending_sync p SET synced_at = NULL WHERE p.id = ANY (lost) AND p.synced_at IS NOT NULL;
    UPDATE robbie_sync.entry e
    SET state = 'ready', next_attempt_at = clock_timestamp(), blocked_by = NULL, blocked_on = NULL, verdict = NULL, sqlstate = NULL
    FROM public.pending_sync p
    WHERE e.entry_id = ANY (lost) AND p.id = e.entry_id AND e.state IN ('applied', 'superseded', 'conflict_resolved');
    GET DIAGNOSTICS given = ROW_COUNT;
    RETURN given;
END $$;

-- Entries that may have taken effect in a life of this replica which it has forgotten wait for a person.
CREATE OR REPLACE FUNCTION robbie_sync.hold(doubtful uuid[], why text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held uuid[];
BEGIN
    PERFORM set_config('robbie_sync.apply', 'on', true);
    WITH changed AS (
        UPDATE robbie_sync.entry e SET state = 'quarantined', verdict = 'fault', sqlstate = NULL, blocked_by = NULL, blocked_on = NULL,
            first_failed_at = coalesce(e.first_failed_at, clock_timestamp()), last_failed_at = clock_timestamp()
        WHERE e.entry_id = ANY (doubtful) AND e.state IN ('ready', 'inflight', 'retry', 'blocked')
        RETURNING e.entry_id)
    SELECT coalesce(array_agg(entry_id), '{}') INTO held FROM changed;
    INSERT INTO robbie_sync.attempt (entry_id, actor, verdict, outcome, message)
    SELECT id, 'engine', 'fault', 'held', why FROM unnest(held) id;
    UPDATE public.pending_sync p SET error = why WHERE p.id = ANY (held);
    RETURN cardinality(held);
END $$;

-- Starts over with a master that lost history (`rewound`), or under a new identity because another has this one (`clash`).
-- Images of a history that is gone prove nothing: what is not settled is judged by what had been `seen` of the one that is
-- left. Under a new identity this replica's own earlier changes are somebody else's.
CREATE OR REPLACE FUNCTION robbie_sync.start_over(rewound boolean, clash boolean, seen text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE robbie_sync.this_node SET node_id = gen_random_uuid(), nonce = NULL, next_nonce = NULL WHERE clash;
    UPDATE robbie_sync.cursor SET state = 'resync' WHERE rewound AND state IN ('following', 'bootstrapping');
    UPDATE robbie_sync.entry e
    SET base = CASE WHEN NOT rewound OR start_over.seen IS NULL THEN e.base END, seen = CASE WHEN rewound THEN start_over.seen END
    WHERE (rewound OR clash) AND e.state IN ('ready', 'inflight', 'retry', 'blocked', 'quarantined');
    UPDATE robbie_sync.base SET image = NULL WHERE rewound AND start_over.seen IS NOT NULL AND image IS NOT NULL
$$;
