//! Whoever has shown little gets little, and takes nothing from whoever has shown more: a phone alone, an old session, a PIN.
#![allow(missing_docs)]

mod harness;

use std::thread;

use harness::{House, NOON, Phone, password, request};
use zamok_cabinet::{
    Approach, Begun, Content, Error, Evidence, MessageKind, OperationId, Password, Pin, Session,
    Subscription, Template, Value,
};
use zamok_core::UnixTime;

const PHONE: &str = "+7 916 123-45-67";

/// A house in which a phone alone opens a session, at the beginning of a day.
fn town() -> House {
    let mut house = House::new();
    house.clock.set(UnixTime((NOON.0 / 86_400 + 1) * 86_400));
    let mut policy = house.cabinet.policy().clone();
    policy.contact.login = true;
    house.cabinet = house.cabinet.with_policy(policy);
    house.texter("ivan", PHONE);
    house
}

fn by_password(house: &House) -> Result<Session, Error> {
    let Begun::Code(challenge) = house.cabinet.begin_login("ivan", &password())? else { panic!("a factor") };
    house.cabinet.answer(&challenge, &house.arrived(MessageKind::LoginCode).remove(0), request())
}

fn payment() -> Content {
    let text = "Pay {sum}.".into();
    let template = Template { name: "payment".into(), version: 1, language: "en".into(), text };
    Content::new(template, [("sum".into(), Value::Number(1))]).unwrap()
}

/// Asks for the code of a payment.
fn pay(house: &House, session: &Session) -> Result<Evidence, Error> {
    let operation = house.cabinet.propose(session, OperationId(request().0), &payment()).unwrap();
    house.cabinet.begin_confirmation(session, operation.id, None).map(|challenge| challenge.by)
}

#[test]
fn a_phone_alone_confirms_no_payment_with_its_next_code() {
    let house = town();
    let challenge = house.cabinet.begin_login_by_phone(PHONE, &Approach::default()).unwrap();
    let code = house.arrived(MessageKind::LoginCode).remove(0);
    let thief = house.cabinet.answer(&challenge, &code, request()).unwrap();
    house.clock.advance(60);
    assert_eq!(pay(&house, &thief), Err(Error::MethodTooWeak));
    assert_eq!(house.arrived(MessageKind::OperationCode).len(), 0, "no code is sent in vain");
    let again = house.cabinet.begin_again(&thief, None).unwrap();
    let code = house.arrived(MessageKind::AgainCode).remove(0);
    let thief = house.cabinet.answer_again(&thief, &again, &code, request()).unwrap();
    house.clock.advance(60);
    assert_eq!(pay(&house, &thief), Err(Error::MethodTooWeak), "two of one kind are one factor");
    let owner = by_password(&house).unwrap();
    house.clock.advance(60);
    assert_eq!(pay(&house, &owner), Ok(Evidence::Sms));
}

#[test]
fn who_only_knows_a_phone_keeps_its_owner_waiting_for_nothing() {
    let house = town();
    let stranger = || house.cabinet.begin_login_by_phone(PHONE, &Approach::default()).map(drop);
    let mut sent = 0;
    for _ in 0..30 {
        assert_eq!(stranger(), Ok(()), "it always looks alike");
        sent += house.arrived(MessageKind::LoginCode).len();
        house.clock.advance(60);
    }
    assert_eq!(sent, 3, "half of what the owner may have, rounded up");
    for _ in 0..house.cabinet.policy().issued.per_hour - 1 {
        assert_eq!(stranger(), Ok(()));
        assert!(by_password(&house).is_ok(), "at once, and as often as before");
        house.clock.advance(60);
    }
    let hour = (house.clock_now().0 / 3600 + 1) * 3600;
    house.clock.set(UnixTime(hour));
    assert_eq!((stranger(), house.arrived(MessageKind::LoginCode).len()), (Ok(()), 1));
    assert!(by_password(&house).is_ok(), "a stranger's code leaves no pause");
}

