//! Hash functions (FIPS 180-4): SHA-1 for HMAC only, SHA-2.

use sha2::{Digest, Sha256};

/// SHA-256 over the parts, one after the other.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}
