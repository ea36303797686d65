-- Everything in the schema, a line each, in a form that does not depend on the server's version.
SELECT line FROM (
    SELECT format('relation %s %s %s rules=%s triggers=%s security=%s', c.relname, c.relkind, c.relpersistence,
                  c.relhasrules, EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid), c.relrowsecurity) AS line
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1
    UNION ALL
    SELECT format('column %s.%s %s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                  CASE WHEN a.attnotnull THEN ' not null' ELSE '' END)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT format('constraint %s on %s: %s', o.conname, c.relname, pg_get_constraintdef(o.oid))
    FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = o.connamespace
    WHERE n.nspname = $1 AND o.contype <> 'n'
    UNION ALL
    SELECT format('function %s %s definer=%s %s %s', p.proname, pg_get_function_identity_arguments(p.oid), p.prosecdef,
                  p.proconfig,
                  encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex'))
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1
) everything ORDER BY line COLLATE "C"
