//! Making and opening a vault, and the care of its slots.
//!
//! The root key wraps data and index keys; the journal's root key, which comes from it, wraps the journal's. Slots of
//! officers and users wrap the first, slots of auditors the second. Whoever opens the vault compares its rows with the
//! authenticated lists of its header before any key is used.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::anchoring;
use super::attempts::{Attempts, attempts_row};
use super::chain::Writer as Chain;
use super::header::{Header, ListedKey, ListedSlot, Log, digest, header_row, log_row};
use super::keyring::{DataKeyId, Family, Keyring, VAULT, VaultId, VaultKeys, derived};
use super::pending::Committed;
use super::relocation::{FormerLog, Relocation};
use super::roles::{Operation, Role};
use super::slot::{Key32, SLOT, Slot, slot_row, unwrap};
use super::transaction::Transaction;
use crate::env::{Env, UnixTime};
use crate::error::Error;
use crate::event::{Detail, EventKind};
use crate::secret::SecretMemory;
use crate::store::{Range, Row, RowKey, Store};
use crate::wire::hex;

/// Most slots of a vault at once.
pub const MAX_SLOTS: usize = 32;
/// Most rows that a vault has of its own: slots, attempts of present and past ones, keys.
const MAX_ROWS: usize = 2048;

/// The vault's own rows, in one consistent view.
pub(super) struct Rows(BTreeMap<Vec<u8>, Row>);

impl Rows {
    pub(super) fn read(store: &dyn Store) -> Result<Self, Error> {
        let page = store.scan(VAULT, &Range::all(), MAX_ROWS, None)?;
        if page.next.is_some() { Err(Error::Refused) } else { Ok(Self(page.rows.into_iter().collect())) }
    }

    fn get(&self, key: &RowKey) -> Option<&Row> {
        self.0.get(key.key.as_slice())
    }

    /// Numbers and rows of slots; a row whose key is no slot's gets a number that its header cannot have.
    pub(super) fn slots(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.0.range(SLOT.to_vec()..).take_while(|(key, _)| key.starts_with(SLOT)).map(|(key, row)| match key
            [SLOT.len()..]
        {
            [number] => (number, row.value.as_slice()),
            _ => (u8::MAX, &[][..]),
        })
    }

    fn keys(&self, family: Family) -> impl Iterator<Item = (DataKeyId, &[u8])> {
        let prefix = family.prefix();
        self.0.range(prefix.to_vec()..).take_while(move |(key, _)| key.starts_with(prefix)).map(
            move |(key, row)| {
                let number = key[prefix.len()..].try_into().map_or(0, u32::from_be_bytes);
                (DataKeyId(number), row.value.as_slice())
            },
        )
    }
}

/// Makes a vault in an empty store: keys, slots, the header, the first journal entry; answers the keys in the hands of
/// a user.
///
/// The rows are committed at once; two who try at the same time make one vault. There must be a slot for an officer
/// and one for a user, numbered from 0 on.
///
/// # Errors
/// [`Error::VaultExists`]; [`Error::LastSlot`] without an officer or a user; a store's fault.
pub fn create(
    store: &dyn Store,
    slots: &[(Slot, Key32)],
    memory: &dyn SecretMemory,
    env: Env<'_>,
) -> Result<Keyring, Error> {
    make(store, slots, None, memory, env)
}

/// What a vault brings with it into a new store.
#[derive(Debug)]
pub struct Heritage<'a> {
    /// Its index keys, oldest first: index rows stay under the keys that they have.
    pub index: &'a [(DataKeyId, Box<Key32>)],
    /// How it comes: the first leaf of the new log, which names the former one.
    pub event: EventKind,
    /// The log that it had before.
    pub former: FormerLog,
    /// Says that the store is being filled, from the first commit on.
    pub relocation: Relocation,
}

