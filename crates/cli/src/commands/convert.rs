//! `zamok convert`: tokens from one file format to another. No vault: its keys do not leave it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use zamok_exchange::{
    ExchangeError, Format, Loss, MacHash, Protection, PskcWriter, Scope, TokenRecord, Warning,
    write_migration, write_uri,
};
use zeroize::Zeroizing;

use crate::failure::{Exit, Failure};
use crate::files::{self, Overwrite, Readable};
use crate::output::Output;
use crate::transfer::{Input, LISTED, More, Source, Told};

/// Convert a file of tokens into another format. It works without a vault: keys in a vault do not leave it.
///
/// A token whose codes or names the other format cannot say is left out and told, as one that is wrong; what else is
/// lost of a token is told with it.
#[derive(Args, Debug)]
pub(crate) struct Convert {
    /// The file to read.
    file: PathBuf,
    /// The file to write, readable by you alone.
    output: PathBuf,
    #[command(flatten)]
    overwrite: Overwrite,
    /// The format to write.
    #[arg(long, value_enum)]
    to: Target,
    #[command(flatten)]
    source: Source,
    /// PSKC: a file with the password that protects what is written.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to_key_file", "plain"])]
    to_password_file: Option<PathBuf>,
    /// PSKC: a file with the key that protects what is written, 64 hexadecimal digits.
    #[arg(long, value_name = "FILE", conflicts_with = "plain")]
    to_key_file: Option<PathBuf>,
    /// PSKC: write the secrets in plain text.
    #[arg(long)]
    plain: bool,
    /// Rounds of PBKDF2 for the password.
    #[arg(long, value_name = "N", default_value_t = 600_000, value_parser = clap::value_parser!(u32).range(1000..=5_000_000))]
    iterations: u32,
}

/// The formats that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// `otpauth://` URIs, one a line.
    Uri,
    /// Google Authenticator's export, one part a line.
    Migration,
    /// PSKC (RFC 6030).
    Pskc,
}

impl Target {
    const fn format(self) -> Format {
        match self {
            Self::Uri => Format::Uri,
            Self::Migration => Format::Migration,
            Self::Pskc => Format::Pskc,
        }
    }
}

impl Convert {
    pub(crate) fn run(&self, output: &Output) -> Result<Exit, Failure> {
        if self.to != Target::Pskc && (self.to_password_file.is_some() || self.to_key_file.is_some()) {
            return Err(Failure::usage(
                "PSKC alone protects its secrets: this format has them in plain text",
            )
            .hint("give --to pskc, or leave --to-password-file and --to-key-file out"));
        }
        files::in_use(&self.file);
        // What is read later is not replaced either.
        let read = self.source.files().into_iter().chain([&self.to_password_file, &self.to_key_file]);
        read.flatten().for_each(|file| files::in_use(file));
        let prepared = self.overwrite.prepare(&self.output, Readable::ByOwner)?;
        let keys = self.source.keys(output)?;
        let opened = self.source.open(&Input::of(&self.file)?, &keys)?;
        let (mut records, mut left_out, mut errors) = (Vec::new(), 0_usize, Vec::new());
        for (number, record) in (1..).zip(opened.records) {
            let fitting = record.and_then(|record| match record.fits(self.to.format()) {
                Ok(()) => Ok(record),
                Err(fault) => Err(ExchangeError::of_record(fault, number)),
            });
            match fitting {
                Ok(record) => records.push(record),
                Err(error) if error.scope() == Scope::File => return Err(Told(error, &self.file).into()),
                Err(error) => {
                    left_out += 1;
                    if errors.len() < LISTED {
                        output.remark(format!("left out: {error}"));
                        errors.push(json!({"code": error.code(), "message": error.to_string()}));
                    }
                }
            }
        }
        if records.is_empty() && left_out > 0 {
            // An empty file would pass for what was asked for.
            output.line(format!(
                "No file was written: {left_out} entries are left out, and there are no others."
            ))?;
            output.object(&json!({
                "written": 0, "left_out": left_out, "lossy": 0, "file": null, "tokens": [], "errors": errors,
            }))?;
            return Ok(Exit::Files);
        }
        let written = match self.to {
            Target::Uri => uris(&records, &self.output)?,
            Target::Migration => self.migration(&records)?,
            Target::Pskc => self.pskc(&records, output)?,
        };
        let path = prepared.write(&written)?;
        let count = records.len();
        output.line(format!("{count} tokens are in {}, {left_out} entries left out.", path.display()))?;
        let (tokens, lossy) = self.losses(&records, output);
        let file = path.display().to_string();
        output.object(&json!({
            "written": count, "left_out": left_out, "lossy": lossy, "file": file, "tokens": tokens,
            "errors": errors,
        }))?;
        Ok(if left_out > 0 { Exit::Files } else { Exit::Done })
    }

