//! Checking a code and spending it, in one commit (DESIGN "Verifying a code", CRYPTO §4).
//!
//! The state row of an OTP key says what is spent and how often guesses failed. It is authenticated, bound to its key
//! and to its revision; a missing row locks the key. Every attempt that is looked at writes the row: an attempt that
//! loses the race for it is run again on the new one, so that parallel guesses are charged one by one.

mod failures;
mod restoring;

use alloc::format;

use super::attributes::{KeyInfo, Purpose, Usage};
use super::keyring::Opened;
use super::keys::{self, Asked, KeyId, KeyRecord};
use super::kinds::KeyKind;
use super::state::KeyState;
use super::transaction::Transaction;
use crate::env::UnixTime;
use crate::error::Error;
use crate::event::{Detail, EventKind, SpentCode};
use crate::otp::{
    Checked, Code, Hotp, HotpParameters, HotpState, Reason, Totp, TotpParameters, TotpState, Verdict, Window,
};
use crate::secret::Secret;
use crate::store::{EntryId, RowKey, Table};
use crate::wire::{Reader, Writer};

pub use failures::{Failures, Throttle};
pub use restoring::{Restored, Since, fence, note_shown, replay, restored};

/// State rows of OTP keys, under the id of their key.
pub const STATES: Table = Table(3);

/// The state row that an opened row of [`keys::KEYS`] must have beside it; `None` for a key that makes no codes.
///
/// # Errors
/// [`Error::Refused`] and [`Error::Format`] for what is no record of a key.
pub fn state_row_of(key: &Opened) -> Result<Option<RowKey>, Error> {
    let (info, _) = KeyInfo::decode(&key.attributes)?;
    Ok((info.purpose == Purpose::OneTimeCode).then(|| OtpState::row(info.id)))
}

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

/// What is spent of an OTP key, on its way into another vault.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    totp: TotpState,
    hotp: HotpState,
    next_to_generate: u64,
}

impl Spent {
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.optional_u64(self.totp.last_step).raw(&self.totp.drift.to_be_bytes());
        writer.u64(self.hotp.next).raw(&self.hotp.burned.to_be_bytes()).u64(self.next_to_generate);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let totp =
            TotpState { last_step: reader.optional_u64()?, drift: i32::from_be_bytes(reader.array()?) };
        let hotp = HotpState { next: reader.u64()?, burned: u128::from_be_bytes(reader.array()?) };
        Ok(Self { totp, hotp, next_to_generate: reader.u64()? })
    }

    /// What is spent by either of two keys with one secret.
    fn with(self, other: Self) -> Self {
        let totp = if other.totp.last_step > self.totp.last_step { other.totp } else { self.totp };
        let (ahead, behind) =
            if other.hotp.next > self.hotp.next { (other.hotp, self.hotp) } else { (self.hotp, other.hotp) };
        // Bit i stands for the counter next + i.
        let past = u32::try_from(ahead.next - behind.next).unwrap_or(u32::MAX);
        let burned = ahead.burned | behind.burned.checked_shr(past).unwrap_or(0);
        let next_to_generate = self.next_to_generate.max(other.next_to_generate);
        Self { totp, hotp: HotpState { next: ahead.next, burned }, next_to_generate }
    }
}

/// What is spent of a key; nothing for a key that spends nothing.
pub(super) fn spent(tx: &mut Transaction<'_>, record: &KeyRecord) -> Result<Spent, Error> {
    if record.info.purpose != Purpose::OneTimeCode {
        return Ok(Spent::default());
    }
    OtpState::load(tx, record.info.id, record.info.version).map(|state| state.spent)
}

/// Writes the first state row of a key that came in wrapped. What is spent of it is what the wrap says, and what keys that had
/// its secret in this vault spent; what they failed at is not forgiven.
pub(super) fn resume_from(
    tx: &mut Transaction<'_>,
    record: &KeyRecord,
    spent: Spent,
    formers: &[(KeyId, u32)],
    entry: EntryId,
) -> Result<(), Error> {
    let (key, version) = (record.info.id, record.info.version);
    let row = OtpState::row(key);
    let mut state = OtpState { row, key, version, spent, failures: Failures::default(), entry };
    for (former, version) in formers {
        let former = OtpState::load(tx, *former, *version)?;
        state.spent = state.spent.with(former.spent);
        if former.failures.in_a_row >= state.failures.in_a_row {
            state.failures = former.failures;
        }
    }
    tx.put_state(&state.row, state.encode().as_slice())
}

/// The state row of an OTP key.
pub(super) struct OtpState {
    row: RowKey,
    key: KeyId,
    version: u32,
    spent: Spent,
    pub(super) failures: Failures,
    /// The journal entry that recorded this state: `audit rows` finds rows that lie behind the journal.
    entry: EntryId,
}

impl OtpState {
    const FORMAT: u8 = 1;

    pub(super) fn row(key: KeyId) -> RowKey {
        RowKey::new(STATES, key.0)
    }

    pub(super) fn load(tx: &mut Transaction<'_>, key: KeyId, version: u32) -> Result<Self, Error> {
        // Absence is never permission: a key without its state row is as good as gone.
        let row = Self::row(key);
        let body = tx.state(&row)?.ok_or(Error::Refused)?;
        let state = Self::decode(row, &body)?;
        if state.key == key && state.version == version { Ok(state) } else { Err(Error::Refused) }
    }

