//! What goes from a journal and what stays: details by age, details of an erased account, states of writers that are
//! over. Every leaf still proves, and nothing that went can be put back unseen.

mod log;

use log::{Log, START, subject};
use zamok_core::event::EventKind;
use zamok_core::store::{Range, RowKey, Store, Table};
use zamok_core::vault::DETAILS;
use zamok_journal::{
    Fault, Finding, Journal, POSITIONS, Place, REMEMBERED, SUBJECTS, Telling, WRITERS, audit, erase_subject,
    expire_details, forget_writers, forgetting_is_due,
};

const DAY: u64 = 86_400;

fn rows(log: &Log, table: Table) -> usize {
    log.store.scan(table, &Range::all(), 100_000, None).unwrap().rows.len()
}

fn findings(log: &Log) -> Vec<Finding> {
    audit(&log.store, &log.keyring).unwrap().findings
}

#[test]
fn an_erased_account_leaves_leaves_that_prove_and_nothing_that_tells() {
    let mut log = Log::new(31);
    log.fill(3, 60);
    log.integrate(40);
    log.sign();
    let policy = log.policy();
    let journal = Journal::new(&log.store, &log.keyring);
    let own = journal.entries_of(subject(1), 100, None).unwrap().entries;
    let integrated: Vec<_> = journal.range(0..40).unwrap();
    let before: Vec<_> = (0..40).map(|index| journal.prove(index).unwrap()).collect();
    assert!(own.len() > 15 && own.iter().any(|entry| matches!(entry.detail, Telling::Told(_))));

    log.tell_erased(99, subject(1));
    let mut calls = 0;
    loop {
        calls += 1;
        if !log.transact(100, |tx| erase_subject(tx, subject(1), 4)).unwrap().more {
            break;
        }
    }
    assert!(calls > 3, "in batches");
    // What waits is listed until it is integrated and erased once more, and tells nothing.
    let journal = Journal::new(&log.store, &log.keyring);
    let left = journal.entries_of(subject(1), 100, None).unwrap().entries;
    assert!(!left.is_empty() && left.iter().all(|entry| !matches!(entry.detail, Telling::Told(_))));
    log.drain();
    while log.transact(100, |tx| erase_subject(tx, subject(1), 4)).unwrap().more {}
    let journal = Journal::new(&log.store, &log.keyring);
    assert_eq!(journal.entries_of(subject(1), 100, None).unwrap().entries, []);
    for entry in &own {
        let now = journal.entry(entry.id).unwrap().unwrap();
        assert!(now.detail == Telling::Erased || now.detail == Telling::None);
        assert_eq!(now.leaf, entry.leaf);
    }
    let listed = log.store.scan(SUBJECTS, &Range::prefix(&[1; 16]), 10, None).unwrap().rows;
    assert_eq!(listed, []);
    // Others are as they were.
    let theirs = journal.entries_of(subject(2), 100, None).unwrap().entries;
    assert!(theirs.iter().all(|entry| entry.detail != Telling::Erased));
    // Proofs from before, and proofs from now.
    for (old, leaf) in before.iter().zip(&integrated) {
        assert_eq!(old.verify(&policy).unwrap().0, leaf.leaf);
        assert_eq!(journal.prove(old.index()).unwrap().verify(&policy).unwrap().0, leaf.leaf);
    }
    log.drain();
    let report = audit(&log.store, &log.keyring).unwrap();
    assert!(report.is_clean() && report.erased > 5, "{report:?}");
    let journal = Journal::new(&log.store, &log.keyring);
    let told: Vec<_> = journal
        .range(0..200)
        .unwrap()
        .into_iter()
        .filter(|e| e.leaf.kind == EventKind::DetailsErased)
        .collect();
    assert!(!told.is_empty() && told.iter().all(|entry| entry.leaf.subject.is_none()));
}

#[test]
fn details_expire_by_age_from_where_the_last_run_ended() {
    let mut log = Log::new(32);
    let mut writer = log.writer();
    for day in 0..20 {
        log.write(&mut writer, day * DAY);
    }
    log.drain();
    let details = rows(&log, DETAILS);
    assert_eq!(details, 20, "the days are even numbers of seconds");
    let before = zamok_core::UnixTime(START + 12 * DAY);
    let mut deleted = 0;
    loop {
        let erased = log.transact(20 * DAY, |tx| expire_details(tx, before, 5)).unwrap();
        deleted += erased.details;
        if !erased.more {
            break;
        }
    }
    assert_eq!(deleted, 12);
    let again = log.transact(20 * DAY, |tx| expire_details(tx, before, 5)).unwrap();
    assert_eq!((again.details, again.more), (0, false));
    log.drain();
    let journal = Journal::new(&log.store, &log.keyring);
    for (day, entry) in (0..20).zip(journal.range(0..20).unwrap()) {
        assert_eq!(entry.detail == Telling::Erased, day < 12, "{day}");
    }
    assert_eq!(findings(&log), []);
}

#[test]
fn writers_that_are_over_are_forgotten_and_those_that_go_on_are_not() {
    let mut log = Log::new(33);
    for day in 0..50_u64 {
        let mut writer = log.writer();
        log.write(&mut writer, day * DAY);
        log.write(&mut writer, day * DAY + 1);
        log.drain();
    }
    let head = Journal::new(&log.store, &log.keyring).head().unwrap().unwrap();
    let now = START + 50 * DAY;
    assert!(forgetting_is_due(&head, zamok_core::UnixTime(now)));
    let before = rows(&log, WRITERS);
    let forgotten = log.transact(50 * DAY, forget_writers).unwrap();
    // Those of days 0 to 19, and of day 20 its last second is not yet over.
    assert_eq!((forgotten, rows(&log, WRITERS)), (20, before - 20));
    let head = Journal::new(&log.store, &log.keyring).head().unwrap().unwrap();
    assert_eq!(head.closed.0, now - REMEMBERED);
    assert!(!forgetting_is_due(&head, zamok_core::UnixTime(now + DAY - 1)));
    assert_eq!(findings(&log), []);
}

