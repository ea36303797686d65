//! What `Debug` shows of secrets and codes: nothing, to the exact string.

use zamok_core::UnixTime;
use zamok_core::otp::{
    Code, Digits, Hotp, HotpAttempt, HotpParameters, HotpState, Ocra, OcraChallenge, OcraInput, OcraPassword,
    OcraSuite, OtpUri, Steam, SteamCode, Totp, TotpAttempt, TotpParameters, TotpState, Window,
};
use zamok_core::secret::Secret;

#[test]
fn debug_shows_parameters_and_no_secrets() {
    let secret = Secret::new(b"12345678901234567890").unwrap();
    let hotp = Hotp::new(&secret, HotpParameters::default());
    assert_eq!(format!("{hotp:?}"), "Hotp(SHA-1, 6 digits, key redacted)");
    let totp = Totp::new(&secret, TotpParameters::default()).unwrap();
    assert_eq!(format!("{totp:?}"), "Totp(SHA-1, 6 digits, 30 s from 0, key redacted)");
    let steam = Steam::new(&secret);
    assert_eq!(format!("{steam:?}"), "Steam(key redacted)");
    let suite = OcraSuite::parse("OCRA-1:HOTP-SHA1-6:QN08-PSHA1-S004").unwrap();
    let ocra = Ocra::new(&secret, suite);
    assert_eq!(format!("{ocra:?}"), "Ocra(OCRA-1:HOTP-SHA1-6:QN08-PSHA1-S004, key redacted)");

    assert_eq!(format!("{:?}", hotp.code(0)), "Code(6 digits, redacted)");
    assert_eq!(format!("{:?}", Code::parse("00000042", Digits::EIGHT)), "Ok(Code(8 digits, redacted))");
    assert_eq!(format!("{:?}", steam.code_of_step(1)), "SteamCode(redacted)");
    assert_eq!(format!("{:?}", SteamCode::parse("22222")), "Ok(SteamCode(redacted))");

    let input = OcraInput {
        password: Some(OcraPassword::Plain(b"hidden")),
        session: Some(b"abcd"),
        ..OcraInput::new(OcraChallenge::OneWay("12345678"))
    };
    let response = ocra.response(&input).unwrap();
    assert_eq!(format!("{response:?}"), "OcraResponse(6 characters, redacted)");
    assert_eq!(
        format!("{input:?}"),
        "OcraInput { counter: None, challenge: OneWay(\"12345678\"), \
         password: Some(OcraPassword(redacted)), time: None, .. }"
    );

    let attempt = TotpAttempt::new(&totp, "081804", UnixTime(59), Window::EXACT, TotpState::default(), 0);
    assert_eq!(
        format!("{attempt:?}"),
        "TotpAttempt { key: Totp(SHA-1, 6 digits, 30 s from 0, key redacted), .. }"
    );
    let attempt = HotpAttempt::new(&hotp, "081804", Window::EXACT, HotpState::default());
    assert_eq!(format!("{attempt:?}"), "HotpAttempt { key: Hotp(SHA-1, 6 digits, key redacted), .. }");

    let uri = OtpUri::totp(Some("KPD"), "anna", &secret, TotpParameters::default()).unwrap();
    assert_eq!(
        format!("{uri:?}"),
        "OtpUri { issuer: Some(\"KPD\"), account: \"anna\", kind: Totp { period: 30 }, \
         algorithm: Sha1, digits: Digits(6), .. }"
    );
    assert_eq!(format!("{:?}", uri.to_uri()), "UriText(108 bytes, redacted)");
}
