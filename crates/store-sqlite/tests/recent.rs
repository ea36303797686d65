//! Rows that wait in `recent`: every reader sees them on top of `rows`, whoever put them and whoever merges them; what is
//! deleted is gone from the file at once; files of the first layout are brought up to date.

mod rig;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use rig::{TABLE, beside, change, folder, get, insert, row};
use rusqlite::Connection;
use zamok_core::store::{Change, Cursor, Outcome, Range, Row, Store, Table};
use zamok_store_conformance::{Random, Tier};
use zamok_store_sqlite::SqliteStore;

type Model = BTreeMap<Vec<u8>, Row>;

fn count(path: &Path, table: &str) -> i64 {
    let connection = Connection::open(path).expect("SQLite opens it");
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("a count")
}

fn committed(store: &dyn Store, change: &Change) {
    assert_eq!(store.commit(change), Ok(Outcome::Committed));
}

fn index(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.below(u64::try_from(bound).expect("a bound"))).expect("an index")
}

/// Reads all of the table in pages of every size, and single rows.
fn assert_holds(store: &dyn Store, model: &Model, random: &mut Random) {
    let from = vec![u8::try_from(random.below(40)).expect("a byte")];
    let range = Range { start: from.clone(), end: Some(vec![60]) };
    let expected: Vec<_> = model.range(from..vec![60]).map(|(key, row)| (key.clone(), row.clone())).collect();
    let (mut found, mut after) = (Vec::new(), None::<Cursor>);
    let limit = 1 + index(random, 7);
    loop {
        let page = store.scan(TABLE, &range, limit, after.as_ref()).expect("a page");
        assert!(page.rows.len() <= limit);
        found.extend(page.rows);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(found, expected, "in pages of {limit}");
    for _ in 0..4 {
        let key = vec![u8::try_from(random.below(64)).expect("a byte")];
        assert_eq!(store.get(&row(key.clone())), Ok(model.get(&key).cloned()), "row {key:?}");
    }
}

#[test]
fn several_handles_and_snapshots_see_what_each_of_them_puts_deletes_and_merges() {
    let (_folder, path) = folder();
    let stores = [0, 1, 2].map(|_| SqliteStore::create(&path).expect("the store"));
    let mut random = Random::new(11);
    let mut model = Model::new();
    let mut snapshots: Vec<(Box<dyn Store>, Model)> = Vec::new();
    for round in 0..Tier::pick(150, 600, 20_000) {
        let store = &stores[index(&mut random, stores.len())];
        // Deletions merge: a run of commits without one leaves more in `recent`.
        let may_delete = random.below(8) == 0;
        let mut next = model.clone();
        let change = change(|change| {
            for _ in 0..=random.below(4) {
                let key = vec![u8::try_from(random.below(64)).expect("a byte")];
                if change.write_of(&row(key.clone())).is_some() {
                    continue;
                }
                let value = random.bytes(40);
                match model.get(&key) {
                    None => {
                        change.insert(row(key.clone()), value.clone())?;
                        next.insert(key, Row { version: 1, value });
                    }
                    Some(old) if may_delete => {
                        change.delete(row(key.clone()), old.version)?;
                        next.remove(&key);
                    }
                    Some(old) => {
                        change.update(row(key.clone()), old.version, value.clone())?;
                        next.insert(key, Row { version: old.version + 1, value });
                    }
                }
            }
            Ok(())
        });
        committed(store, &change);
        model = next;
        // Another handle knows as much as the one that committed.
        assert_holds(&stores[index(&mut random, stores.len())], &model, &mut random);
        let stale = self::change(|change| change.insert(row(*b"of nobody"), Vec::new()));
        if round % 50 == 0 {
            committed(&stores[0], &stale);
            let there = self::change(|change| change.delete(row(*b"of nobody"), 1));
            committed(&stores[1], &there);
            snapshots.push((store.snapshot().expect("a view").expect("SQLite has views"), model.clone()));
            if snapshots.len() > 3 {
                snapshots.remove(0);
            }
        }
        for (snapshot, model) in &snapshots {
            assert_holds(&**snapshot, model, &mut random);
        }
    }
    drop((snapshots, stores));
    let store = SqliteStore::open(&path).expect("the store");
    assert_holds(&store, &model, &mut random);
    assert_eq!(store.check(), Ok(Vec::new()));
}

#[test]
fn puts_wait_until_there_are_many_or_somebody_deletes_or_the_store_is_closed() {
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    for number in 0..20_u8 {
        assert_eq!(insert(&store, &[number], b"value"), Ok(Outcome::Committed));
    }
    assert_eq!((count(&path, "recent"), count(&path, "rows")), (20, 0));
    committed(&store, &change(|change| change.delete(row([3_u8]), 1)));
    assert_eq!((count(&path, "recent"), count(&path, "rows")), (0, 19));
    // The id of each change is remembered across it.
    let twice = change(|change| change.update(row([4_u8]), 1, b"new".to_vec()));
    committed(&store, &twice);
    let mut erasing = change(|change| change.update(row([5_u8]), 1, b"new".to_vec()));
    erasing.erase();
    committed(&store, &erasing);
    assert_eq!((count(&path, "recent"), count(&path, "rows")), (0, 19));
    for change in [&twice, &erasing] {
        committed(&store, change);
    }
    let large = vec![7; Change::MAX_VALUE];
    for number in 0..4_u8 {
        assert_eq!((count(&path, "recent"), count(&path, "rows")), (i64::from(number), 19));
        assert_eq!(insert(&store, &[b'l', number], &large), Ok(Outcome::Committed));
    }
    assert_eq!((count(&path, "recent"), count(&path, "rows")), (0, 23));
    assert_eq!(insert(&store, b"last", b"value"), Ok(Outcome::Committed));
    assert_eq!((count(&path, "recent"), count(&path, "rows")), (1, 23));
    drop(store);
    assert_eq!((count(&path, "recent"), count(&path, "rows")), (0, 24));
}

/// Whether a text stands anywhere in the file once its log was folded into it; looked for by another program.
fn stands_in(path: &Path, text: &str) -> bool {
    let connection = Connection::open(path).expect("SQLite opens it");
    let folded = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    assert_eq!(folded, Ok(0), "nobody was in the way");
    let status =
        Command::new("grep").args(["-q", "-a", "-F", text]).args([path, &beside(path, "-wal")]).status();
    match status.expect("grep runs").code() {
        Some(0) => true,
        Some(1) => false,
        other => panic!("grep ended with {other:?}"),
    }
}

#[test]
fn what_is_deleted_or_erased_is_nowhere_in_the_file() {
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    let texts = ["deleted while it is recent", "deleted after a merge", "replaced by a change that erases"];
    let keys: [&[u8]; 3] = [b"recent", b"merged", b"erased"];
    assert_eq!(insert(&store, keys[1], texts[1].as_bytes()), Ok(Outcome::Committed));
    let mut merging = change(|change| change.insert(row(*b"other"), Vec::new()));
    merging.erase();
    committed(&store, &merging);
    for number in [0, 2] {
        assert_eq!(insert(&store, keys[number], texts[number].as_bytes()), Ok(Outcome::Committed));
    }
    assert_eq!(texts.map(|text| stands_in(&path, text)), [true; 3]);
    for number in [0, 1] {
        committed(&store, &change(|change| change.delete(row(keys[number]), 1)));
        assert!(!stands_in(&path, texts[number]), "{}", texts[number]);
    }
    assert_eq!(insert(&store, b"one more", b"that waits"), Ok(Outcome::Committed));
    let mut erasing = change(|change| change.update(row(keys[2]), 1, Vec::new()));
    erasing.erase();
    committed(&store, &erasing);
    assert!(!stands_in(&path, texts[2]));
    assert_eq!(
        get(&store, b"one more").map(|row| row.map(|row| row.value)),
        Ok(Some(b"that waits".to_vec()))
    );
}

/// The tables of layout 1, as it was: SQLite keeps the text of each up to its semicolon.
const FIRST: &str = "PRAGMA journal_mode = WAL;
-- Versions are unsigned 64-bit numbers kept in SQLite's signed ones, bit for bit: SQL never compares them.
CREATE TABLE rows (
    tbl INTEGER NOT NULL,
    key BLOB NOT NULL,
    version INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (tbl, key)
) STRICT, WITHOUT ROWID
;
CREATE TABLE counters (
    key BLOB NOT NULL PRIMARY KEY,
    sum INTEGER NOT NULL
) STRICT, WITHOUT ROWID
;
CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY,
    ids BLOB NOT NULL
) STRICT
;
INSERT INTO rows VALUES (900, x'6b6579', 7, x'01');
INSERT INTO changes VALUES (1, x'0000000000000000000000000000000101'), (2, x'0000000000000000000000000000000202');
PRAGMA application_id = 0x5a616d6b;
PRAGMA user_version = 1;";

