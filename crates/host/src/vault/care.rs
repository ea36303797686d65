//! The officer's care of a vault: its slots, and new keys for old.

use std::time::Duration;

use zamok_core::store::Store;
use zamok_core::vault::attempts::{self, Attempts};
use zamok_core::vault::doors;
use zamok_core::vault::finding::{self, Reindexing};
use zamok_core::vault::rotation::{self, Progress};
use zamok_core::vault::shares::{Share, ShareSet};
use zamok_core::vault::slot::{Argon2Cost, Key32, Method, Slot};
use zamok_core::vault::{DataKeyId, Family, Role, Transaction};
use zamok_core::{Error, UnixTime};

use super::{Options, Vault};
use crate::argon2id::payable;
use crate::credential::Credential;
use crate::secret_key::SecretKey;

/// A way in that shall be made.
#[derive(Clone, Copy, Debug)]
pub struct NewSlot<'a> {
    /// Whom it lets in.
    pub role: Role,
    /// What people call it; at most [`Slot::MAX_LABEL`] bytes, not secret.
    pub label: &'a str,
    /// What will open it.
    pub secret: Credential<'a>,
    /// What opening it costs, where something is stretched.
    pub cost: Argon2Cost,
}

/// A way in, as the store shows it to anyone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotInfo {
    /// Its number.
    pub number: u8,
    /// Whom it lets in.
    pub role: Role,
    /// How its key is derived.
    pub method: Method,
    /// What people call it.
    pub label: String,
    /// Failures since the last success or reset.
    pub failures: u64,
    /// Attempts before this time are refused.
    pub not_before: UnixTime,
    /// Whether policy has disabled it until an officer resets it.
    pub is_disabled: bool,
}

/// What a rewrapping came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrapped {
    /// Rows that were looked at.
    pub seen: u64,
    /// Rows that were moved to the newest data key.
    pub moved: u64,
    /// Data keys that came to their end.
    pub retired: Vec<DataKeyId>,
    /// Old data keys that stay for now, and since when nobody may write under them: some process may not know of a
    /// newer key before.
    pub kept: Vec<(DataKeyId, UnixTime)>,
}

/// What became of older keys of a family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetiredKeys {
    /// Keys that came to their end.
    pub retired: Vec<DataKeyId>,
    /// Keys that stay, and since when nobody may need them: some process may not know of the newest before.
    pub kept: Vec<(DataKeyId, UnixTime)>,
}

impl Vault {
    /// Rows in one step of a rewrapping.
    const ROWS: usize = 64;

    /// The ways into a vault, without opening it. Nothing of it is authenticated.
    ///
    /// # Errors
    /// [`Error::NoVault`]; [`Error::Refused`] and [`Error::Format`] for what is no sound slot; a store's fault.
    pub fn slots(store: &dyn Store, options: &Options) -> Result<Vec<SlotInfo>, Error> {
        let info = |slot: Slot| {
            let attempts = Attempts::read(store, slot.number)?;
            let policy = options.policy(slot.role);
            let Slot { number, role, method, label, .. } = slot;
            let (failures, not_before) = (attempts.failures(), attempts.not_before(policy));
            let is_disabled = attempts.disabled(policy);
            Ok(SlotInfo { number, role, method, label, failures, not_before, is_disabled })
        };
        Slot::all(store)?.into_iter().map(info).collect()
    }

    /// Adds a way in; answers its number. For officers.
    ///
    /// # Errors
    /// [`Error::Role`]; [`Error::SlotsFull`]; [`Error::TooLong`] for a label or a cost; [`Error::Token`]; as
    /// [`Vault::transact`].
    pub fn add_slot(&self, new: &NewSlot<'_>) -> Result<u8, Error> {
        for _ in 0..Self::TRIES {
            let number = self.transact(doors::next_slot)?;
            match self.put_slot(number, new, doors::add_slot) {
                // Somebody else was given the number meanwhile.
                Err(Error::Busy) => {}
                done => return done.map(|()| number),
            }
        }
        Err(Error::Busy)
    }

