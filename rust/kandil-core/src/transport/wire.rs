//! What a connection's bytes go through, with TLS or without; it knows how far an exchange over HTTP/1.1 is.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Of a head. Interim ones count, too, and what was read of the body with it.
pub(super) const LARGEST_HEAD: usize = 80 << 10;

/// What was written and read since a request began.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// The head has come: nothing is counted any more.
    in_body: Cell<bool>,
    received: Cell<usize>,
    first: Cell<u8>,
    /// When bytes were last taken, once some were not taken at once.
    blocked: Cell<Option<Instant>>,
    written: Cell<Option<Instant>>,
}

impl Meter {
    /// The next request begins.
    pub(super) fn begin(&self) {
        self.in_body.set(false);
        self.received.set(0);
        self.blocked.set(None);
        self.written.set(None);
    }

    pub(super) fn head_has_come(&self) {
        self.in_body.set(true);
    }

    /// Whether any byte of the answer has come.
    pub(super) fn is_answered(&self) -> bool {
        self.received.get() > 0
    }

    /// Whether what answers speaks TLS: no HTTP begins so.
    pub(super) fn is_tls(&self) -> bool {
        self.is_answered() && self.first.get() == 0x15
    }

    /// Whether more came than any head has.
    pub(super) fn is_flooded(&self) -> bool {
        !self.in_body.get() && self.received.get() >= LARGEST_HEAD
    }

    /// Since when the server takes nothing more of the request.
    pub(super) fn blocked(&self) -> Option<Instant> {
        self.blocked.get()
    }

    /// When the server last took a part of a request that it did not take at once.
    pub(super) fn written(&self) -> Option<Instant> {
        self.written.get()
    }

    fn read(&self, part: &[u8]) -> io::Result<()> {
        if self.in_body.get() || part.is_empty() {
            return Ok(());
        }
        if self.received.get() == 0 {
            self.first.set(part.first().copied().unwrap_or_default());
        }
        self.received.set(self.received.get() + part.len());
        if self.received.get() > 2 * LARGEST_HEAD {
            // By interim heads: hyper bounds each, not how many there are.
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(())
    }

    fn wrote(&self, done: bool) {
        if !done {
            if self.blocked.get().is_none() {
                self.blocked.set(Some(Instant::now()));
            }
        } else if self.blocked.take().is_some() {
            self.written.set(Some(Instant::now()));
        }
    }
}

/// TLS within TLS is for proxies that are spoken to by TLS.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Nested(Box<TlsStream<TlsStream<TcpStream>>>),
}

#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    meter: Rc<Meter>,
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Wire {
        Wire { stream, meter: Rc::default() }
    }

    pub(super) fn meter(&self) -> Rc<Meter> {
        Rc::clone(&self.meter)
    }

    pub(super) fn is_http2(&self) -> bool {
        let protocol = match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => stream.get_ref().1.alpn_protocol(),
            Stream::Nested(stream) => stream.get_ref().1.alpn_protocol(),
        };
        protocol == Some(b"h2")
    }
}

macro_rules! each {
    ($wire:expr, $stream:ident => $call:expr) => {
        match &mut $wire.stream {
            Stream::Plain($stream) => $call,
            Stream::Tls($stream) => $call,
            Stream::Nested($stream) => $call,
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = to.filled().len();
        let polled = each!(self, stream => Pin::new(stream).poll_read(cx, to));
        match polled {
            Poll::Ready(Ok(())) => Poll::Ready(self.meter.read(to.filled().get(before..).unwrap_or_default())),
            other => other,
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let polled = each!(self, stream => Pin::new(stream).poll_write(cx, from));
        self.meter.wrote(polled.is_ready());
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = each!(self, stream => Pin::new(stream).poll_write_vectored(cx, from));
        self.meter.wrote(polled.is_ready());
        polled
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = each!(self, stream => Pin::new(stream).poll_flush(cx));
        self.meter.wrote(polled.is_ready());
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
