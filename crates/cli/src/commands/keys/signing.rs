//! `zamok keys sign` and `verify`: detached signatures by keys of the service, as `openssl dgst -verify` reads them.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zamok::CoreError;
use zamok::keys::{self, KeyId, Mechanism, Purpose, signing};
use zamok::signature::Prepared;

use super::{key_id, purpose};
use crate::arguments::Shared;
use crate::commands::sign::{beside, name};
use crate::commands::verify::read_signature;
use crate::failure::{Exit, Failure};
use crate::files::{self, Overwrite, Readable};
use crate::opening;
use crate::output::Output;

#[derive(Args, Debug)]
pub(crate) struct Sign {
    /// The key's id.
    #[arg(value_parser = key_id)]
    key: KeyId,
    /// The file, of at most 1 GiB.
    file: PathBuf,
    /// How [default: the usual way of the key's kind]; `zamok keys show` lists what the key allows.
    #[arg(long, value_parser = mechanism)]
    mechanism: Option<Mechanism>,
    /// Where to write the signature [default: FILE.sig].
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// What the signature is for [default: what the key serves]. For a key of access tokens it has to be said: what it signs may
    /// be a token.
    #[arg(long, value_parser = purpose)]
    purpose: Option<Purpose>,
    #[command(flatten)]
    overwrite: Overwrite,
}

#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// The key's id.
    #[arg(value_parser = key_id)]
    key: KeyId,
    /// The file that was signed.
    file: PathBuf,
    /// How [default: the usual way of the key's kind].
    #[arg(long, value_parser = mechanism)]
    mechanism: Option<Mechanism>,
    /// The signature [default: FILE.sig].
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
}

/// Reads the name of a mechanism.
fn mechanism(text: &str) -> Result<Mechanism, String> {
    Mechanism::from_name(text).ok_or_else(|| {
        let names: Vec<_> = Mechanism::ALL.iter().map(|mechanism| mechanism.name()).collect();
        format!("one of: {}", names.join(", "))
    })
}

impl Sign {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let document = files::read_document(&self.file)?;
        let path = self.signature.clone().unwrap_or_else(|| beside(&self.file));
        opening::with_vault(shared, output, |zamok| {
            // Before the journal says that there is a signature: can it be written?
            let file = self.overwrite.prepare(&path, Readable::ByOthers)?;
            let signature = opening::with_key(zamok, self.key, shared, output, |tx| {
                let purpose = match (self.purpose, keys::info(tx, self.key)?.purpose) {
                    (None, Purpose::Token) => return Err(CoreError::KeyPurpose),
                    (asked, own) => asked.unwrap_or(own),
                };
                let prepared = Prepared::Message(&document);
                signing::sign_with(tx, self.key, self.mechanism, purpose, prepared, &name(&self.file))
            })?;
            let path = file.write(&signature.to_der())?.display().to_string();
            output.line(format!("{} is signed: {path}", self.file.display()))?;
            output.object(&json!({"file": self.file.display().to_string(), "signature": path}))?;
            Ok(Exit::Done)
        })
    }
}

impl Verify {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let document = files::read_document(&self.file)?;
        let signature = read_signature(self.signature.as_deref(), &self.file)?;
        opening::with_vault(shared, output, |zamok| {
            let verified = opening::with_key(zamok, self.key, shared, output, |tx| {
                let purpose = keys::info(tx, self.key)?.purpose;
                let prepared = Prepared::Message(&document);
                signing::verify(tx, self.key, self.mechanism, purpose, prepared, &signature)
            });
            verified.map_err(|failure| {
                failure.when_rejected(
                    "the signature is not one by this key over this file",
                    "the file was changed, or another key has signed it, or in another way (--mechanism)",
                )
            })?;
            output.line(format!("The signature over {} is right.", self.file.display()))?;
            output.object(&json!({"file": self.file.display().to_string(), "valid": true}))?;
            Ok(Exit::Done)
        })
    }
}
