//! Files that commands write: none takes the place of another unasked, none of what the command works with, whatever its name
//! is, and nothing stays behind when the program is interrupted.

mod harness;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use harness::{Desk, PASSPHRASE, PASSWORD, Run, run};
use rustix::fs::{Mode, OFlags};

#[test]
fn an_output_replaces_nothing_unasked() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    desk.write("note", "text");
    let key = ["keys", "new", "--kind", "p-256", "--purpose", "document", "--json"];
    let key = desk.zamok(key).done().json()["id"].as_str().unwrap().to_owned();
    desk.zamok(["register", "anna"]).done();
    let shown = desk.zamok(["journal", "show", "--token-file", "token", "--json"]).done().json();
    let entry = shown["entries"][0]["index"].to_string();
    desk.write("mine", "mine");
    symlink("absent", desk.path("dangling")).unwrap();
    for mine in ["mine", "dangling"] {
        for command in [
            &["login", "ivan", "--code", "000000", "--token-file", mine][..],
            &["sign", "note", "--token-file", "token", "--signature", mine],
            &["sign", "note", "--token-file", "token", "--public-key", mine],
            &["journal", "prove", &entry, "--token-file", "token", "--output", mine],
            &["journal", "export", mine],
            &["keys", "sign", &key, "note", "--signature", mine],
            &["keys", "public", &key, "--out", mine],
        ] {
            desk.zamok(command.iter().chain(&["--json"])).failed(5, 901, "file");
        }
    }
    desk.write("mine.svg", "mine");
    desk.zamok(["enrol", "anna", "--qr", "mine.svg", "--json"]).failed(5, 901, "file");
    assert_eq!((desk.read("mine"), desk.read("mine.svg")), (b"mine".to_vec(), b"mine".to_vec()));
    assert!(!desk.path("absent").exists() && !desk.path("note.sig").exists());
    let journal = desk.zamok(["journal", "show", "--token-file", "token"]).done().stdout;
    assert!(!journal.contains("signature.made"), "what cannot be written is not signed: {journal}");

    // Where it is asked for, it does.
    let sign = ["sign", "note", "--token-file", "token", "--public-key", "mine"];
    let refused = desk.zamok(sign);
    assert!(refused.stderr.contains("--overwrite"), "{refused:?}");
    desk.zamok([&sign[..], &["--overwrite"]].concat()).done();
    assert!(desk.read("mine").starts_with(b"-----BEGIN PUBLIC KEY-----"));
    desk.zamok(["keys", "sign", &key, "note", "--overwrite"]).done();
    desk.zamok(["keys", "verify", &key, "note"]).done();
    desk.zamok(["journal", "export", "mine", "--overwrite"]).done();
    desk.zamok(["login", "ivan", "--code", &phone.code(2), "--token-file", "token", "--overwrite"]).done();
    desk.zamok(["journal", "show", "--token-file", "token"]).done();
}

#[test]
fn the_store_the_input_and_another_output_are_never_replaced() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    desk.write("note", "text");
    let key = ["keys", "new", "--kind", "p-256", "--purpose", "document", "--json"];
    let key = desk.zamok(key).done().json()["id"].as_str().unwrap().to_owned();
    desk.zamok(["journal", "anchor", "anchor"]).done();
    symlink("zamok.db", desk.path("link")).unwrap();
    desk.write("uris", &phone.uri);
    let absolute = desk.path("zamok.db").display().to_string();
    let anchored = ["--anchor", "anchor", "--overwrite", "--json"];
    for store in ["zamok.db", "./zamok.db", "link", &absolute, "zamok.db-wal", "anchor"] {
        for command in [
            &["login", "ivan", "--code", "000000", "--token-file", store][..],
            &["sign", "note", "--token-file", "token", "--signature", store],
            &["keys", "sign", &key, "note", "--signature", store],
            &["journal", "export", store],
            &["convert", "uris", store, "--to", "uri"],
        ] {
            desk.zamok(command.iter().chain(&anchored)).failed(2, 900, "usage");
        }
    }
    for command in [
        &["sign", "note", "--token-file", "token", "--signature", "note"][..],
        &["sign", "note", "--token-file", "token", "--public-key", "./note"],
        &["sign", "note", "--token-file", "token", "--public-key", "token"],
        &["sign", "note", "--token-file", "token", "--public-key", "note.sig"],
        &["sign", "note", "--token-file", "token", "--public-key", "new", "--signature", "./new"],
        &["keys", "sign", &key, "note", "--signature", "note"],
    ] {
        desk.zamok(command.iter().chain(&anchored)).failed(2, 900, "usage");
    }
    // A store of somebody else is no place for an output either.
    let other = desk.folder().join("other.db").display().to_string();
    desk.zamok([
        "init",
        "--store",
        &format!("sqlite:{other}"),
        "--argon2-memory",
        "1",
        "--argon2-passes",
        "1",
    ])
    .done();
    desk.zamok(["convert", "uris", &other, "--to", "uri", "--overwrite", "--json"]).failed(2, 900, "usage");
    desk.zamok(["doctor", "--store", &format!("sqlite:{other}")]).done();
    assert_eq!(desk.read("note"), b"text");
    let journal = ["journal", "show", "--token-file", "token", "--anchor", "anchor"];
    let journal = desk.zamok(journal).done().stdout;
    assert!(!journal.contains("signature.made"), "{journal}");
    desk.zamok(["doctor", "--anchor", "anchor"]).done();
}

