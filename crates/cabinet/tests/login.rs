//! A citizen enrols, logs in with a one-time code and signs (R2–R4, R7, R12, R15, R16, R37, R38).
#![allow(missing_docs)]

mod harness;

use harness::{House, NOON, Phone, challenge, password, request};
use zamok_cabinet::{Begun, Error, Password, RequestId};
use zamok_core::event::EventKind;
use zamok_core::store::{Range, RowKey, Table};
use zamok_core::{Error as CoreError, UnixTime};
use zamok_journal::Telling;

const REJECTED: Error = Error::Core(CoreError::Rejected);

#[test]
fn a_citizen_enrols_logs_in_and_signs() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let signed = house.cabinet.sign(&session, b"I agree.", "consent.txt").unwrap();
    assert_eq!(signed.public_key.verify_der(b"I agree.", &signed.signature.to_der()), Ok(()));
    assert_eq!(
        signed.public_key.verify_der(b"I agree!", &signed.signature.to_der()),
        Err(CoreError::Rejected)
    );
    assert_eq!(house.cabinet.document_key("IVAN").unwrap(), signed.public_key);
}

#[test]
fn a_login_is_taken_in_every_spelling() {
    let house = House::new();
    house.cabinet.register("ivan", &password()).unwrap();
    for variant in ["ivan", "Ivan", "IVAN", "ｉｖａｎ"] {
        assert_eq!(house.cabinet.register(variant, &password()), Err(Error::LoginTaken), "{variant}");
    }
}

#[test]
fn the_code_that_ended_the_enrolment_is_not_the_first_login() {
    let house = House::new();
    house.cabinet.register("ivan", &password()).unwrap();
    let enrolment = house.enrolment("ivan");
    let phone = Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    let code = phone.code(NOON);
    house.cabinet.confirm_generator(&enrolment, &code).unwrap();
    assert_eq!(house.cabinet.answer(&house.challenge("ivan"), &code, request()), Err(REJECTED));
    assert!(house.cabinet.confirm_generator(&enrolment, &code).is_err(), "an enrolment ends with its test");
}

#[test]
fn a_wrong_test_code_leaves_the_generator_unused() {
    let house = House::new();
    house.cabinet.register("ivan", &password()).unwrap();
    let enrolment = house.enrolment("ivan");
    assert_eq!(house.cabinet.confirm_generator(&enrolment, "123456"), Err(Error::NothingOffered));
    let phone = Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    assert_eq!(house.cabinet.confirm_generator(&enrolment, &phone.wrong(NOON)), Err(REJECTED));
    assert!(matches!(house.cabinet.begin_login("ivan", &password()), Ok(Begun::Enrol(_))));
    house.cabinet.confirm_generator(&enrolment, &phone.code(NOON)).unwrap();
    assert!(matches!(house.cabinet.begin_login("ivan", &password()), Ok(Begun::Code(_))));
}

#[test]
fn a_generator_that_is_offered_again_replaces_the_untested_one() {
    let house = House::new();
    house.cabinet.register("ivan", &password()).unwrap();
    let enrolment = house.enrolment("ivan");
    let lost = Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    let kept = Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    assert_eq!(house.cabinet.confirm_generator(&enrolment, &lost.code(NOON)), Err(REJECTED));
    house.cabinet.confirm_generator(&enrolment, &kept.code(NOON)).unwrap();
    assert!(matches!(house.cabinet.offer_generator(&enrolment), Err(REJECTED)));
}

#[test]
fn a_code_opens_one_session_however_often_it_is_shown() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let code = phone.code(house.clock_now());
    let first = house.challenge("ivan");
    house.cabinet.answer(&first, &code, request()).unwrap();
    assert_eq!(house.cabinet.answer(&first, &code, request()), Err(REJECTED), "the challenge is answered");
    assert_eq!(
        house.cabinet.answer(&house.challenge("ivan"), &code, request()),
        Err(REJECTED),
        "the code is spent"
    );
}

#[test]
fn a_lost_reply_asked_for_again_is_the_same_answer() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let challenge = house.challenge("ivan");
    let name = RequestId([7; 16]);
    let wrong = phone.wrong(house.clock_now());
    for _ in 0..9 {
        assert_eq!(
            house.cabinet.answer(&challenge, &wrong, name),
            Err(REJECTED),
            "charged once, under one name"
        );
    }
    let second = request();
    let session = house.cabinet.answer(&challenge, &phone.code(house.clock_now()), second).unwrap();
    let again = house.cabinet.answer(&challenge, &phone.code(house.clock_now()), second).unwrap();
    assert_eq!(session.id, again.id);
}

