//! Keys of a vault by their ids: taking in and making, checking codes, signing, their life.

use std::ffi::c_char;

use zamok_core::otp::{HotpParameters, TotpParameters, TotpState, Verdict};
use zamok_core::signature::RsaBits;
use zamok_core::vault::keys::{self, KeyId, KeyKind};
use zamok_core::vault::one_time::{self, ImportedParameters, MovingFactor, OtpParameters};
use zamok_core::vault::{KeyState, Purpose, Transaction, signing, spend};
use zamok_core::{Error as CoreError, UnixTime};

use super::access::OpenVault;
use super::error::{Trouble, told};
use super::handles::{self, zamok_vault};
use super::login::typed;
use super::zamok_id;
use crate::border::Fault;
use crate::codes::ZAMOK_E_ARGUMENT;
use crate::engine::{zamok_hotp_parameters, zamok_totp_parameters};
use crate::pointer::{self, Buffer, Place, StructPlace, Versioned};
use crate::{ZAMOK_URI_MAX, engine, zamok_status};

/// ECDSA on P-256 with SHA-256.
pub const ZAMOK_KEY_P256: u32 = 5;
/// Ed25519.
pub const ZAMOK_KEY_ED25519: u32 = 6;
/// ECDSA on P-384 with SHA-384.
pub const ZAMOK_KEY_P384: u32 = 7;
/// RSA of 2048 bits, PSS with SHA-256 and a salt of 32 bytes.
pub const ZAMOK_KEY_RSA2048: u32 = 2048;
/// RSA of 3072 bits.
pub const ZAMOK_KEY_RSA3072: u32 = 3072;
/// RSA of 4096 bits.
pub const ZAMOK_KEY_RSA4096: u32 = 4096;

/// For documents: every signature is journalled.
pub const ZAMOK_PURPOSE_DOCUMENT: u32 = 3;
/// For certificates: every signature is journalled.
pub const ZAMOK_PURPOSE_CERTIFICATE: u32 = 4;
/// For requests to other services.
pub const ZAMOK_PURPOSE_REQUEST: u32 = 6;

/// Made, not yet in use.
pub const ZAMOK_STATE_PRE_ACTIVE: u32 = 1;
/// In use.
pub const ZAMOK_STATE_ACTIVE: u32 = 2;
/// Put aside for a while.
pub const ZAMOK_STATE_SUSPENDED: u32 = 3;
/// Protects nothing new any more; still verifies.
pub const ZAMOK_STATE_DEACTIVATED: u32 = 4;
/// Known or suspected to be known to others.
pub const ZAMOK_STATE_COMPROMISED: u32 = 5;
/// The key material is gone.
pub const ZAMOK_STATE_DESTROYED: u32 = 6;

/// Longest signature of any key, in bytes.
pub const ZAMOK_SIGNATURE_MAX: usize = 512;

/// What a key is. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_key_info {
    /// `sizeof(zamok_key_info)`.
    pub size: u32,
    /// Where it stands in its life: one of `ZAMOK_STATE_…`.
    pub state: u32,
    /// Its version; rotation makes the next one.
    pub version: u32,
    /// 1 when it was made inside this vault and was only ever here.
    pub local: u32,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// What it is, such as "TOTP" or "P-256"; ended by a zero byte.
    pub kind: [c_char; 32],
    /// What it serves, such as "document"; ended by a zero byte.
    pub purpose: [c_char; 32],
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_key_info {
    const FIRST: usize = 88;
}

/// Takes a TOTP key in that another system made. It is active at once, and no function shows its secret again: wipe the
/// original. `parameters` may be null. Codes of the step `last_step` and before count as spent; where that is not known,
/// give 0, and the last code that the other system accepted can be accepted here once more.
///
/// Errors: as zamok_totp_init(); `ZAMOK_E_LOCKED`; `ZAMOK_E_ROLE`; those of the store.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_key_import_totp(
    vault: *const zamok_vault,
    secret_bytes: *const u8,
    secret_length: usize,
    parameters: *const zamok_totp_parameters,
    last_step: u64,
    label: *const c_char,
    label_length: usize,
    id: *mut zamok_id,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let ((parameters, flags), new) = unsafe {
            (engine::totp_parameters(pointer::versioned(parameters)?)?, New::read((label, label_length), id)?)
        };
        // SAFETY: the same.
        let secret = engine::secret(unsafe { pointer::bytes(secret_bytes, secret_length)? }, flags)?;
        let state = TotpState { last_step: Some(last_step).filter(|step| *step > 0), drift: 0 };
        let parameters = ImportedParameters::Totp { parameters, state };
        new.put(&*handles::take::<OpenVault>(vault)?, |tx, label| {
            one_time::import(tx, parameters, &secret, label, None)
        })
    })
}

