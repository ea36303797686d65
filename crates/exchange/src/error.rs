//! One small error for every format: what is wrong, where, and how much of the file it concerns. Never a secret.

use std::fmt;
use std::io;

use zamok_core::Error as CoreError;

/// Where in the input something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// A line, counted from 1.
    Line(u64),
    /// A byte, counted from 0.
    Byte(u64),
    /// An entry, counted from 1: a URI's parameters, an element of a JSON array.
    Entry(u64),
    /// No particular place.
    Whole,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}: "),
            Self::Byte(byte) => write!(f, "byte {byte}: "),
            Self::Entry(entry) => write!(f, "entry {entry}: "),
            Self::Whole => Ok(()),
        }
    }
}

/// How much is lost by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One entry; the ones after it can still be read.
    Entry,
    /// All that follows.
    File,
}

/// Why a file, or an entry of it, was not read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{position}{fault}")]
pub struct ExchangeError {
    fault: Fault,
    position: Position,
    scope: Scope,
}

impl ExchangeError {
    /// An error of one entry.
    pub(crate) const fn entry(fault: Fault, position: Position) -> Self {
        Self { fault, position, scope: Scope::Entry }
    }

    /// An error after which nothing more can be read.
    pub(crate) const fn file(fault: Fault, position: Position) -> Self {
        Self { fault, position, scope: Scope::File }
    }

    /// An error of a record that has left its file: whoever takes it in or writes it found it unfit. Records are
    /// counted from 1.
    #[must_use]
    pub const fn of_record(fault: Fault, number: u64) -> Self {
        Self::entry(fault, Position::Entry(number))
    }

    /// What is wrong.
    #[must_use]
    pub const fn fault(self) -> Fault {
        self.fault
    }

    /// Where.
    #[must_use]
    pub const fn position(self) -> Position {
        self.position
    }

    /// Whether the entries after it can still be read.
    #[must_use]
    pub const fn scope(self) -> Scope {
        self.scope
    }

    /// The stable name for programs; `None` for the core's errors.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        self.fault.name()
    }

    /// The stable number: of this crate's own faults 700 to 729, of the core's errors theirs.
    #[must_use]
    pub const fn code(self) -> u16 {
        self.fault.code()
    }
}

