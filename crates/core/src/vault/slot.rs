//! Slots: the ways into a vault (`docs/formats/slot.md`).
//!
//! A slot wraps the vault's root key under a key encryption key that the edges derive from a passphrase; the root
//! key wraps the data keys. The parameters of the derivation are stored in the clear and are hostile input: they are
//! bounded before use and authenticated by the wrap. Failures are counted *before* the derivation runs, so that a
//! crash or a cut connection costs an attempt instead of giving one away.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::chain::Writer as Chain;
use super::keyring::{DataKeyId, Keyring, VaultId};
use super::record;
use super::transaction::{Committed, Transaction};
use crate::env::{Env, UnixTime};
use crate::error::Error;
use crate::event::{Detail, EventKind};
use crate::secret::SecretMemory;
use crate::store::{Range, Row, RowKey, Store, Table};
use crate::wire::{Reader, Writer, hex};

/// The vault's own rows: its header, its slots, their attempts, its wrapped data keys.
pub const VAULT: Table = Table(1);

const MAGIC: &[u8; 4] = b"ZMKU";
const FORMAT: u16 = 1;
const SLOT_LABEL: &[u8] = b"zamok/slot/v1";
const DATA_KEY_LABEL: &[u8] = b"zamok/data-key/v1";

/// A key of 32 bytes on its way between rooms, wiped when dropped.
pub type Key32 = Zeroizing<[u8; 32]>;

/// What Argon2id (RFC 9106) costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Memory in KiB: 8 to 4,194,304 (4 GiB).
    pub memory_kib: u32,
    /// Passes: 1 to 64.
    pub passes: u32,
    /// Lanes: 1 to 16.
    pub lanes: u32,
}

impl Argon2Cost {
    /// Refuses what could exhaust the machine or is no cost at all.
    ///
    /// # Errors
    /// [`Error::Refused`] outside the bounds of the fields, or with fewer than 8 KiB a lane.
    pub fn bounded(self) -> Result<Self, Error> {
        let sound = (8..=4 << 20).contains(&self.memory_kib)
            && (1..=64).contains(&self.passes)
            && (1..=16).contains(&self.lanes)
            && self.memory_kib >= 8 * self.lanes;
        if sound { Ok(self) } else { Err(Error::Refused) }
    }
}

/// When a slot makes people wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnlockPolicy {
    /// Failures in a row without a delay.
    pub free: u32,
    /// Delay after the first failure beyond those, in seconds; it doubles with every further one.
    pub first_delay: u64,
    /// Longest delay, in seconds.
    pub longest_delay: u64,
    /// Failures after which the slot is disabled until an officer resets it; `None` where no other slot could.
    pub disable_after: Option<u32>,
    /// How long an attempt may be under way, in seconds: meanwhile others wait instead of being refused.
    pub attempt: u64,
}

/// One way in: its number, and how the key encryption key is derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The vault it opens.
    pub vault: VaultId,
    /// 0 is the officer's.
    pub number: u8,
    /// Cost of deriving the key from a passphrase.
    pub cost: Argon2Cost,
    /// Salt of the derivation.
    pub salt: [u8; 32],
}

impl Slot {
    /// A new way into a vault.
    #[must_use]
    pub fn new(vault: VaultId, number: u8, cost: Argon2Cost, env: &mut Env<'_>) -> Self {
        Self { vault, number, cost, salt: env.random() }
    }

    /// Reads a slot from the store: its parameters are bounded, but not authenticated before it is opened.
    ///
    /// # Errors
    /// [`Error::NoVault`] when there is none; [`Error::Refused`] and [`Error::Format`] for what is no sound slot.
    pub fn read(store: &dyn Store, number: u8) -> Result<Self, Error> {
        let row = store.get(&slot_row(number))?.ok_or(Error::NoVault)?;
        Self::parse(&row.value, number).map(|(slot, _, _)| slot)
    }

    fn header(&self) -> Writer {
        let mut header = Writer::new();
        header.raw(MAGIC).u16(FORMAT).raw(&self.vault.0).u8(self.number).u8(Self::ARGON2ID);
        header.u32(self.cost.memory_kib).u32(self.cost.passes).u32(self.cost.lanes).raw(&self.salt);
        header
    }

    const ARGON2ID: u8 = 1;

    fn parse(bytes: &[u8], number: u8) -> Result<(Self, &[u8], &[u8]), Error> {
        let mut reader = Reader::new(bytes);
        if reader.array::<4>()? != *MAGIC {
            return Err(Error::Refused);
        }
        let found = reader.u16()?;
        if found > FORMAT {
            return Err(Error::Format { found, supported: FORMAT });
        }
        let vault = VaultId(reader.array()?);
        if reader.u8()? != number || reader.u8()? != Self::ARGON2ID {
            return Err(Error::Refused);
        }
        let cost = Argon2Cost { memory_kib: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? }
            .bounded()?;
        let salt = reader.array()?;
        let (header, sealed) = bytes.split_at(bytes.len() - reader.remaining());
        let slot = Self { vault, number, cost, salt };
        if slot.header().as_slice() == header { Ok((slot, header, sealed)) } else { Err(Error::Refused) }
    }

