//! Every number that is policy, in one place, each with its source (rule 8 of the design).

use zamok_core::otp::{Digits, Window};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::vault::spend::{SpendPolicy, Throttle};

/// The numbers that a cabinet goes by. Made by a named profile, then changed field by field where a service must.
///
/// Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The name of the profile that it began as.
    pub profile: &'static str,
    /// What a login password must be.
    pub password: PasswordPolicy,
    /// How wrong passwords delay further ones.
    pub password_throttle: Throttle,
    /// Codes of generator apps.
    pub generator: GeneratorPolicy,
    /// Challenges at login.
    pub challenge: ChallengePolicy,
    /// Sessions.
    pub session: SessionPolicy,
}

/// What a login password must be (R13, R14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Fewest characters.
    pub shortest: usize,
    /// Most bytes: longer ones are refused before any work is done.
    pub longest: usize,
    /// Whether upper case, lower case, a digit and another character must all be there.
    pub classes: bool,
    /// Cost of hashing it.
    pub cost: Argon2Cost,
}

/// How codes of generator apps are made and taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratorPolicy {
    /// Digits of a code.
    pub digits: Digits,
    /// Seconds of a step.
    pub period: u64,
    /// Window, drift and throttling.
    pub spend: SpendPolicy,
}

/// How long a challenge waits, and for how many tries (R3, R4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengePolicy {
    /// Lifetime.
    pub lifetime: u64,
    /// Wrong codes that end it; an enrolment shows as many offers.
    pub tries: u32,
    /// Lifetime of an enrolment, from the right password to the test code.
    pub enrolment: u64,
}

/// How long a session lives (R17).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPolicy {
    /// Ends when unused for so long.
    pub idle: u64,
    /// Ends after so long in any case.
    pub longest: u64,
    /// Lifetime of an access token.
    pub access_token: u64,
    /// How exactly the last use is remembered: a check writes only when it is older than this.
    pub touch: u64,
}

const DAY: u64 = 24 * 60 * 60;

impl Policy {
    /// The default: NIST SP 800-63B-4 and OWASP ASVS 5 where they speak, stricter where the design decided so.
    #[must_use]
    pub fn strict() -> Self {
        // 5 failures, then 30 s doubling to 1 h (SP 800-63B-4 §3.2.2 asks for at most 100 in a row);
        // disabled at 20 in a row or 30 in 30 days: P ≤ 1 − (1 − W·p)^L stays below 3·10⁻⁴ for W = 3, d = 6.
        let throttle = Throttle {
            free: 5,
            first_delay: 30,
            longest_delay: 60 * 60,
            disable_after: 20,
            recent_limit: 30,
            recent_span: 30 * DAY,
        };
        Self {
            profile: "strict",
            password: PasswordPolicy {
                // Length before classes (SP 800-63B-4 §3.1.1.2: no composition rules); R13 says 12.
                shortest: 12,
                // SP 800-63B-4 asks for at least 64 characters.
                longest: 512,
                classes: false,
                // RFC 9106 §4, second recommended option: 64 MiB, t = 3; one lane, since logins run in parallel.
                cost: Argon2Cost { memory_kib: 64 << 10, passes: 3, lanes: 1 },
            },
            // A password is delayed but never disabled: whoever knows a login must not be able to lock it.
            password_throttle: Throttle { disable_after: u32::MAX, recent_limit: u32::MAX, ..throttle },
            generator: GeneratorPolicy {
                digits: Digits::SIX,
                // RFC 6238 §5.2: 30 s recommended, at most one step back; one ahead for clocks that are fast.
                period: 30,
                spend: SpendPolicy {
                    window: Window::steps(1, 1).expect("3 steps are within the engine's limit"),
                    drift_limit: 2,
                    look_ahead: Window::look_ahead(10).expect("11 steps are within the engine's limit"),
                    throttle,
                },
            },
            challenge: ChallengePolicy { lifetime: 5 * 60, tries: 3, enrolment: 15 * 60 },
            session: SessionPolicy { idle: 30 * 60, longest: 12 * 60 * 60, access_token: 5 * 60, touch: 60 },
        }
    }

    /// The figures of the requirements themselves: 12 characters of all classes (R13), codes that live 30–60 s (R3).
    #[must_use]
    pub fn seeds() -> Self {
        let strict = Self::strict();
        Self {
            profile: "seeds",
            password: PasswordPolicy { classes: true, ..strict.password },
            challenge: ChallengePolicy { lifetime: 60, ..strict.challenge },
            ..strict
        }
    }
}

impl Policy {
    /// The profile with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "strict" => Some(Self::strict()),
            "seeds" => Some(Self::seeds()),
            _ => None,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::strict()
    }
}
