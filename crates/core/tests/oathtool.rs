//! HOTP and TOTP against `oathtool` of the OATH Toolkit, over fresh secrets, counters and times.

mod peers;
mod tier;

use std::process::Command;

use peers::{Fresh, Spread};
use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{Digits, Hotp, HotpParameters, Totp, TotpParameters, Window};
use zamok_core::secret::Secret;

/// Codes that one call of `oathtool` prints.
const AT_ONCE: u32 = 20;

fn oathtool(arguments: &[String], key: &[u8]) -> Vec<String> {
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let window = format!("--window={}", AT_ONCE - 1);
    let codes = peers::lines(Command::new("oathtool").args(arguments).arg(window).arg(key), "");
    assert_eq!(codes.len(), AT_ONCE as usize);
    codes
}

/// Every kind of case has its turn, so that the spread does not hang on chance.
fn turn<T: Copy>(round: u32, among: &[T]) -> T {
    among[round as usize % among.len()]
}

#[test]
fn hotp_codes_are_those_of_oathtool() {
    let cases = tier::pick(200, 2_000, 10_000);
    let mut fresh = Fresh::new();
    let mut spread = Spread::default();
    for round in 0..cases / AT_ONCE {
        let (least, most) = turn(round / 4, &[(16, 64), (65, 128)]);
        let key = fresh.bytes(least, most);
        let digits = Digits::new(turn(round, &[6, 7, 8])).unwrap();
        let (place, counter) = match round % 4 {
            0 => ("small", fresh.below(1_000)),
            1 => ("around 2^32", (1 << 32) - 30 + fresh.below(60)),
            2 => ("any", fresh.number() >> 1),
            _ => ("last", u64::MAX - u64::from(AT_ONCE) - fresh.below(20)),
        };
        let codes = oathtool(&[format!("--counter={counter}"), format!("--digits={digits}")], &key);
        let parameters = HotpParameters { digits, ..HotpParameters::default() };
        let hotp = Hotp::new(&Secret::new(&key).unwrap(), parameters);
        for (ahead, code) in (0..).zip(&codes) {
            let counter = counter + ahead;
            assert_eq!(&hotp.code(counter).to_string(), code, "counter {counter}");
            assert_eq!(hotp.verify(code, counter, Window::EXACT).unwrap().step, counter);
        }
        spread.count(place, AT_ONCE);
        spread.count(format!("{digits} digits"), AT_ONCE);
        spread.count(if key.len() > 64 { "long key" } else { "short key" }, AT_ONCE);
    }
    let met =
        ["small", "around 2^32", "any", "last", "6 digits", "7 digits", "8 digits", "long key", "short key"];
    spread.assert(cases, 20, &met);
}

#[test]
fn totp_codes_are_those_of_oathtool() {
    let cases = tier::pick(200, 2_000, 10_000);
    let mut fresh = Fresh::new();
    let mut spread = Spread::default();
    for round in 0..cases / AT_ONCE {
        let key = fresh.bytes(16, 128);
        let algorithm = turn(round, &HashAlgorithm::ALL);
        let digits = Digits::new(turn(round / 3, &[6, 7, 8])).unwrap();
        let period = fresh.pick(&[30, 30, 60, 1, 7]);
        // Seconds after T0.
        let (place, elapsed) = match round % 4 {
            0 => ("around 0", fresh.below(90)),
            1 => ("step border", (1_000_000 + fresh.below(1_000_000)) * period + fresh.below(3) - 1),
            2 => ("now", 1_700_000_000 + fresh.below(100_000_000)),
            _ => ("beyond 2^32", (1 << 32) + fresh.below(1 << 35)),
        };
        let t0 = turn(round / 4, &[0, 1, 0, 1_000_000_000]);
        let now = t0 + elapsed;
        let arguments = [
            format!("--totp={}", algorithm.otpauth_name()),
            format!("--digits={digits}"),
            format!("--now=@{now}"),
            format!("--start-time=@{t0}"),
            format!("--time-step-size={period}s"),
        ];
        let codes = oathtool(&arguments, &key);
        let parameters = TotpParameters { algorithm, digits, period, t0: UnixTime(t0) };
        let totp = Totp::new(&Secret::new(&key).unwrap(), parameters).unwrap();
        for (ahead, code) in (0..).zip(&codes) {
            let then = UnixTime(now + ahead * period);
            assert_eq!(&totp.code_at(then).unwrap().to_string(), code, "{parameters:?} at {then:?}");
            assert_eq!(totp.verify(code, then, Window::EXACT).map(|found| found.step), totp.step_at(then));
        }
        spread.count(place, AT_ONCE);
        spread.count(algorithm, AT_ONCE);
        spread.count(format!("{digits} digits"), AT_ONCE);
        spread.count(format!("period {period}"), AT_ONCE);
        spread.count(if t0 == 0 { "T0 1970" } else { "T0 later" }, AT_ONCE);
    }
    spread.assert(cases, 5, &["SHA-1", "SHA-256", "SHA-512"]);
    let met = [
        "around 0",
        "step border",
        "now",
        "beyond 2^32",
        "6 digits",
        "7 digits",
        "8 digits",
        "T0 1970",
        "T0 later",
    ];
    spread.assert(cases, 20, &met);
}