    /// Wraps the root key under the key encryption key.
    fn wrap(&self, kek: &Key32, root: &Key32, env: &mut Env<'_>) -> Vec<u8> {
        record::seal(kek.as_slice(), SLOT_LABEL, self.header().as_slice(), root.as_slice(), env)
    }
}

/// Makes a vault in an empty store: root key, first data key, one slot, the header, the first journal entry.
///
/// The rows are committed at once; two who try at the same time make one vault.
///
/// # Errors
/// [`Error::VaultExists`]; a store's fault.
pub fn create(
    store: &dyn Store,
    slot: &Slot,
    kek: &Key32,
    memory: &dyn SecretMemory,
    mut env: Env<'_>,
) -> Result<Keyring, Error> {
    let root = Zeroizing::new(env.random());
    let data_key = Zeroizing::new(env.random());
    let id = DataKeyId(1);
    let keyring = Keyring::new(slot.vault, &[(id, &data_key)], memory)?;
    let wrapped_slot = slot.wrap(kek, &root, &mut env);
    let header = data_key_header(slot.vault, id);
    let wrapped_key =
        record::seal(root.as_slice(), DATA_KEY_LABEL, header.as_slice(), data_key.as_slice(), &mut env);
    let origin = new_origin(&mut env);
    let chain = Chain::new(origin.clone(), &mut env);

    let mut tx = Transaction::begin(store, &keyring, chain, env.lend());
    if tx.plain(&header_row())?.is_some() || tx.plain(&slot_row(slot.number))?.is_some() {
        return Err(Error::VaultExists);
    }
    let mut body = Writer::new();
    body.u64(tx.now().0).text(&origin)?;
    tx.put_state(&header_row(), body.as_slice())?;
    tx.put_plain(&slot_row(slot.number), wrapped_slot)?;
    tx.put_plain(&attempts_row(slot.number), Attempts::default().encode())?;
    tx.put_plain(&data_key_row(id), wrapped_key)?;
    tx.event(EventKind::VaultCreated, None, &header_row(), &Detail::new())?;
    let made = matches!(tx.prepare(())?.commit()?, Committed::Done((), _));
    if made { Ok(keyring) } else { Err(Error::VaultExists) }
}

/// Opens a vault with the key encryption key of a slot.
///
/// The caller has charged the slot with [`charge`] before it derived the key, and calls [`discharge`] before it
/// gives a handle to anyone.
///
/// # Errors
/// [`Error::Rejected`] when the passphrase was wrong; [`Error::Refused`] when a row was altered; [`Error::NoVault`];
/// what `memory` reports.
pub fn open(
    store: &dyn Store,
    slot: &Slot,
    kek: &Key32,
    memory: &dyn SecretMemory,
) -> Result<Keyring, Error> {
    let row = store.get(&slot_row(slot.number))?.ok_or(Error::NoVault)?;
    let (stored, header, sealed) = Slot::parse(&row.value, slot.number)?;
    if stored != *slot {
        return Err(Error::Busy);
    }
    let root = record::open(kek.as_slice(), SLOT_LABEL, header, sealed).map_err(|_| Error::Rejected)?;
    let mut keys: Vec<(DataKeyId, Key32)> = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.scan(VAULT, &Range::prefix(DATA_KEY), 64, cursor.as_ref())?;
        for (key, Row { value, .. }) in &page.rows {
            let number =
                key.get(DATA_KEY.len()..).and_then(|rest| rest.try_into().ok()).ok_or(Error::Refused)?;
            let id = DataKeyId(u32::from_be_bytes(number));
            let header = data_key_header(slot.vault, id);
            let sealed = value.strip_prefix(header.as_slice()).ok_or(Error::Refused)?;
            let plain = record::open(&root, DATA_KEY_LABEL, header.as_slice(), sealed)?;
            keys.push((id, Zeroizing::new(plain.as_slice().try_into().map_err(|_| Error::Refused)?)));
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    // Whoever deleted a slot or a data key locked the vault; they did not open another.
    if keys.is_empty() {
        return Err(Error::Refused);
    }
    let borrowed: Vec<(DataKeyId, &[u8; 32])> = keys.iter().map(|(id, key)| (*id, &**key)).collect();
    let keyring = Keyring::new(slot.vault, &borrowed, memory)?;
    origin(store, &keyring).map(|_| keyring)
}

/// The name of the journal's log, from the vault's header.
///
/// # Errors
/// [`Error::Refused`] when the header is missing or was altered.
pub fn origin(store: &dyn Store, keyring: &Keyring) -> Result<String, Error> {
    let row = store.get(&header_row())?.ok_or(Error::Refused)?;
    let mut reader = Reader::new(keyring.verify(&header_row(), &row)?);
    let _created = reader.u64()?;
    let origin = String::from(reader.text()?);
    reader.end().map(|()| origin)
}

/// Failures of a slot since its last success. Not authenticated: there is no key yet when it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Attempts {
    failures: u32,
    last: UnixTime,
}

