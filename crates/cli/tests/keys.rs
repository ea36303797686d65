//! `zamok keys`: keys of the service from the command line, their signatures judged by OpenSSL, their life confirmed.
#![allow(missing_docs)]

mod harness;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use harness::{Desk, PASSPHRASE, PASSWORD, Phone, Run, heard, peer, python, run};

struct Keys(Desk);

impl Keys {
    fn new() -> Self {
        Self(Desk::new())
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.0.zamok([&["keys"], arguments, &["--json"]].concat())
    }

    /// Makes or takes in a key; answers its id.
    #[track_caller]
    fn id(&self, arguments: &[&str]) -> String {
        self.run(arguments).done().json()["id"].as_str().unwrap().to_owned()
    }

    fn new_key(&self, kind: &str, purpose: &str, more: &[&str]) -> String {
        self.id(&[&["new", "--kind", kind, "--purpose", purpose], more].concat())
    }

    #[track_caller]
    fn shown(&self, key: &str) -> serde_json::Value {
        let told = self.run(&["show", key]).done().stdout;
        serde_json::from_str(told.lines().next().unwrap()).unwrap()
    }

    fn state(&self, key: &str) -> String {
        self.shown(key)["state"].as_str().unwrap().to_owned()
    }

    fn openssl(&self, arguments: &[&str]) -> String {
        heard(peer("openssl").args(arguments).current_dir(self.0.folder()))
    }
}

