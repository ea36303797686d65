//! OCRA (RFC 6287) through the facade: keys that are made and taken in, questions that are asked once, answered once, and
//! bound to what they are about; what a fence does to questions and codes of the time before it.
#![allow(missing_docs)]

use std::sync::Arc;

use zamok::guessing::{SpendPolicy, Throttle};
use zamok::keys::questions::{self, Answer, Inputs, Matter, Question};
use zamok::keys::{KeyId, KeyKind, KeyState, Purpose, Template, change_state, info, one_time, spend};
use zamok::otp::{
    Digits, HotpParameters, Ocra, OcraChallenge, OcraInput, OcraPassword, OcraSuite, Totp, TotpParameters,
    TotpState, Verdict, Window,
};
use zamok::secret::Secret;
use zamok::store::{MemoryStore, Store};
use zamok::{
    Argon2Cost, Clock, CoreError as Error, Freshness, ManualClock, Options, Passphrase, UnixTime, Vault,
};
use zamok_core::error::OcraFault;
use zamok_core::hash::HashAlgorithm;

const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
const NOON: UnixTime = UnixTime(1_800_000_000);
/// The secret of 20 bytes of RFC 6287 appendix C.
const SECRET: &[u8] = b"12345678901234567890";

struct Bank {
    store: Arc<MemoryStore>,
    clock: ManualClock,
    vault: Vault,
}

impl Bank {
    fn new() -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::new(NOON));
        let vault = Vault::create(store.clone(), &passphrase(), options(&clock)).unwrap();
        Self { store, clock, vault }
    }

    /// Another handle, which trusts nothing that was before it.
    fn fenced(&self) -> Vault {
        let store: Arc<dyn Store> = self.store.clone();
        let options = Options { freshness: Freshness::Fenced, ..options(&self.clock) };
        Vault::unlock(store, &passphrase(), options).unwrap()
    }

    /// A key whose holder has a device with this suite.
    fn device(&self, suite: &str, counter: u64) -> (KeyId, Ocra) {
        let suite = OcraSuite::parse(suite).unwrap();
        let secret = Secret::new(SECRET).unwrap();
        let parameters = one_time::ImportedParameters::Ocra { suite, counter };
        let key =
            self.vault.transact(|tx| one_time::import(tx, parameters, &secret, "a device", None)).unwrap();
        (key, Ocra::new(&secret, suite))
    }

    fn ask(&self, key: KeyId, matter: Matter<'_>) -> Result<Question, Error> {
        self.vault.transact(|tx| questions::ask(tx, key, matter, 60))
    }

    fn answer(&self, question: &Question, response: &str) -> Result<Answer, Error> {
        self.answer_with(question, response, Inputs::default())
    }

    fn answer_with(&self, question: &Question, response: &str, inputs: Inputs<'_>) -> Result<Answer, Error> {
        self.vault.transact(|tx| questions::answer(tx, question.id, response, inputs, &policy()))
    }
}

fn passphrase() -> Passphrase {
    Passphrase::from("six random words or more")
}

fn options(clock: &ManualClock) -> Options {
    Options { clock: Arc::new(clock.clone()), cost: CHEAP, ..Options::default() }
}

fn policy() -> SpendPolicy {
    SpendPolicy {
        window: Window::steps(1, 1).unwrap(),
        drift_limit: 2,
        look_ahead: Window::look_ahead(5).unwrap(),
        throttle: Throttle {
            free: 3,
            first_delay: 30,
            longest_delay: 3600,
            disable_after: 6,
            recent_limit: 30,
            recent_span: 30 * 24 * 3600,
        },
    }
}

fn asked(text: &str) -> OcraInput<'_> {
    OcraInput::new(OcraChallenge::OneWay(text))
}

