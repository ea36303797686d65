//! The kinds of keys: their numbers in a record, what each can do, how strong each is.

use super::attributes::{Purpose, Usage, Usages};
use crate::error::Error;
use crate::hash::HashAlgorithm;
use crate::mechanism::{Mechanism, Mechanisms};
use crate::otp::{Digits, OcraSuite};
use crate::signature::{Algorithm, RsaBits};
use crate::wire::{Reader, Writer};

/// What a key is. Numbers are part of the record format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyKind {
    /// Counter-based one-time passwords (RFC 4226).
    Hotp {
        /// Hash under the HMAC.
        algorithm: HashAlgorithm,
        /// Digits of a code.
        digits: Digits,
    },
    /// Time-based one-time passwords (RFC 6238).
    Totp {
        /// Hash under the HMAC.
        algorithm: HashAlgorithm,
        /// Digits of a code.
        digits: Digits,
        /// Seconds of a step, at least 1.
        period: u64,
        /// Where step 0 begins, in seconds since 1970.
        t0: u64,
    },
    /// Challenge and response (RFC 6287).
    Ocra {
        /// What goes into a response.
        suite: OcraSuite,
    },
    /// Codes that are sent: HMAC-SHA-256 over what a code stands for.
    Issued,
    /// A key pair for ECDSA on P-256.
    P256,
    /// A key pair for Ed25519.
    Ed25519,
    /// A key pair for ECDSA on P-384.
    P384,
    /// A key pair for RSA signatures.
    Rsa {
        /// Length of the modulus.
        bits: RsaBits,
    },
    /// A key pair for ML-DSA-65 (FIPS 204); computes where the feature `ml-dsa` is on.
    MlDsa65,
    /// A key pair for agreement on X25519 (RFC 7748), to which other vaults wrap keys.
    X25519,
    /// A key pair for agreement on P-256 (NIST SP 800-56A), to which other vaults wrap keys.
    P256Agreement,
    /// A key for HMAC.
    Hmac,
    /// A key for AES-256: for data, or for wrapping keys, never for both.
    Aes256,
    /// A secret of somebody else's protocol; can be kept, wrapped, and used with HMAC.
    Generic,
    /// Bytes that are kept and read back.
    Data,
    /// A certificate (RFC 5280), kept and read back.
    Certificate,
    /// Somebody else's public key, as SubjectPublicKeyInfo.
    PublicKey,
}

