//! One commit in the making: what was read, what will be written, what the journal will say.
//!
//! Nothing below the caller commits. Vault operations and the cabinet's transitions are functions over a
//! [`Transaction`]: they read rows through it, which makes every row that was looked at an expectation, and leave
//! their writes and events in it. [`Transaction::prepare`] closes it into a [`Pending`], whose outcome nobody can see
//! before [`Pending::commit`]. On a conflict all of it is dropped and run again on fresh rows.

mod events;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::cache::KeyCache;
use super::chain::Writer;
use super::freshness::{Freshness, Tally, is_remembered};
use super::keyring::{Keyring, Opened};
use super::keys::KeyId;
use super::known::Known;
use super::life::{Life, life};
use super::pending::{Pending, Step};
use super::place::Place;
use super::self_tests::SelfTests;
use crate::env::{Env, UnixTime};
use crate::error::Error;
use crate::mechanism::Mechanism;
use crate::signature::{Algorithm, Backend, Portable, Signer};
use crate::store::{Change, ChangeId, CounterKey, Expect, Row, RowKey, Store};

pub use events::DETAILS;
use events::Event;

/// A commit in the making.
pub struct Transaction<'a> {
    store: &'a dyn Store,
    keyring: &'a Keyring,
    env: Env<'a>,
    writer: Writer,
    id: ChangeId,
    rows: BTreeMap<RowKey, Seen>,
    known: Known,
    /// What is known goes on to another transaction.
    handed_on: bool,
    /// That one decides.
    prepares: bool,
    sums: Vec<(CounterKey, u64, u64)>,
    /// In the order in which their entries will be appended.
    events: Vec<Event>,
    tally: Option<&'a dyn Tally>,
    backend: &'a dyn Backend,
    cache: Option<&'a dyn KeyCache>,
    tests: Option<&'a SelfTests>,
    authorized: Option<KeyId>,
    freshness: Option<&'a dyn Freshness>,
    fence: Option<UnixTime>,
    /// Every row is read from the store.
    anew: bool,
}

/// A row as the transaction knows it.
struct Seen {
    /// `None`: only looked at. `Some(None)`: deleted. `Some(Some(_))`: put.
    written: Option<Option<Row>>,
    original: Option<Arc<Row>>,
    /// It was not read: this process knew it, and has made it or opened it.
    guessed: bool,
}

impl Seen {
    /// The row as it was found: what the commit expects.
    fn read(&self) -> Expect {
        self.original.as_ref().map_or(Expect::Absent, |row| Expect::Version(row.version))
    }

    /// The revision in which the commit leaves it.
    fn revision(&self) -> u64 {
        match (&self.written, self.read()) {
            (Some(_), read) => read.next_version(),
            (None, Expect::Version(version)) => version,
            (None, Expect::Absent) => 0,
        }
    }

    /// The row as this transaction leaves it.
    fn row(&self) -> Option<&Row> {
        match &self.written {
            None => self.original.as_deref(),
            Some(written) => written.as_ref(),
        }
    }

    fn put(&mut self, value: Vec<u8>) {
        self.written = Some(Some(Row { version: self.read().next_version(), value }));
    }
}

