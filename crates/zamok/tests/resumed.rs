//! Restores with a surviving journal that end before their end, at any commit, and go on (`CRYPTO.md` §5); restores and moves of which
//! two are under way.
#![allow(missing_docs, clippy::print_stdout)]

mod house;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use zamok::account::AccountState;
use zamok::backup::{BackupKey, JournalEnd, Replay, Surviving};
use zamok::{Clock, CoreError, Credential, Error, StoreUrl, UnixTime, Vault, Zamok};
use zamok_core::error::BackupFault;
use zamok_core::store::{RowKey, Store, StoreFault, Table};
use zamok_core::vault::relocation::FORMER_LEAVES;
use zamok_core::vault::{KeyState, keys, spend};
use zamok_store_conformance::Hooked;

use house::*;

/// A restore with a journal that ends after everything was taken in, and before anything was done again.
fn cut_short(target: Arc<dyn Store>, from: &Path, journal: Arc<dyn Store>, now: UnixTime) {
    let key = BackupKey::by_passphrase(opener(from).unwrap().header(), &backup_passphrase()).unwrap();
    let mut above = |_: &Arc<Vault>, _: &Surviving| Err(CoreError::Busy);
    let secret = auditor();
    let secret = Credential::Passphrase(&secret);
    let replay = Replay { store: journal, secret, end: JournalEnd::Vouched, above: &mut above };
    let (options, replay) = (options(now), Some(replay));
    let cut = Vault::restore_and_replay(
        target,
        &mut || opener(from),
        &key,
        &passphrase(),
        options,
        replay,
        &mut |_| {},
    );
    assert_eq!(cut.err(), Some(CoreError::Busy));
}

#[test]
fn a_restore_that_goes_on_without_the_journal_suspends_what_that_would_have_told() {
    let house = House::new();
    let file = house.backup("one.backup");
    live_on(&house);
    let now = house.clock.now();
    let House { folder, zamok, token, .. } = house;
    drop(zamok);
    let (old, new) = (sqlite(&folder.path().join("old.db")), sqlite(&folder.path().join("new.db")));
    cut_short(new.clone(), &file, old.clone(), now);
    let restored = restore(new, &file, now).unwrap();
    assert!(restored.resumed > 40);
    assert_eq!((restored.consequences.suspended, restored.consequences.fenced), (1, 1));
    let taken = takes(&restored.vault, token, 8);
    assert_eq!(taken, Err(CoreError::KeyState(KeyState::Suspended)), "it was spent after the backup");
    // And one that gets its journal late is told what it has to be.
    let other = sqlite(&folder.path().join("other.db"));
    cut_short(other.clone(), &file, old.clone(), now);
    let (restored, _) = restore_and_replay(other, &file, old, &auditor(), now).unwrap();
    assert_eq!(restored.consequences.suspended, 0);
    assert_eq!(takes(&restored.vault, token, 8), Ok(false));
    assert_eq!(takes(&restored.vault, token, 9), Ok(true));
}

/// A store that is lost after so many commits, or in which something else happens then.
fn failing(
    store: &Arc<dyn Store>,
    commits: Arc<AtomicU64>,
    then: Option<Box<dyn FnOnce() + Send>>,
) -> Arc<dyn Store> {
    let then = Mutex::new(then);
    Arc::new(Hooked::over(store.clone()).on_commit(move |store, change| {
        let one_less = |left: u64| left.checked_sub(1);
        if commits.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_err() {
            let then = then.lock().unwrap().take().ok_or(StoreFault::Unavailable)?;
            then();
            commits.store(u64::MAX, Ordering::SeqCst);
        }
        store.commit(change)
    }))
}

#[test]
fn a_replay_that_was_cut_short_adds_no_failures_a_second_time() {
    let house = House::new();
    let file = house.backup("one.backup");
    live_on(&house);
    let now = house.clock.now();
    let House { folder, zamok, token, .. } = house;
    drop(zamok);
    let old = sqlite(&folder.path().join("old.db"));
    let spent = |vault: &Vault| vault.transact(|tx| tx.state(&RowKey::new(spend::STATES, token.0))).unwrap();
    let begin = |inner: &Arc<dyn Store>, commits| {
        let left = Arc::new(AtomicU64::new(commits));
        let target = failing(inner, left.clone(), None);
        let done = restore_and_replay(target, &file, old.clone(), &auditor(), now);
        (done.map(|(restored, _)| restored), commits - left.load(Ordering::SeqCst))
    };
    let (whole, commits) = begin(&StoreUrl::Memory.create().unwrap(), 1 << 20);
    let expected = spent(&whole.unwrap().vault);
    // Among the last ones are those of each token, and what comes after them.
    for fewer in 1..=8 {
        let target = StoreUrl::Memory.create().unwrap();
        let (cut, _) = begin(&target, commits - fewer);
        assert_eq!(cut.err(), Some(CoreError::Store(StoreFault::Unavailable)), "{fewer}");
        match restore_and_replay(target, &file, old.clone(), &auditor(), now) {
            Ok((restored, _)) => assert_eq!(spent(&restored.vault), expected, "{fewer}"),
            // It had come to its end but for the journal's own work.
            Err(error) => assert_eq!((fewer, error), (1, CoreError::Backup(BackupFault::NotEmpty))),
        }
    }
}

