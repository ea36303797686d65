//! Checking a code and spending it, in one commit (DESIGN "Verifying a code", CRYPTO §4).
//!
//! The state row of an OTP key says what is spent and how often guesses failed. It is authenticated, bound to its key
//! and to its revision; a missing row locks the key. Every attempt that is looked at writes the row: an attempt that
//! loses the race for it is run again on the new one, so that parallel guesses are charged one by one.

use alloc::format;

use super::keys::{self, KeyId, KeyKind, KeyRecord, Purpose, Usage};
use super::state::KeyState;
use super::transaction::Transaction;
use crate::env::UnixTime;
use crate::error::Error;
use crate::event::{Detail, EventKind};
use crate::otp::{
    Checked, Hotp, HotpParameters, HotpState, Reason, Totp, TotpParameters, TotpState, Verdict, Window,
};
use crate::secret::Secret;
use crate::store::{EntryId, RowKey, Table};
use crate::wire::{Reader, Writer};

/// State rows of OTP keys, under the id of their key.
pub const STATES: Table = Table(3);

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
    /// Attempts before this time are refused unseen.
    pub not_before: UnixTime,
    /// When refusals were last summed up for the journal.
    pub summed_up: UnixTime,
}

impl Failures {
    /// How often refusals while delayed are summed up, in seconds (DESIGN, rule 5).
    pub const SUMMARY: u64 = 60;

