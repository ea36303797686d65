//! The examples of mutual TLS, as programs, with certificates that `openssl` made: `curl` and our own client log in over TLS 1.3,
//! and nobody does without a certificate, with a foreign or an unregistered one, or over TLS 1.2.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use zamok::otp::{OtpUri, Totp, TotpParameters};
use zamok::{Clock as _, SystemClock};

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority, and certificates of it: `server`, `client` and `other`; and one of another authority: `foreign`.
fn certificates(folder: &Path) {
    const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for authority in ["ca", "evil"] {
        openssl(
            folder,
            &format!(
                "req -x509 {KEY} -keyout {authority}.key -out {authority}.pem -subj /CN={authority} -days 2"
            ),
        );
    }
    std::fs::write(folder.join("localhost"), "subjectAltName=DNS:localhost\n").unwrap();
    for (name, authority) in [("server", "ca"), ("client", "ca"), ("other", "ca"), ("foreign", "evil")] {
        openssl(folder, &format!("req {KEY} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        openssl(
            folder,
            &format!(
                "x509 -req -in {name}.csr -CA {authority}.pem -CAkey {authority}.key -CAcreateserial -out {name}.pem -days 2 -extfile localhost"
            ),
        );
    }
}

struct Server {
    child: Child,
    port: u64,
    phone: Totp,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(folder: &Path) -> Self {
        let arguments = "--authority ca.pem --certificate server.pem --key server.key --client client.pem";
        let mut child = Command::new(env!("CARGO_BIN_EXE_mtls_server"))
            .args(arguments.split(' '))
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        let uri = OtpUri::parse(told["generator"].as_str().unwrap()).unwrap();
        let phone = Totp::new(uri.secret(), TotpParameters::default()).unwrap();
        Self { child, port: told["port"].as_u64().unwrap(), phone }
    }

    /// The code of now, or of the next step where that one was used.
    fn code(&self, step: u64) -> String {
        let now = SystemClock.now();
        self.phone.code_at(zamok::UnixTime(now.0 + 30 * step)).unwrap().to_string()
    }

    /// What curl says: the status, and the body.
    fn curl(&self, folder: &Path, path: &str, more: &[&str]) -> (Output, Option<serde_json::Value>) {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "60", "--cacert", "ca.pem"])
            .args(more)
            .arg(format!("https://localhost:{}{path}", self.port))
            .current_dir(folder)
            .output()
            .unwrap();
        let body = serde_json::from_slice(&output.stdout).ok();
        (output, body)
    }
}

#[test]
fn only_who_shows_a_registered_certificate_over_tls_1_3_logs_in() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    certificates(folder);
    let server = Server::start(folder);
    let body = |code: &str| {
        format!(r#"{{"login":"ivan","password":"a garden behind the station","code":"{code}"}}"#)
    };
    let own = ["--cert", "client.pem", "--key", "client.key"];
    let code = server.code(0);
    // Without a certificate, with a foreign one, and over TLS 1.2 there is no connection: the code is not charged.
    for refused in [
        &["--tlsv1.3"][..],
        &["--tlsv1.3", "--cert", "foreign.pem", "--key", "foreign.key"],
        &["--tls-max", "1.2", own[0], own[1], own[2], own[3]],
        &["--tls-max", "1.1", own[0], own[1], own[2], own[3]],
    ] {
        let (output, answer) = server.curl(folder, "/login", &[refused, &["--data", &body(&code)]].concat());
        assert!(!output.status.success() && answer.is_none(), "{refused:?}: {output:?}");
    }
    // A certificate of the right authority that nobody registered opens nothing.
    let other = ["--cert", "other.pem", "--key", "other.key"];
    let (_, answer) = server.curl(folder, "/login", &[&other[..], &["--data", &body(&code)]].concat());
    assert_eq!(answer.unwrap()["error"], "unknown_client");
    let (_, answer) =
        server.curl(folder, "/login", &[&own[..], &["--tlsv1.3", "--data", &body(&code)]].concat());
    let answer = answer.unwrap();
    let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let bearer = format!("Authorization: Bearer {token}");
    let (_, answer) = server.curl(folder, "/account", &[&own[..], &["--header", &bearer]].concat());
    assert_eq!(answer.unwrap()["login"], "ivan");
    // The token on somebody else's connection.
    let (_, answer) = server.curl(folder, "/account", &[&other[..], &["--header", &bearer]].concat());
    assert_eq!(answer.unwrap()["error"], "unknown_client");
    let (_, answer) = server.curl(folder, "/account", &own);
    assert_eq!(answer.unwrap()["error"], "rejected", "a certificate alone is no session");
    // Our own client, with the code of the next step.
    let client = |certificate: &str, code: &str| {
        Command::new(env!("CARGO_BIN_EXE_mtls_client"))
            .args(["--authority", "ca.pem", "--certificate", &format!("{certificate}.pem")])
            .args(["--key", &format!("{certificate}.key"), "--code", code])
            .args(["--port", &server.port.to_string()])
            .current_dir(folder)
            .output()
            .unwrap()
    };
    assert!(!client("foreign", "000000").status.success());
    assert!(!client("other", "000000").status.success());
    let output = client("client", &server.code(1));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"login\":\"ivan\""));
}
