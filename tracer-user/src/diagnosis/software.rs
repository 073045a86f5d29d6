//! What to change, in the terms of the software involved.
//!
//! The name of this host's process identifies the server or client library, and the port the protocol that
//! the other end speaks. The names of their settings are data, in `servers`, `clients` and, for unknown
//! software, `general`. This module decides which of them a verdict needs, and in which order.

mod clients;
mod general;
mod known;
mod protocol;
mod servers;

use std::borrow::Cow;

pub use self::known::{Software, known};
use self::{clients::Client, protocol::Protocol, servers::Server};
use super::{Party, Verdict};
use crate::model::{peer::Direction, protocol::Protocol as Spoken};

/// What is known about the two ends.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The verdict to be remedied.
    pub verdict: Verdict,
    /// Whether this host is the server (inbound) or the client (outbound).
    pub direction: Direction,
    /// The service's port: local for inbound, remote for outbound connections.
    pub port: u16,
    /// What its connections speak, if that is known; else the port tells what they probably do.
    pub spoken: Option<Spoken>,
    /// The sanitised name of this host's process.
    pub owner: Option<&'a str>,
    /// The side that ends the connections, if the verdict does not imply it.
    pub closer: Option<Party>,
}

/// A timer or limit of one end.
#[derive(Clone, Copy, Debug)]
enum Setting {
    /// The setting's name, to follow "Raise".
    Raise(&'static str),
    /// There is no such setting; a sentence that says what to do instead.
    Instead(&'static str),
}

/// What to change, on one line, in one or more sentences.
pub fn fix(at: &At<'_>) -> Cow<'static, str> {
    let owner = at.owner.and_then(known);
    match at.direction {
        Direction::Inbound => Inbound::of(at, owner).fix(at),
        Direction::Outbound => Outbound::of(at, owner).fix(at),
    }
}

/// The texts for a connection whose server is on this host. Only the client's protocol is known.
struct Inbound {
    protocol: Option<Protocol>,
    server: &'static Server,
    client: &'static Client,
}

impl Inbound {
    fn of(at: &At<'_>, owner: Option<&'static Software>) -> Self {
        let probable = Protocol::of(at);
        let (protocol, server) = match owner {
            Some(owner) => (owner.protocol(probable), owner.server(probable)),
            None => (probable, general::server(probable)),
        };
        Self {
            protocol,
            server,
            client: general::client(protocol),
        }
    }

    /// Whether the protocol may be HTTP, in which a server can recognise the sessions of its clients.
    fn may_be_http(&self) -> bool {
        matches!(self.protocol, None | Some(Protocol::Http))
    }

    fn fix(&self, at: &At<'_>) -> Cow<'static, str> {
        let Self { server, client, .. } = self;
        match at.verdict {
            Verdict::CloseWaitLeak => {
                sentences(&[server.leak, "Restarting it frees what has leaked so far."])
            }
            Verdict::PilingUp if self.may_be_http() => sentences(&[
                client.one,
                "The server can help: end the older request of a session when a newer one arrives.",
            ]),
            Verdict::PilingUp => Cow::Borrowed(client.one),
            Verdict::HalfOpen => Cow::Owned(format!(
                "Have the client send a heartbeat more often than the NAT or firewall on the way forgets a connection \
                 (every 30 s is usually enough). Keepalive from this host drops dead ones sooner: {}.",
                server.probe,
            )),
            Verdict::Abandoned => Cow::Owned(format!(
                "Either the client forgot them (have it close the old one before it reconnects) or the path died (have \
                 it send heartbeats). Keepalive tells which (a forgotten connection answers, a dead path times out): \
                 {}.",
                server.probe,
            )),
            Verdict::NeverAccepted => sentences(&[
                "First free the workers: find the clients that hold the most connections.",
                server.accept,
            ]),
            Verdict::EarlyAbort => {
                let mut words = format!(
                    "Answer held requests before the client's own timeout, with an empty reply if there is nothing new, \
                     or raise {}.",
                    client.wait,
                );
                if !server.hold.is_empty() {
                    words.push(' ');
                    words.push_str(server.hold);
                }
                Cow::Owned(words)
            }
            Verdict::HandshakeFailed => sentences(&[
                "Check that the client speaks the protocol of this port and accepts the server's certificate and TLS \
                 version.",
                server.log,
            ]),
            Verdict::FreshPerRequest if self.may_be_http() => {
                sentences(&[client.reuse, "If the server closes first:", server.close])
            }
            Verdict::FreshPerRequest | Verdict::ClientClose => Cow::Borrowed(client.reuse),
            Verdict::PoolOverflow => client.raise_size(),
            Verdict::ServerIdleClose => match server.idle {
                Setting::Raise(timeout) => Cow::Owned(format!(
                    "Raise {timeout} above the client's pause between requests plus a round trip, or have the client \
                     come back sooner.",
                )),
                Setting::Instead(sentence) => Cow::Borrowed(sentence),
            },
            Verdict::ClientIdleClose => client.raise_idle(),
            Verdict::RequestLimitClose => Cow::Borrowed(server.limit),
            Verdict::LifetimeClose => lifetime(at.closer, server, client),
            Verdict::PathCut => path_cut(server.probe),
            Verdict::ServerClose => sentences(&[server.close, general::WHY_CLOSED]),
            Verdict::ManyHeld => Cow::Borrowed(general::DECIDE_INBOUND),
            Verdict::Stray => Cow::Owned(format!(
                "Nothing to change. If there are many of them, leave them out with `--exclude ADDR`, or shorten {}.",
                server.header,
            )),
            Verdict::InsufficientData => Cow::Borrowed(general::TRACE_LONGER),
            Verdict::Reusing => Cow::Borrowed(general::NOTHING),
        }
    }
}

/// The texts for a connection whose client is on this host. Of the server, only the protocol is known, or the
/// port.
struct Outbound {
    server: &'static Server,
    client: &'static Client,
    /// Whether the texts assume HTTP without evidence.
    guessed: bool,
}

impl Outbound {
    fn of(at: &At<'_>, owner: Option<&'static Software>) -> Self {
        let protocol = Protocol::of(at);
        // Without a protocol, their own words are those for HTTP.
        let own_words = owner
            .filter(|_| protocol.is_some() || at.spoken != Some(Spoken::Other))
            .and_then(|owner| owner.client(protocol));
        Self {
            server: general::remote_server(protocol),
            client: own_words.unwrap_or_else(|| general::client(protocol)),
            guessed: own_words.is_some() && protocol.is_none(),
        }
    }

    fn fix(&self, at: &At<'_>) -> Cow<'static, str> {
        let Self { server, client, .. } = self;
        let words = match at.verdict {
            Verdict::CloseWaitLeak => sentences(&[
                client.leak,
                "Restarting the process frees what has leaked so far.",
            ]),
            Verdict::PilingUp => Cow::Borrowed(client.one),
            Verdict::HalfOpen => Cow::Owned(format!(
                "Send a heartbeat more often than the NAT or firewall on the way forgets a connection (every 30 s is \
                 usually enough). Keepalive from this host drops dead ones sooner: {}.",
                client.probe,
            )),
            Verdict::Abandoned => Cow::Owned(format!(
                "Either this process forgot the old connections (close each before connecting again) or the path died \
                 (send heartbeats). Keepalive tells which (a forgotten connection answers, a dead path times out): \
                 {}.",
                client.probe,
            )),
            Verdict::NeverAccepted => sentences(&[
                "The remote server accepts nothing more: its workers have to be freed first.",
                server.accept,
            ]),
            Verdict::EarlyAbort => Cow::Owned(format!(
                "Raise {} above the longest time the server may take, or have the server answer sooner.",
                client.wait,
            )),
            Verdict::HandshakeFailed => sentences(&[
                "Check that this is the right port and protocol, and that this client trusts the server's certificate \
                 and speaks its TLS version.",
                server.log,
            ]),
            Verdict::FreshPerRequest | Verdict::ClientClose => Cow::Borrowed(client.reuse),
            Verdict::PoolOverflow => client.raise_size(),
            Verdict::ServerIdleClose => match server.idle {
                Setting::Raise(timeout) => Cow::Owned(format!(
                    "Set {} below the server's timeout, so that the client drops idle connections first, or raise \
                     {timeout} above the pause between requests.",
                    client.idle,
                )),
                Setting::Instead(sentence) => Cow::Borrowed(sentence),
            },
            Verdict::ClientIdleClose => client.raise_idle(),
            Verdict::RequestLimitClose => Cow::Borrowed(server.limit),
            Verdict::LifetimeClose => lifetime(at.closer, server, client),
            Verdict::PathCut => path_cut(client.probe),
            Verdict::ServerClose => sentences(&[server.close, general::WHY_CLOSED]),
            Verdict::ManyHeld => Cow::Borrowed(general::DECIDE_OUTBOUND),
            Verdict::Stray => {
                Cow::Borrowed("Nothing to change. Leave them out with `--exclude ADDR` if they disturb.")
            }
            Verdict::InsufficientData => Cow::Borrowed(general::TRACE_LONGER),
            Verdict::Reusing => Cow::Borrowed(general::NOTHING),
        };
        if self.guessed && needs_the_client(at) {
            Cow::Owned(format!("If this is HTTP: {words}"))
        } else {
            words
        }
    }
}

/// Whether the fix for an outbound connection depends on the client's software.
fn needs_the_client(at: &At<'_>) -> bool {
    match at.verdict {
        Verdict::CloseWaitLeak
        | Verdict::PilingUp
        | Verdict::HalfOpen
        | Verdict::Abandoned
        | Verdict::EarlyAbort
        | Verdict::FreshPerRequest
        | Verdict::PoolOverflow
        | Verdict::ServerIdleClose
        | Verdict::ClientIdleClose
        | Verdict::PathCut
        | Verdict::ClientClose => true,
        Verdict::LifetimeClose => at.closer == Some(Party::Client),
        Verdict::NeverAccepted
        | Verdict::HandshakeFailed
        | Verdict::RequestLimitClose
        | Verdict::ServerClose
        | Verdict::ManyHeld
        | Verdict::Stray
        | Verdict::InsufficientData
        | Verdict::Reusing => false,
    }
}

fn lifetime(closer: Option<Party>, server: &'static Server, client: &Client) -> Cow<'static, str> {
    match closer {
        Some(Party::Server) => Cow::Borrowed(server.age),
        Some(Party::Client) => match client.age {
            Setting::Raise(age) => Cow::Owned(format!(
                "Raise {age} far above the time between requests (30 min is usual).",
            )),
            Setting::Instead(sentence) => Cow::Borrowed(sentence),
        },
        Some(Party::Network) => Cow::Borrowed(
            "Raise the maximum session age of the firewall or balancer on the way far above the time between requests.",
        ),
        None => Cow::Borrowed(
            "Find out which side ends them: raise its maximum connection age (the pool's `maxLifetime`, the server's or \
             the balancer's limit) far above the time between requests.",
        ),
    }
}

fn path_cut(probe: &str) -> Cow<'static, str> {
    Cow::Owned(format!(
        "Send a heartbeat more often than the idle time after which they are cut, or raise the idle timeout of the \
         firewall or balancer on the way. Keepalive from this host holds the path open too: {probe}.",
    ))
}

impl Client {
    fn raise_size(&self) -> Cow<'static, str> {
        Cow::Owned(format!(
            "Raise {} to the number of requests it runs at once, or run fewer at once.",
            self.size,
        ))
    }

    fn raise_idle(&self) -> Cow<'static, str> {
        Cow::Owned(format!(
            "Raise {} above the pause between requests, but keep it below the server's timeout.",
            self.idle,
        ))
    }
}

fn sentences(parts: &[&str]) -> Cow<'static, str> {
    Cow::Owned(parts.join(" "))
}

#[cfg(test)]
mod tests;