#[test]
fn signatures_of_stored_keys_are_those_that_openssl_verifies() {
    let keys = Keys::new();
    keys.0.write("contract", "we agree");
    for (kind, mechanism, options) in [
        ("p-256", "ecdsa-sha256", &["-sha256"][..]),
        ("p-384", "ecdsa-sha384", &["-sha384"]),
        ("rsa-2048", "rsa-pkcs1-sha256", &["-sha256"]),
        (
            "rsa-2048",
            "rsa-pss-sha384",
            &["-sha384", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:48"],
        ),
    ] {
        let key = keys.new_key(kind, "document", &["--label", kind]);
        let public = format!("{mechanism}.pem");
        let told = keys.run(&["public", &key, "--out", &public]).done().json();
        assert_eq!(told["file"], *public);
        assert_eq!(told["pem"].as_str().unwrap().as_bytes(), keys.0.read(&public));
        keys.run(&["sign", &key, "contract", "--mechanism", mechanism, "--overwrite"]).done();
        let verify =
            [&["dgst"], options, &["-verify", &public, "-signature", "contract.sig", "contract"]].concat();
        assert_eq!(keys.openssl(&verify), "Verified OK", "{mechanism}");
        keys.run(&["verify", &key, "contract", "--mechanism", mechanism]).done();
        keys.0.write("altered", "we agree not");
        let altered = ["verify", &key, "altered", "--signature", "contract.sig", "--mechanism", mechanism];
        keys.run(&altered).failed(1, 100, "rejected");
    }
    let key = keys.new_key("ed25519", "request", &[]);
    keys.run(&["public", &key, "--out", "public.pem"]).done();
    keys.run(&["sign", &key, "contract", "--overwrite"]).done();
    let verify = [
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "public.pem",
        "-rawin",
        "-in",
        "contract",
        "-sigfile",
        "contract.sig",
    ];
    assert_eq!(keys.openssl(&verify), "Signature Verified Successfully");
    keys.run(&["sign", &key, "contract", "--mechanism", "rsa-pss-sha256", "--overwrite"]).failed(
        2,
        307,
        "key-mechanism",
    );
}

#[test]
fn the_life_of_a_key_is_confirmed_where_it_ends_and_versions_verify_what_they_signed() {
    let keys = Keys::new();
    keys.0.write("text", "a text");
    let key = keys.new_key("p-256", "document", &["--label", "the signer"]);
    keys.run(&["sign", &key, "text", "--signature", "first"]).done();
    let rotated = keys.run(&["rotate", &key, "--reason", "due"]).done().json();
    assert_eq!(rotated["version"].as_u64(), Some(2));
    assert_eq!(keys.run(&["show", &key]).done().stdout.lines().count(), 2, "both versions are shown");
    keys.run(&["sign", &key, "text", "--signature", "second"]).done();
    for signature in ["first", "second"] {
        keys.run(&["verify", &key, "text", "--signature", signature]).done();
    }
    keys.run(&["suspend", &key, "--reason", "lost"]).done();
    keys.run(&["sign", &key, "text"]).failed(1, 305, "key-state");
    keys.run(&["resume", &key, "--reason", "found"]).done();
    keys.run(&["sign", &key, "text"]).done();
    let renamed = keys.run(&["rename", &key, "the old signer"]).done().json();
    assert_eq!(renamed["label"], "the old signer");
    let found = keys.run(&["list", "--label", "the old signer"]).done().json();
    assert_eq!(found["id"].as_str(), Some(key.as_str()));
    assert_eq!(keys.run(&["list", "--label", "the signer"]).done().stdout, "");
    // Nobody is there to confirm; the wrong id confirms nothing; the right one ends it for good.
    keys.run(&["destroy", &key, "--reason", "over"]).failed(2, 900, "usage");
    let other = "0".repeat(32);
    let asked = keys.0.zamok_reading(&format!("{other}\n"), ["keys", "destroy", &key, "--reason", "over"]);
    assert_eq!((asked.exit, keys.state(&key)), (2, "active".to_owned()), "{asked:?}");
    for typed in ["\n".to_owned(), format!("{}\n", &key[..8]), format!("{key}{key}\n"), "yes\n".to_owned()] {
        let asked = keys.0.zamok_reading(&typed, ["keys", "destroy", &key, "--reason", "over"]);
        assert_eq!((asked.exit, keys.state(&key)), (2, "active".to_owned()), "{asked:?}");
    }
    keys.0.zamok_reading(&format!("{key}\n"), ["keys", "destroy", &key, "--reason", "over"]).done();
    assert_eq!(keys.state(&key), "destroyed");
    keys.run(&["verify", &key, "text", "--signature", "first"]).failed(1, 305, "key-state");
    keys.run(&["show", &other]).failed(2, 301, "unknown-key");
    keys.run(&["show", "abc"]).failed(2, 900, "usage");
    // What others may know makes nothing more, and what bears its signature may be anybody's. There is no way back but the end.
    let known = keys.new_key("p-256", "document", &[]);
    keys.run(&["sign", &known, "text", "--signature", "before"]).done();
    keys.run(&["compromised", &known, "--reason", "a core file"]).failed(2, 900, "usage");
    let told = keys.run(&["compromised", &known, "--reason", "a core file", "--yes"]).done().json();
    assert_eq!(told["state"], "compromised");
    keys.run(&["sign", &known, "text", "--signature", "after"]).failed(1, 305, "key-state");
    keys.run(&["verify", &known, "text", "--signature", "before"]).failed(1, 305, "key-state");
    keys.run(&["resume", &known, "--reason", "found"]).failed(1, 305, "key-state");
    keys.run(&["destroy", &known, "--reason", "over", "--yes"]).done();
    let lasting = keys.new_key("hmac", "data", &["--indestructible"]);
    keys.run(&["destroy", &lasting, "--reason", "over", "--yes"]).failed(2, 313, "key-fixed");
}

#[test]
fn a_key_that_asks_for_an_authorisation_asks_for_the_secret_at_each_use() {
    let keys = Keys::new();
    keys.0.write("text", "a text");
    let key = keys.new_key("p-256", "document", &["--always-authenticate"]);
    // The secret lies in a variable: it is read once more, and the journal tells of both.
    keys.run(&["sign", &key, "text"]).done();
    keys.run(&["verify", &key, "text"]).done();
    let tail = keys.0.zamok(["journal", "tail", "--json"]).done().json();
    let events: Vec<_> =
        tail["entries"].as_array().unwrap().iter().map(|entry| entry["event"].as_str().unwrap()).collect();
    assert_eq!(events.iter().filter(|event| **event == "key.authorised").count(), 2, "{events:?}");
    // Or from a file.
    let mut command = keys.0.command(["keys", "sign", &key, "text"]);
    command.env_remove("ZAMOK_PASSPHRASE");
    keys.0.write("passphrase", PASSPHRASE);
    run(command.args(["--passphrase-file", "passphrase", "--overwrite"])).done();
    let shown = keys.shown(&key);
    assert!(shown["flags"].as_array().unwrap().iter().any(|flag| flag == "always-authenticate"), "{shown}");
    // It can be asked for later, and never be taken away.
    let plain = keys.new_key("p-256", "document", &[]);
    keys.run(&["narrow", &plain, "--with", "always-authenticate", "--yes"]).done();
    keys.run(&["narrow", &plain, "--without", "always-authenticate", "--yes"]).failed(2, 308, "key-widened");
}

#[test]
fn attributes_are_taken_away_and_a_copy_can_do_no_more() {
    let keys = Keys::new();
    keys.0.write("text", "a text");
    let key = keys.new_key("p-256", "document", &["--label", "both"]);
    keys.run(&["sign", &key, "text"]).done();
    let copy = keys.id(&["copy", &key, "--label", "checks alone", "--usages", "verify"]);
    keys.run(&["verify", &copy, "text"]).done();
    keys.run(&["sign", &copy, "text", "--overwrite"]).failed(2, 303, "key-usage");
    keys.run(&["copy", &copy, "--usages", "sign,verify"]).failed(2, 308, "key-widened");
    keys.run(&["narrow", &key, "--usages", "verify"]).failed(2, 900, "usage");
    keys.run(&["narrow", &key, "--usages", "verify", "--yes"]).done();
    keys.run(&["sign", &key, "text", "--overwrite"]).failed(2, 303, "key-usage");
    keys.run(&["narrow", &key, "--usages", "sign,verify", "--yes"]).failed(2, 308, "key-widened");
    let single = keys.new_key("p-256", "document", &["--no-copies"]);
    keys.run(&["copy", &single]).failed(2, 313, "key-fixed");
    keys.run(&["narrow", &key, "--usages", "fly", "--yes"]).failed(2, 900, "usage");
    keys.run(&["narrow", &key, "--valid-to", "1", "--yes"]).done();
}

#[test]
fn keys_leave_wrapped_for_trusted_keys_alone_and_come_in_as_they_were_or_as_they_are_called() {
    let keys = Keys::new();
    let wrapper = keys.new_key("aes-256", "wrapping", &["--label", "the wrapper"]);
    let stays = keys.new_key("hmac", "data", &[]);
    let leaves = keys.new_key("p-256", "document", &["--label", "traveller", "--wrappable"]);
    let wrap = |key: &str, out: &str| keys.run(&["wrap", key, "--by", &wrapper, "--out", out]);
    wrap(&stays, "out").failed(2, 309, "key-not-wrappable");
    wrap(&leaves, "out").failed(2, 310, "key-not-trusted");
    keys.run(&["trust", &wrapper, "--reason", "ceremony"]).failed(2, 900, "usage");
    keys.run(&["trust", &wrapper, "--reason", "ceremony", "--yes"]).done();
    wrap(&leaves, "out").done();
    wrap(&leaves, "out").failed(5, 901, "file");
    assert!(!keys.0.path("nothing").exists());
    let back = keys.id(&["unwrap", "out", "--by", &wrapper]);
    let (before, after) = (keys.shown(&leaves), keys.shown(&back));
    assert_eq!((&before["label"], &before["public_key"]), (&after["label"], &after["public_key"]));
    let flags = |info: &serde_json::Value| info["flags"].to_string();
    assert!(!flags(&after).contains("local") && !flags(&keys.shown(&leaves)).contains("never-extracted"));
    let mut altered = keys.0.read("out");
    *altered.last_mut().unwrap() ^= 1;
    keys.0.write("altered", altered);
    keys.run(&["unwrap", "altered", "--by", &wrapper]).failed(1, 100, "rejected");
    // Key wrap with padding, as others have it: it says nothing of the key.
    let kwp = ["wrap", &leaves, "--by", &wrapper, "--form", "aes-kwp", "--out", "kwp"];
    keys.run(&kwp).done();
    keys.run(&["unwrap", "kwp", "--by", &wrapper, "--form", "aes-kwp"]).failed(2, 900, "usage");
    let named =
        ["unwrap", "kwp", "--by", &wrapper, "--form", "aes-kwp", "--kind", "p-256", "--purpose", "document"];
    let back = keys.id(&named);
    assert_eq!(keys.shown(&back)["public_key"], before["public_key"]);
    let wrong = [
        "unwrap",
        "kwp",
        "--by",
        &wrapper,
        "--form",
        "aes-kwp",
        "--kind",
        "rsa-2048",
        "--purpose",
        "document",
    ];
    keys.run(&wrong).failed(2, 315, "key-material");
}

#[test]
fn keys_of_openssl_are_taken_in_and_marked_as_not_made_here() {
    let keys = Keys::new();
    keys.0.write("text", "a text");
    for (name, arguments) in [
        ("ec", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"][..]),
        ("rsa", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
        ("ed", &["-algorithm", "ED25519"]),
    ] {
        keys.openssl(&[&["genpkey", "-out", name], arguments].concat());
        keys.openssl(&["pkey", "-in", name, "-pubout", "-out", "theirs.pem"]);
        let key = keys.id(&["import", name, "--form", "pkcs8", "--purpose", "document", "--label", name]);
        let public = keys.run(&["public", &key]).done().json();
        assert_eq!(public["pem"].as_str().unwrap().trim().as_bytes(), keys.0.read("theirs.pem").trim_ascii());
        keys.run(&["sign", &key, "text", "--overwrite"]).done();
        let flags = keys.shown(&key)["flags"].to_string();
        assert!(!flags.contains("local") && !flags.contains("always-sensitive"), "{flags}");
        let other = keys.id(&["import", "theirs.pem", "--form", "spki", "--purpose", "document"]);
        keys.run(&["verify", &other, "text"]).done();
        keys.run(&["sign", &other, "text", "--overwrite"]).failed(2, 302, "key-kind");
    }
    // Bytes of a key may end like a line.
    keys.0.write("raw", [&[7_u8; 31][..], b"\n"].concat());
    keys.run(&["import", "raw", "--form", "aes-256", "--purpose", "data"]).done();
    keys.0.write("junk", "no key");
    keys.run(&["import", "junk", "--form", "pkcs8", "--purpose", "document"]).failed(2, 315, "key-material");
    keys.run(&["import", "ec", "--form", "pkcs8", "--purpose", "data"]).failed(2, 304, "key-purpose");
    keys.run(&["import", "ec", "--form", "pkcs8"]).failed(2, 900, "usage");
    keys.run(&["import", "none", "--form", "pkcs8", "--purpose", "document"]).failed(5, 901, "file");
}

#[test]
fn the_vault_stands_in_for_an_authenticator_app() {
    let keys = Keys::new();
    keys.0.write(
        "uri",
        "otpauth://hotp/Bank:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&counter=0&issuer=Bank\n",
    );
    let key = keys.id(&["import", "uri", "--form", "otpauth"]);
    assert_eq!(keys.shown(&key)["usages"], serde_json::json!(["generate-code"]));
    // RFC 4226 appendix D.
    for expected in ["755224", "287082", "359152"] {
        assert_eq!(keys.run(&["code", &key]).done().json()["code"], expected);
    }
    let uri = "otpauth://totp/Bank:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&algorithm=SHA256&digits=8&period=30";
    keys.0.write("time", uri);
    let timed = keys.id(&["import", "time", "--form", "otpauth", "--label", "the bank"]);
    // A step may end between the two: then the next try is within one.
    let agrees = (0..5).any(|_| {
        let phone = Phone::scan(uri);
        keys.run(&["code", &timed]).done().json()["code"] == phone.code(0).as_str()
    });
    assert!(agrees);
    // As many services still show them: 80 bits.
    keys.0.write("short", "otpauth://totp/Shop:anna?secret=GEZDGNBVGY3TQOJQ&issuer=Shop");
    keys.run(&["import", "short", "--form", "otpauth"]).failed(2, 203, "secret-too-short");
    let short = keys.id(&["import", "short", "--form", "otpauth", "--accept-guessable"]);
    keys.run(&["code", &short]).done();
    // The codes of people are not made here.
    keys.0.enrol("ivan");
    let listed = keys.run(&["list"]).done().stdout;
    let of_ivan = listed.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let of_ivan =
        of_ivan.into_iter().find(|info| info["usages"] == serde_json::json!(["verify-code"])).unwrap();
    keys.run(&["code", of_ivan["id"].as_str().unwrap()]).failed(2, 303, "key-usage");
    keys.0.write("junk", "otpauth://totp/");
    assert_eq!(keys.run(&["import", "junk", "--form", "otpauth"]).exit, 2);
}

#[test]
fn a_version_that_was_rotated_away_serves_for_as_long_as_was_said() {
    let keys = Keys::new();
    keys.0.write("text", "a text");
    let key = keys.new_key("p-256", "document", &[]);
    keys.run(&["sign", &key, "text", "--signature", "first"]).done();
    keys.run(&["rotate", &key, "--reason", "it leaked", "--accept", "0"]).done();
    keys.run(&["sign", &key, "text", "--signature", "second"]).done();
    keys.run(&["verify", &key, "text", "--signature", "second"]).done();
    assert_ne!(keys.run(&["verify", &key, "text", "--signature", "first"]).exit, 0);
    let told = keys.run(&["show", &key]).done().stdout;
    let ends = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["accept_until"].is_u64();
    assert_eq!(told.lines().map(ends).collect::<Vec<_>>(), [false, true], "{told}");
}

#[test]
fn every_use_of_an_audited_key_is_journalled() {
    let keys = Keys::new();
    keys.0.write("text", "a text");
    let made = || {
        let tail = keys.0.zamok(["journal", "tail", "--limit", "1000", "--json"]).done().json();
        tail["entries"].as_array().unwrap().iter().filter(|entry| entry["event"] == "signature.made").count()
    };
    let quiet = keys.new_key("p-256", "request", &[]);
    keys.run(&["sign", &quiet, "text", "--overwrite"]).done();
    assert_eq!(made(), 0);
    let audited = keys.new_key("p-256", "request", &["--audited"]);
    assert!(keys.shown(&audited)["flags"].as_array().unwrap().contains(&serde_json::json!("audited")));
    for times in 1..=2 {
        keys.run(&["sign", &audited, "text", "--overwrite"]).done();
        assert_eq!(made(), times);
    }
}

#[test]
fn a_key_of_access_tokens_signs_no_text_by_the_way() {
    let keys = Keys::new();
    keys.0.write("text", "a text");
    let key = keys.new_key("p-256", "token", &[]);
    keys.run(&["sign", &key, "text"]).failed(2, 304, "key-purpose");
    assert!(!keys.0.path("text.sig").exists());
    keys.run(&["sign", &key, "text", "--purpose", "document"]).failed(2, 304, "key-purpose");
    keys.run(&["sign", &key, "text", "--purpose", "token"]).done();
    keys.run(&["verify", &key, "text"]).done();
}

#[test]
fn the_public_key_of_another_vault_is_taken_in_as_it_was_printed_and_keys_leave_under_it() {
    let keys = Keys::new();
    for kind in ["x25519", "p-256-agreement"] {
        let own = keys.new_key(kind, "wrapping", &[]);
        let (pem, out) = (format!("{kind}.pem"), format!("{kind}.wrapped"));
        keys.run(&["public", &own, "--out", &pem]).done();
        let peer = keys.id(&["import", &pem, "--form", "spki", "--purpose", "wrapping"]);
        keys.run(&["trust", &peer, "--reason", "met in person", "--yes"]).done();
        let leaves = keys.new_key("ed25519", "request", &["--wrappable"]);
        keys.run(&["wrap", &leaves, "--by", &peer, "--form", "envelope-to", "--out", &out]).done();
        let back = keys.id(&["unwrap", &out, "--by", &own, "--form", "envelope-to"]);
        assert_eq!(keys.shown(&back)["public_key"], keys.shown(&leaves)["public_key"]);
    }
}

#[test]
fn what_is_kept_is_read_back_byte_for_byte_and_a_secret_is_not() {
    let keys = Keys::new();
    let bytes = b"\x00\x1b[31m\xff\r\na line\n".to_vec();
    keys.0.write("kept", &bytes);
    let key = keys.id(&["import", "kept", "--form", "data", "--purpose", "data", "--label", "a licence"]);
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let read = |key: &str| keys.run(&["read", key]);
    assert_eq!(read(&key).done().json(), serde_json::json!({"id": key, "content": digits, "file": null}));
    // As it stands, for another program; in a file for its owner's eyes, and in the place of no other.
    let piped = keys.0.command(["keys", "read", &key]).output().unwrap();
    assert_eq!((piped.status.code(), &piped.stdout), (Some(0), &bytes));
    let told = keys.run(&["read", &key, "--out", "back"]).done().json();
    assert_eq!(told, serde_json::json!({"id": key, "content": null, "file": "back"}));
    assert_eq!(keys.0.read("back"), bytes);
    assert_eq!(fs::metadata(keys.0.path("back")).unwrap().permissions().mode() & 0o777, 0o600);
    keys.run(&["read", &key, "--out", "back"]).failed(5, 901, "file");
    read(&keys.new_key("hmac", "data", &[])).failed(2, 302, "key-kind");
    read(&keys.new_key("p-256", "document", &[])).failed(2, 302, "key-kind");
    // Whoever reads shows the secret once more where the key asks for it, and is journalled.
    keys.run(&["narrow", &key, "--with", "audited,always-authenticate", "--yes"]).done();
    read(&key).done();
    let tail = keys.0.zamok(["journal", "tail"]).done().stdout;
    assert!(tail.contains("key.authorised") && tail.contains("key.used"), "{tail}");
    keys.run(&["suspend", &key, "--reason", "in doubt"]).done();
    read(&key).failed(1, 305, "key-state");
}

#[test]
fn what_is_kept_is_not_shown_at_a_terminal_which_would_obey_it() {
    let keys = Keys::new();
    keys.0.write("kept", "\u{1b}]0;title\u{7}");
    let key = keys.id(&["import", "kept", "--form", "data", "--purpose", "data"]);
    let program = r"
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
told = b''
try:
    while rest := os.read(terminal, 4096):
        told += rest
except OSError:
    pass
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told.decode())
";
    let inner = keys.0.command(["keys", "read", &key]);
    let mut command = peer(python());
    command.args(["-c", program]).arg(inner.get_program()).args(inner.get_args());
    command.current_dir(keys.0.folder()).env("ZAMOK_STORE", &keys.0.store);
    command.env("ZAMOK_PASSPHRASE", PASSPHRASE).env("ZAMOK_PASSWORD", PASSWORD);
    let told = run(&mut command).done().stdout;
    assert!(told.starts_with("2 ") && told.contains("--out") && !told.contains('\u{1b}'), "{told:?}");
}

#[test]
fn a_key_serves_from_its_first_day_to_its_last() {
    // In the year 2603.
    const LATER: &str = "20000000000";
    let keys = Keys::new();
    keys.0.write("text", "a text");
    let sign = |dates: &[&str]| {
        let key = keys.new_key("p-256", "document", dates);
        (keys.run(&["sign", &key, "text", "--overwrite"]), key)
    };
    sign(&["--valid-from", LATER]).0.failed(1, 312, "key-not-valid");
    sign(&["--valid-to", "1"]).0.failed(1, 312, "key-not-valid");
    let (signed, key) = sign(&["--valid-from", "1", "--valid-to", LATER]);
    signed.done();
    let shown = keys.shown(&key);
    let dates = ["valid_from", "valid_to"].map(|name| shown[name].as_u64());
    assert_eq!(dates, [Some(1), Some(20_000_000_000)]);
    // The beginning that was given is only put off, as the end is brought forward.
    keys.run(&["narrow", &key, "--valid-from", "0", "--yes"]).failed(2, 308, "key-widened");
    keys.run(&["narrow", &key, "--valid-from", "19999999999", "--yes"]).done();
    keys.run(&["sign", &key, "text", "--overwrite"]).failed(1, 312, "key-not-valid");
    keys.run(&["narrow", &key, "--valid-to", "20000000001", "--yes"]).failed(2, 308, "key-widened");
    for end in ["0", "1"] {
        let never = ["new", "--kind", "hmac", "--purpose", "data", "--valid-from", "1", "--valid-to", end];
        keys.run(&never).failed(2, 900, "usage");
    }
    // What is taken in has its dates as well; what is kept is read after its last day.
    let kept = |dates: &[&str]| {
        let import = ["import", "text", "--form", "data", "--purpose", "data"];
        let key = keys.id(&[&import[..], dates].concat());
        keys.run(&["read", &key])
    };
    kept(&["--valid-to", "1"]).done();
    kept(&["--valid-from", LATER]).failed(1, 312, "key-not-valid");
    let uri = "otpauth://hotp/Bank:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&counter=0&issuer=Bank";
    keys.0.write("uri", uri);
    let app = keys.id(&["import", "uri", "--form", "otpauth", "--valid-to", "1"]);
    keys.run(&["code", &app]).failed(1, 312, "key-not-valid");
}

#[test]
fn what_is_taken_in_may_and_costs_what_is_asked_for_as_what_is_made() {
    const MARKS: [&str; 5] =
        ["--wrappable", "--audited", "--always-authenticate", "--no-copies", "--indestructible"];
    let keys = Keys::new();
    let uri = "otpauth://hotp/Bank:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&counter=0&issuer=Bank";
    keys.0.write("uri", uri);
    keys.0.write("secret", [7_u8; 32]);
    let flags = |key: &str| {
        let shown = keys.shown(key);
        let flags = shown["flags"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap().to_owned());
        flags.collect::<Vec<_>>()
    };
    for import in [
        &["import", "secret", "--form", "hmac", "--purpose", "data"][..],
        &["import", "uri", "--form", "otpauth"],
    ] {
        let usual = flags(&keys.id(import));
        assert!(usual.contains(&"copyable".into()) && usual.contains(&"destroyable".into()), "{usual:?}");
        let marked = flags(&keys.id(&[import, &MARKS].concat()));
        for (name, is_there) in [
            ("wrappable", true),
            ("audited", true),
            ("always-authenticate", true),
            ("copyable", false),
            ("destroyable", false),
        ] {
            assert_eq!(marked.iter().any(|flag| flag == name), is_there, "{name}: {marked:?}");
            assert_ne!(usual.iter().any(|flag| flag == name), is_there, "{name}: {usual:?}");
        }
    }
}

#[test]
fn an_account_signs_on_with_the_next_version_of_a_document_key_that_others_know() {
    let keys = Keys::new();
    let phone = keys.0.enrol("ivan");
    keys.0.log_in("ivan", &phone);
    keys.0.write("note", "a text");
    let sign = |signature: &str| {
        keys.0.zamok(["sign", "note", "--token-file", "token", "--signature", signature, "--json"])
    };
    let verify = |signature: &str| {
        keys.0.zamok(["verify", "note", "--login", "ivan", "--signature", signature, "--json"])
    };
    sign("before").done();
    verify("before").done();
    // As docs/operations.md, "A compromise", says.
    let listed = keys.run(&["list", "--label", "documents"]).done().stdout;
    let ids =
        listed.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].clone());
    let ids: Vec<serde_json::Value> = ids.collect();
    assert!(!ids.is_empty());
    for id in &ids {
        let id = id.as_str().unwrap();
        keys.run(&["rotate", id, "--reason", "the store was copied", "--accept", "0"]).done();
    }
    verify("before").failed(1, 100, "rejected");
    sign("after").done();
    verify("after").done();
}
