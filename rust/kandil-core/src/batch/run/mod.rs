//! A run without its I/O: which row is sent next and when, and what becomes of its answer.
//!
//! Time is an argument, in nanoseconds of [`crate::bucket::now`]. Whoever drives it sends what [`Run::step`] gives,
//! tells it every answer ([`Run::answered`]), and has whoever knows the provider's words decide about each [`Trouble`].
//! A row is in one place at any time: not read yet, waiting, under way, undecided, or recorded in the [`Sink`].

mod allowance;
mod job;
mod lane;
pub(super) mod line;
mod spending;
mod terms;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;

use bytes::Bytes;
use http::HeaderMap;

use self::allowance::Allowance;
use self::job::Jobs;
pub(super) use self::job::Named;
pub use self::job::{Job, Task};
pub use self::lane::{Lane, LaneEnd, LaneStats, Prices, Settings};
use self::spending::Spending;
pub use self::terms::{
    Counts, Decision, End, Failure, Health, Policy, Pulled, Recorded, Sink, Source, Step, Trouble, Verdict, What,
};
use super::histogram::Histogram;
use super::protocol::{self, Answered};
use super::schema::Schema;
use crate::bucket::{Admitted, Taken};
use crate::transport::{Answer, Fault, Request};

const SECOND: u64 = 1_000_000_000;
/// Nobody says when another process has given something back.
const LOOK: u64 = SECOND;
/// How soon to look whether the sink has room again.
const FULL: u64 = SECOND / 200;
/// Of so many requests under way, several are answered at almost the same time.
const MANY: usize = 64;
/// What a rest takes of the time to an answer.
const RESTS: u64 = 256;
const LONGEST_REST: u64 = SECOND / 1000;
/// Of a refusal's body, so much is kept.
const LARGEST_REFUSAL: usize = 64 << 10;
/// Rows of one lane that wait to be sent again, after which no new ones are read: each is kept in memory.
const MOST_WAITING: usize = 4096;
/// Tokens of the words around what is wrong with an answer, at most.
const COMPLAINT: u64 = 64;
/// Rows with answers in a cache that are taken in one go.
const AT_ONCE: u32 = 256;

/// A batch under way.
pub struct Run {
    lanes: Vec<Lane>,
    jobs: Jobs,
    policy: Policy,
    spending: Spending,
    allowance: Allowance,
    random: u64,
    schema: Option<Schema>,
    sink: Box<dyn Sink + Send>,
    troubles: Vec<Trouble>,
    dry: Vec<usize>,
    undecided: usize,
    running: usize,
    turn: usize,
    end: End,
    counts: Counts,
    times: Histogram,
    scratch: Vec<u8>,
}

enum Next {
    Job(u32),
    Until(u64),
    Nothing,
}

impl Run {
    /// Nothing is read or sent before the first step.
    #[must_use]
    pub fn new(lanes: Vec<Lane>, policy: Policy, schema: Option<Schema>, sink: Box<dyn Sink + Send>) -> Run {
        Run {
            lanes,
            jobs: Jobs::default(),
            policy,
            spending: Spending::new(policy.budget, policy.spent),
            allowance: Allowance::default(),
            random: policy.seed | 1,
            schema,
            sink,
            troubles: Vec::new(),
            dry: Vec::new(),
            undecided: 0,
            running: 0,
            turn: 0,
            end: End::Finished,
            counts: Counts { spent: policy.spent, ..Counts::default() },
            times: Histogram::default(),
            scratch: Vec::new(),
        }
    }

    /// What is to be done now: call again until it says to wait.
    pub fn step(&mut self, now: u64) -> Step {
        if self.end == End::Finished {
            if let Some(why) = self.sink.failure() {
                self.end_all(End::Sink(why));
                return self.step(now);
            }
            if !self.sink.room() {
                return Step::Wait(Some(now + FULL));
            }
            let mut until = None;
            for offset in 0..self.lanes.len() {
                let lane = (self.turn + offset) % self.lanes.len();
                match self.lane_step(lane, now) {
                    Next::Job(id) => {
                        self.turn = lane + 1;
                        return Step::Send(id, self.request(id));
                    }
                    Next::Until(time) => until = Some(until.map_or(time, |other: u64| other.min(time))),
                    Next::Nothing => {}
                }
            }
            let goes_on = until.is_some() || self.lanes.iter().any(Lane::may_go_on);
            if goes_on && self.end == End::Finished {
                return Step::Wait(until);
            }
        }
        if self.running + self.undecided > 0 { Step::Wait(None) } else { Step::Done }
    }

