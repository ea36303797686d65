//! What a support desk does for people, and they for themselves, through the program: passwords, hardware tokens whose codes
//! `oathtool` computes, recovery codes, devices, limits, powers.
#![allow(missing_docs)]

mod harness;

use harness::{Desk, Ivan, PASSWORD, Phone, SEED, login, run, token_code};
use serde_json::{Value, json};

const NEW_PASSWORD: &str = "a garden behind the station";
fn strings(value: &Value, name: &str) -> Vec<String> {
    value.as_array().unwrap().iter().map(|item| item[name].as_str().unwrap().to_owned()).collect()
}

fn session_ended(desk: &Desk) {
    desk.zamok(["journal", "show", "--token-file", "token", "--json"]).failed(1, 609, "session-ended");
}

#[test]
fn a_forgotten_password_is_replaced_at_the_desk_and_a_known_one_by_its_owner() {
    let ivan = Ivan::new();
    let desk = &ivan.desk;
    ivan.login(PASSWORD, &[]).done();
    let reset = |password: &str, login: &str| {
        let reset = ["accounts", "reset-password", login, "--reason", "showed a passport", "--json"];
        run(desk.command(reset).env("ZAMOK_NEW_PASSWORD", password))
    };
    reset(NEW_PASSWORD, "anna").failed(1, 100, "rejected");
    reset("short", "ivan").failed(2, 603, "password-too-short");
    desk.zamok(["accounts", "reset-password", "ivan", "--reason", "x", "--json"]).failed(5, 902, "no-secret");
    assert_eq!(reset(NEW_PASSWORD, "ivan").done().json(), json!({"login": "ivan", "reset": true}));
    session_ended(desk);
    let tail = desk.zamok(["journal", "tail"]).done().stdout;
    assert!(tail.contains("showed a passport"), "{tail}");
    ivan.login(PASSWORD, &[]).failed(1, 100, "rejected");
    ivan.login(NEW_PASSWORD, &[]).done();

    let change = |old: &str, new: &str| {
        let mut command = desk.command(["password", "--token-file", "token", "--json"]);
        run(command.env("ZAMOK_PASSWORD", old).env("ZAMOK_NEW_PASSWORD", new))
    };
    change(PASSWORD, PASSWORD).failed(1, 100, "rejected");
    change(NEW_PASSWORD, "aaaaaaaaaaaaaaaa").failed(2, 612, "password-weak");
    change(NEW_PASSWORD, &"x".repeat(5000)).failed(2, 604, "password-too-long");
    assert_eq!(change(NEW_PASSWORD, PASSWORD).done().json(), json!({"login": "ivan", "changed": true}));
    session_ended(desk);
    change(PASSWORD, NEW_PASSWORD).failed(1, 609, "session-ended");
}

