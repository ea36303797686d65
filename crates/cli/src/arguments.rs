//! The arguments: what can be asked for, and what is refused before anything is done. Secrets are never among them.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use zamok::{Argon2Cost, Options};

use crate::commands::{
    accounts::Accounts,
    answer::Answer,
    audit::Audit,
    backup::Backup,
    check_proof::CheckProof,
    clients::Clients,
    contacts::Contacts,
    convert::Convert,
    delivery::Delivery,
    devices::Devices,
    doctor::Doctor,
    enrol::Enrol,
    factors::Factors,
    import::Import,
    init::Init,
    journal::Journal,
    jwks::Jwks,
    keys::Keys,
    login::Login,
    logout::Logout,
    ocra::Ocra,
    password::Password,
    policy::Policy,
    powers::Powers,
    recovery::Recovery,
    register::Register,
    restore::Restore,
    resume::Resume,
    risk::Risk,
    rotate::{Rewrap, Rotate},
    sessions::Sessions,
    sign::Sign,
    slots::Slots,
    store::Store,
    sweep::Sweep,
    token::Token,
    verify::Verify,
    why::Why,
    witness::Witness,
};
use crate::credentials::Opening;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::secrets;

const AFTER_HELP: &str = "\
Secrets are read from the terminal, from files, or from variables, and never from arguments, which every user of the
machine can see:
  the vault's passphrase   --passphrase-file, ZAMOK_PASSPHRASE_FILE, ZAMOK_PASSPHRASE
  a slot's new passphrase  --new-passphrase-file, ZAMOK_NEW_PASSPHRASE
  a backup's passphrase    --backup-passphrase-file, ZAMOK_BACKUP_PASSPHRASE_FILE, ZAMOK_BACKUP_PASSPHRASE
  a surviving journal's    --journal-passphrase-file, ZAMOK_JOURNAL_PASSPHRASE_FILE, ZAMOK_JOURNAL_PASSPHRASE
  the officer's, of a move  --officer-passphrase-file, ZAMOK_OFFICER_PASSPHRASE_FILE, ZAMOK_OFFICER_PASSPHRASE
  an account's password    --password-file, ZAMOK_PASSWORD_FILE, ZAMOK_PASSWORD; a new one --new-password-file, ZAMOK_NEW_PASSWORD
  an access token          --token-file, ZAMOK_TOKEN_FILE, ZAMOK_TOKEN
  the PIN of a token       --pkcs11-pin-file, ZAMOK_PKCS11_PIN_FILE, ZAMOK_PKCS11_PIN
  the PIN of a known device  --pin-file, ZAMOK_PIN_FILE, ZAMOK_PIN; a new one --new-pin-file, ZAMOK_NEW_PIN
  a device holder's PIN    --pin-file, ZAMOK_OCRA_PIN (zamok ocra)

Other variables:
  ZAMOK_STORE  the store (see --store)
  ZAMOK_ANCHOR, ZAMOK_ANCHOR_WITNESSES, ZAMOK_VAULT_KEY_FILE, ZAMOK_DEVICE_SECRET, ZAMOK_PKCS11, ZAMOK_PKCS11_MODULE
               as the options of these names
  ZAMOK_WITNESSES  the policy of zamok journal run
  ZAMOK_LOG    what to log to standard error: error, warn, info, debug, or as in zamok_host=debug

Exit codes:
  0  done
  1  a check failed: password, code, token, signature or proof; the doctor or the audit found something wrong; policies differ
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
    /// Where the store lies: sqlite:PATH, or postgres://USER@HOST/DATABASE?password_file=PATH.
    #[arg(
        long,
        value_name = "URL",
        env = "ZAMOK_STORE",
        hide_env_values = true,
        default_value = "sqlite:zamok.db",
        global = true
    )]
    pub(crate) store: OsString,
    /// A file with the vault's passphrase; otherwise ZAMOK_PASSPHRASE, or a prompt.
    #[arg(long, value_name = "FILE", env = "ZAMOK_PASSPHRASE_FILE", hide_env_values = true, global = true)]
    pub(crate) passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) opening: Opening,
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

/// The PIN of a known device, for commands that need it.
#[derive(Args, Debug)]
pub(crate) struct PinSource {
    /// A file with the PIN; otherwise ZAMOK_PIN, or a prompt.
    #[arg(long, value_name = "FILE", env = "ZAMOK_PIN_FILE", hide_env_values = true)]
    pub(crate) pin_file: Option<PathBuf>,
}

