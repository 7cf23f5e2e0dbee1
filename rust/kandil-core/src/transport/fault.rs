//! What may fail between a request and its answer.

use std::fmt;

/// Why there is no answer. Nothing here repeats a header or a body.
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
    /// The system gave another reason for making no connection.
    Connect(String),
    /// No connection in time.
    ConnectTimeout,
    /// There is no connection that can be trusted.
    Tls(TlsFault, String),
    /// The connection ended before the answer's head.
    Lost(String),
    /// No head in time.
    FirstByteTimeout,
    /// The body ended before its end.
    BodyCut(String),
    /// A part of the body did not come in time.
    IdleTimeout,
    /// All together took too long.
    TotalTimeout,
    /// The body is larger than was allowed.
    TooLarge(u64),
    /// What came is no HTTP, or cannot be unpacked.
    Malformed(String),
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
    /// The system's certificates cannot be read.
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
                | Fault::Connect(_)
                | Fault::ConnectTimeout
                | Fault::Tls(..)
        )
    }

    /// Whether the server took too long.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Fault::FirstByteTimeout | Fault::IdleTimeout | Fault::TotalTimeout)
    }

    /// A word for each kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::Url(_) => "url",
            Fault::Name { .. } => "name",
            Fault::Address { .. } => "address",
            Fault::ConnectionRefused => "connection-refused",
            Fault::Connect(_) => "connect",
            Fault::ConnectTimeout => "connect-timeout",
            Fault::Tls(..) => "tls",
            Fault::Lost(_) => "lost",
            Fault::FirstByteTimeout => "first-byte-timeout",
            Fault::BodyCut(_) => "body-cut",
            Fault::IdleTimeout => "idle-timeout",
            Fault::TotalTimeout => "total-timeout",
            Fault::TooLarge(_) => "too-large",
            Fault::Malformed(_) => "malformed",
        }
    }
}

impl TlsFault {
    /// A word for each.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            TlsFault::Expired => "expired",
            TlsFault::NotYetValid => "not-yet-valid",
            TlsFault::WrongHost => "wrong-host",
            TlsFault::UnknownIssuer => "unknown-issuer",
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
        match self {
            Fault::Url(reason) => write!(to, "{reason}"),
            Fault::Address { address, reason } => write!(to, "{address}: {reason}"),
            Fault::Tls(_, reason)
            | Fault::Name { reason, .. }
            | Fault::Connect(reason)
            | Fault::Lost(reason)
            | Fault::BodyCut(reason)
            | Fault::Malformed(reason) => write!(to, "{}: {reason}", self.kind()),
            Fault::TooLarge(most) => write!(to, "more than {most} bytes"),
            _ => to.write_str(self.kind()),
        }
    }
}

impl std::error::Error for Fault {}
