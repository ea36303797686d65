//! What is written into a `submit_sm`, and what is read from a `deliver_sm`.

use rusmpp::pdus::{BindTransceiver, DeliverSm, SubmitSm};
use rusmpp::tlvs::{MessageSubmissionRequestTlvValue, TlvTag, TlvValue};
use rusmpp::types::{AnyOctetString, COctetString, EmptyOrFullCOctetString, OctetString};
use rusmpp::values::{
    DataCoding, EsmClass, InterfaceVersion, IntermediateNotification, MCDeliveryReceipt, MessageType, Npi,
    RegisteredDelivery, SmeOriginatedAcknowledgement, Ton,
};
use zamok_cabinet::ReceiptState;

use super::super::receipt::{numbered, read_short};
use super::super::{Failed, Parcel, Why};
use super::{SmppConfig, SmppVersion};
use crate::segment::{Alphabet, Segments};

/// One segment of a message.
pub(super) struct Part<'a> {
    pub(super) parcel: &'a Parcel<'a>,
    pub(super) number: &'a str,
    pub(super) segments: &'a Segments,
    pub(super) place: usize,
}

/// A receipt as it came.
pub(super) struct Told {
    pub(super) id: String,
    pub(super) state: ReceiptState,
    pub(super) number: Option<String>,
    pub(super) reason: String,
}

fn octets<const MAX: usize>(text: &str) -> Result<COctetString<1, MAX>, Failed> {
    let unusable = |_| Failed::new(Why::Refused, "a field of it cannot be written");
    COctetString::from_slice(&[text.as_bytes(), &[0]].concat()).map_err(unusable)
}

pub(super) fn bind(config: &SmppConfig, password: &str) -> Result<BindTransceiver, Failed> {
    let version = match config.version {
        SmppVersion::V34 => InterfaceVersion::Smpp3_4,
        SmppVersion::V50 => InterfaceVersion::Smpp5_0,
    };
    Ok(BindTransceiver::new(
        octets(&config.system_id)?,
        octets(password)?,
        octets(&config.system_type)?,
        version,
        Ton::Unknown,
        Npi::Unknown,
        COctetString::empty(),
    ))
}

/// A name, an international number or a short code (SMPP 3.4 §5.2.5).
fn sender(sender: &str) -> (Ton, Npi, &str) {
    match sender.strip_prefix('+') {
        Some(number) => (Ton::International, Npi::Isdn, number),
        None if sender.bytes().all(|byte| byte.is_ascii_digit()) => {
            if sender.len() <= 8 {
                (Ton::Abbreviated, Npi::Unknown, sender)
            } else {
                (Ton::International, Npi::Isdn, sender)
            }
        }
        None => (Ton::Alphanumeric, Npi::Unknown, sender),
    }
}

/// A relative time (SMPP 3.4 §7.1.1.2): years, months, days, hours, minutes, seconds, `000R`.
pub(super) fn relative(seconds: u64) -> String {
    // Nothing waits for a month.
    let seconds = seconds.min(27 * 86_400);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    format!("0000{days:02}{:02}{:02}{:02}000R", rest / 3600, rest / 60 % 60, rest % 60)
}

