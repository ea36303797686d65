//! Moving house: a vault goes into another store, and the one that it leaves is retired (`CRYPTO.md` §5).

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use zamok_core::Error;
use zamok_core::error::BackupFault;
use zamok_core::event::{Detail, EventKind, Leaf};
use zamok_core::store::{Range, RowKey, Store};
use zamok_core::vault::backup::{Digest, Item};
use zamok_core::vault::doors::Heritage;
use zamok_core::vault::relocation::{FORMER_DETAILS, FormerLog, Relocation};
use zamok_core::vault::slot::Key32;
use zamok_core::vault::{DataKeyId, Entry, Keyring, Role, Transaction};
use zamok_core::wire::{Reader, Writer};
use zamok_journal::LEAVES;

use super::export::{Waiting, export, log, rows};
use super::import::{Filled, Import, Trust, place};
use super::restore::is_empty;
use crate::credential::Credential;
use crate::passphrase::Passphrase;
use crate::secret_key::SecretKey;
use crate::vault::{Freshness, Options, Vault};

/// No move waits longer for others to learn of it.
const LONGEST_SETTLING: Duration = Duration::from_secs(86_400);

/// What a move came to.
#[derive(Debug)]
pub struct Moved {
    /// The vault in its new store, open.
    pub vault: Vault,
    /// Items that were compared with their copies at the end.
    pub compared: u64,
    /// SHA-256 over everything that was moved.
    pub digest: [u8; 32],
    /// Items of an earlier attempt that were not copied again.
    pub resumed: u64,
}

/// How far a move has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many items were counted in the store that is left.
    Counted(u64),
    /// So many were copied.
    Copied(u64),
    /// So many were compared with their copies.
    Compared(u64),
}

/// What opens the doors of a vault that moves, in the store that is left and in the new one.
#[derive(Clone, Copy, Debug)]
pub struct Holders<'a> {
    /// Opens a slot of the officer's.
    pub officer: Credential<'a>,
    /// Opens a slot of the user's.
    pub user: Credential<'a>,
}

/// One secret, for a vault of which it opens both.
impl<'a> From<Credential<'a>> for Holders<'a> {
    fn from(secret: Credential<'a>) -> Self {
        Self { officer: secret, user: secret }
    }
}

impl<'a> From<&'a Passphrase> for Holders<'a> {
    fn from(passphrase: &'a Passphrase) -> Self {
        Credential::from(passphrase).into()
    }
}

impl<'a> From<&'a SecretKey> for Holders<'a> {
    fn from(key: &'a SecretKey) -> Self {
        Credential::from(key).into()
    }
}

/// What was counted before anything is copied.
struct Inventory {
    digest: [u8; 32],
    index: Vec<(DataKeyId, Box<Key32>)>,
}

