//! What an operation says, as bytes and as text (`docs/formats/operation.md`): what is shown comes from the same bytes
//! that are confirmed.
//!
//! A content is a template with the fields that fill it. The template's own text is part of the bytes, every field is
//! named by the template and shown, and amounts are integers: no field can be confirmed unseen, and no rounding comes
//! between what is seen and what is done.

use std::collections::BTreeMap;

use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error as CoreError, UnixTime, hash};

use crate::error::Error;
use crate::moment;

/// A sentence with gaps: `Pay {amount} to {payee}.`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its name: 1 to 64 of `a-z`, `0-9`, `-` and `.`.
    pub name: String,
    /// Its version: another text is another version.
    pub version: u16,
    /// The language of its text, as BCP 47 writes it: `ru`, `en-GB`.
    pub language: String,
    /// The text, with the name of a field in braces for each gap.
    pub text: String,
}

/// What fills a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// One line of text: 1 to 512 bytes without characters that cannot be seen or that turn the line around.
    Text(String),
    /// A whole number.
    Number(i64),
    /// An amount in the smallest unit of a currency.
    Amount {
        /// Hundredths for a currency with two places, and so on.
        minor: i64,
        /// Places after the point: 0 to 9.
        places: u8,
        /// ISO 4217: three upper-case letters.
        currency: [u8; 3],
    },
    /// A time, shown to the second in UTC.
    Time(UnixTime),
}

/// A template with every gap filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    template: Template,
    /// In order of names: one content has one encoding.
    fields: BTreeMap<String, Value>,
}

impl Content {
    const FORMAT: u8 = 1;
    /// Most fields of a template.
    pub const MOST_FIELDS: usize = 32;
    /// Longest encoding, and longest text, in bytes.
    pub const LONGEST: usize = 8192;

    /// Fills a template.
    ///
    /// # Errors
    /// [`Error::OperationUnusable`], which says what is wrong.
    pub fn new(template: Template, fields: impl IntoIterator<Item = (String, Value)>) -> Result<Self, Error> {
        let mut map = BTreeMap::new();
        for (name, value) in fields {
            if map.insert(name, value).is_some() {
                return Err(Error::OperationUnusable("a field is given twice"));
            }
        }
        let content = Self { template, fields: map };
        content.judge().and_then(|()| content.judge_length()).map_err(Error::OperationUnusable)?;
        Ok(content)
    }

    /// The template.
    #[must_use]
    pub const fn template(&self) -> &Template {
        &self.template
    }

