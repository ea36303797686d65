//! What an access token says (RFC 9068 §2.2), with who acts for whom (RFC 8693 §4.1, RFC 9396).

use serde_json::{Map, Value, json};
use zamok_cabinet::{Assurance, Evidence, Power, PowerId, Right};
use zamok_core::wire::unhex;
use zamok_core::{Error as CoreError, UnixTime};

use super::sender::Binding;
use crate::jose::Compact;

/// The type of a token (RFC 9068 §2.1).
pub(super) const TYPE: &str = "at+jwt";
/// A token is a few hundred bytes; what is longer is not read.
pub(super) const LONGEST: usize = 8192;
/// Deeper than policy may allow.
const DEEPEST: usize = 16;
/// Seconds before its time and after it in which a token of our own is good: clocks of machines that share a store differ.
pub(super) const OURS: (u64, u64) = (UnixTime::SKEW, 0);

/// What the issuer says of whoever shows a token. Only a check of a signature makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who issued it (`iss`).
    pub issuer: String,
    /// Whose matters it is about (`sub`).
    pub subject: String,
    /// Whom it is shown to (`aud`).
    pub audience: Vec<String>,
    /// The client that it was given to (`client_id`).
    pub client: String,
    /// When it was issued.
    pub issued: UnixTime,
    /// From when on it is worthless.
    pub expires: UnixTime,
    /// Before when nobody may take it (`nbf`); the cabinet's have no such time.
    pub not_before: Option<UnixTime>,
    /// Its own name (`jti`).
    pub id: String,
    /// The session that it stands for (`sid`).
    pub session: String,
    /// The epoch of the account that logged in.
    pub epoch: u64,
    /// When that account last showed who it is (`auth_time`).
    pub authenticated: UnixTime,
    /// How sure the issuer is of it (`acr`): `low`, `substantial` or `high`.
    pub assurance: String,
    /// What was shown (`amr`, RFC 8176).
    pub methods: Vec<String>,
    /// Who acts for the subject: the present party first, then those behind it (`act`). Empty when the subject acts itself.
    pub actors: Vec<String>,
    /// How far they may go, when a power lets them act (`authorization_details`).
    pub power: Option<GrantedPower>,
    /// Whose the token is (`cnf`).
    pub binding: Binding,
    /// The family of refresh tokens that it belongs to.
    pub family: Option<String>,
}

/// A power of the subject over whose limits a token goes no further (RFC 9396 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedPower {
    /// Its id.
    pub id: String,
    /// What may be done: `view`, `edit`, `confirm`.
    pub rights: Vec<String>,
    /// In which matters; `*` for all.
    pub matters: Vec<String>,
}

impl GrantedPower {
    pub(super) fn of(power: &Power) -> Self {
        let rights = Right::ALL.iter().filter(|right| power.terms.rights.has(**right));
        Self {
            id: power.id.to_string(),
            rights: rights.map(|right| right.name().to_owned()).collect(),
            matters: power.terms.scope.clone(),
        }
    }

    /// What is left of it where the power itself goes no further any more.
    pub(super) fn narrow(&mut self, power: &Power) {
        let held = Self::of(power).rights;
        self.rights.retain(|right| held.contains(right));
    }

    pub(super) fn power(&self) -> Result<PowerId, CoreError> {
        id(&self.id).map(PowerId)
    }

    pub(super) fn to_json(&self) -> Value {
        json!([{"type": "power", "identifier": self.id, "actions": self.rights, "datatypes": self.matters}])
    }

    fn read(claims: &Map<String, Value>) -> Result<Option<Self>, CoreError> {
        let details = match claims.get("authorization_details") {
            None => return Ok(None),
            Some(Value::Array(details)) => details,
            Some(_) => return Err(CoreError::Rejected),
        };
        let [Value::Object(power)] = details.as_slice() else { return Err(CoreError::Rejected) };
        if text(power, "type")? != "power" {
            return Err(CoreError::Rejected);
        }
        let (rights, matters) = (texts(power.get("actions"))?, texts(power.get("datatypes"))?);
        Ok(Some(Self { id: text(power, "identifier")?, rights, matters }))
    }
}

