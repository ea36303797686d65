//! What `zamok import` and `zamok convert` share: opening a file of another program, and telling how far it was read.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::Args;
use zamok_exchange::{ExchangeError, Fault, Format, Options, PskcKey, Records, WeakSecrets};
use zeroize::Zeroizing;

use crate::failure::{Exit, Failure};
use crate::files;
use crate::output::Output;

/// How a file is read.
#[derive(Args, Debug)]
pub(crate) struct Source {
    /// The format: auto, uri, migration, pskc, liboath, google-pam, privacyidea, keycloak.
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = format)]
    format: Chosen,
    /// PSKC: a file with the password that the file's issuer gave.
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    password_file: Option<PathBuf>,
    /// PSKC: a file with the key that the file's issuer gave, in hexadecimal digits.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Whose token it is, where the format does not say it (google-pam).
    #[arg(long, value_name = "NAME", default_value = "")]
    account: String,
    /// Take secrets below 128 bits, which can be guessed from a few observed codes.
    #[arg(long)]
    accept_guessable: bool,
}

/// A format, or none: then it is recognised.
#[derive(Clone, Copy, Debug)]
struct Chosen(Option<Format>);

fn format(name: &str) -> Result<Chosen, String> {
    if name == "auto" {
        return Ok(Chosen(None));
    }
    let known = Format::ALL.into_iter().find(|format| format.name() == name);
    known.map(|format| Chosen(Some(format))).ok_or_else(|| format!("one of: auto, {}", formats()))
}

fn formats() -> String {
    Format::ALL.map(Format::name).join(", ")
}

/// Errors, and tokens, that are told one by one; the counts are whole.
pub(crate) const LISTED: usize = 10_000;

/// What is to be known of the tokens behind those that are told one by one: of how many of them each thing is.
#[derive(Default)]
pub(crate) struct More(BTreeMap<String, usize>);

impl More {
    pub(crate) fn count(&mut self, text: impl Into<String>) {
        *self.0.entry(text.into()).or_default() += 1;
    }

    pub(crate) fn tell(&self, output: &Output) {
        for (text, tokens) in &self.0 {
            output.remark(format!("warning: {tokens} more tokens: {text}"));
        }
    }
}

/// Most bytes of what is no regular file: it comes once, and is held in memory.
const LONGEST_HELD: usize = 64 << 20;

/// A file that can be read more than once, whatever its name leads to meanwhile.
pub(crate) struct Input<'a> {
    path: &'a Path,
    content: Content,
    length: u64,
}

#[derive(Clone)]
enum Content {
    File(Rc<File>),
    /// Of a pipe.
    Held(Rc<Zeroizing<Vec<u8>>>),
}

impl<'a> Input<'a> {
    pub(crate) fn of(path: &'a Path) -> Result<Self, Failure> {
        let unreadable = |error: io::Error| Failure::file(format!("cannot read {}: {error}", path.display()));
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_file() {
            return Ok(Self { path, content: Content::File(Rc::new(file)), length: metadata.len() });
        }
        let held = hold(file, LONGEST_HELD).map_err(unreadable)?.ok_or_else(|| {
            let message = format!("{} is no regular file, and has more than 64 MiB", path.display());
            Failure::file(message).hint("write it into a file first, readable by you alone")
        })?;
        let length = held.len() as u64;
        Ok(Self { path, content: Content::Held(Rc::new(held)), length })
    }
}

