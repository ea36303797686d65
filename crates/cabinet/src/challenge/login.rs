//! The way in: a login and a password, and what they lead to (R7).

use std::net::IpAddr;

use zamok_core::Error as CoreError;
use zamok_core::event::{Detail, EventKind};
use zamok_core::vault::{Known, Transaction};
use zamok_core::wire::hex;

use super::{Begun, Challenge, ChallengeRecord, Demand, Means, NewChallenge, Purpose, Wanted};
use crate::Cabinet;
use crate::account::{self, AccountId, AccountRecord, Former};
use crate::device::DeviceToken;
use crate::error::Error;
use crate::evidence::Evidence;
use crate::factor::{self, FactorId};
use crate::name::Login;
use crate::password::{Password, PasswordHash, Recipe};
use crate::throttle::{Bucket, Budget, Caller, Cap, Way, WrongAnswers};
use crate::watch::{self, Facts, Occasion, Outcome};

/// From where and how somebody wants to log in. Everything here is the client's word, and none of it opens anything.
#[derive(Clone, Debug, Default)]
pub struct Approach {
    /// The token of a known device, where the client holds one.
    pub device: Option<DeviceToken>,
    /// The kind of factor to answer with; otherwise the one that the account prefers.
    pub by: Option<Evidence>,
    /// The factor itself, where the account has several of a kind: see [`Cabinet::methods`].
    pub factor: Option<FactorId>,
    /// The address from which it comes, as the service sees it: an account's limits are held against it (R18). It is no part of
    /// any budget.
    pub address: Option<IpAddr>,
    /// The language of messages, as BCP 47 writes it; empty for the account's own.
    pub language: String,
    /// What the service calls the client: type and model, browser, place. At most 128 bytes are kept.
    pub client: String,
}

/// What a right login and password lead to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    /// A session, or an enrolment.
    In,
    /// The way back to a channel that was replaced.
    Undo,
}

impl Approach {
    fn wanted(&self) -> Wanted {
        Wanted { evidence: self.by, factor: self.factor }
    }

    /// Longest texts that are kept, in bytes.
    const LONGEST: usize = 128;

    pub(crate) fn cut(text: &str) -> &str {
        let end = (0..=Self::LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        &text[..end.unwrap_or(0)]
    }
}

/// An hour, within which openings of challenges are bounded.
pub(super) const HOUR: u64 = 60 * 60;

impl Cabinet {
    /// [`Cabinet::begin_login_from`] a device that says nothing of itself.
    ///
    /// # Errors
    /// As there.
    pub fn begin_login(&self, login: &str, password: &Password) -> Result<Begun, Error> {
        self.begin_login_from(login, password, &Approach::default())
    }

    /// Checks a login and a password, and opens a challenge for the second factor; where that is a sent code, sends it.
    ///
    /// An unknown login, a wrong password and a delayed account look alike, in answer and in work.
    ///
    /// # Errors
    /// [`CoreError::Rejected`]; after a right password [`Error::MethodUnavailable`] for a factor that the account has not,
    /// and [`Error::TooManyMessages`]; the vault's and the store's errors.
    pub fn begin_login_from(
        &self,
        login: &str,
        password: &Password,
        approach: &Approach,
    ) -> Result<Begun, Error> {
        self.begin(login, password, approach, Door::In)
    }

    /// Checks a login and a password, and asks a channel that was replaced or dropped, if it was not long ago, whether that shall be
    /// taken back (R9): for an owner who was told of a change that was not his. Of several it is the one that the account has had longest,
    /// or, where the approach names one, another that was there before, or in the line of what replaced that one. The password may be one of
    /// before: that it was changed is taken back as well, and so it asks a channel that still counts, too. See
    /// [`Cabinet::change_password`]. Then see [`Cabinet::undo_change`].
    ///
    /// # Errors
    /// As [`Cabinet::begin_login_from`]; [`Error::MethodUnavailable`] when nothing was changed lately that can be asked.
    pub fn begin_undo(
        &self,
        login: &str,
        password: &Password,
        approach: &Approach,
    ) -> Result<Challenge, Error> {
        match self.begin(login, password, approach, Door::Undo)? {
            Begun::Code(challenge) => Ok(challenge),
            Begun::Enrol(_) => Err(CoreError::Refused.into()),
        }
    }

