//! Checking access tokens elsewhere: by a service that holds the issuer's public keys, and neither vault nor store.

use std::sync::Arc;

use serde_json::Value;
use zamok_core::signature::{Backend, Portable, Prepared};
use zamok_core::{Error as CoreError, UnixTime};

use super::claims::{self, Claims, LONGEST};
use super::keys::Ready;
use super::sender::Shown;
use crate::error::Error;
use crate::jose::{Compact, Jwk, JwsAlgorithm, object};

/// Checks access tokens with keys that are ready. It knows neither sessions nor epochs: what was revoked is good here until it
/// expires, which is why access tokens live for minutes.
#[derive(Clone)]
pub struct Verifier {
    issuer: String,
    audience: String,
    keys: Vec<Ready>,
    backend: Arc<dyn Backend>,
    leeway: u64,
}

impl core::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Verifier")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// Most keys of a set.
    const KEYS: usize = 64;

    /// Checks the tokens of one issuer for one audience, with the keys of a JWK set (RFC 7517 §5) that was fetched over a
    /// connection that is trusted. Keys without `kid` and `alg`, and those of other algorithms, are passed over.
    ///
    /// # Errors
    /// [`Error::TokenKey`] when it is no set of keys, two have one name, or none can be used.
    pub fn from_jwks(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        jwks: &str,
    ) -> Result<Self, Error> {
        let set = object(jwks.as_bytes()).map_err(|_| Error::TokenKey("this is no JWK set"))?;
        let Some(Value::Array(members)) = set.get("keys") else {
            return Err(Error::TokenKey("this is no JWK set"));
        };
        let mut keys: Vec<Ready> = Vec::new();
        for member in members.iter().take(Self::KEYS).filter_map(Value::as_object) {
            let Ok(Jwk { key, name: Some(name), algorithm: Some(algorithm) }) = Jwk::read(member) else {
                continue;
            };
            if keys.iter().any(|known| known.name == name) {
                return Err(Error::TokenKey("two keys of the set have one name"));
            }
            keys.push(Ready { name, algorithm, key });
        }
        if keys.is_empty() {
            return Err(Error::TokenKey("no key of the set can be used"));
        }
        let (issuer, audience) = (issuer.into(), audience.into());
        Ok(Self { issuer, audience, keys, backend: Arc::new(Portable), leeway: 0 })
    }

    /// Computes there, as far as that back end does.
    #[must_use]
    pub fn with_backend(self, backend: Arc<dyn Backend>) -> Self {
        Self { backend, ..self }
    }

    /// Bears clocks that are off by so many seconds, at most a minute.
    #[must_use]
    pub fn with_leeway(self, seconds: u64) -> Self {
        Self { leeway: seconds.min(60), ..self }
    }

    /// What a token says.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for anything but an unexpired token of this issuer for this audience, shown by whom it is bound
    /// to.
    pub fn check(&self, token: &str, shown: &Shown, now: UnixTime) -> Result<Claims, CoreError> {
        let compact = Compact::parse(token, LONGEST)?;
        let (algorithm, name) = claims::header(&compact)?;
        let ready = self.keys.iter().find(|ready| ready.name == name).ok_or(CoreError::Rejected)?;
        if JwsAlgorithm::named(algorithm) != Some(ready.algorithm) {
            return Err(CoreError::Rejected);
        }
        let signature = compact.signature(&ready.key)?;
        let (mechanism, message) =
            (ready.algorithm.mechanism(), Prepared::Message(compact.signed.as_bytes()));
        let found = self.backend.verify(&ready.key, mechanism, message, &signature);
        found.unwrap_or_else(|| ready.key.verify(mechanism, message, &signature))?;
        let claims = Claims::read(&compact.payload()?)?;
        claims.allow(&self.issuer, &self.audience, now, (self.leeway, self.leeway))?;
        shown.fits(&claims.binding)?;
        Ok(claims)
    }
}
