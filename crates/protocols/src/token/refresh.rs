//! Refresh tokens: each is good once, and brings the next (RFC 9700 §4.14.2). Whoever uses one a second time has stolen it, or
//! was robbed of it: the family is over then, and its access tokens with it.
//!
//! No token is stored. Each is derived, by a key of the vault, from its family's sealed row, so that an old one is known for
//! what it is and a made-up one changes nothing.

use base64ct::{Base64UrlUnpadded, Encoding};
use zamok_cabinet::{Error, Session, SessionId};
use zamok_core::event::{Detail, EventKind};
use zamok_core::store::CounterKey;
use zamok_core::vault::{Transaction, issued};
use zamok_core::{Error as CoreError, UnixTime};
use zeroize::Zeroizing;

use super::access::{AccessTokens, Grant};
use super::claims::{self, LONGEST};
use super::family::{Family, FamilyId};
use super::keys::secret;
use super::sender::Shown;
use crate::jose::Compact;

/// A refresh token: a secret of its client. `Debug` shows the family, which is none.
pub struct RefreshToken {
    pub(super) family: FamilyId,
    pub(super) generation: u32,
    pub(super) proof: Zeroizing<[u8; 32]>,
}

/// What a client is given. `Debug` does not show the access token.
pub struct Granted {
    /// An access token.
    pub access: String,
    /// When it expires.
    pub expires: UnixTime,
    /// The refresh token that replaces the one before.
    pub refresh: RefreshToken,
}

impl RefreshToken {
    const PREFIX: &str = "zamok-refresh-";
    /// Family, generation, proof: 52 bytes.
    const LENGTH: usize = 70;

    /// The token as text, for the client to keep.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; 52]);
        bytes[..16].copy_from_slice(&self.family.0);
        bytes[16..20].copy_from_slice(&self.generation.to_be_bytes());
        bytes[20..].copy_from_slice(&*self.proof);
        let encoded = Zeroizing::new(Base64UrlUnpadded::encode_string(&*bytes));
        Zeroizing::new([Self::PREFIX, &encoded].concat())
    }

    /// Reads a token; whether it is a right one shows when it is used.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(Self::PREFIX).filter(|encoded| encoded.len() == Self::LENGTH)?;
        let mut bytes = Zeroizing::new([0; 52]);
        Base64UrlUnpadded::decode(encoded, &mut *bytes).ok()?;
        let (family, rest) = bytes.split_first_chunk::<16>()?;
        let (generation, proof) = rest.split_first_chunk::<4>()?;
        Some(Self {
            family: FamilyId(*family),
            generation: u32::from_be_bytes(*generation),
            proof: Zeroizing::new(proof.try_into().ok()?),
        })
    }
}

impl core::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RefreshToken({}, redacted)", self.family)
    }
}

impl core::fmt::Debug for Granted {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Granted(until {}, {:?})", self.expires.0, self.refresh)
    }
}

/// What a refresh token turned out to be.
enum Found {
    Good(Granted),
    /// It was used before.
    Reused,
}