    fn begin(
        &self,
        login: &str,
        password: &Password,
        approach: &Approach,
        door: Door,
    ) -> Result<Begun, Error> {
        // What cannot be a login is hashed and charged like a login that nobody has.
        let login = Login::parse(login).unwrap_or_else(|_| Login::nobody());
        let mut known = Known::default();
        for _ in 0..Self::PASSWORD_CHANGES {
            // The hash takes long, so it is computed between two looks at the account, of which the second decides.
            let stored = self.vault.transact_knowing(&mut known, |tx| {
                tx.prepare_another();
                let (record, known) = account::find_or_decoy(tx, &login)?;
                let record = record.filter(|_| known);
                let decoy: [u8; 32] = tx.keyring().blind_index("decoy salt", login.as_str().as_bytes())?;
                let salt = *decoy.first_chunk().expect("32 bytes begin with 16");
                let nobody = Recipe::new(self.policy.password.cost, salt);
                let former = record.as_ref().and_then(|record| record.former.as_ref());
                let former = former.map_or(&[][..], |former| &former.passwords).iter();
                let mut former: Vec<_> = former.map(|earlier| earlier.password.recipe.clone()).collect();
                former.resize(Former::MOST, nobody.clone());
                Ok::<_, Error>((record.map_or(nobody, |record| record.password.recipe), former))
            })?;
            let hash = |recipe| PasswordHash::compute(password, recipe, &self.policy.password);
            // Who takes a change back may do so with a password of before, as many of which are hashed for everybody: whether there are any does not show.
            let former =
                stored.1.iter().filter(|_| door == Door::Undo).map(hash).collect::<Result<_, _>>()?;
            let typed = Typed { password: hash(&stored.0)?, former };
            let decided = self
                .watched_knowing(&mut known, |tx| self.decide_password(tx, &login, &typed, approach, door))?;
            match decided {
                Decided::Begun(begun) => {
                    if door == Door::In {
                        // What was begun stands, and its code is on its way: another login tries again.
                        let _not_renewed = self.renew_hash(&login, password, &typed.password);
                    }
                    return Ok(begun);
                }
                Decided::Refused(error) => return Err(error),
                Decided::PasswordChanged => {}
            }
        }
        Err(CoreError::Busy.into())
    }

    /// Hashes a password that was right again, when the policy's cost is no longer that of the stored hash (R14). One that has no normal form,
    /// or is longer than the policy has it, keeps the hash that another system made of it.
    fn renew_hash(&self, login: &Login, password: &Password, typed: &PasswordHash) -> Result<(), Error> {
        if typed.recipe.is_current(&self.policy.password) {
            return Ok(());
        }
        let renewed = match self.hash_password(password) {
            Err(Error::PasswordUnusable | Error::PasswordTooLong { .. }) => return Ok(()),
            renewed => renewed?,
        };
        self.vault.transact(|tx| {
            match account::find(tx, login)? {
                // Only in the place of the hash that was matched: the password may have changed meanwhile.
                Some(mut record) if record.password.recipe == typed.recipe => {
                    record.password = renewed.again();
                    record.put(tx)
                }
                _ => Ok(()),
            }
        })
    }

    /// How often a password may change while it is being checked.
    pub(crate) const PASSWORD_CHANGES: usize = 3;

