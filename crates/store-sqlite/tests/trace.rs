//! What the kernel saw: every commit was written to the log and the log flushed before anybody was answered.

mod rig;

use std::fs;
use std::path::Path;
use std::process::Command;

use rig::{PLACE, TASK, child, folder, insert, say, task};
use zamok_core::store::Outcome;
use zamok_store_sqlite::SqliteStore;

const COMMITS: u16 = 40;
const NAME: &str = "the_log_is_flushed_before_a_commit_is_answered";

fn commit(path: &Path) {
    let store = SqliteStore::open(path).expect("the store");
    say("begun");
    for number in 0..COMMITS {
        // Rows of all sizes: some commits write a page, some twenty.
        let value = vec![1; usize::from(number) * 2_000];
        assert_eq!(insert(&store, &number.to_be_bytes(), &value), Ok(Outcome::Committed));
        say(&format!("answered {number}"));
    }
    assert_eq!(store.flushes(), u64::from(COMMITS));
    say("ended");
}

/// What a line of `strace -y` tells of the store's log and of the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Written,
    Flushed,
    Answered,
    Ended,
}

fn seen(line: &str) -> Option<Seen> {
    let (call, rest) = line.split_once(' ').map_or(line, |(_pid, call)| call.trim_start()).split_once('(')?;
    let succeeded = !rest.contains("= -1 ");
    let in_log = rest.split_once('>').is_some_and(|(file, _)| file.ends_with("store.db-wal"));
    match call {
        "pwrite64" if in_log => Some(Seen::Written),
        "fsync" | "fdatasync" if in_log && succeeded => Some(Seen::Flushed),
        "write" if rest.contains("answered ") => Some(Seen::Answered),
        "write" if rest.contains("ended") => Some(Seen::Ended),
        _ => None,
    }
}

/// How many answers there were; or the first before which the log had not been written, and then flushed.
fn answers(trace: &str) -> Result<u16, String> {
    let (mut written, mut flushed, mut answered) = (false, false, 0);
    for line in trace.lines().skip_while(|line| !line.contains("begun")) {
        match seen(line) {
            Some(Seen::Written) => (written, flushed) = (true, false),
            Some(Seen::Flushed) => flushed = true,
            Some(Seen::Answered) if written && flushed => {
                (written, flushed) = (false, false);
                answered += 1;
            }
            Some(Seen::Answered) => {
                return Err(format!("answer {answered}: written {written}, flushed {flushed}"));
            }
            Some(Seen::Ended) => return Ok(answered),
            None => {}
        }
    }
    Err("the trace has no end".to_owned())
}

#[test]
fn the_log_is_flushed_before_a_commit_is_answered() {
    if let Some((_, path)) = task() {
        return commit(&path);
    }
    let (folder, path) = folder();
    drop(SqliteStore::create(&path).expect("a new store"));
    let traced = folder.path().join("trace");
    let inner = child(NAME, "commit", &path);
    let status = Command::new("strace")
        .args(["-f", "-y", "-s", "64", "-e", "trace=pwrite64,write,fsync,fdatasync", "-o"])
        .arg(&traced)
        .arg(inner.get_program())
        .args(inner.get_args())
        .env(TASK, "commit")
        .env(PLACE, &path)
        .output()
        .expect("strace: `cargo xtask setup` installs it");
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    let trace = fs::read_to_string(&traced).expect("a trace");
    assert_eq!(answers(&trace), Ok(COMMITS));

    // The same trace without its last flush, or with an answer that came before it, is found out.
    let lines: Vec<&str> = trace.lines().collect();
    let last = |what: Seen| lines.iter().rposition(|line| seen(line) == Some(what)).expect("it is there");
    let (flush, answer) = (last(Seen::Flushed), last(Seen::Answered));
    let before =
        (0..answer).rev().find(|at| seen(lines[*at]) == Some(Seen::Flushed)).expect("a flush before it");
    let mut without = lines.clone();
    without.remove(before);
    let mut early = lines.clone();
    early.swap(before, answer);
    for doctored in [without, early] {
        assert!(answers(&doctored.join("\n")).is_err_and(|fault| fault.contains("flushed false")));
    }
    let flushes = lines[..=flush].iter().filter(|line| seen(line) == Some(Seen::Flushed)).count();
    say(&format!("{COMMITS} answers, each after a flush of the log; {flushes} flushes in all"));
}