    /// What came of a request that [`Run::step`] gave.
    pub fn answered(&mut self, id: u32, now: u64, result: Result<Answer, Fault>) {
        let job = self.jobs.get(id);
        let (lane, took) = (job.lane, now.saturating_sub(job.sent_at));
        self.running -= 1;
        self.lanes[lane].running -= 1;
        let result = result.map(|answer| {
            let body = self.lanes[lane].settings.hidden(answer.body);
            Answer { body, ..answer }
        });
        let what = match result {
            Ok(answer) if (200..300).contains(&answer.status) => match self.read(id, &answer, now, took) {
                Ok(()) => return,
                Err(why) => What::Malformed(why, begun(answer.body)),
            },
            Ok(answer) => What::Refused(Answer { body: begun(answer.body), ..answer }),
            Err(fault) => What::Fault(fault),
        };
        self.trouble(id, lane, now, what);
    }

    /// What has no answer: each is to be decided about, in any order.
    pub fn take_troubles(&mut self) -> Vec<Trouble> {
        std::mem::take(&mut self.troubles)
    }

    /// What becomes of a row in trouble.
    pub fn decide(&mut self, trouble: Trouble, now: u64, decision: Decision) {
        let Trouble { id, lane: index, what } = trouble;
        self.undecided -= 1;
        let lane = &mut self.lanes[index];
        lane.undecided -= 1;
        let job = self.jobs.get_mut(id);
        let probing = std::mem::take(&mut job.probing);
        let down = lane.told(&what, decision.health, job.came_after, now) || probing;
        if let Some(floor) = decision.floor {
            self.counts.limited += 1;
            lane.refused(now, floor);
        }
        if decision.floor.is_some() || matches!(what, What::Fault(ref fault) if fault.is_timeout()) {
            lane.window.congested();
        }
        match decision.verdict {
            Verdict::Stop => {
                lane.stop(LaneEnd::Refused(decision.failure));
                self.jobs.remove(id);
            }
            Verdict::Fail => self.fail(id, &decision.failure, Some(what)),
            Verdict::Retry => {
                let free = decision.floor.is_some() || down;
                let job = self.jobs.get_mut(id);
                job.retries += u32::from(!free);
                if job.retries > self.policy.most_retries {
                    return self.fail(id, &decision.failure, Some(what));
                }
                let due = now + decision.wait.max(allowance::jitter(&mut self.random, job.retries));
                job.again = true;
                lane.waiting.push(Reverse((due, id)));
            }
        }
    }

    /// The source of a lane that was dry has more, or its end.
    pub fn fed(&mut self, lane: usize) {
        self.lanes[lane].dry = false;
    }

    /// Nothing more is sent; what is under way is waited for.
    pub fn stop(&mut self) {
        if self.end == End::Finished {
            self.end_all(End::Stopped);
        }
    }

    /// Why nothing more is sent; each lane has an end of its own beside it.
    #[must_use]
    pub fn end(&self) -> &End {
        &self.end
    }