/// The password that an account gets.
#[derive(Args, Debug)]
pub(crate) struct NewPasswordSource {
    /// A file with the new password; otherwise ZAMOK_NEW_PASSWORD, or a prompt.
    #[arg(long, value_name = "FILE")]
    new_password_file: Option<PathBuf>,
}

impl NewPasswordSource {
    pub(crate) fn read(&self, output: &Output) -> Result<zamok::Password, Failure> {
        secrets::new_password(self.new_password_file.as_deref(), output)
    }
}

/// The access token, for commands that act for an account.
#[derive(Args, Debug)]
pub(crate) struct TokenSource {
    /// A file with the access token that `zamok login` gave; otherwise ZAMOK_TOKEN.
    #[arg(long, value_name = "FILE", env = "ZAMOK_TOKEN_FILE", hide_env_values = true)]
    pub(crate) token_file: Option<PathBuf>,
}

/// The passphrase of a backup, for commands that need it.
#[derive(Args, Debug)]
pub(crate) struct BackupSource {
    /// A file with the passphrase of the backup; otherwise ZAMOK_BACKUP_PASSPHRASE, or a prompt.
    #[arg(long, value_name = "FILE", env = "ZAMOK_BACKUP_PASSPHRASE_FILE", hide_env_values = true)]
    pub(crate) backup_passphrase_file: Option<PathBuf>,
}

/// What a guess at a new passphrase costs.
#[derive(Args, Debug)]
pub(crate) struct CostChoice {
    /// Memory that each guess at the new passphrase costs, in MiB [default: 256]. Less than 64 is for machines that have
    /// no more, and for tests.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=2048))]
    argon2_memory: Option<u32>,
    /// Passes over that memory [default: 3].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    argon2_passes: Option<u32>,
}

impl CostChoice {
    pub(crate) fn cost(&self) -> Argon2Cost {
        let default = Options::default().cost;
        Argon2Cost {
            memory_kib: self.argon2_memory.map_or(default.memory_kib, |mebibytes| mebibytes << 10),
            passes: self.argon2_passes.unwrap_or(default.passes),
            ..default
        }
    }
}

/// The word of somebody who knows what a command does.
#[derive(Args, Debug)]
pub(crate) struct Yes {
    /// Do it without asking.
    #[arg(long)]
    yes: bool,
}

impl Yes {
    /// Asks for a word at the terminal, unless it was given beforehand.
    pub(crate) fn confirm(&self, word: &str, output: &Output) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        let typed = secrets::code(&format!("type `{word}` to go on"), "--yes", output).map_err(|_| {
            Failure::usage("nothing was done: this asks for a confirmation").hint("give --yes")
        })?;
        if typed == word {
            Ok(())
        } else {
            Err(Failure::usage("nothing was done").hint("give --yes, or type the word"))
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(Init),
    Register(Register),
    Enrol(Enrol),
    Login(Login),
    Answer(Answer),
    Logout(Logout),
    Resume(Resume),
    Sessions(Sessions),
    Slots(Slots),
    Rotate(Rotate),
    Rewrap(Rewrap),
    Sign(Sign),
    Store(Store),
    Sweep(Sweep),
    Verify(Verify),
    Journal(Journal),
    CheckProof(CheckProof),
    Jwks(Jwks),
    Token(Token),
    Clients(Clients),
    Keys(Keys),
    Import(Import),
    Convert(Convert),
    Delivery(Delivery),
    Ocra(Ocra),
    Password(Password),
    Recovery(Recovery),
    Contacts(Contacts),
    Devices(Devices),
    Powers(Powers),
    Policy(Policy),
    Risk(Risk),
    Audit(Audit),
    Accounts(Accounts),
    Factors(Factors),
    Backup(Backup),
    Restore(Restore),
    Why(Why),
    Witness(Witness),
    Doctor(Doctor),
}

impl Command {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Register(_) => "register",
            Self::Enrol(_) => "enrol",
            Self::Login(_) => "login",
            Self::Answer(_) => "answer",
            Self::Logout(_) => "logout",
            Self::Resume(_) => "resume",
            Self::Sessions(_) => "sessions",
            Self::Slots(_) => "slots",
            Self::Rotate(_) => "rotate",
            Self::Rewrap(_) => "rewrap",
            Self::Sign(_) => "sign",
            Self::Store(_) => "store",
            Self::Sweep(_) => "sweep",
            Self::Verify(_) => "verify",
            Self::Journal(_) => "journal",
            Self::CheckProof(_) => "check-proof",
            Self::Jwks(_) => "jwks",
            Self::Token(_) => "token",
            Self::Clients(_) => "clients",
            Self::Keys(_) => "keys",
            Self::Import(_) => "import",
            Self::Convert(_) => "convert",
            Self::Delivery(_) => "delivery",
            Self::Ocra(_) => "ocra",
            Self::Password(_) => "password",
            Self::Recovery(_) => "recovery",
            Self::Contacts(_) => "contacts",
            Self::Devices(_) => "devices",
            Self::Powers(_) => "powers",
            Self::Policy(_) => "policy",
            Self::Risk(_) => "risk",
            Self::Audit(_) => "audit",
            Self::Accounts(_) => "accounts",
            Self::Factors(_) => "factors",
            Self::Backup(_) => "backup",
            Self::Restore(_) => "restore",
            Self::Why(_) => "why",
            Self::Witness(_) => "witness",
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
    /// What opens the vault is settled by where it was named: what stands on the command line sets aside what variables name.
    fn parsed() -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches()?;
        let mut arguments = Self::from_arg_matches(&matches)?;
        arguments
            .shared
            .opening
            .settle(&matches)
            .map_err(|clash| Self::command().error(ErrorKind::ArgumentConflict, clash))?;
        Ok(arguments)
    }

