//! Every number that is policy, in one place, each with its source (rule 8 of the design).
//!
//! The values lie in `profiles/`, one file for each named profile, with the source of each beside it; `docs/policy.md`
//! shows them side by side and says what they mean for whoever guesses. Here they have names and types, in
//! [`text`](Policy::from_toml) they are read and written, in `sound` they are judged together.

mod guessing;
mod sound;
mod text;

use serde::{Deserialize, Serialize};
use zamok_core::otp::{Digits, Window};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::vault::spend::{SpendPolicy, Throttle};

pub use self::guessing::odds;
pub use self::text::{Number, PolicyFault};

/// The numbers that a cabinet goes by: a named profile, changed where a service must. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The profile that it began as.
    pub profile: Profile,
    /// What a login password must be, and what guesses at it cost (R13, R14).
    pub password: PasswordPolicy,
    /// What a PIN must be (R10).
    pub pin: PinPolicy,
    /// Codes of generator apps.
    pub generator: GeneratorPolicy,
    /// Codes of hardware tokens that count.
    pub token: TokenPolicy,
    /// Codes that the service sends (R3, R5).
    pub issued: IssuedPolicy,
    /// Requests that a device approves.
    pub push: PushPolicy,
    /// Recovery codes.
    pub recovery: RecoveryPolicy,
    /// Challenges.
    pub challenge: ChallengePolicy,
    /// Sessions (R17).
    pub session: SessionPolicy,
    /// Known devices (R21).
    pub device: DevicePolicy,
    /// Wrong answers that are borne before strangers wait (R15).
    pub budget: BudgetPolicy,
    /// Operations that are confirmed (R20).
    pub operation: OperationPolicy,
    /// Phones and addresses (R9).
    pub contact: ContactPolicy,
    /// Factors of an account.
    pub factor: FactorPolicy,
    /// Powers of attorney (R73).
    pub power: PowerPolicy,
    /// Tokens of sessions (R8, R22).
    pub access: AccessPolicy,
    /// Signed requests, and proofs of possession (R6, R33).
    pub request: RequestPolicy,
    /// The journal's cadence and the retention of its details (R27, R36).
    pub journal: JournalPolicy,
    /// Messages on their way (R57–R60).
    pub delivery: DeliveryPolicy,
}

/// A named set of numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// The default: the standards where they speak, stricter where the design decided so.
    #[default]
    Strict,
    /// The figures of the requirements themselves.
    Seeds,
    /// NIST SP 800-63B-4 at assurance level 2, and OWASP ASVS 5, to the letter but for what `docs/policy.md` names.
    NistAal2,
}

/// How often the journal is integrated, signed and witnessed, and how long its details are kept (R27, R36).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalPolicy {
    /// Seconds between two integrations.
    pub integrate: u64,
    /// Seconds between two signed checkpoints.
    pub checkpoint: u64,
    /// Seconds between two visits to the witnesses.
    pub witness: u64,
    /// For how long details of entries are kept; 0 for as long as their account.
    pub details: u64,
}

/// What a login password must be (R13, R14).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordPolicy {
    /// Fewest characters.
    pub shortest: usize,
    /// Most bytes: longer ones are refused before any work is done.
    pub longest: usize,
    /// Whether upper case, lower case, a digit and another character must all be there.
    pub classes: bool,
    /// Least strength on the scale of `zxcvbn`, 0 to 4; at 0 nothing is estimated.
    pub strength: u8,
    /// When it must be changed; 0 for never.
    pub change_after: u64,
    /// Cost of hashing it.
    #[serde(with = "text::Cost")]
    pub cost: Argon2Cost,
    /// How wrong passwords delay further ones.
    #[serde(with = "text::Throttling")]
    pub throttle: Throttle,
}

/// What a PIN must be. It is hashed at the cost of a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinPolicy {
    /// Fewest digits.
    pub shortest: usize,
    /// Most digits.
    pub longest: usize,
    /// How wrong PINs delay and disable.
    #[serde(with = "text::Throttling")]
    pub throttle: Throttle,
}

/// How codes of generator apps are made and taken (RFC 6238).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorPolicy {
    /// Digits of a code.
    pub digits: u8,
    /// Seconds of a step.
    pub period: u64,
    /// Steps before the present one that are taken.
    pub past: u32,
    /// Steps after it.
    pub future: u32,
    /// Steps after it, where an operation is confirmed.
    pub high_value_future: u32,
    /// How far drift may be learned, in steps.
    pub drift: u32,
    /// How wrong codes delay and disable.
    #[serde(with = "text::Throttling")]
    pub throttle: Throttle,
}

