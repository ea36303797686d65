//! Reading: what people see of the journal, and what they never see.

mod log;

use log::{Log, START, subject};
use zamok_core::event::{Detail, EventKind};
use zamok_core::store::{Change, ChangeId, EntryId, Outcome, Row, RowKey, Store};
use zamok_core::vault::{Committed, DETAILS, Transaction};
use zamok_core::{Env, Error, UnixTime};
use zamok_journal::{
    InclusionProof, Journal, LEAVES, POSITIONS, Receipt, SUBJECTS, Status, Telling, audit, tree,
};

fn leaf_row(index: u64) -> RowKey {
    RowKey::new(LEAVES, index.to_be_bytes())
}

fn detail_row(id: EntryId) -> RowKey {
    RowKey::new(DETAILS, id.to_bytes())
}

#[test]
fn an_entry_is_told_while_it_waits_and_as_a_leaf() {
    let mut log = Log::new(1);
    let mut writer = log.writer();
    let id = log.write(&mut writer, 4);
    for integrated in [false, true] {
        let recorded = Journal::new(&log.store, &log.keyring).entry(id).unwrap().unwrap();
        assert_eq!((recorded.id, recorded.leaf.kind), (id, EventKind::CodeAccepted));
        assert_eq!((recorded.leaf.time, recorded.leaf.subject), (UnixTime(START + 4), Some(subject(1))));
        assert_eq!(recorded.detail, Telling::Told(Detail::new().with("step", "4").with("drift", "0")));
        assert_eq!(recorded.leaf.encode().unwrap(), recorded.bytes);
        let status = if integrated { Status::Integrated { index: 0 } } else { Status::Waiting };
        assert_eq!(recorded.status, status);
        log.drain();
    }
    let none = EntryId { writer: id.writer, sequence: 2 };
    assert_eq!(Journal::new(&log.store, &log.keyring).entry(none).unwrap(), None);
}

#[test]
fn a_subject_reads_its_own_entries_latest_first_page_by_page_across_leaves_and_waiting_ones() {
    let mut log = Log::new(2);
    let mut writers = [log.writer(), log.writer()];
    for time in 0..100_u8 {
        log.write(&mut writers[usize::from(time % 2)], time.into());
        if time == 60 {
            log.drain();
        }
    }
    let journal = Journal::new(&log.store, &log.keyring);
    let (mut times, mut waiting, mut after) = (Vec::new(), 0, None);
    loop {
        let listing = journal.entries_of(subject(2), 7, after.as_ref()).unwrap();
        assert!(listing.entries.len() <= 7);
        waiting += listing.entries.iter().filter(|entry| entry.status == Status::Waiting).count();
        times.extend(listing.entries.iter().map(|entry| entry.leaf.time.0 - START));
        match listing.next {
            Some(cursor) => after = Some(cursor),
            None => break,
        }
    }
    let expected: Vec<u64> = (0..100).rev().filter(|time| time % 3 == 2).collect();
    assert_eq!(times, expected);
    assert_eq!(waiting, expected.iter().filter(|time| **time > 60).count());
    // It goes on after any entry, waiting or not, and in no listing but its own.
    let all = journal.entries_of(subject(2), 100, None).unwrap().entries;
    for (place, entry) in all.iter().enumerate() {
        let rest = journal.entries_of(subject(2), 100, entry.cursor().as_ref()).unwrap().entries;
        assert_eq!(rest, all[place + 1..]);
        assert_eq!(journal.entries_of(subject(1), 7, entry.cursor().as_ref()), Err(Error::Rejected));
    }
    assert_eq!(journal.entries_of(subject(9), 7, None).unwrap().entries, []);
}

#[test]
fn within_one_second_the_latest_of_a_writer_comes_first() {
    let mut log = Log::new(13);
    let mut writers = [log.writer(), log.writer()];
    let mut ids: Vec<_> = (0..300).map(|turn| log.write(&mut writers[turn % 2], 1)).collect();
    log.integrate(200);
    ids.sort_by_key(|id| (id.writer, !id.sequence));
    let journal = Journal::new(&log.store, &log.keyring);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let listing = journal.entries_of(subject(1), 7, after.as_ref()).unwrap();
        found.extend(listing.entries.iter().map(|entry| entry.id));
        match listing.next {
            Some(cursor) => after = Some(cursor),
            None => break,
        }
    }
    assert_eq!(found, ids);
}

