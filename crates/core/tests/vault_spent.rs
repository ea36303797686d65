//! What is spent of a key, wherever it comes from and goes: minted codes, budgets of several callers, an officer who forgives, two
//! codes that find a token again, questions, another vault, a backup and the journal that survived it (`CRYPTO.md` §4).

mod harness;

use harness::{OWNER, Scene, StateFields, generous, strict, wrong};
use zamok_core::event::EventKind;
use zamok_core::hash::HashAlgorithm;
use zamok_core::mechanism::Mechanism;
use zamok_core::otp::{
    Digits, Hotp, HotpParameters, Ocra, OcraChallenge, OcraInput, OcraSuite, Totp, TotpParameters, TotpState,
    Verdict, Window,
};
use zamok_core::secret::Secret;
use zamok_core::signature::{Algorithm, Backend, Prepared, Signer, VerifyingKey};
use zamok_core::store::RowKey;
use zamok_core::vault::keys::{self, Template, Usage, Usages};
use zamok_core::vault::one_time::{self, ImportedParameters};
use zamok_core::vault::questions::{self, Answer, Inputs, Matter};
use zamok_core::vault::spend::{self, Failures, Restored, STATES, Since, SpendPolicy, Throttle};
use zamok_core::vault::{
    Committed, Flag, Flags, KeyId, KeyKind, KeyState, Purpose, SelfTests, Transaction, wrapping,
};
use zamok_core::{Env, Error, UnixTime};

const TOTP: TotpParameters =
    TotpParameters { algorithm: HashAlgorithm::Sha1, digits: Digits::SIX, period: 30, t0: UnixTime(0) };
const HOTP: HotpParameters = HotpParameters { algorithm: HashAlgorithm::Sha1, digits: Digits::SIX };

fn secret() -> Secret {
    Secret::new(b"12345678901234567890").unwrap()
}

fn phone() -> Hotp {
    Hotp::new(&secret(), HOTP)
}

fn import(scene: &Scene, parameters: ImportedParameters) -> KeyId {
    scene.transact(|tx| one_time::import(tx, parameters, &secret(), "a token", Some(OWNER))).unwrap()
}

fn import_totp(scene: &Scene, state: TotpState) -> KeyId {
    import(scene, ImportedParameters::Totp { parameters: TOTP, state })
}

fn import_hotp(scene: &Scene, counter: u64) -> KeyId {
    import(scene, ImportedParameters::Hotp { parameters: HOTP, counter })
}

fn suite(text: &str) -> OcraSuite {
    OcraSuite::parse(text).unwrap()
}

fn import_ocra(scene: &Scene, text: &str, counter: u64) -> KeyId {
    import(scene, ImportedParameters::Ocra { suite: suite(text), counter })
}

/// The step of now.
fn step(scene: &Scene) -> u64 {
    scene.now().0 / 30
}

fn state_of(scene: &Scene, key: KeyId) -> KeyState {
    scene.transact(|tx| keys::info(tx, key)).unwrap().state
}

fn count(scene: &Scene, kind: EventKind) -> usize {
    scene.journal().iter().filter(|told| told.leaf.kind == kind).count()
}

/// All but which entry told of it.
fn without_entry(fields: StateFields) -> StateFields {
    let entry = zamok_core::store::EntryId { writer: [0; 16], sequence: 0 };
    StateFields { entry, ..fields }
}

#[test]
fn a_key_for_codes_has_a_state_row_and_no_other_key_has() {
    let scene = Scene::new("rows");
    let state_row = |key: KeyId| {
        let row = RowKey::new(keys::KEYS, key.0);
        let opened = scene.keyring.open(&row, &scene.row(&row)).unwrap();
        spend::state_row_of(&opened)
    };
    let (totp, _) = scene.totp();
    assert_eq!(state_row(totp), Ok(Some(RowKey::new(STATES, totp.0))));
    let ocra = import_ocra(&scene, "OCRA-1:HOTP-SHA1-6:QN08", 0);
    assert_eq!(state_row(ocra), Ok(Some(RowKey::new(STATES, ocra.0))));
    assert_eq!(state_row(scene.signer(Purpose::Token)), Ok(None));
}

#[test]
fn a_state_row_in_the_place_of_another_keys_is_refused() {
    let scene = Scene::new("rows that move");
    let ((one, phone), (other, _)) = (scene.totp(), scene.totp());
    let code = phone.code_at(scene.now()).unwrap().to_string();
    // Rightly authenticated for its place, with the body of another key's row.
    let body = |key: KeyId| {
        let row = RowKey::new(STATES, key.0);
        scene.keyring.verify(&row, &scene.row(&row)).unwrap().to_vec()
    };
    let own = body(one);
    let mut of_another_version = own.clone();
    of_another_version[20] ^= 3;
    for body in [body(other), of_another_version] {
        let verified = scene.try_out(|tx| {
            tx.put_state(&RowKey::new(STATES, one.0), &body)?;
            spend::verify(tx, one, &code, &strict())
        });
        assert_eq!(verified, Err(Error::Refused));
    }
    let mut of_another_format = own;
    of_another_format[0] = 2;
    let verified = scene.try_out(|tx| {
        tx.put_state(&RowKey::new(STATES, one.0), &of_another_format)?;
        spend::verify(tx, one, &code, &strict())
    });
    assert_eq!(verified, Err(Error::Format { found: 2, supported: 1 }));
    assert!(scene.verify(one, &code, &strict()).unwrap().accepted().is_ok());
}

