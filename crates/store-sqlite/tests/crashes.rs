//! Processes that die at named points of a commit: what was answered is there, what was not is there whole or not at all.

mod rig;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use rig::{change, child, folder, row, say, task};
use zamok_core::store::{CounterKey, Outcome, Resolution, Store};
use zamok_store_conformance::{Random, Tier};
use zamok_store_sqlite::{FAILPOINT_VARIABLE, FAILPOINTS, SqliteStore};

const SIGKILL: i32 = 9;

fn spends() -> CounterKey {
    CounterKey(b"spends".to_vec())
}

fn head(store: &SqliteStore) -> u64 {
    store.get(&row(*b"head")).expect("a read").map_or(0, |row| row.version)
}

/// Commits one change after the other, like codes that are spent, and says so after each answer.
fn spend(path: &Path) {
    let store = SqliteStore::open(path).expect("the store");
    let mut version = head(&store);
    // More than enough to reach any point, and an end when it is never reached.
    for _ in 0..100 {
        let next = change(|change| {
            match version {
                0 => change.insert(row(*b"head"), Vec::new())?,
                version => change.update(row(*b"head"), version, Vec::new())?,
            }
            change.insert(row((version + 1).to_be_bytes()), vec![1; 300])?;
            change.add(spends(), 1, u64::MAX)
        });
        say(&format!("trying {}", next.id().0.map(|byte| format!("{byte:02x}")).concat()));
        assert_eq!(store.commit(&next), Ok(Outcome::Committed));
        version += 1;
        say(&format!("answered {version}"));
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
        let (mut kept, mut lost) = (0, 0);
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
            // Only the last point lies behind the flush.
            let expected = if point + 1 == FAILPOINTS.len() { answered + 1 } else { answered };
            assert_eq!(found, expected, "killed at {name}:{nth}");
            assert_eq!(store.counter(&spends()), Ok(found));
            for number in last + 1..=found {
                assert!(store.get(&row(number.to_be_bytes())).expect("a read").is_some());
            }
            assert_eq!(store.get(&row((found + 1).to_be_bytes())), Ok(None), "half a change");
            // Whoever lost the answer asks.
            let id =
                said.lines().filter_map(|line| line.strip_prefix("trying ")).next_back().expect("an attempt");
            let id = u128::from_str_radix(id, 16).expect("an id").to_be_bytes();
            let settled = store.resolve(zamok_core::store::ChangeId(id)).expect("a settlement");
            assert_eq!(settled == Resolution::Committed, found > answered, "killed at {name}:{nth}");
            if found > answered {
                kept += 1
            } else {
                lost += 1
            }
            last = found;
        }
        say(&format!("killed at {name}: the unanswered change was there {kept} times, absent {lost} times"));
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