/// Takes an HOTP key in: `counter` is that of the next code. As zamok_key_import_totp() otherwise.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_key_import_hotp(
    vault: *const zamok_vault,
    secret_bytes: *const u8,
    secret_length: usize,
    parameters: *const zamok_hotp_parameters,
    counter: u64,
    label: *const c_char,
    label_length: usize,
    id: *mut zamok_id,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let ((parameters, flags), new) = unsafe {
            (engine::hotp_parameters(pointer::versioned(parameters)?)?, New::read((label, label_length), id)?)
        };
        // SAFETY: the same.
        let secret = engine::secret(unsafe { pointer::bytes(secret_bytes, secret_length)? }, flags)?;
        let parameters = ImportedParameters::Hotp { parameters, counter };
        new.put(&*handles::take::<OpenVault>(vault)?, |tx, label| {
            one_time::import(tx, parameters, &secret, label, None)
        })
    })
}

/// Makes a TOTP key inside the vault, pre-active. Then zamok_key_provision() shows its secret once, and
/// zamok_key_activate() takes the test code. `parameters` may be null; T0 stays 0, and `flags` too.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_key_generate_totp(
    vault: *const zamok_vault,
    parameters: *const zamok_totp_parameters,
    label: *const c_char,
    label_length: usize,
    id: *mut zamok_id,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let ((parameters, flags), new) = unsafe {
            (engine::totp_parameters(pointer::versioned(parameters)?)?, New::read((label, label_length), id)?)
        };
        let TotpParameters { algorithm, digits, period, t0 } = parameters;
        if t0 != UnixTime(0) || flags != 0 {
            return Err(Fault(ZAMOK_E_ARGUMENT).into());
        }
        let parameters = OtpParameters { factor: MovingFactor::Time { period }, algorithm, digits };
        new.put(&*handles::take::<OpenVault>(vault)?, |tx, label| {
            one_time::generate(tx, parameters, label, None)
        })
    })
}

/// Makes an HOTP key inside the vault, pre-active, whose first code is that of `counter`. As zamok_key_generate_totp()
/// otherwise.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_key_generate_hotp(
    vault: *const zamok_vault,
    parameters: *const zamok_hotp_parameters,
    counter: u64,
    label: *const c_char,
    label_length: usize,
    id: *mut zamok_id,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let ((parameters, flags), new) = unsafe {
            (engine::hotp_parameters(pointer::versioned(parameters)?)?, New::read((label, label_length), id)?)
        };
        let HotpParameters { algorithm, digits } = parameters;
        if flags != 0 {
            return Err(Fault(ZAMOK_E_ARGUMENT).into());
        }
        let parameters = OtpParameters { factor: MovingFactor::Counter(counter), algorithm, digits };
        new.put(&*handles::take::<OpenVault>(vault)?, |tx, label| {
            one_time::generate(tx, parameters, label, None)
        })
    })
}

/// Shows the secret of a pre-active key, once, as the URI that authenticator apps read; journalled.
///
/// It cannot be asked for twice: where there is no room for `ZAMOK_URI_MAX` bytes and a zero byte, nothing is shown.
///
/// Errors: `ZAMOK_E_KEY_STATE` when the key is active already; `ZAMOK_E_KEY_USAGE` when it was shown before.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_key_provision(
    vault: *const zamok_vault,
    id: *const zamok_id,
    issuer: *const c_char,
    issuer_length: usize,
    account: *const c_char,
    account_length: usize,
    uri: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (id, issuer, account, out) = unsafe {
            (
                pointer::array(id.cast())?,
                pointer::text(issuer, issuer_length)?,
                pointer::text(account, account_length)?,
                Buffer::text(uri, capacity, length)?,
            )
        };
        let vault = handles::take::<OpenVault>(vault)?;
        out.reserve(ZAMOK_URI_MAX)?;
        let shown = transact_in(&vault, |tx| one_time::provision(tx, KeyId(id), issuer, account))?;
        Ok(out.put(shown.as_str().as_bytes())?)
    })
}

/// Ends an enrolment with the test code: when it is right, the key becomes active and the code is spent.
///
/// Errors: `ZAMOK_E_REJECTED`; `ZAMOK_E_KEY_STATE` when the key is not pre-active.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_key_activate(
    vault: *const zamok_vault,
    id: *const zamok_id,
    code: *const c_char,
    code_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (id, code) = unsafe { (pointer::array(id.cast())?, pointer::bytes(code.cast(), code_length)?) };
        let vault = handles::take::<OpenVault>(vault)?;
        let verdict = transact_in(&vault, |tx| {
            let kind = keys::info(tx, KeyId(id))?.kind;
            spend::activate(tx, KeyId(id), typed(code), vault.spending(&kind))
        })?;
        let _ = verdict.accepted()?;
        Ok(())
    })
}

