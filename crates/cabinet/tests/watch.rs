//! The watch (R15, R34): who is asked when, what his answers do, and what the journal keeps of them. The watch here says what the
//! test wrote down; rules are tested where they are.
#![allow(missing_docs)]

mod harness;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use harness::{House, password, request};
use zamok_cabinet::watch::{
    Answer, Decision, Facts, Finding, Occasion, Outcome, Parameter, Watch, habits_row,
};
use zamok_cabinet::{
    Approach, Begun, Content, Error, Evidence, MessageKind, OperationId, Password, Pin, Role, Template, Value,
};
use zamok_core::event::{Detail, EventKind};
use zamok_core::store::{CounterKey, Range, Table};
use zamok_core::vault::Transaction;
use zamok_core::vault::spend::Failures;
use zamok_core::{Error as CoreError, UnixTime};

const REJECTED: Error = Error::Core(CoreError::Rejected);

/// Says what was written down, and remembers what it was asked and told.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<BTreeMap<Occasion, Answer>>,
    trial: Mutex<bool>,
    noted: Mutex<Vec<(Occasion, Outcome)>>,
    counted: Mutex<Vec<(Occasion, Answer)>>,
    asked: Mutex<Vec<Asked>>,
    /// How often a counter is full before it is not.
    full: Mutex<u64>,
    after: Mutex<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    occasion: Occasion,
    address: Option<IpAddr>,
    knows_device: bool,
    client: String,
    is_citizen: bool,
    parameters: Vec<(String, Parameter<'static>)>,
}

impl Watch for Script {
    fn decide(&self, _: &mut Transaction<'_>, facts: &Facts<'_>) -> Result<Decision, Error> {
        let owned = |value: &Parameter<'_>| match value {
            Parameter::Number(number) => Parameter::Number(*number),
            Parameter::Text(text) => Parameter::Text(Cow::Owned(text.clone().into_owned())),
        };
        self.asked.lock().unwrap().push(Asked {
            occasion: facts.occasion,
            address: facts.address,
            knows_device: facts.device.is_some(),
            client: facts.client.into(),
            is_citizen: facts.roles.has(Role::Citizen),
            parameters: facts
                .parameters
                .iter()
                .map(|(name, value)| (name.clone().into(), owned(value)))
                .collect(),
        });
        let Some(answer) = self.answers.lock().unwrap().get(&facts.occasion).copied() else {
            return Ok(Decision::default());
        };
        let is_trial = *self.trial.lock().unwrap();
        let reason = "as it was written".to_owned();
        Ok(vec![Finding { rule: "script".into(), answer, reason, is_trial }].into())
    }

    fn note(&self, tx: &mut Transaction<'_>, facts: &Facts<'_>, outcome: Outcome) -> Result<(), Error> {
        let mut full = self.full.lock().unwrap();
        if *full > 0 {
            *full -= 1;
            tx.add(CounterKey(b"test/full".to_vec()), 1, 0);
        }
        self.noted.lock().unwrap().push((facts.occasion, outcome));
        Ok(())
    }

    fn found(&self, facts: &Facts<'_>, decision: &Decision) {
        if !decision.findings().is_empty() {
            self.counted.lock().unwrap().push((facts.occasion, decision.answer()));
        }
    }

    fn after(&self, _: UnixTime) {
        *self.after.lock().unwrap() += 1;
    }
}

impl Script {
    fn answers(&self, occasion: Occasion, answer: Answer) {
        self.answers.lock().unwrap().insert(occasion, answer);
    }

    fn is_silent(&self) {
        self.answers.lock().unwrap().clear();
    }

    fn noted(&self) -> Vec<(Occasion, Outcome)> {
        std::mem::take(&mut self.noted.lock().unwrap())
    }

