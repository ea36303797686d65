//! Taking a change back (R9, decision 73): whatever a thief does besides, the channel that was there first is asked, all that he left
//! behind goes with his change, and a new password or a recovery code is no way around.
#![allow(missing_docs)]

mod harness;

use harness::{House, Phone, password, request};
use zamok_cabinet::{
    Approach, Begun, Challenge, Content, Error, Evidence, FactorId, FactorKind, FactorState, MessageKind,
    OperationId, Password, PowerKind, Rights, Session, Template, Terms, Value,
};
use zamok_core::{Error as CoreError, UnixTime};

const REJECTED: Error = Error::Core(CoreError::Rejected);
const OLD: &str = "+79160000001";
const NEW: &str = "+79160000002";
const DAY: u64 = 24 * 60 * 60;

/// Logs in with a code by SMS.
fn by_sms(house: &House) -> Session {
    by_sms_with(house, &password())
}

fn by_sms_with(house: &House, password: &Password) -> Session {
    let approach = Approach { by: Some(Evidence::Sms), ..Approach::default() };
    let begun = house.cabinet.begin_login_from("ivan", password, &approach).unwrap();
    let Begun::Code(challenge) = begun else { panic!("the account has a factor") };
    let code = house.arrived(MessageKind::LoginCode).remove(0);
    let session = house.cabinet.answer(&challenge, &code, request()).unwrap();
    house.clock.advance(60);
    session
}

/// The only factor of an account, its owner's phone, and a session of whoever has it for a moment.
fn at_home() -> (House, FactorId, Session) {
    let house = House::new();
    house.texter("ivan", OLD);
    let thief = by_sms(&house);
    let old = house.cabinet.factors(&thief).unwrap()[0].id;
    (house, old, thief)
}

fn add_phone(house: &House, session: &Session, phone: &str) -> FactorId {
    let enrolment = house.cabinet.begin_factor(session).unwrap();
    house.cabinet.offer_channel(&enrolment, phone).unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    house.cabinet.confirm_factor(&enrolment, &code).unwrap();
    house.clock.advance(60);
    house.cabinet.factors(session).unwrap().last().unwrap().id
}

fn add_app(house: &House, session: &Session) -> Phone {
    let enrolment = house.cabinet.begin_factor(session).unwrap();
    let app = Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    house.cabinet.confirm_factor(&enrolment, &app.code(house.clock_now())).unwrap();
    house.clock.advance(60);
    app
}

/// Replaces a phone by another, which both agree to.
fn change_phone(house: &House, session: &Session, old: FactorId, phone: &str) -> FactorId {
    let change = house.cabinet.begin_change(session, old).unwrap();
    let code = house.arrived(MessageKind::AgreementCode).remove(0);
    house.cabinet.agree(session, &change.agreement.unwrap(), &code, request()).unwrap();
    house.cabinet.offer_channel(&change.enrolment, phone).unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    house.cabinet.confirm_factor(&change.enrolment, &code).unwrap();
    house.clock.advance(60);
    let factors = house.cabinet.factors(session).unwrap();
    factors.iter().rfind(|factor| factor.state == FactorState::Active && factor.id != old).unwrap().id
}

fn begin(house: &House, password: &Password, factor: Option<FactorId>) -> Result<Challenge, Error> {
    house.cabinet.begin_undo("ivan", password, &Approach { factor, ..Approach::default() })
}

/// Takes back what the phone that is asked can take back.
fn take_back(house: &House, password: &Password, factor: Option<FactorId>) -> Session {
    let undo = begin(house, password, factor).unwrap();
    let code = house.arrived(MessageKind::UndoCode).remove(0);
    let session = house.cabinet.undo_change(&undo, &code, request()).unwrap();
    house.clock.advance(60);
    session
}

fn states(house: &House) -> Vec<(FactorId, FactorState)> {
    let factors = house.cabinet.factors_of("ivan").unwrap();
    factors.into_iter().map(|factor| (factor.id, factor.state)).collect()
}

