//! Opened keys, and what is spent of them, kept in memory between transactions: so many of each. Which one gives way to a
//! new one is left to chance, so that no order in which keys are used finds none of them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zamok_core::secret::SecretMemory;
use zamok_core::store::{Row, RowKey};
use zamok_core::vault::{CachedKey, KeyCache};

/// Most keys that are kept, and most rows beside them.
const MOST: usize = 16_384;
/// Locked memory that a kept secret takes, in bytes.
const LOCKED: usize = 64;

pub(super) struct KeptKeys {
    memory: Arc<dyn SecretMemory>,
    keys: Mutex<Kept<Arc<CachedKey>>>,
    rows: Mutex<Kept<Arc<Row>>>,
}

impl KeptKeys {
    /// As many keys as half of the memory that may be locked holds (`CRYPTO.md` §7).
    pub(super) fn new(memory: Arc<dyn SecretMemory>) -> Self {
        Self::of(MOST.min(crate::memory::lock_limit() / 2 / LOCKED).max(LOCKED), memory)
    }

    fn of(most: usize, memory: Arc<dyn SecretMemory>) -> Self {
        Self { memory, keys: Mutex::new(Kept::of(most)), rows: Mutex::new(Kept::of(MOST)) }
    }

    /// Wipes all of them.
    pub(super) fn clear(&self) {
        lock(&self.keys).clear();
        lock(&self.rows).clear();
    }
}

impl KeyCache for KeptKeys {
    fn find(&self, row: &RowKey) -> Option<Arc<CachedKey>> {
        lock(&self.keys).find(row).cloned()
    }

    fn keep(&self, row: &RowKey, key: Arc<CachedKey>) {
        // Wiped outside of the lock.
        let _replaced = lock(&self.keys).keep(row, key);
    }

    fn memory(&self) -> &dyn SecretMemory {
        &*self.memory
    }

    fn row(&self, row: &RowKey) -> Option<Arc<Row>> {
        lock(&self.rows).find(row).cloned()
    }

    fn keep_row(&self, row: &RowKey, known: &Arc<Row>) {
        let mut rows = lock(&self.rows);
        match rows.find_mut(row) {
            Some(kept) if kept.version < known.version => *kept = known.clone(),
            // Of two that committed one after the other, the first may come here last.
            Some(_) => {}
            None => drop(rows.keep(row, known.clone())),
        }
    }
}

/// Rows of keys and of what is spent of them are under random ids, of which nobody chooses many that meet in one place: their own
/// bits are as good as a hash of them.
#[derive(Default)]
struct OwnBits(u64);

impl Hasher for OwnBits {
    fn finish(&self) -> u64 {
        // A product says most in its upper half.
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            // Multiplied by the golden ratio (Knuth, TAOCP 3, §6.4): also what little a short key says reaches all bits.
            self.0 = (self.0.rotate_left(29) ^ u64::from_le_bytes(word)).wrapping_mul(GOLDEN);
        }
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A map of bounded size.
struct Kept<V> {
    most: usize,
    places: HashMap<RowKey, usize, BuildHasherDefault<OwnBits>>,
    held: Vec<(RowKey, V)>,
    /// How many have given way.
    replaced: u64,
}

impl<V> Kept<V> {
    fn of(most: usize) -> Self {
        Self { most, places: HashMap::default(), held: Vec::new(), replaced: 0 }
    }

    fn find(&self, row: &RowKey) -> Option<&V> {
        self.places.get(row).and_then(|place| self.held.get(*place)).map(|(_, value)| value)
    }

    fn find_mut(&mut self, row: &RowKey) -> Option<&mut V> {
        self.places.get(row).and_then(|place| self.held.get_mut(*place)).map(|(_, value)| value)
    }

    /// Keeps a value; answers what it takes the place of.
    fn keep(&mut self, row: &RowKey, value: V) -> Option<V> {
        if let Some(held) = self.find_mut(row) {
            return Some(mem::replace(held, value));
        }
        if self.held.len() < self.most {
            self.places.insert(row.clone(), self.held.len());
            self.held.push((row.clone(), value));
            return None;
        }
        self.replaced = self.replaced.wrapping_add(1);
        // Multiplied by the golden ratio, numbers in a row fall far apart.
        let chance = self.replaced.wrapping_mul(GOLDEN) >> 32;
        let place = usize::try_from(chance).unwrap_or(0) % self.most;
        let (row_before, before) = mem::replace(self.held.get_mut(place)?, (row.clone(), value));
        self.places.remove(&row_before);
        self.places.insert(row.clone(), place);
        Some(before)
    }

    fn clear(&mut self) {
        *self = Self::of(self.most);
    }
}

fn lock<V>(kept: &Mutex<Kept<V>>) -> MutexGuard<'_, Kept<V>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use zamok_core::secret::HeapMemory;
    use zamok_core::store::{MemoryStore, Table};
    use zamok_core::vault::slot::Argon2Cost;
    use zamok_core::vault::{KeyKind, Purpose, keys, signing};

    use super::*;
    use crate::{Options, Passphrase, Vault};

    fn place(number: usize) -> RowKey {
        RowKey::new(Table(900), number.to_be_bytes())
    }

    #[test]
    fn keys_are_kept_while_the_vault_is_open_and_none_once_it_is_locked() {
        let cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
        let options = Options { cost, memory: Arc::new(HeapMemory), ..Options::default() };
        let vault =
            Vault::create(Arc::new(MemoryStore::new()), &Passphrase::from("sentence"), options).unwrap();
        let id = vault.transact(|tx| signing::generate(tx, KeyKind::P256, Purpose::Token, "", None)).unwrap();
        vault.transact(|tx| keys::info(tx, id)).unwrap();
        assert!(vault.kept.find(&RowKey::new(Table(2), id.0)).is_some(), "it was opened");
        vault.kept.keep_row(&place(0), &Arc::new(Row { version: 1, value: Vec::new() }));
        vault.lock();
        assert!(vault.kept.find(&RowKey::new(Table(2), id.0)).is_none());
        assert!(vault.kept.row(&place(0)).is_none());
    }

    #[test]
    fn no_more_than_so_many_are_kept_and_going_round_more_of_them_still_finds_some() {
        let mut kept = Kept::of(100);
        let mut found = 0;
        for number in 0..10_000 {
            let row = place(number % 150);
            match kept.find(&row) {
                Some(value) => {
                    assert_eq!(*value, number % 150, "the value of another row");
                    found += 1;
                }
                None => {
                    kept.keep(&row, number % 150);
                }
            }
            assert!(kept.held.len() <= 100 && kept.places.len() == kept.held.len());
        }
        assert!(found > 1_000, "{found} of 10,000");
    }

    #[test]
    fn an_older_version_of_a_row_never_takes_the_place_of_a_newer_one() {
        let kept = KeptKeys::of(10, Arc::new(HeapMemory));
        for (version, newest) in [(2, 2), (1, 2), (3, 3), (3, 3)] {
            kept.keep_row(&place(1), &Arc::new(Row { version, value: Vec::new() }));
            assert_eq!(kept.row(&place(1)).map(|row| row.version), Some(newest));
        }
    }
}
