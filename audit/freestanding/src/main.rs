//! One-time passwords where there is nothing: no std, no allocator, no C library, no loader. That this program links shows
//! that the core needs none of them (R1); its exit code says which step failed, 0 that every one holds.
#![no_std]
#![no_main]

mod linux;

use linux::{exit, print};
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{
    Code, Digits, Hotp, HotpParameters, HotpState, Reason, Totp, TotpParameters, TotpState, Verdict, Window,
};
use zamok_core::secret::Secret;
use zamok_core::{Error, UnixTime};

/// The secret of RFC 4226 appendix D and, repeated to the length of the hash, of RFC 6238 appendix B.
const SECRET: &[u8; 64] = b"1234567890123456789012345678901234567890123456789012345678901234";

/// RFC 4226 appendix D: the codes of the counters 0 to 9.
const HOTP_CODES: [&str; 10] =
    ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];

/// RFC 6238 appendix B at 59 s and at 20,000,000,000 s.
const TOTP_CODES: [(HashAlgorithm, usize, &str, &str); 3] = [
    (HashAlgorithm::Sha1, 20, "94287082", "65353130"),
    (HashAlgorithm::Sha256, 32, "46119246", "77737706"),
    (HashAlgorithm::Sha512, 64, "90693936", "47863826"),
];

/// One thing to try: its name for the terminal, and whether it holds.
type Step = (&'static [u8], fn() -> Result<bool, Error>);

/// What the program tries, in order. A step's exit code is its place, counted from 1.
const STEPS: [Step; 6] = [
    (b"RFC 4226 appendix D, ten counters\n", the_codes_of_rfc_4226),
    (b"RFC 6238 appendix B, three hashes\n", the_codes_of_rfc_6238),
    (b"a right code is accepted, and only once\n", a_right_code_is_accepted_once),
    (b"a wrong code is rejected\n", a_wrong_code_is_rejected),
    (b"malformed text is rejected\n", malformed_text_is_rejected),
    (b"a counter ahead is found, a code of time too\n", a_window_is_searched),
];

extern "C" fn main() -> ! {
    for (code, (name, step)) in (1..).zip(STEPS) {
        if step() != Ok(true) {
            print(b"freestanding: FAILED: ");
            print(name);
            exit(code);
        }
    }
    print(b"freestanding: codes made and verified without std, allocator and C library\n");
    exit(0)
}

fn hotp() -> Result<Hotp, Error> {
    Ok(Hotp::new(&Secret::new(&SECRET[..20])?, HotpParameters::default()))
}

fn totp(algorithm: HashAlgorithm, length: usize) -> Result<Totp, Error> {
    let parameters = TotpParameters { algorithm, digits: Digits::EIGHT, ..TotpParameters::default() };
    Totp::new(&Secret::new(&SECRET[..length])?, parameters)
}

/// These codes are published: comparing them as text gives nothing away.
fn reads(code: &Code, expected: &str) -> bool {
    code.as_str() == expected
}

fn the_codes_of_rfc_4226() -> Result<bool, Error> {
    let hotp = hotp()?;
    Ok((0..).zip(HOTP_CODES).all(|(counter, expected)| reads(&hotp.code(counter), expected)))
}

fn the_codes_of_rfc_6238() -> Result<bool, Error> {
    for (algorithm, length, early, late) in TOTP_CODES {
        let totp = totp(algorithm, length)?;
        let right = reads(&totp.code_at(UnixTime(59))?, early)
            && reads(&totp.code_at(UnixTime(20_000_000_000))?, late);
        if !right {
            return Ok(false);
        }
    }
    Ok(true)
}

fn a_right_code_is_accepted_once() -> Result<bool, Error> {
    let hotp = hotp()?;
    let first = hotp.check(HOTP_CODES[0], Window::EXACT, &HotpState::default());
    let again = hotp.check(HOTP_CODES[0], Window::steps(1, 1)?, &first.state);
    Ok(first.verdict == Verdict::Accepted { step: 0, drift: 0 }
        && first.state == HotpState::starting_at(1)
        && (again.verdict, again.reason, again.state) == (Verdict::Rejected, Reason::Spent, first.state))
}

fn a_wrong_code_is_rejected() -> Result<bool, Error> {
    let checked = hotp()?.check("755225", Window::look_ahead(9)?, &HotpState::default());
    let late = totp(HashAlgorithm::Sha256, 32)?.verify("46119246", UnixTime(120), Window::steps(1, 1)?);
    Ok((checked.verdict, checked.reason) == (Verdict::Rejected, Reason::Wrong)
        && checked.state == HotpState::default()
        && late == Err(Error::Rejected))
}

fn malformed_text_is_rejected() -> Result<bool, Error> {
    let hotp = hotp()?;
    Ok(["", "75522", "7552244", "75522x", "\u{ff17}55224"]
        .iter()
        .all(|text| hotp.check(text, Window::EXACT, &HotpState::default()).reason == Reason::Malformed))
}

fn a_window_is_searched() -> Result<bool, Error> {
    let ahead = hotp()?.check(HOTP_CODES[7], Window::look_ahead(9)?, &HotpState::default());
    let totp = totp(HashAlgorithm::Sha512, 64)?;
    let before = totp.check("90693936", UnixTime(60), Window::steps(1, 1)?, &TotpState::default(), 1);
    Ok(ahead.verdict == Verdict::Accepted { step: 7, drift: 7 }
        && before.verdict == Verdict::Accepted { step: 1, drift: -1 })
}
