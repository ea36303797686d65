//! A message as signatures see it: method and target or status, and fields. Whatever carries it (HTTP, a queue, a file) puts
//! it into this form first.

use zamok_core::wire::unhex;

use crate::error::Error;

/// A request, or a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    pub(super) method: Option<String>,
    pub(super) target: Option<Target>,
    pub(super) status: Option<u16>,
    fields: Vec<(String, Vec<u8>)>,
}

/// An absolute target URI (RFC 9110 §7.1), taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) uri: String,
    scheme: usize,
    authority: usize,
    path: usize,
}

impl Target {
    /// Takes an absolute URI apart (RFC 3986 §3). It is not changed: what was signed is what was sent.
    fn parse(uri: &str) -> Result<Self, Error> {
        let unfit = Error::Unsigned("the target is no absolute URI");
        let (scheme, rest) = uri.split_once(':').ok_or(unfit)?;
        let named = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character));
        let printable = uri.bytes().all(|byte| (0x21..0x7f).contains(&byte) && byte != b'#');
        if !named || !printable || rest.is_empty() {
            return Err(unfit);
        }
        let scheme = scheme.len();
        let authority = match rest.strip_prefix("//") {
            None => scheme + 1,
            Some(rest) => {
                let length = rest.find(['/', '?']).unwrap_or(rest.len());
                let start = scheme + 3;
                return Ok(Self { uri: uri.into(), scheme, authority: start, path: start + length });
            }
        };
        // Without an authority, as `zamok:operations/transfer`: the rest is a path.
        Ok(Self { uri: uri.into(), scheme, authority, path: authority })
    }

    pub(super) fn scheme(&self) -> String {
        self.uri[..self.scheme].to_ascii_lowercase()
    }

    /// RFC 9421 §2.2.3: the host in lower case, without the usual port of the scheme.
    pub(super) fn authority(&self) -> String {
        let authority = self.uri[self.authority..self.path].to_ascii_lowercase();
        let usual = match self.scheme().as_str() {
            "https" => ":443",
            "http" => ":80",
            _ => return authority,
        };
        authority.strip_suffix(usual).map_or_else(|| authority.clone(), Into::into)
    }

    /// RFC 9421 §2.2.6: an empty path of a request to a host is "/".
    pub(super) fn path(&self) -> &str {
        let rest = &self.uri[self.path..];
        let path = rest.split('?').next().unwrap_or_default();
        if path.is_empty() { "/" } else { path }
    }

    pub(super) fn query(&self) -> Option<&str> {
        self.uri[self.path..].split_once('?').map(|(_, query)| query)
    }
}

/// The target URI without query and in its normal form (RFC 3986 §6.2.2, §6.2.3), which proofs of possession name (RFC 9449
/// §4.3, step 9).
///
/// # Errors
/// [`Error::Unsigned`] for what is no absolute URI.
pub fn target_uri(uri: &str) -> Result<String, Error> {
    // Proofs name the target without query and fragment; a client that leaves them on is understood (RFC 9449 §4.3).
    let bare = uri.split(['?', '#']).next().unwrap_or_default();
    let target = Target::parse(bare)?;
    Ok(format!("{}://{}{}", target.scheme(), target.authority(), normal(target.path())))
}

/// A path in its normal form: of what is percent-encoded, characters that need not be stand for themselves (RFC 3986 §6.2.2.2), and the
/// rest has capital digits (§6.2.2.1).
fn normal(path: &str) -> String {
    let mut parts = path.split('%');
    let mut normal = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.as_bytes().get(..2).and_then(unhex::<1>) {
            Some([byte]) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                normal.push(char::from(byte));
            }
            Some([byte]) => normal.push_str(&format!("%{byte:02X}")),
            // No encoding of anything.
            None => {
                normal.push('%');
                normal.push_str(part);
                continue;
            }
        }
        normal.push_str(&part[2..]);
    }
    normal
}

impl Message {
    /// Most bytes of all names and values of a message's fields.
    const FIELDS: usize = 64 * 1024;

    /// A request: its method, and its target as an absolute URI.
    ///
    /// # Errors
    /// [`Error::Unsigned`] for what is no method, or no absolute URI.
    pub fn request(method: &str, uri: &str) -> Result<Self, Error> {
        if !is_token(method) {
            return Err(Error::Unsigned("the method is no token"));
        }
        Ok(Self { method: Some(method.into()), target: Some(Target::parse(uri)?), ..Self::default() })
    }

    /// A response.
    #[must_use]
    pub fn response(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// Adds a field line; a field may have several.
    ///
    /// # Errors
    /// [`Error::Unsigned`] for a name that is no token, a value with line breaks, and more than 64 KiB of fields.
    pub fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, Error> {
        let value = value.as_ref();
        if !is_token(name) {
            return Err(Error::Unsigned("a field has no name"));
        }
        if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err(Error::Unsigned("a field has several lines"));
        }
        let length: usize = self.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        if length + name.len() + value.len() > Self::FIELDS {
            return Err(Error::Unsigned("the fields are too long"));
        }
        self.fields.push((name.to_ascii_lowercase(), value.to_vec()));
        Ok(self)
    }

    /// The lines of a field, in order, without white space around each (RFC 9421 §2.1).
    pub(super) fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.fields.iter().filter(move |(found, _)| found == name);
        lines.map(|(_, value)| value.trim_ascii())
    }

    /// The lines of a field as one value (RFC 9110 §5.3); `None` where there is no such field.
    pub(super) fn combined(&self, name: &str) -> Option<Vec<u8>> {
        let lines: Vec<&[u8]> = self.lines(name).collect();
        (!lines.is_empty()).then(|| lines.join(&b", "[..]))
    }
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    let sign = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty()
        && text.len() <= 128
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || sign(byte))
}
