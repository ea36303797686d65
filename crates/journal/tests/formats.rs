//! The pages `docs/formats/events.md` and `docs/formats/journal.md` say what the program does: their tables and
//! examples are read from the page.

mod log;

use std::borrow::Cow;

use log::{Log, ORIGIN, START, keyring, row, subject};
use zamok_core::event::{Detail, EventKind, Leaf, SpentCode};
use zamok_core::mac::hmac_sha256;
use zamok_core::store::{Change, ChangeId, EntryId, MemoryStore, Outcome, RowKey, Store};
use zamok_core::vault::Entry;
use zamok_core::{Error, UnixTime};
use zamok_journal::tiles::TileName;
use zamok_journal::{
    CHECKPOINTS, Fault, Finding, Head, InclusionProof, Journal, LEAVES, POSITIONS, Place, SUBJECTS, Status,
    TrustPolicy, VerifierKey, WRITERS, audit, tree,
};

const EVENTS: &str = include_str!("../../../docs/formats/events.md");
const JOURNAL: &str = include_str!("../../../docs/formats/journal.md");

/// The lines of the block that begins with this fence.
fn block(page: &'static str, fence: &str) -> &'static str {
    let (_, rest) = page.split_once(&format!("```{fence}\n")).unwrap_or_else(|| panic!("no block {fence}"));
    rest.split_once("```").unwrap().0
}

fn vector(page: &'static str, name: &str) -> Vec<u8> {
    let digits: String = block(page, &format!("vector {name}")).split_whitespace().collect();
    assert!(digits.len() >= 32 && digits.len().is_multiple_of(2), "{name} is cut");
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn the_table_of_kinds_is_that_of_the_program() {
    let rows: Vec<(u16, &str)> = EVENTS
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            let number = cells.next()?.parse().ok()?;
            let name = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
            assert_eq!(cells.count(), 3, "{line}");
            Some((number, name))
        })
        .collect();
    let kinds: Vec<_> = EventKind::ALL.iter().map(|kind| (kind.number(), kind.name())).collect();
    let rows: Vec<_> = rows.into_iter().map(|(number, name)| (number, Cow::Borrowed(name))).collect();
    assert_eq!(rows, kinds);
    assert!(kinds.len() >= 26 && kinds.is_sorted_by(|one, next| one.0 < next.0 || one.0 == 0));
    for kind in EventKind::ALL {
        assert_eq!(EventKind::from_number(kind.number()), *kind);
    }
}

#[test]
fn the_fields_of_details_on_the_page_are_those_of_the_comments_in_the_program() {
    const PROGRAM: &str = include_str!("../../core/src/event.rs");
    let quoted = |text: &str| -> Vec<String> { text.split('`').skip(1).step_by(2).map(Into::into).collect() };
    let mut told = Vec::new();
    let mut commented = Vec::new();
    for line in PROGRAM.lines().map(str::trim) {
        if let Some((_, detail)) = line.split_once("Detail: ") {
            told = quoted(detail.split(['.', ';', '(']).next().unwrap());
        } else if let Some((_, name)) = line.strip_suffix("\";").and_then(|line| line.split_once(", \"")) {
            commented.push((name.to_owned(), std::mem::take(&mut told)));
        }
    }
    let cells = |line: &str| line.split(" | ").map(Into::into).collect::<Vec<String>>();
    let rows = EVENTS.lines().map(cells).filter(|cells| cells.len() == 5 && cells[1].starts_with('`'));
    let listed: Vec<_> = rows.map(|cells| (quoted(&cells[1]).remove(0), quoted(&cells[4]))).collect();
    assert_eq!(commented, listed);
    assert_eq!(listed.len(), EventKind::ALL.len());
}

#[test]
fn the_leaf_and_the_detail_of_the_page_are_read_and_written() {
    let bytes = vector(EVENTS, "leaf");
    let leaf = Leaf::decode(&bytes).unwrap();
    assert_eq!(
        (leaf.kind, leaf.time, leaf.origin.as_str(), leaf.subject, &leaf.row, leaf.revision),
        (EventKind::CodeAccepted, UnixTime(START + 4), ORIGIN, Some(subject(1)), &row(), 0)
    );
    assert_eq!(leaf.entry, EntryId::from_bytes(&bytes[11..35]).unwrap());
    assert!(leaf.detail.is_some() && leaf.spent.is_none());
    assert_eq!(leaf.encode().unwrap(), bytes);

    let bytes = vector(EVENTS, "leaf-spent");
    let spent = Some(SpentCode { step: 56_666_666, drift: -1 });
    let leaf = Leaf { spent, detail: None, ..leaf };
    assert_eq!(leaf.encode().unwrap(), bytes);
    assert_eq!(Leaf::decode(&bytes), Ok(leaf));

    let bytes = vector(EVENTS, "detail");
    let detail = Detail::decode(&bytes).unwrap();
    assert_eq!(detail, Detail::new().with("step", "4").with("drift", "0"));
    assert_eq!(detail.encode().unwrap().as_slice(), bytes);
}

