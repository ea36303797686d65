//! Messages that are to be sent: taken out of the outbox by a service that carries them, one at a time, and ended by its word.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use zamok::Zamok;
use zamok::delivery::{Handed, Letter, Matched, Outgoing, Receipt, ReceiptState, Templates};

use crate::cabinet::Cabinet;
use crate::fault::Fault;
use crate::shared::Shared;

/// A message that was handed out to be sent. Send it, then tell the `Outbox` what became of it. `repr` shows neither text nor address.
#[pyclass(frozen, module = "zamok")]
#[derive(Debug)]
pub(crate) struct Message(Letter);

#[pymethods]
impl Message {
    /// Its id: 32 hexadecimal digits. Give it to a carrier that sends once under one id; handed out again, it has the same.
    #[getter]
    fn id(&self) -> String {
        self.0.lease.message.id.to_string()
    }

    /// What it is, such as "login code" or "new device".
    #[getter]
    fn kind(&self) -> &'static str {
        self.0.lease.message.kind.name()
    }

    /// By which channel it goes: "SMS", "e-mail" or "push".
    #[getter]
    fn channel(&self) -> &'static str {
        self.0.channel().name()
    }

    /// The id of the account that it is for, in hexadecimal.
    #[getter]
    fn account(&self) -> String {
        self.0.lease.message.recipient.account.to_string()
    }

    /// Where it goes: a number in the form +79161234567, an e-mail address, the endpoint of a push service.
    #[getter]
    fn address(&self) -> &str {
        self.0.address()
    }

    /// The subject of an e-mail; empty for others.
    #[getter]
    fn subject(&self) -> &str {
        self.0.subject()
    }

    /// What it says, as a text that Python cannot wipe: of an SMS or of an e-mail; for a push the JSON that is sealed for the device.
    #[getter]
    fn text<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        PyString::new(py, self.0.text())
    }

    /// What a push is sealed with (RFC 8291): the device's public key and its authentication secret, in base64url, as texts that Python cannot
    /// wipe; None for others.
    #[getter]
    fn push_keys<'py>(&self, py: Python<'py>) -> Option<(Bound<'py, PyString>, Bound<'py, PyString>)> {
        let (key, secret) = self.0.push_keys()?;
        Some((PyString::new(py, &key), PyString::new(py, &secret)))
    }

    /// When it was made, in seconds since 1970.
    #[getter]
    const fn created(&self) -> u64 {
        self.0.lease.message.created.0
    }

    /// From when on it must not be sent any more, in seconds since 1970.
    #[getter]
    const fn expires(&self) -> u64 {
        self.0.lease.message.expires.0
    }

    /// From when on others may send it, in seconds since 1970: whoever has not told by then what became of it has lost it.
    #[getter]
    const fn until(&self) -> u64 {
        self.0.lease.until.0
    }

    /// How often it was handed out, this time included.
    #[getter]
    const fn attempt(&self) -> u16 {
        self.0.lease.attempt
    }

    /// Units that are paid for: segments of an SMS, 1 otherwise.
    #[getter]
    const fn units(&self) -> u32 {
        self.0.units
    }

    /// Whether somebody waits for it: a code, or a request to approve.
    #[getter]
    fn urgent(&self) -> bool {
        self.0.lease.message.kind.is_code()
    }

    fn __repr__(&self) -> String {
        format!("<zamok.Message {}, {}, redacted>", self.kind(), self.channel())
    }
}

/// Hands out the messages of a cabinet that are to be sent: codes, and announcements such as that of a new device. Any number of them, in
/// any number of threads and processes, share one outbox: each message is sent once. `zamok delivery run` is the other way, beside
/// the service.
///
/// `language` is that of whoever prefers none; `domain` the one that phones fill codes in for; `templates` the service's own words (TOML, as
/// docs/delivery.md writes them) over those that ship; `most_segments` the most segments of one SMS.
///
/// Raises `ValueError` for a language without templates, and for templates that hide what must be shown.
#[pyclass(frozen, module = "zamok")]
#[derive(Debug)]
pub(crate) struct Outbox {
    cabinet: Shared<Zamok>,
    outgoing: Outgoing,
}

#[pymethods]
impl Outbox {
    #[new]
    #[pyo3(signature = (cabinet, /, *, language="en", domain="", templates=None, most_segments=8))]
    fn new(
        py: Python<'_>,
        cabinet: &Bound<'_, Cabinet>,
        language: &str,
        domain: &str,
        templates: Option<&str>,
        most_segments: usize,
    ) -> PyResult<Self> {
        let cabinet = cabinet.get().0.clone();
        let words = py.detach(|| {
            Templates::new(cabinet.issuer(), domain, "en", most_segments).and_then(|mut words| {
                templates.map_or(Ok(()), |own| words.add(own))?;
                words.set_default(language)?;
                Ok(words)
            })
        });
        let words = words.map_err(|fault| PyValueError::new_err(fault.to_string()))?;
        Ok(Self { cabinet, outgoing: Outgoing::new(words) })
    }

