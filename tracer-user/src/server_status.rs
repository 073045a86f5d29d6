//! Apache's own report on its workers, from mod_status's machine-readable page, `…/server-status?auto`.
//!
//! [`url()`] parses the address, [`fetch()`] retrieves the page and [`parse()`] reads it. A page is not
//! trusted until it is parsed: its size, time and redirects are limited, and no control characters from it
//! reach a terminal. All functions block. What the figures mean for a diagnosis is decided elsewhere.

mod error;
mod fetch;
mod foreign;
mod parse;
mod scoreboard;
mod url;

pub(crate) use self::fetch::tls;
pub use self::{
    error::{Fault, StatusError},
    fetch::{Limits, fetch},
    parse::{ParseError, Status, parse},
    scoreboard::Scoreboard,
    url::{StatusUrl, url},
};
