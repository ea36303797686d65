//! What goes into an OCRA computation (RFC 6287 §5.1) and how it is written for the HMAC.

use core::fmt;

use zeroize::Zeroizing;

use super::suite::{OcraQuestionFormat, OcraSuite};
use crate::env::UnixTime;
use crate::error::{Error, OcraFault};
use crate::hash::{self, HashAlgorithm};

/// Who computes in mutual mode: the two directions hash the questions in different order (RFC 6287 §7.2), so that
/// neither side's response can be turned back on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OcraSide {
    /// The server proves itself: the client's question comes first.
    Server,
    /// The client proves itself: the server's question comes first.
    Client,
}

/// The challenge question or questions, as text of the suite's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OcraChallenge<'a> {
    /// One-way challenge-response, or a plain signature (RFC 6287 §7.1, §7.3.1).
    OneWay(&'a str),
    /// Mutual challenge-response, or a signature with server authentication (RFC 6287 §7.2, §7.3.2).
    ///
    /// The texts are joined and then encoded, also for numeric questions, whose joint digits are one number.
    Mutual {
        /// The question that the client asked.
        client: &'a str,
        /// The question that the server asked.
        server: &'a str,
        /// Who computes.
        by: OcraSide,
    },
}

/// The password or PIN. `Debug` shows nothing.
#[derive(Clone, Copy)]
pub enum OcraPassword<'a> {
    /// As it was typed: the suite's hash is taken of it.
    Plain(&'a [u8]),
    /// Its hash, as long as the suite's hash makes it.
    Digest(&'a [u8]),
}

impl fmt::Debug for OcraPassword<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OcraPassword(redacted)")
    }
}

/// The inputs of one computation. Those that the suite names must be there, and no others.
#[derive(Clone, Copy)]
pub struct OcraInput<'a> {
    /// `C`: the counter; when verifying, the next one expected.
    pub counter: Option<u64>,
    /// `Q`: the question or questions.
    pub challenge: OcraChallenge<'a>,
    /// `P`: the password or PIN.
    pub password: Option<OcraPassword<'a>>,
    /// `S`: session data of at most the suite's length; shorter data is filled with zeros in front, as the reference
    /// implementation does.
    pub session: Option<&'a [u8]>,
    /// `T`: the time, of which the suite makes time steps.
    pub time: Option<UnixTime>,
}

impl<'a> OcraInput<'a> {
    /// A challenge alone; the other inputs are fields.
    #[must_use]
    pub const fn new(challenge: OcraChallenge<'a>) -> Self {
        Self { counter: None, challenge, password: None, session: None, time: None }
    }
}

impl fmt::Debug for OcraInput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OcraInput")
            .field("counter", &self.counter)
            .field("challenge", &self.challenge)
            .field("password", &self.password)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

/// Bytes of an encoded question.
const QUESTION: usize = 128;

/// Inputs that fit a suite, encoded: everything but counter and time, which windows move.
pub(crate) struct DataInput<'a> {
    pub(crate) counter: Option<u64>,
    question: [u8; QUESTION],
    password: Zeroizing<[u8; 64]>,
    password_len: usize,
    /// Zeros before the session data, and the data.
    session: (usize, &'a [u8]),
    pub(crate) time_step: Option<u64>,
}

impl<'a> DataInput<'a> {
    /// Checks the inputs against the suite.
    pub(crate) fn new(suite: &OcraSuite, input: &OcraInput<'a>) -> Result<Self, Error> {
        let fault = |fault| Err(Error::Ocra(fault));
        let (password, password_len) = match (suite.password(), input.password) {
            (Some(algorithm), Some(password)) => (digest(algorithm, password)?, algorithm.output_len()),
            (None, None) => (Zeroizing::new([0; 64]), 0),
            (Some(_), None) => return fault(OcraFault::Missing),
            (None, Some(_)) => return fault(OcraFault::Surplus),
        };
        let session = match (suite.session_len(), input.session) {
            (Some(len), Some(data)) => match usize::from(len).checked_sub(data.len()) {
                Some(zeros) => (zeros, data),
                None => return fault(OcraFault::SessionLength),
            },
            (None | Some(0), None) => (0, &[][..]),
            (Some(_), None) => return fault(OcraFault::Missing),
            (None, Some(_)) => return fault(OcraFault::Surplus),
        };
        let time_step = match (suite.time_step(), input.time) {
            (Some(step), Some(time)) => Some(time.0 / u64::from(step)),
            (None, None) => None,
            (Some(_), None) => return fault(OcraFault::Missing),
            (None, Some(_)) => return fault(OcraFault::Surplus),
        };
        match (suite.has_counter(), input.counter) {
            (true, None) => return fault(OcraFault::Missing),
            (false, Some(_)) => return fault(OcraFault::Surplus),
            (true, Some(_)) | (false, None) => {}
        }
        let question = encode(suite, input.challenge)?;
        Ok(Self { counter: input.counter, question, password, password_len, session, time_step })
    }

