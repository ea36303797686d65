//! `zamok slots`: the ways into the vault. For officers, except looking and changing one's own.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use zamok::backup::shares_in;
use zamok::shares::Share;
use zamok::{Argon2Cost, Credential, NewSlot, Options, Pkcs11Key, Pkcs11Uri, Role, Vault};

use crate::arguments::{CostChoice, Shared};
use crate::credentials::{self, Held, TokenPin};
use crate::failure::{Exit, Failure};
use crate::files::{self, Prepared, Readable};
use crate::moment;
use crate::opening;
use crate::output::Output;
use crate::secrets;

/// List, add, change, remove and reset the ways into the vault.
#[derive(Args, Debug)]
pub(crate) struct Slots {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show the slots, whom they let in, how they are opened, and their failures. Opens nothing.
    List,
    /// Add a slot.
    Add {
        /// Whom it lets in.
        #[arg(long, value_enum)]
        role: RoleName,
        /// What people call it; not secret.
        #[arg(long, default_value = "")]
        label: String,
        #[command(flatten)]
        secret: NewSecret,
    },
    /// Give a slot another secret.
    Change {
        /// Its number.
        number: u8,
        /// What people call it from now on.
        #[arg(long)]
        label: Option<String>,
        /// Open the vault through the slot itself, as its user, instead of as the officer.
        #[arg(long)]
        own: bool,
        #[command(flatten)]
        secret: NewSecret,
    },
    /// Take a slot away.
    Remove {
        /// Its number.
        number: u8,
    },
    /// Forgive the failed attempts at a slot, also of one that was disabled.
    Reset {
        /// Its number.
        number: u8,
    },
    /// Show the PKCS#11 tokens that a module has there, as URIs. Nobody logs in, and no vault is opened.
    Tokens,
}

/// The secret that the slot gets.
#[derive(Args, Debug)]
struct NewSecret {
    /// A file with the new passphrase or PIN; otherwise ZAMOK_NEW_PASSPHRASE, or a prompt.
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    /// Open it with the key of 32 bytes in this file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["new_passphrase_file", "new_device_secret"])]
    new_key_file: Option<PathBuf>,
    /// Open it with a PIN and the secret of 32 bytes in this file.
    #[arg(long, value_name = "FILE")]
    new_device_secret: Option<PathBuf>,
    /// Open it with shares: make N of them, of which any M open it, as in 2/3.
    #[arg(long, value_name = "M/N", value_parser = numbers, requires = "out_dir", conflicts_with_all = ["new_passphrase_file", "new_key_file", "new_device_secret"])]
    split: Option<(u8, u8)>,
    /// The folder for the files of shares, named share-1 and so on, for their holders to take away.
    #[arg(long, value_name = "FOLDER", requires = "split")]
    out_dir: Option<PathBuf>,
    /// Open it with the key in a PKCS#11 token that this URI names (RFC 7512).
    #[arg(long, value_name = "URI", value_parser = Pkcs11Uri::parse, conflicts_with_all = ["new_passphrase_file", "new_key_file", "new_device_secret", "split"])]
    new_pkcs11: Option<Pkcs11Uri>,
    /// A file with the PIN of that token; otherwise ZAMOK_NEW_PKCS11_PIN, the URI's pin-source, or a prompt.
    #[arg(long, value_name = "FILE", requires = "new_pkcs11")]
    new_pkcs11_pin_file: Option<PathBuf>,
    /// Have the token make the key first: 32 bytes that never leave it.
    #[arg(long, requires = "new_pkcs11")]
    make_key: bool,
    #[command(flatten)]
    cost: CostChoice,
}

/// Whom a slot lets in.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleName {
    /// Keeps the doors; uses nobody's keys.
    Officer,
    /// Works with keys and accounts.
    User,
    /// Reads and verifies the journal.
    Auditor,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Officer => Self::Officer,
            RoleName::User => Self::User,
            RoleName::Auditor => Self::Auditor,
        }
    }
}

