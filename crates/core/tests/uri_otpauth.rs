//! `otpauth://` URIs: written, read back, read as issuers write them, read strictly, and hostile ones.

mod tier;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use zamok_core::error::UriFault;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{Digits, HotpParameters, OtpKind, OtpUri, TotpParameters};
use zamok_core::secret::Secret;
use zamok_core::{Error, UnixTime};

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn secret() -> Secret {
    Secret::new(b"12345678901234567890").unwrap()
}

fn fault(fault: UriFault) -> Option<Error> {
    Some(Error::Uri(fault))
}

/// Reads a TOTP URI with this label and these parameters after the secret.
fn read(label: &str, parameters: &str) -> Result<OtpUri, Error> {
    OtpUri::parse(&format!("otpauth://totp/{label}?secret={SECRET}{parameters}"))
}

#[test]
fn a_written_uri_is_the_one_of_the_key_uri_format() {
    let parameters = HotpParameters { algorithm: HashAlgorithm::Sha256, digits: Digits::EIGHT };
    let uri = OtpUri::hotp(Some("Дом & Co"), "a b@c", &secret(), parameters, u64::MAX).unwrap();
    let text = uri.to_uri();
    assert_eq!(
        text.as_str(),
        "otpauth://hotp/%D0%94%D0%BE%D0%BC%20%26%20Co:a%20b%40c?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
         &issuer=%D0%94%D0%BE%D0%BC%20%26%20Co&algorithm=SHA256&digits=8&counter=18446744073709551615"
    );
    for read in [OtpUri::parse(text.as_str()), OtpUri::parse_strict(text.as_str())] {
        let read = read.unwrap();
        assert_eq!((read.issuer(), read.account()), (Some("Дом & Co"), "a b@c"));
        assert_eq!(read.secret().expose(), secret().expose());
        assert_eq!(read.hotp_parameters(), Some((parameters, u64::MAX)));
        assert_eq!((read.totp_parameters(), read.conflicting_issuer()), (None, None));
    }
    let bare = OtpUri::totp(None, "anna", &secret(), TotpParameters::default()).unwrap();
    assert_eq!(
        bare.to_uri().as_str(),
        format!("otpauth://totp/anna?secret={SECRET}&algorithm=SHA1&digits=6&period=30")
    );
}

#[test]
fn every_key_survives_writing_and_reading() {
    let name = "[^:\\p{Cc}\\s]([^:\\p{Cc}]{0,20}[^:\\p{Cc}\\s])?";
    let keys = (proptest::option::of(name), name, proptest::collection::vec(any::<u8>(), 16..=128));
    let parameters = (0usize..3, 6u8..=10, 1u64.., any::<bool>());
    let cases = tier::pick(50, 500, 5_000);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let outcome =
        runner.run(&(keys, parameters), |((issuer, account, bytes), (hash, digits, number, by_time))| {
            let secret = Secret::new(&bytes).unwrap();
            let (algorithm, digits) = (HashAlgorithm::ALL[hash], Digits::new(digits).unwrap());
            let uri = if by_time {
                let parameters = TotpParameters { algorithm, digits, period: number, t0: UnixTime(0) };
                OtpUri::totp(issuer.as_deref(), &account, &secret, parameters)
            } else {
                OtpUri::hotp(
                    issuer.as_deref(),
                    &account,
                    &secret,
                    HotpParameters { algorithm, digits },
                    number,
                )
            };
            let uri = uri.unwrap();
            for read in [OtpUri::parse(uri.to_uri().as_str()), OtpUri::parse_strict(uri.to_uri().as_str())] {
                let read = read.unwrap();
                prop_assert_eq!(read.issuer(), issuer.as_deref());
                prop_assert_eq!(read.account(), &account);
                prop_assert_eq!(read.secret().expose(), &bytes);
                prop_assert_eq!(
                    (read.kind(), read.algorithm(), read.digits()),
                    (uri.kind(), algorithm, digits)
                );
                prop_assert_eq!(read.totp_parameters(), uri.totp_parameters());
                prop_assert_eq!(read.conflicting_issuer(), None);
            }
            Ok(())
        });
    outcome.unwrap();
}

