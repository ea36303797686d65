//! Schemas of former layouts are brought up to date, whole or not at all; what is not as it was made is left as it is.

mod rig;

use rig::{change, open, row};
use zamok_core::store::{
    ChangeId, CounterKey, EntryId, Outcome, Resolution, Row, RowKey, Store, StoreFault, Table,
};
use zamok_servers::Cluster;
use zamok_store_postgres::{PostgresStore, PostgresUrl};

/// What `pg_dump` says of a store of layout 1 with two rows, a counter and three changes in it.
const LAYOUT_1: &str = include_str!("layouts/layout_1.sql");

/// What it says of one of layout 2 in which entries of two writers wait.
const LAYOUT_2: &str = include_str!("layouts/layout_2.sql");

/// In a database of its own.
fn former(server: &Cluster, name: &str, layout: &str) -> String {
    server.tell("postgres", &format!("CREATE DATABASE {name}"));
    server.tell(name, layout);
    server.url(name)
}

#[test]
fn a_schema_of_the_first_layout_is_brought_up_to_date_and_loses_nothing() {
    let server = rig::cluster();
    let url = former(server, "first", LAYOUT_1);
    let stores: Vec<PostgresStore> = std::thread::scope(|scope| {
        let opened: Vec<_> = (0..4).map(|_| scope.spawn(|| open(&url).expect("the store opens"))).collect();
        opened.into_iter().map(|opened| opened.join().expect("a thread")).collect()
    });
    let store = &stores[0];
    assert_eq!(server.ask("first", "SELECT version FROM zamok.layout"), "3");
    assert_eq!(store.get(&row([0])), Ok(Some(Row { version: 1, value: Vec::new() })));
    assert_eq!(store.get(&row(*b"key")), Ok(Some(Row { version: 2, value: b"new".to_vec() })));
    assert_eq!(store.counter(&CounterKey(vec![0xc0])), Ok(u64::MAX));
    for (id, settled) in [(1, Resolution::Committed), (2, Resolution::Committed), (3, Resolution::Aborted)] {
        assert_eq!(store.resolve(ChangeId([id; 16])), Ok(settled));
    }
    let update = change(|change| change.update(row(*b"key"), 2, b"newer".to_vec()));
    assert_eq!(store.commit(&update), Ok(Outcome::Committed));
    // The same schema as one that was never older.
    server.tell("postgres", "CREATE DATABASE newest");
    drop(rig::create(&server.url("newest")));
    let functions = "SELECT proname, prosrc, proconfig FROM pg_proc WHERE pronamespace = 'zamok'::regnamespace ORDER BY 1";
    assert_eq!(server.ask("first", functions), server.ask("newest", functions));
}

#[test]
fn entries_that_wait_in_a_schema_of_the_second_layout_are_found_under_their_new_names() {
    let server = rig::cluster();
    let store = open(&former(server, "second", LAYOUT_2)).expect("the store opens");
    assert_eq!(server.ask("second", "SELECT version FROM zamok.layout"), "3");
    for (number, writer) in (1..=20_u64).flat_map(|number| [(number, 3), (number, 200)]) {
        let id = EntryId { writer: [writer; 16], sequence: number };
        let value = (1..=number).map(|_| writer).collect();
        assert_eq!(store.get(&id.row()), Ok(Some(Row { version: 1, value })), "{id:?}");
        let detail = store.get(&RowKey::new(Table(17), id.to_bytes()));
        assert_eq!(detail.map(|row| row.map(|row| row.value)), Ok(Some(b"detail".to_vec())), "{id:?}");
    }
    let waiting = store.scan(EntryId::TABLE, &Default::default(), 100, None).expect("a scan").rows;
    assert_eq!(waiting.len(), 41);
    assert_eq!(waiting.iter().filter(|(_, row)| row.value == b"left as it is").count(), 1);
    let other = store.get(&RowKey::new(Table(15), [5; 24]));
    assert_eq!(other.map(|row| row.map(|row| row.value)), Ok(Some(b"of another table".to_vec())));
}

#[test]
fn what_a_former_program_wrote_into_a_newer_schema_gets_its_name_by_the_statement_of_the_page() {
    const PAGE: &str = include_str!("../../../docs/compatibility.md");
    let (_, statement) = PAGE.split_once("in the schema that its URL names, by `").expect("the statement");
    let (statement, _) = statement.split_once('`').expect("its end");
    let server = rig::cluster();
    server.tell("postgres", "CREATE DATABASE written_by_both");
    let store = rig::create(&server.url("written_by_both"));
    let ids = [3, 200].map(|writer| EntryId { writer: [writer; 16], sequence: 7 });
    // An entry says after a byte and a number of four which one it is.
    let value = |id: EntryId| [&[1, 0, 0, 0, 1][..], &id.to_bytes(), b"and so on"].concat();
    let former = RowKey::new(EntryId::TABLE, ids[0].to_bytes());
    for (key, id) in [(former.clone(), ids[0]), (ids[1].row(), ids[1])] {
        let insert = change(|change| change.insert(key, value(id)));
        assert_eq!(store.commit(&insert), Ok(Outcome::Committed));
    }
    server.tell("written_by_both", statement);
    assert_eq!(store.get(&former), Ok(None));
    for id in ids {
        assert_eq!(store.get(&id.row()), Ok(Some(Row { version: 1, value: value(id) })));
    }
}

#[test]
fn a_schema_of_the_first_layout_with_anything_altered_is_damaged_and_stays_as_it_is() {
    let server = rig::cluster();
    for (number, alteration) in [
        "ALTER TABLE zamok.rows SET UNLOGGED",
        "ALTER TABLE zamok.counters ADD COLUMN more integer",
        "DROP FUNCTION zamok.get_row",
        "CREATE OR REPLACE FUNCTION zamok.require_durable() RETURNS void LANGUAGE plpgsql AS 'BEGIN END'",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("altered_{number}");
        let url = former(server, &name, LAYOUT_1);
        server.tell(&name, alteration);
        let functions =
            "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'zamok'::regnamespace ORDER BY 1";
        let before = server.ask(&name, functions);
        assert_eq!(open(&url).err(), Some(StoreFault::Corrupt), "{alteration}");
        let created = PostgresStore::create(PostgresUrl::parse(&url).expect("a URL"));
        assert_eq!(created.err(), Some(StoreFault::Corrupt), "{alteration}");
        assert_eq!(server.ask(&name, functions), before, "it was changed and then refused");
        assert_eq!(server.ask(&name, "SELECT version FROM zamok.layout"), "1");
    }
}

/// Who only serves may not replace a function: the owner opens the store first.
#[test]
fn a_role_that_only_serves_leaves_an_older_schema_to_its_owner() {
    let server = rig::cluster();
    let url = former(server, "served", LAYOUT_1);
    server.tell(
        "served",
        "CREATE ROLE former_clerk LOGIN; GRANT USAGE ON SCHEMA zamok TO former_clerk; GRANT SELECT ON zamok.layout TO former_clerk;
         GRANT SELECT, INSERT, UPDATE, DELETE ON zamok.rows, zamok.counters, zamok.changes TO former_clerk;
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA zamok TO former_clerk",
    );
    let clerk = url.replace("zamok@", "former_clerk@");
    assert_eq!(open(&clerk).err(), Some(StoreFault::Denied));
    assert_eq!(server.ask("served", "SELECT version FROM zamok.layout"), "1");
    drop(open(&url).expect("the owner"));
    assert_eq!(rig::insert(&open(&clerk).expect("a store to serve"), b"more", b""), Ok(Outcome::Committed));
}
