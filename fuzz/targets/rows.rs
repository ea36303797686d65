//! Rows as a hostile store gives them: none is opened, none is believed.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use zamok_core::secret::HeapMemory;
use zamok_core::store::{EntryId, Row, RowKey, Table};
use zamok_core::vault::{DataKeyId, Entry, Keyring, VaultId, VaultKeys};

static KEYRING: LazyLock<Keyring> = LazyLock::new(|| {
    // Known to the fuzzer's author alone: no input can carry a tag under it but by chance.
    Keyring::new(
        VaultId([0xa0; 16]),
        zamok_core::vault::Role::User,
        VaultKeys::alike(&[(DataKeyId(1), &[0x5c; 32])]),
        &HeapMemory,
    )
    .expect("one key")
});

fuzz_target!(|input: (u16, &[u8], u64, &[u8])| {
    let (table, key, version, value) = input;
    let place = RowKey::new(Table(table), key);
    let row = Row { version, value: value.to_vec() };
    assert!(KEYRING.open(&place, &row).is_err());
    assert!(KEYRING.verify(&place, &row).is_err());
    let id = EntryId { writer: [7; 16], sequence: version };
    assert!(Entry::open(&KEYRING, id, value).is_err());
});
