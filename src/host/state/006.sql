-- How people prove who they are with what pgsluice itself keeps. It goes with the person.
CREATE TABLE accounts (
    person  INTEGER PRIMARY KEY REFERENCES people (id),
    -- $argon2id$…
    hash    TEXT NOT NULL,
    -- Milliseconds since 1970.
    changed INTEGER NOT NULL
) STRICT;

CREATE TABLE person_groups (
    person INTEGER NOT NULL REFERENCES people (id),
    name   TEXT NOT NULL,
    PRIMARY KEY (person, name)
) STRICT, WITHOUT ROWID;

-- Who is signed in. The token itself is with whoever signed in.
CREATE TABLE visits (
    -- SHA-256 of the token.
    token   BLOB PRIMARY KEY,
    person  INTEGER NOT NULL REFERENCES people (id),
    -- web, api
    through TEXT NOT NULL,
    -- Milliseconds since 1970.
    began   INTEGER NOT NULL,
    seen    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX visits_person ON visits (person);

-- Where people find the pages of the server that ran last.
ALTER TABLE listener ADD COLUMN web TEXT;
