//! A service behind mutual TLS (R32): TLS 1.3 alone, nobody without a certificate, and tokens that are worth something only on
//! connections of the certificate that they were given to (RFC 8705).
//!
//! `cargo run --package zamok-examples --bin mtls_server -- --authority ca.pem --certificate server.pem --key server.key
//! --client client.pem`, and beside it `mtls_client`, or curl:
//! `curl --cacert ca.pem --cert client.pem --key client.key https://localhost:PORT/login -d '{"login":"ivan",…}'`
//!
//! `POST /login` takes login, password and code, and gives an access token; `GET /account` says whose it is.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use zamok::otp::{OtpUri, Totp};
use zamok::protocols::mtls::{MutualTls, client_of_from};
use zamok::protocols::request::{Client, Clients, NewClientKey};
use zamok::protocols::token::{Binding, CertificateHash, Grant, Shown};
use zamok::{Clock, Passphrase, Password, Settings, SystemClock, Zamok};

/// What the service is called in its tokens.
const AUDIENCE: &str = "https://localhost";
/// Longer requests are not read.
const LONGEST: usize = 16 * 1024;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let place = |name: &str| -> Outcome<PathBuf> {
        let mut arguments = std::env::args_os().skip_while(|argument| argument != name);
        Ok(arguments.nth(1).ok_or_else(|| format!("{name} FILE is missing"))?.into())
    };
    let bank = Arc::new(Zamok::create(
        "memory:",
        &Passphrase::from("six random words or more"),
        Settings::new("Bank"),
    )?);
    let uri = ivan(&bank)?;
    // Whose the certificate is: an authority says that it is real, and nobody else but the service whose account it opens.
    let certificate = CertificateDer::from_pem_file(place("--client")?)?;
    Clients::new(bank.cabinet()).add("ivan", &NewClientKey::Certificate(&certificate), None, "his laptop")?;
    let config = Arc::new(configuration(&place("--authority")?, &place("--certificate")?, &place("--key")?)?);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", json!({"port": listener.local_addr()?.port(), "generator": uri}));
    for stream in listener.incoming() {
        let (bank, config) = (Arc::clone(&bank), Arc::clone(&config));
        std::thread::spawn(move || {
            if let Err(error) = stream.map_err(Into::into).and_then(|stream| serve(&bank, config, stream)) {
                eprintln!("a connection ended: {error}");
            }
        });
    }
    Ok(())
}

fn configuration(authority: &Path, certificate: &Path, key: &Path) -> Outcome<ServerConfig> {
    let authorities = CertificateDer::pem_file_iter(authority)?.collect::<Result<Vec<_>, _>>()?;
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    Ok(MutualTls::new(authorities, chain, PrivateKeyDer::from_pem_file(key)?)?.server()?)
}

/// Registers Ivan with a generator; answers its URI, which only his phone would see.
fn ivan(bank: &Zamok) -> Outcome<String> {
    let password = Password::new("a garden behind the station");
    bank.register("ivan", &password)?;
    let enrolment = bank.begin_enrolment("ivan", &password)?;
    let offer = bank.offer_generator(&enrolment)?;
    let uri = offer.uri.as_str().to_owned();
    let phone = OtpUri::parse(&uri)?;
    let totp = Totp::new(phone.secret(), zamok::otp::TotpParameters::default())?;
    // The test code is that of the step before: the one of now is left for the login.
    let before = zamok::UnixTime(SystemClock.now().0 - 30);
    bank.confirm_generator(&enrolment, &totp.code_at(before)?.to_string())?;
    Ok(uri)
}

fn serve(bank: &Zamok, config: Arc<ServerConfig>, stream: TcpStream) -> Outcome<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    // Accounts may be limited to networks: say from where somebody comes.
    let address = Some(stream.peer_addr()?.ip());
    let mut tls = StreamOwned::new(ServerConnection::new(config)?, stream);
    // Nothing is read before both sides have shown who they are.
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock)?;
    }
    // Read to its end whoever asks: a connection that is closed with something unread in it takes the answer along.
    let request = request(&mut tls)?;
    let client = client_of_from(bank.cabinet(), tls.conn.peer_certificates(), address);
    let (status, answer) = match (client, request) {
        (Ok((client, certificate)), Some(request)) => answer(bank, client, certificate, &request),
        (Ok(_), None) => (400, json!({"error": "invalid_request"})),
        // An authority vouches for the certificate, and it opens no account.
        (Err(_), _) => (403, json!({"error": "unknown_client"})),
    };
    let body = answer.to_string();
    write!(
        tls,
        "HTTP/1.1 {status} \r\ncontent-type: application/json\r\ncontent-length: {}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )?;
    tls.conn.send_close_notify();
    tls.flush()?;
    Ok(())
}

struct Request {
    line: String,
    token: Option<String>,
    body: Vec<u8>,
}

/// One request, with its whole body.
fn request(tls: &mut impl Read) -> Outcome<Option<Request>> {
    let mut read = Vec::new();
    let mut part = [0; 4096];
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut parsed = httparse::Request::new(&mut headers);
        if let httparse::Status::Complete(head) = parsed.parse(&read)? {
            let value = |name: &str| {
                let found = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
                found.and_then(|header| std::str::from_utf8(header.value).ok())
            };
            let length: usize = value("content-length").map_or(Ok(0), str::parse)?;
            if length > LONGEST {
                return Ok(None);
            }
            let line = format!("{} {}", parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default());
            let token = value("authorization").and_then(|value| value.strip_prefix("Bearer "));
            let token = token.map(str::to_owned);
            if let Some(body) = read.get(head..head + length) {
                return Ok(Some(Request { line, token, body: body.to_vec() }));
            }
        }
        let count = tls.read(&mut part)?;
        if count == 0 || read.len() + count > 2 * LONGEST {
            return Ok(None);
        }
        read.extend_from_slice(&part[..count]);
    }
}

fn answer(bank: &Zamok, client: Client, certificate: CertificateHash, request: &Request) -> (u16, Value) {
    let done = match request.line.as_str() {
        "POST /login" => login(bank, client, certificate, &request.body),
        "GET /account" => account(bank, certificate, request.token.as_deref().unwrap_or_default()),
        _ => return (404, json!({"error": "not_found"})),
    };
    done.map_or_else(|_| (401, json!({"error": "rejected"})), |answer| (200, answer))
}

fn login(bank: &Zamok, client: Client, certificate: CertificateHash, body: &[u8]) -> Outcome<Value> {
    let asked: Value = serde_json::from_slice(body)?;
    let text = |name: &str| asked[name].as_str().ok_or("a member is missing");
    // The certificate is looked at before anybody's attempts are charged.
    if bank.account_by_login(text("login")?)?.id != client.account {
        return Err("the certificate is somebody else's".into());
    }
    let session = bank.log_in(text("login")?, &Password::new(text("password")?), text("code")?)?;
    let grant = Grant { binding: Binding::Certificate(certificate), power: None };
    let granted = bank.tokens(AUDIENCE).grant(&session, &grant)?;
    Ok(json!({
        "access_token": granted.access,
        "token_type": "Bearer",
        "refresh_token": granted.refresh.to_text().as_str(),
    }))
}

fn account(bank: &Zamok, certificate: CertificateHash, token: &str) -> Outcome<Value> {
    let access = bank.tokens(AUDIENCE).check(token, &Shown::certificate(certificate))?;
    Ok(json!({"login": bank.account(&access.session)?.login, "expires": access.claims.expires.0}))
}
