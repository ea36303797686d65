//! The engine of one-time passwords: the key, what was typed, and what the state remembers are secret (RFC 4226, RFC 6238,
//! RFC 6287); how long the text is, which window is tried and which parameters a key has, is public.

use std::hint::black_box;
use std::slice;

use subtle::ConstantTimeEq;
use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{
    Code, Digits, Hotp, HotpAttempt, HotpParameters, HotpState, Ocra, OcraChallenge, OcraInput, OcraPassword,
    OcraSuite, OcraWindow, Steam, Totp, TotpAttempt, TotpParameters, TotpState, Window,
};
use zamok_core::secret::Secret;
use zamok_lanes::ct;

use crate::Subject;

pub(crate) const SUBJECTS: &[Subject] = &[
    ("totp-check", totp_check),
    ("totp-verify", totp_verify),
    ("hotp-check", hotp_check),
    ("steam-check", steam_check),
    ("batch", batch),
    ("resynchronise", resynchronise),
    ("ocra-verify", ocra_verify),
    ("ocra-whole", ocra_whole),
    ("generate", generate),
    ("code-parse", code_parse),
    ("code-compare", code_compare),
    ("secret-compare", secret_compare),
];

const NOW: UnixTime = UnixTime(1_800_000_010);
const HASHES: [HashAlgorithm; 3] = [HashAlgorithm::Sha1, HashAlgorithm::Sha256, HashAlgorithm::Sha512];

/// A secret of twenty bytes that memcheck holds for undefined.
fn secret() -> Secret {
    let bytes = *b"12345678901234567890";
    ct::secret(&bytes);
    // The length is public; the content goes with the mark.
    Secret::new(&bytes).expect("twenty bytes")
}

/// Text whose characters are secret and whose length is not.
fn typed(text: &str) -> String {
    let text = text.to_owned();
    ct::secret(text.as_bytes());
    text
}

fn windows() -> [Window; 6] {
    [(0, 0), (1, 0), (1, 1), (1, 2), (2, 10), (0, 100)]
        .map(|(past, future)| Window::steps(past, future).expect("narrow"))
}

fn digits() -> [Digits; 4] {
    [6, 7, 8, 10].map(|count| Digits::new(count).expect("6 to 10"))
}

/// What a person may type: right or wrong, at whichever place, too long or too short, not digits at all.
fn texts(right: impl Iterator<Item = String>) -> Vec<String> {
    let junk =
        ["", "0", "00000", "000000", "99999999", "12a456", "１２３４５６", " 123456", "0000000000000000"];
    right.chain(junk.map(str::to_owned)).map(|text| typed(&text)).collect()
}

fn totp_check() {
    for algorithm in HASHES {
        for digits in digits() {
            let parameters = TotpParameters { algorithm, digits, ..TotpParameters::default() };
            let plain = Totp::new(&Secret::new(b"12345678901234567890").expect("twenty bytes"), parameters)
                .expect("a period");
            let present = plain.step_at(NOW).expect("after T0");
            let totp = Totp::new(&secret(), parameters).expect("a period");
            let right = (present - 2..=present + 2).map(|step| plain.code_of_step(step).to_string());
            for text in texts(right) {
                for window in windows() {
                    for last in [present - 2, present, present + 1] {
                        // Whether there is a last step is public; which it is, and the drift, are not.
                        let (step, drift) = (last, -1_i32);
                        ct::secret(slice::from_ref(&step));
                        ct::secret(slice::from_ref(&drift));
                        let checked =
                            totp.check(&text, NOW, window, &TotpState { last_step: Some(step), drift }, 2);
                        let _ = black_box(checked);
                    }
                }
            }
        }
    }
}

fn totp_verify() {
    let totp = Totp::new(&secret(), TotpParameters::default()).expect("a period");
    for text in texts(["287082", "081804"].map(str::to_owned).into_iter()) {
        for window in windows() {
            let _ = black_box(totp.verify(&text, NOW, window));
        }
    }
}

fn hotp_check() {
    for algorithm in HASHES {
        for digits in digits() {
            let parameters = HotpParameters { algorithm, digits };
            let plain = Hotp::new(&Secret::new(b"12345678901234567890").expect("twenty bytes"), parameters);
            let hotp = Hotp::new(&secret(), parameters);
            for text in texts((3..9).map(|counter| plain.code(counter).to_string())) {
                for window in windows() {
                    let state = HotpState { next: 5, burned: 0b1010 };
                    ct::secret(slice::from_ref(&state));
                    let _ = black_box(hotp.check(&text, window, &state));
                }
            }
        }
    }
}

fn steam_check() {
    let plain = Steam::new(&Secret::new(b"12345678901234567890").expect("twenty bytes"));
    let steam = Steam::new(&secret());
    let right = plain.code_at(NOW).expect("after 1970").as_str().to_owned();
    for text in texts([right, "BCDFG".to_owned()].into_iter()) {
        for window in windows() {
            let (last, drift) = (steam.step_at(NOW) - 1, 1_i32);
            ct::secret(slice::from_ref(&last));
            ct::secret(slice::from_ref(&drift));
            let _ =
                black_box(steam.check(&text, NOW, window, &TotpState { last_step: Some(last), drift }, 2));
        }
    }
}

