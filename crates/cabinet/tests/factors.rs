//! Factors beside the generator: hardware tokens that count, recovery codes; each with its own counters, none left behind (R10,
//! R12, R15).
#![allow(missing_docs)]

mod harness;

use std::sync::Barrier;
use std::thread;

use harness::{House, Phone, is_named, password, request, write_behind};
use zamok_cabinet::{
    Approach, Begun, Error, Evidence, FactorId, FactorKind, FactorState, MessageKind, Password, RecoveryCode,
    Session,
};
use zamok_core::Error as CoreError;
use zamok_core::event::EventKind;
use zamok_core::otp::{Hotp, HotpParameters};
use zamok_core::secret::Secret;
use zamok_core::store::{Change, ChangeId, Outcome, Range, RowKey, Table};

const REJECTED: Error = Error::Core(CoreError::Rejected);
const SECRET: &[u8] = b"12345678901234567890";

/// What a person holds: it shows codes, and counts.
fn token() -> Hotp {
    Hotp::new(&Secret::new(SECRET).unwrap(), HotpParameters::default())
}

fn code(counter: u64) -> String {
    token().code(counter).to_string()
}

fn assigned(house: &House, login: &str) -> FactorId {
    house.cabinet.register(login, &password()).unwrap();
    let secret = Secret::new(SECRET).unwrap();
    house.cabinet.assign_token(login, &secret, 0, "serial 4711").unwrap()
}

fn answered(house: &House, login: &str, code: &str) -> Result<Session, Error> {
    house.cabinet.answer(&house.challenge(login), code, request())
}

/// A phone and a token of one account.
fn with_both(house: &House) -> (Phone, FactorId) {
    let phone = house.citizen("ivan");
    let secret = Secret::new(SECRET).unwrap();
    let id = house.cabinet.assign_token("ivan", &secret, 0, "serial 4711").unwrap();
    house.cabinet.confirm_token("ivan", id, &code(0)).unwrap();
    (phone, id)
}

/// A login by this sort of factor, from a device that nobody knows.
fn answered_by(house: &House, by: Evidence, code: &str) -> Result<Session, Error> {
    let approach = Approach { by: Some(by), ..Approach::default() };
    let begun = house.cabinet.begin_login_from("ivan", &password(), &approach)?;
    let Begun::Code(challenge) = begun else { panic!("the account has factors") };
    house.cabinet.answer(&challenge, code, request())
}

#[test]
fn a_token_counts_once_its_test_was_right_and_the_test_is_no_login() {
    let house = House::new();
    let id = assigned(&house, "ivan");
    assert!(matches!(house.cabinet.begin_login("ivan", &password()), Ok(Begun::Enrol(_))), "not tested yet");
    assert_eq!(house.cabinet.confirm_token("ivan", id, &code(500)), Err(REJECTED));
    assert_eq!(house.cabinet.factors_of("ivan").unwrap()[0].state, FactorState::Offered);
    house.cabinet.confirm_token("ivan", id, &code(0)).unwrap();
    assert_eq!(house.cabinet.confirm_token("ivan", id, &code(1)), Err(Error::FactorExists));
    let listed = house.cabinet.factors_of("ivan").unwrap();
    assert_eq!(
        (listed[0].kind, listed[0].state, listed[0].label.as_str()),
        (FactorKind::Token, FactorState::Active, "serial 4711")
    );
    assert_eq!(answered(&house, "ivan", &code(0)), Err(REJECTED), "the test code is spent");
    assert!(answered(&house, "ivan", &code(1)).is_ok());
}

#[test]
fn guesses_at_a_token_count_by_the_rule_for_tokens() {
    let mut house = House::new();
    let id = assigned(&house, "ivan");
    house.cabinet.confirm_token("ivan", id, &code(0)).unwrap();
    let mut policy = house.cabinet.policy().clone();
    assert!(policy.generator.throttle.disable_after > 3);
    (policy.token.throttle.free, policy.token.throttle.disable_after) = (u32::MAX, 3);
    house.cabinet = house.cabinet.with_policy(policy);
    for _ in 0..3 {
        assert_eq!(answered(&house, "ivan", &code(500)), Err(REJECTED));
    }
    assert_eq!(house.cabinet.factors_of("ivan").unwrap()[0].state, FactorState::Disabled);
}

