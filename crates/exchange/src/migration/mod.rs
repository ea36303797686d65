//! Google Authenticator's export: `otpauth-migration://offline?data=`, a protobuf in base64, in one or several parts.
//!
//! The format is not documented by its maker; numbers and names are those on which the programs that read it agree
//! (`docs/formats/exchange.md`).

mod wire;

use std::collections::BTreeMap;

use subtle::ConstantTimeEq;
use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::Digits;
use zeroize::Zeroizing;

use self::wire::{Field, Fields, put_bytes, put_number};
use crate::error::{ExchangeError, Fault, Position};
use crate::record::{By, TokenKind, TokenRecord, Warning, WeakSecrets};
use crate::{source, text};

const SCHEME: &str = "otpauth-migration://offline?";
/// Most parts of one export.
const PARTS: u32 = 1024;
/// Tokens in one part, as the app writes them: what a phone's camera still reads.
const TOKENS_PER_PART: usize = 10;
/// The app's only period.
const PERIOD: u64 = 30;

/// An export that is gathered part by part, in any order, as its QR codes are scanned.
#[derive(Default)]
pub struct Migration {
    batch: Option<Batch>,
    /// The tokens of each part, as they stand.
    parts: BTreeMap<u32, Zeroizing<Vec<u8>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Batch {
    id: u64,
    size: u32,
}

impl Migration {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a part. The same part twice is no error: QR codes are scanned twice.
    ///
    /// # Errors
    /// [`Fault::Format`], [`Fault::Encoding`], [`Fault::Malformed`], [`Fault::Cut`] for what is no such URI;
    /// [`Fault::PartsMixed`], [`Fault::PartTwice`].
    pub fn add(&mut self, uri: &str) -> Result<(), Fault> {
        self.put(Part::read(uri)?)
    }

    fn put(&mut self, part: Part) -> Result<(), Fault> {
        if *self.batch.get_or_insert(part.batch) != part.batch {
            return Err(Fault::PartsMixed);
        }
        match self.parts.get(&part.index) {
            Some(known) if bool::from(known.ct_eq(&part.payload)) => Ok(()),
            Some(_) => Err(Fault::PartTwice(part.index + 1)),
            None => {
                self.parts.insert(part.index, part.payload);
                Ok(())
            }
        }
    }

    /// The parts that are still missing, counted from 1.
    #[must_use]
    pub fn missing(&self) -> Vec<u32> {
        let size = self.batch.map_or(0, |batch| batch.size);
        (0..size).filter(|index| !self.parts.contains_key(index)).map(|index| index + 1).collect()
    }

    /// The tokens of a complete export.
    ///
    /// # Errors
    /// [`Fault::PartMissing`]; [`Fault::TooLong`] for more than 100,000 tokens; what is wrong with one token is told in its
    /// place.
    pub fn finish(
        &self,
        weak: WeakSecrets,
    ) -> Result<Vec<Result<TokenRecord, ExchangeError>>, ExchangeError> {
        let mut records = Vec::new();
        self.append(weak, Position::Whole, &mut records)?;
        Ok(records)
    }

    /// Appends the tokens of a complete export, that stands at a place, to those of others.
    fn append(
        &self,
        weak: WeakSecrets,
        at: Position,
        records: &mut Vec<Result<TokenRecord, ExchangeError>>,
    ) -> Result<(), ExchangeError> {
        let fail = |fault| ExchangeError::file(fault, at);
        let batch = self.batch.ok_or(fail(Fault::Missing("the first part")))?;
        if let Some(index) = self.missing().first() {
            return Err(fail(Fault::PartMissing { index: *index, parts: batch.size }));
        }
        for payload in self.parts.values() {
            let mut fields = Fields::new(payload);
            while let Some((number, field)) = fields.next().map_err(fail)? {
                if number == 1 {
                    source::bounded(records.len() + 1)?;
                    let at = Position::Entry(records.len() as u64 + 1);
                    let record = field.bytes().and_then(|bytes| token(bytes, weak));
                    records.push(record.map_err(|fault| ExchangeError::entry(fault, at)));
                }
            }
        }
        Ok(())
    }
}

/// A part that was read: its index, and of which export it is.
struct Part {
    batch: Batch,
    index: u32,
    payload: Zeroizing<Vec<u8>>,
}

impl Part {
    fn read(uri: &str) -> Result<Self, Fault> {
        let uri = uri.trim();
        let not_it = Fault::Format("an otpauth-migration URI");
        let (scheme, query) = uri.split_at_checked(SCHEME.len()).ok_or(not_it)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(not_it);
        }
        let mut data = query.split('&').filter_map(|pair| pair.strip_prefix("data="));
        let text = data.next().ok_or(Fault::Missing("the parameter data"))?;
        if data.next().is_some() {
            return Err(Fault::Duplicate("the parameter data"));
        }
        let payload = text::base64(&unescape(text)?, "the payload")?;
        let (index, batch) = header(&payload)?;
        Ok(Self { batch, index, payload })
    }
}

