//! What this room answers when something was not done.

/// Why a request or a proof was not taken, or a key of a client not registered. Small, `Copy`, without secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The cabinet's error, or the core's; [`zamok_core::Error::Rejected`] for every failed check.
    #[error(transparent)]
    Cabinet(#[from] zamok_cabinet::Error),
    /// The request lacks something of a signature, or says it in a way that cannot be read. It was looked at no further.
    #[error("the request is not signed as it must be: {0}")]
    Unsigned(&'static str),
    /// The signature is right, and too old, or from the future.
    #[error("the request was signed too long ago, or in the future: compare the clocks")]
    NotFresh,
    /// The proof of possession must hold a nonce of this server (RFC 9449 §8).
    #[error("the proof must hold the nonce that the server gives")]
    NonceNeeded,
    /// No further nonces can be remembered. Nothing was forgotten, and nothing taken.
    #[error("no further requests can be remembered: try again later")]
    Full,
    /// No such key of a client, or it was revoked.
    #[error("there is no such key of a client")]
    ClientUnknown,
    /// The key is registered already, or was revoked: a revoked key is not taken in again.
    #[error("this key is registered already, or was revoked")]
    ClientTaken,
    /// The key or certificate is none that requests can be signed with here.
    #[error("this is no key or certificate that a client can use here")]
    ClientUnusable,
    /// The body is longer than policy reads.
    #[error("the body exceeds {limit} bytes: send it as a batch of blocks")]
    TooLarge {
        /// Bytes that are read.
        limit: usize,
    },
    /// The manifest of a batch is none.
    #[error("this is no manifest of a batch: {0}")]
    Batch(&'static str),
    /// Keys that cannot serve access tokens, or a set of keys that cannot be read.
    #[error("the key cannot serve access tokens: {0}")]
    TokenKey(&'static str),
}

impl Error {
    /// A check that failed; says no more on purpose.
    pub(crate) const REJECTED: Self = Self::Cabinet(zamok_cabinet::Error::Core(zamok_core::Error::Rejected));

    /// The stable number of this error, in the one table with [`zamok_core::Error::code`].
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Cabinet(error) => error.code(),
            Self::Unsigned(_) => 740,
            Self::NotFresh => 741,
            Self::NonceNeeded => 742,
            Self::Full => 743,
            Self::ClientUnknown => 744,
            Self::ClientTaken => 745,
            Self::ClientUnusable => 746,
            Self::TooLarge { .. } => 747,
            Self::Batch(_) => 748,
            Self::TokenKey(_) => 749,
        }
    }
}

impl From<zamok_core::Error> for Error {
    fn from(error: zamok_core::Error) -> Self {
        Self::Cabinet(error.into())
    }
}
