//! How a challenge is answered: by which of the account's factors.

use super::Purpose;
use crate::account::Account;
use crate::error::Error;
use crate::evidence::Evidence;
use crate::factor::FactorId;
use crate::watch::{Answer, Decision};

/// One way in which an account can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Means {
    pub(crate) evidence: Evidence,
    /// The id of the factor; zeros where a contact is verified that is none.
    pub(crate) factor: [u8; 16],
    /// The contact to which a code is sent; `None` where none is.
    pub(crate) contact: Option<[u8; 16]>,
}

/// What a client asks to answer with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) evidence: Option<Evidence>,
    pub(crate) factor: Option<FactorId>,
}

impl Wanted {
    /// Whether it is what the client asks for.
    pub(crate) fn takes(self, means: &Means) -> bool {
        self.evidence.is_none_or(|evidence| means.evidence == evidence)
            && self.factor.is_none_or(|factor| means.factor == factor.0)
    }
}

/// How strong an answer a challenge takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// As policy says.
    Usual,
    /// The strongest that the account has: the watch wants more than usual.
    Strongest,
}

impl Demand {
    pub(crate) fn of(found: &Decision) -> Self {
        if found.answer() == Answer::StepUp { Self::Strongest } else { Self::Usual }
    }

    /// What is too weak for it begins below this strength.
    pub(crate) fn weakest(self, means: &[Means]) -> u8 {
        match self {
            Self::Usual => 0,
            Self::Strongest => means.iter().map(|means| means.evidence.strength()).max().unwrap_or(0),
        }
    }
}

impl Means {
    /// Whether something leaves through the outbox: a code, or a request to a device.
    pub(crate) fn sends(&self) -> bool {
        self.contact.is_some() || self.evidence == Evidence::Push
    }

    /// Whether the account still has it: what another enrolment offered meanwhile took the place of what waited for its test.
    pub(crate) fn is_there(&self, account: &Account) -> bool {
        let factor = self.factor == [0; 16] || account.factors.iter().any(|id| id.0 == self.factor);
        let listed = |id: [u8; 16]| account.contacts.iter().any(|contact| contact.id.0 == id);
        factor && self.contact.is_none_or(listed)
    }

    /// Whether a challenge can be answered so that began with this. A PIN is as little held as a password is: whoever logs in with the
    /// password is not asked for it, and whoever began by showing a device answers with nothing else (decision 71).
    pub(crate) fn suits(&self, purpose: Purpose, shown: &[Evidence]) -> bool {
        purpose != Purpose::Login || (self.evidence == Evidence::Pin) == (shown == [Evidence::Device])
    }

    /// Whether it is an answer to this sort of challenge, where nothing below `weakest` is taken.
    pub(crate) const fn serves(&self, purpose: Purpose, weakest: u8) -> bool {
        // A PIN is taken on its own device alone, which is the other factor then; and confirms nothing.
        let as_pin = matches!(self.evidence, Evidence::Pin) && !matches!(purpose, Purpose::Operation);
        as_pin || self.evidence.strength() >= weakest
    }

    /// What is too weak for this sort of challenge begins below this strength, where policy takes nothing below `least`: an operation
    /// is confirmed by the strongest that the account has (R19).
    pub(crate) const fn weakest(purpose: Purpose, best: u8, least: u8) -> u8 {
        match purpose {
            // Whether the old channel agrees to a change is asked of it, however weak it is.
            Purpose::Agreement => 0,
            Purpose::Operation if best > least => best,
            Purpose::Operation if least == 0 => 1,
            _ => least,
        }
    }

    /// Picks the one that the client asks for, or the one that the account prefers. A client that asks for one that is too weak
    /// here gets none.
    ///
    /// # Errors
    /// [`Error::MethodUnavailable`] when the account has no such one; [`Error::MethodTooWeak`].
    pub(crate) fn pick(
        means: &[Self],
        wanted: Wanted,
        purpose: Purpose,
        weakest: u8,
    ) -> Result<Option<Self>, Error> {
        if means.is_empty() {
            return Ok(None);
        }
        let serves = |means: &&Self| means.serves(purpose, weakest);
        let asked = |means: &&Self| wanted.takes(means);
        if !means.iter().any(|means| asked(&means)) {
            return Err(Error::MethodUnavailable);
        }
        // Of equals the first, which stands first in the account's list.
        let picked = means.iter().filter(asked).find(serves);
        picked.copied().map(Some).ok_or(Error::MethodTooWeak)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(evidence: Evidence, number: u8) -> Means {
        Means { evidence, factor: [number; 16], contact: None }
    }

    #[test]
    fn a_client_that_asks_for_a_weaker_method_gets_none_where_money_moves() {
        use Evidence::{Email, Generator, Sms, Token};
        let all = [means(Sms, 1), means(Generator, 2), means(Generator, 3), means(Email, 4)];
        let pick = |evidence, purpose| {
            let wanted = Wanted { evidence, factor: None };
            let weakest = Means::weakest(purpose, Generator.strength(), 2);
            Means::pick(&all, wanted, purpose, weakest).map(|means| means.unwrap().factor[0])
        };
        assert_eq!(pick(None, Purpose::Login), Ok(1));
        assert_eq!(pick(None, Purpose::Operation), Ok(2));
        assert_eq!(pick(Some(Sms), Purpose::Login), Ok(1));
        assert_eq!(pick(Some(Sms), Purpose::Operation), Err(Error::MethodTooWeak));
        assert_eq!(pick(Some(Email), Purpose::Operation), Err(Error::MethodTooWeak));
        assert_eq!(pick(Some(Email), Purpose::Login), Err(Error::MethodTooWeak), "policy takes no e-mail");
        assert_eq!(pick(Some(Generator), Purpose::Operation), Ok(2));
        assert_eq!(pick(Some(Token), Purpose::Login), Err(Error::MethodUnavailable));
        let third = Wanted { evidence: None, factor: Some(FactorId([3; 16])) };
        assert_eq!(Means::pick(&all, third, Purpose::Operation, 2).unwrap().unwrap().factor[0], 3);
        let first = Wanted { evidence: Some(Generator), factor: Some(FactorId([1; 16])) };
        assert_eq!(Means::pick(&all, first, Purpose::Login, 2), Err(Error::MethodUnavailable));
        let sms = Wanted { evidence: Some(Sms), factor: None };
        assert_eq!(Means::pick(&all[..1], sms, Purpose::Operation, 2).unwrap().unwrap().factor[0], 1);
        // A token that is not at hand: nothing weaker confirms. A PIN confirms nothing at all.
        let weakest = Means::weakest(Purpose::Operation, Token.strength(), 2);
        assert_eq!(
            Means::pick(&all, Wanted::default(), Purpose::Operation, weakest),
            Err(Error::MethodTooWeak)
        );
        let pin = [means(Evidence::Pin, 5)];
        let weakest = Means::weakest(Purpose::Operation, 0, 0);
        assert_eq!(
            Means::pick(&pin, Wanted::default(), Purpose::Operation, weakest),
            Err(Error::MethodTooWeak)
        );
        assert!(Means::pick(&pin, Wanted::default(), Purpose::Again, 2).is_ok());
        assert_eq!(Means::pick(&[], Wanted::default(), Purpose::Login, 2), Ok(None));
    }
}
