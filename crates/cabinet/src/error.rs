//! What the cabinet answers when something was not done: the core's errors, and misuse of its own.

use crate::password::Weakness;

/// Why a transition of the cabinet did not happen. Small, `Copy`, without secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The core's error; [`zamok_core::Error::Rejected`] for every failed check.
    #[error(transparent)]
    Core(#[from] zamok_core::Error),
    /// The login is none: empty, longer than 128 bytes, or with characters that RFC 8265 §3.3 disallows.
    #[error("this is not a usable login: use 1 to 128 letters, digits or signs without spaces")]
    LoginUnusable,
    /// Somebody has this login, or one that is the same after case mapping.
    #[error("this login is taken")]
    LoginTaken,
    /// The password has too few characters.
    #[error("the password has {found} characters, at least {shortest} are needed")]
    PasswordTooShort {
        /// Characters that were given.
        found: usize,
        /// Characters that the policy asks for.
        shortest: usize,
    },
    /// The password is longer than the policy reads.
    #[error("the password exceeds {longest} bytes")]
    PasswordTooLong {
        /// Bytes that the policy allows.
        longest: usize,
    },
    /// The policy asks for upper case, lower case, a digit and another character.
    #[error("the password needs upper and lower case, a digit and another character")]
    PasswordClasses,
    /// The password holds characters that RFC 8265 §4.2 disallows.
    #[error("the password has characters that cannot be typed everywhere")]
    PasswordUnusable,
    /// The password would be guessed early.
    #[error("the password is too easy to guess: {0}")]
    PasswordWeak(Weakness),
    /// The text is no hash of a password that another system made, or one that protects nothing.
    #[error("this is not the hash of a password in a form that is known")]
    HashUnknown,
    /// The text is neither a phone number nor an e-mail address.
    #[error("this is neither a phone number as +79161234567 nor an e-mail address")]
    ContactUnusable,
    /// Another account has this phone or address.
    #[error("another account has this phone or address")]
    ContactTaken,
    /// The account may not do this.
    #[error("the account may not do this")]
    NotAllowed,
    /// The account may not act at this hour, or from this network.
    #[error("the account may not act now, or from here")]
    OutsideLimits,
    /// The account is not in a state from which this leads on.
    #[error("the account is not in a state for this")]
    AccountState,
    /// The terms of a power make none, or it is not there to be accepted or ended.
    #[error("this power cannot be given, accepted or ended so")]
    PowerUnusable,
    /// There are as many as there may be.
    #[error("there are as many {what} as there may be: {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// The account has a generator already.
    #[error("the account has a generator already")]
    FactorExists,
    /// Nothing is being enrolled: offer a generator first.
    #[error("nothing is being enrolled: offer a generator first")]
    NothingOffered,
    /// The service's name is empty, longer than 128 bytes, or has a colon, control characters or blanks at an end.
    #[error("this is not a usable name for a service: 1 to 128 bytes without a colon")]
    IssuerUnusable,
    /// The numbers of the policy are out of bounds or do not fit together: [`Policy::judge`](crate::Policy::judge) says which.
    /// At opening: the cabinet keeps a policy that this program does not know.
    #[error("the policy is none that this program can go by")]
    PolicyUnsound,
    /// The account has no factor of the kind that was asked for.
    #[error("the account has no factor of this kind")]
    MethodUnavailable,
    /// The account has a stronger factor than the one that was asked for, and it is needed here.
    #[error("this needs the strongest factor of the account")]
    MethodTooWeak,
    /// Another code was asked for too soon.
    #[error("another code can be sent in {seconds} seconds")]
    ResendTooSoon {
        /// Seconds to wait.
        seconds: u64,
    },
    /// As many codes as policy says did not arrive.
    #[error("no code has arrived: turn to support")]
    SupportNeeded,
    /// A device was asked and has not approved yet. Nothing was charged: ask again.
    #[error("the device has not approved yet")]
    ApprovalPending,
    /// The old channel has not agreed to the change, as policy wants.
    #[error("the old channel has to agree first")]
    OldChannelNeeded,
    /// It is the last factor of its account.
    #[error("the account would be left without a factor: add another one first")]
    LastFactor,
    /// The PIN has not as many digits as policy wants, or they follow from each other.
    #[error("this is not a usable PIN: {shortest} digits at least, not all the same and not in a row")]
    PinUnusable {
        /// Digits that the policy asks for.
        shortest: usize,
    },
    /// The public key is none on P-256.
    #[error("this is not a public key on P-256")]
    PublicKeyUnusable,
    /// As many messages as policy allows went to this contact.
    #[error("too many messages were sent there: try again later")]
    TooManyMessages,
    /// The last authentication is too old for this.
    #[error("show again who you are: the last authentication is too old for this")]
    FreshAuthenticationNeeded,
    /// The account has as many known devices as policy allows.
    #[error("the account has as many known devices as it may: remove one")]
    TooManyDevices,
    /// The account has no such device, or not any more.
    #[error("the account has no such device")]
    DeviceUnknown,
    /// The content of an operation is none that could be shown and confirmed.
    #[error("the operation cannot be shown: {0}")]
    OperationUnusable(&'static str),
    /// The id names another operation.
    #[error("this id names another operation: draw a new one")]
    OperationTaken,
    /// The account has no such operation.
    #[error("the account has no such operation")]
    OperationUnknown,
    /// The operation was executed or cancelled, or its time is over.
    #[error("the operation was executed or cancelled, or its time is over")]
    OperationOver,
    /// The operation is not confirmed as it stands.
    #[error("the operation is not confirmed as it stands")]
    OperationNotConfirmed,
    /// The notice is empty, has control characters, or its link is no `https` URL.
    #[error("this notice cannot be sent: it needs a text, a title of one line, an https link")]
    NoticeUnusable,
    /// The preferences name a language that is none, a channel that nothing is sent by, or turn security off.
    #[error("these preferences cannot be kept: security messages cannot be turned off")]
    PreferencesUnusable,
    /// The push subscription has no `https` endpoint, or its keys have the wrong form.
    #[error("this is not a push subscription")]
    SubscriptionUnusable,
    /// The session has ended, or never was.
    #[error("the session has ended: log in again")]
    SessionEnded,
}

impl Error {
    /// The stable number of this error, in the one table with [`zamok_core::Error::code`].
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Core(error) => error.code(),
            Self::LoginUnusable => 601,
            Self::LoginTaken => 602,
            Self::PasswordTooShort { .. } => 603,
            Self::PasswordTooLong { .. } => 604,
            Self::PasswordClasses => 605,
            Self::PasswordUnusable => 606,
            Self::FactorExists => 607,
            Self::NothingOffered => 608,
            Self::SessionEnded => 609,
            Self::IssuerUnusable => 610,
            Self::PolicyUnsound => 611,
            Self::PasswordWeak(_) => 612,
            Self::HashUnknown => 613,
            Self::ContactUnusable => 614,
            Self::ContactTaken => 615,
            Self::NotAllowed => 616,
            Self::OutsideLimits => 617,
            Self::AccountState => 618,
            Self::PowerUnusable => 619,
            Self::TooMany { .. } => 620,
            Self::MethodUnavailable => 650,
            Self::MethodTooWeak => 651,
            Self::ResendTooSoon { .. } => 652,
            Self::SupportNeeded => 653,
            Self::TooManyMessages => 654,
            Self::FreshAuthenticationNeeded => 655,
            Self::TooManyDevices => 656,
            Self::DeviceUnknown => 657,
            Self::OperationUnusable(_) => 658,
            Self::OperationTaken => 659,
            Self::OperationUnknown => 660,
            Self::OperationOver => 661,
            Self::OperationNotConfirmed => 662,
            Self::ApprovalPending => 663,
            Self::OldChannelNeeded => 664,
            Self::LastFactor => 665,
            Self::PinUnusable { .. } => 666,
            Self::PublicKeyUnusable => 667,
            Self::NoticeUnusable => 680,
            Self::PreferencesUnusable => 681,
            Self::SubscriptionUnusable => 682,
        }
    }
}

impl From<zamok_core::store::StoreFault> for Error {
    fn from(fault: zamok_core::store::StoreFault) -> Self {
        Self::Core(fault.into())
    }
}
