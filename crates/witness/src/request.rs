//! Requests as bytes (RFC 9112): one at a time, bounded in length and time, refused where there are two ways of reading
//! them.

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Longest head of a request, in bytes.
const LONGEST_HEAD: usize = 8 << 10;
/// Most header fields.
const MOST_FIELDS: usize = 64;
/// How long a request may take to arrive, its first byte included.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request whose body was read.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    /// Whether the client wants to ask more over this connection.
    pub(crate) goes_on: bool,
}

/// Why there is no request.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The client went away, or said nothing for too long: no answer.
    Gone,
    /// Answer this status and close.
    Status(u16),
}

impl From<io::Error> for Unread {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// Reads one request; `rest` holds what came beyond the one before.
pub(crate) fn read(stream: &mut TcpStream, rest: &mut Vec<u8>, longest: usize) -> Result<Request, Unread> {
    let deadline = Instant::now() + PATIENCE;
    let (mut request, head, length) = loop {
        match head(rest, longest)? {
            Some(found) => break found,
            None if rest.len() >= LONGEST_HEAD => return Err(Unread::Status(431)),
            None => more(stream, rest, deadline)?,
        }
    };
    while rest.len() < head + length {
        more(stream, rest, deadline)?;
    }
    let beyond = rest.split_off(head + length);
    request.body = rest.split_off(head);
    *rest = beyond;
    Ok(request)
}

/// The head of a request, its length, and the length of the body; `None` while it is not all there.
pub(crate) fn head(bytes: &[u8], longest: usize) -> Result<Option<(Request, usize, usize)>, Unread> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    let head = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Unread::Status(400)),
    };
    let mut length = None;
    let mut hosts = 0;
    let mut goes_on = parsed.version == Some(1);
    for field in parsed.headers.iter() {
        // RFC 9110 §5.6.3: spaces and tabs, and none of the blanks that Unicode has beside them.
        let value = str::from_utf8(field.value).map_err(|_| Unread::Status(400))?.trim_matches([' ', '\t']);
        match field.name.to_ascii_lowercase().as_str() {
            "content-length" => {
                let is_decimal = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                let given = value.parse().ok().filter(|_| is_decimal).ok_or(Unread::Status(400))?;
                // RFC 9112 §6.3: two lengths that differ make two requests out of one.
                if length.replace(given).is_some_and(|other: usize| other != given) {
                    return Err(Unread::Status(400));
                }
            }
            "transfer-encoding" => return Err(Unread::Status(501)),
            "expect" => return Err(Unread::Status(417)),
            "host" => hosts += 1,
            "connection" => goes_on &= !value.to_ascii_lowercase().contains("close"),
            _ => {}
        }
    }
    let method = parsed.method.unwrap_or_default().to_owned();
    let length = match (length, method.as_str()) {
        (None, "POST") => return Err(Unread::Status(411)),
        (length, _) => length.unwrap_or(0),
    };
    if length > longest {
        return Err(Unread::Status(413));
    }
    // RFC 9112 §3.2: one, and in HTTP/1.1 no fewer. Of two, somebody on the way may have believed the other.
    if hosts > 1 || (hosts == 0 && parsed.version == Some(1)) {
        return Err(Unread::Status(400));
    }
    let path = path_of(parsed.path.unwrap_or_default()).to_owned();
    Ok(Some((Request { method, path, body: Vec::new(), goes_on }, head, length)))
}

/// The path that a target names. RFC 9112 §3.2.2: a server takes the absolute form, too; whose name it bears is no matter here.
fn path_of(target: &str) -> &str {
    let (scheme, rest) = target.split_once("://").unwrap_or_default();
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return target;
    }
    match rest.find(['/', '?']) {
        // RFC 9110 §4.2.1: there is no URI without a host.
        Some(0) => target,
        Some(at) if rest[at..].starts_with('/') => &rest[at..],
        _ => "/",
    }
}

fn more(stream: &mut TcpStream, rest: &mut Vec<u8>, deadline: Instant) -> Result<(), Unread> {
    let left =
        deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()).ok_or(Unread::Gone)?;
    stream.set_read_timeout(Some(left))?;
    let mut block = [0; 4096];
    match stream.read(&mut block)? {
        0 => Err(Unread::Gone),
        count => {
            rest.extend_from_slice(&block[..count]);
            Ok(())
        }
    }
}
