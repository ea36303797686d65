//! The audit: whatever is altered, dropped, repeated, moved or planted is found, and named.

mod log;

use log::{Hostile, Log, subject, tier};
use zamok_core::event::{Detail, EventKind};
use zamok_core::store::{Change, ChangeId, EntryId, Outcome, Range, Row, RowKey, Store, Table};
use zamok_core::vault::{Committed, DETAILS, Transaction, Writer};
use zamok_core::{Env, UnixTime};
use zamok_journal::tiles::TileName;
use zamok_journal::{
    CHECKPOINTS, Fault, Finding, Head, Journal, LEAVES, POSITIONS, Place, Report, SUBJECTS, TILES, WRITERS,
    audit,
};

fn leaf_row(index: u64) -> RowKey {
    RowKey::new(LEAVES, index.to_be_bytes())
}

/// 300 leaves of three writers (a full tile, a partial one, one above) and nine entries that wait.
fn log_of_300() -> Log {
    let mut log = Log::new(1);
    let mut writers = [log.writer(), log.writer(), log.writer()];
    for time in 0..309_u64 {
        if time == 300 {
            log.drain();
        }
        log.write(&mut writers[usize::try_from(time % 3).unwrap()], time);
    }
    log
}

/// Fourteen leaves, four entries that wait.
fn small_log() -> Log {
    let mut log = Log::new(2);
    let mut writers = [log.writer(), log.writer()];
    for time in 0..18_u64 {
        if time == 14 {
            log.drain();
        }
        log.write(&mut writers[usize::try_from(time % 2).unwrap()], time);
    }
    log
}

fn report(store: &dyn Store, log: &Log) -> Report {
    let report = audit(store, &log.keyring).unwrap();
    assert!(report.settled);
    report
}

fn ids(log: &Log) -> Vec<EntryId> {
    Journal::new(&log.store, &log.keyring).range(0..u64::MAX).unwrap().iter().map(|leaf| leaf.id).collect()
}

fn waiting(log: &Log) -> Vec<EntryId> {
    let rows = log.store.scan(EntryId::TABLE, &Range::all(), 1000, None).unwrap().rows;
    let mut ids: Vec<_> = rows.iter().map(|(key, _)| EntryId::of_row(key).unwrap()).collect();
    ids.sort();
    ids
}

fn only(place: Place, fault: Fault) -> Vec<Finding> {
    vec![Finding { place, fault }]
}

/// Every byte of a row is changed in turn; the place must be named each time, and nothing else where `alone`.
fn every_byte(log: &Log, row: &RowKey, place: &Place, alone: bool) -> usize {
    let length = log.store.get(row).unwrap().unwrap().value.len();
    let step = if length > 1000 { tier(509, 31, 1) } else { 1 };
    for byte in (0..length).step_by(step) {
        let mut hostile = log.hostile();
        hostile.flip(row, byte);
        let findings = report(&hostile, log).findings;
        assert!(
            findings.iter().any(|finding| finding.place == *place),
            "byte {byte} of {place}: {findings:?}"
        );
        assert!(!alone || findings.len() == 1, "byte {byte} of {place}: {findings:?}");
    }
    for changed in [length - 1, length + 1] {
        let mut hostile = log.hostile();
        let mut cut = log.store.get(row).unwrap().unwrap();
        cut.value.resize(changed, 0);
        hostile.put(row.clone(), cut);
        let findings = report(&hostile, log).findings;
        assert!(
            findings.iter().any(|finding| finding.place == *place),
            "{changed} bytes of {place}: {findings:?}"
        );
    }
    length
}

#[test]
fn an_honest_log_is_clean() {
    for log in [Log::new(1), small_log(), log_of_300()] {
        let report = report(&log.store, &log);
        assert!(report.is_clean(), "{:?}", report.findings);
    }
    let log = log_of_300();
    let report = report(&log.store, &log);
    assert_eq!((report.leaves, report.waiting, report.erased, report.unlisted), (300, 9, 0, 0));
    assert_eq!(report.head, Journal::new(&log.store, &log.keyring).head().unwrap());
}

