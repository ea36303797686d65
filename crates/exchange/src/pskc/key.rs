//! A `Key` of a PSKC container as a token (RFC 6030 §4, §5, §10; the TOTP and OCRA profiles).

use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{Digits, HotpParameters, OcraSuite, TotpParameters};

use super::header::Opener;
use super::xml::{Element, Space};
use crate::error::Fault;
use crate::record::{KeyUsage, PinPolicy, TokenKind, TokenPolicy, TokenRecord, Warning, WeakSecrets};
use crate::text::{self, Bytes, Zone};

/// The identifiers under which the profiles are known, without their last word.
const PROFILES: [&str; 3] = [
    "urn:ietf:params:xml:ns:keyprov:pskc:",
    "urn:ietf:params:xml:ns:keyprov:pskc#",
    "http://www.ietf.org/keyprov/pskc#",
];

/// The period of the TOTP profile where a file does not say it.
const USUAL_PERIOD: u64 = 30;

/// Reads one key of one device.
pub(super) fn record(
    package: &Element,
    key: &Element,
    opener: &mut Opener,
    weak: WeakSecrets,
) -> Result<TokenRecord, Fault> {
    let device = package.pskc("DeviceInfo")?;
    let of_device = |name: &'static str| device.map_or(Ok(None), |device| device.text_of(name));
    let key_id = key.attribute("Id").unwrap_or_default();
    let id = of_device("SerialNo")?.unwrap_or_else(|| key_id.to_owned());
    let profile = key.attribute("Algorithm").ok_or(Fault::Missing("Algorithm"))?;
    let profile = PROFILES.iter().find_map(|prefix| profile.strip_prefix(prefix));
    let profile = profile.ok_or(Fault::Unsupported("this algorithm profile"))?;
    // The drafts of the profiles have the suite in the place of the profile's name.
    let named = profile.get(..7).filter(|begin| begin.eq_ignore_ascii_case("OCRA-1:")).map(|_| profile);
    let profile = named.map_or_else(|| profile.to_ascii_lowercase(), |_| "ocra".to_owned());

    let friendly = key.children.iter().find(|child| child.is_pskc("FriendlyName"));
    let account = match key.text_of("UserId")? {
        Some(user) => Some(user),
        None => of_device("UserId")?,
    };
    let account = account.or_else(|| friendly.map(|name| name.text().to_owned())).unwrap_or_default();

    let mut warnings = Vec::new();
    // RFC 6030 §4.3.1: such dates tell one device from another, as those that are printed on a card. What limits the
    // key is its own policy (§5).
    if of_device("StartDate")?.is_some() || of_device("ExpiryDate")?.is_some() {
        warnings.push(Warning::DeviceDates);
    }
    if key.text_of("KeyProfileId")?.is_some() {
        warnings.push(Warning::KeyProfile);
    }
    let policy = match key.pskc("Policy")? {
        Some(policy) => read_policy(policy, &mut warnings)?,
        None => TokenPolicy::default(),
    };
    let (kind, is_hash_given) = kind(key, (&profile, named), opener, &mut warnings)?;
    policy.allows(&kind)?;
    let secret = value(key, "Secret", opener)?.ok_or(Fault::Missing("the secret"))?;
    if secret.is_plain {
        if opener.expects_encryption() {
            // A plain secret in place of an encrypted one would be somebody else's.
            return Err(Fault::Conflict("a plain secret where encryption is expected"));
        }
        warnings.push(Warning::PlainSecret);
    } else if opener.is_loose() {
        warnings.push(Warning::LooseMacKey);
    }
    let secret = match secret.is_plain {
        true => text::base64(secret.text()?, "the secret")?,
        false => secret.bytes,
    };
    let is_of_another_hash =
        |hash: HashAlgorithm| hash != HashAlgorithm::Sha1 && hash.output_len() == secret.len();
    if !is_hash_given && HashAlgorithm::ALL.into_iter().any(is_of_another_hash) {
        warnings.push(Warning::HashAssumed);
    }
    let mut record = TokenRecord::new(id, account, kind, weak.take(&secret)?);
    record.issuer = key.text_of("Issuer")?;
    record.policy = policy;
    record.warnings = warnings;
    WeakSecrets::mark(&mut record);
    Ok(record)
}

