//! Retention: rows whose time is over are removed, in small steps beside the work, and sessions that nobody came back to
//! are ended.
//!
//! A step reads one page of a table, without a lock, and removes in one commit what is over in it. There is no index by
//! time: it would cost every login another row, and a row that it lost would stay for ever; a pass over the table finds
//! everything. A row stays for as long again as it could have lived, so that a client that lost an answer still gets it,
//! and a clock that is wrong for a while removes nothing that is live.
//!
//! To have another table swept, give it a line in [`EXPIRING`], with what its noun does to a row whose time is over
//! (`docs/formats/tables.md`, "The life of rows").

use zamok_core::event::Subject;
use zamok_core::store::{Cursor, Range, RowKey, Table};
use zamok_core::vault::{Transaction, questions};
use zamok_core::{Error as CoreError, UnixTime};
use zamok_journal::{Erased, SUBJECTS};

use crate::Cabinet;
use crate::error::Error;
use crate::policy::Policy;
use crate::{account, challenge, device, factor, operation, session};

/// A table of sealed rows that expire: from when on something is to be done with a row, by its body, and what.
struct Expiring {
    table: Table,
    due: fn(&[u8], &Policy) -> Result<UnixTime, CoreError>,
    /// Whether it removed the row.
    sweep: fn(&mut Transaction<'_>, &RowKey, &Policy) -> Result<bool, Error>,
}

const EXPIRING: &[Expiring] = &[
    Expiring { table: challenge::CHALLENGES, due: challenge::due, sweep: challenge::sweep },
    Expiring { table: session::SESSIONS, due: session::due, sweep: session::sweep },
    Expiring { table: device::DEVICES, due: device::due, sweep: device::sweep },
    Expiring { table: factor::FACTORS, due: factor::due, sweep: factor::sweep },
    Expiring { table: account::ACCOUNTS, due: account::due, sweep: account::sweep },
    Expiring { table: operation::OPERATIONS, due: operation::due, sweep: operation::sweep },
    Expiring { table: questions::QUESTIONS, due: |body, _| questions::due(body), sweep: forget },
];

/// Whether a row was altered, or made by another version.
fn is_altered(error: &Error) -> bool {
    matches!(error, Error::Core(CoreError::Refused | CoreError::Format { .. }))
}

/// Deletes a row to which nothing else leads.
fn forget(tx: &mut Transaction<'_>, row: &RowKey, _: &Policy) -> Result<bool, Error> {
    tx.delete(row)?;
    Ok(true)
}

/// Where a sweep stands. It may be kept, or forgotten: a sweep that begins anew only looks at rows once more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SweepPlace {
    table: usize,
    after: Option<Cursor>,
}

/// What one step of a sweep did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swept {
    /// Rows that were looked at.
    pub seen: u64,
    /// Rows that were removed.
    pub removed: u64,
    /// Rows that could not be read, or lead to one that could not: it was altered, or made by another version. They stay for the audit.
    pub unread: u64,
    /// Where the next step begins; `None` at the end.
    pub next: Option<SweepPlace>,
}

impl Cabinet {
    /// Most rows that one step looks at, and so most that one commit removes.
    pub const SWEEP: usize = 64;

    /// One step of removing what is over: at most [`Cabinet::SWEEP`] rows. Begin with `SweepPlace::default()` and go on
    /// with what came back. Call it from any thread or process, every few seconds or once a night; several at once
    /// only share the work.
    ///
    /// # Errors
    /// The vault's and the store's; what was removed before that stays so.
    pub fn sweep(&self, place: &SweepPlace) -> Result<Swept, Error> {
        let Some(expiring) = EXPIRING.get(place.table) else {
            return Ok(Swept { seen: 0, removed: 0, unread: 0, next: None });
        };
        let now = self.vault.now();
        let mut swept = Swept { seen: 0, removed: 0, unread: 0, next: None };
        let (mut over, mut unfinished): (Vec<RowKey>, Vec<Subject>) = (Vec::new(), Vec::new());
        let next = self.vault.read(|store, keyring| {
            let page = store.scan(expiring.table, &Range::all(), Self::SWEEP, place.after.as_ref())?;
            for (key, row) in page.rows {
                swept.seen += 1;
                let key = RowKey::new(expiring.table, key);
                let due = keyring.open(&key, &row).and_then(|opened| {
                    // Of somebody who was erased, the journal's words may be left where that was interrupted.
                    if expiring.table == account::ACCOUNTS
                        && let Some(subject) = account::erased(&opened.body)?
                        && !store.scan(SUBJECTS, &Range::prefix(&subject.0), 1, None)?.rows.is_empty()
                    {
                        unfinished.push(subject);
                    }
                    (expiring.due)(&opened.body, &self.policy)
                });
                match due {
                    Ok(due) if now >= due => over.push(key),
                    Ok(_) => {}
                    // One row that somebody altered must not keep all others here for ever.
                    Err(CoreError::Refused | CoreError::Format { .. }) => swept.unread += 1,
                    Err(error) => return Err(error),
                }
            }
            Ok(page.next)
        })?;
        match self.remove(expiring, &over) {
            // One of them leads to a row that somebody altered: each by itself.
            Err(error) if is_altered(&error) => {
                for key in &over {
                    match self.remove(expiring, core::slice::from_ref(key)) {
                        Err(error) if is_altered(&error) => swept.unread += 1,
                        removed => swept.removed += removed?,
                    }
                }
            }
            removed => swept.removed = removed?,
        }
        for subject in unfinished {
            match self.finish_erasure(subject) {
                // What somebody altered stays for the audit, and keeps nothing else here.
                Err(error) if is_altered(&error) => swept.unread += 1,
                finished => finished?,
            }
        }
        swept.next = match next {
            Some(cursor) => Some(SweepPlace { table: place.table, after: Some(cursor) }),
            None if place.table + 1 < EXPIRING.len() => {
                Some(SweepPlace { table: place.table + 1, after: None })
            }
            None => None,
        };
        Ok(swept)
    }

    /// Removes what is over of these, in one commit; how many went.
    fn remove(&self, expiring: &Expiring, over: &[RowKey]) -> Result<u64, Error> {
        if over.is_empty() {
            return Ok(0);
        }
        self.vault.transact(|tx| {
            let mut removed = 0;
            for key in over {
                // Read once more: what was scanned was a hint.
                let Some(opened) = tx.record(key)? else { continue };
                if tx.now() >= (expiring.due)(&opened.body, &self.policy)? {
                    removed += u64::from((expiring.sweep)(tx, key, &self.policy)?);
                }
            }
            Ok(removed)
        })
    }

    /// One step of deleting what the journal tells in words, once it is older than policy keeps it
    /// (`journal.details`): at most [`Cabinet::SWEEP`] entries. Leaves stay and prove. Call it until nothing more is
    /// to be done.
    ///
    /// # Errors
    /// [`CoreError::Refused`] for altered rows; the vault's and the store's.
    pub fn sweep_journal(&self) -> Result<Erased, Error> {
        let kept = self.policy.journal.details;
        if kept == 0 {
            return Ok(Erased { details: 0, more: false });
        }
        self.vault.transact(|tx| {
            let before = UnixTime(tx.now().0.saturating_sub(kept));
            Ok(zamok_journal::expire_details(tx, before, Self::SWEEP)?)
        })
    }
}
