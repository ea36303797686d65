-- A standby lags behind: what it says must decide nothing. (It is asked with every read, and has nothing to look up: a search path
-- of its own would cost more than the rest of it.)
CREATE OR REPLACE FUNCTION {schema}.require_primary() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.pg_is_in_recovery() THEN
        RAISE EXCEPTION 'this server is a standby' USING ERRCODE = 'ZK507';
    END IF;
END
$$
