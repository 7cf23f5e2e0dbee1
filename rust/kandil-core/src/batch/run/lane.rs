//! One model at one provider, within its limits.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use memchr::memmem::Finder;

use super::allowance::draw;
use super::job::Job;
use super::{Failure, Health, LOOK, SECOND, Source, What};
use crate::batch::cache::Cache;
use crate::batch::protocol::{Answered, Target};
use crate::batch::window::Window;
use crate::bucket::{Admitted, Breaker, Bucket, Cost, Place, Token};
use crate::transport::{Deadlines, Request};

/// Who was told to wait comes back within so long after it, not all at once.
const LONGEST_SPREAD: u64 = 5 * SECOND;

/// What a lane's rows have in common.
pub struct Settings {
    /// As its user calls the model.
    pub name: String,
    /// How bodies are encoded.
    pub target: Target,
    /// By [`crate::batch::protocol::Kind`]; None: the provider has none.
    pub urls: [Option<Uri>; 4],
    /// The key among them, marked as sensitive.
    pub headers: HeaderMap,
    /// How long things may take.
    pub deadlines: Deadlines,
    /// A larger answer is an error.
    pub largest_body: u64,
    /// The model's limits.
    pub bucket: Arc<Place<Bucket>>,
    /// The server's.
    pub breaker: Arc<Place<Breaker>>,
    /// What things cost.
    pub prices: Prices,
    /// Tokens of an answer to reserve of the limits, where a row does not say how long it may be.
    pub usual_output: u64,
    /// Tokens that such an answer may have at most.
    pub most_output: u64,
    /// What is never written down, in all its forms.
    pub secrets: Vec<Finder<'static>>,
    /// Rows are kept in OpenAI's form, too, so that something can be added to them.
    pub may_ask_again: bool,
}

/// Picodollars a token.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prices {
    /// Of the prompt.
    pub input: u64,
    /// Of what of it the provider had in its cache.
    pub cached: u64,
    /// Of the answer.
    pub output: u64,
}

impl Prices {
    /// Of a row at most. Estimates may be a half too low.
    pub(super) fn worst(&self, input_tokens: u64, output_tokens: u64) -> u64 {
        let input = input_tokens.saturating_add(input_tokens / 2).saturating_mul(self.input);
        input.saturating_add(output_tokens.saturating_mul(self.output))
    }

    /// Of an answer. What it does not say is taken as it was reserved.
    pub(super) fn cost(&self, job: &Job, read: &Answered) -> u64 {
        let input = read.input_tokens.unwrap_or(job.cost.input);
        let cached = read.cached_tokens.unwrap_or(0).min(input);
        let fresh = (input - cached).saturating_mul(self.input);
        let output = read.output_tokens.unwrap_or(job.cost.output).saturating_mul(self.output);
        fresh.saturating_add(cached.saturating_mul(self.cached)).saturating_add(output)
    }
}

impl Settings {
    /// A body as it may be written down. What a server says again of its key is not.
    pub(super) fn hidden(&self, mut body: Bytes) -> Bytes {
        for secret in &self.secrets {
            let (mut clean, mut from) = (Vec::new(), 0);
            for at in secret.find_iter(&body) {
                clean.extend_from_slice(&body[from..at]);
                clean.extend_from_slice(b"****");
                from = at + secret.needle().len();
            }
            if from > 0 {
                clean.extend_from_slice(&body[from..]);
                body = clean.into();
            }
        }
        body
    }

    /// The same of what is short and need not be written down.
    pub(super) fn unless_secret<'a>(&self, text: &'a str) -> &'a str {
        if self.secrets.iter().any(|secret| secret.find(text.as_bytes()).is_some()) { "" } else { text }
    }

    pub(super) fn request(&self, job: &Job) -> Request {
        Request {
            method: Method::POST,
            uri: self.urls[job.kind as usize].clone().expect("rows without one are refused when they are read"),
            headers: self.headers.clone(),
            body: job.body.clone(),
            deadlines: self.deadlines,
            largest_body: self.largest_body,
        }
    }
}

