SELECT key, version, value FROM rows WHERE tbl = ?1 AND key >= ?2 ORDER BY key LIMIT ?3
