//! Rows that were put since the table `rows` was last brought up to date, in memory as the table `recent` has them.
//!
//! A transaction appends everything that it puts to one place of the file instead of writing it to many. Once there is
//! enough of it, or something has to be gone at once, a transaction merges all of it into `rows`, each row once and in
//! the order of keys. Nothing is ever deleted in `recent`: a transaction that deletes merges.
//!
//! Every transaction that settles something has the next number. It stands in `recent`, or, where it has merged, in
//! `changes`: so the first and the last number in `recent` say what a view of the file holds, and what this memory lacks.

use std::collections::BTreeMap;

use zamok_core::store::{Row, RowKey, Table};

/// What a view of the file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The last transaction that is merged into `rows`.
    pub(crate) merged: i64,
    /// The last transaction of all.
    pub(crate) last: i64,
}

/// What a transaction that did not merge has put.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) sequence: i64,
    pub(crate) rows: Vec<(RowKey, Row)>,
    /// How much room it takes in the file.
    pub(crate) bytes: usize,
}

/// How this memory stands to a view of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It knows all that the view holds; perhaps it knows of later commits, too.
    Current,
    /// The view holds transactions of others that this memory lacks.
    Behind,
    /// Rows that the view has in `recent` were merged since: look at the file again.
    Ahead,
}

/// The recent rows.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    mark: Mark,
    /// The latest state of each row, and the transaction that left it.
    rows: BTreeMap<RowKey, (i64, Row)>,
    /// How much room they take in the file.
    bytes: usize,
}

impl Recent {
    pub(crate) fn standing(&self, view: Mark) -> Standing {
        if view.merged < self.mark.merged {
            Standing::Ahead
        } else if view.merged > self.mark.merged || view.last > self.mark.last {
            Standing::Behind
        } else {
            Standing::Current
        }
    }

    /// The transaction after which a view has to be read to follow it.
    pub(crate) fn known_of(&self, view: Mark) -> i64 {
        self.mark.last.max(view.merged)
    }

    /// Takes over what a view holds: what was merged, and those of `batches` that come next.
    pub(crate) fn follow(&mut self, view: Mark, batches: Vec<Batch>) {
        self.merged(view.merged);
        batches.into_iter().for_each(|batch| self.put(batch));
    }

    /// The next transaction has put these rows; one that is known already changes nothing.
    pub(crate) fn put(&mut self, batch: Batch) {
        let Batch { sequence, rows, bytes } = batch;
        if sequence != self.mark.last.saturating_add(1) {
            return;
        }
        self.rows.extend(rows.into_iter().map(|(key, row)| (key, (sequence, row))));
        self.bytes += bytes;
        self.mark.last = sequence;
    }

    /// A transaction has merged everything up to itself.
    pub(crate) fn merged(&mut self, sequence: i64) {
        if sequence <= self.mark.merged {
            return;
        }
        if sequence >= self.mark.last {
            *self = Self { mark: Mark { merged: sequence, last: sequence }, ..Self::default() };
        } else {
            self.rows.retain(|_, (left_by, _)| *left_by > sequence);
            self.mark.merged = sequence;
            self.bytes = self.rows.iter().map(|(key, (_, row))| key.key.len() + row.value.len()).sum();
        }
    }

    /// The row as it is here; where it is not, `rows` has it.
    pub(crate) fn get(&self, key: &RowKey) -> Option<&Row> {
        self.rows.get(key).map(|(_, row)| row)
    }

    /// Everything, in the order of keys.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&RowKey, &Row)> {
        self.rows.iter().map(|(key, (_, row))| (key, row))
    }

    /// Up to `most` rows of a table from `start` to `end` (exclusive; `None` is the end of the table), in the order of keys.
    pub(crate) fn range(
        &self,
        table: Table,
        start: &[u8],
        end: Option<&[u8]>,
        most: usize,
    ) -> Vec<(Vec<u8>, Row)> {
        let rows = self.rows.range(RowKey::new(table, start)..);
        rows.take_while(|(key, _)| key.table == table && end.is_none_or(|end| key.key.as_slice() < end))
            .take(most)
            .map(|(key, (_, row))| (key.key.clone(), row.clone()))
            .collect()
    }

    /// How much room they take in the file.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing waits for being merged.
    pub(crate) const fn is_merged(&self) -> bool {
        self.mark.last == self.mark.merged
    }

    pub(crate) const fn last(&self) -> i64 {
        self.mark.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(sequence: i64, keys: &[u8]) -> Batch {
        let row = |key: &u8| {
            (RowKey::new(Table(900), [*key]), Row { version: sequence.unsigned_abs(), value: vec![*key] })
        };
        Batch { sequence, rows: keys.iter().map(row).collect(), bytes: keys.len() }
    }

    fn version(recent: &Recent, key: u8) -> Option<u64> {
        recent.get(&RowKey::new(Table(900), [key])).map(|row| row.version)
    }

    #[test]
    fn a_view_of_transactions_of_others_is_followed_and_an_older_one_is_looked_at_again() {
        let mut recent = Recent::default();
        let view = |merged, last| Mark { merged, last };
        assert_eq!(recent.standing(view(0, 2)), Standing::Behind);
        recent.follow(view(0, 2), vec![batch(1, &[1, 2]), batch(2, &[2])]);
        assert_eq!([version(&recent, 1), version(&recent, 2)], [Some(1), Some(2)]);
        assert_eq!(recent.standing(view(0, 2)), Standing::Current);
        assert_eq!(recent.standing(view(0, 1)), Standing::Current, "it may know more");
        // Another process has merged at 3, and put something since.
        assert_eq!(recent.known_of(view(3, 4)), 3);
        recent.follow(view(3, 4), vec![batch(4, &[1])]);
        assert_eq!([version(&recent, 1), version(&recent, 2)], [Some(4), None]);
        assert_eq!(recent.standing(view(0, 2)), Standing::Ahead);
        // What was read of an older view adds nothing.
        recent.follow(view(3, 4), vec![batch(4, &[2])]);
        assert_eq!(version(&recent, 2), None);
    }

    #[test]
    fn what_was_put_after_a_merge_stays() {
        let mut recent = Recent::default();
        for sequence in 1..=3 {
            recent.put(batch(sequence, &[1, u8::try_from(sequence).unwrap() + 10]));
        }
        recent.merged(2);
        assert_eq!([1, 11, 12, 13].map(|key| version(&recent, key)), [Some(3), None, None, Some(3)]);
        assert!(!recent.is_merged());
        recent.merged(4);
        assert!(recent.is_merged() && recent.bytes() == 0);
    }
}
