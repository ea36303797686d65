//! Delivery receipts of SMPP (3.4 appendix B): a text of names and values that every carrier writes a little differently.

use zamok_cabinet::ReceiptState;

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortReceipt {
    /// The id that the carrier gave the message.
    pub id: String,
    /// How it stands.
    pub state: ReceiptState,
    /// The carrier's words: its state, and its error number where there is one.
    pub reason: String,
}

/// Reads the text of a receipt: `id:… sub:… dlvrd:… submit date:… done date:… stat:DELIVRD err:000 text:…`, in any order and
/// case, `None` where it has no id or no state.
#[must_use]
pub fn read_short(text: &[u8]) -> Option<ShortReceipt> {
    // Receipts are short, and only their first names matter: the rest is a copy of the message.
    let text = &text[..text.len().min(512)];
    let id = value(text, b"id:").filter(|id| id.len() <= 64)?;
    let stat = value(text, b"stat:").filter(|stat| stat.len() <= 16)?;
    let error = value(text, b"err:").filter(|error| error.len() <= 16);
    let stat = stat.to_ascii_uppercase();
    let state = named(&stat)?;
    let reason = error.map_or_else(|| stat.clone(), |error| format!("{stat} {error}"));
    Some(ShortReceipt { id, state, reason })
}

/// The states of SMPP 3.4 appendix B and 5.0 §4.7.15, also cut to seven letters and written out.
fn named(stat: &str) -> Option<ReceiptState> {
    Some(match stat {
        "DELIVRD" | "DELIVERED" => ReceiptState::Delivered,
        "EXPIRED" => ReceiptState::Expired,
        "DELETED" | "UNDELIV" | "UNDELIVERABLE" | "REJECTD" | "REJECTED" | "UNKNOWN" | "FAILED" => {
            ReceiptState::Rejected
        }
        "ACCEPTD" | "ACCEPTED" | "ENROUTE" | "SCHEDULED" | "BUFFERED" => ReceiptState::OnTheWay,
        _ => return None,
    })
}

/// The state by its number (SMPP 3.4 §5.2.28).
pub(super) fn numbered(state: u8) -> Option<ReceiptState> {
    Some(match state {
        2 => ReceiptState::Delivered,
        3 => ReceiptState::Expired,
        4 | 5 | 7 | 8 | 9 => ReceiptState::Rejected,
        0 | 1 | 6 => ReceiptState::OnTheWay,
        _ => return None,
    })
}

/// The word after a name that begins the text or follows a blank, in any case.
fn value(text: &[u8], name: &[u8]) -> Option<String> {
    let place = (0..text.len().saturating_sub(name.len() - 1)).find(|place| {
        text[*place..*place + name.len()].eq_ignore_ascii_case(name)
            && (*place == 0 || text[*place - 1].is_ascii_whitespace())
    })?;
    let rest = &text[place + name.len()..];
    let end = rest.iter().position(|byte| byte.is_ascii_whitespace() || *byte == 0).unwrap_or(rest.len());
    let word = rest[..end].iter().map(|byte| char::from(*byte)).collect::<String>();
    let plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_are_read_as_carriers_write_them() {
        for (text, id, state, reason) in [
            (
                "id:0123456789 sub:001 dlvrd:001 submit date:2701150800 done date:2701150801 stat:DELIVRD err:000 text:code 12",
                "0123456789",
                ReceiptState::Delivered,
                "DELIVRD 000",
            ),
            ("id:1A2B stat:UNDELIV err:0x45", "1A2B", ReceiptState::Rejected, "UNDELIV 0x45"),
            ("ID:7 Stat:Expired", "7", ReceiptState::Expired, "EXPIRED"),
            ("stat:ACCEPTD id:9\0", "9", ReceiptState::OnTheWay, "ACCEPTD"),
            ("id:3a-b sub:1 stat:REJECTD text:id:7 stat:DELIVRD", "3a-b", ReceiptState::Rejected, "REJECTD"),
        ] {
            let found = read_short(text.as_bytes()).unwrap();
            assert_eq!(
                (found.id.as_str(), found.state, found.reason.as_str()),
                (id, state, reason),
                "{text}"
            );
        }
        for text in
            ["", "id: stat:DELIVRD", "id:1", "stat:DELIVRD", "id:1 stat:SOMETHING", "paid:1 restat:DELIVRD"]
        {
            assert_eq!(read_short(text.as_bytes()), None, "{text}");
        }
        assert_eq!(read_short(&[b' '; 100_000]), None);
    }
}
