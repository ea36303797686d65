//! The outbox and its workers, over carriers that do as they are told: leases, retries within the lifetime, caps, preferences,
//! receipts in every form, failover, and nothing left of a text that was handed over (R57–R60).
#![allow(missing_docs)]

mod harness;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::{Fake, House, eventually, light_policy, notify, session, tally, wide};
use zamok_cabinet::{
    Address, Cabinet, Category, Ending, Error, Evidence, FeedFilter, Handed, Leased, Load, Matched, Notice,
    Priority, Receipt, ReceiptState, WorkerId,
};
use zamok_core::event::EventKind;
use zamok_delivery::{Delivery, Failed, Outcome, Parcel, Taken, Transport, Why};
use zamok_host::ManualClock;

const PHONE: &str = "+79161234567";
const MAIL: &str = "ivan@example.org";

fn step(delivery: &Delivery) -> zamok_delivery::Step {
    let step = delivery.step().unwrap();
    assert_eq!(step.failed, 0);
    step
}

fn load(units: u32) -> Load {
    Load { units, network: "7916".into(), country: "7".into() }
}

#[test]
fn a_notice_goes_to_every_contact_once_and_the_archive_remembers_it_without_its_text() {
    let house = House::new();
    house.citizen("ivan", &[PHONE, MAIL]);
    let (sms, email) = (Fake::new("a", Evidence::Sms), Fake::new("m", Evidence::Email));
    let delivery = house.delivery(vec![sms.clone(), email.clone()]);
    house.urgent("ivan", "Your passport is ready.");
    step(&delivery);
    assert_eq!(step(&delivery).due, 0, "nothing is left to do");
    assert_eq!(sms.took().len(), 1);
    assert_eq!(
        (sms.took()[0].to.as_str(), sms.took()[0].text.as_str()),
        (PHONE, "Zamok Bank: Your passport is ready.")
    );
    assert_eq!((email.took()[0].to.as_str(), email.took()[0].subject.as_str()), (MAIL, "Something new"));
    assert_ne!(sms.took()[0].id, email.took()[0].id, "each has a transaction id of its own");
    let archive = house.archive();
    assert_eq!(archive.iter().filter(|entry| entry.ending == Ending::HandedOver).count(), 3);
    let sent = archive.iter().find(|entry| entry.channel == Some(Evidence::Sms)).unwrap();
    assert_eq!((sent.address.as_str(), sent.carrier.as_str(), sent.attempts), (PHONE, "a", 1));
    assert_eq!(house.told(EventKind::MessageQueued), 2);
    assert_eq!(house.told(EventKind::MessageHandedOver), 3);
    assert_eq!(house.cabinet.outbox(100).unwrap(), []);
}

#[test]
fn the_text_is_wiped_when_a_carrier_took_it_and_a_receipt_ends_it() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    let sms = Fake::with_receipts("a", Evidence::Sms, true);
    let delivery = house.delivery(vec![sms]);
    house.urgent("ivan", "x");
    step(&delivery);
    let standing = house.on_their_way();
    assert_eq!((standing.len(), standing[0].sent, standing[0].carrier.as_str()), (1, true, "a"));
    assert_eq!(house.told(EventKind::MessageSent), 1);
    let receipt = Receipt {
        carrier: "a",
        id: "a-0-0",
        state: ReceiptState::Delivered,
        number: Some("79161234567"),
        reason: "DELIVRD 000",
    };
    let id = standing[0].id;
    assert_eq!(
        house.cabinet.receipt(&Receipt { state: ReceiptState::OnTheWay, ..receipt }),
        Ok(Matched::Noted(id))
    );
    assert_eq!(
        house.cabinet.receipt(&Receipt { number: Some("79160000000"), ..receipt }),
        Ok(Matched::Unknown)
    );
    assert_eq!(house.cabinet.receipt(&Receipt { carrier: "b", ..receipt }), Ok(Matched::Unknown));
    assert_eq!(house.cabinet.receipt(&receipt), Ok(Matched::Ended(id, Ending::Delivered)));
    assert_eq!(house.cabinet.receipt(&receipt), Ok(Matched::Again(id)), "carriers repeat themselves");
    assert_eq!(house.told(EventKind::MessageDelivered), 1);
    assert_eq!(house.cabinet.archived(id).unwrap().unwrap().reason, "DELIVRD 000");
    // After its time in the archive it is forgotten, and what led to it as well.
    house.clock.advance(house.cabinet.policy().delivery.archive);
    step(&delivery);
    assert_eq!(house.cabinet.archived(id).unwrap(), None);
    assert_eq!(house.cabinet.receipt(&receipt), Ok(Matched::Unknown));
}

