//! Messages that are to be sent: taken out of the outbox by a service that carries them, one at a time, and ended by its word.

use std::borrow::Cow;
use std::ffi::c_char;
use std::mem::offset_of;
use std::ptr;
use std::sync::Arc;

use zamok::delivery::{Handed, Letter, Matched, Outgoing, Receipt, ReceiptState, Templates};
use zamok::{Evidence, Zamok};

use super::error::{Trouble, told};
use super::handles::{self, zamok_cabinet, zamok_message, zamok_outbox};
use super::keys::fixed;
use super::zamok_id;
use crate::border::Fault;
use crate::codes::ZAMOK_E_ARGUMENT;
use crate::pointer::{self, Buffer, Place, StructPlace, Versioned};
use crate::zamok_status;

/// An SMS, to a number.
pub const ZAMOK_CHANNEL_SMS: u32 = 1;
/// An e-mail, to an address.
pub const ZAMOK_CHANNEL_EMAIL: u32 = 2;
/// A pushed message (RFC 8030), to the endpoint of a device.
pub const ZAMOK_CHANNEL_PUSH: u32 = 3;

/// Where it goes: a number in the form +79161234567, an e-mail address, an endpoint.
pub const ZAMOK_MESSAGE_ADDRESS: u32 = 1;
/// The subject of an e-mail; empty for others.
pub const ZAMOK_MESSAGE_SUBJECT: u32 = 2;
/// What it says: the text of an SMS or an e-mail; for a push the JSON that is sealed for the device (RFC 8291).
pub const ZAMOK_MESSAGE_TEXT: u32 = 3;
/// The public key of the device that a push is sealed for, in base64url; empty for others.
pub const ZAMOK_MESSAGE_PUSH_KEY: u32 = 4;
/// The authentication secret of the device that a push is sealed for, in base64url; empty for others.
pub const ZAMOK_MESSAGE_PUSH_SECRET: u32 = 5;

/// It is still on its way.
pub const ZAMOK_DELIVERY_ON_THE_WAY: u32 = 1;
/// It arrived.
pub const ZAMOK_DELIVERY_DELIVERED: u32 = 2;
/// It will not arrive.
pub const ZAMOK_DELIVERY_REJECTED: u32 = 3;
/// Its time was over before it arrived.
pub const ZAMOK_DELIVERY_EXPIRED: u32 = 4;

/// The receipt led to no message: it overtook zamok_message_sent(), or is about something else.
pub const ZAMOK_MATCHED_NOTHING: u32 = 0;
/// It led to a message, which has ended with it.
pub const ZAMOK_MATCHED_ENDED: u32 = 1;
/// It led to a message, which goes on.
pub const ZAMOK_MATCHED_NOTED: u32 = 2;
/// It led to a message that was over before, or had this receipt.
pub const ZAMOK_MATCHED_AGAIN: u32 = 3;

/// The words of messages. With `size` set and the rest 0, and as null: the English and Russian ones that ship.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_words {
    /// `sizeof(zamok_words)`.
    pub size: u32,
    /// Most segments of one SMS; what is longer is not sent. Default: 8.
    pub most_segments: u32,
    /// The language of whoever prefers none (BCP 47). Default: "en".
    pub language: *const c_char,
    /// Its length.
    pub language_length: usize,
    /// The domain that phones fill codes in for, such as "bank.example": the last line of an SMS is then
    /// "@bank.example #123456". Empty: no such line.
    pub domain: *const c_char,
    /// Its length.
    pub domain_length: usize,
    /// The service's own words, as docs/delivery.md writes templates (TOML). Empty: none.
    pub templates: *const c_char,
    /// Its length.
    pub templates_length: usize,
}

// SAFETY: numbers and pointers without padding.
unsafe impl Versioned for zamok_words {
    const FIRST: usize = offset_of!(Self, templates_length) + size_of::<usize>();
}
#[cfg(target_pointer_width = "64")]
const _: () = assert!(zamok_words::FIRST == 56);

