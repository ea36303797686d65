//! The ways into a vault through the program: a key in a PKCS#11 token (the real SoftHSM, made by its own tools and looked
//! at with OpenSC's), shares in several hands, a PIN with a device's secret, a key file.
#![allow(missing_docs)]

mod harness;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use harness::{Desk, Run, heard, peer, run};
use zamok::store::{RowKey, Table};
use zamok::{Options, StoreUrl};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "648219";

/// A desk whose programs see tokens of their own.
struct Tokens {
    desk: Desk,
    configuration: PathBuf,
}

impl Tokens {
    fn new() -> Self {
        let desk = Desk::new();
        desk.write("pin", PIN);
        desk.write("wrong-pin", "111111");
        let tokens = Self { configuration: desk.path("softhsm2.conf"), desk };
        tokens.plug("tokens");
        tokens
    }

    /// Which folder of tokens is there now.
    fn plug(&self, name: &str) {
        let folder = self.desk.path(name);
        fs::create_dir_all(&folder).unwrap();
        let text = format!("directories.tokendir = {}\nobjectstore.backend = file\n", folder.display());
        fs::write(&self.configuration, text).unwrap();
    }

    fn peer(&self, program: &str) -> Command {
        let mut command = peer(program);
        command.env("SOFTHSM2_CONF", &self.configuration);
        command
    }

    fn opensc(&self, token: &str, arguments: &[&str]) -> String {
        let login = ["--module", MODULE, "--login", "--pin", PIN, "--token-label", token];
        heard(self.peer("pkcs11-tool").args(login).args(arguments))
    }

    /// A new token; answers its serial number.
    fn make(&self, label: &str) -> String {
        let before = self.listed();
        heard(self.peer("softhsm2-util").args([
            "--init-token",
            "--free",
            "--label",
            label,
            "--pin",
            PIN,
            "--so-pin",
            "123456",
        ]));
        let uri = self.listed().into_iter().find(|uri| !before.contains(uri)).expect("a new token is listed");
        let serial = uri.split(';').find_map(|part| part.strip_prefix("serial="));
        serial.expect("a serial number").split('?').next().unwrap().to_owned()
    }

    fn listed(&self) -> Vec<String> {
        let told = self.zamok(&["slots", "tokens", "--pkcs11-module", MODULE, "--json"]).done().json();
        told["tokens"].as_array().unwrap().iter().map(|uri| uri.as_str().unwrap().to_owned()).collect()
    }

    fn zamok(&self, arguments: &[&str]) -> Run {
        let mut command = self.desk.command(arguments);
        command.env("SOFTHSM2_CONF", &self.configuration).env("ZAMOK_PKCS11_MODULE", MODULE);
        run(&mut command)
    }

    /// Opens the vault through a slot, and does nothing.
    fn opens(&self, uri: &str, pin: &str) -> Run {
        self.zamok(&["keys", "list", "--pkcs11", uri, "--pkcs11-pin-file", pin, "--json"])
    }

    fn add(&self, uri: &str, more: &[&str]) -> Run {
        let add =
            ["slots", "add", "--role", "user", "--new-pkcs11", uri, "--new-pkcs11-pin-file", "pin", "--json"];
        self.zamok(&[&add[..], more].concat())
    }

    /// Failures at a slot, as everybody can see them.
    fn failures(&self, slot: u64) -> u64 {
        let slots = self.zamok(&["slots", "list", "--json"]).done().json();
        let slots = slots["slots"].as_array().unwrap();
        let found = slots.iter().find(|found| found["slot"].as_u64() == Some(slot)).unwrap();
        found["failures"].as_u64().unwrap()
    }
}

/// The vault opened.
#[track_caller]
fn is_open(run: &Run) {
    assert_eq!(run.exit, 0, "{run:?}");
}