#[test]
fn it_is_tried_again_with_growing_pauses_and_never_after_its_time() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    let sms = Fake::new("a", Evidence::Sms);
    let delivery = house.delivery(vec![sms.clone()]);
    house.urgent("ivan", "x");
    let policy = house.cabinet.policy().delivery.clone();
    let mut pauses = Vec::new();
    for _ in 0..10 {
        sms.fail(Why::Busy);
        step(&delivery);
        assert_eq!(step(&delivery).due, 0, "not before its pause is over");
        let standing = house.on_their_way().remove(0);
        let pause = standing.due.since(house.cabinet.vault().now());
        pauses.push(pause);
        house.clock.advance(pause);
    }
    for (attempt, pause) in pauses.iter().enumerate() {
        let longest = policy.retry.saturating_mul(1 << attempt).min(policy.longest_retry);
        assert!((longest.div_ceil(2)..=longest).contains(pause), "{pauses:?}");
    }
    house.clock.advance(policy.notice);
    step(&delivery);
    assert_eq!(sms.took().len(), 0, "its time is over");
    assert!(house.archive().iter().any(|entry| entry.ending == Ending::Expired));
    assert_eq!(house.told(EventKind::MessageExpired), 1);
}

#[test]
fn an_announcement_that_has_waited_for_too_long_is_no_news() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    let sms = Fake::new("a", Evidence::Sms);
    let delivery = house.delivery(vec![sms.clone()]);
    let notice = house.cabinet.policy().delivery.notice;
    for (waited, sent) in [(notice - 1, 1), (notice, 0)] {
        step(&delivery);
        let before = sms.took().len();
        house.cabinet.end_sessions_of("ivan", "a lost bag").unwrap();
        house.clock.advance(waited);
        step(&delivery);
        assert_eq!(sms.took().len() - before, sent, "{waited}");
    }
}

#[test]
fn a_lease_is_one_workers_until_it_runs_out() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    house.urgent("ivan", "x");
    let (first, second) = (WorkerId([1; 16]), WorkerId([2; 16]));
    let due = house.cabinet.due(10).unwrap().remove(0);
    house.cabinet.lease(&due, first, &|_, _, _| Ok(load(1))).unwrap();
    let due = house.cabinet.due(10).unwrap().remove(0);
    let Ok(Leased::Ready(dead)) = house.cabinet.lease(&due, first, &|_, _, _| Ok(load(1))) else { panic!() };
    assert!(matches!(house.cabinet.lease(&due, second, &|_, _, _| Ok(load(1))), Ok(Leased::Over(None))));
    assert_eq!(house.cabinet.due(10).unwrap().len(), 0, "it is nobody else's");
    assert_eq!(house.cabinet.retry(dead.message.id), Ok(false), "not even an officer's");
    house.clock.advance(house.cabinet.policy().delivery.lease);
    let due = house.cabinet.due(10).unwrap().remove(0);
    let Ok(Leased::Ready(lease)) = house.cabinet.lease(&due, second, &|_, _, _| Ok(load(1))) else {
        panic!()
    };
    assert_eq!((lease.message.id, lease.attempt), (dead.message.id, 2), "under the same id");
    // The first was only slow: it may not put off, nor end, what is not its own any more.
    house.cabinet.put_off(&dead, "a", &[], "slow").unwrap();
    house.cabinet.refuse(&dead, "a", "slow").unwrap();
    assert_eq!(house.on_their_way()[0].due, lease.until);
    let handed = Handed { carrier: "a".into(), parts: vec!["1".into()], receipts: false };
    house.cabinet.sent(&lease, &handed).unwrap();
    house.cabinet.sent(&dead, &handed).unwrap();
    assert_eq!(house.told(EventKind::MessageHandedOver), 2, "spread, and sent once");
}

