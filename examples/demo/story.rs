//! How the story is told: headings, lines, the QR code; every claim is checked before it is printed.

use std::error::Error;
use std::io::{self, IsTerminal, Write};

use qrcode::{Color, QrCode};

/// A chapter that could not be told to its end.
pub(crate) type Told<T = ()> = Result<T, Box<dyn Error>>;

/// The teller. Plain text where nobody looks on.
pub(crate) struct Story {
    chapter: u32,
    is_terminal: bool,
}

impl Story {
    pub(crate) fn new() -> Self {
        Self { chapter: 0, is_terminal: io::stdout().is_terminal() }
    }

    pub(crate) fn chapter(&mut self, title: &str) -> Told {
        self.chapter += 1;
        let (bold, plain) = if self.is_terminal { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        self.write(&format!("\n{bold}{}. {title}{plain}\n", self.chapter))
    }

    pub(crate) fn line(&mut self, text: &str) -> Told {
        self.write(&format!("   {text}\n"))
    }

    /// A step that was seen to hold.
    pub(crate) fn held(&mut self, text: &str) -> Told {
        let (green, plain) = if self.is_terminal { ("\x1b[32m", "\x1b[0m") } else { ("", "") };
        self.write(&format!("   {green}ok{plain}  {text}\n"))
    }

    /// Draws a QR code (ISO/IEC 18004) with two modules to a character, in black on white whatever the terminal's
    /// colours are. Without a terminal, light modules are drawn and dark ones left out.
    pub(crate) fn qr(&mut self, text: &str) -> Told {
        // ISO/IEC 18004 §5.3.8: four light modules all around.
        const QUIET: usize = 4;
        let code = QrCode::new(text)?;
        let width = code.width();
        let is_light = |row: usize, column: usize| {
            let inside = (QUIET..QUIET + width).contains(&row) && (QUIET..QUIET + width).contains(&column);
            !inside || code[(column - QUIET, row - QUIET)] == Color::Light
        };
        let (begin, end) = if self.is_terminal { ("\x1b[38;5;231;48;5;16m", "\x1b[0m") } else { ("", "") };
        for row in (0..width + 2 * QUIET).step_by(2) {
            let line: String = (0..width + 2 * QUIET)
                .map(|column| match (is_light(row, column), is_light(row + 1, column)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                })
                .collect();
            self.write(&format!("   {begin}{line}{end}\n"))?;
        }
        Ok(())
    }

    fn write(&mut self, text: &str) -> Told {
        Ok(io::stdout().write_all(text.as_bytes())?)
    }
}

/// Ends the story when a step did not hold.
pub(crate) fn ensure(held: bool, claim: &str) -> Told {
    if held { Ok(()) } else { Err(format!("this did not hold: {claim}").into()) }
}

/// Ends the story when something was done that had to be refused, or was refused for another reason.
pub(crate) fn refused<T>(result: Result<T, zamok::Error>, claim: &str) -> Told {
    match result {
        Err(zamok::Error::Core(zamok::CoreError::Rejected)) => Ok(()),
        Err(other) => Err(format!("this did not hold: {claim} (it failed otherwise: {other})").into()),
        Ok(_) => Err(format!("this did not hold: {claim} (it was accepted)").into()),
    }
}
