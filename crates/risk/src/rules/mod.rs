//! Rules: what is noticed, from when on, and what is answered then.

mod text;

use std::fmt;
use std::sync::Arc;

use zamok_cabinet::watch::{Answer, Occasion, Outcome};
use zamok_cabinet::{Role, Roles};

pub use self::text::RulesFault;

/// Rules that were judged together. Only [`Rules::from_toml`] makes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    pub(crate) rules: Vec<Rule>,
    /// Bits of an address that are one network.
    pub(crate) ipv4: u8,
    pub(crate) ipv6: u8,
    /// Cells of a row of a table.
    pub(crate) cells: u32,
    /// Seconds between two summaries for operators, and examples in one.
    pub(crate) alert_every: u64,
    pub(crate) alert_examples: usize,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(crate) name: Arc<str>,
    pub(crate) on: Vec<Occasion>,
    pub(crate) answer: Answer,
    /// With `delay`: how many seconds pass until one is let through again.
    pub(crate) pause: u64,
    pub(crate) is_trial: bool,
    pub(crate) source: String,
    /// Tells its cells from those of other rules.
    pub(crate) seed: u64,
    pub(crate) kind: Kind,
}

/// By what attempts are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Per {
    Account,
    Network,
    Device,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Too many of them within a window.
    Frequency { per: Per, outcome: Option<Outcome>, window: u64, limit: u64 },
    /// Too many different accounts within a window.
    Spraying { per: Per, outcome: Option<Outcome>, window: u64, limit: u64 },
    /// A parameter that is out of the ordinary.
    Parameter { field: String, above: Option<i64>, equals: Vec<String> },
    /// Further from the last place than anybody travels, in kilometres and kilometres an hour.
    Travel { distance: u64, speed: u64 },
    /// A client and network that the account was not used from before.
    NewDevice,
    /// At another time than the office's, in minutes of the day and days with Monday in the lowest bit.
    Hours { roles: Roles, from: u64, until: u64, days: u8, offset: i64 },
}

impl Rules {
    /// What ships: each number with its source (`docs/risk.md`).
    pub const DEFAULT: &str = include_str!("../../rules.toml");
    /// Most rules at once.
    pub const MOST: usize = 64;

    /// Reads rules, as `docs/risk.md` describes them.
    ///
    /// # Errors
    /// [`RulesFault`]: all that is wrong, at once.
    pub fn from_toml(text: &str) -> Result<Self, RulesFault> {
        text::read(text)
    }

    /// The rules, in their order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The same, each of them only tried out: for a first run beside the service.
    #[must_use]
    pub fn tried_out(mut self) -> Self {
        self.rules.iter_mut().for_each(|rule| rule.is_trial = true);
        self
    }

    /// Whether something is to be remembered of accounts.
    pub(crate) fn have_habits(&self) -> bool {
        self.rules.iter().any(|rule| rule.kind.has_habits())
    }
}

impl Default for Rules {
    /// What ships.
    fn default() -> Self {
        Self::from_toml(Self::DEFAULT).expect("a test reads what ships")
    }
}

impl Rule {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind.name()
    }

    /// What it answers.
    #[must_use]
    pub const fn answer(&self) -> Answer {
        self.answer
    }

    /// Whether it is only tried out.
    #[must_use]
    pub const fn is_trial(&self) -> bool {
        self.is_trial
    }

    /// Where its numbers come from, as the rules say.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn is_about(&self, occasion: Occasion) -> bool {
        self.on.contains(&occasion)
    }
}

/// What it notices, in words.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on: Vec<_> = self.on.iter().map(|occasion| occasion.name()).collect();
        write!(f, "{}, on {}: {}", self.kind, on.join(" "), self.answer.name())?;
        if self.answer == Answer::Delay {
            write!(f, ", one let through in {} s", self.pause)?;
        }
        f.write_str(if self.is_trial { " (dry run)" } else { "" })
    }
}

impl Kind {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Frequency { .. } => "frequency",
            Self::Spraying { .. } => "spraying",
            Self::Parameter { .. } => "parameter",
            Self::Travel { .. } => "travel",
            Self::NewDevice => "new-device",
            Self::Hours { .. } => "hours",
        }
    }

    pub(crate) const fn has_habits(&self) -> bool {
        matches!(self, Self::Travel { .. } | Self::NewDevice)
    }

    /// By what its delays go.
    pub(crate) const fn per(&self) -> Per {
        match self {
            Self::Frequency { per, .. } | Self::Spraying { per, .. } => *per,
            _ => Per::Account,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frequency { per, outcome, window, limit } => {
                write!(f, "more than {limit} {} of one {per} within {window} s", attempts(*outcome))
            }
            Self::Spraying { per, outcome, window, limit } => {
                write!(
                    f,
                    "more than {limit} accounts in {} of one {per} within {window} s",
                    attempts(*outcome)
                )
            }
            Self::Parameter { field, above, equals } => {
                write!(f, "{field}")?;
                above.iter().try_for_each(|above| write!(f, " above {above}"))?;
                let either = if above.is_some() && !equals.is_empty() { " or" } else { "" };
                f.write_str(either)?;
                if equals.is_empty() { Ok(()) } else { write!(f, " one of {}", equals.join(", ")) }
            }
            Self::Travel { distance, speed } => {
                write!(f, "{distance} km or more from the last place, faster than {speed} km/h")
            }
            Self::NewDevice => f.write_str("a client and network that the account was not used from before"),
            Self::Hours { roles, from, until, days, offset } => {
                let clock = |minute: &u64| format!("{:02}:{:02}", minute / 60, minute % 60);
                let days: Vec<_> = text::DAYS
                    .iter()
                    .enumerate()
                    .filter(|(day, _)| days >> day & 1 == 1)
                    .map(|(_, name)| *name)
                    .collect();
                write!(
                    f,
                    "{roles} outside of {} to {} on {}, {offset:+} min from UTC",
                    clock(from),
                    clock(until),
                    days.join(" ")
                )
            }
        }
    }
}

const fn attempts(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        None => "attempts",
        Some(Outcome::Right) => "right attempts",
        Some(Outcome::Wrong) => "wrong attempts",
    }
}

impl fmt::Display for Per {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "account",
            Self::Network => "network",
            Self::Device => "device",
        })
    }
}

/// The roles of these names; the first that is none.
pub(crate) fn roles_named(names: &[String]) -> Result<Roles, &str> {
    let roles: Result<Vec<Role>, &str> =
        names.iter().map(|name| Role::named(name).ok_or(name.as_str())).collect();
    Ok(Roles::of(&roles?))
}
