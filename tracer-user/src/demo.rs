//! An embedded long-poll server on loopback and clients that use it well or badly, for `tcpreuse demo` to
//! trace. Each client knows what it did, so the demo verifies the tracer.

mod behaviour;
mod cast;
mod check;
mod clients;
#[cfg(feature = "testing")]
pub mod fuzzing;
mod http;
mod jitter;
mod server;
#[cfg(test)]
mod testing;
mod worker;

pub use self::{
    behaviour::{Behaviour, LONGEST_HOLD},
    cast::standard_cast,
    check::compare,
    clients::{Running, Tally},
    server::{LongPollServer, ServerConfig},
};
