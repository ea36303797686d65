//! Tokens of other programs: `zamok import` takes them into a vault once and shows no secret, `zamok convert` carries them
//! from file to file.

mod harness;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use harness::{Desk, PASSPHRASE};
use serde_json::json;
use zamok::journal::{Recorded, Telling};
use zamok::store::{Range, Table};
use zamok::{
    Argon2Cost, CoreError, Family, ManualClock, Options, Passphrase, Role, Settings, StoreUrl, UnixTime,
    Vault, Zamok,
};
use zamok_exchange::{Import, Warning};

/// The secret of RFC 4226 as bytes and as the formats write it.
const SECRET: &str = "12345678901234567890";
const HEX: &str = "3132333435363738393031323334353637383930";
const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
/// Of another 20 bytes, `alphanumericSecret01`.
const OTHER_BASE32: &str = "MFWHA2DBNZ2W2ZLSNFRVGZLDOJSXIMBR";

fn uri(account: &str, secret: &str) -> String {
    format!("otpauth://totp/Bank:{account}?secret={secret}&issuer=Bank&algorithm=SHA1&digits=6&period=30")
}

/// Two tokens, one a line.
fn uris() -> String {
    format!("{}\n{}\n", uri("anna", BASE32), uri("bob", OTHER_BASE32))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn figure(number: u32) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/pskc");
    fs::read(folder.join(format!("rfc6030-figure{number:02}.xml"))).unwrap()
}

/// The entries of the journal that tell of keys taken in: kind, label.
fn told(desk: &Desk) -> Vec<(String, String)> {
    let url = format!("sqlite:{}", desk.path("zamok.db").display());
    let zamok = Zamok::open(url, &Passphrase::from(PASSPHRASE.to_owned())).unwrap();
    assert!(zamok.audit().unwrap().is_clean());
    let entries = zamok
        .journal(|journal| {
            let size = journal.head()?.expect("a journal that was integrated").size;
            journal.range(0..size)
        })
        .unwrap();
    let field = |entry: &Recorded, wanted: &str| {
        let Telling::Told(detail) = &entry.detail else { panic!("{entry:?}") };
        let found = detail.fields().find_map(|(name, value)| (name == wanted).then(|| value.to_owned()));
        found.unwrap_or_else(|| panic!("{wanted} is missing in {entry:?}"))
    };
    let imported = entries.iter().filter(|entry| entry.leaf.kind.to_string() == "key.imported");
    imported.map(|entry| (field(entry, "kind"), field(entry, "label"))).collect()
}

/// Asserts that nothing in the folder of the store holds the secret, in whatever letters.
#[track_caller]
fn holds_no_secret(desk: &Desk) {
    let mut searched = 0;
    for entry in fs::read_dir(desk.folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("zamok.db") {
            continue;
        }
        searched += 1;
        let content = fs::read(&path).unwrap();
        for secret in [SECRET, HEX, BASE32, &HEX.to_uppercase(), &BASE32.to_lowercase()] {
            let is_there = content.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_there, "{secret} in {name}");
        }
    }
    assert!(searched > 0);
}

#[track_caller]
fn shows_no_secret(text: &str) {
    for secret in [SECRET, HEX, BASE32, OTHER_BASE32, "alphanumericSecret01"] {
        assert!(!text.to_lowercase().contains(&secret.to_lowercase()), "{text}");
    }
}

#[test]
fn a_dry_run_tells_what_would_be_taken_in_and_needs_no_vault() {
    let desk = Desk::empty();
    desk.write("tokens", uris());
    let run = desk.zamok(["import", "tokens", "--dry-run"]).done();
    let lines: Vec<_> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{run:?}");
    assert!(lines[0].starts_with("TOTP 6 digits SHA-1: Bank anna"), "{run:?}");
    assert_eq!(lines[2], "2 tokens would be taken in, 0 entries left out; nothing was done.");
    shows_no_secret(&run.stdout);
    let object = desk.zamok(["import", "tokens", "--dry-run", "--json"]).done().json();
    let token = |label: &str| {
        let warnings = [
            "the file holds the secret in plain text: remove it afterwards",
            "which codes are spent is not known",
        ];
        json!({"token": label, "kind": "TOTP", "state": "active", "warnings": warnings})
    };
    let tokens = json!([token("Bank anna"), token("Bank bob")]);
    let expected = json!({
        "found": 2, "imported": 0, "already_there": 0, "left_out": 0, "tokens": tokens, "errors": [],
    });
    assert_eq!(object, expected);
    assert!(!desk.path("zamok.db").exists());
}

