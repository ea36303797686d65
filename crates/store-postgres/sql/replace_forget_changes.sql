-- A bounded step: at most `step` of the oldest ids that were settled before `horizon`. It waits for nobody.
CREATE OR REPLACE FUNCTION {schema}.forget_changes(horizon bigint, step integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM ONLY {schema}.changes WHERE sequence IN (
        SELECT c.sequence FROM ONLY {schema}.changes c WHERE c.sequence < horizon
        ORDER BY c.sequence LIMIT step FOR UPDATE SKIP LOCKED
    );
END
$$
