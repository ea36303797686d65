//! Sealed records (`docs/formats/record.md`): a header that is authenticated, a body that is also encrypted.
//!
//! Each write draws 32 bytes of salt; HKDF-SHA-256 (RFC 5869) of the data key under that salt, with the hash of the
//! header as info, gives an AES-256-GCM key, a nonce and a commitment. The commitment is compared before anything is
//! opened, because GCM alone does not commit to its key. A fresh key for each write leaves no nonce budget to keep.

use alloc::vec::Vec;
use core::slice;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce, Tag};
use subtle::ConstantTimeEq;
use zamok_lanes::ct;
use zeroize::Zeroizing;

use crate::env::Env;
use crate::error::Error;
use crate::secret::Wiped;
use crate::{hash, mac};

const SALT: usize = 32;
const COMMITMENT: usize = 32;
const TAG: usize = 16;

/// What a sealed row is longer than its header and its plain body, in bytes.
pub(crate) const OVERHEAD: usize = SALT + COMMITMENT + TAG;

struct Derived {
    cipher: Aes256Gcm,
    nonce: Nonce<aes_gcm::aead::consts::U12>,
    commitment: Wiped<u8, COMMITMENT>,
}

fn derive(key: &[u8], label: &[u8], salt: &[u8; SALT], header: &[u8]) -> Derived {
    let mut material = Wiped([0; 32 + 12 + COMMITMENT]);
    let digest = hash::sha256(&[header]);
    mac::hkdf_sha256(salt, key, [label, &digest], &mut material.0);
    let (cipher, rest) = material.0.split_at(32);
    let (nonce, commitment) = rest.split_at(12);
    let fixed = "the slices were cut to these lengths";
    Derived {
        cipher: Aes256Gcm::new_from_slice(cipher).expect(fixed),
        nonce: Nonce::try_from(nonce).expect(fixed),
        commitment: Wiped(commitment.try_into().expect(fixed)),
    }
}

/// Seals `body` under `key`: header ‖ salt ‖ commitment ‖ ciphertext ‖ tag.
pub(crate) fn seal(key: &[u8], label: &[u8], header: &[u8], body: &[u8], env: &mut Env<'_>) -> Vec<u8> {
    let salt: [u8; SALT] = env.random();
    let derived = derive(key, label, &salt, header);
    let mut row = Vec::with_capacity(header.len() + body.len() + OVERHEAD);
    row.extend_from_slice(header);
    row.extend_from_slice(&salt);
    row.extend_from_slice(&derived.commitment.0);
    let start = row.len();
    row.extend_from_slice(body);
    let tag = derived
        .cipher
        .encrypt_inout_detached(&derived.nonce, header, row[start..].as_mut().into())
        .expect("a row is far below the 64 GiB that GCM seals");
    row.extend_from_slice(&tag);
    row
}

/// Opens what [`seal`] made; `sealed` is all that follows the header.
///
/// # Errors
/// [`Error::Refused`], whatever was wrong.
pub(crate) fn open(
    key: &[u8],
    label: &[u8],
    header: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (salt, rest) = sealed.split_first_chunk::<SALT>().ok_or(Error::Refused)?;
    let (commitment, rest) = rest.split_at_checked(COMMITMENT).ok_or(Error::Refused)?;
    let body_length = rest.len().checked_sub(TAG).ok_or(Error::Refused)?;
    let (body, tag) = rest.split_at(body_length);
    let derived = derive(key, label, salt, header);
    let committed = derived.commitment.0.ct_eq(commitment).unwrap_u8();
    // Whether it opens becomes public here.
    ct::public(slice::from_ref(&committed));
    if committed != 1 {
        return Err(Error::Refused);
    }
    let tag = Tag::try_from(tag).map_err(|_| Error::Refused)?;
    let mut plain = Zeroizing::new(body.to_vec());
    let opened =
        derived.cipher.decrypt_inout_detached(&derived.nonce, header, plain.as_mut_slice().into(), &tag);
    ct::public(slice::from_ref(&opened));
    opened.map_err(|_| Error::Refused)?;
    Ok(plain)
}
