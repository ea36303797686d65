//! Challenges: what stands between a right password and a session (R3, R4, R7).
//!
//! ```text
//! begin_login ──wrong──▶ rejected, charged            answer ──wrong──▶ open, one try less ──none left──▶ failed
//!      │                                                │
//!      ├─right, a factor is enrolled──▶ open ───────────┴──right──▶ answered (a session)
//!      └─right, none is──▶ open for enrolment ──test code──▶ likewise: enrolled, or one try less
//! ```

use zamok_core::event::{Detail, EventKind};
use zamok_core::otp::Verdict;
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::{Transaction, spend};
use zamok_core::wire::{Reader, Writer, hex};
use zamok_core::{Error as CoreError, UnixTime};

use crate::account::{self, Account, AccountId, AccountRecord};
use crate::error::Error;
use crate::factor;
use crate::name::Login;
use crate::password::{Password, PasswordHash};
use crate::session::{self, Session, SessionId};
use crate::{Cabinet, flag};

/// Sealed challenges, under their id.
const CHALLENGES: Table = Table(35);

/// The name that a client gives to one attempt at a challenge: 128 random bits. A client that lost the reply asks again
/// with the same name while the challenge lives, and gets the same answer without being charged again. The code is not
/// looked at then, so a name is drawn afresh for every attempt, and known to nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub [u8; 16]);

/// A challenge that waits for a code, bound to one account. [`Cabinet::begin_login`] makes it; the id may travel to the
/// client and back, and one that was made up is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Its id: 128 random bits. Not a secret: the store and the journal name it.
    pub id: [u8; 16],
    /// When it ends.
    pub expires: UnixTime,
}

/// A right to enrol the first second factor, for as many wrong codes, and as many offers, as a challenge has tries. Only
/// [`Cabinet::begin_login`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enrolment {
    pub(crate) id: [u8; 16],
    /// When it ends.
    pub expires: UnixTime,
}

/// What a right password leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Begun {
    /// A code of the account's generator is wanted.
    Code(Challenge),
    /// The account has no second factor yet: enrol one.
    Enrol(Enrolment),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Purpose {
    Login = 1,
    Enrolment = 2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Waiting, after so many wrong codes; the last attempt's name, to answer it again; at an enrolment, how often a
    /// generator was offered.
    Open { wrong: u32, last: Option<RequestId>, offers: u32 },
    /// Answered by this request, with this session.
    Answered { request: RequestId, session: SessionId },
    /// Too many wrong codes.
    Failed,
    /// An enrolment whose test code was right; it opens no session.
    Enrolled,
}

/// A challenge as stored.
pub(crate) struct ChallengeRecord {
    pub(crate) id: [u8; 16],
    pub(crate) purpose: Purpose,
    pub(crate) account: AccountId,
    pub(crate) expires: UnixTime,
    pub(crate) state: State,
}

impl Cabinet {
    /// Checks a login and a password, and opens a challenge for the second factor.
    ///
    /// An unknown login, a wrong password and a delayed account look alike, in answer and in work.
    ///
    /// # Errors
    /// [`CoreError::Rejected`]; the vault's and the store's errors.
    pub fn begin_login(&self, login: &str, password: &Password) -> Result<Begun, Error> {
        // What cannot be a login is hashed and charged like a login that nobody has.
        let login = Login::parse(login).unwrap_or_else(|_| Login::nobody());
        for _ in 0..Self::PASSWORD_CHANGES {
            // The hash takes long, so it is computed between two looks at the account, of which the second decides.
            let stored = self.vault.transact(|tx| {
                let record = account::find(tx, &login)?;
                let decoy: [u8; 32] = tx.keyring().blind_index("decoy salt", login.as_str().as_bytes())?;
                let salt = *decoy.first_chunk().expect("32 bytes begin with 16");
                Ok::<_, Error>(record.map_or((self.policy.password.cost, salt), |record| {
                    (record.password.cost, record.password.salt)
                }))
            })?;
            let typed = PasswordHash::compute(password, stored.0, stored.1, &self.policy.password)?;
            let decided = self.vault.transact(|tx| self.decide_password(tx, &login, &typed))?;
            match decided {
                Decided::Begun(begun) => {
                    self.renew_hash(&login, password, &typed)?;
                    return Ok(begun);
                }
                Decided::Rejected => return Err(CoreError::Rejected.into()),
                Decided::PasswordChanged => {}
            }
        }
        Err(CoreError::Busy.into())
    }

