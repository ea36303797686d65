//! What speaks a wire format: access and refresh tokens that other services accept, proofs of possession, requests that
//! clients sign, and connections on which both sides show a certificate.
//!
//! | what | standard | where |
//! |---|---|---|
//! | access tokens, key sets, delegation | RFC 9068, 8725, 7517, 8693 | [`token::AccessTokens`], [`token::Verifier`] |
//! | refresh tokens, revocation, introspection | RFC 9700, 7009, 7662 | [`token::AccessTokens`] |
//! | tokens bound to a key or a certificate | RFC 9449, 8705 | [`proof::Proofs`], [`token::Binding`] |
//! | signed requests, and batches of blocks | RFC 9421, 9530 | [`request::SignedRequests`] |
//! | keys and certificates of clients | – | [`request::Clients`] |
//! | mutual TLS | RFC 8446 | `mtls`, with the feature of that name |

mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod jose;
#[cfg(feature = "tower")]
pub mod layers;
#[cfg(feature = "mtls")]
pub mod mtls;
pub mod proof;
pub mod request;
pub mod retention;
pub mod token;

pub use error::Error;
pub use jose::{Jwk, JwsAlgorithm, Thumbprint};
