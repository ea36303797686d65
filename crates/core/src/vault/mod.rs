//! The vault: keys are handles, records are sealed, a code is spent in one commit.
//!
//! Every operation is a function over a [`Transaction`] and the time and randomness it carries; nothing here commits
//! on its own. What a key is lies in [`keys`], how a code is spent in [`spend`], who gets in at all in [`slot`].

mod state;
pub use state::KeyState;

#[cfg(feature = "alloc")]
mod chain;
#[cfg(feature = "alloc")]
mod keyring;
#[cfg(feature = "alloc")]
pub mod keys;
#[cfg(feature = "alloc")]
pub mod one_time;
#[cfg(feature = "alloc")]
mod record;
#[cfg(feature = "alloc")]
pub mod signing;
#[cfg(feature = "alloc")]
pub mod slot;
#[cfg(feature = "alloc")]
pub mod spend;
#[cfg(feature = "alloc")]
pub mod subjects;
#[cfg(feature = "alloc")]
mod transaction;

#[cfg(feature = "alloc")]
pub use self::{
    chain::{Entry, Writer},
    keyring::{DataKeyId, Keyring, Opened, VaultId},
    keys::{KeyId, KeyInfo, KeyKind, Purpose},
    subjects::SUBJECTS,
    transaction::{Committed, DETAILS, Pending, Tally, Transaction},
};
