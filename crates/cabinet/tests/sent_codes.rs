//! Codes that are sent (R3–R5, R9): derived for one challenge and one sending, and read here from the outbox as a phone would.
#![allow(missing_docs)]

mod harness;

use std::thread;

use harness::{House, NOON, password, request};
use zamok_cabinet::{
    Approach, Begun, Challenge, Error, Evidence, FactorKind, FactorState, MessageKind, Policy, Session,
};
use zamok_core::event::EventKind;
use zamok_core::{Error as CoreError, UnixTime};

const REJECTED: Error = Error::Core(CoreError::Rejected);
const PHONE: &str = "+7 916 123-45-67";

/// A house in which one citizen is reached by SMS.
fn town() -> House {
    let house = House::new();
    house.texter("ivan", PHONE);
    house
}

fn begin(house: &House) -> Result<Challenge, Error> {
    let approach = Approach { language: "ru".into(), ..Approach::default() };
    match house.cabinet.begin_login_from("ivan", &password(), &approach)? {
        Begun::Code(challenge) => Ok(challenge),
        Begun::Enrol(_) => panic!("the account has a factor"),
    }
}

fn login_code(house: &House) -> String {
    let mut codes = house.arrived(MessageKind::LoginCode);
    assert_eq!(codes.len(), 1);
    codes.remove(0)
}

fn answer(house: &House, challenge: &Challenge, code: &str) -> Result<Session, Error> {
    house.cabinet.answer(challenge, code, request())
}

#[test]
fn the_code_that_ended_the_enrolment_of_a_phone_is_not_the_first_login() {
    let house = House::new();
    house.cabinet.register("ivan", &password()).unwrap();
    let enrolment = house.enrolment("ivan");
    assert_eq!(house.cabinet.confirm_factor(&enrolment, "123456"), Err(Error::NothingOffered));
    house.cabinet.offer_channel(&enrolment, PHONE).unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    let account = house.cabinet.account_by_login("ivan").unwrap();
    assert!(!account.contacts[0].verified && house.cabinet.account_by_contact(PHONE).is_err());
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(house.cabinet.confirm_factor(&enrolment, wrong), Err(REJECTED));
    house.cabinet.confirm_factor(&enrolment, &code).unwrap();
    assert_eq!(
        house.cabinet.confirm_factor(&enrolment, &code),
        Err(REJECTED),
        "an enrolment ends with its test"
    );
    assert_eq!(house.cabinet.account_by_contact("+79161234567").unwrap().id, account.id);
    house.clock.advance(60);
    let challenge = begin(&house).unwrap();
    assert_eq!(challenge.by, Evidence::Sms);
    let sent = login_code(&house);
    assert_eq!(answer(&house, &challenge, &code), Err(REJECTED));
    assert!(answer(&house, &challenge, &sent).is_ok());
}

#[test]
fn a_sent_code_opens_one_session_and_a_lost_reply_is_given_again() {
    let house = town();
    let challenge = begin(&house).unwrap();
    let (code, name) = (login_code(&house), request());
    let session = house.cabinet.answer(&challenge, &code, name).unwrap();
    assert_eq!(session.evidence, [Evidence::Password, Evidence::Sms]);
    assert_eq!(house.cabinet.answer(&challenge, "", name).unwrap().id, session.id);
    assert_eq!(answer(&house, &challenge, &code), Err(REJECTED), "used");
    house.clock.advance(60);
    let other = begin(&house).unwrap();
    assert_eq!(answer(&house, &other, &code), Err(REJECTED), "of another challenge");
}

#[test]
fn a_new_code_kills_the_old_and_sending_is_no_failure() {
    let house = town();
    let challenge = begin(&house).unwrap();
    let first = login_code(&house);
    house.clock.advance(59);
    assert_eq!(house.cabinet.send_again(&challenge), Err(Error::ResendTooSoon { seconds: 1 }));
    house.clock.advance(1);
    house.cabinet.send_again(&challenge).unwrap();
    let second = login_code(&house);
    house.clock.advance(60);
    house.cabinet.send_again(&challenge).unwrap();
    let third = login_code(&house);
    house.clock.advance(60);
    assert_eq!(house.cabinet.send_again(&challenge), Err(Error::SupportNeeded), "three did not arrive");
    assert_eq!(answer(&house, &challenge, &first), Err(REJECTED));
    assert_eq!(answer(&house, &challenge, &second), Err(REJECTED));
    assert!(answer(&house, &challenge, &third).is_ok(), "three sendings took no try");
}

