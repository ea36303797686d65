//! An unlocked vault: the handle through which everything above reads and commits.

mod authorization;
mod bounded;
mod care;
mod filling;
mod freshness;
mod held;
pub(crate) mod idle;
mod journal;
mod kept;
mod learned;
mod open;
mod options;
mod refusals;
#[cfg(all(test, target_os = "linux"))]
mod tests;
mod turns;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use std::{fmt, mem};

use zamok_core::secret::SecretMemory;
use zamok_core::signature::Backend;
use zamok_core::store::{EntryId, RowKey, Store};
use zamok_core::vault::attempts::UnlockPolicy;
use zamok_core::vault::relocation::Relocation;
use zamok_core::vault::roles::Operation;
use zamok_core::vault::{
    Committed, DETAILS, KeyId, Keyring, Known, Role, SelfTests, Transaction, Writer, doors, rotation,
};
use zamok_core::{Env, Error, UnixTime};
use zamok_journal::Anchor;

pub use self::authorization::Authorization;
pub use self::care::{NewSlot, RetiredKeys, Rewrapped, SlotInfo};
use self::freshness::Newest;
use self::held::Held;
use self::idle::IdleLock;
use self::kept::KeptKeys;
use self::learned::Learned;
pub use self::options::{Freshness, Options};
use self::refusals::Refusals;
use self::turns::Turns;
use crate::clock::Clock;
use crate::memory::Birthplace;
use crate::random::{self, Draws};

/// An unlocked vault. Share it between threads in an [`Arc`].
///
/// **Time** never runs backwards within a handle: it stands still while the clock is behind what was last seen, and a
/// warning tells. A clock that had jumped far ahead is therefore followed by opening the vault again.
///
/// **Locking.** [`Vault::lock`] takes the keys away from later calls; a call under way finishes, and the keys are
/// wiped when the last one has. A locked handle stays locked: [`Vault::unlock`] gives a new one. The same happens by
/// itself after [`Options::idle`] without use.
///
/// **Keys that change.** When somebody rotates the vault's keys, every handle learns of it within a minute, or as soon
/// as it meets a row under a newer key. A handle whose slot was taken away is locked then, and so is one of a vault that
/// leaves its store.
///
/// **Forking.** A forked child finds every inherited handle locked, and must unlock the vault for itself: it shares
/// neither keys nor journal chains with its parent. A SQLite store has to be opened after the fork, and cannot be where it was open before.
pub struct Vault {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// The latest time that was seen, in seconds since 1970.
    floor: AtomicU64,
    origin: String,
    held: Arc<Held<Keyring, KeptKeys>>,
    memory: Arc<dyn SecretMemory>,
    /// When attempts at the slot of this handle are slowed down.
    policy: UnlockPolicy,
    /// When the keys were last compared with the store.
    learned: Learned,
    /// Where time steps before the opening count as spent.
    fence: Option<UnixTime>,
    /// When it last looked for writers of the journal to forget, in seconds since 1970.
    looked: AtomicU64,
    /// What remembers the journal's checkpoints elsewhere.
    anchor: Option<Arc<dyn Anchor>>,
    /// Whether that may know nothing yet.
    begins_anchor: bool,
    /// It takes the vault into or out of its store, in which it opens for nobody else.
    travels: bool,
    /// What it last wrote, or read, of how far the store has been filled, where it fills it.
    filling: Option<Mutex<Relocation>>,
    newest: Newest,
    /// Ends with the handle.
    _idle: Option<IdleLock>,
    /// Journal chains that serve no commit now. One serves one commit at a time.
    writers: Mutex<Vec<Resting>>,
    refusals: Refusals,
    turns: Turns,
    backend: Arc<dyn Backend>,
    self_tests: SelfTests,
    /// The process that unlocked it.
    birthplace: Birthplace,
}

impl Vault {
    /// How often a commit is tried on fresh rows before [`Error::Busy`] (`CRYPTO.md` §4).
    pub const TRIES: u32 = 8;

    fn new(store: Arc<dyn Store>, options: &Options, keyring: Keyring) -> Result<Self, Error> {
        let origin = doors::origin(&*store, &keyring)?;
        let policy = *options.policy(keyring.role());
        let held = Arc::new(Held::new(keyring, KeptKeys::new(options.memory.clone())));
        let idle = options.idle.map(|after| IdleLock::begin(&held, after)).transpose();
        let now = options.clock.now();
        let anchor = match &options.freshness {
            Freshness::Anchored(anchor) | Freshness::Beginning(anchor) => Some(anchor.clone()),
            Freshness::Trusting | Freshness::Fenced => None,
        };
        Ok(Self {
            store,
            clock: options.clock.clone(),
            backend: options.backend.clone(),
            self_tests: SelfTests::new(),
            floor: AtomicU64::new(0),
            looked: AtomicU64::new(0),
            origin,
            held,
            memory: options.memory.clone(),
            policy,
            learned: Learned::new(now),
            anchor,
            begins_anchor: matches!(options.freshness, Freshness::Beginning(_)),
            travels: false,
            filling: None,
            fence: matches!(options.freshness, Freshness::Fenced).then_some(now),
            newest: Newest::default(),
            _idle: idle.map_err(|error| {
                tracing::error!(%error, "no thread for the idle lock");
                Error::Locked
            })?,
            writers: Mutex::default(),
            refusals: Refusals::default(),
            turns: Turns::default(),
            birthplace: Birthplace::here(),
        })
    }

