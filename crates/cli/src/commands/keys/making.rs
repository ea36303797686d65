//! `zamok keys new` and `import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;
use zamok::UnixTime;
use zamok::keys::{Flag, Flags, KeyId, KeyKind, Purpose, RsaBits, Template, generate, importing};

use super::{of_template, purpose};
use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::opening;
use crate::output::Output;

/// Kinds that the vault draws. OTP keys are made by `zamok enrol`, `zamok ocra new` and `zamok import`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Kind {
    #[value(name = "p-256")]
    P256,
    #[value(name = "p-384")]
    P384,
    #[value(name = "ed25519")]
    Ed25519,
    #[value(name = "rsa-2048")]
    Rsa2048,
    #[value(name = "rsa-3072")]
    Rsa3072,
    #[value(name = "rsa-4096")]
    Rsa4096,
    #[value(name = "x25519")]
    X25519,
    #[value(name = "p-256-agreement")]
    P256Agreement,
    Hmac,
    #[value(name = "aes-256")]
    Aes256,
    Generic,
    /// FIPS 204, over a crate that nobody has audited yet.
    #[cfg(feature = "ml-dsa")]
    #[value(name = "ml-dsa-65")]
    MlDsa65,
}

impl Kind {
    pub(super) const fn kind(self) -> KeyKind {
        match self {
            Self::P256 => KeyKind::P256,
            Self::P384 => KeyKind::P384,
            Self::Ed25519 => KeyKind::Ed25519,
            Self::Rsa2048 => KeyKind::Rsa { bits: RsaBits::Rsa2048 },
            Self::Rsa3072 => KeyKind::Rsa { bits: RsaBits::Rsa3072 },
            Self::Rsa4096 => KeyKind::Rsa { bits: RsaBits::Rsa4096 },
            Self::X25519 => KeyKind::X25519,
            Self::P256Agreement => KeyKind::P256Agreement,
            Self::Hmac => KeyKind::Hmac,
            Self::Aes256 => KeyKind::Aes256,
            Self::Generic => KeyKind::Generic,
            #[cfg(feature = "ml-dsa")]
            Self::MlDsa65 => KeyKind::MlDsa65,
        }
    }
}

/// What a file holds.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// A private key in PKCS#8, PEM or DER, without a password.
    Pkcs8,
    /// A public key as SubjectPublicKeyInfo in PEM or DER.
    Spki,
    /// A certificate in DER.
    Certificate,
    /// The bytes of an HMAC key.
    Hmac,
    /// The 32 bytes of an AES-256 key.
    #[value(name = "aes-256")]
    Aes256,
    /// The bytes of another protocol's secret.
    Generic,
    /// Bytes that are kept and read back.
    Data,
    /// An `otpauth://` URI as services show it to apps: the key computes codes, as the app would, and verifies none.
    Otpauth,
}

#[derive(Args, Debug)]
pub(crate) struct New {
    /// What it is.
    #[arg(long)]
    kind: Kind,
    /// What it serves.
    #[arg(long, value_parser = purpose)]
    purpose: Purpose,
    /// What people call it.
    #[arg(long, default_value = "")]
    label: String,
    #[command(flatten)]
    marks: Marks,
    #[command(flatten)]
    validity: Validity,
}

/// What may be done with a key, and what each use of it costs.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Marks {
    /// It may leave, wrapped under a trusted key. This cannot be given later.
    #[arg(long)]
    wrappable: bool,
    /// Every use is journalled.
    #[arg(long)]
    audited: bool,
    /// Every use asks for the secret of the slot once more.
    #[arg(long)]
    always_authenticate: bool,
    /// It cannot be copied within the vault.
    #[arg(long)]
    no_copies: bool,
    /// It cannot be destroyed.
    #[arg(long)]
    indestructible: bool,
}

impl Marks {
    /// The usual flags of a key, with these.
    pub(super) fn of(self, usual: Flags) -> Flags {
        let wished = [
            (self.wrappable, Flag::Wrappable),
            (self.audited, Flag::Audited),
            (self.always_authenticate, Flag::AlwaysAuthenticate),
        ];
        let unwished = [(self.no_copies, Flag::Copyable), (self.indestructible, Flag::Destroyable)];
        let mut flags = usual;
        for (_, flag) in wished.into_iter().filter(|(is_wished, _)| *is_wished) {
            flags = flags.or(Flags::of(&[flag]));
        }
        for (_, flag) in unwished.into_iter().filter(|(is_unwished, _)| *is_unwished) {
            flags = flags.without(Flags::of(&[flag]));
        }
        flags
    }
}

