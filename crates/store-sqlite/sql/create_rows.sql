-- Versions are unsigned 64-bit numbers kept in SQLite's signed ones, bit for bit: SQL never compares them.
CREATE TABLE rows (
    tbl INTEGER NOT NULL,
    key BLOB NOT NULL,
    version INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (tbl, key)
) STRICT, WITHOUT ROWID
