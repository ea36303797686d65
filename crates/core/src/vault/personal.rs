//! Personal data: sealed under a key of the person's own, so that deleting that key erases it (`CRYPTO.md` §5, R27).
//!
//! The key is a sealed record under the person's pseudonym. What it seals may lie in any row: the place is bound as
//! associated data. Once the key's row is gone, nothing opens what was sealed, and what was copied elsewhere before lies under
//! a data key that can go as well.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::keyring::Keyring;
use super::record;
use super::transaction::Transaction;
use crate::error::Error;
use crate::event::{Detail, EventKind, Subject};
use crate::store::{RowKey, Store, Table};

/// Keys of persons: sealed records under the person's pseudonym.
pub const PERSONAL_KEYS: Table = Table(39);

const LABEL: &[u8] = b"zamok/personal/v1";
const KEY: usize = 32;

fn row(subject: Subject) -> RowKey {
    RowKey::new(PERSONAL_KEYS, subject.0)
}

/// Draws the key of a new person.
///
/// # Errors
/// [`Error::Refused`] when there is one; a store's fault.
pub fn begin(tx: &mut Transaction<'_>, subject: Subject) -> Result<(), Error> {
    if tx.record(&row(subject))?.is_some() {
        return Err(Error::Refused);
    }
    let key = Zeroizing::new(tx.env().random::<KEY>());
    tx.put_record(&row(subject), &[], key.as_slice())
}

/// Seals a person's data for one place.
///
/// # Errors
/// [`Error::Refused`] when the person was erased; a store's fault.
pub fn seal(tx: &mut Transaction<'_>, subject: Subject, place: &[u8], body: &[u8]) -> Result<Vec<u8>, Error> {
    let key = tx.record(&row(subject))?.ok_or(Error::Refused)?;
    let mut sealed = record::seal(&key.body, LABEL, place, body, &mut tx.env());
    // The place is known to whoever opens it.
    sealed.drain(..place.len());
    Ok(sealed)
}

/// Opens what was sealed for this place; `None` when the person was erased.
///
/// # Errors
/// [`Error::Refused`] for anything that was not sealed for this person and place; a store's fault.
pub fn open(
    tx: &mut Transaction<'_>,
    subject: Subject,
    place: &[u8],
    sealed: &[u8],
) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let Some(key) = tx.record(&row(subject))? else { return Ok(None) };
    let open = || record::open(&key.body, LABEL, place, sealed);
    tx.known().personal(&key, (place, sealed), open).map(Some)
}

/// The same outside of a transaction, for audits.
///
/// # Errors
/// As [`open`].
pub fn read(
    store: &dyn Store,
    keyring: &Keyring,
    subject: Subject,
    place: &[u8],
    sealed: &[u8],
) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let key = row(subject);
    let Some(found) = store.get(&key)? else { return Ok(None) };
    record::open(&keyring.open(&key, &found)?.body, LABEL, place, sealed).map(Some)
}

/// Deletes the key: what it sealed is erased; journalled with the reason.
///
/// # Errors
/// A store's fault.
pub fn erase(tx: &mut Transaction<'_>, subject: Subject, reason: &str) -> Result<(), Error> {
    tx.delete(&row(subject))?;
    let detail = Detail::new().with("reason", reason);
    tx.event(EventKind::PersonErased, Some(subject), &row(subject), &detail).map(|_| ())
}
