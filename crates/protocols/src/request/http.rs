//! Requests of the crate `http`, read and signed.

use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use http::request::Parts;

use super::message::Message;
use super::sign::{SignRequest, Signing};
use crate::error::Error;

/// The message of a request that a server was sent. `origin` is what the server is known as, as `https://bank.example`: neither
/// the host that a client names nor a proxy decides whom a signature is for.
///
/// # Errors
/// [`Error::Unsigned`] for a request that cannot be signed: one with another host than the origin's, say.
pub fn message_of(origin: &str, parts: &Parts) -> Result<Message, Error> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let own = origin.split_once("://").map(|(_, authority)| authority);
    let host = parts.uri.authority().map(|authority| authority.as_str());
    let host = host.or_else(|| parts.headers.get(HOST).and_then(|host| host.to_str().ok()));
    if own.is_none() || host.is_some_and(|host| !own.is_some_and(|own| own.eq_ignore_ascii_case(host))) {
        return Err(Error::Unsigned("the request is for another host"));
    }
    let target = if path == "*" { origin.to_owned() } else { format!("{origin}{path}") };
    fields(Message::request(parts.method.as_str(), &target)?, parts)
}

fn fields(mut message: Message, parts: &Parts) -> Result<Message, Error> {
    for (name, value) in &parts.headers {
        message = message.field(name.as_str(), value.as_bytes())?;
    }
    Ok(message)
}

/// Signs a request that is to be sent: its URI is absolute. Adds `Content-Digest`, `Signature-Input` and `Signature`.
///
/// # Errors
/// As [`Signing::sign`].
pub fn sign_http(
    parts: &mut Parts,
    body: &[u8],
    signing: &Signing<'_>,
    signer: &dyn SignRequest,
) -> Result<(), Error> {
    let message = fields(Message::request(parts.method.as_str(), &parts.uri.to_string())?, parts)?;
    let signed = signing.sign(message, body, signer)?;
    for name in ["content-digest", "signature-input", "signature"] {
        let value = signed.combined(name).ok_or(Error::Unsigned("the request could not be signed"))?;
        let value =
            HeaderValue::from_bytes(&value).map_err(|_| Error::Unsigned("a field cannot be written"))?;
        parts.headers.insert(HeaderName::from_static(name), value);
    }
    parts.headers.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(body.len()));
    Ok(())
}
