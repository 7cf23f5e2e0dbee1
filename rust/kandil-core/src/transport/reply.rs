//! An answer whose head has come; its body comes as it is asked for.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response, Version};
use tokio::time::timeout_at;

use super::http1::Http1;
use super::origin::Origin;
use super::{Answer, Came, Fault, Request, http2, unpack};

/// Dropping it before the body's end ends the request: its connection is closed, or its stream reset.
pub struct Reply {
    /// HTTP's.
    pub status: u16,
    /// 1.1 or 2.
    pub version: Version,
    /// As they came.
    pub headers: HeaderMap,
    /// It came on a connection that had served others.
    pub reused: bool,
    body: Body,
    origin: Rc<Origin>,
    limits: Limits,
    came: Came,
}

/// What is left of a request once it was sent.
pub(super) struct Limits {
    pub(super) idle: std::time::Duration,
    pub(super) total: Option<Instant>,
    pub(super) largest_body: u64,
}

impl Limits {
    pub(super) fn new(request: &Request, total: Option<Instant>) -> Limits {
        Limits { idle: request.deadlines.idle, total, largest_body: request.largest_body }
    }
}

enum Body {
    One(Box<Http1>),
    Many(h2::RecvStream, #[allow(dead_code, reason = "it counts while it is there")] http2::Stream),
    Over,
}

impl Reply {
    pub(super) fn one(connection: Box<Http1>, response: Response<()>, origin: Rc<Origin>, limits: Limits) -> Reply {
        let reused = connection.reused;
        Reply::new(response.into_parts().0, Body::One(connection), reused, origin, limits)
    }

    pub(super) fn many(
        stream: http2::Stream,
        response: Response<h2::RecvStream>,
        origin: Rc<Origin>,
        limits: Limits,
    ) -> Reply {
        let (head, body) = response.into_parts();
        Reply::new(head, Body::Many(body, stream), true, origin, limits)
    }

    fn new(head: http::response::Parts, body: Body, reused: bool, origin: Rc<Origin>, limits: Limits) -> Reply {
        let expected = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        Reply {
            status: head.status.as_u16(),
            version: head.version,
            headers: head.headers,
            reused,
            body,
            origin,
            limits,
            came: Came { received: 0, expected },
        }
    }

    /// The next part as it was sent, still compressed; None after the last, and the connection is kept.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn part(&mut self) -> Result<Option<Bytes>, Fault> {
        let now = Instant::now();
        let idle = now + self.limits.idle;
        let until = self.limits.total.map_or(idle, |total| total.min(idle));
        let body = &mut self.body;
        let next = poll_fn(|cx| match body {
            Body::One(connection) => connection.poll_part(cx),
            Body::Many(body, _) => http2::poll_part(body, cx),
            Body::Over => std::task::Poll::Ready(None),
        });
        match timeout_at(until.into(), next).await {
            Ok(Some(Ok(part))) => {
                self.came.received += part.len() as u64;
                Ok(Some(part))
            }
            Ok(None) => {
                if let Body::One(connection) = std::mem::replace(&mut self.body, Body::Over) {
                    self.origin.keep(connection);
                }
                Ok(None)
            }
            Ok(Some(Err(bad))) => {
                self.body = Body::Over;
                Err(bad.fault(self.came))
            }
            Err(_) => {
                self.body = Body::Over;
                let all = until < idle;
                Err(if all { Fault::TotalTimeout(self.came) } else { Fault::IdleTimeout(self.came) })
            }
        }
    }

    /// The rest, whole and unpacked.
    pub(super) async fn answer(mut self) -> Result<Answer, Fault> {
        let most = self.limits.largest_body;
        let too_large = Fault::TooLarge { most, bomb: false };
        if self.came.expected.is_some_and(|expected| expected > most) && !matches!(self.body, Body::Over) {
            return Err(too_large);
        }
        let mut first = Bytes::new(); // as a rule the only one: nothing is copied
        let mut whole: Option<BytesMut> = None;
        while let Some(part) = self.part().await? {
            if self.came.received > most {
                return Err(too_large);
            }
            match &mut whole {
                Some(whole) => whole.extend_from_slice(&part),
                None if first.is_empty() => first = part,
                None => {
                    let mut joined = BytesMut::with_capacity(self.room(first.len() + part.len()));
                    joined.extend_from_slice(&first);
                    joined.extend_from_slice(&part);
                    whole = Some(joined);
                }
            }
        }
        let body = unpack::whole(whole.map_or(first, BytesMut::freeze), &self.headers, most)?;
        Ok(Answer { status: self.status, headers: self.headers, body, reused: self.reused })
    }

    /// For a body that came in parts: what its server has said, but no more than a little that nobody has seen yet.
    fn room(&self, came: usize) -> usize {
        const UNSEEN: usize = 1 << 20;
        let said = self.came.expected.and_then(|expected| usize::try_from(expected).ok()).unwrap_or(2 * came);
        said.clamp(came, came + UNSEEN)
    }
}