/// What RFC 8176 calls the evidence, each name once.
pub(super) fn methods(shown: &[Evidence]) -> Vec<String> {
    let mut methods: Vec<String> = Vec::new();
    for name in shown.iter().filter_map(|shown| method(*shown)) {
        if !methods.iter().any(|known| known == name) {
            methods.push(name.into());
        }
    }
    // Several factors are several kinds (R10): two codes, however they came, are two of one kind.
    if Assurance::of(shown) > Assurance::Low {
        methods.push("mfa".into());
    }
    methods
}

const fn method(shown: Evidence) -> Option<&'static str> {
    Some(match shown {
        Evidence::Password => "pwd",
        Evidence::Pin => "pin",
        Evidence::Sms => "sms",
        Evidence::Push => "swk",
        Evidence::Certificate => "hwk",
        // Its token is no code, and nothing that RFC 8176 has a name for.
        Evidence::Device => return None,
        // Codes of generators, tokens, e-mails and paper.
        _ => "otp",
    })
}

impl Claims {
    pub(super) fn to_json(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        let audience = match self.audience.as_slice() {
            [one] => json!(one),
            several => json!(several),
        };
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("iss", json!(self.issuer));
        put("sub", json!(self.subject));
        put("aud", audience);
        put("client_id", json!(self.client));
        put("iat", json!(self.issued.0));
        put("exp", json!(self.expires.0));
        put("jti", json!(self.id));
        put("sid", json!(self.session));
        put("epoch", json!(self.epoch));
        put("auth_time", json!(self.authenticated.0));
        put("acr", json!(self.assurance));
        put("amr", json!(self.methods));
        if let Some(confirmation) = self.binding.confirmation() {
            put("cnf", confirmation);
        }
        if let Some(power) = &self.power {
            put("authorization_details", power.to_json());
        }
        if let Some(family) = &self.family {
            put("family", json!(family));
        }
        // RFC 8693 §4.1: the present actor is outermost.
        let nested = self.actors.iter().rev().fold(None, |inner: Option<Value>, actor| {
            let mut act = Map::new();
            act.insert("sub".into(), json!(actor));
            if let Some(inner) = inner {
                act.insert("act".into(), inner);
            }
            Some(Value::Object(act))
        });
        if let Some(act) = nested {
            put("act", act);
        }
        claims
    }

    /// Reads claims. A missing or wrong-typed one is refused; those that are not known are passed over (RFC 7519 §4).
    pub(super) fn read(claims: &Map<String, Value>) -> Result<Self, CoreError> {
        let optional = |name: &str| claims.contains_key(name).then(|| text(claims, name)).transpose();
        let audience = match claims.get("aud") {
            Some(Value::String(one)) => vec![one.clone()],
            several => texts(several)?,
        };
        let not_before =
            claims.contains_key("nbf").then(|| number(claims, "nbf").map(UnixTime)).transpose()?;
        Ok(Self {
            issuer: text(claims, "iss")?,
            subject: text(claims, "sub")?,
            audience,
            client: text(claims, "client_id")?,
            issued: UnixTime(number(claims, "iat")?),
            expires: UnixTime(number(claims, "exp")?),
            not_before,
            id: text(claims, "jti")?,
            session: text(claims, "sid")?,
            epoch: number(claims, "epoch")?,
            authenticated: UnixTime(number(claims, "auth_time")?),
            assurance: text(claims, "acr")?,
            methods: texts(claims.get("amr"))?,
            actors: actors(claims)?,
            power: GrantedPower::read(claims)?,
            binding: Binding::read(claims)?,
            family: optional("family")?,
        })
    }