#[test]
fn every_byte_of_a_leaf_is_watched() {
    let log = small_log();
    for index in (0..14).step_by(tier(7, 5, 1)) {
        // A byte of the id it gives itself makes it look like another entry, so that its own seems to be missing too.
        every_byte(&log, &leaf_row(index), &Place::Leaf(index), false);
    }
    let log = log_of_300();
    let leaves = tier(0, 1, 4);
    for index in [256, 0, 255, 299].into_iter().take(leaves) {
        every_byte(&log, &leaf_row(index), &Place::Leaf(index), false);
    }
}

#[test]
fn every_byte_of_a_waiting_entry_is_watched() {
    let log = small_log();
    for id in waiting(&log) {
        every_byte(&log, &id.row(), &Place::Waiting(id), true);
    }
}

#[test]
fn every_byte_of_a_tile_is_watched() {
    let log = log_of_300();
    for (level, index, width) in [(0, 0, 256), (0, 1, 44), (1, 0, 1)] {
        let name = TileName { level, index };
        assert_eq!(every_byte(&log, &name.row(), &Place::Tile(name), true), 32 * width);
    }
}

#[test]
fn every_byte_of_the_head_of_positions_of_details_and_of_writers_is_watched() {
    let log = small_log();
    every_byte(&log, &Head::row(), &Place::Head, true);
    for (index, id) in ids(&log).into_iter().enumerate().take(tier(2, 4, 14)) {
        every_byte(&log, &RowKey::new(POSITIONS, id.to_bytes()), &Place::Position(id), true);
        if index % 2 == 0 {
            every_byte(&log, &RowKey::new(DETAILS, id.to_bytes()), &Place::Detail(id), true);
        }
        let writer = Place::Writer(id.writer);
        every_byte(&log, &RowKey::new(WRITERS, id.writer), &writer, true);
    }
    let waiting = waiting(&log)
        .into_iter()
        .find(|id| log.store.get(&RowKey::new(DETAILS, id.to_bytes())).unwrap().is_some());
    let id = waiting.unwrap();
    every_byte(&log, &RowKey::new(DETAILS, id.to_bytes()), &Place::Detail(id), true);
}

#[test]
fn every_row_that_is_dropped_is_missed() {
    let log = log_of_300();
    let ids = ids(&log);
    let check = |row: RowKey, place: Place| {
        let mut hostile = log.hostile();
        hostile.drop(row);
        let findings = report(&hostile, &log).findings;
        assert!(
            findings.contains(&Finding { place: place.clone(), fault: Fault::Missing }),
            "{place}: {findings:?}"
        );
    };
    check(Head::row(), Place::Head);
    for index in [0, 100, 255, 256, 299] {
        check(leaf_row(index), Place::Leaf(index));
    }
    for name in [(0, 0), (0, 1), (1, 0)].map(|(level, index)| TileName { level, index }) {
        check(name.row(), Place::Tile(name));
    }
    check(RowKey::new(POSITIONS, ids[7].to_bytes()), Place::Position(ids[7]));
    check(RowKey::new(WRITERS, ids[7].writer), Place::Writer(ids[7].writer));

    let waiting = waiting(&log);
    let mut hostile = log.hostile();
    hostile.drop(waiting[0].row());
    let gap = Finding { place: Place::Waiting(waiting[1]), fault: Fault::Gap };
    assert!(report(&hostile, &log).findings.contains(&gap));
}

/// The rows of the index that list the entries of a person.
fn listed(log: &Log, number: u8) -> Vec<RowKey> {
    let rows = log.store.scan(SUBJECTS, &Range::prefix(&subject(number).0), 1000, None).unwrap().rows;
    rows.into_iter().map(|(key, _)| RowKey::new(SUBJECTS, key)).collect()
}

