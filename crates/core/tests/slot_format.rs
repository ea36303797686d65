//! `docs/formats/slot.md`: the vault of its vectors is opened by each of its slots, and made again to the same bytes;
//! its table of roles is the one in the code.

mod harness;

use harness::{NOON, TestStore, page, table, vector, vectors};
use zamok_core::hash::sha256;
use zamok_core::secret::HeapMemory;
use zamok_core::store::{Change, ChangeId, MemoryStore, RowKey, Store};
use zamok_core::vault::roles::Operation;
use zamok_core::vault::slot::{Argon2Cost, Key32, Method, Slot, VAULT};
use zamok_core::vault::{Role, VaultId, doors};
use zamok_core::wire::Writer;
use zamok_core::{Env, Error, UnixTime};

const PAGE: &str = "docs/formats/slot.md";
const COST: Argon2Cost = Argon2Cost { memory_kib: 262_144, passes: 3, lanes: 1 };
const SLOTS: [(Role, Method, &str); 3] = [
    (Role::Officer, Method::Passphrase(COST), "officer"),
    (Role::User, Method::Key, "the service"),
    (Role::Auditor, Method::Pin(COST), "audit"),
];
const ROWS: [(&str, &[u8]); 9] = [
    ("officer-row", b"slot/\0"),
    ("user-row", b"slot/\x01"),
    ("auditor-row", b"slot/\x02"),
    ("data-key-row", b"data-key/\0\0\0\x01"),
    ("journal-key-row", b"journal-key/\0\0\0\x01"),
    ("index-key-row", b"index-key/\0\0\0\x01"),
    ("header-row", b"vault"),
    ("log-row", b"log"),
    ("attempts-row", b"attempts/\0"),
];

fn kek(page: &str) -> Key32 {
    Key32::new(vector(page, "key-encryption-key").try_into().unwrap())
}

/// The vault of the page, made from the randomness that repeats.
fn made(page: &str) -> TestStore {
    let store = TestStore::default();
    let mut rng = harness::Chance::new(PAGE, 0);
    let mut env = Env { now: UnixTime(NOON), rng: &mut rng };
    let vault = VaultId(env.random());
    let mut number = 0..;
    let slots = SLOTS.map(|(role, method, label)| {
        let slot = Slot::new(vault, number.next().unwrap(), role, method, label, &mut env);
        (slot, kek(page))
    });
    doors::create(&store, &slots, &HeapMemory, env).unwrap();
    store
}

#[test]
fn the_vault_of_the_vectors_is_opened_by_each_of_its_slots() {
    let page = page(PAGE);
    let store = MemoryStore::new();
    let mut change = Change::new(ChangeId([1; 16]));
    for (name, key) in ROWS {
        change.insert(RowKey::new(VAULT, key), vector(&page, name)).unwrap();
    }
    // Those of the other slots are the same.
    for number in [1, 2] {
        let key = [b"attempts/", &[number][..]].concat();
        change.insert(RowKey::new(VAULT, key), vector(&page, "attempts-row")).unwrap();
    }
    let _ = store.commit(&change).unwrap();
    for (number, (role, method, label)) in (0..).zip(SLOTS) {
        let slot = Slot::read(&store, number).unwrap();
        assert_eq!(slot.vault, VaultId(vector(&page, "vault").try_into().unwrap()));
        assert_eq!((slot.role, slot.method, slot.label.as_str()), (role, method, label));
        let keyring = doors::open(&store, &slot, &kek(&page), &HeapMemory).unwrap();
        assert_eq!((keyring.role(), keyring.slot()), (role, Some(number)));
        assert_eq!(doors::origin(&store, &keyring).unwrap().as_bytes(), vector(&page, "origin"));
    }
    assert_eq!(vectors(&page).len(), ROWS.len() + 11);
}

#[test]
fn the_vectors_are_made_again_to_the_same_bytes() {
    let page = page(PAGE);
    let store = made(&page);
    for (name, key) in ROWS {
        let row = store.get(&RowKey::new(VAULT, key)).unwrap().unwrap();
        assert_eq!((row.value, row.version), (vector(&page, name), 1), "{name}");
    }
}

