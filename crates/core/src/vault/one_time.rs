//! OTP keys: made inside, shown once for enrolment, imported with a mark.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::attributes::{Flag, Flags, Purpose, Usage};
use super::keys::{Asked, KeyId, KeyRecord, Template};
use super::kinds::KeyKind;
use super::material::Material;
use super::roles::Operation;
use super::spend;
use super::state::KeyState;
use super::transaction::Transaction;
use crate::env::UnixTime;
use crate::error::Error;
use crate::event::{Detail, EventKind, Subject};
use crate::hash::HashAlgorithm;
use crate::otp::{Digits, HotpParameters, HotpState, OcraSuite, OtpUri, TotpParameters, TotpState, UriText};
use crate::secret::Secret;

/// What kind of codes a new key makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtpParameters {
    /// By counter or by time.
    pub factor: MovingFactor,
    /// Hash under the HMAC.
    pub algorithm: HashAlgorithm,
    /// Digits of a code.
    pub digits: Digits,
}

/// What moves from one code to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovingFactor {
    /// A counter (RFC 4226) that begins here.
    Counter(u64),
    /// The time (RFC 6238), in steps of so many seconds.
    Time {
        /// Seconds of a step, at least 1.
        period: u64,
    },
}

impl OtpParameters {
    fn kind(self) -> Result<KeyKind, Error> {
        let Self { factor, algorithm, digits } = self;
        match factor {
            MovingFactor::Counter(_) => Ok(KeyKind::Hotp { algorithm, digits }),
            MovingFactor::Time { period: 0 } => Err(Error::PeriodZero),
            MovingFactor::Time { period } => Ok(KeyKind::Totp { algorithm, digits, period, t0: 0 }),
        }
    }

    const fn first_counter(self) -> u64 {
        match self.factor {
            MovingFactor::Counter(counter) => counter,
            MovingFactor::Time { .. } => 0,
        }
    }
}

/// Draws a secret as long as the hash's output (RFC 4226 §4 R6, RFC 6238 §3 R6) and makes a pre-active key of it, which
/// verifies codes.
///
/// # Errors
/// [`Error::PeriodZero`], [`Error::TooLong`] for misuse; a store's fault.
pub fn generate(
    tx: &mut Transaction<'_>,
    parameters: OtpParameters,
    label: &str,
    owner: Option<Subject>,
) -> Result<KeyId, Error> {
    let template = Template::new(parameters.kind()?, Purpose::OneTimeCode).named(label, owner);
    generate_from(tx, &template, parameters.first_counter())
}

/// [`generate`] after a template, for keys that shall do more or less than is usual: one that also computes codes can
/// mint those of its owner. `first` is the counter of the first code, for kinds with a counter.
///
/// # Errors
/// [`Error::KeyKind`] for a kind that makes no codes; [`Error::PeriodZero`]; those of
/// [`keys::generate`](super::keys::generate) for the template; a store's fault.
pub fn generate_from(tx: &mut Transaction<'_>, template: &Template<'_>, first: u64) -> Result<KeyId, Error> {
    match template.kind {
        KeyKind::Totp { period: 0, .. } => return Err(Error::PeriodZero),
        KeyKind::Hotp { .. } | KeyKind::Totp { .. } | KeyKind::Ocra { .. } => {}
        _ => return Err(Error::KeyKind),
    }
    let material = Material::draw(tx, template.kind, None)?;
    let entry = tx.next_entry();
    let made = (Flags::MADE_HERE, EventKind::KeyCreated);
    let record = KeyRecord::begin(tx, template, material, made, KeyState::PreActive)?;
    let hotp = HotpState::starting_at(first);
    spend::begin(tx, record.info.id, record.info.version, TotpState::default(), hotp, entry)?;
    Ok(record.info.id)
}

/// A key that another system made, with what it knew of spent codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportedParameters {
    /// By counter (RFC 4226).
    Hotp {
        /// Hash and digits.
        parameters: HotpParameters,
        /// The counter of the next code: all before it are spent.
        counter: u64,
    },
    /// By time (RFC 6238).
    Totp {
        /// Hash, digits, period and T0.
        parameters: TotpParameters,
        /// The last step that is spent, as far as it is known, and the drift. Where the last step is not known, the last
        /// code that the other system accepted can be accepted here once more.
        state: TotpState,
    },
    /// By question and response (RFC 6287).
    Ocra {
        /// What goes into a response.
        suite: OcraSuite,
        /// The counter of the next response, where the suite has one.
        counter: u64,
    },
}

/// Takes in a key that was made elsewhere: the first of the three doors in the wall (rule 1 of the design).
///
/// The key is active at once, since it was in use before, and marked for ever as not made here: others have seen its
/// secret, and no [`provision`] shows it again. The owner of the secret wipes the original.
///
/// # Errors
/// [`Error::PeriodZero`], [`Error::TooLong`] for misuse; a store's fault.
pub fn import(
    tx: &mut Transaction<'_>,
    parameters: ImportedParameters,
    secret: &Secret,
    label: &str,
    owner: Option<Subject>,
) -> Result<KeyId, Error> {
    let (kind, ..) = imported(parameters)?;
    import_from(tx, parameters, secret, &Template::new(kind, Purpose::OneTimeCode).named(label, owner))
}

