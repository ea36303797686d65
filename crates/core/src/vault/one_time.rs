//! OTP keys: made inside, shown once for enrolment, imported with a mark.

use alloc::vec;

use zeroize::Zeroizing;

use super::keys::{KeyId, KeyKind, KeyRecord, NewKey, Purpose, Usage};
use super::spend;
use super::state::KeyState;
use super::transaction::Transaction;
use crate::env::UnixTime;
use crate::error::Error;
use crate::event::{Detail, EventKind, Subject};
use crate::hash::HashAlgorithm;
use crate::otp::{Digits, HotpParameters, HotpState, OtpUri, TotpParameters, TotpState, UriText};
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

/// Draws a secret as long as the hash's output (RFC 4226 §4 R6, RFC 6238 §3 R6) and makes a pre-active key of it.
///
/// # Errors
/// [`Error::PeriodZero`], [`Error::TooLong`] for misuse; a store's fault.
pub fn generate(
    tx: &mut Transaction<'_>,
    parameters: OtpParameters,
    label: &str,
    owner: Option<Subject>,
) -> Result<KeyId, Error> {
    let kind = parameters.kind()?;
    let mut material = Zeroizing::new(vec![0; parameters.algorithm.output_len()]);
    tx.env().rng.fill_bytes(&mut material);
    let new = NewKey {
        kind,
        usage: Usage::VerifyCode,
        purpose: Purpose::OneTimeCode,
        state: KeyState::PreActive,
        label,
        owner,
        public_key: None,
        material,
    };
    let entry = tx.next_entry();
    let record = KeyRecord::create(tx, new)?;
    let hotp = HotpState::starting_at(parameters.first_counter());
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
    let (kind, totp, hotp) = match parameters {
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
    };
    let new = NewKey {
        kind,
        usage: Usage::VerifyCode,
        purpose: Purpose::OneTimeCode,
        state: KeyState::Active,
        label,
        owner,
        public_key: None,
        material: Zeroizing::new(secret.expose().to_vec()),
    };
    let entry = tx.next_entry();
    let record = KeyRecord::import(tx, new)?;
    spend::begin(tx, record.info.id, record.info.version, totp, hotp, entry)?;
    Ok(record.info.id)
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
    record.allow(Usage::VerifyCode, Purpose::OneTimeCode, &[KeyState::PreActive])?;
    record.disclose()?;
    let secret = Secret::new_accepting_weak(&record.material)?;
    let uri = match record.info.kind {
        KeyKind::Totp { algorithm, digits, period, t0 } => {
            let parameters = TotpParameters { algorithm, digits, period, t0: UnixTime(t0) };
            OtpUri::totp(Some(issuer), account, &secret, parameters)?
        }
        KeyKind::Hotp { algorithm, digits } => {
            let counter = spend::next_counter(tx, &record)?;
            OtpUri::hotp(Some(issuer), account, &secret, HotpParameters { algorithm, digits }, counter)?
        }
        KeyKind::P256 => return Err(Error::KeyKind),
    }
    .to_uri();
    record.put(tx)?;
    tx.event(EventKind::KeyProvisioned, record.info.owner, &id.row(), &Detail::new())?;
    Ok(uri)
}
