-- The ids of settled changes in the order in which they were settled; state 1 is committed, 2 is aborted.
CREATE TABLE {schema}.changes (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id bytea NOT NULL UNIQUE,
    state smallint NOT NULL
)
