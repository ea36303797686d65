//! Mutual TLS (R32): TLS 1.3 (RFC 8446) and nothing older, on which the client must show a certificate of an authority that the
//! service trusts; and whose certificate it is.
//!
//! The authority says that a certificate is real; whose account it opens is registered here, certificate by certificate
//! ([`Clients::of_certificate`]). A token that is bound to the certificate (RFC 8705) is then good on such connections alone.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, version};
use zamok_cabinet::Cabinet;

use crate::error::Error;
use crate::request::{Client, Clients};
use crate::token::CertificateHash;

/// Why no configuration came of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// No authority is named, or what is named is no certificate.
    #[error("the authorities cannot be used: {0}")]
    Authorities(String),
    /// The chain or the key of one's own cannot be used.
    #[error("one's own certificate or key cannot be used: {0}")]
    Own(#[source] rustls::Error),
}

/// What one side of a connection knows: the authorities of the other side's certificates, its own chain and key.
#[derive(Debug)]
pub struct MutualTls {
    authorities: RootCertStore,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    revoked: Vec<CertificateRevocationListDer<'static>>,
}

impl MutualTls {
    /// The authorities that sign the other side's certificates, and one's own chain, its own certificate first, with its key.
    ///
    /// # Errors
    /// [`Fault::Authorities`] when none is named, or one is no certificate.
    pub fn new(
        authorities: impl IntoIterator<Item = CertificateDer<'static>>,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, Fault> {
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(authority).map_err(|error| Fault::Authorities(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(Fault::Authorities("none is named".into()));
        }
        Ok(Self { authorities: roots, chain, key, revoked: Vec::new() })
    }

    /// Refuses certificates that these lists of the authorities revoke. Once a list is named, every authority of a chain must
    /// have one.
    #[must_use]
    pub fn with_revocations(
        self,
        lists: impl IntoIterator<Item = CertificateRevocationListDer<'static>>,
    ) -> Self {
        Self { revoked: lists.into_iter().collect(), ..self }
    }

    /// The configuration of a server: TLS 1.3 alone, no client without a certificate, which each connection shows anew, and no
    /// early data, which could be repeated.
    ///
    /// # Errors
    /// [`Fault::Authorities`] for lists of revocations that cannot be read; [`Fault::Own`].
    pub fn server(self) -> Result<ServerConfig, Fault> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(self.authorities), Arc::clone(&provider))
                .with_crls(self.revoked)
                .build()
                .map_err(|error| Fault::Authorities(error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(Fault::Own)?
            .with_client_cert_verifier(clients)
            .with_single_cert(self.chain, self.key)
            .map_err(Fault::Own)?;
        // Whoever resumes a session shows no certificate, and nobody looks whether the one from before is still good: it could
        // have expired long ago. So there is nothing to resume.
        config.send_tls13_tickets = 0;
        debug_assert_eq!(config.max_early_data_size, 0);
        Ok(config)
    }

    /// The configuration of a client that shows its certificate, over TLS 1.3 alone.
    ///
    /// # Errors
    /// [`Fault::Own`]. Lists of revocations are for servers; a client passes them over.
    pub fn client(self) -> Result<ClientConfig, Fault> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(Fault::Own)?
            .with_root_certificates(self.authorities)
            .with_client_auth_cert(self.chain, self.key)
            .map_err(Fault::Own)
    }
}

/// The client of a connection, by the chain that it showed (`peer_certificates` of `rustls`), with the hash that tokens are
/// bound to.
///
/// # Errors
/// As [`client_of_from`], from an unknown address.
pub fn client_of(
    cabinet: &Cabinet,
    chain: Option<&[CertificateDer<'_>]>,
) -> Result<(Client, CertificateHash), Error> {
    client_of_from(cabinet, chain, None)
}

/// The same, of a connection from this address, which the limits of the account are held against (R18). Where those name
/// networks, an unknown address is outside of them.
///
/// # Errors
/// [`zamok_core::Error::Rejected`] without a certificate, and for one that is not registered, was revoked, or whose account is
/// not open; [`zamok_cabinet::Error::OutsideLimits`]; the vault's and the store's.
pub fn client_of_from(
    cabinet: &Cabinet,
    chain: Option<&[CertificateDer<'_>]>,
    address: Option<IpAddr>,
) -> Result<(Client, CertificateHash), Error> {
    // Of what is behind the first, TLS has no proof that anybody holds its key.
    let certificate = chain.and_then(<[_]>::first).ok_or(Error::REJECTED)?;
    let hash = CertificateHash::of(certificate);
    Clients::new(cabinet).of_certificate_from(hash, address).map(|client| (client, hash))
}
