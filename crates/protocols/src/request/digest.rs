//! Content-Digest (RFC 9530 §2): what a signature says of a body.

use sfv::{BareItem, Dictionary, ListEntry, Parser};
use zamok_core::Error as CoreError;
use zamok_core::hash::{sha256, sha512};

use super::message::Message;
use crate::error::Error;

/// The value of `Content-Digest` for a body, with SHA-256.
#[must_use]
pub fn content_digest(body: &[u8]) -> String {
    use base64ct::{Base64, Encoding};
    format!("sha-256=:{}:", Base64::encode_string(&sha256(&[body])))
}

/// Compares a body with the field: every digest by an algorithm that is known must be right, and one must be there. Algorithms
/// that are broken (RFC 9530 §6.5) and unknown ones count for nothing.
///
/// # Errors
/// [`Error::Unsigned`] when the field is missing, cannot be read, or has no digest by SHA-256 or SHA-512;
/// [`CoreError::Rejected`] when one is wrong.
pub fn check_content_digest(message: &Message, body: &[u8]) -> Result<(), Error> {
    let field = message.combined("content-digest").ok_or(Error::Unsigned("Content-Digest is missing"))?;
    let unreadable = Error::Unsigned("Content-Digest cannot be read");
    let digests: Dictionary = Parser::new(&field).parse().map_err(|_| unreadable)?;
    let mut compared = false;
    for (name, entry) in &digests {
        let right: &[u8] = match name.as_str() {
            "sha-256" => &sha256(&[body]),
            "sha-512" => &sha512(&[body]),
            _ => continue,
        };
        let ListEntry::Item(item) = entry else { return Err(unreadable) };
        let BareItem::ByteSequence(digest) = &item.bare_item else { return Err(unreadable) };
        if digest.as_slice() != right {
            return Err(CoreError::Rejected.into());
        }
        compared = true;
    }
    if compared { Ok(()) } else { Err(Error::Unsigned("Content-Digest has no digest by SHA-256 or SHA-512")) }
}
