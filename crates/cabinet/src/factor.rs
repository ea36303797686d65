//! Second factors: a generator app (R9, R10), enrolled with a test code that cannot be used again (R12).

use zamok_core::Error as CoreError;
use zamok_core::event::{Detail, EventKind};
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{UriText, Verdict};
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::one_time::{MovingFactor, OtpParameters};
use zamok_core::vault::{KeyId, KeyState, Transaction, keys, one_time, spend};
use zamok_core::wire::{Reader, Writer};

use crate::account::{self, Account, AccountId};
use crate::challenge::{ChallengeRecord, Enrolment, Purpose, State};
use crate::error::Error;
use crate::{Cabinet, flag};

/// Sealed factor records, under their id.
const FACTORS: Table = Table(36);

/// The id of a factor: 128 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FactorId(pub(crate) [u8; 16]);

/// A generator that was offered: what the person scans.
#[derive(Debug)]
#[must_use]
pub struct Offer {
    /// The `otpauth://` URI with the secret, shown this once.
    pub uri: UriText,
}

struct Factor {
    id: FactorId,
    account: AccountId,
    key: KeyId,
    /// The test code has been right.
    active: bool,
}

impl Cabinet {
    /// Makes a key for a generator app and shows its secret, this once. One that was offered before and never tested
    /// is destroyed.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when the enrolment has ended, or has offered as often as it may;
    /// [`Error::FactorExists`]; the vault's and the store's.
    pub fn offer_generator(&self, enrolment: &Enrolment) -> Result<Offer, Error> {
        self.vault.transact(|tx| {
            let (mut challenge, mut record) = self.open_enrolment(tx, enrolment)?;
            // One hashed password does not buy keys and entries of the journal without end.
            match &mut challenge.state {
                State::Open { offers, .. } if *offers < self.policy.challenge.tries => *offers += 1,
                _ => return Err(CoreError::Rejected.into()),
            }
            challenge.put(tx)?;
            for id in &record.account.factors {
                let factor = Factor::load(tx, *id, record.account.id)?;
                if factor.active {
                    return Err(Error::FactorExists);
                }
                // A key that guesses have disabled meanwhile is put away like one that was never tested.
                if keys::info(tx, factor.key)?.state == KeyState::Suspended {
                    keys::change_state(tx, factor.key, KeyState::Deactivated, "a new generator was offered")?;
                }
                keys::change_state(tx, factor.key, KeyState::Destroyed, "a new generator was offered")?;
                tx.delete(&factor.id.row())?;
                let (subject, row) = (Some(record.account.subject), factor.id.row());
                tx.event(
                    EventKind::FactorWithdrawn,
                    subject,
                    &row,
                    &Detail::new().with("factor", "generator"),
                )?;
            }
            let account = &mut record.account;
            let parameters = OtpParameters {
                factor: MovingFactor::Time { period: self.policy.generator.period },
                algorithm: HashAlgorithm::Sha1,
                digits: self.policy.generator.digits,
            };
            let key = one_time::generate(tx, parameters, "generator", Some(account.subject))?;
            let uri = one_time::provision(tx, key, &self.issuer, &account.login)?;
            let factor = Factor { id: FactorId(tx.env().random()), account: account.id, key, active: false };
            factor.put(tx)?;
            account.factors = vec![factor.id];
            account::put(tx, account, &record.password)?;
            let detail = Detail::new().with("factor", "generator");
            tx.event(EventKind::FactorOffered, Some(account.subject), &factor.id.row(), &detail)?;
            Ok(Offer { uri })
        })
    }

