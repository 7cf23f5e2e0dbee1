//! From a name to a connection that can be trusted.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, Error, InvalidMessage};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address::refusal;
use super::{Fault, TlsFault};

/// RFC 8305: how long the first address has before the next is tried beside it.
const NEXT_AFTER: Duration = Duration::from_millis(250);
const MOST_ADDRESSES: usize = 16;

/// What trusts whom the system trusts; SSL_CERT_FILE and SSL_CERT_DIR take its store's place on Linux.
pub(super) fn trust() -> Result<Arc<ClientConfig>, Fault> {
    let failed = |error: Error| Fault::Tls(TlsFault::TrustStore, error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_platform_verifier()
        .map_err(failed)?
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The addresses of a host that may be connected to.
pub(super) async fn look_up(host: &str, port: u16, plain: bool) -> Result<Vec<SocketAddr>, Fault> {
    let literal = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let found: Vec<SocketAddr> = match literal {
        Some(address) => vec![SocketAddr::new(address, port)],
        None => tokio::net::lookup_host((host, port)).await.map_err(|error| unknown(&error))?.collect(),
    };
    let Some(first) = found.first().copied() else {
        return Err(Fault::Name { reason: "no such name".to_owned(), temporary: false });
    };
    let refused = |address: &SocketAddr| refusal(address.ip(), plain);
    let stray = found.iter().find(|address| plain && refused(address).is_some());
    let mut allowed: Vec<SocketAddr> = found.iter().filter(|address| refused(address).is_none()).copied().collect();
    if stray.is_some() || allowed.is_empty() {
        let address = stray.copied().unwrap_or(first);
        let reason = refused(&address).unwrap_or_default();
        return Err(Fault::Address { address: address.ip().to_string(), reason });
    }
    allowed.dedup();
    allowed.truncate(MOST_ADDRESSES);
    Ok(allowed)
}

fn unknown(error: &io::Error) -> Fault {
    let said = error.to_string();
    let temporary = said.contains("emporary") || error.kind() == io::ErrorKind::TimedOut;
    Fault::Name { reason: said.rsplit(": ").next().unwrap_or_default().to_lowercase(), temporary }
}

/// The first connection that opens; each address is tried when the one before has failed, or is slow.
pub(super) async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, Fault> {
    let mut rest = addresses.iter();
    let Some(first) = rest.next() else { return Err(Fault::Connect("there is no address".to_owned())) };
    let mut current = Box::pin(TcpStream::connect(*first));
    let mut fault = loop {
        let Some(next) = rest.next() else { break current.await };
        match select(current, Box::pin(sleep(NEXT_AFTER))).await {
            Either::Left((Ok(stream), _)) => break Ok(stream),
            Either::Left((Err(_), _)) => current = Box::pin(TcpStream::connect(*next)),
            Either::Right(((), slow)) => match select(slow, Box::pin(TcpStream::connect(*next))).await {
                Either::Left((Ok(stream), _)) | Either::Right((Ok(stream), _)) => break Ok(stream),
                Either::Left((Err(_), other)) => current = other,
                Either::Right((Err(_), slow)) => current = slow,
            },
        }
    };
    if let Ok(stream) = &mut fault {
        let _ = stream.set_nodelay(true);
    }
    fault.map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => Fault::ConnectionRefused,
        _ => Fault::Connect(without_number(&error)),
    })
}

/// TLS over it, verified.
pub(super) async fn secured(
    stream: TcpStream,
    host: &str,
    trust: &Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, Fault> {
    let host = host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).map_err(|_| Fault::Url("no host can be called this"))?;
    TlsConnector::from(Arc::clone(trust)).connect(name, stream).await.map_err(|error| untrusted(&error))
}

fn untrusted(error: &io::Error) -> Fault {
    let Some(cause) = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>()) else {
        return Fault::Tls(TlsFault::Closed, without_number(error));
    };
    let fault = match cause {
        Error::InvalidCertificate(wrong) => match wrong {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsFault::NotYetValid,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => TlsFault::WrongHost,
            CertificateError::UnknownIssuer => TlsFault::UnknownIssuer,
            CertificateError::Revoked => TlsFault::Revoked,
            _ => TlsFault::Certificate,
        },
        Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            TlsFault::NotTls
        }
        _ => TlsFault::Handshake,
    };
    Fault::Tls(fault, cause.to_string())
}

/// The system's words.
pub(super) fn without_number(error: &io::Error) -> String {
    let said = error.to_string();
    said.split(" (os error").next().unwrap_or_default().to_lowercase()
}
