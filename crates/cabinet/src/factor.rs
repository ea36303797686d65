//! Second factors (R9, R10): enrolled with a test code that cannot be used again (R12), several of one kind, each with its own
//! counters, label and last use. Here: what is stored of one, and which of them can answer; beside it each kind, enrolment,
//! change, and the list of what an account has.

mod change;
mod channel;
mod check;
mod device_key;
mod enrolment;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod generator;
mod listing;
mod pin;
mod recovery;
mod token;

use zamok_core::signature::VerifyingKey;
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::{KeyId, Transaction};
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error as CoreError, UnixTime};

use crate::account::{Account, AccountId, ContactId, ContactKind};
use crate::challenge::{Means, Method, Wanted};
use crate::device::{self, DeviceId};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::machine::Machine;
use crate::policy::Policy;
use crate::throttle::{self, Caller};

pub use self::change::Change;
pub(crate) use self::change::factor_of;
pub(crate) use self::channel::{last_sent, note_sending};
pub(crate) use self::check::{Attempt, Checked, Typed};
pub use self::device_key::DeviceAnswer;
pub use self::generator::Offer;
pub(crate) use self::listing::FactorStep;
pub use self::listing::{FactorInfo, FactorState};
pub(crate) use self::listing::{remove_again, remove_all, remove_of_device};
pub use self::pin::Pin;
pub(crate) use self::pin::PinRecipe;
pub use self::recovery::RecoveryCode;
pub(crate) use self::recovery::begin_decoy;

/// Sealed factor records, under their id.
pub(crate) const FACTORS: Table = Table(36);

/// The id of a factor: 128 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FactorId(pub [u8; 16]);

/// What sort of factor it is. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum FactorKind {
    /// A generator app (RFC 6238).
    Generator = 1,
    /// A hardware token that counts (RFC 4226).
    Token = 2,
    /// Codes by SMS.
    Sms = 3,
    /// Codes by e-mail.
    Email = 4,
    /// Approval on a known device, by a key that it holds, with number matching.
    Push = 5,
    /// A PIN, on one known device alone.
    Pin = 6,
    /// A signature by a P-256 key that a device holds.
    Certificate = 7,
}

impl FactorKind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Generator, Self::Token, Self::Sms, Self::Email, Self::Push, Self::Pin, Self::Certificate];

    /// The name in listings and in the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Token => "token",
            Self::Sms => "SMS",
            Self::Email => "e-mail",
            Self::Push => "push",
            Self::Pin => "PIN",
            Self::Certificate => "certificate",
        }
    }

    /// What answering with it shows.
    #[must_use]
    pub const fn evidence(self) -> Evidence {
        match self {
            Self::Generator => Evidence::Generator,
            Self::Token => Evidence::Token,
            Self::Sms => Evidence::Sms,
            Self::Email => Evidence::Email,
            Self::Push => Evidence::Push,
            Self::Pin => Evidence::Pin,
            Self::Certificate => Evidence::Certificate,
        }
    }
}

/// What a factor is made of.
#[derive(Clone)]
pub(crate) enum Holding {
    /// A key of the vault, which computes the same codes.
    Key(KeyId),
    /// A contact, to which codes are sent.
    Contact(ContactId),
    /// The key of a known device.
    Device(DeviceId, VerifyingKey),
    /// What is kept of a PIN, and the device on which it counts.
    Pin(DeviceId, PinRecipe, [u8; 32]),
    /// A key that a device holds.
    Public(VerifyingKey),
}

/// That a factor was replaced, or dropped: when, until when that can be taken back, and by which; by none, zeros.
#[derive(Clone, Copy)]
pub(crate) struct Aside {
    pub(crate) at: UnixTime,
    pub(crate) until: UnixTime,
    pub(crate) by: FactorId,
    /// Whether the account is as strong with it as before: whoever set it aside had shown less than it shows.
    pub(crate) counts: bool,
}

/// What came in before a channel was set aside, and so late that it may have been whoever set it aside: what taking that back takes along.
#[derive(Clone, Copy)]
pub(crate) struct Since {
    /// When the channel was added: what is older was there first.
    added: UnixTime,
    at: UnixTime,
    span: u64,
}

impl Since {
    fn of(restored: &Factor, aside: Aside) -> Self {
        Self { added: restored.added, at: aside.at, span: aside.until.since(aside.at) }
    }

    /// When a contact was let go that goes then.
    fn before(self, until: UnixTime) -> UnixTime {
        UnixTime(until.0.saturating_sub(self.span))
    }

