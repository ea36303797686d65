INSERT INTO recent (sequence, ids, rows) VALUES (?1, ?2, ?3)
