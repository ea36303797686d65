//! What carriers tell: receipts are noted, and acknowledged once they are.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, mpsc};
use std::time::{Duration, Instant};

use zamok_cabinet::{Matched, Receipt};

use super::{Delivery, counted};
use crate::metrics::Outcome;
use crate::transport::Incoming;

/// Receipts that have led to no message yet.
#[derive(Default)]
pub(super) struct Early {
    pub(super) waiting: VecDeque<Waiting>,
    /// Those that nobody knew in the end: told again, they are acknowledged.
    strangers: HashSet<(String, String)>,
}

impl Early {
    fn waits(&self, told: &Incoming) -> bool {
        let same = |other: &Incoming| {
            (&other.carrier, &other.id, other.state, &other.number)
                == (&told.carrier, &told.id, told.state, &told.number)
        };
        self.waiting.iter().any(|waiting| same(&waiting.incoming))
    }
}

pub(super) struct Waiting {
    incoming: Incoming,
    came: Instant,
    /// Until the carrier was answered.
    pub(super) acknowledge: Option<Box<dyn FnOnce(bool) + Send>>,
}

/// How often early receipts are looked at again.
const LOOK: Duration = Duration::from_millis(100);
/// How many of them are looked at each time: where many wait, they wait longer, and nobody else does.
const LOOKED_AT: usize = 64;
/// How many early receipts there may be, and how many strangers are remembered.
const MOST_EARLY: usize = 10_000;

impl Delivery {
    /// Notes receipts until it is told to stop.
    pub(super) fn hear(&self, stop: &AtomicBool) {
        let incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut early, mut looked) = (Early::default(), Instant::now());
        while !stop.load(Ordering::SeqCst) {
            match incoming.recv_timeout(LOOK) {
                Ok(receipt) => self.note(receipt, &mut early),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
            if looked.elapsed() >= LOOK {
                self.look_again(&mut early);
                looked = Instant::now();
            }
        }
    }

    pub(super) fn note(&self, mut incoming: Incoming, early: &mut Early) {
        let acknowledge = core::mem::replace(&mut incoming.acknowledge, Box::new(|_| ()));
        match self.matched(&incoming) {
            Ok(true) => acknowledge(true),
            Err(()) => acknowledge(false),
            Ok(false) => {
                let key = (incoming.carrier.clone(), incoming.id.clone());
                if early.strangers.contains(&key) {
                    acknowledge(true);
                } else if early.waits(&incoming) {
                    // Told again, it takes no second place.
                    acknowledge(false);
                } else if early.waiting.len() < MOST_EARLY {
                    early.waiting.push_back(Waiting {
                        incoming,
                        came: Instant::now(),
                        acknowledge: Some(acknowledge),
                    });
                } else {
                    acknowledge(false);
                }
            }
        }
    }

    /// A receipt that leads nowhere may have come before the answer that names its id. It is remembered for a while and looked
    /// at again. Its carrier is not kept waiting for that, since it may take nothing more before it has its answer: it is asked
    /// to tell again later, which does no harm, and after a while it is told that nobody knows: when a message whose answer was
    /// lost must have been sent again.
    fn look_again(&self, early: &mut Early) {
        let policy = &self.cabinet.policy().delivery;
        let kept = Duration::from_secs(policy.lease.saturating_add(policy.longest_retry));
        for _ in 0..early.waiting.len().min(LOOKED_AT) {
            let Some(mut waiting) = early.waiting.pop_front() else { break };
            let answer = match self.matched(&waiting.incoming) {
                Ok(true) => Some(true),
                Err(()) => Some(false),
                Ok(false) if waiting.came.elapsed() >= kept => {
                    self.metrics.count(Outcome::Unmatched, &waiting.incoming.carrier);
                    tracing::info!(carrier = waiting.incoming.carrier, "a receipt leads to no message");
                    if early.strangers.len() >= MOST_EARLY {
                        early.strangers.clear();
                    }
                    early.strangers.insert((waiting.incoming.carrier.clone(), waiting.incoming.id.clone()));
                    Some(true)
                }
                Ok(false) => None,
            };
            match answer {
                Some(answer) => {
                    if let Some(acknowledge) = waiting.acknowledge.take() {
                        acknowledge(answer);
                    }
                }
                None => early.waiting.push_back(waiting),
            }
        }
        for waiting in &mut early.waiting {
            if waiting.came.elapsed() >= self.early_answer
                && let Some(acknowledge) = waiting.acknowledge.take()
            {
                acknowledge(false);
            }
        }
    }

    /// Whether it led to a message; an error of the store or the vault is logged.
    fn matched(&self, incoming: &Incoming) -> Result<bool, ()> {
        let receipt = Receipt {
            carrier: &incoming.carrier,
            id: &incoming.id,
            state: incoming.state,
            number: incoming.number.as_deref(),
            reason: &incoming.reason,
        };
        match self.cabinet.receipt(&receipt) {
            Ok(Matched::Unknown) => Ok(false),
            Ok(matched) => {
                if let Matched::Ended(_, ending) = matched {
                    self.metrics.count(counted(ending), &incoming.carrier);
                }
                Ok(true)
            }
            Err(error) => {
                tracing::warn!(%error, carrier = incoming.carrier, "a receipt cannot be noted");
                Err(())
            }
        }
    }
}
