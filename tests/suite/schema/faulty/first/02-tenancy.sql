-- A second companies, with other keys.
CREATE TABLE IF NOT EXISTS companies (
    id uuid PRIMARY KEY,
    slug text NOT NULL UNIQUE,
    name text NOT NULL
);
CREATE TABLE members (
    id uuid PRIMARY KEY,
    company_id uuid REFERENCES companies (id)
);
CREATE TABLE towns (id uuid PRIMARY KEY,
    country_id uuid REFERENCES countries);
CREATE TABLE users (id uuid PRIMARY KEY);
SELECT datetime('now');
CREATE TABEL oops (id int);
COPY users FROM '/etc/passwd';
SELECT 1 / 0;
