-- Who of Slack is which person here.
CREATE TABLE slack_people (
    member TEXT PRIMARY KEY,
    person INTEGER NOT NULL REFERENCES people (id)
) STRICT, WITHOUT ROWID;

CREATE INDEX slack_people_person ON slack_people (person);

-- Who is told of which hold, and what is still to be told. What a message says is not kept: it is made from the hold when it is sent.
CREATE TABLE notice (
    id      INTEGER PRIMARY KEY,
    -- Of the configuration: slack, slack.second, slack.group.NAME, teams, teams.second, webhook.NAME
    place   TEXT NOT NULL,
    hold    INTEGER NOT NULL,
    agent   TEXT NOT NULL,
    -- new, told, together (with others, by a digest), over, dead
    stage   TEXT NOT NULL,
    -- Microseconds since 1970: when it is to be looked at next, if ever, and when its place was told first.
    due     INTEGER,
    told    INTEGER,
    -- How often its hold changed: what was told meanwhile is told again.
    changes INTEGER NOT NULL DEFAULT 0,
    tries   INTEGER NOT NULL DEFAULT 0,
    digest  INTEGER,
    -- Of the message that arrived last, and how its place calls it.
    version BLOB,
    message TEXT,
    trouble TEXT,
    UNIQUE (place, hold)
) STRICT;

CREATE INDEX notice_due ON notice (place, due) WHERE due IS NOT NULL;
CREATE INDEX notice_agent ON notice (place, agent, told);
CREATE INDEX notice_together ON notice (digest) WHERE digest IS NOT NULL;

-- One message for many holds of one agent.
CREATE TABLE notice_digest (
    -- Never used twice: receivers know a message by it.
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    place   TEXT NOT NULL,
    agent   TEXT NOT NULL,
    began   INTEGER NOT NULL,
    due     INTEGER NOT NULL,
    tries   INTEGER NOT NULL DEFAULT 0,
    UNIQUE (place, agent)
) STRICT;
