//! Files that other programs leave behind: liboath, google-authenticator's PAM module, privacyIDEA, Keycloak, URIs.

use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{Digits, Hotp, HotpParameters, OcraSuite, TotpParameters};
use zamok_core::secret::Secret;
use zamok_exchange::{
    ExchangeError, Fault, Format, LiboathReader, Options, Position, TokenKind, TokenRecord, Warning,
    WeakSecrets, open, read_google_pam, read_keycloak, read_privacyidea_csv, read_privacyidea_json,
};

type Read = Result<TokenRecord, ExchangeError>;

const SECRET: &[u8] = b"12345678901234567890";
const HEX: &str = "3132333435363738393031323334353637383930";
const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn hotp(digits: u8, counter: u64) -> TokenKind {
    let parameters = HotpParameters { algorithm: HashAlgorithm::Sha1, digits: Digits::new(digits).unwrap() };
    TokenKind::Hotp { parameters, counter }
}

fn totp(algorithm: HashAlgorithm, digits: u8, period: u64) -> TokenKind {
    let digits = Digits::new(digits).unwrap();
    TokenKind::totp(TotpParameters { algorithm, digits, period, ..TotpParameters::default() })
}

fn faults(records: impl IntoIterator<Item = Read>) -> Vec<(Fault, Position)> {
    records.into_iter().filter_map(Result::err).map(|error| (error.fault(), error.position())).collect()
}

#[test]
fn a_liboath_usersfile_is_read_line_by_line() {
    let secret = Secret::new(SECRET).unwrap();
    let code = |counter| Hotp::new(&secret, HotpParameters::default()).code(counter);
    let file = format!(
        "# comment\r\n\nHOTP anna - {HEX}\nHOTP/E/8\tbob 1234 {HEX}\nHOTP/T30 carl - {HEX}\nHOTP/T60/7 dora + {HEX} 0 328482 2009-12-07T23:18:22L\n\
         HOTP eve - {HEX} 4 {} 2009-12-07T23:18:22L\nHOTP fred - {HEX} 4 {} 2009-12-07T23:18:22L\n",
        code(4),
        code(3)
    );
    let records: Vec<_> =
        LiboathReader::new(file.as_bytes(), WeakSecrets::Refuse).map(Result::unwrap).collect();
    let sha1 = HashAlgorithm::Sha1;
    let expected = [
        ("anna", hotp(6, 0)),
        ("bob", hotp(8, 0)),
        ("carl", totp(sha1, 6, 30)),
        ("dora", totp(sha1, 7, 60)),
        // The code beside the counter is the one of that counter: it is spent.
        ("eve", hotp(6, 5)),
        ("fred", hotp(6, 4)),
    ];
    let found: Vec<_> = records.iter().map(|record| (record.account.as_str(), record.kind)).collect();
    assert_eq!(found, expected);
    assert!(records.iter().all(|record| record.secret.expose() == SECRET));
    assert!(records[1].warnings.contains(&Warning::Pin) && records[3].warnings.contains(&Warning::Pin));
    assert!(records[3].warnings.contains(&Warning::SpentUnknown));
}

#[test]
fn lines_that_are_wrong_are_told_and_the_next_ones_read() {
    let file = format!(
        "HOTP anna - xyz\nHOTP bob\nMOTP carl - {HEX}\nHOTP/T0 dora - {HEX}\nHOTP/E/5 eve - {HEX}\nHOTP fred - 00\n\
         HOTP gina - {HEX} -1\nHOTP/E/6/7 hans - {HEX}\nHOTP ida - {HEX}\n"
    );
    let records: Vec<_> = LiboathReader::new(file.as_bytes(), WeakSecrets::Refuse).collect();
    assert_eq!(records.last().unwrap().as_ref().unwrap().account, "ida");
    let expected = [
        Fault::Encoding { what: "the secret", encoding: "hexadecimal" },
        Fault::Missing("the PIN, or a hyphen"),
        Fault::Unsupported("this type of token"),
        Fault::Token(zamok_core::Error::PeriodZero),
        Fault::Token(zamok_core::Error::Digits(5)),
        Fault::Token(zamok_core::Error::SecretTooShort(1)),
        Fault::Number("the counter"),
        Fault::Unsupported("this type of token"),
    ];
    let lines: Vec<_> = (1..).map(Position::Line).zip(expected).map(|(line, fault)| (fault, line)).collect();
    assert_eq!(faults(records), lines);
}

