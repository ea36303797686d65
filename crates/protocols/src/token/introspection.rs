//! What the issuer says of a token to a service that asks (RFC 7662 §2.2).

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use zamok_cabinet::Error;
use zamok_core::Error as CoreError;

use super::access::AccessTokens;
use super::claims::{GrantedPower, LONGEST, OURS};
use super::refresh::RefreshToken;
use crate::jose::Compact;

/// The answer. Of a token that is not good it says nothing but that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspection(Option<Map<String, Value>>);

impl Introspection {
    /// Whether the token is good.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.0.is_some()
    }

    /// The answer as JSON: `{"active":false}`, or `active` with what the token says.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.0 {
            None => json!({"active": false}),
            Some(members) => {
                let mut members = members.clone();
                members.insert("active".into(), true.into());
                Value::Object(members)
            }
        }
    }
}

impl AccessTokens<'_> {
    /// Says what an access or a refresh token of this audience is worth, to a service that has shown that it may ask. Whether
    /// whoever came with it has shown the key or the certificate of `cnf` is for the service to check.
    ///
    /// # Errors
    /// The vault's and the store's; a token that is not good is an answer.
    pub fn introspect(&self, token: &str) -> Result<Introspection, Error> {
        self.introspect_from(token, None)
    }

    /// The same, for a service that tells from which address the token came to it: that of an account whose limits name
    /// networks is not good from another one, nor from an unknown one (R18).
    ///
    /// # Errors
    /// As [`AccessTokens::introspect`].
    pub fn introspect_from(&self, token: &str, address: Option<IpAddr>) -> Result<Introspection, Error> {
        let found = match RefreshToken::parse(token) {
            Some(token) => self.introspect_refresh(&token, address),
            None => self.introspect_access(token, address),
        };
        match found {
            Ok(members) => Ok(Introspection(Some(members))),
            Err(
                Error::Core(CoreError::Rejected)
                | Error::SessionEnded
                | Error::NotAllowed
                | Error::OutsideLimits,
            ) => Ok(Introspection(None)),
            Err(error) => Err(error),
        }
    }

    fn introspect_access(&self, token: &str, address: Option<IpAddr>) -> Result<Map<String, Value>, Error> {
        let compact = Compact::parse(token, LONGEST)?;
        self.cabinet.vault().transact(|tx| {
            let claims = self.open(tx, &compact)?;
            claims.allow(self.cabinet.issuer(), &self.audience, tx.now(), OURS)?;
            let access = self.stands_for(tx, claims, address)?;
            let mut members = access.claims.to_json();
            members.insert("token_type".into(), access.claims.binding.token_type().into());
            let subject = self.cabinet.account_in(tx, access.subject)?;
            members.insert("username".into(), subject.login.into());
            Ok(members)
        })
    }

    fn introspect_refresh(
        &self,
        token: &RefreshToken,
        address: Option<IpAddr>,
    ) -> Result<Map<String, Value>, Error> {
        self.cabinet.vault().transact(|tx| {
            let family = self.family_of(tx, token)?;
            if family.revoked || family.audience != self.audience || family.generation != token.generation {
                return Err(Error::Core(CoreError::Rejected));
            }
            let session = self.cabinet.session_in_from(tx, family.session, address)?;
            let mut members = Map::new();
            members.insert("iss".into(), self.cabinet.issuer().into());
            let (mut subject, mut expires) = (session.account, session.expires);
            if let Some(power) = family.power {
                let (principal, power) = self.cabinet.acting_in(tx, &session, power)?;
                (subject, expires) = (principal.id, expires.min(power.terms.until));
                members.insert("act".into(), json!({"sub": session.account.to_string()}));
                members.insert("authorization_details".into(), GrantedPower::of(&power).to_json());
            }
            members.insert("sub".into(), subject.to_string().into());
            members.insert("aud".into(), family.audience.into());
            members.insert("exp".into(), expires.0.into());
            members.insert("sid".into(), session.id.to_string().into());
            if let Some(confirmation) = family.binding.confirmation() {
                members.insert("cnf".into(), confirmation);
            }
            Ok(members)
        })
    }
}