    pub(crate) fn read() -> Result<Self, Ended> {
        if env::args_os().any(|argument| holds_password(&argument.to_string_lossy())) {
            return Err(Ended::Misused(
                Failure::usage("the password of a database is never an argument")
                    .hint("every user of this machine can read arguments: name a file with ?password_file=PATH, or put the URL into ZAMOK_STORE, and change the password that was just shown"),
            ));
        }
        if env::args_os().any(|argument| argument.to_string_lossy().contains("pin-value=")) {
            return Err(Ended::Misused(
                Failure::usage("the PIN of a token is never an argument")
                    .hint("every user of this machine can read arguments: name a file with ?pin-source= or --pkcs11-pin-file, and change the PIN that was just shown"),
            ));
        }
        Self::parsed().map_err(|error| {
            // Without colours: the text quotes arguments, and is escaped before it is shown.
            let text = error.render().to_string();
            if !error.use_stderr() {
                return Ended::Told(text);
            }
            // The text would quote it.
            if env::var_os("ZAMOK_PKCS11").is_some_and(|uri| uri.to_string_lossy().contains("pin-value=")) {
                return Ended::Misused(
                    Failure::usage("the PIN of a token is never part of ZAMOK_PKCS11")
                        .hint("set ZAMOK_PKCS11_PIN, or name a file with ?pin-source= or --pkcs11-pin-file"),
                );
            }
            if names_a_secret() {
                return Ended::Misused(
                    Failure::usage("a passphrase, a password, a PIN or a token is never an argument")
                        .hint("every user of this machine can read arguments: use the prompt, a file or a variable (`zamok --help`), and change the secret that was just shown"),
                );
            }
            let text = text.trim_end();
            if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
                return Ended::Misused(Failure::usage(format!("a command is missing\n\n{text}")));
            }
            Ended::Misused(Failure::usage(text.strip_prefix("error: ").unwrap_or(text)))
        })
    }
}

/// What somebody might write who takes a secret for an argument.
const SECRETS: [&str; 13] = [
    "--passphrase",
    "--new-passphrase",
    "--backup-passphrase",
    "--journal-passphrase",
    "--officer-passphrase",
    "--password",
    "--new-password",
    "--token",
    "--pin",
    "--new-pin",
    "--pkcs11-pin",
    "--new-pkcs11-pin",
    "--ocra-pin",
];

/// Whether somebody tries to hand over a secret as an argument.
fn names_a_secret() -> bool {
    env::args_os().any(|argument| {
        let argument = argument.to_string_lossy();
        let name = argument.split('=').next().unwrap_or_default();
        SECRETS.contains(&name)
    })
}

/// Whether the argument is, or ends in, the URL of a database with a password in it; also one with a slip of the pen.
fn holds_password(argument: &str) -> bool {
    let Some((_, place)) =
        argument.split_once("postgres://").or_else(|| argument.split_once("postgresql://"))
    else {
        return false;
    };
    let user = place.rsplit_once('@').map_or("", |(user, _)| user);
    user.contains(':') || place.contains("?password=") || place.contains("&password=")
}

/// Whether `--json` is among the arguments, even where they make no command.
pub(crate) fn wants_json() -> bool {
    env::args_os().skip(1).take_while(|argument| argument != "--").any(|argument| argument == "--json")
}
