//! The cache of opened keys (`crates/host/src/vault/bounded.rs`): in every interleaving a row finds its own value, an older version
//! takes no newer one's place, no value is wiped while somebody uses it, and none is kept beyond the bound or after the end.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use loom::model::Builder;
use loom::thread;
use zamok_core::store::{RowKey, Table};
use zamok_store_conformance::Tier;

use crate::bounded::Bounded;
use crate::harness::tell;
use crate::primitives::Arc;
use crate::secrets::{Alive, Secret};

/// An opened key, or what is spent of it, of a row in a version.
struct Opened {
    row: u8,
    version: u64,
    secret: Secret,
}

struct Cache {
    kept: Bounded<Arc<Opened>>,
    alive: Alive,
}

fn row(number: u8) -> RowKey {
    RowKey::new(Table(2), [number; 16])
}

impl Cache {
    fn of(most: usize) -> Arc<Self> {
        Arc::new(Self { kept: Bounded::of(most), alive: Alive::default() })
    }

    /// What a call does: it uses what is kept, or opens it and leaves it to others.
    fn open(&self, number: u8, version: u64) {
        let opened = self.find(number).unwrap_or_else(|| {
            let opened = Arc::new(Opened { row: number, version, secret: self.alive.secret() });
            self.kept.keep(&row(number), Arc::clone(&opened), |kept| kept.version < version);
            opened
        });
        opened.secret.read();
    }

    fn find(&self, number: u8) -> Option<Arc<Opened>> {
        let found = self.kept.find(&row(number));
        assert!(found.as_ref().is_none_or(|found| found.row == number), "the key of another row");
        found
    }

    /// What a call does that commits: what is spent of the row now takes the place of what was.
    fn spend(&self, number: u8, version: u64) {
        let spent = Arc::new(Opened { row: number, version, secret: self.alive.secret() });
        self.kept.keep(&row(number), spent, |kept| kept.version < version);
    }
}

/// Runs the calls at once, the last one in the thread that looks at the end; answers how many interleavings there were.
fn every_interleaving(
    most: usize,
    preemptions: Option<usize>,
    calls: &'static [fn(&Cache)],
    end: fn(&Cache),
) -> usize {
    let mut model = Builder::new();
    model.preemption_bound = preemptions;
    let orders = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&orders);
    model.check(move || {
        counted.fetch_add(1, Relaxed);
        let cache = Cache::of(most);
        let (last, others) = calls.split_last().expect("some calls");
        let others: Vec<_> = others
            .iter()
            .map(|call| {
                let cache = Arc::clone(&cache);
                thread::spawn(move || call(&cache))
            })
            .collect();
        last(&cache);
        others.into_iter().for_each(|other| other.join().expect("no panic"));
        end(&cache);
        cache.kept.close();
        assert_eq!(cache.alive.count(), 0, "closed, it holds nothing");
    });
    let orders = orders.load(Relaxed);
    tell(&format!("{orders} orders"));
    orders
}

#[test]
fn calls_that_open_one_key_at_once_keep_it_once() {
    let orders =
        every_interleaving(2, None, &[|cache| cache.open(1, 1), |cache| cache.open(1, 1)], |cache| {
            assert!(cache.find(1).is_some());
            assert_eq!((cache.kept.count(), cache.alive.count()), (1, 1), "who was late has wiped its own");
        });
    assert!(orders > 5, "{orders}");
}

#[test]
fn of_two_versions_the_newer_stays_whoever_comes_last() {
    let orders =
        every_interleaving(2, None, &[|cache| cache.spend(1, 1), |cache| cache.spend(1, 2)], |cache| {
            assert_eq!(cache.find(1).map(|found| found.version), Some(2));
            assert_eq!(cache.alive.count(), 1);
        });
    assert!(orders > 1, "{orders}");
}

#[test]
fn a_key_that_gives_way_to_another_is_not_wiped_under_who_uses_it() {
    let calls: &[fn(&Cache)] = &[
        |cache| cache.open(1, 1),
        |cache| cache.open(2, 1),
        |cache| {
            cache.open(1, 1);
            cache.open(2, 1);
        },
    ];
    let preemptions = Some(usize::try_from(Tier::pick(2, 3, 4)).expect("small"));
    let orders = every_interleaving(1, preemptions, calls, |cache| {
        assert_eq!((cache.kept.count(), cache.alive.count()), (1, 1), "no more than there is room for");
    });
    assert!(orders > 20, "{orders}");
}

#[test]
fn a_key_that_is_opened_while_the_cache_is_closed_is_wiped_with_its_call() {
    let orders =
        every_interleaving(2, None, &[|cache| cache.open(1, 1), |cache| cache.kept.close()], |cache| {
            assert!(cache.find(1).is_none());
            assert_eq!(cache.alive.count(), 0, "an opened key outlives the lock");
        });
    assert!(orders > 5, "{orders}");
}
