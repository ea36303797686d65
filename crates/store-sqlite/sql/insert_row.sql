INSERT INTO rows (tbl, key, version, value) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (tbl, key) DO NOTHING
