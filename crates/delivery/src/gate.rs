//! Where receipts come in that nobody asks for: posts of HTTP gateways at a port behind the service's proxy, and reports in the
//! mail folder of the envelope sender.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use zamok_cabinet::ReceiptState;
use zamok_core::UnixTime;

use crate::transport::{HttpGateway, Inbox, Incoming, read_report};

/// Longest request that is read, in bytes.
const LONGEST: usize = 64 << 10;
/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Reports that are handed on at once: one that leads to no message yet keeps few waiting.
const TOGETHER: usize = 64;
/// How long the listener sleeps when nobody came.
const NAP: Duration = Duration::from_millis(20);

/// Clients that are served at once.
const CLIENTS: usize = 32;

/// Takes posts to `/receipts/CARRIER` until it is stopped. A sender tells a receipt again when it gets no answer; and none keeps
/// the others waiting, whether it is slow or its receipt came early.
pub(crate) fn listen(
    listener: &TcpListener,
    gateways: &[Arc<HttpGateway>],
    inbox: &Inbox,
    now: &(dyn Fn() -> UnixTime + Sync),
    stop: &AtomicBool,
) {
    if listener.set_nonblocking(true).is_err() {
        return;
    }
    let busy = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        while !stop.load(Ordering::SeqCst) {
            if busy.load(Ordering::SeqCst) >= CLIENTS {
                std::thread::sleep(NAP);
                continue;
            }
            match listener.accept() {
                Ok((mut stream, _)) => {
                    busy.fetch_add(1, Ordering::SeqCst);
                    let busy = &busy;
                    scope.spawn(move || {
                        let status = serve(&mut stream, gateways, inbox, now).unwrap_or(400);
                        let _ = write!(
                            stream,
                            "HTTP/1.1 {status} -\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                        );
                        busy.fetch_sub(1, Ordering::SeqCst);
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(NAP),
                Err(error) => {
                    tracing::warn!(%error, "a receipt could not be taken");
                    std::thread::sleep(10 * NAP);
                }
            }
        }
    });
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
            // RFC 9110 §8.6: digits, and no sign.
            let digits =
                value("Content-Length").filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let length: usize = match digits.and_then(|text| text.parse().ok()) {
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
    let noted = hand_on(named(gateway), id, state, reason, inbox);
    if noted.is_some_and(|noted| noted.recv_timeout(PATIENCE).unwrap_or(false)) { 204 } else { 503 }
}

/// Gives a receipt to whoever notes it, and answers where that is told; `None` where nobody takes any.
fn hand_on(
    carrier: &str,
    id: String,
    state: ReceiptState,
    reason: String,
    inbox: &Inbox,
) -> Option<mpsc::Receiver<bool>> {
    let (done, noted) = mpsc::channel();
    let incoming = Incoming {
        carrier: carrier.to_owned(),
        id,
        state,
        number: None,
        reason,
        acknowledge: Box::new(move |noted| {
            let _ = done.send(noted);
        }),
    };
    inbox.send(incoming).ok().map(|()| noted)
}

/// Reads the reports in a Maildir folder, and takes away those that were noted; what is no report gets another name, so that it
/// is not read again.
pub(crate) fn read_folder(carrier: &str, folder: &Path, inbox: &Inbox, stop: &AtomicBool) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let files = entries.filter_map(Result::ok).map(|entry| entry.path());
    let unread = |path: &PathBuf| path.is_file() && path.extension().is_none_or(|end| end != "unread");
    let files: Vec<PathBuf> = files.filter(unread).take(1000).collect();
    for together in files.chunks(TOGETHER) {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let until = Instant::now() + PATIENCE;
        let told: Vec<_> = together.iter().filter_map(|path| tell(carrier, path, inbox)).collect();
        for (path, noted) in told {
            if noted.recv_timeout(until.saturating_duration_since(Instant::now())).unwrap_or(false) {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

/// Hands on the report in a file, which is told whether it was noted.
fn tell<'a>(carrier: &str, path: &'a Path, inbox: &Inbox) -> Option<(&'a Path, mpsc::Receiver<bool>)> {
    let email = std::fs::read(path).ok()?;
    let Some(report) = read_report(&email) else {
        let mut name = path.as_os_str().to_owned();
        name.push(".unread");
        let _ = std::fs::rename(path, name);
        return None;
    };
    Some((path, hand_on(carrier, report.id, report.state, report.reason, inbox)?))
}
