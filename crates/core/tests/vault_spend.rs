//! Spending codes through the vault: the vectors of RFC 4226 and RFC 6238, and digits that occur twice in a window
//! (DESIGN, "Verifying a code", step 4).

mod harness;

use std::collections::VecDeque;

use harness::{OWNER, Scene, Scripted, generous, strict, tell};
use zamok_core::Error;
use zamok_core::event::EventKind;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{Digits, Hotp, HotpParameters, Totp, TotpParameters, Verdict, Window};
use zamok_core::secret::Secret;
use zamok_core::vault::KeyId;
use zamok_core::vault::one_time::{self, MovingFactor, OtpParameters};
use zamok_core::vault::spend::SpendPolicy;

/// A key that drew just this secret, as long as the hash of its parameters.
fn key_of(scene: &Scene, secret: &[u8], parameters: OtpParameters) -> KeyId {
    assert_eq!(secret.len(), parameters.algorithm.output_len());
    let mut rng = Scripted { first: Some(secret.to_vec()), then: scene.chance() };
    let made =
        scene.transact_with(&mut rng, None, |tx| one_time::generate(tx, parameters, "vector", Some(OWNER)));
    let key = made.unwrap();
    let uri = scene.provision(key).unwrap();
    assert_eq!(uri.secret().expose(), secret);
    key
}

const RFC_4226: [&str; 10] =
    ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];

#[test]
fn the_vectors_of_rfc_4226_appendix_d_are_each_accepted_once() {
    let scene = Scene::new("rfc 4226");
    let parameters = OtpParameters {
        factor: MovingFactor::Counter(0),
        algorithm: HashAlgorithm::Sha1,
        digits: Digits::SIX,
    };
    let key = key_of(&scene, b"12345678901234567890", parameters);
    assert_eq!(scene.activate(key, RFC_4226[0]), Ok(Verdict::Accepted { step: 0, drift: 0 }));
    for (step, code) in (1..).zip(&RFC_4226[1..]) {
        assert_eq!(scene.verify(key, code, &generous()), Ok(Verdict::Accepted { step, drift: 0 }));
        assert_eq!(scene.verify(key, code, &generous()), Ok(Verdict::Rejected), "{step} again");
        assert_eq!(scene.state(key).next, step + 1);
    }
    for code in RFC_4226 {
        assert_eq!(scene.verify(key, code, &generous()), Ok(Verdict::Rejected));
    }
}

#[test]
fn the_vectors_of_rfc_6238_appendix_b_are_each_accepted_once() {
    let times = [59, 1_111_111_109, 1_111_111_111, 1_234_567_890, 2_000_000_000, 20_000_000_000];
    let vectors = [
        (HashAlgorithm::Sha1, ["94287082", "07081804", "14050471", "89005924", "69279037", "65353130"]),
        (HashAlgorithm::Sha256, ["46119246", "68084774", "67062674", "91819424", "90698825", "77737706"]),
        (HashAlgorithm::Sha512, ["90693936", "25091201", "99943326", "93441116", "38618901", "47863826"]),
    ];
    let seed = b"1234567890".repeat(7);
    for (algorithm, codes) in vectors {
        let scene = Scene::new("rfc 6238");
        let (factor, digits) = (MovingFactor::Time { period: 30 }, Digits::new(8).unwrap());
        let key =
            key_of(&scene, &seed[..algorithm.output_len()], OtpParameters { factor, algorithm, digits });
        scene.set(times[0]);
        assert_eq!(scene.activate(key, codes[0]), Ok(Verdict::Accepted { step: 1, drift: 0 }));
        for (time, code) in times.into_iter().zip(codes).skip(1) {
            scene.set(time);
            let accepted = Ok(Verdict::Accepted { step: time / 30, drift: 0 });
            assert_eq!(scene.verify(key, code, &generous()), accepted, "{algorithm} at {time}");
            assert_eq!(scene.verify(key, code, &generous()), Ok(Verdict::Rejected));
        }
        for (time, code) in times.into_iter().zip(codes) {
            scene.set(time);
            assert_eq!(scene.verify(key, code, &generous()), Ok(Verdict::Rejected), "long spent");
        }
    }
}

