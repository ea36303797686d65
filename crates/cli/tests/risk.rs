//! `zamok risk`: what rules notice, and how right they are over a log. No vault is there.

mod harness;

use harness::Desk;
use serde_json::json;

const RULES: &str = r#"
[[rule]]
name = "guess"
kind = "frequency"
per = "account"
outcome = "wrong"
window = 600
limit = 3
answer = "block"
source = "of this test"
[[rule]]
name = "night"
kind = "hours"
from = "08:00"
until = "18:00"
answer = "step-up"
dry-run = true
"#;

/// Five guesses at an account, and one who mistypes.
fn log() -> String {
    let attack = r#"{"time":1800000000,"event":"login","outcome":"wrong","account":"ivan","attack":"guess","attacker":"a"}"#;
    let slip =
        r#"{"time":1800000060,"event":"login","outcome":"wrong","account":"olga","roles":["employee"]}"#;
    format!("{}{slip}\n", format!("{attack}\n").repeat(5))
}

#[test]
fn rules_are_told_with_their_sources() {
    let desk = Desk::empty();
    let ships = desk.zamok(["risk", "explain", "--json"]).done().json();
    let ships = ships["rules"].as_array().unwrap();
    assert!(ships.len() >= 9 && ships.iter().all(|rule| !rule["source"].as_str().unwrap().is_empty()));
    desk.write("rules.toml", RULES);
    let told = desk.zamok(["risk", "explain", "--rules", "rules.toml"]).done().stdout;
    assert_eq!(
        told,
        "guess: more than 3 wrong attempts of one account within 600 s, on login code recovery: block\n    of this test\n\
         night: employee outside of 08:00 to 18:00 on mon tue wed thu fri, +0 min from UTC, on login: step-up (dry run)\n"
    );
}

#[test]
fn an_event_is_explained_by_what_each_rule_saw_in_it() {
    let desk = Desk::empty();
    desk.write("rules.toml", RULES);
    desk.write("log", log());
    let explain = |line: &str| {
        desk.zamok(["risk", "explain", "--rules", "rules.toml", "--log", "log", "--line", line, "--json"])
    };
    let third = explain("3").done().json();
    assert_eq!(third["answer"], "allow");
    let fourth = explain("4").done().json();
    let guess = json!({
        "rule": "guess", "dry_run": false, "answer": "block", "hit": true,
        "found": "3 before it of one account within 600 s; 3 are borne",
    });
    assert_eq!((&fourth["answer"], &fourth["rules"][0]), (&json!("block"), &guess));
    // 2027-01-15 08:01 UTC, a Friday.
    let sixth = explain("6").done().json();
    assert_eq!((&sixth["answer"], &sixth["rules"][1]["hit"]), (&json!("allow"), &json!(false)));
    explain("7").failed(2, 900, "usage");
}

#[test]
fn a_labelled_log_is_scored() {
    let desk = Desk::empty();
    desk.write("rules.toml", RULES);
    desk.write("log", log());
    let scored = desk.zamok(["risk", "replay", "log", "--rules", "rules.toml", "--json"]).done().json();
    assert_eq!(scored["events"], 6);
    assert_eq!(scored["answers"], json!({"allow": 4, "block": 2}));
    let guess = json!({
        "rule": "guess", "hits": 2, "right": 2, "meant": 5, "met": 2, "precision": 1.0, "recall": 0.4,
        "attackers": 1, "caught": 1, "before": 3,
    });
    assert_eq!(scored["rules"][0], guess);
    assert_eq!(scored["rules"][1]["precision"], json!(null));
    let told = desk.zamok(["risk", "replay", "log", "--rules", "rules.toml"]).done().stdout;
    assert!(told.starts_with("6 events, 5 of attackers\n  allow: 4\n  block: 2\n"), "{told}");
    assert!(
        told.contains("guess                        2    1.0000    0.4000        1/1       3.0\n"),
        "{told}"
    );
}

#[test]
fn wrong_rules_and_lines_are_named() {
    let desk = Desk::empty();
    desk.write("rules.toml", RULES.replace("limit = 3", "limit = 0").replace("\"18:00\"", "\"18\""));
    let refused = desk.zamok(["risk", "explain", "--rules", "rules.toml"]);
    assert_eq!(refused.exit, 2);
    for fault in [
        "rule \"guess\": limit is 0: 1 to 200000 can be",
        "rule \"night\": until is to be a time as \"08:30\"",
    ] {
        assert!(refused.stderr.contains(fault), "{refused:?}");
    }
    desk.write("log", format!("{}{{\"time\":1}}\n", log()));
    let refused = desk.zamok(["risk", "replay", "log"]);
    assert!(refused.exit == 2 && refused.stderr.contains("log: line 7: missing field"), "{refused:?}");
    desk.write("log", "x".repeat(100_000));
    let refused = desk.zamok(["risk", "replay", "log"]);
    assert!(refused.stderr.contains("line 1: it exceeds 16384 bytes"), "{refused:?}");
    assert_eq!(desk.zamok(["risk", "replay", "nowhere"]).exit, 5);
    assert_eq!(desk.zamok(["risk", "explain", "--log", "log"]).exit, 2);
}
