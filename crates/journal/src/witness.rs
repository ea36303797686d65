//! A witness (C2SP tlog-witness, tlog-cosignature): remembers one checkpoint of each log, and cosigns a later one only
//! when it is shown to extend that.
//!
//! Everything is a function over a transaction of the witness's own vault: what it remembers is compared and set in the
//! commit before which no cosignature leaves. It sees no entries, and keeps nothing but the latest checkpoint of each
//! log and the evidence of logs that forked.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64, Encoding};
use zamok_core::event::{Detail, EventKind};
use zamok_core::signature::VerifyingKey;
use zamok_core::store::{Range, Row, RowKey, Store, Table};
use zamok_core::vault::{KeyId, KeyKind, Keyring, Purpose, Transaction, signing};
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error, UnixTime, hash};

use crate::checkpoint::SignedCheckpoint;
use crate::note::{self, NoteSignature, SignatureType, VerifierKey, cosigned_message};
use crate::policy::TrustPolicy;
use crate::signing::{decode, encode};
use crate::text;
use crate::tree::{self, Hash};

/// What a witness is (`key`), with every log that it ever cosigned, and the latest checkpoint of each (SHA-256 of its origin),
/// authenticated.
pub const WITNESSED: Table = Table(25);
/// What a witness keeps of logs that forked, authenticated.
pub const EVIDENCE: Table = Table(26);

/// Longest request, in bytes: a note, and 4 KiB for the proof before it.
pub const LONGEST_REQUEST: usize = note::LONGEST + (4 << 10);
/// Most proof lines of a request.
const LONGEST_PATH: usize = 63;
/// Most pieces of evidence of one kind that are kept of one log.
const MOST_EVIDENCE: u8 = 16;
const KEY: &[u8] = b"key";
const VERSION: u8 = 1;

/// A request to cosign: a checkpoint, and the proof that it extends the tree of `old` leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness is thought to remember.
    pub old: u64,
    /// The consistency proof from there (RFC 9162 §2.1.4).
    pub path: Vec<Hash>,
    /// What is to be cosigned.
    pub checkpoint: SignedCheckpoint,
}

impl AddCheckpoint {
    /// Reads the body of a request. Nothing is checked but its form.
    ///
    /// # Errors
    /// [`Error::Refused`] for any other text, or one of more than 132 KiB or 63 proof lines.
    pub fn parse(body: &str) -> Result<Self, Error> {
        if body.len() > LONGEST_REQUEST {
            return Err(Error::Refused);
        }
        let (lines, note) = body.split_once("\n\n").ok_or(Error::Refused)?;
        let mut lines = lines.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).ok_or(Error::Refused)?;
        let old = text::decimal(old)?;
        let path: Vec<_> = lines.map(text::hash).collect::<Result<_, _>>()?;
        if path.len() > LONGEST_PATH {
            return Err(Error::Refused);
        }
        Ok(Self { old, path, checkpoint: SignedCheckpoint::parse(note)? })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.path {
            writeln!(f, "{}", Base64::encode_string(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// What a witness answers, with the status of C2SP tlog-witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// 200: this is its cosignature.
    Cosigned(NoteSignature),
    /// 400: the tree is smaller than the one that it is said to extend.
    Shrunk,
    /// 403: no key of the log signed it.
    Unsigned,
    /// 404: the log is not among those that it witnesses.
    UnknownLog,
    /// 409: it remembers this size, and not the one that was named.
    Conflict(u64),
    /// 422: the proof does not show that the one extends the other, or it remembers just this size with another root.
    Inconsistent,
}

impl Verdict {
    /// The status of the answer in HTTP.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Cosigned(_) => 200,
            Self::Shrunk => 400,
            Self::Unsigned => 403,
            Self::UnknownLog => 404,
            Self::Conflict(_) => 409,
            Self::Inconsistent => 422,
        }
    }
}

/// How sure it is that a log forked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Suspicion {
    /// Two checkpoints of one size and two roots, both signed by the log: nobody can deny it.
    Fork = 1,
    /// A signed checkpoint that came without a proof that it extends the earlier one. Whoever can see checkpoints can
    /// send one with a wrong proof, so this alone convicts nobody: ask the log for the proof.
    Unproved = 2,
}