/// What confirms a payment.
fn confirm(house: &House, session: &Session) -> Result<Evidence, Error> {
    let text = "Pay {sum}.".into();
    let template = Template { name: "payment".into(), version: 1, language: "en".into(), text };
    let content = Content::new(template, [("sum".into(), Value::Number(1))]).unwrap();
    let operation = house.cabinet.propose(session, OperationId(request().0), &content).unwrap();
    house.cabinet.begin_confirmation(session, operation.id, None).map(|challenge| challenge.by)
}

fn count(house: &House, kind: MessageKind) -> usize {
    let messages = house.cabinet.outbox(100).unwrap();
    messages.iter().filter(|message| message.kind == kind && message.recipient.contact.is_none()).count()
}

#[test]
fn a_thiefs_own_phone_that_was_dropped_first_is_not_the_one_that_is_asked() {
    let (house, old, thief) = at_home();
    let own = add_phone(&house, &thief, NEW);
    let _app = add_app(&house, &thief);
    house.cabinet.drop_factor(&thief, own).unwrap();
    house.cabinet.drop_factor(&thief, old).unwrap();
    // Nor is it where he asks for it: the line of what replaced the old one does not hold it.
    assert_eq!(begin(&house, &password(), Some(own)).err(), Some(Error::MethodUnavailable));
    take_back(&house, &password(), None);
    assert_eq!(states(&house), [(old, FactorState::Active)]);
    assert!(house.cabinet.account_by_contact(NEW).is_err() && house.cabinet.account_by_contact(OLD).is_ok());
}

#[test]
fn what_its_owner_has_not_at_hand_and_a_thief_drops_first_keeps_no_other_from_being_asked() {
    let house = House::new();
    let app = house.citizen("ivan");
    let owner = house.login("ivan", &app).unwrap();
    let phone = add_phone(&house, &owner, OLD);
    let generator = house.cabinet.factors(&owner).unwrap()[0].id;
    house.clock.advance(30 * DAY);
    let thief = by_sms(&house);
    house.cabinet.drop_factor(&thief, generator).unwrap();
    house.clock.advance(60);
    let own = add_phone(&house, &thief, NEW);
    let _his = add_app(&house, &thief);
    house.cabinet.drop_factor(&thief, own).unwrap();
    house.cabinet.drop_factor(&thief, phone).unwrap();
    assert_eq!(begin(&house, &password(), None).unwrap().by, Evidence::Generator);
    assert_eq!(begin(&house, &password(), Some(own)).err(), Some(Error::MethodUnavailable));
    let approach = Approach { by: Some(Evidence::Sms), ..Approach::default() };
    let undo = house.cabinet.begin_undo("ivan", &password(), &approach).unwrap();
    let code = house.arrived(MessageKind::UndoCode).remove(0);
    house.cabinet.undo_change(&undo, &code, request()).unwrap();
    assert_eq!(states(&house), [(generator, FactorState::SetAside), (phone, FactorState::Active)]);
    // And what it was is not lost: it takes back that it was dropped.
    let undo = begin(&house, &password(), None).unwrap();
    house.cabinet.undo_change(&undo, &app.code(house.clock_now()), request()).unwrap();
    assert_eq!(states(&house), [(generator, FactorState::Active), (phone, FactorState::Active)]);
}

#[test]
fn a_pin_that_was_changed_first_is_not_asked() {
    let (house, old, _) = at_home();
    let thief = by_sms(&house);
    let _ = house.cabinet.trust_device(&thief, "thief").unwrap();
    let thief = house.cabinet.session(thief.id).unwrap();
    let pin = |pin: &str| zamok_cabinet::Pin::new(pin);
    let enrolment = house.cabinet.begin_factor(&thief).unwrap();
    house.cabinet.offer_pin(&thief, &enrolment, &pin("190357")).unwrap();
    house.cabinet.confirm_factor(&enrolment, "190357").unwrap();
    let first = house.cabinet.factors(&thief).unwrap()[1].id;
    let change = house.cabinet.begin_change(&thief, first).unwrap();
    let _ = house.cabinet.agree(&thief, &change.agreement.unwrap(), "190357", request());
    house.cabinet.offer_pin(&thief, &change.enrolment, &pin("284916")).unwrap();
    house.cabinet.confirm_factor(&change.enrolment, "284916").unwrap();
    assert_eq!(begin(&house, &password(), None).err(), Some(Error::MethodUnavailable), "nothing else waits");
    house.clock.advance(60);
    change_phone(&house, &thief, old, NEW);
    assert_eq!(begin(&house, &password(), None).unwrap().by, Evidence::Sms);
}