    /// Tells what is written of each token without something that was known of it, and what else is to be known; behind so many
    /// tokens as are listed, of how many it is. Answers the list for programs, and of how many tokens something is lost.
    fn losses(&self, records: &[TokenRecord], output: &Output) -> (Vec<Value>, usize) {
        let (mut listed, mut more) = (Vec::new(), More::default());
        let (mut told, mut lossy) = (0_usize, 0_usize);
        for record in records {
            let label = record.label();
            let lost: Vec<_> = record.lost_in(self.to.format()).into_iter().map(Loss::text).collect();
            // Whoever converts a file in the clear knows that.
            let others = record.warnings.iter().filter(|warning| **warning != Warning::PlainSecret);
            let others: Vec<_> = others.map(|warning| warning.text()).collect();
            lossy += usize::from(!lost.is_empty());
            // Tokens of which there is nothing to tell take no other's place.
            told += usize::from(!lost.is_empty() || !others.is_empty());
            if told > LISTED {
                others.iter().for_each(|text| more.count(*text));
                lost.iter().for_each(|text| more.count(format!("not in the output: {text}")));
            } else {
                others.iter().for_each(|text| output.remark(format!("warning: {label}: {text}")));
                if !lost.is_empty() {
                    output.remark(format!("warning: {label}: not in the output: {}", lost.join("; ")));
                }
            }
            if listed.len() < LISTED {
                let warnings: Vec<_> = record.warnings.iter().map(|warning| warning.text()).collect();
                let kind = record.kind.name();
                listed.push(json!({"token": label, "kind": kind, "warnings": warnings, "lost": lost}));
            }
        }
        more.tell(output);
        (listed, lossy)
    }

    fn migration(&self, records: &[TokenRecord]) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let mut batch = [0; 4];
        zamok::OsRandom::new()?.try_fill(&mut batch)?;
        let uris =
            write_migration(records, u32::from_be_bytes(batch)).map_err(|error| Told(error, &self.output))?;
        Ok(lines(uris.iter().map(|uri| uri.as_str())))
    }

    fn pskc(&self, records: &[TokenRecord], output: &Output) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let protection = match (&self.to_password_file, &self.to_key_file, self.plain) {
            (Some(path), _, _) => Protection::Password {
                password: files::read_secret(path, output)?,
                iterations: self.iterations,
                mac: MacHash::Sha256,
            },
            (None, Some(path), _) => {
                let key = Source::key(path, output)?;
                let key = <[u8; 32]>::try_from(key.as_slice())
                    .map_err(|_| Failure::usage("the key has to have 64 hexadecimal digits"))?;
                Protection::PreShared {
                    key: Zeroizing::new(key),
                    name: "pre-shared key".to_owned(),
                    mac: MacHash::Sha256,
                }
            }
            (None, None, true) => Protection::Plain,
            (None, None, false) => {
                return Err(Failure::usage("how shall the secrets be protected?")
                    .hint("give --to-password-file, --to-key-file, or --plain"));
            }
        };
        if self.plain {
            output.remark("warning: the secrets are in plain text");
        }
        let mut rng = zamok::OsRandom::new()?;
        // Room enough that it is not moved while it grows: a token takes about 1.5 KiB.
        let room = Zeroizing::new(Vec::with_capacity(4096 + records.len() * 4096));
        let fail = |error| Failure::from(Told(error, &self.output));
        let mut writer = PskcWriter::new(Wiped(room), &protection, &mut rng).map_err(fail)?;
        for record in records {
            writer.write(record).map_err(fail)?;
        }
        writer.finish().map_err(fail).map(|wiped| wiped.0)
    }
}

/// A buffer that is wiped.
struct Wiped(Zeroizing<Vec<u8>>);

impl std::io::Write for Wiped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn uris(records: &[TokenRecord], path: &std::path::Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut written = Vec::with_capacity(records.len());
    for (number, record) in (1..).zip(records) {
        let uri = write_uri(record);
        written.push(uri.map_err(|fault| Told(ExchangeError::of_record(fault, number), path))?);
    }
    Ok(lines(written.iter().map(|uri| uri.as_str())))
}

fn lines<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(texts.clone().map(|text| text.len() + 1).sum()));
    for text in texts {
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
    }
    out
}
