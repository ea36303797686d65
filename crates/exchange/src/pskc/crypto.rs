//! Encryption of PSKC values: AES in CBC mode and AES key wrap (XML Encryption), PBKDF2 (PKCS #5), HMAC.
//!
//! The MAC is checked before anything is decrypted, and every failure is the same [`Fault::Refused`]: a padding oracle
//! needs two answers to tell apart.

use aes::{Aes128, Aes192, Aes256};
use aes_kw::{AesKw, AesKwp};
use cbc::cipher::block_padding::{NoPadding, Pkcs7};
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyInit, KeyIvInit};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::text::Bytes;

/// How values are encrypted. The number is the key's length in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    /// XML Encryption §5.2.2: the IV stands before the ciphertext. Says nothing about alterations.
    Cbc(usize),
    /// RFC 3394.
    KeyWrap(usize),
    /// RFC 5649.
    KeyWrapPadded(usize),
}

impl Cipher {
    /// The algorithm's identifier; issuers write both `kw-aes128-pad` and `kw-aes-128-pad`.
    pub(super) fn of(uri: &str) -> Result<Self, Fault> {
        let name = uri.rsplit_once('#').map_or(uri, |(_, name)| name);
        Ok(match name {
            "aes128-cbc" => Self::Cbc(16),
            "aes192-cbc" => Self::Cbc(24),
            "aes256-cbc" => Self::Cbc(32),
            "kw-aes128" => Self::KeyWrap(16),
            "kw-aes192" => Self::KeyWrap(24),
            "kw-aes256" => Self::KeyWrap(32),
            "kw-aes128-pad" | "kw-aes-128-pad" => Self::KeyWrapPadded(16),
            "kw-aes192-pad" | "kw-aes-192-pad" => Self::KeyWrapPadded(24),
            "kw-aes256-pad" | "kw-aes-256-pad" => Self::KeyWrapPadded(32),
            "tripledes-cbc" | "kw-tripledes" => return Err(Fault::Unsupported("Triple DES")),
            name if name.starts_with("rsa") => return Err(Fault::Unsupported("RSA encryption")),
            _ => return Err(Fault::Unsupported("this encryption")),
        })
    }

    pub(super) const fn key_len(self) -> usize {
        match self {
            Self::Cbc(len) | Self::KeyWrap(len) | Self::KeyWrapPadded(len) => len,
        }
    }

    /// Whether an alteration shows by itself; otherwise a MAC is required (RFC 6030 §6).
    pub(super) const fn is_authenticated(self) -> bool {
        matches!(self, Self::KeyWrap(_) | Self::KeyWrapPadded(_))
    }

    /// Decrypts what was authenticated, or what authenticates itself.
    pub(super) fn decrypt(self, key: &[u8], text: &[u8]) -> Result<Bytes, Fault> {
        self.decrypt_padded(key, text, Padding::Counted)
    }

    /// Decrypts the key of a MAC, before anything is authenticated. In CBC mode nothing says that it is the issuer's: it must
    /// look like a key. Whoever knows what some blocks decrypt to, as those that are padding alone, and puts them
    /// together, meets eight right bytes of padding or more by chance alone.
    pub(super) fn decrypt_mac_key(self, key: &[u8], text: &[u8]) -> Result<Bytes, Fault> {
        let mac_key = self.decrypt_padded(key, text, Padding::Pkcs7)?;
        let fits = if self.is_authenticated() {
            mac_key.len() >= SHORTEST_MAC_KEY
        } else {
            MAC_KEYS.contains(&mac_key.len()) && !repeats(text)
        };
        if fits { Ok(mac_key) } else { Err(Fault::Refused) }
    }

    fn decrypt_padded(self, key: &[u8], text: &[u8], padding: Padding) -> Result<Bytes, Fault> {
        match self {
            Self::Cbc(16) => from_cbc::<Aes128>(key, text, padding),
            Self::Cbc(24) => from_cbc::<Aes192>(key, text, padding),
            Self::Cbc(_) => from_cbc::<Aes256>(key, text, padding),
            Self::KeyWrap(16) => unwrap::<Aes128>(key, text),
            Self::KeyWrap(24) => unwrap::<Aes192>(key, text),
            Self::KeyWrap(_) => unwrap::<Aes256>(key, text),
            Self::KeyWrapPadded(16) => unwrap_padded::<Aes128>(key, text),
            Self::KeyWrapPadded(24) => unwrap_padded::<Aes192>(key, text),
            Self::KeyWrapPadded(_) => unwrap_padded::<Aes256>(key, text),
        }
    }
}

