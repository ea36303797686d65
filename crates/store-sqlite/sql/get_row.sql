SELECT version, value FROM rows WHERE tbl = ?1 AND key = ?2
