//! The life of a key: its states (NIST SP 800-57 part 1, §7), its secret that is shown once (R2), its test code that is
//! spent (R12), and its end.

mod harness;

use harness::{OWNER, Scene, generous, strict, tell, wrong};
use zamok_core::Error;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::base32;
use zamok_core::otp::{Digits, Hotp, Totp, Verdict};
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::one_time::{self, MovingFactor, OtpParameters};
use zamok_core::vault::{KeyId, KeyState, keys};
use zamok_core::wire::hex;

use KeyState::{Active, Compromised, Deactivated, Destroyed, PreActive, Suspended};

#[test]
fn the_states_lead_where_the_standard_says_and_nowhere_else() {
    // Rows: from; columns: to, in the same order.
    let states = [PreActive, Active, Suspended, Deactivated, Compromised, Destroyed];
    let table = ["-11111", "--111-", "-1-11-", "----11", "-----1", "------"];
    for (from, line) in states.iter().zip(table) {
        assert_eq!(line.len(), 6);
        for (to, mark) in states.iter().zip(line.chars()) {
            assert_eq!(from.may_become(*to), mark == '1', "{from} to {to}");
        }
    }
    for (number, state) in (1..).zip(states) {
        assert_eq!(state as u8, number);
        assert_eq!(KeyState::from_number(number), Some(state));
    }
    assert_eq!([0, 7, 255].map(KeyState::from_number), [None; 3]);
    let names = states.map(|state| state.to_string()).join(" ");
    assert_eq!(names, "pre-active active suspended deactivated compromised destroyed");
}

#[test]
fn an_otp_secret_is_shown_once_and_only_while_the_key_is_pre_active() {
    let scene = Scene::new("once");
    let (key, totp) = scene.offered_totp();
    assert_eq!(scene.provision(key).err(), Some(Error::KeyUsage), "a second time");
    scene.confirm(key, &totp.code_at(scene.now()).unwrap().to_string());
    assert_eq!(scene.provision(key).err(), Some(Error::KeyState(Active)), "once it is active");

    let key = scene.generate(MovingFactor::Counter(0));
    scene.transact(|tx| keys::change_state(tx, key, Suspended, "held")).unwrap();
    assert_eq!(scene.provision(key).err(), Some(Error::KeyState(Suspended)));
}

#[test]
fn a_uri_that_cannot_be_written_discloses_nothing() {
    let scene = Scene::new("label");
    let key = scene.generate(MovingFactor::Counter(0));
    let (before, commits) = (scene.rows(), scene.store.commits.load(std::sync::atomic::Ordering::SeqCst));
    scene.transact(|tx| one_time::provision(tx, key, "a:b", "anna")).unwrap_err();
    assert_eq!(scene.rows(), before);
    assert_eq!(scene.store.commits.load(std::sync::atomic::Ordering::SeqCst), commits);
    assert!(scene.provision(key).is_ok(), "the one disclosure is still there");
}

#[test]
fn the_test_code_of_an_enrolment_is_spent_and_fails_as_the_first_login() {
    let scene = Scene::new("test code");
    let (key, totp) = scene.offered_totp();
    let code = totp.code_at(scene.now()).unwrap().to_string();
    assert_eq!(scene.verify(key, &code, &strict()), Err(Error::KeyState(PreActive)));
    assert!(scene.activate(key, &code).unwrap().accepted().is_ok());
    assert_eq!(scene.verify(key, &code, &strict()), Ok(Verdict::Rejected));
    scene.wait(30);
    assert_eq!(scene.verify(key, &code, &strict()), Ok(Verdict::Rejected), "a step later");
    let next = totp.code_at(scene.now()).unwrap().to_string();
    assert!(scene.verify(key, &next, &strict()).unwrap().accepted().is_ok());

    let (key, hotp) = scene.hotp(41);
    assert_eq!(scene.verify(key, &hotp.code(41).to_string(), &strict()), Ok(Verdict::Rejected));
    let accepted = scene.verify(key, &hotp.code(42).to_string(), &strict());
    assert_eq!(accepted, Ok(Verdict::Accepted { step: 42, drift: 0 }));
}

#[test]
fn a_wrong_test_code_leaves_the_key_pre_active_and_is_charged() {
    let scene = Scene::new("wrong test code");
    let (key, totp) = scene.offered_totp();
    for _ in 0..4 {
        assert_eq!(scene.activate(key, &wrong(&totp, scene.now())), Ok(Verdict::Rejected));
    }
    assert_eq!(scene.transact(|tx| keys::info(tx, key)).unwrap().state, PreActive);
    assert_eq!(scene.activate(key, "12"), Ok(Verdict::Rejected), "the fifth begins a delay");
    let code = totp.code_at(scene.now()).unwrap().to_string();
    assert_eq!(scene.activate(key, &code), Ok(Verdict::Rejected), "the right one, while delayed");
    scene.wait(30);
    let code = totp.code_at(scene.now()).unwrap().to_string();
    assert!(scene.activate(key, &code).unwrap().accepted().is_ok());
}

#[test]
fn a_key_that_was_guessed_at_before_it_was_active_is_never_taken_into_use() {
    let scene = Scene::new("guessed at");
    let (key, totp) = scene.offered_totp();
    for _ in 0..20 {
        assert_eq!(scene.activate(key, &wrong(&totp, scene.now())), Ok(Verdict::Rejected));
        scene.wait(3600);
    }
    assert_eq!(scene.transact(|tx| keys::info(tx, key)).unwrap().state, Suspended);
    let code = totp.code_at(scene.now()).unwrap().to_string();
    assert_eq!(scene.activate(key, &code), Err(Error::KeyState(Suspended)));
    let resumed = scene.transact(|tx| keys::change_state(tx, key, Active, "officer"));
    assert_eq!(resumed, Err(Error::KeyState(Suspended)), "without a test code");
}

