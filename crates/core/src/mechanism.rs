//! Mechanisms: how something is computed. Each has a number of its own in the records of keys.

use crate::hash::MessageHash;
use crate::sets::closed_set;

closed_set! {
    /// How something is computed.
    Mechanism;
    /// The mechanisms that a key allows.
    Mechanisms;
    /// RFC 4226.
    Hotp = 0, "hotp";
    /// RFC 6238.
    Totp = 1, "totp";
    /// RFC 6287.
    Ocra = 2, "ocra";
    /// HMAC with SHA-1 (RFC 2104), for protocols that have nothing better.
    HmacSha1 = 3, "hmac-sha1";
    /// HMAC with SHA-256.
    HmacSha256 = 4, "hmac-sha256";
    /// HMAC with SHA-384.
    HmacSha384 = 5, "hmac-sha384";
    /// HMAC with SHA-512.
    HmacSha512 = 6, "hmac-sha512";
    /// AES-256-GCM (NIST SP 800-38D) with random nonces, whose number is counted.
    AesGcm = 7, "aes-256-gcm";
    /// AES-256-GCM with nonces of the caller, for keys that were made so.
    AesGcmCallerNonce = 8, "aes-256-gcm-caller-nonce";
    /// XAES-256-GCM (C2SP): random nonces of 192 bits, which need no counting.
    XaesGcm = 9, "xaes-256-gcm";
    /// AES key wrap with padding (RFC 5649): carries no attributes.
    AesKeyWrap = 10, "aes-kwp";
    /// The vault's own wrap (`docs/formats/wrapped-key.md`), which authenticates kind and attributes.
    Envelope = 11, "envelope";
    /// The vault's own wrap for a public key: an ephemeral agreement on X25519 or P-256, then as [`Self::Envelope`].
    EnvelopeTo = 12, "envelope-to";
    /// ECDSA (FIPS 186-5 §6) with SHA-256.
    EcdsaSha256 = 13, "ecdsa-sha256";
    /// ECDSA with SHA-384.
    EcdsaSha384 = 14, "ecdsa-sha384";
    /// Ed25519 (RFC 8032).
    Ed25519 = 15, "ed25519";
    /// RSASSA-PSS (RFC 8017 §8.1) with SHA-256, a salt of 32 bytes.
    RsaPssSha256 = 16, "rsa-pss-sha256";
    /// RSASSA-PSS with SHA-384, a salt of 48 bytes.
    RsaPssSha384 = 17, "rsa-pss-sha384";
    /// RSASSA-PSS with SHA-512, a salt of 64 bytes.
    RsaPssSha512 = 18, "rsa-pss-sha512";
    /// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2) with SHA-256.
    RsaPkcs1Sha256 = 19, "rsa-pkcs1-sha256";
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RsaPkcs1Sha384 = 20, "rsa-pkcs1-sha384";
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RsaPkcs1Sha512 = 21, "rsa-pkcs1-sha512";
    /// ML-DSA-65 (FIPS 204).
    MlDsa65 = 22, "ml-dsa-65";
    /// Codes that are sent, cut from HMAC-SHA-256 (`docs/formats/issued.md`).
    IssuedCode = 23, "issued-code";
}

impl Mechanism {
    /// The hash that a signature is made over; `None` where it is made over the message, or where there is none.
    #[must_use]
    pub const fn hash(self) -> Option<MessageHash> {
        Some(match self {
            Self::EcdsaSha256 | Self::RsaPssSha256 | Self::RsaPkcs1Sha256 => MessageHash::Sha256,
            Self::EcdsaSha384 | Self::RsaPssSha384 | Self::RsaPkcs1Sha384 => MessageHash::Sha384,
            Self::RsaPssSha512 | Self::RsaPkcs1Sha512 => MessageHash::Sha512,
            _ => return None,
        })
    }
}
