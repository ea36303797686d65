//! Logs of former stores: read and proved as before, laid down as the page says, and whatever is altered, dropped, moved or
//! planted among their rows is found by the audit, and named.

mod log;

use std::sync::atomic::{AtomicBool, Ordering};

use log::{Log, ORIGIN, START, Seeded, integrate_over, overtaken, row, subject, tier, transact_over};
use zamok_core::event::{Detail, EventKind, Leaf};
use zamok_core::store::{Change, ChangeId, EntryId, Outcome, Range, Row, RowKey, Store, Table};
use zamok_core::vault::relocation::{FORMER_DETAILS, FORMER_LEAVES, FORMER_LOGS, FORMER_SUBJECTS, FormerLog};
use zamok_core::vault::{DETAILS, Transaction, finding::KEY_INDEX, keys::KEYS};
use zamok_core::wire::Reader;
use zamok_core::{Error, UnixTime, hash};
use zamok_journal::{
    CHECKPOINTS, Fault, Finding, Journal, POSITIONS, Place, RETENTION, Report, SUBJECTS, Status, Telling,
    TrustPolicy, VerifierKey, audit, audit_rows, erase_subject, expire_details, forget_subject, former_key,
    former_row, put_former_leaf,
};

const JOURNAL: &str = include_str!("../../../docs/formats/journal.md");
const EVENTS: &str = include_str!("../../../docs/formats/events.md");

/// What a log leaves to the store that comes after it.
struct Left {
    log: FormerLog,
    leaves: Vec<Vec<u8>>,
    /// Entry, sealed row, plain detail.
    details: Vec<(EntryId, Vec<u8>, Vec<u8>)>,
    /// Key and body of the rows that tell what it signed with, and what.
    signed: Vec<(Vec<u8>, Vec<u8>)>,
    /// The record of its signing key, and what finds it.
    key: Option<(RowKey, Vec<u8>, Vec<u8>)>,
    hints: Vec<RowKey>,
}

impl Left {
    fn of(log: &Log, number: u32) -> Self {
        let journal = Journal::new(&log.store, &log.keyring);
        let head = journal.head().unwrap().unwrap();
        let mut entries = journal.range(0..head.size).unwrap();
        let waiting = log.store.scan(EntryId::TABLE, &Range::all(), 100, None).unwrap().rows;
        let ids = waiting.iter().map(|(key, _)| EntryId::of_row(key).unwrap());
        entries.extend(ids.map(|id| journal.entry(id).unwrap().unwrap()));
        let details = entries.iter().filter_map(|entry| {
            let Telling::Told(detail) = &entry.detail else { return None };
            let sealed = log.store.get(&RowKey::new(DETAILS, entry.id.to_bytes())).unwrap()?.value;
            Some((entry.id, sealed, detail.encode().unwrap().to_vec()))
        });
        let signed = log.store.scan(CHECKPOINTS, &Range::all(), 10, None).unwrap().rows;
        let signed = signed.into_iter().map(|(key, row)| {
            let place = RowKey::new(CHECKPOINTS, key.clone());
            (key, log.keyring.verify(&place, &row).unwrap().to_vec())
        });
        let record = log.store.scan(KEYS, &Range::all(), 1, None).unwrap().rows.into_iter().next();
        let key = record.map(|(key, row)| {
            let place = RowKey::new(KEYS, key);
            let opened = log.keyring.open(&place, &row).unwrap();
            (place, opened.attributes, opened.body.to_vec())
        });
        let hints = log.store.scan(KEY_INDEX, &Range::all(), 10, None).unwrap().rows;
        let hints = hints.into_iter().map(|(key, _)| RowKey::new(KEY_INDEX, key)).collect();
        let log =
            FormerLog { number, origin: head.origin, size: head.size, root: head.root, time: head.time };
        Self {
            log,
            details: details.collect(),
            leaves: entries.into_iter().map(|entry| entry.bytes).collect(),
            signed: signed.collect(),
            key,
            hints,
        }
    }

