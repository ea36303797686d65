//! A store has one name: under a second one SQLite would keep a second log, and accept one commit twice.

mod rig;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::{Child, Stdio};

use rig::namespace::{behind, in_a_namespace, must_succeed};
use rig::{beside, change, child, folder, get, insert, row, say, task};
use zamok_core::store::{Outcome, Store, StoreFault};
use zamok_store_sqlite::SqliteStore;

fn refused(path: &Path) {
    assert_eq!(SqliteStore::open(path).expect_err("a second name"), StoreFault::NotDurable, "{path:?}");
    assert_eq!(SqliteStore::create(path).expect_err("a second name"), StoreFault::NotDurable, "{path:?}");
    assert!(!beside(path, "-wal").exists() || get_log(path) > 0, "a log was begun beside {path:?}");
}

fn get_log(path: &Path) -> u64 {
    fs::metadata(beside(path, "-wal")).map_or(0, |log| log.len())
}

fn started(test: &str, path: &Path) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut command = child(test, "spend", path);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a child");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    (child, output)
}

fn heard(output: &mut impl BufRead) -> String {
    let said =
        output.lines().map_while(Result::ok).find_map(|line| line.strip_prefix("said: ").map(str::to_owned));
    said.expect("the child says something")
}

/// Reads the row, waits for a word, and updates what it read; or says that it was refused.
fn spend(path: &Path) {
    let store = match SqliteStore::open(path) {
        Ok(store) => store,
        Err(fault) => return say(&format!("said: {fault:?}")),
    };
    let found = get(&store, b"code").expect("a read").expect("the row");
    say("said: read");
    let mut word = String::new();
    std::io::stdin().read_line(&mut word).expect("a word");
    let spent = change(|change| change.update(row(*b"code"), found.version, b"spent".to_vec()));
    say(&format!("said: {:?}", store.commit(&spent)));
    std::io::stdin().read_line(&mut word).expect("a word");
}

