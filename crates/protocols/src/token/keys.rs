//! Which keys sign access tokens, and which check them: every version of each that policy still accepts, so that tokens go on
//! being good while a key is rotated (RFC 7517 §5, R31).

use serde_json::json;
use zamok_cabinet::{Cabinet, Error as CabinetError};
use zamok_core::Error as CoreError;
use zamok_core::event::{Detail, EventKind};
use zamok_core::signature::VerifyingKey;
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::{KeyId, KeyState, Purpose, Transaction, issued, keys, signing};
use zamok_core::wire::{Reader, Writer, hex};

use crate::error::Error;
use crate::jose::{Jwk, JwsAlgorithm};

/// The one row of what serves tokens.
const TOKENS: Table = Table(55);

/// Keys that checked before and still do; the oldest goes when there are more.
const FORMER: usize = 7;

/// The keys of tokens, as the vault keeps them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// Signs instead of the cabinet's own token key.
    signs: Option<KeyId>,
    /// Signed before, latest first.
    former: Vec<KeyId>,
    /// Refresh tokens and server nonces are derived from it.
    secret: Option<KeyId>,
}

/// A public key, ready to check.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) name: String,
    pub(crate) algorithm: JwsAlgorithm,
    pub(crate) key: VerifyingKey,
}

pub(super) fn row() -> RowKey {
    RowKey::new(TOKENS, *b"tokens")
}

impl Settings {
    const FORMAT: u8 = 1;

    pub(super) fn load(tx: &mut Transaction<'_>) -> Result<Self, CoreError> {
        let Some(body) = tx.state(&row())? else { return Ok(Self::default()) };
        let mut reader = Reader::new(&body);
        let found = reader.u8()?;
        if found != Self::FORMAT {
            return Err(CoreError::Format { found: found.into(), supported: Self::FORMAT.into() });
        }
        let optional = |id: [u8; 16]| Some(KeyId(id)).filter(|id| id.0 != [0; 16]);
        let (signs, secret) = (optional(reader.array()?), optional(reader.array()?));
        let former = (0..reader.u8()?).map(|_| reader.array().map(KeyId)).collect::<Result<_, _>>()?;
        reader.end()?;
        Ok(Self { signs, former, secret })
    }

    pub(super) fn put(&self, tx: &mut Transaction<'_>) -> Result<(), CoreError> {
        let mut writer = Writer::new();
        writer.u8(Self::FORMAT);
        for id in [self.signs, self.secret] {
            writer.raw(&id.map_or([0; 16], |id| id.0));
        }
        writer.u8(u8::try_from(self.former.len()).unwrap_or(u8::MAX));
        for id in &self.former {
            writer.raw(&id.0);
        }
        tx.put_state(&row(), writer.as_slice())
    }

    fn signs(&self, cabinet: &Cabinet) -> KeyId {
        self.signs.unwrap_or(cabinet.token_key())
    }
}

/// The key from which refresh tokens and nonces are derived, made when it is first needed.
pub(crate) fn secret(tx: &mut Transaction<'_>) -> Result<KeyId, CoreError> {
    let mut settings = Settings::load(tx)?;
    if let Some(id) = settings.secret {
        return Ok(id);
    }
    let id = issued::generate(tx, "refresh tokens and nonces")?;
    settings.secret = Some(id);
    settings.put(tx)?;
    Ok(id)
}

/// The key that signs, with its name and its algorithm.
pub(crate) fn signing(
    tx: &mut Transaction<'_>,
    cabinet: &Cabinet,
) -> Result<(KeyId, String, JwsAlgorithm), CoreError> {
    let id = Settings::load(tx)?.signs(cabinet);
    let info = keys::info(tx, id)?;
    if info.state != KeyState::Active {
        return Err(CoreError::KeyState(info.state));
    }
    let algorithm = JwsAlgorithm::of(&info).ok_or(CoreError::KeyKind)?;
    Ok((id, name(info.public_key.ok_or(CoreError::KeyKind)?), algorithm))
}