#[test]
fn a_question_is_of_the_suites_form_and_answered_once() {
    let bank = Bank::new();
    for (suite, length, digits) in [
        ("OCRA-1:HOTP-SHA1-6:QN08", 8, 10),
        ("OCRA-1:HOTP-SHA256-8:QA16", 16, 36),
        ("OCRA-1:HOTP-SHA512-8:QH40", 40, 16),
    ] {
        let (key, device) = bank.device(suite, 0);
        let question = bank.ask(key, Matter::Presence).unwrap();
        assert_eq!(question.text.len(), length, "{suite}");
        assert!(question.text.chars().all(|character| character.is_digit(digits)), "{}", question.text);
        assert_ne!(question.text, bank.ask(key, Matter::Presence).unwrap().text, "drawn anew");
        assert_eq!(question.expires, UnixTime(NOON.0 + 60));
        let response = device.response(&asked(&question.text)).unwrap();
        assert_eq!(bank.answer(&question, response.as_str()), Ok(Answer::Accepted(None)), "{suite}");
        assert_eq!(bank.answer(&question, response.as_str()), Err(Error::Rejected), "it is gone");
    }
}

#[test]
fn the_vectors_of_rfc_6287_are_what_devices_answer() {
    // Appendix C.1: QN08, question 11111111, secret of 20 bytes: the response 243178 is of this device.
    let suite = OcraSuite::parse("OCRA-1:HOTP-SHA1-6:QN08").unwrap();
    let device = Ocra::new(&Secret::new(SECRET).unwrap(), suite);
    assert_eq!(device.response(&asked("11111111")).unwrap().as_str(), "243178");
    // The vault asks about what is shown: amount and payee, in the suite's digits.
    let bank = Bank::new();
    let (key, _) = bank.device("OCRA-1:HOTP-SHA1-6:QN08", 0);
    let matter = Matter::Operation { digest: [7; 32], shown: Some("11111111") };
    let question = bank.ask(key, matter).unwrap();
    assert_eq!(question.text, "11111111");
    assert_eq!(bank.answer(&question, "243178"), Ok(Answer::Accepted(Some([7; 32]))));
}

#[test]
fn an_operation_is_fixed_before_it_is_answered_and_a_digest_is_the_whole_question() {
    let bank = Bank::new();
    let (key, device) = bank.device("OCRA-1:HOTP-SHA256-8:QH64", 0);
    let digest = zamok::hash::sha256(&[b"pay 100 to Anna"]);
    let question = bank.ask(key, Matter::Operation { digest, shown: None }).unwrap();
    let text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(question.text, text);
    let response = device.response(&asked(&question.text)).unwrap();
    assert_eq!(bank.answer(&question, response.as_str()), Ok(Answer::Accepted(Some(digest))));
    let (short, _) = bank.device("OCRA-1:HOTP-SHA1-6:QN08", 0);
    let refused = |shown| bank.ask(short, Matter::Operation { digest, shown }).map(drop);
    assert_eq!(refused(None), Err(Error::Ocra(OcraFault::QuestionLength)));
    assert_eq!(refused(Some("123456789")), Err(Error::Ocra(OcraFault::QuestionLength)));
    assert_eq!(refused(Some("")), Err(Error::Ocra(OcraFault::QuestionLength)));
    assert_eq!(refused(Some("12a4")), Err(Error::Ocra(OcraFault::QuestionCharacter)));
}

