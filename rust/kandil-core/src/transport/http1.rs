//! A connection for one request at a time. It is driven by who uses it: no task of its own, no hand-over, and while it
//! waits it has no buffers.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::sleep_until;

use super::fault::{How, without_number};
use super::framing::{BadFraming, Framing, Heads, request_head};
use super::wire::Wire;
use super::{Came, Deadlines, Fault, Request};

/// What is read at once, at most.
const READ: usize = 256 << 10;

thread_local! {
    /// Of all connections of a thread: what is in it is copied before anything else is read.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

pub(super) struct Http1 {
    wire: Wire,
    /// Read, and not used yet.
    read: BytesMut,
    /// Of the answer under way.
    framing: Framing,
    /// It takes another request after this answer.
    keeps: bool,
    /// It has served a request.
    pub(super) reused: bool,
}

/// No head came. `untouched`: the server closed the connection, and has said nothing.
pub(super) struct NoHead {
    pub(super) fault: Fault,
    pub(super) untouched: bool,
}

impl Http1 {
    pub(super) fn new(wire: Wire) -> Http1 {
        Http1 { wire, read: BytesMut::new(), framing: Framing::Over, keeps: true, reused: false }
    }

    /// Whether it takes a request. Nobody is woken when that changes.
    pub(super) fn is_ready(&mut self) -> bool {
        let is_over = self.keeps && self.framing == Framing::Over && self.read.is_empty();
        self.read = BytesMut::new();
        is_over && self.poll_read(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// Sends it; the answer, when its head has come.
    pub(super) async fn head(
        &mut self,
        request: &Request,
        host: &HeaderValue,
        total: Option<Instant>,
    ) -> Result<Response<()>, NoHead> {
        self.keeps = false;
        let mut sending = Sending::new(request, host);
        let mut receiving = Receiving::default();
        let began = Instant::now();
        let first = sending.next_look(began, began, total).unwrap_or(began);
        let mut alarm = pin!(sleep_until(first.into()));
        let answered = std::future::poll_fn(|cx| {
            sending.poll(&mut self.wire, cx);
            if let Poll::Ready(answered) = receiving.poll(self, sending.broken.as_ref(), cx) {
                return Poll::Ready(answered);
            }
            while alarm.as_mut().poll(cx).is_ready() {
                match sending.next_look(began, Instant::now(), total) {
                    Ok(next) => alarm.as_mut().reset(next.into()),
                    Err(fault) => return Poll::Ready(Err(fault)),
                }
            }
            Poll::Pending
        })
        .await;
        let framed = answered.and_then(|head| Ok((Framing::of(&request.method, &head)?, head)));
        match framed {
            Ok(((framing, keeps), head)) => {
                self.framing = framing;
                self.keeps = keeps && sending.is_over;
                Ok(head)
            }
            Err(fault) => {
                let untouched = matches!(fault, Fault::Lost { .. }) && !receiving.any;
                Err(NoHead { fault, untouched })
            }
        }
    }

    /// The next part of the body; None after the last.
    pub(super) fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BadBody>>> {
        loop {
            match self.framing.take(&mut self.read) {
                Err(BadFraming) => return Poll::Ready(Some(Err(BadBody::Malformed))),
                Ok(Some(part)) => return Poll::Ready(Some(Ok(part))),
                Ok(None) if self.framing == Framing::Over => return Poll::Ready(None),
                Ok(None) => {}
            }
            match ready!(self.poll_read(cx)) {
                Err(error) => return Poll::Ready(Some(Err(BadBody::of(&error)))),
                Ok(0) if self.framing == Framing::UntilClosed => self.framing = Framing::Over,
                Ok(0) => return Poll::Ready(Some(Err(BadBody::Cut(How::Closed)))),
                Ok(_) => {}
            }
        }
    }

    /// What comes is added to `read`: how much it was, 0 at the end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut part = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.wire).poll_read(cx, &mut part))?;
            let part = part.filled();
            if self.read.is_empty() {
                self.read = BytesMut::from(part); // as large as it has to be
            } else {
                self.read.extend_from_slice(part);
            }
            Poll::Ready(Ok(part.len()))
        })
    }
}

