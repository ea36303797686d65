//! A client of `mtls_server`: it shows its certificate, trusts one authority alone, and speaks TLS 1.3 and nothing older.
//!
//! `cargo run --package zamok-examples --bin mtls_client -- --authority ca.pem --certificate client.pem --key client.key
//! --port PORT --code CODE`

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::{Value, json};
use zamok::protocols::mtls::MutualTls;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let given = |name: &str| -> Outcome<OsString> {
        let mut arguments = std::env::args_os().skip_while(|argument| argument != name);
        Ok(arguments.nth(1).ok_or_else(|| format!("{name} is missing"))?)
    };
    let text = |name: &str| -> Outcome<String> {
        Ok(given(name)?.into_string().map_err(|_| format!("{name} is no text"))?)
    };
    let authorities = CertificateDer::pem_file_iter(given("--authority")?)?.collect::<Result<Vec<_>, _>>()?;
    let chain = CertificateDer::pem_file_iter(given("--certificate")?)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(given("--key")?)?;
    let config = Arc::new(MutualTls::new(authorities, chain, key)?.client()?);
    let port: u16 = text("--port")?.parse()?;

    let body = json!({"login": "ivan", "password": "a garden behind the station", "code": text("--code")?});
    let granted = ask(&config, port, "POST /login", "", &body.to_string())?;
    let token = granted["access_token"].as_str().ok_or("the login was refused")?;
    let account = ask(&config, port, "GET /account", &format!("authorization: Bearer {token}\r\n"), "")?;
    println!("{account}");
    Ok(())
}

fn ask(config: &Arc<ClientConfig>, port: u16, line: &str, header: &str, body: &str) -> Outcome<Value> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    let connection = ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost")?)?;
    let mut tls = StreamOwned::new(connection, stream);
    let length = body.len();
    write!(tls, "{line} HTTP/1.1\r\nhost: localhost\r\n{header}content-length: {length}\r\n\r\n{body}")?;
    let mut answer = String::new();
    tls.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("the answer was cut")?;
    Ok(serde_json::from_str(body)?)
}
