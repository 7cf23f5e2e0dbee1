//! Runs against a simulated server, in simulated time: hours take milliseconds, and each run is the same every time.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use memchr::memmem::Finder;

use super::*;
use crate::batch::protocol::{Kind, Protocol, Target};
use crate::bucket::{Breaker, Bucket, Place, Resource};
use crate::transport::Deadlines;

const MS: u64 = 1_000_000;

struct Rows(VecDeque<Task>);

impl Source for Rows {
    fn next(&mut self) -> Result<Pulled, String> {
        Ok(self.0.pop_front().map_or(Pulled::End, Pulled::Task))
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<Recorded>>>);

impl Sink for Lines {
    fn put(&mut self, line: Recorded) {
        self.0.lock().unwrap().push(line);
    }

    fn room(&self) -> bool {
        true
    }
}

/// What the simulated server says to the n-th request at a time: after how long, and what.
type Server = Box<dyn FnMut(usize, u64, &Request) -> (u64, Result<Answer, Fault>)>;

struct World {
    run: Run,
    lines: Lines,
    now: u64,
    under_way: BTreeMap<(u64, u32), Result<Answer, Fault>>,
    sent: Vec<u64>,
    most_at_once: usize,
    server: Server,
}

fn policy() -> Policy {
    Policy { most_retries: 5, most_reasks: 2, budget: None, spent: 0, patience: 30 * 60 * SECOND, seed: 7 }
}

fn rows(count: usize, name: &str) -> Vec<Task> {
    let row = |number: usize| Task {
        custom_id: format!("{name}-{number}"),
        content: (number as u128).to_be_bytes(),
        kind: Kind::Chat,
        body: br#"{"messages":[{"role":"user","content":"hi"}],"max_tokens":10}"#.to_vec(),
        input_tokens: 10,
        output_tokens: Some(10),
    };
    (0..count).map(row).collect()
}

fn lane(tasks: Vec<Task>, most: usize, limits: &[(Resource, u64)]) -> Lane {
    let bucket = Place::<Bucket>::here();
    for (resource, limit) in limits {
        bucket.with(1, |bucket, _| bucket.list_limit(*resource, 1, Some(*limit)));
    }
    let url = "http://127.0.0.1:1/v1/chat/completions".parse().ok();
    let settings = Settings {
        name: "m".to_owned(),
        target: Target::new(Protocol::OpenAi, "m"),
        urls: [url, None, None, None],
        headers: HeaderMap::new(),
        deadlines: Deadlines {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            total: None,
        },
        largest_body: 1 << 20,
        bucket: Arc::new(bucket),
        breaker: Arc::new(Place::<Breaker>::here()),
        prices: Prices { input: 1_000_000, cached: 500_000, output: 2_000_000 },
        usual_output: 100,
        most_output: 1000,
        secrets: vec![Finder::new("sk-secret").into_owned()],
        may_ask_again: true,
    };
    Lane::new(settings, Box::new(Rows(tasks.into())), most, most)
}

fn good(text: &str) -> Result<Answer, Fault> {
    let body = format!(
        r#"{{"id":"x","object":"chat.completion","choices":[{{"index":0,"finish_reason":"stop","message":{{"role":"assistant","content":"{text}"}}}}],"usage":{{"prompt_tokens":8,"completion_tokens":5,"total_tokens":13}}}}"#
    );
    answer(200, &body)
}

fn answer(status: u16, body: &str) -> Result<Answer, Fault> {
    Ok(Answer { status, body: Bytes::copy_from_slice(body.as_bytes()), ..Answer::default() })
}

/// As whoever knows the provider's words decides.
fn decision(what: &What) -> Decision {
    let failure = Failure { code: "code".to_owned(), message: "message".to_owned() };
    let decided = |verdict, health, floor| Decision { verdict, health, wait: 0, floor, failure: failure.clone() };
    match what {
        What::Refused(answer) => match answer.status {
            429 => decided(Verdict::Retry, Health::Working, Some(2 * SECOND)),
            401 => decided(Verdict::Stop, Health::Working, None),
            500.. => decided(Verdict::Retry, Health::Failing, None),
            _ => decided(Verdict::Fail, Health::Working, None),
        },
        What::Malformed(..) => decided(Verdict::Retry, Health::Working, None),
        What::Fault(_) => decided(Verdict::Retry, Health::Failing, None),
    }
}

impl World {
    fn new(lanes: Vec<Lane>, policy: Policy, schema: Option<Schema>, server: Server) -> World {
        let lines = Lines::default();
        let run = Run::new(lanes, policy, schema, Box::new(lines.clone()));
        World { run, lines, now: SECOND, under_way: BTreeMap::new(), sent: Vec::new(), most_at_once: 0, server }
    }

