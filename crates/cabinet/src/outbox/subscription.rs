//! Push subscriptions of known devices (RFC 8030, 8291): where a device is reached, and what is sealed for it with.

use zamok_core::Error as CoreError;
use zamok_core::event::{Detail, EventKind};
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::{Transaction, personal};
use zamok_core::wire::{Reader, Writer};
use zeroize::Zeroizing;

use super::lease::{Address, Lease};
use crate::Cabinet;
use crate::account::{self, Account, AccountState};
use crate::device::{self, DeviceId};
use crate::error::Error;
use crate::session::{self, Session};

/// Sealed subscriptions, under the id of their device.
const SUBSCRIPTIONS: Table = Table(67);
const FORMAT: u8 = 2;

/// What a device has subscribed with: what its browser gives as a `PushSubscription`.
#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    endpoint: String,
    key: [u8; 65],
    auth: Zeroizing<[u8; 16]>,
}

impl core::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Subscription(redacted)")
    }
}

impl Subscription {
    /// Longest endpoint, in bytes.
    pub const LONGEST: usize = 2048;

    /// A subscription: an `https` URL, the device's P-256 key as an uncompressed point, and its authentication secret
    /// (RFC 8291 §2).
    ///
    /// # Errors
    /// [`Error::SubscriptionUnusable`].
    pub fn new(endpoint: &str, key: &[u8], auth: &[u8]) -> Result<Self, Error> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
        let host = endpoint.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next());
        let usable = endpoint.len() <= Self::LONGEST
            && endpoint.bytes().all(plain)
            // Whoever puts a name before an @ wants another host to be read.
            && host.is_some_and(|host| !host.is_empty() && !host.contains('@'));
        match (usable, key.try_into(), auth.try_into()) {
            // SEC 1 §2.3.3: an uncompressed point begins with 4.
            (true, Ok(key), Ok(auth)) if key_form(&key) == 4 => {
                Ok(Self { endpoint: endpoint.into(), key, auth: Zeroizing::new(auth) })
            }
            _ => Err(Error::SubscriptionUnusable),
        }
    }

    /// Where the push service takes messages for it.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Its public key, as an uncompressed point.
    #[must_use]
    pub const fn key(&self) -> &[u8; 65] {
        &self.key
    }

    /// Its authentication secret, for sealing what is sent to it: whoever has it, the key and the endpoint can write to the
    /// device, and read nothing.
    #[must_use]
    pub fn auth(&self) -> &[u8; 16] {
        &self.auth
    }
}

const fn key_form(key: &[u8; 65]) -> u8 {
    key[0]
}

pub(super) fn row(device: [u8; 16]) -> RowKey {
    RowKey::new(SUBSCRIPTIONS, device)
}

/// What is kept of the subscription of a device: the row stays for as long as the device is known.
pub(super) struct Kept {
    /// Whether it was ended in a session: another is then as good as one in its place.
    ended: bool,
    /// The subscription, under its owner's key; nothing where there is none any more.
    sealed: Vec<u8>,
}

impl Kept {
    pub(super) fn load(tx: &mut Transaction<'_>, device: DeviceId) -> Result<Option<Self>, Error> {
        let Some(opened) = tx.record(&row(device.0))? else { return Ok(None) };
        let mut reader = Reader::new(&opened.body);
        let found = reader.u8()?;
        if found != FORMAT {
            return Err(CoreError::Format { found: found.into(), supported: FORMAT.into() }.into());
        }
        let (ended, sealed) = (crate::flag(&mut reader)?, reader.bytes()?.to_vec());
        reader.end()?;
        Ok(Some(Self { ended, sealed }))
    }

    pub(super) fn put(&self, tx: &mut Transaction<'_>, device: DeviceId) -> Result<(), Error> {
        let mut writer = Writer::new();
        writer.u8(FORMAT).u8(u8::from(self.ended)).bytes(&self.sealed)?;
        Ok(tx.put_record(&row(device.0), &[], writer.as_slice())?)
    }
}

/// The subscription of a device that is the account's, known, and not blocked.
pub(super) fn load(
    tx: &mut Transaction<'_>,
    account: &Account,
    id: [u8; 16],
) -> Result<Option<Subscription>, Error> {
    let known = device::is_known(tx, DeviceId(id), account.id)?;
    if !known || account.state == AccountState::Erased {
        return Ok(None);
    }
    let Some(Kept { sealed, .. }) = Kept::load(tx, DeviceId(id))?.filter(|kept| !kept.sealed.is_empty())
    else {
        return Ok(None);
    };
    let plain = personal::open(tx, account.subject, &id, &sealed)?.ok_or(CoreError::Refused)?;
    let mut reader = Reader::new(&plain);
    let subscription = Subscription {
        endpoint: reader.text()?.into(),
        key: reader.array()?,
        auth: Zeroizing::new(reader.array()?),
    };
    reader.end()?;
    Ok(Some(subscription))
}

