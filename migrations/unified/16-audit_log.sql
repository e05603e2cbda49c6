-- audit_log is deployed in two shapes: entity_type/entity_id/old_values/new_values (01) and resource/resource_id/details
-- with the company (this file). One table takes the writers of both: it has all columns, and what a new row is about stands
-- under both names. Rows that were logged before are not touched. company_id gets its foreign key with the companies table.

SELECT robbie_sync.adopt('public.audit_log', 'id', ARRAY[
    ['company_id', 'uuid', NULL], ['resource', 'text', NULL], ['resource_id', 'text', NULL], ['details', 'jsonb', NULL]]);

DO $$
DECLARE
    narrow name;
BEGIN
    -- The other shape has these as text: no writer may be refused for length. Nothing is rewritten by this.
    FOR narrow IN
        SELECT a.attname FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = 'public.audit_log'::regclass AND a.attname IN ('action', 'entity_type', 'entity_id')
           AND a.atttypid = 'varchar'::regtype AND NOT a.attisdropped
    LOOP
        BEGIN
            EXECUTE format('ALTER TABLE public.audit_log ALTER COLUMN %I TYPE text', narrow);
        EXCEPTION WHEN feature_not_supported THEN
            PERFORM robbie_sync.remark(format('audit_log.%s stays varchar: a view or rule uses it', narrow));
        END;
    END LOOP;
    IF EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = 'public.audit_log'::regclass
                  AND a.attname = 'resource' AND a.attnotnull) THEN
        ALTER TABLE public.audit_log ALTER COLUMN resource DROP NOT NULL;
        PERFORM robbie_sync.remark('audit_log.resource may be NULL now, for writers of the other shape');
    END IF;
END $$;

CREATE OR REPLACE FUNCTION robbie_sync.name_audited_entity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.entity_type := coalesce(NEW.entity_type, NEW.resource);
    NEW.entity_id := coalesce(NEW.entity_id, NEW.resource_id);
    NEW.resource := coalesce(NEW.resource, NEW.entity_type);
    NEW.resource_id := coalesce(NEW.resource_id, NEW.entity_id);
    RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS robbie_name_audited_entity ON public.audit_log;
CREATE TRIGGER robbie_name_audited_entity BEFORE INSERT ON public.audit_log
    FOR EACH ROW EXECUTE FUNCTION robbie_sync.name_audited_entity();

-- By hash: an id has no limit of length any more, and a btree would set one.
SELECT robbie_sync.ensure_index('idx_audit_log_entity', 'public.audit_log', 'hash (entity_id)'),
       robbie_sync.ensure_index('idx_audit_log_company', 'public.audit_log', 'btree (company_id)');
