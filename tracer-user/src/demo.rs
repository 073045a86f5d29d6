//! An embedded long-poll server and clients that use it well or badly, on loopback: what `tcpreuse
//! demo` traces. What each client did is known here, so the demo checks the tracer.

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
