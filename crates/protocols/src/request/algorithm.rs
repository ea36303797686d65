//! The algorithms of the registry "HTTP Signature Algorithms" (RFC 9421 §6.2.2).

use zamok_core::mechanism::Mechanism;
use zamok_core::signature::{Algorithm, VerifyingKey};

/// How a request is signed. Which one a signature has is a property of the registered key (RFC 9421 §3.2, step 6); the
/// parameter `alg` can only agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SignatureAlgorithm {
    /// RSASSA-PSS with SHA-512 (§3.3.1).
    RsaPssSha512 = 1,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (§3.3.2).
    RsaV15Sha256 = 2,
    /// HMAC with SHA-256 (§3.3.3).
    HmacSha256 = 3,
    /// ECDSA on P-256 with SHA-256, r ‖ s (§3.3.4).
    EcdsaP256Sha256 = 4,
    /// ECDSA on P-384 with SHA-384, r ‖ s (§3.3.5).
    EcdsaP384Sha384 = 5,
    /// Ed25519 (§3.3.6).
    Ed25519 = 6,
}

impl SignatureAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 6] = [
        Self::RsaPssSha512,
        Self::RsaV15Sha256,
        Self::HmacSha256,
        Self::EcdsaP256Sha256,
        Self::EcdsaP384Sha384,
        Self::Ed25519,
    ];

    /// Its name in the registry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RsaPssSha512 => "rsa-pss-sha512",
            Self::RsaV15Sha256 => "rsa-v1_5-sha256",
            Self::HmacSha256 => "hmac-sha256",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::EcdsaP384Sha384 => "ecdsa-p384-sha384",
            Self::Ed25519 => "ed25519",
        }
    }

    /// The algorithm of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| *algorithm as u8 == number)
    }

    /// What a public key signs with unless something else was agreed; `None` for keys that sign no requests.
    #[must_use]
    pub const fn of(key: &VerifyingKey) -> Option<Self> {
        Some(match key.algorithm() {
            Algorithm::P256 => Self::EcdsaP256Sha256,
            Algorithm::P384 => Self::EcdsaP384Sha384,
            Algorithm::Ed25519 => Self::Ed25519,
            Algorithm::Rsa(_) => Self::RsaPssSha512,
            _ => return None,
        })
    }

    /// Whether a public key can have made such a signature.
    #[must_use]
    pub fn fits(self, key: &VerifyingKey) -> bool {
        let usual = Self::of(key);
        usual == Some(self) || (usual == Some(Self::RsaPssSha512) && self == Self::RsaV15Sha256)
    }

    /// How a public key checks it.
    pub(super) const fn mechanism(self) -> Mechanism {
        match self {
            Self::RsaPssSha512 => Mechanism::RsaPssSha512,
            Self::RsaV15Sha256 => Mechanism::RsaPkcs1Sha256,
            Self::HmacSha256 => Mechanism::HmacSha256,
            Self::EcdsaP256Sha256 => Mechanism::EcdsaSha256,
            Self::EcdsaP384Sha384 => Mechanism::EcdsaSha384,
            Self::Ed25519 => Mechanism::Ed25519,
        }
    }
}

impl core::fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.name())
    }
}
