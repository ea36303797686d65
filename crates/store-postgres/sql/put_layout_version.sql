INSERT INTO {schema}.layout (version) VALUES ($1) ON CONFLICT (single) DO UPDATE SET version = excluded.version