impl Attempts {
    fn encode(self) -> Vec<u8> {
        Writer::new().u8(1).u32(self.failures).u64(self.last.0).to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != 1 {
            return Err(Error::Refused);
        }
        let attempts = Self { failures: reader.u32()?, last: UnixTime(reader.u64()?) };
        reader.end().map(|()| attempts)
    }

    fn not_before(self, policy: &UnlockPolicy) -> UnixTime {
        let over = self.failures.saturating_sub(policy.free);
        if over == 0 {
            return UnixTime(0);
        }
        let doubled = policy.first_delay.saturating_mul(1_u64.checked_shl(over - 1).unwrap_or(u64::MAX));
        self.last.plus(doubled.min(policy.longest_delay))
    }
}

/// What charging a slot came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Charge {
    /// The attempt is counted, durably: derive the key now.
    Charged,
    /// Other attempts are under way: ask again in a moment.
    Wait,
}

/// Counts an attempt to open a slot, before the key is derived.
///
/// # Errors
/// [`Error::UnlockNotBefore`] while delayed, [`Error::SlotDisabled`] when no attempts are left, [`Error::Refused`]
/// when the counter's row is missing or damaged; a store's fault.
pub fn charge(
    store: &dyn Store,
    slot: &Slot,
    policy: &UnlockPolicy,
    env: &mut Env<'_>,
) -> Result<Charge, Error> {
    use crate::store::{Change, ChangeId, Outcome};
    let key = attempts_row(slot.number);
    let row = store.get(&key)?.ok_or(Error::Refused)?;
    let attempts = Attempts::decode(&row.value)?;
    if policy.disable_after.is_some_and(|limit| attempts.failures >= limit) {
        return Err(Error::SlotDisabled);
    }
    // The clock may have been set back since: time never runs backwards here.
    let now = env.now.max(attempts.last);
    let not_before = attempts.not_before(policy);
    if now < not_before {
        // An attempt from a future that a clock has left again is not under way: it would keep people waiting for ever.
        let under_way =
            now < attempts.last.plus(policy.attempt) && attempts.last.since(env.now) < policy.attempt;
        return if under_way { Ok(Charge::Wait) } else { Err(Error::UnlockNotBefore(not_before.0)) };
    }
    let charged = Attempts { failures: attempts.failures.saturating_add(1), last: now };
    let mut change = Change::new(ChangeId(env.random()));
    change.update(key, row.version, charged.encode())?;
    match store.commit(&change)? {
        Outcome::Committed => Ok(Charge::Charged),
        Outcome::Conflict(_) | Outcome::Capped(_) | Outcome::Fenced => Ok(Charge::Wait),
    }
}

/// Clears the failures of a slot after it was opened, and tells the journal of them, in one transaction.
///
/// # Errors
/// [`Error::Refused`] when the counter's row is missing or damaged; a store's fault.
pub fn discharge(tx: &mut Transaction<'_>, slot: &Slot) -> Result<(), Error> {
    let key = attempts_row(slot.number);
    let row = tx.plain(&key)?.ok_or(Error::Refused)?;
    let attempts = Attempts::decode(&row.value)?;
    let cleared = Attempts { failures: 0, ..attempts };
    tx.put_plain(&key, cleared.encode())?;
    // One of them is the attempt that has just succeeded.
    let failures = attempts.failures.saturating_sub(1);
    if failures > 0 {
        let detail = Detail::new().with("failures", format!("{failures}"));
        tx.event(EventKind::UnlockFailed, None, &key, &detail)?;
    }
    tx.event(EventKind::VaultUnlocked, None, &slot_row(slot.number), &Detail::new())?;
    Ok(())
}

const DATA_KEY: &[u8] = b"data-key/";

fn header_row() -> RowKey {
    RowKey::new(VAULT, *b"vault")
}

fn slot_row(number: u8) -> RowKey {
    RowKey::new(VAULT, [b"slot/", &[number][..]].concat())
}

fn attempts_row(number: u8) -> RowKey {
    RowKey::new(VAULT, [b"attempts/", &[number][..]].concat())
}

fn data_key_row(id: DataKeyId) -> RowKey {
    RowKey::new(VAULT, [DATA_KEY, &id.0.to_be_bytes()].concat())
}

fn data_key_header(vault: VaultId, id: DataKeyId) -> Writer {
    let mut header = Writer::new();
    header.raw(b"ZMKD").u16(FORMAT).raw(&vault.0).u32(id.0);
    header
}

/// A new log gets a new random name: a restored copy must never continue the log of its original.
fn new_origin(env: &mut Env<'_>) -> String {
    let instance: [u8; 16] = env.random();
    format!("zamok/{}", hex(&instance))
}
