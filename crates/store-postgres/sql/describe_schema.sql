-- Everything in the schema that changes what a commit or an answer means, a line each, in a form that does not depend on the
-- server's version. Nothing but `pg_catalog` is on the search path of whoever asks.
SELECT line FROM (
    SELECT format('relation %s %s %s rules=%s triggers=%s security=%s forced=%s', c.relname, c.relkind, c.relpersistence,
                  c.relhasrules, EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid), c.relrowsecurity,
                  c.relforcerowsecurity) AS line
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1
    UNION ALL
    SELECT format('column %s.%s %s%s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                  CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
                  CASE WHEN a.attidentity <> '' THEN ' identity=' || a.attidentity::text ELSE '' END,
                  ' default ' || pg_get_expr(d.adbin, d.adrelid))
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE n.nspname = $1 AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT format('constraint %s on %s: %s', o.conname, c.relname, pg_get_constraintdef(o.oid))
    FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = o.connamespace
    WHERE n.nspname = $1 AND o.contype <> 'n'
    UNION ALL
    SELECT format('sequence %s %s start=%s increment=%s min=%s max=%s cache=%s cycle=%s', c.relname,
                  format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle)
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1
    UNION ALL
    SELECT format('inheritance %s of %s', i.inhrelid::regclass, i.inhparent::regclass)
    FROM pg_inherits i JOIN pg_class c ON c.oid IN (i.inhrelid, i.inhparent) JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1
    UNION ALL
    SELECT format('function %s %s returns %s%s language=%s volatility=%s strict=%s definer=%s %s %s', p.proname,
                  pg_get_function_identity_arguments(p.oid), CASE WHEN p.proretset THEN 'set of ' ELSE '' END,
                  format_type(p.prorettype, NULL), l.lanname, p.provolatile, p.proisstrict, p.prosecdef, p.proconfig,
                  encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex'))
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
    WHERE n.nspname = $1
) everything ORDER BY line COLLATE "C"
