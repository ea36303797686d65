//! What is due: hints, each under its time, in lanes of their own for codes and for each channel, so that neither a backlog of
//! notices nor a channel that is slow hides what somebody waits for. Byte by byte in `docs/formats/outbox.md`.

use zamok_core::store::{Range, Row as StoreRow, RowKey, Table};
use zamok_core::vault::Transaction;
use zamok_core::{Error as CoreError, UnixTime};

use super::Message;
use crate::Cabinet;
use crate::error::Error;
use crate::evidence::Evidence;

/// When somebody must look at what: hints, under their lane, a time and what is due then.
const DUE: Table = Table(54);

/// The channels that have lanes of their own.
const CHANNELS: [Evidence; 3] = [Evidence::Sms, Evidence::Email, Evidence::Push];
/// The lane of codes by a channel is this and the channel's number.
const CODES: u8 = 0xc0;
/// The lane of other messages by a channel is this and the channel's number.
const OTHERS: u8 = 0x80;
/// The lane of all else: its hints begin with their time, whose first byte is zero.
const REST: u8 = 0;

/// A hint that something is due. It grants nothing: what it leads to is read and checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Due {
    lane: u8,
    pub(super) time: UnixTime,
    pub(super) key: Vec<u8>,
    /// Whose feed it is about; empty for a message.
    pub(super) value: Vec<u8>,
}

impl Due {
    /// What it is about, whenever it is due.
    #[must_use]
    pub fn about(&self) -> &[u8] {
        &self.key
    }

    /// Whether it is about a code that somebody waits for.
    #[must_use]
    pub const fn is_code(&self) -> bool {
        self.lane >= CODES
    }

    /// By which channel the message goes; `None` for a notice that is yet to be spread, and for what is to be tidied up.
    #[must_use]
    pub fn channel(&self) -> Option<Evidence> {
        CHANNELS.into_iter().find(|channel| [CODES, OTHERS].contains(&self.lane.wrapping_sub(*channel as u8)))
    }

    pub(super) fn hint(&self) -> RowKey {
        self.hint_at(self.time)
    }

    /// The same hint under another time.
    pub(super) fn hint_at(&self, time: UnixTime) -> RowKey {
        row(self.lane, time, &self.key)
    }

    fn read(lane: u8, key: &[u8], value: Vec<u8>) -> Option<Self> {
        let (time, key) = key.get(prefix(lane).len()..)?.split_first_chunk::<8>()?;
        Some(Self { lane, time: UnixTime(u64::from_be_bytes(*time)), key: key.to_vec(), value })
    }
}

fn prefix(lane: u8) -> Vec<u8> {
    if lane == REST { Vec::new() } else { vec![lane] }
}

fn row(lane: u8, due: UnixTime, key: &[u8]) -> RowKey {
    RowKey::new(DUE, [&prefix(lane)[..], &due.0.to_be_bytes(), key].concat())
}

/// The hint that something that is no message on its way is due then.
pub(super) fn hint(due: UnixTime, key: &[u8]) -> RowKey {
    row(REST, due, key)
}

/// The hint that a message on its way, under this key, is due then.
pub(super) fn hint_of(message: &Message, due: UnixTime, key: &[u8]) -> RowKey {
    let base = if message.kind.is_code() { CODES } else { OTHERS };
    let channel = message.recipient.contact.map(|(_, channel)| channel);
    let lane =
        channel.filter(|channel| CHANNELS.contains(channel)).map_or(REST, |channel| base + channel as u8);
    row(lane, due, key)
}

/// A hint that is gone already is no matter.
pub(super) fn forget_hint(tx: &mut Transaction<'_>, hint: &RowKey) -> Result<(), Error> {
    if tx.plain(hint)?.is_some() {
        tx.delete(hint)?;
    }
    Ok(())
}

impl Cabinet {
    /// What is due now, without a promise that it still is: codes first, by each channel; then notices that are to be spread, and
    /// what is to be tidied up; then other messages, by each channel. Of each of these the oldest first, at most so many.
    ///
    /// # Errors
    /// The vault's and the store's.
    pub fn due(&self, limit: usize) -> Result<Vec<Due>, Error> {
        // A key that begins with the next second is past everything that is due in this one.
        let next = self.vault.now().plus(1).0.to_be_bytes();
        let of = |base: u8| CHANNELS.map(|channel| base + channel as u8);
        let lanes = of(CODES).into_iter().chain([REST]).chain(of(OTHERS));
        let found = self.vault.read(|store, _| {
            let scan = |lane: u8| {
                let start = prefix(lane);
                let range = Range { end: Some([&start[..], &next].concat()), start };
                Ok((lane, store.scan(DUE, &range, limit, None)?.rows))
            };
            lanes.map(scan).collect::<Result<Vec<_>, CoreError>>()
        })?;
        let read = |(lane, rows): (u8, Vec<(Vec<u8>, StoreRow)>)| {
            rows.into_iter().filter_map(move |(key, row)| Due::read(lane, &key, row.value))
        };
        Ok(found.into_iter().flat_map(read).collect())
    }
}