    fn decide_password(
        &self,
        tx: &mut Transaction<'_>,
        login: &Login,
        typed: &Typed,
        approach: &Approach,
        door: Door,
    ) -> Result<Decided, Error> {
        const REJECTED: Decided = Decided::Refused(Error::Core(CoreError::Rejected));
        let (record, known) = account::find_or_decoy(tx, login)?;
        let subject = record.as_ref().map(|record| record.account.subject);
        let bucket = Bucket::of(tx, login.as_str())?;
        let (caller, mut budget) = match &record {
            Some(record) if known && !typed.is_of(record) => {
                return Ok(Decided::PasswordChanged);
            }
            // A decoy knows no device.
            Some(record) => {
                let caller = self.caller(tx, &record.account, approach.device.as_ref())?;
                let budget = match known {
                    true => Budget::of(tx, record.account.id.0, caller)?,
                    false => Budget::of_nobody(tx, bucket, Way::Password)?,
                };
                (caller, budget)
            }
            None => (Caller::Stranger, Budget::of_nobody(tx, bucket, Way::Password)?),
        };
        let id = match &record {
            Some(record) if known => Some(record.account.id),
            _ => Some(bucket.id()),
        };
        let throttle = &self.policy.password.throttle;
        let wrong = match budget.is_delayed(tx.now()) {
            true => None,
            false => Some(WrongAnswers::of(tx, &self.policy.budget, id, caller)?),
        };
        let Some(wrong) = wrong.filter(|wrong| !wrong.are_too_many()) else {
            budget.refuse(tx, subject, throttle, None)?;
            return Ok(REJECTED);
        };
        // The watch is asked before anybody knows whether the password is right, so that what it refuses looks alike.
        let facts = Facts {
            occasion: Occasion::Login,
            time: tx.now(),
            account: id.unwrap_or(bucket.id()),
            roles: record.as_ref().map(|record| record.account.roles).unwrap_or_default(),
            device: watch::device_of(caller),
            address: approach.address,
            client: Approach::cut(&approach.client),
            parameters: &[],
        };
        let found = self.ask_watch(tx, &facts)?;
        if found.answer().refuses() {
            self.refuse_found(tx, budget, throttle, &facts, &found, subject)?;
            return Ok(REJECTED);
        }
        // Outside of its limits the right password is like a wrong one: whoever guesses from there learns nothing (R18).
        let now = tx.now();
        let (mut admitted, mut outside, mut former) = (record, false, None);
        if let Some(record) = &admitted {
            outside = !record.account.limits.allow(now, approach.address);
            let present = record.admits(&typed.password);
            former = record.admits_former(&typed.former, now).filter(|_| !present);
            if outside | !(present | former.is_some()) | !known {
                admitted = None;
            }
        }
        let Some(record) = admitted else {
            let _never_disabled = budget.failures.fail(now, throttle);
            budget.put(tx)?;
            wrong.count(tx);
            let reason = match known {
                false => "unknown login",
                true if outside => "outside of the account's limits",
                true => "wrong password",
            };
            let detail = Detail::new().with("reason", reason);
            tx.event(EventKind::PasswordRejected, subject, budget.row(), &detail)?;
            self.tell_found(tx, &facts, &found, subject, budget.row())?;
            self.tell_watch(tx, &facts, Outcome::Wrong)?;
            return Ok(REJECTED);
        };
        // Whoever knows the password fills neither the journal nor a phone with challenges.
        let opened = match former {
            None => self.opened(record.account.id, caller),
            Some(_) => self.opened_formerly(record.account.id, caller),
        };
        let opened = opened.read(tx)?;
        if opened.is_full() {
            budget.refuse(tx, subject, throttle, None)?;
            return Ok(REJECTED);
        }
        opened.count(tx);
        // A former password is no proof that guesses at the present one were its owner's, nor where he logs in.
        if former.is_none() {
            budget.failures.succeed();
            budget.put_right(tx)?;
        }
        self.tell_found(tx, &facts, &found, subject, budget.row())?;
        if former.is_none() {
            self.tell_watch(tx, &facts, Outcome::Right)?;
        }
        let demand = Demand::of(&found);
        // A refusal from here on commits as well: the password was right, and its failures are forgotten.
        let begun = match door {
            Door::In => self.open_challenge(tx, &record, caller, approach, demand),
            Door::Undo => self.open_undo(tx, &record, caller, approach, former),
        };
        match begun {
            Ok(begun) => Ok(Decided::Begun(begun)),
            Err(
                error @ (Error::MethodUnavailable
                | Error::MethodTooWeak
                | Error::ResendTooSoon { .. }
                | Error::TooManyMessages),
            ) => Ok(Decided::Refused(error)),
            Err(error) => Err(error),
        }
    }

    fn open_challenge(
        &self,
        tx: &mut Transaction<'_>,
        record: &AccountRecord,
        caller: Caller,
        approach: &Approach,
        demand: Demand,
    ) -> Result<Begun, Error> {
        let found = factor::means(tx, &record.account, caller)?;
        let mut usable = found.usable;
        usable.retain(|means| means.suits(Purpose::Login, &[Evidence::Password]));
        let means = match (usable.is_empty(), found.any_active) {
            (true, false) if record.may_enrol(tx.now()) => None,
            // Factors that cannot be used here, or are gone, are no reason to let somebody enrol another one.
            (true, _) => return Err(Error::MethodUnavailable),
            (false, _) => {
                let weakest = demand.weakest(&usable).max(self.policy.factor.weakest);
                Means::pick(&usable, approach.wanted(), Purpose::Login, weakest)?
            }
        };
        self.let_through(tx, record, caller, approach, demand, means)
    }

