//! What the kernel saw: every commit was written to the log and the log flushed before anybody was answered, also where callers
//! share a flush.

mod rig;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;
use std::thread;

use rig::{PLACE, TASK, beside, child, folder, insert, say, task};
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

/// What `strace` saw of the child of this test, with the first bytes of whatever it wrote.
fn trace_of(test: &str, task: &str, bytes: &str, path: &Path) -> String {
    let traced = beside(path, ".trace");
    let inner = child(test, task, path);
    let status = Command::new("strace")
        .args(["-f", "-y", "-s", bytes, "-e", "trace=pwrite64,write,fsync,fdatasync", "-o"])
        .arg(&traced)
        .arg(inner.get_program())
        .args(inner.get_args())
        .env(TASK, task)
        .env(PLACE, path)
        .output()
        .expect("strace: `cargo xtask setup` installs it");
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    fs::read_to_string(&traced).expect("a trace")
}

#[test]
fn the_log_is_flushed_before_a_commit_is_answered() {
    if let Some((_, path)) = task() {
        return commit(&path);
    }
    let (_folder, path) = folder();
    drop(SqliteStore::create(&path).expect("a new store"));
    let trace = trace_of(NAME, "commit", "64", &path);
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

const CALLERS: u16 = 16;
const EACH: u16 = 12;
const SHARED: &str = "of_callers_that_share_a_flush_none_is_answered_before_it";

/// Each row is named by a mark, which a trace shows where the page with the row was written.
fn commit_together(path: &Path) {
    let store = SqliteStore::open(path).expect("the store");
    let barrier = Barrier::new(usize::from(CALLERS));
    say("begun");
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (store, barrier) = (&store, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for number in 0..EACH {
                    let mark = format!("mark {caller}-{number}.");
                    assert_eq!(insert(store, mark.as_bytes(), b""), Ok(Outcome::Committed));
                    say(&format!("answered {mark}"));
                }
            });
        }
    });
    say("ended");
}

fn marks(line: &str) -> impl Iterator<Item = &str> {
    line.split("mark ").skip(1).filter_map(|rest| Some(rest.split_once('.')?.0))
}

/// How many answers and how many flushes of the log there were; or the first answer to a commit that was not written to the log before
/// the beginning of a flush that had ended by then. A call that others have come into stands on two lines: what it was given on the
/// first, how it ended on the second.
fn shared_answers<'a>(lines: impl Iterator<Item = &'a str>) -> Result<(u16, u16), String> {
    let (mut written, mut begun) = (BTreeMap::new(), BTreeMap::new());
    let (mut covered, mut answered, mut flushed) = (0, 0, 0);
    for (at, line) in lines.enumerate().skip_while(|(_, line)| !line.contains("begun")) {
        let Some((caller, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        let is_sync = call.starts_with("fsync(") || call.starts_with("fdatasync(");
        let has_synced = call.starts_with("<... fsync ") || call.starts_with("<... fdatasync ");
        let in_log = call.split_once('>').is_some_and(|(file, _)| file.ends_with("store.db-wal"));
        let succeeded = call.ends_with("= 0");
        if call.starts_with("pwrite64(") && in_log {
            for mark in marks(call) {
                written.entry(mark).or_insert(at);
            }
        } else if is_sync && in_log && succeeded {
            (covered, flushed) = (at, flushed + 1);
        } else if is_sync && in_log {
            begun.insert(caller, at);
        } else if has_synced {
            // One of another file has not begun here.
            if let Some(from) = begun.remove(caller).filter(|_| succeeded) {
                (covered, flushed) = (from.max(covered), flushed + 1);
            }
        } else if call.starts_with("write(") && call.contains("answered ") {
            let mark = marks(call).next().ok_or("an answer to nothing")?;
            match written.get(mark) {
                Some(at) if *at < covered => answered += 1,
                Some(_) => return Err(format!("{mark} was written and not flushed")),
                None => return Err(format!("{mark} was not written")),
            }
        } else if call.starts_with("write(") && call.contains("ended") {
            return Ok((answered, flushed));
        }
    }
    Err("the trace has no end".to_owned())
}

#[test]
fn of_callers_that_share_a_flush_none_is_answered_before_it() {
    if let Some((_, path)) = task() {
        return commit_together(&path);
    }
    let (_folder, path) = folder();
    drop(SqliteStore::create(&path).expect("a new store"));
    // A whole page: a row may stand anywhere in it.
    let trace = trace_of(SHARED, "commit together", "4096", &path);
    let (answered, flushed) = shared_answers(trace.lines()).expect("each answer after its flush");
    assert_eq!(answered, CALLERS * EACH);
    assert!(flushed < answered, "{flushed} flushes: nobody has shared one");

    // The same trace without its last flush, or with an answer that came before everything, is found out.
    let lines: Vec<&str> = trace.lines().collect();
    let ended = lines.iter().rposition(|line| line.contains("ended")).expect("an end");
    let is_flush = |line: &&str| line.contains("sync") && line.ends_with("= 0");
    let mut without = lines.clone();
    without.remove(lines[..ended].iter().rposition(is_flush).expect("a flush"));
    let without = shared_answers(without.into_iter());
    assert!(without.as_ref().is_err_and(|fault| fault.contains("not flushed")), "{without:?}");
    let begun = lines.iter().position(|line| line.contains("begun")).expect("a beginning");
    let answer = lines.iter().rposition(|line| line.contains("answered ")).expect("an answer");
    let mut early = lines;
    let moved = early.remove(answer);
    early.insert(begun + 1, moved);
    let early = shared_answers(early.into_iter());
    assert!(early.as_ref().is_err_and(|fault| fault.contains("not written")), "{early:?}");
    say(&format!("{answered} answers to {CALLERS} callers, each after its flush; {flushed} flushes in all"));
}
