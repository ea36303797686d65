//! What an operation says: a template, and the fields that fill it.

use std::collections::BTreeMap;
use std::ffi::c_char;
use std::sync::{Arc, Mutex, PoisonError};

use zamok::{Content, Error, Template, UnixTime, Value};

use super::error::{Trouble, told};
use super::handles::{self, zamok_content};
use crate::border::Fault;
use crate::codes::ZAMOK_E_ARGUMENT;
use crate::pointer::{self, Buffer, Place};
use crate::zamok_status;

/// Most bytes of what an operation says.
pub const ZAMOK_CONTENT_MAX: usize = 8192;

/// A template whose gaps are being filled.
pub(crate) struct Draft {
    template: Template,
    fields: Mutex<BTreeMap<String, Value>>,
}

impl Draft {
    /// What it says now.
    pub(crate) fn content(&self) -> Result<Content, Error> {
        let fields = self.fields.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Content::new(self.template.clone(), fields)
    }

    fn set(&self, field: &str, value: Value) -> Result<(), Trouble> {
        let mut fields = self.fields.lock().unwrap_or_else(PoisonError::into_inner);
        if fields.len() >= Content::MOST_FIELDS && !fields.contains_key(field) {
            return Err(Error::OperationUnusable("there are too many fields").into());
        }
        fields.insert(field.to_owned(), value);
        Ok(())
    }
}

/// Begins what an operation shall say. `name` and `version` (at most 65535) name the template, `language` is its language
/// (BCP 47), such as "en", and `text` its text, with the name of a field in braces for each gap: "Pay {amount} to {payee}."
/// The gaps are filled by zamok_content_set_text() and its like; whether all of it can be shown is judged when it is
/// read or proposed.
///
/// Errors: `ZAMOK_E_ARGUMENT` for a version that is none.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_content_new(
    name: *const c_char,
    name_length: usize,
    version: u32,
    language: *const c_char,
    language_length: usize,
    text: *const c_char,
    text_length: usize,
    content: *mut *mut zamok_content,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (name, language, text, place) = unsafe {
            (
                pointer::text(name, name_length)?,
                pointer::text(language, language_length)?,
                pointer::text(text, text_length)?,
                Place::new(content)?,
            )
        };
        let version = u16::try_from(version).map_err(|_| Fault(ZAMOK_E_ARGUMENT))?;
        let template = Template { name: name.into(), version, language: language.into(), text: text.into() };
        handles::give(place, Arc::new(Draft { template, fields: Mutex::default() }))
    })
}

/// Fills a gap with a line of text, 1 to 512 bytes; what filled it before gives way.
///
/// Errors: `ZAMOK_E_OPERATION_UNUSABLE` beyond 32 fields.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_content_set_text(
    content: *const zamok_content,
    field: *const c_char,
    field_length: usize,
    text: *const c_char,
    text_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (field, text) =
            unsafe { (pointer::text(field, field_length)?, pointer::text(text, text_length)?) };
        handles::take::<Draft>(content)?.set(field, Value::Text(text.into()))
    })
}

/// Fills a gap with a whole number, as zamok_content_set_text() does.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_content_set_number(
    content: *const zamok_content,
    field: *const c_char,
    field_length: usize,
    number: i64,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let field = unsafe { pointer::text(field, field_length)? };
        handles::take::<Draft>(content)?.set(field, Value::Number(number))
    })
}

/// Fills a gap with an amount: `minor` of the smallest units of `currency` (ISO 4217, three upper-case letters), of which the
/// last `places` (at most 9) stand behind the point. 123456 with 2 places of "RUB" is shown as 1234.56 RUB.
///
/// Errors: `ZAMOK_E_ARGUMENT` for a currency or a number of places that is none; as zamok_content_set_text().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_content_set_amount(
    content: *const zamok_content,
    field: *const c_char,
    field_length: usize,
    minor: i64,
    places: u32,
    currency: *const c_char,
    currency_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (field, currency) = unsafe {
            (pointer::text(field, field_length)?, pointer::bytes(currency.cast(), currency_length)?)
        };
        let draft = handles::take::<Draft>(content)?;
        let currency: [u8; 3] = currency.try_into().map_err(|_| Fault(ZAMOK_E_ARGUMENT))?;
        let places = u8::try_from(places).map_err(|_| Fault(ZAMOK_E_ARGUMENT))?;
        if places > 9 || !currency.iter().all(u8::is_ascii_uppercase) {
            return Err(Fault(ZAMOK_E_ARGUMENT).into());
        }
        draft.set(field, Value::Amount { minor, places, currency })
    })
}

/// Fills a gap with a time, in seconds since 1970, which is shown to the second in UTC, as zamok_content_set_text() does.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_content_set_time(
    content: *const zamok_content,
    field: *const c_char,
    field_length: usize,
    time: u64,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let field = unsafe { pointer::text(field, field_length)? };
        handles::take::<Draft>(content)?.set(field, Value::Time(UnixTime(time)))
    })
}

/// What would be shown of it: the template with every gap filled, at most `ZAMOK_CONTENT_MAX` bytes.
///
/// Errors: `ZAMOK_E_OPERATION_UNUSABLE` when it cannot be shown: a gap that is not filled, a field without a gap, characters
/// that cannot be seen; zamok_error_text() says what.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_content_text(
    content: *const zamok_content,
    text: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let out = unsafe { Buffer::text(text, capacity, length)? };
        Ok(out.put(handles::take::<Draft>(content)?.content()?.text().as_bytes())?)
    })
}

/// Ends the handle. Null is nothing, and so is a handle that was freed.
#[unsafe(no_mangle)]
pub extern "C" fn zamok_content_free(content: *mut zamok_content) {
    handles::free::<Draft>(content);
}
