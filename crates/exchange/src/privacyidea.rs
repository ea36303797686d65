//! privacyIDEA: the exports of `pi-tokenjanitor find … export` as CSV and as decrypted JSON, and the OATH CSV that it
//! imports. Its PSKC export is read as PSKC.

use std::io::Read;

use serde::Deserialize;
use serde::de::IgnoredAny;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::Digits;

use crate::error::{ExchangeError, Fault, Position, Scope};
use crate::keycloak::{SecretText, json_error};
use crate::record::{By, TokenKind, TokenRecord, Warning, WeakSecrets};
use crate::source::{self, Lines};
use crate::text::{self, Bytes};

/// Reads CSV, either `owner, serial, key, type, digits[, period]` as privacyIDEA exports it, or
/// `serial, key[, type[, digits[, period]]]` as it imports it, which `# version: 2` precedes with user, resolver, realm.
pub fn read_privacyidea_csv<R: Read>(
    input: R,
    weak: WeakSecrets,
) -> impl Iterator<Item = Result<TokenRecord, ExchangeError>> {
    let mut lines = Lines::new(input);
    let (mut has_users, mut done) = (false, false);
    std::iter::from_fn(move || {
        while !done {
            match lines.next()? {
                Ok((number, line)) => {
                    let line = line.trim();
                    if let Some(comment) = line.strip_prefix('#') {
                        let version = comment.trim().strip_prefix("version:").map(str::trim);
                        has_users = has_users || (number == 1 && version == Some("2"));
                    } else if !line.is_empty() {
                        let record = line_of_csv(line, has_users, weak);
                        let at = Position::Line(number);
                        return Some(record.map_err(|fault| ExchangeError::entry(fault, at)));
                    }
                }
                Err(error) => {
                    done = error.scope() == Scope::File;
                    return Some(Err(error));
                }
            }
        }
        None
    })
}

fn is_type(field: Option<&&str>) -> bool {
    field.is_some_and(|field| ["hotp", "totp"].iter().any(|kind| field.eq_ignore_ascii_case(kind)))
}

fn line_of_csv(line: &str, has_users: bool, weak: WeakSecrets) -> Result<TokenRecord, Fault> {
    let fields: Vec<&str> = line.splitn(32, ',').map(|field| field.trim().trim_matches('"')).collect();
    let (account, fields) = if has_users {
        let (user, fields) = fields.split_at_checked(3).ok_or(Fault::Missing("the user"))?;
        let account =
            if user[2].is_empty() { user[0].to_owned() } else { format!("{}@{}", user[0], user[2]) };
        (account, fields)
    } else if is_type(fields.get(3)) && !is_type(fields.get(2)) {
        let owner = if fields[0] == "n/a" { "" } else { fields[0] };
        (owner.to_owned(), &fields[1..])
    } else {
        (String::new(), &fields[..])
    };
    let serial =
        fields.first().filter(|serial| !serial.is_empty()).ok_or(Fault::Missing("the serial number"))?;
    let key = secret(fields.get(1).filter(|key| !key.is_empty()).ok_or(Fault::Missing("the secret"))?)?;
    let kind = fields.get(2).copied().unwrap_or("hotp").to_ascii_lowercase();
    let number = |place: usize, what, usual: u64| match fields.get(place) {
        None | Some(&("" | "None")) => Ok(usual),
        Some(text) => text::number(text, what),
    };
    let digits = digits(number(3, "the digits", 6)?)?;
    let mut warnings = vec![Warning::PlainSecret, Warning::SpentUnknown];
    let by = match kind.as_str() {
        "hotp" => By::Counter(0),
        "totp" => By::Time { period: number(4, "the period", 30)? },
        _ => return Err(Fault::NotOneTime),
    };
    if key.len() != HashAlgorithm::Sha1.output_len() {
        warnings.push(Warning::HashAssumed);
    }
    let kind = TokenKind::moving(by, HashAlgorithm::Sha1, digits)?;
    let mut record = TokenRecord::new(*serial, account, kind, weak.take(&key)?);
    record.warnings = warnings;
    WeakSecrets::mark(&mut record);
    Ok(record)
}

fn digits(number: u64) -> Result<Digits, Fault> {
    Ok(Digits::new(u8::try_from(number).map_err(|_| Fault::Number("the digits"))?)?)
}

/// Hexadecimal, or base32 where the export was made with `--b32`.
fn secret(text: &str) -> Result<Bytes, Fault> {
    let is_hexadecimal = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hexadecimal { text::hexadecimal(text, "the secret") } else { text::from_base32(text, "the secret") }
}

