//! Notices: what a service tells an account, and how its owner wants to be told.

use std::ffi::c_char;
use std::mem::offset_of;

use zamok::Zamok;
use zamok::delivery::{Category, Notice, Priority, Quiet};
use zamok::{Error, Evidence};

use super::error::{Trouble, told};
use super::handles::{self, zamok_cabinet, zamok_session};
use super::keys::fixed;
use super::session::within;
use super::zamok_id;
use crate::border::Fault;
use crate::codes::ZAMOK_E_ARGUMENT;
use crate::pointer::{self, Place, StructPlace, Versioned};
use crate::zamok_status;

/// It can wait until the quiet hours are over.
pub const ZAMOK_PRIORITY_NORMAL: u32 = 0;
/// It knows no quiet hours, and goes by SMS as well.
pub const ZAMOK_PRIORITY_HIGH: u32 = 1;

/// As the service has it.
pub const ZAMOK_CHANNEL_DEFAULT: u32 = 0;
/// The owner wants none.
pub const ZAMOK_CHANNEL_OFF: u32 = 1;
/// The owner wants them.
pub const ZAMOK_CHANNEL_ON: u32 = 2;

/// What a service has to say. With `size` set and the rest 0 first.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_notice {
    /// `sizeof(zamok_notice)`.
    pub size: u32,
    /// One of `ZAMOK_PRIORITY_…`.
    pub priority: u32,
    /// What sort of news it is: "service" (applications, documents), "payment", "reminder", "news", or "security", which nobody turns
    /// off.
    pub category: *const c_char,
    /// Its length.
    pub category_length: usize,
    /// What it is about, in a few words of at most 256 bytes: the subject of an e-mail.
    pub title: *const c_char,
    /// Its length.
    pub title_length: usize,
    /// What is to be said, at most 4096 bytes.
    pub text: *const c_char,
    /// Its length.
    pub text_length: usize,
    /// Where more is to be found: an https URL of at most 1024 bytes, or null.
    pub link: *const c_char,
    /// Its length.
    pub link_length: usize,
    /// The language that it is written in (BCP 47).
    pub language: *const c_char,
    /// Its length.
    pub language_length: usize,
}

// SAFETY: numbers and pointers without padding.
unsafe impl Versioned for zamok_notice {
    const FIRST: usize = offset_of!(Self, language_length) + size_of::<usize>();
}
#[cfg(target_pointer_width = "64")]
const _: () = assert!(zamok_notice::FIRST == 88);

/// How an account wants to be told. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_preferences {
    /// `sizeof(zamok_preferences)`.
    pub size: u32,
    /// 1 when there are quiet hours.
    pub quiet: u32,
    /// The minute of the day from which it is to be quiet, 0 to 1439.
    pub quiet_from: u32,
    /// The minute of the day until which it is, on the same day or the next.
    pub quiet_until: u32,
    /// Minutes by which the owner's clock is ahead of UTC.
    pub quiet_offset: i32,
    /// 0.
    pub reserved: u32,
    /// The language (BCP 47), ended by a zero byte; empty for the service's own.
    pub language: [c_char; 40],
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_preferences {
    const FIRST: usize = 64;
}
const _: () = assert!(size_of::<zamok_preferences>() == zamok_preferences::FIRST);

/// Tells an account something: by every contact that it wants to be told by, and in its feed. It waits in the outbox; `id` is that
/// of the message.
///
/// Errors: `ZAMOK_E_NOTICE_UNUSABLE` for control characters, a text that is empty, a link that is no https URL; `ZAMOK_E_TOO_LONG`;
/// `ZAMOK_E_ARGUMENT` for a category or a priority that there is not; `ZAMOK_E_REJECTED` when no account has this login;
/// `ZAMOK_E_ACCOUNT_STATE` for one that is not open.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_notify(
    cabinet: *const zamok_cabinet,
    login: *const c_char,
    login_length: usize,
    notice: *const zamok_notice,
    id: *mut zamok_id,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (login, given, place) =
            unsafe { (pointer::text(login, login_length)?, pointer::required(notice)?, Place::new(id)?) };
        // SAFETY: the same, of what the struct points to.
        let (category, title, text, link, language) = unsafe {
            (
                pointer::text(given.category, given.category_length)?,
                pointer::text(given.title, given.title_length)?,
                pointer::text(given.text, given.text_length)?,
                pointer::text(given.link, given.link_length)?,
                pointer::text(given.language, given.language_length)?,
            )
        };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        let category = self::category(category)?;
        let priority = match given.priority {
            ZAMOK_PRIORITY_NORMAL => Priority::Normal,
            ZAMOK_PRIORITY_HIGH => Priority::High,
            _ => return Err(Fault(ZAMOK_E_ARGUMENT).into()),
        };
        let notice = Notice { category, priority, title, text, link, language };
        let posted = cabinet.notify(login, &notice)?;
        place.put(zamok_id { bytes: posted.0 });
        Ok(())
    })
}

fn category(name: &str) -> Result<Category, Fault> {
    Category::named(name).ok_or(Fault(ZAMOK_E_ARGUMENT))
}

