//! What filters admit.

use super::*;
use crate::view::example;

fn found(text: &str) -> Vec<String> {
    let filter = Filter::parse(text).unwrap();
    let snapshot = example::snapshot();
    let mut names: Vec<String> = snapshot
        .rows
        .iter()
        .filter(|row| filter.admits(row, None))
        .map(|row| row.address())
        .collect();
    names.sort();
    names
}

fn all() -> usize {
    example::snapshot().rows.len()
}

#[test]
fn networks_addresses_and_parts_of_them() {
    assert_eq!(found(""), found("   "));
    assert_eq!(found("").len(), all());
    assert_eq!(found("192.0.2.12"), ["192.0.2.12"]);
    assert!(found("192.0.2.0/24").len() > 2);
    assert_eq!(found("2001:db8::/32"), ["2001:db8::7"]);
    assert_eq!(found("2001:db8:"), ["2001:db8::7"], "not complete yet");
    assert_eq!(found("192.0.2.0/33").len(), 0, "no network, and no name has it");
    assert_eq!(found("0.0.0.0/0").len(), all() - 1);
}

#[test]
fn verdicts_states_and_processes() {
    assert_eq!(found("verdict:piling"), found("v:PILING_UP"));
    assert_eq!(found("state:close_wait"), found("s:close-wait"));
    assert!(!found("close-wait").is_empty(), "by state or verdict");
    for written in ["s:CLOSE_WAIT", "s:closewait", "state=CLOSE-WAIT"] {
        assert_eq!(found(written), found("state:close_wait"), "{written}");
    }
    assert_eq!(found("owner:java"), found("process:JAVA"));
    assert_eq!(found("port:1").len(), 0);
    assert_eq!(found("port:8081").len(), all());
}

#[test]
fn units_and_containers_and_pods() {
    let mut row = example::snapshot().rows[0].clone();
    let id = "0123456789ab".repeat(6);
    let process = crate::model::owner::Process {
        pid: 811,
        comm: "java".to_owned(),
        workload: Some(Box::new(Workload {
            unit: Some("web-1.service".to_owned()),
            container: Some(id.chars().take(64).collect()),
            pod: Some("0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0".to_owned()),
        })),
    };
    let admits = |row: &Row, text: &str| Filter::parse(text).unwrap().admits(row, None);
    for (text, wanted) in [
        ("unit:web-1", true),
        ("unit=web-1.service", true),
        ("unit:db", false),
        ("container:0123456789ab", true),
        ("container:ab0123456789ab0123", true),
        ("container:0b1c2d3e-4f50", true),
        ("container:feed", false),
        ("!container:0123", false),
    ] {
        row.process = Some(std::sync::Arc::new(process.clone()));
        assert_eq!(admits(&row, text), wanted, "{text}");
        row.process = None;
        assert!(!admits(&row, text) || text.starts_with('!'), "{text}");
    }
}

#[test]
fn all_words_must_match_and_an_exclamation_mark_turns_one_round() {
    let (with, without) = (found("state:close-wait"), found("!state:close-wait"));
    assert_eq!(with.len() + without.len(), all());
    assert!(found("192.0.2.0/24 !v:reusing").len() < found("192.0.2.0/24").len());
    assert_eq!(found("! verdict: nobody-is-called-so").len(), 0);
    assert_eq!(found("v:!reusing"), found("!v:reusing"));
    assert_eq!(found("!v:!reusing|stray"), found("v:reusing|stray"));
}

#[test]
fn a_reverse_name_is_part_of_the_peer() {
    let row = &example::snapshot().rows[0];
    let filter = Filter::parse("peer:Example.ORG").unwrap();
    assert!(filter.admits(row, Some("kiosk.example.org")) && !filter.admits(row, None));
}

#[test]
fn a_name_is_found_in_a_field_of_its_own_and_in_any() {
    let mut row = example::snapshot().rows[0].clone();
    row.name = Some("Shop Checkout".into());
    let admits = |text: &str| Filter::parse(text).unwrap().admits(&row, None);
    for (text, wanted) in [
        ("name:check", true),
        ("checkout", true),
        ("name:cash", false),
        ("!name:shop", false),
    ] {
        assert_eq!(admits(text), wanted, "{text}");
    }
    let unnamed = &example::snapshot().rows[0];
    assert!(!Filter::parse("name:s").unwrap().admits(unnamed, None));
    assert!(
        Filter::parse("name:kiosk")
            .unwrap()
            .admits(unnamed, Some("kiosk.example.org"))
    );
}

#[test]
fn either_of_two() {
    let (piling, fresh) = (found("v:piling"), found("v:fresh"));
    assert!(!piling.is_empty() && !fresh.is_empty());
    let mut either = [piling.clone(), fresh].concat();
    either.sort();
    for text in [
        "v:piling|fresh",
        "piling|fresh",
        "v:piling or v:fresh",
        "v:piling | v:fresh",
        "v:piling OR fresh",
    ] {
        assert_eq!(found(text), either, "{text}");
    }
    assert_eq!(
        found("v:piling or v:fresh 203.0.113.0/24"),
        piling,
        "words go before or"
    );
    assert_eq!(found("!v:piling|fresh").len(), all() - either.len());
    for incomplete in ["v:piling|", "v:piling or", "or v:piling"] {
        assert_eq!(found(incomplete), piling, "{incomplete}");
    }
}

