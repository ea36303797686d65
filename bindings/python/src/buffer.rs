//! Bytes of Python: `bytes`, `bytearray`, `memoryview`, `array`, `mmap` and whatever else has the buffer protocol (PEP 3118).
//!
//! The one file of this room that holds `unsafe`.

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyString;
use zeroize::Zeroizing;

/// The bytes of an argument, held until it is dropped.
pub(crate) enum Bytes {
    /// Read where they lie, without a copy: the exporter says that they may not be written.
    Shared(PyBuffer<u8>),
    /// A copy, wiped when dropped. Memory that others may write is copied: what is hashed twice, or checked and then used, must
    /// not change in between.
    Copied(Zeroizing<Vec<u8>>),
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bytes(redacted)")
    }
}

impl Bytes {
    /// Takes hold of the bytes of an argument.
    pub(crate) fn of(given: &Bound<'_, PyAny>) -> PyResult<Self> {
        if given.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err(
                "bytes are expected, not str: encode the text, or read it as base32",
            ));
        }
        let buffer = PyBuffer::<u8>::get(given)?;
        if !buffer.is_c_contiguous() {
            return Err(PyBufferError::new_err("the bytes must lie in one piece (C-contiguous)"));
        }
        if buffer.readonly() {
            return Ok(Self::Shared(buffer));
        }
        let mut copy = Zeroizing::new(vec![0; buffer.item_count()]);
        buffer.copy_to_slice(given.py(), &mut copy)?;
        Ok(Self::Copied(copy))
    }

    /// The bytes.
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Copied(copy) => copy,
            Self::Shared(buffer) => {
                let Some(bytes) = buffer.as_slice_ptr() else { return &[] };
                // SAFETY: PEP 3118 promises that the pointer is good for its length as long as the buffer is not released,
                // which it is when `self` is dropped, and the slice cannot outlive that. The items are `u8`
                // (`PyBuffer::get` has compared the format), in one piece (`as_slice_ptr`), so that every value is valid and
                // alignment is 1. The exporter declares the memory read-only. Whoever changes it behind its exporter, as by
                // writing to a file that is mapped, breaks what was promised to every reader; bytes are only hashed, sealed
                // or copied here, and nothing that keeps memory safe is read from them twice.
                #[allow(unsafe_code)]
                unsafe {
                    bytes.as_ref()
                }
            }
        }
    }
}