#[test]
fn what_was_erased_with_a_person_is_counted_and_no_finding() {
    // The erasure is a leaf, or still waits.
    for (integrated, unlisted) in [(true, 7), (false, 5)] {
        let mut log = small_log();
        log.tell_erased(20, subject(1));
        if integrated {
            log.drain();
        }
        let mut hostile = log.hostile();
        let ids = ids(&log);
        hostile.drop(RowKey::new(DETAILS, ids[0].to_bytes()));
        hostile.drop(RowKey::new(DETAILS, ids[2].to_bytes()));
        for row in listed(&log, 1) {
            hostile.drop(row);
        }
        let report = report(&hostile, &log);
        assert!(report.is_clean(), "{:?}", report.findings);
        // What waits is not listed yet.
        assert_eq!((report.erased, report.unlisted), (2, unlisted));
    }
}

#[test]
fn an_entry_that_is_hidden_from_a_living_owner_is_named() {
    let mut log = small_log();
    // The erasure of another person explains nothing.
    log.tell_erased(20, subject(2));
    let hidden = listed(&log, 1);
    assert!(hidden.len() > 4);
    for row in &hidden {
        let mut hostile = log.hostile();
        hostile.drop(row.clone());
        let report = report(&hostile, &log);
        let [Finding { place: Place::Subject(id), fault: Fault::Missing }] = report.findings[..] else {
            panic!("{:?}", report.findings)
        };
        assert!(ids(&log).contains(&id));
        assert_eq!(report.unlisted, 0);
    }
    let mut hostile = log.hostile();
    for row in &hidden {
        hostile.drop(row.clone());
    }
    assert_eq!(report(&hostile, &log).findings.len(), hidden.len());
}

#[test]
fn leaves_that_were_reordered_repeated_or_moved_between_writers_are_found() {
    let log = log_of_300();
    let ids = ids(&log);
    // Times are all different here, so that the three writers take turns.
    assert_ne!(ids[10].writer, ids[11].writer);
    assert_eq!(ids[10].writer, ids[13].writer);
    for (one, other) in [(10, 13), (10, 11), (255, 256), (0, 299)] {
        let mut hostile = log.hostile();
        hostile.swap(&leaf_row(one), &leaf_row(other));
        let findings = report(&hostile, &log).findings;
        for index in [one, other] {
            assert!(
                findings.iter().any(|finding| finding.place == Place::Leaf(index)),
                "{one}, {other}: {findings:?}"
            );
        }
        assert!(
            !findings.iter().any(|finding| matches!(finding.place, Place::Tile(_) | Place::Head)),
            "{findings:?}"
        );
    }
    let mut repeated = log.hostile();
    repeated.put(leaf_row(20), repeated.value(&leaf_row(17)));
    let findings = report(&repeated, &log).findings;
    assert!(findings.contains(&Finding { place: Place::Leaf(20), fault: Fault::Repeated }), "{findings:?}");
}

#[test]
fn waiting_entries_that_were_put_back_or_exchanged_are_found() {
    let log = small_log();
    let (integrated, waiting) = (ids(&log), waiting(&log));
    let mut hostile = log.hostile();
    hostile.put(integrated[3].row(), hostile.value(&leaf_row(3)));
    assert_eq!(report(&hostile, &log).findings, only(Place::Waiting(integrated[3]), Fault::Repeated));
    let mut hostile = log.hostile();
    hostile.swap(&waiting[0].row(), &waiting[2].row());
    let findings = report(&hostile, &log).findings;
    for id in [waiting[0], waiting[2]] {
        assert!(findings.contains(&Finding { place: Place::Waiting(id), fault: Fault::Altered }));
    }
}

