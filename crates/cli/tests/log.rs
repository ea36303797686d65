//! The log from the command line: checkpoints, witnesses as processes of their own, exports that others read, files
//! that are verified without a vault.

mod harness;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use harness::Desk;
use serde_json::Value;

/// A witness that serves in a process of its own until it is dropped.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn start(desk: &Desk) -> Self {
        let mut command =
            desk.command(["witness", "serve", "--listen", "127.0.0.1:0", "--policy", "logs", "--json"]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program runs");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("its output")).read_line(&mut line).expect("a line");
        let told: Value = serde_json::from_str(&line).expect("an object");
        Self { child, address: told["address"].as_str().expect("an address").into() }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is missing in {value}")).into()
}

#[test]
fn witnesses_cosign_and_a_proof_holds_under_their_policy_also_for_python() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    desk.write("note", "text");
    let signed = desk.zamok(["sign", "note", "--token-file", "token", "--json"]).done().json();
    let entry = signed["entry"].as_u64().expect("its number").to_string();
    let key = text(&desk.zamok(["journal", "checkpoint", "--json"]).done().json(), "key");

    let witnesses: Vec<_> = ["w1", "w2", "w3"]
        .map(|name| {
            let desk = Desk::empty();
            let name = format!("witness.example/{name}");
            let made = desk
                .zamok(["witness", "init", "--name", &name, "--argon2-memory", "1", "--json"])
                .done()
                .json();
            desk.write("logs", format!("log {key}\nquorum none\n"));
            let serving = Serving::start(&desk);
            (desk, serving, text(&made, "key"))
        })
        .into();
    let mut policy = format!("log {key}\n");
    for (number, (_, serving, vkey)) in witnesses.iter().enumerate() {
        policy += &format!("witness w{number} {vkey} http://{}\n", serving.address);
    }
    policy += "group two 2 w0 w1 w2\nquorum two\n";
    desk.write("policy", &policy);
    let gathered = desk.zamok(["journal", "checkpoint", "--policy", "policy", "--json"]).done().json();
    assert_eq!(
        (gathered["witnesses"].as_array().map(Vec::len), &gathered["quorum"]),
        (Some(3), &true.into())
    );

    let prove = ["journal", "prove", &entry, "--token-file", "token", "--output", "proof", "--json"];
    assert_eq!(desk.zamok(prove).done().json()["receipt"], "witnessed");
    let alone = Desk::empty();
    alone.write("proof", desk.read("proof"));
    alone.write("policy", &policy);
    let checked = alone.zamok(["check-proof", "proof", "--policy", "policy", "--json"]).done().json();
    assert_eq!(
        (&checked["event"], checked["witnesses"].as_array().map(Vec::len)),
        (&"signature.made".into(), Some(3))
    );
    alone.zamok(["check-proof", "proof", "--key", &key]).done();
    let other = key.replacen("zamok/", "zamak/", 1);
    alone.zamok(["check-proof", "proof", "--key", &other, "--json"]).failed(2, 900, "usage");
    let stranger = Desk::new();
    let strange = text(&stranger.zamok(["journal", "checkpoint", "--json"]).done().json(), "key");
    alone.zamok(["check-proof", "proof", "--key", &strange, "--json"]).failed(1, 100, "rejected");

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/python/verify_proof.py");
    let python = |file: &str, key: &str| {
        let mut command = Command::new(harness::python());
        command.arg(&script).arg(alone.path(file)).args([key, "2"]);
        harness::run(command.args(witnesses.iter().map(|(_, _, vkey)| vkey)))
    };
    assert!(python("proof", &key).done().stdout.contains("event 48 at "));
    assert_eq!(python("proof", &strange).exit, 1);

    // Two that are gone are too many.
    let witnesses: Vec<_> = witnesses.into_iter().take(1).collect();
    desk.zamok(["login", "ivan", "--code", "000000"]);
    let gathered = desk.zamok(["journal", "checkpoint", "--policy", "policy", "--json"]);
    assert_eq!((gathered.exit, &gathered.json()["quorum"]), (1, &false.into()));
    let (own, serving, _) = witnesses.into_iter().next().expect("the first");
    drop(serving);
    let evidence = own.zamok(["witness", "evidence", "--json"]).done().json();
    assert_eq!(evidence["evidence"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_witness_with_a_name_that_no_key_can_have_is_not_begun() {
    let desk = Desk::empty();
    let init = |name: &str| desk.zamok(["witness", "init", "--name", name, "--argon2-memory", "1", "--json"]);
    for name in ["my witness", "my+witness", ""] {
        let run = init(name);
        run.failed(2, 900, "usage");
        assert!(run.stdout.contains("a witness's name has no blanks and no plus sign in it"), "{run:?}");
        assert!(!desk.path("zamok.db").exists());
    }
    init("witness.example/w1").done();
    // Of what else goes wrong nobody blames the name.
    let run = init("witness.example/w1");
    assert!(run.exit != 0 && !run.stdout.contains("blanks"), "{run:?}");
}

#[test]
fn a_witness_opens_by_what_it_was_made_with_and_by_its_anchor_alone() {
    let desk = Desk::empty();
    desk.write("key", "5a".repeat(32));
    let with = |more: &[&str], opening: &[&str]| {
        let mut command = desk.command(["witness"].iter().chain(more).chain(opening).chain(&["--json"]));
        harness::run(command.env_remove("ZAMOK_PASSPHRASE"))
    };
    let init = ["init", "--name", "witness.example/w1"];
    let made = with(&init, &["--vault-key-file", "key", "--anchor", "anchor"]).done().json();
    assert_eq!(made["anchored"], true);
    with(&["evidence"], &["--vault-key-file", "key", "--anchor", "anchor"]).done();
    with(&["evidence"], &["--vault-key-file", "key"]).failed(4, 454, "anchor-missing");
    desk.write("other", "5b".repeat(32));
    with(&["evidence"], &["--vault-key-file", "other", "--anchor", "anchor"]).failed(4, 100, "rejected");
}

#[test]
fn an_exported_log_is_verified_from_its_files_and_every_damage_is_named() {
    let (desk, phone) = Desk::enrolled("ivan");
    let told = desk.zamok(["journal", "export", "log", "--format", "tlog", "--json"]).done().json();
    let key = text(&told, "key");
    desk.log_in("ivan", &phone);
    let told = desk.zamok(["journal", "export", "log", "--format", "tlog", "--json"]).done().json();
    let alone = Desk::empty();
    for name in ["checkpoint", "tile", "tile/0", "tile/entries"] {
        let to = alone.path("log").join(name);
        if name == "checkpoint" {
            std::fs::create_dir_all(alone.path("log")).expect("a folder");
            std::fs::copy(desk.path("log/checkpoint"), to).expect("a copy");
        } else if name != "tile" {
            copy(&desk.path("log").join(name), &to);
        }
    }
    let verify = |key: &str| alone.zamok(["journal", "verify", "--files", "log", "--key", key, "--json"]);
    let sound = verify(&key).done().json();
    assert_eq!(
        (&sound["sound"], &sound["size"], &sound["leaves"]),
        (&true.into(), &told["size"], &told["size"])
    );
    // Without a key nothing is verified; the store has its own check.
    alone.zamok(["journal", "verify", "--files", "log", "--json"]).failed(2, 900, "usage");
    assert_eq!(desk.zamok(["journal", "verify", "--json"]).done().json()["sound"], true);

    let size = told["size"].as_u64().expect("a size");
    let bundle = alone.path(format!("log/tile/entries/000.p/{size}"));
    let mut bytes = std::fs::read(&bundle).expect("a bundle");
    bytes[60] ^= 1;
    std::fs::write(&bundle, bytes).expect("a bundle");
    let damaged = verify(&key);
    assert_eq!(damaged.exit, 1);
    assert!(
        damaged.json()["findings"][0].as_str().is_some_and(|finding| finding.starts_with("leaf 0 ")),
        "{damaged:?}"
    );
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            drop(std::fs::copy(entry.path(), target))
        }
    }
}

