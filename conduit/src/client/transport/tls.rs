//! TLS to a server: whom a client trusts, and the handshake.

use std::{fs, io, path::Path, sync::Arc};

use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

/// What a TLS handshake needs.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
    server: ServerName<'static>,
}

/// A connection with TLS.
pub(super) type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

impl Tls {
    /// TLS to `host`, whose certificate must lead to one in the file `roots`, or to one that the system trusts.
    ///
    /// # Errors
    /// What is wrong with the host or the file.
    pub(super) fn new(host: &str, roots: Option<&Path>) -> Result<Self, String> {
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let server = ServerName::try_from(name).map_err(|error| format!("`{host}` is no name of a server: {error}"))?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let config = match roots {
            Some(file) => config.with_root_certificates(read(file)?),
            None => config.with_platform_verifier().map_err(|error| {
                format!(
                    "the root certificates of this system can't be used: {error}; give one with `.root_certificate(..)`"
                )
            })?,
        };
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), server })
    }

    /// # Errors
    /// Why there is no connection, and what may help.
    pub(super) async fn connect(&self, stream: TcpStream) -> Result<TlsStream, String> {
        self.connector.connect(self.server.clone(), stream).await.map_err(|error| explain(&error))
    }
}

fn explain(error: &io::Error) -> String {
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(why)) if why.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate is that of an authority (`CA:TRUE`), which may sign others and not be shown by a server: have \
             it sign one for the server, or make one with `basicConstraints=critical,CA:FALSE`"
                .into()
        }
        Some(rustls::Error::InvalidCertificate(why)) => format!(
            "its certificate is not trusted: {why}; if it is the right server, give the root that signed its certificate \
             with `.root_certificate(..)`"
        ),
        Some(rustls::Error::InvalidMessage(_)) => {
            format!("the server does not speak TLS at this port: wanted may be `ws://` ({error})")
        }
        _ => format!("the TLS handshake failed: {error}"),
    }
}

fn read(file: &Path) -> Result<RootCertStore, String> {
    let fault = |why: String| format!("the root certificate is {}, which {why}", file.display());
    let pem = fs::read(file).map_err(|error| fault(format!("can't be read: {error}")))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| fault(format!("is no PEM file: {error}")))?;
        roots.add(certificate).map_err(|error| fault(format!("holds a certificate that can't be used: {error}")))?;
    }
    if roots.is_empty() {
        return Err(fault("holds no certificate: wanted is PEM text with `-----BEGIN CERTIFICATE-----`".into()));
    }
    Ok(roots)
}
