//! The owner's own change of a channel and of contacts (R9): logged in with the current one, confirmed on the new one, on both
//! where policy wants it, told to the old one, and taken back by it.
#![allow(missing_docs)]

mod harness;

use harness::{House, Phone, password, request};
use zamok_cabinet::{
    Approach, Begun, Cabinet, Change, Error, Evidence, FactorState, MessageKind, Policy, Session, SweepPlace,
};
use zamok_core::event::EventKind;
use zamok_core::{Error as CoreError, UnixTime};

const REJECTED: Error = Error::Core(CoreError::Rejected);
const OLD: &str = "+79160000001";
const NEW: &str = "+79160000002";

fn by_sms(house: &House) -> Session {
    let challenge = house.challenge("ivan");
    assert_eq!(challenge.by, Evidence::Sms);
    let code = house.arrived(MessageKind::LoginCode).remove(0);
    let session = house.cabinet.answer(&challenge, &code, request()).unwrap();
    house.clock.advance(60);
    session
}

/// A citizen with an old phone, logged in.
fn at_home() -> (House, Session) {
    let house = House::new();
    house.texter("ivan", OLD);
    let session = by_sms(&house);
    (house, session)
}

fn agreed(house: &House, session: &Session, change: &Change) {
    let code = house.arrived(MessageKind::AgreementCode).remove(0);
    house.cabinet.agree(session, &change.agreement.unwrap(), &code, request()).unwrap();
}

fn offered(house: &House, change: &Change, phone: &str) -> String {
    house.cabinet.offer_channel(&change.enrolment, phone).unwrap();
    house.arrived(MessageKind::EnrolmentCode).remove(0)
}

#[test]
fn a_channel_changed_without_the_old_one_where_policy_wants_both() {
    let (house, session) = at_home();
    let old = house.cabinet.factors(&session).unwrap()[0].id;
    let change = house.cabinet.begin_change(&session, old).unwrap();
    let (code, agreement) = (house.arrived(MessageKind::AgreementCode).remove(0), change.agreement.unwrap());
    assert_eq!(agreement.by, Evidence::Sms);
    let new = offered(&house, &change, NEW);
    assert_eq!(house.cabinet.confirm_factor(&change.enrolment, &new), Err(Error::OldChannelNeeded));
    assert_eq!(house.cabinet.agree(&session, &agreement, &new, request()), Err(REJECTED), "the other's code");
    assert_eq!(house.cabinet.confirm_factor(&change.enrolment, &new), Err(Error::OldChannelNeeded));
    let name = request();
    house.cabinet.agree(&session, &agreement, &code, name).unwrap();
    house.cabinet.agree(&session, &agreement, "", name).unwrap();
    assert_eq!(house.cabinet.confirm_factor(&change.enrolment, &code), Err(REJECTED), "the old one's code");
    house.cabinet.confirm_factor(&change.enrolment, &new).unwrap();
    let factors = house.cabinet.factors(&session).unwrap();
    assert_eq!(
        factors.iter().map(|factor| factor.state).collect::<Vec<_>>(),
        [FactorState::Active, FactorState::SetAside]
    );
    assert_eq!(factors[0].hint.as_deref(), Some("+7···0002"));
    let until = house.clock_now().plus(house.cabinet.policy().contact.reversible);
    assert_eq!(factors[1].until, Some(until));
}

#[test]
fn an_agreement_in_another_session_than_the_one_that_asks_for_it() {
    let (house, other) = at_home();
    let session = by_sms(&house);
    let old = house.cabinet.factors(&session).unwrap()[0].id;
    let change = house.cabinet.begin_change(&session, old).unwrap();
    let (code, agreement) = (house.arrived(MessageKind::AgreementCode).remove(0), change.agreement.unwrap());
    assert_eq!(house.cabinet.agree(&other, &agreement, &code, request()), Err(REJECTED));
    let new = offered(&house, &change, NEW);
    assert_eq!(house.cabinet.confirm_factor(&change.enrolment, &new), Err(Error::OldChannelNeeded));
    house.cabinet.agree(&session, &agreement, &code, request()).unwrap();
    house.cabinet.confirm_factor(&change.enrolment, &new).unwrap();
}

