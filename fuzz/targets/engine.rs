//! The engine against a plain model with sets and early exits: whatever the key, the state, the window and the text, both come to
//! the same verdict and the same state (DESIGN, "Verifying a code", step 4).
#![no_main]

use std::collections::BTreeSet;

use arbitrary::Arbitrary;
use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{
    Digits, Hotp, HotpParameters, HotpState, Totp, TotpParameters, TotpState, Verdict, Window,
};
use zamok_core::secret::Secret;
use zamok_fuzz::accepted;

#[derive(Arbitrary, Debug)]
struct Input {
    key: [u8; 20],
    digits: u8,
    past: u8,
    future: u8,
    centre: u64,
    drift: i8,
    drift_limit: u8,
    last: Option<u64>,
    burned: u128,
    typed: Typed,
}

/// What is typed: the code of a step near the centre, or anything.
#[derive(Arbitrary, Debug)]
enum Typed {
    Near(i8),
    Text(String),
}

fn code(key: &[u8], digits: u8, step: u64) -> String {
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(key).expect("any length");
    mac.update(&step.to_be_bytes());
    let tag = mac.finalize().into_bytes();
    let offset = usize::from(tag[19] & 0xf);
    let value = u32::from_be_bytes(tag[offset..offset + 4].try_into().expect("four bytes")) & 0x7fff_ffff;
    format!("{:0width$}", u64::from(value) % 10u64.pow(digits.into()), width = usize::from(digits))
}

fn steps(centre: i128, past: u32, future: u32) -> impl Iterator<Item = u64> {
    (centre - i128::from(past)..=centre + i128::from(future)).filter_map(|step| u64::try_from(step).ok())
}

fuzz_target!(|input: Input| {
    let digits = 6 + input.digits % 5;
    let (past, future) = (u32::from(input.past % 12), u32::from(input.future % 60));
    let window = Window::steps(past, future).expect("narrow");
    let near = |offset: i8| {
        let step = i128::from(input.centre) + i128::from(offset);
        code(&input.key, digits, u64::try_from(step).unwrap_or_default())
    };
    let text = match &input.typed {
        Typed::Near(offset) => near(*offset),
        Typed::Text(text) => text.clone(),
    };
    let secret = Secret::new(&input.key).expect("twenty bytes");
    let shown = Digits::new(digits).expect("6 to 10");

    // HOTP: the lowest counter that is neither spent nor burned; what else has the digits is burned.
    let hotp = Hotp::new(&secret, HotpParameters { algorithm: HashAlgorithm::Sha1, digits: shown });
    let state = HotpState { next: input.centre, burned: input.burned };
    let matching: BTreeSet<u64> = steps(input.centre.into(), past, future)
        .filter(|step| code(&input.key, digits, *step) == text)
        .collect();
    let is_burned = |step: u64| step - input.centre < 128 && input.burned >> (step - input.centre) & 1 == 1;
    let is_exhausted = input.centre == u64::MAX && input.burned & 1 == 1;
    let free = matching.iter().copied().find(|step| *step >= input.centre && !is_burned(*step));
    let checked = hotp.check(&text, window, &state);
    match free.filter(|_| !is_exhausted) {
        None => assert_eq!((checked.verdict, checked.state), (Verdict::Rejected, state)),
        Some(step) => {
            accepted("counter");
            assert!(matches!(checked.verdict, Verdict::Accepted { step: taken, .. } if taken == step));
            if step < u64::MAX {
                assert_eq!(checked.state.next, step + 1);
                for later in (step + 1..=step.saturating_add(127)).take(126) {
                    let expected = later >= input.centre && is_burned(later) || matching.contains(&later);
                    let bit = checked.state.burned >> (later - step - 1) & 1 == 1;
                    assert_eq!(bit, expected, "{later} after {step}");
                }
            }
            // The same digits are not accepted again where they were seen.
            for other in &matching {
                let again = hotp.check(&text, Window::EXACT, &HotpState { next: *other, ..checked.state });
                if *other == checked.state.next {
                    assert!(again.verdict.accepted().is_err() || checked.state.burned & 1 == 0);
                }
            }
        }
    }

    // TOTP: the highest step above the last accepted one.
    let parameters = TotpParameters { digits: shown, ..TotpParameters::default() };
    let totp = Totp::new(&secret, parameters).expect("a period");
    let present = input.centre / 30;
    let limit = u32::from(input.drift_limit % 8);
    let drift =
        i32::from(input.drift).clamp(-i32::try_from(limit).unwrap_or(0), i32::try_from(limit).unwrap_or(0));
    let state = TotpState { last_step: input.last, drift: input.drift.into() };
    let centre = i128::from(present) + i128::from(drift);
    let text = match &input.typed {
        Typed::Near(offset) => {
            let step = i128::from(present) + i128::from(*offset);
            code(&input.key, digits, u64::try_from(step).unwrap_or_default())
        }
        Typed::Text(text) => text.clone(),
    };
    let highest = steps(centre, past, future)
        .filter(|step| code(&input.key, digits, *step) == text && input.last.is_none_or(|last| *step > last))
        .last();
    let checked = totp.check(&text, UnixTime(input.centre), window, &state, limit);
    match highest {
        None => assert_eq!((checked.verdict, checked.state), (Verdict::Rejected, state)),
        Some(step) => {
            accepted("time step");
            assert!(matches!(checked.verdict, Verdict::Accepted { step: taken, .. } if taken == step));
            assert_eq!(checked.state.last_step, Some(step));
            assert!((checked.state.drift - drift).abs() <= 1, "drift is learned one step at a time");
            let again = totp.check(&text, UnixTime(input.centre), window, &checked.state, limit);
            assert_eq!(again.verdict, Verdict::Rejected, "spent at the highest step, nothing is left over");
        }
    }
});