/// Two checkpoints that a log signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// How sure it is.
    pub suspicion: Suspicion,
    /// When the later one came.
    pub time: UnixTime,
    /// The one that the witness remembered, with its cosignature.
    pub remembered: SignedCheckpoint,
    /// The one that was refused.
    pub refused: SignedCheckpoint,
}

/// Makes a vault the vault of a witness: its key, under the name that stands in cosignatures.
///
/// # Errors
/// [`Error::VaultExists`] when it is one already; [`Error::Refused`] for a name that no key can have; a store's fault.
pub fn found(tx: &mut Transaction<'_>, name: &str) -> Result<VerifierKey, Error> {
    if tx.state(&Identity::row())?.is_some() {
        return Err(Error::VaultExists);
    }
    let id = signing::generate(tx, KeyKind::Ed25519, Purpose::Checkpoint, "cosignatures", None)?;
    let own = Identity { id, name: name.into(), logs: Vec::new() };
    let key = own.key(tx)?;
    own.put(tx)?;
    Ok(key)
}

/// The key that this witness cosigns with, as others are told it.
///
/// # Errors
/// [`Error::NoVault`] when this is no vault of a witness; [`Error::Refused`] for altered rows; a store's fault.
pub fn key(tx: &mut Transaction<'_>) -> Result<VerifierKey, Error> {
    Identity::read(tx)?.key(tx)
}

/// Decides on a request by the logs of `policy`, in the order of C2SP tlog-witness. The caller commits whatever the
/// verdict is, and answers only then: evidence is part of the commit.
///
/// # Errors
/// [`Error::NoVault`]; [`Error::Refused`] for altered rows, or when what it remembered of the log is gone, after which this
/// log is cosigned no more; [`Error::TooLong`] for one log more than its row can hold; a store's fault.
pub fn decide(
    tx: &mut Transaction<'_>,
    policy: &TrustPolicy,
    request: &AddCheckpoint,
) -> Result<Verdict, Error> {
    let signed = &request.checkpoint;
    let new = signed.checkpoint();
    if !policy.logs().iter().any(|log| log.key.name() == new.origin) {
        return Ok(Verdict::UnknownLog);
    }
    if policy.check_log(signed).is_err() {
        return Ok(Verdict::Unsigned);
    }
    if request.old > new.size {
        return Ok(Verdict::Shrunk);
    }
    let mut own = Identity::read(tx)?;
    let log = log_id(&new.origin);
    let row = RowKey::new(WITNESSED, log);
    let remembered = tx.state(&row)?.map(|body| decode(&body)).transpose()?;
    own.miss(&log, remembered.is_some())?;
    let (size, root) = remembered
        .as_ref()
        .map_or_else(|| (0, tree::empty()), |known| (known.checkpoint().size, known.checkpoint().root));
    if let Some(known) = remembered.as_ref().filter(|_| size == new.size && root != new.root) {
        // Whatever size it was sent for: the log has signed two trees of one size.
        keep(tx, policy, Suspicion::Fork, known, signed)?;
        return Ok(if request.old == size { Verdict::Inconsistent } else { Verdict::Conflict(size) });
    }
    if request.old != size {
        return Ok(Verdict::Conflict(size));
    }
    if tree::verify_consistency((size, &root), (new.size, &new.root), &request.path).is_err() {
        if let Some(known) = &remembered {
            keep(tx, policy, Suspicion::Unproved, known, signed)?;
        }
        return Ok(Verdict::Inconsistent);
    }
    let key = own.key(tx)?;
    let message = cosigned_message(tx.now(), signed.note().text());
    let signature = signing::sign_checkpoint(tx, own.id, message.as_bytes())?.to_fixed();
    let signature = signature.as_slice().try_into().map_err(|_| Error::KeyKind)?;
    let cosignature = NoteSignature::cosignature(&key, tx.now(), signature);
    if size < new.size || remembered.is_none() {
        let mut kept = by_log(policy, signed);
        kept.note_mut().add(cosignature.clone())?;
        tx.put_state(&row, &encode(&kept)?)?;
    }
    if !own.logs.contains(&log) {
        own.logs.push(log);
        own.put(tx)?;
    }
    Ok(Verdict::Cosigned(cosignature))
}