    pub(crate) fn has(self, added: UnixTime) -> bool {
        added > self.added && added.plus(self.span) > self.at
    }
}

pub(crate) struct Factor {
    pub(crate) id: FactorId,
    pub(crate) account: AccountId,
    pub(crate) kind: FactorKind,
    pub(crate) holding: Holding,
    /// Absent, offered, active or set aside: whether failures have disabled it, its budget says.
    pub(crate) state: FactorState,
    /// What its owner calls it.
    pub(crate) label: String,
    /// When its test was right; before, when it was offered.
    pub(crate) added: UnixTime,
    /// When it was last answered with, as exactly as policy remembers it; 0 for never.
    pub(crate) last_used: UnixTime,
    /// When something was last sent to it that its owner stands behind; 0 for never.
    pub(crate) last_sent: UnixTime,
    /// The same of what he does not stand behind.
    pub(crate) last_unproved: UnixTime,
    pub(crate) aside: Option<Aside>,
}

/// What an account can answer with here.
pub(crate) struct Found {
    /// In the account's order.
    pub(crate) usable: Vec<Means>,
    /// Whether it has any factor that counts, usable here or not.
    pub(crate) any_active: bool,
    /// The strength of the strongest factor that counts, usable here or not: a phone that was stolen and blocked makes nothing weaker
    /// enough for a payment.
    pub(crate) best: u8,
}

/// The ways in which an account can answer a challenge from this caller.
pub(crate) fn means(tx: &mut Transaction<'_>, account: &Account, caller: Caller) -> Result<Found, Error> {
    let mut found = Found { usable: Vec::new(), any_active: false, best: 0 };
    for id in &account.factors {
        // All of them are read: whichever row is gone, the account is locked.
        let factor = Factor::load(tx, *id, account.id)?;
        // Nor does one make anything weaker enough that was set aside by somebody who has not shown as much.
        if factor.aside.is_some_and(|aside| aside.counts && tx.now() < aside.until) {
            found.best = found.best.max(factor.kind.evidence().strength());
        }
        if factor.state != FactorState::Active {
            continue;
        }
        found.any_active = true;
        found.best = found.best.max(factor.kind.evidence().strength());
        if is_usable(tx, account, &factor, caller)? {
            found.usable.push(factor.means());
        }
    }
    Ok(found)
}

/// Whether all that answers from anywhere lies on this device.
pub(crate) fn is_alone_on(
    tx: &mut Transaction<'_>,
    account: &Account,
    device: DeviceId,
) -> Result<bool, Error> {
    let usable = means(tx, account, Caller::Stranger)?.usable;
    for means in &usable {
        match Factor::load(tx, FactorId(means.factor), account.id)?.holding {
            Holding::Device(found, _) if found == device => {}
            _ => return Ok(false),
        }
    }
    Ok(!usable.is_empty())
}

fn is_known(tx: &mut Transaction<'_>, account: &Account, device: DeviceId) -> Result<bool, Error> {
    Ok(device::caller_of(tx, account.id, Some(device))? == Caller::Device(device))
}

fn is_usable(
    tx: &mut Transaction<'_>,
    account: &Account,
    factor: &Factor,
    caller: Caller,
) -> Result<bool, Error> {
    match factor.holding {
        Holding::Key(_) | Holding::Public(_) => Ok(true),
        Holding::Contact(id) => {
            Ok(account.contacts.iter().any(|contact| contact.id == id && contact.verified))
        }
        // A device that was blocked, forgotten or not seen for long approves nothing.
        Holding::Device(device, _) => is_known(tx, account, device),
        // A PIN counts on its own device alone.
        Holding::Pin(device, ..) => Ok(caller == Caller::Device(device)),
    }
}

