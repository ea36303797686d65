//! A decided commit, whose outcome nobody sees before the store has taken it.

use alloc::sync::Arc;

use super::cache::KeyCache;
use super::chain::Writer;
use super::freshness::{Freshness, is_remembered};
use super::spend::STATES;
use crate::error::Error;
use crate::store::{Change, CounterKey, Outcome, Resolution, Row, RowKey, Store, StoreFault, Write};

/// A commit that was decided but has not happened: only [`Pending::commit`] shows its outcome.
#[must_use]
pub struct Pending<'a, T> {
    pub(super) store: &'a dyn Store,
    pub(super) change: Change,
    pub(super) step: Step,
    pub(super) outcome: T,
    pub(super) writer: Writer,
    pub(super) freshness: Option<&'a dyn Freshness>,
    pub(super) cache: Option<&'a dyn KeyCache>,
}

/// What is left to do.
pub(super) enum Step {
    Commit,
    /// Nothing is written; this row changed while others were read.
    Idle(Option<RowKey>),
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

    /// The rows on which the commit rests, in order of keys; none where nothing is written.
    pub fn rows(&self) -> impl Iterator<Item = &RowKey> {
        self.change.expectations().map(|(row, _)| row)
    }

    /// Commits, and only then shows the outcome. Without writes and events nothing is left to do but to tell whether
    /// the rows held still while they were read.
    ///
    /// # Errors
    /// A store's fault; nothing may be told to anyone then, and the chain must not be used again.
    pub fn commit(self) -> Result<Committed<T>, Error> {
        match self.step {
            Step::Idle(None) => return Ok(Committed::Done(self.outcome, self.writer)),
            Step::Idle(Some(row)) => return Ok(Committed::Conflict(row)),
            Step::Commit => {}
        }
        match self.store.commit(&self.change) {
            Ok(Outcome::Committed) => Ok(self.done()),
            Ok(Outcome::Conflict(row)) => Ok(Committed::Conflict(row)),
            Ok(Outcome::Capped(counter)) => Ok(Committed::Capped(counter)),
            // Nothing was written, and never will be: the id was aborted before.
            Ok(Outcome::Fenced) => Err(StoreFault::Unavailable.into()),
            Err(StoreFault::OutcomeUnknown) => self.settle(),
            Err(fault) => Err(fault.into()),
        }
    }

    fn done(self) -> Committed<T> {
        for part in self.change.parts().filter(|part| is_remembered(part.key.table)) {
            let Some(Write::Put(value)) = &part.write else { continue };
            let (row, version) = (&part.key, part.next_version());
            if let Some(freshness) = self.freshness {
                freshness.note(row, version);
            }
            // Records of keys are kept when they are opened, since opening them is what takes time.
            if let Some(cache) = self.cache.filter(|_| row.table == STATES) {
                cache.keep_row(row, &Arc::new(Row { version, value: value.clone() }));
            }
        }
        Committed::Done(self.outcome, self.writer)
    }

    fn settle(self) -> Result<Committed<T>, Error> {
        for _ in 0..Self::RESOLVES {
            match self.store.resolve(self.change.id()) {
                Ok(Resolution::Committed) => return Ok(self.done()),
                Ok(Resolution::Aborted) => return Err(StoreFault::Unavailable.into()),
                // Why it cannot be settled says nothing of the commit: most faults would say that nothing was written.
                Err(_) => {}
            }
        }
        Err(StoreFault::OutcomeUnknown.into())
    }
}
