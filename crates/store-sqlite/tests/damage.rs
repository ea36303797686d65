//! Damaged files: cut at many lengths, changed by a byte. An error or an answer, never a panic, never silence about a cut.

mod rig;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use rig::{TABLE, beside, change, folder, get, insert, row, say};
use zamok_core::store::{Change, CounterKey, Outcome, Store, StoreFault};
use zamok_store_conformance::{Random, Tier};
use zamok_store_sqlite::SqliteStore;

type Rows = BTreeMap<Vec<u8>, (u64, Vec<u8>)>;

fn rows(store: &SqliteStore) -> Result<Rows, StoreFault> {
    let page = store.scan(TABLE, &Default::default(), usize::MAX, None)?;
    Ok(page.rows.into_iter().map(|(key, row)| (key, (row.version, row.value))).collect())
}

/// A store of some dozens of pages, with overflow pages, free pages and every table filled.
fn filled(path: &Path) -> Rows {
    let store = SqliteStore::create(path).expect("a new store");
    let mut random = Random::new(3);
    for number in 0..60_u32 {
        let value = random.bytes(if number % 10 == 0 { 9_000 } else { 200 });
        assert_eq!(insert(&store, &number.to_be_bytes(), &value), Ok(Outcome::Committed));
    }
    for number in (0..60_u32).step_by(7) {
        let outcome = store.commit(&change(|change| {
            change.delete(row(number.to_be_bytes()), 1)?;
            change.add(CounterKey(number.to_be_bytes().to_vec()), number.into(), 100)
        }));
        assert_eq!(outcome, Ok(Outcome::Committed));
    }
    rows(&store).expect("a scan")
}

#[test]
fn a_cut_file_is_damaged_and_never_silently_shorter() {
    let (folder, path) = folder();
    filled(&path);
    let whole = fs::read(&path).expect("the file");
    let mut random = Random::new(5);
    let mut lengths: Vec<usize> = vec![0, 1, 15, 16, 17, 59, 99, 100, 101, 511, 512, 4_095];
    let pages = whole.len() / 4_096;
    lengths.extend((1..pages).flat_map(|page| [page * 4_096 - 1, page * 4_096, page * 4_096 + 1]));
    lengths.push(whole.len() - 1);
    let bound = u64::try_from(whole.len()).expect("a length");
    lengths.extend(
        (0..Tier::pick(20, 200, 2_000)).map(|_| usize::try_from(random.below(bound)).expect("a length")),
    );
    for length in lengths {
        let cut = folder.path().join("cut.db");
        fs::write(&cut, &whole[..length]).expect("a file");
        let fault = SqliteStore::open(&cut).expect_err("a cut file");
        let expected = if length < 16 { StoreFault::Foreign } else { StoreFault::Corrupt };
        assert_eq!(fault, expected, "cut to {length} of {} bytes", whole.len());
        fs::remove_file(&cut).expect("the file");
    }
}

#[test]
fn a_changed_byte_is_an_error_or_an_answer_and_never_a_panic() {
    let (folder, path) = folder();
    let expected = filled(&path);
    let whole = fs::read(&path).expect("the file");
    let mut random = Random::new(6);
    let step = Tier::pick(1_009, 211, 5);
    let later =
        (200..u64::try_from(whole.len()).expect("a length")).step_by(usize::try_from(step).expect("a step"));
    let places: Vec<usize> = (0..200).chain(later).map(|at| usize::try_from(at).expect("a place")).collect();
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for at in places {
        let changed = folder.path().join("changed.db");
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << random.below(8);
        fs::write(&changed, &bytes).expect("a file");
        let verdict = match SqliteStore::open(&changed) {
            Err(fault) => format!("refused at opening: {fault:?}"),
            Ok(store) => {
                let found = rows(&store);
                let tried = insert(&store, b"one more", b"value");
                let sound = store.check().is_ok_and(|findings| findings.is_empty());
                match found {
                    Err(fault) => format!("refused at reading: {fault:?}"),
                    Ok(found) if found == expected => {
                        format!("unchanged, sound: {sound}, commit: {}", tried.is_ok())
                    }
                    Ok(found) => {
                        // Structure is checked; the bytes of keys, versions and values are their seals' affair.
                        let differing =
                            expected.iter().filter(|(key, row)| found.get(*key) != Some(row)).count();
                        assert_eq!(differing, 1, "byte {at}: one changed byte changed {differing} rows");
                        "one row differs, for its seal to find".to_owned()
                    }
                }
            }
        };
        *seen.entry(verdict).or_default() += 1;
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(beside(&changed, suffix));
        }
    }
    for (verdict, times) in &seen {
        say(&format!("a changed byte, {times} times: {verdict}"));
    }
    assert!(seen.keys().any(|verdict| verdict.starts_with("refused at opening: Corrupt")));
}