    /// Runs `f` over a transaction and commits what it leaves there: all of it, or nothing.
    ///
    /// When somebody else was faster on a row that `f` had read, it runs again on fresh rows and with a fresh
    /// [`Env`], at most [`Vault::TRIES`] times, so it must have no effect outside of its transaction. What it returns
    /// is given to the caller only after the commit. To try a conflict out, let `f` or the store stall.
    ///
    /// Threads that lost a race on a row take turns on it, so that any number of them on one row get through: that an
    /// attempt ends in [`Error::Busy`] takes writers in other processes. What `f` has only
    /// read, of more than one row, is looked at once more at the end: also a transaction that writes nothing, or
    /// fails, has seen its rows as one moment had them.
    ///
    /// # Errors
    /// What `f` returned, and then nothing was committed; [`Error::Locked`] for a locked or inherited handle;
    /// [`Error::Role`] in the hands of an auditor;
    /// [`Error::Busy`] when the rows kept changing; [`Error::Capped`] when a counter of the change is full;
    /// [`Error::Randomness`]; a store's fault, after which nothing may be told to anyone.
    pub fn transact<T, E: From<Error>>(
        &self,
        mut f: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.keyring()?.permit(Operation::Transact)?;
        self.commit(None, None, &mut f)
    }

    /// As [`Vault::transact`], for a call that takes several transactions over the same rows: what one of them has read, the next
    /// does not read again, unless it was changed meanwhile, as the commit then finds; and what was opened is not opened again.
    ///
    /// # Errors
    /// As [`Vault::transact`].
    pub fn transact_knowing<T, E: From<Error>>(
        &self,
        known: &mut Known,
        mut f: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.keyring()?.permit(Operation::Transact)?;
        self.commit(None, Some(known), &mut f)
    }

    /// As [`Vault::transact_knowing`], whatever the role.
    fn commit<T, E: From<Error>>(
        &self,
        authorized: Option<KeyId>,
        known: Option<&mut Known>,
        f: &mut dyn FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        random::catching(|| self.tries(authorized, known, f))
    }

    fn tries<T, E: From<Error>>(
        &self,
        authorized: Option<KeyId>,
        mut known: Option<&mut Known>,
        f: &mut dyn FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut random = Draws::of_an_open_vault();
        let mut lost = BTreeSet::new();
        let mut turns = Vec::new();
        for attempt in 1..=Self::TRIES {
            let now = self.now();
            let begun = self.learned.moment(now);
            let keyring = self.current(now)?;
            let mut env = Env { now, rng: &mut random };
            let resting = self.take_writer(&mut env);
            let mut tx = Transaction::begin(&*self.store, &keyring, resting.writer.clone(), env)
                .with_tally(&self.refusals)
                .with_freshness(&self.newest)
                .with_backend(&*self.backend)
                .with_cache(self.held.opened())
                .with_self_tests(&self.self_tests);
            if let Some(opened) = self.fence {
                tx = tx.with_fence(opened);
            }
            if let Some(known) = known.as_deref_mut() {
                tx = tx.knowing(mem::take(known));
            }
            if attempt > 1 {
                tx = tx.reading_anew();
            }
            if let Some(key) = authorized {
                tx = tx.with_authorization(key);
            }
            let chain = tx.next_entry().writer;
            let outcome = self.fills_still(&mut tx).map_err(E::from).and_then(|()| f(&mut tx));
            if let Some(known) = known.as_deref_mut() {
                *known = tx.take_known();
            }
            let outcome = match outcome {
                Ok(outcome) => outcome,
                Err(error) => {
                    self.give_back(resting);
                    if self.self_tests.failed() {
                        tracing::error!(backend = self.backend.name(), "a self-test failed");
                        self.lock();
                        return Err(error);
                    }
                    // Somebody has rotated: the row is read again with the keys of now.
                    if keyring.is_stale() && self.learn(&keyring)? {
                        continue;
                    }
                    match tx.changed() {
                        Ok(Some(row)) => {
                            lost.insert(row);
                            turns.clear();
                            turns = self.turns.wait_for(&lost);
                            continue;
                        }
                        _ => return Err(error),
                    }
                }
            };
            let pending = tx.prepare(outcome)?;
            if self.inherited() {
                // `f` has forked, and this is the child.
                return Err(Error::Locked.into());
            }
            if self.learned.moment(self.now()).since(begun) > rotation::LEARNED_WITHIN {
                // The keys may have come to their end while `f` ran.
                self.give_back(resting);
                continue;
            }
            if lost.is_empty() && attempt < Self::TRIES {
                // A newcomer. Where others take turns on a row of its change, they come first, and what was read will be
                // old then. Its own entries are rows that nobody else has.
                let rows = pending.rows().filter(|row| entry_writer(row).is_none());
                lost.extend(self.turns.taken(rows).into_iter().cloned());
                if !lost.is_empty() {
                    self.give_back(resting);
                    turns = self.turns.wait_for(&lost);
                    continue;
                }
            }
            match pending.commit()? {
                Committed::Done(outcome, advanced) => {
                    self.give_back(resting.after(advanced, now));
                    tracing::trace!(attempt, "committed");
                    return Ok(outcome);
                }
                Committed::Conflict(row) => {
                    tracing::debug!(attempt, table = row.table.0, "somebody else was faster on a row");
                    // A conflict on an entry of its own means that the chain has a double, made by cloning a running
                    // machine: this one ends here, and another takes over.
                    if entry_writer(&row) != Some(chain) {
                        self.give_back(resting);
                    }
                    // Nobody of this process was ahead of a caller that had its turn, or only newcomers were.
                    if !turns.is_empty() {
                        pause(attempt, &mut random);
                    }
                    lost.insert(row);
                    // The old turns end before the next are waited for.
                    turns.clear();
                    turns = self.turns.wait_for(&lost);
                }
                Committed::Capped(_) => {
                    tracing::debug!("a counter of the change is full");
                    self.give_back(resting);
                    return Err(Error::Capped.into());
                }
            }
        }
        tracing::warn!(tries = Self::TRIES, "the same rows keep changing: nothing was done");
        Err(Error::Busy.into())
    }