/// A key that verifies codes and mints them as well.
fn mint(scene: &Scene, kind: KeyKind, first: u64) -> KeyId {
    let mut template = Template::new(kind, Purpose::OneTimeCode).named("a mint", Some(OWNER));
    template.usages = Usages::of(&[Usage::VerifyCode, Usage::GenerateCode]);
    scene.transact(|tx| one_time::generate_from(tx, &template, first)).unwrap()
}

#[test]
fn codes_of_a_counter_are_minted_one_after_the_other_and_verified_by_a_counter_of_their_own() {
    let scene = Scene::new("minted");
    let key = mint(&scene, KeyKind::Hotp { algorithm: HOTP.algorithm, digits: HOTP.digits }, 7);
    let uri = scene.provision(key).unwrap();
    let phone = Hotp::new(uri.secret(), uri.hotp_parameters().unwrap().0);
    scene.confirm(key, phone.code(7).as_str());
    for counter in 7..10 {
        let code = scene.transact(|tx| spend::generate_code(tx, key)).unwrap();
        assert_eq!(code.as_str(), phone.code(counter).as_str());
        assert_eq!((scene.state(key).next_to_generate, scene.state(key).next), (counter + 1, 8));
    }
    let told = scene.journal();
    let steps: Vec<_> = told
        .iter()
        .filter(|told| told.leaf.kind == EventKind::CodeGenerated)
        .filter_map(|told| told.detail.get("step"))
        .collect();
    assert_eq!(steps, ["7", "8", "9"]);
    assert_eq!(told.last().unwrap().id, scene.state(key).entry);
    let accepted = Verdict::Accepted { step: 9, drift: 1 };
    assert_eq!(scene.verify(key, phone.code(9).as_str(), &strict()), Ok(accepted));
}

#[test]
fn the_last_counter_is_minted_never_and_codes_of_time_are_those_of_now() {
    let scene = Scene::new("minted by time");
    let kind = KeyKind::Totp { algorithm: TOTP.algorithm, digits: TOTP.digits, period: 30, t0: 0 };
    let key = mint(&scene, kind, 0);
    let uri = scene.provision(key).unwrap();
    let phone = Totp::new(uri.secret(), uri.totp_parameters().unwrap()).unwrap();
    scene.confirm(key, phone.code_at(scene.now()).unwrap().as_str());
    scene.wait(90);
    let code = scene.transact(|tx| spend::generate_code(tx, key)).unwrap();
    assert_eq!(code.as_str(), phone.code_at(scene.now()).unwrap().as_str());
    let told = scene.journal();
    assert_eq!(told.last().unwrap().detail.get("step"), Some(step(&scene).to_string().as_str()));

    let last = mint(&scene, KeyKind::Hotp { algorithm: HOTP.algorithm, digits: HOTP.digits }, u64::MAX);
    let uri = scene.provision(last).unwrap();
    let phone = Hotp::new(uri.secret(), uri.hotp_parameters().unwrap().0);
    scene.confirm(last, phone.code(u64::MAX).as_str());
    let minted = scene.transact(|tx| spend::generate_code(tx, last).map(|_| ()));
    assert_eq!(minted, Err(Error::CounterExhausted));
}

/// The row that a wrong code is told of: here the key's own, since these budgets have none.
fn charged(key: KeyId) -> RowKey {
    RowKey::new(STATES, key.0)
}

#[test]
fn a_budget_of_its_own_is_charged_delayed_and_ended_and_leaves_the_key_alone() {
    let scene = Scene::new("budgets");
    let (key, phone) = scene.totp();
    let throttle = Throttle { free: 2, first_delay: 30, disable_after: 3, ..strict().throttle };
    let policy = SpendPolicy { throttle, ..strict() };
    let mut budget = Failures::default();
    let attempt = |code: &str, budget: &mut Failures| {
        scene.transact(|tx| spend::verify_charging(tx, key, code, &policy, budget, &charged(key)))
    };
    let wrong = wrong(&phone, scene.now());
    for failures in 1..=2 {
        assert_eq!(attempt(&wrong, &mut budget), Ok(Verdict::Rejected));
        assert_eq!((budget.in_a_row, scene.state(key).in_a_row), (failures, 0));
    }
    // Delayed, it says nothing of the right code, and spends nothing.
    let right = phone.code_at(scene.now()).unwrap().to_string();
    assert!(budget.delayed(scene.now()));
    assert_eq!(attempt(&right, &mut budget), Ok(Verdict::Rejected));
    assert_eq!((budget.in_a_row, count(&scene, EventKind::CodeRejected)), (2, 2));
    // Another budget for the same key is untouched; the code that it spends is spent for both.
    let mut other = Failures { in_a_row: 1, recent: 1, recent_since: scene.now(), ..Failures::default() };
    assert_eq!(attempt(&right, &mut other), Ok(Verdict::Accepted { step: step(&scene), drift: 0 }));
    assert_eq!((other.in_a_row, other.recent), (0, 1));
    assert_eq!(count(&scene, EventKind::CodeAccepted), 2, "with the one that ended the enrolment");
    scene.wait(30);
    let again = attempt(&right, &mut budget);
    assert_eq!(again, Ok(Verdict::Rejected), "spent");
    assert!(budget.exhausted(), "the third in a row");
    assert_eq!((state_of(&scene, key), scene.state(key).in_a_row), (KeyState::Active, 0));
    let told = scene.journal();
    let reasons: Vec<_> = told.iter().filter_map(|told| told.detail.get("reason")).collect();
    assert_eq!(reasons, ["wrong code", "wrong code", "code already used"]);
}

