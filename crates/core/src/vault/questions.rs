//! Questions to the holder of an OCRA key (RFC 6287; rules of `CRYPTO.md` §4): asked by the vault, kept until they are
//! answered, each for one answer. The vault computes no responses.
//!
//! In a suite with neither counter nor time the response depends on the question alone. There each question gets a row that
//! stays, and is over for ever once a right response to it was shown.

use alloc::format;
use alloc::string::String;
use core::fmt;

use super::attributes::{Purpose, Usage};
use super::keys::{Asked, KeyId, KeyRecord};
use super::kinds::KeyKind;
use super::spend::{self, OtpState, SpendPolicy};
use super::state::KeyState;
use super::transaction::Transaction;
use crate::env::UnixTime;
use crate::error::{Error, OcraFault};
use crate::event::{Detail, EventKind, SpentCode};
use crate::mac::hmac_sha256;
use crate::otp::{
    Ocra, OcraChallenge, OcraInput, OcraPassword, OcraQuestionFormat, OcraSuite, OcraWindow, encode_question,
};
use crate::secret::Secret;
use crate::store::{RowKey, Table};
use crate::wire::{Reader, Writer, hex};

/// Questions that wait for a response, under their id.
pub const QUESTIONS: Table = Table(7);
/// Questions that were asked in suites with neither counter nor time, and whether a right response was shown.
pub const ASKED: Table = Table(8);
const FORMAT: u8 = 1;
const LABEL: &[u8] = b"zamok/question/v1";
/// How often a question is drawn before a key counts as used up.
const DRAWS: usize = 32;

/// The handle of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QuestionId(pub [u8; 16]);

impl QuestionId {
    fn row(self) -> RowKey {
        RowKey::new(QUESTIONS, self.0)
    }
}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matter<'a> {
    /// Whether the holder is there: a random question of the suite's form.
    Presence,
    /// An operation. In a suite with `QH64` the question is its digest.
    Operation {
        /// SHA-256 of the operation, fixed here before anybody answers.
        digest: [u8; 32],
        /// For shorter questions: what the device shows of it (amount and payee), in the suite's format.
        shown: Option<&'a str>,
    },
}

/// A question, to be shown to the holder of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its handle.
    pub id: QuestionId,
    /// What is typed into the device.
    pub text: String,
    /// From this time on no response is taken.
    pub expires: UnixTime,
}

/// What a response came to. Told only after the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Answer {
    /// It was right; the operation to which it agrees, if the question was about one.
    Accepted(Option<[u8; 32]>),
    /// It was wrong, late, or not to be tried now. The question is gone.
    Rejected,
}

/// Besides the question, what the suite asks for.
#[derive(Clone, Copy, Default)]
pub struct Inputs<'a> {
    /// The password or PIN.
    pub password: Option<OcraPassword<'a>>,
    /// Session data. Not shown in `Debug`.
    pub session: Option<&'a [u8]>,
}

impl fmt::Debug for Inputs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inputs").field("password", &self.password).finish_non_exhaustive()
    }
}

/// Asks the holder of a key, for `lifetime` seconds. A pre-active key is asked to end its enrolment.
///
/// # Errors
/// [`Error::KeyKind`], [`Error::KeyUsage`], [`Error::KeyState`], [`Error::KeyNotValid`] for misuse;
/// [`OcraFault::QuestionLength`] and [`OcraFault::QuestionCharacter`] for an operation that the suite cannot ask about;
/// where the response would be the one that was taken before, [`Error::Rejected`] for an operation and
/// [`Error::CounterExhausted`] when no other question is found; [`Error::UnknownKey`]; a store's fault.
pub fn ask(
    tx: &mut Transaction<'_>,
    key: KeyId,
    matter: Matter<'_>,
    lifetime: u64,
) -> Result<Question, Error> {
    let record = KeyRecord::load(tx, key)?;
    let suite = suite(&record)?;
    allow(tx, &record, &[KeyState::Active, KeyState::PreActive])?;
    let (text, mark) = fresh(tx, &record, &suite, matter)?;
    let id = QuestionId(tx.env().random());
    let expires = tx.now().plus(lifetime);
    let (about, digest) = match matter {
        Matter::Presence => (0, [0; 32]),
        Matter::Operation { digest, .. } => (1, digest),
    };
    let mut body = Writer::new();
    body.u8(FORMAT).raw(&key.0).u32(record.info.version).u64(tx.now().0).u64(expires.0);
    body.u8(about).raw(&digest).text(&text)?;
    tx.put_record(&id.row(), &[], body.as_slice())?;
    let detail = Detail::new().with("challenge", hex(&id.0));
    tx.event(EventKind::QuestionAsked, record.info.owner, &mark.unwrap_or_else(|| id.row()), &detail)?;
    Ok(Question { id, text, expires })
}

