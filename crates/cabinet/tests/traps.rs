//! The traps that others fell into, each with a test that is named after it (R3, R4, R15, R16, R19–R21).
#![allow(missing_docs)]

mod harness;

use std::thread;

use harness::{House, Phone, password, request};
use zamok_cabinet::{
    Approach, Begun, Cabinet, Challenge, Content, DeviceToken, Error, Evidence, MessageKind, Operation,
    OperationId, Password, Session, Template, Value, Which,
};
use zamok_core::event::EventKind;
use zamok_core::otp::{Hotp, HotpParameters};
use zamok_core::secret::Secret;
use zamok_core::store::{Change, ChangeId, Outcome, RowKey, Table};
use zamok_core::{Error as CoreError, UnixTime};

const REJECTED: Error = Error::Core(CoreError::Rejected);
const SEED: &[u8] = b"12345678901234567890";

fn payment(minor: i64) -> Content {
    let template = Template {
        name: "payment".into(),
        version: 1,
        language: "en".into(),
        text: "Pay {amount} to {payee}.".into(),
    };
    let amount = Value::Amount { minor, places: 2, currency: *b"RUB" };
    Content::new(template, [("amount".into(), amount), ("payee".into(), Value::Text("Olga".into()))]).unwrap()
}

fn operation_id() -> OperationId {
    OperationId(request().0)
}

fn told(house: &House, login: &str, kind: EventKind) -> usize {
    let listing = house.cabinet.history_of(login, 5000, None).unwrap();
    listing.entries.iter().filter(|entry| entry.leaf.kind == kind).count()
}

/// A phone, a live session that is fresh, and the next step's time.
fn at_home(house: &House) -> (Phone, Session) {
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    house.clock.advance(30);
    (phone, session)
}

fn from(house: &House, token: &DeviceToken, password: &Password) -> Result<Begun, Error> {
    let approach = Approach { device: Some(token.clone()), ..Approach::default() };
    house.cabinet.begin_login_from("ivan", password, &approach)
}

fn code_wanted(begun: Begun) -> Challenge {
    match begun {
        Begun::Code(challenge) => challenge,
        Begun::Enrol(_) => panic!("the account has a factor"),
    }
}

fn confirmed(house: &House, phone: &Phone, session: &Session, content: &Content) -> Operation {
    let operation = house.cabinet.propose(session, operation_id(), content).unwrap();
    let challenge = house.cabinet.begin_confirmation(session, operation.id, None).unwrap();
    let confirmed = house.cabinet.confirm(session, &challenge, &phone.code(house.clock_now()), request());
    house.clock.advance(30);
    confirmed.unwrap()
}

#[test]
fn reuse_within_the_window() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let code = phone.code(house.clock_now());
    house.cabinet.answer(&house.challenge("ivan"), &code, request()).unwrap();
    for wait in [0, 1, 15, 29] {
        house.clock.advance(wait);
        assert_eq!(house.cabinet.answer(&house.challenge("ivan"), &code, request()), Err(REJECTED), "{wait}");
    }
}

#[test]
fn a_race_between_two_logins() {
    for _ in 0..20 {
        let house = House::new();
        let phone = house.citizen("ivan");
        let code = phone.code(house.clock_now());
        let challenges = [house.challenge("ivan"), house.challenge("ivan")];
        let opened = thread::scope(|scope| {
            let (house, code) = (&house, &code);
            let threads = challenges.each_ref().map(|challenge| {
                scope.spawn(move || house.cabinet.answer(challenge, code, request()).is_ok())
            });
            threads.map(|thread| thread.join().unwrap())
        });
        assert_eq!(opened.iter().filter(|opened| **opened).count(), 1, "{opened:?}");
        assert_eq!(house.cabinet.sessions_of("ivan").unwrap().len(), 1);
    }
}

#[test]
fn counters_that_follow_the_network_address() {
    let house = House::new();
    house.citizen("ivan");
    let wrong = Password::new("wrong horse battery");
    let attempt = |number: u8, password: &Password| {
        let (address, client) = (Some([192, 0, 2, number].into()), format!("browser at 192.0.2.{number}"));
        let approach = Approach { address, client, ..Approach::default() };
        house.cabinet.begin_login_from("ivan", password, &approach)
    };
    for number in 0..house.cabinet.policy().password.throttle.free {
        assert_eq!(attempt(u8::try_from(number).unwrap(), &wrong).err(), Some(REJECTED));
    }
    assert_eq!(attempt(99, &password()).err(), Some(REJECTED), "another address is no other guesser");
}

