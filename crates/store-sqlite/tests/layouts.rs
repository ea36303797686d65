//! Files of former layouts are brought up to date, whole or not at all, by one process of several; what is not as it was made is left
//! as it is.

mod rig;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rig::{change, child, folder, insert, row, say, task};
use rusqlite::Connection;
use zamok_core::hash::sha256;
use zamok_core::store::{
    ChangeId, CounterKey, EntryId, Outcome, Resolution, Row, RowKey, Store, StoreFault, Table,
};
use zamok_core::wire::hex;
use zamok_store_conformance::Tier;
use zamok_store_sqlite::{FAILPOINT_VARIABLE, FAILPOINTS, SqliteStore};

/// A file that the last program of layout 1 made and closed (the commit before the one that made layout 2).
const LAYOUT_1: &[u8] = include_bytes!("layouts/layout_1.db");
const DIGEST_1: &str = "e9bc9826f0341e2bd338d62f1a9ad2e22c7dfc67f8df7fd7fda39c9e6180fde4";

/// A file that the last program of layout 2 made and closed, in which entries of two writers wait.
const LAYOUT_2: &[u8] = include_bytes!("layouts/layout_2.db");
const DIGEST_2: &str = "79633bcd4fcbbd502dfa51049288cae66ac327b6ddeb86d0ee8425fb1bfcff1f";

/// The tables of layout 1, as its program made them.
const TABLES_1: &str = "
    CREATE TABLE rows (tbl INTEGER NOT NULL, key BLOB NOT NULL, version INTEGER NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (tbl, key)) STRICT, WITHOUT ROWID;
    CREATE TABLE counters (key BLOB NOT NULL PRIMARY KEY, sum INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    PRAGMA journal_mode = WAL; PRAGMA application_id = 0x5a616d6b; PRAGMA user_version = 1;";

fn sql(path: &Path, statements: &str) {
    Connection::open(path).expect("SQLite opens it").execute_batch(statements).expect("SQLite does it");
}

fn version(path: &Path) -> i64 {
    let connection = Connection::open(path).expect("SQLite opens it");
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("SQLite reads it")
}

/// All that was committed to the file of layout 1 is there, and more can be.
fn holds_what_it_held(path: &Path) {
    let store = SqliteStore::open(path).expect("the store");
    let found = |number: u8| {
        let row = store.get(&row([number])).expect("a read");
        row.map(|row| (row.version, row.value))
    };
    for number in 0..40_u8 {
        let expected = match number {
            _ if number % 7 == 1 => None,
            _ if number % 6 == 0 => Some((2, b"updated".to_vec())),
            _ => Some((1, vec![number; usize::from(number) * 10])),
        };
        assert_eq!(found(number), expected, "row {number}");
    }
    let long = store.get(&RowKey::new(Table(3), *b"long")).expect("a read").expect("the long row");
    assert_eq!((long.version, long.value), (1, vec![7; 9_000]));
    assert_eq!(store.get(&row([])).map(|row| row.map(|row| row.value)), Ok(Some(b"empty key".to_vec())));
    assert_eq!(store.counter(&CounterKey(b"sum".to_vec())), Ok((0..40).sum()));
    assert_eq!(store.counter(&CounterKey(b"full".to_vec())), Ok(u64::MAX));
    assert_eq!(store.resolve(ChangeId([200; 16])), Ok(Resolution::Committed));
    assert_eq!(store.resolve(ChangeId([201; 16])), Ok(Resolution::Aborted));
    assert_eq!(store.check(), Ok(Vec::new()));
    let more = change(|change| change.update(row([2]), 1, b"new".to_vec()));
    assert_eq!(store.commit(&more), Ok(Outcome::Committed));
    let back = change(|change| change.update(row([2]), 2, vec![2; 20]));
    assert_eq!(store.commit(&back), Ok(Outcome::Committed));
    drop(store);
    assert_eq!(version(path), 3);
}

#[test]
fn a_file_of_the_first_layout_is_brought_up_to_date_and_loses_nothing() {
    assert_eq!(hex(&sha256(&[LAYOUT_1])), DIGEST_1, "what was released is never edited");
    let (_folder, path) = folder();
    fs::write(&path, LAYOUT_1).expect("a file");
    assert_eq!(version(&path), 1);
    let store = SqliteStore::open(&path).expect("the store");
    let rows = store.scan(Table(900), &Default::default(), 100, None).expect("a scan").rows;
    assert_eq!(rows.len(), 35);
    drop(store);
    // The same file as one that was never older.
    let (_other_folder, other) = folder();
    drop(SqliteStore::create(&other).expect("a new store"));
    let schema = |path: &Path| {
        let connection = Connection::open(path).expect("SQLite opens it");
        let mut statement =
            connection.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").expect("it reads");
        let rows =
            statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)));
        rows.expect("it reads").collect::<Result<Vec<_>, _>>().expect("it reads")
    };
    assert_eq!(schema(&path), schema(&other));
}

#[test]
fn entries_that_wait_in_a_file_of_the_second_layout_are_found_under_their_new_names() {
    assert_eq!(hex(&sha256(&[LAYOUT_2])), DIGEST_2, "what was released is never edited");
    let (_folder, path) = folder();
    fs::write(&path, LAYOUT_2).expect("a file");
    assert_eq!(version(&path), 2);
    let store = SqliteStore::open(&path).expect("the store");
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
    assert_eq!(store.check(), Ok(Vec::new()));
    drop(store);
    assert_eq!(version(&path), 3);
}

