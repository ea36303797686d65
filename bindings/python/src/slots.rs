//! Slots: the ways into a vault.

use pyo3::prelude::*;
use pyo3::types::PyString;
use zamok::backup::{Share, ShareFault};
use zamok::{Argon2Cost, CoreError, Credential as Secret, NewSlot, Options, Vault};

use crate::fault::Fault;
use crate::opening::{self, Cost, Credential, Opener};
use crate::shared::Shared;

/// A slot, as the store shows it to anyone.
#[pyclass(frozen, eq, get_all, module = "zamok")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SlotInfo {
    /// Its number.
    number: u8,
    /// Whom it lets in: "officer", "user" or "auditor".
    role: String,
    /// How it is opened, such as "passphrase".
    method: &'static str,
    /// What people call it.
    label: String,
    /// Failed attempts since the last success or reset.
    failures: u64,
    /// Attempts before this time are refused, in seconds since 1970.
    not_before: u64,
    /// Whether failures have disabled it until an officer resets it.
    disabled: bool,
}

#[pymethods]
impl SlotInfo {
    fn __repr__(&self) -> String {
        let Self { number, role, method, label, .. } = self;
        format!("<zamok.SlotInfo {number}, {role}, {method}, {label:?}>")
    }
}

impl From<zamok::SlotInfo> for SlotInfo {
    fn from(info: zamok::SlotInfo) -> Self {
        Self {
            number: info.number,
            role: info.role.to_string(),
            method: info.method.name(),
            label: info.label,
            failures: info.failures,
            not_before: info.not_before.0,
            disabled: info.is_disabled,
        }
    }
}

/// The slots of a vault: for officers (`Vault.open(…, role="officer")`), but for looking, and for users who change their own. `Vault.slots` is one.
#[pyclass(frozen, module = "zamok")]
#[derive(Debug)]
pub(crate) struct Slots(pub(crate) Shared<Vault>);

#[pymethods]
impl Slots {
    /// The slots, in the order of their numbers.
    ///
    /// Raises `Locked`; `Refused` for what is no sound slot; an error of the family `StoreError`.
    fn all(&self, py: Python<'_>) -> PyResult<Vec<SlotInfo>> {
        let found = py.detach(|| self.listed()).map_err(Fault::from)?;
        Ok(found.into_iter().map(SlotInfo::from).collect())
    }

    /// Adds a slot for a role, "officer", "user" or "auditor", and returns its number. It is opened with a `passphrase`, a `key` or a
    /// `Credential`, as in `Vault.open`; `label` is what people call it, at most 64 bytes, not secret; `cost` is that of `Vault.create`.
    ///
    /// Raises `Role` unless an officer opened the vault; `SlotsFull`, `TooLong`; `ValueError` for another role, or a cost out of its bounds.
    #[pyo3(signature = (role, passphrase=None, *, key=None, label="", cost=None))]
    fn add(
        &self,
        py: Python<'_>,
        role: &str,
        passphrase: Option<&Bound<'_, PyAny>>,
        key: Option<&Bound<'_, PyAny>>,
        label: &str,
        cost: Option<Cost>,
    ) -> PyResult<u8> {
        let (role, opener, cost) = (opening::role(role)?, Opener::of(passphrase, key)?, opening::cost(cost));
        let added =
            py.detach(|| self.0.add_slot(&NewSlot { role, label, secret: opener.credential(), cost }));
        Ok(added.map_err(Fault::from)?)
    }

    /// Gives a slot another secret, and another label where one is given. Old copies of the store still open with the old secret.
    ///
    /// Raises `Role` unless an officer opened the vault, or its user through this slot; `NoSlot`, `TooLong`; `ValueError` for a cost out of its bounds.
    #[pyo3(signature = (number, passphrase=None, *, key=None, label=None, cost=None))]
    fn change(
        &self,
        py: Python<'_>,
        number: u64,
        passphrase: Option<&Bound<'_, PyAny>>,
        key: Option<&Bound<'_, PyAny>>,
        label: Option<&str>,
        cost: Option<Cost>,
    ) -> PyResult<()> {
        let (opener, cost) = (Opener::of(passphrase, key)?, opening::cost(cost));
        let number = slot_number(number)?;
        Ok(py.detach(|| self.put(number, label, opener.credential(), cost)).map_err(Fault::from)?)
    }

