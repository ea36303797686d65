//! Integrators that race with each other, with writers, with readers and with audits: one history, nobody accused.

mod log;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use log::{Log, ORIGIN, START, Seeded, batch_over, integrate_over, overtaken, subject, tier};
use zamok_core::event::{Detail, EventKind};
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::{Committed, Transaction, Writer};
use zamok_core::{Env, UnixTime};
use zamok_journal::{Journal, audit, integrate, sign_checkpoint};

#[test]
fn of_two_integrators_over_the_same_entries_one_conflicts() {
    let mut log = Log::new(17);
    log.fill(3, 40);
    let mut rngs = [Seeded::new(1), Seeded::new(2)];
    let pending: Vec<_> = rngs
        .iter_mut()
        .map(|rng| {
            let mut env = Env { now: UnixTime(START), rng };
            let writer = Writer::new(ORIGIN, &mut env);
            let mut tx = Transaction::begin(&log.store, &log.keyring, writer, env);
            let done = integrate(&mut tx, 100).unwrap();
            tx.prepare(done).unwrap()
        })
        .collect();
    let outcomes: Vec<_> = pending.into_iter().map(|pending| pending.commit().unwrap()).collect();
    assert!(matches!(&outcomes[0], Committed::Done(done, _) if done.count == 40));
    assert!(matches!(&outcomes[1], Committed::Conflict(_)));
    let report = audit(&log.store, &log.keyring).unwrap();
    assert!(report.is_clean() && report.leaves == 40);
}

/// One integrator is stopped before every single question that it asks the store, and another one runs meanwhile.
#[test]
fn an_integrator_that_is_overtaken_anywhere_changes_nothing_and_accuses_nobody() {
    for (limit, supposes) in [(7, true), (1000, true), (7, false), (1000, false)] {
        for at in 0.. {
            let mut log = Log::new(18);
            log.fill(3, 30);
            log.integrate(13);
            let ran = AtomicBool::new(false);
            let overtake = || {
                let mut rng = Seeded::new(3);
                let done = integrate_over(&log.store, &log.keyring, 1000, &mut rng).unwrap().unwrap();
                assert_eq!(done.count, 17);
                ran.store(true, Ordering::SeqCst);
            };
            let overtaken = overtaken(&log.store, at, &overtake);
            let mut rng = Seeded::new(4);
            let slow = batch_over(&overtaken, &log.keyring, limit, &mut rng, supposes)
                .unwrap_or_else(|error| panic!("overtaken at question {at}: {error}"));
            if !ran.load(Ordering::SeqCst) {
                assert!(
                    at > if supposes { 5 } else { 20 },
                    "the hook was called at every question up to {at}"
                );
                break;
            }
            if let Some(done) = slow {
                assert!(done.broken.is_empty() && done.count == 0, "overtaken at question {at}: {done:?}");
            }
            let report = audit(&log.store, &log.keyring).unwrap();
            assert!(report.is_clean() && report.leaves == 30, "overtaken at question {at}: {report:?}");
        }
    }
}

#[test]
fn writers_integrators_readers_and_audits_at_once_make_one_history() {
    let mut log = Log::new(19);
    log.fill(1, 1);
    log.drain();
    log.sign();
    let stop = AtomicBool::new(false);
    let each = u64::try_from(tier(60, 300, 3000)).unwrap();
    thread::scope(|scope| {
        let (log, stop) = (&log, &stop);
        let writers: Vec<_> = (0..4_u64)
            .map(|number| {
                scope.spawn(move || {
                    let mut rng = Seeded::new(100 + number);
                    let mut chain = Writer::new(ORIGIN, &mut Env { now: UnixTime(START), rng: &mut rng });
                    for time in 0..each {
                        let env = Env { now: UnixTime(START + time), rng: &mut rng };
                        let mut tx = Transaction::begin(&log.store, &log.keyring, chain, env);
                        let row = RowKey::new(Table(900), number.to_be_bytes());
                        let detail = Detail::new().with("step", time.to_string());
                        tx.event(EventKind::CodeAccepted, Some(subject(1)), &row, &detail).unwrap();
                        let Committed::Done((), next) = tx.prepare(()).unwrap().commit().unwrap() else {
                            panic!("nobody else writes these rows")
                        };
                        chain = next;
                    }
                })
            })
            .collect();
        for number in 0..3 {
            scope.spawn(move || {
                let mut rng = Seeded::new(200 + number);
                loop {
                    let last = stop.load(Ordering::SeqCst);
                    let done = integrate_over(&log.store, &log.keyring, 50, &mut rng).unwrap();
                    assert!(done.as_ref().is_none_or(|done| done.broken.is_empty()), "{done:?}");
                    if last && done.is_some_and(|done| !done.more) {
                        break;
                    }
                }
            });
        }
        for number in 0..2 {
            scope.spawn(move || {
                let mut rng = Seeded::new(300 + number);
                let mut last = 0;
                while !stop.load(Ordering::SeqCst) {
                    let mut env = Env { now: UnixTime(START), rng: &mut rng };
                    let writer = Writer::new(ORIGIN, &mut env);
                    let mut tx = Transaction::begin(&log.store, &log.keyring, writer, env);
                    let signed = sign_checkpoint(&mut tx).unwrap();
                    if let Committed::Done(signed, _) = tx.prepare(signed).unwrap().commit().unwrap() {
                        assert!(signed.checkpoint().size >= last, "checkpoints only grow");
                        last = signed.checkpoint().size;
                    }
                }
            });
        }
        scope.spawn(|| {
            let journal = Journal::new(&log.store, &log.keyring);
            while !stop.load(Ordering::SeqCst) {
                let listing = journal.entries_of(subject(1), 20, None).unwrap();
                assert!(listing.entries.len() <= 20);
                if let [Some(latest), _] = journal.checkpoints().unwrap() {
                    journal.prove(latest.checkpoint().size - 1).unwrap().leaf_of_root().unwrap();
                }
                let report = audit(&log.store, &log.keyring).unwrap();
                assert!(report.is_clean(), "{:?}", report.findings);
            }
        });
        for writer in writers {
            writer.join().unwrap();
        }
        stop.store(true, Ordering::SeqCst);
    });
    let report = audit(&log.store, &log.keyring).unwrap();
    assert!(report.is_clean() && report.settled);
    // One before the race, and the making of the log's key.
    assert_eq!((report.leaves, report.waiting), (4 * each + 2, 0));
}
