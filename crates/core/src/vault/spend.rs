//! Checking a code and spending it, in one commit (DESIGN "Verifying a code", CRYPTO §4).
//!
//! The state row of an OTP key says what is spent and how often guesses failed. It is authenticated, bound to its key
//! and to its revision; a missing row locks the key. Every attempt that is looked at writes the row: an attempt that
//! loses the race for it is run again on the new one, so that parallel guesses are charged one by one.

mod failures;
mod restoring;
mod resync;
mod state_row;

use alloc::format;

use super::attributes::{Purpose, Usage};
use super::keys::{self, Asked, KeyId, KeyRecord};
use super::kinds::KeyKind;
use super::state::KeyState;
use super::transaction::Transaction;
use crate::env::UnixTime;
use crate::error::Error;
use crate::event::{Detail, EventKind, SpentCode};
use crate::otp::{
    Checked, Code, Hotp, HotpParameters, Reason, Totp, TotpParameters, TotpState, Verdict, Window,
};
use crate::secret::Secret;
use crate::store::RowKey;

pub use failures::{Failures, Throttle};
pub use restoring::{Restored, Since, fence, note_shown, replay, restored};
pub use resync::{resynchronise, resynchronise_charging};
pub(super) use state_row::{OtpState, Spent, begin, next_counter, resume_from, spent};
pub use state_row::{STATES, state_row_of};

/// How codes are checked and guesses are limited. The numbers come from the caller's policy; none has a default here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpendPolicy {
    /// Steps around the present one in which a TOTP code is taken.
    pub window: Window,
    /// How far the drift of a TOTP key may be learned, in steps.
    pub drift_limit: u32,
    /// Counters beyond the next one at which an HOTP code is taken.
    pub look_ahead: Window,
    /// How failures delay and disable.
    pub throttle: Throttle,
}

/// Checks a code of an active key, and spends it.
///
/// The verdict may be told only after the transaction has committed. The journal knows the reason of a rejection.
///
/// # Errors
/// [`Error::UnknownKey`], [`Error::KeyKind`], [`Error::KeyUsage`], [`Error::KeyPurpose`] for misuse;
/// [`Error::KeyState`] when the key is not active (a disabled key is suspended); [`Error::Refused`] when a row is
/// missing or was altered; a store's fault.
pub fn verify(
    tx: &mut Transaction<'_>,
    id: KeyId,
    text: &str,
    policy: &SpendPolicy,
) -> Result<Verdict, Error> {
    check(tx, id, text, policy, KeyState::Active)
}

/// Checks a code like [`verify`], and charges a wrong one to `failures` in the place of the key's own: for whoever gives
/// several callers a budget each. Too many make [`Failures::exhausted`], which ends that budget and leaves the key alone.
/// The caller keeps `failures` in the same transaction, in the row `charged`: of a wrong code the journal names that row, so that an
/// audit notices when it is put back.
///
/// # Errors
/// As [`verify`].
pub fn verify_charging(
    tx: &mut Transaction<'_>,
    id: KeyId,
    text: &str,
    policy: &SpendPolicy,
    failures: &mut Failures,
    charged: &RowKey,
) -> Result<Verdict, Error> {
    let record = KeyRecord::load(tx, id)?;
    record.one_time()?;
    let mut state = OtpState::load(tx, id, record.info.version)?;
    let now = tx.now();
    let (verdict, reason) = compute(&record, &mut state, text, now, tx.fence(), policy)?;
    codes(tx, &record, KeyState::Active)?;
    if failures.delayed(now) {
        return Ok(Verdict::Rejected);
    }
    conclude_charging(tx, &record, state, (verdict, reason), &policy.throttle, failures, charged)
}

/// Takes a suspended OTP key back into use and forgives its failures; what was spent stays spent. Journalled with the
/// reason. For whoever has made sure, by another factor or in person, that the holder is the owner.
///
/// # Errors
/// [`Error::KeyKind`] when it is no OTP key; [`Error::KeyState`] when it is not suspended, or was never active;
/// [`Error::UnknownKey`]; [`Error::Refused`] when a row is missing or was altered; a store's fault.
pub fn resume(tx: &mut Transaction<'_>, id: KeyId, reason: &str) -> Result<(), Error> {
    let record = KeyRecord::load(tx, id)?;
    // Not a use of the key: an officer may do it as well.
    if record.info.purpose != Purpose::OneTimeCode {
        return Err(Error::KeyKind);
    }
    if record.info.state != KeyState::Suspended {
        return Err(Error::KeyState(record.info.state));
    }
    keys::change_state(tx, id, KeyState::Active, reason)?;
    let mut state = OtpState::load(tx, id, record.info.version)?;
    state.failures = Failures::default();
    state.put(tx)?;
    tx.event(
        EventKind::FailuresForgiven,
        record.info.owner,
        &OtpState::row(id),
        &Detail::new().with("reason", reason),
    )
    .map(|_| ())
}

