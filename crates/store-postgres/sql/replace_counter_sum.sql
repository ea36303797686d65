CREATE OR REPLACE FUNCTION {schema}.counter_sum(of_key bytea) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
    PERFORM {schema}.require_primary();
    RETURN coalesce((SELECT c.sum::text FROM ONLY {schema}.counters c WHERE c.key = of_key), '0');
END
$$
