//! Hostile input: cut, altered byte by byte, nested, repeated, gigantic. Typed errors in bounded time, never a panic.

mod tier;

use std::io::Read;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding};
use proptest::prelude::*;
use zamok_exchange::{ExchangeError, Fault, Format, Options, PskcKey, Scope, WeakSecrets, open};
use zeroize::Zeroizing;

const PSKC: &str = include_str!("../../../vectors/pskc/rfc6030-figure06.xml");
const PLAIN: &str = include_str!("../../../vectors/pskc/rfc6030-figure05.xml");
const PASSWORD: &str = include_str!("../../../vectors/pskc/rfc6030-figure07.xml");
const HEX: &str = "3132333435363738393031323334353637383930";
const KEY: [u8; 16] =
    [0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12];

fn options() -> Options {
    let mut options = Options { weak: WeakSecrets::AcceptGuessable, ..Options::default() };
    options.pskc.key = PskcKey::PreShared(Zeroizing::new(KEY.to_vec()));
    options
}

/// Reads all of it; answers how many tokens there were and the errors.
fn read(input: impl Read, format: Format, options: &Options) -> (usize, Vec<ExchangeError>) {
    let records = match open(input, Some(format), options) {
        Ok(records) => records,
        Err(error) => return (0, vec![error]),
    };
    let (mut tokens, mut errors) = (0, Vec::new());
    for record in records {
        match record {
            Ok(_) => tokens += 1,
            Err(error) => {
                assert!(errors.len() < 100_000);
                errors.push(error);
            }
        }
    }
    let file = errors.iter().position(|error| error.scope() == Scope::File);
    assert!(file.is_none_or(|place| place + 1 == errors.len()), "nothing comes after an error of the file");
    (tokens, errors)
}

fn samples() -> Vec<(Format, String)> {
    vec![
        (Format::Pskc, PSKC.to_owned()),
        (Format::Pskc, PLAIN.to_owned()),
        (Format::Uri, "otpauth://totp/Bank:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Bank&digits=8\n".to_owned()),
        (
            Format::Migration,
            "otpauth-migration://offline?data=CjEKCkhlbGxvId6tvu8SGEV4YW1wbGU6YWxpY2VAZ29vZ2xlLmNvbRoHRXhhbXBsZTAC".to_owned(),
        ),
        (Format::Liboath, format!("HOTP/E/8 anna - {HEX} 4 338314 2009-12-07T23:18:22L\nHOTP/T30 bob + {HEX}\n")),
        (Format::GooglePam, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n\" STEP_SIZE 30\n\" TOTP_AUTH\n12345678\n".to_owned()),
        (Format::PrivacyIdea, format!("anna@realm, T1, {HEX}, totp, 6, 30\n")),
        (Format::PrivacyIdea, format!(r#"[{{"serial": "T", "type": "totp", "otpkey": "{HEX}", "info_list": {{"timeStep": "30"}}}}]"#)),
        (
            Format::Keycloak,
            r#"{"realm": "a", "users": [{"username": "u", "credentials": [{"type": "otp", "secretData": "{\"value\":\"alphanumericSecret01\"}", "credentialData": "{\"subType\":\"totp\",\"digits\":6}"}]}]}"#.to_owned(),
        ),
    ]
}

#[test]
fn every_sample_is_read_whole_before_it_is_broken() {
    let options = Options { weak: WeakSecrets::AcceptGuessable, ..Options::default() };
    for (place, (format, text)) in samples().into_iter().enumerate() {
        let options = if place == 0 { self::options() } else { options.clone() };
        let (tokens, errors) = read(text.as_bytes(), format, &options);
        assert!(tokens >= 1, "{format:?} {errors:?}");
    }
}

#[test]
fn input_that_is_cut_anywhere_is_an_error_or_fewer_tokens() {
    for (format, text) in samples() {
        let (whole, _) = read(text.as_bytes(), format, &options());
        for end in 0..text.len() {
            let (tokens, errors) = read(&text.as_bytes()[..end], format, &options());
            assert!(tokens <= whole);
            if format == Format::Pskc && end < text.trim_end().len() {
                assert!(!errors.is_empty(), "a container that is cut at {end} was read as if it were whole");
            }
        }
    }
}

#[test]
fn every_byte_changed_to_several_others_is_survived() {
    let others = [0, b'<', b'&', b'"', b'9', b'A', 0x7f, 0x80, 0xff];
    let step = tier::pick(7, 1, 1) as usize;
    for (format, text) in samples() {
        for place in (0..text.len()).step_by(step) {
            for other in others {
                let mut altered = text.clone().into_bytes();
                altered[place] = other;
                read(&altered[..], format, &options());
            }
        }
    }
}

/// Bytes that never end, without a place where they lie.
struct Endless(&'static [u8], &'static [u8], usize, u64);

impl Endless {
    fn new(head: &'static str, again: &'static str) -> Self {
        Self(head.as_bytes(), again.as_bytes(), 0, 0)
    }
}

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.3 += out.len() as u64;
        assert!(self.3 < 1 << 30, "a gibibyte was read");
        for byte in out.iter_mut() {
            let (source, place) = if self.2 < self.0.len() {
                (self.0, self.2)
            } else {
                (self.1, (self.2 - self.0.len()) % self.1.len())
            };
            *byte = source[place];
            self.2 += 1;
        }
        Ok(out.len())
    }
}

