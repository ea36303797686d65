//! The signature base (RFC 9421 §2.5): the bytes that are signed, line by line, of a message and the components that its
//! signature covers.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

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
    let mut parts = Parts::of(message);
    for item in &covered.0.items {
        let identifier = item.clone().serialize();
        let value = value(&mut parts, item)?;
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

const MISSING: Error = Error::Unsigned("the message has not what is covered");
const UNREADABLE: Error = Error::Unsigned("a covered field cannot be read");

/// A message, of which each part is taken apart once, however many components name it: whoever signs may be a stranger,
/// who covers [`Covered::MOST`] members of one field of 64 KiB.
struct Parts<'a> {
    message: &'a Message,
    dictionaries: BTreeMap<&'a str, Dictionary>,
    /// Names and values of the query's parameters.
    query: Option<Vec<(String, String)>>,
}

impl<'a> Parts<'a> {
    const fn of(message: &'a Message) -> Self {
        Self { message, dictionaries: BTreeMap::new(), query: None }
    }

    fn dictionary(&mut self, name: &'a str) -> Result<&Dictionary, Error> {
        let read: &Dictionary = match self.dictionaries.entry(name) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(place) => {
                let field = self.message.combined(name).ok_or(MISSING)?;
                let read: Dictionary = Parser::new(&field).parse().map_err(|_| UNREADABLE)?;
                place.insert(read)
            }
        };
        Ok(read)
    }

    /// §2.2.8: the value of a parameter that occurs once.
    fn query_parameter(&mut self, wanted: &str) -> Result<String, Error> {
        let message = self.message;
        let query = self.query.get_or_insert_with(|| {
            let query = message.target.as_ref().and_then(|target| target.query()).unwrap_or_default();
            query_parameters(query)
        });
        let mut found = query.iter().filter(|(name, _)| name == wanted);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(value.clone()),
            (Some(_), Some(_)) => Err(Error::Unsigned("a covered parameter of the query occurs twice")),
            (None, _) => Err(MISSING),
        }
    }
}

fn value<'a>(parts: &mut Parts<'a>, item: &'a Item) -> Result<Vec<u8>, Error> {
    let name = component(item).ok_or(Error::Unsigned("a component is no string"))?;
    if name.starts_with('@') {
        derived(parts, name, item).map(String::into_bytes)
    } else {
        field(parts, name, item)
    }
}

/// RFC 9421 §2.2.
fn derived(parts: &mut Parts<'_>, name: &str, item: &Item) -> Result<String, Error> {
    if name == "@query-param" {
        let Some(BareItem::String(wanted)) = item.params.get("name").filter(|_| item.params.len() == 1)
        else {
            return Err(Error::Unsigned("a parameter of a component is not known"));
        };
        return parts.query_parameter(wanted.as_str());
    }
    if !item.params.is_empty() {
        return Err(Error::Unsigned("a parameter of a component is not known"));
    }
    let message = parts.message;
    if name == "@status" {
        return message.status.map(|status| format!("{status:03}")).ok_or(MISSING);
    }
    let (method, target) = message.method.as_ref().zip(message.target.as_ref()).ok_or(MISSING)?;
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
fn field<'a>(parts: &mut Parts<'a>, name: &'a str, item: &Item) -> Result<Vec<u8>, Error> {
    let message = parts.message;
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(Error::Unsigned("the name of a component is not in lower case"));
    }
    if message.lines(name).next().is_none() {
        return Err(MISSING);
    }
    let mut params = item.params.iter();
    let (param, rest) = (params.next(), params.next());
    if rest.is_some() {
        return Err(Error::Unsigned("a parameter of a component is not known"));
    }
    match param {
        None => message.combined(name).ok_or(MISSING),
        // §2.1.2: one member of a dictionary.
        Some((param, BareItem::String(key))) if param.as_str() == "key" => {
            let member = parts.dictionary(name)?.get(key.as_str()).ok_or(MISSING)?.clone();
            let list: sfv::List = vec![member];
            list.serialize().map(String::into_bytes).ok_or(UNREADABLE)
        }
        // §2.1.3: each line in base64.
        Some((param, BareItem::Boolean(true))) if param.as_str() == "bs" => {
            let lines: sfv::List = message
                .lines(name)
                .map(|line| Item::new(BareItem::ByteSequence(line.to_vec())).into())
                .collect();
            lines.serialize().map(String::into_bytes).ok_or(UNREADABLE)
        }
        // §2.1.1: written anew, for fields whose structure is known here.
        Some((param, BareItem::Boolean(true))) if param.as_str() == "sf" && DICTIONARIES.contains(&name) => {
            parts.dictionary(name)?.serialize().map(String::into_bytes).ok_or(UNREADABLE)
        }
        _ => Err(Error::Unsigned("a parameter of a component is not known")),
    }
}

/// Fields that are dictionaries wherever they occur.
const DICTIONARIES: [&str; 6] =
    ["content-digest", "repr-digest", "signature", "signature-input", "accept-signature", "priority"];

/// §2.2.8: names and values, decoded and encoded again, so that two ways of writing one are one.
fn query_parameters(query: &str) -> Vec<(String, String)> {
    let anew = |text: &str| percent_encode(&form_decode(text));
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (anew(name), anew(value))
    });
    pairs.collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_taken_apart_once_for_all_of_its_members() -> Result<(), Error> {
        let message = Message::request("GET", "https://bank.example/?a=1&b=2")?;
        let message = message.field("x", "a=1, b=2")?.field("x", "c=3")?;
        let covered = Covered::parse(
            r#"("x";key="a" "x";key="b" "x";key="c" "@query-param";name="a" "@query-param";name="b")"#,
        )?;
        let mut parts = Parts::of(&message);
        let (mut values, mut dictionaries, mut queries) = (Vec::new(), Vec::new(), Vec::new());
        for item in &covered.0.items {
            values.push(value(&mut parts, item)?);
            dictionaries.extend(parts.dictionaries.values().map(core::ptr::from_ref));
            queries.extend(parts.query.as_ref().map(Vec::as_ptr));
        }
        assert_eq!(values, [b"1", b"2", b"3", b"1", b"2"]);
        assert!(dictionaries.len() == 5 && dictionaries.iter().all(|read| *read == dictionaries[0]));
        assert!(queries.len() == 2 && queries[0] == queries[1]);
        Ok(())
    }
}