/// Checks the test code that ends an enrolment: when it is right, the key becomes active and the code is spent, so
/// that it cannot be the first login as well (R12).
///
/// # Errors
/// As [`verify`]; [`Error::KeyState`] when the key is not pre-active.
pub fn activate(
    tx: &mut Transaction<'_>,
    id: KeyId,
    text: &str,
    policy: &SpendPolicy,
) -> Result<Verdict, Error> {
    check(tx, id, text, policy, KeyState::PreActive)
}

fn check(
    tx: &mut Transaction<'_>,
    id: KeyId,
    text: &str,
    policy: &SpendPolicy,
    wanted: KeyState,
) -> Result<Verdict, Error> {
    let record = KeyRecord::load(tx, id)?;
    record.one_time()?;
    let mut state = OtpState::load(tx, id, record.info.version)?;
    let now = tx.now();
    // The same work whatever the key's state, so that a watcher learns nothing of it.
    let (verdict, reason) = compute(&record, &mut state, text, now, tx.fence(), policy)?;
    codes(tx, &record, wanted)?;

    if state.failures.delayed(now) {
        return refuse_unseen(tx, &record, &policy.throttle).map(|()| Verdict::Rejected);
    }
    conclude(tx, record, state, (verdict, reason), &policy.throttle, wanted)
}

/// Writes what a check has come to, and tells the journal.
fn conclude(
    tx: &mut Transaction<'_>,
    mut record: KeyRecord,
    mut state: OtpState,
    (verdict, reason): (Verdict, Reason),
    throttle: &Throttle,
    wanted: KeyState,
) -> Result<Verdict, Error> {
    let (id, now) = (record.info.id, tx.now());
    let owner = record.info.owner;
    match verdict {
        Verdict::Accepted { step, drift } => {
            state.failures.succeed();
            state.put(tx)?;
            tx.code_accepted(owner, &state.row, SpentCode { step, drift })?;
            if wanted == KeyState::PreActive {
                record.become_state(KeyState::Active, now)?;
                record.put(tx)?;
                tx.event(EventKind::KeyActivated, owner, &id.row(), &Detail::new())?;
            }
        }
        Verdict::Rejected => {
            let disable = state.failures.fail(now, throttle);
            state.put(tx)?;
            let detail = Detail::new().with("reason", format!("{reason}"));
            tx.event(EventKind::CodeRejected, owner, &state.row, &detail)?;
            if disable {
                record.become_state(KeyState::Suspended, now)?;
                record.put(tx)?;
                let detail = Detail::new().with("failures", format!("{}", state.failures.in_a_row));
                // The key's own row is named: it must not be put back behind the journal's knowledge.
                tx.event(EventKind::CodeDisabled, owner, &id.row(), &detail)?;
            }
        }
    }
    Ok(verdict)
}

/// The same where a budget is charged in the place of the key's own failures.
fn conclude_charging(
    tx: &mut Transaction<'_>,
    record: &KeyRecord,
    mut state: OtpState,
    (verdict, reason): (Verdict, Reason),
    throttle: &Throttle,
    failures: &mut Failures,
    charged: &RowKey,
) -> Result<Verdict, Error> {
    let (owner, now) = (record.info.owner, tx.now());
    match verdict {
        Verdict::Accepted { step, drift } => {
            failures.succeed();
            state.put(tx)?;
            tx.code_accepted(owner, &state.row, SpentCode { step, drift })?;
        }
        Verdict::Rejected => {
            if failures.fail(now, throttle) {
                failures.not_before = Failures::NEVER;
            }
            // Every attempt that is looked at writes this row, so that all who race meet at it.
            state.put(tx)?;
            let detail = Detail::new().with("reason", format!("{reason}"));
            tx.event(EventKind::CodeRejected, owner, charged, &detail)?;
        }
    }
    Ok(verdict)
}

/// Refuses a key that verifies no codes, or not in this state.
fn codes(tx: &mut Transaction<'_>, record: &KeyRecord, state: KeyState) -> Result<(), Error> {
    let mechanism = record.info.kind.mechanisms(Purpose::OneTimeCode).iter().next();
    let (usage, purpose) = (Usage::VerifyCode, Purpose::OneTimeCode);
    record.allow(tx, &Asked { usage, purpose, mechanism, states: &[state] })?;
    mechanism.map_or(Ok(()), |mechanism| tx.self_test(mechanism))
}

