//! Logging in by a phone alone (R11): a code is sent to it, and opens a session of low assurance, where policy and the account allow
//! it. Nobody is told whether a phone is known: whatever happens, a challenge comes back.

use zamok_core::event::{Detail, EventKind};
use zamok_core::vault::Transaction;
use zamok_core::wire::hex;

use super::{Approach, Challenge, ChallengeRecord, Means, NewChallenge, Purpose};
use crate::Cabinet;
use crate::account::{self, AccountRecord, AccountState, ContactKind, Role};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::factor;
use crate::throttle::{Bucket, Budget, Caller, Way, WrongAnswers};
use crate::watch::{self, Answer, Facts, Occasion, Outcome};

impl Cabinet {
    /// Sends a code to a phone, and opens the challenge that it answers ([`Cabinet::answer`]): a login without a password (R11). The
    /// account's only sort of factor must be codes to this phone: a stronger one cannot be gone around so. A phone that is not known, or
    /// that no code is sent to now, gets a challenge as well, which nothing answers.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] where [`ContactPolicy::login`](crate::ContactPolicy::login) does not allow it;
    /// [`Error::ContactUnusable`]; the vault's and the store's.
    pub fn begin_login_by_phone(&self, phone: &str, approach: &Approach) -> Result<Challenge, Error> {
        if !self.policy.contact.login {
            return Err(Error::NotAllowed);
        }
        let (kind, address) = ContactKind::parse(phone)?;
        if kind != ContactKind::Phone {
            return Err(Error::ContactUnusable);
        }
        self.watched(|tx| {
            let found = account::find_contact(tx, kind, &address)?;
            let begun = match (self.is_welcome(tx, found.as_ref(), &address, approach)?, found) {
                (true, Some(record)) => self.by_phone(tx, &record, &address, approach)?,
                _ => None,
            };
            if let Some(challenge) = begun {
                return challenge.told();
            }
            // Nobody's: it is stored nowhere, and looks like one.
            let expires = tx.now().plus(self.policy.issued.lifetime);
            Ok(Challenge { id: tx.env().random(), expires, by: Evidence::Sms })
        })
    }

    /// Whether the watch has nothing against it. There is nothing more to show than the code.
    fn is_welcome(
        &self,
        tx: &mut Transaction<'_>,
        found: Option<&AccountRecord>,
        address: &str,
        approach: &Approach,
    ) -> Result<bool, Error> {
        let bucket = Bucket::of(tx, address)?;
        let budget = Budget::of_nobody(tx, bucket, Way::Phone)?;
        let caller = match found {
            Some(record) => self.caller(tx, &record.account, approach.device.as_ref())?,
            None => Caller::Stranger,
        };
        let account = found.map(|record| &record.account);
        let facts = Facts {
            occasion: Occasion::Login,
            time: tx.now(),
            account: account.map_or(bucket.id(), |account| account.id),
            roles: account.map_or(Role::Citizen.into(), |account| account.roles),
            device: watch::device_of(caller),
            address: approach.address,
            client: Approach::cut(&approach.client),
            parameters: &[],
        };
        let (decision, subject) = (self.ask_watch(tx, &facts)?, account.map(|account| account.subject));
        if decision.answer() >= Answer::StepUp {
            let throttle = &self.policy.password.throttle;
            self.refuse_found(tx, budget, throttle, &facts, &decision, subject)?;
            return Ok(false);
        }
        let row = account.map_or(budget.row().clone(), |account| account.id.row());
        self.tell_found(tx, &facts, &decision, subject, &row)?;
        self.tell_watch(tx, &facts, Outcome::Right)?;
        Ok(true)
    }

    fn by_phone(
        &self,
        tx: &mut Transaction<'_>,
        record: &AccountRecord,
        address: &str,
        approach: &Approach,
    ) -> Result<Option<ChallengeRecord>, Error> {
        let account = &record.account;
        let caller = self.caller(tx, account, approach.device.as_ref())?;
        let found = factor::means(tx, account, caller)?;
        let own = |means: &Means| {
            let contact = account.contacts.iter().find(|contact| Some(contact.id.0) == means.contact);
            contact.is_some_and(|contact| contact.kind == ContactKind::Phone && contact.address == address)
        };
        let weakest = self.policy.factor.weakest;
        // One that cannot be used now is a stronger one still: blocking a lost device opens no shorter way in.
        let stronger = found.best > Evidence::Sms.strength();
        let picked =
            found.usable.iter().find(|means| own(means) && means.evidence.strength() >= weakest).copied();
        let open = account.state == AccountState::Open && account.limits.allow(tx.now(), approach.address);
        let spent = WrongAnswers::of(tx, &self.policy.budget, Some(account.id), caller)?.are_too_many();
        let Some(means) = picked.filter(|_| open && !stronger && !spent) else { return Ok(None) };
        let mut challenge = ChallengeRecord::begin(
            tx,
            NewChallenge {
                purpose: Purpose::Login,
                account,
                session: None,
                operation: None,
                means: Some(means),
                caller,
                address: approach.address,
                shown: Vec::new(),
                client: Approach::cut(&approach.client),
                language: Approach::cut(&approach.language),
                lifetime: self.lifetime(means),
            },
        )?;
        match self.send_first(tx, &mut challenge, account, &[]) {
            Ok(()) => {}
            // Whether a code is sent now is not told either.
            Err(Error::ResendTooSoon { .. } | Error::TooManyMessages) => return Ok(None),
            Err(error) => return Err(error),
        }
        challenge.put(tx)?;
        let detail = Detail::new().with("challenge", hex(&challenge.id));
        tx.event(EventKind::LoginStarted, Some(account.subject), &challenge.row(), &detail)?;
        Ok(Some(challenge))
    }
}