#[test]
fn a_suspended_key_is_resumed_with_its_failures_forgiven_and_nothing_given_back() {
    let scene = Scene::new("resumed");
    let (key, phone) = scene.totp();
    let right = phone.code_at(scene.now()).unwrap().to_string();
    assert!(scene.verify(key, &right, &strict()).unwrap().accepted().is_ok());
    let spent = scene.state(key);
    let throttle = Throttle { disable_after: 2, ..strict().throttle };
    for _ in 0..2 {
        let policy = SpendPolicy { throttle, ..strict() };
        assert_eq!(scene.verify(key, &wrong(&phone, scene.now()), &policy), Ok(Verdict::Rejected));
    }
    assert_eq!(state_of(&scene, key), KeyState::Suspended);
    assert_eq!(count(&scene, EventKind::CodeDisabled), 1);
    assert_eq!(scene.transact(|tx| spend::resume(tx, key, "met in person")), Ok(()));
    assert_eq!(state_of(&scene, key), KeyState::Active);
    let resumed = scene.state(key);
    assert_eq!((resumed.in_a_row, resumed.recent, resumed.not_before), (0, 0, 0));
    assert_eq!((resumed.last_step, resumed.drift), (spent.last_step, spent.drift));
    let told = scene.journal();
    let forgiven: Vec<_> = told.iter().filter(|told| told.leaf.kind == EventKind::FailuresForgiven).collect();
    assert_eq!(forgiven.len(), 1);
    assert_eq!(forgiven[0].detail.get("reason"), Some("met in person"));
    assert_eq!(resumed.entry.writer, forgiven[0].id.writer);
    assert_eq!(scene.verify(key, &right, &strict()), Ok(Verdict::Rejected), "spent");
    let refused = |key| scene.transact(|tx| spend::resume(tx, key, "again"));
    assert_eq!(refused(key), Err(Error::KeyState(KeyState::Active)));
    let signer = scene.signer(Purpose::Token);
    scene.transact(|tx| keys::change_state(tx, signer, KeyState::Suspended, "test")).unwrap();
    assert_eq!(refused(signer), Err(Error::KeyKind));
}

#[test]
fn two_codes_that_follow_each_other_find_a_token_again_and_are_spent() {
    let scene = Scene::new("ahead");
    let (key, phone) = (import_hotp(&scene, 5), phone());
    let policy = strict();
    let throttle = Throttle { free: 2, first_delay: 60, ..policy.throttle };
    let attempt = |first: u64, second: u64| {
        let codes = [phone.code(first), phone.code(second)];
        let codes = [codes[0].as_str(), codes[1].as_str()];
        scene.transact(|tx| spend::resynchronise(tx, key, codes, 1000, &throttle))
    };
    assert_eq!(scene.verify(key, phone.code(500).as_str(), &policy), Ok(Verdict::Rejected), "too far");
    assert_eq!(attempt(500, 502), Ok(Verdict::Rejected), "not one after the other");
    assert_eq!((scene.state(key).in_a_row, scene.state(key).next), (2, 5));
    assert_eq!(attempt(500, 501), Ok(Verdict::Rejected), "delayed");
    assert_eq!((scene.state(key).in_a_row, scene.state(key).next), (2, 5));
    scene.wait(60);
    assert!(matches!(attempt(500, 501), Ok(Verdict::Accepted { .. })));
    assert_eq!((scene.state(key).in_a_row, scene.state(key).next), (0, 502));
    for spent in [500, 501] {
        assert_eq!(scene.verify(key, phone.code(spent).as_str(), &generous()), Ok(Verdict::Rejected));
    }
    assert!(scene.verify(key, phone.code(502).as_str(), &generous()).unwrap().accepted().is_ok());
    let (totp, _) = scene.totp();
    let refused = scene.transact(|tx| spend::resynchronise(tx, totp, ["1", "2"], 10, &throttle));
    assert_eq!(refused, Err(Error::KeyKind));
    scene.transact(|tx| keys::change_state(tx, key, KeyState::Suspended, "test")).unwrap();
    assert_eq!(attempt(503, 504), Err(Error::KeyState(KeyState::Suspended)));
}