/// A request, and what the server has taken of it.
struct Sending<'a> {
    head: Vec<u8>,
    body: &'a [u8],
    deadlines: &'a Deadlines,
    is_over: bool,
    /// The server takes no more; it may have said why.
    broken: Option<io::Error>,
    /// Since when it has taken nothing, once it did not take all at once.
    blocked: Option<Instant>,
    /// When it took the last part that it did not take at once.
    written: Option<Instant>,
}

impl<'a> Sending<'a> {
    fn new(request: &'a Request, host: &HeaderValue) -> Sending<'a> {
        Sending {
            head: request_head(request, host),
            body: &request.body,
            deadlines: &request.deadlines,
            is_over: false,
            broken: None,
            blocked: None,
            written: None,
        }
    }

    /// Sends what can be sent now.
    fn poll(&mut self, wire: &mut Wire, cx: &mut Context<'_>) {
        while !self.is_over && self.broken.is_none() {
            let polled = self.poll_write(Pin::new(wire), cx);
            match polled {
                Poll::Pending => {
                    self.blocked.get_or_insert_with(Instant::now);
                    return;
                }
                Poll::Ready(written) => {
                    self.broken = written.err();
                    if self.blocked.take().is_some() {
                        self.written = Some(Instant::now());
                    }
                }
            }
        }
    }

    fn poll_write(&mut self, wire: Pin<&mut Wire>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.head.is_empty() && self.body.is_empty() {
            ready!(wire.poll_flush(cx))?;
            self.is_over = true;
            return Poll::Ready(Ok(()));
        }
        let written = ready!(wire.poll_write_vectored(cx, &[IoSlice::new(&self.head), IoSlice::new(self.body)]))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        let of_head = written.min(self.head.len());
        self.head.drain(..of_head);
        self.body = self.body.get(written - of_head..).unwrap_or_default();
        if self.head.is_empty() {
            self.head = Vec::new();
        }
        Poll::Ready(Ok(()))
    }

    /// When to look again, or what is over.
    fn next_look(&self, began: Instant, now: Instant, total: Option<Instant>) -> Result<Instant, Fault> {
        let stuck = self.blocked.map(|since| since + self.deadlines.idle);
        let late = self.written.unwrap_or(began) + self.deadlines.first_byte;
        if total.is_some_and(|total| total <= now) {
            return Err(Fault::TotalTimeout(Came::default()));
        }
        match stuck {
            Some(stuck) if stuck <= now => return Err(Fault::SendTimeout),
            None if late <= now => return Err(Fault::FirstByteTimeout),
            _ => {}
        }
        let next = stuck.unwrap_or(late).min(now + self.deadlines.idle);
        Ok(total.map_or(next, |total| total.min(next)))
    }
}

#[derive(Default)]
struct Receiving {
    heads: Heads,
    /// Something came.
    any: bool,
}

impl Receiving {
    fn poll(
        &mut self,
        from: &mut Http1,
        broken: Option<&io::Error>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<()>, Fault>> {
        loop {
            match ready!(from.poll_read(cx)) {
                Ok(0) => return Poll::Ready(Err(broken.map_or_else(closed, lost))),
                Err(error) => return Poll::Ready(Err(lost(&error))),
                Ok(_) => self.any = true,
            }
            if let Some(head) = self.heads.take(&mut from.read).transpose() {
                return Poll::Ready(head);
            }
        }
    }
}

fn closed() -> Fault {
    Fault::Lost { how: How::Closed, reason: String::new() }
}

/// How it ended, and what TLS has said of it.
fn lost(error: &io::Error) -> Fault {
    let is_tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    Fault::Lost { how: How::of(error), reason: if is_tls { without_number(error) } else { String::new() } }
}

/// Why a body did not come to its end.
pub(super) enum BadBody {
    Cut(How),
    Malformed,
}

impl BadBody {
    fn of(error: &io::Error) -> BadBody {
        match error.kind() {
            io::ErrorKind::InvalidData => BadBody::Malformed, // of TLS
            _ => BadBody::Cut(How::of(error)),
        }
    }

    pub(super) fn fault(self, came: Came) -> Fault {
        match self {
            BadBody::Cut(how) => Fault::BodyCut { how, came },
            BadBody::Malformed => Fault::Malformed("the body of the reply is not as HTTP says".to_owned()),
        }
    }
}
