//! MQTT: mosquitto and its clients.

use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use tcpreuse_tests::{namespace::Namespace, need_root, program::Trace, servers::messages::mosquitto};

use super::*;

const PORT: &str = "1883";

#[test]
fn mosquitto_and_its_clients() {
    need_root!();
    if !are_installed(&["mosquitto", "mosquitto_pub", "mosquitto_sub"]) {
        return;
    }
    let namespace = Namespace::new();
    let folder = folder();
    let server = Server::start(mosquitto(folder.path(), 1883), 1883);
    all_are_over();
    let client = |program: &str, from: &str| {
        let mut client = command(program);
        client.args(["-h", "127.0.0.1", "-p", PORT, "-A", from, "-t", "topic"]);
        client
    };
    let trace = Trace::start(&namespace, &["--port", &server.port(), "--direction", "both"]);
    // A connection for each message, acknowledged and not.
    for (from, quality) in [("127.1.0.1", "1"), ("127.1.0.2", "0")] {
        for _ in 0..6 {
            let sent = client("mosquitto_pub", from)
                .args(["-q", quality, "-m", "news"])
                .status();
            assert!(sent.unwrap().success());
        }
    }
    all_are_over();
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    for from in ["127.1.0.1", "127.1.0.2"] {
        assert_eq!(requests(&diagnosis, from, "inbound"), (6, 1), "{from}");
        assert_eq!(protocol(&diagnosis, from, "inbound"), "mqtt");
        assert_eq!(diagnosis.peer(from, "inbound")["verdict"], "fresh-per-request");
    }
    assert_eq!(requests(&diagnosis, "127.0.0.1", "outbound"), (12, 1));

    // One connection for all, with the next message when the last one has come back from the broker.
    let trace = Trace::start(&namespace, &["--port", &server.port()]);
    let mut subscriber = client("mosquitto_sub", "127.1.0.4")
        .args(["-C", "8"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut publisher = client("mosquitto_pub", "127.1.0.3")
        .args(["-q", "1", "-l"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut heard = BufReader::new(subscriber.stdout.take().unwrap()).lines();
    let mut lines = publisher.stdin.take().unwrap();
    eventually("both connections", || connections().len() == 4);
    for n in 0..8 {
        writeln!(lines, "{n}").unwrap();
        assert_eq!(heard.next().unwrap().unwrap(), n.to_string());
    }
    drop(lines);
    assert!(publisher.wait().unwrap().success());
    assert!(subscriber.wait().unwrap().success());
    all_are_over();
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    // The other one has subscribed.
    for (from, expected) in [("127.1.0.3", (8, 8)), ("127.1.0.4", (1, 1))] {
        assert_eq!(requests(&diagnosis, from, "inbound"), expected, "{from}");
    }
}
