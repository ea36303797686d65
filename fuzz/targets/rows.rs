//! Rows as a hostile store gives them: none is opened and none is believed but the examples of `docs/formats`, in their places.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use zamok_core::secret::HeapMemory;
use zamok_core::store::{EntryId, Row, RowKey, Table};
use zamok_core::vault::{DataKeyId, Entry, Keyring, Role, VaultId, VaultKeys};
use zamok_fuzz::accepted;

/// `docs/formats/record.md`, `state.md` and `events.md`: the only inputs that anybody with the key has made.
const EXAMPLES: [&[u8]; 5] = [
    include_bytes!("../seeds/rows/key"),
    include_bytes!("../seeds/rows/detail"),
    include_bytes!("../seeds/rows/new-state"),
    include_bytes!("../seeds/rows/old-state"),
    include_bytes!("../seeds/rows/entry"),
];

/// The keyring of the pages on rows. Its key is public, but no input carries a tag under it by chance.
static KEYRING: LazyLock<Keyring> = LazyLock::new(|| {
    let vault = VaultId(std::array::from_fn(|place| 0xa0 + place as u8));
    let key = std::array::from_fn(|place| place as u8);
    Keyring::new(vault, Role::User, VaultKeys::alike(&[(DataKeyId(1), &key)]), &HeapMemory).expect("one key")
});

/// That of the entry, which has another vault.
static JOURNAL: LazyLock<Keyring> = LazyLock::new(|| {
    Keyring::new(VaultId([7; 16]), Role::User, VaultKeys::alike(&[(DataKeyId(1), &[0x5d; 32])]), &HeapMemory)
        .expect("one key")
});

// Table, version, length of the row's key, key, value.
fuzz_target!(|input: &[u8]| {
    let Some((table, rest)) = input.split_first_chunk::<2>() else { return };
    let Some((version, rest)) = rest.split_first_chunk::<8>() else { return };
    let Some((length, rest)) = rest.split_first() else { return };
    let (key, value) = rest.split_at(usize::from(*length).min(rest.len()));
    let place = RowKey::new(Table(u16::from_be_bytes(*table)), key);
    let row = Row { version: u64::from_be_bytes(*version), value: value.to_vec() };
    let is_example = EXAMPLES.contains(&input);
    if KEYRING.open(&place, &row).is_ok() {
        accepted("record");
        assert!(is_example, "a record that nobody sealed");
    }
    if KEYRING.verify(&place, &row).is_ok() {
        accepted("state");
        assert!(is_example, "a state that nobody wrote");
    }
    if let Some(id) = EntryId::from_bytes(key)
        && Entry::open(&JOURNAL, id, value).is_ok()
    {
        accepted("entry");
        // The version of its row is no part of an entry.
        assert!(EXAMPLES[4].ends_with(value), "an entry that nobody wrote");
    }
});