fn batch() {
    for algorithm in HASHES {
        let totp = Totp::new(&secret(), TotpParameters { algorithm, ..TotpParameters::default() })
            .expect("a period");
        let hotp = Hotp::new(&secret(), HotpParameters { algorithm, ..HotpParameters::default() });
        let window = Window::steps(1, 1).expect("narrow");
        for count in [1, 2, 5, 16, 37] {
            let text = typed("287082");
            let state = HotpState { next: 5, burned: 0b11 };
            ct::secret(slice::from_ref(&state));
            let by_now = TotpState { last_step: Some(37_037_035), drift: 1 };
            if let TotpState { last_step: Some(step), drift } = &by_now {
                ct::secret(slice::from_ref(step));
                ct::secret(slice::from_ref(drift));
            }
            let mut by_time: Vec<_> =
                (0..count).map(|_| TotpAttempt::new(&totp, &text, NOW, window, by_now, 2)).collect();
            Totp::verify_batch(&mut by_time);
            let mut by_counter: Vec<_> =
                (0..count).map(|_| HotpAttempt::new(&hotp, &text, window, state)).collect();
            Hotp::verify_batch(&mut by_counter);
            black_box((&by_time, &by_counter));
        }
    }
}

fn resynchronise() {
    let parameters = HotpParameters::default();
    let plain = Hotp::new(&Secret::new(b"12345678901234567890").expect("twenty bytes"), parameters);
    let hotp = Hotp::new(&secret(), parameters);
    for (first, second) in [(40, 41), (41, 40), (90, 91), (7, 7)] {
        let (first, second) = (typed(plain.code(first).as_str()), typed(plain.code(second).as_str()));
        let state = HotpState { next: 5, burned: 0b1010 };
        ct::secret(slice::from_ref(&state));
        let _ = black_box(hotp.resynchronise(&first, &second, 60, &state));
        let totp = Totp::new(&secret(), TotpParameters::default()).expect("a period");
        let (step, drift) = (1_000_u64, -1_i32);
        ct::secret(slice::from_ref(&step));
        ct::secret(slice::from_ref(&drift));
        let state = TotpState { last_step: Some(step), drift };
        let _ = black_box(totp.resynchronise(&first, &second, NOW, 20, &state));
    }
}

fn ocra_verify() {
    let pin = *b"1234";
    ct::secret(&pin);
    for suite in [
        "OCRA-1:HOTP-SHA1-6:QN08",
        "OCRA-1:HOTP-SHA256-8:C-QN08",
        "OCRA-1:HOTP-SHA512-8:QN08-T1M",
        "OCRA-1:HOTP-SHA256-8:QN08-PSHA1",
    ] {
        let suite = OcraSuite::parse(suite).expect("a suite");
        let ocra = Ocra::new(&secret(), suite);
        let counter = suite.has_counter().then(|| {
            let counter = 7_u64;
            ct::secret(slice::from_ref(&counter));
            counter
        });
        let input = OcraInput {
            counter,
            password: suite.password().map(|_| OcraPassword::Plain(&pin)),
            time: suite.time_step().map(|_| NOW),
            ..OcraInput::new(OcraChallenge::OneWay("12345678"))
        };
        let window = OcraWindow {
            counter: Window::look_ahead(5).expect("narrow"),
            time: Window::steps(1, 1).expect("narrow"),
        };
        for text in texts(["237653", "65347737"].map(str::to_owned).into_iter()) {
            let _ = black_box(ocra.verify(&text, &input, window));
        }
    }
}

fn generate() {
    for algorithm in HASHES {
        let hotp = Hotp::new(&secret(), HotpParameters { algorithm, ..HotpParameters::default() });
        let counter = 1_u64;
        ct::secret(slice::from_ref(&counter));
        black_box(hotp.code(counter).as_str().len());
    }
}

fn code_parse() {
    for digits in digits() {
        for text in texts(["123456", "12345678", "1234567890"].map(str::to_owned).into_iter()) {
            let _ = black_box(Code::parse(&text, digits));
        }
    }
}

fn code_compare() {
    let (a, b) = (typed("123456"), typed("123457"));
    let (a, b) = (Code::parse(&a, Digits::SIX), Code::parse(&b, Digits::SIX));
    if let (Ok(a), Ok(b)) = (a, b) {
        black_box(a.ct_eq(&b).unwrap_u8());
    }
}

fn secret_compare() {
    black_box(secret().ct_eq(&secret()).unwrap_u8());
}

/// Suites of 0 digits show the whole HMAC (RFC 6287 §5.2), in hexadecimal of either case.
fn ocra_whole() {
    for hash in ["SHA1", "SHA256", "SHA512"] {
        let suite = OcraSuite::parse(&format!("OCRA-1:HOTP-{hash}-0:QN08")).expect("a suite");
        let input = OcraInput::new(OcraChallenge::OneWay("12345678"));
        let plain = Ocra::new(&Secret::new(b"12345678901234567890").expect("twenty bytes"), suite);
        let right = plain.response(&input).expect("inputs that fit").to_string();
        let wrong = format!("{}x", &right[..right.len() - 1]);
        let ocra = Ocra::new(&secret(), suite);
        for text in texts([right.to_uppercase(), right, wrong].into_iter()) {
            let _ = black_box(ocra.verify(&text, &input, OcraWindow::EXACT));
        }
    }
}
