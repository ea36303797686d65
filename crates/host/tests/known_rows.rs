//! Rows that a handle knows are not read again, and what others have done to them meanwhile is noticed all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use zamok_core::otp::{Totp, TotpParameters, TotpState, Verdict, Window};
use zamok_core::secret::Secret;
use zamok_core::store::{Change, ChangeId, MemoryStore, Outcome, RowKey, Store, Table};
use zamok_core::vault::one_time::{self, ImportedParameters};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::vault::spend::{self, SpendPolicy, Throttle};
use zamok_core::vault::{KeyId, KeyKind, KeyState, Known, Purpose, Transaction, keys, signing};
use zamok_core::{Error, UnixTime};
use zamok_host::{ManualClock, Options, Passphrase, Vault};
use zamok_store_conformance::Hooked;

const NOON: u64 = 1_800_000_000;
const PASSPHRASE: &str = "a long sentence";

/// The rows of keys and of what is spent that were read, all rows that were, and the commits.
#[derive(Default)]
struct Counts {
    reads: AtomicU64,
    all_reads: AtomicU64,
    commits: AtomicU64,
}

/// A store that counts.
fn counting(counts: &Arc<Counts>) -> Arc<dyn Store> {
    let [reads, commits] = [counts.clone(), counts.clone()];
    let store = Hooked::over(Arc::new(MemoryStore::new()))
        .on_get(move |store, key| {
            if [keys::KEYS, spend::STATES].contains(&key.table) {
                reads.reads.fetch_add(1, Ordering::SeqCst);
            }
            reads.all_reads.fetch_add(1, Ordering::SeqCst);
            store.get(key)
        })
        .on_commit(move |store, change| {
            commits.commits.fetch_add(1, Ordering::SeqCst);
            store.commit(change)
        });
    Arc::new(store)
}

/// Two handles of one vault, as two processes have them, and a key.
struct House {
    store: Arc<dyn Store>,
    counts: Arc<Counts>,
    clock: ManualClock,
    handles: [Vault; 2],
    key: KeyId,
    phone: Totp,
}

impl House {
    fn new() -> Self {
        let (counts, clock) = (Arc::<Counts>::default(), ManualClock::new(UnixTime(NOON)));
        let store = counting(&counts);
        let cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
        let with = || Options { clock: Arc::new(clock.clone()), cost, ..Options::default() };
        let first = Vault::create(store.clone(), &Passphrase::from(PASSPHRASE), with()).unwrap();
        let second = Vault::unlock(store.clone(), &Passphrase::from(PASSPHRASE), with()).unwrap();
        let secret = Secret::new(b"12345678901234567890").unwrap();
        let parameters = TotpParameters::default();
        let imported = ImportedParameters::Totp { parameters, state: TotpState::default() };
        let key = first.transact(|tx| one_time::import(tx, imported, &secret, "", None)).unwrap();
        let phone = Totp::new(&secret, parameters).unwrap();
        Self { store, counts, clock, handles: [first, second], key, phone }
    }

    /// The code of the next step.
    fn next(&self) -> String {
        self.clock.advance(30);
        self.phone.code_at(self.handles[0].now()).unwrap().to_string()
    }

    fn verify(&self, handle: usize, code: &str) -> Result<bool, Error> {
        let throttle = Throttle {
            free: 50,
            first_delay: 30,
            longest_delay: 3600,
            disable_after: 100,
            recent_limit: 100,
            recent_span: 30 * 86_400,
        };
        let (window, look_ahead) = (Window::steps(1, 0).unwrap(), Window::look_ahead(10).unwrap());
        let policy = SpendPolicy { window, drift_limit: 0, look_ahead, throttle };
        let verdict = self.handles[handle].transact(|tx| spend::verify(tx, self.key, code, &policy))?;
        Ok(matches!(verdict, Verdict::Accepted { .. }))
    }

    fn counts(&self) -> [u64; 2] {
        [&self.counts.reads, &self.counts.commits].map(|count| count.load(Ordering::SeqCst))
    }

    /// How many rows of any table are read meanwhile.
    fn reads(&self, work: impl FnOnce()) -> u64 {
        let before = self.counts.all_reads.load(Ordering::SeqCst);
        work();
        self.counts.all_reads.load(Ordering::SeqCst) - before
    }
}

/// The place of a row that no table of the vault has.
fn place(number: u8) -> RowKey {
    RowKey::new(Table(900), [number])
}

#[test]
fn a_key_that_was_used_before_is_verified_without_reading_a_row() {
    let house = House::new();
    assert_eq!(house.verify(0, &house.next()), Ok(true));
    let before = house.counts();
    for _ in 0..10 {
        let code = house.next();
        assert_eq!(house.verify(0, &code), Ok(true));
        assert_eq!(house.verify(0, &code), Ok(false), "the same code once more");
    }
    assert_eq!(house.counts(), [before[0], before[1] + 20]);
}

