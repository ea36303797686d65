//! What a new key shall be, held against what its kind bears.

use super::{Flag, Flags, KeyInfo, KeyKind, Purpose, Usage, Usages, checked_label};
use crate::env::UnixTime;
use crate::error::Error;
use crate::event::Subject;
use crate::mechanism::Mechanisms;

/// What a new key shall be. [`Template::new`] has what is usual; the fields say otherwise.
#[derive(Clone, Debug)]
pub struct Template<'a> {
    /// What it is.
    pub kind: KeyKind,
    /// What it serves.
    pub purpose: Purpose,
    /// What it may be used for. Usual: all that its kind can do for the purpose; of codes, verifying them alone.
    pub usages: Usages,
    /// How it may be used. Usual: [`KeyKind::usual_mechanisms`].
    pub mechanisms: Mechanisms,
    /// What may be done with it. Usual: changed, copied and destroyed, and never taken out.
    pub flags: Flags,
    /// Its label, at most 256 bytes.
    pub label: &'a str,
    /// Whose it is.
    pub owner: Option<Subject>,
    /// What another system calls it, at most 64 bytes; stored in the clear.
    pub external_id: &'a [u8],
    /// Bytes of the secret, for kinds whose length is free: 16 to 4096, usually 32.
    pub length: Option<usize>,
    /// Before this time it does nothing.
    pub valid_from: Option<UnixTime>,
    /// From this time on it protects nothing new.
    pub valid_to: Option<UnixTime>,
}

impl<'a> Template<'a> {
    /// What is usual for this kind and purpose.
    #[must_use]
    pub const fn new(kind: KeyKind, purpose: Purpose) -> Self {
        let mut usages = kind.usages(purpose);
        if usages.contains(Usage::VerifyCode) {
            // Whoever verifies codes must not be able to make them.
            usages = Usages::of(&[Usage::VerifyCode]);
        }
        let audited = match purpose {
            Purpose::Document | Purpose::Certificate => Flags::of(&[Flag::Audited]),
            _ => Flags::NONE,
        };
        Self {
            kind,
            purpose,
            usages,
            mechanisms: kind.usual_mechanisms(purpose),
            flags: Flags::OPEN.or(audited),
            label: "",
            owner: None,
            external_id: &[],
            length: None,
            valid_from: None,
            valid_to: None,
        }
    }

    /// The same with a label and an owner.
    #[must_use]
    pub const fn named(self, label: &'a str, owner: Option<Subject>) -> Self {
        Self { label, owner, ..self }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let usages = self.kind.usages(self.purpose);
        if usages.is_empty() {
            return Err(Error::KeyPurpose);
        }
        if self.usages.is_empty() || !self.usages.is_within(usages) {
            return Err(Error::KeyUsage);
        }
        if !self.mechanisms.is_within(self.kind.mechanisms(self.purpose)) {
            return Err(Error::KeyMechanism);
        }
        // The past is the vault's to write, and trust is the officer's to give.
        let own = Flags::MADE_HERE.or(Flags::of(&[Flag::Trusted, Flag::Provisioned]));
        if !self.flags.and(own).is_empty() {
            return Err(Error::KeyWidened);
        }
        checked_label(self.label)?;
        let (given, limit) = (self.external_id.len(), KeyInfo::EXTERNAL_ID);
        if given > limit { Err(Error::TooLong { what: "an external id", given, limit }) } else { Ok(()) }
    }
}
