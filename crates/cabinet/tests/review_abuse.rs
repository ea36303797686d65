//! Abuse of what a right password gives, and of what is known to others: tickets, names of attempts, malformed logins.
#![allow(missing_docs)]

mod harness;

use std::sync::Arc;

use harness::{House, LIGHT, NOON, Phone, light_policy, password, request};
use zamok_cabinet::{
    Approach, Begun, Cabinet, Challenge, DeviceToken, Error, Evidence, FactorId, MessageKind, Password,
    Session,
};
use zamok_core::event::EventKind;
use zamok_core::store::{MemoryStore, Range, RowKey, Table};
use zamok_core::vault::{KeyState, keys};
use zamok_core::{Error as CoreError, UnixTime};
use zamok_host::{Options, Passphrase, Vault};

const REJECTED: Error = Error::Core(CoreError::Rejected);
const PHONE: &str = "+79161234567";
const HOUR: u64 = 60 * 60;

fn told(house: &House, kind: EventKind) -> usize {
    let listing = house.cabinet.history_of("ivan", 5000, None).unwrap();
    listing.entries.iter().filter(|entry| entry.leaf.kind == kind).count()
}

#[test]
fn one_enrolment_takes_no_more_wrong_codes_than_a_challenge_and_fills_no_journal() {
    let house = House::new();
    house.cabinet.register("ivan", &password()).unwrap();
    let enrolment = house.enrolment("ivan");
    let phone = Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    for _ in 0..50 {
        let wrong = phone.wrong(house.clock_now());
        assert_eq!(house.cabinet.confirm_generator(&enrolment, &wrong), Err(REJECTED));
    }
    let tries = usize::try_from(house.cabinet.policy().challenge.tries).unwrap();
    assert_eq!(told(&house, EventKind::FactorTestFailed), tries);
    assert_eq!(told(&house, EventKind::ChallengeRejected), 1);
    let code = phone.code(house.clock_now());
    assert_eq!(house.cabinet.confirm_generator(&enrolment, &code), Err(REJECTED), "the enrolment is over");
    let again = house.enrolment("ivan");
    assert_eq!(house.cabinet.confirm_generator(&again, &code), Ok(()), "the app need not be scanned again");
}

#[test]
fn one_enrolment_offers_no_more_generators_than_a_challenge_has_tries() {
    let house = House::new();
    house.cabinet.register("ivan", &password()).unwrap();
    for _ in 0..2 {
        let enrolment = house.enrolment("ivan");
        let offers = (0..50).filter(|_| house.cabinet.offer_generator(&enrolment).is_ok()).count();
        assert_eq!(offers, usize::try_from(house.cabinet.policy().challenge.tries).unwrap());
    }
}

#[test]
fn an_enrolment_that_was_opened_before_another_one_ended_changes_nothing() {
    let house = House::new();
    house.cabinet.register("ivan", &password()).unwrap();
    let (early, late) = (house.enrolment("ivan"), house.enrolment("ivan"));
    let phone = Phone::scan(house.cabinet.offer_generator(&late).unwrap().uri.as_str());
    house.cabinet.confirm_generator(&late, &phone.code(house.clock_now())).unwrap();
    house.clock.advance(30);
    let session = house.login("ivan", &phone).unwrap();
    house.clock.advance(30);
    assert_eq!(house.cabinet.offer_generator(&early).err(), Some(REJECTED), "the account's epoch was raised");
    let code = phone.code(house.clock_now());
    assert_eq!(house.cabinet.confirm_generator(&early, &code), Err(REJECTED));
    assert_eq!(house.cabinet.session(session.id).map(|session| session.id), Ok(session.id));
    assert!(house.login("ivan", &phone).is_ok(), "the code was not spent");
}

#[test]
fn the_name_of_an_attempt_opens_its_session_again_only_while_the_challenge_lives() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let (challenge, name) = (house.challenge("ivan"), request());
    let code = phone.code(house.clock_now());
    let session = house.cabinet.answer(&challenge, &code, name).unwrap();
    house.clock.advance(house.cabinet.policy().challenge.lifetime - 1);
    assert_eq!(house.cabinet.answer(&challenge, &code, name).map(|again| again.id), Ok(session.id));
    house.clock.advance(1);
    assert_eq!(house.cabinet.answer(&challenge, &code, name), Err(REJECTED));
    assert!(house.cabinet.session(session.id).is_ok(), "the session itself lives on");
}

