-- Holds, as far as they are known: a view of the journal, with what the journal does not say. What is sealed is readable with the key in
-- hold.key alone.
CREATE TABLE hold (
    id     INTEGER PRIMARY KEY,
    -- In any other epoch it is void.
    epoch  INTEGER NOT NULL,
    -- The last record about it that is in here; 0 until it is on the record.
    seq    INTEGER NOT NULL,
    state  TEXT NOT NULL,
    until  INTEGER NOT NULL,
    -- What an approval is bound to.
    bound  BLOB NOT NULL,
    -- Who, where, by which rule.
    about  BLOB NOT NULL,
    -- The message; erased when the hold closes.
    matter BLOB,
    -- Who decided it, when and why.
    ruled  BLOB
) STRICT;

-- Up to which record of which journal the holds are as the journal says.
CREATE TABLE desk (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    journal BLOB NOT NULL,
    seq     INTEGER NOT NULL
) STRICT;