    /// Draws a key that any `needed` of `made` shares put together again, at least two, and returns it with the texts of the shares. It opens
    /// nothing until a slot has it, by `add` or `change`: whoever keeps the texts first loses none when what follows fails. Python cannot wipe them.
    ///
    /// Raises `ShareSplit` for numbers that make no shares; `Locked`.
    #[pyo3(signature = (*, needed, made))]
    fn new_shares<'py>(&self, py: Python<'py>, needed: i64, made: i64) -> PyResult<(Credential, Texts<'py>)> {
        let (needed, made) = split(needed, made)?;
        let (key, shares) = py.detach(|| self.0.new_shares(needed, made)).map_err(Fault::from)?;
        Ok((Credential::of(Opener::Shares(key)), texts(py, &shares)))
    }

    /// Adds a slot that any `needed` of `made` shares open, at least two; returns its number, and the texts of the shares: give each to
    /// another person. The key is drawn here and is nowhere else. Python cannot wipe the texts. `Credential.shares` takes them.
    ///
    /// Raises `ShareSplit` for numbers that make no shares; as `add`.
    #[pyo3(signature = (role, *, needed, made, label=""))]
    fn add_split<'py>(
        &self,
        py: Python<'py>,
        role: &str,
        needed: i64,
        made: i64,
        label: &str,
    ) -> PyResult<(u8, Texts<'py>)> {
        let (role, cost) = (opening::role(role)?, opening::cost(None));
        let (needed, made) = split(needed, made)?;
        let add = |secret: Secret<'_>| self.0.add_slot(&NewSlot { role, label, secret, cost });
        let (number, shares) = py.detach(|| self.split(needed, made, add)).map_err(Fault::from)?;
        Ok((number, texts(py, &shares)))
    }

    /// Gives a slot shares in the place of its secret, and another label where one is given; returns the texts of the shares. Shares
    /// that it had before open it no more.
    ///
    /// Raises as `change` and `add_split`.
    #[pyo3(signature = (number, *, needed, made, label=None))]
    fn change_split<'py>(
        &self,
        py: Python<'py>,
        number: u64,
        needed: i64,
        made: i64,
        label: Option<&str>,
    ) -> PyResult<Texts<'py>> {
        let number = slot_number(number)?;
        let (needed, made) = split(needed, made)?;
        let change = |secret: Secret<'_>| self.put(number, label, secret, opening::cost(None));
        let ((), shares) = py.detach(|| self.split(needed, made, change)).map_err(Fault::from)?;
        Ok(texts(py, &shares))
    }

    /// Takes a slot away. Old copies of the store still open with its secret.
    ///
    /// Raises `Role` unless an officer opened the vault; `NoSlot`; `LastSlot` for the last one of an officer or a user.
    #[pyo3(signature = (number, /))]
    fn remove(&self, py: Python<'_>, number: u64) -> PyResult<()> {
        let number = slot_number(number)?;
        Ok(py.detach(|| self.0.remove_slot(number)).map_err(Fault::from)?)
    }

    /// Forgives the failed attempts at a slot, also of one that was disabled.
    ///
    /// Raises `Role` unless an officer opened the vault; `NoSlot`.
    #[pyo3(signature = (number, /))]
    fn reset(&self, py: Python<'_>, number: u64) -> PyResult<()> {
        let number = slot_number(number)?;
        Ok(py.detach(|| self.0.reset_slot(number)).map_err(Fault::from)?)
    }

    fn __repr__(&self) -> String {
        format!("<zamok.Slots of {}>", self.0.origin())
    }
}

impl Slots {
    /// Gives a slot another secret, and another label where one is given.
    fn put(
        &self,
        number: u8,
        label: Option<&str>,
        secret: Secret<'_>,
        cost: Argon2Cost,
    ) -> Result<(), CoreError> {
        let slot = self.listed()?.into_iter().find(|slot| slot.number == number);
        let slot = slot.ok_or(CoreError::NoSlot(number))?;
        let label = label.unwrap_or(&slot.label);
        self.0.change_slot(number, &NewSlot { role: slot.role, label, secret, cost })
    }

    /// Draws a key, gives it to a slot, and tells the shares of it once the slot has it.
    fn split<T>(
        &self,
        needed: u8,
        made: u8,
        put: impl FnOnce(Secret<'_>) -> Result<T, CoreError>,
    ) -> Result<(T, Vec<Share>), CoreError> {
        let (key, shares) = self.0.new_shares(needed, made)?;
        let done = put(Secret::Shares(&key))?;
        Ok((done, shares))
    }

    fn listed(&self) -> Result<Vec<zamok::SlotInfo>, CoreError> {
        // Anyone may look, but through an open vault: a forked child must not touch the store of its parent.
        self.0.role()?;
        Vault::slots(&**self.0.store(), &Options::default())
    }
}

/// Texts that Python has, and that it alone cannot wipe.
pub(crate) type Texts<'py> = Vec<Bound<'py, PyString>>;

/// The texts of shares; the copies on the way to Python are wiped.
pub(crate) fn texts<'py>(py: Python<'py>, shares: &[Share]) -> Texts<'py> {
    shares.iter().map(|share| PyString::new(py, &share.to_text())).collect()
}

/// How many shares are needed of how many; numbers that no split has are told as such, at most as 255.
pub(crate) fn split(needed: i64, made: i64) -> Result<(u8, u8), Fault> {
    if let (Ok(needed), Ok(made)) = (u8::try_from(needed), u8::try_from(made)) {
        return Ok((needed, made));
    }
    let [threshold, count] =
        [needed, made].map(|number| u8::try_from(number.clamp(0, u8::MAX.into())).unwrap_or(u8::MAX));
    Err(Fault::from(CoreError::Share(ShareFault::Split { threshold, count })))
}

/// The number of a slot; what is beyond a byte is told as 255.
pub(crate) fn slot_number(number: u64) -> Result<u8, Fault> {
    Ok(u8::try_from(number).map_err(|_| CoreError::NoSlot(u8::MAX))?)
}