#[test]
fn what_nobody_stands_behind_keeps_its_pause_whenever_it_was_sent_and_keeps_the_owner_waiting_for_none() {
    let house = town();
    let stranger = || {
        house.cabinet.begin_login_by_phone(PHONE, &Approach::default()).unwrap();
        house.arrived(MessageKind::LoginCode).len()
    };
    // At the end of a minute, and at the beginning of the next.
    house.clock.advance(59);
    assert_eq!(stranger(), 1);
    house.clock.advance(1);
    assert_eq!(stranger(), 0);
    let stolen = by_password(&house).unwrap();
    house.clock.advance(59);
    assert_eq!(stranger(), 0, "nor right after the owner's own");
    house.clock.advance(1);
    assert_eq!(stranger(), 1);

    house.clock.advance(house.cabinet.policy().session.fresh.next_multiple_of(60) + 59);
    let again = house.cabinet.begin_again(&stolen, None).unwrap();
    house.clock.advance(1);
    assert_eq!(pay(&house, &stolen), Err(Error::ResendTooSoon { seconds: 59 }));
    assert!(by_password(&house).is_ok());
    house.clock.advance(59);
    assert_eq!(house.cabinet.send_again(&again), Err(Error::ResendTooSoon { seconds: 1 }));
    house.clock.advance(1);
    assert_eq!(house.cabinet.send_again(&again), Ok(()));
}

#[test]
fn two_who_ask_for_a_phone_at_once_are_answered_alike_and_one_code_is_sent() {
    for _ in 0..20 {
        let house = town();
        let asked = thread::scope(|scope| {
            let ask = || house.cabinet.begin_login_by_phone(PHONE, &Approach::default()).map(drop);
            [(), (), ()].map(|()| scope.spawn(ask)).map(|thread| thread.join().unwrap())
        });
        assert_eq!(asked, [Ok(()), Ok(()), Ok(())]);
        assert_eq!(house.arrived(MessageKind::LoginCode).len(), 1);
    }
}

#[test]
fn an_old_session_keeps_its_owner_waiting_for_nothing() {
    let house = town();
    let stolen = by_password(&house).unwrap();
    house.clock.advance(house.cabinet.policy().session.fresh.max(60));
    let mut sent = 0;
    for turn in 0..20 {
        let asked = match turn % 2 {
            0 => house.cabinet.begin_again(&stolen, None).map(drop),
            _ => pay(&house, &stolen).map(drop),
        };
        sent += u32::from(asked.is_ok());
        assert!(matches!(asked, Ok(()) | Err(Error::TooManyMessages)), "{asked:?}");
        house.clock.advance(60);
    }
    assert_eq!(sent, 3);
    let asked = house.cabinet.begin_login_by_phone(PHONE, &Approach::default());
    assert!(asked.is_ok() && house.arrived(MessageKind::LoginCode).len() == 1, "nor strangers");
    let owner = by_password(&house).unwrap();
    house.clock.advance(60);
    assert_eq!(pay(&house, &owner), Ok(Evidence::Sms), "and a session that is fresh is its owner's");
    let soon = house.cabinet.begin_again(&owner, None);
    assert_eq!(soon.err(), Some(Error::ResendTooSoon { seconds: 60 }));
}

/// A citizen with an app, and the token of a device that has a PIN.
fn at_home(house: &House) -> (Phone, Session, zamok_cabinet::DeviceToken) {
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let token = house.cabinet.trust_device(&session, "phone").unwrap();
    house.clock.advance(30);
    (phone, session, token)
}