    /// As a restore takes it in, after the new log's first leaf.
    fn settle(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        if tx.state(&self.log.row()?)?.is_none() {
            self.log.put(tx)?;
        }
        for (index, leaf) in (0..).zip(&self.leaves) {
            put_former_leaf(tx, self.log.number, index, leaf)?;
        }
        for (entry, sealed, detail) in &self.details {
            let length = u32::try_from(sealed.len()).unwrap().to_be_bytes();
            let body = [&length[..], sealed, detail].concat();
            tx.put_record(&RowKey::new(FORMER_DETAILS, entry.to_bytes()), &[], &body)?;
        }
        for (name, body) in &self.signed {
            tx.put_state(&former_row(self.log.number, name), body)?;
        }
        if let Some((place, attributes, body)) = &self.key {
            tx.put_record(place, attributes, body)?;
        }
        self.hints.iter().try_for_each(|hint| tx.put_plain(hint, Vec::new()))
    }
}

/// The first entry of a log that comes after another.
fn begin_after(log: &mut Log, former: &FormerLog) {
    log.transact(0, |tx| {
        former.put(tx)?;
        tx.event(EventKind::VaultRestored, None, &former.row()?, &Detail::new())
    })
    .unwrap();
    log.drain();
}

/// Eleven leaves of two writers and two entries that waited, with a checkpoint of eight of the leaves.
fn first() -> Log {
    let mut log = Log::new(70);
    let mut writers = [log.writer(), log.writer()];
    for time in 0..12_u64 {
        log.write(&mut writers[usize::from(time % 2 == 1)], time);
        if time == 7 {
            log.drain();
            log.sign();
        }
    }
    // Signing made a key, and an entry of it.
    log.integrate(3);
    log
}

/// A vault that was restored twice: two former logs, the second of which names the first, and the log of now.
fn restored_twice() -> (Log, [Left; 2]) {
    let one = Left::of(&first(), 1);
    let mut second = Log::new(71);
    begin_after(&mut second, &one.log);
    let mut writer = second.writer();
    for time in 2..7 {
        second.write(&mut writer, time);
    }
    second.drain();
    let two = Left::of(&second, 2);
    let mut log = Log::new(72);
    begin_after(&mut log, &two.log);
    log.transact(1, |tx| one.settle(tx).and_then(|()| two.settle(tx))).unwrap();
    (log, [one, two])
}

fn report(store: &dyn Store, log: &Log) -> Report {
    audit_rows(store, &log.keyring).unwrap()
}

fn named(store: &dyn Store, log: &Log) -> Vec<(Place, Fault)> {
    report(store, log).findings.into_iter().map(|Finding { place, fault }| (place, fault)).collect()
}

fn rows(log: &Log, table: Table) -> Vec<RowKey> {
    let rows = log.store.scan(table, &Range::all(), 1000, None).unwrap().rows;
    rows.into_iter().map(|(key, _)| RowKey::new(table, key)).collect()
}

/// Positions of entries in former logs.
fn positions(log: &Log) -> Vec<RowKey> {
    let mut all = rows(log, POSITIONS);
    all.retain(|row| log.store.get(row).unwrap().unwrap().value.len() == 12);
    all
}

fn entry(row: &RowKey) -> EntryId {
    EntryId::from_bytes(&row.key).unwrap()
}

