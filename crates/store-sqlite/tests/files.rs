//! The file: who may read it, what opening makes of it, what happens when it goes away under a running process.

mod rig;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use rig::{beside, child, folder, get, insert, row, task};
use rusqlite::Connection;
use zamok_core::store::{CounterKey, Outcome, Store, StoreFault};
use zamok_store_conformance::Tier;
use zamok_store_sqlite::SqliteStore;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

fn open_fault(path: &Path) -> StoreFault {
    SqliteStore::open(path).expect_err("no store to open")
}

fn made(path: &Path) {
    let store = SqliteStore::create(path).expect("a new store");
    assert_eq!(insert(&store, b"kept", b"value"), Ok(Outcome::Committed));
}

fn sql(path: &Path, statements: &str) {
    Connection::open(path).expect("SQLite opens it").execute_batch(statements).expect("SQLite does it");
}

#[test]
fn its_files_are_for_their_owner_alone_from_the_first_moment() {
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(mode(&beside(&path, suffix)), 0o600, "{suffix}");
    }
    assert_eq!(insert(&store, b"key", b"value"), Ok(Outcome::Committed));
    let copy = beside(&path, ".copy");
    store.backup_to(&copy).expect("a copy");
    assert_eq!(mode(&copy), 0o600);
}

#[test]
fn looser_modes_are_tightened_when_it_is_opened() {
    let (_folder, path) = folder();
    let first = SqliteStore::create(&path).expect("a new store");
    for suffix in ["", "-wal", "-shm"] {
        fs::set_permissions(beside(&path, suffix), Permissions::from_mode(0o664)).expect("it is ours");
    }
    let _second = SqliteStore::open(&path).expect("the store");
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(mode(&beside(&path, suffix)), 0o600, "{suffix}");
    }
    drop(first);
}

#[test]
fn a_missing_file_is_missing_and_is_not_made() {
    let (folder, path) = folder();
    assert_eq!(open_fault(&path), StoreFault::Missing);
    assert_eq!(open_fault(&folder.path().join("none/store.db")), StoreFault::Missing);
    assert_eq!(open_fault(&path.join("below a missing file")), StoreFault::Missing);
    assert_eq!(
        SqliteStore::create(folder.path().join("none/store.db")).expect_err("no folder"),
        StoreFault::Missing
    );
    symlink(folder.path().join("nowhere"), folder.path().join("dangling")).expect("a link");
    assert_eq!(open_fault(&folder.path().join("dangling")), StoreFault::Missing);
    let names: Vec<_> = fs::read_dir(folder.path())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["dangling"]);
}

#[test]
fn a_file_of_another_kind_is_foreign_and_stays_as_it_is() {
    let (folder, path) = folder();
    fs::write(&path, "a diary, by no means a database").expect("a file");
    assert_eq!(open_fault(&path), StoreFault::Foreign);
    assert_eq!(SqliteStore::create(&path).expect_err("no store"), StoreFault::Foreign);
    assert_eq!(fs::read(&path).expect("the file"), b"a diary, by no means a database");
    assert_eq!(open_fault(folder.path()), StoreFault::Foreign, "a folder");

    let others = folder.path().join("others.db");
    sql(&others, "CREATE TABLE rows (a); INSERT INTO rows VALUES (1)");
    let before = fs::read(&others).expect("the file");
    assert_eq!(open_fault(&others), StoreFault::Foreign);
    assert_eq!(SqliteStore::create(&others).expect_err("no store"), StoreFault::Foreign);
    sql(&others, "PRAGMA application_id = 7");
    assert_eq!(open_fault(&others), StoreFault::Foreign);
    sql(&others, "PRAGMA application_id = 0");
    let after = fs::read(&others).expect("the file");
    assert_eq!(before[100..], after[100..]);
    assert_eq!(mode(&others), 0o644 & mode(&others), "a foreign file keeps its mode");
    assert!(!beside(&others, "-wal").exists());
}

#[test]
fn an_empty_file_is_no_store_until_it_is_created() {
    let (_folder, path) = folder();
    fs::write(&path, "").expect("a file");
    assert_eq!(open_fault(&path), StoreFault::Foreign);
    fs::write(beside(&path, "-wal"), "what was committed").expect("a file");
    assert_eq!(SqliteStore::create(&path).expect_err("evidence"), StoreFault::Corrupt);
    assert_eq!(open_fault(&path), StoreFault::Foreign);
    assert_eq!(fs::read(beside(&path, "-wal")).expect("the log"), b"what was committed");
    fs::remove_file(beside(&path, "-wal")).expect("a file");
    // As an interrupted creation leaves it.
    made(&path);
    assert!(SqliteStore::open(&path).is_ok());
}

