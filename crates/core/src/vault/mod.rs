//! The vault: keys are handles, records are sealed, a code is spent in one commit.

mod state;
pub use state::KeyState;

#[cfg(feature = "alloc")]
mod chain;
#[cfg(feature = "alloc")]
mod keyring;
#[cfg(feature = "alloc")]
mod record;
#[cfg(feature = "alloc")]
pub mod slot;
#[cfg(feature = "alloc")]
mod transaction;

#[cfg(feature = "alloc")]
pub use self::{
    chain::{Entry, Writer},
    keyring::{DataKeyId, Keyring, Opened, VaultId},
    transaction::{Committed, DETAILS, Pending, SUBJECTS, Transaction},
};
