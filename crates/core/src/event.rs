//! The journal's leaf and entry formats: who, what and when, in bytes that a stranger can hash.
//!
//! A [`Leaf`] is what the Merkle tree hashes. It names no person: the subject is a random pseudonym of the account,
//! and what could identify anyone lies in a [`Detail`], sealed beside the leaf and bound by its SHA-256, so that it
//! can be deleted while the tree still proves. An *entry* is a leaf on its way into the tree: numbered and chained by
//! its writer with a MAC. Byte by byte in `docs/formats/events.md`.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::env::UnixTime;
use crate::error::Error;
use crate::store::{EntryId, RowKey, Table};
use crate::wire::{Reader, Writer};

/// The pseudonym under which the journal knows an account: 128 random bits, never derived from an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject(pub [u8; 16]);

/// The number of a kind that this program does not know; made by [`EventKind::from_number`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnknownKind(u16);

macro_rules! event_kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $text:literal;)+) => {
        /// What happened. Numbers are part of the leaf format and are never used again; names are what people read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[doc = $doc])+ $name,)+
            /// Something that a newer version of the program knows. The leaf proves and is listed like any other.
            Unknown(UnknownKind),
        }

        impl EventKind {
            /// Every kind that has a name, in order of numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Whether the row that the event names went away with it.
            #[must_use]
            pub const fn removes(self) -> bool {
                matches!(self, Self::FactorWithdrawn)
            }

            /// The name in listings and exports; `unknown.` and the number where this program has none.
            #[must_use]
            pub fn name(self) -> Cow<'static, str> {
                match self {
                    $(Self::$name => Cow::Borrowed($text),)+
                    Self::Unknown(kind) => Cow::Owned(format!("unknown.{}", kind.0)),
                }
            }

            /// The number in the leaf format.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $number,)+ Self::Unknown(kind) => kind.0 }
            }

            /// The kind with this number; every number is one.
            #[must_use]
            pub const fn from_number(number: u16) -> Self {
                match number { $($number => Self::$name,)+ _ => Self::Unknown(UnknownKind(number)) }
            }
        }
    };
}

event_kinds! {
    /// A vault was made. First leaf of a log.
    VaultCreated = 1, "vault.created";
    /// A slot was opened and a handle given.
    VaultUnlocked = 2, "vault.unlocked";
    /// Attempts to unlock that failed since the last success, told at that success. Detail: `failures`.
    UnlockFailed = 3, "vault.unlock-failed";
    /// A key was made inside the vault. Detail: `kind`, `purpose`, `label`.
    KeyCreated = 16, "key.created";
    /// The secret of a pre-active OTP key was shown, once, for enrolment.
    KeyProvisioned = 17, "key.provisioned";
    /// A key became active.
    KeyActivated = 18, "key.activated";
    /// A key was put aside. Detail: `reason`.
    KeySuspended = 19, "key.suspended";
    /// A suspended key became active again. Detail: `reason`.
    KeyResumed = 20, "key.resumed";
    /// Key material was destroyed. Detail: `reason`.
    KeyDestroyed = 21, "key.destroyed";
    /// A key protects nothing new from now on. Detail: `reason`.
    KeyDeactivated = 22, "key.deactivated";
    /// A key is known or suspected to be known to others. Detail: `reason`.
    KeyCompromised = 23, "key.compromised";
    /// A key that was made elsewhere was taken in. Detail: `kind`, `purpose`, `label`.
    KeyImported = 24, "key.imported";
    /// A one-time code was accepted and spent. Detail: `step`, `drift`.
    CodeAccepted = 32, "code.accepted";
    /// A one-time code was refused. Detail: `reason` (wrong, used or no code).
    CodeRejected = 33, "code.rejected";
    /// Codes were refused unseen while the key was delayed, summed up. Detail: `refusals`.
    CodeRefusedWhileDelayed = 34, "code.refused-while-delayed";
    /// A key was disabled after too many failures. Detail: `failures`.
    CodeDisabled = 35, "code.disabled";
    /// The failures of a key were forgiven when it was taken back into use. Detail: `reason`.
    FailuresForgiven = 36, "code.failures-forgiven";
    /// A signature was made. Detail: `purpose`, `digest`, `document`.
    SignatureMade = 48, "signature.made";
    /// An account was registered.
    AccountRegistered = 64, "account.registered";
    /// A factor's enrolment ended with its test. Detail: `factor`.
    FactorEnrolled = 65, "factor.enrolled";
    /// A factor's enrolment began. Detail: `factor`.
    FactorOffered = 66, "factor.offered";
    /// An enrolment's test code was wrong. Detail: `factor`; why it was wrong is in `code.rejected`.
    FactorTestFailed = 67, "factor.test-failed";
    /// A factor that was offered and never tested went away: its row is gone. Detail: `factor`.
    FactorWithdrawn = 68, "factor.withdrawn";
    /// The password was right and a challenge was opened. Detail: `challenge`.
    LoginStarted = 80, "login.started";
    /// The password was wrong. Detail: `reason`.
    PasswordRejected = 81, "login.password-rejected";
    /// A challenge was answered rightly and a session opened. Detail: `session`, `challenge`.
    SessionOpened = 82, "login.session-opened";
    /// A challenge was answered wrongly too often and is over. Detail: `reason`, `challenge`.
    ChallengeRejected = 83, "login.challenge-rejected";
    /// Logins were refused unseen while the account was delayed, summed up. Detail: `refusals`.
    LoginRefusedWhileDelayed = 84, "login.refused-while-delayed";
    /// A session ended. Detail: `reason`, `session`.
    SessionEnded = 85, "login.session-ended";
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}