#[test]
fn of_two_changes_the_owners_own_stands_where_he_asks_for_that() {
    let (house, first, owner) = at_home();
    let second = change_phone(&house, &owner, first, NEW);
    house.clock.advance(DAY);
    let thief = by_sms(&house);
    let third = change_phone(&house, &thief, second, "+79160000003");
    let session = take_back(&house, &password(), Some(second));
    assert_eq!(session.evidence, [Evidence::Password, Evidence::Sms]);
    assert_eq!(states(&house), [(second, FactorState::Active), (first, FactorState::SetAside)]);
    assert_ne!(second, third);
    // What was there first takes all of it back.
    take_back(&house, &password(), None);
    assert_eq!(states(&house), [(first, FactorState::Active)]);
}

#[test]
fn all_that_a_thief_left_behind_goes_with_his_change_and_nothing_older() {
    let (house, old, owner) = at_home();
    house.cabinet.register("eve", &password()).unwrap();
    let power = |session: &Session| {
        let rights = Rights::ALL;
        let (kind, scope, until) = (PowerKind::Attorney, vec!["*".into()], house.clock_now().plus(60 * DAY));
        house.cabinet.give_power(session, "eve", &Terms { kind, rights, scope, until }).unwrap()
    };
    let add_contact = |session: &Session, address: &str| {
        let enrolment = house.cabinet.begin_factor(session).unwrap();
        house.cabinet.offer_contact(&enrolment, address).unwrap();
        let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
        house.cabinet.confirm_factor(&enrolment, &code).unwrap();
        house.clock.advance(60);
    };
    let _ = house.cabinet.trust_device(&owner, "laptop").unwrap();
    add_contact(&owner, "ivan@example.org");
    let kept = power(&owner);
    house.clock.advance(8 * DAY);

    let thief = by_sms(&house);
    let codes = house.cabinet.new_recovery_codes(&thief).unwrap();
    let given = power(&thief);
    let token = house.cabinet.trust_device(&thief, "the thief's").unwrap();
    let thief = house.cabinet.session(thief.id).unwrap();
    add_contact(&thief, "thief@example.org");
    let contacts = house.cabinet.account(&thief).unwrap().contacts;
    let own = contacts.iter().find(|contact| contact.address == "ivan@example.org").unwrap().id;
    house.cabinet.drop_contact(&thief, own).unwrap();
    // A phone of his own comes in first, and is dropped last: it does not come back with the old one.
    let first = add_phone(&house, &thief, NEW);
    change_phone(&house, &thief, old, "+79160000003");
    house.cabinet.drop_factor(&thief, first).unwrap();

    let session = take_back(&house, &password(), None);
    assert_eq!(states(&house), [(old, FactorState::Active)]);
    let contacts = house.cabinet.account(&session).unwrap().contacts;
    let found: Vec<_> =
        contacts.iter().map(|contact| (contact.address.as_str(), contact.until.is_none())).collect();
    assert_eq!(found, [(OLD, true), ("ivan@example.org", true)]);
    let devices = house.cabinet.devices(&session).unwrap();
    assert_eq!(devices.iter().map(|device| device.label.as_str()).collect::<Vec<_>>(), ["laptop"]);
    let approach = Approach { device: Some(token), ..Approach::default() };
    assert!(house.cabinet.begin_login_from("ivan", &password(), &approach).is_ok(), "like a stranger");
    let powers = house.cabinet.powers(&session).unwrap();
    assert!(
        powers.iter().any(|power| power.id == kept.id) && powers.iter().all(|power| power.id != given.id)
    );
    house.clock.advance(3600);
    assert_eq!(house.cabinet.recover("ivan", &password(), codes[0].as_str()), Err(REJECTED));
}

