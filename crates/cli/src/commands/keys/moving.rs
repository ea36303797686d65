//! `zamok keys wrap` and `unwrap`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;
use zamok::keys::{KeyId, Mechanism, Purpose, Template, wrapping};

use super::making::{Kind, told};
use super::{key_id, purpose};
use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::files::{self, Prepared, Readable};
use crate::opening;
use crate::output::Output;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Zamok's own, under an AES key: keeps kind and attributes.
    Envelope,
    /// Zamok's own, for the public key of another vault.
    EnvelopeTo,
    /// AES key wrap with padding (RFC 5649), for other programs: keeps nothing but the key.
    AesKwp,
}

impl Form {
    const fn mechanism(self) -> Mechanism {
        match self {
            Self::Envelope => Mechanism::Envelope,
            Self::EnvelopeTo => Mechanism::EnvelopeTo,
            Self::AesKwp => Mechanism::AesKeyWrap,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct Wrap {
    /// The id of the key that leaves.
    #[arg(value_parser = key_id)]
    key: KeyId,
    /// The id of the wrapping key.
    #[arg(long, value_parser = key_id)]
    by: KeyId,
    /// How it is wrapped.
    #[arg(long, default_value = "envelope")]
    form: Form,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Unwrap {
    /// The file.
    file: PathBuf,
    /// The id of the key that opens it.
    #[arg(long, value_parser = key_id)]
    by: KeyId,
    /// How it was wrapped.
    #[arg(long, default_value = "envelope")]
    form: Form,
    /// What the key is: for aes-kwp, which does not say it.
    #[arg(long)]
    kind: Option<Kind>,
    /// What it serves: for aes-kwp.
    #[arg(long, value_parser = purpose)]
    purpose: Option<Purpose>,
    /// What people call it: for aes-kwp.
    #[arg(long, default_value = "")]
    label: String,
}

impl Wrap {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            let file = Prepared::unless_there(&self.out, Readable::ByOwner)?;
            let mechanism = self.form.mechanism();
            let bytes = opening::with_key(zamok, self.by, shared, output, |tx| {
                wrapping::wrap(tx, self.by, self.key, mechanism)
            })?;
            let path = file.write(&bytes)?.display().to_string();
            output.line(format!("The key was written to {path}."))?;
            output.object(&json!({"id": self.key.to_string(), "file": path}))?;
            Ok(Exit::Done)
        })
    }
}

impl Unwrap {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let bytes = files::read_small(&self.file)?;
        opening::with_vault(shared, output, |zamok| {
            let id = if self.form == Form::AesKwp {
                let (Some(kind), Some(purpose)) = (self.kind, self.purpose) else {
                    return Err(Failure::usage("aes-kwp does not say what the key is")
                        .hint("name it with --kind and --purpose"));
                };
                let template = Template::new(kind.kind(), purpose).named(&self.label, None);
                opening::with_key(zamok, self.by, shared, output, |tx| {
                    wrapping::unwrap_bare(tx, self.by, &bytes, &template)
                })?
            } else {
                opening::with_key(zamok, self.by, shared, output, |tx| {
                    wrapping::unwrap(tx, self.by, &bytes, None)
                })?
            };
            told(id, "taken in", output)
        })
    }
}
