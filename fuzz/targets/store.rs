//! `MemoryStore` against a map with versions: the same answers, and nothing of a change that was refused.
#![no_main]

use std::collections::BTreeMap;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use zamok_core::store::{
    Change, ChangeId, CounterKey, Expect, MemoryStore, Outcome, Range, Resolution, Row, RowKey, Store, Table,
};
use zamok_fuzz::accepted;

#[derive(Arbitrary, Debug)]
enum Step {
    Commit { id: u8, parts: Vec<Part> },
    Resolve(u8),
    Scan { table: bool, start: u8, end: Option<u8>, limit: u8 },
}

#[derive(Arbitrary, Debug)]
enum Part {
    Expect { row: Place, version: Option<u8> },
    Insert { row: Place, value: Vec<u8> },
    Update { row: Place, version: u8, value: Vec<u8> },
    Delete { row: Place, version: u8 },
    Add { counter: u8, delta: u8, ceiling: u8 },
}

/// Few rows, so that steps meet.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Place {
    table: bool,
    key: u8,
}

impl Place {
    fn row(self) -> RowKey {
        RowKey::new(Table(u16::from(self.table)), [self.key % 8])
    }
}

#[derive(Default)]
struct Model {
    rows: BTreeMap<RowKey, Row>,
    counters: BTreeMap<u8, u64>,
    settled: BTreeMap<u8, bool>,
}

fn counter(number: u8) -> CounterKey {
    CounterKey(vec![number % 4])
}

impl Model {
    fn version(&self, row: &RowKey) -> u64 {
        self.rows.get(row).map_or(0, |row| row.version)
    }

    /// Whether the change commits; a conflict or a ceiling leaves everything as it was.
    fn commit(&mut self, change: &Change, id: u8) -> &'static str {
        match self.settled.get(&id) {
            Some(true) => return "committed",
            Some(false) => return "fenced",
            None => {}
        }
        let holds = |(row, expect): (&RowKey, Expect)| match expect {
            Expect::Absent => self.version(row) == 0,
            Expect::Version(version) => version != 0 && self.version(row) == version,
        };
        if !change.expectations().all(holds) {
            return "conflict";
        }
        for (key, add) in change.adds() {
            let sum = self.counters.get(&key.0[0]).copied().unwrap_or(0);
            if sum.checked_add(add.delta).is_none_or(|sum| sum > add.ceiling) {
                return "capped";
            }
        }
        for (row, write) in change.writes() {
            match write {
                zamok_core::store::Write::Put(value) => {
                    let version = self.version(row) + 1;
                    self.rows.insert(row.clone(), Row { version, value: value.clone() });
                }
                zamok_core::store::Write::Delete => {
                    self.rows.remove(row);
                }
            }
        }
        for (key, add) in change.adds() {
            *self.counters.entry(key.0[0]).or_default() += add.delta;
        }
        self.settled.insert(id, true);
        "committed"
    }
}

fuzz_target!(|steps: Vec<Step>| {
    let (store, mut model) = (MemoryStore::new(), Model::default());
    for step in steps {
        match step {
            Step::Commit { id, parts } => {
                let mut change = Change::new(ChangeId([id; 16]));
                for part in parts {
                    // What one change cannot hold is refused when it is made.
                    let _ = match part {
                        Part::Expect { row, version } => change.expect(
                            row.row(),
                            version.map_or(Expect::Absent, |version| Expect::Version(version.into())),
                        ),
                        Part::Insert { row, value } => change.insert(row.row(), value),
                        Part::Update { row, version, value } => {
                            change.update(row.row(), version.into(), value)
                        }
                        Part::Delete { row, version } => change.delete(row.row(), version.into()),
                        Part::Add { counter: number, delta, ceiling } => {
                            change.add(counter(number), delta.into(), ceiling.into())
                        }
                    };
                }
                let expected = model.commit(&change, id);
                accepted("commit");
                let answer = match store.commit(&change).expect("in memory") {
                    Outcome::Committed => "committed",
                    Outcome::Conflict(_) => "conflict",
                    Outcome::Capped(_) => "capped",
                    Outcome::Fenced => "fenced",
                };
                assert_eq!(answer, expected);
            }
            Step::Resolve(id) => {
                let committed = *model.settled.entry(id).or_insert(false);
                let resolution = store.resolve(ChangeId([id; 16])).expect("in memory");
                assert_eq!(resolution == Resolution::Committed, committed);
            }
            Step::Scan { table, start, end, limit } => {
                let table = Table(u16::from(table));
                let range = Range { start: vec![start], end: end.map(|end| vec![end]) };
                let page = store.scan(table, &range, limit.into(), None).expect("in memory");
                let expected: Vec<_> = model
                    .rows
                    .iter()
                    .filter(|(row, _)| row.table == table && range.contains(&row.key))
                    .map(|(row, value)| (row.key.clone(), value.clone()))
                    .take(limit.into())
                    .collect();
                assert_eq!(page.rows, expected);
            }
        }
    }
    for number in 0..4 {
        let sum = store.counter(&counter(number)).expect("in memory");
        assert_eq!(sum, model.counters.get(&number).copied().unwrap_or(0));
    }
});
