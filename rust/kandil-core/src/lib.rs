//! The algorithms of kandil, free of Python: SHA-256 of many files at once, GGUF scanning, names.
//!
//! * [`sha256`]: one stream, and many streams in the lanes of vector registers.
//! * [`gguf`]: a resumable scanner that is fed with the bytes that are hashed.
//! * [`library`]: walks, reads, hashes and scans a whole library on all cores.
//! * [`batch`]: what happens to each row of a batch, from its line in to its line out.
//! * [`bucket`]: limits of rates and of calls at once, and a circuit breaker; shared by processes.
//! * [`transport`]: HTTP on a thread of its own.
//! * [`benchmark`]: load on a server, and when each part of its answers came.
//! * [`download`]: files over it, hashed while they come.
//! * [`names`]: ranks names of models by how like they are to what somebody typed.
//! * `sandbox` (Linux): takes away from a process all that loading a file does not need.

pub mod batch;
#[cfg(unix)]
pub mod benchmark;
pub mod bucket;
#[cfg(unix)]
pub mod download;
pub mod gguf;
pub mod library;
pub mod names;
#[cfg(target_os = "linux")]
pub mod sandbox;
pub mod sha256;
pub mod transport;
