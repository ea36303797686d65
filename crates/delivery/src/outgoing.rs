//! Messages for a service that carries them itself, in a loop of its own: leased, weighed and put into words as those of a worker
//! are, under the same leases, caps and preferences. What became of them it tells the cabinet ([`Cabinet::sent`],
//! [`Cabinet::put_off`], [`Cabinet::refuse`]), and receipts as well ([`Cabinet::receipt`]).

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use zamok_cabinet::{Address, Cabinet, Due, Error, Evidence, Lease, Leased, Message, WorkerId};
use zamok_core::Error as CoreError;
use zeroize::Zeroizing;

use crate::content::{Content, channel_to};
use crate::template::Templates;

/// Hints that are read at once, of each sort: few, since a code that is made meanwhile waits for their end.
const BATCH: usize = 32;

/// A message that a service may carry until its lease is over. The text is wiped when it is dropped; `Debug` shows neither text
/// nor address.
#[derive(Clone, Debug)]
pub struct Letter {
    /// What it is, where it goes, and until when it is this service's alone: what the cabinet is told goes by it.
    pub lease: Lease,
    /// What it says.
    pub content: Content,
    /// Units that are paid for: segments of an SMS, 1 otherwise.
    pub units: u32,
}

impl Letter {
    /// By which channel it goes: [`Evidence::Sms`], [`Evidence::Email`] or [`Evidence::Push`].
    #[must_use]
    pub const fn channel(&self) -> Evidence {
        channel_to(&self.lease.address)
    }

    /// Where it goes: an E.164 number, an e-mail address, or the endpoint of a push service.
    #[must_use]
    pub fn address(&self) -> &str {
        match &self.lease.address {
            Address::Phone(text) | Address::Email(text) => text,
            Address::Push(subscription) => subscription.endpoint(),
        }
    }

    /// The subject of an e-mail; empty for others.
    #[must_use]
    pub fn subject(&self) -> &str {
        match &self.content {
            Content::Email(words) => &words.subject,
            Content::Sms { .. } | Content::Push(_) => "",
        }
    }

    /// What it says: the text of an SMS or of an e-mail; the JSON that is sealed for a device ([`Content::Push`]).
    #[must_use]
    pub fn text(&self) -> &str {
        match &self.content {
            Content::Sms { text, .. } => text,
            Content::Email(words) => &words.long,
            Content::Push(body) => str::from_utf8(body).expect("JSON is UTF-8"),
        }
    }

    /// What is sealed for a device with (RFC 8291): its public key and its authentication secret, both in base64url, as its browser
    /// gave them, wiped when they are dropped. `None` where nothing is pushed.
    #[must_use]
    pub fn push_keys(&self) -> Option<(Zeroizing<String>, Zeroizing<String>)> {
        match &self.lease.address {
            Address::Push(subscription) => Some((
                Zeroizing::new(Base64UrlUnpadded::encode_string(subscription.key())),
                Zeroizing::new(Base64UrlUnpadded::encode_string(subscription.auth())),
            )),
            Address::Phone(_) | Address::Email(_) => None,
        }
    }
}

/// Hands out the messages of a cabinet. Any number of them, in any number of processes and beside workers, share one outbox.
#[derive(Debug)]
pub struct Outgoing {
    templates: Templates,
    round: Mutex<Round>,
}

/// One look at everything that is due.
#[derive(Debug, Default)]
struct Round {
    due: VecDeque<Due>,
    seen: HashSet<Due>,
    /// Of a row that was altered: told once everything else was handed out.
    altered: Option<Error>,
}

impl Outgoing {
    /// Hands messages out in the words of these templates.
    #[must_use]
    pub fn new(templates: Templates) -> Self {
        Self { templates, round: Mutex::default() }
    }

    /// The next message that is due, leased to whoever asks; `None` once everything that was due has been looked at: ask again
    /// after a while. What is over ends here and is not handed out: a code that counts no more, a message whose time has come, a
    /// contact that is gone. What was handed out and not told of is handed out again when its lease is over, under the same id.
    ///
    /// # Errors
    /// The vault's and the store's; [`CoreError::Refused`] or [`CoreError::Format`] in the place of `None` when a message was
    /// altered: it stays for the audit, is looked at again after ten minutes, and keeps no other from being handed out.
    pub fn take(&self, cabinet: &Cabinet) -> Result<Option<Letter>, Error> {
        // First of all: in a forked child, the round may be held by a thread that it does not have.
        if cabinet.vault().is_locked() {
            return Err(CoreError::Locked.into());
        }
        while let Some(due) = self.next(cabinet)? {
            match self.lease(cabinet, &due) {
                Ok(None) => {}
                Err(error @ Error::Core(CoreError::Refused | CoreError::Format { .. })) => {
                    self.round().altered = Some(error);
                }
                other => return other,
            }
        }
        match std::mem::take(&mut *self.round()).altered {
            Some(error) => Err(error),
            None => Ok(None),
        }
    }

    fn round(&self) -> MutexGuard<'_, Round> {
        self.round.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be looked at next in this round; a message that was spread has brought others.
    fn next(&self, cabinet: &Cabinet) -> Result<Option<Due>, Error> {
        let mut round = self.round();
        if round.due.is_empty() {
            let due = cabinet.due(BATCH)?;
            let fresh: Vec<Due> = due.into_iter().filter(|due| round.seen.insert(due.clone())).collect();
            round.due.extend(fresh);
        }
        Ok(round.due.pop_front())
    }

    fn lease(&self, cabinet: &Cabinet, due: &Due) -> Result<Option<Letter>, Error> {
        // Another for each message: who was too slow has no say in what was handed out after him.
        let mut worker = [0; 16];
        aws_lc_rs::rand::fill(&mut worker).map_err(|_| CoreError::Randomness)?;
        let content = |message: &Message, preferred: &str, address: &Address| {
            self.templates.content(message, preferred, address)
        };
        let weigh = |message: &Message, preferred: &str, address: &Address| {
            content(message, preferred, address).map(|(_, load)| load)
        };
        let Leased::Ready(lease) = cabinet.lease(due, WorkerId(worker), &weigh)? else { return Ok(None) };
        match content(&lease.message, &lease.preferred, &lease.address) {
            Ok((content, load)) => Ok(Some(Letter { lease: *lease, content, units: load.units })),
            Err(reason) => cabinet.refuse(&lease, "", reason).map(|()| None),
        }
    }
}
