//! TLS: always verified, by what the system trusts; and why it failed.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, InvalidMessage, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::is_self_issued;
use super::fault::without_number;
use super::{Fault, TlsFault};

const MOST_NAMES: usize = 8;

/// Where the trusted certificates are.
#[derive(Clone, Debug, Default)]
pub(super) enum Store {
    #[default]
    System,
    File(OsString),
    Folder(OsString),
}

impl Store {
    /// `SSL_CERT_FILE`, or else `SSL_CERT_DIR`, takes the system's place.
    pub(super) fn of_environment() -> Store {
        let given = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        match (given("SSL_CERT_FILE"), given("SSL_CERT_DIR")) {
            (Some(file), _) => Store::File(file),
            (None, Some(folder)) => Store::Folder(folder),
            (None, None) => Store::System,
        }
    }
}

/// How servers are spoken to, and how proxies are: those that only make a connection for us speak no HTTP/2.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    pub(super) server: Arc<ClientConfig>,
    pub(super) proxy: Arc<ClientConfig>,
}

impl Trust {
    /// Reads the certificates.
    pub(super) fn new(store: &Store) -> Result<Trust, Fault> {
        let failed = |error: Error| Fault::tls(TlsFault::TrustStore, error.to_string());
        let verifier = SelfSigned(verifier(store)?);
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .dangerous() // nothing is: the verifier asks the system's
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        let proxy = Arc::new(config.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Trust { server: Arc::new(config), proxy })
    }
}

fn verifier(store: &Store) -> Result<Arc<dyn ServerCertVerifier>, Fault> {
    let unread = |reason: String| Fault::tls(TlsFault::TrustStore, reason);
    let provider = Arc::new(default_provider());
    let mut roots = RootCertStore::empty();
    match store {
        Store::System => {
            return match Verifier::new(provider) {
                Ok(verifier) => Ok(Arc::new(verifier)),
                Err(error) => Err(unread(error.to_string())),
            };
        }
        Store::File(path) => add(&mut roots, Path::new(path)).map_err(unread)?,
        Store::Folder(path) => {
            for entry in std::fs::read_dir(path).map_err(|error| unread(without_number(&error)))?.flatten() {
                let _ = add(&mut roots, &entry.path()); // there may be other files, as OpenSSL has it
            }
        }
    }
    if roots.is_empty() {
        return Err(unread("no certificates are there".to_owned()));
    }
    let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    built.map(|verifier| verifier as Arc<dyn ServerCertVerifier>).map_err(|error| unread(error.to_string()))
}

fn add(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let content = std::fs::read(path).map_err(|error| without_number(&error))?;
    let found = CertificateDer::pem_slice_iter(&content).collect::<Result<Vec<_>, _>>();
    roots.add_parsable_certificates(found.map_err(|_| "they are no PEM".to_owned())?);
    Ok(())
}

/// Of a certificate that nobody trusted has issued, tells whether it was issued by itself.
#[derive(Debug)]
struct SelfSigned(Arc<dyn ServerCertVerifier>);

impl ServerCertVerifier for SelfSigned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let last = intermediates.last().unwrap_or(end_entity);
        match verified {
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::Other(_)))
                if is_self_issued(last) =>
            {
                Err(Error::General(SELF_SIGNED.to_owned()))
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

const SELF_SIGNED: &str = "self-signed";

/// TLS over it, verified.
pub(super) async fn secured<Io: AsyncRead + AsyncWrite + Unpin>(
    stream: Io,
    host: &str,
    config: &Arc<ClientConfig>,
) -> Result<TlsStream<Io>, Fault> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Fault::Url("no host can be called this"))?;
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await.map_err(|error| failure(&error))
}

fn failure(error: &io::Error) -> Fault {
    let Some(cause) = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>()) else {
        let reset = error.kind() == io::ErrorKind::ConnectionReset;
        return Fault::tls(TlsFault::Closed, if reset { "reset" } else { "" });
    };
    let mut names = Vec::new();
    let fault = match cause {
        Error::General(said) if said == SELF_SIGNED => return Fault::tls(TlsFault::SelfSigned, ""),
        Error::InvalidCertificate(wrong) => match wrong {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsFault::NotYetValid,
            CertificateError::NotValidForName => TlsFault::WrongHost,
            CertificateError::NotValidForNameContext { presented, .. } => {
                names = presented.iter().take(MOST_NAMES).map(|name| bare(name)).collect();
                TlsFault::WrongHost
            }
            CertificateError::UnknownIssuer => TlsFault::UnknownIssuer,
            CertificateError::Revoked => TlsFault::Revoked,
            _ => TlsFault::Certificate,
        },
        Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            TlsFault::NotTls
        }
        _ => TlsFault::Handshake,
    };
    Fault::Tls { fault, reason: cause.to_string().to_lowercase(), names }
}

/// `DnsName("example.org")`, as webpki writes a certificate's names, without what is around it.
fn bare(name: &str) -> String {
    name.split('"').nth(1).unwrap_or(name).to_owned()
}
