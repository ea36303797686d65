//! The ids of settled changes, in memory: as many as are remembered, read from the file once and then followed.
//!
//! Every transaction that writes, of whatever process, leaves the ids that it settled: in its row of `recent`, or, where it
//! merges, in a row of `changes` together with those that stood in `recent`. So looking an id up costs no statement.

use std::collections::{HashMap, VecDeque};

use rusqlite::Connection;
use zamok_core::store::{ChangeId, Resolution};

use crate::recent::Mark;
use crate::sql::{self, Settled};

/// Surplus ids are forgotten so many at a time: seldom enough to cost nothing, few enough to delay nobody.
const STEP: usize = 256;

/// What was settled, as the last transaction of this handle saw it.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The latest transactions that are known.
    mark: Mark,
    settled: HashMap<ChangeId, Resolution>,
    /// Rows of `changes`, then of `recent`, oldest first, with the ids in each.
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
    /// Follows what other handles have merged into `changes`; answers the transaction after which `recent` is to be read and
    /// taken over by [`Ledger::push`]. Within a transaction that holds the write lock.
    pub(crate) fn follow(&mut self, connection: &Connection, mark: Mark) -> rusqlite::Result<i64> {
        if mark.last < self.mark.last {
            // An older file was put in the place of this one.
            *self = Self::default();
        }
        if mark.merged > self.mark.merged {
            // They stand in `changes` by now, under other numbers.
            self.take_recent();
            for (sequence, settled) in sql::list_changes(connection, self.mark.merged)? {
                self.push(sequence, settled);
            }
            self.mark = Mark { merged: mark.merged, last: mark.merged };
        }
        Ok(self.mark.last)
    }

    /// A page for the transaction that has just followed.
    pub(crate) fn page(&self) -> Page<'_> {
        Page { ledger: self, settled: Vec::new(), here: HashMap::new() }
    }

    /// How a change was settled before.
    pub(crate) fn find(&self, id: ChangeId) -> Option<Resolution> {
        self.settled.get(&id).copied()
    }

    /// The number of the present transaction.
    pub(crate) const fn next(&self) -> i64 {
        self.mark.last.saturating_add(1)
    }

    /// What stands in `recent`, in its order.
    pub(crate) fn recent(&self) -> Settled {
        let recent = self.rows.iter().filter(|(sequence, _)| *sequence > self.mark.merged);
        let how = |id: &ChangeId| Some((*id, self.find(*id)?));
        recent.flat_map(|(_, ids)| ids).filter_map(how).collect()
    }

    /// The newest row of `changes` that may be forgotten while `remembered` later ids stay, when it is worth it.
    pub(crate) fn surplus(&self, remembered: usize) -> Option<i64> {
        let surplus = self.settled.len().checked_sub(remembered).filter(|surplus| *surplus >= STEP)?;
        let mut forgotten = 0;
        let fits = |(sequence, ids): &&(i64, Vec<ChangeId>)| {
            forgotten += ids.len();
            *sequence <= self.mark.merged && forgotten <= surplus
        };
        self.rows.iter().take_while(fits).last().map(|(sequence, _)| *sequence)
    }

    /// A transaction has committed, and settled these.
    pub(crate) fn push(&mut self, sequence: i64, settled: Settled) {
        self.mark.last = sequence;
        self.rows.push_back((sequence, settled.iter().map(|(id, _)| *id).collect()));
        self.settled.extend(settled);
    }

    /// A transaction has merged: what stood in `recent` and what it settled itself is one row of `changes`, and rows up to
    /// `forgotten` are gone.
    pub(crate) fn merged(&mut self, sequence: i64, settled: Settled, forgotten: Option<i64>) {
        self.take_recent();
        self.push(sequence, settled);
        self.mark.merged = sequence;
        let gone = self.rows.iter().take_while(|(sequence, _)| Some(*sequence) <= forgotten).count();
        for (_, ids) in self.rows.drain(..gone) {
            for id in ids {
                self.settled.remove(&id);
            }
        }
    }

    /// Rows of `recent` are no rows any more; their ids stay settled.
    fn take_recent(&mut self) {
        while self.rows.back().is_some_and(|(sequence, _)| *sequence > self.mark.merged) {
            self.rows.pop_back();
        }
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
