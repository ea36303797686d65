//! `otpauth://` URIs, as QR codes carry them: the Key Uri Format of Google Authenticator, as its peers read it.
//! <https://github.com/google/google-authenticator/wiki/Key-Uri-Format>

#[cfg(feature = "alloc")]
mod owned;
mod plain;
mod read;

#[cfg(feature = "alloc")]
pub use owned::{OtpUri, UriText};
pub use plain::OtpUriRef;

/// What moves a key: the type of the URI with its own parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OtpKind {
    /// By counter.
    Hotp {
        /// The counter of the next code.
        counter: u64,
    },
    /// By time, counted from 1970: the format has no T0.
    Totp {
        /// The time step, in seconds, at least 1.
        period: u64,
    },
}