#[test]
fn input_without_an_end_is_given_up() {
    const ROOT: &str = "<KeyContainer xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" Version=\"1.0\">";
    const PACKAGE: &str =
        "<KeyContainer xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" Version=\"1.0\"><KeyPackage><Key>";
    let began = Instant::now();
    for (format, head, again) in [
        (Format::Pskc, "<", "a"),
        (Format::Pskc, "<!--", "x"),
        (Format::Pskc, "<KeyContainer a=\"", "x"),
        (Format::Pskc, ROOT, "x"),
        (Format::Pskc, ROOT, "<KeyPackage>"),
        (Format::Pskc, ROOT, "<a b='1'>"),
        (Format::Pskc, PACKAGE, "<a/>"),
        (Format::Pskc, PACKAGE, "text<!-- -->"),
        (Format::Pskc, PACKAGE, "&#65;"),
        (Format::Uri, "otpauth://", "x"),
        (Format::Liboath, "HOTP ", "x"),
        (Format::PrivacyIdea, "a,", "x"),
        (Format::Migration, "otpauth-migration://offline?data=", "A"),
        (Format::GooglePam, "AAAA\n", "12345678\n"),
        (Format::Keycloak, "", "["),
        (Format::PrivacyIdea, "", "["),
        (Format::Keycloak, "{\"users\":[", "{},"),
    ] {
        let (tokens, errors) = read(Endless::new(head, again), format, &options());
        assert_eq!(tokens, 0);
        let last = errors.last().unwrap();
        assert_eq!(last.scope(), Scope::File, "{head} {again}");
        assert!(matches!(last.fault(), Fault::TooLong { .. }), "{head} {again}: {last}");
    }
    assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
}

#[test]
fn files_of_more_entries_than_are_taken_into_memory_are_refused() {
    let many = |one: &str, count: usize, between: &str| vec![one; count].join(between);
    let migration = |count: usize| {
        // An empty token is two bytes; a part holds few enough to be read.
        let part = |index: u8| {
            let payload = [&[10, 0].repeat(count / 8)[..], &[0x18, 8, 0x20, index, 0x28, 7]].concat();
            format!("otpauth-migration://offline?data={}\n", Base64::encode_string(&payload))
        };
        (0..8).map(part).collect::<String>()
    };
    for (format, text, is_refused) in [
        (Format::Keycloak, format!("{{\"users\":[{}]}}", many("{}", 99_999, ",")), false),
        (Format::Keycloak, format!("{{\"users\":[{}]}}", many("{}", 100_000, ",")), true),
        (Format::Keycloak, format!("[{}]", many("{\"cr\\u0065dentials\":[{},{}]}", 33_334, ",")), true),
        (Format::Keycloak, format!("{{\"federatedUsers\":[{}]}}", many("{}", 100_000, ",")), true),
        (Format::PrivacyIdea, format!("[{}]", many("{}", 100_001, ",")), true),
        (Format::PrivacyIdea, format!("[{}]", many("[]", 100_001, ",")), true),
        (Format::Migration, migration(100_000), false),
        (Format::Migration, migration(100_008), true),
    ] {
        let (_, errors) = read(text.as_bytes(), format, &options());
        let refused = Fault::TooLong { what: "the number of entries", limit: 100_000 };
        let found =
            errors.last().is_some_and(|error| (error.fault(), error.scope()) == (refused, Scope::File));
        assert_eq!(found, is_refused, "{format:?}: {:?}", errors.last());
    }
}

