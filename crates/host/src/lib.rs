//! What Zamok needs of an operating system: a clock, randomness, memory that holds secrets, a way to unlock a vault,
//! and the handle through which everything above commits. See `ARCHITECTURE.md`.
//!
//! ```
//! use std::sync::Arc;
//! use zamok_core::Error;
//! use zamok_core::event::{Detail, EventKind};
//! use zamok_core::store::{MemoryStore, RowKey, Table};
//! use zamok_core::vault::slot::Argon2Cost;
//! use zamok_host::{Options, Passphrase, Vault};
//!
//! let options = Options { cost: Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 }, ..Options::default() };
//! let vault = Vault::create(Arc::new(MemoryStore::new()), &Passphrase::from("a long sentence"), options)?;
//!
//! let row = RowKey::new(Table(900), *b"visits");
//! let visits = vault.transact(|tx| {
//!     let seen = tx.state(&row)?.and_then(|body| body.first().copied()).unwrap_or(0);
//!     tx.put_state(&row, &[seen + 1])?;
//!     Ok::<_, Error>(seen + 1)
//! })?;
//! assert_eq!(visits, 1);
//! # Ok::<(), Error>(())
//! ```

mod anchor;
mod argon2id;
#[cfg(feature = "aws-lc")]
mod aws_lc;
pub mod backup;
mod clock;
mod credential;
mod keeper;
#[allow(unsafe_code)]
mod memory;
mod passphrase;
#[cfg(feature = "pkcs11")]
mod pkcs11;
mod primitives;
mod random;
mod secret_key;
mod vault;

pub use anchor::FileAnchor;
pub use argon2id::argon2id;
#[cfg(feature = "aws-lc")]
pub use aws_lc::AwsLc;
pub use clock::{Clock, ManualClock, SystemClock};
pub use credential::{Credential, TokenKey};
pub use keeper::{Cadence, Cosigned, Cosigners, Keeper, Keeping};
pub use memory::{LockedMemory, MemoryStatus};
pub use passphrase::Passphrase;
#[cfg(feature = "pkcs11")]
pub use pkcs11::{Pkcs11Key, Pkcs11Uri};
pub use random::OsRandom;
pub use secret_key::SecretKey;
pub use vault::{Authorization, Freshness, NewSlot, Options, RetiredKeys, Rewrapped, SlotInfo, Vault};