impl Vault {
    /// Moves a vault into an empty store, whose URL the old one will name, and opens it there as its user. That is the officer's
    /// to decide: the new store gets a slot for the officer and one for the user, and each has shown in the old one that it is
    /// theirs. One secret does where it opens slots of both roles. Other slots are made anew.
    ///
    /// The old store opens for nobody once the new one was found empty, and whoever has it open is locked out within a minute.
    /// When everything was copied, and all have had the time to learn of it ([`Options::settling`]), both are read again and
    /// compared; a difference, such as what a process that had the vault open wrote meanwhile, ends the move before the
    /// new store opens. An attempt that did not come to its end goes on, in the same store by whatever URL, or in another
    /// that is empty, into which comes what was written since: what the first one holds then opens for nobody. Of two that are
    /// under way into the same store one goes on, and the other ends in [`Error::Busy`].
    ///
    /// # Errors
    /// [`Error::Rejected`] and [`Error::SlotMethod`] unless the secrets open a slot of the officer's and one of the user's;
    /// [`BackupFault::Changed`]; [`BackupFault::Moved`] for a vault that has left before; [`BackupFault::NotEmpty`], and then the
    /// old store is as it was; [`Error::Refused`] when a row fails its authentication; as [`Vault::unlock`] and
    /// [`Vault::create`]; a store's fault.
    pub fn relocate<'a>(
        source: Arc<dyn Store>,
        target: Arc<dyn Store>,
        to: &str,
        secrets: impl Into<Holders<'a>>,
        options: Options,
        progress: &mut dyn FnMut(Step),
    ) -> Result<Moved, Error> {
        let _span = tracing::info_span!("relocate").entered();
        let Holders { officer, user } = secrets.into();
        // Nobody takes a role along that was not theirs.
        drop(Self::enter(Role::User, source.clone(), user, options.clone())?);
        let old = Self::enter(Role::Officer, source, officer, options.clone())?;
        // The anchor is of the log that ends here, and the slot one of the old store.
        let options = Options { freshness: Freshness::Trusting, slot: None, ..options };
        // Nobody loses a vault for a target that cannot take it.
        let log = if is_empty(&*target)? { old.leave(to)? } else { old.closed(to)? };
        let settled = Instant::now() + options.settling.min(LONGEST_SETTLING);
        let inventory = old.inventory(&log, &mut |items| progress(Step::Counted(items)))?;
        let [source @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = inventory.digest;
        let (vault, filled) = match Self::arrived(&target, user, &options, source) {
            Ok(Some(found)) => {
                // Whatever its URL was at the first attempt.
                old.head_for(to)?;
                found
            }
            Ok(None) => {
                let heritage = Heritage {
                    index: &inventory.index,
                    event: EventKind::VaultMovedIn,
                    former: log.clone(),
                    relocation: Relocation::Filling { source, items: 0, replayed: None },
                };
                let id = old.read(|_, keyring| Ok(keyring.vault()))?;
                (Self::settle(target, id, [officer, user], &heritage, options)?, Filled::default())
            }
            // It is filled under the secret that the old store has just opened to.
            Err(Error::Rejected | Error::SlotMethod) => return Err(Error::Backup(BackupFault::NotEmpty)),
            Err(error) => return Err(error),
        };
        let resumed = filled.items;
        // The first leaf of the new log is in its place before anything else is told.
        vault.integrate()?;
        let mut copied = |items| progress(Step::Copied(items));
        let mut import = Import::new(&vault, Trust::Whole, source, log.number, filled, &mut copied);
        old.read(|store, keyring| {
            export(store, keyring, &log, Waiting::Left, &mut |item| import.item(item))
        })?;
        import.flush()?;
        // Whoever had the old store open has learned by then that nothing is written there any more.
        while let Some(left) = settled.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            // To wait is no idleness: neither of both locks itself meanwhile.
            old.read(|_, _| Ok(()))?;
            vault.read(|_, _| Ok(()))?;
            thread::sleep(left.min(Duration::from_millis(200)));
        }
        let compared =
            vault.compare(&old, &log, inventory.digest, &mut |items| progress(Step::Compared(items)));
        // What differs because another run has brought the vault into service is no reason to remove the new store.
        vault.transact(|_| Ok::<_, Error>(()))?;
        let compared = compared?;
        // The old store first: if this one is never opened, nothing is lost but the last word.
        old.heading(|tx, found| match found {
            Some(
                Relocation::Leaving { to: heads, log: Some(closed) }
                | Relocation::Left { to: heads, log: Some(closed) },
            ) if heads == to && closed == log => Relocation::Left { to: heads, log: Some(closed) }.put(tx),
            // Somebody has turned to another store meanwhile.
            _ => Err(Error::Backup(BackupFault::Changed)),
        })?;
        vault.transact(Relocation::end)?;
        let vault = vault.arrive();
        vault.integrate()?;
        tracing::info!("the vault has moved");
        Ok(Moved { vault, compared, digest: inventory.digest, resumed })
    }

    /// The URL of the store into which the vault in this one went, or is on its way; `None` for one that stays. Nothing is
    /// written and no attempt counted: it is for whoever has just opened the vault, and was told that it is not here any more.
    ///
    /// # Errors
    /// [`Error::Rejected`] when the secret opens no slot; as [`Vault::unlock`]; a store's fault.
    pub fn destination<'a>(
        store: &dyn Store,
        secret: impl Into<Credential<'a>>,
        options: &Options,
    ) -> Result<Option<String>, Error> {
        let keyring = Self::keyring_of(store, secret.into(), options)?;
        Ok(match Relocation::read(store, &keyring)? {
            Some(Relocation::Leaving { to, .. } | Relocation::Left { to, .. }) => Some(to),
            Some(Relocation::Filling { .. }) | None => None,
        })
    }

    /// Says in the store that the vault leaves it for an empty one, and answers with which log: as it is now, also where an earlier
    /// attempt was closed with a shorter one. What came of that opens for nobody.
    fn leave(&self, to: &str) -> Result<FormerLog, Error> {
        self.heading(|tx, found| match found {
            None => {
                Relocation::Leaving { to: to.into(), log: None }.put(tx)?;
                let detail = Detail::new().with("to", to);
                tx.event(EventKind::VaultMovedOut, None, &Relocation::row(), &detail).map(|_| ())
            }
            // Wherever it was on its way to.
            Some(Relocation::Leaving { log, .. }) => Relocation::Leaving { to: to.into(), log }.put(tx),
            // Also where its URL leads to an empty store by now: the vault may have been in service there.
            Some(Relocation::Left { .. }) => Err(Error::Backup(BackupFault::Moved)),
            Some(Relocation::Filling { .. }) => Err(Error::Backup(BackupFault::Unfinished)),
        })?;
        // Whoever gets a proof of the former log later gets it under its last word; a log without leaves has none.
        match self.checkpoint() {
            Ok(_) | Err(Error::Uncovered) => {}
            Err(error) => return Err(error),
        }
        self.integrate()?;
        let log = self.read(|store, keyring| log(store, keyring, self.origin()))?;
        self.heading(|tx, found| match found {
            Some(Relocation::Leaving { to: heads, .. }) if heads == to => {
                Relocation::Leaving { to: heads, log: Some(log.clone()) }.put(tx)
            }
            _ => Err(Error::Backup(BackupFault::Changed)),
        })?;
        Ok(log)
    }

    /// Says in the store by which URL the store is called now into which the vault has begun to go.
    fn head_for(&self, to: &str) -> Result<(), Error> {
        self.heading(|tx, found| match found {
            Some(Relocation::Leaving { to: before, log }) if before != to => {
                Relocation::Leaving { to: to.into(), log }.put(tx)
            }
            Some(Relocation::Leaving { .. }) => Ok(()),
            Some(Relocation::Left { to: went, .. }) if went == to => Ok(()),
            Some(Relocation::Left { .. }) => Err(Error::Backup(BackupFault::Moved)),
            Some(Relocation::Filling { .. }) | None => Err(Error::Backup(BackupFault::Changed)),
        })
    }

    /// The log with which the vault is leaving, or has left: whatever came out of this store came under it.
    fn closed(&self, to: &str) -> Result<FormerLog, Error> {
        match self.read(Relocation::read)? {
            Some(Relocation::Left { to: went, .. }) if went != to => Err(Error::Backup(BackupFault::Moved)),
            Some(Relocation::Leaving { log: Some(log), .. } | Relocation::Left { log: Some(log), .. }) => {
                Ok(log)
            }
            // Nothing ever came out of it, so that what is in the target is something else.
            _ => Err(Error::Backup(BackupFault::NotEmpty)),
        }
    }

    /// Changes where the vault is on its way to, by what is said of it; of several that do so, one after the other.
    fn heading<T>(
        &self,
        mut change: impl FnMut(&mut Transaction<'_>, Option<Relocation>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.transact(|tx| {
            let found = self.on_its_way(tx)?;
            change(tx, found)
        })
    }

    fn inventory(&self, log: &FormerLog, progress: &mut dyn FnMut(u64)) -> Result<Inventory, Error> {
        self.read(|store, keyring| {
            let mut digest = Digest::default();
            let (mut index, mut items) = (Vec::new(), 0);
            export(store, keyring, log, Waiting::Left, &mut |item| {
                add(&mut digest, &item)?;
                items += 1;
                progress(items);
                if let Item::IndexKey(id, key) = item {
                    index.push((id, key));
                }
                Ok(())
            })?;
            Ok(Inventory { digest: digest.end().digest, index })
        })
    }

    /// Reads everything again in both stores: the old one is as it was counted, and each item lies in the new one.
    fn compare(
        &self,
        old: &Self,
        log: &FormerLog,
        counted: [u8; 32],
        progress: &mut dyn FnMut(u64),
    ) -> Result<u64, Error> {
        let mut digest = Digest::default();
        let mut compared = 0;
        old.integrate()?;
        old.read(|store, keyring| {
            export(store, keyring, log, Waiting::Left, &mut |item| {
                add(&mut digest, &item)?;
                let same = self.read(|copy, keys| is_copy(&item, copy, keys, log.number))?;
                compared += 1;
                progress(compared);
                if same { Ok(()) } else { Err(Error::Backup(BackupFault::Changed)) }
            })?;
            // Uses that change no row, such as signatures, show in the journal alone.
            let later = Range { start: log.size.to_be_bytes().to_vec(), end: None };
            rows(store, LEAVES, &later, &mut |_, row| {
                let entry = Entry::open(keyring, Entry::id_of(&row.value)?, &row.value)?;
                match Leaf::decode(&entry.leaf)?.kind {
                    EventKind::VaultUnlocked | EventKind::UnlockFailed => Ok(()),
                    _ => Err(Error::Backup(BackupFault::Changed)),
                }
            })
        })?;
        if digest.end().digest == counted { Ok(compared) } else { Err(Error::Backup(BackupFault::Changed)) }
    }
}