#[test]
fn the_new_channel_alone_confirms_where_policy_says_so() {
    let (mut house, session) = at_home();
    let mut policy = house.cabinet.policy().clone();
    policy.contact.old_channel_confirms = Policy::seeds().contact.old_channel_confirms;
    house.cabinet = house.cabinet.with_policy(policy);
    let old = house.cabinet.factors(&session).unwrap()[0].id;
    let change = house.cabinet.begin_change(&session, old).unwrap();
    assert_eq!(change.agreement, None);
    let code = offered(&house, &change, NEW);
    house.cabinet.confirm_factor(&change.enrolment, &code).unwrap();
    house.clock.advance(60);
    by_sms(&house);
}

#[test]
fn a_changed_channel_is_asked_from_then_on_and_the_old_one_is_told() {
    let (house, session) = at_home();
    let other = by_sms(&house);
    let old = house.cabinet.factors(&session).unwrap()[0].id;
    let change = house.cabinet.begin_change(&session, old).unwrap();
    agreed(&house, &session, &change);
    let phone = Phone::scan(house.cabinet.offer_generator(&change.enrolment).unwrap().uri.as_str());
    let test = phone.code(house.clock_now());
    house.cabinet.confirm_factor(&change.enrolment, &test).unwrap();
    // Every contact is told, the old phone as well; every other session has ended.
    let told = house.cabinet.outbox(100).unwrap();
    let told = told.iter().find(|message| message.kind == MessageKind::ChannelReplaced).unwrap();
    assert_eq!(told.recipient.contact, None);
    assert_eq!((told.field("factor"), told.field("by")), (Some("SMS"), Some("generator")));
    let added = house.cabinet.outbox(100).unwrap();
    let added = added.iter().filter(|message| message.kind == MessageKind::FactorAdded);
    assert_eq!(added.filter_map(|message| message.field("factor")).collect::<Vec<_>>(), ["generator"]);
    assert_eq!(house.cabinet.session(other.id), Err(Error::SessionEnded));
    assert!(house.cabinet.session(session.id).is_ok());
    let challenge = house.challenge("ivan");
    assert_eq!(challenge.by, Evidence::Generator);
    assert_eq!(house.cabinet.answer(&challenge, &test, request()), Err(REJECTED), "the test is spent (R12)");
    let kinds: Vec<_> =
        house.cabinet.methods(&challenge).unwrap().iter().map(|method| method.evidence).collect();
    assert_eq!(kinds, [Evidence::Generator], "the old one opens nothing any more");
    house.clock.advance(30);
    assert!(house.login("ivan", &phone).is_ok());
    assert_eq!(house.events(EventKind::FactorReplaced).len(), 1);
}

