//! The forms of the core, each with what reads and writes it.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{Form, in_transaction, state_again};
use crate::otp::Window;
use crate::signature::Prepared;
use crate::store::{Row, RowKey, Table};
use crate::vault::attempts::Attempts;
use crate::vault::attributes::{Flag, Flags, KeyInfo, Purpose};
use crate::vault::chain::Entry;
use crate::vault::departed::Note;
use crate::vault::header::{Header, Log};
use crate::vault::importing::{from_plain_form, to_plain_form};
use crate::vault::keys::{KeyId, KeyRecord};
use crate::vault::kinds::KeyKind;
use crate::vault::material::{Material, curve};
use crate::vault::questions::Kept;
use crate::vault::relocation::{FormerLog, Relocation};
use crate::vault::slot::Slot;
use crate::vault::spend::{self, OtpState, SpendPolicy, Throttle};
use crate::vault::{signing, wrapping};
use crate::wire::{Reader, Writer};

/// Every form of the core.
pub const FORMS: &[Form] = &[
    Form::exact("attributes of a key", attributes),
    Form::exact("record of a key", key_record),
    Form::loose("material of a key", material),
    Form::loose("key as RFC 5649 wraps it", plain_form),
    Form::exact("slot", slot),
    Form::exact("state of a one-time-password key", otp_state),
    Form::exact("relocation", relocation),
    Form::exact("former log", former_log),
    Form::loose("key from another vault", wrapped_key),
    Form::exact("header of the vault", header),
    Form::exact("log of the vault", log),
    Form::exact("note of a departed key", note),
    Form::exact("attempts at a slot", attempts),
    Form::loose("question", question),
    Form::loose("entry of the journal", entry),
];

const WRITTEN: &str = "what was read is written";

fn attributes(bytes: &[u8]) -> Option<Vec<u8>> {
    let (info, lengths) = KeyInfo::decode(bytes).ok()?;
    Some(info.encode(lengths).expect(WRITTEN).to_vec())
}

/// Attributes with their length, then the body.
fn key_record(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(bytes);
    let attributes = reader.bytes().ok()?;
    let body = reader.raw(reader.remaining()).ok()?;
    let (info, _) = KeyInfo::decode(attributes).ok()?;
    in_transaction(|tx| {
        let row = info.id.row();
        tx.put_record(&row, attributes, body).ok()?;
        let mut record = KeyRecord::load(tx, info.id).ok()?;
        record.put(tx).expect(WRITTEN);
        // Material that is none of its kind is an error when the key is used.
        if let Ok(signer) = record.signer(tx) {
            let algorithm = info.kind.algorithm().expect("it signs");
            let message = Prepared::Message(b"message");
            let _ = signer.sign(algorithm.mechanism(), message, &mut tx.env());
        }
        let _ = (signing::public_key(tx, info.id), signing::spki_pem(tx, info.id));
        let opened = tx.record(&row).expect("the row that was written").expect("it is there");
        let mut written = Writer::new();
        written.bytes(&opened.attributes).expect(WRITTEN).raw(&opened.body);
        Some(written.to_vec())
    })
}

/// A kind, then its secret as a record seals it.
fn material(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(bytes);
    let kind = KeyKind::read(&mut reader).ok()?;
    let secret = Zeroizing::new(reader.raw(reader.remaining()).ok()?.to_vec());
    let material = Material::read(kind, secret).ok()?;
    let kept = if kind == KeyKind::PublicKey { &material.public } else { &*material.secret };
    let mut written = Writer::new();
    kind.write(&mut written).expect(WRITTEN);
    Some(written.raw(kept).to_vec())
}

/// A kind, then PKCS#8 or the bare secret.
fn plain_form(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(bytes);
    let kind = KeyKind::read(&mut reader).ok()?;
    // What is read is never wrapped so, and keys that agree wrap others: those come in by no wrap.
    if !kind.is_secret() || curve(kind).is_some() {
        return None;
    }
    let material = from_plain_form(kind, reader.raw(reader.remaining()).ok()?).ok()?;
    let mut written = Writer::new();
    kind.write(&mut written).expect(WRITTEN);
    Some(written.raw(&to_plain_form(kind, &material.secret).expect(WRITTEN)).to_vec())
}

