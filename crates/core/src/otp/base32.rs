//! Base32 (RFC 4648 §6), the writing of shared secrets, into the caller's buffer.
//!
//! Arithmetic instead of tables: of a character only its class (of the alphabet, separator, padding, none of them) is
//! branched on, never its value.

use core::slice;

use zamok_lanes::ct;

use super::mask::Bit;
use crate::error::Error;

/// Characters that `bytes` bytes become, without padding.
#[must_use]
pub const fn encoded_len(bytes: usize) -> usize {
    bytes.saturating_mul(8).div_ceil(5)
}

/// Writes `bytes` in capitals and without padding, as authenticator apps expect it, and returns the text.
///
/// # Errors
/// [`Error::TooLong`] when `out` is shorter than [`encoded_len`].
///
/// ```
/// use zamok_core::otp::base32;
/// let mut out = [0; 16];
/// assert_eq!(base32::encode(b"foobar", &mut out)?, "MZXW6YTBOI"); // RFC 4648 §10
/// # Ok::<(), zamok_core::Error>(())
/// ```
pub fn encode<'a>(bytes: &[u8], out: &'a mut [u8]) -> Result<&'a str, Error> {
    let (given, limit) = (encoded_len(bytes.len()), out.len());
    let out = out.get_mut(..given).ok_or(Error::TooLong { what: "base32 text", given, limit })?;
    let mut places = out.iter_mut();
    for group in bytes.chunks(5) {
        let mut bits = [0; 8];
        bits[3..][..group.len()].copy_from_slice(group);
        let bits = u64::from_be_bytes(bits);
        for (shift, place) in
            [35, 30, 25, 20, 15, 10, 5, 0].into_iter().zip(places.by_ref().take(encoded_len(group.len())))
        {
            *place = symbol((bits >> shift).to_le_bytes()[0] & 31);
        }
    }
    // Only capitals and digits are ever written.
    Ok(core::str::from_utf8(out).unwrap_or_default())
}

/// Reads base32 as issuers write it and people type it: capitals or not, blanks and hyphens between groups, padding
/// or none. What is left of an incomplete last byte is dropped, as authenticator apps do. Returns the number of bytes.
///
/// # Errors
/// [`Error::Base32`] with the position, counted in characters from 0, of the first one that does not belong there;
/// [`Error::TooLong`] when `out` is too short.
///
/// ```
/// use zamok_core::{Error, otp::base32};
/// let mut out = [0; 8];
/// let len = base32::decode("mzxw 6ytb-oi======", &mut out)?;
/// assert_eq!(&out[..len], b"foobar");
/// assert_eq!(base32::decode("MZXW0", &mut out), Err(Error::Base32(4)));
/// # Ok::<(), Error>(())
/// ```
pub fn decode(text: &str, out: &mut [u8]) -> Result<usize, Error> {
    let mut reader = Reader::new(out);
    let mut padded = false;
    for (position, character) in text.chars().enumerate() {
        match character {
            ' ' | '-' | '\t' | '\r' | '\n' => {}
            '=' => padded = true,
            _ if padded => return Err(Error::Base32(position)),
            _ => reader.take(character, position, Case::Either)?,
        }
    }
    reader.finish()
}

/// Reads base32 exactly as RFC 4648 §6 writes it: capitals, padding complete or absent, no stray bits, nothing else.
///
/// # Errors
/// Those of [`decode`]; [`Error::Base32`] with the number of characters for a length that no number of bytes has, or
/// for stray bits in the last character.
pub fn decode_strict(text: &str, out: &mut [u8]) -> Result<usize, Error> {
    let symbols = text.trim_end_matches('=');
    let mut reader = Reader::new(out);
    for (position, character) in symbols.chars().enumerate() {
        reader.take(character, position, Case::Upper)?;
    }
    // Only ASCII came this far: bytes are characters.
    let padding = text.len().saturating_sub(symbols.len());
    let complete = padding == 0 || (padding < 8 && text.len().is_multiple_of(8));
    if !complete || matches!(symbols.len() % 8, 1 | 3 | 6) || reader.bits & !(u32::MAX << reader.held) != 0 {
        return Err(Error::Base32(text.len()));
    }
    reader.finish()
}

#[derive(Clone, Copy)]
enum Case {
    Upper,
    Either,
}

/// Collects five bits a character.
struct Reader<'a> {
    out: &'a mut [u8],
    /// Bytes that the text has needed so far, whether or not they fitted.
    len: usize,
    bits: u32,
    held: u32,
}

impl<'a> Reader<'a> {
    fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0, bits: 0, held: 0 }
    }

    fn take(&mut self, character: char, position: usize, case: Case) -> Result<(), Error> {
        let byte = u8::try_from(character).ok().filter(u8::is_ascii).ok_or(Error::Base32(position))?;
        let five = value(byte, case).ok_or(Error::Base32(position))?;
        self.bits = self.bits << 5 | u32::from(five);
        self.held += 5;
        if self.held >= 8 {
            self.held -= 8;
            if let Some(place) = self.out.get_mut(self.len) {
                *place = (self.bits >> self.held).to_le_bytes()[0];
            }
            self.len = self.len.saturating_add(1);
        }
        Ok(())
    }

    fn finish(self) -> Result<usize, Error> {
        let limit = self.out.len();
        if self.len > limit {
            return Err(Error::TooLong { what: "decoded base32", given: self.len, limit });
        }
        Ok(self.len)
    }
}