/// A secret for a slot, with the files of its shares where it has some.
struct Made {
    held: Held,
    shares: Vec<PathBuf>,
}

impl NewSecret {
    /// Makes or reads the secret. What has to be kept of it is on the disk before the slot is made: a slot that nobody can
    /// open is worse than shares that open nothing.
    fn make(&self, vault: &Vault, shared: &Shared, output: &Output) -> Result<Made, Failure> {
        if let (Some((needed, made)), Some(folder)) = (self.split, &self.out_dir) {
            let (key, shares) = vault.new_shares(needed, made)?;
            let shares = keep(&shares, folder)?;
            return Ok(Made { held: Held::Shares(key), shares });
        }
        Ok(Made { held: self.read(shared, output)?, shares: Vec::new() })
    }

    fn read(&self, shared: &Shared, output: &Output) -> Result<Held, Failure> {
        if let Some(uri) = &self.new_pkcs11 {
            let pin = TokenPin {
                what: "the PIN of the new token",
                variable: "ZAMOK_NEW_PKCS11_PIN",
                option: "--new-pkcs11-pin-file",
            };
            let (module, file) =
                (shared.opening.pkcs11_module.as_deref(), self.new_pkcs11_pin_file.as_deref());
            let key = credentials::token(uri, module, file, &pin, output)?;
            if self.make_key {
                key.make()?;
            }
            return Ok(Held::Token(key));
        }
        if let Some(path) = &self.new_key_file {
            return Ok(Held::Key(credentials::key_in(path, output)?));
        }
        let device = self.new_device_secret.as_ref().map(|path| credentials::key_in(path, output));
        let device = device.transpose()?;
        let is_pin = device.is_some();
        let passphrase = secrets::new_passphrase(self.new_passphrase_file.as_deref(), is_pin, output)?;
        Ok(match device {
            Some(device) => Held::Pin(passphrase, device),
            None => Held::Passphrase(passphrase),
        })
    }
}

impl Slots {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        match &self.command {
            What::List => list(shared, output),
            What::Add { role, label, secret } => opening::as_role(Role::Officer, shared, output, |vault| {
                let made = secret.make(vault, shared, output)?;
                let cost = secret.cost.cost();
                let added = vault.add_slot(&new(Role::from(*role), label, made.held.credential(), cost));
                let number = added.inspect_err(|error| made.unless_kept(error))?;
                told(output, number, "was added", &made.shares)
            }),
            What::Change { number, label, own, secret } => {
                let slots = Vault::slots(&*opening::store(shared)?, &Options::default())?;
                let slot = slots.into_iter().find(|slot| slot.number == *number);
                let slot = slot.ok_or(zamok::CoreError::NoSlot(*number))?;
                let role = if *own { slot.role } else { Role::Officer };
                opening::as_role(role, shared, output, |vault| {
                    let made = secret.make(vault, shared, output)?;
                    let label = label.as_deref().unwrap_or(&slot.label);
                    let credential = made.held.credential();
                    let changed =
                        vault.change_slot(*number, &new(slot.role, label, credential, secret.cost.cost()));
                    changed.inspect_err(|error| made.unless_kept(error))?;
                    told(output, *number, "has another secret now", &made.shares)
                })
            }
            What::Remove { number } => opening::as_role(Role::Officer, shared, output, |vault| {
                vault.remove_slot(*number)?;
                told(output, *number, "was removed; old copies of the store still open with its secret", &[])
            }),
            What::Reset { number } => opening::as_role(Role::Officer, shared, output, |vault| {
                vault.reset_slot(*number)?;
                told(output, *number, "may be tried again", &[])
            }),
            What::Tokens => tokens(shared, output),
        }
    }
}

impl Made {
    /// Takes the shares away of a slot that has not come to be; where nobody knows whether it has, they stay.
    fn unless_kept(&self, error: &zamok::CoreError) {
        if *error != zamok::CoreError::Store(zamok::store::StoreFault::OutcomeUnknown) {
            for share in &self.shares {
                // One that stays is told by the next run.
                let _ = std::fs::remove_file(share);
            }
        }
    }
}

