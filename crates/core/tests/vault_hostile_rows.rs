//! Whoever holds the disk: every byte of every authenticated row flipped, cut, extended, moved, swapped, or put back
//! (CRYPTO §1). Nothing of it is accepted, and nothing panics.

mod harness;

use std::collections::BTreeMap;

use harness::{Chance, OWNER, Scene, TestStore, generous, new_vault, open_by, tell, wrong};
use zamok_core::store::{EntryId, Row, RowKey, Store, Table};
use zamok_core::vault::anchoring;
use zamok_core::vault::attempts::{self, Charge, UnlockPolicy};
use zamok_core::vault::relocation::Relocation;
use zamok_core::vault::slot::{Slot, VAULT};
use zamok_core::vault::{DETAILS, Entry, KeyId, KeyState, Purpose, keys, signing, spend};
use zamok_core::{Env, Error, UnixTime};

const KEYS: Table = Table(2);
const STATES: Table = Table(3);
const KEY_INDEX: Table = Table(5);
const RELOCATION: Table = Table(15);
const CHECKPOINTS: Table = Table(24);

/// A vault with a key of every kind and a little history.
struct House {
    scene: Scene,
    kek: [u8; 32],
    /// Rows as they were before the last operations.
    before: BTreeMap<RowKey, Row>,
}

impl House {
    fn new(seed: &str) -> Self {
        let (store, mut chance, now) = (TestStore::default(), Chance::new(seed, u64::MAX), UnixTime(5));
        let mut env = Env { now, rng: &mut chance };
        let kek = env.random();
        let keyring = new_vault(&store, &kek, env).unwrap();
        let scene = Scene::over(store, keyring, seed);
        let (totp, phone) = scene.totp();
        let (hotp, _) = scene.hotp(0);
        let document = scene.signer(Purpose::Document);
        let before = scene.rows().into_iter().collect();
        for key in [totp, hotp] {
            let code = wrong(&phone, scene.now());
            scene.verify(key, &code, &generous()).unwrap().accepted().unwrap_err();
        }
        scene.transact(|tx| signing::sign(tx, document, Purpose::Document, b"text", "a.txt")).unwrap();
        let resting = scene.signer(Purpose::Token);
        for key in [document, resting] {
            scene.transact(|tx| keys::change_state(tx, key, KeyState::Suspended, "night")).unwrap();
        }
        Self { scene, kek, before }
    }

    /// Rows that carry a proof: sealed, authenticated, or an entry of the journal.
    fn proven(&self) -> Vec<(RowKey, Row)> {
        self.scene.rows().into_iter().filter(|(key, _)| is_proven(key)).collect()
    }

    /// Uses a row as the vault does, and throws the transaction away.
    fn touch(&self, key: &RowKey) -> Result<(), Error> {
        let scene = &self.scene;
        match key.table {
            VAULT => open_by(&scene.store, 0, &self.kek).map(|_| ()),
            KEYS | STATES => {
                let id = KeyId(key.key.as_slice().try_into().unwrap());
                let by_sign = |error| if error == Error::KeyKind { None } else { Some(error) };
                let otp = scene.try_out(|tx| spend::verify(tx, id, "000000", &generous()).map(|_| ()));
                match otp.map_err(by_sign) {
                    Err(None) => scene.try_out(|tx| signing::public_key(tx, id).map(|_| ())),
                    Err(Some(error)) => Err(error),
                    Ok(()) => Ok(()),
                }
            }
            EntryId::TABLE => {
                let row = scene.store.get(key).unwrap().ok_or(Error::Refused)?;
                let id = EntryId::of_row(&key.key).unwrap();
                Entry::open(&scene.keyring, id, &row.value).map(|_| ())
            }
            DETAILS => {
                let row = scene.store.get(key).unwrap().ok_or(Error::Refused)?;
                scene.keyring.open(key, &row).map(|_| ())
            }
            RELOCATION => Relocation::refuse(&scene.store, &scene.keyring),
            CHECKPOINTS => anchoring::is_required(&scene.store, &scene.keyring).map(|_| ()),
            table => panic!("a row of the unknown table {}", table.0),
        }
    }

    /// Plants a row and demands that it is refused.
    fn refuses(&self, key: &RowKey, planted: Row, how: &str) {
        self.scene.store.plant(key, Some(planted));
        let found = self.touch(key);
        self.scene.store.restore();
        let refused = matches!(found, Err(Error::Refused | Error::Rejected | Error::Format { .. }));
        assert!(refused, "{how}: {key:?} gave {found:?}");
    }
}

