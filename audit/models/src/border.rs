//! The border between a process and its store, where processes meet and nowhere else: at every question that one asks,
//! loom may let others go first.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use loom::model::Builder;
use loom::thread;
use zamok_core::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, Outcome, Page, Range, Resolution, Row, RowKey, Store,
    StoreFault, Table,
};

use crate::harness::tell;

/// A store that answers one question at a time, in an order that loom chooses.
pub(crate) struct Border<'a> {
    inner: &'a dyn Store,
    order: &'a loom::sync::Mutex<()>,
}

impl Border<'_> {
    fn next(&self) -> loom::sync::MutexGuard<'_, ()> {
        self.order.lock().expect("nobody panics with it")
    }
}

impl Store for Border<'_> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        let _order = self.next();
        self.inner.get(key)
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, StoreFault> {
        let _order = self.next();
        self.inner.scan(table, range, limit, after)
    }

    fn commit(&self, change: &Change) -> Result<Outcome, StoreFault> {
        let _order = self.next();
        self.inner.commit(change)
    }

    fn resolve(&self, id: ChangeId) -> Result<Resolution, StoreFault> {
        let _order = self.next();
        self.inner.resolve(id)
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        let _order = self.next();
        self.inner.counter(key)
    }
}

/// What one process does.
pub(crate) type Process<S> = fn(&S, &Border<'_>);

/// A thread with room for what ships: 2 MiB of stack. Loom's own have 32 KiB.
fn roomy(run: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    let words = (2 << 20) / size_of::<usize>();
    thread::Builder::new().stack_size(words).spawn(run).expect("a thread of the model")
}

/// Runs the processes at once over the store of a scene, in every order of their questions in which nobody is interrupted
/// more often than `preemptions` says (`None`: in every order at all). `begin` makes the scene, the same each time; `end`
/// looks at it. Answers how many orders there were.
pub(crate) fn every_order<S: Send + Sync + 'static>(
    preemptions: Option<usize>,
    begin: fn() -> S,
    store: fn(&S) -> &dyn Store,
    processes: &'static [Process<S>],
    end: fn(&S),
) -> usize {
    let mut model = Builder::new();
    model.preemption_bound = preemptions;
    let orders = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&orders);
    model.check(move || {
        counted.fetch_add(1, Relaxed);
        let run = move || {
            let scene = std::sync::Arc::new(begin());
            let order = loom::sync::Arc::new(loom::sync::Mutex::new(()));
            let running: Vec<_> = processes
                .iter()
                .map(|process| {
                    let (scene, order) = (std::sync::Arc::clone(&scene), loom::sync::Arc::clone(&order));
                    roomy(move || process(&scene, &Border { inner: store(&scene), order: &order }))
                })
                .collect();
            running.into_iter().for_each(|process| process.join().expect("no panic"));
            end(&scene);
        };
        roomy(run).join().expect("no panic");
    });
    let orders = orders.load(Relaxed);
    tell(&format!("{orders} orders"));
    orders
}
