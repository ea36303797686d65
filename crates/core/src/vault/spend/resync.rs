//! Finding an HOTP key that has run ahead (RFC 4226 §7.4), charged to the key or to the budget of whoever typed its codes.

use super::{Failures, OtpState, Throttle, codes, conclude, conclude_charging, refuse_unseen};
use crate::error::Error;
use crate::otp::{Checked, Hotp, HotpParameters, Reason, Verdict};
use crate::secret::Secret;
use crate::store::RowKey;
use crate::vault::keys::{KeyId, KeyRecord};
use crate::vault::kinds::KeyKind;
use crate::vault::state::KeyState;
use crate::vault::transaction::Transaction;

/// Finds an HOTP key that has run ahead by two codes that it showed one after the other (RFC 4226 §7.4), and spends
/// both. A failure is charged like a wrong code. The search is a wide one: whoever calls this has another factor, or an
/// officer's word.
///
/// # Errors
/// As [`verify`](super::verify); [`Error::KeyKind`] for a key without a counter; [`Error::WindowTooWide`].
pub fn resynchronise(
    tx: &mut Transaction<'_>,
    id: KeyId,
    shown: [&str; 2],
    look_ahead: u32,
    throttle: &Throttle,
) -> Result<Verdict, Error> {
    let (record, state, found) = search(tx, id, shown, look_ahead)?;
    if state.failures.delayed(tx.now()) {
        return refuse_unseen(tx, &record, throttle).map(|()| Verdict::Rejected);
    }
    conclude(tx, record, state, found, throttle, KeyState::Active)
}

/// Finds a key like [`resynchronise`], and charges a failure to `failures`, which the caller keeps in the row `charged`, as
/// [`verify_charging`](super::verify_charging) does.
///
/// # Errors
/// As [`resynchronise`].
pub fn resynchronise_charging(
    tx: &mut Transaction<'_>,
    id: KeyId,
    shown: [&str; 2],
    look_ahead: u32,
    throttle: &Throttle,
    failures: &mut Failures,
    charged: &RowKey,
) -> Result<Verdict, Error> {
    let (record, state, found) = search(tx, id, shown, look_ahead)?;
    if failures.delayed(tx.now()) {
        return Ok(Verdict::Rejected);
    }
    conclude_charging(tx, &record, state, found, throttle, failures, charged)
}

/// Looks for the two codes. Where they are not found, the state that comes out is the one that went in.
fn search(
    tx: &mut Transaction<'_>,
    id: KeyId,
    [first, second]: [&str; 2],
    look_ahead: u32,
) -> Result<(KeyRecord, OtpState, (Verdict, Reason)), Error> {
    let record = KeyRecord::load(tx, id)?;
    let KeyKind::Hotp { algorithm, digits } = record.info.kind else { return Err(Error::KeyKind) };
    let mut state = OtpState::load(tx, id, record.info.version)?;
    let secret =
        Secret::new_accepting_weak(&record.material).map_err(|_| Error::KeyState(record.info.state))?;
    let hotp = Hotp::new(&secret, HotpParameters { algorithm, digits });
    let Checked { verdict, reason, state: next } =
        hotp.resynchronise(first, second, look_ahead, &state.spent.hotp)?;
    codes(tx, &record, KeyState::Active)?;
    state.spent.hotp = next;
    Ok((record, state, (verdict, reason)))
}