fn add(digest: &mut Digest, item: &Item) -> Result<(), Error> {
    let mut bytes = Writer::new();
    item.write(&mut bytes)?;
    digest.add(item, bytes.as_slice());
    Ok(())
}

/// Whether an item lies in the new store as it lay in the old one.
fn is_copy(item: &Item, store: &dyn Store, keyring: &Keyring, log: u32) -> Result<bool, Error> {
    let get = |row: &RowKey| store.get(row);
    Ok(match item {
        Item::Begin(_) | Item::IndexKey(..) | Item::End(_) => true,
        Item::Record { row, attributes, body, .. } => match get(row)? {
            None => false,
            Some(found) => {
                let opened = keyring.open(row, &found)?;
                opened.attributes == *attributes && opened.body == *body
            }
        },
        Item::State { row, body, .. } => {
            let row = place(row, log);
            match get(&row)? {
                None => false,
                Some(found) => keyring.verify(&row, &found)? == body.as_slice(),
            }
        }
        Item::Plain { row, value } => get(row)?.is_some_and(|found| found.value == *value),
        Item::Leaf { index, leaf } => {
            let row = FormerLog::leaf(log, *index);
            match get(&row)? {
                None => false,
                Some(found) => keyring.verify(&row, &found)? == leaf.as_slice(),
            }
        }
        Item::Detail { entry, sealed, body } => {
            let row = RowKey::new(FORMER_DETAILS, entry.to_bytes());
            match get(&row)? {
                None => false,
                Some(found) => {
                    let opened = keyring.open(&row, &found)?;
                    let mut reader = Reader::new(&opened.body);
                    let length = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
                    reader.raw(length)? == sealed.as_slice()
                        && reader.raw(reader.remaining())? == body.as_slice()
                }
            }
        }
    })
}
