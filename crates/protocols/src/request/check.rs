//! Checking a signed request: first the signature, then its time, then the body, then whether it was seen before; and only then
//! what rides along in it. A request that fails one of these costs nobody an attempt at a code (R6).

use std::net::IpAddr;

use sfv::{BareItem, Dictionary, ListEntry, Parser};
use zamok_cabinet::{Cabinet, Challenge, RequestId, Session};
use zamok_core::signature::{Prepared, Signature};
use zamok_core::vault::{Transaction, macs, signing};

use super::base::{Covered, signature_base};
use super::client_key::{Client, ClientKey, ClientKeyId};
use super::digest::check_content_digest;
use super::message::Message;
use super::nonces::{Nonce, spend};
use super::{Manifest, Receiving, SignatureAlgorithm};
use crate::error::Error;

/// Checks signed requests with the keys of a cabinet's clients.
#[derive(Clone, Debug)]
pub struct SignedRequests<'a> {
    pub(super) cabinet: &'a Cabinet,
    tag: String,
    address: Option<IpAddr>,
}

impl<'a> SignedRequests<'a> {
    /// What every signature must cover (`CRYPTO` §6 of the design, RFC 9421 §7.2.1).
    pub const REQUIRED: [&'static str; 3] = ["@method", "@target-uri", "content-digest"];
    /// Characters of a nonce: enough not to be drawn twice, few enough to be kept.
    const NONCE: core::ops::RangeInclusive<usize> = 16..=128;

    /// Requests that are signed for this application: the parameter `tag` (RFC 9421 §2.3), which keeps a signature that was
    /// made for another from being used here.
    #[must_use]
    pub fn new(cabinet: &'a Cabinet, tag: impl Into<String>) -> Self {
        Self { cabinet, tag: tag.into(), address: None }
    }

    /// The same, of requests that come from this address, as the service sees it: the limits of the client's account are held
    /// against it (R18). Where those name networks, a request from an unknown address is refused.
    #[must_use]
    pub fn from_address(self, address: Option<IpAddr>) -> Self {
        Self { address, ..self }
    }

    /// Checks a request with its whole body, and uses up its nonce: each request is good once.
    ///
    /// # Errors
    /// [`Error::Unsigned`] when something is missing or unreadable, [`Error::TooLarge`]: nothing was looked up then.
    /// [`Rejected`](zamok_core::Error::Rejected) for a wrong signature, an unknown or revoked key, an account
    /// that is not open, a body that is another one, and a nonce that was used before; [`Error::NotFresh`] and
    /// [`OutsideLimits`](zamok_cabinet::Error::OutsideLimits), which only the holder of the key is told;
    /// [`Error::Full`]; the vault's and the store's.
    pub fn check(&self, message: &Message, body: &[u8]) -> Result<Client, Error> {
        let limit = self.cabinet.policy().request.body;
        if body.len() > limit {
            return Err(Error::TooLarge { limit });
        }
        // The base comes before the key is looked up: afterwards, the work on long fields would tell a stranger which keys
        // there are. It is bounded by their length, as each is taken apart once.
        let signed = Signed::read(message, &self.tag)?;
        let base = signature_base(message, &signed.covered)?;
        self.cabinet.counting(|tx| {
            let (key, limits) = ClientKey::of_request(tx, self.cabinet, signed.key)?;
            if signed.algorithm.is_some_and(|named| named != key.algorithm) {
                return Err(Error::REJECTED);
            }
            verify(tx, &key, &base, &signed.signature)?;
            // Only the holder of the key has come so far.
            let (now, policy) = (tx.now().0, &self.cabinet.policy().request);
            let fresh = now.abs_diff(signed.created) <= policy.tolerance
                && signed.expires.is_none_or(|expires| now < expires);
            if !fresh {
                return Err(Error::NotFresh);
            }
            check_content_digest(message, body)?;
            if !limits.allow(tx.now(), self.address) {
                return Err(zamok_cabinet::Error::OutsideLimits.into());
            }
            spend(tx, &Nonce { kind: Nonce::REQUEST, key: &key.id.0, nonce: &signed.nonce }, policy)?;
            Ok(key.client())
        })
    }

    /// Checks a request, and does what it asks for only if it is right.
    ///
    /// # Errors
    /// As [`SignedRequests::check`], and what `act` answers.
    pub fn then<T, E: From<Error>>(
        &self,
        message: &Message,
        body: &[u8],
        act: impl FnOnce(&Client) -> Result<T, E>,
    ) -> Result<T, E> {
        act(&self.check(message, body)?)
    }

    /// Answers a challenge with a code that came in a signed request (R6). The signature is checked first: a request that is
    /// not right, or of another account than the challenge, is refused and charges no attempt.
    ///
    /// # Errors
    /// As [`SignedRequests::check`]; [`Rejected`](zamok_core::Error::Rejected) for a wrong code, which is charged; as
    /// [`Cabinet::answer`].
    pub fn answer(
        &self,
        message: &Message,
        body: &[u8],
        challenge: &Challenge,
        code: &str,
        request: RequestId,
    ) -> Result<Session, Error> {
        let client = self.check(message, body)?;
        if !self.cabinet.challenge_is_of(challenge, client.account)? {
            return Err(Error::REJECTED);
        }
        Ok(self.cabinet.answer(challenge, code, request)?)
    }

    /// Checks the signed manifest of a batch; the blocks then come one by one (R29).
    ///
    /// # Errors
    /// As [`SignedRequests::check`]; [`Error::Batch`] for what is no manifest.
    pub fn receive(&self, message: &Message, manifest: &[u8]) -> Result<Receiving<'a>, Error> {
        // Read before the nonce is used up, believed afterwards.
        let read = Manifest::parse(manifest)?;
        let client = self.check(message, manifest)?;
        Ok(Receiving::new(self.cabinet, client, read))
    }
}

