-- With a rowid: an index of keys holds no values, so that long ones make no search longer (docs/decisions/0043).
ALTER TABLE rows RENAME TO rows_of_layout_1;
CREATE TABLE rows (
    tbl INTEGER NOT NULL,
    key BLOB NOT NULL,
    version INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (tbl, key)
) STRICT;
INSERT INTO rows SELECT tbl, key, version, value FROM rows_of_layout_1 ORDER BY tbl, key;
DROP TABLE rows_of_layout_1
