//! Threads on one handle.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use zamok_core::store::{Expect, Outcome, Range, Resolution, Store};

use super::{TABLE, change, commit, counter, get, insert, must, row, sum, update, version};
use crate::{Factory, Hooked, Tier};

/// Runs in every thread at once; the answers come in the order of the threads.
fn at_once<T: Send>(threads: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|number| {
                let (barrier, run) = (&barrier, &run);
                scope.spawn(move || {
                    barrier.wait();
                    run(number)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread of the case")).collect()
    })
}

/// Stops the other threads when the case ends, by a panic too.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn wins(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|outcome| **outcome == Outcome::Committed).count()
}

pub fn of_many_threads_that_make_a_row_one_wins<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    for round in 0..Tier::pick(20, 100, 1_000) {
        let key = round.to_be_bytes();
        let outcomes = at_once(8, |thread| {
            commit(&store, &change(|change, _| change.insert(row(&key), thread.to_be_bytes().to_vec())))
        });
        assert_eq!(wins(&outcomes), 1, "round {round}: {outcomes:?}");
        let winner = outcomes.iter().position(|outcome| *outcome == Outcome::Committed).unwrap_or_default();
        assert_eq!(get(&store, &key).map(|row| row.value), Some(winner.to_be_bytes().to_vec()));
    }
}

pub fn of_many_threads_that_update_a_row_one_wins_each_round<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    insert(&store, b"row", b"");
    for round in 1..=Tier::pick(20, 100, 1_000) {
        let outcomes = at_once(16, |thread| {
            commit(
                &store,
                &change(|change, _| change.update(row(b"row"), round, thread.to_be_bytes().to_vec())),
            )
        });
        assert_eq!(wins(&outcomes), 1, "round {round}: {outcomes:?}");
        assert!(outcomes.iter().all(|outcome| {
            matches!(outcome, Outcome::Committed) || *outcome == Outcome::Conflict(row(b"row"))
        }));
        assert_eq!(version(&store, b"row"), Some(round + 1));
    }
}

/// Write skew: each side writes its own row and expects the other's to be as it was.
pub fn of_two_that_must_not_both_hold_one_wins<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    insert(&store, b"0", b"");
    insert(&store, b"1", b"");
    for round in 1..=Tier::pick(30, 200, 1_000) {
        let outcomes = at_once(2, |side| {
            let (own, other) = if side == 0 { (b"0", b"1") } else { (b"1", b"0") };
            commit(
                &store,
                &change(|change, _| {
                    change.expect(row(other), Expect::Version(round))?;
                    change.update(row(own), round, Vec::new())
                }),
            )
        });
        assert_eq!(wins(&outcomes), 1, "round {round}: {outcomes:?}");
        let behind: &[u8] = if outcomes[0] == Outcome::Committed { b"1" } else { b"0" };
        update(&store, behind, round, b"");
    }
}

/// The same where nothing is there to hold: each side makes its own row and expects that the other's is absent.
pub fn of_two_that_each_expect_the_other_absent_one_wins<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    for round in 0..Tier::pick(30, 200, 1_000) {
        let name = |side: usize| [[side.to_le_bytes()[0]].as_slice(), &round.to_be_bytes()].concat();
        let outcomes = at_once(2, |side| {
            commit(
                &store,
                &change(|change, _| {
                    change.expect(row(&name(1 - side)), Expect::Absent)?;
                    change.insert(row(&name(side)), Vec::new())
                }),
            )
        });
        assert_eq!(wins(&outcomes), 1, "round {round}: {outcomes:?}");
        for (side, outcome) in outcomes.iter().enumerate() {
            assert_eq!(get(&store, &name(side)).is_some(), *outcome == Outcome::Committed, "round {round}");
        }
    }
}