/// Why no row of a lane is sent any more, though there are some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneEnd {
    /// None could be answered: the key, the model, the account.
    Refused(Failure),
    /// The server has not answered for as long as somebody has patience.
    Unreachable,
}

/// What a lane does just now.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneStats {
    /// Calls at once, at most, for now.
    pub window: usize,
    /// Calls under way.
    pub running: usize,
    /// Rows that wait to be sent again.
    pub waiting: usize,
    /// Until when nothing is sent; nanoseconds, 0: now.
    pub quiet_until: u64,
    /// Since when the server does not answer.
    pub down_since: Option<u64>,
}

/// A model, its rows, and what it allows.
pub struct Lane {
    pub(super) settings: Settings,
    pub(super) source: Box<dyn Source + Send>,
    pub(super) window: Window,
    /// Read, and could not go yet.
    pub(super) head: Option<u32>,
    /// In the line of all processes, with the head.
    pub(super) place: Option<Token>,
    /// To be sent again, when it is due.
    pub(super) waiting: BinaryHeap<Reverse<(u64, u32)>>,
    pub(super) running: usize,
    pub(super) undecided: usize,
    pub(super) dry: bool,
    pub(super) read_out: bool,
    pub(super) quiet_until: u64,
    pub(super) end: Option<LaneEnd>,
    /// Answers that somebody has paid for already.
    pub(super) cache: Option<Cache>,
    /// A refusal that may be for everybody is undecided: nobody goes.
    held: usize,
    down_since: Option<u64>,
    /// Answers so far.
    answers: u64,
    /// How many there were when the failure came that was told last.
    failed_after: u64,
    /// The newest that speak of limits.
    pub(super) headers: Option<HeaderMap>,
}

impl Lane {
    /// With at first `first` calls at once, and at most `most`.
    #[must_use]
    pub fn new(settings: Settings, source: Box<dyn Source + Send>, first: usize, most: usize) -> Lane {
        Lane {
            settings,
            source,
            window: Window::new(first, most),
            head: None,
            place: None,
            waiting: BinaryHeap::new(),
            running: 0,
            undecided: 0,
            dry: false,
            read_out: false,
            quiet_until: 0,
            end: None,
            cache: None,
            held: 0,
            down_since: None,
            answers: 0,
            failed_after: 0,
            headers: None,
        }
    }

