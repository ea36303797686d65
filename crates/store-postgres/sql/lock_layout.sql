SELECT pg_advisory_xact_lock(1516334443, hashtext('{schema}'))
