-- What happened beside the journal's writer and is not on the record yet. It is put down in the transaction of the change that
-- it speaks of; ids are never used again.
CREATE TABLE outbox (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    -- When it happened, microseconds since 1970.
    time  INTEGER NOT NULL,
    -- The canonical parts of the event.
    kind  INTEGER NOT NULL,
    facts BLOB NOT NULL,
    body  BLOB NOT NULL
) STRICT;

-- There is a row while events are moved from the outbox to the journal: a crash in between leaves it behind, and what was
-- recorded before the crash is found behind this record.
CREATE TABLE outbox_move (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    after INTEGER NOT NULL
) STRICT;

-- Counts restores from a backup. What may be used up carries the epoch that it was made in, and is void in any other.
CREATE TABLE epoch (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL
) STRICT;

INSERT INTO epoch (one, number) VALUES (1, 0);

-- Removed people stay: their names are on the record.
CREATE TABLE people (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT NOT NULL,
    role    TEXT NOT NULL,
    -- Who the operating system says acts, when this person acts.
    os_user TEXT NOT NULL,
    -- Milliseconds since 1970.
    created INTEGER NOT NULL,
    removed INTEGER
) STRICT;

CREATE UNIQUE INDEX people_live ON people (name) WHERE removed IS NULL;
CREATE UNIQUE INDEX people_acting ON people (os_user) WHERE removed IS NULL;