    /// What is in the cache is not sent, and what comes is kept there.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<Cache>) -> Lane {
        self.cache = cache;
        self
    }

    /// As its user calls the model.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Its own end; None: it has done all that there was, or is about to.
    #[must_use]
    pub fn end(&self) -> Option<&LaneEnd> {
        self.end.as_ref()
    }

    /// Nothing is left of its rows.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.read_out && self.head.is_none() && self.waiting.is_empty() && self.running + self.undecided == 0
    }

    /// What it does just now.
    #[must_use]
    pub fn stats(&self) -> LaneStats {
        LaneStats {
            window: self.window.size(),
            running: self.running,
            waiting: self.waiting.len(),
            quiet_until: self.quiet_until,
            down_since: self.down_since,
        }
    }

    pub(super) fn may_go_on(&self) -> bool {
        self.end.is_none() && !self.is_done()
    }

    pub(super) fn is_full(&self) -> bool {
        self.held > 0 || self.running >= self.window.size()
    }

    /// Waits in the line of all processes; gives when to look again.
    pub(super) fn queue(&mut self, now: u64, wait: u64, cost: Cost, random: &mut u64) -> u64 {
        let place = self.place;
        let act = |bucket: &mut Bucket, caller: &crate::bucket::Caller<'_>| {
            let place = place.or_else(|| bucket.join(now, caller.owner, cost));
            (place, bucket.floor() > now, bucket.refusals())
        };
        let (place, floored, refusals) = self.settings.bucket.with(now, act).unwrap_or((place, false, 0));
        self.place = place;
        let spread = if floored { draw(random) % (SECOND << refusals.min(3)).min(LONGEST_SPREAD) } else { 0 };
        self.quiet_until = now + if floored { wait + spread } else { wait.min(LOOK) };
        self.quiet_until
    }

    /// The place in line, if there is one, is left.
    pub(super) fn leave_line(&mut self) {
        if let Some(place) = self.place.take() {
            let now = crate::bucket::now();
            self.settings.bucket.with(now, |bucket, _| bucket.give_back(place, now));
        }
    }

    pub(super) fn admitted(&self, now: u64) -> Admitted {
        let act =
            |breaker: &mut Breaker, caller: &crate::bucket::Caller<'_>| breaker.admit(now, caller.owner, caller.alive);
        self.settings.breaker.with(now, act).unwrap_or(Admitted::Yes)
    }

    /// The circuit is open: gives when to look again; None: nobody has patience any more.
    pub(super) fn down(&mut self, now: u64, until: u64, patience: u64) -> Option<u64> {
        let since = *self.down_since.get_or_insert(now);
        if now.saturating_sub(since) > patience {
            self.stop(LaneEnd::Unreachable);
            return None;
        }
        let given_up = since.saturating_add(patience).saturating_add(1);
        self.quiet_until = until.max(now + SECOND / 10).min(given_up);
        Some(self.quiet_until)
    }

    /// An answer came, and was read.
    pub(super) fn succeeded(&mut self, job: &mut Job, now: u64, read: &Answered) {
        self.down_since = None;
        self.answers += 1;
        self.settings.breaker.with(now, |breaker, _| breaker.succeeded());
        if let Some(token) = job.token.take() {
            let cost = Cost {
                input: read.input_tokens.unwrap_or(job.cost.input),
                output: read.output_tokens.unwrap_or(job.cost.output),
            };
            self.settings.bucket.with(now, |bucket, _| {
                bucket.settle(token, now, cost);
                bucket.finish(token, now);
            });
        }
    }

    /// None came: what was not sent is given back, what was refused took no tokens, all else counts.
    pub(super) fn unanswered(&mut self, job: &mut Job, now: u64, what: &What) {
        self.held += usize::from(may_be_for_all(what));
        job.came_after = self.answers;
        let Some(token) = job.token.take() else { return };
        self.settings.bucket.with(now, |bucket, _| {
            match what {
                What::Fault(fault) if !fault.sent() => bucket.give_back(token, now),
                What::Refused(_) => bucket.refund(token, now),
                _ => {}
            }
            bucket.finish(token, now);
        });
    }

    /// What was decided about the server, of what came when there were `came_after` answers; gives whether it does not
    /// work. Decisions come late and in groups: failures with an answer between them are not one after another.
    pub(super) fn told(&mut self, what: &What, health: Health, came_after: u64, now: u64) -> bool {
        self.held -= usize::from(may_be_for_all(what));
        let failing = health == Health::Failing;
        let answered_between = failing && came_after > self.failed_after;
        if failing {
            self.failed_after = came_after;
        }
        let act = |breaker: &mut Breaker, caller: &crate::bucket::Caller<'_>| {
            if answered_between && breaker.state().1.is_none() {
                breaker.succeeded();
            }
            match health {
                Health::Working => breaker.succeeded(),
                Health::Failing => breaker.failed(now),
                Health::Unknown => breaker.abandoned(caller.owner),
            }
            breaker.state().1.is_some()
        };
        let open = self.settings.breaker.with(now, act).unwrap_or(false);
        if health == Health::Working {
            self.down_since = None;
        } else if open {
            self.down_since.get_or_insert(now);
        }
        open
    }

    /// The server said "too many": nobody goes for so long.
    pub(super) fn refused(&mut self, now: u64, floor: u64) {
        self.settings.bucket.with(now, |bucket, _| bucket.refused(now, floor));
    }

    pub(super) fn learn(&mut self, headers: &HeaderMap) {
        if headers.keys().any(|name| name.as_str().contains("limit")) {
            self.headers = Some(headers.clone());
        }
    }

    pub(super) fn stop(&mut self, end: LaneEnd) {
        self.end.get_or_insert(end);
        self.leave_line();
    }
}

/// Too many requests, the key, the account, the model, another address: most likely every other row would get the same.
fn may_be_for_all(what: &What) -> bool {
    matches!(what, What::Refused(answer) if matches!(answer.status, 300..=399 | 401..=404 | 429 | 503 | 529))
}
