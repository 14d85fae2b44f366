-- Revoked agents stay: their names are on the record.
CREATE TABLE agents (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL,
    owner       TEXT NOT NULL,
    database    TEXT,
    role        TEXT,
    environment TEXT,
    -- SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey, emptied when revoked.
    verifier    TEXT NOT NULL,
    -- Rises with every rotation and revocation, and goes on when the name is added again.
    epoch       INTEGER NOT NULL,
    -- Milliseconds since 1970.
    created     INTEGER NOT NULL,
    rotated     INTEGER,
    revoked     INTEGER
) STRICT;

CREATE UNIQUE INDEX agents_live ON agents (name) WHERE revoked IS NULL;

-- Where an agent may connect from; no row is everywhere.
CREATE TABLE agent_networks (
    agent   INTEGER NOT NULL REFERENCES agents (id),
    network TEXT NOT NULL,
    PRIMARY KEY (agent, network)
) STRICT, WITHOUT ROWID;

-- Where the server that ran last can be reached.
CREATE TABLE listener (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    address      TEXT NOT NULL,
    port         INTEGER NOT NULL,
    tls_required INTEGER NOT NULL,
    database     TEXT
) STRICT;

-- Random bytes of this installation, by purpose.
CREATE TABLE keys (
    purpose TEXT PRIMARY KEY,
    bytes   BLOB NOT NULL
) STRICT, WITHOUT ROWID;
