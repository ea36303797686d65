//! Power-up self-tests: before its first use each mechanism answers a question whose answer is known. A wrong answer
//! closes the vault: nothing more is computed with a key.

mod answers;

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::issued::{self, Binding};
use super::macs::hmac;
use super::wrapping;
use crate::aead;
use crate::agreement::{AgreementKey, AgreementPublic, Curve};
use crate::env::{Env, UnixTime};
use crate::error::Error;
use crate::hash::{self, HashAlgorithm};
use crate::mechanism::Mechanism;
use crate::otp::{
    Digits, Hotp, HotpParameters, Ocra, OcraChallenge, OcraInput, OcraSuite, Totp, TotpParameters,
};
use crate::secret::Secret;
use crate::signature::{Algorithm, Backend, Portable, Prepared, RsaBits, SigningKey, VerifyingKey};

/// What is signed and wrapped.
const MESSAGE: &[u8] = b"zamok";

/// Which mechanisms have passed. One for each opened vault.
#[derive(Debug, Default)]
pub struct SelfTests {
    passed: AtomicU32,
    failed: AtomicBool,
}

impl SelfTests {
    /// Tests of which none has run.
    #[must_use]
    pub const fn new() -> Self {
        Self { passed: AtomicU32::new(0), failed: AtomicBool::new(false) }
    }

    /// Whether a mechanism has failed; the vault stays closed then.
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Lets a mechanism pass that has given its known answer, asking it at its first use.
    ///
    /// # Errors
    /// [`Error::SelfTest`] when it gave another one, or any mechanism did before.
    pub fn pass(&self, mechanism: Mechanism, backend: &dyn Backend) -> Result<(), Error> {
        self.pass_with(mechanism, answers::known(mechanism), backend)
    }

    fn pass_with(&self, mechanism: Mechanism, known: &[&[u8]], backend: &dyn Backend) -> Result<(), Error> {
        let bit = 1 << mechanism as u8;
        if self.failed() {
            return Err(Error::SelfTest(mechanism.name()));
        }
        if self.passed.load(Ordering::Acquire) & bit != 0 {
            return Ok(());
        }
        if !gives(mechanism, known, backend).unwrap_or(false) {
            self.failed.store(true, Ordering::Release);
            return Err(Error::SelfTest(mechanism.name()));
        }
        self.passed.fetch_or(bit, Ordering::AcqRel);
        Ok(())
    }
}