#[test]
fn two_codes_in_a_row_are_charged_to_a_budget_where_there_is_one_and_the_key_has_no_failures() {
    let scene = Scene::new("ahead with a budget");
    let (key, phone) = (import_hotp(&scene, 5), phone());
    let throttle = Throttle { free: 1, first_delay: 60, ..strict().throttle };
    let mut budget = Failures::default();
    let mut attempt = |first: u64, second: u64| {
        let codes = [phone.code(first), phone.code(second)];
        let codes = [codes[0].as_str(), codes[1].as_str()];
        let found = scene.transact(|tx| {
            spend::resynchronise_charging(tx, key, codes, 100, &throttle, &mut budget, &charged(key))
        });
        (found, budget.in_a_row)
    };
    assert_eq!(attempt(106, 107), (Ok(Verdict::Rejected), 1), "beyond");
    assert_eq!(attempt(105, 106), (Ok(Verdict::Rejected), 1), "delayed");
    assert_eq!((scene.state(key).in_a_row, scene.state(key).next), (0, 5));
    scene.wait(60);
    assert_eq!(attempt(105, 106), (Ok(Verdict::Accepted { step: 106, drift: 101 }), 0));
    assert_eq!(attempt(105, 106), (Ok(Verdict::Rejected), 1), "spent");
    assert_eq!((scene.state(key).in_a_row, scene.state(key).next), (0, 107));
}

#[test]
fn responses_spend_the_counter_and_the_step_that_they_were_made_with() {
    let scene = Scene::new("responses");
    let ask = |key| scene.transact(|tx| questions::ask(tx, key, Matter::Presence, 60)).unwrap();
    let answer = |id, response: &str| {
        scene.transact(|tx| questions::answer(tx, id, response, Inputs::default(), &generous()))
    };
    let text = "OCRA-1:HOTP-SHA1-6:C-QN08";
    let (key, device) = (import_ocra(&scene, text, 40), Ocra::new(&secret(), suite(text)));
    for (counter, wanted) in [(42, true), (42, false), (41, false), (43, true)] {
        let question = ask(key);
        let input =
            OcraInput { counter: Some(counter), ..OcraInput::new(OcraChallenge::OneWay(&question.text)) };
        let response = device.response(&input).unwrap();
        let wanted = if wanted { Answer::Accepted(None) } else { Answer::Rejected };
        assert_eq!(answer(question.id, response.as_str()), Ok(wanted), "{counter}");
    }
    assert_eq!(scene.state(key).next, 44);

    let text = "OCRA-1:HOTP-SHA1-6:QN08-T1M";
    let (key, device) = (import_ocra(&scene, text, 0), Ocra::new(&secret(), suite(text)));
    for (wait, wanted) in [(0, true), (0, false), (60, true)] {
        scene.wait(wait);
        let question = ask(key);
        let input =
            OcraInput { time: Some(scene.now()), ..OcraInput::new(OcraChallenge::OneWay(&question.text)) };
        let response = device.response(&input).unwrap();
        let wanted = if wanted { Answer::Accepted(None) } else { Answer::Rejected };
        assert_eq!(answer(question.id, response.as_str()), Ok(wanted), "after {wait} s");
    }
    assert_eq!(scene.state(key).last_step, Some(scene.now().0 / 60));
}

#[test]
fn the_last_counter_of_all_answers_one_question_and_no_other() {
    let scene = Scene::new("the last counter");
    let text = "OCRA-1:HOTP-SHA1-6:C-QN08";
    let (key, device) = (import_ocra(&scene, text, u64::MAX), Ocra::new(&secret(), suite(text)));
    let exchange = || {
        let question = scene.transact(|tx| questions::ask(tx, key, Matter::Presence, 60)).unwrap();
        let input =
            OcraInput { counter: Some(u64::MAX), ..OcraInput::new(OcraChallenge::OneWay(&question.text)) };
        let response = device.response(&input).unwrap();
        scene.transact(|tx| {
            questions::answer(tx, question.id, response.as_str(), Inputs::default(), &generous())
        })
    };
    assert_eq!(exchange(), Ok(Answer::Accepted(None)));
    assert_eq!((scene.state(key).next, scene.state(key).burned), (u64::MAX, 1), "spent, without a next one");
    assert_eq!(exchange(), Err(Error::CounterExhausted));
}

