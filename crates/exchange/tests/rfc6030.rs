//! The figures of RFC 6030 (`vectors/pskc`), read as the RFC describes them.

use std::fs;
use std::path::Path;

use zamok_core::UnixTime;
use zamok_core::otp::Digits;
use zamok_exchange::{
    ExchangeError, Fault, KeyUsage, PskcKey, PskcOptions, PskcReader, TokenKind, TokenRecord, Warning,
    WeakSecrets,
};
use zeroize::Zeroizing;

const SECRET: &[u8] = b"12345678901234567890";
const KEY: [u8; 16] =
    [0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12];

fn figure(number: u32) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/pskc");
    fs::read_to_string(folder.join(format!("rfc6030-figure{number:02}.xml"))).unwrap()
}

fn read(text: &str, key: PskcKey) -> Vec<Result<TokenRecord, ExchangeError>> {
    let options = PskcOptions { key, weak: WeakSecrets::AcceptGuessable, ..PskcOptions::default() };
    PskcReader::new(text.as_bytes(), options).unwrap().collect()
}

fn faults(text: &str, key: PskcKey) -> Vec<Fault> {
    read(text, key).into_iter().filter_map(Result::err).map(ExchangeError::fault).collect()
}

fn password(text: &str) -> PskcKey {
    PskcKey::Password(Zeroizing::new(text.as_bytes().to_vec()))
}

fn pre_shared(key: &[u8]) -> PskcKey {
    PskcKey::PreShared(Zeroizing::new(key.to_vec()))
}

fn hotp(record: &TokenRecord) -> (u8, u64) {
    let TokenKind::Hotp { parameters, counter } = record.kind else { panic!("{:?}", record.kind) };
    (parameters.digits.count(), counter)
}

#[test]
fn figures_2_and_3_are_plain_keys_with_and_without_a_device() {
    let records = read(&figure(2), PskcKey::None);
    let record = records[0].as_ref().unwrap();
    assert_eq!((records.len(), record.id.as_str(), record.secret.expose()), (1, "12345678", &b"1234"[..]));
    assert_eq!(record.issuer.as_deref(), Some("Issuer-A"));
    assert_eq!(hotp(record), (6, 0));
    let warnings = [Warning::SpentUnknown, Warning::PlainSecret, Warning::WeakSecret];
    assert_eq!(record.warnings, warnings);
    let strict = PskcReader::new(figure(2).as_bytes(), PskcOptions::default()).unwrap().next().unwrap();
    assert_eq!(strict.unwrap_err().code(), 203, "four bytes are a weak secret");

    let records = read(&figure(3), PskcKey::None);
    let record = records[0].as_ref().unwrap();
    assert_eq!((record.id.as_str(), record.secret.expose()), ("987654321", SECRET));
    assert_eq!(record.account, "UID=jsmith,DC=example-bank,DC=net");
    assert_eq!(hotp(record), (8, 0));
}

#[test]
fn figure_4_holds_no_key_and_says_so() {
    assert_eq!(faults(&figure(4), PskcKey::None), [Fault::Missing("the secret")]);
}

#[test]
fn figure_5_has_a_pin_policy_and_a_pin_that_is_no_token() {
    let records = read(&figure(5), PskcKey::None);
    assert_eq!(records.len(), 2);
    let record = records[0].as_ref().unwrap();
    assert_eq!(record.policy.usage, [KeyUsage::Otp]);
    let pin = record.policy.pin.as_ref().unwrap();
    assert_eq!(
        (pin.min_length, pin.max_length, pin.key_id.as_deref()),
        (Some(4), Some(4), Some("123456781"))
    );
    assert_eq!((pin.mode.as_deref(), pin.encoding.as_deref()), (Some("Local"), Some("DECIMAL")));
    assert!(record.warnings.contains(&Warning::Pin));
    assert_eq!(records[1].as_ref().unwrap_err().fault(), Fault::NotOneTime);
}

#[test]
fn figure_6_opens_with_the_pre_shared_key_and_with_no_other() {
    let text = figure(6);
    let record = read(&text, pre_shared(&KEY)).remove(0).unwrap();
    assert_eq!(record.secret.expose(), SECRET);
    assert_eq!(hotp(&record), (8, 0));
    assert!(!record.warnings.contains(&Warning::PlainSecret));
    assert_eq!(faults(&text, PskcKey::None), [Fault::KeyNeeded]);
    assert_eq!(faults(&text, pre_shared(&[7; 16])), [Fault::Refused]);
    assert_eq!(faults(&text, pre_shared(&[7; 32])), [Fault::KeyUnfit("a key as long as the cipher's")]);
    assert_eq!(faults(&text, password("qwerty")), [Fault::KeyUnfit("a pre-shared key")]);
}