#[test]
fn a_store_of_the_first_layout_goes_on_where_it_was() {
    let (_folder, path) = folder();
    Connection::open(&path).expect("SQLite opens it").execute_batch(FIRST).expect("SQLite does it");
    let stores = [0, 1].map(|_| SqliteStore::open(&path).expect("the store"));
    for store in &stores {
        assert_eq!(store.get(&row(*b"key")), Ok(Some(Row { version: 7, value: vec![1] })));
    }
    let known = |id: u8| {
        let mut bytes = [0; 16];
        bytes[15] = id;
        zamok_core::store::ChangeId(bytes)
    };
    assert_eq!(stores[0].resolve(known(1)), Ok(zamok_core::store::Resolution::Committed));
    assert_eq!(stores[1].resolve(known(2)), Ok(zamok_core::store::Resolution::Aborted));
    committed(&stores[0], &change(|change| change.update(row(*b"key"), 7, vec![2])));
    assert_eq!(stores[1].get(&row(*b"key")), Ok(Some(Row { version: 8, value: vec![2] })));
    committed(&stores[1], &change(|change| change.delete(row(*b"key"), 8)));
    assert_eq!(stores[0].get(&row(*b"key")), Ok(None));
    drop(stores);
    assert_eq!(SqliteStore::open(&path).expect("the store").check(), Ok(Vec::new()));
}

