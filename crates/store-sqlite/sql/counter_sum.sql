SELECT sum FROM counters WHERE key = ?1
