//! The queue before the writer of `store-sqlite` (`docs/decisions/0040-sqlite-commits.md`), with a ledger in the place of
//! SQLite. In every interleaving nobody is left waiting (loom fails when all threads wait), one works at a time, and
//! every request is settled once, and answered after it is durable and never before.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::sync::atomic::AtomicUsize;
use loom::thread;
use zamok_store_conformance::Tier;

use crate::primitives::{Arc, Instant};
use crate::queue::{Queue, Ticket};

/// A caller's name and the number of its request.
type Request = (u8, u8);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    /// At this place of the ledger.
    Settled(usize),
    /// Whether it was settled is not known.
    Lost,
}

struct Store {
    queue: Queue<Request, Answer>,
    /// Stands for the connection: loom fails when two are at work at once, or one without seeing what the last one did.
    desk: UnsafeCell<()>,
    ledger: std::sync::Mutex<Vec<Request>>,
    /// How much of the ledger is durable. Relaxed: what orders it is the protocol under test.
    durable: AtomicUsize,
}

/// What the one at work does.
#[derive(Clone, Copy)]
enum Work {
    Whole,
    /// It leaves in the middle the first time that it is somebody's turn, as by a panic: nothing durable, nobody answered.
    BreaksOnce,
}

/// The sizes of the groups of all interleavings.
type Sizes = AtomicU64;

impl Store {
    fn new() -> Self {
        Self {
            queue: Queue::new(Answer::Lost),
            desk: UnsafeCell::new(()),
            ledger: std::sync::Mutex::default(),
            durable: AtomicUsize::new(0),
        }
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Vec<Request>> {
        self.ledger.lock().expect("nobody panics with it")
    }

    fn settle(&self, request: Request, work: Work, sizes: &Sizes) -> Answer {
        let answer = self.queue.settle(request, |group| self.work(request, group, work, sizes));
        if let Answer::Settled(place) = answer {
            assert_eq!(self.ledger()[place], request, "the answer of another");
            assert!(self.durable.load(Relaxed) > place, "answered before it was durable");
        }
        answer
    }

    fn work(&self, own: Request, group: &[Arc<Ticket<Request, Answer>>], work: Work, sizes: &Sizes) {
        let _at_the_desk = self.desk.get_mut();
        sizes.fetch_or(1 << group.len(), Relaxed);
        assert_eq!(*group[0].request(), own, "a turn without a request of one's own");
        assert!(group.iter().all(|ticket| ticket.answered().is_none()), "settled twice");
        // Long enough for the next group to be waited for.
        Instant::pass(Duration::from_millis(1));
        let begin = self.ledger().len();
        if matches!(work, Work::BreaksOnce) && begin == 0 {
            self.ledger().push(BROKEN);
            return;
        }
        self.ledger().extend(group.iter().map(|ticket| *ticket.request()));
        self.durable.store(begin + group.len(), Relaxed);
        for (place, ticket) in (begin..).zip(group) {
            ticket.answer(Answer::Settled(place));
        }
    }
}

/// Stands in the ledger for the turn that broke off.
const BROKEN: Request = (u8::MAX, 0);

/// So many callers, each with so many requests one after the other, through every interleaving with so many preemptions
/// (`None`: with any number). The sizes of the groups that occurred, a bit for each.
fn every_interleaving(callers: u8, requests: u8, work: Work, preemptions: Option<usize>) -> u64 {
    let mut model = Builder::new();
    model.preemption_bound = preemptions;
    let sizes = std::sync::Arc::new(Sizes::new(0));
    let seen = std::sync::Arc::clone(&sizes);
    model.check(move || {
        let store = Arc::new(Store::new());
        let caller = |name: u8| {
            let (store, sizes) = (Arc::clone(&store), std::sync::Arc::clone(&sizes));
            move || -> usize {
                let answers = (0..requests).map(|number| store.settle((name, number), work, &sizes));
                answers.filter(|answer| *answer == Answer::Lost).count()
            }
        };
        let others: Vec<_> = (1..callers).map(|name| thread::spawn(caller(name))).collect();
        let mut lost = caller(0)();
        lost += others.into_iter().map(|other| other.join().expect("no panic")).sum::<usize>();
        let mut settled = store.ledger().clone();
        settled.retain(|request| *request != BROKEN);
        for name in 0..callers {
            let own = settled.iter().filter(|request| request.0 == name);
            assert!(own.is_sorted(), "a caller's later request was settled before its earlier one");
        }
        assert_eq!(settled.len() + lost, usize::from(callers * requests), "settled once, or lost once");
        settled.sort_unstable();
        settled.dedup();
        assert_eq!(settled.len() + lost, usize::from(callers * requests), "settled twice");
        match work {
            Work::Whole => assert_eq!(lost, 0),
            Work::BreaksOnce => assert!(lost > 0),
        }
    });
    seen.load(Relaxed)
}

/// Groups of one and of two.
const UP_TO_TWO: u64 = 0b110;
const UP_TO_THREE: u64 = 0b1110;

/// How often a thread is interrupted where it need not wait, in models that are too large for every interleaving.
fn preemptions() -> Option<usize> {
    Some(usize::try_from(Tier::pick(2, 3, 5)).expect("small"))
}

#[test]
fn a_lone_caller_waits_for_nobody_whoever_was_there_before() {
    let model = Builder::new();
    model.check(|| {
        let (store, sizes) = (Arc::new(Store::new()), std::sync::Arc::new(Sizes::new(0)));
        let other = thread::spawn({
            let (store, sizes) = (Arc::clone(&store), std::sync::Arc::clone(&sizes));
            move || store.settle((1, 0), Work::Whole, &sizes)
        });
        store.settle((0, 0), Work::Whole, &sizes);
        other.join().expect("no panic");
        // Longer than anybody is waited for.
        Instant::pass(Duration::from_secs(1));
        let begun = Instant::now();
        store.settle((0, 1), Work::Whole, &sizes);
        assert_eq!(begun.elapsed(), Duration::from_millis(1), "the time of the work alone");
    });
}

#[test]
fn two_callers_are_answered_once_in_every_interleaving() {
    assert_eq!(every_interleaving(2, 1, Work::Whole, None), UP_TO_TWO);
}

#[test]
fn callers_that_come_back_are_not_confused_by_what_is_left_of_their_last_turn() {
    assert_eq!(every_interleaving(2, 2, Work::Whole, preemptions()), UP_TO_TWO);
}

#[test]
fn of_three_callers_those_who_wait_are_settled_together() {
    assert_eq!(every_interleaving(3, 1, Work::Whole, preemptions()), UP_TO_THREE);
}

#[test]
fn a_turn_that_breaks_off_loses_its_own_group_alone_and_hands_on() {
    assert_eq!(every_interleaving(2, 1, Work::BreaksOnce, None), UP_TO_TWO);
    assert_eq!(every_interleaving(3, 1, Work::BreaksOnce, preemptions()), UP_TO_THREE);
}
