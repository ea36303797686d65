//! Abuse of what a right password gives, and of what is known to others: tickets, names of attempts, malformed logins.
#![allow(missing_docs)]

mod harness;

use std::sync::Arc;

use harness::{House, LIGHT, Phone, light_policy, password, request};
use zamok_cabinet::{Begun, Cabinet, Error, Password};
use zamok_core::event::EventKind;
use zamok_core::store::{MemoryStore, Range, RowKey, Table};
use zamok_core::vault::{KeyState, keys};
use zamok_core::{Error as CoreError, UnixTime};
use zamok_host::{Options, Passphrase, Vault};

const REJECTED: Error = Error::Core(CoreError::Rejected);

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
