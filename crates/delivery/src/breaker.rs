//! A circuit breaker for each carrier: after so many failures in a row it is left alone for a while, then tried with one message.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// When a carrier is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Failures in a row.
    pub failures: u32,
    /// How long it is left alone then.
    pub pause: Duration,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    opened: Option<Instant>,
    /// One message tries whether it works again.
    trying: bool,
}

/// Whether a carrier is tried at present.
#[derive(Debug)]
pub struct Breaker {
    limits: Limits,
    state: Mutex<State>,
}

impl Breaker {
    /// A breaker that lets everything through.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// Whether a message may try the carrier now. Who was let through says how it went.
    #[must_use]
    pub fn lets(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.opened {
            None => true,
            Some(opened) if now.saturating_duration_since(opened) >= self.limits.pause && !state.trying => {
                state.trying = true;
                true
            }
            Some(_) => false,
        }
    }

    /// It worked: also a refusal of one message is an answer.
    pub fn worked(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// It did not.
    pub fn failed(&self, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        if state.trying || state.failures >= self.limits.failures.max(1) {
            state.opened = Some(now);
        }
        state.trying = false;
    }

    /// Whether it is left alone.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).opened.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_failures_in_a_row_one_message_at_a_time_tries_again() {
        let breaker = Breaker::new(Limits { failures: 3, pause: Duration::from_secs(30) });
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        for _ in 0..2 {
            assert!(breaker.lets(begin));
            breaker.failed(begin);
        }
        breaker.worked();
        for _ in 0..3 {
            assert!(breaker.lets(begin), "the success between them counts");
            breaker.failed(begin);
        }
        assert!(breaker.is_open());
        assert!(!breaker.lets(at(29)));
        assert!(breaker.lets(at(30)), "one");
        assert!(!breaker.lets(at(30)), "and no other");
        breaker.failed(at(31));
        assert!(!breaker.lets(at(60)));
        assert!(breaker.lets(at(61)));
        breaker.worked();
        assert!(breaker.lets(at(61)) && breaker.lets(at(61)));
    }
}
