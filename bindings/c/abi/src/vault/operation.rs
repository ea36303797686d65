//! Operations: what is shown is what is confirmed, and what is confirmed is executed once.

use std::ffi::c_char;
use std::sync::Arc;

use zamok::{Begun, Error, Evidence, Operation, OperationId, RequestId, Session, Value, Zamok};

use super::content::Draft;
use super::error::{Trouble, told};
use super::handles::{self, zamok_cabinet, zamok_challenge, zamok_content, zamok_operation, zamok_session};
use super::keys::fixed;
use super::login::{typed, waiting};
use super::session::within;
use super::zamok_id;
use crate::border::Fault;
use crate::codes::ZAMOK_E_ARGUMENT;
use crate::pointer::{self, Buffer, Place, StructPlace, Versioned};
use crate::zamok_status;

/// It waits to be confirmed, as long as it has not expired.
pub const ZAMOK_OPERATION_PROPOSED: u32 = 1;
/// It was confirmed as it stands, and may be executed as long as it has not expired.
pub const ZAMOK_OPERATION_CONFIRMED: u32 = 2;
/// It was executed.
pub const ZAMOK_OPERATION_EXECUTED: u32 = 3;
/// Its owner has cancelled it.
pub const ZAMOK_OPERATION_CANCELLED: u32 = 4;

/// A line of text.
pub const ZAMOK_VALUE_TEXT: u32 = 1;
/// A whole number.
pub const ZAMOK_VALUE_NUMBER: u32 = 2;
/// An amount in the smallest unit of a currency.
pub const ZAMOK_VALUE_AMOUNT: u32 = 3;
/// A time.
pub const ZAMOK_VALUE_TIME: u32 = 4;

/// Most bytes of a receipt.
pub const ZAMOK_RECEIPT_MAX: usize = 4096;
const _: () = assert!(ZAMOK_RECEIPT_MAX == zamok::Cabinet::LONGEST_RECEIPT);

/// What an operation is. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_operation_info {
    /// `sizeof(zamok_operation_info)`.
    pub size: u32,
    /// One of `ZAMOK_OPERATION_…`.
    pub state: u32,
    /// Its id.
    pub id: zamok_id,
    /// Whose it is.
    pub account: zamok_id,
    /// When it can no longer be confirmed or executed, in seconds since 1970.
    pub expires: u64,
    /// When it was confirmed; 0 while it is not.
    pub confirmed: u64,
    /// The session in which it was confirmed; zeros while it is not.
    pub session: zamok_id,
    /// SHA-256 of what is confirmed: its id, its account and its content (docs/formats/operation.md).
    pub digest: [u8; 32],
    /// With what it was confirmed, such as "generator"; ended by a zero byte.
    pub method: [c_char; 32],
    /// The name of its template; ended by a zero byte.
    pub template_name: [c_char; 72],
    /// The language of its template; ended by a zero byte.
    pub template_language: [c_char; 40],
    /// The version of its template.
    pub template_version: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_operation_info {
    const FIRST: usize = 256;
}
const _: () = assert!(size_of::<zamok_operation_info>() == zamok_operation_info::FIRST);

/// What fills a gap. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_value {
    /// `sizeof(zamok_value)`.
    pub size: u32,
    /// One of `ZAMOK_VALUE_…`.
    pub kind: u32,
    /// A number; an amount in the smallest unit; a time in seconds since 1970. 0 for a text.
    pub number: i64,
    /// Places of an amount behind the point.
    pub places: u32,
    /// The currency of an amount, three letters; ended by a zero byte.
    pub currency: [c_char; 12],
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_value {
    const FIRST: usize = 32;
}
const _: () = assert!(size_of::<zamok_value>() == zamok_value::FIRST);

/// Proposes an operation in a live session. `id` is drawn once, by zamok_request_id(): proposed again under it, it is the same
/// operation.
///
/// Errors: `ZAMOK_E_OPERATION_UNUSABLE`; `ZAMOK_E_OPERATION_TAKEN` when the id names another one; `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_operation_propose(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    id: *const zamok_id,
    content: *const zamok_content,
    operation: *mut *mut zamok_operation,
) -> zamok_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        answered(cabinet, session, id, operation, |cabinet, session, id| {
            Ok(cabinet.propose(session, id, &handles::take::<Draft>(content)?.content()?)?)
        })
    }
}

/// Changes what an operation says. What was confirmed of it is void, and its open challenge with it.
///
/// Errors: `ZAMOK_E_OPERATION_UNUSABLE`; `ZAMOK_E_OPERATION_UNKNOWN`; `ZAMOK_E_OPERATION_OVER` when it was executed or
/// cancelled, or has expired; `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_operation_change(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    id: *const zamok_id,
    content: *const zamok_content,
    operation: *mut *mut zamok_operation,
) -> zamok_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        answered(cabinet, session, id, operation, |cabinet, session, id| {
            Ok(cabinet.change_operation(session, id, &handles::take::<Draft>(content)?.content()?)?)
        })
    }
}

