//! Typed codes: a text is accepted only when it is the code, digit for digit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_core::UnixTime;
use zamok_core::otp::{Code, Digits, Totp, TotpParameters, TotpState, Window};
use zamok_core::secret::Secret;
use zamok_fuzz::accepted;

fuzz_target!(|input: (u8, u64, &str)| {
    let (choice, now, text) = input;
    let digits = Digits::new(6 + choice % 5).expect("6 to 10");
    if Code::parse_lenient(text, digits).is_ok() {
        accepted("code");
    }
    let parsed = Code::parse(text, digits);
    let secret = Secret::new(&[choice; 20]).expect("20 bytes");
    let totp =
        Totp::new(&secret, TotpParameters { digits, ..TotpParameters::default() }).expect("30 seconds");
    let window = Window::steps(u32::from(choice % 8), u32::from(choice / 8 % 8)).expect("at most 15 steps");
    let checked = totp.check(text, UnixTime(now), window, &TotpState::default(), 2);
    if let Ok(matched) = checked.verdict.accepted() {
        accepted("right code");
        assert_eq!(totp.code_of_step(matched.step).as_str(), text);
        assert!(parsed.is_ok());
        let again = totp.check(text, UnixTime(now), window, &checked.state, 2);
        assert!(again.verdict.accepted().is_err(), "a code was accepted twice");
    }
});
