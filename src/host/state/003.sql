-- How far each place that the record is sent to has come.
CREATE TABLE sink (
    -- checkpoint:NAME or forward:NAME, as the configuration calls it.
    name           TEXT PRIMARY KEY,
    -- The last record that arrived there, and its hash: another journal may have a record of the same number. 0 is none yet.
    seq            INTEGER NOT NULL,
    hash           BLOB NOT NULL,
    -- When that was, microseconds since 1970.
    delivered_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