#[test]
fn an_entry_that_a_cloned_writer_slipped_in_is_found_by_the_one_that_follows() {
    for integrated in [false, true] {
        let mut log = Log::new(4);
        let mut writer = log.writer();
        log.write(&mut writer, 0);
        let mut clone = writer.clone();
        let (second, third) = (log.write(&mut writer, 1), log.write(&mut writer, 3));
        let mut elsewhere = Log::new(5);
        assert_eq!(elsewhere.write(&mut clone, 2), second);
        let slipped_in = elsewhere.store.get(&second.row()).unwrap().unwrap();
        if integrated {
            log.drain();
        }
        let mut hostile = log.hostile();
        let row = if integrated { leaf_row(1) } else { second.row() };
        hostile.put(row, slipped_in);
        let findings = report(&hostile, &log).findings;
        let place = if integrated { Place::Leaf(2) } else { Place::Waiting(third) };
        assert!(findings.contains(&Finding { place, fault: Fault::Unchained }), "{findings:?}");
    }
}

#[test]
fn rows_that_belong_to_nothing_are_found() {
    let log = small_log();
    let (integrated, waiting) = (ids(&log), waiting(&log));
    let stranger = EntryId { writer: [9; 16], sequence: 1 };
    let without_detail = integrated[1];
    let tile = |level, index| TileName { level, index };
    let subject_of = |id: EntryId| {
        let sequence = (!id.sequence).to_be_bytes();
        RowKey::new(SUBJECTS, [&[5; 16][..], &[0; 8], &id.writer, &sequence].concat())
    };
    let planted: Vec<(RowKey, Vec<u8>, Place)> = vec![
        (leaf_row(14), log.hostile().value(&leaf_row(13)).value, Place::Leaf(14)),
        (leaf_row(u64::MAX), vec![1], Place::Leaf(u64::MAX)),
        (tile(0, 1).row(), vec![0; 32], Place::Tile(tile(0, 1))),
        (tile(1, 0).row(), vec![0; 32], Place::Tile(tile(1, 0))),
        (tile(200, 0).row(), vec![0; 32], Place::Tile(tile(200, 0))),
        (RowKey::new(POSITIONS, stranger.to_bytes()), vec![0; 8], Place::Position(stranger)),
        (RowKey::new(POSITIONS, waiting[0].to_bytes()), vec![0; 8], Place::Position(waiting[0])),
        (RowKey::new(DETAILS, stranger.to_bytes()), vec![0], Place::Detail(stranger)),
        (RowKey::new(DETAILS, without_detail.to_bytes()), vec![0], Place::Detail(without_detail)),
        (subject_of(stranger), vec![], Place::Subject(stranger)),
        (subject_of(integrated[0]), vec![], Place::Subject(integrated[0])),
        (subject_of(waiting[0]), vec![], Place::Subject(waiting[0])),
    ];
    for (row, value, place) in planted {
        let mut hostile = log.hostile();
        hostile.put(row, Row { version: 1, value });
        assert_eq!(report(&hostile, &log).findings, only(place, Fault::Unexpected));
    }
    let tables = [LEAVES, POSITIONS, TILES, WRITERS, zamok_journal::HEAD, DETAILS, SUBJECTS, EntryId::TABLE];
    for table in tables {
        for key in [&b"odd"[..], &[0; 7], &[0xff; 41]] {
            let row = RowKey::new(table, key);
            let mut hostile = log.hostile();
            hostile.put(row.clone(), Row { version: 1, value: vec![1] });
            assert_eq!(report(&hostile, &log).findings, only(Place::Row(row), Fault::Unexpected));
        }
    }
}