#[test]
fn a_pin_is_offered_beside_no_password_whichever_way_it_is_asked_for() {
    let house = House::new();
    let (phone, session, token) = at_home(&house);
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_pin(&session, &enrolment, &Pin::new("190357")).unwrap();
    house.cabinet.confirm_factor(&enrolment, "190357").unwrap();
    let approach = Approach { device: Some(token.clone()), ..Approach::default() };
    let pin = house.cabinet.factors(&session).unwrap()[1].id;
    let offered = |challenge: &zamok_cabinet::Challenge| -> Vec<Evidence> {
        house.cabinet.methods(challenge).unwrap().iter().map(|method| method.evidence).collect()
    };
    let Begun::Code(challenge) = house.cabinet.begin_login_from("ivan", &password(), &approach).unwrap()
    else {
        panic!("the account has a factor")
    };
    assert_eq!(offered(&challenge), [Evidence::Generator]);
    assert_eq!(house.cabinet.switch_method(&challenge, pin).err(), Some(Error::MethodUnavailable));
    let code = phone.code(house.clock_now());
    assert!(house.cabinet.answer(&challenge, &code, request()).is_ok(), "the challenge goes on");
    // Where the device began, the PIN is all that is asked for.
    let challenge = house.cabinet.begin_login_by_device(&token, &Approach::default()).unwrap();
    assert_eq!((challenge.by, offered(&challenge)), (Evidence::Pin, vec![Evidence::Pin]));
    let session = house.cabinet.answer(&challenge, "190357", request()).unwrap();
    // In a session on its device the owner shows himself again by it (decision 71).
    assert_eq!(
        house.cabinet.begin_again(&session, Some(Evidence::Pin)).map(|again| again.by),
        Ok(Evidence::Pin)
    );
    // Nor is it made fresh by less: by what comes to the phone on which it was opened.
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_channel(&enrolment, PHONE).unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    house.cabinet.confirm_factor(&enrolment, &code).unwrap();
    house.clock.advance(60);
    let by_sms = house.cabinet.begin_again(&session, Some(Evidence::Sms));
    assert_eq!(by_sms.err(), Some(Error::MethodTooWeak));
}

#[test]
fn an_old_session_gives_nothing_that_outlasts_it() {
    let house = House::new();
    let (phone, session, _) = at_home(&house);
    let place = |name: &str| {
        let mut point = [7; 65];
        point[0] = 4;
        Subscription::new(&format!("https://push.example/{name}"), &point, &[1; 16]).unwrap()
    };
    house.clock.advance(house.cabinet.policy().session.fresh);
    let stale = Err(Error::FreshAuthenticationNeeded);
    assert_eq!(house.cabinet.subscribe(&session, &place("own")), Ok(()), "the first takes nothing away");
    assert_eq!(house.cabinet.subscribe(&session, &place("own")), Ok(()), "nor does the same again");
    assert_eq!(house.cabinet.subscribe(&session, &place("thief")), stale);
    let child = Password::new("a train that never stops");
    let profile = |login: &str| house.cabinet.open_profile(&session, login, &child).map(drop);
    assert_eq!(profile("masha"), Err(Error::FreshAuthenticationNeeded));
    let again = house.cabinet.begin_again(&session, None).unwrap();
    house.cabinet.answer_again(&session, &again, &phone.code(house.clock_now()), request()).unwrap();
    assert_eq!(house.cabinet.subscribe(&session, &place("next")), Ok(()));
    assert_eq!(profile("masha"), Ok(()));
    // One that he has ended first is no way around that.
    house.clock.advance(house.cabinet.policy().session.fresh);
    house.cabinet.unsubscribe(&session).unwrap();
    assert_eq!(house.cabinet.subscribe(&session, &place("thief")), stale);
    let again = house.cabinet.begin_again(&session, None).unwrap();
    house.cabinet.answer_again(&session, &again, &phone.code(house.clock_now()), request()).unwrap();
    assert_eq!(house.cabinet.subscribe(&session, &place("next")), Ok(()));
}

#[test]
fn one_account_opens_no_profiles_without_end() {
    let mut house = House::new();
    let mut policy = house.cabinet.policy().clone();
    policy.session.fresh = 1_000_000;
    (policy.session.idle, policy.session.longest) = (1_000_000, 1_000_000);
    house.cabinet = house.cabinet.with_policy(policy);
    house.clock.set(UnixTime((NOON.0 / 86_400 + 1) * 86_400));
    let (_, session, _) = at_home(&house);
    let child = Password::new("a train that never stops");
    let mut number = 0;
    let mut open = || {
        number += 1;
        house.cabinet.open_profile(&session, &format!("child{number}"), &child).map(|(_, power)| power.id)
    };
    let limit = zamok_cabinet::Cabinet::PROFILES;
    let too_many = Err(Error::TooMany { what: "profiles", limit });
    let opened: Vec<_> = (0..limit).map(|_| open().unwrap()).collect();
    assert_eq!(open(), too_many);
    house.cabinet.end_power(&session, opened[0]).unwrap();
    assert_eq!(open(), too_many, "letting one go opens no further one the same day");
    house.clock.advance(86_400);
    assert!(open().is_ok());
    assert_eq!(open(), too_many, "nor is there room for more");
}

