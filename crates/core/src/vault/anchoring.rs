//! Whether a vault opens only with an anchor (`docs/decisions/0061-anchors.md`).
//!
//! One authenticated row says so. Every vault has it from its first commit on, also where it says no, so that deleting it
//! opens nothing.

use super::keyring::Keyring;
use super::transaction::Transaction;
use crate::error::Error;
use crate::event::{Detail, EventKind};
use crate::store::{RowKey, Store, Table};

const VERSION: u8 = 1;
const NO: u8 = 0;
const YES: u8 = 1;

/// The row that says so, among the journal's checkpoints.
#[must_use]
pub fn row() -> RowKey {
    RowKey::new(Table(24), *b"anchor")
}

/// A new vault asks for none.
pub(super) fn begin(tx: &mut Transaction<'_>) -> Result<(), Error> {
    tx.put_state(&row(), &[VERSION, NO])
}

/// Has the vault open only with an anchor from now on, whoever opens it. Journalled, once: it is not taken back.
///
/// It guards against forgetting: that the anchor is asked is the work of whoever opens the vault. Whoever writes to the
/// store can put the row back to what it was together with its version; the audit of rows names that.
///
/// # Errors
/// [`Error::Refused`] when the row was altered or is missing; a store's fault.
pub fn require(tx: &mut Transaction<'_>) -> Result<(), Error> {
    let body = tx.state(&row())?.ok_or(Error::Refused)?;
    if decode(&body)? {
        return Ok(());
    }
    tx.put_state(&row(), &[VERSION, YES])?;
    tx.event(EventKind::AnchorRequired, None, &row(), &Detail::new()).map(|_| ())
}

/// Whether the vault opens only with an anchor.
///
/// # Errors
/// [`Error::Refused`] when the row was altered or is missing; a store's fault.
pub fn is_required(store: &dyn Store, keyring: &Keyring) -> Result<bool, Error> {
    let found = store.get(&row())?.ok_or(Error::Refused)?;
    decode(keyring.verify(&row(), &found)?)
}

fn decode(body: &[u8]) -> Result<bool, Error> {
    match body {
        [VERSION, NO] => Ok(false),
        [VERSION, YES] => Ok(true),
        _ => Err(Error::Refused),
    }
}