#[test]
fn a_hardware_token_is_handed_out_confirmed_used_and_found_again() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.write("seed", SEED);
    let factors = |arguments: &[&str]| desk.zamok([&["factors"], arguments, &["--json"]].concat());
    let assign = ["assign", "ivan", "--secret-file", "seed", "--counter", "3", "--label", "no. 17"];
    let told = factors(&assign).done().json();
    let id = told["id"].as_str().unwrap();
    assert_eq!(told, json!({"login": "ivan", "id": id, "state": "offered"}));
    factors(&["assign", "anna", "--secret-file", "seed"]).failed(1, 100, "rejected");
    let confirm = |code: &str| factors(&["confirm", "ivan", id, "--code", code]);
    // It does not count before its test.
    login(&desk, PASSWORD, &["--by", "token", "--code", &token_code(3)]).failed(2, 650, "method-unavailable");
    confirm(&token_code(2)).failed(1, 100, "rejected");
    confirm(&token_code(3)).done();
    confirm(&token_code(4)).failed(2, 607, "factor-exists");
    // The test code is spent; the app is asked for first, the token where it is named.
    let by_token = |counter: u64| login(&desk, PASSWORD, &["--by", "token", "--code", &token_code(counter)]);
    by_token(3).failed(1, 100, "rejected");
    by_token(4).done();
    by_token(4).failed(1, 100, "rejected");
    // Far ahead: only two codes in a row find it again, and both are spent.
    by_token(300).failed(1, 100, "rejected");
    let resync = |first: u64, second: u64| {
        factors(&["resync", "ivan", id, "--codes", &token_code(first), &token_code(second)])
    };
    resync(300, 302).failed(1, 100, "rejected");
    resync(300, 301).done();
    by_token(301).failed(1, 100, "rejected");
    by_token(302).done();
    // From two lines of standard input as well.
    let lines = format!("{}\n{}\n", token_code(500), token_code(501));
    desk.zamok_reading(&lines, ["factors", "resync", "ivan", id]).done();
    by_token(502).done();

    // Its owner prefers it, calls it something, and takes the app away; never the last one.
    let own = |arguments: &[&str]| factors(&[arguments, &["--token-file", "token"]].concat());
    own(&["prefer", id]).done();
    own(&["rename", id, "the grey one"]).done();
    let listed = factors(&["list", "ivan"]).done().json();
    let listed = &listed["factors"];
    assert_eq!((&listed[0]["id"], &listed[0]["label"]), (&json!(id), &json!("the grey one")));
    login(&desk, PASSWORD, &["--code", &token_code(503)]).done();
    let app = listed[1]["id"].as_str().unwrap();
    own(&["drop", app]).done();
    // Its tokens are worth nothing any more; that of the next login is.
    own(&["drop", id]).failed(1, 100, "rejected");
    login(&desk, PASSWORD, &["--code", &token_code(504)]).done();
    own(&["drop", app]).failed(1, 100, "rejected");
    own(&["drop", id]).failed(2, 665, "last-factor");
    login(&desk, PASSWORD, &["--by", "generator", "--code", &phone.code(1)]).failed(
        2,
        650,
        "method-unavailable",
    );
    factors(&["confirm", "ivan", "abc"]).failed(2, 900, "usage");
    factors(&["resync", "ivan", &"0".repeat(32), "--codes", "1", "2"]).failed(1, 100, "rejected");
}

#[test]
fn a_factor_that_counts_is_not_resumed_and_one_that_is_not_there_neither() {
    let (desk, _) = Desk::enrolled("ivan");
    let listed = desk.zamok(["factors", "list", "ivan", "--json"]).done().json();
    let id = listed["factors"][0]["id"].as_str().unwrap();
    let resume =
        |login: &str, id: &str| desk.zamok(["factors", "resume", login, id, "--reason", "called", "--json"]);
    let told = resume("ivan", id);
    told.failed(1, 305, "key-state");
    assert!(told.stdout.contains("not disabled"), "{told:?}");
    resume("ivan", &"0".repeat(32)).failed(1, 100, "rejected");
    resume("anna", id).failed(1, 100, "rejected");
}

#[test]
fn a_kind_that_policy_does_not_take_is_told_with_a_hint_that_fits() {
    let ivan = Ivan::new();
    ivan.login(PASSWORD, &[]).done();
    let add =
        ["factors", "add", "e-mail", "--address", "ivan@example.org", "--token-file", "token", "--json"];
    let told = ivan.desk.zamok(add);
    told.failed(2, 651, "method-too-weak");
    assert!(told.stdout.contains("factor.weakest") && !told.stdout.contains("--by"), "{told:?}");
}