    /// Hashes a password that was right again, when the policy's cost is no longer that of the stored hash (R14).
    fn renew_hash(&self, login: &Login, password: &Password, typed: &PasswordHash) -> Result<(), Error> {
        let policy = &self.policy.password;
        if typed.cost == policy.cost {
            return Ok(());
        }
        let salt = self.vault.transact(|tx| Ok::<_, Error>(tx.env().random()))?;
        let renewed = PasswordHash::compute(password, policy.cost, salt, policy)?;
        self.vault.transact(|tx| {
            match account::find(tx, login)? {
                // Only in the place of the hash that was matched: the password may have changed meanwhile.
                Some(record) if record.password.salt == typed.salt => {
                    account::put(tx, &record.account, &renewed)
                }
                _ => Ok(()),
            }
        })
    }

    /// How often a password may change while it is being checked.
    const PASSWORD_CHANGES: usize = 3;

    fn decide_password(
        &self,
        tx: &mut Transaction<'_>,
        login: &Login,
        typed: &PasswordHash,
    ) -> Result<Decided, Error> {
        let record = account::find(tx, login)?;
        let subject = record.as_ref().map(|record| record.account.subject);
        let row = match &record {
            Some(record) if record.password.salt != typed.salt => return Ok(Decided::PasswordChanged),
            Some(record) => account::failures_row(record.account.id),
            None => account::stranger_row(tx, login)?,
        };
        let mut failures = match account::failures(tx, &row)? {
            Some(failures) => failures,
            // Absence is never permission; only for a name that nobody has there is nothing to permit.
            None if record.is_some() => return Err(CoreError::Refused.into()),
            None => Default::default(),
        };
        let now = tx.now();
        if failures.delayed(now) {
            let refusals = tx.count_refusal(&row);
            if failures.summary_due(now) {
                failures.sum_up(now, &self.policy.password_throttle);
                account::put_failures(tx, &row, &failures)?;
                let detail = Detail::new().with("refusals", refusals.to_string());
                tx.event(EventKind::LoginRefusedWhileDelayed, subject, &row, &detail)?;
                tx.forget_refusals(&row);
            }
            return Ok(Decided::Rejected);
        }
        match record.filter(|record| record.password.matches(typed)) {
            Some(record) => {
                failures.succeed();
                account::put_failures(tx, &row, &failures)?;
                self.open_challenge(tx, &record).map(Decided::Begun)
            }
            None => {
                let _never_disabled = failures.fail(now, &self.policy.password_throttle);
                account::put_failures(tx, &row, &failures)?;
                let reason = if subject.is_some() { "wrong password" } else { "unknown login" };
                tx.event(EventKind::PasswordRejected, subject, &row, &Detail::new().with("reason", reason))?;
                Ok(Decided::Rejected)
            }
        }
    }

    fn open_challenge(&self, tx: &mut Transaction<'_>, record: &AccountRecord) -> Result<Begun, Error> {
        let (purpose, lifetime) = match factor::active_generator(tx, &record.account)? {
            Some(_) => (Purpose::Login, self.policy.challenge.lifetime),
            None => (Purpose::Enrolment, self.policy.challenge.enrolment),
        };
        let challenge = ChallengeRecord {
            id: tx.env().random(),
            purpose,
            account: record.account.id,
            expires: tx.now().plus(lifetime),
            state: State::Open { wrong: 0, last: None, offers: 0 },
        };
        challenge.put(tx)?;
        let detail = Detail::new().with("challenge", hex(&challenge.id));
        tx.event(EventKind::LoginStarted, Some(record.account.subject), &challenge.row(), &detail)?;
        let (id, expires) = (challenge.id, challenge.expires);
        Ok(match purpose {
            Purpose::Login => Begun::Code(Challenge { id, expires }),
            Purpose::Enrolment => Begun::Enrol(Enrolment { id, expires }),
        })
    }

    /// Answers a challenge with a code, and opens the session that it was made for.
    ///
    /// A wrong, a used, a malformed and a late code look alike. The code is spent, the session opened and both
    /// journalled in one commit.
    ///
    /// # Errors
    /// [`CoreError::Rejected`]; the vault's and the store's errors.
    pub fn answer(&self, challenge: &Challenge, code: &str, request: RequestId) -> Result<Session, Error> {
        self.vault
            .transact(|tx| self.decide_code(tx, challenge.id, code, request))?
            .ok_or(Error::Core(CoreError::Rejected))
    }

