CREATE TABLE {schema}.counters (
    key bytea NOT NULL PRIMARY KEY,
    sum numeric(20, 0) NOT NULL
) WITH (fillfactor = 50)
