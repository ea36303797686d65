//! TLS 1.2 and 1.3 by rustls, for the client library; the password is bound to the channel (RFC 5929 §4, RFC 5802 §6).

use std::fs;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use zamok_core::store::StoreFault;

use crate::url::Tls;

/// Makes TLS connections; never used where the URL asks for none.
#[derive(Clone)]
pub(crate) struct Connector(Arc<ClientConfig>);

impl Connector {
    /// Reads roots and identity.
    pub(crate) fn new(tls: &Tls) -> Result<Self, StoreFault> {
        let Tls::Verified { roots, identity } = tls else {
            return Self::with(RootCertStore::empty(), None);
        };
        let store = trusted(roots.as_deref(), is_elevated())?;
        let identity = match identity {
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from_pem_file(key).map_err(|_| StoreFault::Denied)?;
                Some((certificates(certificate)?, key))
            }
            None => None,
        };
        Self::with(store, identity)
    }

    fn with(
        roots: RootCertStore,
        identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    ) -> Result<Self, StoreFault> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| StoreFault::Untrusted)?
            .with_root_certificates(roots);
        let config = match identity {
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain, key).map_err(|_| StoreFault::Denied)?
            }
            None => builder.with_no_client_auth(),
        };
        Ok(Self(Arc::new(config)))
    }
}

