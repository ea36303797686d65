//! What can go wrong around the program: each case gets its own clear answer and exit code, nothing panics, and
//! nothing is lost.

mod harness;

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use harness::{Desk, PASSPHRASE, Run, run};

#[test]
fn a_wrong_passphrase_opens_nothing_and_is_told_apart() {
    let desk = Desk::new();
    let with = |passphrase: &str| {
        run(desk.command(["register", "ivan", "--json"]).env("ZAMOK_PASSPHRASE", passphrase))
    };
    for passphrase in ["six random words or mor", "Six random words or more", "x"] {
        with(passphrase).failed(4, 100, "rejected");
    }
    with("").failed(5, 902, "no-secret");
    with(PASSPHRASE).done();
}

#[test]
fn secrets_come_from_files_and_never_from_arguments() {
    let desk = Desk::empty();
    desk.write("passphrase", format!("{PASSPHRASE}\r\n"));
    fs::set_permissions(desk.path("passphrase"), fs::Permissions::from_mode(0o600)).unwrap();
    let mut init = desk.command(["init", "--argon2-memory", "1", "--passphrase-file", "passphrase"]);
    let quiet = run(init.env_remove("ZAMOK_PASSPHRASE")).done();
    assert!(!quiet.stderr.contains("warning"), "{quiet:?}");
    // The variable says the same: the end of the line is no part of the passphrase.
    desk.zamok(["register", "ivan"]).done();

    fs::set_permissions(desk.path("passphrase"), fs::Permissions::from_mode(0o644)).unwrap();
    let open = desk.zamok(["doctor", "--passphrase-file", "passphrase"]).done();
    assert!(open.stderr.contains("warning: others may read passphrase"), "{open:?}");

    for argument in [
        "--passphrase=top-secret",
        "--password=top-secret",
        "--token=top-secret",
        "--backup-passphrase=top-secret",
        "--new-password=top-secret",
        "--new-passphrase=top-secret",
        "--passphrase",
    ] {
        let refused = desk.zamok(["register", "anna", argument, "top-secret", "--json"]);
        refused.failed(2, 900, "usage");
        assert!(!refused.stdout.contains("top-secret"), "{refused:?}");
        assert!(refused.stdout.contains("never an argument"), "{refused:?}");
    }
    let long = "a".repeat(5000);
    desk.write("long", long);
    desk.zamok(["doctor", "--passphrase-file", "long", "--json"]).failed(5, 901, "file");
    desk.zamok(["doctor", "--passphrase-file", "absent", "--json"]).failed(5, 901, "file");
    let mut alone = desk.command(["doctor", "--json"]);
    run(alone.env_remove("ZAMOK_PASSPHRASE")).failed(5, 902, "no-secret");
    desk.zamok(["journal", "show", "--json"]).failed(5, 902, "no-secret");
}

#[test]
fn passphrases_and_passwords_that_are_too_weak_are_refused_before_anything_is_made() {
    let desk = Desk::empty();
    let mut init = desk.command(["init", "--json"]);
    run(init.env("ZAMOK_PASSPHRASE", "short")).failed(2, 900, "usage");
    assert_eq!(fs::read_dir(desk.folder()).unwrap().count(), 0);
    let desk = Desk::new();
    for (password, code, name) in [
        ("short", 603, "password-too-short"),
        ("aaaaaaaaaaaaaaaa", 612, "password-weak"),
        ("my name is ivan", 612, "password-weak"),
    ] {
        let mut register = desk.command(["register", "ivan", "--json"]);
        run(register.env("ZAMOK_PASSWORD", password)).failed(2, code, name);
    }
    desk.zamok(["register", "ivan"]).done();
}