/// A token of the JSON export. Versions differ in the names of a few fields.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Token {
    serial: Option<String>,
    #[serde(alias = "tokentype")]
    r#type: Option<String>,
    otpkey: Option<SecretText>,
    otplen: Option<u64>,
    #[serde(alias = "counter")]
    count: Option<u64>,
    owner: Option<String>,
    username: Option<String>,
    active: Option<bool>,
    #[serde(alias = "info", alias = "tokeninfo")]
    info_list: Option<Info>,
}

/// Values of the token's info are text, in some versions numbers.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Info {
    #[serde(rename = "timeStep")]
    time_step: Option<serde_json::Value>,
    #[serde(rename = "timeShift")]
    time_shift: Option<serde_json::Value>,
    hashlib: Option<String>,
}

/// Reads the JSON inside of an export: a list of tokens. The export itself is encrypted; `pi-tokenjanitor` shows its key.
///
/// # Errors
/// [`Fault::Cut`], [`Fault::Malformed`] with their line; [`Fault::Unsupported`] for an export that is still encrypted;
/// [`Fault::TooLong`] for more than 100,000 tokens;
/// what is wrong with one token is told in its place.
pub fn read_privacyidea_json(
    text: &str,
    weak: WeakSecrets,
) -> Result<Vec<Result<TokenRecord, ExchangeError>>, ExchangeError> {
    if text.trim_start().starts_with("gAAAA") {
        let fault = Fault::Unsupported("an export of privacyIDEA that is still encrypted");
        return Err(ExchangeError::file(fault, Position::Whole));
    }
    // Counted first, which takes no memory.
    let counted: Vec<IgnoredAny> = serde_json::from_str(text).map_err(|error| json_error(&error))?;
    source::bounded(counted.len())?;
    let tokens: Vec<Token> = serde_json::from_str(text).map_err(|error| json_error(&error))?;
    let place = |(number, token): (u64, &Token)| {
        record(token, weak).map_err(|fault| ExchangeError::entry(fault, Position::Entry(number)))
    };
    Ok((1..).zip(&tokens).map(place).collect())
}

fn record(token: &Token, weak: WeakSecrets) -> Result<TokenRecord, Fault> {
    let serial = token.serial.as_deref().ok_or(Fault::Missing("the serial number"))?;
    let kind = token.r#type.as_deref().ok_or(Fault::Missing("the type"))?.to_ascii_lowercase();
    let info = token.info_list.as_ref();
    let by = match kind.as_str() {
        "hotp" => By::Counter(token.count.ok_or(Fault::Missing("the counter"))?),
        "totp" => {
            let step = info.and_then(|info| info.time_step.as_ref());
            By::Time { period: step.map_or(Ok(30), |step| text::number(&plain(step), "the period"))? }
        }
        _ => return Err(Fault::NotOneTime),
    };
    let hash = info.and_then(|info| info.hashlib.as_deref()).filter(|hash| !hash.is_empty());
    let algorithm = hash.map_or(Ok(HashAlgorithm::Sha1), text::algorithm)?;
    let key = secret(&token.otpkey.as_ref().ok_or(Fault::Missing("the secret"))?.0)?;
    let mut kind = TokenKind::moving(by, algorithm, digits(token.otplen.unwrap_or(6))?)?;
    if let TokenKind::Totp { parameters, drift, last_step } = &mut kind {
        // privacyIDEA keeps the next step that it would accept, and the shift in seconds.
        *last_step = token.count.and_then(|next| next.checked_sub(1));
        let shift = info.and_then(|info| info.time_shift.as_ref()).map(plain);
        // Written as a fraction by some versions; the fraction of a second is dropped.
        let seconds = shift.as_deref().map(|shift| shift.split('.').next().unwrap_or_default().to_owned());
        let seconds = seconds.map_or(Ok(0), |seconds| text::signed(&seconds, "the time shift"))?;
        *drift = i32::try_from(i64::from(seconds) / i64::try_from(parameters.period).unwrap_or(i64::MAX))
            .unwrap_or(0);
    }
    let owner = token.owner.as_deref().or(token.username.as_deref()).filter(|owner| *owner != "n/a");
    let mut record = TokenRecord::new(serial, owner.unwrap_or_default(), kind, weak.take(&key)?);
    record.warn(Warning::PlainSecret);
    if token.active == Some(false) {
        record.warn(Warning::Disabled);
    }
    WeakSecrets::mark(&mut record);
    Ok(record)
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
