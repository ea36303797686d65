//! The state row of an OTP key: what is spent of it, how often guesses failed, and which entry told of it.

use super::failures::Failures;
use crate::error::Error;
use crate::otp::{HotpState, TotpState};
use crate::store::{EntryId, RowKey, Table};
use crate::vault::attributes::{KeyInfo, Purpose};
use crate::vault::keyring::Opened;
use crate::vault::keys::{KeyId, KeyRecord};
use crate::vault::transaction::Transaction;
use crate::wire::{Reader, Writer};

/// State rows of OTP keys, under the id of their key.
pub const STATES: Table = Table(3);

/// The state row that an opened row of [`KEYS`](crate::vault::keys::KEYS) must have beside it; `None` for a key that makes no codes.
///
/// # Errors
/// [`Error::Refused`] and [`Error::Format`] for what is no record of a key.
pub fn state_row_of(key: &Opened) -> Result<Option<RowKey>, Error> {
    let (info, _) = KeyInfo::decode(&key.attributes)?;
    Ok((info.purpose == Purpose::OneTimeCode).then(|| OtpState::row(info.id)))
}

/// What is spent of an OTP key, on its way into another vault.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::vault) struct Spent {
    pub(super) totp: TotpState,
    pub(super) hotp: HotpState,
    pub(super) next_to_generate: u64,
}

impl Spent {
    pub(in crate::vault) fn write(&self, writer: &mut Writer) {
        writer.optional_u64(self.totp.last_step).raw(&self.totp.drift.to_be_bytes());
        writer.u64(self.hotp.next).raw(&self.hotp.burned.to_be_bytes()).u64(self.next_to_generate);
    }

    pub(in crate::vault) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let totp =
            TotpState { last_step: reader.optional_u64()?, drift: i32::from_be_bytes(reader.array()?) };
        let hotp = HotpState { next: reader.u64()?, burned: u128::from_be_bytes(reader.array()?) };
        Ok(Self { totp, hotp, next_to_generate: reader.u64()? })
    }

    /// What is spent by either of two keys with one secret.
    pub(super) fn with(self, other: Self) -> Self {
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
pub(in crate::vault) fn spent(tx: &mut Transaction<'_>, record: &KeyRecord) -> Result<Spent, Error> {
    if record.info.purpose != Purpose::OneTimeCode {
        return Ok(Spent::default());
    }
    OtpState::load(tx, record.info.id, record.info.version).map(|state| state.spent)
}

/// Writes the first state row of a key that came in wrapped. What is spent of it is what the wrap says, and what keys that had
/// its secret in this vault spent; what they failed at is not forgiven.
pub(in crate::vault) fn resume_from(
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
pub(in crate::vault) struct OtpState {
    pub(super) row: RowKey,
    key: KeyId,
    version: u32,
    pub(super) spent: Spent,
    pub(in crate::vault) failures: Failures,
    /// The journal entry that recorded this state: `audit rows` finds rows that lie behind the journal.
    entry: EntryId,
}

impl OtpState {
    const FORMAT: u8 = 1;

    pub(in crate::vault) fn row(key: KeyId) -> RowKey {
        RowKey::new(STATES, key.0)
    }

    pub(in crate::vault) fn load(tx: &mut Transaction<'_>, key: KeyId, version: u32) -> Result<Self, Error> {
        // Absence is never permission: a key without its state row is as good as gone.
        let row = Self::row(key);
        let body = tx.state(&row)?.ok_or(Error::Refused)?;
        let state = Self::decode(row, &body)?;
        if state.key == key && state.version == version { Ok(state) } else { Err(Error::Refused) }
    }

    pub(in crate::vault) fn put(&mut self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        self.entry = tx.next_entry();
        tx.put_state(&self.row, self.encode().as_slice())
    }

    /// The next counter of OCRA, which spends counters as HOTP does.
    pub(in crate::vault) fn counter(&self) -> Result<u64, Error> {
        self.spent.hotp.next_counter()
    }

    /// Spends this counter and all before it. What is spent already, or burned beyond it, stays so.
    pub(in crate::vault) fn spend_counter(&mut self, counter: u64) {
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
    pub(in crate::vault) fn last_step(&self) -> Option<u64> {
        self.spent.totp.last_step
    }

    /// Spends this time step and all before it.
    pub(in crate::vault) fn spend_step(&mut self, step: u64) {
        self.spent.totp.last_step = Some(step);
    }

    /// Bytes of the body at most.
    const LENGTH: usize = 1 + 16 + 4 + 45 + 32 + 24;

    pub(in crate::vault) fn encode(&self) -> Writer {
        // Not secret: state rows are authenticated, not sealed.
        let mut writer = Writer::public(Self::LENGTH);
        writer.u8(Self::FORMAT).raw(&self.key.0).u32(self.version);
        self.spent.write(&mut writer);
        self.failures.write(&mut writer);
        writer.raw(&self.entry.to_bytes());
        writer
    }

    pub(in crate::vault) fn decode(row: RowKey, body: &[u8]) -> Result<Self, Error> {
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
pub(in crate::vault) fn begin(
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
pub(in crate::vault) fn next_counter(tx: &mut Transaction<'_>, record: &KeyRecord) -> Result<u64, Error> {
    OtpState::load(tx, record.info.id, record.info.version)?.spent.hotp.next_counter()
}
