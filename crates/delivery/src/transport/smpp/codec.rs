//! PDUs as they come over the line: each is cut off by its length first, so that one that cannot be read costs no other.

use rusmpp::Command;
use rusmpp::tokio_codec::{CommandCodec, EncodeError};
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

/// The four numbers that each begins with (SMPP 3.4 §3.2).
const HEADER: usize = 16;
/// The longest that is taken.
const LONGEST: usize = 8192;

/// What came.
pub(super) enum Frame {
    /// A PDU.
    Read(Box<Command>),
    /// One of which only the beginning can be read.
    Unreadable {
        /// What it is.
        id: u32,
        /// What it says.
        status: u32,
        /// Its sequence number.
        number: u32,
    },
}

pub(super) struct Codec;

impl Decoder for Codec {
    type Item = Frame;
    type Error = std::io::Error;

    fn decode(&mut self, line: &mut BytesMut) -> Result<Option<Frame>, Self::Error> {
        let Some(header) = line.first_chunk::<HEADER>() else { return Ok(None) };
        let word = |place: usize| u32::from_be_bytes(std::array::from_fn(|byte| header[4 * place + byte]));
        let [length, id, status, number] = [0, 1, 2, 3].map(word);
        let length = length as usize;
        if !(HEADER..=LONGEST).contains(&length) {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "a length that no PDU has"));
        }
        if line.len() < length {
            line.reserve(length - line.len());
            return Ok(None);
        }
        let mut whole = line.split_to(length);
        Ok(Some(match CommandCodec::new().decode(&mut whole) {
            Ok(Some(command)) => Frame::Read(Box::new(command)),
            Ok(None) | Err(_) => Frame::Unreadable { id, status, number },
        }))
    }
}

impl Encoder<Command> for Codec {
    type Error = EncodeError;

    fn encode(&mut self, command: Command, line: &mut BytesMut) -> Result<(), Self::Error> {
        CommandCodec::new().encode(command, line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pdu(length: u32, id: u32, body: &[u8]) -> Vec<u8> {
        let numbers = [length, id, 0, 7].map(u32::to_be_bytes).concat();
        [numbers, body.to_vec()].concat()
    }

    #[test]
    fn one_that_cannot_be_read_costs_no_other_and_a_length_that_none_has_ends_the_line() {
        // A submit_sm_resp whose id does not end, and an enquire_link, which come byte by byte.
        let both = [pdu(19, 0x8000_0004, b"abc"), pdu(16, 0x15, b"")].concat();
        let (mut line, mut found) = (BytesMut::new(), Vec::new());
        for byte in both {
            line.extend_from_slice(&[byte]);
            found.extend(Codec.decode(&mut line).unwrap());
        }
        assert!(matches!(found[0], Frame::Unreadable { id: 0x8000_0004, status: 0, number: 7 }));
        assert!(matches!(&found[1], Frame::Read(command) if command.sequence_number() == 7));
        assert_eq!((found.len(), line.len()), (2, 0));
        for length in [15, 8193] {
            assert!(Codec.decode(&mut BytesMut::from(&pdu(length, 0x15, b"")[..])).is_err(), "{length}");
        }
    }
}
