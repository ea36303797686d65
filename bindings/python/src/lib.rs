//! The native half of the Python package `zamok`: thin classes over the facade. What a person reads of them stands in
//! their docstrings; the types stand in `python/zamok/_zamok.pyi`.
//!
//! Three rules hold everywhere. What waits, or takes more than about 5 µs, lets other Python threads run. Nothing that holds
//! a secret or a handle is copied, pickled or shown by `repr`. Errors are those of `docs/errors.md`, each with its class.

mod backup;
mod batch;
mod buffer;
mod cabinet;
mod content;
mod devices;
mod factor;
mod fault;
mod hotp;
mod journal;
mod keys;
mod login;
mod moment;
mod notices;
mod ocra;
mod opening;
mod operation;
mod outbox;
mod parameters;
mod qr;
mod secret;
mod session;
mod shared;
mod slots;
mod steam;
mod totp;
mod uri;
mod values;
mod vault;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Refuses what `copy` and `pickle` ask of an object: a copy of a secret is one more to wipe, and a copy of a handle would
/// outlive it.
#[pyfunction]
#[pyo3(signature = (*_arguments))]
fn refuse_copy(_arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
    Err(PyTypeError::new_err("objects of Zamok that hold secrets or handles are neither copied nor pickled"))
}

/// Adds a class that holds a secret or a handle.
fn guarded<T: pyo3::PyClass>(module: &Bound<'_, PyModule>, refuse: &Bound<'_, PyAny>) -> PyResult<()> {
    let class = module.py().get_type::<T>();
    for name in ["__copy__", "__deepcopy__", "__reduce__", "__reduce_ex__"] {
        class.setattr(name, refuse)?;
    }
    module.add_class::<T>()
}

#[pymodule(gil_used = false)]
fn _zamok(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    let refuse = wrap_pyfunction!(refuse_copy, module)?.into_any();
    guarded::<secret::Secret>(module, &refuse)?;
    guarded::<totp::Totp>(module, &refuse)?;
    guarded::<hotp::Hotp>(module, &refuse)?;
    guarded::<steam::Steam>(module, &refuse)?;
    guarded::<ocra::Ocra>(module, &refuse)?;
    guarded::<uri::OtpUri>(module, &refuse)?;
    guarded::<vault::Vault>(module, &refuse)?;
    guarded::<cabinet::Cabinet>(module, &refuse)?;
    guarded::<login::Offer>(module, &refuse)?;
    guarded::<login::Enrolment>(module, &refuse)?;
    guarded::<opening::ManualClock>(module, &refuse)?;
    guarded::<opening::Credential>(module, &refuse)?;
    guarded::<operation::Operations>(module, &refuse)?;
    guarded::<factor::Factors>(module, &refuse)?;
    guarded::<devices::Devices>(module, &refuse)?;
    guarded::<notices::Notices>(module, &refuse)?;
    guarded::<outbox::Outbox>(module, &refuse)?;
    guarded::<outbox::Message>(module, &refuse)?;
    guarded::<slots::Slots>(module, &refuse)?;
    guarded::<backup::Restored>(module, &refuse)?;
    module.add_class::<ocra::OcraSuite>()?;
    module.add_class::<values::TotpState>()?;
    module.add_class::<values::HotpState>()?;
    module.add_class::<values::TotpChecked>()?;
    module.add_class::<values::HotpChecked>()?;
    module.add_class::<login::Challenge>()?;
    module.add_class::<session::Account>()?;
    module.add_class::<session::Session>()?;
    module.add_class::<session::SignedDocument>()?;
    module.add_class::<keys::KeyInfo>()?;
    module.add_class::<content::Content>()?;
    module.add_class::<content::Amount>()?;
    module.add_class::<operation::Operation>()?;
    module.add_class::<operation::Confirmation>()?;
    module.add_class::<factor::Method>()?;
    module.add_class::<factor::Factor>()?;
    module.add_class::<devices::Device>()?;
    module.add_class::<notices::News>()?;
    module.add_class::<notices::Preferences>()?;
    module.add_class::<slots::SlotInfo>()?;
    module.add_class::<backup::Backup>()?;
    module.add_class::<journal::Entry>()?;
    module.add_class::<journal::Report>()?;
    module.add_class::<journal::Proved>()?;
    module.add_function(wrap_pyfunction!(batch::verify_batch, module)?)?;
    module.add_function(wrap_pyfunction!(totp::totp_uri, module)?)?;
    module.add_function(wrap_pyfunction!(hotp::hotp_uri, module)?)?;
    module.add_function(wrap_pyfunction!(journal::verify_proof, module)?)?;
    module.add_function(wrap_pyfunction!(backup::check, module)?)?;
    module.add_function(wrap_pyfunction!(backup::restore, module)?)?;
    module.add_function(wrap_pyfunction!(qr::terminal, module)?)?;
    module.add_function(wrap_pyfunction!(qr::svg, module)?)?;
    module.add_function(wrap_pyfunction!(keys::verify_signature, module)?)?;
    module.add_function(wrap_pyfunction!(devices::device_message, module)?)?;
    module.add_function(wrap_pyfunction!(opening::policy_text, module)?)
}