    /// Whether an attempt is refused unseen.
    #[must_use]
    pub fn delayed(&self, now: UnixTime) -> bool {
        now < self.not_before
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
        self.not_before = self.not_before.min(now.plus(throttle.longest_delay));
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

/// The state row of an OTP key.
struct OtpState {
    key: KeyId,
    version: u32,
    totp: TotpState,
    hotp: HotpState,
    failures: Failures,
    /// The journal entry that recorded this state: `audit rows` finds rows that lie behind the journal.
    entry: EntryId,
}

impl OtpState {
    const FORMAT: u8 = 1;

    fn row(key: KeyId) -> RowKey {
        RowKey::new(STATES, key.0)
    }

    fn load(tx: &mut Transaction<'_>, key: KeyId, version: u32) -> Result<Self, Error> {
        // Absence is never permission: a key without its state row is as good as gone.
        let body = tx.state(&Self::row(key))?.ok_or(Error::Refused)?;
        let state = Self::decode(&body)?;
        if state.key == key && state.version == version { Ok(state) } else { Err(Error::Refused) }
    }

    fn put(&mut self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        self.entry = tx.next_entry();
        tx.put_state(&Self::row(self.key), self.encode().as_slice())
    }

    fn encode(&self) -> Writer {
        let mut writer = Writer::new();
        writer.u8(Self::FORMAT).raw(&self.key.0).u32(self.version);
        writer.optional_u64(self.totp.last_step).raw(&self.totp.drift.to_be_bytes());
        writer.u64(self.hotp.next).raw(&self.hotp.burned.to_be_bytes());
        self.failures.write(&mut writer);
        writer.raw(&self.entry.to_bytes());
        writer
    }

    fn decode(body: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(body);
        let found = reader.u8()?;
        if found != Self::FORMAT {
            return Err(Error::Format { found: found.into(), supported: Self::FORMAT.into() });
        }
        let key = KeyId(reader.array()?);
        let version = reader.u32()?;
        let last_step = reader.optional_u64()?;
        let drift = i32::from_be_bytes(reader.array()?);
        let next = reader.u64()?;
        let burned = u128::from_be_bytes(reader.array()?);
        let failures = Failures::read(&mut reader)?;
        let entry = EntryId::from_bytes(reader.raw(24)?).ok_or(Error::Refused)?;
        reader.end()?;
        let (totp, hotp) = (TotpState { last_step, drift }, HotpState { next, burned });
        Ok(Self { key, version, totp, hotp, failures, entry })
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
    let state = OtpState { key, version, totp, hotp, failures: Failures::default(), entry };
    tx.put_state(&OtpState::row(key), state.encode().as_slice())
}

/// The counter that an HOTP key expects next.
pub(super) fn next_counter(tx: &mut Transaction<'_>, record: &KeyRecord) -> Result<u64, Error> {
    OtpState::load(tx, record.info.id, record.info.version)?.hotp.next_counter()
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

/// Takes a suspended OTP key back into use and forgives its failures; what was spent stays spent. Journalled with the
/// reason. For whoever has made sure, by another factor or in person, that the holder is the owner.
///
/// # Errors
/// [`Error::KeyKind`] when it is no OTP key; [`Error::KeyState`] when it is not suspended, or was never active;
/// [`Error::UnknownKey`]; [`Error::Refused`] when a row is missing or was altered; a store's fault.
pub fn resume(tx: &mut Transaction<'_>, id: KeyId, reason: &str) -> Result<(), Error> {
    let record = KeyRecord::load(tx, id)?;
    record.allow(Usage::VerifyCode, Purpose::OneTimeCode, &[KeyState::Suspended])?;
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
    let mut record = KeyRecord::load(tx, id)?;
    record.one_time()?;
    let mut state = OtpState::load(tx, id, record.info.version)?;
    let now = tx.now();
    // The same work whatever the key's state, so that a watcher learns nothing of it.
    let (verdict, reason) = compute(&record, &mut state, text, now, policy)?;
    record.allow(Usage::VerifyCode, Purpose::OneTimeCode, &[wanted])?;

    let (row, owner) = (OtpState::row(id), record.info.owner);
    if state.failures.delayed(now) {
        return refuse_unseen(tx, &record, &policy.throttle).map(|()| Verdict::Rejected);
    }
    match verdict {
        Verdict::Accepted { step, drift } => {
            state.failures.succeed();
            state.put(tx)?;
            let detail = Detail::new().with("step", format!("{step}")).with("drift", format!("{drift}"));
            tx.event(EventKind::CodeAccepted, owner, &row, &detail)?;
            if wanted == KeyState::PreActive {
                record.become_state(KeyState::Active, now)?;
                record.put(tx)?;
                tx.event(EventKind::KeyActivated, owner, &id.row(), &Detail::new())?;
            }
        }
        Verdict::Rejected => {
            let disable = state.failures.fail(now, &policy.throttle);
            state.put(tx)?;
            let detail = Detail::new().with("reason", format!("{reason}"));
            tx.event(EventKind::CodeRejected, owner, &row, &detail)?;
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

/// Every step of the window, side by side; the new state is kept only by a caller that accepts.
fn compute(
    record: &KeyRecord,
    state: &mut OtpState,
    text: &str,
    now: UnixTime,
    policy: &SpendPolicy,
) -> Result<(Verdict, Reason), Error> {
    let secret =
        Secret::new_accepting_weak(&record.material).map_err(|_| Error::KeyState(record.info.state))?;
    match record.info.kind {
        KeyKind::Totp { algorithm, digits, period, t0 } => {
            let totp = Totp::new(&secret, TotpParameters { algorithm, digits, period, t0: UnixTime(t0) })?;
            let Checked { verdict, reason, state: next } =
                totp.check(text, now, policy.window, &state.totp, policy.drift_limit);
            state.totp = next;
            Ok((verdict, reason))
        }
        KeyKind::Hotp { algorithm, digits } => {
            let hotp = Hotp::new(&secret, HotpParameters { algorithm, digits });
            let Checked { verdict, reason, state: next } = hotp.check(text, policy.look_ahead, &state.hotp);
            state.hotp = next;
            Ok((verdict, reason))
        }
        KeyKind::P256 => Err(Error::KeyKind),
    }
}

/// Refuses an attempt while the key is delayed. Nothing is written but one summary a minute: junk must not buy a
/// flush each, nor fill the journal.
fn refuse_unseen(tx: &mut Transaction<'_>, record: &KeyRecord, throttle: &Throttle) -> Result<(), Error> {
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
