-- Columns that agents wrote to: what an agent reads from there may be its own guesses, and is not shown to it in tokens. What is here stays.
CREATE TABLE written (
    agent    INTEGER NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    -- * for any.
    relation TEXT NOT NULL,
    -- * for all of them.
    name     TEXT NOT NULL,
    PRIMARY KEY (agent, relation, name)
) STRICT, WITHOUT ROWID;
