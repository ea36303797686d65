//! Reading rows: `rows` as one view of the file has it, and the recent rows on top.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;

use rusqlite::Connection;
use zamok_core::store::{Cursor, Page, Range, Row, RowKey, Table};

use crate::recent::{Mark, Recent, Standing};
use crate::sql;

/// How often a view is taken anew because rows were merged meanwhile: more often than that happens in earnest.
const LOOKS: u32 = 10_000;

/// The recent rows, shared by those who read and the one who writes.
#[derive(Debug, Default)]
pub(crate) struct Shared(RwLock<Recent>);

impl Shared {
    // A panic while it is changed leaves at worst rows behind their mark, which are followed once more.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Recent> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Recent> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what others have put, as this view has it; answers what the view holds.
    pub(crate) fn follow(&self, connection: &Connection) -> rusqlite::Result<Mark> {
        let mark = sql::mark(connection)?;
        let recent = self.read();
        if recent.standing(mark) == Standing::Behind {
            let after = recent.known_of(mark);
            drop(recent);
            let batches = sql::list_recent(connection, after)?;
            self.write().follow(mark, batches.into_iter().map(|(_, batch)| batch).collect());
        }
        Ok(mark)
    }

    /// A row as the last commit left it.
    pub(crate) fn get(&self, connection: &Connection, key: &RowKey) -> rusqlite::Result<Option<Row>> {
        let (mark, row) = sql::find_row(connection, key)?;
        if let Some(answer) = self.on_top(mark, key, row) {
            return Ok(answer);
        }
        again(|| {
            let (mark, row) = sql::in_one_view(connection, || {
                self.follow(connection)?;
                sql::find_row(connection, key)
            })?;
            Ok(self.on_top(mark, key, row))
        })
    }

    /// The row, where this memory knows all that the view holds.
    fn on_top(&self, mark: Mark, key: &RowKey, row: Option<Row>) -> Option<Option<Row>> {
        let recent = self.read();
        (recent.standing(mark) == Standing::Current).then(|| recent.get(key).cloned().or(row))
    }

    /// A page as the last commit left it.
    pub(crate) fn scan(
        &self,
        connection: &Connection,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> rusqlite::Result<Page> {
        // The first key after k is k followed by a zero byte.
        let next_key = after.map(|cursor| [cursor.0.as_slice(), &[0]].concat()).unwrap_or_default();
        let (start, end) = (range.start.as_slice().max(&next_key), range.end.as_deref());
        // One more than asked for tells whether something is left.
        let most = limit.saturating_add(1);
        let rows = again(|| {
            sql::in_one_view(connection, || {
                let mark = self.follow(connection)?;
                // Taken at once: nobody who commits waits for the disk.
                let recent = {
                    let recent = self.read();
                    (recent.standing(mark) == Standing::Current)
                        .then(|| recent.range(table, start, end, most))
                };
                let Some(recent) = recent else { return Ok(None) };
                sql::scan(connection, table, start, end, most).map(|rows| Some(merged(rows, recent)))
            })
        });
        let mut rows = rows?;
        let is_cut = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| is_cut).map(|(key, _)| Cursor(key.clone()));
        Ok(Page { rows, next })
    }
}

/// Takes a view until one was not overtaken.
fn again<T>(mut look: impl FnMut() -> rusqlite::Result<Option<T>>) -> rusqlite::Result<T> {
    for _ in 0..LOOKS {
        if let Some(answer) = look()? {
            return Ok(answer);
        }
        thread::yield_now();
    }
    // The file has gone back behind what this handle has seen of it.
    Err(sql::damaged(0))
}

type Rows = Vec<(Vec<u8>, Row)>;

/// Both in the order of keys; where both have a row, the recent one counts.
fn merged(rows: Rows, recent: Rows) -> Rows {
    if recent.is_empty() {
        return rows;
    }
    let mut merged = Vec::with_capacity(rows.len() + recent.len());
    let mut recent = recent.into_iter().peekable();
    for row in rows {
        while let Some(before) = recent.next_if(|(key, _)| *key < row.0) {
            merged.push(before);
        }
        merged.push(recent.next_if(|(key, _)| *key == row.0).unwrap_or(row));
    }
    merged.extend(recent);
    merged
}
