//! The limits of one provider's model: requests, tokens and calls at once, taken together or not at all.
//!
//! Time is an argument, in nanoseconds of any clock that does not run backwards. Nothing is allocated, and every bit
//! pattern is a bucket, if one that must be mended: [`shared`] keeps it in a file that all of a user's processes map.
//!
//! A reservation is *held* from its grant until the reply's head has come, and counts for a whole window from then: the
//! server has met it somewhere between, so in no window of the server's does it meet more than the limit.

mod breaker;
mod place;
#[cfg(target_os = "linux")]
pub mod shared;
mod window;

pub use breaker::{Admitted, Breaker};
pub use place::{Place, Plain, remembered};
use window::{MOST, Window};

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const DAY: u64 = 24 * 60 * MINUTE;
/// Reservations and places in line at once, over all processes.
pub const SLOTS: usize = 1024;
/// How soon to look again, where it depends on others' calls.
const POLL: u64 = SECOND / 20;
/// For how long somebody's turn is kept who does not come.
const GRACE: u64 = SECOND / 4;
/// For how long requests are spaced evenly after a refusal that had no other reason.
const PACED: u64 = 10 * MINUTE;
/// The longest that a server can make everybody wait.
const LONGEST_FLOOR: u64 = 60 * MINUTE;

/// Nanoseconds of a clock that goes on while the machine sleeps, and is the same in all processes.
#[cfg(unix)]
#[must_use]
pub fn now() -> u64 {
    #[cfg(target_os = "linux")]
    let clock = libc::CLOCK_BOOTTIME;
    #[cfg(not(target_os = "linux"))]
    let clock = libc::CLOCK_MONOTONIC;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes into the struct; these clocks are always there.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec.cast_unsigned() * SECOND + time.tv_nsec.cast_unsigned()
}

/// Who asks, in the time of what is asked.
pub struct Caller<'a> {
    /// Nanoseconds.
    pub now: u64,
    /// Its process.
    pub owner: u64,
    /// Whether another's process lives.
    pub alive: &'a dyn Fn(u64) -> bool,
}

/// What a limit is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Resource {
    /// Requests, over a minute.
    RequestsPerMinute,
    /// Tokens in and out, over a minute.
    TokensPerMinute,
    /// Tokens of prompts, over a minute.
    InputTokensPerMinute,
    /// Tokens of answers, over a minute.
    OutputTokensPerMinute,
    /// Requests, over 24 hours.
    RequestsPerDay,
}

/// All, in the order of their numbers.
pub const RESOURCES: [Resource; 5] = [
    Resource::RequestsPerMinute,
    Resource::TokensPerMinute,
    Resource::InputTokensPerMinute,
    Resource::OutputTokensPerMinute,
    Resource::RequestsPerDay,
];

const LENGTHS: [u64; 5] = [MINUTE, MINUTE, MINUTE, MINUTE, DAY];

/// What one call takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Cost {
    /// Tokens of the prompt.
    pub input: u64,
    /// Tokens of the answer.
    pub output: u64,
}

impl Cost {
    fn bounded(self) -> Cost {
        Cost { input: self.input.min(MOST), output: self.output.min(MOST) }
    }

    /// Of each resource.
    fn amounts(self) -> [u64; 5] {
        let Cost { input, output } = self.bounded();
        [1, input + output, input, output, 1]
    }
}

const FREE: u64 = 0;
const WAITING: u64 = 1;
const HELD: u64 = 2;
const COUNTED: u64 = 3;

/// One reservation, or one place in line.
#[derive(Clone, Copy)]
#[repr(C)]
struct Slot {
    state: u64,
    owner: u64,
    number: u64,
    /// Waiting: when it looks again. Counted: since when.
    at: u64,
    /// Not 0: the server may have seen it.
    sent: u64,
    cost: Cost,
}

/// A reservation or a place in line, by its slot and number: one that has ended is nobody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(u64);

impl Token {
    fn new(slot: usize, number: u64) -> Token {
        Token(number << 10 | slot as u64)
    }

    fn slot(self) -> usize {
        (self.0 % SLOTS as u64) as usize
    }

    fn number(self) -> u64 {
        self.0 >> 10
    }