    /// To the end, which comes within so many requests.
    fn run(mut self) -> World {
        for _ in 0..1_000_000 {
            if self.turn() {
                return self;
            }
        }
        panic!("it does not end");
    }

    /// One step; gives whether it was the last.
    fn turn(&mut self) -> bool {
        match self.run.step(self.now) {
            Step::Send(id, request) => {
                let (after, result) = (self.server)(self.sent.len(), self.now, &request);
                self.sent.push(self.now);
                self.under_way.insert((self.now + after.max(1), id), result);
                self.most_at_once = self.most_at_once.max(self.under_way.len());
            }
            Step::Wait(until) => {
                let first = self.under_way.first_key_value().map(|((time, _), _)| *time);
                let next = [until, first].into_iter().flatten().min().expect("something will happen");
                self.now = self.now.max(next);
                self.deliver();
            }
            Step::Done => return true,
        }
        false
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let ((_, id), result) = entry.remove_entry();
            self.run.answered(id, self.now, result);
        }
        for trouble in self.run.take_troubles() {
            let decision = decision(&trouble.what);
            self.run.decide(trouble, self.now, decision);
        }
    }

    /// Content hashes of what was answered, and of what failed; none twice.
    fn ends(&self) -> (usize, usize) {
        let mut seen = HashMap::new();
        for line in self.lines.0.lock().unwrap().iter() {
            let value: serde_json::Value = serde_json::from_slice(&line.line).expect("a line is JSON");
            let custom_id = value["custom_id"].as_str().unwrap().to_owned();
            assert_eq!(value["error"].is_null(), line.ok);
            assert!(seen.insert(custom_id, line.ok).is_none(), "no row ends twice");
        }
        (seen.values().filter(|ok| **ok).count(), seen.values().filter(|ok| !**ok).count())
    }

    /// Of all windows of this length, the most requests.
    fn most_within(&self, length: u64) -> usize {
        (0..self.sent.len())
            .map(|first| self.sent[first..].partition_point(|time| *time < self.sent[first] + length))
            .max()
            .unwrap_or(0)
    }
}

#[test]
fn every_row_is_answered_once_and_never_too_many_at_once() {
    let server: Server = Box::new(|number, _, _| ((50 + number as u64 % 100) * MS, good("yes")));
    let world = World::new(vec![lane(rows(5000, "r"), 64, &[])], policy(), None, server).run();
    assert_eq!(world.ends(), (5000, 0));
    assert_eq!((world.sent.len(), world.most_at_once), (5000, 64));
    let counts = world.run.counts();
    assert_eq!((counts.input_tokens, counts.output_tokens), (40_000, 25_000));
    assert_eq!(counts.spent, 5000 * (8 * 1_000_000 + 5 * 2_000_000));
    assert!(world.run.lanes()[0].is_done());
}

#[test]
fn limits_hold_in_every_window() {
    let server: Server = Box::new(|_, _, _| (300 * MS, good("yes")));
    let limits = [(Resource::RequestsPerMinute, 100)];
    let world = World::new(vec![lane(rows(1000, "r"), 50, &limits)], policy(), None, server).run();
    assert_eq!(world.ends(), (1000, 0));
    assert_eq!(world.most_within(60 * SECOND), 100);
    assert!(world.now < 11 * 60 * SECOND, "and nothing is given away");
}

#[test]
fn a_server_that_fails_now_and_then_loses_nothing_and_sees_few_repetitions() {
    let server: Server =
        Box::new(|number, _, _| (100 * MS, if number % 12 == 3 { answer(500, "{}") } else { good("yes") }));
    let world = World::new(vec![lane(rows(5000, "r"), 32, &[])], policy(), None, server).run();
    assert_eq!(world.ends(), (5000, 0));
    assert!(world.run.counts().retried * 10 <= 5000 + 100, "{:?}", world.run.counts());
}

