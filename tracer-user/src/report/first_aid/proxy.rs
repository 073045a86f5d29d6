//! Lines for the configuration of HAProxy and nginx, if the server is one of them or may stand behind one.

use super::{Remedy, allowed, per_minute};
use crate::diagnosis::Judged;

/// What the service of a peer is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    HaProxy,
    Nginx,
    Other,
    Unknown,
}

fn server(peer: &Judged) -> Server {
    match peer.figures.owner.as_deref().map(|owner| owner.comm.as_str()) {
        Some("haproxy") => Server::HaProxy,
        Some("nginx") => Server::Nginx,
        Some(_) => Server::Other,
        None => Server::Unknown,
    }
}

/// Limits how many connections it holds.
pub(super) fn held(peer: &Judged) -> Vec<Remedy> {
    let allowed = allowed(peer);
    let mut remedies = Vec::new();
    if matches!(server(peer), Server::HaProxy | Server::Unknown) {
        remedies.push(haproxy(peer, &format!("sc0_conn_cur gt {allowed}")));
    }
    if matches!(server(peer), Server::Nginx | Server::Unknown) {
        remedies.push(nginx(peer, allowed));
    }
    remedies
}

/// Limits how many it opens.
pub(super) fn rate(peer: &Judged) -> Vec<Remedy> {
    match server(peer) {
        Server::HaProxy | Server::Unknown => {
            vec![haproxy(peer, &format!("sc0_conn_rate gt {}", per_minute(peer)))]
        }
        // nginx limits requests and not how often somebody connects.
        Server::Nginx | Server::Other => Vec::new(),
    }
}

/// The first two lines are the same for all peers, since a frontend has one table. Addresses of IPv4 are kept
/// in it as IPv6 has them.
fn haproxy(peer: &Judged, limit: &str) -> Remedy {
    let (address, port) = (peer.id.address(), peer.id.port);
    Remedy {
        about: format!(
            "In HAProxy, in the frontend with port {port}; the first two lines once, the last for each client:"
        ),
        lines: vec![
            "stick-table type ipv6 size 100k expire 10m store conn_cur,conn_rate(60s)".to_owned(),
            "tcp-request connection track-sc0 src".to_owned(),
            format!("tcp-request connection reject if {{ src {address} }} {{ {limit} }}"),
        ],
    }
}

fn nginx(peer: &Judged, allowed: u64) -> Remedy {
    let address = peer.id.address();
    // One variable and zone a peer, by its address.
    let id: String = address
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    Remedy {
        about: "In nginx, in http; it counts connections with a request in progress, idle ones pass:"
            .to_owned(),
        lines: vec![
            format!("geo $limited_{id} {{ default \"\"; {address} 1; }}"),
            format!("limit_conn_zone $limited_{id} zone=limited_{id}:1m;"),
            format!("limit_conn limited_{id} {allowed};"),
        ],
    }
}
