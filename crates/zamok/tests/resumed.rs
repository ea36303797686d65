//! Restores with a surviving journal that end before their end, at any commit, and go on (`CRYPTO.md` §5).
#![allow(missing_docs, clippy::print_stdout)]

mod house;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use zamok::account::AccountState;
use zamok::backup::{BackupKey, JournalEnd, Replay, Surviving};
use zamok::{Clock, CoreError, Credential, Error, StoreUrl, UnixTime, Vault, Zamok};
use zamok_core::error::BackupFault;
use zamok_core::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, Outcome, Page, Range, Resolution, Row, RowKey, Store,
    StoreFault, Table,
};
use zamok_core::vault::relocation::FORMER_LEAVES;
use zamok_core::vault::{KeyState, keys, spend};

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

/// A store that is lost after so many commits.
struct Failing {
    inner: Arc<dyn Store>,
    left: AtomicU64,
}

impl Store for Failing {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        self.inner.get(key)
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, StoreFault> {
        self.inner.scan(table, range, limit, after)
    }

    fn commit(&self, change: &Change) -> Result<Outcome, StoreFault> {
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => self.inner.commit(change),
            Err(_) => Err(StoreFault::Unavailable),
        }
    }

    fn resolve(&self, id: ChangeId) -> Result<Resolution, StoreFault> {
        self.inner.resolve(id)
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        self.inner.counter(key)
    }
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
        let target = Arc::new(Failing { inner: inner.clone(), left: AtomicU64::new(commits) });
        let done = restore_and_replay(target.clone(), &file, old.clone(), &auditor(), now);
        (done.map(|(restored, _)| restored), commits - target.left.load(Ordering::SeqCst))
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
