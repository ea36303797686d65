//! The first layer of the C interface, called as C calls it: texts, lengths, capacities, sizes and flags are the fuzzer's. Built
//! without the barrier against panics, so that one shows, and with a sanitizer where there is one. Buffers have an edge that
//! must stay as it is; what Rust reads, C reads alike.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use std::ffi::c_char;
use std::mem::zeroed;

use zamok_c_abi::*;
use zamok_core::otp::OtpUri;
use zamok_fuzz::{accepted, parts};

/// The first bytes of an input; after them texts, so that words of a dictionary stand in them whole.
#[derive(Arbitrary)]
struct Numbers {
    size: u32,
    algorithm: u32,
    digits: u32,
    flags: u32,
    period: u64,
    t0: u64,
    now: u64,
    past: u32,
    future: u32,
    drift_limit: u32,
    has_last_step: u32,
    drift: i32,
    given: u32,
    capacity: u16,
    shift: u8,
}

/// Bytes of the numbers, little-endian.
const NUMBERS: usize = 67;

/// A buffer between two edges.
struct Room {
    bytes: Vec<u8>,
    capacity: usize,
    length: usize,
}

const EDGE: usize = 64;

impl Room {
    fn new(capacity: u16) -> Self {
        let capacity = usize::from(capacity) % 8192;
        Self { bytes: vec![0xa5; capacity + 2 * EDGE], capacity, length: usize::MAX }
    }

    fn start(&mut self) -> *mut c_char {
        self.bytes[EDGE..].as_mut_ptr().cast()
    }