/// The key whose holder was asked.
///
/// # Errors
/// [`Error::Rejected`] for a question that is not there (any more); [`Error::Refused`] when its row was altered; a store's
/// fault.
pub fn asked(tx: &mut Transaction<'_>, id: QuestionId) -> Result<KeyId, Error> {
    let opened = tx.record(&id.row())?.ok_or(Error::Rejected)?;
    Kept::decode(&opened.body).map(|kept| kept.key)
}

/// From when on a question may be forgotten, by its row's body: once it has been over for as long as it was open. Until then a
/// late response is charged.
///
/// # Errors
/// [`Error::Format`], [`Error::Refused`] for a body that is none.
pub fn due(body: &[u8]) -> Result<UnixTime, Error> {
    let Kept { asked, expires, .. } = Kept::decode(body)?;
    Ok(expires.plus(expires.since(asked)))
}

/// Checks the response to a question, which is gone afterwards whatever the answer. A wrong response is charged to the
/// key as a wrong code is. The right one activates a pre-active key.
///
/// # Errors
/// [`Error::Rejected`] for a question that is not there (any more), or was asked before a fence; [`Error::KeyState`] and other misuse as [`ask`];
/// an [`OcraFault`] where the inputs do not fit the suite; [`Error::CounterExhausted`] where no counter is left;
/// [`Error::Refused`] when a row is missing or was altered; a store's fault.
pub fn answer(
    tx: &mut Transaction<'_>,
    id: QuestionId,
    response: &str,
    inputs: Inputs<'_>,
    policy: &SpendPolicy,
) -> Result<Answer, Error> {
    let opened = tx.record(&id.row())?.ok_or(Error::Rejected)?;
    let asked = Kept::decode(&opened.body)?;
    let mut record = KeyRecord::load(tx, asked.key)?;
    let suite = suite(&record)?;
    if asked.version != record.info.version {
        return Err(Error::Rejected);
    }
    // In a store that may have been put back, a question from before the opening may have been answered already.
    if tx.fence().is_some_and(|opened| asked.asked <= opened) {
        return Err(Error::Rejected);
    }
    allow(tx, &record, &[KeyState::Active, KeyState::PreActive])?;
    let (key, now, owner) = (asked.key, tx.now(), record.info.owner);
    let mut state = OtpState::load(tx, key, asked.version)?;
    if state.failures.delayed(now) {
        return spend::refuse_unseen(tx, &record, &policy.throttle).map(|()| Answer::Rejected);
    }
    let secret = Secret::new_accepting_weak(&record.material).map_err(|_| Error::Refused)?;
    let ocra = Ocra::new(&secret, suite);
    let input = OcraInput {
        counter: if suite.has_counter() { Some(state.counter()?) } else { None },
        password: inputs.password,
        session: inputs.session,
        time: suite.time_step().map(|_| now),
        ..OcraInput::new(OcraChallenge::OneWay(&asked.text))
    };
    let window = OcraWindow { counter: policy.look_ahead, time: policy.window };
    let found = match ocra.verify(response, &input, window) {
        Err(Error::Rejected) => None,
        found => Some(found?),
    };
    let mark = mark(&record, &suite, &asked.text)?;
    let is_over = match &mark {
        Some(mark) => is_over(tx, mark)?.ok_or(Error::Refused)?,
        None => false,
    };
    if let Some(mark) = mark.filter(|_| found.is_some()) {
        end(tx, &mark)?;
    }
    // Late, of a time step that was spent, or taken before: wrong.
    let fresh = found.filter(|found| {
        now < asked.expires && !is_over && found.time_step.is_none_or(|step| Some(step) > state.last_step())
    });
    tx.delete(&id.row())?;
    let row = OtpState::row(key);
    let Some(matched) = fresh else {
        let disable = state.failures.fail(now, &policy.throttle);
        state.put(tx)?;
        let detail =
            Detail::new().with("reason", if now < asked.expires { "wrong response" } else { "late" });
        tx.event(EventKind::CodeRejected, owner, &row, &detail)?;
        if disable {
            record.become_state(KeyState::Suspended, now)?;
            record.put(tx)?;
            let detail = Detail::new().with("failures", format!("{}", state.failures.in_a_row));
            tx.event(EventKind::CodeDisabled, owner, record.row(), &detail)?;
        }
        return Ok(Answer::Rejected);
    };
    state.failures.succeed();
    if let Some(counter) = matched.counter {
        state.spend_counter(counter);
    }
    if let Some(step) = matched.time_step {
        state.spend_step(step);
    }
    state.put(tx)?;
    let step = matched.counter.or(matched.time_step).unwrap_or_default();
    tx.code_accepted(owner, &row, SpentCode { step, drift: 0 })?;
    if record.info.state == KeyState::PreActive {
        record.become_state(KeyState::Active, now)?;
        record.put(tx)?;
        tx.event(EventKind::KeyActivated, owner, record.row(), &Detail::new())?;
    }
    Ok(Answer::Accepted(asked.operation))
}

