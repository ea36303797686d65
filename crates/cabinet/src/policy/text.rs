//! Policies as TOML: a named profile and what a service changes in it. Unknown names, and numbers that do not fit together,
//! are refused, all at once.

use std::sync::LazyLock;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::{Table, Value};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::vault::spend::Throttle;

use super::{Policy, Profile};

/// Why a text is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFault {
    /// It is no TOML, or a value has the wrong type.
    #[error("not a policy: {0}")]
    Syntax(String),
    /// No profile has this name.
    #[error("there is no profile {0:?}: strict, seeds and nist-aal2 are there")]
    Profile(String),
    /// These names are no numbers of a policy.
    #[error("a policy has no {}", .0.join(", no "))]
    Unknown(Vec<String>),
    /// These numbers are out of bounds, or do not fit together.
    #[error("{}", .0.join("; "))]
    Unsound(Vec<String>),
}

/// One number of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// Its name: the group, and the name in it.
    pub name: String,
    /// Its value, as TOML.
    pub value: String,
    /// What the profiles say about it: its unit, where that is not seconds, and its source. Empty where the value is the
    /// service's own.
    pub source: &'static str,
}

impl Profile {
    /// What it says, with the source of each number beside it. `strict` says all; another only what it changes.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Strict => include_str!("../../profiles/strict.toml"),
            Self::Seeds => include_str!("../../profiles/seeds.toml"),
            Self::NistAal2 => include_str!("../../profiles/nist-aal2.toml"),
        }
    }

    /// All its numbers. Its text is read once: it says more than the numbers.
    fn table(self) -> Table {
        static STRICT: LazyLock<Table> = LazyLock::new(|| Profile::Strict.own());
        static SEEDS: LazyLock<Table> = LazyLock::new(|| Profile::Seeds.over_strict());
        static NIST_AAL2: LazyLock<Table> = LazyLock::new(|| Profile::NistAal2.over_strict());
        let table = match self {
            Self::Strict => &STRICT,
            Self::Seeds => &SEEDS,
            Self::NistAal2 => &NIST_AAL2,
        };
        Table::clone(table)
    }

    fn own(self) -> Table {
        self.text().parse().expect("the profiles are TOML")
    }

    fn over_strict(self) -> Table {
        let (mut all, mut unknown) = (Self::Strict.table(), Vec::new());
        lay_over(&mut all, self.own(), "", &mut unknown);
        all
    }

    /// What it says beside this number.
    fn source(self, name: &str) -> &'static str {
        let (group, own) = name.rsplit_once('.').unwrap_or(("", name));
        let mut section = "";
        for line in self.text().lines() {
            if let Some(header) = line.strip_prefix('[') {
                section = header.trim_end_matches(']');
            } else if let Some((stated, source)) = line.split_once(" # ")
                && section == group
                && stated.split(" = ").next() == Some(own)
            {
                return source;
            }
        }
        if self == Self::Strict { "" } else { Self::Strict.source(name) }
    }
}

/// Lays values over those of a base, and collects names that the base does not have.
fn lay_over(base: &mut Table, over: Table, prefix: &str, unknown: &mut Vec<String>) {
    for (name, value) in over {
        let path = format!("{prefix}{name}");
        match (base.get_mut(&name), value) {
            (Some(Value::Table(base)), Value::Table(over)) => {
                lay_over(base, over, &format!("{path}."), unknown);
            }
            (Some(found), value) => *found = value,
            (None, _) => unknown.push(path),
        }
    }
}

impl Policy {
    /// The numbers of a named profile.
    #[must_use]
    pub fn of(profile: Profile) -> Self {
        Self::deserialize(profile.table()).expect("a test reads every profile")
    }

    /// Reads a policy: `profile = "strict"` or another name, and the numbers that differ from it. A text without a profile
    /// begins as `strict`.
    ///
    /// # Errors
    /// [`PolicyFault`] for what is no policy, with everything that is wrong.
    pub fn from_toml(text: &str) -> Result<Self, PolicyFault> {
        let policy = Self::kept(text)?;
        policy.judge()?;
        Ok(policy)
    }

    /// Reads a policy that was judged when it was kept: a program that judges more strictly since must not keep its vault shut.
    pub(crate) fn kept(text: &str) -> Result<Self, PolicyFault> {
        let over: Table =
            text.parse().map_err(|error: toml::de::Error| PolicyFault::Syntax(error.to_string()))?;
        let profile = match over.get("profile") {
            None => Profile::Strict,
            Some(Value::String(name)) => {
                Profile::named(name).ok_or_else(|| PolicyFault::Profile(name.clone()))?
            }
            Some(other) => return Err(PolicyFault::Profile(other.to_string())),
        };
        let mut all = profile.table();
        let mut unknown = Vec::new();
        lay_over(&mut all, over, "", &mut unknown);
        if !unknown.is_empty() {
            return Err(PolicyFault::Unknown(unknown));
        }
        Self::deserialize(all).map_err(|error| PolicyFault::Syntax(error.message().to_owned()))
    }

    /// The policy as [`Policy::from_toml`] reads it: every number, none left to the profile.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a policy is a table of numbers")
    }

    /// Every number, in the order of its names.
    #[must_use]
    pub fn numbers(&self) -> Vec<Number> {
        let (own, base) = (flat(self), flat(&Self::of(self.profile)));
        let sourced = |((name, value), (_, usual)): ((String, String), (String, String))| {
            let source = if value == usual { self.profile.source(&name) } else { "" };
            Number { name, value, source }
        };
        own.into_iter().zip(base).map(sourced).collect()
    }

    /// What differs in another policy: the name, the value here, the value there.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<(String, String, String)> {
        flat(self)
            .into_iter()
            .zip(flat(other))
            .filter(|(here, there)| here != there)
            .map(|((name, here), (_, there))| (name, here, there))
            .collect()
    }
}

/// Names and values of all numbers, in the order of the names.
fn flat(policy: &Policy) -> Vec<(String, String)> {
    fn walk(value: Value, name: &str, found: &mut Vec<(String, String)>) {
        match value {
            Value::Table(table) => {
                for (inner, value) in table {
                    let dot = if name.is_empty() { "" } else { "." };
                    walk(value, &format!("{name}{dot}{inner}"), found);
                }
            }
            value => found.push((name.to_owned(), value.to_string())),
        }
    }
    let mut found = Vec::new();
    walk(Value::try_from(policy).expect("a policy is a table of numbers"), "", &mut found);
    found
}

/// The cost of Argon2id, as a table.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Argon2Cost", deny_unknown_fields)]
pub(super) struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// A throttle, as a table.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Throttle", deny_unknown_fields)]
pub(super) struct Throttling {
    free: u32,
    first_delay: u64,
    longest_delay: u64,
    #[serde(serialize_with = "limit", deserialize_with = "limited")]
    disable_after: u32,
    #[serde(serialize_with = "limit", deserialize_with = "limited")]
    recent_limit: u32,
    recent_span: u64,
}

/// The largest number means that there is no limit, and is written so.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn limit<S: Serializer>(limit: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    if *limit == u32::MAX { serializer.serialize_str("never") } else { serializer.serialize_u32(*limit) }
}

fn limited<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Limit {
        Number(u32),
        Word(String),
    }
    match Limit::deserialize(deserializer)? {
        Limit::Number(number) => Ok(number),
        Limit::Word(word) if word == "never" => Ok(u32::MAX),
        Limit::Word(word) => Err(D::Error::custom(format!("a number or \"never\", not {word:?}"))),
    }
}
