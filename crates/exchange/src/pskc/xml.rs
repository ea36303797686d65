//! XML for PSKC: elements one subtree at a time, namespaces resolved, everything bounded, nothing expanded.

use std::io::Read;

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::{NsReader, XmlVersion};
use zeroize::Zeroizing;

use crate::error::{ExchangeError, Fault, Position};
use crate::source::Source;

/// Deepest nesting; RFC 6030 needs 9 levels.
const DEPTH: usize = 32;
/// Bytes of one tag, text or comment.
const LONGEST_PIECE: usize = 64 * 1024;
/// Bytes of one subtree: one device with its keys.
const LONGEST_SUBTREE: u64 = 1 << 20;
/// Elements of one subtree.
const ELEMENTS: usize = 4096;
/// Bytes of a comment or of blanks between elements are nothing to keep, but still limited by the piece.
const NAMESPACES: &[(&str, Space)] = &[
    ("urn:ietf:params:xml:ns:keyprov:pskc", Space::Pskc),
    ("http://www.w3.org/2001/04/xmlenc#", Space::Encryption),
    ("http://www.w3.org/2009/xmlenc11#", Space::Encryption11),
    ("http://www.w3.org/2000/09/xmldsig#", Space::Signature),
    ("http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#", Space::Pkcs5),
];

/// The namespaces that mean something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    Pskc,
    Encryption,
    Encryption11,
    Signature,
    Pkcs5,
    /// No namespace: the inner elements of PBKDF2-params, and attributes.
    None,
    Other,
}

/// An element with all that is in it.
pub(super) struct Element {
    pub(super) space: Space,
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    /// The text directly in it; that of its children is theirs.
    text: Zeroizing<String>,
    pub(super) children: Vec<Element>,
}

impl Element {
    pub(super) fn is(&self, space: Space, name: &str) -> bool {
        self.space == space && self.name == name
    }

    pub(super) fn is_pskc(&self, name: &str) -> bool {
        self.is(Space::Pskc, name)
    }

    /// The one child of this name.
    pub(super) fn child(&self, space: Space, name: &'static str) -> Result<Option<&Self>, Fault> {
        let mut found = self.children.iter().filter(|child| child.is(space, name));
        let first = found.next();
        if found.next().is_some() { Err(Fault::Duplicate(name)) } else { Ok(first) }
    }

    pub(super) fn pskc(&self, name: &'static str) -> Result<Option<&Self>, Fault> {
        self.child(Space::Pskc, name)
    }

    /// The one child of this name in whatever namespace: issuers disagree about that of PBKDF2's parameters.
    pub(super) fn anywhere(&self, name: &'static str) -> Result<Option<&Self>, Fault> {
        let mut found = self.children.iter().filter(|child| child.name == name);
        let first = found.next();
        if found.next().is_some() { Err(Fault::Duplicate(name)) } else { Ok(first) }
    }

    /// Whether a PSKC key lies somewhere in it.
    pub(super) fn holds_key(&self) -> bool {
        self.children.iter().any(|child| child.is_pskc("Key") || child.holds_key())
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Its text without blanks around it.
    pub(super) fn text(&self) -> &str {
        self.text.trim()
    }

    /// The text of the one child of this name, when it is there and not empty.
    pub(super) fn text_of(&self, name: &'static str) -> Result<Option<String>, Fault> {
        let text = self.pskc(name)?.map(|child| child.text().to_owned());
        Ok(text.filter(|text| !text.is_empty()))
    }
}

/// What comes next in the container.
pub(super) enum Piece {
    /// A child of the root with all that is in it, and the byte at which it begins.
    Child(Element, u64),
    /// The end tag of the root, and nothing after it.
    End,
}

/// Reads the root's start tag, and then its children one after the other.
pub(super) struct Pieces<R: Read> {
    reader: NsReader<Source<R>>,
    buffer: Zeroizing<Vec<u8>>,
}

impl<R: Read> Pieces<R> {
    pub(super) fn new(input: R) -> Self {
        let mut reader = NsReader::from_reader(Source::new(input));
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = true;
        // Room for the longest piece: a buffer that grew would leave a secret behind.
        Self { reader, buffer: Zeroizing::new(Vec::with_capacity(2 * LONGEST_PIECE)) }
    }

    fn at(&self) -> Position {
        Position::Byte(self.reader.buffer_position())
    }

    fn fail(&self, fault: Fault) -> ExchangeError {
        ExchangeError::file(fault, self.at())
    }

    /// The root element's start tag.
    pub(super) fn root(&mut self) -> Result<Element, ExchangeError> {
        loop {
            match self.event()? {
                Token::Start(root) => return Ok(root),
                Token::Text(text) if text.trim().is_empty() => {}
                Token::Skip => {}
                Token::Text(_) | Token::End => return Err(self.fail(Fault::Format("PSKC"))),
                Token::Eof => return Err(self.fail(Fault::Cut)),
            }
        }
    }

    /// The root's next child, or its end.
    pub(super) fn next(&mut self) -> Result<Piece, ExchangeError> {
        loop {
            let start = self.reader.buffer_position();
            match self.event()? {
                Token::Start(child) => return Ok(Piece::Child(self.subtree(child, start)?, start)),
                Token::Text(text) if text.trim().is_empty() => {}
                Token::Text(_) => return Err(self.fail(Fault::Malformed("PSKC"))),
                Token::Skip => {}
                Token::End => return self.ending(),
                Token::Eof => return Err(self.fail(Fault::Cut)),
            }
        }
    }

