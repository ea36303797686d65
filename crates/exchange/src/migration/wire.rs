//! As much of the protocol buffers wire format as the migration payload needs, read with every length checked.
//! <https://protobuf.dev/programming-guides/encoding/>

use zeroize::Zeroizing;

use crate::error::Fault;

/// The value of a field.
#[derive(Clone, Copy)]
pub(super) enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// A field of fixed width: none is known here.
    Fixed,
}

impl<'a> Field<'a> {
    pub(super) fn bytes(self) -> Result<&'a [u8], Fault> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Fault::Malformed("protobuf: a field has another type")),
        }
    }

    pub(super) fn text(self) -> Result<&'a str, Fault> {
        let wrong = Fault::Encoding { what: "a name", encoding: "UTF-8" };
        std::str::from_utf8(self.bytes()?).map_err(|_| wrong)
    }

    pub(super) fn number(self) -> Result<u64, Fault> {
        match self {
            Self::Number(number) => Ok(number),
            _ => Err(Fault::Malformed("protobuf: a field has another type")),
        }
    }
}

/// The fields of a message in their order.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) const fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field with its number.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Field<'a>)>, Fault> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 || number >= 1 << 29 {
            return Err(Fault::Malformed("protobuf"));
        }
        let field = match tag & 7 {
            0 => Field::Number(self.varint()?),
            1 => self.take(8).map(|_| Field::Fixed)?,
            2 => {
                let len = usize::try_from(self.varint()?).map_err(|_| Fault::Cut)?;
                Field::Bytes(self.take(len)?)
            }
            5 => self.take(4).map(|_| Field::Fixed)?,
            // Groups were given up before this format was made.
            _ => return Err(Fault::Malformed("protobuf")),
        };
        Ok(Some((number, field)))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Fault::Cut)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Seven bits a byte, the lowest first, ten bytes at most.
    fn varint(&mut self) -> Result<u64, Fault> {
        let mut value = 0_u64;
        for place in 0..10 {
            let byte = u64::from(self.take(1)?[0]);
            if place == 9 && byte > 1 {
                return Err(Fault::Malformed("protobuf"));
            }
            value |= (byte & 127) << (place * 7);
            if byte < 128 {
                return Ok(value);
            }
        }
        Err(Fault::Malformed("protobuf"))
    }
}

/// Appends a field with a number; the default 0 is not written.
pub(super) fn put_number(out: &mut Zeroizing<Vec<u8>>, field: u8, number: u64) {
    if number != 0 {
        out.push(field << 3);
        put_varint(out, number);
    }
}

/// Appends a field with bytes.
pub(super) fn put_bytes(out: &mut Zeroizing<Vec<u8>>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_varint(out: &mut Zeroizing<Vec<u8>>, mut number: u64) {
    loop {
        let low = number.to_le_bytes()[0] & 127;
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 128);
    }
}
