//! A row on its way.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Failure, Lane, Prices};
use crate::batch::protocol::{self, Kind, Target};
use crate::batch::row::Row;
use crate::bucket::{Cost, Token};

/// A row as it was read.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its name, unique in the batch.
    pub custom_id: String,
    /// Of what is sent.
    pub content: [u8; 16],
    /// Which call it is.
    pub kind: Kind,
    /// In OpenAI's form.
    pub body: Vec<u8>,
    /// Estimated, of the prompt.
    pub input_tokens: u64,
    /// Asked for at most, if that was said.
    pub output_tokens: Option<u64>,
}

/// What a line says of a row besides its answer.
pub(in crate::batch) struct Named<'a> {
    pub(in crate::batch) custom_id: Cow<'a, str>,
    pub(in crate::batch) content: [u8; 16],
}

impl From<Row> for Task {
    fn from(row: Row) -> Task {
        let content = row.content();
        let Row { custom_id, kind, body, input_tokens, output_tokens, .. } = row;
        Task { custom_id, content, kind, body, input_tokens, output_tokens }
    }
}

impl Task {
    /// Of which there is only a name.
    #[must_use]
    pub fn unsent(custom_id: String) -> Task {
        Task { custom_id, content: [0; 16], kind: Kind::Chat, body: Vec::new(), input_tokens: 0, output_tokens: None }
    }

    pub(in crate::batch) fn named(&self) -> Named<'_> {
        Named { custom_id: Cow::Borrowed(&self.custom_id), content: self.content }
    }
}

/// A row, what is reserved for it, and what was tried.
pub struct Job {
    pub(super) lane: usize,
    custom_id: String,
    pub(super) content: [u8; 16],
    pub(super) kind: Kind,
    /// In the provider's form.
    pub(super) body: Bytes,
    /// In OpenAI's, where more may have to be said.
    asked: Option<Vec<u8>>,
    pub(super) cost: Cost,
    /// Picodollars, at most.
    pub(super) worst: u64,
    pub(super) token: Option<Token>,
    pub(super) sent_at: u64,
    pub(super) retries: u32,
    pub(super) asks: u32,
    /// It was sent before.
    pub(super) again: bool,
    /// It finds out whether the server works again.
    pub(super) probing: bool,
    /// Its trouble came when there were so many answers.
    pub(super) came_after: u64,
}

impl Job {
    /// Translated into the lane's protocol; Err: it cannot be.
    pub(super) fn new(task: Task, index: usize, lane: &Lane) -> Result<Job, Box<(Task, Failure)>> {
        let settings = &lane.settings;
        let mut body = Vec::with_capacity(task.body.len() + 64);
        let unsendable = if settings.urls[task.kind as usize].is_none() {
            Some(format!("{} has no endpoint for {:?} requests", settings.name, task.kind))
        } else {
            protocol::encode(&settings.target, task.kind, &task.body, &mut body).err().map(|why| why.to_string())
        };
        if let Some(message) = unsendable {
            return Err(Box::new((task, Failure { code: "unsendable".to_owned(), message })));
        }
        let cost = Cost { input: task.input_tokens, output: task.output_tokens.unwrap_or(settings.usual_output) };
        Ok(Job {
            lane: index,
            custom_id: task.custom_id,
            content: task.content,
            kind: task.kind,
            body: body.into(),
            asked: settings.may_ask_again.then_some(task.body),
            cost,
            worst: settings.prices.worst(task.input_tokens, task.output_tokens.unwrap_or(settings.most_output)),
            token: None,
            sent_at: 0,
            retries: 0,
            asks: 0,
            again: false,
            probing: false,
            came_after: 0,
        })
    }

    pub(super) fn task(&self) -> Named<'_> {
        Named { custom_id: Cow::Borrowed(&self.custom_id), content: self.content }
    }

    /// Its prompt has so many tokens more.
    pub(super) fn grows(&mut self, tokens: u64, prices: &Prices) {
        self.cost.input = self.cost.input.saturating_add(tokens);
        self.worst = self.worst.saturating_add(prices.worst(tokens, 0));
    }

    /// Adds to the conversation what is wrong with the answer. False: it is none to which something can be added.
    pub(super) fn complain(&mut self, target: &Target, answer: &str, violation: &str) -> bool {
        let Some(Ok(mut asked)) = self.asked.as_deref().map(serde_json::from_slice::<Value>) else { return false };
        let Ok(answer) = serde_json::from_str::<Value>(answer) else { return false };
        let Some(messages) = asked.get_mut("messages").and_then(Value::as_array_mut) else { return false };
        if self.asks > 1 {
            messages.truncate(messages.len().saturating_sub(2)); // the answer before and what was wrong with it
        }
        let text = answer.pointer("/choices/0/message/content").cloned().unwrap_or(Value::Null);
        messages.push(json!({"role": "assistant", "content": text.as_str().unwrap_or_default()}));
        let wrong = format!("That does not match the JSON schema: {violation}. Answer again, with the JSON alone.");
        messages.push(json!({"role": "user", "content": wrong}));
        let mut body = Vec::new();
        let Ok(whole) = serde_json::to_vec(&asked) else { return false };
        let encoded = protocol::encode(target, self.kind, &whole, &mut body).is_ok();
        if encoded {
            self.asked = Some(whole);
            self.body = body.into();
        }
        encoded
    }
}

/// All rows that are between a source and the sink, by small numbers.
#[derive(Default)]
pub(super) struct Jobs {
    jobs: Vec<Option<Job>>,
    free: Vec<u32>,
}

impl Jobs {
    pub(super) fn add(&mut self, job: Job) -> u32 {
        let id = self.free.pop().unwrap_or_else(|| {
            self.jobs.push(None);
            u32::try_from(self.jobs.len() - 1).expect("there are fewer rows at once")
        });
        self.jobs[id as usize] = Some(job);
        id
    }

    pub(super) fn get(&self, id: u32) -> &Job {
        self.jobs[id as usize].as_ref().expect("the row has no end yet")
    }

    pub(super) fn get_mut(&mut self, id: u32) -> &mut Job {
        self.jobs[id as usize].as_mut().expect("the row has no end yet")
    }

    pub(super) fn remove(&mut self, id: u32) -> Job {
        self.free.push(id);
        self.jobs[id as usize].take().expect("the row has no end yet")
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().flatten()
    }
}
