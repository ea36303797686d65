SELECT version, value FROM {schema}.get_row($1, $2)
