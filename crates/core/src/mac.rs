//! HMAC (RFC 2104): over messages for records, rows and the journal; over counters, in SIMD lanes, for codes.

use core::slice;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use zamok_lanes::ct;
use zamok_lanes::{MacKey, Sha1, Sha256 as Sha256Lanes, Sha512 as Sha512Lanes};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::hash::{self, HashAlgorithm};

#[cfg(feature = "alloc")]
mod ready;
#[cfg(feature = "alloc")]
pub(crate) use ready::{MIDSTATES, ReadyKey, hkdf_sha256, midstates};

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
    compare(&hmac_sha256(key, parts), tag)
}

/// Compares a tag with the right one in constant time. Lengths are public.
fn compare(right: &[u8; TAG], tag: &[u8]) -> Result<(), Error> {
    verdict(right.ct_eq(tag))
}

/// What a comparison in constant time has found; it becomes public here.
pub(crate) fn verdict(same: Choice) -> Result<(), Error> {
    let same = same.unwrap_u8();
    ct::public(slice::from_ref(&same));
    if same == 1 { Ok(()) } else { Err(Error::Rejected) }
}

/// Bytes of a tag of HMAC-SHA-256.
pub(crate) const TAG: usize = 32;

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
    fn a_key_that_lies_ready_gives_the_tags_of_another_implementation_at_every_length_and_cut() {
        let message: [u8; 300] = core::array::from_fn(|place| place.to_le_bytes()[0].wrapping_mul(7));
        for key in [[0; 32], [0xa5; 32], core::array::from_fn(|place| place.to_le_bytes()[0])] {
            let ready = midstates(&key).0;
            for length in 0..message.len() {
                let (message, cut) = (&message[..length], length * 5 / 7);
                let tag = hmac_sha256(&key, &[message]);
                assert_eq!(ReadyKey(&ready).tag(&[message]), tag, "{length}");
                assert_eq!(
                    ReadyKey(&ready).tag(&[&message[..cut], &[], &message[cut..]]),
                    tag,
                    "{length}, cut at {cut}"
                );
                assert_eq!(ReadyKey(&ready).verify(&[message], &tag), Ok(()));
                assert_eq!(ReadyKey(&ready).verify(&[message], &tag[..31]), Err(Error::Rejected));
                let mut changed = tag;
                changed[length % 32] ^= 1;
                assert_eq!(ReadyKey(&ready).verify(&[message], &changed), Err(Error::Rejected));
            }
        }
    }

    #[test]
    fn keys_are_derived_as_another_implementation_derives_them_at_every_length() {
        let (salt, key) = ([0x3c; 32], [0xa5; 32]);
        for key in [&key[..], &key[..16], &[]] {
            for length in 0..=200 {
                let (mut ours, mut theirs) = ([0; 200], [0; 200]);
                let info = [&b"a label of some length"[..], &salt[..length % 33]];
                hkdf_sha256(&salt, key, info, &mut ours[..length]);
                let hkdf = hkdf::Hkdf::<Sha256>::new(Some(&salt), key);
                hkdf.expand_multi_info(&info, &mut theirs[..length]).unwrap();
                assert_eq!(ours, theirs, "{length}");
            }
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