#[test]
fn an_event_of_a_kind_that_only_a_newer_program_knows_is_integrated_proved_and_listed() {
    let mut log = Log::new(14);
    let kind = EventKind::from_number(999);
    assert_eq!((kind.number(), kind.name().as_ref()), (999, "unknown.999"));
    let writer = log.writer();
    let env = Env { now: UnixTime(START + 1), rng: &mut log.rng };
    let mut tx = Transaction::begin(&log.store, &log.keyring, writer, env);
    let detail = Detail::new().with("novelty", "1");
    let id = tx.event(kind, Some(subject(1)), &log::row(), &detail).unwrap();
    let Committed::Done((), mut writer) = tx.prepare(()).unwrap().commit().unwrap() else {
        panic!("nobody else is at work")
    };
    let next = log.write(&mut writer, 2);

    let listed = |log: &Log| {
        let journal = Journal::new(&log.store, &log.keyring);
        let recorded = journal.entries_of(subject(1), 7, None).unwrap().entries.pop().unwrap();
        assert_eq!(
            (recorded.id, recorded.leaf.kind, &recorded.detail),
            (id, kind, &Telling::Told(detail.clone()))
        );
        assert_eq!(recorded.leaf.encode().unwrap(), recorded.bytes);
        assert_eq!(recorded.bytes[1..3], 999_u16.to_be_bytes());
        recorded.status
    };
    assert_eq!(listed(&log), Status::Waiting);
    let done = log.drain();
    assert_eq!((done.count, done.broken), (2, vec![]));
    assert_eq!(listed(&log), Status::Integrated { index: 0 });
    log.sign();
    let journal = Journal::new(&log.store, &log.keyring);
    assert_eq!(journal.prove(0).unwrap().leaf_of_root().unwrap().kind, kind);
    assert_eq!(journal.range(0..2).unwrap()[1].id, next);
    assert!(audit(&log.store, &log.keyring).unwrap().is_clean());
}

#[test]
fn a_deleted_detail_is_told_as_erased_and_its_leaf_still_proves() {
    let mut log = Log::new(3);
    log.fill(2, 20);
    log.drain();
    log.sign();
    let leaf = Journal::new(&log.store, &log.keyring).range(0..20).unwrap().remove(4);
    assert!(matches!(leaf.detail, Telling::Told(_)));
    let mut change = Change::new(ChangeId([1; 16]));
    change.delete(detail_row(leaf.id), 1).unwrap();
    assert_eq!(log.store.commit(&change).unwrap(), Outcome::Committed);
    let journal = Journal::new(&log.store, &log.keyring);
    assert_eq!(journal.entry(leaf.id).unwrap().unwrap().detail, Telling::Erased);
    assert_eq!(journal.prove(4).unwrap().leaf_of_root().unwrap(), leaf.leaf);
}

#[test]
fn an_altered_detail_is_refused_and_so_is_that_of_another_entry() {
    let mut log = Log::new(4);
    let mut writer = log.writer();
    let (one, other) = (log.write(&mut writer, 2), log.write(&mut writer, 4));
    let length = log.store.get(&detail_row(one)).unwrap().unwrap().value.len();
    for byte in 0..length {
        let mut hostile = log.hostile();
        hostile.flip(&detail_row(one), byte);
        let refused = Journal::new(&hostile, &log.keyring).entry(one);
        assert_eq!(refused, Err(Error::Refused), "byte {byte}");
    }
    let mut hostile = log.hostile();
    hostile.swap(&detail_row(one), &detail_row(other));
    let journal = Journal::new(&hostile, &log.keyring);
    assert_eq!([one, other].map(|id| journal.entry(id)), [Err(Error::Refused), Err(Error::Refused)]);
}

#[test]
fn an_altered_entry_is_never_shown() {
    let mut log = Log::new(5);
    let mut writer = log.writer();
    let ids = [log.write(&mut writer, 1), log.write(&mut writer, 2)];
    log.integrate(1);
    for (id, row) in [(ids[0], leaf_row(0)), (ids[1], ids[1].row())] {
        let length = log.store.get(&row).unwrap().unwrap().value.len();
        for byte in 0..length {
            let mut hostile = log.hostile();
            hostile.flip(&row, byte);
            let journal = Journal::new(&hostile, &log.keyring);
            let error = journal.entry(id).unwrap_err();
            assert!(matches!(error, Error::Refused | Error::Format { .. }), "byte {byte}: {error}");
        }
    }
}

