//! Factors that a device holds (R10, R21): a certificate, approval with number matching, a PIN. The device is `openssl`.
#![allow(missing_docs)]

mod harness;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use harness::{House, Phone, password, request};
use tempfile::TempDir;
use zamok_cabinet::watch::{Answer, Decision, Facts, Finding, Outcome, Watch};
use zamok_cabinet::{
    AccountStep, Approach, Assurance, Begun, Challenge, Content, DeviceAnswer, DeviceToken, Error, Evidence,
    FactorKind, MessageKind, OperationId, Pin, Session, Subscription, SweepPlace, Template, Value,
};
use zamok_core::Error as CoreError;
use zamok_core::event::EventKind;
use zamok_core::vault::Transaction;

const REJECTED: Error = Error::Core(CoreError::Rejected);

/// A device: a P-256 key in a file, and `openssl` to use it.
struct Device {
    folder: TempDir,
}

impl Device {
    fn new() -> Self {
        let device = Self { folder: tempfile::tempdir().unwrap() };
        device.openssl(&[
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-out",
            "key",
        ]);
        device.openssl(&["pkey", "-in", "key", "-pubout", "-outform", "DER", "-out", "public"]);
        device
    }

    fn openssl(&self, arguments: &[&str]) {
        let run = Command::new("openssl").args(arguments).current_dir(self.folder.path()).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn public_key(&self) -> Vec<u8> {
        fs::read(self.file("public")).unwrap()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        fs::write(self.file("message"), message).unwrap();
        self.openssl(&["dgst", "-sha256", "-sign", "key", "-out", "signature", "message"]);
        fs::read(self.file("signature")).unwrap()
    }

    fn answers(&self, question: &[u8]) -> String {
        Base64UrlUnpadded::encode_string(&self.sign(&DeviceAnswer::Sign.message(question, "")))
    }

    fn approval(&self, request: &[u8], number: &str) -> Vec<u8> {
        self.sign(&DeviceAnswer::Approve.message(request, number))
    }
}

fn at_home(house: &House) -> (Phone, Session) {
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    house.clock.advance(30);
    (phone, session)
}

fn begin(house: &House, by: Evidence) -> Result<Challenge, Error> {
    let approach = Approach { by: Some(by), client: "Firefox".into(), ..Approach::default() };
    match house.cabinet.begin_login_from("ivan", &password(), &approach)? {
        Begun::Code(challenge) => Ok(challenge),
        Begun::Enrol(_) => panic!("the account has a factor"),
    }
}

/// What the device was asked last, as its message says.
fn requested(house: &House) -> Vec<u8> {
    let messages = house.cabinet.outbox(100).unwrap();
    let asked: Vec<_> =
        messages.iter().filter(|message| message.kind == MessageKind::ApprovalRequest).collect();
    let message = asked.last().expect("the device was asked");
    assert_eq!(message.field("code"), None, "the number stays on the page");
    let digits = message.field("request").unwrap().to_owned();
    house.arrived(MessageKind::ApprovalRequest);
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn other_number(number: &str) -> String {
    let next = (number.parse::<u32>().unwrap() + 1) % 100;
    format!("{next:02}")
}

fn payment() -> Content {
    let text = "Pay {sum}.".into();
    let template = Template { name: "payment".into(), version: 1, language: "en".into(), text };
    Content::new(template, [("sum".into(), Value::Number(1))]).unwrap()
}

/// A citizen whose phone approves, with the device that it is known as.
fn with_push(house: &House) -> (Phone, Session, Device, DeviceToken) {
    let (phone, session) = at_home(house);
    let token = house.cabinet.trust_device(&session, "phone").unwrap();
    let device = Device::new();
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_push(&enrolment, token.device(), &device.public_key(), "phone").unwrap();
    assert_eq!(house.cabinet.confirm_factor(&enrolment, ""), Err(Error::ApprovalPending));
    let (request, number) = (requested(house), house.cabinet.enrolment_number(&enrolment).unwrap());
    house.cabinet.approve(&request, &number, &device.approval(&request, &number)).unwrap();
    house.cabinet.confirm_factor(&enrolment, "").unwrap();
    house.clock.advance(60);
    (phone, session, device, token)
}

#[test]
fn who_reads_the_store_or_the_request_answers_nothing_that_a_device_approves() {
    let house = House::new();
    let (_, _, device, _) = with_push(&house);
    let challenge = begin(&house, Evidence::Push).unwrap();
    let request_bytes = requested(&house);
    let number = house.cabinet.number_to_show(&challenge).unwrap();
    house.cabinet.approve(&request_bytes, &number, &device.approval(&request_bytes, &number)).unwrap();
    // What the device was sent, the journal and the keys of rows tell.
    assert_eq!(request_bytes[..16], challenge.reference());
    let read = Challenge { id: challenge.reference(), ..challenge };
    assert_eq!(house.cabinet.answer(&read, "", request()), Err(REJECTED));
    assert!(!format!("{challenge:?}").contains(&zamok_core::wire::hex(&challenge.id)));
    assert!(house.cabinet.answer(&challenge, "", request()).is_ok());
}

#[test]
fn blocking_a_device_that_approves_makes_nothing_weaker_enough() {
    let mut house = House::new();
    let (_, session, _, token) = with_push(&house);
    let mut policy = house.cabinet.policy().clone();
    policy.contact.login = true;
    house.cabinet = house.cabinet.with_policy(policy);
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_channel(&enrolment, "+79160000001").unwrap();
    let code = house.arrived(MessageKind::EnrolmentCode).remove(0);
    house.cabinet.confirm_factor(&enrolment, &code).unwrap();
    for factor in house.cabinet.factors(&session).unwrap() {
        if factor.kind == FactorKind::Generator {
            house.cabinet.drop_factor(&session, factor.id).unwrap();
        }
    }
    house.clock.advance(60);
    // The thief has the phone, and its card; the owner blocks it from elsewhere.
    let challenge = begin(&house, Evidence::Sms).unwrap();
    let code = house.arrived(MessageKind::LoginCode).remove(0);
    let owner = house.cabinet.answer(&challenge, &code, request()).unwrap();
    house.cabinet.block_device(&owner, token.device()).unwrap();
    house.clock.advance(60);
    let challenge = house.cabinet.begin_login_by_phone("+79160000001", &Approach::default()).unwrap();
    assert_eq!(house.arrived(MessageKind::LoginCode).len(), 0, "no shorter way in");
    assert_eq!(house.cabinet.answer(&challenge, "", request()), Err(REJECTED));
    // Nor is a payment confirmed by what is left: whoever has its card drops the phone from the account as well as its owner.
    let confirm = || {
        let operation = house.cabinet.propose(&owner, OperationId(request().0), &payment()).unwrap();
        house.cabinet.begin_confirmation(&owner, operation.id, None)
    };
    assert_eq!(confirm().err(), Some(Error::MethodTooWeak));
    let lost = house.cabinet.factors(&owner).unwrap();
    let lost = lost.iter().find(|factor| factor.kind == FactorKind::Push).unwrap();
    house.cabinet.drop_factor(&owner, lost.id).unwrap();
    assert_eq!(confirm().err(), Some(Error::MethodTooWeak));
    house.cabinet.remove_factor("ivan", lost.id, "stolen, as the owner says at the desk").unwrap();
    house.clock.advance(60);
    let challenge = begin(&house, Evidence::Sms).unwrap();
    let owner =
        house.cabinet.answer(&challenge, &house.arrived(MessageKind::LoginCode)[0], request()).unwrap();
    house.clock.advance(60);
    let operation = house.cabinet.propose(&owner, OperationId(request().0), &payment()).unwrap();
    assert_eq!(house.cabinet.begin_confirmation(&owner, operation.id, None).unwrap().by, Evidence::Sms);
}

#[test]
fn a_session_of_a_known_device_stays_with_it() {
    let house = House::new();
    let (phone, _) = at_home(&house);
    let session = house.login("ivan", &phone).unwrap();
    let token = house.cabinet.trust_device(&session, "stolen").unwrap();
    // Trusted again, it is the same device for longer, and takes the session along as before.
    house.clock.advance(30);
    let again = house.cabinet.trust_device(&session, "stolen").unwrap();
    assert_eq!(again.to_text(), token.to_text());
    let devices = house.cabinet.devices_of("ivan").unwrap();
    let expires = house.clock_now().plus(house.cabinet.policy().device.trusted);
    assert_eq!(devices.iter().map(|device| device.expires).collect::<Vec<_>>(), [expires]);
    house.clock.advance(30);
    let owner = house.login("ivan", &phone).unwrap();
    house.cabinet.block_device(&owner, token.device()).unwrap();
    assert_eq!(house.cabinet.session(session.id).err(), Some(Error::SessionEnded));
}

#[test]
fn a_certificate_signs_each_challenge_and_no_signature_serves_twice() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let device = Device::new();
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    let unfit = house.cabinet.offer_certificate(&enrolment, b"no key", "laptop");
    assert_eq!(unfit, Err(Error::PublicKeyUnusable));
    house.cabinet.offer_certificate(&enrolment, &device.public_key(), "laptop").unwrap();
    let test = device.answers(&house.cabinet.enrolment_question(&enrolment).unwrap());
    assert_eq!(house.cabinet.confirm_factor(&enrolment, "junk"), Err(REJECTED));
    house.cabinet.confirm_factor(&enrolment, &test).unwrap();

    let challenge = begin(&house, Evidence::Certificate).unwrap();
    assert_eq!(
        house.cabinet.answer(&challenge, &test, request()),
        Err(REJECTED),
        "the test of its enrolment"
    );
    let question = house.cabinet.question(&challenge).unwrap();
    let stranger = Device::new().answers(&question);
    assert_eq!(house.cabinet.answer(&challenge, &stranger, request()), Err(REJECTED), "another key");
    let answer = device.answers(&question);
    let session = house.cabinet.answer(&challenge, &answer, request()).unwrap();
    assert_eq!(session.assurance(), Assurance::High);
    let again = begin(&house, Evidence::Certificate).unwrap();
    assert_eq!(house.cabinet.answer(&again, &answer, request()), Err(REJECTED), "of another challenge");

    // It is the strongest that the account has, and so the only one for an operation.
    let operation = house.cabinet.propose(&session, OperationId(request().0), &payment()).unwrap();
    let weaker = house.cabinet.begin_confirmation(&session, operation.id, Some(Evidence::Generator));
    assert_eq!(weaker, Err(Error::MethodTooWeak));
    let challenge = house.cabinet.begin_confirmation(&session, operation.id, None).unwrap();
    assert_eq!(challenge.by, Evidence::Certificate);
    let answer = device.answers(&house.cabinet.question(&challenge).unwrap());
    assert!(house.cabinet.confirm(&session, &challenge, &answer, request()).is_ok());
    assert!(house.login("ivan", &phone).is_ok(), "at a login the owner chooses");
}

/// Finds something in everything, and counts what operators are told of.
#[derive(Debug, Default)]
struct Teller(AtomicUsize);

impl Watch for Teller {
    fn decide(&self, _: &mut Transaction<'_>, _: &Facts<'_>) -> Result<Decision, Error> {
        let (rule, reason) = ("teller".into(), "whatever it is".into());
        Ok(vec![Finding { rule, answer: Answer::Allow, reason, is_trial: false }].into())
    }

