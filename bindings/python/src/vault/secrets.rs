//! Keys that are shared: tags and sealed data.

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use zamok::CoreError;
use zamok::keys::Mechanism;
use zamok::keys::ciphers::{self, Sealed};
use zamok::keys::macs::{self, Tagged};

use super::Vault;
use crate::buffer::Bytes;
use crate::fault::Fault;
use crate::keys::{key_id, mechanism_of};

pub(super) fn tagged<'py>(
    vault: &Vault,
    py: Python<'py>,
    key: &str,
    data: &Bound<'py, PyAny>,
    mechanism: &str,
) -> PyResult<(u32, Bound<'py, PyBytes>)> {
    let (id, mechanism, data) = (key_id(key)?, mechanism_of(mechanism)?, Bytes::of(data)?);
    let tagged = vault.commit(py, |tx| macs::tag(tx, id, mechanism, data.as_slice()))?;
    Ok((tagged.version, PyBytes::new(py, &tagged.tag)))
}

pub(super) fn checked(
    vault: &Vault,
    py: Python<'_>,
    key: &str,
    data: &Bound<'_, PyAny>,
    (version, tag): (&Bound<'_, PyAny>, &Bound<'_, PyAny>),
    mechanism: &str,
) -> PyResult<()> {
    let (id, mechanism, data) = (key_id(key)?, mechanism_of(mechanism)?, Bytes::of(data)?);
    let version = match version.extract::<u32>() {
        // It comes with the tag, from wherever that comes: a number that no version has is a version that there is not.
        Err(error) if error.is_instance_of::<PyOverflowError>(py) => u32::MAX,
        read => read?,
    };
    let tagged = Tagged { version, tag: Bytes::of(tag)?.as_slice().to_vec() };
    vault.commit(py, |tx| macs::check(tx, id, mechanism, data.as_slice(), &tagged))
}

pub(super) fn sealed<'py>(
    vault: &Vault,
    py: Python<'py>,
    key: &str,
    data: &Bound<'py, PyAny>,
    associated: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let (id, data) = (key_id(key)?, Bytes::of(data)?);
    let associated = associated.map(Bytes::of).transpose()?;
    let beside = associated.as_ref().map_or(&[][..], Bytes::as_slice);
    let sealed = vault.commit(py, |tx| ciphers::seal(tx, id, Mechanism::XaesGcm, beside, data.as_slice()))?;
    Ok(PyBytes::new(py, &[&sealed.version.to_be_bytes()[..], &sealed.bytes].concat()))
}

pub(super) fn opened<'py>(
    vault: &Vault,
    py: Python<'py>,
    key: &str,
    sealed: &Bound<'py, PyAny>,
    associated: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let (id, given) = (key_id(key)?, Bytes::of(sealed)?);
    let associated = associated.map(Bytes::of).transpose()?;
    let beside = associated.as_ref().map_or(&[][..], Bytes::as_slice);
    let (version, bytes) = given.as_slice().split_first_chunk().ok_or(Fault::from(CoreError::Rejected))?;
    let sealed = Sealed { version: u32::from_be_bytes(*version), bytes: bytes.to_vec() };
    let plain = vault.commit(py, |tx| ciphers::open(tx, id, Mechanism::XaesGcm, beside, &sealed))?;
    Ok(PyBytes::new(py, &plain))
}