/// As [`create`], for a vault that comes from elsewhere under its own id: all keys but those of indexes are new, so that
/// no row of the store that it leaves is accepted here, and a new log begins.
///
/// # Errors
/// As [`create`]; [`Error::NoVault`] without index keys.
pub fn settle(
    store: &dyn Store,
    slots: &[(Slot, Key32)],
    heritage: &Heritage<'_>,
    memory: &dyn SecretMemory,
    env: Env<'_>,
) -> Result<Keyring, Error> {
    if heritage.index.is_empty() {
        return Err(Error::NoVault);
    }
    make(store, slots, Some(heritage), memory, env)
}

fn make(
    store: &dyn Store,
    slots: &[(Slot, Key32)],
    heritage: Option<&Heritage<'_>>,
    memory: &dyn SecretMemory,
    mut env: Env<'_>,
) -> Result<Keyring, Error> {
    for role in [Role::Officer, Role::User] {
        if !slots.iter().any(|(slot, _)| slot.role == role) {
            return Err(Error::LastSlot(role));
        }
    }
    let vault = slots[0].0.vault;
    let id = DataKeyId(1);
    let root: Key32 = Zeroizing::new(env.random());
    let journal_root = derived(vault, &root, AUDITOR);
    let mut wrap = |family: Family, id: DataKeyId, key: Option<&Key32>| {
        let key: Key32 = key.cloned().unwrap_or_else(|| Zeroizing::new(env.random()));
        let above = if family == Family::Journal { &journal_root } else { &root };
        let row = family.wrap(vault, id, above, &key, &mut env);
        let listed = ListedKey { id, since: env.now, digest: digest(&row) };
        (key, row, listed)
    };
    let [data, journal] = [Family::Data, Family::Journal].map(|family| wrap(family, id, None));
    let index: Vec<_> = match heritage {
        None => Vec::from([wrap(Family::Index, id, None)]),
        Some(heritage) => {
            heritage.index.iter().map(|(id, key)| wrap(Family::Index, *id, Some(&**key))).collect()
        }
    };
    let index_keys: Vec<_> = index.iter().map(|(key, _, listed)| (listed.id, &**key)).collect();
    let keys = VaultKeys { data: &[(id, &data.0)], journal: &[(id, &journal.0)], index: &index_keys };
    let user = slots.iter().find(|(slot, _)| slot.role == Role::User).map_or(0, |(slot, _)| slot.number);
    let keyring = Keyring::new(vault, Role::User, keys, memory)?
        .opened_by(user, Some(&root), &journal_root, memory)?
        .made_from([1; 2]);
    let mut header = Header {
        created: env.now,
        next_slot: u8::try_from(slots.len()).map_err(|_| Error::SlotsFull)?,
        slots: Vec::new(),
        data: [data.2].into(),
        index: index.iter().map(|(_, _, listed)| *listed).collect(),
    };
    let mut wrapped = Vec::new();
    for (number, (slot, kek)) in (0..).zip(slots) {
        if slot.number != number || slot.vault != vault {
            return Err(Error::NoSlot(slot.number));
        }
        let key = if slot.role == Role::Auditor { &journal_root } else { &root };
        let row = slot.wrap(kek, key, &mut env)?;
        header.slots.push(ListedSlot { number, role: slot.role, digest: digest(&row) });
        wrapped.push((number, row));
    }
    // A new log gets a new random name: a restored copy must never continue the log of its original.
    let origin = format!("zamok/{}", hex(&env.random::<16>()));
    let chain = Chain::new(origin.clone(), &mut env);

    let mut tx = Transaction::begin(store, &keyring, chain, env.lend());
    for row in [header_row(), log_row(), slot_row(0)] {
        if tx.plain(&row)?.is_some() {
            return Err(Error::VaultExists);
        }
    }
    header.put(&mut tx)?;
    Log { origin, journal: [journal.2].into() }.put(&mut tx)?;
    for (number, row) in wrapped {
        tx.put_plain(&slot_row(number), row)?;
        tx.put_plain(&attempts_row(number), Attempts::default().encode())?;
    }
    for (family, row) in [(Family::Data, data.1), (Family::Journal, journal.1)] {
        tx.put_plain(&family.row(id), row)?;
    }
    // Not taken apart: a list that is leaves the keys where they were.
    for (_, row, listed) in &index {
        tx.put_plain(&Family::Index.row(listed.id), row.clone())?;
    }
    anchoring::begin(&mut tx)?;
    match heritage {
        None => {
            Relocation::end(&mut tx)?;
            tx.event(EventKind::VaultCreated, None, &header_row(), &Detail::new())?
        }
        Some(heritage) => {
            heritage.relocation.put(&mut tx)?;
            heritage.former.put(&mut tx)?;
            tx.event(heritage.event, None, &heritage.former.row()?, &Detail::new())?
        }
    };
    let made = matches!(tx.prepare(())?.commit()?, Committed::Done((), _));
    if made { Ok(keyring) } else { Err(Error::VaultExists) }
}