#[test]
fn the_old_channel_takes_a_change_back_and_whoever_made_it_is_out() {
    let (house, thief) = at_home();
    let old = house.cabinet.factors(&thief).unwrap()[0].id;
    let change = house.cabinet.begin_change(&thief, old).unwrap();
    agreed(&house, &thief, &change);
    let code = offered(&house, &change, NEW);
    house.cabinet.confirm_factor(&change.enrolment, &code).unwrap();
    house.clock.advance(3600);
    let wrong = zamok_cabinet::Password::new("wrong horse battery");
    let approach = Approach::default();
    assert_eq!(house.cabinet.begin_undo("ivan", &wrong, &approach).err(), Some(REJECTED));
    let undo = house.cabinet.begin_undo("ivan", &password(), &approach).unwrap();
    let code = house.arrived(MessageKind::UndoCode).remove(0);
    assert_eq!(house.cabinet.answer(&undo, &code, request()), Err(REJECTED), "it opens no session by itself");
    let session = house.cabinet.undo_change(&undo, &code, request()).unwrap();
    assert_eq!(session.evidence, [Evidence::Password, Evidence::Sms]);
    assert_eq!(house.cabinet.session(thief.id), Err(Error::SessionEnded));
    let factors = house.cabinet.factors(&session).unwrap();
    assert_eq!((factors.len(), factors[0].id, factors[0].state), (1, old, FactorState::Active));
    assert!(house.cabinet.account_by_contact(NEW).is_err() && house.cabinet.account_by_contact(OLD).is_ok());
    house.clock.advance(60);
    by_sms(&house);
    assert_eq!(house.cabinet.undo_change(&undo, &code, request()), Err(REJECTED), "once");
    assert_eq!(house.events(EventKind::FactorRestored).len(), 1);
    let nothing = house.cabinet.begin_undo("ivan", &password(), &approach);
    assert_eq!(nothing.err(), Some(Error::MethodUnavailable));
}

#[test]
fn a_channel_changed_twice_or_dropped_behind_the_back_of_the_old_one() {
    const THIRD: &str = "+79160000003";
    let (house, thief) = at_home();
    let old = house.cabinet.factors(&thief).unwrap()[0].id;
    let change = house.cabinet.begin_change(&thief, old).unwrap();
    agreed(&house, &thief, &change);
    let code = offered(&house, &change, NEW);
    house.cabinet.confirm_factor(&change.enrolment, &code).unwrap();
    // The witness is not dropped while it can speak.
    assert_eq!(house.cabinet.drop_factor(&thief, old), Err(Error::NotAllowed));
    house.clock.advance(60);
    let second = house.cabinet.factors(&thief).unwrap()[0].id;
    let change = house.cabinet.begin_change(&thief, second).unwrap();
    agreed(&house, &thief, &change);
    let code = offered(&house, &change, THIRD);
    house.cabinet.confirm_factor(&change.enrolment, &code).unwrap();
    house.clock.advance(60);
    // A phone of the thief's that came besides is a change as well.
    let approach = Approach::default();
    let undo = house.cabinet.begin_undo("ivan", &password(), &approach).unwrap();
    let code = house.arrived(MessageKind::UndoCode).remove(0);
    let session = house.cabinet.undo_change(&undo, &code, request()).unwrap();
    let factors = house.cabinet.factors(&session).unwrap();
    assert_eq!((factors.len(), factors[0].id, factors[0].state), (1, old, FactorState::Active));
    assert!(
        house.cabinet.account_by_contact(NEW).is_err() && house.cabinet.account_by_contact(THIRD).is_err()
    );
    assert!(house.cabinet.account_by_contact(OLD).is_ok());
}

#[test]
fn another_channel_added_and_the_old_one_dropped_is_taken_back_as_well() {
    let (house, thief) = at_home();
    let old = house.cabinet.factors(&thief).unwrap()[0].id;
    let enrolment = house.cabinet.begin_factor(&thief).unwrap();
    let app = Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    house.cabinet.confirm_factor(&enrolment, &app.code(house.clock_now())).unwrap();
    house.clock.advance(60);
    house.cabinet.drop_factor(&thief, old).unwrap();
    let kinds: Vec<_> = house
        .cabinet
        .factors(&thief)
        .unwrap()
        .into_iter()
        .map(|factor| (factor.id == old, factor.state))
        .collect();
    assert_eq!(kinds, [(true, FactorState::SetAside), (false, FactorState::Active)]);
    assert_eq!(house.challenge("ivan").by, Evidence::Generator, "it opens nothing any more");
    let undo = house.cabinet.begin_undo("ivan", &password(), &Approach::default()).unwrap();
    let code = house.arrived(MessageKind::UndoCode).remove(0);
    let session = house.cabinet.undo_change(&undo, &code, request()).unwrap();
    let factors = house.cabinet.factors(&session).unwrap();
    // What the drop needed before it is gone with it.
    assert_eq!(factors.len(), 1);
    assert_eq!((factors[0].id, factors[0].state), (old, FactorState::Active));
}

