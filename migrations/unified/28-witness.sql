-- Witnesses. A pull leaves one here after it has looked and before its replica stores how far it is: a master that has a
-- replica's witness has all that this replica has seen; one that lacks it was restored, replaced, or promoted too early.

CREATE TABLE IF NOT EXISTS robbie_sync.witness (
    token   uuid PRIMARY KEY,
    node_id uuid        NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS witness_node ON robbie_sync.witness (node_id, at);

-- Leaves one.
CREATE OR REPLACE FUNCTION robbie_sync.attest(token uuid, node uuid) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO robbie_sync.witness (token, node_id) VALUES (attest.token, attest.node)
$$;

-- Forgets those that no replica can still have in mind: of a node's witnesses the last one stays, of each minute the last
-- for 30 days (a replica that is restored from a backup shows an old one), and all of the last day.
CREATE OR REPLACE FUNCTION robbie_sync.prune_witnesses() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM robbie_sync.witness w USING (
        SELECT o.token FROM robbie_sync.witness o
        WHERE o.at < clock_timestamp() - interval '1 day' AND EXISTS (
            SELECT 1 FROM robbie_sync.witness n WHERE n.node_id = o.node_id AND n.at > o.at
            AND (o.at < clock_timestamp() - interval '30 days' OR n.at < date_trunc('minute', o.at) + interval '1 minute'))
        LIMIT 20000) old
    WHERE w.token = old.token
$$;
