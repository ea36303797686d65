//! What a key's header says of it, authenticated and in the clear (`docs/formats/record.md`): sets that only shrink.

use alloc::string::String;
use alloc::vec::Vec;

use super::keys::KeyId;
use super::kinds::KeyKind;
use super::state::KeyState;
use crate::env::UnixTime;
use crate::error::Error;
use crate::event::Subject;
use crate::mechanism::Mechanisms;
use crate::sets::closed_set;
use crate::wire::{Reader, Writer};

closed_set! {
    /// What a key may be used for.
    Usage;
    /// What a key may be used for: a closed set, checked before any mechanism runs.
    Usages;
    /// Checking codes that others computed.
    VerifyCode = 0, "verify-code";
    /// Computing codes, as a token does. Excludes [`Usage::VerifyCode`] unless both are asked for by name.
    GenerateCode = 1, "generate-code";
    /// Making signatures.
    Sign = 2, "sign";
    /// Checking signatures.
    Verify = 3, "verify";
    /// Computing MACs.
    Mac = 4, "mac";
    /// Checking MACs.
    VerifyMac = 5, "verify-mac";
    /// Sealing data.
    Encrypt = 6, "encrypt";
    /// Opening sealed data.
    Decrypt = 7, "decrypt";
    /// Sealing other keys on their way out.
    Wrap = 8, "wrap";
    /// Opening other keys on their way in.
    Unwrap = 9, "unwrap";
    /// Reading what was stored.
    Read = 10, "read";
    /// Making codes that are sent, and checking them.
    IssueCode = 16, "issue-code";
}

closed_set! {
    /// What the vault keeps of a key's past, and what may still be done with it.
    Flag;
    /// Flags of a key. Those of the past are lost for good; those of the future only ever forbid more.
    Flags;
    /// Made inside this vault.
    Local = 0, "local";
    /// Its material was never in the clear outside.
    AlwaysSensitive = 1, "always-sensitive";
    /// It never left, not even wrapped.
    NeverExtracted = 2, "never-extracted";
    /// The secret was shown for enrolment; it is not shown again.
    Provisioned = 3, "provisioned";
    /// The officer trusts this key to wrap others.
    Trusted = 4, "trusted";
    /// May leave for a trusted wrapping key only.
    WrapWithTrusted = 5, "wrap-with-trusted";
    /// May leave, wrapped.
    Wrappable = 6, "wrappable";
    /// May be copied within the vault.
    Copyable = 7, "copyable";
    /// Label, owner and attributes may be changed.
    Modifiable = 8, "modifiable";
    /// May be destroyed.
    Destroyable = 9, "destroyable";
    /// Every use asks for an authorisation of its own.
    AlwaysAuthenticate = 10, "always-authenticate";
    /// Every use is journalled.
    Audited = 11, "audited";
}

impl Flags {
    /// Flags whose presence forbids: they may be set at any time and are never taken away.
    pub(super) const FORBIDDING: Self =
        Self::of(&[Flag::Provisioned, Flag::WrapWithTrusted, Flag::AlwaysAuthenticate, Flag::Audited]);
    /// A key that was drawn inside.
    pub(super) const MADE_HERE: Self = Self::of(&[Flag::Local, Flag::AlwaysSensitive, Flag::NeverExtracted]);
    /// What is allowed with a new key unless the template says otherwise.
    pub(super) const OPEN: Self =
        Self::of(&[Flag::WrapWithTrusted, Flag::Copyable, Flag::Modifiable, Flag::Destroyable]);

    /// Whether somebody who has these flags could do nothing more than with `other`.
    pub(super) const fn narrows(self, other: Self) -> bool {
        let (ours, theirs) = (self.without(Self::FORBIDDING), other.without(Self::FORBIDDING));
        ours.is_within(theirs) && other.and(Self::FORBIDDING).is_within(self)
    }
}