#[test]
fn former_logs_are_sound_as_they_are_and_read_and_proved_as_before() {
    let (log, [one, two]) = restored_twice();
    let report = report(&log.store, &log);
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!((report.erased, report.unlisted), (0, 0));
    assert_eq!(usize::try_from(report.former).unwrap(), one.leaves.len() + two.leaves.len());
    assert!(one.leaves.len() > usize::try_from(one.log.size).unwrap(), "some were in no tree");
    let journal = Journal::new(&log.store, &log.keyring);
    assert_eq!(journal.former_logs().unwrap(), [one.log.clone(), two.log.clone()]);
    for left in [&one, &two] {
        let read = journal.former_range(left.log.number, 0..u64::MAX).unwrap();
        let bytes: Vec<_> = read.iter().map(|recorded| recorded.bytes.clone()).collect();
        assert_eq!(bytes, left.leaves);
        let told = read.iter().filter(|recorded| matches!(recorded.detail, Telling::Told(_)));
        assert_eq!(told.count(), left.details.len());
        for (index, recorded) in (0..).zip(&read) {
            assert_eq!(recorded.status, Status::Former { log: left.log.number, index });
            assert_eq!(journal.entry(recorded.id).unwrap().as_ref(), Some(recorded));
        }
    }
    let [latest, witnessed] = journal.former_checkpoints(1).unwrap();
    let size = latest.unwrap().checkpoint().size;
    assert!(witnessed.is_none() && size == 8);
    for index in 0..12 {
        let proof = journal.prove_former(1, index);
        assert_eq!(proof.is_ok(), index < size, "{index}: {proof:?}");
    }
    assert_eq!(journal.prove_former(2, 0).unwrap_err(), Error::Uncovered);
    assert_eq!(journal.prove_former(3, 0).unwrap_err(), Error::Uncovered);
}

#[test]
fn every_byte_of_every_row_of_former_logs_is_watched() {
    let (log, _) = restored_twice();
    let mut watched: Vec<(RowKey, Place)> = Vec::new();
    for table in [FORMER_LOGS, FORMER_LEAVES, FORMER_DETAILS] {
        watched.extend(rows(&log, table).into_iter().map(|row| (row.clone(), Place::Row(row))));
    }
    watched.extend(positions(&log).into_iter().map(|row| (row.clone(), Place::Position(entry(&row)))));
    let names = [(&b"key"[..], "key of a former log"), (b"latest", "latest of a former log")];
    watched.extend(names.map(|(name, told)| (former_row(1, name), Place::Checkpoint(told))));
    assert!(watched.len() > 45, "{}", watched.len());
    let mut cases = 0;
    for (row, place) in watched {
        let length = log.store.get(&row).unwrap().unwrap().value.len();
        for byte in (0..length).step_by(tier(29, 3, 1)) {
            let mut hostile = log.hostile();
            hostile.flip(&row, byte);
            let found = named(&hostile, &log);
            assert!(found.iter().any(|(named, _)| *named == place), "byte {byte} of {place}: {found:?}");
            // A position may seem to be one of the present log, or of another leaf; all others are named alone.
            assert!(found.len() == 1 || row.table == POSITIONS, "byte {byte} of {place}: {found:?}");
            cases += 1;
        }
    }
    assert!(cases > tier(250, 2_500, 8_000), "{cases}");
}

#[test]
fn every_row_of_former_logs_that_is_dropped_is_missed_or_counted() {
    let (log, [one, two]) = restored_twice();
    let without = |row: &RowKey| {
        let mut hostile = log.hostile();
        hostile.drop(row.clone());
        report(&hostile, &log)
    };
    for left in [&one, &two] {
        let row = left.log.row().unwrap();
        let found = without(&row).findings;
        let missing = Finding { place: Place::Row(row), fault: Fault::Missing };
        assert!(found.contains(&missing), "log {}: {found:?}", left.log.number);
    }
    for row in rows(&log, FORMER_LEAVES) {
        let found = without(&row).findings;
        let (number, index) = FormerLog::place_of(&row.key).unwrap();
        let left = [&one, &two][usize::try_from(number - 1).unwrap()];
        if index + 1 < u64::try_from(left.leaves.len()).unwrap() || index < left.log.size {
            let missing = Finding { place: Place::Row(row), fault: Fault::Missing };
            assert!(found.contains(&missing), "{number}, {index}: {found:?}");
        } else {
            // The last one, which was in no tree: what leads to it tells.
            let leading = found.iter().filter(|finding| finding.fault == Fault::Unexpected).count();
            assert!(leading >= 1 && leading == found.len(), "{found:?}");
        }
    }
    for row in positions(&log) {
        let found = without(&row).findings;
        assert!(found.contains(&Finding { place: Place::Position(entry(&row)), fault: Fault::Missing }));
    }
    for row in rows(&log, FORMER_DETAILS) {
        let report = without(&row);
        assert!(report.is_clean(), "{:?}", report.findings);
        assert_eq!((report.erased, report.unlisted), (1, 0));
    }
    for row in rows(&log, FORMER_SUBJECTS) {
        let report = without(&row);
        assert_eq!(report.findings, [Finding { place: Place::Row(row), fault: Fault::Missing }]);
        assert_eq!((report.erased, report.unlisted), (0, 0));
    }
}

