//! A connection for many requests at once, each a stream of its own (RFC 9113).

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::Response;
use tokio::task::spawn_local;
use tokio::time::sleep_until;

use super::fault::How;
use super::framing::LARGEST_HEAD;
use super::http1::BadBody;
use super::wire::Wire;
use super::{Came, Deadlines, Fault};

/// What most servers allow (RFC 9113 asks for no fewer), until this one has said.
const FIRST_STREAMS: usize = 100;
/// However many it allows: one connection is one stream of TCP.
const MOST_STREAMS: usize = 256;
/// What may come of one body before somebody takes it, and of all bodies of a connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// Heads before the answer's own.
const MOST_INTERIM: usize = 64;

/// Its task ends with the last of its streams, once nobody has it.
pub(super) struct Http2 {
    sender: SendRequest<Bytes>,
    streams: Rc<Cell<usize>>,
    closed: Rc<Cell<bool>>,
    pub(super) used: Cell<Instant>,
}

/// One request: its stream is reset where it is dropped before its end, and counts until then.
pub(super) struct Stream {
    streams: Rc<Cell<usize>>,
    closed: Rc<Cell<bool>>,
}

/// No head came. `untouched`: the server says that it has not looked at the request.
pub(super) struct NoHead {
    pub(super) fault: Fault,
    pub(super) untouched: bool,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.streams.set(self.streams.get().saturating_sub(1));
    }
}

impl Http2 {
    pub(super) async fn open(wire: Wire) -> Result<Http2, Fault> {
        let (sender, connection) = Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_max_send_streams(FIRST_STREAMS)
            .max_header_list_size(LARGEST_HEAD as u32)
            .enable_push(false)
            .handshake(wire)
            .await
            .map_err(|error| Fault::Connect(error.to_string()))?;
        let closed = Rc::new(Cell::new(false));
        let told = Rc::clone(&closed);
        spawn_local(async move {
            let _ = connection.await; // each stream is told why
            told.set(true);
        });
        Ok(Http2 { sender, streams: Rc::default(), closed, used: Cell::new(Instant::now()) })
    }

    /// Whether there is room for one more stream.
    pub(super) fn has_room(&self) -> bool {
        self.streams.get() < self.sender.current_max_send_streams().min(MOST_STREAMS)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.streams.get() == 0
    }

    pub(super) fn stream(&self) -> (SendRequest<Bytes>, Stream) {
        self.streams.set(self.streams.get() + 1);
        self.used.set(Instant::now());
        let stream = Stream { streams: Rc::clone(&self.streams), closed: Rc::clone(&self.closed) };
        (self.sender.clone(), stream)
    }
}

impl Stream {
    /// No more streams are opened beside this one.
    pub(super) fn retire(&self) {
        self.closed.set(true);
    }

    /// Sends it; the answer, when its head has come.
    pub(super) async fn head(
        &self,
        mut sender: SendRequest<Bytes>,
        request: http::Request<()>,
        body: Bytes,
        deadlines: &Deadlines,
        total: Option<Instant>,
    ) -> Result<Response<RecvStream>, NoHead> {
        let sent = sender.send_request(request, body.is_empty());
        drop(sender);
        let unsent = |error| NoHead { untouched: true, ..self.no_head(&error) };
        let (mut response, stream) = sent.map_err(unsent)?;
        let mut writing = Writing { stream, rest: body, at: Instant::now() };
        let (mut interim, mut alarm) = (0, pin!(sleep_until(writing.due(deadlines, total).0.into())));
        let answered = poll_fn(|cx| {
            if let Poll::Ready(Err(error)) = writing.poll(cx) {
                return Poll::Ready(Err(self.no_head(&error)));
            }
            if let Poll::Ready(answered) = poll_head(&mut response, &mut interim, cx) {
                return Poll::Ready(answered.map_err(|error| self.no_head(&error)));
            }
            if interim > MOST_INTERIM {
                return Poll::Ready(Err(NoHead { fault: Fault::HeadTooLarge(LARGEST_HEAD as u64), untouched: false }));
            }
            while alarm.as_mut().poll(cx).is_ready() {
                let (due, fault) = writing.due(deadlines, total);
                if due <= Instant::now() {
                    return Poll::Ready(Err(NoHead { fault, untouched: false }));
                }
                alarm.as_mut().reset(due.into());
            }
            Poll::Pending
        });
        answered.await
    }

    fn no_head(&self, error: &h2::Error) -> NoHead {
        if error.is_go_away() || error.is_io() {
            self.retire();
        }
        let refused = error.reason() == Some(Reason::REFUSED_STREAM) && error.is_remote();
        let leaving = error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR);
        let reason = error.reason().map(|reason| reason.description().to_owned()).unwrap_or_default();
        let how = match error.get_io() {
            Some(cause) => How::of(cause),
            None if error.is_reset() => How::Reset,
            None => How::Closed,
        };
        NoHead { fault: Fault::Lost { how, reason }, untouched: refused || leaving }
    }
}

fn poll_head(
    response: &mut ResponseFuture,
    interim: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<Result<Response<RecvStream>, h2::Error>> {
    while let Poll::Ready(Some(Ok(_))) = response.poll_informational(cx) {
        *interim += 1;
        if *interim > MOST_INTERIM {
            return Poll::Pending;
        }
    }
    Pin::new(response).poll(cx)
}

/// A request's body on its way.
struct Writing {
    stream: SendStream<Bytes>,
    rest: Bytes,
    /// When the server last took some of it.
    at: Instant,
}

impl Writing {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        while !self.rest.is_empty() {
            self.stream.reserve_capacity(self.rest.len());
            let room = match self.stream.capacity() {
                0 => match std::task::ready!(self.stream.poll_capacity(cx)) {
                    Some(Ok(room)) => room,
                    Some(Err(error)) => return Poll::Ready(Err(error)),
                    None => return Poll::Ready(Ok(())), // answered without it
                },
                room => room,
            };
            let part = self.rest.split_to(room.min(self.rest.len()));
            self.stream.send_data(part, self.rest.is_empty())?;
            self.at = Instant::now();
        }
        Poll::Ready(Ok(()))
    }

    fn due(&self, deadlines: &Deadlines, total: Option<Instant>) -> (Instant, Fault) {
        let due = match self.rest.is_empty() {
            true => (self.at + deadlines.first_byte, Fault::FirstByteTimeout),
            false => (self.at + deadlines.idle, Fault::SendTimeout),
        };
        match total {
            Some(total) if total < due.0 => (total, Fault::TotalTimeout(Came::default())),
            _ => due,
        }
    }
}

/// The next part of the body; None after the last.
pub(super) fn poll_part(body: &mut RecvStream, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BadBody>>> {
    match std::task::ready!(body.poll_data(cx)) {
        None => Poll::Ready(None),
        Some(Ok(part)) => {
            let _ = body.flow_control().release_capacity(part.len());
            Poll::Ready(Some(Ok(part)))
        }
        Some(Err(error)) => {
            let bad = match error.get_io() {
                Some(cause) => BadBody::Cut(How::of(cause)),
                None if error.is_remote() && error.is_reset() => BadBody::Cut(How::Reset),
                None if error.is_remote() => BadBody::Cut(How::Closed),
                None => BadBody::Malformed,
            };
            Poll::Ready(Some(Err(bad)))
        }
    }
}