#[test]
fn a_leaf_in_the_place_of_another_is_refused() {
    let mut log = Log::new(6);
    log.fill(2, 20);
    log.drain();
    let mut hostile = log.hostile();
    hostile.swap(&leaf_row(3), &leaf_row(4));
    let journal = Journal::new(&hostile, &log.keyring);
    assert_eq!(journal.range(0..3).unwrap().len(), 3);
    assert_eq!(journal.range(3..4), Err(Error::Refused));
    assert_eq!(journal.range(4..5), Err(Error::Refused));
    assert_eq!(journal.range(5..20).unwrap().len(), 15);
    // Positions that agree with the exchange do not help either.
    let ids: Vec<_> =
        Journal::new(&log.store, &log.keyring).range(3..5).unwrap().iter().map(|leaf| leaf.id).collect();
    let position = |id: EntryId| RowKey::new(POSITIONS, id.to_bytes());
    hostile.swap(&position(ids[0]), &position(ids[1]));
    let journal = Journal::new(&hostile, &log.keyring);
    assert_eq!(
        ids.iter().map(|id| journal.entry(*id)).collect::<Vec<_>>(),
        [const { Err(Error::Refused) }; 2]
    );
}

#[test]
fn a_missing_leaf_is_refused_and_not_skipped() {
    let mut log = Log::new(7);
    log.fill(2, 600);
    log.drain();
    for gone in [0, 255, 300, 599] {
        let mut hostile = log.hostile();
        hostile.drop(leaf_row(gone));
        assert_eq!(Journal::new(&hostile, &log.keyring).range(0..600), Err(Error::Refused), "leaf {gone}");
    }
    let journal = Journal::new(&log.store, &log.keyring);
    assert_eq!(journal.range(0..600).unwrap().len(), 600);
    assert_eq!(journal.range(590..10_000).unwrap().len(), 10);
    assert_eq!(journal.range(600..700).unwrap().len(), 0);
}

#[test]
fn an_index_of_a_subject_that_leads_elsewhere_is_refused() {
    let mut log = Log::new(8);
    let mut writer = log.writer();
    let id = log.write(&mut writer, 1);
    let key = |whose: u8, time: u64, id: EntryId| {
        let (time, sequence) = ((!(START + time)).to_be_bytes(), (!id.sequence).to_be_bytes());
        RowKey::new(SUBJECTS, [&subject(whose).0[..], &time, &id.writer, &sequence].concat())
    };
    assert!(log.store.get(&key(1, 1, id)).unwrap().is_none(), "it waits, and is found without the index");
    assert_eq!(
        Journal::new(&log.store, &log.keyring).entries_of(subject(1), 10, None).unwrap().entries.len(),
        1
    );
    log.drain();
    assert_eq!(log.store.get(&key(1, 1, id)).unwrap(), Some(Row { version: 1, value: Vec::new() }));
    let nowhere = EntryId { writer: [3; 16], sequence: 1 };
    for (whose, planted) in [(2, key(2, 1, id)), (1, key(1, 5, id)), (1, key(1, 1, nowhere))] {
        let mut hostile = log.hostile();
        hostile.put(planted, Row { version: 1, value: Vec::new() });
        let journal = Journal::new(&hostile, &log.keyring);
        assert_eq!(journal.entries_of(subject(whose), 10, None), Err(Error::Refused));
    }
}

#[test]
fn every_leaf_is_proved_under_the_checkpoint_and_every_older_size_is_extended() {
    let mut log = Log::new(9);
    log.fill(3, 300);
    log.drain();
    log.sign();
    let policy = log.policy();
    let journal = Journal::new(&log.store, &log.keyring);
    let head = journal.head().unwrap().unwrap();
    let leaves = journal.range(0..300).unwrap();
    for (index, leaf) in (0..).zip(&leaves) {
        let proof = journal.prove(index).unwrap();
        assert_eq!(proof.verify(&policy).unwrap().0, leaf.leaf);
        assert_eq!(InclusionProof::from_text(&proof.to_text()).unwrap(), proof);
    }
    for old in 0..=300 {
        let (new, path) = journal.extends(old).unwrap();
        assert_eq!(new, head);
        let hashes: Vec<_> = leaves.iter().map(|leaf| tree::leaf(&leaf.bytes)).collect();
        let old_root = root(&hashes[..usize::try_from(old).unwrap()]);
        tree::verify_consistency((old, &old_root), (new.size, &new.root), &path).unwrap();
    }
    assert_eq!(journal.prove(300), Err(Error::Uncovered));
    assert!(matches!(journal.extends(301), Err(Error::TooLong { given: 301, limit: 300, .. })));
}