#[test]
fn a_store_that_is_none_is_told_apart_and_left_as_it_is() {
    let desk = Desk::empty();
    desk.zamok(["doctor", "--json"]).failed(3, 516, "store-missing");
    assert_eq!(fs::read_dir(desk.folder()).unwrap().count(), 0, "nothing was made");
    for (content, name) in [(&b""[..], "empty"), (b"Dear diary,\n", "text"), (&[0; 8192], "zeros")] {
        desk.write(name, content);
        let store = format!("sqlite:{name}");
        desk.zamok(["doctor", "--store", &store, "--json"]).failed(3, 522, "store-foreign");
        assert_eq!(desk.read(name), content);
    }
    fs::create_dir(desk.path("folder")).unwrap();
    desk.zamok(["doctor", "--store", "sqlite:folder", "--json"]).failed(3, 522, "store-foreign");
    desk.zamok(["init", "--store", "sqlite:absent/zamok.db", "--json"]).failed(3, 516, "store-missing");
    for store in ["", "zamok.db", "sqlite:", "mysql://host/db", "memory:"] {
        let refused = desk.zamok(["doctor", "--store", store, "--json"]);
        assert_eq!(refused.exit, 2, "{store}: {refused:?}");
    }
}

#[test]
fn a_store_that_was_cut_or_belongs_to_a_later_version_is_refused() {
    let (desk, _) = Desk::enrolled("ivan");
    let whole = desk.read("zamok.db");
    for length in [whole.len() / 2, 4096, 512, 100] {
        desk.write("zamok.db", &whole[..length]);
        let cut = desk.zamok(["why", "ivan", "--json"]);
        assert_eq!(cut.exit, 3, "cut to {length} bytes: {cut:?}");
    }
    // SQLite file format §1.3: the user version is a big-endian number at offset 60.
    let mut later = whole.clone();
    later[60..64].copy_from_slice(&99_u32.to_be_bytes());
    desk.write("zamok.db", later);
    desk.zamok(["why", "ivan", "--json"]).failed(3, 519, "store-layout");
    // None of it did any harm.
    desk.write("zamok.db", whole);
    desk.zamok(["why", "ivan"]).done();
}

#[test]
fn a_byte_changed_in_the_store_is_refused_reported_or_makes_no_difference() {
    let (desk, _) = Desk::enrolled("ivan");
    let whole = desk.read("zamok.db");
    let mut refused = 0;
    for place in (0..whole.len()).step_by(whole.len() / 40) {
        let mut changed = whole.clone();
        changed[place] ^= 0x55;
        desk.write("zamok.db", changed);
        let answer = desk.zamok(["why", "ivan", "--json"]);
        assert!([0, 1, 3, 4, 6].contains(&answer.exit), "byte {place}: {answer:?}");
        assert!(!answer.stderr.contains("panicked"), "byte {place}: {answer:?}");
        refused += usize::from(answer.exit != 0);
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(desk.path(format!("zamok.db{suffix}")));
        }
    }
    assert!(refused > 0, "some byte matters");
}

#[test]
fn a_store_that_is_deleted_under_a_running_process_grants_nothing() {
    let (desk, phone) = Desk::enrolled("ivan");
    let mut login = desk.command(["login", "ivan", "--json"]);
    login.env("ZAMOK_LOG", "zamok=debug").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut login = login.spawn().unwrap();
    let mut log = BufReader::new(login.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("waiting for the code") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the program ended without asking for the code");
    }
    for entry in fs::read_dir(desk.folder()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    writeln!(login.stdin.take().unwrap(), "{}", phone.code(1)).unwrap();
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    let answer = Run { stderr: String::new(), ..login.wait_with_output().unwrap().into() };
    answer.failed(3, 515, "store-gone");
    assert_eq!(fs::read_dir(desk.folder()).unwrap().count(), 0, "nothing was made in its place");
}

#[test]
fn hostile_arguments_are_refused_in_words_that_command_no_terminal() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    let long = "a".repeat(100_000);
    for arguments in [
        &["journal", "show", "--token-file=token", "--limit=0"][..],
        &["journal", "show", "--token-file=token", "--limit=99999999999999999999"],
        &["journal", "show", "--token-file=token", "--after=xyz"],
        &["journal", "show", "--token-file=token", "--after=é"],
        &["journal", "prove", "--token-file=token", "--", "-1"],
        &["journal", "prove", "--token-file=token", "99"],
        &["init", "--argon2-memory=0"],
        &["init", "--argon2-memory=4294967295"],
        &["init", "--issuer=a:b", "--store=sqlite:other.db", "--argon2-memory=1"],
        &["register", ""],
        &["register", "two words"],
        &["register", "tab\tbed"],
        &["register", "\u{1b}[31mred"],
        &["register", "\u{202e}nava"],
        &["register", &long],
        &["enrol", "ivan", "--qr=picture.gif"],
        &["verify", "file"],
        &["frob\u{1b}]0;title\u{7}"],
        &["--frob\u{9b}31m"],
        &[],
    ] {
        for json in [false, true] {
            let mut command = desk.command(arguments);
            if json {
                command.arg("--json");
            }
            let answer = run(&mut command);
            assert_eq!(answer.exit, 2, "{arguments:?}: {answer:?}");
            let told = answer.stdout + &answer.stderr;
            let is_plain =
                |character: char| character == '\n' || !character.is_control() && character != '\u{202e}';
            assert!(!told.is_empty() && told.chars().all(is_plain), "{arguments:?}: {told:?}");
        }
    }
    assert!(!desk.path("other.db").exists(), "of what is refused nothing is made");
    // Names of files are shown, and made visible.
    let absent = desk.zamok(["sign", "absent\u{1b}[31m\nerror: all is lost", "--token-file=token"]);
    assert_eq!(absent.exit, 5);
    assert!(absent.stderr.contains("absent\\u{1b}[31m"), "{absent:?}");
    // An odd code is a wrong code, nothing worse.
    let full_width = "１２３４５６";
    for code in ["", "12345", "1234567", "12 34 56", full_width, "\u{1b}[31m", long.as_str(), "-1"] {
        let code = format!("--code={code}");
        desk.zamok(["login", "ivan", &code, "--json"]).failed(1, 100, "rejected");
    }
}

