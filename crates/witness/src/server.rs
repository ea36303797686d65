//! The server: a thread for each connection, a bounded number of them, and nothing but the two calls of a witness.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use zamok_core::Error;
use zamok_core::wire::unhex;
use zamok_journal::witness::{AddCheckpoint, LONGEST_REQUEST, Verdict};

use crate::UNKNOWN;
use crate::request::{self, Request, Unread};
use crate::service::Service;

/// Connections at once; further ones are told to come back.
const MOST_CONNECTIONS: usize = 64;
/// Requests over one connection, so that none is held for ever.
const MOST_REQUESTS: usize = 1000;
/// How long a client may take to read an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A witness that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    service: Service,
    connections: AtomicUsize,
    stops: AtomicBool,
}

/// A server at work in a thread of its own.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Answer {
    status: u16,
    kind: &'static str,
    /// What may be asked instead: a 405 has to say (RFC 9110 §15.5.6).
    allow: Option<&'static str>,
    body: String,
}

impl Answer {
    fn status(status: u16) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", allow: None, body: String::new() }
    }

    fn text(body: String) -> Self {
        Self { body, ..Self::status(200) }
    }
}

impl Server {
    /// Listens at this address.
    ///
    /// # Errors
    /// The operating system's.
    pub fn bind(address: impl ToSocketAddrs, service: Service) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let shared = Shared { service, connections: AtomicUsize::new(0), stops: AtomicBool::new(false) };
        Ok(Self { listener, shared: Arc::new(shared) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The operating system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the process ends.
    pub fn run(self) {
        for stream in self.listener.incoming() {
            if self.shared.stops.load(Ordering::SeqCst) {
                return;
            }
            match stream {
                Ok(stream) => self.shared.clone().take(stream),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    // Most likely there are no file descriptors left: they come back when connections end.
                    thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }

    /// Serves in a thread of its own.
    ///
    /// # Errors
    /// The operating system's.
    pub fn start(self) -> io::Result<Running> {
        let (address, shared) = (self.address()?, self.shared.clone());
        let thread = thread::Builder::new().name("witness".into()).spawn(|| self.run())?;
        Ok(Running { address, shared, thread: Some(thread) })
    }
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stops.store(true, Ordering::SeqCst);
        // Whatever comes of it: it wakes the thread that waits for connections.
        let _ = TcpStream::connect_timeout(&self.address, PATIENCE);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn take(self: Arc<Self>, mut stream: TcpStream) {
        if self.connections.fetch_add(1, Ordering::SeqCst) >= MOST_CONNECTIONS {
            self.connections.fetch_sub(1, Ordering::SeqCst);
            let _ = answer(&mut stream, &Answer::status(503), false);
            return;
        }
        let shared = self.clone();
        let spawned = thread::Builder::new().name("witness-client".into()).spawn(move || {
            // The client may be gone at any time: that is no concern of ours.
            let _ = shared.serve(&mut stream);
            shared.connections.fetch_sub(1, Ordering::SeqCst);
        });
        if spawned.is_err() {
            self.connections.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn serve(&self, stream: &mut TcpStream) -> io::Result<()> {
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut rest = Vec::new();
        for turn in 1..=MOST_REQUESTS {
            let request = match request::read(stream, &mut rest, LONGEST_REQUEST) {
                Ok(request) => request,
                Err(Unread::Gone) => return Ok(()),
                Err(Unread::Status(status)) => return answer(stream, &Answer::status(status), false),
            };
            if self.stops.load(Ordering::SeqCst) {
                return Ok(());
            }
            let goes_on = request.goes_on && turn < MOST_REQUESTS;
            let given = self.route(&request).unwrap_or_else(|error| {
                tracing::error!(%error, "a request could not be served");
                Answer::status(if error == Error::Busy { 503 } else { 500 })
            });
            answer(stream, &given, goes_on)?;
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    fn route(&self, request: &Request) -> Result<Answer, Error> {
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/add-checkpoint") => self.add_checkpoint(&request.body),
            (_, "/add-checkpoint") => Ok(Answer { allow: Some("POST"), ..Answer::status(405) }),
            // The second as C2SP tlog-witness has it for monitors; the first is older, and our own.
            ("GET", path) => match log_of(path) {
                Some(log) => {
                    let latest = self.service.latest(&log)?;
                    // In words: a bare 404 is what a server says that knows no such call.
                    let unknown = || Answer { status: 404, ..Answer::text(UNKNOWN.into()) };
                    Ok(latest.map_or_else(unknown, |signed| Answer::text(signed.to_string())))
                }
                None => Ok(Answer::status(404)),
            },
            _ => Ok(Answer::status(404)),
        }
    }

    fn add_checkpoint(&self, body: &[u8]) -> Result<Answer, Error> {
        let request = str::from_utf8(body).map_err(|_| Error::Refused).and_then(AddCheckpoint::parse);
        let Ok(request) = request else { return Ok(Answer::status(400)) };
        Ok(match self.service.decide(&request)? {
            Verdict::Cosigned(signature) => Answer::text(signature.to_string()),
            Verdict::Conflict(size) => {
                Answer { status: 409, kind: "text/x.tlog.size", ..Answer::text(format!("{size}\n")) }
            }
            verdict => Answer::status(verdict.status()),
        })
    }
}

/// The log whose latest checkpoint is asked for.
fn log_of(path: &str) -> Option<[u8; 32]> {
    let monitored = || path.strip_prefix('/')?.strip_suffix("/checkpoint");
    path.strip_prefix("/latest/").or_else(monitored).and_then(hash_of)
}

/// 64 lower-case digits.
fn hash_of(text: &str) -> Option<[u8; 32]> {
    unhex(text.as_bytes()).filter(|_| !text.contains(|digit: char| digit.is_ascii_uppercase()))
}

fn answer(stream: &mut TcpStream, answer: &Answer, goes_on: bool) -> io::Result<()> {
    let Answer { status, kind, allow, body } = answer;
    let connection = if goes_on { "keep-alive" } else { "close" };
    let mut text = String::new();
    let allow = allow.map(|methods| format!("Allow: {methods}\r\n")).unwrap_or_default();
    // Writing into a string does not fail.
    let _ = write!(
        text,
        "HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{allow}Connection: {connection}\r\n\r\n{body}",
        reason(*status),
        body.len()
    );
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}
