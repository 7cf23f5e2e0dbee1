//! Sends requests, on connections that are kept.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Response, Uri, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::body::{gathered, unpacked};
use super::origin::{Body, Idle, Origin, Shared, Speaks};
use super::{Answer, Fault, Request, dial};

/// Servers end what has been idle for a minute, as a rule: what is older is not used again.
const LONGEST_IDLE: Duration = Duration::from_secs(50);
const LARGEST_HEAD: usize = 64 << 10;
const MOST_HEADERS: usize = 256;

/// What holds for a whole thread.
#[derive(Clone, Debug, Default)]
pub struct Settings {}

/// Settings, with what takes time or may fail.
pub(super) struct Prepared {
    trust: Arc<ClientConfig>,
}

impl Settings {
    pub(super) fn prepared(self) -> Result<Prepared, Fault> {
        Ok(Prepared { trust: dial::trust()? })
    }
}

/// Connections to any number of servers. Of one thread.
pub struct Client {
    trust: Arc<ClientConfig>,
    origins: RefCell<HashMap<(Scheme, Authority), Rc<Origin>>>,
}

enum Connection {
    One(http1::SendRequest<Body>, bool),
    Many(Rc<Shared>, Stream),
}

/// Counts as one request of a shared connection, until it is dropped.
struct Stream(Rc<Shared>);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get() - 1);
    }
}

impl Client {
    pub(super) fn new(prepared: Prepared) -> Client {
        Client { trust: prepared.trust, origins: RefCell::default() }
    }

    /// The answer, whole. Dropping the future ends the request: its connection is closed, or its stream reset.
    ///
    /// Redirects are answers as others are. A request that a kept connection did not take any more goes on a new one.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn send(&self, request: Request) -> Result<Answer, Fault> {
        match request.deadlines.total {
            None => self.exchange(request).await,
            Some(total) => timeout(total, self.exchange(request)).await.unwrap_or(Err(Fault::TotalTimeout)),
        }
    }

    async fn exchange(&self, request: Request) -> Result<Answer, Fault> {
        let origin = self.origin(&request.uri)?;
        loop {
            let connection = self.connection(&origin, request.deadlines.connect).await?;
            let (response, kept) = match connection {
                Connection::One(mut sender, reused) => {
                    let sent = sender.send_request(for_http1(&request)?);
                    match timeout(request.deadlines.first_byte, sent).await {
                        Err(_) => return Err(Fault::FirstByteTimeout),
                        Ok(Err(error)) if reused && untouched(&error) => continue,
                        Ok(Err(error)) => return Err(broken(&error, false)),
                        Ok(Ok(response)) => (response, Kept::One(sender, reused)),
                    }
                }
                Connection::Many(shared, stream) => {
                    let mut sender = shared.sender.clone();
                    let sent = sender.send_request(for_http2(&request));
                    match timeout(request.deadlines.first_byte, sent).await {
                        Err(_) => return Err(Fault::FirstByteTimeout),
                        Ok(Err(error)) if untouched(&error) => continue,
                        Ok(Err(error)) => return Err(broken(&error, false)),
                        Ok(Ok(response)) => (response, Kept::Many(stream)),
                    }
                }
            };
            return answer(&origin, response, kept, &request).await;
        }
    }

    fn origin(&self, uri: &Uri) -> Result<Rc<Origin>, Fault> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(Fault::Url("it has no scheme or no host"));
        };
        let mut origins = self.origins.borrow_mut();
        // Two clones of a name cost less than a string made of it.
        let key = (scheme.clone(), authority.clone());
        if let Some(origin) = origins.get(&key) {
            return Ok(Rc::clone(origin));
        }
        let plain = match scheme.as_str() {
            "http" => true,
            "https" => false,
            _ => return Err(Fault::Url("it does not begin with https://")),
        };
        if authority.as_str().contains('@') {
            return Err(Fault::Url("a name or a password stands before the host"));
        }
        let port = authority.port_u16().unwrap_or(if plain { 80 } else { 443 });
        let origin = Rc::new(Origin::new(authority.host(), port, plain));
        origins.insert(key, Rc::clone(&origin));
        Ok(origin)
    }

    /// A kept one, or a new one.
    async fn connection(&self, origin: &Rc<Origin>, within: Duration) -> Result<Connection, Fault> {
        while let Some(mut idle) = origin.idle.borrow_mut().pop() {
            if idle.since.elapsed() < LONGEST_IDLE && !idle.sender.is_closed() && idle.sender.is_ready() {
                return Ok(Connection::One(idle.sender, true));
            }
            idle.since = Instant::now();
        }
        if let Some(shared) = origin.shared() {
            return Ok(many(shared));
        }
        match timeout(within, self.opened(origin)).await {
            Err(_) => Err(Fault::ConnectTimeout),
            Ok(Err(fault)) => {
                origin.addresses.borrow_mut().clear();
                Err(fault)
            }
            Ok(opened) => opened,
        }
    }

    async fn opened(&self, origin: &Rc<Origin>) -> Result<Connection, Fault> {
        let first = if origin.speaks.get() == Speaks::Http1 { None } else { Some(origin.opening.lock().await) };
        if first.is_some()
            && let Some(shared) = origin.shared()
        {
            return Ok(many(shared)); // which somebody else has opened meanwhile
        }
        let first = first.filter(|_| origin.speaks.get() != Speaks::Http1);
        let _turn = origin.dials.acquire().await;
        let addresses = self.addresses(origin).await?;
        let stream = dial::connect(&addresses).await?;
        if origin.plain {
            return one(stream).await;
        }
        let stream = dial::secured(stream, &origin.host, &self.trust).await?;
        let opened = if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            origin.speaks.set(Speaks::Http2);
            shared(stream, origin).await
        } else {
            origin.speaks.set(Speaks::Http1);
            one(stream).await
        };
        drop(first);
        opened
    }

    async fn addresses(&self, origin: &Origin) -> Result<Vec<std::net::SocketAddr>, Fault> {
        let known = origin.addresses.borrow().clone();
        if !known.is_empty() {
            return Ok(known);
        }
        let found = dial::look_up(&origin.host, origin.port, origin.plain).await?;
        origin.addresses.replace(found.clone());
        Ok(found)
    }
}

