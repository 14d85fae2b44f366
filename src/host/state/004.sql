-- Requests for a new signing key, by the key that is to go: whoever writes the journal carries them out, and one that was carried
-- out already is known by that.
CREATE TABLE rotation (
    previous BLOB PRIMARY KEY,
    by       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
