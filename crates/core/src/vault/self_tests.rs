//! Power-up self-tests: before its first use each mechanism answers a question whose answer is known. A wrong answer
//! closes the vault: nothing more is computed with a key.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::macs::hmac;
use crate::aead;
use crate::agreement::{AgreementKey, Curve};
use crate::env::{Env, UnixTime};
use crate::error::Error;
use crate::hash::{self, HashAlgorithm};
use crate::mechanism::Mechanism;
use crate::otp::{
    Digits, Hotp, HotpParameters, Ocra, OcraChallenge, OcraInput, OcraSuite, Totp, TotpParameters,
};
use crate::secret::Secret;
use crate::signature::{Algorithm, Backend, Portable, Prepared, RsaBits, SigningKey};

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
        let bit = 1 << mechanism as u8;
        if self.failed() {
            return Err(Error::SelfTest(mechanism.name()));
        }
        if self.passed.load(Ordering::Acquire) & bit != 0 {
            return Ok(());
        }
        if !answers(mechanism, backend).unwrap_or(false) {
            self.failed.store(true, Ordering::Release);
            return Err(Error::SelfTest(mechanism.name()));
        }
        self.passed.fetch_or(bit, Ordering::AcqRel);
        Ok(())
    }
}

/// Whether the mechanism gives the answer that is known.
fn answers(mechanism: Mechanism, backend: &dyn Backend) -> Result<bool, Error> {
    use Mechanism as M;
    const RFC_4226: &[u8] = b"12345678901234567890";
    let digits = Digits::SIX;
    Ok(match mechanism {
        // RFC 4226 appendix D, counter 1.
        M::Hotp => {
            let parameters = HotpParameters { algorithm: HashAlgorithm::Sha1, digits };
            Hotp::new(&Secret::new(RFC_4226)?, parameters).code(1).as_str() == "287082"
        }
        // RFC 6238 appendix B, the time 59.
        M::Totp => {
            let totp = Totp::new(&Secret::new(RFC_4226)?, TotpParameters::default())?;
            totp.code_at(UnixTime(59))?.as_str() == "287082"
        }
        // RFC 6287 appendix C.1.
        M::Ocra => {
            let ocra = Ocra::new(&Secret::new(RFC_4226)?, OcraSuite::parse("OCRA-1:HOTP-SHA1-6:QN08")?);
            ocra.response(&OcraInput::new(OcraChallenge::OneWay("11111111")))?.as_str() == "243178"
        }
        // The HMAC beneath.
        M::IssuedCode => {
            let tag = crate::mac::hmac_sha256(b"Jefe", &[b"what do ya want for nothing?"]);
            tag.starts_with(&[0x5b, 0xdc, 0xc1, 0x46])
        }
        // RFC 2202 §3 and RFC 4231 §4.3, test case 2.
        M::HmacSha1 | M::HmacSha256 | M::HmacSha384 | M::HmacSha512 => {
            let start: &[u8] = match mechanism {
                M::HmacSha1 => &[0xef, 0xfc, 0xdf, 0x6a, 0xe5, 0xeb, 0x2f, 0xa2],
                M::HmacSha256 => &[0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e],
                M::HmacSha384 => &[0xaf, 0x45, 0xd2, 0xe3, 0x76, 0x48, 0x40, 0x31],
                _ => &[0x16, 0x4b, 0x7a, 0x7b, 0xfc, 0xf8, 0x19, 0xe2],
            };
            hmac(mechanism, b"Jefe", b"what do ya want for nothing?")?.starts_with(start)
        }
        // The Galois/Counter Mode of Operation (McGrew, Viega), test case 14.
        M::AesGcm | M::AesGcmCallerNonce => {
            let sealed = aead::gcm_seal(&[0; 32], &[0; 12], b"", &[0; 16])?;
            sealed.starts_with(&[0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e])
                && sealed.ends_with(&[0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19])
                && aead::gcm_open(&[0; 32], &[0; 12], b"", &sealed)?.as_slice() == [0; 16]
        }
        // C2SP XAES-256-GCM, the first test vector.
        M::XaesGcm => {
            let nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX";
            aead::xaes_seal(&[1; 32], nonce, b"", b"XAES-256-GCM")?.starts_with(&[0xce, 0x54, 0x6e, 0xf6])
        }
        // What is wrapped comes back, and a changed bit does not.
        M::AesKeyWrap | M::Envelope => {
            let mut wrapped = aead::key_wrap(&[7; 32], &[9; 20])?;
            let back = aead::key_unwrap(&[7; 32], &wrapped)?.as_slice() == [9; 20];
            wrapped[3] ^= 1;
            back && aead::key_unwrap(&[7; 32], &wrapped).is_err()
        }
        // RFC 7748 §6.1.
        M::EnvelopeTo => {
            let alice = AgreementKey::from_bytes(Curve::X25519, &ALICE)?;
            let bob = AgreementKey::from_bytes(Curve::X25519, &BOB)?;
            let shared = alice.agree(&bob.public())?;
            shared.starts_with(&[0x4a, 0x5d, 0x9d, 0x5b]) && *shared == *bob.agree(&alice.public())?
        }
        M::Ed25519 => signs(mechanism, Algorithm::Ed25519, &RFC_8032, backend)?,
        M::EcdsaSha256 => signs(mechanism, Algorithm::P256, &[7; 32], backend)?,
        M::EcdsaSha384 => signs(mechanism, Algorithm::P384, &[7; 48], backend)?,
        M::MlDsa65 => signs(mechanism, Algorithm::MlDsa65, &[7; 32], backend)?,
        M::RsaPssSha256
        | M::RsaPssSha384
        | M::RsaPssSha512
        | M::RsaPkcs1Sha256
        | M::RsaPkcs1Sha384
        | M::RsaPkcs1Sha512 => {
            let algorithm = Algorithm::Rsa(RsaBits::Rsa2048);
            signs(mechanism, algorithm, include_bytes!("self_tests/rsa-2048.p8"), backend)?
        }
    })
}

