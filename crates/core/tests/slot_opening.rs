//! Making and opening a vault through a slot, and what a hostile slot may do: nothing.

mod harness;

use std::sync::Barrier;

use harness::{COST, Chance, NOON, TestStore, new_vault, open_by, rows};
use zamok_core::event::{EventKind, Leaf};
use zamok_core::secret::{HeapMemory, SecretMemory, SecretRegion};
use zamok_core::store::{EntryId, Range, Row, RowKey, Store, StoreFault, Table};
use zamok_core::vault::slot::{Argon2Cost, Key32, Method, Slot, VAULT};
use zamok_core::vault::{Entry, Family, Keyring, Role, VaultId, doors, rotation};
use zamok_core::{Env, Error, UnixTime};

const KEK: [u8; 32] = [0x4b; 32];

fn kek() -> Key32 {
    Key32::new(KEK)
}

/// A new vault, with the officer's slot and the keys in the user's hands.
fn create(store: &dyn Store, number: u64) -> Result<(Slot, Keyring), Error> {
    let mut chance = Chance::new("slot", number);
    let keyring = new_vault(store, &KEK, Env { now: UnixTime(NOON), rng: &mut chance })?;
    Ok((Slot::read(store, 0)?, keyring))
}

fn open(store: &dyn Store, kek: [u8; 32]) -> Result<Keyring, Error> {
    open_by(store, 0, &kek)
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
    assert_eq!(Slot::read(&store, 0).as_ref(), Ok(&slot));
    let opened = open(&store, KEK).unwrap();
    assert_eq!((opened.vault(), made.vault()), (slot.vault, slot.vault));
    // Both hold the same keys.
    assert_eq!(opened.blind_index("login", b"anna"), made.blind_index("login", b"anna"));
    assert_eq!(doors::origin(&store, &opened), doors::origin(&store, &made));
    for place in 0..32 {
        let mut wrong = KEK;
        wrong[place] ^= 1;
        assert_eq!(open(&store, wrong).err(), Some(Error::Rejected));
    }
}

#[test]
fn a_new_vault_is_just_its_own_rows_and_the_first_entry_of_its_log() {
    let store = TestStore::default();
    let (_, keyring) = create(&store, 0).unwrap();
    let all = rows(&store);
    let names: Vec<_> = all.iter().map(|(key, row)| (key.table.0, key.key.clone(), row.version)).collect();
    let entry = names[12].1.clone();
    let own: [&[u8]; 11] = [
        b"attempts/\0",
        b"attempts/\x01",
        b"attempts/\x02",
        b"data-key/\0\0\0\x01",
        b"index-key/\0\0\0\x01",
        b"journal-key/\0\0\0\x01",
        b"log",
        b"slot/\0",
        b"slot/\x01",
        b"slot/\x02",
        b"vault",
    ];
    let mut expected: Vec<_> = own.map(|name| (1, name.to_vec(), 1)).into();
    expected.extend([(15, Vec::new(), 1), (16, entry.clone(), 1), (24, b"anchor".to_vec(), 1)]);
    assert_eq!(names, expected);
    let id = EntryId::of_row(&entry).unwrap();
    let opened = Entry::open(&keyring, id, &all[12].1.value).unwrap();
    let leaf = Leaf::decode(&opened.leaf).unwrap();
    assert_eq!((id.sequence, opened.previous), (1, [0; 32]));
    assert_eq!((leaf.kind, leaf.row, leaf.revision), (EventKind::VaultCreated, row(b"vault"), 1));
    let origin = doors::origin(&store, &keyring).unwrap();
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
    assert_eq!(Slot::read(&store, 3), Err(Error::NoSlot(3)), "there is no other slot");
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
    let dearer = Method::Passphrase(Argon2Cost { memory_kib: 16, ..COST });
    let others = [
        Slot { method: dearer, ..slot.clone() },
        Slot { method: Method::Key, ..slot.clone() },
        Slot { salt: [0; 32], ..slot.clone() },
        Slot { role: Role::User, ..slot.clone() },
        Slot { label: "another door".into(), ..slot.clone() },
        Slot { vault: VaultId([0; 16]), ..slot },
    ];
    for other in others {
        assert_eq!(doors::open(&store, &other, &kek(), &HeapMemory).err(), Some(Error::Busy));
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
        value[25..37].copy_from_slice(&numbers);
        store.plant(&slot_row(), Some(Row { value, ..stored }));
        assert_eq!(Slot::read(&store, 0), Err(Error::Refused), "{cost:?}");
        assert_eq!(slot.method, Method::Passphrase(COST));
    }
}