    /// The fields, in order of their names.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    fn judge(&self) -> Result<(), &'static str> {
        let Template { name, language, text, .. } = &self.template;
        let plain = |text: &str, most, also: &[u8]| {
            (1..=most).contains(&text.len())
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || also.contains(&byte))
        };
        if !plain(name, 64, b"-.") {
            return Err("the template's name is none");
        }
        let tag = (2..=35).contains(&language.len())
            && language.split('-').all(|part| {
                (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
        if !tag {
            return Err("the language is no language tag");
        }
        if !can_be_seen(text) {
            return Err("the template's text is empty, or has characters that cannot be seen");
        }
        if self.fields.len() > Self::MOST_FIELDS || !self.fields.keys().all(|name| plain(name, 32, b"-")) {
            return Err("there are too many fields, or the name of one is none");
        }
        if !self.fields.values().all(Value::is_usable) {
            return Err("a field has characters that cannot be seen, or no currency");
        }
        let gaps: Vec<&str> = pieces(text)?.into_iter().filter_map(|piece| piece.err()).collect();
        let shown = self.fields.keys().all(|name| gaps.contains(&name.as_str()));
        if !shown || !gaps.iter().all(|gap| self.fields.contains_key(*gap)) {
            return Err("the template and the fields do not name the same gaps");
        }
        match self.encode() {
            Ok(bytes) if bytes.as_slice().len() <= Self::LONGEST => Ok(()),
            _ => Err("it is too long"),
        }
    }

    /// A gap may stand there often: what is shown is longer than the bytes that it comes from.
    fn judge_length(&self) -> Result<(), &'static str> {
        if self.text().len() <= Self::LONGEST { Ok(()) } else { Err("it is too long") }
    }

    /// The bytes of the content (`docs/formats/operation.md`).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode().expect("a content is judged when it is made").to_vec()
    }

    /// Reads the bytes of a content; nothing else than what [`Content::to_bytes`] writes is one.
    ///
    /// # Errors
    /// [`CoreError::Format`] for another version; [`CoreError::Refused`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let content = Self::decode(bytes)?;
        content.judge_length().map_err(|_| CoreError::Refused)?;
        Ok(content)
    }

    fn encode(&self) -> Result<Writer, CoreError> {
        let Template { name, version, language, text } = &self.template;
        let mut writer = Writer::new();
        writer.u8(Self::FORMAT).text(name)?.u16(*version).text(language)?.text(text)?;
        writer.u8(u8::try_from(self.fields.len()).map_err(|_| CoreError::Refused)?);
        for (name, value) in &self.fields {
            writer.text(name)?;
            match value {
                Value::Text(text) => writer.u8(1).text(text)?,
                Value::Number(number) => writer.u8(2).raw(&number.to_be_bytes()),
                Value::Amount { minor, places, currency } => {
                    writer.u8(3).raw(&minor.to_be_bytes()).u8(*places).raw(currency)
                }
                Value::Time(time) => writer.u8(4).u64(time.0),
            };
        }
        Ok(writer)
    }

    /// Reads a content that is kept: what was proposed before its text had a limit must not be lost, nor look altered.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, CoreError> {
        let mut reader = Reader::new(bytes);
        let found = reader.u8()?;
        if found != Self::FORMAT {
            return Err(CoreError::Format { found: found.into(), supported: Self::FORMAT.into() });
        }
        let template = Template {
            name: reader.text()?.into(),
            version: reader.u16()?,
            language: reader.text()?.into(),
            text: reader.text()?.into(),
        };
        let mut fields = BTreeMap::new();
        for _ in 0..reader.u8()? {
            let name = reader.text()?.to_owned();
            let value = match reader.u8()? {
                1 => Value::Text(reader.text()?.into()),
                2 => Value::Number(i64::from_be_bytes(reader.array()?)),
                3 => Value::Amount {
                    minor: i64::from_be_bytes(reader.array()?),
                    places: reader.u8()?,
                    currency: reader.array()?,
                },
                4 => Value::Time(UnixTime(reader.u64()?)),
                _ => return Err(CoreError::Refused),
            };
            // Ascending names are the only order.
            if fields.last_key_value().is_some_and(|(last, _)| *last >= name) {
                return Err(CoreError::Refused);
            }
            fields.insert(name, value);
        }
        reader.end()?;
        let content = Self { template, fields };
        content.judge().map_err(|_| CoreError::Refused)?;
        Ok(content)
    }

    /// What is shown: the template with every gap filled.
    #[must_use]
    pub fn text(&self) -> String {
        let pieces = pieces(&self.template.text).unwrap_or_default();
        pieces
            .into_iter()
            .map(|piece| match piece {
                Ok(plain) => plain.to_owned(),
                Err(gap) => self.fields.get(gap).map(Value::text).unwrap_or_default(),
            })
            .collect()
    }

    /// What is confirmed: SHA-256 of the operation's id, its account and the bytes of the content.
    pub(crate) fn digest(&self, id: [u8; 16], account: [u8; 16]) -> [u8; 32] {
        hash::sha256(&[b"zamok/operation/v1", &id, &account, &self.to_bytes()])
    }
}

impl Value {
    fn is_usable(&self) -> bool {
        match self {
            Self::Text(text) => text.len() <= 512 && can_be_seen(text),
            Self::Amount { places, currency, .. } => {
                *places <= 9 && currency.iter().all(u8::is_ascii_uppercase)
            }
            Self::Number(_) => true,
            Self::Time(time) => time.0 <= moment::LAST,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Amount { minor, places, currency } => {
                let (sign, places) = (if *minor < 0 { "-" } else { "" }, usize::from(*places));
                let digits = format!("{:0>1$}", minor.unsigned_abs(), places + 1);
                let (whole, part) = digits.split_at(digits.len() - places);
                let point = if places > 0 { "." } else { "" };
                format!("{sign}{whole}{point}{part} {}", String::from_utf8_lossy(currency))
            }
            Self::Time(time) => moment::text(*time),
        }
    }
}

/// One line without characters that are invisible, that turn the line around, or that look like a space and are none
/// (RFC 8264, FreeformClass, as RFC 8265 §4.2 prepares it).
fn can_be_seen(text: &str) -> bool {
    !text.is_empty() && OpaqueString::enforce(text).is_ok_and(|normal| normal == text)
}

