--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: zamok; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA zamok;


--
-- Name: commit_change(bytea, integer[], bytea[], bigint[], smallint[], bytea[], bytea[], numeric[], numeric[]); Type: FUNCTION; Schema: zamok; Owner: -
--

CREATE FUNCTION zamok.commit_change(change bytea, tables integer[], keys bytea[], versions bigint[], actions smallint[], new_values bytea[], counters bytea[], deltas numeric[], ceilings numeric[], OUT outcome integer, OUT place integer) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '5s'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    is_written boolean := false;
    is_holding boolean;
    total numeric;
    entry bigint;
    settled integer;
BEGIN
    PERFORM zamok.require_durable();
    SELECT c.state INTO outcome FROM ONLY zamok.changes c WHERE c.id = change;
    IF FOUND THEN
        RETURN;
    END IF;

    -- Sums only grow: one that is too high already stays so, and then nothing need be written to find out.
    FOR i IN 1 .. cardinality(counters) LOOP
        SELECT c.sum INTO total FROM ONLY zamok.counters c WHERE c.key = counters[i];
        IF coalesce(total, 0) + deltas[i] > ceilings[i] THEN
            outcome := 4;
            place := i;
            EXIT;
        END IF;
    END LOOP;

    FOR i IN 1 .. cardinality(keys) LOOP
        EXIT WHEN outcome IS NOT NULL;
        IF versions[i] IS NULL THEN
            INSERT INTO zamok.rows (tbl, key, version, value)
            VALUES (tables[i], keys[i], 1, coalesce(new_values[i], ''))
            ON CONFLICT (tbl, key) DO NOTHING;
            is_holding := FOUND;
            is_written := is_written OR FOUND;
            IF is_holding AND actions[i] = 0 THEN
                DELETE FROM ONLY zamok.rows r WHERE r.tbl = tables[i] AND r.key = keys[i];
            END IF;
        ELSIF actions[i] = 1 THEN
            UPDATE ONLY zamok.rows r SET version = r.version + 1, value = new_values[i]
            WHERE r.tbl = tables[i] AND r.key = keys[i] AND r.version = versions[i];
            is_holding := FOUND;
            is_written := is_written OR FOUND;
        ELSIF actions[i] = 2 THEN
            DELETE FROM ONLY zamok.rows r
            WHERE r.tbl = tables[i] AND r.key = keys[i] AND r.version = versions[i];
            is_holding := FOUND;
            is_written := is_written OR FOUND;
        ELSE
            PERFORM FROM ONLY zamok.rows r
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
        INSERT INTO zamok.counters AS c (key, sum) VALUES (counters[i], deltas[i])
        ON CONFLICT (key) DO UPDATE SET sum = c.sum + excluded.sum RETURNING c.sum INTO total;
        IF total > ceilings[i] THEN
            outcome := 4;
            place := i;
        END IF;
    END LOOP;

    IF outcome IS NULL THEN
        INSERT INTO zamok.changes (id, state) VALUES (change, 1)
        ON CONFLICT (id) DO NOTHING RETURNING sequence INTO entry;
        IF FOUND THEN
            outcome := 1;
            IF entry % 32::bigint = 0 THEN
                PERFORM zamok.forget_changes(entry - 131072, 128);
            END IF;
            RETURN;
        END IF;
        is_written := true;
    END IF;

    -- It may be that somebody else settled this very change meanwhile: then that is the answer.
    SELECT c.state INTO settled FROM ONLY zamok.changes c WHERE c.id = change;
    IF FOUND THEN
        outcome := settled;
        place := null;
    END IF;
    IF is_written THEN
        RAISE EXCEPTION 'outcome %, place %', outcome, place
        USING ERRCODE = 'ZK001', DETAIL = pg_catalog.concat_ws(' ', outcome, place);
    END IF;
END
$$;


--
-- Name: counter_sum(bytea); Type: FUNCTION; Schema: zamok; Owner: -
--

CREATE FUNCTION zamok.counter_sum(of_key bytea) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    PERFORM zamok.require_primary();
    RETURN coalesce((SELECT c.sum::text FROM ONLY zamok.counters c WHERE c.key = of_key), '0');
END
$$;


--
-- Name: forget_changes(bigint, integer); Type: FUNCTION; Schema: zamok; Owner: -
--

