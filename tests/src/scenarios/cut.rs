//! A way to a client that dies silently.

use std::net::{IpAddr, SocketAddr};

use tokio::task::spawn_blocking;

use crate::namespace::Namespace;

/// Drops every packet of one connection from now on, in both directions. Lasts as long as the
/// network namespace.
///
/// # Panics
/// When the firewall refuses.
pub(super) async fn off(client: IpAddr, port: u16, server: SocketAddr) {
    let server = server.port();
    let rules = [
        format!("-s {client} -p tcp --sport {port} --dport {server}"),
        format!("-d {client} -p tcp --sport {server} --dport {port}"),
    ];
    let cut = spawn_blocking(move || {
        // Threads of the runtime are in the namespace of the one that started it.
        let namespace = Namespace::current();
        for rule in rules {
            namespace.run(&format!("iptables -w 10 -A INPUT {rule} -j DROP"));
        }
    });
    cut.await.expect("a way cut off");
}