/// When a key serves.
#[derive(Args, Debug)]
struct Validity {
    /// In seconds since 1970: before this time it does nothing.
    #[arg(long, value_name = "TIME")]
    valid_from: Option<u64>,
    /// In seconds since 1970: from this time on it protects nothing new.
    #[arg(long, value_name = "TIME")]
    valid_to: Option<u64>,
}

/// From when and until when, where that is said.
pub(super) type Dates = (Option<UnixTime>, Option<UnixTime>);

impl Validity {
    fn dates(&self) -> Result<Dates, Failure> {
        if self.valid_from.zip(self.valid_to).is_some_and(|(from, to)| to <= from) {
            return Err(Failure::usage("the key would never protect anything")
                .hint("give a --valid-to that comes after --valid-from"));
        }
        Ok((self.valid_from.map(UnixTime), self.valid_to.map(UnixTime)))
    }
}

#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The file.
    file: PathBuf,
    /// What the file holds.
    #[arg(long)]
    form: Form,
    /// What the key serves; for otpauth, which is for codes alone, it is left out.
    #[arg(long, value_parser = purpose)]
    purpose: Option<Purpose>,
    /// What people call it.
    #[arg(long, default_value = "")]
    label: String,
    /// With otpauth: take a secret of less than 128 bits, as many services still show; how strong it is, is theirs to choose.
    #[arg(long)]
    accept_guessable: bool,
    #[command(flatten)]
    marks: Marks,
    #[command(flatten)]
    validity: Validity,
}

impl New {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let dates = self.validity.dates()?;
        opening::with_vault(shared, output, |zamok| {
            let mut template = Template::new(self.kind.kind(), self.purpose).named(&self.label, None);
            (template.valid_from, template.valid_to) = dates;
            template.flags = self.marks.of(template.flags);
            let id = zamok.vault().transact(|tx| generate(tx, &template)).map_err(of_template)?;
            told(id, "made", output)
        })
    }
}

impl Import {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let dates = self.validity.dates()?;
        // Bytes that are no text may end like a line.
        let content = match self.form {
            Form::Pkcs8
            | Form::Spki
            | Form::Certificate
            | Form::Hmac
            | Form::Aes256
            | Form::Generic
            | Form::Data => files::read_key(&self.file, output)?,
            Form::Otpauth => files::read_secret(&self.file, output)?,
        };
        let bytes = content.as_slice();
        let text = std::str::from_utf8(bytes).ok();
        let (kind, material) = match self.form {
            Form::Pkcs8 => match text {
                Some(pem) => importing::pkcs8_pem(pem)?,
                None => importing::pkcs8_der(bytes)?,
            },
            Form::Spki => match text {
                Some(pem) => (KeyKind::PublicKey, importing::spki_pem(pem)?),
                None => (KeyKind::PublicKey, bytes.to_vec().into()),
            },
            Form::Certificate => (KeyKind::Certificate, bytes.to_vec().into()),
            Form::Hmac => (KeyKind::Hmac, bytes.to_vec().into()),
            Form::Aes256 => (KeyKind::Aes256, bytes.to_vec().into()),
            Form::Generic => (KeyKind::Generic, bytes.to_vec().into()),
            Form::Data => (KeyKind::Data, bytes.to_vec().into()),
            Form::Otpauth => {
                let is_accepted = self.accept_guessable;
                let rules = (self.marks, dates);
                return super::codes::take_in(text, &self.label, is_accepted, rules, shared, output);
            }
        };
        let purpose =
            self.purpose.ok_or_else(|| Failure::usage("--purpose is missing: what does the key serve?"))?;
        opening::with_vault(shared, output, |zamok| {
            let mut template = Template::new(kind, purpose).named(&self.label, None);
            (template.valid_from, template.valid_to) = dates;
            template.flags = self.marks.of(template.flags);
            let id = zamok
                .vault()
                .transact(|tx| importing::raw(tx, &template, material.clone()))
                .map_err(of_template)?;
            told(id, "taken in", output)
        })
    }
}

pub(super) fn told(id: KeyId, what: &str, output: &Output) -> Result<Exit, Failure> {
    output.line(format!("The key {id} was {what}."))?;
    output.object(&json!({"id": id.to_string()}))?;
    Ok(Exit::Done)
}