    /// As a number, never 0.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// Of what [`Token::to_bits`] gave.
    #[must_use]
    pub fn from_bits(bits: u64) -> Token {
        Token(bits)
    }
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is reserved.
    Granted(Token),
    /// Nothing is; ask again after so many nanoseconds.
    Wait(u64),
}

/// All limits of one bucket, and what was taken of them.
#[derive(Clone)]
#[repr(C)]
pub struct Bucket {
    windows: [Window; 5],
    /// When the server said what the limits are; 0: never.
    learned: [u64; 5],
    concurrency: u64,
    running: u64,
    waiting: u64,
    next_number: u64,
    next_slot: u64,
    floor: u64,
    refusals: u64,
    paced_until: u64,
    next_paced: u64,
    slots: [Slot; SLOTS],
}

impl Default for Bucket {
    fn default() -> Bucket {
        Bucket {
            windows: LENGTHS.map(Window::new),
            learned: [0; 5],
            concurrency: 0,
            running: 0,
            waiting: 0,
            next_number: 1,
            next_slot: 0,
            floor: 0,
            refusals: 0,
            paced_until: 0,
            next_paced: 0,
            slots: [Slot { state: FREE, owner: 0, number: 0, at: 0, sent: 0, cost: Cost { input: 0, output: 0 } };
                SLOTS],
        }
    }
}

impl Bucket {
    /// Reserves all that the call costs, or nothing. `place` is one in line, which becomes the reservation.
    pub fn take(&mut self, now: u64, owner: u64, cost: Cost, place: Option<Token>) -> Taken {
        let place = place.filter(|place| self.is(*place, WAITING));
        let mut wait = self.wait(now, cost);
        if wait == 0 && self.waiting > u64::from(place.is_some()) {
            wait = self.turn(now, place);
        }
        if wait > 0 {
            if let Some(place) = place {
                self.slots[place.slot()].at = now.saturating_add(wait);
            }
            return Taken::Wait(wait);
        }
        let Some(token) = place.or_else(|| self.join(now, owner, cost)) else { return Taken::Wait(POLL) };
        let cost = cost.bounded();
        self.leave_line(token);
        let slot = &mut self.slots[token.slot()];
        (slot.state, slot.cost, slot.sent) = (HELD, cost, 0);
        self.running += 1;
        for (window, amount) in self.windows.iter_mut().zip(cost.amounts()) {
            window.held = window.held.saturating_add(amount);
        }
        if now < self.paced_until {
            self.next_paced = now.saturating_add(self.pace());
        }
        Taken::Granted(token)
    }

    /// A place at the end of the line; None where there is no room for one.
    pub fn join(&mut self, now: u64, owner: u64, cost: Cost) -> Option<Token> {
        let start = (self.next_slot % SLOTS as u64) as usize;
        let slot = (start..SLOTS).chain(0..start).find(|slot| self.slots[*slot].state == FREE)?;
        let number = self.next_number;
        // 44 bits: a million a second last for half a year, and older numbers have ended by then.
        self.next_number = (number + 1) % (1 << 44);
        self.next_slot = slot as u64 + 1;
        self.slots[slot] = Slot { state: WAITING, owner, number: number.max(1), at: now, sent: 0, cost };
        self.waiting += 1;
        Some(Token::new(slot, number.max(1)))
    }

    /// From now on the server may have seen the request: whoever dies, it counts.
    pub fn sending(&mut self, token: Token) {
        if self.is(token, HELD) {
            self.slots[token.slot()].sent = 1;
        }
    }

    /// The reply's head has come: what was held counts for a window from now.
    pub fn replied(&mut self, token: Token, now: u64) {
        if !self.is(token, HELD) {
            return;
        }
        let slot = &mut self.slots[token.slot()];
        (slot.state, slot.at) = (COUNTED, now);
        for (window, amount) in self.windows.iter_mut().zip(slot.cost.amounts()) {
            window.held = window.held.saturating_sub(amount);
            window.add(amount, now);
        }
    }

    /// What it really took, more or less than was reserved: what is more delays later ones. The server said yes.
    pub fn settle(&mut self, token: Token, now: u64, cost: Cost) {
        self.refusals = 0;
        self.correct(token, now, cost);
    }

