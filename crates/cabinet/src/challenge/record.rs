//! A challenge as stored.

use std::net::IpAddr;

use zamok_core::event::{Detail, EventKind};
use zamok_core::hash;
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::Transaction;
use zamok_core::vault::issued::Binding;
use zamok_core::wire::{Reader, Writer, hex};
use zamok_core::{Error as CoreError, UnixTime};

use super::{Challenge, Demand, Enrolment, Means, Purpose, RequestId, State, Step};
use crate::account::{Account, AccountId, ContactId, Former};
use crate::device::DeviceId;
use crate::error::Error;
use crate::evidence::Evidence;
use crate::factor::FactorId;
use crate::machine::Machine;
use crate::policy::Policy;
use crate::session::SessionId;
use crate::throttle::Caller;

/// Sealed challenges, under their id.
pub(crate) const CHALLENGES: Table = Table(35);

/// A challenge as stored.
pub(crate) struct ChallengeRecord {
    pub(crate) id: [u8; 16],
    pub(crate) purpose: Purpose,
    /// What whoever begins is told, once; only its digest, the id, is kept.
    ticket: Option<[u8; 16]>,
    pub(crate) account: AccountId,
    /// The account's epoch when it was opened: raised, it takes the challenge with it.
    pub(crate) epoch: u64,
    /// The session in which it may be answered.
    pub(crate) session: Option<SessionId>,
    /// The operation that it confirms, and the digest of what was shown.
    pub(crate) operation: Option<([u8; 16], [u8; 32])>,
    /// How it is to be answered; none at the enrolment of a first factor.
    pub(crate) means: Option<Means>,
    pub(crate) caller: Caller,
    /// The address from which it was asked for: the session that it opens is used from there.
    pub(crate) address: Option<IpAddr>,
    /// What was shown before it was opened.
    pub(crate) shown: Vec<Evidence>,
    pub(crate) client: String,
    pub(crate) language: String,
    pub(crate) opened: UnixTime,
    pub(crate) expires: UnixTime,
    /// Codes that were sent, and when the last one was.
    pub(crate) sent: u32,
    pub(crate) last_sent: UnixTime,
    pub(crate) wrong: u32,
    /// At an enrolment: how often something was offered.
    pub(crate) offers: u32,
    /// At an enrolment: what it takes the place of, and whether that has agreed.
    pub(crate) replaces: Option<Replaced>,
    pub(crate) agreed: bool,
    /// The last attempt's name, to answer it again.
    pub(crate) last: Option<RequestId>,
    /// The session that its right answer opened or renewed.
    pub(crate) outcome: Option<SessionId>,
    pub(crate) demand: Demand,
    /// At a change that is taken back: with which of the passwords of before that was asked for, if with one.
    pub(crate) former: Option<usize>,
    pub(crate) state: State,
}

/// One sending for a challenge: what a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sending {
    pub(crate) challenge: [u8; 16],
    /// As in the binding of the code; never 0.
    pub(crate) number: u32,
}

/// What an enrolment takes the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replaced {
    Factor(FactorId),
    Contact(ContactId),
}

/// What a challenge is opened with.
pub(crate) struct NewChallenge<'a> {
    pub(crate) purpose: Purpose,
    pub(crate) account: &'a Account,
    pub(crate) session: Option<SessionId>,
    pub(crate) operation: Option<([u8; 16], [u8; 32])>,
    pub(crate) means: Option<Means>,
    pub(crate) caller: Caller,
    pub(crate) address: Option<IpAddr>,
    pub(crate) shown: Vec<Evidence>,
    pub(crate) client: &'a str,
    pub(crate) language: &'a str,
    pub(crate) lifetime: u64,
}

impl ChallengeRecord {
    const FORMAT: u8 = 5;

