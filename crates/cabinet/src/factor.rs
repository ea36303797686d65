//! Second factors (R9, R10): enrolled with a test code that cannot be used again (R12), several of one kind, each with its own
//! counters, label and last use. Here: what is stored of one, and which of them can answer; beside it each kind, enrolment,
//! change, and the list of what an account has.

mod change;
mod channel;
mod check;
mod device_key;
mod enrolment;
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
use crate::challenge::{Means, Method};
use crate::device::{self, DeviceId};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::machine::Machine;
use crate::policy::Policy;
use crate::throttle::{self, Caller};

pub use self::change::Change;
pub(crate) use self::change::factor_of;
pub(crate) use self::check::{Attempt, Checked, Typed};
pub use self::device_key::DeviceAnswer;
pub use self::generator::Offer;
pub(crate) use self::listing::FactorStep;
pub use self::listing::{FactorInfo, FactorState};
pub(crate) use self::listing::{remove_again, remove_all};
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

/// That a factor was replaced, or dropped: until when that can be taken back, and by which; by none, zeros.
#[derive(Clone, Copy)]
pub(crate) struct Aside {
    pub(crate) until: UnixTime,
    pub(crate) by: FactorId,
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
    /// When something was last sent to it; 0 for never.
    pub(crate) last_sent: UnixTime,
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
        if factor.state != FactorState::Active {
            continue;
        }
        found.any_active = true;
        found.best = found.best.max(factor.kind.evidence().strength());
        let usable = match factor.holding {
            Holding::Key(_) | Holding::Public(_) => true,
            Holding::Contact(id) => {
                account.contacts.iter().any(|contact| contact.id == id && contact.verified)
            }
            // A device that was blocked, forgotten or not seen for long approves nothing.
            Holding::Device(device, _) => is_known(tx, account, device)?,
            // A PIN counts on its own device alone.
            Holding::Pin(device, ..) => caller == Caller::Device(device),
        };
        if usable {
            found.usable.push(factor.means());
        }
    }
    Ok(found)
}

fn is_known(tx: &mut Transaction<'_>, account: &Account, device: DeviceId) -> Result<bool, Error> {
    Ok(device::caller_of(tx, account.id, Some(device))? == Caller::Device(device))
}

/// The channel that can take back that it was replaced: of several the one that was replaced first, since what came in between may be
/// a thief's.
pub(crate) fn set_aside(tx: &mut Transaction<'_>, account: &Account) -> Result<Option<Means>, Error> {
    let now = tx.now();
    let mut first: Option<(UnixTime, Means)> = None;
    // In one second, the one that stands later: what replaces it stands before it.
    for id in account.factors.iter().rev() {
        let factor = Factor::load(tx, *id, account.id)?;
        if let Some(aside) = factor.aside
            && now < aside.until
            && first.is_none_or(|(until, _)| aside.until < until)
        {
            first = Some((aside.until, factor.means()));
        }
    }
    Ok(first.map(|(_, means)| means))
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

/// When something was last sent for a factor; 0 for never, and for a contact that is none.
pub(crate) fn last_sent(
    tx: &mut Transaction<'_>,
    account: &Account,
    means: &Means,
) -> Result<UnixTime, Error> {
    if means.factor == [0; 16] {
        return Ok(UnixTime(0));
    }
    Ok(Factor::load(tx, FactorId(means.factor), account.id)?.last_sent)
}

/// Notes that something is sent for a factor now.
pub(crate) fn note_sending(tx: &mut Transaction<'_>, account: &Account, means: &Means) -> Result<(), Error> {
    if means.factor == [0; 16] {
        return Ok(());
    }
    let mut factor = Factor::load(tx, FactorId(means.factor), account.id)?;
    factor.last_sent = tx.now();
    factor.put(tx)
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
    const FORMAT: u8 = 2;

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
        writer.text(&self.label)?.u64(self.added.0).u64(self.last_used.0).u64(self.last_sent.0);
        let (until, by) = self.aside.map_or((0, [0; 16]), |aside| (aside.until.0, aside.by.0));
        writer.u64(until).raw(&by);
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
        let [added, last_used, last_sent, until] =
            [reader.u64()?, reader.u64()?, reader.u64()?, reader.u64()?].map(UnixTime);
        let by = FactorId(reader.array()?);
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
        let aside = (state == FactorState::SetAside).then_some(Aside { until, by });
        Ok(Self { id, account, kind, holding, state, label, added, last_used, last_sent, aside })
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
    record.put(tx)?;
    Ok(true)
}

/// Forgets what strangers failed at with a factor that is gone.
fn end_budget(tx: &mut Transaction<'_>, id: FactorId) -> Result<(), Error> {
    throttle::end_strangers(tx, id.0)
}