#[test]
fn a_used_later_code_kills_earlier_ones() {
    let house = House::new();
    let id = assigned(&house, "ivan");
    house.cabinet.confirm_token("ivan", id, &code(0)).unwrap();
    assert!(answered(&house, "ivan", &code(5)).is_ok());
    for earlier in 0..=5 {
        assert_eq!(answered(&house, "ivan", &code(earlier)), Err(REJECTED), "{earlier}");
        house.clock.advance(3600);
    }
    assert!(answered(&house, "ivan", &code(6)).is_ok());
}

#[test]
fn digits_of_another_script_or_with_blanks_added_are_no_code() {
    let house = House::new();
    let id = assigned(&house, "ivan");
    house.cabinet.confirm_token("ivan", id, &code(0)).unwrap();
    let right = code(1);
    let arabic: String =
        right.chars().map(|digit| char::from_u32(0x660 + digit.to_digit(10).unwrap()).unwrap()).collect();
    let full_width: String =
        right.chars().map(|digit| char::from_u32(0xff10 + digit.to_digit(10).unwrap()).unwrap()).collect();
    let split = format!("{} {}", &right[..3], &right[3..]);
    for typed in [
        arabic,
        full_width,
        split,
        format!(" {right}"),
        format!("{right}\n"),
        format!("{right}0"),
        right[1..].into(),
    ] {
        assert_eq!(answered(&house, "ivan", &typed), Err(REJECTED), "{typed:?}");
        house.clock.advance(3600);
    }
    assert!(answered(&house, "ivan", &right).is_ok(), "and none of them spent it");
}

#[test]
fn a_token_that_ran_ahead_is_found_by_two_codes_and_by_no_single_one() {
    let house = House::new();
    let id = assigned(&house, "ivan");
    house.cabinet.confirm_token("ivan", id, &code(0)).unwrap();
    assert_eq!(answered(&house, "ivan", &code(700)), Err(REJECTED), "beyond the window");
    let resynchronise =
        |first, second| house.cabinet.resynchronise_token("ivan", id, [&code(first), &code(second)]);
    assert_eq!(resynchronise(700, 702), Err(REJECTED), "not in a row");
    assert_eq!(resynchronise(701, 700), Err(REJECTED));
    assert_eq!(resynchronise(5000, 5001), Err(REJECTED), "beyond what policy looks for");
    resynchronise(700, 701).unwrap();
    for spent in [1, 700, 701] {
        assert_eq!(answered(&house, "ivan", &code(spent)), Err(REJECTED), "{spent}");
        house.clock.advance(3600);
    }
    assert!(answered(&house, "ivan", &code(702)).is_ok());
    assert_eq!(house.cabinet.resynchronise_token("ivan", FactorId([0; 16]), ["1", "2"]), Err(REJECTED));
}

#[test]
fn wrong_resynchronisations_are_charged_like_wrong_codes() {
    let house = House::new();
    let id = assigned(&house, "ivan");
    house.cabinet.confirm_token("ivan", id, &code(0)).unwrap();
    for _ in 0..house.cabinet.policy().token.throttle.free {
        assert_eq!(house.cabinet.resynchronise_token("ivan", id, ["000000", "000001"]), Err(REJECTED));
    }
    let codes = [code(10), code(11)];
    let right = [codes[0].as_str(), codes[1].as_str()];
    assert_eq!(house.cabinet.resynchronise_token("ivan", id, right), Err(REJECTED), "delayed");
    house.clock.advance(30);
    house.cabinet.resynchronise_token("ivan", id, right).unwrap();
}