/// [`import`] after a template, for keys that shall do more or less than is usual: a vault that stands in for a token takes
/// in a secret that another system verifies, to compute its codes with [`spend::generate_code`].
///
/// # Errors
/// As [`import`]; [`Error::KeyKind`] for a template of another kind than the parameters; those of
/// [`keys::generate`](super::keys::generate) for the template.
pub fn import_from(
    tx: &mut Transaction<'_>,
    parameters: ImportedParameters,
    secret: &Secret,
    template: &Template<'_>,
) -> Result<KeyId, Error> {
    let (kind, totp, hotp) = imported(parameters)?;
    if template.kind != kind {
        return Err(Error::KeyKind);
    }
    let material = Material::read(kind, Zeroizing::new(secret.expose().to_vec()))?;
    let entry = tx.next_entry();
    // It was shown elsewhere: no enrolment shows it again.
    let past = (Flags::of(&[Flag::Provisioned]), EventKind::KeyImported);
    let record = KeyRecord::begin(tx, template, material, past, KeyState::Active)?;
    spend::begin(tx, record.info.id, record.info.version, totp, hotp, entry)?;
    Ok(record.info.id)
}

fn imported(parameters: ImportedParameters) -> Result<(KeyKind, TotpState, HotpState), Error> {
    Ok(match parameters {
        ImportedParameters::Hotp { parameters: HotpParameters { algorithm, digits }, counter } => {
            (KeyKind::Hotp { algorithm, digits }, TotpState::default(), HotpState::starting_at(counter))
        }
        ImportedParameters::Totp { parameters: TotpParameters { period: 0, .. }, .. } => {
            return Err(Error::PeriodZero);
        }
        ImportedParameters::Totp { parameters, state } => {
            let TotpParameters { algorithm, digits, period, t0 } = parameters;
            (KeyKind::Totp { algorithm, digits, period, t0: t0.0 }, state, HotpState::default())
        }
        ImportedParameters::Ocra { suite, counter } => {
            (KeyKind::Ocra { suite }, TotpState::default(), HotpState::starting_at(counter))
        }
    })
}

/// The blind indexes of an OTP key's secret after a prefix, the newest first: the secret itself stays here. `None` when the key
/// was destroyed. For officers, who move indexes to another key.
///
/// # Errors
/// [`Error::Role`] unless an officer opened the vault; [`Error::KeyKind`] when it is no OTP key; [`Error::UnknownKey`];
/// [`Error::Refused`]; a store's fault.
pub fn blind_indexes_of(
    tx: &mut Transaction<'_>,
    id: KeyId,
    field: &str,
    prefix: &[u8],
) -> Result<Option<Vec<[u8; 32]>>, Error> {
    tx.keyring().permit(Operation::Rotate)?;
    let record = KeyRecord::load(tx, id)?;
    if record.info.purpose != Purpose::OneTimeCode {
        return Err(Error::KeyKind);
    }
    if record.info.state == KeyState::Destroyed {
        return Ok(None);
    }
    let mut normal = Zeroizing::new(Vec::with_capacity(prefix.len() + record.material.len()));
    normal.extend_from_slice(prefix);
    normal.extend_from_slice(&record.material);
    tx.keyring().blind_indexes(field, &normal).map(Some)
}

/// Shows the secret of a pre-active key, once, as the URI that authenticator apps read (rule 1 of the design).
///
/// The disclosure is journalled in the same commit. Whoever lost the URI enrols a new key.
///
/// # Errors
/// [`Error::KeyState`] when the key is active already, [`Error::KeyUsage`] when it was shown before,
/// [`Error::KeyKind`] when it is no OTP key; [`Error::UnknownKey`]; a store's fault.
pub fn provision(tx: &mut Transaction<'_>, id: KeyId, issuer: &str, account: &str) -> Result<UriText, Error> {
    let mut record = KeyRecord::load(tx, id)?;
    record.one_time()?;
    let secret = disclosed(tx, &mut record)?;
    let uri = match record.info.kind {
        KeyKind::Totp { algorithm, digits, period, t0 } => {
            let parameters = TotpParameters { algorithm, digits, period, t0: UnixTime(t0) };
            OtpUri::totp(Some(issuer), account, &secret, parameters)?
        }
        KeyKind::Hotp { algorithm, digits } => {
            let counter = spend::next_counter(tx, &record)?;
            OtpUri::hotp(Some(issuer), account, &secret, HotpParameters { algorithm, digits }, counter)?
        }
        _ => return Err(Error::KeyKind),
    }
    .to_uri();
    record.put(tx)?;
    tx.event(EventKind::KeyProvisioned, record.info.owner, &id.row(), &Detail::new())?;
    Ok(uri)
}

/// Shows the secret of a pre-active OCRA key, once, for the program that writes it into a device: there is no URI for
/// it. As [`provision`] otherwise.
///
/// # Errors
/// As [`provision`].
pub fn provision_ocra(tx: &mut Transaction<'_>, id: KeyId) -> Result<Secret, Error> {
    let mut record = KeyRecord::load(tx, id)?;
    if !matches!(record.info.kind, KeyKind::Ocra { .. }) {
        return Err(Error::KeyKind);
    }
    let secret = disclosed(tx, &mut record)?;
    record.put(tx)?;
    tx.event(EventKind::KeyProvisioned, record.info.owner, &id.row(), &Detail::new())?;
    Ok(secret)
}

/// The secret of a key that may show it now; the record notes it and is put by the caller.
fn disclosed(tx: &mut Transaction<'_>, record: &mut KeyRecord) -> Result<Secret, Error> {
    let mechanism = record.info.kind.mechanisms(Purpose::OneTimeCode).iter().next();
    // Of a key that only computes codes, it is the other side that is to know the secret.
    let verifies = record.info.usages.contains(Usage::VerifyCode);
    let usage = if verifies { Usage::VerifyCode } else { Usage::GenerateCode };
    let purpose = Purpose::OneTimeCode;
    record.allow(tx, &Asked { usage, purpose, mechanism, states: &[KeyState::PreActive] })?;
    record.disclose()?;
    Secret::new_accepting_weak(&record.material)
}
