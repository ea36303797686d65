-- Rows from `first` (inclusive) to `past` (exclusive; null is the end of the table). It reads the index in its order, so a
-- page costs what it holds, whatever the planner believes about the table.
CREATE OR REPLACE FUNCTION {schema}.scan_rows(of_table integer, first bytea, past bytea, most bigint)
RETURNS TABLE (key bytea, version bigint, value bytea)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
BEGIN
    PERFORM {schema}.require_primary();
    IF past IS NULL THEN
        RETURN QUERY SELECT r.key, r.version, r.value FROM ONLY {schema}.rows r
        WHERE r.tbl = of_table AND r.key >= first ORDER BY r.key LIMIT most;
    ELSE
        RETURN QUERY SELECT r.key, r.version, r.value FROM ONLY {schema}.rows r
        WHERE r.tbl = of_table AND r.key >= first AND r.key < past ORDER BY r.key LIMIT most;
    END IF;
END
$$