#[test]
fn what_the_format_cannot_say_is_refused_and_not_lost() {
    let t0 = TotpParameters { t0: UnixTime(1), ..TotpParameters::default() };
    assert_eq!(OtpUri::totp(None, "a", &secret(), t0).err(), fault(UriFault::T0));
    let zero = TotpParameters { period: 0, ..TotpParameters::default() };
    assert_eq!(OtpUri::totp(None, "a", &secret(), zero).err(), Some(Error::PeriodZero));
    let label = |issuer, account| OtpUri::totp(issuer, account, &secret(), TotpParameters::default()).err();
    for (issuer, account) in [
        (None, ""),
        (Some(""), "a"),
        (Some("a:b"), "c"),
        (None, "a:b"),
        (None, " a"),
        (Some("a "), "b"),
        (None, "a\u{1b}[2J"),
        (Some("a\n"), "b"),
    ] {
        assert_eq!(label(issuer, account), fault(UriFault::Label), "{issuer:?} {account:?}");
    }
    // With an issuer in front, a colon in the account can be read back.
    assert_eq!(label(Some("x"), "a:b"), None);
    let long = "я".repeat(2_000);
    assert_eq!(label(None, &long), fault(UriFault::TooLong));
}

#[test]
fn what_issuers_write_is_understood() {
    for (text, issuer, account) in [
        ("otpauth://totp/KPD:anna?secret=$&issuer=KPD", Some("KPD"), "anna"),
        ("OTPAUTH://TOTP/KPD:anna?SECRET=$&ISSUER=KPD", Some("KPD"), "anna"),
        ("  otpauth://totp/KPD:anna?secret=$\n", Some("KPD"), "anna"),
        ("otpauth://totp/KPD%3Aanna?secret=$", Some("KPD"), "anna"),
        ("otpauth://totp/KPD%3A%20anna?secret=$", Some("KPD"), "anna"),
        ("otpauth://totp/KPD: anna?secret=$", Some("KPD"), "anna"),
        ("otpauth://totp/anna?secret=$&issuer=KPD", Some("KPD"), "anna"),
        ("otpauth://totp/anna?secret=$", None, "anna"),
        ("otpauth://totp/anna?secret=$&issuer=", None, "anna"),
        ("otpauth://totp/:anna?secret=$", None, "anna"),
        ("otpauth://totp/?secret=$&issuer=KPD", Some("KPD"), ""),
        ("otpauth://totp?secret=$&issuer=KPD", Some("KPD"), ""),
        ("otpauth://totp/Big%20Corp:anna?secret=$&issuer=Big+Corp", Some("Big Corp"), "anna"),
        ("otpauth://totp/Big+Corp:anna?secret=$&issuer=Big+Corp", Some("Big Corp"), "anna"),
        ("otpauth://totp/Big Corp:anna?secret=$&issuer=Big Corp", Some("Big Corp"), "anna"),
        ("otpauth://totp/anna+work@example.org?secret=$", None, "anna+work@example.org"),
        ("otpauth://totp/KPD:a:b?secret=$", Some("KPD"), "a:b"),
        ("otpauth://totp/a/b?secret=$", None, "a/b"),
        ("otpauth://totp/Дом:Анна?secret=$", Some("Дом"), "Анна"),
        ("otpauth://totp/anna?secret=$&image=https%3A%2F%2Fx&lock=1&&x", None, "anna"),
        ("otpauth://totp/anna?secret=$&secret=$", None, "anna"),
        ("otpauth://totp/anna?secret=$#fragment", None, "anna"),
        ("otpauth://totp/anna?issuer=100%25&secret=$", Some("100%"), "anna"),
    ] {
        let read = OtpUri::parse(&text.replace("$", SECRET)).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(
            (read.issuer(), read.account(), read.conflicting_issuer()),
            (issuer, account, None),
            "{text}"
        );
        assert_eq!(read.totp_parameters(), Some(TotpParameters::default()), "{text}");
        assert_eq!(read.secret().expose(), secret().expose(), "{text}");
    }
}

