//! Access tokens: JWT (RFC 7519, 8725) of the profile in RFC 9068, signed with ES256 (RFC 7518 §3.4).
//!
//! A token names a live session. Here it is good only as long as the session is; outsiders who hold the public key
//! rely on its signature and its expiry. The algorithm is fixed by the key and never taken from the token.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use zamok_cabinet::{Cabinet, Error, Session, SessionId};
use zamok_core::Error as CoreError;
use zamok_core::signature::VerifyingKey;
use zamok_core::vault::{KeyState, Purpose, Transaction, signing};
use zamok_core::wire::hex;

const ALGORITHM: &str = "ES256";
const TYPE: &str = "at+jwt";
/// A token is a few hundred bytes; what is longer is not read.
const LONGEST: usize = 4096;

/// Issues and checks the access tokens of a cabinet, for one audience.
#[derive(Debug)]
pub struct AccessTokens<'a> {
    cabinet: &'a Cabinet,
    audience: String,
}

/// RFC 7515 §4, nothing optional: a header with more in it (`jwk`, `jku`, `crit` …) is refused unread.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// RFC 9068 §2.2.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    client_id: String,
    iat: u64,
    exp: u64,
    jti: String,
    sid: String,
    epoch: u64,
}

#[derive(Serialize)]
struct Jwk {
    kty: &'static str,
    crv: &'static str,
    r#use: &'static str,
    alg: &'static str,
    kid: String,
    x: String,
    y: String,
}

#[derive(Serialize)]
struct JwkSet {
    keys: Vec<Jwk>,
}

impl<'a> AccessTokens<'a> {
    /// Tokens of this cabinet for one audience, the service that they are shown to (RFC 9068 §3).
    #[must_use]
    pub fn new(cabinet: &'a Cabinet, audience: impl Into<String>) -> Self {
        Self { cabinet, audience: audience.into() }
    }

    /// Issues a token for a live session. It expires after the policy's lifetime, and never after the session.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; the vault's and the store's.
    pub fn issue(&self, session: &Session) -> Result<String, Error> {
        let session = self.cabinet.session(session.id)?;
        let lifetime = self.cabinet.policy().session.access_token;
        self.cabinet.vault().transact(|tx| {
            let now = tx.now();
            let identifier: [u8; 16] = tx.env().random();
            let header = Header { alg: ALGORITHM.into(), typ: TYPE.into(), kid: self.key(tx)?.0 };
            let claims = Claims {
                iss: self.cabinet.issuer().into(),
                sub: session.account.to_string(),
                aud: self.audience.clone(),
                client_id: self.audience.clone(),
                iat: now.0,
                exp: now.plus(lifetime).min(session.expires).0,
                jti: hex(&identifier),
                sid: session.id.to_string(),
                epoch: session.epoch,
            };
            let signed = format!("{}.{}", encode(&header)?, encode(&claims)?);
            let key = self.cabinet.token_key();
            let signature = signing::sign(tx, key, Purpose::Token, signed.as_bytes(), "")?;
            Ok(format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature.to_fixed())))
        })
    }

    /// The live session that a token stands for.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for anything but an unexpired token of this cabinet for this audience;
    /// [`Error::SessionEnded`] when its session is over; [`CoreError::KeyState`] when the token key was put aside; the
    /// vault's and the store's.
    pub fn verify(&self, token: &str) -> Result<Session, Error> {
        let (header, claims) = self.open(token)?;
        let now = self.cabinet.vault().now();
        let ours = header.typ.eq_ignore_ascii_case(TYPE)
            && claims.iss == self.cabinet.issuer()
            && claims.aud == self.audience
            && claims.iat <= now.0
            && now.0 < claims.exp;
        let session = SessionId(decode_id(&claims.sid)?);
        if !ours {
            return Err(CoreError::Rejected.into());
        }
        let session = self.cabinet.session(session)?;
        let same = session.account.to_string() == claims.sub && session.epoch == claims.epoch;
        if same { Ok(session) } else { Err(CoreError::Rejected.into()) }
    }

    /// Checks the signature before anything of the token is believed (RFC 8725 §3.2).
    fn open(&self, token: &str) -> Result<(Header, Claims), Error> {
        let rejected = || Error::Core(CoreError::Rejected);
        if token.len() > LONGEST {
            return Err(rejected());
        }
        let (signed, signature) = token.rsplit_once('.').ok_or_else(rejected)?;
        let (header, claims) = signed.split_once('.').ok_or_else(rejected)?;
        let parsed: Header = decode(header)?;
        let (name, key) = self.cabinet.vault().transact(|tx| self.key(tx))?;
        if parsed.alg != ALGORITHM || parsed.kid != name {
            return Err(rejected());
        }
        let signature = Base64UrlUnpadded::decode_vec(signature).map_err(|_| rejected())?;
        key.verify_fixed(signed.as_bytes(), &signature)?;
        Ok((parsed, decode(claims)?))
    }

    /// The public key, for services that check tokens without asking us, in PEM.
    ///
    /// # Errors
    /// The vault's and the store's.
    pub fn public_key_pem(&self) -> Result<String, Error> {
        self.cabinet.vault().transact(|tx| Ok(self.key(tx)?.1.to_spki_pem()))
    }

    /// The public key as a JWK set (RFC 7517 §5).
    ///
    /// # Errors
    /// The vault's and the store's.
    pub fn jwks(&self) -> Result<String, Error> {
        self.cabinet.vault().transact(|tx| {
            let (kid, VerifyingKey::P256(key)) = self.key(tx)? else {
                return Err(CoreError::KeyKind.into());
            };
            let (x, y) = key.coordinates();
            let [x, y] = [x, y].map(|coordinate| Base64UrlUnpadded::encode_string(&coordinate));
            let jwk = Jwk { kty: "EC", crv: "P-256", r#use: "sig", alg: ALGORITHM, kid, x, y };
            serde_json::to_string(&JwkSet { keys: vec![jwk] }).map_err(|_| CoreError::Refused.into())
        })
    }

    /// The key of tokens with its name there: the first half of the SHA-256 of its public key, so that it says nothing of
    /// the vault. What was suspended or compromised vouches for nobody.
    fn key(&self, tx: &mut Transaction<'_>) -> Result<(String, VerifyingKey), Error> {
        let (info, key) = signing::public_key(tx, self.cabinet.token_key())?;
        if !matches!(info.state, KeyState::Active | KeyState::Deactivated) {
            return Err(CoreError::KeyState(info.state).into());
        }
        let digest = info.public_key.ok_or(CoreError::KeyKind)?;
        Ok((hex(&digest[..16]), key))
    }
}

fn encode(part: &impl Serialize) -> Result<String, Error> {
    let json = serde_json::to_vec(part).map_err(|_| CoreError::Refused)?;
    Ok(Base64UrlUnpadded::encode_string(&json))
}

/// Reads one part. Unknown, missing, repeated and wrong-typed members are all refused.
fn decode<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, Error> {
    let json = Base64UrlUnpadded::decode_vec(part).map_err(|_| CoreError::Rejected)?;
    serde_json::from_slice(&json).map_err(|_| CoreError::Rejected.into())
}

fn decode_id(text: &str) -> Result<[u8; 16], Error> {
    let mut id = [0; 16];
    let digits = text.as_bytes();
    if digits.len() != 32 || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(CoreError::Rejected.into());
    }
    for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let pair = core::str::from_utf8(pair).map_err(|_| CoreError::Rejected)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| CoreError::Rejected)?;
    }
    Ok(id)
}
