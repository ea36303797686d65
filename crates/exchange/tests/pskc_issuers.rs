//! PSKC as issuers write it besides the RFC's figures: other names, other notations, other drafts; what is not read is told.

use aes::Aes128;
use base64ct::{Base64, Encoding};
use cbc::Encryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use zamok_core::mac::hmac_sha256;
use zamok_core::otp::Digits;
use zamok_exchange::{
    ExchangeError, Fault, PskcKey, PskcOptions, PskcReader, Scope, TokenKind, TokenRecord, Warning,
    WeakSecrets,
};
use zeroize::Zeroizing;

const SECRET: &str = "<Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret>";

fn read(text: &str, key: PskcKey) -> Vec<Result<TokenRecord, ExchangeError>> {
    let options = PskcOptions { key, weak: WeakSecrets::AcceptGuessable, ..PskcOptions::default() };
    PskcReader::new(text.as_bytes(), options).unwrap().collect()
}

fn one(text: &str) -> Result<TokenRecord, Fault> {
    let mut records = read(text, PskcKey::None);
    assert_eq!(records.len(), 1, "{text}");
    records.remove(0).map_err(ExchangeError::fault)
}

fn container(inside: &str) -> String {
    format!(
        "<KeyContainer Version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" \
         xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\">{inside}</KeyContainer>"
    )
}

fn key(profile: &str, parameters: &str, data: &str) -> String {
    format!(
        "<Key Id=\"1\" Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:{profile}\">\
         <AlgorithmParameters>{parameters}</AlgorithmParameters><Data>{data}</Data></Key>"
    )
}

fn package(profile: &str, parameters: &str, data: &str) -> String {
    container(&format!("<KeyPackage>{}</KeyPackage>", key(profile, parameters, data)))
}

#[test]
fn a_check_digit_is_refused_under_both_names_and_its_absence_taken_in_any_spelling() {
    let format = |attribute: &str| {
        package("hotp", &format!("<ResponseFormat Length=\"8\" Encoding=\"DECIMAL\" {attribute}/>"), SECRET)
    };
    for attribute in
        ["CheckDigit=\"true\"", "CheckDigits=\"true\"", "CheckDigits=\"1\"", "CheckDigit=\"TRUE\""]
    {
        let fault = Fault::Unsupported("a check digit in the response");
        assert_eq!(one(&format(attribute)).unwrap_err(), fault, "{attribute}");
    }
    for attribute in ["", "CheckDigits=\"FALSE\"", "CheckDigit=\"false\"", "CheckDigits=\"0\""] {
        let TokenKind::Hotp { parameters, .. } = one(&format(attribute)).unwrap().kind else { panic!() };
        assert_eq!(parameters.digits, Digits::EIGHT, "{attribute}");
    }
}

#[test]
fn a_plain_counter_is_decimal_or_bytes_in_base64() {
    let counter = |value: &str| {
        one(&package("hotp", "", &format!("{SECRET}<Counter><PlainValue>{value}</PlainValue></Counter>")))
    };
    // The second and third are those of python-pskc's tests/misc/integers.pskcxml; digits alone are decimal, however many.
    for (value, expected, is_ambiguous) in [
        ("4711", 4711, false),
        ("AAYxSg==", 405_834, false),
        ("NzA5Nzkx", 709_791, true),
        ("AAAAAAAGMUo=", 405_834, false),
        ("12345678", 12_345_678, false),
        ("MTIzNA==", 1234, true),
    ] {
        let record = counter(value).unwrap();
        let TokenKind::Hotp { counter, .. } = record.kind else { panic!() };
        let warned = record.warnings.contains(&Warning::AmbiguousNumber);
        assert_eq!((counter, warned), (expected, is_ambiguous), "{value}");
    }
    for value in ["", "-1", "AAY=", "AAYx Sg=?", "AAAAAAAAAAAGMUo="] {
        assert_eq!(counter(value).unwrap_err(), Fault::Number("Counter"), "{value}");
    }
}