#[test]
fn creating_where_a_store_is_opens_it() {
    let (_folder, path) = folder();
    made(&path);
    let store = SqliteStore::create(&path).expect("the store");
    assert_eq!(get(&store, b"kept").map(|row| row.map(|row| row.value)), Ok(Some(b"value".to_vec())));
}

#[test]
fn names_that_sqlite_would_read_as_something_else_are_paths() {
    let (folder, _) = folder();
    for name in [":memory:", "file:store.db?mode=memory", "naïve ' name%20.db"] {
        let path = folder.path().join(name);
        made(&path);
        assert!(path.is_file(), "{name}");
        assert!(SqliteStore::open(&path).is_ok(), "{name}");
    }
}

#[test]
fn a_copy_under_a_name_that_sqlite_would_read_as_a_uri_is_a_store() {
    const NAME: &str = "a_copy_under_a_name_that_sqlite_would_read_as_a_uri_is_a_store";
    if let Some((_, path)) = task() {
        let store = SqliteStore::open(&path).expect("the store");
        assert_eq!(store.backup_to("file:copy.db"), Ok(()));
        return;
    }
    let (folder, path) = folder();
    made(&path);
    let output = child(NAME, "copy", &path).current_dir(folder.path()).output().expect("a child");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let copied = SqliteStore::open(folder.path().join("file:copy.db")).expect("the copy");
    assert!(get(&copied, b"kept").is_ok_and(|row| row.is_some()));
}

#[test]
fn a_later_layout_is_named_and_left_alone() {
    let (_folder, path) = folder();
    made(&path);
    sql(&path, "PRAGMA user_version = 4");
    assert_eq!(open_fault(&path), StoreFault::Layout { found: 4, supported: 3 });
    sql(&path, "PRAGMA user_version = 2147483647");
    assert_eq!(
        SqliteStore::create(&path).expect_err("later"),
        StoreFault::Layout { found: 2_147_483_647, supported: 3 }
    );
    sql(&path, "PRAGMA user_version = 3");
    assert!(SqliteStore::open(&path).is_ok());
}

#[test]
fn a_schema_with_anything_added_is_refused() {
    for added in [
        "CREATE TRIGGER t AFTER INSERT ON rows BEGIN DELETE FROM rows; END",
        "CREATE VIEW v AS SELECT * FROM rows",
        "CREATE INDEX i ON rows (value)",
        "ALTER TABLE rows ADD COLUMN more INTEGER",
        "DROP TABLE counters",
    ] {
        let (_folder, path) = folder();
        made(&path);
        sql(&path, added);
        assert_eq!(open_fault(&path), StoreFault::Corrupt, "{added}");
    }
}

#[test]
fn a_store_that_is_removed_while_open_is_gone() {
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    assert_eq!(insert(&store, b"key", b"value"), Ok(Outcome::Committed));
    fs::remove_file(&path).expect("the file");
    let late = rig::change(|change| change.insert(row(*b"late"), Vec::new()));
    assert_eq!(get(&store, b"key"), Err(StoreFault::Gone));
    assert_eq!(store.commit(&late), Err(StoreFault::Gone));
    assert_eq!(store.resolve(late.id()), Err(StoreFault::Gone));
    assert_eq!(store.counter(&CounterKey(Vec::new())), Err(StoreFault::Gone));
    assert_eq!(store.check(), Err(StoreFault::Gone));
}

#[test]
fn a_store_that_is_moved_away_and_back_works_again() {
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    fs::rename(&path, beside(&path, ".away")).expect("the file");
    assert_eq!(insert(&store, b"key", b"value"), Err(StoreFault::Gone));
    fs::rename(beside(&path, ".away"), &path).expect("the file");
    assert_eq!(get(&store, b"key"), Ok(None), "what was answered with a fault did not happen");
    assert_eq!(insert(&store, b"key", b"value"), Ok(Outcome::Committed));
}

#[test]
fn a_log_that_is_removed_while_open_is_gone() {
    for suffix in ["-wal", "-shm"] {
        let (_folder, path) = folder();
        let store = SqliteStore::create(&path).expect("a new store");
        fs::remove_file(beside(&path, suffix)).expect("the file");
        assert_eq!(insert(&store, b"key", b"value"), Err(StoreFault::Gone), "{suffix}");
        assert_eq!(get(&store, b"key"), Err(StoreFault::Gone), "{suffix}");
    }
}