/// What a message is. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_message_info {
    /// `sizeof(zamok_message_info)`.
    pub size: u32,
    /// One of `ZAMOK_CHANNEL_…`.
    pub channel: u32,
    /// Its id: give it to a carrier that sends once under one id. Handed out again, it has the same.
    pub id: zamok_id,
    /// Whose it is.
    pub account: zamok_id,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// From when on it must not be sent any more.
    pub expires: u64,
    /// From when on others may send it: whoever has not told by then what became of it has lost it.
    pub until: u64,
    /// How often it was handed out, this time included.
    pub attempt: u32,
    /// Units that are paid for: segments of an SMS, 1 otherwise.
    pub units: u32,
    /// 1 when somebody waits for it: a code, or a request to approve.
    pub urgent: u32,
    /// 0.
    pub reserved: u32,
    /// What it is, such as "login code" or "new device"; ended by a zero byte.
    pub kind: [c_char; 32],
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_message_info {
    const FIRST: usize = 112;
}
const _: () = assert!(size_of::<zamok_message_info>() == zamok_message_info::FIRST);

/// The outbox of a cabinet, and the words for what is in it.
pub(crate) struct Outbox {
    cabinet: Arc<Zamok>,
    outgoing: Outgoing,
}

/// A message that was handed out.
pub(crate) struct Message {
    cabinet: Arc<Zamok>,
    letter: Letter,
}

/// Opens the outbox of a cabinet for a service that carries messages itself; otherwise `zamok delivery run` does, beside the
/// service. `words` may be null. The cabinet stays open as long as the handle is.
///
/// Errors: `ZAMOK_E_ARGUMENT` for words that are none: a language without templates, templates that hide what must be shown.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_outbox_open(
    cabinet: *const zamok_cabinet,
    words: *const zamok_words,
    outbox: *mut *mut zamok_outbox,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (words, place) = unsafe { (pointer::versioned(words)?, Place::new(outbox)?) };
        let (language, domain, own) = match &words {
            // SAFETY: the same, of what the struct points to.
            Some(words) => unsafe {
                (
                    pointer::text(words.language, words.language_length)?,
                    pointer::text(words.domain, words.domain_length)?,
                    pointer::text(words.templates, words.templates_length)?,
                )
            },
            None => ("", "", ""),
        };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        let most = words.map_or(0, |words| words.most_segments);
        let most = if most == 0 { 8 } else { usize::try_from(most).unwrap_or(usize::MAX) };
        let templates = Templates::new(cabinet.issuer(), domain, "en", most).and_then(|mut templates| {
            if !own.is_empty() {
                templates.add(own)?;
            }
            templates.set_default(if language.is_empty() { "en" } else { language })?;
            Ok(templates)
        });
        let outgoing = Outgoing::new(templates.map_err(|_| Fault(ZAMOK_E_ARGUMENT))?);
        handles::give(place, Arc::new(Outbox { cabinet, outgoing }))
    })
}

/// Takes the next message that is due, which nobody else is handed until its time is over (`until`): in any number of threads and
/// processes each message is sent once. `*message` is null once everything that was due has been looked at: ask again after
/// a while. What is over is not handed out: a code that counts no more, a message that has expired, a contact that is
/// gone. Caps and what the owner prefers hold as they do for `zamok delivery run`.
///
/// Send it, then say what became of it: zamok_message_sent(), zamok_message_put_off() or zamok_message_refuse(). A message of
/// which nothing was said is handed out again, under the same id.
///
/// Errors: `ZAMOK_E_REFUSED` or `ZAMOK_E_FORMAT` when a message was altered, once all others were handed out; `ZAMOK_E_LOCKED`;
/// those of the store.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_outbox_take(
    outbox: *const zamok_outbox,
    message: *mut *mut zamok_message,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { Place::new(message)? };
        let outbox = handles::take::<Outbox>(outbox)?;
        match outbox.outgoing.take(&outbox.cabinet)? {
            Some(letter) => {
                handles::give(place, Arc::new(Message { cabinet: outbox.cabinet.clone(), letter }))
            }
            None => {
                place.put(ptr::null_mut());
                Ok(())
            }
        }
    })
}

