//! privacyIDEA: the exports of `pi-tokenjanitor find … export` as CSV and as decrypted JSON, and the OATH CSV that it
//! imports. Its PSKC export has its tags in small letters and is no PSKC.

use std::io::Read;

use serde::Deserialize;
use serde::de::IgnoredAny;
use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{Digits, OcraSuite};

use crate::error::{ExchangeError, Fault, Position, Scope};
use crate::keycloak::{SecretText, json_error};
use crate::record::{By, TokenKind, TokenRecord, Warning, WeakSecrets};
use crate::source::{self, Lines};
use crate::text::{self, Bytes, Zone};

/// Reads CSV, either `owner, serial, key, type, digits[, period]` as privacyIDEA exports it, or
/// `serial, key[, type[, digits[, period or counter]]]` or `serial, key, ocra[, suite]` as it imports it, which `# version: 2` precedes with
/// user, resolver, realm. The key's length says the hash.
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
    let is_export = !has_users && is_type(fields.get(3)) && !is_type(fields.get(2));
    let (account, fields) = if has_users {
        let (user, fields) = fields.split_at_checked(3).ok_or(Fault::Missing("the user"))?;
        (in_realm(user[0], user[2]), fields)
    } else if is_export {
        let owner = if fields[0] == "n/a" { "" } else { fields[0] };
        (owner.to_owned(), &fields[1..])
    } else {
        (String::new(), &fields[..])
    };
    let serial =
        fields.first().filter(|serial| !serial.is_empty()).ok_or(Fault::Missing("the serial number"))?;
    let key = secret(fields.get(1).filter(|key| !key.is_empty()).ok_or(Fault::Missing("the secret"))?)?;
    let kind = fields.get(2).copied().unwrap_or("hotp").to_ascii_lowercase();
    let number = |place: usize, what| match fields.get(place) {
        None | Some(&("" | "None")) => Ok(None),
        Some(text) => text::number(text, what).map(Some),
    };
    let mut warnings = vec![Warning::PlainSecret];
    let kind = if kind == "ocra" {
        warnings.push(Warning::SpentUnknown);
        ocra(fields.get(3).copied())?
    } else {
        let digits = digits(number(3, "the digits")?.unwrap_or(6))?;
        let counter = if kind == "hotp" { number(4, "the counter")? } else { None };
        let by = match kind.as_str() {
            "hotp" => By::Counter(counter.unwrap_or(0)),
            "totp" => By::Time { period: number(4, "the period")?.unwrap_or(30) },
            _ => return Err(Fault::NotOneTime),
        };
        if counter.is_none() {
            warnings.push(Warning::SpentUnknown);
        }
        // The import format says the hash by the key's length; the export does not say it.
        if is_export && key.len() != HashAlgorithm::Sha1.output_len() {
            warnings.push(Warning::HashAssumed);
        }
        TokenKind::moving(by, hash_for(&key)?, digits)?
    };
    let mut record = TokenRecord::new(*serial, account, kind, weak.take(&key)?);
    record.warnings = warnings;
    WeakSecrets::mark(&mut record);
    Ok(record)
}

/// As privacyIDEA's import has it: a key as long as a longer hash is for that hash.
fn hash_for(key: &[u8]) -> Result<HashAlgorithm, Fault> {
    if let 28 | 48 = key.len() {
        // SHA-224 and SHA-384.
        return Err(Fault::Unsupported("this hash"));
    }
    let fits = |algorithm: &HashAlgorithm| algorithm.output_len() == key.len();
    Ok(HashAlgorithm::ALL.into_iter().find(fits).unwrap_or(HashAlgorithm::Sha1))
}

/// The suite where none is said.
const USUAL_SUITE: &str = "OCRA-1:HOTP-SHA1-8:QH40";

fn ocra(suite: Option<&str>) -> Result<TokenKind, Fault> {
    let suite = OcraSuite::parse(suite.filter(|suite| !suite.is_empty()).unwrap_or(USUAL_SUITE))?;
    Ok(TokenKind::Ocra { suite, counter: suite.has_counter().then_some(0) })
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
    /// Tokens by counter have it twice, under both names.
    count: Option<u64>,
    counter: Option<u64>,
    user: Option<User>,
    owner: Option<String>,
    username: Option<String>,
    active: Option<bool>,
    revoked: Option<bool>,
    locked: Option<bool>,
    rollout_state: Option<String>,
    #[serde(rename = "_hashed_pin")]
    hashed_pin: Option<SecretText>,
    #[serde(alias = "info", alias = "tokeninfo")]
    info_list: Option<Info>,
}

