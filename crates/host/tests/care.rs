//! The officer's care: every sort of secret and every role through real slots, rotation and rewrapping beside handles
//! that do not know of it, the idle lock, and stores that were put back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use zamok_core::mac::hmac_sha256;
use zamok_core::store::{
    Change, ChangeId, EntryId, MemoryStore, Outcome, Range, RowKey, Store, StoreFault, Table,
};
use zamok_core::vault::rotation::{self, SETTLED_AFTER};
use zamok_core::vault::slot::{Argon2Cost, Key32};
use zamok_core::vault::{DataKeyId, Family, KeyKind, KeyState, Purpose, Role, keys, signing};
use zamok_core::{Env, Error, UnixTime};
use zamok_host::{
    Credential, ManualClock, NewSlot, Options, OsRandom, Passphrase, SecretKey, TokenKey, Vault,
};
use zamok_store_conformance::Hooked;

const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };

/// A store that dies with the commit of a number: so many are left, and 0 is no limit.
fn mortal(left: Arc<AtomicU64>) -> Arc<dyn Store> {
    Arc::new(Hooked::over(Arc::new(MemoryStore::new())).on_commit(move |store, change| {
        if left.load(Ordering::SeqCst) > 0 && left.fetch_sub(1, Ordering::SeqCst) == 1 {
            left.store(1, Ordering::SeqCst);
            return Err(StoreFault::Unavailable);
        }
        store.commit(change)
    }))
}

struct House {
    store: Arc<dyn Store>,
    /// Commits that are left to it.
    left: Arc<AtomicU64>,
    clock: ManualClock,
}

impl House {
    /// A vault whose officer says "officer" and whose user says "user".
    fn new() -> (Self, Vault) {
        let left = Arc::<AtomicU64>::default();
        let house = Self { store: mortal(left.clone()), left, clock: ManualClock::new(UnixTime(1_000_000)) };
        let (officer, user) = (Passphrase::from("officer"), Passphrase::from("user"));
        let vault = Vault::create_for(house.store(), &officer, &user, house.options()).unwrap();
        (house, vault)
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    fn options(&self) -> Options {
        Options { clock: Arc::new(self.clock.clone()), cost: CHEAP, ..Options::default() }
    }

    fn open(&self, role: Role, secret: &str) -> Result<Vault, Error> {
        Vault::unlock_as(role, self.store(), &Passphrase::from(secret), self.options())
    }

    fn officer(&self) -> Vault {
        self.open(Role::Officer, "officer").unwrap()
    }
}

fn row(number: u64) -> RowKey {
    RowKey::new(Table(900), number.to_be_bytes())
}

fn write(vault: &Vault, number: u64) {
    let body = number.to_be_bytes();
    let put = vault.transact(|tx| {
        if number.is_multiple_of(2) {
            tx.put_state(&row(number), &body)
        } else {
            tx.put_record(&row(number), b"", &body)
        }
    });
    put.unwrap();
}

fn holds(vault: &Vault, number: u64) -> Result<bool, Error> {
    let body = number.to_be_bytes();
    vault.transact(|tx| {
        Ok(if number.is_multiple_of(2) {
            tx.state(&row(number))?.is_some_and(|found| found == body)
        } else {
            tx.record(&row(number))?.is_some_and(|found| *found.body == body)
        })
    })
}

/// A token, as far as a slot needs one.
struct Token([u8; 32]);

impl TokenKey for Token {
    fn mac(&self, message: &[u8]) -> Result<Key32, Error> {
        Ok(Key32::new(hmac_sha256(&self.0, &[message])))
    }
}

#[test]
fn each_sort_of_secret_opens_its_slot_and_no_other_secret_does() {
    let (house, _) = House::new();
    let officer = house.officer();
    let (pin, wrong_pin) = (Passphrase::from("1234"), Passphrase::from("1235"));
    let [right, wrong] = [[1; 32], [2; 32]].map(SecretKey::from);
    let tokens = [[1; 32], [2; 32]].map(Token);
    let cases: [(Credential<'_>, Vec<Credential<'_>>); 4] = [
        (
            Credential::Pin { pin: &pin, device: &right },
            vec![
                Credential::Pin { pin: &wrong_pin, device: &right },
                Credential::Pin { pin: &pin, device: &wrong },
            ],
        ),
        (Credential::Key(&right), vec![Credential::Key(&wrong)]),
        (Credential::Shares(&right), vec![Credential::Shares(&wrong)]),
        (Credential::Token(&tokens[0]), vec![Credential::Token(&tokens[1])]),
    ];
    for (number, (secret, wrong)) in (2..).zip(&cases) {
        let unlock = |secret: &Credential<'_>| {
            Vault::unlock(house.store(), *secret, house.options()).map(|vault| vault.role())
        };
        assert_eq!(unlock(secret), Err(Error::SlotMethod), "there is no such slot yet");
        let new = NewSlot { role: Role::User, label: "door", secret: *secret, cost: CHEAP };
        assert_eq!(officer.add_slot(&new), Ok(number));
        assert_eq!(unlock(secret), Ok(Ok(Role::User)), "{secret:?}");
        for wrong in wrong {
            assert_eq!(unlock(wrong), Err(Error::Rejected), "{wrong:?}");
        }
        let slots = Vault::slots(&*house.store, &house.options()).unwrap();
        let slot = slots.last().unwrap();
        assert_eq!((slot.failures, slot.method), (wrong.len() as u64, secret.method(CHEAP)));
        assert_eq!(unlock(secret), Ok(Ok(Role::User)));
    }
    // Nor in another role than its own, also when it is named.
    for (slot, secret, role) in [
        (0, "officer", Role::User),
        (0, "officer", Role::Auditor),
        (1, "user", Role::Officer),
        (1, "user", Role::Auditor),
    ] {
        let options = Options { slot: Some(slot), ..house.options() };
        let opened = Vault::unlock_as(role, house.store(), &Passphrase::from(secret), options);
        assert_eq!(opened.map(drop), Err(Error::SlotMethod), "slot {slot} as {role}");
    }
}

