//! Powers of attorney and family profiles (R73): who may act for whom, in what, how far and until when. A power is offered by the
//! one who gives it, counts once it is accepted, and ends by its date or by either side.

use std::collections::BTreeMap;

use zamok_core::event::{Detail, EventKind, Subject};
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::Transaction;
use zamok_core::wire::{Reader, Writer, hex};
use zamok_core::{Error as CoreError, UnixTime};

use super::rights::{Right, Rights};
use super::{Account, AccountId, AccountRecord, begin, find, load};
use crate::Cabinet;
use crate::error::Error;
use crate::factor::Since;
use crate::machine::Machine;
use crate::name::Login;
use crate::outbox::{Message, MessageKind};
use crate::password::Password;
use crate::session::Session;
use crate::throttle::Cap;

/// Sealed powers, under their id.
const POWERS: Table = Table(42);

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

/// The id of a power: 128 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PowerId(pub [u8; 16]);

impl core::fmt::Display for PowerId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// What binds the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PowerKind {
    /// A power of attorney.
    Attorney = 1,
    /// One family: profiles of their own, with rights in each other's.
    Family = 2,
}

/// Where a power stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PowerState {
    /// There is none.
    Absent = 0,
    /// The other has not answered yet.
    Offered = 1,
    /// It counts, until its date.
    Active = 2,
    /// One of the two has ended it, or the other has declined.
    Ended = 3,
}

/// What can happen to a power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PowerStep {
    /// It is given.
    Offer,
    /// The other accepts.
    Accept,
    /// One of the two ends it.
    End,
}

impl Machine for PowerState {
    type Step = PowerStep;
    const NOUN: &'static str = "power";
    const ABSENT: Self = Self::Absent;
    const EDGES: &'static [(Self, PowerStep, Self)] = &[
        (Self::Absent, PowerStep::Offer, Self::Offered),
        (Self::Offered, PowerStep::Accept, Self::Active),
        (Self::Offered, PowerStep::End, Self::Ended),
        (Self::Active, PowerStep::End, Self::Ended),
    ];
}

/// How far a power goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What binds the two.
    pub kind: PowerKind,
    /// What may be done.
    pub rights: Rights,
    /// In which matters, as the service names them; `*` for all. None is none.
    pub scope: Vec<String>,
    /// When it ends.
    pub until: UnixTime,
}

/// A power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Power {
    /// Its id.
    pub id: PowerId,
    /// Who gives it.
    pub principal: AccountId,
    /// Who is given it.
    pub agent: AccountId,
    /// How far it goes.
    pub terms: Terms,
    /// When it was given.
    pub given: UnixTime,
    /// Where it stands.
    pub state: PowerState,
}

impl Power {
    const FORMAT: u8 = 2;
    /// Most matters of one power.
    const SCOPE: usize = 32;
    /// Most powers that one account has given and been given.
    const MOST: usize = 64;

    /// Whether it lets its agent do this now.
    #[must_use]
    pub fn allows(&self, now: UnixTime, right: Right, matter: &str) -> bool {
        self.state == PowerState::Active
            && now < self.terms.until
            && self.terms.rights.has(right)
            && self.terms.scope.iter().any(|scope| scope == "*" || scope == matter)
    }

    /// Whether it counts, or waits for an answer.
    fn stands(&self, now: UnixTime) -> bool {
        self.state != PowerState::Ended && now < self.terms.until
    }

    pub(crate) fn row(id: PowerId) -> RowKey {
        RowKey::new(POWERS, id.0)
    }

    pub(crate) fn put(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let mut writer = Writer::new();
        writer.u8(Self::FORMAT).raw(&self.id.0).raw(&self.principal.0).raw(&self.agent.0);
        writer
            .u8(self.terms.kind as u8)
            .u8(self.terms.rights.bits())
            .u64(self.terms.until.0)
            .u64(self.given.0);
        writer.u8(self.state as u8).u8(u8::try_from(self.terms.scope.len()).unwrap_or(u8::MAX));
        for matter in &self.terms.scope {
            writer.text(matter)?;
        }
        Ok(tx.put_record(&Self::row(self.id), &[], writer.as_slice())?)
    }