#[test]
fn a_lock_that_an_attacker_can_use_against_a_victim() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let token = house.cabinet.trust_device(&session, "phone").unwrap();
    // Strangers who do not know the password, then one who does.
    let wrong = Password::new("wrong horse battery");
    for _ in 0..50 {
        assert_eq!(house.cabinet.begin_login("ivan", &wrong).err(), Some(REJECTED));
    }
    assert_eq!(house.cabinet.begin_login("ivan", &password()).err(), Some(REJECTED), "strangers wait");
    assert!(from(&house, &token, &password()).is_ok(), "the known device does not");
    for _ in 0..25 {
        house.clock.advance(60 * 60);
        let guess = phone.wrong(house.clock_now());
        assert_eq!(house.cabinet.answer(&house.challenge("ivan"), &guess, request()), Err(REJECTED));
    }
    house.clock.advance(60 * 60);
    assert_eq!(told(&house, "ivan", EventKind::FactorDisabled), 1);
    assert_eq!(house.login("ivan", &phone), Err(REJECTED), "nothing more is taken from strangers");
    let challenge = code_wanted(from(&house, &token, &password()).unwrap());
    let session = house.cabinet.answer(&challenge, &phone.code(house.clock_now()), request()).unwrap();
    assert_eq!(session.device, Some(token.device()));
    let notices = house.cabinet.outbox(100).unwrap();
    assert!(notices.iter().any(|message| message.kind == MessageKind::FactorDisabled), "the owner is told");
}

#[test]
fn a_known_device_has_a_budget_that_ends_too() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let token = house.cabinet.trust_device(&session, "phone").unwrap();
    for _ in 0..25 {
        house.clock.advance(60 * 60);
        let challenge = code_wanted(from(&house, &token, &password()).unwrap());
        let guess = phone.wrong(house.clock_now());
        assert_eq!(house.cabinet.answer(&challenge, &guess, request()), Err(REJECTED));
    }
    house.clock.advance(60 * 60);
    let challenge = code_wanted(from(&house, &token, &password()).unwrap());
    assert_eq!(house.cabinet.answer(&challenge, &phone.code(house.clock_now()), request()), Err(REJECTED));
    assert!(house.login("ivan", &phone).is_ok(), "strangers have a budget of their own");
}

#[test]
fn guesses_spread_over_challenges_and_accounts() {
    let mut house = House::new();
    let (phone, session) = at_home(&house);
    let token = house.cabinet.trust_device(&session, "phone").unwrap();
    let other = house.citizen("olga");
    let usual = house.cabinet.policy().clone();
    let at_device = |house: &House| code_wanted(from(house, &token, &password()).unwrap());
    let answer = |house: &House, challenge: &Challenge, phone: &Phone| {
        house.cabinet.answer(challenge, &phone.code(house.clock_now()), request())
    };
    // So many wrong answers are borne: of a known device, of strangers to one account, in the whole service.
    for (device, strangers, everyone) in [(1, 9, 9), (9, 1, 9), (9, 9, 1)] {
        let mut policy = usual.clone();
        (policy.budget.device, policy.budget.strangers, policy.budget.everyone) =
            (device, strangers, everyone);
        house.cabinet = house.cabinet.with_policy(policy);
        house.clock.advance(usual.budget.span.max(60 * 60));
        let (known, also_known) = (at_device(&house), at_device(&house));
        let (strange, also_strange) = (house.challenge("ivan"), house.challenge("ivan"));
        let elsewhere = house.challenge("olga");
        let first = if device == 1 { &known } else { &strange };
        let guess = phone.wrong(house.clock_now());
        assert_eq!(house.cabinet.answer(first, &guess, request()), Err(REJECTED));
        // Challenges that were opened before are no way around it.
        if device == 1 {
            assert_eq!(answer(&house, &also_known, &phone), Err(REJECTED));
            assert!(answer(&house, &also_strange, &phone).is_ok());
        } else {
            assert_eq!(answer(&house, &also_strange, &phone), Err(REJECTED));
            assert!(answer(&house, &also_known, &phone).is_ok());
        }
        let there = answer(&house, &elsewhere, &other);
        assert_eq!(there.err(), (everyone == 1).then_some(REJECTED));
        let begun = house.cabinet.begin_login("olga", &password());
        assert_eq!(begun.err(), (everyone == 1).then_some(REJECTED));
    }
    house.clock.advance(usual.budget.span.max(60 * 60));
    assert!(house.login("ivan", &phone).is_ok(), "another span");
}

