//! The signature base (RFC 9421 §2.5): the bytes that are signed, line by line, of a message and the components that its
//! signature covers.

use sfv::{BareItem, Dictionary, FieldType as _, InnerList, Item, ListEntry, Parser};
use zamok_core::wire::unhex;

use super::message::Message;
use crate::error::Error;

/// What a signature covers, and how: the inner list of `Signature-Input` (RFC 9421 §4.1).
#[derive(Clone, Debug, PartialEq)]
pub struct Covered(pub(super) InnerList);

impl Covered {
    /// Most components of one signature.
    const MOST: usize = 64;

    /// Reads the value of a member of `Signature-Input`: `("@method" …);created=…`.
    ///
    /// # Errors
    /// [`Error::Unsigned`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let unreadable = Error::Unsigned("Signature-Input cannot be read");
        let list: sfv::List = Parser::new(text).parse().map_err(|_| unreadable)?;
        match <[ListEntry; 1]>::try_from(list) {
            Ok([ListEntry::InnerList(list)]) => Self::of(list),
            _ => Err(unreadable),
        }
    }

    pub(super) fn of(list: InnerList) -> Result<Self, Error> {
        if list.items.len() > Self::MOST {
            return Err(Error::Unsigned("too many components are covered"));
        }
        for (index, item) in list.items.iter().enumerate() {
            if !matches!(item.bare_item, BareItem::String(_)) {
                return Err(Error::Unsigned("a component is no string"));
            }
            // §2.5, step 2.1: each component once; the order of parameters makes no difference.
            if list.items[..index].iter().any(|before| same(before, item)) {
                return Err(Error::Unsigned("a component is covered twice"));
            }
        }
        Ok(Self(list))
    }

    /// The value of `@signature-params` (§2.3).
    pub(super) fn params(&self) -> Result<String, Error> {
        let list: sfv::List = vec![ListEntry::InnerList(self.0.clone())];
        list.serialize().ok_or(Error::Unsigned("Signature-Input cannot be read"))
    }

    /// Whether a component is covered just as it is, without parameters.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.items.iter().any(|item| item.params.is_empty() && component(item) == Some(name))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.0.params.get(name)? {
            BareItem::String(text) => Some(text.as_str()),
            _ => None,
        }
    }

    pub(super) fn time(&self, name: &str) -> Option<u64> {
        match self.0.params.get(name)? {
            BareItem::Integer(time) => i64::from(*time).try_into().ok(),
            _ => None,
        }
    }

    pub(super) fn has_param(&self, name: &str) -> bool {
        self.0.params.contains_key(name)
    }
}

fn same(one: &Item, other: &Item) -> bool {
    one.bare_item == other.bare_item
        && one.params.len() == other.params.len()
        && one.params.iter().all(|(name, value)| other.params.get(name) == Some(value))
}

fn component(item: &Item) -> Option<&str> {
    match &item.bare_item {
        BareItem::String(name) => Some(name.as_str()),
        _ => None,
    }
}

/// The bytes that are signed (RFC 9421 §2.5).
///
/// # Errors
/// [`Error::Unsigned`] when the message has not what is covered, or in a form that cannot be signed here.
pub fn signature_base(message: &Message, covered: &Covered) -> Result<Vec<u8>, Error> {
    let mut base = Vec::new();
    for item in &covered.0.items {
        let identifier = item.clone().serialize();
        let value = value(message, item)?;
        // A value with a line break would be another line.
        if value.contains(&b'\n') || !value.is_ascii() {
            return Err(Error::Unsigned("a covered value is not ASCII"));
        }
        base.extend_from_slice(identifier.as_bytes());
        base.extend_from_slice(b": ");
        base.extend_from_slice(&value);
        base.push(b'\n');
    }
    base.extend_from_slice(b"\"@signature-params\": ");
    base.extend_from_slice(covered.params()?.as_bytes());
    Ok(base)
}

fn value(message: &Message, item: &Item) -> Result<Vec<u8>, Error> {
    let name = component(item).ok_or(Error::Unsigned("a component is no string"))?;
    if name.starts_with('@') {
        derived(message, name, item).map(String::into_bytes)
    } else {
        field(message, name, item)
    }
}

