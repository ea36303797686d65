//! How much is tried.

/// How often racing, killing and random cases try: the variable `ZAMOK_TIER` says, and `ci` is meant without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// `check`: seconds, for every save.
    Check,
    /// `ci`: what a continuous build can wait for.
    Ci,
    /// `full`: the counts that are promised.
    Full,
}

impl Tier {
    /// The tier that the environment asks for.
    ///
    /// # Panics
    /// On an unknown word: a misspelt tier would try less than was meant.
    #[must_use]
    pub fn from_env() -> Self {
        match std::env::var("ZAMOK_TIER").as_deref() {
            Ok("check") => Self::Check,
            Ok("ci") | Err(_) => Self::Ci,
            Ok("full") => Self::Full,
            Ok(other) => panic!("ZAMOK_TIER={other}: check, ci or full"),
        }
    }

    /// The count of the tier that the environment asks for.
    #[must_use]
    pub fn pick(check: u64, ci: u64, full: u64) -> u64 {
        match Self::from_env() {
            Self::Check => check,
            Self::Ci => ci,
            Self::Full => full,
        }
    }
}
