//! Locking a handle (`crates/host/src/vault/held.rs`, with the cache of opened keys in it): by its owner, by the idle lock, while the
//! keys are changed. In every interleaving nobody loses keys that are in use, the idle lock waits for as long as it was told, and
//! what is locked holds nothing once the calls under way have ended.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use loom::model::Builder;
use loom::thread;
use zamok_core::store::{RowKey, Table};
use zamok_store_conformance::Tier;

use crate::bounded::Bounded;
use crate::harness::tell;
use crate::held::{Held, Opened};
use crate::primitives::{Arc, Instant};
use crate::secrets::{Alive, Secret};

/// A key that the vault's keys opened.
struct Cache(Bounded<Arc<Secret>>);

impl Opened for Cache {
    fn close(&self) {
        self.0.close();
    }
}

struct Handle {
    held: Held<Secret, Cache>,
    keys: Alive,
    opened: Alive,
    /// Uses that have the keys for certain.
    under_way: AtomicUsize,
    /// How often somebody took the keys away.
    locked: AtomicUsize,
    /// For each use that had the keys, a time before it began.
    begun: std::sync::Mutex<Vec<Instant>>,
}

/// From one look of the idle lock to the next.
const LOOK: Duration = Duration::from_secs(1);
/// How long the keys have to be unused.
const AFTER: Duration = Duration::from_secs(2);

fn row() -> RowKey {
    RowKey::new(Table(2), [1; 16])
}

impl Handle {
    fn new() -> Arc<Self> {
        let keys = Alive::default();
        let held = Held::new(keys.secret(), Cache(Bounded::of(2)));
        let (under_way, locked) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let begun = std::sync::Mutex::default();
        Arc::new(Self { held, keys, opened: Alive::default(), under_way, locked, begun })
    }

    /// A call: it borrows the keys, opens another with them, and leaves that one to others.
    fn call(&self) {
        let now = Instant::now();
        let Some(keys) = self.held.lend() else { return };
        self.begun.lock().expect("nobody panics with it").push(now);
        self.under_way.fetch_add(1, SeqCst);
        let cache = &self.held.opened().0;
        let opened = cache.find(&row()).unwrap_or_else(|| {
            keys.read();
            let opened = Arc::new(self.opened.secret());
            cache.keep(&row(), Arc::clone(&opened), |_| true);
            opened
        });
        opened.read();
        keys.read();
        self.under_way.fetch_sub(1, SeqCst);
    }

    /// What its owner does to lock it.
    fn lock(&self) {
        self.locked.fetch_add(usize::from(self.held.empty()), SeqCst);
        assert!(self.held.lend().is_none(), "later calls find it locked");
    }

    /// Time passes, and the idle lock looks so often; answers whether it has locked.
    fn look(&self, times: usize) -> bool {
        let mut quiet_since = Instant::now();
        for _ in 0..times {
            Instant::pass(LOOK);
            if self.held.empty_unused(&mut quiet_since, AFTER) {
                assert_eq!(self.under_way.load(SeqCst), 0, "taken from a call under way");
                let begun = self.begun.lock().expect("nobody panics with it");
                assert!(
                    begun.iter().all(|begun| begun.elapsed() >= AFTER),
                    "taken from who had just used it"
                );
                self.locked.fetch_add(1, SeqCst);
                return true;
            }
        }
        false
    }

    /// It is locked, and every call has ended.
    fn holds_nothing(&self) {
        assert!(self.held.keys().is_none() && self.held.lend().is_none(), "it is locked");
        assert_eq!(self.locked.load(SeqCst), 1, "it is locked once");
        assert_eq!(self.keys.count(), 0, "the vault's keys outlive the lock");
        assert_eq!(self.opened.count(), 0, "an opened key outlives the lock");
    }
}

/// Runs the others beside `first`, which comes to `end` when they are through; answers how many interleavings there were.
fn every_interleaving<T: 'static>(
    preemptions: Option<usize>,
    first: fn(&Handle) -> T,
    others: &'static [fn(&Handle)],
    end: fn(&Handle, T),
) -> usize {
    let mut model = Builder::new();
    model.preemption_bound = preemptions;
    let orders = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&orders);
    model.check(move || {
        counted.fetch_add(1, SeqCst);
        let handle = Handle::new();
        let others: Vec<_> = others
            .iter()
            .map(|other| {
                let handle = Arc::clone(&handle);
                thread::spawn(move || other(&handle))
            })
            .collect();
        let outcome = first(&handle);
        others.into_iter().for_each(|other| other.join().expect("no panic"));
        end(&handle, outcome);
    });
    let orders = orders.load(SeqCst);
    tell(&format!("{orders} orders"));
    orders
}

fn preemptions() -> Option<usize> {
    Some(usize::try_from(Tier::pick(2, 3, 4)).expect("small"))
}

const CALL: fn(&Handle) = |handle| handle.call();
const LOCK: fn(&Handle) = |handle| handle.lock();

#[test]
fn a_call_beside_a_lock_ends_with_its_keys_and_leaves_nothing_behind() {
    let orders = every_interleaving(None, LOCK, &[CALL], |handle, ()| handle.holds_nothing());
    assert!(orders > 20, "{orders}");
    let orders = every_interleaving(preemptions(), LOCK, &[CALL, CALL], |handle, ()| handle.holds_nothing());
    assert!(orders > 10, "{orders}");
}

#[test]
fn of_two_who_lock_one_takes_the_keys() {
    let orders = every_interleaving(None, LOCK, &[LOCK], |handle, ()| handle.holds_nothing());
    assert!(orders > 1, "{orders}");
    let look = |handle: &Handle| handle.look(5);
    let orders = every_interleaving(None, look, &[LOCK], |handle, _| handle.holds_nothing());
    assert!(orders > 1, "{orders}");
}

#[test]
fn the_idle_lock_takes_no_keys_from_who_uses_them_or_has_just_done_so() {
    // Long enough to lock between two calls, and after them.
    let look = |handle: &Handle| handle.look(5);
    let end = |handle: &Handle, locked: bool| {
        // Without a use it locks within its time, and one look.
        assert!(locked || handle.look(3), "it never locks");
        handle.holds_nothing();
    };
    let orders = every_interleaving(None, look, &[CALL], end);
    assert!(orders > 20, "{orders}");
    let twice: &[fn(&Handle)] = &[|handle| {
        handle.call();
        handle.call();
    }];
    let orders = every_interleaving(preemptions(), look, twice, end);
    assert!(orders > 10, "{orders}");
    let orders = every_interleaving(preemptions(), look, &[CALL, CALL], end);
    assert!(orders > 10, "{orders}");
}

#[test]
fn who_looks_without_using_the_keys_keeps_no_vault_open() {
    let peek: &[fn(&Handle)] = &[|handle| {
        if let Some(keys) = handle.held.keys() {
            keys.read();
        }
    }];
    let orders = every_interleaving(
        None,
        |handle| handle.look(5),
        peek,
        |handle, locked| {
            assert!(locked || handle.look(3), "it never locks");
            handle.holds_nothing();
        },
    );
    assert!(orders > 5, "{orders}");
}

#[test]
fn keys_that_are_changed_while_the_handle_is_locked_do_not_open_it_again() {
    let change = |handle: &Handle| _ = handle.held.replace(handle.keys.secret());
    let orders = every_interleaving(None, change, &[LOCK], |handle, ()| handle.holds_nothing());
    assert!(orders > 1, "{orders}");
    let orders =
        every_interleaving(preemptions(), change, &[LOCK, CALL], |handle, ()| handle.holds_nothing());
    assert!(orders > 20, "{orders}");
}
