//! Credentials: what a person or a machine shows to open a slot, and how it becomes the slot's key.

use std::fmt;

use zamok_core::Error;
use zamok_core::vault::slot::{Argon2Cost, Key32, Method, Slot};
use zeroize::Zeroizing;

use crate::argon2id::argon2id;
use crate::passphrase::Passphrase;
use crate::secret_key::SecretKey;

/// A key that stays inside a token and answers with a MAC.
pub trait TokenKey {
    /// HMAC-SHA-256 of a message under the key.
    ///
    /// # Errors
    /// [`Error::Token`] when the token is gone, locked or refuses.
    fn mac(&self, message: &[u8]) -> Result<Key32, Error>;

    /// Whether the key is fit to guard a vault; asked before a slot is made for it, and not when the slot is opened.
    ///
    /// # Errors
    /// [`TokenFault::KeyUnfit`](zamok_core::error::TokenFault::KeyUnfit) for one that could leave its token.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// What opens a slot.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Credential<'a> {
    /// A passphrase, stretched with Argon2id. At least 80 bits of entropy are advised.
    Passphrase(&'a Passphrase),
    /// A short PIN with the secret of a device. The PIN alone would protect nothing: whoever copies the disk tries all
    /// of them. So the secret must lie elsewhere than the store.
    Pin {
        /// The PIN.
        pin: &'a Passphrase,
        /// From a key file off this disk, a token, or a key management service.
        device: &'a SecretKey,
    },
    /// A key of 32 bytes.
    Key(&'a SecretKey),
    /// A key of 32 bytes that was put together from shares.
    Shares(&'a SecretKey),
    /// A key inside a token.
    Token(&'a dyn TokenKey),
}

impl<'a> From<&'a Passphrase> for Credential<'a> {
    fn from(passphrase: &'a Passphrase) -> Self {
        Self::Passphrase(passphrase)
    }
}

impl<'a> From<&'a SecretKey> for Credential<'a> {
    fn from(key: &'a SecretKey) -> Self {
        Self::Key(key)
    }
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Credential({}, redacted)",
            self.method(Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 }).name()
        )
    }
}

impl Credential<'_> {
    /// The method of a slot that this opens; the cost counts only where something is stretched.
    #[must_use]
    pub const fn method(&self, cost: Argon2Cost) -> Method {
        match self {
            Self::Passphrase(_) => Method::Passphrase(cost),
            Self::Pin { .. } => Method::Pin(cost),
            Self::Key(_) => Method::Key,
            Self::Shares(_) => Method::Shares,
            Self::Token(_) => Method::Token,
        }
    }

    /// Whether a slot of this method asks for such a credential.
    pub(crate) const fn fits(&self, method: Method) -> bool {
        matches!(
            (self, method),
            (Self::Passphrase(_), Method::Passphrase(_))
                | (Self::Pin { .. }, Method::Pin(_))
                | (Self::Key(_), Method::Key)
                | (Self::Shares(_), Method::Shares)
                | (Self::Token(_), Method::Token)
        )
    }

    /// Refuses what shall not guard a slot that is made now.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Token(token) => token.check(),
            _ => Ok(()),
        }
    }

    /// The key encryption key of a slot.
    pub(crate) fn derive(&self, slot: &Slot) -> Result<Key32, Error> {
        match (self, slot.method) {
            (Self::Passphrase(passphrase), Method::Passphrase(cost)) => {
                stretched(passphrase.expose(), slot, cost)
            }
            // CRYPTO §3: HKDF(Argon2id(PIN) ‖ device secret).
            (Self::Pin { pin, device }, Method::Pin(cost)) => {
                let mut material = Zeroizing::new([0; 64]);
                material[..32].copy_from_slice(stretched(pin.expose(), slot, cost)?.as_slice());
                material[32..].copy_from_slice(device.expose());
                Ok(slot.key_from(material.as_slice()))
            }
            (Self::Key(key), Method::Key) | (Self::Shares(key), Method::Shares) => {
                Ok(slot.key_from(key.expose()))
            }
            (Self::Token(token), Method::Token) => {
                let message = [TOKEN_LABEL, &slot.vault.0, &[slot.number], &slot.salt].concat();
                Ok(slot.key_from(token.mac(&message)?.as_slice()))
            }
            _ => Err(Error::SlotMethod),
        }
    }
}

const TOKEN_LABEL: &[u8] = b"zamok/token/v1";

fn stretched(secret: &[u8], slot: &Slot, cost: Argon2Cost) -> Result<Key32, Error> {
    let mut key = Key32::default();
    argon2id(secret, &slot.salt, cost, key.as_mut_slice())?;
    Ok(key)
}