#[test]
fn another_challenge_is_no_way_around_the_pause_between_two_codes() {
    let house = town();
    begin(&house).unwrap();
    house.clock.advance(20);
    assert_eq!(begin(&house), Err(Error::ResendTooSoon { seconds: 40 }));
    assert_eq!(house.arrived(MessageKind::LoginCode).len(), 1);
    house.clock.advance(40);
    assert!(begin(&house).is_ok());
}

#[test]
fn a_race_between_two_resends() {
    for _ in 0..20 {
        let house = town();
        let challenge = begin(&house).unwrap();
        login_code(&house);
        house.clock.advance(60);
        let sent = thread::scope(|scope| {
            let threads = [(), ()].map(|()| scope.spawn(|| house.cabinet.send_again(&challenge)));
            threads.map(|thread| thread.join().unwrap())
        });
        assert_eq!(sent.iter().filter(|sent| sent.is_ok()).count(), 1, "{sent:?}");
        assert!(sent.contains(&Err(Error::ResendTooSoon { seconds: 60 })), "{sent:?}");
        assert!(answer(&house, &challenge, &login_code(&house)).is_ok());
    }
}

#[test]
fn wrong_expired_used_and_unknown_are_the_same_answer() {
    let house = town();
    let challenge = begin(&house).unwrap();
    let code = login_code(&house);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for text in [wrong, "", "００００００"] {
        assert_eq!(answer(&house, &challenge, text), Err(REJECTED));
    }
    assert_eq!(answer(&house, &challenge, &code), Err(REJECTED), "three tries");
    house.clock.advance(60);
    let challenge = begin(&house).unwrap();
    let code = login_code(&house);
    house.clock.advance(house.cabinet.policy().issued.lifetime);
    assert_eq!(answer(&house, &challenge, &code), Err(REJECTED), "late");
    assert_eq!(house.cabinet.send_again(&challenge), Err(REJECTED));
    let unknown = Challenge { id: [9; 16], ..challenge };
    assert_eq!(answer(&house, &unknown, &code), Err(REJECTED));
}

#[test]
fn a_contact_gets_no_more_codes_than_policy_says() {
    let house = town();
    let issued = house.cabinet.policy().issued.clone();
    // From the beginning of a day on, one begun after the other.
    house.clock.set(UnixTime((NOON.0 / 86_400 + 1) * 86_400));
    let within = |tries: usize| {
        let sent = (0..tries).filter(|_| {
            house.clock.advance(60);
            begin(&house).is_ok()
        });
        sent.count()
    };
    assert_eq!(within(20), usize::try_from(issued.per_hour).unwrap());
    house.clock.advance(60);
    assert_eq!(begin(&house), Err(Error::TooManyMessages));
    let mut total = usize::try_from(issued.per_hour).unwrap();
    for hour in 1..6 {
        house.clock.set(UnixTime((NOON.0 / 86_400 + 1) * 86_400 + hour * 3600));
        total += within(10);
    }
    assert_eq!(total, usize::try_from(issued.per_day).unwrap());
    house.clock.advance(86_400);
    assert!(begin(&house).is_ok());
}

#[test]
fn one_account_does_not_make_strangers_phones_ring_without_end() {
    let house = House::new();
    house.cabinet.register("ivan", &password()).unwrap();
    house.clock.set(UnixTime((NOON.0 / 86_400 + 1) * 86_400));
    let per_hour = house.cabinet.policy().issued.per_hour;
    let mut sent = 0;
    for number in 0..20 {
        let enrolment = house.enrolment("ivan");
        let offered = house.cabinet.offer_channel(&enrolment, &format!("+7916000000{}", number % 10));
        sent += u32::from(offered.is_ok());
    }
    assert_eq!(sent, per_hour);
    for hour in 1..6 {
        house.clock.advance(3600);
        for number in 0..10 {
            let enrolment = house.enrolment("ivan");
            let offered = house.cabinet.offer_channel(&enrolment, &format!("+7916000{hour}00{number}"));
            sent += u32::from(offered.is_ok());
        }
    }
    assert_eq!(sent, house.cabinet.policy().issued.per_day);
    let account = house.cabinet.account_by_login("ivan").unwrap();
    assert!(account.contacts.len() <= 1, "what nobody has confirmed is not collected");
}

