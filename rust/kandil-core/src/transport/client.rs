//! Sends requests, on connections that are kept.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Method, Uri, Version};
use tokio::net::TcpStream;
use tokio::time::timeout_at;

use super::http1::Http1;
use super::http2::{Http2, Stream};
use super::origin::Origin;
use super::reply::{Limits, Reply};
use super::tls::{Store, Trust, secured};
use super::tunnel::{Proxy, ProxyScheme, lead};
use super::wire::Wire;
use super::{Answer, Came, Fault, Phase, Request, dial};

/// Connections that a request is tried on. Further ones only where the server has surely not looked at it.
const MOST_TRIES: usize = 4;

/// What holds for a whole thread. By default: no proxies, and the system's certificates.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// By origin, as `https://api.example.com`: who leads there. All others are gone to straight.
    pub proxies: HashMap<String, Proxy>,
    /// Addresses of names, in place of what the system says.
    pub addresses: HashMap<String, Vec<IpAddr>>,
}

/// Settings, with what takes time or may fail.
pub(super) struct Prepared {
    settings: Settings,
    trust: Result<Trust, Fault>,
}

impl Settings {
    /// Reads the certificates that the system, or `SSL_CERT_FILE` or `SSL_CERT_DIR`, says.
    pub(super) fn prepared(self) -> Prepared {
        Prepared { settings: self, trust: Trust::new(&Store::of_environment()) }
    }
}

/// Connections to any number of servers. Of one thread.
pub struct Client {
    settings: RefCell<Settings>,
    trust: Result<Trust, Fault>,
    origins: RefCell<HashMap<(Scheme, Authority), Rc<Origin>>>,
}

enum Connection {
    One(Box<Http1>),
    Many(Rc<Http2>),
}

impl Client {
    pub(super) fn new(prepared: Prepared) -> Client {
        let Prepared { settings, trust } = prepared;
        Client { settings: RefCell::new(settings), trust, origins: RefCell::default() }
    }