#[test]
fn one_code_is_not_spent_twice_under_two_names_of_a_file() {
    const NAME: &str = "one_code_is_not_spent_twice_under_two_names_of_a_file";
    if let Some((_, path)) = task() {
        return spend(&path);
    }
    let (folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    assert_eq!(insert(&store, b"code", b"unspent"), Ok(Outcome::Committed));
    drop(store);
    let other = folder.path().join("other.db");
    // Before anybody has it open, and while somebody has.
    for open_before in [false, true] {
        let first = open_before.then(|| started(NAME, &path)).map(|(child, mut output)| {
            assert_eq!(heard(&mut output), "read");
            (child, output)
        });
        fs::hard_link(&path, &other).expect("a link");
        let (mut second, mut output) = started(NAME, &other);
        assert_eq!(heard(&mut output), "NotDurable");
        second.wait().expect("it ended");
        if let Some((mut child, mut output)) = first {
            let mut input = child.stdin.take().expect("a pipe");
            writeln!(input, "go").expect("it listens");
            assert_eq!(
                heard(&mut output),
                "Err(NotDurable)",
                "nothing is committed while there are two names"
            );
            writeln!(input, "end").expect("it listens");
            child.wait().expect("it ended");
        }
        assert_eq!(SqliteStore::open(&path).expect_err("two names"), StoreFault::NotDurable);
        refused(&other);
        fs::remove_file(&other).expect("the link");
        let store = SqliteStore::open(&path).expect("one name");
        assert_eq!(get(&store, b"code").map(|row| row.map(|row| row.version)), Ok(Some(1)));
    }
    // Another name that leads to the first is none of its own.
    let link = folder.path().join("link.db");
    symlink(&path, &link).expect("a link");
    let (first, second) =
        (SqliteStore::open(&path).expect("the store"), SqliteStore::open(&link).expect("the store"));
    let spent = || change(|change| change.update(row(*b"code"), 1, b"spent".to_vec()));
    assert_eq!(first.commit(&spent()), Ok(Outcome::Committed));
    assert_eq!(second.commit(&spent()), Ok(Outcome::Conflict(row(*b"code"))));
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_is_mounted_by_itself_is_refused_and_a_mounted_folder_is_not() {
    const NAME: &str = "a_file_that_is_mounted_by_itself_is_refused_and_a_mounted_folder_is_not";
    if let Some((task, path)) = task() {
        let folder = path.parent().expect("a folder");
        if task == "file" {
            refused(&folder.join("mounted.db"));
            let empty = SqliteStore::create(folder.join("empty.db"));
            assert_eq!(empty.expect_err("a file of its own"), StoreFault::NotDurable);
            return;
        }
        let mounted = folder.join("mounted/store.db");
        let (one, other) =
            (SqliteStore::open(&path).expect("the store"), SqliteStore::open(&mounted).expect("it too"));
        let spent = || change(|change| change.update(row(*b"code"), 1, b"spent".to_vec()));
        assert_eq!(one.commit(&spent()), Ok(Outcome::Committed));
        assert_eq!(other.commit(&spent()), Ok(Outcome::Conflict(row(*b"code"))));
        return;
    }
    let (folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    assert_eq!(insert(&store, b"code", b"unspent"), Ok(Outcome::Committed));
    drop(store);
    for file in ["mounted.db", "empty.db", "nothing"] {
        fs::write(folder.path().join(file), "").expect("a file");
    }
    let file = r#"cd "$(dirname "$ZAMOK_STORE_SQLITE_PLACE")"; mount --bind store.db mounted.db; mount --bind nothing empty.db; exec "$0" "$@""#;
    must_succeed(&in_a_namespace(NAME, "file", &path, file));
    fs::create_dir(folder.path().join("mounted")).expect("a folder");
    let whole = r#"cd "$(dirname "$ZAMOK_STORE_SQLITE_PLACE")"; mount --bind . mounted; exec "$0" "$@""#;
    must_succeed(&in_a_namespace(NAME, "folder", &path, whole));
}

/// A crash between giving a new name and taking the old one away would leave a copy that nobody opens.
#[test]
#[cfg(target_os = "linux")]
fn a_copy_has_one_name_at_every_moment() {
    const NAME: &str = "a_copy_has_one_name_at_every_moment";
    if let Some((_, path)) = task() {
        let store = SqliteStore::open(&path).expect("the store");
        assert_eq!(store.backup_to(beside(&path, ".copy")), Ok(()));
        assert_eq!(store.backup_to(beside(&path, ".copy")), Err(StoreFault::Exists), "nothing is replaced");
        return;
    }
    let (folder, path) = folder();
    drop(SqliteStore::create(&path).expect("a new store"));
    let traced = folder.path().join("trace");
    let script = format!(
        r#"exec strace -f -e trace=link,linkat,rename,renameat,renameat2 -o "{}" "$0" "$@""#,
        traced.display()
    );
    must_succeed(&behind(&[], NAME, "copy", &path, &script));
    let trace = fs::read_to_string(&traced).expect("strace: `cargo xtask setup` installs it");
    assert!(trace.contains("renameat2("), "{trace}");
    assert!(!trace.lines().any(|line| line.contains("link(") || line.contains("linkat(")), "{trace}");
    assert_eq!(fs::metadata(beside(&path, ".copy")).expect("the copy").nlink(), 1);
}

/// A name that is not in its folder after a power cut is no copy, and a name of bytes that never reached the disk is a wrong one.
#[test]
#[cfg(target_os = "linux")]
fn a_copy_is_flushed_before_it_has_its_name_and_its_folder_after() {
    const NAME: &str = "a_copy_is_flushed_before_it_has_its_name_and_its_folder_after";
    if let Some((_, path)) = task() {
        let store = SqliteStore::open(&path).expect("the store");
        assert_eq!(store.backup_to(beside(&path, ".copy")), Ok(()));
        return;
    }
    let (folder, path) = folder();
    drop(SqliteStore::create(&path).expect("a new store"));
    let traced = folder.path().join("trace");
    let script = format!(
        r#"exec strace -f -y -e trace=pwrite64,fsync,fdatasync,renameat2 -o "{}" "$0" "$@""#,
        traced.display()
    );
    must_succeed(&behind(&[], NAME, "copy", &path, &script));
    let trace = fs::read_to_string(&traced).expect("strace: `cargo xtask setup` installs it");
    let lines: Vec<&str> = trace.lines().collect();
    let named = lines.iter().position(|line| line.contains("renameat2(")).expect("it gets its name");
    let (before, after) = lines.split_at(named);
    let is_flush = |line: &str| line.contains("fsync(") || line.contains("fdatasync(");
    let written = before.iter().rposition(|line| line.contains("pwrite64(") && line.contains(".part-"));
    let flushed = before.iter().rposition(|line| is_flush(line) && line.contains(".part-"));
    assert!(written.is_some() && flushed > written, "{trace}");
    let place = format!("<{}>", folder.path().canonicalize().expect("the folder").display());
    assert!(after.iter().any(|line| is_flush(line) && line.contains(&place)), "{trace}");
}
