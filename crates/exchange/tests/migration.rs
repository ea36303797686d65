//! Google Authenticator's export against bytes that are put together here by hand, field by field.

use std::fmt::Write;

use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{Digits, HotpParameters, TotpParameters};
use zamok_core::secret::Secret;
use zamok_exchange::{
    Fault, Migration, Position, TokenKind, TokenRecord, Warning, WeakSecrets, read_migration, write_migration,
};

/// A URI around a payload: base64 with `+`, `/` and `=` percent-encoded, as the app writes it.
fn uri(payload: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("otpauth-migration://offline?data=");
    for group in payload.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let six = (bits >> (18 - 6 * place)) & 63;
            match ALPHABET[six as usize] {
                _ if place > group.len() => text.push_str("%3D"),
                b'+' => text.push_str("%2B"),
                b'/' => text.push_str("%2F"),
                other => text.push(char::from(other)),
            }
        }
    }
    text
}

fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | 2, u8::try_from(value.len()).unwrap()];
    out.extend_from_slice(value);
    out
}

/// Fields of one token: secret, name, issuer, then pairs of field and number below 128.
fn token(secret: &[u8], name: &str, issuer: &str, numbers: &[(u8, u8)]) -> Vec<u8> {
    let mut out = [bytes(1, secret), bytes(2, name.as_bytes()), bytes(3, issuer.as_bytes())].concat();
    out.extend(numbers.iter().flat_map(|(field, number)| [field << 3, *number]));
    bytes(1, &out)
}

fn part(tokens: &[Vec<u8>], size: u8, index: u8, id: u8) -> String {
    uri(&[tokens.concat(), vec![0x10, 1, 0x18, size, 0x20, index, 0x28, id]].concat())
}

const SECRET: &[u8; 20] = b"12345678901234567890";

fn anna() -> Vec<u8> {
    token(SECRET, "Bank:anna@example.org", "Bank", &[(4, 1), (5, 1), (6, 2)])
}

fn first(text: &str) -> Result<TokenRecord, Fault> {
    let mut records = read_migration(text, WeakSecrets::Refuse).map_err(|error| error.fault())?;
    records.remove(0).map_err(|error| error.fault())
}

/// The same bytes as the example of the README of the app `otpauth` by dim13, which many programs test with:
/// "Hello!" and 0xdeadbeef, ten bytes.
#[test]
fn a_widely_used_sample_is_read_and_its_weak_secret_is_told() {
    let text = "otpauth-migration://offline?data=CjEKCkhlbGxvId6tvu8SGEV4YW1wbGU6YWxpY2VAZ29vZ2xlLmNvbRoHRXhhbXBsZTAC";
    assert_eq!(first(text).unwrap_err().code(), 203);
    let records = read_migration(text, WeakSecrets::AcceptGuessable).unwrap();
    let record = records[0].as_ref().unwrap();
    assert_eq!(record.secret.expose(), b"Hello!\xde\xad\xbe\xef");
    assert_eq!((record.issuer.as_deref(), record.account.as_str()), (Some("Example"), "alice@google.com"));
    assert_eq!(record.kind, TokenKind::totp(TotpParameters::default()));
    assert_eq!(record.warnings, [Warning::PlainSecret, Warning::SpentUnknown, Warning::WeakSecret]);
}

#[test]
fn values_that_are_not_documented_are_read_as_the_app_means_them() {
    let hotp = |algorithm, digits, counter| TokenKind::Hotp {
        parameters: HotpParameters { algorithm, digits: Digits::new(digits).unwrap() },
        counter,
    };
    let totp = |algorithm, digits| {
        let digits = Digits::new(digits).unwrap();
        TokenKind::totp(TotpParameters { algorithm, digits, ..TotpParameters::default() })
    };
    use HashAlgorithm::{Sha1, Sha256, Sha512};
    for (numbers, expected) in [
        (&[][..], Ok(totp(Sha1, 6))),
        (&[(4, 0), (5, 0), (6, 0)], Ok(totp(Sha1, 6))),
        (&[(4, 2), (5, 2), (6, 2)], Ok(totp(Sha256, 8))),
        (&[(4, 3), (5, 3), (6, 2)], Ok(totp(Sha512, 7))),
        (&[(6, 1), (7, 99)], Ok(hotp(Sha1, 6, 99))),
        (&[(4, 2), (5, 2), (6, 1)], Ok(hotp(Sha256, 8, 0))),
        // The period that nobody writes, and a field from the future.
        (&[(6, 2), (9, 5), (15, 1)], Ok(totp(Sha1, 6))),
        (&[(4, 4)], Err(Fault::Unsupported("MD5"))),
        (&[(4, 5)], Err(Fault::Unsupported("this hash"))),
        (&[(5, 4)], Err(Fault::Number("the digits"))),
        (&[(6, 3)], Err(Fault::Unsupported("this type of token"))),
    ] {
        let text = part(&[token(SECRET, "anna", "", numbers)], 1, 0, 9);
        assert_eq!(first(&text).map(|record| record.kind), expected, "{numbers:?}");
    }
    // A counter of 2^63, which the app's signed field cannot mean.
    let mut inner = bytes(1, SECRET);
    inner.extend([0x30, 1, 0x38, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]);
    assert_eq!(first(&uri(&bytes(1, &inner))).unwrap_err(), Fault::Number("the counter"));
}