#[test]
fn older_rows_that_are_put_back_are_found() {
    let mut log = small_log();
    let tile = TileName { level: 0, index: 0 };
    let rows = [Head::row(), RowKey::new(WRITERS, ids(&log)[0].writer), tile.row()];
    let old = rows.clone().map(|row| log.store.get(&row).unwrap().unwrap());
    log.drain();
    let cases = rows.into_iter().zip(old).collect::<Vec<_>>();
    let findings = |cases: &[(RowKey, Row)]| {
        let mut hostile = log.hostile();
        cases.iter().for_each(|(row, old)| hostile.put(row.clone(), old.clone()));
        report(&hostile, &log).findings
    };
    let places =
        |findings: Vec<Finding>| findings.into_iter().map(|finding| finding.place).collect::<Vec<_>>();
    let head = places(findings(&cases[..1]));
    assert!(head.contains(&Place::Leaf(14)) && head.contains(&Place::Tile(tile)), "{head:?}");
    let writer = <[u8; 16]>::try_from(cases[1].0.key.as_slice()).unwrap();
    assert_eq!(findings(&cases[1..2]), only(Place::Writer(writer), Fault::Differs));
    assert_eq!(places(findings(&cases[2..])), [Place::Tile(tile)]);
    assert!(!findings(&cases).is_empty());
}

/// Messages on their way (`docs/formats/tables.md`): rows that may be removed.
const OUTBOX: Table = Table(44);

/// One event by a writer, about this row, which the same commit makes or takes away.
fn about(log: &mut Log, writer: &mut Writer, row: &RowKey, kind: EventKind) {
    let env = Env { now: UnixTime(log::START), rng: &mut log.rng };
    let mut tx = Transaction::begin(&log.store, &log.keyring, writer.clone(), env);
    if kind.removes() {
        assert!(tx.state(row).unwrap().is_some());
        tx.delete(row).unwrap();
    } else {
        tx.put_state(row, b"waits").unwrap();
    }
    tx.event(kind, None, row, &Detail::new()).unwrap();
    let Committed::Done((), next) = tx.prepare(()).unwrap().commit().unwrap() else { panic!("a conflict") };
    *writer = next;
}

/// Within one second the log has entries in the order of their writers: a removal may come before what it removed.
#[test]
fn a_row_that_another_writer_removed_within_the_same_second_is_not_missed() {
    for seed in 0..8 {
        let mut log = Log::new(seed);
        let (mut one, mut other) = (log.writer(), log.writer());
        let message = RowKey::new(OUTBOX, *b"message");
        about(&mut log, &mut one, &message, EventKind::MessageQueued);
        about(&mut log, &mut other, &message, EventKind::MessageHandedOver);
        log.integrate(usize::MAX);
        assert_eq!(report(&log.store, &log).findings, []);
        // Made again by the writer that had removed it, and then gone without a word.
        about(&mut log, &mut other, &message, EventKind::MessageQueued);
        log.integrate(usize::MAX);
        let version = log.store.get(&message).unwrap().unwrap().version;
        let mut gone = Change::new(ChangeId([0xee; 16]));
        gone.delete(message.clone(), version).unwrap();
        assert_eq!(log.store.commit(&gone).unwrap(), Outcome::Committed);
        assert_eq!(report(&log.store, &log).findings, only(Place::Row(message), Fault::Missing));
    }
}

#[test]
fn leaf_and_tile_that_were_exchanged_together_are_found_by_the_root() {
    let log = small_log();
    let tile = TileName { level: 0, index: 0 };
    let mut hostile = log.hostile();
    hostile.swap(&leaf_row(3), &leaf_row(4));
    let mut hashes = hostile.value(&tile.row());
    let (third, fourth): (Vec<u8>, Vec<u8>) = (hashes.value[96..128].into(), hashes.value[128..160].into());
    hashes.value[96..128].copy_from_slice(&fourth);
    hashes.value[128..160].copy_from_slice(&third);
    hostile.put(tile.row(), hashes);
    let findings = report(&hostile, &log).findings;
    assert!(findings.contains(&Finding { place: Place::Head, fault: Fault::Differs }), "{findings:?}");
}

