//! Where receipts come in that nobody asks for: posts of HTTP gateways at a port behind the service's proxy, and reports in the
//! mail folder of the envelope sender.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use zamok_core::UnixTime;

use crate::transport::{HttpGateway, Inbox, Incoming, read_report};

/// Longest request that is read, in bytes.
const LONGEST: usize = 64 << 10;
/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes posts to `/receipts/CARRIER` until it is stopped. One at a time: a receipt is a few hundred bytes, and its sender tells
/// it again when it gets no answer.
pub(crate) fn listen(
    listener: &TcpListener,
    gateways: &[Arc<HttpGateway>],
    inbox: &Inbox,
    now: &dyn Fn() -> UnixTime,
    stop: &AtomicBool,
) {
    if listener.set_nonblocking(true).is_err() {
        return;
    }
    while !stop.load(Ordering::SeqCst) {
        match listener.accept() {
            Ok((mut stream, _)) => {
                let status = serve(&mut stream, gateways, inbox, now).unwrap_or(400);
                let _ =
                    write!(stream, "HTTP/1.1 {status} -\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => {
                tracing::warn!(%error, "a receipt could not be taken");
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    }
}

fn serve(
    stream: &mut TcpStream,
    gateways: &[Arc<HttpGateway>],
    inbox: &Inbox,
    now: &dyn Fn() -> UnixTime,
) -> io::Result<u16> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let deadline = Instant::now() + PATIENCE;
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        let head = match request.parse(&seen) {
            Ok(httparse::Status::Complete(head)) => Some(head),
            Ok(httparse::Status::Partial) => None,
            Err(_) => return Ok(400),
        };
        if let Some(head) = head {
            let value = |name: &str| {
                let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
                found.and_then(|header| std::str::from_utf8(header.value).ok())
            };
            let length: usize = match value("Content-Length").and_then(|text| text.parse().ok()) {
                Some(length) if length <= LONGEST => length,
                _ => return Ok(411),
            };
            if seen.len() >= head + length {
                let carrier =
                    request.path.and_then(|path| path.strip_prefix("/receipts/")).unwrap_or_default();
                let gateway = gateways.iter().find(|gateway| named(gateway) == carrier);
                let (Some(gateway), Some("POST")) = (gateway, request.method) else { return Ok(404) };
                let signature = value("X-Zamok-Signature").unwrap_or_default();
                return Ok(take(gateway, signature, &seen[head..head + length], inbox, now()));
            }
        }
        if seen.len() > LONGEST + 8192 || Instant::now() >= deadline {
            return Ok(413);
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(400),
            count => seen.extend_from_slice(&buffer[..count]),
        }
    }
}

fn named(gateway: &HttpGateway) -> &str {
    use crate::transport::Transport as _;
    gateway.name()
}

/// Answers with success only after the receipt was noted.
fn take(gateway: &HttpGateway, signature: &str, body: &[u8], inbox: &Inbox, now: UnixTime) -> u16 {
    let (id, state, reason) = match gateway.receipt(signature, body, now) {
        Ok(read) => read,
        Err(crate::transport::Unsigned::Signature) => return 401,
        Err(crate::transport::Unsigned::Form) => return 400,
    };
    let (done, noted) = mpsc::channel();
    let incoming = Incoming {
        carrier: named(gateway).to_owned(),
        id,
        state,
        number: None,
        reason,
        acknowledge: Box::new(move |noted| {
            let _ = done.send(noted);
        }),
    };
    let sent = inbox.send(incoming).is_ok();
    if sent && noted.recv_timeout(PATIENCE).unwrap_or(false) { 204 } else { 503 }
}

/// Reads the reports in a Maildir folder, and takes away those that were noted; what is no report gets another name, so that it
/// is not read again.
pub(crate) fn read_folder(carrier: &str, folder: &Path, inbox: &Inbox) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let files = entries.filter_map(Result::ok).map(|entry| entry.path());
    let unread = |path: &PathBuf| path.is_file() && path.extension().is_none_or(|end| end != "unread");
    for path in files.filter(unread).take(1000) {
        let Ok(email) = std::fs::read(&path) else { continue };
        let Some(report) = read_report(&email) else {
            let mut name = path.clone().into_os_string();
            name.push(".unread");
            let _ = std::fs::rename(&path, name);
            continue;
        };
        let (done, noted) = mpsc::channel();
        let incoming = Incoming {
            carrier: carrier.to_owned(),
            id: report.id,
            state: report.state,
            number: None,
            reason: report.reason,
            acknowledge: Box::new(move |noted| {
                let _ = done.send(noted);
            }),
        };
        if inbox.send(incoming).is_err() {
            return;
        }
        if noted.recv_timeout(PATIENCE).unwrap_or(false) {
            let _ = std::fs::remove_file(&path);
        }
    }
}