#[test]
fn many_workers_send_each_message_once() {
    let house = House::new();
    for number in 0..20 {
        let (login, phone) = (format!("user{number}"), format!("+791612345{number:02}"));
        house.citizen(&login, &[&phone]);
        (0..5).for_each(|text| house.urgent(&login, &format!("{number}/{text}")));
    }
    let sms = Fake::new("a", Evidence::Sms);
    let workers: Vec<_> = (0..4).map(|_| house.delivery(vec![sms.clone()]).with_threads(4)).collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for worker in &workers {
            scope.spawn(|| worker.run(&stop));
        }
        eventually("the outbox is empty", || house.on_their_way().is_empty());
        stop.store(true, Ordering::SeqCst);
    });
    let took = sms.took();
    assert_eq!(took.len(), 100);
    assert!(tally(took.iter().map(|got| &got.id)).values().all(|count| *count == 1));
    assert_eq!(tally(took.iter().map(|got| &got.text)).len(), 100);
}

#[test]
fn another_carrier_takes_what_one_cannot_and_the_breaker_leaves_that_one_alone() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    let (first, second) = (Fake::new("a", Evidence::Sms), Fake::new("b", Evidence::Sms));
    let delivery = house.delivery(vec![first.clone(), second.clone()]);
    for _ in 0..3 {
        first.fail(Why::Unavailable);
        house.urgent("ivan", "x");
        step(&delivery);
    }
    assert_eq!((first.took().len(), second.took().len()), (0, 3));
    assert!(delivery.metrics_text().contains("zamok_delivery_breaker_open{carrier=\"a\"} 1"));
    house.urgent("ivan", "x");
    step(&delivery);
    assert_eq!((first.took().len(), second.took().len()), (0, 4), "it is not even asked");
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    house.urgent("ivan", "x");
    step(&delivery);
    assert_eq!((first.took().len(), second.took().len()), (1, 4), "after the pause it is, and works");
    assert_eq!(delivery.metrics().total(Outcome::Sent), 5);
}

#[test]
fn what_may_have_been_taken_goes_to_no_other_carrier() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    let (first, second) = (Fake::new("a", Evidence::Sms), Fake::new("b", Evidence::Sms));
    let delivery = house.delivery(vec![first.clone(), second.clone()]);
    first.fail(Why::Unknown);
    house.urgent("ivan", "x");
    step(&delivery);
    assert_eq!((first.took().len(), second.took().len()), (0, 0), "it waits");
    house.clock.advance(60);
    step(&delivery);
    assert_eq!((first.took().len(), second.took().len()), (1, 0));
    // Also when the next try certainly fails: what became of the first is still not known.
    first.fail(Why::Unknown);
    house.urgent("ivan", "y");
    step(&delivery);
    for why in [Why::Unavailable, Why::Busy] {
        first.fail(why);
        house.clock.advance(600);
        step(&delivery);
        assert_eq!((first.took().len(), second.took().len()), (1, 0), "{why:?}");
    }
    // A worker that does not have that carrier leaves it to those who do.
    house.clock.advance(1200);
    step(&house.delivery(vec![second.clone()]));
    assert_eq!(
        house.on_their_way().iter().map(|standing| standing.carrier.as_str()).collect::<Vec<_>>(),
        ["a"]
    );
    house.clock.advance(1200);
    step(&delivery);
    assert_eq!((first.took().len(), second.took().len()), (2, 0));
    // And of a message in parts only those are sent that are missing, by the carrier that has the others.
    first.fail_with(Why::Unavailable, &[Some("p0"), None]);
    house.urgent("ivan", &"long ".repeat(40));
    step(&delivery);
    house.clock.advance(60);
    step(&delivery);
    assert_eq!(second.took().len(), 0);
    assert_eq!(first.took()[2].known, [Some("p0".to_owned()), None]);
}

#[test]
fn the_way_to_one_device_says_nothing_of_the_carrier() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    let sms = Fake::new("a", Evidence::Sms);
    let delivery = house.delivery(vec![sms.clone()]);
    for _ in 0..5 {
        sms.fail(Why::Unreachable);
        house.urgent("ivan", "x");
        step(&delivery);
    }
    assert!(delivery.metrics_text().contains("zamok_delivery_breaker_open{carrier=\"a\"} 0"));
    assert_eq!(house.on_their_way().len(), 5, "each is put off");
    // Nor does it close the breaker of a carrier that fails.
    for why in [Why::Unavailable, Why::Unreachable, Why::Unavailable, Why::Unreachable, Why::Unavailable] {
        sms.fail(why);
        house.urgent("ivan", "x");
        step(&delivery);
    }
    assert!(delivery.metrics_text().contains("zamok_delivery_breaker_open{carrier=\"a\"} 1"));
}