fn root(hashes: &[tree::Hash]) -> tree::Hash {
    match hashes {
        [] => tree::empty(),
        [one] => *one,
        more => {
            let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
            tree::node(&root(left), &root(right))
        }
    }
}

#[test]
fn an_empty_log_proves_nothing_and_is_extended_by_every_log() {
    let log = Log::new(10);
    let journal = Journal::new(&log.store, &log.keyring);
    assert_eq!(journal.head().unwrap(), None);
    assert_eq!(journal.range(0..10).unwrap(), []);
    assert_eq!(journal.prove(0), Err(Error::Uncovered));
    let (head, path) = journal.extends(0).unwrap();
    assert_eq!((head.size, head.root, path), (0, tree::empty(), vec![]));
}

#[test]
fn nothing_is_proved_from_altered_tiles_or_under_an_altered_checkpoint() {
    let mut log = Log::new(11);
    log.fill(2, 300);
    log.drain();
    log.sign();
    let latest = RowKey::new(zamok_journal::CHECKPOINTS, *b"latest");
    let tile = |level: u8, index: u64| {
        RowKey::new(zamok_journal::TILES, [&[level][..], &index.to_be_bytes()].concat())
    };
    for (row, leaf) in [(tile(0, 0), 7), (tile(0, 1), 299), (tile(1, 0), 7), (latest, 0)] {
        let length = log.store.get(&row).unwrap().unwrap().value.len();
        for byte in (0..length).step_by(if length > 1000 { 61 } else { 1 }) {
            let mut hostile = log.hostile();
            hostile.flip(&row, byte);
            let error = Journal::new(&hostile, &log.keyring).prove(leaf).unwrap_err();
            assert!(
                matches!(error, Error::Refused | Error::Format { .. }),
                "byte {byte} of {row:?}: {error}"
            );
        }
    }
}

#[test]
fn the_journal_shows_no_keys_when_it_is_printed() {
    let log = Log::new(12);
    let journal = Journal::new(&log.store, &log.keyring);
    assert_eq!(format!("{journal:?}"), "Journal { keyring: Keyring(user, 1 data keys, redacted), .. }");
}

#[test]
fn a_receipt_is_pending_until_a_checkpoint_covers_the_entry() {
    let mut log = Log::new(41);
    let mut writer = log.writer();
    let ids: Vec<_> = (0..3).map(|time| log.write(&mut writer, time)).collect();
    let receipt = |log: &Log, id| Journal::new(&log.store, &log.keyring).receipt(id).unwrap();
    assert_eq!(receipt(&log, ids[0]), Some(Receipt::Pending), "it waits");
    log.integrate(2);
    assert_eq!(receipt(&log, ids[0]), Some(Receipt::Pending), "a leaf that nobody signed");
    log.sign();
    assert_eq!(receipt(&log, ids[0]), Some(Receipt::Covered { index: 0, size: 2 }));
    assert_eq!(receipt(&log, ids[1]), Some(Receipt::Covered { index: 1, size: 2 }));
    assert_eq!(receipt(&log, ids[2]), Some(Receipt::Pending));
    log.drain();
    assert_eq!(receipt(&log, ids[2]), Some(Receipt::Pending), "beyond the checkpoint");
    assert_eq!(receipt(&log, EntryId { writer: [9; 16], sequence: 1 }), None);
}

#[test]
fn entries_that_wait_are_told_however_many_they_are() {
    let mut log = Log::new(15);
    let mut writers = [log.writer(), log.writer()];
    for time in 0..700_u64 {
        log.write(&mut writers[usize::from(time % 2 == 1)], time);
    }
    let listing = Journal::new(&log.store, &log.keyring).entries_of(subject(1), 1000, None).unwrap();
    let times: Vec<u64> = listing.entries.iter().map(|entry| entry.leaf.time.0 - START).collect();
    let expected: Vec<u64> = (0..700).rev().filter(|time| time % 3 == 1).collect();
    assert_eq!((times, listing.next), (expected, None));
}