/// The latest checkpoint that this witness cosigned of the log with this [`log_id`], with both signatures.
///
/// # Errors
/// [`Error::NoVault`] when this is no vault of a witness; [`Error::Refused`] when it was altered, or is gone; a store's fault.
pub fn latest(
    store: &dyn Store,
    keyring: &Keyring,
    log: &[u8; 32],
) -> Result<Option<SignedCheckpoint>, Error> {
    // Read first: what it lists was remembered by then.
    let row = store.get(&Identity::row())?.ok_or(Error::NoVault)?;
    let own = Identity::decode(keyring.verify(&Identity::row(), &row)?)?;
    let key = RowKey::new(WITNESSED, *log);
    let remembered = store.get(&key)?.map(|row| decode(keyring.verify(&key, &row)?)).transpose()?;
    own.miss(log, remembered.is_some()).map(|()| remembered)
}

/// All evidence that this witness keeps, by log.
///
/// # Errors
/// [`Error::Refused`] when some of it was altered; a store's fault.
pub fn evidence(store: &dyn Store, keyring: &Keyring) -> Result<Vec<Evidence>, Error> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = store.scan(EVIDENCE, &Range::all(), 256, after.as_ref())?;
        for (key, row) in page.rows {
            found.push(read(keyring, key, &row)?);
        }
        match page.next {
            Some(cursor) => after = Some(cursor),
            None => return Ok(found),
        }
    }
}

/// Keeps two checkpoints that do not fit. Undeniable ones are never given up; of others the oldest gives way.
fn keep(
    tx: &mut Transaction<'_>,
    policy: &TrustPolicy,
    suspicion: Suspicion,
    remembered: &SignedCheckpoint,
    refused: &SignedCheckpoint,
) -> Result<(), Error> {
    let refused = by_log(policy, refused);
    let mut oldest = None;
    let mut free = None;
    for place in 0..MOST_EVIDENCE {
        let name = [&log_id(&refused.checkpoint().origin)[..], &[suspicion as u8, place]].concat();
        let key = RowKey::new(EVIDENCE, name);
        let Some(body) = tx.state(&key)? else {
            free = Some(key);
            break;
        };
        let kept = open(suspicion, &body)?;
        if kept.refused.note().text() == refused.note().text() {
            return Ok(());
        }
        if oldest.as_ref().is_none_or(|(time, _)| kept.time < *time) {
            oldest = Some((kept.time, key));
        }
    }
    let oldest = oldest.filter(|_| suspicion == Suspicion::Unproved).map(|(_, key)| key);
    let Some(key) = free.or(oldest) else { return Ok(()) };
    tx.put_state(&key, written(tx.now(), remembered, &refused)?.as_slice())?;
    if suspicion == Suspicion::Fork {
        let size = refused.checkpoint().size.to_string();
        let detail = Detail::new().with("origin", refused.checkpoint().origin.as_str()).with("size", size);
        tx.event(EventKind::ForkKept, None, &key, &detail)?;
    }
    Ok(())
}

pub(crate) fn written(
    time: UnixTime,
    remembered: &SignedCheckpoint,
    refused: &SignedCheckpoint,
) -> Result<Writer, Error> {
    let mut body = Writer::new();
    body.u8(VERSION).u64(time.0).text(&remembered.to_string())?.text(&refused.to_string())?;
    Ok(body)
}

