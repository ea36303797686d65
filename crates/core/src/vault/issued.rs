//! Codes that are sent (SMS, e-mail): derived from what they stand for, never stored (`docs/formats/issued.md`,
//! `CRYPTO.md` §4). An unkeyed hash of six digits would be plaintext; here a copy of the store gives nothing to guess at.
//!
//! One key of the service serves all challenges. A code is HMAC-SHA-256 under it over the whole [`Binding`], cut down as
//! RFC 4226 §5.3 does, so that one for another purpose, session, operation or sending is another code.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::attributes::{Purpose, Usage};
use super::keys::{self, Asked, KeyId, KeyRecord, Template};
use super::kinds::KeyKind;
use super::state::KeyState;
use super::transaction::Transaction;
use crate::error::Error;
use crate::mac::{self, hmac_sha256};
use crate::mechanism::Mechanism;
use crate::otp::{Code, Digits};

const CODE: &[u8] = b"zamok/issued/v1";
const TOKEN: &[u8] = b"zamok/issued-token/v1";

/// All that a sent code stands for. Every part has a fixed length, so that no two bindings are the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The challenge that it answers.
    pub challenge: [u8; 16],
    /// The account that it is for.
    pub account: [u8; 16],
    /// The session in which it may be used; zeros where there is none yet.
    pub session: [u8; 16],
    /// What it is for, as the caller numbers purposes.
    pub purpose: u8,
    /// The digest of the operation that it confirms; zeros where there is none.
    pub operation: [u8; 32],
    /// Which sending of the challenge it is, from 1: a new code kills the old.
    pub sending: u32,
}

impl Binding {
    /// The bytes that codes are derived from, and that devices sign.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 85] {
        let mut bytes = [0; 85];
        bytes[..16].copy_from_slice(&self.challenge);
        bytes[16..32].copy_from_slice(&self.account);
        bytes[32..48].copy_from_slice(&self.session);
        bytes[48] = self.purpose;
        bytes[49..81].copy_from_slice(&self.operation);
        bytes[81..].copy_from_slice(&self.sending.to_be_bytes());
        bytes
    }
}

/// Makes the key from which codes are derived.
///
/// # Errors
/// A store's fault.
pub fn generate(tx: &mut Transaction<'_>, label: &str) -> Result<KeyId, Error> {
    keys::generate(tx, &Template::new(KeyKind::Issued, Purpose::IssuedCode).named(label, None))
}

/// The code that stands for this, to be sent to its owner and to nobody else.
///
/// # Errors
/// [`Error::KeyKind`], [`Error::KeyUsage`], [`Error::KeyPurpose`], [`Error::KeyState`], [`Error::KeyNotValid`] for
/// misuse; [`Error::UnknownKey`]; [`Error::Refused`] for an altered record; a store's fault.
pub fn code(tx: &mut Transaction<'_>, id: KeyId, binding: &Binding, digits: Digits) -> Result<Code, Error> {
    let tag = tag(tx, id, CODE, &binding.to_bytes())?;
    Ok(cut(&tag, digits))
}

/// Checks a typed code in constant time. Malformed text is rejected after the same work.
///
/// # Errors
/// [`Error::Rejected`] when it is another code, or none; the misuse and faults of [`code`].
pub fn check(
    tx: &mut Transaction<'_>,
    id: KeyId,
    binding: &Binding,
    digits: Digits,
    text: &str,
) -> Result<(), Error> {
    let right = code(tx, id, binding, digits)?;
    // A text that is no code is compared as well, with a code that it is not.
    let typed = Code::parse(text, digits);
    let same = typed.as_ref().unwrap_or(&Code::from_value(0, digits)).ct_eq(&right);
    mac::verdict(same).and_then(|()| typed.map(drop).map_err(|_| Error::Rejected))
}

/// A bearer token of 256 bits that stands for `subject`, for whoever is to be known again. Derived, not stored.
///
/// # Errors
/// The misuse and faults of [`code`].
pub fn token(tx: &mut Transaction<'_>, id: KeyId, subject: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, Error> {
    tag(tx, id, TOKEN, subject)
}

/// Checks a token in constant time.
///
/// # Errors
/// [`Error::Rejected`] when it is another one; the misuse and faults of [`code`].
pub fn check_token(
    tx: &mut Transaction<'_>,
    id: KeyId,
    subject: &[u8; 32],
    token: &[u8; 32],
) -> Result<(), Error> {
    let right = tag(tx, id, TOKEN, subject)?;
    mac::verdict(right.ct_eq(token))
}

fn tag(
    tx: &mut Transaction<'_>,
    id: KeyId,
    label: &[u8],
    message: &[u8],
) -> Result<Zeroizing<[u8; 32]>, Error> {
    let record = KeyRecord::load(tx, id)?;
    if record.info.kind != KeyKind::Issued {
        return Err(Error::KeyKind);
    }
    let (usage, purpose) = (Usage::IssueCode, Purpose::IssuedCode);
    let mechanism = Some(Mechanism::IssuedCode);
    record.allow(tx, &Asked { usage, purpose, mechanism, states: &[KeyState::Active] })?;
    tx.self_test(Mechanism::IssuedCode)?;
    record.tell_use(tx, Mechanism::IssuedCode)?;
    Ok(derived(&record.material, label, message))
}

/// [`code`] under the bare bytes of a key, for self-tests.
pub(super) fn code_under(key: &[u8], binding: &Binding, digits: Digits) -> Code {
    cut(&derived(key, CODE, &binding.to_bytes()), digits)
}

/// [`token`], likewise.
pub(super) fn token_under(key: &[u8], subject: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    derived(key, TOKEN, subject)
}

fn derived(key: &[u8], label: &[u8], message: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(hmac_sha256(key, &[label, message]))
}

fn cut(tag: &[u8; 32], digits: Digits) -> Code {
    Code::from_value(truncated(tag), digits)
}

/// RFC 4226 §5.3, step 2, over 32 bytes instead of 20. The place of the four bytes depends on the secret, and so every
/// place is looked at.
fn truncated(tag: &[u8; 32]) -> u32 {
    let offset = tag[31] & 0x0f;
    let mut value = 0;
    for (place, four) in (0u8..16).zip(tag.windows(4)) {
        let here = u32::from_be_bytes([four[0], four[1], four[2], four[3]]);
        let mask = u32::from(place.ct_eq(&offset).unwrap_u8()).wrapping_neg();
        value |= here & mask;
    }
    value & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_truncation_is_that_of_the_standard() {
        let mut tag = [0; 32];
        for (place, byte) in (0u8..).zip(&mut tag) {
            *byte = place.wrapping_mul(37) | 0x80;
        }
        for last in 0..=255 {
            tag[31] = last;
            let at = usize::from(last & 0x0f);
            let four: [u8; 4] = tag[at..at + 4].try_into().unwrap();
            assert_eq!(truncated(&tag), u32::from_be_bytes(four) & 0x7fff_ffff, "{last}");
        }
    }
}