    fn note(&self, _: &mut Transaction<'_>, _: &Facts<'_>, _: Outcome) -> Result<(), Error> {
        Ok(())
    }

    fn found(&self, _: &Facts<'_>, _: &Decision) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn to_ask_whether_a_device_has_approved_is_no_attempt_that_a_watch_tells_of() {
    let mut house = House::new();
    let (_, _, device, _) = with_push(&house);
    let teller = Arc::new(Teller::default());
    house.cabinet = house.cabinet.with_watch(teller.clone());
    let told = || teller.0.load(Ordering::SeqCst);
    let challenge = begin(&house, Evidence::Push).unwrap();
    let request_bytes = requested(&house);
    for _ in 0..10 {
        assert_eq!(house.cabinet.answer(&challenge, "", request()), Err(Error::ApprovalPending));
    }
    assert_eq!(told(), 1, "of the login");
    let number = house.cabinet.number_to_show(&challenge).unwrap();
    house.cabinet.approve(&request_bytes, &number, &device.approval(&request_bytes, &number)).unwrap();
    house.cabinet.answer(&challenge, "", request()).unwrap();
    assert_eq!((told(), house.events(EventKind::WatchAnswered).len()), (2, 2));
}

#[test]
fn a_device_approves_with_the_number_that_the_page_shows() {
    let house = House::new();
    let (_, _, device, _) = with_push(&house);
    let challenge = begin(&house, Evidence::Push).unwrap();
    let request_bytes = requested(&house);
    assert_eq!(house.cabinet.answer(&challenge, "", request()), Err(Error::ApprovalPending));
    let number = house.cabinet.number_to_show(&challenge).unwrap();
    assert_eq!(number.len(), 2);
    let stranger = Device::new().approval(&request_bytes, &number);
    assert_eq!(house.cabinet.approve(&request_bytes, &number, &stranger), Err(REJECTED));
    let declining = device.sign(&DeviceAnswer::Decline.message(&request_bytes, ""));
    assert_eq!(house.cabinet.approve(&request_bytes, "", &declining), Err(REJECTED), "it says the contrary");
    assert_eq!(house.cabinet.answer(&challenge, "", request()), Err(Error::ApprovalPending));
    let approval = device.approval(&request_bytes, &number);
    house.cabinet.approve(&request_bytes, &number, &approval).unwrap();
    assert_eq!(house.cabinet.approve(&request_bytes, &number, &approval), Err(REJECTED), "once");
    let session = house.cabinet.answer(&challenge, "", request()).unwrap();
    assert_eq!(session.evidence, [Evidence::Password, Evidence::Push]);
    assert_eq!(house.events(EventKind::ApprovalGiven).len(), 2);
}

#[test]
fn a_wrong_number_ends_the_request_and_whoever_guesses_is_not_asked_twice() {
    let house = House::new();
    let (_, _, device, _) = with_push(&house);
    let challenge = begin(&house, Evidence::Push).unwrap();
    let request_bytes = requested(&house);
    let number = house.cabinet.number_to_show(&challenge).unwrap();
    let wrong = other_number(&number);
    let approval = device.approval(&request_bytes, &wrong);
    assert_eq!(house.cabinet.approve(&request_bytes, &wrong, &approval), Err(REJECTED));
    let approval = device.approval(&request_bytes, &number);
    assert_eq!(house.cabinet.approve(&request_bytes, &number, &approval), Err(REJECTED), "it is over");
    assert_eq!(house.cabinet.answer(&challenge, "", request()), Err(REJECTED));
}

#[test]
fn an_owner_who_is_tired_out_with_requests_is_asked_a_few_times_an_hour_and_can_decline() {
    let house = House::new();
    let (phone, _, device, token) = with_push(&house);
    // From the beginning of an hour on.
    let hour = zamok_core::UnixTime(house.clock_now().0 / 3600 * 3600 + 3600);
    house.clock.set(hour);
    let mut asked = 0;
    for _ in 0..30 {
        asked += u32::from(begin(&house, Evidence::Push).is_ok());
        house.clock.advance(60);
    }
    assert_eq!(asked, house.cabinet.policy().push.per_hour);
    house.arrived(MessageKind::ApprovalRequest);
    assert!(house.login("ivan", &phone).is_ok(), "the other factor is there all the time");
    house.clock.set(hour.plus(3600));
    let challenge = begin(&house, Evidence::Push).unwrap();
    let request_bytes = requested(&house);
    let declined = device.sign(&DeviceAnswer::Decline.message(&request_bytes, ""));
    house.cabinet.decline(&request_bytes, &declined).unwrap();
    assert_eq!(house.cabinet.answer(&challenge, "", request()), Err(REJECTED));
    let told = house.cabinet.outbox(100).unwrap();
    assert!(told.iter().any(|message| message.kind == MessageKind::ApprovalDeclined));
    assert_eq!(house.events(EventKind::ApprovalDeclined).len(), 1);
    // A device that was blocked is asked nothing, and approves nothing that it was asked before.
    house.clock.advance(60);
    let challenge = begin(&house, Evidence::Push).unwrap();
    let (request_bytes, number) = (requested(&house), house.cabinet.number_to_show(&challenge).unwrap());
    let session = house.login("ivan", &phone).unwrap();
    house.cabinet.block_device(&session, token.device()).unwrap();
    let approval = device.approval(&request_bytes, &number);
    assert_eq!(house.cabinet.approve(&request_bytes, &number, &approval), Err(REJECTED));
    assert_eq!(begin(&house, Evidence::Push), Err(Error::MethodUnavailable));
}

#[test]
fn a_full_budget_keeps_no_request_open() {
    let mut house = House::new();
    let (_, _, device, _) = with_push(&house);
    let mut policy = house.cabinet.policy().clone();
    policy.budget.strangers = 1;
    house.cabinet = house.cabinet.with_policy(policy);
    let first = begin(&house, Evidence::Push).unwrap();
    let (asked, number) = (requested(&house), house.cabinet.number_to_show(&first).unwrap());
    house.clock.advance(60);
    let _second = begin(&house, Evidence::Push).unwrap();
    let also_asked = requested(&house);
    let wrong = other_number(&number);
    assert_eq!(house.cabinet.approve(&asked, &wrong, &device.approval(&asked, &wrong)), Err(REJECTED));
    // Strangers have used up what they may get wrong: the owner, who declines, is heard all the same.
    let declining = device.sign(&DeviceAnswer::Decline.message(&also_asked, ""));
    assert_eq!(house.cabinet.decline(&also_asked, &declining), Ok(()));
    assert_eq!(house.events(EventKind::ApprovalDeclined).len(), 1);
}

#[test]
fn a_request_that_is_sent_again_has_another_number_and_the_first_is_dead() {
    let house = House::new();
    let (_, _, device, _) = with_push(&house);
    let challenge = begin(&house, Evidence::Push).unwrap();
    let (first, number) = (requested(&house), house.cabinet.number_to_show(&challenge).unwrap());
    house.clock.advance(60);
    house.cabinet.send_again(&challenge).unwrap();
    let second = requested(&house);
    assert_ne!(first, second);
    assert_eq!(house.cabinet.approve(&first, &number, &device.approval(&first, &number)), Err(REJECTED));
    let number = house.cabinet.number_to_show(&challenge).unwrap();
    house.cabinet.approve(&second, &number, &device.approval(&second, &number)).unwrap();
    assert!(house.cabinet.answer(&challenge, "", request()).is_ok());
}

#[test]
fn a_device_unsubscribes_in_its_session_as_it_stands_now_and_no_other_device() {
    let house = House::new();
    let (_, session) = at_home(&house);
    let mut point = [7; 65];
    point[0] = 4;
    let place = Subscription::new("https://push.example/1", &point, &[1; 16]).unwrap();
    assert_eq!(house.cabinet.unsubscribe(&session), Err(Error::DeviceUnknown));
    // It became known after its owner's program looked at the session.
    let token = house.cabinet.trust_device(&session, "phone").unwrap();
    house.cabinet.subscribe(&session, &place).unwrap();
    house.cabinet.unsubscribe(&session).unwrap();
    house.cabinet.unsubscribe(&session).unwrap();
    let anna = house.citizen("anna");
    let mut hers = house.login("anna", &anna).unwrap();
    hers.device = Some(token.device());
    assert_eq!(house.cabinet.unsubscribe(&hers), Err(Error::DeviceUnknown));
}

#[test]
fn a_pin_counts_on_its_own_device_and_never_alone() {
    let house = House::new();
    let (phone, session) = at_home(&house);
    let pin = Pin::new("190357");
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    assert_eq!(house.cabinet.offer_pin(&session, &enrolment, &pin), Err(Error::DeviceUnknown));
    let token = house.cabinet.trust_device(&session, "phone").unwrap();
    let session = house.cabinet.session(session.id).unwrap();
    let simple = house.cabinet.offer_pin(&session, &enrolment, &Pin::new("123456"));
    assert_eq!(simple, Err(Error::PinUnusable { shortest: 6 }));
    house.cabinet.offer_pin(&session, &enrolment, &pin).unwrap();
    assert_eq!(house.cabinet.confirm_factor(&enrolment, "190358"), Err(REJECTED));
    house.cabinet.confirm_factor(&enrolment, "190357").unwrap();

    // From its device, without the password: something held and something known.
    let challenge = house.cabinet.begin_login_by_device(&token, &Approach::default()).unwrap();
    assert_eq!(challenge.by, Evidence::Pin);
    assert_eq!(house.cabinet.answer(&challenge, "190358", request()), Err(REJECTED));
    let session = house.cabinet.answer(&challenge, "190357", request()).unwrap();
    assert_eq!(session.evidence, [Evidence::Device, Evidence::Pin]);
    assert_eq!(session.assurance(), Assurance::Substantial);
    // Beside a password it would be the same kind twice.
    assert_eq!(begin(&house, Evidence::Pin), Err(Error::MethodUnavailable));
    let approach = Approach { by: Some(Evidence::Pin), device: Some(token.clone()), ..Approach::default() };
    let beside = house.cabinet.begin_login_from("ivan", &password(), &approach);
    assert_eq!(beside.err(), Some(Error::MethodUnavailable));
    // Ten wrong ones in a row, and it is disabled on this device.
    for _ in 0..9 {
        house.clock.advance(3600);
        let challenge = house.cabinet.begin_login_by_device(&token, &Approach::default()).unwrap();
        assert_eq!(house.cabinet.answer(&challenge, "000000", request()), Err(REJECTED));
    }
    house.clock.advance(3600);
    let challenge = house.cabinet.begin_login_by_device(&token, &Approach::default()).unwrap();
    assert_eq!(house.cabinet.answer(&challenge, "190350", request()), Err(REJECTED));
    house.clock.advance(3600);
    let challenge = house.cabinet.begin_login_by_device(&token, &Approach::default()).unwrap();
    assert_eq!(house.cabinet.answer(&challenge, "190357", request()), Err(REJECTED));
    // A device that was blocked, and a token that was made up, begin nothing.
    let session = house.login("ivan", &phone).unwrap();
    house.cabinet.block_device(&session, token.device()).unwrap();
    assert_eq!(house.cabinet.begin_login_by_device(&token, &Approach::default()), Err(REJECTED));
    let text = token.to_text();
    let (id, _) = text.split_at(text.len() - 64);
    let forged = DeviceToken::parse(&format!("{id}{}", "0".repeat(64))).unwrap();
    assert_eq!(house.cabinet.begin_login_by_device(&forged, &Approach::default()), Err(REJECTED));
}

#[test]
fn an_account_whose_factors_cannot_be_used_here_is_not_let_in_to_enrol() {
    let house = House::new();
    let (_, session, device, token) = with_push(&house);
    let generator = house.cabinet.factors_of("ivan").unwrap()[0].id;
    drop((session, device));
    house.cabinet.remove_factor("ivan", generator, "lost").unwrap();
    let challenge = begin(&house, Evidence::Push).unwrap();
    assert_eq!(challenge.by, Evidence::Push);
    house.clock.advance(house.cabinet.policy().device.trusted);
    assert_eq!(house.cabinet.begin_login("ivan", &password()), Err(Error::MethodUnavailable));
    drop(token);
}

#[test]
fn an_old_session_blocks_no_device_on_which_the_last_way_in_lies() {
    let house = House::new();
    let (phone, session, _, token) = with_push(&house);
    for factor in house.cabinet.factors(&session).unwrap() {
        if factor.kind == FactorKind::Generator {
            house.cabinet.drop_factor(&session, factor.id).unwrap();
        }
    }
    drop(phone);
    house.clock.advance(house.cabinet.policy().session.fresh);
    let block = || house.cabinet.block_device(&session, token.device());
    assert_eq!(block(), Err(Error::FreshAuthenticationNeeded));
    assert!(begin(&house, Evidence::Push).is_ok(), "its owner is let in as before");
    house.cabinet.block_device_of("ivan", token.device(), "lost").unwrap();
}

#[test]
fn a_device_that_is_forgotten_takes_its_factors_along_and_the_owner_is_told() {
    let house = House::new();
    let (phone, session, _, token) = with_push(&house);
    let kinds = |house: &House| {
        let factors = house.cabinet.factors_of("ivan").unwrap();
        factors.into_iter().map(|factor| factor.kind).collect::<Vec<_>>()
    };
    let told = |house: &House| {
        let messages = house.cabinet.outbox(100).unwrap();
        messages.iter().filter(|message| message.kind == MessageKind::FactorRemoved).count()
    };
    assert_eq!(kinds(&house), [FactorKind::Generator, FactorKind::Push]);
    house.cabinet.remove_device(&session, token.device()).unwrap();
    assert_eq!((kinds(&house), told(&house)), (vec![FactorKind::Generator], 1));
    assert!(house.login("ivan", &phone).is_ok());
    // So does one whose time is over.
    let house = House::new();
    let (_, _, _, token) = with_push(&house);
    house.clock.advance(house.cabinet.policy().device.trusted);
    swept(&house);
    assert_eq!((kinds(&house), told(&house)), (vec![FactorKind::Generator], 1));
    assert!(house.cabinet.devices_of("ivan").unwrap().iter().all(|device| device.id != token.device()));
}

#[test]
fn a_device_that_ends_is_no_other_way_in_and_opens_none() {
    let house = House::new();
    let (phone, session, _, token) = with_push(&house);
    let generator = house.cabinet.factors(&session).unwrap()[0].id;
    house.cabinet.block_device(&session, token.device()).unwrap();
    let session = house.login("ivan", &phone).unwrap();
    assert_eq!(house.cabinet.drop_factor(&session, generator), Err(Error::LastFactor));
    // Where all that the account has ends with its device, the password alone enrols no other.
    let house = House::new();
    let (_, session, _, _) = with_push(&house);
    let generator = house.cabinet.factors(&session).unwrap()[0].id;
    house.cabinet.drop_factor(&session, generator).unwrap();
    house.clock.advance(house.cabinet.policy().device.trusted);
    swept(&house);
    assert_eq!(house.cabinet.begin_login("ivan", &password()), Err(Error::MethodUnavailable));
    assert_eq!(house.cabinet.factors_of("ivan").unwrap().len(), 1);
}

fn swept(house: &House) {
    let mut next = Some(SweepPlace::default());
    while let Some(place) = next {
        next = house.cabinet.sweep(&place).unwrap().next;
    }
}

#[test]
fn an_account_that_is_put_aside_is_not_entered_by_the_pin_of_its_device() {
    let house = House::new();
    let (_, session) = at_home(&house);
    let token = house.cabinet.trust_device(&session, "phone").unwrap();
    let session = house.cabinet.session(session.id).unwrap();
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_pin(&session, &enrolment, &Pin::new("190357")).unwrap();
    house.cabinet.confirm_factor(&enrolment, "190357").unwrap();
    let begin = || house.cabinet.begin_login_by_device(&token, &Approach::default());
    assert!(begin().is_ok());
    house.cabinet.suspend_account("ivan", AccountStep::Suspend, "a stolen laptop").unwrap();
    assert_eq!(begin(), Err(REJECTED));
    house.cabinet.suspend_account("ivan", AccountStep::Resume, "it was found").unwrap();
    assert!(begin().is_ok());
}

#[test]
fn a_device_that_is_blocked_after_it_has_approved_has_approved_nothing() {
    let house = House::new();
    let (phone, _, device, token) = with_push(&house);
    let challenge = begin(&house, Evidence::Push).unwrap();
    let (asked, number) = (requested(&house), house.cabinet.number_to_show(&challenge).unwrap());
    house.cabinet.approve(&asked, &number, &device.approval(&asked, &number)).unwrap();
    let owner = house.login("ivan", &phone).unwrap();
    house.cabinet.block_device(&owner, token.device()).unwrap();
    assert_eq!(house.cabinet.answer(&challenge, "", request()), Err(REJECTED));
}

#[test]
fn a_wrong_number_and_a_refusal_are_charged_like_a_wrong_code() {
    for declines in [false, true] {
        let mut house = House::new();
        let (_, _, device, _) = with_push(&house);
        let mut policy = house.cabinet.policy().clone();
        policy.budget.strangers = 1;
        house.cabinet = house.cabinet.with_policy(policy);
        let challenge = begin(&house, Evidence::Push).unwrap();
        let (asked, number) = (requested(&house), house.cabinet.number_to_show(&challenge).unwrap());
        if declines {
            let declining = device.sign(&DeviceAnswer::Decline.message(&asked, ""));
            house.cabinet.decline(&asked, &declining).unwrap();
        } else {
            let wrong = other_number(&number);
            let approval = device.approval(&asked, &wrong);
            assert_eq!(house.cabinet.approve(&asked, &wrong, &approval), Err(REJECTED));
        }
        let begun = house.cabinet.begin_login("ivan", &password());
        assert_eq!(begun, Err(REJECTED), "strangers have used up what they may get wrong");
    }
}

#[test]
fn the_limits_of_an_account_hold_for_the_pin_of_its_device() {
    use zamok_cabinet::{Limits, Network, Role};
    let house = House::new();
    let (_, session) = at_home(&house);
    let token = house.cabinet.trust_device(&session, "phone").unwrap();
    let session = house.cabinet.session(session.id).unwrap();
    let enrolment = house.cabinet.begin_factor(&session).unwrap();
    house.cabinet.offer_pin(&session, &enrolment, &Pin::new("190357")).unwrap();
    house.cabinet.confirm_factor(&enrolment, "190357").unwrap();
    let networks = vec![Network { address: "10.0.0.0".parse().unwrap(), bits: 8 }];
    house.cabinet.set_roles("ivan", Role::Citizen.into(), &Limits { hours: None, networks }).unwrap();
    let from = |address: &str| {
        let approach = Approach { address: address.parse().ok(), ..Approach::default() };
        house.cabinet.begin_login_by_device(&token, &approach)
    };
    assert_eq!(from("192.0.2.1"), Err(REJECTED));
    assert_eq!(from("not known"), Err(REJECTED), "absence is never permission");
    assert!(from("10.9.8.7").is_ok());
}

#[test]
fn expiry_skipped_on_the_path_of_an_approval() {
    let house = House::new();
    let (_, _, device, _) = with_push(&house);
    let challenge = begin(&house, Evidence::Push).unwrap();
    let (asked, number) = (requested(&house), house.cabinet.number_to_show(&challenge).unwrap());
    house.clock.advance(house.cabinet.policy().push.lifetime);
    assert_eq!(house.cabinet.approve(&asked, &number, &device.approval(&asked, &number)), Err(REJECTED));
    let declining = device.sign(&DeviceAnswer::Decline.message(&asked, ""));
    assert_eq!(house.cabinet.decline(&asked, &declining), Err(REJECTED));
    assert_eq!(house.cabinet.number_to_show(&challenge), Err(REJECTED));
    assert_eq!(house.cabinet.answer(&challenge, "", request()), Err(REJECTED));
}
