#![doc = include_str!("../README.md")]

mod door;
mod url;

pub use door::{Settings, Zamok};
pub use url::StoreUrl;

pub use zamok_cabinet::{
    Account, AccountId, Begun, Cabinet, Challenge, ChallengePolicy, Enrolment, Error, GeneratorPolicy, Offer,
    Password, PasswordPolicy, Policy, RequestId, Session, SessionId, SessionPolicy, SignedDocument,
};
pub use zamok_core::vault::slot::{Argon2Cost, UnlockPolicy};
pub use zamok_core::{Error as CoreError, UnixTime, event, hash, otp, secret, signature, store};
pub use zamok_host::{
    Clock, LockedMemory, ManualClock, MemoryStatus, Options, OsRandom, Passphrase, SystemClock, Vault,
};
pub use zamok_protocols::jwt::AccessTokens;

/// The journal: reading, proofs, audit.
pub mod journal {
    pub use zamok_journal::{
        Broken, Fault, Finding, Head, InclusionProof, Journal, Listing, Place, Recorded, Report, Status,
        Telling, audit,
    };
}

/// How guesses at codes and passwords are counted.
pub mod guessing {
    pub use zamok_core::vault::spend::{Failures, SpendPolicy, Throttle};
}

/// The embedded store.
#[cfg(feature = "sqlite")]
pub mod sqlite {
    pub use zamok_store_sqlite::SqliteStore;
}

/// Which instructions of this machine compute codes: what `zamok doctor` shows.
pub mod kernels {
    pub use zamok_lanes::{Choice, Variant, describe};
}

/// The examples on the front page of the repository.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct FrontPage;