fn verify(tx: &mut Transaction<'_>, key: &ClientKey, base: &[u8], signature: &[u8]) -> Result<(), Error> {
    let mechanism = key.algorithm.mechanism();
    if let Some(secret) = key.secret() {
        let mut checking = macs::Tagging::begin_check(tx, secret, mechanism, 1)?;
        checking.update(base);
        return Ok(checking.finish(signature)?);
    }
    let public = key.public()?;
    let signature = Signature::from_fixed(public.algorithm(), signature)?.to_der();
    Ok(signing::verify_with(tx, &public, mechanism, Prepared::Message(base), &signature)?)
}

/// What a request says of its signature.
struct Signed {
    covered: Covered,
    signature: Vec<u8>,
    key: ClientKeyId,
    algorithm: Option<SignatureAlgorithm>,
    created: u64,
    expires: Option<u64>,
    nonce: String,
}

impl Signed {
    /// Finds the one signature with this tag among those that a request bears, and reads what it must say.
    fn read(message: &Message, tag: &str) -> Result<Self, Error> {
        let dictionary = |name: &str, missing: Error| -> Result<Dictionary, Error> {
            let field = message.combined(name).ok_or(missing)?;
            Parser::new(&field).parse().map_err(|_| Error::Unsigned("a field of signatures cannot be read"))
        };
        let inputs = dictionary("signature-input", Error::Unsigned("Signature-Input is missing"))?;
        let signatures = dictionary("signature", Error::Unsigned("Signature is missing"))?;
        let mut ours = Vec::new();
        for (label, entry) in inputs {
            let ListEntry::InnerList(list) = entry else {
                return Err(Error::Unsigned("a field of signatures cannot be read"));
            };
            let is_ours =
                matches!(list.params.get("tag"), Some(BareItem::String(found)) if found.as_str() == tag);
            if is_ours {
                ours.push((label, list));
            }
        }
        let (label, list) = match <[_; 1]>::try_from(ours) {
            Ok([one]) => one,
            Err(ours) if ours.is_empty() => return Err(Error::Unsigned("no signature has the right tag")),
            Err(_) => return Err(Error::Unsigned("several signatures have the right tag")),
        };
        let covered = Covered::of(list)?;
        for required in SignedRequests::REQUIRED {
            if !covered.has(required) {
                return Err(Error::Unsigned("@method, @target-uri and content-digest must be covered"));
            }
        }
        let signature = match signatures.get(label.as_str()) {
            Some(ListEntry::Item(item)) => match &item.bare_item {
                BareItem::ByteSequence(bytes) => bytes.clone(),
                _ => return Err(Error::Unsigned("Signature is no byte sequence")),
            },
            _ => return Err(Error::Unsigned("Signature-Input and Signature have different labels")),
        };
        let created = covered.time("created").ok_or(Error::Unsigned("created is missing"))?;
        let expires = match covered.has_param("expires") {
            false => None,
            true => Some(covered.time("expires").ok_or(Error::Unsigned("expires is no time"))?),
        };
        let nonce = covered.text("nonce").filter(|nonce| SignedRequests::NONCE.contains(&nonce.len()));
        let nonce = nonce.ok_or(Error::Unsigned("a nonce of 16 to 128 characters is missing"))?.to_owned();
        let key = covered.text("keyid").ok_or(Error::Unsigned("keyid is missing"))?;
        // A name that no key can have is unknown like any other that nobody has.
        let key = ClientKeyId::parse(key).ok_or(Error::REJECTED)?;
        let algorithm = match covered.has_param("alg") {
            false => None,
            true => {
                let named = covered.text("alg").and_then(SignatureAlgorithm::named);
                Some(named.ok_or(Error::REJECTED)?)
            }
        };
        Ok(Self { covered, signature, key, algorithm, created, expires, nonce })
    }
}
