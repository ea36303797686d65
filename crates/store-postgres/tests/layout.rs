//! What opening makes of a database and a schema, what it refuses, and what the schema forgets by itself.

mod rig;

use std::thread;

use rig::{change, cluster, create, fresh_schema, get, insert, open, row, with};
use zamok_core::store::{Outcome, Store, StoreFault};
use zamok_servers::Cluster;
use zamok_store_postgres::{PostgresStore, PostgresUrl};

fn place() -> (String, String) {
    let schema = fresh_schema();
    (with(&cluster().url("postgres"), &format!("schema={schema}")), schema)
}

fn creation(url: &str) -> Result<PostgresStore, StoreFault> {
    PostgresStore::create(PostgresUrl::parse(url).expect("a URL"))
}

#[test]
fn what_is_not_there_is_missing_and_opening_makes_nothing() {
    let (url, schema) = place();
    assert_eq!(open(&url).err(), Some(StoreFault::Missing));
    let count = format!("SELECT count(*) FROM pg_namespace WHERE nspname = '{schema}'");
    assert_eq!(cluster().ask("postgres", &count), "0");
    assert_eq!(creation(&cluster().url("no_such_database")).err(), Some(StoreFault::Missing));
}

#[test]
fn of_many_that_create_at_once_all_get_the_same_store() {
    let (url, _) = place();
    let keys: Vec<u8> = (0..8).collect();
    thread::scope(|scope| {
        for key in &keys {
            let url = &url;
            scope.spawn(move || assert_eq!(insert(&create(url), &[*key], b""), Ok(Outcome::Committed)));
        }
    });
    let store = open(&url).expect("the store");
    assert!(keys.iter().all(|key| matches!(get(&store, &[*key]), Ok(Some(_)))));
}