/// The row of such a question, which was asked before a store was lost, as a surviving journal names it: it is over.
///
/// # Errors
/// [`Error::Refused`] for a row of another table; a store's fault.
pub fn replay(tx: &mut Transaction<'_>, row: &RowKey) -> Result<(), Error> {
    if row.table == ASKED { end(tx, row) } else { Err(Error::Refused) }
}

/// Where it stands that a question was asked; `None` for suites in which responses change by themselves. What the device
/// computes with counts, not the text: `1` and `01` are one number.
fn mark(record: &KeyRecord, suite: &OcraSuite, text: &str) -> Result<Option<RowKey>, Error> {
    if suite.has_counter() || suite.time_step().is_some() {
        return Ok(None);
    }
    let question = encode_question(suite, OcraChallenge::OneWay(text))?;
    let name = hmac_sha256(&record.material, &[LABEL, suite.as_str().as_bytes(), &[0], &question]);
    Ok(Some(RowKey::new(ASKED, name)))
}

/// Whether a right response to the question was shown; `None` where it was never asked.
fn is_over(tx: &mut Transaction<'_>, mark: &RowKey) -> Result<Option<bool>, Error> {
    let Some(body) = tx.state(mark)? else { return Ok(None) };
    match body[..] {
        [FORMAT, 0] => Ok(Some(false)),
        [FORMAT, 1] => Ok(Some(true)),
        [FORMAT, ..] | [] => Err(Error::Refused),
        [found, ..] => Err(Error::Format { found: found.into(), supported: FORMAT.into() }),
    }
}

fn end(tx: &mut Transaction<'_>, mark: &RowKey) -> Result<(), Error> {
    tx.put_state(mark, &[FORMAT, 1])
}

