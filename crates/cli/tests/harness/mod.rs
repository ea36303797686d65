//! What the tests of the program share: a folder with a vault of its own, the program, and the peers that judge it.
//! A peer that is missing fails the test.
#![allow(dead_code, unreachable_pub)]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub const PASSPHRASE: &str = "six random words or more";
pub const PASSWORD: &str = "correct horse battery staple";
/// Longer than every code is good for.
pub const STEP: u64 = 30;

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

    /// The same with an account that has a generator; also the URI of that generator.
    pub fn enrolled(login: &str) -> (Self, String) {
        let desk = Self::new();
        let uri = desk.enrol(login);
        (desk, uri)
    }

    pub fn enrol(&self, login: &str) -> String {
        self.zamok(["register", login]).done();
        let offered = self.zamok(["enrol", login, "--json"]).done().json();
        let uri = offered["uri"].as_str().expect("an offer has its URI").to_owned();
        self.zamok(["enrol", login, "--confirm", &code(&uri, 0)]).done();
        uri
    }

    /// Logs in with the code of the next step, since the present one is spent; the token goes to `token`.
    pub fn log_in(&self, login: &str, uri: &str) {
        self.zamok(["login", login, "--code", &code(uri, STEP), "--token-file", "token"]).done();
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

/// The code that oathtool computes from the URI alone, so many seconds from now.
#[track_caller]
pub fn code(uri: &str, ahead: u64) -> String {
    let (_, parameters) = uri.split_once('?').expect("a URI has parameters");
    let parameter = |name: &str| {
        let found =
            parameters.split('&').find_map(|parameter| parameter.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("{name} is missing in {uri}"))
    };
    heard(peer("oathtool").args([
        &format!("--totp={}", parameter("algorithm")),
        "--base32",
        &format!("--digits={}", parameter("digits")),
        &format!("--time-step-size={}s", parameter("period")),
        &format!("--now=now + {ahead} seconds"),
        parameter("secret"),
    ]))
}

/// A code that belongs to no step nearby.
pub fn wrong_code(uri: &str) -> String {
    let near: Vec<_> = (0..4).map(|step| code(uri, step * STEP)).collect();
    let mut candidates = ["000000", "111111", "222222", "333333", "444444"].into_iter();
    candidates
        .find(|candidate| near.iter().all(|code| code != candidate))
        .expect("four codes are not five")
        .into()
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