pub fn a_reader_that_stalls_between_read_and_write_loses<F: Factory>(factory: &F) {
    let store = Arc::new(factory.fresh().store);
    insert(&*store, b"row", b"0");
    for round in (1..=Tier::pick(20, 100, 1_000)).map(|round| 2 * round - 1) {
        let (has_read, reader_waits) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let may_go_on = std::sync::Mutex::new(may_go_on);
        let slow = Hooked::over(Arc::clone(&store)).on_get(move |store, key| {
            let row = store.get(key);
            has_read.send(()).expect("the case listens");
            may_go_on.lock().expect("one reader").recv().expect("the case goes on");
            row
        });
        thread::scope(|scope| {
            let slow = scope.spawn(move || {
                let seen = version(&slow, b"row").expect("the row");
                commit(&slow, &change(|change, _| change.update(row(b"row"), seen, b"slow".to_vec())))
            });
            // Dropped when the case fails, so that the other side stops waiting.
            let go_on = go_on;
            reader_waits.recv().expect("the reader has read");
            update(&*store, b"row", round, b"fast");
            go_on.send(()).expect("the reader waits");
            assert_eq!(slow.join().expect("the reader"), Outcome::Conflict(row(b"row")));
        });
        assert_eq!(get(&*store, b"row").map(|row| row.value), Some(b"fast".to_vec()));
        update(&*store, b"row", round + 1, b"next");
    }
}

pub fn a_stalled_scan_holds_nobody_up<F: Factory>(factory: &F) {
    let store = Arc::new(factory.fresh().store);
    must(&*store, |change, _| (0..100_u8).try_for_each(|key| change.insert(row(&[key]), vec![key])));
    let (has_read, scanner_waits) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let may_go_on = std::sync::Mutex::new(may_go_on);
    let slow = Hooked::over(Arc::clone(&store)).on_scan(move |store, table, range, limit, after| {
        let page = store.scan(table, range, limit, after);
        has_read.send(()).expect("the case listens");
        may_go_on.lock().expect("one scanner").recv().expect("the case goes on");
        page
    });
    thread::scope(|scope| {
        let slow = scope.spawn(move || slow.scan(TABLE, &Range::all(), 50, None).expect("a page"));
        // Dropped when the case fails, so that the other side stops waiting.
        let go_on = go_on;
        scanner_waits.recv().expect("the scanner has read");
        for version in 1..=20 {
            update(&*store, &[7], version, b"changed");
            assert_eq!(self::version(&*store, &[7]), Some(version + 1));
        }
        must(&*store, |change, _| change.delete(row(&[8]), 1));
        go_on.send(()).expect("the scanner waits");
        let page = slow.join().expect("the scanner");
        assert_eq!(page.rows.len(), 50);
        assert!(page.rows.iter().all(|(_, row)| row.version == 1), "a page is what was read");
    });
}

/// A view may be a transaction that stays open: whoever commits waits for nobody who reads in it. A store that gives no views has nothing
/// to show here.
pub fn a_view_that_stays_open_holds_nobody_up<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    must(&store, |change, _| (0..100_u8).try_for_each(|key| change.insert(row(&[key]), vec![key])));
    let Some(view) = store.snapshot().expect("a view is given, or not") else { return };
    let moment: Vec<(Vec<u8>, u64)> = (0..100).map(|key| (vec![key], 1)).collect();
    let is_done = AtomicBool::new(false);
    let rounds = Tier::pick(5, 25, 250);
    thread::scope(|scope| {
        let done = Done(&is_done);
        let (has_read, writers_wait) = mpsc::channel();
        let (view, moment, is_done) = (&view, &moment, &is_done);
        scope.spawn(move || {
            let mut is_last = false;
            while !is_last {
                is_last = is_done.load(Ordering::SeqCst);
                let (mut rows, mut after) = (Vec::new(), None);
                loop {
                    let page = view.scan(TABLE, &Range::all(), 7, after.as_ref()).expect("a page");
                    rows.extend(page.rows.into_iter().map(|(key, row)| (key, row.version)));
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(rows, *moment, "a view is of one moment");
                let _ = has_read.send(());
            }
        });
        writers_wait.recv().expect("the view is open and was read");
        at_once(4, |thread| {
            let own = thread.to_le_bytes()[0];
            must(&store, |change, _| change.delete(row(&[50 + own]), 1));
            for round in 1..=rounds {
                let new = [[200, own].as_slice(), &round.to_be_bytes()].concat();
                must(&store, |change, _| {
                    change.update(row(&[own]), round, b"later".to_vec())?;
                    change.insert(row(&new), Vec::new())
                });
                assert_eq!(version(&store, &[own]), Some(round + 1), "its own commit is read back");
            }
        });
        drop(done);
    });
    let page = store.scan(TABLE, &Range::all(), usize::MAX, None).expect("a page");
    assert_eq!(page.rows.len() as u64, 100 - 4 + 4 * rounds);
}

