//! The pages `docs/formats/events.md` and `docs/formats/journal.md` say what the program does: their tables and
//! examples are read from the page.

mod log;

use log::{Log, ORIGIN, START, keyring, row, subject};
use zamok_core::UnixTime;
use zamok_core::event::{Detail, EventKind, Leaf};
use zamok_core::store::{Change, ChangeId, EntryId, MemoryStore, Outcome, RowKey, Store};
use zamok_core::vault::Entry;
use zamok_journal::tiles::TileName;
use zamok_journal::{Head, InclusionProof, Journal, LEAVES, POSITIONS, Status, WRITERS, audit, tree};

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
    assert_eq!(rows, kinds);
    assert!(kinds.len() >= 26 && kinds.is_sorted_by(|one, next| one.0 < next.0 || one.0 == 0));
    for kind in EventKind::ALL {
        assert_eq!(EventKind::from_number(kind.number()), Some(*kind));
    }
}

#[test]
fn the_leaf_and_the_detail_of_the_page_are_read_and_written() {
    let bytes = vector(EVENTS, "leaf");
    let leaf = Leaf::decode(&bytes).unwrap();
    assert_eq!(
        (leaf.kind, leaf.time, leaf.origin.as_str(), leaf.subject, &leaf.row, leaf.revision),
        (EventKind::CodeAccepted, UnixTime(START + 4), ORIGIN, Some(subject(1)), &row(), 0)
    );
    assert!(leaf.detail.is_some());
    assert_eq!(leaf.encode().unwrap(), bytes);

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

#[test]
fn the_rows_of_the_page_are_a_log() {
    let leaves = ["leaf-0", "leaf-1", "leaf-2"].map(|name| vector(JOURNAL, name));
    let ids = leaves.each_ref().map(|leaf| EntryId::from_bytes(&leaf[5..29]).unwrap());
    let store = MemoryStore::new();
    let mut change = Change::new(ChangeId([1; 16]));
    for (index, (leaf, id)) in (0_u64..).zip(leaves.iter().zip(ids)) {
        change.insert(RowKey::new(LEAVES, index.to_be_bytes()), leaf.clone()).unwrap();
        change.insert(RowKey::new(POSITIONS, id.to_bytes()), index.to_be_bytes().into()).unwrap();
    }
    let tile = TileName { level: 0, index: 0 };
    change.insert(tile.row(), vector(JOURNAL, "tile")).unwrap();
    change.insert(Head::row(), vector(JOURNAL, "head")).unwrap();
    change.insert(RowKey::new(WRITERS, ids[0].writer), vector(JOURNAL, "writer")).unwrap();
    assert_eq!(store.commit(&change).unwrap(), Outcome::Committed);

    let keyring = keyring(7);
    let report = audit(&store, &keyring).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    let head = report.head.unwrap();
    assert_eq!((head.size, head.root.as_slice()), (3, vector(JOURNAL, "root").as_slice()));
    let hashes = vector(JOURNAL, "tile").as_chunks::<32>().0.to_vec();
    assert_eq!(tree::node(&tree::node(&hashes[0], &hashes[1]), &hashes[2]), head.root);
    let second = Journal::new(&store, &keyring).entry(ids[1]).unwrap().unwrap();
    assert_eq!(second.status, Status::Integrated { index: 1 });
    assert_eq!(tree::leaf(&second.bytes), hashes[1]);

    let proof = InclusionProof::from_text(block(JOURNAL, "tlog-proof")).unwrap();
    assert_eq!(proof.verify_under(&head).unwrap(), second.leaf);
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
    assert_eq!(value(TileName { level: 0, index: 0 }.row()), vector(JOURNAL, "tile"));
    assert_eq!(value(Head::row()), vector(JOURNAL, "head"));
    assert_eq!(value(RowKey::new(WRITERS, ids[0].writer)), vector(JOURNAL, "writer"));
}