/// The first two steps from `first` on that have the same digits and lie at most `apart` from each other.
fn collision(code: impl Fn(u64) -> String, first: u64, apart: usize) -> (u64, u64) {
    let mut latest = VecDeque::new();
    for step in first.. {
        let here = code(step);
        if let Some(before) = latest.iter().position(|before| *before == here) {
            return (step - (latest.len() - before) as u64, step);
        }
        latest.push_back(here);
        if latest.len() > apart {
            latest.pop_front();
        }
    }
    unreachable!("steps do not end")
}

#[test]
fn digits_at_two_counters_are_accepted_at_the_lower_and_burned_at_the_higher() {
    const APART: u8 = 60;
    let hotp = Hotp::new(&Secret::new(b"12345678901234567890").unwrap(), HotpParameters::default());
    let (low, high) = collision(|counter| hotp.code(counter).to_string(), 1, usize::from(APART));
    tell(&format!("HOTP counters {low} and {high} share {}", hotp.code(low)));
    let scene = Scene::new("burned");
    let parameters = OtpParameters {
        factor: MovingFactor::Counter(low - 1),
        algorithm: HashAlgorithm::Sha1,
        digits: Digits::SIX,
    };
    let key = key_of(&scene, b"12345678901234567890", parameters);
    scene.confirm(key, &hotp.code(low - 1).to_string());
    let policy = SpendPolicy { look_ahead: Window::look_ahead(u32::from(APART)).unwrap(), ..generous() };
    let twice = hotp.code(low).to_string();
    assert_eq!(scene.verify(key, &twice, &policy), Ok(Verdict::Accepted { step: low, drift: 0 }));
    assert_eq!(scene.state(key).burned, 1 << (high - low - 1));
    assert_eq!(scene.verify(key, &twice, &policy), Ok(Verdict::Rejected), "burned");
    let told = scene.journal();
    assert!(told.iter().any(|told| told.detail.get("reason") == Some("code already used")));
    if high > low + 1 {
        // The burn survives steps in between.
        let (between, drift) = (high - 1, (high - low - 2).try_into().unwrap());
        let code = hotp.code(between).to_string();
        assert_eq!(scene.verify(key, &code, &policy), Ok(Verdict::Accepted { step: between, drift }));
        assert_eq!(scene.state(key).burned, 1);
        assert_eq!(scene.verify(key, &twice, &policy), Ok(Verdict::Rejected), "burned at the next counter");
    }
    let after = hotp.code(high + 1).to_string();
    assert_eq!(scene.verify(key, &after, &policy), Ok(Verdict::Accepted { step: high + 1, drift: 1 }));
}

#[test]
fn digits_at_two_time_steps_are_accepted_at_the_higher_and_then_nowhere() {
    const APART: u8 = 60;
    let secret = Secret::new(b"12345678901234567890").unwrap();
    let totp = Totp::new(&secret, TotpParameters::default()).unwrap();
    let (low, high) = collision(|step| totp.code_of_step(step).to_string(), 10, usize::from(APART));
    tell(&format!("TOTP steps {low} and {high} share {}", totp.code_of_step(low)));
    let scene = Scene::new("highest");
    let parameters = OtpParameters {
        factor: MovingFactor::Time { period: 30 },
        algorithm: HashAlgorithm::Sha1,
        digits: Digits::SIX,
    };
    let key = key_of(&scene, b"12345678901234567890", parameters);
    scene.set((low - 5) * 30);
    scene.confirm(key, &totp.code_of_step(low - 5).to_string());
    scene.set(low * 30);
    let policy =
        SpendPolicy { window: Window::steps(u32::from(APART), u32::from(APART)).unwrap(), ..generous() };
    let twice = totp.code_of_step(low).to_string();
    let drift = i32::try_from(high - low).unwrap();
    assert_eq!(scene.verify(key, &twice, &policy), Ok(Verdict::Accepted { step: high, drift }));
    assert_eq!(scene.state(key).drift, 0, "nothing is learned where the digits are ambiguous");
    for now in [low, low + 1, high, high + 1] {
        scene.set(now * 30);
        assert_eq!(scene.verify(key, &twice, &policy), Ok(Verdict::Rejected), "at step {now}");
    }
    scene.set((high + 1) * 30);
    let next = totp.code_of_step(high + 1).to_string();
    assert!(scene.verify(key, &next, &policy).unwrap().accepted().is_ok());
}