#[test]
fn what_is_no_login_is_nobodys_login() {
    let house = House::new();
    for login in ["-", "0", "nobody"] {
        house.cabinet.register(login, &password()).unwrap();
    }
    for text in ["", "two words", "\u{202e}"] {
        for _ in 0..6 {
            assert_eq!(house.cabinet.begin_login(text, &password()), Err(REJECTED), "{text:?}");
        }
    }
    for login in ["-", "0", "nobody"] {
        let begun = house.cabinet.begin_login(login, &password());
        assert!(matches!(begun, Ok(Begun::Enrol(_))), "junk delays nobody: {login}");
    }
}

#[test]
fn a_flag_or_state_of_a_sealed_body_is_one_that_is_written_here() {
    // Sessions end with their state; a challenge has a flag before 16 bytes and its state; behind that of a factor there are its
    // label ("authenticator app"), six times, what took its place, whether it counts as before, and its key.
    let factor = 2 + 17 + 6 * 8 + 16 + 1 + 16;
    let places = [(Table(36), factor), (Table(36), 16), (Table(37), 0), (Table(35), 17), (Table(35), 0)];
    for (table, behind) in places {
        let house = House::new();
        let phone = house.citizen("ivan");
        let session = house.login("ivan", &phone).unwrap();
        let challenge = house.challenge("ivan");
        for (key, _) in house.store.scan(table, &Range::all(), 10, None).unwrap().rows {
            let key = RowKey::new(table, key);
            house
                .cabinet
                .vault()
                .transact(|tx| {
                    let mut body = tx.record(&key)?.unwrap().body.clone();
                    let place = body.len().saturating_sub(behind + 1);
                    body[place] = 9;
                    tx.put_record(&key, &[], &body)
                })
                .unwrap_or_else(|error: CoreError| panic!("{error}"));
        }
        house.clock.advance(30);
        let code = phone.code(house.clock_now());
        let refused = [
            house.cabinet.session(session.id).err(),
            house.cabinet.begin_login("ivan", &password()).err(),
            house.cabinet.answer(&challenge, &code, request()).err(),
        ];
        assert!(refused.contains(&Some(Error::Core(CoreError::Refused))), "{table:?}: {refused:?}");
    }
}

#[test]
fn the_public_key_of_a_compromised_document_key_vouches_for_nothing() {
    let house = House::new();
    let account = house.cabinet.register("ivan", &password()).unwrap();
    house
        .cabinet
        .vault()
        .transact(|tx| keys::change_state(tx, account.document_key, KeyState::Compromised, "stolen"))
        .unwrap_or_else(|error: CoreError| panic!("{error}"));
    let refused = Error::Core(CoreError::KeyState(KeyState::Compromised));
    assert_eq!(house.cabinet.document_key("ivan"), Err(refused));
}

#[test]
fn a_cabinet_that_could_not_be_opened_again_is_not_made() {
    let options = Options { cost: LIGHT, ..Options::default() };
    let vault =
        Vault::create(Arc::new(MemoryStore::new()), &Passphrase::from("open sesame, please"), options);
    let vault = Arc::new(vault.unwrap());
    let mut policy = light_policy();
    policy.session.idle = policy.session.longest + 1;
    assert_eq!(Cabinet::create(vault.clone(), "Bank", policy).err(), Some(Error::PolicyUnsound));
    assert!(Cabinet::create(vault, "Bank", light_policy()).is_ok());
}

#[test]
fn a_delayed_account_answers_neither_the_right_nor_a_wrong_password_and_writes_once_a_minute() {
    let house = House::new();
    house.citizen("ivan");
    for _ in 0..5 {
        let _ = house.cabinet.begin_login("ivan", &Password::new("wrong horse battery"));
    }
    for _ in 0..20 {
        assert_eq!(house.cabinet.begin_login("ivan", &password()), Err(REJECTED));
        assert_eq!(house.cabinet.begin_login("ivan", &Password::new("another horse")), Err(REJECTED));
    }
    assert_eq!(told(&house, EventKind::PasswordRejected), 5);
    assert_eq!(told(&house, EventKind::LoginRefusedWhileDelayed), 1);
}