    /// The answer, whole. Dropping the future ends the request: its connection is closed, or its stream reset.
    ///
    /// Redirects are answers as others are. A request on a kept connection that the server closed meanwhile, without
    /// a word, goes once more, on a new one.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn send(&self, request: Request) -> Result<Answer, Fault> {
        self.open(request).await?.answer().await
    }

    /// The answer, when its head has come. As [`Client::send`], else; `largest_body` is not looked at.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn open(&self, mut request: Request) -> Result<Reply, Fault> {
        request.deadlines = request.deadlines.clamped();
        let origin = self.origin(&request.uri)?;
        let total = request.deadlines.total.map(|total| Instant::now() + total);
        let mut fresh = false;
        let mut tries = 1;
        loop {
            let (fault, untouched) = match self.connection(&origin, request.deadlines.connect, total, fresh).await? {
                Connection::One(mut one) => match one.head(&request, &origin.authority, total).await {
                    Ok(response) => return Ok(Reply::one(one, response, origin, Limits::new(&request, total))),
                    Err(no) => {
                        fresh = true;
                        (no.fault, no.untouched && one.reused)
                    }
                },
                Connection::Many(shared) => {
                    let (sender, stream) = shared.stream();
                    let sent = for_http2(&request);
                    match stream.head(sender, sent, request.body.clone(), &request.deadlines, total).await {
                        Ok(response) => return Ok(Reply::many(stream, response, origin, Limits::new(&request, total))),
                        Err(no) => {
                            retire_if_silent(&no.fault, &stream);
                            (no.fault, no.untouched)
                        }
                    }
                }
            };
            if !untouched || tries == MOST_TRIES {
                return Err(fault);
            }
            tries += 1;
        }
    }

    /// Who leads to an origin from now on; None: nobody. Connections that are there are used as they are.
    pub fn set_proxy(&self, origin: String, proxy: Option<Proxy>) {
        let proxies = &mut self.settings.borrow_mut().proxies;
        match proxy {
            Some(proxy) => proxies.insert(origin, proxy),
            None => proxies.remove(&origin),
        };
    }

    /// The addresses of a name, in place of what the system says. Those that were found before are not used any more.
    pub fn set_addresses(&self, name: String, addresses: Vec<IpAddr>) {
        self.origins.borrow().values().filter(|origin| origin.host == name).for_each(|origin| forget(origin));
        self.settings.borrow_mut().addresses.insert(name, addresses);
    }

    /// What was not used for long, or was ended by its server, is closed.
    pub fn sweep(&self) {
        self.origins.borrow().values().for_each(|origin| origin.sweep());
    }

    /// To all servers together: connections that wait for a request, and those that take many at once.
    pub fn connections(&self) -> (usize, usize) {
        let origins = self.origins.borrow();
        origins.values().map(|origin| origin.connections()).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    fn origin(&self, uri: &Uri) -> Result<Rc<Origin>, Fault> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(Fault::Url("it has no scheme or no host"));
        };
        let key = (scheme.clone(), authority.clone()); // costs less than a string made of them
        if let Some(origin) = self.origins.borrow().get(&key) {
            return Ok(Rc::clone(origin));
        }
        let origin = Rc::new(self.new_origin(scheme.as_str(), authority)?);
        self.origins.borrow_mut().insert(key, Rc::clone(&origin));
        Ok(origin)
    }

    fn new_origin(&self, scheme: &str, authority: &Authority) -> Result<Origin, Fault> {
        let (plain, usual) = match scheme {
            "http" => (true, 80),
            "https" => (false, 443),
            _ => return Err(Fault::Url("it does not begin with https://")),
        };
        if authority.as_str().contains('@') {
            return Err(Fault::Url("a name or a password stands before the host; keys are kept in the keyring"));
        }
        let port = match authority.port() {
            Some(port) if port.as_u16() == 0 => return Err(Fault::Url("there is no port 0")),
            port => port.map_or(usual, |port| port.as_u16()),
        };
        let written = authority.host().to_ascii_lowercase();
        let shown = if port == usual { written.clone() } else { format!("{written}:{port}") };
        let host = written.trim_matches(['[', ']']).trim_end_matches('.');
        if let Some(fault) = dial::unusable(host, plain) {
            return Err(fault);
        }
        let named = HeaderValue::from_str(&shown).map_err(|_| Fault::Url("no host can be called this"))?;
        let proxy = self.settings.borrow().proxies.get(&format!("{scheme}://{shown}")).cloned();
        Ok(Origin::new(host, port, plain, named, proxy))
    }

    /// A kept one, or a new one; `fresh`: none that was kept for one request.
    async fn connection(
        &self,
        origin: &Rc<Origin>,
        within: Duration,
        total: Option<Instant>,
        fresh: bool,
    ) -> Result<Connection, Fault> {
        if !fresh && let Some(one) = origin.kept() {
            return Ok(Connection::One(one));
        }
        if let Some(shared) = origin.shared() {
            return Ok(Connection::Many(shared));
        }
        let by = Instant::now() + within;
        let until = total.map_or(by, |total| total.min(by));
        let phase = std::cell::Cell::new(Phase::Tcp);
        match timeout_at(until.into(), self.opened(origin, &phase)).await {
            Err(_) if until < by => Err(Fault::TotalTimeout(Came::default())),
            Err(_) => {
                forget(origin);
                Err(Fault::ConnectTimeout(phase.get()))
            }
            Ok(Err(fault)) => {
                forget(origin);
                Err(fault)
            }
            Ok(opened) => opened,
        }
    }

    async fn opened(&self, origin: &Rc<Origin>, phase: &std::cell::Cell<Phase>) -> Result<Connection, Fault> {
        // Until it is known that each request needs one of its own, connections are opened one by one.
        let first = if origin.speaks_http1.get() { None } else { Some(origin.opening.lock().await) };
        if let Some(shared) = origin.shared() {
            return Ok(Connection::Many(shared)); // which somebody else has opened meanwhile
        }
        let first = first.filter(|_| !origin.speaks_http1.get());
        let _turn = origin.dials.acquire().await;
        let wire = self.wire(origin, phase).await?;
        let opened = if wire.is_http2() {
            Connection::Many(origin.share(Http2::open(wire).await?))
        } else {
            origin.speaks_http1.set(true);
            Connection::One(Box::new(Http1::new(wire)))
        };
        drop(first);
        Ok(opened)
    }

    async fn wire(&self, origin: &Origin, phase: &std::cell::Cell<Phase>) -> Result<Wire, Fault> {
        let stream = self.tcp(origin, phase).await;
        let Some(proxy) = &origin.proxy else {
            let stream = stream?;
            if origin.plain {
                return Ok(Wire::Plain(stream));
            }
            phase.set(Phase::Tls);
            let trust = self.trust.as_ref().map_err(Clone::clone)?;
            let stream = secured(stream, &origin.host, &trust.server).await?;
            return Ok(Wire::Tls(Box::new(stream)));
        };
        let unreached = |fault: Fault| Fault::Proxy { reason: fault.to_string(), status: None };
        let mut stream = stream.map_err(unreached)?;
        let trust = self.trust.as_ref().map_err(Clone::clone)?;
        phase.set(Phase::Proxy);
        let to = &origin.host;
        if proxy.scheme == ProxyScheme::Https {
            let mut stream = secured(stream, &proxy.host, &trust.proxy).await.map_err(unreached)?;
            lead(&mut stream, proxy, to, origin.port).await?;
            phase.set(Phase::Tls);
            return Ok(Wire::Nested(Box::new(secured(stream, to, &trust.server).await?)));
        }
        lead(&mut stream, proxy, to, origin.port).await?;
        phase.set(Phase::Tls);
        Ok(Wire::Tls(Box::new(secured(stream, to, &trust.server).await?)))
    }

    /// To the server, or its proxy.
    async fn tcp(&self, origin: &Origin, phase: &std::cell::Cell<Phase>) -> Result<TcpStream, Fault> {
        phase.set(Phase::Name);
        let (host, port) = origin.proxy.as_ref().map_or((&origin.host, origin.port), |it| (&it.host, it.port));
        let mut known = origin.addresses.lock().await;
        if known.is_empty() {
            let given = self.settings.borrow().addresses.get(host).cloned();
            *known = match given {
                Some(given) => {
                    let given: Vec<_> = given.into_iter().map(|address| (address, port).into()).collect();
                    dial::allowed(&given, origin.plain)?
                }
                None => dial::look_up(host, port, origin.plain).await?,
            };
        }
        let addresses = known.clone();
        drop(known);
        phase.set(Phase::Tcp);
        dial::connect(&addresses).await
    }
}

/// Names are looked up again before the next connection.
fn forget(origin: &Origin) {
    if let Ok(mut known) = origin.addresses.try_lock() {
        known.clear();
    }
}

/// A connection on which nothing comes any more may be dead without anybody having said so.
fn retire_if_silent(fault: &Fault, stream: &Stream) {
    if matches!(fault, Fault::FirstByteTimeout | Fault::SendTimeout) {
        stream.retire();
    }
}

/// Without what is of HTTP/1.1 alone (RFC 9113, 8.2.2).
fn for_http2(request: &Request) -> http::Request<()> {
    let mut sent = http::Request::new(());
    *sent.method_mut() = request.method.clone();
    *sent.uri_mut() = request.uri.clone();
    *sent.version_mut() = Version::HTTP_2;
    let headers = sent.headers_mut();
    *headers = request.headers.clone();
    for name in [HOST, CONNECTION, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
    headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.len()));
    if request.body.is_empty() && [Method::GET, Method::HEAD].contains(&request.method) {
        headers.remove(CONTENT_LENGTH);
    }
    sent
}