#[test]
fn the_entry_of_the_page_opens_under_the_key_of_the_page() {
    let bytes = vector(EVENTS, "entry");
    let id = EntryId::from_bytes(&bytes[5..29]).unwrap();
    assert_eq!(id.sequence, 1);
    let entry = Entry::open(&keyring(7), id, &bytes).unwrap();
    assert_eq!((entry.leaf, entry.previous), (vector(EVENTS, "leaf"), [0; 32]));
    Entry::open(&keyring(8), id, &bytes).unwrap_err();
}

/// An entry as the page has it, of whatever bytes for a leaf: with a right MAC in the vault `0707…07`.
fn sealed(id: EntryId, leaf: &[u8]) -> Vec<u8> {
    let length = u16::try_from(leaf.len()).unwrap().to_be_bytes();
    let mut entry = [&[1, 0, 0, 0, 1][..], &id.to_bytes(), &[0; 32], &length, leaf].concat();
    // RFC 5869: extract, then the first block of expand.
    let extracted = hmac_sha256(&[7; 16], &[&[0x5d; 32]]);
    let journal_key = hmac_sha256(&extracted, &[b"zamok/journal/v1", &[1]]);
    let mac = hmac_sha256(&journal_key, &[b"zamok/entry/v1", &[7; 16], &entry]);
    entry.extend(mac);
    entry
}

#[test]
fn an_entry_with_a_right_mac_around_the_leaf_of_another_is_refused() {
    let leaf = Leaf::decode(&vector(EVENTS, "leaf")).unwrap();
    let id = leaf.entry;
    assert_eq!(sealed(id, &leaf.encode().unwrap()), vector(EVENTS, "entry"));
    assert_eq!(Entry::id_of(&vector(EVENTS, "entry")), Ok(id));
    let others = [
        EntryId { sequence: id.sequence + 1, ..id },
        EntryId { writer: [9; 16], ..id },
        EntryId { writer: [0; 16], sequence: 0 },
    ];
    for other in others {
        let strange = Leaf { entry: other, ..leaf.clone() }.encode().unwrap();
        assert_eq!(Entry::open(&keyring(7), id, &sealed(id, &strange)), Err(Error::Refused));
        // Also where the entry lies under the name that its leaf bears.
        assert_eq!(Entry::open(&keyring(7), other, &sealed(id, &strange)), Err(Error::Refused));
    }
    for length in 0..35 {
        let cut = &leaf.encode().unwrap()[..length];
        assert_eq!(Entry::open(&keyring(7), id, &sealed(id, cut)), Err(Error::Refused));
        let short = &vector(EVENTS, "entry")[..length];
        assert_eq!(Entry::id_of(short).is_ok(), length >= 29, "{length}");
    }
}

#[test]
fn a_leaf_of_a_newer_version_is_opened_and_not_called_altered() {
    let id = EntryId { writer: [9; 16], sequence: 1 };
    let leaf = [&[2, 0, 0][..], &[0; 8], &id.to_bytes(), b"whatever a later version has here"].concat();
    let entry = Entry::open(&keyring(7), id, &sealed(id, &leaf)).unwrap();
    assert_eq!(Leaf::decode(&entry.leaf), Err(Error::Format { found: 2, supported: 1 }));
    let store = MemoryStore::new();
    let mut change = Change::new(ChangeId([1; 16]));
    change.append(id, sealed(id, &leaf)).unwrap();
    assert_eq!(store.commit(&change).unwrap(), Outcome::Committed);
    let findings = audit(&store, &keyring(7)).unwrap().findings;
    assert_eq!(findings, [Finding { place: Place::Waiting(id), fault: Fault::Unreadable }]);
}

