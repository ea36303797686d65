//! Secrets of 32 bytes that open a slot, or help to: a raw key, a device's secret, a key that was put together from shares.

use std::fmt;

use zamok_core::error::ShareFault;
use zamok_core::vault::shares::Share;
use zamok_core::{Env, Error};
use zeroize::Zeroizing;

/// 32 secret bytes: owned, wiped when dropped, redacted in `Debug`, never compared.
///
/// ```
/// use zamok_host::SecretKey;
/// assert_eq!(format!("{:?}", SecretKey::from([7; 32])), "SecretKey(redacted)");
/// ```
pub struct SecretKey {
    bytes: Zeroizing<[u8; 32]>,
}

impl SecretKey {
    /// A new one, straight from the operating system.
    ///
    /// # Errors
    /// [`Error::Randomness`].
    pub fn generate() -> Result<Self, Error> {
        crate::random::catching(|| {
            let mut random = crate::OsRandom::new()?;
            let mut env = Env { now: zamok_core::UnixTime(0), rng: &mut random };
            Ok(Self { bytes: Zeroizing::new(env.random()) })
        })
    }

    /// Takes a copy; wiping the original is the caller's.
    ///
    /// # Errors
    /// [`Error::TooLong`] for another length than 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = Error::TooLong { what: "a key in bytes", given: bytes.len(), limit: 32 };
        bytes.try_into().map(|bytes| Self { bytes: Zeroizing::new(bytes) }).map_err(|_| wrong)
    }

    /// The key of these shares.
    ///
    /// # Errors
    /// [`ShareFault::Few`](zamok_core::error::ShareFault::Few), also without any;
    /// [`ShareFault::Mixed`](zamok_core::error::ShareFault::Mixed) and
    /// [`ShareFault::Twice`](zamok_core::error::ShareFault::Twice); [`Error::Rejected`] when one of them was altered.
    pub fn from_shares(shares: &[Share]) -> Result<Self, Error> {
        // What is needed nobody knows before the first share says it; two at least.
        let first = shares.first().ok_or(Error::Share(ShareFault::Few { given: 0, needed: 2 }))?;
        first.set().combine(shares).map(|key| Self { bytes: key })
    }

    /// Shows the bytes to whoever writes them into a key file or splits them.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.bytes
    }
}

/// Wiping the original is the caller's.
impl From<[u8; 32]> for SecretKey {
    fn from(bytes: [u8; 32]) -> Self {
        Self { bytes: Zeroizing::new(bytes) }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(redacted)")
    }
}