#[test]
fn a_change_stands_when_its_time_is_over_and_the_old_phone_is_free() {
    let (house, session) = at_home();
    let old = house.cabinet.factors(&session).unwrap()[0].id;
    let change = house.cabinet.begin_change(&session, old).unwrap();
    agreed(&house, &session, &change);
    let code = offered(&house, &change, NEW);
    house.cabinet.confirm_factor(&change.enrolment, &code).unwrap();
    house.clock.advance(house.cabinet.policy().contact.reversible);
    let late = house.cabinet.begin_undo("ivan", &password(), &Approach::default());
    assert_eq!(late.err(), Some(Error::MethodUnavailable));
    assert!(house.cabinet.account_by_contact(OLD).is_err(), "it leads nowhere");
    let mut next = Some(SweepPlace::default());
    while let Some(place) = next {
        next = house.cabinet.sweep(&place).unwrap().next;
    }
    assert_eq!(house.cabinet.factors_of("ivan").unwrap().len(), 1);
    house.texter("olga", OLD);
    assert_eq!(house.cabinet.account_by_contact(OLD).unwrap().login, "olga");
    assert_eq!(house.cabinet.audit_indexes(100).unwrap(), []);
}

#[test]
fn a_change_is_taken_back_before_its_time_is_over_and_asked_about_so_many_times_an_hour() {
    let (mut house, session) = at_home();
    let old = house.cabinet.factors(&session).unwrap()[0].id;
    let change = house.cabinet.begin_change(&session, old).unwrap();
    agreed(&house, &session, &change);
    let code = offered(&house, &change, NEW);
    house.cabinet.confirm_factor(&change.enrolment, &code).unwrap();
    let mut policy = house.cabinet.policy().clone();
    policy.challenge.per_hour = 2;
    let reversible = policy.contact.reversible;
    house.cabinet = house.cabinet.with_policy(policy);
    let begin = |house: &House| house.cabinet.begin_undo("ivan", &password(), &Approach::default());
    // From the beginning of an hour on.
    house.clock.set(UnixTime((house.clock_now().0 / 3600 + 1) * 3600));
    for _ in 0..2 {
        assert!(begin(&house).is_ok());
        house.clock.advance(60);
    }
    assert_eq!(begin(&house).err(), Some(REJECTED));
    let until = house.cabinet.factors_of("ivan").unwrap()[1].until.unwrap();
    assert!(reversible > 7200);
    house.clock.set(UnixTime(until.0 - 1));
    house.arrived(MessageKind::UndoCode);
    let undo = begin(&house).unwrap();
    let code = house.arrived(MessageKind::UndoCode).remove(0);
    house.clock.advance(1);
    assert_eq!(house.cabinet.undo_change(&undo, &code, request()), Err(REJECTED), "answered too late");
}

