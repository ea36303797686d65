//! The sealed record of an account. What names a person is sealed once more, under the person's own key, so that erasing that
//! key erases it (R27).

use std::collections::BTreeMap;

use zamok_core::event::Subject;
use zamok_core::store::Store;
use zamok_core::vault::{KeyId, Keyring, Transaction, personal};
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error as CoreError, UnixTime};

use super::contact::Contact;
use super::power::PowerId;
use super::rights::{Limits, Roles};
use super::{Account, AccountId, AccountState, AccountStep};
use crate::error::Error;
use crate::factor::FactorId;
use crate::machine::Machine;
use crate::password::PasswordHash;

/// An account with its password: what the sealed record holds.
pub(crate) struct AccountRecord {
    pub(crate) account: Account,
    pub(crate) password: PasswordHash,
    pub(crate) password_changed: UnixTime,
    /// That the password has to be changed: it was put back, and somebody else has known it.
    pub(crate) password_due: bool,
    pub(crate) former: Option<Former>,
    /// Whether a factor of it has ever counted: from then on the password alone leads to no enrolment.
    pub(crate) enrolled: bool,
    /// Until when an officer lets it lead to one all the same.
    pub(crate) leave: Option<UnixTime>,
}

/// The passwords before the present one, for a while: with them a channel takes changes back (R9), and they open nothing else.
pub(crate) struct Former {
    /// The first two: what a thief makes comes later, however often he changes it.
    pub(crate) passwords: Vec<Earlier>,
    /// Until when. A change of the password begins the while anew, and it lasts as long as what was set aside meanwhile takes that back.
    pub(crate) until: UnixTime,
}

/// A password of before.
pub(crate) struct Earlier {
    pub(crate) password: PasswordHash,
    /// When another took its place.
    pub(crate) changed: UnixTime,
}

impl Former {
    /// How many there are at most.
    pub(crate) const MOST: usize = 2;

    fn write(former: Option<&Self>, writer: &mut Writer) -> Result<(), CoreError> {
        writer.u64(former.map_or(0, |former| former.until.0));
        let Some(former) = former else { return Ok(()) };
        writer.u8(u8::try_from(former.passwords.len()).map_err(|_| CoreError::Refused)?);
        for earlier in &former.passwords {
            earlier.password.write(writer)?;
            writer.u64(earlier.changed.0);
        }
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, CoreError> {
        let until = UnixTime(reader.u64()?);
        if until == UnixTime(0) {
            return Ok(None);
        }
        let count = usize::from(reader.u8()?);
        if !(1..=Self::MOST).contains(&count) {
            return Err(CoreError::Refused);
        }
        let mut read =
            || Ok(Earlier { password: PasswordHash::read(reader)?, changed: UnixTime(reader.u64()?) });
        let passwords = (0..count).map(|_| read()).collect::<Result<_, CoreError>>()?;
        Ok(Some(Self { passwords, until }))
    }
}

const FORMAT: u8 = 4;
/// Factors, powers, contacts and attributes together stay far below what a row may hold.
const IDS: usize = 16;

impl AccountRecord {
    pub(crate) const fn new(account: Account, password: PasswordHash, password_changed: UnixTime) -> Self {
        let (password_due, former, enrolled, leave) = (false, None, false, None);
        Self { account, password, password_changed, password_due, former, enrolled, leave }
    }

    /// Moves the account on, where its table has such a step.
    pub(crate) fn take(&mut self, step: AccountStep) -> Result<(), Error> {
        self.account.state = self.account.state.after(step).ok_or(Error::AccountState)?;
        Ok(())
    }

    /// Whether this is the password, and the account is one that can be logged in to.
    pub(crate) fn admits(&self, typed: &PasswordHash) -> bool {
        self.password.matches(typed) & (self.account.state == AccountState::Open)
    }

    /// Which password of before this is, of those that still ask a channel: hashed as each of them is.
    pub(crate) fn admits_former(&self, typed: &[PasswordHash], now: UnixTime) -> Option<usize> {
        let live = self.former(now).map_or(&[][..], |former| &former.passwords);
        let mut found = None;
        for (place, (earlier, typed)) in live.iter().zip(typed).enumerate() {
            if earlier.password.matches(typed) & (self.account.state == AccountState::Open) & found.is_none()
            {
                found = Some(place);
            }
        }
        found
    }