impl core::fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Transaction")
            .field("id", &self.id)
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Transaction<'a> {
    /// Begins a commit over a store, with the keys of its vault and a chain that serves nobody else meanwhile.
    #[must_use]
    pub fn begin(store: &'a dyn Store, keyring: &'a Keyring, writer: Writer, mut env: Env<'a>) -> Self {
        let id = ChangeId(env.random());
        let (rows, sums, events) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self {
            store,
            keyring,
            env,
            writer,
            id,
            rows,
            known: Known::default(),
            handed_on: false,
            prepares: false,
            sums,
            events,
            tally: None,
            backend: &Portable,
            cache: None,
            tests: None,
            authorized: None,
            freshness: None,
            fence: None,
            anew: false,
        }
    }

    /// Counts refusals there; without a tally each counts as one.
    #[must_use]
    pub fn with_tally(mut self, tally: &'a dyn Tally) -> Self {
        self.tally = Some(tally);
        self
    }

    /// Computes signatures there, as far as that back end does; the portable code does the rest.
    #[must_use]
    pub fn with_backend(mut self, backend: &'a dyn Backend) -> Self {
        self.backend = backend;
        self
    }

    /// Keeps opened keys and what is spent of them there; without a cache each use reads and opens them again.
    #[must_use]
    pub fn with_cache(mut self, cache: &'a dyn KeyCache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Takes no row from the cache: for an attempt that comes after a conflict.
    #[must_use]
    pub fn reading_anew(mut self) -> Self {
        self.anew = true;
        self
    }

    /// Takes rows that are known for what they were: they are not read, and their versions are expected as if they had been. What
    /// was opened is not opened again. See [`Transaction::take_known`].
    #[must_use]
    pub fn knowing(mut self, known: Known) -> Self {
        (self.known, self.handed_on) = (known, true);
        self
    }

    /// What is read here only prepares another transaction of the same call, which is given what is known and decides: where this
    /// one succeeds and writes nothing, its rows are not looked at once more at its end. Whatever of them was not so, or not all at
    /// one moment, the other one finds: what it takes from here its commit expects, or it reads it before its end. Without
    /// [`Transaction::knowing`] this says nothing.
    pub const fn prepare_another(&mut self) {
        self.prepares = true;
    }

    /// What was opened and authenticated so far, for another transaction of the same call.
    pub fn take_known(&mut self) -> Known {
        core::mem::take(&mut self.known)
    }

    /// Tries each mechanism there before its first use.
    #[must_use]
    pub fn with_self_tests(mut self, tests: &'a SelfTests) -> Self {
        self.tests = Some(tests);
        self
    }

    /// Lets one use of one key that asks for an authorisation of its own pass. For the edges, which have just checked the
    /// secret that it takes.
    #[must_use]
    pub fn with_authorization(mut self, key: KeyId) -> Self {
        self.authorized = Some(key);
        self
    }

    pub(super) fn spend_authorization(&mut self, key: KeyId) -> bool {
        self.authorized.take_if(|authorized| *authorized == key).is_some()
    }

    pub(super) const fn backend(&self) -> &'a dyn Backend {
        self.backend
    }

    pub(super) const fn cache(&self) -> Option<&'a dyn KeyCache> {
        self.cache
    }

    pub(super) fn self_test(&self, mechanism: Mechanism) -> Result<(), Error> {
        self.tests.map_or(Ok(()), |tests| tests.pass(mechanism, self.backend))
    }

    pub(super) fn signer(&self, algorithm: Algorithm, material: &[u8]) -> Result<Box<dyn Signer>, Error> {
        let own = self.backend.signer(algorithm, material);
        own.or_else(|| Portable.signer(algorithm, material)).ok_or(Error::KeyUnsupported)?
    }

    /// Refuses rows that are older than what is remembered there.
    #[must_use]
    pub fn with_freshness(mut self, freshness: &'a dyn Freshness) -> Self {
        self.freshness = Some(freshness);
        self
    }

    /// Takes no time step that began before this time, or within the window of it, for unspent: without a confirmed
    /// anchor nobody knows what was spent before the vault was opened (`CRYPTO.md` §1 (e)).
    #[must_use]
    pub fn with_fence(mut self, opened: UnixTime) -> Self {
        self.fence = Some(opened);
        self
    }

    /// The time up to which time steps count as spent.
    #[must_use]
    pub const fn fence(&self) -> Option<UnixTime> {
        self.fence
    }

    /// Counts an attempt that was refused unseen at this row; answers how many the journal has not been told of.
    pub fn count_refusal(&self, row: &RowKey) -> u64 {
        self.tally.map_or(1, |tally| tally.count(row))
    }

    /// The journal is told in this transaction. When it loses a race, the few that were counted are lost to the
    /// summary; the attempts themselves were refused all the same.
    pub fn forget_refusals(&self, row: &RowKey) {
        if let Some(tally) = self.tally {
            tally.forget(row);
        }
    }

    /// The time of this commit.
    #[must_use]
    pub const fn now(&self) -> UnixTime {
        self.env.now
    }

    /// Time and randomness.
    pub fn env(&mut self) -> Env<'_> {
        self.env.lend()
    }

    /// The keys of the vault.
    #[must_use]
    pub const fn keyring(&self) -> &Keyring {
        self.keyring
    }

    /// The store, for scans: what a scan shows is a hint, and binds nothing until the row itself is read.
    #[must_use]
    pub const fn store(&self) -> &dyn Store {
        self.store
    }

    fn seen(&mut self, key: &RowKey) -> Result<&mut Seen, Error> {
        self.seen_or(key, |_| None)
    }

    /// What is known of a row; where nothing is, `guess` may know it, else the store is asked.
    fn seen_or(
        &mut self,
        key: &RowKey,
        guess: impl FnOnce(&dyn KeyCache) -> Option<Arc<Row>>,
    ) -> Result<&mut Seen, Error> {
        if !self.rows.contains_key(key) {
            let freshness = self.freshness.filter(|_| is_remembered(key.table));
            // Asked before the store is: others may go on meanwhile.
            let newest = freshness.map_or(0, |freshness| freshness.newest(key));
            let known = || self.cache.and_then(guess).map(Some).or_else(|| self.known.row(key));
            let is_new = |row: &Option<Arc<Row>>| row.as_ref().map_or(0, |row| row.version) >= newest;
            let guess = if self.anew { None } else { known().filter(is_new) };
            let guessed = guess.is_some();
            let original = match guess {
                Some(known) => known,
                None => self.store.get(key)?.map(Arc::new),
            };
            if let (Some(freshness), Some(row)) = (freshness, &original) {
                match row.version.cmp(&newest) {
                    Ordering::Less => return Err(Error::PutBack),
                    Ordering::Greater => freshness.note(key, row.version),
                    Ordering::Equal => {}
                }
            }
            let seen = Seen { written: None, original, guessed };
            return Ok(self.rows.entry(key.clone()).or_insert(seen));
        }
        Ok(self.rows.get_mut(key).expect("it is there"))
    }

    /// A row as the store has it, where this transaction has not written it. The commit expects what was found. `kept` is
    /// what is known of it, perhaps.
    pub(super) fn unwritten(
        &mut self,
        key: &RowKey,
        kept: Option<&Arc<Row>>,
    ) -> Result<Option<Arc<Row>>, Error> {
        let seen = self.seen_or(key, |_| kept.cloned())?;
        Ok(if seen.written.is_none() { seen.original.clone() } else { None })
    }

    /// The sealed record in a row, or `None` where there is none. The commit expects what was found. It is opened once, however
    /// often it is asked for.
    ///
    /// # Errors
    /// [`Error::Refused`] for a row that does not belong there; a store's fault.
    pub fn record(&mut self, key: &RowKey) -> Result<Option<Arc<Opened>>, Error> {
        self.seen(key)?;
        let seen = self.rows.get(key).expect("it was just looked at");
        match (&seen.written, &seen.original) {
            (None, None) | (Some(None), _) => Ok(None),
            (None, Some(row)) => self.known.open(self.keyring, key, row).map(Some),
            (Some(Some(row)), _) => self.keyring.open(key, row).map(Arc::new).map(Some),
        }
    }

    /// The same, opened once more whether it is known or not: where somebody may measure how long it takes, what is there and what
    /// is not are to take the same time.
    ///
    /// # Errors
    /// As [`Transaction::record`].
    pub fn record_anew(&mut self, key: &RowKey) -> Result<Option<Arc<Opened>>, Error> {
        let keyring = self.keyring;
        self.seen(key)?.row().map(|row| keyring.open(key, row).map(Arc::new)).transpose()
    }

    pub(super) const fn known(&mut self) -> &mut Known {
        &mut self.known
    }

    /// Seals a record into a row, new or read before.
    ///
    /// # Errors
    /// [`Error::TooLong`] beyond the limits of a row; a store's fault.
    pub fn put_record(&mut self, key: &RowKey, attributes: &[u8], body: &[u8]) -> Result<(), Error> {
        let revision = self.seen(key)?.read().next_version();
        let place = Place { row: key, revision, attributes };
        let sealed = self.keyring.seal(&place, body, &mut self.env)?;
        self.seen(key)?.put(sealed);
        Ok(())
    }

    /// The body of an authenticated state row, or `None` where there is none or it was emptied. The commit expects what
    /// was found.
    ///
    /// # Errors
    /// [`Error::Refused`] for a row that does not belong there; a store's fault.
    pub fn state(&mut self, key: &RowKey) -> Result<Option<Vec<u8>>, Error> {
        let (keyring, handed_on) = (self.keyring, self.handed_on);
        let kept = is_remembered(key.table);
        let seen = self.seen_or(key, |cache| if kept { cache.row(key) } else { None })?;
        let Some(row) = seen.row() else {
            if handed_on && seen.written.is_none() {
                self.known.missing(key);
            }
            return Ok(None);
        };
        if seen.guessed && seen.written.is_none() {
            // What this process made and committed, or has authenticated in this call, has the MAC that was looked at then.
            let body = keyring.recognise(key, row)?.to_vec();
            return Ok(Some(body).filter(|body| !body.is_empty()));
        }
        let body = keyring.verify(key, row)?.to_vec();
        if let (None, Some(row), true) = (&seen.written, &seen.original, handed_on) {
            let row = row.clone();
            self.known.authenticated(key, row);
        }
        Ok(Some(body).filter(|body| !body.is_empty()))
    }

    /// Writes an authenticated state row, new or read before.
    ///
    /// # Errors
    /// [`Error::TooLong`] beyond the limits of a row; a store's fault.
    pub fn put_state(&mut self, key: &RowKey, body: &[u8]) -> Result<(), Error> {
        let keyring = self.keyring;
        let seen = self.seen(key)?;
        let place = Place { row: key, revision: seen.read().next_version(), attributes: body };
        seen.put(keyring.authenticate(&place)?);
        Ok(())
    }

    /// A row that carries its own proof (a journal entry, a tree hash), or `None`. The commit expects what was found.
    ///
    /// # Errors
    /// A store's fault.
    pub fn plain(&mut self, key: &RowKey) -> Result<Option<Row>, Error> {
        Ok(self.seen(key)?.row().cloned())
    }

    /// As [`Transaction::plain`], for a row of which a read of the store has just shown how it is, or that there is none: it is not read
    /// once more. The commit expects what was shown, and an attempt after a conflict reads ([`Transaction::reading_anew`]).
    ///
    /// # Errors
    /// A store's fault.
    pub fn plain_as_shown(&mut self, key: &RowKey, shown: Option<Row>) -> Result<Option<Row>, Error> {
        if !self.anew && !self.rows.contains_key(key) {
            let seen = Seen { written: None, original: shown.map(Arc::new), guessed: true };
            self.rows.insert(key.clone(), seen);
        }
        self.plain(key)
    }

    /// Supposes that there is no such row, without asking: for one under an id that was drawn for it in this transaction. The
    /// commit expects that there is none, and an attempt after a conflict reads ([`Transaction::reading_anew`]). Rows whose
    /// newest revisions this process remembers are read all the same.
    pub fn suppose_new(&mut self, key: &RowKey) {
        if !self.anew && !is_remembered(key.table) && !self.rows.contains_key(key) {
            self.rows.insert(key.clone(), Seen { written: None, original: None, guessed: true });
        }
    }

    /// Writes a row that carries its own proof, or needs none because it is only a hint.
    ///
    /// # Errors
    /// A store's fault.
    pub fn put_plain(&mut self, key: &RowKey, value: Vec<u8>) -> Result<(), Error> {
        if is_remembered(key.table) {
            // It comes from elsewhere, out of a backup: rows that are kept are those that were made here.
            self.cache = None;
        }
        self.seen(key)?.put(value);
        Ok(())
    }

    /// Says in an authenticated row that nothing is there any more: for rows whose key can come again, since a row that
    /// was deleted and made again would take an old copy of itself for new. [`Transaction::state`] finds nothing in it.
    ///
    /// # Errors
    /// A store's fault.
    pub fn empty(&mut self, key: &RowKey) -> Result<(), Error> {
        self.put_state(key, &[])
    }

    /// Removes a row whose key never comes again; see [`life`].
    ///
    /// # Errors
    /// [`Error::RowStays`] for rows of other tables, which are emptied; a store's fault.
    pub fn delete(&mut self, key: &RowKey) -> Result<(), Error> {
        if life(key.table) == Life::Stays {
            return Err(Error::RowStays(key.table.0));
        }
        self.seen(key)?.written = Some(None);
        Ok(())
    }

    /// Adds to a counter of the store, up to a ceiling.
    pub fn add(&mut self, counter: CounterKey, delta: u64, ceiling: u64) {
        self.sums.push((counter, delta, ceiling));
    }

    /// A row that is not as this transaction has seen it, where it has seen more than one or has not read it: then what
    /// it saw was not one moment, and is to be seen again. The commit of a transaction that writes decides for itself.
    ///
    /// # Errors
    /// A store's fault.
    pub fn changed(&self) -> Result<Option<RowKey>, Error> {
        if self.rows.len() < 2 && !self.rows.values().any(|seen| seen.guessed) {
            return Ok(None);
        }
        for (key, seen) in &self.rows {
            if self.store.get(key)?.as_ref() != seen.original.as_deref() {
                return Ok(Some(key.clone()));
            }
        }
        Ok(None)
    }

    /// Closes the transaction over an outcome that stays sealed until the commit.
    ///
    /// # Errors
    /// [`Error::TooLong`] for a commit beyond the store's limits; a store's fault.
    pub fn prepare<T>(mut self, outcome: T) -> Result<Pending<'a, T>, Error> {
        let writes = self.rows.values().any(|seen| seen.written.is_some()) || !self.sums.is_empty();
        let idle = !writes && self.events.is_empty();
        if idle {
            // Nothing asks the store to compare: read twice alike, the rows were so in between, all of them.
            let conflict = if self.handed_on && self.prepares { None } else { self.changed()? };
            let (store, writer) = (self.store, self.writer);
            return Ok(Pending {
                store,
                change: Change::new(self.id),
                step: Step::Idle(conflict),
                outcome,
                writer,
                freshness: None,
                cache: None,
            });
        }
        let mut change = Change::with_room(self.id, self.rows.len() + 2 * self.events.len());
        let entries = self.entries()?;
        for (key, seen) in self.rows {
            let read = seen.read();
            match (seen.written, read) {
                (None, _) | (Some(None), Expect::Absent) => change.expect(key, read)?,
                (Some(None), Expect::Version(version)) => change.delete(key, version)?,
                (Some(Some(row)), Expect::Absent) => change.insert(key, row.value)?,
                (Some(Some(row)), Expect::Version(version)) => change.update(key, version, row.value)?,
            }
        }
        for (counter, delta, ceiling) in self.sums {
            change.add(counter, delta, ceiling)?;
        }
        for (id, entry, sealed) in entries {
            if let Some(sealed) = sealed {
                change.insert(RowKey::new(DETAILS, id.to_bytes()), sealed)?;
            }
            change.append(id, entry)?;
        }
        let Self { store, writer, freshness, cache, .. } = self;
        Ok(Pending { store, change, step: Step::Commit, outcome, writer, freshness, cache })
    }
}
