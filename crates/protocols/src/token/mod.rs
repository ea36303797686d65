//! Access tokens: JWT (RFC 7519) of the profile in RFC 9068, signed with ES256, EdDSA, RS256 or PS256 and checked by the rules
//! of RFC 8725; refresh tokens that rotate (RFC 9700 §4.14.2); who acts for whom (RFC 8693); introspection (RFC 7662) and
//! revocation (RFC 7009).
//!
//! A token names a live session. Here it is good only as long as the session, its account's epoch, the power that it acts by
//! and its family are; outsiders who hold the public keys rely on its signature and its expiry ([`Verifier`]).

mod access;
mod claims;
mod family;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod introspection;
mod keys;
mod refresh;
mod sender;
mod verifier;

pub use self::access::{Access, AccessTokens, Grant};
pub use self::claims::{Claims, GrantedPower};
pub(crate) use self::family::{FAMILIES, due as family_due};
pub use self::introspection::Introspection;
pub(crate) use self::keys::secret;
pub use self::keys::use_token_key;
pub use self::refresh::{Granted, RefreshToken};
pub use self::sender::{Binding, CertificateHash, Shown};
pub use self::verifier::Verifier;