const BLOCK: usize = 16;
/// Shortest key of a MAC, in bytes: 128 bits. RFC 2104 §3 advises the hash's length, and some issuers have less.
const SHORTEST_MAC_KEY: usize = 16;
/// Keys of MACs in CBC mode, in bytes: as long as a key of AES, an output of a hash that is served, or SHA-384's. Each leaves eight bytes of
/// padding or more.
const MAC_KEYS: [usize; 6] = [16, 20, 24, 32, 48, 64];

/// Which padding is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Padding {
    /// XML Encryption §5.2: the last byte counts, the others mean nothing.
    Counted,
    /// RFC 5652 §6.3: each byte counts.
    Pkcs7,
}

/// The blocks behind the IV.
pub(super) fn blocks(text: &[u8]) -> std::slice::ChunksExact<'_, u8> {
    text.get(BLOCK..).unwrap_or_default().chunks_exact(BLOCK)
}

/// Whether a block stands twice in a ciphertext in CBC mode, in which two alike are somebody's work.
fn repeats(text: &[u8]) -> bool {
    blocks(text).enumerate().any(|(place, block)| blocks(text).skip(place + 1).any(|other| other == block))
}

fn from_cbc<C>(key: &[u8], text: &[u8], rule: Padding) -> Result<Bytes, Fault>
where
    C: cbc::cipher::BlockCipherDecrypt + KeyInit,
    cbc::Decryptor<C>: KeyIvInit + BlockModeDecrypt,
{
    let (iv, blocks) = text.split_at_checked(BLOCK).ok_or(Fault::Refused)?;
    if blocks.is_empty() || !blocks.len().is_multiple_of(BLOCK) {
        return Err(Fault::Refused);
    }
    let cipher = cbc::Decryptor::<C>::new_from_slices(key, iv).map_err(|_| Fault::Refused)?;
    let mut plain = Zeroizing::new(blocks.to_vec());
    cipher.decrypt_padded::<NoPadding>(&mut plain).map_err(|_| Fault::Refused)?;
    let padding = plain.last().map_or(0, |last| usize::from(*last));
    if padding == 0 || padding > BLOCK {
        return Err(Fault::Refused);
    }
    let (kept, counted) = plain.split_at(blocks.len() - padding);
    if rule == Padding::Pkcs7 && counted.iter().any(|byte| usize::from(*byte) != padding) {
        return Err(Fault::Refused);
    }
    let kept = kept.len();
    plain.truncate(kept);
    Ok(plain)
}

/// Wraps under AES-256 (RFC 3394) what is long enough and a multiple of eight bytes; `None` for anything else.
pub(super) fn to_wrapped(key: &[u8; 32], plain: &[u8]) -> Option<Vec<u8>> {
    if plain.len() < BLOCK || !plain.len().is_multiple_of(8) {
        return None;
    }
    let mut out = vec![0; plain.len() + 8];
    AesKw::<Aes256>::new(key.into()).wrap_key(plain, &mut out).ok()?;
    Some(out)
}

/// Encrypts with AES-256 in CBC mode: the IV, then the ciphertext with PKCS #7 padding, which is valid by both rules.
pub(super) fn to_cbc(key: &[u8; 32], iv: &[u8; BLOCK], plain: &[u8]) -> Vec<u8> {
    let mut out = Zeroizing::new(vec![0; BLOCK + plain.len() + BLOCK]);
    out[..BLOCK].copy_from_slice(iv);
    out[BLOCK..][..plain.len()].copy_from_slice(plain);
    let cipher = cbc::Encryptor::<Aes256>::new(key.into(), iv.into());
    // The buffer has room for a whole block of padding.
    let len =
        cipher.encrypt_padded::<Pkcs7>(&mut out[BLOCK..], plain.len()).map_or(0, |encrypted| encrypted.len());
    out[..BLOCK + len].to_vec()
}

