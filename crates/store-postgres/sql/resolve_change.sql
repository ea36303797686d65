SET LOCAL statement_timeout = {patience};
SELECT settled FROM {schema}.resolve_change($id)
