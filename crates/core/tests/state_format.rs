//! `docs/formats/state.md`: its vectors are verified, taken apart field by field, and written again.

mod harness;

use harness::{Scene, page, table, vector, vectors};
use zamok_core::Error;
use zamok_core::otp::Verdict;
use zamok_core::secret::HeapMemory;
use zamok_core::store::{Row, RowKey, Table};
use zamok_core::vault::{DataKeyId, KeyId, Keyring, VaultId, VaultKeys};
use zamok_core::wire::Writer;

const PAGE: &str = "docs/formats/state.md";

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

fn place() -> RowKey {
    RowKey::new(Table(3), counting::<16>(0x10))
}

/// The bodies of the vectors: a new TOTP key, and an HOTP key with a past.
fn bodies() -> [(&'static str, u64, Writer); 2] {
    let begin = || {
        let mut writer = Writer::new();
        writer.u8(1).raw(&counting::<16>(0x10)).u32(1);
        writer
    };
    let entry = |writer: &mut Writer, sequence| {
        writer.raw(&counting::<16>(0x60)).u64(sequence);
    };
    let mut new = begin();
    new.optional_u64(None).raw(&0_i32.to_be_bytes()).u64(0).raw(&0_u128.to_be_bytes()).u64(0);
    new.u32(0).u32(0).u64(0).u64(0).u64(0);
    entry(&mut new, 1);
    let mut old = begin();
    old.optional_u64(Some(60_000_000))
        .raw(&(-2_i32).to_be_bytes())
        .u64(42)
        .raw(&0b1001_u128.to_be_bytes())
        .u64(11);
    old.u32(6).u32(17).u64(1_799_000_000).u64(1_800_000_060).u64(1_799_999_990);
    entry(&mut old, 7);
    [("new", 1, new), ("old", 9, old)]
}

#[test]
fn the_vectors_are_verified_and_hold_the_fields_that_the_page_lists() {
    let page = page(PAGE);
    for (name, version, body) in bodies() {
        let row = Row { version, value: vector(&page, &format!("{name}-row")) };
        assert_eq!(keyring().verify(&place(), &row).unwrap(), body.as_slice(), "{name}");
        assert_eq!(vector(&page, &format!("{name}-body")), body.as_slice());
        let mut header = Writer::new();
        header.raw(b"ZMKS").u16(1).u8(1).raw(&counting::<16>(0xa0)).u16(3);
        header.bytes(&counting::<16>(0x10)).unwrap().u32(1).u64(version).bytes(body.as_slice()).unwrap();
        assert_eq!(row.value[..row.value.len() - 32], *header.as_slice(), "{name}");
        for other in [version - 1, version + 1] {
            assert_eq!(
                keyring().verify(&place(), &Row { version: other, ..row.clone() }),
                Err(Error::Refused)
            );
        }
    }
    assert_eq!(vectors(&page).len(), 6);
    // The offsets of the page's table add up to the shorter body.
    let lengths: Vec<usize> = table(&page, "## Body of an OTP key")
        .iter()
        .map(|row| row[1].split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(lengths.iter().sum::<usize>(), bodies()[0].2.as_slice().len());
}

#[test]
fn the_vectors_are_written_again_to_the_same_bytes() {
    let page = page(PAGE);
    let scene = Scene::over(harness::TestStore::default(), keyring(), "state");
    let [(_, _, new), (_, last, old)] = bodies();
    for version in 1..=last {
        let body = if version == last { &old } else { &new };
        scene.transact(|tx| tx.put_state(&place(), body.as_slice())).unwrap();
        let name = if version == last { "old-row" } else { "new-row" };
        if version == 1 || version == last {
            assert_eq!(scene.row(&place()).value, vector(&page, name), "{name}");
        }
    }
}

#[test]
fn the_vector_of_an_old_state_is_read_by_the_vault() {
    let scene = Scene::new("old state");
    let (key, totp) = scene.totp();
    // The same fields for a key of this vault: written through its own transaction.
    let place = RowKey::new(Table(3), key.0);
    let mut body = bodies()[1].2.to_vec();
    body[1..17].copy_from_slice(&key.0);
    scene.transact(|tx| tx.put_state(&place, &body)).unwrap();
    let fields = scene.state(KeyId(key.0));
    assert_eq!((fields.last_step, fields.drift, fields.next), (Some(60_000_000), -2, 42));
    assert_eq!((fields.burned, fields.in_a_row, fields.recent), (0b1001, 6, 17));
    scene.set(1_800_000_059);
    let code = totp.code_of_step(60_000_001).to_string();
    let policy = harness::strict();
    assert_eq!(scene.verify(key, &code, &policy), Ok(Verdict::Rejected), "delayed until 1,800,000,060");
    scene.set(1_800_000_089);
    // Two steps behind by its drift: its clock shows 60,000,000, and one step more is in the window.
    assert_eq!(scene.verify(key, &code, &policy), Ok(Verdict::Accepted { step: 60_000_001, drift: -1 }));
}
