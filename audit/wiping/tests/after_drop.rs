//! What a process still holds of the secrets that it handled, after they were dropped: nothing in its memory, nothing in a core
//! dump. A copy that was planted is found by both searches.

use std::path::Path;
use std::process::{Command, Output};

use zamok_wiping::known;

const PROGRAM: &str = env!("CARGO_BIN_EXE_zamok-wiping");

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
    assert!(said.contains("for 9 secrets"), "{said}");
}

#[test]
fn a_planted_copy_is_found_in_memory() {
    let output = run(&["dropped", "planted"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.matches("FOUND").count(), 1, "{said}");
    assert!(said.contains("FOUND AES key"), "{said}");
}

/// The core dump of the program, made on purpose. The kernel writes it where it was told to, which has to be the working folder.
fn dump(words: &[&str]) -> Vec<u8> {
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
    read_core(folder.path())
}

fn read_core(folder: &Path) -> Vec<u8> {
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [core] = files.as_slice() else { panic!("one core dump, not {files:?}") };
    let core = std::fs::read(core).unwrap();
    assert!(core.starts_with(b"\x7fELF") && core.len() > 100 << 10, "{} bytes", core.len());
    core
}

fn found_in(core: &[u8]) -> Vec<&'static str> {
    known().iter().filter(|needle| needle.count(core) > 0).map(|needle| needle.name).collect()
}

#[test]
fn a_core_dump_of_an_open_vault_shows_no_secret_that_was_handled() {
    assert_eq!(found_in(&dump(&["dump"])), [""; 0]);
}

#[test]
fn a_planted_copy_is_found_in_the_core_dump() {
    assert_eq!(found_in(&dump(&["dump", "planted"])), ["AES key"]);
}