#[test]
fn names_that_are_not_utf8_are_told_after_the_work() {
    let desk = Desk::new();
    let new = |more: &[&str]| {
        let made = desk.zamok([&["keys", "new", "--json"], more].concat()).done().json();
        made["id"].as_str().unwrap().to_owned()
    };
    let key = new(&["--kind", "p-256", "--purpose", "document"]);
    let document = OsStr::from_bytes(b"docu\xffment");
    fs::write(desk.path(document), "text").unwrap();
    let sign = ["keys", "sign", &key].map(OsStr::new).into_iter().chain([document, OsStr::new("--json")]);
    let signed = desk.zamok(sign).done().json();
    assert!(signed["signature"].as_str().is_some_and(|name| name.ends_with("ment.sig")), "{signed}");
    let wrapper = new(&["--kind", "aes-256", "--purpose", "wrapping"]);
    let leaves = new(&["--kind", "aes-256", "--purpose", "data", "--wrappable"]);
    desk.zamok(["keys", "trust", &wrapper, "--reason", "ceremony", "--yes"]).done();
    let out = OsStr::from_bytes(b"--out=wrap\xffped");
    let wrap = ["keys", "wrap", &leaves, "--by", &wrapper, "--json"].map(OsStr::new).into_iter().chain([out]);
    let wrapped = desk.zamok(wrap).done().json();
    assert!(wrapped["file"].as_str().is_some_and(|name| name.ends_with("ped")), "{wrapped}");
}

#[test]
fn a_policy_for_programs_is_one_object() {
    let desk = Desk::empty();
    let told = desk.zamok(["policy", "show", "strict", "--json"]).done().json();
    assert!(told["policy"].as_object().is_some_and(|numbers| numbers.len() > 50), "{told}");
    // For people it is a file that says the same.
    desk.write("policy.toml", desk.zamok(["policy", "show", "strict"]).done().stdout);
    desk.zamok(["policy", "diff", "strict", "policy.toml"]).done();
}

#[test]
fn nothing_of_a_file_stays_when_the_program_is_killed_before_it_has_its_name() {
    let (desk, phone) = Desk::enrolled("ivan");
    let flags = OFlags::TMPFILE | OFlags::RDWR;
    // Not every file system knows files without a name.
    if rustix::fs::open(desk.folder(), flags, Mode::RUSR).is_err() {
        return;
    }
    let mut command = desk.command(["login", "ivan", "--token-file", "token"]);
    command.env("ZAMOK_LOG", "zamok=debug").stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut login = command.spawn().unwrap();
    let log = BufReader::new(login.stderr.take().unwrap());
    assert!(log.lines().any(|line| line.unwrap().contains("waiting for the code")));
    login.kill().unwrap();
    login.wait().unwrap();
    let names: Vec<_> =
        fs::read_dir(desk.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().starts_with(".zamok-")), "{names:?}");
    desk.log_in("ivan", &phone);
    desk.zamok(["journal", "show", "--token-file", "token"]).done();
}