/// Whether the mechanism gives the answers that are known.
fn gives(mechanism: Mechanism, known: &[&[u8]], backend: &dyn Backend) -> Result<bool, Error> {
    use Mechanism as M;
    let digits = Digits::SIX;
    Ok(match (mechanism, known) {
        (M::Hotp, &[code]) => {
            let parameters = HotpParameters { algorithm: HashAlgorithm::Sha1, digits };
            let hotp = Hotp::new(&Secret::new(answers::RFC_4226)?, parameters);
            hotp.code(1).as_str().as_bytes() == code
        }
        (M::Totp, &[code]) => {
            let totp = Totp::new(&Secret::new(answers::RFC_4226)?, TotpParameters::default())?;
            totp.code_at(UnixTime(59))?.as_str().as_bytes() == code
        }
        (M::Ocra, &[response]) => {
            let suite = OcraSuite::parse("OCRA-1:HOTP-SHA1-6:QN08")?;
            let ocra = Ocra::new(&Secret::new(answers::RFC_4226)?, suite);
            let made = ocra.response(&OcraInput::new(OcraChallenge::OneWay("11111111")))?;
            made.as_str().as_bytes() == response
        }
        (M::IssuedCode, &[first, second, token]) => {
            let key: [u8; 32] = counting_from(0x20);
            let code = |sending| {
                let binding = Binding {
                    challenge: counting_from(0x10),
                    account: counting_from(0x30),
                    session: [0; 16],
                    purpose: 1,
                    operation: [0; 32],
                    sending,
                };
                issued::code_under(&key, &binding, digits)
            };
            code(1).as_str().as_bytes() == first
                && code(2).as_str().as_bytes() == second
                && issued::token_under(&key, &counting_from(0x90)).as_slice() == token
        }
        (M::HmacSha1 | M::HmacSha256 | M::HmacSha384 | M::HmacSha512, &[tag]) => {
            hmac(mechanism, b"Jefe", b"what do ya want for nothing?")? == tag
        }
        (M::AesGcm | M::AesGcmCallerNonce, &[sealed]) => {
            aead::gcm_seal(&[0; 32], &[0; 12], b"", &[0; 16])? == sealed
                && aead::gcm_open(&[0; 32], &[0; 12], b"", sealed)?.as_slice() == [0; 16]
        }
        (M::XaesGcm, &[sealed]) => {
            let (nonce, plain) = (b"ABCDEFGHIJKLMNOPQRSTUVWX", b"XAES-256-GCM");
            aead::xaes_seal(&[1; 32], nonce, b"", plain)? == sealed
                && aead::xaes_open(&[1; 32], nonce, b"", sealed)?.as_slice() == plain
        }
        (M::AesKeyWrap, &[wrapped]) => {
            let key = &answers::KEY_WRAPPING;
            aead::key_wrap(key, answers::KEY_WRAPPED)? == wrapped
                && aead::key_unwrap(key, wrapped)?.as_slice() == answers::KEY_WRAPPED
                && aead::key_unwrap(key, &altered(wrapped, 3)).is_err()
        }
        (M::Envelope, &[wrapped]) => wraps(mechanism, &[7; 32], wrapped)?,
        (M::EnvelopeTo, &[x25519, p256, wrapped]) => {
            agrees(Curve::X25519, [answers::ALICE, answers::BOB], x25519)?
                && agrees(Curve::P256, [answers::INITIATOR, answers::RESPONDER], p256)?
                && wraps(mechanism, x25519, wrapped)?
        }
        (M::Ed25519, &[signature]) => {
            signs(mechanism, Algorithm::Ed25519, answers::RFC_8032, backend)?.1 == signature
        }
        (M::EcdsaSha256, &[signature]) => {
            let (public, _) = signs(mechanism, Algorithm::P256, &[7; 32], backend)?;
            verify(&public, mechanism, MESSAGE, signature, backend).is_ok()
        }
        (M::EcdsaSha384, &[signature]) => {
            let (public, _) = signs(mechanism, Algorithm::P384, &[7; 48], backend)?;
            verify(&public, mechanism, MESSAGE, signature, backend).is_ok()
        }
        // The salt is drawn, and so the signature is another one each time.
        (M::RsaPssSha256 | M::RsaPssSha384 | M::RsaPssSha512, &[signature]) => {
            signs(mechanism, Algorithm::Rsa(RsaBits::Rsa2048), RSA_2048, backend)?;
            let public = VerifyingKey::from_spki_der(answers::RSA_PSS_KEY)?;
            verify(&public, mechanism, answers::RSA_PSS_MESSAGE, signature, backend).is_ok()
        }
        // Without randomness there is one right answer.
        (M::RsaPkcs1Sha256 | M::RsaPkcs1Sha384 | M::RsaPkcs1Sha512, &[digest]) => {
            let (_, signature) = signs(mechanism, Algorithm::Rsa(RsaBits::Rsa2048), RSA_2048, backend)?;
            hash::sha256(&[&signature]).as_slice() == digest
        }
        (M::MlDsa65, &[public, signature]) => {
            let (algorithm, seed) = (Algorithm::MlDsa65, answers::ML_DSA_SEED);
            // FIPS 204 §3.4: with zeros for randomness there is one right answer as well. Back ends draw their own: the
            // portable code signs.
            let mut rng = Counting::ZEROS;
            let mut env = Env { now: UnixTime(0), rng: &mut rng };
            let signer = Portable.signer(algorithm, seed).ok_or(Error::KeyUnsupported)??;
            let message = answers::ML_DSA_MESSAGE;
            let made = signer.sign(mechanism, Prepared::Message(message), &mut env)?.to_der();
            let (own, _) = signs(mechanism, algorithm, seed, backend)?;
            hash::sha256(&[&own.to_spki_der()]).as_slice() == public
                && hash::sha256(&[&made]).as_slice() == signature
                && verify(&own, mechanism, message, &made, backend).is_ok()
        }
        // More answers than questions, or fewer.
        _ => false,
    })
}

/// The key of the self-tests, made for them and for nothing else.
const RSA_2048: &[u8] = include_bytes!("self_tests/rsa-2048.p8");

/// A key's public half and a signature that it makes, when that verifies, for its own message alone.
fn signs(
    mechanism: Mechanism,
    algorithm: Algorithm,
    material: &[u8],
    backend: &dyn Backend,
) -> Result<(VerifyingKey, Vec<u8>), Error> {
    let public = SigningKey::from_bytes(algorithm, material)?.verifying_key();
    let signer = backend.signer(algorithm, material).or_else(|| Portable.signer(algorithm, material));
    let mut rng = Counting::UP;
    let mut env = Env { now: UnixTime(0), rng: &mut rng };
    let signer = signer.ok_or(Error::KeyUnsupported)??;
    let signature = signer.sign(mechanism, Prepared::Message(MESSAGE), &mut env)?.to_der();
    verify(&public, mechanism, MESSAGE, &signature, backend)?;
    match verify(&public, mechanism, b"other", &signature, backend) {
        Err(Error::Rejected) => Ok((public, signature)),
        _ => Err(Error::Refused),
    }
}

/// What the back end says of a signature; where it does not compute that, the portable one.
fn verify(
    public: &VerifyingKey,
    mechanism: Mechanism,
    message: &[u8],
    signature: &[u8],
    backend: &dyn Backend,
) -> Result<(), Error> {
    let prepared = Prepared::Message(message);
    let own = backend.verify(public, mechanism, prepared, signature);
    own.unwrap_or_else(|| public.verify(mechanism, prepared, signature))
}