    /// Nothing beside the buffer was written, and the length is one that fits.
    fn judge(&self, status: zamok_status, terminated: bool) {
        let (edge, rest) = self.bytes.split_at(EDGE);
        assert!(edge.iter().chain(&rest[self.capacity..]).all(|byte| *byte == 0xa5));
        match status {
            ZAMOK_OK => {
                assert!(self.length + usize::from(terminated) <= self.capacity);
                assert!(!terminated || rest[self.length] == 0);
            }
            ZAMOK_E_BUFFER_TOO_SMALL => assert!(self.length + usize::from(terminated) > self.capacity),
            _ => assert_eq!(self.length, usize::MAX),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((numbers, rest)) = bytes.split_at_checked(NUMBERS) else { return };
    let Ok(input) = Numbers::arbitrary(&mut Unstructured::new(numbers)) else { return };
    let [text, other, secret] = parts(rest);
    // SAFETY: every pointer is that of a live vector or local, with the length that belongs to it.
    unsafe {
        let read = str::from_utf8(text).ok().map(OtpUri::parse);
        let secret = (secret.as_ptr(), secret.len());
        let text = (text.as_ptr().cast::<c_char>(), text.len());
        let other = (other.as_ptr().cast::<c_char>(), other.len());

        let size =
            |usual: usize| if input.size % 4 == 0 { input.size } else { u32::try_from(usual).unwrap_or(0) };
        // As much memory as a struct may say that it has.
        let mut wide = vec![0u64; 1024];
        let parameters = zamok_totp_parameters {
            size: size(size_of::<zamok_totp_parameters>()),
            algorithm: input.algorithm,
            digits: input.digits,
            flags: input.flags,
            period: input.period,
            t0: input.t0,
        };
        wide.as_mut_ptr().cast::<zamok_totp_parameters>().write(parameters);
        let mut key: zamok_totp = zeroed();
        let made = zamok_totp_init(&raw mut key, secret.0, secret.1, wide.as_ptr().cast());
        let mut step = 0;
        let verified = zamok_totp_verify(
            &raw const key,
            text.0,
            text.1,
            input.now,
            input.past,
            input.future,
            &raw mut step,
        );
        assert!(made == ZAMOK_OK || verified == ZAMOK_E_HANDLE);
        let mut room = Room::new(input.capacity);
        let status =
            zamok_totp_code(&raw const key, input.now, room.start(), room.capacity, &raw mut room.length);
        room.judge(status, true);
        if status == ZAMOK_OK {
            accepted("time-based code");
            // Its own code is accepted, and then spent; also in a copy at an odd address.
            let mut moved = vec![0u8; size_of::<zamok_totp>() + 64];
            let at = moved.as_mut_ptr().add(usize::from(input.shift) % 64).cast::<zamok_totp>();
            at.cast::<u8>().copy_from_nonoverlapping((&raw const key).cast(), size_of::<zamok_totp>());
            let mut state: zamok_totp_state = zeroed();
            state.size = 24;
            let code = room.start().cast_const();
            let check = |state: *mut zamok_totp_state| {
                zamok_totp_check(at, code, room.length, input.now, 0, 0, 0, state, std::ptr::null_mut())
            };
            assert_eq!(check(&raw mut state), ZAMOK_OK);
            assert_eq!(check(&raw mut state), ZAMOK_E_REJECTED);
        }
        let mut state = zamok_totp_state {
            size: 24,
            has_last_step: input.has_last_step % 3,
            last_step: input.now / 30,
            drift: input.drift,
            reserved: 0,
        };
        let before = state.last_step;
        let checked = zamok_totp_check(
            &raw const key,
            text.0,
            text.1,
            input.now,
            input.past % 64,
            input.future % 64,
            input.drift_limit,
            &raw mut state,
            std::ptr::null_mut(),
        );
        assert!(checked == ZAMOK_OK || state.last_step == before);

        let mut hotp: zamok_hotp = zeroed();
        let _ = zamok_hotp_init(&raw mut hotp, secret.0, secret.1, std::ptr::null());
        let mut counter: zamok_hotp_state = zeroed();
        (counter.size, counter.next) = (32, input.now);
        (counter.burned_low, counter.burned_high) = (input.period, input.t0);
        let checked = zamok_hotp_check(
            &raw const hotp,
            text.0,
            text.1,
            input.future,
            &raw mut counter,
            std::ptr::null_mut(),
        );
        if checked == ZAMOK_OK {
            accepted("counter-based code");
        }

        let mut ocra: zamok_ocra = zeroed();
        let _ = zamok_ocra_init(&raw mut ocra, secret.0, secret.1, text.0, text.1, input.flags);
        let question = zamok_ocra_input {
            size: u32::try_from(size_of::<zamok_ocra_input>()).unwrap_or(0),
            given: input.given,
            counter: input.now,
            time: input.t0,
            question: other.0,
            question_length: other.1,
            client_question: other.0,
            client_question_length: if input.given & 96 == 0 { 0 } else { other.1 },
            password: secret.0,
            password_length: if input.given & 12 == 0 { 0 } else { secret.1 },
            session: secret.0,
            session_length: if input.given & 16 == 0 { 0 } else { secret.1 },
        };
        let mut room = Room::new(input.capacity);
        let status = zamok_ocra_respond(
            &raw const ocra,
            &raw const question,
            room.start(),
            room.capacity,
            &raw mut room.length,
        );
        room.judge(status, true);
        if status == ZAMOK_OK {
            accepted("response");
        }

        let mut uri: zamok_uri = zeroed();
        uri.size = 192;
        let mut room = Room::new(input.capacity);
        let status = zamok_uri_parse(
            text.0,
            text.1,
            0,
            &raw mut uri,
            room.start(),
            room.capacity,
            &raw mut room.length,
        );
        room.judge(status, false);
        // What Rust reads, C reads alike.
        match read {
            None => assert!(status != ZAMOK_OK),
            Some(Err(error)) => assert_eq!(status, i32::from(error.code())),
            Some(Ok(read)) if status == ZAMOK_OK => {
                accepted("uri");
                let at = usize::try_from(uri.account_at).unwrap_or(usize::MAX) + EDGE;
                let account = &room.bytes[at..][..read.account().len()];
                assert_eq!(account, read.account().as_bytes());
                assert_eq!(uri.digits, u32::from(read.digits().count()));
            }
            Some(Ok(_)) => assert_eq!(status, ZAMOK_E_BUFFER_TOO_SMALL),
        }
        let mut room = Room::new(input.capacity);
        let status = zamok_totp_uri(
            secret.0,
            secret.1,
            wide.as_ptr().cast(),
            other.0,
            other.1,
            text.0,
            text.1,
            room.start(),
            room.capacity,
            &raw mut room.length,
        );
        room.judge(status, true);
        if status == ZAMOK_OK {
            accepted("uri written");
        }
        let mut room = Room::new(input.capacity);
        let status = zamok_base32_decode(
            text.0,
            text.1,
            input.flags,
            room.start().cast(),
            room.capacity,
            &raw mut room.length,
        );
        room.judge(status, false);
        if status == ZAMOK_OK && text.1 > 0 {
            accepted("base32");
        }
        zamok_totp_wipe(&raw mut key);
        assert!(key.opaque.iter().all(|byte| *byte == 0));
    }
});