/// All that a pipe gives, `None` when that is more than `longest`; every copy is wiped, also those that it grew out of.
fn hold(mut pipe: impl Read, longest: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut held = Zeroizing::new(vec![0; 64 << 10]);
    let mut length = 0;
    loop {
        if length == held.len() {
            let mut grown = Zeroizing::new(vec![0; 2 * length]);
            grown[..length].copy_from_slice(&held);
            held = grown;
        }
        match pipe.read(&mut held[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if length > longest {
            return Ok(None);
        }
    }
    held.truncate(length);
    Ok(Some(held))
}

/// A file whose tokens are being read.
pub(crate) struct Opened {
    pub(crate) records: Records<'static>,
    length: u64,
    read: Rc<Cell<u64>>,
}

impl Source {
    /// The files that open it.
    pub(crate) fn files(&self) -> [&Option<PathBuf>; 2] {
        [&self.password_file, &self.key_file]
    }

    /// The keys that open the file, and how it is read.
    pub(crate) fn keys(&self, output: &Output) -> Result<Options, Failure> {
        let mut options = Options { account: self.account.clone(), ..Options::default() };
        if self.accept_guessable {
            options.weak = WeakSecrets::AcceptGuessable;
        }
        options.pskc.key = match (&self.password_file, &self.key_file) {
            (Some(path), _) => PskcKey::Password(files::read_secret(path, output)?),
            (None, Some(path)) => PskcKey::PreShared(Self::key(path, output)?),
            (None, None) => PskcKey::None,
        };
        Ok(options)
    }

    /// A key in a file, in hexadecimal digits.
    pub(crate) fn key(path: &Path, output: &Output) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let secret = files::read_secret(path, output)?;
        from_hex(&secret)
            .ok_or_else(|| Failure::usage(format!("{} holds no hexadecimal digits", path.display())))
    }

    /// Reads a file from its beginning; it may be read again.
    pub(crate) fn open(&self, input: &Input<'_>, options: &Options) -> Result<Opened, Failure> {
        let read = Rc::new(Cell::new(0));
        let counted = Counted { content: input.content.clone(), read: read.clone() };
        let records =
            zamok_exchange::open(counted, self.format.0, options).map_err(|error| Told(error, input.path))?;
        if self.format.0.is_none() {
            tracing::info!(format = records.format().name(), "the format was recognised");
        }
        Ok(Opened { records, length: input.length, read })
    }
}

/// The bytes that pairs of hexadecimal digits stand for, blanks around them aside; one at least.
pub(crate) fn from_hex(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (pairs, rest) = text.trim_ascii().as_chunks::<2>();
    if !rest.is_empty() || pairs.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Zeroizing::new(Vec::with_capacity(pairs.len()));
    for [high, low] in pairs {
        bytes.push(digit(*high)? << 4 | digit(*low)?);
    }
    Some(bytes)
}

/// One reading of a file, which counts how far it came.
struct Counted {
    content: Content,
    read: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let place = self.read.get();
        let len = match &self.content {
            Content::File(file) => file.read_at(out, place)?,
            Content::Held(bytes) => {
                let rest = usize::try_from(place).ok().and_then(|place| bytes.get(place..));
                rest.unwrap_or_default().read(out)?
            }
        };
        self.read.set(place.saturating_add(len as u64));
        Ok(len)
    }
}

/// A bar on the terminal; nothing elsewhere.
pub(crate) struct Progress {
    length: u64,
    read: Rc<Cell<u64>>,
    shown: Option<Instant>,
    is_shown: bool,
}

impl Progress {
    const WIDTH: u64 = 30;
    const PAUSE: Duration = Duration::from_millis(100);

    pub(crate) fn new(opened: &Opened, output: &Output) -> Self {
        let is_shown = !output.is_for_programs() && io::stderr().is_terminal();
        Self { length: opened.length, read: opened.read.clone(), shown: None, is_shown }
    }

    pub(crate) fn advance(&mut self, tokens: usize) {
        if !self.is_shown || self.shown.is_some_and(|shown| shown.elapsed() < Self::PAUSE) {
            return;
        }
        self.shown = Some(Instant::now());
        let done = bar(self.read.get(), self.length, Self::WIDTH);
        // Without standard error there is nobody to show it to.
        let _ = write!(io::stderr().lock(), "\r[{done}] {tokens} tokens");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}

fn bar(read: u64, length: u64, width: u64) -> String {
    let full = read.min(length).saturating_mul(width).checked_div(length).unwrap_or(width);
    (0..width).map(|place| if place < full { '#' } else { '.' }).collect()
}

/// An error of a file, told with the file's name.
pub(crate) struct Told<'a>(pub(crate) ExchangeError, pub(crate) &'a Path);

impl From<Told<'_>> for Failure {
    fn from(Told(error, path): Told<'_>) -> Self {
        let name = match error.fault() {
            Fault::Token(error) => Self::from(error).name,
            fault => fault.name().unwrap_or("other"),
        };
        let failure = Self {
            exit: Exit::Files,
            code: error.code(),
            name,
            message: format!("{}: {error}", path.display()),
            hint: None,
            is_silent: false,
            is_afterwards: false,
        };
        match error.code() {
            705 => failure.hint(format!("name the format with --format: {}", formats())),
            713 | 714 => failure.hint("give --password-file or --key-file, as the issuer of the file says"),
            715 => failure.hint("check the password or key; if it is right, the file was altered"),
            _ => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_from_digits_of_both_cases_and_nothing_else() {
        assert_eq!(from_hex(b" 00fFA0\r\n").unwrap().as_slice(), [0, 255, 160]);
        for wrong in ["", "0", "0g", "+1", "é", "00 11"] {
            assert!(from_hex(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_comes_in_pieces_is_held_whole_up_to_the_limit() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|place| place.to_le_bytes()[0]).collect();
        let (first, rest) = bytes.split_at(70_001);
        let pieces = || first.chain(rest);
        assert_eq!(hold(pieces(), bytes.len()).unwrap().unwrap().as_slice(), bytes);
        assert!(hold(pieces(), bytes.len() - 1).unwrap().is_none());
        assert!(hold(io::empty(), 0).unwrap().unwrap().is_empty());
    }

    #[test]
    fn the_bar_is_full_at_the_end_and_never_longer() {
        assert_eq!(bar(0, 10, 4), "....");
        assert_eq!(bar(5, 10, 4), "##..");
        assert_eq!(bar(10, 10, 4), "####");
        assert_eq!(bar(u64::MAX, 10, 4), "####");
        assert_eq!(bar(0, 0, 4), "####");
    }
}