#[test]
fn expiry_skipped_on_one_path() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let policy = house.cabinet.policy().clone();
    let (login, again) = (house.challenge("ivan"), house.cabinet.begin_again(&session, None).unwrap());
    let operation = house.cabinet.propose(&session, operation_id(), &payment(1)).unwrap();
    let confirm = house.cabinet.begin_confirmation(&session, operation.id, None).unwrap();
    house.clock.advance(policy.challenge.lifetime);
    let code = phone.code(house.clock_now());
    assert_eq!(house.cabinet.answer(&login, &code, request()), Err(REJECTED));
    assert_eq!(house.cabinet.answer_again(&session, &again, &code, request()), Err(REJECTED));
    assert_eq!(house.cabinet.confirm(&session, &confirm, &code, request()), Err(REJECTED));
    assert_eq!(house.cabinet.send_again(&login), Err(REJECTED));
    assert_eq!(house.cabinet.begin_confirmation(&session, operation.id, None), Err(Error::OperationOver));
    assert_eq!(
        house.cabinet.change_operation(&session, operation.id, &payment(2)),
        Err(Error::OperationOver)
    );
    assert!(house.login("ivan", &phone).is_ok(), "no path has spent the code");
    house.clock.advance(30);

    let session = house.login("ivan", &phone).unwrap();
    house.clock.advance(30);
    let operation = confirmed(&house, &phone, &session, &payment(3));
    house.clock.set(operation.expires);
    let executed = house.cabinet.execute(operation.id, |_, _| panic!("executed after its time"));
    assert_eq!(executed, Err(Error::OperationOver));
    house.clock.set(session.expires);
    assert_eq!(house.cabinet.sessions(&session), Err(Error::SessionEnded));
    assert_eq!(house.cabinet.trust_device(&session, "x").err(), Some(Error::SessionEnded));
}

#[test]
fn a_login_code_spent_on_a_payment() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let operation = house.cabinet.propose(&session, operation_id(), &payment(1)).unwrap();
    let (login, code) = (house.challenge("ivan"), phone.code(house.clock_now()));
    let pay = house.cabinet.begin_confirmation(&session, operation.id, None).unwrap();
    // The challenges are not interchangeable …
    assert_eq!(house.cabinet.confirm(&session, &login, &code, request()), Err(REJECTED));
    assert_eq!(house.cabinet.answer(&pay, &code, request()), Err(REJECTED));
    assert_eq!(house.cabinet.answer_again(&session, &pay, &code, request()), Err(REJECTED));
    // … and a code that has logged in pays nothing.
    house.cabinet.answer(&login, &code, request()).unwrap();
    assert_eq!(house.cabinet.confirm(&session, &pay, &code, request()), Err(REJECTED));
    // Nor does a challenge serve another session of the same person.
    house.clock.advance(30);
    let other = house.login("ivan", &phone).unwrap();
    house.clock.advance(30);
    let code = phone.code(house.clock_now());
    assert_eq!(house.cabinet.confirm(&other, &pay, &code, request()), Err(REJECTED));
    assert!(house.cabinet.confirm(&session, &pay, &code, request()).is_ok());
}

#[test]
fn operation_data_changed_after_the_challenge() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let cabinet = &house.cabinet;
    let operation = cabinet.propose(&session, operation_id(), &payment(100)).unwrap();
    assert_eq!(operation.text(), "Pay 1.00 RUB to Olga.");
    let challenge = cabinet.begin_confirmation(&session, operation.id, None).unwrap();
    let changed = cabinet.change_operation(&session, operation.id, &payment(100_000)).unwrap();
    assert_ne!(changed.digest(), operation.digest());
    let code = phone.code(house.clock_now());
    assert_eq!(cabinet.confirm(&session, &challenge, &code, request()), Err(REJECTED));
    assert_eq!(cabinet.execute(operation.id, |_, _| Ok(vec![])), Err(Error::OperationNotConfirmed));
    // Changed after it was confirmed, it is not confirmed any more; changed back neither.
    let challenge = cabinet.begin_confirmation(&session, operation.id, None).unwrap();
    let operation = cabinet.confirm(&session, &challenge, &code, request()).unwrap();
    assert_eq!(operation.text(), "Pay 1000.00 RUB to Olga.");
    for minor in [1, 100_000] {
        cabinet.change_operation(&session, operation.id, &payment(minor)).unwrap();
        assert_eq!(cabinet.execute(operation.id, |_, _| Ok(vec![])), Err(Error::OperationNotConfirmed));
    }
}

#[test]
fn an_operation_is_executed_once_however_often_it_is_asked_for() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let operation = confirmed(&house, &phone, &session, &payment(5));
    let refused = house.cabinet.execute(operation.id, |_, _| Err(Error::NotAllowed));
    assert_eq!(refused, Err(Error::NotAllowed), "nothing was consumed");
    let mut runs = 0;
    for _ in 0..3 {
        let receipt = house.cabinet.execute(operation.id, |_, operation| {
            runs += 1;
            Ok(operation.text().into_bytes())
        });
        assert_eq!(receipt.unwrap(), b"Pay 0.05 RUB to Olga.");
    }
    assert_eq!((runs, told(&house, "ivan", EventKind::OperationExecuted)), (1, 1));
    let again = house.cabinet.propose(&session, operation.id, &payment(5)).unwrap();
    assert_eq!(again.receipt.as_deref(), Some(&b"Pay 0.05 RUB to Olga."[..]));
    assert_eq!(house.cabinet.propose(&session, operation.id, &payment(6)), Err(Error::OperationTaken));
    let stranger = house.citizen("olga");
    let hers = house.login("olga", &stranger).unwrap();
    assert_eq!(house.cabinet.operation(&hers, operation.id), Err(Error::OperationUnknown));
    assert_eq!(house.cabinet.propose(&hers, operation.id, &payment(5)), Err(Error::OperationTaken));
}