#[test]
fn a_store_of_the_second_layout_goes_on_where_it_was() {
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    assert_eq!(insert(&store, b"key", b"value"), Ok(Outcome::Committed));
    drop(store);
    let older = Connection::open(&path).expect("SQLite opens it");
    older.execute_batch("DROP TABLE recent; PRAGMA user_version = 2").expect("SQLite does it");
    drop(older);
    let store = SqliteStore::open(&path).expect("the store");
    committed(&store, &change(|change| change.update(row(*b"key"), 1, vec![2])));
    assert_eq!((count(&path, "recent"), count(&path, "rows")), (1, 1));
    assert_eq!(get(&store, b"key"), Ok(Some(Row { version: 2, value: vec![2] })));
    assert_eq!(store.check(), Ok(Vec::new()));
}

#[test]
fn rows_that_cannot_be_merged_hold_up_nothing_but_what_must_be_merged() {
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    assert_eq!(insert(&store, b"key", b"value"), Ok(Outcome::Committed));
    // Someone has put the row where it will have to go.
    let table = i64::from(TABLE.0);
    let others = Connection::open(&path).expect("SQLite opens it");
    others
        .execute("INSERT INTO rows VALUES (?1, ?2, 1, x'00')", rusqlite::params![table, b"key"])
        .expect("a row");
    let half = vec![1; Change::MAX_VALUE / 2];
    for number in 0..20_u8 {
        assert_eq!(insert(&store, &[number], &half), Ok(Outcome::Committed));
    }
    assert_eq!(count(&path, "recent"), 21);
    let deleting = change(|change| change.delete(row([3_u8]), 1));
    assert!(store.commit(&deleting).is_err(), "it must be merged, and cannot be");
    assert_eq!(get(&store, &[3]).map(|row| row.is_some()), Ok(true));
    others
        .execute("DELETE FROM rows WHERE tbl = ?1 AND key = ?2", rusqlite::params![table, b"key"])
        .expect("a row");
    committed(&store, &deleting);
    assert_eq!((count(&path, "recent"), count(&path, "rows")), (0, 20));
}

#[test]
fn another_program_reads_recent_rows_after_the_page_of_the_format() {
    const READER: &str = r#"
import sqlite3, struct, sys
file = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
for sequence, ids, rows in file.execute("SELECT sequence, ids, rows FROM recent ORDER BY sequence"):
    while rows:
        table, length, version, size = struct.unpack(">HBQI", rows[:15])
        key, value, rows = rows[15:15 + length], rows[15 + length:15 + length + size], rows[15 + length + size:]
        print(sequence, len(ids), table, key.hex(), version, value.hex())
"#;
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    let two = change(|change| {
        change.insert(row(*b"a"), b"first".to_vec())?;
        change.insert(zamok_core::store::RowKey::new(Table(3), Vec::new()), Vec::new())
    });
    committed(&store, &two);
    committed(&store, &change(|change| change.update(row(*b"a"), 1, vec![0xff; 2])));
    let python = std::env::var_os("ZAMOK_PYTHON").unwrap_or_else(|| "python3".into());
    let output = Command::new(python).args(["-c", READER]).arg(&path).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("text");
    assert_eq!(said, "1 17 3  1 \n1 17 900 61 1 6669727374\n2 17 900 61 2 ffff\n");
}