/// The channel that is asked whether a change shall be taken back: of those that can, the one that has counted longest, since what a
/// thief brought in is younger. A client may ask for another that was there before any of them was set aside, or for one in the line of
/// what replaced the first: of the owner's change and a thief's after it, the owner's stands. Where it is a password that was `changed` which
/// asks, what still counts can as well, as though it had been set aside with that.
pub(crate) fn who_takes_back(
    tx: &mut Transaction<'_>,
    account: &Account,
    caller: Caller,
    wanted: Wanted,
    changed: Option<Aside>,
    weakest: u8,
) -> Result<Option<Means>, Error> {
    let now = tx.now();
    let mut waiting = Vec::new();
    // In one second, the one that stands later: what replaces it stands before it.
    for id in account.factors.iter().rev() {
        let factor = Factor::load(tx, *id, account.id)?;
        let aside = match factor.state {
            // It opens a session like a login, and is taken where that would take it.
            FactorState::Active => changed.filter(|_| factor.kind.evidence().strength() >= weakest),
            _ => factor.aside.filter(|aside| now < aside.until),
        };
        // Nobody takes a change back with a PIN, which no other device answers.
        if let Some(aside) = aside
            && factor.kind != FactorKind::Pin
            && is_usable(tx, account, &factor, caller)?
        {
            waiting.push((factor, aside));
        }
    }
    waiting.sort_by_key(|(factor, aside)| (factor.added, aside.at));
    let came_in = |one: &Factor| waiting.iter().any(|(other, aside)| Since::of(other, *aside).has(one.added));
    let mut asked: Vec<Means> = Vec::new();
    asked.extend(waiting.iter().filter(|(one, _)| !came_in(one)).map(|(one, _)| one.means()));
    let mut next = waiting.first();
    for _ in 0..waiting.len() {
        let Some((one, aside)) = next else { break };
        asked.push(one.means());
        next = waiting.iter().find(|(other, _)| other.id == aside.by);
    }
    Ok(asked.into_iter().find(|means| wanted.takes(means)))
}

/// The factors of these kinds that were answered with since then.
pub(crate) fn shown_since(
    tx: &mut Transaction<'_>,
    account: &Account,
    shown: &[Evidence],
    since: UnixTime,
) -> Result<Vec<[u8; 16]>, Error> {
    let mut found = Vec::new();
    for id in &account.factors {
        let factor = Factor::load(tx, *id, account.id)?;
        if shown.contains(&factor.kind.evidence()) && factor.last_used >= since {
            found.push(id.0);
        }
    }
    Ok(found)
}

/// How much a set of evidence withstands at most.
pub(crate) fn strength(shown: &[Evidence]) -> u8 {
    shown.iter().map(|shown| shown.strength()).max().unwrap_or(0)
}

/// Where something is sent that this is answered by: a contact, or a device.
pub(crate) fn target(tx: &mut Transaction<'_>, account: &Account, means: &Means) -> Result<[u8; 16], Error> {
    match means.contact {
        Some(contact) => Ok(contact),
        None => match Factor::load(tx, FactorId(means.factor), account.id)?.holding {
            Holding::Device(device, _) => Ok(device.0),
            _ => Err(CoreError::Refused.into()),
        },
    }
}

/// What whoever answers is told of a factor.
pub(crate) fn method(tx: &mut Transaction<'_>, account: &Account, means: &Means) -> Result<Method, Error> {
    let factor = Factor::load(tx, FactorId(means.factor), account.id)?;
    let contact = means
        .contact
        .and_then(|id| account.contacts.iter().find(|contact| contact.id.0 == id))
        .map(crate::Contact::masked);
    Ok(Method { factor: factor.id, evidence: means.evidence, label: factor.label, hint: contact })
}

impl FactorId {
    pub(crate) fn row(self) -> RowKey {
        RowKey::new(FACTORS, self.0)
    }
}

impl Factor {
    const FORMAT: u8 = 4;

    pub(crate) fn step(&mut self, step: FactorStep) -> Result<(), Error> {
        self.state = self.state.after(step).ok_or(CoreError::Refused)?;
        Ok(())
    }

    pub(crate) fn means(&self) -> Means {
        let contact = match self.holding {
            Holding::Contact(id) => Some(id.0),
            _ => None,
        };
        Means { evidence: self.kind.evidence(), factor: self.id.0, contact }
    }

    /// The factor that an account lists. One whose row is gone locks the account: it does not leave the password alone.
    pub(crate) fn load(tx: &mut Transaction<'_>, id: FactorId, account: AccountId) -> Result<Self, Error> {
        let opened = tx.record(&id.row())?.ok_or(CoreError::Refused)?;
        let factor = Self::decode(&opened.body)?;
        if factor.id == id && factor.account == account { Ok(factor) } else { Err(CoreError::Refused.into()) }
    }

