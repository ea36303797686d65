//! What opens a vault: a passphrase, a key, shares, a PIN with the secret of a device, a key in a PKCS#11 token.

use std::ffi::c_char;
use std::mem::offset_of;

use zamok::backup::shares_in;
use zamok::shares::Share;
use zamok::{CoreError, Credential, Passphrase, Pkcs11Key, Pkcs11Uri, SecretKey};
use zeroize::Zeroizing;

use super::backup::ZAMOK_SHARE_MAX;
use super::error::Trouble;
use crate::border::Fault;
use crate::codes::ZAMOK_E_ARGUMENT;
use crate::pointer::{self, Versioned};

/// A passphrase of any bytes; 80 bits of entropy are advised.
pub const ZAMOK_SECRET_PASSPHRASE: u32 = 1;
/// A key of `ZAMOK_SECRET_KEY_LENGTH` random bytes.
pub const ZAMOK_SECRET_KEY: u32 = 2;
/// Enough of the shares that zamok_slot_add_split() made.
pub const ZAMOK_SECRET_SHARES: u32 = 3;
/// A short PIN with the secret of a device, `ZAMOK_SECRET_KEY_LENGTH` random bytes, which lies elsewhere than the store: whoever
/// copies the store tries every PIN.
pub const ZAMOK_SECRET_PIN: u32 = 4;
/// A secret key in a PKCS#11 token, which computes one HMAC with it (CKM_SHA256_HMAC); the key does not leave the token.
pub const ZAMOK_SECRET_TOKEN: u32 = 5;

/// Bytes of a key, and of the secret of a device.
pub const ZAMOK_SECRET_KEY_LENGTH: usize = 32;

/// What opens a slot. With `size` set and the rest 0 first.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_secret {
    /// `sizeof(zamok_secret)`.
    pub size: u32,
    /// One of `ZAMOK_SECRET_…`.
    pub kind: u32,
    /// The passphrase; the texts of shares, one after the other; the PIN, of a slot or of a token (nothing where the token asks for it
    /// by itself, on a reader with keys of its own). Nothing with a key.
    pub text: *const c_char,
    /// Its length.
    pub text_length: usize,
    /// The key; the secret of the device, with the PIN of a slot. Nothing with the others.
    pub key: *const u8,
    /// Its length: `ZAMOK_SECRET_KEY_LENGTH`.
    pub key_length: usize,
    /// 1 when `slot` says which slot it opens; 0 for the first that is for the role and for this kind of secret. It counts where a
    /// vault is opened, and nowhere else.
    pub names_slot: u32,
    /// The number of a slot.
    pub slot: u32,
    /// Which key in which token, as a PKCS#11 URI (RFC 7512) with the module:
    /// "pkcs11:token=vault;object=zamok?module-path=/usr/lib/softhsm/libsofthsm2.so". Nothing with the others.
    pub uri: *const c_char,
    /// Its length.
    pub uri_length: usize,
}

// SAFETY: numbers and pointers without padding.
unsafe impl Versioned for zamok_secret {
    const FIRST: usize = offset_of!(Self, uri_length) + size_of::<usize>();
}
#[cfg(target_pointer_width = "64")]
const _: () = assert!(zamok_secret::FIRST == 64);

/// A secret in memory of our own, which is wiped.
enum Held {
    Passphrase(Passphrase),
    Key(SecretKey),
    Shares(SecretKey),
    Pin(Passphrase, SecretKey),
    Token(Pkcs11Key),
}

/// A secret as it was given, and the slot that it is for.
pub(crate) struct Given {
    held: Held,
    pub(crate) slot: Option<u8>,
}

impl Given {
    /// # Safety
    /// As [`pointer::bytes`].
    pub(crate) unsafe fn passphrase(text: *const c_char, length: usize) -> Result<Self, Trouble> {
        // SAFETY: promised.
        let held = Held::Passphrase(Passphrase::from(unsafe { pointer::bytes(text.cast(), length)? }));
        Ok(Self { held, slot: None })
    }

    /// # Safety
    /// What the header asks of a caller who gives a secret.
    pub(crate) unsafe fn read(secret: *const zamok_secret) -> Result<Self, Trouble> {
        // SAFETY: promised.
        let given = unsafe { pointer::required(secret)? };
        // SAFETY: the same, of what the struct points to.
        let (text, key, uri) = unsafe {
            (
                pointer::bytes(given.text.cast(), given.text_length)?,
                pointer::bytes(given.key, given.key_length)?,
                pointer::text(given.uri, given.uri_length)?,
            )
        };
        if uri.is_empty() == (given.kind == ZAMOK_SECRET_TOKEN) {
            return Err(Fault(ZAMOK_E_ARGUMENT).into());
        }
        let held = match given.kind {
            ZAMOK_SECRET_PASSPHRASE if key.is_empty() => Held::Passphrase(Passphrase::from(text)),
            ZAMOK_SECRET_KEY if text.is_empty() => Held::Key(SecretKey::from_slice(key)?),
            ZAMOK_SECRET_SHARES if key.is_empty() => {
                // SAFETY: the same.
                let text = unsafe { pointer::text(given.text, given.text_length)? };
                Held::Shares(SecretKey::from_shares(&shares_in(text)?)?)
            }
            ZAMOK_SECRET_PIN => Held::Pin(Passphrase::from(text), SecretKey::from_slice(key)?),
            ZAMOK_SECRET_TOKEN if key.is_empty() => {
                let pin = (!text.is_empty()).then(|| Passphrase::from(text));
                Held::Token(Pkcs11Key::new(Pkcs11Uri::parse(uri)?, pin)?)
            }
            _ => return Err(Fault(ZAMOK_E_ARGUMENT).into()),
        };
        let slot = match given.names_slot {
            0 => None,
            1 => Some(u8::try_from(given.slot).map_err(|_| CoreError::NoSlot(u8::MAX))?),
            _ => return Err(Fault(ZAMOK_E_ARGUMENT).into()),
        };
        Ok(Self { held, slot })
    }

    /// For the vault.
    pub(crate) const fn credential(&self) -> Credential<'_> {
        match &self.held {
            Held::Passphrase(passphrase) => Credential::Passphrase(passphrase),
            Held::Key(key) => Credential::Key(key),
            Held::Shares(key) => Credential::Shares(key),
            Held::Pin(pin, device) => Credential::Pin { pin, device },
            Held::Token(key) => Credential::Token(key),
        }
    }
}

/// How many shares are needed, and how many are made.
pub(crate) fn numbers(needed: u32, made: u32) -> Result<(u8, u8), Fault> {
    let number = |number: u32| u8::try_from(number).map_err(|_| Fault(ZAMOK_E_ARGUMENT));
    Ok((number(needed)?, number(made)?))
}

/// Room for the texts of so many shares.
pub(crate) fn room(made: u8) -> usize {
    usize::from(made) * ZAMOK_SHARE_MAX
}

/// The texts of shares, one after the other, with a remark in front of each that says what they open.
pub(crate) fn texts(shares: &[Share], what: &str) -> Zeroizing<String> {
    // Made long enough before: what grows leaves copies behind.
    let mut texts = Zeroizing::new(String::with_capacity(shares.len() * ZAMOK_SHARE_MAX));
    for share in shares {
        let (number, made, needed) = (share.index(), shares.len(), share.set().threshold);
        texts.push_str(&format!("# Share {number} of {made}; any {needed} open the {what}.\n"));
        texts.push_str(&share.to_text());
    }
    texts
}