/// Every key that checks, the one that signs first. What was suspended, compromised or destroyed vouches for nobody; where none
/// is left, the error says what became of the one that signs.
pub(crate) fn checking(tx: &mut Transaction<'_>, cabinet: &Cabinet) -> Result<Vec<Ready>, CoreError> {
    let settings = Settings::load(tx)?;
    let signs = settings.signs(cabinet);
    let mut ready = Vec::new();
    for id in [signs].into_iter().chain(settings.former) {
        let versions = match signing::public_keys(tx, id) {
            Ok(versions) => versions,
            // A former key that somebody destroyed.
            Err(CoreError::UnknownKey | CoreError::KeyState(_)) => continue,
            Err(error) => return Err(error),
        };
        for (info, key) in versions {
            let live = matches!(info.state, KeyState::Active | KeyState::Deactivated)
                && info.dates.allow(keys::Usage::Verify, tx.now())
                && info.usages.contains(keys::Usage::Verify)
                && info.purpose == Purpose::Token;
            if let (true, Some(algorithm), Some(digest)) = (live, JwsAlgorithm::of(&info), info.public_key) {
                ready.push(Ready { name: name(digest), algorithm, key });
            }
        }
    }
    if ready.is_empty() {
        let state = keys::info(tx, signs)?.state;
        return Err(CoreError::KeyState(state));
    }
    Ok(ready)
}

/// The name of a key in tokens: the first half of the SHA-256 of its public key, so that it says nothing of the vault.
fn name(public_key: [u8; 32]) -> String {
    hex(&public_key[..16])
}

/// Lets another key of the vault sign access tokens from now on: a key of purpose `token` on P-256, P-384 or Ed25519, or RSA.
/// The ones before go on checking, as long as their states and dates allow. Journalled.
///
/// # Errors
/// [`Error::TokenKey`] when it cannot serve tokens; [`CoreError::UnknownKey`]; the vault's and the store's.
pub fn use_token_key(cabinet: &Cabinet, id: KeyId) -> Result<JwsAlgorithm, Error> {
    cabinet.vault().transact(|tx| {
        let info = keys::info(tx, id)?;
        if info.purpose != Purpose::Token {
            return Err(Error::TokenKey("it has another purpose than tokens"));
        }
        if info.state != KeyState::Active {
            return Err(Error::TokenKey("it is not active"));
        }
        // What it signs must be found right with it, by us and by whoever holds its set.
        let serves = |usage| info.usages.contains(usage) && info.dates.allow(usage, tx.now());
        if !serves(keys::Usage::Sign) || !serves(keys::Usage::Verify) {
            return Err(Error::TokenKey("it may not both sign and verify now"));
        }
        let algorithm = JwsAlgorithm::of(&info);
        let algorithm =
            algorithm.ok_or(Error::TokenKey("tokens have no algorithm for a key of this kind"))?;
        let mut settings = Settings::load(tx)?;
        let before = settings.signs(cabinet);
        if before == id {
            return Ok(algorithm);
        }
        settings.former.retain(|former| *former != id && *former != before);
        settings.former.insert(0, before);
        settings.former.truncate(FORMER);
        settings.signs = Some(id);
        settings.put(tx)?;
        let checks: Vec<String> = settings.former.iter().map(ToString::to_string).collect();
        let detail = Detail::new().with("signs", id.to_string()).with("checks", checks.join(" "));
        tx.event(EventKind::TokenKeysChanged, None, &row(), &detail)?;
        Ok(algorithm)
    })
}

/// The public keys as a JWK set (RFC 7517 §5), the one that signs first.
pub(crate) fn jwks(cabinet: &Cabinet) -> Result<String, CabinetError> {
    let ready = cabinet.vault().transact(|tx| checking(tx, cabinet).map_err(CabinetError::from))?;
    let set = ready.into_iter().map(|Ready { name, algorithm, key }| {
        Jwk { key, name: Some(name), algorithm: Some(algorithm) }.to_json()
    });
    let keys: Vec<_> = set.collect::<Result<_, CoreError>>()?;
    Ok(json!({ "keys": keys }).to_string())
}

/// The public key that signs, in PEM.
pub(crate) fn pem(cabinet: &Cabinet) -> Result<String, CabinetError> {
    cabinet.vault().transact(|tx| Ok(checking(tx, cabinet)?[0].key.to_spki_pem()))
}
