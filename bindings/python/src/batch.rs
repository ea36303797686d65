//! Many TOTP codes of many keys at once, without a Python object for each answer.

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyMemoryView, PySequence, PyString, PyTuple};
use zamok::CoreError;
use zamok::otp::{self, TotpAttempt, TotpState};

use crate::buffer::Bytes;
use crate::fault::Fault;
use crate::totp::{Totp, typed};
use crate::{moment, parameters};

/// Attempts that are made and checked together: few enough to stay in the nearest cache.
const TOGETHER: usize = 64;
/// Keys that are taken hold of at once, which other threads of Python wait for: few enough to lie in a cache when they are let go.
const BLOCK: usize = 8192;
/// Bytes of an answer.
const ANSWER: usize = size_of::<i64>();

/// Checks many codes, each of the key at the same place, as `Totp.verify` would, with all other Python threads running.
///
/// `codes` is a sequence of `str`, or one bytes-like buffer that holds the codes' ASCII characters one after the other, each as
/// long as its key has digits. The answer is a read-only memoryview of signed 64-bit integers (format `q`), which NumPy and
/// `array` take without a copy: the step that matched, or −1 where the code was rejected. The caller has to spend the steps;
/// two codes of one key do not see each other.
///
/// Raises `ValueError` when there are not as many codes as keys; `TypeError` for what is no `Totp`; `TimeBeforeT0`;
/// `WindowTooWide` beyond 128 steps.
#[pyfunction]
#[pyo3(signature = (keys, codes, at=None, *, past=1, future=1))]
pub(crate) fn verify_batch<'py>(
    py: Python<'py>,
    keys: &Bound<'py, PyAny>,
    codes: &Bound<'py, PyAny>,
    at: Option<&Bound<'py, PyAny>>,
    past: u64,
    future: u64,
) -> PyResult<Bound<'py, PyAny>> {
    let around = (moment::at(at)?, parameters::window(past, future)?);
    // What else can be gone through becomes a list first.
    let keys = match keys.cast::<PyList>() {
        Ok(keys) => keys.clone(),
        Err(_) => py.get_type::<PyList>().call1((keys,))?.cast_into()?,
    };
    let held = if is_text(codes)? { Held::Texts(texts(codes)?) } else { Held::Packed(Bytes::of(codes)?) };
    let mut codes = held.codes(keys.len())?;
    // The answers are written where Python will read them: nobody else has the object yet.
    let answers = PyBytes::new_with(py, keys.len() * ANSWER, |answers| {
        let mut block: Vec<Py<Totp>> = Vec::with_capacity(keys.len().min(BLOCK));
        for (number, answers) in answers.chunks_mut(BLOCK * ANSWER).enumerate() {
            block.clear();
            // References of its own keep these alive while other threads run, and change the list.
            for index in 0..answers.len() / ANSWER {
                block.push(keys.get_item(number * BLOCK + index)?.cast_into()?.unbind());
            }
            py.detach(|| run(&block, &mut codes, around, answers))?;
        }
        Ok(codes.end()?)
    })?;
    PyMemoryView::from(answers.as_any())?.call_method1("cast", ("q",))
}

/// The codes as they were given, held until the answers are there.
enum Held<'py> {
    Texts(Vec<Bound<'py, PyString>>),
    Packed(Bytes),
}

impl Held<'_> {
    fn codes(&self, keys: usize) -> PyResult<Codes<'_>> {
        Ok(match self {
            Self::Texts(texts) => {
                counted(keys, texts.len())?;
                Codes::Texts(texts.iter().map(typed).collect::<Vec<_>>().into_iter())
            }
            Self::Packed(bytes) => {
                let bytes = bytes.as_slice();
                // Looked at as text once, and not code by code, where all of it is ASCII.
                let ascii = std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii());
                Codes::Packed { bytes, ascii, at: 0 }
            }
        })
    }
}

