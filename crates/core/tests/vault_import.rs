//! Keys that were made elsewhere (rule 1 of the design): taken in with their state, marked for ever, journalled.

mod harness;

use harness::{OWNER, Scene, strict};
use zamok_core::event::EventKind;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{Digits, Hotp, HotpParameters, Totp, TotpParameters, TotpState, Verdict};
use zamok_core::secret::Secret;
use zamok_core::vault::one_time::{self, ImportedParameters, MovingFactor};
use zamok_core::vault::{KeyId, KeyState, keys};
use zamok_core::{Error, UnixTime};

fn secret() -> Secret {
    Secret::new(b"12345678901234567890").unwrap()
}

fn import(scene: &Scene, parameters: ImportedParameters) -> KeyId {
    scene.transact(|tx| one_time::import(tx, parameters, &secret(), "from elsewhere", Some(OWNER))).unwrap()
}

fn totp(parameters: TotpParameters) -> ImportedParameters {
    ImportedParameters::Totp { parameters, state: TotpState::default() }
}

#[test]
fn an_imported_key_is_active_and_known_for_ever_as_not_made_here() {
    let scene = Scene::new("imported");
    let key = import(&scene, totp(TotpParameters::default()));
    let info = scene.transact(|tx| keys::info(tx, key)).unwrap();
    assert_eq!(
        (info.state, info.is_local(), info.dates.activated),
        (KeyState::Active, false, Some(scene.now()))
    );
    assert_eq!((info.label.as_str(), info.owner), ("from elsewhere", Some(OWNER)));
    let made = scene.generate(MovingFactor::Counter(0));
    assert!(scene.transact(|tx| keys::info(tx, made)).unwrap().is_local());

    let told = scene.journal();
    assert_eq!(told[0].leaf.kind, EventKind::KeyImported);
    assert_eq!((told[0].leaf.subject, told[0].leaf.row.key.as_slice()), (Some(OWNER), &key.0[..]));
    let fields: Vec<_> = told[0].detail.fields().collect();
    assert_eq!(fields, [("kind", "TOTP"), ("purpose", "one-time code"), ("label", "from elsewhere")]);
    assert_eq!(scene.state(key).entry, told[0].id);
    assert_eq!(told[1].leaf.kind, EventKind::KeyCreated);
}

#[test]
fn the_secret_of_an_imported_key_never_comes_out() {
    let scene = Scene::new("inside");
    let key = import(&scene, totp(TotpParameters::default()));
    assert!(scene.provision(key).is_err());
    for state in [KeyState::Suspended, KeyState::Active, KeyState::Deactivated] {
        scene.transact(|tx| keys::change_state(tx, key, state, "moved")).unwrap();
        assert!(scene.provision(key).is_err(), "{state}");
    }
    for (row, stored) in scene.rows() {
        let found = stored.value.windows(20).any(|window| window == secret().expose());
        assert!(!found, "in table {}", row.table.0);
    }
}

#[test]
fn codes_are_those_of_the_other_system_with_its_period_hash_digits_and_t0() {
    let scene = Scene::new("parameters");
    let t0 = UnixTime(scene.now().0 - 12_345);
    let digits = Digits::EIGHT;
    let parameters = TotpParameters { algorithm: HashAlgorithm::Sha256, digits, period: 60, t0 };
    let key = import(&scene, totp(parameters));
    let code = Totp::new(&secret(), parameters).unwrap().code_at(scene.now()).unwrap().to_string();
    assert_eq!(scene.verify(key, &code, &strict()), Ok(Verdict::Accepted { step: 205, drift: 0 }));
    assert_eq!(scene.verify(key, &code, &strict()), Ok(Verdict::Rejected), "spent");
}

#[test]
fn a_counter_goes_on_where_the_other_system_stopped() {
    let scene = Scene::new("counter");
    let parameters = HotpParameters { algorithm: HashAlgorithm::Sha512, digits: Digits::EIGHT };
    let key = import(&scene, ImportedParameters::Hotp { parameters, counter: 1 << 40 });
    let hotp = Hotp::new(&secret(), parameters);
    let spent = hotp.code((1 << 40) - 1).to_string();
    assert_eq!(scene.verify(key, &spent, &strict()), Ok(Verdict::Rejected));
    let next = hotp.code(1 << 40).to_string();
    assert_eq!(scene.verify(key, &next, &strict()), Ok(Verdict::Accepted { step: 1 << 40, drift: 0 }));
}

#[test]
fn a_step_that_was_spent_elsewhere_is_spent_here() {
    let scene = Scene::new("spent elsewhere");
    let parameters = TotpParameters::default();
    let step = parameters.step_at(scene.now()).unwrap();
    let state = TotpState { last_step: Some(step), drift: 1 };
    let key = import(&scene, ImportedParameters::Totp { parameters, state });
    assert_eq!((scene.state(key).last_step, scene.state(key).drift), (Some(step), 1));
    let phone = Totp::new(&secret(), parameters).unwrap();
    let spent = phone.code_of_step(step).to_string();
    assert_eq!(scene.verify(key, &spent, &strict()), Ok(Verdict::Rejected));
    let next = phone.code_of_step(step + 2).to_string();
    assert!(scene.verify(key, &next, &strict()).unwrap().accepted().is_ok(), "within the drift");
}

#[test]
fn misuse_takes_nothing_in() {
    let scene = Scene::new("misuse");
    let before = scene.rows();
    let zero = totp(TotpParameters { period: 0, ..TotpParameters::default() });
    let refused = scene.transact(|tx| one_time::import(tx, zero, &secret(), "x", None));
    assert_eq!(refused, Err(Error::PeriodZero));
    let long = "x".repeat(257);
    let parameters = totp(TotpParameters::default());
    let refused = scene.transact(|tx| one_time::import(tx, parameters, &secret(), &long, None));
    assert!(matches!(refused, Err(Error::TooLong { .. })));
    assert_eq!(scene.rows(), before);
}