/// Format, file, arguments beside it, kind, label.
type Case<'a> = (&'a str, Vec<u8>, &'a [&'a str], &'a str, &'a str);

#[test]
fn tokens_of_every_format_come_in_are_journalled_and_leave_no_secret_behind() {
    let keycloak = format!(
        r#"{{"realm": "acme", "users": [{{"username": "anna", "enabled": true, "credentials": [
            {{"type": "otp", "secretData": "{{\"value\":\"{SECRET}\"}}",
              "credentialData": "{{\"subType\":\"totp\",\"digits\":6,\"period\":30,\"algorithm\":\"HmacSHA1\"}}"}}]}}]}}"#
    );
    // Bank:anna, TOTP, SHA-1, six digits, in the fields of docs/formats/exchange.md.
    let migration = "otpauth-migration://offline?data=\
        Ci0KFDEyMzQ1Njc4OTAxMjM0NTY3ODkwEglCYW5rOmFubmEaBEJhbmsgASgBMAIQARgBIAA%3D";
    let cases: [Case<'_>; 9] = [
        ("uri", uri("anna", BASE32).into(), &[], "TOTP", "Bank anna"),
        ("migration", migration.into(), &[], "TOTP", "Bank anna"),
        ("pskc", figure(3), &[], "HOTP", "Issuer UID=jsmith,DC=example-bank,DC=net 987654321"),
        ("pskc", figure(6), &["--key-file", "key"], "HOTP", "Issuer 987654321"),
        ("pskc", figure(7), &["--password-file", "password"], "HOTP", "Example-Issuer 987654321"),
        ("liboath", format!("HOTP/E/8 anna - {HEX} 7\n").into(), &[], "HOTP", "anna"),
        (
            "google-pam",
            format!("{BASE32}\n\" TOTP_AUTH\n52449723\n").into(),
            &["--account", "anna"],
            "TOTP",
            "anna",
        ),
        ("keycloak", keycloak.into(), &[], "TOTP", "acme anna"),
        ("privacyidea", format!("anna@realm, T1, {HEX}, totp, 6, 30\n").into(), &[], "TOTP", "anna@realm T1"),
    ];
    for (format, file, arguments, kind, label) in cases {
        let desk = Desk::new();
        desk.write("tokens", file);
        desk.write("password", "qwerty\n");
        desk.write("key", "12345678901234567890123456789012\n");
        for secret in ["password", "key"] {
            fs::set_permissions(desk.path(secret), fs::Permissions::from_mode(0o600)).unwrap();
        }
        for name in ["auto", format] {
            let dry = ["import", "tokens", "--format", name, "--dry-run", "--strict"];
            desk.zamok(dry.iter().chain(arguments)).done();
        }
        let run = desk.zamok(["import", "tokens", "--json"].iter().chain(arguments)).done();
        shows_no_secret(&run.stdout);
        let object = run.json();
        assert_eq!((&object["imported"], &object["left_out"]), (&json!(1), &json!(0)), "{format}: {object}");
        let token = &object["tokens"][0];
        let told_token = (&token["token"], &token["kind"], &token["already_there"]);
        assert_eq!(told_token, (&json!(label), &json!(kind), &json!(false)), "{format}");
        assert!(token["key"].as_str().is_some_and(|key| !key.is_empty()), "{object}");
        holds_no_secret(&desk);
        assert_eq!(told(&desk), [(kind.to_owned(), label.to_owned())], "{format}");
    }
}

#[test]
fn a_secret_is_taken_in_once_from_whatever_file() {
    let desk = Desk::new();
    desk.write("tokens", uris());
    let first = desk.zamok(["import", "tokens", "--json"]).done().json();
    assert_eq!((&first["imported"], &first["already_there"]), (&json!(2), &json!(0)));
    let second = desk.zamok(["import", "tokens", "--json"]).done().json();
    assert_eq!((&second["imported"], &second["already_there"]), (&json!(0), &json!(2)));
    for place in 0..2 {
        let (first, second) = (&first["tokens"][place], &second["tokens"][place]);
        assert_eq!(first["key"], second["key"]);
        assert_eq!((&first["already_there"], &second["already_there"]), (&json!(false), &json!(true)));
    }
    // Another file and another name, and twice in one file; a token of another kind is another token.
    desk.write("users", format!("HOTP/T30 carl - {HEX}\nHOTP dora - {HEX}\nHOTP eve - {HEX}\n"));
    let run = desk.zamok(["import", "users"]).done();
    let lines: Vec<_> = run.stdout.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(&lines[..3], ["carl (already there)", "dora", "eve (already there)"]);
    assert!(
        run.stdout.ends_with("1 tokens were taken in, 2 were already there, 0 entries left out.\n"),
        "{run:?}"
    );
    assert_eq!(told(&desk).len(), 3);
    // Another vault knows nothing of it.
    let other = Desk::new();
    other.write("tokens", uris());
    assert_eq!(other.zamok(["import", "tokens", "--json"]).done().json()["imported"], 2);
}