    /// The passwords of before, while they still ask a channel.
    pub(crate) fn former(&self, now: UnixTime) -> Option<&Former> {
        self.former.as_ref().filter(|former| now < former.until)
    }

    /// The present password becomes one of before, for so many seconds.
    pub(crate) fn keep_password(&mut self, now: UnixTime, span: u64) {
        let live = self.former.take().filter(|former| now < former.until);
        let mut former = live.unwrap_or(Former { passwords: Vec::new(), until: now });
        former.until = former.until.max(now.plus(span));
        if former.passwords.len() < Former::MOST {
            former.passwords.push(Earlier { password: self.password.again(), changed: now });
        }
        self.former = Some(former);
    }

    /// Something was set aside, until when it can take that back: the passwords that can ask it do for as long.
    pub(crate) fn keep_former(&mut self, at: UnixTime, until: UnixTime) {
        if let Some(former) = self.former.as_mut().filter(|former| at < former.until) {
            former.until = former.until.max(until);
        }
    }

    /// Takes a password of before, which has asked: those before it stay, and those after it were never its owner's.
    pub(crate) fn take_former(&mut self, place: usize, now: UnixTime) -> Option<Earlier> {
        let former = self.former.as_mut().filter(|former| now < former.until)?;
        let earlier = former.passwords.drain(place.min(former.passwords.len())..).next();
        if former.passwords.is_empty() {
            self.former = None;
        }
        earlier
    }