#[test]
fn what_a_role_may_not_do_it_cannot_do_through_the_handle() {
    let (house, user) = House::new();
    let officer = house.officer();
    let audit = Passphrase::from("audit");
    let new = |role, secret| NewSlot { role, label: "", secret: Credential::Passphrase(secret), cost: CHEAP };
    assert_eq!(officer.add_slot(&new(Role::Auditor, &audit)), Ok(2));
    let auditor = house.open(Role::Auditor, "audit").unwrap();
    for (vault, role) in [(&user, Role::User), (&auditor, Role::Auditor)] {
        let refused = Err(Error::Role(role));
        assert_eq!(vault.add_slot(&new(Role::User, &audit)).map(|_| ()), refused);
        assert_eq!(vault.change_slot(0, &new(Role::Officer, &audit)), refused);
        assert_eq!(vault.remove_slot(1), refused);
        assert_eq!(vault.reset_slot(1), refused);
        assert_eq!(vault.rotate(Family::Data).map(|_| ()), refused);
        assert_eq!(vault.rewrap(&mut |_| {}).map(|_| ()), refused);
    }
    write(&user, 1);
    user.integrate().unwrap();
    // The auditor reads the journal, to the detail, and nothing else.
    assert_eq!(holds(&auditor, 1), Err(Error::Role(Role::Auditor)));
    auditor
        .read(|store, keyring| {
            let stored = store.get(&row(1))?.unwrap();
            assert_eq!(keyring.open(&row(1), &stored).map(|_| ()), Err(Error::Role(Role::Auditor)));
            assert_eq!(keyring.blind_index("login", b"anna"), Err(Error::Role(Role::Auditor)));
            let report = zamok_journal::audit(store, keyring)?;
            assert!(report.findings.is_empty(), "{report:?}");
            Ok(())
        })
        .unwrap();
    // One's own secret one may change, and not what one is; then the old one opens no more.
    let changed = Passphrase::from("changed");
    for role in [Role::Officer, Role::Auditor] {
        assert_eq!(user.change_slot(1, &new(role, &changed)), Err(Error::Role(Role::User)), "{role}");
    }
    user.change_slot(1, &new(Role::User, &changed)).unwrap();
    assert_eq!(house.open(Role::User, "user").map(|_| ()), Err(Error::Rejected));
    assert!(house.open(Role::User, "changed").is_ok());
    // The last officer and the last user stay.
    assert_eq!(officer.remove_slot(0), Err(Error::LastSlot(Role::Officer)));
    assert_eq!(officer.remove_slot(1), Err(Error::LastSlot(Role::User)));
    officer.remove_slot(2).unwrap();
    assert_eq!(house.open(Role::Auditor, "audit").map(|_| ()), Err(Error::SlotMethod));
    // A handle whose slot is gone is locked within a minute, and a number is not given again.
    house.clock.advance(60);
    assert_eq!(auditor.read(|_, _| Ok(())), Err(Error::Locked));
    assert_eq!(officer.add_slot(&new(Role::Auditor, &audit)), Ok(3));
}

