-- Settles a change: 1 it had committed, 2 it had not, and now never will. An original that is under way either has its id
-- in the table, and is waited for, or finds this one there, and is taken back.
CREATE OR REPLACE FUNCTION {schema}.resolve_change(change bytea, OUT settled integer)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' SET enable_seqscan = off AS $$
BEGIN
    PERFORM {schema}.require_durable();
    INSERT INTO {schema}.changes (id, state) VALUES (change, 2)
    ON CONFLICT (id) DO NOTHING RETURNING state INTO settled;
    IF NOT FOUND THEN
        SELECT c.state INTO STRICT settled FROM ONLY {schema}.changes c WHERE c.id = change;
    END IF;
END
$$
