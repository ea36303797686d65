SELECT (SELECT sum FROM counters WHERE key = ?1),
       (SELECT sum FROM counters WHERE key = ?2),
       (SELECT sum FROM counters WHERE key = ?3),
       (SELECT sum FROM counters WHERE key = ?4)