#[test]
fn nesting_dtds_and_entities_are_refused() {
    const ROOT: &str = "<KeyContainer xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" Version=\"1.0\">";
    let deep = format!("{ROOT}{}{}</KeyContainer>", "<a>".repeat(40), "</a>".repeat(40));
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]>".to_owned()
        + PLAIN.trim_start_matches("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    let late = PLAIN.replace("<KeyPackage>", "<!DOCTYPE x><KeyPackage>");
    for (text, fault) in [
        (deep, Fault::TooLong { what: "the nesting", limit: 32 }),
        (bomb, Fault::Dtd),
        (late, Fault::Dtd),
        (PLAIN.replace("MTIz", "&x;MTIz"), Fault::Dtd),
        (PLAIN.replace("Id=\"12345678\"", "Id=\"&x;\""), Fault::Dtd),
        (PLAIN.replace("Version=\"1.0\"", "Version=\"2.0\""), Fault::Version),
        (PLAIN.replace("pskc\">", "pskc2\">"), Fault::Format("PSKC (RFC 6030)")),
        (PLAIN.replace("</Issuer>", "</Issuers>"), Fault::Malformed("XML")),
        (format!("{PLAIN}<more/>"), Fault::Malformed("XML")),
        (format!("{ROOT}<KeyPackage/><EncryptionKey/></KeyContainer>"), Fault::Malformed("PSKC")),
    ] {
        let (_, errors) = read(text.as_bytes(), Format::Pskc, &Options::default());
        assert_eq!(errors.last().map(|error| error.fault()), Some(fault), "{text}");
    }
    let amp = PLAIN.replace("<Issuer>Issuer<", "<Issuer>A &amp; &#66;<![CDATA[ & C]]><");
    let record = open(amp.as_bytes(), None, &Options::default()).unwrap().next().unwrap().unwrap();
    assert_eq!(record.issuer.as_deref(), Some("A & B & C"));
}

#[test]
fn another_prefix_means_the_same_and_another_namespace_does_not() {
    let prefixed = PASSWORD
        .replace("pskc:", "k:")
        .replace("urn:ietf:params:xml:ns:keyprov:k:", "urn:ietf:params:xml:ns:keyprov:pskc:")
        .replace("xmlns:pskc=", "xmlns:k=");
    let mut options = Options::default();
    options.pskc.key = PskcKey::Password(Zeroizing::new(b"qwerty".to_vec()));
    assert_eq!(read(prefixed.as_bytes(), Format::Pskc, &options).0, 1);
    let foreign = PLAIN.replace("<Secret>", "<Secret xmlns=\"urn:x\">");
    let (_, errors) = read(foreign.as_bytes(), Format::Pskc, &Options::default());
    assert_eq!(errors[0].fault(), Fault::Missing("the secret"));
    let unbound = PLAIN.replace("<Secret>", "<q:Secret>").replace("</Secret>", "</q:Secret>");
    let (_, errors) = read(unbound.as_bytes(), Format::Pskc, &Options::default());
    assert!(matches!(errors[0].fault(), Fault::Malformed(_)));
}

fn cases() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(tier::pick(50, 500, 20_000)) }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn arbitrary_bytes_panic_no_parser(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        for format in Format::ALL {
            read(&bytes[..], format, &options());
        }
        let _ = open(&bytes[..], None, &options());
    }

    #[test]
    fn pieces_of_formats_in_any_order_panic_no_parser(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("<KeyContainer xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" Version=\"1.0\">"), Just("</KeyContainer>"),
                Just("<KeyPackage>"), Just("</KeyPackage>"), Just("<Key Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:totp\">"),
                Just("</Key>"), Just("<Data>"), Just("</Data>"), Just("<Secret>"), Just("</Secret>"), Just("<PlainValue>"),
                Just("</PlainValue>"), Just("MTIzNDU2Nzg5MDEyMzQ1Njc4OTA="), Just("<Policy>"), Just("</Policy>"), Just("&amp;"),
                Just("<![CDATA["), Just("]]>"), Just("<!--"), Just("-->"), Just("HOTP/T30 "), Just("anna "), Just("- "),
                Just("\n"), Just("\" TOTP_AUTH"), Just("otpauth://totp/"), Just("otpauth-migration://offline?data="),
                Just("?secret="), Just(","), Just("totp"), Just("[{\"serial\":"), Just("\"type\":\"otp\","), Just("}]"),
                Just("18446744073709551616"), Just("CjEKCkhlbGxvId6tvu8SGEV4YW1wbGU6YWxpY2VAZ29vZ2xlLmNvbRoH"),
            ], 0..40)
    ) {
        let text = pieces.concat();
        for format in Format::ALL {
            read(text.as_bytes(), format, &options());
        }
    }
}
