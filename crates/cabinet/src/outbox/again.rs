//! What a surviving journal says of messages, after a restore: what has left since the backup is not sent a second time
//! (`CRYPTO.md` §5).

use std::collections::{BTreeMap, BTreeSet};

use zamok_core::event::EventKind;
use zamok_core::store::RowKey;
use zamok_host::backup::Surviving;

use super::archive::Ending;
use super::row::{OUTBOX, Row};
use crate::Cabinet;
use crate::error::Error;

/// How the journal tells that a message is out of our hands.
pub(crate) const fn ending(kind: EventKind) -> Option<Ending> {
    match kind {
        // Its receipt will find nobody: under which id the carrier has it, the journal does not tell.
        EventKind::MessageSent | EventKind::MessageHandedOver => Some(Ending::HandedOver),
        EventKind::MessageDelivered => Some(Ending::Delivered),
        EventKind::MessageRejected => Some(Ending::Rejected),
        EventKind::MessageExpired => Some(Ending::Expired),
        _ => None,
    }
}

impl Cabinet {
    /// Ends what has left since the backup. Asked again, it finds done what it did. Answers how many ended.
    ///
    /// A notice that was spread since ends only when all that it was spread into has left as well: the others would be lost with it.
    pub(crate) fn end_messages_again(&self, surviving: &Surviving, reason: &str) -> Result<u64, Error> {
        let (mut left, mut spread) = (BTreeMap::new(), BTreeSet::new());
        for told in surviving.told.iter().filter(|told| told.row.table == OUTBOX) {
            match (ending(told.kind), told.kind) {
                (Some(ending), _) => {
                    left.insert(told.row.key.as_slice(), ending);
                }
                (None, EventKind::MessageQueued) => {
                    spread.insert(told.row.key.as_slice());
                }
                _ => {}
            }
        }
        // What was spread was made at the same time as the notice that it is of, and so begins with the same eight bytes.
        let waits = |key: &[u8]| {
            let mut waiting = spread.iter().filter(|other| !left.contains_key(*other));
            waiting.any(|other| other.get(..8) == key.get(..8))
        };
        let mut ended = 0;
        for (key, ending) in &left {
            let row = RowKey::new(OUTBOX, key.to_vec());
            ended += self.vault.transact(|tx| {
                let Some(row) = Row::load(tx, &row)? else { return Ok(0) };
                if row.message.recipient.contact.is_none() && waits(key) {
                    return Ok(0);
                }
                row.end(tx, &self.policy.delivery, *ending, reason)?;
                Ok::<u64, Error>(1)
            })?;
        }
        Ok(ended)
    }
}
