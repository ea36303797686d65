//! Keys that a device holds (P-256): a signature over a challenge, and approval on another device with number matching
//! (`docs/formats/device.md`). Against tiring somebody into approving: the person types the number that the waiting page shows,
//! which whoever begins elsewhere does not show him; a wrong one ends the request; and a device is asked a few times an hour.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use zamok_core::Error as CoreError;
use zamok_core::event::{Detail, EventKind};
use zamok_core::signature::VerifyingKey;
use zamok_core::vault::Transaction;
use zamok_core::vault::issued::{self, Binding};
use zamok_core::wire::hex;

use super::{Factor, FactorId, FactorKind, Holding};
use crate::Cabinet;
use crate::account::{self, Account};
use crate::challenge::{Challenge, ChallengeRecord, Enrolment, State, Step};
use crate::device::{self, DeviceId};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::outbox::{Message, MessageKind};
use crate::throttle::{Caller, WrongAnswers};

/// What a device says with a signature. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum DeviceAnswer {
    /// That it is there, for a challenge that is answered by a certificate.
    Sign = 1,
    /// That its owner approves.
    Approve = 2,
    /// That its owner does not.
    Decline = 3,
}

impl DeviceAnswer {
    /// The bytes that the device signs: for a question or a request of the cabinet, with the number that its owner typed where he
    /// approves, and an empty one elsewhere.
    #[must_use]
    pub fn message(self, question: &[u8], number: &str) -> Vec<u8> {
        [b"zamok/device/v1".as_slice(), &[self as u8], question, number.as_bytes()].concat()
    }
}

pub(super) fn message(binding: &Binding, answer: DeviceAnswer, number: &str) -> Vec<u8> {
    answer.message(&binding.to_bytes(), number)
}

/// Whether a text is a signature by this key, in base64url: of the fixed form (RFC 7518 §3.4), or in DER.
pub(super) fn verifies(key: &VerifyingKey, message: &[u8], text: &str) -> bool {
    const LONGEST: usize = 128;
    if text.len() > LONGEST {
        return false;
    }
    let Ok(signature) = Base64UrlUnpadded::decode_vec(text.trim_end_matches('=')) else { return false };
    verifies_bytes(key, message, &signature)
}

fn verifies_bytes(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    match signature.len() {
        64 => key.verify_fixed(message, signature).is_ok(),
        _ => key.verify_der(message, signature).is_ok(),
    }
}

fn public_key(der: &[u8]) -> Result<VerifyingKey, Error> {
    match VerifyingKey::from_spki_der(der) {
        Ok(key @ VerifyingKey::P256(_)) => Ok(key),
        _ => Err(Error::PublicKeyUnusable),
    }
}

impl Cabinet {
    /// Offers a P-256 key that a device holds, by its public key (SubjectPublicKeyInfo in DER). The test is its signature over what
    /// [`Cabinet::enrolment_question`] gives, as [`DeviceAnswer::Sign`].
    ///
    /// # Errors
    /// [`Error::PublicKeyUnusable`]; otherwise as [`Cabinet::offer_generator`].
    pub fn offer_certificate(
        &self,
        enrolment: &Enrolment,
        public_key_der: &[u8],
        label: &str,
    ) -> Result<(), Error> {
        let key = public_key(public_key_der)?;
        self.vault.transact(|tx| {
            let holding = |_: &mut Transaction<'_>, _: &mut _, _| Ok(Holding::Public(key.clone()));
            self.offer_factor(tx, enrolment, FactorKind::Certificate, label, holding).map(|_| ())
        })
    }

