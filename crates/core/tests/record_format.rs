//! `docs/formats/record.md`: its vectors are opened, taken apart field by field, sealed again, and opened by another
//! implementation.

mod harness;

use harness::{Chance, NOON, Scene, Scripted, page, python, repository, vector, vectors};
use zamok_core::UnixTime;
use zamok_core::event::Detail;
use zamok_core::hash::sha256;
use zamok_core::secret::HeapMemory;
use zamok_core::store::{Row, RowKey, Table};
use zamok_core::vault::{DETAILS, DataKeyId, KeyId, Keyring, VaultId, VaultKeys, keys};
use zamok_core::wire::Writer;

const PAGE: &str = "docs/formats/record.md";

/// The bytes `first`, `first` + 1, …
fn counting<const N: usize>(first: u8) -> [u8; N] {
    let mut next = first;
    [(); N].map(|()| {
        next = next.wrapping_add(1);
        next.wrapping_sub(1)
    })
}

fn keyring() -> Keyring {
    let data_key = counting(0);
    Keyring::new(
        VaultId(counting(0xa0)),
        zamok_core::vault::Role::User,
        VaultKeys::alike(&[(DataKeyId(1), &data_key)]),
        &HeapMemory,
    )
    .unwrap()
}

/// The attributes of the vectors' TOTP key: table "Attributes of a key".
fn attributes() -> Writer {
    let mut writer = Writer::new();
    writer.u8(1).raw(&counting::<16>(0x10)).u32(1);
    writer.u8(2).u8(1).u8(6).u64(30).u64(0);
    writer.u32(1).u8(1).u32(2).u32(0b11_1010_0111).u8(1);
    writer.u64(NOON).optional_u64(Some(NOON + 60));
    (0..6).for_each(|_| {
        writer.optional_u64(None);
    });
    writer.bytes(b"token-7").unwrap().raw(&[0; 32]).u16(12).u16(20).u16(0);
    writer
}

fn body() -> Writer {
    let mut writer = Writer::new();
    writer.raw(b"Anna's phone").raw(&[0x0a; 16]).raw(b"12345678901234567890");
    writer
}

fn detail() -> Writer {
    Detail::new().with("reason", "wrong code").encode().unwrap()
}

/// Seals a record with the salt of the vectors.
fn seal(place: &RowKey, attributes: &[u8], body: &[u8]) -> Vec<u8> {
    let scene = Scene::over(harness::TestStore::default(), keyring(), "record");
    let mut rng = Scripted { first: Some(counting::<32>(0x40).to_vec()), then: Chance::new("", 0) };
    scene.transact_with(&mut rng, None, |tx| tx.put_record(place, attributes, body)).unwrap();
    scene.row(place).value
}

fn places() -> [(&'static str, RowKey, Vec<u8>, Vec<u8>); 2] {
    let entry = [&counting::<16>(0x60)[..], &7_u64.to_be_bytes()].concat();
    [
        ("key", RowKey::new(Table(2), counting::<16>(0x10)), attributes().to_vec(), body().to_vec()),
        ("detail", RowKey::new(DETAILS, entry), vec![], detail().to_vec()),
    ]
}

#[test]
fn the_vectors_are_opened_and_sealed_again_to_the_same_bytes() {
    let page = page(PAGE);
    assert_eq!(vector(&page, "data-key"), counting::<32>(0));
    assert_eq!(vector(&page, "vault"), counting::<16>(0xa0));
    for (name, place, attributes, body) in places() {
        let row = Row { version: 1, value: vector(&page, &format!("{name}-row")) };
        let opened = keyring().open(&place, &row).unwrap();
        assert_eq!((opened.attributes, opened.body.to_vec()), (attributes.clone(), body.clone()), "{name}");
        assert_eq!(vector(&page, &format!("{name}-attributes")), attributes);
        assert_eq!(vector(&page, &format!("{name}-body")), body);
        assert_eq!(seal(&place, &attributes, &body), row.value, "{name} sealed again");
    }
    assert_eq!(vectors(&page).len(), 8);
}

#[test]
fn the_row_is_laid_out_as_the_page_says() {
    for (_, place, attributes, body) in places() {
        let row = seal(&place, &attributes, &body);
        let mut header = Writer::new();
        header.raw(b"ZMKR").u16(1).u8(1).raw(&counting::<16>(0xa0)).u16(place.table.0);
        header.bytes(&place.key).unwrap().u32(1).u64(1).bytes(&attributes).unwrap();
        let (head, sealed) = row.split_at(header.as_slice().len());
        assert_eq!(head, header.as_slice());
        assert_eq!(sealed[..32], counting::<32>(0x40));
        assert_eq!(sealed.len(), 32 + 32 + body.len() + 16);
    }
}

#[test]
fn the_vector_of_a_key_is_a_key_to_the_vault() {
    let scene = Scene::over(harness::TestStore::default(), keyring(), "key");
    let place = &places()[0].1;
    scene.store.plant(place, Some(Row { version: 1, value: vector(&page(PAGE), "key-row") }));
    let info = scene.transact(|tx| keys::info(tx, KeyId(counting(0x10)))).unwrap();
    assert_eq!((info.label.as_str(), info.kind.name(), info.dates.created.0), ("Anna's phone", "TOTP", NOON));
    assert!(
        info.is_local() && info.dates.activated == Some(UnixTime(NOON + 60)) && info.public_key.is_none()
    );
}

#[test]
fn salts_differ_from_write_to_write_and_the_digest_of_a_row_names_it() {
    let scene = Scene::over(harness::TestStore::default(), keyring(), "salts");
    let place = &places()[0].1;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..50 {
        scene.transact(|tx| tx.put_record(place, &[], b"same")).unwrap();
        let value = scene.row(place).value;
        let salt = value[value.len() - 16 - 4 - 64..][..32].to_vec();
        assert!(seen.insert(salt) && seen.insert(sha256(&[&value]).to_vec()));
    }
}

#[test]
fn another_implementation_opens_every_vector_of_the_formats() {
    let checked = python().arg(repository().join("vectors/check_record.py")).output().unwrap();
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{told}{}", String::from_utf8_lossy(&checked.stderr));
    assert_eq!(told.trim(), "records 2, states 2, slots 3, keys 3, header and log: all opened");
}
