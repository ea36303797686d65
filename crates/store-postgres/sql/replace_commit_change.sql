-- Nothing here is looked up where somebody else may have put something: every function has a search path of its own, and rows of
-- a table that inherits from one of ours are none of ours.
--
-- One change, whole or not at all; one call is one transaction.
--
-- Element i of the five row arrays says: the row (tables[i], keys[i]) has the version versions[i], or is absent where
-- that is null; actions[i] is 0 where it is only expected, 1 where it gets new_values[i], 2 where it is deleted. Element
-- i of the three counter arrays adds deltas[i] unless the sum would pass ceilings[i]. All arrays are in order of keys.
--
-- Every expectation is made to hold until the end of the transaction, in the order of keys, so that no two changes wait
-- for each other: an update, a deletion and FOR SHARE hold the row they found, an insertion holds the key. A key that
-- must be absent and is not written is held by a row that is inserted and deleted at once: whoever wants to
-- insert it waits for this transaction, and finds nothing then.
--
-- The outcome: 1 committed, 2 fenced, 3 a conflict on row `place`, 4 the ceiling of counter `place`. An outcome that is
-- found after something was written raises ZK001 with the same two numbers, and PostgreSQL takes the writes back.
CREATE OR REPLACE FUNCTION {schema}.commit_change(
    change bytea,
    tables integer[],
    keys bytea[],
    versions bigint[],
    actions smallint[],
    new_values bytea[],
    counters bytea[],
    deltas numeric[],
    ceilings numeric[],
    OUT outcome integer,
    OUT place integer
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s' SET enable_seqscan = off AS $$
DECLARE
    is_written boolean := false;
    is_holding boolean;
    total numeric;
    entry bigint;
    settled integer;
BEGIN
    PERFORM {schema}.require_durable();
    SELECT c.state INTO outcome FROM ONLY {schema}.changes c WHERE c.id = change;
    IF FOUND THEN
        RETURN;
    END IF;

    -- Sums only grow: one that is too high already stays so, and then nothing need be written to find out.
    FOR i IN 1 .. cardinality(counters) LOOP
        SELECT c.sum INTO total FROM ONLY {schema}.counters c WHERE c.key = counters[i];
        IF coalesce(total, 0) + deltas[i] > ceilings[i] THEN
            outcome := 4;
            place := i;
            EXIT;
        END IF;
    END LOOP;

    FOR i IN 1 .. cardinality(keys) LOOP
        EXIT WHEN outcome IS NOT NULL;
        IF versions[i] IS NULL THEN
            INSERT INTO {schema}.rows (tbl, key, version, value)
            VALUES (tables[i], keys[i], 1, coalesce(new_values[i], ''))
            ON CONFLICT (tbl, key) DO NOTHING;
            is_holding := FOUND;
            is_written := is_written OR FOUND;
            IF is_holding AND actions[i] = 0 THEN
                DELETE FROM ONLY {schema}.rows r WHERE r.tbl = tables[i] AND r.key = keys[i];
            END IF;
        ELSIF actions[i] = 1 THEN
            UPDATE ONLY {schema}.rows r SET version = r.version + 1, value = new_values[i]
            WHERE r.tbl = tables[i] AND r.key = keys[i] AND r.version = versions[i];
            is_holding := FOUND;
            is_written := is_written OR FOUND;
        ELSIF actions[i] = 2 THEN
            DELETE FROM ONLY {schema}.rows r
            WHERE r.tbl = tables[i] AND r.key = keys[i] AND r.version = versions[i];
            is_holding := FOUND;
            is_written := is_written OR FOUND;
        ELSE
            PERFORM FROM ONLY {schema}.rows r
            WHERE r.tbl = tables[i] AND r.key = keys[i] AND r.version = versions[i] FOR SHARE;
            is_holding := FOUND;
        END IF;
        IF NOT is_holding THEN
            outcome := 3;
            place := i;
        END IF;
    END LOOP;

    FOR i IN 1 .. cardinality(counters) LOOP
        EXIT WHEN outcome IS NOT NULL;
        is_written := true;
        INSERT INTO {schema}.counters AS c (key, sum) VALUES (counters[i], deltas[i])
        ON CONFLICT (key) DO UPDATE SET sum = c.sum + excluded.sum RETURNING c.sum INTO total;
        IF total > ceilings[i] THEN
            outcome := 4;
            place := i;
        END IF;
    END LOOP;

    IF outcome IS NULL THEN
        INSERT INTO {schema}.changes (id, state) VALUES (change, 1)
        ON CONFLICT (id) DO NOTHING RETURNING sequence INTO entry;
        IF FOUND THEN
            outcome := 1;
            IF entry % 32::bigint = 0 THEN
                PERFORM {schema}.forget_changes(entry - 131072, 128);
            END IF;
            RETURN;
        END IF;
        is_written := true;
    END IF;

    -- It may be that somebody else settled this very change meanwhile: then that is the answer.
    SELECT c.state INTO settled FROM ONLY {schema}.changes c WHERE c.id = change;
    IF FOUND THEN
        outcome := settled;
        place := null;
    END IF;
    IF is_written THEN
        RAISE EXCEPTION 'outcome %, place %', outcome, place
        USING ERRCODE = 'ZK001', DETAIL = pg_catalog.concat_ws(' ', outcome, place);
    END IF;
END
$$
