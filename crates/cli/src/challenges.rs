//! Challenges between two commands: what one asks is shown by the first, and what answers it is read by the second.

use std::path::{Path, PathBuf};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use clap::Args;
use serde_json::{Value, json};
use zamok::{Challenge, DeviceAnswer, Enrolment, Error, Evidence, UnixTime, Zamok};
use zeroize::Zeroizing;

use crate::arguments::PinSource;
use crate::commands::keys::id_bytes;
use crate::events::hex;
use crate::failure::Failure;
use crate::files::{self, Prepared, Readable};
use crate::moment;
use crate::output::Output;
use crate::secrets;

/// Longest ECDSA signature on P-256, in DER.
const LONGEST_SIGNATURE: usize = 72;

/// Reads the id of a challenge, by which the cabinet knows the rest.
pub(crate) fn challenge(text: &str) -> Result<Challenge, String> {
    let id = id_bytes(text);
    id.map(|id| Challenge { id, expires: UnixTime(0), by: Evidence::Password }).ok_or_else(|| {
        "the id of a challenge has 32 hexadecimal digits; `zamok login --begin` tells it".into()
    })
}

/// Reads the id of an enrolment.
pub(crate) fn enrolment(text: &str) -> Result<Enrolment, String> {
    let id = id_bytes(text);
    id.map(|id| Enrolment { id, expires: UnixTime(0) }).ok_or_else(|| {
        "the id of an enrolment has 32 hexadecimal digits; `zamok factors add` tells it".into()
    })
}

/// The file for what a device's key has to sign, before anything is asked.
pub(crate) fn question_file(path: Option<&Path>) -> Result<Option<Prepared>, Failure> {
    path.map(|path| Prepared::unless_there(path, Readable::ByOthers)).transpose()
}

/// What answers a challenge, or tests what is enrolled.
#[derive(Args, Debug)]
pub(crate) struct Reply {
    /// The code that was sent, or that the factor shows. Otherwise it is asked for, or read from standard input.
    #[arg(long, value_name = "CODE", group = "answering")]
    code: Option<String>,
    /// A file with the signature of the device's key over the question, in DER or in 64 bytes.
    #[arg(long, value_name = "FILE", group = "answering")]
    signature_file: Option<PathBuf>,
    /// Answer with the PIN of the device.
    #[arg(long, group = "answering")]
    by_pin: bool,
    #[command(flatten)]
    pin: PinSource,
    /// Nothing is typed here: the device has approved.
    #[arg(long, group = "answering")]
    approved: bool,
    /// Send another code, or ask the device again, instead of answering. What was sent before counts no more.
    #[arg(long, group = "answering")]
    send_again: bool,
}

impl Reply {
    /// Whether something shall be sent instead.
    pub(crate) const fn is_to_be_sent_again(&self) -> bool {
        self.send_again
    }

    /// Keeps every output of this run away from what will be read.
    pub(crate) fn reserve(&self) {
        self.signature_file.iter().chain(&self.pin.pin_file).for_each(|file| files::in_use(file));
    }

    /// What is answered, as the cabinet reads it.
    pub(crate) fn read(&self, output: &Output) -> Result<Zeroizing<String>, Failure> {
        if let Some(path) = &self.signature_file {
            return signature(path).map(|bytes| Zeroizing::new(Base64UrlUnpadded::encode_string(&bytes)));
        }
        if self.by_pin {
            return secrets::pin(&self.pin, output);
        }
        if self.approved {
            return Ok(Zeroizing::default());
        }
        let code = match &self.code {
            Some(code) => code.trim().to_owned(),
            None => secrets::code("The code that was sent, or that the factor shows", "--code CODE", output)?,
        };
        Ok(Zeroizing::new(code))
    }
}

/// A signature of a device's key.
pub(crate) fn signature(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = files::read_small(path)?;
    if (1..=LONGEST_SIGNATURE).contains(&bytes.len()) {
        return Ok(bytes);
    }
    Err(Failure::usage(format!("{} holds no signature on P-256", path.display()))
        .hint("`openssl dgst -sha256 -sign KEY -out FILE QUESTION` makes one"))
}

