//! `.google_authenticator`, the file of google-authenticator's PAM module: the secret, options, scratch codes.
//! <https://github.com/google/google-authenticator-libpam/blob/master/FILEFORMAT>

use std::fmt;

use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::Digits;
use zeroize::Zeroizing;

use crate::error::{ExchangeError, Fault, Position};
use crate::record::{By, TokenKind, TokenRecord, Warning, WeakSecrets};
use crate::text;

/// Most scratch codes; the module writes ten at most.
const SCRATCH_CODES: usize = 1024;

/// What one file holds.
#[derive(Clone)]
pub struct GooglePamFile {
    /// The token.
    pub record: TokenRecord,
    /// The scratch codes, each good for one login: kept apart, since they are no codes of the token.
    pub scratch_codes: Vec<Zeroizing<String>>,
}

impl fmt::Debug for GooglePamFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codes = self.scratch_codes.len();
        write!(f, "GooglePamFile({:?}, {codes} scratch codes, redacted)", self.record)
    }
}

/// Reads a file. It does not say whose it is: `account` does.
///
/// # Errors
/// An [`ExchangeError`] of the line that is not understood. Options that say nothing of the token are passed over.
pub fn read_google_pam(text: &str, account: &str, weak: WeakSecrets) -> Result<GooglePamFile, ExchangeError> {
    let fail = |fault, line| ExchangeError::file(fault, Position::Line(line));
    let mut lines = (1_u64..).zip(text.lines());
    let (number, first) = lines.next().ok_or(fail(Fault::Missing("the secret"), 1))?;
    let secret = text::from_base32(first.trim(), "the secret").map_err(|fault| fail(fault, number))?;
    let secret = weak.take(&secret).map_err(|error| fail(error.into(), number))?;

    let mut options = Found::default();
    let mut scratch_codes = Vec::new();
    for (number, line) in lines {
        if let Some(option) = line.strip_prefix('"') {
            options.take(option.trim()).map_err(|fault| fail(fault, number))?;
        } else if !line.trim().is_empty() {
            let code = line.trim();
            if code.len() != 8 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(fail(Fault::Malformed("a scratch code"), number));
            }
            if scratch_codes.len() == SCRATCH_CODES {
                let limit = SCRATCH_CODES as u64;
                return Err(fail(Fault::TooLong { what: "the number of scratch codes", limit }, number));
            }
            scratch_codes.push(Zeroizing::new(code.to_owned()));
        }
    }
    let by = match (options.counter, options.is_timed) {
        (Some(_), true) => return Err(fail(Fault::Conflict("HOTP_COUNTER and TOTP_AUTH"), 1)),
        (Some(counter), false) => By::Counter(counter),
        (None, true) => By::Time { period: options.period.unwrap_or(30) },
        (None, false) => return Err(fail(Fault::Missing("TOTP_AUTH or HOTP_COUNTER"), 1)),
    };
    let kind = TokenKind::moving(by, HashAlgorithm::Sha1, Digits::SIX);
    let mut kind = kind.map_err(|error| fail(error.into(), 1))?;
    if let TokenKind::Totp { drift, last_step, .. } = &mut kind {
        (*drift, *last_step) = (options.skew, options.last_step);
    }
    let mut record = TokenRecord::new(account, account, kind, secret);
    record.warn(Warning::PlainSecret);
    if options.is_timed && options.last_step.is_none() {
        record.warn(Warning::SpentUnknown);
    }
    if !scratch_codes.is_empty() {
        record.warn(Warning::RecoveryCodes);
    }
    WeakSecrets::mark(&mut record);
    Ok(GooglePamFile { record, scratch_codes })
}

#[derive(Default)]
struct Found {
    is_timed: bool,
    counter: Option<u64>,
    period: Option<u64>,
    skew: i32,
    last_step: Option<u64>,
}

impl Found {
    fn take(&mut self, option: &str) -> Result<(), Fault> {
        let mut words = option.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        let mut value = |what| words.next().ok_or(Fault::Missing(what));
        match name {
            "TOTP_AUTH" => self.is_timed = true,
            "HOTP_COUNTER" => {
                let counter = text::number(value("the counter")?, "the counter")?;
                if self.counter.replace(counter).is_some() {
                    return Err(Fault::Duplicate("HOTP_COUNTER"));
                }
            }
            "STEP_SIZE" => self.period = Some(text::number(value("the step size")?, "the step size")?),
            "TIME_SKEW" => self.skew = text::signed(value("the skew")?, "the skew")?,
            // The steps whose codes were used lately.
            "DISALLOW_REUSE" => {
                for word in words {
                    self.last_step = self.last_step.max(Some(text::number(word, "a used step")?));
                }
            }
            // RATE_LIMIT, WINDOW_SIZE, RESETTING_TIME_SKEW, LAST0 and what else the module keeps for itself.
            _ => {}
        }
        Ok(())
    }
}