    /// The server took the request and refused it: it counts, its tokens do not.
    pub fn refund(&mut self, token: Token, now: u64) {
        self.correct(token, now, Cost::default());
    }

    fn correct(&mut self, token: Token, now: u64, cost: Cost) {
        self.replied(token, now);
        if !self.is(token, COUNTED) {
            return;
        }
        let cost = cost.bounded();
        let slot = &mut self.slots[token.slot()];
        let (at, reserved) = (slot.at, slot.cost.amounts());
        slot.cost = cost;
        for ((window, before), after) in self.windows.iter_mut().zip(reserved).zip(cost.amounts()) {
            if after < before {
                window.take_back(before - after, at, now);
            } else if after > before {
                window.add(after - before, now);
            }
        }
    }

    /// The call is over: another one may run. It counts as sent, unless it was [given back](Bucket::give_back).
    pub fn finish(&mut self, token: Token, now: u64) {
        self.replied(token, now);
        if self.is(token, COUNTED) {
            self.free(token.slot());
        }
    }

    /// Nothing was sent, or the place in line is left: all is as if it had never been.
    pub fn give_back(&mut self, token: Token, now: u64) {
        let slot = &self.slots[token.slot()];
        if slot.state == FREE || slot.number != token.number() {
            return;
        }
        let (state, at, amounts) = (slot.state, slot.at, slot.cost.amounts());
        for (window, amount) in self.windows.iter_mut().zip(amounts) {
            match state {
                HELD => window.held = window.held.saturating_sub(amount),
                COUNTED => window.take_back(amount, at, now),
                _ => {}
            }
        }
        self.free(token.slot());
    }

    /// Nanoseconds until such a call may go, if nobody else's goes; 0: now.
    pub fn wait(&mut self, now: u64, cost: Cost) -> u64 {
        let mut wait = self.floor.saturating_sub(now);
        if now < self.paced_until {
            wait = wait.max(self.next_paced.saturating_sub(now));
        }
        if self.concurrency > 0 && self.running >= self.concurrency {
            wait = wait.max(POLL);
        }
        for (window, amount) in self.windows.iter_mut().zip(cost.amounts()) {
            wait = wait.max(window.wait(amount, now).unwrap_or(POLL));
        }
        wait
    }

    /// The server said no: nobody goes for so many nanoseconds. Gives how often it said so without a success between.
    ///
    /// Where no limit was near by our own count, it may want requests evenly spaced, as many do that speak of a minute:
    /// for ten minutes they are.
    pub fn refused(&mut self, now: u64, wait: u64) -> u64 {
        self.floor = self.floor.max(now.saturating_add(wait.min(LONGEST_FLOOR)));
        self.refusals = self.refusals.saturating_add(1);
        let room = self.windows.iter_mut().all(|window| window.limit == 0 || window.used(now) * 10 < window.limit * 9);
        if room && self.windows[Resource::RequestsPerMinute as usize].limit > 0 {
            self.paced_until = self.floor.saturating_add(PACED);
            self.next_paced = self.next_paced.max(self.floor);
        }
        self.refusals
    }

