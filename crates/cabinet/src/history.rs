//! The journal of an account: as its owner reads it (R16), and as an operator does.

use zamok_core::event::Subject;
use zamok_core::store::{Cursor, EntryId};
use zamok_journal::{InclusionProof, Journal, Listing, Receipt, Recorded, Status};

use crate::Cabinet;
use crate::account;
use crate::error::Error;
use crate::session::{self, Session};

impl Cabinet {
    /// What the journal says of the account of a live session, latest first, up to `limit` entries after `after`. A limit of 0
    /// asks for nothing: the listing is empty, and says nothing of what is left.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; [`zamok_core::Error::Rejected`] when `after` is a place in the listing of another account;
    /// [`zamok_core::Error::Refused`] when an entry was altered; the store's.
    pub fn history(&self, session: &Session, limit: usize, after: Option<&Cursor>) -> Result<Listing, Error> {
        let subject = self.subject_of(session)?;
        self.entries(subject, limit, after)
    }

    /// The same for an operator, who names the account by its login.
    ///
    /// # Errors
    /// [`zamok_core::Error::Rejected`] when no account has this login; otherwise as [`Cabinet::history`].
    pub fn history_of(&self, login: &str, limit: usize, after: Option<&Cursor>) -> Result<Listing, Error> {
        let subject = self.account_by_login(login)?.subject;
        self.entries(subject, limit, after)
    }

    /// How far an entry of the session's own account has come, and what may be relied on.
    ///
    /// # Errors
    /// As [`Cabinet::history`]; [`zamok_core::Error::Rejected`] for an entry of somebody else, or none.
    pub fn standing(&self, session: &Session, entry: EntryId) -> Result<Receipt, Error> {
        self.own(session, entry)?;
        let receipt = self.vault.read(|store, keyring| Journal::new(store, keyring).receipt(entry))?;
        Ok(receipt.ok_or(zamok_core::Error::Rejected)?)
    }

    /// A proof of an entry of the session's own account, to keep.
    ///
    /// # Errors
    /// As [`Cabinet::standing`]; [`zamok_core::Error::Uncovered`] while no checkpoint covers it.
    pub fn prove(&self, session: &Session, entry: EntryId) -> Result<InclusionProof, Error> {
        let proof = match self.own(session, entry)?.status {
            Status::Waiting => Err(zamok_core::Error::Uncovered),
            Status::Integrated { index } => {
                self.vault.read(|store, keyring| Journal::new(store, keyring).prove(index))
            }
            Status::Former { log, index } => {
                self.vault.read(|store, keyring| Journal::new(store, keyring).prove_former(log, index))
            }
        };
        Ok(proof?)
    }

    /// An entry that concerns the account of a live session.
    fn own(&self, session: &Session, entry: EntryId) -> Result<Recorded, Error> {
        let subject = self.subject_of(session)?;
        let found = self.vault.read(|store, keyring| Journal::new(store, keyring).entry(entry))?;
        let own = found.filter(|found| found.leaf.subject == Some(subject));
        Ok(own.ok_or(zamok_core::Error::Rejected)?)
    }

    fn subject_of(&self, session: &Session) -> Result<Subject, Error> {
        self.vault.transact(|tx| {
            let session = session::live(tx, session.seen(), &self.policy.session)?;
            account::load(tx, session.account).map(|record| record.account.subject)
        })
    }

    fn entries(&self, subject: Subject, limit: usize, after: Option<&Cursor>) -> Result<Listing, Error> {
        let read =
            self.vault.read(|store, keyring| Journal::new(store, keyring).entries_of(subject, limit, after));
        Ok(read?)
    }
}