#[test]
fn a_recovery_code_leads_back_once_and_to_a_new_enrolment() {
    let ivan = Ivan::new();
    let desk = &ivan.desk;
    ivan.login(PASSWORD, &[]).done();
    let recover =
        |code: &str| desk.zamok_reading(&format!("{code}\n"), ["recovery", "use", "ivan", "--yes", "--json"]);
    recover("01-AAAA-AAAA-AAAA-AAAA").failed(1, 100, "rejected");
    let first = desk.zamok(["recovery", "codes", "--token-file", "token", "--json"]).done().json();
    assert_eq!(first["count"], first["codes"].as_array().unwrap().len());
    let told = desk.zamok(["recovery", "codes", "--token-file", "token", "--out", "codes", "--json"]).done();
    assert_eq!(told.json()["codes"], Value::Null, "{told:?}");
    desk.zamok(["recovery", "codes", "--token-file", "token", "--out", "codes", "--json"])
        .failed(5, 901, "file");
    // The set before counts no more.
    recover(first["codes"][0].as_str().unwrap()).failed(1, 100, "rejected");
    let codes = String::from_utf8(desk.read("codes")).unwrap();
    let codes: Vec<&str> = codes.lines().collect();
    assert_eq!(first["count"], codes.len());
    let mut wrong = desk.command(["recovery", "use", "ivan", "--yes", "--code-file", "second", "--json"]);
    desk.write("second", codes[1]);
    run(wrong.env("ZAMOK_PASSWORD", NEW_PASSWORD)).failed(1, 100, "rejected");
    // What cannot be undone asks first, whatever the code.
    let doubtful = ["recovery", "use", "ivan", "--code-file", "second", "--json"];
    desk.zamok(doubtful).failed(2, 900, "usage");
    for typed in ["yes\n", "\n", "r\n", "recovery\n"] {
        desk.zamok_reading(typed, doubtful).failed(2, 900, "usage");
    }
    ivan.login(PASSWORD, &[]).done();
    let sure = ["recovery", "use", "ivan", "--json"];
    let told = desk.zamok_reading(&format!("recover\n{}\n", codes[1]), sure).done().json();
    let enrolment = told["enrolment"].as_str().unwrap();
    let expires = told["expires"].as_u64().unwrap();
    assert_eq!(told, json!({"login": "ivan", "recovered": true, "enrolment": enrolment, "expires": expires}));
    recover(codes[1]).failed(1, 100, "rejected");
    recover(codes[2]).failed(1, 100, "rejected");
    session_ended(desk);
    ivan.login(PASSWORD, &[]).failed(2, 650, "method-unavailable");
    // The password alone enrols nothing any more: what the code has opened does.
    desk.zamok(["enrol", "ivan", "--json"]).failed(2, 607, "factor-exists");
    let held = ["enrol", "ivan", "--enrolment", enrolment];
    let offered = desk.zamok([&held[..], &["--json"]].concat()).done().json();
    let other = Phone::scan(offered["uri"].as_str().unwrap());
    desk.zamok([&held[..], &["--confirm", &other.code(0)]].concat()).done();
    desk.log_in("ivan", &other);
}

#[test]
fn the_desk_lets_an_account_that_has_lost_its_factor_enrol_another_for_a_while() {
    let (desk, _) = Desk::enrolled("ivan");
    let factors = |arguments: &[&str]| desk.zamok([&["factors"], arguments, &["--json"]].concat());
    let leave = || factors(&["let-enrol", "ivan", "--reason", "showed a passport"]);
    leave().failed(2, 607, "factor-exists");
    factors(&["let-enrol", "nobody", "--reason", "x"]).failed(1, 100, "rejected");
    let listed = factors(&["list", "ivan"]).done().json();
    factors(&["remove", "ivan", listed["factors"][0]["id"].as_str().unwrap(), "--reason", "lost"]).done();
    desk.zamok(["enrol", "ivan", "--json"]).failed(2, 607, "factor-exists");
    let told = leave().done().json();
    assert!(told["until"].as_u64().is_some() && told["login"] == "ivan", "{told}");
    let offered = desk.zamok(["enrol", "ivan", "--json"]).done().json();
    let other = Phone::scan(offered["uri"].as_str().unwrap());
    desk.zamok(["enrol", "ivan", "--confirm", &other.code(0)]).done();
    desk.log_in("ivan", &other);
}