/// The five bits of a character. Which character it was is not looked up and not branched on, only whether it is one.
fn value(byte: u8, case: Case) -> Option<u8> {
    let lower = match case {
        Case::Upper => Bit::NO,
        Case::Either => Bit::between(byte, b'a', b'z'),
    };
    let (upper, digit) = (Bit::between(byte, b'A', b'Z'), Bit::between(byte, b'2', b'7'));
    let from = |first: u8, five: u8| byte.wrapping_sub(first).wrapping_add(five);
    let five = upper.keep(from(b'A', 0)) | lower.keep(from(b'a', 0)) | digit.keep(from(b'2', 26));
    let known = (upper | lower | digit).value();
    ct::public(slice::from_ref(&known));
    (known == 1).then_some(five)
}

/// The character of five bits: `A` + v, or from 26 on `2` + v − 26.
fn symbol(five: u8) -> u8 {
    five.wrapping_add(b'A').wrapping_sub(Bit::between(five, 26, 31).keep(b'A' + 26 - b'2'))
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::string::String;
    use alloc::vec::Vec;

    /// RFC 4648 §10.
    const VECTORS: [(&str, &str); 7] = [
        ("", ""),
        ("f", "MY======"),
        ("fo", "MZXQ===="),
        ("foo", "MZXW6==="),
        ("foob", "MZXW6YQ="),
        ("fooba", "MZXW6YTB"),
        ("foobar", "MZXW6YTBOI======"),
    ];

    fn read(text: &str) -> Result<Vec<u8>, Error> {
        let mut out = [0; 40];
        decode(text, &mut out).map(|len| out[..len].to_vec())
    }

    fn read_strict(text: &str) -> Result<Vec<u8>, Error> {
        let mut out = [0; 40];
        decode_strict(text, &mut out).map(|len| out[..len].to_vec())
    }

    #[test]
    fn the_vectors_of_rfc_4648_are_written_and_read() {
        for (plain, padded) in VECTORS {
            let bare = padded.trim_end_matches('=');
            let mut out = [0; 16];
            assert_eq!(encode(plain.as_bytes(), &mut out), Ok(bare));
            for text in [padded, bare] {
                assert_eq!(read(text), Ok(plain.as_bytes().to_vec()), "{text}");
                assert_eq!(read_strict(text), Ok(plain.as_bytes().to_vec()), "{text}");
                assert_eq!(read(&text.to_lowercase()), Ok(plain.as_bytes().to_vec()), "{text}");
            }
        }
    }

    #[test]
    fn every_character_has_the_value_of_the_alphabet() {
        const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        for (five, character) in (0u8..).zip(ALPHABET.bytes()) {
            assert_eq!(symbol(five), character);
        }
        for byte in 0..=255u8 {
            let place =
                |alphabet: &str| alphabet.bytes().position(|b| b == byte).and_then(|v| u8::try_from(v).ok());
            assert_eq!(value(byte, Case::Upper), place(ALPHABET));
            assert_eq!(value(byte, Case::Either), place(ALPHABET).or(place(&ALPHABET.to_lowercase())));
        }
    }

    #[test]
    fn every_length_survives_writing_and_reading() {
        let bytes: Vec<u8> = (0..40u8).map(|b| b.wrapping_mul(167) ^ 0x5a).collect();
        for len in 0..=40 {
            let mut out = [0; 64];
            let text = String::from(encode(&bytes[..len], &mut out).unwrap());
            assert_eq!(text.len(), encoded_len(len));
            assert_eq!(read(&text), Ok(bytes[..len].to_vec()));
            assert_eq!(read_strict(&text), Ok(bytes[..len].to_vec()));
        }
    }

    #[test]
    fn the_tolerant_reader_takes_what_people_type() {
        for text in [
            "MZXW6YTBOI",
            "mzxw 6ytb oi",
            "MZXW-6YTB-OI==",
            "mZxW6yTbOi======",
            " MZXW\t6YTB\r\nOI ",
            "MZXW6YTBOI= =",
        ] {
            assert_eq!(read(text), Ok(b"foobar".to_vec()), "{text:?}");
        }
        // Incomplete last bytes are dropped.
        assert_eq!(read("MZXW6YTBO"), Ok(b"fooba".to_vec()));
        assert_eq!(read("M"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_not_base32_is_named_by_its_position() {
        for (text, position) in [
            ("MZ1W", 2),
            ("0", 0),
            ("MZXW=A", 5),
            ("MZé", 2),
            ("éé1", 0),
            ("MZ😀", 2),
            ("MZ_W", 2),
            ("MZ8", 2),
        ] {
            assert_eq!(read(text), Err(Error::Base32(position)), "{text:?}");
        }
        for (text, position) in [
            ("mzxw6", 0),
            ("MZXW 6", 4),
            ("MZXW6YTBO", 9),
            ("M", 1),
            ("MZX", 3),
            ("MZXW6Y", 6),
            ("MZ", 2),
            ("MY=====", 7),
            ("MY=======", 9),
            ("MZXW6YTB========", 16),
            ("========", 8),
            ("MZ=XW", 2),
        ] {
            assert_eq!(read_strict(text), Err(Error::Base32(position)), "{text:?}");
        }
    }

    #[test]
    fn a_buffer_that_is_too_small_is_an_error_and_not_a_cut() {
        let mut small = [0; 3];
        assert_eq!(
            decode("MZXW6YQ", &mut small),
            Err(Error::TooLong { what: "decoded base32", given: 4, limit: 3 })
        );
        assert_eq!(
            encode(b"foo", &mut small),
            Err(Error::TooLong { what: "base32 text", given: 5, limit: 3 })
        );
    }
}