#[test]
fn without_a_head_the_leaves_are_still_looked_at() {
    let log = small_log();
    let mut hostile = log.hostile();
    hostile.drop(Head::row());
    hostile.flip(&leaf_row(5), 60);
    let report = report(&hostile, &log);
    assert_eq!((report.head, report.leaves), (None, 14));
    for (place, fault) in [(Place::Head, Fault::Missing), (Place::Leaf(5), Fault::Altered)] {
        assert!(report.findings.contains(&Finding { place, fault }), "{:?}", report.findings);
    }
}

#[test]
fn a_flood_of_findings_is_named_up_to_a_limit_and_counted_beyond() {
    let mut log = Log::new(3);
    log.fill(2, 1500);
    log.drain();
    let mut hostile: Hostile<'_> = log.hostile();
    for index in 0..1500 {
        hostile.drop(leaf_row(index));
    }
    let report = report(&hostile, &log);
    assert_eq!(report.findings.len(), Report::MAX_FINDINGS);
    assert!(report.further >= 500);
}

#[test]
fn findings_read_as_sentences() {
    let id = EntryId { writer: [0xab; 16], sequence: 7 };
    let sentence = |place, fault| Finding { place, fault }.to_string();
    assert_eq!(sentence(Place::Leaf(17), Fault::Altered), "leaf 17 fails its authentication");
    assert_eq!(
        sentence(Place::Tile(TileName { level: 1, index: 0 }), Fault::Differs),
        "tile 0 of level 1 is not what the rest of the journal says"
    );
    assert_eq!(
        sentence(Place::Waiting(id), Fault::Gap),
        "the waiting entry 7 of writer abababababababababababababababab follows a gap in its chain"
    );
    assert_eq!(
        sentence(Place::Row(RowKey::new(Table(19), *b"odd")), Fault::Unexpected),
        "row 6f6464 of table 19 should not be there"
    );
}

#[test]
fn every_altered_byte_of_a_checkpoint_is_found_and_one_of_a_longer_log_is_named() {
    let mut log = Log::new(60);
    log.fill(2, 40);
    log.drain();
    log.sign();
    log.drain();
    for name in ["key", "latest"] {
        let row = RowKey::new(CHECKPOINTS, name.as_bytes());
        let length = log.store.get(&row).unwrap().unwrap().value.len();
        for byte in 0..length {
            let mut hostile = log.hostile();
            hostile.flip(&row, byte);
            let found = audit(&hostile, &log.keyring).unwrap().findings;
            assert!(
                matches!(found.as_slice(), [Finding { place: Place::Checkpoint(place), fault: Fault::Altered | Fault::Unreadable }] if *place == name),
                "byte {byte} of {name}: {found:?}"
            );
        }
    }
    // The journal is put back to an earlier day, and its last checkpoint is not.
    let (head, leaf) = (
        log.store.get(&Head::row()).unwrap().unwrap(),
        log.store.get(&RowKey::new(CHECKPOINTS, *b"latest")).unwrap().unwrap(),
    );
    let mut writer = log.writer();
    log.write(&mut writer, 99);
    log.drain();
    log.sign();
    let mut hostile = log.hostile();
    hostile.put(Head::row(), head);
    let found = audit(&hostile, &log.keyring).unwrap().findings;
    assert!(
        found.contains(&Finding { place: Place::Checkpoint("latest"), fault: Fault::Ahead }),
        "{found:?}"
    );
    // An older checkpoint under the newest version is refused by its MAC.
    let mut hostile = log.hostile();
    let newest = log.store.get(&RowKey::new(CHECKPOINTS, *b"latest")).unwrap().unwrap();
    hostile.put(RowKey::new(CHECKPOINTS, *b"latest"), Row { version: newest.version, ..leaf });
    let found = audit(&hostile, &log.keyring).unwrap().findings;
    assert_eq!(found, [Finding { place: Place::Checkpoint("latest"), fault: Fault::Altered }]);
    let mut hostile = log.hostile();
    hostile.put(RowKey::new(CHECKPOINTS, *b"other"), newest);
    assert_eq!(audit(&hostile, &log.keyring).unwrap().findings[0].fault, Fault::Unexpected);
}
