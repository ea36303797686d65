//! What is over is removed, in small steps, and nothing else is; logins go on meanwhile.

mod harness;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use harness::{House, NOON, request};
use zamok_cabinet::{Cabinet, Content, Error, OperationId, SweepPlace, Swept, Template, Value};
use zamok_core::otp::OcraSuite;
use zamok_core::secret::Secret;
use zamok_core::store::{Change, ChangeId, Outcome, Range, RowKey, Table};
use zamok_core::vault::one_time::{self, ImportedParameters};
use zamok_core::vault::questions::{self, Matter};
use zamok_core::{Error as CoreError, UnixTime};

const CHALLENGES: Table = Table(35);
const SESSIONS: Table = Table(37);

fn rows(house: &House, table: Table) -> usize {
    house.store.scan(table, &Range::all(), usize::MAX, None).unwrap().rows.len()
}

/// A whole sweep; the sums of its steps.
fn sweep(cabinet: &Cabinet) -> Swept {
    let mut sum = Swept { seen: 0, removed: 0, unread: 0, next: Some(SweepPlace::default()) };
    while let Some(place) = sum.next.take() {
        let step = cabinet.sweep(&place).unwrap();
        assert!(step.seen <= Cabinet::SWEEP as u64 && step.removed + step.unread <= step.seen);
        sum = Swept {
            seen: sum.seen + step.seen,
            removed: sum.removed + step.removed,
            unread: sum.unread + step.unread,
            next: step.next,
        };
    }
    sum
}

#[test]
fn a_row_goes_once_it_has_been_over_for_as_long_as_it_could_have_lived() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let opened = house.clock_now();
    assert_eq!((rows(&house, CHALLENGES), rows(&house, SESSIONS)), (2, 1));
    let at = |time: u64| {
        house.clock.set(UnixTime(time));
        (sweep(&house.cabinet).removed, rows(&house, CHALLENGES), rows(&house, SESSIONS))
    };
    let policy = house.cabinet.policy().clone();
    let (login, enrolment) = (policy.challenge.lifetime, policy.challenge.enrolment);
    let longest = policy.session.longest;
    // The challenge of the enrolment was made at noon, that of the login with the session.
    assert!(NOON < opened && opened.0 + 2 * login < NOON.0 + 2 * enrolment && enrolment < longest);
    assert_eq!(at(opened.0 + 2 * login - 1), (0, 2, 1));
    assert_eq!(at(opened.0 + 2 * login), (1, 1, 1));
    assert_eq!(at(NOON.0 + 2 * enrolment - 1), (0, 1, 1));
    assert_eq!(at(NOON.0 + 2 * enrolment), (1, 0, 1));
    assert_eq!(at(opened.0 + 2 * longest - 1), (0, 0, 1));
    assert_eq!(at(opened.0 + 2 * longest), (1, 0, 0));
    assert_eq!(house.cabinet.session(session.id), Err(Error::SessionEnded));
    // Nobody is accused of having taken the rows away.
    house.cabinet.vault().integrate().unwrap();
    let audit =
        house.cabinet.vault().read(|store, keyring| zamok_journal::audit_rows(store, keyring)).unwrap();
    assert!(audit.is_clean(), "{audit:?}");
}

#[test]
fn a_question_that_nobody_answered_goes_once_it_has_been_over_for_as_long_as_it_was_open() {
    let house = House::new();
    let suite = OcraSuite::parse("OCRA-1:HOTP-SHA1-6:QN08").unwrap();
    let secret = Secret::new(b"12345678901234567890").unwrap();
    let parameters = ImportedParameters::Ocra { suite, counter: 0 };
    let vault = house.cabinet.vault();
    let key = vault.transact(|tx| one_time::import(tx, parameters, &secret, "a device", None)).unwrap();
    let ask = |lifetime| vault.transact(|tx| questions::ask(tx, key, Matter::Presence, lifetime)).unwrap();
    let (short, long) = (ask(60), ask(600));
    house.clock.advance(119);
    assert_eq!(sweep(&house.cabinet).removed, 0, "a late response would still be charged");
    house.clock.advance(1);
    assert_eq!(sweep(&house.cabinet).removed, 1);
    assert_eq!(vault.transact(|tx| questions::asked(tx, short.id)), Err(CoreError::Rejected));
    assert_eq!(vault.transact(|tx| questions::asked(tx, long.id)), Ok(key));
}

