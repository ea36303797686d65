-- A setting under which an answered commit could be lost stops the transaction that asks. The settings are those of the
-- session that runs it: a role, a database or somebody else behind the same pooler may have changed them.
CREATE OR REPLACE FUNCTION {schema}.require_durable() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('fsync') = 'off' OR current_setting('full_page_writes') = 'off'
        OR current_setting('synchronous_commit') = 'off'
        OR (current_setting('synchronous_commit') = 'local' AND current_setting('synchronous_standby_names') <> '')
    THEN
        RAISE EXCEPTION 'settings of this session would lose acknowledged commits' USING ERRCODE = 'ZK520';
    END IF;
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'this server is a standby' USING ERRCODE = 'ZK507';
    END IF;
END
$$