    /// Hands on the data input (RFC 6287 §5.1) piece by piece: suite, a zero byte, C, Q, P, S, T.
    pub(crate) fn write(
        &self,
        suite: &OcraSuite,
        counter: Option<u64>,
        time_step: Option<u64>,
        mut update: impl FnMut(&[u8]),
    ) {
        update(suite.as_str().as_bytes());
        update(&[0]);
        if let Some(counter) = counter {
            update(&counter.to_be_bytes());
        }
        update(&self.question);
        update(&self.password[..self.password_len]);
        let (zeros, session) = self.session;
        update(&[0; 512][..zeros]);
        update(session);
        if let Some(time_step) = time_step {
            update(&time_step.to_be_bytes());
        }
    }
}

fn digest(algorithm: HashAlgorithm, password: OcraPassword<'_>) -> Result<Zeroizing<[u8; 64]>, Error> {
    let mut digest = Zeroizing::new([0; 64]);
    let place = &mut digest[..algorithm.output_len()];
    match (password, algorithm) {
        (OcraPassword::Digest(bytes), _) if bytes.len() != place.len() => {
            return Err(Error::Ocra(OcraFault::PasswordLength));
        }
        (OcraPassword::Digest(bytes), _) => place.copy_from_slice(bytes),
        (OcraPassword::Plain(password), HashAlgorithm::Sha1) => place.copy_from_slice(&hash::sha1(password)),
        (OcraPassword::Plain(password), HashAlgorithm::Sha256) => {
            place.copy_from_slice(&hash::sha256(&[password]))
        }
        (OcraPassword::Plain(password), HashAlgorithm::Sha512) => {
            place.copy_from_slice(&hash::sha512(&[password]))
        }
    }
    Ok(digest)
}

/// The questions as 128 bytes, filled with zeros behind (RFC 6287 §5.1). Questions are public.
pub(crate) fn encode(suite: &OcraSuite, challenge: OcraChallenge<'_>) -> Result<[u8; QUESTION], Error> {
    let (format, most) = suite.question();
    let fits = |question: &str| {
        let length = question.chars().take(65).count();
        if length == 0 || length > usize::from(most) {
            return Err(Error::Ocra(OcraFault::QuestionLength));
        }
        let belongs = |byte: u8| match format {
            OcraQuestionFormat::Alphanumeric => byte.is_ascii_alphanumeric(),
            OcraQuestionFormat::Numeric => byte.is_ascii_digit(),
            OcraQuestionFormat::Hexadecimal => byte.is_ascii_hexdigit(),
        };
        if question.bytes().all(belongs) { Ok(()) } else { Err(Error::Ocra(OcraFault::QuestionCharacter)) }
    };
    let (first, second) = match challenge {
        OcraChallenge::OneWay(question) => (question, ""),
        OcraChallenge::Mutual { client, server, by } => {
            fits(server)?;
            match by {
                OcraSide::Server => (client, server),
                OcraSide::Client => {
                    fits(client)?;
                    (server, client)
                }
            }
        }
    };
    fits(first)?;
    let characters = first.bytes().chain(second.bytes());
    let mut out = [0; QUESTION];
    match format {
        OcraQuestionFormat::Alphanumeric => {
            out.iter_mut().zip(characters).for_each(|(place, byte)| *place = byte);
        }
        OcraQuestionFormat::Hexadecimal => pack(characters.map(nibble), &mut out),
        OcraQuestionFormat::Numeric => {
            // At most 128 digits: 426 bits. The lowest nibble first, multiplied by ten for every digit.
            let mut number = [0u8; 108];
            for digit in characters.map(nibble) {
                number.iter_mut().fold(digit, |carry, place| {
                    let sum = *place * 10 + carry;
                    *place = sum & 0x0f;
                    sum >> 4
                });
            }
            // As hexadecimal text without zeros in front, then as a hexadecimal question is written.
            let highest = number.iter().rposition(|nibble| *nibble != 0).unwrap_or(0);
            pack(number[..=highest].iter().rev().copied(), &mut out);
        }
    }
    Ok(out)
}