impl std::fmt::Debug for Migration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Migration({} parts, redacted)", self.parts.len())
    }
}

/// The index of a part and the batch it belongs to. An export without a size has one part.
fn header(payload: &[u8]) -> Result<(u32, Batch), Fault> {
    let (mut size, mut index, mut id) = (1, 0, 0);
    let mut fields = Fields::new(payload);
    while let Some((number, field)) = fields.next()? {
        match number {
            3 => size = field.number()?.max(1),
            4 => index = field.number()?,
            5 => id = field.number()?,
            // 1 is a token; 2 the version, of which all that were ever seen are alike.
            _ => {}
        }
    }
    let size = u32::try_from(size).ok().filter(|size| *size <= PARTS);
    let size = size.ok_or(Fault::TooLong { what: "the number of parts", limit: PARTS.into() })?;
    let index = u32::try_from(index).ok().filter(|index| *index < size);
    Ok((index.ok_or(Fault::Number("the index of a part"))?, Batch { id, size }))
}

/// Percent-decoding (RFC 3986 §2.1). `+` stays: it is a character of base64, and a blank is none, so a blank that
/// somebody made of it becomes one again.
fn unescape(text: &str) -> Result<Zeroizing<String>, Fault> {
    let wrong = Fault::Encoding { what: "the payload", encoding: "base64" };
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let plain = match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or(wrong);
                u8::try_from(digit()? << 4 | digit()?).map_err(|_| wrong)?
            }
            b' ' => b'+',
            other => other,
        };
        if !plain.is_ascii() {
            return Err(wrong);
        }
        out.push(char::from(plain));
    }
    Ok(out)
}

fn token(bytes: &[u8], weak: WeakSecrets) -> Result<TokenRecord, Fault> {
    let (mut secret, mut name, mut issuer) = (None, None, None);
    let (mut algorithm, mut digits, mut kind, mut counter) = (0, 0, 0, 0);
    let mut fields = Fields::new(bytes);
    let once = |place: &mut Option<_>, field: Field<'_>, what| {
        if place.replace(field.bytes().map(<[u8]>::len)?).is_some() {
            Err(Fault::Duplicate(what))
        } else {
            Ok(())
        }
    };
    let mut seen = None;
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => {
                once(&mut seen, field, "the secret")?;
                secret = Some(field.bytes()?);
            }
            2 => name = Some(field.text()?),
            3 => issuer = Some(field.text()?),
            4 => algorithm = field.number()?,
            5 => digits = field.number()?,
            6 => kind = field.number()?,
            7 => counter = field.number()?,
            // 8 is an identifier of the app's own; others may come.
            _ => {}
        }
    }
    let algorithm = match algorithm {
        // Unspecified is what the app itself makes of a URI without an algorithm.
        0 | 1 => HashAlgorithm::Sha1,
        2 => HashAlgorithm::Sha256,
        3 => HashAlgorithm::Sha512,
        4 => return Err(Fault::Unsupported("MD5")),
        _ => return Err(Fault::Unsupported("this hash")),
    };
    let digits = match digits {
        0 | 1 => Digits::SIX,
        2 => Digits::EIGHT,
        3 => Digits::new(7)?,
        _ => return Err(Fault::Number("the digits")),
    };
    let by = match kind {
        1 => By::Counter(
            i64::try_from(counter).map_err(|_| Fault::Number("the counter")).map(i64::cast_unsigned)?,
        ),
        0 | 2 => By::Time { period: PERIOD },
        _ => return Err(Fault::Unsupported("this type of token")),
    };
    let secret = weak.take(secret.ok_or(Fault::Missing("the secret"))?)?;
    let issuer = issuer.map(str::trim).filter(|issuer| !issuer.is_empty());
    let name = name.unwrap_or_default().trim();
    // The name repeats the issuer, as the label of a URI does.
    let behind = issuer.and_then(|issuer| name.strip_prefix(issuer)?.trim_start().strip_prefix(':'));
    let (label, account) = match (behind, name.split_once(':')) {
        // An issuer with a colon in it.
        (Some(account), _) => (issuer, account.trim()),
        (None, Some((label, account))) => (Some(label.trim()), account.trim()),
        (None, None) => (None, name),
    };
    let mut record = TokenRecord::new("", account, TokenKind::moving(by, algorithm, digits)?, secret);
    record.issuer = issuer.or(label).map(str::to_owned);
    record.warn(Warning::PlainSecret);
    if matches!(by, By::Time { .. }) {
        record.warn(Warning::SpentUnknown);
    }
    if issuer.zip(label).is_some_and(|(issuer, label)| issuer != label) {
        record.warn(Warning::ConflictingIssuer);
    }
    WeakSecrets::mark(&mut record);
    Ok(record)
}

