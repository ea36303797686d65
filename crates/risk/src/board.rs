//! Where counts and habits lie: in the store, through a transaction, or in memory, where a log is replayed.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use zamok_cabinet::{AccountId, Error, watch};
use zamok_core::Error as CoreError;
use zamok_core::store::{CounterKey, Row, RowKey};
use zamok_core::vault::Transaction;

use crate::cell::Step;
use crate::habits::Habits;

/// The name of a cell.
pub(crate) type Cell = [u8; 18];

/// Where counts and habits lie.
pub(crate) trait Board {
    /// What can happen to it.
    type Error;
    /// What a cell holds; 0 where nothing was ever added.
    fn cell(&self, cell: &Cell) -> Result<u64, Self::Error>;
    /// Adds to a cell.
    fn add(&mut self, cell: &Cell, step: Step);
    /// What is remembered of an account.
    fn habits(&mut self, account: AccountId) -> Result<Habits, Self::Error>;
    /// Remembers.
    fn keep(&mut self, account: AccountId, habits: &Habits) -> Result<(), Self::Error>;
}

/// In the store.
pub(crate) struct Stored<'a, 't> {
    pub(crate) tx: &'a mut Transaction<'t>,
    pub(crate) opened: &'a Opened,
}

/// Habits that were opened, with the sealed row that they came from: opening takes longer than all else. Bounded; what it
/// says of a row that has changed counts no more.
#[derive(Debug, Default)]
pub(crate) struct Opened(Mutex<HashMap<AccountId, (Row, Habits)>>);

impl Opened {
    /// Accounts at once. A full cache is emptied.
    const MOST: usize = 4096;

    fn find(&self, account: AccountId, row: &Row) -> Option<Habits> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&account).filter(|(known, _)| known == row).map(|(_, habits)| habits.clone())
    }

    fn keep(&self, account: AccountId, row: Row, habits: &Habits) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::MOST {
            known.clear();
        }
        known.insert(account, (row, habits.clone()));
    }
}

impl Board for Stored<'_, '_> {
    type Error = Error;

    fn cell(&self, cell: &Cell) -> Result<u64, Error> {
        Ok(self.tx.store().counter(&CounterKey(cell.to_vec())).map_err(CoreError::from)?)
    }

    fn add(&mut self, cell: &Cell, Step { delta, ceiling }: Step) {
        self.tx.add(CounterKey(cell.to_vec()), delta, ceiling);
    }

    fn habits(&mut self, account: AccountId) -> Result<Habits, Error> {
        let key: RowKey = watch::habits_row(account);
        let Some(row) = self.tx.plain(&key)? else { return Ok(Habits::default()) };
        if let Some(habits) = self.opened.find(account, &row) {
            return Ok(habits);
        }
        let opened = self.tx.record(&key)?.ok_or(CoreError::Refused)?;
        let habits = Habits::decode(&opened.body)?;
        self.opened.keep(account, row, &habits);
        Ok(habits)
    }

    fn keep(&mut self, account: AccountId, habits: &Habits) -> Result<(), Error> {
        Ok(self.tx.put_record(&watch::habits_row(account), &[], habits.encode().as_slice())?)
    }
}

/// In memory.
#[derive(Debug, Default)]
pub(crate) struct InMemory {
    cells: HashMap<Cell, u64>,
    habits: HashMap<AccountId, Habits>,
}

#[cfg(test)]
impl InMemory {
    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }
}

impl Board for InMemory {
    type Error = Infallible;

    fn cell(&self, cell: &Cell) -> Result<u64, Infallible> {
        Ok(self.cells.get(cell).copied().unwrap_or(0))
    }

    fn add(&mut self, cell: &Cell, step: Step) {
        *self.cells.entry(*cell).or_default() += step.delta;
    }

    fn habits(&mut self, account: AccountId) -> Result<Habits, Infallible> {
        Ok(self.habits.get(&account).cloned().unwrap_or_default())
    }

    fn keep(&mut self, account: AccountId, habits: &Habits) -> Result<(), Infallible> {
        self.habits.insert(account, habits.clone());
        Ok(())
    }
}
