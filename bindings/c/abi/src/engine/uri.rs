//! `otpauth://` URIs, as QR codes carry them.

use core::ffi::c_char;

use zamok_core::otp::{OtpKind, OtpUriRef};
use zeroize::{Zeroize, Zeroizing};

use super::{ZAMOK_ACCEPT_WEAK, ZAMOK_STRICT, algorithm_number, hotp, secret, totp};
use crate::border::{Fault, guarded};
use crate::codes::ZAMOK_E_ARGUMENT;
use crate::pointer::{self, Buffer, StructPlace, Versioned};
use crate::zamok_status;

/// Longest URI that is read or written, in bytes, without a zero byte.
pub const ZAMOK_URI_MAX: usize = 4096;
const _: () = assert!(ZAMOK_URI_MAX == OtpUriRef::MAX);

/// By counter (RFC 4226).
pub const ZAMOK_HOTP: u32 = 1;
/// By time (RFC 6238).
pub const ZAMOK_TOTP: u32 = 2;

/// A key as a URI describes it. It holds the secret: wipe it. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_uri {
    /// `sizeof(zamok_uri)`.
    pub size: u32,
    /// `ZAMOK_HOTP` or `ZAMOK_TOTP`.
    pub kind: u32,
    /// `ZAMOK_SHA1`, `ZAMOK_SHA256` or `ZAMOK_SHA512`.
    pub algorithm: u32,
    /// Digits of a code.
    pub digits: u32,
    /// The time step in seconds; 0 for HOTP.
    pub period: u64,
    /// The counter of the next code; 0 for TOTP.
    pub counter: u64,
    /// The secret.
    pub secret: [u8; 128],
    /// Its length in bytes.
    pub secret_length: u32,
    /// Where the issuer stands in `texts`, and how long it is; a length of 0 where the URI names none.
    pub issuer_at: u32,
    /// Its length.
    pub issuer_length: u32,
    /// Where the account stands in `texts`.
    pub account_at: u32,
    /// Its length.
    pub account_length: u32,
    /// Where another issuer stands, that the label names while the parameter names `issuer`: show both, since one of
    /// them may be there to mislead.
    pub conflicting_issuer_at: u32,
    /// Its length; 0 where the two agree.
    pub conflicting_issuer_length: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_uri {
    const FIRST: usize = 192;
}

/// Reads an `otpauth://` URI: tolerant of what issuers write, or with `ZAMOK_STRICT` as the format says, or with
/// `ZAMOK_ACCEPT_WEAK` also with a secret below 16 bytes.
///
/// The texts go to `texts`, each ended by a zero byte, and `uri` says where each stands. Never more is needed than the
/// length of the URI and 3 bytes. Needs some 9 KiB of stack.
///
/// Errors: `ZAMOK_E_URI_…`, `ZAMOK_E_BASE32`, `ZAMOK_E_SECRET_TOO_SHORT`, `ZAMOK_E_SECRET_TOO_LONG`, `ZAMOK_E_DIGITS`,
/// `ZAMOK_E_PERIOD_ZERO`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_uri_parse(
    text: *const c_char,
    text_length: usize,
    flags: u32,
    uri: *mut zamok_uri,
    texts: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    guarded(|| {
        // SAFETY: what the header asks of the caller.
        let (text, place, out) = unsafe {
            (
                pointer::text(text, text_length)?,
                StructPlace::new(uri)?,
                Buffer::bytes(texts.cast(), capacity, length)?,
            )
        };
        let mut memory = Zeroizing::new([0; ZAMOK_URI_MAX]);
        let read = match flags {
            0 => OtpUriRef::parse(text, memory.as_mut_slice()),
            ZAMOK_ACCEPT_WEAK => OtpUriRef::parse_accepting_weak(text, memory.as_mut_slice()),
            ZAMOK_STRICT => OtpUriRef::parse_strict(text, memory.as_mut_slice()),
            _ => return Err(Fault(ZAMOK_E_ARGUMENT)),
        }?;
        let mut joined = Texts { bytes: [0; ZAMOK_URI_MAX + 3], at: 0 };
        let (issuer_at, issuer_length) = joined.add(read.issuer());
        let (account_at, account_length) = joined.add(Some(read.account()));
        let (conflicting_issuer_at, conflicting_issuer_length) = joined.add(read.conflicting_issuer());
        let (kind, period, counter) = match read.kind() {
            OtpKind::Hotp { counter } => (ZAMOK_HOTP, 0, counter),
            OtpKind::Totp { period } => (ZAMOK_TOTP, period, 0),
        };
        let mut found = zamok_uri {
            size: 0,
            kind,
            algorithm: algorithm_number(read.algorithm()),
            digits: read.digits().count().into(),
            period,
            counter,
            secret: [0; 128],
            secret_length: number(read.secret().expose().len()),
            issuer_at,
            issuer_length,
            account_at,
            account_length,
            conflicting_issuer_at,
            conflicting_issuer_length,
            reserved: 0,
        };
        found.secret[..read.secret().expose().len()].copy_from_slice(read.secret().expose());
        let written = out.put(&joined.bytes[..joined.at]);
        if written.is_ok() {
            place.put(&found);
        }
        found.secret.zeroize();
        written
    })
}

