//! A store that was put back to an older copy as a whole, and the anchor that notices it, from the command line.

mod harness;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use harness::{Desk, Run};

const INIT: [&str; 5] = ["init", "--argon2-memory", "1", "--argon2-passes", "1"];

/// Copies the files of the store.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for name in ["zamok.db", "zamok.db-wal", "zamok.db-shm"] {
        let _ = fs::remove_file(to.join(name));
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).expect("a copy");
        }
    }
}

#[test]
fn a_store_that_was_put_back_opens_for_nobody_who_asks_the_anchor_and_without_it_for_nobody_at_all() {
    let desk = Desk::empty();
    fs::create_dir(desk.path("away")).expect("a folder");
    let made = desk.zamok(INIT.into_iter().chain(["--anchor", "away/anchor", "--json"])).done().json();
    assert_eq!(made["anchored"], true);
    let anchor = ["--anchor", "away/anchor", "--json"];
    copy(desk.folder(), &desk.path("monday"));
    desk.zamok(["register", "ivan"].into_iter().chain(anchor)).done();
    // What is put back may be days old, or only a command.
    copy(desk.folder(), &desk.path("tuesday"));
    desk.zamok(["register", "olga"].into_iter().chain(anchor)).done();
    copy(desk.folder(), &desk.path("wednesday"));
    for day in ["monday", "tuesday"] {
        copy(&desk.path(day), desk.folder());
        for command in [&["why", "ivan"][..], &["doctor"], &["journal", "verify"], &["keys", "list"]] {
            desk.zamok(command.iter().copied().chain(anchor)).failed(6, 451, "log-behind");
        }
        // Nobody forgets to ask.
        desk.zamok(["keys", "list", "--json"]).failed(4, 454, "anchor-missing");
    }
    copy(&desk.path("wednesday"), desk.folder());
    desk.zamok(["doctor"].into_iter().chain(anchor)).done();
    let mut by_variable = desk.command(["doctor", "--json"]);
    let doctor = harness::run(by_variable.env("ZAMOK_ANCHOR", "away/anchor")).done().json();
    let checks = doctor["checks"].as_array().expect("checks");
    assert!(checks.iter().any(|check| check["name"] == "anchor" && check["grade"] == "ok"), "{doctor}");
}

#[test]
fn an_anchor_that_is_gone_or_of_another_log_is_no_permission_and_a_new_one_is_begun_by_name() {
    let desk = Desk::new();
    let doctor = desk.zamok(["doctor", "--json"]).done().json();
    let checks = doctor["checks"].as_array().expect("checks").clone();
    assert!(checks.iter().any(|check| check["name"] == "anchor" && check["grade"] == "weak"), "{doctor}");
    // One that is empty is asked, and knows nothing yet.
    desk.write("blank", "");
    let doctor = desk.zamok(["doctor", "--anchor", "blank", "--json"]).done().json();
    let checks = doctor["checks"].as_array().expect("checks").clone();
    let anchor = checks.iter().find(|check| check["name"] == "anchor").expect("a check");
    assert_eq!(anchor["grade"], "weak", "{anchor}");
    assert!(anchor["text"].as_str().is_some_and(|text| text.contains("remembered nothing")), "{anchor}");
    let begun = desk.zamok(["journal", "anchor", "first", "--json"]).done().json();
    let kept = String::from_utf8(desk.read("first")).expect("a note");
    assert!(kept.starts_with(begun["origin"].as_str().expect("a name")), "{kept}");
    // What remembers is never overwritten.
    desk.zamok(["journal", "anchor", "first", "--json"]).failed(5, 901, "file");
    desk.zamok(["journal", "anchor", "--json"]).failed(2, 900, "usage");
    fs::rename(desk.path("first"), desk.path("lost")).expect("it is lost");
    let gone = desk.zamok(["doctor", "--anchor", "first", "--json"]);
    gone.failed(4, 454, "anchor-missing");
    assert!(gone.stdout.contains("the anchor first is not there"), "{gone:?}");
    // What is no file remembers nothing, and is not written over; nor is it where one is begun.
    for place in [".", "/dev/null"] {
        desk.zamok(["doctor", "--anchor", place, "--json"]).failed(5, 901, "file");
        desk.zamok(["journal", "anchor", place, "--json"]).failed(5, 901, "file");
    }
    let other = Desk::new();
    other.zamok(["journal", "anchor", "theirs"]).done();
    desk.write("theirs", other.read("theirs"));
    desk.zamok(["doctor", "--anchor", "theirs", "--json"]).failed(6, 450, "log-forked");
    desk.write("cut", &kept[..kept.len() / 2]);
    desk.zamok(["doctor", "--anchor", "cut", "--json"]).failed(6, 101, "refused");
    desk.zamok(["journal", "anchor", "second"]).done();
    desk.zamok(["doctor", "--anchor", "second"]).done();
    // It may be reached by a link, which stays one.
    fs::create_dir(desk.path("away")).expect("a folder");
    fs::rename(desk.path("second"), desk.path("away/second")).expect("it is moved");
    symlink("away/second", desk.path("second")).expect("a link");
    let before = desk.read("second");
    desk.zamok(["register", "ivan", "--anchor", "second"]).done();
    assert!(fs::symlink_metadata(desk.path("second")).expect("a link").is_symlink());
    assert_ne!(fs::read(desk.path("away/second")).expect("a note"), before, "it is written where it lies");
    // One that was emptied is no permission, and nobody fills it but whoever begins another.
    let kept = desk.read("away/second");
    desk.write("away/second", "");
    desk.zamok(["doctor", "--anchor", "second", "--json"]).failed(4, 454, "anchor-missing");
    desk.zamok(["journal", "anchor", "--anchor", "second", "--json"]).failed(4, 454, "anchor-missing");
    assert!(desk.read("away/second").is_empty());
    desk.zamok(["journal", "anchor", "third"]).done();
    desk.zamok(["doctor", "--anchor", "third"]).done();
    desk.write("away/second", &kept);
    // The old one is behind, and no liar.
    desk.zamok(["doctor", "--anchor", "lost"]).done();
}

