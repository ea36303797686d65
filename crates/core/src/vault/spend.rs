//! Checking a code and spending it, in one commit (DESIGN "Verifying a code", CRYPTO §4).
//!
//! The state row of an OTP key says what is spent and how often guesses failed. It is authenticated, bound to its key
//! and to its revision; a missing row locks the key. Every attempt that is looked at writes the row: an attempt that
//! loses the race for it is run again on the new one, so that parallel guesses are charged one by one.

use alloc::format;

use super::attributes::{Flag, KeyInfo, Purpose, Usage};
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

/// How failed attempts delay further ones, and when they end them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Failures in a row before the first delay.
    pub free: u32,
    /// The first delay, in seconds; it doubles with every further failure.
    pub first_delay: u64,
    /// The longest delay, in seconds.
    pub longest_delay: u64,
    /// Failures in a row that disable.
    pub disable_after: u32,
    /// Failures within `recent_span` that disable; a success does not clear them.
    pub recent_limit: u32,
    /// The span of `recent_limit`, in seconds.
    pub recent_span: u64,
}

/// Failures as they are remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// Since the last success.
    pub in_a_row: u32,
    /// Since `recent_since`.
    pub recent: u32,
    /// When the present span began.
    pub recent_since: UnixTime,
    /// Attempts before this time are refused unseen; [`Failures::NEVER`] where too many have ended them.
    pub not_before: UnixTime,
    /// When refusals were last summed up for the journal.
    pub summed_up: UnixTime,
}

impl Failures {
    /// How often refusals while delayed are summed up, in seconds (DESIGN, rule 5).
    pub const SUMMARY: u64 = 60;
    /// When an attempt is looked at again whose budget is used up.
    pub const NEVER: UnixTime = UnixTime(u64::MAX);

    /// Whether an attempt is refused unseen.
    #[must_use]
    pub fn delayed(&self, now: UnixTime) -> bool {
        now < self.not_before
    }

    /// Whether the budget is used up, until somebody forgives the failures.
    #[must_use]
    pub fn exhausted(&self) -> bool {
        self.not_before == Self::NEVER
    }

    /// Counts a failure; answers whether it was one too many.
    #[must_use]
    pub fn fail(&mut self, now: UnixTime, throttle: &Throttle) -> bool {
        if now.since(self.recent_since) >= throttle.recent_span {
            self.recent_since = now;
            self.recent = 0;
        }
        // A span that began in a future which the clock has left again begins now; its failures stay.
        self.recent_since = self.recent_since.min(now);
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.recent = self.recent.saturating_add(1);
        // Without a free failure the first one is delayed, like the last free one.
        if let Some(over) = self.in_a_row.checked_sub(throttle.free.max(1)) {
            let doubling = 1_u64.checked_shl(over).unwrap_or(u64::MAX);
            let delay = throttle.first_delay.saturating_mul(doubling).min(throttle.longest_delay);
            // A clock that was set back does not shorten a delay.
            self.not_before = self.not_before.max(now).plus(delay);
        }
        self.in_a_row >= throttle.disable_after || self.recent >= throttle.recent_limit
    }

    /// Forgets the failures in a row; those of the span stay.
    pub fn succeed(&mut self) {
        self.in_a_row = 0;
        self.not_before = UnixTime(0);
    }

    /// Whether refusals are to be summed up now: once a minute, and when the last sum lies in a future which the clock
    /// has left again.
    #[must_use]
    pub fn summary_due(&self, now: UnixTime) -> bool {
        now.since(self.summed_up) >= Self::SUMMARY || self.summed_up > now
    }

    /// Notes a summary. A delay that is longer than any that is given was set by a clock that had jumped ahead: it
    /// ends after the longest one from now.
    pub fn sum_up(&mut self, now: UnixTime, throttle: &Throttle) {
        self.summed_up = now;
        if !self.exhausted() {
            self.not_before = self.not_before.min(now.plus(throttle.longest_delay));
        }
    }

    /// Writes the fields, 32 bytes.
    pub fn write(&self, writer: &mut Writer) {
        writer.u32(self.in_a_row).u32(self.recent).u64(self.recent_since.0);
        writer.u64(self.not_before.0).u64(self.summed_up.0);
    }