    /// Ends an enrolment with the test code: when it is right, the generator counts from now on, and the code is spent.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for a wrong code or an enrolment that has ended; [`Error::NothingOffered`];
    /// [`Error::FactorExists`]; the vault's and the store's.
    pub fn confirm_generator(&self, enrolment: &Enrolment, code: &str) -> Result<(), Error> {
        let verdict = self.vault.transact(|tx| {
            let (mut challenge, mut record) = self.open_enrolment(tx, enrolment)?;
            let id = *record.account.factors.last().ok_or(Error::NothingOffered)?;
            let mut factor = Factor::load(tx, id, record.account.id)?;
            if factor.active {
                return Err(Error::FactorExists);
            }
            let subject = Some(record.account.subject);
            let verdict = match spend::activate(tx, factor.key, code, &self.policy.generator.spend) {
                Err(CoreError::KeyState(_)) => Verdict::Rejected,
                verdict => verdict?,
            };
            let detail = Detail::new().with("factor", "generator");
            if let Verdict::Accepted { .. } = verdict {
                factor.active = true;
                factor.put(tx)?;
                // A new factor is a new epoch: sessions that were opened with less are over.
                record.account.epoch += 1;
                account::put(tx, &record.account, &record.password)?;
                challenge.state = State::Enrolled;
                challenge.put(tx)?;
                tx.event(EventKind::FactorEnrolled, subject, &id.row(), &detail)?;
            } else {
                tx.event(EventKind::FactorTestFailed, subject, &id.row(), &detail)?;
                challenge.charge(tx, &record.account, None, self.policy.challenge.tries)?;
            }
            Ok(verdict)
        })?;
        verdict.accepted().map(|_| ()).map_err(Error::Core)
    }

    /// Takes a generator that failures have disabled back into use, and forgives the failures (R15). For an operator who
    /// has made sure that whoever asks is the owner; journalled with the reason.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] when no account has this login; [`Error::NothingOffered`] when it has no generator;
    /// [`CoreError::KeyState`] when the generator is not disabled; the vault's and the store's.
    pub fn resume_generator(&self, login: &str, reason: &str) -> Result<(), Error> {
        let account = self.account_by_login(login)?;
        self.vault.transact(|tx| {
            let account = account::load(tx, account.id)?.account;
            let key = active_generator(tx, &account)?.ok_or(Error::NothingOffered)?;
            Ok(spend::resume(tx, key, reason)?)
        })
    }

    fn open_enrolment(
        &self,
        tx: &mut Transaction<'_>,
        enrolment: &Enrolment,
    ) -> Result<(ChallengeRecord, account::AccountRecord), Error> {
        let challenge = ChallengeRecord::load(tx, enrolment.id)?
            .filter(|challenge| challenge.purpose == Purpose::Enrolment)
            .filter(|challenge| matches!(challenge.state, State::Open { .. }) && tx.now() < challenge.expires)
            .ok_or(CoreError::Rejected)?;
        let record = account::load(tx, challenge.account)?;
        Ok((challenge, record))
    }
}

/// The key of the account's generator, when it has one that passed its test.
pub(crate) fn active_generator(tx: &mut Transaction<'_>, account: &Account) -> Result<Option<KeyId>, Error> {
    for id in &account.factors {
        let factor = Factor::load(tx, *id, account.id)?;
        if factor.active {
            return Ok(Some(factor.key));
        }
    }
    Ok(None)
}

impl FactorId {
    fn row(self) -> RowKey {
        RowKey::new(FACTORS, self.0)
    }
}

impl Factor {
    /// The factor that an account lists. One whose row is gone locks the account: it does not leave the password alone.
    fn load(tx: &mut Transaction<'_>, id: FactorId, account: AccountId) -> Result<Self, Error> {
        let opened = tx.record(&id.row())?.ok_or(CoreError::Refused)?;
        let mut reader = Reader::new(&opened.body);
        let found = reader.u8()?;
        if found != 1 {
            return Err(CoreError::Format { found: found.into(), supported: 1 }.into());
        }
        let factor = Self {
            id: FactorId(reader.array()?),
            account: AccountId(reader.array()?),
            key: KeyId(reader.array()?),
            active: flag(&mut reader)?,
        };
        reader.end()?;
        if factor.id == id && factor.account == account { Ok(factor) } else { Err(CoreError::Refused.into()) }
    }

    fn put(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let mut writer = Writer::new();
        writer.u8(1).raw(&self.id.0).raw(&self.account.0).raw(&self.key.0).u8(u8::from(self.active));
        Ok(tx.put_record(&self.id.row(), &[], writer.as_slice())?)
    }
}