#[test]
fn what_a_former_program_wrote_into_a_newer_file_gets_its_name_by_the_statement_of_the_page() {
    const PAGE: &str = include_str!("../../../docs/compatibility.md");
    let (_, statement) = PAGE.split_once("over SQLite by `").expect("the statement");
    let (statement, _) = statement.split_once('`').expect("its end");
    let (_folder, path) = folder();
    drop(SqliteStore::create(&path).expect("a new store"));
    let ids = [3, 200].map(|writer| EntryId { writer: [writer; 16], sequence: 7 });
    // An entry says after a byte and a number of four which one it is.
    let value = |id: EntryId| [&[1, 0, 0, 0, 1][..], &id.to_bytes(), b"and so on"].concat();
    let insert = "INSERT INTO rows (tbl, key, version, value) VALUES (16, ?1, 1, ?2)";
    let other = Connection::open(&path).expect("SQLite opens it");
    for (key, id) in [(ids[0].to_bytes().to_vec(), ids[0]), (ids[1].row().key, ids[1])] {
        assert_eq!(other.execute(insert, (key, value(id))), Ok(1));
    }
    assert_eq!(other.execute(statement, ()), Ok(1), "the one, and not the other");
    drop(other);
    let store = SqliteStore::open(&path).expect("the store");
    for id in ids {
        assert_eq!(store.get(&id.row()), Ok(Some(Row { version: 1, value: value(id) })));
    }
}

#[test]
fn a_file_of_the_first_layout_with_anything_altered_is_damaged_and_stays_as_it_is() {
    let altered = |statements: &str| {
        let (folder, path) = folder();
        fs::write(&path, LAYOUT_1).expect("a file");
        sql(&path, statements);
        (folder, path)
    };
    // As an unreleased version made it, under the same number.
    let (other_folder, other) = folder();
    let changes = "CREATE TABLE changes (sequence INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, state INTEGER NOT NULL) STRICT;";
    sql(&other, &format!("{TABLES_1} {changes}"));
    for (_folder, path) in [
        altered("CREATE TRIGGER hostile AFTER INSERT ON rows BEGIN DELETE FROM counters; END"),
        altered("ALTER TABLE counters ADD COLUMN more INTEGER"),
        altered("DROP TABLE changes"),
        altered("PRAGMA journal_mode = DELETE; CREATE INDEX i ON counters (sum)"),
        (other_folder, other),
    ] {
        let before = fs::read(&path).expect("the file");
        assert_eq!(SqliteStore::open(&path).expect_err("altered"), StoreFault::Corrupt);
        assert_eq!(SqliteStore::create(&path).expect_err("altered"), StoreFault::Corrupt);
        assert_eq!(fs::read(&path).expect("the file"), before, "it was changed and then refused");
        assert_eq!(version(&path), 1);
    }
}

#[test]
fn a_process_that_dies_while_it_brings_a_file_up_to_date_leaves_the_one_or_the_other() {
    const NAME: &str = "a_process_that_dies_while_it_brings_a_file_up_to_date_leaves_the_one_or_the_other";
    if let Some((_, path)) = task() {
        let _ = SqliteStore::open(&path);
        return;
    }
    // The first of them is passed by commits alone.
    for (name, expected) in FAILPOINTS.into_iter().zip([3, 1, 1, 1, 3]).skip(1) {
        let (_folder, path) = folder();
        fs::write(&path, LAYOUT_1).expect("a file");
        let output = child(NAME, "open", &path).env(FAILPOINT_VARIABLE, name).output().expect("a child");
        assert_eq!(output.status.signal(), Some(9), "{name} was never reached");
        let copy = path.with_extension("copy");
        for suffix in ["", "-wal"] {
            let _ = fs::copy(rig::beside(&path, suffix), rig::beside(&copy, suffix));
        }
        assert_eq!(version(&copy), expected, "killed at {name}");
        holds_what_it_held(&path);
    }
}

#[test]
fn whoever_opens_an_older_file_waits_for_the_one_who_brings_it_up_to_date() {
    if Tier::from_env() == Tier::Check {
        return say("it takes more than ten seconds: not run at this tier");
    }
    let (_folder, path) = folder();
    fs::write(&path, LAYOUT_1).expect("a file");
    let other = Connection::open(&path).expect("SQLite opens it");
    other.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    std::thread::scope(|scope| {
        let begun = Instant::now();
        let waiting = scope.spawn(|| SqliteStore::open(&path).map(drop));
        // Longer than any other wait for the write lock.
        std::thread::sleep(Duration::from_secs(14));
        assert!(!waiting.is_finished(), "it gave up after {:?}", begun.elapsed());
        other.execute_batch("COMMIT").expect("the write lock is given back");
        assert_eq!(waiting.join().expect("a thread"), Ok(()));
    });
    holds_what_it_held(&path);
    // A store of the newest layout is waited for as ever: the answer comes.
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    assert_eq!(insert(&store, b"key", b"value"), Ok(Outcome::Committed));
}
