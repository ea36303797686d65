//! Proofs of possession (DPoP, RFC 9449): whoever uses a token shows with each request that he holds its key.

use serde_json::Value;
use zamok_cabinet::Cabinet;
use zamok_core::hash::sha256;
use zamok_core::signature::{Prepared, VerifyingKey};
use zamok_core::vault::{Transaction, issued, signing};
use zamok_core::{Error as CoreError, UnixTime};

use crate::error::Error;
use crate::jose::{Compact, Jwk, JwsAlgorithm, Thumbprint, decode, encode};
use crate::request::{Nonce, spend, target_uri};
use crate::token::secret;

/// Checks proofs, and gives the nonces that they hold.
#[derive(Clone, Copy, Debug)]
pub struct Proofs<'a> {
    cabinet: &'a Cabinet,
}

/// The request that a proof is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its target, as an absolute URI; query and fragment are not compared.
    pub uri: &'a str,
    /// The access token that comes along; none where tokens are asked for.
    pub access_token: Option<&'a str>,
}

impl<'a> Proofs<'a> {
    /// A proof has a key in it; what is longer is not read.
    const LONGEST: usize = 4096;
    /// Characters of `jti`.
    const ID: core::ops::RangeInclusive<usize> = 8..=256;
    const LABEL: &'static [u8] = b"zamok/dpop-nonce/v1";

    /// Over a cabinet.
    #[must_use]
    pub const fn new(cabinet: &'a Cabinet) -> Self {
        Self { cabinet }
    }

    /// A nonce for proofs, for the header `DPoP-Nonce` (RFC 9449 §8). It is derived from the time and kept nowhere; any process
    /// of the service knows it again.
    ///
    /// # Errors
    /// The vault's and the store's.
    pub fn nonce(&self) -> Result<String, Error> {
        self.cabinet.vault().transact(|tx| {
            let now = tx.now().0;
            Ok(encode(&[&now.to_be_bytes()[..], &Self::tag(tx, now)?].concat()))
        })
    }

    fn tag(tx: &mut Transaction<'_>, time: u64) -> Result<[u8; 32], CoreError> {
        let key = secret(tx)?;
        issued::token(tx, key, &sha256(&[Self::LABEL, &time.to_be_bytes()])).map(|tag| *tag)
    }