#[test]
fn whatever_ends_the_program_at_a_prompt_the_terminal_has_its_echo_back() {
    let desk = Desk::new();
    let program = r"
import os, pty, signal, sys, termios
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
before = termios.tcgetattr(terminal)
told = b''
while b'Passphrase of the vault' not in told:
    told += os.read(terminal, 4096)
while termios.tcgetattr(terminal)[3] & termios.ECHO:
    pass
typed = sys.stdin.read()
if typed.startswith('signal '):
    os.kill(child, int(typed[7:]))
else:
    os.write(terminal, typed.encode())
_, status = os.waitpid(child, 0)
assert termios.tcgetattr(terminal) == before, 'the terminal is not as it was'
print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status))
";
    let right = format!("{PASSPHRASE}\n");
    let list = &["keys", "list"][..];
    for (command, typed, ended) in [
        (list, "\u{3}", "2"),
        (list, "signal 15", "15"),
        (list, "signal 3", "3"),
        (list, "signal 1", "1"),
        (&["journal", "run"], "signal 15", "15"),
        (list, &right, "0"),
        (list, "wrong\n", "-4"),
    ] {
        let mut inner = desk.command(command);
        let mut command = Command::new(harness::python());
        command.args(["-c", program]).arg(inner.get_program()).args(inner.get_args());
        command.current_dir(desk.folder()).env("ZAMOK_STORE", &desk.store).env_remove("ZAMOK_PASSPHRASE");
        desk.write("typed", typed);
        inner.stdin(Stdio::null());
        let told = run(command.stdin(fs::File::open(desk.path("typed")).unwrap())).done();
        assert_eq!(told.stdout.trim(), ended, "{told:?}");
    }
}

#[test]
fn a_passphrase_that_is_typed_anew_is_typed_twice_and_both_agree() {
    let desk = Desk::new();
    let program = r"
import os, pty, sys, termios
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
told = b''
for prompt, typed in (b'New passphrase', b'another six random words'), (b'Once more', sys.argv[1].encode()):
    while prompt not in told:
        told += os.read(terminal, 4096)
    while termios.tcgetattr(terminal)[3] & termios.ECHO:
        pass
    os.write(terminal, typed + b'\n')
try:
    while rest := os.read(terminal, 4096):
        told += rest
except OSError:
    pass
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told.decode())
";
    let add = |again: &str| {
        let inner = desk.command(["slots", "add", "--role", "user"]);
        let mut command = Command::new(harness::python());
        command.args(["-c", program, again]).arg(inner.get_program()).args(inner.get_args());
        command
            .current_dir(desk.folder())
            .env("ZAMOK_STORE", &desk.store)
            .env("ZAMOK_PASSPHRASE", PASSPHRASE);
        run(&mut command).done().stdout
    };
    let told = add("another six random word");
    assert!(told.starts_with("2 ") && told.contains("the two do not agree"), "{told}");
    assert!(!told.contains("random"), "{told}");
    assert!(add("another six random words").starts_with("0 "));
    let slots = desk.zamok(["slots", "list", "--json"]).done().json();
    assert_eq!(slots["slots"].as_array().map(Vec::len), Some(3), "{slots}");
}

#[test]
fn what_is_secret_is_written_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    let made = |arguments: &[&str]| {
        let told = desk.zamok([&["keys", "new", "--kind", "aes-256", "--json"], arguments].concat()).done();
        told.json()["id"].as_str().unwrap().to_owned()
    };
    let wrapper = made(&["--purpose", "wrapping"]);
    let leaves = made(&["--purpose", "data", "--wrappable"]);
    desk.zamok(["keys", "trust", &wrapper, "--reason", "ceremony", "--yes"]).done();
    for command in [
        &["recovery", "codes", "--token-file", "token", "--out", "secret"][..],
        &["devices", "trust", "--token-file", "token", "--device-file", "secret"],
        &["ocra", "new", "--suite", "OCRA-1:HOTP-SHA256-8:QN08", "--secret-out", "secret"],
        &["keys", "wrap", &leaves, "--by", &wrapper, "--out", "secret"],
        &["journal", "export", "secret"],
    ] {
        desk.zamok(command).done();
        let mode = fs::metadata(desk.path("secret")).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{command:?}");
        fs::remove_file(desk.path("secret")).unwrap();
    }
}

