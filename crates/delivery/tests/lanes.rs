//! What somebody waits for is found and sent before what can wait, and a channel that is slow holds no other (R57).
#![allow(missing_docs)]

mod harness;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use harness::{Fake, House, begin, run_until, texter};
use zamok_cabinet::{Evidence, WorkerId};
use zamok_delivery::{Failed, Outgoing, Parcel, Taken, Templates, Transport};

const PHONE: &str = "+79161234567";
const MAIL: &str = "ivan@example.org";

/// Ivan has many notices to get; Maria waits for a code, which was made after all of them.
fn backlog(notices: usize) -> House {
    let house = House::new();
    texter(&house.cabinet, "maria", "+79167654321");
    house.citizen("ivan", &[PHONE, MAIL]);
    (0..notices).for_each(|number| house.urgent("ivan", &format!("notice {number}")));
    house.clock.advance(60);
    begin(&house.cabinet, "maria");
    house
}

#[test]
fn a_code_is_due_before_any_number_of_notices_spread_or_not() {
    let house = backlog(50);
    for spread in [false, true] {
        let due = house.cabinet.due(10).unwrap();
        let codes = due.iter().filter(|due| due.is_code()).count();
        assert!((1..=10).contains(&codes) && due[..codes].iter().all(zamok_cabinet::Due::is_code));
        assert_eq!(due[0].channel(), Some(Evidence::Sms));
        let by = |channel| due.iter().filter(|due| !due.is_code() && due.channel() == channel).count();
        let most = if spread { [0, 10, 10] } else { [10, 0, 0] };
        assert_eq!([None, Some(Evidence::Sms), Some(Evidence::Email)].map(by), most, "the oldest of each");
        let weigh = |_: &_, _: &str, _: &_| Err("it is not to be sent");
        for due in house.cabinet.due(1000).unwrap().iter().filter(|due| due.channel().is_none()) {
            house.cabinet.lease(due, WorkerId([1; 16]), &weigh).unwrap();
        }
    }
    // So it is for a service that carries messages itself.
    let outgoing = Outgoing::new(Templates::new("Zamok Bank", "bank.example", "en", 8).unwrap());
    assert!(outgoing.take(&house.cabinet).unwrap().unwrap().lease.message.kind.is_code());
}

/// A carrier of SMS that keeps whatever can wait in hand.
#[derive(Debug)]
struct Slow {
    fake: Arc<Fake>,
    goes_on: AtomicBool,
    /// What could wait, and was let through.
    late: AtomicUsize,
}

impl Transport for Slow {
    fn name(&self) -> &str {
        &self.fake.name
    }

    fn channel(&self) -> Evidence {
        self.fake.channel
    }

    fn send(&self, parcel: &Parcel<'_>) -> Result<Taken, Failed> {
        // A test that fails ends.
        let until = Instant::now() + Duration::from_secs(60);
        while !parcel.urgent && !self.goes_on.load(Ordering::SeqCst) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.late.fetch_add(usize::from(!parcel.urgent), Ordering::SeqCst);
        self.fake.send(parcel)
    }
}

#[test]
fn a_slow_carrier_holds_no_other_channel_and_no_code() {
    let house = backlog(100);
    let (sms, email) = (Fake::new("a", Evidence::Sms), Fake::new("m", Evidence::Email));
    let slow = Arc::new(Slow { fake: sms.clone(), goes_on: false.into(), late: 0.into() });
    let delivery = house.delivery(vec![slow.clone(), email.clone()]).with_threads(4);
    run_until(&delivery, "the code and every e-mail are sent", || {
        let done = !sms.took().is_empty() && email.took().len() >= 100;
        if done {
            assert_eq!(slow.late.load(Ordering::SeqCst), 0, "while what can wait is in hand");
            assert_eq!((sms.took().len(), sms.took()[0].to.as_str()), (1, "+79167654321"));
            slow.goes_on.store(true, Ordering::SeqCst);
        }
        done
    });
}