fn new<'a>(role: Role, label: &'a str, secret: Credential<'a>, cost: Argon2Cost) -> NewSlot<'a> {
    NewSlot { role, label, secret, cost }
}

fn told(output: &Output, number: u8, what: &str, shares: &[PathBuf]) -> Result<Exit, Failure> {
    output.line(format!("Slot {number} {what}."))?;
    for share in shares {
        output.line(format!("a share: {}", share.display()))?;
    }
    if !shares.is_empty() {
        output.remark(
            "give each to another person and delete the files: whoever has enough of them opens the vault",
        );
    }
    let shares: Vec<_> = shares.iter().map(|path| path.display().to_string()).collect();
    output.object(&json!({"slot": number, "shares": shares}))?;
    Ok(Exit::Done)
}

/// Reads two numbers, as in 2/3.
pub(super) fn numbers(text: &str) -> Result<(u8, u8), String> {
    let numbers =
        text.split_once('/').and_then(|(needed, made)| Some((needed.parse().ok()?, made.parse().ok()?)));
    numbers.ok_or_else(|| "two numbers are meant, as in 2/3".into())
}

/// Writes each share into a file of its own, for its owner's eyes, and reads them back.
fn keep(shares: &[Share], folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut prepared = Vec::new();
    for share in shares {
        let path = folder.join(format!("share-{}", share.index()));
        prepared.push((share, Prepared::unless_there(&path, Readable::ByOwner)?));
    }
    let mut kept = Vec::new();
    for (share, file) in prepared {
        let mut text = zeroize::Zeroizing::new(format!(
            "# Share {} of {}; any {} of them open a slot of the vault.\n",
            share.index(),
            shares.len(),
            share.set().threshold
        ));
        text.push_str(&share.to_text());
        let path = file.write(text.as_bytes())?;
        let read = shares_in(&files::read_text(&path)?)?;
        if read.len() != 1 || read[0].to_text() != share.to_text() {
            return Err(Failure::file(format!("{} does not hold what was written", path.display())));
        }
        kept.push(path);
    }
    Ok(kept)
}

fn tokens(shared: &Shared, output: &Output) -> Result<Exit, Failure> {
    let opening = &shared.opening;
    let module = opening.pkcs11_module.as_deref().or(opening.pkcs11.as_ref().and_then(Pkcs11Uri::module));
    let module = module.ok_or_else(|| {
        Failure::usage("no module is named").hint("name the token's shared library with --pkcs11-module FILE")
    })?;
    let uris: Vec<_> = Pkcs11Key::tokens(module)?.iter().map(ToString::to_string).collect();
    for uri in &uris {
        output.line(uri)?;
    }
    output.object(&json!({ "tokens": uris }))?;
    Ok(Exit::Done)
}

fn list(shared: &Shared, output: &Output) -> Result<Exit, Failure> {
    let slots = Vault::slots(&*opening::store(shared)?, &Options::default())?;
    for slot in &slots {
        let state = match slot.failures {
            0 => String::new(),
            failures if slot.is_disabled => format!(", disabled after {failures} failures"),
            failures => format!(", {failures} failures, closed until {}", moment::text(slot.not_before)),
        };
        let label = crate::output::visible(&slot.label);
        output.line(format!(
            "{:>3}  {:<8} {}  {label}{state}",
            slot.number,
            slot.role,
            slot.method.name()
        ))?;
    }
    let slots: Vec<_> = slots
        .iter()
        .map(|slot| {
            json!({
                "slot": slot.number,
                "role": slot.role.to_string(),
                "method": slot.method.name(),
                "label": slot.label,
                "failures": slot.failures,
                "not_before": slot.not_before.0,
                "disabled": slot.is_disabled,
            })
        })
        .collect();
    output.object(&json!({ "slots": slots }))?;
    Ok(Exit::Done)
}