/// Python's own readers of CSV and JSON, with names that would command, compute or end a line.
#[test]
fn exports_are_read_by_other_programs_as_they_were_meant() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    for name in ["=cmd|'calc'!A0", "a,\"b\"", "line\nbreak", "\u{202e}txt.exe"] {
        desk.write(name, "text");
        desk.zamok(["sign", name, "--token-file", "token"]).done();
    }
    let told = desk.zamok(["journal", "export", "log.csv", "--format", "csv", "--json"]).done().json();
    desk.zamok(["journal", "export", "log.json"]).done();
    let size = told["size"].as_u64().expect("a size");
    let program = r"
import csv, json, sys
rows = list(csv.DictReader(open(sys.argv[1], newline='')))
lines = [json.loads(line) for line in open(sys.argv[2])]
assert len(rows) == int(sys.argv[3]) <= len(lines), (len(rows), len(lines))
for index, (row, line) in enumerate(zip(rows, lines)):
    assert int(row['index']) == line['index'] == index
    assert row['event'] == line['event'] and row['entry'] == line['id'] and row['digest'] == (line['digest'] or '')
    for cell in row.values():
        assert not cell[:1] in '=+-@\t\r' or cell == '', cell
        assert all(ord(letter) >= 32 for letter in cell) and '\u202e' not in cell, cell
