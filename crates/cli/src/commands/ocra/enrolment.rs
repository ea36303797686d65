//! `zamok ocra new` and `import`: a device gets its key, or brings it along.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zamok::keys::one_time::{self, ImportedParameters};
use zamok::keys::{KeyId, KeyKind, Purpose, Template};
use zamok::otp::OcraSuite;
use zamok::secret::Secret;
use zeroize::Zeroizing;

use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::files::{Prepared, Readable};
use crate::opening;
use crate::output::Output;
use crate::seed::Seed;

/// What a key is for.
#[derive(Args, Debug)]
struct Device {
    /// What goes into a response, as RFC 6287 §6 writes it: OCRA-1:HOTP-SHA256-8:QN08.
    #[arg(long, value_parser = super::suite)]
    suite: OcraSuite,
    /// For a suite with a counter: the counter of the next response [default: 0].
    #[arg(long, value_name = "N")]
    counter: Option<u64>,
    /// What people call it, such as the serial number of the device.
    #[arg(long, default_value = "")]
    label: String,
}

impl Device {
    /// The counter of the first response.
    fn first(&self) -> Result<u64, Failure> {
        if self.counter.is_some() && !self.suite.has_counter() {
            return Err(Failure::usage("the suite has no counter").hint(
                "leave --counter out, or take a suite whose data input begins with C, such as OCRA-1:HOTP-SHA256-8:C-QN08",
            ));
        }
        Ok(self.counter.unwrap_or(0))
    }
}

#[derive(Args, Debug)]
pub(super) struct New {
    #[command(flatten)]
    device: Device,
    /// Write the secret to FILE, in hexadecimal digits and readable by you alone, instead of printing it.
    #[arg(long, value_name = "FILE")]
    secret_out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct Import {
    #[command(flatten)]
    device: Device,
    #[command(flatten)]
    seed: Seed,
}

impl New {
    pub(super) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let first = self.device.first()?;
        opening::with_vault(shared, output, |zamok| {
            // Before the secret is shown: it could not be shown again.
            let file = self
                .secret_out
                .as_deref()
                .map(|path| Prepared::unless_there(path, Readable::ByOwner))
                .transpose()?;
            let kind = KeyKind::Ocra { suite: self.device.suite };
            let template = Template::new(kind, Purpose::OneTimeCode).named(&self.device.label, None);
            let (id, secret) = zamok.vault().transact(|tx| {
                let id = one_time::generate_from(tx, &template, first)?;
                one_time::provision_ocra(tx, id).map(|secret| (id, secret))
            })?;
            let secret = digits(&secret);
            let written = file.map(|file| file.write(format!("{}\n", *secret).as_bytes())).transpose()?;
            output.line(format!("The key {id} was made."))?;
            match &written {
                Some(path) => output.line(format!(
                    "Its secret is in {}. Write it into the device, and remove the file afterwards.",
                    path.display()
                ))?,
                None => output.line(format!("Its secret, shown this once: {}", *secret))?,
            }
            output
                .remark(format!("next: write the secret into the device, then test it: zamok ocra ask {id}"));
            output.object(&json!({
                "id": id.to_string(),
                "suite": self.device.suite.as_str(),
                "secret": written.is_none().then_some(secret.as_str()),
                "secret_file": written.map(|path| path.display().to_string()),
            }))?;
            Ok(Exit::Done)
        })
    }
}

impl Import {
    pub(super) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let counter = self.device.first()?;
        let secret = self.seed.read(output)?;
        opening::with_vault(shared, output, |zamok| {
            let parameters = ImportedParameters::Ocra { suite: self.device.suite, counter };
            let id: KeyId = zamok
                .vault()
                .transact(|tx| one_time::import(tx, parameters, &secret, &self.device.label, None))?;
            output.line(format!("The key {id} was taken in, and counts."))?;
            output.remark(format!("next: zamok ocra ask {id}"));
            output.object(&json!({"id": id.to_string(), "suite": self.device.suite.as_str()}))?;
            Ok(Exit::Done)
        })
    }
}

/// The secret in hexadecimal digits, wiped when dropped.
fn digits(secret: &Secret) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(secret.expose().len() * 2));
    for byte in secret.expose() {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(nibble.into(), 16).unwrap_or_default());
        }
    }
    text
}