/// The channel of this number, among those that something is sent by.
fn channel(number: u32) -> Result<Evidence, Fault> {
    use super::outbox::{ZAMOK_CHANNEL_EMAIL, ZAMOK_CHANNEL_PUSH, ZAMOK_CHANNEL_SMS};
    match number {
        ZAMOK_CHANNEL_SMS => Ok(Evidence::Sms),
        ZAMOK_CHANNEL_EMAIL => Ok(Evidence::Email),
        ZAMOK_CHANNEL_PUSH => Ok(Evidence::Push),
        _ => Err(Fault(ZAMOK_E_ARGUMENT)),
    }
}

/// How the owner of a session wants to be told.
///
/// Errors: `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_preferences_get(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    preferences: *mut zamok_preferences,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { StructPlace::new(preferences)? };
        let (cabinet, session) = within(cabinet, session)?;
        let found = cabinet.preferences(&session)?;
        let (from, until, offset) = found.quiet.map_or((0, 0, 0), Quiet::minutes);
        place.put(&zamok_preferences {
            size: 0,
            quiet: found.quiet.is_some().into(),
            quiet_from: from.into(),
            quiet_until: until.into(),
            quiet_offset: offset.into(),
            reserved: 0,
            language: fixed(&found.language),
        });
        Ok(())
    })
}

/// Changes the language and the quiet hours of the owner of a session; journalled.
///
/// Errors: `ZAMOK_E_PREFERENCES_UNUSABLE` for a language that is no tag; `ZAMOK_E_ARGUMENT` for minutes that no day has, an empty span,
/// or an offset beyond 14 hours; `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_preferences_set(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    preferences: *const zamok_preferences,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let given = unsafe { pointer::required(preferences)? };
        let (cabinet, session) = within(cabinet, session)?;
        let quiet = match given.quiet {
            0 => None,
            1 => Some(quiet(&given)?),
            _ => return Err(Fault(ZAMOK_E_ARGUMENT).into()),
        };
        let language: Vec<u8> =
            given.language.iter().map(|unit| unit.to_ne_bytes()[0]).take_while(|byte| *byte != 0).collect();
        let language = String::from_utf8(language).map_err(|_| Error::PreferencesUnusable)?;
        Ok(cabinet.change_preferences(&session, |preferences| {
            preferences.language.clone_from(&language);
            preferences.quiet = quiet;
        })?)
    })
}

fn quiet(given: &zamok_preferences) -> Result<Quiet, Trouble> {
    let minute = |minute: u32| u16::try_from(minute).map_err(|_| Fault(ZAMOK_E_ARGUMENT));
    let offset = i16::try_from(given.quiet_offset).map_err(|_| Fault(ZAMOK_E_ARGUMENT))?;
    let quiet = Quiet::new(minute(given.quiet_from)?, minute(given.quiet_until)?, offset);
    Ok(quiet.ok_or(Fault(ZAMOK_E_ARGUMENT))?)
}

/// Whether the owner of a session wants to be told of a category by a channel: one of `ZAMOK_CHANNEL_DEFAULT`, `…_OFF`, `…_ON`.
/// `channel` is one of `ZAMOK_CHANNEL_SMS`, `…_EMAIL`, `…_PUSH`.
///
/// Errors: `ZAMOK_E_ARGUMENT` for a category or a channel that there is not; `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_preferences_channel(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    category: *const c_char,
    category_length: usize,
    channel: u32,
    wanted: *mut u32,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (category, place) = unsafe { (pointer::text(category, category_length)?, Place::new(wanted)?) };
        let (cabinet, session) = within(cabinet, session)?;
        let (category, channel) = (self::category(category)?, self::channel(channel)?);
        let found = cabinet.preferences(&session)?;
        place.put(match found.channels.get(&(category, channel)) {
            None => ZAMOK_CHANNEL_DEFAULT,
            Some(false) => ZAMOK_CHANNEL_OFF,
            Some(true) => ZAMOK_CHANNEL_ON,
        });
        Ok(())
    })
}

/// Changes it; journalled.
///
/// Errors: `ZAMOK_E_PREFERENCES_UNUSABLE` when security is turned off; as zamok_preferences_channel().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_preferences_set_channel(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    category: *const c_char,
    category_length: usize,
    channel: u32,
    wanted: u32,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let category = unsafe { pointer::text(category, category_length)? };
        let (cabinet, session) = within(cabinet, session)?;
        let place = (self::category(category)?, self::channel(channel)?);
        let wanted = match wanted {
            ZAMOK_CHANNEL_DEFAULT => None,
            ZAMOK_CHANNEL_OFF => Some(false),
            ZAMOK_CHANNEL_ON => Some(true),
            _ => return Err(Fault(ZAMOK_E_ARGUMENT).into()),
        };
        Ok(cabinet.change_preferences(&session, |preferences| {
            match wanted {
                None => preferences.channels.remove(&place),
                Some(is_on) => preferences.channels.insert(place, is_on),
            };
        })?)
    })
}
