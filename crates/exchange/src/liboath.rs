//! The usersfile of liboath and pam_oath: `HOTP/T30/6 user pin secret [counter [last-otp [time]]]`, one user a line.
//! <https://www.nongnu.org/oath-toolkit/liboath-api/liboath-oath.html#oath-authenticate-usersfile>

use std::io::Read;

use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{Digits, Hotp, HotpParameters};
use zamok_core::secret::Secret;
use zeroize::Zeroizing;

use crate::error::{ExchangeError, Fault, Position, Scope};
use crate::record::{By, TokenKind, TokenRecord, Warning, WeakSecrets};
use crate::source::Lines;
use crate::text;

/// The tokens of a usersfile.
pub struct LiboathReader<R> {
    lines: Lines<R>,
    weak: WeakSecrets,
    done: bool,
}

impl<R: Read> LiboathReader<R> {
    /// Reads a usersfile.
    pub fn new(input: R, weak: WeakSecrets) -> Self {
        Self { lines: Lines::new(input), weak, done: false }
    }
}

impl<R: Read> Iterator for LiboathReader<R> {
    type Item = Result<TokenRecord, ExchangeError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            match self.lines.next()? {
                Ok((_, line)) if line.trim().is_empty() || line.trim_start().starts_with('#') => {}
                Ok((number, line)) => {
                    let at = Position::Line(number);
                    return Some(read(line, self.weak).map_err(|fault| ExchangeError::entry(fault, at)));
                }
                Err(error) => {
                    self.done = error.scope() == Scope::File;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl<R> std::fmt::Debug for LiboathReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiboathReader").field("weak", &self.weak).finish_non_exhaustive()
    }
}

fn read(line: &str, weak: WeakSecrets) -> Result<TokenRecord, Fault> {
    let mut fields = line.split_ascii_whitespace();
    let (period, digits) = kind(fields.next().unwrap_or_default())?;
    let user = fields.next().ok_or(Fault::Missing("the user"))?;
    let pin = fields.next().ok_or(Fault::Missing("the PIN, or a hyphen"))?;
    let secret = fields.next().ok_or(Fault::Missing("the secret"))?;
    let secret = weak.take(&text::hexadecimal(secret, "the secret")?)?;
    let counter = fields.next().map(|counter| text::number(counter, "the counter")).transpose()?;
    let last = fields.next().map(|last| Zeroizing::new(last.to_owned()));
    let by = match period {
        Some(period) => By::Time { period },
        None => By::Counter(next_counter(&secret, digits, counter.unwrap_or(0), last.as_deref())?),
    };
    let kind = TokenKind::moving(by, HashAlgorithm::Sha1, digits)?;
    let mut record = TokenRecord::new(user, user, kind, secret);
    record.warn(Warning::PlainSecret);
    if pin != "-" {
        record.warn(Warning::Pin);
    }
    if last.is_some() && period.is_some() {
        record.warn(Warning::SpentUnknown);
    }
    WeakSecrets::mark(&mut record);
    Ok(record)
}

/// `HOTP`, `HOTP/E`, `HOTP/E/8`, `HOTP/T30`, `HOTP/T60/7`; for TOTP the period in seconds.
fn kind(text: &str) -> Result<(Option<u64>, Digits), Fault> {
    let mut parts = text.split('/');
    if parts.next() != Some("HOTP") {
        return Err(Fault::Unsupported("this type of token"));
    }
    let period = match parts.next() {
        None | Some("E") => None,
        Some(factor) => {
            let period = factor.strip_prefix('T').ok_or(Fault::Unsupported("this type of token"))?;
            Some(if period.is_empty() { 30 } else { text::number(period, "the period")? })
        }
    };
    let digits = match parts.next() {
        None => Digits::SIX,
        Some(digits) => {
            let digits = text::number(digits, "the digits")?;
            Digits::new(u8::try_from(digits).map_err(|_| Fault::Number("the digits"))?)?
        }
    };
    if parts.next().is_some() {
        return Err(Fault::Unsupported("this type of token"));
    }
    Ok((period, digits))
}

/// The counter of the next code. The file holds the counter of the last code beside that code: where the two belong
/// together, that counter is spent.
fn next_counter(secret: &Secret, digits: Digits, counter: u64, last: Option<&String>) -> Result<u64, Fault> {
    let Some(last) = last.filter(|last| last.as_str() != "-") else { return Ok(counter) };
    let hotp = Hotp::new(secret, HotpParameters { algorithm: HashAlgorithm::Sha1, digits });
    if hotp.code(counter).as_str() != last.as_str() {
        return Ok(counter);
    }
    counter.checked_add(1).ok_or(Fault::Token(zamok_core::Error::CounterExhausted))
}
