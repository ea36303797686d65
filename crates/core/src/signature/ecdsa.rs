//! ECDSA (FIPS 186-5 §6) on P-256 and P-384, each with the hash of its own strength. Nonces after RFC 6979 with added
//! randomness (draft-irtf-cfrg-det-sigs-with-noise): a repeated or weak random value alone reveals nothing.

macro_rules! curve {
    ($(#[$doc:meta])* $name:ident, $scalar:literal) => {
        $(#[$doc])*
        pub(super) mod $name {
            use alloc::vec::Vec;

            use ::$name::ecdsa;
            use ::$name::ecdsa::signature::hazmat::{PrehashVerifier as _, RandomizedPrehashSigner as _};
            use ::$name::elliptic_curve::Generate as _;
            use ::$name::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
            use zeroize::Zeroizing;

            use crate::env::Env;
            use crate::error::Error;
            use crate::hash::Digested;

            /// A private key; the crate beneath wipes it when dropped.
            pub(crate) struct SigningKey(ecdsa::SigningKey);

            impl SigningKey {
                pub(crate) fn generate(env: &mut Env<'_>) -> Self {
                    Self(ecdsa::SigningKey::generate_from_rng(&mut env.rng))
                }

                /// The private scalar, on its way into a sealed record.
                pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
                    Zeroizing::new(Zeroizing::new(self.0.to_bytes()).to_vec())
                }

                pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
                    ecdsa::SigningKey::from_slice(bytes).map(Self).map_err(|_| Error::Refused)
                }

                pub(crate) fn sign(&self, digest: &Digested, env: &mut Env<'_>) -> Result<Signature, Error> {
                    let signature = self.0.sign_prehash_with_rng(&mut env.rng, digest.as_slice());
                    signature.map(Signature).map_err(|_| Error::Randomness)
                }

                pub(crate) fn verifying_key(&self) -> VerifyingKey {
                    VerifyingKey(*self.0.verifying_key())
                }
            }

            /// A public key.
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct VerifyingKey(ecdsa::VerifyingKey);

            impl VerifyingKey {
                pub(crate) fn verify(&self, digest: &Digested, signature: &Signature) -> Result<(), Error> {
                    self.0.verify_prehash(digest.as_slice(), &signature.0).map_err(|_| Error::Rejected)
                }

                pub(crate) fn to_spki_der(self) -> Vec<u8> {
                    self.0.to_public_key_der().expect("a point on the curve has a DER form").into_vec()
                }

                pub(crate) fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
                    ecdsa::VerifyingKey::from_public_key_der(der).map(Self).map_err(|_| Error::Rejected)
                }

                /// The affine coordinates x and y, big-endian, as a JWK carries them (RFC 7518 §6.2.1).
                #[must_use]
                pub fn coordinates(&self) -> ([u8; $scalar], [u8; $scalar]) {
                    let point = self.0.to_sec1_point(false);
                    let bytes = &point.as_bytes()[1..];
                    let (mut x, mut y) = ([0; $scalar], [0; $scalar]);
                    x.copy_from_slice(&bytes[..$scalar]);
                    y.copy_from_slice(&bytes[$scalar..]);
                    (x, y)
                }
            }

            /// A signature (r, s).
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct Signature(ecdsa::Signature);

            impl Signature {
                pub(crate) fn to_der(self) -> Vec<u8> {
                    self.0.to_der().as_bytes().to_vec()
                }

                pub(crate) fn to_fixed(self) -> Vec<u8> {
                    self.0.to_bytes().to_vec()
                }

                pub(crate) fn from_der(bytes: &[u8]) -> Result<Self, Error> {
                    ecdsa::Signature::from_der(bytes).map(Self).map_err(|_| Error::Rejected)
                }

                pub(crate) fn from_fixed(bytes: &[u8]) -> Result<Self, Error> {
                    ecdsa::Signature::from_slice(bytes).map(Self).map_err(|_| Error::Rejected)
                }
            }
        }
    };
}

curve! {
    /// P-256 with SHA-256.
    p256, 32
}
curve! {
    /// P-384 with SHA-384.
    p384, 48
}