    /// Whether a nonce is one of ours, and young enough.
    fn is_ours(&self, tx: &mut Transaction<'_>, nonce: &str) -> Result<bool, CoreError> {
        let Ok(bytes) = decode(nonce) else { return Ok(false) };
        let Some((time, tag)) = bytes.split_first_chunk::<8>() else { return Ok(false) };
        let Ok(tag) = <[u8; 32]>::try_from(tag) else { return Ok(false) };
        let time = u64::from_be_bytes(*time);
        let (made, now) = (UnixTime(time), tx.now());
        let young = !made.is_ahead_of(now) && now.since(made) < self.cabinet.policy().request.server_nonce;
        let key = secret(tx)?;
        let right = issued::check_token(tx, key, &sha256(&[Self::LABEL, &time.to_be_bytes()]), &tag);
        match right {
            Ok(()) => Ok(young),
            Err(CoreError::Rejected) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Checks the proof of a request, the value of its one header `DPoP` (RFC 9449 §4.3), and uses it up: a proof is good once.
    /// Answers the thumbprint of the key; a token that is bound to it may be used with [`Shown::key`](crate::token::Shown::key).
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for anything but an unused proof for just this request, made just now;
    /// [`Error::NonceNeeded`] when it holds no nonce of ours, or an old one, and policy wants one: answer with
    /// [`Proofs::nonce`]; [`Error::Full`]; the vault's and the store's.
    pub fn check(&self, proof: &str, asked: &Asked<'_>) -> Result<Thumbprint, Error> {
        let presented = Presented::read(proof, asked)?;
        self.cabinet.counting(|tx| {
            let (id, _) = self.verify(tx, &presented, asked)?;
            self.use_up(tx, presented.thumbprint, &id)?;
            Ok(presented.thumbprint)
        })
    }

    /// The same, and uses the proof up only behind `first`, which is given the thumbprint: a service that looks at the access token
    /// there remembers nothing for whoever has none, since anybody can make a key. What `first` did is done also where the proof
    /// then turns out to be used, or too old by then.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use zamok_cabinet::{Cabinet, Policy};
    /// # use zamok_core::store::MemoryStore;
    /// # use zamok_core::vault::slot::Argon2Cost;
    /// # use zamok_host::{Options, Passphrase, Vault};
    /// use zamok_protocols::Error;
    /// use zamok_protocols::proof::{Asked, Proofs};
    /// use zamok_protocols::token::{AccessTokens, Shown};
    /// # let cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
    /// # let options = Options { cost, ..Options::default() };
    /// # let vault = Vault::create(Arc::new(MemoryStore::new()), &Passphrase::from("a long passphrase"), options)?;
    /// # let mut policy = Policy::strict();
    /// # policy.password.cost = cost;
    /// # let bank = Cabinet::create(Arc::new(vault), "Bank", policy)?;
    /// # let (token, proof) = ("junk", "junk");
    ///
    /// let asked = Asked { method: "GET", uri: "https://bank.example/", access_token: Some(token) };
    /// let tokens = AccessTokens::new(&bank, "https://bank.example");
    /// let access = Proofs::new(&bank)
    ///     .check_behind(proof, &asked, |key| Ok::<_, Error>(tokens.check(token, &Shown::key(key))?));
    /// assert!(access.is_err());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Proofs::check`], and what `first` answers.
    pub fn check_behind<T, E: From<Error>>(
        &self,
        proof: &str,
        asked: &Asked<'_>,
        first: impl FnOnce(Thumbprint) -> Result<T, E>,
    ) -> Result<T, E> {
        let presented = Presented::read(proof, asked)?;
        // Before `first`: whoever has a token alone, and not its key, uses no session with it.
        let (id, made) = self.cabinet.vault().transact(|tx| self.verify(tx, &presented, asked))?;
        let found = first(presented.thumbprint)?;
        self.cabinet.counting(|tx| {
            // Nobody may remember it any more: it is kept until it is too old, and no longer.
            if !self.is_fresh(tx, made) {
                return Err(Error::REJECTED);
            }
            self.use_up(tx, presented.thumbprint, &id)
        })?;
        Ok(found)
    }

    /// Whether a proof of this time (`iat`) was made just now.
    fn is_fresh(&self, tx: &Transaction<'_>, made: u64) -> bool {
        tx.now().0.abs_diff(made) <= self.cabinet.policy().request.tolerance
    }

    /// The name (`jti`) and the time (`iat`) of a proof that is right; whether it was used before is not looked at.
    fn verify(
        &self,
        tx: &mut Transaction<'_>,
        presented: &Presented<'_>,
        asked: &Asked<'_>,
    ) -> Result<(String, u64), Error> {
        let Presented { compact, key, algorithm, signature, uri, .. } = presented;
        let message = Prepared::Message(compact.signed.as_bytes());
        signing::verify_with(tx, key, algorithm.mechanism(), message, signature)?;
        let claims = compact.payload()?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).ok_or(Error::REJECTED);
        let id = text("jti")?;
        let named = text("htm")? == asked.method
            && target_uri(text("htu")?).is_ok_and(|named| named == *uri)
            && Self::ID.contains(&id.len());
        let time = match claims.get("iat") {
            Some(Value::Number(time)) => time.as_u64().or_else(|| whole(time.as_f64()?)),
            _ => None,
        };
        let time = time.filter(|time| named && self.is_fresh(tx, *time)).ok_or(Error::REJECTED)?;
        if let Some(token) = asked.access_token
            && text("ath")? != encode(&sha256(&[token.as_bytes()]))
        {
            return Err(Error::REJECTED);
        }
        let nonce = match claims.get("nonce") {
            None => None,
            Some(_) => Some(text("nonce")?),
        };
        match nonce {
            None if self.cabinet.policy().request.server_nonce_needed => return Err(Error::NonceNeeded),
            None => {}
            Some(nonce) if !self.is_ours(tx, nonce)? => return Err(Error::NonceNeeded),
            Some(_) => {}
        }
        Ok((id.into(), time))
    }

    fn use_up(&self, tx: &mut Transaction<'_>, key: Thumbprint, id: &str) -> Result<(), Error> {
        let policy = &self.cabinet.policy().request;
        spend(tx, &Nonce { kind: Nonce::PROOF, key: &key.0, nonce: id }, policy)
    }
}

/// A proof taken apart: nothing of it is verified.
struct Presented<'a> {
    compact: Compact<'a>,
    key: VerifyingKey,
    algorithm: JwsAlgorithm,
    thumbprint: Thumbprint,
    signature: Vec<u8>,
    /// The target of the request that it came with, in its normal form.
    uri: String,
}

impl<'a> Presented<'a> {
    fn read(proof: &'a str, asked: &Asked<'_>) -> Result<Self, Error> {
        let compact = Compact::parse(proof, Proofs::LONGEST)?;
        let (key, algorithm) = Self::key(&compact)?;
        let thumbprint = Jwk::thumbprint(&key)?;
        let signature = compact.signature(&key)?;
        Ok(Self { compact, key, algorithm, thumbprint, signature, uri: target_uri(asked.uri)? })
    }

    /// The key that a proof brings along, and how it signs: an asymmetric algorithm that fits the key, a public key, and nothing
    /// else in the header (RFC 9449 §4.2; `crit` and the like change what a signature means).
    fn key(compact: &Compact<'_>) -> Result<(VerifyingKey, JwsAlgorithm), Error> {
        let (Some(name), Some(Value::Object(key)), Some("dpop+jwt"), 3) =
            (compact.text("alg"), compact.header.get("jwk"), compact.text("typ"), compact.header.len())
        else {
            return Err(Error::REJECTED);
        };
        let Jwk { key, algorithm: own, .. } = Jwk::read(key)?;
        let algorithm = JwsAlgorithm::named(name).filter(|algorithm| algorithm.fits(&key));
        let algorithm = algorithm.filter(|algorithm| own.is_none_or(|own| own == *algorithm));
        Ok((key, algorithm.ok_or(Error::REJECTED)?))
    }
}

/// NumericDate may have a fraction (RFC 7519 §2).
fn whole(time: f64) -> Option<u64> {
    // Below 2⁵³ every whole number is exact.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the bounds are checked")]
    (0.0..9e15).contains(&time).then_some(time as u64)
}
