//! What an SMPP carrier sends, read as the link reads it.

use rusmpp::Pdu;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder;
use zamok_cabinet::ReceiptState;

use super::codec::{Codec, Frame};
use super::pdu;

/// What a carrier said with one PDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A receipt: the id of the part, how it stands, the number that it went to, why.
    Receipt(String, ReceiptState, Option<String>, String),
    /// Another PDU, by its sequence number.
    Other(u32),
    /// One of which only the beginning can be read.
    Unreadable,
}

/// Reads what came over a line; what is left over is the beginning of another PDU.
///
/// # Errors
/// Nothing more, where the line has to be closed.
pub fn smpp(bytes: &[u8]) -> Result<(Vec<Heard>, usize), ()> {
    let (mut line, mut heard) = (BytesMut::from(bytes), Vec::new());
    while let Some(frame) = Codec.decode(&mut line).map_err(drop)? {
        heard.push(match frame {
            Frame::Unreadable { .. } => Heard::Unreadable,
            Frame::Read(command) => match command.pdu() {
                Some(Pdu::DeliverSm(deliver)) => match pdu::told(deliver) {
                    Some(told) => Heard::Receipt(told.id, told.state, told.number, told.reason),
                    None => Heard::Other(command.sequence_number()),
                },
                _ => Heard::Other(command.sequence_number()),
            },
        });
    }
    Ok((heard, line.len()))
}