#[test]
fn a_confirmation_that_outlives_the_rights_it_was_given_under() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let operation = confirmed(&house, &phone, &session, &payment(7));
    let challenge = house.challenge("ivan");
    house.cabinet.end_sessions(&session, Which::Others).unwrap();
    assert!(house.cabinet.session(session.id).is_ok(), "the asking one is spared");
    assert_eq!(house.cabinet.execute(operation.id, |_, _| Ok(vec![])), Err(Error::OperationOver));
    let code = phone.code(house.clock_now());
    assert_eq!(house.cabinet.answer(&challenge, &code, request()), Err(REJECTED), "of an earlier epoch");
}

#[test]
fn a_client_that_asks_for_a_weaker_method() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let secret = Secret::new(SEED).unwrap();
    let hotp = Hotp::new(&secret, HotpParameters::default());
    let id = house.cabinet.assign_token("ivan", &secret, 0, "serial 1").unwrap();
    house.cabinet.confirm_token("ivan", id, &hotp.code(0).to_string()).unwrap();
    let session = house.login("ivan", &phone).unwrap();
    house.clock.advance(30);
    let operation = house.cabinet.propose(&session, operation_id(), &payment(1)).unwrap();
    let begin = |by| house.cabinet.begin_confirmation(&session, operation.id, by);
    assert_eq!(begin(Some(Evidence::Generator)), Err(Error::MethodTooWeak));
    assert_eq!(begin(Some(Evidence::Sms)), Err(Error::MethodUnavailable));
    let challenge = begin(None).unwrap();
    assert_eq!(challenge.by, Evidence::Token);
    // What the client claims of the challenge changes nothing of it.
    let claimed = Challenge { by: Evidence::Generator, expires: UnixTime(u64::MAX), ..challenge };
    let code = phone.code(house.clock_now());
    assert_eq!(house.cabinet.confirm(&session, &claimed, &code, request()), Err(REJECTED));
    let code = hotp.code(1).to_string();
    let operation = house.cabinet.confirm(&session, &claimed, &code, request()).unwrap();
    assert_eq!(operation.confirmed.map(|confirmation| confirmation.by), Some(Evidence::Token));
}

/// Another handle reads the clock afresh, as another machine does.
fn elsewhere(house: &House) -> Cabinet {
    house.another()
}

#[test]
fn a_clock_set_back_or_forward_by_an_hour() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let now = house.clock_now();
    let challenge = house.challenge("ivan");
    for offset in [-3600_i64, 3600] {
        house.clock.set(UnixTime(now.0.saturating_add_signed(offset)));
        let cabinet = elsewhere(&house);
        let code = phone.code(cabinet.vault().now());
        assert_eq!(cabinet.answer(&challenge, &code, request()), Err(REJECTED), "{offset}");
        assert_eq!(cabinet.session(session.id).err(), Some(Error::SessionEnded), "{offset}");
    }
    house.clock.set(now);
    let cabinet = elsewhere(&house);
    assert!(cabinet.answer(&challenge, &phone.code(now), request()).is_ok(), "put right, it goes on");
    assert!(cabinet.session(session.id).is_ok());
}

#[test]
fn a_device_that_is_recognised_by_a_clock_that_was_set_back() {
    let house = House::new();
    let (_, session) = at_home(&house);
    let token = house.cabinet.trust_device(&session, "phone").unwrap();
    house.clock.set(UnixTime(house.clock_now().0 - 3600));
    let cabinet = elsewhere(&house);
    let wrong = Password::new("wrong horse battery");
    for _ in 0..cabinet.policy().password.throttle.free {
        let approach = Approach { device: Some(token.clone()), ..Approach::default() };
        assert_eq!(cabinet.begin_login_from("ivan", &wrong, &approach).err(), Some(REJECTED));
    }
    // It was a stranger's guesses.
    assert_eq!(cabinet.begin_login("ivan", &password()).err(), Some(REJECTED));
}

