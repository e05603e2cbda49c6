-- Replays of many entries: what was asked for, and what became of each entry, so that one that was cut off can go on.

CREATE TABLE IF NOT EXISTS robbie_sync.job (
    job_id       uuid PRIMARY KEY,
    actor        text        NOT NULL,
    reason       text,
    force        boolean     NOT NULL DEFAULT false,
    rate         integer     CHECK (rate BETWEEN 1 AND 500),
    ramp         boolean     NOT NULL DEFAULT false,
    stop_on_new  boolean     NOT NULL DEFAULT false,
    max_failures double precision,
    known        text[]      NOT NULL DEFAULT '{}',
    state        text        NOT NULL CHECK (state IN ('running', 'paused', 'done', 'stopped', 'cancelled', 'interrupted')),
    why          text,
    total        bigint      NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at  timestamptz
);

-- In the order in which they are applied. `hash` and `row_version` are those of the preview; no outcome: not tried yet.
CREATE TABLE IF NOT EXISTS robbie_sync.job_entry (
    job_id      uuid   NOT NULL REFERENCES robbie_sync.job ON DELETE CASCADE,
    n           bigint NOT NULL,
    entry_id    uuid   NOT NULL,
    hash        text,
    row_version text,
    verdict     text,
    outcome     text,
    sqlstate    text,
    message     text,
    family      text,
    at          timestamptz,
    PRIMARY KEY (job_id, n)
);
