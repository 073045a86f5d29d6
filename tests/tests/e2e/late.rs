//! Late requests: what blindly writing clients count as resets, and what they do not.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
};

use tcpreuse_tests::{
    eventually,
    namespace::Namespace,
    need_root,
    program::{Trace, figure},
    traffic::{connect, connections, pair, source},
};

const FIN_WAIT1: u8 = 4;
const FIN_WAIT2: u8 = 5;

pub(crate) const REQUEST: &[u8] = b"GET /poll HTTP/1.1\r\nHost: example\r\n\r\n";

fn listener(address: impl Into<SocketAddr>) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(address.into()).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// The client asks, and the server answers.
pub(crate) fn turn(client: &mut TcpStream, server: &mut TcpStream) {
    client.write_all(REQUEST).unwrap();
    server.read_exact(&mut [0; REQUEST.len()]).unwrap();
    server.write_all(b"HTTP/1.1 204 \r\n\r\n").unwrap();
    client.read_exact(&mut [0; 17]).unwrap();
}

/// The server closes, and its FIN has arrived at the client: nothing of it is left but a time-wait socket.
pub(crate) fn close(server: TcpStream) {
    drop(server);
    eventually("the FIN to be acknowledged", || {
        // The client's end is in CLOSE_WAIT.
        let mut ends = connections().into_iter();
        ends.all(|end| end.state != FIN_WAIT1 && end.state != FIN_WAIT2)
    });
}

/// Writes without a look at what has come, and waits for the reset that this draws.
pub(crate) fn write_blindly(client: &mut TcpStream, bytes: &[u8]) {
    // Of several segments, the first may draw it while the others are written.
    if client.write_all(bytes).is_ok() {
        eventually("the reset", || client.take_error().unwrap().is_some());
    }
}

#[test]
fn late_requests_are_the_resets_that_clients_count() {
    need_root!();
    let namespace = Namespace::new();
    for address in [
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
    ] {
        let (listener, address) = listener(address);
        let client_address = |n| match address {
            SocketAddr::V4(_) => source(n),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let trace = Trace::start(&namespace, &["--port", &address.port().to_string()]);
        let large = vec![b'x'; 200_000];
        let requests = [REQUEST, REQUEST, &large, REQUEST];
        for request in requests {
            let (mut client, mut server) = pair(client_address(0), address, &listener);
            turn(&mut client, &mut server);
            close(server);
            write_blindly(&mut client, request);
        }
        if address.is_ipv4() {
            // These read first, as they should, and see that the server has closed.
            for _ in 0..3 {
                let (mut client, mut server) = pair(client_address(1), address, &listener);
                turn(&mut client, &mut server);
                close(server);
                assert_eq!(client.read(&mut [0]).unwrap(), 0);
            }
            // A port that nobody listens on: another reset, and no peer of ours.
            drop(connect(client_address(1), (Ipv4Addr::LOCALHOST, 9).into()));
        }
        eventually("the connections to end", || connections().is_empty());
        let diagnosis = trace.finish();
        diagnosis.assert_sound();
        let late = |n| {
            let peer = diagnosis.peer(&client_address(n).to_string(), "inbound");
            figure(peer, "late_requests")
        };
        assert_eq!(late(0), requests.len() as u64, "{address}");
        if address.is_ipv4() {
            assert_eq!(late(1), 0);
        }
    }
}

#[test]
fn a_server_that_lingers_gets_late_requests_too() {
    need_root!();
    let namespace = Namespace::new();
    let (listener, address) = listener((Ipv4Addr::LOCALHOST, 0));
    let trace = Trace::start(&namespace, &["--port", &address.port().to_string()]);
    for client in 0..2 {
        for _ in 0..3 {
            let (mut client_end, mut server) = pair(source(client), address, &listener);
            turn(&mut client_end, &mut server);
            server.shutdown(Shutdown::Write).unwrap();
            assert_eq!(client_end.read(&mut [0]).unwrap(), 0);
            if client == 0 {
                client_end.write_all(REQUEST).unwrap();
            }
            drop(client_end);
            let mut rest = Vec::new();
            server.read_to_end(&mut rest).unwrap();
        }
    }
    eventually("the connections to end", || connections().is_empty());
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    let late = |n| figure(diagnosis.peer(&source(n).to_string(), "inbound"), "late_requests");
    assert_eq!((late(0), late(1)), (3, 0));
    // What it throws away is no request.
    let requests = |n| figure(diagnosis.peer(&source(n).to_string(), "inbound"), "requests");
    assert_eq!((requests(0), requests(1)), (3, 3));
}

/// A client says that it will send no more, and reads the answer all the same.
#[test]
fn a_client_that_only_closes_its_half_gives_up_nothing() {
    need_root!();
    let namespace = Namespace::new();
    let (listener, address) = listener((Ipv4Addr::LOCALHOST, 0));
    let trace = Trace::start(&namespace, &["--port", &address.port().to_string()]);
    for (n, waits) in [(0, true), (1, false)] {
        for _ in 0..3 {
            let (mut client, mut server) = pair(source(n), address, &listener);
            client.write_all(REQUEST).unwrap();
            server.read_exact(&mut vec![0; REQUEST.len()]).unwrap();
            let client = if waits {
                client.shutdown(Shutdown::Write).unwrap();
                Some(client)
            } else {
                drop(client);
                None
            };
            eventually("the client's FIN", || server.read(&mut [0]).is_ok_and(|n| n == 0));
            let _ = server.write_all(&[b'x'; 200]);
            if let Some(mut client) = client {
                client.read_exact(&mut [0; 200]).unwrap();
            }
        }
    }
    eventually("the connections to end", || connections().is_empty());
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    let unanswered = |n| figure(diagnosis.peer(&source(n).to_string(), "inbound"), "unanswered");
    assert_eq!((unanswered(0), unanswered(1)), (0, 3));
}
