//! A phone or an address that was dropped or replaced hears for a while of what it can take back, and then of nothing: somebody else
//! may have it by now.
#![allow(missing_docs)]

mod harness;

use harness::{House, Phone};
use zamok_cabinet::{
    AccountStep, Category, Enrolment, Leased, Load, MessageKind, Notice, Priority, Session, SweepPlace,
    WorkerId,
};

const PHONE: &str = "+7 916 123-45-67";
const ADDRESS: &str = "ivan@example.org";
const DAY: u64 = 86_400;

/// What is sent to whom until nothing more is due: an address behind each kind of message.
fn sent(house: &House) -> Vec<(MessageKind, String)> {
    let weigh = |_: &_, _: &str, _: &_| Ok(Load { units: 1, network: String::new(), country: String::new() });
    let mut found = Vec::new();
    loop {
        let due = house.cabinet.due(100).unwrap();
        if due.is_empty() {
            return found;
        }
        for due in due {
            if let Leased::Ready(lease) = house.cabinet.lease(&due, WorkerId([1; 16]), &weigh).unwrap() {
                let address = match &lease.address {
                    zamok_cabinet::Address::Phone(number) => number.clone(),
                    zamok_cabinet::Address::Email(address) => address.clone(),
                    zamok_cabinet::Address::Push(_) => "push".into(),
                };
                found.push((lease.message.kind, address));
                house.cabinet.settle(&lease.message, zamok_cabinet::Settled::HandedOver).unwrap();
            }
        }
    }
}

fn told(house: &House, kind: MessageKind) -> Vec<String> {
    let of_kind = sent(house).into_iter().filter(|(found, _)| *found == kind);
    let mut found: Vec<_> = of_kind.map(|(_, address)| address).collect();
    found.sort();
    found
}

fn news(house: &House) -> Vec<String> {
    let (category, priority) = (Category::Payment, Priority::High);
    let notice = Notice { category, priority, title: "A bill", text: "It is due.", link: "", language: "en" };
    house.cabinet.notify("ivan", &notice).unwrap();
    told(house, MessageKind::Notice)
}

fn confirmed(house: &House, enrolment: &Enrolment) {
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    house.cabinet.confirm_factor(enrolment, &code).unwrap();
}

/// A citizen with an app, whose phone and address are contacts.
fn at_home() -> (House, Phone, Session) {
    let house = House::new();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    for contact in [PHONE, ADDRESS] {
        let enrolment = house.cabinet.begin_factor(&session).unwrap();
        house.cabinet.offer_contact(&enrolment, contact).unwrap();
        confirmed(&house, &enrolment);
    }
    sent(&house);
    (house, phone, session)
}

fn drop_address(house: &House, session: &Session) {
    let contacts = house.cabinet.account(session).unwrap().contacts;
    let address = contacts.iter().find(|contact| contact.address == ADDRESS).unwrap();
    house.cabinet.drop_contact(session, address.id).unwrap();
}

fn sweep(house: &House) {
    let mut next = Some(SweepPlace::default());
    while let Some(place) = next {
        next = house.cabinet.sweep(&place).unwrap().next;
    }
}

#[test]
fn a_contact_that_was_dropped_hears_of_the_accounts_safety_for_a_week_and_then_of_nothing() {
    let (house, phone, session) = at_home();
    assert_eq!(news(&house), ["+79161234567", ADDRESS]);
    drop_address(&house, &session);
    assert_eq!(told(&house, MessageKind::ContactRemoved), ["+79161234567", ADDRESS]);
    assert_eq!(news(&house), ["+79161234567"], "what is nothing to it");
    let until = house.clock_now().plus(house.cabinet.policy().contact.reversible);
    house.clock.set(zamok_core::UnixTime(until.0 - 30));
    house.login("ivan", &phone).unwrap();
    assert_eq!(told(&house, MessageKind::NewDevice), ["+79161234567", ADDRESS]);
    house.clock.set(until);
    house.login("ivan", &phone).unwrap();
    assert_eq!(told(&house, MessageKind::NewDevice), ["+79161234567"]);
    assert_eq!(news(&house), ["+79161234567"]);
}

#[test]
fn what_was_on_its_way_to_a_contact_reaches_it_only_while_it_is_one() {
    let (house, phone, session) = at_home();
    drop_address(&house, &session);
    sent(&house);
    let until = house.clock_now().plus(house.cabinet.policy().contact.reversible);
    house.clock.set(zamok_core::UnixTime(until.0 - 30));
    house.login("ivan", &phone).unwrap();
    // Spread over the contacts, and not leased before the time of one is over.
    let weigh = |_: &_, _: &str, _: &_| Err("not yet");
    for due in house.cabinet.due(100).unwrap() {
        house.cabinet.lease(&due, WorkerId([1; 16]), &weigh).unwrap();
    }
    house.clock.set(until);
    assert_eq!(told(&house, MessageKind::NewDevice), ["+79161234567"]);
}

#[test]
fn retention_takes_a_contact_away_once_it_can_take_nothing_back_whatever_became_of_the_account() {
    for suspended in [false, true] {
        let (house, _, session) = at_home();
        drop_address(&house, &session);
        if suspended {
            house.cabinet.suspend_account("ivan", AccountStep::Suspend, "test").unwrap();
        }
        let contacts = || house.cabinet.account_by_login("ivan").unwrap().contacts.len();
        house.clock.advance(house.cabinet.policy().contact.reversible - 1);
        sweep(&house);
        assert_eq!((contacts(), house.cabinet.account_by_contact(ADDRESS).is_ok()), (2, true));
        house.clock.advance(1);
        sweep(&house);
        assert_eq!((contacts(), house.cabinet.account_by_contact(ADDRESS).is_ok()), (1, false));
        // It is gone for good, and asks for no further sweep.
        house.clock.advance(DAY);
        sweep(&house);
        assert_eq!(house.cabinet.vault().read(zamok_journal::audit).unwrap().findings, []);
    }
}

#[test]
fn a_channel_that_was_replaced_goes_with_its_factor() {
    let house = House::new();
    house.texter("ivan", PHONE);
    let challenge = house.challenge("ivan");
    let code = house.arrived(MessageKind::LoginCode).remove(0);
    let session = house.cabinet.answer(&challenge, &code, harness::request()).unwrap();
    house.clock.advance(60);
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_channel(&enrolment, "+79160000002").unwrap();
    confirmed(&house, &enrolment);
    let old = house.cabinet.factors(&session).unwrap()[0].id;
    house.cabinet.drop_factor(&session, old).unwrap();
    sent(&house);
    assert_eq!(news(&house), ["+79160000002"]);
    house.clock.advance(house.cabinet.policy().contact.reversible);
    sweep(&house);
    assert_eq!(house.cabinet.account_by_login("ivan").unwrap().contacts.len(), 1);
    assert_eq!(house.cabinet.factors_of("ivan").unwrap().len(), 1);
}
