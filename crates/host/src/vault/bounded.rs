//! A map of bounded size behind a lock, until it is closed. Which value gives way to a new one is left to chance, so that no order
//! in which rows are used finds none of them.
//!
//! Generic over what is kept, and built on the names of [`crate::primitives`] alone: `audit/models` compiles this very file over
//! loom's primitives and runs it through every interleaving.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::mem;
use std::sync::PoisonError;

use zamok_core::store::RowKey;

use crate::primitives::{Mutex, MutexGuard};

/// Values of rows, so many; `None` once it is closed.
pub(super) struct Bounded<V>(Mutex<Option<Places<V>>>);

impl<V: Clone> Bounded<V> {
    pub(super) fn of(most: usize) -> Self {
        Self(Mutex::new(Some(Places::of(most))))
    }

    pub(super) fn find(&self, row: &RowKey) -> Option<V> {
        self.places().as_mut()?.find(row).cloned()
    }

    /// Keeps a value. One that is there for its row gives way when that says so, else it stays.
    pub(super) fn keep(&self, row: &RowKey, value: V, gives_way: impl FnOnce(&V) -> bool) {
        // What has no place any more is wiped outside of the lock.
        let _without_place = match &mut *self.places() {
            Some(places) => places.keep(row, value, gives_way),
            None => Some(value),
        };
    }

    /// Wipes all of them, and keeps none from now on.
    pub(super) fn close(&self) {
        let _gone = self.places().take();
    }

    fn places(&self) -> MutexGuard<'_, Option<Places<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

struct Places<V> {
    most: usize,
    places: HashMap<RowKey, usize, BuildHasherDefault<OwnBits>>,
    held: Vec<(RowKey, V)>,
    /// How many have given way to another row's.
    replaced: u64,
}

impl<V> Places<V> {
    fn of(most: usize) -> Self {
        Self { most, places: HashMap::default(), held: Vec::new(), replaced: 0 }
    }

    fn find(&mut self, row: &RowKey) -> Option<&mut V> {
        self.places.get(row).and_then(|place| self.held.get_mut(*place)).map(|(_, value)| value)
    }

    /// Keeps a value; answers the one that has no place any more, which may be this one.
    fn keep(&mut self, row: &RowKey, value: V, gives_way: impl FnOnce(&V) -> bool) -> Option<V> {
        if let Some(held) = self.find(row) {
            return Some(if gives_way(held) { mem::replace(held, value) } else { value });
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
}

/// How many values there are.
#[cfg(test)]
impl<V: Clone> Bounded<V> {
    pub(super) fn count(&self) -> usize {
        self.places().as_ref().map_or(0, |places| {
            assert_eq!(places.places.len(), places.held.len(), "a place for each");
            places.held.len()
        })
    }
}
