//! Load on a server, and when each part of each answer came: what measuring a model is made of.
//!
//! * [`Schedule`]: when a request is due, in a closed loop or an open one. Time is an argument.
//! * [`drive`]: sends what is due on the transport's thread, and stamps what comes as it is read from its socket. What
//!   the parts say is looked at by others, afterwards: stamping costs nothing that would be measured, too.
//! * [`Desk`]: what whoever asked sees of it.

mod alarm;
mod drive;
mod exchange;
mod schedule;

pub use drive::{Desk, Limit, Progress, Round, drive};
pub use exchange::{Exchange, Head};
pub use schedule::{Arrivals, Due, Schedule};
