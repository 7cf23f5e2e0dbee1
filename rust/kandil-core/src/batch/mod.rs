//! Batches of completions: what happens to each row, from its line in to its line out.
//!
//! * [`row`]: the lines of all forms of input; [`estimate`]: how many tokens they have.
//! * [`index`]: where in a file the rows of each model are, and which are done.
//! * [`recorded`]: what the outputs already hold, after a run that ended in whatever way; [`lock`]: whose they are.
//! * [`order`], [`shards`], [`merge`]: results in the order of rows, and batches that are spread over machines.
//! * [`cache`]: answers by what was asked.
//! * [`protocol`]: bodies of requests and answers, between OpenAI's form and the provider's.
//! * [`submission`]: the providers' own batches: files of requests for them, files of results from them.
//! * [`writer`]: lines that are appended whole and synced in groups.

pub mod cache;
pub mod drive;
pub mod estimate;
pub(crate) mod fields;
mod file;
#[cfg(test)]
mod folder;
pub mod histogram;
pub mod index;
mod lines;
pub mod lock;
pub mod merge;
mod names;
pub mod order;
pub mod protocol;
pub mod recorded;
mod result;
pub mod row;
pub mod run;
pub mod schema;
pub mod shards;
pub mod submission;
pub mod template;
pub mod window;
pub mod writer;
