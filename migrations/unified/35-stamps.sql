-- created_at and updated_at, with the trigger that sets it, where tables of earlier files had not both. Left as they are: tables
-- whose rows never change, the queue, and the synced tables, whose columns are the replicas'.

ALTER TABLE public.api_keys ADD COLUMN IF NOT EXISTS updated_at timestamptz DEFAULT CURRENT_TIMESTAMP;
ALTER TABLE public.sessions ADD COLUMN IF NOT EXISTS updated_at timestamptz DEFAULT CURRENT_TIMESTAMP;
ALTER TABLE public.system_config ADD COLUMN IF NOT EXISTS created_at timestamptz DEFAULT CURRENT_TIMESTAMP;
ALTER TABLE public.user_id_mapping ADD COLUMN IF NOT EXISTS updated_at timestamptz DEFAULT CURRENT_TIMESTAMP;

SELECT robbie_sync.ensure_touch('public.api_keys'), robbie_sync.ensure_touch('public.sessions'),
       robbie_sync.ensure_touch('public.user_id_mapping');
