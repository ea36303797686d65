//! PKCS#11 URIs (RFC 7512): which key in which token is meant, and where the module lies that talks to it.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use zamok_core::Error;
use zamok_core::error::TokenFault;

/// A PKCS#11 URI (RFC 7512), as far as it names a secret key: `pkcs11:token=vault;object=zamok`.
///
/// What it says, the token has to fit; what it leaves out may be anything. It holds no secret: a `pin-value` is refused,
/// since URIs stand in arguments and configurations, and `pin-source` names a file.
///
/// ```
/// use zamok_host::Pkcs11Uri;
///
/// let uri: Pkcs11Uri = "pkcs11:token=The%20vault;object=zamok?module-path=/usr/lib/softhsm/libsofthsm2.so".parse()?;
/// assert_eq!(uri.to_string(), "pkcs11:token=The%20vault;object=zamok?module-path=/usr/lib/softhsm/libsofthsm2.so");
/// # Ok::<(), zamok_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pkcs11Uri {
    /// Attributes of the path, at the place of their name in [`NAMES`].
    texts: Box<[Option<String>; NAMES.len()]>,
    id: Option<Vec<u8>>,
    slot: Option<u64>,
    module: Option<PathBuf>,
    pin_source: Option<PathBuf>,
}

/// Attributes of the path that are text (RFC 7512 §2.3).
const NAMES: [&str; 10] = [
    "token",
    "manufacturer",
    "serial",
    "model",
    "library-manufacturer",
    "library-description",
    "library-version",
    "slot-manufacturer",
    "slot-description",
    "object",
];

/// What a part of the URI has to agree with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Token = 0,
    Manufacturer = 1,
    Serial = 2,
    Model = 3,
    LibraryManufacturer = 4,
    LibraryDescription = 5,
    LibraryVersion = 6,
    SlotManufacturer = 7,
    SlotDescription = 8,
    Object = 9,
}

impl Pkcs11Uri {
    /// Longest URI that is read, in bytes.
    pub const MAX: usize = 4096;

    /// The key with this label in the token with this label.
    #[must_use]
    pub fn new(token: &str, object: &str) -> Self {
        let mut uri = Self::default();
        uri.texts[Part::Token as usize] = Some(token.into());
        uri.texts[Part::Object as usize] = Some(object.into());
        uri
    }

    /// The same in the token with this serial number.
    #[must_use]
    pub fn with_serial(mut self, serial: &str) -> Self {
        self.texts[Part::Serial as usize] = Some(serial.into());
        self
    }

    /// The same for the key with this id (CKA_ID).
    #[must_use]
    pub fn with_id(self, id: &[u8]) -> Self {
        Self { id: Some(id.into()), ..self }
    }

    /// The same through the module in this file.
    #[must_use]
    pub fn with_module(self, path: impl Into<PathBuf>) -> Self {
        Self { module: Some(path.into()), ..self }
    }

    /// Reads a URI.
    ///
    /// # Errors
    /// [`TokenFault::Uri`] for what is none, says something twice, or holds attributes that are unknown or that no
    /// secret key has.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let Some((scheme, rest)) = text.split_once(':') else { return Err(wrong(SCHEME)) };
        // RFC 3986 §3.1: schemes have no case.
        if !scheme.eq_ignore_ascii_case("pkcs11") {
            return Err(wrong(SCHEME));
        }
        if text.len() > Self::MAX {
            return Err(wrong("it is longer than 4096 bytes"));
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Self::default();
        for attribute in path.split(';').filter(|attribute| !attribute.is_empty()) {
            uri.take_path(attribute)?;
        }
        for attribute in query.split('&').filter(|attribute| !attribute.is_empty()) {
            uri.take_query(attribute)?;
        }
        Ok(uri)
    }

    fn take_path(&mut self, attribute: &str) -> Result<(), Error> {
        let (name, value) = attribute.split_once('=').ok_or(wrong("an attribute has no value"))?;
        let bytes = decode(value)?;
        match name {
            "id" => once(&mut self.id, bytes),
            // RFC 7512 §2.3: `type` says what class of object is meant.
            "type" if bytes == b"secret-key" => Ok(()),
            "type" => Err(wrong("its type is not secret-key")),
            "slot-id" => {
                let number = String::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
                once(&mut self.slot, number.ok_or(wrong("the slot-id is no number"))?)
            }
            name => {
                let place = NAMES.iter().position(|known| *known == name);
                let place = place.ok_or(wrong("an attribute is unknown, or belongs after the ?"))?;
                let text = String::from_utf8(bytes).map_err(|_| wrong("a value is not UTF-8"))?;
                once(&mut self.texts[place], text)
            }
        }
    }

