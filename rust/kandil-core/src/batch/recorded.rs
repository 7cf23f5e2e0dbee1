//! What the outputs already hold.