/// What a key serves; one key, one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum Purpose {
    /// One-time codes of a person.
    OneTimeCode = 1,
    /// Access tokens.
    Token = 2,
    /// Documents of a person.
    Document = 3,
    /// Certificates.
    Certificate = 4,
    /// Checkpoints of a journal; out of reach of general signing.
    Checkpoint = 5,
    /// Requests to other services.
    Request = 6,
    /// Data of the caller: MACs, encryption, stored objects.
    Data = 7,
    /// Codes that are sent.
    IssuedCode = 8,
    /// Other keys on their way in and out.
    Wrapping = 9,
}

impl Purpose {
    /// Every purpose, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::OneTimeCode,
        Self::Token,
        Self::Document,
        Self::Certificate,
        Self::Checkpoint,
        Self::Request,
        Self::Data,
        Self::IssuedCode,
        Self::Wrapping,
    ];

    /// The name that listings show.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneTimeCode => "one-time code",
            Self::Token => "token",
            Self::Document => "document",
            Self::Certificate => "certificate",
            Self::Checkpoint => "checkpoint",
            Self::Request => "request",
            Self::Data => "data",
            Self::IssuedCode => "issued code",
            Self::Wrapping => "wrapping",
        }
    }

    /// Whether keys that sign may serve it.
    #[must_use]
    pub const fn signs(self) -> bool {
        matches!(self, Self::Token | Self::Document | Self::Certificate | Self::Checkpoint | Self::Request)
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| *purpose as u8 == number)
    }
}

/// When what happened to a key, and for how long it serves. Seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dates {
    /// When it was made, or taken in.
    pub created: UnixTime,
    /// When it was first active.
    pub activated: Option<UnixTime>,
    /// Before this time it does nothing.
    pub valid_from: Option<UnixTime>,
    /// From this time on it protects nothing new: no codes, signatures, MACs, sealed data.
    pub valid_to: Option<UnixTime>,
    /// From this time on it does not verify and open either.
    pub accept_until: Option<UnixTime>,
    /// When it stopped protecting anything new.
    pub deactivated: Option<UnixTime>,
    /// When it became known as compromised.
    pub compromised: Option<UnixTime>,
    /// When its material was destroyed.
    pub destroyed: Option<UnixTime>,
}

impl Dates {
    /// Whether the key serves this usage at this time.
    #[must_use]
    pub fn allow(&self, usage: Usage, now: UnixTime) -> bool {
        let begun = self.valid_from.is_none_or(|from| from <= now);
        let open = |end: Option<UnixTime>| end.is_none_or(|end| now < end);
        // NIST SP 800-57 part 1, §5.3.5: an originator's usage period and a recipient's.
        let recipient =
            matches!(usage, Usage::Verify | Usage::VerifyMac | Usage::Decrypt | Usage::Unwrap | Usage::Read);
        begun && open(self.accept_until) && (recipient || open(self.valid_to))
    }

    fn write(&self, writer: &mut Writer) {
        writer.u64(self.created.0);
        for date in [
            self.activated,
            self.valid_from,
            self.valid_to,
            self.accept_until,
            self.deactivated,
            self.compromised,
            self.destroyed,
        ] {
            writer.optional_u64(date.map(|date| date.0));
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let created = UnixTime(reader.u64()?);
        let mut next = || reader.optional_u64().map(|date| date.map(UnixTime));
        Ok(Self {
            created,
            activated: next()?,
            valid_from: next()?,
            valid_to: next()?,
            accept_until: next()?,
            deactivated: next()?,
            compromised: next()?,
            destroyed: next()?,
        })
    }
}

/// What is known of a key, without its material: the header of its record, and the label and owner that are sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its handle.
    pub id: KeyId,
    /// Its version; rotation makes the next one.
    pub version: u32,
    /// What it is.
    pub kind: KeyKind,
    /// What it may be used for.
    pub usages: Usages,
    /// What it serves.
    pub purpose: Purpose,
    /// How it may be used.
    pub mechanisms: Mechanisms,
    /// What is kept of its past, and what may be done with it.
    pub flags: Flags,
    /// Where it stands in its life.
    pub state: KeyState,
    /// When what happened to it, and for how long it serves.
    pub dates: Dates,
    /// What another system calls it, at most 64 bytes; not secret.
    pub external_id: Vec<u8>,
    /// SHA-256 of its SubjectPublicKeyInfo, for key pairs and public keys.
    pub public_key: Option<[u8; 32]>,
    /// Its label.
    pub label: String,
    /// Whose it is, under the journal's pseudonym; `None` for the service's own.
    pub owner: Option<Subject>,
}