/// Bytes of the log's header, of a frame's header, and of a page (`fileformat2.html` of SQLite's documentation, section 4).
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const PAGE: usize = 4_096;

/// Where each transaction in a log ends: behind a frame that says how large the file is then.
fn ends_of_transactions(log: &[u8]) -> Vec<usize> {
    let salts = &log[16..24];
    let frames = log[LOG_HEADER..].chunks_exact(FRAME_HEADER + PAGE).enumerate();
    frames
        .take_while(|(_, frame)| frame[8..16] == *salts)
        .filter(|(_, frame)| frame[4..8] != [0; 4])
        .map(|(number, _)| LOG_HEADER + (number + 1) * (FRAME_HEADER + PAGE))
        .collect()
}

#[test]
fn a_log_that_was_cut_or_changed_ends_where_it_is_sound() {
    let (folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    for number in 0..30_u8 {
        assert_eq!(insert(&store, &[number], &[number; 50]), Ok(Outcome::Committed));
    }
    // Another process copies: closing the file in this one would drop the store's locks.
    let copy = folder.path().join("copy.db");
    for suffix in ["", "-wal"] {
        let status = Command::new("cp").arg(beside(&path, suffix)).arg(beside(&copy, suffix)).status();
        assert!(status.is_ok_and(|status| status.success()));
    }
    let log = fs::read(beside(&copy, "-wal")).expect("the log");
    let main = fs::read(&copy).expect("the file");
    let ends = ends_of_transactions(&log);
    assert_eq!(ends.len(), 30, "one transaction a commit, and none of them in the file yet");
    let mut random = Random::new(8);
    let rounds = Tier::pick(20, 150, 1_500);
    let mut kept = Vec::new();
    for round in 0..rounds {
        let at = usize::try_from(random.below(u64::try_from(log.len()).expect("a length"))).expect("a place");
        let mut bytes = log.clone();
        if round % 2 == 0 {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << random.below(8);
        }
        fs::write(&copy, &main).expect("a file");
        fs::write(beside(&copy, "-wal"), &bytes).expect("a file");
        let _ = fs::remove_file(beside(&copy, "-shm"));
        let store = SqliteStore::open(&copy).expect("the file is sound, and so is the log up to the damage");
        let found = rows(&store).expect("a scan");
        // Every commit before the damage, whole; nothing from behind it. In the header it is before all of them.
        let whole = if at < LOG_HEADER { 0 } else { ends.iter().filter(|end| **end <= at).count() };
        let expected: Rows = (0..30_u8).take(whole).map(|n| (vec![n], (1, vec![n; 50]))).collect();
        assert_eq!(found, expected, "damaged at {at} of {}", log.len());
        kept.push(whole);
    }
    let (least, most) = (kept.iter().min(), kept.iter().max());
    say(&format!(
        "a damaged log, {rounds} times: {least:?} to {most:?} of 30 commits, all that precede the damage"
    ));
    assert!(kept.iter().any(|whole| *whole > 20) && kept.iter().any(|whole| *whole < 10), "{kept:?}");
    assert!(get(&store, &[29]).is_ok_and(|row| row.is_some()));
}

#[test]
fn an_index_that_does_not_say_what_its_table_says_is_damage() {
    const KEY: &[u8] = b"a key that stands in a table and in its index";
    let places = |bytes: &[u8]| -> Vec<usize> {
        bytes.windows(KEY.len()).enumerate().filter(|(_, part)| *part == KEY).map(|(at, _)| at).collect()
    };
    let altered = |path: &Path, whole: &[u8], at: usize| {
        let mut bytes = whole.to_vec();
        bytes[at + KEY.len() - 1] ^= 1;
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(beside(path, suffix));
        }
        fs::write(path, bytes).expect("a file");
    };
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    assert_eq!(insert(&store, KEY, b"value"), Ok(Outcome::Committed));
    drop(store);
    let whole = fs::read(&path).expect("the file");
    assert_eq!(places(&whole).len(), 2, "once in each");
    for at in places(&whole) {
        altered(&path, &whole, at);
        assert_eq!(SqliteStore::open(&path).expect_err("damage"), StoreFault::Corrupt, "byte {at}");
    }
    // A large file is looked at when somebody asks.
    let (_folder, path) = folder();
    let store = SqliteStore::create(&path).expect("a new store");
    for number in 0..6_u8 {
        assert_eq!(insert(&store, &[number], &vec![number; Change::MAX_VALUE]), Ok(Outcome::Committed));
    }
    assert_eq!(insert(&store, KEY, b"value"), Ok(Outcome::Committed));
    drop(store);
    let whole = fs::read(&path).expect("the file");
    altered(&path, &whole, places(&whole)[0]);
    let store = SqliteStore::open(&path).expect("it is too large to be read whole");
    assert!(!store.check().expect("findings").is_empty());
}