/// How codes of hardware tokens that count are taken (RFC 4226).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenPolicy {
    /// Digits of a code.
    pub digits: u8,
    /// Counters beyond the next one that are taken.
    pub look_ahead: u32,
    /// Counters within which two codes in a row are looked for, on the word of another factor.
    pub resynchronise: u32,
    /// The same on the word of an officer.
    pub officer_resynchronise: u32,
    /// How wrong codes delay and disable.
    #[serde(with = "text::Throttling")]
    pub throttle: Throttle,
}

/// Codes that the service sends (R3, R5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuedPolicy {
    /// Digits of a code.
    pub digits: u8,
    /// Lifetime.
    pub lifetime: u64,
    /// Wrong codes that end it.
    pub tries: u32,
    /// Least time between two codes.
    pub resend: u64,
    /// Codes to one contact within an hour.
    pub per_hour: u32,
    /// Codes to one contact within a day.
    pub per_day: u32,
    /// Codes that did not arrive, after which support is pointed to.
    pub support_after: u32,
}

/// Requests that a device approves by a number that the person types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushPolicy {
    /// Digits of the number.
    pub digits: u8,
    /// Lifetime of a request.
    pub lifetime: u64,
    /// Requests to one device within an hour.
    pub per_hour: u32,
}

/// Recovery codes: the way back for whom all else is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryPolicy {
    /// Codes of one set.
    pub codes: u8,
    /// Random bits of a code.
    pub bits: u32,
    /// Cost of hashing one.
    #[serde(with = "text::Cost")]
    pub cost: Argon2Cost,
    /// How wrong codes delay.
    #[serde(with = "text::Throttling")]
    pub throttle: Throttle,
}

/// How long a challenge waits, and for how many tries (R3, R4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChallengePolicy {
    /// Lifetime.
    pub lifetime: u64,
    /// Wrong answers that end it; an enrolment shows as many offers.
    pub tries: u32,
    /// Lifetime of an enrolment, from the right password to the test code.
    pub enrolment: u64,
    /// Challenges that right passwords open within an hour: from one known device, and from all strangers together.
    pub per_hour: u32,
}

/// How long a session lives (R17).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionPolicy {
    /// Ends when unused for so long.
    pub idle: u64,
    /// Ends after so long in any case.
    pub longest: u64,
    /// Lifetime of an access token.
    pub access_token: u64,
    /// How exactly the last use is remembered: a check writes only when it is older than this.
    pub touch: u64,
    /// Age of an authentication that still counts for critical changes (R19).
    pub fresh: u64,
    /// Sessions of one account that are open at the same time.
    pub most: u32,
}

/// Known devices (R21).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevicePolicy {
    /// How long a device stays known.
    pub trusted: u64,
    /// Known devices of one account.
    pub most: u32,
}

/// Wrong answers that are borne within a span (R15): each known device has its own budget, strangers share one, and the
/// whole service has a third.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetPolicy {
    /// The span over which they are counted.
    pub span: u64,
    /// From one known device.
    pub device: u32,
    /// From all unknown devices together, to one account.
    pub strangers: u32,
    /// In the whole service, beyond which strangers wait.
    pub everyone: u32,
}

/// Operations that are confirmed (R20).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationPolicy {
    /// From what is shown to its confirmation.
    pub lifetime: u64,
    /// How long the same id gives the same answer.
    pub remembered: u64,
}

/// Phones and addresses, and how they are changed (R9).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactPolicy {
    /// Most of one account.
    pub most: u32,
    /// Whether a change needs a code on the old channel as well as on the new one.
    pub old_channel_confirms: bool,
    /// Whether a phone alone logs in, by a code that is sent to it.
    pub login: bool,
    /// How long the old channel can take a change back.
    pub reversible: u64,
}

/// Factors of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorPolicy {
    /// Most of one account, of all kinds.
    pub most: usize,
    /// The weakest that is taken at a login, as [`Evidence::strength`](crate::Evidence::strength) counts.
    pub weakest: u8,
}

/// Powers of attorney (R73).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerPolicy {
    /// How long one lasts at most.
    pub longest: u64,
}

/// Tokens of sessions (R8, R22).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessPolicy {
    /// Families of refresh tokens of one session.
    pub families: u32,
    /// Parties that act one behind the other in a token.
    pub actors: usize,
    /// Keys and certificates of clients of one account.
    pub client_keys: usize,
}

