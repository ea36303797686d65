INSERT INTO rows (tbl, key, version, value) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (tbl, key) DO UPDATE SET version = excluded.version, value = excluded.value
