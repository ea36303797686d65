//! Sessions and their access tokens.

use std::ffi::c_char;
use std::sync::Arc;

use zamok::protocols::token::Shown;
use zamok::{Session, SessionId, Zamok};

use super::approach;
use super::cabinet::typed_text;
use super::error::{Trouble, told};
use super::handles::{self, zamok_cabinet, zamok_session};
use super::zamok_id;
use crate::pointer::{self, Buffer, Place, StructPlace, Versioned};
use crate::zamok_status;

/// One kind of factor was shown.
pub const ZAMOK_ASSURANCE_LOW: u32 = 1;
/// Two kinds: something known and something held.
pub const ZAMOK_ASSURANCE_SUBSTANTIAL: u32 = 2;
/// Something known, and a key that cannot leave what holds it.
pub const ZAMOK_ASSURANCE_HIGH: u32 = 3;

/// Most characters of an access token.
pub const ZAMOK_TOKEN_MAX: usize = 4096;

/// What a session is. Set `size` before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct zamok_session_info {
    /// `sizeof(zamok_session_info)`.
    pub size: u32,
    /// One of `ZAMOK_ASSURANCE_…`: how sure the service is of who is there.
    pub assurance: u32,
    /// Its id. Not a secret; a service takes it from a token that it has verified, or from its own memory.
    pub id: zamok_id,
    /// Whose it is.
    pub account: zamok_id,
    /// When it was opened, in seconds since 1970.
    pub opened: u64,
    /// When it ends in any case.
    pub expires: u64,
    /// When it was last used.
    pub last_used: u64,
    /// When somebody last showed who he is.
    pub authenticated: u64,
}

// SAFETY: numbers without padding.
unsafe impl Versioned for zamok_session_info {
    const FIRST: usize = 72;
}

/// What a session is, as it was when the handle was made.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_session_describe(
    session: *const zamok_session,
    info: *mut zamok_session_info,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let place = unsafe { StructPlace::new(info)? };
        let session = handles::take::<Session>(session)?;
        place.put(&zamok_session_info {
            size: 0,
            assurance: session.assurance() as u32,
            id: zamok_id { bytes: session.id.0 },
            account: zamok_id { bytes: session.account.0 },
            opened: session.opened.0,
            expires: session.expires.0,
            last_used: session.last_used.0,
            authenticated: session.authenticated.0,
        });
        Ok(())
    })
}

/// The session with this id, if it is still live; using it keeps it from going idle. An account whose limits name networks is
/// used through zamok_session_by_id_from() alone.
///
/// Errors: `ZAMOK_E_SESSION_ENDED`; `ZAMOK_E_OUTSIDE_LIMITS` where the account may not act now, or not from an unknown address.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_session_by_id(
    cabinet: *const zamok_cabinet,
    id: *const zamok_id,
    session: *mut *mut zamok_session,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (id, place) = unsafe { (pointer::array(id.cast())?, Place::new(session)?) };
        let found = handles::take::<Zamok>(cabinet)?.session(SessionId(id))?;
        handles::give(place, Arc::new(found))
    })
}

/// As zamok_session_by_id(), used from this network address, as the service sees it ("192.0.2.7", "2001:db8::7"): the limits of
/// the account are held against it, now and in whatever the session that comes back is used for. Empty: not known.
///
/// Errors: `ZAMOK_E_ARGUMENT` for an address that is none; as zamok_session_by_id().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_session_by_id_from(
    cabinet: *const zamok_cabinet,
    id: *const zamok_id,
    address: *const c_char,
    address_length: usize,
    session: *mut *mut zamok_session,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (id, address, place) = unsafe {
            (pointer::array(id.cast())?, pointer::text(address, address_length)?, Place::new(session)?)
        };
        let found = handles::take::<Zamok>(cabinet)?.session_from(SessionId(id), approach::from(address)?)?;
        handles::give(place, Arc::new(found))
    })
}

/// Ends a session: its owner logs out, or an operator shuts the door. Journalled with the reason. Ending it twice is no
/// error; the handle stays, and is to be freed.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_session_end(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    reason: *const c_char,
    reason_length: usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let reason = unsafe { pointer::text(reason, reason_length)? };
        let session = handles::take::<Session>(session)?;
        Ok(handles::take::<Zamok>(cabinet)?.end_session(session.id, reason)?)
    })
}

