//! `otpauth://` URIs: what is read is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_core::otp::OtpUri;
use zamok_fuzz::accepted;

fuzz_target!(|text: &str| {
    if OtpUri::parse_strict(text).is_ok() {
        accepted("strict");
    }
    if OtpUri::parse(text).is_ok() {
        accepted("tolerant");
    }
    let Ok(read) = OtpUri::parse_accepting_weak(text) else { return };
    accepted("weak");
    let written = read.to_uri();
    let again = OtpUri::parse_accepting_weak(written.as_str()).expect("what was written is read");
    assert_eq!(again.secret().expose(), read.secret().expose());
    assert_eq!((again.issuer(), again.account()), (read.issuer(), read.account()));
    assert_eq!(
        (again.digits(), again.algorithm(), again.kind()),
        (read.digits(), read.algorithm(), read.kind())
    );
});