/// Whether a key makes signatures that verify, for its own message alone, and verifies one that others made.
fn signs(
    mechanism: Mechanism,
    algorithm: Algorithm,
    material: &[u8],
    backend: &dyn Backend,
) -> Result<bool, Error> {
    const MESSAGE: &[u8] = b"zamok";
    let public = SigningKey::from_bytes(algorithm, material)?.verifying_key();
    let signer = backend.signer(algorithm, material).or_else(|| Portable.signer(algorithm, material));
    // A generator that repeats itself is good enough: nothing secret is signed with it.
    let mut rng = Counting(0);
    let mut env = Env { now: UnixTime(0), rng: &mut rng };
    let signer = signer.ok_or(Error::KeyUnsupported)??;
    let signature = signer.sign(mechanism, Prepared::Message(MESSAGE), &mut env)?.to_der();
    let verify = |message: &[u8], signature: &[u8]| {
        let prepared = Prepared::Message(message);
        let own = backend.verify(&public, mechanism, prepared, signature);
        own.unwrap_or_else(|| public.verify(mechanism, prepared, signature))
    };
    let known = match mechanism {
        Mechanism::EcdsaSha256 => verify(MESSAGE, &ECDSA_P256).is_ok(),
        Mechanism::EcdsaSha384 => verify(MESSAGE, &ECDSA_P384).is_ok(),
        Mechanism::Ed25519 => signature == ED25519,
        // Without randomness there is one right answer.
        Mechanism::RsaPkcs1Sha256 => hash::sha256(&[&signature]) == RSA_SHA256,
        Mechanism::RsaPkcs1Sha384 => hash::sha256(&[&signature]) == RSA_SHA384,
        Mechanism::RsaPkcs1Sha512 => hash::sha256(&[&signature]) == RSA_SHA512,
        _ => true,
    };
    Ok(known && verify(MESSAGE, &signature).is_ok() && verify(b"other", &signature) == Err(Error::Rejected))
}

/// Bytes that count up.
struct Counting(u8);

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
            self.0 = self.0.wrapping_add(1);
            *byte = self.0;
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Counting {}

/// The seed of RFC 8032 §7.1, test 1.
const RFC_8032: [u8; 32] = [
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44,
    0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
];

/// Its signature over the message, made by OpenSSL.
const ED25519: [u8; 64] = [
    0x2d, 0x13, 0x24, 0xc4, 0x77, 0xe1, 0xbf, 0xcb, 0x5e, 0xdc, 0xfa, 0x7d, 0x25, 0x11, 0x7f, 0xf9, 0x1a,
    0x4c, 0x7b, 0x8e, 0x70, 0xb0, 0x7a, 0x03, 0x87, 0x50, 0x4e, 0x20, 0xca, 0x6b, 0x96, 0xf2, 0x51, 0xec,
    0xb4, 0x24, 0x7a, 0x9f, 0xa6, 0xfd, 0xfe, 0x88, 0x5d, 0xdb, 0xbc, 0xb4, 0xfc, 0xbf, 0x87, 0x4d, 0x39,
    0x61, 0xd1, 0x7b, 0xa3, 0x90, 0x2d, 0xaf, 0x43, 0xab, 0x16, 0x2c, 0xab, 0x0f,
];

