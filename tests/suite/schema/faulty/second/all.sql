CREATE TABLE users (id integer PRIMARY KEY, username text);
CREATE TABLE api_keys (id uuid PRIMARY KEY, user_id integer REFERENCES users);