#[test]
fn a_key_that_moves_takes_along_what_was_spent_of_it() {
    let scene = Scene::new("moved");
    let wrapper = Template::new(KeyKind::Aes256, Purpose::Wrapping);
    let wrapper = scene.transact(|tx| keys::generate(tx, &wrapper)).unwrap();
    scene.by_officer(|tx| keys::trust(tx, wrapper, "the officer")).unwrap();
    let movable = |parameters: ImportedParameters, kind: KeyKind| {
        let mut template = Template::new(kind, Purpose::OneTimeCode).named("a traveller", Some(OWNER));
        template.flags = template.flags.or(Flags::of(&[Flag::Wrappable]));
        template.usages = Usages::of(&[Usage::VerifyCode, Usage::GenerateCode]);
        scene.transact(|tx| one_time::import_from(tx, parameters, &secret(), &template)).unwrap()
    };
    let moved = |key| {
        let bytes = scene.transact(|tx| wrapping::wrap(tx, wrapper, key, Mechanism::Envelope)).unwrap();
        let twice = scene.try_out(|tx| wrapping::unwrap(tx, wrapper, &bytes, None));
        assert_eq!(twice, Err(Error::KeyKind), "each code would be accepted by both");
        for end in [KeyState::Deactivated, KeyState::Destroyed] {
            let still = scene.try_out(|tx| wrapping::unwrap(tx, wrapper, &bytes, None));
            assert_eq!(still, Err(Error::KeyKind), "before it is {end:?}");
            scene.transact(|tx| keys::change_state(tx, key, end, "it has left")).unwrap();
        }
        let back = scene.transact(|tx| wrapping::unwrap(tx, wrapper, &bytes, None)).unwrap();
        assert_eq!(scene.state(back).entry, scene.journal().last().unwrap().id, "which told of it");
        back
    };
    let phone = phone();
    let hotp = KeyKind::Hotp { algorithm: HOTP.algorithm, digits: HOTP.digits };
    let key = movable(ImportedParameters::Hotp { parameters: HOTP, counter: 9 }, hotp);
    scene.transact(|tx| spend::generate_code(tx, key).map(|_| ())).unwrap();
    for counter in [11, 12] {
        assert!(scene.verify(key, phone.code(counter).as_str(), &generous()).unwrap().accepted().is_ok());
    }
    assert_eq!((scene.state(key).next, scene.state(key).next_to_generate), (13, 10));
    assert_eq!(without_entry(scene.state(moved(key))), without_entry(scene.state(key)));

    let state = TotpState { last_step: Some(step(&scene) + 1), drift: -2 };
    let totp = KeyKind::Totp { algorithm: TOTP.algorithm, digits: TOTP.digits, period: 30, t0: 0 };
    let key = movable(ImportedParameters::Totp { parameters: TOTP, state }, totp);
    // In a bare wrap nothing says what is spent.
    let bare = scene.transact(|tx| wrapping::wrap(tx, wrapper, key, Mechanism::AesKeyWrap)).unwrap();
    for kind in [hotp, totp, KeyKind::Ocra { suite: suite("OCRA-1:HOTP-SHA1-6:QN08") }] {
        let template = Template::new(kind, Purpose::OneTimeCode);
        let refused = scene.try_out(|tx| wrapping::unwrap_bare(tx, wrapper, &bare, &template));
        assert_eq!(refused, Err(Error::KeyKind), "{kind:?}");
    }
    let came = scene.state(moved(key));
    assert_eq!((came.last_step, came.drift), (state.last_step, -2));
}

#[test]
fn what_is_restored_is_fenced_by_time_and_suspended_by_counter() {
    let scene = Scene::new("restored");
    let restored = |key: KeyId| {
        let row = RowKey::new(keys::KEYS, key.0);
        spend::restored(&scene.keyring.open(&row, &scene.row(&row)).unwrap().attributes)
    };
    let become_ = |key: KeyId, next: KeyState| {
        scene.transact(|tx| keys::change_state(tx, key, next, "test")).unwrap();
    };
    let (offered, _) = scene.offered_totp();
    assert_eq!(restored(offered), Ok(Some(Restored::Fenced)));
    let key = import_totp(&scene, TotpState::default());
    assert_eq!(restored(key), Ok(Some(Restored::Fenced)));
    become_(key, KeyState::Suspended);
    assert_eq!(restored(key), Ok(Some(Restored::Fenced)));
    become_(key, KeyState::Deactivated);
    assert_eq!(restored(key), Ok(None));

    let key = import_hotp(&scene, 0);
    assert_eq!(restored(key), Ok(Some(Restored::Suspended)));
    become_(key, KeyState::Suspended);
    assert_eq!(restored(key), Ok(None), "it is put aside");
    assert_eq!(restored(import_ocra(&scene, "OCRA-1:HOTP-SHA1-6:C-QN08", 0)), Ok(Some(Restored::Suspended)));
    assert_eq!(restored(import_ocra(&scene, "OCRA-1:HOTP-SHA1-6:QN08", 0)), Ok(Some(Restored::Suspended)));
    assert_eq!(restored(import_ocra(&scene, "OCRA-1:HOTP-SHA1-6:QN08-T1M", 0)), Ok(Some(Restored::Fenced)));
    assert_eq!(restored(scene.signer(Purpose::Token)), Ok(None));
}