#[test]
fn rows_of_former_logs_that_were_moved_or_planted_are_named() {
    let (log, [one, _]) = restored_twice();
    let leaf = |number, index| FormerLog::leaf(number, index);
    let mut swapped = log.hostile();
    swapped.swap(&leaf(1, 3), &leaf(1, 4));
    let found = named(&swapped, &log);
    for index in [3, 4] {
        assert!(found.contains(&(Place::Row(leaf(1, index)), Fault::Altered)), "{found:?}");
    }
    let positions = positions(&log);
    let mut swapped = log.hostile();
    swapped.swap(&positions[0], &positions[1]);
    let found = named(&swapped, &log);
    for row in &positions[..2] {
        assert!(found.iter().any(|(place, _)| *place == Place::Position(entry(row))), "{found:?}");
    }
    // Whoever asks for the one is not shown the other, nor told that there is none.
    let journal = Journal::new(&swapped, &log.keyring);
    assert_eq!(journal.entry(entry(&positions[0])), Err(Error::Refused));

    let row = |table, key: &[u8]| RowKey::new(table, key);
    let whose = Leaf::decode(&one.leaves[1]).unwrap();
    assert_eq!(whose.subject, Some(subject(1)));
    let sealed = rows(&log, FORMER_DETAILS).remove(0);
    let sealed = log.store.get(&sealed).unwrap().unwrap();
    for planted in [
        (leaf(3, 0), log.store.get(&leaf(1, 0)).unwrap().unwrap()),
        (leaf(1, 400), log.store.get(&leaf(1, 0)).unwrap().unwrap()),
        (row(FORMER_LEAVES, b"odd"), Row { version: 1, value: vec![1] }),
        (row(FORMER_DETAILS, &[9; 24]), sealed),
        (FormerLog::listed(subject(9), 1, 1), Row { version: 1, value: vec![] }),
        (FormerLog::listed(subject(1), 1, 0), Row { version: 1, value: vec![] }),
        (FormerLog::listed(subject(1), 1, 400), Row { version: 1, value: vec![] }),
        (FormerLog::listed(subject(1), 1, 1), Row { version: 1, value: vec![1] }),
        (row(FORMER_SUBJECTS, &[1; 16]), Row { version: 1, value: vec![] }),
    ] {
        let mut hostile = log.hostile();
        hostile.put(planted.0.clone(), planted.1);
        let found = named(&hostile, &log);
        assert!(found.len() == 1 && found[0].0 == Place::Row(planted.0), "{found:?}");
    }
    let mut planted = log.hostile();
    planted.put(row(POSITIONS, &[9; 24]), log.store.get(&positions[0]).unwrap().unwrap());
    let stranger = EntryId::from_bytes(&[9; 24]).unwrap();
    assert_eq!(named(&planted, &log), [(Place::Position(stranger), Fault::Unexpected)]);
}

#[test]
fn a_root_that_the_leaves_do_not_lead_to_is_named() {
    let (mut log, [one, two]) = restored_twice();
    // Whoever has the keys of the vault can write such a row, and cannot write such leaves.
    let wrong = FormerLog { number: 3, root: [3; 32], size: 2, ..one.log };
    let leaves = two.leaves[..2].to_vec();
    log.transact(2, |tx| {
        wrong.put(tx)?;
        (0..).zip(&leaves).try_for_each(|(index, leaf)| tx.put_state(&FormerLog::leaf(3, index), leaf))
    })
    .unwrap();
    let found = named(&log.store, &log);
    assert!(found.contains(&(Place::Row(wrong.row().unwrap()), Fault::Differs)), "{found:?}");
}

