-- A standby lags behind: what it says must decide nothing.
CREATE FUNCTION {schema}.require_primary() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'this server is a standby' USING ERRCODE = 'ZK507';
    END IF;
END
$$
