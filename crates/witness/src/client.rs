//! The client: takes a vault's checkpoint to the witnesses of a policy, and brings their cosignatures back.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use ureq::Agent;
use zamok_core::Error;
use zamok_host::{Cosigned, Cosigners, Vault};
use zamok_journal::witness::{AddCheckpoint, log_id};
use zamok_journal::{
    Anchor, Checkpoint, Journal, Note, NoteSignature, Party, SignedCheckpoint, TrustPolicy, Trusted,
};

use crate::UNKNOWN;

/// How long one witness may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer that is read, in bytes.
const LONGEST_ANSWER: u64 = 16 << 10;

/// A client of the witnesses that a policy names with an address.
#[derive(Debug)]
pub struct Client {
    policy: TrustPolicy,
    agent: Agent,
    /// The size that each witness remembers, as far as is known. A hint: witnesses say when it is wrong.
    known: Mutex<BTreeMap<String, u64>>,
}

/// What came of asking all witnesses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// The checkpoint that they were asked about, with the cosignatures that came.
    pub checkpoint: SignedCheckpoint,
    /// What it is worth under the policy.
    pub trusted: Trusted,
    /// Who did not cosign, by the name of the key, and why.
    pub refusals: Vec<(String, Refusal)>,
}

/// Why a witness did not cosign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It could not be reached, or its answer not be read.
    Unreachable(String),
    /// It answered this status.
    Status(u16),
    /// What it answered is no cosignature of its key, or not over what the log signed.
    Signature,
    /// It does not tell what it remembers: it has no address, or offers no such call.
    Mute,
    /// It remembers more leaves than the log has: the store was put back, or the witness is wrong.
    Ahead(u64),
    /// It remembers another tree: the log forked, or the witness is wrong.
    Forked,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "cannot be reached: {why}"),
            Self::Status(status) => write!(f, "answered {status}"),
            Self::Signature => f.write_str("answered with no cosignature of its key"),
            Self::Mute => f.write_str("does not tell what it remembers"),
            Self::Ahead(size) => write!(f, "remembers {size} entries, more than the log has"),
            Self::Forked => f.write_str("remembers another tree: the log was rewritten"),
        }
    }
}