#[test]
fn a_password_that_a_thief_has_changed_keeps_nobody_from_taking_his_change_back() {
    let (house, old, thief) = at_home();
    change_phone(&house, &thief, old, NEW);
    let (new, second) =
        (Password::new("seven quiet lamps on a hill"), Password::new("nine loud horns in a bay"));
    house.cabinet.change_password(&thief, &password(), &new).unwrap();
    assert_eq!(count(&house, MessageKind::PasswordChanged), 1, "every contact is told");
    // Twice is no way around.
    let thief = by_sms_with(&house, &new);
    house.cabinet.change_password(&thief, &new, &second).unwrap();
    assert_eq!(house.cabinet.begin_login("ivan", &password()).err(), Some(REJECTED), "it opens nothing else");
    // The one between may be the owner's, and asks the same phone; a third one is kept no more.
    let third = Password::new("twelve grey mills by a road");
    house.cabinet.change_password(&by_sms_with(&house, &second), &second, &third).unwrap();
    assert_eq!(begin(&house, &new, None).map(|asked| asked.by), Ok(Evidence::Sms));
    assert_eq!(begin(&house, &second, None).err(), Some(REJECTED));
    let second = third;
    house.clock.advance(60);
    house.arrived(MessageKind::UndoCode);
    let session = take_back(&house, &password(), None);
    assert_eq!(states(&house), [(old, FactorState::Active)]);
    assert_eq!(
        house.cabinet.begin_login("ivan", &second).err(),
        Some(REJECTED),
        "the thief's is none any more"
    );
    assert!(
        house.cabinet.password_due(&session).unwrap().unwrap() <= house.clock_now(),
        "and his own is due"
    );
    let own = Password::new("a new beginning of the river");
    house.cabinet.change_password(&session, &password(), &own).unwrap();
    let session = by_sms_with(&house, &own);
    assert_eq!(house.cabinet.password_due(&session), Ok(None));
}

#[test]
fn a_former_password_asks_for_a_week_and_never_after_a_reset() {
    let new = Password::new("seven quiet lamps on a hill");
    let (house, old, owner) = at_home();
    house.cabinet.change_password(&owner, &password(), &new).unwrap();
    house.clock.advance(6 * DAY);
    change_phone(&house, &by_sms_with(&house, &new), old, NEW);
    assert!(begin(&house, &password(), None).is_ok());
    // What was set aside within the week takes that back for a week, and that is how long the password asks it.
    house.clock.advance(7 * DAY - 61);
    assert!(begin(&house, &password(), None).is_ok());
    house.clock.advance(1);
    assert_eq!(begin(&house, &password(), None).err(), Some(REJECTED));
    assert_eq!(begin(&house, &new, None).err(), Some(Error::MethodUnavailable));

    let (house, old, thief) = at_home();
    change_phone(&house, &thief, old, NEW);
    house.cabinet.reset_password("ivan", &new, "somebody knew it").unwrap();
    assert_eq!(count(&house, MessageKind::PasswordChanged), 1);
    assert_eq!(begin(&house, &password(), None).err(), Some(REJECTED));
    take_back(&house, &new, None);
    assert_eq!(states(&house), [(old, FactorState::Active)]);
}

#[test]
fn a_former_password_forgives_no_guesses_at_the_present_one() {
    let new = Password::new("seven quiet lamps on a hill");
    let (house, old, owner) = at_home();
    house.cabinet.change_password(&owner, &password(), &new).unwrap();
    change_phone(&house, &by_sms_with(&house, &new), old, NEW);
    let free = house.cabinet.policy().password.throttle.free;
    for _ in 1..free {
        let guess = Password::new("seven quiet lamps on a bill");
        assert_eq!(house.cabinet.begin_login("ivan", &guess), Err(REJECTED));
    }
    // Whoever knows the former one alone begins to guess anew by no means.
    assert!(begin(&house, &password(), None).is_ok());
    let guess = Password::new("seven quiet lamps on a gill");
    assert_eq!(house.cabinet.begin_login("ivan", &guess), Err(REJECTED));
    assert_eq!(house.cabinet.begin_login("ivan", &new), Err(REJECTED), "it is delayed");
}

/// A thief has the password and a code for a moment: his own app comes in, and the password is his. He touches nothing of the owner's.
fn robbed() -> (House, FactorId, Phone, Password) {
    let (house, old, thief) = at_home();
    let app = add_app(&house, &thief);
    let new = Password::new("seven quiet lamps on a hill");
    house.cabinet.change_password(&thief, &password(), &new).unwrap();
    house.clock.advance(60);
    (house, old, app, new)
}