#[test]
fn contacts_that_are_no_factor_are_added_changed_and_dropped() {
    let (house, session) = at_home();
    let address = |session: &Session| {
        let contacts = house.cabinet.account(session).unwrap().contacts;
        contacts.into_iter().find(|contact| contact.until.is_none() && contact.address.contains('@'))
    };
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_contact(&enrolment, "ivan@example.org").unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    house.cabinet.confirm_factor(&enrolment, &code).unwrap();
    let first = address(&session).unwrap();
    assert_eq!(house.cabinet.factors(&session).unwrap().len(), 1, "strict takes no e-mail at a login");
    house.clock.advance(60);
    let change = house.cabinet.begin_contact_change(&session, first.id).unwrap();
    let agreement = house.arrived(MessageKind::AgreementCode).remove(0);
    house.cabinet.offer_contact(&change.enrolment, "petrov@example.org").unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    assert_eq!(house.cabinet.confirm_factor(&change.enrolment, &code), Err(Error::OldChannelNeeded));
    house.cabinet.agree(&session, &change.agreement.unwrap(), &agreement, request()).unwrap();
    house.cabinet.confirm_factor(&change.enrolment, &code).unwrap();
    let told = house.cabinet.outbox(100).unwrap();
    let told = told.iter().find(|message| message.kind == MessageKind::ContactRemoved).unwrap();
    assert_eq!(told.recipient.contact, None, "every contact is told, the old one as well");
    let second = address(&session).unwrap();
    assert_eq!(second.address, "petrov@example.org");
    house.cabinet.drop_contact(&session, second.id).unwrap();
    assert_eq!(address(&session), None);
    let phone = house.cabinet.account(&session).unwrap().contacts[0].id;
    assert_eq!(house.cabinet.drop_contact(&session, phone), Err(Error::NotAllowed), "it is a factor");
    house.clock.advance(house.cabinet.policy().session.fresh);
    assert_eq!(house.cabinet.begin_factor(&session), Err(Error::FreshAuthenticationNeeded));
}

#[test]
fn a_contact_is_replaced_by_a_contact_and_a_factor_by_a_factor() {
    let (house, session) = at_home();
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_contact(&enrolment, "thief@example.org").unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    house.cabinet.confirm_factor(&enrolment, &code).unwrap();
    house.clock.advance(60);
    // His own address agrees to be replaced: by nothing that lets him in, and of which the owner would not hear.
    let own = house.cabinet.account(&session).unwrap().contacts[1].id;
    let change = house.cabinet.begin_contact_change(&session, own).unwrap();
    agreed(&house, &session, &change);
    let enrolment = &change.enrolment;
    assert_eq!(house.cabinet.offer_generator(enrolment).map(|_| ()), Err(Error::NotAllowed));
    assert_eq!(house.cabinet.offer_channel(enrolment, NEW), Err(Error::NotAllowed));
    // Nor by a generator that another enrolment has offered.
    let other = house.cabinet.begin_factor(&session).unwrap();
    let app = Phone::scan(house.cabinet.offer_generator(&other).unwrap().uri.as_str());
    let code = app.code(house.clock_now());
    assert_eq!(house.cabinet.confirm_factor(enrolment, &code), Err(Error::NotAllowed));
    let phone = house.cabinet.factors(&session).unwrap()[0].id;
    let change = house.cabinet.begin_change(&session, phone).unwrap();
    let offered = house.cabinet.offer_contact(&change.enrolment, "other@example.org");
    assert_eq!(offered, Err(Error::NotAllowed));
    assert_eq!(house.cabinet.factors(&session).unwrap().len(), 2);
}

#[test]
fn a_change_takes_no_more_wrong_codes_than_a_sent_code_has_tries() {
    let (house, session) = at_home();
    let old = house.cabinet.factors(&session).unwrap()[0].id;
    let change = house.cabinet.begin_change(&session, old).unwrap();
    agreed(&house, &session, &change);
    let code = offered(&house, &change, NEW);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..house.cabinet.policy().issued.tries {
        assert_eq!(house.cabinet.confirm_factor(&change.enrolment, wrong), Err(REJECTED));
    }
    assert_eq!(house.cabinet.confirm_factor(&change.enrolment, &code), Err(REJECTED), "it is over");
}

#[test]
fn a_change_ends_with_the_session_it_was_begun_in() {
    let (house, session) = at_home();
    let cabinet: &Cabinet = &house.cabinet;
    let old = cabinet.factors(&session).unwrap()[0].id;
    let change = cabinet.begin_change(&session, old).unwrap();
    agreed(&house, &session, &change);
    let code = offered(&house, &change, NEW);
    cabinet.end_session(session.id, "logout").unwrap();
    assert_eq!(cabinet.confirm_factor(&change.enrolment, &code), Err(Error::SessionEnded));
    house.clock.advance(60);
    assert!(
        matches!(cabinet.begin_login("ivan", &password()), Ok(Begun::Code(challenge)) if challenge.by == Evidence::Sms)
    );
}

