//! Checking an answer: each kind of factor by what it is made of, and charged where guesses at it are charged.

use zamok_core::Error as CoreError;
use zamok_core::event::{Detail, EventKind};
use zamok_core::otp::Verdict;
use zamok_core::vault::{Transaction, spend};

use super::{Factor, FactorKind, FactorState, FactorStep, Holding, PinRecipe};
use crate::Cabinet;
use crate::account::{Account, Contact};
use crate::challenge::{ChallengeRecord, Means, Purpose, RequestId, State};
use crate::error::Error;
use crate::machine::Machine;
use crate::throttle::{Budget, Caller};

/// What was typed, and what had to be made of it before.
pub(crate) struct Typed<'a> {
    pub(crate) text: &'a str,
    /// The hash of a PIN, with the recipe by which it was made.
    pub(crate) pin: Option<(PinRecipe, [u8; 32])>,
}

/// One attempt at a challenge.
#[derive(Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) typed: &'a Typed<'a>,
    pub(crate) request: RequestId,
}

/// What the check of an answer amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    /// It is right, and spent.
    Right,
    /// It is wrong, and charged. One too many disables the factor for this caller.
    Wrong { disabled: bool },
    /// It was not looked at.
    Unseen,
    /// A device has not approved yet.
    Waiting,
    /// The hash of a PIN is needed first.
    Hash(PinRecipe),
}

impl Cabinet {
    /// Checks an answer, and spends it; a wrong one is charged to its caller's budget. A factor that the account does not list any
    /// more, or that is disabled, looks like a wrong code; the journal knows why.
    pub(crate) fn check_factor(
        &self,
        tx: &mut Transaction<'_>,
        account: &Account,
        challenge: &ChallengeRecord,
        means: &Means,
        typed: &Typed<'_>,
    ) -> Result<Checked, Error> {
        // A contact that is no factor agrees to be replaced by a code of its own.
        if means.factor == [0; 16] && challenge.purpose == Purpose::Agreement {
            let there = |contact: &Contact| Some(contact.id.0) == means.contact && contact.verified;
            let there = account.contacts.iter().any(there);
            return if there { self.check_sent(tx, challenge, typed.text) } else { Ok(Checked::Unseen) };
        }
        let Some(id) = account.factors.iter().find(|id| id.0 == means.factor) else {
            return Ok(Checked::Unseen);
        };
        let mut factor = Factor::load(tx, *id, account.id)?;
        let counts = match challenge.purpose {
            // Where a password of before asks, what still counts takes back that it was changed.
            Purpose::Undo if factor.state == FactorState::Active => challenge.former.is_some(),
            Purpose::Undo => factor.aside.is_some_and(|aside| tx.now() < aside.until),
            _ => factor.state == FactorState::Active,
        };
        if !counts {
            return Ok(Checked::Unseen);
        }
        let checked = match factor.holding {
            Holding::Contact(_) => self.check_sent(tx, challenge, typed.text)?,
            Holding::Device(..) | Holding::Public(_) => {
                self.check_holding(tx, challenge, &factor, typed, challenge.caller)?
            }
            Holding::Key(_) | Holding::Pin(..) => {
                self.check_guessable(tx, account, challenge, &factor, typed)?
            }
        };
        if checked == Checked::Right && challenge.purpose != Purpose::Undo {
            factor.step(FactorStep::Use)?;
            let now = tx.now();
            // Remembered no more exactly than the use of sessions: a write for every login would be one more.
            if now.since(factor.last_used) >= self.policy.session.touch {
                factor.last_used = now;
                factor.put(tx)?;
            }
        }
        Ok(checked)
    }