fn read(keyring: &Keyring, key: Vec<u8>, row: &Row) -> Result<Evidence, Error> {
    let suspicion = match key.get(32) {
        Some(1) => Suspicion::Fork,
        Some(2) => Suspicion::Unproved,
        _ => return Err(Error::Refused),
    };
    open(suspicion, keyring.verify(&RowKey::new(EVIDENCE, key), row)?)
}

pub(crate) fn open(suspicion: Suspicion, body: &[u8]) -> Result<Evidence, Error> {
    let mut reader = Reader::new(body);
    let found = reader.u8()?;
    if found != VERSION {
        return Err(Error::Format { found: found.into(), supported: VERSION.into() });
    }
    let time = UnixTime(reader.u64()?);
    let remembered = SignedCheckpoint::parse(reader.text()?)?;
    let refused = SignedCheckpoint::parse(reader.text()?)?;
    reader.end()?;
    Ok(Evidence { suspicion, time, remembered, refused })
}

/// The same checkpoint with one signature of each key that the log has in the policy, all of which were verified: lines of strangers
/// and in the names of other logs are not kept.
fn by_log(policy: &TrustPolicy, signed: &SignedCheckpoint) -> SignedCheckpoint {
    let mut kept = signed.clone();
    let origin = &signed.checkpoint().origin;
    let mut keys: Vec<_> =
        policy.logs().iter().map(|log| &log.key).filter(|key| key.name() == origin).collect();
    kept.note_mut().retain(|line| {
        let by = keys.iter().position(|key| line.is_by(key));
        by.map(|place| keys.swap_remove(place)).is_some()
    });
    kept
}

/// SHA-256 of the name of a log: its name where only a short one will do.
#[must_use]
pub fn log_id(origin: &str) -> [u8; 32] {
    hash::sha256(&[origin.as_bytes()])
}

/// What a witness is.
pub(crate) struct Identity {
    /// The key that it cosigns with.
    id: KeyId,
    /// Its name in cosignatures.
    name: String,
    /// The [`log_id`] of every log that it ever cosigned.
    logs: Vec<[u8; 32]>,
}

impl Identity {
    /// The first version had no logs in it.
    const VERSION: u8 = 2;

    pub(crate) fn row() -> RowKey {
        RowKey::new(WITNESSED, KEY)
    }

    pub(crate) fn read(tx: &mut Transaction<'_>) -> Result<Self, Error> {
        Self::decode(&tx.state(&Self::row())?.ok_or(Error::NoVault)?)
    }

    fn decode(body: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(body);
        let found = reader.u8()?;
        if ![1, Self::VERSION].contains(&found) {
            return Err(Error::Format { found: found.into(), supported: Self::VERSION.into() });
        }
        let (id, name) = (KeyId(reader.array()?), reader.text()?.into());
        let mut logs = Vec::new();
        while found == Self::VERSION && reader.remaining() > 0 {
            logs.push(reader.array()?);
        }
        reader.end().map(|()| Self { id, name, logs })
    }

    pub(crate) fn put(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let mut body = Writer::new();
        body.u8(Self::VERSION).raw(&self.id.0).text(&self.name)?;
        for log in &self.logs {
            body.raw(log);
        }
        tx.put_state(&Self::row(), body.as_slice())
    }

    /// Refuses to have forgotten a log: what it cosigned once it remembers, or somebody took the row away.
    fn miss(&self, log: &[u8; 32], is_remembered: bool) -> Result<(), Error> {
        if is_remembered || !self.logs.contains(log) { Ok(()) } else { Err(Error::Refused) }
    }

    fn key(&self, tx: &mut Transaction<'_>) -> Result<VerifierKey, Error> {
        let (_, VerifyingKey::Ed25519(public)) = signing::public_key(tx, self.id)? else {
            return Err(Error::KeyKind);
        };
        VerifierKey::new(&self.name, SignatureType::Cosignature, public.to_bytes())
    }
}