/// Checks a code and spends it, in one commit: of any number of threads, processes and machines that bring the same code,
/// one is answered `ZAMOK_OK`. `step` is the counter or time step; it may be null. The numbers (window, attempts, delays)
/// are those of the policy with which the vault was opened.
///
/// Errors: `ZAMOK_E_REJECTED` for a wrong, used or malformed code, and while failures delay; `ZAMOK_E_KEY_STATE` when
/// the key is not active (one that failures have disabled is suspended: zamok_key_resume()); `ZAMOK_E_UNKNOWN_KEY`;
/// `ZAMOK_E_BUSY`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_key_verify(
    vault: *const zamok_vault,
    id: *const zamok_id,
    code: *const c_char,
    code_length: usize,
    step: *mut u64,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (id, code, place) = unsafe {
            (
                pointer::array(id.cast())?,
                pointer::bytes(code.cast(), code_length)?,
                if step.is_null() { None } else { Some(Place::new(step)?) },
            )
        };
        let vault = handles::take::<OpenVault>(vault)?;
        let verdict = transact_in(&vault, |tx| {
            let kind = keys::info(tx, KeyId(id))?.kind;
            spend::verify(tx, KeyId(id), typed(code), vault.spending(&kind))
        })?;
        match verdict {
            Verdict::Accepted { step, .. } => {
                if let Some(place) = place {
                    place.put(step);
                }
                Ok(())
            }
            Verdict::Rejected => Err(CoreError::Rejected.into()),
        }
    })
}

/// Makes a key pair inside the vault, for one purpose: one of `ZAMOK_KEY_…` and one of `ZAMOK_PURPOSE_…`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_key_generate_pair(
    vault: *const zamok_vault,
    kind: u32,
    purpose: u32,
    label: *const c_char,
    label_length: usize,
    id: *mut zamok_id,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let new = unsafe { New::read((label, label_length), id)? };
        let vault = handles::take::<OpenVault>(vault)?;
        let kind = match kind {
            ZAMOK_KEY_P256 => KeyKind::P256,
            ZAMOK_KEY_ED25519 => KeyKind::Ed25519,
            ZAMOK_KEY_P384 => KeyKind::P384,
            bits => KeyKind::Rsa { bits: RsaBits::from_bits(bits).ok_or(Fault(ZAMOK_E_ARGUMENT))? },
        };
        let purpose = self::purpose(purpose)?;
        new.put(&vault, |tx, label| signing::generate(tx, kind, purpose, label, None))
    })
}

/// Signs a message with a key of the vault, for its one purpose. A signature by a key for documents or certificates is
/// journalled with the message's SHA-256 and `name`, and leaves only with that entry. ECDSA is in DER.
///
/// Each call signs anew: where there is no room for `ZAMOK_SIGNATURE_MAX` bytes, nothing is signed.
///
/// Errors: `ZAMOK_E_KEY_KIND`, `ZAMOK_E_KEY_PURPOSE`, `ZAMOK_E_KEY_STATE` for misuse; `ZAMOK_E_UNKNOWN_KEY`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_key_sign(
    vault: *const zamok_vault,
    id: *const zamok_id,
    purpose: u32,
    message: *const u8,
    message_length: usize,
    name: *const c_char,
    name_length: usize,
    signature: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (id, message, name, out) = unsafe {
            (
                pointer::array(id.cast())?,
                pointer::bytes(message, message_length)?,
                pointer::text(name, name_length)?,
                Buffer::bytes(signature, capacity, length)?,
            )
        };
        let vault = handles::take::<OpenVault>(vault)?;
        let purpose = self::purpose(purpose)?;
        out.reserve(ZAMOK_SIGNATURE_MAX)?;
        let made = transact_in(&vault, |tx| signing::sign(tx, KeyId(id), purpose, message, name))?;
        Ok(out.put(&made.to_der())?)
    })
}

/// The public key of a key pair: SubjectPublicKeyInfo in PEM.
///
/// Errors: `ZAMOK_E_KEY_KIND`; `ZAMOK_E_KEY_STATE` when it was destroyed; `ZAMOK_E_UNKNOWN_KEY`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_key_public(
    vault: *const zamok_vault,
    id: *const zamok_id,
    pem: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (id, out) = unsafe { (pointer::array(id.cast())?, Buffer::text(pem, capacity, length)?) };
        let (_, key) = transact(vault, |tx| signing::public_key(tx, KeyId(id)))?;
        Ok(out.put(key.to_spki_pem().as_bytes())?)
    })
}