impl Token {
    /// Whether privacyIDEA refuses its codes. A token whose rollout is not at its end may not have its whole secret yet.
    fn is_disabled(&self) -> bool {
        let is_enrolled = matches!(self.rollout_state.as_deref(), None | Some("" | "enrolled"));
        self.active == Some(false) || self.revoked == Some(true) || self.locked == Some(true) || !is_enrolled
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct User {
    login: Option<String>,
    realm: Option<String>,
}

impl User {
    fn name(&self) -> Option<String> {
        let login = self.login.as_deref().filter(|login| !login.is_empty())?;
        Some(in_realm(login, self.realm.as_deref().unwrap_or_default()))
    }
}

/// `user@realm`, as privacyIDEA writes an owner.
fn in_realm(user: &str, realm: &str) -> String {
    if realm.is_empty() { user.to_owned() } else { format!("{user}@{realm}") }
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
    ocrasuite: Option<String>,
    validity_period_start: Option<String>,
    validity_period_end: Option<String>,
    count_auth_max: Option<serde_json::Value>,
    count_auth_success_max: Option<serde_json::Value>,
}

impl Info {
    /// Whether it limits how often the token is used; 0 does not.
    fn is_limited(&self) -> bool {
        let limits = [&self.count_auth_max, &self.count_auth_success_max];
        limits.into_iter().flatten().any(|limit| !matches!(plain(limit).as_str(), "" | "0"))
    }
}

/// When a token's validity begins or ends: `2027-05-22T22:00+0200`, without seconds, and without a colon in the zone.
fn validity(text: Option<&str>) -> Result<Option<(UnixTime, Zone)>, Fault> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let whole = match (text.get(..16), text.get(16..19), text.get(19..)) {
        (Some(minute), Some(hours), Some(rest)) if hours.starts_with(['+', '-']) && rest.len() == 2 => {
            format!("{minute}:00{hours}:{rest}")
        }
        (Some(minute), None, None) if minute.len() == text.len() => format!("{minute}:00"),
        _ => text.to_owned(),
    };
    text::date(&whole, "the time of validity").map(Some)
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
    let counter = token.count.or(token.counter);
    let by = match kind.as_str() {
        "hotp" => Some(By::Counter(counter.ok_or(Fault::Missing("the counter"))?)),
        "totp" => {
            let step = info.and_then(|info| info.time_step.as_ref());
            Some(By::Time { period: step.map_or(Ok(30), |step| text::number(&plain(step), "the period"))? })
        }
        "ocra" => None,
        _ => return Err(Fault::NotOneTime),
    };
    let hash = info.and_then(|info| info.hashlib.as_deref()).filter(|hash| !hash.is_empty());
    let algorithm = hash.map_or(Ok(HashAlgorithm::Sha1), text::algorithm)?;
    let key = secret(&token.otpkey.as_ref().ok_or(Fault::Missing("the secret"))?.0)?;
    let mut kind = match by {
        Some(by) => TokenKind::moving(by, algorithm, digits(token.otplen.unwrap_or(6))?)?,
        None => ocra(info.and_then(|info| info.ocrasuite.as_deref()))?,
    };
    let is_spent_unknown = counter.is_none() || by.is_none();
    if let TokenKind::Totp { parameters, drift, last_step } = &mut kind {
        // privacyIDEA keeps the last step that it accepted, 0 before the first.
        *last_step = counter.filter(|step| *step > 0);
        let shift = info.and_then(|info| info.time_shift.as_ref()).map(plain);
        *drift = shift.map_or(Ok(0), |shift| steps(&shift, parameters.period))?;
    }
    let user = token.user.as_ref().and_then(User::name);
    let owner = token.owner.as_deref().or(token.username.as_deref()).filter(|owner| *owner != "n/a");
    let owner = user.or(owner.map(str::to_owned)).unwrap_or_default();
    let start = validity(info.and_then(|info| info.validity_period_start.as_deref()))?;
    let end = validity(info.and_then(|info| info.validity_period_end.as_deref()))?;
    let mut record = TokenRecord::new(serial, owner, kind, weak.take(&key)?);
    record.policy.start = start.map(|(time, _)| time);
    record.policy.expiry = end.map(|(time, _)| time);
    record.warn(Warning::PlainSecret);
    if [start, end].into_iter().flatten().any(|(_, zone)| zone == Zone::TakenAsUtc) {
        record.warn(Warning::LocalDate);
    }
    if is_spent_unknown {
        record.warn(Warning::SpentUnknown);
    }
    if token.is_disabled() {
        record.warn(Warning::Disabled);
    }
    if token.hashed_pin.as_ref().is_some_and(|pin| !pin.0.is_empty()) {
        record.warn(Warning::Pin);
    }
    if info.is_some_and(Info::is_limited) {
        record.warn(Warning::Transactions);
    }
    WeakSecrets::mark(&mut record);
    Ok(record)
}

/// A shift in seconds as steps. A check of a code keeps the beginning of the code's step less the moment: a whole number
/// of seconds, up to a period less than the drift. A resynchronisation keeps the time to the middle of the step, with a
/// fraction.
fn steps(shift: &str, period: u64) -> Result<i32, Fault> {
    let wrong = Fault::Number("the time shift");
    let (whole, fraction) = shift.trim().split_once('.').unwrap_or((shift, ""));
    let seconds = i64::from(text::signed(whole, "the time shift")?);
    let period = i64::try_from(period).map_err(|_| wrong)?;
    let steps = if fraction.bytes().all(|digit| digit == b'0') {
        -(-seconds).div_euclid(period)
    } else {
        let seconds = if whole.starts_with('-') { seconds - 1 } else { seconds };
        (seconds + period / 2).div_euclid(period)
    };
    i32::try_from(steps).map_err(|_| wrong)
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