    pub(crate) fn put(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let account = &self.account;
        let mut writer = Writer::new();
        writer.u8(FORMAT).raw(&account.id.0).raw(&account.subject.0).u8(number(account.state)?);
        writer.u64(account.registered.0).u64(account.epoch).raw(&account.document_key.0);
        self.password.write(&mut writer)?;
        writer.u64(self.password_changed.0).u8(u8::from(self.password_due));
        Former::write(self.former.as_ref(), &mut writer)?;
        writer.u8(account.roles.bits());
        let former = self.former.as_ref().map(|former| former.until);
        let leaving = account.contacts.iter().filter_map(|contact| contact.until).chain(former).min();
        writer.u64(leaving.map_or(0, |until| until.0));
        writer.u8(u8::from(self.enrolled)).u64(self.leave.map_or(0, |until| until.0));
        account.limits.write(&mut writer)?;
        writer.bytes(&account.factors.iter().flat_map(|factor| factor.0).collect::<Vec<_>>())?;
        writer.bytes(&account.powers.iter().flat_map(|power| power.0).collect::<Vec<_>>())?;
        let personal = match account.state {
            AccountState::Erased => Vec::new(),
            _ => personal::seal(tx, account.subject, &account.id.0, named(account)?.as_slice())?,
        };
        writer.bytes(&personal)?;
        Ok(tx.put_record(&account.id.row(), &[], writer.as_slice())?)
    }
}

/// What names the person.
fn named(account: &Account) -> Result<Writer, Error> {
    let mut writer = Writer::new();
    writer.text(&account.login)?;
    let count = |length: usize| u16::try_from(length).map_err(|_| CoreError::Refused);
    writer.u16(count(account.contacts.len())?);
    for contact in &account.contacts {
        contact.write(&mut writer)?;
    }
    writer.u16(count(account.attributes.len())?);
    for (name, value) in &account.attributes {
        writer.text(name)?.text(value)?;
    }
    Ok(writer)
}

pub(crate) fn load(tx: &mut Transaction<'_>, id: AccountId) -> Result<AccountRecord, Error> {
    // An account whose record is missing is locked, not new.
    let opened = tx.record(&id.row())?.ok_or(CoreError::Refused)?;
    let (mut record, _, sealed) = decode(&opened.body)?;
    if record.account.id != id {
        return Err(CoreError::Refused.into());
    }
    if record.account.state != AccountState::Erased {
        // A key that is gone although nobody was erased was taken away: that locks.
        let plain = personal::open(tx, record.account.subject, &id.0, &sealed)?.ok_or(CoreError::Refused)?;
        name(&mut record.account, &plain)?;
    }
    Ok(record)
}

/// What a record's body says, outside of any transaction: for audits.
pub(super) fn read(store: &dyn Store, keyring: &Keyring, body: &[u8]) -> Result<Account, CoreError> {
    let (AccountRecord { mut account, .. }, _, sealed) = decode(body)?;
    if account.state != AccountState::Erased {
        let plain = personal::read(store, keyring, account.subject, &account.id.0, &sealed)?;
        name(&mut account, &plain.ok_or(CoreError::Refused)?)?;
    }
    Ok(account)
}

/// When the first goes that is on its way out: a contact, or the passwords of before.
pub(super) fn leaving(body: &[u8]) -> Result<Option<UnixTime>, CoreError> {
    let (_, leaving, _) = decode(body)?;
    Ok(leaving)
}

/// The pseudonym of an account that was erased.
pub(crate) fn erased(body: &[u8]) -> Result<Option<Subject>, CoreError> {
    let (record, _, _) = decode(body)?;
    Ok((record.account.state == AccountState::Erased).then_some(record.account.subject))
}

/// All but what names the person, when its first contact goes, and that, sealed.
pub(super) fn decode(body: &[u8]) -> Result<(AccountRecord, Option<UnixTime>, Vec<u8>), CoreError> {
    let mut reader = Reader::new(body);
    let found = reader.u8()?;
    if found != FORMAT {
        return Err(CoreError::Format { found: found.into(), supported: FORMAT.into() });
    }
    let id = AccountId(reader.array()?);
    let subject = Subject(reader.array()?);
    let state = state(reader.u8()?)?;
    let registered = UnixTime(reader.u64()?);
    let epoch = reader.u64()?;
    let document_key = KeyId(reader.array()?);
    let password = PasswordHash::read(&mut reader)?;
    let (password_changed, password_due) = (UnixTime(reader.u64()?), crate::flag(&mut reader)?);
    let former = Former::read(&mut reader)?;
    let roles = Roles::from_bits(reader.u8()?)?;
    let time = |seconds: u64| Some(UnixTime(seconds)).filter(|time| *time > UnixTime(0));
    let leaving = time(reader.u64()?);
    let (enrolled, leave) = (crate::flag(&mut reader)?, time(reader.u64()?));
    let limits = Limits::read(&mut reader)?;
    let factors = ids(reader.bytes()?)?.map(FactorId).collect();
    let powers = ids(reader.bytes()?)?.map(PowerId).collect();
    let sealed = reader.bytes()?.to_vec();
    reader.end()?;
    let (login, contacts, attributes) = (String::new(), Vec::new(), BTreeMap::new());
    let account = Account {
        id,
        subject,
        state,
        login,
        registered,
        epoch,
        document_key,
        roles,
        limits,
        contacts,
        attributes,
        factors,
        powers,
    };
    let record = AccountRecord { account, password, password_changed, password_due, former, enrolled, leave };
    Ok((record, leaving, sealed))
}

pub(super) fn name(account: &mut Account, plain: &[u8]) -> Result<(), CoreError> {
    let mut reader = Reader::new(plain);
    account.login = reader.text()?.into();
    account.contacts = (0..reader.u16()?).map(|_| Contact::read(&mut reader)).collect::<Result<_, _>>()?;
    account.attributes = (0..reader.u16()?)
        .map(|_| Ok((reader.text()?.into(), reader.text()?.into())))
        .collect::<Result<_, CoreError>>()?;
    reader.end()
}

fn ids(bytes: &[u8]) -> Result<impl Iterator<Item = [u8; IDS]>, CoreError> {
    let (ids, rest) = bytes.as_chunks::<IDS>();
    if rest.is_empty() { Ok(ids.iter().copied()) } else { Err(CoreError::Refused) }
}

fn number(state: AccountState) -> Result<u8, Error> {
    match state {
        AccountState::Absent => Err(Error::AccountState),
        AccountState::Open => Ok(1),
        AccountState::Suspended => Ok(2),
        AccountState::Erased => Ok(3),
    }
}

fn state(number: u8) -> Result<AccountState, CoreError> {
    match number {
        1 => Ok(AccountState::Open),
        2 => Ok(AccountState::Suspended),
        3 => Ok(AccountState::Erased),
        _ => Err(CoreError::Refused),
    }
}
