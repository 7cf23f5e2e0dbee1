//! What may fail between a request and its answer.

use std::fmt;
use std::io;

/// Why there is no answer. Nothing here repeats a header or a body. `kandil.errors.network` has the same words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is ever sent to such a URL.
    Url(&'static str),
    /// The name has no address; `temporary`: nobody said so for sure.
    Name {
        /// The system's words.
        reason: String,
        /// Asking again may help.
        temporary: bool,
    },
    /// The address is one that nothing is sent to.
    Address {
        /// It.
        address: String,
        /// Why.
        reason: &'static str,
    },
    /// Nobody listens.
    ConnectionRefused,
    /// This machine knows no way to the address.
    NoRoute(String),
    /// The system gave another reason for making no connection.
    Connect(String),
    /// No connection in time.
    ConnectTimeout(Phase),
    /// There is no connection that can be trusted.
    Tls {
        /// What is wrong.
        fault: TlsFault,
        /// In the words of who noticed.
        reason: String,
        /// Whom the certificate is for, where it is another's.
        names: Vec<String>,
    },
    /// The proxy made no connection.
    Proxy {
        /// Its own words, or what went wrong on the way to it.
        reason: String,
        /// Of HTTP; 407: it wants a name and a password.
        status: Option<u16>,
    },
    /// The connection ended before the answer's head.
    Lost {
        /// By whom.
        how: How,
        /// More of it.
        reason: String,
    },
    /// The server took nothing more of the request.
    SendTimeout,
    /// No head in time.
    FirstByteTimeout,
    /// The head goes on past so many bytes.
    HeadTooLarge(u64),
    /// The connection ended within the body.
    BodyCut {
        /// By whom.
        how: How,
        /// What came of it.
        came: Came,
    },
    /// A part of the body did not come in time.
    IdleTimeout(Came),
    /// All together took too long.
    TotalTimeout(Came),
    /// The body is larger than was allowed.
    TooLarge {
        /// What was allowed; of a bomb, what it had become.
        most: u64,
        /// It is compressed as no honest answer is.
        bomb: bool,
    },
    /// What came is no HTTP, or cannot be unpacked.
    Malformed(String),
}

/// What was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The name server.
    Name,
    /// The machine.
    Tcp,
    /// The proxy.
    Proxy,
    /// The handshake.
    Tls,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By RST, or `RST_STREAM`.
    Reset,
    /// In order, and too early.
    Closed,
}

/// What came of a body, as it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Came {
    /// Bytes, still compressed.
    pub received: u64,
    /// Where the server said how many.
    pub expected: Option<u64>,
}

/// What is wrong with the TLS of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// Its certificate has expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It is for another name.
    WrongHost,
    /// Nobody whom this system trusts has issued it.
    UnknownIssuer,
    /// It is signed by itself, or by an issuer in its chain that is.
    SelfSigned,
    /// It was revoked.
    Revoked,
    /// Something else is wrong with it.
    Certificate,
    /// What answers speaks no TLS.
    NotTls,
    /// The connection was closed meanwhile.
    Closed,
    /// Both sides have found nothing in common.
    Handshake,
    /// The trusted certificates cannot be read.
    TrustStore,
}

impl Fault {
    /// Whether the server may have seen the request.
    #[must_use]
    pub fn sent(&self) -> bool {
        !matches!(
            self,
            Fault::Url(_)
                | Fault::Name { .. }
                | Fault::Address { .. }
                | Fault::ConnectionRefused
                | Fault::NoRoute(_)
                | Fault::Connect(_)
                | Fault::ConnectTimeout(_)
                | Fault::Tls { .. }
                | Fault::Proxy { .. }
        )
    }

    /// Whether the server took too long.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Fault::SendTimeout | Fault::FirstByteTimeout | Fault::IdleTimeout(_) | Fault::TotalTimeout(_))
    }

    /// A word for each kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::Url(_) => "url-unusable",
            Fault::Name { .. } => "host-not-found",
            Fault::Address { .. } => "address-refused",
            Fault::ConnectionRefused => "connection-refused",
            Fault::NoRoute(_) => "no-route",
            Fault::Connect(_) => "connect-failed",
            Fault::ConnectTimeout(_) => "connect-timeout",
            Fault::Tls { .. } => "tls-failed",
            Fault::Proxy { .. } => "proxy-failed",
            Fault::Lost { .. } => "connection-lost",
            Fault::SendTimeout => "send-timeout",
            Fault::FirstByteTimeout => "first-byte-timeout",
            Fault::BodyCut { .. } => "body-cut",
            Fault::IdleTimeout(_) => "idle-timeout",
            Fault::TotalTimeout(_) => "total-timeout",
            Fault::HeadTooLarge(_) | Fault::TooLarge { .. } => "reply-too-large",
            Fault::Malformed(_) => "reply-malformed",
        }
    }

    pub(super) fn tls(fault: TlsFault, reason: impl Into<String>) -> Fault {
        Fault::Tls { fault, reason: reason.into(), names: Vec::new() }
    }
}

impl Phase {
    /// A word for each.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Phase::Name => "name",
            Phase::Tcp => "tcp",
            Phase::Proxy => "proxy",
            Phase::Tls => "tls",
        }
    }
}

impl How {
    /// A word for each.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            How::Reset => "reset",
            How::Closed => "closed",
        }
    }

    pub(super) fn of(error: &io::Error) -> How {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => How::Reset,
            _ => How::Closed,
        }
    }
}

impl TlsFault {
    /// A word for each.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            TlsFault::Expired => "expired",
            TlsFault::NotYetValid => "not-yet-valid",
            TlsFault::WrongHost => "wrong-host",
            TlsFault::UnknownIssuer => "unknown-issuer",
            TlsFault::SelfSigned => "self-signed",
            TlsFault::Revoked => "revoked",
            TlsFault::Certificate => "certificate",
            TlsFault::NotTls => "not-tls",
            TlsFault::Closed => "closed",
            TlsFault::Handshake => "handshake",
            TlsFault::TrustStore => "trust-store",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Fault::Url(reason) => write!(to, "{reason}"),
            Fault::Address { address, reason } => write!(to, "{address}: {reason}"),
            Fault::ConnectTimeout(phase) => write!(to, "{kind}: {}", phase.word()),
            Fault::Tls { fault, reason, .. } => write!(to, "{kind}: {}: {reason}", fault.word()),
            Fault::Lost { how, .. } | Fault::BodyCut { how, .. } => write!(to, "{kind}: {}", how.word()),
            Fault::Name { reason, .. }
            | Fault::NoRoute(reason)
            | Fault::Connect(reason)
            | Fault::Proxy { reason, .. }
            | Fault::Malformed(reason) => write!(to, "{kind}: {reason}"),
            Fault::HeadTooLarge(most) | Fault::TooLarge { most, .. } => write!(to, "{kind}: more than {most} bytes"),
            _ => to.write_str(kind),
        }
    }
}

impl std::error::Error for Fault {}

/// The system's words.
pub(super) fn without_number(error: &io::Error) -> String {
    let said = error.to_string();
    said.split(" (os error").next().unwrap_or_default().to_lowercase()
}
