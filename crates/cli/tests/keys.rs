//! `zamok keys`: keys of the service from the command line, their signatures judged by OpenSSL, their life confirmed.
#![allow(missing_docs)]

mod harness;

use harness::{Desk, PASSPHRASE, Phone, Run, heard, peer, run};

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
