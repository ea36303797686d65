//! What is to be forgotten is forgotten, and nothing beside it: the archive and the feed after their times, whichever is longer, and a
//! subscription that its push service does not know any more (R58, R59).
#![allow(missing_docs)]

mod harness;

use std::sync::{Arc, Mutex};

use harness::{Fake, House, light_policy, notify, session, wide};
use zamok_cabinet::{Cabinet, Category, Ending, Evidence, Priority, Session, Subscription};
use zamok_core::store::{Range, Table};
use zamok_delivery::{Delivery, Failed, Parcel, Taken, Transport, Why};

fn step(delivery: &Delivery) {
    assert_eq!(delivery.step().unwrap().failed, 0);
}

fn rows(house: &House, table: u16) -> usize {
    house.cabinet.vault().store().scan(Table(table), &Range::all(), 1000, None).unwrap().rows.len()
}

#[test]
fn the_archive_and_the_feed_are_empty_after_their_times() {
    let (week, year) = (7 * 24 * 3600, 365 * 24 * 3600);
    for (archive, feed) in [(year, year), (week, week), (week, year), (year, week), (3600, 3600)] {
        let mut policy = wide(light_policy());
        (policy.delivery.archive, policy.delivery.feed) = (archive, feed);
        let house = House::with(policy);
        house.citizen("ivan", &["+79161234567", "ivan@example.org"]);
        let carriers: Vec<Arc<dyn Transport>> =
            vec![Fake::new("a", Evidence::Sms), Fake::new("m", Evidence::Email)];
        let delivery = house.delivery(carriers);
        house.urgent("ivan", "x");
        step(&delivery);
        assert!(rows(&house, 53) > 2 && rows(&house, 65) > 0);
        for _ in 0..=archive.max(feed) / week {
            house.clock.advance(week);
            step(&delivery);
        }
        assert_eq!([53, 65, 54].map(|table| rows(&house, table)), [0; 3], "{archive} {feed}");
    }
}

/// A push service that does not know a device any more, while that subscribes anew.
#[derive(Debug)]
struct Anew {
    fake: Arc<Fake>,
    again: Mutex<Option<(Arc<Cabinet>, Session)>>,
}

impl Transport for Anew {
    fn name(&self) -> &str {
        &self.fake.name
    }

    fn channel(&self) -> Evidence {
        Evidence::Push
    }

    fn send(&self, parcel: &Parcel<'_>) -> Result<Taken, Failed> {
        if let Some((cabinet, session)) = self.again.lock().unwrap().take() {
            cabinet.subscribe(&session, &subscription("new")).unwrap();
            return Err(Failed { why: Why::Gone, reason: "gone".into(), taken: Vec::new() });
        }
        self.fake.send(parcel)
    }
}

fn subscription(place: &str) -> Subscription {
    Subscription::new(&format!("https://push.example/{place}"), &[4; 65], &[7; 16]).unwrap()
}

/// A session of a device that is known.
fn known_device(house: &House, login: &str) -> Session {
    let session = session(house, login);
    house.cabinet.trust_device(&session, "phone").unwrap();
    house.cabinet.session(session.id).unwrap()
}

#[test]
fn a_subscription_that_is_gone_takes_no_new_one_with_it() {
    let house = House::new();
    house.citizen("ivan", &[]);
    let session = known_device(&house, "ivan");
    let fake = Fake::new("push", Evidence::Push);
    let again = Mutex::new(None);
    let push = Arc::new(Anew { fake: fake.clone(), again });
    let delivery = house.delivery(vec![push.clone()]);
    step(&delivery);
    house.cabinet.subscribe(&session, &subscription("old")).unwrap();
    *push.again.lock().unwrap() = Some((house.cabinet.clone(), session.clone()));
    notify(&house.cabinet, "ivan", Category::Service, Priority::High, "x");
    step(&delivery);
    let reasons: Vec<_> = house.on_their_way().into_iter().map(|standing| standing.reason).collect();
    assert_eq!((fake.took().len(), reasons), (0, vec!["the device has subscribed anew".to_owned()]));
    house.clock.advance(60);
    step(&delivery);
    assert_eq!((fake.took().len(), fake.took()[0].to.as_str()), (1, "https://push.example/new"));
    // One that has not is forgotten.
    for (text, refused) in [("y", 1), ("z", 1)] {
        fake.fail(Why::Gone);
        notify(&house.cabinet, "ivan", Category::Service, Priority::High, text);
        step(&delivery);
        let by_push = |entry: &&zamok_cabinet::Archived| entry.channel == Some(Evidence::Push);
        let archive = house.archive();
        let ended = archive.iter().filter(by_push).filter(|entry| entry.ending == Ending::Rejected).count();
        assert_eq!(ended, refused, "{text}");
    }
    // Its device subscribes again by itself, also in a session that is fresh no more.
    house.clock.advance(house.cabinet.policy().session.fresh);
    house.cabinet.unsubscribe(&session).unwrap();
    assert_eq!(house.cabinet.subscribe(&session, &subscription("moved")), Ok(()));
}

#[test]
fn a_device_that_was_blocked_is_told_nothing_more() {
    let house = House::new();
    house.citizen("ivan", &[]);
    let session = known_device(&house, "ivan");
    let push = Fake::new("push", Evidence::Push);
    let delivery = house.delivery(vec![push.clone()]);
    step(&delivery);
    house.cabinet.subscribe(&session, &subscription("stolen")).unwrap();
    house.urgent("ivan", "x");
    step(&delivery);
    assert_eq!(push.took().len(), 1);
    house.cabinet.block_device_of("ivan", session.device.unwrap(), "stolen").unwrap();
    house.urgent("ivan", "y");
    step(&delivery);
    assert_eq!(push.took().len(), 1);
}