    /// Gives a slot another secret. For officers, and for whoever opened the vault through it.
    ///
    /// # Errors
    /// [`Error::Role`]; [`Error::NoSlot`]; [`Error::TooLong`] for a label or a cost; [`Error::Token`]; as
    /// [`Vault::transact`].
    pub fn change_slot(&self, number: u8, new: &NewSlot<'_>) -> Result<(), Error> {
        self.put_slot(number, new, doors::change_slot)
    }

    fn put_slot(
        &self,
        number: u8,
        new: &NewSlot<'_>,
        put: fn(&mut Transaction<'_>, &Slot, &Key32) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let method = new.secret.method(new.cost);
        method.cost().map_or(Ok(()), payable)?;
        new.secret.check()?;
        let vault = self.read(|_, keyring| Ok(keyring.vault()))?;
        let slot = self.transact(|tx| {
            Ok::<_, Error>(Slot::new(vault, number, new.role, method, new.label, &mut tx.env()))
        })?;
        let key = new.secret.derive(&slot)?;
        self.transact(|tx| put(tx, &slot, &key))
    }

    /// Draws a key for a slot and splits it into `made` shares, of which any `needed` open: what
    /// [`Credential::Shares`] takes, and what its holders keep.
    ///
    /// # Errors
    /// [`ShareFault::Split`](zamok_core::error::ShareFault::Split) unless 2 ≤ `needed` ≤ `made`; [`Error::Locked`];
    /// [`Error::Randomness`].
    pub fn new_shares(&self, needed: u8, made: u8) -> Result<(SecretKey, Vec<Share>), Error> {
        let key = SecretKey::generate()?;
        let vault = self.read(|_, keyring| Ok(keyring.vault()))?;
        let bytes = Key32::new(*key.expose());
        let split = self.transact(|tx| {
            ShareSet::split(vault, &bytes, needed, made, &mut tx.env()).map(|(_, shares)| shares)
        });
        split.map(|shares| (key, shares))
    }

    /// Takes a way in away. For officers.
    ///
    /// # Errors
    /// [`Error::Role`]; [`Error::NoSlot`]; [`Error::LastSlot`]; as [`Vault::transact`].
    pub fn remove_slot(&self, number: u8) -> Result<(), Error> {
        self.transact(|tx| doors::remove_slot(tx, number))
    }

    /// Forgives the failures of a slot, also of one that was disabled. For officers.
    ///
    /// # Errors
    /// [`Error::Role`]; [`Error::NoSlot`]; as [`Vault::transact`].
    pub fn reset_slot(&self, number: u8) -> Result<(), Error> {
        self.transact(|tx| attempts::reset(tx, number))
    }

    /// Makes a new key of a family, under which everything is written, or entered, from now on; answers its number. For
    /// officers. Old rows stay under the old key until [`Vault::rewrap`], or [`Vault::reindex`] for index keys.
    ///
    /// # Errors
    /// [`Error::Role`]; [`Error::TooLong`] with too many keys; as [`Vault::transact`].
    pub fn rotate(&self, family: Family) -> Result<DataKeyId, Error> {
        let id = self.transact(|tx| rotation::rotate(tx, family))?;
        self.learn(&*self.keyring()?)?;
        tracing::info!(family = family.name(), key = id.0, "a new key seals from now on");
        Ok(id)
    }

    /// Moves every row to the newest data key, and ends old keys under which nothing stands. For officers.
    ///
    /// It goes in small commits, beside everything else, and tells `progress` after each; ended at any point, it is
    /// simply begun again. An old key ends [`rotation::SETTLED_AFTER`] seconds after the newer one was made at the
    /// earliest.
    ///
    /// # Errors
    /// [`Error::Role`]; [`Error::Refused`] for a row that was altered; [`Error::Busy`] when a row changed all the
    /// time; as [`Vault::transact`].
    pub fn rewrap(&self, progress: &mut dyn FnMut(&Progress)) -> Result<Rewrapped, Error> {
        let mut at = Progress::default();
        let mut rows = Self::ROWS;
        let mut conflicts = 0;
        while !at.done {
            match self.transact(|tx| rotation::rewrap(tx, &at, rows)) {
                Ok(next) => {
                    at = next;
                    (rows, conflicts) = (Self::ROWS, 0);
                    progress(&at);
                }
                // Fewer rows in a commit meet fewer conflicts.
                Err(Error::Busy) if conflicts < 2 * Self::TRIES => {
                    (rows, conflicts) = ((rows / 8).max(1), conflicts + 1);
                    std::thread::sleep(Duration::from_millis(conflicts.into()));
                }
                Err(error) => return Err(error),
            }
        }
        let mut outcome = Rewrapped { seen: at.seen, moved: at.moved, retired: Vec::new(), kept: Vec::new() };
        let keys = self.transact(rotation::data_keys)?;
        for pair in keys.windows(2) {
            let (id, settled) = (pair[0].0, pair[1].1.plus(rotation::SETTLED_AFTER));
            // Looked at only once nobody writes under it any more.
            if settled > self.now() || rotation::is_in_use(&**self.store(), id, Self::ROWS)? {
                outcome.kept.push((id, settled));
            } else {
                self.transact(|tx| rotation::retire(tx, Family::Data, id))?;
                outcome.retired.push(id);
            }
        }
        if !outcome.retired.is_empty() {
            self.learn(&*self.keyring()?)?;
        }
        Ok(outcome)
    }

    /// Moves the index of keys to the newest index key; what stands above moves its own indexes
    /// (`Cabinet::reindex`). For officers. It goes in small commits and may be ended and begun again at any point.
    ///
    /// # Errors
    /// As [`Vault::rewrap`].
    pub fn reindex(&self, progress: &mut dyn FnMut(&Reindexing)) -> Result<Reindexing, Error> {
        self.step_through(finding::reindex, progress)
    }

    /// Takes the steps of moving index rows, to the end.
    ///
    /// # Errors
    /// What a step returned; [`Error::Busy`] when rows changed all the time.
    pub fn step_through(
        &self,
        step: impl Fn(&mut Transaction<'_>, &Reindexing, usize) -> Result<Reindexing, Error>,
        progress: &mut dyn FnMut(&Reindexing),
    ) -> Result<Reindexing, Error> {
        let mut at = Reindexing::default();
        let (mut rows, mut conflicts) = (Self::ROWS, 0);
        while !at.done {
            match self.transact(|tx| step(tx, &at, rows)) {
                Ok(next) => {
                    at = next;
                    (rows, conflicts) = (Self::ROWS, 0);
                    progress(&at);
                }
                Err(Error::Busy) if conflicts < 2 * Self::TRIES => {
                    (rows, conflicts) = ((rows / 8).max(1), conflicts + 1);
                    std::thread::sleep(Duration::from_millis(conflicts.into()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(at)
    }

    /// Ends index keys that are older than the newest; answers which. The caller
    /// has moved every index twice since the newest one settled, and nothing was left. For officers.
    ///
    /// # Errors
    /// [`Error::Role`]; as [`Vault::transact`].
    pub fn retire_index_keys(&self) -> Result<RetiredKeys, Error> {
        let keys = self.transact(rotation::index_keys)?;
        let mut ended = RetiredKeys::default();
        for pair in keys.windows(2) {
            let (id, settled) = (pair[0].0, pair[1].1.plus(rotation::SETTLED_AFTER));
            if settled > self.now() {
                ended.kept.push((id, settled));
            } else {
                self.transact(|tx| rotation::retire(tx, Family::Index, id))?;
                ended.retired.push(id);
            }
        }
        if !ended.retired.is_empty() {
            self.learn(&*self.keyring()?)?;
        }
        Ok(ended)
    }
}