/// Two sorts of rows prove nothing by themselves: attempts (there is no key yet) and the index of keys (a hint).
fn is_proven(key: &RowKey) -> bool {
    let attempts = key.table == VAULT && key.key.starts_with(b"attempts/");
    !attempts && key.table != KEY_INDEX
}

#[test]
fn every_row_that_is_left_alone_is_accepted() {
    let house = House::new("untouched");
    let rows = house.proven();
    for (key, _) in &rows {
        assert_eq!(house.touch(key), Ok(()), "{key:?}");
    }
    let mut tables: Vec<u16> = rows.iter().map(|(key, _)| key.table.0).collect();
    tables.dedup();
    assert_eq!(tables, [1, 2, 3, 15, 16, 17, 24], "every sort of row is there");
}

#[test]
fn a_flipped_byte_is_refused_at_every_place_of_every_row() {
    let house = House::new("flipped");
    let mut cases = 0;
    for (key, row) in house.proven() {
        for place in 0..row.value.len() {
            for mask in [0x01, 0x80, 0xff] {
                let mut changed = row.clone();
                changed.value[place] ^= mask;
                house.refuses(&key, changed, &format!("byte {place} of {} ^ {mask:02x}", row.value.len()));
                cases += 1;
            }
        }
    }
    tell(&format!("{cases} flipped bytes refused"));
    assert!(cases > 5000, "{cases}");
}

#[test]
fn a_row_that_was_cut_or_extended_is_refused_at_every_length() {
    let house = House::new("cut");
    let mut cases = 0;
    for (key, row) in house.proven() {
        for length in 0..row.value.len() {
            house.refuses(&key, Row { value: row.value[..length].to_vec(), ..row }, "cut at the end");
            house.refuses(&key, Row { value: row.value[length + 1..].to_vec(), ..row }, "cut at the front");
            cases += 2;
        }
        for more in [&[0][..], &[0xff], &[0; 16], &[0; 300], &row.value] {
            house.refuses(&key, Row { value: [&row.value, more].concat(), ..row }, "extended");
            cases += 1;
        }
    }
    tell(&format!("{cases} cut or extended rows refused"));
    assert!(cases > 3000, "{cases}");
}

#[test]
fn a_row_in_the_place_of_any_other_is_refused() {
    let house = House::new("swapped");
    let rows = house.proven();
    let mut cases = 0;
    for (key, row) in &rows {
        for (other, stranger) in rows.iter().filter(|(other, _)| other != key) {
            for version in [row.version, stranger.version] {
                let planted = Row { version, value: stranger.value.clone() };
                house.refuses(key, planted, &format!("the row of {other:?}"));
                cases += 1;
            }
        }
    }
    tell(&format!("{cases} swapped rows refused"));
    assert_eq!(cases, 2 * rows.len() * (rows.len() - 1));
    assert!(cases > 500, "{cases}");
}

#[test]
fn a_row_under_another_table_key_or_revision_is_refused() {
    let house = House::new("moved");
    let keyring = &house.scene.keyring;
    let mut cases = 0;
    for (key, row) in house.proven() {
        let sealed = matches!(key.table, KEYS | DETAILS);
        let state = matches!(key.table, STATES | RELOCATION | CHECKPOINTS) || key.key == b"vault";
        if !sealed && !state {
            continue;
        }
        let read = |key: &RowKey, row: &Row| {
            if sealed { keyring.open(key, row).map(|_| ()) } else { keyring.verify(key, row).map(|_| ()) }
        };
        assert_eq!(read(&key, &row), Ok(()));
        let mut places: Vec<RowKey> =
            (0..64).map(|table| RowKey::new(Table(table), key.key.clone())).collect();
        places.retain(|place| *place != key);
        places.extend((0..key.key.len()).map(|length| RowKey::new(key.table, &key.key[..length])));
        places.push(RowKey::new(key.table, [&key.key[..], &[0]].concat()));
        for place in places {
            assert_eq!(read(&place, &row), Err(Error::Refused), "{key:?} at {place:?}");
            cases += 1;
        }
        for version in [0, row.version - 1, row.version + 1, row.version << 32, u64::MAX] {
            if version != row.version {
                let moved = Row { version, ..row.clone() };
                assert_eq!(read(&key, &moved), Err(Error::Refused), "{key:?} as {version}");
                house.refuses(&key, moved, "another revision");
                cases += 2;
            }
        }
        // The two forms of a row are not each other's.
        let crossed = if sealed {
            keyring.verify(&key, &row).map(|_| ())
        } else {
            keyring.open(&key, &row).map(|_| ())
        };
        assert_eq!(crossed, Err(Error::Refused));
        cases += 1;
    }
    tell(&format!("{cases} moved rows refused"));
    assert!(cases > 1000, "{cases}");
}