/// What is wrong. Names are those of the formats; values of the input are never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The input could not be read, or the output not written.
    #[error("the file could not be read or written: {0}")]
    Io(io::ErrorKind),
    /// Something is longer, deeper or more than the reader accepts.
    #[error("{what} exceeds the limit of {limit}")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// How much is accepted.
        limit: u64,
    },
    /// The input ends in the middle of something.
    #[error("the data ends too early")]
    Cut,
    /// XML, JSON or protobuf that is not well-formed.
    #[error("this is not well-formed {0}")]
    Malformed(&'static str),
    /// A document type definition, or an entity that needs one: neither is ever expanded.
    #[error("document type definitions and entities are refused")]
    Dtd,
    /// The file is of another format, or its format is not recognised.
    #[error("this is not {0}")]
    Format(&'static str),
    /// The format's version is unknown.
    #[error("an unknown version of the format")]
    Version,
    /// Text that is not in the encoding that belongs there.
    #[error("{what} is not {encoding}")]
    Encoding {
        /// What was read.
        what: &'static str,
        /// `base64`, `hexadecimal`, `base32`, `UTF-8`.
        encoding: &'static str,
    },
    /// A number or a date that cannot be read, or lies out of range.
    #[error("{0} is no number or date in range")]
    Number(&'static str),
    /// Something that the format requires is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Something stands twice that may stand once.
    #[error("{0} stands twice")]
    Duplicate(&'static str),
    /// Two statements that cannot both be true.
    #[error("contradictory: {0}")]
    Conflict(&'static str),
    /// An algorithm, a derivation, a type of token that is not served.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// The values are encrypted, and no key or password was given.
    #[error("the values are encrypted: a key or a password is needed")]
    KeyNeeded,
    /// A key was given for a file that needs a password, or the other way round, or it has the wrong length.
    #[error("the key or password given does not fit the file's encryption: {0} is needed")]
    KeyUnfit(&'static str),
    /// Wrong key, wrong password, or altered data. Says no more on purpose.
    #[error("the value failed its authentication: wrong key or password, or it was altered")]
    Refused,
    /// More key derivation rounds than the reader is willing to compute.
    #[error("{given} rounds of key derivation exceed the limit of {limit}")]
    Iterations {
        /// Rounds that the file asks for.
        given: u64,
        /// Rounds that are accepted.
        limit: u32,
    },
    /// A policy that the reader does not know: RFC 6030 §5 forbids the key's use.
    #[error("the key's policy holds something unknown, which forbids its use (RFC 6030 §5)")]
    PolicyUnknown,
    /// The key's policy does not allow one-time passwords.
    #[error("the key's policy does not allow one-time passwords")]
    PolicyUsage,
    /// The key has expired, or has not begun, by its policy.
    #[error("the key has expired or has not begun, by its issuer's policy")]
    PolicyDates,
    /// A part of several is missing.
    #[error("part {index} of {parts} is missing")]
    PartMissing {
        /// Which, counted from 1.
        index: u32,
        /// How many there are.
        parts: u32,
    },
    /// Two different parts have the same number.
    #[error("part {0} is there twice, with different contents")]
    PartTwice(u32),
    /// Parts of different exports.
    #[error("the parts belong to different exports")]
    PartsMixed,
    /// An entry that is no one-time-password key.
    #[error("this entry is no one-time-password key")]
    NotOneTime,
    /// The target format cannot say this; writing it without would change the codes.
    #[error("the target format cannot say: {0}")]
    Unrepresentable(&'static str),
    /// What the core says of a secret, digits, a period, a URI, an OCRA suite.
    #[error("{0}")]
    Token(CoreError),
}

impl Fault {
    /// The stable number. A retired number stays reserved.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Io(_) => 700,
            Self::TooLong { .. } => 701,
            Self::Cut => 702,
            Self::Malformed(_) => 703,
            Self::Dtd => 704,
            Self::Format(_) => 705,
            Self::Version => 706,
            Self::Encoding { .. } => 707,
            Self::Number(_) => 708,
            Self::Missing(_) => 709,
            Self::Duplicate(_) => 710,
            Self::Conflict(_) => 711,
            Self::Unsupported(_) => 712,
            Self::KeyNeeded => 713,
            Self::KeyUnfit(_) => 714,
            Self::Refused => 715,
            Self::Iterations { .. } => 716,
            Self::PolicyUnknown => 717,
            Self::PolicyUsage => 718,
            Self::PartMissing { .. } => 719,
            Self::PartTwice(_) => 720,
            Self::PartsMixed => 721,
            Self::NotOneTime => 722,
            Self::Unrepresentable(_) => 723,
            Self::PolicyDates => 724,
            Self::Token(error) => error.code(),
        }
    }

    /// The stable name for programs, that of `docs/errors.md` in small letters; `None` for the core's errors.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Io(_) => "exchange-io",
            Self::TooLong { .. } => "exchange-too-long",
            Self::Cut => "exchange-cut",
            Self::Malformed(_) => "exchange-malformed",
            Self::Dtd => "exchange-dtd",
            Self::Format(_) => "exchange-format",
            Self::Version => "exchange-version",
            Self::Encoding { .. } => "exchange-encoding",
            Self::Number(_) => "exchange-number",
            Self::Missing(_) => "exchange-missing",
            Self::Duplicate(_) => "exchange-duplicate",
            Self::Conflict(_) => "exchange-conflict",
            Self::Unsupported(_) => "exchange-unsupported",
            Self::KeyNeeded => "exchange-key-needed",
            Self::KeyUnfit(_) => "exchange-key-unfit",
            Self::Refused => "exchange-refused",
            Self::Iterations { .. } => "exchange-iterations",
            Self::PolicyUnknown => "exchange-policy-unknown",
            Self::PolicyUsage => "exchange-policy-usage",
            Self::PartMissing { .. } => "exchange-part-missing",
            Self::PartTwice(_) => "exchange-part-twice",
            Self::PartsMixed => "exchange-parts-mixed",
            Self::NotOneTime => "exchange-not-one-time",
            Self::Unrepresentable(_) => "exchange-unrepresentable",
            Self::PolicyDates => "exchange-policy-dates",
            Self::Token(_) => return None,
        })
    }
}

impl From<CoreError> for Fault {
    fn from(error: CoreError) -> Self {
        Self::Token(error)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn numbers_and_names_are_those_of_the_page() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
        let page = fs::read_to_string(page).unwrap();
        let documented = page.lines().filter(|line| line.starts_with("| 7")).filter_map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            Some((cells.next()?.parse::<u16>().ok()?, cells.next()?.trim_matches('`').to_owned()))
        });
        // The numbers of this room; those behind them are of others.
        let documented = documented.filter(|(number, _)| (700..730).contains(number));
        let documented: Vec<_> = documented.collect();
        let faults = [
            Fault::Io(io::ErrorKind::NotFound),
            Fault::TooLong { what: "", limit: 0 },
            Fault::Cut,
            Fault::Malformed(""),
            Fault::Dtd,
            Fault::Format(""),
            Fault::Version,
            Fault::Encoding { what: "", encoding: "" },
            Fault::Number(""),
            Fault::Missing(""),
            Fault::Duplicate(""),
            Fault::Conflict(""),
            Fault::Unsupported(""),
            Fault::KeyNeeded,
            Fault::KeyUnfit(""),
            Fault::Refused,
            Fault::Iterations { given: 0, limit: 0 },
            Fault::PolicyUnknown,
            Fault::PolicyUsage,
            Fault::PartMissing { index: 0, parts: 0 },
            Fault::PartTwice(0),
            Fault::PartsMixed,
            Fault::NotOneTime,
            Fault::Unrepresentable(""),
            Fault::PolicyDates,
        ];
        assert_eq!(documented.len(), faults.len());
        for (fault, (number, name)) in faults.into_iter().zip(documented) {
            let small = |name: String, letter: char| match letter {
                'A'..='Z' => name + "-" + &letter.to_lowercase().to_string(),
                _ => name + &letter.to_string(),
            };
            let name = name.chars().fold("exchange".to_owned(), small);
            assert_eq!((fault.code(), fault.name()), (number, Some(name.as_str())));
        }
        assert_eq!(Fault::Token(CoreError::PeriodZero).name(), None);
    }

    #[test]
    fn an_error_is_small_and_says_where() {
        assert!(size_of::<ExchangeError>() <= 72, "{}", size_of::<ExchangeError>());
        let error = ExchangeError::entry(Fault::Missing("the secret"), Position::Line(7));
        assert_eq!(error.to_string(), "line 7: the secret is missing");
        assert_eq!((error.code(), error.scope()), (709, Scope::Entry));
        let error = ExchangeError::file(Fault::Token(CoreError::PeriodZero), Position::Whole);
        assert_eq!(error.to_string(), "a time step of 0 seconds does not advance");
        assert_eq!(error.code(), CoreError::PeriodZero.code());
    }
}