/// A carrier of two services, the first of which is down.
#[derive(Debug)]
struct Two(Arc<Fake>);

impl Transport for Two {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn channel(&self) -> Evidence {
        self.0.channel
    }

    fn ways(&self) -> usize {
        2
    }

    fn way(&self, address: &Address) -> usize {
        usize::from(matches!(address, Address::Email(address) if address.ends_with("@b.example")))
    }

    fn send(&self, parcel: &Parcel<'_>) -> Result<Taken, Failed> {
        if self.way(parcel.address) == 0 {
            return Err(Failed { why: Why::Unavailable, reason: "it is down".into(), taken: Vec::new() });
        }
        self.0.send(parcel)
    }
}

#[test]
fn one_service_that_is_down_keeps_nobody_of_another_waiting() {
    let house = House::new();
    house.citizen("ivan", &["ivan@a.example"]);
    house.citizen("maria", &["maria@b.example"]);
    let mail = Fake::new("m", Evidence::Email);
    let delivery = house.delivery(vec![Arc::new(Two(mail.clone()))]);
    for _ in 0..4 {
        house.urgent("ivan", "x");
        step(&delivery);
    }
    assert!(delivery.metrics_text().contains("zamok_delivery_breaker_open{carrier=\"m\"} 1"));
    assert!(house.on_their_way().iter().any(|standing| standing.reason == "it is left alone after failures"));
    house.urgent("maria", "x");
    step(&delivery);
    assert_eq!(mail.took().len(), 1);
}

#[test]
fn what_every_carrier_refuses_is_rejected_and_journalled() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    let (first, second) = (Fake::new("a", Evidence::Sms), Fake::new("b", Evidence::Sms));
    let delivery = house.delivery(vec![first.clone(), second.clone()]);
    first.fail(Why::Refused);
    second.fail(Why::Refused);
    house.urgent("ivan", "x");
    step(&delivery);
    assert_eq!(house.told(EventKind::MessageRejected), 1);
    first.fail(Why::Refused);
    house.urgent("ivan", "x");
    step(&delivery);
    assert_eq!((first.took().len(), second.took().len()), (0, 1), "what one refuses another may take");
    house.urgent("ivan", &"я".repeat(600));
    step(&delivery);
    assert!(house.archive().iter().any(|entry| entry.reason == "longer than an SMS may be"));
}

#[test]
fn caps_by_number_network_country_and_in_all_stop_whoever_pumps_messages() {
    type Narrow = fn(&mut zamok_cabinet::Policy);
    let cases: [(&str, Narrow); 4] = [
        ("cap: address", |policy| policy.delivery.per_address = 3),
        ("cap: network", |policy| policy.delivery.per_network = 3),
        ("cap: country", |policy| policy.delivery.per_country = 3),
        ("cap: budget", |policy| policy.delivery.budget = 3),
    ];
    for (reason, narrow) in cases {
        let mut policy = wide(light_policy());
        narrow(&mut policy);
        let house = House::with(wide(light_policy()));
        house.citizen("ivan", &[PHONE]);
        let vault = house.cabinet.vault().clone();
        let cabinet = Arc::new(Cabinet::open(vault).unwrap().with_policy(policy));
        let sms = Fake::new("a", Evidence::Sms);
        let delivery = harness::delivery(&cabinet, vec![sms.clone()]);
        (0..2).for_each(|_| house.urgent("ivan", "x"));
        // Two segments are two units: of three, one is left, which is too few.
        house.urgent("ivan", &"long ".repeat(40));
        (0..3).for_each(|_| house.urgent("ivan", "x"));
        step(&delivery);
        // They are due in the same second, in any order.
        assert_eq!(sms.took().iter().map(|got| got.parts).sum::<usize>(), 3, "{reason}");
        let before = sms.took().len();
        let waits = house.on_their_way();
        assert!(!waits.is_empty() && waits.iter().all(|standing| standing.reason == reason), "{waits:?}");
        // A notice waits for the next hour, or the next day.
        house.clock.advance(24 * 3600 - 1);
        step(&delivery);
        assert!(sms.took().len() > before, "{reason}");
    }
}

