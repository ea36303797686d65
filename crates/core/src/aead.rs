//! Authenticated encryption: AES-256-GCM (NIST SP 800-38D) and XAES-256-GCM (C2SP), and AES key wrap (RFC 5649).

use alloc::vec;
use alloc::vec::Vec;

use aes::Aes256;
use aes::cipher::{Array, BlockCipherEncrypt as _};
use aes_gcm::aead::AeadInOut as _;
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce, Tag};
use zeroize::Zeroizing;

use crate::error::Error;

/// Bytes of a GCM nonce.
pub const GCM_NONCE: usize = 12;
/// Bytes of an XAES nonce.
pub const XAES_NONCE: usize = 24;
/// Bytes of a tag.
pub const TAG: usize = 16;

/// Seals under AES-256-GCM: ciphertext ‖ tag. The nonce must never come again under this key.
///
/// # Errors
/// [`Error::TooLong`] beyond the 64 GiB that GCM seals.
pub fn gcm_seal(
    key: &[u8; 32],
    nonce: &[u8; GCM_NONCE],
    associated: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, Error> {
    let mut sealed = Vec::with_capacity(plain.len() + TAG);
    sealed.extend_from_slice(plain);
    let tag = Aes256Gcm::new(key.into())
        .encrypt_inout_detached(&Nonce::from(*nonce), associated, sealed.as_mut_slice().into())
        .map_err(|_| Error::TooLong { what: "a message", given: plain.len(), limit: u32::MAX as usize })?;
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

/// Opens what [`gcm_seal`] made.
///
/// # Errors
/// [`Error::Rejected`], whatever was wrong.
pub fn gcm_open(
    key: &[u8; 32],
    nonce: &[u8; GCM_NONCE],
    associated: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let length = sealed.len().checked_sub(TAG).ok_or(Error::Rejected)?;
    let (cipher, tag) = sealed.split_at(length);
    let tag = Tag::try_from(tag).map_err(|_| Error::Rejected)?;
    let mut plain = Zeroizing::new(cipher.to_vec());
    Aes256Gcm::new(key.into())
        .decrypt_inout_detached(&Nonce::from(*nonce), associated, plain.as_mut_slice().into(), &tag)
        .map_err(|_| Error::Rejected)?;
    Ok(plain)
}

/// Seals under XAES-256-GCM: a nonce of 24 bytes may be random for as many messages as anybody sends.
///
/// # Errors
/// As [`gcm_seal`].
pub fn xaes_seal(
    key: &[u8; 32],
    nonce: &[u8; XAES_NONCE],
    associated: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, Error> {
    let (key, nonce) = xaes_derive(key, nonce);
    gcm_seal(&key, &nonce, associated, plain)
}

/// Opens what [`xaes_seal`] made.
///
/// # Errors
/// [`Error::Rejected`], whatever was wrong.
pub fn xaes_open(
    key: &[u8; 32],
    nonce: &[u8; XAES_NONCE],
    associated: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (key, nonce) = xaes_derive(key, nonce);
    gcm_open(&key, &nonce, associated, sealed)
}

/// C2SP XAES-256-GCM: a key from the first half of the nonce by CMAC (NIST SP 800-108r1 in counter mode), which is two
/// blocks, each masked with the CMAC subkey K1; the second half is the nonce of GCM.
fn xaes_derive(key: &[u8; 32], nonce: &[u8; XAES_NONCE]) -> (Zeroizing<[u8; 32]>, [u8; GCM_NONCE]) {
    let cipher = Aes256::new(key.into());
    let mut subkey = Zeroizing::new([0; 16]);
    encrypt_block(&cipher, &mut subkey);
    let doubled = u128::from_be_bytes(*subkey) << 1;
    let carry = subkey[0] >> 7;
    // SP 800-38B §6.1: the constant is chosen without a branch on the subkey.
    *subkey = (doubled ^ (0x87 * u128::from(carry))).to_be_bytes();

    let mut derived = Zeroizing::new([0; 32]);
    for (counter, half) in (1..).zip(derived.chunks_exact_mut(16)) {
        let mut block = Zeroizing::new([0; 16]);
        block[1] = counter;
        block[2] = b'X';
        block[4..].copy_from_slice(&nonce[..12]);
        block.iter_mut().zip(subkey.iter()).for_each(|(byte, mask)| *byte ^= mask);
        encrypt_block(&cipher, &mut block);
        half.copy_from_slice(block.as_slice());
    }
    let mut rest = [0; GCM_NONCE];
    rest.copy_from_slice(&nonce[12..]);
    (derived, rest)
}

fn encrypt_block(cipher: &Aes256, block: &mut [u8; 16]) {
    let mut array = Array::from(*block);
    cipher.encrypt_block(&mut array);
    *block = array.into();
}

/// AES key wrap with padding (RFC 5649).
///
/// # Errors
/// [`Error::KeyMaterial`] for nothing, or for more than it wraps.
pub fn key_wrap(key: &[u8; 32], plain: &[u8]) -> Result<Vec<u8>, Error> {
    let mut wrapped = vec![0; plain.len().next_multiple_of(8) + 8];
    if plain.is_empty() {
        return Err(Error::KeyMaterial);
    }
    let wrapper = aes_kw::KwpAes256::new(key.into());
    wrapper.wrap_key(plain, &mut wrapped).map_err(|_| Error::KeyMaterial)?;
    Ok(wrapped)
}

/// Opens what [`key_wrap`] made.
///
/// # Errors
/// [`Error::Rejected`], whatever was wrong.
pub fn key_unwrap(key: &[u8; 32], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    if wrapped.len() < 16 {
        return Err(Error::Rejected);
    }
    let mut room = Zeroizing::new(vec![0; wrapped.len()]);
    let wrapper = aes_kw::KwpAes256::new(key.into());
    let plain = wrapper.unwrap_key(wrapped, &mut room).map_err(|_| Error::Rejected)?;
    if plain.is_empty() { Err(Error::Rejected) } else { Ok(Zeroizing::new(plain.to_vec())) }
}
