//! What a file says of its tokens beside their codes goes into the vault with them, or is told: disabled tokens, dates, limits, and
//! files that come once or change while they are read.

mod harness;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use harness::{Desk, PASSPHRASE, Run, peer};
use serde_json::{Value, json};

/// Two users of Keycloak, of whom the second is disabled.
fn keycloak() -> String {
    let user = |name: &str, secret: &str, enabled: bool| {
        format!(
            r#"{{"username": "{name}", "enabled": {enabled}, "credentials": [
                {{"type": "otp", "secretData": "{{\"value\":\"{secret}\"}}",
                  "credentialData": "{{\"subType\":\"totp\",\"digits\":6,\"period\":30,\"algorithm\":\"HmacSHA1\"}}"}}]}}"#
        )
    };
    let users = [user("anna", "12345678901234567890", true), user("bob", "alphanumericSecret01", false)];
    format!(r#"{{"realm": "acme", "users": [{}]}}"#, users.join(", "))
}

/// A token in PSKC with these children of its key beside the data.
fn pskc(time: &str, policy: &str) -> String {
    format!(
        r#"<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc"><KeyPackage>
        <DeviceInfo><SerialNo>S1</SerialNo></DeviceInfo>
        <Key Id="S1" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp"><Issuer>Bank</Issuer>
        <AlgorithmParameters><ResponseFormat Length="6" Encoding="DECIMAL"/></AlgorithmParameters>
        <FriendlyName>anna</FriendlyName>
        <Data><Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret>
        <TimeInterval><PlainValue>30</PlainValue></TimeInterval>{time}</Data><Policy>{policy}</Policy>
        </Key></KeyPackage></KeyContainer>"#
    )
}

/// What the vault says of the key that was taken in.
fn shown(desk: &Desk, token: &Value) -> Value {
    let key = token["key"].as_str().expect("a key");
    desk.zamok(["keys", "show", key, "--json"]).done().json()
}

#[test]
fn a_token_that_was_disabled_is_suspended_and_told() {
    let desk = Desk::new();
    desk.write("realm", keycloak());
    let disabled = "the token was disabled where it comes from";
    let run = desk.zamok(["import", "realm", "--dry-run"]).done();
    assert!(run.stdout.lines().nth(1).unwrap().contains(disabled), "{run:?}");
    let dry = desk.zamok(["import", "realm", "--dry-run", "--json"]).done().json();
    let run = desk.zamok(["import", "realm"]).done();
    let spent = "which codes are spent is not known";
    let expected = [
        "warning: the file holds the secret in plain text: remove it afterwards".to_owned(),
        format!("warning: acme anna: {spent}"),
        format!("warning: acme bob: {spent}; {disabled}"),
    ];
    let warned: Vec<_> = run.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warned, expected);
    assert!(run.stdout.lines().nth(1).unwrap().ends_with(" acme bob (suspended)"), "{run:?}");

    let desk = Desk::new();
    desk.write("realm", keycloak());
    let object = desk.zamok(["import", "realm", "--json"]).done().json();
    for (place, state) in ["active", "suspended"].into_iter().enumerate() {
        let (token, dry) = (&object["tokens"][place], &dry["tokens"][place]);
        assert_eq!((&token["state"], &dry["state"]), (&json!(state), &json!(state)));
        assert_eq!(token["warnings"], dry["warnings"]);
        assert_eq!(token["warnings"].as_array().unwrap().contains(&json!(disabled)), state == "suspended");
        assert_eq!(shown(&desk, token)["state"], state);
    }
    // Somebody took it into use since: it stays as it is.
    let key = object["tokens"][1]["key"].as_str().unwrap();
    desk.zamok(["keys", "resume", key, "--reason", "asked for it"]).done();
    let again = desk.zamok(["import", "realm", "--json"]).done().json();
    assert_eq!((&again["already_there"], &again["tokens"][1]["state"]), (&json!(2), &Value::Null));
    assert_eq!(shown(&desk, &again["tokens"][1])["state"], "active");
    desk.zamok(["audit", "rows"]).done();
}