#[test]
fn every_altered_character_of_a_ciphertext_or_mac_is_refused_with_the_same_error() {
    let text = figure(6);
    let values = [
        "ESIzRFVmd4iZABEiM0RVZgKn6WjLaTC1sbeBMSvIhRejN9vJa2BOlSaMrR7I5wSX",
        "AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv",
        "Su+NvtQfmvfJzF6bmQiJqoLRExc",
    ];
    let mut tried = 0;
    for value in values {
        let start = text.find(value).unwrap();
        for place in start..start + value.len() - 1 {
            let mut altered = text.clone().into_bytes();
            altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert_eq!(faults(&altered, pre_shared(&KEY)), [Fault::Refused], "{place}");
            tried += 1;
        }
    }
    assert!(tried > 150);
}

#[test]
fn a_mac_that_is_taken_away_or_a_secret_put_in_plain_is_refused() {
    let text = figure(6);
    let (start, end) = (text.find("<ValueMAC>").unwrap(), text.find("</ValueMAC>").unwrap() + 11);
    let without = format!("{}{}", &text[..start], &text[end..]);
    assert_eq!(faults(&without, pre_shared(&KEY)), [Fault::Missing("ValueMAC")]);
    let (start, end) = (text.find("<MACMethod").unwrap(), text.find("</MACMethod>").unwrap() + 12);
    let without = format!("{}{}", &text[..start], &text[end..]);
    assert_eq!(faults(&without, pre_shared(&KEY)), [Fault::Missing("MACMethod")]);
    let (start, end) = (text.find("<EncryptedValue>").unwrap(), text.find("</ValueMAC>").unwrap() + 11);
    let plain =
        format!("{}<PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue>{}", &text[..start], &text[end..]);
    let downgrade = Fault::Conflict("a plain secret where encryption is expected");
    assert_eq!(faults(&plain, pre_shared(&KEY)), [downgrade]);
    assert_eq!(
        faults(&figure(3), pre_shared(&KEY)),
        [downgrade],
        "a key was given, so encryption is expected"
    );
}

#[test]
fn figure_7_opens_with_its_password_and_its_rounds_are_bounded() {
    let text = figure(7);
    let record = read(&text, password("qwerty")).remove(0).unwrap();
    assert_eq!(record.secret.expose(), SECRET);
    assert_eq!((hotp(&record), record.id.as_str()), ((8, 0), "987654321"));
    assert_eq!(faults(&text, password("qwertz")), [Fault::Refused]);
    assert_eq!(faults(&text, pre_shared(&KEY)), [Fault::KeyUnfit("a password")]);
    for (rounds, given) in [("4294967296", 4_294_967_296_u64), ("5000001", 5_000_001)] {
        let greedy = text.replace(">1000<", &format!(">{rounds}<"));
        assert_eq!(faults(&greedy, password("qwerty")), [Fault::Iterations { given, limit: 5_000_000 }]);
    }
    for wrong in [">0<", ">-1<", "><", ">x<"] {
        assert!(
            matches!(faults(&text.replace(">1000<", wrong), password("q"))[..], [Fault::Number(_)]),
            "{wrong}"
        );
    }
    let greedy = text.replace("<KeyLength>16<", "<KeyLength>99999999999<");
    assert!(matches!(faults(&greedy, password("qwerty"))[..], [Fault::Conflict(_)]));
}

#[test]
fn figure_8_is_encrypted_to_a_certificate_which_is_not_served() {
    assert_eq!(faults(&figure(8), PskcKey::None), [Fault::Unsupported("encryption to a certificate")]);
}

#[test]
fn figure_9_is_read_and_its_signature_is_told_and_not_trusted() {
    let options = PskcOptions::default();
    let text = figure(9);
    let mut reader = PskcReader::new(text.as_bytes(), options).unwrap();
    assert_eq!(reader.by_ref().map(|record| record.unwrap().id).collect::<Vec<_>>(), ["0755225266"]);
    assert!(reader.is_signed());
}

