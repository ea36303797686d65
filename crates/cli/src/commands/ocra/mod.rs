//! `zamok ocra`: challenge and response (RFC 6287) with devices whose keys are in the vault, and without a vault.

mod enrolment;
mod inputs;
mod questions;
mod respond;

use clap::{Args, Subcommand};
use zamok::otp::OcraSuite;

use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Ask the holders of OCRA devices, and check what they answer (RFC 6287).
///
/// A key is made with `new`, or taken in with `import`; `ask` draws a question, which the holder types into the device; `answer`
/// checks the response, once. The vault itself never answers a question: `respond` does that without a vault, as a device.
/// `zamok keys` lists, suspends, resumes and destroys the keys.
#[derive(Args, Debug)]
pub(crate) struct Ocra {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a key and show its secret, this once; it counts from its first right response on.
    New(enrolment::New),
    /// Take in the key of a device that others have made.
    Import(enrolment::Import),
    /// Draw a question for the holder of a key, or ask about a file.
    Ask(questions::Ask),
    /// Check the response to a question, which is gone afterwards, right or wrong.
    Answer(questions::Answer),
    /// Compute a response from a secret in a file, as a device does. No vault is opened, and nothing is counted.
    Respond(respond::Respond),
}

impl Ocra {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let done = match &self.what {
            What::New(new) => new.run(shared, output),
            What::Import(import) => import.run(shared, output),
            What::Ask(ask) => ask.run(shared, output),
            What::Answer(answer) => answer.run(shared, output),
            What::Respond(respond) => respond.run(output),
        };
        done.map_err(super::keys::of_typed_id)
    }
}

/// Reads a suite (RFC 6287 §6).
fn suite(text: &str) -> Result<OcraSuite, String> {
    OcraSuite::parse(text).map_err(|error| format!("{error}; a suite looks like OCRA-1:HOTP-SHA256-8:QN08"))
}
