//! No verify path of the engine allocates: accepted, wrong, malformed, every hash, windows and resynchronisation.
#![allow(missing_docs)]

use std::hint::black_box;

use zamok_allocations::{Counting, during};
use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{
    Hotp, HotpParameters, HotpState, Totp, TotpAttempt, TotpParameters, TotpState, Window,
};
use zamok_core::secret::Secret;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NOW: UnixTime = UnixTime(1_800_000_000);
const TEXTS: [&str; 5] = ["123456", "", "12345x", "１２３４５６", "a text that is far too long for a code"];

#[test]
fn the_count_counts() {
    assert_eq!(during(|| drop(black_box(vec![1_u8, 2, 3]))), 1, "a planted allocation is seen");
    assert_eq!(during(|| {}), 0);
}

#[test]
fn no_check_of_totp_allocates() {
    for algorithm in HashAlgorithm::ALL {
        let secret = Secret::new(&[7; 64][..algorithm.output_len()]).unwrap();
        let totp = Totp::new(&secret, TotpParameters { algorithm, ..TotpParameters::default() }).unwrap();
        let right = totp.code_at(NOW).unwrap();
        for side in [0, 1, 5, 63] {
            let window = Window::steps(side, side).unwrap();
            let state = TotpState::default();
            for text in TEXTS.into_iter().chain([right.as_str()]) {
                let count = during(|| {
                    let _ = black_box(totp.check(black_box(text), NOW, window, &state, 2));
                    let _ = black_box(totp.verify(black_box(text), NOW, window));
                });
                assert_eq!(count, 0, "{algorithm}, ±{side}, {text:?}");
            }
        }
    }
}

#[test]
fn no_check_of_hotp_and_no_resynchronisation_allocates() {
    for algorithm in HashAlgorithm::ALL {
        let secret = Secret::new(&[7; 64][..algorithm.output_len()]).unwrap();
        let hotp = Hotp::new(&secret, HotpParameters { algorithm, ..HotpParameters::default() });
        let state = HotpState::default();
        let right = hotp.code(3);
        let next = hotp.code(4);
        for text in TEXTS.into_iter().chain([right.as_str()]) {
            let count = during(|| {
                let _ = black_box(hotp.check(black_box(text), Window::look_ahead(10).unwrap(), &state));
                let _ = black_box(hotp.resynchronise(black_box(text), next.as_str(), 1000, &state));
            });
            assert_eq!(count, 0, "{algorithm}, {text:?}");
        }
    }
}

#[test]
fn no_batch_allocates() {
    let keys: Vec<Totp> = (0..200_u8)
        .map(|byte| Totp::new(&Secret::new(&[byte; 20]).unwrap(), TotpParameters::default()).unwrap())
        .collect();
    let attempt =
        |key| TotpAttempt::new(key, "123456", NOW, Window::steps(1, 1).unwrap(), TotpState::default(), 2);
    let mut attempts: Vec<TotpAttempt<'_>> = keys.iter().map(attempt).collect();
    assert_eq!(during(|| Totp::verify_batch(black_box(&mut attempts))), 0);
}
