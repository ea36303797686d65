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

mod argon2id;
mod clock;
#[allow(unsafe_code)]
mod memory;
mod passphrase;
mod random;
mod vault;

pub use argon2id::argon2id;
pub use clock::{Clock, ManualClock, SystemClock};
pub use memory::{LockedMemory, MemoryStatus};
pub use passphrase::Passphrase;
pub use random::OsRandom;
pub use vault::{Options, Vault};
