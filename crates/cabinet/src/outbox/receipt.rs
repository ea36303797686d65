//! Receipts: what a carrier tells of a message that it took, found by the ids that it gave the parts.
//!
//! Carriers write one id in several ways: an answer in hexadecimal and its receipt in decimal, with zeros in front or without
//! (SMPP 3.4 §5.2.23 leaves the form to them). An id is looked for as it is first; then as the other system's number, but only where
//! the receipt names the number that it is about, which must be the message's own: otherwise it is another message's as likely.

use zamok_core::store::{Row as StoreRow, RowKey, Table};
use zamok_core::vault::Transaction;
use zamok_core::{Error as CoreError, UnixTime};

use super::MessageId;
use super::archive::{self, Ending};
use super::lease::Address;
use super::row::{OUTBOX, Row};
use crate::Cabinet;
use crate::error::Error;

/// Which message has a carrier's id: hints, under a blind index of the carrier and the id.
const RECEIPTS: Table = Table(64);

/// What a carrier tells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Receipt<'a> {
    /// The carrier, as the configuration names it.
    pub carrier: &'a str,
    /// The id that it gave the part.
    pub id: &'a str,
    /// How it stands.
    pub state: ReceiptState,
    /// The number that it is about, where it says so, in any form.
    pub number: Option<&'a str>,
    /// Why, in the carrier's words or its number.
    pub reason: &'a str,
}

impl core::fmt::Debug for Receipt<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Receipt({} {:?}, redacted)", self.carrier, self.state)
    }
}

/// How a part stands, as its carrier says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReceiptState {
    /// It is still on its way.
    OnTheWay,
    /// It arrived.
    Delivered,
    /// It will not arrive.
    Rejected,
    /// Its time was over before it arrived.
    Expired,
}

/// What a receipt led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matched {
    /// To this message, which has ended with it.
    Ended(MessageId, Ending),
    /// To this message, which goes on: other parts are missing, or it is on its way.
    Noted(MessageId),
    /// To a message that was over before, or had this receipt: carriers repeat themselves.
    Again(MessageId),
    /// To none: it came before the answer that names the id, or is about something else.
    Unknown,
}

/// How a part stands. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum PartState {
    Unsent = 0,
    Sent = 1,
    Delivered = 2,
    Rejected = 3,
    Expired = 4,
}

impl PartState {
    pub(super) fn from_number(number: u8) -> Result<Self, CoreError> {
        let all = [Self::Unsent, Self::Sent, Self::Delivered, Self::Rejected, Self::Expired];
        all.into_iter().find(|state| *state as u8 == number).ok_or(CoreError::Refused)
    }
}

/// An id without what its spelling adds: case, and zeros in front.
pub(super) fn canonical(id: &str) -> String {
    let id = id.trim().to_ascii_lowercase();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return id;
    }
    let digits = id.trim_start_matches('0');
    if digits.is_empty() { "0".into() } else { digits.into() }
}

/// The forms beside the plain one under which an id may have been noted, likeliest first.
fn other_forms(plain: &str) -> Vec<String> {
    let decimal = plain.parse::<u128>().ok().map(|number| format!("{number:x}"));
    let hexadecimal = u128::from_str_radix(plain, 16).ok().map(|number| number.to_string());
    decimal.into_iter().chain(hexadecimal).filter(|form| form != plain).collect()
}

/// Where the hint for an id may stand: first where it is entered now, then where it was under older index keys.
pub(super) fn keys(tx: &Transaction<'_>, carrier: &str, canonical: &str) -> Result<Vec<RowKey>, Error> {
    let normal = [carrier.as_bytes(), b"\0", canonical.as_bytes()].concat();
    let indexes = tx.keyring().blind_indexes("receipt", &normal)?;
    Ok(indexes.into_iter().map(|index| RowKey::new(RECEIPTS, index)).collect())
}

/// A blind index of where a message goes: for caps, and to see whether a receipt is about it.
pub(super) fn address_mark(tx: &Transaction<'_>, address: &Address) -> Result<[u8; 32], Error> {
    let text = match address {
        Address::Phone(number) => {
            return number_marks(tx, number)?.first().copied().ok_or(CoreError::Refused.into());
        }
        Address::Email(address) => address.as_str(),
        Address::Push(subscription) => subscription.endpoint(),
    };
    Ok(tx.keyring().blind_index("delivery address", text.as_bytes())?)
}

/// The marks of a number under every index key, the newest first.
fn number_marks(tx: &Transaction<'_>, number: &str) -> Result<Vec<[u8; 32]>, Error> {
    Ok(tx.keyring().blind_indexes("delivery address", digits(number).as_bytes())?)
}

fn digits(number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits.strip_prefix("00").map(str::to_owned).unwrap_or(digits)
}

