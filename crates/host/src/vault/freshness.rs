//! The newest revisions that this process has seen (`CRYPTO.md` §1 (a)): a bounded table in memory.

use std::sync::{Mutex, PoisonError};

use zamok_core::store::RowKey;
use zamok_core::vault::Freshness;

const SHARDS: usize = 64;
const PLACES: usize = 512;

/// Fingerprints and revisions; empty until it is used.
type Shard = Vec<(u64, u64)>;

/// Up to 32,768 rows, 512 KiB of them. A row that comes to the place of another takes it.
///
/// Rows of these tables are named by random ids, so that parts of the id serve as fingerprint and as place.
pub(super) struct Newest {
    shards: Vec<Mutex<Shard>>,
}

impl Default for Newest {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl std::fmt::Debug for Newest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Newest")
    }
}

impl Newest {
    fn with<T>(&self, row: &RowKey, f: impl FnOnce(u64, &mut (u64, u64)) -> T) -> Option<T> {
        let fingerprint = u64::from_le_bytes(*row.key.first_chunk()?).rotate_left(row.table.0.into());
        let place = u64::from_le_bytes(*row.key.last_chunk()?) ^ u64::from(row.table.0);
        let place = usize::try_from(place % (SHARDS * PLACES) as u64).unwrap_or(0);
        // A place is changed in one step, so what a panicking thread leaves behind is sound.
        let mut shard = self.shards[place % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        if shard.is_empty() {
            *shard = vec![(0, 0); PLACES];
        }
        Some(f(fingerprint, &mut shard[place / SHARDS]))
    }
}

impl Freshness for Newest {
    fn newest(&self, row: &RowKey) -> u64 {
        let remembered =
            |fingerprint, place: &mut (u64, u64)| if place.0 == fingerprint { place.1 } else { 0 };
        self.with(row, remembered).unwrap_or(0)
    }

    fn note(&self, row: &RowKey, revision: u64) {
        self.with(row, |fingerprint, place| {
            if place.0 != fingerprint || place.1 < revision {
                *place = (fingerprint, revision);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use zamok_core::store::Table;

    use super::*;

    fn row(number: u64, table: u16) -> RowKey {
        RowKey::new(Table(table), [number.to_le_bytes(), (number * 977).to_le_bytes()].concat())
    }

    #[test]
    fn the_newest_revision_of_each_row_is_kept_and_never_lowered() {
        let newest = Newest::default();
        for (revision, expected) in [(3, 3), (9, 9), (4, 9)] {
            newest.note(&row(1, 2), revision);
            assert_eq!(newest.newest(&row(1, 2)), expected);
        }
        assert_eq!([row(2, 2), row(1, 3)].map(|row| newest.newest(&row)), [0, 0]);
        assert_eq!(newest.newest(&RowKey::new(Table(2), *b"short")), 0);
    }

    #[test]
    fn a_flood_of_rows_is_bounded_and_forgets_instead_of_mixing_rows_up() {
        let newest = Newest::default();
        for number in 1..=100_000 {
            newest.note(&row(number, 2), number);
        }
        let kept = (1..=100_000).filter(|number| match newest.newest(&row(*number, 2)) {
            0 => false,
            found => {
                assert_eq!(found, *number);
                true
            }
        });
        let kept = kept.count();
        assert!((SHARDS * PLACES / 4..=SHARDS * PLACES).contains(&kept), "{kept}");
    }
}
