//! TOTP against RFC 6238 appendix B (`vectors/rfc6238.txt`).

mod vectors;

use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{Digits, Totp, TotpParameters, TotpState, Verdict, Window};
use zamok_core::secret::Secret;

fn totp(hash: &str) -> Totp {
    let algorithm =
        HashAlgorithm::ALL.into_iter().find(|algorithm| algorithm.otpauth_name() == hash).unwrap();
    let secret = Secret::new(&vectors::secret(algorithm.output_len())).unwrap();
    Totp::new(&secret, TotpParameters { algorithm, digits: Digits::EIGHT, ..TotpParameters::default() })
        .unwrap()
}

#[test]
fn appendix_b_is_reproduced_and_accepted_once() {
    let rows = vectors::rows("rfc6238.txt");
    assert_eq!(rows.len(), 18);
    for [hash, seconds, step, code] in &rows {
        let (totp, now) = (totp(hash), UnixTime(seconds.parse().unwrap()));
        let step = u64::from_str_radix(step, 16).unwrap();
        assert_eq!(totp.step_at(now), Ok(step));
        assert_eq!(&totp.code_at(now).unwrap().to_string(), code, "{hash} {seconds}");

        let window = Window::steps(1, 1).unwrap();
        let checked = totp.check(code, now, window, &TotpState::default(), 2);
        assert_eq!(checked.verdict, Verdict::Accepted { step, drift: 0 });
        assert_eq!(checked.state, TotpState { last_step: Some(step), drift: 0 });
        assert_eq!(totp.check(code, now, window, &checked.state, 2).verdict, Verdict::Rejected);
    }
}

#[test]
fn each_hash_stands_in_a_third_of_the_vectors() {
    let rows = vectors::rows::<4>("rfc6238.txt");
    for algorithm in HashAlgorithm::ALL {
        assert_eq!(rows.iter().filter(|row| row[0] == algorithm.otpauth_name()).count(), 6);
    }
}