CREATE FUNCTION zamok.forget_changes(horizon bigint, step integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    DELETE FROM ONLY zamok.changes WHERE sequence IN (
        SELECT c.sequence FROM ONLY zamok.changes c WHERE c.sequence < horizon
        ORDER BY c.sequence LIMIT step FOR UPDATE SKIP LOCKED
    );
END
$$;


--
-- Name: get_row(integer, bytea); Type: FUNCTION; Schema: zamok; Owner: -
--

CREATE FUNCTION zamok.get_row(of_table integer, of_key bytea, OUT version bigint, OUT value bytea) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    PERFORM zamok.require_primary();
    SELECT r.version, r.value INTO version, value FROM ONLY zamok.rows r WHERE r.tbl = of_table AND r.key = of_key;
END
$$;


--
-- Name: require_durable(); Type: FUNCTION; Schema: zamok; Owner: -
--

CREATE FUNCTION zamok.require_durable() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
$$;


--
-- Name: require_primary(); Type: FUNCTION; Schema: zamok; Owner: -
--

CREATE FUNCTION zamok.require_primary() RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF pg_catalog.pg_is_in_recovery() THEN
        RAISE EXCEPTION 'this server is a standby' USING ERRCODE = 'ZK507';
    END IF;
END
$$;


--
-- Name: resolve_change(bytea); Type: FUNCTION; Schema: zamok; Owner: -
--

CREATE FUNCTION zamok.resolve_change(change bytea, OUT settled integer) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '5s'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    PERFORM zamok.require_durable();
    INSERT INTO zamok.changes (id, state) VALUES (change, 2)
    ON CONFLICT (id) DO NOTHING RETURNING state INTO settled;
    IF NOT FOUND THEN
        SELECT c.state INTO STRICT settled FROM ONLY zamok.changes c WHERE c.id = change;
    END IF;
END
$$;


--
-- Name: scan_rows(integer, bytea, bytea, bigint); Type: FUNCTION; Schema: zamok; Owner: -
--

CREATE FUNCTION zamok.scan_rows(of_table integer, first bytea, past bytea, most bigint) RETURNS TABLE(key bytea, version bigint, value bytea)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
BEGIN
    PERFORM zamok.require_primary();
    IF past IS NULL THEN
        RETURN QUERY SELECT r.key, r.version, r.value FROM ONLY zamok.rows r
        WHERE r.tbl = of_table AND r.key >= first ORDER BY r.key LIMIT most;
    ELSE
        RETURN QUERY SELECT r.key, r.version, r.value FROM ONLY zamok.rows r
        WHERE r.tbl = of_table AND r.key >= first AND r.key < past ORDER BY r.key LIMIT most;
    END IF;
END
$$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: changes; Type: TABLE; Schema: zamok; Owner: -
--

CREATE TABLE zamok.changes (
    sequence bigint NOT NULL,
    id bytea NOT NULL,
    state smallint NOT NULL
);


--
-- Name: changes_sequence_seq; Type: SEQUENCE; Schema: zamok; Owner: -
--

ALTER TABLE zamok.changes ALTER COLUMN sequence ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME zamok.changes_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: counters; Type: TABLE; Schema: zamok; Owner: -
--

CREATE TABLE zamok.counters (
    key bytea NOT NULL,
    sum numeric(20,0) NOT NULL
)
WITH (fillfactor='50');


--
-- Name: layout; Type: TABLE; Schema: zamok; Owner: -
--

CREATE TABLE zamok.layout (
    single boolean DEFAULT true NOT NULL,
    version integer NOT NULL,
    CONSTRAINT layout_single_check CHECK (single)
);


--
-- Name: rows; Type: TABLE; Schema: zamok; Owner: -
--

CREATE TABLE zamok.rows (
    tbl integer NOT NULL,
    key bytea NOT NULL,
    version bigint NOT NULL,
    value bytea NOT NULL
)
WITH (fillfactor='90');
ALTER TABLE ONLY zamok.rows ALTER COLUMN value SET STORAGE EXTERNAL;


--
-- Data for Name: changes; Type: TABLE DATA; Schema: zamok; Owner: -
--

INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (1, '\x03030303030303030000000000000001', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (2, '\xc8c8c8c8c8c8c8c80000000000000001', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (3, '\x03030303030303030000000000000002', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (4, '\xc8c8c8c8c8c8c8c80000000000000002', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (5, '\x03030303030303030000000000000003', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (6, '\xc8c8c8c8c8c8c8c80000000000000003', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (7, '\x03030303030303030000000000000004', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (8, '\xc8c8c8c8c8c8c8c80000000000000004', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (9, '\x03030303030303030000000000000005', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (10, '\xc8c8c8c8c8c8c8c80000000000000005', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (11, '\x03030303030303030000000000000006', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (12, '\xc8c8c8c8c8c8c8c80000000000000006', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (13, '\x03030303030303030000000000000007', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (14, '\xc8c8c8c8c8c8c8c80000000000000007', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (15, '\x03030303030303030000000000000008', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (16, '\xc8c8c8c8c8c8c8c80000000000000008', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (17, '\x03030303030303030000000000000009', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (18, '\xc8c8c8c8c8c8c8c80000000000000009', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (19, '\x0303030303030303000000000000000a', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (20, '\xc8c8c8c8c8c8c8c8000000000000000a', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (21, '\x0303030303030303000000000000000b', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (22, '\xc8c8c8c8c8c8c8c8000000000000000b', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (23, '\x0303030303030303000000000000000c', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (24, '\xc8c8c8c8c8c8c8c8000000000000000c', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (25, '\x0303030303030303000000000000000d', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (26, '\xc8c8c8c8c8c8c8c8000000000000000d', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (27, '\x0303030303030303000000000000000e', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (28, '\xc8c8c8c8c8c8c8c8000000000000000e', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (29, '\x0303030303030303000000000000000f', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (30, '\xc8c8c8c8c8c8c8c8000000000000000f', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (31, '\x03030303030303030000000000000010', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (32, '\xc8c8c8c8c8c8c8c80000000000000010', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (33, '\x03030303030303030000000000000011', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (34, '\xc8c8c8c8c8c8c8c80000000000000011', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (35, '\x03030303030303030000000000000012', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (36, '\xc8c8c8c8c8c8c8c80000000000000012', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (37, '\x03030303030303030000000000000013', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (38, '\xc8c8c8c8c8c8c8c80000000000000013', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (39, '\x03030303030303030000000000000014', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (40, '\xc8c8c8c8c8c8c8c80000000000000014', 1);
INSERT INTO zamok.changes OVERRIDING SYSTEM VALUE VALUES (41, '\x09090909090909090909090909090909', 1);


--
-- Data for Name: counters; Type: TABLE DATA; Schema: zamok; Owner: -
--



--
-- Data for Name: layout; Type: TABLE DATA; Schema: zamok; Owner: -
--

INSERT INTO zamok.layout VALUES (true, 2);


--
-- Data for Name: rows; Type: TABLE DATA; Schema: zamok; Owner: -
--

INSERT INTO zamok.rows VALUES (16, '\x030303030303030303030303030303030000000000000001', 1, '\x03');
INSERT INTO zamok.rows VALUES (17, '\x030303030303030303030303030303030000000000000001', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000001', 1, '\xc8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000001', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x030303030303030303030303030303030000000000000002', 1, '\x0303');
INSERT INTO zamok.rows VALUES (17, '\x030303030303030303030303030303030000000000000002', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000002', 1, '\xc8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000002', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x030303030303030303030303030303030000000000000003', 1, '\x030303');
INSERT INTO zamok.rows VALUES (17, '\x030303030303030303030303030303030000000000000003', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000003', 1, '\xc8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000003', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x030303030303030303030303030303030000000000000004', 1, '\x03030303');
INSERT INTO zamok.rows VALUES (17, '\x030303030303030303030303030303030000000000000004', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000004', 1, '\xc8c8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000004', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x030303030303030303030303030303030000000000000005', 1, '\x0303030303');
INSERT INTO zamok.rows VALUES (17, '\x030303030303030303030303030303030000000000000005', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000005', 1, '\xc8c8c8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000005', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x030303030303030303030303030303030000000000000006', 1, '\x030303030303');
INSERT INTO zamok.rows VALUES (17, '\x030303030303030303030303030303030000000000000006', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000006', 1, '\xc8c8c8c8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000006', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x030303030303030303030303030303030000000000000007', 1, '\x03030303030303');
INSERT INTO zamok.rows VALUES (17, '\x030303030303030303030303030303030000000000000007', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000007', 1, '\xc8c8c8c8c8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000007', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x030303030303030303030303030303030000000000000008', 1, '\x0303030303030303');
INSERT INTO zamok.rows VALUES (17, '\x030303030303030303030303030303030000000000000008', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000008', 1, '\xc8c8c8c8c8c8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000008', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x030303030303030303030303030303030000000000000009', 1, '\x030303030303030303');
INSERT INTO zamok.rows VALUES (17, '\x030303030303030303030303030303030000000000000009', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000009', 1, '\xc8c8c8c8c8c8c8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000009', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x03030303030303030303030303030303000000000000000a', 1, '\x03030303030303030303');
INSERT INTO zamok.rows VALUES (17, '\x03030303030303030303030303030303000000000000000a', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8000000000000000a', 1, '\xc8c8c8c8c8c8c8c8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8000000000000000a', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x03030303030303030303030303030303000000000000000b', 1, '\x0303030303030303030303');
INSERT INTO zamok.rows VALUES (17, '\x03030303030303030303030303030303000000000000000b', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8000000000000000b', 1, '\xc8c8c8c8c8c8c8c8c8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8000000000000000b', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x03030303030303030303030303030303000000000000000c', 1, '\x030303030303030303030303');
INSERT INTO zamok.rows VALUES (17, '\x03030303030303030303030303030303000000000000000c', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8000000000000000c', 1, '\xc8c8c8c8c8c8c8c8c8c8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8000000000000000c', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x03030303030303030303030303030303000000000000000d', 1, '\x03030303030303030303030303');
INSERT INTO zamok.rows VALUES (17, '\x03030303030303030303030303030303000000000000000d', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8000000000000000d', 1, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8000000000000000d', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x03030303030303030303030303030303000000000000000e', 1, '\x0303030303030303030303030303');
INSERT INTO zamok.rows VALUES (17, '\x03030303030303030303030303030303000000000000000e', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8000000000000000e', 1, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8000000000000000e', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x03030303030303030303030303030303000000000000000f', 1, '\x030303030303030303030303030303');
INSERT INTO zamok.rows VALUES (17, '\x03030303030303030303030303030303000000000000000f', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8000000000000000f', 1, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8000000000000000f', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x030303030303030303030303030303030000000000000010', 1, '\x03030303030303030303030303030303');
INSERT INTO zamok.rows VALUES (17, '\x030303030303030303030303030303030000000000000010', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000010', 1, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000010', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x030303030303030303030303030303030000000000000011', 1, '\x0303030303030303030303030303030303');
INSERT INTO zamok.rows VALUES (17, '\x030303030303030303030303030303030000000000000011', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000011', 1, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000011', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x030303030303030303030303030303030000000000000012', 1, '\x030303030303030303030303030303030303');
INSERT INTO zamok.rows VALUES (17, '\x030303030303030303030303030303030000000000000012', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000012', 1, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000012', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x030303030303030303030303030303030000000000000013', 1, '\x03030303030303030303030303030303030303');
INSERT INTO zamok.rows VALUES (17, '\x030303030303030303030303030303030000000000000013', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000013', 1, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000013', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\x030303030303030303030303030303030000000000000014', 1, '\x0303030303030303030303030303030303030303');
INSERT INTO zamok.rows VALUES (17, '\x030303030303030303030303030303030000000000000014', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (16, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000014', 1, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8');
INSERT INTO zamok.rows VALUES (17, '\xc8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c80000000000000014', 1, '\x64657461696c');
INSERT INTO zamok.rows VALUES (15, '\x050505050505050505050505050505050505050505050505', 1, '\x6f6620616e6f74686572207461626c65');
INSERT INTO zamok.rows VALUES (16, '\x6e6f20656e747279', 1, '\x6c656674206173206974206973');
INSERT INTO zamok.rows VALUES (900, '\x6b6579', 1, '\x76616c7565');


--
-- Name: changes_sequence_seq; Type: SEQUENCE SET; Schema: zamok; Owner: -
--

SELECT pg_catalog.setval('zamok.changes_sequence_seq', 41, true);


--
-- Name: changes changes_id_key; Type: CONSTRAINT; Schema: zamok; Owner: -
--

ALTER TABLE ONLY zamok.changes
    ADD CONSTRAINT changes_id_key UNIQUE (id);


--
-- Name: changes changes_pkey; Type: CONSTRAINT; Schema: zamok; Owner: -
--

ALTER TABLE ONLY zamok.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (sequence);


--
-- Name: counters counters_pkey; Type: CONSTRAINT; Schema: zamok; Owner: -
--

ALTER TABLE ONLY zamok.counters
    ADD CONSTRAINT counters_pkey PRIMARY KEY (key);


--
-- Name: layout layout_pkey; Type: CONSTRAINT; Schema: zamok; Owner: -
--

ALTER TABLE ONLY zamok.layout
    ADD CONSTRAINT layout_pkey PRIMARY KEY (single);


--
-- Name: rows rows_pkey; Type: CONSTRAINT; Schema: zamok; Owner: -
--

ALTER TABLE ONLY zamok.rows
    ADD CONSTRAINT rows_pkey PRIMARY KEY (tbl, key);


--
-- PostgreSQL database dump complete
--