/// The number of its row, then the slot.
fn slot(bytes: &[u8]) -> Option<Vec<u8>> {
    let (number, bytes) = bytes.split_first()?;
    let (slot, header, sealed) = Slot::parse(bytes, *number).ok()?;
    if let Some(cost) = slot.method.cost() {
        assert_eq!(cost.bounded(), Ok(cost));
    }
    let _ = slot.key_from(sealed);
    Some([&[slot.number], header, sealed].concat())
}

fn otp_state(body: &[u8]) -> Option<Vec<u8>> {
    Some(OtpState::decode(OtpState::row(KeyId([0; 16])), body).ok()?.encode().to_vec())
}

fn relocation(body: &[u8]) -> Option<Vec<u8>> {
    Some(Relocation::decode(body).ok()?.encode().expect(WRITTEN).to_vec())
}

/// The key of its row with the key's length, then the body.
fn former_log(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(bytes);
    let key = reader.bytes().ok()?;
    let log = FormerLog::decode(key, reader.raw(reader.remaining()).ok()?).ok()?;
    // No log has a longer name, and no row such a key.
    let row = log.row().ok()?;
    in_transaction(|tx| {
        log.put(tx).expect(WRITTEN);
        let body = tx.state(&row).expect("the row that was written").expect("it is there");
        Some([Writer::new().bytes(&row.key).expect(WRITTEN).as_slice(), &body].concat())
    })
}

/// Strength of the wrapping key, attributes with their length, then the body: what a wrap from a vault of somebody else may hold.
/// The key that comes in can do no more than the wrap says, and whatever was spent of it, a code of it is checked.
fn wrapped_key(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(bytes);
    let strength = reader.u16().ok()?;
    let (said, _) = KeyInfo::decode(reader.bytes().ok()?).ok()?;
    let body = reader.raw(reader.remaining()).ok()?;
    in_transaction(|tx| {
        let id = wrapping::restore(tx, said.clone(), body, strength).ok()?;
        let record = KeyRecord::load(tx, id).expect("the key that came in");
        let info = &record.info;
        assert!(info.kind == said.kind && info.purpose == said.purpose && info.kind.is_secret());
        assert!(info.usages.is_within(said.usages) && info.mechanisms.is_within(said.mechanisms));
        assert!(info.flags.and(Flags::MADE_HERE.or(Flags::of(&[Flag::Trusted]))).is_empty());
        assert!(info.purpose != Purpose::Wrapping && info.state == said.state);
        if info.purpose == Purpose::OneTimeCode {
            let _ = spend::verify(tx, id, "123456", &policy());
            let _ = spend::verify(tx, id, "12345678", &policy());
        }
        Some(bytes.to_vec())
    })
}

fn policy() -> SpendPolicy {
    let throttle = Throttle {
        free: 5,
        first_delay: 30,
        longest_delay: 3600,
        disable_after: 20,
        recent_limit: 30,
        recent_span: 3600,
    };
    let window = Window::steps(1, 1).expect("narrow");
    SpendPolicy { window, drift_limit: 2, look_ahead: Window::look_ahead(10).expect("narrow"), throttle }
}

fn header(body: &[u8]) -> Option<Vec<u8>> {
    Some(Header::decode(body).ok()?.encode().expect(WRITTEN).to_vec())
}

fn log(body: &[u8]) -> Option<Vec<u8>> {
    Some(Log::decode(body).ok()?.encode().expect(WRITTEN).to_vec())
}

fn note(body: &[u8]) -> Option<Vec<u8>> {
    let row = RowKey::new(Table(3), *b"note");
    state_again(&row, body, |tx| {
        Note::load(tx, &row).ok()?.put(tx, &row).expect(WRITTEN);
        Some(())
    })
}

fn attempts(value: &[u8]) -> Option<Vec<u8>> {
    let row = Row { version: 1, value: value.to_vec() };
    Some(Attempts::decode(Some(&row)).ok()?.encode())
}

fn question(body: &[u8]) -> Option<Vec<u8>> {
    Kept::decode(body).ok().map(|_| body.to_vec())
}

/// All but the MAC, which is made here.
fn entry(covered: &[u8]) -> Option<Vec<u8>> {
    in_transaction(|tx| {
        let keyring = tx.keyring();
        let mac = Entry::authenticate(keyring, covered).ok()?;
        let value = [covered, &mac].concat();
        let entry = Entry::open(keyring, Entry::id_of(&value).ok()?, &value).ok()?;
        // What is not known of a leaf stays in the tree: later versions write more.
        assert!(entry.mac == mac && Entry::peek(&value).map_or(true, |leaf| leaf.entry == entry.id));
        Some(covered.to_vec())
    })
}