/// The label under which the journal's root key comes from the root key.
const AUDITOR: &[u8] = b"zamok/auditor/v1";

/// Opens a vault with the key encryption key of a slot.
///
/// The caller has charged the slot with [`charge`](super::attempts::charge) before it derived the key, and calls
/// [`discharge`](super::attempts::discharge) before it gives a handle to anyone.
///
/// # Errors
/// [`Error::Rejected`] when the secret was wrong; [`Error::Refused`] when a row was altered, added, taken away or put
/// back; [`Error::Busy`] when the slot was changed meanwhile; [`Error::NoSlot`]; what `memory` reports.
pub fn open(
    store: &dyn Store,
    slot: &Slot,
    kek: &Key32,
    memory: &dyn SecretMemory,
) -> Result<Keyring, Error> {
    let rows = Rows::read(store)?;
    let row = rows.get(&slot_row(slot.number)).ok_or(Error::NoSlot(slot.number))?;
    let (stored, header, sealed) = Slot::parse(&row.value, slot.number)?;
    if stored != *slot {
        return Err(Error::Busy);
    }
    let key = unwrap(kek, header, sealed)?;
    match slot.role {
        Role::Auditor => load(&rows, slot.vault, slot.role, slot.number, None, &key, memory),
        Role::Officer | Role::User => {
            let journal_root = derived(slot.vault, &key, AUDITOR);
            load(&rows, slot.vault, slot.role, slot.number, Some(&key), &journal_root, memory)
        }
    }
}

/// The keys of an open vault as they are now, or `None` when nobody has changed keys or slots since.
///
/// # Errors
/// [`Error::Locked`] when the slot through which it was opened is there no more; otherwise as [`open`].
pub fn reopen(
    store: &dyn Store,
    keyring: &Keyring,
    memory: &dyn SecretMemory,
) -> Result<Option<Keyring>, Error> {
    let revision = |row: RowKey| Ok::<_, Error>(store.get(&row)?.map_or(0, |row| row.version));
    if [revision(header_row())?, revision(log_row())?] == keyring.revisions() {
        return Ok(None);
    }
    let slot = keyring.slot().ok_or(Error::Locked)?;
    let rows = Rows::read(store)?;
    if rows.get(&slot_row(slot)).is_none() {
        return Err(Error::Locked);
    }
    let root = if keyring.role() == Role::Auditor { None } else { Some(keyring.root()?) };
    load(&rows, keyring.vault(), keyring.role(), slot, root, keyring.journal_root()?, memory).map(Some)
}

