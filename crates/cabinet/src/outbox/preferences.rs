//! How an account wants to be told (R60): by category, channel and time of day. Security knows no opting out.

use std::collections::BTreeMap;

use zamok_core::event::{Detail, EventKind};
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::{Transaction, personal};
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error as CoreError, UnixTime};

use super::Category;
use crate::Cabinet;
use crate::account::{Account, AccountState};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::session::Session;

/// Sealed preferences, under the id of their account.
const PREFERENCES: Table = Table(66);
const FORMAT: u8 = 1;
const MINUTES: u16 = 24 * 60;

/// Hours of the day in which nothing comes that can wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    from: u16,
    until: u16,
    offset: i16,
}

/// How an account wants to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// The language, as BCP 47 writes it; empty for the service's own.
    pub language: String,
    /// Which channels a category uses: what is not here is as the service has it.
    pub channels: BTreeMap<(Category, Evidence), bool>,
    /// When it is to be quiet.
    pub quiet: Option<Quiet>,
}

impl Quiet {
    /// From a minute of the day to another, which may be on the next day, by a clock that is `offset` minutes ahead of UTC.
    /// `None` for minutes that no day has, an empty span, or an offset beyond 14 hours.
    #[must_use]
    pub const fn new(from: u16, until: u16, offset: i16) -> Option<Self> {
        let fits = from < MINUTES && until < MINUTES && from != until && offset.unsigned_abs() <= 14 * 60;
        if fits { Some(Self { from, until, offset }) } else { None }
    }

    /// The minutes of the day from and until which it is quiet, and by how many the clock is ahead of UTC: what [`Quiet::new`] took.
    #[must_use]
    pub const fn minutes(self) -> (u16, u16, i16) {
        (self.from, self.until, self.offset)
    }

    /// When the quiet hours end that this time is in; `None` outside of them.
    pub(super) fn over(self, now: UnixTime) -> Option<UnixTime> {
        let day = u64::from(MINUTES) * 60;
        // A day is added, so that an offset to the west does not go below zero.
        let local = (now.0 + day).checked_add_signed(i64::from(self.offset) * 60)?;
        let second = local % day;
        let (from, until) = (u64::from(self.from) * 60, u64::from(self.until) * 60);
        let inside =
            if from < until { (from..until).contains(&second) } else { second >= from || second < until };
        inside.then(|| now.plus((until + day - second) % day))
    }
}

impl Preferences {
    /// Whether a channel may be used for a category.
    #[must_use]
    pub fn allows(&self, category: Category, channel: Evidence) -> bool {
        category == Category::Security || self.channels.get(&(category, channel)) != Some(&false)
    }

    /// Whether a channel was asked for, for a category.
    #[must_use]
    pub fn wants(&self, category: Category, channel: Evidence) -> bool {
        self.channels.get(&(category, channel)) == Some(&true)
    }

    fn check(&self) -> Result<(), Error> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let channels = [Evidence::Sms, Evidence::Email, Evidence::Push];
        let usable = self.language.len() <= 35
            && self.language.bytes().all(plain)
            && self.channels.iter().all(|((category, channel), on)| {
                channels.contains(channel) && (*on || *category != Category::Security)
            });
        if usable { Ok(()) } else { Err(Error::PreferencesUnusable) }
    }

    pub(super) fn write(&self) -> Result<Writer, CoreError> {
        let mut writer = Writer::new();
        writer.text(&self.language)?;
        match self.quiet {
            None => writer.u8(0),
            Some(quiet) => writer.u8(1).u16(quiet.from).u16(quiet.until).raw(&quiet.offset.to_be_bytes()),
        };
        writer.u16(u16::try_from(self.channels.len()).map_err(|_| CoreError::Refused)?);
        for ((category, channel), on) in &self.channels {
            writer.u8(*category as u8).u8(*channel as u8).u8(u8::from(*on));
        }
        Ok(writer)
    }

    pub(super) fn read(body: &[u8]) -> Result<Self, CoreError> {
        let mut reader = Reader::new(body);
        let language = reader.text()?.into();
        let quiet = if crate::flag(&mut reader)? {
            let (from, until) = (reader.u16()?, reader.u16()?);
            Some(Quiet::new(from, until, i16::from_be_bytes(reader.array()?)).ok_or(CoreError::Refused)?)
        } else {
            None
        };
        let channels = (0..reader.u16()?)
            .map(|_| {
                let (category, channel) = (reader.u8()?, reader.u8()?);
                let place = (Category::from_number(category)?, Evidence::from_number(channel)?);
                Ok((place, crate::flag(&mut reader)?))
            })
            .collect::<Result<_, CoreError>>()?;
        reader.end()?;
        Ok(Self { language, channels, quiet })
    }
}

fn row(account: &Account) -> RowKey {
    RowKey::new(PREFERENCES, account.id.0)
}