    fn take_query(&mut self, attribute: &str) -> Result<(), Error> {
        let (name, value) = attribute.split_once('=').ok_or(wrong("an attribute has no value"))?;
        if name == "pin-value" {
            return Err(wrong("a PIN is never part of it; name a file with pin-source"));
        }
        let text = String::from_utf8(decode(value)?).map_err(|_| wrong("a value is not UTF-8"))?;
        match name {
            "module-path" => once(&mut self.module, PathBuf::from(text)),
            // RFC 7512 §2.4 leaves open what it names: a file here, and never a command.
            "pin-source" => {
                let path = text.strip_prefix("file:").unwrap_or(&text);
                if path.starts_with('|') || path.is_empty() {
                    return Err(wrong("a pin-source is the path of a file"));
                }
                // RFC 8089: `file:///etc/pin` and `file:/etc/pin` are the same.
                let path = match path.trim_start_matches('/') {
                    relative if relative.len() == path.len() => path.to_owned(),
                    rest => format!("/{rest}"),
                };
                once(&mut self.pin_source, PathBuf::from(path))
            }
            "module-name" => Err(wrong("a module is named by its path, with module-path")),
            _ => Err(wrong("an attribute is unknown, or belongs before the ?")),
        }
    }

    /// The file of the module, where the URI names it.
    #[must_use]
    pub fn module(&self) -> Option<&Path> {
        self.module.as_deref()
    }

    /// The file with the PIN, where the URI names it.
    #[must_use]
    pub fn pin_source(&self) -> Option<&Path> {
        self.pin_source.as_deref()
    }

    /// The label of the key, where the URI names it.
    #[must_use]
    pub fn object(&self) -> Option<&str> {
        self.texts[Part::Object as usize].as_deref()
    }

    /// The id of the key, where the URI names it.
    #[must_use]
    pub fn id(&self) -> Option<&[u8]> {
        self.id.as_deref()
    }

    pub(super) fn set(&mut self, part: Part, value: &str) {
        self.texts[part as usize] = Some(value.into());
    }

    pub(super) fn set_id(&mut self, id: Vec<u8>) {
        self.id = Some(id);
    }

    /// Whether what was found fits what the URI says, if it says anything of it.
    pub(super) fn fits(&self, part: Part, found: &str) -> bool {
        self.texts[part as usize].as_deref().is_none_or(|asked| asked == found)
    }

    pub(super) fn fits_slot(&self, found: u64) -> bool {
        self.slot.is_none_or(|asked| asked == found)
    }
}

const SCHEME: &str = "it does not begin with pkcs11:";

