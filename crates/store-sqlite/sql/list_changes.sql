SELECT sequence, ids FROM settled WHERE sequence > ?1 ORDER BY sequence
