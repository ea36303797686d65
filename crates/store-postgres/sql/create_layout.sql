-- One row: the version of everything else in this schema.
CREATE TABLE {schema}.layout (
    single boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (single),
    version integer NOT NULL
)
