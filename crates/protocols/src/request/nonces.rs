//! Nonces that were used, kept in the store until nobody can use them any more: they survive restarts, and all processes see
//! the same. When as many are kept as policy allows, requests are refused; none is forgotten before its time.

use zamok_cabinet::{Cabinet, Error as CabinetError, RequestPolicy};
use zamok_core::hash::sha256;
use zamok_core::store::{Range, RowKey, Table};
use zamok_core::vault::Transaction;
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error as CoreError, UnixTime};

use crate::error::Error;

/// When a nonce may be forgotten, under the SHA-256 of what it was used for.
pub(crate) const SPENT_NONCES: Table = Table(59);

const FORMAT: u8 = 1;
/// Rows that are looked at beside each new one, and go when their time is over: the table keeps itself small, also where nobody
/// sweeps.
const BESIDE: usize = 4;

/// A nonce, with what it was used for: the same one under another key is another.
pub(crate) struct Nonce<'a> {
    pub(crate) kind: &'static str,
    pub(crate) key: &'a [u8; 32],
    pub(crate) nonce: &'a str,
}

impl Nonce<'_> {
    /// Of a signed request, by a registered key.
    pub(crate) const REQUEST: &'static str = "request";
    /// Of a proof of possession (`jti`), by any key.
    pub(crate) const PROOF: &'static str = "dpop";

    fn row(&self) -> RowKey {
        let kind = [self.kind.as_bytes(), &[0]].concat();
        RowKey::new(SPENT_NONCES, sha256(&[b"zamok/nonce/v1", &kind, self.key, self.nonce.as_bytes()]))
    }
}

/// Uses a nonce up, in a transaction of [`Cabinet::counting`].
///
/// # Errors
/// [`CoreError::Rejected`] when it was used before; [`Error::Full`] when no more are kept; a store's fault.
pub(crate) fn spend(
    tx: &mut Transaction<'_>,
    nonce: &Nonce<'_>,
    policy: &RequestPolicy,
) -> Result<(), Error> {
    let (now, row) = (tx.now(), nonce.row());
    if let Some(body) = tx.state(&row)?
        && now < due(&body)?
    {
        return Err(Error::REJECTED);
    }
    let sums = [(nonce.kind.as_bytes(), policy.everyone), (&nonce.key[..], policy.per_key)];
    // Keys of proofs cost nothing: a share for each would bound nobody, and leave a counter for each behind.
    let sums = if nonce.kind == Nonce::REQUEST { &sums[..] } else { &sums[..1] };
    Cabinet::count_in(tx, "nonces", policy.remembered, sums).map_err(|error| match error {
        CabinetError::TooMany { .. } => Error::Full,
        error => error.into(),
    })?;
    let mut writer = Writer::new();
    writer.u8(FORMAT).u64(now.plus(policy.remembered).0);
    tx.put_state(&row, writer.as_slice())?;
    forget(tx)
}

/// Removes what is over of a few rows that begin anywhere.
fn forget(tx: &mut Transaction<'_>) -> Result<(), Error> {
    let range = Range { start: tx.env().random::<32>().to_vec(), end: None };
    let page = tx.store().scan(SPENT_NONCES, &range, BESIDE, None).map_err(CoreError::from)?;
    for (key, row) in page.rows {
        let key = RowKey::new(SPENT_NONCES, key);
        // A row that somebody altered stays for the audit, and stops nobody here.
        let over = tx.keyring().verify(&key, &row).and_then(due).is_ok_and(|due| tx.now() >= due);
        // Read once more: what was scanned was a hint.
        if over
            && let Some(body) = tx.state(&key)?
            && tx.now() >= due(&body)?
        {
            tx.delete(&key)?;
        }
    }
    Ok(())
}

/// From when on a nonce may be forgotten.
pub(crate) fn due(body: &[u8]) -> Result<UnixTime, CoreError> {
    let mut reader = Reader::new(body);
    let found = reader.u8()?;
    if found != FORMAT {
        return Err(CoreError::Format { found: found.into(), supported: FORMAT.into() });
    }
    let due = UnixTime(reader.u64()?);
    reader.end()?;
    Ok(due)
}