#[test]
fn the_owner_decides_what_comes_by_which_channel_and_when_but_not_about_security() {
    let house = House::new();
    house.citizen("ivan", &[PHONE, MAIL]);
    let session = session(&house, "ivan");
    let (sms, email) = (Fake::new("a", Evidence::Sms), Fake::new("m", Evidence::Email));
    let delivery = house.delivery(vec![sms.clone(), email.clone()]);
    // What was told at the login.
    step(&delivery);
    let before = (sms.took().len(), email.took().len());
    let come = |text: &str| {
        notify(&house.cabinet, "ivan", Category::News, Priority::Normal, text);
        step(&delivery);
        let count = |fake: &Fake| fake.took().iter().filter(|got| got.text.contains(text)).count();
        (count(&sms), count(&email))
    };
    assert_eq!(come("one"), (0, 1), "what can wait costs no SMS");
    let mut preferences = house.cabinet.preferences(&session).unwrap();
    preferences.channels.insert((Category::News, Evidence::Sms), true);
    preferences.channels.insert((Category::News, Evidence::Email), false);
    house.cabinet.set_preferences(&session, &preferences).unwrap();
    assert_eq!(come("two"), (1, 0));
    // It is eight in the morning by UTC.
    preferences.quiet = zamok_cabinet::Quiet::new(7 * 60, 9 * 60, 0);
    house.cabinet.set_preferences(&session, &preferences).unwrap();
    assert_eq!(come("three"), (0, 0), "it is quiet");
    notify(&house.cabinet, "ivan", Category::News, Priority::High, "fire");
    step(&delivery);
    assert!(sms.took().iter().any(|got| got.text.contains("fire")), "what is urgent is not");
    house.clock.advance(3600);
    step(&delivery);
    assert!(sms.took().iter().any(|got| got.text.contains("three")), "it was put off, not lost");
    let all_off = Evidence::ALL.map(|channel| ((Category::Security, channel), false));
    preferences.channels.extend(all_off);
    assert_eq!(house.cabinet.set_preferences(&session, &preferences), Err(Error::PreferencesUnusable));
    assert!(before.0 >= 1 && before.1 >= 1, "the new device was announced by both: {before:?}");
    assert_eq!(house.told(EventKind::PreferencesChanged), 2);
}