told = [line['detail']['document'] for line in lines if line['event'] == 'signature.made']
print(json.dumps(told))
";
    let mut command = Command::new(harness::python());
    command.args(["-c", program]).arg(desk.path("log.csv")).arg(desk.path("log.json")).arg(size.to_string());
    let told: Vec<String> = serde_json::from_str(&harness::run(&mut command).done().stdout).expect("a list");
    assert_eq!(told.len(), 4);
    assert!(
        told.iter().any(|name| name.contains("=cmd")) && told.iter().any(|name| name.contains("line\nbreak"))
    );
    let raw = String::from_utf8(desk.read("log.csv")).expect("text");
    assert_eq!(u64::try_from(raw.split("\r\n").count()).ok(), Some(size + 2), "one line for each");
    // What is told of a part is told of the file; each command adds entries of its own.
    for (format, head) in [("csv", 1), ("json", 0)] {
        let part = ["journal", "export", "part", "--overwrite", "--format", format, "--from"];
        for (from, is_there) in [(size - 3, true), (size + 1000, false)] {
            let from = from.to_string();
            let held = || String::from_utf8(desk.read("part")).expect("text").lines().count() - head;
            let run = desk.zamok(part.iter().chain(&[from.as_str()])).done();
            assert!(run.stdout.starts_with(&format!("part holds {} entries of the log ", held())), "{run:?}");
            assert!(if is_there { (3..50).contains(&held()) } else { held() == 0 }, "{}", held());
            let object = desk.zamok(part.iter().chain(&[from.as_str(), "--json"])).done().json();
            assert_eq!(object["size"], held());
        }
    }
    let run = desk.zamok(["journal", "export", "tree", "--format", "tlog", "--without-entries"]).done();
    assert!(run.stdout.contains(" holds the tree over "), "{run:?}");
    let tail = desk.zamok(["journal", "tail", "--limit", "3", "--json"]).done().json();
    assert_eq!(tail["entries"].as_array().map(Vec::len), Some(3));
}

/// R36: whoever audits has a slot that opens the journal and nothing else.
#[test]
fn an_auditor_reads_verifies_and_exports_the_whole_log_with_the_auditors_slot_alone() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    desk.write("audit-words", "the auditor's own six words");
    let slot =
        ["slots", "add", "--role", "auditor", "--label", "audit", "--new-passphrase-file", "audit-words"];
    desk.zamok(slot).done();
    let key = text(&desk.zamok(["journal", "checkpoint", "--json"]).done().json(), "key");
    let auditor = |arguments: &[&str]| {
        let mut command = desk.command(["journal", "--as-auditor", "--json"].iter().chain(arguments));
        harness::run(command.env_remove("ZAMOK_PASSPHRASE").env("ZAMOK_PASSPHRASE_FILE", "audit-words"))
    };
    let tail = auditor(&["tail", "--limit", "100"]).done().json();
    let entries = tail["entries"].as_array().expect("entries");
    assert!(entries.iter().any(|entry| entry["event"] == "login.session-opened"), "{tail}");
    assert!(entries.iter().all(|entry| entry["detail"].is_object()), "details are the auditor's to read");
    assert_eq!(auditor(&["verify"]).done().json()["sound"], true);
    for format in ["json", "csv"] {
        auditor(&["export", "out", "--format", format, "--overwrite"]).done();
    }
    auditor(&["export", "log", "--format", "tlog"]).done();
    desk.zamok(["journal", "verify", "--files", "log", "--key", &key]).done();
    // What no checkpoint covers yet is in the log as well.
    desk.zamok(["login", "ivan", "--code", "000000"]);
    let size = |arguments: &[&str]| auditor(arguments).done().json()["size"].clone();
    assert_eq!(size(&["export", "out", "--overwrite"]), size(&["verify"]));
    // Nothing else opens for him.
    auditor(&["checkpoint"]).failed(2, 900, "usage");
    let mut as_user = desk.command(["keys", "list", "--json"]);
    as_user.env_remove("ZAMOK_PASSPHRASE").env("ZAMOK_PASSPHRASE_FILE", "audit-words");
    harness::run(&mut as_user).failed(4, 100, "rejected");
}

