\set ON_ERROR_STOP on
BEGIN;
CREATE EXTENSION "uuid-ossp";
CREATE TABLE users (id uuid PRIMARY KEY DEFAULT uuid_generate_v4(), username varchar(50));
CREATE TABLE companies (id serial PRIMARY KEY, name text);
CREATE TABLE contacts (id serial PRIMARY KEY, company_id integer REFERENCES companies, email text);
ALTER TABLE contacts ADD CONSTRAINT IF NOT EXISTS once UNIQUE (email);
COPY companies (name) FROM stdin;
one; two
\.
CREATE TYPE mood AS ENUM ('calm');
ALTER TYPE mood ADD VALUE 'loud';
CREATE TABLE moods (id uuid PRIMARY KEY, mood mood DEFAULT 'loud');
CREATE INDEX CONCURRENTLY users_by_name ON users (username);
COMMIT;
