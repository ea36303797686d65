//! The arguments: what can be asked for, and what is refused before anything is done. Secrets are never among them.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    check_proof::CheckProof, convert::Convert, doctor::Doctor, enrol::Enrol, import::Import, init::Init,
    journal::Journal, jwks::Jwks, login::Login, logout::Logout, register::Register, resume::Resume,
    sign::Sign, verify::Verify, why::Why,
};
use crate::failure::{Exit, Failure};
use crate::output::Output;

const AFTER_HELP: &str = "\
Secrets are read from the terminal, from files, or from variables, and never from arguments, which every user of the
machine can see:
  the vault's passphrase   --passphrase-file, ZAMOK_PASSPHRASE_FILE, ZAMOK_PASSPHRASE
  an account's password    --password-file, ZAMOK_PASSWORD_FILE, ZAMOK_PASSWORD
  an access token          --token-file, ZAMOK_TOKEN_FILE, ZAMOK_TOKEN

Other variables:
  ZAMOK_STORE  the store (see --store)
  ZAMOK_LOG    what to log to standard error: error, warn, info, debug, or as in zamok_host=debug

Exit codes:
  0  done
  1  a check failed: password, code, token, signature or proof; the doctor found something wrong
  2  the command cannot be carried out as it was given: arguments, a login that is taken, a password that is too short
  3  the store cannot be used: it is missing, damaged, full, read-only, of another version, no store of Zamok
  4  the vault does not open: wrong passphrase, delayed after failures, none there; or there is one already
  5  a file, a variable or the terminal: something could not be read or written
  6  stored data failed its authentication: it was altered
  7  others were faster again and again, or the outcome of a commit is unknown: look, then try again

With --json every command prints one object; a failure prints {\"error\": {\"code\", \"name\", \"message\", \"hint\"}}.";

/// A vault with accounts, one-time codes and signatures.
#[derive(Debug, Parser)]
#[command(name = "zamok", version, after_long_help = AFTER_HELP, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Debug)]
pub(crate) struct Shared {
    /// Where the store lies: sqlite:PATH.
    #[arg(long, value_name = "URL", env = "ZAMOK_STORE", default_value = "sqlite:zamok.db", global = true)]
    pub(crate) store: OsString,
    /// A file with the vault's passphrase; otherwise ZAMOK_PASSPHRASE, or a prompt.
    #[arg(long, value_name = "FILE", env = "ZAMOK_PASSPHRASE_FILE", hide_env_values = true, global = true)]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Print one JSON object, for programs.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The password of an account, for commands that need it.
#[derive(Args, Debug)]
pub(crate) struct PasswordSource {
    /// A file with the account's password; otherwise ZAMOK_PASSWORD, or a prompt.
    #[arg(long, value_name = "FILE", env = "ZAMOK_PASSWORD_FILE", hide_env_values = true)]
    pub(crate) password_file: Option<PathBuf>,
}

/// The access token, for commands that act for an account.
#[derive(Args, Debug)]
pub(crate) struct TokenSource {
    /// A file with the access token that `zamok login` gave; otherwise ZAMOK_TOKEN.
    #[arg(long, value_name = "FILE", env = "ZAMOK_TOKEN_FILE", hide_env_values = true)]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(Init),
    Register(Register),
    Enrol(Enrol),
    Login(Login),
    Logout(Logout),
    Resume(Resume),
    Sign(Sign),
    Verify(Verify),
    Journal(Journal),
    CheckProof(CheckProof),
    Jwks(Jwks),
    Import(Import),
    Convert(Convert),
    Why(Why),
    Doctor(Doctor),
}

impl Command {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Register(_) => "register",
            Self::Enrol(_) => "enrol",
            Self::Login(_) => "login",
            Self::Logout(_) => "logout",
            Self::Resume(_) => "resume",
            Self::Sign(_) => "sign",
            Self::Verify(_) => "verify",
            Self::Journal(_) => "journal",
            Self::CheckProof(_) => "check-proof",
            Self::Jwks(_) => "jwks",
            Self::Import(_) => "import",
            Self::Convert(_) => "convert",
            Self::Why(_) => "why",
            Self::Doctor(_) => "doctor",
        }
    }
}

/// Why no command was read.
pub(crate) enum Ended {
    /// Help or the version was asked for.
    Told(String),
    /// The arguments make no command.
    Misused(Failure),
}

impl Ended {
    pub(crate) fn tell(&self, output: &Output) -> Exit {
        match self {
            Self::Told(text) => {
                output.text(text).map_or_else(|failure| output.failure(&failure), |()| Exit::Done)
            }
            Self::Misused(failure) => output.failure(failure),
        }
    }
}

impl Arguments {
    pub(crate) fn read() -> Result<Self, Ended> {
        Self::try_parse().map_err(|error| {
            // Without colours: the text quotes arguments, and is escaped before it is shown.
            let text = error.render().to_string();
            if !error.use_stderr() {
                return Ended::Told(text);
            }
            if names_a_secret() {
                return Ended::Misused(
                    Failure::usage("a passphrase, a password or a token is never an argument")
                        .hint("every user of this machine can read arguments: use the prompt, a file or a variable (`zamok --help`), and change the secret that was just shown"),
                );
            }
            let text = text.trim_end();
            Ended::Misused(Failure::usage(text.strip_prefix("error: ").unwrap_or(text)))
        })
    }
}

/// Whether somebody tries to hand over a secret as an argument.
fn names_a_secret() -> bool {
    env::args_os().any(|argument| {
        let argument = argument.to_string_lossy();
        let name = argument.split('=').next().unwrap_or_default();
        matches!(name, "--passphrase" | "--password" | "--token")
    })
}

/// Whether `--json` is among the arguments, even where they make no command.
pub(crate) fn wants_json() -> bool {
    env::args_os().skip(1).take_while(|argument| argument != "--").any(|argument| argument == "--json")
}