#[test]
fn wrong_entries_are_left_out_and_told_and_strict_takes_in_nothing() {
    let desk = Desk::new();
    desk.write("tokens", format!("{}otpauth://totp/eve?secret=AAAA\n", uris()));
    desk.zamok(["import", "tokens", "--strict", "--json"]).failed(5, 901, "file");
    assert_eq!(told(&desk), []);
    let run = desk.zamok(["import", "tokens", "--json"]);
    let object = run.json();
    assert_eq!((run.exit, &object["imported"], &object["left_out"]), (5, &json!(2), &json!(1)));
    assert_eq!(object["errors"][0]["code"], 203, "{object}");
    assert!(object["errors"][0]["message"].as_str().unwrap().starts_with("line 3: "), "{object}");
    let run = desk.zamok(["import", "tokens"]);
    assert_eq!(run.exit, 5);
    assert!(run.stderr.contains("left out: line 3: "), "{run:?}");
    assert_eq!(desk.zamok(["import", "tokens", "--accept-guessable", "--json"]).done().json()["imported"], 1);
}

#[test]
fn of_a_file_that_is_cut_nothing_is_taken_in() {
    let desk = Desk::new();
    // More tokens than go into one commit, so that those before the cut would be there.
    let users: String = (1..=200).map(|number| format!("HOTP user{number} - {number:040x}\n")).collect();
    desk.write("users", users);
    desk.zamok(["convert", "users", "whole", "--to", "pskc", "--plain"]).done();
    let whole = desk.read("whole");
    desk.write("tokens", &whole[..whole.len() - 100]);
    desk.zamok(["import", "tokens", "--json"]).failed(5, 702, "exchange-cut");
    desk.write("empty", "");
    desk.zamok(["import", "empty", "--json"]).failed(5, 705, "exchange-format");
    desk.zamok(["import", "absent", "--json"]).failed(5, 901, "file");
    assert_eq!(told(&desk), []);
    assert_eq!(desk.zamok(["import", "whole", "--json"]).done().json()["imported"], 200);
    assert_eq!(told(&desk).len(), 200);
}

#[test]
fn a_wrong_password_is_refused_and_a_missing_one_asked_for() {
    let desk = Desk::new();
    desk.write("tokens", figure(7));
    desk.write("password", "qwertz");
    desk.zamok(["import", "tokens", "--json"]).failed(5, 713, "exchange-key-needed");
    let wrong = ["import", "tokens", "--password-file", "password"];
    desk.zamok(wrong.iter().chain(&["--json"])).failed(5, 715, "exchange-refused");
    fs::set_permissions(desk.path("password"), fs::Permissions::from_mode(0o644)).unwrap();
    let run = desk.zamok(wrong);
    assert!(run.stderr.contains("others may read password") && run.stderr.contains("hint: "), "{run:?}");
    desk.write("key", "12345678901234567890123456789012");
    desk.zamok(["import", "tokens", "--key-file", "key", "--json"]).failed(5, 714, "exchange-key-unfit");
    desk.zamok(["import", "tokens", "--key-file", "password", "--json"]).failed(2, 900, "usage");
    let both = ["import", "tokens", "--key-file", "key", "--password-file", "password", "--json"];
    desk.zamok(both).failed(2, 900, "usage");
    desk.zamok(["import", "tokens", "--format", "xml", "--json"]).failed(2, 900, "usage");
    assert_eq!(told(&desk), []);
}

#[test]
fn dates_of_the_issuer_hold_unless_they_are_set_aside() {
    let desk = Desk::new();
    desk.write("tokens", figure(10));
    let run = desk.zamok(["import", "tokens", "--accept-guessable", "--json"]);
    let object = run.json();
    assert_eq!(run.exit, 5, "all of them expired in 2006: {object}");
    assert_eq!((&object["found"], &object["errors"][0]["code"]), (&json!(0), &json!(724)), "{object}");
    let object =
        desk.zamok(["import", "tokens", "--accept-guessable", "--ignore-dates", "--json"]).done().json();
    assert_eq!(object["found"], 4, "{object}");
}

