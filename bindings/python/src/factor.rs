//! Second factors: a generator app, codes by SMS or by e-mail; enrolled, chosen, listed.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use zamok::account::{FactorId, FactorState};
use zamok::{Approach, CoreError, Error, Zamok};

use crate::fault::Fault;
use crate::keys::bytes_of;
use crate::login::{Challenge, Enrolment, approach, method_of, password_of, request_of};
use crate::session::Session;
use crate::shared::Shared;
use crate::totp::typed;

/// A way to answer a challenge.
#[pyclass(frozen, eq, get_all, module = "zamok")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Method {
    /// The factor, for `Factors.switch`: 32 hexadecimal digits.
    factor: String,
    /// What it is, such as "generator", "SMS" or "e-mail".
    by: &'static str,
    /// What its owner calls it.
    label: String,
    /// Where a code is sent to, masked: "+7···4567"; None where none is sent.
    hint: Option<String>,
}

#[pymethods]
impl Method {
    fn __repr__(&self) -> String {
        format!("<zamok.Method {}, {:?}>", self.by, self.label)
    }
}

/// A second factor, as its owner sees it.
#[pyclass(frozen, eq, get_all, module = "zamok")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Factor {
    /// Its id: 32 hexadecimal digits.
    id: String,
    /// What it is, such as "generator", "SMS" or "e-mail".
    kind: &'static str,
    /// What its owner calls it.
    label: String,
    /// "offered", "active", "disabled" or "set aside".
    state: &'static str,
    /// When it was offered, in seconds since 1970.
    added: u64,
    /// When it was last answered with; None for never.
    last_used: Option<u64>,
    /// Where its codes are sent to, masked; None where none are.
    hint: Option<String>,
    /// Until when it can take its place back, where another has taken it.
    until: Option<u64>,
}

#[pymethods]
impl Factor {
    fn __repr__(&self) -> String {
        format!("<zamok.Factor {}, {}>", self.kind, self.state)
    }
}

impl From<zamok::account::FactorInfo> for Factor {
    fn from(info: zamok::account::FactorInfo) -> Self {
        Self {
            id: info.id.to_string(),
            kind: info.kind.name(),
            label: info.label,
            state: match info.state {
                FactorState::Absent => "absent",
                FactorState::Offered => "offered",
                FactorState::Active => "active",
                FactorState::Disabled => "disabled",
                FactorState::SetAside => "set aside",
            },
            added: info.added.0,
            last_used: info.last_used.map(|time| time.0),
            hint: info.hint,
            until: info.until.map(|time| time.0),
        }
    }
}

/// The second factors of a cabinet's accounts. `Cabinet.factors` is one. Codes that are sent wait in the outbox: `Outbox` takes them out.
#[pyclass(frozen, module = "zamok")]
#[derive(Debug)]
pub(crate) struct Factors(pub(crate) Shared<Zamok>);

#[pymethods]
impl Factors {
    /// A right to enrol one more factor, or a phone or an address, in a session that is fresh; for the first one, `Cabinet.begin_login`
    /// gives it.
    ///
    /// Raises `FreshAuthenticationNeeded` (`Cabinet.begin_again`); `SessionEnded`.
    #[pyo3(signature = (session, /))]
    fn begin(&self, py: Python<'_>, session: &Bound<'_, Session>) -> PyResult<Enrolment> {
        let session = &session.get().0;
        Ok(Enrolment(py.detach(|| self.0.begin_factor(session)).map_err(Fault::from)?))
    }

    /// Offers codes by SMS to a phone ("+79161234567"), or by e-mail to an address, and sends the test code there. What was offered
    /// before and never tested is gone. Whether somebody else has this phone or address is told to whoever answers the code.
    ///
    /// Raises `ContactUnusable`; `MethodTooWeak` where policy takes no such codes; `ResendTooSoon`, `TooManyMessages`; `Rejected` when the
    /// enrolment has ended, or has offered as often as it may; `FactorExists`.
    #[pyo3(signature = (enrolment, address, /))]
    fn offer_channel(&self, py: Python<'_>, enrolment: &Bound<'_, Enrolment>, address: &str) -> PyResult<()> {
        let enrolment = &enrolment.get().0;
        Ok(py.detach(|| self.0.offer_channel(enrolment, address)).map_err(Fault::from)?)
    }

    /// Offers a phone or an address as a contact that is told of what happens, without making it a factor, and sends the test code there.
    ///
    /// Raises `NotAllowed` for an account without a factor; as `offer_channel`.
    #[pyo3(signature = (enrolment, address, /))]
    fn offer_contact(&self, py: Python<'_>, enrolment: &Bound<'_, Enrolment>, address: &str) -> PyResult<()> {
        let enrolment = &enrolment.get().0;
        Ok(py.detach(|| self.0.offer_contact(enrolment, address)).map_err(Fault::from)?)
    }