#[test]
fn an_empty_schema_is_taken_and_one_with_other_things_in_it_is_left_alone() {
    let (url, schema) = place();
    cluster().tell("postgres", &format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.bank (account int)"));
    assert_eq!(creation(&url).err(), Some(StoreFault::Foreign));
    assert_eq!(open(&url).err(), Some(StoreFault::Foreign));
    let count = format!(
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '{schema}'"
    );
    assert_eq!(cluster().ask("postgres", &count), "1");
    cluster().tell("postgres", &format!("DROP TABLE {schema}.bank"));
    assert!(creation(&url).is_ok());
}

#[test]
fn a_schema_may_be_called_like_anything_that_a_function_speaks_of() {
    for schema in ["first", "r", "rows", "change", "key", "changes_", "begin_1"] {
        let url = with(&cluster().url("postgres"), &format!("schema={schema}"));
        let store = create(&url);
        assert_eq!(insert(&store, b"key", b"value"), Ok(Outcome::Committed), "{schema}");
        assert!(open(&url).is_ok(), "{schema}");
        cluster().tell("postgres", &format!("DROP SCHEMA {schema} CASCADE"));
    }
    // Words of SQL's own are no names of schemas.
    for schema in ["user", "select", "table"] {
        let url = with(&cluster().url("postgres"), &format!("schema={schema}"));
        assert_eq!(creation(&url).err(), Some(StoreFault::Url), "{schema}");
    }
}

#[test]
fn a_newer_layout_is_refused_and_left_as_it_is() {
    let (url, schema) = place();
    drop(create(&url));
    cluster().tell("postgres", &format!("UPDATE {schema}.layout SET version = 2"));
    for refused in [open(&url).err(), creation(&url).err()] {
        assert_eq!(refused, Some(StoreFault::Layout { found: 2, supported: 1 }));
    }
    assert_eq!(cluster().ask("postgres", &format!("SELECT version FROM {schema}.layout")), "2");
}

#[test]
fn a_schema_that_somebody_altered_is_damaged() {
    for alteration in [
        "ALTER TABLE {s}.rows SET UNLOGGED",
        "ALTER TABLE {s}.rows ADD COLUMN note text",
        "ALTER TABLE {s}.rows DROP CONSTRAINT rows_pkey",
        "ALTER TABLE {s}.changes DROP CONSTRAINT changes_id_key",
        "ALTER TABLE {s}.rows ENABLE ROW LEVEL SECURITY",
        "CREATE RULE hush AS ON DELETE TO {s}.rows DO INSTEAD NOTHING",
        "CREATE FUNCTION {s}.meddle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
         CREATE TRIGGER meddle BEFORE UPDATE ON {s}.rows FOR EACH ROW EXECUTE FUNCTION {s}.meddle()",
        "CREATE OR REPLACE FUNCTION {s}.require_durable() RETURNS void LANGUAGE plpgsql AS 'BEGIN END'",
        "ALTER FUNCTION {s}.resolve_change(bytea) SET synchronous_commit = off",
        "DROP FUNCTION {s}.forget_changes",
        "DROP TABLE {s}.counters",
        "DELETE FROM {s}.layout",
    ] {
        let (url, schema) = place();
        drop(create(&url));
        assert!(open(&url).is_ok());
        cluster().tell("postgres", &alteration.replace("{s}", &schema));
        assert_eq!(open(&url).err(), Some(StoreFault::Corrupt), "{alteration}");
        assert_eq!(creation(&url).err(), Some(StoreFault::Corrupt), "{alteration}");
    }
}

#[test]
fn a_store_that_is_removed_while_it_is_open_is_gone() {
    let (url, schema) = place();
    let store = create(&url);
    assert_eq!(insert(&store, b"key", b""), Ok(Outcome::Committed));
    cluster().tell("postgres", &format!("DROP SCHEMA {schema} CASCADE"));
    assert_eq!(insert(&store, b"other", b""), Err(StoreFault::Gone));
    assert_eq!(get(&store, b"key"), Err(StoreFault::Gone));
    assert_eq!(open(&url).err(), Some(StoreFault::Missing));
}

/// The role that serves needs neither the right to create nor to alter.
#[test]
fn a_role_with_the_rights_of_the_page_serves_and_others_are_denied() {
    let (url, schema) = place();
    drop(create(&url));
    cluster().tell(
        "postgres",
        &format!(
            "CREATE ROLE {schema}_clerk LOGIN; CREATE ROLE {schema}_guest LOGIN; \
             GRANT USAGE ON SCHEMA {schema} TO {schema}_clerk, {schema}_guest; \
             GRANT SELECT ON {schema}.layout TO {schema}_clerk, {schema}_guest; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.rows, {schema}.counters, {schema}.changes TO {schema}_clerk; \
             GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {schema}_clerk"
        ),
    );
    let clerk = open(&url.replace("zamok@", &format!("{schema}_clerk@"))).expect("a store to serve");
    assert_eq!(insert(&clerk, b"key", b""), Ok(Outcome::Committed));
    let deletion = change(|change| change.delete(row(*b"key"), 1));
    assert_eq!(clerk.commit(&deletion), Ok(Outcome::Committed));
    let guest = open(&url.replace("zamok@", &format!("{schema}_guest@"))).expect("a store to look at");
    assert_eq!(insert(&guest, b"key", b""), Err(StoreFault::Denied));
    assert_eq!(get(&guest, b"key"), Err(StoreFault::Denied));
    let nobody = url.replace("zamok@", "nobody_known@");
    assert_eq!(open(&nobody).err(), Some(StoreFault::Denied));
}

/// By role, by database, for the whole server: at opening, and later in every commit.
#[test]
fn settings_that_lose_commits_are_refused_at_opening_and_by_every_commit() {
    let (url, schema) = place();
    let store = create(&url);
    assert_eq!(insert(&store, b"before", b""), Ok(Outcome::Committed));
    cluster().tell("postgres", &format!("CREATE ROLE {schema}_hasty SUPERUSER LOGIN; ALTER ROLE {schema}_hasty SET synchronous_commit = off"));
    let hasty = url.replace("zamok@", &format!("{schema}_hasty@"));
    assert_eq!(open(&hasty).err(), Some(StoreFault::NotDurable));
    cluster().tell("postgres", &format!("ALTER ROLE {schema}_hasty RESET synchronous_commit"));
    let soon_hasty = open(&hasty).expect("a sound role");
    cluster().tell("postgres", &format!("ALTER ROLE {schema}_hasty SET synchronous_commit = off"));
    // The pool opens another session, which has the new setting.
    let outcomes: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8_u8)
            .map(|key| {
                scope.spawn({
                    let store = &soon_hasty;
                    move || insert(store, &[key], b"")
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
    });
    assert!(outcomes.contains(&Err(StoreFault::NotDurable)), "{outcomes:?}");
    assert!(outcomes.iter().all(|o| matches!(o, Ok(Outcome::Committed) | Err(StoreFault::NotDurable))));

    let careless = Cluster::start();
    let store = create(&careless.url("postgres"));
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        careless.tell("postgres", &format!("ALTER SYSTEM SET {setting} = off"));
        careless.tell("postgres", "SELECT pg_reload_conf()");
        // Told to the sessions by a signal.
        let refused = (0..200).any(|number: u32| {
            thread::sleep(std::time::Duration::from_millis(5));
            insert(&store, &[setting.as_bytes(), &number.to_be_bytes()].concat(), b"")
                == Err(StoreFault::NotDurable)
        });
        assert!(refused, "{setting} goes unnoticed");
        assert_eq!(store.resolve(change(|_| Ok(())).id()), Err(StoreFault::NotDurable), "{setting}");
        assert_eq!(open(&careless.url("postgres")).err(), Some(StoreFault::NotDurable), "{setting}");
        careless.tell("postgres", &format!("ALTER SYSTEM RESET {setting}"));
        careless.tell("postgres", "SELECT pg_reload_conf()");
        thread::sleep(std::time::Duration::from_millis(200));
    }
    careless.tell("postgres", "ALTER DATABASE postgres SET synchronous_commit = off");
    assert_eq!(open(&careless.url("postgres")).err(), Some(StoreFault::NotDurable));
}

#[test]
fn a_standby_decides_nothing_and_of_several_hosts_the_primary_is_taken() {
    let primary = Cluster::start();
    let store = create(&primary.url("postgres"));
    assert_eq!(insert(&store, b"key", b""), Ok(Outcome::Committed));
    let standby = primary.standby();
    primary.caught_up_by(&standby);
    assert_eq!(open(&standby.url("postgres")).err(), Some(StoreFault::Standby));
    let host = |cluster: &Cluster| cluster.folder().to_str().expect("UTF-8").replace('/', "%2F");
    let both = format!(
        "postgres://zamok@{}:{},{}:{}/postgres",
        host(&standby),
        standby.port(),
        host(&primary),
        primary.port()
    );
    let by_both = open(&both).expect("the primary");
    assert_eq!(insert(&by_both, b"other", b""), Ok(Outcome::Committed));

    // A primary that became a standby while the handle was open: its old rows must not be believed.
    let asked = "SELECT version FROM zamok.get_row(900, 'key')";
    assert!(standby.refuses("postgres", asked).contains("this server is a standby"));
    let asked = "SELECT settled FROM zamok.resolve_change('x')";
    assert!(standby.refuses("postgres", asked).contains("this server is a standby"));
}

#[test]
fn nothing_that_waits_for_a_lock_waits_for_ever() {
    let (url, schema) = place();
    let store = create(&url);
    assert_eq!(insert(&store, b"held", b""), Ok(Outcome::Committed));
    thread::scope(|scope| {
        let holding = format!("BEGIN; SELECT FROM {schema}.rows FOR UPDATE; SELECT pg_sleep(120); COMMIT");
        let holder = scope.spawn(move || cluster().refuses("postgres", &holding));
        let asleep = "FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        let held = format!("SELECT count(*) {asleep}");
        while cluster().ask("postgres", &held).trim() != "1" {
            assert!(!holder.is_finished(), "it never held the row");
            thread::sleep(std::time::Duration::from_millis(20));
        }
        let update = change(|change| change.update(row(*b"held"), 1, b"new".to_vec()));
        assert_eq!(store.commit(&update), Err(StoreFault::Contended));
        assert_eq!(insert(&store, b"beside", b""), Ok(Outcome::Committed), "others are not held up");
        cluster().tell("postgres", &format!("SELECT pg_cancel_backend(pid) {asleep}"));
        holder.join().expect("the holder");
        assert_eq!(store.commit(&update), Ok(Outcome::Committed), "nothing of it was written");
    });
}

/// Ids go in small steps, and none that may still be asked for.
#[test]
fn ids_of_changes_are_forgotten_in_bounded_steps() {
    let (url, schema) = place();
    let store = create(&url);
    let changes: Vec<_> = (0..100).map(|_| change(|_| Ok(()))).collect();
    for change in &changes {
        assert_eq!(store.commit(change), Ok(Outcome::Committed));
    }
    let count = || cluster().ask("postgres", &format!("SELECT count(*) FROM {schema}.changes"));
    assert_eq!(count(), "100");
    cluster().tell("postgres", &format!("SELECT {schema}.forget_changes(51, 30)"));
    assert_eq!(count(), "70", "a step is bounded");
    let oldest = cluster().ask("postgres", &format!("SELECT min(sequence) FROM {schema}.changes"));
    assert_eq!(oldest, "31", "the oldest go first");
    for _ in 0..3 {
        cluster().tell("postgres", &format!("SELECT {schema}.forget_changes(51, 30)"));
    }
    assert_eq!(count(), "50", "what is newer than the horizon stays");
    assert_eq!(store.commit(&changes[99]), Ok(Outcome::Committed));
    // A commit takes a step now and then by itself.
    cluster().tell("postgres", &format!("ALTER SEQUENCE {schema}.changes_sequence_seq RESTART WITH 131104"));
    assert_eq!(store.commit(&change(|_| Ok(()))), Ok(Outcome::Committed));
    assert_eq!(count(), "51", "131,104 − 131,072 = 32: only what is older goes");
    cluster().tell("postgres", &format!("ALTER SEQUENCE {schema}.changes_sequence_seq RESTART WITH 262144"));
    assert_eq!(store.commit(&change(|_| Ok(()))), Ok(Outcome::Committed));
    assert_eq!(count(), "2", "the newest two");
}

#[test]
fn a_change_that_no_message_holds_is_refused_before_it_is_sent() {
    let (url, _) = place();
    let store = create(&url);
    let large = change(|change| (0..129_u8).try_for_each(|key| change.insert(row([key]), vec![7; 1 << 20])));
    assert_eq!(store.commit(&large), Err(StoreFault::Full));
    assert_eq!(get(&store, &[0]), Ok(None));
    assert_eq!(store.commit(&large), Err(StoreFault::Full), "it stays so");
    assert_eq!(insert(&store, &[0], b""), Ok(Outcome::Committed));
}