enum Kept {
    One(http1::SendRequest<Body>, bool),
    Many(#[allow(dead_code, reason = "it counts while it is there")] Stream),
}

/// The rest of an answer; its connection is kept when all has come.
async fn answer(origin: &Origin, response: Response<Incoming>, kept: Kept, request: &Request) -> Result<Answer, Fault> {
    let (head, body) = response.into_parts();
    let body = gathered(body, request.largest_body, request.deadlines.idle).await?;
    let body = unpacked(body, &head.headers, request.largest_body)?;
    let reused = match kept {
        Kept::One(sender, reused) => {
            if !sender.is_closed() {
                origin.idle.borrow_mut().push(Idle { sender, since: Instant::now() });
            }
            reused
        }
        Kept::Many(_) => true,
    };
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body, reused })
}

fn many(shared: Rc<Shared>) -> Connection {
    shared.streams.set(shared.streams.get() + 1);
    Connection::Many(Rc::clone(&shared), Stream(shared))
}

async fn one(stream: impl AsyncRead + AsyncWrite + Unpin + 'static) -> Result<Connection, Fault> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(LARGEST_HEAD).max_headers(MOST_HEADERS);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error, false))?;
    spawn_local(async { drop(connection.await) });
    Ok(Connection::One(sender, false))
}

async fn shared(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, origin: &Origin) -> Result<Connection, Fault> {
    let mut builder = http2::Builder::new(Local);
    builder.max_header_list_size(LARGEST_HEAD as u32).initial_max_send_streams(super::origin::STREAMS);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error, false))?;
    spawn_local(async { drop(connection.await) });
    let shared = Rc::new(Shared { sender, streams: Cell::new(0) });
    origin.shared.borrow_mut().push(Rc::clone(&shared));
    Ok(many(shared))
}

/// Runs what HTTP/2 needs on this thread.
#[derive(Clone, Copy)]
struct Local;

impl<Work: Future + 'static> Executor<Work> for Local {
    fn execute(&self, work: Work) {
        spawn_local(async { drop(work.await) });
    }
}

/// The path alone, and the host as a header.
fn for_http1(request: &Request) -> Result<http::Request<Body>, Fault> {
    let mut sent = http::Request::new(Full::new(request.body.clone()));
    let authority = request.uri.authority().map_or("", Authority::as_str);
    *sent.method_mut() = request.method.clone();
    *sent.headers_mut() = request.headers.clone();
    let host = HeaderValue::from_str(authority).map_err(|_| Fault::Url("no host can be called this"))?;
    sent.headers_mut().insert(HOST, host);
    *sent.uri_mut() = request.uri.path_and_query().map_or_else(|| Uri::from_static("/"), |path| path.clone().into());
    Ok(sent)
}

fn for_http2(request: &Request) -> http::Request<Body> {
    let mut sent = http::Request::new(Full::new(request.body.clone()));
    *sent.method_mut() = request.method.clone();
    *sent.headers_mut() = request.headers.clone();
    *sent.uri_mut() = request.uri.clone();
    *sent.version_mut() = Version::HTTP_2;
    sent
}

/// Whether the request was surely not looked at: it may go again.
fn untouched(error: &hyper::Error) -> bool {
    let refused = |cause: &(dyn std::error::Error + 'static)| {
        cause
            .downcast_ref::<h2::Error>()
            .is_some_and(|error| error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM))
    };
    error.is_canceled() || std::error::Error::source(error).is_some_and(refused)
}

/// Why there is no answer, or not all of it.
pub(super) fn broken(error: &hyper::Error, in_body: bool) -> Fault {
    let source = std::error::Error::source(error);
    let io = source.and_then(|cause| cause.downcast_ref::<io::Error>());
    let reason = match io {
        Some(cause) if cause.kind() == io::ErrorKind::ConnectionReset => "reset".to_owned(),
        Some(cause) => dial::without_number(cause),
        None if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => "closed".to_owned(),
        None => error.to_string(),
    };
    if error.is_parse() {
        return Fault::Malformed(reason);
    }
    if in_body { Fault::BodyCut(reason) } else { Fault::Lost(reason) }
}
