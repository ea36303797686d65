//! Processes that die at named points of a commit: what was answered is there, what was not is there whole or not at all.

mod rig;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use rig::{change, child, folder, row, say, task};
use zamok_core::store::{Change, ChangeId, CounterKey, Outcome, Resolution, Store};
use zamok_store_conformance::{Random, Tier};
use zamok_store_sqlite::{FAILPOINT_VARIABLE, FAILPOINTS, SqliteStore};

const SIGKILL: i32 = 9;

fn spends() -> CounterKey {
    CounterKey(b"spends".to_vec())
}

fn head(store: &SqliteStore) -> u64 {
    store.get(&row(*b"head")).expect("a read").map_or(0, |row| row.version)
}

/// How many rows stay: each change deletes the one that is so many changes old.
const KEPT: u64 = 8;

/// An update, an insertion, a sum, and a deletion once there is something to delete.
fn spending(version: u64) -> Change {
    change(|change| {
        match version {
            0 => change.insert(row(*b"head"), Vec::new())?,
            version => change.update(row(*b"head"), version, Vec::new())?,
        }
        let number = version + 1;
        change.insert(row(number.to_be_bytes()), vec![1; 300])?;
        if number > KEPT {
            change.delete(row((number - KEPT).to_be_bytes()), 1)?;
        }
        change.add(spends(), 1, u64::MAX)
    })
}

fn say_of(what: &str, change: &Change) {
    say(&format!("{what} {}", change.id().0.map(|byte| format!("{byte:02x}")).concat()));
}

/// Commits one change after the other, like codes that are spent, and says so after each answer; between them it reads, and gives some
/// up.
fn spend(path: &Path) {
    let store = SqliteStore::open(path).expect("the store");
    let mut version = head(&store);
    // More than enough to reach any point, and an end when it is never reached.
    for _ in 0..100 {
        let next = spending(version);
        say_of("trying", &next);
        assert_eq!(store.commit(&next), Ok(Outcome::Committed));
        version += 1;
        say(&format!("answered {version}"));
        assert_eq!((head(&store), store.counter(&spends())), (version, Ok(version)));
        if version.is_multiple_of(3) {
            let given_up = spending(version);
            say_of("giving-up", &given_up);
            assert_eq!(store.resolve(given_up.id()), Ok(Resolution::Aborted));
            assert_eq!(store.commit(&given_up), Ok(Outcome::Fenced));
        }
    }
}

#[test]
fn a_process_killed_at_a_named_point_loses_nothing_that_was_answered() {
    if let Some((_, path)) = task() {
        return spend(&path);
    }
    let (_folder, path) = folder();
    drop(SqliteStore::create(&path).expect("a new store"));
    let mut random = Random::new(7);
    let mut last = 0;
    for (point, name) in FAILPOINTS.iter().enumerate() {
        let (mut kept, mut lost, mut given_up) = (0, 0, 0);
        for _ in 0..Tier::pick(2, 6, 50) {
            let nth = 1 + random.below(12);
            let output =
                child("a_process_killed_at_a_named_point_loses_nothing_that_was_answered", "spend", &path)
                    .env(FAILPOINT_VARIABLE, format!("{name}:{nth}"))
                    .output()
                    .expect("a child");
            assert_eq!(output.status.signal(), Some(SIGKILL), "{name}:{nth} was never reached");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let answered = said
                .lines()
                .filter_map(|line| line.strip_prefix("answered ")?.parse().ok())
                .next_back()
                .unwrap_or(last);
            let store = SqliteStore::open(&path).expect("the store opens after every crash");
            let found = head(&store);
            let under_way = |line: &str| -> Option<(bool, u128)> {
                let (what, id) = line.split_once(' ')?;
                let is_change = what == "trying";
                (is_change || what == "giving-up").then_some((is_change, u128::from_str_radix(id, 16).ok()?))
            };
            let (is_change, id) = said.lines().filter_map(under_way).next_back().expect("an attempt");
            // Only the last point lies behind the flush.
            let is_flushed = is_change && point + 1 == FAILPOINTS.len();
            let expected = if is_flushed { answered + 1 } else { answered };
            assert_eq!(found, expected, "killed at {name}:{nth}");
            assert_eq!(store.counter(&spends()), Ok(found));
            let deleted = found.saturating_sub(KEPT);
            for number in deleted + 1..=found {
                assert!(store.get(&row(number.to_be_bytes())).expect("a read").is_some(), "row {number}");
            }
            for number in [deleted, found + 1] {
                assert_eq!(store.get(&row(number.to_be_bytes())), Ok(None), "half a change");
            }
            // Whoever lost the answer asks.
            let settled = store.resolve(ChangeId(id.to_be_bytes())).expect("a settlement");
            assert_eq!(settled == Resolution::Committed, found > answered, "killed at {name}:{nth}");
            match (is_change, found > answered) {
                (false, _) => given_up += 1,
                (true, true) => kept += 1,
                (true, false) => lost += 1,
            }
            last = found;
        }
        say(&format!(
            "killed at {name}: the unanswered change was there {kept} times, absent {lost} times, \
             one was being given up {given_up} times"
        ));
    }
}

#[test]
fn a_misspelt_point_is_refused() {
    if let Some((_, path)) = task() {
        return spend(&path);
    }
    let (_folder, path) = folder();
    drop(SqliteStore::create(&path).expect("a new store"));
    for wrong in ["after-comit", "after-commit:0", "after-commit:x", ""] {
        let status = child("a_misspelt_point_is_refused", "spend", &path)
            .env(FAILPOINT_VARIABLE, wrong)
            .output()
            .expect("a child")
            .status;
        assert_eq!(status.code(), Some(101), "`{wrong}`");
    }
}