    /// After the root's end only blanks and comments may follow.
    fn ending(&mut self) -> Result<Piece, ExchangeError> {
        loop {
            match self.event()? {
                Token::Eof => return Ok(Piece::End),
                Token::Skip => {}
                Token::Text(text) if text.trim().is_empty() => {}
                _ => return Err(self.fail(Fault::Malformed("XML"))),
            }
        }
    }

    fn subtree(&mut self, top: Element, start: u64) -> Result<Element, ExchangeError> {
        let mut open = vec![top];
        let mut elements = 1;
        loop {
            if self.reader.buffer_position() - start > LONGEST_SUBTREE {
                return Err(self.fail(Fault::TooLong { what: "a key package", limit: LONGEST_SUBTREE }));
            }
            let token = self.event()?;
            // The list is never empty here: its last element is closed below.
            let Some(inner) = open.last_mut() else { return Err(self.fail(Fault::Malformed("XML"))) };
            match token {
                Token::Start(element) => {
                    elements += 1;
                    if open.len() + 1 >= DEPTH {
                        return Err(self.fail(Fault::TooLong { what: "the nesting", limit: DEPTH as u64 }));
                    }
                    if elements > ELEMENTS {
                        return Err(
                            self.fail(Fault::TooLong { what: "a key package", limit: ELEMENTS as u64 })
                        );
                    }
                    open.push(element);
                }
                Token::Text(text) => append(&mut inner.text, &text),
                Token::Skip => {}
                Token::End => match (open.pop(), open.last_mut()) {
                    (Some(closed), Some(parent)) => parent.children.push(closed),
                    (Some(closed), None) => return Ok(closed),
                    (None, _) => return Err(self.fail(Fault::Malformed("XML"))),
                },
                Token::Eof => return Err(self.fail(Fault::Cut)),
            }
        }
    }

    fn event(&mut self) -> Result<Token, ExchangeError> {
        self.buffer.clear();
        self.reader.get_mut().allow(LONGEST_PIECE);
        let token = match self.reader.read_resolved_event_into(&mut self.buffer) {
            Ok((space, Event::Start(start))) => element(&space, &start).map(Token::Start),
            Ok((_, Event::End(_))) => Ok(Token::End),
            Ok((_, Event::Text(text))) => Ok(Token::Text(Zeroizing::new(text.xml10_content().into_owned()))),
            Ok((_, Event::CData(text))) => Ok(Token::Text(Zeroizing::new(text.xml10_content().into_owned()))),
            Ok((_, Event::GeneralRef(reference))) => {
                let character = match reference.resolve_char_ref() {
                    Ok(Some(character)) => Ok(character.to_string()),
                    Ok(None) => predefined(&reference).ok_or(Fault::Dtd).map(str::to_owned),
                    Err(_) => Err(Fault::Malformed("XML")),
                };
                character.map(|text| Token::Text(Zeroizing::new(text)))
            }
            Ok((_, Event::DocType(_))) => Err(Fault::Dtd),
            // An empty element is expanded into a start and an end.
            Ok((_, Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Empty(_))) => Ok(Token::Skip),
            Ok((_, Event::Eof)) => Ok(Token::Eof),
            Err(error) => Err(fault(&error)),
        };
        token.map_err(|fault| {
            let too_long = Fault::TooLong { what: "a piece of XML", limit: LONGEST_PIECE as u64 };
            self.fail(if self.reader.get_ref().is_exhausted() { too_long } else { fault })
        })
    }
}

enum Token {
    Start(Element),
    Text(Zeroizing<String>),
    End,
    Skip,
    Eof,
}

fn fault(error: &quick_xml::Error) -> Fault {
    match error {
        quick_xml::Error::Io(error) => Fault::Io(error.kind()),
        quick_xml::Error::Syntax(_) => Fault::Cut,
        quick_xml::Error::Encoding(_) => Fault::Encoding { what: "the file", encoding: "UTF-8" },
        _ => Fault::Malformed("XML"),
    }
}

fn predefined(name: &str) -> Option<&'static str> {
    Some(match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => return None,
    })
}

/// Appends without leaving the old text behind when room runs out.
fn append(text: &mut Zeroizing<String>, more: &str) {
    if text.capacity() - text.len() < more.len() {
        let mut grown = Zeroizing::new(String::with_capacity((text.len() + more.len()) * 2));
        grown.push_str(text);
        *text = grown;
    }
    text.push_str(more);
}

fn element(space: &ResolveResult<'_>, start: &BytesStart<'_>) -> Result<Element, Fault> {
    let space = match space {
        ResolveResult::Bound(namespace) => {
            let known = NAMESPACES.iter().find(|(name, _)| *name == namespace.0);
            known.map_or(Space::Other, |(_, space)| *space)
        }
        ResolveResult::Unbound => Space::None,
        ResolveResult::Unknown(_) => return Err(Fault::Malformed("XML: a namespace prefix is not declared")),
    };
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| Fault::Malformed("XML"))?;
        let name: &str = attribute.key.as_ref();
        if name == "xmlns" || name.contains(':') {
            continue;
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| match error {
            quick_xml::Error::Escape(_) => Fault::Dtd,
            _ => Fault::Malformed("XML"),
        })?;
        attributes.push((name.to_owned(), value.into_owned()));
    }
    let name: &str = start.local_name().into_inner();
    Ok(Element {
        space,
        name: name.to_owned(),
        attributes,
        text: Zeroizing::new(String::new()),
        children: Vec::new(),
    })
}
