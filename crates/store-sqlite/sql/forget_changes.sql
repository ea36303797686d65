DELETE FROM settled WHERE sequence <= ?1
