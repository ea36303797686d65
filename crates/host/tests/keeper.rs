//! A thread that keeps the journal: what it does by itself, beside others, with an idle lock, and when it is hindered.

#[allow(dead_code)]
mod scene;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use scene::{increment, options, row, vault_over};
use zamok_core::Error;
use zamok_core::store::MemoryStore;
use zamok_host::{Cadence, Cosigned, Cosigners, Freshness, Keeper, Keeping, Options, Passphrase, Vault};
use zamok_journal::{Anchor, Checkpoint, SignedCheckpoint, audit};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn fast() -> Cadence {
    let every = Duration::from_millis(5);
    Cadence { integrate: every, checkpoint: every, witness: every }
}

/// Waits until the keeper says so.
fn until(keeper: &Keeper, wanted: impl Fn(&Keeping) -> bool) -> Keeping {
    let begun = Instant::now();
    let mut keeping = keeper.keeping();
    while !wanted(&keeping) {
        assert!(begun.elapsed() < PATIENCE, "{keeping:?}");
        keeping = keeper.changed(&keeping, Duration::from_millis(50));
    }
    keeping
}

/// Cosigns whatever it is asked, or too little.
#[derive(Debug, Default)]
struct Obliging {
    asked: AtomicU64,
    refuses: bool,
}

impl Cosigners for Obliging {
    fn cosign(&self, vault: &Vault) -> Result<Cosigned, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let size = vault.checkpoint()?.checkpoint().size;
        let refusals = if self.refuses { vec!["w1 is asleep".to_owned()] } else { Vec::new() };
        Ok(Cosigned { size, witnesses: usize::from(!self.refuses), is_quorum: !self.refuses, refusals })
    }
}

#[test]
fn whatever_happens_is_integrated_signed_and_witnessed_without_being_asked_for() {
    let vault = Arc::new(vault_over(Arc::new(MemoryStore::new()), options()));
    let cosigners = Arc::new(Obliging::default());
    let keepers = [
        Keeper::start(vault.clone(), fast(), Some(cosigners.clone())).unwrap(),
        Keeper::start(vault.clone(), fast(), None).unwrap(),
    ];
    thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            let vault = &vault;
            scope.spawn(move || {
                for _ in 0..50 {
                    vault.transact(|tx| increment(tx, &row(name))).unwrap();
                }
            });
        }
    });
    let size = vault.read(audit).unwrap();
    let size = size.leaves + size.waiting;
    until(&keepers[0], |keeping| keeping.witnessed.is_some_and(|(witnessed, _)| witnessed >= size));
    assert!(cosigners.asked.load(Ordering::SeqCst) > 0);
    // What came last is signed before it ends.
    vault.transact(|tx| increment(tx, &row("last"))).unwrap();
    for keeper in keepers {
        let last = keeper.stop();
        assert!(last.ended && last.hindered.is_none() && last.size > size, "{last:?}");
        assert_eq!(last.signed.map(|(signed, _)| signed), Some(last.size));
    }
    let report = vault.read(audit).unwrap();
    assert!(report.is_clean() && report.waiting == 0 && report.leaves > size, "{report:?}");
}

#[test]
fn keeping_is_no_use_of_the_vault_and_a_locked_vault_ends_it() {
    let options = Options { idle: Some(Duration::from_secs(2)), ..options() };
    let vault = Arc::new(vault_over(Arc::new(MemoryStore::new()), options));
    let keeper = Keeper::start(vault.clone(), fast(), None).unwrap();
    let keeping = until(&keeper, |keeping| keeping.ended);
    assert!(vault.is_locked(), "nobody has used it");
    assert_eq!(keeping.hindered.map(|(_, error)| error), Some(Error::Locked));
    // A use keeps it open, beside a keeper as without one.
    assert!(matches!(vault.transact(|tx| increment(tx, &row("a"))), Err(Error::Locked)));
}

/// An anchor that cannot be reached for a while.
#[derive(Debug, Default)]
struct Moody {
    quiet: AtomicU64,
    kept: Mutex<Option<Checkpoint>>,
}

impl Anchor for Moody {
    fn last(&self, _: &str) -> Result<Option<Checkpoint>, Error> {
        match self.quiet.load(Ordering::SeqCst) {
            0 => Ok(self.kept.lock().unwrap().clone()),
            _ => Err(Error::Store(zamok_core::store::StoreFault::Unavailable)),
        }
    }

    fn keep(&self, signed: &SignedCheckpoint) -> Result<(), Error> {
        *self.kept.lock().unwrap() = Some(signed.checkpoint().clone());
        Ok(())
    }
}

#[test]
fn what_hinders_it_is_told_and_forgotten_when_it_is_over() {
    let anchor = Arc::new(Moody::default());
    let options = Options { freshness: Freshness::Anchored(anchor.clone()), ..options() };
    let vault = Arc::new(vault_over(Arc::new(MemoryStore::new()), options));
    anchor.quiet.store(1, Ordering::SeqCst);
    let refusing = Arc::new(Obliging { refuses: true, ..Obliging::default() });
    let keeper = Keeper::start(vault.clone(), fast(), None).unwrap();
    let unreachable = Error::Store(zamok_core::store::StoreFault::Unavailable);
    until(&keeper, |keeping| keeping.hindered.map(|(_, error)| error) == Some(unreachable));
    anchor.quiet.store(0, Ordering::SeqCst);
    until(&keeper, |keeping| keeping.hindered.is_none() && keeping.signed.is_some());
    drop(keeper.stop());
    let keeper = Keeper::start(vault, fast(), Some(refusing)).unwrap();
    let keeping = until(&keeper, |keeping| !keeping.refusals.is_empty() && keeping.hindered.is_some());
    assert_eq!(keeping.hindered.map(|(_, error)| error), Some(Error::Unwitnessed));
    assert_eq!((keeping.refusals, keeping.witnessed), (vec!["w1 is asleep".to_owned()], None));
}

#[test]
fn a_vault_that_asks_for_an_anchor_opens_with_none_for_nobody() {
    let store = Arc::new(MemoryStore::new());
    let vault = vault_over(store.clone(), options());
    assert_eq!(vault.require_anchor(), Err(Error::AnchorMissing), "whoever has none cannot ask for one");
    drop(vault);
    let passphrase = Passphrase::from("a long sentence");
    let anchor = Arc::new(Moody::default());
    let anchored = || Options { freshness: Freshness::Anchored(anchor.clone()), ..options() };
    let vault = Vault::unlock(store.clone(), &passphrase, anchored()).unwrap();
    assert_eq!(vault.anchoring(), Ok((true, false)));
    vault.require_anchor().unwrap();
    vault.require_anchor().unwrap();
    drop(vault);
    assert!(matches!(Vault::unlock(store.clone(), &passphrase, options()), Err(Error::AnchorMissing)));
    let fenced = Options { freshness: Freshness::Fenced, ..options() };
    assert!(matches!(Vault::unlock(store.clone(), &passphrase, fenced), Err(Error::AnchorMissing)));
    let vault = Vault::unlock(store, &passphrase, anchored()).unwrap();
    assert_eq!(vault.anchoring(), Ok((true, true)));
    vault.integrate().unwrap();
    assert!(vault.read(audit).unwrap().is_clean());
}