    /// How often the server said no since its last success.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refusals
    }

    /// Of a resource; None: not known.
    #[must_use]
    pub fn limit(&self, resource: Resource) -> Option<u64> {
        Some(self.windows[resource as usize].limit).filter(|limit| *limit > 0)
    }

    /// As somebody wrote it down; None: nobody did. What the server said within a day is better.
    pub fn list_limit(&mut self, resource: Resource, now: u64, limit: Option<u64>) {
        let learned = self.learned[resource as usize];
        if learned == 0 || now.saturating_sub(learned) > DAY {
            self.windows[resource as usize].limit = limit.unwrap_or(0).min(MOST);
        }
    }

    /// As the server says it.
    pub fn learn_limit(&mut self, resource: Resource, now: u64, limit: u64) {
        self.windows[resource as usize].limit = limit.min(MOST);
        self.learned[resource as usize] = now.max(1);
    }

    /// Calls at once; None: as many as there are.
    #[must_use]
    pub fn concurrency(&self) -> Option<u64> {
        Some(self.concurrency).filter(|limit| *limit > 0)
    }

    /// From now on.
    pub fn set_concurrency(&mut self, limit: Option<u64>) {
        self.concurrency = limit.unwrap_or(0);
    }

    /// Taken of a resource, by our own count.
    pub fn used(&mut self, resource: Resource, now: u64) -> u64 {
        self.windows[resource as usize].used(now)
    }

    /// Calls that run.
    #[must_use]
    pub fn running(&self) -> u64 {
        self.running
    }

    /// Until when nobody goes, because the server said so.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// The server says that less is left than we count: somebody else uses the same key. Until `reset` nanoseconds from
    /// now, at most for the window, the difference counts as taken.
    pub fn remaining(&mut self, resource: Resource, now: u64, remaining: u64, reset: Option<u64>) {
        let window = &mut self.windows[resource as usize];
        if window.limit == 0 {
            return;
        }
        let theirs = window.limit.saturating_sub(remaining).saturating_sub(window.used(now));
        let length = window.length();
        window.add_until(theirs, now.saturating_add(reset.unwrap_or(length).min(length)), now);
    }

    /// What processes held that are no more: what was sent counts, all else is given back.
    pub fn sweep(&mut self, now: u64, mut alive: impl FnMut(u64) -> bool) {
        for slot in 0..SLOTS {
            let Slot { state, owner, number, sent, .. } = self.slots[slot];
            if state == FREE || alive(owner) {
                continue;
            }
            let token = Token::new(slot, number);
            if state == COUNTED || sent != 0 && state == HELD {
                self.finish(token, now);
            } else {
                self.give_back(token, now);
            }
        }
    }

    /// What a file may have wrong is as it must be; sums are those of what they are sums of.
    pub fn mend(&mut self, now: u64) {
        for (window, length) in self.windows.iter_mut().zip(LENGTHS) {
            window.mend(length, now);
        }
        (self.running, self.waiting) = (0, 0);
        self.learned = self.learned.map(|then| then.min(now));
        self.paced_until = self.paced_until.min(now.saturating_add(LONGEST_FLOOR + PACED));
        self.floor = self.floor.min(now.saturating_add(LONGEST_FLOOR));
        self.next_paced = self.next_paced.min(now.saturating_add(MINUTE));
        self.next_number %= 1 << 44;
        for slot in &mut self.slots {
            slot.number %= 1 << 44;
            slot.cost = slot.cost.bounded();
            match slot.state {
                WAITING => self.waiting += 1,
                HELD => {
                    self.running += 1;
                    for (window, amount) in self.windows.iter_mut().zip(slot.cost.amounts()) {
                        window.held = window.held.saturating_add(amount);
                    }
                }
                COUNTED => self.running += 1,
                _ => slot.state = FREE,
            }
        }
    }

    /// Nanoseconds between two requests that are spaced evenly.
    fn pace(&self) -> u64 {
        MINUTE / self.windows[Resource::RequestsPerMinute as usize].limit.max(1)
    }

    /// Whether somebody stands before `place`, or before who has none, and comes in time: how long to let them.
    fn turn(&self, now: u64, place: Option<Token>) -> u64 {
        let mine = place.map_or(u64::MAX, Token::number);
        let before = |slot: &&Slot| slot.state == WAITING && slot.number < mine && now < slot.at.saturating_add(GRACE);
        self.slots.iter().filter(before).map(|slot| slot.at.saturating_sub(now).max(POLL)).max().unwrap_or(0)
    }

    fn is(&self, token: Token, state: u64) -> bool {
        let slot = &self.slots[token.slot()];
        slot.state == state && slot.number == token.number()
    }

    fn leave_line(&mut self, token: Token) {
        if self.is(token, WAITING) {
            self.waiting = self.waiting.saturating_sub(1);
        }
    }

    fn free(&mut self, slot: usize) {
        match self.slots[slot].state {
            WAITING => self.waiting = self.waiting.saturating_sub(1),
            HELD | COUNTED => self.running = self.running.saturating_sub(1),
            _ => {}
        }
        self.slots[slot].state = FREE;
        self.next_slot = slot as u64;
    }
}