#[test]
fn a_key_in_a_token_opens_its_slot_with_the_right_pin_and_an_attempt_is_charged_before_the_token_is_asked() {
    let tokens = Tokens::new();
    tokens.make("vault");
    let uri = "pkcs11:token=vault;object=zamok";
    assert_eq!(
        tokens.add(uri, &["--label", "the card", "--make-key"]).done().json()["slot"].as_u64(),
        Some(2)
    );
    // Another program sees a key that signs and stays.
    let shown = tokens.opensc("vault", &["--list-objects", "--type", "secrkey"]);
    assert!(shown.contains("label:      zamok") && shown.contains("never extractable"), "{shown}");
    is_open(&tokens.opens(uri, "pin"));
    assert_eq!(tokens.failures(2), 0);
    tokens.opens(uri, "wrong-pin").failed(4, 420, "token-pin");
    assert_eq!(tokens.failures(2), 1);
    is_open(&tokens.opens(uri, "pin"));
    assert_eq!(tokens.failures(2), 0, "a success forgives");
    // Also a token that is not there uses an attempt up, so that nobody learns by pulling it out.
    tokens.plug("none");
    tokens.opens(uri, "pin").failed(4, 417, "token-absent");
    assert_eq!(tokens.failures(2), 1);
    tokens.plug("tokens");
    for failures in 2..=6 {
        tokens.opens(uri, "wrong-pin").failed(4, 420, "token-pin");
        assert_eq!(tokens.failures(2), failures);
    }
    // Delayed: the token is not asked at all; a module that cannot even be loaded is not noticed.
    tokens.opens(uri, "pin").failed(4, 402, "unlock-not-before");
    let nowhere = "pkcs11:token=vault;object=zamok?module-path=/no/such/module.so";
    tokens.opens(nowhere, "pin").failed(4, 402, "unlock-not-before");
    tokens.zamok(&["slots", "reset", "2"]).done();
    tokens.opens(nowhere, "pin").failed(5, 416, "token-module");
    is_open(&tokens.opens(uri, "pin"));
    // The journal tells of failures, and no PIN is anywhere in the store.
    let store = tokens.desk.read("zamok.db");
    assert!(!store.windows(PIN.len()).any(|part| part == PIN.as_bytes()));
    // Without a file the PIN comes from the variable, or from the URI's source.
    let mut command = tokens.desk.command(["keys", "list", "--pkcs11", uri]);
    command.env("SOFTHSM2_CONF", &tokens.configuration).env("ZAMOK_PKCS11_MODULE", MODULE);
    is_open(&run(command.env("ZAMOK_PKCS11_PIN", PIN)));
    let source = format!("{uri}?module-path={MODULE}&pin-source=file:{}", tokens.desk.path("pin").display());
    is_open(&tokens.zamok(&["keys", "list", "--pkcs11", &source]));
}

#[test]
fn a_key_that_was_removed_or_is_another_of_the_same_name_opens_nothing() {
    let tokens = Tokens::new();
    let serial = tokens.make("vault");
    let uri = "pkcs11:token=vault;object=zamok";
    tokens.add(uri, &["--make-key"]).done();
    is_open(&tokens.opens(uri, "pin"));
    // Another token of the same name, with a key of the same name: one has to say which is meant.
    let other = tokens.make("vault");
    assert_ne!(serial, other);
    tokens.opens(uri, "pin").failed(2, 418, "token-ambiguous");
    let exact = |serial: &str| format!("pkcs11:token=vault;serial={serial};object=zamok");
    is_open(&tokens.opens(&exact(&serial), "pin"));
    tokens.opens(&exact(&other), "pin").failed(4, 419, "token-no-key");
    heard(tokens.peer("pkcs11-tool").args(["--module", MODULE, "--login", "--pin", PIN, "--keygen"]).args([
        "--key-type",
        "GENERIC:32",
        "--label",
        "zamok",
        "--sensitive",
        "--usage-sign",
        "--slot",
        &slot_of(&tokens, &other),
    ]));
    tokens.opens(&exact(&other), "pin").failed(4, 100, "rejected");
    // A copy of the right token's folder is the right token: what opens is what it holds, not where it lies.
    is_open(&tokens.opens(&exact(&serial), "pin"));
    heard(
        tokens
            .peer("pkcs11-tool")
            .args(["--module", MODULE, "--login", "--pin", PIN, "--delete-object"])
            .args(["--type", "secrkey", "--label", "zamok", "--slot", &slot_of(&tokens, &serial)]),
    );
    tokens.opens(&exact(&serial), "pin").failed(4, 419, "token-no-key");
    // The officer gives the slot another secret, and the vault goes on.
    tokens.zamok(&["slots", "reset", "2"]).done();
    let change = ["slots", "change", "2", "--new-pkcs11", &exact(&other), "--new-pkcs11-pin-file", "pin"];
    tokens.zamok(&change).done();
    is_open(&tokens.opens(&exact(&other), "pin"));
}

