UPDATE rows SET version = ?4, value = ?5 WHERE tbl = ?1 AND key = ?2 AND version = ?3
