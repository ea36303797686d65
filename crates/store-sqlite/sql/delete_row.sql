DELETE FROM rows WHERE tbl = ?1 AND key = ?2 AND version = ?3
