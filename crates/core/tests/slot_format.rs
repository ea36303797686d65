//! `docs/formats/slot.md`: the vault of its vectors is opened, and made again to the same bytes.

mod harness;

use harness::{NOON, TestStore, page, vector, vectors};
use zamok_core::secret::HeapMemory;
use zamok_core::store::{Change, ChangeId, MemoryStore, RowKey, Store};
use zamok_core::vault::VaultId;
use zamok_core::vault::slot::{self, Argon2Cost, Key32, Slot, VAULT};
use zamok_core::wire::Writer;
use zamok_core::{Env, UnixTime};

const PAGE: &str = "docs/formats/slot.md";
const ROWS: [(&str, &[u8]); 4] = [
    ("slot-row", b"slot/\0"),
    ("data-key-row", b"data-key/\0\0\0\x01"),
    ("header-row", b"vault"),
    ("attempts-row", b"attempts/\0"),
];

fn kek(page: &str) -> Key32 {
    Key32::new(vector(page, "key-encryption-key").try_into().unwrap())
}

#[test]
fn the_vault_of_the_vectors_is_opened() {
    let page = page(PAGE);
    let store = MemoryStore::new();
    let mut change = Change::new(ChangeId([1; 16]));
    for (name, key) in ROWS {
        change.insert(RowKey::new(VAULT, key), vector(&page, name)).unwrap();
    }
    let _ = store.commit(&change).unwrap();
    let slot = Slot::read(&store, 0).unwrap();
    assert_eq!(slot.vault, VaultId(vector(&page, "vault").try_into().unwrap()));
    assert_eq!(slot.cost, Argon2Cost { memory_kib: 262_144, passes: 3, lanes: 1 });
    assert_eq!(slot.salt, *vector(&page, "argon2-salt"));
    let keyring = slot::open(&store, &slot, &kek(&page), &HeapMemory).unwrap();
    assert_eq!(slot::origin(&store, &keyring).unwrap().as_bytes(), vector(&page, "origin"));
    assert_eq!(vectors(&page).len(), ROWS.len() + 6);
}

#[test]
fn the_vectors_are_made_again_to_the_same_bytes() {
    let page = page(PAGE);
    let store = TestStore::default();
    let mut rng = harness::Chance::new("docs/formats/slot.md", 0);
    let mut env = Env { now: UnixTime(NOON), rng: &mut rng };
    let vault = VaultId(env.random());
    let cost = Argon2Cost { memory_kib: 262_144, passes: 3, lanes: 1 };
    let slot = Slot::new(vault, 0, cost, &mut env);
    slot::create(&store, &slot, &kek(&page), &HeapMemory, env).unwrap();
    for (name, key) in ROWS {
        assert_eq!(
            store.get(&RowKey::new(VAULT, key)).unwrap().unwrap().value,
            vector(&page, name),
            "{name}"
        );
    }
}

#[test]
fn the_rows_are_laid_out_as_the_page_says() {
    let page = page(PAGE);
    let vault = vector(&page, "vault");
    let mut slot = Writer::new();
    slot.raw(b"ZMKU")
        .u16(1)
        .raw(&vault)
        .u8(0)
        .u8(1)
        .u32(262_144)
        .u32(3)
        .u32(1)
        .raw(&vector(&page, "argon2-salt"));
    let row = vector(&page, "slot-row");
    assert_eq!(row[..slot.as_slice().len()], *slot.as_slice());
    assert_eq!(row.len(), slot.as_slice().len() + 32 + 32 + 32 + 16);

    let mut data_key = Writer::new();
    data_key.raw(b"ZMKD").u16(1).raw(&vault).u32(1);
    let row = vector(&page, "data-key-row");
    assert_eq!(row[..data_key.as_slice().len()], *data_key.as_slice());
    assert_eq!(row.len(), data_key.as_slice().len() + 32 + 32 + 32 + 16);

    let mut body = Writer::new();
    body.u64(NOON).bytes(&vector(&page, "origin")).unwrap();
    let mut header = Writer::new();
    header.raw(b"ZMKS").u16(1).u8(1).raw(&vault).u16(1).text("vault").unwrap().u32(1).u64(1);
    header.bytes(body.as_slice()).unwrap();
    let row = vector(&page, "header-row");
    assert_eq!(row[..row.len() - 32], *header.as_slice());

    assert_eq!(vector(&page, "attempts-row"), [&[1][..], &[0; 12]].concat());
}
