//! Known devices: trusted, listed, blocked; where messages are pushed to; and what they answer as factors.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use zamok::delivery::Subscription;
use zamok::{Cabinet, CoreError, DeviceAnswer, DeviceId, DeviceToken, Error, Pin, Zamok};

use crate::buffer::Bytes;
use crate::fault::Fault;
use crate::keys::bytes_of;
use crate::login::{Challenge, Enrolment, approach};
use crate::session::Session;
use crate::shared::Shared;
use crate::totp::typed;

/// A device that an account is known by.
#[pyclass(frozen, eq, get_all, module = "zamok")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Device {
    /// Its id: 32 hexadecimal digits. Not a secret.
    id: String,
    /// What it is called.
    label: String,
    /// "trusted", "blocked", or "expired" once it is a stranger again.
    state: &'static str,
    /// When it became known, in seconds since 1970.
    trusted: u64,
    /// When it last logged in.
    last_login: u64,
    /// When it is a stranger again.
    expires: u64,
}

#[pymethods]
impl Device {
    fn __repr__(&self) -> String {
        format!("<zamok.Device {:?}, {}>", self.label, self.state)
    }
}

/// The devices of a cabinet's accounts. `Cabinet.devices` is one. Ids are 32 hexadecimal digits; signatures are those of a P-256 key with
/// SHA-256, in DER or as 64 bytes, over what `zamok.device_message` gives.
#[pyclass(frozen, module = "zamok")]
#[derive(Debug)]
pub(crate) struct Devices(pub(crate) Shared<Zamok>);

