//! Others in the same database, who may make things in `public` or in schemas of their own: nothing of theirs runs as the role that
//! serves, and no row of theirs is one of the store's.

mod rig;

use rig::{change, cluster, create, fresh_schema, get, insert, open, row, with};
use zamok_core::store::{CounterKey, Outcome, Range, Store};

/// What the planted functions leave behind, and what they do besides.
const PLANTED: &str = "
    SET ROLE mallory;
    CREATE TABLE public.loot (who text, what text);
    GRANT ALL ON public.loot TO PUBLIC;
    CREATE FUNCTION public.rest(bigint, integer) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.loot VALUES (current_user, 'operator %');
        RETURN pg_catalog.mod($1, $2::bigint); END $$;
    CREATE OPERATOR public.% (LEFTARG = bigint, RIGHTARG = integer, FUNCTION = public.rest);
    CREATE FUNCTION public.concat_ws(text, integer, integer) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.loot VALUES (current_user, 'concat_ws');
        RETURN pg_catalog.concat_ws($1, $2, $3); END $$;
    CREATE FUNCTION public.format(text, name, \"char\", \"char\", boolean, boolean, boolean) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.loot VALUES (current_user, 'format'); RETURN ''; END $$;
    CREATE FUNCTION public.format(text, name, \"char\", \"char\", boolean, boolean, boolean, boolean) RETURNS text LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO public.loot VALUES (current_user, 'format'); RETURN ''; END $$;
    CREATE FUNCTION public.format(text, name, name, text) RETURNS text LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO public.loot VALUES (current_user, 'format'); RETURN ''; END $$;
    CREATE FUNCTION public.hashtext(unknown_text varchar) RETURNS integer LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO public.loot VALUES (current_user, 'hashtext'); RETURN 1; END $$;";

/// The same names before everything that PostgreSQL has, for a role that looks there first.
const SHADOWS: &str = "
    SET ROLE mallory;
    CREATE SCHEMA IF NOT EXISTS shadows;
    GRANT USAGE ON SCHEMA shadows TO PUBLIC;
    CREATE FUNCTION shadows.pg_is_in_recovery() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.loot VALUES (current_user, 'pg_is_in_recovery'); RETURN false; END $$;
    CREATE FUNCTION shadows.current_setting(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.loot VALUES (current_user, 'current_setting'); RETURN 'on'; END $$;
    CREATE FUNCTION shadows.equal(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.loot VALUES (current_user, 'operator ='); RETURN true; END $$;
    CREATE OPERATOR shadows.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = shadows.equal);";

#[test]
fn what_somebody_has_put_into_another_schema_is_not_run_by_who_serves() {
    let schema = fresh_schema();
    let url = with(&cluster().url("postgres"), &format!("schema={schema}"));
    let clerk = format!("{schema}_clerk");
    let store = create(&url);
    assert_eq!(insert(&store, b"secret", b"value"), Ok(Outcome::Committed));
    cluster().tell("postgres", "CREATE ROLE mallory LOGIN; GRANT CREATE, USAGE ON SCHEMA public TO mallory; GRANT CREATE ON DATABASE postgres TO mallory");
    cluster().tell(
        "postgres",
        &format!(
            "CREATE ROLE {clerk} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {clerk}; GRANT SELECT ON {schema}.layout TO {clerk};
             GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.rows, {schema}.counters, {schema}.changes TO {clerk};
             GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {clerk}"
        ),
    );
    cluster().tell("postgres", PLANTED);
    cluster().tell("postgres", SHADOWS);
    for path in ["DEFAULT", "public, pg_catalog", "shadows, public, pg_catalog"] {
        cluster().tell(
            "postgres",
            &format!(
                "ALTER ROLE {clerk} SET search_path = {path}; ALTER ROLE zamok SET search_path = {path}"
            ),
        );
        for role in ["zamok@", &format!("{clerk}@")] {
            let store = open(&url.replace("zamok@", role)).expect("a store to serve");
            // Every 32nd commit asks for a remainder; a conflict that is found late tells of itself in words.
            let late = change(|change| {
                change.insert(row(*b"a"), Vec::new())?;
                change.insert(row(*b"secret"), Vec::new())
            });
            assert_eq!(store.commit(&late), Ok(Outcome::Conflict(row(*b"secret"))));
            for _ in 0..33 {
                let sum = change(|change| change.add(CounterKey(b"sum".to_vec()), 1, 1_000));
                assert_eq!(store.commit(&sum), Ok(Outcome::Committed));
            }
            assert!(store.resolve(late.id()).is_ok());
            assert!(get(&store, b"secret").is_ok_and(|row| row.is_some()));
            assert!(store.scan(rig::TABLE, &Range::all(), 10, None).is_ok_and(|page| page.rows.len() == 1));
            assert!(store.counter(&CounterKey(b"sum".to_vec())).is_ok_and(|sum| sum > 0));
            let view = store.snapshot().expect("a view").expect("this store has views");
            assert!(view.get(&row(*b"secret")).is_ok_and(|row| row.is_some()));
        }
    }
    // A store that is made anew in such a place looks nothing up either, nor does one that is brought up to date.
    let another = with(&cluster().url("postgres"), &format!("schema={}", fresh_schema()));
    assert_eq!(insert(&create(&another), b"key", b""), Ok(Outcome::Committed));
    let loot = cluster().ask("postgres", "SELECT DISTINCT who, what FROM public.loot ORDER BY 1, 2");
    assert_eq!(loot, "", "somebody else's code ran");
    cluster().tell("postgres", "ALTER ROLE zamok RESET search_path");
    // It does run where it is called: the test would see it.
    cluster().tell("postgres", "SET search_path = public, pg_catalog; SELECT 1::bigint % 2::integer");
    let loot = cluster().ask("postgres", "SELECT DISTINCT what FROM public.loot");
    assert_eq!(loot, "operator %");
}

#[test]
fn rows_of_a_table_that_inherits_from_ours_are_none_of_the_store() {
    let schema = fresh_schema();
    let url = with(&cluster().url("postgres"), &format!("schema={schema}"));
    let store = create(&url);
    assert_eq!(insert(&store, b"ours", b"value"), Ok(Outcome::Committed));
    // By the owner alone, while the store is open: whoever opens it next is told that it was altered.
    cluster().tell(
        "postgres",
        &format!(
            "CREATE SCHEMA {schema}_o; CREATE TABLE {schema}_o.rows () INHERITS ({schema}.rows);
             CREATE TABLE {schema}_o.counters () INHERITS ({schema}.counters);
             CREATE TABLE {schema}_o.changes () INHERITS ({schema}.changes);
             INSERT INTO {schema}_o.rows VALUES (900, 'ghost', 1, 'x'), (900, 'ours', 1, 'x');
             INSERT INTO {schema}_o.counters VALUES ('ghost', 7);
             INSERT INTO {schema}_o.changes VALUES (1, '\\x07070707070707070707070707070707', 1)"
        ),
    );
    assert_eq!(get(&store, b"ghost"), Ok(None));
    assert_eq!(store.counter(&CounterKey(b"ghost".to_vec())), Ok(0));
    assert!(store.scan(rig::TABLE, &Range::all(), 10, None).is_ok_and(|page| page.rows.len() == 1));
    let update = change(|change| change.update(row(*b"ghost"), 1, Vec::new()));
    assert_eq!(store.commit(&update), Ok(Outcome::Conflict(row(*b"ghost"))));
    let deletion = change(|change| change.delete(row(*b"ghost"), 1));
    assert_eq!(store.commit(&deletion), Ok(Outcome::Conflict(row(*b"ghost"))));
    let read = change(|change| change.expect(row(*b"ghost"), zamok_core::store::Expect::Version(1)));
    assert_eq!(store.commit(&read), Ok(Outcome::Conflict(row(*b"ghost"))));
    let ghost = zamok_core::store::ChangeId([7; 16]);
    assert_eq!(store.resolve(ghost), Ok(zamok_core::store::Resolution::Aborted));
    let count = format!("SELECT count(*) FROM {schema}_o.rows");
    assert_eq!(cluster().ask("postgres", &count), "2", "nothing of theirs is touched");
}
