INSERT INTO rows (tbl, key, version, value) VALUES (?1, ?2, 1, ?3)
