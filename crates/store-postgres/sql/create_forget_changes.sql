-- A bounded step: at most `step` of the oldest ids that were settled before `horizon`. It waits for nobody.
CREATE FUNCTION {schema}.forget_changes(horizon bigint, step integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM {schema}.changes WHERE sequence IN (
        SELECT c.sequence FROM {schema}.changes c WHERE c.sequence < horizon
        ORDER BY c.sequence LIMIT step FOR UPDATE SKIP LOCKED
    );
END
$$