#[test]
fn a_pam_file_of_google_authenticator_is_read_with_its_state() {
    let file = format!(
        "{BASE32}\n\" RATE_LIMIT 3 30 1439976483\n\" WINDOW_SIZE 17\n\" DISALLOW_REUSE 47959316 47959318 47959317\n\
         \" STEP_SIZE 60\n\" TIME_SKEW -2\n\" RESETTING_TIME_SKEW 47822956-958\n\" TOTP_AUTH\n52449723\n11133056\n"
    );
    let read = read_google_pam(&file, "anna", WeakSecrets::Refuse).unwrap();
    let TokenKind::Totp { parameters, drift, last_step } = read.record.kind else { panic!() };
    assert_eq!((parameters.period, drift, last_step), (60, -2, Some(47_959_318)));
    assert_eq!((read.record.account.as_str(), read.record.secret.expose()), ("anna", SECRET));
    assert_eq!(
        read.scratch_codes.iter().map(|code| code.as_str()).collect::<Vec<_>>(),
        ["52449723", "11133056"]
    );
    assert!(read.record.warnings.contains(&Warning::RecoveryCodes));
    let shown = format!("{read:?}");
    assert!(!shown.contains("52449723") && !shown.contains("11133056"), "{shown}");

    let counted =
        read_google_pam(&format!("{BASE32}\n\" HOTP_COUNTER 17\n"), "bob", WeakSecrets::Refuse).unwrap();
    assert_eq!((counted.record.kind, counted.scratch_codes.len()), (hotp(6, 17), 0));

    for (text, fault, line) in [
        ("", Fault::Missing("the secret"), 1),
        ("0189\n\" TOTP_AUTH\n", Fault::Encoding { what: "the secret", encoding: "base32" }, 1),
        ("CJEWH6THAJH5FUKI\n\" TOTP_AUTH\n", Fault::Token(zamok_core::Error::SecretTooShort(10)), 1),
        (&format!("{BASE32}\n"), Fault::Missing("TOTP_AUTH or HOTP_COUNTER"), 1),
        (
            &format!("{BASE32}\n\" TOTP_AUTH\n\" HOTP_COUNTER 1\n"),
            Fault::Conflict("HOTP_COUNTER and TOTP_AUTH"),
            1,
        ),
        (&format!("{BASE32}\n\" HOTP_COUNTER 1\n\" HOTP_COUNTER 2\n"), Fault::Duplicate("HOTP_COUNTER"), 3),
        (&format!("{BASE32}\n\" TOTP_AUTH\n1234\n"), Fault::Malformed("a scratch code"), 3),
        (&format!("{BASE32}\n\" TOTP_AUTH\n\" STEP_SIZE x\n"), Fault::Number("the step size"), 3),
    ] {
        let error = read_google_pam(text, "anna", WeakSecrets::Refuse).unwrap_err();
        assert_eq!((error.fault(), error.position()), (fault, Position::Line(line)), "{text}");
    }
}

#[test]
fn a_clock_that_is_further_off_than_the_limit_is_warned_of() {
    for (skew, limit, is_warned) in [
        (3, 2, true),
        (-3, 2, true),
        (2, 2, false),
        (-2, 2, false),
        (1, 0, true),
        (0, 0, false),
        (i32::MIN, 20, true),
    ] {
        let file = format!("{BASE32}\n\" TOTP_AUTH\n\" TIME_SKEW {skew}\n");
        let mut record = read_google_pam(&file, "anna", WeakSecrets::Refuse).unwrap().record;
        assert!(!record.warnings.contains(&Warning::Drift), "the room knows no limit of its own");
        record.warn_of_drift(limit);
        assert_eq!(record.warnings.contains(&Warning::Drift), is_warned, "{skew} {limit}");
    }
    let file = format!("{BASE32}\n\" HOTP_COUNTER 17\n");
    let mut counted = read_google_pam(&file, "bob", WeakSecrets::Refuse).unwrap().record;
    counted.warn_of_drift(0);
    assert!(!counted.warnings.contains(&Warning::Drift));
}