impl KeyKind {
    /// The name that listings show.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hotp { .. } => "HOTP",
            Self::Totp { .. } => "TOTP",
            Self::Ocra { .. } => "OCRA",
            Self::Issued => "issued code",
            Self::P256 => "P-256",
            Self::Ed25519 => "Ed25519",
            Self::P384 => "P-384",
            Self::Rsa { bits: RsaBits::Rsa2048 } => "RSA-2048",
            Self::Rsa { bits: RsaBits::Rsa3072 } => "RSA-3072",
            Self::Rsa { bits: RsaBits::Rsa4096 } => "RSA-4096",
            Self::MlDsa65 => "ML-DSA-65",
            Self::X25519 => "X25519",
            Self::P256Agreement => "P-256 agreement",
            Self::Hmac => "HMAC",
            Self::Aes256 => "AES-256",
            Self::Generic => "generic secret",
            Self::Data => "data",
            Self::Certificate => "certificate",
            Self::PublicKey => "public key",
        }
    }

    /// Every mechanism that can work with a key of this kind that serves this purpose.
    #[must_use]
    pub const fn mechanisms(&self, purpose: Purpose) -> Mechanisms {
        use Mechanism as M;
        const RSA: Mechanisms = Mechanisms::of(&[
            M::RsaPssSha256,
            M::RsaPssSha384,
            M::RsaPssSha512,
            M::RsaPkcs1Sha256,
            M::RsaPkcs1Sha384,
            M::RsaPkcs1Sha512,
        ]);
        const OTHERS: Mechanisms = Mechanisms::of(&[M::EcdsaSha256, M::EcdsaSha384, M::Ed25519, M::MlDsa65]);
        match (self, purpose) {
            (Self::Hotp { .. }, _) => Mechanisms::of(&[M::Hotp]),
            (Self::Totp { .. }, _) => Mechanisms::of(&[M::Totp]),
            (Self::Ocra { .. }, _) => Mechanisms::of(&[M::Ocra]),
            (Self::Issued, _) => Mechanisms::of(&[M::IssuedCode]),
            (Self::P256, _) => Mechanisms::of(&[M::EcdsaSha256]),
            (Self::Ed25519, _) => Mechanisms::of(&[M::Ed25519]),
            (Self::P384, _) => Mechanisms::of(&[M::EcdsaSha384]),
            (Self::Rsa { .. }, _) => RSA,
            (Self::MlDsa65, _) => Mechanisms::of(&[M::MlDsa65]),
            (Self::X25519 | Self::P256Agreement, _) | (Self::PublicKey, Purpose::Wrapping) => {
                Mechanisms::of(&[M::EnvelopeTo])
            }
            (Self::Hmac, _) => Mechanisms::of(&[M::HmacSha1, M::HmacSha256, M::HmacSha384, M::HmacSha512]),
            (Self::Generic, _) => Mechanisms::of(&[M::HmacSha256, M::HmacSha384, M::HmacSha512]),
            (Self::Aes256, Purpose::Wrapping) => Mechanisms::of(&[M::AesKeyWrap, M::Envelope]),
            (Self::Aes256, _) => Mechanisms::of(&[M::AesGcm, M::AesGcmCallerNonce, M::XaesGcm]),
            (Self::Data | Self::Certificate, _) => Mechanisms::NONE,
            (Self::PublicKey, _) => RSA.or(OTHERS),
        }
    }

    /// What a key allows unless its template says otherwise: all that it can do, but for what is weak (HMAC with SHA-1)
    /// or in the caller's own hands (nonces).
    #[must_use]
    pub const fn usual_mechanisms(&self, purpose: Purpose) -> Mechanisms {
        let by_name = Mechanisms::of(&[Mechanism::HmacSha1, Mechanism::AesGcmCallerNonce]);
        self.mechanisms(purpose).without(by_name)
    }

    /// The algorithm of a signing key.
    #[must_use]
    pub const fn algorithm(&self) -> Option<Algorithm> {
        Some(match self {
            Self::P256 => Algorithm::P256,
            Self::Ed25519 => Algorithm::Ed25519,
            Self::P384 => Algorithm::P384,
            Self::Rsa { bits } => Algorithm::Rsa(*bits),
            Self::MlDsa65 => Algorithm::MlDsa65,
            _ => return None,
        })
    }

    /// The usages that a key of this kind can have when it serves this purpose; none when it cannot serve it.
    #[must_use]
    pub const fn usages(&self, purpose: Purpose) -> Usages {
        use Usage as U;
        match (self, purpose) {
            (Self::Hotp { .. } | Self::Totp { .. }, Purpose::OneTimeCode) => {
                Usages::of(&[U::VerifyCode, U::GenerateCode])
            }
            // A server never computes responses (CRYPTO §4).
            (Self::Ocra { .. }, Purpose::OneTimeCode) => Usages::of(&[U::VerifyCode]),
            (Self::Issued, Purpose::IssuedCode) => Usages::of(&[U::IssueCode]),
            (Self::P256 | Self::Ed25519 | Self::P384 | Self::Rsa { .. } | Self::MlDsa65, _)
                if purpose.signs() =>
            {
                Usages::of(&[U::Sign, U::Verify])
            }
            (Self::PublicKey, _) if purpose.signs() => Usages::of(&[U::Verify, U::Read]),
            (Self::PublicKey, Purpose::Wrapping) => Usages::of(&[U::Wrap, U::Read]),
            (Self::X25519 | Self::P256Agreement, Purpose::Wrapping) => Usages::of(&[U::Unwrap]),
            (Self::Aes256, Purpose::Wrapping) => Usages::of(&[U::Wrap, U::Unwrap]),
            (Self::Aes256, Purpose::Data) => Usages::of(&[U::Encrypt, U::Decrypt]),
            (Self::Hmac | Self::Generic, Purpose::Data) => Usages::of(&[U::Mac, U::VerifyMac]),
            (Self::Data | Self::Certificate, Purpose::Data) => Usages::of(&[U::Read]),
            _ => Usages::NONE,
        }
    }

    /// Whether it is a key pair.
    #[must_use]
    pub const fn is_pair(&self) -> bool {
        matches!(
            self,
            Self::P256
                | Self::Ed25519
                | Self::P384
                | Self::Rsa { .. }
                | Self::MlDsa65
                | Self::X25519
                | Self::P256Agreement
        )
    }

    /// Whether the material is a secret, which leaves only wrapped.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        !matches!(self, Self::Data | Self::Certificate | Self::PublicKey)
    }

    /// Bits of strength (NIST SP 800-57 part 1, table 2) of a key whose material has so many bytes.
    #[must_use]
    pub fn strength(&self, material: usize) -> u16 {
        match self {
            Self::P256 | Self::Ed25519 | Self::X25519 | Self::P256Agreement => 128,
            Self::P384 | Self::MlDsa65 => 192,
            Self::Rsa { bits: RsaBits::Rsa2048 } => 112,
            Self::Rsa { bits: RsaBits::Rsa3072 } => 128,
            Self::Rsa { bits: RsaBits::Rsa4096 } => 152,
            Self::Aes256 | Self::Issued => 256,
            // More than 256 bits of a secret add nothing that anyone could use.
            Self::Hotp { .. } | Self::Totp { .. } | Self::Ocra { .. } | Self::Hmac | Self::Generic => {
                u16::try_from(material.min(32) * 8).unwrap_or(256)
            }
            Self::Data | Self::Certificate | Self::PublicKey => 0,
        }
    }

    pub(super) fn write(self, writer: &mut Writer) -> Result<(), Error> {
        match self {
            Self::Hotp { algorithm, digits } => {
                writer.u8(1).u8(algorithm.number()).u8(digits.count());
            }
            Self::Totp { algorithm, digits, period, t0 } => {
                writer.u8(2).u8(algorithm.number()).u8(digits.count()).u64(period).u64(t0);
            }
            Self::Ocra { suite } => {
                writer.u8(3).text(suite.as_str())?;
            }
            Self::Issued => {
                writer.u8(8);
            }
            Self::P256 => {
                writer.u8(16);
            }
            Self::Ed25519 => {
                writer.u8(17);
            }
            Self::P384 => {
                writer.u8(18);
            }
            Self::Rsa { bits } => {
                writer.u8(19).u16(bits as u16);
            }
            Self::MlDsa65 => {
                writer.u8(20);
            }
            Self::X25519 => {
                writer.u8(24);
            }
            Self::P256Agreement => {
                writer.u8(25);
            }
            Self::Hmac => {
                writer.u8(32);
            }
            Self::Aes256 => {
                writer.u8(33);
            }
            Self::Generic => {
                writer.u8(34);
            }
            Self::Data => {
                writer.u8(48);
            }
            Self::Certificate => {
                writer.u8(49);
            }
            Self::PublicKey => {
                writer.u8(50);
            }
        }
        Ok(())
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let kind = reader.u8()?;
        let mut hash_and_digits = || -> Result<(HashAlgorithm, Digits), Error> {
            let algorithm = HashAlgorithm::from_number(reader.u8()?).ok_or(Error::Refused)?;
            Ok((algorithm, Digits::new(reader.u8()?).map_err(|_| Error::Refused)?))
        };
        Ok(match kind {
            1 => {
                let (algorithm, digits) = hash_and_digits()?;
                Self::Hotp { algorithm, digits }
            }
            2 => {
                let (algorithm, digits) = hash_and_digits()?;
                Self::Totp { algorithm, digits, period: reader.u64()?, t0: reader.u64()? }
            }
            3 => Self::Ocra { suite: OcraSuite::parse(reader.text()?).map_err(|_| Error::Refused)? },
            8 => Self::Issued,
            16 => Self::P256,
            17 => Self::Ed25519,
            18 => Self::P384,
            19 => Self::Rsa { bits: RsaBits::from_bits(reader.u16()?.into()).ok_or(Error::Refused)? },
            20 => Self::MlDsa65,
            24 => Self::X25519,
            25 => Self::P256Agreement,
            32 => Self::Hmac,
            33 => Self::Aes256,
            34 => Self::Generic,
            48 => Self::Data,
            49 => Self::Certificate,
            50 => Self::PublicKey,
            _ => return Err(Error::Refused),
        })
    }
}
