//! Forgetting a device is no way around what it holds: what is stronger than what was shown is set aside and counts (R19, R21).
#![allow(missing_docs)]

mod harness;
mod whole_life;

use harness::{House, password, request};
use whole_life::{DeviceKey, unhex};
use zamok_cabinet::{
    Approach, Begun, Content, DeviceAnswer, DeviceId, Error, Evidence, FactorId, FactorKind, FactorState,
    MessageKind, OperationId, Pin, Session, SweepPlace, Template, Value,
};
use zamok_core::store::{Change, ChangeId, Outcome, RowKey, Table};

const PHONE: &str = "+79160000001";
const DAY: u64 = 24 * 60 * 60;

/// An account with codes by SMS and a device that approves; the session of its owner.
fn with_push(house: &House) -> (Session, DeviceId, FactorId) {
    house.texter("ivan", PHONE);
    let session = by_sms(house);
    let device = house.cabinet.trust_device(&session, "phone").unwrap().device();
    let key = DeviceKey::new(5);
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_push(&enrolment, device, &key.public_key(), "phone").unwrap();
    approve(house, &key, &house.cabinet.enrolment_number(&enrolment).unwrap());
    house.cabinet.confirm_factor(&enrolment, "").unwrap();
    house.clock.advance(60);
    let push = house.cabinet.factors(&session).unwrap()[1].id;
    (house.cabinet.session(session.id).unwrap(), device, push)
}

/// The device approves what it was asked last.
fn approve(house: &House, key: &DeviceKey, number: &str) {
    let messages = house.cabinet.outbox(100).unwrap();
    let asked = messages.iter().rfind(|message| message.kind == MessageKind::ApprovalRequest).unwrap();
    let asked = unhex(asked.field("request").unwrap());
    let approval = key.sign(&DeviceAnswer::Approve.message(&asked, number));
    house.cabinet.approve(&asked, number, &approval).unwrap();
}

fn by_sms(house: &House) -> Session {
    let approach = Approach { by: Some(Evidence::Sms), ..Approach::default() };
    let begun = house.cabinet.begin_login_from("ivan", &password(), &approach).unwrap();
    let Begun::Code(challenge) = begun else { panic!("the account has a factor") };
    let code = house.arrived(MessageKind::LoginCode).remove(0);
    let session = house.cabinet.answer(&challenge, &code, request()).unwrap();
    house.clock.advance(60);
    session
}

/// What confirms a payment.
fn confirm(house: &House, session: &Session) -> Result<Evidence, Error> {
    let text = "Pay {sum}.".into();
    let template = Template { name: "payment".into(), version: 1, language: "en".into(), text };
    let content = Content::new(template, [("sum".into(), Value::Number(1))]).unwrap();
    let operation = house.cabinet.propose(session, OperationId(request().0), &content).unwrap();
    house.cabinet.begin_confirmation(session, operation.id, None).map(|challenge| challenge.by)
}

fn states(house: &House) -> Vec<(FactorKind, FactorState)> {
    let factors = house.cabinet.factors_of("ivan").unwrap();
    factors.into_iter().map(|factor| (factor.kind, factor.state)).collect()
}

fn sweep(house: &House) {
    let mut next = Some(SweepPlace::default());
    while let Some(place) = next {
        next = house.cabinet.sweep(&place).unwrap().next;
    }
}

const ASIDE: [(FactorKind, FactorState); 2] =
    [(FactorKind::Sms, FactorState::Active), (FactorKind::Push, FactorState::SetAside)];

#[test]
fn whoever_forgets_the_device_that_approves_pays_with_nothing_weaker() {
    let house = House::new();
    let (owner, device, _) = with_push(&house);
    let other = by_sms(&house);
    let thief = by_sms(&house);
    house.cabinet.remove_device(&thief, device).unwrap();
    assert_eq!(confirm(&house, &thief), Err(Error::MethodTooWeak));
    assert_eq!(states(&house), ASIDE);
    let told = house.cabinet.outbox(100).unwrap();
    assert!(told.iter().any(|message| message.kind == MessageKind::ChannelReplaced), "its owner is told");
    for ended in [&owner, &other] {
        assert_eq!(house.cabinet.session(ended.id).err(), Some(Error::SessionEnded));
    }
    // A week later it is gone like one that was dropped.
    house.clock.advance(house.cabinet.policy().contact.reversible);
    sweep(&house);
    assert_eq!(states(&house), ASIDE[..1]);
    let session = by_sms(&house);
    assert_eq!(confirm(&house, &session), Ok(Evidence::Sms));
}

