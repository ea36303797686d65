//! What is over is removed, in small steps, and nothing else is; logins go on meanwhile.

mod file_house;
mod harness;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use file_house::{FileHouse, next_code, unlock};
use harness::{House, NOON, Phone, request};
use zamok_cabinet::{Cabinet, Content, Error, OperationId, SweepPlace, Swept, Template, Value};
use zamok_core::otp::OcraSuite;
use zamok_core::secret::Secret;
use zamok_core::store::{Change, ChangeId, Outcome, Range, RowKey, Store, Table, Write};
use zamok_core::vault::one_time::{self, ImportedParameters};
use zamok_core::vault::questions::{self, Matter};
use zamok_core::{Error as CoreError, UnixTime};
use zamok_store_conformance::Hooked;
use zamok_store_sqlite::SqliteStore;

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

/// What a step asked of its store.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    pages: usize,
    /// Rows that a page was to have at most, and those that pages had.
    limit: usize,
    shown: usize,
    /// Rows that were asked for by name.
    read: usize,
    commits: usize,
    /// Rows and sums of the largest commit.
    largest: usize,
    deleted: usize,
}

/// What was asked of a file, and where it lets others go on: when a commit is about to be made.
#[derive(Default)]
struct Notes {
    asked: Mutex<Asked>,
    /// The next commit tells the one, and waits for the other.
    gate: Mutex<Option<(Sender<()>, Receiver<()>)>>,
}

impl Notes {
    /// What was asked since this was asked for last.
    fn asked(&self) -> Asked {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// The file, of which these are the notes.
    fn of(self: &Arc<Self>, file: SqliteStore) -> Arc<dyn Store> {
        let [reads, scans, commits] = [(); 3].map(|()| self.clone());
        let store = Hooked::over(Arc::new(file))
            .on_get(move |store, key| {
                reads.asked.lock().unwrap().read += 1;
                store.get(key)
            })
            .on_scan(move |store, table, range, limit, after| {
                let page = store.scan(table, range, limit, after)?;
                let mut asked = scans.asked.lock().unwrap();
                asked.pages += 1;
                asked.limit = asked.limit.max(limit);
                asked.shown += page.rows.len();
                Ok(page)
            })
            .on_commit(move |store, change| {
                let gate = commits.gate.lock().unwrap().take();
                if let Some((here, go_on)) = gate {
                    here.send(()).unwrap();
                    go_on.recv().unwrap();
                }
                let rows = change.expectations().len() + change.adds().len();
                let deleted = change.writes().filter(|(_, write)| **write == Write::Delete).count();
                let mut asked = commits.asked.lock().unwrap();
                asked.commits += 1;
                asked.largest = asked.largest.max(rows);
                asked.deleted += deleted;
                drop(asked);
                store.commit(change)
            });
        Arc::new(store)
    }
}

/// One step, and something in its midst: when it has read everything, and is about to commit. Whether it came so far.
fn step_around(
    sweeper: &Cabinet,
    notes: &Notes,
    place: &SweepPlace,
    meanwhile: impl FnOnce(),
) -> (Swept, bool) {
    thread::scope(|scope| {
        let ((here, arrived), (go, go_on)) = (channel(), channel());
        *notes.gate.lock().unwrap() = Some((here, go_on));
        let step = scope.spawn(|| {
            let swept = sweeper.sweep(place);
            // A step that finds nothing to do commits nothing.
            *notes.gate.lock().unwrap() = None;
            swept.unwrap()
        });
        let commits = arrived.recv().is_ok();
        if commits {
            meanwhile();
            go.send(()).unwrap();
        }
        (step.join().unwrap(), commits)
    })
}

/// What a whole sweep came to.
struct Sum {
    removed: u64,
    /// By one step.
    most: u64,
    logins: usize,
}

/// A whole sweep, of which each step keeps within its bounds, with a login in the midst of every step that commits.
fn bounded_sweep(sweeper: &Cabinet, notes: &Notes, log_in: impl Fn()) -> Sum {
    // Of a session: its row, its account, the key of its owner, the list of those that are open.
    const READ: usize = 4 * Cabinet::SWEEP;
    // Besides, the entry that tells of its end, and the words of it.
    const WRITTEN: usize = 6 * Cabinet::SWEEP;
    let mut sum = Sum { removed: 0, most: 0, logins: 0 };
    let mut next = Some(SweepPlace::default());
    while let Some(place) = next {
        // Once a minute a handle compares the keys of the vault with the store: not within what is counted.
        sweeper.vault().read(|_, _| Ok(())).unwrap();
        notes.asked();
        let (swept, commits) = step_around(sweeper, notes, &place, &log_in);
        let asked = notes.asked();
        assert!(asked.pages == 1 && asked.limit <= Cabinet::SWEEP, "{asked:?}");
        assert!(asked.shown as u64 == swept.seen && asked.shown <= Cabinet::SWEEP, "{asked:?} {swept:?}");
        assert!(asked.read <= READ && asked.largest <= WRITTEN, "{asked:?}");
        assert_eq!(asked.commits, usize::from(commits), "one at most: {asked:?}");
        assert_eq!(asked.deleted as u64, swept.removed, "all in that one: {asked:?}");
        assert_eq!(swept.unread, 0);
        sum.removed += swept.removed;
        sum.most = sum.most.max(swept.removed);
        sum.logins += usize::from(commits);
        next = swept.next;
    }
    sum
}

#[test]
fn a_step_over_a_file_is_a_page_and_a_small_commit_and_holds_up_no_login() {
    let file = FileHouse::plain();
    let house = &file.house;
    let [ivan, olga, boris] = ["ivan", "olga", "boris"].map(|login| house.citizen(login));
    let log_in = |login: &str, phone: &Phone| {
        let (_, code) = next_code(&house.clock, house.clock_now(), phone);
        house.cabinet.answer(&house.challenge(login), &code, request()).unwrap();
    };
    // More than a page of sessions, and more than two of challenges, with those by which the three have enrolled.
    let sessions = Cabinet::SWEEP + 6;
    for _ in 0..sessions {
        log_in("ivan", &ivan);
    }
    for _ in 0..Cabinet::SWEEP {
        house.challenge("ivan");
    }
    let challenges = sessions + Cabinet::SWEEP + 3;
    let left = || (rows(house, CHALLENGES), rows(house, SESSIONS));
    assert_eq!(left(), (challenges, sessions));
    let notes = Arc::new(Notes::default());
    let sweeper = unlock(notes.of(SqliteStore::open(&file.path).unwrap()), &house.clock).unwrap();
    let longest = house.cabinet.policy().session.longest;

    // Challenges go, and sessions lapse. Whoever logs in meanwhile has rows of his own.
    house.clock.advance(longest);
    let first = bounded_sweep(&sweeper, &notes, || log_in("olga", &olga));
    assert_eq!((first.removed, first.most), (challenges as u64, Cabinet::SWEEP as u64));
    assert!(first.logins >= 5, "three pages of challenges and two of sessions, not {}", first.logins);
    assert_eq!(left(), (first.logins, sessions + first.logins));
    // Sessions that had lapsed go, and the challenges of those who logged in meanwhile.
    house.clock.advance(longest);
    let second = bounded_sweep(&sweeper, &notes, || log_in("boris", &boris));
    assert_eq!(second.removed, (sessions + first.logins) as u64);
    assert!(second.logins >= 3, "a page of challenges and two of sessions, not {}", second.logins);
    assert_eq!(left(), (second.logins, first.logins + second.logins));
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
