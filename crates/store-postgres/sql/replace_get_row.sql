CREATE OR REPLACE FUNCTION {schema}.get_row(of_table integer, of_key bytea, OUT version bigint, OUT value bytea)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
    PERFORM {schema}.require_primary();
    SELECT r.version, r.value INTO version, value FROM ONLY {schema}.rows r WHERE r.tbl = of_table AND r.key = of_key;
END
$$
