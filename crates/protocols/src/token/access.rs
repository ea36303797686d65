//! Issuing and checking access tokens where the sessions are.

use std::net::IpAddr;

use zamok_cabinet::{AccountId, Cabinet, Error, Power, PowerId, Session, SessionId};
use zamok_core::event::{Detail, EventKind};
use zamok_core::signature::Prepared;
use zamok_core::vault::{Purpose, Transaction, signing};
use zamok_core::wire::hex;
use zamok_core::{Error as CoreError, UnixTime};

use super::claims::{self, Claims, GrantedPower, LONGEST, TYPE};
use super::family::{Family, FamilyId};
use super::keys;
use super::sender::{Binding, Shown};
use crate::jose::{Compact, JwsAlgorithm, encode, encode_object};
use crate::request::Client;

/// Issues and checks the access tokens of a cabinet, for one audience.
#[derive(Debug)]
pub struct AccessTokens<'a> {
    pub(super) cabinet: &'a Cabinet,
    pub(super) audience: String,
}

/// What a token is issued for, beside a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Whose it is.
    pub binding: Binding,
    /// The power by which the session's account acts for the one who gave it; `None` for its own matters.
    pub power: Option<PowerId>,
}

/// What a right token stands for. Only [`AccessTokens::check`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// What it says.
    pub claims: Claims,
    /// The live session of whoever logged in.
    pub session: Session,
    /// Whose matters it is about: the session's account, or the one that it acts for.
    pub subject: AccountId,
    /// The power that it acts by, as it is now.
    pub power: Option<Power>,
}

impl<'a> AccessTokens<'a> {
    /// Tokens of this cabinet for one audience, the service that they are shown to (RFC 9068 §3).
    #[must_use]
    pub fn new(cabinet: &'a Cabinet, audience: impl Into<String>) -> Self {
        Self { cabinet, audience: audience.into() }
    }

    /// Issues a token for a live session, which everybody may use who has it. It expires after the policy's lifetime, and
    /// never after the session.
    ///
    /// # Errors
    /// As [`AccessTokens::issue_for`].
    pub fn issue(&self, session: &Session) -> Result<String, Error> {
        self.issue_for(session, &Grant::default())
    }

    /// Issues a token that is bound to a key or a certificate, or with which the session's account acts for another (R73):
    /// `sub` is then the one who gave the power, `act` the one who uses it. That is journalled for the former.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; [`Error::NotAllowed`] for a power that does not count; [`CoreError::KeyState`] when the token
    /// key was put aside; [`CoreError::TooLong`] for a token that nobody would read, since its audience or the matters of its
    /// power are; the vault's and the store's.
    pub fn issue_for(&self, session: &Session, grant: &Grant) -> Result<String, Error> {
        self.cabinet.vault().transact(|tx| {
            let session = self.cabinet.session_in_from(tx, session.id, session.address)?;
            self.issue_in(tx, &session, grant, None).map(|(token, _)| token)
        })
    }

    /// A token, and when it expires.
    pub(super) fn issue_in(
        &self,
        tx: &mut Transaction<'_>,
        session: &Session,
        grant: &Grant,
        family: Option<FamilyId>,
    ) -> Result<(String, UnixTime), Error> {
        let now = tx.now();
        let lifetime = self.cabinet.policy().session.access_token;
        let mut claims = Claims {
            issuer: self.cabinet.issuer().into(),
            subject: session.account.to_string(),
            audience: vec![self.audience.clone()],
            client: self.audience.clone(),
            issued: now,
            expires: now.plus(lifetime).min(session.expires),
            not_before: None,
            id: String::new(),
            session: session.id.to_string(),
            epoch: session.epoch,
            authenticated: session.authenticated,
            assurance: session.assurance().name().into(),
            methods: claims::methods(&session.evidence),
            actors: Vec::new(),
            power: None,
            binding: grant.binding,
            family: family.map(|family| family.to_string()),
        };
        if let Some(power) = grant.power {
            let (principal, power) = self.cabinet.acting_in(tx, session, power)?;
            claims.subject = principal.id.to_string();
            claims.actors.push(session.account.to_string());
            claims.power = Some(GrantedPower::of(&power));
            claims.expires = claims.expires.min(power.terms.until);
            let by = power.id.to_string();
            self.tell(tx, &principal, session.account, by, &self.audience)?;
        }
        let expires = claims.expires;
        Ok((self.sign(tx, claims)?, expires))
    }