/// The number of the slot in which a token lies, as OpenSC counts.
fn slot_of(tokens: &Tokens, serial: &str) -> String {
    let shown = heard(tokens.peer("pkcs11-tool").args(["--module", MODULE, "--list-slots"]));
    let slots: Vec<_> = shown.split("Slot ").collect();
    let slot = slots.iter().find(|slot| slot.contains(serial)).unwrap_or_else(|| panic!("{shown}"));
    let (_, number) = slot.split_once('(').unwrap();
    number.split_once(')').unwrap().0.to_owned()
}

trait Plainly {
    fn failed_plainly(&self, exit: i32, words: &str);
}

impl Plainly for Run {
    #[track_caller]
    fn failed_plainly(&self, exit: i32, words: &str) {
        assert_eq!(self.exit, exit, "{self:?}");
        assert!(self.stderr.contains(words), "{self:?}");
    }
}

#[test]
fn only_keys_that_stay_in_the_token_are_taken_and_mistakes_have_their_own_answers() {
    let tokens = Tokens::new();
    tokens.make("vault");
    let keygen = ["--keygen", "--key-type", "GENERIC:32", "--usage-sign"];
    tokens.opensc("vault", &[&keygen[..], &["--label", "open", "--extractable"]].concat());
    tokens.add("pkcs11:token=vault;object=open", &[]).failed(2, 423, "token-key-unfit");
    tokens.opensc("vault", &["--keygen", "--key-type", "AES:32", "--sensitive", "--label", "aes"]);
    tokens.add("pkcs11:token=vault;object=aes", &[]).failed(2, 423, "token-key-unfit");
    tokens.add("pkcs11:token=vault;object=none", &[]).failed(4, 419, "token-no-key");
    tokens.add("pkcs11:token=nowhere;object=none", &[]).failed(4, 417, "token-absent");
    tokens.add("pkcs11:token=vault;object=mine", &["--make-key"]).done();
    tokens.add("pkcs11:token=vault;object=mine", &["--make-key"]).failed(2, 424, "token-key-exists");
    // One key may open several slots, each with a salt of its own.
    tokens.add("pkcs11:token=vault;object=mine", &[]).done();
    is_open(&tokens.zamok(&[
        "keys",
        "list",
        "--pkcs11",
        "pkcs11:object=mine",
        "--pkcs11-pin-file",
        "pin",
        "--slot",
        "3",
    ]));
    tokens.add("pkcs11:token=vault", &[]).failed(2, 425, "token-uri");
    // A PIN in an argument is told off, wherever it stands.
    for arguments in [
        ["keys", "list", "--pkcs11", "pkcs11:object=mine?pin-value=648219"],
        ["keys", "list", "--pkcs11-pin", "648219"],
    ] {
        tokens.zamok(&arguments).failed_plainly(2, "never an argument");
    }
    let mut command = tokens.desk.command(["keys", "list", "--pkcs11", "pkcs11:object=mine"]);
    run(command.env("ZAMOK_PKCS11_PIN", PIN).env("SOFTHSM2_CONF", &tokens.configuration))
        .failed_plainly(2, "names no module");
    // A token without a PIN.
    heard(
        tokens
            .peer("pkcs11-tool")
            .args(["--module", MODULE, "--init-token", "--slot-index", "1"])
            .args(["--label", "bare", "--so-pin", "123456"]),
    );
    tokens.add("pkcs11:token=bare;object=mine", &["--make-key"]).failed(4, 422, "token-pin-unset");
    // Slots of two sorts beside each other: the passphrase still opens its own, and the token's slot goes.
    tokens.zamok(&["slots", "remove", "2"]).done();
    tokens.zamok(&["slots", "remove", "3"]).done();
    tokens.opens("pkcs11:token=vault;object=mine", "pin").failed(4, 411, "slot-method");
    is_open(&tokens.zamok(&["keys", "list", "--json"]));
}

