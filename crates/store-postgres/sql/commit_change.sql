SET LOCAL statement_timeout = {patience};
SELECT outcome, place FROM {schema}.commit_change($id, $tables, $keys, $versions, $actions, $new_values, $counters, $deltas, $ceilings)
