CREATE FUNCTION {schema}.counter_sum(of_key bytea) RETURNS text
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    PERFORM {schema}.require_primary();
    RETURN coalesce((SELECT c.sum::text FROM {schema}.counters c WHERE c.key = of_key), '0');
END
$$