#[test]
fn the_old_handle_of_a_replaced_store_does_not_touch_the_new_one() {
    let (_folder, path) = folder();
    let old = SqliteStore::create(&path).expect("a new store");
    assert_eq!(insert(&old, b"key", b"old"), Ok(Outcome::Committed));
    let other = beside(&path, ".other");
    made(&other);
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(beside(&path, suffix)).expect("the file");
    }
    fs::rename(&other, &path).expect("the file");
    let new = SqliteStore::open(&path).expect("the new store");
    assert_eq!(insert(&new, b"key", b"new"), Ok(Outcome::Committed));
    assert_eq!(get(&old, b"key"), Err(StoreFault::Gone));
    assert_eq!(insert(&old, b"other key", b"old"), Err(StoreFault::Gone));
    drop(old);
    assert!(fs::metadata(beside(&path, "-wal")).expect("the new log").len() > 0);
    assert_eq!(get(&new, b"key").map(|row| row.map(|row| row.value)), Ok(Some(b"new".to_vec())));
    assert_eq!(insert(&new, b"more", b"new"), Ok(Outcome::Committed));
}

#[test]
fn closing_the_last_handle_leaves_one_file() {
    let (folder, path) = folder();
    let one = SqliteStore::create(&path).expect("a new store");
    let two = SqliteStore::open(&path).expect("the store");
    assert_eq!(insert(&one, b"key", b"value"), Ok(Outcome::Committed));
    assert!(get(&two, b"key").is_ok_and(|row| row.is_some()));
    drop(one);
    assert!(beside(&path, "-wal").exists(), "another handle still uses the log");
    assert!(get(&two, b"key").is_ok_and(|row| row.is_some()));
    drop(two);
    let names: Vec<_> = fs::read_dir(folder.path())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["store.db"]);
}

#[test]
fn a_copy_is_a_store_and_holds_what_was_committed() {
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    for number in 0..200_u32 {
        assert_eq!(insert(&store, &number.to_be_bytes(), &[7; 500]), Ok(Outcome::Committed));
    }
    let copy = beside(&path, ".copy");
    store.backup_to(&copy).expect("a copy");
    assert_eq!(insert(&store, b"later", b""), Ok(Outcome::Committed));
    assert_eq!(store.backup_to(&copy), Err(StoreFault::Exists), "a copy never replaces anything");
    assert!(!beside(&copy, ".part").exists());
    let copied = SqliteStore::open(&copy).expect("the copy");
    assert_eq!(copied.check(), Ok(Vec::new()));
    let page = copied.scan(rig::TABLE, &Default::default(), usize::MAX, None).expect("a scan");
    assert_eq!(page.rows.len(), 200);
    assert_eq!(insert(&copied, b"of its own", b""), Ok(Outcome::Committed));
    assert_eq!(get(&store, b"of its own"), Ok(None));
}

#[test]
fn a_sound_store_has_no_findings() {
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    assert_eq!(store.check(), Ok(Vec::new()));
    assert_eq!(insert(&store, b"key", &[1; 100_000]), Ok(Outcome::Committed));
    assert_eq!(store.check(), Ok(Vec::new()));
}

#[test]
fn a_store_that_another_connection_holds_too_long_is_contended_and_then_works_again() {
    if Tier::from_env() == Tier::Check {
        return rig::say("it takes ten seconds: not run at this tier");
    }
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    let other = Connection::open(&path).expect("SQLite opens it");
    other.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    assert_eq!(insert(&store, b"key", b"value"), Err(StoreFault::Contended));
    assert_eq!(get(&store, b"key"), Ok(None), "reading goes on");
    other.execute_batch("COMMIT").expect("the write lock is given back");
    assert_eq!(insert(&store, b"key", b"value"), Ok(Outcome::Committed));
}