#[test]
fn three_wrong_codes_end_a_challenge() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let challenge = house.challenge("ivan");
    for _ in 0..3 {
        let wrong = phone.wrong(house.clock_now());
        assert_eq!(house.cabinet.answer(&challenge, &wrong, request()), Err(REJECTED));
    }
    assert_eq!(house.cabinet.answer(&challenge, &phone.code(house.clock_now()), request()), Err(REJECTED));
    assert!(house.login("ivan", &phone).is_ok(), "a new challenge takes the same code: it was never spent");
}

#[test]
fn a_challenge_ends_with_its_time() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let challenge = house.challenge("ivan");
    house.clock.advance(house.cabinet.policy().challenge.lifetime);
    assert_eq!(house.cabinet.answer(&challenge, &phone.code(house.clock_now()), request()), Err(REJECTED));
}

#[test]
fn wrong_passwords_delay_the_right_one_and_time_forgives() {
    let house = House::new();
    let phone = house.citizen("ivan");
    for _ in 0..5 {
        assert_eq!(house.cabinet.begin_login("ivan", &Password::new("wrong horse battery")), Err(REJECTED));
    }
    assert_eq!(house.cabinet.begin_login("ivan", &password()), Err(REJECTED), "delayed");
    house.clock.advance(30);
    assert!(house.login("ivan", &phone).is_ok());
}

#[test]
fn unknown_logins_look_like_wrong_passwords() {
    let house = House::new();
    for login in ["nobody", "", "two words", "\u{202e}"] {
        assert_eq!(house.cabinet.begin_login(login, &password()), Err(REJECTED), "{login:?}");
    }
    let long = "x".repeat(10 << 20);
    assert_eq!(house.cabinet.begin_login("nobody", &Password::new(long.clone())), Err(REJECTED));
    assert_eq!(house.cabinet.begin_login(&long, &password()), Err(REJECTED));
}

#[test]
fn sessions_end_idle_by_time_and_on_demand() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let policy = house.cabinet.policy().session.clone();

    let idle = house.login("ivan", &phone).unwrap();
    house.clock.advance(policy.idle - 1);
    assert!(house.cabinet.session(idle.id).is_ok(), "used just in time, and so kept alive");
    house.clock.advance(policy.idle);
    assert_eq!(house.cabinet.session(idle.id), Err(Error::SessionEnded));

    let long = house.login("ivan", &phone).unwrap();
    for _ in 0..policy.longest / (policy.idle - 1) {
        house.clock.advance(policy.idle - 1);
        assert!(house.cabinet.session(long.id).is_ok());
    }
    house.clock.advance(policy.idle - 1);
    assert_eq!(house.cabinet.session(long.id), Err(Error::SessionEnded));

    let ended = house.login("ivan", &phone).unwrap();
    house.cabinet.end_session(ended.id, "logout").unwrap();
    house.cabinet.end_session(ended.id, "logout").unwrap();
    assert_eq!(house.cabinet.session(ended.id), Err(Error::SessionEnded));
    assert_eq!(house.cabinet.sign(&ended, b"x", "x").unwrap_err(), Error::SessionEnded);
}

#[test]
fn twenty_wrong_codes_disable_the_generator_and_the_journal_knows() {
    let house = House::new();
    let phone = house.citizen("ivan");
    for _ in 0..20 {
        house.clock.advance(60 * 60);
        let wrong = phone.wrong(house.clock_now());
        assert_eq!(house.cabinet.answer(&house.challenge("ivan"), &wrong, request()), Err(REJECTED));
    }
    house.clock.advance(60 * 60);
    assert_eq!(house.login("ivan", &phone), Err(REJECTED), "the delay is over, the generator is not back");
    let listing = house.cabinet.history_of("ivan", 500, None).unwrap();
    let told = listing.entries.iter().filter(|entry| entry.leaf.kind == EventKind::FactorDisabled).count();
    assert_eq!(told, 1);
}