    /// Offers approval on a known device of the account (R9, R21), by the public key that the device made for it
    /// (SubjectPublicKeyInfo in DER, P-256), and asks the device for the test: [`Cabinet::approve`] with the number that
    /// [`Cabinet::enrolment_number`] gives.
    ///
    /// # Errors
    /// [`Error::PublicKeyUnusable`]; [`Error::DeviceUnknown`]; [`Error::ResendTooSoon`] and [`Error::TooManyMessages`]; otherwise
    /// as [`Cabinet::offer_generator`].
    pub fn offer_push(
        &self,
        enrolment: &Enrolment,
        id: DeviceId,
        public_key_der: &[u8],
        label: &str,
    ) -> Result<(), Error> {
        let key = public_key(public_key_der)?;
        self.counted(|tx| {
            let (mut challenge, record) =
                self.offer_factor(tx, enrolment, FactorKind::Push, label, |tx, record, _| {
                    let known = device::caller_of(tx, record.account.id, Some(id))?;
                    let holding = Holding::Device(id, key.clone());
                    if known == Caller::Device(id) { Ok(holding) } else { Err(Error::DeviceUnknown) }
                })?;
            self.send_first(tx, &mut challenge, &record.account, &[])?;
            challenge.put(tx)
        })
    }

    /// What a device signs to answer a challenge by its certificate: 85 bytes, for [`DeviceAnswer::message`].
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for a challenge that is over, was made up, or is answered otherwise; the vault's and the store's.
    pub fn question(&self, challenge: &Challenge) -> Result<Vec<u8>, Error> {
        self.asked(challenge.id, Evidence::Certificate, |_, binding| Ok(binding.to_bytes().to_vec()))
    }

    /// What a device signs to test the certificate of an enrolment.
    ///
    /// # Errors
    /// As [`Cabinet::question`].
    pub fn enrolment_question(&self, enrolment: &Enrolment) -> Result<Vec<u8>, Error> {
        self.asked(enrolment.id, Evidence::Certificate, |_, binding| Ok(binding.to_bytes().to_vec()))
    }

    /// The number to show to whoever waits for the approval of a device, who types it there. After [`Cabinet::send_again`] it is
    /// another one.
    ///
    /// # Errors
    /// As [`Cabinet::question`].
    pub fn number_to_show(&self, challenge: &Challenge) -> Result<String, Error> {
        self.asked(challenge.id, Evidence::Push, |tx, binding| self.number(tx, binding))
    }

    /// The number to show to whoever tests the approval of an enrolment.
    ///
    /// # Errors
    /// As [`Cabinet::question`].
    pub fn enrolment_number(&self, enrolment: &Enrolment) -> Result<String, Error> {
        self.asked(enrolment.id, Evidence::Push, |tx, binding| self.number(tx, binding))
    }

