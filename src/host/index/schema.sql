-- The index: what the journal says, arranged to be searched. All of it can be built again from the journal.

-- How far the journal was read: a record's number and hash.
CREATE TABLE cursor (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    journal BLOB NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    -- Records up to here were removed from the journal, and up to here from the index as well.
    pruned INTEGER NOT NULL,
    forgotten INTEGER NOT NULL DEFAULT 0
);

-- Statements that were run, prepared or refused: about a thousand in a block, see block.rs.
CREATE TABLE blocks (
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    earliest INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    data BLOB NOT NULL
);

-- Full blocks, some hundred of them together, and lists of what is in them, see posting.rs.
CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    earliest INTEGER NOT NULL,
    latest INTEGER NOT NULL
);
-- No list where it would name a good part of the run.
CREATE TABLE lists (key INTEGER PRIMARY KEY, data BLOB);

-- Statements whose end may still come.
CREATE TABLE open (session INTEGER, number INTEGER, seq INTEGER NOT NULL, prepared INTEGER NOT NULL, PRIMARY KEY (session, number)) WITHOUT ROWID;

CREATE TABLE shapes (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    -- The set of relations that its statements name, if they name any.
    relations INTEGER NOT NULL DEFAULT 0,
    text TEXT
);
CREATE INDEX shapes_by_relations ON shapes (relations) WHERE relations > 0;
CREATE TABLE shape_totals (
    id INTEGER PRIMARY KEY,
    -- Rows in blocks; of these the ones that ran.
    uses INTEGER NOT NULL,
    count INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    duration INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    masked INTEGER NOT NULL
);
CREATE VIRTUAL TABLE shape_words USING fts5 (words, content = '', detail = none, columnsize = 0, tokenize = "ascii tokenchars '_'", prefix = '2 4');

CREATE TABLE relations (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE relation_sets (id INTEGER PRIMARY KEY, members TEXT NOT NULL UNIQUE, uses INTEGER NOT NULL DEFAULT 0);
CREATE TABLE relation_members (relation INTEGER, id INTEGER, PRIMARY KEY (relation, id)) WITHOUT ROWID;

-- Rules, error codes, commands, kinds of masked values.
CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE agents (id INTEGER PRIMARY KEY, agent_id INTEGER NOT NULL, name TEXT NOT NULL, owner TEXT NOT NULL, UNIQUE (agent_id, name, owner));
CREATE INDEX agents_by_name ON agents (name);
CREATE TABLE sessions (
    session INTEGER PRIMARY KEY,
    agent INTEGER NOT NULL,
    environment TEXT,
    database TEXT NOT NULL,
    role TEXT NOT NULL,
    address TEXT,
    tls INTEGER NOT NULL,
    application TEXT,
    -- The record of its end.
    ended INTEGER
);

CREATE TABLE days (
    day INTEGER,
    agent INTEGER,
    count INTEGER NOT NULL,
    prepared INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    duration INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    masked INTEGER NOT NULL,
    PRIMARY KEY (day, agent)
) WITHOUT ROWID;

-- Everything else that happened.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    session INTEGER,
    agent TEXT,
    hold INTEGER,
    -- What it says in few words that operators or pgsluice chose; what people or agents wrote is in `words`.
    about TEXT NOT NULL,
    words TEXT
);
CREATE INDEX events_by_agent ON events (agent) WHERE agent IS NOT NULL;
CREATE INDEX events_by_hold ON events (hold) WHERE hold IS NOT NULL;
CREATE INDEX events_by_session ON events (session) WHERE session IS NOT NULL;
CREATE INDEX events_by_time ON events (time);
CREATE VIRTUAL TABLE event_words USING fts5 (words, content = '', detail = none, columnsize = 0, tokenize = "ascii tokenchars '_'", prefix = '2 4');

INSERT INTO shape_words (shape_words, rank) VALUES ('secure-delete', 1);
INSERT INTO event_words (event_words, rank) VALUES ('secure-delete', 1);