#[test]
fn figure_10_is_four_keys_with_dates_that_are_kept() {
    let records: Vec<_> = read(&figure(10), PskcKey::None).into_iter().map(Result::unwrap).collect();
    let ids: Vec<_> = records.iter().map(|record| record.id.as_str()).collect();
    assert_eq!(ids, ["654321", "123456", "9999999", "9999999"]);
    assert_eq!(records[0].policy.start, Some(UnixTime(1_146_441_600)));
    assert_eq!(records[0].policy.expiry, Some(UnixTime(1_149_033_600)));
    let policy = &records[0].policy;
    assert!(policy.check(&records[0].kind, UnixTime(1_147_000_000)).is_ok());
    for outside in [1_146_441_599, 1_149_033_601] {
        assert_eq!(policy.check(&records[0].kind, UnixTime(outside)), Err(Fault::PolicyDates));
    }
}

#[test]
fn what_a_policy_holds_unknown_forbids_the_use_of_its_key_alone() {
    let text = figure(10);
    let first = |from: &str, to: &str| text.replacen(from, to, 1);
    for altered in [
        first("<StartDate>2006-05-01T00:00:00Z</StartDate>", "<KeyUsage>Dance</KeyUsage>"),
        first("<StartDate>2006-05-01T00:00:00Z</StartDate>", "<MoonPhase>full</MoonPhase>"),
        first("<StartDate>2006-05-01T00:00:00Z</StartDate>", "<PINPolicy Mood=\"good\"/>"),
        first("<StartDate>2006-05-01T00:00:00Z</StartDate>", "<PINPolicy PINUsageMode=\"Whisper\"/>"),
        first(
            "<StartDate>2006-05-01T00:00:00Z</StartDate>",
            "<x:StartDate xmlns:x=\"urn:x\">2006</x:StartDate>",
        ),
    ] {
        let records = read(&altered, PskcKey::None);
        assert_eq!(records.len(), 4);
        assert_eq!(records[0].as_ref().unwrap_err().fault(), Fault::PolicyUnknown, "{altered}");
        assert!(records[1..].iter().all(Result::is_ok));
    }
    let signing = first("<StartDate>2006-05-01T00:00:00Z</StartDate>", "<KeyUsage>Integrity</KeyUsage>");
    assert_eq!(faults(&signing, PskcKey::None), [Fault::PolicyUsage]);
}

#[test]
fn digits_hashes_and_time_are_read_and_what_is_not_served_is_named() {
    let text = figure(3).replace("pskc:hotp", "pskc:totp").replace(
        "<PlainValue>0</PlainValue>\n                </Counter>",
        "<PlainValue>0</PlainValue></Counter><TimeInterval><PlainValue>60</PlainValue></TimeInterval>\
         <Time><PlainValue>10</PlainValue></Time><TimeDrift><PlainValue>-3</PlainValue></TimeDrift>",
    );
    let text = text.replace("<ResponseFormat", "<Suite>HMAC-SHA256</Suite><ResponseFormat");
    let record = read(&text, PskcKey::None).remove(0).unwrap();
    let TokenKind::Totp { parameters, drift, .. } = record.kind else { panic!() };
    assert_eq!((parameters.period, parameters.t0, drift), (60, UnixTime(600), -3));
    assert_eq!((parameters.digits, parameters.algorithm.to_string().as_str()), (Digits::EIGHT, "SHA-256"));
    assert!(record.warnings.contains(&Warning::T0));
    for (from, to, fault) in [
        ("HMAC-SHA256", "HMAC-MD5", Fault::Unsupported("MD5")),
        ("DECIMAL", "HEXADECIMAL", Fault::Unsupported("a response that is not decimal")),
        ("Length=\"8\"", "Length=\"5\"", Fault::Token(zamok_core::Error::Digits(5))),
        (
            "Length=\"8\"",
            "Length=\"8\" CheckDigits=\"true\"",
            Fault::Unsupported("a check digit in the response"),
        ),
        (">60<", ">0<", Fault::Token(zamok_core::Error::PeriodZero)),
        (">10<", ">18446744073709551615<", Fault::Number("Time")),
        (">60<", ">18446744073709551616<", Fault::Number("TimeInterval")),
        ("pskc:totp", "pskc:securid", Fault::Unsupported("this algorithm profile")),
    ] {
        assert!(text.contains(from));
        assert_eq!(faults(&text.replace(from, to), PskcKey::None), [fault], "{to}");
    }
}

