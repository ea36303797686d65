//! Refusals that no row tells of: counted in memory until the journal's summary (`CRYPTO.md` §4).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zamok_core::store::RowKey;
use zamok_core::vault::Tally;

/// How many rows are counted at once, some 8 MB of them. Refusals at further rows each count as the first.
const ROWS: usize = 1 << 16;

/// Refusals since the last summary, a count for each row. Lost with the process: the attempts were refused anyhow.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    counts: Mutex<HashMap<RowKey, u64>>,
}

impl Refusals {
    // A count is changed in one step, so what a panicking thread leaves behind is sound.
    fn counts(&self) -> MutexGuard<'_, HashMap<RowKey, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally for Refusals {
    fn count(&self, row: &RowKey) -> u64 {
        let mut counts = self.counts();
        if let Some(count) = counts.get_mut(row) {
            *count = count.saturating_add(1);
            return *count;
        }
        if counts.len() < ROWS {
            counts.insert(row.clone(), 1);
        }
        1
    }

    fn forget(&self, row: &RowKey) {
        self.counts().remove(row);
    }
}

#[cfg(test)]
mod tests {
    use zamok_core::store::Table;

    use super::*;

    fn row(number: usize) -> RowKey {
        RowKey::new(Table(900), number.to_be_bytes())
    }

    #[test]
    fn each_row_counts_for_itself_and_begins_again_when_forgotten() {
        let refusals = Refusals::default();
        assert_eq!([1, 1, 2, 1].map(|number| refusals.count(&row(number))), [1, 2, 1, 3]);
        refusals.forget(&row(1));
        assert_eq!([1, 2].map(|number| refusals.count(&row(number))), [1, 2]);
    }

    #[test]
    fn a_flood_of_rows_is_bounded_and_keeps_what_was_counted() {
        let refusals = Refusals::default();
        for number in 0..ROWS + 1000 {
            assert_eq!(refusals.count(&row(number)), 1);
        }
        assert_eq!(refusals.counts().len(), ROWS);
        assert_eq!(refusals.count(&row(0)), 2);
        assert_eq!(refusals.count(&row(ROWS + 1)), 1);
    }
}
