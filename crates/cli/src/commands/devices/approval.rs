//! A device that is asked for an approval (`docs/formats/device.md`), and its subscription to messages that are pushed.

use std::path::PathBuf;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use clap::Args;
use serde_json::{Value, json};
use zamok::delivery::Subscription;
use zamok::{DeviceAnswer, Error, Zamok};

use crate::arguments::TokenSource;
use crate::challenges;
use crate::events::hex;
use crate::failure::{Exit, Failure};
use crate::files::{self, Prepared, Readable};
use crate::opening;
use crate::output::Output;
use crate::transfer;

/// What a device was asked: the field `request` of the message that it got.
#[derive(Clone, Debug)]
struct Request(Vec<u8>);

fn request(text: &str) -> Result<Request, String> {
    let bytes = transfer::from_hex(text.as_bytes()).filter(|bytes| bytes.len() == LENGTH);
    bytes.map(|bytes| Request(bytes.to_vec())).ok_or_else(|| {
        format!("a request has {} hexadecimal digits: the field `request` of the message", 2 * LENGTH)
    })
}

/// Bytes of a request (`docs/formats/device.md`).
const LENGTH: usize = 85;

#[derive(Args, Debug)]
pub(super) struct ToSign {
    /// What the device was asked: the field `request` of the message that it got.
    #[arg(value_parser = request)]
    request: Request,
    /// The number that its owner typed.
    #[arg(long, value_name = "NUMBER", required_unless_present = "decline")]
    number: Option<String>,
    /// What is signed to decline.
    #[arg(long, conflicts_with = "number")]
    decline: bool,
    /// Write it to FILE, instead of printing it in hexadecimal digits.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct Approve {
    /// What the device was asked: the field `request` of the message that it got.
    #[arg(value_parser = request)]
    request: Request,
    /// The number that its owner typed. A wrong one ends what was asked.
    #[arg(long, value_name = "NUMBER")]
    number: String,
    /// A file with the signature of the device's key over what `to-sign` writes, in DER or in 64 bytes.
    #[arg(long, value_name = "FILE")]
    signature_file: PathBuf,
}

#[derive(Args, Debug)]
pub(super) struct Decline {
    /// What the device was asked: the field `request` of the message that it got.
    #[arg(value_parser = request)]
    request: Request,
    /// A file with the signature of the device's key over what `to-sign --decline` writes, in DER or in 64 bytes.
    #[arg(long, value_name = "FILE")]
    signature_file: PathBuf,
}

#[derive(Args, Debug)]
pub(super) struct Subscribe {
    /// What its browser gives as a PushSubscription, in JSON: `endpoint`, and `p256dh` and `auth` in `keys`.
    file: PathBuf,
    #[command(flatten)]
    token: TokenSource,
}

impl ToSign {
    pub(super) fn run(&self, output: &Output) -> Result<Exit, Failure> {
        let message = match &self.number {
            Some(number) => DeviceAnswer::Approve.message(&self.request.0, number),
            None => DeviceAnswer::Decline.message(&self.request.0, ""),
        };
        let file = self.out.as_deref().map(|path| Prepared::unless_there(path, Readable::ByOthers));
        let written = file.transpose()?.map(|file| file.write(&message)).transpose()?;
        match &written {
            Some(path) => output.line(format!("What the key signs is in {}.", path.display()))?,
            None => output.line(hex(&message))?,
        }
        let file = written.map(|path| path.display().to_string());
        output.object(&json!({"question": hex(&message), "question_file": file}))?;
        Ok(Exit::Done)
    }
}

impl Approve {
    pub(super) fn run(&self, zamok: &Zamok, output: &Output) -> Result<Exit, Failure> {
        let signature = challenges::signature(&self.signature_file)?;
        zamok.approve(&self.request.0, &self.number, &signature).map_err(|error| nothing(error.into()))?;
        output.line("It is approved: whoever waits goes on.")?;
        output.object(&json!({"request": hex(&self.request.0), "approved": true}))?;
        Ok(Exit::Done)
    }
}

impl Decline {
    pub(super) fn run(&self, zamok: &Zamok, output: &Output) -> Result<Exit, Failure> {
        let signature = challenges::signature(&self.signature_file)?;
        zamok.decline(&self.request.0, &signature).map_err(|error| nothing(error.into()))?;
        output.line("It is declined: what was asked for is over, and the owner is told.")?;
        output.object(&json!({"request": hex(&self.request.0), "declined": true}))?;
        Ok(Exit::Done)
    }
}

fn nothing(failure: Failure) -> Failure {
    failure.when_rejected(
        "nothing waits for this answer of this device",
        "the number or the signature is wrong, or what was asked is over: whoever waits asks again",
    )
}

impl Subscribe {
    pub(super) fn run(&self, zamok: &Zamok, output: &Output) -> Result<Exit, Failure> {
        let subscription = subscription(&files::read_text(&self.file)?)?;
        let session = opening::session(zamok, &self.token, output)?;
        zamok.subscribe(&session, &subscription).map_err(|error| match error {
            Error::DeviceUnknown => {
                let message = "the session is not one of a known device".into();
                Failure { message, ..Failure::from(error) }
                    .hint("make the device known with `zamok devices trust`, or log in with --device-file")
            }
            error => error.into(),
        })?;
        let device = session.device.map(|device| device.to_string());
        output.line("Messages are pushed to the device of this session from now on.")?;
        output.object(&json!({"device": device, "subscribed": true}))?;
        Ok(Exit::Done)
    }
}

/// Reads a subscription as browsers give it (`PushSubscription.toJSON`).
fn subscription(text: &str) -> Result<Subscription, Error> {
    let given: Value = serde_json::from_str(text).map_err(|_| Error::SubscriptionUnusable)?;
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or(Error::SubscriptionUnusable);
    let bytes = |value: &Value| {
        let text = text(value)?;
        Base64UrlUnpadded::decode_vec(text.trim_end_matches('=')).map_err(|_| Error::SubscriptionUnusable)
    };
    let keys = &given["keys"];
    Subscription::new(&text(&given["endpoint"])?, &bytes(&keys["p256dh"])?, &bytes(&keys["auth"])?)
}