/// What is shown to whoever answers, besides the challenge itself.
#[derive(Default)]
pub(crate) struct Shown {
    number: Option<String>,
    question: Option<String>,
    question_file: Option<String>,
}

impl Shown {
    /// What a challenge asks.
    pub(crate) fn of_challenge(
        zamok: &Zamok,
        challenge: &Challenge,
        file: Option<Prepared>,
        output: &Output,
    ) -> Result<Self, Failure> {
        match challenge.by {
            Evidence::Push => Self::number(zamok.number_to_show(challenge)?, output),
            Evidence::Certificate => Self::question(&zamok.question(challenge)?, file, output),
            _ => Ok(Self::default()),
        }
    }

    /// What the test of an enrolment asks.
    pub(crate) fn of_enrolment(
        zamok: &Zamok,
        enrolment: &Enrolment,
        by: Evidence,
        file: Option<Prepared>,
        output: &Output,
    ) -> Result<Self, Failure> {
        match by {
            Evidence::Push => Self::number(zamok.enrolment_number(enrolment)?, output),
            Evidence::Certificate => Self::question(&zamok.enrolment_question(enrolment)?, file, output),
            _ => Ok(Self::default()),
        }
    }

    /// The number that stands where another request was sent, and nothing where another code was.
    pub(crate) fn after_sending(number: Result<String, Error>, output: &Output) -> Result<Self, Failure> {
        match number {
            Ok(number) => Self::number(number, output),
            Err(Error::Core(zamok::CoreError::Rejected)) => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    fn number(number: String, output: &Output) -> Result<Self, Failure> {
        output.line(format!("The number is {number}: it is typed on the device that was asked."))?;
        Ok(Self { number: Some(number), ..Self::default() })
    }

    fn question(question: &[u8], file: Option<Prepared>, output: &Output) -> Result<Self, Failure> {
        let message = DeviceAnswer::Sign.message(question, "");
        let text = hex(&message);
        let written = file.map(|file| file.write(&message)).transpose()?;
        match &written {
            Some(path) => output.line(format!("What the key signs is in {}.", path.display()))?,
            None => output.line(format!("The key signs these bytes: {text}"))?,
        }
        let question_file = written.map(|path| path.display().to_string());
        Ok(Self { question: Some(text), question_file, ..Self::default() })
    }

    /// The same for programs, beside other fields.
    pub(crate) fn add_to(self, object: &mut Value) {
        object["number"] = json!(self.number);
        object["question"] = json!(self.question);
        object["question_file"] = json!(self.question_file);
    }
}

/// Shows a challenge that another command answers.
pub(crate) fn show(
    zamok: &Zamok,
    challenge: &Challenge,
    file: Option<Prepared>,
    output: &Output,
) -> Result<Value, Failure> {
    let (id, by, expires) = (hex(&challenge.id), challenge.by.name(), challenge.expires);
    output.line(format!("The challenge {id} is answered by {by}, until {}.", moment::text(expires)))?;
    let mut object = json!({"challenge": id, "by": by, "expires": expires.0});
    Shown::of_challenge(zamok, challenge, file, output)?.add_to(&mut object);
    Ok(object)
}

/// Sends another code for a challenge, or asks its device again.
pub(crate) fn send_again(zamok: &Zamok, challenge: &Challenge, output: &Output) -> Result<(), Failure> {
    zamok.send_again(challenge).map_err(|error| over(error.into()))?;
    output.line("It was sent again. What was sent before counts no more.")?;
    let mut object = json!({"challenge": hex(&challenge.id), "sent": true});
    Shown::after_sending(zamok.number_to_show(challenge), output)?.add_to(&mut object);
    output.object(&object)
}

/// What is said of a challenge that takes no answer, and of a wrong answer, which look alike.
pub(crate) fn over(failure: Failure) -> Failure {
    failure.when_rejected(
        "this was not accepted, or the challenge is over",
        "an answer serves once, for the challenge that was asked: begin again; the operator sees why with `zamok why LOGIN`",
    )
}