#[test]
fn an_entry_of_a_forgotten_writer_that_is_put_back_is_not_integrated_again() {
    // Long ago, and in the very second up to which chains are closed.
    for now in [40 * DAY, REMEMBERED + 1] {
        let mut log = Log::new(34);
        let mut writer = log.writer();
        let id = log.write(&mut writer, 1);
        let waited = log.store.get(&id.row()).unwrap().unwrap();
        let mut other = log.writer();
        log.write(&mut other, now - DAY);
        log.drain();
        log.transact(now, forget_writers).unwrap();
        let state = RowKey::new(WRITERS, id.writer);
        assert_eq!(log.store.get(&state).unwrap(), None);
        // Without its position nothing but the head knows that it is a leaf.
        let mut hostile = log.hostile();
        hostile.put(id.row(), waited);
        hostile.drop(RowKey::new(POSITIONS, id.to_bytes()));
        let mut rng = log::Seeded::new(1);
        let mut env = zamok_core::Env { now: zamok_core::UnixTime(START + now), rng: &mut rng };
        let writer = zamok_core::vault::Writer::new(log::ORIGIN, &mut env);
        let mut tx = zamok_core::vault::Transaction::begin(&hostile, &log.keyring, writer, env);
        let done = zamok_journal::integrate(&mut tx, 100).unwrap();
        assert_eq!((done.count, done.broken.len(), done.broken[0].fault), (0, 1, Fault::Closed));
        let found = audit(&hostile, &log.keyring).unwrap().findings;
        assert!(found.contains(&Finding { place: Place::Waiting(id), fault: Fault::Repeated }), "{found:?}");
    }
}

#[test]
fn nobody_is_forgotten_while_an_old_entry_waits_and_a_taken_state_is_missed() {
    let mut log = Log::new(35);
    let mut writer = log.writer();
    log.write(&mut writer, 1);
    let mut other = log.writer();
    log.write(&mut other, 20 * DAY);
    log.drain();
    let mut late = log.writer();
    let id = log.write(&mut late, 2);
    assert_eq!(log.transact(40 * DAY, forget_writers).unwrap(), 0);
    assert_eq!(log.drain().broken, []);
    // A state that goes before its time is named.
    let mut hostile = log.hostile();
    hostile.drop(RowKey::new(WRITERS, id.writer));
    let found = audit(&hostile, &log.keyring).unwrap().findings;
    assert_eq!(found, [Finding { place: Place::Writer(id.writer), fault: Fault::Missing }]);
    assert_eq!(log.transact(40 * DAY, forget_writers).unwrap(), 2);
    assert_eq!(
        log.transact(40 * DAY, |tx| expire_details(tx, zamok_core::UnixTime(0), 10)).unwrap().details,
        0
    );
    let wrong = log.transact(0, |tx| erase_subject(tx, subject(9), 10)).unwrap();
    assert_eq!((wrong.details, wrong.more), (0, false));
}

#[test]
fn what_is_closed_stays_closed_when_the_log_goes_on() {
    let mut log = Log::new(36);
    let mut writer = log.writer();
    log.write(&mut writer, 1);
    let mut other = log.writer();
    log.write(&mut other, 20 * DAY);
    log.drain();
    assert_eq!(log.transact(40 * DAY, forget_writers).unwrap(), 1);
    let closed = |log: &Log| Journal::new(&log.store, &log.keyring).head().unwrap().unwrap().closed.0;
    assert_eq!(closed(&log), START + 40 * DAY - REMEMBERED);
    let mut next = log.writer();
    log.write(&mut next, 40 * DAY);
    assert_eq!(log.drain().count, 1);
    assert_eq!(closed(&log), START + 40 * DAY - REMEMBERED, "the log has grown");
    // Nor does a clock that was set back open anything.
    log.transact(35 * DAY, forget_writers).unwrap();
    assert_eq!(closed(&log), START + 40 * DAY - REMEMBERED, "an earlier day");
}

#[test]
fn a_clock_that_jumps_ahead_for_a_moment_forgets_nobody_and_closes_nothing() {
    let mut log = Log::new(37);
    let mut writer = log.writer();
    for day in 0..3 {
        log.write(&mut writer, day * DAY);
    }
    log.drain();
    let mut ahead = log.writer();
    log.write(&mut ahead, 365 * DAY);
    log.drain();
    assert_eq!(log.transact(365 * DAY, forget_writers).unwrap(), 0);
    // The clock is right again: who was at work goes on, and others begin.
    log.write(&mut writer, 3 * DAY);
    let mut next = log.writer();
    log.write(&mut next, 3 * DAY);
    let done = log.drain();
    assert_eq!((done.count, done.broken), (2, vec![]));
    assert_eq!(findings(&log), []);
}

#[test]
fn what_a_clock_closed_that_was_ahead_for_days_is_open_again_once_it_is_right() {
    let mut log = Log::new(38);
    for time in [0, 365 * DAY, 367 * DAY] {
        let mut writer = log.writer();
        log.write(&mut writer, time);
    }
    log.drain();
    assert_eq!(log.transact(367 * DAY, forget_writers).unwrap(), 1);
    let mut next = log.writer();
    log.write(&mut next, 3 * DAY);
    let done = log.drain();
    assert_eq!((done.count, done.broken), (1, vec![]));
}