    /// `None` is a rejection, which commits as well: it is charged.
    fn decide_code(
        &self,
        tx: &mut Transaction<'_>,
        id: [u8; 16],
        code: &str,
        request: RequestId,
    ) -> Result<Option<Session>, Error> {
        let Some(mut challenge) = ChallengeRecord::load(tx, id)? else { return Ok(None) };
        if challenge.purpose != Purpose::Login {
            return Ok(None);
        }
        match challenge.state {
            // A lost reply is given again while the challenge lives: its names must not open the session for ever.
            _ if tx.now() >= challenge.expires => return Ok(None),
            State::Answered { request: first, session } if first == request => {
                return session::live(tx, session, &self.policy.session).map(Some);
            }
            State::Open { last: Some(last), .. } if last == request => return Ok(None),
            State::Open { .. } => {}
            State::Answered { .. } | State::Failed | State::Enrolled => return Ok(None),
        }
        let account = account::load(tx, challenge.account)?.account;
        let Some(key) = factor::active_generator(tx, &account)? else { return Ok(None) };
        let verdict = match spend::verify(tx, key, code, &self.policy.generator.spend) {
            Ok(verdict) => verdict,
            // A disabled key looks like a wrong code; the journal has said why it is disabled.
            Err(CoreError::KeyState(_)) => Verdict::Rejected,
            Err(error) => return Err(error.into()),
        };
        match verdict {
            Verdict::Accepted { .. } => {
                let session = session::open(tx, &account, id, &self.policy.session)?;
                challenge.state = State::Answered { request, session: session.id };
                challenge.put(tx)?;
                Ok(Some(session))
            }
            Verdict::Rejected => {
                challenge.charge(tx, &account, Some(request), self.policy.challenge.tries)?;
                Ok(None)
            }
        }
    }
}

enum Decided {
    Begun(Begun),
    Rejected,
    PasswordChanged,
}

impl ChallengeRecord {
    fn row(&self) -> RowKey {
        RowKey::new(CHALLENGES, self.id)
    }

    /// Takes one try from an open challenge, and ends it with the last one.
    pub(crate) fn charge(
        &mut self,
        tx: &mut Transaction<'_>,
        account: &Account,
        request: Option<RequestId>,
        tries: u32,
    ) -> Result<(), Error> {
        let State::Open { wrong, offers, .. } = self.state else { return Ok(()) };
        let wrong = wrong.saturating_add(1);
        let failed = wrong >= tries;
        self.state = if failed { State::Failed } else { State::Open { wrong, last: request, offers } };
        self.put(tx)?;
        if failed {
            let detail =
                Detail::new().with("reason", "too many wrong codes").with("challenge", hex(&self.id));
            tx.event(EventKind::ChallengeRejected, Some(account.subject), &self.row(), &detail)?;
        }
        Ok(())
    }

    pub(crate) fn put(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let mut writer = Writer::new();
        writer.u8(1).raw(&self.id).u8(self.purpose as u8).raw(&self.account.0).u64(self.expires.0);
        match self.state {
            State::Open { wrong, last, offers } => {
                writer
                    .u8(1)
                    .u32(wrong)
                    .u8(u8::from(last.is_some()))
                    .raw(&last.map_or([0; 16], |last| last.0))
                    .u32(offers);
            }
            State::Answered { request, session } => {
                writer.u8(2).raw(&request.0).raw(&session.0);
            }
            State::Failed => {
                writer.u8(3);
            }
            State::Enrolled => {
                writer.u8(4);
            }
        }
        Ok(tx.put_record(&self.row(), &[], writer.as_slice())?)
    }

    /// A challenge that is not there grants nothing.
    pub(crate) fn load(tx: &mut Transaction<'_>, id: [u8; 16]) -> Result<Option<Self>, Error> {
        let Some(opened) = tx.record(&RowKey::new(CHALLENGES, id))? else { return Ok(None) };
        let challenge = Self::decode(&opened.body)?;
        if challenge.id == id { Ok(Some(challenge)) } else { Err(CoreError::Refused.into()) }
    }

    fn decode(body: &[u8]) -> Result<Self, CoreError> {
        let mut reader = Reader::new(body);
        let found = reader.u8()?;
        if found != 1 {
            return Err(CoreError::Format { found: found.into(), supported: 1 });
        }
        let id = reader.array()?;
        let purpose = match reader.u8()? {
            1 => Purpose::Login,
            2 => Purpose::Enrolment,
            _ => return Err(CoreError::Refused),
        };
        let account = AccountId(reader.array()?);
        let expires = UnixTime(reader.u64()?);
        let state = match reader.u8()? {
            1 => {
                let wrong = reader.u32()?;
                let known = flag(&mut reader)?;
                let last = RequestId(reader.array()?);
                State::Open { wrong, last: known.then_some(last), offers: reader.u32()? }
            }
            2 => State::Answered { request: RequestId(reader.array()?), session: SessionId(reader.array()?) },
            3 => State::Failed,
            4 => State::Enrolled,
            _ => return Err(CoreError::Refused),
        };
        reader.end()?;
        Ok(Self { id, purpose, account, expires, state })
    }
}