/// A question to which no response was taken yet, and its mark, which is set.
fn fresh(
    tx: &mut Transaction<'_>,
    record: &KeyRecord,
    suite: &OcraSuite,
    matter: Matter<'_>,
) -> Result<(String, Option<RowKey>), Error> {
    for _ in 0..DRAWS {
        let text = text(tx, suite, matter)?;
        let Some(mark) = mark(record, suite, &text)? else { return Ok((text, None)) };
        match (is_over(tx, &mark)?, matter) {
            (Some(true), Matter::Presence) => continue,
            (Some(true), Matter::Operation { .. }) => return Err(Error::Rejected),
            (Some(false), _) => {}
            (None, _) => tx.put_state(&mark, &[FORMAT, 0])?,
        }
        return Ok((text, Some(mark)));
    }
    Err(Error::CounterExhausted)
}

/// A question as it is kept.
pub(super) struct Kept {
    key: KeyId,
    version: u32,
    asked: UnixTime,
    expires: UnixTime,
    operation: Option<[u8; 32]>,
    text: String,
}

impl Kept {
    pub(super) fn decode(body: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(body);
        let found = reader.u8()?;
        if found != FORMAT {
            return Err(Error::Format { found: found.into(), supported: FORMAT.into() });
        }
        let key = KeyId(reader.array()?);
        let version = reader.u32()?;
        let asked = UnixTime(reader.u64()?);
        let expires = UnixTime(reader.u64()?);
        let operation = match (reader.u8()?, reader.array()?) {
            (0, _) => None,
            (1, digest) => Some(digest),
            _ => return Err(Error::Refused),
        };
        let text = reader.text()?.into();
        reader.end()?;
        Ok(Self { key, version, asked, expires, operation, text })
    }
}

fn suite(record: &KeyRecord) -> Result<OcraSuite, Error> {
    match record.info.kind {
        KeyKind::Ocra { suite } => Ok(suite),
        _ => Err(Error::KeyKind),
    }
}

fn allow(tx: &mut Transaction<'_>, record: &KeyRecord, states: &[KeyState]) -> Result<(), Error> {
    let mechanism = record.info.kind.mechanisms(Purpose::OneTimeCode).iter().next();
    let (usage, purpose) = (Usage::VerifyCode, Purpose::OneTimeCode);
    record.allow(tx, &Asked { usage, purpose, mechanism, states })?;
    mechanism.map_or(Ok(()), |mechanism| tx.self_test(mechanism))
}

/// The question in the suite's format.
fn text(tx: &mut Transaction<'_>, suite: &OcraSuite, matter: Matter<'_>) -> Result<String, Error> {
    let (format, longest) = suite.question();
    let length = usize::from(longest);
    match matter {
        Matter::Presence => {
            let alphabet: &[u8] = match format {
                OcraQuestionFormat::Alphanumeric => {
                    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                }
                OcraQuestionFormat::Numeric => b"0123456789",
                OcraQuestionFormat::Hexadecimal => b"0123456789abcdef",
            };
            Ok(draw(tx, alphabet, length))
        }
        Matter::Operation { digest, .. } if format == OcraQuestionFormat::Hexadecimal && length == 64 => {
            Ok(hex(&digest))
        }
        Matter::Operation { shown, .. } => {
            let shown = shown.ok_or(Error::Ocra(OcraFault::QuestionLength))?;
            if shown.is_empty() || shown.len() > length {
                return Err(Error::Ocra(OcraFault::QuestionLength));
            }
            let fits = shown.bytes().all(|byte| match format {
                OcraQuestionFormat::Alphanumeric => byte.is_ascii_alphanumeric(),
                OcraQuestionFormat::Numeric => byte.is_ascii_digit(),
                OcraQuestionFormat::Hexadecimal => byte.is_ascii_hexdigit(),
            });
            if fits { Ok(shown.into()) } else { Err(Error::Ocra(OcraFault::QuestionCharacter)) }
        }
    }
}

/// Characters drawn evenly: bytes beyond the last whole multiple are drawn again.
fn draw(tx: &mut Transaction<'_>, alphabet: &[u8], length: usize) -> String {
    let whole = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let [byte]: [u8; 1] = tx.env().random();
        if usize::from(byte) < whole {
            text.push(char::from(alphabet[usize::from(byte) % alphabet.len()]));
        }
    }
    text
}