#[test]
fn names_that_are_not_utf8_work_as_files_and_are_refused_as_logins() {
    let mut desk = Desk::empty();
    desk.store = OsStr::from_bytes(b"sqlite:\xff\xfe.db").into();
    desk.zamok(["init", "--argon2-memory", "1", "--argon2-passes", "1", "--json"]).done().json();
    assert!(desk.path(OsStr::from_bytes(b"\xff\xfe.db")).exists());
    let phone = desk.enrol("ivan");
    desk.log_in("ivan", &phone);
    let document = OsStr::from_bytes(b"docu\xffment");
    fs::write(desk.path(document), "text").unwrap();
    desk.zamok([OsStr::new("sign"), document, OsStr::new("--token-file=token")]).done();
    desk.zamok([OsStr::new("verify"), document, OsStr::new("--login=ivan")]).done();
    assert!(desk.path(OsStr::from_bytes(b"docu\xffment.sig")).exists());
    let register = desk.zamok([OsStr::new("register"), OsStr::from_bytes(b"iv\xffan"), OsStr::new("--json")]);
    register.failed(2, 900, "usage");
}

#[test]
fn a_document_that_is_too_large_or_no_file_is_refused() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    // Sparse: it takes no room.
    File::create(desk.path("huge")).unwrap().set_len((1 << 30) + 1).unwrap();
    let sign = |file: &str| desk.zamok(["sign", file, "--token-file=token", "--json"]);
    sign("huge").failed(5, 901, "file");
    sign(".").failed(5, 901, "file");
    sign("absent").failed(5, 901, "file");
    assert!(!desk.path("huge.sig").exists());
    // A signature that cannot be written is not made either.
    desk.write("note", "text");
    fs::create_dir(desk.path("note.sig")).unwrap();
    sign("note").failed(5, 901, "file");
    let journal = desk.zamok(["journal", "show", "--token-file=token"]).done().stdout;
    assert!(!journal.contains("signature.made"), "{journal}");
    desk.write("broken.pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
    desk.write("note.der", [0x30, 0]);
    let verify = ["verify", "note", "--signature=note.der", "--public-key=broken.pem", "--json"];
    desk.zamok(verify).failed(2, 900, "usage");
    desk.zamok(["verify", "note", "--signature=note.der", "--login=ivan", "--json"])
        .failed(1, 100, "rejected");
    desk.write("proof", [0xff; 64]);
    desk.zamok(["check-proof", "proof", "--json"]).failed(5, 901, "file");
    desk.write("proof", "c2sp.org/tlog-proof@v1\n");
    desk.zamok(["check-proof", "proof", "--json"]).failed(1, 100, "rejected");
}

