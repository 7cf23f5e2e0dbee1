//! Fetches what is missing of a file, on the transport's thread.

use std::cell::Cell;
use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::time::sleep_until;

use super::part::Part;
use super::{Pace, Source, Trouble};
use crate::transport::{Came, Client, Fault, How, Reply, Request};

/// A connection that was cut after so much is opened again at once: it has done its work.
const WORTH: u64 = 1 << 20;
/// What a connection has of a rate, at least.
const SHARE: u64 = 1 << 20;
/// Parts without bytes, in one answer.
const MOST_EMPTY: u32 = 64;
/// What may come at once however low the rate is.
const BURST: Duration = Duration::from_millis(100);

/// All that is missing, or why not. What came is kept.
pub(super) async fn run(client: &Client, part: &Part, source: Source, pace: Pace) -> Vec<Trouble> {
    if let Some((origin, proxy)) = &source.proxy {
        client.set_proxy(origin.clone(), Some(proxy.clone()));
    }
    if let Some((host, addresses)) = &source.addresses {
        client.set_addresses(host.clone(), addresses.clone());
    }
    part.free();
    let pace = Pace { connections: pace.rate.map_or(pace.connections, |rate| few(pace.connections, rate)), ..pace };
    let fetching = Fetching { client, part, source: &source, pace, next: Cell::new(Instant::now()) };
    let Some(span) = part.take(pace.connections) else {
        return if part.progress().size.is_some() {
            Vec::new()
        } else {
            fetching.whole().await.err().into_iter().collect()
        };
    };
    // A server that refuses is asked once; one that does not is asked by all connections.
    let reply = match fetching.opened(&span).await {
        Ok(reply) => reply,
        Err(trouble) => {
            part.give_back(&span);
            return vec![trouble];
        }
    };
    let others = (1..pace.connections).map(|_| fetching.spans(None));
    let first = std::iter::once(fetching.spans(Some((span, reply))));
    let mut all: FuturesUnordered<_> = first.chain(others).collect();
    let mut troubles = Vec::new();
    while let Some(ended) = all.next().await {
        let Err(trouble) = ended else { continue };
        let of_all = matches!(trouble, Trouble::Changed(_) | Trouble::Encoded(_) | Trouble::Disk(_));
        troubles.push(trouble);
        if of_all {
            break;
        }
    }
    troubles
}

/// Servers end connections on which too little is taken.
fn few(connections: usize, rate: u64) -> usize {
    connections.min(1 + usize::try_from(rate / SHARE).unwrap_or(connections))
}

struct Fetching<'a> {
    client: &'a Client,
    part: &'a Part,
    source: &'a Source,
    pace: Pace,
    /// When the rate allows more.
    next: Cell<Instant>,
}

