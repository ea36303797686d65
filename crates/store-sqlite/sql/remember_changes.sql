INSERT INTO changes (sequence, ids) VALUES (?1, ?2)
