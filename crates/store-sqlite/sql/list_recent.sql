SELECT sequence, ids, rows FROM recent WHERE sequence > ?1 ORDER BY sequence
