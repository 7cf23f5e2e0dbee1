//! HTTP on a thread of its own.