#[test]
fn parts_are_put_together_in_any_order() {
    let parts: Vec<_> = (0..3)
        .map(|index| part(&[token(SECRET, &format!("user {index}"), "Bank", &[(6, 2)])], 3, index, 77))
        .collect();
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut migration = Migration::new();
        for index in order {
            let number = u32::try_from(index).unwrap() + 1;
            assert!(migration.missing().contains(&number) || migration.missing().is_empty());
            migration.add(&parts[index]).unwrap();
            migration.add(&parts[index]).unwrap();
        }
        assert!(migration.missing().is_empty());
        let accounts: Vec<_> =
            migration.finish(WeakSecrets::Refuse).unwrap().into_iter().map(|r| r.unwrap().account).collect();
        assert_eq!(accounts, ["user 0", "user 1", "user 2"]);
        assert_eq!(format!("{migration:?}"), "Migration(3 parts, redacted)");
    }
    let text = format!("# exported on Monday\n{}\n\n{}\n", parts[0], parts[2]);
    assert_eq!(
        read_migration(&text, WeakSecrets::Refuse).unwrap_err().fault(),
        Fault::PartMissing { index: 2, parts: 3 }
    );
}

#[test]
fn several_exports_in_one_text_are_put_together_each_by_its_number() {
    let user = |name: &str| token(SECRET, name, "Bank", &[(6, 2)]);
    let first = [0, 1].map(|index| part(&[user(&format!("a{index}"))], 2, index, 1));
    let (second, third) = (part(&[user("b"), bytes(1, b"?")], 1, 0, 2), part(&[user("c")], 1, 0, 3));
    let text = format!("{}\n{second}\n{}\n{third}\n{second}\n", first[1], first[0]);
    let records = read_migration(&text, WeakSecrets::Refuse).unwrap();
    let found: Vec<_> =
        records.iter().map(|record| record.as_ref().map(|record| record.account.as_str())).collect();
    assert_eq!(found.iter().flatten().collect::<Vec<_>>(), [&"a0", &"a1", &"b", &"c"]);
    assert_eq!(found[3].as_ref().unwrap_err().position(), Position::Entry(4));
    // Of several it is told which one is not whole.
    let error = read_migration(&format!("{second}\n{}\n{third}", first[1]), WeakSecrets::Refuse).unwrap_err();
    let missing = Fault::PartMissing { index: 1, parts: 2 };
    assert_eq!((error.fault(), error.position()), (missing, Position::Line(2)));
    // Who scans codes one by one scans one export.
    let mut migration = Migration::new();
    migration.add(&second).unwrap();
    assert_eq!(migration.add(&third).unwrap_err(), Fault::PartsMixed);
}

#[test]
fn parts_that_do_not_belong_together_are_told_by_their_line() {
    let one = part(&[anna()], 2, 0, 1);
    for (other, fault) in [
        (part(&[anna()], 3, 1, 1), Fault::PartsMixed),
        (part(&[token(SECRET, "eve", "", &[])], 2, 0, 1), Fault::PartTwice(1)),
        (part(&[anna()], 2, 2, 1), Fault::Number("the index of a part")),
        ("otpauth://totp/x?secret=AA".to_owned(), Fault::Format("an otpauth-migration URI")),
        ("otpauth-migration://offline?x=1".to_owned(), Fault::Missing("the parameter data")),
        ("otpauth-migration://offline?data=AA&data=BB".to_owned(), Fault::Duplicate("the parameter data")),
    ] {
        let error = read_migration(&format!("{one}\n{other}"), WeakSecrets::Refuse).unwrap_err();
        assert_eq!((error.fault(), error.position()), (fault, Position::Line(2)), "{other}");
    }
    let many = [anna(), vec![0x18, 0x81, 0x08]].concat();
    let fault = Migration::new().add(&uri(&many)).unwrap_err();
    assert_eq!(fault, Fault::TooLong { what: "the number of parts", limit: 1024 });
}