#[test]
fn what_is_read_late_is_not_replaced_either() {
    let desk = Desk::new();
    desk.write("uris", "otpauth://totp/Bank:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Bank\n");
    desk.write("secret", "00".repeat(32));
    let convert = |more: &[&str]| {
        let begin = ["convert", "uris", "secret", "--overwrite", "--json"];
        desk.zamok([&begin[..], more].concat()).failed(2, 900, "usage");
    };
    for option in ["--to-password-file", "--to-key-file"] {
        convert(&["--to", "pskc", option, "secret"]);
    }
    convert(&["--to", "uri", "--password-file", "secret"]);
    assert_eq!(desk.read("secret"), "00".repeat(32).into_bytes());
    desk.write("signature", "12345678");
    let challenge = "0".repeat(32);
    let answer = ["answer", &challenge, "--signature-file", "signature", "--token-file", "signature"];
    desk.zamok(answer.into_iter().chain(["--overwrite", "--json"])).failed(2, 900, "usage");
    assert_eq!(desk.read("signature"), b"12345678");
}

/// The program under strace, which writes into `trace`.
#[cfg(target_os = "linux")]
fn traced(desk: &Desk, options: &[&str], arguments: &[&str]) -> Run {
    let plain = desk.command(arguments);
    let mut traced = harness::peer("strace");
    traced.args(["-f", "-y", "-o", "trace"]).args(options).stdin(Stdio::null());
    traced.arg(plain.get_program()).args(plain.get_args()).current_dir(desk.folder());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    run(&mut traced)
}

#[test]
#[cfg(target_os = "linux")]
fn the_folder_of_an_output_is_opened_before_anything_is_done() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    fs::create_dir(desk.path("away")).unwrap();
    let codes = ["recovery", "codes", "--token-file", "token", "--out", "away/codes"];
    traced(&desk, &["-e", "trace=open,openat,write,pwrite64"], &codes).done();
    let trace = String::from_utf8(desk.read("trace")).unwrap();
    let lines: Vec<&str> = trace.lines().collect();
    let place = |what: &str| lines.iter().position(|line| line.contains(what)).expect(what);
    let (drafted, opened) = (place("O_TMPFILE"), place("\"away\", O_RDONLY"));
    let between = &lines[drafted.min(opened)..drafted.max(opened)];
    assert!(!between.iter().any(|line| line.contains("zamok.db")), "{between:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn recovery_codes_that_cannot_be_written_are_shown() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    let codes = ["recovery", "codes", "--token-file", "token", "--out", "codes", "--json"];
    let told = traced(&desk, &["-e", "inject=linkat,renameat2:error=EIO"], &codes);
    assert_eq!(told.exit, 5, "{told:?}");
    assert!(told.stderr.contains("error: cannot write codes"), "{told:?}");
    let object = told.json();
    assert!(object["file"].is_null() && !desk.path("codes").exists(), "{told:?}");
    desk.write("code", object["codes"][0].as_str().unwrap());
    desk.zamok(["recovery", "use", "ivan", "--yes", "--code-file", "code"]).done();
}

#[test]
fn a_program_at_a_terminal_is_not_asked_for_a_code_and_no_challenge_is_opened() {
    let (desk, _) = Desk::enrolled("ivan");
    let program = r"
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
told = b''
try:
    while rest := os.read(terminal, 4096):
        told += rest
        if b'shows now' in told:
            os.kill(child, 9)
except OSError:
    pass
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told.decode())
";
    let started = || {
        let tail = desk.zamok(["journal", "tail", "--limit", "100", "--json"]).done().stdout;
        tail.matches("login.started").count()
    };
    let before = started();
    let inner = desk.command(["login", "ivan", "--json"]);
    let mut command = Command::new(harness::python());
    command.args(["-c", program]).arg(inner.get_program()).args(inner.get_args());
    command.current_dir(desk.folder()).env("ZAMOK_STORE", &desk.store);
    command.env("ZAMOK_PASSPHRASE", PASSPHRASE).env("ZAMOK_PASSWORD", PASSWORD);
    let told = run(&mut command).done().stdout;
    assert!(told.starts_with("5 ") && told.contains("no-secret"), "{told}");
    assert_eq!(started(), before);
}