/// A signature over the message by the key 0707…07, made by OpenSSL.
const ECDSA_P256: [u8; 72] = [
    0x30, 0x46, 0x02, 0x21, 0x00, 0xb9, 0xa1, 0x1c, 0x4c, 0x95, 0xb8, 0xe3, 0xf1, 0x5f, 0x7d, 0xc8, 0x80,
    0x98, 0x87, 0x71, 0x1b, 0xc0, 0x10, 0x0b, 0x66, 0xeb, 0x53, 0xb7, 0x03, 0x1e, 0x48, 0x21, 0x50, 0xc4,
    0x04, 0x21, 0xd1, 0x02, 0x21, 0x00, 0xc7, 0x99, 0xbd, 0xec, 0x50, 0x6a, 0x2f, 0xab, 0x8f, 0x37, 0xdd,
    0xaa, 0x9e, 0xee, 0xcc, 0xbb, 0xa1, 0x64, 0x2c, 0xd7, 0x07, 0x7a, 0xde, 0xc7, 0xba, 0x53, 0xde, 0xd3,
    0xd9, 0xb7, 0xde, 0xaa,
];

/// The same on P-384.
const ECDSA_P384: [u8; 104] = [
    0x30, 0x66, 0x02, 0x31, 0x00, 0xd1, 0x48, 0xd9, 0x46, 0x46, 0x94, 0x6d, 0xab, 0xcc, 0xfc, 0x44, 0x18,
    0x9b, 0x38, 0x19, 0x00, 0x9f, 0xbf, 0x13, 0xdf, 0x8e, 0xff, 0x44, 0x1d, 0x56, 0xec, 0x52, 0xca, 0xb3,
    0x79, 0x05, 0x44, 0xe3, 0xd0, 0x82, 0xf0, 0x45, 0xaf, 0x8d, 0x37, 0xf8, 0x21, 0x04, 0xd6, 0x4b, 0x84,
    0x86, 0x7b, 0x02, 0x31, 0x00, 0xf9, 0x34, 0x59, 0x9a, 0x52, 0x7d, 0x15, 0x7c, 0x58, 0xd4, 0x5d, 0x49,
    0xd8, 0xfc, 0x14, 0x2d, 0x22, 0xc7, 0x1e, 0xc1, 0x01, 0xd7, 0xc8, 0x71, 0x12, 0x7c, 0x39, 0x82, 0xa7,
    0x4b, 0xa5, 0xa0, 0x34, 0xef, 0xe3, 0x71, 0xb3, 0x3e, 0x42, 0x1d, 0xe8, 0xbb, 0xe4, 0xe8, 0x8e, 0xe4,
    0x7c, 0x84,
];

/// SHA-256 of the signatures over the message by the key beside this file, made by OpenSSL.
const RSA_SHA256: [u8; 32] = [
    0x7a, 0xef, 0x5b, 0x7d, 0x3d, 0xd0, 0x47, 0xdf, 0xcc, 0xc9, 0xba, 0xe4, 0x7a, 0x58, 0x97, 0xd8, 0x91,
    0x76, 0x99, 0xfb, 0x86, 0xbb, 0xaa, 0x34, 0x94, 0xd1, 0x7a, 0xea, 0xd2, 0x2e, 0x3b, 0x5a,
];

/// With SHA-384.
const RSA_SHA384: [u8; 32] = [
    0x31, 0x21, 0x65, 0x66, 0x74, 0x76, 0x92, 0xda, 0x8d, 0xa2, 0x24, 0xb3, 0xe1, 0x01, 0x55, 0xc8, 0xbf,
    0xe5, 0xdb, 0x15, 0x64, 0x79, 0x3d, 0xfe, 0xc5, 0xce, 0x3e, 0xa7, 0xef, 0x59, 0xbe, 0x41,
];

/// With SHA-512.
const RSA_SHA512: [u8; 32] = [
    0xef, 0xbb, 0xea, 0x53, 0x57, 0x13, 0x9b, 0x09, 0xf1, 0x62, 0x52, 0x03, 0xce, 0x17, 0xf3, 0xbb, 0xa0,
    0x82, 0xf9, 0x85, 0x55, 0x62, 0x21, 0x8d, 0xc9, 0xaf, 0x3a, 0x8a, 0xd6, 0x1f, 0x63, 0x05,
];

/// Alice's private key of RFC 7748 §6.1.
const ALICE: [u8; 32] = [
    0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf,
    0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a,
];

/// Bob's.
const BOB: [u8; 32] = [
    0x5d, 0xab, 0x08, 0x7e, 0x62, 0x4a, 0x8a, 0x4b, 0x79, 0xe1, 0x7f, 0x8b, 0x83, 0x80, 0x0e, 0xe6, 0x6f,
    0x3b, 0xb1, 0x29, 0x26, 0x18, 0xb6, 0xfd, 0x1c, 0x2f, 0x8b, 0x27, 0xff, 0x88, 0xe0, 0xeb,
];
