//! The client: takes a vault's checkpoint to the witnesses of a policy, and brings their cosignatures back.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ureq::Agent;
use zamok_core::Error;
use zamok_host::{Cosigned, Cosigners, Vault};
use zamok_journal::witness::{AddCheckpoint, log_id};
use zamok_journal::{
    Anchor, Checkpoint, Journal, Note, NoteSignature, Party, SignedCheckpoint, TrustPolicy, Trusted,
};

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
    /// What it answered is no cosignature of its key.
    Signature,
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
        let mut checkpoint = vault.checkpoint()?;
        let asked: Vec<_> = thread::scope(|scope| {
            let checkpoint = &checkpoint;
            let asked = self.policy.witnesses().filter_map(|witness| {
                let url = witness.url.as_deref()?;
                Some((witness, scope.spawn(move || self.ask(vault, checkpoint, witness, url))))
            });
            // All are under way before the first is waited for.
            let asked: Vec<_> = asked.collect();
            asked.into_iter().map(|(witness, answer)| (witness, answer.join())).collect()
        });
        let mut refusals = Vec::new();
        for (witness, answer) in asked {
            match answer.unwrap_or_else(|_| Err(Refusal::Unreachable("it stopped".into()))) {
                Ok(lines) => lines.into_iter().try_for_each(|line| checkpoint.cosign(&witness.key, line))?,
                Err(refusal) => refusals.push((witness.key.name().to_owned(), refusal)),
            }
        }
        let trusted = vault.keep_cosigned(&self.policy, &checkpoint)?;
        Ok(Gathered { checkpoint, trusted, refusals })
    }

    fn ask(
        &self,
        vault: &Vault,
        checkpoint: &SignedCheckpoint,
        witness: &Party,
        url: &str,
    ) -> Result<Vec<NoteSignature>, Refusal> {
        let name = witness.key.name();
        let size = checkpoint.checkpoint().size;
        let remembered = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        let mut old = remembered.unwrap_or(0).min(size);
        // Once more for a size that was not known, and once for another client of the same log that was faster.
        for _ in 0..3 {
            let path = vault
                .read(|store, keyring| Journal::new(store, keyring).consistency(old, checkpoint.checkpoint()))
                .map_err(|error| Refusal::Unreachable(error.to_string()))?;
            let body = AddCheckpoint { old, path, checkpoint: checkpoint.clone() }.to_string();
            let (status, answer) =
                self.post(&format!("{}/add-checkpoint", url.trim_end_matches('/')), &body)?;
            match status {
                200 => {
                    let lines = NoteSignature::parse_lines(&answer).map_err(|_| Refusal::Signature)?;
                    let lines: Vec<_> = lines.into_iter().filter(|line| line.is_by(&witness.key)).collect();
                    let mut alone = Note::new(checkpoint.note().text()).map_err(|_| Refusal::Signature)?;
                    lines
                        .iter()
                        .try_for_each(|line| alone.add(line.clone()))
                        .map_err(|_| Refusal::Signature)?;
                    if !matches!(alone.signed_by(&witness.key), Ok(Some(_))) {
                        return Err(Refusal::Signature);
                    }
                    self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(name.into(), size);
                    return Ok(lines);
                }
                409 => match answer.strip_suffix('\n').and_then(|answer| answer.parse().ok()) {
                    Some(remembered) if remembered > size => return Err(Refusal::Ahead(remembered)),
                    Some(remembered) if remembered == old => return Err(Refusal::Forked),
                    Some(remembered) => old = remembered,
                    None => return Err(Refusal::Status(status)),
                },
                422 => return Err(Refusal::Forked),
                _ => return Err(Refusal::Status(status)),
            }
        }
        Err(Refusal::Status(409))
    }

    fn post(&self, url: &str, body: &str) -> Result<(u16, String), Refusal> {
        let sent = self.agent.post(url).header("content-type", "text/plain; charset=utf-8").send(body);
        read(sent)
    }

    /// What a witness of ours remembers of a log. Other witnesses offer no such call.
    fn latest(&self, witness: &Party, origin: &str) -> Result<Option<SignedCheckpoint>, Refusal> {
        let Some(url) = witness.url.as_deref() else { return Ok(None) };
        let log: String = log_id(origin).iter().map(|byte| format!("{byte:02x}")).collect();
        match read(self.agent.get(format!("{}/latest/{log}", url.trim_end_matches('/'))).call())? {
            (200, note) => SignedCheckpoint::parse(&note).map(Some).map_err(|_| Refusal::Signature),
            (404, _) => Ok(None),
            (status, _) => Err(Refusal::Status(status)),
        }
    }
}

fn read(sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<(u16, String), Refusal> {
    let unreachable = |error: ureq::Error| Refusal::Unreachable(error.to_string());
    let mut answer = sent.map_err(unreachable)?;
    let body = answer.body_mut().with_config().limit(LONGEST_ANSWER).read_to_string().map_err(unreachable)?;
    Ok((answer.status().as_u16(), body))
}

/// Witnesses as the anchor of a vault: the longest log that one of them remembers, where a quorum could be asked.
impl Anchor for Client {
    fn last(&self, origin: &str) -> Result<Option<Checkpoint>, Error> {
        let mut longest: Option<SignedCheckpoint> = None;
        let (mut answered, mut asked) = (0, 0);
        for witness in self.policy.witnesses() {
            asked += 1;
            match self.latest(witness, origin) {
                Ok(found) => {
                    answered += 1;
                    let found = found.filter(|signed| {
                        signed.checkpoint().origin == origin
                            && matches!(signed.note().signed_by(&witness.key), Ok(Some(_)))
                    });
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