#[test]
fn secrets_algorithms_and_numbers_are_understood_as_they_are_written() {
    for written in [
        "gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
        "GEZD+GNBV+GY3T+QOJQ+GEZD+GNBV+GY3T+QOJQ",
        "GEZDGNBV%20GY3TQOJQ%20GEZDGNBVGY3TQOJQ%3D%3D%3D%3D",
        "GEZDGNBV-GY3TQOJQ-GEZDGNBV-GY3TQOJQ====",
        "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ",
    ] {
        let read = OtpUri::parse(&format!("otpauth://totp/a?secret={written}")).unwrap();
        assert_eq!(read.secret().expose(), secret().expose(), "{written}");
    }
    for (written, algorithm) in [
        ("SHA1", HashAlgorithm::Sha1),
        ("sha1", HashAlgorithm::Sha1),
        ("SHA-1", HashAlgorithm::Sha1),
        ("HmacSHA1", HashAlgorithm::Sha1),
        ("HMAC-SHA1", HashAlgorithm::Sha1),
        ("SHA256", HashAlgorithm::Sha256),
        ("sha-256", HashAlgorithm::Sha256),
        ("HmacSHA256", HashAlgorithm::Sha256),
        ("HMAC_SHA_256", HashAlgorithm::Sha256),
        ("SHA512", HashAlgorithm::Sha512),
        ("Sha-512", HashAlgorithm::Sha512),
        ("hmac-sha-512", HashAlgorithm::Sha512),
    ] {
        assert_eq!(read("a", &format!("&algorithm={written}")).unwrap().algorithm(), algorithm, "{written}");
    }
    for written in ["", "MD5", "SHA", "SHA3-256", "SHA224", "SHA384", "HMAC", "SHA2-256", "SHA1x"] {
        let refused = read("a", &format!("&algorithm={written}")).err();
        assert_eq!(refused, fault(UriFault::Algorithm), "{written}");
    }
    assert_eq!(read("a", "&digits=8").unwrap().digits(), Digits::EIGHT);
    assert_eq!(read("a", "&digits=08&period=060").unwrap().kind(), OtpKind::Totp { period: 60 });
    for digits in [0, 5, 11, 255] {
        assert_eq!(read("a", &format!("&digits={digits}")).err(), Some(Error::Digits(digits)));
    }
    for number in ["", "-1", "%2B6", "6.0", "six", "256", "18446744073709551616", "6x", "0x6", "６"] {
        assert_eq!(read("a", &format!("&digits={number}")).err(), fault(UriFault::Number), "{number}");
    }
    assert_eq!(read("a", "&period=0").err(), Some(Error::PeriodZero));
    assert_eq!(read("a", "&period=18446744073709551616").err(), fault(UriFault::Number));
    let most = read("a", "&period=18446744073709551615").unwrap();
    assert_eq!(most.kind(), OtpKind::Totp { period: u64::MAX });
    // The other type's parameter means nothing.
    assert_eq!(read("a", "&counter=x").unwrap().kind(), OtpKind::Totp { period: 30 });
    let hotp = |parameters| OtpUri::parse(&format!("otpauth://hotp/a?secret={SECRET}{parameters}"));
    assert_eq!(hotp("&counter=7&period=0").unwrap().kind(), OtpKind::Hotp { counter: 7 });
    assert_eq!(hotp("").err(), fault(UriFault::CounterMissing));
    assert_eq!(hotp("&counter=18446744073709551616").err(), fault(UriFault::Number));
    assert_eq!(hotp("&counter=18446744073709551615").unwrap().kind(), OtpKind::Hotp { counter: u64::MAX });
}

#[test]
fn codes_that_are_no_digits_are_not_read_as_digits() {
    // As KeePassXC and Bitwarden write Steam's.
    for (encoder, expected) in [
        ("&encoder=steam", fault(UriFault::Parameter)),
        ("&Encoder=Steam", fault(UriFault::Parameter)),
        ("&encoder=%20", fault(UriFault::Parameter)),
        ("&encoder=", None),
        ("&encoder", None),
        ("&encoders=steam", None),
    ] {
        assert_eq!(read("Steam:mark@gmail.com", encoder).err(), expected, "{encoder}");
    }
    let own = format!("otpauth://steam/Steam:mark@gmail.com?secret={SECRET}&issuer=Steam&digits=5");
    assert_eq!(OtpUri::parse(&own).err(), fault(UriFault::Type));
}