#[test]
fn one_token_that_is_wrong_does_not_take_the_others_with_it() {
    let wrong = token(SECRET, "eve", "", &[(4, 4)]);
    let records = read_migration(&part(&[anna(), wrong, anna()], 1, 0, 1), WeakSecrets::Refuse).unwrap();
    assert!(records[0].is_ok() && records[2].is_ok());
    let error = records[1].as_ref().unwrap_err();
    assert_eq!((error.fault(), error.position()), (Fault::Unsupported("MD5"), Position::Entry(2)));
    let twice = [bytes(1, SECRET), bytes(1, SECRET)].concat();
    assert_eq!(first(&uri(&bytes(1, &twice))).unwrap_err(), Fault::Duplicate("the secret"));
    assert_eq!(first(&uri(&bytes(1, &bytes(2, b"anna")))).unwrap_err(), Fault::Missing("the secret"));
}

#[test]
fn hostile_lengths_and_wire_types_are_errors() {
    for (payload, fault) in [
        (&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1][..], Fault::Cut),
        (&[0x0a, 0x80], Fault::Cut),
        (&[0x0b], Fault::Malformed("protobuf")),
        (&[0x0c], Fault::Malformed("protobuf")),
        (&[0x00], Fault::Malformed("protobuf")),
        (&[0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], Fault::Malformed("protobuf")),
        (&[0x1a, 0], Fault::Malformed("protobuf: a field has another type")),
        (&[0x09, 1, 2, 3], Fault::Cut),
    ] {
        assert_eq!(Migration::new().add(&uri(payload)).unwrap_err(), fault, "{payload:02x?}");
    }
}

#[test]
fn what_is_written_is_read_again_and_looks_as_the_app_writes_it() {
    let one = TokenRecord {
        issuer: Some("Bank".to_owned()),
        ..TokenRecord::new(
            "",
            "anna",
            TokenKind::totp(TotpParameters::default()),
            Secret::new(SECRET).unwrap(),
        )
    };
    let written = write_migration(std::slice::from_ref(&one), 5).unwrap();
    let expected =
        [token(SECRET, "anna", "Bank", &[(4, 1), (5, 1), (6, 2)]), vec![0x10, 1, 0x18, 1, 0x28, 5]];
    assert_eq!(written[0].as_str(), uri(&expected.concat()));

    let records: Vec<_> =
        (0..25).map(|n| TokenRecord { account: format!("user {n}"), ..one.clone() }).collect();
    let uris = write_migration(&records, 123_456).unwrap();
    assert_eq!(uris.len(), 3);
    let text = uris.iter().rev().fold(String::new(), |mut text, uri| {
        writeln!(text, "{}", uri.as_str()).unwrap();
        text
    });
    let read = read_migration(&text, WeakSecrets::Refuse).unwrap();
    let accounts: Vec<_> = read.into_iter().map(|record| record.unwrap().account).collect();
    assert_eq!(accounts, records.iter().map(|record| record.account.clone()).collect::<Vec<_>>());
}

#[test]
fn what_the_format_cannot_say_is_not_written() {
    let totp = |period, t0| {
        TokenKind::totp(TotpParameters { period, t0: zamok_core::UnixTime(t0), ..TotpParameters::default() })
    };
    let nine = HotpParameters { digits: Digits::new(9).unwrap(), ..HotpParameters::default() };
    for kind in [
        totp(60, 0),
        totp(30, 30),
        TokenKind::Hotp { parameters: nine, counter: 0 },
        TokenKind::Hotp { parameters: HotpParameters::default(), counter: 1 << 63 },
    ] {
        let record = TokenRecord::new("", "anna", kind, Secret::new(SECRET).unwrap());
        let error = write_migration(&[record], 1).unwrap_err();
        assert!(matches!(error.fault(), Fault::Unrepresentable(_)), "{kind:?}");
        assert_eq!(error.position(), Position::Entry(1));
    }
}