    /// What operators are told of.
    fn counted(&self) -> Vec<(Occasion, Answer)> {
        std::mem::take(&mut self.counted.lock().unwrap())
    }

    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// A house with somebody who watches.
fn watched() -> (House, Arc<Script>) {
    let script = Arc::new(Script::default());
    let mut house = House::new();
    house.cabinet = house.cabinet.with_watch(script.clone());
    (house, script)
}

fn approach() -> Approach {
    Approach { address: "192.0.2.1".parse().ok(), client: "Firefox".into(), ..Approach::default() }
}

fn told(house: &House) -> Vec<String> {
    let text = |detail: Detail| {
        ["answer", "rule", "reason", "occasion", "trial"]
            .map(|name| detail.get(name).unwrap().to_owned())
            .join("/")
    };
    house.events(EventKind::WatchAnswered).into_iter().map(text).collect()
}

#[test]
fn it_is_asked_with_what_is_known_and_told_how_it_ended() {
    let (house, script) = watched();
    let phone = house.citizen("ivan");
    let _ = (script.asked(), script.noted());
    let Begun::Code(challenge) = house.cabinet.begin_login_from("ivan", &password(), &approach()).unwrap()
    else {
        panic!()
    };
    let _ = house.cabinet.begin_login_from("nobody", &password(), &approach());
    let wrong = phone.wrong(house.clock_now());
    assert_eq!(house.cabinet.answer(&challenge, &wrong, request()), Err(REJECTED));
    let session = house.cabinet.answer(&challenge, &phone.code(house.clock_now()), request()).unwrap();
    let parameters = [("query".into(), Parameter::Text("tax".into()))];
    assert_eq!(house.cabinet.watch_request(&session, &parameters), Ok(Answer::Allow));
    let asked = |occasion, parameters| Asked {
        occasion,
        address: approach().address,
        knows_device: false,
        client: "Firefox".into(),
        is_citizen: true,
        parameters,
    };
    let (login, code) = (asked(Occasion::Login, vec![]), asked(Occasion::Code, vec![]));
    let query = vec![("query".into(), Parameter::Text("tax".into()))];
    let expected = [login.clone(), login, code.clone(), code, asked(Occasion::Request, query)];
    assert_eq!(script.asked(), expected);
    use Outcome::{Right, Wrong};
    let noted = [
        (Occasion::Login, Right),
        (Occasion::Login, Wrong),
        (Occasion::Code, Wrong),
        (Occasion::Code, Right),
        (Occasion::Request, Right),
    ];
    assert_eq!(script.noted(), noted);
    assert!(*script.after.lock().unwrap() >= 5);
    assert_eq!(told(&house), Vec::<String>::new(), "nothing was found");
}

#[test]
fn a_refused_login_is_a_rejection_that_looks_at_nothing_and_charges_nothing() {
    for answer in [Answer::Delay, Answer::Block] {
        let (house, script) = watched();
        house.citizen("ivan");
        let _ = script.noted();
        script.answers(Occasion::Login, answer);
        for _ in 0..20 {
            for typed in [password(), Password::new("wrong horse battery")] {
                assert_eq!(house.cabinet.begin_login_from("ivan", &typed, &approach()), Err(REJECTED));
                assert_eq!(house.cabinet.begin_login_from("nobody", &typed, &approach()), Err(REJECTED));
            }
        }
        assert_eq!(script.noted(), []);
        assert_eq!(house.events(EventKind::PasswordRejected).len(), 0);
        // Once a minute for each, and in the commit of the summary itself.
        let expected = format!("{}/script/as it was written/login/no", answer.name());
        assert_eq!(told(&house), [expected.clone(), expected]);
        assert_eq!(house.events(EventKind::LoginRefusedWhileDelayed).len(), 2);
        script.is_silent();
        assert!(house.cabinet.begin_login("ivan", &password()).is_ok(), "nothing was charged");
    }
}

#[test]
fn what_was_found_is_journalled_in_the_commit_of_the_attempt() {
    let (house, script) = watched();
    house.citizen("ivan");
    script.answers(Occasion::Login, Answer::StepUp);
    let commits = |house: &House| {
        let listing = house.cabinet.history_of("ivan", 5000, None).unwrap();
        let kinds = listing.entries.iter().map(|entry| (entry.leaf.kind, entry.leaf.entry));
        kinds.collect::<Vec<_>>()
    };
    for (typed, own) in [
        (password(), EventKind::LoginStarted),
        (Password::new("wrong horse battery"), EventKind::PasswordRejected),
    ] {
        let before = commits(&house).len();
        let _ = house.cabinet.begin_login_from("ivan", &typed, &approach());
        let all = commits(&house);
        let mut new: Vec<_> = all[..all.len() - before].to_vec();
        new.sort_by_key(|(_, entry)| entry.sequence);
        let kinds: Vec<_> = new.iter().map(|(kind, _)| *kind).collect();
        assert!(kinds.contains(&own) && kinds.contains(&EventKind::WatchAnswered), "{kinds:?}");
        // Entries of one writer that follow each other without a gap, and nothing between.
        assert_eq!(new.len(), 2, "{kinds:?}");
        assert_eq!(new[0].1.sequence + 1, new[1].1.sequence);
    }
}

#[test]
fn what_is_tried_out_is_journalled_and_changes_nothing() {
    let (house, script) = watched();
    let phone = house.citizen("ivan");
    *script.trial.lock().unwrap() = true;
    for occasion in Occasion::ALL {
        script.answers(occasion, Answer::Block);
    }
    assert!(house.login("ivan", &phone).is_ok());
    assert_eq!(
        told(&house),
        ["block/script/as it was written/login/yes", "block/script/as it was written/code/yes"]
    );
}

#[test]
fn a_step_up_asks_for_the_strongest_factor_and_takes_no_other() {
    let (house, script) = watched();
    house.texter("ivan", "+7 916 123-45-67");
    let Begun::Code(challenge) = house.cabinet.begin_login("ivan", &password()).unwrap() else { panic!() };
    let code = house.arrived(MessageKind::LoginCode).remove(0);
    let session = house.cabinet.answer(&challenge, &code, request()).unwrap();
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    let phone = harness::Phone::scan(house.cabinet.offer_generator(&enrolment).unwrap().uri.as_str());
    house.cabinet.confirm_generator(&enrolment, &phone.code(house.clock_now())).unwrap();
    house.clock.advance(600);
    let sms = house.cabinet.factors_of("ivan").unwrap()[0].id;
    let begin = |by| {
        let approach = Approach { by, ..approach() };
        house.cabinet.begin_login_from("ivan", &password(), &approach)
    };
    let Ok(Begun::Code(usual)) = begin(None) else { panic!() };
    assert_eq!(usual.by, Evidence::Sms, "the one that the account has had longest");
    assert_eq!(house.cabinet.methods(&usual).unwrap().len(), 2);
    script.answers(Occasion::Login, Answer::StepUp);
    let Ok(Begun::Code(strong)) = begin(None) else { panic!() };
    assert_eq!(strong.by, Evidence::Generator);
    assert_eq!(begin(Some(Evidence::Sms)), Err(Error::MethodTooWeak));
    let methods: Vec<_> =
        house.cabinet.methods(&strong).unwrap().iter().map(|method| method.evidence).collect();
    assert_eq!(methods, [Evidence::Generator]);
    // The demand stays with the challenge, whatever the watch says later.
    script.is_silent();
    assert_eq!(house.cabinet.switch_method(&strong, sms), Err(Error::MethodUnavailable));
    house.clock.advance(60);
    assert!(house.cabinet.switch_method(&usual, sms).is_ok());
    assert!(house.cabinet.answer(&strong, &phone.code(house.clock_now()), request()).is_ok());
}

#[test]
fn a_refused_code_is_a_rejection_and_leaves_the_challenge_its_tries() {
    let (house, script) = watched();
    let phone = house.citizen("ivan");
    let challenge = house.challenge("ivan");
    script.answers(Occasion::Code, Answer::Block);
    let code = phone.code(house.clock_now());
    for _ in 0..10 {
        assert_eq!(house.cabinet.answer(&challenge, &code, request()), Err(REJECTED));
    }
    assert_eq!(told(&house), ["block/script/as it was written/code/no"]);
    script.is_silent();
    assert!(house.cabinet.answer(&challenge, &code, request()).is_ok());
}

#[test]
fn a_device_with_a_pin_is_watched_like_a_login() {
    let (house, script) = watched();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let token = house.cabinet.trust_device(&session, "phone").unwrap();
    let session = house.cabinet.session(session.id).unwrap();
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_pin(&session, &enrolment, &Pin::new("190357")).unwrap();
    house.cabinet.confirm_factor(&enrolment, "190357").unwrap();
    let _ = script.asked();
    let begin = || house.cabinet.begin_login_by_device(&token, &approach()).map(|challenge| challenge.by);
    assert_eq!(begin(), Ok(Evidence::Pin));
    let asked = script.asked();
    assert!(asked.len() == 1 && asked[0].knows_device && asked[0].occasion == Occasion::Login);
    script.answers(Occasion::Login, Answer::StepUp);
    assert_eq!(begin(), Err(Error::MethodTooWeak), "a PIN is the weakest");
    script.answers(Occasion::Login, Answer::Block);
    assert_eq!(begin(), Err(REJECTED));
    let found: Vec<_> = told(&house).iter().map(|line| line.split('/').next().unwrap().to_owned()).collect();
    assert_eq!(found, ["step-up", "block"]);
}

#[test]
fn a_login_by_phone_is_watched_and_tells_nobody() {
    let (mut house, script) = watched();
    let mut policy = house.cabinet.policy().clone();
    policy.contact.login = true;
    house.cabinet = house.cabinet.with_policy(policy);
    house.texter("ivan", "+7 916 123-45-67");
    let _ = (script.asked(), script.noted());
    let begin = |phone| house.cabinet.begin_login_by_phone(phone, &approach()).map(|challenge| challenge.by);
    for phone in ["+79161234567", "+79169999999"] {
        assert_eq!(begin(phone), Ok(Evidence::Sms));
    }
    assert_eq!(script.asked().len(), 2);
    assert_eq!(house.arrived(MessageKind::LoginCode).len(), 1);
    house.clock.advance(600);
    for answer in [Answer::StepUp, Answer::Delay, Answer::Block] {
        script.answers(Occasion::Login, answer);
        for phone in ["+79161234567", "+79169999999"] {
            assert_eq!(begin(phone), Ok(Evidence::Sms), "it looks like a challenge");
        }
        assert_eq!(house.arrived(MessageKind::LoginCode).len(), 0, "and nothing was sent");
        house.clock.advance(600);
    }
    assert_eq!(script.noted().len(), 2);
    assert_eq!(told(&house).len(), 6);
}

#[test]
fn a_recovery_is_watched() {
    let (house, script) = watched();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let codes = house.cabinet.new_recovery_codes(&session).unwrap();
    let _ = script.noted();
    let recover = |code: &str| house.cabinet.recover_from("ivan", &password(), code, &approach()).map(drop);
    script.answers(Occasion::Recovery, Answer::Block);
    assert_eq!(recover(codes[0].as_str()), Err(REJECTED));
    assert_eq!(house.cabinet.recover("nobody", &password(), codes[0].as_str()).map(drop), Err(REJECTED));
    script.answers(Occasion::Recovery, Answer::Allow);
    assert_eq!(recover("01-AAAA-AAAA-AAAA-AAAA"), Err(REJECTED));
    assert_eq!(recover(codes[1].as_str()), Ok(()));
    use Outcome::{Right, Wrong};
    assert_eq!(script.noted(), [(Occasion::Recovery, Wrong), (Occasion::Recovery, Right)]);
    let found: Vec<_> = told(&house).iter().map(|line| line.split('/').next().unwrap().to_owned()).collect();
    assert_eq!(found, ["block", "block", "allow", "allow"]);
}

fn payment(minor: i64) -> Content {
    let template = Template {
        name: "payment".into(),
        version: 1,
        language: "en".into(),
        text: "Pay {amount} to {payee} at {due}, for the {times}th time.".into(),
    };
    let fields = [
        ("amount".into(), Value::Amount { minor, places: 2, currency: *b"RUB" }),
        ("payee".into(), Value::Text("Olga".into())),
        ("due".into(), Value::Time(UnixTime(7))),
        ("times".into(), Value::Number(3)),
    ];
    Content::new(template, fields).unwrap()
}

#[test]
fn an_operation_is_watched_with_its_fields() {
    let (house, script) = watched();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let id = OperationId(request().0);
    house.cabinet.propose(&session, id, &payment(500)).unwrap();
    let _ = (script.asked(), script.noted());
    let begin = || house.cabinet.begin_confirmation(&session, id, None).map(|challenge| challenge.by);
    assert_eq!(begin(), Ok(Evidence::Generator));
    let number = Parameter::Number;
    let text = |text: &str| Parameter::Text(text.to_owned().into());
    let fields = [
        ("template", text("payment")),
        ("amount", number(500)),
        ("due", number(7)),
        ("payee", text("Olga")),
        ("times", number(3)),
    ];
    assert_eq!(script.asked()[0].parameters, fields.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(script.noted(), [(Occasion::Operation, Outcome::Right)]);
    for answer in [Answer::Delay, Answer::Block] {
        script.answers(Occasion::Operation, answer);
        assert_eq!(begin(), Err(Error::NotAllowed));
        house.clock.advance(Failures::SUMMARY);
    }
    assert_eq!(script.noted(), []);
    // Somebody who has just shown who he is need not do so again.
    script.answers(Occasion::Operation, Answer::StepUp);
    assert_eq!(begin(), Ok(Evidence::Generator));
    house.clock.advance(house.cabinet.policy().session.fresh);
    let id = OperationId(request().0);
    house.cabinet.propose(&session, id, &payment(500)).unwrap();
    let begin = || house.cabinet.begin_confirmation(&session, id, None).map(|challenge| challenge.by);
    assert_eq!(begin(), Err(Error::FreshAuthenticationNeeded));
    let again = house.cabinet.begin_again(&session, None).unwrap();
    house.cabinet.answer_again(&session, &again, &phone.code(house.clock_now()), request()).unwrap();
    assert_eq!(begin(), Ok(Evidence::Generator));
    let found: Vec<_> = told(&house).iter().map(|line| line.split('/').next().unwrap().to_owned()).collect();
    assert_eq!(found, ["delay", "block", "step-up", "step-up", "step-up"]);
}

#[test]
fn a_step_up_is_not_met_by_a_phone_alone_however_short_ago_it_was_shown() {
    let (mut house, script) = watched();
    let mut policy = house.cabinet.policy().clone();
    policy.contact.login = true;
    house.cabinet = house.cabinet.with_policy(policy);
    house.texter("ivan", "+7 916 123-45-67");
    let challenge = house.cabinet.begin_login_by_phone("+79161234567", &approach()).unwrap();
    let code = house.arrived(MessageKind::LoginCode).remove(0);
    let session = house.cabinet.answer(&challenge, &code, request()).unwrap();
    let id = OperationId(request().0);
    house.cabinet.propose(&session, id, &payment(500)).unwrap();
    let _ = script.noted();
    script.answers(Occasion::Operation, Answer::StepUp);
    assert_eq!(house.cabinet.begin_confirmation(&session, id, None).err(), Some(Error::MethodTooWeak));
    assert_eq!(script.noted(), [], "what is refused does not happen");
    assert_eq!(told(&house).len(), 1, "and the journal says so");
}

#[test]
fn a_request_of_the_service_is_answered_and_journalled() {
    let (house, script) = watched();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let _ = script.noted();
    for answer in Answer::ALL {
        script.answers(Occasion::Request, answer);
        assert_eq!(house.cabinet.watch_request(&session, &[]), Ok(answer));
        house.clock.advance(Failures::SUMMARY);
    }
    assert_eq!(script.noted().len(), 2, "what is refused does not happen");
    assert_eq!(told(&house).len(), 4);
    let nobody = House::new();
    let phone = nobody.citizen("ivan");
    let session = nobody.login("ivan", &phone).unwrap();
    assert_eq!(nobody.cabinet.watch_request(&session, &[]), Ok(Answer::Allow), "nobody watches");
    nobody.cabinet.end_session(session.id, "logout").unwrap();
    assert_eq!(nobody.cabinet.watch_request(&session, &[]), Err(Error::SessionEnded));
}

#[test]
fn a_flood_of_refusals_is_one_entry_a_minute_and_hides_none_of_another_sort() {
    let (house, script) = watched();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let id = OperationId(request().0);
    house.cabinet.propose(&session, id, &payment(500)).unwrap();
    for occasion in [Occasion::Login, Occasion::Request, Occasion::Operation] {
        script.answers(occasion, Answer::Block);
    }
    let flood = || {
        for _ in 0..20 {
            let junk = Password::new("wrong horse battery");
            assert_eq!(house.cabinet.begin_login_from("ivan", &junk, &approach()), Err(REJECTED));
            assert_eq!(house.cabinet.watch_request(&session, &[]), Ok(Answer::Block));
            assert_eq!(house.cabinet.begin_confirmation(&session, id, None), Err(Error::NotAllowed));
        }
    };
    let summed_up = || -> Vec<(String, Option<String>)> {
        let text = |detail: &Detail, name: &str| detail.get(name).map(str::to_owned);
        let all = house.events(EventKind::WatchAnswered);
        all.iter().map(|detail| (text(detail, "occasion").unwrap(), text(detail, "refusals"))).collect()
    };
    // How many logins are refused stands in `login.refused-while-delayed`.
    let entries = |refusals: &str| {
        [("login", None), ("request", Some(refusals)), ("operation", Some(refusals))]
            .map(|(occasion, refusals)| (occasion.to_owned(), refusals.map(str::to_owned)))
    };
    flood();
    assert_eq!(summed_up(), entries("1"));
    assert_eq!(script.counted().len(), 60, "operators are told of each");
    // Another process knows when it was told last.
    let other = house.another().with_watch(script.clone());
    assert_eq!(other.watch_request(&session, &[]), Ok(Answer::Block));
    assert_eq!(summed_up(), entries("1"));
    house.clock.advance(Failures::SUMMARY);
    flood();
    assert_eq!(summed_up(), [entries("1"), entries("20")].concat());
}

#[test]
fn a_step_up_that_is_not_met_is_one_entry_a_minute_too() {
    let (house, script) = watched();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    house.clock.advance(house.cabinet.policy().session.fresh);
    let id = OperationId(request().0);
    house.cabinet.propose(&session, id, &payment(500)).unwrap();
    script.answers(Occasion::Operation, Answer::StepUp);
    for _ in 0..20 {
        let begun = house.cabinet.begin_confirmation(&session, id, None);
        assert_eq!(begun, Err(Error::FreshAuthenticationNeeded));
    }
    assert_eq!(told(&house), ["step-up/script/as it was written/operation/no"]);
}

/// What operators are told of, and what the journal has: the same attempts.
#[test]
fn what_came_to_no_look_is_neither_told_nor_journalled() {
    let (mut house, script) = watched();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let token = house.cabinet.trust_device(&session, "phone").unwrap();
    let session = house.cabinet.session(session.id).unwrap();
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_pin(&session, &enrolment, &Pin::new("190357")).unwrap();
    house.cabinet.confirm_factor(&enrolment, "190357").unwrap();
    script.answers(Occasion::Code, Answer::Allow);
    let challenge = house.cabinet.begin_login_by_device(&token, &approach()).unwrap();
    let _ = script.asked();
    house.cabinet.answer(&challenge, "190357", request()).unwrap();
    assert_eq!(script.asked().len(), 2, "once before its hash was made, and once with it");
    assert_eq!(script.counted(), [(Occasion::Code, Answer::Allow)]);
    assert_eq!(told(&house).len(), 1);
    // The fifth wrong code in a row delays the next one.
    let mut challenge = house.challenge("ivan");
    for guessed in 0..6 {
        if guessed == 3 {
            challenge = house.challenge("ivan");
        }
        let wrong = phone.wrong(house.clock_now());
        assert_eq!(house.cabinet.answer(&challenge, &wrong, request()), Err(REJECTED));
        assert_eq!(script.counted().len(), usize::from(guessed < 5), "{guessed}");
    }
    assert_eq!(told(&house).len(), 6);
    // As many challenges as an hour has room for.
    script.answers(Occasion::Login, Answer::Allow);
    let mut policy = house.cabinet.policy().clone();
    policy.challenge.per_hour = 1;
    house.cabinet = house.cabinet.with_policy(policy);
    assert_eq!(house.cabinet.begin_login("ivan", &password()), Err(REJECTED));
    assert_eq!(script.counted(), []);
    assert_eq!(told(&house).len(), 6);
}

#[test]
fn a_counter_that_others_moved_is_read_again_and_not_for_ever() {
    let (house, script) = watched();
    house.citizen("ivan");
    *script.full.lock().unwrap() = 3;
    assert!(house.cabinet.begin_login("ivan", &password()).is_ok());
    assert_eq!(*script.full.lock().unwrap(), 0);
    *script.full.lock().unwrap() = 100;
    assert_eq!(house.cabinet.begin_login("ivan", &password()), Err(Error::Core(CoreError::Busy)));
}

#[test]
fn what_a_watch_keeps_of_an_account_is_erased_with_it() {
    let (house, script) = watched();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let account = house.cabinet.account_by_login("ivan").unwrap();
    let row = habits_row(account.id);
    let keep = |tx: &mut Transaction<'_>| tx.put_record(&row, &[], b"here and there");
    house.cabinet.vault().transact(keep).unwrap_or_else(|error: CoreError| panic!("{error}"));
    assert!(house.store.get(&row).unwrap().is_some());
    script.answers(Occasion::Request, Answer::Block);
    assert_eq!(house.cabinet.watch_request(&session, &[]), Ok(Answer::Block));
    let rows = || house.store.scan(Table(43), &Range::all(), 100, None).unwrap().rows.len();
    assert_eq!(rows(), 2, "and when it was told of a refusal");
    house.cabinet.erase_account("ivan", "asked for").unwrap();
    assert_eq!(rows(), 0);
}