    fn tell(
        &self,
        tx: &mut Transaction<'_>,
        principal: &zamok_cabinet::Account,
        agent: AccountId,
        by: String,
        audience: &str,
    ) -> Result<(), Error> {
        let detail = Detail::new().with("agent", agent.to_string()).with("by", by).with("audience", audience);
        let row = principal.id.row_key();
        tx.event(EventKind::ActingTokenIssued, Some(principal.subject), &row, &detail)?;
        Ok(())
    }

    fn sign(&self, tx: &mut Transaction<'_>, mut claims: Claims) -> Result<String, Error> {
        let (id, name, algorithm) = keys::signing(tx, self.cabinet)?;
        claims.id = hex(&tx.env().random::<16>());
        let mut header = serde_json::Map::new();
        for (member, value) in [("alg", algorithm.name()), ("kid", &name), ("typ", TYPE)] {
            header.insert(member.into(), value.into());
        }
        let signed = format!("{}.{}", encode_object(&header), encode_object(&claims.to_json()));
        let message = Prepared::Message(signed.as_bytes());
        let signature = signing::sign_with(tx, id, Some(algorithm.mechanism()), Purpose::Token, message, "")?;
        let token = format!("{signed}.{}", encode(&signature.to_fixed()));
        let (given, limit) = (token.len(), LONGEST);
        // A longer one nobody would read.
        if given > limit {
            return Err(CoreError::TooLong { what: "an access token", given, limit }.into());
        }
        Ok(token)
    }

    /// A token with which a service goes on to another one for whoever came with `access` (RFC 8693 §4.1): the same subject,
    /// the service's account as the present actor, those before behind it. It lives no longer than the token that it came
    /// with. The service has signed the request in which it asks, or shown its certificate.
    ///
    /// # Errors
    /// [`Error::TooMany`] for more actors than policy allows; [`CoreError::Rejected`] when the service's account is not open, or the
    /// family of the token is over; [`Error::NotAllowed`] when its power is; [`Error::SessionEnded`]; [`CoreError::TooLong`] for a
    /// token that nobody would read; the vault's and the store's.
    pub fn exchange(
        &self,
        access: &Access,
        service: &Client,
        audience: &str,
        binding: Binding,
    ) -> Result<String, Error> {
        let limit = self.cabinet.policy().access.actors;
        if access.claims.actors.len() >= limit {
            return Err(Error::TooMany { what: "actors", limit });
        }
        self.cabinet.vault().transact(|tx| {
            // All that a check holds a token to: since then its power may have ended, or the giver have fewer rights.
            let address = access.session.address;
            let Access { mut claims, session, subject, .. } =
                self.stands_for(tx, access.claims.clone(), address)?;
            self.cabinet.account_in(tx, service.account)?;
            let subject = self.cabinet.account_in(tx, subject)?;
            let now = tx.now();
            let lifetime = self.cabinet.policy().session.access_token;
            claims.audience = vec![audience.to_owned()];
            claims.client = service.account.to_string();
            claims.issued = now;
            claims.expires = claims.expires.min(now.plus(lifetime)).min(session.expires);
            claims.actors.insert(0, service.account.to_string());
            claims.binding = binding;
            self.tell(tx, &subject, service.account, "token exchange".into(), audience)?;
            self.sign(tx, claims)
        })
    }

    /// The live session that a token stands for, when nothing but the token was shown. Tokens that are bound to a key or a
    /// certificate, and those with which somebody acts for another, are refused here: see [`AccessTokens::check`].
    ///
    /// # Errors
    /// As [`AccessTokens::check`].
    pub fn verify(&self, token: &str) -> Result<Session, Error> {
        self.verify_shown(token, &Shown::NOTHING)
    }