#[test]
fn the_examples_of_rfc_5649_are_unwrapped_under_either_name_of_the_algorithm() {
    // RFC 5649 §6: one key of 192 bits wraps 20 octets, and 7.
    const WRAPPING: &str = "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8";
    const LONG: (&str, &str) =
        ("c37b7e6492584340bed12207808941155068f738", "E4veqpuPp/xh+XdC5yJI7lrmrlNg0a5qX1Tzc/pUO2o=");
    const SHORT: (&str, &str) = ("466f7250617369", "r76w8H379UGSAPLMtQuyTw==");
    let unhex = |text: &str| -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|place| u8::from_str_radix(&text[place..place + 2], 16).unwrap())
            .collect()
    };
    let key = unhex(WRAPPING);
    let container = |name: &str, value: &str| {
        format!(
            "<KeyContainer Version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" \
             xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\
             <EncryptionKey><ds:KeyName>K</ds:KeyName></EncryptionKey>\
             <KeyPackage><Key Id=\"1\" Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:hotp\"><AlgorithmParameters>\
             <ResponseFormat Length=\"6\" Encoding=\"DECIMAL\"/></AlgorithmParameters><Data><Secret><EncryptedValue>\
             <xenc:EncryptionMethod Algorithm=\"{name}\"/><xenc:CipherData><xenc:CipherValue>{value}</xenc:CipherValue>\
             </xenc:CipherData></EncryptedValue></Secret></Data></Key></KeyPackage></KeyContainer>"
        )
    };
    // XML Encryption 1.1 §5.7.3, and as some issuers write it.
    for name in
        ["kw-aes-192-pad", "kw-aes192-pad"].map(|name| format!("http://www.w3.org/2009/xmlenc11#{name}"))
    {
        for (plain, wrapped) in [LONG, SHORT] {
            let text = container(&name, wrapped);
            let record = read(&text, pre_shared(&key)).remove(0).unwrap();
            assert_eq!(record.secret.expose(), unhex(plain), "{name}");
            let altered = if wrapped.starts_with('A') { "B" } else { "A" };
            let altered = text.replace(wrapped, &format!("{altered}{}", &wrapped[1..]));
            assert_eq!(faults(&altered, pre_shared(&key)), [Fault::Refused]);
            assert_eq!(faults(&text, pre_shared(&[7; 24])), [Fault::Refused]);
            // Without padding the integrity check is another one (RFC 5649 §3, RFC 3394 §2.2.3).
            let unpadded = container("http://www.w3.org/2001/04/xmlenc#kw-aes192", wrapped);
            assert_eq!(faults(&unpadded, pre_shared(&key)), [Fault::Refused]);
        }
    }
}

#[test]
fn a_plain_secret_in_a_file_that_speaks_of_encryption_is_refused_also_without_a_key() {
    let without = |text: &str, from: &str, to: &str, put: &str| {
        let (start, end) = (text.find(from).unwrap(), text.find(to).unwrap() + to.len());
        format!("{}{put}{}", &text[..start], &text[end..])
    };
    let plain = "<PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue>";
    let text = without(&figure(6), "<EncryptedValue>", "</ValueMAC>", plain);
    let declared = without(&text, "<MACMethod", "</MACMethod>", "");
    let protected = without(&text, "<EncryptionKey>", "</EncryptionKey>", "");
    let downgrade = Fault::Conflict("a plain secret where encryption is expected");
    for text in [&text, &declared, &protected] {
        assert_eq!(faults(text, PskcKey::None), [downgrade], "{text}");
    }
    // What never spoke of it is a plain file.
    let neither = without(&declared, "<EncryptionKey>", "</EncryptionKey>", "");
    assert_eq!(faults(&neither, PskcKey::None), []);
}

#[test]
fn a_mac_counts_whole_or_not_at_all() {
    let (text, mac) = (figure(6), "Su+NvtQfmvfJzF6bmQiJqoLRExc=");
    assert!(text.contains(mac));
    // Its first 0, 3, 6, 12 and 18 bytes, and one byte more than it has.
    for cut in [
        "",
        "Su+N",
        "Su+NvtQf",
        "Su+NvtQfmvfJzF6b",
        "Su+NvtQfmvfJzF6bmQiJqoLR",
        "Su+NvtQfmvfJzF6bmQiJqoLRExcA",
    ] {
        assert_eq!(faults(&text.replace(mac, cut), pre_shared(&KEY)), [Fault::Refused], "{cut}");
    }
}