#[test]
fn a_variable_that_names_a_lost_or_a_former_anchor_does_not_keep_a_new_one_from_being_begun() {
    let desk = Desk::new();
    let by_variable = |anchor: &str, arguments: &[&str]| {
        let mut command = desk.command(arguments);
        harness::run(command.env("ZAMOK_ANCHOR", anchor))
    };
    desk.zamok(["journal", "anchor", "first"]).done();
    fs::rename(desk.path("first"), desk.path("lost")).expect("it is lost");
    by_variable("first", &["keys", "list", "--json"]).failed(4, 454, "anchor-missing");
    // One that is named with the command is asked first, whatever the variable says.
    by_variable("second", &["journal", "anchor", "second", "--anchor", "first", "--json"]).failed(
        4,
        454,
        "anchor-missing",
    );
    let begun = by_variable("first", &["journal", "anchor", "second"]).done();
    assert!(begun.stderr.contains("the variable"), "{begun:?}");
    by_variable("second", &["keys", "list"]).done();
    // So it is with a restore: the variable names what remembers the log that was backed up.
    let with_backup = |arguments: &[&str]| {
        let mut command = desk.command(arguments);
        command.env("ZAMOK_ANCHOR", "second").env("ZAMOK_BACKUP_PASSPHRASE", "another six random words");
        harness::run(command.args(["--argon2-memory", "1", "--argon2-passes", "1"])).done()
    };
    with_backup(&["backup", "one.backup"]);
    let restored = with_backup(&["restore", "one.backup", "--store", "sqlite:restored.db", "--yes"]);
    assert!(restored.stderr.contains("a new log begins"), "{restored:?}");
    desk.zamok(["keys", "list", "--store", "sqlite:restored.db"]).done();
    // After a move, the variable names the anchor of the log that has ended.
    let moved =
        by_variable("second", &["store", "copy", "sqlite:zamok.db", "sqlite:new.db", "--ended", "--yes"])
            .done();
    assert!(moved.stderr.contains("a new log begins"), "{moved:?}");
    let new = ["--store", "sqlite:new.db"];
    let refused = by_variable("second", &[&["keys", "list"][..], &new].concat());
    assert!(refused.stderr.contains("zamok journal anchor FILE"), "{refused:?}");
    by_variable("second", &[&["journal", "anchor", "third"][..], &new].concat()).done();
    by_variable("third", &[&["keys", "list"][..], &new].concat()).done();
}

