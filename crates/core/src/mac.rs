//! Message authentication: HMAC (RFC 2104, FIPS 198-1).

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::Error;

fn start(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    for part in parts {
        mac.update(part);
    }
    mac
}

/// HMAC-SHA-256 over the parts, one after the other.
#[must_use]
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    start(key, parts).finalize().into_bytes().into()
}

/// Compares a tag in constant time.
///
/// # Errors
/// [`Error::Rejected`] when it does not match, also by its length.
pub fn verify_hmac_sha256(key: &[u8], parts: &[&[u8]], tag: &[u8]) -> Result<(), Error> {
    start(key, parts).verify_slice(tag).map_err(|_| Error::Rejected)
}
