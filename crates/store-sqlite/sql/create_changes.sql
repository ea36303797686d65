-- The ids of settled changes: one row a transaction, in the order of transactions. Of each change 16 bytes of id and
-- one of state: 1 is committed, 2 is aborted.
CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY,
    ids BLOB NOT NULL
) STRICT
