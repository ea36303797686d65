SET LOCAL statement_timeout = {patience};
SET LOCAL search_path = pg_catalog, pg_temp;
SELECT settled FROM {schema}.resolve_change($id)