#[test]
fn an_account_that_has_lost_its_last_factor_gives_another_to_nobody_for_its_password_alone() {
    let house = House::new();
    house.citizen("ivan");
    let own = house.cabinet.factors_of("ivan").unwrap()[0].id;
    assert_eq!(house.cabinet.let_enrol("ivan", "asked").err(), Some(Error::FactorExists));
    house.cabinet.remove_factor("ivan", own, "lost").unwrap();
    let begin = || house.cabinet.begin_login("ivan", &password());
    assert_eq!(begin(), Err(Error::MethodUnavailable));
    // The desk has its owner before it: for a short while it is as at first.
    let until = house.cabinet.let_enrol("ivan", "showed his passport").unwrap();
    assert_eq!(until, house.clock_now().plus(house.cabinet.policy().challenge.enrolment));
    assert!(matches!(begin(), Ok(Begun::Enrol(_))));
    house.clock.set(until);
    assert_eq!(begin(), Err(Error::MethodUnavailable));
    house.cabinet.let_enrol("ivan", "once more").unwrap();
    let Ok(Begun::Enrol(enrolment)) = begin() else { panic!("the desk has said so") };
    let phone = Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    house.cabinet.confirm_generator(&enrolment, &phone.code(house.clock_now())).unwrap();
    house.clock.advance(30);
    assert!(house.login("ivan", &phone).is_ok());
    // What the desk has said counts for one factor.
    let own = house.cabinet.factors_of("ivan").unwrap()[0].id;
    house.cabinet.remove_factor("ivan", own, "lost again").unwrap();
    assert_eq!(begin(), Err(Error::MethodUnavailable));
}

#[test]
fn what_a_recovery_code_opens_is_for_whoever_has_shown_it() {
    let house = House::new();
    let (_, session, _) = at_home(&house);
    let codes = house.cabinet.new_recovery_codes(&session).unwrap();
    let enrolment = house.cabinet.recover("ivan", &password(), codes[0].as_str()).unwrap();
    assert_eq!(house.cabinet.begin_login("ivan", &password()), Err(Error::MethodUnavailable));
    let phone = Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    house.cabinet.confirm_generator(&enrolment, &phone.code(house.clock_now())).unwrap();
    house.clock.advance(30);
    assert!(house.login("ivan", &phone).is_ok());
}

#[test]
fn a_phone_alone_enters_no_account_that_was_put_aside() {
    use zamok_cabinet::AccountStep;
    let house = town();
    let begin = || {
        house.cabinet.begin_login_by_phone(PHONE, &Approach::default()).unwrap();
        house.arrived(MessageKind::LoginCode).len()
    };
    house.cabinet.suspend_account("ivan", AccountStep::Suspend, "a stolen card").unwrap();
    assert_eq!(begin(), 0);
    house.cabinet.suspend_account("ivan", AccountStep::Resume, "it was found").unwrap();
    assert_eq!(begin(), 1);
}

#[test]
fn a_phone_alone_enters_no_account_from_outside_of_its_limits() {
    use zamok_cabinet::{Limits, Network, Role};
    let house = town();
    let networks = vec![Network { address: "10.0.0.0".parse().unwrap(), bits: 8 }];
    house.cabinet.set_roles("ivan", Role::Citizen.into(), &Limits { hours: None, networks }).unwrap();
    let from = |address: &str| {
        let approach = Approach { address: address.parse().ok(), ..Approach::default() };
        house.cabinet.begin_login_by_phone(PHONE, &approach).unwrap();
        house.arrived(MessageKind::LoginCode).len()
    };
    assert_eq!((from("192.0.2.1"), from("not known"), from("10.9.8.7")), (0, 0, 1));
}