#[test]
fn an_owner_finds_a_token_that_ran_ahead_in_a_session_that_another_factor_opened() {
    let house = House::new();
    let (phone, id) = with_both(&house);
    let session = house.login("ivan", &phone).unwrap();
    let own =
        |first, second| house.cabinet.resynchronise_own_token(&session, id, [&code(first), &code(second)]);
    // The next counter is 1: the officer would look further.
    let most = 1 + u64::from(house.cabinet.policy().token.resynchronise);
    for (first, second) in [(90, 92), (91, 90), (most + 1, most + 2), (0, 1)] {
        assert_eq!(own(first, second), Err(REJECTED), "{first}, {second}");
    }
    let rejected = house.events(EventKind::CodeRejected);
    assert_eq!(rejected.iter().filter(|one| one.get("reason") == Some("wrong code")).count(), 4);
    own(most, most + 1).unwrap();
    assert_eq!(own(most, most + 1), Err(REJECTED), "both are spent");
    for spent in [1, most, most + 1] {
        assert_eq!(answered_by(&house, Evidence::Token, &code(spent)), Err(REJECTED), "{spent}");
    }
    assert!(answered_by(&house, Evidence::Token, &code(most + 2)).is_ok());
    assert_eq!(house.cabinet.vault().read(zamok_journal::audit).unwrap().findings, []);
}

#[test]
fn wrong_resynchronisations_of_an_owner_are_charged_like_wrong_codes_at_a_login() {
    let mut house = House::new();
    let (phone, id) = with_both(&house);
    let session = house.login("ivan", &phone).unwrap();
    let (wrong, codes) = (["000000", "000001"], [code(10), code(11)]);
    let right = [codes[0].as_str(), codes[1].as_str()];
    let throttle = house.cabinet.policy().token.throttle;
    for _ in 0..throttle.free {
        assert_eq!(house.cabinet.resynchronise_own_token(&session, id, wrong), Err(REJECTED));
    }
    assert_eq!(house.cabinet.resynchronise_own_token(&session, id, right), Err(REJECTED), "delayed");
    assert_eq!(answered_by(&house, Evidence::Token, &code(1)), Err(REJECTED), "a login as well");
    house.clock.advance(throttle.first_delay);
    house.cabinet.resynchronise_own_token(&session, id, right).unwrap();
    assert!(answered_by(&house, Evidence::Token, &code(12)).is_ok());

    let mut policy = house.cabinet.policy().clone();
    (policy.token.throttle.free, policy.token.throttle.disable_after) = (u32::MAX, 3);
    house.cabinet = house.cabinet.with_policy(policy);
    for _ in 0..3 {
        assert_eq!(house.cabinet.resynchronise_own_token(&session, id, wrong), Err(REJECTED));
    }
    let listed = house.cabinet.factors_of("ivan").unwrap();
    assert_eq!(listed.iter().find(|factor| factor.id == id).unwrap().state, FactorState::Disabled);
    assert_eq!(house.events(EventKind::FactorDisabled).len(), 1);
}

#[test]
fn no_token_is_found_again_on_its_own_word_or_anothers_or_in_an_old_session() {
    let house = House::new();
    let (phone, id) = with_both(&house);
    let codes = [code(20), code(21)];
    let right = [codes[0].as_str(), codes[1].as_str()];
    let own = |session: &Session, id| house.cabinet.resynchronise_own_token(session, id, right);
    let by_token = answered_by(&house, Evidence::Token, &code(1)).unwrap();
    assert_eq!(own(&by_token, id), Err(Error::MethodTooWeak), "it has shown nothing else");
    let other = house.citizen("olga");
    let olga = house.login("olga", &other).unwrap();
    assert_eq!(own(&olga, id), Err(REJECTED), "another person's");

    let session = house.login("ivan", &phone).unwrap();
    let secret = Secret::new(b"another secret, not tested").unwrap();
    let waiting = house.cabinet.assign_token("ivan", &secret, 0, "serial 4712").unwrap();
    let generator = house.cabinet.factors_of("ivan").unwrap()[0].id;
    for none in [generator, waiting, FactorId([0; 16])] {
        assert_eq!(own(&session, none), Err(REJECTED));
    }
    house.clock.advance(house.cabinet.policy().session.fresh);
    assert_eq!(own(&session, id), Err(Error::FreshAuthenticationNeeded));
    let again = house.cabinet.begin_again(&session, Some(Evidence::Generator)).unwrap();
    let shown = phone.code(house.clock_now());
    let session = house.cabinet.answer_again(&session, &again, &shown, request()).unwrap();
    own(&session, id).unwrap();
}

