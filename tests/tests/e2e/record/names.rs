//! Peers keep the names they were recorded with, in the files and in all that is made of them.

use std::net::Ipv4Addr;

use tcpreuse::testing::evidence::rows::Kind;
use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::run,
    traffic::{EchoServer, source},
};

use super::{Recorder, cell, json, place, rows, said, text, verified, visits};

#[test]
fn a_recording_keeps_the_names_of_its_peers() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let (_parent, path) = place();
    let port = server.port().to_string();
    let only = format!("{}=the kiosk", source(0));
    let args = ["--port", &port, "--name", "127.0.0.0/8=shop", "--name", &only];
    let recorder = Recorder::start(&namespace, &path, &args);
    visits(2, 30, server.address);
    recorder.finish();
    verified(&path);
    let (kiosk, other) = (source(0).to_string(), source(1).to_string());
    for kind in [Kind::Peers, Kind::Connections] {
        let place = |name: &str| kind.columns().iter().position(|column| *column == name).unwrap();
        let (peer, name) = (
            place(if kind == Kind::Peers {
                "peer"
            } else {
                "remote_addr"
            }),
            place("name"),
        );
        let rows = rows(&path, &format!("{}.csv", kind.stem()));
        assert!(!rows.is_empty());
        for row in rows {
            let wanted = match cell(&row, peer) {
                address if address == kiosk => "the kiosk",
                address if address == other => "shop",
                address => panic!("{address}: {row}"),
            };
            assert_eq!(cell(&row, name), wanted, "{row}");
        }
    }
    let from = |arguments: &[&str]| {
        let output = run(&[&["diagnose", "--from", text(&path)], arguments].concat());
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let names = |arguments: &[&str]| -> Vec<(String, String)> {
        let diagnosis = json(&from(&[&["--format", "json"], arguments].concat()));
        let peers = diagnosis["peers"].as_array().unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let mut names: Vec<_> = peers
            .iter()
            .map(|peer| (text(&peer["peer"]), text(&peer["name"])))
            .collect();
        names.sort();
        names
    };
    let named = |kiosk_is: &str| {
        vec![
            (kiosk.clone(), kiosk_is.to_owned()),
            (other.clone(), "shop".to_owned()),
        ]
    };
    assert_eq!(names(&[]), named("the kiosk"));
    assert_eq!(names(&["--name", &format!("{kiosk}=till 4")]), named("till 4"));
    let aid = from(&["--first-aid"]);
    assert!(aid.contains("First aid, to copy"), "{aid}");
    let output = run(&[
        "replay",
        text(&path),
        "--batch",
        "--columns",
        "peer,name",
        "-n",
        "3",
    ]);
    assert!(
        output.status.success() && said(&output).contains("the kiosk"),
        "{}",
        said(&output)
    );
    let wrong = run(&["diagnose", "--from", text(&path), "--name", "kiosk=192.0.2.7"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        said(&wrong).contains("a network is written like"),
        "{}",
        said(&wrong)
    );
}
