//! For another thread: takes requests in groups, and gives what came of them in groups.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::poll_immediate;
use http::{HeaderMap, Version};
use tokio::sync::Notify;
use tokio::task::spawn_local;

use super::{Client, Fault, Proxy, Reply, Request, Settings, Thread, Waker};

/// Of one body: what lies here at most until somebody takes it.
const WINDOW: usize = 256 << 10;

/// The head of an answer.
#[derive(Debug)]
pub struct Head {
    /// HTTP's.
    pub status: u16,
    /// 1.1 or 2.
    pub version: Version,
    /// As they came.
    pub headers: HeaderMap,
}

/// What has come for a request since it was last asked for.
#[derive(Debug, Default)]
pub struct News {
    /// Once.
    pub head: Option<Head>,
    /// Of the body, as it was sent.
    pub parts: Vec<Bytes>,
    /// Once, and the last.
    pub end: Option<Result<(), Fault>>,
}

/// Requests under way, by the number that each was given. Dropping it ends all.
pub struct Relay {
    thread: Thread,
    desk: Arc<Desk>,
    next: AtomicU64,
}

/// What both threads see.
struct Desk {
    exchanges: Mutex<HashMap<u64, Arc<Exchange>>>,
    ready: Mutex<Vec<u64>>,
    waker: Waker,
}

/// One request, and its answer.
#[derive(Default)]
struct Exchange {
    state: Mutex<State>,
    cancelled: Notify,
    consumed: Notify,
}

#[derive(Default)]
struct State {
    news: News,
    /// It stands among those that are ready.
    is_ready: bool,
    unconsumed: usize,
}

impl Relay {
    /// With a thread of its own.
    ///
    /// # Errors
    /// The system gives no thread, or no file descriptor.
    pub fn start(settings: Settings) -> io::Result<Relay> {
        let thread = Thread::start(settings).map_err(io::Error::other)?;
        let desk = Desk { exchanges: Mutex::default(), ready: Mutex::default(), waker: Waker::new()? };
        Ok(Relay { thread, desk: Arc::new(desk), next: AtomicU64::new(0) })
    }

    /// Where [`Relay::take`] has something to give when it can be read from.
    #[must_use]
    pub fn waker(&self) -> &Waker {
        &self.desk.waker
    }

    /// Sends them. The first one's number; the others have those that follow.
    pub fn submit(&self, requests: Vec<Request>) -> u64 {
        let first = self.next.fetch_add(requests.len() as u64, Ordering::Relaxed);
        let begun: Vec<_> = (first..).zip(requests).map(|(id, it)| (id, it, Arc::<Exchange>::default())).collect();
        lock(&self.desk.exchanges).extend(begun.iter().map(|(id, _, exchange)| (*id, Arc::clone(exchange))));
        let desk = Arc::clone(&self.desk);
        self.thread.spawn(|client| async move {
            for (id, request, exchange) in begun {
                spawn_local(run(Rc::clone(&client), request, id, exchange, Arc::clone(&desk)));
            }
        });
        first
    }

    /// All that is new. What has an end is forgotten.
    pub fn take(&self) -> Vec<(u64, News)> {
        self.desk.waker.drain();
        let ready = std::mem::take(&mut *lock(&self.desk.ready));
        let mut exchanges = lock(&self.desk.exchanges);
        let news = |id| {
            let mut state = lock(&exchanges.get(&id)?.state);
            state.is_ready = false;
            Some((id, std::mem::take(&mut state.news)))
        };
        let all: Vec<_> = ready.into_iter().filter_map(news).collect();
        for (id, news) in &all {
            if news.end.is_some() {
                exchanges.remove(id);
            }
        }
        all
    }

    /// So much of a body was used: as much more may come.
    pub fn consumed(&self, id: u64, bytes: usize) {
        if let Some(exchange) = lock(&self.desk.exchanges).get(&id) {
            let mut state = lock(&exchange.state);
            state.unconsumed = state.unconsumed.saturating_sub(bytes);
            exchange.consumed.notify_one();
        }
    }

    /// Ends a request, and frees its connection. Nothing more is told of it.
    pub fn cancel(&self, id: u64) {
        if let Some(exchange) = lock(&self.desk.exchanges).remove(&id) {
            exchange.cancelled.notify_one();
        }
    }

    /// Who leads to an origin, as `https://api.example.com`; to be told before the first request to it.
    pub fn set_proxy(&self, origin: String, proxy: Option<Proxy>) {
        self.thread.spawn(|client| async move { client.set_proxy(origin, proxy) });
    }

    /// Requests without an end, or whose end was not taken.
    #[must_use]
    pub fn under_way(&self) -> usize {
        lock(&self.desk.exchanges).len()
    }
}

async fn run(client: Rc<Client>, request: Request, id: u64, exchange: Arc<Exchange>, desk: Arc<Desk>) {
    let there = Sender { id, exchange: &exchange, desk: &desk };
    tokio::select! {
        biased;
        () = exchange.cancelled.notified() => {}
        () = relay(&client, request, &there) => {}
    }
}

async fn relay(client: &Client, request: Request, there: &Sender<'_>) {
    match client.open(request).await {
        Err(fault) => there.tell(News { end: Some(Err(fault)), ..News::default() }),
        Ok(reply) => there.relay(reply).await,
    }
}

struct Sender<'a> {
    id: u64,
    exchange: &'a Exchange,
    desk: &'a Desk,
}

impl Sender<'_> {
    /// What comes at once is told at once: short answers wake the other thread one time.
    async fn relay(&self, mut reply: Reply) {
        let headers = std::mem::take(&mut reply.headers);
        let head = Head { status: reply.status, version: reply.version, headers };
        let mut news = News { head: Some(head), ..News::default() };
        let mut size = 0;
        while news.end.is_none() {
            let mut part = if size < WINDOW { poll_immediate(reply.part()).await } else { None };
            if part.is_none() {
                if news.head.is_some() || !news.parts.is_empty() {
                    self.tell(std::mem::take(&mut news));
                    self.room().await;
                    size = 0;
                }
                part = Some(reply.part().await);
            }
            match part {
                Some(Ok(Some(part))) => {
                    size += part.len();
                    news.parts.push(part);
                }
                Some(Err(fault)) => news.end = Some(Err(fault)),
                _ => news.end = Some(Ok(())),
            }
        }
        drop(reply); // its connection is free before anybody hears of the end
        self.tell(news);
    }

    /// Until the other thread has used most of what it was given.
    async fn room(&self) {
        while lock(&self.exchange.state).unconsumed >= WINDOW {
            self.exchange.consumed.notified().await;
        }
    }

    fn tell(&self, news: News) {
        let mut state = lock(&self.exchange.state);
        state.unconsumed += news.parts.iter().map(Bytes::len).sum::<usize>();
        state.news.head = state.news.head.take().or(news.head);
        state.news.parts.extend(news.parts);
        state.news.end = news.end;
        if !std::mem::replace(&mut state.is_ready, true) {
            drop(state);
            lock(&self.desk.ready).push(self.id);
            self.desk.waker.wake();
        }
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
