//! Retention: families and nonces whose time is over are removed, in small steps beside the work.

use zamok_cabinet::{Cabinet, Error};
use zamok_core::store::{Range, RowKey, Table};
use zamok_core::vault::Transaction;
use zamok_core::{Error as CoreError, UnixTime};

use crate::request::{SPENT_NONCES, nonce_due};
use crate::token::{FAMILIES, family_due};

/// Most rows that one step looks at, and so most that one commit removes.
const STEP: usize = 64;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Rows that were looked at.
    pub seen: u64,
    /// Rows that were removed.
    pub removed: u64,
    /// Rows that could not be read, and stay for the audit.
    pub unread: u64,
}

/// Removes every family of refresh tokens whose session is over in any case, and every nonce that nobody can use any more. Call
/// it from any thread or process, once a night; several at once only share the work. [`Cabinet::sweep`] does the cabinet's
/// own rows.
///
/// # Errors
/// The vault's and the store's.
pub fn sweep(cabinet: &Cabinet) -> Result<Cleared, Error> {
    let mut cleared = Cleared::default();
    for table in [FAMILIES, SPENT_NONCES] {
        let mut after = None;
        loop {
            let (over, next) = cabinet.vault().read(|store, keyring| {
                let page = store.scan(table, &Range::all(), STEP, after.as_ref())?;
                let mut over = Vec::new();
                for (key, row) in page.rows {
                    cleared.seen += 1;
                    let key = RowKey::new(table, key);
                    let due = if table == FAMILIES {
                        keyring.open(&key, &row).and_then(|opened| family_due(&opened.body))
                    } else {
                        keyring.verify(&key, &row).and_then(nonce_due)
                    };
                    match due {
                        Ok(due) if cabinet.vault().now() >= due => over.push(key),
                        Ok(_) => {}
                        Err(CoreError::Refused | CoreError::Format { .. }) => cleared.unread += 1,
                        Err(error) => return Err(error),
                    }
                }
                Ok((over, page.next))
            })?;
            if !over.is_empty() {
                cleared.removed += cabinet.vault().transact(|tx| {
                    let mut removed = 0;
                    for key in &over {
                        // Read once more: what was scanned was a hint.
                        if due(tx, table, key)?.is_some_and(|due| tx.now() >= due) {
                            tx.delete(key)?;
                            removed += 1;
                        }
                    }
                    Ok::<u64, Error>(removed)
                })?;
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(cleared)
}

fn due(tx: &mut Transaction<'_>, table: Table, key: &RowKey) -> Result<Option<UnixTime>, CoreError> {
    if table == FAMILIES {
        tx.record(key)?.map(|opened| family_due(&opened.body)).transpose()
    } else {
        tx.state(key)?.map(|body| nonce_due(&body)).transpose()
    }
}