#[test]
fn a_rotation_beside_other_handles_loses_nothing_and_the_old_key_ends_when_nobody_needs_it() {
    let (house, user) = House::new();
    let officer = house.officer();
    (0..200).for_each(|number| write(&user, number));
    let before = user.integrate().unwrap();
    assert_eq!(officer.rotate(Family::Data), Ok(DataKeyId(2)));
    assert_eq!(officer.rotate(Family::Journal), Ok(DataKeyId(2)));
    // Another handle meets a row under the new key, and learns of it.
    write(&officer, 1);
    assert_eq!(holds(&user, 1), Ok(true));
    (200..220).for_each(|number| write(&user, number));
    let mut told = 0;
    let done = officer.rewrap(&mut |_| told += 1).unwrap();
    assert_eq!((done.seen, done.retired, done.kept.len()), (221, vec![], 1), "too young to end anything");
    assert!(done.moved >= 199 && told > 3, "{} {told}", done.moved);
    house.clock.advance(SETTLED_AFTER - 1);
    assert_eq!(officer.rewrap(&mut |_| {}).unwrap().retired, vec![], "a second too young");
    let retired = officer.transact(|tx| rotation::retire(tx, Family::Data, DataKeyId(1)));
    assert_eq!(retired, Err(Error::DataKeyInUse(1)), "whoever asks");
    house.clock.advance(1);
    let done = officer.rewrap(&mut |_| {}).unwrap();
    assert_eq!((done.moved, done.retired, done.kept), (0, vec![DataKeyId(1)], vec![]));
    for vault in [&user, &officer, &house.open(Role::User, "user").unwrap()] {
        assert!((0..220).all(|number| holds(vault, number) == Ok(true)));
    }
    // The journal goes on over both of its keys, and is whole.
    assert!(user.integrate().unwrap() > 0 && before > 0);
    let report = user.read(zamok_journal::audit).unwrap();
    assert!(report.findings.is_empty(), "{report:?}");
}

#[test]
fn a_rotation_and_a_rewrapping_that_die_at_any_commit_lose_nothing_and_are_begun_again() {
    let (house, user) = House::new();
    (0..150).for_each(|number| write(&user, number));
    let mut deaths = 0;
    for commits in 1.. {
        let officer = house.officer();
        house.left.store(commits, Ordering::SeqCst);
        let outcome = officer.rotate(Family::Data).and_then(|_| officer.rewrap(&mut |_| {}));
        house.left.store(0, Ordering::SeqCst);
        let fresh = house.open(Role::User, "user").unwrap();
        assert!((0..150).all(|number| holds(&fresh, number) == Ok(true)), "dead at commit {commits}");
        match outcome {
            Ok(done) => {
                assert!(done.moved > 0);
                break;
            }
            Err(error) => assert_eq!(error, Error::Store(StoreFault::Unavailable)),
        }
        deaths += 1;
    }
    assert!(deaths >= 3, "{deaths}");
    house.clock.advance(SETTLED_AFTER);
    let done = house.officer().rewrap(&mut |_| {}).unwrap();
    // The first death came before a new key was made.
    assert_eq!(done.retired.len(), deaths, "every key but the newest");
    assert!((0..150).all(|number| holds(&house.open(Role::User, "user").unwrap(), number) == Ok(true)));
}

