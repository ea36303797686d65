//! The store contract: what any database must do to hold a vault, and nothing more.
//!
//! A store is not trusted. It holds sealed records, blind indexes and authenticated state, moves bytes and compares
//! versions; it decides nothing, and a missing row never grants anything. To add one, implement [`Store`] and run
//! the suite of `zamok-store-conformance` over it.
//!
//! **Rows.** A row is named by a [`Table`] and a key of 0 to [`Change::MAX_KEY`] bytes and holds a value of at most
//! [`Change::MAX_VALUE`] bytes. The store keeps a version beside it: 1 when the row is made, one more at every put.
//! Keys order as unsigned bytes. A row that was deleted and made again begins at 1.
//!
//! **Commits.** A [`Change`] is applied whole or not at all, and only when every expectation holds at that instant,
//! those on rows that are not written included. A mismatch is an answer ([`Outcome::Conflict`]), not an error.
//! A durable store answers [`Outcome::Committed`] only after the change would survive a power cut.
//!
//! **Unknown outcomes.** Every change has a random 128-bit [`ChangeId`]. A commit whose answer was lost is settled by
//! [`Store::resolve`]: it commits an abort marker under the same id; if that succeeds, the original can no longer
//! commit ([`Outcome::Fenced`]), if it fails, the original had committed. Committing an id that has
//! committed before answers [`Outcome::Committed`] and changes nothing.
//! A store remembers an id for at least [`Change::REMEMBERED`] later settled changes, committed or aborted: an abort marker
//! takes as much room as a commit. A change of expectations alone counts as settled, too.
//!
//! **Counters.** [`Change::add`] is for sums that would livelock under compare-and-set (budgets, caps). The store
//! adds, so they carry no authentication: they may decide whether to send or to wait, never whether a code is right.
//!
//! **Journal.** [`Change::append`] puts an event entry as a row that must be absent, named by its writer and the
//! writer's sequence: a second writer with the same name (a cloned machine) is a conflict, not a fork.

mod fault;
pub use fault::StoreFault;

#[cfg(feature = "alloc")]
mod change;
#[cfg(feature = "std")]
mod memory;
#[cfg(feature = "alloc")]
pub use change::{Add, Change, ChangeId, CounterKey, EntryId, Expect, RowKey, Table, Write};
#[cfg(feature = "std")]
pub use memory::MemoryStore;

#[cfg(feature = "alloc")]
pub use contract::{Capabilities, Cursor, Outcome, Page, Range, Resolution, Row, Store};

#[cfg(feature = "alloc")]
mod contract {
    use alloc::boxed::Box;
    use alloc::vec::Vec;

    use super::{Change, ChangeId, CounterKey, RowKey, StoreFault, Table};

    /// What holds the rows of a vault. See the module for the rules.
    ///
    /// Calls block; an asynchronous service wraps them in its runtime's pool for blocking work.
    pub trait Store: Send + Sync {
        /// What this store promises.
        fn capabilities(&self) -> Capabilities;

        /// The row as the last commit left it, or `None`. Never an older state than this caller has seen.
        ///
        /// # Errors
        /// A [`StoreFault`]; a missing row is no error.
        fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault>;

        /// Up to `limit` rows of a range in ascending order of keys, from `after` (exclusive) where one is given.
        ///
        /// A page is one consistent view; several pages need not be. A limit of 0 asks for nothing: the page is empty,
        /// and says nothing of what is left.
        ///
        /// # Errors
        /// A [`StoreFault`].
        fn scan(
            &self,
            table: Table,
            range: &Range,
            limit: usize,
            after: Option<&Cursor>,
        ) -> Result<Page, StoreFault>;

        /// Applies the change whole, or not at all.
        ///
        /// # Errors
        /// A [`StoreFault`]; after [`StoreFault::OutcomeUnknown`] ask [`Store::resolve`].
        fn commit(&self, change: &Change) -> Result<Outcome, StoreFault>;

        /// A view of this moment, for backups: later commits do not show in it, and nothing can be committed to it.
        /// `None` where the store has no such thing.
        ///
        /// # Errors
        /// A [`StoreFault`].
        fn snapshot(&self) -> Result<Option<Box<dyn Store>>, StoreFault> {
            Ok(None)
        }

        /// Settles a commit whose outcome is unknown, fencing it when it has not happened.
        ///
        /// # Errors
        /// A [`StoreFault`]; nothing is settled then, and the call may be repeated.
        fn resolve(&self, id: ChangeId) -> Result<Resolution, StoreFault>;

        /// The sum in a counter; 0 when nothing was ever added.
        ///
        /// # Errors
        /// A [`StoreFault`].
        fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault>;

        /// The sums in several counters, in their order: each as [`Store::counter`] tells it, not all of one moment.
        ///
        /// # Errors
        /// A [`StoreFault`].
        fn counters(&self, keys: &[CounterKey]) -> Result<Vec<u64>, StoreFault> {
            keys.iter().map(|key| self.counter(key)).collect()
        }
    }

    /// What a store promises beyond the contract; the conformance suite tests what is declared.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Capabilities {
        /// A committed change survives a crash and a power cut.
        pub durable: bool,
        /// Several processes may use it at once.
        pub multi_process: bool,
    }

    /// A row as stored.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Row {
        /// 1 when the row was made, one more at every put.
        pub version: u64,
        /// The bytes.
        pub value: Vec<u8>,
    }

    /// A range of keys: from `start` (inclusive) to `end` (exclusive; `None` is the end of the table).
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Range {
        /// First key.
        pub start: Vec<u8>,
        /// First key that is no longer meant.
        pub end: Option<Vec<u8>>,
    }

    impl Range {
        /// All keys.
        #[must_use]
        pub fn all() -> Self {
            Self::default()
        }

        /// All keys that begin with `prefix`.
        #[must_use]
        pub fn prefix(prefix: &[u8]) -> Self {
            // The first key after all those with the prefix: drop trailing 0xff, then add one to the last byte.
            let mut end = prefix.to_vec();
            while end.last() == Some(&u8::MAX) {
                end.pop();
            }
            let end = end.split_last().map(|(last, head)| [head, &[last + 1]].concat());
            Self { start: prefix.to_vec(), end }
        }

        /// Whether the range holds this key.
        #[must_use]
        pub fn contains(&self, key: &[u8]) -> bool {
            key >= self.start.as_slice() && self.end.as_ref().is_none_or(|end| key < end.as_slice())
        }
    }

    /// Where a page ended: its last key.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Cursor(pub Vec<u8>);

    /// Part of a scan.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Page {
        /// Keys and rows, ascending.
        pub rows: Vec<(Vec<u8>, Row)>,
        /// Where to go on; `None` when nothing was left.
        pub next: Option<Cursor>,
    }

    /// The answer to a commit.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[must_use]
    pub enum Outcome {
        /// The change happened, and is durable where the store says so.
        Committed,
        /// An expectation did not hold on this row. Nothing was changed: read again, decide again.
        Conflict(RowKey),
        /// This counter would have passed its ceiling. Nothing was changed.
        Capped(CounterKey),
        /// The change was aborted before by `resolve`. Nothing was changed, and it never will be.
        Fenced,
    }

    /// How an unknown outcome was settled.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[must_use]
    pub enum Resolution {
        /// The change had committed.
        Committed,
        /// It had not, and now never will.
        Aborted,
    }
}
