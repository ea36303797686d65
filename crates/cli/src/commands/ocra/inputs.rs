//! What goes into a response besides the question (RFC 6287 §5.1): the holder's PIN, and session data.

use std::path::PathBuf;

use clap::Args;
use zamok::otp::OcraSuite;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::output::Output;
use crate::secrets;
use crate::transfer;

/// The inputs that only some suites have.
#[derive(Args, Debug)]
pub(super) struct Others {
    /// For a suite with a password: a file with the holder's PIN; otherwise ZAMOK_OCRA_PIN, or a prompt.
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
    /// For a suite with session data: the data, in hexadecimal digits.
    #[arg(long, value_name = "HEX", value_parser = bytes)]
    session: Option<Bytes>,
}

/// Bytes from hexadecimal digits.
#[derive(Clone, Debug)]
struct Bytes(Zeroizing<Vec<u8>>);

fn bytes(text: &str) -> Result<Bytes, String> {
    let read = transfer::from_hex(text.as_bytes()).map(Bytes);
    read.ok_or_else(|| "an even number of hexadecimal digits belongs here".into())
}

impl Others {
    /// The PIN, where the suite asks for one, or a file was named.
    pub(super) fn pin(
        &self,
        suite: &OcraSuite,
        output: &Output,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        // One that the suite has no place for is refused by whoever computes with it.
        let is_wanted = suite.password().is_some() || self.pin_file.is_some();
        is_wanted.then(|| secrets::ocra_pin(self.pin_file.as_deref(), output)).transpose()
    }

    pub(super) fn session(&self) -> Option<&[u8]> {
        self.session.as_ref().map(|session| session.0.as_slice())
    }
}