/// Whether a message that is over went to this number, as far as the archive remembers.
fn went_to(tx: &mut Transaction<'_>, id: MessageId, number: Option<&str>) -> Result<bool, Error> {
    let archived = archive::load(tx, id)?;
    Ok(archived.zip(number).is_some_and(|(archived, number)| {
        !archived.address.is_empty() && digits(&archived.address) == digits(number)
    }))
}

fn hint_of(tx: &mut Transaction<'_>, carrier: &str, canonical: &str) -> Result<Option<StoreRow>, Error> {
    for key in keys(tx, carrier, canonical)? {
        if let Some(hint) = tx.plain(&key)? {
            return Ok(Some(hint));
        }
    }
    Ok(None)
}

impl Cabinet {
    /// Notes what a carrier tells. The same receipt twice changes nothing.
    ///
    /// # Errors
    /// [`CoreError::Refused`] for a row that was altered; the vault's and the store's: then do not acknowledge it, so that the
    /// carrier tells again.
    pub fn receipt(&self, receipt: &Receipt<'_>) -> Result<Matched, Error> {
        self.vault.transact(|tx| {
            let plain = canonical(receipt.id);
            let others = if receipt.number.is_some() { other_forms(&plain) } else { Vec::new() };
            for form in core::iter::once(&plain).chain(&others) {
                let Some(hint) = hint_of(tx, receipt.carrier, form)? else { continue };
                let Some(id) = hint.value.get(8..).and_then(|id| id.try_into().ok()).map(MessageId) else {
                    continue;
                };
                let Some(row) = Row::load(tx, &RowKey::new(OUTBOX, hint.value))? else {
                    // Under another form the message that is over need not be the one that is meant: the archive knows where it went.
                    if *form == plain || went_to(tx, id, receipt.number)? {
                        return Ok(Matched::Again(id));
                    }
                    continue;
                };
                let about = match receipt.number {
                    Some(number) => number_marks(tx, number)?.contains(&row.address),
                    None => true,
                };
                let mut places =
                    (0..row.parts.len()).filter(|place| canonical(&row.parts[*place].id) == *form);
                // Where several parts have one id, each receipt is about one that had none yet.
                let sent = places.clone().find(|place| row.parts[*place].state == PartState::Sent);
                let place = sent.or_else(|| places.next());
                if let Some(place) = place.filter(|_| about && row.carrier == receipt.carrier) {
                    return self.note(tx, row, place, receipt);
                }
            }
            Ok(Matched::Unknown)
        })
    }

    fn note(
        &self,
        tx: &mut Transaction<'_>,
        mut row: Row,
        place: usize,
        receipt: &Receipt<'_>,
    ) -> Result<Matched, Error> {
        let id = row.message.id;
        let state = match receipt.state {
            ReceiptState::OnTheWay => return Ok(Matched::Noted(id)),
            ReceiptState::Delivered => PartState::Delivered,
            ReceiptState::Rejected => PartState::Rejected,
            ReceiptState::Expired => PartState::Expired,
        };
        if row.parts[place].state != PartState::Sent {
            return Ok(Matched::Again(id));
        }
        row.parts[place].state = state;
        // A part that is lost makes the whole unreadable; all parts that arrived make it whole.
        let ending = match state {
            PartState::Rejected => Some(Ending::Rejected),
            PartState::Expired => Some(Ending::Expired),
            _ if row.parts.iter().all(|part| part.state == PartState::Delivered) => Some(Ending::Delivered),
            _ => None,
        };
        match ending {
            Some(ending) => {
                row.end(tx, &self.policy.delivery, ending, receipt.reason)?;
                Ok(Matched::Ended(id, ending))
            }
            None => {
                let due: UnixTime = row.due.unwrap_or(tx.now());
                row.put(tx, due)?;
                Ok(Matched::Noted(id))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(id: &str) -> Vec<String> {
        let plain = canonical(id);
        let others = other_forms(&plain);
        [vec![plain], others].concat()
    }

    #[test]
    fn an_id_is_found_in_every_form_that_carriers_write() {
        // An answer in hexadecimal; receipts in decimal, with zeros in front, in capitals.
        let noted = canonical("1A2B3C");
        for receipt in ["1a2b3c", "1A2B3C", "0001a2b3c", "1715004", "0001715004"] {
            assert!(forms(receipt).contains(&noted), "{receipt}");
        }
        // An answer in decimal; receipts in hexadecimal.
        let noted = canonical("0001715004");
        for receipt in ["1715004", "01715004", "1A2B3C", "001a2b3c"] {
            assert!(forms(receipt).contains(&noted), "{receipt}");
        }
        assert_eq!(forms("0"), ["0"]);
        assert_eq!(forms("000"), ["0"]);
        assert_eq!(forms("d3b07384-d9a0"), ["d3b07384-d9a0"]);
        assert_eq!(forms("12")[0], "12", "as it is comes first");
        assert!(!forms("1715005").contains(&noted));
    }
}
