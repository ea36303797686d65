//! Signing a request: what a client of another service, or of this one, does.

use sfv::{BareItem, InnerList, Item, Parameters};
use zamok_cabinet::Cabinet;
use zamok_core::signature::Prepared;
use zamok_core::vault::{KeyId, Purpose, keys, signing};
use zamok_core::{Env, UnixTime};

use super::base::{Covered, signature_base};
use super::digest::content_digest;
use super::message::Message;
use super::{SignatureAlgorithm, SignedRequests};
use crate::error::Error;
use crate::jose::encode;

/// Whoever holds the key of a client.
pub trait SignRequest {
    /// How it signs.
    ///
    /// # Errors
    /// When the key is not there any more.
    fn algorithm(&self) -> Result<SignatureAlgorithm, Error>;

    /// A signature, as RFC 9421 §3.3 has it: r ‖ s for ECDSA.
    ///
    /// # Errors
    /// When the key cannot be used.
    fn sign(&self, base: &[u8]) -> Result<Vec<u8>, Error>;
}

/// What a signature says beside what it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing<'a> {
    /// The name of the signature within the message.
    pub label: &'a str,
    /// The key's name.
    pub key: &'a str,
    /// The application that it is for.
    pub tag: &'a str,
    /// Now.
    pub created: UnixTime,
    /// Drawn for this request: see [`Signing::draw_nonce`].
    pub nonce: String,
    /// Further components, each a field in lower case or a derived component, beside those that are always covered.
    pub also: &'a [&'a str],
}

impl Signing<'_> {
    /// A nonce of 128 random bits.
    #[must_use]
    pub fn draw_nonce(env: &mut Env<'_>) -> String {
        encode(&env.random::<16>())
    }

    /// Signs a message with its body: adds `Content-Digest`, `Signature-Input` and `Signature`.
    ///
    /// # Errors
    /// [`Error::Unsigned`] when the message has not what shall be covered, or is signed already; those of the signer.
    pub fn sign(&self, message: Message, body: &[u8], signer: &dyn SignRequest) -> Result<Message, Error> {
        let unfit = |_| Error::Unsigned("a name or a parameter cannot be written");
        for field in ["signature-input", "signature"] {
            if message.combined(field).is_some() {
                return Err(Error::Unsigned("the message is signed already"));
            }
        }
        let message = match message.combined("content-digest") {
            Some(_) => message,
            None => message.field("content-digest", content_digest(body))?,
        };
        let mut items = Vec::new();
        for name in SignedRequests::REQUIRED.iter().chain(self.also) {
            items.push(Item::new(sfv::StringRef::from_str(name).map_err(|_| unfit(()))?.to_owned()));
        }
        let mut params = Parameters::new();
        let mut put =
            |name: &'static str, value: BareItem| params.insert(sfv::key_ref(name).to_owned(), value);
        let text = |text: &str| sfv::StringRef::from_str(text).map(|text| text.to_owned().into());
        let created = i64::try_from(self.created.0).ok().and_then(|time| sfv::Integer::try_from(time).ok());
        put("created", created.ok_or(Error::Unsigned("the time cannot be written"))?.into());
        put("nonce", text(&self.nonce).map_err(|_| unfit(()))?);
        put("keyid", text(self.key).map_err(|_| unfit(()))?);
        put("alg", text(signer.algorithm()?.name()).map_err(|_| unfit(()))?);
        put("tag", text(self.tag).map_err(|_| unfit(()))?);
        let covered = Covered::of(InnerList::with_params(items, params))?;
        let signature = signer.sign(&signature_base(&message, &covered)?)?;
        let label = sfv::KeyRef::from_str(self.label).map_err(|_| unfit(()))?;
        let (label, params) = (label.as_str(), covered.params()?);
        use base64ct::{Base64, Encoding};
        let signature = Base64::encode_string(&signature);
        message
            .field("signature-input", format!("{label}={params}"))?
            .field("signature", format!("{label}=:{signature}:"))
    }
}

/// A key of the vault, of purpose `request`.
#[derive(Clone, Copy, Debug)]
pub struct VaultKey<'a> {
    cabinet: &'a Cabinet,
    id: KeyId,
}

impl<'a> VaultKey<'a> {
    /// Signs with this key.
    #[must_use]
    pub const fn new(cabinet: &'a Cabinet, id: KeyId) -> Self {
        Self { cabinet, id }
    }
}

impl SignRequest for VaultKey<'_> {
    fn algorithm(&self) -> Result<SignatureAlgorithm, Error> {
        self.cabinet.vault().transact(|tx| {
            let (info, key) = signing::public_key(tx, self.id)?;
            let usual = SignatureAlgorithm::of(&key).ok_or(Error::ClientUnusable)?;
            let allowed = |algorithm: &SignatureAlgorithm| info.mechanisms.contains(algorithm.mechanism());
            let found = [usual, SignatureAlgorithm::RsaV15Sha256].into_iter().find(allowed);
            found.filter(|algorithm| algorithm.fits(&key)).ok_or(Error::ClientUnusable)
        })
    }

    fn sign(&self, base: &[u8]) -> Result<Vec<u8>, Error> {
        let mechanism = self.algorithm()?.mechanism();
        self.cabinet.vault().transact(|tx| {
            keys::info(tx, self.id)?;
            let message = Prepared::Message(base);
            let signature =
                signing::sign_with(tx, self.id, Some(mechanism), Purpose::Request, message, "request")?;
            Ok(signature.to_fixed())
        })
    }
}