#[test]
fn a_machine_whose_clock_is_a_minute_behind_takes_what_another_has_just_made() {
    let house = House::new();
    let (phone, _) = at_home(&house);
    house.clock.advance(600);
    let session = house.login("ivan", &phone).unwrap();
    let token = house.cabinet.trust_device(&session, "phone").unwrap();
    let (challenge, now) = (house.cabinet.begin_again(&session, None).unwrap(), house.clock_now());
    let wrong = Password::new("wrong horse battery");
    for (behind, taken) in [(60, true), (61, false)] {
        house.clock.set(UnixTime(now.0 - behind));
        let cabinet = elsewhere(&house);
        assert_eq!(cabinet.session(session.id).is_ok(), taken, "{behind}");
        assert_eq!(cabinet.methods(&challenge).is_ok(), taken, "{behind}");
        for _ in 0..cabinet.policy().password.throttle.free {
            let approach = Approach { device: Some(token.clone()), ..Approach::default() };
            assert_eq!(cabinet.begin_login_from("ivan", &wrong, &approach).err(), Some(REJECTED));
        }
        // A known device's guesses make no stranger wait.
        assert_eq!(cabinet.begin_login("ivan", &password()).is_ok(), taken, "{behind}");
    }
}

#[test]
fn a_code_is_not_thrown_away_by_a_machine_whose_clock_is_a_second_behind() {
    let house = House::new();
    house.texter("ivan", "+79160000001");
    let _challenge = house.challenge("ivan");
    house.clock.set(UnixTime(house.clock_now().0 - 1));
    let waiting = elsewhere(&house).outbox(100).unwrap();
    assert!(waiting.iter().any(|message| message.kind == MessageKind::LoginCode));
}

#[test]
fn a_session_that_was_made_fresh_by_a_clock_that_had_jumped_ahead() {
    let house = House::new();
    house.texter("ivan", "+79160000001");
    let challenge = house.challenge("ivan");
    let code = house.arrived(MessageKind::LoginCode).remove(0);
    let session = house.cabinet.answer(&challenge, &code, request()).unwrap();
    let now = house.clock_now();
    // Less than what ends the session as idle.
    house.clock.advance(1500);
    let again = house.cabinet.begin_again(&session, None).unwrap();
    let code = house.arrived(MessageKind::AgainCode).remove(0);
    house.cabinet.answer_again(&session, &again, &code, request()).unwrap();
    house.clock.set(now.plus(400));
    let fresh = elsewhere(&house).fresh_session(session.id);
    assert_eq!(fresh.err(), Some(Error::FreshAuthenticationNeeded));
}

#[test]
fn a_code_from_the_future_on_a_payment() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let operation = house.cabinet.propose(&session, operation_id(), &payment(8)).unwrap();
    let challenge = house.cabinet.begin_confirmation(&session, operation.id, None).unwrap();
    let early = phone.code(house.clock_now().plus(30));
    assert_eq!(house.cabinet.confirm(&session, &challenge, &early, request()), Err(REJECTED));
    // A login takes it from a clock that is a little fast.
    assert!(house.cabinet.answer(&house.challenge("ivan"), &early, request()).is_ok());
}

#[test]
fn a_flood_of_junk_that_must_not_fill_the_journal() {
    let house = House::new();
    let (phone, _) = at_home(&house);
    let policy = house.cabinet.policy().clone();
    let before = house.cabinet.history_of("ivan", 5000, None).unwrap().entries.len();
    let wrong = Password::new("wrong horse battery");
    for _ in 0..500 {
        assert_eq!(house.cabinet.begin_login("ivan", &wrong).err(), Some(REJECTED));
    }
    let challenge = Challenge { id: [0; 16], expires: UnixTime(u64::MAX), by: Evidence::Generator };
    for _ in 0..500 {
        assert_eq!(
            house.cabinet.answer(&challenge, &phone.code(house.clock_now()), request()),
            Err(REJECTED)
        );
    }
    let after = house.cabinet.history_of("ivan", 5000, None).unwrap().entries.len();
    let bound = usize::try_from(policy.password.throttle.free).unwrap() + 1;
    assert!(after - before <= bound, "{} entries", after - before);
}

#[test]
fn a_flood_of_challenges_by_somebody_who_knows_the_password() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let token = house.cabinet.trust_device(&session, "phone").unwrap();
    let mut policy = house.cabinet.policy().clone();
    policy.challenge.per_hour = 10;
    let cabinet = house.another().with_policy(policy);
    let began = told(&house, "ivan", EventKind::LoginStarted);
    // Within one hour of the clock.
    let hour = house.clock_now().0 / 3600 * 3600 + 3600;
    house.clock.set(UnixTime(hour));
    let opened = (0..200).filter(|_| cabinet.begin_login("ivan", &password()).is_ok()).count();
    assert_eq!(opened, 10);
    assert_eq!(told(&house, "ivan", EventKind::LoginStarted) - began, 10);
    let approach = Approach { device: Some(token), ..Approach::default() };
    let known = cabinet.begin_login_from("ivan", &password(), &approach).unwrap();
    assert!(cabinet.answer(&code_wanted(known), &phone.code(UnixTime(hour)), request()).is_ok());
    house.clock.set(UnixTime(hour + 3600));
    assert!(cabinet.begin_login("ivan", &password()).is_ok(), "an hour later");
}

