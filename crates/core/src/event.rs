//! The journal's leaf and entry formats: who, what and when, in bytes that a stranger can hash.
//!
//! A [`Leaf`] is what the Merkle tree hashes. It names no person: the subject is a random pseudonym of the account,
//! and what could identify anyone lies in a [`Detail`], sealed beside the leaf and bound by its SHA-256, so that it
//! can be deleted while the tree still proves. An *entry* is a leaf on its way into the tree: numbered and chained by
//! its writer with a MAC. Byte by byte in `docs/formats/events.md`.

mod told;

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::env::UnixTime;
use crate::error::Error;
use crate::store::{EntryId, RowKey, Table};
use crate::wire::{Reader, Writer};

pub(crate) use self::told::Told;

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
                matches!(
                    self,
                    Self::FactorWithdrawn
                        | Self::FactorRemoved
                        | Self::PersonErased
                        | Self::SlotRemoved
                        | Self::VaultKeyRetired
                        | Self::DeviceRemoved
                        | Self::MessageHandedOver
                        | Self::MessageRejected
                        | Self::MessageExpired
                        | Self::MessageDelivered
                )
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
    /// A slot was opened and a handle given. Detail: `role`, `method`.
    VaultUnlocked = 2, "vault.unlocked";
    /// Attempts to unlock that failed since the last success, told at that success. Detail: `failures`.
    UnlockFailed = 3, "vault.unlock-failed";
    /// A way into the vault was added. Detail: `slot`, `role`, `method`, `label`.
    SlotAdded = 4, "vault.slot-added";
    /// A way into the vault was taken away: its row is gone. Detail: `slot`, `role`.
    SlotRemoved = 5, "vault.slot-removed";
    /// A way into the vault got another secret, method or label. Detail: `slot`, `role`, `method`, `label`.
    SlotChanged = 6, "vault.slot-changed";
    /// An officer forgave the failures of a slot. Detail: `slot`, `failures`.
    SlotReset = 7, "vault.slot-reset";
    /// A new data, journal or index key seals from now on. Detail: `family`, `key`.
    VaultKeyRotated = 8, "vault.key-rotated";
    /// An old data key came to its end: its row is gone. Detail: `family`, `key`.
    VaultKeyRetired = 9, "vault.key-retired";
    /// The vault was restored from a backup, and this log begins. The row names the former log: size, root, origin.
    VaultRestored = 10, "vault.restored";
    /// The vault has come from another store, and this log begins. The row names the former log: size, root, origin.
    VaultMovedIn = 11, "vault.moved-in";
    /// The vault leaves this store. Detail: `to`.
    VaultMovedOut = 12, "vault.moved-out";
    /// Everything that the vault holds is written into a backup. Detail: `backup`, `role`.
    BackedUp = 13, "vault.backed-up";
    /// What a surviving journal says was done after the backup was done again. Detail: `entries`, `whole`, `keys`, `counters`.
    JournalReplayed = 14, "vault.journal-replayed";
    /// From now on the vault opens only with its anchor.
    AnchorRequired = 15, "vault.anchor-required";
    /// A key was made inside the vault. Detail: `kind`, `purpose`, `label`.
    KeyCreated = 16, "key.created";
    /// The secret of a pre-active OTP key was shown, once, for enrolment, or may have been before a restore. Detail: `reason`.
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
    /// The next version of a key was made. Detail: `version`, `reason`.
    KeyRotated = 25, "key.rotated";
    /// Something was taken away from a key for good. Detail: `usages`, `mechanisms`, `flags` that remain.
    KeyNarrowed = 26, "key.narrowed";
    /// A key got another label or owner. Detail: `label`.
    KeyRenamed = 27, "key.renamed";
    /// The officer trusts a key to wrap others. Detail: `reason`.
    KeyTrusted = 28, "key.trusted";
    /// A key left, wrapped. Detail: `by`, `mechanism`, `reason`, `key` (each of the last two alone: after a replay, and of the note).
    KeyWrapped = 29, "key.wrapped";
    /// A key came in, wrapped. Detail: `kind`, `purpose`, `label`, `key` (of the note of where it is, alone).
    KeyUnwrapped = 30, "key.unwrapped";
    /// A key that stands in for a token computed a code. Detail: `step`.
    CodeGenerated = 31, "code.generated";
    /// A one-time code was accepted and spent; the leaf says which.
    CodeAccepted = 32, "code.accepted";
    /// A one-time code was refused. Detail: `reason` (wrong, used or no code).
    CodeRejected = 33, "code.rejected";
    /// Codes were refused unseen while the key was delayed, summed up. Detail: `refusals`.
    CodeRefusedWhileDelayed = 34, "code.refused-while-delayed";
    /// A key was disabled after too many failures. Detail: `failures`.
    CodeDisabled = 35, "code.disabled";
    /// The failures of a key were forgiven when it was taken back into use. Detail: `reason`.
    FailuresForgiven = 36, "code.failures-forgiven";
    /// A signature was made. Detail: `purpose`, `mechanism`, `digest`, `document`.
    SignatureMade = 48, "signature.made";
    /// An audited key was used. Detail: `mechanism`.
    KeyUsed = 49, "key.used";
    /// A question was asked of the holder of an OCRA key. Detail: `challenge`.
    QuestionAsked = 50, "question.asked";
    /// One use of a key that asks for an authorisation of its own was authorised. Detail: `slot`.
    KeyAuthorised = 51, "key.authorised";
    /// A key is a copy of another, and can do no more than that one. Detail: `of`, `label`.
    KeyCopied = 52, "key.copied";
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
    /// The numbers that a cabinet goes by were changed. Detail: `changed`.
    PolicyChanged = 69, "policy.changed";
    /// A password was changed. Detail: `reason`.
    PasswordChanged = 70, "account.password-changed";
    /// What an account is to the service, or when and from where it may act, was changed. Detail: `roles`, `limits`, `enrol`, `reason`.
    RightsChanged = 71, "account.rights-changed";
    /// An account was erased. Detail: `reason`.
    AccountErased = 72, "account.erased";
    /// An attribute of an account was changed. Detail: `attribute`.
    AttributeChanged = 73, "account.attribute-changed";
    /// An account was put aside. Detail: `reason`.
    AccountSuspended = 74, "account.suspended";
    /// An account was taken back. Detail: `reason`.
    AccountResumed = 75, "account.resumed";
    /// A phone or an address of an account was verified. Detail: `contact`, `kind`, `reason`.
    ContactVerified = 76, "contact.verified";
    /// A phone or an address of an account was taken away. Detail: `contact`, `kind`, `reason`.
    ContactRemoved = 77, "contact.removed";
    /// The key of a person's own went away: its row is gone. Detail: `reason`.
    PersonErased = 78, "person.erased";
    /// Somebody acted for this account. Detail: `agent`, `by`, `right`, `matter`.
    ActedForAnother = 79, "account.acted-for";
    /// The password was right and a challenge was opened. Detail: `challenge`.
    LoginStarted = 80, "login.started";
    /// The password was wrong. Detail: `reason`.
    PasswordRejected = 81, "login.password-rejected";
    /// A challenge was answered rightly and a session opened.
    /// Detail: `session`, `challenge`, `factors`, `assurance`, `client`.
    SessionOpened = 82, "login.session-opened";
    /// A challenge was answered wrongly: too often, and is over, or by a code that nothing else counts. Detail: `reason`, `challenge`.
    ChallengeRejected = 83, "login.challenge-rejected";
    /// Logins were refused unseen while the account was delayed, summed up. Detail: `refusals`.
    LoginRefusedWhileDelayed = 84, "login.refused-while-delayed";
    /// A session ended. Detail: `reason`, `session`.
    SessionEnded = 85, "login.session-ended";
    /// A code was put into the outbox. Detail: `challenge`, `channel`, `sending`, `transaction`.
    CodeSent = 86, "challenge.code-sent";
    /// Somebody showed again in a session who he is. Detail: `session`, `factor`.
    AuthenticatedAgain = 87, "session.authenticated-again";
    /// A session was opened from a device that is not known. Detail: `client`.
    NewDevice = 88, "login.new-device";
    /// The epoch of an account was raised: all sessions but a spared one are over. Detail: `reason`, `epoch`.
    SessionsEnded = 89, "login.sessions-ended";
    /// A device became known. Detail: `device`, `label`.
    DeviceTrusted = 90, "device.trusted";
    /// A device was blocked. Detail: `device`, `label`.
    DeviceBlocked = 91, "device.blocked";
    /// A device was forgotten: its row is gone. Detail: `device`, `label`.
    DeviceRemoved = 92, "device.removed";
    /// An operation was proposed. Detail: `operation`, `template`, `digest`.
    OperationProposed = 93, "operation.proposed";
    /// What an operation says was changed; what was confirmed of it is void. Detail: `operation`, `template`, `digest`.
    OperationChanged = 94, "operation.changed";
    /// An operation was confirmed as shown. Detail: `operation`, `template`, `digest`.
    OperationConfirmed = 95, "operation.confirmed";
    /// A confirmed operation was executed, and its confirmation consumed. Detail: `operation`, `template`, `digest`.
    OperationExecuted = 96, "operation.executed";
    /// An operation was cancelled. Detail: `operation`, `template`, `digest`.
    OperationCancelled = 97, "operation.cancelled";
    /// Codes for an operation were wrong too often. Detail: `operation`, `template`, `digest`.
    OperationRejected = 98, "operation.rejected";
    /// A message was handed over to the next carrier, which tells no more: its row is gone.
    /// Detail: `message`, `channel`, `transaction`, `carrier`, `reason`.
    MessageHandedOver = 99, "message.handed-over";
    /// No carrier took a message, or could deliver it: its row is gone.
    /// Detail: `message`, `channel`, `transaction`, `carrier`, `reason`.
    MessageRejected = 100, "message.rejected";
    /// The time of a message was over before it was sent or delivered: its row is gone.
    /// Detail: `message`, `channel`, `transaction`, `carrier`, `reason`.
    MessageExpired = 101, "message.expired";
    /// A caller's budget for a factor was used up. Detail: `factor`, `failures`.
    FactorDisabled = 102, "factor.disabled";
    /// A challenge was answered rightly by what no key counts: a code that was sent, an approval, a signature. Detail: `challenge`.
    ChallengeAnswered = 103, "challenge.answered";
    /// A witness was shown a fork of a log, refused it, and keeps both checkpoints. Detail: `origin`, `size`.
    ForkKept = 112, "witness.fork-kept";
    /// Details older than the retention allows were deleted. Detail: `count`, `before`.
    DetailsExpired = 113, "journal.details-expired";
    /// The details of some account's events were deleted on demand; the event does not say whose. Detail: `count`.
    DetailsErased = 114, "journal.details-erased";
    /// A carrier took a message, and will tell how it ended. Detail: `message`, `channel`, `transaction`, `carrier`.
    MessageSent = 115, "message.sent";
    /// A message arrived, as its carrier says: its row is gone.
    /// Detail: `message`, `channel`, `transaction`, `carrier`, `reason`.
    MessageDelivered = 116, "message.delivered";
    /// A notice was put into the outbox for one contact. Detail: `message`, `channel`, `transaction`, `of`.
    MessageQueued = 117, "message.queued";
    /// An account changed how it wants to be told.
    PreferencesChanged = 118, "account.preferences-changed";
    /// A device subscribed to pushed messages. Detail: `device`.
    PushSubscribed = 119, "device.push-subscribed";
    /// A power was given. Detail: `power`, `rights`, `scope`, `until`.
    PowerOffered = 128, "power.offered";
    /// A power was accepted. Detail: `power`, `rights`, `scope`, `until`.
    PowerAccepted = 129, "power.accepted";
    /// A power was ended or declined. Detail: `power`, `rights`, `scope`, `until`.
    PowerEnded = 130, "power.ended";
    /// A factor went away: its row is gone. Detail: `factor`, `reason`.
    FactorRemoved = 131, "factor.removed";
    /// A new set of recovery codes was made; the old one counts no more. Detail: `codes`.
    RecoveryCodesMade = 132, "recovery.codes-made";
    /// A recovery code was used: every factor is gone. Detail: `number`.
    RecoveryUsed = 133, "recovery.used";
    /// A recovery was refused: the password or the code was wrong.
    RecoveryRejected = 134, "recovery.rejected";
    /// A factor was replaced by another, which it can take back for a while. Detail: `factor`, `by`, `until`.
    FactorReplaced = 135, "factor.replaced";
    /// A factor took back that it was replaced: what had replaced it is gone. Detail: `factor`.
    FactorRestored = 136, "factor.restored";
    /// A device approved what it was asked. Detail: `challenge`, `factor`.
    ApprovalGiven = 137, "challenge.approved";
    /// A device declined what it was asked. Detail: `challenge`, `factor`.
    ApprovalDeclined = 138, "challenge.declined";
    /// A key or a certificate of a client was registered for an account. Detail: `key`, `kind`, `label`.
    ClientKeyAdded = 144, "client.key-added";
    /// A key or a certificate of a client counts no more. Detail: `key`, `reason`.
    ClientKeyRevoked = 145, "client.key-revoked";
    /// A client was given refresh tokens. Detail: `family`, `session`, `audience`, `sender`.
    FamilyOpened = 146, "token.family-opened";
    /// A refresh token was used a second time: its family is over. Detail: `family`, `session`.
    RefreshReused = 147, "token.refresh-reused";
    /// A family of refresh tokens was revoked. Detail: `family`, `session`, `reason`.
    FamilyRevoked = 148, "token.family-revoked";
    /// Other keys sign, or check, access tokens from now on. Detail: `signs`, `checks`.
    TokenKeysChanged = 149, "token.keys-changed";
    /// Somebody was given a token with which to act for this account. Detail: `agent`, `by`, `audience`.
    ActingTokenIssued = 150, "token.acting-issued";
    /// A block of a signed batch was not the one that its manifest names. Detail: `key`, `block`, `blocks`.
    BlockRefused = 151, "request.block-refused";
    /// A rule of the watch had something to say about an attempt, or would have had where it is only tried out.
    /// Detail: `answer`, `rule`, `reason`, `occasion`, `trial`, of refusals within a session also `refusals`.
    WatchAnswered = 160, "watch.answered";
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
    /// The code that was spent, which needs no detail.
    pub spent: Option<SpentCode>,
    /// SHA-256 of the sealed detail; `None` when there is none.
    pub detail: Option<[u8; 32]>,
}