/// Whether two private keys come to the shared secret that is known, each with the other's public key as it travels.
fn agrees(curve: Curve, [one, other]: [&[u8]; 2], shared: &[u8]) -> Result<bool, Error> {
    let (one, other) = (AgreementKey::from_bytes(curve, one)?, AgreementKey::from_bytes(curve, other)?);
    let sent = |key: &AgreementKey| AgreementPublic::from_spki_der(&key.public().to_spki_der());
    Ok(one.agree(&sent(&other)?)?.as_slice() == shared && other.agree(&sent(&one)?)?.as_slice() == shared)
}

/// Whether the message is wrapped to these bytes, and comes back from them, but not with a bit changed in any part.
fn wraps(mechanism: Mechanism, key: &[u8], wrapped: &[u8]) -> Result<bool, Error> {
    let mut rng = Counting::UP;
    let mut env = Env { now: UnixTime(0), rng: &mut rng };
    let made = wrapping::seal(mechanism, [MESSAGE, &[], &[]], key, MESSAGE, &mut env)?;
    // The name, the salt, the commitment, the ciphertext and the tag begin there.
    let parts = [9, 18, 50, 82, 87];
    Ok(made == wrapped
        && wrapping::open(key, wrapped)?.as_slice() == MESSAGE
        && parts.into_iter().all(|place| wrapping::open(key, &altered(wrapped, place)).is_err()))
}

/// The same bytes with one bit changed.
fn altered(bytes: &[u8], place: usize) -> Vec<u8> {
    let mut altered = bytes.to_vec();
    altered[place] ^= 1;
    altered
}

/// The bytes `first`, `first` + 1, …
fn counting_from<const N: usize>(first: u8) -> [u8; N] {
    let mut next = first;
    [(); N].map(|()| {
        next = next.wrapping_add(1);
        next.wrapping_sub(1)
    })
}

/// Bytes that count up, or zeros. A generator that repeats itself is good enough: nothing secret is made with it.
struct Counting {
    last: u8,
    step: u8,
}

impl Counting {
    const UP: Self = Self { last: 0, step: 1 };
    const ZEROS: Self = Self { last: 0, step: 0 };
}

impl rand_core::TryRng for Counting {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for byte in bytes {
            self.last = self.last.wrapping_add(self.step);
            *byte = self.last;
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Counting {}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that this build computes.
    fn built_in() -> impl Iterator<Item = Mechanism> {
        let all = Mechanism::ALL.iter().copied();
        all.filter(|mechanism| cfg!(feature = "ml-dsa") || *mechanism != Mechanism::MlDsa65)
    }

    /// Tests that one mechanism has passed already, and that mechanism.
    fn begun_with_another_than(mechanism: Mechanism) -> (SelfTests, Mechanism) {
        let tests = SelfTests::new();
        let other = if mechanism == Mechanism::Hotp { Mechanism::Totp } else { Mechanism::Hotp };
        assert_eq!(tests.pass(other, &Portable), Ok(()));
        (tests, other)
    }

    fn is_closed(tests: &SelfTests, other: Mechanism) -> bool {
        // What passed before does not pass any more either.
        tests.failed() && tests.pass(other, &Portable) == Err(Error::SelfTest(other.name()))
    }

    #[test]
    fn every_mechanism_gives_its_known_answers() {
        let tests = SelfTests::new();
        for mechanism in built_in() {
            let known = answers::known(mechanism);
            assert!(!known.is_empty() && known.iter().all(|answer| !answer.is_empty()), "{mechanism}");
            assert_eq!(tests.pass(mechanism, &Portable), Ok(()), "{mechanism}");
        }
        assert!(!tests.failed());
    }

    #[test]
    fn an_answer_with_one_bit_changed_closes_the_vault_whatever_the_mechanism() {
        for mechanism in built_in() {
            let known = answers::known(mechanism);
            for (number, answer) in known.iter().enumerate() {
                for place in [0, answer.len() / 2, answer.len() - 1] {
                    let wrong = altered(answer, place);
                    let mut told: Vec<&[u8]> = known.to_vec();
                    told[number] = &wrong;
                    let (tests, other) = begun_with_another_than(mechanism);
                    let found = tests.pass_with(mechanism, &told, &Portable);
                    assert_eq!(
                        found,
                        Err(Error::SelfTest(mechanism.name())),
                        "{mechanism}, answer {number}, byte {place}"
                    );
                    assert!(is_closed(&tests, other), "{mechanism}");
                }
            }
        }
    }

    #[test]
    fn a_missing_answer_is_a_wrong_one() {
        for mechanism in built_in() {
            let known = answers::known(mechanism);
            let (tests, other) = begun_with_another_than(mechanism);
            let found = tests.pass_with(mechanism, &known[1..], &Portable);
            assert_eq!(found, Err(Error::SelfTest(mechanism.name())));
            assert!(is_closed(&tests, other), "{mechanism}");
        }
    }
}