/// What is known of a key.
///
/// Errors: `ZAMOK_E_UNKNOWN_KEY`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_key_describe(
    vault: *const zamok_vault,
    id: *const zamok_id,
    info: *mut zamok_key_info,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (id, place) = unsafe { (pointer::array(id.cast())?, StructPlace::new(info)?) };
        let found = transact(vault, |tx| keys::info(tx, KeyId(id)))?;
        place.put(&zamok_key_info {
            size: 0,
            state: found.state as u32,
            version: found.version,
            local: u32::from(found.is_local()),
            created: found.dates.created.0,
            kind: fixed(found.kind.name()),
            purpose: fixed(found.purpose.name()),
        });
        Ok(())
    })
}

/// Moves a key on in its life, journalled with the reason: one of `ZAMOK_STATE_…`. That forgives no failures: a key for codes that
/// they have disabled would be disabled by the next one; zamok_key_resume() takes it back.
///
/// Errors: `ZAMOK_E_KEY_STATE` where the present state does not lead there.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_key_change_state(
    vault: *const zamok_vault,
    id: *const zamok_id,
    state: u32,
    reason: *const c_char,
    reason_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (id, reason) = unsafe { (pointer::array(id.cast())?, pointer::text(reason, reason_length)?) };
        let state =
            u8::try_from(state).ok().and_then(KeyState::from_number).ok_or(Fault(ZAMOK_E_ARGUMENT))?;
        transact(vault, |tx| keys::change_state(tx, KeyId(id), state, reason))
    })
}

/// Takes a suspended key for codes back into use and forgives its failures, journalled with the reason; what was spent stays spent.
/// For whoever has made sure, by another factor or in person, that its holder is its owner.
///
/// Errors: `ZAMOK_E_KEY_KIND` for other keys; `ZAMOK_E_KEY_STATE` when it is not suspended; `ZAMOK_E_UNKNOWN_KEY`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_key_resume(
    vault: *const zamok_vault,
    id: *const zamok_id,
    reason: *const c_char,
    reason_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (id, reason) = unsafe { (pointer::array(id.cast())?, pointer::text(reason, reason_length)?) };
        transact(vault, |tx| spend::resume(tx, KeyId(id), reason))
    })
}

/// A key that shall be made: its label, and the place of its id.
struct New<'a> {
    label: &'a str,
    place: Place<zamok_id>,
}

impl New<'_> {
    /// # Safety
    /// What the header asks of a caller who gives these.
    unsafe fn read((label, length): (*const c_char, usize), id: *mut zamok_id) -> Result<Self, Fault> {
        // SAFETY: promised.
        unsafe { Ok(Self { label: pointer::text(label, length)?, place: Place::new(id)? }) }
    }

    /// Makes it, and tells its id.
    fn put(
        self,
        vault: &OpenVault,
        mut make: impl FnMut(&mut Transaction<'_>, &str) -> Result<KeyId, CoreError>,
    ) -> Result<(), Trouble> {
        let KeyId(bytes) = transact_in(vault, |tx| make(tx, self.label))?;
        self.place.put(zamok_id { bytes });
        Ok(())
    }
}

fn transact<T>(
    vault: *const zamok_vault,
    f: impl FnMut(&mut Transaction<'_>) -> Result<T, CoreError>,
) -> Result<T, Trouble> {
    transact_in(&*handles::take::<OpenVault>(vault)?, f)
}

fn transact_in<T>(
    opened: &OpenVault,
    f: impl FnMut(&mut Transaction<'_>) -> Result<T, CoreError>,
) -> Result<T, Trouble> {
    Ok(opened.vault.transact(f)?)
}

fn purpose(number: u32) -> Result<Purpose, Fault> {
    match number {
        ZAMOK_PURPOSE_DOCUMENT => Ok(Purpose::Document),
        ZAMOK_PURPOSE_CERTIFICATE => Ok(Purpose::Certificate),
        ZAMOK_PURPOSE_REQUEST => Ok(Purpose::Request),
        _ => Err(Fault(ZAMOK_E_ARGUMENT)),
    }
}

/// A short text in a fixed place, ended by a zero byte.
pub(crate) fn fixed<const N: usize>(text: &str) -> [c_char; N] {
    let mut place = [0; N];
    for (place, byte) in place.iter_mut().take(N - 1).zip(text.bytes()) {
        *place = c_char::from_ne_bytes([byte]);
    }
    place
}