/// The kind, and whether the file says its hash; `named` is a suite that stands in the place of the profile.
fn kind(
    key: &Element,
    (profile, named): (&str, Option<&str>),
    opener: &mut Opener,
    warnings: &mut Vec<Warning>,
) -> Result<(TokenKind, bool), Fault> {
    if !matches!(profile, "hotp" | "totp" | "ocra") {
        return Err(if profile == "pin" {
            Fault::NotOneTime
        } else {
            Fault::Unsupported("this algorithm profile")
        });
    }
    let parameters = key.pskc("AlgorithmParameters")?;
    let suite = parameters.map_or(Ok(None), |parameters| parameters.text_of("Suite"))?;
    let counter = integer(key, "Counter", opener, warnings)?;
    if profile == "ocra" {
        let suite = match (&suite, named) {
            (Some(suite), Some(named)) if suite != named => return Err(Fault::Conflict("two suites")),
            (Some(suite), _) => suite.as_str(),
            (None, named) => named.ok_or(Fault::Missing("Suite"))?,
        };
        let suite = OcraSuite::parse(suite)?;
        let counter = suite.has_counter().then(|| counter.unwrap_or(0));
        return Ok((TokenKind::Ocra { suite, counter }, true));
    }
    let is_hash_given = suite.is_some();
    let algorithm = suite.map_or(Ok(HashAlgorithm::Sha1), |suite| text::algorithm(&suite))?;
    let format = parameters.map_or(Ok(None), |parameters| parameters.pskc("ResponseFormat"))?;
    let digits = format.map_or(Ok(Digits::SIX), digits)?;
    if profile == "hotp" {
        if counter.is_none() {
            warnings.push(Warning::SpentUnknown);
        }
        let parameters = HotpParameters { algorithm, digits };
        return Ok((TokenKind::Hotp { parameters, counter: counter.unwrap_or(0) }, is_hash_given));
    }
    // The profile has no place for the last step that was accepted.
    warnings.push(Warning::SpentUnknown);
    let period = match integer(key, "TimeInterval", opener, warnings)? {
        Some(period) => period,
        None => {
            warnings.push(Warning::PeriodAssumed);
            USUAL_PERIOD
        }
    };
    if period == 0 {
        return Err(zamok_core::Error::PeriodZero.into());
    }
    // RFC 6030 §4.3.4 counts in intervals from a start that the algorithm gives: 1970 for TOTP.
    let t0 = integer(key, "Time", opener, warnings)?.unwrap_or(0).checked_mul(period);
    let t0 = UnixTime(t0.ok_or(Fault::Number("Time"))?);
    if t0 != UnixTime(0) {
        warnings.push(Warning::T0);
    }
    let drift = match value(key, "TimeDrift", opener)? {
        Some(drift) if drift.is_plain => text::signed(drift.text()?, "TimeDrift")?,
        Some(drift) => {
            let number = encrypted_integer(&drift.bytes, "TimeDrift", warnings)?;
            i32::try_from(number).map_err(|_| Fault::Number("TimeDrift"))?
        }
        None => 0,
    };
    let parameters = TotpParameters { algorithm, digits, period, t0 };
    Ok((TokenKind::Totp { parameters, drift, last_step: None }, is_hash_given))
}

fn digits(format: &Element) -> Result<Digits, Fault> {
    if format.attribute("Encoding").is_some_and(|encoding| encoding != "DECIMAL") {
        return Err(Fault::Unsupported("a response that is not decimal"));
    }
    // The schema has the second name, python-pskc and FreeIPA write the first as well.
    for name in ["CheckDigit", "CheckDigits"] {
        if !matches!(format.attribute(name).unwrap_or("false").to_ascii_lowercase().as_str(), "false" | "0") {
            return Err(Fault::Unsupported("a check digit in the response"));
        }
    }
    let Some(length) = format.attribute("Length") else { return Ok(Digits::SIX) };
    let length = text::number(length, "the response's length")?;
    let length = u8::try_from(length).map_err(|_| Fault::Number("the response's length"))?;
    Ok(Digits::new(length)?)
}

/// What stands in a data element: its text when it is plain, its bytes when it was encrypted.
struct Value {
    is_plain: bool,
    bytes: Bytes,
}

impl Value {
    fn text(&self) -> Result<&str, Fault> {
        std::str::from_utf8(&self.bytes).map_err(|_| Fault::Encoding { what: "a value", encoding: "UTF-8" })
    }
}

fn value(key: &Element, name: &'static str, opener: &mut Opener) -> Result<Option<Value>, Fault> {
    let Some(element) = key.pskc("Data")?.map_or(Ok(None), |data| data.pskc(name))? else { return Ok(None) };
    match (element.pskc("PlainValue")?, element.pskc("EncryptedValue")?) {
        (Some(_), Some(_)) => Err(Fault::Conflict("a value that is plain and encrypted")),
        (Some(plain), None) => {
            Ok(Some(Value { is_plain: true, bytes: Bytes::new(plain.text().as_bytes().to_vec()) }))
        }
        (None, Some(encrypted)) => {
            let bytes = opener.open(encrypted, element.pskc("ValueMAC")?)?;
            Ok(Some(Value { is_plain: false, bytes }))
        }
        (None, None) => Ok(None),
    }
}

