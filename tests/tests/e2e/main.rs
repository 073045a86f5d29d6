//! End-to-end tests: the program as a user runs it, on the running kernel, with real traffic. Each test has
//! its own network namespace, so that tests can run in parallel.
#![expect(clippy::unwrap_used, reason = "tests")]

mod answers;
mod attacks;
mod bench;
mod capacity;
mod cli;
mod closes;
mod counts;
mod degraded;
mod demo;
mod directions;
mod documented;
mod export;
mod failed;
mod filters;
mod interfaces;
mod judge;
mod kernel;
mod late;
mod load;
mod losses;
mod month;
mod one_host;
mod outbound;
mod owners;
mod privileges;
mod random;
mod real_servers;
mod record;
mod records;
mod replay;
mod requests;
mod retire;
mod rhythm;
mod room;
mod seed;
mod serve;
mod soak;
mod storm;
mod top;
mod verdicts;