#[test]
fn a_device_is_blocked_at_once_with_its_sessions() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let token = house.cabinet.trust_device(&session, "lost phone").unwrap();
    let challenge = code_wanted(from(&house, &token, &password()).unwrap());
    let lost = house.cabinet.answer(&challenge, &phone.code(house.clock_now()), request()).unwrap();
    house.clock.advance(30);
    let home = house.login("ivan", &phone).unwrap();
    house.clock.advance(30);
    house.cabinet.block_device(&home, token.device()).unwrap();
    assert_eq!(house.cabinet.session(lost.id), Err(Error::SessionEnded));
    assert_eq!(
        house.cabinet.block_device(&home, token.device()),
        Err(Error::DeviceUnknown),
        "blocked already"
    );
    let challenge = code_wanted(from(&house, &token, &password()).unwrap());
    let stranger = house.cabinet.answer(&challenge, &phone.code(house.clock_now()), request()).unwrap();
    assert_eq!(stranger.device, None, "its token makes a stranger");
    assert_eq!(house.cabinet.devices(&home).unwrap().len(), 1);
    house.clock.advance(house.cabinet.policy().session.fresh);
    assert_eq!(house.cabinet.remove_device(&home, token.device()), Err(Error::FreshAuthenticationNeeded));
    let again = house.cabinet.begin_again(&home, None).unwrap();
    let name = request();
    let code = phone.code(house.clock_now());
    house.cabinet.answer_again(&home, &again, &code, name).unwrap();
    assert!(house.cabinet.answer_again(&home, &again, "junk", name).is_ok(), "a lost reply");
    house.cabinet.remove_device(&home, token.device()).unwrap();
    assert_eq!(house.cabinet.devices(&home).unwrap(), []);
}

#[test]
fn a_login_from_a_device_that_is_not_known_is_announced() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let token = house.cabinet.trust_device(&session, "phone").unwrap();
    let announced = |house: &House| {
        let messages = house.cabinet.outbox(100).unwrap();
        let kinds = messages.iter().filter(|message| message.kind == MessageKind::NewDevice);
        (kinds.count(), told(house, "ivan", EventKind::NewDevice))
    };
    assert_eq!(announced(&house), (1, 1));
    let challenge = code_wanted(from(&house, &token, &password()).unwrap());
    house.cabinet.answer(&challenge, &phone.code(house.clock_now()), request()).unwrap();
    assert_eq!(announced(&house), (1, 1), "the known one is not");
    house.clock.advance(house.cabinet.policy().device.trusted);
    let challenge = code_wanted(from(&house, &token, &password()).unwrap());
    house.cabinet.answer(&challenge, &phone.code(house.clock_now()), request()).unwrap();
    assert_eq!(announced(&house), (2, 2), "known no longer");
    for message in house.cabinet.outbox(100).unwrap() {
        house.cabinet.settle(&message, zamok_cabinet::Settled::HandedOver).unwrap();
        house.cabinet.settle(&message, zamok_cabinet::Settled::HandedOver).unwrap();
    }
    assert_eq!(house.cabinet.outbox(100).unwrap(), []);
    assert_eq!(told(&house, "ivan", EventKind::MessageHandedOver), 4, "of a factor and of a device, too");
}

#[test]
fn sessions_are_listed_and_ended_one_others_and_all() {
    let house = House::new();
    let (phone, first) = at_home(&house);
    let mut sessions = vec![first];
    for _ in 0..3 {
        sessions.push(house.login("ivan", &phone).unwrap());
        house.clock.advance(30);
    }
    let ids = |sessions: &[Session]| sessions.iter().rev().map(|session| session.id).collect::<Vec<_>>();
    let listed = |session: &Session| ids(&house.cabinet.sessions(session).unwrap());
    assert_eq!(listed(&sessions[0]), sessions.iter().map(|session| session.id).collect::<Vec<_>>());
    house.cabinet.revoke_session(&sessions[0], sessions[1].id).unwrap();
    assert_eq!(listed(&sessions[0]).len(), 3);
    let stranger = house.citizen("olga");
    let hers = house.login("olga", &stranger).unwrap();
    assert_eq!(house.cabinet.revoke_session(&hers, sessions[0].id), Err(Error::SessionEnded));
    house.cabinet.end_sessions(&sessions[0], Which::Others).unwrap();
    assert_eq!(listed(&sessions[0]), [sessions[0].id]);
    assert_eq!(house.cabinet.session(sessions[2].id), Err(Error::SessionEnded));
    house.cabinet.end_sessions(&sessions[0], Which::All).unwrap();
    assert_eq!(house.cabinet.session(sessions[0].id), Err(Error::SessionEnded));
    house.cabinet.end_sessions_of("olga", "on suspicion").unwrap();
    assert_eq!(house.cabinet.session(hers.id), Err(Error::SessionEnded));
}