#[test]
fn a_key_has_the_dates_of_its_issuer_and_a_limit_of_uses_is_told() {
    let dates = "<StartDate>2020-01-01T00:00:00Z</StartDate><ExpiryDate>2100-01-01T00:00:00Z</ExpiryDate>\
        <NumberOfTransactions>3</NumberOfTransactions>";
    for (ignored, from, to) in
        [(false, json!(1_577_836_800), json!(4_102_444_801_u64)), (true, json!(null), json!(null))]
    {
        let desk = Desk::new();
        desk.write("tokens", pskc("", dates));
        let mut import = vec!["import", "tokens", "--json"];
        import.extend(ignored.then_some("--ignore-dates"));
        let token = &desk.zamok(import).done().json()["tokens"][0];
        let warnings = token["warnings"].as_array().unwrap();
        let limit = "the issuer limits how often it may be used: the limit is not taken over";
        assert!(warnings.contains(&json!(limit)), "{token}");
        let key = shown(&desk, token);
        assert_eq!((&key["valid_from"], &key["valid_to"]), (&from, &to), "{key}");
    }
}

#[test]
fn what_a_conversion_loses_is_told_token_by_token() {
    let desk = Desk::empty();
    let policy = "<ExpiryDate>2100-01-01T00:00:00Z</ExpiryDate><PINPolicy PINUsageMode=\"Local\"/>\
        <KeyUsage>OTP</KeyUsage><NumberOfTransactions>3</NumberOfTransactions>";
    desk.write("pskc", pskc("<TimeDrift><PlainValue>4</PlainValue></TimeDrift>", policy));
    let all = json!([
        "from when on or until when it may be used",
        "what it may be used for",
        "how often it may be used",
        "how a PIN goes with it",
        "how far its clock is off",
        "its serial number",
    ]);
    let convert = |from: &str, more: &[&str]| -> (Run, Value) {
        let arguments = [&["convert", from, "out", "--overwrite", "--to"], more].concat();
        let object = desk.zamok([&arguments[..], &["--json"]].concat()).json();
        (desk.zamok(arguments), object)
    };
    for (to, lost) in [(&["uri"][..], &all), (&["migration"], &all), (&["pskc", "--plain"], &json!([]))] {
        let (run, object) = convert("pskc", to);
        assert_eq!(&object["tokens"][0]["lost"], lost, "{to:?}");
        assert_eq!(
            run.stderr.contains("warning: Bank anna S1: not in the output: from when on"),
            *lost == all
        );
        assert!(run.stderr.contains("warning: Bank anna S1: a PIN goes with the code"), "{run:?}");
    }
    // What no format says; and why an entry was left out.
    desk.write("realm", keycloak());
    let spent = r#"{"serial": "T1", "otpkey": "3132333435363738393031323334353637383930", "type": "totp", "count": 58,
        "active": false, "info_list": {"hashlib": "sha1", "timeStep": "30"}}"#;
    desk.write("tokens", format!("[{spent}, {}]", spent.replace("totp", "sms")));
    for to in [&["uri"][..], &["migration"], &["pskc", "--plain"]] {
        let (run, object) = convert("realm", to);
        assert_eq!((run.exit, &object["tokens"][1]["lost"]), (0, &json!(["that it was disabled"])));
        let (run, object) = convert("tokens", to);
        let lost = ["which code was the last one: it can be accepted once more", "that it was disabled"];
        assert_eq!(object["tokens"][0]["lost"], json!(lost), "{object}");
        assert_eq!((run.exit, &object["left_out"]), (5, &json!(1)));
        let error = &object["errors"][0];
        let message = error["message"].as_str().expect("a message");
        assert!(error["code"].is_u64() && run.stderr.contains(&format!("left out: {message}")), "{object}");
    }
}

#[test]
fn of_a_long_file_too_it_is_told_what_is_lost_and_what_is_to_be_known() {
    let desk = Desk::empty();
    // One token more than are told one by one; of the last alone something is lost.
    let token = |number: u32| {
        let active = number < 10_001;
        format!(
            r#"{{"serial": "T{number}", "type": "hotp", "otpkey": "{number:040x}", "count": 7, "active": {active}}}"#
        )
    };
    desk.write("tokens", format!("[{}]", (1..=10_001).map(token).collect::<Vec<_>>().join(",")));
    let convert = ["convert", "tokens", "out", "--overwrite", "--to", "uri"];
    let run = desk.zamok(convert).done();
    let lost = "warning: T10001: not in the output: that it was disabled";
    assert!(run.stderr.lines().any(|line| line == lost), "{}", run.stderr);
    let object = desk.zamok([&convert[..], &["--json"]].concat()).done().json();
    assert_eq!((&object["written"], &object["lossy"]), (&json!(10_001), &json!(1)));
    // All of them have a PIN: of the last it is told by number.
    let users: String =
        (1..=10_001).map(|number| format!("HOTP user{number} 1234 {number:040x}\n")).collect();
    desk.write("users", users + "HOTP mallory - 00\n");
    let pin = "a PIN goes with the code: its checking is not taken over";
    let converted = desk.zamok(["convert", "users", "out", "--overwrite", "--to", "uri"]);
    for run in [converted, desk.zamok(["import", "users", "--strict"])] {
        assert_eq!(run.exit, 5);
        assert!(run.stderr.contains(&format!("warning: user10000: {pin}\n")));
        assert!(run.stderr.contains(&format!("warning: 1 more tokens: {pin}\n")), "{}", run.stderr);
    }
}