#[test]
fn what_was_erased_of_former_logs_is_counted_and_its_leaves_prove() {
    let (mut log, [one, two]) = restored_twice();
    let concerned: Vec<_> = [&one, &two].into_iter().flat_map(|left| &left.leaves).collect();
    let mine: Vec<_> = concerned
        .into_iter()
        .map(|leaf| Leaf::decode(leaf).unwrap())
        .filter(|leaf| leaf.subject == Some(subject(2)))
        .collect();
    let told = mine.iter().filter(|leaf| leaf.detail.is_some()).count();
    assert!(mine.len() > 4 && told > 2);
    log.tell_erased(3, subject(2));
    let mut forgotten = 0;
    loop {
        let batch = log.transact(3, |tx| forget_subject(tx, subject(2), 2)).unwrap();
        if batch == 0 {
            break;
        }
        assert!(batch <= 2);
        forgotten += batch;
    }
    assert_eq!(forgotten, mine.len());
    let report = report(&log.store, &log);
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!((report.erased, report.unlisted), (told as u64, mine.len() as u64));
    let journal = Journal::new(&log.store, &log.keyring);
    // All that is listed is the erasure itself, which waits.
    let left = journal.entries_of(subject(2), 50, None).unwrap().entries;
    assert_eq!(left.iter().map(|entry| entry.leaf.kind).collect::<Vec<_>>(), [EventKind::PersonErased]);
    for leaf in mine.iter().filter(|leaf| leaf.detail.is_some()) {
        assert_eq!(journal.entry(leaf.entry).unwrap().unwrap().detail, Telling::Erased);
    }
    assert_eq!(journal.prove_former(1, 2).unwrap().leaf_of_root().unwrap().time, UnixTime(START + 2));
}

#[test]
fn details_of_former_logs_expire_by_age_from_where_the_last_run_ended_and_their_leaves_prove() {
    /// How many go in steps of three leaves.
    fn expire(log: &mut Log, before: u64) -> usize {
        let mut gone = 0;
        loop {
            let step = log.transact(50, |tx| expire_details(tx, UnixTime(START + before), 3)).unwrap();
            assert!(step.details <= 3);
            gone += usize::try_from(step.details).unwrap();
            if !step.more {
                return gone;
            }
        }
    }
    let (mut log, [one, two]) = restored_twice();
    let all = one.details.len() + two.details.len();
    let details = |log: &Log| rows(log, FORMER_DETAILS).len();
    assert!(details(&log) == all && all > 8);
    // A leaf that is missing is told, once what stands before it and in the log of now has gone.
    let middle = (FormerLog::leaf(1, 5), 3);
    for (row, gone) in [(FormerLog::leaf(1, 0), 0), middle, (FormerLog::leaf(2, 0), one.details.len())] {
        let (mut log, _) = restored_twice();
        let mut change = Change::new(ChangeId([9; 16]));
        change.delete(row, 1).unwrap();
        assert_eq!(log.store.commit(&change), Ok(Outcome::Committed));
        let expire =
            |log: &mut Log| log.transact(50, |tx| expire_details(tx, UnixTime(START + 3_000_000), 100));
        let first = expire(&mut log).unwrap();
        assert_eq!((first.more, usize::try_from(first.details).unwrap()), (true, gone));
        assert_eq!(details(&log), all - gone);
        assert!(log.store.get(&RowKey::new(RETENTION, [])).unwrap().is_some(), "it has gone on");
        assert_eq!(expire(&mut log), Err(Error::Refused));
    }
    // Of the first log those of seconds 0 to 5, of which each other one has a detail.
    assert_eq!((expire(&mut log, 6), details(&log)), (3, all - 3));
    let mark = log.transact(50, |tx| tx.state(&RowKey::new(RETENTION, *b"former"))).unwrap();
    assert_eq!(mark, Some([&[1][..], &FormerLog::leaf(1, 6).key].concat()));
    let told = Journal::new(&log.store, &log.keyring).former_range(1, 0..u64::MAX).unwrap();
    for (index, recorded) in told.iter().enumerate() {
        assert!(recorded.leaf.detail.is_none() || (recorded.detail == Telling::Erased) == (index < 6));
    }
    assert_eq!((expire(&mut log, 6), expire(&mut log, 3_000_000), details(&log)), (0, all - 3, 0));
    assert_eq!(expire(&mut log, 3_000_000), 0);
    log.drain();
    let report = report(&log.store, &log);
    assert!(report.is_clean(), "{:?}", report.findings);
    assert!(report.erased >= all as u64);
    let journal = Journal::new(&log.store, &log.keyring);
    assert_eq!(journal.prove_former(1, 2).unwrap().leaf_of_root().unwrap().time, UnixTime(START + 2));
    let events = journal.range(0..journal.head().unwrap().unwrap().size).unwrap();
    assert!(events.iter().any(|event| event.leaf.kind == EventKind::DetailsExpired));
}