/// RFC 9421 §2.2.
fn derived(message: &Message, name: &str, item: &Item) -> Result<String, Error> {
    let missing = Error::Unsigned("the message has not what is covered");
    if name == "@query-param" {
        let Some(BareItem::String(wanted)) = item.params.get("name").filter(|_| item.params.len() == 1)
        else {
            return Err(Error::Unsigned("a parameter of a component is not known"));
        };
        let query = message.target.as_ref().and_then(|target| target.query()).unwrap_or_default();
        return query_parameter(query, wanted.as_str());
    }
    if !item.params.is_empty() {
        return Err(Error::Unsigned("a parameter of a component is not known"));
    }
    if name == "@status" {
        return message.status.map(|status| format!("{status:03}")).ok_or(missing);
    }
    let (method, target) = message.method.as_ref().zip(message.target.as_ref()).ok_or(missing)?;
    Ok(match name {
        "@method" => method.clone(),
        "@target-uri" => target.uri.clone(),
        "@authority" => target.authority(),
        "@scheme" => target.scheme(),
        // §2.2.5, in origin form.
        "@request-target" => match target.query() {
            Some(query) => format!("{}?{query}", target.path()),
            None => target.path().into(),
        },
        "@path" => target.path().into(),
        "@query" => format!("?{}", target.query().unwrap_or_default()),
        _ => return Err(Error::Unsigned("a derived component is not known")),
    })
}

/// RFC 9421 §2.1.
fn field(message: &Message, name: &str, item: &Item) -> Result<Vec<u8>, Error> {
    let missing = Error::Unsigned("the message has not what is covered");
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(Error::Unsigned("the name of a component is not in lower case"));
    }
    let combined = message.combined(name).ok_or(missing)?;
    let mut params = item.params.iter();
    let (param, rest) = (params.next(), params.next());
    if rest.is_some() {
        return Err(Error::Unsigned("a parameter of a component is not known"));
    }
    let unreadable = Error::Unsigned("a covered field cannot be read");
    match param {
        None => Ok(combined),
        // §2.1.2: one member of a dictionary.
        Some((param, BareItem::String(key))) if param.as_str() == "key" => {
            let fields: Dictionary = Parser::new(&combined).parse().map_err(|_| unreadable)?;
            let member = fields.get(key.as_str()).ok_or(missing)?.clone();
            let list: sfv::List = vec![member];
            list.serialize().map(String::into_bytes).ok_or(unreadable)
        }
        // §2.1.3: each line in base64.
        Some((param, BareItem::Boolean(true))) if param.as_str() == "bs" => {
            let lines: sfv::List = message
                .lines(name)
                .map(|line| Item::new(BareItem::ByteSequence(line.to_vec())).into())
                .collect();
            lines.serialize().map(String::into_bytes).ok_or(unreadable)
        }
        // §2.1.1: written anew, for fields whose structure is known here.
        Some((param, BareItem::Boolean(true))) if param.as_str() == "sf" && DICTIONARIES.contains(&name) => {
            let fields: Dictionary = Parser::new(&combined).parse().map_err(|_| unreadable)?;
            fields.serialize().map(String::into_bytes).ok_or(unreadable)
        }
        _ => Err(Error::Unsigned("a parameter of a component is not known")),
    }
}

/// Fields that are dictionaries wherever they occur.
const DICTIONARIES: [&str; 6] =
    ["content-digest", "repr-digest", "signature", "signature-input", "accept-signature", "priority"];

/// §2.2.8: the value of a parameter that occurs once, decoded and encoded again, so that two ways of writing it are one.
fn query_parameter(query: &str, wanted: &str) -> Result<String, Error> {
    let mut found = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if percent_encode(&form_decode(name)) == wanted {
            if found.is_some() {
                return Err(Error::Unsigned("a covered parameter of the query occurs twice"));
            }
            found = Some(percent_encode(&form_decode(value)));
        }
    }
    found.ok_or(Error::Unsigned("the message has not what is covered"))
}

fn form_decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).filter(|_| *byte == b'%').and_then(unhex::<1>);
        match (hex, byte) {
            (Some([value]), _) => {
                decoded.push(value);
                at += 2;
            }
            (None, b'+') => decoded.push(b' '),
            (None, byte) => decoded.push(*byte),
        }
        at += 1;
    }
    decoded
}

/// The set "application/x-www-form-urlencoded" of the URL standard.
fn percent_encode(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"*-._".contains(byte) {
            encoded.push(char::from(*byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