#[test]
fn a_token_that_cannot_be_kept_spends_no_code() {
    let (desk, phone) = Desk::enrolled("ivan");
    let code = phone.code(1);
    fs::create_dir(desk.path("folder")).unwrap();
    // What is no file must not be replaced by one.
    let _socket = UnixListener::bind(desk.path("socket")).unwrap();
    for place in ["folder", "absent/token", "socket", "/proc/token"] {
        let login = ["login", "ivan", "--code", &code, "--token-file", place, "--json"];
        desk.zamok(login).failed(5, 901, "file");
    }
    desk.zamok(["login", "ivan", "--code", &code, "--token-file", "token"]).done();
    for token in ["", "a.b.c", "\u{1b}[31m", &"a".repeat(4000)] {
        desk.write("forged", token);
        let forged = desk.zamok(["journal", "show", "--token-file", "forged", "--json"]);
        assert!(matches!(forged.exit, 1 | 5), "{forged:?}");
    }
}

#[test]
fn output_that_nobody_reads_ends_the_program_quietly() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    for arguments in [&["journal", "show", "--token-file=token"][..], &["--help"], &["why", "ivan", "--json"]]
    {
        let mut command = desk.command(arguments);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let closed = run(command.stdout(writer));
        assert_eq!((closed.exit, closed.stderr.as_str()), (5, ""), "{arguments:?}");

        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let full = Run::from(
            desk.command(arguments)
                .stdout(full)
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
                .wait_with_output()
                .unwrap(),
        );
        assert_eq!(full.exit, 5, "{arguments:?}: {full:?}");
        assert!(full.stderr.contains("standard output"), "{arguments:?}: {full:?}");
    }
}

#[test]
fn a_folder_that_takes_no_files_is_told() {
    let desk = Desk::empty();
    // Not even root makes files there.
    let init = ["init", "--store", "sqlite:/proc/zamok.db", "--json"];
    let answer = desk.zamok(init);
    assert_eq!(answer.exit, 3, "{answer:?}");
    assert!(answer.json()["error"]["hint"].is_string(), "{answer:?}");
}

#[test]
fn a_failure_says_what_to_do_next() {
    let desk = Desk::new();
    desk.zamok(["register", "ivan"]).done();
    desk.write("empty", "");
    desk.write("uri", "https://example.org");
    for (arguments, exit) in [
        (&["sessions", "list", "anna"][..], 1),
        (&["sessions", "revoke", "anna", "--all"], 1),
        (&["accounts", "show", "anna"], 1),
        (&["accounts", "find", "+79161234567"], 1),
        (&["factors", "list", "anna"], 1),
        (&["devices", "list", "anna"], 1),
        (&["resume", "anna", "--reason", "x"], 1),
        (&["resume", "ivan", "--reason", "x"], 2),
        (&["login", "ivan", "--code", "1"], 2),
        (&["password"], 5),
        (&["recovery", "use", "ivan"], 2),
        (&["recovery", "use", "ivan", "--yes"], 5),
        (&["init", "--store", "sqlite:absent/zamok.db"], 3),
        (&["doctor", "--store", "sqlite:absent.db"], 3),
        (&["doctor", "--store", "https://example.org"], 2),
        (&["policy", "show", "nonsense"], 5),
        (&["policy", "set", "empty"], 2),
        (&["import", "empty"], 5),
        (&["keys", "import", "uri", "--form", "otpauth"], 2),
        (&["verify", "empty", "--login", "ivan"], 5),
        (&["convert", "uri", "empty", "--to", "uri"], 5),
    ] {
        let told = desk.zamok([arguments, &["--json"]].concat());
        assert_eq!(told.exit, exit, "{arguments:?}: {told:?}");
        let error = &told.json()["error"];
        assert_ne!(error["name"], "other", "{arguments:?}: {told:?}");
        assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{arguments:?}: {told:?}");
    }
    // What is to be made is not told to be missing, and a place is named where there is none.
    let init = desk.zamok(["init", "--store", "sqlite:absent/zamok.db"]);
    assert!(init.stderr.contains("no store can be made at sqlite:absent/zamok.db"), "{init:?}");
    assert!(desk.zamok(["doctor", "--store", "sqlite:absent.db"]).stderr.contains("sqlite:absent.db"));
    let mut nothing = desk.command([""; 0]);
    assert!(run(nothing.env_remove("ZAMOK_STORE")).stderr.starts_with("error: a command is missing\n"));
    // A device that never ends is not read to its end.
    desk.zamok(["policy", "show", "/dev/zero", "--json"]).failed(5, 901, "file");
}