#[test]
fn a_tree_without_its_entries_tells_of_nobody_also_when_it_grows() {
    let (desk, phone) = Desk::enrolled("ivan");
    let export = |to: &str, more: &[&str]| {
        desk.zamok([&["journal", "export", to, "--format", "tlog"], more].concat()).done();
        desk.path(to).join("tile/entries").exists()
    };
    assert!(!export("tree", &["--without-entries"]));
    desk.log_in("ivan", &phone);
    assert!(!export("tree", &["--without-entries"]));
    assert!(desk.path("tree/checkpoint").exists() && desk.path("tree/tile/0").exists());
    assert!(export("log", &[]));
}

#[test]
fn what_withholds_entries_is_refused_where_entries_are_written() {
    let desk = Desk::new();
    for more in [&[][..], &["--format", "csv"], &["--log", "1"]] {
        let export = [&["journal", "export", "out", "--without-entries", "--json"], more].concat();
        desk.zamok(export).failed(2, 900, "usage");
        assert!(!desk.path("out").exists());
    }
    let export = ["journal", "export", "tree", "--format", "tlog", "--from", "3", "--json"];
    desk.zamok(export).failed(2, 900, "usage");
}

#[test]
fn files_of_a_log_are_gone_on_with_by_that_log_alone_and_never_backwards() {
    let (desk, other) = (Desk::new(), Desk::new());
    let export = |to: &str, more: &[&str]| {
        let begin = ["journal", "export", to, "--format", "tlog", "--json"];
        desk.zamok([&begin[..], more].concat())
    };
    other.zamok(["journal", "export", "log", "--format", "tlog"]).done();
    let theirs = other.path("log").display().to_string();
    let kept = other.read("log/checkpoint");
    export(&theirs, &[]).failed(5, 901, "file");
    assert_eq!(other.read("log/checkpoint"), kept);
    export(&theirs, &["--overwrite"]).done();
    assert_ne!(other.read("log/checkpoint"), kept);
    // A store that was put back does not take back what its files say.
    export("log", &[]).done();
    let before = desk.read("zamok.db");
    desk.zamok(["register", "ivan"]).done();
    export("log", &[]).done();
    let kept = desk.read("log/checkpoint");
    desk.write("zamok.db", before);
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(desk.path(format!("zamok.db{end}")));
    }
    export("log", &[]).failed(6, 451, "log-behind");
    assert_eq!(desk.read("log/checkpoint"), kept);
}

#[test]
fn entries_that_were_withheld_before_are_all_there_when_they_are_asked_for() {
    let desk = Desk::new();
    let letter = |number: u8| char::from(b'A' + number);
    let uris: Vec<_> = (0..26_u8)
        .flat_map(|one| (0..12_u8).map(move |other| (one, other)))
        .map(|(one, other)| {
            let secret = format!("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQO{}{}", letter(one), letter(other));
            format!("otpauth://totp/Bank:anna?secret={secret}&issuer=Bank")
        })
        .collect();
    desk.write("uris", uris.join("\n"));
    desk.zamok(["import", "uris"]).done();
    let export = ["journal", "export", "tree", "--format", "tlog", "--json"];
    desk.zamok([&export[..], &["--without-entries"]].concat()).done();
    let told = desk.zamok(export).done().json();
    assert!(told["size"].as_u64().is_some_and(|size| size > 256), "{told}");
    let verify = ["journal", "verify", "--files", "tree", "--key", &text(&told, "key"), "--json"];
    assert_eq!(desk.zamok(verify).done().json()["leaves"], told["size"]);
    desk.zamok([&export[..], &["--without-entries"]].concat()).failed(2, 900, "usage");
}

#[test]
fn what_witnesses_are_said_to_remember_is_what_they_tell() {
    use zamok::journal::{Anchor as _, TrustPolicy};
    let (desk, own) = (Desk::new(), Desk::empty());
    let key = text(&desk.zamok(["journal", "checkpoint", "--json"]).done().json(), "key");
    let init = ["witness", "init", "--name", "witness.example/w1", "--argon2-memory", "1", "--json"];
    let witness = text(&own.zamok(init).done().json(), "key");
    own.write("logs", format!("log {key}\nquorum none\n"));
    let serving = Serving::start(&own);
    let policy = format!("log {key}\nwitness w1 {witness} http://{}\nquorum w1\n", serving.address);
    desk.write("policy", &policy);
    let anchor = ["journal", "anchor", "--anchor-witnesses", "policy", "--json"];
    let told = desk.zamok(anchor).done().json();
    let client = zamok::witness::Client::new(TrustPolicy::parse(&policy).expect("a policy"));
    let remembered = client.last(&text(&told, "origin")).expect("an answer").expect("a checkpoint");
    assert_eq!(told["size"].as_u64(), Some(remembered.size));
}