fn load(
    rows: &Rows,
    vault: VaultId,
    role: Role,
    slot: u8,
    root: Option<&[u8; 32]>,
    journal_root: &[u8; 32],
    memory: &dyn SecretMemory,
) -> Result<Keyring, Error> {
    let revisions = [header_row(), log_row()].map(|row| rows.get(&row).map_or(0, |row| row.version));
    // The keys that check the lists, before there is a key that the lists name.
    let none: &[(DataKeyId, &[u8; 32])] = &[(DataKeyId(0), &[0; 32])];
    let doorkeeper = Keyring::of_journal(vault, none, memory)?.opened_by(slot, root, journal_root, memory)?;
    let log = Log::verify(&doorkeeper, rows.get(&log_row()))?;
    let journal = Family::Journal.unwrap(vault, journal_root, &log.journal, rows.keys(Family::Journal))?;
    let Some(root) = root else {
        return Keyring::of_journal(vault, &borrowed(&journal), memory)?
            .opened_by(slot, None, journal_root, memory)
            .map(|keyring| keyring.made_from(revisions));
    };
    let header = Header::verify(&doorkeeper, rows.get(&header_row()))?;
    let listed = header.slots.iter().map(|slot| (slot.number, slot.digest));
    if !rows.slots().map(|(number, value)| (number, digest(value))).eq(listed) {
        return Err(Error::Refused);
    }
    // A slot without its count of attempts could never be opened again.
    if header.slots.iter().any(|slot| rows.get(&attempts_row(slot.number)).is_none()) {
        return Err(Error::Refused);
    }
    let data = Family::Data.unwrap(vault, root, &header.data, rows.keys(Family::Data))?;
    let index = Family::Index.unwrap(vault, root, &header.index, rows.keys(Family::Index))?;
    let (data, journal, index) = (borrowed(&data), borrowed(&journal), borrowed(&index));
    let keys = VaultKeys { data: &data, journal: &journal, index: &index };
    Keyring::new(vault, role, keys, memory)?
        .opened_by(slot, Some(root), journal_root, memory)
        .map(|keyring| keyring.made_from(revisions).with_index_since(index_since(&header)))
}

/// Since when values are entered under more than one index key; nothing waits where there is but one.
fn index_since(header: &Header) -> UnixTime {
    match header.index.as_slice() {
        [.., _, newest] => newest.since,
        _ => UnixTime(0),
    }
}

fn borrowed(keys: &[(DataKeyId, Key32)]) -> Vec<(DataKeyId, &[u8; 32])> {
    keys.iter().map(|(id, key)| (*id, &**key)).collect()
}

/// The name of the journal's log.
///
/// # Errors
/// [`Error::Refused`] when the log's row is missing or was altered.
pub fn origin(store: &dyn Store, keyring: &Keyring) -> Result<String, Error> {
    Log::verify(keyring, store.get(&log_row())?.as_ref()).map(|log| log.origin)
}

/// Who may come in by a slot, as the authenticated header says.
///
/// # Errors
/// [`Error::NoSlot`]; [`Error::Role`] in the hands of an auditor; [`Error::Refused`] for an altered header.
pub fn listed(tx: &mut Transaction<'_>, number: u8) -> Result<Role, Error> {
    let header = Header::load(tx)?;
    let slot = header.slots.iter().find(|slot| slot.number == number);
    slot.map(|slot| slot.role).ok_or(Error::NoSlot(number))
}

/// The number that the next slot gets.
///
/// # Errors
/// As [`listed`]; [`Error::SlotsFull`] after 255 slots in the life of a vault, or with [`MAX_SLOTS`] at once.
pub fn next_slot(tx: &mut Transaction<'_>) -> Result<u8, Error> {
    let header = Header::load(tx)?;
    let full = header.next_slot == u8::MAX || header.slots.len() >= MAX_SLOTS;
    if full { Err(Error::SlotsFull) } else { Ok(header.next_slot) }
}

/// Adds a way in, under the number of [`next_slot`]. Journalled.
///
/// # Errors
/// [`Error::Role`] unless an officer opened the vault; [`Error::Busy`] when the number was given to another meanwhile;
/// [`Error::SlotsFull`]; [`Error::TooLong`] for a label; [`Error::Refused`]; a store's fault.
pub fn add_slot(tx: &mut Transaction<'_>, slot: &Slot, kek: &Key32) -> Result<(), Error> {
    tx.keyring().permit(Operation::ManageSlots)?;
    if next_slot(tx)? != slot.number {
        return Err(Error::Busy);
    }
    let mut header = Header::load(tx)?;
    header.next_slot += 1;
    let digest = put_slot(tx, slot, kek)?;
    header.slots.push(ListedSlot { number: slot.number, role: slot.role, digest });
    tx.put_plain(&attempts_row(slot.number), Attempts::default().encode())?;
    header.put(tx)?;
    tell(tx, EventKind::SlotAdded, slot)
}

