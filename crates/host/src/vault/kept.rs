//! Opened keys, and what is spent of them, kept in memory between transactions: so many of each.

use std::sync::Arc;

use zamok_core::secret::SecretMemory;
use zamok_core::store::{Row, RowKey};
use zamok_core::vault::{CachedKey, KeyCache};

use super::bounded::Bounded;
use super::held::Opened;

/// Most keys that are kept, and most rows beside them.
const MOST: usize = 16_384;
/// Locked memory that a kept secret takes, in bytes.
const LOCKED: usize = 64;

pub(super) struct KeptKeys {
    memory: Arc<dyn SecretMemory>,
    keys: Bounded<Arc<CachedKey>>,
    rows: Bounded<Arc<Row>>,
}

impl KeptKeys {
    /// As many keys as half of the memory that may be locked holds (`CRYPTO.md` §7).
    pub(super) fn new(memory: Arc<dyn SecretMemory>) -> Self {
        Self::of(MOST.min(crate::memory::lock_limit() / 2 / LOCKED).max(LOCKED), memory)
    }

    fn of(most: usize, memory: Arc<dyn SecretMemory>) -> Self {
        Self { memory, keys: Bounded::of(most), rows: Bounded::of(MOST) }
    }
}

impl Opened for KeptKeys {
    fn close(&self) {
        self.keys.close();
        self.rows.close();
    }
}

impl KeyCache for KeptKeys {
    fn find(&self, row: &RowKey) -> Option<Arc<CachedKey>> {
        self.keys.find(row)
    }

    fn keep(&self, row: &RowKey, key: Arc<CachedKey>) {
        self.keys.keep(row, key, |_| true);
    }

    fn memory(&self) -> &dyn SecretMemory {
        &*self.memory
    }

    fn row(&self, row: &RowKey) -> Option<Arc<Row>> {
        self.rows.find(row)
    }

    fn keep_row(&self, row: &RowKey, known: &Arc<Row>) {
        // Of two that committed one after the other, the first may come here last.
        self.rows.keep(row, known.clone(), |kept| kept.version < known.version);
    }
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

    fn vault() -> Vault {
        let cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
        let options = Options { cost, memory: Arc::new(HeapMemory), ..Options::default() };
        Vault::create(Arc::new(MemoryStore::new()), &Passphrase::from("sentence"), options).unwrap()
    }

    #[test]
    fn keys_are_kept_while_the_vault_is_open_and_none_once_it_is_locked() {
        let vault = vault();
        let id = vault.transact(|tx| signing::generate(tx, KeyKind::P256, Purpose::Token, "", None)).unwrap();
        vault.transact(|tx| keys::info(tx, id)).unwrap();
        let kept = vault.held.opened();
        assert!(kept.find(&RowKey::new(Table(2), id.0)).is_some(), "it was opened");
        kept.keep_row(&place(0), &Arc::new(Row { version: 1, value: Vec::new() }));
        vault.lock();
        assert!(kept.find(&RowKey::new(Table(2), id.0)).is_none());
        assert!(kept.row(&place(0)).is_none());
    }

    #[test]
    fn a_call_that_goes_on_while_the_vault_is_locked_leaves_no_opened_key_behind() {
        let vault = vault();
        let id = vault.transact(|tx| signing::generate(tx, KeyKind::P256, Purpose::Token, "", None)).unwrap();
        let found = vault.transact(|tx| {
            vault.lock();
            keys::info(tx, id)
        });
        assert_eq!(found.map(|info| info.id), Ok(id), "a call under way finishes");
        assert_eq!(vault.held.opened().keys.count() + vault.held.opened().rows.count(), 0);
    }

    #[test]
    fn no_more_than_so_many_are_kept_and_going_round_more_of_them_still_finds_some() {
        let kept = Bounded::of(100);
        let mut found = 0;
        for number in 0..10_000 {
            let row = place(number % 150);
            match kept.find(&row) {
                Some(value) => {
                    assert_eq!(value, number % 150, "the value of another row");
                    found += 1;
                }
                None => kept.keep(&row, number % 150, |_| true),
            }
            assert!(kept.count() <= 100);
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
