//! Random work, compared answer by answer with the contract written down as plain maps.

use std::collections::{BTreeMap, HashMap};

use zamok_core::store::{
    Change, ChangeId, CounterKey, Cursor, Expect, Outcome, Page, Range, Resolution, Row, RowKey, Store,
    Table, Write,
};

use super::fresh_id;
use crate::{Factory, Fresh, Random, Tier};

pub fn it_answers_as_a_plain_map_would<F: Factory>(factory: &F) {
    for seed in 0..Tier::pick(2, 4, 20) {
        let store = factory.fresh().store;
        let mut walk = Walk::new(seed);
        for step in 0..Tier::pick(300, 1_000, 5_000) {
            walk.step(&store, step);
        }
        walk.compare_everything(&store);
    }
}

pub fn it_answers_as_a_plain_map_would_across_reopenings<F: Factory>(factory: &F) {
    for seed in 100..100 + Tier::pick(1, 2, 10) {
        let Fresh { mut store, place } = factory.fresh();
        let mut walk = Walk::new(seed);
        for step in 0..Tier::pick(300, 1_000, 5_000) {
            if walk.random.once_in(40) {
                drop(store);
                store = factory.open(&place);
            }
            walk.step(&store, step);
        }
        walk.compare_everything(&store);
    }
}

const TABLES: [Table; 4] = [Table(0), Table(16), Table(900), Table(u16::MAX)];