    /// Opens a challenge. The caller puts it.
    pub(crate) fn begin(tx: &mut Transaction<'_>, new: NewChallenge<'_>) -> Result<Self, Error> {
        let (now, ticket) = (tx.now(), tx.env().random());
        let mut challenge = Self {
            id: reference(ticket),
            ticket: Some(ticket),
            purpose: new.purpose,
            account: new.account.id,
            epoch: new.account.epoch,
            session: new.session,
            operation: new.operation,
            means: new.means,
            caller: new.caller,
            address: new.address,
            shown: new.shown,
            client: new.client.into(),
            language: new.language.into(),
            opened: now,
            expires: now.plus(new.lifetime),
            sent: 0,
            last_sent: UnixTime(0),
            wrong: 0,
            offers: 0,
            replaces: None,
            agreed: false,
            last: None,
            outcome: None,
            demand: Demand::Usual,
            former: None,
            state: State::Absent,
        };
        challenge.step(Step::Begin)?;
        Ok(challenge)
    }

    /// What its owner is told of it, when it begins.
    pub(crate) fn told(&self) -> Result<Challenge, Error> {
        let by = self.means.ok_or(CoreError::Refused)?.evidence;
        Ok(Challenge { id: self.ticket.ok_or(CoreError::Refused)?, expires: self.expires, by })
    }

    /// The same for an enrolment.
    pub(crate) fn enrolment(&self) -> Result<Enrolment, Error> {
        Ok(Enrolment { id: self.ticket.ok_or(CoreError::Refused)?, expires: self.expires })
    }

    pub(crate) fn row(&self) -> RowKey {
        RowKey::new(CHALLENGES, self.id)
    }

    /// Whether it was begun with a phone alone (R11).
    pub(crate) fn is_by_phone(&self) -> bool {
        self.purpose == Purpose::Login && self.shown.is_empty()
    }

    pub(crate) fn step(&mut self, step: Step) -> Result<(), Error> {
        self.state = self.state.after(step).ok_or(CoreError::Rejected)?;
        Ok(())
    }

    /// Whether it can still be answered, or its answer be told again. A clock that was set back knows nothing of its end.
    pub(crate) fn is_alive(&self, now: UnixTime, account: &Account) -> bool {
        !self.opened.is_ahead_of(now) && now < self.expires && self.epoch == account.epoch
    }

    /// What a code stands for that was sent for it.
    pub(crate) fn binding(&self) -> Binding {
        Binding {
            challenge: self.id,
            account: self.account.0,
            session: self.session.map_or([0; 16], |session| session.0),
            purpose: self.purpose as u8,
            operation: self.operation.map_or([0; 32], |(_, digest)| digest),
            // What is offered anew is another code, whoever it goes to: one that went to one phone verifies no other.
            sending: (self.offers << 16) | self.sent,
        }
    }

    /// What was sent last.
    pub(crate) fn sending(&self) -> Sending {
        Sending { challenge: self.id, number: self.binding().sending }
    }

    /// Whether nothing but this row says how often it was answered: what is neither computed by a key nor has a budget of its own.
    pub(super) fn counts_tries(&self) -> bool {
        let means = self.means.map(|means| means.evidence);
        !matches!(means, Some(Evidence::Generator | Evidence::Token | Evidence::Pin))
    }

    /// Takes one try from an open challenge, and ends it with the last one; whether it was.
    pub(crate) fn charge(
        &mut self,
        tx: &mut Transaction<'_>,
        account: &Account,
        request: Option<RequestId>,
        tries: u32,
    ) -> Result<bool, Error> {
        let wrong = self.wrong + 1;
        let last = wrong >= tries;
        self.step(if last { Step::LastWrong } else { Step::Wrong })?;
        (self.wrong, self.last) = (wrong, request);
        self.put(tx)?;
        if last {
            let detail =
                Detail::new().with("reason", "too many wrong codes").with("challenge", hex(&self.id));
            tx.event(EventKind::ChallengeRejected, Some(account.subject), &self.row(), &detail)?;
        } else if self.counts_tries() {
            // Put back, the row would have its tries again: an entry names the revision that was charged.
            let detail = Detail::new().with("reason", "wrong code").with("challenge", hex(&self.id));
            tx.event(EventKind::ChallengeRejected, None, &self.row(), &detail)?;
        }
        Ok(last)
    }

