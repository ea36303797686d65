INSERT INTO settled (sequence, ids) VALUES (?1, ?2)
