//! What is offered in an enrolment, of every kind: read and judged before anything is begun, since beginning may send codes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use zamok::account::{ContactKind, FactorKind};
use zamok::signature::VerifyingKey;
use zamok::{DeviceId, Enrolment, Error, Pin, Session, Zamok};
use zeroize::Zeroizing;

use crate::challenges::{self, Shown};
use crate::commands::devices::device_id;
use crate::events::hex;
use crate::failure::Failure;
use crate::files::{self, Prepared, Readable};
use crate::output::Output;
use crate::qr::{Picture, Qr};
use crate::secrets;

/// A kind of factor that a person enrols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// An authenticator app.
    Generator,
    /// Codes to the phone that --address names.
    Sms,
    /// Codes to the address that --address names.
    #[value(name = "e-mail")]
    Email,
    /// Approval on the known device that --device names, by the key that --public-key names.
    Push,
    /// A PIN for the known device of the session.
    Pin,
    /// Signatures by the key that --public-key names.
    Certificate,
}

impl Kind {
    /// Whether its test is a code that is typed.
    pub(crate) const fn is_typed(self) -> bool {
        matches!(self, Self::Generator | Self::Sms | Self::Email)
    }

    /// What is asked for at a terminal.
    pub(crate) const fn prompt(self) -> &'static str {
        match self {
            Self::Generator => "The code that the app shows now",
            _ => "The code that was sent",
        }
    }

    const fn of_factor(self) -> FactorKind {
        match self {
            Self::Generator => FactorKind::Generator,
            Self::Sms => FactorKind::Sms,
            Self::Email => FactorKind::Email,
            Self::Push => FactorKind::Push,
            Self::Pin => FactorKind::Pin,
            Self::Certificate => FactorKind::Certificate,
        }
    }
}

/// What a factor is made of.
#[derive(Args, Debug)]
pub(crate) struct Offering {
    /// For sms and e-mail: the phone as +79161234567, or the address.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// For certificate and push: a file with the public key of the device, on P-256, in PEM or in DER.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// For push: the known device, as `zamok devices list` shows it.
    #[arg(long, value_name = "ID", value_parser = device_id)]
    device: Option<DeviceId>,
    /// For certificate and push: what to call it.
    #[arg(long, default_value = "")]
    label: String,
    /// For certificate: write what the device's key has to sign to FILE.
    #[arg(long, value_name = "FILE")]
    question: Option<PathBuf>,
    /// For pin: a file with it; otherwise ZAMOK_NEW_PIN, or a prompt.
    #[arg(long, value_name = "FILE")]
    new_pin_file: Option<PathBuf>,
    /// For generator: write the QR code to FILE.svg or FILE.png, readable by you alone, instead of the terminal.
    #[arg(long, value_name = "FILE")]
    qr: Option<PathBuf>,
}

/// An offer that can be made.
pub(crate) struct Offer {
    kind: FactorKind,
    label: String,
    of: Of,
}

enum Of {
    /// The file for its QR code.
    Generator(Option<(Prepared, Picture)>),
    Contact(String),
    /// The public key in DER, and the file for the question.
    Certificate(Vec<u8>, Option<Prepared>),
    Push(DeviceId, Vec<u8>),
    Pin(Zeroizing<String>),
}

impl Offering {
    /// Reads what is offered.
    pub(crate) fn read(&self, kind: Kind, output: &Output) -> Result<Offer, Failure> {
        let of = match kind {
            Kind::Generator => {
                let picture = self.qr.as_deref().map(|path| Picture::of(path).map(|picture| (path, picture)));
                let prepared = |(path, picture)| {
                    Prepared::unless_there(path, Readable::ByOwner).map(|file| (file, picture))
                };
                // Before the secret is shown: it could not be shown again.
                Of::Generator(picture.transpose()?.map(prepared).transpose()?)
            }
            Kind::Sms => Of::Contact(self.contact(ContactKind::Phone)?),
            Kind::Email => Of::Contact(self.contact(ContactKind::Email)?),
            Kind::Certificate => {
                Of::Certificate(self.key()?, challenges::question_file(self.question.as_deref())?)
            }
            Kind::Push => {
                let device = self.device.ok_or_else(|| {
                    Failure::usage("push needs --device").hint("`zamok devices list LOGIN` shows the devices")
                })?;
                Of::Push(device, self.key()?)
            }
            Kind::Pin => Of::Pin(secrets::new_pin(self.new_pin_file.as_deref(), output)?),
        };
        Ok(Offer { kind: kind.of_factor(), label: self.label.clone(), of })
    }

