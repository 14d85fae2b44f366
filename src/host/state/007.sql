-- What is known of the columns of databases: a copy of what the server knows, so that it need not be learned again.
CREATE TABLE surveyed (
    database TEXT NOT NULL,
    relation INTEGER NOT NULL,
    schema   TEXT NOT NULL,
    name     TEXT NOT NULL,
    -- OIDs with blanks between them.
    parents  TEXT NOT NULL,
    guarded  INTEGER NOT NULL,
    PRIMARY KEY (database, relation)
) STRICT, WITHOUT ROWID;

-- Who looked at its rows.
CREATE TABLE survey_looks (
    database TEXT NOT NULL,
    relation INTEGER NOT NULL,
    role     TEXT NOT NULL,
    -- Seconds since 1970.
    time     INTEGER NOT NULL,
    rows     INTEGER,
    PRIMARY KEY (database, relation, role),
    FOREIGN KEY (database, relation) REFERENCES surveyed (database, relation) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE verdicts (
    database  TEXT NOT NULL,
    relation  INTEGER NOT NULL,
    attribute INTEGER NOT NULL,
    -- name, sampled, learned, marked, defined
    basis     TEXT NOT NULL,
    -- Whose sample; empty where it is none.
    role      TEXT NOT NULL,
    name      TEXT NOT NULL,
    type      INTEGER NOT NULL,
    -- harmless; mixed and the kinds; whole and the kind
    holding   TEXT NOT NULL,
    cells     INTEGER NOT NULL,
    PRIMARY KEY (database, relation, attribute, basis, role),
    FOREIGN KEY (database, relation) REFERENCES surveyed (database, relation) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- What people said by command. It is for columns by their names, whatever becomes of the table.
CREATE TABLE overrules (
    -- Any, if empty.
    database TEXT NOT NULL,
    schema   TEXT NOT NULL,
    relation TEXT NOT NULL,
    name     TEXT NOT NULL,
    holding  TEXT NOT NULL,
    by       TEXT NOT NULL,
    -- Seconds since 1970.
    time     INTEGER NOT NULL,
    PRIMARY KEY (database, schema, relation, name)
) STRICT, WITHOUT ROWID;
