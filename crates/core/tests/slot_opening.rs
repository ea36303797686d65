//! Making and opening a vault through a slot, and what a hostile slot may do: nothing.

mod harness;

use std::sync::Barrier;

use harness::{Chance, NOON, TestStore, rows};
use zamok_core::event::{EventKind, Leaf};
use zamok_core::secret::{HeapMemory, SecretMemory, SecretRegion};
use zamok_core::store::{EntryId, Range, Row, RowKey, Store, StoreFault, Table};
use zamok_core::vault::slot::{self, Argon2Cost, Key32, Slot, VAULT};
use zamok_core::vault::{Entry, Keyring, VaultId};
use zamok_core::wire::Writer;
use zamok_core::{Env, Error, UnixTime};

const COST: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
const KEK: [u8; 32] = [0x4b; 32];

fn kek() -> Key32 {
    Key32::new(KEK)
}

fn create(store: &dyn Store, number: u64) -> Result<(Slot, Keyring), Error> {
    let mut chance = Chance::new("slot", number);
    let mut env = Env { now: UnixTime(NOON), rng: &mut chance };
    let slot = Slot::new(VaultId(env.random()), 0, COST, &mut env);
    slot::create(store, &slot, &kek(), &HeapMemory, env).map(|keyring| (slot, keyring))
}

fn open(store: &dyn Store, kek: [u8; 32]) -> Result<Keyring, Error> {
    let slot = Slot::read(store, 0)?;
    slot::open(store, &slot, &Key32::new(kek), &HeapMemory)
}

fn row(name: &[u8]) -> RowKey {
    RowKey::new(VAULT, name)
}

fn slot_row() -> RowKey {
    row(b"slot/\0")
}

#[test]
fn a_vault_that_was_made_is_opened_with_its_key_and_with_no_other() {
    let store = TestStore::default();
    let (slot, made) = create(&store, 0).unwrap();
    assert_eq!(Slot::read(&store, 0), Ok(slot));
    let opened = open(&store, KEK).unwrap();
    assert_eq!((opened.vault(), made.vault()), (slot.vault, slot.vault));
    // Both hold the same keys.
    assert_eq!(opened.blind_index("login", b"anna"), made.blind_index("login", b"anna"));
    assert_eq!(slot::origin(&store, &opened), slot::origin(&store, &made));
    for place in 0..32 {
        let mut wrong = KEK;
        wrong[place] ^= 1;
        assert_eq!(open(&store, wrong).err(), Some(Error::Rejected));
    }
}

#[test]
fn a_new_vault_is_just_its_four_rows_and_the_first_entry_of_its_log() {
    let store = TestStore::default();
    let (_, keyring) = create(&store, 0).unwrap();
    let all = rows(&store);
    let names: Vec<_> = all.iter().map(|(key, row)| (key.table.0, key.key.clone(), row.version)).collect();
    let entry = names[4].1.clone();
    let expected = [
        (1, b"attempts/\0".to_vec(), 1),
        (1, b"data-key/\0\0\0\x01".to_vec(), 1),
        (1, b"slot/\0".to_vec(), 1),
        (1, b"vault".to_vec(), 1),
        (16, entry.clone(), 1),
    ];
    assert_eq!(names, expected);
    let id = EntryId::from_bytes(&entry).unwrap();
    let opened = Entry::open(&keyring, id, &all[4].1.value).unwrap();
    let leaf = Leaf::decode(&opened.leaf).unwrap();
    assert_eq!((id.sequence, opened.previous), (1, [0; 32]));
    assert_eq!((leaf.kind, leaf.row, leaf.revision), (EventKind::VaultCreated, row(b"vault"), 1));
    let origin = slot::origin(&store, &keyring).unwrap();
    assert_eq!(leaf.origin, origin);
    assert!(origin.len() == 38 && origin.starts_with("zamok/"), "{origin}");
    for (_, row) in all {
        assert!(!row.value.windows(32).any(|window| window == KEK));
    }
}

