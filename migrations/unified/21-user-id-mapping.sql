-- Which users row a replica's TEXT user id means. One users row has one text id per service, so that the way back is as
-- clear as the way there.

CREATE TABLE IF NOT EXISTS public.user_id_mapping (
    text_id    text PRIMARY KEY,
    uuid_id    uuid REFERENCES public.users (id) ON DELETE CASCADE,
    service    varchar(50) NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP
);
SELECT robbie_sync.adopt('public.user_id_mapping', 'text_id', ARRAY[
    ['text_id', 'text', NULL], ['uuid_id', 'uuid', NULL], ['service', 'varchar(50)', '''robbie-code'''],
    ['created_at', 'timestamptz', 'CURRENT_TIMESTAMP']]);

DO $$ BEGIN
    IF EXISTS (SELECT FROM public.user_id_mapping m WHERE m.uuid_id IS NOT NULL
                GROUP BY m.uuid_id, m.service HAVING count(*) > 1) THEN
        PERFORM robbie_sync.ensure_index('idx_user_id_mapping_uuid', 'public.user_id_mapping', 'btree (uuid_id, service)');
        PERFORM robbie_sync.remark('user_id_mapping has several text ids for one user and service: the way back is ambiguous');
    ELSE
        PERFORM robbie_sync.ensure_index('user_id_mapping_uuid_service', 'public.user_id_mapping',
                                         'btree (uuid_id, service)', is_unique => true);
    END IF;
END $$;

INSERT INTO public.user_id_mapping (text_id, uuid_id, service)
SELECT 'allan', u.id, 'robbie-code' FROM public.users u WHERE u.username = 'allan'
ON CONFLICT DO NOTHING;