    fn asked<T>(
        &self,
        ticket: [u8; 16],
        by: Evidence,
        tell: impl Fn(&mut Transaction<'_>, &Binding) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.vault.transact(|tx| {
            let challenge = ChallengeRecord::held(tx, ticket)?
                .filter(|challenge| challenge.state == State::Open)
                .filter(|challenge| challenge.means.is_some_and(|means| means.evidence == by))
                .ok_or(CoreError::Rejected)?;
            let account = account::load(tx, challenge.account)?.account;
            if !challenge.is_alive(tx.now(), &account) {
                return Err(CoreError::Rejected.into());
            }
            tell(tx, &challenge.binding())
        })
    }

    /// The last digits of what would be sent, were it a code: bound to the challenge and its sending, and nowhere stored.
    fn number(&self, tx: &mut Transaction<'_>, binding: &Binding) -> Result<String, Error> {
        // No code that is sent has this purpose.
        let binding = Binding { purpose: binding.purpose | 0x80, ..*binding };
        let code = issued::code(tx, self.challenge_key, &binding, self.policy.issued.digits())?;
        let digits = usize::from(self.policy.push.digits).min(code.as_str().len());
        Ok(code.as_str()[code.as_str().len() - digits..].to_owned())
    }

    /// A device approves what it was asked, as the field `request` of its message says, with the number that its owner typed and a
    /// signature over both as [`DeviceAnswer::Approve`]. Whoever waits goes on then. A wrong number ends the request, and with it
    /// the challenge: two digits bear no second guess.
    ///
    /// # Errors
    /// [`CoreError::Rejected`] for everything that approves nothing; the vault's and the store's.
    pub fn approve(&self, request: &[u8], number: &str, signature: &[u8]) -> Result<(), Error> {
        let approved = self.counted(|tx| {
            let asked = self.request(tx, request, DeviceAnswer::Approve, number, signature)?;
            let Some((mut challenge, account, factor)) = asked else { return Ok::<_, Error>(false) };
            let right = self.number(tx, &challenge.binding())?;
            if bool::from(subtle::ConstantTimeEq::ct_eq(right.as_bytes(), number.as_bytes())) {
                challenge.step(Step::Approve)?;
                challenge.put(tx)?;
                told(tx, EventKind::ApprovalGiven, &account, &challenge, &factor)?;
                return Ok(true);
            }
            self.count_or_full(tx, &account, &challenge)?;
            challenge.charge(tx, &account, None, 1)?;
            Ok(false)
        })?;
        if approved { Ok(()) } else { Err(CoreError::Rejected.into()) }
    }

    /// A device declines what it was asked, with a signature as [`DeviceAnswer::Decline`]. The challenge is over, and the owner is
    /// told: somebody has the password.
    ///
    /// # Errors
    /// As [`Cabinet::approve`].
    pub fn decline(&self, request: &[u8], signature: &[u8]) -> Result<(), Error> {
        let declined = self.counted(|tx| {
            let asked = self.request(tx, request, DeviceAnswer::Decline, "", signature)?;
            let Some((mut challenge, account, factor)) = asked else { return Ok::<_, Error>(false) };
            challenge.step(Step::Decline)?;
            challenge.put(tx)?;
            self.count_or_full(tx, &account, &challenge)?;
            told(tx, EventKind::ApprovalDeclined, &account, &challenge, &factor)?;
            let notice = Message::notice(tx, MessageKind::ApprovalDeclined, account.id);
            notice.with("client", &challenge.client).post(tx)?;
            Ok(true)
        })?;
        if declined { Ok(()) } else { Err(CoreError::Rejected.into()) }
    }

    /// Counts a wrong answer where there is room for it. Where there is none, the request ends all the same: a full budget must not
    /// keep it open.
    fn count_or_full(
        &self,
        tx: &mut Transaction<'_>,
        account: &Account,
        challenge: &ChallengeRecord,
    ) -> Result<(), Error> {
        let wrong = WrongAnswers::of(tx, &self.policy.budget, Some(account.id), challenge.caller)?;
        if !wrong.are_too_many() {
            wrong.count(tx);
        }
        Ok(())
    }

    /// The open challenge that a request was sent for last, when the device that it was sent to has signed this answer.
    fn request(
        &self,
        tx: &mut Transaction<'_>,
        request: &[u8],
        answer: DeviceAnswer,
        number: &str,
        signature: &[u8],
    ) -> Result<Option<(ChallengeRecord, Account, Factor)>, Error> {
        const LONGEST: usize = 128;
        if signature.len() > LONGEST || number.len() > LONGEST {
            return Ok(None);
        }
        let Some(id) = request.first_chunk::<16>() else { return Ok(None) };
        let Some(challenge) = ChallengeRecord::load(tx, *id)? else { return Ok(None) };
        let account = account::load(tx, challenge.account)?.account;
        let Some(means) = challenge.means.filter(|means| means.evidence == Evidence::Push) else {
            return Ok(None);
        };
        let open = challenge.state == State::Open && challenge.is_alive(tx.now(), &account);
        let listed = account.factors.iter().any(|id| id.0 == means.factor);
        // One that was sent before another is no request any more.
        if !open || !listed || challenge.binding().to_bytes().as_slice() != request {
            return Ok(None);
        }
        let factor = Factor::load(tx, FactorId(means.factor), account.id)?;
        let Holding::Device(device, key) = &factor.holding else { return Ok(None) };
        let known = device::caller_of(tx, account.id, Some(*device))? == Caller::Device(*device);
        let signed = verifies_bytes(key, &message(&challenge.binding(), answer, number), signature);
        Ok((known && signed).then_some((challenge, account, factor)))
    }
}

fn told(
    tx: &mut Transaction<'_>,
    kind: EventKind,
    account: &Account,
    challenge: &ChallengeRecord,
    factor: &Factor,
) -> Result<(), Error> {
    let detail = Detail::new().with("challenge", hex(&challenge.id)).with("factor", factor.id.to_string());
    tx.event(kind, Some(account.subject), &challenge.row(), &detail)?;
    Ok(())
}
