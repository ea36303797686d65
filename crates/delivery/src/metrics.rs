//! Counts for whoever watches: in the text format of Prometheus, without a number, an address or a text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use zamok_cabinet::Evidence;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// A carrier took it.
    Sent,
    /// It arrived.
    Delivered,
    /// It ended without arriving.
    Rejected,
    /// Its time was over.
    Expired,
    /// It was put off.
    PutOff,
    /// The carrier wanted less at a time.
    Busy,
    /// The carrier could not be reached.
    Unavailable,
    /// The carrier's answer was lost.
    Lost,
    /// A receipt that led to no message.
    Unmatched,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::PutOff => "put_off",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Lost => "lost",
            Self::Unmatched => "unmatched",
        }
    }
}

/// Counters since the start of this process.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: Mutex<BTreeMap<(Outcome, String), u64>>,
    segments: Mutex<BTreeMap<String, u64>>,
}

impl Metrics {
    /// Counts one.
    pub fn count(&self, outcome: Outcome, carrier: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((outcome, carrier.to_owned())).or_default() += 1;
    }

    /// Counts what was paid for.
    pub fn paid(&self, channel: Evidence, units: u64) {
        let mut segments = self.segments.lock().unwrap_or_else(PoisonError::into_inner);
        *segments.entry(channel.name().to_owned()).or_default() += units;
    }

    /// How often something was counted, over all carriers.
    #[must_use]
    pub fn total(&self, outcome: Outcome) -> u64 {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().filter(|((counted, _), _)| *counted == outcome).map(|(_, count)| count).sum()
    }

    /// All counts, and for each carrier whether it is left alone.
    #[must_use]
    pub fn text<'a>(&self, carriers: impl Iterator<Item = (&'a str, bool)>) -> String {
        let mut text = String::from("# TYPE zamok_delivery_messages_total counter\n");
        let plain = |name: &str| name.replace(['\\', '"', '\n'], "_");
        for ((outcome, carrier), count) in self.counts.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let (outcome, carrier) = (outcome.name(), plain(carrier));
            let _ = writeln!(
                text,
                "zamok_delivery_messages_total{{carrier=\"{carrier}\",outcome=\"{outcome}\"}} {count}"
            );
        }
        text.push_str("# TYPE zamok_delivery_units_total counter\n");
        for (channel, count) in self.segments.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = writeln!(text, "zamok_delivery_units_total{{channel=\"{channel}\"}} {count}");
        }
        text.push_str("# TYPE zamok_delivery_breaker_open gauge\n");
        for (carrier, open) in carriers {
            let _ = writeln!(
                text,
                "zamok_delivery_breaker_open{{carrier=\"{}\"}} {}",
                plain(carrier),
                u8::from(open)
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_written_as_prometheus_reads_them() {
        let metrics = Metrics::default();
        metrics.count(Outcome::Sent, "a");
        metrics.count(Outcome::Sent, "a");
        metrics.paid(Evidence::Sms, 3);
        let text = metrics.text([("a", false), ("b", true)].into_iter());
        assert_eq!(
            text,
            "# TYPE zamok_delivery_messages_total counter\n\
             zamok_delivery_messages_total{carrier=\"a\",outcome=\"sent\"} 2\n\
             # TYPE zamok_delivery_units_total counter\nzamok_delivery_units_total{channel=\"SMS\"} 3\n\
             # TYPE zamok_delivery_breaker_open gauge\nzamok_delivery_breaker_open{carrier=\"a\"} 0\n\
             zamok_delivery_breaker_open{carrier=\"b\"} 1\n"
        );
        assert_eq!(metrics.total(Outcome::Sent), 2);
    }
}