/// The value of a hexadecimal digit.
fn nibble(digit: u8) -> u8 {
    char::from(digit).to_digit(16).map_or(0, |value| value.to_le_bytes()[0])
}

/// Two nibbles a byte, the high one first; an odd last one stays high (as zeros filled in behind the text make it).
fn pack(nibbles: impl Iterator<Item = u8>, out: &mut [u8; QUESTION]) {
    for (index, nibble) in nibbles.enumerate() {
        if let Some(place) = out.get_mut(index / 2) {
            *place |= if index % 2 == 0 { nibble << 4 } else { nibble };
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::format;

    fn encoded(suite: &str, challenge: OcraChallenge<'_>) -> Result<[u8; QUESTION], Error> {
        encode(&OcraSuite::parse(&format!("OCRA-1:HOTP-SHA1-6:{suite}")).unwrap(), challenge)
    }

    fn filled(start: &[u8]) -> Result<[u8; QUESTION], Error> {
        let mut out = [0; QUESTION];
        out[..start.len()].copy_from_slice(start);
        Ok(out)
    }

    #[test]
    fn questions_are_written_left_aligned() {
        let one = OcraChallenge::OneWay;
        assert_eq!(encoded("QA08", one("SIG10000")), filled(b"SIG10000"));
        assert_eq!(encoded("QH08", one("aBc")), filled(&[0xab, 0xc0]));
        assert_eq!(encoded("QN08", one("00000000")), filled(&[]));
        assert_eq!(encoded("QN08", one("12345678")), filled(&[0xbc, 0x61, 0x4e])); // 0xbc614e
        assert_eq!(encoded("QN08", one("4096")), filled(&[0x10, 0x00])); // "1000"
        assert_eq!(encoded("QN08", one("256")), filled(&[0x10])); // "100": an odd number of nibbles
        let most = encoded("QN64", one(&"9".repeat(64))).unwrap();
        assert_eq!(most[..4], [0x18, 0x4f, 0x03, 0xe9]); // 10^64 − 1 = 0x184f03e9…
        assert_eq!(most[25..28], [0xff, 0xff, 0]); // 54 nibbles
    }

    #[test]
    fn mutual_questions_are_joined_in_the_order_of_the_direction() {
        let mutual = |by| OcraChallenge::Mutual { client: "CLI22220", server: "SRV11110", by };
        assert_eq!(encoded("QA08", mutual(OcraSide::Server)), filled(b"CLI22220SRV11110"));
        assert_eq!(encoded("QA08", mutual(OcraSide::Client)), filled(b"SRV11110CLI22220"));
        let (client, server) = ("9".repeat(64), "8".repeat(64));
        let mutual = OcraChallenge::Mutual { client: &client, server: &server, by: OcraSide::Server };
        assert!(encoded("QN64", mutual).is_ok());
        assert!(encoded("QA64", mutual).unwrap().iter().all(|byte| matches!(byte, b'8' | b'9')));
    }

    #[test]
    fn questions_that_do_not_fit_the_suite_are_refused() {
        let length = Err(Error::Ocra(OcraFault::QuestionLength));
        let character = Err(Error::Ocra(OcraFault::QuestionCharacter));
        let one = OcraChallenge::OneWay;
        assert_eq!(encoded("QN08", one("")), length);
        assert_eq!(encoded("QN08", one("123456789")), length);
        let long = "é".repeat(65);
        assert_eq!(encoded("QA64", one(&long)), length);
        assert_eq!(encoded("QN08", one("1234567a")), character);
        assert_eq!(encoded("QN08", one("１２")), character);
        assert_eq!(encoded("QH08", one("123g")), character);
        assert_eq!(encoded("QA08", one("a b")), character);
        for by in [OcraSide::Server, OcraSide::Client] {
            assert_eq!(encoded("QN08", OcraChallenge::Mutual { client: "", server: "1", by }), length);
            assert_eq!(encoded("QN08", OcraChallenge::Mutual { client: "1", server: "", by }), length);
            assert_eq!(encoded("QN08", OcraChallenge::Mutual { client: "x", server: "1", by }), character);
            assert_eq!(encoded("QN08", OcraChallenge::Mutual { client: "1", server: "x", by }), character);
        }
    }
}
