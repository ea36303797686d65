//! A batch answers for every key what the single check answers.

#![allow(clippy::print_stdout)] // What was met is for whoever reads a failed run.

use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{
    Digits, Hotp, HotpAttempt, HotpParameters, HotpState, Totp, TotpAttempt, TotpParameters, TotpState,
    Verdict, Window,
};
use zamok_core::secret::Secret;

/// Numbers without a pattern that the code could share.
struct Mixed(u64);

impl Mixed {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn secret(mixed: &mut Mixed) -> Secret {
    let len = usize::try_from(16 + mixed.below(100)).unwrap();
    let bytes: Vec<u8> = (0..len).map(|_| mixed.below(256).to_le_bytes()[0]).collect();
    Secret::new(&bytes).unwrap()
}

fn algorithm(mixed: &mut Mixed) -> HashAlgorithm {
    HashAlgorithm::ALL[usize::try_from(mixed.below(3)).unwrap()]
}

fn digits(mixed: &mut Mixed) -> Digits {
    Digits::new(6 + mixed.below(5).to_le_bytes()[0]).unwrap()
}

fn window(mixed: &mut Mixed) -> Window {
    let widest = [1, 4, 64][usize::try_from(mixed.below(3)).unwrap()];
    let mut steps = || u32::try_from(mixed.below(widest)).unwrap();
    Window::steps(steps(), steps()).unwrap()
}

#[test]
fn totp_batches_of_every_size_answer_as_single_checks_do() {
    let mut mixed = Mixed(1);
    let (mut accepted, mut rejected) = (0, 0);
    for count in [0, 1, 2, 3, 42, 43, 44, 127, 128, 129, 500] {
        let cases: Vec<_> = (0..count)
            .map(|_| {
                let (algorithm, digits) = (algorithm(&mut mixed), digits(&mut mixed));
                let parameters = TotpParameters { algorithm, digits, ..TotpParameters::default() };
                let totp = Totp::new(&secret(&mut mixed), parameters).unwrap();
                let step = 500 + mixed.below(20);
                let text = totp.code_of_step(498 + mixed.below(25)).to_string();
                let last_step = (mixed.below(2) == 1).then(|| 495 + mixed.below(15));
                let drift = i32::try_from(mixed.below(5)).unwrap() - 2;
                (totp, text, UnixTime(step * 30), window(&mut mixed), TotpState { last_step, drift })
            })
            .collect();
        let mut attempts: Vec<_> = cases
            .iter()
            .map(|(totp, text, now, window, state)| TotpAttempt::new(totp, text, *now, *window, *state, 2))
            .collect();
        for (attempt, (_, _, _, _, state)) in attempts.iter().zip(&cases) {
            assert_eq!((attempt.checked().verdict, attempt.checked().state), (Verdict::Rejected, *state));
        }
        Totp::verify_batch(&mut attempts);
        for (attempt, (totp, text, now, window, state)) in attempts.iter().zip(&cases) {
            let single = totp.check(text, *now, *window, state, 2);
            assert_eq!(attempt.checked(), &single);
            *if single.verdict == Verdict::Rejected { &mut rejected } else { &mut accepted } += 1;
        }
    }
    println!("{accepted} accepted, {rejected} rejected");
    assert!(accepted > 100 && rejected > 100);
}

#[test]
fn hotp_batches_of_every_size_answer_as_single_checks_do() {
    let mut mixed = Mixed(2);
    let (mut accepted, mut rejected) = (0, 0);
    for count in [0, 1, 2, 7, 128, 300] {
        let cases: Vec<_> = (0..count)
            .map(|_| {
                let parameters =
                    HotpParameters { algorithm: algorithm(&mut mixed), digits: digits(&mut mixed) };
                let hotp = Hotp::new(&secret(&mut mixed), parameters);
                let next = u64::MAX - 40 + mixed.below(41);
                let text = hotp.code(next.wrapping_add(mixed.below(6)).wrapping_sub(1)).to_string();
                let state = HotpState { next, burned: u128::from(mixed.below(16)) & 0b1010 };
                (hotp, text, window(&mut mixed), state)
            })
            .collect();
        let mut attempts: Vec<_> = cases
            .iter()
            .map(|(hotp, text, window, state)| HotpAttempt::new(hotp, text, *window, *state))
            .collect();
        Hotp::verify_batch(&mut attempts);
        for (attempt, (hotp, text, window, state)) in attempts.iter().zip(&cases) {
            let single = hotp.check(text, *window, state);
            assert_eq!(attempt.checked(), &single);
            *if single.verdict == Verdict::Rejected { &mut rejected } else { &mut accepted } += 1;
        }
    }
    println!("{accepted} accepted, {rejected} rejected");
    assert!(accepted > 50 && rejected > 50);
}