    /// Reads what [`Failures::write`] wrote.
    ///
    /// # Errors
    /// [`Error::Refused`] when cut.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            in_a_row: reader.u32()?,
            recent: reader.u32()?,
            recent_since: UnixTime(reader.u64()?),
            not_before: UnixTime(reader.u64()?),
            summed_up: UnixTime(reader.u64()?),
        })
    }
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

    /// Spends every counter before this one.
    pub(super) fn spend_counter(&mut self, next: u64) {
        self.spent.hotp = HotpState::starting_at(next);
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

    fn encode(&self) -> Writer {
        // Not secret: state rows are authenticated, not sealed.
        let mut writer = Writer::public(Self::LENGTH);
        writer.u8(Self::FORMAT).raw(&self.key.0).u32(self.version);
        self.spent.write(&mut writer);
        self.failures.write(&mut writer);
        writer.raw(&self.entry.to_bytes());
        writer
    }

    fn decode(row: RowKey, body: &[u8]) -> Result<Self, Error> {
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
/// The caller keeps `failures` in the same transaction.
///
/// # Errors
/// As [`verify`].
pub fn verify_charging(
    tx: &mut Transaction<'_>,
    id: KeyId,
    text: &str,
    policy: &SpendPolicy,
    failures: &mut Failures,
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
            tx.event(EventKind::CodeRejected, owner, &state.row, &detail)?;
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
            // do those that a window, drift included, held already.
            let ahead = u64::from(policy.window.future()).saturating_add(policy.drift_limit.into());
            let fenced = match fence {
                None => None,
                Some(opened) => Some(totp.step_at(opened)?.saturating_add(ahead)),
            };
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

/// What becomes of an OTP key whose newest state may be lost with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// TOTP, and OCRA with time and without a counter: every step up to now is spent.
    Fenced,
    /// HOTP, and OCRA with a counter or with neither counter nor time: nobody knows which counters or questions are spent, so
    /// that it is put aside until it is enrolled anew. A key that was not active yet may have become so since, and with
    /// nothing spent it is put aside for good, OCRA with time included.
    Suspended,
}

/// What becomes of the key in this record when it is restored; `None` for a key that makes no codes, or is not in use. What
/// the secret of a key that is fenced and was not active yet may have been shown to, [`note_shown`] answers.
///
/// # Errors
/// [`Error::Refused`] and [`Error::Format`] for what is no record of a key.
pub fn restored(attributes: &[u8]) -> Result<Option<Restored>, Error> {
    let (info, _) = KeyInfo::decode(attributes)?;
    Ok(match (info.kind, info.state) {
        (KeyKind::Totp { .. }, KeyState::PreActive | KeyState::Active | KeyState::Suspended) => {
            Some(Restored::Fenced)
        }
        (KeyKind::Hotp { .. }, KeyState::PreActive | KeyState::Active)
        | (KeyKind::Ocra { .. }, KeyState::PreActive) => Some(Restored::Suspended),
        (KeyKind::Ocra { suite }, KeyState::Active | KeyState::Suspended)
            if !suite.has_counter() && suite.time_step().is_some() =>
        {
            Some(Restored::Fenced)
        }
        (KeyKind::Ocra { .. }, KeyState::Active) => Some(Restored::Suspended),
        _ => None,
    })
}

/// Notes of an OTP key that was not active yet that its secret may have been shown since: it is not shown (again). Journalled
/// as a showing with the reason. Whether it was noted; keys in other states, and other keys, stay as they are.
///
/// # Errors
/// [`Error::UnknownKey`]; [`Error::Refused`]; a store's fault.
pub fn note_shown(tx: &mut Transaction<'_>, id: KeyId, reason: &str) -> Result<bool, Error> {
    let mut record = KeyRecord::load(tx, id)?;
    let info = &record.info;
    if info.purpose != Purpose::OneTimeCode
        || info.state != KeyState::PreActive
        || info.flags.contains(Flag::Provisioned)
    {
        return Ok(false);
    }
    record.disclose()?;
    record.put(tx)?;
    let detail = Detail::new().with("reason", reason);
    tx.event(EventKind::KeyProvisioned, record.info.owner, &id.row(), &detail)?;
    Ok(true)
}

/// Spends every step of a key that counts time, up to the one after now, since codes may have been spent that the row does not
/// know of; the key's record lies in its place. Rows of other keys stay as they are.
///
/// # Errors
/// [`Error::UnknownKey`] without the record; [`Error::Refused`]; a store's fault.
pub fn fence(tx: &mut Transaction<'_>, row: &RowKey) -> Result<(), Error> {
    let id = KeyId(row.key.as_slice().try_into().map_err(|_| Error::Refused)?);
    let info = KeyRecord::load(tx, id)?.info;
    let (period, t0) = match info.kind {
        KeyKind::Totp { period, t0, .. } => (period, t0),
        KeyKind::Ocra { suite } => match suite.time_step() {
            Some(period) => (period.into(), 0),
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    let mut state = OtpState::load(tx, id, info.version)?;
    // A clock that the phone is ahead of, and the step of the window that lies in the future.
    let ahead = u64::try_from(state.spent.totp.drift).unwrap_or(0).saturating_add(1);
    let Some(step) = tx.now().since(UnixTime(t0)).checked_div(period) else { return Ok(()) };
    let last = &mut state.spent.totp.last_step;
    *last = (*last).max(Some(step.saturating_add(ahead)));
    // It keeps the entry that it has: none tells of each fence, one tells of the restore.
    tx.put_state(row, state.encode().as_slice())
}

/// What a surviving journal says of an OTP key since a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// The last step or counter that was accepted.
    pub accepted: Option<u64>,
    /// The last counter for which a code was generated.
    pub generated: Option<u64>,
    /// Failures since the last success.
    pub rejected: u32,
    /// Whether something was spent of which the journal does not say what: its detail is gone.
    pub untold: bool,
}

/// Spends what was spent since a backup, and counts the failures; nothing goes back.
///
/// # Errors
/// [`Error::UnknownKey`] without the record; [`Error::Refused`]; a store's fault.
pub fn replay(tx: &mut Transaction<'_>, id: KeyId, since: &Since) -> Result<(), Error> {
    let info = KeyRecord::load(tx, id)?.info;
    let mut state = OtpState::load(tx, id, info.version)?;
    if let Some(step) = since.accepted {
        let with_time = matches!(info.kind, KeyKind::Totp { .. })
            || matches!(info.kind, KeyKind::Ocra { suite } if !suite.has_counter());
        if with_time {
            state.spent.totp.last_step = state.spent.totp.last_step.max(Some(step));
        } else if step >= state.spent.hotp.next {
            state.spent.hotp = HotpState::starting_at(step.saturating_add(1));
        }
    }
    if let Some(counter) = since.generated {
        state.spent.next_to_generate = state.spent.next_to_generate.max(counter.saturating_add(1));
    }
    state.failures.in_a_row = state.failures.in_a_row.saturating_add(since.rejected);
    state.failures.recent = state.failures.recent.saturating_add(since.rejected);
    // It keeps the entry that it has: one entry tells of the whole replay.
    tx.put_state(&OtpState::row(id), state.encode().as_slice())
}
