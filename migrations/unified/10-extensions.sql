-- Extensions: pgvector where the server has it and this role may create it. uuid-ossp, pg_trgm and pg_cron are neither
-- needed nor assumed; a stand-in for uuid_generate_v4() serves the deployed defaults that call it.

SELECT robbie_sync.ensure_uuid_generate_v4(), robbie_sync.ensure_vector(needed => false);