#[test]
fn a_device_is_known_by_its_token_and_blocked_at_the_desk_when_it_was_stolen() {
    let ivan = Ivan::new();
    let desk = &ivan.desk;
    ivan.login(PASSWORD, &[]).done();
    let devices = |arguments: &[&str]| desk.zamok([&["devices"], arguments, &["--json"]].concat());
    assert_eq!(devices(&["list", "ivan"]).done().json(), json!({"login": "ivan", "devices": []}));
    let trust = ["trust", "--token-file", "token", "--label", "old phone", "--device-file", "device"];
    let told = devices(&trust).done().json();
    let id = told["device"].as_str().unwrap();
    assert_eq!(told["device_file"], "device");
    devices(&trust).failed(5, 901, "file");
    ivan.login(PASSWORD, &["--device-file", "device"]).done();
    let listed = devices(&["list", "ivan"]).done().json();
    assert_eq!(strings(&listed["devices"], "device"), [id]);
    assert_eq!(strings(&listed["devices"], "label"), ["old phone"]);
    assert_eq!(strings(&listed["devices"], "state"), ["trusted"]);
    let sessions = desk.zamok(["sessions", "list", "ivan", "--json"]).done().json();
    assert_eq!(sessions["sessions"][0]["device"], id);

    let block = |login: &str, id: &str| devices(&["block", login, id, "--reason", "stolen"]);
    block("anna", id).failed(1, 100, "rejected");
    block("ivan", &"0".repeat(32)).failed(2, 657, "device-unknown");
    assert_eq!(block("ivan", id).done().json(), json!({"login": "ivan", "blocked": id}));
    block("ivan", id).failed(2, 657, "device-unknown");
    assert_eq!(strings(&devices(&["list", "ivan"]).done().json()["devices"], "state"), ["blocked"]);
    session_ended(desk);
    let tail = desk.zamok(["journal", "tail"]).done().stdout;
    assert!(tail.contains("stolen"), "{tail}");
    desk.write("junk", "no token");
    ivan.login(PASSWORD, &["--device-file", "junk"]).failed(2, 900, "usage");
    // What a thief shows makes him a stranger; the owner logs in without, and forgets it.
    ivan.login(PASSWORD, &["--device-file", "device"]).done();
    let sessions = desk.zamok(["sessions", "list", "ivan", "--json"]).done().json();
    assert_eq!(sessions["sessions"][0]["device"], Value::Null);
    let forget = ["forget", id, "--token-file", "token"];
    assert_eq!(devices(&forget).done().json(), json!({"removed": id}));
    assert_eq!(devices(&["list", "ivan"]).done().json()["devices"], json!([]));
    devices(&forget).failed(2, 657, "device-unknown");
}

#[test]
fn limits_attributes_and_contacts_of_an_account_are_kept_at_the_desk() {
    let ivan = Ivan::new();
    let desk = &ivan.desk;
    let accounts = |arguments: &[&str]| desk.zamok([&["accounts"], arguments, &["--json"]].concat());
    let shown = || accounts(&["show", "ivan"]).done().json();
    let limit = ["limit", "ivan", "--hours", "08:00-18:00", "--days", "mon,fri", "--network", "10.0.0.0/8"];
    accounts(&limit).done();
    assert_eq!(shown()["limits"], "08:00 to 18:00 UTC on days 0010001, 10.0.0.0/8");
    // The program names no address, so that the right password and code are like wrong ones.
    ivan.login(PASSWORD, &[]).failed(1, 100, "rejected");
    accounts(&["limit", "ivan"]).failed(2, 900, "usage");
    accounts(&["limit", "ivan", "--hours", "8-18"]).failed(2, 900, "usage");
    accounts(&["limit", "ivan", "--days", "mon"]).failed(2, 900, "usage");
    accounts(&["limit", "ivan", "--network", "10.0.0.0/64"]).failed(2, 900, "usage");
    accounts(&["limit", "ivan", "--none", "--network", "10.0.0.0/8"]).failed(2, 900, "usage");
    accounts(&["limit", "anna", "--none"]).failed(1, 100, "rejected");
    accounts(&["limit", "ivan", "--none"]).done();
    assert_eq!(shown()["limits"], "none");
    ivan.login(PASSWORD, &[]).done();

    accounts(&["attribute", "ivan", "tax-number", "7707083893"]).done();
    assert_eq!(shown()["attributes"], json!({"tax-number": "7707083893"}));
    accounts(&["attribute", "ivan", "tax-number"]).failed(2, 900, "usage");
    accounts(&["attribute", "ivan", "tax-number", "--remove"]).done();
    assert_eq!(shown()["attributes"], json!({}));

    let vouch = ["vouch", "ivan", "+79161234567", "--reason", "showed a contract"];
    let contact = accounts(&vouch).done().json()["contact"]["id"].as_str().unwrap().to_owned();
    let forget = |id: &str| accounts(&["forget-contact", "ivan", id, "--reason", "number given up"]);
    forget("abc").failed(1, 100, "rejected");
    forget(&contact).done();
    assert_eq!(shown()["contacts"], json!([]));
    accounts(&["find", "+79161234567"]).failed(1, 100, "rejected");
}

