//! A server: what is known of it, and the connections to it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use tokio::sync::{Mutex, Semaphore};

use super::http1::Http1;
use super::http2::Http2;
use super::tunnel::Proxy;

/// Servers end what has been idle for a minute, as a rule: what is older is not used again.
const LONGEST_IDLE: Duration = Duration::from_secs(50);
/// Connections that are being opened at once; more only make each other slow.
const DIALS: usize = 64;

/// A connection that waits for its next request.
struct Idle {
    connection: Box<Http1>,
    since: Instant,
}

/// Scheme, host and port; and what is known of them.
pub(super) struct Origin {
    /// Without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) plain: bool,
    /// The header of this name.
    pub(super) authority: HeaderValue,
    pub(super) proxy: Option<Proxy>,
    /// Known, once one connection has told.
    pub(super) speaks_http1: Cell<bool>,
    /// The last one used is the first to be used again: the others end in peace.
    idle: RefCell<VecDeque<Idle>>,
    shared: RefCell<Vec<Rc<Http2>>>,
    /// Looked up once, and again when no connection could be made. Held while somebody does.
    pub(super) addresses: Mutex<Vec<SocketAddr>>,
    /// Held while a first connection is opened, or one for many requests.
    pub(super) opening: Mutex<()>,
    pub(super) dials: Semaphore,
}

impl Origin {
    pub(super) fn new(host: &str, port: u16, plain: bool, authority: HeaderValue, proxy: Option<Proxy>) -> Origin {
        Origin {
            host: host.to_owned(),
            port,
            plain,
            authority,
            proxy,
            speaks_http1: Cell::new(plain),
            idle: RefCell::default(),
            shared: RefCell::default(),
            addresses: Mutex::default(),
            opening: Mutex::new(()),
            dials: Semaphore::new(DIALS),
        }
    }

    /// One that was kept.
    pub(super) fn kept(&self) -> Option<Box<Http1>> {
        loop {
            let Idle { mut connection, since } = self.idle.borrow_mut().pop_back()?;
            if since.elapsed() < LONGEST_IDLE && connection.is_ready() {
                return Some(connection);
            }
        }
    }

    /// For the next request, if it takes one.
    pub(super) fn keep(&self, mut connection: Box<Http1>) {
        connection.reused = true;
        if connection.is_ready() {
            self.idle.borrow_mut().push_back(Idle { connection, since: Instant::now() });
        }
    }

    /// One on which there is room for a stream.
    pub(super) fn shared(&self) -> Option<Rc<Http2>> {
        let mut shared = self.shared.borrow_mut();
        shared.retain(|one| !one.is_closed());
        shared.iter().find(|one| one.has_room()).cloned()
    }

    pub(super) fn share(&self, connection: Http2) -> Rc<Http2> {
        let shared = Rc::new(connection);
        self.shared.borrow_mut().push(Rc::clone(&shared));
        shared
    }

    /// What was not used for long, or has ended, is closed.
    pub(super) fn sweep(&self) {
        self.idle.borrow_mut().retain_mut(|idle| idle.since.elapsed() < LONGEST_IDLE && idle.connection.is_ready());
        let is_wanted =
            |one: &Rc<Http2>| !one.is_closed() && (!one.is_idle() || one.used.get().elapsed() < LONGEST_IDLE);
        self.shared.borrow_mut().retain(is_wanted);
    }

    /// Connections that wait for a request, and those for many.
    pub(super) fn connections(&self) -> (usize, usize) {
        (self.idle.borrow().len(), self.shared.borrow().len())
    }
}
