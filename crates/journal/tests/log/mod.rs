//! A vault's log in memory for tests: seeded randomness, several writers, and a store that lies.
#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand_core::{Rng, TryCryptoRng, TryRng};
use zamok_core::event::{Detail, EventKind, Subject};
use zamok_core::secret::HeapMemory;
use zamok_core::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, EntryId, MemoryStore, Outcome, Page, Range,
    Resolution, Row, RowKey, Store, StoreFault, Table,
};
use zamok_core::vault::{Committed, DataKeyId, Keyring, Transaction, VaultId, VaultKeys, Writer};
use zamok_core::{Env, Error, UnixTime, hash};
use zamok_journal::{Integrated, SignedCheckpoint, TrustPolicy, integrate, log_key, sign_checkpoint};
use zamok_store_conformance::{Hooked, Tier};

pub const ORIGIN: &str = "zamok.example/test-log";
pub const START: u64 = 1_700_000_000;

/// SHA-256 over a seed and a counter.
pub struct Seeded {
    seed: u64,
    counter: u64,
}

impl Seeded {
    pub const fn new(seed: u64) -> Self {
        Self { seed, counter: 0 }
    }

    /// A number from 0 up to `limit`, exclusive.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next_u64() % limit
    }

    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u64::try_from(length).unwrap())).unwrap()
    }
}

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(32) {
            self.counter += 1;
            let block = hash::sha256(&[&self.seed.to_le_bytes(), &self.counter.to_le_bytes()]);
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Seeded {}

pub fn keyring(seed: u8) -> Keyring {
    Keyring::new(
        VaultId([seed; 16]),
        zamok_core::vault::Role::User,
        VaultKeys::alike(&[(DataKeyId(1), &[seed ^ 0x5a; 32])]),
        &HeapMemory,
    )
    .unwrap()
}

pub fn subject(number: u8) -> Subject {
    Subject([number; 16])
}

/// The row that every event of these tests is about.
pub fn row() -> RowKey {
    RowKey::new(Table(900), *b"account")
}

/// A log with its vault's keys.
pub struct Log {
    pub store: MemoryStore,
    pub keyring: Keyring,
    pub rng: Seeded,
}

impl Log {
    pub fn new(seed: u64) -> Self {
        Self { store: MemoryStore::new(), keyring: keyring(7), rng: Seeded::new(seed) }
    }

    pub fn writer(&mut self) -> Writer {
        self.writer_for(ORIGIN)
    }

    pub fn writer_for(&mut self, origin: &str) -> Writer {
        Writer::new(origin, &mut Env { now: UnixTime(START), rng: &mut self.rng })
    }

    /// Commits one event at `time`; even ones with a detail, every third one about nobody.
    pub fn write(&mut self, writer: &mut Writer, time: u64) -> EntryId {
        let env = Env { now: UnixTime(START + time), rng: &mut self.rng };
        let mut tx = Transaction::begin(&self.store, &self.keyring, writer.clone(), env);
        let whose = (!time.is_multiple_of(3)).then(|| subject(u8::try_from(time % 3).unwrap()));
        let detail = if time.is_multiple_of(2) {
            Detail::new().with("step", time.to_string()).with("drift", "0")
        } else {
            Detail::new()
        };
        let id = tx.event(EventKind::CodeAccepted, whose, &row(), &detail).unwrap();
        match tx.prepare(id).unwrap().commit().unwrap() {
            Committed::Done(id, next) => {
                *writer = next;
                id
            }
            other => panic!("{other:?}"),
        }
    }

    /// Writes `count` events by `writers` writers in random turns; times go up, with equal ones among them.
    pub fn fill(&mut self, writers: usize, count: u64) -> Vec<EntryId> {
        let mut chains: Vec<_> = (0..writers).map(|_| self.writer()).collect();
        (0..count)
            .map(|time| {
                let turn = self.rng.index(writers);
                self.write(&mut chains[turn], time / 2)
            })
            .collect()
    }

    pub fn integrate(&mut self, limit: usize) -> Integrated {
        integrate_over(&self.store, &self.keyring, limit, &mut self.rng)
            .unwrap()
            .expect("nobody else is at work")
    }

    /// Integrates until nothing is left.
    pub fn drain(&mut self) -> Integrated {
        loop {
            let done = self.integrate(usize::MAX);
            if !done.more {
                return done;
            }
        }
    }

    /// Commits what `f` leaves in a transaction at `time`.
    pub fn transact<T>(
        &mut self,
        time: u64,
        f: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        transact_over(&self.store, &self.keyring, START + time, &mut self.rng, f)
    }

    /// Tells that a person was erased; what is left of the person is for the test to take away.
    pub fn tell_erased(&mut self, time: u64, whose: Subject) {
        self.transact(time, |tx| tx.event(EventKind::PersonErased, Some(whose), &row(), &Detail::new()))
            .unwrap();
    }

    /// Signs a checkpoint of what was integrated.
    pub fn sign(&mut self) -> SignedCheckpoint {
        self.transact(2_000_000, sign_checkpoint).unwrap()
    }

    /// What trusts this log and asks for no witness.
    pub fn policy(&mut self) -> TrustPolicy {
        TrustPolicy::log(self.transact(2_000_000, log_key).unwrap())
    }

    /// A copy that can be altered.
    pub fn hostile(&self) -> Hostile<'_> {
        Hostile::over(&self.store)
    }
}

