//! Closing with a FIN: who closed first.

use super::*;

#[test]
fn the_first_fin_tells_who_closed() {
    need_root!();
    let stage = Stage::new();
    let (client, server) = stage.pair(0);
    drop(client);
    eventually("the client's FIN", || in_state(&stage.servers(), CLOSE_WAIT) == 1);
    drop(server);
    let (client, server) = stage.pair(1);
    drop(server);
    eventually("the server's FIN", || in_state(&stage.clients(), CLOSE_WAIT) == 1);
    drop(client);
    let diagnosis = stage.finish();
    inbound(&diagnosis, 0, &[("remote_fin", 1)]);
    inbound(&diagnosis, 1, &[("local_fin", 1)]);
    outbound(&diagnosis, &[("local_fin", 1), ("remote_fin", 1)]);
}

#[test]
fn both_close_before_they_know_of_each_other() {
    need_root!();
    let stage = Stage::new();
    let (client, server) = stage.pair(0);
    let rule = Rule::new(
        &stage.namespace,
        stage.server.ip(),
        "-p tcp --tcp-flags FIN FIN -j DROP".into(),
    );
    client.shutdown(Shutdown::Write).unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    assert_eq!(in_state(&connections(), FIN_WAIT1), 2);
    rule.lift();
    for mut end in [client, server] {
        assert_eq!(end.read(&mut [0]).unwrap(), 0);
    }
    let diagnosis = stage.finish();
    inbound(&diagnosis, 0, &[("local_fin", 1)]);
    outbound(&diagnosis, &[("local_fin", 1)]);
}

#[test]
fn a_killed_process_closes_what_it_held() {
    need_root!();
    let stage = Stage::new();
    let port = stage.server.port().to_string();
    let script = "exec 3<>/dev/tcp/127.0.0.1/$0 4<>/dev/tcp/127.0.0.1/$0; exec sleep 60";
    let child = Command::new("bash")
        .args(["-c", script, &port])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut child = Process(child);
    let (idle, _) = stage.listener.accept().unwrap();
    let (mut unread, _) = stage.listener.accept().unwrap();
    unread.write_all(b"never read").unwrap();
    eventually("an unread answer", || {
        stage.clients().iter().any(|one| one.unread == 10)
    });
    child.kill();
    eventually("a FIN and a RST", || {
        let servers = stage.servers();
        servers.len() == 1 && in_state(&servers, CLOSE_WAIT) == 1
    });
    drop(idle);
    let diagnosis = stage.finish();
    assert_ended(
        &diagnosis,
        SERVER,
        "inbound",
        &[("remote_fin", 1), ("remote_rst", 1)],
    );
    outbound(&diagnosis, &[("local_fin", 1), ("local_rst", 1)]);
}

#[test]
fn a_listener_that_closes_takes_those_it_never_accepted_with_it() {
    need_root!();
    let stage = Stage::new();
    let _open = connect(source(0), stage.server).unwrap();
    let left = connect(source(1), stage.server).unwrap();
    left.shutdown(Shutdown::Write).unwrap();
    eventually("the client's FIN", || in_state(&stage.servers(), CLOSE_WAIT) == 1);
    let Stage { listener, trace, .. } = stage;
    drop(listener);
    eventually("the end of both", || connections().is_empty());
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    inbound(&diagnosis, 0, &[("local_rst", 1)]);
    inbound(&diagnosis, 1, &[("remote_fin", 1)]);
    outbound(&diagnosis, &[("remote_rst", 1), ("local_fin", 1)]);
}

#[test]
fn half_closed_for_two_seconds() {
    need_root!();
    let stage = Stage::new();
    let (mut client, mut server) = stage.pair(0);
    client.write_all(b"all of it").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut request = String::new();
    server.read_to_string(&mut request).unwrap();
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(100));
        server.write_all(&[b'x'; 1000]).unwrap();
    }
    drop(server);
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!((request.len(), answer.len()), (9, 20_000));
    drop(client);
    let diagnosis = stage.finish();
    inbound(&diagnosis, 0, &[("remote_fin", 1)]);
    outbound(&diagnosis, &[("local_fin", 1)]);
    assert_bytes(&diagnosis, source(0), "inbound", 9, 20_000);
    assert_bytes(&diagnosis, SERVER, "outbound", 20_000, 9);
    let server = diagnosis.peer(&source(0).to_string(), "inbound");
    assert!(close_wait(server, "longest_ms") >= Some(2000), "{server:#}");
}