    /// Ends an enrolment with the test code, which the app shows or which was sent; it is spent by it (R12). The factor, or the contact,
    /// counts from now on; every other session of the account ends, and its owner is told.
    ///
    /// Raises `Rejected` for a wrong code; `NothingOffered`; `ContactTaken` when another account has the phone or address; `SessionEnded`.
    #[pyo3(signature = (enrolment, code, /))]
    fn confirm(
        &self,
        py: Python<'_>,
        enrolment: &Bound<'_, Enrolment>,
        code: &Bound<'_, PyString>,
    ) -> PyResult<()> {
        let (enrolment, code) = (&enrolment.get().0, typed(code));
        Ok(py.detach(|| self.0.confirm_factor(enrolment, code)).map_err(Fault::from)?)
    }

    /// Sends another code for a `Challenge`, or for an `Enrolment` of a phone or an address; the one before counts no more.
    ///
    /// Raises `ResendTooSoon` (its `seconds` are to be waited); `SupportNeeded` when as many codes as policy says did not arrive;
    /// `TooManyMessages`; `Rejected` for one that is over, was made up, or is not answered by something sent.
    #[pyo3(signature = (challenge, /))]
    fn send_again(&self, py: Python<'_>, challenge: &Bound<'_, PyAny>) -> PyResult<()> {
        let sent = if let Ok(challenge) = challenge.cast::<Challenge>() {
            let challenge = challenge.get().inner();
            py.detach(|| self.0.send_again(&challenge))
        } else if let Ok(enrolment) = challenge.cast::<Enrolment>() {
            let enrolment = enrolment.get().0;
            py.detach(|| self.0.send_enrolment_again(&enrolment))
        } else {
            return Err(PyTypeError::new_err("codes are sent for a Challenge or an Enrolment"));
        };
        Ok(sent.map_err(Fault::from)?)
    }

    /// What an open challenge can be answered with: the factors that the account has and this caller may use, in the account's order.
    ///
    /// Raises `Rejected` for a challenge that is over or was made up.
    #[pyo3(signature = (challenge, /))]
    fn methods(&self, py: Python<'_>, challenge: Challenge) -> PyResult<Vec<Method>> {
        let found = py.detach(|| self.0.methods(&challenge.inner())).map_err(Fault::from)?;
        let method = |method: zamok::Method| Method {
            factor: method.factor.to_string(),
            by: method.evidence.name(),
            label: method.label,
            hint: method.hint,
        };
        Ok(found.into_iter().map(method).collect())
    }

    /// Answers an open challenge with another factor, by its id: a new challenge takes its place, and the old one is dead. Where it is
    /// answered by a code that is sent, it is sent. Wrong answers count on.
    ///
    /// Raises `MethodUnavailable` for a factor that `methods` does not list; `ResendTooSoon`, `SupportNeeded`, `TooManyMessages`; `Rejected`
    /// where as many challenges were opened as policy allows; as `methods`.
    #[pyo3(signature = (challenge, factor, /))]
    fn switch(&self, py: Python<'_>, challenge: Challenge, factor: &str) -> PyResult<Challenge> {
        let factor = bytes_of(factor).map(FactorId).ok_or(Error::MethodUnavailable).map_err(Fault::from)?;
        Ok(py.detach(|| self.0.switch_method(&challenge.inner(), factor)).map_err(Fault::from)?.into())
    }

    /// The factors of a session's account: the first that can answer is asked for at a login.
    ///
    /// Raises `SessionEnded`.
    #[pyo3(signature = (session, /))]
    fn all(&self, py: Python<'_>, session: &Bound<'_, Session>) -> PyResult<Vec<Factor>> {
        let session = &session.get().0;
        let found = py.detach(|| self.0.factors(session)).map_err(Fault::from)?;
        Ok(found.into_iter().map(Factor::from).collect())
    }

    /// Asks for a factor first at a login from now on, in a session that is fresh.
    ///
    /// Raises `Rejected` when the account has no such factor that counts; `FreshAuthenticationNeeded`; `SessionEnded`.
    #[pyo3(signature = (session, id, /))]
    fn prefer(&self, py: Python<'_>, session: &Bound<'_, Session>, id: &str) -> PyResult<()> {
        let (session, id) = (&session.get().0, factor_id(id)?);
        Ok(py.detach(|| self.0.prefer_factor(session, id)).map_err(Fault::from)?)
    }