fn integer(
    key: &Element,
    name: &'static str,
    opener: &mut Opener,
    warnings: &mut Vec<Warning>,
) -> Result<Option<u64>, Fault> {
    value(key, name, opener)?
        .map(|value| match value.is_plain {
            true => plain_integer(value.text()?, name, warnings),
            false => encrypted_integer(&value.bytes, name, warnings),
        })
        .transpose()
}

/// A plain integer: decimal, or in base64 decimal digits or 4 or 8 bytes in network order, as some writers have it.
fn plain_integer(value: &str, name: &'static str, warnings: &mut Vec<Warning>) -> Result<u64, Fault> {
    let fault = match text::number(value, name) {
        Err(fault) if !value.trim().bytes().all(|byte| byte.is_ascii_digit()) => fault,
        number => return number,
    };
    match text::base64(value, name) {
        Ok(bytes) if matches!(bytes.len(), 4 | 8) || is_decimal(&bytes) => {
            encrypted_integer(&bytes, name, warnings)
        }
        _ => Err(fault),
    }
}

fn is_decimal(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit)
}

fn from_bytes(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// An encrypted integer: decimal digits where all its bytes are that, else big-endian, as the known writers have it. No token is
/// likely to have come to a counter of four or eight bytes that all look like digits.
fn encrypted_integer(bytes: &[u8], name: &'static str, warnings: &mut Vec<Warning>) -> Result<u64, Fault> {
    if is_decimal(bytes) {
        if !warnings.contains(&Warning::AmbiguousNumber) && bytes.len() <= 8 {
            warnings.push(Warning::AmbiguousNumber);
        }
        return text::number(std::str::from_utf8(bytes).unwrap_or_default(), name);
    }
    if bytes.is_empty() || bytes.len() > 8 {
        return Err(Fault::Number(name));
    }
    Ok(from_bytes(bytes))
}

/// RFC 6030 §5: whatever is not understood here forbids the key's use.
fn read_policy(element: &Element, warnings: &mut Vec<Warning>) -> Result<TokenPolicy, Fault> {
    let mut policy = TokenPolicy::default();
    for child in &element.children {
        if child.space != Space::Pskc {
            return Err(Fault::PolicyUnknown);
        }
        let once = |is_there: bool| if is_there { Err(Fault::Duplicate("a policy")) } else { Ok(()) };
        let mut date = |what| {
            let (time, zone) = text::date(child.text(), what)?;
            if zone == Zone::TakenAsUtc && !warnings.contains(&Warning::LocalDate) {
                warnings.push(Warning::LocalDate);
            }
            Ok::<_, Fault>(time)
        };
        match child.name.as_str() {
            "StartDate" => {
                once(policy.start.is_some())?;
                policy.start = Some(date("StartDate")?);
            }
            "ExpiryDate" => {
                once(policy.expiry.is_some())?;
                policy.expiry = Some(date("ExpiryDate")?);
            }
            "KeyUsage" => {
                let usage = KeyUsage::from_word(child.text()).ok_or(Fault::PolicyUnknown)?;
                if !policy.usage.contains(&usage) {
                    policy.usage.push(usage);
                }
            }
            "NumberOfTransactions" => {
                once(policy.transactions.is_some())?;
                policy.transactions = Some(text::number(child.text(), "NumberOfTransactions")?);
                warnings.push(Warning::Transactions);
            }
            "PINPolicy" => {
                once(policy.pin.is_some())?;
                policy.pin = Some(read_pin(child)?);
                warnings.push(Warning::Pin);
            }
            _ => return Err(Fault::PolicyUnknown),
        }
    }
    Ok(policy)
}

fn read_pin(element: &Element) -> Result<PinPolicy, Fault> {
    if !element.children.is_empty() {
        return Err(Fault::PolicyUnknown);
    }
    let mut pin = PinPolicy::default();
    for (name, value) in element.attributes() {
        let text = || Some(value.to_owned());
        match name {
            "PINKeyId" => pin.key_id = text(),
            "PINUsageMode" => {
                if !["Local", "Prepend", "Append", "Algorithmic"].contains(&value) {
                    return Err(Fault::PolicyUnknown);
                }
                pin.mode = text();
            }
            "MaxFailedAttempts" => pin.max_failed = Some(text::number(value, "MaxFailedAttempts")?),
            "MinLength" => pin.min_length = Some(text::number(value, "MinLength")?),
            "MaxLength" => pin.max_length = Some(text::number(value, "MaxLength")?),
            "PINEncoding" => pin.encoding = text(),
            _ => return Err(Fault::PolicyUnknown),
        }
    }
    Ok(pin)
}