#[test]
fn where_the_response_depends_on_the_question_alone_a_right_one_ends_the_question_for_ever() {
    let bank = Bank::new();
    let (key, device) = bank.device("OCRA-1:HOTP-SHA1-6:QN08", 0);
    let ask = |digest, shown| bank.ask(key, Matter::Operation { digest: [digest; 32], shown: Some(shown) });
    let response = |text| device.response(&asked(text)).unwrap();
    // Two operations that the device shows alike wait at once: it has one response to both.
    let (first, second) = (ask(1, "256").unwrap(), ask(2, "00000256").unwrap());
    let right = response("256");
    assert_eq!(bank.answer(&first, right.as_str()), Ok(Answer::Accepted(Some([1; 32]))));
    assert_eq!(bank.answer(&second, right.as_str()), Ok(Answer::Rejected));
    // RFC 6287 §5.1 fills with zeros behind: these are one number to the device.
    for same in ["256", "0256", "16", "4096"] {
        assert_eq!(response(same).as_str(), right.as_str());
        assert_eq!(ask(3, same).map(drop), Err(Error::Rejected), "{same}");
    }
    // A wrong response ends nothing: it is asked again. A right one that came late was seen, and is over.
    let question = ask(4, "777").unwrap();
    assert_eq!(bank.answer(&question, right.as_str()), Ok(Answer::Rejected));
    let question = ask(4, "777").unwrap();
    bank.clock.advance(60);
    assert_eq!(bank.answer(&question, response("777").as_str()), Ok(Answer::Rejected), "late");
    assert_eq!(ask(4, "777").map(drop), Err(Error::Rejected));
    ask(5, "778").unwrap();
    // Where time or a counter goes in, the response changes by itself.
    let (timed, device) = bank.device("OCRA-1:HOTP-SHA1-6:QN08-T1M", 0);
    let about = Matter::Operation { digest: [6; 32], shown: Some("256") };
    for _ in 0..2 {
        bank.clock.advance(60);
        let question = bank.ask(timed, about).unwrap();
        let response = device.response(&OcraInput { time: Some(bank.clock.now()), ..asked("256") }).unwrap();
        assert_eq!(bank.answer(&question, response.as_str()), Ok(Answer::Accepted(Some([6; 32]))));
    }
}

#[test]
fn a_wrong_or_late_response_ends_the_question_is_charged_delays_and_disables() {
    let bank = Bank::new();
    let (key, device) = bank.device("OCRA-1:HOTP-SHA1-6:QN08", 0);
    let late = bank.ask(key, Matter::Presence).unwrap();
    bank.clock.advance(60);
    let response = device.response(&asked(&late.text)).unwrap();
    assert_eq!(bank.answer(&late, response.as_str()), Ok(Answer::Rejected), "late");
    for _ in 0..2 {
        let question = bank.ask(key, Matter::Presence).unwrap();
        let right = device.response(&asked(&question.text)).unwrap();
        let wrong = if right.as_str() == "000000" { "000001" } else { "000000" };
        assert_eq!(bank.answer(&question, wrong), Ok(Answer::Rejected));
        assert_eq!(bank.answer(&question, right.as_str()), Err(Error::Rejected), "one try each");
    }
    // Three failures: the next is not looked at before its time, and the question stays.
    let question = bank.ask(key, Matter::Presence).unwrap();
    let right = device.response(&asked(&question.text)).unwrap();
    assert_eq!(bank.answer(&question, right.as_str()), Ok(Answer::Rejected), "delayed");
    bank.clock.advance(30);
    assert_eq!(bank.answer(&question, right.as_str()), Ok(Answer::Accepted(None)));
    for failure in 0..6 {
        bank.clock.advance(3600);
        let question = bank.ask(key, Matter::Presence).unwrap();
        assert_eq!(bank.answer(&question, "not a code"), Ok(Answer::Rejected), "{failure}");
    }
    assert_eq!(bank.ask(key, Matter::Presence).map(drop), Err(Error::KeyState(KeyState::Suspended)));
    bank.vault.transact(|tx| spend::resume(tx, key, "shown in person")).unwrap();
    bank.ask(key, Matter::Presence).unwrap();
}