#[test]
fn another_cost_method_or_role_in_the_row_is_read_but_never_opened() {
    let store = TestStore::default();
    let (slot, _) = create(&store, 0).unwrap();
    let stored = store.get(&slot_row()).unwrap().unwrap();
    let altered = |edits: &[(usize, u8)]| {
        let mut value = stored.value.clone();
        edits.iter().for_each(|(place, byte)| value[*place] = *byte);
        Row { value, ..stored }
    };
    let cost = Argon2Cost { memory_kib: 9, ..COST };
    let free = [(24, 3), (28, 0), (32, 0), (36, 0)];
    let cases = [
        (altered(&[(28, 9)]), Slot { method: Method::Passphrase(cost), ..slot.clone() }),
        (altered(&[(24, 2)]), Slot { method: Method::Pin(COST), ..slot.clone() }),
        (altered(&free), Slot { method: Method::Key, ..slot.clone() }),
        (altered(&[(23, 2)]), Slot { role: Role::User, ..slot.clone() }),
        (altered(&[(23, 3)]), Slot { role: Role::Auditor, ..slot }),
    ];
    for (planted, expected) in cases {
        store.plant(&slot_row(), Some(planted));
        let read = Slot::read(&store, 0).unwrap();
        assert_eq!(read, expected);
        assert_eq!(doors::open(&store, &read, &kek(), &HeapMemory).err(), Some(Error::Rejected));
        store.restore();
    }
    // Methods and roles that there are none of, and a cost where nothing is stretched.
    for edits in [&[(24, 0)][..], &[(24, 6)], &[(23, 0)], &[(23, 4)], &[(24, 3)]] {
        store.plant(&slot_row(), Some(altered(edits)));
        assert_eq!(Slot::read(&store, 0), Err(Error::Refused), "{edits:?}");
        store.restore();
    }
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
fn a_key_or_a_slot_that_was_added_taken_away_or_put_back_is_noticed() {
    // What the vault was before a rotation and a change of every slot …
    let store = TestStore::default();
    create(&store, 0).unwrap();
    let (old, officer) = (rows(&store), open(&store, KEK).unwrap());
    let scene = harness::Scene::over(store, officer, "rotated");
    let store = &scene.store;
    for family in [Family::Data, Family::Journal] {
        scene.transact(|tx| rotation::rotate(tx, family)).unwrap();
    }
    for number in 0..3 {
        let slot = Slot::read(store, number).unwrap();
        let slot = Slot { salt: [number; 32], label: "changed".into(), ..slot };
        scene.transact(|tx| doors::change_slot(tx, &slot, &kek())).unwrap();
    }
    // … is what it is put back to, row by row, each with the version that it has now.
    let mut cases = 0;
    for number in 0..2 {
        assert!(open_by(store, number, &KEK).is_ok());
        for (key, now) in rows(store).into_iter().filter(|(key, _)| key.table == VAULT) {
            if key.key.starts_with(b"attempts/") {
                // What it counts is not authenticated; that it is there is looked at, whoever comes in.
                store.plant(&key, None);
                assert_eq!(open_by(store, number, &KEK).err(), Some(Error::Refused), "{key:?} taken away");
                store.restore();
                continue;
            }
            let own = key.key == [b"slot/", &[number][..]].concat();
            let before = old.iter().find(|(other, _)| *other == key).map(|(_, row)| row.clone());
            if let Some(before) = before.filter(|before| before.value != now.value) {
                store.plant(&key, Some(Row { version: now.version, ..before }));
                assert_eq!(open_by(store, number, &KEK).err(), Some(Error::Refused), "{key:?} put back");
                cases += 1;
            }
            store.plant(&key, None);
            let expected = if own { Error::NoSlot(number) } else { Error::Refused };
            assert_eq!(open_by(store, number, &KEK).err(), Some(expected), "{key:?} taken away");
            store.restore();
            // A further one, of another number.
            let mut added = key.clone();
            if let Some(last) = added.key.last_mut().filter(|_| key.key.contains(&b'/')) {
                *last = 9;
                store.plant(&added, Some(now));
                assert_eq!(open_by(store, number, &KEK).err(), Some(Error::Refused), "{added:?} added");
                store.restore();
                cases += 1;
            }
            cases += 1;
        }
    }
    assert_eq!(
        cases,
        2 * (5 + 10 + 8),
        "header, log and slots put back; all taken away; slots and keys added"
    );
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
    assert_eq!(doors::open(&store, &slot, &kek(), &Full).err(), Some(FULL));
}
