-- What people and the agent said about a hold until it was decided; sealed like the rest.
ALTER TABLE hold ADD COLUMN talk BLOB;

-- Standing grants, as far as they can still be used: a view of the journal, with what the journal does not say.
CREATE TABLE standing_grant (
    id     INTEGER PRIMARY KEY,
    -- In any other epoch it is void.
    epoch  INTEGER NOT NULL,
    -- The last record about it that is in here; 0 until it is on the record.
    seq    INTEGER NOT NULL,
    -- How often it was used.
    used   INTEGER NOT NULL,
    -- For whom, for what, within which bounds, until when; sealed.
    terms  BLOB NOT NULL
) STRICT;