    /// In the order in which they were given.
    #[must_use]
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// So far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { spent: self.spending.spent(), ..self.counts }
    }

    /// Requests under way.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running
    }

    /// Nanoseconds that may pass before answers are looked at: next to nothing beside how long they take, and enough for
    /// several to come.
    #[must_use]
    pub fn rest(&self) -> u64 {
        let usual = self.lanes.iter().filter(|lane| lane.running > 0).map(|lane| lane.window.usual_time()).min();
        if self.running < MANY { 0 } else { (usual.unwrap_or(0) / RESTS).min(LONGEST_REST) }
    }

    /// Nanoseconds from sending a row (for the last time) to its answer.
    #[must_use]
    pub fn times(&self) -> &Histogram {
        &self.times
    }

    /// The sink, for whoever made it; what is put after this is lost.
    pub fn into_sink(&mut self) -> Box<dyn Sink + Send> {
        std::mem::replace(&mut self.sink, Box::new(Nowhere))
    }

    /// Lanes whose sources have been found dry since this was asked last.
    pub fn take_dry(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.dry)
    }

    /// The newest headers of each lane that speak of limits, once.
    pub fn take_headers(&mut self) -> Vec<(usize, HeaderMap)> {
        let lanes = self.lanes.iter_mut().enumerate();
        lanes.filter_map(|(index, lane)| Some((index, lane.headers.take()?))).collect()
    }

    /// The next row of a lane that may be sent now, with all that it takes reserved.
    fn lane_step(&mut self, index: usize, now: u64) -> Next {
        let lane = &mut self.lanes[index];
        if lane.end.is_some() || lane.is_full() {
            return Next::Nothing;
        }
        if now < lane.quiet_until {
            return Next::Until(lane.quiet_until);
        }
        let id = match lane.head.take() {
            Some(id) => id,
            None => match self.pick(index, now) {
                Next::Job(id) => id,
                other => return other,
            },
        };
        let job = self.jobs.get(id);
        if !self.spending.fits(job.worst) {
            self.lanes[index].head = Some(id);
            if self.running + self.undecided == 0 {
                self.end_all(End::Budget);
            }
            return Next::Nothing;
        }
        self.reserve(id, index, now)
    }

    fn reserve(&mut self, id: u32, index: usize, now: u64) -> Next {
        let (lane, job) = (&mut self.lanes[index], self.jobs.get_mut(id));
        let token = match lane.settings.bucket.take(now, job.cost, lane.place) {
            Taken::Granted(token) => token,
            Taken::Wait(wait) => {
                lane.head = Some(id);
                return Next::Until(lane.queue(now, wait, job.cost, &mut self.random));
            }
        };
        lane.place = None;
        match lane.admitted(now) {
            Admitted::No { until, .. } => {
                lane.settings.bucket.with(now, |bucket, _| bucket.give_back(token, now));
                lane.head = Some(id);
                return lane.down(now, until, self.policy.patience).map_or(Next::Nothing, Next::Until);
            }
            Admitted::Probe => job.probing = true,
            Admitted::Yes => {}
        }
        lane.settings.bucket.with(now, |bucket, _| bucket.sending(token));
        self.spending.reserve(job.worst);
        (job.token, job.sent_at) = (Some(token), now);
        lane.running += 1;
        self.running += 1;
        self.counts.sent += 1;
        self.counts.retried += u64::from(job.again);
        if !job.again {
            self.allowance.earn();
        }
        Next::Job(id)
    }

    /// A row that waits and may go, else a new one.
    fn pick(&mut self, index: usize, now: u64) -> Next {
        let due = self.lanes[index].waiting.peek().map(|Reverse((due, _))| *due);
        if due.is_some_and(|due| due <= now) && self.allowance.take(now) {
            let Reverse((_, id)) = self.lanes[index].waiting.pop().expect("it was peeked at");
            return Next::Job(id);
        }
        let mut cached = 0;
        loop {
            let lane = &mut self.lanes[index];
            if lane.dry || lane.read_out || lane.waiting.len() >= MOST_WAITING {
                return due.map_or(Next::Nothing, |due| Next::Until(due.max(self.allowance.next())));
            }
            match lane.source.next() {
                Ok(Pulled::Task(task)) => {
                    if let Some(line) = lane.cache.as_ref().and_then(|cache| cache.get(&task.content, &task.custom_id))
                    {
                        self.counts.answered += 1;
                        self.counts.cached += 1;
                        self.sink.put(Recorded { lane: index, ok: true, content: task.content, line });
                        cached += 1;
                        if cached == AT_ONCE {
                            return Next::Until(now);
                        }
                        continue;
                    }
                    match Job::new(task, index, lane) {
                        Ok(job) => return Next::Job(self.jobs.add(job)),
                        Err(no) => self.refuse(index, &no.0, &no.1),
                    }
                }
                Ok(Pulled::Bad(task, failure)) => self.refuse(index, &task, &failure),
                Ok(Pulled::Dry) => {
                    lane.dry = true;
                    self.dry.push(index);
                }
                Ok(Pulled::End) => lane.read_out = true,
                Err(why) => {
                    self.end_all(End::Source(why));
                    return Next::Nothing;
                }
            }
        }
    }

    fn request(&self, id: u32) -> Request {
        let job = self.jobs.get(id);
        self.lanes[job.lane].settings.request(job)
    }

    /// A 2xx: recorded, asked again, or (Err) malformed.
    fn read(&mut self, id: u32, answer: &Answer, now: u64, took: u64) -> Result<(), String> {
        let job = self.jobs.get_mut(id);
        let lane = &mut self.lanes[job.lane];
        self.scratch.clear();
        let read = protocol::decode(&lane.settings.target, job.kind, &answer.body, &mut self.scratch)
            .map_err(|malformed| malformed.to_string())?;
        job.probing = false;
        lane.succeeded(job, now, &read);
        let output = read.output_tokens.unwrap_or(0);
        lane.window.answered(took / (1 + output / 64), lane.running + 1);
        lane.learn(&answer.headers);
        self.spending.settle(job.worst, lane.settings.prices.cost(job, &read));
        self.counts.input_tokens = self.counts.input_tokens.saturating_add(read.input_tokens.unwrap_or(0));
        self.counts.output_tokens = self.counts.output_tokens.saturating_add(output);
        if let Some(violation) = violation(self.schema.as_ref(), &read, &self.scratch) {
            self.ask_again(id, now, &violation, output);
            return Ok(());
        }
        self.times.add(took);
        self.counts.answered += 1;
        let job = self.jobs.remove(id);
        let request_id = self.lanes[job.lane].settings.unless_secret(line::request_id(answer));
        let line = line::answered(&job.task(), request_id, &self.scratch);
        let cache = &mut self.lanes[job.lane].cache;
        if cache.as_mut().is_some_and(|cache| cache.put(&job.content, &line).is_err()) {
            *cache = None; // which does not stop the batch
        }
        self.sink.put(Recorded { lane: job.lane, ok: true, content: job.content, line });
        Ok(())
    }

    fn trouble(&mut self, id: u32, index: usize, now: u64, what: What) {
        let (lane, job) = (&mut self.lanes[index], self.jobs.get_mut(id));
        if let What::Refused(answer) = &what {
            lane.learn(&answer.headers);
        }
        lane.unanswered(job, now, &what);
        self.spending.release(job.worst);
        lane.undecided += 1;
        self.undecided += 1;
        self.troubles.push(Trouble { id, lane: index, what });
    }

    /// The answer does not match the schema: the row goes again, with what is wrong, or fails.
    fn ask_again(&mut self, id: u32, now: u64, violation: &str, output: u64) {
        let job = self.jobs.get_mut(id);
        job.asks += 1;
        let again = job.asks <= self.policy.most_reasks;
        let text = String::from_utf8_lossy(&self.scratch).into_owned();
        let settings = &self.lanes[job.lane].settings;
        if again && job.complain(&settings.target, &text, violation) {
            job.grows(output.saturating_add(violation.len() as u64).saturating_add(COMPLAINT), &settings.prices);
            job.again = true;
            self.counts.reasked += 1;
            self.lanes[job.lane].waiting.push(Reverse((now, id)));
            return;
        }
        let failure = Failure {
            code: "schema_mismatch".to_owned(),
            message: format!("the answer does not match the JSON schema: {violation}"),
        };
        let body = Bytes::from(std::mem::take(&mut self.scratch));
        self.fail_with(id, &failure, Some((200, body)));
    }

    fn fail(&mut self, id: u32, failure: &Failure, what: Option<What>) {
        let received = match what {
            Some(What::Refused(answer)) => Some((answer.status, answer.body)),
            Some(What::Malformed(_, body)) => Some((200, body)),
            Some(What::Fault(_)) | None => None,
        };
        self.fail_with(id, failure, received);
    }

    fn fail_with(&mut self, id: u32, failure: &Failure, received: Option<(u16, Bytes)>) {
        let job = self.jobs.remove(id);
        let line = line::failure(&job.task(), failure, received.as_ref().map(|(status, body)| (*status, &body[..])));
        self.counts.failed += 1;
        self.sink.put(Recorded { lane: job.lane, ok: false, content: job.content, line });
    }

    /// A row that was never sent.
    fn refuse(&mut self, lane: usize, task: &Task, failure: &Failure) {
        let line = line::failure(&task.named(), failure, None);
        self.counts.failed += 1;
        self.sink.put(Recorded { lane, ok: false, content: task.content, line });
    }

    fn end_all(&mut self, end: End) {
        self.end = end;
        self.lanes.iter_mut().for_each(Lane::leave_line);
    }
}

