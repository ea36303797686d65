//! Backups, restores and moves through the program: what is asked, what is told, what is refused.
#![allow(missing_docs)]

mod harness;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use harness::{Desk, Run};

const CHEAP: [&str; 4] = ["--argon2-memory", "1", "--argon2-passes", "1"];

/// Asserts how it ended, and answers what it said about it.
#[track_caller]
fn exits(run: Run, exit: i32) -> String {
    assert_eq!(run.exit, exit, "{run:?}");
    run.stderr
}

fn with_secret(desk: &Desk, arguments: &[&str]) -> Run {
    let mut command = desk.command(arguments);
    command.env("ZAMOK_BACKUP_PASSPHRASE", "another six random words");
    harness::run(&mut command)
}

#[test]
fn a_backup_is_private_and_restored_with_a_report() {
    let (mut desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    let told =
        with_secret(&desk, &[&["backup", "vault.backup", "--json"], &CHEAP[..]].concat()).done().json();
    assert!(told["rows"].as_u64().unwrap() > 20, "{told}");
    assert_eq!(fs::metadata(desk.path("vault.backup")).unwrap().permissions().mode() & 0o777, 0o600);
    exits(with_secret(&desk, &[&["backup", "vault.backup"], &CHEAP[..]].concat()), 5);
    let bytes = desk.read("vault.backup");
    assert!(!bytes.windows(4).any(|part| part == b"ivan"), "a login in the clear");

    let old = std::mem::replace(&mut desk.store, OsString::from("sqlite:new.db"));
    let restore = [&["restore", "vault.backup", "--json"], &CHEAP[..]].concat();
    exits(with_secret(&desk, &restore), 2);
    assert!(!desk.path("new.db").exists(), "nothing was confirmed, nothing was made");
    let report = with_secret(&desk, &[&restore[..], &["--yes"]].concat()).done().json();
    assert_eq!((report["fenced"].as_u64(), report["suspended"].as_u64()), (Some(1), Some(0)));
    assert_eq!(report["digest"], told["digest"]);
    assert_eq!(report["former"]["root"], told["root"]);
    assert_ne!(report["origin"], told["origin"]);
    // The session has ended, and so have the codes up to now.
    exits(desk.zamok(["journal", "show", "--token-file", "token"]), 1);
    exits(desk.zamok(["login", "ivan", "--code", &phone.code(1)]), 1);
    let audit = desk.zamok(["audit", "rows", "--json"]).done().json();
    assert_eq!(audit["sound"], true, "{audit}");
    exits(with_secret(&desk, &[&restore[..], &["--yes"]].concat()), 2);
    // The former log as a whole, for those who audit: what it told before it tells still.
    let export = |name: &str, format: &str, log: &str| {
        desk.zamok(["journal", "export", name, "--format", format, "--log", log, "--json"])
    };
    let told = export("former.json", "json", "1").done().json();
    let lines = String::from_utf8(desk.read("former.json")).unwrap();
    assert!(told["size"].as_u64() >= report["former"]["size"].as_u64(), "{told}");
    assert_eq!(Some(lines.lines().count() as u64), told["size"].as_u64());
    let entries: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(entries.iter().enumerate().all(|(place, entry)| entry["index"] == place && entry["log"] == 1));
    let told = |event: &str| entries.iter().filter(|entry| entry["event"] == event).count();
    assert_eq!((told("account.registered"), told("login.session-opened")), (1, 1));
    export("former.csv", "csv", "1").done();
    let lines = String::from_utf8(desk.read("former.csv")).unwrap();
    assert_eq!(lines.lines().count(), entries.len() + 1);
    exits(export("other.json", "json", "2"), 2);
    exits(export("other", "tlog", "1"), 2);
    assert!(!desk.path("other.json").exists() && !desk.path("other").exists());

    desk.store = old;
    desk.zamok(["journal", "show", "--token-file", "token"]).done();
}

#[test]
fn a_wrong_passphrase_and_an_altered_file_restore_nothing() {
    let (mut desk, _) = Desk::enrolled("ivan");
    with_secret(&desk, &[&["backup", "vault.backup"], &CHEAP[..]].concat()).done();
    let mut bytes = desk.read("vault.backup");
    desk.store = "sqlite:new.db".into();
    let restore = [&["restore", "vault.backup", "--yes"], &CHEAP[..]].concat();
    let mut wrong = desk.command(&restore);
    exits(harness::run(wrong.env("ZAMOK_BACKUP_PASSPHRASE", "not the six random words")), 1);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    desk.write("vault.backup", &bytes);
    // It is one chunk: whether the file or the passphrase is wrong cannot be told apart.
    exits(with_secret(&desk, &restore), 1);
    desk.write("vault.backup", b"something else");
    exits(with_secret(&desk, &restore), 2);
}

#[test]
fn shares_open_a_backup_when_enough_come_together() {
    let (mut desk, _) = Desk::enrolled("ivan");
    desk.zamok([&["backup", "vault.backup", "--split", "2/3"], &CHEAP[..]].concat()).done();
    let share = |number: u8| format!("vault.backup.share-{number}");
    for number in 1..=3 {
        let mode = fs::metadata(desk.path(share(number))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    desk.store = "sqlite:new.db".into();
    let restore = |shares: &[u8]| {
        let names: Vec<String> =
            shares.iter().flat_map(|number| ["--backup-share".into(), share(*number)]).collect();
        let arguments = [&["restore", "vault.backup", "--yes"], &CHEAP[..]].concat();
        desk.zamok(arguments.into_iter().map(String::from).chain(names))
    };
    exits(restore(&[]), 5);
    exits(restore(&[2]), 1);
    exits(restore(&[2, 2]), 1);
    let mut text = String::from_utf8(desk.read(&share(1))).unwrap();
    let last = text.pop().filter(|c| *c == '\n').and_then(|_| text.pop()).unwrap();
    text.push(if last == 'A' { 'B' } else { 'A' });
    desk.write(&share(1), &text);
    assert!(exits(restore(&[1, 3]), 1).contains("line 5"), "the line is named");
    restore(&[3, 2]).done();
}

#[test]
fn a_vault_moves_and_the_old_store_says_where_it_went() {
    let (mut desk, phone) = Desk::enrolled("ivan");
    let copy = [&["store", "copy", "sqlite:zamok.db", "sqlite:new.db"], &CHEAP[..]].concat();
    exits(desk.zamok(&copy), 2);
    let told = desk.zamok([&copy[..], &["--yes", "--json"]].concat()).done().json();
    assert!(told["items"].as_u64().unwrap() > 20, "{told}");
    exits(desk.zamok(["login", "ivan", "--code", &phone.code(1)]), 4);
    desk.store = "sqlite:new.db".into();
    desk.zamok(["login", "ivan", "--code", &phone.code(1)]).done();
    assert_eq!(desk.zamok(["audit", "rows", "--json"]).done().json()["sound"], true);
    exits(desk.zamok(["store", "copy", "sqlite:new.db", "sqlite:new.db", "--yes"]), 2);
}
