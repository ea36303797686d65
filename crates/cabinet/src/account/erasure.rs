//! Erasure (R27): the key of the person's own goes, and with it everything that names the person. The id and the pseudonym stay,
//! so that the journal still proves; its details about the person go as well. Copies in backups die with the key of the backup.

use zamok_core::event::{Detail, EventKind, Subject};
use zamok_core::store::{Range, RowKey};
use zamok_core::vault::{KeyState, Transaction, keys, personal};

use super::record::AccountRecord;
use super::{AccountId, AccountStep, find, index, power};
use crate::Cabinet;
use crate::challenge::{self, CHALLENGES};
use crate::device;
use crate::error::Error;
use crate::factor;
use crate::name::Login;
use crate::session::{self, SESSIONS};
use crate::watch;

impl Cabinet {
    /// Erases an account: its names, contacts and attributes, its factors and devices, what the journal tells of it in words. Documents that
    /// it signed can still be checked; nothing more is signed. It cannot be undone.
    ///
    /// An erasure that was interrupted is finished by [`Cabinet::sweep`], or by [`Cabinet::finish_erasure`] with the pseudonym that this returns.
    ///
    /// # Errors
    /// [`zamok_core::Error::Rejected`] when no account has this login; the vault's and the store's.
    pub fn erase_account(&self, login: &str, reason: &str) -> Result<Subject, Error> {
        let login = Login::parse(login)?;
        let (account, subject) = self.vault.transact(|tx| {
            let record = find(tx, &login)?.ok_or(zamok_core::Error::Rejected)?;
            let account = record.account.id;
            erase(tx, record, reason).map(|subject| (account, subject))
        })?;
        // The slow walk comes last. What an interruption leaves of any of this goes by retention.
        self.finish_erasure(subject)?;
        self.forget_visits(account)?;
        Ok(subject)
    }

    /// Forgets from where an erased account came, in small steps: no list names its challenges and the sessions that have ended. What an
    /// interruption leaves of them goes by retention.
    pub(crate) fn forget_visits(&self, account: AccountId) -> Result<(), Error> {
        for (table, owner) in [(CHALLENGES, challenge::owner as fn(&[u8]) -> _), (SESSIONS, session::owner)] {
            let mut after = None;
            loop {
                let page = self.vault.read(|store, keyring| {
                    let page = store.scan(table, &Range::all(), Self::SWEEP, after.as_ref())?;
                    let of_account = |(key, row): (Vec<u8>, zamok_core::store::Row)| {
                        let key = RowKey::new(table, key);
                        let found = keyring.open(&key, &row).and_then(|opened| owner(&opened.body));
                        // A row that cannot be read stays for the audit.
                        found.is_ok_and(|found| found == account).then_some(key)
                    };
                    Ok((page.rows.into_iter().filter_map(of_account).collect::<Vec<_>>(), page.next))
                })?;
                if !page.0.is_empty() {
                    self.vault.transact(|tx| {
                        for key in &page.0 {
                            if tx.record(key)?.is_some() {
                                tx.delete(key)?;
                            }
                        }
                        Ok::<_, Error>(())
                    })?;
                }
                after = page.1;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Deletes what the journal tells of an erased account in words, and what lists its entries. The entries themselves stay and
    /// prove. Asking again does no harm.
    ///
    /// # Errors
    /// The vault's and the store's.
    pub fn finish_erasure(&self, subject: Subject) -> Result<(), Error> {
        const BATCH: usize = 100;
        // What waits is listed once it is integrated: so nothing is listed afterwards. A log that was altered does not grow; what
        // waits of it loses its details all the same.
        match self.vault.integrate() {
            Ok(_) | Err(zamok_core::Error::Refused | zamok_core::Error::Format { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        while self.vault.transact(|tx| zamok_journal::erase_subject(tx, subject, BATCH))?.more {}
        // What logs of former stores tell of it, too.
        while self.vault.transact(|tx| zamok_journal::forget_subject(tx, subject, BATCH))? == BATCH {}
        Ok(())
    }
}

/// Erases an account; the caller finishes with [`Cabinet::finish_erasure`].
pub(crate) fn erase(
    tx: &mut Transaction<'_>,
    mut record: AccountRecord,
    reason: &str,
) -> Result<Subject, Error> {
    record.take(AccountStep::Erase)?;
    index::release(tx, &record.account)?;
    factor::remove_all(tx, &mut record, reason)?;
    // Here, and not by retention some day: what the journal tells of them is erased with the rest.
    device::remove_all(tx, &record.account)?;
    power::end_all(tx, &record.account)?;
    let account = &mut record.account;
    let document_key = keys::info(tx, account.document_key)?.state;
    if matches!(document_key, KeyState::Active | KeyState::Suspended) {
        keys::change_state(tx, account.document_key, KeyState::Deactivated, reason)?;
    }
    let (id, subject) = (account.id, account.subject);
    personal::erase(tx, subject, reason)?;
    watch::forget(tx, id)?;
    session::forget_all(tx, record, reason)?;
    let detail = Detail::new().with("reason", reason);
    tx.event(EventKind::AccountErased, Some(subject), &id.row(), &detail)?;
    Ok(subject)
}