#[pymethods]
impl Devices {
    /// Makes the device of a session known, under a label of at most 128 bytes, and returns the token that it keeps (a secret): from then
    /// on, strangers who guess at the account do not lock it out.
    ///
    /// Raises `FreshAuthenticationNeeded` (`Cabinet.begin_again`); `TooManyDevices`, `TooLong`; `SessionEnded`.
    #[pyo3(signature = (session, label, /))]
    fn trust<'py>(
        &self,
        py: Python<'py>,
        session: &Bound<'py, Session>,
        label: &str,
    ) -> PyResult<Bound<'py, PyString>> {
        let session = &session.get().0;
        let token = py.detach(|| self.0.trust_device(session, label)).map_err(Fault::from)?;
        Ok(PyString::new(py, &token.to_text()))
    }

    /// The devices of a session's account, those that were blocked among them.
    ///
    /// Raises `SessionEnded`.
    #[pyo3(signature = (session, /))]
    fn all(&self, py: Python<'_>, session: &Bound<'_, Session>) -> PyResult<Vec<Device>> {
        let session = &session.get().0;
        let found = py.detach(|| self.0.devices(session)).map_err(Fault::from)?;
        let now = self.0.vault().now();
        let state = |device: &zamok::Device| match () {
            () if device.is_blocked() => "blocked",
            () if now >= device.expires => "expired",
            () => "trusted",
        };
        let shown = |device: zamok::Device| Device {
            id: device.id.to_string(),
            state: state(&device),
            trusted: device.trusted.0,
            last_login: device.last_login.0,
            expires: device.expires.0,
            label: device.label,
        };
        Ok(found.into_iter().map(shown).collect())
    }

    /// Blocks a device at once, lost or stolen: it is not recognised any more, approves nothing, and the sessions that it opened are over.
    ///
    /// Raises `DeviceUnknown` when the account has no such device, or it is blocked already; `SessionEnded`; where the account's only
    /// factor lies on it `FreshAuthenticationNeeded`, and `MethodTooWeak` after a login by a phone alone.
    #[pyo3(signature = (session, id, /))]
    fn block(&self, py: Python<'_>, session: &Bound<'_, Session>, id: &str) -> PyResult<()> {
        let (session, id) = (&session.get().0, device_id(id)?);
        Ok(py.detach(|| self.0.block_device(session, id)).map_err(Fault::from)?)
    }

    /// Forgets a device, blocked or not, in a session that is fresh.
    ///
    /// Raises `FreshAuthenticationNeeded`; as `block`.
    #[pyo3(signature = (session, id, /))]
    fn remove(&self, py: Python<'_>, session: &Bound<'_, Session>, id: &str) -> PyResult<()> {
        let (session, id) = (&session.get().0, device_id(id)?);
        Ok(py.detach(|| self.0.remove_device(session, id)).map_err(Fault::from)?)
    }

    /// Has messages pushed to the known device of a session (RFC 8030), sealed for it (RFC 8291): an https URL, and the device's public
    /// key (65 bytes) and authentication secret (16 bytes), as a browser's `PushSubscription` holds them. Another subscription of the
    /// device is replaced, in a session that is fresh.
    ///
    /// Raises `SubscriptionUnusable`; `DeviceUnknown` for a session of no known device; `SessionEnded`; where one is replaced
    /// `FreshAuthenticationNeeded`, and `MethodTooWeak` after a login by a phone alone.
    #[pyo3(signature = (session, endpoint, key, secret, /))]
    fn subscribe(
        &self,
        py: Python<'_>,
        session: &Bound<'_, Session>,
        endpoint: &str,
        key: &Bound<'_, PyAny>,
        secret: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let (session, key, secret) = (&session.get().0, Bytes::of(key)?, Bytes::of(secret)?);
        let subscription = Subscription::new(endpoint, key.as_slice(), secret.as_slice());
        let subscription = subscription.map_err(Fault::from)?;
        Ok(py.detach(|| self.0.subscribe(session, &subscription)).map_err(Fault::from)?)
    }

    /// Has nothing pushed to the device of a session any more. Twice is no error.
    ///
    /// Raises `DeviceUnknown`, `SessionEnded`.
    #[pyo3(signature = (session, /))]
    fn unsubscribe(&self, py: Python<'_>, session: &Bound<'_, Session>) -> PyResult<()> {
        let session = &session.get().0;
        Ok(py.detach(|| self.0.unsubscribe(session)).map_err(Fault::from)?)
    }

    /// Begins a login without a password, from a known device whose owner has a PIN for it (`offer_pin`): the PIN answers the challenge.
    ///
    /// Raises `Rejected` for a token that is no known device's any more, or has no PIN; `MethodTooWeak` where more than a PIN is wanted now:
    /// log in with the password.
    #[pyo3(signature = (token, /, *, client="", address=None, language=""))]
    fn begin_login(
        &self,
        py: Python<'_>,
        token: &Bound<'_, PyString>,
        client: &str,
        address: Option<&str>,
        language: &str,
    ) -> PyResult<Challenge> {
        let token = DeviceToken::parse(typed(token)).ok_or(CoreError::Rejected).map_err(Fault::from)?;
        let approach = approach(client, None, address, language)?;
        let begun = py.detach(|| self.0.begin_login_by_device(&token, &approach));
        Ok(begun.map_err(Fault::from)?.into())
    }

    /// Sets a PIN for the known device of a session; the test is to type it once more, to `Factors.confirm`. From then on `begin_login` asks
    /// for it.
    ///
    /// Raises `PinUnusable` for one that is too short or that everybody tries first; `DeviceUnknown` for a session of no known device;
    /// `Rejected` when the enrolment has ended.
    #[pyo3(signature = (session, enrolment, pin, /))]
    fn offer_pin(
        &self,
        py: Python<'_>,
        session: &Bound<'_, Session>,
        enrolment: &Bound<'_, Enrolment>,
        pin: &Bound<'_, PyString>,
    ) -> PyResult<()> {
        let (session, enrolment, pin) = (&session.get().0, &enrolment.get().0, Pin::new(typed(pin)));
        Ok(py.detach(|| self.0.offer_pin(session, enrolment, &pin)).map_err(Fault::from)?)
    }

    /// Offers a P-256 key that a device holds as a factor, by its public key (SubjectPublicKeyInfo in DER). The test is its signature over
    /// the `question` of the enrolment, as "sign", in base64url, to `Factors.confirm`.
    ///
    /// Raises `PublicKeyUnusable`, `TooLong`; `Rejected` when the enrolment has ended.
    #[pyo3(signature = (enrolment, public_key, label, /))]
    fn offer_certificate(
        &self,
        py: Python<'_>,
        enrolment: &Bound<'_, Enrolment>,
        public_key: &Bound<'_, PyAny>,
        label: &str,
    ) -> PyResult<()> {
        let (enrolment, key) = (&enrolment.get().0, Bytes::of(public_key)?);
        let offered = py.detach(|| self.0.offer_certificate(enrolment, key.as_slice(), label));
        Ok(offered.map_err(Fault::from)?)
    }

    /// Offers approval on a known device as a factor, by the public key that the device made for it (SubjectPublicKeyInfo in DER, P-256),
    /// and asks the device: `approve` with the `number` of the enrolment, then `Factors.confirm` with an empty code.
    ///
    /// Raises `PublicKeyUnusable`, `DeviceUnknown`, `TooLong`; `ResendTooSoon`, `TooManyMessages`; `Rejected` when the enrolment has ended.
    #[pyo3(signature = (enrolment, device, public_key, label, /))]
    fn offer_push(
        &self,
        py: Python<'_>,
        enrolment: &Bound<'_, Enrolment>,
        device: &str,
        public_key: &Bound<'_, PyAny>,
        label: &str,
    ) -> PyResult<()> {
        let (enrolment, id, key) = (&enrolment.get().0, device_id(device)?, Bytes::of(public_key)?);
        let offered = py.detach(|| self.0.offer_push(enrolment, id, key.as_slice(), label));
        Ok(offered.map_err(Fault::from)?)
    }

    /// What a device signs for a `Challenge`, or to test an `Enrolment`, that is answered by its certificate: 85 bytes, for
    /// `zamok.device_message`. Not a secret.
    ///
    /// Raises `Rejected` for one that is over, was made up, or is answered otherwise.
    #[pyo3(signature = (asked, /))]
    fn question<'py>(&self, py: Python<'py>, asked: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let told = self.ask(py, asked, Cabinet::question, Cabinet::enrolment_question)?;
        Ok(PyBytes::new(py, &told))
    }

    /// The number to show to whoever waits for the approval of a device, who types it there; after `Factors.send_again` it is another one.
    /// Then ask with `Cabinet.answer` and an empty code until it raises something else than `ApprovalPending`.
    ///
    /// Raises `Rejected` as `question` does.
    #[pyo3(signature = (asked, /))]
    fn number(&self, py: Python<'_>, asked: &Bound<'_, PyAny>) -> PyResult<String> {
        self.ask(py, asked, Cabinet::number_to_show, Cabinet::enrolment_number)
    }

    /// A device approves what it was asked: the `request` of the pushed message, the number that its owner typed, and its signature over
    /// both as "approve". Whoever waits goes on. A wrong number ends the request and the challenge: two digits bear no second guess.
    ///
    /// Raises `Rejected` for everything that approves nothing.
    #[pyo3(signature = (request, number, signature, /))]
    fn approve(
        &self,
        py: Python<'_>,
        request: &Bound<'_, PyAny>,
        number: &Bound<'_, PyString>,
        signature: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let (request, number, signature) = (Bytes::of(request)?, typed(number), Bytes::of(signature)?);
        let approved = py.detach(|| self.0.approve(request.as_slice(), number, signature.as_slice()));
        Ok(approved.map_err(Fault::from)?)
    }

    /// A device declines what it was asked, with its signature over the `request` as "decline". The challenge is over, and the owner is
    /// told: somebody has the password.
    ///
    /// Raises `Rejected` as `approve` does.
    #[pyo3(signature = (request, signature, /))]
    fn decline(
        &self,
        py: Python<'_>,
        request: &Bound<'_, PyAny>,
        signature: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let (request, signature) = (Bytes::of(request)?, Bytes::of(signature)?);
        let declined = py.detach(|| self.0.decline(request.as_slice(), signature.as_slice()));
        Ok(declined.map_err(Fault::from)?)
    }

    fn __repr__(&self) -> String {
        format!("<zamok.Devices of {:?}>", self.0.issuer())
    }
}

