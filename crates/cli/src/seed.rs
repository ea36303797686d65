//! The secret of somebody's device in a file: its seed, as makers hand it out.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use zamok::secret::{Base32Reading, Secret};

use crate::failure::Failure;
use crate::files;
use crate::output::Output;
use crate::transfer;

/// Where the secret lies, and how it is written.
#[derive(Args, Debug)]
pub(crate) struct Seed {
    /// A file with the secret of the device.
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// How the secret is written in the file.
    #[arg(long, value_enum, default_value_t = Encoding::Hex)]
    encoding: Encoding,
    /// Take a secret below 128 bits, which can be guessed from a few observed codes.
    #[arg(long)]
    accept_guessable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Encoding {
    /// Hexadecimal digits.
    Hex,
    /// Base32 (RFC 4648 §6), with or without blanks and padding.
    Base32,
}

impl Seed {
    pub(crate) fn read(&self, output: &Output) -> Result<Secret, Failure> {
        let file = files::read_secret(&self.secret_file, output)?;
        let path = self.secret_file.display();
        let secret = match self.encoding {
            Encoding::Hex => {
                let bytes = transfer::from_hex(&file).ok_or_else(|| {
                    Failure::usage(format!("{path} holds no hexadecimal digits"))
                        .hint("if the secret is written in base32, say --encoding base32")
                })?;
                if self.accept_guessable { Secret::new_accepting_weak(&bytes) } else { Secret::new(&bytes) }
            }
            Encoding::Base32 => {
                let text =
                    std::str::from_utf8(&file).map_err(|_| Failure::usage(format!("{path} is not text")))?;
                let read = if self.accept_guessable {
                    Secret::from_base32_accepting_weak
                } else {
                    Secret::from_base32
                };
                read(text.trim(), Base32Reading::Tolerant)
            }
        };
        Ok(secret?)
    }
}
