//! Signed documents (R37, R38): a detached signature by the account's own key, made in a live session.

use zamok_core::signature::{Signature, VerifyingKey};
use zamok_core::store::EntryId;
use zamok_core::vault::{KeyState, Purpose, signing};
use zamok_core::{Error as CoreError, UnixTime};

use crate::Cabinet;
use crate::error::Error;
use crate::session::Session;

/// A detached signature over a document, with what is needed to check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedDocument {
    /// ECDSA over the SHA-256 of the document.
    pub signature: Signature,
    /// The account's public key.
    pub public_key: VerifyingKey,
    /// When it was signed (R40).
    pub time: UnixTime,
    /// The journal entry that says so: the id of the signature (R40).
    pub entry: EntryId,
}

impl Cabinet {
    /// Signs a document with the account's own key, in a session that is fresh. The signature leaves only with the journal entry that
    /// records it.
    ///
    /// `name` is what the journal calls the document.
    ///
    /// # Errors
    /// [`Error::FreshAuthenticationNeeded`]; [`Error::SessionEnded`]; the vault's and the store's.
    pub fn sign(&self, session: &Session, document: &[u8], name: &str) -> Result<SignedDocument, Error> {
        self.vault.transact(|tx| {
            let account = self.fresh_owner(tx, session)?;
            let (_, public_key) = signing::public_key(tx, account.document_key)?;
            let entry = tx.next_entry();
            let signature = signing::sign(tx, account.document_key, Purpose::Document, document, name)?;
            Ok(SignedDocument { signature, public_key, time: tx.now(), entry })
        })
    }

    /// The public key that checks an account's documents.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login; [`CoreError::KeyState`] when the key is compromised or
    /// destroyed; the vault's and the store's.
    pub fn document_key(&self, login: &str) -> Result<VerifyingKey, Error> {
        let account = self.account_by_login(login)?;
        self.vault.transact(|tx| {
            let (info, key) = signing::public_key(tx, account.document_key)?;
            // Others may sign with it, too: a signature by it proves nothing.
            if info.state == KeyState::Compromised {
                return Err(CoreError::KeyState(info.state).into());
            }
            Ok(key)
        })
    }
}
