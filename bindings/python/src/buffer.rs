//! Bytes of Python: `bytes`, `bytearray`, `memoryview`, `array`, `mmap` and whatever else has the buffer protocol (PEP 3118).
//!
//! The one file of this room that holds `unsafe`.

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PyString};
use zeroize::Zeroizing;

/// The bytes of an argument, held until it is dropped.
pub(crate) enum Bytes {
    /// Read where they lie, without a copy: in an object of the type `bytes`, which nobody can write to.
    Shared(PyBuffer<u8>),
    /// A copy, wiped when dropped. Other memory may be written to while it is read: by another thread, through another view of it,
    /// or by another program where a file is mapped. What is hashed twice, or checked and then used, must not change in between.
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
        let buffer = match PyBuffer::<u8>::get(given) {
            Ok(buffer) => buffer,
            // Bytes that are called otherwise: those of ctypes, signed ones, characters.
            Err(error) if error.is_instance_of::<PyBufferError>(given.py()) => {
                let view = PyMemoryView::from(given)?;
                if view.getattr("itemsize")?.extract::<usize>()? != 1 {
                    return Err(error);
                }
                if !view.getattr("c_contiguous")?.is_truthy()? {
                    return Err(scattered());
                }
                PyBuffer::<u8>::get(&view.call_method1("cast", ("B",))?)?
            }
            Err(error) => return Err(error),
        };
        if !buffer.is_c_contiguous() {
            return Err(scattered());
        }
        if is_fixed(given)? {
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
                // alignment is 1. The memory is that of an object of the very type `bytes` (`is_fixed`), which the buffer
                // keeps alive and nothing in Python writes to, whether the interpreter's lock is held or not.
                #[allow(unsafe_code)]
                unsafe {
                    bytes.as_ref()
                }
            }
        }
    }
}

/// Whether the memory is that of an object of the very type `bytes`, itself or under a `memoryview`. A class derived from it may give out
/// another buffer (PEP 688); and a view that may only be read can lie over memory that others write to.
fn is_fixed(given: &Bound<'_, PyAny>) -> PyResult<bool> {
    if given.is_exact_instance_of::<PyMemoryView>() {
        return Ok(given.getattr("obj")?.is_exact_instance_of::<PyBytes>());
    }
    Ok(given.is_exact_instance_of::<PyBytes>())
}

fn scattered() -> PyErr {
    PyBufferError::new_err("the bytes must lie in one piece (C-contiguous)")
}
