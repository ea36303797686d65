//! `zamok clients`: the keys and certificates with which clients sign requests and open connections.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use zamok::protocols::request::{
    ClientKey, ClientKeyId, Clients as Registry, NewClientKey, SignatureAlgorithm,
};
use zamok::{CoreError, Zamok};

use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::moment;
use crate::opening;
use crate::output::Output;

/// Register, list and revoke keys and certificates of clients.
#[derive(Args, Debug)]
pub(crate) struct Clients {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Register a key for an account: from now on, whoever holds it signs requests for that account.
    Add {
        /// The login of the account.
        login: String,
        #[command(flatten)]
        key: Given,
        /// How it signs, by the name of RFC 9421: only an RSA key leaves a choice.
        #[arg(long, value_name = "NAME", value_parser = algorithm)]
        algorithm: Option<SignatureAlgorithm>,
        /// What to call it.
        #[arg(long, value_name = "TEXT", default_value = "")]
        label: String,
    },
    /// The keys of an account, those that were revoked among them.
    List {
        /// The login of the account.
        login: String,
    },
    /// Let a key count no more, for good.
    Revoke {
        /// The key, as `list` shows it. It may begin with a hyphen.
        #[arg(value_parser = named, allow_hyphen_values = true)]
        key: ClientKeyId,
        /// Why, for the journal.
        #[arg(long)]
        reason: String,
    },
}

/// What is registered.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Given {
    /// A public key, in PEM.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// A certificate, in PEM: its holder may open connections as well (mutual TLS).
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// A file with a secret that is shared with the client, of at least 32 bytes.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

fn algorithm(name: &str) -> Result<SignatureAlgorithm, String> {
    SignatureAlgorithm::named(name).ok_or_else(|| {
        let names = SignatureAlgorithm::ALL.map(SignatureAlgorithm::name);
        format!("there are {}", names.join(", "))
    })
}

fn named(text: &str) -> Result<ClientKeyId, String> {
    ClientKeyId::parse(text).ok_or_else(|| "a key of a client has 43 letters, digits, - and _".into())
}

impl Clients {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| match &self.action {
            Action::Add { login, key, algorithm, label } => add(zamok, login, key, *algorithm, label, output),
            Action::List { login } => list(zamok, login, output),
            Action::Revoke { key, reason } => {
                Registry::new(zamok.cabinet()).revoke(*key, reason)?;
                output.line(format!("{key} counts no more."))?;
                output.object(&json!({"key": key.to_string(), "revoked": true}))?;
                Ok(Exit::Done)
            }
        })
    }
}

fn add(
    zamok: &Zamok,
    login: &str,
    given: &Given,
    algorithm: Option<SignatureAlgorithm>,
    label: &str,
    output: &Output,
) -> Result<Exit, Failure> {
    let registry = Registry::new(zamok.cabinet());
    let added = match (&given.public_key, &given.certificate, &given.secret_file) {
        (Some(path), ..) => {
            registry.add(login, &NewClientKey::PublicKeyPem(&files::read_text(path)?), algorithm, label)
        }
        (_, Some(path), _) => {
            registry.add(login, &NewClientKey::CertificatePem(&files::read_text(path)?), algorithm, label)
        }
        (_, _, Some(path)) => {
            let secret = files::read_secret(path, output)?;
            registry.add(login, &NewClientKey::Secret(secret), algorithm, label)
        }
        _ => return Err(Failure::usage("name --public-key, --certificate or --secret-file")),
    };
    let added = added.map_err(|error| {
        Failure::from(error).when_rejected("no open account has this login", "look at how it is spelled")
    })?;
    output.line(format!("{} signs for {login} with {}.", added.id, added.algorithm))?;
    output.remark("its holder names it in `keyid`");
    output.object(&shown(&added))?;
    Ok(Exit::Done)
}

fn list(zamok: &Zamok, login: &str, output: &Output) -> Result<Exit, Failure> {
    let keys = Registry::new(zamok.cabinet()).list(login).map_err(|error| match error {
        zamok::protocols::Error::Cabinet(zamok::Error::Core(CoreError::Rejected)) => {
            Failure::rejected("no account has this login")
        }
        error => error.into(),
    })?;
    if keys.is_empty() {
        output.line(format!("{login} has no keys of clients."))?;
    }
    for key in &keys {
        output.line(format!(
            "{}  {}  {}  {}{}  {}",
            key.id,
            key.kind.name(),
            key.algorithm,
            moment::text(key.added),
            if key.revoked { "  revoked" } else { "" },
            if key.label.is_empty() { "-" } else { &key.label },
        ))?;
    }
    let keys: Vec<Value> = keys.iter().map(shown).collect();
    output.object(&json!({"login": login, "keys": keys}))?;
    Ok(Exit::Done)
}

fn shown(key: &ClientKey) -> Value {
    json!({
        "key": key.id.to_string(),
        "account": key.account.to_string(),
        "kind": key.kind.name(),
        "algorithm": key.algorithm.name(),
        "label": key.label,
        "added": key.added.0,
        "revoked": key.revoked,
    })
}
