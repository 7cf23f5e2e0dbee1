//! Limits are never exceeded in any window, nearly reached over an hour, and survive whatever a file may hold.

use std::collections::VecDeque;

use kandil_core::bucket::{Admitted, Breaker, Bucket, Cost, RESOURCES, Resource, SLOTS, Taken, Token};

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const ME: u64 = 1;
const NONE: Cost = Cost { input: 0, output: 0 };

/// Numbers that look random and are always the same.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % below
    }
}

fn bucket(limits: &[(Resource, u64)]) -> Box<Bucket> {
    let mut bucket = Box::<Bucket>::default();
    for (resource, limit) in limits {
        bucket.list_limit(*resource, 0, Some(*limit));
    }
    bucket
}

fn granted(taken: Taken) -> Token {
    match taken {
        Taken::Granted(token) => token,
        Taken::Wait(wait) => panic!("to wait for {wait} ns"),
    }
}

fn waits(taken: Taken) -> u64 {
    match taken {
        Taken::Wait(wait) => wait,
        Taken::Granted(_) => panic!("it was granted"),
    }
}

/// The most that any window of `length`, wherever it begins, has of these (moment, amount).
fn most(events: &[(u64, u64)], length: u64) -> u64 {
    let mut inside = VecDeque::new();
    let (mut sum, mut most) = (0, 0);
    for (at, amount) in events {
        inside.push_back((*at, *amount));
        sum += amount;
        while inside.front().is_some_and(|(first, _)| at - first >= length) {
            sum -= inside.pop_front().unwrap().1;
        }
        most = most.max(sum);
    }
    most
}

/// Grants over an hour to somebody who always wants more, each as soon as it may be.
fn greedy(bucket: &mut Bucket, mut cost: impl FnMut() -> Cost) -> Vec<(u64, Cost)> {
    let (mut now, mut events) = (0, Vec::new());
    let mut next = cost();
    while now < HOUR {
        match bucket.take(now, ME, next, None) {
            Taken::Granted(token) => {
                bucket.finish(token, now);
                events.push((now, next));
                next = cost();
            }
            Taken::Wait(wait) => now += wait,
        }
    }
    events
}

#[test]
fn over_an_hour_requests_are_within_one_percent_of_the_limit_and_never_over_it_in_any_window() {
    for limit in [1, 3, 50, 60, 1000] {
        let events = greedy(&mut bucket(&[(Resource::RequestsPerMinute, limit)]), || NONE);
        let events: Vec<_> = events.iter().map(|(at, _)| (*at, 1)).collect();
        assert!(most(&events, MINUTE) <= limit, "{limit}");
        let total = events.len() as u64;
        assert!(total * 100 >= limit * 60 * 99 && total * 100 <= limit * 61 * 100, "{limit} a minute: {total} an hour");
    }
}

#[test]
fn over_an_hour_tokens_of_all_sizes_are_within_one_percent_of_the_limit_and_never_over_it() {
    let limit = 100_000;
    let mut dice = Dice(7);
    let cost = || Cost { input: dice.next(150), output: dice.next(150) };
    let events = greedy(&mut bucket(&[(Resource::TokensPerMinute, limit)]), cost);
    let events: Vec<_> = events.iter().map(|(at, cost)| (*at, cost.input + cost.output)).collect();
    assert!(most(&events, MINUTE) <= limit);
    let total: u64 = events.iter().map(|(_, amount)| amount).sum();
    assert!(total * 100 >= limit * 60 * 99, "{total}");
}

