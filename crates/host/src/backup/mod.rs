//! Backups of a vault, and what comes of them (`docs/formats/backup.md`, `CRYPTO.md` §5).

mod export;
mod import;
mod read;
mod relocate;
mod replay;
mod restore;
mod surviving;
mod write;

use zamok_core::vault::VaultId;
use zamok_core::vault::backup::{Header, Lock};
use zamok_core::vault::shares::{Share, ShareSet};
use zamok_core::vault::slot::{Argon2Cost, Key32};
use zamok_core::{Env, Error};

pub use self::import::Consequences;
pub use self::read::{Checked, Opener};
pub use self::relocate::{Holders, Moved, Step};
pub use self::replay::{Above, Replay, Replayed};
pub use self::restore::Restored;
pub use self::surviving::{JournalEnd, Surviving, Told};
pub use self::write::Written;
use crate::argon2id::argon2id;
use crate::passphrase::Passphrase;

/// A way to open a backup, and the key behind it.
pub struct BackupKey {
    pub(crate) lock: Lock,
    pub(crate) key: Key32,
}

impl std::fmt::Debug for BackupKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BackupKey(redacted)")
    }
}

impl BackupKey {
    /// A key for a new backup, from a passphrase of its own.
    ///
    /// # Errors
    /// As [`argon2id`]; [`Error::Randomness`].
    pub fn from_passphrase(
        passphrase: &Passphrase,
        cost: Argon2Cost,
        mut env: Env<'_>,
    ) -> Result<Self, Error> {
        Self::derive(passphrase, cost, env.random())
    }

    fn derive(passphrase: &Passphrase, cost: Argon2Cost, salt: [u8; 32]) -> Result<Self, Error> {
        let mut key = Key32::default();
        argon2id(passphrase.expose(), &salt, cost, key.as_mut_slice())?;
        Ok(Self { lock: Lock::Passphrase { cost, salt }, key })
    }

    /// A random key for a new backup, split so that any `threshold` of `count` shares open it.
    ///
    /// # Errors
    /// As [`ShareSet::split`].
    pub fn split(
        vault: VaultId,
        threshold: u8,
        count: u8,
        mut env: Env<'_>,
    ) -> Result<(Self, Vec<Share>), Error> {
        let key = Key32::new(env.random());
        let (set, shares) = ShareSet::split(vault, &key, threshold, count, &mut env)?;
        Ok((Self { lock: Lock::Shares(set), key }, shares))
    }

    /// The key of a backup that is there, from its passphrase.
    ///
    /// # Errors
    /// [`Error::Rejected`] when shares open it; as [`argon2id`].
    pub fn by_passphrase(header: &Header, passphrase: &Passphrase) -> Result<Self, Error> {
        match header.lock {
            Lock::Passphrase { cost, salt } => Self::derive(passphrase, cost, salt),
            Lock::Shares(_) => Err(Error::Rejected),
        }
    }

    /// The key of a backup that is there, from its shares.
    ///
    /// # Errors
    /// [`Error::Rejected`] when a passphrase opens it; as [`ShareSet::combine`].
    pub fn by_shares(header: &Header, shares: &[Share]) -> Result<Self, Error> {
        match header.lock {
            Lock::Shares(set) => Ok(Self { lock: header.lock, key: set.combine(shares)? }),
            Lock::Passphrase { .. } => Err(Error::Rejected),
        }
    }
}
