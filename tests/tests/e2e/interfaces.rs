//! The same address on different interfaces.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, TcpStream},
    process::Command,
};

use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tcpreuse::testing::{
    filter::{Directions, Filter},
    kernel::settings::Settings,
    source::live::Live,
};
use tcpreuse_tests::{
    namespace::{Namespace, Resident},
    need_root,
    program::{Trace, run},
    skip,
};

use crate::{
    late::{REQUEST, close, turn, write_blindly},
    record::{Recorder, cell, column, place, rows, said, text},
};

/// Numbers of the links, which are the indices of their interfaces, too.
const LINKS: [u32; 2] = [101, 102];

const HERE: Ipv4Addr = Ipv4Addr::new(198, 18, 9, 1);

const CLIENT: &str = "198.18.9.7";

/// Interface and counts, if known, of each inbound peer with this address.
fn found<const N: usize>(diagnosis: &Value, address: &str, names: [&str; N]) -> Vec<(u64, [Option<u64>; N])> {
    let peers = diagnosis["peers"].as_array().unwrap().iter();
    let peers = peers.filter(|peer| peer["peer"] == address && peer["direction"] == "inbound");
    let mut found: Vec<_> = peers
        .map(|peer| {
            let interface = peer["interface"].as_u64().unwrap();
            (
                interface,
                names.map(|name| peer.pointer(&format!("/figures/{name}")).and_then(Value::as_u64)),
            )
        })
        .collect();
    found.sort_unstable();
    found
}

/// Two links between the namespace and itself, with the same addresses.
#[test]
fn the_same_link_local_address_on_two_links_is_two_peers() {
    need_root!();
    let namespace = Namespace::new();
    // The servers' ends, where the connections arrive.
    let ends = LINKS.map(|link| link + 100);
    for (link, end) in LINKS.into_iter().zip(ends) {
        namespace.run(&format!(
            "ip link add link{link} index {link} type veth peer name end{end} index {end}"
        ));
        for (device, address) in [
            (format!("link{link}"), "fe80::1/64"),
            (format!("end{end}"), "fe80::2/64"),
        ] {
            // No address but this one, and it is there at once.
            namespace.sysctl(&format!("net.ipv6.conf.{device}.addr_gen_mode"), "1");
            namespace.run(&format!("ip addr add {address} dev {device} nodad"));
            namespace.run(&format!("ip link set {device} up"));
        }
    }
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let arguments = ["--port", &port.to_string()];
    let (_parent, path) = place();
    let recorder = Recorder::start(&namespace, &path, &arguments);
    let trace = Trace::start(&namespace, &arguments);
    let link_local = |last, port, link| {
        let address = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last);
        SocketAddrV6::new(address, port, 0, link)
    };
    // The first two differ in their links alone.
    let [one, other] = LINKS;
    let held = [(one, 5000), (other, 5000), (other, 5001)].map(|(link, from)| {
        let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
        socket.bind(&link_local(1, from, link).into()).unwrap();
        socket.connect(&link_local(2, port, link).into()).unwrap();
        (socket, listener.accept().unwrap())
    });

    // Of connections that are there already, under the names of their interfaces.
    let filter = Filter {
        directions: Directions::Inbound,
        netns: Some(namespace.inode),
        ..Filter::default()
    };
    let settings = Settings {
        filter,
        ..Settings::default()
    };
    let peers = Live::start(&settings).unwrap().sample().unwrap().peers;
    let named: Vec<_> = peers
        .iter()
        .map(|peer| (peer.id.name(), peer.counters.seeded))
        .collect();
    let wanted = [(1, ends[0]), (2, ends[1])].map(|(count, end)| (format!("fe80::1%end{end}"), count));
    assert_eq!(named, wanted);

    let wanted = [(ends[0].into(), [Some(1); 2]), (ends[1].into(), [Some(2); 2])];
    let counts = ["opens", "open_now"];
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    assert_eq!(found(&diagnosis.0, "fe80::1", counts), wanted);

    drop(recorder.finish());
    drop(held);
    let rows = rows(&path, "connections.csv");
    let mut interfaces: Vec<_> = rows.iter().map(|row| cell(row, column("interface"))).collect();
    interfaces.sort_unstable();
    let [one, other] = ends.map(|end| end.to_string());
    assert_eq!(interfaces, [&one, &other, &other]);
    let output = run(&["diagnose", "--format", "json", "--from", text(&path)]);
    assert!(output.status.success(), "{}", said(&output));
    let again = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found(&again, "fe80::1", counts), wanted);
}

