//! A buffered reader whose buffer is wiped and which gives out no more than an allowance: what keeps one token, one
//! line or one file from taking all memory.

use std::io::{self, BufRead, Read};

use zeroize::Zeroizing;

use crate::error::{ExchangeError, Fault, Position};

/// Bytes of the buffer.
const BUFFER: usize = 64 * 1024;

/// A reader with an allowance that its user renews.
pub(crate) struct Source<R> {
    inner: R,
    buffer: Zeroizing<Vec<u8>>,
    start: usize,
    end: usize,
    left: usize,
    exhausted: bool,
}

impl<R: Read> Source<R> {
    pub(crate) fn new(inner: R) -> Self {
        let buffer = Zeroizing::new(vec![0; BUFFER]);
        Self { inner, buffer, start: 0, end: 0, left: usize::MAX, exhausted: false }
    }

    /// Allows so many bytes from here on.
    pub(crate) fn allow(&mut self, bytes: usize) {
        self.left = bytes;
    }

    /// Whether reading stopped at the end of the allowance.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let len = available.len().min(out.len());
        out[..len].copy_from_slice(&available[..len]);
        self.consume(len);
        Ok(len)
    }
}

impl<R: Read> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.start = 0;
            self.end = loop {
                match self.inner.read(&mut self.buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read?,
                }
            };
        }
        if self.left == 0 && self.start < self.end {
            self.exhausted = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let end = self.end.min(self.start.saturating_add(self.left));
        Ok(&self.buffer[self.start..end])
    }

    fn consume(&mut self, bytes: usize) {
        self.start = self.end.min(self.start + bytes);
        self.left -= bytes.min(self.left);
    }
}

/// Most entries of a file that is read whole: each takes hundreds of bytes of memory, and may stand there in two.
const MOST_ENTRIES: usize = 100_000;

/// Refuses a file with more entries than are taken into memory at once.
pub(crate) fn bounded(entries: usize) -> Result<(), ExchangeError> {
    let fault = Fault::TooLong { what: "the number of entries", limit: MOST_ENTRIES as u64 };
    if entries > MOST_ENTRIES { Err(ExchangeError::file(fault, Position::Whole)) } else { Ok(()) }
}

/// A file that is read whole, up to a limit.
pub(crate) fn whole(input: impl Read, limit: usize) -> Result<Zeroizing<String>, ExchangeError> {
    let fail = |fault| ExchangeError::file(fault, Position::Whole);
    let mut bytes = Zeroizing::new(Vec::with_capacity(BUFFER));
    let mut source = Source::new(input);
    loop {
        let available = source.fill_buf().map_err(|error| fail(error.into()))?;
        if available.is_empty() {
            break;
        }
        let len = available.len();
        if bytes.len() + len > limit {
            return Err(fail(Fault::TooLong { what: "the file", limit: limit as u64 }));
        }
        if bytes.capacity() - bytes.len() < len {
            // Grown by hand, so that the old copy is wiped.
            let mut grown = Zeroizing::new(Vec::with_capacity(bytes.capacity().saturating_mul(2)));
            grown.extend_from_slice(&bytes);
            bytes = grown;
        }
        bytes.extend_from_slice(available);
        source.consume(len);
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let at = Position::Byte(error.valid_up_to() as u64);
        ExchangeError::file(Fault::Encoding { what: "the file", encoding: "UTF-8" }, at)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok(Zeroizing::new(text.to_owned()))
}

/// Lines of a file, one at a time, each of bounded length.
pub(crate) struct Lines<R> {
    source: Source<R>,
    line: Zeroizing<Vec<u8>>,
    number: u64,
    done: bool,
}

/// Longest line.
pub(crate) const LONGEST_LINE: usize = 16 * 1024;

impl<R: Read> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        let line = Zeroizing::new(Vec::with_capacity(LONGEST_LINE));
        Self { source: Source::new(input), line, number: 0, done: false }
    }

    /// The next line with its number, without its end. After an error of the file there is none.
    pub(crate) fn next(&mut self) -> Option<Result<(u64, &str), ExchangeError>> {
        if self.done {
            return None;
        }
        self.line.clear();
        self.number += 1;
        let at = Position::Line(self.number);
        self.source.allow(LONGEST_LINE);
        match self.source.read_until(b'\n', &mut self.line) {
            Ok(0) => {
                self.done = true;
                return None;
            }
            Ok(_) => {}
            Err(error) => {
                self.done = true;
                let too_long = Fault::TooLong { what: "a line", limit: LONGEST_LINE as u64 };
                let fault = if self.source.is_exhausted() { too_long } else { error.into() };
                return Some(Err(ExchangeError::file(fault, at)));
            }
        }
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line =
            if self.number == 1 { line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line) } else { line };
        Some(match std::str::from_utf8(line) {
            Ok(line) => Ok((self.number, line)),
            Err(_) => Err(ExchangeError::entry(Fault::Encoding { what: "the line", encoding: "UTF-8" }, at)),
        })
    }
}
