SELECT state FROM changes WHERE id = ?1