#[test]
fn the_owner_reads_what_happened_and_the_operator_why() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let other = house.citizen("olga");
    let code = phone.code(house.clock_now());
    let session = house.cabinet.answer(&house.challenge("ivan"), &code, request()).unwrap();
    house.cabinet.answer(&house.challenge("ivan"), &code, request()).unwrap_err();
    house.login("olga", &other).unwrap();

    let listing = house.cabinet.history(&session, 100, None).unwrap();
    let kinds: Vec<EventKind> = listing.entries.iter().map(|entry| entry.leaf.kind).collect();
    let count = |kind| kinds.iter().filter(|found| **found == kind).count();
    assert_eq!(count(EventKind::SessionOpened), 1);
    assert_eq!(count(EventKind::CodeRejected), 1);
    assert_eq!(count(EventKind::AccountRegistered), 1);
    let reason = listing.entries.iter().find(|entry| entry.leaf.kind == EventKind::CodeRejected).unwrap();
    let Telling::Told(detail) = &reason.detail else { panic!("{:?}", reason.detail) };
    assert_eq!(detail.get("reason"), Some("code already used"));
    let by_operator = house.cabinet.history_of("ivan", 100, None).unwrap();
    assert_eq!(by_operator.entries, listing.entries);
}

#[test]
fn a_deleted_factor_row_locks_the_account() {
    const FACTORS: Table = Table(36);
    let house = House::new();
    let phone = house.citizen("ivan");
    let rows = house.store.scan(FACTORS, &Range::all(), 10, None).unwrap().rows;
    assert_eq!(rows.len(), 1);
    let mut change = zamok_core::store::Change::new(zamok_core::store::ChangeId([9; 16]));
    change.delete(RowKey::new(FACTORS, rows[0].0.clone()), rows[0].1.version).unwrap();
    assert_eq!(house.store.commit(&change).unwrap(), zamok_core::store::Outcome::Committed);
    assert_eq!(house.cabinet.begin_login("ivan", &password()), Err(Error::Core(CoreError::Refused)));
    drop(phone);
}

#[test]
fn two_handles_accept_a_code_once() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let other = house.another();
    let code = phone.code(house.clock_now());
    let (here, there) = (house.challenge("ivan"), challenge(&other, "ivan").unwrap());
    house.cabinet.answer(&here, &code, request()).unwrap();
    assert_eq!(other.answer(&there, &code, request()), Err(REJECTED));
}

#[test]
fn a_clock_set_back_does_not_bring_a_code_back() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let code = phone.code(house.clock_now());
    house.cabinet.answer(&house.challenge("ivan"), &code, request()).unwrap();
    for offset in [30, 3_600] {
        house.clock.set(UnixTime(NOON.0 - offset));
        let other = house.another();
        if let Ok(challenge) = challenge(&other, "ivan") {
            assert_eq!(other.answer(&challenge, &code, request()), Err(REJECTED));
        }
    }
}

#[test]
fn an_entry_of_somebody_else_is_neither_looked_up_nor_proved() {
    let house = House::new();
    let (phone, other) = (house.citizen("ivan"), house.citizen("olga"));
    let ivan = house.login("ivan", &phone).unwrap();
    let olga = house.login("olga", &other).unwrap();
    let entry = house.cabinet.history(&ivan, 1, None).unwrap().entries[0].id;
    house.cabinet.vault().checkpoint().unwrap();
    assert!(house.cabinet.standing(&ivan, entry).is_ok() && house.cabinet.prove(&ivan, entry).is_ok());
    assert_eq!(house.cabinet.standing(&olga, entry).err(), Some(REJECTED));
    assert_eq!(house.cabinet.prove(&olga, entry).err(), Some(REJECTED));
}

#[test]
fn failures_that_somebody_has_taken_away_lock_and_are_not_forgiven() {
    use zamok_core::store::{Change, ChangeId, Outcome};
    const FAILURES: Table = Table(34);
    let house = House::new();
    house.citizen("ivan");
    for _ in 0..5 {
        assert_eq!(house.cabinet.begin_login("ivan", &Password::new("wrong horse battery")), Err(REJECTED));
    }
    let row = RowKey::new(FAILURES, house.cabinet.account_by_login("ivan").unwrap().id.0);
    let version = house.store.get(&row).unwrap().unwrap().version;
    let mut change = Change::new(ChangeId([9; 16]));
    change.delete(row, version).unwrap();
    assert_eq!(house.store.commit(&change), Ok(Outcome::Committed));
    let begun = house.another().begin_login("ivan", &password());
    assert_eq!(begun, Err(Error::Core(CoreError::Refused)));
}
