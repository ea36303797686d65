DELETE FROM changes WHERE sequence <= ?1