/// Reads exports from text: their URIs, one a line, in any order. The number of its export is in each part, so that several exports can
/// stand in one text; their tokens come export by export. Blank lines and lines with `#` are passed over.
///
/// # Errors
/// Those of [`Migration::add`] with their line, and of [`Migration::finish`] with the line of the export's first part.
pub fn read_migration(
    text: &str,
    weak: WeakSecrets,
) -> Result<Vec<Result<TokenRecord, ExchangeError>>, ExchangeError> {
    let mut exports: Vec<(Position, Migration)> = Vec::new();
    let mut places = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let at = Position::Line(number);
        let fail = |fault| ExchangeError::file(fault, at);
        let part = Part::read(line).map_err(fail)?;
        let place = *places.entry(part.batch.id).or_insert(exports.len());
        if place == exports.len() {
            source::bounded(place + 1)?;
            exports.push((at, Migration::new()));
        }
        exports[place].1.put(part).map_err(fail)?;
    }
    let mut records = Vec::new();
    if exports.is_empty() {
        exports.push((Position::Whole, Migration::new()));
    }
    for (at, export) in &exports {
        export.append(weak, *at, &mut records)?;
    }
    Ok(records)
}

/// Writes an export as URIs of ten tokens each. `batch` is any number that tells this export from others.
///
/// # Errors
/// [`Fault::Unrepresentable`], with the token's place, for what the format cannot say: OCRA, a period other than 30
/// seconds, a T0, digits other than 6, 7 and 8, a counter beyond 2⁶³ − 1, more than 10,240 tokens.
pub fn write_migration(records: &[TokenRecord], batch: u32) -> Result<Vec<Zeroizing<String>>, ExchangeError> {
    let parts = records.chunks(TOKENS_PER_PART).len();
    if parts > PARTS as usize {
        let fault = Fault::TooLong { what: "the number of parts", limit: PARTS.into() };
        return Err(ExchangeError::file(fault, Position::Whole));
    }
    let mut uris = Vec::with_capacity(parts);
    for (index, chunk) in records.chunks(TOKENS_PER_PART).enumerate() {
        let mut payload = Zeroizing::new(Vec::with_capacity(16 * 1024));
        for (place, record) in chunk.iter().enumerate() {
            let at = Position::Entry((index * TOKENS_PER_PART + place) as u64 + 1);
            let token = put_token(record).map_err(|fault| ExchangeError::entry(fault, at))?;
            put_bytes(&mut payload, 1, &token);
        }
        put_number(&mut payload, 2, 1);
        put_number(&mut payload, 3, parts as u64);
        put_number(&mut payload, 4, index as u64);
        put_number(&mut payload, 5, u64::from(batch & 0x7fff_ffff));
        let base64 = text::to_base64(&payload);
        let mut uri = Zeroizing::new(String::with_capacity(SCHEME.len() + 5 + base64.len() * 3));
        uri.push_str(SCHEME);
        uri.push_str("data=");
        for character in base64.chars() {
            match character {
                '+' => uri.push_str("%2B"),
                '/' => uri.push_str("%2F"),
                '=' => uri.push_str("%3D"),
                other => uri.push(other),
            }
        }
        uris.push(uri);
    }
    Ok(uris)
}

/// Whether the format can say a token.
pub(crate) fn fits(record: &TokenRecord) -> Result<(), Fault> {
    put_token(record).map(drop)
}

fn put_token(record: &TokenRecord) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let algorithm = match record.kind.algorithm() {
        HashAlgorithm::Sha1 => 1,
        HashAlgorithm::Sha256 => 2,
        HashAlgorithm::Sha512 => 3,
    };
    let digits = match record.kind.digits() {
        6 => 1,
        8 => 2,
        7 => 3,
        _ => return Err(Fault::Unrepresentable("digits other than 6, 7 and 8")),
    };
    let (kind, counter) = match record.kind {
        TokenKind::Hotp { counter, .. } if i64::try_from(counter).is_ok() => (1, counter),
        TokenKind::Hotp { .. } => return Err(Fault::Unrepresentable("a counter beyond 2^63 - 1")),
        TokenKind::Totp { parameters, .. } if parameters.period != PERIOD => {
            return Err(Fault::Unrepresentable("a period other than 30 seconds"));
        }
        TokenKind::Totp { parameters, .. } if parameters.t0 != UnixTime(0) => {
            return Err(Fault::Unrepresentable("a T0"));
        }
        TokenKind::Totp { .. } => (2, 0),
        TokenKind::Ocra { .. } => return Err(Fault::Unrepresentable("an OCRA suite")),
    };
    let account = if record.account.is_empty() { &record.id } else { &record.account };
    if account.contains(':') || account.len() > 1024 || record.issuer.as_ref().is_some_and(|i| i.len() > 1024)
    {
        return Err(Fault::Unrepresentable("an account with a colon, or names of more than 1024 bytes"));
    }
    let mut out = Zeroizing::new(Vec::with_capacity(4096));
    put_bytes(&mut out, 1, record.secret.expose());
    put_bytes(&mut out, 2, account.as_bytes());
    if let Some(issuer) = &record.issuer {
        put_bytes(&mut out, 3, issuer.as_bytes());
    }
    for (field, number) in [(4, algorithm), (5, digits), (6, kind), (7, counter)] {
        put_number(&mut out, field, number);
    }
    Ok(out)
}