fn by_app_with(house: &House, app: &Phone, password: &Password) -> Session {
    let approach = Approach { by: Some(Evidence::Generator), ..Approach::default() };
    let Begun::Code(challenge) = house.cabinet.begin_login_from("ivan", password, &approach).unwrap() else {
        panic!("the account has a factor")
    };
    let session = house.cabinet.answer(&challenge, &app.code(house.clock_now()), request()).unwrap();
    house.clock.advance(60);
    session
}

#[test]
fn a_password_that_was_changed_is_taken_back_by_a_phone_that_nobody_touched() {
    let (house, old, _, new) = robbed();
    house.clock.advance(6 * DAY);
    assert_eq!(
        begin(&house, &new, None).err(),
        Some(Error::MethodUnavailable),
        "the present one asks nothing"
    );
    let session = take_back(&house, &password(), None);
    assert_eq!(states(&house), [(old, FactorState::Active)], "what came in a moment before goes with it");
    assert!(house.cabinet.password_due(&session).unwrap().unwrap() <= house.clock_now());
    assert_eq!(house.cabinet.begin_login("ivan", &new).err(), Some(REJECTED));
    assert_eq!(begin(&house, &password(), None).err(), Some(Error::MethodUnavailable), "once is enough");

    let (house, ..) = robbed();
    house.clock.advance(7 * DAY);
    assert_eq!(begin(&house, &password(), None).err(), Some(REJECTED), "a week, and no longer");
}

#[test]
fn a_thief_who_waits_with_the_phone_has_a_week_from_then_against_him() {
    let (house, old, app, new) = robbed();
    house.clock.advance(7 * DAY - 300);
    house.cabinet.drop_factor(&by_app_with(&house, &app, &new), old).unwrap();
    house.clock.advance(7 * DAY - 61);
    take_back(&house, &password(), None);
    assert_eq!(states(&house), [(old, FactorState::Active)]);
    assert!(by_sms(&house).evidence.contains(&Evidence::Sms), "and his own password is the password");
}

#[test]
fn what_a_thief_has_brought_in_is_not_asked_whoever_knows_a_password_of_before() {
    let (house, old, thief) = at_home();
    let own = add_phone(&house, &thief, NEW);
    let _app = add_app(&house, &thief);
    let kept = house.cabinet.factors(&thief).unwrap()[2].id;
    // One of his own is set aside first, so that it waits alone.
    house.cabinet.drop_factor(&thief, own).unwrap();
    let new = Password::new("seven quiet lamps on a hill");
    house.cabinet.change_password(&thief, &password(), &new).unwrap();
    house.clock.advance(60);
    for his in [own, kept] {
        assert_eq!(begin(&house, &password(), Some(his)).err(), Some(Error::MethodUnavailable));
    }
    // Nor does it end the way back when he answers with it for his own password.
    take_back(&house, &new, Some(own));
    take_back(&house, &password(), None);
    assert_eq!(states(&house), [(old, FactorState::Active)]);
}

#[test]
fn of_two_passwords_of_before_each_has_its_week_from_the_last_change_on() {
    let (house, old, owner) = at_home();
    let own = Password::new("seven quiet lamps on a hill");
    house.cabinet.change_password(&owner, &password(), &own).unwrap();
    house.clock.advance(6 * DAY);
    let thief = by_sms_with(&house, &own);
    change_phone(&house, &thief, old, NEW);
    let his = ["nine loud horns in a bay", "twelve grey mills by a road", "ten long ropes of a ship"];
    let mut present = Password::new("seven quiet lamps on a hill");
    for next in his.map(Password::new) {
        house.cabinet.change_password(&by_sms_with(&house, &present), &present, &next).unwrap();
        house.clock.advance(60);
        present = next;
    }
    house.clock.advance(6 * DAY);
    for (former, admitted) in [(&password(), true), (&own, true), (&Password::new(his[0]), false)] {
        assert_eq!(begin(&house, former, None).is_ok(), admitted);
        house.clock.advance(60);
    }
    house.arrived(MessageKind::UndoCode);
    take_back(&house, &own, None);
    assert_eq!(states(&house), [(old, FactorState::Active)]);
    by_sms_with(&house, &own);
    assert_eq!(house.cabinet.begin_login("ivan", &password()).err(), Some(REJECTED));
}