pub fn resolving_and_committing_at_once_agree<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    for round in 0..Tier::pick(100, 500, 5_000) {
        let key = round.to_be_bytes();
        let disputed = change(|change, _| change.insert(row(&key), Vec::new()));
        let barrier = Barrier::new(2);
        let (settled, outcome) = thread::scope(|scope| {
            let resolving = scope.spawn(|| {
                barrier.wait();
                store.resolve(disputed.id()).expect("a settlement")
            });
            barrier.wait();
            // One side is sometimes late, now this one, now that.
            if round % 3 == 0 {
                thread::yield_now();
            }
            let outcome = commit(&store, &disputed);
            (resolving.join().expect("the one who resolves"), outcome)
        });
        let there = match (settled, &outcome) {
            (Resolution::Committed, Outcome::Committed) => true,
            (Resolution::Aborted, Outcome::Fenced) => false,
            other => panic!("round {round}: {other:?}"),
        };
        assert_eq!(get(&store, &key).is_some(), there, "round {round}");
        assert_eq!(store.resolve(disputed.id()), Ok(settled), "round {round}");
        assert_eq!(commit(&store, &disputed), outcome, "round {round}");
    }
}

pub fn one_change_committed_by_many_threads_happens_once<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let rounds = Tier::pick(20, 100, 1_000);
    for _ in 0..rounds {
        let repeated = change(|change, _| change.add(counter(b"sum"), 1, u64::MAX));
        let outcomes = at_once(8, |_| commit(&store, &repeated));
        assert_eq!(wins(&outcomes), 8, "{outcomes:?}");
    }
    assert_eq!(sum(&store, b"sum"), rounds);
}

pub fn counters_lose_nothing_and_pass_no_ceiling_under_threads<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let (threads, each) = (8, Tier::pick(25, 100, 1_000));
    let ceiling = each * 4;
    let granted: u64 = at_once(threads, |_| {
        let add = || {
            commit(
                &store,
                &change(|change, _| {
                    change.add(counter(b"capped"), 1, ceiling)?;
                    change.add(counter(b"twice"), 2, u64::MAX)
                }),
            )
        };
        (0..each).map(|_| u64::from(add() == Outcome::Committed)).sum::<u64>()
    })
    .into_iter()
    .sum();
    assert_eq!(granted, ceiling, "granted");
    assert_eq!((sum(&store, b"capped"), sum(&store, b"twice")), (ceiling, 2 * ceiling));
}

pub fn a_thread_reads_what_another_was_told_is_committed<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    insert(&store, b"row", b"");
    let told = AtomicU64::new(1);
    let is_done = AtomicBool::new(false);
    let read = || {
        let told = told.load(Ordering::SeqCst);
        let found = version(&store, b"row").expect("the row");
        assert!(found >= told, "version {found} was read after {told} had been answered");
        found
    };
    thread::scope(|scope| {
        let _done = Done(&is_done);
        for _ in 0..4 {
            scope.spawn(|| {
                let mut seen = 0;
                while !is_done.load(Ordering::SeqCst) {
                    let found = read();
                    assert!(found >= seen, "version {found} was read after {seen}");
                    seen = found;
                }
            });
        }
        // One reader reads after every answer, however the threads are scheduled.
        let (answered, listens) = mpsc::sync_channel(0);
        scope.spawn(move || listens.iter().for_each(|()| assert!(read() > 0)));
        for version in 1..=Tier::pick(100, 500, 5_000) {
            update(&store, b"row", version, b"");
            told.store(version + 1, Ordering::SeqCst);
            answered.send(()).expect("the reader listens");
        }
    });
}

pub fn a_page_never_shows_half_a_change<F: Factory>(factory: &F) {
    let store = factory.fresh().store;
    let keys: Vec<[u8; 1]> = (0..40).map(|key| [key]).collect();
    must(&store, |change, _| keys.iter().try_for_each(|key| change.insert(row(key), Vec::new())));
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _done = Done(&is_done);
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_done.load(Ordering::SeqCst) {
                    let page = store.scan(TABLE, &Range::all(), 100, None).expect("a page");
                    let versions: Vec<u64> = page.rows.iter().map(|(_, row)| row.version).collect();
                    assert_eq!(versions.len(), keys.len());
                    assert!(versions.iter().all(|version| *version == versions[0]), "{versions:?}");
                }
            });
        }
        for version in 1..=Tier::pick(50, 200, 2_000) {
            must(&store, |change, _| {
                keys.iter().try_for_each(|key| change.update(row(key), version, Vec::new()))
            });
        }
    });
}