/// A week later nothing has gone that its owner has.
fn still_lets_in(house: &House, contacts: usize) {
    house.clock.advance(house.cabinet.policy().contact.reversible + 3600);
    let mut next = Some(SweepPlace::default());
    while let Some(place) = next {
        next = house.cabinet.sweep(&place).unwrap().next;
    }
    let session = by_sms(house);
    let found = house.cabinet.account(&session).unwrap().contacts;
    assert_eq!(found.iter().filter(|contact| contact.until.is_none()).count(), contacts);
}

#[test]
fn a_phone_that_was_changed_to_itself_lets_its_owner_in_a_week_later() {
    let (house, session) = at_home();
    let old = house.cabinet.factors(&session).unwrap()[0].id;
    let change = house.cabinet.begin_change(&session, old).unwrap();
    agreed(&house, &session, &change);
    house.clock.advance(60);
    let code = offered(&house, &change, OLD);
    house.cabinet.confirm_factor(&change.enrolment, &code).unwrap();
    still_lets_in(&house, 1);
}

#[test]
fn a_phone_that_was_added_twice_and_dropped_once_lets_its_owner_in_a_week_later() {
    for dropped in [0, 1] {
        let (house, session) = at_home();
        let enrolment = house.cabinet.begin_factor(&session).unwrap();
        house.cabinet.offer_channel(&enrolment, OLD).unwrap();
        let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
        house.cabinet.confirm_factor(&enrolment, &code).unwrap();
        let id = house.cabinet.factors(&session).unwrap()[dropped].id;
        house.cabinet.drop_factor(&session, id).unwrap();
        still_lets_in(&house, 1);
    }
}

#[test]
fn an_address_that_was_changed_to_itself_stays() {
    let (house, session) = at_home();
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_contact(&enrolment, "ivan@example.org").unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    house.cabinet.confirm_factor(&enrolment, &code).unwrap();
    house.clock.advance(60);
    let own = house.cabinet.account(&session).unwrap().contacts[1].id;
    let change = house.cabinet.begin_contact_change(&session, own).unwrap();
    agreed(&house, &session, &change);
    house.clock.advance(60);
    house.cabinet.offer_contact(&change.enrolment, "ivan@example.org").unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    house.cabinet.confirm_factor(&change.enrolment, &code).unwrap();
    let removed = house.cabinet.outbox(100).unwrap();
    assert!(
        removed.iter().all(|message| message.kind != MessageKind::ContactRemoved),
        "nobody is told it went"
    );
    still_lets_in(&house, 2);
}

#[test]
fn an_old_session_drops_no_contact() {
    let (house, session) = at_home();
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_contact(&enrolment, "ivan@example.org").unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    house.cabinet.confirm_factor(&enrolment, &code).unwrap();
    let contact = house.cabinet.account(&session).unwrap().contacts[1].id;
    house.clock.advance(house.cabinet.policy().session.fresh);
    let dropped = house.cabinet.drop_contact(&session, contact);
    assert_eq!(dropped, Err(Error::FreshAuthenticationNeeded));
}

#[test]
fn the_desk_takes_no_phone_away_by_which_its_owner_enters() {
    let (house, session) = at_home();
    let phone = house.cabinet.account(&session).unwrap().contacts[0].id;
    assert_eq!(house.cabinet.remove_contact("ivan", phone, "lost"), Err(Error::NotAllowed));
    assert_eq!(house.cabinet.account_by_contact(OLD).map(|account| account.id), Ok(session.account));
    by_sms(&house);
}