#[test]
fn whatever_happens_in_between_no_window_of_the_servers_has_more_than_the_limits() {
    let (requests, input, output) = (40, 9_000, 4_000);
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let mut bucket = bucket(&[
            (Resource::RequestsPerMinute, requests),
            (Resource::InputTokensPerMinute, input),
            (Resource::OutputTokensPerMinute, output),
        ]);
        let (mut now, mut flying, mut arrived) = (0, Vec::new(), Vec::new());
        for _ in 0..4000 {
            now += dice.next(SECOND);
            let cost = Cost { input: dice.next(500), output: dice.next(400) };
            if let Taken::Granted(token) = bucket.take(now, ME, cost, None) {
                flying.push((token, now, cost));
            }
            if flying.len() > 8 || dice.next(3) == 0 && !flying.is_empty() {
                let (token, sent, cost) = flying.swap_remove(dice.next(flying.len() as u64) as usize);
                match dice.next(4) {
                    0 => bucket.give_back(token, now), // it never arrived
                    _ => {
                        arrived.push((sent + dice.next(now - sent + 1), cost));
                        bucket.replied(token, now);
                        bucket.finish(token, now);
                    }
                }
            }
        }
        arrived.sort_by_key(|(at, _)| *at);
        let of = |amount: fn(&Cost) -> u64| -> u64 {
            most(&arrived.iter().map(|(at, cost)| (*at, amount(cost))).collect::<Vec<_>>(), MINUTE)
        };
        assert!(of(|_| 1) <= requests && of(|cost| cost.input) <= input && of(|cost| cost.output) <= output);
        assert!(arrived.len() > 400, "{} arrived", arrived.len());
    }
}

#[test]
fn all_is_taken_or_nothing() {
    let mut bucket = bucket(&[(Resource::RequestsPerMinute, 10), (Resource::TokensPerMinute, 100)]);
    granted(bucket.take(0, ME, Cost { input: 60, output: 0 }, None));
    waits(bucket.take(0, ME, Cost { input: 41, output: 0 }, None));
    assert_eq!(bucket.used(Resource::RequestsPerMinute, 0), 1);
    assert_eq!(bucket.used(Resource::TokensPerMinute, 0), 60);
    granted(bucket.take(0, ME, Cost { input: 30, output: 10 }, None));
}

#[test]
fn a_settled_reservation_counts_what_it_really_took() {
    let mut bucket = bucket(&[(Resource::TokensPerMinute, 100)]);
    let less = granted(bucket.take(0, ME, Cost { input: 50, output: 50 }, None));
    bucket.settle(less, SECOND, Cost { input: 20, output: 10 });
    bucket.settle(less, SECOND, Cost { input: 20, output: 10 });
    assert_eq!(bucket.used(Resource::TokensPerMinute, SECOND), 30);
    let more = granted(bucket.take(SECOND, ME, Cost { input: 70, output: 0 }, None));
    bucket.settle(more, 2 * SECOND, Cost { input: 170, output: 0 });
    assert_eq!(bucket.used(Resource::TokensPerMinute, 2 * SECOND), 200);
    assert!(waits(bucket.take(2 * SECOND, ME, Cost { input: 1, output: 0 }, None)) > 58 * SECOND);
}

#[test]
fn what_is_larger_than_a_limit_goes_alone() {
    let mut bucket = bucket(&[(Resource::TokensPerMinute, 100)]);
    let huge = Cost { input: 1_000, output: 0 };
    let first = granted(bucket.take(0, ME, huge, None));
    bucket.finish(first, 0);
    let wait = waits(bucket.take(0, ME, huge, None));
    assert!(wait > MINUTE && wait < MINUTE + SECOND);
    granted(bucket.take(wait, ME, huge, None));
}

#[test]
fn calls_at_once_are_bounded_and_an_ended_call_makes_room() {
    let mut bucket = bucket(&[]);
    bucket.set_concurrency(Some(2));
    let first = granted(bucket.take(0, ME, NONE, None));
    granted(bucket.take(0, ME, NONE, None));
    waits(bucket.take(0, ME, NONE, None));
    bucket.finish(first, 0);
    bucket.finish(first, 0);
    granted(bucket.take(0, ME, NONE, None));
    waits(bucket.take(0, ME, NONE, None));
}

#[test]
fn who_waits_in_line_is_not_overtaken_by_who_needs_less() {
    let mut bucket = bucket(&[(Resource::TokensPerMinute, 100)]);
    let small = Cost { input: 10, output: 0 };
    let large = Cost { input: 95, output: 0 };
    let first = granted(bucket.take(0, ME, small, None));
    bucket.finish(first, 0);
    let place = bucket.join(0, 2, large).unwrap();
    let wait = waits(bucket.take(0, 2, large, Some(place)));
    assert!(waits(bucket.take(SECOND, ME, small, None)) > 50 * SECOND);
    assert_eq!(granted(bucket.take(wait, 2, large, Some(place))), place);
    bucket.give_back(place, wait);
    granted(bucket.take(wait, ME, small, None));
}

