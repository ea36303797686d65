//! Hash functions: SHA-1 (FIPS 180-4; inside HMAC and OCRA only) and SHA-2 (FIPS 180-4).

use core::fmt;

use sha2::{Digest, Sha256, Sha384, Sha512};

/// The hash under an HMAC of a one-time password. Numbers are part of the record format.
///
/// ```
/// use zamok_core::hash::HashAlgorithm;
/// assert_eq!(HashAlgorithm::Sha256.to_string(), "SHA-256");
/// assert_eq!(HashAlgorithm::from_number(3), Some(HashAlgorithm::Sha512));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum HashAlgorithm {
    /// SHA-1, the hash of RFC 4226. Collisions of SHA-1 do not weaken HMAC; what every authenticator app supports.
    #[default]
    Sha1 = 1,
    /// SHA-256 (RFC 6238 §1.2).
    Sha256 = 2,
    /// SHA-512 (RFC 6238 §1.2).
    Sha512 = 3,
}

impl HashAlgorithm {
    /// Every algorithm, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// The stable number, for records and bindings.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Sha1 => 1,
            Self::Sha256 => 2,
            Self::Sha512 => 3,
        }
    }

    /// Reads a stable number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Sha1,
            2 => Self::Sha256,
            3 => Self::Sha512,
            _ => return None,
        })
    }

    /// Bytes of a digest.
    #[must_use]
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Bytes of a block; an HMAC key that is longer is hashed first (RFC 2104 §2).
    #[must_use]
    pub const fn block_len(self) -> usize {
        match self {
            Self::Sha1 | Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }

    /// The name in `otpauth://` URIs and OCRA suites: `SHA1`, `SHA256`, `SHA512`.
    #[must_use]
    pub const fn otpauth_name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        })
    }
}

/// The hash of a message to be signed (FIPS 180-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageHash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl MessageHash {
    /// Bytes of a digest.
    #[must_use]
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of a message.
    #[must_use]
    pub fn digest(self, message: &[u8]) -> Digested {
        let mut hashing = Hashing::new(self);
        hashing.update(message);
        hashing.finish()
    }
}

/// A hash that takes its message in parts.
#[derive(Clone)]
pub struct Hashing(State);

#[derive(Clone)]
enum State {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hashing {
    /// Begins a message.
    #[must_use]
    pub fn new(hash: MessageHash) -> Self {
        Self(match hash {
            MessageHash::Sha256 => State::Sha256(Sha256::new()),
            MessageHash::Sha384 => State::Sha384(Sha384::new()),
            MessageHash::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// Goes on with it.
    pub fn update(&mut self, part: &[u8]) {
        match &mut self.0 {
            State::Sha256(hash) => hash.update(part),
            State::Sha384(hash) => hash.update(part),
            State::Sha512(hash) => hash.update(part),
        }
    }

    /// Ends it.
    #[must_use]
    pub fn finish(self) -> Digested {
        match self.0 {
            State::Sha256(hash) => Digested::new(MessageHash::Sha256, &hash.finalize()),
            State::Sha384(hash) => Digested::new(MessageHash::Sha384, &hash.finalize()),
            State::Sha512(hash) => Digested::new(MessageHash::Sha512, &hash.finalize()),
        }
    }
}

impl fmt::Debug for Hashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashing(redacted)")
    }
}

/// A digest, with the hash that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digested {
    hash: MessageHash,
    bytes: [u8; 64],
}

impl Digested {
    fn new(hash: MessageHash, digest: &[u8]) -> Self {
        let mut bytes = [0; 64];
        bytes[..digest.len()].copy_from_slice(digest);
        Self { hash, bytes }
    }

    /// The hash that made it.
    #[must_use]
    pub const fn hash(&self) -> MessageHash {
        self.hash
    }

    /// The digest, as long as its hash makes it.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.hash.output_len()]
    }
}

/// SHA-256 of the parts, one after the other. The caller separates parts of variable length.
///
/// ```
/// use zamok_core::hash::sha256;
/// assert_eq!(sha256(&[b"ab", b"c"]), sha256(&[b"abc"]));
/// assert_eq!(sha256(&[b"abc"])[..4], [0xba, 0x78, 0x16, 0xbf]); // FIPS 180-4, example "abc"
/// ```
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// SHA-512 of the parts, one after the other. The caller separates parts of variable length.
#[must_use]
pub fn sha512(parts: &[&[u8]]) -> [u8; 64] {
    let mut hash = Sha512::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// SHA-1 of one message: for over-long HMAC keys (RFC 2104 §2) and OCRA password hashes (RFC 6287 §5.1), nothing else.
pub(crate) fn sha1(message: &[u8]) -> [u8; 20] {
    sha1::Sha1::digest(message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_stable_and_read_back() {
        for (number, algorithm) in (1u8..).zip(HashAlgorithm::ALL) {
            assert_eq!(algorithm.number(), number);
            assert_eq!(HashAlgorithm::from_number(number), Some(algorithm));
        }
        assert_eq!([0, 4, 255].map(HashAlgorithm::from_number), [None; 3]);
    }

    #[test]
    fn the_digests_are_those_of_the_standard_for_abc() {
        assert_eq!(sha1(b"abc")[..4], [0xa9, 0x99, 0x3e, 0x36]);
        assert_eq!(sha256(&[b"a", b"", b"bc"])[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(sha512(&[b"ab", b"c"])[..4], [0xdd, 0xaf, 0x35, 0xa1]);
    }
}
