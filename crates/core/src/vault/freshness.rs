//! What the memory of a process adds to a transaction: the newest rows it has seen, and how often it has refused.

use super::keys::KEYS;
use super::spend::STATES;
use crate::store::{RowKey, Table};

/// Remembers, in the memory of a process, the newest revisions that it has seen of rows that are never made a second
/// time (`CRYPTO.md` §1 (a)): bounded, and lost with the process.
pub trait Freshness: Send + Sync {
    /// The newest revision of this row that was noted; 0 when none is remembered.
    fn newest(&self, row: &RowKey) -> u64;
    /// Notes a revision of this row.
    fn note(&self, row: &RowKey, revision: u64);
}

/// Whether the rows of a table are under random ids, and so never made a second time.
pub(super) fn is_remembered(table: Table) -> bool {
    table == KEYS || table == STATES
}

/// Counts refusals in the memory of a process, so that junk buys no flush: bounded, and lost with the process.
pub trait Tally: Send + Sync {
    /// Counts one more refusal at this row, and answers how many there are since [`Tally::forget`].
    fn count(&self, row: &RowKey) -> u64;
    /// Begins again at this row, after the journal was told.
    fn forget(&self, row: &RowKey);
}