#[test]
fn who_does_not_come_when_it_is_his_turn_holds_nobody_up() {
    let mut bucket = bucket(&[(Resource::RequestsPerMinute, 1)]);
    let first = granted(bucket.take(0, ME, NONE, None));
    bucket.finish(first, 0);
    let place = bucket.join(0, 2, NONE).unwrap();
    let wait = waits(bucket.take(0, 2, NONE, Some(place)));
    waits(bucket.take(wait, ME, NONE, None));
    granted(bucket.take(wait + SECOND, ME, NONE, None));
}

#[test]
fn the_dead_give_back_all_but_what_they_have_sent() {
    let mut bucket = bucket(&[(Resource::RequestsPerMinute, 10), (Resource::TokensPerMinute, 1_000)]);
    bucket.set_concurrency(Some(3));
    let cost = Cost { input: 100, output: 0 };
    granted(bucket.take(0, 7, cost, None));
    let sent = granted(bucket.take(0, 7, cost, None));
    bucket.sending(sent);
    let living = granted(bucket.take(0, 8, cost, None));
    bucket.join(0, 7, cost);
    waits(bucket.take(0, 8, cost, None));
    bucket.sweep(0, |owner| owner == 8);
    assert_eq!(bucket.running(), 1);
    assert_eq!(bucket.used(Resource::RequestsPerMinute, 0), 2);
    assert_eq!(bucket.used(Resource::TokensPerMinute, 0), 200);
    bucket.finish(living, 0);
    assert_eq!(bucket.running(), 0);
    granted(bucket.take(0, 8, cost, None));
}

#[test]
fn a_refusal_is_a_floor_for_everybody_and_spaces_what_follows() {
    let mut bucket = bucket(&[(Resource::RequestsPerMinute, 60)]);
    let first = granted(bucket.take(0, ME, NONE, None));
    bucket.refused(0, 5 * SECOND);
    bucket.refund(first, 0);
    bucket.finish(first, 0);
    for owner in 1..9 {
        assert_eq!(waits(bucket.take(SECOND, owner, NONE, None)), 4 * SECOND);
    }
    bucket.refused(0, u64::MAX);
    assert!(bucket.floor() <= HOUR);
    let mut now = waits(bucket.take(0, ME, NONE, None));
    for _ in 0..10 {
        granted(bucket.take(now, ME, NONE, None));
        assert_eq!(waits(bucket.take(now, ME, NONE, None)), SECOND);
        now += SECOND;
    }
}

#[test]
fn where_the_server_has_counted_more_that_counts() {
    let mut bucket = bucket(&[(Resource::RequestsPerMinute, 100)]);
    bucket.learn_limit(Resource::RequestsPerMinute, 0, 50);
    bucket.list_limit(Resource::RequestsPerMinute, SECOND, Some(100));
    assert_eq!(bucket.limit(Resource::RequestsPerMinute), Some(50));
    bucket.remaining(Resource::RequestsPerMinute, HOUR, 10, Some(10 * SECOND));
    bucket.remaining(Resource::RequestsPerMinute, HOUR, 30, Some(10 * SECOND));
    assert_eq!(bucket.used(Resource::RequestsPerMinute, HOUR), 40);
    assert_eq!(bucket.used(Resource::RequestsPerMinute, HOUR + 9 * SECOND), 40);
    assert_eq!(bucket.used(Resource::RequestsPerMinute, HOUR + 11 * SECOND), 0);
}

#[test]
fn when_all_slots_are_taken_one_waits() {
    let mut bucket = bucket(&[]);
    let tokens: Vec<_> = (0..SLOTS).map(|_| granted(bucket.take(0, ME, NONE, None))).collect();
    waits(bucket.take(0, ME, NONE, None));
    assert_eq!(bucket.join(0, ME, NONE), None);
    bucket.finish(tokens[SLOTS / 2], 0);
    granted(bucket.take(0, ME, NONE, None));
}