#[test]
fn a_code_that_went_to_one_phone_verifies_no_other() {
    let house = House::new();
    house.cabinet.register("ivan", &password()).unwrap();
    let enrolment = house.enrolment("ivan");
    house.cabinet.offer_channel(&enrolment, PHONE).unwrap();
    let own = house.arrived(MessageKind::EnrolmentCode).remove(0);
    // The phone of somebody else, offered in the same enrolment.
    house.cabinet.offer_channel(&enrolment, "+79160000001").unwrap();
    let other = house.arrived(MessageKind::EnrolmentCode).remove(0);
    assert_ne!(own, other, "or one in a million");
    assert_eq!(house.cabinet.confirm_factor(&enrolment, &own), Err(REJECTED));
    house.cabinet.confirm_factor(&enrolment, &other).unwrap();
}

#[test]
fn a_code_that_counts_no_more_leaves_the_outbox_unsent() {
    let house = town();
    let challenge = begin(&house).unwrap();
    house.clock.advance(60);
    house.cabinet.send_again(&challenge).unwrap();
    let codes = || {
        let waiting = house.cabinet.outbox(100).unwrap().into_iter();
        waiting.filter_map(|message| message.field("code").map(str::to_owned)).collect::<Vec<_>>()
    };
    let waiting = codes();
    assert_eq!(waiting.len(), 1, "the new one alone");
    assert!(answer(&house, &challenge, &waiting[0]).is_ok());
    assert_eq!(codes(), Vec::<String>::new(), "and once it was used, none");
    let ended: Vec<_> = house.events(EventKind::MessageExpired);
    let reasons: Vec<_> = ended.iter().map(|detail| detail.get("reason").unwrap().to_owned()).collect();
    assert_eq!(reasons, ["its code does not count any more"; 2]);
}

#[test]
fn a_phone_that_another_account_has_is_told_to_whoever_answers_its_code_alone() {
    let house = town();
    house.cabinet.register("olga", &password()).unwrap();
    let enrolment = house.enrolment("olga");
    house.cabinet.offer_channel(&enrolment, "+79161234567").unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(house.cabinet.confirm_factor(&enrolment, wrong), Err(REJECTED));
    assert_eq!(house.cabinet.confirm_factor(&enrolment, &code), Err(Error::ContactTaken));
    assert!(matches!(house.cabinet.begin_login("olga", &password()), Ok(Begun::Enrol(_))));
}

#[test]
fn e_mail_is_a_channel_where_policy_takes_it_and_none_where_it_does_not() {
    let house = House::new();
    house.cabinet.register("ivan", &password()).unwrap();
    let enrolment = house.enrolment("ivan");
    let offered = house.cabinet.offer_channel(&enrolment, "ivan@example.org");
    assert_eq!(offered, Err(Error::MethodTooWeak), "SP 800-63B-4 §3.1.3.1");
    let mut policy = house.cabinet.policy().clone();
    policy.factor.weakest = Policy::seeds().factor.weakest;
    let cabinet = house.another().with_policy(policy);
    cabinet.offer_channel(&enrolment, "ivan@example.org").unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    cabinet.confirm_factor(&enrolment, &code).unwrap();
    house.clock.advance(60);
    let Begun::Code(challenge) = cabinet.begin_login("ivan", &password()).unwrap() else { panic!() };
    assert_eq!(challenge.by, Evidence::Email);
    // A policy that became stricter meanwhile neither takes the code nor lets anybody enrol instead.
    assert_eq!(house.cabinet.begin_login("ivan", &password()), Err(Error::MethodTooWeak));
    assert!(cabinet.answer(&challenge, &login_code(&house), request()).is_ok());
}

#[test]
fn nothing_of_a_message_is_printed() {
    let house = town();
    house.arrived(MessageKind::LoginCode);
    begin(&house).unwrap();
    let message = house.cabinet.outbox(1).unwrap().remove(0);
    let printed = format!("{message:?}");
    assert_eq!(printed, format!("Message(LoginCode {}, 1 fields, redacted)", message.id));
    assert!(!printed.contains(message.field("code").unwrap()));
    assert_eq!((message.language.as_str(), message.expires), ("ru", house.clock_now().plus(300)));
    assert_eq!(message.recipient.contact.map(|(_, channel)| channel), Some(Evidence::Sms));
}