impl Cabinet {
    /// Has messages pushed to the device of this session from now on. Another subscription of it is replaced in a session that is fresh,
    /// and so is one that a session has ended: what outlasts a session, and says nothing of itself, is not given to whoever has an old one.
    /// The same again changes nothing, and where the push service knows the last one no more, nothing is replaced.
    ///
    /// # Errors
    /// [`Error::DeviceUnknown`] when the session is not one of a known device; [`Error::FreshAuthenticationNeeded`] and
    /// [`Error::MethodTooWeak`] where another subscription is replaced, or was ended in a session; [`Error::SessionEnded`]; the vault's and the
    /// store's.
    pub fn subscribe(&self, session: &Session, subscription: &Subscription) -> Result<(), Error> {
        self.vault.transact(|tx| {
            let live = session::live(tx, session.seen(), &self.policy.session)?;
            let account = self.owner(tx, session)?;
            let device = live.device.ok_or(Error::DeviceUnknown)?;
            if !device::is_known(tx, device, account.id)? {
                return Err(Error::DeviceUnknown);
            }
            match load(tx, &account, device.0)? {
                Some(known) if known == *subscription => return Ok(()),
                Some(_) => drop(self.fresh_owner(tx, session)?),
                None if Kept::load(tx, device)?.is_some_and(|kept| kept.ended) => {
                    drop(self.fresh_owner(tx, session)?);
                }
                None => {}
            }
            let mut plain = Writer::new();
            plain.text(&subscription.endpoint)?.raw(&subscription.key).raw(&*subscription.auth);
            let sealed = personal::seal(tx, account.subject, &device.0, plain.as_slice())?;
            Kept { ended: false, sealed }.put(tx, device)?;
            let detail = Detail::new().with("device", device.to_string());
            tx.event(EventKind::PushSubscribed, Some(account.subject), &row(device.0), &detail)?;
            Ok(())
        })
    }

    /// Pushes nothing more to the device of this session, which subscribes again in a session that is fresh. Twice is no error.
    ///
    /// # Errors
    /// As [`Cabinet::subscribe`].
    pub fn unsubscribe(&self, session: &Session) -> Result<(), Error> {
        self.vault.transact(|tx| {
            let live = session::live(tx, session.seen(), &self.policy.session)?;
            self.owner(tx, session)?;
            // As it stands now: it may have become known after the caller last looked at the session.
            forget(tx, live.device.ok_or(Error::DeviceUnknown)?, true)
        })
    }

    /// Forgets the subscription that a message was leased with, since its push service does not know it any more: the device
    /// subscribes again in any session of it. Answers whether it has none now: it may have subscribed anew meanwhile, and that
    /// stays.
    ///
    /// # Errors
    /// The vault's and the store's.
    pub fn forget_subscription(&self, lease: &Lease) -> Result<bool, Error> {
        let (Address::Push(gone), Some((device, _))) = (&lease.address, lease.message.recipient.contact)
        else {
            return Ok(true);
        };
        self.vault.transact(|tx| {
            let account = account::load(tx, lease.message.recipient.account)?.account;
            match load(tx, &account, device)? {
                Some(stored) if stored != *gone => Ok(false),
                Some(_) => forget(tx, DeviceId(device), false).map(|()| true),
                None => Ok(true),
            }
        })
    }
}

/// A device may subscribe again: its row stays, with nothing in it but whether a session has `ended` it. What has nothing in it stays as
/// it is, whoever comes second.
fn forget(tx: &mut Transaction<'_>, device: DeviceId, ended: bool) -> Result<(), Error> {
    match Kept::load(tx, device)? {
        Some(kept) if !kept.sealed.is_empty() => Kept { ended, sealed: Vec::new() }.put(tx, device),
        _ => Ok(()),
    }
}

/// The device is gone, and its id never comes again.
pub(crate) fn remove(tx: &mut Transaction<'_>, device: DeviceId) -> Result<(), Error> {
    if tx.record(&row(device.0))?.is_some() {
        tx.delete(&row(device.0))?;
    }
    Ok(())
}