#[test]
fn a_vault_is_made_with_a_token_alone() {
    let tokens = Tokens::new();
    tokens.make("vault");
    tokens.add("pkcs11:token=vault;object=zamok", &["--make-key"]).done();
    let mut command =
        tokens.desk.command(["init", "--pkcs11", "pkcs11:object=zamok", "--pkcs11-pin-file", "pin"]);
    command.env("SOFTHSM2_CONF", &tokens.configuration).env("ZAMOK_PKCS11_MODULE", MODULE);
    command.env("ZAMOK_STORE", "sqlite:second.db").env_remove("ZAMOK_PASSPHRASE");
    run(&mut command).done();
    let doctor = ["doctor", "--pkcs11", "pkcs11:object=zamok", "--pkcs11-pin-file", "pin", "--json"];
    let mut command = tokens.desk.command(doctor);
    command.env("SOFTHSM2_CONF", &tokens.configuration).env("ZAMOK_PKCS11_MODULE", MODULE);
    command.env("ZAMOK_STORE", "sqlite:second.db").env_remove("ZAMOK_PASSPHRASE");
    let checks = run(&mut command).json();
    assert_eq!(checks["sound"], true, "{checks}");
}

#[test]
fn shares_of_several_people_open_a_slot_and_too_few_altered_or_foreign_ones_do_not() {
    let desk = Desk::new();
    fs::create_dir(desk.path("one")).unwrap();
    fs::create_dir(desk.path("two")).unwrap();
    let add = |folder: &str, split: &str| {
        desk.zamok(["slots", "add", "--role", "user", "--split", split, "--out-dir", folder, "--json"])
    };
    let made = add("one", "2/3").done().json();
    assert_eq!((made["slot"].as_u64(), made["shares"].as_array().unwrap().len()), (Some(2), 3));
    for share in ["share-1", "share-2", "share-3"] {
        let path = desk.path("one").join(share);
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let open = |shares: &[&str]| {
        let shares = shares.iter().flat_map(|share| ["--shares", share]);
        let arguments: Vec<_> = ["keys", "list", "--json"].into_iter().chain(shares).collect();
        desk.zamok(arguments)
    };
    for pair in
        [["one/share-1", "one/share-2"], ["one/share-3", "one/share-1"], ["one/share-2", "one/share-3"]]
    {
        is_open(&open(&pair));
    }
    is_open(&open(&["one/share-1", "one/share-2", "one/share-3"]));
    open(&["one/share-1"]).failed(1, 432, "share-few");
    open(&["one/share-1", "one/share-1"]).failed(1, 434, "share-twice");
    // All in one file, in small letters, with blank lines: as people copy them.
    let text = |name: &str| String::from_utf8(desk.read(name)).unwrap();
    desk.write("all", format!("{}\n\n{}", text("one/share-1").to_lowercase(), text("one/share-3")));
    is_open(&open(&["all"]));
    // A slip of the pen: the file and the line are named.
    let slip = text("one/share-2");
    let at = slip.find('\n').unwrap() + 38;
    let (before, after) = slip.split_at(at);
    let swapped = if after.starts_with('A') { 'B' } else { 'A' };
    desk.write("slip", format!("{before}{swapped}{}", &after[1..]));
    let told = open(&["one/share-1", "slip"]);
    told.failed(1, 431, "share-line");
    assert!(told.stdout.contains("slip: "), "{told:?}");
    desk.write("cut", text("one/share-2").lines().take(4).collect::<Vec<_>>().join("\n"));
    open(&["one/share-1", "cut"]).failed(1, 430, "share-length");
    // Of another set, for another slot.
    add("two", "3/5").done();
    open(&["one/share-1", "two/share-2"]).failed(1, 433, "share-mixed");
    let second = ["two/share-5", "two/share-2", "two/share-4"];
    open(&second).failed(4, 100, "rejected");
    let with_slot =
        ["keys", "list", "--slot", "3", "--shares", second[0], "--shares", second[1], "--shares", second[2]];
    is_open(&desk.zamok(with_slot));
    // Nothing is replaced, nothing is half made; impossible numbers are refused.
    let before = desk.read("one/share-1");
    let slots = || desk.zamok(["slots", "list", "--json"]).done().json()["slots"].as_array().unwrap().len();
    assert_eq!((add("one", "2/2").exit, slots()), (5, 4));
    assert_eq!(desk.read("one/share-1"), before);
    add("two/none", "2/3").failed(5, 901, "file");
    fs::create_dir(desk.path("three")).unwrap();
    for impossible in ["1/3", "4/3", "2/0"] {
        add("three", impossible).failed(2, 435, "share-split");
    }
    add("three", "two").failed(2, 900, "usage");
    assert_eq!((fs::read_dir(desk.path("three")).unwrap().count(), slots()), (0, 4));
    // Another set for the same slot: the old shares open no more. And the slot goes.
    desk.zamok(["slots", "change", "2", "--split", "2/2", "--out-dir", "three"]).done();
    open(&["one/share-1", "one/share-2"]).failed(4, 100, "rejected");
    is_open(&open(&["three/share-1", "three/share-2"]));
    desk.zamok(["slots", "remove", "2"]).done();
    open(&["three/share-1", "three/share-2"]).failed(4, 100, "rejected");
    desk.zamok(["slots", "remove", "3"]).done();
    open(&["three/share-1", "three/share-2"]).failed(4, 411, "slot-method");
    // No share is in the store.
    let store = desk.read("zamok.db");
    let line = text("three/share-1").lines().nth(3).unwrap().replace(' ', "");
    assert!(!store.windows(line.len()).any(|part| part == line.as_bytes()));
}

#[test]
fn a_pin_with_a_devices_secret_and_a_key_file_open_their_slots() {
    let desk = Desk::new();
    desk.write("device", "7".repeat(64));
    desk.write("other-device", "8".repeat(64));
    desk.write("pin", "4711");
    desk.write("key", "0f".repeat(32));
    let add =
        ["slots", "add", "--role", "user", "--new-device-secret", "device", "--new-passphrase-file", "pin"];
    desk.zamok(add).done();
    desk.zamok(["slots", "add", "--role", "auditor", "--new-key-file", "key"]).done();
    let pin =
        |device: &str| desk.zamok(["keys", "list", "--device-secret", device, "--passphrase-file", "pin"]);
    is_open(&pin("device"));
    is_open(&pin("device"));
    pin("other-device").failed_plainly(4, "the PIN or the device's secret is wrong");
    desk.zamok(["keys", "list", "--vault-key-file", "key"]).failed_plainly(4, "no slot of the vault");
    // Each command opens in its own role; the auditor's key reads the journal.
    let slots = desk.zamok(["slots", "list", "--json"]).done().json();
    let methods: Vec<_> =
        slots["slots"].as_array().unwrap().iter().map(|slot| slot["role"].clone()).collect();
    assert_eq!(methods, ["officer", "user", "user", "auditor"]);
}

#[test]
fn what_is_named_with_a_command_sets_aside_what_variables_name_and_other_roles_are_asked_for_theirs() {
    let desk = Desk::new();
    desk.write("key", "5a".repeat(32));
    desk.write("other", "a5".repeat(32));
    desk.write("passphrase", harness::PASSPHRASE);
    desk.zamok(["slots", "change", "1", "--new-key-file", "key"]).done();
    let by_variable = |arguments: &[&str]| {
        let mut command = desk.command(arguments);
        run(command.env("ZAMOK_VAULT_KEY_FILE", "key"))
    };
    by_variable(&["keys", "list"]).done();
    // The officer's slot has a passphrase, which is asked for.
    let added = by_variable(&["slots", "add", "--role", "auditor", "--new-key-file", "other"]).done();
    assert!(added.stderr.contains("no slot of the officer"), "{added:?}");
    by_variable(&[
        "slots",
        "add",
        "--role",
        "user",
        "--new-key-file",
        "other",
        "--passphrase-file",
        "passphrase",
    ])
    .done();
    by_variable(&["keys", "list", "--passphrase-file", "passphrase", "--json"]).failed(4, 411, "slot-method");
    by_variable(&["keys", "list", "--vault-key-file", "other", "--slot", "3"]).done();
    by_variable(&["keys", "list", "--shares", "absent", "--json"]).failed(5, 901, "file");
    // Two openers named alike are one too many.
    by_variable(&["keys", "list", "--vault-key-file", "other", "--shares", "key", "--json"])
        .failed(2, 900, "usage");
    let mut two = desk.command(["keys", "list", "--json"]);
    two.env("ZAMOK_VAULT_KEY_FILE", "key").env("ZAMOK_DEVICE_SECRET", "other");
    run(&mut two).failed(2, 900, "usage");
    // What was typed as a PIN is the officer's passphrase.
    desk.write("device", "3c".repeat(32));
    let mut change = desk.command(["slots", "change", "1", "--new-device-secret", "device"]);
    run(change.env("ZAMOK_NEW_PASSPHRASE", "4711")).done();
    let mut reset = desk.command(["slots", "reset", "1"]);
    run(reset.env("ZAMOK_DEVICE_SECRET", "device")).done();
}

#[test]
fn a_new_passphrase_of_a_slot_is_as_long_as_that_of_a_new_vault() {
    let desk = Desk::new();
    let short = |arguments: &[&str]| {
        run(desk.command([arguments, &["--json"]].concat()).env("ZAMOK_NEW_PASSPHRASE", "eleven char"))
    };
    short(&["slots", "add", "--role", "user"]).failed(2, 900, "usage");
    short(&["slots", "change", "1"]).failed(2, 900, "usage");
    let slots = desk.zamok(["slots", "list", "--json"]).done().json();
    assert_eq!(slots["slots"].as_array().unwrap().len(), 2);
    is_open(&desk.zamok(["keys", "list"]));
}

/// KiB, passes and lanes, which stand in the clear (`docs/formats/slot.md`, `docs/formats/backup.md`).
fn cost_at(bytes: &[u8], at: usize) -> [u32; 3] {
    [0, 4, 8].map(|more| u32::from_be_bytes(bytes[at + more..][..4].try_into().unwrap()))
}

#[test]
fn a_guess_costs_what_was_asked_for_and_else_what_it_costs_by_default() {
    let desk = Desk::empty();
    let slot = |file: &str, number: u8| {
        let store = StoreUrl::Sqlite(desk.path(file)).open().expect("a store");
        let row = store.get(&RowKey::new(Table(1), [&b"slot/"[..], &[number]].concat())).expect("a read");
        cost_at(&row.expect("a slot").value, 25)
    };
    let usual = Options::default().cost;
    let usual = [usual.memory_kib, usual.passes, usual.lanes];
    let with = |variable: &str, arguments: &[&str]| {
        run(desk.command(arguments).env(variable, "another six random words")).done()
    };
    desk.zamok(["init", "--argon2-memory", "2", "--argon2-passes", "4"]).done();
    assert_eq!([slot("zamok.db", 0), slot("zamok.db", 1)], [[2048, 4, usual[2]]; 2]);
    with("ZAMOK_BACKUP_PASSPHRASE", &["backup", "cheap", "--argon2-memory", "3", "--argon2-passes", "2"]);
    assert_eq!(cost_at(&desk.read("cheap"), 47), [3072, 2, usual[2]]);
    with("ZAMOK_BACKUP_PASSPHRASE", &["backup", "usual"]);
    assert_eq!(cost_at(&desk.read("usual"), 47), usual);
    let cheap = ["--argon2-memory", "5", "--argon2-passes", "1"];
    let restore = ["restore", "cheap", "--yes", "--store", "sqlite:new.db"];
    with("ZAMOK_BACKUP_PASSPHRASE", &[&restore[..], &cheap].concat());
    assert_eq!([slot("new.db", 0), slot("new.db", 1)], [[5120, 1, usual[2]]; 2]);
    with("ZAMOK_NEW_PASSPHRASE", &["slots", "add", "--role", "user"]);
    with("ZAMOK_NEW_PASSPHRASE", &["slots", "change", "1"]);
    assert_eq!([slot("zamok.db", 1), slot("zamok.db", 2)], [usual; 2]);
    // A machine that is too small for that says so here as well.
    with("ZAMOK_NEW_PASSPHRASE", &[&["slots", "add", "--role", "user"][..], &cheap].concat());
    with("ZAMOK_NEW_PASSPHRASE", &[&["slots", "change", "1"][..], &cheap].concat());
    assert_eq!([slot("zamok.db", 1), slot("zamok.db", 3)], [[5120, 1, usual[2]]; 2]);
}

#[test]
fn shares_of_a_slot_that_was_not_added_are_gone_again() {
    let desk = Desk::new();
    fs::create_dir(desk.path("out")).unwrap();
    let add = |label: &str| {
        let slot = ["slots", "add", "--role", "user", "--split", "2/3", "--out-dir", "out", "--json"];
        desk.zamok([&slot[..], &["--label", label]].concat())
    };
    add(&"x".repeat(65)).failed(2, 306, "too-long");
    assert_eq!(fs::read_dir(desk.path("out")).unwrap().count(), 0);
    add("the board").done();
}