#[test]
fn the_rows_of_the_page_are_a_log() {
    let leaves = ["leaf-0", "leaf-1", "leaf-2"].map(|name| vector(JOURNAL, name));
    let ids = leaves.each_ref().map(|leaf| EntryId::from_bytes(&leaf[5..29]).unwrap());
    let store = MemoryStore::new();
    let mut change = Change::new(ChangeId([1; 16]));
    for (index, (leaf, id)) in (0_u64..).zip(leaves.iter().zip(ids)) {
        change.insert(RowKey::new(LEAVES, index.to_be_bytes()), leaf.clone()).unwrap();
        change.insert(RowKey::new(POSITIONS, id.to_bytes()), index.to_be_bytes().into()).unwrap();
        // The subject index of `events.md`.
        let Leaf { subject, time, .. } =
            Leaf::decode(&Entry::open(&keyring(7), id, leaf).unwrap().leaf).unwrap();
        if let Some(subject) = subject {
            let key = [&subject.0[..], &(!time.0).to_be_bytes(), &id.writer, &(!id.sequence).to_be_bytes()];
            change.insert(RowKey::new(SUBJECTS, key.concat()), Vec::new()).unwrap();
        }
    }
    let tile = TileName { level: 0, index: 0 };
    change.insert(tile.row(), vector(JOURNAL, "tile")).unwrap();
    change.insert(Head::row(), vector(JOURNAL, "head")).unwrap();
    change.insert(RowKey::new(WRITERS, ids[0].writer), vector(JOURNAL, "writer")).unwrap();
    change.insert(RowKey::new(CHECKPOINTS, *b"latest"), vector(JOURNAL, "latest")).unwrap();
    assert_eq!(store.commit(&change).unwrap(), Outcome::Committed);

    let keyring = keyring(7);
    let report = audit(&store, &keyring).unwrap();
    // The page shows no row of the log's key, and so it is missed.
    let key = Finding { place: Place::Checkpoint("key"), fault: Fault::Missing };
    assert_eq!(report.findings, [key]);
    let head = report.head.unwrap();
    assert_eq!((head.size, head.root.as_slice()), (3, vector(JOURNAL, "root").as_slice()));
    let hashes = vector(JOURNAL, "tile").as_chunks::<32>().0.to_vec();
    assert_eq!(tree::node(&tree::node(&hashes[0], &hashes[1]), &hashes[2]), head.root);
    let second = Journal::new(&store, &keyring).entry(ids[1]).unwrap().unwrap();
    assert_eq!(second.status, Status::Integrated { index: 1 });
    assert_eq!(tree::leaf(&second.bytes), hashes[1]);

    let proof = InclusionProof::from_text(block(JOURNAL, "tlog-proof")).unwrap();
    let key = VerifierKey::parse(block(JOURNAL, "vkey").trim_end()).unwrap();
    assert_eq!(proof.verify(&TrustPolicy::log(key)).unwrap().0, second.leaf);
    assert_eq!(proof.to_text(), block(JOURNAL, "tlog-proof"));
    assert_eq!(proof, Journal::new(&store, &keyring).prove(1).unwrap());
}

#[test]
fn the_program_writes_the_rows_of_the_page() {
    let mut log = Log::new(42);
    let mut writer = log.writer();
    let ids = [1, 3, 5].map(|time| log.write(&mut writer, time));
    log.drain();
    let value = |row: RowKey| log.store.get(&row).unwrap().unwrap().value;
    for (index, name) in (0_u64..).zip(["leaf-0", "leaf-1", "leaf-2"]) {
        assert_eq!(value(RowKey::new(LEAVES, index.to_be_bytes())), vector(JOURNAL, name), "{name}");
    }
    log.sign();
    let value = |row: RowKey| log.store.get(&row).unwrap().unwrap().value;
    assert_eq!(value(TileName { level: 0, index: 0 }.row()), vector(JOURNAL, "tile"));
    assert_eq!(value(Head::row()), vector(JOURNAL, "head"));
    assert_eq!(value(RowKey::new(WRITERS, ids[0].writer)), vector(JOURNAL, "writer"));
    assert_eq!(value(RowKey::new(CHECKPOINTS, *b"latest")), vector(JOURNAL, "latest"));

    let mut log = Log::new(41);
    let mut writer = log.writer();
    let id = log.write(&mut writer, 4);
    assert_eq!(log.store.get(&id.row()).unwrap().unwrap().value, vector(EVENTS, "entry"));
}