#[test]
fn what_is_converted_there_and_back_is_what_it_was() {
    let desk = Desk::empty();
    desk.write("uris", uris());
    desk.write("password", "to and fro");
    desk.write("key", "00112233445566778899aabbccddeeff".repeat(2));
    let ways: [(&str, &[&str], &[&str]); 4] = [
        (
            "pskc",
            &["--to-password-file", "password", "--iterations", "1000"],
            &["--password-file", "password"],
        ),
        ("pskc", &["--to-key-file", "key"], &["--key-file", "key"]),
        ("pskc", &["--plain"], &[]),
        ("migration", &[], &[]),
    ];
    for (number, (format, there, back)) in ways.into_iter().enumerate() {
        let (between, end) = (format!("between{number}"), format!("end{number}"));
        let run =
            desk.zamok(["convert", "uris", &between, "--to", format, "--json"].iter().chain(there)).done();
        let object = run.json();
        let told = (&object["written"], &object["left_out"], &object["file"], &object["errors"]);
        assert_eq!(told, (&json!(2), &json!(0), &json!(between), &json!([])));
        assert!(
            object["tokens"].as_array().unwrap().iter().all(|token| token["lost"] == json!([])),
            "{object}"
        );
        desk.zamok(["convert", &between, &end, "--to", "uri"].iter().chain(back)).done();
        // PSKC's id comes back as well; the tokens are the same.
        let found = String::from_utf8(desk.read(&end)).unwrap();
        assert_eq!(found, uris(), "{format} {there:?}");
        for file in [&between, &end] {
            assert_eq!(mode(&desk.path(file)), 0o600, "{file}");
        }
        if !there.is_empty() && there[0] != "--plain" {
            shows_no_secret(&String::from_utf8(desk.read(&between)).unwrap());
        }
    }
    assert!(!desk.path("zamok.db").exists());
}

#[test]
fn an_output_that_is_there_stays_unless_it_may_be_replaced() {
    let desk = Desk::empty();
    desk.write("uris", uris());
    desk.write("out", "precious");
    symlink("elsewhere", desk.path("link")).unwrap();
    for output in ["out", "link"] {
        desk.zamok(["convert", "uris", output, "--to", "uri", "--json"]).failed(5, 901, "file");
    }
    // Never what is read.
    for more in [&["--json"][..], &["--overwrite", "--json"]] {
        let convert = [&["convert", "uris", "./uris", "--to", "migration"], more].concat();
        desk.zamok(convert).failed(2, 900, "usage");
    }
    assert_eq!((desk.read("out"), desk.read("uris")), (b"precious".to_vec(), uris().into_bytes()));
    assert!(!desk.path("elsewhere").exists());
    desk.zamok(["convert", "uris", "out", "--to", "uri", "--overwrite"]).done();
    assert_eq!((desk.read("out"), mode(&desk.path("out"))), (uris().into_bytes(), 0o600));
}

#[test]
fn a_conversion_that_fails_writes_no_file() {
    let desk = Desk::empty();
    desk.write("uris", uris());
    desk.zamok(["convert", "uris", "out", "--to", "pskc", "--json"]).failed(2, 900, "usage");
    desk.write("eight", uri("anna", BASE32).replace("period=30", "period=60"));
    let run = desk.zamok(["convert", "eight", "out", "--to", "migration", "--json"]);
    let object = run.json();
    let told = (run.exit, &object["written"], &object["left_out"], &object["file"]);
    assert_eq!(told, (5, &json!(0), &json!(1), &json!(null)), "{object}");
    assert_eq!(object["errors"][0]["code"], 723, "{object}");
    desk.write("cut", "otpauth-migration://offline?data=Cj");
    let run = desk.zamok(["convert", "cut", "out", "--to", "uri", "--json"]);
    assert_eq!(run.exit, 5, "{run:?}");
    desk.write("short", "0011");
    desk.zamok(["convert", "uris", "out", "--to", "pskc", "--to-key-file", "short", "--json"])
        .failed(2, 900, "usage");
    let mut left: Vec<_> =
        fs::read_dir(desk.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["cut", "eight", "short", "uris"], "no output, and nothing half-written");
}