const fn wrong(what: &'static str) -> Error {
    Error::Token(TokenFault::Uri(what))
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Error> {
    if place.replace(value).is_some() { Err(wrong("an attribute is given twice")) } else { Ok(()) }
}

/// RFC 3986 §2.1: percent encoding. What may not stand there unencoded (RFC 7512 §2.3) is refused.
fn decode(text: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            if !byte.is_ascii_graphic() || matches!(byte, b'#' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`') {
                return Err(wrong("a character has to be percent-encoded"));
            }
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(wrong("a % is not followed by two hexadecimal digits"));
        };
        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
    }
    Ok(bytes)
}

/// Writes what may stand unencoded in both halves of the URI, and percent-encodes all else.
fn encode(f: &mut fmt::Formatter<'_>, bytes: &[u8], is_path: bool) -> fmt::Result {
    for byte in bytes {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || (is_path && *byte == b'/');
        if is_plain { f.write_char(char::from(*byte))? } else { write!(f, "%{byte:02X}")? }
    }
    Ok(())
}

impl FromStr for Pkcs11Uri {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// The URI in one fixed order.
impl fmt::Display for Pkcs11Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pkcs11:")?;
        let mut separator = "";
        let slot = self.slot.map(|slot| slot.to_string());
        let texts = NAMES.iter().zip(self.texts.iter());
        let texts = texts.filter_map(|(name, text)| Some((*name, text.as_ref()?.as_bytes())));
        let id = self.id.iter().map(|id| ("id", id.as_slice()));
        let slot = slot.iter().map(|slot| ("slot-id", slot.as_bytes()));
        for (name, value) in texts.chain(id).chain(slot) {
            write!(f, "{separator}{name}=")?;
            encode(f, value, false)?;
            separator = ";";
        }
        let mut separator = "?";
        for (name, path) in [("module-path=", &self.module), ("pin-source=file:", &self.pin_source)] {
            if let Some(path) = path {
                write!(f, "{separator}{name}")?;
                encode(f, path.to_string_lossy().as_bytes(), true)?;
                separator = "&";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_7512_that_name_secret_keys_are_read_and_others_told_apart() {
        // §3, with the object type that a slot needs.
        let uri = Pkcs11Uri::parse(
            "pkcs11:token=Software%20PKCS%2311%20softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;object=my-key;\
             type=secret-key;id=%69%95%3E%5C%F4%BD%EC%91;serial=?pin-source=file:/etc/token_pin",
        )
        .unwrap();
        assert!(uri.fits(Part::Token, "Software PKCS#11 softtoken") && !uri.fits(Part::Token, "softtoken"));
        assert!(uri.fits(Part::Manufacturer, "Snake Oil, Inc.") && uri.fits(Part::Model, "1.0"));
        assert!(uri.fits(Part::Serial, "") && !uri.fits(Part::Serial, "1"), "said to be empty");
        assert!(uri.fits(Part::SlotDescription, "anything"), "of which nothing is said");
        assert_eq!(uri.object(), Some("my-key"));
        assert_eq!(uri.id(), Some(&b"\x69\x95\x3e\x5c\xf4\xbd\xec\x91"[..]));
        assert_eq!(uri.pin_source(), Some(Path::new("/etc/token_pin")));
        assert_eq!(Pkcs11Uri::parse(&uri.to_string()).unwrap(), uri);
        for same in ["file:///etc/pin", "file:/etc/pin", "/etc/pin", "%2Fetc%2Fpin"] {
            let uri = Pkcs11Uri::parse(&format!("pkcs11:object=a?pin-source={same}")).unwrap();
            assert_eq!(uri.to_string(), "pkcs11:object=a?pin-source=file:/etc/pin", "{same}");
        }
        let slot = Pkcs11Uri::parse("PKCS11:slot-id=327;object=a?module-path=/usr/lib/x.so").unwrap();
        assert!(slot.fits_slot(327) && !slot.fits_slot(328));
        assert_eq!(slot.module(), Some(Path::new("/usr/lib/x.so")));
        assert_eq!(Pkcs11Uri::parse("pkcs11:").unwrap(), Pkcs11Uri::default());
    }

    #[test]
    fn what_is_no_uri_or_says_a_pin_is_refused_with_the_reason() {
        let long = format!("pkcs11:object={}", "a".repeat(5000));
        for (text, reason) in [
            ("", SCHEME),
            ("token=a", SCHEME),
            ("pkcs12:token=a", SCHEME),
            ("pkcs11:token", "an attribute has no value"),
            ("pkcs11:token=a;token=b", "an attribute is given twice"),
            ("pkcs11:token=%4", "a % is not followed by two hexadecimal digits"),
            ("pkcs11:token=%zz", "a % is not followed by two hexadecimal digits"),
            ("pkcs11:token=%ff", "a value is not UTF-8"),
            ("pkcs11:token=a b", "a character has to be percent-encoded"),
            ("pkcs11:type=private", "its type is not secret-key"),
            ("pkcs11:slot-id=x", "the slot-id is no number"),
            ("pkcs11:colour=red", "an attribute is unknown, or belongs after the ?"),
            ("pkcs11:module-path=/x", "an attribute is unknown, or belongs after the ?"),
            ("pkcs11:?token=a", "an attribute is unknown, or belongs before the ?"),
            ("pkcs11:?module-name=p11-kit", "a module is named by its path, with module-path"),
            ("pkcs11:object=a?pin-value=1234", "a PIN is never part of it; name a file with pin-source"),
            ("pkcs11:object=a?pin-source=|cat", "a pin-source is the path of a file"),
            ("pkcs11:object=a?pin-source=/a&pin-source=/b", "an attribute is given twice"),
            (long.as_str(), "it is longer than 4096 bytes"),
        ] {
            assert_eq!(Pkcs11Uri::parse(text), Err(wrong(reason)), "{text}");
        }
    }
}
