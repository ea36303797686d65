-- What opening must know of the server and of the place: in one answer, before anything is made.
SELECT current_setting('server_version_num')::integer,
       pg_is_in_recovery(),
       current_setting('fsync') = 'off' OR current_setting('full_page_writes') = 'off'
           OR current_setting('synchronous_commit') = 'off'
           OR (current_setting('synchronous_commit') = 'local'
               AND current_setting('synchronous_standby_names') <> ''),
       EXISTS (SELECT FROM pg_namespace WHERE nspname = $1),
       EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = $1 AND c.relname = 'layout'),
       EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1),
       quote_ident($1) <> $1