#[test]
fn what_the_other_format_cannot_say_is_left_out_and_the_others_are_written() {
    let desk = Desk::empty();
    let last = format!("HOTP carl - {:040x}\n", 7);
    desk.write("colon", format!("HOTP anna - {HEX}\nHOTP bob - 00\nHOTP eve:home - {HEX}\n{last}"));
    // XML has room for a colon, and PSKC none for so long a name; the last is the one that is left out.
    desk.write(
        "long",
        format!("HOTP anna - {HEX}\nHOTP bob - 00\n{last}HOTP {} - {HEX}\n", "x".repeat(1025)),
    );
    for (file, to, entry, more) in [
        ("colon", "uri", "entry 3: ", &[][..]),
        ("colon", "migration", "entry 3: ", &[][..]),
        ("long", "pskc", "entry 4: ", &["--plain"][..]),
    ] {
        let convert = [&["convert", file, to, "--to", to][..], more].concat();
        let run = desk.zamok(convert.iter().chain(&["--json"]));
        let object = run.json();
        let told = (run.exit, &object["written"], &object["left_out"], &object["file"]);
        assert_eq!(told, (5, &json!(2), &json!(2), &json!(to)), "{object}");
        let message = |place: usize| object["errors"][place]["message"].as_str().unwrap();
        assert!(message(0).starts_with("line 2: ") && message(1).starts_with(entry), "{object}");
        let run = desk.zamok(convert.iter().chain(&["--overwrite"]));
        assert_eq!(run.exit, 5, "{run:?}");
        assert!(run.stderr.contains(&format!("left out: {entry}")), "{run:?}");
        let back = desk.zamok(["import", to, "--dry-run", "--json"]).done().json();
        let labels: Vec<_> = back["tokens"].as_array().unwrap().iter().map(|token| &token["token"]).collect();
        assert_eq!(labels, ["anna", "carl"], "{to}");
    }
}

#[test]
fn a_token_that_the_policy_s_limit_of_drift_locks_is_told_when_it_is_taken_in() {
    let desk = Desk::new();
    let third = "KRUGS4TEKNSWG4TFORHWMMZQKRUGS4TE";
    let drifted = |secret: &str, skew: i32| format!("{secret}\n\" TOTP_AUTH\n\" TIME_SKEW {skew}\n");
    let text = Warning::Drift.text();
    desk.write("near", drifted(BASE32, -2));
    desk.write("far", drifted(OTHER_BASE32, -3));
    desk.write("fast", drifted(third, 3));
    let run = desk.zamok(["import", "near", "--account", "near"]).done();
    assert!(!run.stderr.contains(text), "{run:?}");
    let run = desk.zamok(["import", "far", "--account", "far"]).done();
    assert!(run.stderr.contains(&format!("warning: far: {text}\n")), "{run:?}");
    // Of a key that is there the vault may have learned better.
    let run = desk.zamok(["import", "far", "--account", "far"]).done();
    assert!(!run.stderr.contains(text), "{run:?}");
    let fast = ["import", "fast", "--account", "fast", "--json"];
    let warns = |desk: &Desk| {
        let object = desk.zamok(fast).done().json();
        object["tokens"][0]["warnings"].as_array().unwrap().contains(&json!(text))
    };
    assert!(warns(&desk));
    let wide = Desk::new();
    wide.write("fast", drifted(third, 3));
    wide.write("wide.toml", "profile = \"strict\"\n[generator]\ndrift = 3\n");
    wide.zamok(["policy", "set", "wide.toml"]).done();
    assert!(!warns(&wide));
}

#[test]
fn a_secret_is_known_again_after_a_new_index_key_and_its_entry_moves_with_the_others() {
    let desk = Desk::new();
    desk.write("tokens", uris());
    // Table 48 is that of imported secrets.
    let entered = || {
        let store = StoreUrl::Sqlite(desk.path("zamok.db")).open().expect("a store");
        store.scan(Table(48), &Range::all(), 100, None).expect("rows").rows.len()
    };
    let import = || {
        let told = desk.zamok(["import", "tokens", "--json"]).done().json();
        (told["imported"].as_u64(), told["already_there"].as_u64())
    };
    assert_eq!((import(), entered()), ((Some(2), Some(0)), 2));
    desk.zamok(["rotate", "--index"]).done();
    assert_eq!(import(), (Some(0), Some(2)), "by the key of before");
    desk.zamok(["rewrap"]).done();
    assert_eq!(entered(), 4, "found under both");
    assert_eq!(import(), (Some(0), Some(2)));
    desk.zamok(["audit", "rows"]).done();
}