#[test]
fn many_processes_that_create_at_once_get_one_store() {
    if let Some((_, path)) = task() {
        let store = SqliteStore::create(&path).expect("a store");
        let name = std::process::id().to_be_bytes();
        assert_eq!(insert(&store, &name, b""), Ok(Outcome::Committed));
        return;
    }
    for _ in 0..Tier::pick(1, 5, 50) {
        let (_folder, path) = folder();
        let children: Vec<_> = (0..8)
            .map(|_| {
                child("many_processes_that_create_at_once_get_one_store", "create", &path).output_later()
            })
            .collect();
        for child in children {
            let output = child.wait_with_output().expect("a child");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let store = SqliteStore::open(&path).expect("the store");
        assert_eq!(store.scan(rig::TABLE, &Default::default(), 100, None).expect("a scan").rows.len(), 8);
    }
}

trait OutputLater {
    fn output_later(&mut self) -> std::process::Child;
}

impl OutputLater for Command {
    fn output_later(&mut self) -> std::process::Child {
        use std::process::Stdio;
        self.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a child")
    }
}

#[test]
#[cfg(target_os = "linux")]
fn locks_that_other_code_in_the_process_takes_away_are_missed_before_a_commit() {
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    // A second handle of this crate shares its copy of SQLite, and takes nothing away.
    drop(SqliteStore::open(&path).expect("the same store"));
    assert_eq!(store.check(), Ok(Vec::new()));
    assert_eq!(insert(&store, b"before", b""), Ok(Outcome::Committed));
    // What another copy of SQLite does when it ends: POSIX drops every lock of the process on the file.
    drop(fs::File::open(&path).expect("the file"));
    assert_eq!(store.check().map(|findings| findings.len()), Ok(1));
    // Looked for once a second.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    assert_eq!(insert(&store, b"after", b""), Err(StoreFault::Unlocked));
    drop(store);
    let store = SqliteStore::open(&path).expect("the store");
    assert_eq!(insert(&store, b"after", b""), Ok(Outcome::Committed));
}

#[test]
fn an_older_state_that_was_put_into_the_open_file_is_believed_and_not_what_was_settled_after_it() {
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    assert_eq!(insert(&store, b"kept", b"value"), Ok(Outcome::Committed));
    let lost = rig::change(|change| change.insert(row(*b"lost"), Vec::new()));
    assert_eq!(store.commit(&lost), Ok(Outcome::Committed));
    // As whoever restores an older backup into the file does.
    sql(
        &path,
        "BEGIN; DELETE FROM rows WHERE key = x'6c6f7374';
         DELETE FROM changes WHERE sequence = (SELECT max(sequence) FROM changes); COMMIT",
    );
    assert_eq!(get(&store, b"lost"), Ok(None));
    assert_eq!(store.commit(&lost), Ok(Outcome::Committed));
    assert!(get(&store, b"lost").is_ok_and(|row| row.is_some()), "answered as committed, and not there");
    assert_eq!(insert(&store, b"more", b""), Ok(Outcome::Committed));
}

#[test]
fn what_is_planted_in_the_schema_of_an_open_store_does_not_run() {
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    assert_eq!(insert(&store, b"kept", b"value"), Ok(Outcome::Committed));
    let sum = CounterKey(b"sum".to_vec());
    let spent = rig::change(|change| change.add(sum.clone(), 7, 100));
    assert_eq!(store.commit(&spent), Ok(Outcome::Committed));
    sql(
        &path,
        "CREATE TRIGGER one AFTER INSERT ON rows BEGIN DELETE FROM counters; END;
         CREATE TRIGGER two AFTER INSERT ON changes BEGIN UPDATE rows SET value = x'00' WHERE key = x'6b657074'; END",
    );
    assert_eq!(insert(&store, b"more", b""), Ok(Outcome::Committed));
    assert_eq!(get(&store, b"kept").map(|row| row.map(|row| row.value)), Ok(Some(b"value".to_vec())));
    assert_eq!(store.counter(&sum), Ok(7));
    drop(store);
    assert_eq!(open_fault(&path), StoreFault::Corrupt);

    // Nor is a view read in the place of a table.
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    assert_eq!(insert(&store, b"kept", b"value"), Ok(Outcome::Committed));
    sql(
        &path,
        "ALTER TABLE rows RENAME TO hidden;
         CREATE VIEW rows AS SELECT tbl, key, version, x'00' AS value FROM hidden",
    );
    assert!(get(&store, b"kept").is_err());
}

#[test]
fn whoever_else_is_let_in_by_a_mode_and_to_what_it_is_tightened() {
    for loose in [0o640, 0o620, 0o660, 0o604, 0o602, 0o606] {
        let (_folder, path) = folder();
        let first = SqliteStore::create(&path).expect("a new store");
        for suffix in ["", "-wal", "-shm"] {
            fs::set_permissions(beside(&path, suffix), Permissions::from_mode(loose)).expect("it is ours");
        }
        let _second = SqliteStore::open(&path).expect("the store");
        for suffix in ["", "-wal", "-shm"] {
            assert_eq!(mode(&beside(&path, suffix)), 0o600, "{suffix} was {loose:o}");
        }
        drop(first);
    }
}
