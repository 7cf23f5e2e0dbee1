//! A connection for one request at a time. It is driven by who uses it: no task of its own, no hand-over.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::sleep_until;

use super::fault::{How, without_number};
use super::wire::{LARGEST_HEAD, Meter, Wire};
use super::{Came, Deadlines, Fault};

const MOST_HEADERS: usize = 256;

pub(super) type Body = Full<Bytes>;

pub(super) struct Http1 {
    sender: SendRequest<Body>,
    connection: Connection<TokioIo<Wire>, Body>,
    meter: Rc<Meter>,
    /// It has served a request.
    pub(super) reused: bool,
    over: bool,
}

/// No head came. `untouched`: the server closed the connection, and has said nothing.
pub(super) struct NoHead {
    pub(super) fault: Fault,
    pub(super) untouched: bool,
}

impl Http1 {
    pub(super) async fn open(wire: Wire) -> Result<Http1, Fault> {
        let meter = wire.meter();
        let mut builder = Builder::new();
        builder.max_buf_size(LARGEST_HEAD).max_headers(MOST_HEADERS);
        let opened = builder.handshake(TokioIo::new(wire)).await;
        let (sender, connection) = opened.map_err(|error| Fault::Connect(error.to_string()))?;
        Ok(Http1 { sender, connection, meter, reused: false, over: false })
    }

    /// Whether it takes a request. Nobody is woken when that changes.
    pub(super) fn is_ready(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.over && self.sender.is_ready()
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.over {
            self.over = Pin::new(&mut self.connection).poll(cx).is_ready();
        }
    }

    /// Sends it; the answer, when its head has come.
    pub(super) async fn head(
        &mut self,
        request: http::Request<Body>,
        deadlines: &Deadlines,
        total: Option<Instant>,
    ) -> Result<Response<Incoming>, NoHead> {
        self.meter.begin();
        let began = Instant::now();
        let mut response = pin!(self.sender.send_request(request));
        let look = |now| self.meter.next_look(began, now, deadlines, total);
        let first = look(began).unwrap_or(began);
        let mut alarm = pin!(sleep_until(first.into()));
        let (connection, over) = (&mut self.connection, &mut self.over);
        let answered = std::future::poll_fn(|cx| {
            if !*over {
                *over = Pin::new(&mut *connection).poll(cx).is_ready();
            }
            if let Poll::Ready(answered) = response.as_mut().poll(cx) {
                return Poll::Ready(Ok(answered));
            }
            while alarm.as_mut().poll(cx).is_ready() {
                match look(Instant::now()) {
                    Ok(next) => alarm.as_mut().reset(next.into()),
                    Err(fault) => return Poll::Ready(Err(fault)),
                }
            }
            Poll::Pending
        })
        .await;
        match answered {
            Err(fault) => Err(NoHead { fault, untouched: false }),
            Ok(Err(error)) => Err(self.no_head(&error)),
            Ok(Ok(response)) if response.status() == 101 => {
                let fault = Fault::Malformed("it changes to another protocol, unasked".to_owned());
                Err(NoHead { fault, untouched: false })
            }
            Ok(Ok(response)) => {
                self.meter.head_has_come();
                Ok(response)
            }
        }
    }

    fn no_head(&self, error: &hyper::Error) -> NoHead {
        let malformed = |reason: &str| Fault::Malformed(reason.to_owned());
        let fault = if self.meter.is_tls() {
            malformed("it speaks TLS: use https://")
        } else if self.meter.is_flooded() {
            Fault::HeadTooLarge(LARGEST_HEAD as u64)
        } else if error.is_parse() || error.is_user() {
            malformed("what answers does not speak HTTP/1.1")
        } else {
            let (how, reason) = ended(error);
            return NoHead { fault: Fault::Lost { how, reason }, untouched: !self.meter.is_answered() };
        };
        NoHead { fault, untouched: false }
    }

    /// The next part of the body; None after the last.
    pub(super) fn poll_part(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BadBody>>> {
        loop {
            // First without the connection: what it has read already is given at once.
            let over = self.over;
            let mut polled = Pin::new(&mut *body).poll_frame(cx);
            if polled.is_pending() {
                self.drive(cx);
                polled = Pin::new(&mut *body).poll_frame(cx);
            }
            match polled {
                Poll::Pending if over => return Poll::Ready(Some(Err(BadBody::Cut(How::Closed)))),
                Poll::Pending if self.over => {}
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(BadBody::of(&error)))),
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(part) = frame.into_data() {
                        return Poll::Ready(Some(Ok(part)));
                    } // trailers are nobody's
                }
            }
        }
    }
}

/// Why a body did not come to its end.
pub(super) enum BadBody {
    Cut(How),
    Malformed,
}

impl BadBody {
    fn of(error: &hyper::Error) -> BadBody {
        let source = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
        match source.map(io::Error::kind) {
            Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => BadBody::Malformed, // chunks
            Some(io::ErrorKind::UnexpectedEof) => BadBody::Cut(How::Closed),
            _ if error.is_parse() => BadBody::Malformed,
            _ => BadBody::Cut(ended(error).0),
        }
    }

    pub(super) fn fault(self, came: Came) -> Fault {
        match self {
            BadBody::Cut(how) => Fault::BodyCut { how, came },
            BadBody::Malformed => Fault::Malformed("the body of the reply is not as HTTP says".to_owned()),
        }
    }
}

/// How it ended, and what TLS has said of it.
fn ended(error: &hyper::Error) -> (How, String) {
    let Some(cause) = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>()) else {
        return (How::Closed, String::new());
    };
    let is_tls = cause.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    (How::of(cause), if is_tls { without_number(cause) } else { String::new() })
}

impl Meter {
    /// When to look again, or what is over.
    fn next_look(
        &self,
        began: Instant,
        now: Instant,
        deadlines: &Deadlines,
        total: Option<Instant>,
    ) -> Result<Instant, Fault> {
        let stuck = self.blocked().map(|since| since + deadlines.idle);
        let late = self.written().unwrap_or(began) + deadlines.first_byte;
        if total.is_some_and(|total| total <= now) {
            return Err(Fault::TotalTimeout(Came::default()));
        }
        match stuck {
            Some(stuck) if stuck <= now => return Err(Fault::SendTimeout),
            None if late <= now => return Err(Fault::FirstByteTimeout),
            _ => {}
        }
        let next = stuck.unwrap_or(late).min(now + deadlines.idle);
        Ok(total.map_or(next, |total| total.min(next)))
    }
}
