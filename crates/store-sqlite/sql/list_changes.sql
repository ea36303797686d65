SELECT sequence, ids FROM changes WHERE sequence > ?1 ORDER BY sequence