/// Commits what `f` leaves in a transaction over any store; nobody else is at work there.
pub fn transact_over<T>(
    store: &dyn Store,
    keyring: &Keyring,
    time: u64,
    rng: &mut Seeded,
    f: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut env = Env { now: UnixTime(time), rng };
    let writer = Writer::new(ORIGIN, &mut env);
    let mut tx = Transaction::begin(store, keyring, writer, env);
    let done = f(&mut tx)?;
    match tx.prepare(done)?.commit()? {
        Committed::Done(done, _) => Ok(done),
        Committed::Conflict(row) => panic!("somebody else was at work on {row:?}"),
        Committed::Capped(_) => panic!("there are no sums"),
    }
}

/// One batch over any store; `None` when another integrator was faster.
pub fn integrate_over(
    store: &dyn Store,
    keyring: &Keyring,
    limit: usize,
    rng: &mut Seeded,
) -> Result<Option<Integrated>, Error> {
    batch_over(store, keyring, limit, rng, true)
}

/// The same, as at first or, when nothing is supposed, as after a conflict.
pub fn batch_over(
    store: &dyn Store,
    keyring: &Keyring,
    limit: usize,
    rng: &mut Seeded,
    supposes: bool,
) -> Result<Option<Integrated>, Error> {
    let mut env = Env { now: UnixTime(START + 1_000_000), rng };
    let writer = Writer::new(ORIGIN, &mut env);
    let mut tx = Transaction::begin(store, keyring, writer, env);
    if !supposes {
        tx = tx.reading_anew();
    }
    let done = match integrate(&mut tx, limit) {
        Err(Error::Busy) => return Ok(None),
        other => other?,
    };
    match tx.prepare(done)?.commit()? {
        Committed::Done(done, _) => Ok(Some(done)),
        Committed::Conflict(_) => Ok(None),
        Committed::Capped(_) => panic!("there are no sums"),
    }
}

/// A store whose rows were altered behind everyone's back: values and versions as the attacker likes.
pub struct Hostile<'a> {
    inner: &'a dyn Store,
    altered: BTreeMap<RowKey, Option<Row>>,
}

impl<'a> Hostile<'a> {
    pub fn over(inner: &'a dyn Store) -> Self {
        Self { inner, altered: BTreeMap::new() }
    }

    pub fn put(&mut self, key: RowKey, row: Row) {
        self.altered.insert(key, Some(row));
    }

    pub fn drop(&mut self, key: RowKey) {
        self.altered.insert(key, None);
    }

    pub fn value(&self, key: &RowKey) -> Row {
        self.get(key).unwrap().unwrap()
    }

    /// Changes one bit of a value.
    pub fn flip(&mut self, key: &RowKey, byte: usize) {
        let mut row = self.inner.get(key).unwrap().unwrap();
        row.value[byte] ^= 1 << (byte % 8);
        self.put(key.clone(), row);
    }

    pub fn swap(&mut self, one: &RowKey, other: &RowKey) {
        let (first, second) = (self.value(one), self.value(other));
        self.put(one.clone(), second);
        self.put(other.clone(), first);
    }
}

impl Store for Hostile<'_> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        self.altered.get(key).map_or_else(|| self.inner.get(key), |row| Ok(row.clone()))
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, StoreFault> {
        let mut rows: BTreeMap<Vec<u8>, Row> =
            self.inner.scan(table, range, usize::MAX, None)?.rows.into_iter().collect();
        for (key, row) in
            self.altered.iter().filter(|(key, _)| key.table == table && range.contains(&key.key))
        {
            match row {
                Some(row) => rows.insert(key.key.clone(), row.clone()),
                None => rows.remove(&key.key),
            };
        }
        let mut rows: Vec<_> =
            rows.into_iter().filter(|(key, _)| after.is_none_or(|cursor| *key > cursor.0)).collect();
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(key, _)| Cursor(key.clone()));
        Ok(Page { rows, next })
    }

    fn commit(&self, _: &Change) -> Result<Outcome, StoreFault> {
        Err(StoreFault::ReadOnly)
    }

    fn resolve(&self, _: ChangeId) -> Result<Resolution, StoreFault> {
        Err(StoreFault::ReadOnly)
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        self.inner.counter(key)
    }
}

/// A store in which something happens just before the n-th time that it is asked.
pub fn overtaken<'a>(
    store: &'a dyn Store,
    at: u64,
    hook: &'a (dyn Fn() + Sync),
) -> Hooked<'a, &'a dyn Store> {
    let asked = Arc::new(AtomicU64::new(0));
    let ask = move || {
        if asked.fetch_add(1, Ordering::SeqCst) == at {
            hook();
        }
    };
    let (get, scan, commit) = (ask.clone(), ask.clone(), ask);
    Hooked::over(store)
        .on_get(move |store, key| {
            get();
            store.get(key)
        })
        .on_scan(move |store, table, range, limit, after| {
            scan();
            store.scan(table, range, limit, after)
        })
        .on_commit(move |store, change| {
            commit();
            store.commit(change)
        })
}

/// How much to try: a small number in the quick tiers, the whole in `full`.
pub fn tier(check: usize, ci: usize, full: usize) -> usize {
    match Tier::from_env() {
        Tier::Check => check,
        Tier::Ci => ci,
        Tier::Full => full,
    }
}