#[test]
fn whoever_knows_a_password_of_before_alone_keeps_its_owner_from_no_code() {
    let (house, old, owner) = at_home();
    let new = Password::new("seven quiet lamps on a hill");
    house.cabinet.change_password(&owner, &password(), &new).unwrap();
    house.clock.set(UnixTime((house.clock_now().0 / DAY + 1) * DAY));
    let most = house.cabinet.policy().issued.per_hour.div_ceil(2);
    for _ in 0..most {
        assert!(begin(&house, &password(), None).is_ok());
        house.clock.advance(60);
    }
    assert_eq!(begin(&house, &password(), None).err(), Some(Error::TooManyMessages));
    assert_eq!(house.arrived(MessageKind::UndoCode).len(), usize::try_from(most).unwrap());
    for _ in 0..house.cabinet.policy().challenge.per_hour {
        assert!(begin(&house, &password(), None).is_err());
    }
    by_sms_with(&house, &new);
    assert_eq!(states(&house), [(old, FactorState::Active)]);
}

#[test]
fn an_old_session_changes_no_password() {
    let (house, _, session) = at_home();
    house.clock.advance(house.cabinet.policy().session.fresh);
    let new = Password::new("seven quiet lamps on a hill");
    let changed = house.cabinet.change_password(&session, &password(), &new);
    assert_eq!(changed, Err(Error::FreshAuthenticationNeeded));
}

#[test]
fn a_recovery_is_told_and_taken_back_like_a_change() {
    let (house, old, thief) = at_home();
    let codes = house.cabinet.new_recovery_codes(&thief).unwrap();
    // One that he has set aside already is not gone with it either.
    let second = change_phone(&house, &thief, old, NEW);
    let enrolment = house.cabinet.recover("ivan", &password(), codes[0].as_str()).unwrap();
    assert_eq!(count(&house, MessageKind::RecoveryUsed), 1, "every contact is told");
    assert_eq!(states(&house), [(second, FactorState::SetAside), (old, FactorState::SetAside)]);
    assert_eq!(house.cabinet.session(thief.id).err(), Some(Error::SessionEnded));
    let app = Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    house.cabinet.confirm_generator(&enrolment, &app.code(house.clock_now())).unwrap();
    house.clock.advance(60);
    assert!(house.login("ivan", &app).is_ok(), "nothing else lets him in");
    take_back(&house, &password(), None);
    assert_eq!(states(&house), [(old, FactorState::Active)]);
    house.clock.advance(3600);
    assert_eq!(house.cabinet.recover("ivan", &password(), codes[1].as_str()), Err(REJECTED));
}

#[test]
fn codes_that_a_weaker_session_has_made_take_no_stronger_factor_away_for_good() {
    let house = House::new();
    let app = house.citizen("ivan");
    let owner = house.login("ivan", &app).unwrap();
    add_phone(&house, &owner, OLD);
    house.clock.advance(30 * DAY);
    let codes = house.cabinet.new_recovery_codes(&by_sms(&house)).unwrap();
    let enrolment = house.cabinet.recover("ivan", &password(), codes[0].as_str()).unwrap();
    house.cabinet.offer_channel(&enrolment, NEW).unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    house.cabinet.confirm_factor(&enrolment, &code).unwrap();
    house.clock.advance(60);
    let thief = by_sms(&house);
    assert_eq!(confirm(&house, &thief), Err(Error::MethodTooWeak));
    let undo = begin(&house, &password(), None).unwrap();
    assert_eq!(undo.by, Evidence::Generator);
    house.cabinet.undo_change(&undo, &app.code(house.clock_now()), request()).unwrap();
    let kinds: Vec<_> =
        house.cabinet.factors_of("ivan").unwrap().iter().map(|found| (found.kind, found.state)).collect();
    assert_eq!(kinds, [(FactorKind::Generator, FactorState::Active), (FactorKind::Sms, FactorState::Active)]);
    assert!(house.cabinet.account_by_contact(NEW).is_err());
}

