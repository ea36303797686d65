//! The one way in which records, rows and events become bytes: big-endian integers, length-prefixed strings, no
//! padding, no optional order. A reader is bounded by its input and ends exactly at its end.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroize;

use crate::error::Error;

/// Writes fields into a buffer that is wiped when dropped, since fields may be secret.
pub struct Writer {
    bytes: Vec<u8>,
    secret: bool,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl Writer {
    /// An empty writer.
    #[must_use]
    pub fn new() -> Self {
        // Roomy enough that records do not grow while they are written, which would leave copies behind.
        Self { bytes: Vec::with_capacity(1024), secret: true }
    }

    /// An empty writer for what is told to everyone anyway, such as headers and leaves; its buffer is not wiped, which
    /// takes longer than writing it.
    #[must_use]
    pub fn public(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity), secret: false }
    }

    /// Bytes as they are; the reader must know their number.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        if bytes.len() > self.bytes.capacity() - self.bytes.len() {
            self.grow(bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Makes room for more, and leaves no copy of a secret behind.
    #[cold]
    fn grow(&mut self, more: usize) {
        let mut grown = Vec::with_capacity(2 * (self.bytes.len() + more));
        grown.extend_from_slice(&self.bytes);
        let mut small = core::mem::replace(&mut self.bytes, grown);
        if self.secret {
            wipe(&mut small);
        }
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.raw(&[value])
    }

    /// Two bytes.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// A flag byte, then eight bytes when there is a value.
    pub fn optional_u64(&mut self, value: Option<u64>) -> &mut Self {
        match value {
            None => self.u8(0),
            Some(value) => self.u8(1).u64(value),
        }
    }

    /// Two bytes of length, then the bytes.
    ///
    /// # Errors
    /// [`Error::TooLong`] above 65,535 bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<&mut Self, Error> {
        let limit = usize::from(u16::MAX);
        let too_long = Error::TooLong { what: "a field", given: bytes.len(), limit };
        let length = u16::try_from(bytes.len()).map_err(|_| too_long)?;
        Ok(self.u16(length).raw(bytes))
    }

    /// Text, as [`Writer::bytes`].
    ///
    /// # Errors
    /// [`Error::TooLong`] above 65,535 bytes.
    pub fn text(&mut self, text: &str) -> Result<&mut Self, Error> {
        self.bytes(text.as_bytes())
    }

    /// What was written so far.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// A copy for places that are not secret.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    /// What was written, for places that are not secret.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<u8> {
        core::mem::take(&mut self.bytes)
    }
}

impl core::fmt::Debug for Writer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Writer({} bytes, redacted)", self.bytes.len())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.secret {
            wipe(&mut self.bytes);
        }
    }
}

/// Wipes what was written and, behind it, what others may have left in this memory before.
fn wipe(bytes: &mut Vec<u8>) {
    bytes.as_mut_slice().zeroize();
    bytes.spare_capacity_mut().zeroize();
}

/// Reads fields; anything cut, overlong or left over is [`Error::Refused`].
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// [`Error::Refused`] when fewer are left.
    pub fn raw(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Error::Refused)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// [`Error::Refused`] when fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Error::Refused)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`Error::Refused`] at the end.
    pub fn u8(&mut self) -> Result<u8, Error> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Two bytes.
    ///
    /// # Errors
    /// [`Error::Refused`] when fewer are left.
    pub fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes.
    ///
    /// # Errors
    /// [`Error::Refused`] when fewer are left.
    pub fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// [`Error::Refused`] when fewer are left.
    pub fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_be_bytes)
    }

    /// What [`Writer::optional_u64`] wrote.
    ///
    /// # Errors
    /// [`Error::Refused`] when cut or when the flag is neither 0 nor 1.
    pub fn optional_u64(&mut self) -> Result<Option<u64>, Error> {
        match self.u8()? {
            0 => Ok(None),
            1 => self.u64().map(Some),
            _ => Err(Error::Refused),
        }
    }

    /// What [`Writer::bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::Refused`] when cut.
    pub fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let length = self.u16()?;
        self.raw(usize::from(length))
    }

    /// What [`Writer::text`] wrote.
    ///
    /// # Errors
    /// [`Error::Refused`] when cut or not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Error> {
        core::str::from_utf8(self.bytes()?).map_err(|_| Error::Refused)
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`Error::Refused`] when bytes are left over.
    pub fn end(self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(Error::Refused) }
    }
}

