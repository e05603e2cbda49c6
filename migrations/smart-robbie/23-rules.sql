-- What this replica had seen of the master when an entry was queued: the master's system and timeline, and the snapshot up to
-- which its changes had been taken. Nothing where that is not known. It says without any clock what is newer than the entry.
ALTER TABLE robbie_sync.entry ADD COLUMN IF NOT EXISTS seen text;
