//! HTTP on a thread of its own: requests in, answers out, within deadlines and bounds.
//!
//! * [`Client`]: sends requests, on connections that are kept; lives on one thread.
//! * [`Thread`]: that thread; [`Waker`]: how it calls another that waits for a file descriptor.
//! * [`Relay`]: both, for a thread that sends requests and takes what comes.
//!
//! Servers are hostile: heads, bodies and what bodies unpack to are bounded; TLS is always verified, by what the
//! system trusts; `http` is for this machine alone; link-local and metadata addresses are never connected to.

mod address;
mod certificate;
mod client;
mod dial;
mod fault;
mod framing;
mod http1;
mod http2;
mod origin;
mod relay;
mod reply;
mod thread;
mod tls;
mod tunnel;
mod unpack;
mod waker;
mod wire;

#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};

pub use client::{Client, Settings};
pub use fault::{Came, Fault, How, Phase, TlsFault};
pub use relay::{Head, News, Relay};
pub use reply::Reply;
pub use thread::Thread;
pub use tunnel::{Proxy, ProxyScheme};
pub use waker::Waker;

/// What is sent. The URI is whole: scheme, host, path.
#[derive(Clone, Debug)]
pub struct Request {
    /// `POST`, as a rule.
    pub method: Method,
    /// With scheme and host.
    pub uri: Uri,
    /// Those that HTTP itself needs, as `host` and `content-length`, are added or replaced; a key is marked as sensitive.
    pub headers: HeaderMap,
    /// Whole.
    pub body: Bytes,
    /// How long things may take.
    pub deadlines: Deadlines,
    /// Bytes of the answer's body, unpacked: a larger one is an error.
    pub largest_body: u64,
}

/// How long things may take; each ends in a fault of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Name, TCP, proxy and TLS together.
    pub connect: Duration,
    /// From the last byte of the request to the answer's head.
    pub first_byte: Duration,
    /// Between two parts of the body that come, or of the request that go.
    pub idle: Duration,
    /// All together.
    pub total: Option<Duration>,
}

impl Deadlines {
    /// None is longer than a year: clocks can be added to.
    fn clamped(self) -> Deadlines {
        const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        Deadlines {
            connect: self.connect.min(LONGEST),
            first_byte: self.first_byte.min(LONGEST),
            idle: self.idle.min(LONGEST),
            total: self.total.map(|total| total.min(LONGEST)),
        }
    }
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// HTTP's.
    pub status: u16,
    /// As they came.
    pub headers: HeaderMap,
    /// Whole and unpacked.
    pub body: Bytes,
    /// It came on a connection that had served others.
    pub reused: bool,
}