#[test]
fn privacyidea_s_dates_are_those_of_the_key_and_a_revoked_token_is_suspended() {
    let desk = Desk::new();
    let token = |number: u32, more: &str| {
        format!(r#"{{"serial": "T{number}", "type": "hotp", "otpkey": "{number:040x}", "count": 7, {more}}}"#)
    };
    let tokens = [
        token(1, r#""revoked": true"#),
        token(2, r#""info_list": {"validity_period_end": "2100-01-01T00:00+0000"}"#),
        token(3, r#""info_list": {"validity_period_end": "2020-01-01T00:00+0000"}"#),
    ];
    desk.write("tokens", format!("[{}]", tokens.join(", ")));
    let run = desk.zamok(["import", "tokens", "--json"]);
    let object = run.json();
    assert_eq!((run.exit, &object["left_out"], &object["errors"][0]["code"]), (5, &json!(1), &json!(724)));
    assert_eq!(shown(&desk, &object["tokens"][0])["state"], "suspended");
    assert_eq!(shown(&desk, &object["tokens"][1])["valid_to"], 4_102_444_801_u64);
}

#[test]
fn a_pipe_is_taken_in_as_a_file_is() {
    let desk = Desk::new();
    let users: String = (1..=3000).map(|number| format!("HOTP user{number} - {number:040x}\n")).collect();
    assert!(users.len() > 128 << 10);
    let import = ["import", "/dev/stdin", "--json"];
    let object = desk.zamok_reading(&users, import).done().json();
    assert_eq!((&object["found"], &object["imported"]), (&json!(3000), &json!(3000)));
    let dry = desk.zamok_reading(&users, ["import", "/dev/stdin", "--dry-run", "--json"]).done().json();
    assert_eq!(dry["found"], 3000);
    let told = desk.zamok_reading(&users, ["convert", "/dev/stdin", "out", "--to", "pskc", "--plain"]).done();
    assert!(told.stdout.starts_with("3000 tokens are in "), "{told:?}");
}

/// The passphrase is asked for between the two readings, and here somebody changes the file before he gives it.
#[test]
fn a_file_that_changes_between_its_readings_ends_the_command() {
    let users = |numbers: std::ops::Range<u32>| -> String {
        numbers.map(|number| format!("HOTP user{number} - {number:040x}\n")).collect()
    };
    let wrong = "HOTP mallory - 00\n";
    // Fewer tokens; as many, and an entry that is wrong.
    for (changed, taken) in [(users(1..3), 2), (users(1..6) + wrong, 5)] {
        let desk = Desk::new();
        desk.write("users", users(1..6));
        assert!(peer("mkfifo").arg(desk.path("secret")).status().unwrap().success());
        fs::set_permissions(desk.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
        let mut command = desk.command(["import", "users", "--json", "--passphrase-file", "secret"]);
        command.env_remove("ZAMOK_PASSPHRASE");
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It opens once the program reads it.
        let mut secret = fs::OpenOptions::new().write(true).open(desk.path("secret")).unwrap();
        desk.write("users", changed);
        secret.write_all(PASSPHRASE.as_bytes()).unwrap();
        drop(secret);
        let run = Run::from(child.wait_with_output().unwrap());
        run.failed(5, 901, "file");
        let message = run.json()["error"]["message"].to_string();
        assert!(
            message.contains(&format!("users changed while it was read: {taken} tokens were taken in")),
            "{run:?}"
        );
        // Once more, and it is as it is now.
        let again = desk.zamok(["import", "users", "--json"]).json();
        assert_eq!(again["already_there"], taken);
    }
}
