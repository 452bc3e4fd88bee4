//! TLS of the server's own: certificate and key from files, and the handshake.

use std::{fs, io, path::Path, sync::Arc};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
    server::TlsStream,
};

/// What a TLS handshake needs.
#[derive(Clone)]
pub(crate) struct Tls(TlsAcceptor);

impl Tls {
    /// Reads the certificate with those that lead to its root, and its key.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Self, Vec<String>> {
        let (chain, private) = match (certificates(certificate), private_key(key)) {
            (Ok(chain), Ok(private)) => (chain, private),
            (chain, private) => return Err(chain.err().into_iter().chain(private.err()).collect()),
        };
        let unusable = |error: rustls::Error| {
            let (certificate, key) = (certificate.display(), key.display());
            vec![match error {
                rustls::Error::InconsistentKeys(_) => {
                    format!("`tls_key` is {key}, which is the key of another certificate than {certificate}")
                }
                error => format!("`tls_certificate` {certificate} and `tls_key` {key} can't be used: {error}"),
            }]
        };
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().map_err(unusable)?;
        let mut config = config.with_no_client_auth().with_single_cert(chain, private).map_err(unusable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let fault = |why: String| format!("`tls_certificate` is {}, which {why}", file.display());
    let pem = fs::read(file).map_err(|error| fault(format!("can't be read: {error}")))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match chain.map_err(|error| fault(format!("is no PEM file: {error}")))? {
        empty if empty.is_empty() => Err(fault(
            "holds no certificate: wanted is PEM text with `-----BEGIN CERTIFICATE-----`, the server's own first"
                .into(),
        )),
        chain => Ok(chain),
    }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let fault = |why: String| format!("`tls_key` is {}, which {why}", file.display());
    let pem = fs::read(file).map_err(|error| fault(format!("can't be read: {error}")))?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| {
        fault(format!(
            "holds no private key: wanted is PEM text with `-----BEGIN PRIVATE KEY-----`, without a passphrase ({error})"
        ))
    })
}
