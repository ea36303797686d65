-- Sums are unsigned 64-bit numbers kept in SQLite's signed ones, bit for bit: SQL never compares them.
CREATE TABLE counters (
    key BLOB NOT NULL PRIMARY KEY,
    sum INTEGER NOT NULL
) STRICT, WITHOUT ROWID