#[test]
fn keys_that_need_no_stretching_are_derived_as_the_page_says() {
    let page = page(PAGE);
    let slot = Slot::read(&made(&page), 1).unwrap();
    assert_eq!(slot.salt, *vector(&page, "salt"));
    assert_eq!(*slot.key_from(&vector(&page, "material")), *vector(&page, "derived-key"));
}

#[test]
fn the_rows_are_laid_out_as_the_page_says() {
    let page = page(PAGE);
    let vault = vector(&page, "vault");
    let mut slot = Writer::new();
    slot.raw(b"ZMKU").u16(1).raw(&vault).u8(1).u8(2).u8(3).u32(0).u32(0).u32(0);
    slot.raw(&vector(&page, "salt")).text("the service").unwrap();
    let row = vector(&page, "user-row");
    assert_eq!(row[..slot.as_slice().len()], *slot.as_slice());
    assert_eq!(row.len(), slot.as_slice().len() + 32 + 32 + 32 + 16);
    assert_eq!(vector(&page, "officer-row")[22..37], [0, 1, 1, 0, 4, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1]);

    for (name, family) in [("data-key-row", 1), ("journal-key-row", 2), ("index-key-row", 3)] {
        let mut key = Writer::new();
        key.raw(b"ZMKD").u16(1).raw(&vault).u8(family).u32(1);
        let row = vector(&page, name);
        assert_eq!(row[..key.as_slice().len()], *key.as_slice());
        assert_eq!(row.len(), key.as_slice().len() + 32 + 32 + 32 + 16);
    }

    let digest = |name| sha256(&[&vector(&page, name)]);
    let listed = |body: &mut Writer, name| {
        body.u8(1).u32(1).u64(NOON).raw(&digest(name));
    };
    let state = |key: &str, body: &Writer| {
        let mut row = Writer::new();
        row.raw(b"ZMKS").u16(1).u8(1).raw(&vault).u16(1).text(key).unwrap().u32(0).u64(1);
        row.bytes(body.as_slice()).unwrap();
        row
    };
    let mut header = Writer::new();
    header.u8(1).u64(NOON).u8(3).u8(3);
    for (number, name) in (0..).zip(["officer-row", "user-row", "auditor-row"]) {
        header.u8(number).u8(number + 1).raw(&digest(name));
    }
    listed(&mut header, "data-key-row");
    listed(&mut header, "index-key-row");
    let row = vector(&page, "header-row");
    assert_eq!(row[..row.len() - 32], *state("vault", &header).as_slice());

    let mut log = Writer::new();
    log.u8(1).bytes(&vector(&page, "origin")).unwrap();
    listed(&mut log, "journal-key-row");
    let row = vector(&page, "log-row");
    assert_eq!(row[..row.len() - 32], *state("log", &log).as_slice());

    assert_eq!(vector(&page, "attempts-row"), [&[1][..], &[0; 32]].concat());
}

#[test]
fn roles_have_numbers_and_names_and_permit_what_they_may() {
    for (number, role) in (1..).zip(Role::ALL) {
        assert_eq!((role as u8, Role::from_number(number)), (number, Some(role)));
        for operation in Operation::ALL {
            let permitted = if role.may(operation) { Ok(()) } else { Err(Error::Role(role)) };
            assert_eq!(role.permit(operation), permitted);
        }
    }
    assert_eq!([0, 4, 255].map(Role::from_number), [None; 3]);
    assert_eq!(Role::ALL.map(|role| role.to_string()), ["officer", "user", "auditor"]);
}

#[test]
fn the_table_of_roles_is_the_one_in_the_code() {
    let rows = table(&page(PAGE), "## Roles");
    assert_eq!(rows.len(), Operation::ALL.len());
    for (row, operation) in rows.iter().zip(Operation::ALL) {
        assert_eq!(row[0], format!("`{operation:?}`"));
        for (cell, role) in row[2..].iter().zip(Role::ALL) {
            assert_eq!(cell == "yes", role.may(operation), "{role} and {operation:?}");
            assert!(cell == "yes" || cell == "–");
        }
        assert_eq!(row.len(), 5);
    }
}