#[test]
fn the_last_counter_of_all_is_spent_once_and_then_no_counter_is_left() {
    let scene = Scene::new("last counter");
    let (key, hotp) = scene.hotp(u64::MAX - 1);
    let last = hotp.code(u64::MAX).to_string();
    let accepted = Ok(Verdict::Accepted { step: u64::MAX, drift: 0 });
    assert_eq!(scene.verify(key, &last, &strict()), accepted);
    for _ in 0..3 {
        assert_eq!(scene.verify(key, &last, &strict()), Ok(Verdict::Rejected));
    }
    let told = scene.journal();
    let reasons = told.iter().filter_map(|told| told.detail.get("reason"));
    assert!(reasons.filter(|reason| *reason == "counter exhausted").count() == 3);
    // A new key cannot begin where no counter is left to accept, but it may begin at the last.
    let key = scene.generate(MovingFactor::Counter(u64::MAX));
    assert_eq!(scene.provision(key).unwrap().hotp_parameters().unwrap().1, u64::MAX);
}

#[test]
fn drift_is_learned_by_one_step_at_a_time_and_bounded() {
    let scene = Scene::new("drift");
    let (key, totp) = scene.totp();
    let mut drifts = Vec::new();
    for ahead in [1, 2, 3, 3] {
        scene.wait(300);
        let step = totp.step_at(scene.now()).unwrap();
        let code = totp.code_of_step(step + ahead).to_string();
        assert!(scene.verify(key, &code, &strict()).unwrap().accepted().is_ok(), "{ahead} ahead");
        drifts.push(scene.state(key).drift);
    }
    assert_eq!(drifts, [1, 2, 2, 2]);
    scene.wait(300);
    let step = totp.step_at(scene.now()).unwrap();
    assert_eq!(scene.verify(key, &totp.code_of_step(step + 4).to_string(), &strict()), Ok(Verdict::Rejected));
}

#[test]
fn hostile_text_is_rejected_charged_and_journalled_as_no_code() {
    let scene = Scene::new("text");
    let (key, totp) = scene.totp();
    let right = totp.code_at(scene.now()).unwrap().to_string();
    let long = "1".repeat(1 << 16);
    let spaced = format!("{} {}", &right[..3], &right[3..]);
    let texts =
        ["", " ", "12345", "1234567", "１２３４５６", "12345a", "-12345", "\0\0\0\0\0\0", &long, &spaced];
    for text in texts {
        assert_eq!(scene.verify(key, text, &generous()), Ok(Verdict::Rejected));
    }
    assert_eq!(scene.state(key).in_a_row as usize, texts.len());
    let told = scene.journal();
    let malformed = told.iter().filter(|told| told.detail.get("reason") == Some("not a code"));
    assert_eq!(malformed.count(), texts.len());
    assert!(told.iter().all(|told| told.leaf.kind != EventKind::CodeDisabled));
    assert!(scene.verify(key, &right, &generous()).unwrap().accepted().is_ok());
}

#[test]
fn a_failure_is_charged_to_its_own_key_alone() {
    let scene = Scene::new("own key");
    let ((one, _), (other, phone)) = (scene.totp(), scene.totp());
    for _ in 0..5 {
        scene.verify(one, "", &strict()).unwrap().accepted().unwrap_err();
    }
    let code = phone.code_at(scene.now()).unwrap().to_string();
    assert!(scene.verify(other, &code, &strict()).unwrap().accepted().is_ok());
    assert_eq!((scene.state(one).in_a_row, scene.state(other).in_a_row), (5, 0));
    assert_eq!(scene.verify(KeyId([0; 16]), &code, &strict()), Err(Error::UnknownKey));
}
