//! One message on its way to a carrier: put into words, offered to one after the other, and noted with what came of it.

use std::time::{Duration, Instant};

use zamok_cabinet::{Error, Evidence, Handed, Lease, Load};

use super::{Delivery, Done};
use crate::breaker::Leave;
use crate::content::{Content, channel_to};
use crate::metrics::Outcome;
use crate::transport::{Failed, Parcel, Taken, Transport, Why};

/// How often it is tried to note what a carrier took, or may have taken, and the pause between two tries.
const NOTING: (u32, Duration) = (4, Duration::from_millis(100));

/// What a worker has in hand.
struct Errand<'a> {
    lease: &'a Lease,
    content: Content,
    load: Load,
    channel: Evidence,
    /// Until when carriers may try.
    deadline: Instant,
}

/// What the carriers said that were asked and did not take it.
#[derive(Default)]
struct Answers<'a> {
    /// Who will never take it, and why.
    refused: Option<(&'a str, String)>,
    /// Who may take it later, and why not now.
    later: Option<(&'a str, String)>,
}

impl Delivery {
    /// Hands a leased message to the first carrier that takes it.
    pub(super) fn deliver(&self, lease: &Lease, began: Instant) -> Done {
        let (content, load) = match self.templates.content(&lease.message, &lease.preferred, &lease.address) {
            Ok(content) => content,
            Err(reason) => return self.settled(self.cabinet.refuse(lease, "", reason), Done::Over),
        };
        let channel = channel_to(&lease.address);
        // Two thirds of the lease are for sending, so that the last word about it is ours.
        let whole = self.cabinet.policy().delivery.lease;
        let deadline = began + Duration::from_millis(whole.saturating_mul(1000) / 3 * 2);
        let errand = Errand { lease, content, load, channel, deadline };
        // Who has a part of it, or may have taken it, gets it again, and nobody else.
        let bound = Some(lease.carrier.as_str()).filter(|carrier| !carrier.is_empty());
        let fits = |carrier: &dyn Transport| {
            carrier.channel() == channel && bound.is_none_or(|bound| bound == carrier.name())
        };
        let mut answers = Answers::default();
        for carrier in self.carriers.transports.iter().filter(|carrier| fits(&***carrier)) {
            if let Some(done) = self.offer(&errand, &**carrier, &mut answers) {
                return done;
            }
        }
        self.nobody_took(lease, answers)
    }

    /// Offers it to a carrier; `None` when the next one is to be asked.
    fn offer<'a>(
        &'a self,
        errand: &Errand<'_>,
        carrier: &'a dyn Transport,
        answers: &mut Answers<'a>,
    ) -> Option<Done> {
        let (name, lease) = (carrier.name(), errand.lease);
        // The first is asked right after the lease, which saw that it counts; a carrier that fails takes its time.
        if answers.refused.is_some() || answers.later.is_some() {
            match self.cabinet.still_counts(lease) {
                Ok(true) => {}
                Ok(false) => return Some(self.put_off(lease, "", "it does not count any more")),
                Err(error) => return Some(self.settled(Err(error), Done::Failed)),
            }
        }
        let parcel = Parcel {
            id: lease.message.id,
            address: &lease.address,
            content: &errand.content,
            taken: &lease.taken,
            urgent: lease.message.kind.is_code(),
            now: self.cabinet.vault().now(),
            expires: lease.message.expires,
            deadline: errand.deadline,
        };
        if parcel.now >= parcel.expires {
            return Some(self.put_off(lease, "", "its time was over"));
        }
        // Last, since whoever has leave to try tries.
        let breaker = self.breakers[name].get(carrier.way(&lease.address));
        let leave = breaker.and_then(|breaker| breaker.lets(Instant::now()));
        let Some(leave) = leave.filter(|_| Instant::now() < errand.deadline) else {
            answers.later = Some((name, "it is left alone after failures".into()));
            return None;
        };
        match carrier.send(&parcel) {
            Ok(taken) => {
                leave.worked();
                Some(self.took(errand, name, taken))
            }
            Err(failed) => self.failed(lease, name, failed, leave, answers),
        }
    }

    fn took(&self, errand: &Errand<'_>, name: &str, taken: Taken) -> Done {
        self.metrics.count(Outcome::Sent, name);
        self.metrics.paid(errand.channel, errand.load.units.into());
        let handed = Handed { carrier: name.into(), parts: taken.parts, receipts: taken.receipts };
        self.settled(noted(|| self.cabinet.sent(errand.lease, &handed)), Done::Sent)
    }

    /// What a carrier's failure means for the message; `None` when the next carrier is to be asked.
    fn failed<'a>(
        &'a self,
        lease: &Lease,
        name: &'a str,
        failed: Failed,
        leave: Leave<'_>,
        answers: &mut Answers<'a>,
    ) -> Option<Done> {
        let Failed { why, reason, taken } = failed;
        match why {
            Why::Unavailable | Why::Unknown => leave.failed(Instant::now()),
            Why::Busy | Why::Refused | Why::Gone => leave.worked(),
            // It says nothing of the carrier.
            Why::Unreachable => drop(leave),
        }
        match why {
            Why::Busy => self.metrics.count(Outcome::Busy, name),
            Why::Unavailable | Why::Unreachable => self.metrics.count(Outcome::Unavailable, name),
            Why::Unknown => self.metrics.count(Outcome::Lost, name),
            Why::Refused => {}
            Why::Gone => {
                return Some(match self.cabinet.forget_subscription(lease) {
                    Ok(true) => self.refused(lease, name, &reason),
                    Ok(false) => self.put_off(lease, name, "the device has subscribed anew"),
                    Err(error) => self.settled(Err(error), Done::Failed),
                });
            }
        }
        tracing::info!(carrier = name, ?why, reason, "not handed over");
        // Another carrier would send twice what this one may have.
        let known = |place: usize| lease.taken.get(place).is_some_and(Option::is_some);
        let more = taken.iter().enumerate().any(|(place, id)| id.is_some() && !known(place));
        if why == Why::Unknown || more {
            self.metrics.count(Outcome::PutOff, name);
            let kept = noted(|| self.cabinet.put_off(lease, name, &taken, &reason));
            return Some(self.settled(kept, Done::Waits));
        }
        // What has a part of it has no more of it than before.
        if taken.iter().any(Option::is_some) {
            return Some(self.put_off(lease, name, &reason));
        }
        if why == Why::Refused {
            answers.refused = Some((name, reason));
        } else {
            answers.later = Some((name, reason));
        }
        None
    }

    /// Every carrier was asked. It is rejected where all of them refuse; those that were not asked may yet take it.
    fn nobody_took(&self, lease: &Lease, answers: Answers<'_>) -> Done {
        match (answers.later, answers.refused) {
            (Some((name, reason)), _) => self.put_off(lease, name, &reason),
            (None, Some((name, reason))) => self.refused(lease, name, &reason),
            // Another worker may have the one that it is bound to.
            (None, None) if !lease.carrier.is_empty() => {
                self.put_off(lease, "", "its carrier is not configured here")
            }
            (None, None) => self.refused(lease, "", "no carrier is configured for it"),
        }
    }

    /// Nobody has taken any of it this time.
    fn put_off(&self, lease: &Lease, carrier: &str, reason: &str) -> Done {
        self.metrics.count(Outcome::PutOff, carrier);
        self.settled(self.cabinet.put_off(lease, "", &[], reason), Done::Waits)
    }

    fn refused(&self, lease: &Lease, carrier: &str, reason: &str) -> Done {
        self.metrics.count(Outcome::Rejected, carrier);
        self.settled(self.cabinet.refuse(lease, carrier, reason), Done::Over)
    }

    fn settled(&self, settled: Result<(), Error>, done: Done) -> Done {
        match settled {
            Ok(()) => done,
            Err(error) => {
                tracing::warn!(%error, "how a message went cannot be noted");
                Done::Failed
            }
        }
    }
}

/// What a carrier took, or may have taken, must be noted: otherwise it is sent a second time when the lease ends, perhaps by another.
fn noted(note: impl Fn() -> Result<(), Error>) -> Result<(), Error> {
    let mut last = note();
    for _ in 1..NOTING.0 {
        if last.is_ok() {
            break;
        }
        std::thread::sleep(NOTING.1);
        last = note();
    }
    last
}