    pub(crate) fn put(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let mut writer = Writer::new();
        writer.u8(Self::FORMAT).raw(&self.id.0).raw(&self.account.0).u8(self.kind as u8);
        writer.u8(match self.state {
            FactorState::Offered => 1,
            FactorState::Active => 2,
            FactorState::SetAside => 3,
            FactorState::Absent | FactorState::Disabled => return Err(CoreError::Refused.into()),
        });
        writer.text(&self.label)?.u64(self.added.0).u64(self.last_used.0);
        writer.u64(self.last_sent.0).u64(self.last_unproved.0);
        let aside = self.aside.map(|aside| (aside.at.0, aside.until.0, aside.by.0, aside.counts));
        let (at, until, by, counts) = aside.unwrap_or_default();
        writer.u64(at).u64(until).raw(&by).u8(u8::from(counts));
        match &self.holding {
            Holding::Key(key) => {
                writer.raw(&key.0);
            }
            Holding::Contact(contact) => {
                writer.raw(&contact.0);
            }
            Holding::Device(device, key) => {
                writer.raw(&device.0).bytes(&key.to_spki_der())?;
            }
            Holding::Pin(device, recipe, hash) => {
                recipe.write(writer.raw(&device.0));
                writer.raw(hash);
            }
            Holding::Public(key) => {
                writer.bytes(&key.to_spki_der())?;
            }
        }
        Ok(tx.put_record(&self.id.row(), &[], writer.as_slice())?)
    }

    fn decode(body: &[u8]) -> Result<Self, CoreError> {
        let mut reader = Reader::new(body);
        let found = reader.u8()?;
        if found != Self::FORMAT {
            return Err(CoreError::Format { found: found.into(), supported: Self::FORMAT.into() });
        }
        let (id, account) = (FactorId(reader.array()?), AccountId(reader.array()?));
        let number = reader.u8()?;
        let kind =
            FactorKind::ALL.into_iter().find(|kind| *kind as u8 == number).ok_or(CoreError::Refused)?;
        let state = match reader.u8()? {
            1 => FactorState::Offered,
            2 => FactorState::Active,
            3 => FactorState::SetAside,
            _ => return Err(CoreError::Refused),
        };
        let label = reader.text()?.into();
        let mut time = || reader.u64().map(UnixTime);
        let (added, last_used, last_sent, last_unproved) = (time()?, time()?, time()?, time()?);
        let (at, until) = (time()?, time()?);
        let (by, counts) = (FactorId(reader.array()?), crate::flag(&mut reader)?);
        let holding = match kind {
            FactorKind::Generator | FactorKind::Token => Holding::Key(KeyId(reader.array()?)),
            FactorKind::Sms | FactorKind::Email => Holding::Contact(ContactId(reader.array()?)),
            FactorKind::Push => Holding::Device(DeviceId(reader.array()?), public_key(reader.bytes()?)?),
            FactorKind::Pin => {
                let device = DeviceId(reader.array()?);
                Holding::Pin(device, PinRecipe::read(&mut reader)?, reader.array()?)
            }
            FactorKind::Certificate => Holding::Public(public_key(reader.bytes()?)?),
        };
        reader.end()?;
        let aside = (state == FactorState::SetAside).then_some(Aside { at, until, by, counts });
        Ok(Self {
            id,
            account,
            kind,
            holding,
            state,
            label,
            added,
            last_used,
            last_sent,
            last_unproved,
            aside,
        })
    }
}

fn public_key(der: &[u8]) -> Result<VerifyingKey, CoreError> {
    VerifyingKey::from_spki_der(der).map_err(|_| CoreError::Refused)
}

/// The kind of factor that a contact of this kind is.
pub(crate) const fn kind_of(contact: ContactKind) -> FactorKind {
    match contact {
        ContactKind::Phone => FactorKind::Sms,
        ContactKind::Email => FactorKind::Email,
    }
}

/// From when on a factor is removed: when that it was replaced cannot be taken back any more.
pub(crate) fn due(body: &[u8], _: &Policy) -> Result<UnixTime, CoreError> {
    Ok(Factor::decode(body)?.aside.map_or(UnixTime(u64::MAX), |aside| aside.until))
}

/// Removes a replaced factor that is due.
pub(crate) fn sweep(tx: &mut Transaction<'_>, row: &RowKey, _: &Policy) -> Result<bool, Error> {
    let id = FactorId(row.key.as_slice().try_into().map_err(|_| CoreError::Refused)?);
    let opened = tx.record(row)?.ok_or(CoreError::Refused)?;
    let factor = Factor::decode(&opened.body)?;
    // An account that cannot be read keeps what it lists.
    let Ok(mut record) = crate::account::load(tx, factor.account) else { return Ok(false) };
    listing::remove(tx, &mut record, id, FactorStep::Sweep, "its time was over")?;
    crate::account::expire(tx, &mut record)?;
    record.put(tx)?;
    Ok(true)
}

/// Forgets what strangers failed at with a factor that is gone.
fn end_budget(tx: &mut Transaction<'_>, id: FactorId) -> Result<(), Error> {
    throttle::end_strangers(tx, id.0)
}
