//! An unlocked vault: the handle through which everything above reads and commits.

mod open;
mod options;
mod refusals;
#[cfg(all(test, target_os = "linux"))]
mod tests;

use std::fmt;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use zamok_core::store::{EntryId, RowKey, Store};
use zamok_core::vault::{Committed, DETAILS, Keyring, SUBJECTS, Transaction, Writer};
use zamok_core::{Env, Error, UnixTime};

pub use self::options::Options;
use self::refusals::Refusals;
use crate::clock::Clock;
use crate::random::{self, OsRandom};

/// An unlocked vault. Share it between threads in an [`Arc`].
///
/// **Time** never runs backwards within a handle: it stands still while the clock is behind what was last seen, and a
/// warning tells. A clock that had jumped far ahead is therefore followed by opening the vault again.
///
/// **Locking.** [`Vault::lock`] takes the keys away from later calls; a call under way finishes, and the keys are
/// wiped when the last one has. A locked handle stays locked: [`Vault::unlock`] gives a new one.
///
/// **Forking.** A forked child finds every inherited handle locked, and must unlock the vault for itself: it shares
/// neither keys nor journal chains with its parent.
pub struct Vault {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// The latest time that was seen, in seconds since 1970.
    floor: AtomicU64,
    origin: String,
    keyring: RwLock<Option<Arc<Keyring>>>,
    /// Journal chains that serve no commit now. One serves one commit at a time.
    writers: Mutex<Vec<Writer>>,
    refusals: Refusals,
    /// The process that unlocked it.
    pid: u32,
}

impl Vault {
    /// How often a commit is tried on fresh rows before [`Error::Busy`] (`CRYPTO.md` §4).
    pub const TRIES: u32 = 8;

    fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, keyring: Keyring, origin: String) -> Self {
        Self {
            store,
            clock,
            floor: AtomicU64::new(0),
            origin,
            keyring: RwLock::new(Some(Arc::new(keyring))),
            writers: Mutex::default(),
            refusals: Refusals::default(),
            pid: process::id(),
        }
    }

    /// Runs `f` over a transaction and commits what it leaves there: all of it, or nothing.
    ///
    /// When somebody else was faster on a row that `f` had read, it runs again on fresh rows and with a fresh
    /// [`Env`], at most [`Vault::TRIES`] times, so it must have no effect outside of its transaction. What it returns
    /// is given to the caller only after the commit. To try a conflict out, let `f` or the store stall.
    ///
    /// # Errors
    /// What `f` returned, and then nothing was committed; [`Error::Locked`] for a locked or inherited handle;
    /// [`Error::Busy`] when the rows kept changing or a counter of the change is full; [`Error::Randomness`]; a
    /// store's fault, after which nothing may be told to anyone.
    pub fn transact<T, E: From<Error>>(
        &self,
        mut f: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        random::catching(|| self.tries(&mut f))
    }

    fn tries<T, E: From<Error>>(
        &self,
        f: &mut dyn FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut random = OsRandom::of_an_open_vault();
        for attempt in 1..=Self::TRIES {
            let keyring = self.keyring()?;
            let mut env = Env { now: self.now(), rng: &mut random };
            let writer = self.take_writer(&mut env);
            let mut tx =
                Transaction::begin(&*self.store, &keyring, writer.clone(), env).with_tally(&self.refusals);
            let chain = tx.next_entry().writer;
            let outcome = match f(&mut tx) {
                Ok(outcome) => outcome,
                Err(error) => {
                    self.give_back(writer);
                    return Err(error);
                }
            };
            let pending = tx.prepare(outcome)?;
            if self.inherited() {
                // `f` has forked, and this is the child.
                return Err(Error::Locked.into());
            }
            match pending.commit()? {
                Committed::Done(outcome, advanced) => {
                    self.give_back(advanced);
                    tracing::trace!(attempt, "committed");
                    return Ok(outcome);
                }
                Committed::Conflict(row) => {
                    tracing::debug!(attempt, table = row.table.0, "somebody else was faster on a row");
                    // A conflict on an entry of its own means that the chain has a double, made by cloning a running
                    // machine: this one ends here, and another takes over.
                    if entry_writer(&row) != Some(chain) {
                        self.give_back(writer);
                    }
                    pause(attempt, &mut random);
                }
                Committed::Capped(_) => {
                    tracing::debug!("a counter of the change is full");
                    self.give_back(writer);
                    return Err(Error::Busy.into());
                }
            }
        }
        tracing::warn!(tries = Self::TRIES, "the same rows keep changing: nothing was done");
        Err(Error::Busy.into())
    }

    /// Reads from the store with the keys of the vault, outside of a transaction: nothing holds the rows still.
    ///
    /// # Errors
    /// What `f` returned; [`Error::Locked`] for a locked or inherited handle.
    pub fn read<T>(&self, f: impl FnOnce(&dyn Store, &Keyring) -> Result<T, Error>) -> Result<T, Error> {
        let keyring = self.keyring()?;
        f(&*self.store, &keyring)
    }

    /// Gives every waiting journal entry its place in the log's tree; answers how many leaves were added.
    ///
    /// Any number of threads and processes may call it: each batch is one commit, and those that come second go on
    /// where the first ended.
    ///
    /// # Errors
    /// [`Error::Refused`] when the tree or a writer's chain was altered: the log does not grow over it;
    /// [`Error::Busy`] when other integrators were faster all the time; [`Error::Locked`]; a store's fault.
    pub fn integrate(&self) -> Result<u64, Error> {
        let mut added = 0;
        let mut busy = 0;
        loop {
            match self.transact(|tx| zamok_journal::integrate(tx, zamok_journal::MAX_BATCH)) {
                Ok(batch) => {
                    busy = 0;
                    added += u64::try_from(batch.count).unwrap_or(u64::MAX);
                    if !batch.broken.is_empty() {
                        tracing::error!(writers = batch.broken.len(), "chains of journal entries are broken");
                    }
                    if !batch.more || batch.count == 0 {
                        return Ok(added);
                    }
                }
                Err(Error::Busy) if busy < Self::TRIES => busy += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The time, never earlier than this handle has told it before.
    pub fn now(&self) -> UnixTime {
        let now = self.clock.now();
        let latest = self.floor.fetch_max(now.0, Ordering::SeqCst);
        // Threads that read the same clock may well differ by a second.
        if now.0.saturating_add(1) < latest {
            tracing::warn!(
                behind = latest - now.0,
                "the clock was set back: time stands still until it catches up"
            );
        }
        now.max(UnixTime(latest))
    }

    /// The name of the journal's log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The store that holds the vault.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Takes the keys away: later calls answer [`Error::Locked`], and the keys are wiped once calls under way end.
    pub fn lock(&self) {
        // A child inherits no keys, but it may inherit a lock that nobody will ever release.
        if self.inherited() {
            return;
        }
        let keyring = self.keyring.write().unwrap_or_else(PoisonError::into_inner).take();
        self.idle_writers().clear();
        if keyring.is_some() {
            tracing::info!("the vault was locked");
        }
    }

    /// Whether the keys are gone: by [`Vault::lock`], or because this process was forked after unlocking.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.keyring().is_err()
    }

    fn inherited(&self) -> bool {
        self.pid != process::id()
    }

    fn keyring(&self) -> Result<Arc<Keyring>, Error> {
        // First of all: in a child, the locks below may be held by threads that it does not have.
        if self.inherited() {
            return Err(Error::Locked);
        }
        self.keyring.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Error::Locked)
    }

    fn idle_writers(&self) -> MutexGuard<'_, Vec<Writer>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_writer(&self, env: &mut Env<'_>) -> Writer {
        let idle = self.idle_writers().pop();
        idle.unwrap_or_else(|| Writer::new(self.origin.clone(), env))
    }

    fn give_back(&self, writer: Writer) {
        if !self.inherited() {
            self.idle_writers().push(writer);
        }
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("origin", &self.origin)
            .field("locked", &self.is_locked())
            .finish_non_exhaustive()
    }
}

/// The writer of the journal entry to which a row belongs, where it belongs to one.
fn entry_writer(row: &RowKey) -> Option<[u8; 16]> {
    // Each of these keys ends in the writer and eight bytes of its sequence.
    let id =
        [EntryId::TABLE, DETAILS, SUBJECTS].contains(&row.table).then(|| row.key.last_chunk::<24>())??;
    id.first_chunk().copied()
}

/// Steps aside after a conflict, for a random time that doubles: up to 0.1 ms at first, up to 6.4 ms at last.
fn pause(attempt: u32, random: &mut OsRandom) {
    use rand_core::Rng as _;
    let longest = 100_u64 << (attempt - 1).min(6);
    thread::sleep(Duration::from_micros(random.next_u64() % longest));
}
