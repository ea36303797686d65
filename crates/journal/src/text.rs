//! Numbers and hashes as the formats of C2SP write them, read strictly: one way of writing each.

use alloc::string::ToString;

use base64ct::{Base64, Encoding};
use zamok_core::Error;

use crate::tree::Hash;

/// A decimal without sign or leading zeros.
pub(crate) fn decimal(text: &str) -> Result<u64, Error> {
    let number: u64 = text.parse().map_err(|_| Error::Refused)?;
    if number.to_string() == text { Ok(number) } else { Err(Error::Refused) }
}

/// A hash in base64 (RFC 4648 §4, padded).
pub(crate) fn hash(text: &str) -> Result<Hash, Error> {
    let mut hash = [0; 32];
    let decoded = Base64::decode(text, &mut hash).map_err(|_| Error::Refused)?;
    if decoded.len() == 32 { Ok(hash) } else { Err(Error::Refused) }
}
