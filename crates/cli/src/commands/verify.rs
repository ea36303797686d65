//! `zamok verify`: a detached signature over a file, with a public key from a file or of an account.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use zamok::signature::VerifyingKey;

use super::sign::beside;
use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::opening;
use crate::output::Output;

/// Verify the signature over a file. With --public-key no vault is needed.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// The document.
    file: PathBuf,
    /// The signature [default: FILE.sig].
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    #[command(flatten)]
    signer: Signer,
}

/// Whose signature it should be.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Signer {
    /// The public key of the signer, in PEM.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// The login of the signer, whose key is taken from the vault.
    #[arg(long)]
    login: Option<String>,
}

/// The signature of a file: the one that was named, or the one beside it.
pub(super) fn read_signature(named: Option<&Path>, file: &Path) -> Result<Vec<u8>, Failure> {
    match named {
        Some(path) => files::read_small(path),
        None => files::read_small(&beside(file))
            .map_err(|failure| failure.hint("name the signature with --signature FILE")),
    }
}

impl Verify {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let document = files::read_document(&self.file)?;
        let signature = read_signature(self.signature.as_deref(), &self.file)?;
        let check = |key: VerifyingKey| {
            key.verify_der(&document, &signature).map_err(|error| {
                Failure::from(error).when_rejected(
                    "the signature is not one by this key over this file",
                    "the file was changed, or somebody else has signed it",
                )
            })?;
            output.line(format!("The signature over {} is right.", self.file.display()))?;
            output.object(&json!({"file": self.file.display().to_string(), "valid": true}))?;
            Ok(Exit::Done)
        };
        match (&self.signer.public_key, &self.signer.login) {
            (Some(path), _) => {
                check(VerifyingKey::from_spki_pem(&files::read_text(path)?).map_err(|_| {
                    let path = path.display();
                    Failure::usage(format!("{path} is not the PEM file of a public key on P-256"))
                })?)
            }
            (None, Some(login)) => opening::with_vault(shared, output, |zamok| {
                check(zamok.document_key(login).map_err(|error| {
                    Failure::from(error)
                        .when_rejected("no account has this login", "look at how it is spelled")
                })?)
            }),
            (None, None) => Err(Failure::usage("name the signer: --public-key FILE or --login LOGIN")),
        }
    }
}