    pub(super) fn put(&mut self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        self.entry = tx.next_entry();
        tx.put_state(&self.row, self.encode().as_slice())
    }

    /// The next counter of OCRA, which spends counters as HOTP does.
    pub(super) fn counter(&self) -> Result<u64, Error> {
        self.spent.hotp.next_counter()
    }

    /// Spends this counter and all before it. What is spent already, or burned beyond it, stays so.
    pub(super) fn spend_counter(&mut self, counter: u64) {
        let HotpState { next, burned } = self.spent.hotp;
        let Some(ahead) = counter.checked_sub(next) else { return };
        // Bit i stands for the counter next + i.
        let burned = burned.checked_shr(u32::try_from(ahead).unwrap_or(u32::MAX)).unwrap_or(0) >> 1;
        self.spent.hotp = match counter.checked_add(1) {
            Some(next) => HotpState { next, burned },
            // After the last counter of all there is no next one: it stays, spent.
            None => HotpState { next: counter, burned: 1 },
        };
    }

    /// The last time step that was accepted, of OCRA with time.
    pub(super) fn last_step(&self) -> Option<u64> {
        self.spent.totp.last_step
    }

    /// Spends this time step and all before it.
    pub(super) fn spend_step(&mut self, step: u64) {
        self.spent.totp.last_step = Some(step);
    }

    /// Bytes of the body at most.
    const LENGTH: usize = 1 + 16 + 4 + 45 + 32 + 24;

    pub(super) fn encode(&self) -> Writer {
        // Not secret: state rows are authenticated, not sealed.
        let mut writer = Writer::public(Self::LENGTH);
        writer.u8(Self::FORMAT).raw(&self.key.0).u32(self.version);
        self.spent.write(&mut writer);
        self.failures.write(&mut writer);
        writer.raw(&self.entry.to_bytes());
        writer
    }

    pub(super) fn decode(row: RowKey, body: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(body);
        let found = reader.u8()?;
        if found != Self::FORMAT {
            return Err(Error::Format { found: found.into(), supported: Self::FORMAT.into() });
        }
        let key = KeyId(reader.array()?);
        let version = reader.u32()?;
        let spent = Spent::read(&mut reader)?;
        let failures = Failures::read(&mut reader)?;
        let entry = EntryId::from_bytes(reader.raw(24)?).ok_or(Error::Refused)?;
        reader.end()?;
        Ok(Self { row, key, version, spent, failures, entry })
    }
}

/// Writes the first state row of a key; `entry` is the one that recorded its making.
pub(super) fn begin(
    tx: &mut Transaction<'_>,
    key: KeyId,
    version: u32,
    totp: TotpState,
    hotp: HotpState,
    entry: EntryId,
) -> Result<(), Error> {
    // Codes are generated from where they are verified from: the two counters part from there.
    let spent = Spent { totp, hotp, next_to_generate: hotp.next };
    let row = OtpState::row(key);
    let state = OtpState { row, key, version, spent, failures: Failures::default(), entry };
    tx.put_state(&state.row, state.encode().as_slice())
}

/// The counter that an HOTP key expects next.
pub(super) fn next_counter(tx: &mut Transaction<'_>, record: &KeyRecord) -> Result<u64, Error> {
    OtpState::load(tx, record.info.id, record.info.version)?.spent.hotp.next_counter()
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
    let owner = record.info.owner;
    match verdict {
        Verdict::Accepted { step, drift } => {
            failures.succeed();
            state.put(tx)?;
            tx.code_accepted(owner, &state.row, SpentCode { step, drift })?;
        }
        Verdict::Rejected => {
            if failures.fail(now, &policy.throttle) {
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

/// Finds an HOTP key that has run ahead by two codes that it showed one after the other (RFC 4226 §7.4), and spends both. A
/// failure is charged like a wrong code. The search is a wide one: whoever calls this has another factor, or an officer's word.
///
/// # Errors
/// As [`verify`]; [`Error::KeyKind`] for a key without a counter; [`Error::WindowTooWide`].
pub fn resynchronise(
    tx: &mut Transaction<'_>,
    id: KeyId,
    [first, second]: [&str; 2],
    look_ahead: u32,
    throttle: &Throttle,
) -> Result<Verdict, Error> {
    let record = KeyRecord::load(tx, id)?;
    let KeyKind::Hotp { algorithm, digits } = record.info.kind else { return Err(Error::KeyKind) };
    let mut state = OtpState::load(tx, id, record.info.version)?;
    let secret =
        Secret::new_accepting_weak(&record.material).map_err(|_| Error::KeyState(record.info.state))?;
    let hotp = Hotp::new(&secret, HotpParameters { algorithm, digits });
    let Checked { verdict, reason, state: next } =
        hotp.resynchronise(first, second, look_ahead, &state.spent.hotp)?;
    codes(tx, &record, KeyState::Active)?;
    if state.failures.delayed(tx.now()) {
        return refuse_unseen(tx, &record, throttle).map(|()| Verdict::Rejected);
    }
    state.spent.hotp = next;
    conclude(tx, record, state, (verdict, reason), throttle, KeyState::Active)
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