#[test]
fn what_was_dropped_and_counts_stays_when_its_device_is_forgotten() {
    let house = House::new();
    let (_, device, push) = with_push(&house);
    let thief = by_sms(&house);
    house.cabinet.drop_factor(&thief, push).unwrap();
    house.cabinet.remove_device(&thief, device).unwrap();
    assert_eq!(states(&house), ASIDE);
    assert_eq!(confirm(&house, &thief), Err(Error::MethodTooWeak));
}

#[test]
fn a_device_whose_time_is_over_leaves_nothing_weaker_enough_at_once() {
    let house = House::new();
    let (_, _, push) = with_push(&house);
    house.clock.advance(house.cabinet.policy().device.trusted);
    sweep(&house);
    assert_eq!(states(&house), ASIDE);
    let thief = by_sms(&house);
    assert!(house.cabinet.devices(&thief).unwrap().is_empty());
    assert_eq!(confirm(&house, &thief), Err(Error::MethodTooWeak));
    assert_eq!(house.cabinet.drop_factor(&thief, push), Err(Error::NotAllowed));
    house.clock.advance(8 * DAY);
    sweep(&house);
    assert_eq!(states(&house), ASIDE[..1]);
}

#[test]
fn a_session_that_forgets_its_own_device_ends_with_it() {
    let house = House::new();
    let (owner, device, _) = with_push(&house);
    house.cabinet.remove_device(&owner, device).unwrap();
    assert_eq!(house.cabinet.session(owner.id).err(), Some(Error::SessionEnded));
    assert!(house.cabinet.sessions(&by_sms(&house)).unwrap().iter().all(|session| session.id != owner.id));
}

#[test]
fn a_pin_on_another_device_is_no_other_way_in() {
    let house = House::new();
    let (_, device, _) = with_push(&house);
    let session = by_sms(&house);
    let other = house.cabinet.trust_device(&session, "laptop").unwrap();
    let session = house.cabinet.session(session.id).unwrap();
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_pin(&session, &enrolment, &Pin::new("190357")).unwrap();
    house.cabinet.confirm_factor(&enrolment, "190357").unwrap();
    let sms = house.cabinet.factors(&session).unwrap()[0].id;
    house.cabinet.remove_factor("ivan", sms, "the card was lost").unwrap();
    let challenge = house.cabinet.begin_login_by_device(&other, &Approach::default()).unwrap();
    let session = house.cabinet.answer(&challenge, "190357", request()).unwrap();
    house.cabinet.remove_device(&session, device).unwrap();
    let active = FactorState::Active;
    assert_eq!(states(&house), [(FactorKind::Push, active), (FactorKind::Pin, active)]);
}

#[test]
fn a_factor_that_somebody_altered_keeps_retention_from_nothing_else() {
    let house = House::new();
    let (_, device, push) = with_push(&house);
    let neighbour = house.citizen("anna");
    let session = house.login("anna", &neighbour).unwrap();
    let hers = house.cabinet.trust_device(&session, "laptop").unwrap().device();
    let row = RowKey::new(Table(36), push.0);
    let mut change = Change::new(ChangeId([1; 16]));
    let version = house.store.get(&row).unwrap().unwrap().version;
    change.update(row, version, b"altered".to_vec()).unwrap();
    assert_eq!(house.store.commit(&change), Ok(Outcome::Committed));
    house.clock.advance(house.cabinet.policy().device.trusted + 2 * house.cabinet.policy().session.longest);
    let (mut next, mut unread, mut removed) = (Some(SweepPlace::default()), 0, 0);
    while let Some(place) = next {
        let swept = house.cabinet.sweep(&place).unwrap();
        (next, unread, removed) = (swept.next, unread + swept.unread, removed + swept.removed);
    }
    // The factor, and the device that leads to it.
    assert_eq!(unread, 2);
    assert!(removed > 0);
    assert!(house.cabinet.devices_of("anna").unwrap().iter().all(|device| device.id != hers));
    assert!(house.cabinet.devices_of("ivan").unwrap().iter().any(|found| found.id == device));
}