/// Cancels an operation that was not executed.
///
/// Errors: as zamok_operation_change().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_operation_cancel(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    id: *const zamok_id,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let id = unsafe { pointer::array(id.cast())? };
        let (cabinet, session) = within(cabinet, session)?;
        Ok(cabinet.cancel_operation(&session, OperationId(id))?)
    })
}

/// An operation of a live session's account, by its id.
///
/// Errors: `ZAMOK_E_OPERATION_UNKNOWN`, also for one of somebody else; `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_operation_by_id(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    id: *const zamok_id,
    operation: *mut *mut zamok_operation,
) -> zamok_status {
    // SAFETY: what the header asks of the caller.
    unsafe {
        answered(cabinet, session, id, operation, |cabinet, session, id| Ok(cabinet.operation(session, id)?))
    }
}

/// An operation for the service that executes it, whoever's it is: the session of its owner may have ended by then. Not for
/// clients.
///
/// Errors: `ZAMOK_E_OPERATION_UNKNOWN`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_operation_to_execute(
    cabinet: *const zamok_cabinet,
    id: *const zamok_id,
    operation: *mut *mut zamok_operation,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (id, place) = unsafe { (pointer::array(id.cast())?, Place::new(operation)?) };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        handles::give(place, Arc::new(cabinet.operation_to_execute(OperationId(id))?))
    })
}

/// What an operation is, as it was when the handle was made.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_operation_describe(
    operation: *const zamok_operation,
    info: *mut zamok_operation_info,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { StructPlace::new(info)? };
        let operation = handles::take::<Operation>(operation)?;
        let template = operation.content.template();
        let confirmed = operation.confirmed;
        place.put(&zamok_operation_info {
            size: 0,
            state: match (&operation.receipt, confirmed) {
                _ if operation.is_cancelled() => ZAMOK_OPERATION_CANCELLED,
                (Some(_), _) => ZAMOK_OPERATION_EXECUTED,
                (None, Some(_)) => ZAMOK_OPERATION_CONFIRMED,
                (None, None) => ZAMOK_OPERATION_PROPOSED,
            },
            id: zamok_id { bytes: operation.id.0 },
            account: zamok_id { bytes: operation.account.0 },
            expires: operation.expires.0,
            confirmed: confirmed.map_or(0, |confirmed| confirmed.time.0),
            session: zamok_id { bytes: confirmed.map_or([0; 16], |confirmed| confirmed.session.0) },
            digest: operation.digest(),
            method: fixed(confirmed.map_or("", |confirmed| confirmed.by.name())),
            template_name: fixed(&template.name),
            template_language: fixed(&template.language),
            template_version: template.version.into(),
            reserved: 0,
        });
        Ok(())
    })
}

/// What is shown to whoever confirms an operation, from the bytes that are confirmed: show this, and nothing else.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_operation_text(
    operation: *const zamok_operation,
    text: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let out = unsafe { Buffer::text(text, capacity, length)? };
        Ok(out.put(handles::take::<Operation>(operation)?.text().as_bytes())?)
    })
}

/// What fills a gap of an operation: execute what stands here, not what was remembered elsewhere. `text` is the text of
/// `ZAMOK_VALUE_TEXT`, and empty for the others.
///
/// Errors: `ZAMOK_E_ARGUMENT` for a name that no gap has.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_operation_field(
    operation: *const zamok_operation,
    field: *const c_char,
    field_length: usize,
    value: *mut zamok_value,
    text: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (field, place, out) = unsafe {
            (
                pointer::text(field, field_length)?,
                StructPlace::new(value)?,
                Buffer::text(text, capacity, length)?,
            )
        };
        let operation = handles::take::<Operation>(operation)?;
        let found = operation.content.field(field).ok_or(Fault(ZAMOK_E_ARGUMENT))?;
        let mut told = zamok_value { size: 0, kind: 0, number: 0, places: 0, currency: [0; 12] };
        let mut shown = "";
        match found {
            Value::Text(text) => (told.kind, shown) = (ZAMOK_VALUE_TEXT, text),
            Value::Number(number) => (told.kind, told.number) = (ZAMOK_VALUE_NUMBER, *number),
            Value::Amount { minor, places, currency } => {
                (told.kind, told.number, told.places) = (ZAMOK_VALUE_AMOUNT, *minor, (*places).into());
                told.currency = fixed(&String::from_utf8_lossy(currency));
            }
            // A time that can be shown lies before the year 10000.
            Value::Time(time) => {
                (told.kind, told.number) = (ZAMOK_VALUE_TIME, i64::try_from(time.0).unwrap_or(i64::MAX))
            }
        }
        out.put(shown.as_bytes())?;
        place.put(&told);
        Ok(())
    })
}

/// What the execution of an operation left; empty while it was not executed.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_operation_receipt(
    operation: *const zamok_operation,
    receipt: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let out = unsafe { Buffer::bytes(receipt, capacity, length)? };
        Ok(out.put(handles::take::<Operation>(operation)?.receipt.as_deref().unwrap_or_default())?)
    })
}

