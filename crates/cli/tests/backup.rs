//! Backups, restores and moves through the program: what is asked, what is told, what is refused.
#![allow(missing_docs)]

mod harness;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use harness::{Desk, PASSPHRASE, Run, peer, run};
use zamok::backup::Step;
use zamok::{Argon2Cost, Options, Passphrase, StoreUrl, Vault};

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
    run(&mut command)
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
    exits(run(wrong.env("ZAMOK_BACKUP_PASSPHRASE", "not the six random words")), 1);
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

/// A folder that nobody may read cannot be flushed, although files can be put there.
#[test]
fn of_a_backup_whose_folder_cannot_be_flushed_nothing_is_left() {
    let (desk, _) = Desk::enrolled("ivan");
    let out = desk.path("out");
    fs::create_dir(&out).unwrap();
    for more in [&["--split", "2/3"][..], &[]] {
        fs::set_permissions(&out, fs::Permissions::from_mode(0o300)).unwrap();
        let mut command =
            desk.command([&["backup", "out/vault.backup", "--json"], more, &CHEAP[..]].concat());
        command.env("ZAMOK_BACKUP_PASSPHRASE", "another six random words");
        // The superuser may do it with a capability, which goes here.
        let mut bounded = peer("setpriv");
        if fs::metadata(&out).unwrap().uid() == 0 {
            bounded.args(["--inh-caps=-all", "--bounding-set=-all"]);
        }
        bounded.arg(command.get_program()).args(command.get_args()).current_dir(desk.folder());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => bounded.env(name, value),
                None => bounded.env_remove(name),
            };
        }
        run(&mut bounded).failed(5, 901, "file");
        fs::set_permissions(&out, fs::Permissions::from_mode(0o700)).unwrap();
        let left: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
    desk.zamok([&["backup", "out/vault.backup", "--split", "2/3"], &CHEAP[..]].concat()).done();
    assert_eq!(fs::read_dir(&out).unwrap().count(), 4);
}

#[test]
fn a_vault_moves_and_the_old_store_says_where_it_went() {
    let (mut desk, phone) = Desk::enrolled("ivan");
    let copy = [&["store", "copy", "sqlite:zamok.db", "sqlite:new.db"], &CHEAP[..]].concat();
    exits(desk.zamok(&copy), 2);
    let told = desk.zamok([&copy[..], &["--yes", "--ended", "--json"]].concat()).done().json();
    assert!(told["items"].as_u64().unwrap() > 20, "{told}");
    let moved = desk.zamok(["login", "ivan", "--code", &phone.code(1), "--json"]);
    moved.failed(4, 446, "moved");
    let new = format!("sqlite:{}", desk.path("new.db").canonicalize().unwrap().display());
    assert!(moved.stdout.contains(&format!("has moved to {new}")), "{moved:?}");
    desk.store = new.into();
    desk.zamok(["login", "ivan", "--code", &phone.code(1)]).done();
    assert_eq!(desk.zamok(["audit", "rows", "--json"]).done().json()["sound"], true);
    exits(desk.zamok(["store", "copy", "sqlite:new.db", "sqlite:new.db", "--yes"]), 2);
}

#[test]
fn a_store_that_cannot_take_a_vault_leaves_the_old_one_as_it_was() {
    let (desk, _) = Desk::enrolled("ivan");
    for (name, passphrase) in [("taken.db", PASSPHRASE), ("theirs.db", "six other words or more")] {
        let store = format!("sqlite:{name}");
        let mut init = desk.command([&["init", "--store", &store], &CHEAP[..]].concat());
        run(init.env("ZAMOK_PASSPHRASE", passphrase)).done();
    }
    let copy = |to: &str| {
        desk.zamok(
            [&["store", "copy", "sqlite:zamok.db", to, "--yes", "--ended", "--json"], &CHEAP[..]].concat(),
        )
    };
    for taken in ["sqlite:taken.db", "sqlite:theirs.db"] {
        copy(taken).failed(2, 443, "backup-not-empty");
    }
    // Nor is it moved into itself, by whatever name.
    symlink("zamok.db", desk.path("link.db")).unwrap();
    let absolute = format!("sqlite:{}", desk.path("zamok.db").display());
    for itself in ["sqlite:zamok.db", "sqlite:./zamok.db", "sqlite:link.db", &absolute] {
        copy(itself).failed(2, 900, "usage");
    }
    desk.zamok(["why", "ivan"]).done();
    run(desk
        .command(["doctor", "--store", "sqlite:theirs.db"])
        .env("ZAMOK_PASSPHRASE", "six other words or more"))
    .done();
    copy("sqlite:new.db").done();
    // What has arrived is a vault like any other.
    copy("sqlite:new.db").failed(2, 443, "backup-not-empty");
    copy("sqlite:third.db").failed(4, 446, "moved");
    desk.zamok(["why", "ivan", "--store", "sqlite:new.db"]).done();
}

/// Begins a move, and is gone before everything was copied.
fn interrupted(desk: &Desk, to: &str) {
    let store = |name: &str| StoreUrl::Sqlite(desk.path(name));
    let begun = catch_unwind(AssertUnwindSafe(|| {
        Vault::relocate(
            store("zamok.db").open().unwrap(),
            store(to).create().unwrap(),
            &store(to).to_string(),
            &Passphrase::from(PASSPHRASE),
            Options { cost: Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 }, ..Options::default() },
            &mut |step| assert!(!matches!(step, Step::Copied(_)), "interrupted"),
        )
    }));
    assert!(begun.is_err());
}