    /// Reads from the store with the keys of the vault, outside of a transaction: nothing holds the rows still.
    ///
    /// # Errors
    /// What `f` returned; [`Error::Locked`] for a locked or inherited handle; [`Error::Busy`] when somebody has rotated
    /// the keys just now: read again.
    pub fn read<T>(&self, f: impl FnOnce(&dyn Store, &Keyring) -> Result<T, Error>) -> Result<T, Error> {
        let keyring = self.current(self.now())?;
        f(&*self.store, &keyring).or_else(|error| {
            // Somebody has rotated: the next call reads with the keys of now.
            if keyring.is_stale() && self.learn(&keyring)? { Err(Error::Busy) } else { Err(error) }
        })
    }

    /// Who opened the vault.
    ///
    /// # Errors
    /// [`Error::Locked`].
    pub fn role(&self) -> Result<Role, Error> {
        Ok(self.keyring()?.role())
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
        let was_open = self.held.empty();
        self.idle_writers().clear();
        if was_open {
            tracing::info!("the vault was locked");
        }
    }

    /// Whether the keys are gone: by [`Vault::lock`], or because this process was forked after unlocking.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.keyring().is_err()
    }

    fn inherited(&self) -> bool {
        !self.birthplace.is_here()
    }

    fn keyring(&self) -> Result<Arc<Keyring>, Error> {
        // First of all: in a child, the locks below may be held by threads that it does not have.
        if self.inherited() {
            return Err(Error::Locked);
        }
        self.held.keys().ok_or(Error::Locked)
    }

    /// The keys, for a use of the vault.
    fn lent(&self) -> Result<Arc<Keyring>, Error> {
        if self.inherited() || idle::attends() {
            return self.keyring();
        }
        self.held.lend().ok_or(Error::Locked)
    }

    fn idle_writers(&self) -> MutexGuard<'_, Vec<Resting>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_writer(&self, env: &mut Env<'_>) -> Resting {
        let mut idle = self.idle_writers();
        // The journal forgets chains that rested for long; such a one is not gone on with.
        idle.retain(|resting| env.now.0.saturating_sub(resting.since.0) < zamok_journal::MAX_REST);
        let last = idle.pop();
        drop(idle);
        last.unwrap_or_else(|| Resting { since: env.now, writer: Writer::new(self.origin.clone(), env) })
    }

    fn give_back(&self, resting: Resting) {
        if !self.inherited() {
            self.idle_writers().push(resting);
        }
    }
}

/// A chain that serves no commit, and since when nothing was written in it.
struct Resting {
    writer: Writer,
    since: UnixTime,
}

impl Resting {
    /// The same after a commit, which may have written nothing in it.
    fn after(self, writer: Writer, now: UnixTime) -> Self {
        Self { since: if writer == self.writer { self.since } else { now }, writer }
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
    let id = match row.table {
        EntryId::TABLE => EntryId::of_row(&row.key),
        DETAILS => EntryId::from_bytes(&row.key),
        _ => None,
    };
    Some(id?.writer)
}

/// Steps aside after a conflict, for a random time that doubles: up to 0.1 ms at first, up to 6.4 ms at last.
fn pause(attempt: u32, random: &mut Draws) {
    use rand_core::Rng as _;
    let longest = 100_u64 << (attempt - 1).min(6);
    thread::sleep(Duration::from_micros(random.next_u64() % longest));
}