/// As a whole, before any question that the audit asks the store.
#[test]
fn an_audit_during_which_somebody_is_erased_names_nothing() {
    let mut counted = 0;
    for at in (0..).step_by(tier(13, 3, 1)) {
        let (mut log, _) = restored_twice();
        log.fill(2, 10);
        log.drain();
        let ran = AtomicBool::new(false);
        let erase = || {
            let (store, keyring, mut rng) = (&log.store, &log.keyring, Seeded::new(5));
            let told = |tx: &mut Transaction<'_>| {
                tx.event(EventKind::PersonErased, Some(subject(2)), &row(), &Detail::new())
            };
            transact_over(store, keyring, START + 20, &mut rng, told).unwrap();
            integrate_over(store, keyring, 1000, &mut rng).unwrap().unwrap();
            let erased = |tx: &mut Transaction<'_>| {
                assert!(!erase_subject(tx, subject(2), 1000)?.more);
                forget_subject(tx, subject(2), 1000)
            };
            transact_over(store, keyring, START + 21, &mut rng, erased).unwrap();
            ran.store(true, Ordering::SeqCst);
        };
        let overtaken = overtaken(&log.store, at, &erase);
        let report = audit(&overtaken, &log.keyring).unwrap();
        assert!(report.is_clean(), "at question {at}: {:?}", report.findings);
        if !ran.load(Ordering::SeqCst) {
            assert!(at > 100 && counted > 5, "{at}, {counted}");
            return;
        }
        counted += u64::from(report.unlisted > 0);
    }
}