#[test]
fn the_oldest_session_ends_when_there_are_too_many() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let most = usize::try_from(house.cabinet.policy().session.most).unwrap();
    let mut sessions = Vec::new();
    for _ in 0..=most {
        sessions.push(house.login("ivan", &phone).unwrap().id);
        house.clock.advance(30);
    }
    assert_eq!(house.cabinet.session(sessions[0]), Err(Error::SessionEnded));
    assert!(house.cabinet.session(sessions[1]).is_ok());
    assert_eq!(house.cabinet.sessions_of("ivan").unwrap().len(), most);
}

#[test]
fn name_variants_that_dodge_a_lock_or_steal_a_login() {
    let house = House::new();
    house.cabinet.register("ivan.petrov", &password()).unwrap();
    let variants = ["Ivan.Petrov", "IVAN.PETROV", "ｉｖａｎ.ｐｅｔｒｏｖ", "ivan.pe\u{74}rov"];
    // Cyrillic letters that look the same are another login, which nobody gets.
    for stolen in variants.into_iter().chain(["ivаn.petrov", "ivan.реtrov"]) {
        assert_eq!(house.cabinet.register(stolen, &password()), Err(Error::LoginTaken), "{stolen}");
    }
    for name in [" ivan.petrov", "ivan.petrov ", "ivan .petrov", "ivan.petrov\u{200b}", "\u{202e}ivan.petrov"]
    {
        assert_eq!(house.cabinet.register(name, &password()), Err(Error::LoginUnusable), "{name:?}");
    }
    let wrong = Password::new("wrong horse battery");
    for number in 0..house.cabinet.policy().password.throttle.free {
        let name = variants[usize::try_from(number).unwrap() % variants.len()];
        assert_eq!(house.cabinet.begin_login(name, &wrong).err(), Some(REJECTED));
    }
    for name in variants.into_iter().chain(["ivan.petrov"]) {
        assert_eq!(house.cabinet.begin_login(name, &password()).err(), Some(REJECTED), "{name}: one lock");
    }
}

#[test]
fn a_10_mb_password() {
    let house = House::new();
    let long = Password::new("x".repeat(10 << 20));
    let longest = house.cabinet.policy().password.longest;
    assert_eq!(house.cabinet.register("ivan", &long).err(), Some(Error::PasswordTooLong { longest }));
    house.citizen("ivan");
    assert_eq!(house.cabinet.begin_login("ivan", &long).err(), Some(REJECTED));
    assert_eq!(house.cabinet.begin_login("nobody", &long).err(), Some(REJECTED));
    assert_eq!(house.cabinet.recover("ivan", &long, &"7".repeat(10 << 20)).err(), Some(REJECTED));
    let code = "1".repeat(10 << 20);
    assert_eq!(house.cabinet.answer(&house.challenge("ivan"), &code, request()), Err(REJECTED));
    assert!(house.cabinet.begin_login("ivan", &password()).is_ok());
}

#[test]
fn expiry_skipped_on_a_path_of_enrolment_change_or_undoing() {
    let house = House::new();
    house.texter("ivan", "+79160000001");
    let sms = |house: &House| {
        let challenge = house.challenge("ivan");
        let code = house.arrived(MessageKind::LoginCode).pop().unwrap();
        house.cabinet.answer(&challenge, &code, request()).unwrap()
    };
    let policy = house.cabinet.policy().clone();
    let session = sms(&house);
    house.clock.advance(60);
    // An agreement, and the enrolment that it belongs to.
    let old = house.cabinet.factors(&session).unwrap()[0].id;
    let change = house.cabinet.begin_change(&session, old).unwrap();
    let (agreement, code) = (change.agreement.unwrap(), house.arrived(MessageKind::AgreementCode).remove(0));
    house.cabinet.offer_channel(&change.enrolment, "+79160000002").unwrap();
    let test = house.arrived(MessageKind::EnrolmentCode).remove(0);
    house.clock.advance(policy.issued.lifetime);
    assert_eq!(house.cabinet.agree(&session, &agreement, &code, request()), Err(REJECTED));
    assert_eq!(house.cabinet.methods(&agreement), Err(REJECTED));
    house.clock.advance(policy.challenge.enrolment);
    assert_eq!(house.cabinet.confirm_factor(&change.enrolment, &test), Err(REJECTED));
    assert_eq!(house.cabinet.send_enrolment_again(&change.enrolment), Err(REJECTED));
    assert_eq!(house.cabinet.offer_generator(&change.enrolment).err(), Some(REJECTED));
    // Choosing another factor, and taking a change back.
    let login = house.challenge("ivan");
    house.clock.advance(policy.issued.lifetime);
    assert_eq!(house.cabinet.switch_method(&login, old), Err(REJECTED));
    assert_eq!(house.cabinet.methods(&login), Err(REJECTED));
    // Five codes an hour is enough.
    house.clock.advance(3600);
    let session = sms(&house);
    house.clock.advance(60);
    let change = house.cabinet.begin_change(&session, old).unwrap();
    let code = house.arrived(MessageKind::AgreementCode).remove(0);
    house.cabinet.agree(&session, &change.agreement.unwrap(), &code, request()).unwrap();
    house.cabinet.offer_channel(&change.enrolment, "+79160000002").unwrap();
    let test = house.arrived(MessageKind::EnrolmentCode).remove(0);
    house.cabinet.confirm_factor(&change.enrolment, &test).unwrap();
    house.clock.advance(60);
    let undo = house.cabinet.begin_undo("ivan", &password(), &Approach::default()).unwrap();
    let code = house.arrived(MessageKind::UndoCode).remove(0);
    house.clock.advance(policy.issued.lifetime);
    assert_eq!(house.cabinet.undo_change(&undo, &code, request()), Err(REJECTED));
}

