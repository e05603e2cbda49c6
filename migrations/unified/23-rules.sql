-- Per column: what becomes of it when both sides changed it, {column: rule}; set by robbie_sync.rule(table, column, rule). Columns
-- without a rule follow the table's policy.
ALTER TABLE robbie_sync.synced_table ADD COLUMN IF NOT EXISTS rules jsonb NOT NULL DEFAULT '{}';
