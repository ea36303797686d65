//! The door for fuzzers: decoders that stand behind a seal or a MAC are given bytes as if those had been authenticated.
//!
//! It exists under `--cfg fuzzing` alone, as `cargo xtask fuzz` builds. Whoever holds a key, or a wrap for somebody else's
//! vault, may have written such bytes: they are read or refused, and what was read is written again as it was.

mod forms;

use alloc::vec::Vec;
use core::convert::Infallible;
use std::sync::LazyLock;

use rand_core::{TryCryptoRng, TryRng};

use super::keyring::{DataKeyId, Keyring, VaultId, VaultKeys};
use super::transaction::Transaction;
use super::{Committed, Role, Writer};
use crate::env::{Env, UnixTime};
use crate::error::Error;
use crate::secret::HeapMemory;
use crate::store::{MemoryStore, RowKey};

pub use forms::FORMS;

/// When transactions for fuzzers take place.
pub const NOW: UnixTime = UnixTime(1_800_000_000);

/// A form of bytes that only a seal or a MAC lets through.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    name: &'static str,
    again: fn(&[u8]) -> Option<Vec<u8>>,
    is_exact: bool,
}

impl Form {
    /// A content that is written in one way alone. `again` reads bytes and writes what it read; `None` where they are refused.
    #[must_use]
    pub const fn exact(name: &'static str, again: fn(&[u8]) -> Option<Vec<u8>>) -> Self {
        Self { name, again, is_exact: true }
    }

    /// A content of which several ways of writing are read: what is written then is read as the same.
    #[must_use]
    pub const fn loose(name: &'static str, again: fn(&[u8]) -> Option<Vec<u8>>) -> Self {
        Self { name, again, is_exact: false }
    }

    /// Reads bytes. Whether they are of this form.
    ///
    /// # Panics
    /// When something else is written than was read.
    #[must_use]
    pub fn reads(&self, bytes: &[u8]) -> bool {
        let Some(written) = (self.again)(bytes) else { return false };
        if self.is_exact {
            assert_eq!(written, bytes, "{}", self.name);
        } else {
            assert_eq!((self.again)(&written), Some(written), "{}", self.name);
        }
        true
    }
}

/// Gives the bytes behind the first to the form that the first chooses. Whether they are of that form.
///
/// # Panics
/// As [`Form::reads`].
pub fn choose<'a>(forms: impl IntoIterator<Item = &'a [Form]>, input: &[u8]) -> bool {
    let forms: Vec<&Form> = forms.into_iter().flatten().collect();
    let Some((choice, bytes)) = input.split_first() else { return false };
    forms.get(usize::from(*choice) % forms.len().max(1)).is_some_and(|form| form.reads(bytes))
}

/// Runs this over an empty store, with keys that are always the same.
pub fn in_transaction<T>(act: impl FnOnce(&mut Transaction<'_>) -> T) -> T {
    let (store, mut chance) = (MemoryStore::new(), Chance(1));
    act(&mut begin(&store, NOW, &mut chance))
}

/// Runs this over a store at some time, with keys that are always the same, and commits what it did; `number` is another each time.
///
/// # Errors
/// What `act` answers.
///
/// # Panics
/// When the commit meets a conflict: nobody else is there.
pub fn commit<T>(
    store: &MemoryStore,
    now: UnixTime,
    number: u64,
    act: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut chance = Chance(number);
    let mut tx = begin(store, now, &mut chance);
    let outcome = act(&mut tx)?;
    match tx.prepare(outcome)?.commit()? {
        Committed::Done(outcome, _) => Ok(outcome),
        Committed::Conflict(row) => panic!("a conflict at {row:?}"),
        Committed::Capped(counter) => panic!("{counter:?} is full"),
    }
}

fn begin<'a>(store: &'a MemoryStore, now: UnixTime, chance: &'a mut Chance) -> Transaction<'a> {
    static KEYRING: LazyLock<Keyring> = LazyLock::new(|| {
        let keys = VaultKeys::alike(&[(DataKeyId(1), &[0x77; 32])]);
        Keyring::new(VaultId([0x5a; 16]), Role::User, keys, &HeapMemory).expect("a key of each family")
    });
    let mut env = Env { now, rng: chance };
    let chain = Writer::new("log", &mut env);
    Transaction::begin(store, &KEYRING, chain, env)
}

/// The body of a sealed row after `again` has read and written it.
pub fn record_again(
    row: &RowKey,
    body: &[u8],
    again: impl FnOnce(&mut Transaction<'_>) -> Option<()>,
) -> Option<Vec<u8>> {
    in_transaction(|tx| {
        tx.put_record(row, &[], body).ok()?;
        again(tx)?;
        let opened = tx.record(row).expect("the row that was written").expect("it is there");
        Some(opened.body.to_vec())
    })
}

/// The body of a state row after `again` has read and written it; none where it is empty, which says that nothing is there.
pub fn state_again(
    row: &RowKey,
    body: &[u8],
    again: impl FnOnce(&mut Transaction<'_>) -> Option<()>,
) -> Option<Vec<u8>> {
    in_transaction(|tx| {
        tx.put_state(row, body).ok()?;
        tx.state(row).ok()??;
        again(tx)?;
        tx.state(row).expect("the row that was written")
    })
}

/// Randomness for fuzzers, where the same input must do the same: SplitMix64, fit for nothing else.
struct Chance(u64);

impl TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(mixed ^ (mixed >> 31))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for part in bytes.chunks_mut(8) {
            let drawn = self.try_next_u64()?.to_be_bytes();
            part.copy_from_slice(&drawn[..part.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Chance {}
