//! What a process still holds of the secrets that it handled, after they were dropped: nothing in its memory, nothing in a core
//! dump. Copies that were planted are found by both searches, of what was known before and of what the process has made.

use std::path::Path;
use std::process::{Command, Output};

use zamok_wiping::Needle;

const PROGRAM: &str = env!("CARGO_BIN_EXE_zamok-wiping");
/// What is searched for. Of several under one name, all are.
const SECRETS: &[&str] = &[
    "passphrase",
    "wrong passphrase",
    "password",
    "AES key",
    "P-256 key",
    "imported one-time-password secret",
    "plain text",
    "one-time-password secret",
    "one-time-password secret in base32",
    "token of a device",
    "proof of a device",
    "refresh token",
    "recovery code",
    "recovery code without hyphens",
    "key that was split",
    "share",
    "share without blanks",
    "key of the vault",
];
/// One that is known before the story begins, and two that are made in it.
const PLANTED: &[&str] = &["AES key", "recovery code", "key of the vault"];

fn run(words: &[&str]) -> Output {
    Command::new(PROGRAM).args(words).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn nothing_that_was_dropped_is_left_in_memory() {
    let output = run(&["dropped"]);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    // It did search: more than the code alone, for every secret.
    let searched: u64 = said.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(searched > 4 << 20, "{said}");
    for secret in SECRETS {
        assert!(said.lines().any(|line| line == format!("for {secret}")), "{secret}: {said}");
    }
}

#[test]
fn a_planted_copy_is_found_in_memory() {
    for planted in PLANTED {
        let output = run(&["dropped", "planted", planted]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(said.matches("FOUND").count(), 1, "{said}");
        assert!(said.contains(&format!("FOUND {planted}")), "{said}");
    }
}

/// The core dump of the program, made on purpose, and the needles that it has left beside it. The kernel writes it where it was told to,
/// which has to be the working folder.
fn dump(words: &[&str]) -> (Vec<u8>, Vec<Needle>) {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    assert!(
        !pattern.starts_with('|') && !pattern.contains('/'),
        "core dumps go to {}: `sysctl kernel.core_pattern=core` as root lets this test see them",
        pattern.trim()
    );
    let folder = tempfile::tempdir().unwrap();
    let script = "ulimit -c unlimited && exec \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script, "sh", PROGRAM])
        .args(words)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(text(&output).contains("open: true"), "{}", text(&output));
    assert!(!output.status.success(), "it aborts");
    let list = std::fs::read_to_string(folder.path().join("needles")).unwrap();
    let needles: Vec<Needle> = list.lines().map(|line| Needle::of_line(line).unwrap()).collect();
    for secret in SECRETS {
        assert!(needles.iter().any(|needle| needle.name == *secret), "{secret}");
    }
    (read_core(folder.path()), needles)
}

fn read_core(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|file| !file.ends_with("needles")).collect();
    let [core] = files.as_slice() else { panic!("one core dump, not {files:?}") };
    let core = std::fs::read(core).unwrap();
    assert!(core.starts_with(b"\x7fELF") && core.len() > 100 << 10, "{} bytes", core.len());
    core
}

fn found_in((core, needles): &(Vec<u8>, Vec<Needle>)) -> Vec<String> {
    needles.iter().filter(|needle| needle.count(core) > 0).map(|needle| needle.name.clone()).collect()
}

#[test]
fn a_core_dump_of_an_open_vault_shows_no_secret_that_was_handled() {
    assert_eq!(found_in(&dump(&["dump"])), [""; 0]);
}

#[test]
fn a_planted_copy_is_found_in_the_core_dump() {
    for planted in PLANTED {
        assert_eq!(found_in(&dump(&["dump", "planted", planted])), [*planted]);
    }
}