/// The plain text and the gaps of a template, in order: `Ok` is text, `Err` the name of a gap.
fn pieces(text: &str) -> Result<Vec<Result<&str, &str>>, &'static str> {
    const STRAY: &str = "a brace of the template belongs to no gap";
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('{') {
        let (gap, after) = after.split_once('}').ok_or(STRAY)?;
        if plain.contains('}') || gap.contains('{') {
            return Err(STRAY);
        }
        pieces.extend([Ok(plain), Err(gap)]);
        rest = after;
    }
    if rest.contains('}') {
        return Err(STRAY);
    }
    pieces.push(Ok(rest));
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> Template {
        Template { name: "payment".into(), version: 1, language: "en".into(), text: text.into() }
    }

    fn filled(text: &str, fields: &[(&str, Value)]) -> Result<Content, Error> {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Content::new(template(text), fields)
    }

    #[test]
    fn what_is_shown_is_the_template_with_every_gap_filled() {
        let roubles = |minor| Value::Amount { minor, places: 2, currency: *b"RUB" };
        for (value, text) in [
            (roubles(123_456), "1234.56 RUB"),
            (roubles(5), "0.05 RUB"),
            (roubles(-5), "-0.05 RUB"),
            (roubles(i64::MIN), "-92233720368547758.08 RUB"),
            (Value::Amount { minor: 7, places: 0, currency: *b"JPY" }, "7 JPY"),
            (Value::Number(-12), "-12"),
            (Value::Time(UnixTime(1_800_000_000)), "2027-01-15 08:00:00 UTC"),
            (Value::Text("Анна {b}".into()), "Анна {b}"),
        ] {
            let content = filled("Pay {a}, yes {a}.", &[("a", value)]).unwrap();
            assert_eq!(content.text(), format!("Pay {text}, yes {text}."));
            let bytes = content.encode().unwrap();
            assert_eq!(Content::decode(bytes.as_slice()).unwrap(), content);
        }
    }

    #[test]
    fn what_was_kept_before_its_text_had_a_limit_is_read_and_no_longer_made() {
        let field = ("a".to_owned(), Value::Text("x".repeat(512)));
        let content = Content { template: template(&"{a}".repeat(17)), fields: BTreeMap::from([field]) };
        assert_eq!(content.text().len(), Content::LONGEST + 512);
        let bytes = content.to_bytes();
        assert_eq!(Content::from_bytes(&bytes), Err(Error::Core(CoreError::Refused)));
        assert_eq!(Content::decode(&bytes), Ok(content), "it waits, or was executed");
    }

    #[test]
    fn nothing_is_confirmed_unseen() {
        let one = Value::Number(1);
        let text = |text: &str| Value::Text(text.into());
        let often = "{a}".repeat(17);
        assert!(filled(&often[3..], &[("a", text(&"x".repeat(512)))]).is_ok(), "as long as it may be");
        for (template, fields) in [
            ("Pay.", &[("hidden", one.clone())][..]),
            ("Pay {a}.", &[]),
            ("Pay {a} {b}.", &[("a", one.clone())]),
            ("Pay {a}}.", &[("a", one.clone())]),
            ("Pay {{a}.", &[("a", one.clone())]),
            ("Pay {a", &[("a", one.clone())]),
            ("", &[]),
            ("Two\nlines", &[]),
            ("Turned \u{202e}around", &[]),
            ("Pay {a}.", &[("a", text(""))]),
            ("Pay {a}.", &[("a", text("zero\u{200b}width"))]),
            ("Pay {a}.", &[("a", text("\u{202e}evil"))]),
            ("Pay {a}.", &[("a", text("no\u{a0}break"))]),
            ("Pay {a}.", &[("a", text(&"x".repeat(513)))]),
            (often.as_str(), &[("a", text(&"x".repeat(512)))]),
            ("Pay {a}.", &[("a", Value::Amount { minor: 1, places: 2, currency: *b"rub" })]),
            ("Pay {a}.", &[("a", Value::Amount { minor: 1, places: 10, currency: *b"RUB" })]),
            ("Pay {a}.", &[("a", one.clone()), ("a", one.clone())]),
            ("Pay {A}.", &[("A", one.clone())]),
        ] {
            let made = filled(template, fields);
            assert!(matches!(made, Err(Error::OperationUnusable(_))), "{template:?} {fields:?}");
        }
    }

    #[test]
    fn one_content_has_one_encoding_and_every_other_byte_is_another_content_or_none() {
        let content = filled("{a} {b}", &[("b", Value::Number(2)), ("a", Value::Number(1))]).unwrap();
        let same = filled("{a} {b}", &[("a", Value::Number(1)), ("b", Value::Number(2))]).unwrap();
        assert_eq!(content.encode().unwrap().as_slice(), same.encode().unwrap().as_slice());
        let bytes = content.encode().unwrap().to_vec();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.clone();
                other[place] ^= 1 << bit;
                if let Ok(read) = Content::decode(&other) {
                    assert_ne!(read, content);
                    assert_eq!(read.encode().unwrap().as_slice(), other, "another encoding of something");
                }
            }
            assert!(Content::decode(&bytes[..place]).is_err(), "cut at {place}");
        }
    }
}
