//! Backups are what `docs/formats/backup.md` says, byte by byte, also to a program that shares no code.

mod harness;

use harness::{Chance, page, python, repository, tell, vector};
use zamok_core::error::BackupFault;
use zamok_core::store::{EntryId, RowKey, Table};
use zamok_core::vault::backup::frame::{CHUNK, Chunks, Place, SEALED};
use zamok_core::vault::backup::{Begin, Digest, Header, Item, Items, Lock};
use zamok_core::vault::slot::{Argon2Cost, Key32};
use zamok_core::vault::{DataKeyId, VaultId};
use zamok_core::wire::Writer;
use zamok_core::{Env, Error, UnixTime};

const PAGE: &str = "docs/formats/backup.md";
const DAMAGED: Error = Error::Backup(BackupFault::Damaged);

fn counting<const N: usize>(from: u8) -> [u8; N] {
    core::array::from_fn(|at| from.wrapping_add(u8::try_from(at % 256).unwrap()))
}

fn header() -> Header {
    let cost = Argon2Cost { memory_kib: 262_144, passes: 3, lanes: 1 };
    Header {
        vault: VaultId(counting(0xa0)),
        id: counting(0xb0),
        made: UnixTime(1_800_000_000),
        lock: Lock::Passphrase { cost, salt: counting(0x20) },
    }
}

fn key() -> Key32 {
    Key32::new(counting(0x40))
}

/// One item of every sort.
fn items() -> Vec<Item> {
    let row = |table: u16, key: &[u8]| RowKey::new(Table(table), key);
    let plain = |text: &str| zeroize::Zeroizing::new(text.as_bytes().to_vec());
    vec![
        Item::Begin(Begin {
            origin: "zamok/example".into(),
            size: 1,
            root: zamok_core::hash::sha256(&[&[0], b"a leaf"]),
            time: UnixTime(1_799_999_999),
        }),
        Item::IndexKey(DataKeyId(1), Box::new(Key32::new(counting(0x60)))),
        Item::Record {
            row: row(2, b"a record"),
            revision: 7,
            attributes: b"in the clear".to_vec(),
            body: plain("a secret"),
        },
        Item::State { row: row(3, b"a state row"), revision: 9, body: b"counted".to_vec() },
        Item::Plain { row: row(13, b"a hint"), value: b"believed for another reason".to_vec() },
        Item::Leaf { index: 0, leaf: b"a leaf".to_vec() },
        Item::Detail {
            entry: EntryId { writer: counting(0xc0), sequence: 1 },
            sealed: b"the row as it was".to_vec(),
            body: plain("what it said"),
        },
    ]
}

fn written(items: &[Item]) -> Writer {
    let (mut bytes, mut digest) = (Writer::new(), Digest::default());
    for item in items {
        let mut one = Writer::new();
        item.write(&mut one).unwrap();
        digest.add(item, one.as_slice());
        bytes.raw(one.as_slice());
    }
    Item::End(digest.end()).write(&mut bytes).unwrap();
    bytes
}

/// The file, cut into chunks of these lengths and a rest.
fn file(plain: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut chance = Chance::new("backup", 0);
    let mut env = Env { now: UnixTime(0), rng: &mut chance };
    let mut chunks = Chunks::new(&header(), key());
    let mut bytes = header().encode();
    let mut rest = plain;
    for cut in cuts.iter().copied().chain([plain.len() - cuts.iter().sum::<usize>()]) {
        let (chunk, after) = rest.split_at(cut);
        rest = after;
        let place = if rest.is_empty() { Place::Last } else { Place::Within };
        let sealed = chunks.seal(chunk, place, &mut env).unwrap();
        let mark = u32::try_from(sealed.len()).unwrap() << 1 | place as u32;
        bytes.extend(mark.to_be_bytes());
        bytes.extend(sealed);
    }
    bytes
}

#[test]
fn the_vectors_are_written_and_read_back() {
    let page = page(PAGE);
    let plain = written(&items());
    let hex = |bytes: &[u8]| {
        let digits = zamok_core::wire::hex(bytes);
        digits
            .as_bytes()
            .chunks(96)
            .map(|line| String::from_utf8_lossy(line).into_owned() + "\n")
            .collect::<String>()
    };
    assert_eq!(plain.to_vec(), vector(&page, "items"), "\n{}", hex(plain.as_slice()));
    let bytes = file(plain.as_slice(), &[100]);
    assert_eq!(bytes, vector(&page, "file"), "\n{}", hex(&bytes));
    assert_eq!(key().to_vec(), vector(&page, "key"));
    let start = bytes.first_chunk().unwrap();
    let length = Header::START + Header::rest(start).unwrap();
    assert_eq!(Header::decode(&bytes[..length]), Ok(header()));

    let mut reader = Items::default();
    reader.feed(plain.as_slice());
    let read = reader.take().unwrap();
    assert_eq!(reader.finish(), Ok(()));
    assert_eq!(written(&read[..read.len() - 1]).to_vec(), plain.to_vec());
}

