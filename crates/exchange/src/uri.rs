//! Files of `otpauth://` URIs, one a line, as `core::otp::uri` reads and writes them.

use std::io::Read;

use zamok_core::otp::{OtpKind, OtpUri, UriText};

use crate::error::{ExchangeError, Fault, Position, Scope};
use crate::record::{By, TokenKind, TokenRecord, Warning, WeakSecrets};
use crate::source::Lines;

/// The tokens of a file of URIs. Blank lines and lines that begin with `#` are passed over.
pub struct UriReader<R> {
    lines: Lines<R>,
    weak: WeakSecrets,
    done: bool,
}

impl<R: Read> UriReader<R> {
    /// Reads URIs, one a line.
    pub fn new(input: R, weak: WeakSecrets) -> Self {
        Self { lines: Lines::new(input), weak, done: false }
    }
}

impl<R: Read> Iterator for UriReader<R> {
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

impl<R> std::fmt::Debug for UriReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UriReader").field("weak", &self.weak).finish_non_exhaustive()
    }
}

fn read(line: &str, weak: WeakSecrets) -> Result<TokenRecord, Fault> {
    let uri = match weak {
        WeakSecrets::Refuse => OtpUri::parse(line),
        WeakSecrets::AcceptGuessable => OtpUri::parse_accepting_weak(line),
    }?;
    let by = match uri.kind() {
        OtpKind::Hotp { counter } => By::Counter(counter),
        OtpKind::Totp { period } => By::Time { period },
    };
    let kind = TokenKind::moving(by, uri.algorithm(), uri.digits())?;
    let mut record = TokenRecord::new("", uri.account(), kind, uri.secret().clone());
    record.issuer = uri.issuer().map(str::to_owned);
    record.warn(Warning::PlainSecret);
    if matches!(by, By::Time { .. }) {
        record.warn(Warning::SpentUnknown);
    }
    if uri.conflicting_issuer().is_some() {
        record.warn(Warning::ConflictingIssuer);
    }
    WeakSecrets::mark(&mut record);
    Ok(record)
}

/// Writes a token as a URI.
///
/// # Errors
/// [`Fault::Unrepresentable`] for OCRA; what [`OtpUri`] refuses: a T0, colons and control characters in names.
pub fn write_uri(record: &TokenRecord) -> Result<UriText, Fault> {
    let account = if record.account.is_empty() { &record.id } else { &record.account };
    let (issuer, secret) = (record.issuer.as_deref(), &record.secret);
    let uri = match record.kind {
        TokenKind::Hotp { parameters, counter } => OtpUri::hotp(issuer, account, secret, parameters, counter),
        TokenKind::Totp { parameters, .. } => OtpUri::totp(issuer, account, secret, parameters),
        TokenKind::Ocra { .. } => return Err(Fault::Unrepresentable("an OCRA suite")),
    };
    Ok(uri?.to_uri())
}