#[test]
fn a_fence_spends_every_step_that_a_phone_can_have_shown() {
    let scene = Scene::new("fenced");
    let now = step(&scene);
    let fence = |key: KeyId| scene.transact(|tx| spend::fence(tx, &RowKey::new(STATES, key.0)));
    // The step after now, and one for each that the phone is ahead.
    for (last_step, drift, fenced) in [
        (None, 0, now + 1),
        (Some(now - 9), 2, now + 3),
        (Some(now), -3, now + 1),
        (Some(now + 1), 0, now + 1),
        (Some(now + 7), 0, now + 7),
    ] {
        let key = import_totp(&scene, TotpState { last_step, drift });
        let before = scene.state(key);
        assert_eq!(fence(key), Ok(()));
        assert_eq!(scene.state(key), StateFields { last_step: Some(fenced), ..before });
    }
    let hotp = import_hotp(&scene, 3);
    let before = scene.row(&RowKey::new(STATES, hotp.0));
    assert_eq!(fence(hotp), Ok(()));
    assert_eq!(scene.row(&RowKey::new(STATES, hotp.0)), before);
    assert_eq!(scene.transact(|tx| spend::fence(tx, &RowKey::new(STATES, *b"short"))), Err(Error::Refused));
    assert_eq!(fence(KeyId([9; 16])), Err(Error::UnknownKey));
}

#[test]
fn behind_a_fence_of_the_handle_no_step_counts_that_a_window_held_before() {
    let scene = Scene::new("fence of a handle");
    let (opened, now) = (scene.now(), step(&scene));
    let key = import_totp(&scene, TotpState::default());
    let phone = Totp::new(&secret(), TOTP).unwrap();
    let policy = SpendPolicy { window: Window::steps(0, 1).unwrap(), drift_limit: 2, ..generous() };
    let attempt = |ahead: u64, fence: Option<UnixTime>| {
        let (chain, mut chance) = (scene.chain(), scene.chance());
        let env = Env { now: UnixTime((now + ahead) * 30), rng: &mut chance };
        let mut tx = Transaction::begin(&scene.store, &scene.keyring, chain, env);
        if let Some(opened) = fence {
            tx = tx.with_fence(opened);
        }
        let code = phone.code_of_step(now + ahead).to_string();
        let verdict = spend::verify(&mut tx, key, &code, &policy).unwrap();
        match tx.prepare(verdict).unwrap().commit().unwrap() {
            Committed::Done(verdict, _) => verdict.accepted().is_ok(),
            _ => panic!("nobody else commits"),
        }
    };
    for ahead in 0..=3 {
        assert!(!attempt(ahead, Some(opened)), "{ahead} ahead: the window's one, and two of drift");
    }
    assert!(attempt(4, Some(opened)));
    assert!(!attempt(4, Some(opened)), "spent");
    assert!(attempt(5, None));
}

#[test]
fn a_fence_from_before_the_t0_of_a_key_spends_none_of_its_codes() {
    let scene = Scene::new("fence before T0");
    let opened = scene.now();
    let parameters = TotpParameters { t0: opened.plus(45), ..TOTP };
    let key = import(&scene, ImportedParameters::Totp { parameters, state: TotpState::default() });
    let code = Totp::new(&secret(), parameters).unwrap().code_of_step(0).to_string();
    let attempt = |now: UnixTime| {
        let (chain, mut chance) = (scene.chain(), scene.chance());
        let env = Env { now, rng: &mut chance };
        let mut tx = Transaction::begin(&scene.store, &scene.keyring, chain, env).with_fence(opened);
        spend::verify(&mut tx, key, &code, &generous())
    };
    assert_eq!(attempt(opened), Ok(Verdict::Rejected), "no step has begun");
    assert_eq!(scene.transact(|tx| spend::fence(tx, &RowKey::new(STATES, key.0))), Ok(()));
    assert_eq!(scene.state(key).last_step, None, "nor after a restore");
    assert_eq!(attempt(parameters.t0), Ok(Verdict::Accepted { step: 0, drift: 0 }));
}

#[test]
fn a_replay_keeps_what_was_burned_and_spends_the_last_counter_of_all() {
    let scene = Scene::new("replayed and burned");
    let accept = |key: KeyId, counter| {
        let since = Since { accepted: Some(counter), ..Since::default() };
        scene.transact(|tx| spend::replay(tx, key, &since)).unwrap();
        (scene.state(key).next, scene.state(key).burned)
    };
    // Both counters show the same digits (`otp_collisions.rs` finds them): with the first, the second is burned.
    let [first, second] = [2386, 2394];
    let (key, code) = (import_hotp(&scene, first), phone().code(first).to_string());
    assert!(scene.verify(key, &code, &generous()).unwrap().accepted().is_ok());
    assert_eq!(scene.state(key).burned, 1_u128 << (second - first - 1));
    assert_eq!(accept(key, first + 2), (first + 3, 1_u128 << (second - first - 3)));
    assert_eq!(scene.verify(key, &code, &generous()), Ok(Verdict::Rejected), "it was accepted once");
    assert_eq!(accept(key, first), (first + 3, 1_u128 << (second - first - 3)), "nothing goes back");
    assert_eq!(accept(key, second + 200), (second + 201, 0));

    let last = import_hotp(&scene, u64::MAX - 1);
    assert_eq!(accept(last, u64::MAX), (u64::MAX, 1));
    let code = phone().code(u64::MAX).to_string();
    assert_eq!(scene.verify(last, &code, &generous()), Ok(Verdict::Rejected));
    assert_eq!(accept(last, u64::MAX), (u64::MAX, 1));
}