#[test]
fn keys_that_are_not_used_are_wiped_and_a_call_under_way_ends_first() {
    let (house, _) = House::new();
    let idle = Duration::from_secs(1);
    let user = Passphrase::from("user");
    let open =
        || Vault::unlock(house.store(), &user, Options { idle: Some(idle), ..house.options() }).unwrap();
    // Used, it stays open far longer than that; in the hands of a call as well. A machine that stood still meanwhile has not used it.
    let used = |vault: Vault| {
        let (started, mut last) = (Instant::now(), Instant::now());
        while started.elapsed() < 2 * idle {
            let written = vault.transact(|tx| tx.put_state(&row(1), b"used"));
            if last.elapsed() > idle / 2 {
                return None;
            }
            assert_eq!(written, Ok(()));
            last = Instant::now();
            thread::sleep(Duration::from_millis(5));
        }
        Some(vault)
    };
    let vault = (0..20).find_map(|_| used(open())).expect("a machine that runs");
    let slow = vault.transact(|tx| {
        thread::sleep(2 * idle);
        tx.put_state(&row(2), b"slow")
    });
    assert_eq!(slow, Ok(()));
    let deadline = Instant::now() + Duration::from_secs(20);
    while !vault.is_locked() {
        assert!(Instant::now() < deadline, "it was never locked");
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(vault.transact(|tx| tx.put_state(&row(2), b"late")), Err(Error::Locked));
}

#[test]
fn a_key_that_is_put_back_behind_what_the_process_has_seen_is_refused() {
    let (house, vault) = House::new();
    let key = RowKey::new(Table(3), [7; 16]);
    vault.transact(|tx| tx.put_state(&key, b"first")).unwrap();
    let old = house.store.get(&key).unwrap().unwrap();
    vault.transact(|tx| tx.put_state(&key, b"second")).unwrap();
    // Deleted and made again, the row has its old version and its old bytes.
    let put = |edit: &dyn Fn(&mut Change)| {
        let id = ChangeId(Env { now: UnixTime(0), rng: &mut OsRandom::new().unwrap() }.random());
        let mut change = Change::new(id);
        edit(&mut change);
        assert_eq!(house.store.commit(&change), Ok(Outcome::Committed));
    };
    put(&|change| change.delete(key.clone(), 2).unwrap());
    put(&|change| change.insert(key.clone(), old.value.clone()).unwrap());
    assert_eq!(vault.transact(|tx| tx.state(&key)), Err(Error::PutBack));
    // Also what the process has only written since: a key that it has put aside does not come back.
    let kind = (KeyKind::Ed25519, Purpose::Request);
    let signer = vault.transact(|tx| signing::generate(tx, kind.0, kind.1, "", None)).unwrap();
    let record = RowKey::new(keys::KEYS, signer.0);
    let active = house.store.get(&record).unwrap().unwrap();
    vault.transact(|tx| keys::change_state(tx, signer, KeyState::Suspended, "lost")).unwrap();
    put(&|change| change.delete(record.clone(), 2).unwrap());
    put(&|change| change.insert(record.clone(), active.value.clone()).unwrap());
    assert_eq!(vault.transact(|tx| keys::info(tx, signer)).map(drop), Err(Error::PutBack));
    // Another process cannot know: that is what the journal and the anchor are for.
    let other = house.open(Role::User, "user").unwrap();
    assert_eq!(other.transact(|tx| tx.state(&key)), Ok(Some(b"first".to_vec())));
}

#[test]
fn a_data_key_under_which_a_row_still_stands_does_not_end_however_old_it_is() {
    let (house, user) = House::new();
    write(&user, 1);
    let old = house.store.get(&row(1)).unwrap().unwrap();
    let officer = house.officer();
    officer.rotate(Family::Data).unwrap();
    house.clock.advance(SETTLED_AFTER);
    let done = officer.rewrap(&mut |at: &rotation::Progress| {
        if at.done {
            // Behind the walk something comes that stands under the old key.
            let mut change = Change::new(ChangeId([7; 16]));
            change.insert(row(999), old.value.clone()).unwrap();
            assert_eq!(house.store.commit(&change), Ok(Outcome::Committed));
        }
    });
    let done = done.unwrap();
    assert_eq!((done.moved > 0, done.retired, done.kept.len()), (true, vec![], 1));
}

#[test]
fn an_auditor_commits_nothing_through_a_call_of_several_transactions_either() {
    let (house, _) = House::new();
    let audit = Passphrase::from("audit");
    let secret = Credential::Passphrase(&audit);
    house.officer().add_slot(&NewSlot { role: Role::Auditor, label: "", secret, cost: CHEAP }).unwrap();
    let auditor = house.open(Role::Auditor, "audit").unwrap();
    let mut known = zamok_core::vault::Known::default();
    let put = auditor.transact_knowing(&mut known, |tx| tx.put_plain(&row(1), b"planted".to_vec()));
    assert_eq!(put, Err(Error::Role(Role::Auditor)));
    assert_eq!(house.store.get(&row(1)), Ok(None));
}

#[test]
fn a_handle_is_given_only_when_the_commit_that_tells_of_it_was_made() {
    let (house, _) = House::new();
    // The first commit charges the attempt, the second forgives it and tells the journal.
    house.left.store(2, Ordering::SeqCst);
    let opened = house.open(Role::User, "user").map(drop);
    house.left.store(0, Ordering::SeqCst);
    assert_eq!(opened, Err(Error::Store(StoreFault::Unavailable)));
    assert_eq!(Vault::slots(&*house.store, &house.options()).unwrap()[1].failures, 1, "it stays charged");
    house.clock.advance(10);
    assert_eq!(house.open(Role::User, "user").map(drop), Ok(()));
}

#[test]
fn an_authorisation_is_given_only_when_the_commit_that_tells_of_it_was_made() {
    use zamok_core::vault::keys::Template;
    let (house, user) = House::new();
    let template = Template::new(KeyKind::P256, Purpose::Document);
    let key = user.transact(|tx| keys::generate(tx, &template)).unwrap();
    house.left.store(2, Ordering::SeqCst);
    let leave = user.authorize(key, &Passphrase::from("user")).map(drop);
    house.left.store(0, Ordering::SeqCst);
    assert_eq!(leave, Err(Error::Store(StoreFault::Unavailable)));
}

#[test]
fn guesses_at_an_auditors_slot_are_delayed_and_disabled_as_at_a_users() {
    let (house, _) = House::new();
    let audit = Passphrase::from("audit");
    let secret = Credential::Passphrase(&audit);
    let number = house.officer().add_slot(&NewSlot { role: Role::Auditor, label: "", secret, cost: CHEAP });
    assert_eq!(number, Ok(2));
    for _ in 0..6 {
        assert_eq!(house.open(Role::Auditor, "guess").map(drop), Err(Error::Rejected));
    }
    assert_eq!(house.open(Role::Auditor, "audit").map(drop), Err(Error::UnlockNotBefore(1_000_030)));
    for _ in 6..20 {
        house.clock.advance(3600);
        assert_eq!(house.open(Role::Auditor, "guess").map(drop), Err(Error::Rejected));
    }
    house.clock.advance(3600);
    assert_eq!(house.open(Role::Auditor, "audit").map(drop), Err(Error::SlotDisabled));
}

#[test]
fn whatever_is_done_to_a_slot_is_told_to_the_journal_once() {
    use zamok_core::event::EventKind;
    let (house, user) = House::new();
    let officer = house.officer();
    let words = Passphrase::from("words");
    let secret = Credential::Passphrase(&words);
    let new = NewSlot { role: Role::User, label: "door", secret, cost: CHEAP };
    let number = officer.add_slot(&new).unwrap();
    officer.change_slot(number, &new).unwrap();
    officer.reset_slot(number).unwrap();
    officer.remove_slot(number).unwrap();
    user.integrate().unwrap();
    let told = user.read(|store, keyring| zamok_journal::Journal::new(store, keyring).range(0..u64::MAX));
    let told: Vec<_> = told.unwrap().iter().map(|entry| entry.leaf.kind).collect();
    for kind in [EventKind::SlotAdded, EventKind::SlotChanged, EventKind::SlotReset, EventKind::SlotRemoved] {
        assert_eq!(told.iter().filter(|found| **found == kind).count(), 1, "{kind:?} in {told:?}");
    }
}

#[test]
fn a_handle_that_is_open_learns_of_a_journal_key_that_another_made() {
    let (house, user) = House::new();
    house.officer().rotate(Family::Journal).unwrap();
    // Whoever comes in now writes under the newer key.
    drop(house.officer());
    house.clock.advance(rotation::LEARNED_WITHIN);
    user.integrate().unwrap();
    let report = user.read(zamok_journal::audit).unwrap();
    assert!(report.findings.is_empty() && report.waiting == 0, "{report:?}");
}

#[test]
fn entries_under_a_journal_key_that_a_handle_does_not_know_yet_are_not_taken_for_broken() {
    let (house, user) = House::new();
    user.integrate().unwrap();
    house.officer().rotate(Family::Journal).unwrap();
    drop(house.officer());
    user.integrate().unwrap();
    let waiting = user.store().scan(EntryId::TABLE, &Range::all(), 10, None).unwrap().rows;
    assert_eq!(waiting, [], "they wait until the handle has learned of the key by itself");
}

/// A token whose key could leave it.
struct Loose;

impl TokenKey for Loose {
    fn mac(&self, message: &[u8]) -> Result<Key32, Error> {
        Token([1; 32]).mac(message)
    }

    fn check(&self) -> Result<(), Error> {
        Err(Error::Token(zamok_core::error::TokenFault::KeyUnfit))
    }
}

#[test]
fn a_key_that_could_leave_its_token_guards_no_new_vault_and_no_new_slot() {
    let unfit = Error::Token(zamok_core::error::TokenFault::KeyUnfit);
    let store = Arc::new(MemoryStore::new());
    let options = Options { cost: CHEAP, ..Options::default() };
    let made = Vault::create(store.clone(), Credential::Token(&Loose), options).map(drop);
    assert_eq!(made, Err(unfit));
    assert!(store.scan(Table(1), &Range::all(), 1, None).unwrap().rows.is_empty());
    let (house, _) = House::new();
    let secret = Credential::Token(&Loose);
    let new = NewSlot { role: Role::User, label: "", secret, cost: CHEAP };
    assert_eq!(house.officer().add_slot(&new), Err(unfit));
}

#[test]
fn a_vault_has_so_many_slots_at_once_and_no_more() {
    let (house, _) = House::new();
    let officer = house.officer();
    let key = SecretKey::from([1; 32]);
    let new = NewSlot { role: Role::User, label: "", secret: Credential::Key(&key), cost: CHEAP };
    for number in 2..32 {
        assert_eq!(officer.add_slot(&new), Ok(number));
    }
    assert_eq!(officer.add_slot(&new), Err(Error::SlotsFull));
    officer.remove_slot(7).unwrap();
    assert_eq!(officer.add_slot(&new), Ok(32));
}

#[test]
fn keys_of_the_vault_are_ended_by_no_user() {
    let (house, user) = House::new();
    let officer = house.officer();
    for family in [Family::Data, Family::Index] {
        officer.rotate(family).unwrap();
    }
    house.clock.advance(SETTLED_AFTER);
    let refused = Error::Role(Role::User);
    for family in [Family::Data, Family::Index] {
        let ended = user.transact(|tx| rotation::retire(tx, family, DataKeyId(1)));
        assert_eq!(ended, Err(refused), "{family:?}");
    }
    assert_eq!(user.retire_index_keys().map(drop), Err(refused));
    assert_eq!(user.reindex(&mut |_| {}).map(drop), Err(refused));
    assert_eq!(officer.retire_index_keys().unwrap().retired, vec![DataKeyId(1)]);
}

#[test]
fn no_user_says_that_the_vault_leaves_its_store() {
    use zamok_core::vault::relocation::Relocation;
    let (house, user) = House::new();
    let to = || "sqlite:elsewhere.db".to_owned();
    for leaves in [Relocation::Leaving { to: to(), log: None }, Relocation::Left { to: to(), log: None }] {
        let said = user.transact(|tx| leaves.put(tx));
        assert_eq!(said, Err(Error::Role(Role::User)));
    }
    assert_eq!(house.open(Role::User, "user").map(drop), Ok(()));
}

#[test]
fn an_old_key_ends_ten_minutes_after_a_newer_one_was_made_and_not_a_second_earlier() {
    // The numbers of decision 20: all processes rely on each other in them.
    assert_eq!(rotation::LEARNED_WITHIN, 60);
    let (house, _) = House::new();
    let officer = house.officer();
    for family in [Family::Data, Family::Index] {
        officer.rotate(family).unwrap();
    }
    house.clock.advance(599);
    for family in [Family::Data, Family::Index] {
        let ended = officer.transact(|tx| rotation::retire(tx, family, DataKeyId(1)));
        assert_eq!(ended, Err(Error::DataKeyInUse(1)), "{family:?}");
    }
    assert!(officer.rewrap(&mut |_| {}).unwrap().retired.is_empty());
    assert!(officer.retire_index_keys().unwrap().retired.is_empty());
    house.clock.advance(1);
    assert_eq!(officer.rewrap(&mut |_| {}).unwrap().retired, vec![DataKeyId(1)]);
    assert_eq!(officer.retire_index_keys().unwrap().retired, vec![DataKeyId(1)]);
}

#[test]
fn that_keys_of_the_vault_begin_and_end_is_told_to_the_journal() {
    use zamok_core::event::EventKind;
    let (house, user) = House::new();
    let officer = house.officer();
    for family in [Family::Data, Family::Journal, Family::Index] {
        officer.rotate(family).unwrap();
    }
    house.clock.advance(SETTLED_AFTER);
    assert_eq!(officer.rewrap(&mut |_| {}).unwrap().retired.len(), 1);
    assert_eq!(officer.retire_index_keys().unwrap().retired.len(), 1);
    user.integrate().unwrap();
    let told = user.read(|store, keyring| zamok_journal::Journal::new(store, keyring).range(0..u64::MAX));
    let told: Vec<_> = told.unwrap().iter().map(|entry| entry.leaf.kind).collect();
    let count = |kind| told.iter().filter(|found| **found == kind).count();
    assert_eq!((count(EventKind::VaultKeyRotated), count(EventKind::VaultKeyRetired)), (3, 2), "{told:?}");
}

#[test]
fn a_vault_has_so_many_data_keys_at_once_and_no_more() {
    let (house, _) = House::new();
    let officer = house.officer();
    for number in 2..=64 {
        assert_eq!(officer.rotate(Family::Data), Ok(DataKeyId(number)));
    }
    let full = Error::TooLong { what: "the number of keys", given: 65, limit: 64 };
    assert_eq!(officer.rotate(Family::Data), Err(full));
    house.clock.advance(SETTLED_AFTER);
    assert_eq!(officer.rewrap(&mut |_| {}).unwrap().retired.len(), 63);
    assert_eq!(officer.rotate(Family::Data), Ok(DataKeyId(65)));
}

#[test]
fn a_key_that_another_handle_put_aside_is_not_put_back_behind_what_this_one_has_read() {
    let (house, vault) = House::new();
    let signer =
        vault.transact(|tx| signing::generate(tx, KeyKind::Ed25519, Purpose::Request, "", None)).unwrap();
    let record = RowKey::new(keys::KEYS, signer.0);
    let active = house.store.get(&record).unwrap().unwrap();
    let other = house.open(Role::User, "user").unwrap();
    other.transact(|tx| keys::change_state(tx, signer, KeyState::Suspended, "lost")).unwrap();
    // Read here, and never written here.
    let read = || vault.transact(|tx| keys::info(tx, signer)).map(|info| info.state);
    assert_eq!(read(), Ok(KeyState::Suspended));
    let mut gone = Change::new(ChangeId([1; 16]));
    gone.delete(record.clone(), 2).unwrap();
    let mut again = Change::new(ChangeId([2; 16]));
    again.insert(record, active.value).unwrap();
    for change in [gone, again] {
        assert_eq!(house.store.commit(&change), Ok(Outcome::Committed));
    }
    assert_eq!(read(), Err(Error::PutBack));
}
