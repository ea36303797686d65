//! `zamok sign`: a detached signature over a file, by the account's own key.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::arguments::{Shared, TokenSource};
use crate::events;
use crate::failure::{Exit, Failure};
use crate::files::{self, Overwrite, Readable};
use crate::opening;
use crate::output::Output;

/// Sign a file with the account's own key.
///
/// The signature is ECDSA on P-256 with SHA-256 in DER, as `openssl dgst -sha256 -verify` reads it.
#[derive(Args, Debug)]
pub(crate) struct Sign {
    /// The document, of at most 1 GiB.
    file: PathBuf,
    #[command(flatten)]
    token: TokenSource,
    /// Where to write the signature [default: FILE.sig].
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Write the public key, in PEM, as well.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    #[command(flatten)]
    overwrite: Overwrite,
}

impl Sign {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let document = files::read_document(&self.file)?;
        let signature = self.signature.clone().unwrap_or_else(|| beside(&self.file));
        opening::with_vault(shared, output, |zamok| {
            let session = opening::session(zamok, &self.token, output)?;
            // Before the journal says that there is a signature: can it be written?
            let prepare = |path| self.overwrite.prepare(path, Readable::ByOthers);
            let signature = prepare(&signature)?;
            let public_key = self.public_key.as_deref().map(prepare).transpose()?;
            let signed = zamok.sign(&session, &document, &name(&self.file))?;
            let signature = signature.write(&signed.signature.to_der())?;
            let public_key = public_key
                .map(|file| file.write(signed.public_key.to_spki_pem().as_bytes()))
                .transpose()?
                .map(|path| path.display().to_string());
            // It is signed, whatever becomes of the anchor.
            let settled = opening::integrate(zamok, output).map_err(Failure::afterwards);
            let entry = zamok.journal(|journal| journal.entry(signed.entry))?;
            let index = entry.as_ref().and_then(events::index);
            let digest = events::hex(&zamok::hash::sha256(&[&document]));
            let place = index.map_or_else(|| "waiting".into(), |index| format!("#{index}"));
            output.line(format!(
                "{} is signed: {} (journal entry {place}).",
                self.file.display(),
                signature.display()
            ))?;
            if let Some(path) = &public_key {
                output.line(format!("The public key is in {path}."))?;
            }
            output.object(&json!({
                "file": self.file.display().to_string(),
                "sha256": digest,
                "signature": signature.display().to_string(),
                "public_key": public_key,
                "time": signed.time.0,
                "entry": index,
                "entry_id": events::name(signed.entry),
            }))?;
            settled.map(|()| Exit::Done)
        })
    }
}

/// What the journal calls the document: its name without its folder, at most 255 characters of it.
pub(super) fn name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.chars().take(255).collect()
}

/// `FILE.sig`, beside the file.
pub(super) fn beside(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".sig");
    name.into()
}