#[test]
fn the_help_names_every_exit_code_and_every_command_has_its_own() {
    let desk = Desk::empty();
    let help = desk.zamok(["--help"]).done().stdout;
    for code in 0..=7 {
        assert!(help.contains(&format!("\n  {code}  ")), "exit code {code} is missing in {help}");
    }
    let commands = [
        "init",
        "register",
        "enrol",
        "login",
        "logout",
        "sign",
        "verify",
        "journal",
        "check-proof",
        "jwks",
        "why",
        "doctor",
        "accounts",
        "devices",
        "factors",
        "ocra",
        "password",
        "powers",
        "recovery",
    ];
    for command in commands {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is missing in {help}");
        let own = desk.zamok([command, "--help"]).done().stdout;
        assert!(own.contains("Usage: zamok"), "{own}");
        for variable in ["ZAMOK_PASSPHRASE=", PASSPHRASE, harness::PASSWORD] {
            assert!(!own.contains(variable), "the help of {command} shows {variable}");
        }
    }
    desk.zamok(["--version"]).done();
    // Nor what the URL of a store, or of a token, may hold.
    for command in [&["--help"][..], &["-h"], &["login", "--help"], &["doctor", "-h"]] {
        let mut command = desk.command(command);
        command.env("ZAMOK_STORE", "postgres://app:hunter2@localhost/bank");
        let told = run(command.env("ZAMOK_PKCS11", "pkcs11:object=zamok?pin-value=hunter2")).done();
        assert!(!told.stdout.contains("hunter2"), "{told:?}");
    }
    let mut doctor = desk.command(["doctor", "--json"]);
    let refused = run(doctor.env("ZAMOK_PKCS11", "pkcs11:object=zamok?pin-value=hunter2"));
    refused.failed(2, 900, "usage");
    assert!(
        !refused.stdout.contains("hunter2") && refused.stdout.contains("ZAMOK_PKCS11_PIN"),
        "{refused:?}"
    );
}

#[test]
fn what_others_have_named_commands_no_terminal_when_it_is_shown() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    let name = "note\u{1b}[2J\u{9b}31m\u{202e}\nfxt.exe";
    desk.write(name, "text");
    for command in [
        &["sign", name, "--token-file=token"][..],
        &["journal", "show", "--token-file=token"],
        &["journal", "tail"],
    ] {
        let told = desk.zamok(command).done();
        assert!(told.stdout.contains("note\\u{1b}[2J\\u{9b}31m\\u{202e}\\u{a}fxt.exe"), "{told:?}");
        let is_plain =
            |character: char| character == '\n' || !character.is_control() && character != '\u{202e}';
        assert!(told.stdout.chars().chain(told.stderr.chars()).all(is_plain), "{told:?}");
    }
}

#[test]
fn a_log_that_nobody_takes_ends_no_command() {
    let desk = Desk::empty();
    desk.write("uris", "otpauth://totp/Bank:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Bank\n");
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = desk.command(["import", "uris", "--dry-run", "--json"]);
    let told = run(command.env("ZAMOK_LOG", "info").stderr(full));
    assert_eq!(told.exit, 0, "{told:?}");
    assert_eq!(told.json()["found"], 1, "{told:?}");
}

#[test]
fn sessions_tell_a_wrong_passphrase_from_a_wrong_login() {
    let desk = Desk::new();
    desk.zamok(["register", "ivan"]).done();
    let mut command = desk.command(["sessions", "list", "ivan", "--json"]);
    let told = run(command.env("ZAMOK_PASSPHRASE", "six other words than those"));
    told.failed(4, 100, "rejected");
    assert_eq!(told.json()["error"]["message"], "the passphrase is wrong");
    let told = desk.zamok(["sessions", "list", "nobody", "--json"]);
    assert_eq!(told.json()["error"]["message"], "no account has this login");
}