/// A host with two links, behind each of which a client has the same address.
struct Host {
    namespace: Namespace,
    room: Resident,
    clients: [Resident; 2],
}

impl Host {
    /// The calling thread is on the host then.
    fn new() -> Self {
        let clients = LINKS.map(|_| Namespace::new().resident());
        let namespace = Namespace::new();
        let room = namespace.resident();
        // Only one of the links leads back to the clients' address.
        namespace.sysctl("net.ipv4.conf.all.rp_filter", "0");
        for (link, client) in LINKS.into_iter().zip(&clients) {
            let there = client.pid();
            namespace.run(&format!(
                "ip link add link{link} index {link} up type veth peer name eth0 netns {there}"
            ));
            namespace.sysctl(&format!("net.ipv4.conf.link{link}.rp_filter"), "0");
            namespace.run(&format!("ip address add {HERE}/24 dev link{link}"));
            client.enter();
            namespace.run(&format!("ip address add {CLIENT}/24 dev eth0"));
            namespace.run("ip link set eth0 up");
            room.enter();
        }
        Self {
            namespace,
            room,
            clients,
        }
    }

    /// Each client comes to its listener. Both are peers, on these interfaces.
    fn counts(&self, listeners: [&TcpListener; 2], interfaces: [u32; 2]) {
        let port = listeners[0].local_addr().unwrap().port();
        let trace = Trace::start(&self.namespace, &["--port", &port.to_string()]);
        let machines = self.clients.iter().zip(listeners);
        for ((client, listener), (times, is_late)) in machines.zip([(2, false), (3, true)]) {
            for _ in 0..times {
                client.enter();
                let mut client = TcpStream::connect((HERE, port)).unwrap();
                self.room.enter();
                let (mut server, _) = listener.accept().unwrap();
                turn(&mut client, &mut server);
                close(server);
                if is_late {
                    write_blindly(&mut client, REQUEST);
                }
            }
        }
        let diagnosis = trace.finish();
        diagnosis.assert_sound();
        let [one, other] = interfaces.map(u64::from);
        // Late requests are known from Linux 6.10 on.
        let is_known = diagnosis
            .peers()
            .iter()
            .all(|peer| peer.pointer("/figures/late_requests").is_some_and(Value::is_u64));
        let late = |count: u64| is_known.then_some(count);
        assert_eq!(
            found(&diagnosis.0, CLIENT, ["opens", "late_requests"]),
            [(one, [Some(2), late(0)]), (other, [Some(3), late(3)])]
        );
    }
}

#[test]
fn the_same_address_at_listeners_of_two_interfaces_is_two_peers() {
    need_root!();
    let host = Host::new();
    let mut port = 0;
    let [one, other] = LINKS.map(|link| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket
            .bind_device(Some(format!("link{link}").as_bytes()))
            .unwrap();
        socket.bind(&SocketAddr::from((HERE, port)).into()).unwrap();
        socket.listen(16).unwrap();
        let listener = TcpListener::from(socket);
        port = listener.local_addr().unwrap().port();
        listener
    });
    host.counts([&one, &other], LINKS);
}

#[test]
fn the_same_address_in_two_vrfs_is_two_peers() {
    need_root!();
    let host = Host::new();
    let vrfs = LINKS.map(|link| link + 100);
    for (link, vrf) in LINKS.into_iter().zip(vrfs) {
        let line = format!("link add vrf{vrf} index {vrf} up type vrf table {vrf}");
        let made = Command::new("ip").args(line.split(' ')).output();
        if !made.unwrap().status.success() {
            return skip("two VRFs", "this kernel has none");
        }
        host.namespace
            .run(&format!("ip link set link{link} master vrf{vrf}"));
    }
    // A listener that is bound to no VRF serves all.
    host.namespace.sysctl("net.ipv4.tcp_l3mdev_accept", "1");
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    host.counts([&listener, &listener], vrfs);
}