/// Every step of the window, side by side; the new state is kept only by a caller that accepts.
fn compute(
    record: &KeyRecord,
    state: &mut OtpState,
    text: &str,
    now: UnixTime,
    fence: Option<UnixTime>,
    policy: &SpendPolicy,
) -> Result<(Verdict, Reason), Error> {
    let secret =
        Secret::new_accepting_weak(&record.material).map_err(|_| Error::KeyState(record.info.state))?;
    match record.info.kind {
        KeyKind::Totp { algorithm, digits, period, t0 } => {
            let totp = Totp::new(&secret, TotpParameters { algorithm, digits, period, t0: UnixTime(t0) })?;
            // What was spent before the vault was opened nobody knows: the step of that time counts as spent, and so
            // do those that a window, drift included, held already. Before T0 there was no code to spend.
            let ahead = u64::from(policy.window.future()).saturating_add(policy.drift_limit.into());
            let fenced =
                fence.and_then(|opened| totp.step_at(opened).ok()).map(|step| step.saturating_add(ahead));
            let known = TotpState { last_step: state.spent.totp.last_step.max(fenced), ..state.spent.totp };
            let Checked { verdict, reason, state: next } =
                totp.check(text, now, policy.window, &known, policy.drift_limit);
            state.spent.totp = next;
            Ok((verdict, reason))
        }
        KeyKind::Hotp { algorithm, digits } => {
            let hotp = Hotp::new(&secret, HotpParameters { algorithm, digits });
            let Checked { verdict, reason, state: next } =
                hotp.check(text, policy.look_ahead, &state.spent.hotp);
            state.spent.hotp = next;
            Ok((verdict, reason))
        }
        _ => Err(Error::KeyKind),
    }
}

/// Computes the next code of a key that may generate codes: for a vault that stands in for a token. The counter moves
/// on, and is committed, before anybody sees the code; it is not the counter of verification.
///
/// # Errors
/// [`Error::KeyKind`], [`Error::KeyUsage`], [`Error::KeyState`], [`Error::KeyNotValid`] for misuse;
/// [`Error::CounterExhausted`]; [`Error::TimeBeforeT0`]; [`Error::UnknownKey`]; [`Error::Refused`]; a store's fault.
pub fn generate_code(tx: &mut Transaction<'_>, id: KeyId) -> Result<Code, Error> {
    let record = KeyRecord::load(tx, id)?;
    record.one_time()?;
    let mechanism = record.info.kind.mechanisms(Purpose::OneTimeCode).iter().next();
    let (usage, purpose) = (Usage::GenerateCode, Purpose::OneTimeCode);
    record.allow(tx, &Asked { usage, purpose, mechanism, states: &[KeyState::Active] })?;
    mechanism.map_or(Ok(()), |mechanism| tx.self_test(mechanism))?;
    let mut state = OtpState::load(tx, id, record.info.version)?;
    let secret = Secret::new_accepting_weak(&record.material).map_err(|_| Error::Refused)?;
    let (code, detail) = match record.info.kind {
        KeyKind::Totp { algorithm, digits, period, t0 } => {
            let totp = Totp::new(&secret, TotpParameters { algorithm, digits, period, t0: UnixTime(t0) })?;
            let step = totp.step_at(tx.now())?;
            (totp.code_of_step(step), step)
        }
        KeyKind::Hotp { algorithm, digits } => {
            let counter = state.spent.next_to_generate;
            state.spent.next_to_generate = counter.checked_add(1).ok_or(Error::CounterExhausted)?;
            (Hotp::new(&secret, HotpParameters { algorithm, digits }).code(counter), counter)
        }
        _ => return Err(Error::KeyKind),
    };
    state.put(tx)?;
    let detail = Detail::new().with("step", format!("{detail}"));
    tx.event(EventKind::CodeGenerated, record.info.owner, &OtpState::row(id), &detail)?;
    Ok(code)
}

/// Refuses an attempt while the key is delayed. Nothing is written but one summary a minute: junk must not buy a
/// flush each, nor fill the journal.
pub(super) fn refuse_unseen(
    tx: &mut Transaction<'_>,
    record: &KeyRecord,
    throttle: &Throttle,
) -> Result<(), Error> {
    let (id, now) = (record.info.id, tx.now());
    let row = OtpState::row(id);
    let refusals = tx.count_refusal(&row);
    // The check has moved the code's state on; what is written here is the state as it was, with the summary's time.
    let mut state = OtpState::load(tx, id, record.info.version)?;
    if state.failures.summary_due(now) {
        state.failures.sum_up(now, throttle);
        state.put(tx)?;
        let detail = Detail::new().with("refusals", format!("{refusals}"));
        tx.event(EventKind::CodeRefusedWhileDelayed, record.info.owner, &row, &detail)?;
        tx.forget_refusals(&row);
    }
    Ok(())
}
