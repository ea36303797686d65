//! The queue before the writer: of all callers one works at a time, for itself and for everybody who waits, and hands
//! its turn on.
//!
//! Generic over what is asked and answered, and built on the names of [`crate::primitives`] alone: `audit/models` compiles
//! this very file over loom's primitives and runs it through every interleaving.

use crate::primitives::{Arc, AtomicBool, Mutex, MutexGuard, OnceLock, Ordering, Thread, current, park};

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
        Self { callers: Mutex::new(Callers { waiting: Vec::new(), somebody_works: false }), lost }
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
                let group = std::mem::take(&mut self.callers().waiting);
                work(&Turn { queue: self, group }.group);
            } else {
                park();
            }
        }
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
}

impl<R, A: Clone> Drop for Turn<'_, R, A> {
    fn drop(&mut self) {
        for ticket in &self.group {
            ticket.answer(self.queue.lost.clone());
        }
        // The next one first: it begins while the callers of this group are being woken.
        let mut callers = self.queue.callers();
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
