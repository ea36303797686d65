-- Entries that wait, table 16: their names were writer (16 bytes), then sequence, and are the other way round
-- (docs/decisions/0044).
UPDATE {schema}.rows SET key = substring(key from 17) || substring(key for 16) WHERE tbl = 16 AND length(key) = 24
