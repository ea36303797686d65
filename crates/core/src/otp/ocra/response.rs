//! OCRA responses: decimal digits, or the whole HMAC (RFC 6287 §5.2).

use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zamok_lanes::ct;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::otp::code::Typed;
use crate::otp::decimal::{read_decimal, reduce_decimal, write_decimal};
use crate::otp::mask::{Bit, low_half};

/// Characters of the longest response: HMAC-SHA-512 in hexadecimal.
const MAX: usize = 128;

/// A computed HMAC.
pub(crate) struct Tag {
    pub(crate) bytes: Zeroizing<[u8; 64]>,
    pub(crate) len: usize,
}

impl Tag {
    /// RFC 4226 §5.3: dynamic truncation to 31 bits. Where the offset points, nobody sees: every place is looked at.
    fn truncated(&self) -> u32 {
        let offset = self.bytes.get(self.len - 1).map_or(0, |byte| byte & 0x0f);
        let places = (0u64..16).zip(self.bytes.windows(4));
        low_half(places.fold(0, |value, (place, four)| {
            let four = four.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
            value | (Bit::equal(place, u64::from(offset)).mask() & four)
        })) & 0x7fff_ffff
    }
}

/// A response or a signature: its digits with leading zeros, or the whole HMAC in lower-case hexadecimal for a suite of
/// 0 digits. It prints with `Display`; `Debug` shows nothing; wiped when dropped.
#[derive(Clone)]
pub struct OcraResponse {
    ascii: [u8; MAX],
    len: usize,
}

impl OcraResponse {
    pub(crate) fn new(tag: &Tag, digits: u8) -> Self {
        let mut response = Self { ascii: [0; MAX], len: usize::from(digits) };
        if digits == 0 {
            response.len = tag.len * 2;
            for (pair, byte) in response.ascii.chunks_exact_mut(2).zip(&tag.bytes[..tag.len]) {
                (pair[0], pair[1]) = (hexadecimal(byte >> 4), hexadecimal(byte & 0x0f));
            }
        } else {
            write_decimal(tag.truncated(), &mut response.ascii[..usize::from(digits)]);
        }
        response
    }

    /// The characters, to hand them on without an allocator.
    #[must_use]
    pub fn as_str(&self) -> &str {
        ct::public(&self.ascii);
        // Only ASCII is ever written.
        core::str::from_utf8(&self.ascii[..self.len]).unwrap_or_default()
    }
}

/// `0` + v, or from 10 on `a` + v − 10; without a branch or a table.
fn hexadecimal(nibble: u8) -> u8 {
    nibble.wrapping_add(b'0').wrapping_add(Bit::between(nibble, 10, 15).keep(b'a' - b'0' - 10))
}

/// Equality without a timing difference in the characters; their number is not secret.
impl ConstantTimeEq for OcraResponse {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.len.ct_eq(&other.len) & self.ascii.ct_eq(&other.ascii)
    }
}

impl fmt::Display for OcraResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for OcraResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OcraResponse({} characters, redacted)", self.len)
    }
}

impl Drop for OcraResponse {
    fn drop(&mut self) {
        self.ascii.zeroize();
    }
}

impl ZeroizeOnDrop for OcraResponse {}

/// What was typed, ready to be compared with many tags.
pub(crate) enum Expected {
    Decimal { typed: Typed, digits: u8 },
    Whole { ascii: [u8; MAX], well_formed: Bit },
}

impl Expected {
    pub(crate) fn read(text: &str, digits: u8, tag_len: usize) -> Self {
        if digits > 0 {
            return Self::Decimal { typed: read_decimal(text, usize::from(digits)), digits };
        }
        // Hexadecimal in either case; other characters match nothing.
        let mut ascii = [0; MAX];
        ascii.iter_mut().zip(text.bytes()).for_each(|(place, byte)| *place = lower(byte));
        let mut well_formed = Bit::NO;
        if text.len() == tag_len * 2 {
            well_formed = Bit::YES;
        }
        Self::Whole { ascii, well_formed }
    }

    /// Whether the tag shows what was typed.
    pub(crate) fn is(&self, tag: &Tag) -> Bit {
        match self {
            Self::Decimal { typed, digits } => {
                Bit::equal(reduce_decimal(tag.truncated(), *digits), typed.value)
            }
            Self::Whole { ascii, well_formed } => {
                let response = OcraResponse::new(tag, 0);
                let differences = ascii.iter().zip(response.ascii).fold(0, |all, (a, b)| all | (a ^ b));
                Bit::zero(u64::from(differences)) & *well_formed
            }
        }
    }
}

/// The lower-case form of `A` to `F`, and every other byte as it is.
fn lower(byte: u8) -> u8 {
    byte | Bit::between(byte, b'A', b'F').keep(0x20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_written_and_folded_as_the_plain_operations_do() {
        for (nibble, character) in (0u8..).zip(*b"0123456789abcdef") {
            assert_eq!(hexadecimal(nibble), character);
        }
        for byte in 0..=255u8 {
            assert_eq!(
                lower(byte),
                if matches!(byte, b'A'..=b'F') { byte.to_ascii_lowercase() } else { byte }
            );
        }
    }

    #[test]
    fn truncation_reads_the_place_that_the_last_half_byte_names() {
        for len in [20, 32, 64] {
            for offset in 0..16u8 {
                let mut bytes = Zeroizing::new([0; 64]);
                for (place, byte) in (1u8..).zip(bytes.iter_mut()) {
                    *byte = place.wrapping_mul(151) | 0x80;
                }
                bytes[len - 1] = bytes[len - 1] & 0xf0 | offset;
                let at = usize::from(offset);
                let plain = u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
                    & 0x7fff_ffff;
                assert_eq!(Tag { bytes, len }.truncated(), plain);
            }
        }
    }
}
