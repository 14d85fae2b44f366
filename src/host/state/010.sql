-- Who people are at a provider. A row outlives its person: who was removed here is not let in again by the provider's word.
CREATE TABLE identities (
    issuer  TEXT NOT NULL,
    subject TEXT NOT NULL,
    person  INTEGER NOT NULL REFERENCES people (id),
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX identities_person ON identities (person);

-- What else the provider calls a person: an agent that one of these owns is theirs.
CREATE TABLE person_aliases (
    person INTEGER NOT NULL REFERENCES people (id),
    name   TEXT NOT NULL,
    PRIMARY KEY (person, name)
) STRICT, WITHOUT ROWID;

-- What a visit stands on that began at a provider. Without a row here it stands on the person's account.
CREATE TABLE vouched (
    visit   BLOB PRIMARY KEY REFERENCES visits (token) ON DELETE CASCADE,
    issuer  TEXT NOT NULL,
    subject TEXT NOT NULL,
    -- The provider's tokens, sealed under the visit's own, which is not in here.
    sealed  BLOB NOT NULL,
    -- Milliseconds since 1970: when the provider last said yes, when it was last asked, and when its word is over.
    said    INTEGER NOT NULL,
    asked   INTEGER NOT NULL,
    until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE visits ADD COLUMN by_provider INTEGER NOT NULL DEFAULT 0;

-- Links by which somebody sets a password of their own, once.
CREATE TABLE invitations (
    -- SHA-256 of what is in the link.
    token   BLOB PRIMARY KEY,
    -- Empty where whoever opens it says who they are: the first person.
    name    TEXT NOT NULL,
    -- One in a line.
    groups  TEXT NOT NULL,
    by      TEXT NOT NULL,
    -- Milliseconds since 1970.
    until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
