SELECT {schema}.counter_sum($1)
