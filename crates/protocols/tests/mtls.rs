//! Mutual TLS, with lists of revocations and without sessions to resume: handshakes in memory, with certificates and a list that
//! `openssl` made.
#![allow(missing_docs)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, Error, HandshakeKind, ServerConfig, ServerConnection,
};
use zamok_protocols::mtls::MutualTls;

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Two authorities; of the first `server`, `client` and `other`, of which it revokes `client`; of the second `foreign`.
fn certificates(folder: &Path) {
    const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for authority in ["ca", "second"] {
        let made = format!("-keyout {authority}.key -out {authority}.pem -subj /CN={authority} -days 2");
        openssl(folder, &format!("req -x509 {KEY} {made}"));
    }
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    for (name, authority) in [("server", "ca"), ("client", "ca"), ("other", "ca"), ("foreign", "second")] {
        openssl(folder, &format!("req {KEY} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        let by = format!("-CA {authority}.pem -CAkey {authority}.key -CAcreateserial");
        openssl(folder, &format!("x509 -req -in {name}.csr {by} -out {name}.pem -days 2 -extfile names"));
    }
    std::fs::write(folder.join("index"), "").unwrap();
    std::fs::write(folder.join("number"), "01\n").unwrap();
    let config = "[ca]\ndefault_ca = own\n[own]\ndatabase = index\ncrlnumber = number\ndefault_md = sha256\ndefault_crl_days = 2\n";
    std::fs::write(folder.join("ca.cnf"), config).unwrap();
    let ca = "ca -config ca.cnf -cert ca.pem -keyfile ca.key";
    openssl(folder, &format!("{ca} -revoke client.pem"));
    openssl(folder, &format!("{ca} -gencrl -out ca.crl"));
}

fn side(folder: &Path, authorities: &[&str], own: &str) -> MutualTls {
    let certificate = |name: &str| CertificateDer::from_pem_file(folder.join(format!("{name}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join(format!("{own}.key"))).unwrap();
    MutualTls::new(authorities.iter().map(|name| certificate(name)), vec![certificate(own)], key).unwrap()
}

/// What the server says of a client with this certificate.
fn shake(folder: &Path, server: &Arc<ServerConfig>, own: &str) -> Result<(), Error> {
    connect(server, &Arc::new(side(folder, &["ca"], own).client().unwrap())).map(drop)
}

/// How the server came to know the client.
fn connect(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>) -> Result<Option<HandshakeKind>, Error> {
    let mut client = ClientConnection::new(client.clone(), ServerName::try_from("localhost").unwrap())?;
    let mut server = ServerConnection::new(server.clone())?;
    while server.is_handshaking() {
        let mut line = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut line).unwrap();
        }
        let mut rest = &line[..];
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            server.process_new_packets()?;
        }
        let mut line = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut line).unwrap();
        }
        let mut rest = &line[..];
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets()?;
        }
    }
    Ok(server.handshake_kind())
}

#[test]
fn once_a_list_of_revocations_is_named_every_certificate_stands_in_none_of_its_authority_s() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    certificates(folder);
    let own = || side(folder, &["ca", "second"], "server");
    let list = CertificateRevocationListDer::from_pem_file(folder.join("ca.crl")).unwrap();
    let lax = Arc::new(own().server().unwrap());
    let strict = Arc::new(own().with_revocations([list]).server().unwrap());
    for name in ["client", "other", "foreign"] {
        assert_eq!(shake(folder, &lax, name), Ok(()), "{name}");
    }
    let refused = |error| Err(Error::InvalidCertificate(error));
    assert_eq!(shake(folder, &strict, "other"), Ok(()));
    assert_eq!(shake(folder, &strict, "client"), refused(CertificateError::Revoked));
    assert_eq!(shake(folder, &strict, "foreign"), refused(CertificateError::UnknownRevocationStatus));
}

/// Whoever resumes a session shows no certificate (RFC 8446 §2.2): one that has expired since would go on being good.
#[test]
fn each_connection_shows_its_certificate_anew() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    certificates(folder);
    let server = Arc::new(side(folder, &["ca"], "server").server().unwrap());
    let client = Arc::new(side(folder, &["ca"], "client").client().unwrap());
    for turn in 1..=3 {
        assert_eq!(connect(&server, &client), Ok(Some(HandshakeKind::Full)), "connection {turn}");
    }
}