#[test]
fn a_session_of_a_weaker_factor_takes_no_stronger_one_away_at_once() {
    let mut house = House::new();
    let mut policy = house.cabinet.policy().clone();
    policy.contact.old_channel_confirms = false;
    house.cabinet = house.cabinet.with_policy(policy);
    let app = house.citizen("ivan");
    let owner = house.login("ivan", &app).unwrap();
    let phone = add_phone(&house, &owner, OLD);
    let generator = house.cabinet.factors(&owner).unwrap()[0].id;
    // A card that somebody else has got at the counter of a shop.
    let confirm = |session: &Session| confirm(&house, session);
    let thief = by_sms(&house);
    house.cabinet.drop_factor(&thief, generator).unwrap();
    assert_eq!(states(&house), [(generator, FactorState::SetAside), (phone, FactorState::Active)]);
    assert_eq!(confirm(&thief), Err(Error::MethodTooWeak));
    house.clock.advance(60);
    let undo = begin(&house, &password(), None).unwrap();
    let owner = house.cabinet.undo_change(&undo, &app.code(house.clock_now()), request()).unwrap();
    assert_eq!(states(&house), [(generator, FactorState::Active)], "the phone came in a moment before");
    let phone = add_phone(&house, &owner, OLD);
    // Nor does replacing it, where policy asks the old one nothing.
    let thief = by_sms(&house);
    let change = house.cabinet.begin_change(&thief, generator).unwrap();
    house.cabinet.offer_channel(&change.enrolment, NEW).unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    house.cabinet.confirm_factor(&change.enrolment, &code).unwrap();
    house.clock.advance(60);
    assert_eq!(confirm(&thief), Err(Error::MethodTooWeak));
    house.clock.advance(house.cabinet.policy().contact.reversible);
    let thief = by_sms(&house);
    assert_eq!(confirm(&thief), Ok(Evidence::Sms), "what its owner has not taken back for a week stands");
    assert!(states(&house).contains(&(phone, FactorState::Active)));
}

#[test]
fn a_former_password_asks_nothing_of_an_account_that_was_put_aside() {
    use zamok_cabinet::AccountStep;
    let (house, _, owner) = at_home();
    let new = Password::new("seven quiet lamps on a hill");
    house.cabinet.change_password(&owner, &password(), &new).unwrap();
    house.cabinet.suspend_account("ivan", AccountStep::Suspend, "a stolen laptop").unwrap();
    assert_eq!(begin(&house, &password(), None).err(), Some(REJECTED));
    assert_eq!(house.arrived(MessageKind::UndoCode).len(), 0);
    house.cabinet.suspend_account("ivan", AccountStep::Resume, "it was found").unwrap();
    assert!(begin(&house, &password(), None).is_ok());
}

#[test]
fn that_a_change_was_taken_back_is_told_to_every_contact() {
    let (house, old, owner) = at_home();
    change_phone(&house, &owner, old, NEW);
    assert_eq!(count(&house, MessageKind::ChannelRestored), 0);
    take_back(&house, &password(), None);
    assert_eq!(count(&house, MessageKind::ChannelRestored), 1);
}

#[test]
fn a_pin_takes_the_place_of_no_factor_by_which_alone_its_owner_is_let_in() {
    let (house, old, owner) = at_home();
    let _ = house.cabinet.trust_device(&owner, "laptop").unwrap();
    let owner = house.cabinet.session(owner.id).unwrap();
    assert_eq!(house.cabinet.drop_factor(&owner, old), Err(Error::LastFactor));
    let change = house.cabinet.begin_change(&owner, old).unwrap();
    let code = house.arrived(MessageKind::AgreementCode).remove(0);
    house.cabinet.agree(&owner, &change.agreement.unwrap(), &code, request()).unwrap();
    house.cabinet.offer_pin(&owner, &change.enrolment, &zamok_cabinet::Pin::new("190357")).unwrap();
    assert_eq!(house.cabinet.confirm_factor(&change.enrolment, "190357"), Err(Error::LastFactor));
    house.clock.advance(60);
    assert!(matches!(house.cabinet.begin_login("ivan", &password()), Ok(Begun::Code(_))));
}