impl AccessTokens<'_> {
    /// Gives a client of a live session an access token and a refresh token: the beginning of a family.
    ///
    /// # Errors
    /// As [`AccessTokens::issue_for`]; [`Error::TooMany`] for more families of one session than policy allows.
    pub fn grant(&self, session: &Session, grant: &Grant) -> Result<Granted, Error> {
        let limit = self.cabinet.policy().access.families;
        let granted = self.cabinet.vault().transact(|tx| {
            let session = self.cabinet.session_in_from(tx, session.id, session.address)?;
            let family = Family {
                id: FamilyId(tx.env().random()),
                account: session.account,
                session: session.id,
                audience: self.audience.clone(),
                binding: grant.binding,
                power: grant.power,
                expires: session.expires,
                salt: tx.env().random(),
                generation: 1,
                revoked: false,
            };
            family.put(tx)?;
            tx.add(CounterKey([b"families/", &session.id.0[..]].concat()), 1, limit.into());
            self.tell_of(tx, &family, EventKind::FamilyOpened, |detail| {
                detail.with("audience", &*self.audience).with("sender", grant.binding.name())
            })?;
            self.next(tx, &session, &family)
        });
        granted.map_err(|error| match error {
            Error::Core(CoreError::Capped) => {
                Error::TooMany { what: "families of refresh tokens", limit: limit as usize }
            }
            error => error,
        })
    }

    /// Takes a refresh token and gives the next, with a new access token. Of any number of callers with one token one wins.
    ///
    /// A token that is bound to nobody and is used a second time ends its family at once. One that is bound may come again
    /// until its successor was used: whoever lost the reply gets the same successor, and nobody else can ask.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for a token that is not good, or not shown by whom it is bound to; [`Error::SessionEnded`];
    /// [`Error::NotAllowed`] when the power that it acts by is over; the vault's and the store's.
    pub fn refresh(&self, refresh: &str, shown: &Shown) -> Result<Granted, Error> {
        let token = RefreshToken::parse(refresh).ok_or(CoreError::Rejected)?;
        let found = self.cabinet.vault().transact(|tx| {
            let mut family = self.family_of(tx, &token)?;
            if family.revoked || family.audience != self.audience {
                return Err(CoreError::Rejected.into());
            }
            shown.fits(&family.binding)?;
            if token.generation > family.generation {
                // It was made after this row: the row was put back.
                return Err(CoreError::Rejected.into());
            }
            let session = self.cabinet.session_in_from(tx, family.session, shown.address)?;
            let bound = family.binding != super::Binding::Bearer;
            if token.generation == family.generation {
                family.generation = family.generation.checked_add(1).ok_or(CoreError::CounterExhausted)?;
                family.put(tx)?;
            } else if !(bound && token.generation + 1 == family.generation) {
                family.revoked = true;
                family.put(tx)?;
                self.tell_of(tx, &family, EventKind::RefreshReused, |detail| detail)?;
                return Ok(Found::Reused);
            }
            self.next(tx, &session, &family).map(Found::Good)
        })?;
        match found {
            Found::Good(granted) => Ok(granted),
            Found::Reused => Err(CoreError::Rejected.into()),
        }
    }

    /// Ends what a token stands for (RFC 7009): of a refresh token its family, with every token of it; of an access token its
    /// family, and where it has none its session. A token that is not good is no error and ends nothing: also one that has expired, or
    /// is for another audience.
    ///
    /// # Errors
    /// The vault's and the store's.
    pub fn revoke(&self, token: &str, reason: &str) -> Result<(), Error> {
        let ended = match RefreshToken::parse(token) {
            Some(token) => self.cabinet.vault().transact(|tx| {
                let family = self.family_of(tx, &token)?;
                if family.audience != self.audience {
                    return Err(CoreError::Rejected.into());
                }
                self.end(tx, family, reason)
            }),
            None => self.revoke_access(token, reason),
        };
        match ended {
            Err(Error::Core(CoreError::Rejected) | Error::SessionEnded | Error::NotAllowed) => Ok(()),
            ended => ended,
        }
    }

    fn revoke_access(&self, token: &str, reason: &str) -> Result<(), Error> {
        let compact = Compact::parse(token, LONGEST)?;
        let session = self.cabinet.vault().transact(|tx| {
            // Whoever has it may give it up; he need not show what it is bound to.
            let claims = self.open(tx, &compact)?;
            claims.allow(self.cabinet.issuer(), &self.audience, tx.now(), claims::OURS)?;
            match self.stands_for(tx, claims.clone(), None) {
                // From wherever he may not use it.
                Ok(_) | Err(Error::OutsideLimits) => {}
                Err(error) => return Err(error),
            }
            match &claims.family {
                None => Ok(Some(SessionId(claims::id(&claims.session)?))),
                Some(family) => {
                    let family = Family::load(tx, FamilyId(claims::id(family)?))?;
                    self.end(tx, family.ok_or(CoreError::Rejected)?, reason)?;
                    Ok::<_, Error>(None)
                }
            }
        })?;
        session.map_or(Ok(()), |session| self.cabinet.end_session(session, reason))
    }

    fn end(&self, tx: &mut Transaction<'_>, mut family: Family, reason: &str) -> Result<(), Error> {
        if !family.revoked {
            family.revoked = true;
            family.put(tx)?;
            self.tell_of(tx, &family, EventKind::FamilyRevoked, |detail| detail.with("reason", reason))?;
        }
        Ok(())
    }

    /// The family of a token that is one of its tokens, good or not any more.
    pub(super) fn family_of(&self, tx: &mut Transaction<'_>, token: &RefreshToken) -> Result<Family, Error> {
        let family = Family::load(tx, token.family)?.ok_or(CoreError::Rejected)?;
        let key = secret(tx)?;
        issued::check_token(tx, key, &family.subject(token.generation), &token.proof)?;
        Ok(family)
    }

    fn next(&self, tx: &mut Transaction<'_>, session: &Session, family: &Family) -> Result<Granted, Error> {
        let grant = Grant { binding: family.binding, power: family.power };
        let (access, expires) = self.issue_in(tx, session, &grant, Some(family.id))?;
        let key = secret(tx)?;
        let proof = issued::token(tx, key, &family.subject(family.generation))?;
        let refresh = RefreshToken { family: family.id, generation: family.generation, proof };
        Ok(Granted { access, expires, refresh })
    }

    fn tell_of(
        &self,
        tx: &mut Transaction<'_>,
        family: &Family,
        kind: EventKind,
        more: impl FnOnce(Detail) -> Detail,
    ) -> Result<(), Error> {
        let subject = self.cabinet.account_in(tx, family.account).map(|account| account.subject).ok();
        let detail =
            Detail::new().with("family", family.id.to_string()).with("session", family.session.to_string());
        tx.event(kind, subject, &family.id.row(), &more(detail))?;
        Ok(())
    }
}