#[test]
fn an_anchor_that_takes_nothing_is_told_to_programs_as_well() {
    let desk = Desk::new();
    fs::create_dir(desk.path("away")).expect("a folder");
    desk.zamok(["journal", "anchor", "away/anchor"]).done();
    // Nobody takes a turn at it where a folder has the name of its lock.
    fs::remove_file(desk.path("away/anchor.lock")).expect("it is there");
    fs::create_dir(desk.path("away/anchor.lock")).expect("a folder");
    let done = desk.zamok(["register", "ivan", "--anchor", "away/anchor", "--json"]).done();
    assert!(done.stderr.contains("warning: the anchor does not remember"), "{done:?}");
    assert!(done.json()["login"].is_string(), "{done:?}");
    // A vault is not made as anchored by one that remembers nothing.
    fs::create_dir(desk.path("none")).expect("a folder");
    fs::create_dir(desk.path("none/anchor.lock")).expect("a folder");
    let init = INIT.into_iter().chain(["--store", "sqlite:other.db", "--anchor", "none/anchor", "--json"]);
    let made = desk.zamok(init);
    assert_eq!((made.exit, made.json()["anchored"].as_bool()), (3, Some(false)), "{made:?}");
    assert!(made.stderr.contains("the vault is made") && made.stderr.contains("hint: "), "{made:?}");
    desk.zamok(["keys", "list", "--store", "sqlite:other.db"]).done();
    fs::remove_dir(desk.path("away/anchor.lock")).expect("it is empty");
    let done = desk.zamok(["sweep", "--anchor", "away/anchor"]).done();
    assert!(!done.stderr.contains("warning"), "{done:?}");
}

/// An anchor that a power cut empties would lock its vault, and one whose new name never reached the folder would be an older one.
#[test]
#[cfg(target_os = "linux")]
fn an_anchor_is_flushed_before_it_has_its_name_and_its_folder_after() {
    let desk = Desk::empty();
    fs::create_dir(desk.path("away")).expect("a folder");
    desk.zamok(INIT.into_iter().chain(["--anchor", "away/anchor"])).done();
    let plain = desk.command(["register", "ivan", "--anchor", "away/anchor"]);
    let mut traced = harness::peer("strace");
    traced.args(["-f", "-y", "-e", "trace=write,fsync,fdatasync,rename,renameat,renameat2", "-o", "trace"]);
    traced.arg(plain.get_program()).args(plain.get_args()).current_dir(desk.folder());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    harness::run(&mut traced).done();
    let trace = String::from_utf8(desk.read("trace")).expect("text");
    let lines: Vec<&str> = trace.lines().collect();
    let is_named = |line: &&str| line.contains("rename") && line.contains("away/anchor");
    let named = lines.iter().rposition(is_named).unwrap_or_else(|| panic!("it gets its name: {trace}"));
    let (before, after) = lines.split_at(named);
    let last = |call: &str| before.iter().rposition(|line| line.contains(call) && line.contains(".new>"));
    let (written, flushed) = (last(" write("), last("sync("));
    assert!(written.is_some() && flushed > written, "{trace}");
    assert!(after.iter().any(|line| line.contains("sync(") && line.contains("/away>")), "{trace}");
}

#[test]
#[cfg(target_os = "linux")]
fn what_was_done_is_told_to_programs_whatever_the_anchor_says_afterwards() {
    let desk = Desk::new();
    desk.zamok(["journal", "anchor", "anchor"]).done();
    let behind = desk.read("anchor");
    desk.zamok(["register", "ivan", "--anchor", "anchor"]).done();
    let other = Desk::new();
    other.zamok(["journal", "anchor", "theirs"]).done();
    let theirs = other.read("theirs");
    desk.write("policy.toml", "profile = \"strict\"\n[delivery]\nlease = 5\n");
    desk.write("uris", "otpauth://totp/Bank:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Bank\n");
    for (arguments, field) in [
        (&["policy", "set", "policy.toml"][..], "changed"),
        (&["policy", "show"], "policy"),
        (&["policy", "diff", "policy.toml"], "differences"),
        (&["import", "uris"], "imported"),
    ] {
        desk.write("anchor", &behind);
        let lock = fs::File::open(desk.path("anchor.lock")).expect("it is there");
        lock.lock().expect("nobody has it");
        let mut command = desk.command(arguments.iter().chain(&["--anchor", "anchor", "--json"]));
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the program runs");
        // It has asked the anchor, and waits for its turn to tell it more.
        let waits = format!(" {} ", child.id());
        let is_waiting = |line: &str| line.contains("->") && line.contains(&waits);
        while !fs::read_to_string("/proc/locks").expect("locks").lines().any(is_waiting) {
            assert!(child.try_wait().expect("its state").is_none(), "{arguments:?} does not wait");
            thread::sleep(Duration::from_millis(10));
        }
        desk.write("anchor", &theirs);
        drop(lock);
        let told = Run::from(child.wait_with_output().expect("its end"));
        assert_eq!(told.exit, 6, "{arguments:?}: {told:?}");
        assert!(!told.json()[field].is_null(), "{arguments:?}: {told:?}");
        assert!(told.stderr.contains("error: "), "{arguments:?}: {told:?}");
    }
}