#[test]
fn mending_keeps_what_is_sound_and_forgets_a_future_that_cannot_be() {
    let mut bucket = bucket(&[(Resource::RequestsPerMinute, 10)]);
    let held = granted(bucket.take(HOUR, ME, NONE, None));
    let counted = granted(bucket.take(HOUR, ME, NONE, None));
    bucket.replied(counted, HOUR);
    bucket.mend(HOUR - SECOND);
    assert_eq!((bucket.used(Resource::RequestsPerMinute, HOUR), bucket.running()), (2, 2));
    bucket.mend(MINUTE);
    assert_eq!(bucket.used(Resource::RequestsPerMinute, MINUTE), 1);
    bucket.give_back(held, MINUTE);
    assert_eq!(bucket.used(Resource::RequestsPerMinute, MINUTE), 0);
}

#[test]
fn a_token_that_has_ended_is_nobody_elses() {
    let mut bucket = bucket(&[]);
    let first = granted(bucket.take(0, ME, NONE, None));
    bucket.finish(first, 0);
    let second = granted(bucket.take(0, ME, NONE, None));
    assert_ne!(first, second);
    bucket.give_back(first, 0);
    bucket.settle(first, 0, Cost { input: 9, output: 9 });
    assert_eq!(bucket.running(), 1);
    assert_eq!(bucket.used(Resource::TokensPerMinute, 0), 0);
}

#[test]
fn no_numbers_and_no_clock_make_it_panic() {
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let odd = |dice: &mut Dice| match dice.next(4) {
            0 => u64::MAX - dice.next(3),
            1 => dice.next(3),
            2 => dice.next(u64::MAX),
            _ => dice.next(100 * SECOND),
        };
        let mut bucket = Box::<Bucket>::default();
        let mut tokens = vec![Token::from_bits(0)];
        for _ in 0..60 {
            let now = odd(&mut dice);
            let cost = Cost { input: odd(&mut dice), output: odd(&mut dice) };
            let token = tokens[dice.next(tokens.len() as u64) as usize];
            let resource = RESOURCES[dice.next(5) as usize];
            match dice.next(13) {
                0..3 => {
                    if let Taken::Granted(token) = bucket.take(now, odd(&mut dice), cost, Some(token)) {
                        tokens.push(token);
                    }
                }
                3 => tokens.extend(bucket.join(now, 1, cost)),
                4 => bucket.settle(token, now, cost),
                5 => bucket.finish(token, now),
                6 => bucket.give_back(token, now),
                7 => drop(bucket.refused(now, odd(&mut dice))),
                8 => bucket.learn_limit(resource, now, odd(&mut dice)),
                9 => bucket.remaining(resource, now, odd(&mut dice), Some(odd(&mut dice))),
                10 => bucket.sweep(now, |owner| owner % 2 == 0),
                11 => tokens.push(Token::from_bits(odd(&mut dice))),
                _ => bucket.mend(now),
            }
        }
    }
}

#[test]
fn a_circuit_opens_after_five_failures_lets_one_probe_through_and_closes_by_a_success() {
    let alive = |_| true;
    let mut breaker = Breaker::default();
    for _ in 0..4 {
        breaker.failed(1);
    }
    breaker.succeeded();
    for _ in 0..5 {
        assert_eq!(breaker.admit(1, ME, alive), Admitted::Yes);
        breaker.failed(1);
    }
    let Admitted::No { since: 1, until } = breaker.admit(1, ME, alive) else { panic!("it is closed") };
    breaker.failed(2); // it was under way
    assert_eq!(breaker.admit(until, 1, alive), Admitted::Probe);
    assert!(matches!(breaker.admit(until, 2, alive), Admitted::No { .. }));
    breaker.failed(until);
    let Admitted::No { since: 1, until: later } = breaker.admit(until, 2, alive) else { panic!("it is closed") };
    assert_eq!(later - until, 2 * (until - 1));
    assert_eq!(breaker.admit(later, 1, alive), Admitted::Probe);
    assert_eq!(breaker.admit(later, 2, |owner| owner != 1), Admitted::Probe, "the first probe's process has died");
    breaker.abandoned(2);
    assert_eq!(breaker.admit(later, 3, alive), Admitted::Probe);
    breaker.succeeded();
    assert_eq!(breaker.admit(later, 1, alive), Admitted::Yes);
    assert_eq!(breaker.state(), (0, None));
}