    fn contact(&self, wanted: ContactKind) -> Result<String, Failure> {
        let Some(address) = &self.address else {
            return Err(Failure::usage("codes are sent to the phone or the address that --address names"));
        };
        match ContactKind::parse(address)? {
            (kind, address) if kind == wanted => Ok(address),
            _ => Err(Error::ContactUnusable.into()),
        }
    }

    fn key(&self) -> Result<Vec<u8>, Failure> {
        let Some(path) = &self.public_key else {
            return Err(Failure::usage("the device answers by the key that --public-key names"));
        };
        let content = files::read_small(path)?;
        let read = match str::from_utf8(&content) {
            Ok(text) if text.trim_start().starts_with("-----") => VerifyingKey::from_spki_pem(text),
            _ => VerifyingKey::from_spki_der(&content),
        };
        match read {
            Ok(key @ VerifyingKey::P256(_)) => Ok(key.to_spki_der()),
            _ => Err(Error::PublicKeyUnusable.into()),
        }
    }
}

impl Offer {
    /// Makes the offer, and tells what its test takes. A PIN is that of the session's device.
    pub(crate) fn make(
        self,
        zamok: &Zamok,
        enrolment: &Enrolment,
        session: Option<&Session>,
        output: &Output,
    ) -> Result<Value, Failure> {
        let mut object = json!({
            "enrolment": hex(&enrolment.id), "kind": self.kind.name(), "state": "offered",
            "expires": enrolment.expires.0,
        });
        let question = match self.of {
            Of::Generator(picture) => {
                generator(zamok, enrolment, picture, &mut object, output)?;
                None
            }
            Of::Contact(address) => {
                zamok.offer_channel(enrolment, &address).map_err(|error| match error {
                    Error::MethodTooWeak => {
                        let message = "policy takes no such codes as a second factor".into();
                        Failure { message, ..Failure::from(error) }.hint(
                            "`factor.weakest` in `zamok policy show` says how strong one has to be; add another kind",
                        )
                    }
                    error => error.into(),
                })?;
                output.line("A code is sent there.")?;
                None
            }
            Of::Certificate(key, file) => {
                zamok.offer_certificate(enrolment, &key, &self.label)?;
                file
            }
            Of::Push(device, key) => {
                zamok.offer_push(enrolment, device, &key, &self.label)?;
                output.line("The device is asked.")?;
                None
            }
            Of::Pin(pin) => {
                // Without a session there is no device on which it could count.
                let session = session.ok_or(Error::DeviceUnknown)?;
                zamok.offer_pin(session, enrolment, &Pin::new(pin.as_str()))?;
                None
            }
        };
        Shown::of_enrolment(zamok, enrolment, self.kind.evidence(), question, output)?.add_to(&mut object);
        Ok(object)
    }
}

/// Offers a generator, and shows its secret, this once.
fn generator(
    zamok: &Zamok,
    enrolment: &Enrolment,
    picture: Option<(Prepared, Picture)>,
    object: &mut Value,
    output: &Output,
) -> Result<(), Failure> {
    let offer = zamok.offer_generator(enrolment)?;
    let uri = offer.uri.as_str();
    let qr = Qr::new(uri)?;
    let written = picture.map(|(file, picture)| file.write(&qr.to_picture(picture)?)).transpose()?;
    match &written {
        Some(path) => output.line(format!(
            "The QR code is in {}. It holds the secret: remove it afterwards.",
            path.display()
        ))?,
        None if !output.is_for_programs() => {
            output.text(&qr.to_text(output.is_terminal()))?;
            output.line(uri)?;
        }
        None => {}
    }
    object["uri"] = uri.into();
    object["qr"] = json!(written.map(|path| path.display().to_string()));
    Ok(())
}
