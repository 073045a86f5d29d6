//! An embedded long-poll server on loopback and clients that use it well or badly, for `tcpreuse demo` to
//! trace. Each client knows what it did, so the demo verifies the tracer.

mod behaviour;
mod cast;
mod check;
mod clients;
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod jitter;
mod server;
#[cfg(test)]
mod testing;
mod worker;

pub use self::{
    behaviour::{Behaviour, LONGEST_HOLD},
    cast::{Client, standard_cast},
    check::{Difference, compare},
    clients::{Held, Running, Tally},
    server::{LongPollServer, ServerConfig},
};