#[test]
fn repetitions_are_a_tenth_of_the_traffic_however_often_a_server_fails() {
    let server: Server =
        Box::new(|number, _, _| (100 * MS, if number % 5 == 3 { answer(500, "{}") } else { good("yes") }));
    let policy = Policy { most_retries: 20, ..policy() };
    let world = World::new(vec![lane(rows(20_000, "r"), 32, &[])], policy, None, server).run();
    assert_eq!(world.ends(), (20_000, 0));
    let (counts, trickled) = (world.run.counts(), world.now / (SECOND / 10));
    assert!(counts.retried <= counts.sent / 10 + 10 + trickled, "{counts:?} in {} s", world.now / SECOND);
}

#[test]
fn so_many_rows_wait_and_no_more() {
    let server: Server = Box::new(|number, now, _| {
        (100 * MS, if now < 600 * SECOND && number % 2 > 0 { answer(500, "{}") } else { good("yes") })
    });
    let (read, all) = (Arc::new(Mutex::new(0)), 50_000);
    let counted = Counted { rows: Rows(rows(all, "r").into()), read: Arc::clone(&read) };
    let mut lane = lane(Vec::new(), 32, &[]);
    lane.source = Box::new(counted);
    let policy = Policy { most_retries: 1000, ..policy() };
    let mut world = World::new(vec![lane], policy, None, server);
    while world.now < 600 * SECOND {
        world.turn();
        let ended = usize::try_from(world.run.counts().answered).unwrap();
        assert!(*read.lock().unwrap() <= ended + MOST_WAITING + 64, "rows are left where they are");
    }
    assert_eq!(world.run().ends(), (all, 0));
}

struct Counted {
    rows: Rows,
    read: Arc<Mutex<usize>>,
}

impl Source for Counted {
    fn next(&mut self) -> Result<Pulled, String> {
        *self.read.lock().unwrap() += 1;
        self.rows.next()
    }
}

