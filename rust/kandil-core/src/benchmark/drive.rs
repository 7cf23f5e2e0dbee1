//! Sends what is due, on the transport's thread.

use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;

use super::alarm::Alarm;
use super::exchange::Exchange;
use super::schedule::{Arrivals, Due, Schedule};
use crate::bucket::{Bucket, Cost, Place, Taken, Token, now};
use crate::transport::{Client, Request, Waker};

/// Looked at again: others may have given something back.
const LONGEST_WAIT: u64 = 1_000_000_000;

/// What a round is held back by: no request is due before there is room for it.
#[derive(Clone)]
pub struct Limit {
    /// Of its model.
    pub bucket: Arc<Place<Bucket>>,
    /// Of each request.
    pub cost: Cost,
}

/// What is sent, and how.
pub struct Round {
    /// But for its body.
    pub request: Request,
    /// One of each request.
    pub bodies: Vec<Bytes>,
    /// How requests follow each other.
    pub arrivals: Arrivals,
    /// Of them under way.
    pub at_once: usize,
    /// None: nothing but the above holds it back.
    pub limit: Option<Limit>,
}

/// How far a round is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Requests.
    pub sent: usize,
    /// Of them.
    pub ended: usize,
    /// What is here and was not taken.
    pub held_bytes: usize,
    /// Nothing more comes.
    pub over: bool,
    /// Nanoseconds in which nothing was sent because of the limits.
    pub limited: u64,
}

#[derive(Default)]
struct State {
    progress: Progress,
    ended: Vec<Exchange>,
}

/// Between a round and whoever asked for it, who may be on another thread.
pub struct Desk {
    state: Mutex<State>,
    stopped: Notify,
    waker: Arc<Waker>,
}

impl Desk {
    /// `waker` is woken at the end.
    #[must_use]
    pub fn new(waker: Arc<Waker>) -> Desk {
        Desk { state: Mutex::default(), stopped: Notify::new(), waker }
    }

    /// Those that have ended since it was asked last.
    pub fn take(&self) -> Vec<Exchange> {
        let mut state = self.lock();
        state.progress.held_bytes = 0;
        std::mem::take(&mut state.ended)
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.lock().progress
    }

    /// What is under way is ended, and told of no more.
    pub fn stop(&self) {
        self.stopped.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, exchange: Exchange) {
        let mut state = self.lock();
        state.progress.ended += 1;
        state.progress.held_bytes += exchange.size();
        state.ended.push(exchange);
    }
}

/// Says that it is over, however it ends.
struct Guard(Arc<Desk>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.lock().progress.over = true;
        self.0.waker.wake();
    }
}

/// Until each request has its end, or somebody says [`Desk::stop`].
pub async fn drive(client: Rc<Client>, round: Round, desk: Arc<Desk>) {
    let guard = Guard(desk);
    let desk = &guard.0;
    let Ok(mut alarm) = Alarm::new() else { return };
    let mut schedule = Schedule::new(round.arrivals, round.bodies.len(), round.at_once, now());
    let mut bodies = round.bodies.into_iter().enumerate();
    let mut under_way = FuturesUnordered::new();
    let mut limited_since = None;
    loop {
        let time = now();
        let until = match schedule.due(time, under_way.len()) {
            Due::Over if under_way.is_empty() => return,
            Due::Over | Due::AfterAnEnd => None,
            Due::At(moment) => Some(moment),
            Due::Now => match taken(round.limit.as_ref(), time) {
                Err(wait) => {
                    limited_since.get_or_insert(time);
                    Some(time + wait)
                }
                Ok(reserved) => {
                    let mut state = desk.lock();
                    state.progress.sent += 1;
                    state.progress.limited += limited_since.take().map_or(0, |since| time - since);
                    drop(state);
                    let Some((number, body)) = bodies.next() else { return };
                    let request = Request { body, ..round.request.clone() };
                    let (client, due) = (&client, schedule.send(time));
                    under_way.push(async move {
                        let _until_it_ends = reserved;
                        Exchange::of(client, request, number, due).await
                    });
                    continue;
                }
            },
        };
        tokio::select! {
            biased;
            () = desk.stopped.notified() => return,
            Some(exchange) = under_way.next(), if !under_way.is_empty() => desk.put(exchange),
            rung = alarm.until(until.unwrap_or(0)), if until.is_some() => {
                if rung.is_err() {
                    return;
                }
            }
        }
    }
}

/// What a request takes of its limits: it counts as it was reserved, from its end on.
struct Reserved<'a>(&'a Limit, Token);

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let (Reserved(limit, token), time) = (self, now());
        limit.bucket.with(time, |bucket, _| bucket.finish(*token, time));
    }
}

/// None where there are no limits; else how long to wait.
fn taken(limit: Option<&Limit>, time: u64) -> Result<Option<Reserved<'_>>, u64> {
    let Some(limit) = limit else { return Ok(None) };
    match limit.bucket.take(time, limit.cost, None) {
        Taken::Granted(token) => {
            limit.bucket.with(time, |bucket, _| bucket.sending(token));
            Ok(Some(Reserved(limit, token)))
        }
        Taken::Wait(wait) => Err(wait.clamp(1, LONGEST_WAIT)),
    }
}