#[test]
fn of_conflicting_issuers_the_parameter_wins_and_the_other_is_reported() {
    let uri = read("Bank:anna", "&issuer=B%61nk%20of%20Evil").unwrap();
    assert_eq!((uri.issuer(), uri.conflicting_issuer()), (Some("Bank of Evil"), Some("Bank")));
    assert_eq!(read("bank:anna", "&issuer=Bank").unwrap().conflicting_issuer(), Some("bank"));
    assert_eq!(read("Bank:anna", "&issuer=").unwrap().issuer(), Some("Bank"));
    // What stands twice with different values is no question of taste.
    for twice in [
        "&secret=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "&digits=6&digits=8",
        "&issuer=a&issuer=b",
        "&period=30&PERIOD=60",
    ] {
        assert_eq!(read("a", twice).err(), fault(UriFault::Conflict), "{twice}");
    }
}

#[test]
fn weak_secrets_are_read_only_by_name() {
    let weak = "otpauth://totp/a?secret=GEZDGNBVGY3TQOJQ";
    assert_eq!(OtpUri::parse(weak).err(), Some(Error::SecretTooShort(10)));
    assert_eq!(OtpUri::parse_strict(weak).err(), Some(Error::SecretTooShort(10)));
    assert_eq!(OtpUri::parse_accepting_weak(weak).unwrap().secret().expose(), b"1234567890");
    for empty in ["otpauth://totp/a?secret=", "otpauth://totp/a?secret", "otpauth://totp/a?secret=%20"] {
        assert_eq!(OtpUri::parse_accepting_weak(empty).err(), Some(Error::SecretTooShort(0)));
    }
}

#[test]
fn strict_reading_takes_nothing_but_the_format() {
    let strict = |text: &str| OtpUri::parse_strict(&text.replace("$", SECRET)).err();
    for good in [
        "otpauth://totp/anna?secret=$",
        "otpauth://totp/KPD:anna?secret=$&issuer=KPD",
        "otpauth://totp/KPD%3Aanna?secret=$&issuer=KPD&algorithm=SHA512&digits=8&period=60",
        "otpauth://hotp/KPD:anna?secret=$&issuer=KPD&counter=0",
    ] {
        assert_eq!(strict(good), None, "{good}");
    }
    for (bad, why) in [
        (" otpauth://totp/a?secret=$", UriFault::Scheme),
        ("OTPAUTH://totp/a?secret=$", UriFault::Scheme),
        ("otpauth://TOTP/a?secret=$", UriFault::Type),
        ("otpauth://totp/?secret=$", UriFault::Label),
        ("otpauth://totp/KPD:?secret=$", UriFault::Label),
        ("otpauth://totp/a b?secret=$", UriFault::Encoding),
        ("otpauth://totp/Анна?secret=$", UriFault::Encoding),
        ("otpauth://totp/a?secret=$#x", UriFault::Encoding),
        ("otpauth://totp/a?secret=$&image=x", UriFault::Parameter),
        ("otpauth://totp/a?secret=$&counter=1", UriFault::Parameter),
        ("otpauth://hotp/a?secret=$&counter=1&period=30", UriFault::Parameter),
        ("otpauth://totp/a?Secret=$", UriFault::Parameter),
        ("otpauth://totp/a?secret=$&secret=$", UriFault::Conflict),
        ("otpauth://totp/A:a?secret=$&issuer=B", UriFault::Conflict),
        ("otpauth://totp/a?secret=$&algorithm=sha1", UriFault::Algorithm),
        ("otpauth://totp/a?secret=$&algorithm=SHA-1", UriFault::Algorithm),
        ("otpauth://totp/a?secret=$&digits=06", UriFault::Number),
        ("otpauth://totp/a?secret=$&period=%2030", UriFault::Number),
        ("otpauth://hotp/a?secret=$", UriFault::CounterMissing),
        ("otpauth://totp/a", UriFault::SecretMissing),
    ] {
        assert_eq!(strict(bad), fault(why), "{bad}");
    }
    assert_eq!(strict("otpauth://totp/a?secret=gezdgnbvgy3tqojqgezdgnbvgy3tqojq"), Some(Error::Base32(0)));
    assert_eq!(strict("otpauth://totp/a?secret=GEZD+GNBV"), Some(Error::Base32(4)));
}

