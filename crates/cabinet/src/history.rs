//! The journal of an account: as its owner reads it (R16), and as an operator does.

use zamok_core::event::Subject;
use zamok_core::store::Cursor;
use zamok_journal::{Journal, Listing};

use crate::Cabinet;
use crate::account;
use crate::error::Error;
use crate::session::{self, Session};

impl Cabinet {
    /// What the journal says of the account of a live session, latest first, up to `limit` entries after `after`.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; [`zamok_core::Error::Refused`] when an entry was altered; the store's.
    pub fn history(&self, session: &Session, limit: usize, after: Option<&Cursor>) -> Result<Listing, Error> {
        let subject = self.vault.transact(|tx| {
            let session = session::live(tx, session.id, &self.policy.session)?;
            account::load(tx, session.account).map(|record| record.account.subject)
        })?;
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

    fn entries(&self, subject: Subject, limit: usize, after: Option<&Cursor>) -> Result<Listing, Error> {
        let read =
            self.vault.read(|store, keyring| Journal::new(store, keyring).entries_of(subject, limit, after));
        Ok(read?)
    }
}