    pub(crate) fn put(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let mut writer = Writer::new();
        writer.u8(Self::FORMAT).raw(&self.id).u8(self.purpose as u8).raw(&self.account.0).u64(self.epoch);
        writer.raw(&self.session.map_or([0; 16], |session| session.0));
        let (operation, digest) = self.operation.unwrap_or(([0; 16], [0; 32]));
        writer.raw(&operation).raw(&digest);
        let means = self.means.map_or((0, [0; 16], [0; 16]), |means| {
            (means.evidence as u8, means.factor, means.contact.unwrap_or([0; 16]))
        });
        writer.u8(means.0).raw(&means.1).raw(&means.2);
        writer.raw(&match self.caller {
            Caller::Stranger => [0; 16],
            Caller::Device(id) => id.0,
        });
        match self.address {
            None => writer.u8(0),
            Some(IpAddr::V4(address)) => writer.u8(4).raw(&address.octets()),
            Some(IpAddr::V6(address)) => writer.u8(6).raw(&address.octets()),
        };
        writer.bytes(&self.shown.iter().map(|kind| *kind as u8).collect::<Vec<_>>())?;
        writer.text(&self.client)?.text(&self.language)?;
        writer.u64(self.opened.0).u64(self.expires.0).u32(self.sent).u64(self.last_sent.0);
        writer.u32(self.wrong).u32(self.offers).raw(&self.last.map_or([0; 16], |last| last.0));
        writer.u8(u8::from(self.last.is_some()));
        let (sort, replaced) = match self.replaces {
            None => (0, [0; 16]),
            Some(Replaced::Factor(id)) => (1, id.0),
            Some(Replaced::Contact(id)) => (2, id.0),
        };
        writer.u8(sort).raw(&replaced).u8(u8::from(self.agreed));
        writer.u8(u8::from(self.demand == Demand::Strongest));
        let former = self.former.map_or(Ok(0), |place| u8::try_from(place + 1));
        writer.u8(former.map_err(|_| CoreError::Refused)?);
        writer.raw(&self.outcome.map_or([0; 16], |session| session.0)).u8(match self.state {
            State::Open => 1,
            State::Answered => 2,
            State::Failed => 3,
            State::Replaced => 4,
            State::Approved => 5,
            State::Absent => return Err(CoreError::Refused.into()),
        });
        let row = self.row();
        if self.ticket.is_some() {
            // It was begun in this transaction: its id comes from a ticket that was drawn for it.
            tx.suppose_new(&row);
        }
        Ok(tx.put_record(&row, &[], writer.as_slice())?)
    }

    /// The challenge of whoever was told this.
    pub(crate) fn held(tx: &mut Transaction<'_>, ticket: [u8; 16]) -> Result<Option<Self>, Error> {
        Self::load(tx, reference(ticket))
    }

    /// A challenge that is not there grants nothing.
    pub(crate) fn load(tx: &mut Transaction<'_>, id: [u8; 16]) -> Result<Option<Self>, Error> {
        let Some(opened) = tx.record(&RowKey::new(CHALLENGES, id))? else { return Ok(None) };
        let challenge = Self::decode(&opened.body)?;
        if challenge.id == id { Ok(Some(challenge)) } else { Err(CoreError::Refused.into()) }
    }

