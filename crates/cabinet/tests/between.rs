//! What happens between two commits of one call, or between what it reads and its commit.
#![allow(missing_docs)]

mod harness;
mod whole_life;

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use harness::{House, LIGHT, light_policy, password, request};
use whole_life::{DeviceKey, field, unhex};
use zamok_cabinet::{
    Approach, Begun, Cabinet, DeviceAnswer, Error, Evidence, MessageKind, Password, Pin, PowerKind, Right,
    Rights, SweepPlace, Terms,
};
use zamok_core::store::{
    Change, ChangeId, CounterKey, MemoryStore, Outcome, Range, Store, StoreFault, Table,
};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::{Error as CoreError, UnixTime};
use zamok_store_conformance::Hooked;

const REJECTED: Error = Error::Core(CoreError::Rejected);

/// What happens between: a store takes so many more commits, and fills a sum once, right after it was read.
struct Between {
    left: AtomicU64,
    /// How the name of the sum begins that is filled next, how far, and when.
    sum: Mutex<(&'static str, u64, UnixTime)>,
    /// How the sums begin that cannot be read.
    silent: Mutex<Option<&'static str>>,
}

impl Between {
    /// A house over such a store.
    fn house() -> (House, Arc<Self>) {
        let (left, sum) = (AtomicU64::new(u64::MAX), Mutex::new(("", 0, UnixTime(0))));
        let between = Arc::new(Self { left, sum, silent: Mutex::default() });
        let [commits, sums] = [between.clone(), between.clone()];
        let store = Hooked::over(Arc::new(MemoryStore::new()))
            .on_commit(move |store, change| {
                let one = |left| match left {
                    0 => None,
                    u64::MAX => Some(u64::MAX),
                    left => Some(left - 1),
                };
                commits.left.fetch_update(SeqCst, SeqCst, one).map_err(|_| StoreFault::Unavailable)?;
                store.commit(change)
            })
            .on_counter(move |store, key| {
                if sums.silent.lock().unwrap().is_some_and(|begins| key.0.starts_with(begins.as_bytes())) {
                    return Err(StoreFault::Unavailable);
                }
                let found = store.counter(key)?;
                let mut sum = sums.sum.lock().unwrap();
                let (begins, most, now) = *sum;
                if most > 0 && key.0.starts_with(begins.as_bytes()) {
                    sum.1 = 0;
                    let mut others = Change::new(ChangeId(request().0));
                    others.add(key.clone(), Self::full(key, most, now) - found, u64::MAX).unwrap();
                    assert_eq!(store.commit(&others), Ok(Outcome::Committed));
                }
                Ok(found)
            });
        (House::over(Arc::new(store)), between)
    }

    fn fill(&self, house: &House, begins: &'static str, most: u32) {
        *self.sum.lock().unwrap() = (begins, most.into(), house.clock_now());
    }

