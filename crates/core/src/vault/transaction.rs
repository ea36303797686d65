//! One commit in the making: what was read, what will be written, what the journal will say.
//!
//! Nothing below the caller commits. Vault operations and the cabinet's transitions are functions over a
//! [`Transaction`]: they read rows through it, which makes every row that was looked at an expectation, and leave
//! their writes and events in it. [`Transaction::prepare`] closes it into a [`Pending`], whose outcome nobody can see
//! before [`Pending::commit`]. On a conflict all of it is dropped and run again on fresh rows.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::chain::Writer;
use super::keyring::{Keyring, Opened, Place};
use super::subjects;
use crate::env::{Env, UnixTime};
use crate::error::Error;
use crate::event::{Detail, EventKind, Leaf, Subject};
use crate::hash;
use crate::store::{
    Change, ChangeId, CounterKey, EntryId, Expect, Outcome, Resolution, Row, RowKey, Store, StoreFault, Table,
};

/// Sealed details of events, under the id of their entry.
pub const DETAILS: Table = Table(17);

/// A commit in the making.
pub struct Transaction<'a> {
    store: &'a dyn Store,
    keyring: &'a Keyring,
    env: Env<'a>,
    writer: Writer,
    id: ChangeId,
    rows: BTreeMap<RowKey, Seen>,
    sums: Vec<(CounterKey, u64, u64)>,
    events: Vec<(Leaf, Option<Vec<u8>>)>,
    tally: Option<&'a dyn Tally>,
}

/// Counts refusals in the memory of a process, so that junk buys no flush: bounded, and lost with the process.
pub trait Tally: Send + Sync {
    /// Counts one more refusal at this row, and answers how many there are since [`Tally::forget`].
    fn count(&self, row: &RowKey) -> u64;
    /// Begins again at this row, after the journal was told.
    fn forget(&self, row: &RowKey);
}

/// A row as the transaction knows it.
struct Seen {
    read: Expect,
    /// `None`: only looked at. `Some(None)`: deleted. `Some(Some(_))`: put.
    written: Option<Option<Vec<u8>>>,
    original: Option<Row>,
}

impl Seen {
    /// The version that the row has once it is written.
    fn next(&self) -> u64 {
        match self.read {
            Expect::Absent => 1,
            // A store that claims the last of all versions gets a refusal, not an overflow.
            Expect::Version(version) => version.saturating_add(1),
        }
    }

    /// The row as this transaction leaves it.
    fn row(&self) -> Option<Row> {
        match &self.written {
            None => self.original.clone(),
            Some(value) => value.as_ref().map(|value| Row { version: self.next(), value: value.clone() }),
        }
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
        Self { store, keyring, env, writer, id, rows, sums, events, tally: None }
    }

    /// Counts refusals there; without a tally each counts as one.
    #[must_use]
    pub fn with_tally(mut self, tally: &'a dyn Tally) -> Self {
        self.tally = Some(tally);
        self
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
        if !self.rows.contains_key(key) {
            let original = self.store.get(key)?;
            let read = original.as_ref().map_or(Expect::Absent, |row| Expect::Version(row.version));
            self.rows.insert(key.clone(), Seen { read, written: None, original });
        }
        Ok(self.rows.get_mut(key).expect("it was just put there"))
    }

    /// The sealed record in a row, or `None` where there is none. The commit expects what was found.
    ///
    /// # Errors
    /// [`Error::Refused`] for a row that does not belong there; a store's fault.
    pub fn record(&mut self, key: &RowKey) -> Result<Option<Opened>, Error> {
        let row = self.seen(key)?.row();
        row.map(|row| self.keyring.open(key, &row)).transpose()
    }