    /// The same, with what was shown beside the token.
    ///
    /// # Errors
    /// As [`AccessTokens::check`].
    pub fn verify_shown(&self, token: &str, shown: &Shown) -> Result<Session, Error> {
        let access = self.check(token, shown)?;
        // A service that does not know of actors would take the one who acts for the one whose matters they are.
        if access.claims.actors.is_empty() { Ok(access.session) } else { Err(CoreError::Rejected.into()) }
    }

    /// What a token stands for. With each call the session is looked up, its account's limits held against the time and
    /// [`Shown::address`] ([`Error::OutsideLimits`]), its account's epoch compared, and the power, the
    /// actors and the family that the token names must still be good.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for anything but an unexpired token of this cabinet for this audience, shown by whom it is
    /// bound to; [`Error::SessionEnded`] when its session is over; [`Error::NotAllowed`] when its power is; the vault's and
    /// the store's.
    pub fn check(&self, token: &str, shown: &Shown) -> Result<Access, Error> {
        let compact = Compact::parse(token, LONGEST)?;
        self.cabinet.vault().transact(|tx| {
            let claims = self.open(tx, &compact)?;
            claims.allow(self.cabinet.issuer(), &self.audience, tx.now(), claims::OURS)?;
            shown.fits(&claims.binding)?;
            self.stands_for(tx, claims, shown.address)
        })
    }

    /// Checks the signature before anything that it covers is believed (RFC 8725 §3.2). The algorithm is that of the key; the
    /// header can only agree.
    pub(super) fn open(&self, tx: &mut Transaction<'_>, compact: &Compact<'_>) -> Result<Claims, Error> {
        let (algorithm, name) = claims::header(compact)?;
        let ready = keys::checking(tx, self.cabinet)?;
        let ready = ready.iter().find(|ready| ready.name == name).ok_or(CoreError::Rejected)?;
        if JwsAlgorithm::named(algorithm) != Some(ready.algorithm) {
            return Err(CoreError::Rejected.into());
        }
        let signature = compact.signature(&ready.key)?;
        let message = Prepared::Message(compact.signed.as_bytes());
        signing::verify_with(tx, &ready.key, ready.algorithm.mechanism(), message, &signature)?;
        Ok(Claims::read(&compact.payload()?)?)
    }

    pub(super) fn stands_for(
        &self,
        tx: &mut Transaction<'_>,
        mut claims: Claims,
        address: Option<IpAddr>,
    ) -> Result<Access, Error> {
        let rejected = || Error::Core(CoreError::Rejected);
        let session = SessionId(claims::id(&claims.session)?);
        let session = self.cabinet.session_in_from(tx, session, address)?;
        if session.epoch != claims.epoch {
            return Err(rejected());
        }
        if let Some(family) = &claims.family {
            Family::of_token(tx, FamilyId(claims::id(family)?), session.id)?;
        }
        let mut services = claims.actors.as_slice();
        let (subject, power) = match &mut claims.power {
            None => (session.account, None),
            Some(granted) => {
                let (agent, before) = services.split_last().ok_or_else(rejected)?;
                if *agent != session.account.to_string() {
                    return Err(rejected());
                }
                services = before;
                let (principal, power) = self.cabinet.acting_in(tx, &session, granted.power()?)?;
                granted.narrow(&power);
                if granted.rights.is_empty() {
                    return Err(Error::NotAllowed);
                }
                (principal.id, Some(power))
            }
        };
        for service in services {
            self.cabinet.account_in(tx, AccountId(claims::id(service)?))?;
        }
        if subject.to_string() != claims.subject {
            return Err(rejected());
        }
        Ok(Access { claims, session, subject, power })
    }

    /// The public key that signs, for services that check tokens without asking us, in PEM.
    ///
    /// # Errors
    /// [`CoreError::KeyState`] when the token key was put aside; the vault's and the store's.
    pub fn public_key_pem(&self) -> Result<String, Error> {
        keys::pem(self.cabinet)
    }

    /// The public keys as a JWK set (RFC 7517 §5): every version that still checks tokens, the one that signs first.
    ///
    /// # Errors
    /// As [`AccessTokens::public_key_pem`].
    pub fn jwks(&self) -> Result<String, Error> {
        keys::jwks(self.cabinet)
    }
}