#[test]
fn a_replay_burns_what_the_digits_of_the_accepted_counters_show_again() {
    let scene = Scene::new("replayed repeats");
    let [first, second] = [2386, 2394];
    let code = phone().code(first).to_string();
    // The last but one in either order, the last, the first of two that found the token again; and one that reached no further.
    for (told, is_burned) in [
        (&[first, first + 2][..], true),
        (&[first + 2, first], true),
        (&[first - 200, first], true),
        (&[first + 1], true),
        (&[first - 200, first + 2], false),
    ] {
        let key = import_hotp(&scene, first - 200);
        let mut since = Since::default();
        told.iter().for_each(|counter| since.note_accepted(*counter));
        scene.transact(|tx| spend::replay(tx, key, &since)).unwrap();
        let next = told.iter().max().unwrap() + 1;
        let burned = if is_burned { 1_u128 << (second - next) } else { 0 };
        assert_eq!((scene.state(key).next, scene.state(key).burned), (next, burned), "{told:?}");
        let taken = scene.verify(key, &code, &generous()).unwrap().accepted().is_ok();
        assert_eq!(taken, !is_burned, "{told:?}");
    }
}

#[test]
fn what_a_surviving_journal_tells_is_spent_again_and_nothing_goes_back() {
    let scene = Scene::new("replayed");
    let replay = |key: KeyId, since: Since| {
        let before = scene.state(key);
        scene.transact(|tx| spend::replay(tx, key, &since)).unwrap();
        let after = scene.state(key);
        assert_eq!(after.entry, before.entry, "one entry tells of the whole replay");
        after
    };
    let accepted = |step| Since { accepted: Some(step), ..Since::default() };
    let totp = import_totp(&scene, TotpState { last_step: Some(100), drift: 1 });
    for (step, last) in [(90, 100), (150, 150), (149, 150)] {
        let state = replay(totp, accepted(step));
        assert_eq!((state.last_step, state.next, state.drift), (Some(last), 0, 1), "{step}");
    }
    let hotp = import_hotp(&scene, 10);
    for (counter, next) in [(8, 10), (9, 10), (10, 11), (20, 21)] {
        let state = replay(hotp, accepted(counter));
        assert_eq!((state.next, state.last_step), (next, None), "{counter}");
    }
    let by_counter = import_ocra(&scene, "OCRA-1:HOTP-SHA1-6:C-QN08-T1M", 10);
    let state = replay(by_counter, accepted(30));
    assert_eq!((state.next, state.last_step), (31, None), "where there is a counter, it is what counts");
    let by_time = import_ocra(&scene, "OCRA-1:HOTP-SHA1-6:QN08-T1M", 0);
    let state = replay(by_time, accepted(30));
    assert_eq!((state.next, state.last_step), (0, Some(30)));
    for (counter, next) in [(15, 16), (14, 16), (16, 17)] {
        let state = replay(hotp, Since { generated: Some(counter), ..Since::default() });
        assert_eq!((state.next_to_generate, state.next), (next, 21), "{counter}");
    }
    let state = replay(hotp, Since { rejected: 3, ..Since::default() });
    assert_eq!((state.in_a_row, state.recent), (3, 3));
    let state = replay(hotp, Since { rejected: 2, ..Since::default() });
    assert_eq!((state.in_a_row, state.recent, state.next, state.next_to_generate), (5, 5, 21, 17));
}

#[test]
fn refusals_while_delayed_are_summed_up_once_a_minute_and_change_nothing_else() {
    let scene = Scene::new("refused unseen");
    let key = import_hotp(&scene, 5);
    let phone = phone();
    let throttle = Throttle { free: 1, first_delay: 300, longest_delay: 300, ..strict().throttle };
    let policy = SpendPolicy { throttle, ..strict() };
    assert_eq!(scene.verify(key, "no code", &policy), Ok(Verdict::Rejected));
    let before = scene.state(key);
    let right = phone.code(7).to_string();
    for (wait, summaries) in [(0, 1), (59, 1), (1, 2), (30, 2)] {
        scene.wait(wait);
        assert_eq!(scene.verify(key, &right, &policy), Ok(Verdict::Rejected));
        assert_eq!(count(&scene, EventKind::CodeRefusedWhileDelayed), summaries, "after {wait} s");
    }
    let after = scene.state(key);
    let told = scene.journal();
    assert_eq!(
        (after.summed_up, after.entry),
        (before.summed_up.max(scene.now().0 - 30), told.last().unwrap().id)
    );
    let restored = StateFields { summed_up: before.summed_up, ..after };
    assert_eq!(without_entry(restored), without_entry(before), "the right code was not looked at");
    scene.wait(300);
    assert_eq!(scene.verify(key, &right, &policy), Ok(Verdict::Accepted { step: 7, drift: 2 }));
}