pub(super) fn submit(config: &SmppConfig, part: &Part<'_>) -> Result<SubmitSm, Failed> {
    let Part { parcel, number, segments, place } = *part;
    let unusable = |what: &str| Failed::new(Why::Refused, format!("{what} cannot be written"));
    let (source_ton, source_npi, source) = sender(&config.sender);
    let text = segments.parts().nth(place).unwrap_or_default();
    // One reference for all parts, and the same again whenever the message is sent again.
    let header = segments.header(parcel.id.0[0], place);
    let body = [header.as_ref().map_or(&[][..], |header| &header[..]), text].concat();
    let data_coding = match segments.alphabet() {
        Alphabet::Gsm7 => DataCoding::McSpecific,
        Alphabet::Ucs2 => DataCoding::Ucs2,
    };
    // Bits 2 to 5 of it are of no meaning in GSM; zero is what every carrier takes.
    let class = EsmClass::from(if header.is_some() { 0x40 } else { 0 });
    let validity = [relative(parcel.expires.since(parcel.now).max(1)).as_bytes(), &[0]].concat();
    let mut pdu = SubmitSm::builder()
        .source_addr_ton(source_ton)
        .source_addr_npi(source_npi)
        .source_addr(octets(source)?)
        .dest_addr_ton(Ton::International)
        .dest_addr_npi(Npi::Isdn)
        .destination_addr(octets(number.trim_start_matches('+'))?)
        .esm_class(class)
        .validity_period(EmptyOrFullCOctetString::from_slice(&validity).map_err(|_| unusable("its time"))?)
        .registered_delivery(RegisteredDelivery::new(
            MCDeliveryReceipt::McDeliveryReceiptRequestedWhereFinalDeliveryOutcomeIsSuccessOrFailure,
            SmeOriginatedAcknowledgement::default(),
            IntermediateNotification::default(),
            0,
        ))
        .data_coding(data_coding)
        .short_message(OctetString::from_slice(&body).map_err(|_| unusable("its text"))?)
        .build();
    if let Some(tag) = config.transaction_tag {
        let value = AnyOctetString::from_slice(&parcel.id.0);
        pdu.push_tlv(MessageSubmissionRequestTlvValue::Other { tag: TlvTag::Other(tag), value });
    }
    Ok(pdu)
}

/// The receipt in a `deliver_sm`; `None` for a message from a person, which nobody waits for.
pub(super) fn told(pdu: &DeliverSm) -> Option<Told> {
    let (mut id, mut state, mut payload) = (None, None, None);
    for tlv in pdu.tlvs() {
        match tlv.value() {
            // SMPP 3.4 §5.3.2.12 and §5.3.2.35.
            Some(TlvValue::ReceiptedMessageId(value)) => {
                id = Some(value.as_str().trim_end_matches('\0').to_owned())
            }
            Some(TlvValue::MessageState(value)) => state = numbered(u8::from(*value)),
            Some(TlvValue::MessagePayload(value)) => payload = Some(value.value.clone()),
            _ => {}
        }
    }
    let is_receipt = pdu.esm_class.message_type == MessageType::ShortMessageContainsMCDeliveryReceipt
        || pdu.esm_class.message_type == MessageType::ShortMessageContainsIntermediateDeliveryNotification
        || id.is_some();
    if !is_receipt {
        return None;
    }
    let text = match &payload {
        Some(payload) => payload.as_ref(),
        None => pdu.short_message().as_ref(),
    };
    let read = read_short(text);
    let reason = read.as_ref().map_or_else(String::new, |read| read.reason.clone());
    let id = id.filter(|id| !id.is_empty()).or_else(|| read.as_ref().map(|read| read.id.clone()))?;
    let state = state.or(read.map(|read| read.state))?;
    // A receipt comes from the number that the message went to.
    let number = pdu.source_addr.as_str().trim_end_matches('\0').to_owned();
    let number = Some(number).filter(|number| number.bytes().filter(u8::is_ascii_digit).count() >= 5);
    Some(Told { id, state, number, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_senders_are_written_as_smpp_has_them() {
        assert_eq!(relative(300), "000000000500000R");
        assert_eq!(relative(90_061), "000001010101000R");
        assert_eq!(relative(u64::MAX), "000027000000000R");
        assert_eq!(sender("+79161234567"), (Ton::International, Npi::Isdn, "79161234567"));
        assert_eq!(sender("1234"), (Ton::Abbreviated, Npi::Unknown, "1234"));
        assert_eq!(sender("ZamokBank"), (Ton::Alphanumeric, Npi::Unknown, "ZamokBank"));
    }
}