    /// Whether a token with these claims is for this audience, from this issuer, and good now, or so many seconds before its time or
    /// after it.
    pub(super) fn allow(
        &self,
        issuer: &str,
        audience: &str,
        now: UnixTime,
        (early, late): (u64, u64),
    ) -> Result<(), CoreError> {
        let good = self.issuer == issuer
            && self.audience.iter().any(|one| one == audience)
            && self.issued <= now.plus(early)
            && self.not_before.is_none_or(|time| time <= now.plus(early))
            && now < self.expires.plus(late);
        if good { Ok(()) } else { Err(CoreError::Rejected) }
    }
}

/// Whether the header is that of an access token, and no more than that: nothing in it may bring a key along (`jwk`, `jku`,
/// `x5c`, `x5u`), or change what the rest means (`crit`, `b64`, `zip`).
pub(super) fn header<'a>(token: &'a Compact<'_>) -> Result<(&'a str, &'a str), CoreError> {
    let (Some(algorithm), Some(kind), Some(name), 3) =
        (token.text("alg"), token.text("typ"), token.text("kid"), token.header.len())
    else {
        return Err(CoreError::Rejected);
    };
    // RFC 9068 §4: with or without the prefix, in any case.
    let kind = kind
        .get(.."application/".len())
        .filter(|prefix| prefix.eq_ignore_ascii_case("application/"))
        .map_or(kind, |prefix| &kind[prefix.len()..]);
    if kind.eq_ignore_ascii_case(TYPE) { Ok((algorithm, name)) } else { Err(CoreError::Rejected) }
}

fn actors(claims: &Map<String, Value>) -> Result<Vec<String>, CoreError> {
    let mut actors = Vec::new();
    let mut next = claims.get("act");
    while let Some(act) = next {
        let Value::Object(act) = act else { return Err(CoreError::Rejected) };
        if actors.len() == DEEPEST {
            return Err(CoreError::Rejected);
        }
        actors.push(text(act, "sub")?);
        next = act.get("act");
    }
    Ok(actors)
}

fn text(object: &Map<String, Value>, name: &str) -> Result<String, CoreError> {
    object.get(name).and_then(Value::as_str).map(Into::into).ok_or(CoreError::Rejected)
}

/// NumericDate and numbers of ours are whole and not negative.
fn number(object: &Map<String, Value>, name: &str) -> Result<u64, CoreError> {
    object.get(name).and_then(Value::as_u64).ok_or(CoreError::Rejected)
}

fn texts(value: Option<&Value>) -> Result<Vec<String>, CoreError> {
    let Some(Value::Array(values)) = value else { return Err(CoreError::Rejected) };
    let texts = values.iter().map(|value| value.as_str().map(Into::into).ok_or(CoreError::Rejected));
    texts.collect()
}

/// Reads an id as tokens write it: 32 digits of lower-case hexadecimal.
pub(super) fn id(text: &str) -> Result<[u8; 16], CoreError> {
    let id = unhex(text.as_bytes()).ok_or(CoreError::Rejected)?;
    if text.contains(|digit: char| digit.is_ascii_uppercase()) { Err(CoreError::Rejected) } else { Ok(id) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Evidence::{Certificate, Device, Email, Generator, Password, Pin, Push, Recovery, Sms, Token};

    #[test]
    fn a_method_is_named_once_and_only_several_kinds_are_several_factors() {
        for (shown, names) in [
            (&[Password, Generator][..], &["pwd", "otp", "mfa"][..]),
            (&[Password, Generator, Sms, Email], &["pwd", "otp", "sms", "mfa"]),
            (&[Password, Push, Certificate], &["pwd", "swk", "hwk", "mfa"]),
            // A phone alone, and what is held beside it: nothing that anybody knows.
            (&[Sms], &["sms"]),
            (&[Sms, Generator], &["sms", "otp"]),
            (&[Email, Token, Recovery], &["otp"]),
            // A PIN on its device: no code was shown.
            (&[Device, Pin], &["pin", "mfa"]),
            (&[Password, Pin], &["pwd", "pin"]),
            (&[], &[]),
        ] {
            assert_eq!(methods(shown), names, "{shown:?}");
        }
    }
}
