//! Connections to one server, and who waits for one.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use tokio::sync::{Mutex, Semaphore};

/// Streams on one HTTP/2 connection: what servers allow as a rule (RFC 9113 says no fewer than 100).
pub(super) const STREAMS: usize = 100;
/// Connections that are being opened at once; more only make each other slow.
const DIALS: usize = 64;

pub(super) type Body = Full<Bytes>;

/// What a server speaks, once one connection has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    Unknown,
    Http1,
    Http2,
}

/// A connection that waits for its next request.
pub(super) struct Idle {
    pub(super) sender: http1::SendRequest<Body>,
    pub(super) since: Instant,
}

/// A connection for many requests.
pub(super) struct Shared {
    pub(super) sender: http2::SendRequest<Body>,
    pub(super) streams: Cell<usize>,
}

/// Scheme, host and port; and what is known of them.
pub(super) struct Origin {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) plain: bool,
    pub(super) speaks: Cell<Speaks>,
    /// The last one used is the first to be used again: the others end in peace.
    pub(super) idle: RefCell<Vec<Idle>>,
    pub(super) shared: RefCell<Vec<std::rc::Rc<Shared>>>,
    /// Looked up once, and again when a connection has failed.
    pub(super) addresses: RefCell<Vec<SocketAddr>>,
    /// Held while a first connection is opened, or one for many requests.
    pub(super) opening: Mutex<()>,
    pub(super) dials: Semaphore,
}

impl Origin {
    pub(super) fn new(host: &str, port: u16, plain: bool) -> Origin {
        Origin {
            host: host.to_owned(),
            port,
            plain,
            speaks: Cell::new(if plain { Speaks::Http1 } else { Speaks::Unknown }),
            idle: RefCell::default(),
            shared: RefCell::default(),
            addresses: RefCell::default(),
            opening: Mutex::new(()),
            dials: Semaphore::new(DIALS),
        }
    }

    /// One on which there is room.
    pub(super) fn shared(&self) -> Option<std::rc::Rc<Shared>> {
        let mut shared = self.shared.borrow_mut();
        shared.retain(|one| !one.sender.is_closed());
        shared.iter().find(|one| one.streams.get() < STREAMS).cloned()
    }
}