#[test]
fn what_delays_strangers_is_told_whatever_a_known_device_got_right_or_wrong_since() {
    let ivan = Ivan::new();
    let desk = &ivan.desk;
    ivan.login(PASSWORD, &[]).done();
    desk.zamok(["devices", "trust", "--token-file", "token", "--device-file", "known"]).done();
    for _ in 0..5 {
        ivan.login("a password of somebody else", &[]).failed(1, 100, "rejected");
    }
    ivan.login(PASSWORD, &[]).failed(1, 100, "rejected");
    ivan.login(PASSWORD, &["--device-file", "known"]).done();
    login(desk, PASSWORD, &["--device-file", "known", "--code", "000000"]).failed(1, 100, "rejected");
    let why = desk.zamok(["why", "ivan", "--json"]).done().json();
    let until = &why["password"]["delayed_until"];
    assert!(why["password"]["failures_in_a_row"] == 5 && until.is_u64(), "{why}");
    let token = json!({"state": "enrolled", "failures_in_a_row": 0, "delayed_until": null});
    assert_eq!(why["generator"], token, "{why}");
}

#[test]
fn a_disabled_generator_does_not_hide_how_long_the_token_beside_it_is_delayed() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.write("seed", SEED);
    let told = desk.zamok(["factors", "assign", "ivan", "--secret-file", "seed", "--json"]).done().json();
    let id = told["id"].as_str().unwrap();
    desk.zamok(["factors", "confirm", "ivan", id, "--code", &token_code(0)]).done();
    let policy = "profile = \"strict\"\n[generator.throttle]\nfree = 0\ndisable_after = 1\n\
        [token.throttle]\nfree = 1\nfirst_delay = 600\n";
    desk.write("policy.toml", policy);
    desk.zamok(["policy", "set", "policy.toml"]).done();
    let generator = || desk.zamok(["why", "ivan", "--json"]).done().json()["generator"].clone();

    login(&desk, PASSWORD, &["--by", "generator", "--code", &phone.wrong_code()]).failed(1, 100, "rejected");
    let token = json!({"state": "enrolled", "failures_in_a_row": 0, "delayed_until": null});
    assert_eq!(generator(), token, "the token has no failures");
    login(&desk, PASSWORD, &["--by", "token", "--code", "000000"]).failed(1, 100, "rejected");
    let told = generator();
    assert!(told["failures_in_a_row"] == 1 && told["delayed_until"].is_u64(), "{told}");
}