/// The lines of the block that begins with this fence.
fn block(page: &'static str, fence: &str) -> &'static str {
    let (_, rest) = page.split_once(&format!("```{fence}\n")).unwrap_or_else(|| panic!("no block {fence}"));
    rest.split_once("```").unwrap().0
}

fn vector(page: &'static str, name: &str) -> Vec<u8> {
    let digits: String = block(page, &format!("vector {name}")).split_whitespace().collect();
    assert!(digits.len() >= 20 && digits.len().is_multiple_of(2), "{name} is cut");
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// The store of the page: the log of its example and that of the example of `events.md`, after two restores.
fn page() -> Log {
    let mut one = Log::new(42);
    let mut writer = one.writer();
    for time in [1, 3, 5] {
        one.write(&mut writer, time);
    }
    one.drain();
    one.sign();
    let mut two = Log::new(41);
    let mut writer = two.writer();
    two.write(&mut writer, 4);
    two.drain();
    let (mut one, two) = (Left::of(&one, 1), Left::of(&two, 2));
    assert_eq!(one.leaves.len(), 4);
    // The entry that tells of the key came after the example.
    one.leaves.truncate(3);
    one.details.clear();
    let mut log = Log::new(43);
    begin_after(&mut log, &two.log);
    log.transact(1, |tx| one.settle(tx).and_then(|()| two.settle(tx))).unwrap();
    log
}

#[test]
fn the_rows_of_former_logs_are_those_of_the_page() {
    let log = page();
    let logs = rows(&log, FORMER_LOGS);
    let leaf = Leaf::decode(&vector(EVENTS, "leaf")).unwrap();
    let example = EntryId::from_bytes(&vector(JOURNAL, "leaf-1")[5..29]).unwrap();
    let detail = RowKey::new(FORMER_DETAILS, leaf.entry.to_bytes());
    let listed = FormerLog::listed(subject(1), 2, 0);
    for (name, row) in [
        ("former-log", &logs[0]),
        ("former-leaf", &FormerLog::leaf(1, 1)),
        ("former-position", &RowKey::new(POSITIONS, example.to_bytes())),
        ("former-latest", &former_row(1, b"latest")),
        ("former-detail", &detail),
        ("former-listed", &listed),
    ] {
        let Row { version, value } = log.store.get(row).unwrap().unwrap();
        assert_eq!(version, 1);
        assert_eq!(row.key, vector(JOURNAL, &format!("{name}-key")), "{name}");
        if !value.is_empty() {
            assert_eq!(value, vector(JOURNAL, name), "{name}");
        }
    }
    // By the words of the page: number, size, root, origin; inverted number and index.
    let root = vector(JOURNAL, "root");
    let key = [&1_u32.to_be_bytes()[..], &3_u64.to_be_bytes(), &root, ORIGIN.as_bytes()].concat();
    assert_eq!(logs[0].key, key);
    assert_eq!(listed.key, [&[1; 16][..], &(!2_u32).to_be_bytes(), &[0xff; 8]].concat());
    // The body of the detail: what was sealed, whose digest the leaf bears, and what it said.
    let row = log.store.get(&detail).unwrap().unwrap();
    let body = log.keyring.open(&detail, &row).unwrap().body;
    let mut reader = Reader::new(&body);
    let length = usize::try_from(reader.u32().unwrap()).unwrap();
    assert_eq!(Some(hash::sha256(&[reader.raw(length).unwrap()])), leaf.detail);
    assert_eq!(reader.raw(reader.remaining()).unwrap(), vector(EVENTS, "detail"));
    // A leaf is proved by the same text as when its log was the vault's, under the same key.
    let journal = Journal::new(&log.store, &log.keyring);
    let proof = journal.prove_former(1, 1).unwrap();
    assert_eq!(proof.to_text(), block(JOURNAL, "tlog-proof"));
    let key = VerifierKey::parse(block(JOURNAL, "vkey").trim_end()).unwrap();
    proof.verify(&TrustPolicy::log(key.clone())).unwrap();
    let former = journal.former_logs().unwrap().remove(0);
    let mut log = log;
    assert_eq!(log.transact(2, |tx| former_key(tx, &former)).unwrap().to_string(), key.to_string());
    log.drain();
    assert_eq!(named(&log.store, &log), []);
    assert!(rows(&log, SUBJECTS).is_empty());
}

#[test]
fn a_list_of_former_entries_that_leads_to_those_of_others_is_refused() {
    let (log, [one, _]) = restored_twice();
    assert_eq!(Leaf::decode(&one.leaves[1]).unwrap().subject, Some(subject(1)));
    assert_eq!(Leaf::decode(&one.leaves[0]).unwrap().subject, None);
    let honest = Journal::new(&log.store, &log.keyring).entries_of(subject(2), 100, None).unwrap();
    assert!(honest.entries.len() > 4);
    // Of another person, of nobody, and of no leaf.
    for index in [1, 0, 400] {
        let mut hostile = log.hostile();
        hostile.put(FormerLog::listed(subject(2), 1, index), Row { version: 1, value: vec![] });
        let journal = Journal::new(&hostile, &log.keyring);
        assert_eq!(journal.entries_of(subject(2), 100, None), Err(Error::Refused), "{index}");
    }
}