/// Signed requests, and proofs of possession (R6, R33).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestPolicy {
    /// How far the time of signing may be off, either way.
    pub tolerance: u64,
    /// How long nonces are kept.
    pub remembered: u64,
    /// Requests of one key within that time.
    pub per_key: u32,
    /// Nonces of all keys within that time; when they are used up, requests are refused.
    pub everyone: u32,
    /// Lifetime of a nonce that the server gives for a proof of possession.
    pub server_nonce: u64,
    /// Whether a proof of possession must hold one.
    pub server_nonce_needed: bool,
    /// Most bytes of a body that is read to check a signature.
    pub body: usize,
}

/// Messages on their way (R57–R60). Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryPolicy {
    /// How long a worker has a message to itself.
    pub lease: u64,
    /// The pause after the first failure; it doubles.
    pub retry: u64,
    /// The longest pause.
    pub longest_retry: u64,
    /// How long a notice is worth sending.
    pub notice: u64,
    /// How long a receipt is waited for.
    pub receipt_wait: u64,
    /// How long the archive remembers a message.
    pub archive: u64,
    /// How long an entry stays in a feed.
    pub feed: u64,
    /// Units to one number, address or device within an hour.
    pub per_address: u32,
    /// Segments to one network within an hour.
    pub per_network: u32,
    /// Segments to one country within an hour.
    pub per_country: u32,
    /// Segments of the whole service within a day.
    pub budget: u32,
}

impl Policy {
    /// How a code is checked, of a generator or of a token: each kind of key reads its own window.
    #[must_use]
    pub fn one_time(&self) -> SpendPolicy {
        SpendPolicy { look_ahead: self.token.spend().look_ahead, ..self.generator.spend() }
    }

    /// The default: NIST SP 800-63B-4 and OWASP ASVS 5 where they speak, stricter where the design decided so.
    #[must_use]
    pub fn strict() -> Self {
        Self::of(Profile::Strict)
    }

    /// The figures of the requirements themselves: 12 characters of all classes (R13), codes that live 60 s (R3).
    #[must_use]
    pub fn seeds() -> Self {
        Self::of(Profile::Seeds)
    }

    /// NIST SP 800-63B-4 at authenticator assurance level 2, and OWASP ASVS 5, to the letter but for what `docs/policy.md` names.
    #[must_use]
    pub fn nist_aal2() -> Self {
        Self::of(Profile::NistAal2)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::strict()
    }
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::Strict, Self::Seeds, Self::NistAal2];

    /// Its name, as policies and the command line write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Seeds => "seeds",
            Self::NistAal2 => "nist-aal2",
        }
    }

    /// The profile of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }
}

impl core::fmt::Display for Profile {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.name())
    }
}

impl GeneratorPolicy {
    /// How a login's code is checked. A window that [`Policy::judge`] refuses is the narrowest there is.
    #[must_use]
    pub fn spend(&self) -> SpendPolicy {
        self.within(self.future)
    }

    /// How a code that confirms an operation is checked: nothing from the future, where the policy says so.
    #[must_use]
    pub fn spend_high_value(&self) -> SpendPolicy {
        self.within(self.high_value_future)
    }

    fn within(&self, future: u32) -> SpendPolicy {
        SpendPolicy {
            window: Window::steps(self.past, future).unwrap_or(Window::EXACT),
            drift_limit: self.drift,
            look_ahead: Window::EXACT,
            throttle: self.throttle,
        }
    }

    /// Digits of a code.
    #[must_use]
    pub fn digits(&self) -> Digits {
        Digits::new(self.digits).unwrap_or_default()
    }
}

impl TokenPolicy {
    /// The counters at which a code is looked for. The one before the next is never taken: by it the journal tells the last
    /// code, typed once more, from a wrong one.
    fn window(&self) -> Result<Window, zamok_core::Error> {
        Window::steps(1, self.look_ahead)
    }

    /// How a code is checked. A window that [`Policy::judge`] refuses is the narrowest there is; one that was kept when it could be
    /// as wide as that alone looks at no code before.
    #[must_use]
    pub fn spend(&self) -> SpendPolicy {
        let kept = || Window::look_ahead(self.look_ahead);
        SpendPolicy {
            window: Window::EXACT,
            drift_limit: 0,
            look_ahead: self.window().or_else(|_| kept()).unwrap_or(Window::EXACT),
            throttle: self.throttle,
        }
    }
}

impl IssuedPolicy {
    /// Digits of a code.
    #[must_use]
    pub fn digits(&self) -> Digits {
        Digits::new(self.digits).unwrap_or_default()
    }
}