#[test]
fn an_encrypted_counter_of_digits_is_decimal_however_many_they_are() {
    let shared = [7_u8; 16];
    let encrypted = |plain: &[u8]| {
        let iv = [9_u8; 16];
        let mut out = vec![0; plain.len() + 16];
        out[..plain.len()].copy_from_slice(plain);
        let cipher = Encryptor::<Aes128>::new(&shared.into(), &iv.into());
        let sealed = cipher.encrypt_padded::<Pkcs7>(&mut out, plain.len()).unwrap();
        let text = [&iv[..], sealed].concat();
        format!(
            "<EncryptedValue>\
             <xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"/>\
             <xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData></EncryptedValue>\
             <ValueMAC>{}</ValueMAC>",
            Base64::encode_string(&text),
            Base64::encode_string(&hmac_sha256(&shared, &[text.as_slice()]))
        )
    };
    for (plain, expected, is_ambiguous) in [
        (&b"47"[..], 47, true),
        (b"1234", 1234, true),
        (b"12345678", 12_345_678, true),
        (b"123456789", 123_456_789, false),
        (b"\0\0\x12\x34", 0x1234, false),
        (b"\0\0\0\0\0\0\x12\x34", 0x1234, false),
    ] {
        let (secret, counter) = (encrypted(b"12345678901234567890"), encrypted(plain));
        let data = format!("<Secret>{secret}</Secret><Counter>{counter}</Counter>");
        let text = container(&format!(
            "<MACMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256\"/>\
             <KeyPackage>{}</KeyPackage>",
            key("hotp", "", &data)
        ));
        let record = read(&text, PskcKey::PreShared(Zeroizing::new(shared.to_vec()))).remove(0).unwrap();
        let TokenKind::Hotp { counter, .. } = record.kind else { panic!() };
        let warned = record.warnings.contains(&Warning::AmbiguousNumber);
        assert_eq!((counter, warned), (expected, is_ambiguous), "{plain:?}");
    }
}

#[test]
fn what_a_totp_key_does_not_say_is_warned_of() {
    let warnings = |parameters: &str, secret: &[u8]| {
        let secret = Base64::encode_string(secret);
        let data = format!(
            "<Secret><PlainValue>{secret}</PlainValue></Secret>\
             <TimeInterval><PlainValue>30</PlainValue></TimeInterval>"
        );
        one(&package("totp", parameters, &data)).unwrap().warnings
    };
    let usual = [Warning::SpentUnknown, Warning::PlainSecret];
    assert_eq!(warnings("", &[7; 20]), usual);
    assert_eq!(warnings("<Suite>HMAC-SHA256</Suite>", &[7; 32]), usual);
    for length in [32, 64] {
        let expected = [&usual[..], &[Warning::HashAssumed]].concat();
        assert_eq!(warnings("", &vec![7; length]), expected);
    }
}

#[test]
fn dates_of_a_device_and_a_profile_of_a_key_are_no_policy_and_are_warned_of() {
    let with = |device: &str, more: &str| {
        let made = key("hotp", "", &format!("{SECRET}<Counter><PlainValue>7</PlainValue></Counter>"));
        let made = made.replace("<Data>", &format!("{more}<Data>"));
        let device = format!("<DeviceInfo><SerialNo>1</SerialNo>{device}</DeviceInfo>");
        one(&container(&format!("<KeyPackage>{device}{made}</KeyPackage>")))
    };
    let start = "<StartDate>2006-05-01T00:00:00Z</StartDate>";
    let expiry = "<ExpiryDate>2006-05-31T00:00:00Z</ExpiryDate>";
    for (device, more, expected) in [
        ("", "", &[][..]),
        (start, "", &[Warning::DeviceDates][..]),
        (expiry, "", &[Warning::DeviceDates][..]),
        ("", "<KeyProfileId>keyProfile1</KeyProfileId>", &[Warning::KeyProfile][..]),
        (
            expiry,
            "<KeyProfileId>keyProfile1</KeyProfileId>",
            &[Warning::DeviceDates, Warning::KeyProfile][..],
        ),
        ("<ExpiryDate/>", "<KeyProfileId/>", &[][..]),
    ] {
        let record = with(device, more).unwrap();
        assert!(record.policy.is_empty(), "{device}{more}");
        assert_eq!(record.warnings, [expected, &[Warning::PlainSecret]].concat(), "{device}{more}");
    }
    let twice = with(&format!("{expiry}{expiry}"), "").map(drop);
    assert_eq!(twice, Err(Fault::Duplicate("ExpiryDate")));
}

#[test]
fn keys_that_are_not_where_they_belong_are_told_and_the_others_read() {
    let whole = format!("<KeyPackage>{}</KeyPackage>", key("hotp", "", SECRET));
    let outside = Fault::Unsupported("a key outside of a KeyPackage");
    for (other, fault) in [
        // Drafts before the RFC, in its namespace.
        (format!("<Device>{}</Device>", key("hotp", "", SECRET)), outside),
        (format!("<Devices><Device>{}</Device></Devices>", key("hotp", "", SECRET)), outside),
        (
            "<KeyPackage><DeviceInfo><SerialNo>1</SerialNo></DeviceInfo></KeyPackage>".into(),
            Fault::Missing("Key"),
        ),
        ("<KeyPackage/>".into(), Fault::Missing("Key")),
    ] {
        for text in [format!("{other}{whole}"), format!("{whole}{other}")] {
            let records = read(&container(&text), PskcKey::None);
            let told: Vec<_> = records.iter().filter_map(|record| record.as_ref().err()).collect();
            assert_eq!(records.len(), 2, "{text}");
            assert_eq!((told[0].fault(), told[0].scope()), (fault, Scope::Entry), "{text}");
        }
    }
    // Nothing is lost with an extension that holds no key.
    let extended = container(&format!("<Extensions><x xmlns=\"urn:x\"/></Extensions>{whole}"));
    assert!(one(&extended).is_ok());
}