#[test]
fn an_older_state_of_a_row_is_refused_under_the_current_revision() {
    let house = House::new("older");
    let mut cases = 0;
    for (key, row) in house.proven() {
        let older = house.before.get(&key).filter(|older| older.version < row.version);
        if let Some(older) = older {
            house.refuses(&key, Row { version: row.version, ..older.clone() }, "an older row");
            cases += 1;
            // Together with its own version it proves itself: only the journal knows better (CRYPTO §1, b and d).
            house.scene.store.plant(&key, Some(older.clone()));
            assert_eq!(house.touch(&key), Ok(()), "{key:?}");
            house.scene.store.restore();
        }
    }
    tell(&format!("{cases} older rows refused"));
    assert!(cases >= 3, "{cases}");
}

#[test]
fn a_row_of_another_vault_is_refused() {
    let (house, other) = (House::new("one"), House::new("another"));
    let mut cases = 0;
    for (key, row) in house.proven() {
        for (stranger, theirs) in other.proven() {
            if stranger.table == key.table {
                house.refuses(&key, Row { version: row.version, value: theirs.value }, "another vault's row");
                cases += 1;
            }
        }
    }
    tell(&format!("{cases} rows of another vault refused"));
    assert!(cases > 100, "{cases}");
}

#[test]
fn a_missing_row_locks_and_never_grants() {
    let house = House::new("missing");
    let mut cases = BTreeMap::<&str, usize>::new();
    for (key, _) in house.scene.rows() {
        house.scene.store.plant(&key, None);
        let (sort, expected) = match key.table {
            VAULT if key.key == b"vault" => ("header", Error::Refused),
            VAULT if key.key == b"log" => ("log", Error::Refused),
            VAULT if key.key == b"slot/\0" => ("the slot that is opened", Error::NoSlot(0)),
            VAULT if key.key.starts_with(b"slot/") => ("another slot", Error::Refused),
            VAULT if key.key.starts_with(b"data-key/") => ("data key", Error::Refused),
            VAULT if key.key.starts_with(b"journal-key/") => ("journal key", Error::Refused),
            VAULT if key.key.starts_with(b"index-key/") => ("index key", Error::Refused),
            VAULT => ("attempts", Error::Refused),
            KEYS => ("key", Error::UnknownKey),
            STATES => ("state", Error::Refused),
            RELOCATION => ("whether it has moved", Error::Refused),
            CHECKPOINTS => ("whether it asks for an anchor", Error::Refused),
            _ => continue,
        };
        let found = if sort == "attempts" { charge(&house, key.key[9]) } else { house.touch(&key) };
        assert_eq!(found, Err(expected), "{sort} {key:?}");
        *cases.entry(sort).or_default() += 1;
        house.scene.store.restore();
    }
    tell(&format!("missing rows: {cases:?}"));
    assert_eq!(cases.len(), 12);
}

fn charge(house: &House, slot: u8) -> Result<(), Error> {
    let policy = UnlockPolicy { free: 5, first_delay: 1, longest_delay: 1, disable_after: None, attempt: 1 };
    let slot = Slot::read(&house.scene.store, slot)?;
    let mut chance = house.scene.chance();
    let mut env = Env { now: house.scene.now(), rng: &mut chance };
    attempts::charge(&house.scene.store, &slot, &policy, &mut env)
        .map(|charge| assert!(matches!(charge, Charge::Charged(_))))
}

#[test]
fn nothing_that_was_sealed_shows_in_a_row() {
    let house = House::new("sealed");
    for (key, row) in house.scene.rows() {
        let shows = |text: &[u8]| row.value.windows(text.len()).any(|window| window == text);
        assert!(!shows(b"a label") && !shows(b"a signer"), "a label in {key:?}");
        assert!(key.table == EntryId::TABLE || !shows(&OWNER.0), "an owner in {key:?}");
    }
}
