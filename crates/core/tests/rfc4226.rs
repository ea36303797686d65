//! HOTP against RFC 4226 appendix D (`vectors/rfc4226.txt`).

mod vectors;

use zamok_core::otp::{Digits, Hotp, HotpParameters, HotpState, Verdict, Window};
use zamok_core::secret::Secret;

fn hotp(digits: u8) -> Hotp {
    let parameters = HotpParameters { digits: Digits::new(digits).unwrap(), ..HotpParameters::default() };
    Hotp::new(&Secret::new(&vectors::secret(20)).unwrap(), parameters)
}

#[test]
fn appendix_d_is_reproduced() {
    let rows = vectors::rows("rfc4226.txt");
    assert_eq!(rows.len(), 10);
    for [counter, hexadecimal, decimal, code] in &rows {
        let counter = counter.parse().unwrap();
        assert_eq!(&hotp(6).code(counter).to_string(), code);
        // Ten digits show the whole truncated value.
        assert_eq!(hotp(10).code(counter).to_string(), format!("{:0>10}", decimal));
        assert_eq!(u32::from_str_radix(hexadecimal, 16).unwrap(), decimal.parse::<u32>().unwrap());
    }
}

#[test]
fn appendix_d_is_accepted_in_order_and_each_code_once() {
    let mut state = HotpState::default();
    let rows = vectors::rows("rfc4226.txt");
    assert_eq!(rows.len(), 10);
    for [counter, _, _, code] in &rows {
        let checked = hotp(6).check(code, Window::EXACT, &state);
        assert_eq!(checked.verdict, Verdict::Accepted { step: counter.parse().unwrap(), drift: 0 });
        state = checked.state;
        assert_eq!(hotp(6).check(code, Window::look_ahead(10).unwrap(), &state).verdict, Verdict::Rejected);
    }
    assert_eq!(state, HotpState::starting_at(10));
}
