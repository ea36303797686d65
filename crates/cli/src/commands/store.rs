//! `zamok store`: the store by itself, and moving house.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use zamok::backup::{Holders, Step};
use zamok::sqlite::SqliteStore;
use zamok::store::StoreFault;
use zamok::{CoreError, Options, Pkcs11Uri, StoreUrl, Vault};

use crate::arguments::{CostChoice, Shared, Yes};
use crate::credentials::{Held, TokenPin, key_in, put_together, token};
use crate::events::hex;
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;
use crate::secrets;

/// Look after the store itself, or move into another.
#[derive(Args, Debug)]
pub(crate) struct Store {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Read every page of the file and say what is damaged; exits with 1 when something is. Whether the rows say what
    /// they should, `zamok audit rows` finds.
    Check,
    /// Move the vault from one store into another, new one; for the officer. The store that is left opens for nobody from then
    /// on; end everything that has it open first. A move that was interrupted goes on with the same command.
    Copy(Box<Copy>),
}

#[derive(Args, Debug)]
struct Copy {
    /// The store that is left, as in sqlite:old.db.
    from: OsString,
    /// The store that is filled, as in sqlite:/srv/zamok/new.db.
    to: OsString,
    /// A file with the officer's passphrase, where it is another than the user's; otherwise ZAMOK_OFFICER_PASSPHRASE. Both open
    /// the new store as they open the old one.
    #[arg(long, value_name = "FILE", env = "ZAMOK_OFFICER_PASSPHRASE_FILE", hide_env_values = true)]
    officer_passphrase_file: Option<PathBuf>,
    /// A file with the key of the officer's slot: 64 hexadecimal digits.
    #[arg(long, value_name = "FILE")]
    officer_key_file: Option<PathBuf>,
    /// The officer's shares in this file, one or more of them; may be given several times.
    #[arg(long, value_name = "FILE", conflicts_with = "officer_key_file")]
    officer_shares: Vec<PathBuf>,
    /// The officer's PIN is asked for in the place of the passphrase, and this file holds the device's secret.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["officer_key_file", "officer_shares"])]
    officer_device_secret: Option<PathBuf>,
    /// The key in a PKCS#11 token that opens the officer's slot; its PIN is read from --officer-pkcs11-pin-file,
    /// ZAMOK_OFFICER_PKCS11_PIN, the URI's pin-source, or a prompt.
    #[arg(long, value_name = "URI", value_parser = Pkcs11Uri::parse, conflicts_with_all = ["officer_key_file", "officer_shares", "officer_device_secret"])]
    officer_pkcs11: Option<Pkcs11Uri>,
    /// A file with the PIN of the officer's token.
    #[arg(long, value_name = "FILE")]
    officer_pkcs11_pin_file: Option<PathBuf>,
    /// Every process that had the old store open has ended: do not wait the two minutes within which they learn of the move.
    #[arg(long)]
    ended: bool,
    #[command(flatten)]
    yes: Yes,
    #[command(flatten)]
    cost: CostChoice,
}

impl Store {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        match &self.what {
            What::Check => check(shared, output),
            What::Copy(copy) => copy.run(shared, output),
        }
    }
}

impl Copy {
    fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let (from, to) = (StoreUrl::parse(&self.from)?, StoreUrl::parse(&self.to)?);
        if is_same(&from, &to) || to == StoreUrl::Memory {
            return Err(Failure::usage("name two different stores that last"));
        }
        let source = from.open().map_err(|fault| opening::at(&from, fault))?;
        output
            .remark(format!("{from} will open for nobody any more, and its log ends; {to} begins a new one"));
        self.yes.confirm("move", output)?;
        let mut options = Options { cost: self.cost.cost(), ..opening::options(shared)? };
        if self.ended {
            options.settling = Duration::ZERO;
        }
        let held = Held::read(shared, output)?;
        let named = self.officer(shared, output)?;
        let officer = named.as_ref().unwrap_or(&held).credential();
        if !self.ended {
            output.remark("it takes two minutes at least: whoever has the old store open learns of it within them (--ended)");
        }
        let target = opening::new_store(&to)?;
        let moved = Vault::relocate(
            source.clone(),
            target,
            &lasting(&to).to_string(),
            Holders { officer, user: held.credential() },
            options.clone(),
            &mut |step| {
                let (items, what) = match step {
                    Step::Counted(items) => (items, "counted"),
                    Step::Copied(items) => (items, "copied"),
                    Step::Compared(items) => (items, "compared"),
                };
                output.progress(items, || format!("{items} items {what}"));
            },
        );
        output.progress_ends();
        let moved = moved.map_err(|error| {
            let rejected = matches!(error, CoreError::Rejected | CoreError::SlotMethod);
            let failure = opening::unopened(error, &*source, &held, &options);
            if rejected {
                return failure.hint(if named.is_none() {
                    "a move takes the officer's secret and the user's: name the officer's with --officer-passphrase-file, ZAMOK_OFFICER_PASSPHRASE, --officer-key-file, --officer-shares or --officer-pkcs11"
                } else {
                    "a move takes the officer's secret and the user's: one of those that were named opens no slot of its role"
                });
            }
            match failure.name {
                "backup-not-empty" => {
                    let message = format!("{to} is not empty, and nothing of {from} is on its way there");
                    Failure { message, ..failure }.hint("name a store that does not exist yet")
                }
                _ => failure,
            }
        })?;
        let digest = hex(&moved.digest);
        output
            .line(format!("{to} holds the vault: {} items, each compared with its copy.", moved.compared))?;
        output.line(format!("SHA-256 over all of them: {digest}"))?;
        output.line(format!("{from} is retired and says where the vault went."))?;
        output.remark(format!(
            "next: --store {to}, wherever the old one is named; then delete {from} when no rule keeps it"
        ));
        if shared.opening.anchor.is_some() || shared.opening.anchor_witnesses.is_some() {
            output.remark(opening::ANEW);
        }
        output.object(&json!({
            "from": from.to_string(),
            "to": to.to_string(),
            "items": moved.compared,
            "digest": digest,
            "resumed": moved.resumed,
            "origin": moved.vault.origin(),
        }))?;
        Ok(Exit::Done)
    }
}

