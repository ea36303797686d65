-- The ids of settled changes in the order in which they were settled; state 1 is committed, 2 is aborted.
CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    state INTEGER NOT NULL
) STRICT
