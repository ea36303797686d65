SET LOCAL statement_timeout = {patience};
SET LOCAL search_path = pg_catalog, pg_temp;
SELECT outcome, place FROM {schema}.commit_change($id, $tables, $keys, $versions, $actions, $new_values, $counters, $deltas, $ceilings)