impl KeyInfo {
    const FORMAT: u8 = 1;
    /// Longest external id, in bytes.
    pub(super) const EXTERNAL_ID: usize = 64;
    /// Longest label, in bytes.
    pub(super) const LABEL: usize = 256;

    /// Whether the key was made inside this vault.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        self.flags.contains(Flag::Local)
    }

    /// Leaves what this key and the other both allow. Where it was made and has been is its own.
    pub(super) fn narrow_to(&mut self, other: &Self) {
        let own = self.flags.and(Flags::MADE_HERE);
        let forbidden = self.flags.or(other.flags).and(Flags::FORBIDDING);
        self.usages = self.usages.and(other.usages);
        self.mechanisms = self.mechanisms.and(other.mechanisms);
        self.flags = self.flags.and(other.flags).or(forbidden).or(own);
        let (ours, theirs) = (&mut self.dates, &other.dates);
        let earlier = |ours: Option<_>, theirs: Option<_>| match (ours, theirs) {
            (Some(ours), Some(theirs)) => Some(core::cmp::min(ours, theirs)),
            (ours, theirs) => ours.or(theirs),
        };
        ours.valid_from = ours.valid_from.max(theirs.valid_from);
        ours.valid_to = earlier(ours.valid_to, theirs.valid_to);
        ours.accept_until = earlier(ours.accept_until, theirs.accept_until);
    }

    /// The bytes of the header; `lengths` are those of label, material and public key in the body.
    pub(super) fn encode(&self, lengths: [usize; 3]) -> Result<Writer, Error> {
        let mut writer = Writer::new();
        writer.u8(Self::FORMAT).raw(&self.id.0).u32(self.version);
        self.kind.write(&mut writer)?;
        writer.u32(self.usages.bits()).u8(self.purpose as u8).u32(self.mechanisms.bits());
        writer.u32(self.flags.bits()).u8(self.state as u8);
        self.dates.write(&mut writer);
        writer.bytes(&self.external_id)?.raw(&self.public_key.unwrap_or([0; 32]));
        for given in lengths {
            let limit = usize::from(u16::MAX);
            let too_long = Error::TooLong { what: "key material", given, limit };
            writer.u16(u16::try_from(given).map_err(|_| too_long)?);
        }
        Ok(writer)
    }

    /// Reads a header; label and owner, which are not in it, are empty. Answers the lengths as well.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Self, [usize; 3]), Error> {
        let mut reader = Reader::new(bytes);
        let found = reader.u8()?;
        if found != Self::FORMAT {
            return Err(Error::Format { found: found.into(), supported: Self::FORMAT.into() });
        }
        let info = Self {
            id: KeyId(reader.array()?),
            version: reader.u32()?,
            kind: KeyKind::read(&mut reader)?,
            usages: Usages::from_bits(reader.u32()?)?,
            purpose: Purpose::from_number(reader.u8()?).ok_or(Error::Refused)?,
            mechanisms: Mechanisms::from_bits(reader.u32()?)?,
            flags: Flags::from_bits(reader.u32()?)?,
            state: KeyState::from_number(reader.u8()?).ok_or(Error::Refused)?,
            dates: Dates::read(&mut reader)?,
            external_id: reader.bytes()?.to_vec(),
            public_key: Some(reader.array()?).filter(|digest| *digest != [0; 32]),
            label: String::new(),
            owner: None,
        };
        let mut next = || reader.u16().map(usize::from);
        let lengths = [next()?, next()?, next()?];
        reader.end()?;
        Ok((info, lengths))
    }
}