#[test]
fn a_row_that_somebody_altered_stays_and_keeps_no_other() {
    let house = House::new();
    let phone = house.citizen("ivan");
    house.login("ivan", &phone).unwrap();
    let page = house.store.scan(CHALLENGES, &Range::all(), 1, None).unwrap();
    let (key, row) = page.rows.into_iter().next().unwrap();
    let mut change = Change::new(ChangeId([1; 16]));
    change.update(RowKey::new(CHALLENGES, key), row.version, b"altered".to_vec()).unwrap();
    assert_eq!(house.store.commit(&change), Ok(Outcome::Committed));
    house.clock.advance(10 * house.cabinet.policy().session.longest);
    let swept = sweep(&house.cabinet);
    // The factor is looked at as well, and two accounts: one is nobody's.
    assert_eq!((swept.seen, swept.removed, swept.unread), (6, 2, 1));
    assert_eq!((rows(&house, CHALLENGES), rows(&house, SESSIONS)), (1, 0));
}

#[test]
fn logins_go_on_while_thousands_of_rows_are_swept() {
    let house = House::new();
    let phone = house.citizen("ivan");
    for _ in 0..300 {
        house.challenge("ivan");
    }
    house.clock.advance(2 * house.cabinet.policy().challenge.enrolment);
    let sweeper = Arc::new(house.another());
    let (done, house) = (AtomicBool::new(false), &house);
    let removed: u64 = thread::scope(|scope| {
        // Two sweepers at once, and one who logs in.
        let sweepers: Vec<_> = (0..2)
            .map(|_| {
                let (sweeper, done) = (Arc::clone(&sweeper), &done);
                scope.spawn(move || {
                    // Once in any case: the logins may be over before a thread begins.
                    let mut removed = sweep(&sweeper).removed;
                    while !done.load(Ordering::SeqCst) {
                        removed += sweep(&sweeper).removed;
                    }
                    removed
                })
            })
            .collect();
        for _ in 0..5 {
            house.clock.advance(30);
            let challenge = house.challenge("ivan");
            house.cabinet.answer(&challenge, &phone.code(house.clock_now()), request()).unwrap();
        }
        done.store(true, Ordering::SeqCst);
        sweepers.into_iter().map(|sweeper| sweeper.join().unwrap()).sum()
    });
    assert!(removed >= 301, "{removed}");
    assert_eq!(sweep(&house.cabinet).removed + removed, 301);
    assert_eq!((rows(house, CHALLENGES), rows(house, SESSIONS)), (5, 5));
}

#[test]
fn what_was_confirmed_waits_for_its_execution_longer_than_a_short_session() {
    let mut house = House::new();
    let mut policy = house.cabinet.policy().clone();
    (policy.session.longest, policy.session.idle, policy.operation.lifetime) = (300, 300, 3600);
    house.cabinet = house.cabinet.with_policy(policy);
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    house.clock.advance(200);
    let template =
        Template { name: "payment".into(), version: 1, language: "en".into(), text: "Pay {sum}.".into() };
    let content = Content::new(template, [("sum".into(), Value::Number(1))]).unwrap();
    let operation = house.cabinet.propose(&session, OperationId(request().0), &content).unwrap();
    let challenge = house.cabinet.begin_confirmation(&session, operation.id, None).unwrap();
    house.cabinet.confirm(&session, &challenge, &phone.code(house.clock_now()), request()).unwrap();
    house.clock.set(session.expires.plus(301));
    let swept = [sweep(&house.cabinet), sweep(&house.cabinet)];
    assert_eq!(rows(&house, SESSIONS), 1, "{swept:?}");
    assert_eq!(house.cabinet.execute(operation.id, |_, _| Ok(b"done".to_vec())), Ok(b"done".to_vec()));
    house.clock.set(session.expires.plus(3600));
    sweep(&house.cabinet);
    assert_eq!(rows(&house, SESSIONS), 0);
}