#[test]
fn the_feed_shows_what_was_told_latest_first_and_is_erased_with_its_owner() {
    let house = House::new();
    house.citizen("ivan", &[MAIL]);
    let session = session(&house, "ivan");
    for (category, text) in
        [(Category::News, "one"), (Category::Payment, "two"), (Category::Reminder, "three")]
    {
        house.clock.advance(1);
        notify(&house.cabinet, "ivan", category, Priority::Normal, text);
    }
    let texts = |filter: &FeedFilter| {
        let page = house.cabinet.feed(&session, filter, 10, None).unwrap();
        let text = |entry: &zamok_cabinet::FeedEntry| entry.message.field("text").unwrap_or("-").to_owned();
        page.entries.iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(
        texts(&FeedFilter::default()),
        ["three", "two", "one", "-", "-"],
        "and the login and the factor, which have no text"
    );
    let categories = BTreeSet::from([Category::Payment, Category::News]);
    assert_eq!(texts(&FeedFilter { categories, ..FeedFilter::default() }), ["two", "one"]);
    let priority = Some(Priority::High);
    assert_eq!(texts(&FeedFilter { priority, ..FeedFilter::default() }), ["-", "-"]);
    let since = Some(house.cabinet.vault().now());
    assert_eq!(texts(&FeedFilter { since, ..FeedFilter::default() }), ["three"]);
    let page = house.cabinet.feed(&session, &FeedFilter::default(), 2, None).unwrap();
    let next = house.cabinet.feed(&session, &FeedFilter::default(), 2, page.next.as_ref()).unwrap();
    assert_eq!(next.entries[0].message.field("text"), Some("one"));
    let place = house.cabinet.feed_after(&session, page.entries[1].message.id).unwrap();
    assert_eq!(Some(place), page.next);
    let nowhere = house.cabinet.feed_after(&session, zamok_cabinet::MessageId([7; 16]));
    assert_eq!(nowhere, Err(Error::Core(zamok_core::Error::Rejected)));
    // Its time comes.
    let delivery = house.delivery(vec![Fake::new("m", Evidence::Email)]);
    step(&delivery);
    house.clock.advance(house.cabinet.policy().delivery.feed + 3600);
    step(&delivery);
    let rows = house.cabinet.vault().store().scan(
        zamok_core::store::Table(65),
        &zamok_core::store::Range::all(),
        100,
        None,
    );
    assert_eq!(rows.unwrap().rows.len(), 0);
}

#[test]
fn notices_that_would_spoil_a_message_are_refused() {
    let house = House::new();
    house.citizen("ivan", &[MAIL]);
    let good = Notice {
        category: Category::News,
        priority: Priority::Normal,
        title: "Title",
        text: "Text\nand more",
        link: "https://bank.example/news",
        language: "ru",
    };
    assert!(house.cabinet.notify("ivan", &good).is_ok());
    for bad in [
        Notice { title: "Title\r\nBcc: all@example.org", ..good },
        Notice { text: "", ..good },
        Notice { text: "a\u{1b}[2J", ..good },
        Notice { link: "javascript:alert(1)", ..good },
        Notice { link: "https://x y", ..good },
    ] {
        assert_eq!(house.cabinet.notify("ivan", &bad), Err(Error::NoticeUnusable), "{bad:?}");
    }
    let long = "x".repeat(5000);
    assert!(house.cabinet.notify("ivan", &Notice { text: &long, ..good }).is_err());
    assert!(house.cabinet.notify("nobody", &good).is_err());
}

#[test]
fn contacts_that_are_gone_and_accounts_that_are_erased_get_nothing() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    house.citizen("maria", &["+79167654321"]);
    let worker = WorkerId([1; 16]);
    house.urgent("ivan", "x");
    house.urgent("maria", "x");
    // Both are spread over contacts that are there.
    for due in house.cabinet.due(10).unwrap() {
        house.cabinet.lease(&due, worker, &|_, _, _| Ok(load(1))).unwrap();
    }
    let contact = house.cabinet.account_by_login("ivan").unwrap().contacts[0].id;
    house.cabinet.remove_contact("ivan", contact, "lost").unwrap();
    house.cabinet.erase_account("maria", "asked for it").unwrap();
    let sms = Fake::new("a", Evidence::Sms);
    step(&house.delivery(vec![sms.clone()]));
    assert_eq!(sms.took().len(), 0);
    let reasons: BTreeSet<_> = house.archive().into_iter().map(|entry| entry.reason).collect();
    assert!(
        reasons.contains("the account has no such contact") && reasons.contains("the account was erased")
    );
}

#[test]
fn nothing_of_a_text_is_left_in_the_outbox_once_a_carrier_took_it() {
    use zamok_core::store::{Range, RowKey, Table};
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    let sms = Fake::with_receipts("a", Evidence::Sms, true);
    let delivery = house.delivery(vec![sms.clone()]);
    house.urgent("ivan", "Your passport is ready.");
    let vault = house.cabinet.vault();
    let holds = || {
        let rows = vault.store().scan(Table(44), &Range::all(), 10, None).unwrap().rows;
        let mut found = Vec::new();
        for (key, _) in rows {
            let key = RowKey::new(Table(44), key);
            let body = vault.transact(|tx| Ok::<_, Error>(tx.record(&key)?.unwrap().body.to_vec())).unwrap();
            found.push(body.windows(8).any(|window| window == b"passport"));
        }
        found
    };
    assert_eq!(holds(), [true]);
    step(&delivery);
    assert_eq!((holds(), sms.took().len()), (vec![false], 1), "it waits for its receipt");
}

#[test]
fn what_the_service_may_spend_is_counted_by_the_day() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    let mut policy = wide(light_policy());
    policy.delivery.budget = 1;
    let cabinet = Cabinet::open(house.cabinet.vault().clone()).unwrap().with_policy(policy);
    let sms = Fake::new("a", Evidence::Sms);
    let delivery = harness::delivery(&Arc::new(cabinet), vec![sms.clone()]);
    (0..2).for_each(|_| house.urgent("ivan", "x"));
    // From eight in the morning on, until the day is over.
    for (later, sent) in [(0, 1), (3600, 1), (14 * 3600, 1), (3600, 2)] {
        house.clock.advance(later);
        step(&delivery);
        assert_eq!(sms.took().len(), sent, "{later}");
    }
}