#[test]
fn what_another_handle_has_spent_is_a_conflict_and_then_known() {
    let house = House::new();
    for turn in 0..20 {
        let code = house.next();
        let (one, other) = (turn % 2, (turn + 1) % 2);
        assert_eq!(house.verify(one, &code), Ok(true), "turn {turn}");
        // It knows an older row, by which the code is unspent.
        assert_eq!(house.verify(other, &code), Ok(false), "turn {turn}");
        assert_eq!(house.verify(one, &code), Ok(false), "turn {turn}");
    }
}

#[test]
fn a_key_that_is_suspended_elsewhere_stops_a_handle_that_knows_it_as_active_and_one_that_is_resumed_does_not()
{
    let house = House::new();
    let suspend =
        |to| house.handles[1].transact(|tx| keys::change_state(tx, house.key, to, "a test")).unwrap();
    for _ in 0..3 {
        assert_eq!(house.verify(0, &house.next()), Ok(true));
        suspend(KeyState::Suspended);
        assert_eq!(house.verify(0, &house.next()), Err(Error::KeyState(KeyState::Suspended)));
        suspend(KeyState::Active);
        // It knows the key as suspended, and looks before it says so.
        assert_eq!(house.verify(0, &house.next()), Ok(true));
    }
}

#[test]
fn what_writes_nothing_looks_before_its_end() {
    let house = House::new();
    let [first, second] = &house.handles;
    let key = first.transact(|tx| signing::generate(tx, KeyKind::P256, Purpose::Token, "", None)).unwrap();
    let sign = || first.transact(|tx| signing::sign(tx, key, Purpose::Token, b"a message", "")).map(|_| ());
    assert_eq!(sign(), Ok(()));
    let before = house.counts();
    assert_eq!(sign(), Ok(()));
    assert_eq!(house.counts(), [before[0] + 1, before[1]], "its row, once");
    second.transact(|tx| keys::change_state(tx, key, KeyState::Suspended, "a test")).unwrap();
    assert_eq!(sign(), Err(Error::KeyState(KeyState::Suspended)));
    second.transact(|tx| keys::change_state(tx, key, KeyState::Active, "a test")).unwrap();
    assert_eq!(sign(), Ok(()));
}

#[test]
fn a_state_row_that_came_from_elsewhere_is_not_known_and_its_mac_is_looked_at() {
    let house = House::new();
    assert_eq!(house.verify(0, &house.next()), Ok(true));
    let row = RowKey::new(spend::STATES, house.key.0);
    let right = house.store.get(&row).unwrap().unwrap();
    // In the right place and under the right revision (docs/formats/record.md, "Header"), with a MAC that nobody has made for it.
    let mut value = right.value.clone();
    value[47..55].copy_from_slice(&(right.version + 1).to_be_bytes());
    house.handles[0].transact(|tx| tx.put_plain(&row, value.clone())).unwrap();
    assert_eq!(house.handles[0].transact(|tx| tx.state(&row)), Err(Error::Refused));
    assert_eq!(house.verify(0, &house.next()), Err(Error::Refused));
}

#[test]
fn an_opened_key_answers_for_the_very_row_that_was_opened_and_for_no_other_of_its_version() {
    let house = House::new();
    let [first, second] = &house.handles;
    let key = first.transact(|tx| signing::generate(tx, KeyKind::P256, Purpose::Token, "", None)).unwrap();
    let sign = |handle: &Vault| {
        handle.transact(|tx| signing::sign(tx, key, Purpose::Token, b"a message", "")).map(|_| ())
    };
    assert_eq!((sign(first), sign(second)), (Ok(()), Ok(())));
    let row = RowKey::new(keys::KEYS, key.0);
    let mut altered = house.store.get(&row).unwrap().unwrap();
    *altered.value.last_mut().unwrap() ^= 1;
    assert_eq!(altered.version, 1);
    // Deleted and made again, it has the version that it had.
    let mut gone = Change::new(ChangeId([1; 16]));
    gone.delete(row.clone(), 1).unwrap();
    let mut again = Change::new(ChangeId([2; 16]));
    again.insert(row, altered.value).unwrap();
    for change in [gone, again] {
        assert_eq!(house.store.commit(&change), Ok(Outcome::Committed));
    }
    for handle in [first, second] {
        assert_eq!(sign(handle), Err(Error::Refused));
    }
}