fn unwrap<C>(key: &[u8], text: &[u8]) -> Result<Bytes, Fault>
where
    AesKw<C>: KeyInit + Unwrap,
{
    AesKw::<C>::new_from_slice(key).map_err(|_| Fault::Refused)?.open(text)
}

fn unwrap_padded<C>(key: &[u8], text: &[u8]) -> Result<Bytes, Fault>
where
    AesKwp<C>: KeyInit + Unwrap,
{
    AesKwp::<C>::new_from_slice(key).map_err(|_| Fault::Refused)?.open(text)
}

/// Key wrap over the three ciphers.
trait Unwrap {
    fn open(&self, text: &[u8]) -> Result<Bytes, Fault>;
}

macro_rules! unwrap {
    ($shortest:literal: $($wrap:ty),+) => {$(
        impl Unwrap for $wrap {
            fn open(&self, text: &[u8]) -> Result<Bytes, Fault> {
                if text.len() < $shortest {
                    return Err(Fault::Refused);
                }
                let mut plain = Zeroizing::new(vec![0; text.len()]);
                let len = self.unwrap_key(text, &mut plain).map_err(|_| Fault::Refused)?.len();
                plain.truncate(len);
                Ok(plain)
            }
        }
    )+};
}

// RFC 3394 §2: the integrity check and two blocks of eight bytes. RFC 5649 §4: the check and one.
unwrap!(24: AesKw<Aes128>, AesKw<Aes192>, AesKw<Aes256>);
unwrap!(16: AesKwp<Aes128>, AesKwp<Aes192>, AesKwp<Aes256>);

/// The hash under an HMAC: of values, and inside PBKDF2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacHash {
    /// HMAC-SHA-1, which every reader of RFC 6030 has.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl MacHash {
    pub(super) fn of(uri: &str) -> Result<Self, Fault> {
        let name = uri.rsplit_once('#').map_or(uri, |(_, name)| name);
        Ok(match name.to_ascii_lowercase().as_str() {
            "hmac-sha1" | "hmac-sha-1" => Self::Sha1,
            "hmac-sha256" | "hmac-sha-256" => Self::Sha256,
            "hmac-sha512" | "hmac-sha-512" => Self::Sha512,
            "hmac-md5" => return Err(Fault::Unsupported("HMAC-MD5")),
            _ => return Err(Fault::Unsupported("this MAC")),
        })
    }

    pub(super) const fn uri(self) -> &'static str {
        match self {
            Self::Sha1 => "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
            Self::Sha256 => "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
            Self::Sha512 => "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512",
        }
    }

    /// The MAC of a message.
    pub(super) fn mac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => keyed::<Hmac<Sha1>>(key).chain_update(message).finalize().into_bytes().to_vec(),
            Self::Sha256 => keyed::<Hmac<Sha256>>(key).chain_update(message).finalize().into_bytes().to_vec(),
            Self::Sha512 => keyed::<Hmac<Sha512>>(key).chain_update(message).finalize().into_bytes().to_vec(),
        }
    }

    /// Checks the whole MAC of a message in constant time.
    pub(super) fn verify(self, key: &[u8], message: &[u8], mac: &[u8]) -> Result<(), Fault> {
        let same = match self {
            Self::Sha1 => keyed::<Hmac<Sha1>>(key).chain_update(message).verify_slice(mac),
            Self::Sha256 => keyed::<Hmac<Sha256>>(key).chain_update(message).verify_slice(mac),
            Self::Sha512 => keyed::<Hmac<Sha512>>(key).chain_update(message).verify_slice(mac),
        };
        same.map_err(|_| Fault::Refused)
    }

    /// PBKDF2 (RFC 8018 §5.2) with this HMAC.
    pub(super) fn derive(self, password: &[u8], salt: &[u8], rounds: u32, out: &mut [u8]) {
        match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, rounds, out),
            Self::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, rounds, out),
            Self::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, rounds, out),
        }
    }
}

fn keyed<M: Mac + KeyInit>(key: &[u8]) -> M {
    <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of every length")
}
