//! QR codes (ISO/IEC 18004) of provisioning URIs.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use qrcode::{Color, QrCode, render::svg as picture};
use zeroize::Zeroizing;

use crate::secret::utf8;

/// ISO/IEC 18004 §5.3.8: four light modules all around.
const QUIET: usize = 4;
/// Pixels of a module in a picture.
const SCALE: usize = 8;

/// Draws the QR code of a text while other Python threads run: a large one takes milliseconds.
fn drawn<'py>(
    text: &Bound<'py, PyString>,
    draw: impl FnOnce(&QrCode) -> String + Send,
) -> PyResult<Bound<'py, PyString>> {
    let (py, text) = (text.py(), utf8(text)?);
    let drawn = py.detach(|| QrCode::new(text).map(|code| Zeroizing::new(draw(&code))));
    match drawn {
        Ok(drawn) => Ok(PyString::new(py, &drawn)),
        Err(error) => Err(PyValueError::new_err(format!("the text fits no QR code: {error}"))),
    }
}

/// The QR code of a text for a terminal: two modules to a character, light ones drawn. `colour=True` sets black on white with the
/// sequences that terminals of 256 colours know; without, the terminal must be dark. Whoever sees it sees the secret.
///
/// Raises `ValueError` for a text that is too long: more than 2,331 bytes, or 3,391 capitals, or 5,596 digits.
#[pyfunction]
#[pyo3(signature = (text, /, *, colour=false))]
pub(crate) fn terminal<'py>(text: &Bound<'py, PyString>, colour: bool) -> PyResult<Bound<'py, PyString>> {
    drawn(text, |code| on_terminal(code, colour))
}

fn on_terminal(code: &QrCode, colour: bool) -> String {
    let (width, side) = (code.width(), code.width() + 2 * QUIET);
    let inside = QUIET..QUIET + width;
    let is_light = |row: usize, column: usize| {
        !inside.contains(&row)
            || !inside.contains(&column)
            || code[(column - QUIET, row - QUIET)] == Color::Light
    };
    let (begin, end) = if colour { ("\x1b[38;5;231;48;5;16m", "\x1b[0m") } else { ("", "") };
    // As long as it can become: text that grew would leave parts of the secret where it was before.
    let mut drawn = String::with_capacity(side * (side * 2 + 32));
    for row in (0..side).step_by(2) {
        drawn.push_str(begin);
        for column in 0..side {
            drawn.push(match (is_light(row, column), is_light(row + 1, column)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        drawn.push_str(end);
        drawn.push('\n');
    }
    drawn
}

/// The QR code of a text as an SVG picture, eight pixels a module and four modules of margin. Whoever sees it sees the secret.
///
/// Raises `ValueError` for a text that is too long: more than 2,331 bytes, or 3,391 capitals, or 5,596 digits.
#[pyfunction]
#[pyo3(signature = (text, /))]
pub(crate) fn svg<'py>(text: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyString>> {
    drawn(text, |code| {
        let pixels = u32::try_from((code.width() + 2 * QUIET) * SCALE).unwrap_or(u32::MAX);
        code.render::<picture::Color<'_>>().min_dimensions(pixels, pixels).build()
    })
}