    /// Seals a record into a row, new or read before.
    ///
    /// # Errors
    /// [`Error::TooLong`] beyond the limits of a row; a store's fault.
    pub fn put_record(&mut self, key: &RowKey, attributes: &[u8], body: &[u8]) -> Result<(), Error> {
        let revision = self.seen(key)?.next();
        let place = Place { row: key, revision, attributes };
        let sealed = self.keyring.seal(&place, body, &mut self.env)?;
        self.seen(key)?.written = Some(Some(sealed));
        Ok(())
    }

    /// The body of an authenticated state row, or `None` where there is none. The commit expects what was found.
    ///
    /// # Errors
    /// [`Error::Refused`] for a row that does not belong there; a store's fault.
    pub fn state(&mut self, key: &RowKey) -> Result<Option<Vec<u8>>, Error> {
        let row = self.seen(key)?.row();
        row.map(|row| self.keyring.verify(key, &row).map(<[u8]>::to_vec)).transpose()
    }

    /// Writes an authenticated state row, new or read before.
    ///
    /// # Errors
    /// [`Error::TooLong`] beyond the limits of a row; a store's fault.
    pub fn put_state(&mut self, key: &RowKey, body: &[u8]) -> Result<(), Error> {
        let revision = self.seen(key)?.next();
        let row = self.keyring.authenticate(&Place { row: key, revision, attributes: body })?;
        self.seen(key)?.written = Some(Some(row));
        Ok(())
    }

    /// A row that carries its own proof (a journal entry, a tree hash), or `None`. The commit expects what was found.
    ///
    /// # Errors
    /// A store's fault.
    pub fn plain(&mut self, key: &RowKey) -> Result<Option<Row>, Error> {
        Ok(self.seen(key)?.row())
    }

    /// Writes a row that carries its own proof, or needs none because it is only a hint.
    ///
    /// # Errors
    /// A store's fault.
    pub fn put_plain(&mut self, key: &RowKey, value: Vec<u8>) -> Result<(), Error> {
        self.seen(key)?.written = Some(Some(value));
        Ok(())
    }

    /// Removes a row that is there.
    ///
    /// # Errors
    /// A store's fault.
    pub fn delete(&mut self, key: &RowKey) -> Result<(), Error> {
        self.seen(key)?.written = Some(None);
        Ok(())
    }

    /// Adds to a counter of the store, up to a ceiling.
    pub fn add(&mut self, counter: CounterKey, delta: u64, ceiling: u64) {
        self.sums.push((counter, delta, ceiling));
    }

    /// Tells the journal what happened to a row, in the same commit; the id names the entry.
    ///
    /// # Errors
    /// [`Error::TooLong`] for a detail beyond the limits of a row; a store's fault.
    pub fn event(
        &mut self,
        kind: EventKind,
        subject: Option<Subject>,
        row: &RowKey,
        detail: &Detail,
    ) -> Result<EntryId, Error> {
        let seen = self.seen(row)?;
        let revision = match (&seen.written, seen.read) {
            (Some(_), _) => seen.next(),
            (None, Expect::Version(version)) => version,
            (None, Expect::Absent) => 0,
        };
        let step = u64::try_from(self.events.len()).unwrap_or(u64::MAX);
        let mut id = self.writer.next();
        id.sequence += step;
        let key = RowKey::new(DETAILS, id.to_bytes());
        let sealed = if detail.is_empty() {
            None
        } else {
            let place = Place { row: &key, revision: 1, attributes: &[] };
            Some(self.keyring.seal(&place, detail.encode()?.as_slice(), &mut self.env)?)
        };
        let leaf = Leaf {
            kind,
            time: self.env.now,
            entry: id,
            origin: self.writer.origin().into(),
            subject,
            row: row.clone(),
            revision,
            detail: sealed.as_ref().map(|sealed| hash::sha256(&[sealed])),
        };
        self.events.push((leaf, sealed));
        Ok(id)
    }

    /// The id that the next event gets: state rows name the entry that recorded them.
    #[must_use]
    pub fn next_entry(&self) -> EntryId {
        let mut id = self.writer.next();
        id.sequence += u64::try_from(self.events.len()).unwrap_or(u64::MAX);
        id
    }

