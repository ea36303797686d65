//! Message authentication codes under keys of the vault: HMAC (RFC 2104), one-shot and in parts.

use alloc::vec::Vec;

use hmac::{Hmac, KeyInit as _, Mac as _};
use subtle::ConstantTimeEq as _;

use super::attributes::{Purpose, Usage};
use super::keys::{Asked, KeyId, KeyRecord};
use super::kinds::KeyKind;
use super::state::KeyState;
use super::transaction::Transaction;
use crate::error::Error;
use crate::mac;
use crate::mechanism::Mechanism;

/// A MAC with the version of the key that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged {
    /// The version of the key.
    pub version: u32,
    /// The whole MAC, as long as its hash makes it.
    pub tag: Vec<u8>,
}

/// A MAC under way. Wiped when dropped.
pub struct Tagging {
    state: State,
    version: u32,
}

enum State {
    Sha1(Hmac<sha1::Sha1>),
    Sha256(Hmac<sha2::Sha256>),
    Sha384(Hmac<sha2::Sha384>),
    Sha512(Hmac<sha2::Sha512>),
}

impl core::fmt::Debug for Tagging {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Tagging(redacted)")
    }
}

impl State {
    fn new(mechanism: Mechanism, key: &[u8]) -> Result<Self, Error> {
        // HMAC takes keys of every length (RFC 2104 §2): the error cannot occur.
        const ANY: &str = "HMAC takes a key of any length";
        Ok(match mechanism {
            Mechanism::HmacSha1 => Self::Sha1(Hmac::new_from_slice(key).expect(ANY)),
            Mechanism::HmacSha256 => Self::Sha256(Hmac::new_from_slice(key).expect(ANY)),
            Mechanism::HmacSha384 => Self::Sha384(Hmac::new_from_slice(key).expect(ANY)),
            Mechanism::HmacSha512 => Self::Sha512(Hmac::new_from_slice(key).expect(ANY)),
            _ => return Err(Error::KeyMechanism),
        })
    }

    fn update(&mut self, part: &[u8]) {
        match self {
            Self::Sha1(mac) => mac.update(part),
            Self::Sha256(mac) => mac.update(part),
            Self::Sha384(mac) => mac.update(part),
            Self::Sha512(mac) => mac.update(part),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha1(mac) => mac.finalize().into_bytes().to_vec(),
            Self::Sha256(mac) => mac.finalize().into_bytes().to_vec(),
            Self::Sha384(mac) => mac.finalize().into_bytes().to_vec(),
            Self::Sha512(mac) => mac.finalize().into_bytes().to_vec(),
        }
    }
}

/// HMAC of a message under raw key bytes, for self-tests and comparisons with vectors.
///
/// # Errors
/// [`Error::KeyMechanism`] for a mechanism that is no HMAC.
pub fn hmac(mechanism: Mechanism, key: &[u8], message: &[u8]) -> Result<Vec<u8>, Error> {
    let mut state = State::new(mechanism, key)?;
    state.update(message);
    Ok(state.finish())
}

impl Tagging {
    /// Begins a MAC under the newest version of a key.
    ///
    /// # Errors
    /// [`Error::KeyKind`], [`Error::KeyUsage`], [`Error::KeyPurpose`], [`Error::KeyMechanism`], [`Error::KeyState`],
    /// [`Error::KeyNotValid`] for misuse; [`Error::UnknownKey`]; a store's fault.
    pub fn begin(tx: &mut Transaction<'_>, id: KeyId, mechanism: Mechanism) -> Result<Self, Error> {
        let record = KeyRecord::load(tx, id)?;
        let state = keyed(tx, &record, mechanism, Usage::Mac)?;
        record.tell_use(tx, mechanism)?;
        Ok(Self { state, version: record.info.version })
    }

    /// Begins a check under the version that made the MAC.
    ///
    /// # Errors
    /// [`Error::Rejected`] for a version that the key never had; as [`Tagging::begin`].
    pub fn begin_check(
        tx: &mut Transaction<'_>,
        id: KeyId,
        mechanism: Mechanism,
        version: u32,
    ) -> Result<Checking, Error> {
        let record = match KeyRecord::load_version(tx, id, version) {
            // A version that there is not made no MAC. An unknown key and misuse are told before that, as of any other version.
            Err(Error::UnknownKey) => {
                let newest = KeyRecord::load(tx, id)?;
                keyed(tx, &newest, mechanism, Usage::VerifyMac)?;
                return Err(Error::Rejected);
            }
            record => record?,
        };
        let state = keyed(tx, &record, mechanism, Usage::VerifyMac)?;
        record.tell_use(tx, mechanism)?;
        Ok(Checking(state))
    }

    /// Goes on with the message.
    pub fn update(&mut self, part: &[u8]) {
        self.state.update(part);
    }

    /// Ends it.
    #[must_use]
    pub fn finish(self) -> Tagged {
        Tagged { version: self.version, tag: self.state.finish() }
    }
}

/// A check of a MAC under way; it can answer and never shows a MAC. Wiped when dropped.
pub struct Checking(State);

impl core::fmt::Debug for Checking {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Checking(redacted)")
    }
}

impl Checking {
    /// Goes on with the message.
    pub fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// Ends it, comparing in constant time.
    ///
    /// # Errors
    /// [`Error::Rejected`] when it is not the full, right MAC.
    pub fn finish(self, tag: &[u8]) -> Result<(), Error> {
        mac::verdict(self.0.finish().ct_eq(tag))
    }
}

/// The MAC of a message.
///
/// # Errors
/// As [`Tagging::begin`].
pub fn tag(
    tx: &mut Transaction<'_>,
    id: KeyId,
    mechanism: Mechanism,
    message: &[u8],
) -> Result<Tagged, Error> {
    let mut tagging = Tagging::begin(tx, id, mechanism)?;
    tagging.update(message);
    Ok(tagging.finish())
}

/// Checks the MAC of a message.
///
/// # Errors
/// [`Error::Rejected`] when it is not the full, right MAC of the version that it names; as [`Tagging::begin`].
pub fn check(
    tx: &mut Transaction<'_>,
    id: KeyId,
    mechanism: Mechanism,
    message: &[u8],
    tagged: &Tagged,
) -> Result<(), Error> {
    let mut checking = Tagging::begin_check(tx, id, mechanism, tagged.version)?;
    checking.update(message);
    checking.finish(&tagged.tag)
}

fn keyed(
    tx: &mut Transaction<'_>,
    record: &KeyRecord,
    mechanism: Mechanism,
    usage: Usage,
) -> Result<State, Error> {
    if !matches!(record.info.kind, KeyKind::Hmac | KeyKind::Generic) {
        return Err(Error::KeyKind);
    }
    let states: &[KeyState] = match usage {
        Usage::Mac => &[KeyState::Active],
        _ => &[KeyState::Active, KeyState::Deactivated],
    };
    let asked = Asked { usage, purpose: Purpose::Data, mechanism: Some(mechanism), states };
    record.allow(tx, &asked)?;
    tx.self_test(mechanism)?;
    State::new(mechanism, &record.material)
}
