-- What transactions have written since the table `rows` was last brought up to date: one row a transaction, numbered on
-- from `changes`. The ids that it settled are as there; each row that it put is the table (2 bytes), the length of the
-- key (1), the version (8), the length of the value (4), the key, the value.
CREATE TABLE recent (
    sequence INTEGER PRIMARY KEY,
    ids BLOB NOT NULL,
    rows BLOB NOT NULL
) STRICT
