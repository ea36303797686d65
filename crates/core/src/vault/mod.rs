//! The vault: keys are handles, records are sealed, a code is spent in one commit.
//!
//! Every operation is a function over a [`Transaction`] and the time and randomness it carries; nothing here commits
//! on its own. What a key is lies in [`keys`], how a code is spent in [`spend`], who gets in at all in [`doors`].

pub mod roles;
mod state;
pub use roles::Role;
pub use state::KeyState;

#[cfg(feature = "alloc")]
pub mod anchoring;
#[cfg(feature = "alloc")]
pub mod attempts;
#[cfg(feature = "alloc")]
mod attributes;
#[cfg(feature = "alloc")]
pub mod backup;
#[cfg(feature = "alloc")]
mod cache;
#[cfg(feature = "alloc")]
mod chain;
#[cfg(feature = "alloc")]
pub mod ciphers;
#[cfg(feature = "alloc")]
pub mod departed;
#[cfg(feature = "alloc")]
pub mod doors;
#[cfg(feature = "alloc")]
pub mod finding;
#[cfg(feature = "alloc")]
mod freshness;
#[cfg(all(fuzzing, feature = "std"))]
pub mod fuzzing;
#[cfg(feature = "alloc")]
mod header;
#[cfg(feature = "alloc")]
pub mod importing;
#[cfg(feature = "alloc")]
pub mod issued;
#[cfg(feature = "alloc")]
mod keyring;
#[cfg(feature = "alloc")]
pub mod keys;
#[cfg(feature = "alloc")]
mod kinds;
#[cfg(feature = "alloc")]
mod known;
#[cfg(feature = "alloc")]
mod life;
#[cfg(feature = "alloc")]
pub mod macs;
#[cfg(feature = "alloc")]
mod material;
#[cfg(feature = "alloc")]
pub mod one_time;
#[cfg(feature = "alloc")]
mod pending;
#[cfg(feature = "alloc")]
pub mod personal;
#[cfg(feature = "alloc")]
mod place;
#[cfg(feature = "alloc")]
pub mod questions;
#[cfg(feature = "alloc")]
mod record;
#[cfg(feature = "alloc")]
pub mod relocation;
#[cfg(feature = "alloc")]
pub mod rotation;
#[cfg(feature = "alloc")]
mod self_tests;
#[cfg(feature = "alloc")]
pub mod shares;
#[cfg(feature = "alloc")]
pub mod signing;
#[cfg(feature = "alloc")]
pub mod slot;
#[cfg(feature = "alloc")]
pub mod spend;
#[cfg(feature = "alloc")]
mod transaction;
#[cfg(feature = "alloc")]
pub mod versions;
#[cfg(feature = "alloc")]
mod wrapped;
#[cfg(feature = "alloc")]
pub mod wrapping;

#[cfg(feature = "alloc")]
pub use self::{
    attributes::{Dates, Flag, Flags, KeyInfo, Purpose, Usage, Usages},
    cache::{CachedKey, KeyCache},
    chain::{Entry, Writer},
    freshness::{Freshness, Tally},
    keyring::{DataKeyId, Family, Keyring, Opened, VaultId, VaultKeys},
    keys::KeyId,
    kinds::KeyKind,
    known::Known,
    life::{Life, dies_at_restore, is_plain, life},
    pending::{Committed, Pending},
    relocation::RELOCATION,
    self_tests::SelfTests,
    transaction::{DETAILS, Transaction},
};