    pub(crate) fn load(tx: &mut Transaction<'_>, id: PowerId) -> Result<Self, Error> {
        // A power that an account lists and that is gone was taken away by somebody else than the two.
        let opened = tx.record(&Self::row(id))?.ok_or(CoreError::Refused)?;
        let mut reader = Reader::new(&opened.body);
        let found = reader.u8()?;
        if found != Self::FORMAT {
            return Err(CoreError::Format { found: found.into(), supported: Self::FORMAT.into() }.into());
        }
        let found = PowerId(reader.array()?);
        let (principal, agent) = (AccountId(reader.array()?), AccountId(reader.array()?));
        let kind = match reader.u8()? {
            1 => PowerKind::Attorney,
            2 => PowerKind::Family,
            _ => return Err(CoreError::Refused.into()),
        };
        let rights = Rights::from_bits(reader.u8()?)?;
        let (until, given) = (UnixTime(reader.u64()?), UnixTime(reader.u64()?));
        let state = match reader.u8()? {
            1 => PowerState::Offered,
            2 => PowerState::Active,
            3 => PowerState::Ended,
            _ => return Err(CoreError::Refused.into()),
        };
        let scope = (0..reader.u8()?).map(|_| reader.text().map(Into::into)).collect::<Result<_, _>>()?;
        reader.end()?;
        let terms = Terms { kind, rights, scope, until };
        let power = Self { id, principal, agent, terms, given, state };
        if found == id { Ok(power) } else { Err(CoreError::Refused.into()) }
    }
}

/// Tells both accounts.
fn tell(tx: &mut Transaction<'_>, power: &Power, kind: EventKind) -> Result<(), Error> {
    for account in [power.principal, power.agent] {
        let subject = load(tx, account)?.account.subject;
        tell_one(tx, power, subject, kind)?;
    }
    Ok(())
}

fn tell_one(tx: &mut Transaction<'_>, power: &Power, subject: Subject, kind: EventKind) -> Result<(), Error> {
    let detail = Detail::new()
        .with("power", power.id.to_string())
        .with("rights", power.terms.rights.to_string())
        .with("scope", power.terms.scope.join(" "))
        .with("until", power.terms.until.0.to_string());
    tx.event(kind, Some(subject), &Power::row(power.id), &detail)?;
    Ok(())
}