#[test]
fn a_row_that_is_supposed_to_be_new_is_not_read_and_one_that_is_there_is_found_at_the_commit() {
    let house = House::new();
    let [first, second] = &house.handles;
    let make = |tx: &mut Transaction<'_>| {
        tx.suppose_new(&place(1));
        tx.put_record(&place(1), &[], b"one")
    };
    assert_eq!(house.reads(|| first.transact(make).unwrap()), 0);
    // Another one supposes that it is not there yet: the commit finds it, and the next attempt reads it.
    let mut attempts = 0;
    let found = second.transact(|tx| {
        attempts += 1;
        tx.suppose_new(&place(1));
        let found = tx.record(&place(1))?.map(|opened| opened.body.to_vec());
        tx.put_record(&place(1), &[], b"two")?;
        Ok::<_, Error>(found)
    });
    assert_eq!((found, attempts), (Ok(Some(b"one".to_vec())), 2));
    // So does one that writes nothing, or wants to refuse.
    for refuses in [false, true] {
        let mut attempts = 0;
        let found = second.transact(|tx| {
            attempts += 1;
            tx.suppose_new(&place(1));
            match tx.record(&place(1))? {
                None if refuses => Err(Error::Refused),
                found => Ok(found.map(|opened| opened.body.to_vec())),
            }
        });
        assert_eq!((found, attempts), (Ok(Some(b"two".to_vec())), 2), "refuses: {refuses}");
    }
}

#[test]
fn a_row_that_was_looked_at_or_whose_revisions_are_remembered_is_not_supposed_to_be_new() {
    let house = House::new();
    let second = &house.handles[1];
    house.handles[0].transact(|tx| tx.put_record(&place(1), &[], b"one")).unwrap();
    let state = RowKey::new(spend::STATES, house.key.0);
    let mut attempts = 0;
    second
        .transact(|tx| {
            attempts += 1;
            assert!(tx.record(&place(1))?.is_some());
            tx.suppose_new(&place(1));
            assert!(tx.record(&place(1))?.is_some(), "it was looked at before");
            tx.suppose_new(&state);
            assert!(tx.state(&state)?.is_some(), "its revisions are remembered");
            tx.put_record(&place(2), &[], b"two")
        })
        .unwrap();
    assert_eq!(attempts, 1);
}

#[test]
fn what_only_prepares_another_transaction_is_looked_at_once_and_the_other_one_reads_nothing() {
    let house = House::new();
    let first = &house.handles[0];
    first.transact(|tx| tx.put_state(&place(1), b"one")).unwrap();
    let look = |tx: &mut Transaction<'_>| {
        assert!(tx.state(&place(1))?.is_some() && tx.state(&place(2))?.is_none());
        Ok::<_, Error>(())
    };
    let prepare = |tx: &mut Transaction<'_>| {
        tx.prepare_another();
        look(tx)
    };
    assert_eq!(house.reads(|| first.transact(look).unwrap()), 4, "all of them of one moment");
    assert_eq!(house.reads(|| first.transact(prepare).unwrap()), 4, "there is no other one");
    let mut known = Known::default();
    assert_eq!(house.reads(|| first.transact_knowing(&mut known, look).unwrap()), 4);
    let mut known = Known::default();
    assert_eq!(house.reads(|| first.transact_knowing(&mut known, prepare).unwrap()), 2);
    let decide = |tx: &mut Transaction<'_>| {
        look(tx)?;
        tx.suppose_new(&place(3));
        tx.put_state(&place(3), b"three")
    };
    assert_eq!(house.reads(|| first.transact_knowing(&mut known, decide).unwrap()), 0);
}

#[test]
fn what_was_not_there_is_expected_not_to_be_there_and_read_before_a_refusal() {
    let house = House::new();
    let [first, second] = &house.handles;
    for (number, writes) in [(1, true), (2, false)] {
        let mut known = Known::default();
        let prepared = first.transact_knowing(&mut known, |tx| {
            tx.prepare_another();
            tx.state(&place(number))
        });
        assert_eq!(prepared, Ok(None));
        second.transact(|tx| tx.put_state(&place(number), b"meanwhile")).unwrap();
        let mut attempts = 0;
        let found = first.transact_knowing(&mut known, |tx| {
            attempts += 1;
            let found = tx.state(&place(number))?;
            if writes {
                tx.put_state(&place(100 + number), b"other")?;
            } else if found.is_none() {
                return Err(Error::Refused);
            }
            Ok(found)
        });
        assert_eq!((found, attempts), (Ok(Some(b"meanwhile".to_vec())), 2), "writes: {writes}");
        // What it has read then is known in the place of what was not there.
        let reads = house.reads(|| {
            let found = first.transact_knowing(&mut known, |tx| {
                tx.prepare_another();
                tx.state(&place(number))
            });
            assert_eq!(found, Ok(Some(b"meanwhile".to_vec())));
        });
        assert_eq!(reads, 0);
    }
}

#[test]
fn what_prepares_another_transaction_looks_once_more_before_it_fails() {
    let house = House::new();
    let [first, second] = &house.handles;
    let mut known = Known::default();
    let prepared = first.transact_knowing(&mut known, |tx| {
        tx.prepare_another();
        tx.state(&place(1))
    });
    assert_eq!(prepared, Ok(None));
    second.transact(|tx| tx.put_state(&place(1), b"meanwhile")).unwrap();
    let mut attempts = 0;
    let found = first.transact_knowing(&mut known, |tx| {
        attempts += 1;
        tx.prepare_another();
        tx.state(&place(1))?.ok_or(Error::Refused)
    });
    assert_eq!((found, attempts), (Ok(b"meanwhile".to_vec()), 2));
}
