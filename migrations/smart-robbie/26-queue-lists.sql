-- What the queue's lists and groups read by: the few entries that are stuck among the many that are not.

CREATE INDEX IF NOT EXISTS entry_stuck ON robbie_sync.entry (seq) WHERE state IN ('retry', 'quarantined', 'blocked');
