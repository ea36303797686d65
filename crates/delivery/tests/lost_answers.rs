//! A carrier that may have taken a message is given it again a few times, each of which the caps count, and never without end (R57).
#![allow(missing_docs)]

mod harness;
mod veiled;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use harness::{Fake, House, light_policy, wide};
use veiled::Veiled;
use zamok_cabinet::{Ending, Evidence};
use zamok_delivery::{Delivery, Failed, Outcome, Parcel, Taken, Transport, Why};

const PHONE: &str = "+79161234567";

/// A carrier that fails always in the same way.
#[derive(Debug)]
struct Failing {
    why: Why,
    taken: Vec<Option<String>>,
    asked: AtomicUsize,
}

impl Failing {
    fn new(why: Why, taken: &[Option<&str>]) -> Arc<Self> {
        let taken = taken.iter().map(|id| id.map(String::from)).collect();
        Arc::new(Self { why, taken, asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Transport for Failing {
    fn name(&self) -> &'static str {
        "a"
    }

    fn channel(&self) -> Evidence {
        Evidence::Sms
    }

    fn send(&self, _: &Parcel<'_>) -> Result<Taken, Failed> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Err(Failed { why: self.why, reason: "no answer".into(), taken: self.taken.clone() })
    }
}

/// Looks at the outbox again and again, long enough apart for every pause, and for a breaker's by the wall.
fn look(house: &House, carrier: &Arc<Failing>, times: usize) {
    for _ in 0..times {
        let delivery: Delivery = house.delivery(vec![carrier.clone()]);
        assert_eq!(delivery.step().unwrap().failed, 0);
        assert!(delivery.metrics().total(Outcome::Sent) == 0);
        house.clock.advance(60);
    }
}

#[test]
fn what_may_have_been_taken_five_times_is_not_sent_a_sixth() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    house.urgent("ivan", "x");
    let silent = Failing::new(Why::Unknown, &[]);
    while silent.asked() < 4 {
        look(&house, &silent, 1);
    }
    let waits = house.on_their_way();
    assert_eq!((silent.asked(), waits.len(), waits[0].carrier.as_str()), (4, 1, "a"));
    look(&house, &silent, 200);
    assert_eq!((silent.asked(), house.on_their_way().len()), (5, 0));
    let archive = house.archive();
    let sent = archive.iter().find(|entry| entry.channel.is_some()).unwrap();
    assert_eq!((sent.ending, sent.reason.as_str()), (Ending::HandedOver, "its carrier's answers were lost"));
    assert_eq!((sent.carrier.as_str(), sent.attempts), ("a", 5));
}

#[test]
fn the_caps_count_every_time_that_it_may_have_been_taken() {
    let mut policy = wide(light_policy());
    policy.delivery.per_address = 2;
    let house = House::with(policy);
    house.citizen("ivan", &[PHONE]);
    house.urgent("ivan", "x");
    let silent = Failing::new(Why::Unknown, &[]);
    look(&house, &silent, 50);
    assert_eq!((silent.asked(), house.on_their_way()[0].reason.as_str()), (2, "cap: address"));
    look(&house, &silent, 60);
    assert_eq!(silent.asked(), 4, "and in the next hour two");
    // What certainly was not taken counts once.
    let house = House::with(house.cabinet.policy().clone());
    house.citizen("ivan", &[PHONE]);
    house.urgent("ivan", "x");
    let busy = Failing::new(Why::Busy, &[]);
    look(&house, &busy, 20);
    assert_eq!((busy.asked(), house.on_their_way()[0].reason.as_str()), (20, "no answer"));
}

#[test]
fn so_it_is_with_the_rest_of_a_message_of_which_a_carrier_has_a_part() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    house.urgent("ivan", &"long ".repeat(40));
    let silent = Failing::new(Why::Unknown, &[Some("p0"), None]);
    look(&house, &silent, 50);
    assert_eq!((silent.asked(), house.on_their_way().len()), (6, 0), "the first has brought a part");
    // A carrier that says that it did not take the rest has lost no answer.
    house.urgent("ivan", &"long ".repeat(40));
    for why in [Why::Busy, Why::Unavailable, Why::Refused] {
        let partial = Failing::new(why, &[Some("p1"), None]);
        look(&house, &partial, 12);
        assert_eq!((partial.asked(), house.on_their_way().len()), (12, 1), "{why:?}");
    }
}

/// Its answer is lost, and the store cannot be reached just then.
#[derive(Debug)]
struct Both {
    store: Arc<Veiled>,
}

impl Transport for Both {
    fn name(&self) -> &'static str {
        "a"
    }

    fn channel(&self) -> Evidence {
        Evidence::Sms
    }

    fn send(&self, _: &Parcel<'_>) -> Result<Taken, Failed> {
        self.store.fail(1);
        let taken = vec![Some("p0".into()), None];
        Err(Failed { why: Why::Unknown, reason: "no answer".into(), taken })
    }
}

#[test]
fn what_may_have_been_taken_is_noted_also_when_the_store_was_away_for_a_moment() {
    let store = Arc::new(Veiled::default());
    let house = House::over(store.clone(), wide(light_policy()));
    house.citizen("ivan", &[PHONE]);
    house.urgent("ivan", &"long ".repeat(40));
    let other = Fake::new("b", Evidence::Sms);
    let delivery = house.delivery(vec![Arc::new(Both { store }), other.clone()]);
    assert_eq!(delivery.step().unwrap().failed, 0);
    assert_eq!(house.on_their_way()[0].carrier, "a");
    house.clock.advance(60);
    house.delivery(vec![other.clone()]).step().unwrap();
    assert_eq!(other.took().len(), 0, "nobody else gets it");
}