    /// Opens the challenge that is answered so, or an enrolment.
    pub(crate) fn let_through(
        &self,
        tx: &mut Transaction<'_>,
        record: &AccountRecord,
        caller: Caller,
        approach: &Approach,
        demand: Demand,
        means: Option<Means>,
    ) -> Result<Begun, Error> {
        let (purpose, lifetime) = match means {
            Some(means) => (Purpose::Login, self.lifetime(means)),
            None => (Purpose::Enrolment, self.policy.challenge.enrolment),
        };
        let mut challenge = ChallengeRecord::begin(
            tx,
            NewChallenge {
                purpose,
                account: &record.account,
                session: None,
                operation: None,
                means,
                caller,
                address: approach.address,
                shown: vec![Evidence::Password],
                client: Approach::cut(&approach.client),
                language: Approach::cut(&approach.language),
                lifetime,
            },
        )?;
        challenge.demand = demand;
        self.started(tx, &mut challenge, record)?;
        Ok(match purpose {
            Purpose::Enrolment => Begun::Enrol(challenge.enrolment()?),
            _ => Begun::Code(challenge.told()?),
        })
    }

    /// The challenge that asks a channel whether what was changed shall be taken back.
    fn open_undo(
        &self,
        tx: &mut Transaction<'_>,
        record: &AccountRecord,
        caller: Caller,
        approach: &Approach,
        former: Option<usize>,
    ) -> Result<Begun, Error> {
        let changed = self.changed(record, former, tx.now());
        let weakest = self.policy.factor.weakest;
        let means = factor::who_takes_back(tx, &record.account, caller, approach.wanted(), changed, weakest)?;
        let means = means.ok_or(Error::MethodUnavailable)?;
        let mut challenge = ChallengeRecord::begin(
            tx,
            NewChallenge {
                purpose: Purpose::Undo,
                account: &record.account,
                session: None,
                operation: None,
                means: Some(means),
                caller,
                address: approach.address,
                shown: vec![Evidence::Password],
                client: Approach::cut(&approach.client),
                language: Approach::cut(&approach.language),
                lifetime: self.lifetime(means),
            },
        )?;
        challenge.former = former;
        self.started(tx, &mut challenge, record)?;
        Ok(Begun::Code(challenge.told()?))
    }

    pub(super) fn started(
        &self,
        tx: &mut Transaction<'_>,
        challenge: &mut ChallengeRecord,
        record: &AccountRecord,
    ) -> Result<(), Error> {
        self.send_first(tx, challenge, &record.account, &[])?;
        challenge.put(tx)?;
        let detail = Detail::new().with("challenge", hex(&challenge.id));
        tx.event(EventKind::LoginStarted, Some(record.account.subject), &challenge.row(), &detail)?;
        Ok(())
    }

    /// How many challenges of an account were opened within the hour, from one known device or by all strangers.
    pub(super) fn opened(&self, account: AccountId, caller: Caller) -> Cap {
        Cap::new("challenges", &whose(account, caller), HOUR, self.policy.challenge.per_hour)
    }

    /// The same of former passwords, counted apart: whoever knows one keeps nobody waiting at a login.
    fn opened_formerly(&self, account: AccountId, caller: Caller) -> Cap {
        let most = self.policy.challenge.per_hour.div_ceil(2);
        Cap::new("challenges-former", &whose(account, caller), HOUR, most)
    }

    /// How long a challenge lives that is answered so.
    pub(crate) fn lifetime(&self, means: Means) -> u64 {
        match (means.evidence, means.contact) {
            (Evidence::Push, _) => self.policy.push.lifetime,
            (_, Some(_)) => self.policy.issued.lifetime,
            (_, None) => self.policy.challenge.lifetime,
        }
    }
}

fn whose(account: AccountId, caller: Caller) -> Vec<u8> {
    match caller {
        Caller::Stranger => [account.0, [0; 16]].concat(),
        Caller::Device(device) => [account.0, device.0].concat(),
    }
}

/// The hashes of what was typed: after the recipe of the account's password, and after those of the ones before, where it may be one of these.
struct Typed {
    password: PasswordHash,
    former: Vec<PasswordHash>,
}

impl Typed {
    /// Whether the account's passwords are hashed as they were when this was.
    fn is_of(&self, record: &AccountRecord) -> bool {
        let former = record.former.as_ref().map_or(&[][..], |former| &former.passwords);
        self.password.recipe == record.password.recipe
            && former.iter().zip(&self.former).all(|(former, typed)| typed.recipe == former.password.recipe)
    }
}

enum Decided {
    Begun(Begun),
    Refused(Error),
    PasswordChanged,
}
