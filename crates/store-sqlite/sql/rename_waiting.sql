-- Entries that wait, table 16: their names were writer (16 bytes), then sequence, and are the other way round
-- (docs/decisions/0044).
UPDATE rows SET key = CAST(substr(key, 17) || substr(key, 1, 16) AS BLOB) WHERE tbl = 16 AND length(key) = 24