#[test]
fn of_racing_resynchronisations_one_finds_the_token() {
    let house = House::new();
    let (phone, id) = with_both(&house);
    let session = house.login("ivan", &phone).unwrap();
    let codes = [code(20), code(21)];
    let others: Vec<_> = (0..4).map(|_| house.another()).collect();
    let barrier = Barrier::new(others.len());
    let found: usize = thread::scope(|scope| {
        let racers: Vec<_> = others
            .iter()
            .map(|cabinet| {
                scope.spawn(|| {
                    barrier.wait();
                    let found = cabinet.resynchronise_own_token(&session, id, [&codes[0], &codes[1]]);
                    usize::from(found.is_ok())
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).sum()
    });
    assert_eq!(found, 1);
    assert!(answered_by(&house, Evidence::Token, &code(22)).is_ok());
}

#[test]
fn the_journal_tells_a_code_of_a_token_that_was_used_from_a_wrong_one() {
    let house = House::new();
    with_both(&house);
    answered_by(&house, Evidence::Token, &code(3)).unwrap();
    for refused in [3, 500, 2] {
        assert_eq!(answered_by(&house, Evidence::Token, &code(refused)), Err(REJECTED), "{refused}");
    }
    let told = house.events(EventKind::CodeRejected);
    let reasons: Vec<_> = told.iter().map(|detail| detail.get("reason").unwrap()).collect();
    // No more than the last one is looked at.
    assert_eq!(reasons, ["code already used", "wrong code", "wrong code"]);
}

#[test]
fn counters_that_a_success_on_another_factor_clears() {
    let house = House::new();
    let (phone, id) = with_both(&house);
    let free = house.cabinet.policy().token.throttle.free;
    for _ in 0..free {
        assert_eq!(house.cabinet.resynchronise_token("ivan", id, ["000000", "000001"]), Err(REJECTED));
    }
    // The generator is right, and forgives the token nothing.
    house.login("ivan", &phone).unwrap();
    let codes = [code(10), code(11)];
    let right = [codes[0].as_str(), codes[1].as_str()];
    assert_eq!(house.cabinet.resynchronise_token("ivan", id, right), Err(REJECTED), "still delayed");
    // Nor what strangers have failed at with either of the two at logins.
    for (guessed, other) in [(Evidence::Token, Evidence::Generator), (Evidence::Generator, Evidence::Token)] {
        let house = House::new();
        let (phone, _) = with_both(&house);
        let is_token = guessed == Evidence::Token;
        let policy = house.cabinet.policy();
        let throttle = if is_token { policy.token.throttle } else { policy.generator.throttle };
        let right = |by: Evidence| match by {
            Evidence::Token => code(1),
            _ => phone.code(house.clock_now()),
        };
        let wrong = if is_token { code(500) } else { phone.wrong(house.clock_now()) };
        for _ in 0..throttle.free {
            assert_eq!(answered_by(&house, guessed, &wrong), Err(REJECTED), "{guessed:?}");
        }
        assert!(answered_by(&house, other, &right(other)).is_ok(), "{other:?} has failures of its own");
        assert_eq!(answered_by(&house, guessed, &right(guessed)), Err(REJECTED), "{guessed:?}: delayed");
        house.clock.advance(throttle.first_delay);
        assert!(answered_by(&house, guessed, &right(guessed)).is_ok(), "{guessed:?}: a delay and no more");
    }
}

#[test]
fn a_success_by_one_factor_clears_no_sum_of_what_strangers_failed_at_by_another() {
    let mut house = House::new();
    let (phone, _) = with_both(&house);
    let mut policy = house.cabinet.policy().clone();
    // Nothing is delayed: the sum alone ends them.
    (policy.token.throttle.free, policy.budget.strangers) = (u32::MAX, 3);
    let span = policy.budget.span;
    house.cabinet = house.cabinet.with_policy(policy);
    let by_generator =
        |house: &House| answered_by(house, Evidence::Generator, &phone.code(house.clock_now()));
    for guess in [code(500), code(501)] {
        assert_eq!(answered_by(&house, Evidence::Token, &guess), Err(REJECTED));
    }
    assert!(by_generator(&house).is_ok(), "one more is borne");
    assert_eq!(answered_by(&house, Evidence::Token, &code(502)), Err(REJECTED));
    house.clock.advance(30);
    assert_eq!(by_generator(&house), Err(REJECTED), "all three count");
    assert_eq!(answered_by(&house, Evidence::Token, &code(1)), Err(REJECTED));
    house.clock.advance(span);
    assert!(by_generator(&house).is_ok(), "another span");
    assert!(answered_by(&house, Evidence::Token, &code(1)).is_ok(), "and no code was spent");
}

#[test]
fn a_deleted_factor_row_locks_whichever_it_is() {
    const FACTORS: Table = Table(36);
    for taken in 0..2 {
        let house = House::new();
        house.citizen("ivan");
        let secret = Secret::new(SECRET).unwrap();
        let id = house.cabinet.assign_token("ivan", &secret, 0, "serial 4711").unwrap();
        house.cabinet.confirm_token("ivan", id, &code(0)).unwrap();
        let rows = house.store.scan(FACTORS, &Range::all(), 10, None).unwrap().rows;
        assert_eq!(rows.len(), 2);
        let mut change = Change::new(ChangeId([9; 16]));
        change.delete(RowKey::new(FACTORS, rows[taken].0.clone()), rows[taken].1.version).unwrap();
        assert_eq!(house.store.commit(&change).unwrap(), Outcome::Committed);
        let begun = house.cabinet.begin_login("ivan", &password());
        assert_eq!(begun, Err(Error::Core(CoreError::Refused)), "the other factor does not stand in for it");
    }
}

#[test]
fn a_removed_factor_is_gone_with_its_key_and_ends_sessions() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let id = house.cabinet.factors_of("ivan").unwrap()[0].id;
    assert_eq!(house.cabinet.remove_factor("ivan", FactorId([0; 16]), "x"), Err(REJECTED));
    house.cabinet.remove_factor("ivan", id, "the phone was lost").unwrap();
    assert_eq!(house.cabinet.factors_of("ivan").unwrap(), []);
    assert_eq!(house.cabinet.session(session.id), Err(Error::SessionEnded));
    assert_eq!(house.events(EventKind::KeyDestroyed).len(), 1);
    assert_eq!(house.cabinet.vault().read(zamok_journal::audit).unwrap().findings, []);
}

fn codes(house: &House, login: &str) -> Vec<RecoveryCode> {
    let phone = house.citizen(login);
    let session = house.login(login, &phone).unwrap();
    house.cabinet.new_recovery_codes(&session).unwrap()
}

#[test]
fn a_recovery_code_opens_an_enrolment_once_and_nothing_else() {
    let house = House::new();
    let set = codes(&house, "ivan");
    assert_eq!(set.len(), 10);
    let first = set[0].as_str();
    assert!(first.starts_with("01-") && first.len() == 2 + 4 * 5, "{}", first.len());
    let recover = |password: &Password, code: &str| house.cabinet.recover("ivan", password, code);
    assert_eq!(recover(&Password::new("wrong horse battery"), first), Err(REJECTED));
    assert_eq!(recover(&password(), "01-AAAA-AAAA-AAAA-AAAA"), Err(REJECTED));
    assert_eq!(house.cabinet.recover("nobody", &password(), first), Err(REJECTED));
    // With codes as old as these nothing is taken back.
    house.clock.advance(house.cabinet.policy().contact.reversible);
    // As somebody types it from paper.
    let enrolment = recover(&password(), &first.to_lowercase().replace('-', " ")).unwrap();
    assert_eq!(house.cabinet.factors_of("ivan").unwrap(), [], "every factor is gone");
    for code in &set {
        assert_eq!(recover(&password(), code.as_str()), Err(REJECTED), "and every other code");
        house.clock.advance(1);
    }
    let phone = Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    house.cabinet.confirm_generator(&enrolment, &phone.code(house.clock_now())).unwrap();
    assert_eq!(house.events(EventKind::RecoveryUsed).len(), 1);
    assert_eq!(house.cabinet.vault().read(zamok_journal::audit).unwrap().findings, []);
}

#[test]
fn a_code_of_another_account_or_another_number_is_none() {
    let house = House::new();
    let (ivans, olgas) = (codes(&house, "ivan"), codes(&house, "olga"));
    let swapped = format!("02{}", &ivans[0].as_str()[2..]);
    assert_eq!(house.cabinet.recover("ivan", &password(), &swapped), Err(REJECTED));
    assert_eq!(house.cabinet.recover("ivan", &password(), olgas[0].as_str()), Err(REJECTED));
    house.clock.advance(3600);
    assert!(house.cabinet.recover("ivan", &password(), ivans[0].as_str()).is_ok());
}

#[test]
fn a_new_set_of_recovery_codes_kills_the_old_one() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let old = house.cabinet.new_recovery_codes(&session).unwrap();
    let new = house.cabinet.new_recovery_codes(&session).unwrap();
    assert_eq!(house.cabinet.recover("ivan", &password(), old[0].as_str()), Err(REJECTED));
    assert!(house.cabinet.recover("ivan", &password(), new[0].as_str()).is_ok());
    assert_eq!(house.cabinet.session(session.id).err(), Some(Error::SessionEnded), "every session is over");
}

#[test]
fn wrong_recovery_codes_are_delayed_and_never_disabled() {
    let house = House::new();
    let set = codes(&house, "ivan");
    for _ in 0..100 {
        assert_eq!(house.cabinet.recover("ivan", &password(), "01-AAAA-AAAA-AAAA-AAAA"), Err(REJECTED));
    }
    let listing = house.cabinet.history_of("ivan", 500, None).unwrap();
    let told = listing.entries.iter().filter(|entry| entry.leaf.kind == EventKind::RecoveryRejected).count();
    assert_eq!(told, 3, "what is delayed is not looked at, and fills no journal");
    assert_eq!(house.cabinet.recover("ivan", &password(), set[0].as_str()), Err(REJECTED), "delayed");
    house.clock.advance(3600);
    assert!(house.cabinet.recover("ivan", &password(), set[0].as_str()).is_ok());
}

#[test]
fn two_recovery_codes_racing_open_one_enrolment() {
    for _ in 0..5 {
        let house = House::new();
        let set = codes(&house, "ivan");
        let others: Vec<_> = (0..4).map(|_| house.another()).collect();
        let barrier = Barrier::new(others.len());
        let opened: usize = thread::scope(|scope| {
            let racers: Vec<_> = others
                .iter()
                .zip(&set)
                .map(|(cabinet, code)| {
                    scope.spawn(|| {
                        barrier.wait();
                        usize::from(cabinet.recover("ivan", &password(), code.as_str()).is_ok())
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).sum()
        });
        assert_eq!(opened, 1);
    }
}

#[test]
fn an_enrolment_that_was_opened_before_a_token_counted_enrols_nothing() {
    let house = House::new();
    let id = assigned(&house, "ivan");
    let enrolment = house.enrolment("ivan");
    let app = Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    house.cabinet.confirm_token("ivan", id, &code(0)).unwrap();
    let test = app.code(house.clock_now());
    assert_eq!(house.cabinet.confirm_generator(&enrolment, &test), Err(REJECTED));
    assert!(answered(&house, "ivan", &code(1)).is_ok());
}

#[test]
fn an_account_that_has_lost_its_token_gives_another_factor_to_nobody_for_its_password_alone() {
    let house = House::new();
    let id = assigned(&house, "ivan");
    house.cabinet.confirm_token("ivan", id, &code(0)).unwrap();
    house.cabinet.remove_factor("ivan", id, "lost").unwrap();
    assert_eq!(house.cabinet.begin_login("ivan", &password()), Err(Error::MethodUnavailable));
}

#[test]
fn the_row_of_an_account_from_before_its_token_is_named_when_it_is_put_back() {
    let house = House::new();
    house.cabinet.register("ivan", &password()).unwrap();
    let row = RowKey::new(Table(32), house.cabinet.account_by_login("ivan").unwrap().id.0);
    let old = house.store.get(&row).unwrap().unwrap();
    let id = house.cabinet.assign_token("ivan", &Secret::new(SECRET).unwrap(), 0, "serial 4711").unwrap();
    house.cabinet.confirm_token("ivan", id, &code(0)).unwrap();
    write_behind(&*house.store, &row, Some(&old));
    assert!(matches!(house.cabinet.begin_login("ivan", &password()), Ok(Begun::Enrol(_))), "the gain");
    assert!(is_named(&house, &row));
}

#[test]
fn that_the_desk_takes_a_factor_away_is_told_to_its_owner() {
    let house = House::new();
    house.citizen("ivan");
    let id = house.cabinet.factors_of("ivan").unwrap()[0].id;
    house.cabinet.remove_factor("ivan", id, "the phone was lost").unwrap();
    let messages = house.cabinet.outbox(100).unwrap();
    let told = messages.iter().filter(|message| message.kind == MessageKind::FactorRemoved).count();
    assert_eq!(told, 1);
}

#[test]
fn recoveries_that_are_refused_unseen_are_summed_up_like_logins() {
    let house = House::new();
    let _set = codes(&house, "ivan");
    for _ in 0..10 {
        assert_eq!(house.cabinet.recover("ivan", &password(), "01-AAAA-AAAA-AAAA-AAAA"), Err(REJECTED));
    }
    assert_eq!(house.events(EventKind::LoginRefusedWhileDelayed).len(), 1);
}

#[test]
fn a_token_has_no_longer_label_than_any_other_factor() {
    let house = House::new();
    house.cabinet.register("ivan", &password()).unwrap();
    let limit = zamok_cabinet::Cabinet::LONGEST_FACTOR_LABEL;
    let (secret, long) = (Secret::new(SECRET).unwrap(), "x".repeat(limit + 1));
    let refused = CoreError::TooLong { what: "the label of a factor", given: limit + 1, limit };
    assert_eq!(house.cabinet.assign_token("ivan", &secret, 0, &long), Err(Error::Core(refused)));
}

#[test]
fn a_clock_that_had_jumped_ahead_keeps_no_recovery_code_out_for_decades() {
    let house = House::new();
    let set = codes(&house, "ivan");
    let today = house.clock_now();
    house.clock.set(zamok_core::UnixTime(4_000_000_000));
    for _ in 0..5 {
        assert_eq!(house.cabinet.recover("ivan", &password(), "01-AAAA-AAAA-AAAA-AAAA"), Err(REJECTED));
    }
    house.clock.set(today);
    let cabinet = house.another();
    assert_eq!(cabinet.recover("ivan", &password(), set[0].as_str()), Err(REJECTED), "still delayed");
    house.clock.advance(60 * 60);
    assert!(cabinet.recover("ivan", &password(), set[0].as_str()).is_ok());
}