/// What was read; `None` where it is gone or was altered.
fn readable<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(Error::Core(CoreError::Refused | CoreError::Format { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Ends the powers that an account has given since, with a change that is taken back.
pub(crate) fn end_since(tx: &mut Transaction<'_>, account: &Account, since: Since) -> Result<(), Error> {
    for id in &account.powers {
        let mut power = Power::load(tx, *id)?;
        if power.principal != account.id || !since.has(power.given) {
            continue;
        }
        if let Some(state) = power.state.after(PowerStep::End) {
            power.state = state;
            power.put(tx)?;
            tell(tx, &power, EventKind::PowerEnded)?;
        }
    }
    Ok(())
}

/// Of offers, oldest first, the oldest of whoever has made most: a flood displaces itself.
fn first_of_most(offered: Vec<Power>) -> Option<Power> {
    let mut counts: BTreeMap<AccountId, usize> = BTreeMap::new();
    offered.iter().for_each(|power| *counts.entry(power.principal).or_default() += 1);
    let most = counts.values().copied().max()?;
    offered.into_iter().find(|power| counts[&power.principal] == most)
}

/// Ends the powers that an account gave and was given, for its erasure: what they were about, in the words of the service, goes.
pub(super) fn end_all(tx: &mut Transaction<'_>, account: &Account) -> Result<(), Error> {
    for id in &account.powers {
        // A row that somebody has taken away or altered keeps the rest from nothing, and stays for the audit.
        let Some(mut power) = readable(Power::load(tx, *id))? else { continue };
        if let Some(state) = power.state.after(PowerStep::End) {
            power.state = state;
            for account in [power.principal, power.agent] {
                if let Some(record) = readable(load(tx, account))? {
                    tell_one(tx, &power, record.account.subject, EventKind::PowerEnded)?;
                }
            }
        }
        power.terms.scope.clear();
        power.put(tx)?;
    }
    Ok(())
}

/// Ends a power that a surviving journal says was ended.
pub(crate) fn end_again(tx: &mut Transaction<'_>, id: [u8; 16]) -> Result<bool, Error> {
    let id = PowerId(id);
    if tx.record(&Power::row(id))?.is_none() {
        return Ok(false);
    }
    let mut power = Power::load(tx, id)?;
    let Some(state) = power.state.after(PowerStep::End).filter(|state| *state != power.state) else {
        return Ok(false);
    };
    power.state = state;
    power.put(tx)?;
    tell(tx, &power, EventKind::PowerEnded)?;
    Ok(true)
}

impl Cabinet {
    /// Most powers that one account offers in an hour, and most logins that it so learns of.
    pub const OFFERS: usize = 16;

    /// Gives another account a power over the matters of one's own, in a session that is fresh; it counts once the other accepts.
    ///
    /// # Errors
    /// [`Error::FreshAuthenticationNeeded`]; [`Error::SessionEnded`]; [`CoreError::Rejected`] when nobody has this login; [`Error::PowerUnusable`] for terms without
    /// rights, matters or an end, or with one that policy forbids; [`Error::TooMany`] powers, or more than [`Cabinet::OFFERS`] in an hour;
    /// the vault's and the store's.
    pub fn give_power(&self, session: &Session, agent: &str, terms: &Terms) -> Result<Power, Error> {
        let agent = Login::parse(agent)?;
        self.counted(|tx| {
            let principal = self.fresh_owner(tx, session)?;
            self.check_terms(terms, tx.now())?;
            let most = u32::try_from(Self::OFFERS).unwrap_or(u32::MAX);
            let offers = Cap::new("offers", &principal.id.0, HOUR, most).read(tx)?;
            if offers.is_full() {
                return Err(Error::TooMany { what: "offers in an hour", limit: Self::OFFERS });
            }
            offers.count(tx);
            // Who is not there is counted as well: that commits, and is refused.
            // So is who has no room, or whose giver has none: a refusal that undid the count would tell of logins without end.
            let Some(AccountRecord { account: agent, .. }) = find(tx, &agent)? else {
                return Ok(Err(CoreError::Rejected.into()));
            };
            let power = match self.offer(tx, &principal, &agent, terms)? {
                Ok(power) => power,
                Err(refused) => return Ok(Err(refused)),
            };
            power.put(tx)?;
            tell(tx, &power, EventKind::PowerOffered)?;
            let notice = Message::notice(tx, MessageKind::PowerGiven, principal.id);
            let until = crate::moment::text(terms.until);
            notice.with("agent", &agent.id.to_string()).with("until", &until).post(tx)?;
            Ok(Ok(power))
        })?
    }

    fn check_terms(&self, terms: &Terms, now: UnixTime) -> Result<(), Error> {
        let bounded = now < terms.until && terms.until <= now.plus(self.policy.power.longest);
        let says_something = terms.rights != Rights::default() && !terms.scope.is_empty();
        let readable = terms.scope.len() <= Power::SCOPE
            && terms.scope.iter().all(|matter| !matter.is_empty() && matter.len() <= 64);
        if bounded && says_something && readable { Ok(()) } else { Err(Error::PowerUnusable) }
    }

    /// The power that both accounts have in their lists then; refused, without a trace, where one of these is full.
    fn offer(
        &self,
        tx: &mut Transaction<'_>,
        principal: &Account,
        agent: &Account,
        terms: &Terms,
    ) -> Result<Result<Power, Error>, Error> {
        let now = tx.now();
        self.check_terms(terms, now)?;
        if principal.id == agent.id {
            return Err(Error::PowerUnusable);
        }
        let state = PowerState::Absent.after(PowerStep::Offer).ok_or(Error::PowerUnusable)?;
        let id = PowerId(tx.env().random());
        let mut lists = Vec::new();
        for account in [principal.id, agent.id] {
            let mut record = load(tx, account)?;
            // What has ended, or run out, makes room.
            let (mut kept, mut offered, mut ended) = (Vec::new(), Vec::new(), None);
            for id in core::mem::take(&mut record.account.powers) {
                let power = Power::load(tx, id)?;
                if power.stands(now) {
                    kept.push(id);
                    if power.state == PowerState::Offered && power.agent == account {
                        offered.push(power);
                    }
                }
            }
            if kept.len() >= Power::MOST {
                // What others offer unasked keeps nobody from giving and being given: an offer gives way.
                let Some(mut oldest) = first_of_most(offered) else {
                    return Ok(Err(Error::TooMany { what: "powers", limit: Power::MOST }));
                };
                oldest.state = oldest.state.after(PowerStep::End).ok_or(Error::PowerUnusable)?;
                kept.retain(|id| *id != oldest.id);
                ended = Some(oldest);
            }
            kept.push(id);
            record.account.powers = kept;
            lists.push((record, ended));
        }
        for (record, ended) in lists {
            record.put(tx)?;
            if let Some(ended) = ended {
                ended.put(tx)?;
                tell(tx, &ended, EventKind::PowerEnded)?;
            }
        }
        Ok(Ok(Power {
            id,
            principal: principal.id,
            agent: agent.id,
            terms: terms.clone(),
            given: now,
            state,
        }))
    }

    /// Accepts a power that was offered to the account of this session.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; [`Error::PowerUnusable`] when it was not offered to it, or not any more; the vault's and the
    /// store's.
    pub fn accept_power(&self, session: &Session, id: PowerId) -> Result<Power, Error> {
        self.step_power(session, id, PowerStep::Accept, EventKind::PowerAccepted)
    }

    /// Ends a power, from either side; declines one that was offered.
    ///
    /// # Errors
    /// As [`Cabinet::accept_power`].
    pub fn end_power(&self, session: &Session, id: PowerId) -> Result<Power, Error> {
        self.step_power(session, id, PowerStep::End, EventKind::PowerEnded)
    }

    fn step_power(
        &self,
        session: &Session,
        id: PowerId,
        step: PowerStep,
        kind: EventKind,
    ) -> Result<Power, Error> {
        self.vault.transact(|tx| {
            let account = self.owner(tx, session)?;
            if !account.powers.contains(&id) {
                return Err(Error::PowerUnusable);
            }
            let mut power = Power::load(tx, id)?;
            // Nobody accepts for the other.
            if step == PowerStep::Accept && (power.agent != account.id || tx.now() >= power.terms.until) {
                return Err(Error::PowerUnusable);
            }
            power.state = power.state.after(step).ok_or(Error::PowerUnusable)?;
            power.put(tx)?;
            tell(tx, &power, kind)?;
            Ok(power)
        })
    }

    /// The powers that the account of this session gave and was given, without those that have ended.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; the vault's and the store's.
    pub fn powers(&self, session: &Session) -> Result<Vec<Power>, Error> {
        self.vault.transact(|tx| {
            let account = self.owner(tx, session)?;
            let mut found = Vec::new();
            for id in account.powers {
                let power = Power::load(tx, id)?;
                if power.stands(tx.now()) {
                    found.push(power);
                }
            }
            Ok(found)
        })
    }

    /// Most profiles that one account has, and opens in a day.
    pub const PROFILES: usize = 16;

    /// Opens a profile for somebody of the family who has no account yet: a login of its own, which its password opens later,
    /// and a power of the family over it for the account of this session, at once and in all matters. The session is fresh, and one account
    /// opens [`Cabinet::PROFILES`] of them in a day, and has as many.
    ///
    /// # Errors
    /// [`Error::FreshAuthenticationNeeded`]; [`Error::TooMany`]; [`Error::SessionEnded`]; [`Error::LoginUnusable`], [`Error::LoginTaken`], the password's errors; the vault's and the
    /// store's.
    pub fn open_profile(
        &self,
        session: &Session,
        login: &str,
        password: &Password,
    ) -> Result<(Account, Power), Error> {
        let login = Login::parse(login)?;
        password.check(&[login.as_str(), &self.issuer], &self.policy.password)?;
        let hash = self.hash_password(password)?;
        self.counted(|tx| {
            let head = self.fresh_owner(tx, session)?;
            // Those that it has, and those that it has opened of late and let go.
            let most = u32::try_from(Self::PROFILES).unwrap_or(u32::MAX);
            let opened = Cap::new("profiles", &head.id.0, DAY, most).read(tx)?;
            let mut profiles = 0;
            for id in &head.powers {
                let power = Power::load(tx, *id)?;
                let given = power.agent == head.id && power.terms.kind == PowerKind::Family;
                profiles += usize::from(given && power.stands(tx.now()));
            }
            if profiles >= Self::PROFILES || opened.is_full() {
                return Err(Error::TooMany { what: "profiles", limit: Self::PROFILES });
            }
            opened.count(tx);
            let profile = begin(tx, &login, &hash)?;
            let until = tx.now().plus(self.policy.power.longest);
            let terms =
                Terms { kind: PowerKind::Family, rights: Rights::ALL, scope: vec!["*".into()], until };
            let mut power = self.offer(tx, &profile, &head, &terms)??;
            power.state = power.state.after(PowerStep::Accept).ok_or(Error::PowerUnusable)?;
            power.put(tx)?;
            let detail = Detail::new();
            tx.event(EventKind::AccountRegistered, Some(profile.subject), &profile.id.row(), &detail)?;
            tell(tx, &power, EventKind::PowerAccepted)?;
            Ok((load(tx, profile.id)?.account, power))
        })
    }
}

impl PowerId {
    pub(super) fn row(self) -> RowKey {
        Power::row(self)
    }
}