pub(super) fn load(tx: &mut Transaction<'_>, account: &Account) -> Result<Preferences, Error> {
    if account.state == AccountState::Erased {
        return Ok(Preferences::default());
    }
    let Some(opened) = tx.record(&row(account))? else { return Ok(Preferences::default()) };
    let mut reader = Reader::new(&opened.body);
    let found = reader.u8()?;
    if found != FORMAT {
        return Err(CoreError::Format { found: found.into(), supported: FORMAT.into() }.into());
    }
    let sealed = reader.bytes()?.to_vec();
    reader.end()?;
    let place = [&b"preferences"[..], &account.id.0].concat();
    let plain = personal::open(tx, account.subject, &place, &sealed)?.ok_or(CoreError::Refused)?;
    Ok(Preferences::read(&plain)?)
}

impl Cabinet {
    /// How the account of a live session wants to be told.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; the vault's and the store's.
    pub fn preferences(&self, session: &Session) -> Result<Preferences, Error> {
        self.vault.transact(|tx| {
            let account = self.owner(tx, session)?;
            load(tx, &account)
        })
    }

    /// Changes how the account of a live session wants to be told; journalled.
    ///
    /// # Errors
    /// [`Error::PreferencesUnusable`]: a language that is no tag, a channel that nothing is sent by, or security turned off;
    /// [`Error::SessionEnded`]; the vault's and the store's.
    pub fn set_preferences(&self, session: &Session, preferences: &Preferences) -> Result<(), Error> {
        preferences.check()?;
        self.vault.transact(|tx| {
            let account = self.owner(tx, session)?;
            put(tx, &account, preferences)
        })
    }

    /// The same for whoever changes a part: `change` is given what there is when it is written, and again where somebody else was
    /// faster, so that of two who change different parts at once neither undoes the other.
    ///
    /// # Errors
    /// As [`Cabinet::set_preferences`].
    pub fn change_preferences(
        &self,
        session: &Session,
        mut change: impl FnMut(&mut Preferences),
    ) -> Result<(), Error> {
        self.vault.transact(|tx| {
            let account = self.owner(tx, session)?;
            let mut preferences = load(tx, &account)?;
            change(&mut preferences);
            preferences.check()?;
            put(tx, &account, &preferences)
        })
    }
}

fn put(tx: &mut Transaction<'_>, account: &Account, preferences: &Preferences) -> Result<(), Error> {
    let place = [&b"preferences"[..], &account.id.0].concat();
    let sealed = personal::seal(tx, account.subject, &place, preferences.write()?.as_slice())?;
    let mut writer = Writer::new();
    writer.u8(FORMAT).bytes(&sealed)?;
    tx.put_record(&row(account), &[], writer.as_slice())?;
    tx.event(EventKind::PreferencesChanged, Some(account.subject), &row(account), &Detail::new())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_end_where_the_owner_lives() {
        // 2027-01-15 08:00:00 UTC; Moscow is three hours ahead, so it is 11:00 there.
        let now = UnixTime(1_800_000_000);
        let night = |offset| Quiet::new(22 * 60, 8 * 60, offset).unwrap();
        assert_eq!(night(180).over(now), None);
        assert_eq!(night(0).over(now), None, "it is eight o'clock sharp");
        assert_eq!(night(0).over(UnixTime(now.0 - 1)), Some(now));
        assert_eq!(night(-60).over(now), Some(now.plus(3600)));
        // Vladivostok: 18:00; four hours until it is quiet, and ten hours of it.
        assert_eq!(night(600).over(now.plus(4 * 3600)), Some(now.plus(14 * 3600)));
        let noon = Quiet::new(12 * 60, 13 * 60, 0).unwrap();
        assert_eq!(noon.over(now), None);
        assert_eq!(noon.over(now.plus(4 * 3600)), Some(now.plus(5 * 3600)));
        assert_eq!(Quiet::new(0, 0, 0), None);
        assert_eq!(Quiet::new(0, 1440, 0), None);
        assert_eq!(Quiet::new(0, 1, 841), None);
        assert!(Quiet::new(0, 1, -840).unwrap().over(UnixTime(0)).is_none());
    }

    #[test]
    fn security_cannot_be_turned_off() {
        let mut preferences = Preferences::default();
        preferences.channels.insert((Category::News, Evidence::Email), false);
        assert_eq!(preferences.check(), Ok(()));
        assert!(!preferences.allows(Category::News, Evidence::Email));
        assert_eq!(Preferences::read(preferences.write().unwrap().as_slice()), Ok(preferences.clone()));
        preferences.channels.insert((Category::Security, Evidence::Sms), false);
        assert_eq!(preferences.check(), Err(Error::PreferencesUnusable));
        assert!(preferences.allows(Category::Security, Evidence::Sms));
    }
}