#[test]
fn behind_a_fence_of_the_handle_no_caller_with_a_budget_of_its_own_spends_an_earlier_step() {
    let scene = Scene::new("fence and budget");
    let (opened, now) = (scene.now(), step(&scene));
    let key = import_totp(&scene, TotpState::default());
    let code = Totp::new(&secret(), TOTP).unwrap().code_of_step(now).to_string();
    let attempt = |fence: Option<UnixTime>| {
        let (chain, mut chance, mut budget) = (scene.chain(), scene.chance(), Failures::default());
        let env = Env { now: opened, rng: &mut chance };
        let mut tx = Transaction::begin(&scene.store, &scene.keyring, chain, env);
        if let Some(opened) = fence {
            tx = tx.with_fence(opened);
        }
        spend::verify_charging(&mut tx, key, &code, &generous(), &mut budget, &charged(key))
    };
    assert_eq!(attempt(Some(opened)), Ok(Verdict::Rejected));
    assert_eq!(attempt(None), Ok(Verdict::Accepted { step: now, drift: 0 }));
}

#[test]
fn a_budget_of_its_own_opens_no_key_that_is_not_in_use() {
    let scene = Scene::new("budget and states");
    let refused = |key: KeyId, phone: &Totp, state: KeyState| {
        let code = phone.code_at(scene.now()).unwrap().to_string();
        let mut budget = Failures::default();
        let found = scene
            .try_out(|tx| spend::verify_charging(tx, key, &code, &generous(), &mut budget, &charged(key)));
        assert_eq!(found, Err(Error::KeyState(state)));
        assert_eq!(budget, Failures::default());
    };
    let (offered, phone) = scene.offered_totp();
    refused(offered, &phone, KeyState::PreActive);
    for state in [KeyState::Suspended, KeyState::Deactivated, KeyState::Compromised] {
        let (key, phone) = scene.totp();
        scene.transact(|tx| keys::change_state(tx, key, state, "test")).unwrap();
        refused(key, &phone, state);
    }
}

#[test]
fn from_the_end_of_its_validity_on_no_code_of_a_key_is_taken() {
    let scene = Scene::new("expired");
    let kind = KeyKind::Totp { algorithm: TOTP.algorithm, digits: TOTP.digits, period: 30, t0: 0 };
    let mut template = Template::new(kind, Purpose::OneTimeCode).named("a token", Some(OWNER));
    (template.valid_from, template.valid_to) = (Some(scene.now().plus(60)), Some(scene.now().plus(120)));
    let parameters = ImportedParameters::Totp { parameters: TOTP, state: TotpState::default() };
    let key = scene.transact(|tx| one_time::import_from(tx, parameters, &secret(), &template)).unwrap();
    let phone = Totp::new(&secret(), TOTP).unwrap();
    let verify = || {
        let code = phone.code_at(scene.now()).unwrap().to_string();
        scene.verify(key, &code, &generous()).map(|verdict| verdict.accepted().is_ok())
    };
    for (wait, expected) in
        [(59, Err(Error::KeyNotValid)), (1, Ok(true)), (59, Ok(true)), (1, Err(Error::KeyNotValid))]
    {
        scene.wait(wait);
        assert_eq!(verify(), expected, "at {}", scene.now().0);
    }
}

#[test]
fn a_key_that_verifies_and_mints_is_taken_into_use_by_its_test_code_alone() {
    let scene = Scene::new("both");
    let key = mint(&scene, KeyKind::Hotp { algorithm: HOTP.algorithm, digits: HOTP.digits }, 0);
    let by_hand = scene.transact(|tx| keys::change_state(tx, key, KeyState::Active, "in a hurry"));
    assert_eq!(by_hand, Err(Error::KeyState(KeyState::PreActive)));
}

/// A back end that cannot read a key.
struct Broken;

impl Backend for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn signer(&self, _: Algorithm, _: &[u8]) -> Option<Result<Box<dyn Signer>, Error>> {
        Some(Err(Error::Refused))
    }

    fn generate(&self, _: Algorithm) -> Option<Result<zeroize::Zeroizing<Vec<u8>>, Error>> {
        None
    }

    fn verify(&self, _: &VerifyingKey, _: Mechanism, _: Prepared<'_>, _: &[u8]) -> Option<Result<(), Error>> {
        None
    }
}

#[test]
fn no_code_is_computed_where_a_self_test_has_failed() {
    let scene = Scene::new("self-tests");
    let kind = KeyKind::Hotp { algorithm: HOTP.algorithm, digits: HOTP.digits };
    let mut template = Template::new(kind, Purpose::OneTimeCode);
    template.usages = Usages::of(&[Usage::GenerateCode]);
    let parameters = ImportedParameters::Hotp { parameters: HOTP, counter: 0 };
    let key = scene.transact(|tx| one_time::import_from(tx, parameters, &secret(), &template)).unwrap();
    let tests = SelfTests::new();
    assert_eq!(tests.pass(Mechanism::EcdsaSha256, &Broken), Err(Error::SelfTest("ecdsa-sha256")));
    let (chain, mut chance) = (scene.chain(), scene.chance());
    let env = Env { now: scene.now(), rng: &mut chance };
    let mut tx = Transaction::begin(&scene.store, &scene.keyring, chain, env).with_self_tests(&tests);
    assert_eq!(spend::generate_code(&mut tx, key).map(drop), Err(Error::SelfTest("hotp")));
}
