-- Versions are unsigned 64-bit numbers kept in signed ones, bit for bit: no real one ever passes 2^63.
-- Room is left in each page, so that a new state of a row lies beside the old one and touches no index.
CREATE TABLE {schema}.rows (
    tbl integer NOT NULL,
    key bytea NOT NULL,
    version bigint NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (tbl, key)
) WITH (fillfactor = 90)