/// What a message is.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_message_describe(
    message: *const zamok_message,
    info: *mut zamok_message_info,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { StructPlace::new(info)? };
        let message = handles::take::<Message>(message)?;
        let (letter, lease) = (&message.letter, &message.letter.lease);
        place.put(&zamok_message_info {
            size: 0,
            channel: match letter.channel() {
                Evidence::Sms => ZAMOK_CHANNEL_SMS,
                Evidence::Email => ZAMOK_CHANNEL_EMAIL,
                _ => ZAMOK_CHANNEL_PUSH,
            },
            id: zamok_id { bytes: lease.message.id.0 },
            account: zamok_id { bytes: lease.message.recipient.account.0 },
            created: lease.message.created.0,
            expires: lease.message.expires.0,
            until: lease.until.0,
            attempt: lease.attempt.into(),
            units: letter.units,
            urgent: lease.message.kind.is_code().into(),
            reserved: 0,
            kind: fixed(lease.message.kind.name()),
        });
        Ok(())
    })
}

/// What a message says, and where it goes: one of `ZAMOK_MESSAGE_…`. Wipe it once it is sent: it may hold a code.
///
/// Errors: `ZAMOK_E_ARGUMENT` for another part.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_message_part(
    message: *const zamok_message,
    part: u32,
    text: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let out = unsafe { Buffer::text(text, capacity, length)? };
        let message = handles::take::<Message>(message)?;
        let letter = &message.letter;
        let (key, secret) = letter.push_keys().unwrap_or_default();
        let part = match part {
            ZAMOK_MESSAGE_ADDRESS => letter.address(),
            ZAMOK_MESSAGE_SUBJECT => letter.subject(),
            ZAMOK_MESSAGE_TEXT => letter.text(),
            ZAMOK_MESSAGE_PUSH_KEY => key.as_str(),
            ZAMOK_MESSAGE_PUSH_SECRET => secret.as_str(),
            _ => return Err(Fault(ZAMOK_E_ARGUMENT).into()),
        };
        Ok(out.put(part.as_bytes())?)
    })
}

/// A carrier took all of a message: its text is wiped from the store. `carrier` is what the service calls it; `ids` are the ids that
/// it gave the message, one in a line for each part, or null. With `receipts` 1 it will tell how the message ended
/// (zamok_message_receipt()); with 0 this is the end. Saying so twice is no error.
///
/// Errors: those of the store: then say it again, or it is sent again by somebody else.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_message_sent(
    message: *const zamok_message,
    carrier: *const c_char,
    carrier_length: usize,
    ids: *const c_char,
    ids_length: usize,
    receipts: u32,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (carrier, ids) =
            unsafe { (pointer::text(carrier, carrier_length)?, pointer::text(ids, ids_length)?) };
        let message = handles::take::<Message>(message)?;
        let receipts = match receipts {
            0 => false,
            1 => true,
            _ => return Err(Fault(ZAMOK_E_ARGUMENT).into()),
        };
        let parts = ids.lines().map(str::to_owned).collect();
        let handed = Handed { carrier: carrier.into(), parts, receipts };
        Ok(message.cabinet.sent(&message.letter.lease, &handed)?)
    })
}

/// A message could not be sent now: it is handed out again after a pause that doubles with every attempt, and never after its time.
/// The fifth time that a carrier is named, which may have taken it, it is over: handed over, as far as anybody knows.
/// `carrier` may be null, and `reason` is for operators: never a text, nor an address; its first 200 characters are kept, with
/// U+FFFD for what is no UTF-8. Nothing happens when others have it by now.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_message_put_off(
    message: *const zamok_message,
    carrier: *const c_char,
    carrier_length: usize,
    reason: *const c_char,
    reason_length: usize,
) -> zamok_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        failed(message, (carrier, carrier_length), (reason, reason_length), |message, carrier, reason| {
            Ok(message.cabinet.put_off(&message.letter.lease, carrier, &[], reason)?)
        })
    }
}

