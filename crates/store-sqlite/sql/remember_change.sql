INSERT INTO changes (id, state) VALUES (?1, ?2)
