//! Retrieves the status page with a single GET, limited in time, size and redirects.
//!
//! Each fetch opens its own connection and closes it. A connection kept alive would take up a worker of a
//! server that may be short of them. Traces see these connections like any other.

use std::{
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rustls::crypto::ring;
use ureq::{
    Agent,
    http::{
        Response, StatusCode,
        header::{AUTHORIZATION, CONNECTION, LOCATION},
    },
    tls::{Certificate, RootCerts, TlsConfig},
};

use super::{Fault, Status, StatusError, StatusUrl, error::foreign, parse};

/// Limits of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time for the whole fetch: name, connection, TLS, redirects and page.
    pub total: Duration,
    /// Size of the page, bytes. A page has a few hundred bytes plus one for each worker.
    pub bytes: u64,
    /// Number of redirects followed.
    pub redirects: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            total: Duration::from_secs(3),
            bytes: 256 * 1024,
            redirects: 2,
        }
    }
}

/// Maximum size of a reply's head, bytes.
const MAX_HEAD: usize = 16 * 1024;

/// Fetches the server's status. Blocks for up to `limits.total`. Never uses a proxy, whatever the environment
/// says: a proxy would resolve a loopback address to its own host, and another server would answer.
///
/// Increments `connections` before each connection it opens, redirects included, so that a trace can tell
/// them from those of clients.
///
/// # Errors
/// If no complete, valid page arrives within the limits.
pub fn fetch(url: &StatusUrl, limits: &Limits, connections: &AtomicU64) -> Result<Status, StatusError> {
    fetch_trusting(url, limits, connections, &system_roots)
}

/// Loads the CAs to trust; called only for https.
type Roots<'a> = &'a dyn Fn() -> Result<RootCerts, Fault>;

fn fetch_trusting(
    url: &StatusUrl,
    limits: &Limits,
    connections: &AtomicU64,
    roots: Roots,
) -> Result<Status, StatusError> {
    follow(url, limits, connections, roots).map_err(|fault| StatusError {
        url: foreign(&url.to_string()),
        fault,
    })
}

fn follow(url: &StatusUrl, limits: &Limits, connections: &AtomicU64, roots: Roots) -> Result<Status, Fault> {
    let begun = Instant::now();
    let mut at = url.clone();
    for _ in 0..=limits.redirects {
        let agent = agent(&at, limits, begun, roots)?;
        connections.fetch_add(1, Ordering::Relaxed);
        let mut reply = get(&agent, &at).map_err(|error| Fault::from_http(error, limits.total))?;
        match reply.status() {
            StatusCode::OK => return Ok(parse(&read(&mut reply, limits)?)?),
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => at = next(&at, &reply)?,
            other => return Err(Fault::Answer { code: other.as_u16() }),
        }
    }
    Err(Fault::TooManyRedirects {
        limit: limits.redirects,
    })
}

fn agent(url: &StatusUrl, limits: &Limits, begun: Instant, roots: Roots) -> Result<Agent, Fault> {
    let mut config = Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_response_header_size(MAX_HEAD)
        .user_agent(concat!("tcpreuse/", env!("CARGO_PKG_VERSION")));
    if url.is_https() {
        config = config.tls_config(trusting(roots()?));
    }
    let left = limits
        .total
        .checked_sub(begun.elapsed())
        .filter(|left| !left.is_zero())
        .ok_or(Fault::Timeout { limit: limits.total })?;
    Ok(config.timeout_global(Some(left)).build().new_agent())
}

/// TLS that trusts the CAs of this machine.
///
/// # Errors
/// If it has none.
pub(crate) fn tls() -> Result<TlsConfig, Fault> {
    system_roots().map(trusting)
}

fn trusting(roots: RootCerts) -> TlsConfig {
    TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .root_certs(roots)
        .build()
}

fn get(agent: &Agent, url: &StatusUrl) -> Result<Response<ureq::Body>, ureq::Error> {
    let mut request = agent.get(url.uri()).header(CONNECTION, "close");
    if let Some(login) = url.login() {
        request = request.header(AUTHORIZATION, login);
    }
    request.call()
}

/// The target of a redirect.
fn next<B>(at: &StatusUrl, reply: &Response<B>) -> Result<StatusUrl, Fault> {
    let location = reply.headers().get(LOCATION);
    let location = String::from_utf8_lossy(location.map_or(b"nowhere", |value| value.as_bytes()));
    at.redirected(&location).ok_or_else(|| Fault::Redirect {
        to: foreign(&location),
    })
}

/// Reads the page. Apache sends it as ISO 8859-1, but everything relevant is ASCII.
fn read(reply: &mut Response<ureq::Body>, limits: &Limits) -> Result<String, Fault> {
    let too_big = Fault::TooBig { limit: limits.bytes };
    if reply
        .body()
        .content_length()
        .is_some_and(|length| length > limits.bytes)
    {
        return Err(too_big);
    }
    let mut page = Vec::new();
    reply
        .body_mut()
        .as_reader()
        .take(limits.bytes.saturating_add(1))
        .read_to_end(&mut page)
        .map_err(|error| Fault::from_http(error.into(), limits.total))?;
    if page.len() as u64 > limits.bytes {
        return Err(too_big);
    }
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// The CAs this machine trusts. A company's own CA is trusted as it is by `curl`.
fn system_roots() -> Result<RootCerts, Fault> {
    let found = rustls_native_certs::load_native_certs().certs;
    if found.is_empty() {
        return Err(Fault::NoRoots);
    }
    Ok(found
        .iter()
        .map(|cert| Certificate::from_der(cert).to_owned())
        .collect::<Vec<_>>()
        .into())
}

#[cfg(test)]
mod redirect_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