#[test]
fn what_one_enrolment_offers_takes_the_place_of_what_another_offered() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let [first, second] = [(), ()].map(|()| house.cabinet.begin_factor(&session).unwrap());
    house.cabinet.offer_channel(&first, "+79160000001").unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    let offered = Phone::scan(house.cabinet.offer_generator(&second).unwrap().uri.as_str());
    assert_eq!(house.cabinet.confirm_factor(&first, &code), Err(Error::NothingOffered));
    house.clock.advance(60);
    assert_eq!(house.cabinet.send_enrolment_again(&first), Err(REJECTED));
    house.cabinet.confirm_factor(&second, &offered.code(house.clock_now())).unwrap();
    assert_eq!(house.cabinet.offer_channel(&first, "+79160000001"), Err(REJECTED), "another epoch");
    assert_eq!(house.cabinet.factors(&session).unwrap().len(), 2);
    house.clock.advance(30);
    assert!(house.login("ivan", &phone).is_ok());
}

#[test]
fn codes_for_an_operation_that_were_wrong_too_often_are_told() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let operation = house.cabinet.propose(&session, operation_id(), &payment(1)).unwrap();
    let challenge = house.cabinet.begin_confirmation(&session, operation.id, None).unwrap();
    for _ in 0..house.cabinet.policy().challenge.tries {
        let wrong = phone.wrong(house.clock_now());
        assert_eq!(house.cabinet.confirm(&session, &challenge, &wrong, request()), Err(REJECTED));
    }
    let messages = house.cabinet.outbox(100).unwrap();
    let notice = messages.iter().find(|message| message.kind == MessageKind::OperationRejected).unwrap();
    assert_eq!(notice.field("text"), Some(operation.text().as_str()));
    assert_eq!(told(&house, "ivan", EventKind::OperationRejected), 1);
}

#[test]
fn new_recovery_codes_a_block_and_the_end_of_sessions_are_told() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    house.cabinet.new_recovery_codes(&session).unwrap();
    let token = house.cabinet.trust_device(&session, "phone").unwrap();
    let owner = house.login("ivan", &phone).unwrap();
    house.cabinet.block_device(&owner, token.device()).unwrap();
    house.cabinet.end_sessions(&owner, Which::All).unwrap();
    let messages = house.cabinet.outbox(100).unwrap();
    for kind in [MessageKind::RecoveryCodesMade, MessageKind::DeviceBlocked, MessageKind::SessionsEnded] {
        assert_eq!(messages.iter().filter(|message| message.kind == kind).count(), 1, "{kind:?}");
    }
}

#[test]
fn a_receipt_that_is_too_long_is_refused_and_consumes_nothing() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let operation = confirmed(&house, &phone, &session, &payment(9));
    let limit = Cabinet::LONGEST_RECEIPT;
    let long = house.cabinet.execute(operation.id, |_, _| Ok(vec![0; limit + 1]));
    let refused = CoreError::TooLong { what: "a receipt", given: limit + 1, limit };
    assert_eq!(long, Err(Error::Core(refused)));
    assert_eq!(told(&house, "ivan", EventKind::OperationExecuted), 0);
    let longest = house.cabinet.execute(operation.id, |_, _| Ok(vec![7; limit]));
    assert_eq!(longest.map(|receipt| receipt.len()), Ok(limit));
}

#[test]
fn whatever_lies_in_the_place_of_a_session_lets_nothing_be_executed() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let operation = confirmed(&house, &phone, &session, &payment(5));
    let key = RowKey::new(Table(37), session.id.0);
    let version = house.store.get(&key).unwrap().unwrap().version;
    let mut change = Change::new(ChangeId([1; 16]));
    change.update(key, version, b"altered".to_vec()).unwrap();
    assert_eq!(house.store.commit(&change), Ok(Outcome::Committed));
    let executed = house.cabinet.execute(operation.id, |_, _| panic!("executed"));
    assert_eq!(executed, Err(Error::Core(CoreError::Refused)));
}