#[test]
fn the_csv_of_privacyidea_is_read_in_its_three_forms() {
    let long = "31".repeat(32);
    let file = format!(
        "anna@realm, TOTP0001, {HEX}, totp, 8, 60\nn/a, OATH0002, {BASE32}, hotp, 6\nT3,{HEX}\nT4,{HEX},totp,6,None\n\
         T5,{long},hotp,7\nT6,{HEX},sms,6\n"
    );
    let records: Vec<_> = read_privacyidea_csv(file.as_bytes(), WeakSecrets::Refuse).collect();
    let sha1 = HashAlgorithm::Sha1;
    let found: Vec<_> = records
        .iter()
        .flatten()
        .map(|record| (record.id.as_str(), record.account.as_str(), record.kind))
        .collect();
    let expected = [
        ("TOTP0001", "anna@realm", totp(sha1, 8, 60)),
        ("OATH0002", "", hotp(6, 0)),
        ("T3", "", hotp(6, 0)),
        ("T4", "", totp(sha1, 6, 30)),
        (
            "T5",
            "",
            TokenKind::Hotp {
                parameters: HotpParameters {
                    algorithm: HashAlgorithm::Sha256,
                    digits: Digits::new(7).unwrap(),
                },
                counter: 0,
            },
        ),
    ];
    assert_eq!(found, expected);
    assert_eq!(faults(records), [(Fault::NotOneTime, Position::Line(6))]);

    let file = format!("# version: 2\nanna, ldap, realm, T1, {HEX}, totp, 6, 30\n, , , T2, {HEX}\n");
    let records: Vec<_> =
        read_privacyidea_csv(file.as_bytes(), WeakSecrets::Refuse).map(Result::unwrap).collect();
    let found: Vec<_> = records.iter().map(|record| (record.id.as_str(), record.account.as_str())).collect();
    assert_eq!(found, [("T1", "anna@realm"), ("T2", "")]);
}

#[test]
fn the_import_csv_of_privacyidea_says_counter_suite_and_by_the_key_s_length_the_hash() {
    let key = |bytes: usize| "31".repeat(bytes);
    let file = format!(
        "OATH1,{HEX},hotp,6,4711\nT2,{},totp,8,60\nT3,{},totp\nT4,{},totp\nT5,{},totp\n\
         ocra1234, {}, ocra, OCRA-1:HOTP-SHA1-6:QN08\nocra5,{},ocra\nanna@realm, T8, {}, totp, 6, 30\n",
        key(32),
        key(64),
        key(28),
        key(48),
        key(32),
        key(20),
        key(32)
    );
    let records: Vec<_> = read_privacyidea_csv(file.as_bytes(), WeakSecrets::Refuse).collect();
    let suite = |text| TokenKind::Ocra { suite: OcraSuite::parse(text).unwrap(), counter: None };
    let found: Vec<_> = records.iter().flatten().map(|record| (record.id.as_str(), record.kind)).collect();
    let expected = [
        ("OATH1", hotp(6, 4711)),
        ("T2", totp(HashAlgorithm::Sha256, 8, 60)),
        ("T3", totp(HashAlgorithm::Sha512, 6, 30)),
        ("ocra1234", suite("OCRA-1:HOTP-SHA1-6:QN08")),
        ("ocra5", suite("OCRA-1:HOTP-SHA1-8:QH40")),
        ("T8", totp(HashAlgorithm::Sha256, 6, 30)),
    ];
    assert_eq!(found, expected);
    let warns = |warning| {
        let records = records.iter().flatten();
        records.map(|record| record.warnings.contains(&warning)).collect::<Vec<_>>()
    };
    assert_eq!(warns(Warning::SpentUnknown), [false, true, true, true, true, true]);
    assert_eq!(warns(Warning::HashAssumed), [false, false, false, false, false, true]);
    let hash = Fault::Unsupported("this hash");
    assert_eq!(faults(records), [(hash, Position::Line(4)), (hash, Position::Line(5))]);
}

