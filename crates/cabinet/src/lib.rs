//! The cabinet: accounts, factors, challenges and sessions over a Zamok vault.
//!
//! Thin on purpose. Each noun is a small state machine over sealed rows, each transition one commit that the vault's
//! own change is part of. It calls the vault for every key and never touches key bytes.

mod account;
mod challenge;
mod document;
mod error;
mod factor;
mod history;
mod name;
mod password;
mod policy;
mod service;
mod session;

use std::sync::Arc;

use zamok_core::vault::KeyId;
use zamok_core::wire::Reader;
use zamok_host::Vault;

pub use account::{Account, AccountId};
pub use challenge::{Begun, Challenge, Enrolment, RequestId};
pub use document::SignedDocument;
pub use error::Error;
pub use factor::Offer;
pub use password::Password;
pub use policy::{ChallengePolicy, GeneratorPolicy, PasswordPolicy, Policy, SessionPolicy};
pub use session::{Session, SessionId};

/// The accounts of one service, over one vault.
#[derive(Debug)]
pub struct Cabinet {
    vault: Arc<Vault>,
    policy: Policy,
    issuer: String,
    token_key: KeyId,
}

/// A flag of a sealed body: what is neither 0 nor 1 was not written here.
fn flag(reader: &mut Reader<'_>) -> Result<bool, zamok_core::Error> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(zamok_core::Error::Refused),
    }
}

impl Cabinet {
    /// The vault beneath.
    #[must_use]
    pub fn vault(&self) -> &Arc<Vault> {
        &self.vault
    }

    /// The numbers that it goes by.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The service's name.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
}
