//! A whole library.