    /// Closes the transaction over an outcome that stays sealed until the commit.
    ///
    /// # Errors
    /// [`Error::TooLong`] for a commit beyond the store's limits.
    pub fn prepare<T>(mut self, outcome: T) -> Result<Pending<'a, T>, Error> {
        let mut change = Change::new(self.id);
        let writes = self.rows.values().any(|seen| seen.written.is_some()) || !self.sums.is_empty();
        let idle = !writes && self.events.is_empty();
        for (key, seen) in self.rows {
            change.expect(key.clone(), seen.read)?;
            match (seen.written, seen.read) {
                (None, _) | (Some(None), Expect::Absent) => {}
                (Some(None), Expect::Version(version)) => change.delete(key, version)?,
                (Some(Some(value)), Expect::Absent) => change.insert(key, value)?,
                (Some(Some(value)), Expect::Version(version)) => change.update(key, version, value)?,
            }
        }
        for (counter, delta, ceiling) in self.sums {
            change.add(counter, delta, ceiling)?;
        }
        for (leaf, sealed) in self.events {
            let id = self.writer.next();
            if let Some(sealed) = sealed {
                change.insert(RowKey::new(DETAILS, id.to_bytes()), sealed)?;
            }
            if let Some(row) = subjects::row_of(&leaf) {
                change.insert(row, Vec::new())?;
            }
            let entry = self.writer.write(self.keyring, &leaf)?;
            change.append(id, entry)?;
        }
        Ok(Pending { store: self.store, change, idle, outcome, writer: self.writer })
    }
}

/// A commit that was decided but has not happened: only [`Pending::commit`] shows its outcome.
#[must_use]
pub struct Pending<'a, T> {
    store: &'a dyn Store,
    change: Change,
    idle: bool,
    outcome: T,
    writer: Writer,
}

impl<T> core::fmt::Debug for Pending<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Pending").field("change", &self.change).finish_non_exhaustive()
    }
}

/// How a commit ended.
#[derive(Debug)]
#[must_use]
pub enum Committed<T> {
    /// It happened, and this is its outcome. The chain goes on from here.
    Done(T, Writer),
    /// Somebody else was faster on this row: read again, decide again. The chain is where it was.
    Conflict(RowKey),
    /// This counter is full. The chain is where it was.
    Capped(CounterKey),
}

impl<T> Pending<'_, T> {
    /// How often a lost answer is asked for before the outcome is given up as unknown.
    const RESOLVES: usize = 5;

    /// Commits, and only then shows the outcome. A commit without writes and events asks nothing of the store.
    ///
    /// # Errors
    /// A store's fault; nothing may be told to anyone then, and the chain must not be used again.
    pub fn commit(self) -> Result<Committed<T>, Error> {
        if self.idle {
            return Ok(Committed::Done(self.outcome, self.writer));
        }
        match self.store.commit(&self.change) {
            Ok(Outcome::Committed) => Ok(Committed::Done(self.outcome, self.writer)),
            Ok(Outcome::Conflict(row)) => Ok(Committed::Conflict(row)),
            Ok(Outcome::Capped(counter)) => Ok(Committed::Capped(counter)),
            // Nothing was written, and never will be: the id was aborted before.
            Ok(Outcome::Fenced) => Err(StoreFault::Unavailable.into()),
            Err(StoreFault::OutcomeUnknown) => self.settle(),
            Err(fault) => Err(fault.into()),
        }
    }

    fn settle(self) -> Result<Committed<T>, Error> {
        let mut last = StoreFault::OutcomeUnknown;
        for _ in 0..Self::RESOLVES {
            match self.store.resolve(self.change.id()) {
                Ok(Resolution::Committed) => return Ok(Committed::Done(self.outcome, self.writer)),
                Ok(Resolution::Aborted) => return Err(StoreFault::Unavailable.into()),
                Err(fault) => last = fault,
            }
        }
        Err(last.into())
    }
}