#[test]
fn hostile_text_gets_a_typed_answer() {
    for (text, why) in [
        ("", UriFault::Scheme),
        ("otpauth", UriFault::Scheme),
        ("otpauth:/", UriFault::Scheme),
        ("https://totp/a?secret=AAAA", UriFault::Scheme),
        ("otpauth:\u{1F512}//totp/a", UriFault::Scheme),
        ("otpauth://", UriFault::Type),
        ("otpauth:///a?secret=AAAA", UriFault::Type),
        ("otpauth://yaotp/a?secret=AAAA", UriFault::Type),
        ("otpauth://totp/a", UriFault::SecretMissing),
        ("otpauth://totp/a?", UriFault::SecretMissing),
        ("otpauth://totp/a#?secret=AAAA", UriFault::SecretMissing),
        ("otpauth://totp/%", UriFault::Encoding),
        ("otpauth://totp/%4", UriFault::Encoding),
        ("otpauth://totp/%zz", UriFault::Encoding),
        ("otpauth://totp/%+1", UriFault::Encoding),
        ("otpauth://totp/%ff%fe", UriFault::Encoding),
        ("otpauth://totp/%00", UriFault::Encoding),
        ("otpauth://totp/%1b%5b2J", UriFault::Encoding),
        ("otpauth://totp/a?secret=AAAA&issuer=%0A", UriFault::Encoding),
        ("otpauth://totp/a?issuer=%C2%9B", UriFault::Encoding),
    ] {
        assert_eq!(OtpUri::parse(text).err(), fault(why), "{text}");
    }
    let long = format!("otpauth://totp/{}?secret={SECRET}", "a".repeat(5_000));
    assert_eq!(OtpUri::parse(&long).err(), fault(UriFault::TooLong));
    let most = "A".repeat(3_000);
    assert_eq!(
        OtpUri::parse(&format!("otpauth://totp/a?secret={most}")).err(),
        Some(Error::SecretTooLong(1875))
    );
}

#[test]
fn no_text_makes_the_reader_panic() {
    let cases = tier::pick(500, 5_000, 100_000);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let part = "(otpauth://|totp|hotp|/|\\?|&|=|%3A|%|:|#|\\+|secret=|issuer=|digits=|counter=|[A-Z2-7]{1,32}|[0-9]{1,21}|é|.)";
    let texts = proptest::collection::vec(part, 0..24).prop_map(|parts| parts.concat());
    let outcome = runner.run(&texts, |text| {
        for text in [
            text.clone(),
            format!("otpauth://totp/{text}"),
            format!("otpauth://hotp/a?secret={SECRET}&{text}"),
        ] {
            let tolerant = OtpUri::parse_accepting_weak(&text);
            if let Ok(strict) = OtpUri::parse_strict(&text) {
                // What reads strictly reads tolerantly, as the same key.
                let tolerant = tolerant.unwrap();
                prop_assert_eq!(strict.kind(), tolerant.kind());
                prop_assert_eq!(strict.secret().expose(), tolerant.secret().expose());
                prop_assert_eq!(strict.account(), tolerant.account());
            }
        }
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn colons_where_issuers_put_them_survive_being_written() {
    for label in ["/:a:b?", "/a:b:c?", "/:?issuer=x:y&", "/b:c?issuer=x:y&", "/a?issuer=x%3Ay&"] {
        let uri = format!("otpauth://totp{label}secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let Ok(read) = OtpUri::parse(&uri) else { continue };
        let again = OtpUri::parse(read.to_uri().as_str()).unwrap();
        assert_eq!((again.issuer(), again.account()), (read.issuer(), read.account()), "{label}");
    }
    assert!(OtpUri::parse("otpauth://totp/:a:b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").is_ok());
}

#[test]
fn a_label_that_only_fits_unescaped_is_too_long() {
    let uri = |label: &str| format!("otpauth://totp/{label}?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    assert!(OtpUri::parse(&uri(&"~".repeat(3900))).is_ok());
    assert_eq!(OtpUri::parse(&uri(&"^".repeat(2000))).unwrap_err(), Error::Uri(UriFault::TooLong));
}

#[test]
fn an_encoded_colon_belongs_to_a_name_where_another_one_parts_the_label() {
    for name in ["Acme%3AEU", "host.example%3A8443"] {
        let uri = read(&format!("{name}:anna"), &format!("&issuer={name}")).unwrap();
        let issuer = name.replace("%3A", ":");
        let found = (uri.issuer(), uri.account(), uri.conflicting_issuer());
        assert_eq!(found, (Some(issuer.as_str()), "anna", None));
    }
    // None stands there as such (Key Uri Format).
    assert_eq!(read("KPD%3Aanna", "").unwrap().account(), "anna");
}