/// Gives a slot another secret, method or label; its number, its role and its count of attempts stay. Journalled.
///
/// # Errors
/// [`Error::Role`] unless it is the slot of the handle, or an officer opened the vault; [`Error::NoSlot`];
/// [`Error::TooLong`] for a label; [`Error::Refused`]; a store's fault.
pub fn change_slot(tx: &mut Transaction<'_>, slot: &Slot, kek: &Key32) -> Result<(), Error> {
    let own = tx.keyring().slot() == Some(slot.number);
    tx.keyring().permit(if own { Operation::ChangeOwnSecret } else { Operation::ManageSlots })?;
    let mut header = Header::load(tx)?;
    let listed = header.slots.iter_mut().find(|listed| listed.number == slot.number);
    let listed = listed.ok_or(Error::NoSlot(slot.number))?;
    if listed.role != slot.role {
        return Err(Error::Role(listed.role));
    }
    listed.digest = put_slot(tx, slot, kek)?;
    header.put(tx)?;
    tell(tx, EventKind::SlotChanged, slot)
}

/// Takes a way in away. Its count of attempts stays, and its number is not given again. Journalled.
///
/// Whoever has an old copy of the store and the old secret still opens that copy: after a compromise the keys
/// themselves change.
///
/// # Errors
/// [`Error::Role`] unless an officer opened the vault; [`Error::LastSlot`] for the last officer or user;
/// [`Error::NoSlot`]; [`Error::Refused`]; a store's fault.
pub fn remove_slot(tx: &mut Transaction<'_>, number: u8) -> Result<(), Error> {
    tx.keyring().permit(Operation::ManageSlots)?;
    let mut header = Header::load(tx)?;
    let place = header.slots.iter().position(|slot| slot.number == number).ok_or(Error::NoSlot(number))?;
    let role = header.slots.remove(place).role;
    if role != Role::Auditor && !header.slots.iter().any(|slot| slot.role == role) {
        return Err(Error::LastSlot(role));
    }
    tx.delete(&slot_row(number))?;
    header.put(tx)?;
    let detail = Detail::new().with("slot", format!("{number}")).with("role", format!("{role}"));
    tx.event(EventKind::SlotRemoved, None, &slot_row(number), &detail).map(|_| ())
}

/// Writes the header anew as it is, so that every open handle looks at the vault again.
pub(super) fn touch(tx: &mut Transaction<'_>) -> Result<(), Error> {
    Header::load(tx)?.put(tx)
}

fn put_slot(tx: &mut Transaction<'_>, slot: &Slot, kek: &Key32) -> Result<[u8; 32], Error> {
    let keyring = tx.keyring();
    if slot.vault != keyring.vault() {
        return Err(Error::Refused);
    }
    let key = if slot.role == Role::Auditor { keyring.journal_root() } else { keyring.root() };
    let key = Zeroizing::new(*key?);
    let row = slot.wrap(kek, &key, &mut tx.env())?;
    let digest = digest(&row);
    tx.put_plain(&slot_row(slot.number), row)?;
    Ok(digest)
}

fn tell(tx: &mut Transaction<'_>, kind: EventKind, slot: &Slot) -> Result<(), Error> {
    let detail = Detail::new()
        .with("slot", format!("{}", slot.number))
        .with("role", format!("{}", slot.role))
        .with("method", slot.method.name())
        .with("label", slot.label.as_str());
    tx.event(kind, None, &slot_row(slot.number), &detail).map(|_| ())
}