#[test]
fn another_implementation_opens_the_backup_of_the_page() {
    let checked = python().arg(repository().join("vectors/check_backup.py")).output().unwrap();
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{told}{}", String::from_utf8_lossy(&checked.stderr));
    assert_eq!(told.trim(), "2 chunks, 8 items: all opened");
}

#[test]
fn chunks_open_in_their_place_alone() {
    let mut chance = Chance::new("chunks", 0);
    let mut env = Env { now: UnixTime(0), rng: &mut chance };
    let mut out = Chunks::new(&header(), key());
    let first = out.seal(b"first", Place::Within, &mut env).unwrap();
    let second = out.seal(b"second", Place::Last, &mut env).unwrap();
    let open = |header: &Header, key: Key32, chunks: &[(&[u8], Place)]| {
        let mut opening = Chunks::new(header, key);
        chunks
            .iter()
            .map(|(chunk, place)| opening.open(chunk, *place).map(|plain| plain.to_vec()))
            .collect::<Result<Vec<_>, _>>()
    };
    let (within, last) = (Place::Within, Place::Last);
    let right = open(&header(), key(), &[(&first, within), (&second, last)]);
    assert_eq!(right, Ok(vec![b"first".to_vec(), b"second".to_vec()]));
    for (wrong, expected) in [
        (vec![(&second[..], last)], Error::Rejected),
        (vec![(&first[..], last)], Error::Rejected),
        (vec![(&first[..], within), (&first[..], within)], DAMAGED),
        (vec![(&first[..], within), (&second[..], within)], DAMAGED),
        (vec![(&second[..], within), (&first[..], within)], Error::Rejected),
    ] {
        assert_eq!(open(&header(), key(), &wrong), Err(expected));
    }
    let other = Header { id: counting(0xb1), ..header() };
    assert_eq!(open(&other, key(), &[(&first, within)]), Err(Error::Rejected));
    assert_eq!(open(&header(), Key32::new([9; 32]), &[(&first, within)]), Err(Error::Rejected));
    let too_long = out.seal(&vec![0; CHUNK + 1], within, &mut env);
    assert!(matches!(too_long, Err(Error::TooLong { .. })));
    // Readers take no longer chunk than the longest that is written.
    let longest = out.seal(&vec![7; CHUNK], within, &mut env).unwrap();
    assert_eq!(longest.len(), SEALED);
}

#[test]
fn items_that_are_missing_moved_doubled_or_altered_are_refused() {
    let right = items();
    let read = |bytes: &[u8]| {
        let mut reader = Items::default();
        for part in bytes.chunks(7) {
            reader.feed(part);
            reader.take()?;
        }
        reader.finish()
    };
    let plain = written(&right).to_vec();
    assert_eq!(read(&plain), Ok(()));
    let mut cases = 0;
    for length in 0..plain.len() {
        assert_eq!(read(&plain[..length]), Err(DAMAGED), "cut to {length}");
        cases += 1;
    }
    for place in 0..plain.len() {
        let mut changed = plain.clone();
        changed[place] ^= 1;
        assert_eq!(read(&changed), Err(DAMAGED), "byte {place}");
        cases += 1;
    }
    // Wrong orders, whose end fits what was written.
    for place in 0..right.len() {
        let mut doubled = right.clone();
        doubled.insert(place, right[place].clone());
        assert_eq!(read(written(&doubled).as_slice()), Err(DAMAGED), "{place} twice");
        if place > 0 {
            let mut swapped = right.clone();
            swapped.swap(place, place - 1);
            assert_eq!(read(written(&swapped).as_slice()), Err(DAMAGED), "{place} before its time");
        }
        cases += 2;
    }
    assert_eq!(read(written(&right[1..]).as_slice()), Err(DAMAGED), "without its beginning");
    // One item less, under the end of all.
    let mut end = Writer::new();
    let (mut digest, mut all) = (Digest::default(), Writer::new());
    for item in &right {
        let mut one = Writer::new();
        item.write(&mut one).unwrap();
        digest.add(item, one.as_slice());
        if !matches!(item, Item::State { .. }) {
            all.raw(one.as_slice());
        }
    }
    Item::End(digest.end()).write(&mut end).unwrap();
    assert_eq!(read(all.raw(end.as_slice()).as_slice()), Err(DAMAGED));
    tell(&format!("{cases} wrong streams refused"));
}

#[test]
fn hostile_headers_are_refused_before_any_work() {
    let right = header().encode();
    assert_eq!(Header::decode(&right), Ok(header()));
    for length in 0..right.len() {
        assert!(Header::decode(&right[..length]).is_err());
    }
    let with = |place: usize, value: &[u8]| {
        let mut bytes = right.clone();
        bytes[place..place + value.len()].copy_from_slice(value);
        Header::decode(&bytes)
    };
    assert_eq!(with(0, b"ZMKX"), Err(Error::Backup(BackupFault::Foreign)));
    assert_eq!(with(4, &[0, 2]), Err(Error::Format { found: 2, supported: 1 }));
    assert_eq!(with(46, &[3]), Err(DAMAGED));
    // Costs that would exhaust the machine.
    assert_eq!(with(47, &u32::MAX.to_be_bytes()), Err(DAMAGED));
    assert_eq!(with(51, &[0, 0, 0, 65]), Err(DAMAGED));
}