/// The roots in a file, or those of the system. Where those lie the environment says (`SSL_CERT_FILE`, `SSL_CERT_DIR`), and in a
/// program with more rights than whoever started it that is somebody else's: there a file must be named.
fn trusted(roots: Option<&Path>, is_elevated: bool) -> Result<RootCertStore, StoreFault> {
    let mut store = RootCertStore::empty();
    match roots {
        Some(path) => {
            for root in certificates(path)? {
                store.add(root).map_err(|_| StoreFault::Untrusted)?;
            }
        }
        None if is_elevated => {}
        None => {
            // What does not parse on some system is not trusted, and no reason to trust nothing.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if store.is_empty() { Err(StoreFault::Untrusted) } else { Ok(store) }
}

/// Whether this program has rights that whoever started it has not (set-user-ID, capabilities of its file): so the kernel tells it.
/// One that lets nobody look into its memory may not read that, and goes by its own ids and capabilities; what it may not read
/// either counts as yes.
fn is_elevated() -> bool {
    if !cfg!(target_os = "linux") {
        return false;
    }
    match fs::read("/proc/self/auxv") {
        Ok(told) => says_secure(&told),
        Err(_) => fs::read_to_string("/proc/self/status").map_or(true, |status| has_more(&status)),
    }
}

/// Whether the ids of `proc_pid_status(5)` differ, or there are capabilities that neither root nor whoever started it has given.
fn has_more(status: &str) -> bool {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let ids = |name: &str| -> Option<Vec<&str>> { Some(field(name)?.split_whitespace().take(3).collect()) };
    let set = |name: &str| u64::from_str_radix(field(name)?.trim(), 16).ok();
    let found = || {
        let (users, groups) = (ids("Uid")?, ids("Gid")?);
        let alike = |ids: &[&str]| ids.len() == 3 && ids.iter().all(|id| *id == ids[0]);
        let given = *users.first()? == "0" || set("CapPrm")? & !set("CapAmb")? == 0;
        Some(alike(&users) && alike(&groups) && given)
    };
    found() != Some(true)
}

/// Looks for `AT_SECURE` (`getauxval(3)`) among pairs of machine words.
fn says_secure(told: &[u8]) -> bool {
    const WORD: usize = size_of::<usize>();
    const AT_SECURE: [u8; WORD] = 23_usize.to_ne_bytes();
    let found = told.chunks_exact(2 * WORD).find(|pair| pair[..WORD] == AT_SECURE);
    found.is_none_or(|pair| pair[WORD..] != [0; WORD])
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, StoreFault> {
    let file = CertificateDer::pem_file_iter(path).map_err(|_| StoreFault::Untrusted)?;
    file.collect::<Result<_, _>>().map_err(|_| StoreFault::Untrusted)
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> MakeTlsConnect<S> for Connector {
    type Stream = Stream<S>;
    type TlsConnect = ForHost;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<ForHost> {
        Ok(ForHost { connector: self.clone(), host: host.to_owned() })
    }
}

/// A connector that knows whom it expects.
pub(crate) struct ForHost {
    connector: Connector,
    host: String,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> TlsConnect<S> for ForHost {
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let name = ServerName::try_from(self.host).map_err(io::Error::other)?;
            Ok(Stream(TlsConnector::from(self.connector.0).connect(name, stream).await?))
        })
    }
}

/// A TLS connection.
pub(crate) struct Stream<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        let chain = self.0.get_ref().1.peer_certificates();
        match chain.and_then(|chain| end_point(chain.first()?)) {
            Some(digest) => ChannelBinding::tls_server_end_point(digest),
            None => ChannelBinding::none(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// RFC 5929 §4.1: the hash of the server's certificate, by the hash function of the certificate's own signature, SHA-256
/// where that is MD5 or SHA-1. Signatures with no single hash function (Ed25519, RSA-PSS) leave it undefined.
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    // RFC 5280 §4.1: Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, … }, signature }
    let (content, _) = element(0x30, certificate)?;
    let (_, after_tbs) = element(0x30, content)?;
    let (algorithm, _) = element(0x30, after_tbs)?;
    let (oid, _) = element(0x06, algorithm)?;
    // Below 1.2.840.113549.1.1: PKCS#1; below 1.2.840.10045.4: ECDSA (RFC 3279, RFC 4055, RFC 5758).
    const PKCS_1: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    const ECDSA: [u8; 6] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];
    match (oid.strip_prefix(&PKCS_1), oid.strip_prefix(&ECDSA)) {
        (Some([4 | 5 | 11]), _) | (_, Some([1] | [3, 2])) => Some(Sha256::digest(certificate).to_vec()),
        (Some([12]), _) | (_, Some([3, 3])) => Some(Sha384::digest(certificate).to_vec()),
        (Some([13]), _) | (_, Some([3, 4])) => Some(Sha512::digest(certificate).to_vec()),
        _ => None,
    }
}

/// The content of the DER element with this tag at the start of the bytes (X.690 §8.1, §10.1), and what follows it.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first().filter(|_| *found == tag)?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0_usize, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_more_rights_than_its_user_trusts_no_roots_that_the_environment_names() {
        assert!(!is_elevated());
        assert!(!trusted(None, false).unwrap().is_empty(), "the machine of the tests has roots");
        assert_eq!(trusted(None, true).map(|store| store.len()), Err(StoreFault::Untrusted));
    }

    #[test]
    fn what_the_kernel_tells_of_rights_is_read() {
        let told = |pairs: &[(usize, usize)]| {
            let words = pairs.iter().flat_map(|(name, value)| [name.to_ne_bytes(), value.to_ne_bytes()]);
            says_secure(&words.collect::<Vec<_>>().concat())
        };
        assert!(!told(&[(33, 23), (23, 0), (0, 0)]));
        assert!(told(&[(33, 0), (23, 1), (0, 0)]));
        assert!(told(&[(33, 23), (0, 0)]), "it does not say");
        assert!(told(&[]));
    }

    #[test]
    fn a_program_that_may_not_read_what_the_kernel_told_it_goes_by_its_ids_and_capabilities() {
        let status = |users: &str, groups: &str, permitted: &str, ambient: &str| {
            has_more(&format!(
                "Name:\tx\nUid:\t{users}\nGid:\t{groups}\nGroups:\t7\nCapInh:\t0\nCapPrm:\t{permitted}\nCapAmb:\t{ambient}\n"
            ))
        };
        let (plain, none) = ("1000\t1000\t1000\t1000", "0000000000000000");
        assert!(!status(plain, plain, none, none));
        assert!(!status("0\t0\t0\t0", "0\t0\t0\t0", "000001ffffffffff", none), "root has them all");
        assert!(!status(plain, plain, "0000000000000400", "0000000000000400"), "its service gave it that");
        assert!(status("1000\t0\t0\t0", plain, "000001ffffffffff", none), "set-user-ID");
        assert!(status("1000\t1000\t0\t1000", plain, none, none), "it can go back");
        assert!(status(plain, "1000\t5\t5\t5", none, none), "set-group-ID");
        assert!(status(plain, plain, "0000000000000400", none), "capabilities of its file");
        for unreadable in ["", "Uid:\t1\t1\t1\t1\n", "Uid:\nGid:\nCapPrm:\t0\nCapAmb:\t0\n"] {
            assert!(has_more(unreadable), "{unreadable:?}");
        }
        assert!(!has_more(&fs::read_to_string("/proc/self/status").unwrap()));
    }

    #[test]
    fn cut_or_strange_certificates_bind_nothing_and_panic_nowhere() {
        let mut certificate = vec![0x30, 0x82, 0x00, 0x12, 0x30, 0x00, 0x30, 0x0c, 0x06, 0x08];
        certificate.extend([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02, 0x05, 0x00, 0x03, 0x00]);
        assert_eq!(end_point(&certificate), Some(Sha256::digest(&certificate).to_vec()));
        for length in 0..certificate.len() {
            assert_eq!(end_point(&certificate[..length]), None, "cut to {length}");
        }
        let mut other = certificate.clone();
        other[17] = 0x09;
        assert_eq!(end_point(&other), None);
        assert_eq!(end_point(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