impl Drop for Run {
    /// What is under way was sent and counts; nobody will learn what came of it.
    fn drop(&mut self) {
        let now = crate::bucket::now();
        for job in self.jobs.iter() {
            if let Some(token) = job.token {
                self.lanes[job.lane].settings.bucket.with(now, |bucket, _| bucket.finish(token, now));
            }
        }
        for lane in &mut self.lanes {
            lane.leave_line();
            if let Some(cache) = &mut lane.cache {
                let _ = cache.flush(); // what is lost there is paid for once more, some day
            }
            lane.settings.breaker.with(now, |breaker, caller| breaker.abandoned(caller.owner));
        }
    }
}

/// Where nothing is kept.
struct Nowhere;

impl Sink for Nowhere {
    fn put(&mut self, _line: Recorded) {}

    fn room(&self) -> bool {
        true
    }
}

/// Of a body that is no answer, so much is kept.
fn begun(mut body: Bytes) -> Bytes {
    body.truncate(LARGEST_REFUSAL);
    body
}

fn violation(schema: Option<&Schema>, read: &Answered, body: &[u8]) -> Option<String> {
    let schema = schema?;
    let Some(text) = read.text(body) else { return Some("it has no text".to_owned()) };
    schema.check(&text).err().map(|violation| violation.to_string())
}