#[test]
fn a_power_is_offered_accepted_seen_from_both_sides_and_ended() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    let other = desk.enrol("anna");
    desk.zamok(["login", "anna", "--code", &other.code(1), "--token-file", "hers"]).done();
    let powers = |token: &str, arguments: &[&str]| {
        desk.zamok([&["powers"], arguments, &["--token-file", token, "--json"]].concat())
    };
    let terms = ["--rights", "view,edit", "--scope", "taxes,fines", "--days", "30"];
    let given = powers("token", &[&["give", "anna"], &terms[..]].concat()).done().json();
    let id = given["power"].as_str().unwrap();
    assert_eq!((&given["state"], &given["rights"]), (&json!("offered"), &json!("view edit")));
    assert_eq!((&given["side"], &given["scope"]), (&json!("given"), &json!(["taxes", "fines"])));
    powers("token", &["accept", id]).failed(2, 619, "power-unusable");
    powers("hers", &["accept", id]).done();
    let seen = |token: &str| powers(token, &["list"]).done().json()["powers"][0].clone();
    assert_eq!((&seen("token")["state"], &seen("hers")["side"]), (&json!("active"), &json!("received")));
    powers("hers", &["end", id]).done();
    assert_eq!(powers("token", &["list"]).done().json(), json!({"powers": []}));
    powers("token", &["end", id]).failed(2, 619, "power-unusable");
    powers("token", &[&["give", "nobody"], &terms[..]].concat()).failed(1, 100, "rejected");
    powers("token", &[&["give", "ivan"], &terms[..]].concat()).failed(2, 619, "power-unusable");
    let long = ["give", "anna", "--rights", "view", "--scope", "*", "--days", "36500"];
    powers("token", &long).failed(2, 619, "power-unusable");
}

#[test]
fn roles_and_limits_of_an_account_are_changed_one_without_the_other() {
    let ivan = Ivan::new();
    let accounts = |arguments: &[&str]| ivan.desk.zamok([&["accounts"], arguments, &["--json"]].concat());
    let shown = || accounts(&["show", "ivan"]).done().json();
    accounts(&["limit", "ivan", "--network", "10.0.0.0/8"]).done();
    let told = accounts(&["roles", "ivan", "employee", "operator"]).done().json();
    assert_eq!((&shown()["roles"], &shown()["limits"]), (&told["roles"], &json!("10.0.0.0/8")));
    accounts(&["limit", "ivan", "--none"]).done();
    assert_eq!((&shown()["roles"], &shown()["limits"]), (&told["roles"], &json!("none")));
    accounts(&["roles", "anna", "employee"]).failed(1, 100, "rejected");
    accounts(&["roles", "ivan", "king"]).failed(2, 900, "usage");

    ivan.login(PASSWORD, &[]).done();
    accounts(&["suspend", "ivan", "--reason", "asked for it"]).done();
    assert_eq!(shown()["state"], "suspended");
    session_ended(&ivan.desk);
    ivan.login(PASSWORD, &[]).failed(1, 100, "rejected");
    accounts(&["resume", "ivan", "--reason", "asked for it"]).done();
    assert_eq!(shown()["state"], "open");
}

#[test]
fn every_session_of_an_account_ends_with_the_login_that_is_under_way() {
    let ivan = Ivan::new();
    let desk = &ivan.desk;
    let live = || {
        let told = desk.zamok(["sessions", "list", "ivan", "--json"]).done().json();
        told["sessions"].as_array().unwrap().len()
    };
    ivan.login(PASSWORD, &[]).done();
    ivan.login(PASSWORD, &[]).done();
    assert_eq!(live(), 2);
    let begun = desk.zamok(["login", "ivan", "--begin", "--json"]).done().json();
    let challenge = begun["challenge"].as_str().unwrap();
    desk.zamok(["sessions", "revoke", "ivan", "--all", "--reason", "stolen"]).done();
    assert_eq!(live(), 0);
    session_ended(desk);
    // The next code of the token, which nobody has used.
    desk.zamok(["answer", challenge, "--code", &token_code(3), "--json"]).failed(1, 100, "rejected");
    assert_eq!(live(), 0);
}

#[test]
fn a_code_that_is_missing_is_asked_for_by_the_option_that_the_command_has() {
    let desk = Desk::new();
    for (command, option) in [
        (&["recovery", "use", "ivan", "--yes"][..], "--code-file FILE"),
        (&["answer", "00000000000000000000000000000000"], "--code CODE"),
    ] {
        let told = desk.zamok(command);
        assert!(told.exit == 5 && told.stderr.contains(option), "{told:?}");
    }
}