#[test]
fn nothing_overflows_at_the_ends_of_time() {
    for start in [0, u64::MAX - 100] {
        let house = House::new();
        house.clock.set(UnixTime(start));
        let cabinet = house.another();
        cabinet.register("ivan", &password()).unwrap();
        let Begun::Enrol(enrolment) = cabinet.begin_login("ivan", &password()).unwrap() else { panic!() };
        let phone = Phone::scan(cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
        cabinet.confirm_generator(&enrolment, &phone.code(cabinet.vault().now())).unwrap();
        house.clock.advance(30);
        let challenge = harness::challenge(&cabinet, "ivan").unwrap();
        let code = phone.code(cabinet.vault().now());
        let session = cabinet.answer(&challenge, &code, request()).unwrap();
        assert!(cabinet.session(session.id).is_ok(), "{start}");
    }
}

/// A citizen with an app, and codes by SMS beside it; the session of its owner, and its two factors.
fn with_both(house: &House) -> (Phone, Session, [FactorId; 2]) {
    let app = house.citizen("ivan");
    let session = house.login("ivan", &app).unwrap();
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_channel(&enrolment, PHONE).unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    house.cabinet.confirm_factor(&enrolment, &code).unwrap();
    house.clock.advance(60);
    let factors = house.cabinet.factors(&session).unwrap();
    (app, session, [factors[0].id, factors[1].id])
}

fn begin_by(house: &House, by: Evidence, device: Option<&DeviceToken>) -> Challenge {
    let approach = Approach { by: Some(by), device: device.cloned(), ..Approach::default() };
    match house.cabinet.begin_login_from("ivan", &password(), &approach).unwrap() {
        Begun::Code(challenge) => challenge,
        Begun::Enrol(_) => panic!("the account has factors"),
    }
}

fn by_sms(house: &House) -> Session {
    let challenge = begin_by(house, Evidence::Sms, None);
    let code = house.arrived(MessageKind::LoginCode).remove(0);
    let session = house.cabinet.answer(&challenge, &code, request()).unwrap();
    house.clock.advance(60);
    session
}

/// Guesses at the generator, as slowly as is borne.
fn guess(house: &House, app: &Phone, device: Option<&DeviceToken>, times: usize) {
    for _ in 0..times {
        house.clock.advance(HOUR);
        let challenge = begin_by(house, Evidence::Generator, device);
        let wrong = app.wrong(house.clock_now());
        assert_eq!(house.cabinet.answer(&challenge, &wrong, request()), Err(REJECTED));
    }
}

fn right(house: &House, app: &Phone, device: Option<&DeviceToken>) -> Result<Session, Error> {
    let challenge = begin_by(house, Evidence::Generator, device);
    house.cabinet.answer(&challenge, &app.code(house.clock_now()), request())
}

#[test]
fn making_device_after_device_known_by_sms_buys_no_guess_at_the_generator() {
    let house = House::new();
    let (app, session, _) = with_both(&house);
    let home = house.cabinet.trust_device(&session, "home").unwrap();
    for _ in 0..3 {
        let thief = by_sms(&house);
        let token = house.cabinet.trust_device(&thief, "mine").unwrap();
        guess(&house, &app, Some(&token), 25);
        house.clock.advance(HOUR);
        assert_eq!(right(&house, &app, Some(&token)).err(), Some(REJECTED));
        let other = by_sms(&house);
        house.cabinet.remove_device(&other, token.device()).unwrap();
    }
    let borne = usize::try_from(house.cabinet.policy().generator.throttle.disable_after).unwrap();
    assert_eq!(house.events(EventKind::CodeRejected).len(), borne, "of all devices together");
    assert_eq!(house.events(EventKind::FactorDisabled).len(), 1);
    assert!(right(&house, &app, Some(&home)).is_ok(), "where its owner was right before, he goes on");
    house.clock.advance(30);
    assert_eq!(right(&house, &app, None).err(), Some(REJECTED));
    house.cabinet.resume_generator("ivan", "seen at the desk").unwrap();
    assert!(right(&house, &app, None).is_ok());
}

#[test]
fn a_device_has_a_budget_of_its_own_at_a_factor_from_its_first_right_answer_on() {
    let house = House::new();
    let (app, _, _) = with_both(&house);
    let laptop = house.cabinet.trust_device(&by_sms(&house), "laptop").unwrap();
    let tablet = house.cabinet.trust_device(&by_sms(&house), "tablet").unwrap();
    assert!(right(&house, &app, Some(&laptop)).is_ok());
    guess(&house, &app, None, 25);
    house.clock.advance(HOUR);
    assert_eq!(right(&house, &app, Some(&tablet)).err(), Some(REJECTED));
    assert!(right(&house, &app, Some(&laptop)).is_ok(), "strangers guess, and it goes on");
    // Where a factor was enrolled, it was right at its test.
    house.clock.advance(HOUR);
    let session = house.cabinet.answer(
        &begin_by(&house, Evidence::Sms, Some(&tablet)),
        &house.arrived(MessageKind::LoginCode).remove(0),
        request(),
    );
    let enrolment = house.cabinet.begin_factor(&session.unwrap()).unwrap();
    let other = Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    house.cabinet.confirm_factor(&enrolment, &other.code(house.clock_now())).unwrap();
    let new = house.cabinet.factors_of("ivan").unwrap().last().unwrap().id;
    let begin = |device: Option<DeviceToken>| {
        let approach = Approach { factor: Some(new), device, ..Approach::default() };
        match house.cabinet.begin_login_from("ivan", &password(), &approach).unwrap() {
            Begun::Code(challenge) => challenge,
            Begun::Enrol(_) => panic!("the account has factors"),
        }
    };
    for _ in 0..25 {
        house.clock.advance(HOUR);
        let wrong = other.wrong(house.clock_now());
        assert_eq!(house.cabinet.answer(&begin(None), &wrong, request()), Err(REJECTED));
    }
    let code = other.code(house.clock_now());
    assert!(house.cabinet.answer(&begin(Some(tablet)), &code, request()).is_ok());
}

#[test]
fn an_old_session_is_not_made_fresh_by_less_than_it_was_opened_with() {
    let house = House::new();
    let (app, session, [generator, sms]) = with_both(&house);
    house.cabinet.prefer_factor(&session, sms).unwrap();
    house.clock.advance(house.cabinet.policy().session.fresh);
    let begin = |by| house.cabinet.begin_again(&session, by);
    assert_eq!(begin(Some(Evidence::Sms)).err(), Some(Error::MethodTooWeak));
    let again = begin(None).unwrap();
    assert_eq!(again.by, Evidence::Generator);
    let methods = house.cabinet.methods(&again).unwrap();
    assert_eq!(methods.iter().map(|method| method.factor).collect::<Vec<_>>(), [generator]);
    assert_eq!(house.cabinet.switch_method(&again, sms).err(), Some(Error::MethodUnavailable));
    assert_eq!(house.cabinet.begin_factor(&session).err(), Some(Error::FreshAuthenticationNeeded));
    let code = app.code(house.clock_now());
    house.cabinet.answer_again(&session, &again, &code, request()).unwrap();
    assert!(house.cabinet.begin_factor(&session).is_ok());
    // One that a code by SMS has opened is renewed by another, and by more.
    let weaker = by_sms(&house);
    assert!(house.cabinet.begin_again(&weaker, Some(Evidence::Sms)).is_ok());
    assert!(house.cabinet.begin_again(&weaker, Some(Evidence::Generator)).is_ok());
}

#[test]
fn offering_a_phone_anew_is_no_way_around_the_pause_between_two_codes() {
    let house = House::new();
    let app = house.citizen("ivan");
    let session = house.login("ivan", &app).unwrap();
    let soon = |seconds| Err(Error::ResendTooSoon { seconds });
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    let offer = |phone: &str| house.cabinet.offer_channel(&enrolment, phone);
    assert_eq!(offer(PHONE), Ok(()));
    assert_eq!(offer(PHONE), soon(60));
    assert_eq!(offer("+79160000001"), Ok(()), "another phone is another");
    let next = house.cabinet.begin_factor(&session).unwrap();
    assert_eq!(house.cabinet.offer_contact(&next, PHONE), soon(60));
    house.clock.advance(59);
    assert_eq!(house.cabinet.offer_channel(&next, PHONE), soon(1));
    assert_eq!(house.cabinet.send_enrolment_again(&enrolment), soon(1));
    house.clock.advance(1);
    assert_eq!(house.cabinet.offer_contact(&next, PHONE), Ok(()));
    assert_eq!(house.cabinet.send_enrolment_again(&next), soon(60));
    let code = house.arrived(MessageKind::EnrolmentCode).pop().unwrap();
    house.cabinet.confirm_factor(&next, &code).unwrap();
    // Nor is asking a contact again and again whether it agrees.
    let contact = house.cabinet.account_by_login("ivan").unwrap().contacts[0].id;
    let change = || house.cabinet.begin_contact_change(&session, contact).map(drop);
    assert_eq!(change(), soon(60));
    house.clock.advance(60);
    assert_eq!((change(), change()), (Ok(()), soon(60)));
    assert_eq!(house.arrived(MessageKind::AgreementCode).len(), 1);
}

#[test]
fn choosing_another_factor_again_and_again_buys_no_time_and_counts() {
    let mut house = House::new();
    let (app, _, [generator, sms]) = with_both(&house);
    let mut challenge = house.challenge("ivan");
    let end = challenge.expires;
    for _ in 0..4 {
        house.clock.advance(70);
        challenge = house.cabinet.switch_method(&challenge, generator).unwrap();
        assert_eq!(challenge.expires, end);
    }
    house.clock.advance(20);
    let code = app.code(house.clock_now());
    assert_eq!(house.cabinet.answer(&challenge, &code, request()), Err(REJECTED));
    // As many codes as policy says, and support is next.
    house.clock.set(UnixTime(NOON.0 + HOUR));
    let mut challenge = begin_by(&house, Evidence::Sms, None);
    for _ in 0..2 {
        house.clock.advance(60);
        challenge = house.cabinet.switch_method(&challenge, sms).unwrap();
    }
    house.clock.advance(60);
    assert_eq!(house.cabinet.switch_method(&challenge, sms).err(), Some(Error::SupportNeeded));
    // So many challenges an hour, however they are begun.
    house.clock.set(UnixTime(NOON.0 + 2 * HOUR));
    let mut policy = house.cabinet.policy().clone();
    policy.challenge.per_hour = 5;
    policy.session.idle = 2 * HOUR;
    house.cabinet = house.cabinet.with_policy(policy);
    let mut challenge = house.challenge("ivan");
    for _ in 0..4 {
        challenge = house.cabinet.switch_method(&challenge, generator).unwrap();
    }
    assert_eq!(house.cabinet.switch_method(&challenge, generator).err(), Some(REJECTED));
    assert_eq!(house.cabinet.begin_login("ivan", &password()).err(), Some(REJECTED));
    let code = app.code(house.clock_now());
    let session = house.cabinet.answer(&challenge, &code, request()).unwrap();
    // A session, which somebody may have found open, uses up none of what the password opens.
    house.clock.set(UnixTime(NOON.0 + 3 * HOUR));
    let mut again = house.cabinet.begin_again(&session, Some(Evidence::Generator)).unwrap();
    for _ in 0..9 {
        again = house.cabinet.switch_method(&again, generator).unwrap();
    }
    assert!(house.cabinet.begin_login("ivan", &password()).is_ok());
}

#[test]
fn a_device_that_one_app_made_known_guesses_at_another_like_a_stranger() {
    let house = House::new();
    let app = house.citizen("ivan");
    let session = house.login("ivan", &app).unwrap();
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    let other = Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    house.cabinet.confirm_factor(&enrolment, &other.code(house.clock_now())).unwrap();
    let second = house.cabinet.factors_of("ivan").unwrap().last().unwrap().id;
    let token = house.cabinet.trust_device(&session, "laptop").unwrap();
    let begin = |device: Option<DeviceToken>| {
        let approach = Approach { factor: Some(second), device, ..Approach::default() };
        match house.cabinet.begin_login_from("ivan", &password(), &approach).unwrap() {
            Begun::Code(challenge) => challenge,
            Begun::Enrol(_) => panic!("the account has factors"),
        }
    };
    for _ in 0..25 {
        house.clock.advance(HOUR);
        let wrong = other.wrong(house.clock_now());
        assert_eq!(house.cabinet.answer(&begin(None), &wrong, request()), Err(REJECTED));
    }
    house.clock.advance(HOUR);
    let code = other.code(house.clock_now());
    assert_eq!(house.cabinet.answer(&begin(Some(token)), &code, request()).err(), Some(REJECTED));
}