#[test]
fn counters_time_steps_passwords_and_sessions_go_into_a_response_and_are_spent() {
    let bank = Bank::new();
    let (key, device) = bank.device("OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1", 10);
    let pin = OcraPassword::Plain(b"1234");
    let inputs = Inputs { password: Some(pin), session: None };
    let response = |counter, text: &str| {
        let input = OcraInput { counter: Some(counter), password: Some(pin), ..asked(text) };
        device.response(&input).unwrap()
    };
    let mut question = bank.ask(key, Matter::Presence).unwrap();
    // Within the look-ahead; then nothing at or below it is taken.
    let right = response(13, &question.text);
    assert_eq!(bank.answer_with(&question, right.as_str(), inputs), Ok(Answer::Accepted(None)));
    for counter in [10, 13] {
        question = bank.ask(key, Matter::Presence).unwrap();
        let spent = response(counter, &question.text);
        assert_eq!(bank.answer_with(&question, spent.as_str(), inputs), Ok(Answer::Rejected), "{counter}");
    }
    question = bank.ask(key, Matter::Presence).unwrap();
    let without = bank.answer(&question, "12345678");
    assert_eq!(without, Err(Error::Ocra(OcraFault::Missing)), "misuse is no guess");
    let next = response(14, &question.text);
    assert_eq!(bank.answer_with(&question, next.as_str(), inputs), Ok(Answer::Accepted(None)));

    let (timed, device) = bank.device("OCRA-1:HOTP-SHA512-8:QN08-S016-T1M", 0);
    let inputs = Inputs { password: None, session: Some(b"the session's id") };
    let response = |text: &str| {
        let input = OcraInput { session: inputs.session, time: Some(bank.clock.now()), ..asked(text) };
        device.response(&input).unwrap()
    };
    let first = bank.ask(timed, Matter::Presence).unwrap();
    let second = bank.ask(timed, Matter::Presence).unwrap();
    let answers = [response(&first.text), response(&second.text)];
    assert_eq!(bank.answer_with(&first, answers[0].as_str(), inputs), Ok(Answer::Accepted(None)));
    assert_eq!(
        bank.answer_with(&second, answers[1].as_str(), inputs),
        Ok(Answer::Rejected),
        "the step is spent"
    );
    bank.clock.advance(60);
    let third = bank.ask(timed, Matter::Presence).unwrap();
    let right = response(&third.text);
    assert_eq!(bank.answer_with(&third, right.as_str(), inputs), Ok(Answer::Accepted(None)));
}

#[test]
fn a_key_that_is_made_here_is_shown_once_and_taken_into_use_by_its_first_answer() {
    let bank = Bank::new();
    let suite = OcraSuite::parse("OCRA-1:HOTP-SHA256-8:QN08").unwrap();
    let template = Template::new(KeyKind::Ocra { suite }, Purpose::OneTimeCode);
    let key = bank.vault.transact(|tx| one_time::generate_from(tx, &template, 0)).unwrap();
    let secret = bank.vault.transact(|tx| one_time::provision_ocra(tx, key)).unwrap();
    assert_eq!(bank.vault.transact(|tx| one_time::provision_ocra(tx, key)).map(drop), Err(Error::KeyUsage));
    let by_hand = bank.vault.transact(|tx| change_state(tx, key, KeyState::Active, "in a hurry"));
    assert_eq!(by_hand, Err(Error::KeyState(KeyState::PreActive)), "by its test alone (R12)");
    let question = bank.ask(key, Matter::Presence).unwrap();
    let response = Ocra::new(&secret, suite).response(&asked(&question.text)).unwrap();
    assert_eq!(bank.answer(&question, response.as_str()), Ok(Answer::Accepted(None)));
    assert_eq!(bank.vault.transact(|tx| info(tx, key)).unwrap().state, KeyState::Active);
    // The vault answers no questions: whoever chose them could have it sign anything.
    assert_eq!(bank.vault.transact(|tx| spend::generate_code(tx, key)).map(drop), Err(Error::KeyKind));
}

