//! What the tests of the program share: a folder with a vault of its own, the program, and the peers that judge it.
//! A peer that is missing fails the test.
#![allow(dead_code, unreachable_pub)]

use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tempfile::TempDir;

pub const PASSPHRASE: &str = "six random words or more";
pub const PASSWORD: &str = "correct horse battery staple";

/// What the program answered.
#[derive(Debug)]
pub struct Run {
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            exit: output.status.code().expect("the program was not killed"),
            stdout: String::from_utf8(output.stdout).expect("the program writes UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("the program writes UTF-8"),
        }
    }
}

impl Run {
    #[track_caller]
    pub fn done(self) -> Self {
        assert_eq!(self.exit, 0, "{self:?}");
        self
    }

    /// The one object that `--json` prints.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts that a `--json` run failed with this exit code, number and name.
    #[track_caller]
    pub fn failed(&self, exit: i32, code: u64, name: &str) {
        let error = &self.json()["error"];
        let found = (self.exit, error["code"].as_u64(), error["name"].as_str());
        assert_eq!(found, (exit, Some(code), Some(name)), "{self:?}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        assert_eq!(self.stderr, "", "with --json nothing else is said");
    }
}

/// A folder with a store in it, as a user of the program has one.
pub struct Desk {
    folder: TempDir,
    pub store: OsString,
}

impl Desk {
    /// A folder without anything in it.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder, store: "sqlite:zamok.db".into() }
    }

    /// A folder with a vault that is cheap to open.
    pub fn new() -> Self {
        let desk = Self::empty();
        desk.zamok(["init", "--issuer", "Bank", "--argon2-memory", "1", "--argon2-passes", "1"]).done();
        desk
    }

    /// The same with an account that has a generator.
    pub fn enrolled(login: &str) -> (Self, Phone) {
        let desk = Self::new();
        let phone = desk.enrol(login);
        (desk, phone)
    }

    pub fn enrol(&self, login: &str) -> Phone {
        self.zamok(["register", login]).done();
        let offered = self.zamok(["enrol", login, "--json"]).done().json();
        let phone = Phone::scan(offered["uri"].as_str().expect("an offer has its URI"));
        self.zamok(["enrol", login, "--confirm", &phone.code(0)]).done();
        phone
    }

    /// Logs in with the code after the test code, which is spent; the token goes to `token`.
    pub fn log_in(&self, login: &str, phone: &Phone) {
        self.zamok(["login", login, "--code", &phone.code(1), "--token-file", "token", "--overwrite"]).done();
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.folder().join(name.as_ref())
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("the folder takes files");
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program in this folder, with its secrets in variables and nothing on standard input.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zamok"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ZAMOK_"))
        {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(self.folder()).stdin(Stdio::null());
        command.env("ZAMOK_STORE", &self.store).env("ZAMOK_PASSPHRASE", PASSPHRASE);
        command.env("ZAMOK_PASSWORD", PASSWORD);
        command
    }

    pub fn zamok<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Run {
        run(&mut self.command(arguments))
    }

    pub fn zamok_reading<S: AsRef<OsStr>>(&self, input: &str, arguments: impl IntoIterator<Item = S>) -> Run {
        let mut command = self.command(arguments);
        let mut child = spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()));
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("the program reads");
        child.wait_with_output().expect("the program ends").into()
    }
}

pub fn run(command: &mut Command) -> Run {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}")).into()
}

fn spawn(command: &mut Command) -> Child {
    command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// A program of the machine.
pub fn peer(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// What a peer printed.
#[track_caller]
pub fn heard(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}: run `cargo xtask setup`"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// A generator that knows the URI alone; oathtool computes its codes.
pub struct Phone {
    pub uri: String,
    /// When it scanned the URI, in seconds since 1970. Codes are counted from here, so that a border between two steps
    /// that passes meanwhile makes no difference.
    since: u64,
}

impl Phone {
    #[track_caller]
    pub fn scan(uri: &str) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
        Self { uri: uri.into(), since }
    }

    /// The parameter of the URI.
    #[track_caller]
    pub fn parameter(&self, name: &str) -> &str {
        let (_, parameters) = self.uri.split_once('?').expect("a URI has parameters");
        let found =
            parameters.split('&').find_map(|parameter| parameter.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("{name} is missing in {}", self.uri))
    }

    /// The code of the step so many steps after the one of the scan.
    #[track_caller]
    pub fn code(&self, step: u64) -> String {
        let period: u64 = self.parameter("period").parse().expect("a period is a number");
        heard(peer("oathtool").args([
            &format!("--totp={}", self.parameter("algorithm")),
            "--base32",
            &format!("--digits={}", self.parameter("digits")),
            &format!("--time-step-size={period}s"),
            &format!("--now=@{}", self.since + step * period),
            self.parameter("secret"),
        ]))
    }

    /// A code that belongs to no step nearby.
    pub fn wrong_code(&self) -> String {
        let near: Vec<_> = (0..4).map(|step| self.code(step)).collect();
        let mut candidates = ["000000", "111111", "222222", "333333", "444444"].into_iter();
        candidates
            .find(|candidate| near.iter().all(|code| code != candidate))
            .expect("five are not four")
            .into()
    }
}

/// The secret of RFC 4226 appendix D.
pub const SEED: &str = "3132333435363738393031323334353637383930";

/// The code of a hardware token, as oathtool computes it.
pub fn token_code(counter: u64) -> String {
    heard(peer("oathtool").args(["--hotp", &format!("--counter={counter}"), SEED]))
}

/// A desk with the account `ivan`, whose one factor is a hardware token.
pub struct Ivan {
    pub desk: Desk,
    /// The counter of its next code.
    next: Cell<u64>,
}

impl Ivan {
    pub fn new() -> Self {
        Self::at(Desk::new())
    }

    /// The same at a desk that is there.
    pub fn at(desk: Desk) -> Self {
        desk.zamok(["register", "ivan"]).done();
        desk.write("seed", SEED);
        let told = desk.zamok(["factors", "assign", "ivan", "--secret-file", "seed", "--json"]).done().json();
        let id = told["id"].as_str().unwrap();
        desk.zamok(["factors", "confirm", "ivan", id, "--code", &token_code(0)]).done();
        Self { desk, next: Cell::new(1) }
    }

    /// Logs in with the next code, which is spent where it is looked at.
    pub fn login(&self, password: &str, more: &[&str]) -> Run {
        let code = token_code(self.next.get());
        let told = login(&self.desk, password, &[more, &["--code", &code]].concat());
        if told.exit == 0 {
            self.next.set(self.next.get() + 1);
        }
        told
    }
}

/// Logs `ivan` in, with a token in `token`.
pub fn login(desk: &Desk, password: &str, more: &[&str]) -> Run {
    let mut command =
        desk.command([&["login", "ivan", "--token-file", "token", "--overwrite", "--json"], more].concat());
    run(command.env("ZAMOK_PASSWORD", password))
}

/// The text of the QR code in a picture, as zbarimg reads it.
#[track_caller]
pub fn scanned(picture: &Path) -> String {
    heard(peer("zbarimg").args(["--quiet", "--raw"]).arg(picture))
}

/// The interpreter that has PyJWT.
pub fn python() -> PathBuf {
    if let Some(python) = std::env::var_os("ZAMOK_PYTHON") {
        return python.into();
    }
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace has a root");
    let python = root.join("target/venv/bin/python3");
    assert!(python.exists(), "{} is missing: run `cargo xtask setup`", python.display());
    python
}