impl Copy {
    /// The officer's secret, where it was named by itself.
    fn officer(&self, shared: &Shared, output: &Output) -> Result<Option<Held>, Failure> {
        if let Some(file) = &self.officer_key_file {
            return key_in(file, output).map(|key| Some(Held::Key(key)));
        }
        if !self.officer_shares.is_empty() {
            return put_together(&self.officer_shares, output).map(|key| Some(Held::Shares(key)));
        }
        if let Some(uri) = &self.officer_pkcs11 {
            let pin = TokenPin {
                what: "the PIN of the officer's token",
                variable: "ZAMOK_OFFICER_PKCS11_PIN",
                option: "--officer-pkcs11-pin-file",
            };
            let module = shared.opening.pkcs11_module.as_deref();
            let key = token(uri, module, self.officer_pkcs11_pin_file.as_deref(), &pin, output)?;
            return Ok(Some(Held::Token(key)));
        }
        let device = self.officer_device_secret.as_ref().map(|path| key_in(path, output)).transpose()?;
        let passphrase = secrets::officer_passphrase(self.officer_passphrase_file.as_deref(), output)?;
        match (passphrase, device) {
            (passphrase, None) => Ok(passphrase.map(Held::Passphrase)),
            (Some(pin), Some(device)) => Ok(Some(Held::Pin(pin, device))),
            (None, Some(_)) => Err(Failure::no_secret("the officer's PIN is needed")
                .hint("put it into a file and name it with --officer-passphrase-file")),
        }
    }
}

/// Whether both name one store: a file is the same under every name that leads to it.
fn is_same(one: &StoreUrl, other: &StoreUrl) -> bool {
    match (one, other) {
        (StoreUrl::Sqlite(one), StoreUrl::Sqlite(other)) => {
            let file = |path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
            one == other || file(one).ok().zip(file(other).ok()).is_some_and(|(one, other)| one == other)
        }
        _ => one == other,
    }
}

/// The URL by which a store is found from anywhere, whoever named it and from where.
fn lasting(store: &StoreUrl) -> StoreUrl {
    match store {
        StoreUrl::Sqlite(path) => StoreUrl::Sqlite(path.canonicalize().unwrap_or_else(|_| path.clone())),
        other => other.clone(),
    }
}

fn check(shared: &Shared, output: &Output) -> Result<Exit, Failure> {
    let place = opening::place(shared)?;
    let StoreUrl::Sqlite(path) = &place else {
        return Err(Failure::usage("only the file of a SQLite store is checked here")
            .hint("a database is its server's to check; `zamok audit rows` looks at every row of it"));
    };
    let findings = match SqliteStore::open(path) {
        Ok(store) => store.check(),
        Err(fault) => Err(fault),
    };
    let findings = match findings {
        Ok(findings) => findings,
        // So badly damaged that it could not be opened or read to its end: that is what was asked.
        Err(StoreFault::Corrupt) => vec!["the file cannot be read as a store".to_owned()],
        Err(fault) => return Err(opening::at(&place, fault)),
    };
    for finding in &findings {
        output.line(finding)?;
    }
    let sound = findings.is_empty();
    let verdict = if sound { "The file is sound." } else { "The file is damaged: restore it from a backup." };
    output.line(verdict)?;
    output.object(&json!({"sound": sound, "findings": findings}))?;
    Ok(if sound { Exit::Done } else { Exit::Rejected })
}
