//! What an operation says: a template and the fields that fill it.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyInt, PyString, PyType};
use zamok::{Template, Value};

use crate::fault::Fault;
use crate::moment;

/// An amount in the smallest unit of a currency: `Amount(123456, "RUB")` is 1234.56 RUB. `places` is how many digits of it stand
/// behind the point, 0 to 9; `currency` are three upper-case letters (ISO 4217).
///
/// Raises `ValueError` for a currency or a number of places that is none.
#[pyclass(frozen, eq, hash, get_all, from_py_object, module = "zamok")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Amount {
    /// In the smallest unit.
    minor: i64,
    /// Three letters.
    currency: String,
    /// Digits behind the point.
    places: u8,
}

#[pymethods]
impl Amount {
    #[new]
    #[pyo3(signature = (minor, currency, places=2))]
    fn new(minor: i64, currency: String, places: i64) -> PyResult<Self> {
        let is_currency = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
        match u8::try_from(places) {
            Ok(places @ 0..=9) if is_currency => Ok(Self { minor, currency, places }),
            _ => Err(PyValueError::new_err(
                "an amount has a currency of three upper-case letters and at most 9 places",
            )),
        }
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyAny>, (i64, &str, u8)) {
        (py.get_type::<Self>().into_any(), (self.minor, &self.currency, self.places))
    }

    fn __repr__(&self) -> String {
        let Self { minor, currency, places } = self;
        format!("Amount({minor}, '{currency}', {places})")
    }
}

/// What an operation says: a template's text, with the name of a field in braces for each gap, and what fills the gaps.
///
/// `name`, `version` and `language` (BCP 47) are those of the template. A field is a `str` (one line), an `int`, an `Amount`, or a
/// `datetime` with a zone (shown to the second in UTC). Every gap has its field and every field its gap: nothing is confirmed
/// unseen.
///
/// Raises `OperationUnusable`, which says what cannot be shown; `TypeError` for another sort of field; `NaiveDatetime`.
#[pyclass(frozen, eq, module = "zamok")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Content(pub(crate) zamok::Content);

#[pymethods]
impl Content {
    #[new]
    #[pyo3(signature = (name, text, fields, /, *, version=1, language="en"))]
    fn new(
        name: String,
        text: String,
        fields: &Bound<'_, PyDict>,
        version: u16,
        language: &str,
    ) -> PyResult<Self> {
        let mut read = Vec::with_capacity(fields.len());
        for (field, value) in fields {
            read.push((field.extract()?, value_of(&value)?));
        }
        let template = Template { name, version, language: language.into(), text };
        Ok(Self(zamok::Content::new(template, read).map_err(Fault::from)?))
    }

    /// The name of the template.
    #[getter]
    fn name(&self) -> &str {
        &self.0.template().name
    }

    /// The version of the template.
    #[getter]
    const fn version(&self) -> u16 {
        self.0.template().version
    }

    /// The language of the template.
    #[getter]
    fn language(&self) -> &str {
        &self.0.template().language
    }

    /// The text of the template, gaps and all.
    #[getter]
    fn template(&self) -> &str {
        &self.0.template().text
    }

    /// What is shown: the template with every gap filled.
    #[getter]
    fn text(&self) -> String {
        self.0.text()
    }

    /// What fills the gaps, by name; times as `datetime` in UTC.
    #[getter]
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let fields = PyDict::new(py);
        for (name, value) in self.0.fields() {
            match value {
                Value::Text(text) => fields.set_item(name, text)?,
                Value::Number(number) => fields.set_item(name, number)?,
                Value::Amount { minor, places, currency } => {
                    let currency = String::from_utf8_lossy(currency).into_owned();
                    fields.set_item(name, Amount { minor: *minor, currency, places: *places })?;
                }
                Value::Time(time) => fields.set_item(name, moment::in_utc(py, *time)?)?,
            }
        }
        Ok(fields)
    }

    /// The bytes of which the digest is made (`docs/formats/operation.md`).
    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, pyo3::types::PyBytes> {
        pyo3::types::PyBytes::new(py, &self.0.to_bytes())
    }

    fn __repr__(&self) -> String {
        let Template { name, version, language, .. } = self.0.template();
        format!("<zamok.Content {name} {version}, {language}>")
    }
}

fn value_of(given: &Bound<'_, PyAny>) -> PyResult<Value> {
    static DATETIME: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    if let Ok(text) = given.cast::<PyString>() {
        return Ok(Value::Text(text.to_str()?.into()));
    }
    if let Ok(Amount { minor, currency, places }) = given.extract() {
        let currency = currency.as_bytes().try_into().unwrap_or_default();
        return Ok(Value::Amount { minor, places, currency });
    }
    if given.is_instance_of::<PyInt>() && !given.is_instance_of::<PyBool>() {
        return Ok(Value::Number(given.extract()?));
    }
    if given.is_instance(DATETIME.import(given.py(), "datetime", "datetime")?)? {
        return Ok(Value::Time(moment::read(given)?));
    }
    Err(PyTypeError::new_err("a field is a str, an int, an Amount or a datetime with a zone"))
}
