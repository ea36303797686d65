INSERT INTO counters (key, sum) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET sum = excluded.sum