/// A carrier that cannot be reached, and finds that out when the time is over.
#[derive(Debug)]
struct Late;

impl Transport for Late {
    fn name(&self) -> &str {
        "late"
    }

    fn channel(&self) -> Evidence {
        Evidence::Sms
    }

    fn send(&self, parcel: &Parcel<'_>) -> Result<Taken, Failed> {
        std::thread::sleep(parcel.deadline.saturating_duration_since(std::time::Instant::now()));
        Err(Failed { why: Why::Unavailable, reason: "it is late".into(), taken: Vec::new() })
    }
}

#[test]
fn once_the_time_for_sending_is_over_no_other_carrier_is_asked() {
    let mut policy = wide(light_policy());
    policy.delivery.lease = 5;
    let house = House::with(policy);
    house.citizen("ivan", &[PHONE]);
    let second = Fake::new("b", Evidence::Sms);
    house.urgent("ivan", "x");
    step(&house.delivery(vec![Arc::new(Late), second.clone()]));
    assert_eq!(second.took().len(), 0, "somebody else may have it in hand by then");
    assert_eq!(house.on_their_way().len(), 1);
}

/// A carrier that cannot be reached, while the vault's time goes on.
#[derive(Debug)]
struct Dawdling(ManualClock, u64);

impl Transport for Dawdling {
    fn name(&self) -> &str {
        "dawdling"
    }

    fn channel(&self) -> Evidence {
        Evidence::Sms
    }

    fn send(&self, _: &Parcel<'_>) -> Result<Taken, Failed> {
        self.0.advance(self.1);
        Err(Failed { why: Why::Unavailable, reason: "it is slow".into(), taken: Vec::new() })
    }
}

#[test]
fn no_second_carrier_gets_what_was_over_while_the_first_was_slow() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    let notice = house.cabinet.policy().delivery.notice;
    for (took, sent) in [(1, 1), (notice, 0)] {
        let second = Fake::new("b", Evidence::Sms);
        house.urgent("ivan", "x");
        step(&house.delivery(vec![Arc::new(Dawdling(house.clock.clone(), took)), second.clone()]));
        assert_eq!(second.took().len(), sent, "{took}");
    }
}

#[test]
fn nothing_of_where_a_message_goes_is_printed() {
    let house = House::new();
    house.citizen("ivan", &[PHONE]);
    house.urgent("ivan", "Your passport is ready.");
    let take = || {
        let due = house.cabinet.due(10).unwrap().remove(0);
        house.cabinet.lease(&due, WorkerId([1; 16]), &|_, _, _| Ok(load(1))).unwrap()
    };
    assert!(matches!(take(), Leased::Spread));
    let Leased::Ready(lease) = take() else { panic!("it is due") };
    assert_eq!(format!("{:?}", lease.address), "Phone(redacted)");
    assert_eq!(format!("{:?}", Address::Email(MAIL.into())), "Email(redacted)");
    let mut point = [7; 65];
    point[0] = 4;
    let subscription =
        zamok_cabinet::Subscription::new("https://push.example/own", &point, &[1; 16]).unwrap();
    assert_eq!(format!("{subscription:?}"), "Subscription(redacted)");
    assert_eq!(format!("{:?}", Address::Push(subscription)), "Push(redacted)");
    let handed = Handed { carrier: "a".into(), parts: vec!["part-17".into()], receipts: false };
    house.cabinet.sent(&lease, &handed).unwrap();
    let receipt = Receipt {
        carrier: "a",
        id: "part-17",
        state: ReceiptState::Delivered,
        number: Some(PHONE),
        reason: "",
    };
    let printed = format!("{lease:?} {:?} {receipt:?}", house.archive());
    assert!(house.archive().iter().any(|entry| entry.address == PHONE));
    for hidden in [&PHONE[1..], "passport", "part-17"] {
        assert!(!printed.contains(hidden), "{hidden}: {printed}");
    }
}