#[test]
fn key_wrap_of_eight_bytes_is_refused() {
    // Wycheproof, aes_wrap_test, tcId 13, 55 and 110: RFC 3394 wraps two blocks and more.
    for (bits, key, wrapped) in [
        (128, "574957151fc2afe0fa3dc7a9a7da6495", "dc26fb6911d71971df0356d6bb9ed6e6"),
        (192, "574957151fc2afe0fa3dc7a9a7da6495398f18ea0d8eed76", "38d8238cdb0d9a2da28d6d56194f2e78"),
        (
            256,
            "574957151fc2afe0fa3dc7a9a7da6495398f18ea0d8eed76a51aac96038ad692",
            "181ba6a3a4392469e3de98ddbbdd2432",
        ),
    ] {
        let [key, wrapped] = [key, wrapped].map(unhex);
        let data = format!(
            "<Secret><EncryptedValue>\
             <xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#kw-aes{bits}\"/>\
             <xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData></EncryptedValue></Secret>",
            Base64::encode_string(&wrapped)
        );
        let records = read(&package("hotp", "", &data), PskcKey::PreShared(Zeroizing::new(key)));
        assert_eq!(records[0].as_ref().unwrap_err().fault(), Fault::Refused, "{bits}");
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn privacyidea_s_export_with_its_tags_in_small_letters_is_no_pskc() {
    let text = "<keycontainer version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\">\
                <keypackage><key id=\"TOTP1\"></key></keypackage></keycontainer>";
    let error = PskcReader::new(text.as_bytes(), PskcOptions::default()).unwrap_err();
    assert_eq!(error.fault(), Fault::Format("PSKC (RFC 6030)"));
}

#[test]
fn what_may_stand_once_and_stands_twice_is_refused() {
    let ended = "<Policy><ExpiryDate>2006-05-31T00:00:00Z</ExpiryDate></Policy>";
    let with = |more: &str| package("hotp", "", SECRET).replace("</Key>", &format!("{more}</Key>"));
    for (text, name) in [
        (with(&format!("<Policy/>{ended}")), "Policy"),
        (with(&format!("{ended}<Policy/>")), "Policy"),
        (with("<Data/>"), "Data"),
        (package("hotp", "", &format!("{SECRET}{SECRET}")), "Secret"),
    ] {
        assert_eq!(one(&text).unwrap_err(), Fault::Duplicate(name), "{text}");
    }
    let keyed = |head: &str| {
        let text = container(&format!("{head}<KeyPackage>{}</KeyPackage>", key("hotp", "", SECRET)));
        read(&text, PskcKey::None).remove(0).unwrap_err().fault()
    };
    assert_eq!(keyed("<EncryptionKey/><EncryptionKey/>"), Fault::Duplicate("EncryptionKey"));
    let method = "<MACMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#hmac-sha1\"/>";
    assert_eq!(keyed(&format!("{method}{method}")), Fault::Duplicate("MACMethod"));
}

#[test]
fn a_key_is_used_for_what_its_issuer_lets_it_be_used_for() {
    let with = |profile: &str, parameters: &str, usage: &str| {
        let policy = format!("<Policy><KeyUsage>{usage}</KeyUsage></Policy></Key>");
        one(&package(profile, parameters, SECRET).replace("</Key>", &policy)).map(drop)
    };
    let suite = "<Suite>OCRA-1:HOTP-SHA1-6:QN08</Suite>";
    assert_eq!([with("ocra", suite, "CR"), with("hotp", "", "OTP"), with("totp", "", "OTP")], [Ok(()); 3]);
    let refused = Err(Fault::PolicyUsage);
    assert_eq!([with("ocra", suite, "OTP"), with("hotp", "", "CR"), with("totp", "", "CR")], [refused; 3]);
}

#[test]
fn the_suite_may_stand_in_the_algorithm_as_the_drafts_of_the_profiles_have_it() {
    let suite = "OCRA-1:HOTP-SHA512-8:C-QN08";
    let with = |parameters: &str| {
        package("hotp", parameters, &format!("{SECRET}<Counter><PlainValue>7</PlainValue></Counter>"))
            .replace("keyprov:pskc:hotp", &format!("keyprov:pskc#{suite}"))
    };
    let TokenKind::Ocra { suite: found, counter } = one(&with("")).unwrap().kind else { panic!() };
    assert_eq!((found.as_str(), counter), (suite, Some(7)));
    assert!(one(&with(&format!("<Suite>{suite}</Suite>"))).is_ok());
    let other = one(&with("<Suite>OCRA-1:HOTP-SHA1-6:QN08</Suite>")).map(drop);
    assert_eq!(other, Err(Fault::Conflict("two suites")));
}