    fn decode(body: &[u8]) -> Result<Self, CoreError> {
        let some = |id: [u8; 16]| Some(id).filter(|id| *id != [0; 16]);
        let mut reader = Reader::new(body);
        let found = reader.u8()?;
        if found != Self::FORMAT {
            return Err(CoreError::Format { found: found.into(), supported: Self::FORMAT.into() });
        }
        let id = reader.array()?;
        let purpose = match reader.u8()? {
            1 => Purpose::Login,
            2 => Purpose::Enrolment,
            3 => Purpose::Operation,
            4 => Purpose::Again,
            5 => Purpose::Agreement,
            6 => Purpose::Undo,
            _ => return Err(CoreError::Refused),
        };
        let (account, epoch) = (AccountId(reader.array()?), reader.u64()?);
        let session = some(reader.array()?).map(SessionId);
        let (operation, digest) = (some(reader.array()?), reader.array()?);
        let (evidence, factor, contact) = (reader.u8()?, reader.array()?, some(reader.array()?));
        let means = match evidence {
            0 => None,
            number => Some(Means { evidence: Evidence::from_number(number)?, factor, contact }),
        };
        let caller = some(reader.array()?).map_or(Caller::Stranger, |id| Caller::Device(DeviceId(id)));
        let address = match reader.u8()? {
            0 => None,
            4 => Some(IpAddr::from(reader.array::<4>()?)),
            6 => Some(IpAddr::from(reader.array::<16>()?)),
            _ => return Err(CoreError::Refused),
        };
        let shown =
            reader.bytes()?.iter().map(|number| Evidence::from_number(*number)).collect::<Result<_, _>>()?;
        let (client, language) = (reader.text()?.into(), reader.text()?.into());
        let (opened, expires) = (UnixTime(reader.u64()?), UnixTime(reader.u64()?));
        let (sent, last_sent) = (reader.u32()?, UnixTime(reader.u64()?));
        let (wrong, offers, last) = (reader.u32()?, reader.u32()?, RequestId(reader.array()?));
        let last = crate::flag(&mut reader)?.then_some(last);
        let replaces = match (reader.u8()?, reader.array()?) {
            (0, _) => None,
            (1, id) => Some(Replaced::Factor(FactorId(id))),
            (2, id) => Some(Replaced::Contact(ContactId(id))),
            _ => return Err(CoreError::Refused),
        };
        let agreed = crate::flag(&mut reader)?;
        let demand = if crate::flag(&mut reader)? { Demand::Strongest } else { Demand::Usual };
        let former = match usize::from(reader.u8()?) {
            0 => None,
            number if number <= Former::MOST => Some(number - 1),
            _ => return Err(CoreError::Refused),
        };
        let outcome = some(reader.array()?).map(SessionId);
        let state = match reader.u8()? {
            1 => State::Open,
            2 => State::Answered,
            3 => State::Failed,
            4 => State::Replaced,
            5 => State::Approved,
            _ => return Err(CoreError::Refused),
        };
        reader.end()?;
        let operation = operation.map(|id| (id, digest));
        Ok(Self {
            id,
            ticket: None,
            purpose,
            account,
            epoch,
            session,
            operation,
            means,
            caller,
            address,
            shown,
            client,
            language,
            opened,
            expires,
            sent,
            last_sent,
            wrong,
            offers,
            replaces,
            agreed,
            last,
            outcome,
            demand,
            former,
            state,
        })
    }
}

/// The id of a challenge whose owner was told this: whoever reads it, in the store or elsewhere, can answer nothing with it.
pub(super) fn reference(ticket: [u8; 16]) -> [u8; 16] {
    let digest = hash::sha256(&[b"zamok/challenge/v1", &ticket]);
    core::array::from_fn(|at| digest[at])
}

/// Whether what was sent for a challenge can still answer it: nothing was sent since, and the challenge is open.
pub(crate) fn counts(tx: &mut Transaction<'_>, sending: Sending, account: &Account) -> Result<bool, Error> {
    let challenge = ChallengeRecord::load(tx, sending.challenge)?;
    Ok(challenge.is_some_and(|challenge| {
        challenge.state == State::Open
            && challenge.is_alive(tx.now(), account)
            && challenge.sending() == sending
    }))
}

/// Whose challenge a row holds.
pub(crate) fn owner(body: &[u8]) -> Result<AccountId, CoreError> {
    Ok(ChallengeRecord::decode(body)?.account)
}

/// From when on a challenge is removed: when it has been over for as long as it could have lived.
pub(crate) fn due(body: &[u8], _: &Policy) -> Result<UnixTime, CoreError> {
    let challenge = ChallengeRecord::decode(body)?;
    Ok(challenge.expires.plus(challenge.expires.since(challenge.opened)))
}

/// Removes a challenge that is due.
pub(crate) fn sweep(tx: &mut Transaction<'_>, row: &RowKey, _: &Policy) -> Result<bool, Error> {
    let id = row.key.as_slice().try_into().map_err(|_| CoreError::Refused)?;
    let Some(mut challenge) = ChallengeRecord::load(tx, id)? else { return Ok(false) };
    challenge.step(Step::Sweep)?;
    tx.delete(row)?;
    Ok(true)
}