#[test]
fn what_a_server_cannot_do_is_not_asked_twice() {
    let server: Server = Box::new(|number, _, _| {
        (100 * MS, if number % 10 == 0 { answer(400, r#"{"error":{"message":"no"}}"#) } else { good("yes") })
    });
    let world = World::new(vec![lane(rows(100, "r"), 8, &[])], policy(), None, server).run();
    assert_eq!(world.ends(), (90, 10));
    assert_eq!(world.sent.len(), 100);
    let lines = world.lines.0.lock().unwrap();
    let failed: serde_json::Value = serde_json::from_slice(&lines.iter().find(|line| !line.ok).unwrap().line).unwrap();
    assert_eq!(failed["response"]["status_code"], 400);
    assert_eq!(failed["response"]["body"]["error"]["message"], "no");
}

#[test]
fn five_minutes_without_a_server_cost_nothing_but_time() {
    let down = 60 * SECOND..360 * SECOND;
    let server: Server = Box::new(move |_, now, _| match down.contains(&now) {
        true => (MS, Err(Fault::ConnectionRefused)),
        false => (500 * MS, good("yes")),
    });
    let world = World::new(vec![lane(rows(10_000, "r"), 32, &[])], policy(), None, server).run();
    assert_eq!(world.ends(), (10_000, 0));
    let meanwhile = world.sent.iter().filter(|time| (60 * SECOND..360 * SECOND).contains(time)).count();
    assert!(meanwhile < 60, "it is left alone: {meanwhile} requests");
}

#[test]
fn a_server_that_never_comes_back_is_given_up_and_its_rows_stay() {
    let server: Server = Box::new(|number, _, _| match number {
        0..10 => (100 * MS, good("yes")),
        _ => (MS, Err(Fault::ConnectionRefused)),
    });
    let world = World::new(vec![lane(rows(1000, "r"), 4, &[])], policy(), None, server).run();
    assert_eq!(world.ends(), (10, 0));
    assert_eq!(world.run.lanes()[0].end(), Some(&LaneEnd::Unreachable));
}

#[test]
fn a_refusal_for_too_many_is_a_floor_for_all_and_no_failure() {
    let server: Server =
        Box::new(|number, _, _| (10 * MS, if (20..60).contains(&number) { answer(429, "{}") } else { good("yes") }));
    let world = World::new(vec![lane(rows(200, "r"), 10, &[])], policy(), None, server).run();
    assert_eq!(world.ends(), (200, 0));
    let floor = world.sent[20] + 10 * MS;
    let between = world.sent.iter().filter(|time| (floor + 10 * MS..floor + 2 * SECOND).contains(time)).count();
    assert_eq!(between, 0);
    assert!(world.run.lanes()[0].stats().window < 10);
}

#[test]
fn a_rejected_key_ends_the_lane_and_fails_no_row() {
    let server: Server = Box::new(|_, _, _| (10 * MS, answer(401, "{}")));
    let lanes = vec![lane(rows(200, "a"), 10, &[]), lane(rows(50, "b"), 10, &[])];
    let world = World::new(lanes, policy(), None, server).run();
    assert_eq!(world.ends(), (0, 0));
    assert!(world.sent.len() <= 20);
    assert!(matches!(world.run.lanes()[0].end(), Some(LaneEnd::Refused(_))));
}

#[test]
fn a_server_is_given_up_when_patience_ends_not_when_the_circuit_is_tried_next() {
    let policy = Policy { patience: 2 * SECOND, ..policy() };
    let server: Server = Box::new(|_, _, _| (MS, answer(500, "{}")));
    let world = World::new(vec![lane(rows(20, "r"), 5, &[])], policy, None, server).run();
    assert_eq!(world.run.lanes()[0].end(), Some(&LaneEnd::Unreachable));
    assert!(world.now < 6 * SECOND, "it is open for five seconds");
}

#[test]
fn nobody_goes_while_a_refusal_that_may_be_for_all_is_undecided() {
    for (status, goes) in [(307, false), (400, true), (401, false), (404, false), (429, false), (500, true)] {
        let mut run = Run::new(vec![lane(rows(2, "r"), 1, &[])], policy(), None, Box::new(Lines::default()));
        let Step::Send(id, _) = run.step(SECOND) else { panic!("the first one goes") };
        run.answered(id, 2 * SECOND, answer(status, "{}"));
        assert_eq!(matches!(run.step(2 * SECOND), Step::Send(..)), goes, "{status}");
    }
}

#[test]
fn failures_between_answers_do_not_open_the_circuit_when_they_are_decided_together() {
    for (every, opens) in [(2, false), (1, true)] {
        let mut run = Run::new(vec![lane(rows(20, "r"), 20, &[])], policy(), None, Box::new(Lines::default()));
        for number in 0..20 {
            let Step::Send(id, _) = run.step(SECOND) else { panic!("all go") };
            let fails = number % every == 0;
            run.answered(id, SECOND, if fails { answer(500, "{}") } else { good("yes") });
        }
        for trouble in run.take_troubles() {
            let decision = decision(&trouble.what);
            run.decide(trouble, SECOND, decision);
        }
        assert_eq!(run.lanes()[0].stats().down_since.is_some(), opens);
    }
}

#[test]
fn the_budget_is_never_exceeded() {
    for budget in [0, 50_000_000, 1_000_000_000] {
        let policy = Policy { budget: Some(budget), ..policy() };
        let server: Server = Box::new(|number, _, _| ((50 + number as u64 % 100) * MS, good("yes")));
        let world = World::new(vec![lane(rows(500, "r"), 16, &[])], policy, None, server).run();
        assert!(world.run.counts().spent <= budget);
        assert_eq!(world.run.end(), &End::Budget);
        assert!(budget - world.run.counts().spent < 35_000_000 + 16 * 18_000_000, "and used: {budget}");
    }
}

#[test]
fn what_is_added_to_a_conversation_is_in_the_budget() {
    let usage = |prompt| good("bad").map(|it| Answer { body: with_usage(&it.body, prompt), ..it });
    let server: Server = Box::new(move |number, _, _| (10 * MS, usage(if number == 0 { 8 } else { 48 })));
    let schema = Schema::new(br#"{"type":"object","required":["a"]}"#).ok();
    let policy = Policy { budget: Some(60_000_000), ..policy() };
    let world = World::new(vec![lane(rows(1, "r"), 1, &[])], policy, schema, server).run();
    assert_eq!((world.run.end(), world.ends()), (&End::Budget, (0, 0)));
    assert!(world.run.counts().spent <= 60_000_000);
}

fn with_usage(body: &[u8], prompt_tokens: u64) -> Bytes {
    let mut said: serde_json::Value = serde_json::from_slice(body).unwrap();
    said["usage"]["prompt_tokens"] = prompt_tokens.into();
    said.to_string().into()
}

#[test]
fn models_of_one_file_wait_for_their_own_limits_alone() {
    let server: Server = Box::new(|_, _, _| (100 * MS, good("yes")));
    let slow = lane(rows(40, "slow"), 10, &[(Resource::RequestsPerMinute, 10)]);
    let world = World::new(vec![slow, lane(rows(1000, "fast"), 10, &[])], policy(), None, server).run();
    assert_eq!(world.ends(), (1040, 0));
    let lines = world.lines.0.lock().unwrap();
    let fast = lines.iter().rposition(|line| line.lane == 1).unwrap();
    assert!(fast < 1015, "the fast one ends long before: {fast}");
}

#[test]
fn answers_that_do_not_match_are_asked_for_again() {
    let server: Server = Box::new(|number, _, request| {
        let again = String::from_utf8_lossy(&request.body).contains("does not match");
        assert_eq!(again, number > 0);
        (10 * MS, good(if number < 2 { "bad" } else { "{\\\"a\\\":1}" }))
    });
    let schema = || Schema::new(br#"{"type":"object","required":["a"]}"#).ok();
    let world = World::new(vec![lane(rows(1, "r"), 1, &[])], policy(), schema(), server).run();
    assert_eq!((world.ends(), world.run.counts().reasked), ((1, 0), 2));
    let server: Server = Box::new(|_, _, _| (10 * MS, good("bad")));
    let world = World::new(vec![lane(rows(3, "r"), 1, &[])], policy(), schema(), server).run();
    assert_eq!((world.ends(), world.sent.len()), ((0, 3), 9));
    assert!(world.lines.0.lock().unwrap()[0].line.windows(15).any(|part| part == b"schema_mismatch"));
}

#[test]
fn a_stop_waits_for_what_is_under_way_and_sends_nothing_more() {
    let server: Server = Box::new(|_, _, _| (100 * MS, good("yes")));
    let mut world = World::new(vec![lane(rows(100, "r"), 10, &[])], policy(), None, server);
    while let Step::Send(id, request) = world.run.step(world.now) {
        world.under_way.insert((world.now + 1, id), (world.server)(0, 0, &request).1);
    }
    world.run.stop();
    let world = world.run();
    assert_eq!(world.ends(), (10, 0));
    assert_eq!(world.run.end(), &End::Stopped);
}

#[test]
fn malformed_answers_are_tried_again_and_then_fail() {
    let server: Server = Box::new(|_, _, _| (10 * MS, answer(200, "<html>")));
    let world = World::new(vec![lane(rows(3, "r"), 2, &[])], policy(), None, server).run();
    assert_eq!((world.ends(), world.sent.len()), ((0, 3), 18));
    let lines = world.lines.0.lock().unwrap();
    let failed: serde_json::Value = serde_json::from_slice(&lines[0].line).unwrap();
    assert_eq!(failed["response"]["body"], "<html>", "what came is kept");
}

#[test]
fn a_key_that_the_server_says_again_is_not_written_down() {
    let server: Server = Box::new(|number, _, _| match number {
        0 => {
            let headers = [("x-request-id".parse().unwrap(), "for-sk-secret".parse().unwrap())];
            let answer = good("your key is sk-secret, yes sk-secret");
            (MS, answer.map(|answer| Answer { headers: HeaderMap::from_iter(headers), ..answer }))
        }
        _ => (MS, answer(400, r#"{"error":{"message":"bad key sk-secret"}}"#)),
    });
    let world = World::new(vec![lane(rows(2, "r"), 1, &[])], policy(), None, server).run();
    assert_eq!(world.ends(), (1, 1));
    for line in world.lines.0.lock().unwrap().iter() {
        let text = String::from_utf8_lossy(&line.line);
        assert!(text.contains("key") && text.contains("****") && !text.contains("sk-secret"), "{text}");
    }
}