    /// Gives a factor another label, of at most 128 bytes.
    ///
    /// Raises `Rejected` when the account has no such factor; `TooLong`; `SessionEnded`.
    #[pyo3(signature = (session, id, label, /))]
    fn rename(&self, py: Python<'_>, session: &Bound<'_, Session>, id: &str, label: &str) -> PyResult<()> {
        let (session, id) = (&session.get().0, factor_id(id)?);
        Ok(py.detach(|| self.0.rename_factor(session, id, label)).map_err(Fault::from)?)
    }

    /// Takes a factor away, in a session that is fresh. Every other session ends, and the owner is told.
    ///
    /// Raises `LastFactor`; as `prefer`.
    #[pyo3(signature = (session, id, /))]
    fn drop(&self, py: Python<'_>, session: &Bound<'_, Session>, id: &str) -> PyResult<()> {
        let (session, id) = (&session.get().0, factor_id(id)?);
        Ok(py.detach(|| self.0.drop_factor(session, id)).map_err(Fault::from)?)
    }

    /// Begins to replace a factor by another, in a session that is fresh: offer the new one in the enrolment and confirm it there; until then
    /// the old one counts. Where policy wants both, the old one is asked at once, and answers to `agree` before; otherwise there is None.
    ///
    /// Raises `Rejected` when the account has no such factor that counts; `FreshAuthenticationNeeded`, `ResendTooSoon`,
    /// `TooManyMessages`; `SessionEnded`.
    #[pyo3(signature = (session, id, /))]
    fn begin_change(
        &self,
        py: Python<'_>,
        session: &Bound<'_, Session>,
        id: &str,
    ) -> PyResult<(Enrolment, Option<Challenge>)> {
        let (session, id) = (&session.get().0, factor_id(id)?);
        let begun = py.detach(|| self.0.begin_change(session, id)).map_err(Fault::from)?;
        Ok((Enrolment(begun.enrolment), begun.agreement.map(Challenge::from)))
    }

    /// The factor that is to be replaced agrees. `request` is as in `Cabinet.answer`.
    ///
    /// Raises `Rejected`; `ApprovalPending`; `SessionEnded`.
    #[pyo3(signature = (session, agreement, code, /, *, request=None))]
    fn agree(
        &self,
        py: Python<'_>,
        session: &Bound<'_, Session>,
        agreement: Challenge,
        code: &Bound<'_, PyString>,
        request: Option<&str>,
    ) -> PyResult<()> {
        let (session, code) = (&session.get().0, typed(code));
        let request = request.map(request_of).transpose()?;
        let agreed = py.detach(|| {
            let request = request.map_or_else(|| self.0.request_id(), Ok)?;
            self.0.agree(session, &agreement.inner(), code, request)
        });
        Ok(agreed.map_err(Fault::from)?)
    }

    /// Asks a factor that was replaced or dropped lately whether that shall be taken back, for a login and a password, which may be the one
    /// before. Arguments are those of `Cabinet.begin_login`.
    ///
    /// Raises `MethodUnavailable` when nothing was changed lately; as `Cabinet.begin_login`.
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (login, password, /, *, client="", device=None, by=None, address=None, language=""))]
    fn begin_undo(
        &self,
        py: Python<'_>,
        login: &Bound<'_, PyString>,
        password: &Bound<'_, PyAny>,
        client: &str,
        device: Option<&Bound<'_, PyString>>,
        by: Option<&str>,
        address: Option<&str>,
        language: &str,
    ) -> PyResult<Challenge> {
        let (login, password) = (typed(login), password_of(password)?);
        let approach =
            Approach { by: method_of(by)?, ..approach(client, device.map(typed), address, language)? };
        Ok(py.detach(|| self.0.begin_undo(login, &password, &approach)).map_err(Fault::from)?.into())
    }

    /// Takes a change back with the answer to that: what came in since is gone, every session has ended, and the owner has a new one.
    ///
    /// Raises `Rejected`; `ApprovalPending`.
    #[pyo3(signature = (challenge, code, /, *, request=None))]
    fn undo(
        &self,
        py: Python<'_>,
        challenge: Challenge,
        code: &Bound<'_, PyString>,
        request: Option<&str>,
    ) -> PyResult<Session> {
        let (code, request) = (typed(code), request.map(request_of).transpose()?);
        let undone = py.detach(|| {
            let request = request.map_or_else(|| self.0.request_id(), Ok)?;
            self.0.undo_change(&challenge.inner(), code, request)
        });
        Ok(Session(undone.map_err(Fault::from)?))
    }

    fn __repr__(&self) -> String {
        format!("<zamok.Factors of {:?}>", self.0.issuer())
    }
}

/// The id of a factor that the account shall have.
fn factor_id(text: &str) -> Result<FactorId, Fault> {
    Ok(bytes_of(text).map(FactorId).ok_or(CoreError::Rejected)?)
}