#[test]
fn a_suspended_key_refuses_and_remembers_what_was_spent_when_it_is_resumed() {
    let scene = Scene::new("suspended");
    let (key, totp) = scene.totp();
    let code = totp.code_at(scene.now()).unwrap().to_string();
    assert!(scene.verify(key, &code, &strict()).unwrap().accepted().is_ok());
    let activated = scene.transact(|tx| keys::info(tx, key)).unwrap().dates.activated;
    scene.transact(|tx| keys::change_state(tx, key, Suspended, "lost")).unwrap();
    assert_eq!(scene.verify(key, &code, &strict()), Err(Error::KeyState(Suspended)));
    scene.transact(|tx| keys::change_state(tx, key, Active, "found")).unwrap();
    assert_eq!(scene.verify(key, &code, &strict()), Ok(Verdict::Rejected));
    assert_eq!(scene.transact(|tx| keys::info(tx, key)).unwrap().dates.activated, activated);
}

/// The forms in which a secret could lie around.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut buffer = [0; 256];
    let base32 = base32::encode(secret, &mut buffer).unwrap().to_owned();
    let forms = [base32.to_lowercase(), base32, hex(secret), hex(secret).to_uppercase()];
    forms.into_iter().map(String::into_bytes).chain([secret.to_vec()]).collect()
}

#[test]
fn no_row_ever_holds_the_secret_that_the_phone_has() {
    let scene = Scene::new("searched for");
    let mut secrets = Vec::new();
    for algorithm in HashAlgorithm::ALL {
        for factor in [MovingFactor::Counter(3), MovingFactor::Time { period: 30 }] {
            let parameters = OtpParameters { factor, algorithm, digits: Digits::new(8).unwrap() };
            let key =
                scene.transact(|tx| one_time::generate(tx, parameters, "her phone", Some(OWNER))).unwrap();
            let uri = scene.provision(key).unwrap();
            assert_eq!(uri.secret().expose().len(), algorithm.output_len());
            let code = match factor {
                MovingFactor::Counter(counter) => {
                    Hotp::new(uri.secret(), uri.hotp_parameters().unwrap().0).code(counter)
                }
                MovingFactor::Time { .. } => Totp::new(uri.secret(), uri.totp_parameters().unwrap())
                    .and_then(|totp| totp.code_at(scene.now()))
                    .unwrap(),
            };
            scene.confirm(key, &code.to_string());
            scene.verify(key, "00000000", &generous()).unwrap().accepted().unwrap_err();
            for next in [Suspended, Active, Compromised, Destroyed] {
                scene.transact(|tx| keys::change_state(tx, key, next, "life")).unwrap();
            }
            secrets.push(uri.secret().expose().to_vec());
        }
    }
    let written = scene.store.written.lock().unwrap();
    let mut searched = 0;
    for (key, value) in written.iter() {
        for form in secrets.iter().flat_map(|secret| forms(secret)) {
            for place in [&key.key, value] {
                assert!(!place.windows(form.len()).any(|window| window == form), "in {key:?}");
                searched += 1;
            }
        }
        let label = b"her phone";
        assert!(!value.windows(label.len()).any(|window| window == label), "a label in {key:?}");
    }
    tell(&format!(
        "{} values of {} keys searched {searched} times for secrets",
        written.len(),
        secrets.len()
    ));
    assert!(secrets.len() == 6 && written.len() > 100);
}

#[test]
fn a_destroyed_key_holds_no_material() {
    let scene = Scene::new("destroyed");
    let (otp, _) = scene.totp();
    let signer = scene.signer(zamok_core::vault::Purpose::Document);
    for key in [otp, signer] {
        let row = RowKey::new(Table(2), key.0);
        let whole = scene.keyring.open(&row, &scene.row(&row)).unwrap().body;
        // Label and owner come first; a public key follows, which is no secret.
        let start = scene.transact(|tx| keys::info(tx, key)).unwrap().label.len() + 16;
        let material = whole[start..start + 20].to_vec();
        for next in [Deactivated, Destroyed] {
            scene.transact(|tx| keys::change_state(tx, key, next, "over")).unwrap();
        }
        let body = scene.keyring.open(&row, &scene.row(&row)).unwrap().body;
        assert!(!body.windows(20).any(|window| window == material));
        assert_eq!(whole[..start], body[..start]);
        assert!(body.len() < whole.len());
        let info = scene.transact(|tx| keys::info(tx, key)).unwrap();
        assert_eq!((info.state, info.owner), (Destroyed, Some(OWNER)));
    }
}

#[test]
fn what_is_told_of_a_key_is_what_it_was_made_as() {
    let scene = Scene::new("info");
    let key = scene.generate(MovingFactor::Time { period: 60 });
    let info = scene.transact(|tx| keys::info(tx, key)).unwrap();
    assert_eq!((info.id, info.version, info.kind.name()), (key, 1, "TOTP"));
    assert_eq!((info.label.as_str(), info.owner, info.is_local()), ("a label", Some(OWNER), true));
    assert_eq!((info.dates.created, info.dates.activated, info.public_key), (scene.now(), None, None));
    assert_eq!(key.to_string(), hex(&key.0));
    assert_eq!(scene.transact(|tx| keys::info(tx, KeyId([0; 16]))), Err(Error::UnknownKey));
}
