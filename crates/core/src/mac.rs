//! HMAC (RFC 2104): over messages for records, rows and the journal; over counters, in SIMD lanes, for codes.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zamok_lanes::{MacKey, Sha1, Sha256 as Sha256Lanes, Sha512 as Sha512Lanes};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::hash::{self, HashAlgorithm};

fn keyed(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    // HMAC takes keys of every length (RFC 2104 §2): the error cannot occur.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac
}

/// HMAC-SHA-256 under `key` of the parts, one after the other. The caller separates parts of variable length.
///
/// ```
/// use zamok_core::mac::{hmac_sha256, verify_hmac_sha256};
/// let tag = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
/// assert_eq!(tag[..4], [0x5b, 0xdc, 0xc1, 0x46]); // RFC 4231 §4.3
/// verify_hmac_sha256(b"Jefe", &[b"what do ya want for nothing?"], &tag)?;
/// # Ok::<(), zamok_core::Error>(())
/// ```
#[must_use]
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    keyed(key, parts).finalize().into_bytes().into()
}

/// Checks an HMAC-SHA-256 tag in constant time.
///
/// # Errors
/// [`Error::Rejected`] when the tag is not the full, right one.
pub fn verify_hmac_sha256(key: &[u8], parts: &[&[u8]], tag: &[u8]) -> Result<(), Error> {
    keyed(key, parts).verify_slice(tag).map_err(|_| Error::Rejected)
}

/// The HMAC key of a one-time password, kept as midstates that `zamok_lanes` computes with; wiped when dropped.
#[derive(Clone)]
pub(crate) enum CounterMac {
    Sha1(MacKey<Sha1>),
    Sha256(MacKey<Sha256Lanes>),
    Sha512(MacKey<Sha512Lanes>),
}

impl CounterMac {
    /// RFC 2104 §2: a key longer than a block of the hash is hashed first.
    pub(crate) fn new(algorithm: HashAlgorithm, key: &[u8]) -> Self {
        const FITS: &str = "a key of at most one block";
        let long = key.len() > algorithm.block_len();
        match algorithm {
            HashAlgorithm::Sha1 => {
                let hashed = Zeroizing::new(if long { hash::sha1(key) } else { [0; 20] });
                Self::Sha1(MacKey::new(if long { &hashed[..] } else { key }).expect(FITS))
            }
            HashAlgorithm::Sha256 => {
                let hashed = Zeroizing::new(if long { hash::sha256(&[key]) } else { [0; 32] });
                Self::Sha256(MacKey::new(if long { &hashed[..] } else { key }).expect(FITS))
            }
            HashAlgorithm::Sha512 => {
                let hashed = Zeroizing::new(if long { hash::sha512(&[key]) } else { [0; 64] });
                Self::Sha512(MacKey::new(if long { &hashed[..] } else { key }).expect(FITS))
            }
        }
    }

    /// The 31-bit truncation (RFC 4226 §5.3) of the HMAC of every counter, side by side. The slices are equally long.
    pub(crate) fn window(&self, counters: &[u64], values: &mut [u32]) {
        match self {
            Self::Sha1(key) => zamok_lanes::window(key, counters, values),
            Self::Sha256(key) => zamok_lanes::window(key, counters, values),
            Self::Sha512(key) => zamok_lanes::window(key, counters, values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_is_cut_or_changed_is_rejected() {
        let tag = hmac_sha256(b"key", &[b"message"]);
        assert_eq!(verify_hmac_sha256(b"key", &[b"message"], &tag), Ok(()));
        assert_eq!(verify_hmac_sha256(b"key", &[b"message"], &tag[..31]), Err(Error::Rejected));
        assert_eq!(verify_hmac_sha256(b"key", &[b"message"], &[]), Err(Error::Rejected));
        for byte in 0..32 {
            let mut changed = tag;
            changed[byte] ^= 1;
            assert_eq!(verify_hmac_sha256(b"key", &[b"message"], &changed), Err(Error::Rejected));
        }
    }

    #[test]
    fn a_key_longer_than_a_block_is_hashed_first() {
        let key = [0x5a; 128];
        for (algorithm, hashed) in [
            (HashAlgorithm::Sha1, &hash::sha1(&key)[..]),
            (HashAlgorithm::Sha256, &hash::sha256(&[&key])[..]),
        ] {
            let mut values = [[0u32; 2]; 2];
            CounterMac::new(algorithm, &key).window(&[0, 1], &mut values[0]);
            CounterMac::new(algorithm, hashed).window(&[0, 1], &mut values[1]);
            assert_eq!(values[0], values[1], "{algorithm}");
        }
    }
}
