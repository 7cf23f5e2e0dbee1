//! What a run speaks of with whoever drives it, decides for it, gives it rows and takes its lines.

use bytes::Bytes;

use super::job::Task;
use crate::transport::{Answer, Fault, Request};

/// What holds for all rows.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// How often one row is tried again after failures of the server's or the network's.
    pub most_retries: u32,
    /// How often one row is asked again because its answer does not match the schema.
    pub most_reasks: u32,
    /// Picodollars; None: no budget.
    pub budget: Option<u64>,
    /// What former runs of the same batch have spent of it.
    pub spent: u64,
    /// Nanoseconds without a single answer, after which a model is given up.
    pub patience: u64,
    /// Of what is random.
    pub seed: u64,
}

/// Where the rows of a lane come from.
pub trait Source {
    /// The next one.
    ///
    /// # Errors
    /// There is nothing more to be had, though there should be; in words.
    fn next(&mut self) -> Result<Pulled, String>;
}

/// What a source has.
pub enum Pulled {
    /// A row.
    Task(Task),
    /// A row that can be sent nowhere, and why.
    Bad(Task, Failure),
    /// Nothing yet; see [`Run::fed`].
    Dry,
    /// Nothing more.
    End,
}

/// Where lines go.
pub trait Sink {
    /// Takes a line over, with its line feed; where it cannot be kept, that is the sink's to tell.
    fn put(&mut self, line: Recorded);
    /// Whether there is room for more: rows under way come on top.
    fn room(&self) -> bool;
    /// Why nothing more can be kept, if so: then nothing more is sent.
    fn failure(&self) -> Option<String> {
        None
    }
}

/// A row's end.
pub struct Recorded {
    /// Its lane.
    pub lane: usize,
    /// In the output; else in the errors.
    pub ok: bool,
    /// The row's content hash.
    pub content: [u8; 16],
    /// In OpenAI's batch result form.
    pub line: Vec<u8>,
}

/// Why a row failed, as its error says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A word, as `rate_limited`.
    pub code: String,
    /// A sentence.
    pub message: String,
}

/// An answer that is none: somebody must decide.
pub struct Trouble {
    /// Of the row.
    pub id: u32,
    /// Of its model.
    pub lane: usize,
    /// What came.
    pub what: What,
}

/// What came instead of an answer.
pub enum What {
    /// Another status than 2xx.
    Refused(Answer),
    /// A 2xx that cannot be read, why, and what came.
    Malformed(String, Bytes),
    /// Nothing, or not all of it.
    Fault(Fault),
}

/// What is to become of a row in trouble.
pub struct Decision {
    /// What to do.
    pub verdict: Verdict,
    /// What it says about the server.
    pub health: Health,
    /// Nanoseconds: the row is not sent again before.
    pub wait: u64,
    /// Nanoseconds: nobody is sent anything before; with [`Verdict::Retry`] the row does not count as tried.
    pub floor: Option<u64>,
    /// Where the row fails, or will when it was tried too often.
    pub failure: Failure,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Later again.
    Retry,
    /// The row has failed for its own reasons.
    Fail,
    /// No row of this lane can be answered: none is sent any more, none has failed.
    Stop,
}

/// What a trouble says about the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It works.
    Working,
    /// It does not.
    Failing,
    /// Nobody knows.
    Unknown,
}

/// What is next.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, and most are requests")]
pub enum Step {
    /// Send this; the id comes back with its answer.
    Send(u32, Request),
    /// Nothing before an answer, a decision, or this time.
    Wait(Option<u64>),
    /// Nothing ever: every row has its end, or has none for a reason that [`Run::end`] tells.
    Done,
}

/// Why a run ended, beside its lanes' own ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every row was sent.
    Finished,
    /// Somebody said so.
    Stopped,
    /// The next row might cost more than is left.
    Budget,
    /// The rows cannot be read any more.
    Source(String),
    /// The lines cannot be kept any more.
    Sink(String),
}

/// What was done so far. Money in picodollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows with an answer.
    pub answered: u64,
    /// Rows with an error.
    pub failed: u64,
    /// Requests sent.
    pub sent: u64,
    /// Of these, again.
    pub retried: u64,
    /// Rows with an answer that somebody had paid for already.
    pub cached: u64,
    /// Answers that did not match the schema and were asked for again.
    pub reasked: u64,
    /// Refusals for too many requests.
    pub limited: u64,
    /// Tokens of prompts.
    pub input_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
    /// Money, former runs' too.
    pub spent: u64,
}