    /// What can be guessed at has a budget for each caller.
    fn check_guessable(
        &self,
        tx: &mut Transaction<'_>,
        account: &Account,
        challenge: &ChallengeRecord,
        factor: &Factor,
        typed: &Typed<'_>,
    ) -> Result<Checked, Error> {
        let mut spend = self.policy.one_time();
        if challenge.purpose == Purpose::Operation {
            spend.window = self.policy.generator.spend_high_value().window;
        }
        spend.throttle = match (&factor.holding, factor.kind) {
            (Holding::Pin(..), _) => self.policy.pin.throttle,
            (_, FactorKind::Token) => self.policy.token.throttle,
            _ => spend.throttle,
        };
        let throttle = spend.throttle;
        let mut budget = Budget::of(tx, factor.id.0, challenge.caller)?;
        if budget.is_delayed(tx.now()) {
            budget.refuse(tx, Some(account.subject), &throttle, None)?;
            return Ok(Checked::Unseen);
        }
        let right = match &factor.holding {
            Holding::Key(key) => {
                let charged = budget.row().clone();
                match spend::verify_charging(tx, *key, typed.text, &spend, &mut budget.failures, &charged) {
                    Err(CoreError::KeyState(_)) => return Ok(Checked::Unseen),
                    verdict => matches!(verdict?, Verdict::Accepted { .. }),
                }
            }
            _ => match self.check_holding(tx, challenge, factor, typed, challenge.caller)? {
                Checked::Right => {
                    budget.failures.succeed();
                    true
                }
                Checked::Wrong { .. } => {
                    if budget.failures.fail(tx.now(), &throttle) {
                        budget.failures.not_before = spend::Failures::NEVER;
                    }
                    let detail = Detail::new().with("reason", "wrong PIN");
                    tx.event(EventKind::CodeRejected, Some(account.subject), budget.row(), &detail)?;
                    false
                }
                other => return Ok(other),
            },
        };
        if right {
            budget.put_right(tx)?;
            return Ok(Checked::Right);
        }
        Ok(Checked::Wrong { disabled: keep_wrong(tx, account, factor, &mut budget)? })
    }

    /// Checks what is neither computed by the vault nor sent: a PIN, a signature, an approval. It charges nothing.
    pub(super) fn check_holding(
        &self,
        tx: &mut Transaction<'_>,
        challenge: &ChallengeRecord,
        factor: &Factor,
        typed: &Typed<'_>,
        caller: Caller,
    ) -> Result<Checked, Error> {
        const WRONG: Checked = Checked::Wrong { disabled: false };
        match &factor.holding {
            Holding::Pin(device, recipe, kept) => {
                // At its enrolment it is tested in the session that offered it.
                let here = challenge.purpose == Purpose::Enrolment || caller == Caller::Device(*device);
                match &typed.pin {
                    _ if !here => Ok(Checked::Unseen),
                    Some((made, hash)) if made == recipe => {
                        Ok(if super::pin::same(hash, kept) { Checked::Right } else { WRONG })
                    }
                    _ => Ok(Checked::Hash(*recipe)),
                }
            }
            Holding::Public(key) => {
                let message = super::device_key::message(&challenge.binding(), super::DeviceAnswer::Sign, "");
                Ok(if super::device_key::verifies(key, &message, typed.text) {
                    Checked::Right
                } else {
                    WRONG
                })
            }
            Holding::Device(device, _) => {
                // A device that was blocked after it had approved has approved nothing.
                let account = challenge.account;
                let known = crate::device::caller_of(tx, account, Some(*device))? == Caller::Device(*device);
                match challenge.state {
                    _ if !known => Ok(Checked::Unseen),
                    State::Approved => Ok(Checked::Right),
                    _ => Ok(Checked::Waiting),
                }
            }
            Holding::Key(_) | Holding::Contact(_) => Err(CoreError::Refused.into()),
        }
    }
}

/// Keeps what a wrong code was charged to. Whether it was one too many, which disables the factor for its caller.
pub(super) fn keep_wrong(
    tx: &mut Transaction<'_>,
    account: &Account,
    factor: &Factor,
    budget: &mut Budget,
) -> Result<bool, Error> {
    budget.put(tx)?;
    let disabled = budget.failures.exhausted();
    if disabled {
        FactorState::Active.after(FactorStep::Disable).ok_or(CoreError::Refused)?;
        let detail = Detail::new()
            .with("factor", factor.kind.evidence().name())
            .with("failures", budget.failures.in_a_row.to_string());
        tx.event(EventKind::FactorDisabled, Some(account.subject), budget.row(), &detail)?;
    }
    Ok(disabled)
}
