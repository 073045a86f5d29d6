//! What Apache says of its own workers on mod_status' machine-readable page, `…/server-status?auto`.
//!
//! [`url()`] takes the address, [`fetch()`] brings the page, [`parse()`] reads it. A page is hostile until
//! parsed: its size, its time and its redirects are bounded, and nothing of it reaches a terminal
//! with control characters. Everything here blocks; what the figures mean for a diagnosis is not
//! decided here.

mod error;
mod fetch;
mod foreign;
mod parse;
mod scoreboard;
mod url;

pub use self::{
    error::{Fault, StatusError},
    fetch::{Limits, fetch},
    parse::{ParseError, Status, parse},
    scoreboard::Scoreboard,
    url::{StatusUrl, url},
};
