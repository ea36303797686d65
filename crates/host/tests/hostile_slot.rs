//! A vault's own rows, as someone with the store in hand may leave them: refused, in bounded time and memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use zamok_core::store::{Change, ChangeId, Expect, MemoryStore, Outcome, Range, Row, RowKey, Store};
use zamok_core::vault::anchoring;
use zamok_core::vault::attempts::UnlockPolicy;
use zamok_core::vault::relocation::Relocation;
use zamok_core::vault::slot::{Argon2Cost, VAULT};
use zamok_core::{Env, Error, UnixTime};
use zamok_host::{ManualClock, Options, OsRandom, Passphrase, Vault};

/// The user's slot, which is opened here, and the officer's, which is not.
const SLOT: &[u8] = b"slot/\x01";
const OFFICER: &[u8] = b"slot/\0";
const ATTEMPTS: &[u8] = b"attempts/\x01";
const DATA_KEY: &[u8] = b"data-key/\0\0\0\x01";
const JOURNAL_KEY: &[u8] = b"journal-key/\0\0\0\x01";
const INDEX_KEY: &[u8] = b"index-key/\0\0\0\x01";
const HEADER: &[u8] = b"vault";
const LOG: &[u8] = b"log";
/// The key of the row that says whether the vault has moved; no row of the table of the vault's own has it.
const MOVED: &[u8] = b"";
/// The key of the row that says whether the vault asks for an anchor, likewise.
const ANCHOR: &[u8] = b"anchor";
/// Every row that is authenticated.
const PROVEN: [&[u8]; 7] = [SLOT, OFFICER, DATA_KEY, JOURNAL_KEY, INDEX_KEY, HEADER, LOG];

fn options() -> Options {
    Options {
        clock: Arc::new(ManualClock::new(UnixTime(1_000_000))),
        cost: Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 },
        unlock: UnlockPolicy {
            free: 10,
            first_delay: 30,
            longest_delay: 3600,
            disable_after: None,
            attempt: 0,
        },
        ..Options::default()
    }
}

fn row(key: &[u8]) -> RowKey {
    match key {
        MOVED => Relocation::row(),
        ANCHOR => anchoring::row(),
        key => RowKey::new(VAULT, key),
    }
}

/// The rows of a new vault.
fn vault_rows() -> Vec<(Vec<u8>, Row)> {
    let store = Arc::new(MemoryStore::new());
    Vault::create(Arc::clone(&store) as Arc<dyn Store>, &Passphrase::from("right"), options()).unwrap();
    let mut rows = store.scan(VAULT, &Range::all(), 100, None).unwrap().rows;
    for other in [MOVED, ANCHOR] {
        rows.push((other.to_vec(), store.get(&row(other)).unwrap().unwrap()));
    }
    rows
}

fn value<'a>(rows: &'a [(Vec<u8>, Row)], key: &[u8]) -> &'a [u8] {
    &rows.iter().find(|(found, _)| found == key).expect("a row of every vault").1.value
}

fn random_id() -> ChangeId {
    ChangeId(Env { now: UnixTime(0), rng: &mut OsRandom::new().unwrap() }.random())
}

/// Rows that are put in the place of others; `None` deletes.
type Edits<'a> = [(&'a [u8], Option<&'a [u8]>)];

/// Unlocks a vault of these rows after some edits. Bounded in time.
fn unlock_with(rows: &[(Vec<u8>, Row)], edits: &Edits<'_>) -> Result<(), Error> {
    unlock_counted(rows, edits).0
}

/// As [`unlock_with`], with the version of the count of attempts: 1 as long as none was charged.
fn unlock_counted(rows: &[(Vec<u8>, Row)], edits: &Edits<'_>) -> (Result<(), Error>, Option<u64>) {
    let store = Arc::new(MemoryStore::new());
    let mut change = Change::new(random_id());
    for (key, original) in rows {
        match edits.iter().find(|(edited, _)| edited == key) {
            None => change.insert(row(key), original.value.clone()).unwrap(),
            Some((_, Some(edited))) => change.insert(row(key), edited.to_vec()).unwrap(),
            Some((_, None)) => change.expect(row(key), Expect::Absent).unwrap(),
        }
    }
    for (key, added) in edits {
        if let (None, Some(added)) = (rows.iter().find(|(found, _)| found == key), added) {
            change.insert(row(key), added.to_vec()).unwrap();
        }
    }
    assert_eq!(store.commit(&change), Ok(Outcome::Committed));
    let started = Instant::now();
    let shared: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
    let outcome = Vault::unlock(shared, &Passphrase::from("right"), options()).map(|_| ());
    assert!(started.elapsed() < Duration::from_secs(30), "{:?} for {outcome:?}", started.elapsed());
    (outcome, store.get(&row(ATTEMPTS)).unwrap().map(|row| row.version))
}