/// One random walk, and what the store must hold after each step of it.
struct Walk {
    seed: u64,
    random: Random,
    rows: BTreeMap<RowKey, Row>,
    counters: HashMap<CounterKey, u64>,
    settled: HashMap<ChangeId, Resolution>,
    tried: Vec<Change>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            random: Random::new(seed),
            rows: BTreeMap::new(),
            counters: HashMap::new(),
            settled: HashMap::new(),
            tried: Vec::new(),
        }
    }

    fn step<S: Store>(&mut self, store: &S, step: u64) {
        let at = format!("seed {}, step {step}", self.seed);
        match self.random.below(20) {
            0..=9 => {
                let change = self.change();
                self.commit(store, &change, &at);
                self.tried.push(change);
            }
            10 if !self.tried.is_empty() => {
                let change = self.random.one_of(&self.tried).clone();
                self.commit(store, &change, &at);
            }
            11 => self.resolve(store, &at),
            12..=14 => {
                let key = self.row_key();
                assert_eq!(store.get(&key), Ok(self.rows.get(&key).cloned()), "{at}: {key:?}");
            }
            15..=18 => self.scan(store, &at),
            _ => {
                let key = self.counter_key();
                let expected = self.counters.get(&key).copied().unwrap_or(0);
                assert_eq!(store.counter(&key), Ok(expected), "{at}: {key:?}");
            }
        }
    }

    fn commit<S: Store>(&mut self, store: &S, change: &Change, at: &str) {
        let outcome = store.commit(change).unwrap_or_else(|fault| panic!("{at}: {fault:?}"));
        match self.settled.get(&change.id()) {
            Some(Resolution::Committed) => return assert_eq!(outcome, Outcome::Committed, "{at}"),
            Some(Resolution::Aborted) => return assert_eq!(outcome, Outcome::Fenced, "{at}"),
            None => {}
        }
        let mut allowed: Vec<Outcome> = change
            .expectations()
            .filter(|(key, expect)| match expect {
                Expect::Absent => self.rows.contains_key(key),
                Expect::Version(version) => self.rows.get(key).map(|row| row.version) != Some(*version),
            })
            .map(|(key, _)| Outcome::Conflict(key.clone()))
            .collect();
        allowed.extend(
            change
                .adds()
                .filter(|(key, add)| {
                    let sum = u128::from(self.counters.get(key).copied().unwrap_or(0));
                    sum + u128::from(add.delta) > u128::from(add.ceiling)
                })
                .map(|(key, _)| Outcome::Capped(key.clone())),
        );
        if !allowed.is_empty() {
            assert!(
                allowed.contains(&outcome),
                "{at}: {outcome:?} for {change:?}, one of {allowed:?} is meant"
            );
            return;
        }
        assert_eq!(outcome, Outcome::Committed, "{at}: {change:?}");
        for (key, write) in change.writes() {
            match write {
                Write::Put(value) => {
                    let version = self.rows.get(key).map_or(1, |row| row.version + 1);
                    self.rows.insert(key.clone(), Row { version, value: value.clone() });
                }
                Write::Delete => {
                    self.rows.remove(key);
                }
            }
        }
        for (key, add) in change.adds() {
            *self.counters.entry(key.clone()).or_default() += add.delta;
        }
        self.settled.insert(change.id(), Resolution::Committed);
    }

    fn resolve<S: Store>(&mut self, store: &S, at: &str) {
        // An id that was tried before, or one of a change that may come.
        let id = if self.random.once_in(2) && !self.tried.is_empty() {
            self.random.one_of(&self.tried).id()
        } else {
            let change = self.change();
            let id = change.id();
            self.tried.push(change);
            id
        };
        let expected = *self.settled.entry(id).or_insert(Resolution::Aborted);
        assert_eq!(store.resolve(id), Ok(expected), "{at}");
    }

    fn scan<S: Store>(&mut self, store: &S, at: &str) {
        let table = *self.random.one_of(&TABLES);
        let range = match self.random.below(4) {
            0 => Range::all(),
            1 => Range::prefix(&self.row_key().key),
            2 => Range { start: self.row_key().key, end: None },
            _ => Range { start: self.row_key().key, end: Some(self.row_key().key) },
        };
        let limit = usize::try_from(1 + self.random.below(8)).unwrap_or(1);
        let after = self.random.once_in(2).then(|| Cursor(self.row_key().key));
        let matching: Vec<(Vec<u8>, Row)> = self
            .rows
            .iter()
            .filter(|(key, _)| key.table == table && range.contains(&key.key))
            .filter(|(key, _)| after.as_ref().is_none_or(|after| key.key > after.0))
            .map(|(key, row)| (key.key.clone(), row.clone()))
            .collect();
        let rows: Vec<_> = matching.iter().take(limit).cloned().collect();
        let next = (matching.len() > limit).then(|| Cursor(rows[limit - 1].0.clone()));
        let page = store.scan(table, &range, limit, after.as_ref());
        assert_eq!(page, Ok(Page { rows, next }), "{at}: {range:?} after {after:?}, at most {limit}");
    }

    fn compare_everything<S: Store>(&self, store: &S) {
        for table in TABLES {
            let page = store.scan(table, &Range::all(), usize::MAX, None).expect("a scan");
            let expected: Vec<_> = self
                .rows
                .iter()
                .filter(|(key, _)| key.table == table)
                .map(|(key, row)| (key.key.clone(), row.clone()))
                .collect();
            assert_eq!(page.rows, expected, "seed {}: {table:?}", self.seed);
        }
        for (key, sum) in &self.counters {
            assert_eq!(store.counter(key), Ok(*sum), "seed {}: {key:?}", self.seed);
        }
    }

    /// A change of up to six parts; most of its expectations hold.
    fn change(&mut self) -> Change {
        let mut change = Change::new(fresh_id());
        for _ in 0..self.random.below(7) {
            let key = self.row_key();
            let found = self.rows.get(&key).map(|row| row.version);
            let version = match (found, self.random.below(12)) {
                (_, 0) => Some(self.random.below(4)),
                (_, 1) => None,
                (found, _) => found,
            };
            let value = self.random.bytes(40);
            // What the change refuses (a second expectation on one row) is left out.
            let _ = match (version, self.random.below(6)) {
                (Some(version), 0) => change.delete(key, version),
                (Some(version), 1) => change.expect(key, Expect::Version(version)),
                (Some(version), _) => change.update(key, version, value),
                (None, 0) => change.expect(key, Expect::Absent),
                (None, _) => change.insert(key, value),
            };
        }
        if self.random.once_in(4) {
            let (key, delta) = (self.counter_key(), self.random.bits() >> self.random.below(64));
            let ceiling = if self.random.once_in(2) { u64::MAX } else { self.random.bits() };
            change.add(key, delta, ceiling).expect("a short key");
        }
        change
    }

    fn row_key(&mut self) -> RowKey {
        let longest = vec![0xff; Change::MAX_KEY];
        let keys: [&[u8]; 12] =
            [b"", b"\0", b"\0\0", b"A", b"a", b"a\0", b"ab", b"b", b"\x7f", b"\x80", b"\xff", &longest];
        RowKey::new(*self.random.one_of(&TABLES), *self.random.one_of(&keys))
    }

    fn counter_key(&mut self) -> CounterKey {
        CounterKey(self.random.one_of(&[b"".as_slice(), b"\0", b"a", b"\xff"]).to_vec())
    }
}
