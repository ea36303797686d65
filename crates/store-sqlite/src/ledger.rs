//! The ids of settled changes, in memory: as many as are remembered, read from the file once and then followed.
//!
//! Every transaction that writes, of whatever process, leaves one row with the ids that it settled. So the number of
//! the latest row tells whether anybody else has written, and looking an id up costs no statement.

use std::collections::{HashMap, VecDeque};

use rusqlite::Connection;
use zamok_core::store::{ChangeId, Resolution};

use crate::sql::{self, Settled};

/// Surplus ids are forgotten so many at a time: seldom enough to cost nothing, few enough to delay nobody.
const STEP: usize = 256;

/// What was settled, as the last transaction of this handle saw it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The latest row that is known; 0 before the first.
    last: i64,
    settled: HashMap<ChangeId, Resolution>,
    /// Rows, oldest first, with the ids in each.
    rows: VecDeque<(i64, Vec<ChangeId>)>,
}

/// What a transaction settles, on top of the ledger; nothing of it counts before its commit.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    ledger: &'a Ledger,
    settled: Settled,
    here: HashMap<ChangeId, Resolution>,
}

impl Ledger {
    /// Follows what other handles have settled. Within a transaction that holds the write lock.
    pub(crate) fn follow(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let last = sql::last_change(connection)?;
        if last == self.last {
            return Ok(());
        }
        if last < self.last {
            // An older file was put in the place of this one.
            *self = Self::default();
        }
        for (sequence, settled) in sql::list_changes(connection, self.last)? {
            self.push(sequence, settled);
        }
        Ok(())
    }

    /// A page for the transaction that has just followed.
    pub(crate) fn page(&self) -> Page<'_> {
        Page { ledger: self, settled: Vec::new(), here: HashMap::new() }
    }

    /// How a change was settled before.
    pub(crate) fn find(&self, id: ChangeId) -> Option<Resolution> {
        self.settled.get(&id).copied()
    }

    /// The number of the row that the present transaction leaves.
    pub(crate) fn next(&self) -> i64 {
        self.last.saturating_add(1)
    }

    /// The newest row that may be forgotten while `remembered` later ids stay, when it is worth it.
    pub(crate) fn surplus(&self, remembered: usize) -> Option<i64> {
        let surplus = self.settled.len().checked_sub(remembered).filter(|surplus| *surplus >= STEP)?;
        let mut forgotten = 0;
        let fits = |(_, ids): &&(i64, Vec<ChangeId>)| {
            forgotten += ids.len();
            forgotten <= surplus
        };
        self.rows.iter().take_while(fits).last().map(|(sequence, _)| *sequence)
    }

    /// The transaction has committed: what it settled is settled, what it forgot is forgotten.
    pub(crate) fn turn(&mut self, settled: Settled, forgotten: Option<i64>) {
        self.push(self.next(), settled);
        let gone = self.rows.iter().take_while(|(sequence, _)| Some(*sequence) <= forgotten).count();
        for (_, ids) in self.rows.drain(..gone) {
            for id in ids {
                self.settled.remove(&id);
            }
        }
    }

    fn push(&mut self, sequence: i64, settled: Settled) {
        self.last = sequence;
        self.rows.push_back((sequence, settled.iter().map(|(id, _)| *id).collect()));
        self.settled.extend(settled);
    }
}

impl Page<'_> {
    /// How a change was settled, here or before.
    pub(crate) fn find(&self, id: ChangeId) -> Option<Resolution> {
        self.here.get(&id).copied().or_else(|| self.ledger.find(id))
    }

    /// Settles a change.
    pub(crate) fn settle(&mut self, id: ChangeId, how: Resolution) {
        self.here.insert(id, how);
        self.settled.push((id, how));
    }

    /// Everything that was settled here, in its order.
    pub(crate) fn into_settled(self) -> Settled {
        self.settled
    }
}