/// What the Merkle tree hashes. No two leaves are the same: each bears the id of its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// What happened.
    pub kind: EventKind,
    /// When, by the clock of the writer.
    pub time: UnixTime,
    /// The entry that brings it into the tree, and no other.
    pub entry: EntryId,
    /// The log it was written for.
    pub origin: String,
    /// Whose; `None` for the vault itself.
    pub subject: Option<Subject>,
    /// The row that changed, or that was used.
    pub row: RowKey,
    /// The version that the row has after this commit.
    pub revision: u64,
    /// SHA-256 of the sealed detail; `None` when there is none.
    pub detail: Option<[u8; 32]>,
}

impl Leaf {
    const VERSION: u8 = 1;
    /// Version, kind and time: every version begins with them and the id of the entry.
    const BEFORE_ENTRY: usize = 11;

    /// The id of the entry to which these bytes belong, whatever the version.
    pub(crate) fn entry_of(bytes: &[u8]) -> Result<EntryId, Error> {
        let mut reader = Reader::new(bytes);
        reader.raw(Self::BEFORE_ENTRY)?;
        EntryId::from_bytes(reader.raw(24)?).ok_or(Error::Refused)
    }

    /// The bytes that the tree hashes.
    ///
    /// # Errors
    /// [`Error::TooLong`] when the origin has more than 65,535 bytes.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let mut writer = Writer::new();
        writer.u8(Self::VERSION).u16(self.kind.number()).u64(self.time.0);
        writer.raw(&self.entry.to_bytes()).text(&self.origin)?;
        writer.raw(&self.subject.map_or([0; 16], |subject| subject.0));
        writer.u16(self.row.table.0);
        writer.bytes(&self.row.key)?.u64(self.revision).raw(&self.detail.unwrap_or([0; 32]));
        Ok(writer.to_vec())
    }

    /// Reads a leaf.
    ///
    /// # Errors
    /// [`Error::Format`] for another version, [`Error::Refused`] for bytes that are no leaf.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        if version != Self::VERSION {
            return Err(Error::Format { found: version.into(), supported: Self::VERSION.into() });
        }
        let kind = EventKind::from_number(reader.u16()?);
        let time = UnixTime(reader.u64()?);
        let entry = EntryId { writer: reader.array()?, sequence: reader.u64()? };
        let origin = String::from(reader.text()?);
        let subject = Some(reader.array()?).filter(|bytes| *bytes != [0; 16]).map(Subject);
        let table = Table(reader.u16()?);
        let row = RowKey::new(table, reader.bytes()?);
        let revision = reader.u64()?;
        let detail = Some(reader.array()?).filter(|bytes| *bytes != [0; 32]);
        reader.end()?;
        Ok(Self { kind, time, entry, origin, subject, row, revision, detail })
    }
}

/// What an event means to people: named values, sealed beside the leaf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    fields: Vec<(String, String)>,
}

impl Detail {
    /// No fields yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field. Never a secret: whoever may read the journal may read this.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// All fields in the order in which they were added.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The plain bytes, to be sealed.
    ///
    /// # Errors
    /// [`Error::TooLong`] for more than 65,535 fields or bytes in one of them.
    pub fn encode(&self) -> Result<Writer, Error> {
        let limit = usize::from(u16::MAX);
        let too_long = Error::TooLong { what: "the number of fields", given: self.fields.len(), limit };
        let mut writer = Writer::new();
        writer.u8(1).u16(u16::try_from(self.fields.len()).map_err(|_| too_long)?);
        for (name, value) in &self.fields {
            writer.text(name)?.text(value)?;
        }
        Ok(writer)
    }

    /// Reads the plain bytes.
    ///
    /// # Errors
    /// [`Error::Refused`] for bytes that are no detail.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != 1 {
            return Err(Error::Refused);
        }
        let count = reader.u16()?;
        let fields = (0..count)
            .map(|_| Ok((String::from(reader.text()?), String::from(reader.text()?))))
            .collect::<Result<_, Error>>()?;
        reader.end()?;
        Ok(Self { fields })
    }
}
