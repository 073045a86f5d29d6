//! Cuts the path of a connection without either side noticing.

use std::net::{IpAddr, SocketAddr};

use tokio::task::spawn_blocking;

use crate::namespace::Namespace;

/// Drops all packets of one connection in both directions, for as long as the network namespace exists.
///
/// # Panics
/// If the firewall rules cannot be added.
pub(super) async fn off(client: IpAddr, port: u16, server: SocketAddr) {
    let server = server.port();
    let rules = [
        format!("-s {client} -p tcp --sport {port} --dport {server}"),
        format!("-d {client} -p tcp --sport {server} --dport {port}"),
    ];
    let cut = spawn_blocking(move || {
        // The runtime's threads are in the network namespace of the thread that started it.
        let namespace = Namespace::current();
        for rule in rules {
            namespace.run(&format!("iptables -w 10 -A INPUT {rule} -j DROP"));
        }
    });
    cut.await.expect("a way cut off");
}