    /// What a counter holds that is full (`docs/formats/tables.md`): its name ends with the span.
    fn full(key: &CounterKey, most: u64, now: UnixTime) -> u64 {
        let span = u64::from_be_bytes(*key.0.last_chunk().unwrap());
        ((now.0 / span % (1 << 16)) << 33) | most
    }
}

#[test]
fn a_wrong_password_looks_like_any_other_though_others_have_filled_the_sum_meanwhile() {
    let (house, between) = Between::house();
    house.citizen("ivan");
    between.fill(&house, "wrong-strangers/", house.cabinet.policy().budget.strangers);
    let wrong = house.cabinet.begin_login("ivan", &Password::new("wrong horse battery"));
    assert_eq!(wrong, Err(REJECTED));
}

#[test]
fn a_store_that_cannot_be_read_rejects_no_device_with_a_pin() {
    let (house, between) = Between::house();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let token = house.cabinet.trust_device(&session, "phone").unwrap();
    let session = house.cabinet.session(session.id).unwrap();
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_pin(&session, &enrolment, &Pin::new("190357")).unwrap();
    house.cabinet.confirm_factor(&enrolment, "190357").unwrap();
    let begin = || house.cabinet.begin_login_by_device(&token, &Approach::default()).map(drop);
    *between.silent.lock().unwrap() = Some("challenges/");
    assert_eq!(begin(), Err(Error::Core(StoreFault::Unavailable.into())), "it says nothing of the device");
    *between.silent.lock().unwrap() = None;
    assert_eq!(begin(), Ok(()));
}

#[test]
fn an_erasure_that_was_cut_short_is_finished_by_retention() {
    let (house, between) = Between::house();
    house.citizen("olga");
    let subject = house.cabinet.account_by_login("olga").unwrap().subject;
    between.left.store(1, SeqCst);
    assert!(house.cabinet.erase_account("olga", "asked for it").is_err());
    between.left.store(u64::MAX, SeqCst);
    assert!(house.cabinet.account_by_login("olga").is_err(), "it came as far as the account");
    house.cabinet.vault().integrate().unwrap();
    let mut next = Some(SweepPlace::default());
    while let Some(place) = next {
        next = house.cabinet.sweep(&place).unwrap().next;
    }
    house.cabinet.vault().integrate().unwrap();
    let listed = house.store.scan(Table(18), &Range::prefix(&subject.0), 10, None).unwrap().rows;
    assert_eq!(listed.len(), 0);
}

#[test]
fn a_login_that_was_begun_is_not_lost_where_its_hash_cannot_be_made_anew() {
    let (house, between) = Between::house();
    house.citizen("ivan");
    let mut dearer = light_policy();
    dearer.password.cost = Argon2Cost { memory_kib: 2 * LIGHT.memory_kib, ..LIGHT };
    let cabinet = house.another().with_policy(dearer);
    between.left.store(1, SeqCst);
    assert!(matches!(cabinet.begin_login("ivan", &password()), Ok(Begun::Code(_))));
}

#[test]
fn what_others_have_used_up_meanwhile_is_told_as_what_it_is() {
    let (house, between) = Between::house();
    house.texter("ivan", "+79160000001");
    let challenge = house.challenge("ivan");
    house.clock.advance(60);
    let sms = house.cabinet.methods(&challenge).unwrap()[0].factor;
    between.fill(&house, "challenges/", house.cabinet.policy().challenge.per_hour);
    assert_eq!(house.cabinet.switch_method(&challenge, sms), Err(REJECTED));
    between.fill(&house, "sent/", house.cabinet.policy().issued.per_hour);
    assert_eq!(house.cabinet.send_again(&challenge), Err(Error::TooManyMessages));

    let phone = house.citizen("olga");
    let olga = house.login("olga", &phone).unwrap();
    let terms = Terms {
        kind: PowerKind::Attorney,
        rights: Rights::of(&[Right::View]),
        scope: vec!["tax".into()],
        until: house.clock_now().plus(86_400),
    };
    between.fill(&house, "offers/", u32::try_from(Cabinet::OFFERS).unwrap());
    let refused = Error::TooMany { what: "offers in an hour", limit: Cabinet::OFFERS };
    assert_eq!(house.cabinet.give_power(&olga, "ivan", &terms), Err(refused));
    between.fill(&house, "profiles/", u32::try_from(Cabinet::PROFILES).unwrap());
    let opened = house.cabinet.open_profile(&olga, "masha", &Password::new("two otters in the morning"));
    let refused = Error::TooMany { what: "profiles", limit: Cabinet::PROFILES };
    assert_eq!(opened.map(drop), Err(refused));
}

#[test]
fn who_finds_that_others_have_moved_a_sum_on_meanwhile_counts_after_them() {
    let (house, between) = Between::house();
    house.citizen("ivan");
    let mut policy = light_policy();
    policy.challenge.per_hour = 2;
    let cabinet = house.another().with_policy(policy);
    let begin = || cabinet.begin_login("ivan", &password()).map(drop);
    for _ in 0..3 {
        house.clock.advance(3600);
        between.fill(&house, "challenges/", 1);
        assert_eq!((begin(), begin()), (Ok(()), Err(REJECTED)));
    }
}

#[test]
fn a_request_ends_though_others_have_filled_the_sum_of_wrong_answers_meanwhile() {
    for declines in [false, true] {
        let (house, between) = Between::house();
        let phone = house.citizen("ivan");
        let session = house.login("ivan", &phone).unwrap();
        let (cabinet, key) = (&house.cabinet, DeviceKey::new(7));
        let asked = || unhex(&field(cabinet, MessageKind::ApprovalRequest, "request"));
        let signed = |asked: &[u8], number: &str| key.sign(&DeviceAnswer::Approve.message(asked, number));
        let token = cabinet.trust_device(&session, "phone").unwrap();
        let enrolment = cabinet.begin_factor(&session).unwrap();
        cabinet.offer_push(&enrolment, token.device(), &key.public_key(), "phone").unwrap();
        let (request, number) = (asked(), cabinet.enrolment_number(&enrolment).unwrap());
        cabinet.approve(&request, &number, &signed(&request, &number)).unwrap();
        cabinet.confirm_factor(&enrolment, "").unwrap();
        house.clock.advance(60);
        let approach = Approach { by: Some(Evidence::Push), ..Approach::default() };
        let begun = cabinet.begin_login_from("ivan", &password(), &approach).unwrap();
        let Begun::Code(challenge) = begun else { panic!("the account has a factor") };
        let (request, number) = (asked(), cabinet.number_to_show(&challenge).unwrap());
        between.fill(&house, "wrong-strangers/", cabinet.policy().budget.strangers);
        if declines {
            let declined = key.sign(&DeviceAnswer::Decline.message(&request, ""));
            assert_eq!(cabinet.decline(&request, &declined), Ok(()));
        } else {
            let wrong = if number == "11" { "12" } else { "11" };
            assert_eq!(cabinet.approve(&request, wrong, &signed(&request, wrong)), Err(REJECTED));
        }
        let late = cabinet.approve(&request, &number, &signed(&request, &number));
        assert_eq!(late, Err(REJECTED), "it is over");
    }
}