/// Ends the handle, not the session. Null is nothing, and so is a handle that was freed.
#[unsafe(no_mangle)]
pub extern "C" fn zamok_session_free(session: *mut zamok_session) {
    handles::free::<Session>(session);
}

/// An access token for a session and one audience, the service that it is shown to: a JWT of RFC 9068, signed with ES256.
///
/// Each call signs one: where there is no room for `ZAMOK_TOKEN_MAX` characters and a zero byte, nothing is signed.
///
/// Errors: `ZAMOK_E_SESSION_ENDED`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_token_issue(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
    audience: *const c_char,
    audience_length: usize,
    token: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (audience, out) =
            unsafe { (pointer::text(audience, audience_length)?, Buffer::text(token, capacity, length)?) };
        let (cabinet, session) = within(cabinet, session)?;
        out.reserve(ZAMOK_TOKEN_MAX)?;
        Ok(out.put(cabinet.tokens(audience).issue(&session)?.as_bytes())?)
    })
}

/// The live session that a token for this audience stands for. Of an account whose limits name networks,
/// zamok_token_verify_from() tells.
///
/// Errors: `ZAMOK_E_REJECTED` for anything but an unexpired token of this cabinet for this audience;
/// `ZAMOK_E_SESSION_ENDED` when its session is over; `ZAMOK_E_OUTSIDE_LIMITS` as in zamok_session_by_id().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_token_verify(
    cabinet: *const zamok_cabinet,
    audience: *const c_char,
    audience_length: usize,
    token: *const c_char,
    token_length: usize,
    session: *mut *mut zamok_session,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (audience, token, place) = unsafe {
            (
                pointer::text(audience, audience_length)?,
                typed_text(token, token_length)?,
                Place::new(session)?,
            )
        };
        let found = handles::take::<Zamok>(cabinet)?.tokens(audience).verify(token)?;
        handles::give(place, Arc::new(found))
    })
}

/// As zamok_token_verify(), shown from this network address, as in zamok_session_by_id_from().
///
/// Errors: `ZAMOK_E_ARGUMENT` for an address that is none; as zamok_token_verify().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn zamok_token_verify_from(
    cabinet: *const zamok_cabinet,
    audience: *const c_char,
    audience_length: usize,
    token: *const c_char,
    token_length: usize,
    address: *const c_char,
    address_length: usize,
    session: *mut *mut zamok_session,
) -> zamok_status {
    told(|| {
        // SAFETY: what the header asks of the caller.
        let (audience, token, address, place) = unsafe {
            (
                pointer::text(audience, audience_length)?,
                typed_text(token, token_length)?,
                pointer::text(address, address_length)?,
                Place::new(session)?,
            )
        };
        let cabinet = handles::take::<Zamok>(cabinet)?;
        let shown = Shown { address: approach::from(address)?, ..Shown::NOTHING };
        handles::give(place, Arc::new(cabinet.tokens(audience).verify_shown(token, &shown)?))
    })
}