/// How a vault comes into a store.
type Run = Arc<dyn Fn(Arc<dyn Store>) -> Result<Vault, CoreError> + Send + Sync>;

/// Cuts a run short after so many commits and lets it go on. Before its commit number `at` another comes to the end in the same
/// store, and the vault is used. Answers the store, and what came of the first; `None` once that is at its end by then.
fn overtaken(
    run: &Run,
    cut_after: u64,
    at: u64,
    uses: impl FnOnce(&Vault) + Send + 'static,
) -> Option<(Arc<dyn Store>, Result<(), CoreError>)> {
    let store = StoreUrl::Memory.create().unwrap();
    let cut = run(failing(&store, Arc::new(AtomicU64::new(cut_after)), None));
    assert_eq!(cut.err(), Some(CoreError::Store(StoreFault::Unavailable)));
    let is_in_service = Arc::new(AtomicBool::new(false));
    let (other, target, serves) = (run.clone(), store.clone(), is_in_service.clone());
    let then: Box<dyn FnOnce() + Send> = Box::new(move || match other(target) {
        Ok(vault) => {
            uses(&vault);
            serves.store(true, Ordering::SeqCst);
        }
        Err(error) => assert_eq!(error, CoreError::Backup(BackupFault::NotEmpty)),
    });
    let done = run(failing(&store, Arc::new(AtomicU64::new(at)), Some(then))).map(drop);
    if is_in_service.load(Ordering::SeqCst) {
        return Some((store, done));
    }
    assert_eq!(done, Ok(()));
    None
}

/// Late for a run that has begun, or before it has.
fn came_too_late(done: &Result<(), CoreError>) -> bool {
    matches!(done, Err(CoreError::Busy | CoreError::Backup(BackupFault::NotEmpty)))
}

#[test]
fn of_two_restores_into_one_store_one_goes_on_and_a_vault_in_service_keeps_what_it_has() {
    let house = House::new();
    // More than come in one commit.
    for number in 0..200_u16 {
        let _ = house.zamok.sign(&house.session, &number.to_be_bytes(), "more.txt").unwrap();
    }
    let file = house.backup("one.backup");
    let (now, token) = (house.clock.now(), house.token);
    let run: Run = Arc::new(move |target| restore(target, &file, now).map(|restored| restored.vault));
    let mut late = 0;
    for at in 0.. {
        let uses = move |vault: &Vault| {
            vault.transact(|tx| keys::change_state(tx, token, KeyState::Active, "it was found")).unwrap();
            assert_eq!(takes(vault, token, 9), Ok(true));
        };
        let Some((store, done)) = overtaken(&run, 4, at, uses) else { break };
        assert!(came_too_late(&done), "{at}: {done:?}");
        late += u32::from(done == Err(CoreError::Busy));
        let vault = Vault::unlock(store, &passphrase(), options(now)).unwrap();
        assert_eq!(takes(&vault, token, 9), Ok(false), "{at}: it was spent");
        assert_eq!(takes(&vault, token, 10), Ok(true), "{at}");
    }
    assert!(late >= 4, "{late}");
}

#[test]
fn of_two_moves_into_one_store_one_goes_on_and_a_vault_in_service_keeps_what_it_has() {
    let row = |name: u16| RowKey::new(Table(63), name.to_be_bytes());
    let mut late = 0;
    for at in 0.. {
        let old = StoreUrl::Memory.create().unwrap();
        let vault = Vault::create(old.clone(), &passphrase(), options(NOON)).unwrap();
        for first in [0, 100, 200, 300] {
            let write = |name| (row(name), b"old");
            let rows = (first..first + 100).map(write);
            let put = |tx: &mut zamok::keys::Transaction<'_>| {
                rows.clone().try_for_each(|(row, body)| tx.put_state(&row, body))
            };
            vault.transact(put).unwrap();
        }
        drop(vault);
        let run: Run = Arc::new(move |target| {
            let secret = passphrase();
            let moved =
                Vault::relocate(old.clone(), target, "sqlite:new.db", &secret, options(NOON), &mut |_| {});
            moved.map(|moved| moved.vault)
        });
        let uses = move |vault: &Vault| vault.transact(|tx| tx.put_state(&row(0), b"new")).unwrap();
        let Some((store, done)) = overtaken(&run, 4, at, uses) else { break };
        assert!(came_too_late(&done), "{at}: {done:?}");
        late += u32::from(done == Err(CoreError::Busy));
        let vault = Vault::unlock(store, &passphrase(), options(NOON)).unwrap();
        assert_eq!(vault.transact(|tx| tx.state(&row(0))), Ok(Some(b"new".to_vec())), "{at}");
    }
    assert!(late >= 4, "{late}");
}