impl Devices {
    /// Asks about a challenge or an enrolment.
    fn ask<T: Send>(
        &self,
        py: Python<'_>,
        asked: &Bound<'_, PyAny>,
        of_challenge: fn(&Cabinet, &zamok::Challenge) -> Result<T, Error>,
        of_enrolment: fn(&Cabinet, &zamok::Enrolment) -> Result<T, Error>,
    ) -> PyResult<T> {
        let told = if let Ok(challenge) = asked.cast::<Challenge>() {
            let challenge = challenge.get().inner();
            py.detach(|| of_challenge(&self.0, &challenge))
        } else if let Ok(enrolment) = asked.cast::<Enrolment>() {
            let enrolment = enrolment.get().0;
            py.detach(|| of_enrolment(&self.0, &enrolment))
        } else {
            return Err(PyTypeError::new_err("devices are asked for a Challenge or an Enrolment"));
        };
        Ok(told.map_err(Fault::from)?)
    }
}

fn device_id(text: &str) -> Result<DeviceId, Fault> {
    Ok(bytes_of(text).map(DeviceId).ok_or(Error::DeviceUnknown)?)
}

/// The bytes that a device signs: `answer` is "sign", "approve" or "decline", `question` what it was asked, `number` what its owner typed
/// where he approves. For the program on the device; no vault is needed.
///
/// Raises `ValueError` for another answer.
#[pyfunction]
#[pyo3(signature = (answer, question, number="", /))]
pub(crate) fn device_message<'py>(
    py: Python<'py>,
    answer: &str,
    question: &Bound<'py, PyAny>,
    number: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let answer = match answer {
        "sign" => DeviceAnswer::Sign,
        "approve" => DeviceAnswer::Approve,
        "decline" => DeviceAnswer::Decline,
        _ => return Err(PyValueError::new_err("a device answers \"sign\", \"approve\" or \"decline\"")),
    };
    Ok(PyBytes::new(py, &answer.message(Bytes::of(question)?.as_slice(), number)))
}