/// A cabinet, and a session of it.
pub(crate) fn within(
    cabinet: *const zamok_cabinet,
    session: *const zamok_session,
) -> Result<(Arc<Zamok>, Arc<Session>), Trouble> {
    Ok((handles::take(cabinet)?, handles::take(session)?))
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use zamok::account::{Limits, Network, Role};
    use zamok::otp::{OtpKind, OtpUri, Totp, TotpParameters};
    use zamok::{Argon2Cost, ManualClock, Options, Password, Policy, Settings, UnixTime};

    use super::super::account::zamok_recover_from;
    use super::super::approach::zamok_approach;
    use super::super::handles::zamok_challenge;
    use super::super::login::{zamok_login, zamok_login_from};
    use super::*;
    use crate::codes::{ZAMOK_E_ARGUMENT, ZAMOK_E_OUTSIDE_LIMITS, ZAMOK_E_REJECTED, ZAMOK_OK};

    const PASSWORD: &str = "a garden behind the station";
    const CHEAP: &str = "profile = \"strict\"\n[password.cost]\nmemory_kib = 64\npasses = 1\n\
                         [recovery.cost]\nmemory_kib = 64\npasses = 1\n";

    fn text(text: &str) -> (*const c_char, usize) {
        (text.as_ptr().cast(), text.len())
    }

    fn approach(address: &str) -> zamok_approach {
        // SAFETY: numbers and pointers, of which every pattern of bytes is a value.
        let nothing: zamok_approach = unsafe { std::mem::zeroed() };
        let size = u32::try_from(size_of::<zamok_approach>()).unwrap();
        zamok_approach { size, address: text(address).0, address_length: address.len(), ..nothing }
    }

    #[test]
    fn an_account_that_is_limited_to_networks_acts_from_there_alone() {
        let clock = ManualClock::new(UnixTime(1_800_000_000));
        let cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
        let options = Options { clock: Arc::new(clock.clone()), cost, ..Options::default() };
        let settings =
            Settings::new("Bank").with_policy(Policy::from_toml(CHEAP).unwrap()).with_options(options);
        let zamok = Zamok::create("memory:", &zamok::Passphrase::from("passphrase"), settings).unwrap();
        zamok.register("ivan", &Password::new(PASSWORD)).unwrap();
        let enrolment = zamok.begin_enrolment("ivan", &Password::new(PASSWORD)).unwrap();
        let offer = zamok.offer_generator(&enrolment).unwrap();
        let uri = OtpUri::parse(offer.uri.as_str()).unwrap();
        let OtpKind::Totp { period } = uri.kind() else { panic!("no TOTP key") };
        let parameters =
            TotpParameters { algorithm: uri.algorithm(), digits: uri.digits(), period, t0: UnixTime(0) };
        let phone = Totp::new(uri.secret(), parameters).unwrap();
        let code = |now| phone.code_at(UnixTime(now)).unwrap().to_string();
        zamok.confirm_factor(&enrolment, &code(1_800_000_000)).unwrap();
        clock.set(UnixTime(1_800_000_060));
        let session = zamok.log_in("ivan", &Password::new(PASSWORD), &code(1_800_000_060)).unwrap();
        let recovery = zamok.new_recovery_codes(&session).unwrap();
        let networks = vec![Network { address: "10.0.0.0".parse().unwrap(), bits: 8 }];
        zamok.set_roles("ivan", Role::Citizen.into(), &Limits { hours: None, networks }).unwrap();
        clock.set(UnixTime(1_800_000_120));
        let now = code(1_800_000_120);

        let mut bank = ptr::null_mut::<zamok_cabinet>();
        let mut session = ptr::null_mut::<zamok_session>();
        let mut place = ptr::null_mut::<zamok_session>();
        let mut challenge = ptr::null_mut::<zamok_challenge>();
        let ((login, ivan), (password, long), (typed, digits)) = (text("ivan"), text(PASSWORD), text(&now));
        let (audience, audience_length) = text("bank.example");
        // SAFETY: the addresses of locals, and texts with their lengths.
        unsafe {
            handles::give(Place::new(&raw mut bank).ok().unwrap(), Arc::new(zamok)).ok().unwrap();
            let nowhere = zamok_login(bank, login, ivan, password, long, typed, digits, &raw mut place);
            assert_eq!(nowhere, ZAMOK_E_REJECTED);
            let log_in = |address, place| {
                let from = approach(address);
                zamok_login_from(bank, login, ivan, password, long, typed, digits, &raw const from, place)
            };
            assert_eq!(log_in("192.0.2.7", &raw mut place), ZAMOK_E_REJECTED);
            assert_eq!(log_in("10.1.2.3", &raw mut session), ZAMOK_OK);

            let issue = |session, token: &mut [c_char]| {
                let (mut length, capacity, out) = (0, token.len(), token.as_mut_ptr());
                let status = zamok_token_issue(
                    bank,
                    session,
                    audience,
                    audience_length,
                    out,
                    capacity,
                    &raw mut length,
                );
                (status, length)
            };
            let mut token = [0; ZAMOK_TOKEN_MAX + 1];
            let (status, token_length) = issue(session, &mut token);
            assert_eq!(status, ZAMOK_OK, "from where it was opened");
            let shown = token.as_ptr();
            let id = zamok_id { bytes: handles::take::<Session>(session).ok().unwrap().id.0 };
            let by_id = |address: &str, place| {
                let (address, length) = text(address);
                zamok_session_by_id_from(bank, &raw const id, address, length, place)
            };
            let by_token = |address: &str, place| {
                let (address, length) = text(address);
                zamok_token_verify_from(
                    bank,
                    audience,
                    audience_length,
                    shown,
                    token_length,
                    address,
                    length,
                    place,
                )
            };
            assert_eq!(zamok_session_by_id(bank, &raw const id, &raw mut place), ZAMOK_E_OUTSIDE_LIMITS);
            assert_eq!(
                zamok_token_verify(bank, audience, audience_length, shown, token_length, &raw mut place),
                ZAMOK_E_OUTSIDE_LIMITS
            );
            for (address, expected) in [
                ("", ZAMOK_E_OUTSIDE_LIMITS),
                ("192.0.2.7", ZAMOK_E_OUTSIDE_LIMITS),
                ("nowhere", ZAMOK_E_ARGUMENT),
                ("10.3.2.1", ZAMOK_OK),
            ] {
                for found in [by_id(address, &raw mut place), by_token(address, &raw mut place)] {
                    assert_eq!(found, expected, "{address}");
                }
            }
            let mut another = [0; ZAMOK_TOKEN_MAX + 1];
            assert_eq!(issue(place, &mut another).0, ZAMOK_OK, "and used from where it came back");

            let recover = |address, place| {
                let from = approach(address);
                let (code, length) = text(recovery[0].as_str());
                zamok_recover_from(bank, login, ivan, password, long, code, length, &raw const from, place)
            };
            assert_eq!(recover("192.0.2.7", &raw mut challenge), ZAMOK_E_REJECTED);
            assert_eq!(recover("10.1.2.3", &raw mut challenge), ZAMOK_OK);
        }
    }

    #[test]
    fn a_token_with_which_somebody_acts_for_another_is_no_session() {
        use zamok::account::{PowerKind, Right, Rights, Terms};
        use zamok::protocols::token::{Binding, Grant};

        let clock = ManualClock::new(UnixTime(1_800_000_000));
        let cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
        let options = Options { clock: Arc::new(clock.clone()), cost, ..Options::default() };
        let settings =
            Settings::new("Bank").with_policy(Policy::from_toml(CHEAP).unwrap()).with_options(options);
        let zamok = Zamok::create("memory:", &zamok::Passphrase::from("passphrase"), settings).unwrap();
        let logged_in = |login: &str| {
            zamok.register(login, &Password::new(PASSWORD)).unwrap();
            let enrolment = zamok.begin_enrolment(login, &Password::new(PASSWORD)).unwrap();
            let offer = zamok.offer_generator(&enrolment).unwrap();
            let uri = OtpUri::parse(offer.uri.as_str()).unwrap();
            let phone = Totp::new(uri.secret(), uri.totp_parameters().unwrap()).unwrap();
            let code = || phone.code_at(zamok.vault().now()).unwrap().to_string();
            zamok.confirm_factor(&enrolment, &code()).unwrap();
            clock.set(UnixTime(zamok.vault().now().0 + 60));
            zamok.log_in(login, &Password::new(PASSWORD), &code()).unwrap()
        };
        let (anna, ivan) = (logged_in("anna"), logged_in("ivan"));
        let terms = Terms {
            kind: PowerKind::Attorney,
            rights: Rights::of(&[Right::View]),
            scope: vec!["meters".into()],
            until: UnixTime(zamok.vault().now().0 + 1000),
        };
        let power = zamok.give_power(&anna, "ivan", &terms).unwrap();
        zamok.accept_power(&ivan, power.id).unwrap();
        let grant = Grant { binding: Binding::Bearer, power: Some(power.id) };
        let token = zamok.tokens("bank.example").issue_for(&ivan, &grant).unwrap();
        assert!(zamok.tokens("bank.example").check(&token, &Shown::NOTHING).is_ok());

        let mut bank = ptr::null_mut::<zamok_cabinet>();
        let mut place = ptr::null_mut::<zamok_session>();
        let ((audience, for_whom), (token, length)) = (text("bank.example"), text(&token));
        // SAFETY: the addresses of locals, and texts with their lengths.
        unsafe {
            handles::give(Place::new(&raw mut bank).ok().unwrap(), Arc::new(zamok)).ok().unwrap();
            let plain = zamok_token_verify(bank, audience, for_whom, token, length, &raw mut place);
            assert_eq!(plain, ZAMOK_E_REJECTED);
            let (address, long) = text("192.0.2.7");
            for (address, long) in [(ptr::null(), 0), (address, long)] {
                let shown = zamok_token_verify_from(
                    bank,
                    audience,
                    for_whom,
                    token,
                    length,
                    address,
                    long,
                    &raw mut place,
                );
                assert_eq!(shown, ZAMOK_E_REJECTED);
            }
        }
        assert!(place.is_null());
    }
}