/// Writes the URI of a TOTP key, every parameter spelled out: draw a QR code of it, then wipe it. `issuer` may be null,
/// `parameters` too. At most `ZAMOK_URI_MAX` bytes and a zero byte.
///
/// Errors: `ZAMOK_E_URI_LABEL` for a name that could not be read back; `ZAMOK_E_URI_T0`; `ZAMOK_E_URI_TOO_LONG`; as
/// zamok_totp_init().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_totp_uri(
    secret_bytes: *const u8,
    secret_length: usize,
    parameters: *const totp::zamok_totp_parameters,
    issuer: *const c_char,
    issuer_length: usize,
    account: *const c_char,
    account_length: usize,
    text: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    guarded(|| {
        // SAFETY: what the header asks of the caller.
        unsafe {
            let (parameters, flags) = totp::parameters(pointer::versioned(parameters)?)?;
            let secret = secret(pointer::bytes(secret_bytes, secret_length)?, flags)?;
            let (issuer, account) =
                (pointer::text(issuer, issuer_length)?, pointer::text(account, account_length)?);
            let out = Buffer::text(text, capacity, length)?;
            let issuer = Some(issuer).filter(|issuer| !issuer.is_empty());
            write(&OtpUriRef::totp(issuer, account, &secret, parameters)?, &out)
        }
    })
}

/// Writes the URI of an HOTP key whose next code is that of `counter`. As zamok_totp_uri() otherwise.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_hotp_uri(
    secret_bytes: *const u8,
    secret_length: usize,
    parameters: *const hotp::zamok_hotp_parameters,
    counter: u64,
    issuer: *const c_char,
    issuer_length: usize,
    account: *const c_char,
    account_length: usize,
    text: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    guarded(|| {
        // SAFETY: what the header asks of the caller.
        unsafe {
            let (parameters, flags) = hotp::parameters(pointer::versioned(parameters)?)?;
            let secret = secret(pointer::bytes(secret_bytes, secret_length)?, flags)?;
            let (issuer, account) =
                (pointer::text(issuer, issuer_length)?, pointer::text(account, account_length)?);
            let out = Buffer::text(text, capacity, length)?;
            let issuer = Some(issuer).filter(|issuer| !issuer.is_empty());
            write(&OtpUriRef::hotp(issuer, account, &secret, parameters, counter)?, &out)
        }
    })
}

fn write(uri: &OtpUriRef<'_>, out: &Buffer) -> Result<(), Fault> {
    let mut memory = Zeroizing::new([0; ZAMOK_URI_MAX]);
    out.put(uri.write(memory.as_mut_slice())?.as_bytes())
}

/// Texts one behind the other, each with a zero byte.
struct Texts {
    bytes: [u8; ZAMOK_URI_MAX + 3],
    at: usize,
}

impl Texts {
    fn add(&mut self, text: Option<&str>) -> (u32, u32) {
        let text = text.unwrap_or_default().as_bytes();
        let begin = self.at;
        // What is decoded from one URI is no longer than it, and three zero bytes have room besides.
        if let Some(place) = self.bytes.get_mut(begin..begin + text.len()) {
            place.copy_from_slice(text);
        }
        self.at = begin + text.len() + 1;
        (number(begin), number(text.len()))
    }
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