/// Opens the challenge whose answer confirms an operation as it stands; one that was open for it before is dead. `method`
/// asks for a factor by its name, such as "generator"; empty, policy chooses, and a weaker one than the account's strongest is
/// refused.
///
/// Errors: `ZAMOK_E_METHOD_TOO_WEAK`, `ZAMOK_E_METHOD_UNAVAILABLE`; `ZAMOK_E_TOO_MANY_MESSAGES`; `ZAMOK_E_NOT_ALLOWED` and
/// `ZAMOK_E_FRESH_AUTHENTICATION_NEEDED` where the watch says so; as zamok_operation_change().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_operation_challenge(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    id: *const zamok_id,
    method: *const c_char,
    method_length: usize,
    challenge: *mut *mut zamok_challenge,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (id, method, place) = unsafe {
            (pointer::array(id.cast())?, pointer::text(method, method_length)?, Place::new(challenge)?)
        };
        let (cabinet, session) = within(cabinet, session)?;
        let begun = cabinet.begin_confirmation(&session, OperationId(id), method_named(method)?)?;
        handles::give(place, Arc::new(Begun::Code(begun)))
    })
}

/// Confirms an operation with the answer to its challenge, under the name of this attempt (zamok_request_id()): the code
/// stands for what was shown, and for nothing else.
///
/// Errors: `ZAMOK_E_REJECTED` for everything that is not a right answer to the challenge that is open for the operation as
/// it stands; `ZAMOK_E_APPROVAL_PENDING`; `ZAMOK_E_NOTHING_OFFERED` for a challenge that wants an enrolment; as
/// zamok_operation_change().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_operation_confirm(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    challenge: *const zamok_challenge,
    code: *const c_char,
    code_length: usize,
    request: *const zamok_id,
    operation: *mut *mut zamok_operation,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (code, request, place) = unsafe {
            (
                pointer::bytes(code.cast(), code_length)?,
                pointer::array(request.cast())?,
                Place::new(operation)?,
            )
        };
        let (cabinet, session) = within(cabinet, session)?;
        let challenge = waiting(challenge)?;
        let confirmed = cabinet.confirm(&session, &challenge, typed(code), RequestId(request))?;
        handles::give(place, Arc::new(confirmed))
    })
}

/// Executes a confirmed operation, once: consumes the confirmation and keeps `receipt`, in one commit. Asked again, it consumes
/// nothing and tells the receipt that was kept first, so that a lost answer can be asked for again.
///
/// What is done outside of the store is done at least once: whoever does it goes by the operation's id to tell repetitions.
///
/// It cannot be undone: where there is no room for `ZAMOK_RECEIPT_MAX` bytes, nothing is executed.
///
/// Errors: `ZAMOK_E_OPERATION_NOT_CONFIRMED`; `ZAMOK_E_OPERATION_UNKNOWN`; `ZAMOK_E_OPERATION_OVER`, also for what was confirmed before a
/// backup that was restored; `ZAMOK_E_TOO_LONG` for a receipt above `ZAMOK_RECEIPT_MAX` bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_operation_execute(
    cabinet: *const zamok_cabinet,
    id: *const zamok_id,
    receipt: *const u8,
    receipt_length: usize,
    kept: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (id, receipt, out) = unsafe {
            (
                pointer::array(id.cast())?,
                pointer::bytes(receipt, receipt_length)?,
                Buffer::bytes(kept, capacity, length)?,
            )
        };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        out.reserve(ZAMOK_RECEIPT_MAX)?;
        Ok(out.put(&cabinet.execute(OperationId(id), |_, _| Ok(receipt.to_vec()))?)?)
    })
}

/// Ends the handle, not the operation. Null is nothing, and so is a handle that was freed.
#[unsafe(no_mangle)]
pub extern "C" fn zamok_operation_free(operation: *mut zamok_operation) {
    handles::free::<Operation>(operation);
}

/// Gives out the operation that a session's owner has asked for.
///
/// # Safety
/// What the header asks of a caller who gives these.
unsafe fn answered(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    id: *const zamok_id,
    operation: *mut *mut zamok_operation,
    ask: impl FnOnce(&Zamok, &Session, OperationId) -> Result<Operation, Trouble>,
) -> zamok_status {
    told(|| {
        // SAFETY: promised.
        let (id, place) = unsafe { (pointer::array(id.cast())?, Place::new(operation)?) };
        let (cabinet, session) = within(cabinet, session)?;
        handles::give(place, Arc::new(ask(&cabinet, &session, OperationId(id))?))
    })
}

/// The factor that is asked for by its name; `None` where policy shall choose.
pub(crate) fn method_named(name: &str) -> Result<Option<Evidence>, Error> {
    match name {
        "" => Ok(None),
        name => Evidence::named(name).ok_or(Error::MethodUnavailable).map(Some),
    }
}
