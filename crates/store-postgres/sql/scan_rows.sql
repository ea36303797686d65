SELECT key, version, value FROM {schema}.scan_rows($1, $2, $3, $4)