#[test]
fn the_owner_chooses_the_factor_at_login_and_changing_it_buys_no_try() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    house.clock.advance(30);
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_channel(&enrolment, PHONE).unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    house.cabinet.confirm_factor(&enrolment, &code).unwrap();
    assert!(house.cabinet.session(session.id).is_ok(), "the session in which it was added goes on");
    house.clock.advance(60);

    let challenge = house.challenge("ivan");
    assert_eq!(challenge.by, Evidence::Generator, "the one that stands first");
    let methods = house.cabinet.methods(&challenge).unwrap();
    let kinds: Vec<Evidence> = methods.iter().map(|method| method.evidence).collect();
    assert_eq!(kinds, [Evidence::Generator, Evidence::Sms]);
    assert_eq!(methods[1].hint.as_deref(), Some("+7···4567"));
    let wrong = phone.wrong(house.clock_now());
    assert_eq!(answer(&house, &challenge, &wrong), Err(REJECTED));
    assert_eq!(answer(&house, &challenge, &phone.wrong(house.clock_now())), Err(REJECTED));
    let by_sms = house.cabinet.switch_method(&challenge, methods[1].factor).unwrap();
    let sent = login_code(&house);
    assert_eq!(
        answer(&house, &challenge, &phone.code(house.clock_now())),
        Err(REJECTED),
        "the old one is dead"
    );
    let wrong = if sent == "000000" { "000001" } else { "000000" };
    assert_eq!(answer(&house, &by_sms, wrong), Err(REJECTED), "the third try");
    assert_eq!(answer(&house, &by_sms, &sent), Err(REJECTED));
    house.clock.advance(60);
    let approach = Approach { by: Some(Evidence::Sms), ..Approach::default() };
    let Begun::Code(challenge) = house.cabinet.begin_login_from("ivan", &password(), &approach).unwrap()
    else {
        panic!()
    };
    let session = answer(&house, &challenge, &login_code(&house)).unwrap();
    house.cabinet.prefer_factor(&session, methods[1].factor).unwrap();
    house.clock.advance(60);
    assert_eq!(house.challenge("ivan").by, Evidence::Sms, "preferred from now on");
}

#[test]
fn several_of_one_kind_have_counters_labels_and_a_last_use_of_their_own() {
    let house = House::new();
    let first = house.citizen("ivan");
    let session = house.login("ivan", &first).unwrap();
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    let second = harness::Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    house.cabinet.confirm_factor(&enrolment, &second.code(house.clock_now())).unwrap();
    house.clock.advance(30);
    let factors = house.cabinet.factors(&session).unwrap();
    assert_eq!(factors.len(), 2);
    assert!(factors.iter().all(|factor| factor.kind == FactorKind::Generator));
    house.cabinet.rename_factor(&session, factors[1].id, "tablet").unwrap();
    let by = |place: usize| {
        let approach = Approach { factor: Some(factors[place].id), ..Approach::default() };
        match house.cabinet.begin_login_from("ivan", &password(), &approach).unwrap() {
            Begun::Code(challenge) => challenge,
            Begun::Enrol(_) => panic!(),
        }
    };
    // Twenty wrong codes at the first disable that alone.
    for _ in 0..20 {
        house.clock.advance(3600);
        assert_eq!(answer(&house, &by(0), &first.wrong(house.clock_now())), Err(REJECTED));
    }
    house.clock.advance(3600);
    let used = house.clock_now();
    let session = answer(&house, &by(1), &second.code(used)).unwrap();
    assert_eq!(
        answer(&house, &by(0), &first.code(used)),
        Err(REJECTED),
        "disabled, and no success of another helps"
    );
    let factors = house.cabinet.factors(&session).unwrap();
    assert_eq!((factors[0].state, factors[1].state), (FactorState::Disabled, FactorState::Active));
    assert_eq!((factors[1].label.as_str(), factors[1].last_used), ("tablet", Some(used)));
    assert!(factors[0].last_used < Some(used));
    house.cabinet.resume_factor("ivan", factors[0].id, "seen at the desk").unwrap();
    house.clock.advance(30);
    assert!(answer(&house, &by(0), &first.code(house.clock_now())).is_ok());
    let session = answer(&house, &by(1), &second.code(house.clock_now())).unwrap();
    house.cabinet.drop_factor(&session, factors[0].id).unwrap();
    assert_eq!(house.cabinet.drop_factor(&session, factors[1].id), Err(Error::LastFactor));
    assert_eq!(house.events(EventKind::FactorRemoved).len(), 1);
}