#[test]
fn a_second_vault_is_not_made_and_harms_nothing() {
    let store = TestStore::default();
    create(&store, 0).unwrap();
    let before = rows(&store);
    assert_eq!(create(&store, 1).err(), Some(Error::VaultExists));
    assert_eq!(rows(&store), before);
    // Remains of a vault are a vault too.
    for missing in [row(b"vault"), slot_row()] {
        store.plant(&missing, None);
        assert_eq!(create(&store, 2).err(), Some(Error::VaultExists), "{missing:?}");
        store.restore();
    }
    assert_eq!(rows(&store), before);
}

#[test]
fn of_many_that_make_a_vault_at_once_one_does() {
    for round in 0..harness::tier(5, 20, 200) {
        let (store, start) = (TestStore::default(), Barrier::new(8));
        let made: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|thread| {
                    let (store, start) = (&store, &start);
                    scope.spawn(move || {
                        start.wait();
                        create(store, round as u64 * 8 + thread)
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let refused = |result: &Result<_, _>| matches!(result, Err(Error::VaultExists));
        assert_eq!(made.iter().filter(|made| refused(made)).count(), 7);
        let (slot, _) = made.into_iter().find_map(Result::ok).unwrap();
        assert_eq!(open(&store, KEK).unwrap().vault(), slot.vault);
    }
}

#[test]
fn an_empty_store_holds_no_vault() {
    let store = TestStore::default();
    assert_eq!(Slot::read(&store, 0), Err(Error::NoVault));
    assert_eq!(open(&store, KEK).err(), Some(Error::NoVault));
    create(&store, 0).unwrap();
    assert_eq!(Slot::read(&store, 1), Err(Error::NoVault), "there is no other slot");
}

#[test]
fn a_creation_that_the_store_does_not_take_makes_nothing() {
    for fault in [StoreFault::Full, StoreFault::ReadOnly] {
        let store = TestStore::default();
        store.lose(harness::Lost::Fault(fault));
        assert_eq!(create(&store, 0).err(), Some(Error::Store(fault)));
        assert!(rows(&store).is_empty());
        assert!(create(&store, 0).is_ok());
    }
}

#[test]
fn a_slot_that_changes_between_reading_and_opening_is_not_opened() {
    let store = TestStore::default();
    let (slot, _) = create(&store, 0).unwrap();
    let cheaper = Slot { cost: Argon2Cost { memory_kib: 8, ..COST }, ..slot };
    let salted = Slot { salt: [0; 32], ..slot };
    for other in [cheaper, salted, Slot { vault: VaultId([0; 16]), ..slot }] {
        assert_eq!(slot::open(&store, &other, &kek(), &HeapMemory).err(), Some(Error::Busy));
    }
}

#[test]
fn costs_are_bounded_at_their_edges() {
    let cost = |memory_kib, passes, lanes| Argon2Cost { memory_kib, passes, lanes };
    let sound = [cost(8, 1, 1), cost(4 << 20, 64, 16), cost(128, 1, 16), cost(19 << 10, 2, 1)];
    for cost in sound {
        assert_eq!(cost.bounded(), Ok(cost));
    }
    let hostile = [
        cost(7, 1, 1),
        cost(0, 1, 1),
        cost((4 << 20) + 1, 1, 1),
        cost(u32::MAX, 1, 1),
        cost(64, 0, 1),
        cost(64, 65, 1),
        cost(64, u32::MAX, 1),
        cost(64, 1, 0),
        cost(1 << 20, 1, 17),
        cost(u32::MAX, u32::MAX, u32::MAX),
        cost(127, 1, 16),
        cost(15, 1, 2),
    ];
    for cost in hostile {
        assert_eq!(cost.bounded(), Err(Error::Refused), "{cost:?}");
        // The same in a row: refused before anything is derived.
        let store = TestStore::default();
        let (slot, _) = create(&store, 0).unwrap();
        let stored = store.get(&slot_row()).unwrap().unwrap();
        let mut value = stored.value.clone();
        let numbers = [cost.memory_kib, cost.passes, cost.lanes].map(u32::to_be_bytes).concat();
        value[24..36].copy_from_slice(&numbers);
        store.plant(&slot_row(), Some(Row { value, ..stored }));
        assert_eq!(Slot::read(&store, 0), Err(Error::Refused), "{cost:?}");
        assert_eq!(slot.cost, COST);
    }
}

#[test]
fn a_cheaper_cost_in_the_row_is_read_but_never_opened() {
    let store = TestStore::default();
    let (slot, _) = create(&store, 0).unwrap();
    let stored = store.get(&slot_row()).unwrap().unwrap();
    let mut value = stored.value.clone();
    value[24..28].copy_from_slice(&8_u32.to_be_bytes());
    store.plant(&slot_row(), Some(Row { value, ..stored }));
    let read = Slot::read(&store, 0).unwrap();
    assert_eq!(read, Slot { cost: Argon2Cost { memory_kib: 8, ..COST }, ..slot });
    assert_eq!(slot::open(&store, &read, &kek(), &HeapMemory).err(), Some(Error::Rejected));
}

#[test]
fn a_slot_of_a_later_format_says_so() {
    let store = TestStore::default();
    create(&store, 0).unwrap();
    for (name, read) in [(slot_row(), true), (row(b"vault"), false)] {
        let stored = store.get(&name).unwrap().unwrap();
        for (found, later) in [(2, true), (u16::MAX, true), (0, false)] {
            let mut value = stored.value.clone();
            value[4..6].copy_from_slice(&u16::to_be_bytes(found));
            store.plant(&name, Some(Row { value, ..stored }));
            let expected = if later { Error::Format { found, supported: 1 } } else { Error::Refused };
            assert_eq!(open(&store, KEK).err(), Some(expected), "{name:?} of format {found}");
            assert!(!read || Slot::read(&store, 0) == Err(expected));
            store.restore();
        }
    }
}

#[test]
fn data_keys_that_nobody_wrapped_here_are_refused() {
    let store = TestStore::default();
    let (slot, _) = create(&store, 0).unwrap();
    // A second data key that was only copied, or invented.
    let stored = store.get(&row(b"data-key/\0\0\0\x01")).unwrap().unwrap();
    let mut header = Writer::new();
    header.raw(b"ZMKD").u16(1).raw(&slot.vault.0).u32(2);
    let relabelled = [header.as_slice(), &stored.value[header.as_slice().len()..]].concat();
    let names: [&[u8]; 3] = [b"data-key/\0\0\0\x02", b"data-key/\0\0\0", b"data-key/\0\0\0\x02\0"];
    for (number, name) in (0..).zip(names) {
        for value in [stored.value.clone(), relabelled.clone(), vec![]] {
            let fresh = TestStore::default();
            create(&fresh, 0).unwrap();
            let mut change = zamok_core::store::Change::new(zamok_core::store::ChangeId([number; 16]));
            change.insert(row(name), value).unwrap();
            let _ = fresh.commit(&change).unwrap();
            assert_eq!(open(&fresh, KEK).err(), Some(Error::Refused), "{name:?}");
        }
    }
}

#[test]
fn rows_of_other_tables_do_not_matter_to_opening() {
    let store = TestStore::default();
    create(&store, 0).unwrap();
    let page = store.scan(Table(16), &Range::all(), 10, None).unwrap();
    for (key, _) in page.rows {
        store.plant(&RowKey::new(Table(16), key), None);
    }
    assert!(open(&store, KEK).is_ok(), "a deleted journal entry is found by the audit, not by the door");
}

#[test]
fn a_lack_of_locked_memory_is_not_told_as_an_altered_store() {
    struct Full;
    const FULL: Error = Error::TooLong { what: "locked memory", given: 128, limit: 0 };
    impl SecretMemory for Full {
        fn hold(&self, _: &[u8]) -> Result<Box<dyn SecretRegion>, Error> {
            Err(FULL)
        }
    }
    let store = TestStore::default();
    let (slot, _) = create(&store, 0).unwrap();
    assert_eq!(slot::open(&store, &slot, &kek(), &Full).err(), Some(FULL));
}
