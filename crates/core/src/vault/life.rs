//! Which rows may go away (`docs/formats/tables.md`, "The life of rows").
//!
//! A row that is deleted and made again begins at version 1 once more, so that an old copy of it would fit again. Only
//! rows under keys that never come again are therefore deleted: ids that are drawn at random, or numbers that are given
//! once. All others are emptied: an authenticated row that says that nothing is there keeps counting.

use crate::store::Table;

/// What becomes of a row that is not needed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It is emptied and stays: its key can come again.
    Stays,
    /// It is deleted, and the journal tells: its key never comes again.
    Leaves,
    /// It is deleted once its time is over, and the journal need not tell: its absence grants nothing.
    Expires,
}

/// The life of a table's rows; a table that is not known stays.
#[must_use]
pub const fn life(table: Table) -> Life {
    match table.0 {
        1..=4 | 16..=18 | 30..=32 | 36 | 39 | 44 | 45 => Life::Leaves,
        5 | 7 | 23 | 35 | 37 | 43 | 46 | 53 | 54 | 56 | 59 | 64 | 65 | 67 => Life::Expires,
        _ => Life::Stays,
    }
}

/// Whether rows of this table, outside of the vault's own and the journal's, carry neither seal nor MAC: they are
/// believed because of something else (`docs/formats/tables.md`).
#[must_use]
pub const fn is_plain(table: Table) -> bool {
    matches!(table.0, 5 | 31 | 54 | 64)
}

/// Whether rows of this table die when a backup is restored, because nobody knows what has become of them since
/// (`CRYPTO.md` §5): whatever expires and lets somebody in, and recovery codes, any of which may have been used.
///
/// Hints and what tells of messages grant nothing and live: the archive, the feed, where devices are reached. What counts the guesses of
/// a known device, and nonces that were used, keep somebody out, and live as well.
#[must_use]
pub const fn dies_at_restore(table: Table) -> bool {
    let lives =
        matches!(table.0, DEVICE_FAILURES | ARCHIVE | SPENT_NONCES | FEED | SUBSCRIPTIONS) || is_plain(table);
    (matches!(life(table), Life::Expires) && !lives) || table.0 == RECOVERY_CODES
}

// Tables of the cabinet, and of what stands beside it (`docs/formats/tables.md`).
const RECOVERY_CODES: u16 = 41;
const DEVICE_FAILURES: u16 = 46;
const ARCHIVE: u16 = 53;
const SPENT_NONCES: u16 = 59;
const FEED: u16 = 65;
const SUBSCRIPTIONS: u16 = 67;