impl core::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Reader({} bytes left)", self.rest.len())
    }
}

/// Bytes as lower-case hexadecimal digits, for names and listings; never for secrets.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 0xf] {
            text.push(char::from(DIGITS[usize::from(digit)]));
        }
    }
    text
}

/// Reads pairs of hexadecimal digits, of either case: exactly `N` bytes, and nothing beside them. `None` for an odd number of
/// digits, for more or fewer bytes, and for anything that is no digit, such as the signs and blanks that numbers may have.
///
/// A secret is read by [`unhex_into`], into a place that is wiped.
///
/// ```
/// use zamok_core::wire::unhex;
///
/// assert_eq!(unhex(b"00ff7F"), Some([0x00, 0xff, 0x7f]));
/// assert_eq!(unhex::<3>(b"00ff7"), None, "half a byte is none");
/// assert_eq!(unhex::<2>(b"00ff7F"), None, "exactly as many as are asked for");
/// assert_eq!(unhex::<1>(b"+f"), None, "a sign is no digit");
/// ```
#[must_use]
pub fn unhex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    unhex_into(digits, &mut bytes)?;
    Some(bytes)
}

/// The same, in a place of the caller's, which takes exactly as many bytes as it has. After a `None` it holds what was read up to
/// the fault.
#[must_use]
pub fn unhex_into(digits: &[u8], bytes: &mut [u8]) -> Option<()> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    if pairs.len() != bytes.len() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(())
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::{hex, unhex, unhex_into};

    #[test]
    fn every_byte_has_its_two_digits() {
        for byte in 0..=u8::MAX {
            assert_eq!(hex(&[byte]), alloc::format!("{byte:02x}"));
        }
        assert_eq!(hex(&[]), "");
        assert_eq!(hex(&[0, 0x0f, 0xf0, 0xff]), "000ff0ff");
    }

    #[test]
    fn what_hex_writes_is_read_in_either_case() {
        for byte in 0..=u8::MAX {
            let digits = hex(&[byte]);
            assert_eq!(unhex(digits.as_bytes()), Some([byte]));
            assert_eq!(unhex(digits.to_ascii_uppercase().as_bytes()), Some([byte]));
        }
        assert_eq!(unhex(b""), Some([]));
        assert_eq!(unhex(b"000fF0fF"), Some([0, 0x0f, 0xf0, 0xff]));
    }

    #[test]
    fn two_digits_are_a_byte_and_nothing_else_is() {
        for pair in 0..=u16::MAX {
            let pair = pair.to_be_bytes();
            let are_digits = pair.iter().all(u8::is_ascii_hexdigit);
            assert_eq!(unhex::<1>(&pair).is_some(), are_digits, "{pair:?}");
        }
    }

    #[test]
    fn only_whole_bytes_are_read_and_exactly_as_many_as_there_is_room_for() {
        for digits in [&b"00f"[..], b"00f0f0", b"00", b"", b" 0f0", b"00f\n", b"0x00", b"+0f0", b"00-0"] {
            assert_eq!(unhex::<2>(digits), None, "{digits:?}");
            assert_eq!(unhex_into(digits, &mut [0; 2]), None, "{digits:?}");
        }
        let mut bytes = [0; 2];
        assert_eq!(unhex_into(b"00f0", &mut bytes), Some(()));
        assert_eq!(bytes, [0, 0xf0]);
    }
}
