//! The queue before the writer: of all callers one works at a time, for itself and for everybody who waits, and hands
//! its turn on.
//!
//! Who was just answered often asks again at once. Whoever has the turn waits for them a little, a quarter of what the last group
//! took: one group then does the work of two. Where they stay away, fewer and fewer groups are waited for.
//!
//! Generic over what is asked and answered, and built on the names of [`crate::primitives`] alone: `audit/models` compiles
//! this very file over loom's primitives and runs it through every interleaving.

use std::time::Duration;

use crate::primitives::{
    Arc, AtomicBool, Instant, Mutex, MutexGuard, OnceLock, Ordering, Thread, current, park, yield_now,
};

/// The longest that a group is waited for.
const MOST_PATIENCE: Duration = Duration::from_millis(1);
/// Most groups in a row that are not waited for.
const MOST_HASTE: u32 = 63;

/// Callers with requests `R`, each answered once with an `A`.
#[derive(Debug)]
pub(crate) struct Queue<R, A> {
    callers: Mutex<Callers<R, A>>,
    /// What those are answered whom the one at work left without an answer.
    lost: A,
}

#[derive(Debug)]
struct Callers<R, A> {
    waiting: Vec<Arc<Ticket<R, A>>>,
    somebody_works: bool,
    /// How many the next group would have if everybody came back whom the last one answered.
    expected: usize,
    /// For how long they are waited for, from when that one ended.
    patience: Duration,
    ended: Instant,
    /// How many groups are not waited for, after the last that was in vain; and of them, those to come.
    haste: u32,
    in_haste: u32,
}

/// One request, and the place for its answer.
#[derive(Debug)]
pub(crate) struct Ticket<R, A> {
    request: R,
    caller: Thread,
    answer: OnceLock<A>,
    /// The one at work has left: it is this caller's turn.
    turn: AtomicBool,
}

impl<R, A> Ticket<R, A> {
    pub(crate) fn new(request: R) -> Arc<Self> {
        let (caller, answer, turn) = (current(), OnceLock::new(), AtomicBool::new(false));
        Arc::new(Self { request, caller, answer, turn })
    }

    pub(crate) fn request(&self) -> &R {
        &self.request
    }

    /// Answers; who has an answer keeps the one that it has.
    pub(crate) fn answer(&self, answer: A) {
        let _ = self.answer.set(answer);
    }

    #[cfg(test)]
    pub(crate) fn answered(&self) -> Option<&A> {
        self.answer.get()
    }
}

impl<R, A: Clone> Queue<R, A> {
    pub(crate) fn new(lost: A) -> Self {
        let callers = Callers {
            waiting: Vec::new(),
            somebody_works: false,
            expected: 0,
            patience: Duration::ZERO,
            ended: Instant::now(),
            haste: 0,
            in_haste: 0,
        };
        Self { callers: Mutex::new(callers), lost }
    }

    /// Waits until the request is answered, by this caller or by another. `work` is called when it is this caller's turn,
    /// with everybody who waits, the caller first: it answers them. Nobody else works meanwhile.
    pub(crate) fn settle(&self, request: R, mut work: impl FnMut(&[Arc<Ticket<R, A>>])) -> A {
        let ticket = Ticket::new(request);
        let mut callers = self.callers();
        callers.waiting.push(Arc::clone(&ticket));
        if !callers.somebody_works {
            callers.somebody_works = true;
            ticket.turn.store(true, Ordering::Release);
        }
        drop(callers);
        loop {
            if let Some(answer) = ticket.answer.get() {
                return answer.clone();
            }
            if ticket.turn.load(Ordering::Acquire) {
                let group = self.gather();
                work(&Turn { queue: self, group, begun: Instant::now() }.group);
            } else {
                park();
            }
        }
    }

    /// Everybody who waits, and who comes back in a moment.
    fn gather(&self) -> Vec<Arc<Ticket<R, A>>> {
        let mut callers = self.callers();
        let lacks = |callers: &Callers<R, A>| {
            callers.waiting.len() < callers.expected && callers.ended.elapsed() < callers.patience
        };
        if lacks(&callers) {
            if callers.in_haste > 0 {
                callers.in_haste -= 1;
            } else {
                while lacks(&callers) {
                    drop(callers);
                    // Not a sleep: this thread would come back later than they do.
                    yield_now();
                    callers = self.callers();
                }
                let is_worth_it = callers.waiting.len() >= callers.expected - callers.expected / 4;
                callers.haste = if is_worth_it { 0 } else { (2 * callers.haste + 1).min(MOST_HASTE) };
                callers.in_haste = callers.haste;
            }
        }
        std::mem::take(&mut callers.waiting)
    }

    fn callers(&self) -> MutexGuard<'_, Callers<R, A>> {
        // Nothing panics while it is held.
        self.callers.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A queue in which somebody is at work and whoever asks would wait for the lock.
    #[cfg(test)]
    pub(crate) fn hold(&self) -> impl Drop + '_ {
        self.callers()
    }
}

/// The turn of one caller: when it ends, by a panic too, somebody goes on and nobody is left waiting.
struct Turn<'a, R, A: Clone> {
    queue: &'a Queue<R, A>,
    group: Vec<Arc<Ticket<R, A>>>,
    begun: Instant,
}

impl<R, A: Clone> Drop for Turn<'_, R, A> {
    fn drop(&mut self) {
        for ticket in &self.group {
            ticket.answer(self.queue.lost.clone());
        }
        // The next one first: it begins while the callers of this group are being woken.
        let mut callers = self.queue.callers();
        callers.expected = callers.waiting.len() + self.group.len();
        callers.patience = (self.begun.elapsed() / 4).min(MOST_PATIENCE);
        callers.ended = Instant::now();
        let next = callers.waiting.first().cloned();
        callers.somebody_works = next.is_some();
        drop(callers);
        if let Some(next) = next {
            next.turn.store(true, Ordering::Release);
            next.caller.unpark();
        }
        self.group.iter().for_each(|ticket| ticket.caller.unpark());
    }
}