#[test]
fn the_rows_of_a_vault_are_these_and_open_when_left_alone() {
    let rows = vault_rows();
    let keys: Vec<_> = rows.iter().map(|(key, _)| key.as_slice()).collect();
    let expected: [&[u8]; 11] = [
        b"attempts/\0",
        ATTEMPTS,
        DATA_KEY,
        INDEX_KEY,
        JOURNAL_KEY,
        LOG,
        OFFICER,
        SLOT,
        HEADER,
        MOVED,
        ANCHOR,
    ];
    assert_eq!(keys, expected);
    assert_eq!(unlock_counted(&rows, &[]), (Ok(()), Some(3)), "charged and discharged");
}

#[test]
fn a_flipped_bit_in_any_byte_of_a_slot_a_key_the_header_and_the_log_is_refused() {
    let rows = vault_rows();
    let mut cases = 0;
    for key in PROVEN {
        let original = value(&rows, key);
        for (byte, bit) in (0..original.len()).flat_map(|byte| [(byte, 0x01), (byte, 0x80)]) {
            let mut changed = original.to_vec();
            changed[byte] ^= bit;
            let outcome = unlock_with(&rows, &[(key, Some(&changed))]);
            // A slot that was altered derives or wraps another key: it answers as to a wrong passphrase.
            let expected = match outcome {
                Err(Error::Refused | Error::Format { .. }) => true,
                Err(Error::Rejected | Error::TooLong { .. } | Error::SlotMethod) => key == SLOT,
                _ => false,
            };
            assert!(expected, "byte {byte} of {key:?}: {outcome:?}");
            cases += 1;
        }
    }
    let lengths: usize = PROVEN.map(|key| value(&rows, key).len()).iter().sum();
    assert_eq!(cases, 2 * lengths);
    assert!(lengths > 1000, "{lengths} bytes");
}

#[test]
fn a_row_that_is_cut_or_lengthened_is_refused() {
    let rows = vault_rows();
    for key in PROVEN.into_iter().chain([ATTEMPTS]) {
        let original = value(&rows, key);
        for length in 0..original.len() {
            let outcome = unlock_with(&rows, &[(key, Some(&original[..length]))]);
            assert!(
                matches!(outcome, Err(Error::Refused | Error::Rejected)),
                "{length} of {key:?}: {outcome:?}"
            );
        }
        let longer = [original, &[0]].concat();
        let outcome = unlock_with(&rows, &[(key, Some(&longer))]);
        assert!(matches!(outcome, Err(Error::Refused | Error::Rejected)), "longer {key:?}: {outcome:?}");
    }
}

#[test]
fn an_altered_count_of_attempts_never_panics_and_never_gives_more_than_it_says() {
    let rows = vault_rows();
    let original = value(&rows, ATTEMPTS);
    for (byte, bit) in (0..original.len()).flat_map(|byte| (0..8).map(move |bit| (byte, 1 << bit))) {
        let mut changed = original.to_vec();
        changed[byte] ^= bit;
        let outcome = unlock_with(&rows, &[(ATTEMPTS, Some(&changed))]);
        let allowed =
            matches!(outcome, Ok(()) | Err(Error::Refused | Error::UnlockNotBefore(_) | Error::SlotDisabled));
        assert!(allowed, "bit {bit} of byte {byte}: {outcome:?}");
    }
    // Ten failures are free, an eleventh waits for 30 s from the time of the last, which may be planted.
    let unlock = |failures: u64, last: u64| {
        let fields = [failures, 0, last, 0].map(u64::to_be_bytes).concat();
        unlock_with(&rows, &[(ATTEMPTS, Some(&[&[1], &fields[..]].concat()))])
    };
    assert_eq!(unlock(11, 1_000_000), Err(Error::UnlockNotBefore(1_000_030)));
    assert_eq!(unlock(u64::MAX, 0), Err(Error::SlotDisabled), "no attempt is left to be counted");
    // Times that no clock can have told keep nobody out.
    for last in [1 << 60, u64::MAX] {
        assert_eq!(unlock(1 << 40, last), Err(Error::UnlockNotBefore(1_000_000 + 3600)));
    }
}