impl Fetching<'_> {
    /// By one connection, span after span.
    async fn spans(&self, mut begun: Option<(Range<u64>, Reply)>) -> Result<(), Trouble> {
        loop {
            let (mut span, opened) = match begun.take() {
                Some((span, reply)) => (span, Ok(reply)),
                None => match self.part.take(self.pace.connections) {
                    Some(span) => (span.clone(), self.opened(&span).await),
                    None => return Ok(()),
                },
            };
            let before = span.start;
            let came = match opened {
                Ok(reply) => self.body(reply, &mut span).await,
                Err(trouble) => Err(trouble),
            };
            if span.start < span.end {
                self.part.give_back(&span);
            }
            match came {
                Err(Trouble::Fault(Fault::BodyCut { .. } | Fault::IdleTimeout(_))) if span.start - before >= WORTH => {}
                Err(trouble) => return Err(trouble),
                Ok(()) => {}
            }
            if span.start == before {
                return Err(Trouble::Changed("the server sends nothing of what it was asked for"));
            }
        }
    }

    /// The answer to a request for a span, which is a part of the file that was begun.
    async fn opened(&self, span: &Range<u64>) -> Result<Reply, Trouble> {
        let range = format!("bytes={}-{}", span.start, span.end - 1);
        let mut asked = vec![(RANGE, range)];
        asked.extend(self.source.condition.clone().map(|condition| (IF_RANGE, condition)));
        let reply = self.asked(asked).await?;
        match reply.status {
            206 => {}
            200 => return Err(Trouble::Changed("the server sends the whole file instead of a part")),
            416 => return Err(Trouble::Changed("the server has no such part of it any more")),
            status => return Err(Trouble::Refused { status, headers: reply.headers }),
        }
        let came = text(&reply.headers, &CONTENT_RANGE).and_then(content_range);
        match came {
            Some((start, end, total)) if start == span.start && end <= span.end && start < end => {
                let size = self.part.progress().size;
                if total.is_some() && total != size {
                    return Err(Trouble::Changed("its size is another one"));
                }
                Ok(reply)
            }
            _ => Err(Trouble::Changed("the server sends another part than it was asked for")),
        }
    }

    /// A file that can only come whole.
    async fn whole(&self) -> Result<(), Trouble> {
        let reply = self.asked(Vec::new()).await?;
        if reply.status != 200 {
            return Err(Trouble::Refused { status: reply.status, headers: reply.headers });
        }
        let expected = self.part.expected();
        let mut all = 0..expected.unwrap_or(u64::MAX);
        self.body(reply, &mut all).await?;
        if expected.is_some() && !all.is_empty() {
            let came = Came { received: all.start, expected };
            return Err(Trouble::Fault(Fault::BodyCut { how: How::Closed, came }));
        }
        self.part.ended();
        Ok(())
    }

    async fn asked(&self, fields: Vec<(HeaderName, String)>) -> Result<Reply, Trouble> {
        let mut headers = self.source.headers.clone();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for (name, value) in fields {
            let value = HeaderValue::from_str(&value)
                .map_err(|_| Trouble::Changed("what it calls its version cannot be sent back"))?;
            headers.insert(name, value);
        }
        let request = Request {
            method: Method::GET,
            uri: self.source.uri.clone(),
            headers,
            body: Bytes::new(),
            deadlines: self.source.deadlines,
            largest_body: u64::MAX,
        };
        let reply = self.client.open(request).await.map_err(Trouble::Fault)?;
        if (200..300).contains(&reply.status) {
            self.check(&reply.headers)?;
        }
        Ok(reply)
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        if let Some(coding) = text(headers, &CONTENT_ENCODING).filter(|coding| !coding.eq_ignore_ascii_case("identity"))
        {
            return Err(Trouble::Encoded(coding.to_owned()));
        }
        match (&self.source.etag, text(headers, &ETAG)) {
            (Some(begun), Some(now)) if begun != now => Err(Trouble::Changed("its ETag is another one")),
            _ => Ok(()),
        }
    }

    /// What comes is written; `span` begins where it ends.
    async fn body(&self, mut reply: Reply, span: &mut Range<u64>) -> Result<(), Trouble> {
        let mut empty = 0;
        while let Some(bytes) = reply.part().await.map_err(Trouble::Fault)? {
            empty += u32::from(bytes.is_empty()); // HTTP/2 may end so
            if bytes.len() as u64 > span.end - span.start || empty > MOST_EMPTY {
                return Err(Trouble::Fault(Fault::Malformed("more came than was asked for".to_owned())));
            }
            self.part.write(span.start, &bytes).map_err(Trouble::Disk)?;
            span.start += bytes.len() as u64;
            self.wait(bytes.len()).await;
        }
        Ok(()) // its connection is kept
    }

    /// As long as the rate says.
    async fn wait(&self, came: usize) {
        let Some(rate) = self.pace.rate else { return };
        let cost = Duration::from_secs_f64(came as f64 / rate.max(1) as f64);
        let earliest = Instant::now().checked_sub(BURST).unwrap_or_else(Instant::now);
        self.next.set(self.next.get().max(earliest) + cost);
        sleep_until(self.next.get().into()).await;
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// `bytes 0-99/1000`: where it begins, where it ends, and the size of all, where it is known (RFC 9110, 14.4).
fn content_range(value: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, size) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let size = if size == "*" { None } else { Some(size.parse().ok()?) };
    Some((first.parse().ok()?, last.parse::<u64>().ok()?.checked_add(1)?, size))
}