impl Client {
    /// A client for the witnesses of this policy.
    #[must_use]
    pub fn new(policy: TrustPolicy) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        Self { policy, agent: config.into(), known: Mutex::default() }
    }

    /// Signs a checkpoint of the vault's journal, asks every witness at once, and keeps what they said.
    ///
    /// # Errors
    /// As [`Vault::checkpoint`]. That witnesses refuse, or are too few, is in the answer.
    pub fn gather(&self, vault: &Vault) -> Result<Gathered, Error> {
        let gathered = self.gather_for(vault, vault.checkpoint()?)?;
        let ahead = gathered.refusals.iter().filter_map(|(_, refusal)| match refusal {
            Refusal::Ahead(size) => Some(*size),
            _ => None,
        });
        let Some(size) = ahead.max() else { return Ok(gathered) };
        // Another client of the same log may have been there with a later checkpoint.
        match vault.checkpoint() {
            Ok(checkpoint) if checkpoint.checkpoint().size >= size => self.gather_for(vault, checkpoint),
            // What was said of the first one counts, and was kept.
            Err(error) if !gathered.trusted.is_quorum => Err(error),
            _ => Ok(gathered),
        }
    }

    fn gather_for(&self, vault: &Vault, mut checkpoint: SignedCheckpoint) -> Result<Gathered, Error> {
        let asked = self.policy.witnesses().filter_map(|witness| self.asked(witness, &checkpoint));
        let mut asked: Vec<_> = asked.collect();
        // Once more for a size that was not known, and once for another client of the same log that was faster.
        for _ in 0..3 {
            self.ask(vault, &checkpoint, &mut asked);
        }
        let mut refusals = Vec::new();
        for Asked { witness, said, .. } in asked {
            match said.unwrap_or(Err(Refusal::Status(409))) {
                // Whatever is wrong with what one of them said is no concern of the others.
                Ok(line) => {
                    if checkpoint.cosign(&witness.key, line).is_err() {
                        refusals.push((witness.key.name().to_owned(), Refusal::Signature));
                    }
                }
                Err(refusal) => refusals.push((witness.key.name().to_owned(), refusal)),
            }
        }
        let trusted = vault.keep_cosigned(&self.policy, &checkpoint)?;
        Ok(Gathered { checkpoint, trusted, refusals })
    }

    /// A witness that is asked, where it has an address.
    fn asked<'p>(&self, witness: &'p Party, checkpoint: &SignedCheckpoint) -> Option<Asked<'p>> {
        let url = witness.url.as_deref()?;
        let remembered = self.known().get(witness.key.name()).copied().unwrap_or(0);
        Some(Asked { witness, url, old: remembered.min(checkpoint.checkpoint().size), said: None })
    }

    /// Asks all who have not said their last word, at once. Threads do nothing but post: what this one does may be no use of the
    /// vault ([`Keeper`](zamok_host::Keeper)), and what others read from it would be.
    fn ask(&self, vault: &Vault, checkpoint: &SignedCheckpoint, asked: &mut [Asked<'_>]) {
        let questions: Vec<_> = asked
            .iter_mut()
            .filter(|asked| asked.said.is_none())
            .map(|asked| (question(vault, checkpoint, asked.old), asked))
            .collect();
        let answers: Vec<_> = thread::scope(|scope| {
            let answers = questions.into_iter().map(|(question, asked)| {
                let url = format!("{}/add-checkpoint", asked.url.trim_end_matches('/'));
                (asked, scope.spawn(move || self.post(&url, &question?)))
            });
            // All are under way before the first is waited for.
            let answers: Vec<_> = answers.collect();
            answers.into_iter().map(|(asked, answer)| (asked, answer.join())).collect()
        });
        for (asked, answer) in answers {
            let answer = answer.unwrap_or_else(|_| Err(Refusal::Unreachable("it stopped".into())));
            asked.said = answer
                .and_then(|(status, answer)| self.understand(checkpoint, asked, status, &answer))
                .transpose();
        }
    }

    /// What a witness said; `None` when it remembers another size than was thought, and is asked again.
    fn understand(
        &self,
        checkpoint: &SignedCheckpoint,
        asked: &mut Asked<'_>,
        status: u16,
        answer: &str,
    ) -> Result<Option<NoteSignature>, Refusal> {
        let size = checkpoint.checkpoint().size;
        match status {
            200 => {
                let line = cosignature(checkpoint, asked.witness, answer).ok_or(Refusal::Signature)?;
                self.known().insert(asked.witness.key.name().into(), size);
                Ok(Some(line))
            }
            409 => match answer.strip_suffix('\n').and_then(|answer| answer.parse().ok()) {
                Some(remembered) if remembered > size => Err(Refusal::Ahead(remembered)),
                Some(remembered) if remembered == asked.old => Err(Refusal::Forked),
                Some(remembered) => {
                    asked.old = remembered;
                    Ok(None)
                }
                None => Err(Refusal::Status(status)),
            },
            422 => Err(Refusal::Forked),
            _ => Err(Refusal::Status(status)),
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn post(&self, url: &str, body: &str) -> Result<(u16, String), Refusal> {
        let sent = self.agent.post(url).header("content-type", "text/plain; charset=utf-8").send(body);
        read(sent)
    }

    /// What a witness of ours remembers of a log, signed by the log and by the witness. Other witnesses offer no such call: that one
    /// knows nothing is believed only of one that says so.
    fn latest(&self, witness: &Party, origin: &str) -> Result<Option<SignedCheckpoint>, Refusal> {
        let url = witness.url.as_deref().ok_or(Refusal::Mute)?;
        let log: String = log_id(origin).iter().map(|byte| format!("{byte:02x}")).collect();
        match read(self.agent.get(format!("{}/latest/{log}", url.trim_end_matches('/'))).call())? {
            (200, note) => {
                let signed = SignedCheckpoint::parse(&note).map_err(|_| Refusal::Signature)?;
                let by = |key| matches!(signed.note().signed_by(key), Ok(Some(_)));
                // One witness alone could cosign a tree that the log never had.
                let mut logs = self.policy.logs().iter().filter(|log| log.key.name() == origin).peekable();
                let is_logs = logs.peek().is_none() || logs.any(|log| by(&log.key));
                if signed.checkpoint().origin == origin && is_logs && by(&witness.key) {
                    Ok(Some(signed))
                } else {
                    Err(Refusal::Signature)
                }
            }
            (404, said) if said == UNKNOWN => Ok(None),
            (404, _) => Err(Refusal::Mute),
            (status, _) => Err(Refusal::Status(status)),
        }
    }
}

/// A witness that is being asked.
struct Asked<'p> {
    witness: &'p Party,
    url: &'p str,
    /// The size from which on it is shown that the log has grown.
    old: u64,
    /// Its last word.
    said: Option<Result<NoteSignature, Refusal>>,
}

/// What is posted to a witness that remembers this size.
fn question(vault: &Vault, checkpoint: &SignedCheckpoint, old: u64) -> Result<String, Refusal> {
    let path = vault
        .read(|store, keyring| Journal::new(store, keyring).consistency(old, checkpoint.checkpoint()))
        .map_err(|error| Refusal::Unreachable(error.to_string()))?;
    Ok(AddCheckpoint { old, path, checkpoint: checkpoint.clone() }.to_string())
}

/// The latest cosignature of this witness in an answer; none, when any that claims to be its is not.
pub(crate) fn cosignature(
    checkpoint: &SignedCheckpoint,
    witness: &Party,
    answer: &str,
) -> Option<NoteSignature> {
    let mut latest = None;
    for line in NoteSignature::parse_lines(answer).ok()? {
        if !line.is_by(&witness.key) {
            continue;
        }
        let mut alone = Note::new(checkpoint.note().text()).ok()?;
        alone.add(line.clone()).ok()?;
        let signed = alone.signed_by(&witness.key).ok()??;
        if latest.as_ref().is_none_or(|(known, _)| *known < signed) {
            latest = Some((signed, line));
        }
    }
    latest.map(|(_, line)| line)
}

fn read(sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<(u16, String), Refusal> {
    let unreachable = |error: ureq::Error| Refusal::Unreachable(error.to_string());
    let mut answer = sent.map_err(unreachable)?;
    let body = answer.body_mut().with_config().limit(LONGEST_ANSWER).read_to_string().map_err(unreachable)?;
    Ok((answer.status().as_u16(), body))
}

/// Witnesses as the anchor of a vault: the longest log that one of them remembers, where more than half of them have told. What the
/// log signed is told from what it never did by its keys in the policy, where they stand there.
impl Anchor for Client {
    fn last(&self, origin: &str) -> Result<Option<Checkpoint>, Error> {
        let mut longest: Option<SignedCheckpoint> = None;
        let (mut answered, mut asked) = (0, 0);
        for witness in self.policy.witnesses() {
            asked += 1;
            match self.latest(witness, origin) {
                Ok(found) => {
                    answered += 1;
                    if found.as_ref().map(|signed| signed.checkpoint().size)
                        > longest.as_ref().map(|signed| signed.checkpoint().size)
                    {
                        longest = found;
                    }
                }
                Err(refusal) => {
                    tracing::warn!(witness = witness.key.name(), %refusal, "a witness did not answer")
                }
            }
        }
        // Silence of most of them is no permission.
        if 2 * answered > asked {
            Ok(longest.map(|signed| signed.checkpoint().clone()))
        } else {
            Err(Error::Unwitnessed)
        }
    }

    fn keep(&self, _: &SignedCheckpoint) -> Result<(), Error> {
        // Witnesses are given checkpoints by `gather`, which has the journal to prove from.
        Ok(())
    }
}

/// For the thread that keeps a journal.
impl Cosigners for Client {
    fn cosign(&self, vault: &Vault) -> Result<Cosigned, Error> {
        let Gathered { checkpoint, trusted, refusals } = self.gather(vault)?;
        Ok(Cosigned {
            size: checkpoint.checkpoint().size,
            witnesses: trusted.witnesses.len(),
            is_quorum: trusted.is_quorum,
            refusals: refusals.iter().map(|(name, refusal)| format!("{name} {refusal}")).collect(),
        })
    }
}