#[test]
fn a_missing_row_locks_the_vault() {
    let rows = vault_rows();
    assert_eq!(unlock_with(&rows, &[(SLOT, None)]), Err(Error::SlotMethod), "no slot is left for a user");
    assert_eq!(unlock_with(&rows, &[(SLOT, None), (OFFICER, None)]), Err(Error::NoVault));
    for key in [ATTEMPTS, OFFICER, DATA_KEY, JOURNAL_KEY, INDEX_KEY, HEADER, LOG] {
        assert_eq!(unlock_with(&rows, &[(key, None)]), Err(Error::Refused), "{key:?}");
    }
}

#[test]
fn rows_of_another_vault_or_of_another_place_are_refused() {
    let (rows, others) = (vault_rows(), vault_rows());
    for key in PROVEN {
        let outcome = unlock_with(&rows, &[(key, Some(value(&others, key)))]);
        assert_eq!(outcome, Err(Error::Refused), "{key:?} of another vault");
    }
    for (first, second) in
        [(SLOT, DATA_KEY), (SLOT, HEADER), (DATA_KEY, HEADER), (ATTEMPTS, SLOT), (ATTEMPTS, HEADER)]
    {
        let swapped = [(first, Some(value(&rows, second))), (second, Some(value(&rows, first)))];
        assert_eq!(unlock_with(&rows, &swapped), Err(Error::Refused), "{first:?} and {second:?} swapped");
    }
    let added: &[u8] = b"data-key/\0\0\0\x02";
    assert_eq!(unlock_with(&rows, &[(added, Some(value(&rows, DATA_KEY)))]), Err(Error::Refused));
}

#[test]
fn hostile_parameters_of_a_slot_cost_neither_memory_nor_time_nor_an_attempt() {
    let rows = vault_rows();
    let original = value(&rows, SLOT);
    // magic 4, format 2, vault 16, number 1, role 1, method 1: the parameters begin at byte 25.
    assert_eq!(original[25..37], [0, 0, 0, 64, 0, 0, 0, 1, 0, 0, 0, 1]);
    let hostile: [([u32; 3], bool); 10] = [
        ([u32::MAX, 1, 1], true),
        ([(4 << 20) + 1, 1, 1], true),
        ([4 << 20, 1, 1], false),
        ([2 << 20, 64, 1], false),
        ([0, 1, 1], true),
        ([64, 0, 1], true),
        ([64, u32::MAX, 1], true),
        ([64, 1, 0], true),
        ([64, 1, u32::MAX], true),
        ([64, 1, 16], true),
    ];
    for (parameters, refused) in hostile {
        let mut changed = original.to_vec();
        changed[25..37].copy_from_slice(&parameters.map(u32::to_be_bytes).concat());
        let started = Instant::now();
        let (outcome, version) = unlock_counted(&rows, &[(SLOT, Some(&changed))]);
        assert_eq!(version, Some(1), "{parameters:?} was charged");
        let expected = if refused {
            outcome == Err(Error::Refused)
        } else {
            matches!(outcome, Err(Error::TooLong { .. }))
        };
        assert!(expected, "{parameters:?}: {outcome:?}");
        assert!(started.elapsed() < Duration::from_secs(10), "{parameters:?} took {:?}", started.elapsed());
    }
}

#[test]
fn remains_of_a_vault_are_never_overwritten_by_a_new_one() {
    let rows = vault_rows();
    for kept in PROVEN.into_iter().chain([ATTEMPTS]) {
        let store = Arc::new(MemoryStore::new());
        let mut change = Change::new(random_id());
        change.insert(row(kept), value(&rows, kept)[1..].to_vec()).unwrap();
        assert_eq!(store.commit(&change), Ok(Outcome::Committed));
        let made = Vault::create(Arc::clone(&store) as Arc<dyn Store>, &Passphrase::from("new"), options());
        assert_eq!(made.map(|_| ()), Err(Error::VaultExists), "{kept:?}");
        assert_eq!(store.scan(VAULT, &Range::all(), 100, None).unwrap().rows.len(), 1);
    }
}