#[test]
fn numbers_are_compared() {
    type Is = fn(&Row) -> bool;
    let rows = example::snapshot().rows;
    let count = |is: Is| rows.iter().filter(|row| is(row)).count();
    let cases: [(&str, Is); 12] = [
        ("open>5", |row| row.open_now > 5),
        ("OPEN_NOW>=6", |row| row.open_now >= 6),
        ("open<1", |row| row.open_now < 1),
        ("open<=1", |row| row.open_now <= 1),
        ("open=1", |row| row.open_now == 1),
        ("open:1", |row| row.open_now == 1),
        ("open!=1", |row| row.open_now != 1),
        ("idle>=5s", |row| {
            row.idle_ns.is_some_and(|ns| ns >= 5_000_000_000)
        }),
        ("idle<1m30s", |row| {
            row.idle_ns.is_some_and(|ns| ns < 90_000_000_000)
        }),
        ("recv>1.5K", |row| row.received.is_some_and(|bytes| bytes > 1536)),
        ("clwait>0 oldest>500ms", |row| {
            row.oldest_ns.is_some_and(|ns| ns > 500_000_000)
        }),
        ("port>=8081", |_| true),
    ];
    for (text, is) in cases {
        assert_eq!(found(text).len(), count(is), "{text}");
        assert!(!found(text).is_empty(), "{text}");
    }
    assert_eq!(found("verdict=piling-up"), found("v:piling-up"));
    assert_eq!(found("verdict=piling").len(), 0, "that is a part");
    // As displayed, however it is rounded.
    let shown = Column::Confidence.value(&rows[0]).text(&Glyphs::ASCII);
    assert!(found(&format!("conf={shown}")).contains(&rows[0].address()));
}

#[test]
fn what_is_no_filter_is_said_with_what_would_be() {
    for (text, said) in [
        (
            "foo:bar",
            "there is no field `foo`; there are peer name port verdict",
        ),
        ("192.0.2.0/24 foo>1", "there is no field `foo`"),
        ("open>", "`open>` needs a value"),
        ("open>many", "`many` is not a number"),
        ("open>5s", "`5s` is not a number"),
        ("idle>soon", "`soon` is not a time"),
        ("recv>1X", "`1X` is not bytes"),
        ("open>-1", "`-1` is not a number"),
        ("open>NaN", "`NaN` is not a number"),
        ("verdict>reusing", "> is for numbers"),
        ("port:http", "`http` is not a number"),
    ] {
        let error = Filter::parse(text).unwrap_err();
        assert!(error.starts_with(said), "{text}: {error}");
    }
    for fine in ["fe80::1", "dead:beef", ":", "=", "192.0.2.7:80", "verdict:", "!"] {
        assert!(Filter::parse(fine).is_ok(), "{fine}");
    }
    // Every field named in the message can be used.
    for field in parse::fields().split(' ') {
        assert!(Filter::parse(&format!("{field}:1")).is_ok(), "{field}");
    }
}

/// A filter means the same in both lists: for an outbound connection, the service's port is the remote one.
#[test]
fn connections_pass_as_their_peers_do() {
    let mut snapshot = example::snapshot();
    let mut socket = snapshot.sockets.remove(0);
    let row = snapshot
        .rows
        .iter()
        .find(|row| Some(row.id) == socket.peer.map(|(id, _)| id));
    let passes = |socket: &Socket, text: &str| {
        let filter = Filter::parse(text).unwrap();
        filter.admits_socket(socket, row, None)
    };
    for text in [
        "port:8081",
        "v:close-wait",
        "state:close-wait",
        "192.0.2.13",
        "clwait>3",
        "idle<1s",
    ] {
        assert!(passes(&socket, text), "{text}");
    }
    for text in ["port:40000", "clwait>30", "idle>1s", "!port:8081"] {
        assert!(!passes(&socket, text), "{text}");
    }
    let connection = &mut socket.connection;
    connection.direction = Direction::Outbound;
    (connection.local.1, connection.remote.1) = (40_000, 5432);
    let outbound = |id: PeerId| PeerId {
        direction: Direction::Outbound,
        port: 5432,
        ..id
    };
    for peer in [socket.peer.map(|(id, verdict)| (outbound(id), verdict)), None] {
        socket.peer = peer;
        assert!(
            passes(&socket, "port:5432") && !passes(&socket, "port:40000"),
            "{peer:?}"
        );
    }
}

#[test]
fn an_unknown_state_is_named() {
    for text in ["s:cw", "state=close", "!s:time-wait"] {
        let (error, known) = (
            Filter::parse(text).unwrap_err(),
            "there are established fin-wait-1",
        );
        assert!(
            error.starts_with("there is no state `") && error.contains(known),
            "{text}: {error}"
        );
    }
}
