//! Secret bytes: wiped when dropped, redacted in `Debug`, never compared with `==`.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::Error;
use crate::otp::base32;

/// How base32 text is read: see [`base32`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base32Reading {
    /// As issuers write it and people type it: either case, blanks, hyphens, padding or none.
    Tolerant,
    /// As RFC 4648 §6 writes it.
    Strict,
}

/// The shared secret of a one-time-password key: 16 to 128 bytes, held inline so that no allocator is needed.
///
/// ```
/// use zamok_core::secret::Secret;
/// let secret = Secret::new(b"12345678901234567890")?;
/// assert_eq!(format!("{secret:?}"), "Secret(20 bytes, redacted)");
/// # Ok::<(), zamok_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Secret {
    bytes: [u8; Self::MAX],
    len: usize,
}

impl Secret {
    /// Longest secret, in bytes: one block of SHA-512.
    pub const MAX: usize = 128;
    /// Shortest secret without an opt-in, in bytes (RFC 4226 §4, R6: 128 bits).
    pub const MIN: usize = 16;

    /// Takes a secret of 16 to 128 bytes.
    ///
    /// # Errors
    /// [`Error::SecretTooShort`] below 16 bytes (RFC 4226 §4, R6), [`Error::SecretTooLong`] above 128.
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() < Self::MIN {
            return Err(Error::SecretTooShort(bytes.len()));
        }
        Self::copy(bytes)
    }

    /// Takes a secret of 1 to 128 bytes, **although one below 128 bits can be guessed from a few observed codes**.
    ///
    /// For keys of issuers that made them so (80-bit secrets are common); never for keys of our own making.
    ///
    /// # Errors
    /// [`Error::SecretTooShort`] when empty, [`Error::SecretTooLong`] above 128 bytes.
    pub fn new_accepting_weak(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.is_empty() {
            return Err(Error::SecretTooShort(0));
        }
        Self::copy(bytes)
    }

    fn copy(bytes: &[u8]) -> Result<Self, Error> {
        let mut secret = Self { bytes: [0; Self::MAX], len: bytes.len() };
        secret.bytes.get_mut(..bytes.len()).ok_or(Error::SecretTooLong(bytes.len()))?.copy_from_slice(bytes);
        Ok(secret)
    }

    /// Reads a secret of 16 to 128 bytes from base32, without an allocator.
    ///
    /// # Errors
    /// [`Error::Base32`] with the position of the first character that does not belong; those of [`Secret::new`].
    ///
    /// ```
    /// use zamok_core::secret::{Base32Reading, Secret};
    /// let secret = Secret::from_base32("gezd gnbv gy3t qojq gezd gnbv gy3t qojq", Base32Reading::Tolerant)?;
    /// assert_eq!(secret.expose(), b"12345678901234567890");
    /// # Ok::<(), zamok_core::Error>(())
    /// ```
    pub fn from_base32(text: &str, reading: Base32Reading) -> Result<Self, Error> {
        let secret = Self::read_base32(text, reading)?;
        if secret.len < Self::MIN { Err(Error::SecretTooShort(secret.len)) } else { Ok(secret) }
    }

    /// Reads a secret of 1 to 128 bytes from base32, **although one below 128 bits can be guessed from a few observed
    /// codes**: see [`Secret::new_accepting_weak`].
    ///
    /// # Errors
    /// [`Error::Base32`] with the position of the first character that does not belong; those of
    /// [`Secret::new_accepting_weak`].
    pub fn from_base32_accepting_weak(text: &str, reading: Base32Reading) -> Result<Self, Error> {
        let secret = Self::read_base32(text, reading)?;
        if secret.len == 0 { Err(Error::SecretTooShort(0)) } else { Ok(secret) }
    }

    /// Decodes in place, so that no copy is left behind.
    fn read_base32(text: &str, reading: Base32Reading) -> Result<Self, Error> {
        let mut secret = Self { bytes: [0; Self::MAX], len: 0 };
        let read = match reading {
            Base32Reading::Tolerant => base32::decode(text, &mut secret.bytes),
            Base32Reading::Strict => base32::decode_strict(text, &mut secret.bytes),
        };
        secret.len = read.map_err(|error| match error {
            Error::TooLong { given, .. } => Error::SecretTooLong(given),
            other => other,
        })?;
        Ok(secret)
    }

    /// Shows the bytes to the code that must compute with them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.bytes.as_mut_slice().zeroize();
    }
}

impl ZeroizeOnDrop for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes, redacted)", self.len)
    }
}

/// Equality without a timing difference; the lengths are not secret.
impl ConstantTimeEq for Secret {
    fn ct_eq(&self, other: &Self) -> subtle::Choice {
        self.expose().ct_eq(other.expose())
    }
}

/// Secrets of a fixed size in the midst of a computation, wiped when dropped: all at once, where `Zeroizing` wipes an array item
/// by item, which takes longer than computing with it.
#[cfg(feature = "alloc")]
pub(crate) struct Wiped<T: zeroize::DefaultIsZeroes, const N: usize>(pub(crate) [T; N]);

#[cfg(feature = "alloc")]
impl<T: zeroize::DefaultIsZeroes, const N: usize> Drop for Wiped<T, N> {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

#[cfg(feature = "alloc")]
pub use held::{HeapMemory, SecretMemory, SecretRegion};

#[cfg(feature = "alloc")]
mod held {
    use alloc::boxed::Box;
    use alloc::vec::Vec;

    use zeroize::Zeroizing;

    use crate::error::Error;

    /// Where long-lived secrets lie: locked, undumpable memory at the edges, plain wiped memory elsewhere.
    pub trait SecretMemory: Send + Sync {
        /// Takes a copy of `bytes` into a region of its own; the caller wipes the original.
        ///
        /// # Errors
        /// [`Error::TooLong`] when no more memory of this sort is to be had.
        fn hold(&self, bytes: &[u8]) -> Result<Box<dyn SecretRegion>, Error>;
    }

    /// Secret bytes in memory of a certain sort; wiped when dropped.
    pub trait SecretRegion: Send + Sync {
        /// The bytes.
        ///
        /// # Errors
        /// [`Error::Locked`] when they are gone: wiped by an idle lock, or by a fork.
        fn expose(&self) -> Result<&[u8], Error>;
    }

    /// Ordinary memory that is wiped when dropped: for tests and for targets without an operating system.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct HeapMemory;

    impl SecretMemory for HeapMemory {
        fn hold(&self, bytes: &[u8]) -> Result<Box<dyn SecretRegion>, Error> {
            Ok(Box::new(Zeroizing::new(bytes.to_vec())))
        }
    }

    impl SecretRegion for Zeroizing<Vec<u8>> {
        fn expose(&self) -> Result<&[u8], Error> {
            Ok(self)
        }
    }
}