/// The codes of the keys, one after the other.
enum Codes<'a> {
    Texts(std::vec::IntoIter<&'a str>),
    Packed { bytes: &'a [u8], ascii: Option<&'a str>, at: usize },
}

impl<'a> Codes<'a> {
    #[inline]
    fn next(&mut self, key: &otp::Totp) -> Result<&'a str, Problem> {
        match self {
            Self::Texts(texts) => texts.next(),
            Self::Packed { bytes, ascii, at } => {
                let places = *at..*at + usize::from(key.parameters().digits.count());
                *at = places.end;
                match ascii {
                    Some(text) => text.get(places),
                    // What is not even text is no code: an empty one costs the same work.
                    None => bytes.get(places).map(|code| std::str::from_utf8(code).unwrap_or("")),
                }
            }
        }
        .ok_or(Problem::Codes)
    }

    /// Whether every one has been asked for.
    fn end(&self) -> Result<(), Problem> {
        match self {
            Self::Packed { bytes, at, .. } if *at != bytes.len() => Err(Problem::Codes),
            _ => Ok(()),
        }
    }
}

fn texts<'py>(codes: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyString>>> {
    codes.try_iter()?.map(|code| Ok(code?.cast_into()?)).collect()
}

/// Why a batch has no answers.
enum Problem {
    Codes,
    Step,
    Time(CoreError),
}

impl From<Problem> for PyErr {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Codes => {
                PyValueError::new_err("the buffer has not as many characters as the keys' codes together")
            }
            Problem::Step => PyOverflowError::new_err("a time step beyond 2**63 - 1"),
            Problem::Time(error) => Fault::from(error).into(),
        }
    }
}

/// Whether the codes are a sequence of texts, and not one buffer. What is both, such as `bytes`, is a buffer.
fn is_text(codes: &Bound<'_, PyAny>) -> PyResult<bool> {
    if codes.is_instance_of::<PyList>() || codes.is_instance_of::<PyTuple>() {
        return Ok(true);
    }
    let is_buffer = PyMemoryView::from(codes).is_ok();
    if codes.is_instance_of::<PyString>() || !(is_buffer || codes.cast::<PySequence>().is_ok()) {
        return Err(PyTypeError::new_err("codes are a sequence of str, or one bytes-like buffer"));
    }
    Ok(!is_buffer)
}

fn counted(keys: usize, codes: usize) -> PyResult<()> {
    if keys == codes {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("there are {keys} keys and {codes} codes")))
}

/// Writes the answers as the bytes of 64-bit integers, one for each key.
fn run(
    keys: &[Py<Totp>],
    codes: &mut Codes<'_>,
    (now, window): (zamok::UnixTime, otp::Window),
    answers: &mut [u8],
) -> Result<(), Problem> {
    let mut attempts = Vec::with_capacity(TOGETHER);
    let mut later = keys.chunks(TOGETHER).skip(1);
    for (keys, answers) in keys.chunks(TOGETHER).zip(answers.chunks_mut(TOGETHER * ANSWER)) {
        // The next ones are on their way from memory while these are checked.
        later.next().unwrap_or_default().iter().for_each(|key| key.get().0.prefetch());
        attempts.clear();
        for key in keys {
            let key = &key.get().0;
            if now < key.parameters().t0 {
                return Err(Problem::Time(CoreError::TimeBeforeT0));
            }
            let code = codes.next(key)?;
            attempts.push(TotpAttempt::new(key, code, now, window, TotpState::default(), 0));
        }
        otp::Totp::verify_batch(&mut attempts);
        for (attempt, answer) in attempts.iter().zip(answers.chunks_exact_mut(ANSWER)) {
            let step = match attempt.checked().verdict.accepted() {
                Ok(matched) => i64::try_from(matched.step).map_err(|_| Problem::Step)?,
                Err(_) => -1,
            };
            answer.copy_from_slice(&step.to_ne_bytes());
        }
    }
    Ok(())
}