    /// The next message that is due, which nobody else is handed until its time is over (`Message.until`); None once everything that
    /// was due has been looked at: ask again after a while. What is over is not handed out: a code that counts no more, a message
    /// that has expired, a contact that is gone. Caps and what the owner prefers hold as they do for `zamok delivery run`.
    ///
    /// A message of which nothing was told is handed out again, under the same id. Iterating takes until there is None.
    ///
    /// Raises `Refused` or `Format` when a message was altered, once all others were handed out; `Locked`; an error of the family
    /// `StoreError`.
    fn take(&self, py: Python<'_>) -> PyResult<Option<Message>> {
        Ok(py.detach(|| self.outgoing.take(&self.cabinet)).map_err(Fault::from)?.map(Message))
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Message>> {
        self.take(py)
    }

    /// A carrier took all of a message: its text is wiped from the store. `carrier` is what the service calls it, `ids` are the ids that
    /// it gave the parts. With `receipts=True` it will tell how the message ended (`receipt`); otherwise this is the end. Telling it
    /// twice is no error.
    ///
    /// Raises an error of the family `StoreError`: then tell it again, or somebody else sends it again.
    #[pyo3(signature = (message, /, *, carrier, ids=Vec::new(), receipts=false))]
    fn sent(
        &self,
        py: Python<'_>,
        message: &Bound<'_, Message>,
        carrier: String,
        ids: Vec<String>,
        receipts: bool,
    ) -> PyResult<()> {
        let (lease, handed) = (&message.get().0.lease, Handed { carrier, parts: ids, receipts });
        Ok(py.detach(|| self.cabinet.sent(lease, &handed)).map_err(Fault::from)?)
    }

    /// A message could not be sent now: it is handed out again after a pause that doubles with every attempt, and never after its time.
    /// The fifth time that a carrier is named, which may have taken it, it is over: handed over, as far as anybody knows.
    /// `reason` is for operators: never a text, nor an address. Nothing happens when others have it by now.
    ///
    /// Raises an error of the family `StoreError`.
    #[pyo3(signature = (message, reason, /, *, carrier=""))]
    fn put_off(
        &self,
        py: Python<'_>,
        message: &Bound<'_, Message>,
        reason: &str,
        carrier: &str,
    ) -> PyResult<()> {
        let lease = &message.get().0.lease;
        Ok(py.detach(|| self.cabinet.put_off(lease, carrier, &[], reason)).map_err(Fault::from)?)
    }

    /// No carrier will ever take a message: it is over, journalled with the reason. Otherwise as `put_off`.
    #[pyo3(signature = (message, reason, /, *, carrier=""))]
    fn refuse(
        &self,
        py: Python<'_>,
        message: &Bound<'_, Message>,
        reason: &str,
        carrier: &str,
    ) -> PyResult<()> {
        let lease = &message.get().0.lease;
        Ok(py.detach(|| self.cabinet.refuse(lease, carrier, reason)).map_err(Fault::from)?)
    }

    /// Notes what a carrier tells of a message that it took, under the id that it gave it: `state` is "on the way", "delivered",
    /// "rejected" or "expired", `number` the number that it says it is about. Returns what it led to: "ended", "noted", "again" for a
    /// message that was over before, or "nothing". The same receipt twice changes nothing.
    ///
    /// Raises `ValueError` for another state; an error of the family `StoreError`: then do not acknowledge it, so that the carrier
    /// tells it again.
    #[pyo3(signature = (carrier, id, state, /, *, number=None, reason=""))]
    fn receipt(
        &self,
        py: Python<'_>,
        carrier: &str,
        id: &str,
        state: &str,
        number: Option<&str>,
        reason: &str,
    ) -> PyResult<&'static str> {
        let state = match state {
            "on the way" => ReceiptState::OnTheWay,
            "delivered" => ReceiptState::Delivered,
            "rejected" => ReceiptState::Rejected,
            "expired" => ReceiptState::Expired,
            _ => {
                return Err(PyValueError::new_err(
                    "a receipt says \"on the way\", \"delivered\", \"rejected\" or \"expired\"",
                ));
            }
        };
        let receipt = Receipt { carrier, id, state, number, reason };
        Ok(match py.detach(|| self.cabinet.receipt(&receipt)).map_err(Fault::from)? {
            Matched::Ended(..) => "ended",
            Matched::Noted(_) => "noted",
            Matched::Again(_) => "again",
            Matched::Unknown => "nothing",
        })
    }

    fn __repr__(&self) -> String {
        format!("<zamok.Outbox of {:?}>", self.cabinet.issuer())
    }
}