#[test]
fn the_json_of_privacyidea_keeps_hash_state_and_owner() {
    let file = format!(
        r#"[{{"serial": "TOTP1", "type": "totp", "otpkey": "{HEX}", "otplen": 8, "count": 47959319, "counter": 47959319,
             "issuer": "privacyIDEA", "user": {{"login": "anna", "realm": "realm", "resolver": "ldap", "uid": 7, "custom_attributes": {{}}}},
             "info_list": {{"timeStep": "60", "hashlib": "sha256", "timeShift": "-120.5", "other": []}}, "extra": null}},
            {{"serial": "HOTP1", "tokentype": "HOTP", "otpkey": "{HEX}", "otplen": 6, "counter": 12, "count": 12, "active": false,
              "owner": "bob@realm"}},
            {{"serial": "SMS1", "type": "sms", "otpkey": "{HEX}"}},
            {{"serial": "X", "type": "totp", "otpkey": "z!"}}]"#
    );
    let records = read_privacyidea_json(&file, WeakSecrets::Refuse).unwrap();
    let record = records[0].as_ref().unwrap();
    let TokenKind::Totp { parameters, drift, last_step } = record.kind else { panic!() };
    assert_eq!((parameters.period, parameters.algorithm, drift), (60, HashAlgorithm::Sha256, -2));
    // The count is the step that was accepted last: its code is not accepted once more.
    assert_eq!((last_step, record.account.as_str()), (Some(47_959_319), "anna@realm"));
    let record = records[1].as_ref().unwrap();
    assert_eq!((record.kind, record.account.as_str()), (hotp(6, 12), "bob@realm"));
    assert!(record.warnings.contains(&Warning::Disabled));
    let secret = Fault::Encoding { what: "the secret", encoding: "base32" };
    assert_eq!(faults(records), [(Fault::NotOneTime, Position::Entry(3)), (secret, Position::Entry(4))]);
    for (count, last_step, warns) in
        [(r#""counter": 7,"#, Some(7), false), (r#""count": 0,"#, None, false), ("", None, true)]
    {
        let file = format!(r#"[{{{count} "serial": "T", "type": "totp", "otpkey": "{HEX}"}}]"#);
        let record = read_privacyidea_json(&file, WeakSecrets::Refuse).unwrap().remove(0).unwrap();
        let TokenKind::Totp { last_step: found, .. } = record.kind else { panic!() };
        assert_eq!((found, record.warnings.contains(&Warning::SpentUnknown)), (last_step, warns), "{count}");
    }
    let error = read_privacyidea_json("gAAAAABnx", WeakSecrets::Refuse).unwrap_err();
    assert!(error.to_string().contains("still encrypted"));
}

#[test]
fn the_shift_of_privacyidea_is_the_drift_that_it_saw() {
    let drift = |shift: &str| {
        let info = format!(r#""info_list": {{"timeStep": "30", "timeShift": {shift}}}"#);
        let file = format!(r#"[{{"serial": "T", "type": "totp", "otpkey": "{HEX}", "count": 7, {info}}}]"#);
        let record = read_privacyidea_json(&file, WeakSecrets::Refuse).unwrap().remove(0);
        record.map(|record| {
            let TokenKind::Totp { drift, .. } = record.kind else { panic!() };
            drift
        })
    };
    // totptoken.py, check_otp: the accepted step times the period, less the moment. Every moment within a step has another shift.
    for seen in -3..=3_i64 {
        for within in 0..30_i64 {
            let now = 1_700_000_010 + within;
            let accepted = now / 30 + seen;
            let shift = accepted * 30 - now;
            for shift in [format!("\"{shift}.0\""), format!("\"{shift}\""), format!("{shift}.0")] {
                assert_eq!(drift(&shift).map(i64::from), Ok(seen), "{shift}");
            }
        }
    }
    // The same, resync: to the middle of the step, by a clock that has fractions of a second.
    for (shift, expected) in
        [("44.75", 1), ("15.5", 1), ("14.5", 0), ("-0.5", 0), ("-14.5", 0), ("-15.5", -1), ("-44.25", -1)]
    {
        assert_eq!(drift(&format!("\"{shift}\"")), Ok(expected), "{shift}");
    }
    assert_eq!(drift("\"soon\"").unwrap_err().fault(), Fault::Number("the time shift"));
}

#[test]
fn keycloak_exports_are_read_from_the_realm_down_to_one_credential() {
    let data = |encoding: &str| {
        format!(
            r#""{{\"subType\":\"totp\",\"digits\":6,\"counter\":0,\"period\":30,\"algorithm\":\"HmacSHA256\"{encoding}}}""#
        )
    };
    let credential = |value: &str, encoding: &str| {
        format!(
            r#"{{"id": "c1", "type": "otp", "userLabel": "phone", "secretData": "{{\"value\":\"{value}\"}}", "credentialData": {}}}"#,
            data(encoding)
        )
    };
    let raw = credential("alphanumericSecret01", "");
    let encoded = credential(BASE32, r#",\"secretEncoding\":\"BASE32\""#);
    let old = r#"{"type": "hotp", "value": "alphanumericSecret02", "counter": 7, "digits": 8, "algorithm": "HmacSHA1"}"#;
    let file = format!(
        r#"{{"id": "r", "realm": "acme", "enabled": true, "clients": [{{"clientId": "x", "protocol": null}}], "users": [
            {{"username": "anna", "enabled": true, "credentials": [{{"type": "password", "secretData": "{{}}"}}, {raw}, {encoded}]}},
            {{"username": "bob", "enabled": false, "credentials": [{old}]}}, {{"username": "eve"}}]}}"#
    );
    let records: Vec<_> =
        read_keycloak(&file, WeakSecrets::Refuse).unwrap().into_iter().map(Result::unwrap).collect();
    let found: Vec<_> =
        records.iter().map(|record| (record.account.as_str(), record.secret.expose(), record.kind)).collect();
    let sha256 = totp(HashAlgorithm::Sha256, 6, 30);
    let expected = [
        ("anna", &b"alphanumericSecret01"[..], sha256),
        ("anna", SECRET, sha256),
        ("bob", b"alphanumericSecret02", hotp(8, 7)),
    ];
    assert_eq!(found, expected);
    assert!(records.iter().all(|record| record.issuer.as_deref() == Some("acme")));
    assert!(records[2].warnings.contains(&Warning::Disabled));

    let list = read_keycloak(&format!("[{raw}]"), WeakSecrets::Refuse).unwrap();
    assert_eq!(list[0].as_ref().unwrap().account, "phone");
    for (altered, fault) in [
        (raw.replace("totp", "xotp"), Fault::Unsupported("this type of token")),
        (raw.replace(r#"\"subType\":\"totp\","#, ""), Fault::Missing("subType")),
        (raw.replace("secretData", "hidden"), Fault::Missing("the secret")),
        (raw.replace("HmacSHA256", "HmacMD5"), Fault::Unsupported("MD5")),
        (raw.replace(r#"\"digits\":6"#, r#"\"digits\":600"#), Fault::Number("the digits")),
        (raw.replace(r#"{\"value\""#, r#"{{\"value\""#), Fault::Malformed("the credential's JSON")),
        (encoded.replace("BASE32", "ROT13"), Fault::Unsupported("this encoding of the secret")),
    ] {
        let records = read_keycloak(&format!("[{altered}]"), WeakSecrets::Refuse).unwrap();
        assert_eq!(faults(records), [(fault, Position::Entry(1))], "{altered}");
    }
    let error = read_keycloak("{\n\n\"users\": [", WeakSecrets::Refuse).unwrap_err();
    assert_eq!((error.fault(), error.position()), (Fault::Cut, Position::Line(3)));
    let error = read_keycloak("{\n\"users\": 7}", WeakSecrets::Refuse).unwrap_err();
    assert_eq!(error.position(), Position::Line(2));
}

#[test]
fn keycloak_s_users_of_a_directory_and_its_old_credentials_are_read() {
    let new = format!(
        r#"{{"id": "c1", "type": "otp", "secretData": "{{\"value\":\"{BASE32}\"}}",
            "credentialData": "{{\"subType\":\"totp\",\"secretEncoding\":\"BASE32\"}}"}}"#
    );
    // As Keycloak 4 to 7 export it.
    let old = r#"{"type": "hotp", "hashedSaltedValue": "alphanumericSecret02", "hashIterations": 0, "counter": 7,
        "algorithm": "HmacSHA1", "digits": 8, "period": 30, "config": {}}"#;
    let password = r#"{"type": "password", "hashedSaltedValue": "aGFzaA==", "salt": "c2FsdA==", "hashIterations": 27500}"#;
    let file = format!(
        r#"{{"realm": "acme", "federatedUsers": [{{"id": "f:ldap:anna", "credentials": [{new}]}},
            {{"id": "f:ldap:bob", "credentials": [{password}, {old}]}}]}}"#
    );
    let opened = open(file.as_bytes(), None, &Options::default()).unwrap();
    let records: Vec<_> = opened.map(Result::unwrap).collect();
    let found: Vec<_> =
        records.iter().map(|record| (record.account.as_str(), record.secret.expose(), record.kind)).collect();
    let expected = [
        ("f:ldap:anna", SECRET, totp(HashAlgorithm::Sha1, 6, 30)),
        ("f:ldap:bob", &b"alphanumericSecret02"[..], hotp(8, 7)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_privacyidea_knows_of_a_token_beside_its_codes_is_kept_or_told() {
    let read = |more: &str| {
        let file = format!(r#"[{{"serial": "T", "type": "hotp", "otpkey": "{HEX}", "count": 7, {more}}}]"#);
        read_privacyidea_json(&file, WeakSecrets::Refuse).unwrap().remove(0)
    };
    let usual = r#""active": true, "revoked": false, "locked": false, "rollout_state": "enrolled", "_hashed_pin": "",
        "maxfail": 10, "failcount": 0, "window": 10, "info_list": {"count_auth_max": "0", "validity_period_end": ""}"#;
    assert_eq!(read(usual).unwrap().warnings, [Warning::PlainSecret]);
    for (more, warning) in [
        (r#""revoked": true"#, Warning::Disabled),
        (r#""locked": true"#, Warning::Disabled),
        (r#""rollout_state": "clientwait""#, Warning::Disabled),
        (r#""_hashed_pin": "$argon2id$v=19$m=8192""#, Warning::Pin),
        (r#""info_list": {"count_auth_success_max": "3"}"#, Warning::Transactions),
        (r#""info_list": {"validity_period_end": "2100-01-01T00:00"}"#, Warning::LocalDate),
    ] {
        assert_eq!(read(more).unwrap().warnings, [Warning::PlainSecret, warning], "{more}");
    }
    let dates = r#""info_list": {"validity_period_start": "2020-01-01T01:00+0100", "validity_period_end": "2099-12-31T19:00-0500"}"#;
    let policy = read(dates).unwrap().policy;
    let expected = (Some(UnixTime(1_577_836_800)), Some(UnixTime(4_102_444_800)));
    assert_eq!((policy.start, policy.expiry), expected);
    // What says until when, and is not understood, is no token without an end.
    for wrong in ["31/12/16 10:00", "2100-01-01T00:00+00x0", "tomorrow"] {
        let more = format!(r#""info_list": {{"validity_period_end": "{wrong}"}}"#);
        assert_eq!(read(&more).unwrap_err().fault(), Fault::Number("the time of validity"), "{wrong}");
    }
}

#[test]
fn where_a_file_does_not_say_which_codes_are_spent_a_warning_does() {
    let file = format!("otpauth://totp/x?secret={BASE32}\notpauth://hotp/x?secret={BASE32}&counter=7\n");
    let records: Vec<_> = open(file.as_bytes(), None, &Options::default()).unwrap().collect();
    let warns = |record: &Read| record.as_ref().unwrap().warnings.contains(&Warning::SpentUnknown);
    assert_eq!(records.iter().map(warns).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn formats_are_recognised_by_their_first_bytes() {
    for (text, expected) in [
        ("\u{feff}\n otpauth://totp/x?secret=AA", Some(Format::Uri)),
        ("OTPAUTH-MIGRATION://offline?data=", Some(Format::Migration)),
        ("# my tokens\notpauth://hotp/x", Some(Format::Uri)),
        ("<?xml version=\"1.0\"?>", Some(Format::Pskc)),
        ("<pskc:KeyContainer", Some(Format::Pskc)),
        ("# users\nHOTP/T30 anna - 00", Some(Format::Liboath)),
        ("GEZDGNBVGY3TQOJQ\n\" TOTP_AUTH\n", Some(Format::GooglePam)),
        ("[{\"serial\": \"x\"", Some(Format::PrivacyIdea)),
        ("gAAAAABn", Some(Format::PrivacyIdea)),
        ("anna, T1, 00, totp, 6", Some(Format::PrivacyIdea)),
        ("HOTP0001A2B3, 3132333435363738393031323334353637383930, hotp, 6", Some(Format::PrivacyIdea)),
        ("{\"realm\": \"x\"", Some(Format::Keycloak)),
        ("[{\"type\": \"otp\"", Some(Format::Keycloak)),
        ("", None),
        ("hello", None),
        ("\u{0}\u{1}", None),
    ] {
        assert_eq!(Format::detect(text.as_bytes()), expected, "{text:?}");
    }
    let options = Options { account: "anna".to_owned(), ..Options::default() };
    let file = format!("{BASE32}\n\" TOTP_AUTH\n");
    let records = open(file.as_bytes(), None, &options).unwrap();
    assert_eq!(records.format(), Format::GooglePam);
    assert_eq!(records.map(|record| record.unwrap().account).collect::<Vec<_>>(), ["anna"]);
    let error = open("hello".as_bytes(), None, &options).unwrap_err();
    assert_eq!(error.fault(), Fault::Format("a format that is recognised"));
}

#[test]
fn neither_debug_nor_an_error_ever_shows_a_secret() {
    let file = format!(
        "otpauth://totp/Bank:anna?secret={BASE32}&issuer=Sparkasse\notpauth://totp/x?secret={BASE32}1\n"
    );
    let records: Vec<_> = open(file.as_bytes(), None, &Options::default()).unwrap().collect();
    let record = records[0].as_ref().unwrap();
    assert_eq!(record.issuer.as_deref(), Some("Sparkasse"));
    assert!(record.warnings.contains(&Warning::ConflictingIssuer));
    let shown = format!("{records:?}");
    assert!(shown.contains("secret: Secret(20 bytes, redacted)"), "{shown}");
    for form in [BASE32, HEX, "12345678901234567890", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA"] {
        assert!(!shown.contains(form) && !records[1].as_ref().unwrap_err().to_string().contains(form));
    }
}

#[test]
fn json_of_other_programs_is_refused_and_not_read_as_an_empty_export() {
    for text in [
        // Aegis, andOTP, 2FAS, FreeOTP+ and Bitwarden.
        format!(
            r#"{{"version":1,"header":{{"slots":null}},"db":{{"version":3,"entries":[{{"type":"totp","name":"anna","info":{{"secret":"{BASE32}","digits":6,"period":30}}}}]}}}}"#
        ),
        format!(
            r#"[{{"secret":"{BASE32}","issuer":"KPD","label":"anna","digits":6,"type":"TOTP","algorithm":"SHA1","period":30,"tags":[]}}]"#
        ),
        format!(r#"{{"services":[{{"name":"KPD","secret":"{BASE32}"}}],"schemaVersion":4}}"#),
        r#"{"tokenOrder":["x"],"tokens":[{"algo":"SHA1","digits":6,"type":"TOTP"}]}"#.to_owned(),
        format!(r#"{{"encrypted":false,"items":[{{"type":1,"login":{{"totp":"{BASE32}"}}}}]}}"#),
    ] {
        let opened = open(text.as_bytes(), None, &Options::default());
        assert!(
            matches!(&opened, Err(error) if matches!(error.fault(), Fault::Format(_))),
            "{text}: {opened:?}"
        );
    }
}

#[test]
fn privacyidea_s_json_is_read_behind_a_byte_order_mark() {
    let file =
        format!("\u{feff}[{{\"serial\": \"T1\", \"type\": \"totp\", \"otpkey\": \"{HEX}\", \"count\": 0}}]");
    let records: Vec<_> = open(file.as_bytes(), None, &Options::default()).unwrap().collect();
    assert!(records.len() == 1 && records[0].is_ok(), "{records:?}");
}