#[test]
fn behind_a_fence_what_may_have_been_spent_before_the_opening_counts_as_spent() {
    let bank = Bank::new();
    let secret = Secret::new(SECRET).unwrap();
    let parameters =
        TotpParameters { algorithm: HashAlgorithm::Sha1, digits: Digits::EIGHT, period: 30, t0: UnixTime(0) };
    let phone = Totp::new(&secret, parameters).unwrap();
    let imported = one_time::ImportedParameters::Totp { parameters, state: TotpState::default() };
    let key = bank.vault.transact(|tx| one_time::import(tx, imported, &secret, "", None)).unwrap();
    let hotp = HotpParameters { algorithm: HashAlgorithm::Sha1, digits: Digits::SIX };
    let counted = one_time::ImportedParameters::Hotp { parameters: hotp, counter: 0 };
    let counted = bank.vault.transact(|tx| one_time::import(tx, counted, &secret, "", None)).unwrap();
    let (ocra, device) = bank.device("OCRA-1:HOTP-SHA1-6:QN08", 0);
    let open = bank.ask(ocra, Matter::Presence).unwrap();
    let response = device.response(&asked(&open.text)).unwrap();

    let fenced = bank.fenced();
    let code = |ahead: u64| phone.code_at(UnixTime(bank.clock.now().0 + 30 * ahead)).unwrap();
    let verify = |vault: &Vault, text: &str| vault.transact(|tx| spend::verify(tx, key, text, &policy()));
    // The step of the opening, the window after it, and how far a phone may be ahead: all may have been used in a copy.
    assert_eq!(verify(&fenced, code(0).as_str()), Ok(Verdict::Rejected));
    assert_eq!(verify(&fenced, code(1).as_str()), Ok(Verdict::Rejected));
    let answered =
        fenced.transact(|tx| questions::answer(tx, open.id, response.as_str(), Inputs::default(), &policy()));
    assert_eq!(answered, Err(Error::Rejected), "asked before the fence");
    // A handle without a fence takes both: it is the handle that trusts nothing, not the store.
    assert_eq!(bank.answer(&open, response.as_str()), Ok(Answer::Accepted(None)));
    bank.clock.advance(30 * 3);
    assert_eq!(verify(&fenced, code(0).as_str()), Ok(Verdict::Rejected), "drift is counted in");
    bank.clock.advance(30 * 20);
    assert!(matches!(verify(&fenced, code(0).as_str()), Ok(Verdict::Accepted { .. })));
    assert_eq!(verify(&fenced, code(0).as_str()), Ok(Verdict::Rejected));
    let question = fenced.transact(|tx| questions::ask(tx, ocra, Matter::Presence, 60)).unwrap();
    let response = device.response(&asked(&question.text)).unwrap();
    assert_eq!(bank.answer(&question, response.as_str()), Ok(Answer::Accepted(None)));
    // Counters have no time: a fence cannot tell which are spent (`docs/operations.md` says what to do with them).
    let first = zamok::otp::Hotp::new(&secret, hotp).code(0);
    let verdict = fenced.transact(|tx| spend::verify(tx, counted, first.as_str(), &policy()));
    assert!(matches!(verdict, Ok(Verdict::Accepted { .. })));
}

#[test]
fn a_question_of_which_it_does_not_stand_any_more_that_it_was_asked_takes_no_response() {
    use zamok_core::store::{Change, ChangeId, Outcome, Range, RowKey};
    use zamok_core::vault::questions::ASKED;
    let bank = Bank::new();
    let (key, device) = bank.device("OCRA-1:HOTP-SHA1-6:QN08", 0);
    let ask = |digest| bank.ask(key, Matter::Operation { digest: [digest; 32], shown: Some("256") }).unwrap();
    // Two operations that the device shows alike: the response to the one would fit the other.
    let (first, second) = (ask(1), ask(2));
    let right = device.response(&asked("256")).unwrap();
    assert_eq!(bank.answer(&first, right.as_str()), Ok(Answer::Accepted(Some([1; 32]))));
    let rows = bank.store.scan(ASKED, &Range::all(), 10, None).unwrap().rows;
    assert_eq!(rows.len(), 1);
    for (name, row) in rows {
        let mut change = Change::new(ChangeId([7; 16]));
        change.delete(RowKey::new(ASKED, name), row.version).unwrap();
        assert_eq!(bank.store.commit(&change), Ok(Outcome::Committed));
    }
    assert_eq!(bank.answer(&second, right.as_str()), Err(Error::Refused));
}
