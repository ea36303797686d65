SELECT version FROM {schema}.layout