#[test]
fn a_move_that_was_interrupted_goes_on_under_another_name_or_to_another_place() {
    for other in ["sqlite:link.db", "sqlite:new.db"] {
        let (desk, phone) = Desk::enrolled("ivan");
        interrupted(&desk, "small.db");
        let halfway = desk.zamok(["why", "ivan", "--json"]);
        halfway.failed(4, 445, "unfinished");
        assert!(halfway.stdout.contains("/small.db"), "{halfway:?}");
        symlink("small.db", desk.path("link.db")).unwrap();
        let copy = |to: &str| {
            desk.zamok(
                [&["store", "copy", "sqlite:zamok.db", to, "--yes", "--ended", "--json"], &CHEAP[..]]
                    .concat(),
            )
        };
        // Another vault is none of its places.
        let init = ["init", "--store", "sqlite:taken.db"];
        desk.zamok([&init[..], &CHEAP[..]].concat()).done();
        copy("sqlite:taken.db").failed(2, 443, "backup-not-empty");
        copy(other).done();
        desk.zamok(["login", "ivan", "--code", &phone.code(1), "--store", other]).done();
        let place = if other.contains("link") { "/small.db" } else { "/new.db" };
        let moved = desk.zamok(["why", "ivan", "--json"]);
        moved.failed(4, 446, "moved");
        assert!(moved.stdout.contains(place), "{moved:?}");
        if other.contains("new") {
            // What lies at the first place never opens, and the vault does not go there any more.
            desk.zamok(["why", "ivan", "--store", "sqlite:small.db", "--json"]).failed(4, 445, "unfinished");
            copy("sqlite:small.db").failed(4, 446, "moved");
        }
    }
}

#[test]
fn a_surviving_journal_tells_of_counter_tokens_with_its_anchor_or_somebodys_word_for_its_end() {
    let (desk, _) = Desk::enrolled("ivan");
    with_secret(&desk, &[&["backup", "vault.backup"], &CHEAP[..]].concat()).done();
    desk.zamok(["register", "olga"]).done();
    desk.zamok(["journal", "anchor", "anchor"]).done();
    desk.write("blank", "");
    let restore = |name: &str, more: &[&str]| {
        let store = format!("sqlite:{name}.db");
        let fixed =
            ["restore", "vault.backup", "--yes", "--json", "--journal", "sqlite:zamok.db", "--store", &store];
        let mut command = desk.command([&fixed[..], &CHEAP[..], more].concat());
        command.env("ZAMOK_JOURNAL_PASSPHRASE", PASSPHRASE);
        run(command.env("ZAMOK_BACKUP_PASSPHRASE", "another six random words"))
    };
    let anchor = ["--journal-anchor", "anchor"];
    let blank = ["--journal-anchor", "blank"];
    let word = ["--journal-is-whole"];
    for (name, more, known) in
        [("one", &[][..], false), ("two", &anchor[..], true), ("three", &blank, false), ("four", &word, true)]
    {
        let told = restore(name, more).done().json();
        let replayed = &told["replayed"];
        assert_eq!((&replayed["whole"], &replayed["end_known"]), (&true.into(), &known.into()), "{name}");
    }
    exits(restore("five", &[&anchor[..], &word].concat()), 2);
    restore("six", &["--journal-anchor", "nowhere"]).failed(4, 454, "anchor-missing");
}

#[test]
fn a_move_takes_the_officers_secret_where_it_is_another_than_the_users() {
    let (desk, _) = Desk::enrolled("ivan");
    let officer = "the officer's own six words";
    run(desk.command(["slots", "change", "0"]).env("ZAMOK_NEW_PASSPHRASE", officer)).done();
    let copy = ["store", "copy", "sqlite:zamok.db", "sqlite:new.db", "--yes", "--ended"];
    let copy = || desk.command([&copy[..], &CHEAP[..]].concat());
    let refused = exits(run(&mut copy()), 4);
    assert!(refused.contains("--officer-passphrase-file"), "{refused}");
    desk.zamok(["why", "ivan"]).done();
    run(copy().env("ZAMOK_OFFICER_PASSPHRASE", officer)).done();
    desk.zamok(["why", "ivan", "--store", "sqlite:new.db"]).done();
    // The user is the user there, and not the officer.
    let add = ["slots", "reset", "1", "--store", "sqlite:new.db"];
    exits(desk.zamok(add), 4);
    run(desk.command(add).env("ZAMOK_PASSPHRASE", officer)).done();
}

#[test]
fn a_move_waits_for_those_who_have_the_old_store_open_unless_somebody_says_that_they_ended() {
    let (desk, _) = Desk::enrolled("ivan");
    let copy = [&["store", "copy", "sqlite:zamok.db", "sqlite:new.db", "--yes"], &CHEAP[..]].concat();
    let mut moving =
        desk.command(&copy).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program runs");
    for _ in 0..1200 {
        if desk.path("new.db").exists() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    // It takes two minutes; all that is copied here, less than one of these seconds.
    thread::sleep(Duration::from_secs(5));
    let ended = moving.try_wait().expect("its state");
    moving.kill().expect("it is ours");
    moving.wait().expect("its end");
    assert_eq!(ended, None);
    desk.zamok(["why", "ivan", "--json"]).failed(4, 445, "unfinished");
}