#[test]
fn a_secret_is_taken_in_once_under_whichever_index_key_it_is_looked_up() {
    let clock = ManualClock::new(UnixTime(1_800_000_000));
    let cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
    let options = Options { clock: Arc::new(clock.clone()), cost, idle: None, ..Options::default() };
    let passphrase = Passphrase::from(PASSPHRASE.to_owned());
    let store = StoreUrl::Memory.create().unwrap();
    let settings = Settings::new("Bank").with_options(options.clone());
    let before = Zamok::create_in(store.clone(), &passphrase, settings).unwrap();
    let officer = Vault::unlock_as(Role::Officer, store.clone(), &passphrase, options.clone()).unwrap();
    let opened = || Zamok::open_in(store.clone(), &passphrase, options.clone()).unwrap();
    let import = |zamok: &Zamok, text: &str| -> Vec<Import> {
        let records =
            zamok_exchange::open(text.as_bytes(), None, &zamok_exchange::Options::default()).unwrap();
        let records: Vec<_> = records.map(Result::unwrap).collect();
        let taken = zamok.vault().transact(|tx| {
            let taken = records.iter().map(|record| record.import(tx, None).map_err(|_| CoreError::KeyKind));
            taken.collect::<Result<Vec<_>, CoreError>>()
        });
        taken.unwrap()
    };
    let known = |taken: &[Import]| -> Vec<Import> {
        taken.iter().map(|taken| Import::AlreadyThere(taken.key())).collect()
    };
    let (first, second) = (uris(), format!("HOTP carl - {:040x}\n", 7));
    let taken = import(&before, &first);
    assert!(taken.len() == 2 && taken.iter().all(|taken| matches!(taken, Import::New(_))));
    officer.rotate(Family::Index).unwrap();
    let after = opened();
    assert_eq!(import(&after, &first), known(&taken), "entered before there was the newest key");
    let more = import(&after, &second);
    assert!(matches!(more[..], [Import::New(_)]));
    assert_eq!(import(&before, &second), known(&more), "who does not know the newest key finds it, too");
    let moved = zamok::reindex(&officer, &[zamok_exchange::reindex_imports], &mut |_| {}).unwrap();
    clock.set(moved.kept[0].1);
    let ended = zamok::reindex(&officer, &[zamok_exchange::reindex_imports], &mut |_| {}).unwrap();
    assert_eq!((ended.retired.len(), ended.left), (1, 0));
    let last = opened();
    assert_eq!((import(&last, &first), import(&last, &second)), (known(&taken), known(&more)));
}

#[test]
fn a_password_is_stretched_by_as_many_rounds_as_are_said() {
    let desk = Desk::empty();
    desk.write("uris", uris());
    desk.write("password", "to and fro");
    let convert = ["convert", "uris", "out", "--to", "pskc", "--overwrite", "--to-password-file", "password"];
    for (more, rounds) in [(&[][..], 600_000), (&["--iterations", "1234"][..], 1234)] {
        desk.zamok([&convert[..], more].concat()).done();
        let written = String::from_utf8(desk.read("out")).unwrap();
        assert!(written.contains(&format!("<IterationCount>{rounds}</IterationCount>")), "{written}");
    }
}

#[test]
fn what_would_protect_is_refused_where_the_format_protects_nothing() {
    let desk = Desk::empty();
    desk.write("uris", uris());
    desk.write("secret", "00".repeat(32));
    for to in ["uri", "migration"] {
        for option in ["--to-password-file", "--to-key-file"] {
            let convert = ["convert", "uris", "out", "--to", to, option, "secret", "--json"];
            desk.zamok(convert).failed(2, 900, "usage");
            assert!(!desk.path("out").exists(), "{to} {option}");
        }
    }
}

#[test]
fn every_key_of_a_label_is_listed() {
    let desk = Desk::new();
    let letter = |number: u8| char::from(b'A' + number);
    let file: Vec<_> = (0..26_u8)
        .flat_map(|one| (0..12_u8).map(move |other| (one, other)))
        .map(|(one, other)| {
            uri("anna", &format!("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQO{}{}", letter(one), letter(other)))
        })
        .collect();
    desk.write("uris", file.join("\n"));
    let taken = desk.zamok(["import", "uris", "--json"]).done().json();
    assert_eq!(taken["imported"], 312);
    let label = taken["tokens"][0]["token"].as_str().unwrap();
    assert_eq!(desk.zamok(["keys", "list", "--label", label]).done().stdout.lines().count(), 312);
}