/// No carrier will ever take a message: it is over, journalled with the reason. Otherwise as zamok_message_put_off().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_message_refuse(
    message: *const zamok_message,
    carrier: *const c_char,
    carrier_length: usize,
    reason: *const c_char,
    reason_length: usize,
) -> zamok_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        failed(message, (carrier, carrier_length), (reason, reason_length), |message, carrier, reason| {
            Ok(message.cabinet.refuse(&message.letter.lease, carrier, reason)?)
        })
    }
}

/// # Safety
/// What the header asks of a caller who gives these.
unsafe fn failed(
    message: *const zamok_message,
    (carrier, carrier_length): (*const c_char, usize),
    (reason, reason_length): (*const c_char, usize),
    note: impl FnOnce(&Message, &str, &str) -> Result<(), Trouble>,
) -> zamok_status {
    told(|| {
        // SAFETY: promised.
        let (carrier, reason) =
            unsafe { (pointer::text(carrier, carrier_length)?, said(reason, reason_length)?) };
        note(&*handles::take::<Message>(message)?, carrier, &reason)
    })
}

/// A reason in a carrier's own words, in whatever encoding they are: refused, it would come again and again. No more is looked at
/// than the 200 characters that are kept can have.
///
/// # Safety
/// As [`pointer::bytes`].
unsafe fn said<'a>(reason: *const c_char, length: usize) -> Result<Cow<'a, str>, Fault> {
    const LONGEST: usize = 200 * 4;
    // SAFETY: promised.
    let bytes = unsafe { pointer::bytes(reason.cast(), length) }?;
    Ok(String::from_utf8_lossy(bytes.get(..LONGEST).unwrap_or(bytes)))
}

/// Notes what a carrier tells of a message that it took: `state` is one of `ZAMOK_DELIVERY_…`, `carrier` and `id` are those of
/// zamok_message_sent(), `number` is the number that the receipt says it is about, or null, `reason` the carrier's own, read as
/// that of zamok_message_put_off(). What it led to is one of `ZAMOK_MATCHED_…`. The same receipt twice changes nothing.
///
/// Errors: those of the store: then do not acknowledge it, so that the carrier tells it again. `ZAMOK_E_ARGUMENT` for another
/// state.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_message_receipt(
    cabinet: *const zamok_cabinet,
    carrier: *const c_char,
    carrier_length: usize,
    id: *const c_char,
    id_length: usize,
    state: u32,
    number: *const c_char,
    number_length: usize,
    reason: *const c_char,
    reason_length: usize,
    matched: *mut u32,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (carrier, id, number, reason, place) = unsafe {
            (
                pointer::text(carrier, carrier_length)?,
                pointer::text(id, id_length)?,
                pointer::text(number, number_length)?,
                said(reason, reason_length)?,
                Place::new(matched)?,
            )
        };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        let state = match state {
            ZAMOK_DELIVERY_ON_THE_WAY => ReceiptState::OnTheWay,
            ZAMOK_DELIVERY_DELIVERED => ReceiptState::Delivered,
            ZAMOK_DELIVERY_REJECTED => ReceiptState::Rejected,
            ZAMOK_DELIVERY_EXPIRED => ReceiptState::Expired,
            _ => return Err(Fault(ZAMOK_E_ARGUMENT).into()),
        };
        let number = Some(number).filter(|number| !number.is_empty());
        place.put(match cabinet.receipt(&Receipt { carrier, id, state, number, reason: &reason })? {
            Matched::Unknown => ZAMOK_MATCHED_NOTHING,
            Matched::Ended(..) => ZAMOK_MATCHED_ENDED,
            Matched::Noted(_) => ZAMOK_MATCHED_NOTED,
            Matched::Again(_) => ZAMOK_MATCHED_AGAIN,
        });
        Ok(())
    })
}

/// Ends the handle; with the last one on a vault its keys are wiped. Null is nothing, and so is a handle that was freed.
#[unsafe(no_mangle)]
pub extern "C" fn zamok_outbox_free(outbox: *mut zamok_outbox) {
    handles::free::<Outbox>(outbox);
}

/// Ends the handle, not the message, and wipes its text. Null is nothing, and so is a handle that was freed.
#[unsafe(no_mangle)]
pub extern "C" fn zamok_message_free(message: *mut zamok_message) {
    handles::free::<Message>(message);
}
