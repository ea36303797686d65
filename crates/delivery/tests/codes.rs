//! Codes on their way: one that counts no more is not sent, and one that arrives works once (R3, R4).
#![allow(missing_docs)]

mod harness;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::{Fake, House};
use zamok_cabinet::{Archived, Cabinet, Challenge, Ending, Evidence, MessageKind};
use zamok_delivery::{Delivery, Failed, Parcel, Taken, Transport, Why};
use zamok_host::ManualClock;

const PHONE: &str = "+79161234567";

fn step(delivery: &Delivery) {
    assert_eq!(delivery.step().unwrap().failed, 0);
}

/// A carrier that cannot be reached; meanwhile somebody asks for another code.
#[derive(Debug)]
struct Slow {
    cabinet: Arc<Cabinet>,
    clock: ManualClock,
    /// Whose code it has in hand.
    challenge: Mutex<Option<Challenge>>,
}

impl Transport for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    fn channel(&self) -> Evidence {
        Evidence::Sms
    }

    fn send(&self, _: &Parcel<'_>) -> Result<Taken, Failed> {
        if let Some(challenge) = self.challenge.lock().unwrap().take() {
            self.clock.advance(60);
            self.cabinet.send_again(&challenge).unwrap();
        }
        Err(Failed { why: Why::Unavailable, reason: "it is slow".into(), taken: Vec::new() })
    }
}

#[test]
fn a_code_that_does_not_count_any_more_is_not_sent() {
    type End = fn(&House, &Challenge);
    let cases: [(&str, End, usize); 4] = [
        ("another was sent", |house, challenge| house.cabinet.send_again(challenge).unwrap(), 1),
        ("it was used", |house, challenge| answer_waiting(house, challenge), 0),
        (
            "its tries are used up",
            |house, challenge| {
                (0..3).for_each(|_| {
                    let wrong = house.cabinet.answer(challenge, "no code", harness::request());
                    assert!(wrong.is_err());
                });
            },
            0,
        ),
        ("all sessions were ended", |house, _| house.cabinet.end_sessions_of("ivan", "lost").unwrap(), 0),
    ];
    for (case, end, codes) in cases {
        let house = House::new();
        harness::texter(&house.cabinet, "ivan", PHONE);
        let sms = Fake::new("a", Evidence::Sms);
        let delivery = house.delivery(vec![sms.clone()]);
        step(&delivery);
        assert!(sms.took().iter().all(|got| !got.text.contains("confirms this contact")), "{case}");
        house.clock.advance(60);
        let challenge = harness::begin(&house.cabinet, "ivan");
        sms.fail(Why::Busy);
        step(&delivery);
        house.clock.advance(60);
        end(&house, &challenge);
        step(&delivery);
        let sent: Vec<_> = sms.took().into_iter().filter(|got| got.text.contains("your code")).collect();
        assert_eq!(sent.len(), codes, "{case}: {sent:?}");
        let dead = |entry: &&Archived| {
            entry.ending == Ending::Expired && entry.reason == "its code does not count any more"
        };
        let dead: Vec<_> = house.archive().iter().filter(dead).map(|entry| entry.kind).collect();
        assert!(dead.contains(&MessageKind::LoginCode) && dead.len() == 2, "{case}: {dead:?}");
        for got in sent {
            harness::works_once(&house.cabinet, &challenge, &got.text);
        }
        assert_eq!(house.on_their_way().iter().filter(|standing| standing.kind.is_code()).count(), 0);
    }
}

/// Types a code that has not left the outbox: as whoever reads it from there would.
fn answer_waiting(house: &House, challenge: &Challenge) {
    let waiting = house.cabinet.outbox(10).unwrap();
    let code = waiting.iter().find_map(|message| message.field("code")).unwrap();
    house.cabinet.answer(challenge, code, harness::request()).unwrap();
    let waiting = house.cabinet.outbox(10).unwrap();
    assert!(
        waiting.iter().all(|message| !message.kind.is_code()),
        "nor does whoever delivers himself see it"
    );
}

#[test]
fn the_next_carrier_gets_no_code_that_died_while_one_was_slow() {
    let house = House::new();
    harness::texter(&house.cabinet, "ivan", PHONE);
    let fast = Fake::new("fast", Evidence::Sms);
    step(&house.delivery(vec![fast.clone()]));
    house.clock.advance(60);
    let challenge = harness::begin(&house.cabinet, "ivan");
    let slow = Slow {
        cabinet: house.cabinet.clone(),
        clock: house.clock.clone(),
        challenge: Mutex::new(Some(challenge)),
    };
    let before = fast.took().len();
    let delivery = house.delivery(vec![Arc::new(slow), fast.clone()]);
    for _ in 0..3 {
        step(&delivery);
        house.clock.advance(1);
    }
    let took = fast.took().split_off(before);
    assert_eq!(took.len(), 1, "the new one alone");
    harness::works_once(&house.cabinet, &challenge, &took[0].text);
    let archive = house.archive();
    let dead = archive.iter().filter(|entry| entry.kind == MessageKind::LoginCode && entry.attempts == 1);
    let endings: Vec<_> = dead.map(|entry| entry.ending).collect();
    assert_eq!(endings.len(), 2, "{archive:?}");
    assert!(endings.contains(&Ending::Expired) && endings.contains(&Ending::HandedOver), "{endings:?}");
}

#[test]
fn a_carrier_gets_its_next_try_although_the_message_that_was_to_try_it_died() {
    let house = House::new();
    harness::texter(&house.cabinet, "ivan", PHONE);
    let second = Fake::new("second", Evidence::Sms);
    step(&house.delivery(vec![second.clone()]));
    house.clock.advance(60);
    let challenge = Mutex::new(None);
    let slow = Arc::new(Slow { cabinet: house.cabinet.clone(), clock: house.clock.clone(), challenge });
    let delivery = house.delivery(vec![slow.clone(), second.clone()]);
    // Both are left alone.
    for _ in 0..3 {
        second.fail(Why::Unavailable);
        house.urgent("ivan", "x");
        step(&delivery);
    }
    let before = second.took().len();
    std::thread::sleep(Duration::from_millis(2_100));
    // The code that would try the second dies while the first has it in hand.
    let challenge = harness::begin(&house.cabinet, "ivan");
    *slow.challenge.lock().unwrap() = Some(challenge);
    for _ in 0..3 {
        step(&delivery);
        house.clock.advance(1);
    }
    assert!(second.took().len() > before, "it is tried with what comes after");
    assert!(delivery.metrics_text().contains("zamok_delivery_breaker_open{carrier=\"second\"} 0"));
}