#[test]
fn a_phone_alone_logs_in_where_policy_and_account_allow_it_and_tells_nobody_whether_it_is_known() {
    let mut house = town();
    let strict = house.cabinet.begin_login_by_phone(PHONE, &Approach::default());
    assert_eq!(strict, Err(Error::NotAllowed));
    let mut policy = house.cabinet.policy().clone();
    policy.contact.login = Policy::seeds().contact.login;
    house.cabinet = house.cabinet.with_policy(policy);
    let begin = |phone: &str| house.cabinet.begin_login_by_phone(phone, &Approach::default()).unwrap();
    assert_eq!(
        house.cabinet.begin_login_by_phone("ivan@example.org", &Approach::default()),
        Err(Error::ContactUnusable)
    );
    let (known, unknown) = (begin("+7 916 1234567"), begin("+79169999999"));
    assert_eq!((known.by, known.expires), (unknown.by, unknown.expires));
    let own = house.cabinet.factors_of("ivan").unwrap()[0].id;
    for challenge in [known, unknown] {
        // Neither by what else could be answered with, nor by when a code was sent last; and nobody changes to another.
        assert_eq!(house.cabinet.methods(&challenge).err(), Some(REJECTED));
        assert_eq!(house.cabinet.switch_method(&challenge, own).err(), Some(REJECTED));
        assert_eq!(house.cabinet.send_again(&challenge), Err(REJECTED));
    }
    let code = login_code(&house);
    for challenge in [unknown, begin(PHONE)] {
        assert_eq!(
            answer(&house, &challenge, &code),
            Err(REJECTED),
            "nobody's, and one to which no code was sent"
        );
    }
    assert_eq!(house.arrived(MessageKind::LoginCode).len(), 0, "the pause holds");
    let session = answer(&house, &known, &code).unwrap();
    assert_eq!(
        (session.evidence.as_slice(), session.assurance()),
        (&[Evidence::Sms][..], zamok_cabinet::Assurance::Low)
    );
    // Whoever has a phone for a moment enrols nothing that stays.
    house.clock.advance(60);
    assert_eq!(house.cabinet.begin_factor(&session).err(), Some(Error::MethodTooWeak));
    assert_eq!(house.cabinet.trust_device(&session, "mine").err(), Some(Error::MethodTooWeak));
    assert_eq!(house.cabinet.sign(&session, b"I owe.", "debt").err(), Some(Error::MethodTooWeak));
    // An account that has something stronger is not entered by less.
    let challenge = house.challenge("ivan");
    let session = answer(&house, &challenge, &login_code(&house)).unwrap();
    house.clock.advance(60);
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    let app = harness::Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    house.cabinet.confirm_factor(&enrolment, &app.code(house.clock_now())).unwrap();
    let challenge = house.cabinet.begin_login_by_phone(PHONE, &Approach::default()).unwrap();
    assert_eq!(house.arrived(MessageKind::LoginCode).len(), 0);
    assert_eq!(answer(&house, &challenge, &code), Err(REJECTED));
}

#[test]
fn what_policy_takes_at_no_login_is_not_chosen_in_the_place_of_another_either() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let mut policy = house.cabinet.policy().clone();
    policy.factor.weakest = Policy::seeds().factor.weakest;
    let lax = house.another().with_policy(policy);
    let enrolment = lax.begin_factor(&session).unwrap();
    lax.offer_channel(&enrolment, "ivan@example.org").unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    lax.confirm_factor(&enrolment, &code).unwrap();
    house.clock.advance(60);
    let mail = house.cabinet.factors(&session).unwrap()[1].id;
    let challenge = house.challenge("ivan");
    assert_eq!(lax.methods(&challenge).unwrap().len(), 2);
    let methods = house.cabinet.methods(&challenge).unwrap();
    let kinds: Vec<Evidence> = methods.iter().map(|method| method.evidence).collect();
    assert_eq!(kinds, [Evidence::Generator]);
    assert_eq!(house.cabinet.switch_method(&challenge, mail).err(), Some(Error::MethodUnavailable));
    assert_eq!(house.arrived(MessageKind::LoginCode).len(), 0);
}

#[test]
fn a_clock_that_had_jumped_ahead_keeps_nobody_from_his_codes_for_decades() {
    let house = town();
    let today = house.clock_now();
    house.clock.set(UnixTime(4_000_000_000));
    begin(&house).unwrap();
    house.clock.set(today);
    let cabinet = house.another();
    house.clock.advance(60 * 60);
    assert!(matches!(cabinet.begin_login("ivan", &password()), Ok(Begun::Code(_))));
}
