//! Closing with an RST: who sent it, and what it must not change.

use super::*;

#[test]
fn a_client_that_aborts() {
    need_root!();
    let namespace = Namespace::new();
    let listener = listening(128);
    client_aborts(Stage::with(namespace, listener));
}

#[test]
fn a_client_that_aborts_on_a_dual_stack_listener() {
    need_root!();
    let namespace = Namespace::new();
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    client_aborts(Stage::with(namespace, listener));
}

/// One connection without data, and one with a byte in each direction.
fn client_aborts(stage: Stage) {
    let (silent, _silent_server) = stage.pair(0);
    let (mut client, mut server) = stage.pair(0);
    client.write_all(b"?").unwrap();
    server.read_exact(&mut [0]).unwrap();
    server.write_all(b"!").unwrap();
    client.read_exact(&mut [0]).unwrap();
    abort(silent);
    abort(client);
    eventually("the RSTs to arrive", || stage.servers().is_empty());
    let diagnosis = stage.finish();
    inbound(&diagnosis, 0, &[("remote_rst", 2)]);
    outbound(&diagnosis, &[("local_rst", 2)]);
    assert_bytes(&diagnosis, source(0), "inbound", 1, 1);
    assert_bytes(&diagnosis, SERVER, "outbound", 1, 1);
}

#[test]
fn closing_with_unread_data_is_an_abort() {
    need_root!();
    let stage = Stage::new();
    let (mut client, server) = stage.pair(0);
    client.write_all(b"never read").unwrap();
    eventually("the request", || stage.servers()[0].unread == 10);
    drop(server);
    eventually("the server's RST", || connections().is_empty());
    drop(client);
    let (client, mut server) = stage.pair(1);
    server.write_all(b"nor this").unwrap();
    eventually("the answer", || stage.clients()[0].unread == 8);
    drop(client);
    eventually("the client's RST", || connections().is_empty());
    drop(server);
    let diagnosis = stage.finish();
    inbound(&diagnosis, 0, &[("local_rst", 1)]);
    inbound(&diagnosis, 1, &[("remote_rst", 1)]);
    outbound(&diagnosis, &[("local_rst", 1), ("remote_rst", 1)]);
    assert_bytes(&diagnosis, source(0), "inbound", 10, 0);
    assert_bytes(&diagnosis, SERVER, "outbound", 8, 10);
}

#[test]
fn a_reset_in_close_wait_does_not_change_who_was_first() {
    need_root!();
    let stage = Stage::new();
    let half_closed = |n| {
        let (client, server) = stage.pair(n);
        client.shutdown(Shutdown::Write).unwrap();
        eventually("the client's FIN", || in_state(&stage.servers(), CLOSE_WAIT) == 1);
        (client, server)
    };
    let ended = || eventually("the end", || stage.servers().is_empty());

    // The client aborts before the server closes.
    let (client, server) = half_closed(0);
    abort(client);
    ended();
    drop(server);

    // The client has gone away, which the server learns when it writes.
    let (client, mut server) = half_closed(1);
    drop(client);
    eventually("the client's end", || stage.clients().is_empty());
    server.write_all(b"late").unwrap();
    ended();
    drop(server);

    // The server closes with unread data from before the FIN.
    let (mut client, server) = stage.pair(2);
    client.write_all(b"bye").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    eventually("the client's FIN", || in_state(&stage.servers(), CLOSE_WAIT) == 1);
    drop(server);
    ended();
    drop(client);

    let diagnosis = stage.finish();
    (0..3).for_each(|n| inbound(&diagnosis, n, &[("remote_fin", 1)]));
    outbound(&diagnosis, &[("local_fin", 3)]);
    assert_bytes(&diagnosis, source(2), "inbound", 3, 0);
}