/// Which code was spent: numbers that the time of the event nearly tells, and nobody's secret. They stand in the leaf
/// itself, since a login has no time to seal them (`docs/decisions/0041-what-a-login-writes.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpentCode {
    /// The time step, or the counter.
    pub step: u64,
    /// How far it was from the step that was due, or from the counter that was next.
    pub drift: i32,
}

impl SpentCode {
    /// The same as a detail: `step`, `drift`.
    #[must_use]
    pub fn detail(self) -> Detail {
        Detail::new().with("step", format!("{}", self.step)).with("drift", format!("{}", self.drift))
    }
}

impl Leaf {
    const VERSION: u8 = 1;
    /// Version, kind and time: every version begins with them and the id of the entry.
    const BEFORE_ENTRY: usize = 11;

    /// The id of the entry to which these bytes belong, whatever the version.
    ///
    /// # Errors
    /// [`Error::Refused`] for bytes that are too short for a leaf.
    pub fn entry_of(bytes: &[u8]) -> Result<EntryId, Error> {
        let mut reader = Reader::new(bytes);
        reader.raw(Self::BEFORE_ENTRY)?;
        EntryId::from_bytes(reader.raw(24)?).ok_or(Error::Refused)
    }

    /// The bytes that the tree hashes.
    ///
    /// # Errors
    /// [`Error::TooLong`] when the origin has more than 65,535 bytes.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let told = self.told();
        let mut writer = Writer::public(told.length(&self.origin));
        told.write(&mut writer, self.entry, &self.origin)?;
        Ok(writer.into_vec())
    }

    fn told(&self) -> Told<'_> {
        let Self { kind, time, subject, revision, spent, detail, .. } = *self;
        Told { kind, time, subject, row: &self.row, revision, spent, detail }
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
        let spent = match reader.u8()? {
            0 => None,
            1 => Some(SpentCode { step: reader.u64()?, drift: i32::from_be_bytes(reader.array()?) }),
            _ => return Err(Error::Refused),
        };
        let detail = Some(reader.array()?).filter(|bytes| *bytes != [0; 32]);
        reader.end()?;
        Ok(Self { kind, time, entry, origin, subject, row, revision, spent, detail })
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