#[test]
fn what_is_done_again_above_a_vault_ends_with_the_run_that_does_it() {
    let house = House::new();
    let file = house.backup("one.backup");
    live_on(&house);
    let now = house.clock.now();
    let House { folder, zamok, .. } = house;
    drop(zamok);
    let target = StoreUrl::Memory.create().unwrap();
    let row = RowKey::new(Table(63), *b"name");
    let mut above = |vault: &Arc<Vault>, _: &Surviving| {
        drop(restore(target.clone(), &file, now).unwrap());
        vault.transact(|tx| tx.put_state(&row, b"late"))
    };
    let (secret, journal) = (auditor(), sqlite(&folder.path().join("old.db")));
    let secret = Credential::Passphrase(&secret);
    let replay = Replay { store: journal, secret, end: JournalEnd::Vouched, above: &mut above };
    let key = BackupKey::by_passphrase(opener(&file).unwrap().header(), &backup_passphrase()).unwrap();
    let (mut open, options) = (|| opener(&file), options(now));
    let done = Vault::restore_and_replay(
        target.clone(),
        &mut open,
        &key,
        &passphrase(),
        options.clone(),
        Some(replay),
        &mut |_| {},
    );
    assert_eq!(done.err(), Some(CoreError::Busy));
    let vault = Vault::unlock(target, &passphrase(), options).unwrap();
    assert_eq!(vault.transact(|tx| tx.state(&row)), Ok(None));
}

#[test]
fn a_process_that_restores_and_replays() {
    let Ok(folder) = std::env::var("ZAMOK_FORMER_FOLDER") else { return };
    let folder = PathBuf::from(folder);
    let now = UnixTime(std::env::var("ZAMOK_FORMER_NOW").unwrap().parse().unwrap());
    let (file, old, new) = (folder.join("one.backup"), folder.join("old.db"), folder.join("new.db"));
    drop(restore_and_replay(sqlite(&new), &file, sqlite(&old), &auditor(), now).unwrap());
}

#[test]
fn a_replay_that_is_killed_at_any_commit_goes_on_and_ends_as_one_that_was_not() {
    let house = House::new();
    house.backup("one.backup");
    let leaked = live_on(&house);
    let now = house.clock.now();
    let House { folder, zamok, token, .. } = house;
    drop(zamok);
    let mut kills = 0;
    for round in 0.. {
        let point = ["before-commit", "after-commit", "between-writes"][round % 3];
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "a_process_that_restores_and_replays"]);
        child.env("ZAMOK_FORMER_FOLDER", folder.path()).env("ZAMOK_FORMER_NOW", now.0.to_string());
        // Further on each time, so that the last steps are met as well.
        child.env("ZAMOK_FAILPOINT", format!("{point}:{}", 1 + round));
        let output = child.output().unwrap();
        if output.status.success() {
            break;
        }
        assert_eq!(output.status.code(), None, "{}", String::from_utf8_lossy(&output.stdout));
        kills += 1;
        assert!(kills < 200, "it never comes to its end");
        let new = folder.path().join("new.db");
        if let Ok(store) = StoreUrl::Sqlite(new).open() {
            let found = Zamok::open_in(store, &passphrase(), options(now));
            assert!(found.is_err() || round > 5, "it opened before everything was done again");
        }
    }
    println!("{kills} kills");
    assert!(kills >= 5, "{kills}");
    let zamok = open(&folder.path().join("new.db"), now);
    // Failures were added once, however often it was begun.
    let (old, other) = (folder.path().join("old.db"), sqlite(&folder.path().join("other.db")));
    let file = folder.path().join("one.backup");
    let (whole, _) = restore_and_replay(other, &file, sqlite(&old), &auditor(), now).unwrap();
    let spent = |vault: &Vault| vault.transact(|tx| tx.state(&RowKey::new(spend::STATES, token.0))).unwrap();
    assert_eq!(spent(zamok.vault()), spent(&whole.vault));
    assert_eq!(takes(zamok.vault(), token, 8), Ok(false));
    assert_eq!(takes(zamok.vault(), token, 9), Ok(true));
    assert_eq!(zamok.account_by_login("olga").err(), Some(Error::Core(CoreError::Rejected)));
    assert_eq!(zamok.account_by_login("boris").unwrap().state, AccountState::Suspended);
    let state = zamok.vault().transact(|tx| keys::info(tx, leaked)).unwrap().state;
    assert_eq!(state, KeyState::Compromised);
    assert!(count(&**zamok.vault().store(), FORMER_LEAVES) > 40);
    is_sound(&zamok);
}
