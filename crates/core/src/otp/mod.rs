//! One-time passwords: HOTP (RFC 4226), TOTP (RFC 6238) and what surrounds them, as a stateless engine.
//!
//! The engine holds no vault and writes nothing: it takes a [`Secret`](crate::secret::Secret), a state and a typed
//! text, and answers with a verdict and the next state. **A code is spent only when that state has been stored**;
//! the vault does so in one commit. Every step of a window is computed at once and in constant time, without an
//! early exit, so that neither the code nor the place of the match shows in the time that a check takes.

pub mod base32;
mod batch;
mod code;
mod decimal;
mod hotp;
mod mask;
mod matching;
mod ocra;
mod resync;
mod steam;
mod totp;
mod uri;
mod verdict;
mod window;

pub use batch::{HotpAttempt, TotpAttempt};
pub use code::{Code, Digits};
pub use hotp::{Hotp, HotpParameters, HotpState};
#[cfg(feature = "alloc")]
pub(crate) use ocra::encode as encode_question;
pub use ocra::{
    Ocra, OcraChallenge, OcraInput, OcraMatch, OcraPassword, OcraQuestionFormat, OcraResponse, OcraSide,
    OcraSuite, OcraWindow,
};
pub use steam::{Steam, SteamCode};
pub use totp::{Totp, TotpParameters, TotpState};
pub use uri::{OtpKind, OtpUriRef};
#[cfg(feature = "alloc")]
pub use uri::{OtpUri, UriText};
pub use verdict::{Checked, Matched, Reason, Verdict};
pub use window::Window;
