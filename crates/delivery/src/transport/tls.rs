//! TLS towards carriers (R32): the system's roots or a file of them, and a certificate of one's own where the carrier wants one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::CarrierFault;

/// What to trust, and what to show.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust {
    pub(super) roots: Option<PathBuf>,
    pub(super) identity: Option<(PathBuf, PathBuf)>,
}

pub(super) fn certificates(carrier: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, CarrierFault> {
    let wrong = |error: rustls::pki_types::pem::Error| {
        CarrierFault::new(carrier, format!("{}: {error}", path.display()))
    };
    let found: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(wrong)?.collect::<Result<_, _>>().map_err(wrong)?;
    if found.is_empty() {
        return Err(CarrierFault::new(carrier, format!("{}: no certificate", path.display())));
    }
    Ok(found)
}

impl Trust {
    pub(super) fn config(&self, carrier: &str) -> Result<Arc<ClientConfig>, CarrierFault> {
        let wrong = |error: rustls::Error| CarrierFault::new(carrier, error.to_string());
        let mut roots = RootCertStore::empty();
        match &self.roots {
            Some(path) => {
                for root in certificates(carrier, path)? {
                    roots.add(root).map_err(wrong)?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        if roots.is_empty() {
            return Err(CarrierFault::new(carrier, "there are no roots to trust"));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(wrong)?
            .with_root_certificates(roots);
        let config = match &self.identity {
            Some((chain, key)) => {
                let key = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| CarrierFault::new(carrier, format!("{}: {error}", key.display())))?;
                builder.with_client_auth_cert(certificates(carrier, chain)?, key).map_err(wrong)?
            }
            None => builder.with_no_client_auth(),
        };
        Ok(Arc::new(config))
    }
}
