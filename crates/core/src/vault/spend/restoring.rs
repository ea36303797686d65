//! What is taken for spent of an OTP key whose newest state may be lost with a store (`CRYPTO.md` §5).

use super::{OtpState, Spent};
use crate::env::UnixTime;
use crate::error::Error;
use crate::event::{Detail, EventKind};
use crate::otp::{Hotp, HotpParameters, HotpState, Window};
use crate::secret::Secret;
use crate::store::RowKey;
use crate::vault::attributes::{Flag, KeyInfo, Purpose};
use crate::vault::keys::{KeyId, KeyRecord};
use crate::vault::kinds::KeyKind;
use crate::vault::state::KeyState;
use crate::vault::transaction::Transaction;

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
    // Before T0 there was no code to spend.
    if tx.now() < UnixTime(t0) {
        return Ok(());
    }
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
    /// What else was accepted shortly before: bit i stands for `accepted` − i. The digits of these counters were
    /// burned where they come again.
    pub accepted_before: u128,
    /// The last counter for which a code was generated.
    pub generated: Option<u64>,
    /// Failures since the last success.
    pub rejected: u32,
    /// Whether something was spent of which the journal does not say what: its detail is gone.
    pub untold: bool,
}

impl Since {
    /// Takes in a step or counter that was accepted, in whatever order the journal tells them.
    pub fn note_accepted(&mut self, step: u64) {
        let last = self.accepted.unwrap_or(step).max(step);
        let bits = |of: u64| u32::try_from(last - of).unwrap_or(u32::MAX);
        let shifted = |accepted: u128, of| accepted.checked_shl(bits(of)).unwrap_or(0);
        let before = self.accepted.map_or(0, |of| shifted(self.accepted_before | 1, of));
        self.accepted_before = before | shifted(1, step);
        self.accepted = Some(last);
    }
}

/// Spends what was spent since a backup, and counts the failures; nothing goes back.
///
/// # Errors
/// [`Error::UnknownKey`] without the record; [`Error::Refused`]; a store's fault.
pub fn replay(tx: &mut Transaction<'_>, id: KeyId, since: &Since) -> Result<(), Error> {
    let record = KeyRecord::load(tx, id)?;
    let info = &record.info;
    let mut state = OtpState::load(tx, id, info.version)?;
    if let Some(step) = since.accepted {
        let with_time = matches!(info.kind, KeyKind::Totp { .. })
            || matches!(info.kind, KeyKind::Ocra { suite } if !suite.has_counter());
        if with_time {
            state.spent.totp.last_step = state.spent.totp.last_step.max(Some(step));
        } else {
            state.spend_counter(step);
            burn_again(&record, &mut state, step, since.accepted_before)?;
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

/// Burns what the digits of accepted counters burned beyond them: the journal names the counters, and the key has
/// their digits. As far as any window reaches, since nobody knows how wide theirs was.
fn burn_again(record: &KeyRecord, state: &mut OtpState, last: u64, before: u128) -> Result<(), Error> {
    let KeyKind::Hotp { algorithm, digits } = record.info.kind else { return Ok(()) };
    // A key that was destroyed shows no digits any more.
    let Ok(secret) = Secret::new_accepting_weak(&record.material) else { return Ok(()) };
    let hotp = Hotp::new(&secret, HotpParameters { algorithm, digits });
    let widest = Window::look_ahead(Window::MAX_STEPS - 1)?;
    // Of the two codes that find a token again, an entry names the second.
    let accepted = before | 1;
    let shown = accepted | accepted << 1;
    let behind = (0..u128::BITS).filter(|behind| shown >> behind & 1 == 1);
    for counter in behind.filter_map(|behind| last.checked_sub(behind.into())) {
        let code = hotp.code(counter);
        let left = hotp.check(code.as_str(), widest, &HotpState::starting_at(counter)).state;
        state.spent = state.spent.with(Spent { hotp: left, ..Spent::default() });
    }
    Ok(())
}
